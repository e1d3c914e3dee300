"""propose(terms, consents): puts terms before their parties.

by payer, by party                    ─ proposed; told word by word; its own consent is among them
├── with some consents, with all      ─ given, in their order; with the last the version is concluded
└── again                             ─ only the consents count; nothing new ─ refused
by anybody else with a party's consent ─ proposed; its own word is none
by anybody else without               ─ refused
given the currency is none, the reserve's account another's, the version another than the next, it would have
begun, it is not well formed          ─ refused; nothing is known under its hash
given words are for another currency, payer, version, name ─ another hash
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger import reverts
from ledger.clients.agreements import Agreement, Agreements, Consent, Version
from ledger.terms import Reserve, Terms, pack
from tests.contracts.agreeing import QUARTER, SHARES, Mistake, admit_keeper, clause_with, seconds
from tests.contracts.clearing import Floor
from tests.contracts.support import Ledger, refused


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    return Floor(ledger)


@pytest.fixture
def agreements(ledger: Ledger) -> Agreements:
    return ledger.clients.agreements


def proposed(ledger: Ledger, terms: Terms, by: str) -> tuple[str, dict[str, object]]:
    told = {"termsHash": digest(ledger, terms), "payer": terms.payer, "terms": tuple(pack(terms))}
    return ("TermsProposed", told | {"institution": ledger.index.get(by, 0)})


def given(ledger: Ledger, terms: Terms, by: str) -> tuple[str, dict[str, object]]:
    return ("ConsentGiven", {"termsHash": digest(ledger, terms), "institution": ledger.index[by]})


def digest(ledger: Ledger, terms: Terms) -> bytes:
    return terms.digest(ledger.clients.agreements.domain)


@pytest.mark.parametrize("by", ["B1", "V", "P"])
def test_propose_when_by_payer_or_party_tells_terms_and_its_consent(
    floor: Floor, ledger: Ledger, agreements: Agreements, by: str
) -> None:
    terms = floor.terms("B1", SHARES)
    assert agreements.call("propose", pack(terms), [], sender=ledger.signers[by].address) == digest(
        ledger, terms
    )
    receipt = agreements.propose(ledger.signers[by], terms)
    assert ledger.facts(receipt) == [proposed(ledger, terms, by), given(ledger, terms, by)]
    assert agreements.agreement_named(ledger.index["B1"], "commission") == 0
    others = [name for name in ("B1", "V", "P") if name != by]
    receipt = agreements.propose(ledger.signers[others[0]], terms, floor.consents(terms, others[1]))
    assert [name for name, _ in ledger.facts(receipt)] == ["ConsentGiven"] * 2 + ["AgreementConcluded"]


def test_propose_when_with_all_consents_concludes(
    floor: Floor, ledger: Ledger, agreements: Agreements
) -> None:
    terms = floor.terms("B1", SHARES, notice_days=7)
    receipt = agreements.propose(ledger.signers["V"], terms, floor.consents(terms, "P", "B1", "V"))
    concluded = {"agreementId": 1, "version": 1, "termsHash": digest(ledger, terms)}
    concluded |= {"startsAt": ledger.now, "fromPeriod": QUARTER}
    assert ledger.facts(receipt) == [
        proposed(ledger, terms, "V"),
        *(given(ledger, terms, name) for name in ("V", "P", "B1")),
        ("AgreementConcluded", concluded),
    ]
    payer = ledger.index["B1"]
    assert agreements.agreement_named(payer, "commission") == 1
    assert agreements.agreement(1) == Agreement(payer, ledger.cash, 1, 0, 0, "commission")
    assert agreements.version_of(1, 1) == Version(1, QUARTER, 3, 2, ledger.now)
    assert agreements.terms_of(1, 1) == terms
    with refused(reverts.Agreements_UnknownTerms, termsHash=digest(ledger, terms)):
        agreements.propose(ledger.signers["V"], terms, floor.consents(terms))


@pytest.mark.parametrize("by", ["A", "operator", "outsider", "suspended P"])
def test_propose_when_by_another_with_a_consent_gives_only_that(
    floor: Floor, ledger: Ledger, agreements: Agreements, by: str
) -> None:
    terms = floor.terms("B1", SHARES)
    if by == "suspended P":
        ledger.suspend(by := "P")
    sender = {"operator": ledger.operator, "outsider": ledger.outsider, **ledger.signers}[by]
    receipt = agreements.propose(sender, terms, floor.consents(terms, "V"))
    assert ledger.facts(receipt) == [proposed(ledger, terms, by), given(ledger, terms, "V")]


def test_propose_when_by_another_without_a_consent_reverts(
    floor: Floor, ledger: Ledger, agreements: Agreements
) -> None:
    terms = floor.terms("B1", SHARES)
    ledger.suspend("P")
    callers = [signer.address for _, signer in ledger.everyone_but("B1", "V")]
    for caller in callers:
        with refused(reverts.Agreements_NotParty, caller=caller):
            agreements.call("propose", pack(terms), [], sender=caller)
    agreements.propose(ledger.signers["V"], terms)
    for caller in callers:
        with refused(reverts.Agreements_NotParty, caller=caller):
            agreements.call("propose", pack(terms), [], sender=caller)
        with refused(reverts.Agreements_NotParty, caller=caller):
            agreements.call("consent", digest(ledger, terms), [], sender=caller)


def test_propose_when_again_only_consents_count(floor: Floor, ledger: Ledger, agreements: Agreements) -> None:
    terms = floor.terms("B1", SHARES)
    agreements.propose(ledger.signers["V"], terms)
    for consents in ([], floor.consents(terms, "V"), floor.consents(terms, "V", "V")):
        with refused(reverts.Agreements_NoChange):
            agreements.propose(ledger.signers["V"], terms, consents)
    with refused(reverts.Agreements_NoChange):
        agreements.propose(ledger.outsider, terms, floor.consents(terms, "V"))
    receipt = agreements.propose(ledger.outsider, terms, floor.consents(terms, "V", "P", "P"))
    assert ledger.facts(receipt) == [given(ledger, terms, "P")]


def test_propose_given_currency_is_none_reverts(floor: Floor, ledger: Ledger, agreements: Agreements) -> None:
    for asset in (0, 1, 8, 0x8000, 0x8003, 0xFFFF):
        terms = replace(floor.terms("B1", SHARES), currency=asset)
        with refused(reverts.Agreements_NotCurrency, asset=asset):
            agreements.propose(ledger.signers["V"], terms)


def test_propose_given_reserve_is_anothers_reverts(
    floor: Floor, ledger: Ledger, agreements: Agreements
) -> None:
    terms = clause_with(floor.terms("B1", SHARES), 0, reserve=Reserve(1, 0))
    for account in (ledger.index["A"], ledger.index["B1"], 99):
        with refused(reverts.Agreements_NotReserveAccount, institution=account):
            agreements.propose(ledger.signers["V"], replace(terms, reserve_account=account))
    keeper = admit_keeper(ledger)
    with refused(reverts.Agreements_NotReserveAccount, institution=ledger.index["A"]):
        agreements.propose(ledger.signers["V"], replace(terms, reserve_account=ledger.index["A"]))
    agreements.propose(ledger.signers["V"], replace(terms, reserve_account=keeper))


@pytest.mark.parametrize("version", [0, 2, 2**32 - 1])
def test_propose_given_version_is_not_the_next_reverts(
    floor: Floor, ledger: Ledger, agreements: Agreements, version: int
) -> None:
    terms = replace(floor.terms("B1", SHARES), version=version)
    with refused(reverts.Agreements_WrongVersion, given=version, next=1):
        agreements.propose(ledger.signers["V"], terms, floor.consents(terms, "B1"))
    floor.agree("B1", SHARES)
    for given_version in (0, 1, 3):
        with refused(reverts.Agreements_WrongVersion, given=given_version, next=2):
            other = replace(terms, version=given_version, notice_days=1)
            agreements.propose(ledger.signers["V"], other)


def test_propose_given_it_would_have_begun_reverts(
    floor: Floor, ledger: Ledger, agreements: Agreements
) -> None:
    at = seconds(2019, 12, 1) + 7
    for effective in (1, at - 1):
        ledger.at(at)
        with refused(reverts.Agreements_NotEffective, effectiveFrom=effective, earliest=at):
            agreements.propose(ledger.signers["V"], floor.terms("B1", SHARES, effective_from=effective))
        at += 1
    for effective in (at, at + 2, 2**36):
        ledger.at(at)
        receipt = floor.conclude(
            floor.terms("B1", SHARES, effective_from=effective, name=f"from {effective}")
        )
        assert ledger.facts(receipt)[-1][1]["startsAt"] == effective
        at += 1


def test_propose_given_refused_nothing_is_known(floor: Floor, ledger: Ledger, agreements: Agreements) -> None:
    bad = replace(floor.terms("B1", SHARES), months=2)
    with refused(reverts.Agreements_InvalidTerms, mistake=Mistake.PERIOD, at=0, entry=2):
        agreements.propose(ledger.signers["V"], bad, floor.consents(bad))
    wrong = Consent(ledger.index["P"], bytes(65))
    good = floor.terms("B1", SHARES)
    with refused(
        reverts.Agreements_InvalidSignature, institution=ledger.index["P"], termsHash=digest(ledger, good)
    ):
        agreements.propose(ledger.signers["V"], good, [*floor.consents(good, "B1"), wrong])
    for terms in (bad, good):
        with refused(reverts.Agreements_UnknownTerms, termsHash=digest(ledger, terms)):
            agreements.consent(ledger.signers["V"], digest(ledger, terms))
    # The next terms are the first that were ever kept.
    floor.conclude(good)
    assert agreements.version_of(1, 1).terms_no == 1


def test_hash_of_is_the_digest_of_the_words_for_this_contract(
    floor: Floor, ledger: Ledger, agreements: Agreements
) -> None:
    terms = floor.terms("B1", SHARES)
    others = [
        terms,
        replace(terms, payer=0),
        replace(terms, currency=ledger.asset["USD"]),
        replace(terms, version=2),
        replace(terms, name="another"),
        replace(terms, months=2),
        replace(terms, parties=terms.parties[::-1]),
    ]
    hashes = [agreements.hash_of(each) for each in others]
    assert hashes == [digest(ledger, each) for each in others]
    assert len(set(hashes)) == len(others)


def test_propose_given_the_same_name_of_another_payer_is_another_agreement(
    floor: Floor, ledger: Ledger, agreements: Agreements
) -> None:
    """Nobody takes a name from anybody: what is not consented to keeps none."""
    theirs = floor.terms("B2", SHARES)
    agreements.propose(ledger.signers["V"], floor.terms("B1", [("V", 1)]))
    agreements.propose(ledger.signers["V"], replace(theirs, months=1))
    floor.conclude(floor.terms("B1", SHARES))
    floor.conclude(theirs)
    floor.agree("B1", SHARES, "USD", name="in dollars")
    named = [agreements.agreement_named(ledger.index[p], "commission") for p in ("B1", "B2", "B3")]
    assert named == [1, 2, 0]
    assert agreements.agreement_named(ledger.index["B1"], "in dollars") == 3
    assert agreements.agreement(3).currency == ledger.asset["USD"]
