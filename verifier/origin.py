"""What the clearing house was made for.

Its address follows from who created it and with which transaction (Yellow Paper, 7). That transaction gave
it, for good, the other contracts that it works with. So whoever knows the clearing house knows which register
and which consortium are the ledger's, and takes nobody's word for it; if the code in front of them is known,
as other code may take others and only end with these.

Signatures of transactions are those of EIP-155, EIP-2930 and EIP-1559.
"""

from __future__ import annotations

from verifier.bundle import Block, Bundle, Refused
from verifier.ethereum import rlp
from verifier.ethereum.chain import Call, call_of, kind_of, receipt_from
from verifier.ethereum.crypto import address_of, keccak

NAMED = ("Consortium", "AssetRegister", "RevenueSharing", "Limits", "Conditions", "Fails", "DefaultFund")
"""The contracts that the clearing house is given, in its constructor's order."""
KNOWN = {bytes.fromhex("05449fbd3660b420ba5010da4f68e8e60d708dfd1dd4431b9d72ad770f9c13d4")}
"""keccak256 of the code, of each version, that makes a clearing house and takes what it ends with."""
_WORD = 32
_FIELDS = {0: 9, 1: 11, 2: 12}
"""How many a transaction of a type has; the last three are its signature."""


def made(bundle: Bundle) -> tuple[int, bool]:
    """The block in which the clearing house was made, and whether by code that is known. Raises Refused where
    the bundle does not show one, and where it was made for other contracts than the bundle's."""
    house = bundle.contracts["ClearingHouse"].address
    found = [(number, call) for number, block in bundle.blocks.items() for call in created(block, house)]
    for number, call in found:
        call.named(number, bundle.chain_id)
    if len(found) != 1:
        raise Refused("it does not show how its clearing house was made")
    [(number, call)] = found
    code, given = call.data[: -_WORD * len(NAMED)], call.data[-_WORD * len(NAMED) :]
    for i, name in enumerate(NAMED):
        own = bundle.contracts.get(name)
        if own is not None and given[_WORD * i : _WORD * (i + 1)] != own.address.rjust(_WORD, b"\0"):
            raise Refused(f"its clearing house was made for another {name} than 0x{own.address.hex()}")
    return number, keccak(code) in KNOWN


def created(block: Block, address: bytes) -> list[Call]:
    """The transactions of a block that created the contract at an address."""
    return [
        call
        for raw, receipt in zip(block.transactions, block.receipts, strict=True)
        if kind_of(raw) in _FIELDS
        and not (call := call_of(raw)).to
        and receipt_from(receipt).status == b"\1"
        and _address(call) == address
    ]


def _address(call: Call) -> bytes | None:
    """Where the contract is that a transaction created; None where nobody signed it, or for any chain: no
    other has to say which chain it is."""
    *said, v, r, s = call.fields
    if len(call.fields) != _FIELDS[call.kind] or not call.chain_id:
        return None
    nonce, odd = said[1 if call.kind else 0], rlp.number(v)
    if not call.kind:
        said += [call.chain_id, b"", b""]
        odd = odd + 1 & 1  # It begins with 35 and the chain's twice.
    digest = keccak(bytes([call.kind] if call.kind else []) + rlp.encode(said))
    sender = address_of(digest, rlp.number(r), rlp.number(s), odd)
    return None if sender is None else keccak(rlp.encode([sender, nonce]))[12:]
