"""What the tests of agreements share: moments and periods, refused terms, terms that use every field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

import pytest

from ledger import reverts
from ledger.clients.consortium import Role
from ledger.terms import (
    BY_TIME,
    MAX_UP_TO,
    Basis,
    Clause,
    DayCount,
    Guarantee,
    Measure,
    Reserve,
    Step,
    Terms,
    Tier,
)
from tests.contracts.support import Ledger

SHARES = (("V", 200_000), ("P", 50_000))
"""Parties of B1's agreement, and their shares in ppm."""
QUARTER = 2019 * 12 + 9
"""The period that the tests begin in, 2019-11-21."""

Mistake = IntEnum(  # type: ignore[misc]
    "Mistake",
    "LENGTH SURPLUS NAME PERIOD PARTY_COUNT PARTY PARTY_TWICE MEASURE_NAME MEASURE_TWICE REPORTER "
    "CLAUSE_COUNT BASIS MEASURE TIER_KIND TIER_ORDER RATE STEP_ORDER SHARES DAY_COUNT BOUNDS RESERVE RELEASE "
    "MARK GUARANTEE",
    start=0,
)
"""`TermsMistake`, in the order of contracts/types/Agreement.sol."""


def seconds(year: int, month: int, day: int = 1) -> int:
    """When a day begins, UTC."""
    return int(datetime(year, month, day, tzinfo=UTC).timestamp())


def period(year: int, month: int) -> int:
    return year * 12 + month - 1


def month_start(month: int) -> int:
    """When a month, numbered as periods are, begins."""
    return seconds(month // 12, month % 12 + 1)


def mistake_in(ledger: Ledger, words: Sequence[int], by: str = "B1") -> tuple[Any, int, int] | None:
    """Why the contract would not take these words if they were proposed now: mistake, at, entry; None where
    they are well formed. Nothing is sent."""
    sender = ledger.signers[by].address
    try:
        ledger.clients.agreements.call("propose", list(words), [], sender=sender)
    except reverts.Agreements_InvalidTerms as error:
        told = error.operands
        return (Mistake(told["mistake"]), told["at"], told["entry"])
    return None


def admit_keeper(ledger: Ledger) -> int:
    """The revenue sharing contract becomes an institution of its own, "K", for reserves; its index."""
    ledger.consortium.admit(ledger.operator, [("K", ledger.revenue.address, [Role.PARTNER])])
    ledger.index["K"] = len(ledger.index) + 1
    return ledger.index["K"]


def everything(ledger: Ledger, keeper: int) -> Terms:
    """Terms that use every field: a clause of each basis in the order of `Basis`, three parties (V, P, R2),
    four measures, two guarantees."""
    i = ledger.index
    tiers = (Tier(1_000, 10_000), Tier(2_000, 20_000, 7), Tier(MAX_UP_TO, 5_000, 9))
    half, third = (500_000, 300_000, 200_000), (333_333, 333_333, 333_333)
    moment = seconds(2020, 7)
    fee = Clause(
        *(Basis.MANAGEMENT_FEE, (Tier(MAX_UP_TO, 15_000),), (Step(0, half), Step(9, third), Step(10, half))),
        measure=1,
        tier_by=4,
        step_by=3,
        day_count=DayCount.ACTUAL_360,
        floor=5,
        cap=10**9,
    )
    gain = Clause(
        *(Basis.PERFORMANCE, (Tier(MAX_UP_TO, 200_000),), (Step(0, third),)),
        measure=2,
        units=3,
        day_count=DayCount.THIRTY_360,
        mark=100,
        hurdle_ppm=40_000,
        resets=True,
    )
    usage = Clause(
        *(Basis.USAGE, (Tier(10, 7 * 10**9), Tier(MAX_UP_TO, 2**64 - 1)), (Step(0, half),)),
        measure=4,
        reserve=Reserve(50_000, 2, 1, 3, 10**6),
    )
    commission = Clause(
        Basis.COMMISSION, tiers, (Step(0, third), Step(moment, half)), graduated=True, step_by=BY_TIME
    )
    return Terms(
        payer=i["B1"],
        currency=ledger.cash,
        name="everything",
        parties=(i["V"], i["P"], i["R2"]),
        clauses=(commission, fee, gain, Clause(Basis.SUBSCRIPTION, tiers, (Step(0, half),)), usage),
        effective_from=seconds(2020, 2, 29) + 5,
        notice_days=30,
        measures=(
            Measure("AUM", i["B1"], i["V"]),
            Measure("NAV", i["D"]),
            Measure("UNITS", i["P"], i["A"]),
            Measure("USERS", i["A"], i["B1"]),
        ),
        guarantees=(Guarantee(1, 1, 5_000, 10, 0, 0), Guarantee(4, 3, 2**64 - 1, 0, 6, 10**6)),
        reserve_account=keeper,
    )


def clause_with(terms: Terms, place: int, **changes: Any) -> Terms:
    """The same terms with fields of one clause changed, from 0."""
    clauses = list(terms.clauses)
    clauses[place] = replace(clauses[place], **changes)
    return replace(terms, clauses=tuple(clauses))


@pytest.fixture
def keeper(ledger: Ledger) -> int:
    return admit_keeper(ledger)
