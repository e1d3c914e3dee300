"""A book while breaks are planted in it: which of its trades are still untouched, and what was planted."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from planting.market import MARKET_FORMS, Day, Form, Row, altered
from settlement.reconciliation.model import Kind, Level

Fields = Mapping[str, tuple[object, object]]


@dataclass(frozen=True, slots=True)
class Planted:
    """One break that a book has; the truth."""

    institution: str
    level: Level
    kind: Kind
    subject: str
    """The trade as the file names it, by its line where it has no number; else the asset or revenue."""
    names: frozenset[str]
    """All by which a report may call it: the trades and rows that are part of it."""
    fields: Fields = field(default_factory=dict)
    """What differs: (in the book, on the ledger). Empty where the kind says it all."""
    plant: str = ""
    """How it was planted."""


@dataclass(frozen=True, slots=True)
class Book:
    """Files of an institution's book, and what is wrong in it."""

    institution: str
    form: Form
    seed: int
    files: Mapping[str, bytes]
    main: str
    """The one of them to be read: the book, or the mapping that names it."""
    truth: tuple[Planted, ...]
    decoys: int = 0
    """What was rightly booked in another way and is no break."""


class Bed:
    """The rows of `owner`, one of whose trades is touched by one plant at most.

    Plants keep away from each other so that each has one right name. Where trades have numbers no two are of
    the same security, buyer and seller. Where they have none no two share a security, a counterparty or a
    quantity, so that nothing planted resembles another, and a trade that has a twin is left alone.
    """

    def __init__(self, day: Day, owner: str, form: Form, chance: random.Random, whole: bool) -> None:
        self.day, self.owner, self.form, self.chance = day, owner, form, chance
        self.whole = whole
        """Whether the book has the whole market's trades."""
        timed = form in MARKET_FORMS
        self.ledger = [row if timed else altered(row, time=None) for row in day.owners[owner]]
        """The owner's trades, with times where its book has them."""
        self.rows = list(self.ledger)
        self.decoys = 0
        self._numbers = {row.number for row in day.rows}
        self._ledger = Counter(row.like() for row in self.ledger)
        self._taken: set[object] = set()
        self._planted: list[tuple[str, Kind, list[Row], list[Row], Fields]] = []
        self._others = [row for row in day.rows if whole and owner not in (row.buyer, row.seller)]

    @property
    def numbered(self) -> bool:
        """Whether the book has trade numbers."""
        return self.form is not Form.UNNUMBERED

    def new_number(self) -> int:
        """One that no trade of the market has."""
        low, high = min(self._numbers), max(self._numbers)
        while (number := self.chance.randrange(low, high + len(self._numbers))) in self._numbers:
            pass
        self._numbers.add(number)
        return number

    def twins(self, row: Row) -> int:
        """How many trades of the ledger say the same besides their number."""
        return self._ledger[row.like()]

    def free(self, row: Row) -> bool:
        """Whether the row may be touched, or put in: nothing planted is like it."""
        if not self.numbered and self.twins(row) > 1:
            return False
        return not self.touched(row)

    def touched(self, row: Row) -> bool:
        """Whether something planted is like the row."""
        return bool(self._taken & self._marks(row))

    def pick(self, wanted: Callable[[Row], bool] = lambda _: True) -> Row | None:
        """A trade that may be touched, None where there is none that is wanted."""
        start = self.chance.randrange(len(self.ledger))
        rows = self.ledger[start:] + self.ledger[:start]
        return next((row for row in rows if self.free(row) and wanted(row)), None)

    def groups(self, size: int) -> list[list[Row]]:
        """Sets of so many trades that may be touched, of one security, buyer, seller and price."""
        alike: dict[object, list[Row]] = {}
        for row in self.ledger:
            if self.free(row):
                alike.setdefault((row.parties(), row.price, row.day), []).append(row)
        return [group for group in alike.values() if len(group) >= size]

    def planted(
        self, plant: str, kind: Kind, here: Iterable[Row], there: Iterable[Row], fields: Fields | None = None
    ) -> None:
        """Say what was done: the book's rows `here` are wrong, the ledger's trades `there` concerned."""
        mine, theirs = list(here), list(there)
        for row in (*mine, *theirs):
            self._taken |= self._marks(row)
        self._planted.append((plant, kind, mine, theirs, fields or {}))

    def rightly(self, *rows: Row) -> None:
        """Rows booked in another way that is no break."""
        self.decoys += 1
        for row in rows:
            self._taken |= self._marks(row)

    def replace(self, old: Iterable[Row], new: Iterable[Row]) -> None:
        """Rows of the book in place of others."""
        gone = set(old)
        self.rows = [row for row in self.rows if row not in gone] + list(new)

    def twins_of(self, row: Row) -> list[Row]:
        """Trades of the ledger that say the same."""
        return [each for each in self.ledger if each.like() == row.like()]

    def written(self) -> list[Row]:
        """The rows in the order of the file."""
        rows = [*self.rows, *self._others]
        self.chance.shuffle(rows)
        return rows

    def truth(self, rows: list[Row]) -> tuple[Planted, ...]:
        """What is wrong, for the file with these rows."""
        return tuple(self._told(*each, rows=rows) for each in self._planted)

    def _told(
        self, plant: str, kind: Kind, here: list[Row], there: list[Row], fields: Fields, rows: list[Row]
    ) -> Planted:
        names = [self._called(row, rows) for row in here] + [self.day.name(row) for row in there]
        if self.form is not Form.NEPSE:
            names += [str(row.number) for row in there]  # as the book would name it
        if not self.numbered:
            likes = {row.like() for row in (*here, *there)}
            names += [self._called(row, rows) for row in rows if row.like() in likes]
        return Planted(self.owner, "trade", kind, names[0], frozenset(names), fields, plant)

    def _called(self, row: Row, rows: list[Row]) -> str:
        if not self.numbered:
            return f"line {rows.index(row) + 2}"
        return f"{row.day}{row.number:08d}" if self.form is Form.NEPSE else str(row.number)

    def _marks(self, row: Row) -> set[object]:
        if self.numbered:
            return {row.parties(), row.number}
        return {row.security, ("party", row.other(self.owner)), row.quantity}
