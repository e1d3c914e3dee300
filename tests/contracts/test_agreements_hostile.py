"""Agreements turned against others: by a payer that is suspended, by who has left, in the middle of a cycle.

given the payer is suspended        ─ nothing new is concluded, and no run pays anything of its cash
given notice by who is left out     ─ refused: the others go on
given notice while a cycle is open  ─ refused where it would change what a settlement of that cycle takes
given a later reserve is unpaid     ─ an earlier one that was paid in is released
"""

from __future__ import annotations

from typing import Any

import pytest

from ledger import reverts
from ledger.terms import MAX_UP_TO, Basis, Clause, Reserve
from tests.contracts.clearing_model import PPM
from tests.contracts.sharing import Q1, Q2, USERS, Sharing, clause, start_of
from tests.contracts.support import Ledger, refused

MILLION = 1_000_000


@pytest.fixture
def desk(ledger: Ledger) -> Sharing:
    return Sharing(ledger)


def fixed(amount: int, *shares: int, **fields: Any) -> Clause:
    return clause(*shares, basis=Basis.SUBSCRIPTION, tiers=((MAX_UP_TO, 0, amount),), **fields)


def test_propose_given_a_suspended_payer_concludes_nothing(desk: Sharing, ledger: Ledger) -> None:
    """Its signer moves nothing; nor do terms that a friend proposes and it signs, first or next version."""
    agreements, index = ledger.clients.agreements, ledger.index
    desk.agree(fixed(1, PPM), parties=("P",), months=1, effective_from=0)
    kept = desk.terms(fixed(MILLION, PPM), parties=("P",), name="kept", effective_from=0)
    agreements.propose(ledger.signers["B1"], kept)
    ledger.suspend("B1")
    for name, version in (("escape", 1), ("agreement", 2)):
        fields = {"name": name} if version == 1 else {"months": 1, "version": 2}
        terms = desk.terms(fixed(MILLION, PPM), parties=("P",), effective_from=0, **fields)
        with refused(reverts.Agreements_PayerSuspended, payer=index["B1"]):
            agreements.propose(ledger.signers["P"], terms, desk.floor.consents(terms, "B1"))
    with refused(reverts.Agreements_PayerSuspended, payer=index["B1"]):
        agreements.consent(ledger.signers["P"], kept.digest(agreements.domain))


def test_run_given_a_suspended_payer_leaves_its_cash_until_it_is_reinstated(
    desk: Sharing, ledger: Ledger
) -> None:
    """P takes a unit a user, as the agent A alone says, and says once B1 is suspended."""
    pays = clause(PPM, basis=Basis.USAGE, measure=1, tiers=((MAX_UP_TO, PPM),))
    agreement = desk.agree(pays, parties=("P",), measures=[desk.measure(USERS, "A", None)])
    ledger.issue({("B1", "NPR"): MILLION})
    desk.over(Q1)
    ledger.suspend("B1")
    desk.revenue.report(ledger.signers["A"], agreement, Q1, USERS, MILLION)
    told = desk.run(agreement, Q1)
    assert ("PaymentDeferred", {"agreementId": agreement, "total": MILLION}) in told
    assert desk.cash("B1", "P") == [MILLION, 0]
    ledger.consortium.reinstate(ledger.signers["R"], ledger.index["B1"])
    desk.revenue.pay(ledger.outsider, agreement, 1)
    assert desk.cash("B1", "P") == [0, MILLION]


@pytest.mark.parametrize("notice_days", [0, 90])
def test_notice_given_by_who_is_left_out_by_then_reverts(
    desk: Sharing, ledger: Ledger, notice_days: int
) -> None:
    """P is party of the version in force; all have agreed that the next goes on without it."""
    agreements, p = ledger.clients.agreements, ledger.signers["P"]
    agreement = desk.agree(fixed(1, 500_000, 500_000), effective_from=0, notice_days=notice_days)
    desk.agree(fixed(1, PPM), parties=("V",), version=2, notice_days=365, effective_from=start_of(Q1))
    with refused(reverts.Agreements_NotParty, caller=p.address):
        agreements.give_notice(p, agreement)
    assert agreements.agreement(agreement).end_period == 0


def test_notice_given_while_a_cycle_is_open_that_could_reach_its_end_reverts(
    desk: Sharing, ledger: Ledger
) -> None:
    agreement = desk.agree(clause(500_000, 0), effective_from=0)
    assert desk.rich
    ledger.at(start_of(Q1) - 1200)
    desk.floor.pause()
    desk.floor.open(seconds=3600)
    with refused(reverts.Agreements_CycleOpen):
        ledger.clients.agreements.give_notice(ledger.signers["B1"], agreement)
    ledger.at(start_of(Q1) + 5)
    desk.floor.pause()
    assert desk.preview(1000) == {"V": 500, "B1": -500}


def test_release_given_a_later_reserve_is_unpaid_releases_what_was_paid_in(
    desk: Sharing, ledger: Ledger
) -> None:
    desk.keep_reserves()
    kept = fixed(1_000, PPM, 0, reserve=Reserve(100_000, 1))
    agreement = desk.agree(kept, reserve_account=ledger.index["RES"])
    ledger.issue({("B1", "NPR"): 1_000})
    for period in (Q1, Q2):
        desk.over(period)
        desk.run(agreement, period)
    assert desk.cash("RES", "V") == [100, 900]
    desk.revenue.release(ledger.outsider, agreement, Q1, 0)
    assert desk.cash("RES", "V") == [0, 1_000]
    desk.over(Q2 + 3)
    with refused(reverts.RevenueSharing_ReserveUnpaid, agreementId=agreement, due=100):
        desk.revenue.release(ledger.outsider, agreement, Q2, 0)
