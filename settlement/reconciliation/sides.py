"""Both sides of a comparison under one table of names, and single rows of them as values.

Codes of either side are translated by a table for each of its tables of names, and only where they are looked
at, so that no column is copied whole. A translated code is the place of its name in the
sorted names of both, so that what is sorted by code does not depend on the order in which a side brought its
names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ledger.units import TIME_UNKNOWN, Column
from settlement.reconciliation.entries import NO_DAY, NO_NUMBER, Entries
from settlement.sources import Tolerances

Codes = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]
"""Positions of rows."""
Where = Places | slice


class Row(NamedTuple):
    """One entry as a value; names are codes of `Both`. `commission` and `levy` are None where its side says
    nothing of them. Sorted, rows go by their content, then by line.
    """

    number: int
    day: int
    settles: int
    time: int
    buyer: int
    seller: int
    security: int
    currency: int
    quantity: int
    amount: int
    price: int
    commission: int | None
    levy: int | None
    line: int
    at: int
    """Its position among the entries of its side."""

    @property
    def content(self) -> tuple[int | None, ...]:
        """What it says, wherever it stands."""
        return self[:-2]

    @property
    def numbered(self) -> bool:
        """Whether it has a trade number."""
        return self.number != NO_NUMBER

    @property
    def place(self) -> tuple[int, int, int, int]:
        """Trading day, security, buyer and seller: within it entries may be parts of one another."""
        return self.day, self.security, self.buyer, self.seller


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One side's entries, and what its codes are translated to."""

    entries: Entries
    party_table: Codes | None
    """Code → code of `Both`; the last is of -1. None where they are the same."""
    security_table: Codes | None
    currency_table: Codes | None

    def __len__(self) -> int:
        return len(self.entries)

    def buyer(self, rows: Where) -> Codes:
        """Translated codes of these rows."""
        return _translated(self.party_table, self.entries.buyer[rows])

    def seller(self, rows: Where) -> Codes:
        """Translated codes of these rows."""
        return _translated(self.party_table, self.entries.seller[rows])

    def security(self, rows: Where) -> Codes:
        """Translated codes of these rows."""
        return _translated(self.security_table, self.entries.security[rows])

    def currency(self, rows: Where) -> Codes:
        """Translated codes of these rows."""
        return _translated(self.currency_table, self.entries.currency[rows])

    def rows(self, places: Places) -> list[Row]:
        """The rows at these places, sorted."""
        entries, count = self.entries, len(places)

        def taken(column: Column | None) -> Sequence[Any]:
            return [None] * count if column is None else column[places].tolist()

        codes = (self.buyer, self.seller, self.security, self.currency)
        columns = (
            *(taken(entries.number), taken(entries.day), taken(entries.settles), taken(entries.time)),
            *(code(places).tolist() for code in codes),
            *(taken(entries.quantity), taken(entries.amount), taken(entries.price)),
            *(taken(entries.commission), taken(entries.levy), taken(entries.line)),
        )
        return sorted(map(Row, *columns, places.tolist()))


@dataclass(frozen=True, slots=True, eq=False)
class Both:
    """What is compared, with the names that the codes stand for."""

    mine: Side
    theirs: Side
    owner: int
    parties: tuple[str, ...]
    securities: tuple[str, ...]
    currencies: tuple[str, ...]
    tolerances: Tolerances
    names_both: bool
    """Whether mine ever names both parties of a trade; else it is not held against it that it does not."""

    @classmethod
    def of(cls, mine: Entries, theirs: Entries, owner: str, tolerances: Tolerances) -> Both:
        """The two sides under one table of names."""
        parties = _union(mine.parties, theirs.parties, (owner,))
        securities = _union(mine.securities, theirs.securities)
        currencies = _union(mine.currencies, theirs.currencies)

        def side(entries: Entries) -> Side:
            return Side(
                entries,
                _table(entries.parties, parties),
                _table(entries.securities, securities),
                _table(entries.currencies, currencies),
            )

        here = side(mine)
        names_both = not len(here) or bool(((mine.buyer >= 0) & (mine.seller >= 0)).any())
        place = parties.index(owner)
        return cls(here, side(theirs), place, parties, securities, currencies, tolerances, names_both)

    def values(self, row: Row) -> dict[str, object]:
        """What the row says, by field; what it does not say is left out."""
        said: dict[str, object] = {
            "currency": _name(self.currencies, row.currency),
            "security": _name(self.securities, row.security),
            "buyer": _name(self.parties, row.buyer),
            "seller": _name(self.parties, row.seller),
            "quantity": row.quantity,
            "settlement_amount": row.amount,
            "price": row.price if row.price >= 0 else None,
            "trading_day": row.day,
            "settlement_date": row.settles if row.settles != NO_DAY else None,
            "time": row.time if row.time != TIME_UNKNOWN else None,
            "commission": row.commission,
            "levy": row.levy,
        }
        return {name: value for name, value in said.items() if value is not None}


def _name(names: Sequence[str], code: int) -> str | None:
    return names[code] if code >= 0 else None


def _union(*tables: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({name for table in tables for name in table}))


def _table(names: Sequence[str], union: Sequence[str]) -> Codes | None:
    if tuple(names) == tuple(union):
        return None
    places = {name: place for place, name in enumerate(union)}
    return np.array([*(places[name] for name in names), -1], dtype=np.int32)


def _translated(table: Codes | None, codes: Codes) -> Codes:
    return codes if table is None else table.take(codes)
