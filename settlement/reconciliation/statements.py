"""Booked entries of a cash account against what the ledger moved: each used once, none guessed."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

from ledger.ids import parse_day_number
from settlement.reconciliation.model import Break, Kind, Side
from settlement.sources import CashMovement


@dataclass(frozen=True, slots=True)
class LedgerMovement:
    """What one transaction moved of an institution's cash: signed minor units, the references it goes by, the
    day, and whether it is what was issued to it, which a statement may have in its opening balance instead.
    """

    amount: int
    references: tuple[str, ...]
    day: int
    issued: bool


@dataclass(frozen=True, slots=True)
class MatchedMovements:
    """`explained` is what the breaks account for, booked less moved; `deposits` what was booked of issues."""

    breaks: list[Break]
    explained: int
    deposits: int


_Parted = tuple[list[tuple[CashMovement, LedgerMovement]], list[CashMovement], list[LedgerMovement]]
"""What goes together, and what is left on either side."""
_TELLING = 16
"""Characters of a reference that are enough where a statement has no room for all."""


def match_movements(
    booked: Sequence[CashMovement], moved: Sequence[LedgerMovement], institution: str, side: Side
) -> MatchedMovements:
    """By reference where both have it, several entries of one reference as their sum; else by amount and day,
    else by amount; what is left on either side is missing on the other, unless it is one entry each of one
    day.
    """
    here = sorted(booked, key=lambda each: (each.day, each.amount, each.reference, each.line))
    there = sorted(moved, key=lambda each: (each.day, each.amount, each.references))
    pairs, here, there = _by_reference(here, there)
    for key in (lambda each: (each.amount, each.day), lambda each: each.amount):
        found, here, there = _alike(here, there, key)
        pairs += found
    lacking = [each for each in there if not each.issued]
    found, here, lacking = _alone(here, lacking)
    breaks, explained = [], 0
    for each, other in [*pairs, *found]:
        if each.amount != other.amount:
            explained += each.amount - other.amount
            breaks.append(_break(institution, side, Kind.AMOUNT, each, other))
    for each in here:
        explained += each.amount
        breaks.append(_break(institution, side, Kind.MISSING_THERE, each, None))
    for other in lacking:
        explained -= other.amount
        breaks.append(_break(institution, side, Kind.MISSING_HERE, None, other))
    return MatchedMovements(breaks, explained, sum(other.amount for _, other in pairs if other.issued))


def _by_reference(here: list[CashMovement], there: list[LedgerMovement]) -> _Parted:
    """Entries by the one movement that they refer to. One that has the movement's amount is it, else all of
    them together are.
    """
    known: dict[str, list[int]] = defaultdict(list)
    for place, other in enumerate(there):
        for reference in other.references:
            known[reference].append(place)
    names = sorted(known)
    of: dict[int, list[CashMovement]] = defaultdict(list)
    left: list[CashMovement] = []
    for each in here:
        reference = each.reference.lower().removeprefix("0x")
        first = bisect_left(names, reference)
        begun = names[first : first + 2]
        if len(reference) >= _TELLING:
            begun = [name for name in begun if name.startswith(reference)]
        else:
            begun = [name for name in begun[:1] if reference and name == reference]
        places = known[begun[0]] if len(begun) == 1 else []
        if len(places) == 1:
            of[places[0]].append(each)
        else:
            left.append(each)
    pairs = []
    for place, entries in of.items():
        amount = there[place].amount
        total = sum(each.amount for each in entries)
        same = next((each for each in entries if each.amount == amount), None)
        if same is None or total == amount:
            pairs.append((replace(entries[0], amount=total), there[place]))
        else:
            pairs.append((same, there[place]))
            left += [each for each in entries if each is not same]
    left.sort(key=lambda each: (each.day, each.amount, each.reference, each.line))
    return pairs, left, [other for place, other in enumerate(there) if place not in of]


def _alike(
    here: list[CashMovement],
    there: list[LedgerMovement],
    key: Callable[[CashMovement | LedgerMovement], Hashable],
) -> _Parted:
    """Those that have the same key, each used once."""
    of: dict[Hashable, deque[int]] = defaultdict(deque)
    for place, other in enumerate(there):
        of[key(other)].append(place)
    pairs, left, used = [], [], set()
    for each in here:
        places = of.get(key(each))
        if places:
            used.add(places[0])
            pairs.append((each, there[places.popleft()]))
        else:
            left.append(each)
    return pairs, left, [other for place, other in enumerate(there) if place not in used]


def _alone(here: list[CashMovement], there: list[LedgerMovement]) -> _Parted:
    """Those that are the only ones of their day on either side."""
    days = Counter(each.day for each in here), Counter(each.day for each in there)
    alone = {day for day, count in days[0].items() if count == days[1][day] == 1}
    other_of = {other.day: other for other in there}
    pairs = [(each, other_of[each.day]) for each in here if each.day in alone]
    return (
        pairs,
        [each for each in here if each.day not in alone],
        [other for other in there if other.day not in alone],
    )


def _break(
    institution: str, side: Side, kind: Kind, each: CashMovement | None, other: LedgerMovement | None
) -> Break:
    here, there = (None if it is None else it.amount for it in (each, other))
    day = each.day if each is not None else other.day if other is not None else 0
    reference = (each.reference if each is not None else "") or (other.references[0] if other else "")
    return Break(
        institution=institution,
        level="cash",
        kind=kind,
        subject=f"entry {reference or here}",
        fields={"movement": {side: here, "ledger": there}},
        value_at_risk=abs((here or 0) - (there or 0)),
        trading_day=parse_day_number(day) if day else None,
        lines=() if each is None else (each.line,),
        sides=(side, "ledger"),
    )
