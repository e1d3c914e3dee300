"""Entries that agree but for the number they have, or but for the day that it counts in."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from settlement.reconciliation.fields import Fields, differing
from settlement.reconciliation.findings import Findings, Found
from settlement.reconciliation.model import Kind
from settlement.reconciliation.nearest import (
    BLOCK,
    ONE,
    Distances,
    Unclear,
    apart,
    blocks,
    components,
    solved,
)
from settlement.reconciliation.sides import Row

_DAYS = {"trading_day", "settlement_date"}


def by_other_number(found: Findings) -> None:
    """Hold numbered entries that neither side has under the same day and number against each other: those of
    one number on another day that are otherwise at most one thing apart, then those that agree in all else
    under another number. Where several fit equally it is ambiguous.
    """

    def day_only(mine: Row, theirs: Row) -> int | None:
        return 0 if set(differing(found.both, mine, theirs)) <= _DAYS else None

    def day_and_one(mine: Row, theirs: Row) -> int | None:
        same = mine._replace(day=theirs.day, settles=theirs.settles)
        wrong, much = apart(found.both, same, theirs)
        return wrong * ONE + much if wrong < 2 else None

    def number_only(mine: Row, theirs: Row) -> int | None:
        return None if differing(found.both, mine, theirs) else 0

    sides = found.free()
    for key, fits in ((_number, day_only), (_number, day_and_one)):
        sides = _numbered(found, *sides)
        _hold(found, *sides, key, fits, Kind.DATE)
    within = any(getattr(found.both.tolerances, name) for name in found.both.tolerances.__slots__)
    for key in (_place, _content) if within else (_content,):
        sides = _numbered(found, *sides)
        _hold(found, *sides, key, number_only, Kind.NUMBER, every=key is _content)


def _number(row: Row) -> Hashable:
    return row.number


def _place(row: Row) -> Hashable:
    return row.day, row.security


def _content(row: Row) -> Hashable:
    return row.day, row.security, row.quantity, row.amount


def _numbered(found: Findings, mine: Sequence[Row], theirs: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Those that have a number and are still free."""
    return (
        [row for row in mine if row.numbered and not found.mine_done[row.at]],
        [row for row in theirs if row.numbered and not found.theirs_done[row.at]],
    )


def _hold(
    found: Findings,
    mine: Sequence[Row],
    theirs: Sequence[Row],
    key: Callable[[Row], Hashable],
    fits: Callable[[Row, Row], int | None],
    kind: Kind,
    every: bool = True,
) -> None:
    here, there = blocks(mine, key), blocks(theirs, key)
    for shared in here.keys() & there.keys():
        some, others = [mine[i] for i in here[shared]], [theirs[k] for k in there[shared]]
        if len(some) * len(others) > BLOCK:
            if every:
                _crowd(found, some, others, fits)
            continue
        distances: Distances = {}
        for i, row in enumerate(some):
            for k, its in enumerate(others):
                cost = fits(row, its)
                if cost is not None:
                    distances.setdefault(i, {})[k] = cost
        if len(some) == len(others) == 1:
            _report(found, [(some[0], others[0])] if distances else [], [], kind)
            continue
        for part in components(distances):
            pairs, unclear = solved(some, others, part, ONE << 2, agree=False)
            _report(found, pairs, unclear, kind)


def _crowd(
    found: Findings, mine: Sequence[Row], theirs: Sequence[Row], fits: Callable[[Row, Row], int | None]
) -> None:
    """More than can be held against each other pair by pair: they are ambiguous if any two fit at all."""
    if any(fits(row, theirs[0]) is not None for row in mine):
        found.group(Kind.AMBIGUOUS, mine, theirs)


def _report(
    found: Findings, pairs: Sequence[tuple[Row, Row]], unclear: Sequence[Unclear], kind: Kind
) -> None:
    for row, its in pairs:
        if kind is Kind.NUMBER:
            found.take((row,), (its,))
            numbers: Fields = {"trade_number": (row.number, its.number)}
            found.found.append(Found(kind, found.with_copy(row), (its,), numbers))
        else:
            found.pair(row, its)
    for some, others in unclear:
        found.group(Kind.AMBIGUOUS, some, others)
