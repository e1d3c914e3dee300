"""The leaves of a book: one an entry and one a balance, each the same bytes wherever it is computed.

All numbers are big-endian, of fixed width and in two's complement; names come last, each behind its length in
bytes, in UTF-8 and Unicode's normal form C. The first byte says what a leaf is:

    1          trade     number i64 | day u32 | settles u32 | time u32 | quantity | amount | price i128 |
                         commission | levy ? | buyer | seller | security | currency
    2, 3, 4    position, cash, revenue
                         day u32 | opening | movements | closing ? | holder | asset

`?` stands for values that may not be there: a byte 1 and an i128, or seventeen bytes 0. A name that is not
given has the length 0xFFFF. The line of the source is not part of a leaf, and leaves are sorted: the order of
a book's rows does not matter. Identical rows are as many leaves.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ledger.errors import InvalidValue
from ledger.units import TIME_UNKNOWN
from settlement.attesting.tree import Tree
from settlement.reconciliation.entries import NO_DAY, NO_NUMBER, Entries
from settlement.reconciliation.model import Level
from settlement.sources import Balance

LEVELS: Mapping[int, Level] = {1: "trade", 2: "position", 3: "cash", 4: "revenue"}
"""First byte of a leaf → what it is."""
_CODES = {level: code for code, level in LEVELS.items()}
_WIDE, _NONE = 16, b"\xff\xff"
_LARGEST = 10**38
"""What amounts are below, so that a file keeps them as decimals."""
_NAMES = ("buyer", "seller", "security", "currency")


def leaves(entries: Entries, balances: Sequence[Balance] = ()) -> list[bytes]:
    """All leaves of a book, sorted. Raises InvalidValue where a number or name does not fit."""
    return sorted([*of_entries(entries), *map(of_balance, balances)])


def root(entries: Entries, balances: Sequence[Balance] = ()) -> bytes:
    """The root of a book."""
    return Tree(leaves(entries, balances)).root


def of_entries(entries: Entries) -> list[bytes]:
    """The leaf of each entry, in their order."""
    count = len(entries)
    parts = [
        np.full((count, 1), _CODES["trade"], dtype=np.uint8),
        _narrow(entries.number, ">i8"),
        *(_narrow(column, ">u4") for column in (entries.day, entries.settles, entries.time)),
        *(_wide(name, getattr(entries, name)) for name in ("quantity", "amount", "price")),
    ]
    for name in ("commission", "levy"):
        column = getattr(entries, name)
        parts.append(np.full((count, 1), column is not None, dtype=np.uint8))
        parts.append(_wide(name, column if column is not None else np.zeros(count, dtype=np.int64)))
    fixed = np.concatenate(parts, axis=1)
    width, data = fixed.shape[1], fixed.tobytes()
    # The last of each table is of -1, a name not given.
    parties, securities, currencies = (
        [*map(_name, names), _NONE] for names in (entries.parties, entries.securities, entries.currencies)
    )
    rows = zip(
        range(0, count * width, width),
        *(getattr(entries, name).tolist() for name in _NAMES),
        strict=True,
    )
    return [
        data[at : at + width] + parties[buyer] + parties[seller] + securities[security] + currencies[currency]
        for at, buyer, seller, security, currency in rows
    ]


def of_balance(balance: Balance) -> bytes:
    """The leaf of a balance."""
    values = [_optional(each) for each in (balance.opening, balance.movements, balance.closing)]
    head = bytes([_CODES[balance.level]]) + balance.day.to_bytes(4, "big")
    return head + b"".join(values) + _name(balance.holder) + _name(balance.asset)


def decode(leaf: bytes) -> dict[str, Any]:
    """What a leaf says, by the names of `settlement.reconciliation.model.NAMED` and, of balances, of
    `Balance`; `level` says which; None is what it does not say. Days are yyyymmdd, times seconds.

    Raises ValueError for bytes that no entry and no balance comes to.
    """
    read = _Reader(leaf)
    level = LEVELS.get(read.number(1))
    if level is None:
        raise ValueError("its first byte names no level")
    if level == "trade":
        number = read.number(8, signed=True)
        day, settles, time = (read.number(4) for _ in range(3))
        quantity, amount, price = (read.number(_WIDE, signed=True) for _ in range(3))
        commission, levy = read.optional(), read.optional()
        names = {name: read.name() for name in _NAMES}
        found = {
            "level": level,
            "trade_number": None if number == NO_NUMBER else number,
            "trading_day": day,
            "settlement_date": None if settles == NO_DAY else settles,
            "time": None if time == TIME_UNKNOWN else time,
            **names,
            "quantity": quantity,
            "settlement_amount": amount,
            "price": None if price == -1 else price,
            "commission": commission,
            "levy": levy,
        }
    else:
        found = {"level": level, "day": read.number(4)}
        found |= {name: read.optional() for name in ("opening", "movements", "closing")}
        found |= {"holder": read.name(), "asset": read.name()}
    if read.rest:
        raise ValueError(f"{len(read.rest)} bytes too many")
    return found


class _Reader:
    """Takes the bytes of a leaf one after the other."""

    def __init__(self, rest: bytes) -> None:
        self.rest = rest

    def bytes(self, count: int) -> bytes:
        """The next `count`. Raises ValueError."""
        if len(self.rest) < count:
            raise ValueError(f"{count - len(self.rest)} bytes too few")
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def number(self, width: int, *, signed: bool = False) -> int:
        """The next `width` bytes as a number."""
        return int.from_bytes(self.bytes(width), "big", signed=signed)

    def optional(self) -> int | None:
        """A value that may not be there."""
        there, value = self.number(1), self.number(_WIDE, signed=True)
        if there > 1 or (value and not there):
            raise ValueError("a value is neither there nor not")
        return value if there else None

    def name(self) -> str | None:
        """A name that may not be given."""
        length = self.bytes(2)
        return None if length == _NONE else self.bytes(int.from_bytes(length, "big")).decode()


def _narrow(column: npt.NDArray[Any], kind: str) -> npt.NDArray[np.uint8]:
    wide = np.ascontiguousarray(column.astype(kind))
    return wide.view(np.uint8).reshape(len(column), wide.dtype.itemsize)


def _wide(name: str, column: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Sixteen bytes a value. Raises InvalidValue."""
    if column.dtype != object:
        return np.concatenate([_narrow(column >> 63, ">i8"), _narrow(column, ">i8")], axis=1)
    return np.frombuffer(
        b"".join(_fitting(name, value) for value in column.tolist()), dtype=np.uint8
    ).reshape(len(column), _WIDE)


def _fitting(name: str, value: int) -> bytes:
    if abs(value) >= _LARGEST:
        raise InvalidValue(name, value, "at most 38 digits are wanted")
    return value.to_bytes(_WIDE, "big", signed=True)


def _optional(value: int | None) -> bytes:
    return bytes(1 + _WIDE) if value is None else b"\x01" + _fitting("balance", value)


def _name(name: str) -> bytes:
    try:
        text = unicodedata.normalize("NFC", name).encode()
    except UnicodeEncodeError:
        raise InvalidValue("name", name, "it is no Unicode text") from None
    if len(text) >= int.from_bytes(_NONE, "big"):
        raise InvalidValue("name", name, "at most 65,534 bytes are wanted")
    return len(text).to_bytes(2, "big") + text
