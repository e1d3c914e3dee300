"""What is due and not paid: deferred where the payer is short, paid later, repaid by who owes.

given the payer has less than all that is due ─ nothing is paid, all stays due, told; to the unit
when anyone has it paid later       ─ all of it, of every version; refused where nothing is due
when who owes repays                ─ all of it, to the payer; refused where it owes nothing or has too little
given a claim waits and the party comes to owe ─ one is less by the other
given a cycle is open               ─ nothing moves (in test_revenue_sharing_run)
"""

from __future__ import annotations

import pytest

from ledger import reverts
from ledger.terms import MAX_UP_TO, Basis, Clause, Guarantee
from tests.contracts.clearing import others
from tests.contracts.clearing_model import PPM
from tests.contracts.sharing import Q1, Q2, USERS, Facts, Sharing, clause, start_of
from tests.contracts.support import Ledger, refused


@pytest.fixture
def desk(ledger: Ledger) -> Sharing:
    return Sharing(ledger)


def fixed(amount: int, *shares: int) -> Clause:
    return clause(*shares, basis=Basis.SUBSCRIPTION, tiers=((MAX_UP_TO, 0, amount),))


def pay(desk: Sharing, agreement: int, version: int = 1) -> Facts:
    return others(desk.ledger.facts(desk.revenue.pay(desk.ledger.outsider, agreement, version)))


def due(desk: Sharing, agreement: int, name: str, amount: int) -> tuple[str, dict[str, int]]:
    institution = desk.ledger.index[name]
    return ("DueChanged", {"agreementId": agreement, "institution": institution, "due": amount})


def test_pay_given_payer_was_short_pays_all_once_it_can(desk: Sharing, ledger: Ledger) -> None:
    agreement = desk.agree(fixed(100, 600_000, 300_000), fixed(7, PPM, 0))
    with refused(reverts.RevenueSharing_NothingDue, agreementId=agreement):
        pay(desk, agreement)
    desk.over(Q1)
    ledger.issue({("B1", "NPR"): 89})
    deferred = ("PaymentDeferred", {"agreementId": agreement, "total": 90})
    assert desk.run(agreement, Q1, 0)[1:] == [
        *(due(desk, agreement, "V", 60), due(desk, agreement, "P", 30)),
        deferred,
    ]
    assert pay(desk, agreement) == [deferred]
    assert desk.run(agreement, Q1, 1)[-1] == ("PaymentDeferred", {"agreementId": agreement, "total": 97})
    assert desk.due(agreement, "V", "P", "B1") == [67, 30, 0]
    assert desk.cash("V", "P", "B1") == [0, 0, 89]
    ledger.issue({("B1", "NPR"): 8}, "the rest")
    ledger.suspend("P")
    assert pay(desk, agreement) == [due(desk, agreement, "V", 0), due(desk, agreement, "P", 0)]
    assert desk.cash("V", "P", "B1") == [67, 30, 0]
    with refused(reverts.RevenueSharing_NothingDue, agreementId=agreement):
        pay(desk, agreement)
    for other in (0, agreement + 1):
        with refused(reverts.Agreements_UnknownAgreement, agreementId=other):
            pay(desk, other)


def test_pay_given_parties_of_several_versions_pays_those_of_one(desk: Sharing, ledger: Ledger) -> None:
    """R is party of the second version only, P of the first."""
    agreement = desk.agree(fixed(100, 500_000, 500_000))
    desk.agree(fixed(10, 500_000, 500_000), parties=("V", "R"), version=2)
    for period in (Q1, Q2):
        desk.over(period)
        desk.run(agreement, period)
    assert desk.due(agreement, "V", "P", "R") == [55, 50, 5]
    ledger.issue({("B1", "NPR"): 110})
    pay(desk, agreement, 1)
    assert desk.due(agreement, "V", "P", "R") == [0, 0, 5]
    pay(desk, agreement, 2)
    assert desk.due(agreement, "V", "P", "R") == [0, 0, 0]
    with refused(reverts.RevenueSharing_NothingDue, agreementId=agreement):
        pay(desk, agreement, 3)
    assert desk.cash("V", "P", "R", "B1") == [55, 50, 5, 0]


def owing(desk: Sharing) -> int:
    """V and P, who have nothing, owe 70 and 50."""
    promises = (Guarantee(1, 1, 10, flat=70), Guarantee(1, 2, 10, flat=50))
    agreement = desk.agree(fixed(0, PPM, 0), measures=[USERS], guarantees=promises)
    desk.over(Q1)
    desk.final(agreement, Q1, users=0)
    desk.run(agreement, Q1, 1, 2)
    assert desk.due(agreement, "V", "P") == [-70, -50]
    return agreement


def test_repay_when_who_owes_repays_pays_the_payer(desk: Sharing, ledger: Ledger) -> None:
    agreement = owing(desk)
    revenue, p = ledger.revenue, ledger.signers["P"]
    with refused(
        reverts.AssetRegister_BalanceOutOfRange, institution=6, asset=ledger.cash, balance=0, delta=-50
    ):
        revenue.repay(p, agreement)
    ledger.issue({("P", "NPR"): 50, ("V", "NPR"): 100})
    assert others(ledger.facts(revenue.repay(p, agreement))) == [due(desk, agreement, "P", 0)]
    assert desk.cash("V", "P", "B1") == [100, 0, 50]
    assert desk.due(agreement, "V", "P") == [-70, 0]
    with refused(reverts.RevenueSharing_NothingDue, agreementId=agreement):
        revenue.repay(p, agreement)


def test_repay_when_anyone_else_does_reverts(desk: Sharing, ledger: Ledger) -> None:
    """So is one suspended, and one for an agreement in which it owes nothing."""
    agreement = owing(desk)
    other = desk.agree(fixed(1, PPM, 0), name="other")
    ledger.issue({(name, "NPR"): 100 for name in ledger.index})
    for _, signer in ledger.everyone_but("V", "P"):
        with refused(reverts.RevenueSharing_NothingDue, agreementId=agreement):
            ledger.revenue.repay(signer, agreement)
    with refused(reverts.RevenueSharing_NothingDue, agreementId=other):
        ledger.revenue.repay(ledger.signers["V"], other)
    with refused(reverts.Agreements_UnknownAgreement, agreementId=other + 1):
        ledger.revenue.repay(ledger.signers["V"], other + 1)
    ledger.suspend("P")
    with refused(reverts.RevenueSharing_NothingDue, agreementId=agreement):
        ledger.revenue.repay(ledger.signers["P"], agreement)
    with refused(reverts.RevenueSharing_NothingDue, agreementId=agreement):
        pay(desk, agreement)
    assert desk.due(agreement, "V", "P") == [-70, -50]


def test_run_given_claim_waits_nets_what_party_comes_to_owe(desk: Sharing, ledger: Ledger) -> None:
    """60 wait for P; it owes 50, then 50 more. What V is owed is no less for that."""
    promises = (Guarantee(1, 2, 10, flat=50), Guarantee(1, 2, 10, flat=50))
    agreement = desk.agree(fixed(100, 400_000, 600_000), measures=[USERS], guarantees=promises)
    desk.over(Q1)
    desk.final(agreement, Q1, users=9)
    desk.run(agreement, Q1, 0)
    history = []
    for line in (1, 2):
        facts = desk.run(agreement, Q1, line)
        history.append((facts[-1][1]["total"], *desk.due(agreement, "V", "P")))
    assert history == [(50, 40, 10), (40, 40, -40)]
    ledger.issue({("B1", "NPR"): 40})
    pay(desk, agreement)
    assert desk.cash("V", "P", "B1") == [40, 0, 0]
    assert desk.due(agreement, "V", "P") == [0, -40]


def test_accrue_given_claim_waits_pays_shares_besides(desk: Sharing) -> None:
    """What a settlement shares is paid in it; where the pool falls the claim that waits is less."""
    tiers = ((1_000, 500_000), (2_000, 100_000), (MAX_UP_TO, 300_000))
    agreement = desk.agree(clause(0, PPM, tiers=tiers), fixed(450, 0, PPM))
    desk.until(start_of(Q1))
    desk.rich  # noqa: B018  # everyone is given cash, and then B1 has none
    desk.over(Q1)
    away = desk.empty("B1")
    desk.run(agreement, Q1, 1)
    index, cash = desk.ledger.index, desk.ledger.cash
    desk.ledger.register.transfer(desk.ledger.signers["B3"], index["B3"], index["B1"], cash, away)
    before = desk.cash("P")[0]
    history = []
    for amount in (1_000, 1, 1_000):
        preview = desk.preview(amount)
        desk.earn(amount)
        history.append((desk.cash("P")[0] - before, preview.get("P", 0), *desk.due(agreement, "P")))
    # 500; then 100.1 less 500 are 400 of the 450; then 600.3 of which 500 are new.
    assert history == [(500, 500, 450), (500, 0, 50), (1_000, 500, 50)]
    pay(desk, agreement)
    assert (desk.cash("P")[0] - before, desk.due(agreement, "P")) == (1_050, [0])
