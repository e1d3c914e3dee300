"""One allocation as bytes, the same wherever they are computed. All numbers are big-endian and unsigned.

    5 u8 | batch hash 32 | institution u16 | position u32 | trade number u32 | side u8 | quantity u64 |
    amount u88 | salt 32 | client 32, ASCII, filled up with zeros

The first byte tells it from the leaves of signed books. A leaf names its batch, broker, record and side, so
that it is one of one batch, broker, record and side only. Without its salt, 32 bytes that nobody can guess,
nobody can try out which client a hash is of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ledger.errors import InvalidValue
from ledger.ids import parse_local_code
from ledger.units import MAX_AMOUNT, MAX_QUANTITY, Column
from settlement.attesting.tree import verify
from settlement.clients.columns import Side

KIND, SALT = 5, 32
MOST = 32
"""Hashes of a proof at most: a tree has fewer than 2^32 leaves."""
_CLIENT = 32
_ROW = np.dtype(
    [
        *(("kind", "u1"), ("batch", "V32"), ("institution", ">u2"), ("position", ">u4"), ("trade", ">u4")),
        *(("side", "u1"), ("quantity", ">u8"), ("amount_high", "u1", (3,)), ("amount", ">u8")),
        *(("salt", "V32"), ("client", f"S{_CLIENT}")),
    ]
)
WIDTH = _ROW.itemsize
"""Bytes of a leaf."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One allocation: what of one side of a trade was for one client. `position` is that of the record in the
    batch; `amount` the part of the settlement amount, minor units.
    """

    batch_hash: bytes
    institution: int
    position: int
    trade: int
    side: Side
    quantity: int
    amount: int
    salt: bytes
    client: str

    def encode(self) -> bytes:
        """Its bytes. Raises InvalidValue where a value does not fit."""
        for name, value, most in (
            ("institution", self.institution, 2**16 - 1),
            ("position", self.position, 2**32 - 1),
            ("trade", self.trade, 2**32 - 1),
            ("quantity", self.quantity, MAX_QUANTITY),
            ("amount", self.amount, MAX_AMOUNT),
        ):
            if not 0 <= value <= most:
                raise InvalidValue(name, value, f"from 0 to {most:,} is wanted")
        for name, data in (("batch hash", self.batch_hash), ("salt", self.salt)):
            if len(data) != SALT:
                raise InvalidValue(name, data.hex(), f"{SALT} bytes are wanted")
        parts = [
            *((KIND, 1), (self.institution, 2), (self.position, 4), (self.trade, 4), (self.side, 1)),
            *((self.quantity, 8), (self.amount, 11)),
        ]
        head, *rest = (value.to_bytes(width, "big") for value, width in parts)
        client = parse_local_code(self.client).encode("ascii").ljust(_CLIENT, b"\0")
        return head + self.batch_hash + b"".join(rest) + self.salt + client


def verify_leaf(root: bytes, index: int, leaf: Leaf, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the allocation is the one at `index` under the client root `root`: all there
    is to check without the ledger. Trees are full, so the proof's length says how many places there are.
    """
    if len(proof) > MOST:
        return False
    return verify(root, 1 << len(proof), index, leaf.encode(), proof)


def encode(
    batch_hash: bytes,
    institution: int,
    position: npt.NDArray[np.int64],
    trade: npt.NDArray[np.uint32],
    side: npt.NDArray[np.uint8],
    quantity: npt.NDArray[np.uint64],
    amount: Column,
    salts: bytes,
    clients: npt.NDArray[np.bytes_],
) -> list[bytes]:
    """The leaves of one broker's allocations of one batch; `salts` are 32 bytes each, one after the other."""
    rows = np.zeros(len(position), dtype=_ROW)
    rows["kind"] = KIND
    rows["batch"] = np.void(batch_hash)
    rows["institution"] = institution
    for name, column in (("position", position), ("trade", trade), ("side", side), ("quantity", quantity)):
        rows[name] = column
    if amount.dtype == object:
        rows["amount"] = np.array([value & MAX_QUANTITY for value in amount.tolist()], dtype=np.uint64)
        high = b"".join((value >> 64).to_bytes(3, "big") for value in amount.tolist())
        rows["amount_high"] = np.frombuffer(high, dtype=np.uint8).reshape(-1, 3)
    else:
        rows["amount"] = amount
    rows["salt"] = np.frombuffer(salts, dtype="V32")
    rows["client"] = clients
    data = rows.tobytes()
    return [data[at : at + WIDTH] for at in range(0, len(data), WIDTH)]
