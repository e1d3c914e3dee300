"""propose and consent, of versions after the first: what changes, when, and who has to say so.

effective with the next period, or at a later one's first second     ─ of both versions' periods
├── given months become fewer, more                                  ─ a boundary of both
├── given a later version was concluded before                       ─ behind that
└── at another second, in the past, in the period that runs, too late for any number ─ refused
given a party is left out    ─ its consent is needed too; on the chain, by signature, taken back
given a party is new         ─ its consent, as everybody's
given another currency       ─ refused
given notice was given       ─ concluding takes it back; not where it ends the agreement before the last
                               version begins; once it has ended nothing is concluded
given many are to come       ─ what a settlement asks stays cheap
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ledger import reverts
from ledger.accounts import Signer
from ledger.chain import Receipt
from ledger.clients.agreements import Agreements, Version
from ledger.clients.consortium import Role
from ledger.terms import Terms, pack
from tests.contracts.agreeing import SHARES, Mistake, month_start, period, seconds
from tests.contracts.clearing import Earnings, Floor
from tests.contracts.support import Ledger, refused


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    return Floor(ledger)


@pytest.fixture
def agreements(ledger: Ledger) -> Agreements:
    return ledger.clients.agreements


def revised(floor: Floor, version: int = 2, **changes: Any) -> Terms:
    return floor.terms("B1", changes.pop("shares", SHARES), version=version, **changes)


def concluded(ledger: Ledger, receipt: Receipt) -> tuple[int, int, int]:
    """Version, when it starts, its first period."""
    name, told = ledger.facts(receipt)[-1]
    assert name == "AgreementConcluded"
    assert told["agreementId"] == 1
    return told["version"], told["startsAt"], told["fromPeriod"]


def refuses(ledger: Ledger, terms: Terms, earliest: int) -> None:
    operands = {"effectiveFrom": terms.effective_from, "earliest": earliest}
    with refused(reverts.Agreements_NotEffective, **operands):
        ledger.clients.agreements.call("propose", pack(terms), [], sender=ledger.signers["B1"].address)


@pytest.mark.parametrize(
    ("months", "later", "at"),
    [
        (3, 3, (2020, 1)),
        (3, 1, (2020, 1)),
        (1, 1, (2019, 12)),
        (1, 3, (2020, 1)),
        (1, 12, (2020, 1)),
        (6, 3, (2020, 1)),
        (12, 12, (2020, 1)),
    ],
)
def test_second_version_given_no_time_is_effective_with_the_next_period_of_both(
    floor: Floor, ledger: Ledger, agreements: Agreements, months: int, later: int, at: tuple[int, int]
) -> None:
    floor.conclude(floor.terms("B1", SHARES, months=months))
    receipt = floor.conclude(revised(floor, months=later))
    start = seconds(*at)
    assert concluded(ledger, receipt) == (2, start, period(*at))
    assert agreements.version_of(1, 2) == Version(2, period(*at), later, 2, start)
    first = agreements.version_of(1, 1)
    last = period(*at) - months
    assert agreements.call("coverAt", 1, start - 1) == (last, tuple_of(first))
    assert agreements.call("coverAt", 1, start) == (period(*at), tuple_of(agreements.version_of(1, 2)))
    begun = max(first.starts_at, month_start(last))
    assert agreements.call("covering", 1, last) == (tuple_of(first), begun, start)
    assert agreements.call("covering", 1, period(*at))[1:] == (start, month_start(period(*at) + later))


def tuple_of(version: Version) -> tuple[int, ...]:
    return (version.terms_no, version.from_period, version.months, version.parties, version.starts_at)


@pytest.mark.parametrize(
    ("months", "later", "now", "earliest"),
    [
        (3, 1, (2019, 12), (2020, 1)),
        (1, 12, (2020, 1), (2021, 1)),
        (1, 6, (2020, 2), (2020, 7)),
        (6, 12, (2020, 7), (2021, 1)),
        (12, 1, (2020, 2), (2021, 1)),
        (3, 6, (2020, 1), (2020, 7)),
    ],
)
def test_second_version_given_a_time_begins_at_a_boundary_of_both_that_has_not_come(
    floor: Floor,
    ledger: Ledger,
    months: int,
    later: int,
    now: tuple[int, int],
    earliest: tuple[int, int],
) -> None:
    """A period that begins this second has begun."""
    floor.conclude(floor.terms("B1", SHARES, months=months))
    ledger.at(seconds(*now))
    floor.pause()
    first, common = seconds(*earliest), max(months, later)
    refused_at = [1, ledger.now, seconds(*now), first - 1, first + 1, first + 86_400, first + 43_200]
    refused_at += [month_start(period(*earliest) + n) for n in range(-12, common) if n]
    for moment in refused_at:
        refuses(ledger, revised(floor, months=later, effective_from=moment), first)
    for n in (0, 1, 7):
        start = period(*earliest) + common * n
        snapshot = ledger.chain.snapshot()
        receipt = floor.conclude(revised(floor, months=later, effective_from=month_start(start)))
        assert concluded(ledger, receipt) == (2, month_start(start), start)
        ledger.chain.restore(snapshot)


def test_second_version_given_no_time_waits_with_its_last_consent(
    floor: Floor, ledger: Ledger, agreements: Agreements
) -> None:
    """When it is effective is decided when all have consented, not when it is proposed."""
    floor.conclude(floor.terms("B1", SHARES, months=1))
    terms, dated = revised(floor, months=1), revised(floor, months=1, effective_from=seconds(2019, 12))
    for each in (terms, dated):
        agreements.propose(ledger.signers["V"], each, floor.consents(each, "P"))
    ledger.at(seconds(2019, 12))
    operands = {"effectiveFrom": seconds(2019, 12), "earliest": seconds(2020, 1)}
    with refused(reverts.Agreements_NotEffective, **operands):
        agreements.consent(ledger.signers["B1"], dated.digest(agreements.domain))
    receipt = agreements.consent(ledger.signers["B1"], terms.digest(agreements.domain))
    assert concluded(ledger, receipt) == (2, seconds(2020, 1), period(2020, 1))


def test_third_version_given_the_second_is_to_come_begins_behind_it(floor: Floor, ledger: Ledger) -> None:
    floor.conclude(floor.terms("B1", SHARES))
    second = revised(floor, months=6, effective_from=seconds(2021, 7))
    floor.conclude(second)
    for moment in (seconds(2020, 1), seconds(2021, 1), seconds(2021, 7)):
        refuses(ledger, revised(floor, 3, effective_from=moment), seconds(2022, 1))
    refuses(ledger, revised(floor, 3, months=1, effective_from=seconds(2021, 8)), seconds(2022, 1))
    receipt = floor.conclude(revised(floor, 3, months=1))
    assert concluded(ledger, receipt) == (3, seconds(2022, 1), period(2022, 1))


def test_second_version_given_the_first_is_to_come_begins_behind_its_stub(
    floor: Floor, ledger: Ledger
) -> None:
    floor.conclude(floor.terms("B1", SHARES, effective_from=seconds(2020, 5, 17) + 1))
    for moment in (seconds(2020, 1), seconds(2020, 4)):
        refuses(ledger, revised(floor, effective_from=moment), seconds(2020, 7))
    receipt = floor.conclude(revised(floor))
    assert concluded(ledger, receipt) == (2, seconds(2020, 7), period(2020, 7))


def test_later_version_given_it_would_begin_after_4147_reverts(floor: Floor, ledger: Ledger) -> None:
    """Numbers of periods end there."""
    floor.conclude(floor.terms("B1", SHARES, effective_from=2**36 - 366 * 86_400, months=12))
    begins = concluded(ledger, floor.conclude(revised(floor, months=12)))[1]
    assert 2**36 - 366 * 86_400 < begins <= 2**36
    for moment in (0, 2**36):
        refuses(ledger, revised(floor, 3, months=12, effective_from=moment), month_start(period(4148, 1)))


def test_later_version_given_the_last_number_is_reached_of_time_reverts(floor: Floor, ledger: Ledger) -> None:
    floor.conclude(floor.terms("B1", SHARES))
    with refused(reverts.Agreements_InvalidTerms, mistake=Mistake.PERIOD, at=0, entry=3):
        floor.conclude(revised(floor, effective_from=2**36 + 1))


def test_later_version_given_a_party_is_left_out_needs_its_consent(
    floor: Floor, ledger: Ledger, agreements: Agreements
) -> None:
    """A partner cannot be put out, nor its notice be taken back, by terms that it has not seen."""
    floor.conclude(floor.terms("B1", SHARES))
    terms = revised(floor, shares=[("A", 1), ("V", 2)])
    digest = terms.digest(agreements.domain)
    agreements.propose(ledger.signers["B1"], terms, floor.consents(terms, "A", "V"))
    assert agreements.agreement(1).versions == 1
    # It has the rights of a party here: it refuses, and nobody brings its word again; then it consents.
    receipt = agreements.withdraw_consent(ledger.signers["P"], digest)
    assert ledger.facts(receipt)[0][1]["institution"] == ledger.index["P"]
    party = ledger.index["P"]
    with refused(reverts.Agreements_InvalidSignature, institution=party, termsHash=digest):
        agreements.consent(ledger.outsider, digest, floor.consents(terms, "P"))
    receipt = agreements.consent(ledger.signers["P"], digest)
    assert concluded(ledger, receipt) == (2, seconds(2020, 1), period(2020, 1))
    assert agreements.version_of(1, 2).parties == 2
    # Of the third version it is nobody, and A is who may be left out.
    third = revised(floor, 3, shares=[("V", 9)])
    with refused(reverts.Agreements_UnknownParty, institution=party):
        agreements.propose(ledger.signers["B1"], third, floor.consents(third, "P"))
    with refused(reverts.Agreements_NotParty, caller=ledger.signers["P"].address):
        agreements.propose(ledger.signers["P"], third)
    agreements.propose(ledger.signers["B1"], third, floor.consents(third, "V"))
    agreements.consent(ledger.outsider, third.digest(agreements.domain), floor.consents(third, "A"))
    assert agreements.agreement(1).versions == 3


def test_later_version_given_all_parties_are_others_needs_all_of_both(
    floor: Floor, ledger: Ledger, agreements: Agreements
) -> None:
    """24 go and 24 come: each counts."""
    names = [f"N{i}" for i in range(48)]
    admitted(ledger, names)
    floor.conclude(floor.terms("B1", [(name, 1) for name in names[:24]]))
    terms = revised(floor, shares=[(name, 1) for name in names[24:]])
    consents = {consent.institution: consent for consent in floor.consents(terms)}
    assert len(consents) == 49
    sender, digest = ledger.outsider, terms.digest(agreements.domain)
    for missing in (ledger.index["B1"], ledger.index["N0"], ledger.index["N23"], ledger.index["N24"]):
        snapshot = ledger.chain.snapshot()
        agreements.propose(sender, terms, [c for i, c in consents.items() if i != missing])
        assert agreements.agreement(1).versions == 1
        agreements.consent(sender, digest, [consents[missing]])
        assert agreements.agreement(1).versions == 2
        ledger.chain.restore(snapshot)


def admitted(ledger: Ledger, names: list[str]) -> None:
    """Further partners, all at once."""
    for name in names:
        ledger.signers[name] = Signer.from_seed("contract tests", name)
        ledger.index[name] = len(ledger.index) + 1
    everybody = [(name, ledger.signers[name].address, [Role.PARTNER]) for name in names]
    ledger.consortium.admit(ledger.operator, everybody)


def test_later_version_given_another_currency_reverts(floor: Floor, ledger: Ledger) -> None:
    floor.agree("B1", SHARES)
    with refused(reverts.Agreements_WrongCurrency, given=ledger.asset["USD"], currency=ledger.cash):
        floor.conclude(replace(revised(floor), currency=ledger.asset["USD"]))


def test_later_version_given_notice_takes_it_back_until_the_end_has_come(
    floor: Floor, ledger: Ledger, agreements: Agreements
) -> None:
    floor.conclude(floor.terms("B1", SHARES, months=1))
    agreements.give_notice(ledger.signers["P"], 1)
    assert agreements.agreement(1).ends_at == seconds(2019, 12)
    receipt = floor.conclude(revised(floor, months=1, effective_from=seconds(2020, 5)))
    assert concluded(ledger, receipt)[0] == 2
    it = agreements.agreement(1)
    assert (it.versions, it.end_period, it.ends_at) == (2, 0, 0)
    assert agreements.call("coverAt", 1, seconds(2020, 1))[0] == period(2020, 1)
    third = revised(floor, 3, months=1)
    agreements.propose(ledger.signers["V"], third, floor.consents(third, "P"))
    agreements.give_notice(ledger.signers["V"], 1)
    ends_at = agreements.agreement(1).ends_at
    ledger.at(ends_at)
    with refused(reverts.Agreements_Ended, agreementId=1, endsAt=ends_at):
        agreements.consent(ledger.signers["B1"], third.digest(agreements.domain))
    for version, kind in ((1, reverts.Agreements_WrongVersion), (3, reverts.Agreements_Ended)):
        with pytest.raises(kind):
            floor.conclude(revised(floor, version) if version != 1 else floor.terms("B1", SHARES))
    floor.agree("B1", SHARES, name="another")
    assert agreements.agreement_named(ledger.index["B1"], "another") == 2


def test_later_version_given_notice_ends_it_before_the_last_begins_reverts(
    floor: Floor, ledger: Ledger, agreements: Agreements
) -> None:
    """P is left out from 2021 on, and ends the agreement before. Without it nobody takes its notice back."""
    floor.conclude(floor.terms("B1", SHARES, months=1))
    floor.conclude(revised(floor, shares=[("V", 1)], months=1, effective_from=seconds(2021, 1)))
    third = revised(floor, 3, shares=[("V", 1)], months=1)
    agreements.propose(ledger.signers["V"], third)
    agreements.give_notice(ledger.signers["P"], 1)
    with refused(reverts.Agreements_Ended, agreementId=1, endsAt=seconds(2019, 12)):
        agreements.consent(ledger.signers["B1"], third.digest(agreements.domain))
    another = replace(third, notice_days=9)
    with refused(reverts.Agreements_Ended, agreementId=1, endsAt=seconds(2019, 12)):
        floor.conclude(another)
    assert agreements.agreement(1).end_period == period(2019, 12)


def test_later_version_given_notice_runs_into_the_last_takes_it_back(
    floor: Floor, ledger: Ledger, agreements: Agreements
) -> None:
    floor.conclude(floor.terms("B1", SHARES, months=1, notice_days=10))
    floor.conclude(revised(floor, shares=[("V", 1)], months=1))
    agreements.give_notice(ledger.signers["V"], 1)
    assert agreements.agreement(1).ends_at == seconds(2020, 1)
    floor.conclude(revised(floor, 3, shares=[("V", 1)], months=1))
    assert agreements.agreement(1).ends_at == 0


def test_settlement_given_many_versions_are_to_come_costs_little_more(floor: Floor, ledger: Ledger) -> None:
    """A payer and a friend could conclude thousands: the venue's settlement looks for the one in force."""
    earnings = Earnings(floor)
    floor.agree("B1", [("V", 5)], months=1, name="one")
    floor.agree("B2", [("V", 5)], months=1, name="one")
    for version in range(2, 42):
        floor.agree("B1", [("V", version)], months=1, name="one", version=version)
    used = {}
    ledger.at(seconds(2020, 1, 2))
    floor.pause()
    for payer in ("B2", "B1"):
        earnings.earn((payer, 1_000_000))
        floor.later(40 * 86_400)
        floor.pause()
        used[payer] = earnings.earn((payer, 1_000_000)).gas_used
    assert abs(used["B1"] - used["B2"]) < 30_000
