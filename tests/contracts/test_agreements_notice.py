"""giveNotice(agreementId): ends an agreement with the period in which the notice has run.

by payer, by each party       ─ told; the period's end, after so many days
├── given no days, many, to the last second of a period
├── given it has not begun    ─ not before its first period's end
└── given the notice runs into another version ─ by its periods
again, by a party, after the end       ─ refused
by another, by who is suspended, by a party of a version that is not in force, of nothing ─ refused
given it has ended                     ─ nothing is covered from then on; what was before stays
"""

from __future__ import annotations

import pytest

from ledger import reverts
from ledger.clients.agreements import Agreements
from tests.contracts.agreeing import QUARTER, SHARES, month_start, period, seconds
from tests.contracts.clearing import Earnings, Floor
from tests.contracts.support import Ledger, refused


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    return Floor(ledger)


@pytest.fixture
def agreements(ledger: Ledger) -> Agreements:
    return ledger.clients.agreements


def noticed(ledger: Ledger, by: str) -> int:
    """Notice is given; the end period, which the event and the agreement have."""
    agreements = ledger.clients.agreements
    facts = ledger.facts(agreements.give_notice(ledger.signers[by], 1))
    it = agreements.agreement(1)
    told = {"agreementId": 1, "institution": ledger.index[by], "endsAt": it.ends_at}
    assert facts == [("NoticeGiven", told | {"endPeriod": it.end_period})]
    assert it.ends_at == month_start(it.end_period)
    return it.end_period


@pytest.mark.parametrize("by", ["B1", "V", "P"])
def test_give_notice_by_payer_or_party_ends_with_the_period(floor: Floor, ledger: Ledger, by: str) -> None:
    floor.conclude(floor.terms("B1", SHARES))
    assert noticed(ledger, by) == period(2020, 1)
    for name in ("B1", "V", "P"):
        with refused(reverts.Agreements_NoChange):
            ledger.clients.agreements.give_notice(ledger.signers[name], 1)


@pytest.mark.parametrize(
    ("months", "days", "now", "end"),
    [
        (1, 0, seconds(2019, 12) - 1, (2019, 12)),
        (1, 0, seconds(2019, 12), (2020, 1)),
        (1, 1, seconds(2019, 11, 30) - 1, (2019, 12)),
        (1, 1, seconds(2019, 11, 30), (2020, 1)),
        (3, 30, seconds(2019, 12, 2) - 1, (2020, 1)),
        (3, 30, seconds(2019, 12, 2), (2020, 4)),
        (6, 90, seconds(2020, 4, 1), (2020, 7)),
        (6, 91, seconds(2020, 4, 1), (2021, 1)),
        (12, 366, seconds(2020, 2, 29), (2022, 1)),
        (12, 0xFFFF, seconds(2020, 1, 1), (2200, 1)),
    ],
)
def test_give_notice_given_days_ends_with_the_period_in_which_they_have_run(
    floor: Floor, ledger: Ledger, months: int, days: int, now: int, end: tuple[int, int]
) -> None:
    floor.conclude(floor.terms("B1", SHARES, months=months, notice_days=days))
    ledger.at(now)
    assert noticed(ledger, "P") == period(*end)


@pytest.mark.parametrize(
    ("days", "end"), [(0, (2020, 7)), (7, (2020, 7)), (222, (2020, 7)), (223, (2020, 10)), (500, (2021, 7))]
)
def test_give_notice_given_it_has_not_begun_ends_with_its_first_period_at_the_earliest(
    floor: Floor, ledger: Ledger, agreements: Agreements, days: int, end: tuple[int, int]
) -> None:
    begins = seconds(2020, 5, 17) + 3
    floor.conclude(floor.terms("B1", SHARES, effective_from=begins, notice_days=days))
    assert noticed(ledger, "V") == period(*end)
    assert agreements.call("coverAt", 1, begins)[0] == period(2020, 4)


def test_give_notice_given_it_runs_into_another_version_ends_with_its_period(
    floor: Floor, ledger: Ledger, agreements: Agreements
) -> None:
    floor.conclude(floor.terms("B1", SHARES, months=1, notice_days=45))
    floor.conclude(
        floor.terms("B1", [*SHARES, ("A", 1)], version=2, months=12, effective_from=seconds(2020, 1))
    )
    # In force is the first, which A is no party of, and whose 45 days are what was agreed.
    with refused(reverts.Agreements_NotParty, caller=ledger.signers["A"].address):
        agreements.give_notice(ledger.signers["A"], 1)
    snapshot = ledger.chain.snapshot()
    assert noticed(ledger, "P") == period(2021, 1)
    ledger.chain.restore(snapshot)
    ledger.at(seconds(2020, 1))
    assert noticed(ledger, "A") == period(2021, 1)


def test_give_notice_given_a_party_was_left_out_is_not_its_to_give(
    floor: Floor, ledger: Ledger, agreements: Agreements
) -> None:
    floor.conclude(floor.terms("B1", SHARES, months=1))
    floor.conclude(floor.terms("B1", [("V", 1)], version=2, months=1))
    ledger.at(seconds(2019, 12))
    with refused(reverts.Agreements_NotParty, caller=ledger.signers["P"].address):
        agreements.give_notice(ledger.signers["P"], 1)
    assert noticed(ledger, "V") == period(2020, 1)


def test_give_notice_by_another_reverts(floor: Floor, ledger: Ledger, agreements: Agreements) -> None:
    floor.conclude(floor.terms("B1", SHARES))
    ledger.suspend("P")
    for _, signer in ledger.everyone_but("B1", "V"):
        with refused(reverts.Agreements_NotParty, caller=signer.address):
            agreements.call("giveNotice", 1, sender=signer.address)
    assert agreements.agreement(1).end_period == 0
    agreements.propose(ledger.signers["B1"], floor.terms("B1", SHARES, name="not concluded"))
    for unknown in (0, 2, 2**32 - 1):
        with refused(reverts.Agreements_UnknownAgreement, agreementId=unknown):
            agreements.give_notice(ledger.signers["B1"], unknown)


def test_give_notice_given_it_has_ended_reverts_and_nothing_is_covered(
    floor: Floor, ledger: Ledger, agreements: Agreements
) -> None:
    earnings = Earnings(floor)
    floor.conclude(floor.terms("B1", SHARES))
    end = month_start(noticed(ledger, "B1"))
    nothing = (0, (0, 0, 0, 0, 0))
    assert agreements.call("coverAt", 1, end - 1)[0] == QUARTER
    assert agreements.call("coverAt", 1, end) == nothing
    assert agreements.call("coverAt", 1, end + 10**9) == nothing
    assert agreements.call("covering", 1, QUARTER)[2] == end
    with refused(reverts.Agreements_UnknownPeriod, agreementId=1, period=QUARTER + 3):
        agreements.call("covering", 1, QUARTER + 3)
    earnings.earn(("B1", 100))
    assert ledger.balance("V", "NPR") == 20
    ledger.at(end)
    floor.pause()
    earnings.earn(("B1", 100))
    assert ledger.balance("V", "NPR") == 20
    for name in ("B1", "V", "P"):
        with refused(reverts.Agreements_NoChange):
            agreements.give_notice(ledger.signers[name], 1)
    assert agreements.call("covering", 1, QUARTER)[2] == end
    assert agreements.agreement(1).end_period == QUARTER + 3
