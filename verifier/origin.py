"""What the clearing house was made for.

Its address follows from who created it and with which transaction (Yellow Paper, 7). That transaction gave
it, for good, the other contracts that it works with. So whoever knows the clearing house knows which register
and which consortium are the ledger's, and takes nobody's word for it.

Signatures of transactions are those of EIP-155, EIP-2930 and EIP-1559.
"""

from __future__ import annotations

from verifier import rlp
from verifier.bundle import Block, Bundle, Refused
from verifier.chain import Call, call_of, kind_of, receipt_from
from verifier.signing import address_of
from verifier.trie import keccak

NAMED = ("Consortium", "AssetRegister", "RevenueSharing", "Limits", "Conditions", "Fails", "DefaultFund")
"""The contracts that the clearing house is given, in its constructor's order."""
_WORD = 32
_FIELDS = {0: 9, 1: 11, 2: 12}
"""How many a transaction of a type has; the last three are its signature."""


def makings(bundle: Bundle) -> list[tuple[int, bytes]]:
    """The transactions in a bundle's blocks that created its clearing house: block and calldata. Raises
    Refused where one is signed for another chain."""
    house = bundle.contracts["ClearingHouse"].address
    found = []
    for number, block in bundle.blocks.items():
        for call in created(block, house):
            call.check_chain(bundle.chain_id, number)
            found.append((number, call.data))
    return found


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


def check(bundle: Bundle) -> None:
    """Raises Refused where a bundle does not show that its clearing house was made for its contracts."""
    found = makings(bundle)
    if len(found) != 1:
        raise Refused("it does not show how its clearing house was made")
    given = found[0][1][-_WORD * len(NAMED) :]
    for i, name in enumerate(NAMED):
        own = bundle.contracts.get(name)
        if own is not None and given[_WORD * i : _WORD * (i + 1)] != own.address.rjust(_WORD, b"\0"):
            raise Refused(f"its clearing house was made for another {name} than 0x{own.address.hex()}")


def _address(call: Call) -> bytes | None:
    """Where the contract is that a transaction created; None where nobody signed it."""
    *said, v, r, s = call.fields
    if len(call.fields) != _FIELDS[call.kind]:
        return None
    odd, prefix = rlp.number(v), bytes([call.kind] if call.kind else [])
    if not call.kind:
        said += [call.chain_id, b"", b""] if odd >= 35 else []
        odd = odd + 1 & 1  # It begins with 27 or 35, and with the chain's twice.
    sender = address_of(keccak(prefix + rlp.encode(said)), rlp.number(r), rlp.number(s), odd)
    return None if sender is None else keccak(rlp.encode([sender, call.nonce]))[12:]
