"""Rows that follow from a program's own, for whole columns though not for parts: a tighter relaxation.

Mixed-integer rounding of one row (Marchand and Wolsey, "Aggregation and mixed integer rounding to solve
MIPs", 2001), in integers. Of a row sum(w[j] * z[j]) <= c, each z[j] a column that settles (or one that waits,
where the column is turned around), and any divisor d with r = c mod d:

    sum((w[j] // d * (d - r) + max(0, w[j] mod d - r)) * z[j]) <= c // d * (d - r)

holds for all z in whole numbers from 0 up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from settlement.liquidity.columns import Index
from settlement.liquidity.program import Program, Whole, bound, whole

if TYPE_CHECKING:
    from settlement.liquidity.highs import Relaxed

_ROUNDS = 40
_DIVISORS = 6
"""Columns in part of a row whose amounts are tried as divisors, whole and in halves, quarters and eighths."""
_STALL = 20_000
"""A round that lowers the bound by less than one in so many is the last but a few."""
_PATIENCE = 3


@dataclass(frozen=True, slots=True)
class _Row:
    """A row's columns, what settling each takes from it (negative: brings to it), and what there is."""

    column: Index
    takes: Whole
    there: int


def strengthen(of: Program, first: Relaxed, until_s: float) -> tuple[Program, Relaxed, int]:
    """The program with rows added which allow the same choices, its relaxation, and the bound that proves."""
    from settlement.liquidity.highs import Relaxation

    rows = list(_rows(of))
    tight, found = of, first
    assert found.prices is not None
    lowest, stalled = bound(of, found.prices, found.shift), 0
    nobody, everybody = np.zeros(len(of), dtype=bool), np.ones(len(of), dtype=bool)
    for _ in range(_ROUNDS):
        if found.part is None or perf_counter() >= until_s or stalled >= _PATIENCE:
            break
        new = [cut for row in rows if (cut := _violated(row, found.part)) is not None]
        if not new:
            break
        more = _with_rows(_without_slack(tight, found, len(of.capacity)), new)
        again = Relaxation(more).solve(nobody, everybody, until_s - perf_counter())
        if again.prices is None or again.part is None:
            break
        most = bound(more, again.prices, again.shift)
        stalled = stalled + 1 if (lowest - most) * _STALL < lowest else 0
        tight, found, lowest = more, again, min(lowest, most)
    return tight, found, lowest


def _rows(of: Program) -> Iterator[_Row]:
    column = of.column
    if not len(of.row):
        return
    order = np.argsort(of.row, kind="stable")
    rows, first = np.unique(of.row[order], return_index=True)
    for row, entries in zip(rows.tolist(), np.split(order, first[1:]), strict=True):
        if len(entries) > 1:
            yield _Row(column[entries], -of.change[entries], int(of.capacity[row]))


def _violated(row: _Row, part: npt.NDArray[np.int64]) -> _Row | None:
    """The row that follows from this one and is violated most by parts of columns, if any is."""
    from settlement.liquidity.highs import FRACTION

    parts = part[row.column]
    between = np.flatnonzero((parts > 0) & (parts < FRACTION))
    if not len(between):
        return None
    # Turned around, a column counts where it waits; then what is nearest to nothing counts little.
    turned = parts * 2 > FRACTION
    takes = np.where(turned, -row.takes, row.takes)
    there = row.there - sum(row.takes[turned].tolist())
    counted = whole(np.where(turned, FRACTION - parts, parts))
    largest = between[np.argsort(-np.abs(takes[between]), kind="stable")][:_DIVISORS]
    best, most = None, 0
    for divisor in {abs(take) >> halved for take in takes[largest].tolist() for halved in range(4)}:
        if divisor < 2 or there % divisor == 0:
            continue
        rest = there % divisor
        weights = takes // divisor * (divisor - rest) + (takes % divisor - rest).clip(min=0)
        limit = there // divisor * (divisor - rest)
        above = sum((weights * counted).tolist()) - limit * FRACTION
        # By how much of its own length: rows of other divisors have other units.
        length = sum(abs(weight) for weight in weights[between].tolist()) + 1
        if above > 0 and (score := above * 1_000_000 // (length * FRACTION)) > max(most, 1_000):
            best, most = (weights, limit), score
    if best is None:
        return None
    weights, limit = best
    return _Row(row.column, np.where(turned, -weights, weights), limit - sum(weights[turned].tolist()))


def _without_slack(of: Program, found: Relaxed, own: int) -> Program:
    """Without added rows that have no price: they do nothing any more."""
    assert found.prices is not None
    keep = np.ones(len(of.capacity), dtype=bool)
    keep[own:] = (found.prices[own:] > 0).astype(bool)
    entries = keep[of.row]
    counts = np.bincount(of.column[entries], minlength=len(of))
    return replace(
        of,
        capacity=of.capacity[keep],
        start=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        row=(np.cumsum(keep) - 1)[of.row[entries]],
        change=of.change[entries],
    )


def _with_rows(of: Program, new: list[_Row]) -> Program:
    count = len(of.capacity)
    column = np.concatenate([of.column, *(row.column for row in new)])
    at = np.concatenate([of.row, *(np.full(len(row.column), count + i) for i, row in enumerate(new))])
    change = np.concatenate([of.change, *(-row.takes for row in new)])
    there = change != 0
    column, at, change = column[there], at[there], change[there]
    order = np.lexsort((at, column))
    counts = np.bincount(column, minlength=len(of))
    return replace(
        of,
        capacity=np.concatenate((of.capacity, whole([row.there for row in new]))),
        start=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        row=at[order],
        change=change[order],
    )
