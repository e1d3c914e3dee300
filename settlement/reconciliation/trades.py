"""Trades of one side against the ledger's: what is held against what, and where they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from settlement.reconciliation.attributes import by_attributes, copies, reopened
from settlement.reconciliation.entries import Entries
from settlement.reconciliation.fields import differing
from settlement.reconciliation.findings import Findings, Found
from settlement.reconciliation.groups import by_sums
from settlement.reconciliation.model import Kind
from settlement.reconciliation.nearest import nearest
from settlement.reconciliation.numbers import by_number
from settlement.reconciliation.renumbered import by_other_number
from settlement.reconciliation.sides import Both, Row
from settlement.sources import EXACT, Tolerances


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between rows of `mine` and rows of `theirs`; either may be none, or several."""

    kind: Kind
    mine: tuple[int, ...]
    theirs: tuple[int, ...]
    fields: Mapping[str, tuple[object, object]]
    """Field of `model.NAMED` → the value of mine and of theirs, None where a side has nothing; of a wrong
    number `trade_number` alone. Names, not codes; quantities and amounts as integers, days yyyymmdd, times
    seconds. Of several rows (merged, split, ambiguous) quantity and amount are their sums, even where these
    agree. Of a row that is missing or a duplicate it is all that the row says."""
    candidates: tuple[int, ...] = ()
    """Where `kind` is ambiguous: the rows of theirs that fit equally, which are all of `theirs`."""


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """What came of holding one side's entries against the other's."""

    differences: list[Difference]
    held: npt.NDArray[np.int64]
    """For each row of mine the row of theirs that it is held against (of several, one), else -1: it has no
    partner, is ambiguous, or is no business of the owner."""
    compared: int
    """How many trades were compared: those that either side has."""


def compare(mine: Entries, theirs: Entries, *, owner: str, tolerances: Tolerances = EXACT) -> Matched:
    """Hold `mine` against `theirs`, the ledger's entries of `owner`: by trade number where both have it,
    else by attributes. Whatever the order of rows, the same is found.

    Of mine, rows in which the owner is no party are left alone unless their day and number are those of one
    of theirs. Every other row of either side is held against one that agrees, or is in one difference. A row
    is held by the first of these that finds it a partner:

    1. day and number (`numbers`);
    2. without a number, agreement in everything (`attributes`);
    3. its number on another day, or all but its number (`renumbered`);
    4. without a number, agreement within tolerance, in the assignment that is best overall (`nearest`);
    5. sums of several (`groups`);
    6. without a number, few differences, in the assignment that is best overall (`nearest`).
    """
    both = Both.of(mine, theirs, owner, tolerances)
    found = Findings.none(both)
    by_number(found)
    by_attributes(found)
    if tolerances != EXACT:
        reopened(found)
    by_other_number(found)
    pairs, unclear, _ = nearest(both, *found.free())
    for row, its in pairs:
        if not differing(both, row, its):
            found.pair(row, its)
    by_sums(found, [each for each in unclear if _agreeing(both, *each)])
    pairs, unclear, crowded = nearest(both, *found.free())
    for row, its in [*pairs, *found.pairs]:
        found.pair(row, its)
    for some, candidates in unclear:
        found.group(Kind.AMBIGUOUS, some, candidates)
    _left(found, [*found.crowded, *crowded])
    differences = sorted(found.found, key=lambda each: each.order)
    extra = sum(max(0, len(each.mine) - len(each.theirs)) for each in differences if _more(each))
    return Matched([_difference(each) for each in differences], found.held, len(theirs) + extra)


def _agreeing(both: Both, mine: Sequence[Row], theirs: Sequence[Row]) -> bool:
    """Whether any of mine agrees with any of theirs: then it goes with one of those, whichever."""
    return any(not differing(both, row, its) for row in mine for its in theirs)


def _more(found: Found) -> bool:
    """Whether it speaks of trades that only mine has."""
    return found.kind is Kind.AMBIGUOUS or found.kind is Kind.MISSING_THERE


def _left(found: Findings, crowded: Sequence[tuple[list[Row], list[Row]]]) -> None:
    """What has no partner: ambiguous where there were too many to look at, else missing or a copy."""
    for some, candidates in crowded:
        here = sorted({row for row in some if not found.mine_done[row.at] and not row.numbered})
        there = sorted({row for row in candidates if not found.theirs_done[row.at]})
        if here and there:
            found.group(Kind.AMBIGUOUS, here, there)
    mine, theirs = found.free()
    again = found.extra | copies(found, [row for row in mine if not row.numbered])
    for row in mine:
        found.alone(Kind.DUPLICATE if row.at in again else Kind.MISSING_THERE, row)
    for row in theirs:
        found.alone(Kind.MISSING_HERE, row)


def _difference(found: Found) -> Difference:
    mine, theirs, candidates = (
        tuple(row.at for row in rows) for rows in (found.mine, found.theirs, found.candidates)
    )
    return Difference(found.kind, mine, theirs, found.fields, candidates)
