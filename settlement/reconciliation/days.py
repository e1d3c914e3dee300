"""Trading days: which ones entries are complete for, and entries that have a trade on a wrong one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from ledger.ids import parse_day_number
from settlement.reconciliation.entries import NO_NUMBER, Entries
from settlement.reconciliation.trades import Difference

Days = npt.NDArray[np.int32]
Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
_LISTED = 3
_NUMBERS = 1 << 32
"""How many numbers a day has on the ledger."""


def misdated(mine: Entries, ledger: Entries, rows: Rows, owner: str) -> tuple[Mask, Rows]:
    """Which of the owner's entries have a day and number that none of its trades on the ledger, `rows`, has,
    while one of another day has their number and is not there itself; and which of `rows` these may be.
    """
    days = np.unique(ledger.day[rows])
    if not len(days) or (len(days) == 1 and (mine.day == days[0]).all()):
        return np.zeros(len(mine), dtype=np.bool_), rows[:0]
    sound = (mine.number >= 0) & (mine.number < _NUMBERS)
    here, there = _keys(mine), _keys(ledger)[rows]
    astray: Mask = sound & mine.of(owner) & ~np.isin(here, there)
    if not astray.any():
        return astray, rows[:0]
    found = rows[~np.isin(there, here[sound]) & np.isin(ledger.number[rows], mine.number[astray])]
    return astray & np.isin(mine.number, ledger.number[found]), found


def covered(days: Days, mine: Entries, ledger: Entries, rows: Rows, owner: str) -> Mask:
    """Which of the ledger's trading days entries are taken to be complete for: all from their first to their
    last. One entry on a wrong day does not make a book one of that day.
    """
    within: Mask = (days >= mine.day.min()) & (days <= mine.day.max())
    if np.count_nonzero(within) > 1:
        astray, _ = misdated(mine, ledger, rows, owner)
        if not astray.all():
            sound = mine.day[~astray]
            within &= (days >= sound.min()) & (days <= sound.max())
    return within


def concerning(
    mine: Entries, ledger: Entries, rows: Rows, elsewhere: Rows, astray: Mask, days: Days, *, between: bool
) -> Mask:
    """Which of mine to hold against the ledger's of these days, its `rows` and those `elsewhere`: entries of
    the days and those astray; where `between`, those of days among them that the ledger has not; and of any
    day that the ledger has not, without a number, what has the quantity and amount of one of its rows.
    """
    found: Mask = np.isin(mine.day, days) | (astray & np.isin(mine.number, ledger.number[rows]))
    found |= astray & np.isin(mine.number, ledger.number[elsewhere])
    if between and len(days):
        found |= (mine.day >= days[0]) & (mine.day <= days[-1])
    left = np.flatnonzero(~found & (mine.number == NO_NUMBER) & ~np.isin(mine.day, np.unique(ledger.day)))
    if len(left):
        there = set(zip(ledger.quantity[rows].tolist(), ledger.amount[rows].tolist(), strict=True))
        pairs = zip(mine.quantity[left].tolist(), mine.amount[left].tolist(), strict=True)
        found[left] = [pair in there for pair in pairs]
    return found


def asked(found: Sequence[Difference], mine: Entries, own_days: int, days: Days) -> list[Difference]:
    """The differences without those that are of nothing but trades after the first `own_days` rows of the
    ledger's, or of entries without a number on a day that is not among these: they were only looked at
    because the two might have been one.
    """

    def is_asked(each: Difference) -> bool:
        if each.theirs:
            return bool(each.mine) or each.theirs[0] < own_days
        row = each.mine[0]
        within = len(days) > 0 and days[0] <= mine.day[row] <= days[-1]
        return bool(within or mine.number[row] != NO_NUMBER)

    return [each for each in found if is_asked(each)]


def every_day(days: Days) -> frozenset[date]:
    """Every calendar day from the first to the last."""
    if not len(days):
        return frozenset()
    first, last = (parse_day_number(int(day)) for day in (days[0], days[-1]))
    return frozenset(first + timedelta(n) for n in range((last - first).days + 1))


def listed(days: Sequence[int]) -> str:
    """Days in words, the first few of them."""
    said = ", ".join(str(parse_day_number(day)) for day in days[:_LISTED])
    return said if len(days) <= _LISTED else f"{said} and {len(days) - _LISTED} more"


def _keys(entries: Entries) -> Rows:
    keys: Rows = entries.day.astype(np.int64) * _NUMBERS + entries.number.astype(np.int64)
    return keys
