"""agreement, versionOf, termsOf, coverAt, covering: what was agreed, and which of it counts when.

given none, before, after ─ nothing, or refused
given versions            ─ the one whose period it is; a stub first period begins with the version
over months from 1970 to 4147 ─ as Python's calendar has them: first and last seconds, leap years
over 258 proposals        ─ the words of each are read where they were kept
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest

from ledger import reverts
from ledger.clients.agreements import Agreements
from ledger.terms import Basis, pack
from tests.contracts.agreeing import QUARTER, SHARES, month_start, period, seconds
from tests.contracts.clearing import Floor
from tests.contracts.support import Ledger, refused

NOTHING = (0, 0, 0, 0, 0)
SEED = 20191121


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    return Floor(ledger)


@pytest.fixture
def agreements(ledger: Ledger) -> Agreements:
    return ledger.clients.agreements


def test_views_given_no_agreement_say_so(floor: Floor, ledger: Ledger, agreements: Agreements) -> None:
    floor.agree("B1", SHARES)
    agreements.propose(ledger.signers["B1"], floor.terms("B1", SHARES, name="proposed"))
    for unknown in (0, 2, 2**32 - 1):
        for function, arguments in (
            ("agreement", ()),
            ("versionOf", (1,)),
            ("termsOf", (1,)),
            ("covering", (QUARTER,)),
        ):
            with refused(reverts.Agreements_UnknownAgreement, agreementId=unknown):
                agreements.call(function, unknown, *arguments)
        assert agreements.call("coverAt", unknown, ledger.now) == (0, NOTHING)
    for version in (0, 2, 2**32 - 1):
        assert agreements.call("versionOf", 1, version) == NOTHING
        with refused(reverts.Agreements_UnknownAgreement, agreementId=1):
            agreements.call("termsOf", 1, version)
    assert agreements.agreement_named(ledger.index["B1"], "proposed") == 0
    assert agreements.agreement_named(ledger.index["V"], "commission") == 0


def test_cover_at_given_versions_finds_the_one_in_force(
    floor: Floor, ledger: Ledger, agreements: Agreements
) -> None:
    """Any number of them, of any months, each with periods of its own; beside a list of them all."""
    begins = seconds(2019, 12, 5) + 77
    floor.agree("B1", SHARES, effective_from=begins, months=1)
    random, starts, months = Random(SEED), [begins], [1]
    for version in range(2, 15):
        longer = random.choice((1, 3, 6, 12))
        floor.agree("B1", [("V", version), ("P", 1)], version=version, months=longer)
        starts.append(agreements.version_of(1, version).starts_at)
        months.append(longer)
    versions = [agreements.call("versionOf", 1, v + 1) for v in range(14)]
    ends = [*starts[1:], starts[-1] + 10**8]
    for at in range(14):
        first = agreements.version_of(1, at + 1).from_period
        assert versions[at][:4] == (at + 1, first, months[at], 2)
        assert first % months[at] == 0
        for moment in (starts[at], random.randrange(starts[at], ends[at]), ends[at] - 1):
            found, version = agreements.call("coverAt", 1, moment)
            assert version == versions[at]
            assert month_start(found) <= moment < month_start(found + months[at])
            assert found % months[at] == 0
            told = agreements.call("covering", 1, found)
            assert told == (
                versions[at],
                max(starts[at], month_start(found)),
                month_start(found + months[at]),
            )
            for other in (found + n for n in range(1, months[at])):
                with refused(reverts.Agreements_UnknownPeriod, agreementId=1, period=other):
                    agreements.call("covering", 1, other)
    for moment in (0, 1, seconds(2019, 12), begins - 1):
        assert agreements.call("coverAt", 1, moment) == (0, NOTHING)
    for early in (0, 1, QUARTER, period(2019, 11)):
        with refused(reverts.Agreements_UnknownPeriod, agreementId=1, period=early):
            agreements.call("covering", 1, early)
    assert agreements.call("covering", 1, period(2019, 12)) == (versions[0], begins, seconds(2020, 1))


def test_calendar_over_months_to_4147_is_that_of_python(
    floor: Floor, ledger: Ledger, agreements: Agreements
) -> None:
    floor.agree("B1", SHARES, months=1)
    random = Random(SEED)
    leaps = [period(year, 3) for year in (2020, 2096, 2100, 2200, 2300, 2400, 2800, 3000, 3200, 4000, 4100)]
    chosen = {month + n for month in leaps for n in (-2, -1, 0, 9)} | {period(4147, 8)}
    chosen |= set(random.sample(range(period(2020, 1), period(4147, 8)), 120))
    for month in sorted(each for each in chosen if each > period(2019, 11)):
        begins, ends = month_start(month), month_start(month + 1)
        at = agreements.call("covering", 1, month)
        assert at[1:] == (begins, ends), month
        inside = random.randrange(begins, ends)
        for moment in (begins - 1, begins, inside, ends - 1):
            when = datetime.fromtimestamp(moment, UTC)
            assert agreements.call("coverAt", 1, moment)[0] == period(when.year, when.month), moment


def test_effective_from_over_days_begins_in_the_month_of_python(floor: Floor, ledger: Ledger) -> None:
    """The stub of a first period begins where its version does."""
    random = Random(SEED)
    agreements = ledger.clients.agreements
    for number, months in enumerate((1, 3, 6, 12, 1, 3, 6, 12), start=1):
        begins = random.randrange(ledger.now + 1000, 2**36)
        terms = floor.terms("B1", SHARES, effective_from=begins, months=months, name=f"agreement {number}")
        floor.conclude(terms)
        when = datetime.fromtimestamp(begins, UTC)
        month = period(when.year, when.month)
        first = month - month % months
        assert agreements.version_of(number, 1).from_period == first
        told = agreements.call("covering", number, first)
        assert told[1:] == (begins, month_start(first + months))
        for moment, found in (
            (begins - 1, 0),
            (begins, first),
            (told[2] - 1, first),
            (told[2], first + months),
        ):
            assert agreements.call("coverAt", number, moment)[0] == found


def test_terms_of_over_258_proposals_reads_the_words_of_each(
    floor: Floor, ledger: Ledger, agreements: Agreements
) -> None:
    """Where they lie follows from their number, which takes one byte or two, below 128 or above."""
    commission = floor.terms("B1", SHARES)
    fixed = replace(commission.clauses[0], basis=Basis.SUBSCRIPTION)
    base = replace(commission, clauses=(fixed,))
    rest = [
        (pack(replace(base, name=f"proposal {number}", notice_days=number)), []) for number in range(1, 259)
    ]
    agreements.send_all(ledger.signers["V"], "propose", rest)
    signers = [ledger.signers[name] for name in ("P", "B1")]
    numbers = [1, 2, 126, 127, 128, 129, 254, 255, 256, 257, 258]
    for number in numbers:
        terms = replace(base, name=f"proposal {number}", notice_days=number)
        for signer in signers:
            agreements.consent(signer, terms.digest(agreements.domain))
        found = agreements.agreement_named(base.payer, terms.name)
        assert agreements.version_of(found, 1).terms_no == number
        assert agreements.terms_of(found, 1) == terms
        assert list(agreements.call("termsOf", found, 1)) == pack(terms)
