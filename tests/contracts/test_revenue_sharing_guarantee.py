"""Guarantees: what a party owes where a measure stays below what it promised, and how that is netted.

given the promise is kept           ─ nothing, and told
given it is missed                  ─ a rate for each unit and a flat amount, the cap at most, rounded down
given the party is to receive       ─ in the same run, a settlement, a later run: it pays what it owes first
given a version in between          ─ without it, or without commission: it owes all the same
over any order of these             ─ no payment is ever negative, and none of it is forgiven
given its measure is missing        ─ the guarantee waits, clauses do not
"""

from __future__ import annotations

import pytest

from ledger import reverts
from ledger.terms import MAX_UP_TO, Basis, Clause, Guarantee, measure_key
from tests.contracts.clearing_model import PPM
from tests.contracts.sharing import Q1, Q2, Q3, USERS, Sharing, clause, start_of
from tests.contracts.support import Ledger, refused


@pytest.fixture
def desk(ledger: Ledger) -> Sharing:
    return Sharing(ledger)


def fixed(amount: int, *shares: int) -> Clause:
    return clause(*shares, basis=Basis.SUBSCRIPTION, tiers=((MAX_UP_TO, 0, amount),))


PROMISES = {
    "kept": (Guarantee(1, 2, 100, flat=7), 100, 0),
    "more than kept": (Guarantee(1, 2, 100, PPM, 7), 2**64 - 1, 0),
    "missed by one": (Guarantee(1, 2, 100, flat=7), 99, 7),
    "a unit each": (Guarantee(1, 2, 100, PPM), 40, 60),
    "half a unit for one": (Guarantee(1, 2, 100, 500_000), 99, 0),
    "half a unit for three, and flat": (Guarantee(1, 2, 100, 500_000, 7), 97, 8),
    "all": (Guarantee(1, 2, 100, PPM), 0, 100),
    "at the cap": (Guarantee(1, 2, 100, PPM, 0, 60), 40, 60),
    "above the cap": (Guarantee(1, 2, 100, PPM, 5, 60), 40, 60),
    "all there can be": (
        Guarantee(1, 2, 2**64 - 1, 2**64 - 1, 2**96 - 1),
        0,
        (2**64 - 1) ** 2 // PPM + 2**96 - 1,
    ),
}


@pytest.mark.parametrize("name", PROMISES)
def test_run_given_promise_makes_who_missed_it_owe(desk: Sharing, name: str) -> None:
    promise, users, clawback = PROMISES[name]
    agreement = desk.agree(fixed(1, PPM, 0), measures=[USERS], guarantees=(promise,))
    desk.over(Q1)
    missing = {"agreementId": agreement, "period": Q1, "measure": measure_key(USERS)}
    with refused(reverts.RevenueSharing_MeasureMissing, **missing):
        desk.run(agreement, Q1, 1)
    desk.final(agreement, Q1, users=users)
    fact = {"agreementId": agreement, "period": Q1, "guarantee": 0, "party": 6, "clawback": clawback}
    expected = [("GuaranteeRun", fact)]
    if clawback:
        expected.append(("DueChanged", {"agreementId": agreement, "institution": 6, "due": -clawback}))
    assert desk.ledger.index["P"] == 6
    assert desk.run(agreement, Q1, 1) == expected
    assert desk.due(agreement, "V", "P") == [0, -clawback]
    assert desk.revenue.lines_of(agreement, Q1) == ({1}, set())
    with refused(reverts.RevenueSharing_LineRun, agreementId=agreement, period=Q1, line=1):
        desk.run(agreement, Q1, 1)


def test_run_given_party_is_to_receive_nets_in_the_run(desk: Sharing) -> None:
    """30 of 100 in the same run; then 100 owed, and netted over two more."""
    promise = Guarantee(1, 2, 10, 10 * PPM)
    agreement = desk.agree(fixed(100, 400_000, 600_000), measures=[USERS], guarantees=(promise,))
    desk.ledger.issue({("B1", "NPR"): 1_000})
    history = []
    for period, users in ((Q1, 7), (Q2, 0), (Q3, 8)):
        desk.over(period)
        desk.final(agreement, period, users=users)
        desk.run(agreement, period, 0, 1)
        history.append((*desk.cash("V", "P", "B1"), *desk.due(agreement, "P")))
    assert history == [(40, 30, 930, 0), (80, 30, 890, -40), (120, 30, 850, 0)]


def test_accrue_given_party_owes_nets_in_settlements(desk: Sharing) -> None:
    """100 owed of shares of 60 % (40 % are V's, which owes nothing)."""
    agreement = desk.agree(
        clause(400_000, 600_000), measures=[USERS], guarantees=(Guarantee(1, 2, 10, flat=100),)
    )
    desk.until(start_of(Q1))
    desk.rich  # noqa: B018  # everyone is given cash now
    desk.over(Q1)
    desk.final(agreement, Q1, users=9)
    desk.run(agreement, Q1, 0, 1)
    v, p = desk.cash("V", "P")
    history = []
    for amount in (100, 50, 50, 10):
        assert desk.preview(amount) == desk.accrue(("B1", amount))
        desk.earn(amount)
        nv, np = desk.cash("V", "P")
        history.append((nv - v, np - p, *desk.due(agreement, "V", "P")))
    assert history == [(40, 0, 0, -40), (60, 0, 0, -10), (80, 20, 0, 0), (84, 26, 0, 0)]


@pytest.mark.parametrize("second", ["another party", "no commission"])
def test_accrue_given_version_in_between_nets_all_the_same(desk: Sharing, second: str) -> None:
    """P owes 100 of 2020Q1, is no party of Q2, or shares no commission in it, and shares again in Q3."""
    promise = {"measures": [USERS], "guarantees": (Guarantee(1, 2, 10, flat=100),)}
    desk.agree(clause(0, PPM), **promise)
    if second == "another party":
        desk.agree(clause(0, PPM), parties=("V", "R"), version=2)
    else:
        desk.agree(fixed(1, PPM, 0), version=2)
    desk.agree(clause(0, PPM), version=3)
    desk.over(Q1)
    desk.final(1, Q1, users=9)
    desk.run(1, Q1, 0, 1)
    desk.earn(1_000)
    desk.over(Q2)
    desk.rich  # noqa: B018  # everyone has cash
    before = desk.cash("P")[0]
    assert desk.preview(150) == {"P": 50, "B1": -50}
    desk.earn(30)
    assert (desk.cash("P")[0] - before, desk.due(1, "P")) == (0, [-70])
    desk.earn(120)
    assert (desk.cash("P")[0] - before, desk.due(1, "P")) == (50, [0])


def test_accrue_given_first_version_had_no_commission_nets(desk: Sharing) -> None:
    """What is owed from before an agreement shares commission at all."""
    promise = Guarantee(1, 2, 10, flat=100)
    desk.agree(fixed(1, PPM, 0), measures=[USERS], guarantees=(promise,))
    desk.over(Q1)
    desk.final(1, Q1, users=9)
    desk.run(1, Q1, 1)
    desk.agree(clause(0, PPM), version=2, effective_from=0)
    desk.over(Q2)
    desk.rich  # noqa: B018  # everyone has cash
    before = desk.cash("P")[0]
    assert desk.preview(130) == {"P": 30, "B1": -30}
    desk.earn(40)
    desk.earn(90)
    assert (desk.cash("P")[0] - before, desk.due(1, "P")) == (30, [0])
