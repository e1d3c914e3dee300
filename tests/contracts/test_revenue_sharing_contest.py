"""contest(agreement, period, line, transaction, reason) and resolve: what a party does not accept.

when payer or party contests    ─ told, until it resolves that, which is told
when anyone else does, or one suspended ─ refused
given it contests already       ─ refused; another line, period or transaction, or another party is another
when who has not contested resolves ─ refused; resolved once
given no such line, period or agreement ─ refused
when the reason is empty or long ─ refused
given the period is open, or a cycle ─ as without; the run pays as without
"""

from __future__ import annotations

import pytest

from ledger import reverts
from ledger.clients.revenue_sharing import IN_THE_RUN
from ledger.terms import Basis, Guarantee
from tests.contracts.sharing import Q1, Q2, Q4, USERS, Sharing, clause, start_of
from tests.contracts.support import Ledger, refused

TRANSACTION = bytes(range(32))


@pytest.fixture
def desk(ledger: Ledger) -> Sharing:
    """Lines 0 and 1 are clauses, 2 a guarantee."""
    desk = Sharing(ledger)
    desk.agree(
        clause(1_000_000, 0),
        clause(0, 500_000, basis=Basis.SUBSCRIPTION, tiers=((2**96 - 1, 0, 70),)),
        measures=[USERS],
        guarantees=(Guarantee(1, 1, 10, flat=5),),
    )
    desk.until(start_of(Q1))
    return desk


def test_contest_when_payer_or_party_contests_tells(desk: Sharing, ledger: Ledger) -> None:
    revenue = ledger.revenue
    for name in ("B1", "V", "P"):
        for line, transaction, reason in ((0, TRANSACTION, "x"), (2, IN_THE_RUN, "y" * 200)):
            fact = {"agreementId": 1, "period": Q1, "line": line, "transactionHash": transaction}
            fact["institution"] = ledger.index[name]
            signer = ledger.signers[name]
            facts = ledger.facts(revenue.contest(signer, 1, Q1, line, reason, transaction))
            assert facts == [("LineContested", fact | {"reason": reason})]
            with refused(reverts.RevenueSharing_NoChange):
                revenue.contest(signer, 1, Q1, line, "another", transaction)
            facts = ledger.facts(revenue.resolve(signer, 1, Q1, line, transaction))
            assert facts == [("ContestResolved", fact)]
            with refused(reverts.RevenueSharing_NoChange):
                revenue.resolve(signer, 1, Q1, line, transaction)
            revenue.contest(signer, 1, Q1, line, "again", transaction)


def test_contest_when_anyone_else_does_reverts(desk: Sharing, ledger: Ledger) -> None:
    callers = list(ledger.everyone_but("B1", "V", "P"))
    ledger.suspend("P")
    for _, signer in [*callers, ("P", ledger.signers["P"])]:
        with refused(reverts.RevenueSharing_NotParty, caller=signer.address):
            ledger.revenue.contest(signer, 1, Q1, 0, "x")


def test_resolve_when_who_has_not_contested_does_reverts(desk: Sharing, ledger: Ledger) -> None:
    """Nor for another line, period, transaction or agreement; one suspended can."""
    revenue, p = ledger.revenue, ledger.signers["P"]
    revenue.contest(p, 1, Q1, 0, "x", TRANSACTION)
    for _, signer in ledger.everyone_but("P"):
        with refused(reverts.RevenueSharing_NoChange):
            revenue.resolve(signer, 1, Q1, 0, TRANSACTION)
    for other in ((2, Q1, 0, TRANSACTION), (1, Q2, 0, TRANSACTION), (1, Q1, 1, TRANSACTION), (1, Q1, 0)):
        with refused(reverts.RevenueSharing_NoChange):
            revenue.resolve(p, *other)
    ledger.suspend("P")
    revenue.resolve(p, 1, Q1, 0, TRANSACTION)


def test_contest_given_no_such_thing_reverts(desk: Sharing, ledger: Ledger) -> None:
    revenue, p = ledger.revenue, ledger.signers["P"]
    for line in (3, 4, 255):
        with refused(reverts.RevenueSharing_UnknownLine, agreementId=1, period=Q1, line=line):
            revenue.contest(p, 1, Q1, line, "x")
    for period in (Q4, Q1 + 1, 0):
        with refused(reverts.Agreements_UnknownPeriod, agreementId=1, period=period):
            revenue.contest(p, 1, period, 0, "x")
    with refused(reverts.Agreements_UnknownAgreement, agreementId=2):
        revenue.contest(p, 2, Q1, 0, "x")
    for length in (0, 201, 1_000):
        with refused(reverts.RevenueSharing_InvalidReason, length=length):
            revenue.contest(p, 1, Q1, 0, "x" * length)


def test_contest_given_party_of_another_version_reverts(desk: Sharing, ledger: Ledger) -> None:
    """From 2020Q2 on R is party, and P none; the lines are that version's."""
    desk.agree(clause(1_000_000, 0), parties=("V", "R"), version=2)
    for period, name in ((Q1, "R"), (Q2, "P")):
        signer = ledger.signers[name]
        with refused(reverts.RevenueSharing_NotParty, caller=signer.address):
            ledger.revenue.contest(signer, 1, period, 0, "x")
    with refused(reverts.RevenueSharing_UnknownLine, agreementId=1, period=Q2, line=1):
        ledger.revenue.contest(ledger.signers["R"], 1, Q2, 1, "x")
    for period, name in ((Q1, "P"), (Q2, "R"), (Q2, "B1")):
        ledger.revenue.contest(ledger.signers[name], 1, period, 0, "x")


def test_contest_given_cycle_is_open_stops_nothing(desk: Sharing, ledger: Ledger) -> None:
    revenue = ledger.revenue
    desk.floor.open()
    revenue.contest(ledger.signers["B1"], 1, Q1, 1, "x")
    desk.floor.close()
    desk.over(Q1)
    ledger.issue({("B1", "NPR"): 35})
    desk.run(1, Q1, 1)
    assert desk.cash("P", "B1") == [35, 0]
    revenue.contest(ledger.signers["P"], 1, Q1, 1, "too little")
    revenue.resolve(ledger.signers["B1"], 1, Q1, 1)
