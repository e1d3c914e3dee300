"""Entries of one side that come to one of the other: right aggregates and splits, and those booked wrongly.

Within a place (trading day, security, buyer, seller) quantities and amounts must come out exactly, and it
must be clear which entries do: a selection that explains as many as possible and uses each entry once. Where
selections differ, what they differ in is ambiguous.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger.units import TIME_UNKNOWN
from settlement.reconciliation.assignment import Parts
from settlement.reconciliation.fields import differing, kind_of, values_of
from settlement.reconciliation.findings import Findings, Found
from settlement.reconciliation.model import Kind
from settlement.reconciliation.sides import Row
from settlement.reconciliation.sums import choose, subsets

KINDS = 40
"""Entries of different content in one place; with more, sums are not looked for."""

Key = tuple[str, object]
"""`mine` or `theirs` and what an entry says, or `pair` and a row of mine."""
Option = dict[Key, int]


@dataclass(frozen=True, slots=True)
class _Whole:
    """An entry, or two of one number, for which parts are wanted."""

    key: Key
    mine: tuple[Row, ...]
    theirs: tuple[Row, ...]
    options: Sequence[Option]


def by_sums(found: Findings, spoken_for: Sequence[tuple[list[Row], list[Row]]] = ()) -> None:
    """Match one to many and many to one, and name what is merged or split among numbered entries. What is
    `spoken_for` has partners one to one, if not clear which, and is left alone.
    """
    here, there = found.free()
    mine, theirs = ({row.at for each in spoken_for for row in each[side]} for side in (0, 1))
    here = [row for row in here if row.at not in mine]
    there = [row for row in there if row.at not in theirs]
    places: dict[tuple[int, int, int, int], tuple[list[Row], list[Row], list[tuple[Row, Row]]]] = {}
    for row in here:
        places.setdefault(row.place, ([], [], []))[0].append(row)
    for row in there:
        places.setdefault(row.place, ([], [], []))[1].append(row)
    for pair in found.pairs:
        if pair[0].place == pair[1].place and pair[0].place in places:
            places[pair[0].place][2].append(pair)
    gone: set[tuple[int, int]] = set()
    for place in sorted(places):
        gone |= _place(found, *places[place])
    found.pairs = [pair for pair in found.pairs if (pair[0].at, pair[1].at) not in gone]


def _place(
    found: Findings,
    mine: Sequence[Row],
    theirs: Sequence[Row],
    pairs: Sequence[tuple[Row, Row]],
) -> set[tuple[int, int]]:
    """What goes together in one place; gives the pairs of one number that it explains."""
    here, there = _kinds("mine", mine), _kinds("theirs", theirs)
    rows = {**here, **there}
    if not rows or max(len(here), len(there)) > KINDS or len(pairs) > KINDS:
        found.crowded.append((list(mine), list(theirs)))
        return set()
    wholes = _wholes(found, here, there, pairs)
    gone: set[tuple[int, int]] = set()
    for some in _sharing(wholes):
        chosen = choose(
            [(whole.key, whole.options) for whole in some],
            {key: len(same) for key, same in rows.items()}
            | {whole.key: 1 for whole in some if whole.key not in rows},
        )
        left = {key: list(same) for key, same in rows.items()}
        unclear = []
        for whole, (way, open_ways) in zip(some, chosen, strict=True):
            if way >= 0:
                gone |= _explained(found, whole, whole.options[way], left)
            elif open_ways:
                unclear.append((whole, open_ways))
        if unclear:
            gone |= _unclear(found, unclear, left)
    return gone


def _kinds(side: str, rows: Sequence[Row]) -> dict[Key, list[Row]]:
    found: dict[Key, list[Row]] = {}
    for row in rows:
        found.setdefault((side, row.content), []).append(row)
    return found


def _wholes(
    found: Findings,
    here: Mapping[Key, list[Row]],
    there: Mapping[Key, list[Row]],
    pairs: Sequence[tuple[Row, Row]],
) -> list[_Whole]:
    """Everything that may consist of free entries, and of which."""
    wholes: list[_Whole] = []
    for pair in pairs:
        if {*differing(found.both, *pair)} >= {"quantity", "settlement_amount"}:
            more = pair[0].quantity > pair[1].quantity
            wholes += _ways(found, ("pair", pair[0].at), pair, there if more else here, 1, 1)
    for key, rows in here.items():
        wholes += _ways(found, key, (rows[0], None), there, 2, len(rows))
    for key, rows in there.items():
        wholes += _ways(found, key, (None, rows[0]), here, 2, len(rows))
    return wholes


def _ways(
    found: Findings,
    key: Key,
    rows: tuple[Row | None, Row | None],
    parts: Mapping[Key, list[Row]],
    least: int,
    times: int,
) -> list[_Whole]:
    """What is explained, `times` times, if `parts` come to what one of its rows has beyond the other."""
    mine, theirs = rows
    wanted = [
        abs((getattr(mine, name) if mine else 0) - (getattr(theirs, name) if theirs else 0))
        for name in ("quantity", "amount")
    ]
    if mine and theirs and (mine.quantity > theirs.quantity) != (mine.amount > theirs.amount):
        return []
    items = [(same[0].quantity, same[0].amount, len(same)) for same in parts.values()]
    ways = subsets(items, (wanted[0], wanted[1]), least)
    if ways is None:
        found.crowded.append(([mine] if mine else [], [theirs] if theirs else []))
        found.crowded[-1][1 if mine else 0].extend(row for same in parts.values() for row in same)
        return []
    options = [
        {key: 1} | {part: count for part, count in zip(parts, way, strict=True) if count} for way in ways
    ]
    whole = _Whole(key, (mine,) if mine else (), (theirs,) if theirs else (), options)
    return [whole] * times if options else []


def _sharing(wholes: Sequence[_Whole]) -> list[list[_Whole]]:
    """Wholes whose explanations use some entry in common together."""
    parts = Parts(range(len(wholes)))
    user: dict[Key, int] = {}
    for at, whole in enumerate(wholes):
        for key in {key for option in whole.options for key in option}:
            parts.join(at, user.setdefault(key, at))
    return [[wholes[at] for at in group] for group in parts.groups()]


def _explained(
    found: Findings, whole: _Whole, option: Option, left: Mapping[Key, list[Row]]
) -> set[tuple[int, int]]:
    """Take what the option uses; gives the pair that it explains, if it is of one."""
    used = [(key, left[key].pop(0)) for key, count in option.items() if key in left for _ in range(count)]
    mine, theirs = _sides(whole, used)
    if whole.mine and whole.theirs:
        found.group(Kind.MERGED if len(theirs) > 1 else Kind.SPLIT, mine, theirs)
        return {(whole.mine[0].at, whole.theirs[0].at)}
    if any(row.numbered for row in mine) and any(row.numbered for row in theirs):
        found.group(Kind.MERGED if len(mine) == 1 else Kind.SPLIT, mine, theirs)
    else:
        _agree(found, mine, theirs)
    return set()


def _agree(found: Findings, mine: list[Row], theirs: list[Row]) -> None:
    """Entries that rightly come to one another; charges or dates may still differ."""
    found.take(mine, theirs)
    here, there = _total(mine), _total(theirs)
    names = differing(found.both, here, there)
    if names:
        fields = values_of(found.both, here, there, names)
        found.found.append(Found(kind_of(found.both, here, there, names), tuple(mine), tuple(theirs), fields))


def _total(rows: Sequence[Row]) -> Row:
    """Several entries as one, without a price or time of its own."""
    return rows[0]._replace(
        quantity=sum(row.quantity for row in rows),
        amount=sum(row.amount for row in rows),
        price=-1,
        time=TIME_UNKNOWN,
        commission=_sum([row.commission for row in rows]),
        levy=_sum([row.levy for row in rows]),
    )


def _sum(charges: Sequence[int | None]) -> int | None:
    said = [charge for charge in charges if charge is not None]
    return sum(said) if said else None


def _unclear(
    found: Findings, wholes: Sequence[tuple[_Whole, Sequence[int]]], left: Mapping[Key, list[Row]]
) -> set[tuple[int, int]]:
    """Everything that wholes with several explanations may consist of is ambiguous together."""
    wanted: Counter[Key] = Counter()
    for whole, open_ways in wholes:
        most: Counter[Key] = Counter()
        for way in open_ways:
            most |= Counter(whole.options[way])
        wanted += most
    used = [(key, row) for key, count in wanted.items() if key in left for row in left[key][:count]]
    mine, theirs = [], []
    for whole, _ in wholes:
        of_pair = whole.mine and whole.theirs
        mine += list(whole.mine) if of_pair else []
        theirs += list(whole.theirs) if of_pair else []
    mine += [row for key, row in used if key[0] == "mine"]
    theirs += [row for key, row in used if key[0] == "theirs"]
    if mine and theirs:
        found.group(Kind.AMBIGUOUS, sorted(mine), sorted(theirs))
    return {(whole.mine[0].at, whole.theirs[0].at) for whole, _ in wholes if whole.mine and whole.theirs}


def _sides(whole: _Whole, used: Sequence[tuple[Key, Row]]) -> tuple[list[Row], list[Row]]:
    """The rows of an explanation, those of a pair of one number first."""
    mine = sorted(row for key, row in used if key[0] == "mine")
    theirs = sorted(row for key, row in used if key[0] == "theirs")
    if whole.mine and whole.theirs:
        return [*whole.mine, *mine], [*whole.theirs, *theirs]
    return mine, theirs
