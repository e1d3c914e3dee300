"""What has been found so far while two sides are compared: who is held against whom, and what differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from settlement.reconciliation.fields import Fields, differing, kind_of, said, sums, values_of
from settlement.reconciliation.model import Kind
from settlement.reconciliation.sides import Both, Places, Row

CHUNK = 1 << 20
"""Rows compared at once, so that what is made on the way stays small."""
_ORDER = {kind: place for place, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Found:
    """A difference, with its rows as values."""

    kind: Kind
    mine: tuple[Row, ...]
    theirs: tuple[Row, ...]
    fields: Fields
    candidates: tuple[Row, ...] = ()

    @property
    def order(self) -> Any:
        """Sorts differences by what they are about, whatever the order of rows."""
        both = (*self.theirs, *self.mine)
        contents = tuple(row.content for row in self.mine), tuple(row.content for row in self.theirs)
        lines = tuple(row.line for row in self.mine)
        return (
            min(row.day for row in both),
            min(row.number for row in both),
            _ORDER[self.kind],
            contents,
            lines,
        )


@dataclass(slots=True, eq=False)
class Findings:
    """Collects what becomes of each row; a row is taken once."""

    both: Both
    held: npt.NDArray[np.int64]
    """Row of mine → row of theirs that it is held against, else -1."""
    mine_done: npt.NDArray[np.bool_]
    theirs_done: npt.NDArray[np.bool_]
    found: list[Found] = field(default_factory=list)
    pairs: list[tuple[Row, Row]] = field(default_factory=list)
    """Of one number, but they differ; what else there is may still explain it."""
    self_copies: dict[int, Row] = field(default_factory=dict)
    """Row of mine → the same self-trade, booked from its other side."""
    extra: set[int] = field(default_factory=set)
    """Rows of mine whose number another has by right: duplicates, unless they turn out to be something else.
    """
    crowded: list[tuple[list[Row], list[Row]]] = field(default_factory=list)
    """Rows of mine and of theirs that are too many to tell which go together."""

    @classmethod
    def none(cls, both: Both) -> Findings:
        """Nothing found yet."""
        here, there = len(both.mine), len(both.theirs)
        return cls(
            both, np.full(here, -1, dtype=np.int64), np.zeros(here, dtype=bool), np.zeros(there, dtype=bool)
        )

    def hold(self, here: Places, there: Places) -> None:
        """Rows of mine are held against rows of theirs, one to one or several to one."""
        self.held[here] = there
        self.mine_done[here] = True
        self.theirs_done[there] = True

    def take(self, mine: Sequence[Row], theirs: Sequence[Row]) -> None:
        """These rows belong together; mine are held against the first of theirs."""
        for row in mine:
            self.mine_done[row.at] = True
            if theirs:
                self.held[row.at] = theirs[0].at
            if row.at in self.self_copies:
                self.held[self.self_copies[row.at].at] = self.held[row.at]
        for row in theirs:
            self.theirs_done[row.at] = True

    def free(self) -> tuple[list[Row], list[Row]]:
        """The rows of either side that nothing has become of yet, sorted."""
        return (
            self.both.mine.rows(np.flatnonzero(~self.mine_done)),
            self.both.theirs.rows(np.flatnonzero(~self.theirs_done)),
        )

    def pair(self, mine: Row, theirs: Row) -> None:
        """Two rows that go together: a difference where any field differs."""
        self.take((mine,), (theirs,))
        if names := differing(self.both, mine, theirs):
            kind = kind_of(self.both, mine, theirs, names)
            self.found.append(
                Found(kind, self.with_copy(mine), (theirs,), values_of(self.both, mine, theirs, names))
            )

    def group(self, kind: Kind, mine: Sequence[Row], theirs: Sequence[Row]) -> None:
        """Several rows of which something is wrong; where they are ambiguous, theirs are the candidates, and
        mine are held against none."""
        self.take(mine, theirs)
        mine, theirs = sorted(mine), sorted(theirs)
        candidates = tuple(theirs) if kind is Kind.AMBIGUOUS else ()
        if candidates:
            self.held[[row.at for row in mine]] = -1
        self.found.append(Found(kind, tuple(mine), tuple(theirs), sums(self.both, mine, theirs), candidates))

    def alone(self, kind: Kind, row: Row) -> None:
        """A row with nothing on the other side, or one too many."""
        here = kind is not Kind.MISSING_HERE
        self.take((row,) if here else (), () if here else (row,))
        rows = self.with_copy(row) if here else ()
        fields = said(self.both, row, is_mine=here)
        self.found.append(Found(kind, rows, () if here else (row,), fields))

    def with_copy(self, row: Row) -> tuple[Row, ...]:
        """The row, and the same self-trade from its other side."""
        copy = self.self_copies.get(row.at)
        return (row,) if copy is None else (row, copy)
