"""The largest choice of a program within a time: by a rule first, then better ones, and a bound that is
proven.

In this order: what a simple rule finds; where nothing is left to choose after that, done. Few columns are
enumerated. Of more, the relaxation, tightened, gives a bound and an order for the rule to go by; HiGHS
searches, first among those of which it is least clear, then among all; and a tree of our own proves, as far
as time allows, that nothing better is there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from time import perf_counter
from typing import Protocol

import numpy as np

from ledger.units import PPM
from settlement.liquidity.columns import Index
from settlement.liquidity.cuts import strengthen
from settlement.liquidity.program import Flags, Program, Whole, whole
from settlement.liquidity.reduce import Doubts, Reduced, reduce
from settlement.liquidity.search import ENUMERATED, MOST_NODES, Accept, Best, Tree, enumerate_choices

MOST_SEARCHED = 200_000
"""Columns up to which more than a rule is tried: to write more down would take longer than there is time."""
_CUT_PARTS, _SEARCH_PARTS, _PARTS = 2, 7, 10
"""Of the time that is left: what strengthening has, and what each of HiGHS's searches has."""
_SMALL = 300
"""Columns up to which HiGHS searches all at once, to the end."""
_TURNS: tuple[tuple[int, tuple[int, int] | None], ...] = ((8, (100, 3)), (8, (300, 4)), (8, None))
"""Relaxations of the tree, then how many columns HiGHS searches among, altogether and at least of each row;
None: all.
"""
_SMALL_TURNS: tuple[tuple[int, tuple[int, int] | None], ...] = ((200, None),)
_MANY, _NEAR_PPM = 1_000, 100
"""Of more columns than so many, a choice so near to the bound is not improved further."""


class Proof(StrEnum):
    """How good a choice is known to be."""

    OPTIMAL = "optimal"
    """Nothing is better; proven."""
    BOUNDED = "bounded"
    """Better than any that was found in the time; the bound says by how much another could be better."""
    HEURISTIC = "heuristic"
    """By a rule alone, as there was no time for more; the bound is what would be reached if all settled."""


class Rule(Protocol):
    """What turns wishes into choices that fit, in the terms of all columns."""

    def complete(self, order: Index | None, taken: Flags | None) -> Flags:
        """A choice that fits, where there is one, and leaves out nothing that would fit: of the columns taken
        (None: all), some dropped, some added, those first in `order` (None: the rule's own) dropped last."""

    def fits(self, chosen: Flags) -> bool:
        """Whether the choice fits exactly."""


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """A choice that fits, what it is worth and what no choice is worth more than."""

    chosen: Flags
    value: int
    bound: int
    proof: Proof


def maximise(
    of: Program,
    certain: Whole,
    rule: Rule,
    time_limit_s: float,
    first: Flags | None = None,
    doubts: Doubts | None = None,
) -> Solved:
    """The best choice that can be found. Of each row's capacity, `certain` is sure to be there, and the
    program's own is what at most could be; `rule` knows exactly. `first` is a choice that fits, to begin
    with; `doubts` see `reduce`.
    """
    return _Search(of, certain, rule, time_limit_s, first, doubts).run()


class _Search:
    def __init__(
        self,
        of: Program,
        certain: Whole,
        rule: Rule,
        time_limit_s: float,
        first: Flags | None,
        doubts: Doubts | None,
    ) -> None:
        self._start_s, self._time_limit_s = perf_counter(), time_limit_s
        self._of, self._certain, self._rule, self._doubts = of, certain, rule, doubts
        self._chosen = np.zeros(len(of), dtype=bool) if first is None else first
        self._value = of.worth(self._chosen)
        self._bound = of.worth(np.ones(len(of), dtype=bool))
        self._tried = False

    def run(self) -> Solved:
        self._offer(self._rule.complete(None, None))
        if self._value < self._bound:
            reduced = reduce(self._of, self._certain, self._doubts)
            if not len(reduced.columns):
                self._offer(self._rule.complete(None, reduced.settled))
            self._limit(self._of.worth(reduced.choice(np.ones(len(reduced.columns), dtype=bool))))
            if self._value < self._bound and self._left_s() > 0 and len(reduced.columns) <= MOST_SEARCHED:
                self._improve(reduced)
        # What a solver leaves out for nothing comes back.
        whole_choice = self._rule.complete(None, self._chosen)
        if self._rule.fits(whole_choice) and self._of.worth(whole_choice) >= self._value:
            self._chosen, self._value = whole_choice, self._of.worth(whole_choice)
        return Solved(self._chosen, self._value, self._bound, self._proof())

    def _improve(self, reduced: Reduced) -> None:
        from settlement.liquidity.highs import FRACTION, Relaxation

        left = reduced.program
        nobody, everybody = np.zeros(len(left), dtype=bool), np.ones(len(left), dtype=bool)
        found = Relaxation(left).solve(nobody, everybody, self._left_s())
        if found.prices is None or found.part is None:
            if len(left) <= ENUMERATED:
                self._enumerate(reduced, left, whole(np.zeros(len(left.capacity), dtype=np.int64)), 0)
            return
        self._tried = True
        tight, found, lowest = strengthen(left, found, perf_counter() + self._left_s() * _CUT_PARTS / _PARTS)
        assert found.prices is not None
        assert found.part is not None
        self._limit(self._of.worth(reduced.settled) + lowest)
        by_part = np.lexsort((-np.arange(len(left)), _rank(left.value), found.part))[::-1]
        order = self._order(reduced, by_part)
        self._offer(self._rule.complete(order, None))
        self._offer(self._rule.complete(order, reduced.choice(found.part * 2 > FRACTION)))
        if len(left) <= ENUMERATED:
            self._enumerate(reduced, tight, found.prices, found.shift)
        if self._value < self._bound and self._left_s() > 0:
            self._search(reduced, tight)

    def _search(self, reduced: Reduced, tight: Program) -> None:
        """HiGHS for choices and a tree for the bound, in turns."""
        from settlement.liquidity.highs import Relaxation

        best, until_s = self._best(reduced), self._start_s + self._time_limit_s
        tree = Tree(tight, best, Relaxation(tight), self._accepts(reduced), until_s)
        for nodes, core in _TURNS if len(tight) > _SMALL else _SMALL_TURNS:
            tree.grow(nodes)
            self._take(reduced, best)
            if self._near(tight) or self._left_s() <= 0:
                return
            if core is None:
                self._search_among(reduced, np.ones(len(tight), dtype=bool))
            elif (lead := tree.lead()) is not None:
                self._search_among(reduced, self._core(reduced, lead, *core))
            best.chosen, best.value = self._chosen[reduced.columns], self._best(reduced).value
        tree.grow(MOST_NODES)
        self._take(reduced, best)

    def _near(self, left: Program) -> bool:
        """Whether looking further is not worth while."""
        near = 0 if len(left) <= _MANY else self._value * _NEAR_PPM // PPM
        return self._bound - self._value <= near

    def _core(self, reduced: Reduced, weighted: Whole, size: int, of_row: int) -> Flags:
        """The columns of which it is least clear whether they should settle: those that do not do what their
        weighted value says, and those which lose least if they did not; some of every row.
        """
        left = reduced.program
        rank = np.empty(len(left), dtype=np.int64)
        rank[np.argsort(np.abs(weighted), kind="stable")] = np.arange(len(left))
        free: Flags = (rank < size) | ((weighted > 0).astype(bool) != self._chosen[reduced.columns])
        by_row = np.lexsort((rank[left.column], left.row))
        rows = left.row[by_row]
        free[left.column[by_row][np.arange(len(rows)) - np.searchsorted(rows, rows) < of_row]] = True
        return free

    def _search_among(self, reduced: Reduced, free: Flags) -> None:
        """Let HiGHS decide the free columns; the others do what they do in the best choice so far."""
        from settlement.liquidity.highs import best_choice

        chosen = self._chosen[reduced.columns].copy()
        core = replace(reduced.program, capacity=reduced.strict).part(free, chosen)
        limit_s = self._left_s() * _SEARCH_PARTS / _PARTS
        found = best_choice(core, chosen[free], limit_s, whole_tree=len(chosen) <= _SMALL)
        if found is not None:
            chosen[free] = found
            self._offer_first(reduced, chosen)

    def _enumerate(self, reduced: Reduced, tight: Program, prices: Whole, shift: int) -> None:
        best = self._best(reduced)
        enumerate_choices(tight, best, prices, shift, self._accepts(reduced))
        self._take(reduced, best)
        self._tried = self._tried or best.proven

    def _accepts(self, reduced: Reduced) -> Accept:
        return lambda chosen: self._rule.fits(reduced.choice(chosen))

    def _offer_first(self, reduced: Reduced, chosen: Flags) -> None:
        """Offer a choice of what is left: repaired, and completed with what is worth most first."""
        by_value = np.lexsort((_rank(reduced.program.value), chosen))[::-1]
        self._offer(self._rule.complete(self._order(reduced, by_value), reduced.choice(chosen)))

    def _order(self, reduced: Reduced, of_left: Index) -> Index:
        """All columns: those that settle anyway, those left in this order, those that cannot settle."""
        settled = np.flatnonzero(reduced.settled)
        known = reduced.settled.copy()
        known[reduced.columns] = True
        return np.concatenate((settled, reduced.columns[of_left], np.flatnonzero(~known)))

    def _best(self, reduced: Reduced) -> Best:
        """What is known, in terms of what is left."""
        base = self._of.worth(reduced.settled)
        chosen = self._chosen[reduced.columns]
        return Best(chosen, self._value - base, self._bound - base)

    def _take(self, reduced: Reduced, best: Best) -> None:
        self._offer(reduced.choice(best.chosen))
        self._limit(best.bound + self._of.worth(reduced.settled))

    def _offer(self, chosen: Flags) -> None:
        value = self._of.worth(chosen)
        if value > self._value and self._rule.fits(chosen):
            self._chosen, self._value = chosen, value

    def _limit(self, most: int) -> None:
        self._bound = max(self._value, min(self._bound, most))

    def _left_s(self) -> float:  # seconds
        return self._time_limit_s - (perf_counter() - self._start_s)

    def _proof(self) -> Proof:
        if self._value >= self._bound:
            return Proof.OPTIMAL
        return Proof.BOUNDED if self._tried else Proof.HEURISTIC


def _rank(values: Whole) -> Index:
    """The place of each value among all, rising; equal ones have the same."""
    places: Index = np.unique(values, return_inverse=True)[1]
    return places.astype(np.int64)
