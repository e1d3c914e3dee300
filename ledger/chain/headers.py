"""A block's header, from a node's JSON to the RLP that the block's hash is of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import rlp
from eth_utils import keccak

from ledger.chain.answers import HASH, Garbage, data, quantity
from ledger.chain.rlp_parts import listed, number, text

_BLOOM, _NONCE, _ADDRESS = 256, 8, 20
_NUMBER = -1
_FIELDS = {
    "parentHash": HASH,
    "sha3Uncles": HASH,
    "miner": _ADDRESS,
    "stateRoot": HASH,
    "transactionsRoot": HASH,
    "receiptsRoot": HASH,
    "logsBloom": _BLOOM,
    "difficulty": _NUMBER,
    "number": _NUMBER,
    "gasLimit": _NUMBER,
    "gasUsed": _NUMBER,
    "timestamp": _NUMBER,
    "extraData": None,
    "mixHash": HASH,
    "nonce": _NONCE,
}
"""In the order of the yellow paper (4.3): the size in bytes, any, or a number without leading zeros."""
_EXTRA = list(_FIELDS).index("extraData")
_LATER = {
    "baseFeePerGas": _NUMBER,  # London, EIP-1559
    "withdrawalsRoot": HASH,  # Shanghai, EIP-4895
    "blobGasUsed": _NUMBER,  # Cancun, EIP-4844
    "excessBlobGas": _NUMBER,
    "parentBeaconBlockRoot": HASH,  # Cancun, EIP-4788
    "requestsHash": HASH,  # Prague, EIP-7685
}
"""What later rules have put behind, one after the other."""


def header_of(block: Mapping[str, Any]) -> bytes:
    """The RLP that hashes to the block's hash. Raises Garbage where the fields are not that block's.

    Networks whose members sign blocks put the signatures into `extraData` and leave them out of what they
    hash; there it is the header without them.
    """
    said = data(block.get("hash"), HASH)
    fields = [_read(block.get(name), size) for name, size in _FIELDS.items()]
    fields += [_read(block[name], size) for name, size in _LATER.items() if block.get(name) is not None]
    for extra in _hashed_extra(data(block["extraData"])):
        fields[_EXTRA] = text(extra)
        header = listed(b"".join(fields))
        if keccak(header) == said:
            return header
    raise Garbage(f"a header that does not hash to 0x{said.hex()}")


def _read(value: object, size: int | None) -> bytes:
    """As it stands in the header."""
    return number(quantity(value)) if size == _NUMBER else text(data(value, size))


def _hashed_extra(extra: bytes) -> Iterator[bytes]:
    """What of `extraData` may have been hashed: all; of Besu's QBFT with round 0 and no seals; of its IBFT 2
    without the round and the seals."""
    yield extra
    try:
        parts = rlp.decode(extra)
    except (rlp.DecodingError, IndexError):
        return
    if isinstance(parts, list) and len(parts) == 5:
        yield rlp.encode([*parts[:3], b"", []])
        yield rlp.encode(parts[:3])
