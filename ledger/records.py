"""The 32-byte record of a trade and the other words that travel in bulk, packed and unpacked as columns.

A record, big-endian: `tradeNo u32 | time u24 | buyer u16 | seller u16 | asset u16 | quantity u64 | amount
u88`. A movement: `asset u16 | institution u16 | zeros | delta i128`. A mask: bit i (word i / 256, bit i %
256) is record i. The contracts' `types/Types.sol` and `libraries/` are the source.
"""

from __future__ import annotations

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

Bytes = npt.NDArray[np.uint8]


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
    """The records as bytes, in their order. Raises InvalidValue where an amount does not fit 88 bits."""
    amount = exact(records.amount)
    if len(records) and (min(amount.tolist()) < 0 or max(amount.tolist()) > MAX_AMOUNT):
        raise InvalidValue("amount of a record", max(amount.tolist()), f"0 to {MAX_AMOUNT} minor units fit")
    parts = (
        _bytes(records.number, ">u4", 4),
        _bytes(records.time, ">u4", 3),
        _bytes(records.buyer, ">u2", 2),
        _bytes(records.seller, ">u2", 2),
        _bytes(records.asset, ">u2", 2),
        _bytes(records.quantity, ">u8", 8),
        _wide_bytes(amount, 11),
    )
    return Words(np.concatenate(parts, axis=1).tobytes())


def unpack(words: bytes) -> Records:
    """The columns that packed records hold; the inverse of `pack`."""
    if len(words) % WORD:
        raise InvalidValue("list of records", len(words), f"a record has {WORD} bytes")
    rows = np.frombuffer(words, dtype=np.uint8).reshape(-1, WORD)
    high, low = _number(rows, 21, 3), _number(rows, 24, 8)
    amount: npt.NDArray[Any] = low
    if high.any() or (len(low) and int(low.max()) >= 1 << 63):
        amount = (high.astype(object) << 64) + low.astype(object)
    return Records(
        number=_number(rows, 0, 4).astype(np.uint32),
        time=_number(rows, 4, 3).astype(np.uint32),
        buyer=_number(rows, 7, 2).astype(np.uint16),
        seller=_number(rows, 9, 2).astype(np.uint16),
        asset=_number(rows, 11, 2).astype(np.uint16),
        quantity=_number(rows, 13, 8),
        amount=exact(amount),
    )


def pack_movements(asset: npt.NDArray[Any], institution: npt.NDArray[Any], delta: npt.NDArray[Any]) -> Words:
    """Movements as words, ordered by slot: (asset / 4, institution, asset). `delta` in units of the asset."""
    order = np.lexsort((asset, institution, np.where(asset & CURRENCY_FLAG, asset, asset >> 2)))
    deltas = exact(delta)[order]
    negative = np.array([value < 0 for value in deltas.tolist()], dtype=bool)
    words = np.concatenate(
        (
            _bytes(asset[order], ">u2", 2),
            _bytes(institution[order], ">u2", 2),
            np.zeros((len(order), 12), dtype=np.uint8),
            _wide_bytes(np.where(negative, deltas.astype(object) + (1 << 128), deltas), 16),
        ),
        axis=1,
    )
    return Words(words.tobytes())


def pack_mask(chosen: npt.NDArray[np.bool_]) -> Words:
    """A bit a record, set where it is chosen."""
    padded = np.zeros(-(-len(chosen) // 256) * 256, dtype=bool)
    padded[: len(chosen)] = chosen
    return Words(np.packbits(padded.reshape(-1, 256)[:, ::-1], axis=1).tobytes())


def unpack_mask(words: bytes, count: int) -> npt.NDArray[np.bool_]:
    """The chosen records of `count`; the inverse of `pack_mask`."""
    bits = np.unpackbits(np.frombuffer(words, dtype=np.uint8).reshape(-1, WORD), axis=1)
    return np.asarray(bits[:, ::-1].reshape(-1)[:count], dtype=np.bool_)


def _bytes(column: npt.NDArray[Any], dtype: str, width: int) -> Bytes:
    """The column's last `width` bytes, big-endian, a row each. Raises InvalidValue where a value has more."""
    if len(column) and (int(column.max()) >> (8 * width) or int(column.min()) < 0):
        raise InvalidValue("column of a record", int(column.max()), f"{8 * width} bits are what there is")
    wide = np.dtype(dtype).itemsize
    rows = np.ascontiguousarray(column.astype(dtype)).view(np.uint8).reshape(len(column), wide)
    return rows[:, wide - width :]


def _wide_bytes(column: npt.NDArray[Any], width: int) -> Bytes:
    """Like `_bytes` for integers of any size, which are known to fit and not to be negative."""
    if column.dtype != object:
        narrow = np.ascontiguousarray(column.astype(">u8")).view(np.uint8).reshape(len(column), 8)
        return np.pad(narrow, ((0, 0), (width - 8, 0)))
    raw = b"".join(value.to_bytes(width, "big") for value in column.tolist())
    return np.frombuffer(raw, dtype=np.uint8).reshape(len(column), width)


def _number(rows: Bytes, start: int, width: int) -> npt.NDArray[np.uint64]:
    value = np.zeros(len(rows), dtype=np.uint64)
    for column in range(start, start + width):
        value = (value << np.uint64(8)) | rows[:, column].astype(np.uint64)
    return value
