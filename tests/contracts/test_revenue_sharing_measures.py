"""report, countersign, dispute: what was measured in a period, by whom, and who does not agree.

when whom the terms name reports            ─ reported and told; by a calculation agent it is final at once
when anyone else does, or one suspended     ─ refused, whoever it is; so is countersigning and disputing
given it was reported, or is final          ─ refused, but after a dispute
when the countersigner agrees               ─ final and told; to another value, or twice: refused
when it does not                            ─ disputed and told; the reporter reports again
before the period has ended                 ─ refused to its last second
given no such agreement, period or measure  ─ refused; a measure of another version's terms too
given a cycle is open                       ─ as without
"""

from __future__ import annotations

import pytest

from ledger import reverts
from ledger.clients.revenue_sharing import ReportStatus
from ledger.terms import MAX_MEASURE, Basis, measure_key
from tests.contracts.clearing_model import PPM
from tests.contracts.sharing import ASSETS, Q1, Q2, Q3, Q4, UNITS, USERS, Sharing, clause, start_of
from tests.contracts.support import Ledger, refused

NONE, REPORTED, DISPUTED, FINAL = ReportStatus
KEY = measure_key(USERS)


@pytest.fixture
def desk(ledger: Ledger) -> Sharing:
    """Agreement 1: users by V, countersigned by P; assets by P, countersigned by the payer; units by A, who
    has no part in it. The first period has ended."""
    desk = Sharing(ledger)
    desk.agree(
        clause(PPM, 0, basis=Basis.USAGE, measure=1),
        measures=[USERS, desk.measure(ASSETS, "P", "B1"), desk.measure(UNITS, "A", None)],
    )
    desk.over(Q1)
    return desk


def test_report_when_named_institution_reports_tells(desk: Sharing, ledger: Ledger) -> None:
    revenue, signers = ledger.revenue, ledger.signers
    assert revenue.report_of(1, Q1, USERS) == (NONE, 0)
    for by, name, value in (("V", USERS, MAX_MEASURE), ("P", ASSETS, 0)):
        facts = ledger.facts(revenue.report(signers[by], 1, Q1, name, value))
        fact = {"agreementId": 1, "period": Q1, "measure": measure_key(name), "value": value}
        assert facts == [("MeasureReported", fact | {"institution": ledger.index[by]})]
        assert revenue.report_of(1, Q1, name) == (REPORTED, value)
        assert revenue.report_of(1, Q2, name) == (NONE, 0)


def test_report_when_calculation_agent_reports_is_final(desk: Sharing, ledger: Ledger) -> None:
    revenue, agent = ledger.revenue, ledger.signers["A"]
    revenue.report(agent, 1, Q1, UNITS, 7)
    assert revenue.report_of(1, Q1, UNITS) == (FINAL, 7)
    unit = measure_key(UNITS)
    with refused(reverts.RevenueSharing_WrongStatus, measure=unit, status=FINAL):
        revenue.report(agent, 1, Q1, UNITS, 7)
    for _, signer in ledger.everyone_but():
        with refused(reverts.RevenueSharing_NotCountersigner, caller=signer.address, measure=unit):
            revenue.countersign(signer, 1, Q1, UNITS, 7)
        with refused(reverts.RevenueSharing_NotCountersigner, caller=signer.address, measure=unit):
            revenue.dispute(signer, 1, Q1, UNITS)


def test_report_when_anyone_else_does_reverts(desk: Sharing, ledger: Ledger) -> None:
    for measure, by in ((USERS, "V"), (ASSETS, "P"), (UNITS, "A")):
        for _, signer in ledger.everyone_but(by):
            with refused(
                reverts.RevenueSharing_NotReporter, caller=signer.address, measure=measure_key(measure)
            ):
                ledger.revenue.report(signer, 1, Q1, measure, 5)
        ledger.suspend(by)
        with refused(
            reverts.RevenueSharing_NotReporter,
            caller=ledger.signers[by].address,
            measure=measure_key(measure),
        ):
            ledger.revenue.report(ledger.signers[by], 1, Q1, measure, 5)
        ledger.consortium.reinstate(ledger.signers["R"], ledger.index[by])
        ledger.revenue.report(ledger.signers[by], 1, Q1, measure, 5)


def test_countersign_when_anyone_else_does_reverts(desk: Sharing, ledger: Ledger) -> None:
    """The reporter neither; so is disputing."""
    revenue = ledger.revenue
    revenue.report(ledger.signers["V"], 1, Q1, USERS, 5)
    revenue.report(ledger.signers["P"], 1, Q1, ASSETS, 5)
    for measure, by in ((USERS, "P"), (ASSETS, "B1")):
        callers = list(ledger.everyone_but(by))
        ledger.suspend(by)
        for _, signer in [*callers, (by, ledger.signers[by])]:
            operands = {"caller": signer.address, "measure": measure_key(measure)}
            with refused(reverts.RevenueSharing_NotCountersigner, **operands):
                revenue.countersign(signer, 1, Q1, measure, 5)
            with refused(reverts.RevenueSharing_NotCountersigner, **operands):
                revenue.dispute(signer, 1, Q1, measure)
        ledger.consortium.reinstate(ledger.signers["R"], ledger.index[by])
        revenue.countersign(ledger.signers[by], 1, Q1, measure, 5)
        assert revenue.report_of(1, Q1, measure) == (FINAL, 5)


def test_countersign_when_it_agrees_is_final_and_tells(desk: Sharing, ledger: Ledger) -> None:
    revenue, (v, p) = ledger.revenue, (ledger.signers[name] for name in "VP")
    with refused(reverts.RevenueSharing_WrongStatus, measure=KEY, status=NONE):
        revenue.countersign(p, 1, Q1, USERS, 0)
    with refused(reverts.RevenueSharing_WrongStatus, measure=KEY, status=NONE):
        revenue.dispute(p, 1, Q1, USERS)
    revenue.report(v, 1, Q1, USERS, 5)
    with refused(reverts.RevenueSharing_WrongStatus, measure=KEY, status=REPORTED):
        revenue.report(v, 1, Q1, USERS, 6)
    for value in (0, 4, 6, MAX_MEASURE):
        with refused(reverts.RevenueSharing_WrongValue, measure=KEY, given=value, reported=5):
            revenue.countersign(p, 1, Q1, USERS, value)
    facts = ledger.facts(revenue.countersign(p, 1, Q1, USERS, 5))
    fact = {"agreementId": 1, "period": Q1, "measure": KEY, "value": 5, "institution": ledger.index["P"]}
    assert facts == [("MeasureCountersigned", fact)]
    assert revenue.report_of(1, Q1, USERS) == (FINAL, 5)
    with refused(reverts.RevenueSharing_WrongStatus, measure=KEY, status=FINAL):
        revenue.countersign(p, 1, Q1, USERS, 5)
    with refused(reverts.RevenueSharing_WrongStatus, measure=KEY, status=FINAL):
        revenue.dispute(p, 1, Q1, USERS)
    with refused(reverts.RevenueSharing_WrongStatus, measure=KEY, status=FINAL):
        revenue.report(v, 1, Q1, USERS, 6)


def test_dispute_given_reported_lets_report_again(desk: Sharing, ledger: Ledger) -> None:
    """As often as they do not agree; what was disputed is told, and can be countersigned no more."""
    revenue, (v, p) = ledger.revenue, (ledger.signers[name] for name in "VP")
    for value in (5, 5, 6):
        revenue.report(v, 1, Q1, USERS, value)
        facts = ledger.facts(revenue.dispute(p, 1, Q1, USERS))
        fact = {"agreementId": 1, "period": Q1, "measure": KEY, "value": value}
        assert facts == [("MeasureDisputed", fact | {"institution": ledger.index["P"]})]
        assert revenue.report_of(1, Q1, USERS)[0] == DISPUTED
        with refused(reverts.RevenueSharing_WrongStatus, measure=KEY, status=DISPUTED):
            revenue.dispute(p, 1, Q1, USERS)
        with refused(reverts.RevenueSharing_WrongStatus, measure=KEY, status=DISPUTED):
            revenue.countersign(p, 1, Q1, USERS, value)
        with refused(reverts.RevenueSharing_MeasureMissing, agreementId=1, period=Q1, measure=KEY):
            desk.run(1, Q1)
    desk.final(1, Q1, users=7)
    assert desk.clause_run(1, Q1) == (7, 7, 0, (7, 0))


def test_report_before_period_has_ended_reverts(desk: Sharing, ledger: Ledger) -> None:
    revenue = ledger.revenue
    early = reverts.RevenueSharing_PeriodOpen
    for period, ends in ((Q2, Q3), (Q3, Q3 + 3), (2400 * 12, 2400 * 12 + 3)):
        operands = {"agreementId": 1, "period": period, "endsAt": start_of(ends)}
        with refused(early, **operands):
            revenue.report(ledger.signers["V"], 1, period, USERS, 5)
        with refused(early, **operands):
            revenue.countersign(ledger.signers["P"], 1, period, USERS, 5)
        with refused(early, **operands):
            revenue.dispute(ledger.signers["P"], 1, period, USERS)
    end = start_of(Q3)
    ledger.at(end - 1)
    with refused(early, agreementId=1, period=Q2, endsAt=end):
        revenue.report(ledger.signers["V"], 1, Q2, USERS, 5)
    ledger.at(end)
    revenue.report(ledger.signers["V"], 1, Q2, USERS, 5)


def test_report_given_no_such_thing_reverts(desk: Sharing, ledger: Ledger) -> None:
    revenue, (v, p) = ledger.revenue, (ledger.signers[name] for name in "VP")
    for name in ("user", "userss", "Users", "nothing"):
        operands = {"agreementId": 1, "period": Q1, "measure": measure_key(name)}
        with refused(reverts.RevenueSharing_UnknownMeasure, **operands):
            revenue.report(v, 1, Q1, name, 5)
        with refused(reverts.RevenueSharing_UnknownMeasure, **operands):
            revenue.countersign(p, 1, Q1, name, 5)
        with refused(reverts.RevenueSharing_UnknownMeasure, **operands):
            revenue.dispute(p, 1, Q1, name)
    with refused(reverts.Agreements_UnknownAgreement, agreementId=2):
        revenue.report(v, 2, Q1, USERS, 5)
    for period in (0, Q4, Q1 - 1, Q1 + 1, Q1 + 2, 0xFFFE):
        with refused(reverts.Agreements_UnknownPeriod, agreementId=1, period=period):
            revenue.report(v, 1, period, USERS, 5)


def test_report_given_measure_of_another_version_reverts(desk: Sharing, ledger: Ledger) -> None:
    """The second version, from 2020Q3 on, has users by B2, and visits instead of assets."""
    revenue, signers = ledger.revenue, ledger.signers
    visits = desk.measure("visits", "A", None)
    desk.agree(
        clause(PPM, 0, basis=Basis.USAGE, measure=1),
        measures=[desk.measure(USERS, "B2", "P"), visits],
        version=2,
    )
    desk.over(Q3)
    for period, unknown in ((Q1, "visits"), (Q2, "visits"), (Q3, ASSETS)):
        with refused(
            reverts.RevenueSharing_UnknownMeasure,
            agreementId=1,
            period=period,
            measure=measure_key(unknown),
        ):
            revenue.report(signers["A"], 1, period, unknown, 5)
    for period, wrong, right in ((Q1, "B2", "V"), (Q2, "B2", "V"), (Q3, "V", "B2")):
        with refused(reverts.RevenueSharing_NotReporter, caller=signers[wrong].address, measure=KEY):
            revenue.report(signers[wrong], 1, period, USERS, 5)
        revenue.report(signers[right], 1, period, USERS, period)
    assert [revenue.report_of(1, period, USERS)[1] for period in (Q1, Q2, Q3)] == [Q1, Q2, Q3]


def test_report_given_cycle_is_open_reports(desk: Sharing, ledger: Ledger) -> None:
    desk.floor.open()
    desk.final(1, Q1, users=7)
    assert ledger.revenue.report_of(1, Q1, USERS) == (FINAL, 7)
