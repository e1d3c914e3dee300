"""Trading days: which ones entries are complete for, and entries that have a trade on a wrong one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt

from settlement.reconciliation.entries import Entries

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
_LISTED = 3
_NUMBERS = 1 << 32
"""How many numbers a day has on the ledger."""


def misdated(mine: Entries, ledger: Entries, rows: Rows, owner: str) -> tuple[Mask, Rows]:
    """Which of the owner's entries have a day and number that none of its trades on the ledger, `rows`, has,
    while one of another day has their number and is not there itself; and which of `rows` these may be.
    """
    sound = (mine.number >= 0) & (mine.number < _NUMBERS)
    here, there = _keys(mine), _keys(ledger)[rows]
    astray: Mask = sound & mine.of(owner) & ~np.isin(here, there)
    if not astray.any():
        return astray, rows[:0]
    found = rows[~np.isin(there, here[sound]) & np.isin(ledger.number[rows], mine.number[astray])]
    return astray & np.isin(mine.number, ledger.number[found]), found


def covered(days: npt.NDArray[np.int32], mine: Entries, ledger: Entries, rows: Rows, owner: str) -> Mask:
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


def concerning(mine: Entries, astray: Mask, theirs: Entries, days: npt.NDArray[np.int32]) -> Mask:
    """Entries of those days, and those astray that may be one of theirs."""
    found: Mask = np.isin(mine.day, days) | (astray & np.isin(mine.number, theirs.number))
    return found


def listed(days: Sequence[date]) -> str:
    """Days in words, the first few of them."""
    said = ", ".join(map(str, days[:_LISTED]))
    return said if len(days) <= _LISTED else f"{said} and {len(days) - _LISTED} more"


def _keys(entries: Entries) -> Rows:
    keys: Rows = entries.day.astype(np.int64) * _NUMBERS + entries.number.astype(np.int64)
    return keys
