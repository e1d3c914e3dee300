"""The 32-byte record of a trade and the other words that travel in bulk, packed and unpacked as columns.

A record, big-endian: `tradeNo u32 | time u24 | buyer u16 | seller u16 | asset u16 | quantity u64 | amount
u88`. A movement: `asset u16 | institution u16 | zeros | delta i128`. A mask: bit i (word i / 256, bit i %
256) is record i. The contracts' `types/Types.sol` and `libraries/` are the source.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ledger.abi import WORD, Words
from ledger.errors import InvalidValue
from ledger.units import MAX_AMOUNT, exact

PAGE_BITS = 16
"""Trade numbers of one batch share all bits above these."""
CURRENCY_FLAG = 0x8000
"""Set in the index of a currency, not in that of a security."""

_THREE_BYTES = 0xFFFFFF
_EIGHT_BYTES = 0xFFFFFFFFFFFFFFFF
_FIELDS = {
    "number": (0, ">u4"),
    "time": (3, ">u4"),
    "buyer": (7, ">u2"),
    "seller": (9, ">u2"),
    "asset": (11, ">u2"),
    "quantity": (13, ">u8"),
    "high": (20, ">u4"),
    "low": (24, ">u8"),
}
"""Offset and type. Of `time` and of `high`, the amount's upper bits, the first byte is the field's before."""
_RECORD = np.dtype(
    {
        "names": list(_FIELDS),
        "offsets": [offset for offset, _ in _FIELDS.values()],
        "formats": [form for _, form in _FIELDS.values()],
        "itemsize": WORD,
    }
)
_MOVEMENT = np.dtype(
    {
        "names": ["asset", "institution", "high", "low"],
        "offsets": [0, 2, 16, 24],
        "formats": [">u2", ">u2", ">u8", ">u8"],
        "itemsize": WORD,
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Columns of records, one row a trade. Parties and assets are indexes on the ledger."""

    number: npt.NDArray[np.uint32]
    time: npt.NDArray[np.uint32]
    """Seconds of the day, 0xFFFFFF if unknown."""
    buyer: npt.NDArray[np.uint16]
    seller: npt.NDArray[np.uint16]
    asset: npt.NDArray[np.uint16]
    quantity: npt.NDArray[np.uint64]
    """Whole units."""
    amount: npt.NDArray[Any]
    """Minor units: int64, or Python ints where one is larger."""

    def __len__(self) -> int:
        return len(self.number)

    def take(self, rows: npt.NDArray[Any]) -> Records:
        """The rows that a boolean mask or row numbers pick, in the order given."""
        return Records(*(getattr(self, name)[rows] for name in self.__slots__))

    def order(self) -> npt.NDArray[np.intp]:
        """Row numbers in the order a batch has: by asset, then by trade number."""
        return np.lexsort((self.number, self.asset))


def pack(records: Records) -> Words:
    """The records as bytes, in their order. Raises InvalidValue where a value does not fit its field."""
    rows = np.zeros(len(records), dtype=_RECORD)
    high, low = _halves(exact(records.amount))
    # A field that is read with a byte of the one before it is written before that one.
    rows["high"], rows["low"] = high, low
    for name, bits in (("quantity", 64), ("asset", 16), ("seller", 16), ("buyer", 16), ("time", 24)):
        rows[name] = _fitting(getattr(records, name), bits)
    rows["number"] = _fitting(records.number, 32)
    return Words(rows.tobytes())


def unpack(words: bytes) -> Records:
    """The columns that packed records hold; the inverse of `pack`."""
    if len(words) % WORD:
        raise InvalidValue("list of records", len(words), f"a record has {WORD} bytes")
    rows = np.frombuffer(words, dtype=_RECORD)
    high, low = rows["high"] & np.uint32(_THREE_BYTES), rows["low"].astype(np.uint64)
    amount: npt.NDArray[Any] = low
    if high.any():
        amount = (high.astype(object) << 64) + low.astype(object)
    return Records(
        number=rows["number"].astype(np.uint32),
        time=(rows["time"] & np.uint32(_THREE_BYTES)).astype(np.uint32),
        buyer=rows["buyer"].astype(np.uint16),
        seller=rows["seller"].astype(np.uint16),
        asset=rows["asset"].astype(np.uint16),
        quantity=rows["quantity"].astype(np.uint64),
        amount=exact(amount),
    )


def pack_movements(asset: npt.NDArray[Any], institution: npt.NDArray[Any], delta: npt.NDArray[Any]) -> Words:
    """Movements as words, ordered by slot: (asset / 4, institution, asset). `delta` in units of the asset.

    Raises InvalidValue where a value does not fit its field.
    """
    order = np.lexsort((asset, institution, np.where(asset & CURRENCY_FLAG, asset, asset >> 2)))
    rows = np.zeros(len(order), dtype=_MOVEMENT)
    rows["asset"] = _fitting(asset[order], 16)
    rows["institution"] = _fitting(institution[order], 16)
    deltas = exact(delta)[order]
    if deltas.dtype == object:
        if not -(1 << 127) <= deltas.min() <= deltas.max() < 1 << 127:
            raise InvalidValue("delta of a movement", deltas.max(), "128 bits, signed, are what there is")
        deltas = deltas % (1 << 128)
        rows["high"], rows["low"] = deltas >> 64, deltas & _EIGHT_BYTES
    else:
        rows["high"], rows["low"] = (deltas >> 63).view(np.uint64), deltas.view(np.uint64)
    return Words(rows.tobytes())


def pack_mask(chosen: npt.NDArray[np.bool_]) -> Words:
    """A bit a record, set where it is chosen."""
    padded = np.zeros(-(-len(chosen) // 256) * 256, dtype=bool)
    padded[: len(chosen)] = chosen
    return Words(np.packbits(padded.reshape(-1, 256)[:, ::-1], axis=1).tobytes())


def unpack_mask(words: bytes, count: int) -> npt.NDArray[np.bool_]:
    """The chosen records of `count`; the inverse of `pack_mask`."""
    bits = np.unpackbits(np.frombuffer(words, dtype=np.uint8).reshape(-1, WORD), axis=1)
    return np.asarray(bits[:, ::-1].reshape(-1)[:count], dtype=np.bool_)


def pack_parts(position: npt.NDArray[Any], quantity: npt.NDArray[Any]) -> Words:
    """Parts of trades, a word each: `zeros | position u32 | quantity u64`; quantity 0: all that is left."""
    rows = np.zeros((len(position), WORD // 8), dtype=">u8")
    rows[:, 2], rows[:, 3] = _fitting(position, 32), _fitting(quantity, 64)
    return Words(rows.tobytes())


def _fitting(column: npt.NDArray[Any], bits: int) -> npt.NDArray[Any]:
    """The column. Raises InvalidValue where a value has more bits than there are, or is negative."""
    if len(column) and (int(column.max()) >> bits or int(column.min()) < 0):
        raise InvalidValue("column of a record", int(column.max()), f"{bits} bits are what there is")
    return column


def _halves(amount: npt.NDArray[Any]) -> tuple[npt.NDArray[Any] | int, npt.NDArray[Any]]:
    """What of each amount is above 64 bits, and the 64 bits. Raises InvalidValue where a record cannot
    hold it.
    """
    if len(amount) and not 0 <= int(amount.min()) <= int(amount.max()) <= MAX_AMOUNT:
        raise InvalidValue("amount of a record", int(amount.max()), f"0 to {MAX_AMOUNT} minor units fit")
    if amount.dtype != object:
        return 0, amount
    return amount >> 64, amount & _EIGHT_BYTES


def joined(parts: Iterable[Records]) -> Records:
    """Records one after the other."""
    found = list(parts)
    if not found:
        return unpack(b"")
    return Records(*(np.concatenate([getattr(part, name) for part in found]) for name in Records.__slots__))
