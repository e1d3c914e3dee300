"""Trades as one side has them: columns, one row an entry, names as that side writes them.

An *entry* is what a book, the ledger or a statement has of one trade. Unlike `settlement.model.Trades` it may
name a party or security that nobody knows, have no trade number, and have one number twice: that is for
reconciliation to say, not for whoever read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ledger.units import Column, exact

NO_NUMBER = -1
"""In `number`: the entry has none."""
NO_DAY = 0
"""In `settles`: the entry does not say."""
PRICE_DECIMALS = 6
"""Of `price`, which is in millionths of a currency unit."""
BY_NUMBER = "{number}"
"""How the canonical format names a trade."""

_PLAIN = {
    "number": np.int64,
    "day": np.int32,
    "settles": np.int32,
    "time": np.uint32,
    "buyer": np.int32,
    "seller": np.int32,
    "security": np.int32,
    "currency": np.int32,
    "line": np.int64,
}
_EXACT = ("quantity", "amount", "price")
_OPTIONAL = ("commission", "levy")


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """Columns of equal length, read-only. Codes point into the tables of names; -1 is a name not given."""

    parties: tuple[str, ...]
    securities: tuple[str, ...]
    currencies: tuple[str, ...]
    number: npt.NDArray[Any]
    """The venue's trade number, or NO_NUMBER."""
    day: npt.NDArray[Any]
    """Trading day, yyyymmdd."""
    settles: npt.NDArray[Any]
    """Settlement date, yyyymmdd, or NO_DAY."""
    time: npt.NDArray[Any]
    """Seconds of the day, or TIME_UNKNOWN."""
    buyer: npt.NDArray[Any]
    seller: npt.NDArray[Any]
    security: npt.NDArray[Any]
    currency: npt.NDArray[Any]
    quantity: Column
    """Whole units; negative where the side wrote it with a sign that its direction does not have."""
    amount: Column
    """Minor units."""
    price: Column
    """Millionths of a currency unit for one unit; -1 where the side does not say."""
    line: npt.NDArray[Any]
    """Of the source, from 1, a header counted; 0 where there is no source."""
    commission: Column | None = None
    """What the owner earned on the entry, minor units; None where the side says nothing of it."""
    levy: Column | None = None
    naming: str = BY_NUMBER
    """How the side names a trade: a format of `day`, `number` and `line`."""
    whole: bool = False
    """Whether every entry is a whole trade. Else one of the owner with itself may be there twice, once for
    each of its sides."""

    def __post_init__(self) -> None:
        for name, dtype in _PLAIN.items():
            self._freeze(name, np.asarray(getattr(self, name), dtype=dtype))
        for name in (*_EXACT, *_OPTIONAL):
            if getattr(self, name) is not None:
                self._freeze(name, exact(getattr(self, name)))
        lengths = {len(column) for column in self.columns().values()}
        if len(lengths) != 1:
            raise ValueError(f"columns of different lengths: {sorted(lengths)}")

    def _freeze(self, name: str, column: npt.NDArray[Any]) -> None:
        view = column.view()
        view.setflags(write=False)
        object.__setattr__(self, name, view)

    def __len__(self) -> int:
        return len(self.number)

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """The columns that are there, by name."""
        names = (*_PLAIN, *_EXACT, *_OPTIONAL)
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def take(self, rows: npt.NDArray[Any]) -> Entries:
        """The rows that a mask or positions pick; the tables of names stay."""
        return replace(self, **{name: column[rows] for name, column in self.columns().items()})

    def name(self, row: int) -> str:
        """The entry as its side names it; by its line where it has no number."""
        number = int(self.number[row])
        if number == NO_NUMBER:
            return f"line {int(self.line[row])}"
        return self.naming.format(day=int(self.day[row]), number=number, line=int(self.line[row]))

    def of(self, owner: str) -> npt.NDArray[np.bool_]:
        """Which entries `owner` buys or sells in."""
        party = self.parties.index(owner) if owner in self.parties else len(self.parties)
        owned: npt.NDArray[np.bool_] = (self.buyer == party) | (self.seller == party)
        return owned

    @classmethod
    def nothing(cls) -> Entries:
        """No entries."""
        none: dict[str, Any] = {name: np.zeros(0, dtype=np.int64) for name in (*_PLAIN, *_EXACT)}
        return cls((), (), (), **none)

    @classmethod
    def joined(cls, parts: Sequence[Entries]) -> Entries:
        """The parts one after the other, their tables of names made one. A column that any part lacks is
        left out; the naming is the first part's.
        """
        if len(parts) < 2:
            return parts[0] if parts else cls.nothing()
        tables: dict[str, Any] = {}
        columns: dict[str, list[npt.NDArray[Any]]] = {}
        for table, codes in _CODED.items():
            names = list(dict.fromkeys(name for part in parts for name in getattr(part, table)))
            places = {name: place for place, name in enumerate(names)}
            tables[table] = tuple(names)
            for part in parts:
                # The last place is of -1, which stays.
                renamed = np.array([*(places[name] for name in getattr(part, table)), -1], dtype=np.int32)
                for name in codes:
                    columns.setdefault(name, []).append(renamed[getattr(part, name)])
        for field in fields(cls):
            if field.name in tables or field.name in columns or field.name in ("naming", "whole"):
                continue
            found = [getattr(part, field.name) for part in parts]
            if all(column is not None for column in found):
                columns[field.name] = found
        joined: dict[str, Any] = {name: np.concatenate(found) for name, found in columns.items()}
        whole = all(part.whole for part in parts)
        return cls(**tables, **joined, naming=parts[0].naming, whole=whole)


_CODED = {"parties": ("buyer", "seller"), "securities": ("security",), "currencies": ("currency",)}
