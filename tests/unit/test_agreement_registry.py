"""Proposals and agreements, from events told by hand.

proposed    ─ who has consented, who has taken it back, who is missing; proposed again
concluded   ─ versions in their order, which covers a period; by name
notice      ─ the agreement covers no later period; another version takes it back
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ledger.contract import Event
from ledger.terms import Terms, pack
from settlement.agreements.registry import Registry, registry
from tests.unit.agreement_documents import TERMS

ONE, TWO = bytes([1] * 32), bytes([2] * 32)
FIRST = replace(TERMS, version=1)


def event(name: str, number: int, **arguments: Any) -> Event:
    return Event(name, arguments, bytes([number]))


def proposed(number: int, terms_hash: bytes, terms: Terms, by: int) -> Event:
    words = tuple(pack(terms))
    return event(
        "TermsProposed", number, termsHash=terms_hash, payer=terms.payer, institution=by, terms=words
    )


def said(number: int, terms_hash: bytes, by: int, *, withdrawn: bool = False) -> Event:
    name = "ConsentWithdrawn" if withdrawn else "ConsentGiven"
    return event(name, number, termsHash=terms_hash, institution=by)


def concluded(number: int, terms_hash: bytes, version: int, period: int) -> Event:
    return event(
        "AgreementConcluded",
        number,
        agreementId=7,
        version=version,
        termsHash=terms_hash,
        startsAt=1_000 * version,
        fromPeriod=period,
    )


@pytest.fixture
def told() -> Registry:
    """Version 1, in force from period 120; version 2, proposed."""
    return registry(
        [
            event("MeasureReported", 0, agreementId=7),
            proposed(1, ONE, FIRST, 2),
            said(1, ONE, 2),
            said(2, ONE, 1),
            said(3, ONE, 3),
            concluded(3, ONE, 1, 120),
            proposed(4, TWO, TERMS, 1),
            said(4, TWO, 1),
            said(4, TWO, 3),
        ]
    )


def test_proposal_given_consents_says_who_is_missing(told: Registry) -> None:
    one, two = told.proposals[ONE], told.proposals[TWO]
    assert (one.terms, one.proposed_by, one.transaction) == (FIRST, 2, b"\x01")
    assert (one.consented, one.missing, one.agreement_id) == ({2: b"\x01", 1: b"\x02", 3: b"\x03"}, (), 7)
    assert (two.signatories, two.missing, two.agreement_id) == ((1, 2, 3), (2,), 0)
    told.apply(said(5, TWO, 3, withdrawn=True))
    told.apply(said(6, TWO, 2, withdrawn=True))
    assert (two.missing, two.withdrawn) == ((2, 3), {3: b"\x05", 2: b"\x06"})
    told.apply(said(7, TWO, 3))
    assert (two.missing, two.withdrawn, two.consented[3]) == ((2,), {2: b"\x06"}, b"\x07")


def test_proposal_given_again_keeps_its_consents(told: Registry) -> None:
    told.apply(proposed(9, TWO, TERMS, 3))
    assert (told.proposals[TWO].proposed_by, told.proposals[TWO].missing) == (1, (2,))


def test_agreement_given_versions_is_covered_by_the_newest_that_has_begun(told: Registry) -> None:
    known = told.agreements[7]
    assert told.named(1, "platform") is known
    assert told.named(1, "other") is told.named(2, "platform") is None
    assert (known.payer, known.currency, known.name) == (1, 0x8000, "platform")
    told.apply(said(5, TWO, 2))
    told.apply(concluded(5, TWO, 2, 126))
    assert [(each.version, each.starts_at, each.terms.version) for each in known.versions] == [
        (1, 1_000, 1),
        (2, 2_000, 2),
    ]
    covers = {period: known.covering(period) for period in (119, 120, 123, 126, 500)}
    assert {period: each and each.version for period, each in covers.items()} == {
        119: None,
        120: 1,
        123: 1,
        126: 2,
        500: 2,
    }


def test_agreement_given_notice_covers_nothing_later_until_another_version(told: Registry) -> None:
    known = told.agreements[7]
    told.apply(event("NoticeGiven", 5, agreementId=7, institution=3, endsAt=9_000, endPeriod=123))
    assert known.notice is not None
    assert (known.notice.institution, known.notice.ends_at, known.notice.transaction) == (3, 9_000, b"\x05")
    assert known.covering(122) is not None
    assert known.covering(123) is None
    told.apply(concluded(6, TWO, 2, 123))
    assert told.agreements[7].notice is None
    assert known.covering(123) is known.newest
