"""Choosing which trades of a day settle with the holdings there are: as much value, or as many, as can be.

Where nobody is short once all trades are applied, all settle, and nothing is solved. Only otherwise the
trades become a program, with a row for each place that can be short: securities in units, cash in millionths
of a minor unit. Levy and revenue shares are cash that a broker needs. What it gives away is rounded down a
share, of a running total, and may go by tiers; the program counts with a straight line, above it where it
searches, and below it where it bounds. The rule of `settlement.liquidity.rule` knows exactly, repairs what
was found, and lets come back what still fits. What brokers may receive as a partner's share in the same
cycle is not counted on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from ledger.units import PPM, exact_sum
from settlement.agreements.sharing import Around
from settlement.liquidity.columns import CASH, Holdings, Index, Instructions, Positions, Shortage
from settlement.liquidity.objectives import TIME_LIMIT_S, Objective, checked_time_limit
from settlement.liquidity.program import Flags, Program, Whole, assembled, whole
from settlement.liquidity.reduce import Doubts
from settlement.liquidity.rule import Rule, by_number
from settlement.liquidity.solve import MOST_SEARCHED, Proof, maximise


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """Which trades settle together, and how much better another choice could be at most."""

    settles: Flags
    """One a row."""
    waiting: Mapping[int, list[Shortage]]
    """What each other row waits for, rows rising."""
    objective: Objective
    reached: int
    """Of the objective: settled value in minor units, or the number of trades."""
    upper_bound: int
    """Nothing that settles reaches more."""
    proof: Proof
    seconds: float = field(default=0)  # seconds

    @property
    def gap(self) -> int:
        """By how much another choice could be better, at most."""
        return self.upper_bound - self.reached


def choose(
    trades: Instructions,
    holdings: Holdings,
    *,
    objective: Objective | str = Objective.VALUE,
    time_limit_s: float = TIME_LIMIT_S,
) -> Chosen:
    """The trades that settle together, as good a choice as can be found in the time: never worth less than
    the plain rule's. Of trades, only value and number can be the objective.

    Raises InvalidValue for another objective or time limit.
    """
    wanted = Objective.of(objective, Objective.VALUE, Objective.COUNT)
    limit_s = checked_time_limit(time_limit_s)
    start_s = perf_counter()
    value = trades.amount if wanted is Objective.VALUE else np.ones(len(trades), dtype=np.int64)
    if not len(trades) or not (positions := Positions(trades, holdings)).anybody_short():
        every, reached = np.ones(len(trades), dtype=bool), exact_sum(value)
        return Chosen(every, {}, wanted, reached, reached, Proof.OPTIMAL, perf_counter() - start_s)
    rule = _ExactRule(trades, positions)
    if len(trades) > MOST_SEARCHED:
        chosen = rule.complete(None, None)
        reached, most = exact_sum(value[chosen]), exact_sum(value)
        return Chosen(
            chosen, rule.reasons(chosen), wanted, reached, most, Proof.HEURISTIC, perf_counter() - start_s
        )
    of, certain, doubts = _program(trades, positions, whole(value))
    solved = maximise(of, certain, rule, limit_s, doubts=doubts)
    reasons = rule.reasons(solved.chosen)
    return Chosen(
        solved.chosen, reasons, wanted, solved.value, solved.bound, solved.proof, perf_counter() - start_s
    )


def choose_in_order(trades: Instructions, holdings: Holdings, *, bypass: bool) -> Flags:
    """Which trades settle one by one, gross, each with what those before it have left, in the order of their
    numbers: until the first that does not fit (strict FIFO), or with `bypass` going on after it.
    """
    if not len(trades):
        return np.zeros(0, dtype=bool)
    rule = Rule(trades, Positions(trades, holdings), by_number(trades))
    rule.queue(bypass=bypass)
    return rule.chosen()


def shortages(trades: Instructions, holdings: Holdings, settles: Flags) -> dict[int, list[Shortage]]:
    """What each trade that does not settle would be short of if it settled, too; rows rising."""
    return _ExactRule(trades, Positions(trades, holdings)).reasons(settles)


class _ExactRule:
    """The rule over the trades, in whatever order, to the last minor unit."""

    def __init__(self, trades: Instructions, positions: Positions) -> None:
        self._trades, self._positions = trades, positions
        self._numbers = by_number(trades)

    def complete(self, order: Index | None, taken: Flags | None) -> Flags:
        rule = Rule(self._trades, self._positions, self._numbers if order is None else order)
        if taken is not None:
            rule.hold_back(np.flatnonzero(~taken))
        rule.drop()
        rule.bring_back()
        return rule.chosen()

    def fits(self, chosen: Flags) -> bool:
        return not self._held_back(chosen).anybody_short()

    def reasons(self, chosen: Flags) -> dict[int, list[Shortage]]:
        """What each trade that is not chosen waits for, besides those that are."""
        return self._held_back(chosen).reasons()

    def _held_back(self, chosen: Flags) -> Rule:
        rule = Rule(self._trades, self._positions, self._numbers)
        rule.hold_back(np.flatnonzero(~chosen))
        return rule


def _program(trades: Instructions, positions: Positions, value: Whole) -> tuple[Program, Whole, Doubts]:
    """The trades' program, with the capacity that at most is there, what of it is certain, and which trades
    could take cash from a party though they do not by the straight line.
    """
    parties, places = len(positions.parties), len(positions.cells)
    arounds = [
        sharing.around(earned) for sharing, earned in zip(positions.sharing, positions.earned, strict=True)
    ]
    levy, slope = whole(trades.levy) * PPM, whole([around.slope_ppm for around in arounds])
    others = np.flatnonzero(positions.buyer != positions.seller)
    price, quantity = whole(trades.amount)[others] * PPM, whole(trades.quantity)[others]
    rows = np.arange(len(trades))
    entries: list[tuple[npt.NDArray[Any], npt.NDArray[Any], Whole]] = [
        (rows, positions.buyer, -levy - whole(trades.fee) * slope[positions.buyer]),
        (rows, positions.seller, -levy - whole(trades.fee) * slope[positions.seller]),
        (others, positions.buyer[others], -price),
        (others, positions.seller[others], price),
        (others, parties + positions.bought_at[others], quantity),
        (others, parties + positions.sold_at[others], -quantity),
    ]
    column, row, change = (np.concatenate(each) for each in zip(*entries, strict=True))
    start, row, change = assembled(len(trades), parties + places, column, row, change)
    held = positions.holdings.held
    cash = [held.get((name, CASH), 0) * PPM for name in positions.parties.tolist()]
    at_least = [each - around.over for each, around in zip(cash, arounds, strict=True)]
    at_most = [each + around.under for each, around in zip(cash, arounds, strict=True)]
    names, codes = positions.parties.tolist(), positions.securities.tolist()
    units = [
        held.get((names[cell // len(codes)], codes[cell % len(codes)]), 0)
        for cell in positions.cells.tolist()
    ]
    program = Program(value, whole(at_most + units), start, row, change)
    return program, whole(at_least + units), _doubts(trades, positions, arounds)


def _doubts(trades: Instructions, positions: Positions, arounds: Sequence[Around]) -> Doubts:
    """Trades, and a party of each, that may have less cash by it: of revenue shares as much as can be."""
    rate, jump = (whole([getattr(each, name) for each in arounds]) for name in ("rate_ppm", "jump"))
    own = positions.buyer == positions.seller
    price, sides = np.where(own, 0, whole(trades.amount)), np.where(own, 2, 1)
    fee, levy = whole(trades.fee) * sides, whole(trades.levy) * sides
    found = []
    for party, gain in ((positions.buyer, -price - levy), (positions.seller, price - levy)):
        rows = np.flatnonzero((gain * PPM < fee * rate[party] + jump[party] * (fee > 0)).astype(bool))
        found.append((rows, party[rows]))
    columns, parties = (np.concatenate(each) for each in zip(*found, strict=True))
    return columns, parties
