"""Choosing as an integer program, in exact integers: which columns settle, so that no row falls below
nothing.

A *column* is what settles whole or waits: a trade, an instruction. A *row* is a place that can be short: a
party and an asset. Settling a column changes some rows; a row begins with its capacity. Wanted are the
columns of the largest total value that leave every row at nothing or more, all of them settling together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ledger.units import exact
from settlement.liquidity.columns import Index

Flags = npt.NDArray[np.bool_]
"""One a column."""
Whole = npt.NDArray[Any]
"""Python ints (dtype object), however large."""


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Columns by their entries. Entry e of column j, for e from start[j] up to start[j + 1], changes row
    row[e] by change[e], which is not 0; a column has at most one entry a row."""

    value: Whole
    """Of each column, at least 1."""
    capacity: Whole
    """Of each row."""
    start: Index
    row: Index
    change: Whole

    def __len__(self) -> int:
        return len(self.value)

    @property
    def column(self) -> Index:
        """The column of each entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.start))

    def left(self, chosen: Flags) -> Whole:
        """What each row has when the chosen columns settle."""
        after = self.capacity.copy()
        taken = chosen[self.column]
        np.add.at(after, self.row[taken], self.change[taken])
        return after

    def fits(self, chosen: Flags) -> bool:
        """Whether no row falls below nothing."""
        return not (self.left(chosen) < 0).any()

    def part(self, free: Flags, settled: Flags) -> Program:
        """The program of the free columns, when the settled ones do settle and all others wait."""
        entries = free[self.column]
        counts = np.diff(self.start)[free]
        return Program(
            self.value[free],
            self.left(settled & ~free),
            np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
            self.row[entries],
            self.change[entries],
        )

    def worth(self, chosen: Flags) -> int:
        """The value of the chosen columns."""
        return int(sum(self.value[chosen].tolist()))

    def weighted(self, multipliers: Whole, shift: int) -> Whole:
        """Each column's value in 2^-shift, with what it does to the rows priced at the multipliers."""
        priced = multipliers[self.row] * self.change
        total = self.value << shift
        np.add.at(total, self.column, priced)
        return total


def program(columns: Sequence[Mapping[int, int]], value: Sequence[int], capacity: Sequence[int]) -> Program:
    """From each column's changes, row → change."""
    kept = [sorted((row, change) for row, change in each.items() if change) for each in columns]
    lengths = [len(each) for each in kept]
    return Program(
        whole(value),
        whole(capacity),
        np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))).astype(np.int64),
        np.array([row for each in kept for row, _ in each], dtype=np.int64),
        whole([change for each in kept for _, change in each]),
    )


def assembled(
    size: int,
    rows: int,
    column: npt.NDArray[Any],
    row: npt.NDArray[Any],
    change: npt.NDArray[Any],
) -> tuple[Index, Index, Whole]:
    """`start`, `row` and `change` of a program from entries in any order, those of one place added up."""
    places, at = np.unique(column.astype(np.int64) * rows + row, return_inverse=True)
    total = whole(np.zeros(len(places), dtype=np.int64))
    np.add.at(total, at, whole(change))
    there = np.flatnonzero(total != 0)
    places, total = places[there], total[there]
    counts = np.bincount(places // rows, minlength=size)
    start = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    return start, (places % rows).astype(np.int64), total


def whole(values: Sequence[int] | npt.NDArray[Any]) -> Whole:
    """The values as Python ints."""
    return exact(values).astype(object)


def bound(
    of: Program, multipliers: Whole, shift: int, lower: Flags | None = None, upper: Flags | None = None
) -> int:
    """The most that any choice can be worth: proven by the multipliers (one a row, in 2^-shift, none
    negative), whatever they are.

    Nothing that fits leaves a row below nothing; so paying its multiplier for what is left in each row only
    adds to the value, and each column can then be chosen by itself. Good multipliers make the bound a tight
    one. Columns with `lower` settle, those without `upper` wait.
    """
    weighted = of.weighted(multipliers, shift)
    free = weighted.clip(min=0) if len(weighted) else weighted
    if upper is not None:
        free = np.where(upper, free, 0)
    if lower is not None:
        free = np.where(lower, weighted, free)
    total = sum((multipliers * of.capacity).tolist()) + sum(free.tolist())
    return int(total >> shift)


def contradicts(of: Program, ray: Whole, lower: Flags, upper: Flags) -> bool:
    """Whether the multipliers of `ray` prove that nothing fits with these columns settled or waiting: even
    the best choice leaves the rows, so weighted, below nothing."""
    best = sum((ray * of.capacity).tolist())
    effect = whole(np.zeros(len(of), dtype=np.int64))
    np.add.at(effect, of.column, ray[of.row] * of.change)
    free = np.where(upper, effect.clip(min=0), 0)
    return bool(best + sum(np.where(lower, effect, free).tolist()) < 0)
