"""The entries that both sides have under one trade number, column against column.

A number is unique within a trading day, so (day, number) is the key. Where each side has a key once, the two
rows are held against each other whatever they say; where a book has it more than once, one is a duplicate or
they are parts of one trade.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from settlement.reconciliation.entries import NO_NUMBER, Entries
from settlement.reconciliation.fields import differ, differing
from settlement.reconciliation.findings import CHUNK, Findings
from settlement.reconciliation.model import Kind
from settlement.reconciliation.nearest import closest
from settlement.reconciliation.sides import Both, Places, Row, Where
from settlement.reconciliation.sums import subsets

_THREADS = 2


def by_number(found: Findings) -> None:
    """Hold numbered rows against those of the same day and number. What is nobody's business is done with:
    rows of mine in which the owner is no party and whose number is none of the owner's trades.
    """
    both = found.both
    here_keys, there_keys = _keys(both.mine.entries, both.theirs.entries)
    there = _sorted(np.flatnonzero(both.theirs.entries.number != NO_NUMBER), there_keys)
    there_keys = there_keys[there]
    own = both.mine.entries.of(both.parties[both.owner])
    numbered = both.mine.entries.number != NO_NUMBER
    others = np.flatnonzero(~own)
    strangers = others[~(numbered[others] & _among(here_keys[others], there_keys))]
    found.mine_done[strangers] = True
    here = _sorted(np.flatnonzero(numbered & ~found.mine_done), here_keys)
    here_keys = here_keys[here]
    once = _once(here_keys)
    once_there = _once(there_keys)
    if len(here) == len(there) and np.array_equal(here_keys, there_keys):
        at = np.arange(len(here))
        has = np.ones(len(here), dtype=bool)
    else:
        at = np.searchsorted(there_keys, here_keys)
        has = at < len(there)
        has[has] = there_keys[at[has]] == here_keys[has]
    several = ~once
    several[has] |= ~once_there[at[has]]
    alike = has & ~several
    if not alike.all():
        _hold(found, here[alike], there[at[alike]])
    else:
        _hold(found, here, there[at])
    for mine, theirs in _groups(here, here_keys, there, there_keys, np.flatnonzero(several)):
        _several(found, both.mine.rows(mine), both.theirs.rows(theirs))


def _keys(mine: Entries, theirs: Entries) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(day, number) as one integer that rises with both."""
    sides = [(each.day.astype(np.int64), each.number) for each in (mine, theirs)]
    if any(len(number) and (int(number.max()) >= 1 << 32 or int(number.min()) < -1) for _, number in sides):
        # Numbers too large for half a word: their ranks among all numbers take their place.
        _, rank = np.unique(np.concatenate([number for _, number in sides]), return_inverse=True)
        ranks = rank[: len(mine)], rank[len(mine) :]
        sides = [(day, rank) for (day, _), rank in zip(sides, ranks, strict=True)]
    keys = []
    for day, number in sides:
        day <<= 32
        day += number
        keys.append(day)
    return keys[0], keys[1]


def _sorted(rows: Places, keys: npt.NDArray[np.int64]) -> Places:
    """The rows by rising key; they mostly come that way."""
    taken = keys if len(rows) == len(keys) else keys[rows]
    return rows if bool((taken[1:] >= taken[:-1]).all()) else rows[np.argsort(taken)]


def _among(keys: npt.NDArray[np.int64], known: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which keys are among the `known`, which rise."""
    if not len(known):
        return np.zeros(len(keys), dtype=bool)
    at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    found: npt.NDArray[np.bool_] = known[at] == keys
    return found


def _once(keys: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which of rising keys are there once."""
    single = np.ones(len(keys), dtype=bool)
    same = keys[1:] == keys[:-1]
    single[1:] &= ~same
    single[:-1] &= ~same
    return single


def _hold(found: Findings, here: Places, there: Places) -> None:
    found.hold(here, there)

    def off(start: int) -> Places:
        mine, theirs = (_run(rows[start : start + CHUNK]) for rows in (here, there))
        places: Places = start + np.flatnonzero(differ(found.both, mine, theirs))
        return places

    starts = range(0, len(here), CHUNK)
    # What numpy does with columns of numbers is outside of Python's lock.
    with ThreadPoolExecutor(_THREADS) as pool:
        parts = pool.map(off, starts) if len(starts) > 1 else map(off, starts)
        rows = np.concatenate([np.zeros(0, dtype=np.int64), *parts])
    if len(rows):
        one = {row.at: row for row in found.both.mine.rows(here[rows])}
        other = {row.at: row for row in found.both.theirs.rows(there[rows])}
        pairs = zip(here[rows].tolist(), there[rows].tolist(), strict=True)
        found.pairs += sorted((one[i], other[k]) for i, k in pairs)


def _run(rows: Places) -> Where:
    """Rows that follow one another as a slice, which takes no copy."""
    if bool((rows[1:] - rows[:-1] == 1).all()):
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def _groups(
    here: Places,
    here_keys: npt.NDArray[np.int64],
    there: Places,
    there_keys: npt.NDArray[np.int64],
    several: Places,
) -> Iterator[tuple[Places, Places]]:
    """The rows of each key that either side has more than once."""
    keys = np.unique(here_keys[several])
    bounds = [
        np.searchsorted(side, keys, which).tolist()
        for side in (here_keys, there_keys)
        for which in ("left", "right")
    ]
    for a, b, c, d in zip(*bounds, strict=True):
        yield here[a:b], there[c:d]


def _several(found: Findings, mine: list[Row], theirs: list[Row]) -> None:
    """Rows of one number of which either side has more than one."""
    both = found.both
    mine = _folded(found, mine)
    if not theirs:
        # The first of each content may still find a partner elsewhere.
        for before, row in pairwise(mine):
            if before.content == row.content:
                found.alone(Kind.DUPLICATE, row)
        return
    if len(theirs) == 1 and not any(not differing(both, row, theirs[0]) for row in mine):
        parts = _parts(both, mine, theirs[0])
        if parts:
            found.take(parts, theirs)
            for row in mine:
                if row not in parts:
                    found.alone(Kind.DUPLICATE, row)
            return
        if len(mine) > 1 and _look_like_parts(mine, theirs[0]):
            found.group(Kind.SPLIT, mine, theirs)
            return
    pairs, unclear = closest(both, mine, theirs)
    for row, its in pairs:
        found.take((row,), (its,))
        if differing(both, row, its):
            found.pairs.append((row, its))
    for some, candidates in unclear:
        found.group(Kind.AMBIGUOUS, some, candidates)
    for row in mine:
        if not found.mine_done[row.at]:
            _extra(found, row, theirs)


def _extra(found: Findings, row: Row, theirs: Sequence[Row]) -> None:
    """A row too many: a duplicate, at once if it agrees with what is under its number, and at the end if it
    is not rather a trade that the book seems to lack.
    """
    if all(differing(found.both, row, its) for its in theirs):
        found.extra.add(row.at)
    else:
        found.alone(Kind.DUPLICATE, row)


def _folded(found: Findings, mine: list[Row]) -> list[Row]:
    """The rows without the second side of a self-trade: a book by sides has it bought and sold."""
    kept: list[Row] = []
    for row in mine:
        for first in kept:
            if first.at not in found.self_copies and _same_self_trade(found.both, first, row):
                found.self_copies[first.at] = row
                found.mine_done[row.at] = True
                break
        else:
            kept.append(row)
    return kept


def _same_self_trade(both: Both, first: Row, row: Row) -> bool:
    owner = both.owner
    if first.buyer == first.seller == owner:
        return not both.mine.entries.whole and first.content == row.content
    sides = {(first.buyer, first.seller), (row.buyer, row.seller)}
    bare = [each._replace(buyer=-1, seller=-1).content for each in (first, row)]
    return sides == {(owner, -1), (-1, owner)} and bare[0] == bare[1]


def _parts(both: Both, mine: Sequence[Row], whole: Row) -> list[Row]:
    """Those rows of mine that come to the whole, if it is clear which."""
    like = [row for row in mine if row.place == whole.place]
    may = both.tolerances
    off = [
        sum(row.quantity for row in like) - whole.quantity,
        sum(row.amount for row in like) - whole.amount,
    ]
    if len(like) > 1 and len(like) == len(mine) and abs(off[0]) <= may.quantity and abs(off[1]) <= may.amount:
        return list(mine)
    kinds: dict[tuple[int | None, ...], list[Row]] = {}
    for row in like:
        kinds.setdefault(row.content, []).append(row)
    classes = list(kinds.values())
    ways = subsets(
        [(rows[0].quantity, rows[0].amount, len(rows)) for rows in classes], (whole.quantity, whole.amount), 2
    )
    if ways is None or len(ways) != 1:
        return []
    return [row for rows, count in zip(classes, ways[0], strict=True) for row in rows[:count]]


def _look_like_parts(mine: Sequence[Row], whole: Row) -> bool:
    """Whether each could be a part: of the same trade, less than it, and not all the same row again."""
    return len({row.content for row in mine}) > 1 and all(
        row.place == whole.place and 0 < row.quantity < whole.quantity and 0 < row.amount < whole.amount
        for row in mine
    )
