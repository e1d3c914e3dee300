"""Booked entries of a cash account against what the ledger moved: each used once, none guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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


def match_movements(
    booked: Sequence[CashMovement], moved: Sequence[LedgerMovement], institution: str, side: Side
) -> MatchedMovements:
    """By reference where both have it, else by amount and day, else by amount; what is left on either side is
    missing on the other, unless it is one entry each of one day.
    """
    here, there = (
        sorted(booked, key=_by_content),
        sorted(moved, key=lambda each: (each.day, each.amount, each.references)),
    )
    pairs: list[tuple[CashMovement, LedgerMovement]] = []
    for fits in (_by_reference, _by_amount_and_day, _by_amount):
        for each in list(here):
            other = next((other for other in there if fits(each, other)), None)
            if other is not None:
                pairs.append((each, other))
                here.remove(each)
                there.remove(other)
    lacking = [each for each in there if not each.issued]
    if len(here) == len(lacking) == 1 and here[0].day == lacking[0].day:
        pairs.append((here.pop(), lacking.pop()))
    breaks, explained = [], 0
    for each, other in pairs:
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


def _by_content(each: CashMovement) -> tuple[int, int, str, int]:
    return each.day, each.amount, each.reference, each.line


def _by_reference(each: CashMovement, other: LedgerMovement) -> bool:
    return bool(each.reference) and each.reference.lower().removeprefix("0x") in other.references


def _by_amount_and_day(each: CashMovement, other: LedgerMovement) -> bool:
    return _by_amount(each, other) and each.day == other.day


def _by_amount(each: CashMovement, other: LedgerMovement) -> bool:
    return each.amount == other.amount


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
