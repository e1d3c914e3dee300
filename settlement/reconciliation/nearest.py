"""Entries that agree with none: which goes with which, so that as little as possible differs overall.

How far two entries are apart is how many things are wrong with one of them, then by how much. A quantity with
an amount that follows it is one thing; so is buying for selling. Two entries are *near* when at most two
things are wrong; an entry that stays alone counts as one and a half, so that two which have three things
wrong are rather two entries missing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

from ledger.units import TIME_UNKNOWN
from settlement.reconciliation.assignment import Parts, assign
from settlement.reconciliation.fields import differing, exchanged
from settlement.reconciliation.sides import Both, Row

ONE = 1 << 60
"""The cost of one thing wrong. All relative differences of a component's pairs together are less."""
ALONE = 3 * ONE >> 1
FAR = ONE << 8
"""The cost of being alone where rows of one number are held against each other anyway."""
RELATIVE = 1 << 32
"""A relative difference of 1: what two values are apart by, over the sum of both."""
UNLIKE = 12
"""Bits below those of relative differences: of equally good assignments the one in which more agree."""
NEAR = 10
"""Quantity and amount that are both wrong, by different factors and at an unknown time, must each be within a
tenth, or nothing speaks for the two being one trade."""
ALL_PAIRS = 4_096
"""Up to so many pairs all are looked at; of more only those that share one of `_KEYS`."""
BLOCK = 1_024
"""Pairs looked at among entries that share a key; with more, the key says too little to go by."""
PAIRS = 4_000
"""Pairs in one component: an assignment of that many takes about a second. In larger ones only pairs with one
thing wrong are looked at, then only those that agree."""

Pair = tuple[Row, Row]
Unclear = tuple[list[Row], list[Row]]
Distances = dict[int, dict[int, int]]
"""Position of a row of mine → position of one of theirs → cost."""


def apart(both: Both, mine: Row, theirs: Row) -> tuple[int, int]:
    """How many things are wrong between two rows, and by how much in sum, each to 2^-32."""
    names = set(differing(both, mine, theirs))
    wrong = len(names & {"currency", "security", "quantity", "time"})
    parties = names & {"buyer", "seller"}
    wrong += 1 if parties and exchanged(mine, theirs) else len(parties)
    follows = mine.amount * theirs.quantity == theirs.amount * mine.quantity and mine.amount != 0
    wrong += "settlement_amount" in names and not ("quantity" in names and follows)
    wrong += "price" in names and not names & {"quantity", "settlement_amount"}
    wrong += bool(names & {"trading_day", "settlement_date"})
    wrong += bool(names & {"commission", "levy"}) and "settlement_amount" not in names
    much = _relative(mine.quantity, theirs.quantity) + _relative(mine.amount, theirs.amount)
    if "price" in names:
        much += _relative(mine.price, theirs.price)
    if "time" in names:
        much += abs(mine.time - theirs.time) * RELATIVE // 86_400
    return wrong, much


def _relative(value: int, other: int) -> int:
    if value == other:
        return 0
    return abs(value - other) * RELATIVE // (abs(value) + abs(other))


def near(both: Both, mine: Row, theirs: Row) -> int | None:
    """The cost of holding these two against each other; None where they are not near."""
    wrong, much = apart(both, mine, theirs)
    if wrong > 2:
        return None
    names = differing(both, mine, theirs)
    if wrong == 2 and {"quantity", "settlement_amount"} <= {*names} and not exchanged(mine, theirs):
        known = "time" not in names and TIME_UNKNOWN not in (mine.time, theirs.time)
        close = all(
            abs(value - other) * NEAR <= max(abs(value), abs(other))
            for value, other in ((mine.quantity, theirs.quantity), (mine.amount, theirs.amount))
        )
        if not known and not close:
            return None
    return _cost(wrong, much)


def _cost(wrong: int, much: int) -> int:
    return wrong * ONE + (much << UNLIKE) + (wrong > 0)


def closest(both: Both, mine: Sequence[Row], theirs: Sequence[Row]) -> tuple[list[Pair], list[Unclear]]:
    """Hold as many as can be against each other, however far apart: rows of one trade number. Beyond PAIRS
    pairs nothing is told apart.
    """
    if len(mine) * len(theirs) > PAIRS:
        return [], [(list(mine), list(theirs))]
    distances: Distances = {}
    for i, row in enumerate(mine):
        for k, its in enumerate(theirs):
            wrong, much = apart(both, row, its)
            distances.setdefault(i, {})[k] = _cost(wrong, much)
    return solved(mine, theirs, distances, FAR)


def nearest(
    both: Both, mine: Sequence[Row], theirs: Sequence[Row]
) -> tuple[list[Pair], list[Unclear], list[Unclear]]:
    """The best assignment overall of near rows of which at most one has a number: the pairs; what several fit
    equally well, so that it is ambiguous; and places with too many entries to look at.
    """
    if all(row.numbered for row in theirs):
        mine = [row for row in mine if not row.numbered]
    if all(row.numbered for row in mine):
        theirs = [row for row in theirs if not row.numbered]
    distances, crowded = _near_pairs(both, mine, theirs)
    pairs: list[Pair] = []
    unclear: list[Unclear] = []
    waiting = [(distances, 2)]
    while waiting:
        some, wrong = waiting.pop()
        for part in components(some):
            size = sum(len(row) for row in part.values())
            if size <= PAIRS:
                more, open_ = solved(mine, theirs, part, ALONE)
                pairs += more
                unclear += open_
            elif wrong:
                waiting.append((_cheaper(part, wrong), wrong - 1))
            else:
                columns = sorted({k for row in part.values() for k in row})
                unclear.append(([mine[i] for i in sorted(part)], [theirs[k] for k in columns]))
    return sorted(pairs), sorted(unclear), crowded


def _cheaper(part: Distances, wrong: int) -> Distances:
    kept = {i: {k: cost for k, cost in row.items() if cost < wrong * ONE} for i, row in part.items()}
    return {i: row for i, row in kept.items() if row}


_KEYS: Sequence[Callable[[Row], Hashable]] = (
    lambda row: (row.security, *sorted((row.buyer, row.seller))),
    lambda row: (row.quantity, row.amount),
    lambda row: (row.security, row.quantity),
    lambda row: (row.security, row.amount),
    lambda row: (*sorted((row.buyer, row.seller)), row.quantity),
    lambda row: (*sorted((row.buyer, row.seller)), row.amount),
    lambda row: (row.day, row.time, row.security),
)
"""Rows that are near share one of these, nearly always; the first are places."""


def _near_pairs(both: Both, mine: Sequence[Row], theirs: Sequence[Row]) -> tuple[Distances, list[Unclear]]:
    distances: Distances = {}
    crowded: list[Unclear] = []

    def look(i: int, k: int) -> None:
        if mine[i].numbered and theirs[k].numbered:
            return
        cost = near(both, mine[i], theirs[k])
        if cost is not None:
            distances.setdefault(i, {})[k] = cost

    if len(mine) * len(theirs) <= ALL_PAIRS:
        for i in range(len(mine)):
            for k in range(len(theirs)):
                look(i, k)
        return distances, crowded
    seen: set[tuple[int, int]] = set()
    for key in _KEYS:
        here, there = blocks(mine, key), blocks(theirs, key)
        for shared in here.keys() & there.keys():
            if len(here[shared]) * len(there[shared]) <= BLOCK:
                for i in here[shared]:
                    for k in there[shared]:
                        if (i, k) not in seen:
                            seen.add((i, k))
                            look(i, k)
            elif key is _KEYS[0]:
                crowded.append(([mine[i] for i in here[shared]], [theirs[k] for k in there[shared]]))
    return distances, sorted(crowded)


def blocks(rows: Iterable[Row], key: Callable[[Row], Hashable]) -> dict[Hashable, list[int]]:
    """The positions of the rows that share a key, by key."""
    found: dict[Hashable, list[int]] = {}
    for place, row in enumerate(rows):
        found.setdefault(key(row), []).append(place)
    return found


def components(distances: Distances) -> list[Distances]:
    """Pairs that share a row, directly or by others, together."""
    size = max(distances, default=-1) + 1
    parts = Parts([*distances, *{size + k for row in distances.values() for k in row}])
    for i, row in distances.items():
        for k in row:
            parts.join(i, size + k)
    return [{i: distances[i] for i in group if i < size} for group in parts.groups()]


def solved(
    mine: Sequence[Row], theirs: Sequence[Row], distances: Distances, alone: int, agree: bool = True
) -> tuple[list[Pair], list[Unclear]]:
    """One component: the pairs that hold in every optimum, or whose alternatives come to the same; and what
    is left open. As many that agree in everything come to the same however they are paired, if `agree`.
    """
    rows, columns = sorted(distances), sorted({k for row in distances.values() for k in row})
    place = {k: at for at, k in enumerate(columns)}
    costs = [{place[k]: cost for k, cost in sorted(distances[i].items())} for i in rows]
    found = assign(costs, len(columns), alone)
    chosen = list(found.column)
    unclear: list[Unclear] = []
    for loose in found.loose:
        here, there = [mine[rows[i]] for i in loose.rows], [theirs[columns[k]] for k in loose.columns]
        same = agree and not loose.row_alone and not loose.column_alone and len(here) == len(there)
        same = same and all(costs[i][chosen[i]] < ONE for i in loose.rows)
        one_here = len({row.content for row in here}) == 1 and not loose.column_alone
        one_there = len({row.content for row in there}) == 1 and not loose.row_alone
        if one_here:
            # They say the same; that of the lowest lines are matched is as good as any.
            taken = [chosen[i] for i in loose.rows]
            for i, k in zip(loose.rows, sorted(taken, key=lambda k: (k < 0, k)), strict=True):
                chosen[i] = k
        elif not same and not one_there:
            unclear.append((here, there))
            for i in loose.rows:
                chosen[i] = -1
    pairs = [(mine[rows[i]], theirs[columns[k]]) for i, k in enumerate(chosen) if k >= 0]
    return pairs, unclear
