"""Entries without a number that agree with others in everything, matched as sets, column against column.

What an entry says is hashed into one word, and words are sorted and matched; a pair counts only once its
columns are found equal, so a collision costs time, not truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ledger.units import TIME_UNKNOWN, Column
from settlement.reconciliation.entries import NO_DAY, NO_NUMBER
from settlement.reconciliation.fields import differ
from settlement.reconciliation.findings import CHUNK, Findings
from settlement.reconciliation.sides import Both, Places, Row, Side

Words = npt.NDArray[np.uint64]
_TIME, _SETTLES, _CURRENCY = 1, 2, 4
"""What an entry may leave unsaid, as bits."""
_ODD = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


def by_attributes(found: Findings) -> None:
    """Match entries of which at most one side has a number and which agree in all that both say.

    Of k alike there and n here, k are matched where n ≥ k; where there are fewer here than there it cannot be
    told which are missing, and all stay. Of a self-trade a book by sides has two rows, so 2 × k are matched.
    """
    both = found.both
    here, there = (each.entries.number == NO_NUMBER for each in (both.mine, both.theirs))
    for bare, other in ((here, None), (~here, there)):
        mine = np.flatnonzero(bare & ~found.mine_done)
        said = _said(both.mine, mine)
        # Those that say more first: the others take what is left.
        patterns = np.flatnonzero(np.bincount(said)).tolist()
        for pattern in sorted(patterns, key=lambda bits: (-bits.bit_count(), bits)):
            free = ~found.theirs_done if other is None else other & ~found.theirs_done
            _match(found, mine[said == pattern], np.flatnonzero(free), pattern)


def _said(side: Side, rows: Places) -> npt.NDArray[np.uint8]:
    entries = side.entries
    bits: npt.NDArray[np.uint8] = (entries.time[rows] != TIME_UNKNOWN) * np.uint8(_TIME)
    bits |= (entries.settles[rows] != NO_DAY) * np.uint8(_SETTLES)
    bits |= (entries.currency[rows] >= 0) * np.uint8(_CURRENCY)
    return bits


def _match(found: Findings, mine: Places, theirs: Places, pattern: int) -> None:
    if not len(mine) or not len(theirs):
        return
    both = found.both
    bits = int(np.bitwise_or.reduce(_said(both.theirs, theirs))) & pattern
    mine, words, alike = _ordered(mine, hashed(both, both.mine, mine, bits), both.mine.entries.line)
    theirs, its, others = _ordered(
        theirs, hashed(both, both.theirs, theirs, bits), both.theirs.entries.number
    )
    at = np.searchsorted(its, words)
    has = at < len(its)
    has[has] = its[at[has]] == words[has]
    several = alike.copy()
    several[has] |= others[at[has]]
    several &= has
    has &= ~several
    partner = np.full(len(both.mine), -1, dtype=np.int64)
    partner[mine[has]] = theirs[at[has]]
    here, taken = _sets(both, mine[several], words[several], at[several], its)
    partner[here] = theirs[taken]
    # By rising place of mine, so that at least its columns are read in their order.
    rows = np.flatnonzero(partner >= 0)
    for start in range(0, len(rows), CHUNK):
        some = rows[start : start + CHUNK]
        agree = some[~differ(both, some, partner[some])]
        found.hold(agree, partner[agree])


def _sets(both: Both, mine: Places, words: Words, at: Places, its: Words) -> tuple[Places, Places]:
    """Of rows with several alike on either side, which is matched to which: positions in `its`, where those
    with its word begin `at`. Both rise.
    """
    starts = np.flatnonzero(np.append(True, words[1:] != words[:-1])[: len(words)])
    counts = np.diff(np.append(starts, len(words)))
    there = np.searchsorted(its, words[starts], "right") - at[starts]
    first = mine[starts]
    own = (both.mine.buyer(first) == both.owner) & (both.mine.seller(first) == both.owner)
    own &= not both.mine.entries.whole
    most = np.where(counts >= there, there * (1 + own), 0)
    rank = np.arange(len(words)) - np.repeat(starts, counts)
    taken = np.flatnonzero(rank < np.repeat(most, counts))
    return mine[taken], at[taken] + rank[taken] % np.repeat(there, counts)[taken]


def _ordered(
    rows: Places, words: Words, then: npt.NDArray[np.int64]
) -> tuple[Places, Words, npt.NDArray[np.bool_]]:
    """The rows and their words by rising word, those of one word by what comes `then`; and which have a word
    that others have.
    """
    order = np.argsort(words)
    rows, words = rows[order], words[order]
    same = np.zeros(len(words), dtype=bool)
    same[1:] = words[1:] == words[:-1]
    same[:-1] |= same[1:].copy()
    tied = np.flatnonzero(same)
    rows[tied] = rows[tied[np.lexsort((then[rows[tied]], words[tied]))]]
    return rows, words, same


def hashed(both: Both, side: Side, rows: Places, bits: int) -> Words:
    """One word for each row, equal where day, parties, security, quantity, amount, charges and what `bits`
    asks for are.
    """
    entries = side.entries
    charges = [
        getattr(entries, name)
        for name in ("commission", "levy")
        if getattr(both.mine.entries, name) is not None and getattr(both.theirs.entries, name) is not None
    ]
    columns: list[Column] = [entries.day, entries.quantity, entries.amount, *charges]
    columns += [entries.time] if bits & _TIME else []
    columns += [entries.settles] if bits & _SETTLES else []
    words = np.empty(len(rows), dtype=np.uint64)
    for start in range(0, len(rows), CHUNK):
        some = rows[start : start + CHUNK]
        codes = [*_place(both, side, some), *([side.currency(some)] if bits & _CURRENCY else [])]
        words[start : start + CHUNK] = _mixed([column[some] for column in columns] + codes, len(some))
    return words


def _mixed(columns: Sequence[Column], count: int) -> Words:
    words = np.zeros(count, dtype=np.uint64)
    for column in columns:
        words ^= _words(column)
        words *= _ODD
        words ^= words >> _SHIFT
    return words


def _place(both: Both, side: Side, rows: Places) -> list[Column]:
    """Security and parties, without the other party where mine never names it."""
    parties = [side.buyer(rows), side.seller(rows)]
    if not both.names_both:
        parties = [np.where(party == both.owner, party, np.int32(-1)) for party in parties]
    return [side.security(rows), *parties]


def _words(column: npt.NDArray[Any]) -> Words:
    if column.dtype == object:
        return np.array([value & (2**64 - 1) for value in column.tolist()], dtype=np.uint64)
    return column.astype(np.uint64)


_FEW = 40
"""Entries of one place that are matched anew where tolerances leave a choice."""


def reopened(found: Findings) -> None:
    """Where tolerances are given, entries that agree exactly may be better held against others within them:
    give back those of a place in which others found no partner, where they are few.
    """
    both = found.both
    held = np.flatnonzero((found.held >= 0) & (both.mine.entries.number == NO_NUMBER))
    held = held[np.bincount(found.held[held], minlength=len(both.theirs))[found.held[held]] == 1]
    free = np.flatnonzero(~found.mine_done), np.flatnonzero(~found.theirs_done)
    words = _places(both, both.mine, held)
    open_, count = np.unique(
        np.concatenate([_places(both, both.mine, free[0]), _places(both, both.theirs, free[1]), words]),
        return_counts=True,
    )
    open_ = open_[count <= _FEW]
    left = np.concatenate([_places(both, both.mine, free[0]), _places(both, both.theirs, free[1])])
    again = held[np.isin(words, np.intersect1d(open_, left))]
    found.mine_done[again] = False
    found.theirs_done[found.held[again]] = False
    found.held[again] = -1


def _places(both: Both, side: Side, rows: Places) -> Words:
    """One word for each row, equal where day, security and parties are."""
    return _mixed([side.entries.day[rows], *_place(both, side, rows)], len(rows))


def copies(found: Findings, rows: list[Row]) -> set[int]:
    """Which of these rows of mine say what one says that has a partner."""
    both = found.both
    held = np.flatnonzero((found.held >= 0) & (both.mine.entries.number == NO_NUMBER))
    if not rows or not len(held):
        return set()
    asked = np.array([row.at for row in rows], dtype=np.int64)
    alike = np.isin(hashed(both, both.mine, held, ~0), hashed(both, both.mine, asked, ~0))
    said = {row.content for row in both.mine.rows(held[alike])}
    return {row.at for row in rows if row.content in said}
