"""Which terms the contract takes: those in which `settlement.agreements.checks` finds nothing wrong.

well formed   ─ any: taken, under the hash that Python computes
one mistake   ─ refused, with the mistake that Python names
altered       ─ any, altered at random: refused only with a mistake that Python names, too
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import reverts
from ledger.accounts import Signer
from ledger.clients.consortium import Role
from ledger.terms import (
    BY_TIME,
    Basis,
    Clause,
    DayCount,
    Guarantee,
    Measure,
    Reserve,
    Step,
    Terms,
    Tier,
    pack,
    unpack,
)
from settlement.agreements.checks import TermsMistake, mistakes
from tests.agreement_terms import ACCOUNT, terms
from tests.contracts.support import Ledger
from tests.unit.agreement_documents import TERMS

CALLS = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def crowd(ledger: Ledger) -> Ledger:
    """A ledger with as many institutions as random terms have, the last of which keeps reserves."""
    first = len(ledger.index) + 1
    rows = [
        (f"Institution {n}", Signer.from_seed("crowd", str(n)).address, [Role.PARTNER])
        for n in range(first, ACCOUNT)
    ]
    keeper = ("Revenue Reserve", ledger.deployment.addresses["RevenueSharing"], [Role.PARTNER])
    ledger.consortium.admit(ledger.operator, [*rows, keeper])
    return ledger


def taken(ledger: Ledger, asked: Terms) -> bytes | TermsMistake:
    """What the contract says to a proposal: its hash, or what is wrong."""
    agreements = ledger.clients.agreements
    names = list(ledger.index)
    signer = (
        ledger.signers[names[asked.payer - 1]]
        if 0 < asked.payer <= len(names)
        else Signer.from_seed("crowd", str(asked.payer))
    )
    try:
        return bytes(agreements.call("propose", pack(asked), [], sender=signer.address))
    except reverts.Agreements_InvalidTerms as refused:
        return TermsMistake(refused.mistake)


def of_this_ledger(ledger: Ledger, found: Terms) -> Terms:
    return replace(found, currency=ledger.cash, version=1, effective_from=0)


@CALLS
@given(found=terms())
def test_propose_given_well_formed_terms_takes_them(crowd: Ledger, found: Terms) -> None:
    asked = of_this_ledger(crowd, found)
    assert mistakes(asked) == []
    assert taken(crowd, asked) == asked.digest(crowd.clients.agreements.domain)


COMMISSION, FEE, PERFORMANCE, SUBSCRIPTION, USAGE = TERMS.clauses
PROMISE = TERMS.guarantees[0]
STEP = Step(0, (0, 0))


CROWDED = {
    "parties": tuple(range(2, 27)),
    "clauses": (Clause(Basis.SUBSCRIPTION, SUBSCRIPTION.tiers, (Step(0, (0,) * 25),)),),
    "guarantees": (),
}
_STEPS = tuple(Step(n, (0,) * 24) for n in range(8))
WORDY = {
    "parties": (2, *range(6, 29)),
    "clauses": (Clause(Basis.SUBSCRIPTION, SUBSCRIPTION.tiers, _STEPS, step_by=1),) * 8,
    "guarantees": (),
}


def clause(number: int, **changes: object) -> dict[str, object]:
    clauses = list(TERMS.clauses)
    clauses[number] = replace(clauses[number], **changes)  # type: ignore[arg-type]
    return {"clauses": tuple(clauses)}


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        ({"months": 2}, TermsMistake.PERIOD),
        ({"months": 0}, TermsMistake.PERIOD),
        ({"effective_from": 2**36 + 1}, TermsMistake.PERIOD),
        ({"parties": ()}, TermsMistake.PARTY_COUNT),
        (CROWDED, TermsMistake.PARTY_COUNT),
        ({"parties": (2, 0)}, TermsMistake.PARTY),
        ({"parties": (2, 5)}, TermsMistake.PARTY),
        ({"parties": (2, 2)}, TermsMistake.PARTY_TWICE),
        ({"parties": (2, 1)}, TermsMistake.PARTY_TWICE),
        ({"measures": (*TERMS.measures[:2], Measure("AUM", 4))}, TermsMistake.MEASURE_TWICE),
        ({"measures": (*TERMS.measures[:2], Measure("X", 4, 4))}, TermsMistake.REPORTER),
        ({"measures": (*TERMS.measures[:2], Measure("X", 2))}, TermsMistake.REPORTER),
        ({"measures": (*TERMS.measures[:2], Measure("X", 0, 2))}, TermsMistake.REPORTER),
        ({"measures": tuple(Measure(f"M{n}", 4) for n in range(17))}, TermsMistake.MEASURE),
        ({"clauses": (), "guarantees": ()}, TermsMistake.CLAUSE_COUNT),
        ({"clauses": (SUBSCRIPTION,) * 17}, TermsMistake.CLAUSE_COUNT),
        (clause(1, measure=0), TermsMistake.MEASURE),
        (clause(1, measure=4), TermsMistake.MEASURE),
        (clause(3, measure=1), TermsMistake.MEASURE),
        (clause(4, units=1), TermsMistake.MEASURE),
        (clause(4, tier_by=4), TermsMistake.MEASURE),
        (clause(1, step_by=4), TermsMistake.MEASURE),
        (clause(0, tier_by=1), TermsMistake.TIER_KIND),
        (clause(0, tiers=(Tier(5, 1), Tier(6, 1))), TermsMistake.TIER_ORDER),
        (clause(0, tiers=(Tier(5, 1), Tier(5, 1), *COMMISSION.tiers[1:])), TermsMistake.TIER_ORDER),
        (clause(0, tiers=COMMISSION.tiers[1:] * 2), TermsMistake.TIER_ORDER),
        (clause(0, tiers=()), TermsMistake.LENGTH),
        (clause(0, tiers=(*(Tier(n, 1) for n in range(16)), COMMISSION.tiers[1])), TermsMistake.LENGTH),
        (clause(0, steps=()), TermsMistake.LENGTH),
        (clause(0, steps=tuple(replace(STEP, above=n) for n in range(9)), step_by=1), TermsMistake.LENGTH),
        (clause(0, tiers=(replace(COMMISSION.tiers[1], flat=0, rate_ppm=1_000_001),)), TermsMistake.RATE),
        (clause(1, tiers=(replace(FEE.tiers[0], rate_ppm=1_000_001),)), TermsMistake.RATE),
        (clause(2, tiers=(replace(PERFORMANCE.tiers[0], rate_ppm=1_000_001),)), TermsMistake.RATE),
        (clause(0, tiers=(replace(COMMISSION.tiers[1], flat=1),)), TermsMistake.RATE),
        (clause(1, steps=(FEE.steps[0], replace(FEE.steps[1], above=0))), TermsMistake.STEP_ORDER),
        (clause(1, steps=(replace(FEE.steps[0], above=1), FEE.steps[1])), TermsMistake.STEP_ORDER),
        (clause(1, steps=FEE.steps[:1]), TermsMistake.STEP_ORDER),
        (clause(1, step_by=0), TermsMistake.STEP_ORDER),
        (clause(3, step_by=BY_TIME), TermsMistake.STEP_ORDER),
        (clause(0, steps=(Step(0, (500_001, 500_000)),)), TermsMistake.SHARES),
        (clause(1, day_count=DayCount.NONE), TermsMistake.DAY_COUNT),
        (clause(2, day_count=DayCount.NONE), TermsMistake.DAY_COUNT),
        (clause(2, hurdle_ppm=0), TermsMistake.DAY_COUNT),
        (clause(0, day_count=DayCount.ACTUAL_360), TermsMistake.DAY_COUNT),
        (clause(0, floor=5_000_001), TermsMistake.BOUNDS),
        (clause(0, cap=2**96), TermsMistake.BOUNDS),
        (clause(3, floor=2**96), TermsMistake.BOUNDS),
        (clause(0, reserve=Reserve(1_000_001, 1)), TermsMistake.RESERVE),
        ({"reserve_account": 0}, TermsMistake.RESERVE),
        (clause(0, reserve=Reserve(0, 1)), TermsMistake.RELEASE),
        (clause(0, reserve=Reserve(1, 1, 4)), TermsMistake.RELEASE),
        (clause(0, reserve=Reserve(1, 1, 1, 3)), TermsMistake.RELEASE),
        (clause(0, reserve=Reserve(1, 1, 0, 1)), TermsMistake.RELEASE),
        (clause(0, reserve=Reserve(1, 1, 0, 0, 1)), TermsMistake.RELEASE),
        ({"clauses": (*TERMS.clauses, PERFORMANCE)}, TermsMistake.MARK),
        ({"guarantees": (replace(PROMISE, measure=0),)}, TermsMistake.GUARANTEE),
        ({"guarantees": (replace(PROMISE, measure=4),)}, TermsMistake.GUARANTEE),
        ({"guarantees": (replace(PROMISE, party=3),)}, TermsMistake.GUARANTEE),
        ({"guarantees": (replace(PROMISE, promised=0),)}, TermsMistake.GUARANTEE),
        ({"guarantees": (replace(PROMISE, promised=2**64),)}, TermsMistake.GUARANTEE),
        ({"guarantees": (Guarantee(1, 1, 1, cap=5),)}, TermsMistake.GUARANTEE),
        ({"guarantees": (PROMISE,) * 17}, TermsMistake.LENGTH),
        (WORDY, TermsMistake.LENGTH),
    ],
    ids=lambda value: value.name if isinstance(value, TermsMistake) else "",
)
def test_propose_given_one_mistake_says_the_same_as_python(
    ledger: Ledger, changes: dict[str, object], mistake: TermsMistake
) -> None:
    asked = replace(TERMS, currency=ledger.cash, version=1, effective_from=0)
    asked = replace(asked, **changes)  # type: ignore[arg-type]
    assert mistake in {flaw.mistake for flaw in mistakes(asked)}
    assert taken(ledger, asked) == mistake


def altered(found: Terms, draw: Callable[[st.SearchStrategy[int]], int]) -> Terms:
    """One field of one clause, at random."""
    one = found.clauses[0]
    small, bit = draw(st.integers(0, 4)), draw(st.integers(0, 40))
    another: list[Clause] = [
        replace(one, measure=small),
        replace(one, units=small),
        replace(one, tier_by=small),
        replace(one, step_by=small if bit % 2 else BY_TIME),
        replace(one, graduated=not one.graduated),
        replace(one, day_count=DayCount(small % 4)),
        replace(one, floor=1 << bit * 3),
        replace(one, cap=1 << bit * 3),
        replace(one, tiers=one.tiers[::-1]),
        replace(one, tiers=one.tiers[small:]),
        replace(one, tiers=(replace(one.tiers[0], rate_ppm=1 << bit, flat=small), *one.tiers[1:])),
        replace(one, steps=one.steps[small:]),
        replace(one, steps=(*one.steps, *one.steps)),
        replace(one, steps=(replace(one.steps[0], above=small), *one.steps[1:])),
        replace(one, reserve=Reserve((1 << bit) & 0xFFFFFF, small, small, small, bit)),
        replace(one, basis=Basis(small)),
    ]
    chosen = another[draw(st.integers(0, len(another) - 1))]
    return replace(found, clauses=(chosen, *found.clauses[1:]))


@CALLS
@given(found=terms(), data=st.data())
def test_propose_given_altered_terms_refuses_only_what_python_does(
    crowd: Ledger, found: Terms, data: st.DataObject
) -> None:
    asked = unpack(pack(altered(of_this_ledger(crowd, found), data.draw)))
    said, flaws = taken(crowd, asked), mistakes(asked)
    if isinstance(said, TermsMistake):
        assert said in {flaw.mistake for flaw in flaws}
    else:
        # A step that is never reached does no harm on the ledger.
        assert [flaw.reason for flaw in flaws if flaw.reason != "can never be reached"] == []
