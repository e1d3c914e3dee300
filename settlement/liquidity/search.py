"""The best choice with its proof: branch and bound whose every bound is taken in integers.

Few columns are enumerated. Of more, a tree of relaxations is searched, the part of it first that could hold
most; whatever is cut off has been proven, by `program.bound`, to hold nothing better than what is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from settlement.liquidity.program import Flags, Program, Whole, bound, contradicts, whole

if TYPE_CHECKING:
    from settlement.liquidity.highs import Relaxation

ENUMERATED = 20
"""Columns that are enumerated."""
_STEPS = 400_000
"""Choices that enumeration looks at before it gives up: a second or two."""
MOST_NODES = 20_000
"""Relaxations that a tree solves at most."""
_MOST_WORK = 4_000_000
"""And the entries of them all: limits that do not depend on the machine's speed."""

Accept = Callable[[Flags], bool]
"""Whether a choice that fits the program really does."""


@dataclass(slots=True)
class Best:
    """The best choice so far, what it is worth, and what nothing is worth more than; all of the program."""

    chosen: Flags
    value: int
    bound: int

    @property
    def proven(self) -> bool:
        """Whether nothing is better."""
        return self.bound <= self.value


def enumerate_choices(of: Program, best: Best, prices: Whole, shift: int, accept: Accept) -> None:
    """Improve `best` to the optimum, unless there are too many choices to look at."""
    walk = _Walk(of, best, prices, shift, accept)
    if walk.whole_tree():
        best.bound = best.value


class _Walk:
    """Choices in depth, the column first that is worth most, by their rows' balances."""

    def __init__(self, of: Program, best: Best, prices: Whole, shift: int, accept: Accept) -> None:
        self._best, self._accept, self._shift = best, accept, shift
        weighted, worth = of.weighted(prices, shift).tolist(), of.value.tolist()
        self._order = sorted(range(len(of)), key=lambda j: -worth[j])
        ends = of.start.tolist()
        rows, changes = of.row.tolist(), of.change.tolist()
        self._entries = [list(zip(rows[ends[j] : ends[j + 1]], changes[ends[j] : ends[j + 1]], strict=True))
                         for j in self._order]  # fmt: skip
        self._worth = [worth[j] for j in self._order]
        self._weighted = [weighted[j] for j in self._order]
        # What columns from each depth on can still bring at most: of weighted value, and to each row.
        self._hope = [0] * (len(of) + 1)
        self._into: list[list[int]] = [[0] * len(of.capacity)]
        for depth in reversed(range(len(of))):
            self._hope[depth] = self._hope[depth + 1] + max(0, self._weighted[depth])
            into = list(self._into[-1])
            for row, change in self._entries[depth]:
                into[row] += max(0, change)
            self._into.append(into)
        self._into.reverse()
        self._balance = of.capacity.tolist()
        self._base = sum((prices * of.capacity).tolist())
        self._taken = [False] * len(of)
        self._steps = 0

    def whole_tree(self) -> bool:
        """Whether everything was looked at."""
        return self._from(0, 0, self._base)

    def _from(self, depth: int, value: int, weighted: int) -> bool:
        self._steps += 1
        if self._steps > _STEPS:
            return False
        if (weighted + self._hope[depth]) >> self._shift <= self._best.value:
            return True
        if depth == len(self._order):
            if value > self._best.value and min(self._balance, default=0) >= 0:
                self._leaf(value)
            return True
        for take in (True, False):
            self._change(depth, take, 1)
            ahead = self._into[depth + 1]
            done = True
            # Only the rows of this column can have become hopeless by what was decided here.
            if all(self._balance[row] + ahead[row] >= 0 for row, _ in self._entries[depth]):
                gain = (self._worth[depth], self._weighted[depth]) if take else (0, 0)
                done = self._from(depth + 1, value + gain[0], weighted + gain[1])
            self._change(depth, take, -1)
            if not done:
                return False
        return True

    def _change(self, depth: int, take: bool, sign: int) -> None:
        if take:
            self._taken[self._order[depth]] = sign > 0
            for row, change in self._entries[depth]:
                self._balance[row] += sign * change

    def _leaf(self, value: int) -> None:
        chosen = np.array(self._taken, dtype=bool)
        if self._accept(chosen):
            self._best.chosen, self._best.value = chosen, value


@dataclass(order=True, slots=True)
class _Node:
    """A part of all choices: some columns decided. The one with the highest bound comes first."""

    key: int
    serial: int
    bound: int = field(compare=False)
    decided: dict[int, bool] = field(compare=False)
    branch: int = field(compare=False)


class Tree:
    """Branch and bound, best first. `best` is improved as it grows, its bound too."""

    def __init__(
        self, of: Program, best: Best, relaxation: Relaxation, accept: Accept, until_s: float
    ) -> None:
        """`until_s` is on the clock that counts seconds."""
        self._of, self._best, self._relaxation = of, best, relaxation
        self._accept, self._until_s = accept, until_s
        self._open: list[_Node] = []
        self._serial = 0
        self._most = min(MOST_NODES, _MOST_WORK // max(1, len(of.row)))
        self._look({}, best.bound)

    def grow(self, nodes: int) -> None:
        """Solve so many relaxations more, unless all is proven before or time is up."""
        enough = min(self._most, self._serial + nodes)
        while self._open and self._serial < enough and perf_counter() < self._until_s:
            if self._open[0].bound <= self._best.value:
                break
            node = heappop(self._open)
            for take in (True, False):
                self._look(node.decided | {node.branch: take}, node.bound)
            self._learn()
        self._learn()

    def lead(self) -> Whole | None:
        """Each column's weighted value where most could still be found, those decided there far from nothing;
        None where that is not known."""
        if not self._open:
            return None
        decided = self._open[0].decided
        lower, upper = self._bounds(decided)
        found = self._relaxation.solve(lower, upper, self._until_s - perf_counter())
        if found.prices is None or found.part is None:
            return None
        weighted = self._of.weighted(found.prices, found.shift)
        furthest = max(abs(each) for each in weighted.tolist()) + 1
        for column, take in decided.items():
            weighted[column] = furthest if take else -furthest
        return weighted

    def _learn(self) -> None:
        highest = self._open[0].bound if self._open else self._best.value  # what was cut off holds no more
        self._best.bound = min(self._best.bound, max(highest, self._best.value))

    def _look(self, decided: dict[int, bool], above: int) -> None:
        """Solve a node's relaxation and keep the node unless it is proven to hold nothing better."""
        from settlement.liquidity.highs import FRACTION

        lower, upper = self._bounds(decided)
        self._serial += 1
        found = self._relaxation.solve(lower, upper, self._until_s - perf_counter())
        most, part = above, found.part
        if found.prices is not None and part is not None:
            most = min(above, bound(self._of, found.prices, found.shift, lower, upper))
        elif found.prices is not None and contradicts(self._of, found.prices, lower, upper):
            return
        if len(decided) == len(self._of):
            self._candidate(lower)  # one choice, which is better than the best or is none
            return
        if part is not None and not ((part > 0) & (part < FRACTION)).any():
            self._candidate(part > 0)
        if most > self._best.value:
            branch = self._branch(part, decided)
            heappush(self._open, _Node(-most, self._serial, most, decided, branch))

    def _bounds(self, decided: dict[int, bool]) -> tuple[Flags, Flags]:
        lower, upper = np.zeros(len(self._of), dtype=bool), np.ones(len(self._of), dtype=bool)
        for column, take in decided.items():
            lower[column] = upper[column] = take
        return lower, upper

    def _candidate(self, chosen: Flags) -> None:
        value = self._of.worth(chosen)
        if value > self._best.value and self._of.fits(chosen) and self._accept(chosen):
            self._best.chosen, self._best.value = chosen, value

    def _branch(self, part: npt.NDArray[np.int64] | None, decided: dict[int, bool]) -> int:
        """The column to decide next: of those in part the one on which most value hangs, else any."""
        from settlement.liquidity.highs import FRACTION

        undecided = np.ones(len(self._of), dtype=bool)
        undecided[list(decided)] = False
        hangs = self._of.value + 1  # so that what is worth nothing by itself counts, too
        if part is not None:
            hangs = hangs * whole(np.minimum(part, FRACTION - part))
        hangs = np.where(undecided, hangs, -1)
        if part is not None and not (hangs > 0).any():
            hangs = np.where(undecided, self._of.value + 1, -1)
        return int(hangs.argmax())
