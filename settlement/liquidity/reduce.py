"""Making a program smaller and its rows tighter before it is solved, exactly: no choice that fits is lost.

- A row that is not short even when everything that gives from it settles is never short.
- A column that surely gives from no other row settles: it only helps.
- A column that takes more from a row than there is, with all that others bring, waits.
- What a row can give is a sum of what its columns take. Where these are few, what is left over below the
  largest sum that fits cannot be used, and a column takes what nothing else can use beside it. A program with
  such rows allows less of a column in part, so that its relaxation says more.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np
import numpy.typing as npt

from settlement.liquidity.columns import Index
from settlement.liquidity.program import Flags, Program, Whole, whole

_FEW = 24
"""Columns of a row up to which all their sums are looked at."""
_SUMS = 512
"""And how many of these there may be."""
_WORK = 3_000_000
"""Sums looked at altogether: half a second or so."""


Doubts = tuple[Index, Index]
"""(columns, rows): entry by entry, a column that could give from a row whatever the program says."""


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """What is left to choose, and what is settled already."""

    program: Program
    """Of the columns that are left, with rows that allow each choice of theirs which fits."""
    strict: Whole
    """The capacity of its rows that is certain to be there."""
    columns: Index
    """Where each of its columns was before."""
    settled: Flags
    """Of the columns before: those that settle in any case."""

    def choice(self, chosen: Flags) -> Flags:
        """A choice of what is left as one of all columns."""
        every = self.settled.copy()
        every[self.columns[chosen]] = True
        return every


def reduce(of: Program, certain: Whole, doubts: Doubts | None = None) -> Reduced:
    """`certain` is, of each row's capacity, what is sure to be there; no more than it, and negative where the
    row could be short with nothing given from it.
    """
    work = _Work(of, certain, doubts)
    work.sweep()
    tight = _Tightened(work)
    if tight.changed:
        work.sweep()
    return work.reduced()


class _Work:
    """The entries that are left, of columns that are undecided and rows that can be short."""

    def __init__(self, of: Program, certain: Whole, doubts: Doubts | None) -> None:
        self.program = of
        none = np.zeros(0, dtype=np.int64)
        self.doubted, self.doubted_row = doubts or (none, none)
        self.loose, self.strict = of.capacity.copy(), certain.copy()
        self.column, self.row, self.change = of.column, of.row, of.change.copy()
        self.open = np.ones(len(of), dtype=bool)
        self.settled = np.zeros(len(of), dtype=bool)

    def sweep(self) -> None:
        """Decide columns and leave out rows until nothing changes."""
        while self._once():
            pass

    def _once(self) -> bool:
        rows = len(self.loose)
        gives = (self.change < 0).astype(bool)
        out, into = whole(np.zeros(rows, dtype=np.int64)), whole(np.zeros(rows, dtype=np.int64))
        np.add.at(out, self.row[gives], self.change[gives])
        np.add.at(into, self.row[~gives], self.change[~gives])
        live = (self.strict + out < 0).astype(bool)
        too_much = gives & (self.loose[self.row] + into[self.row] + self.change < 0).astype(bool)
        waits = np.zeros(len(self.program), dtype=bool)
        waits[self.column[too_much]] = True
        needs = np.zeros(len(self.program), dtype=bool)
        needs[self.column[gives & live[self.row]]] = True
        needs[self.doubted[live[self.doubted_row]]] = True
        free = self.open & ~needs & ~waits
        self.settled |= free
        self.open &= ~free & ~waits
        done = free[self.column]
        for capacity in (self.loose, self.strict):
            np.add.at(capacity, self.row[done], self.change[done])
        keep = self.open[self.column] & live[self.row]
        if keep.all():
            return False
        self.column, self.row, self.change = self.column[keep], self.row[keep], self.change[keep]
        return bool(free.any() or waits.any())

    def reduced(self) -> Reduced:
        columns = np.flatnonzero(self.open)
        rows, row = np.unique(self.row, return_inverse=True)
        place = np.zeros(len(self.program), dtype=np.int64)
        place[columns] = np.arange(len(columns))
        counts = np.bincount(place[self.column], minlength=len(columns)) if len(columns) else columns
        left = Program(
            self.program.value[columns],
            self.loose[rows],
            np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
            row.astype(np.int64),
            self.change,
        )
        return Reduced(left, np.maximum(self.strict[rows], 0), columns, self.settled)


class _Tightened:
    """Rows of few columns, tightened in place."""

    def __init__(self, work: _Work) -> None:
        self.changed, self._left = False, _WORK
        if not len(work.row):
            return
        order = np.argsort(work.row, kind="stable")
        rows, first = np.unique(work.row[order], return_index=True)
        for row, entries in zip(rows.tolist(), np.split(order, first[1:]), strict=True):
            if self._left <= 0:
                return
            self._tighten(work, row, entries)

    def _tighten(self, work: _Work, row: int, entries: npt.NDArray[np.int64]) -> None:
        changes = work.change[entries].tolist()
        # What is brought counts as taken where it waits: then each column takes something from a whole.
        brought = sum(change for change in changes if change > 0)
        takes, there = [abs(change) for change in changes], work.loose[row] + brought
        if there < 0:
            return  # nothing fits, as others will find
        found = self._few(takes, there) if len(takes) <= _FEW else _by_divisor(takes, there)
        if found is None:
            return
        takes, there = found
        if there > work.strict[row] + brought:
            return  # what fits by a bound only is not taken for certain
        for entry, change, take in zip(entries.tolist(), changes, takes, strict=True):
            work.change[entry] = take if change > 0 else -take
        loose = there - sum(take for change, take in zip(changes, takes, strict=True) if change > 0)
        # A tightened row has no choice that the row before did not have.
        if (loose, takes) != (work.loose[row], [abs(change) for change in changes]):
            self.changed = True
            work.loose[row] = work.strict[row] = loose

    def _few(self, takes: list[int], there: int) -> tuple[list[int], int] | None:
        """The tightest that the sums allow."""
        sums = self._sums(takes, there)
        if sums is None:
            return None
        there, takes = max(sums), list(takes)
        for i, take in enumerate(takes):
            if take > there:
                continue  # decided elsewhere
            beside = self._sums(takes[:i] + takes[i + 1 :], there - take)
            if beside is None:
                return takes, there
            takes[i] = there - max(beside)
        return takes, there

    def _sums(self, takes: list[int], most: int) -> set[int] | None:
        """Every sum of some of these that is not above `most`; None where there are too many."""
        sums = {0}
        for take in takes:
            sums |= {total + take for total in sums if total + take <= most}
            self._left -= len(sums)
            if len(sums) > _SUMS:
                return None
        return sums


def _by_divisor(takes: list[int], there: int) -> tuple[list[int], int] | None:
    """Where all take multiples of something, what is there counts in multiples."""
    step = gcd(*takes)
    return (takes, there // step * step) if step > 1 and there % step else None
