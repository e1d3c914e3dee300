"""Resolving a gridlock: which instructions can settle together, so that as much as possible does.

Payments that wait for each other in pairs, in cycles of any length, or along chains of securities through
several hands can settle at once though none could alone: only what each party holds after all of them counts,
and that is never below nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from time import perf_counter
from typing import Any

import numpy as np

from ledger.units import PPM
from settlement.liquidity.columns import Index
from settlement.liquidity.instructions import Asset, Case, Party, Place, checked, like
from settlement.liquidity.objectives import TIME_LIMIT_S, Objective, checked_time_limit
from settlement.liquidity.program import Flags, Program, assembled, program, whole
from settlement.liquidity.solve import Proof, maximise


@dataclass(frozen=True, slots=True)
class Short:
    """`party` would be `short` of `asset` if the instruction settled, too."""

    party: Party
    asset: Asset
    short: int


@dataclass(frozen=True, slots=True)
class Level:
    """Of the instructions of one priority: the value that settles, and the most that could, with as much of
    every higher priority settled as here."""

    priority: int
    value: int
    upper_bound: int


@dataclass(frozen=True, slots=True)
class Resolution:
    """What settles, and how much better another choice could be at most."""

    settled: tuple[int, ...]
    """Positions of instructions, from 0, rising."""
    objective: Objective
    reached: int
    """Of the objective. Of priority: the levels in one number, in which a unit of a higher priority counts
    more than all of the lower ones together."""
    upper_bound: int
    """Nothing that can settle reaches more; proven in integers."""
    proof: Proof
    value: int
    """The sum of the values of what settles."""
    count: int
    balances: Any
    """What each party holds afterwards, in the form in which the balances came."""
    waiting: Mapping[int, tuple[Short, ...]]
    """Position of each other instruction → what would be short if it settled too."""
    levels: tuple[Level, ...] = ()
    """Where priority is the objective: the highest first."""

    @property
    def is_optimal(self) -> bool:
        """Whether it is proven that nothing reaches more."""
        return self.proof is Proof.OPTIMAL

    @property
    def gap(self) -> int:
        """By how much another choice could reach more, at most."""
        return self.upper_bound - self.reached

    @property
    def gap_ppm(self) -> int:
        """The gap in millionths of the bound, rounded up: 0 only where there is none."""
        return -(-self.gap * PPM // self.upper_bound) if self.gap else 0


def resolve(
    balances: Any,
    instructions: Any,
    *,
    objective: Objective | str = Objective.VALUE,
    time_limit_s: float = TIME_LIMIT_S,
) -> Resolution:
    """Choose what settles.

    `balances` are {(party, asset): n}, {party: {asset: n}}, {party: n} of the one asset there is, or a list
    for the parties 1, 2, …; whoever is in none is unknown. `instructions` are Instructions, lists of legs
    (payer, payee, asset, amount), or payments (payer, payee, amount) of the one asset. Without time to prove
    anything the answer is a rule's, and says so; it is never less than that.

    Raises InstructionsInvalid, saying where, and InvalidValue for an unknown objective or time limit.
    """
    wanted, limit_s = Objective.of(objective), checked_time_limit(time_limit_s)
    case = checked(balances, instructions)
    return _Resolving(case, balances, wanted, limit_s).run()


class _Resolving:
    def __init__(self, case: Case, balances: Any, objective: Objective, limit_s: float) -> None:
        self._case, self._balances, self._objective = case, balances, objective
        self._until_s = perf_counter() + limit_s
        named = {place for legs in case.legs for leg in legs for place in _places(leg)}
        self._places: list[Place] = [*case.held, *(place for place in _once(case) if place not in case.held)]
        assert named <= set(self._places)
        row = {place: i for i, place in enumerate(self._places)}
        columns: list[dict[int, int]] = []
        for legs in case.legs:
            changes: dict[int, int] = {}
            for leg in legs:
                for place, amount in zip(_places(leg), (-leg.amount, leg.amount), strict=True):
                    changes[row[place]] = changes.get(row[place], 0) + amount
            columns.append(changes)
        self._program = program(columns, case.values, [case.held.get(place, 0) for place in self._places])

    def run(self) -> Resolution:
        if self._objective is Objective.PRIORITY:
            return self._by_priority()
        of = self._program
        if self._objective is Objective.COUNT:
            of = replace(of, value=whole([1] * len(of)))
        solved = maximise(of, of.capacity, Queue(of), self._left_s())
        return self._result(solved.chosen, solved.value, solved.bound, solved.proof)

    def _by_priority(self) -> Resolution:
        """One level after the other, each with a row that holds what is reached above it."""
        of, priorities = self._program, np.array(self._case.priorities, dtype=np.int64)
        classes = sorted(set(self._case.priorities), reverse=True)
        chosen: Flags = np.zeros(len(of), dtype=bool)
        bounds, tried, held = [], True, of
        for priority in classes:
            value = np.where(priorities == priority, self._program.value, 0)
            level = replace(held, value=value)
            solved = maximise(level, level.capacity, Queue(level), self._left_s(), chosen)
            chosen, tried = solved.chosen, tried and solved.proof is not Proof.HEURISTIC
            bounds.append(solved.bound)
            held = _holding(level, solved.value)
        levels, reached, most, weight, is_proven = [], 0, 0, 1, True
        for priority, bound in zip(classes, bounds, strict=True):
            of_level = priorities == priority
            levels.append(Level(priority, of.worth(chosen & of_level), bound))
        weights: list[int] = []
        for priority in reversed(classes):
            weights.insert(0, weight)
            weight *= of.worth(priorities == priority) + 1
        for level_, each in zip(levels, weights, strict=True):
            reached += each * level_.value
            # Below the first level that could be higher, anything could be.
            most += each * (level_.upper_bound if is_proven else of.worth(priorities == level_.priority))
            is_proven = is_proven and level_.upper_bound <= level_.value
        proof = Proof.OPTIMAL if is_proven else Proof.BOUNDED if tried else Proof.HEURISTIC
        return self._result(chosen, reached, most, proof, tuple(levels))

    def _result(
        self, chosen: Flags, reached: int, most: int, proof: Proof, levels: tuple[Level, ...] = ()
    ) -> Resolution:
        left = self._program.left(chosen)
        after = dict(zip(self._places, left.tolist(), strict=True))
        assert all(amount >= 0 for amount in after.values()), "what was chosen leaves somebody short"
        settled = np.flatnonzero(chosen).tolist()
        return Resolution(
            tuple(settled),
            self._objective,
            reached,
            most,
            proof,
            self._program.worth(chosen),
            len(settled),
            like(self._balances, after),
            {j: self._short(j, after) for j in np.flatnonzero(~chosen).tolist()},
            levels,
        )

    def _short(self, position: int, after: Mapping[Place, int]) -> tuple[Short, ...]:
        changes: dict[Place, int] = {}
        for leg in self._case.legs[position]:
            for place, amount in zip(_places(leg), (-leg.amount, leg.amount), strict=True):
                changes[place] = changes.get(place, 0) + amount
        return tuple(
            Short(*place, -(after[place] + change))
            for place, change in changes.items()
            if after[place] + change < 0
        )

    def _left_s(self) -> float:  # seconds
        return self._until_s - perf_counter()


class Queue:
    """Instructions in their order, as a rule that makes choices fit and leaves out nothing that would."""

    def __init__(self, of: Program) -> None:
        self._of = of
        ends, rows, changes = of.start.tolist(), of.row.tolist(), of.change.tolist()
        self._entries = [
            list(zip(rows[first:end], changes[first:end], strict=True)) for first, end in pairwise(ends)
        ]

    def complete(self, order: Index | None, taken: Flags | None) -> Flags:
        """A choice from that of `taken` (None: all). Where somebody is short, the last that gives what is
        short waits, and so on; then, from the first on and again until none fits any more, each that fits
        comes back.
        """
        ordered = range(len(self._of)) if order is None else order.tolist()
        chosen: Flags = np.ones(len(self._of), dtype=bool) if taken is None else taken.copy()
        left = self._of.left(chosen).tolist()
        again = True
        while again:
            again = False
            for j in reversed(ordered):
                if chosen[j] and any(change < 0 and left[row] < 0 for row, change in self._entries[j]):
                    self._apply(left, j, -1)
                    chosen[j], again = False, True
        again = True
        while again:
            again = False
            for j in ordered:
                if not chosen[j] and all(
                    left[row] + change >= min(0, left[row]) for row, change in self._entries[j]
                ):
                    self._apply(left, j, 1)
                    chosen[j], again = True, True
        return chosen

    def fits(self, chosen: Flags) -> bool:
        """Whether nobody is short."""
        return self._of.fits(chosen)

    def _apply(self, left: list[int], j: int, sign: int) -> None:
        for row, change in self._entries[j]:
            left[row] += sign * change


def _holding(of: Program, least: int) -> Program:
    """The program with a row more, which keeps its value at what is reached: `least`."""
    rows = len(of.capacity)
    worth = np.flatnonzero(of.value != 0)
    start, row, change = assembled(
        len(of),
        rows + 1,
        np.concatenate((of.column, worth)),
        np.concatenate((of.row, np.full(len(worth), rows))),
        np.concatenate((of.change, of.value[worth])),
    )
    return Program(of.value, np.concatenate((of.capacity, whole([-least]))), start, row, change)


def _places(leg: Any) -> tuple[Place, Place]:
    return (leg.payer, leg.asset), (leg.payee, leg.asset)


def _once(case: Case) -> dict[Place, None]:
    """Every place that a leg names, in that order."""
    return {place: None for legs in case.legs for leg in legs for place in _places(leg)}
