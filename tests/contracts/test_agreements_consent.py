"""consent(termsHash, consents) and withdrawConsent(termsHash): everybody's word, and none that was not given.

consent
├── on the chain, by signature, mixed, in any order, by anybody ─ the last one concludes
├── twice                                                       ─ refused where nothing is new
├── signed for other terms, another version, domain, contract, by another ─ refused
├── signed by a key that was replaced since                     ─ refused; given before, it stays
├── by an ERC-1271 signer                                       ─ asked; what it does not say is refused
├── of who is suspended                                         ─ its signature counts, its transaction not
├── of somebody who is not payer or party                       ─ refused
└── the last, given a cycle is open, the time has passed, another was concluded ─ refused, the rest stays
withdrawConsent
├── before and after consenting ─ told; nobody else can bring the word again; itself can
└── twice, by another, of what is unknown or concluded ─ refused
"""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from ledger import reverts
from ledger.accounts import Signer
from ledger.clients.agreements import Agreements, Consent
from ledger.clients.consortium import Role
from ledger.compile import Artifact
from ledger.contract import Contract
from ledger.terms import Terms
from tests.contracts.agreeing import SHARES, seconds
from tests.contracts.clearing import Floor
from tests.contracts.support import Ledger, refused


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    return Floor(ledger)


@pytest.fixture
def agreements(ledger: Ledger) -> Agreements:
    return ledger.clients.agreements


@pytest.fixture
def terms(floor: Floor) -> Terms:
    """B1's, with V and P."""
    return floor.terms("B1", SHARES)


@pytest.fixture
def digest(agreements: Agreements, terms: Terms) -> bytes:
    return terms.digest(agreements.domain)


def told(ledger: Ledger, event: str, digest: bytes, name: str) -> tuple[str, dict[str, object]]:
    return (event, {"termsHash": digest, "institution": ledger.index[name]})


def test_consent_when_on_the_chain_or_by_signature_in_any_order_concludes_with_the_last(
    floor: Floor, ledger: Ledger, agreements: Agreements
) -> None:
    for number, order in enumerate(permutations(("B1", "V", "P"))):
        terms = floor.terms("B1", SHARES, name=f"agreement {number}")
        digest = terms.digest(agreements.domain)
        agreements.propose(ledger.outsider, terms, floor.consents(terms, order[0])) if number % 2 else (
            agreements.propose(ledger.signers[order[0]], terms)
        )
        if number % 3 == 0:
            receipt = agreements.consent(ledger.outsider, digest, floor.consents(terms, order[1]))
        else:
            receipt = agreements.consent(ledger.signers[order[1]], digest)
        assert ledger.facts(receipt) == [told(ledger, "ConsentGiven", digest, order[1])]
        assert agreements.agreement_named(terms.payer, terms.name) == 0
        if number % 3 == 1:
            receipt = agreements.consent(ledger.outsider, digest, floor.consents(terms, order[2]))
        else:
            receipt = agreements.consent(ledger.signers[order[2]], digest, floor.consents(terms, *order))
        facts = ledger.facts(receipt)
        assert facts[0] == told(ledger, "ConsentGiven", digest, order[2])
        concluded = {"agreementId": number + 1, "version": 1, "termsHash": digest}
        assert facts[1] == (
            *("AgreementConcluded", concluded | {"startsAt": ledger.now, "fromPeriod": 2019 * 12 + 9}),
        )
        assert len(facts) == 2
        for again in ([], floor.consents(terms)):
            with refused(reverts.Agreements_UnknownTerms, termsHash=digest):
                agreements.consent(ledger.signers["V"], digest, again)


def test_consent_when_nothing_is_new_reverts(
    floor: Floor, ledger: Ledger, agreements: Agreements, terms: Terms, digest: bytes
) -> None:
    agreements.propose(ledger.signers["V"], terms)
    for signer, consents in (
        (ledger.signers["V"], []),
        (ledger.signers["V"], floor.consents(terms, "V")),
        (ledger.outsider, floor.consents(terms, "V", "V")),
    ):
        with refused(reverts.Agreements_NoChange):
            agreements.consent(signer, digest, consents)


def test_consent_when_unknown_reverts(ledger: Ledger, agreements: Agreements, digest: bytes) -> None:
    for known in (digest, bytes(32), b"\xff" * 32):
        with refused(reverts.Agreements_UnknownTerms, termsHash=known):
            agreements.consent(ledger.signers["V"], known)
        with refused(reverts.Agreements_UnknownTerms, termsHash=known):
            agreements.withdraw_consent(ledger.signers["V"], known)


def test_consent_when_signed_for_anything_else_or_by_another_reverts(
    floor: Floor, ledger: Ledger, agreements: Agreements, terms: Terms, digest: bytes
) -> None:
    agreements.propose(ledger.signers["V"], terms)
    signer, domain = ledger.signers["P"], agreements.domain
    others = [
        replace(terms, version=2),
        replace(terms, currency=ledger.asset["USD"]),
        replace(terms, name="another"),
        replace(terms, notice_days=1),
        replace(terms, parties=terms.parties[::-1]),
        replace(terms, payer=ledger.index["B2"]),
    ]
    domains = [{"name": "RevenueSharing"}, {"chain_id": 1}, {"contract": ledger.revenue.address}]
    good = signer.sign_digest(digest)
    signatures = [signer.sign_digest(other.digest(domain)) for other in others]
    signatures += [signer.sign_digest(terms.digest(replace(domain, **each))) for each in domains]  # type: ignore[arg-type]
    signatures += [ledger.signers[name].sign_digest(digest) for name in ("V", "B1", "A")]
    signatures += [b"", good[:-1], good + b"\0", bytes(65), good[:64] + bytes([good[64] ^ 1])]
    half = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = half - int.from_bytes(good[32:64], "big")
    signatures.append(
        good[:32] + high.to_bytes(32, "big") + bytes([good[64] ^ 1 if good[64] < 2 else 55 - good[64]])
    )
    party = ledger.index["P"]
    for signature in signatures:
        with refused(reverts.Agreements_InvalidSignature, institution=party, termsHash=digest):
            agreements.call("consent", digest, [(party, signature)], sender=ledger.outsider.address)
    for institution in (0, ledger.index["A"], 11, 0xFFFF):
        with refused(reverts.Agreements_UnknownParty, institution=institution):
            agreements.consent(ledger.outsider, digest, [Consent(institution, good)])
    with refused(reverts.Agreements_InvalidSignature, institution=party, termsHash=digest):
        agreements.consent(ledger.signers["B1"], digest, [Consent(party, bytes(65))])
    agreements.consent(ledger.outsider, digest, [Consent(party, good)])
    receipt = agreements.consent(ledger.signers["B1"], digest)
    assert ledger.facts(receipt)[0] == told(ledger, "ConsentGiven", digest, "B1")


def test_consent_given_signer_was_replaced_counts_what_was_given_before(
    floor: Floor, ledger: Ledger, agreements: Agreements, terms: Terms, digest: bytes
) -> None:
    agreements.propose(ledger.signers["V"], terms)
    stale = floor.consents(terms, "P")
    for name in ("V", "P"):
        new = Signer.from_seed("contract tests", f"{name}'s next")
        ledger.consortium.nominate_signer(ledger.signers[name], ledger.index[name], new.address)
        ledger.consortium.accept_signer(new, ledger.index[name])
    with refused(reverts.Agreements_InvalidSignature, institution=ledger.index["P"], termsHash=digest):
        agreements.consent(ledger.outsider, digest, stale)
    with refused(reverts.Agreements_NotParty, caller=ledger.signers["P"].address):
        agreements.consent(ledger.signers["P"], digest)
    agreements.consent(new, digest, floor.consents(terms, "B1"))
    assert agreements.agreement_named(terms.payer, terms.name) == 1


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        ("AcceptingSigner", True),
        ("LongSigner", True),
        ("RefusingSigner", False),
        ("RevertingSigner", False),
        ("GarbageSigner", False),
        ("ShortSigner", False),
        ("WritingSigner", False),
    ],
)
def test_consent_given_signer_is_a_contract_asks_it(
    floor: Floor,
    ledger: Ledger,
    agreements: Agreements,
    test_artifacts: dict[str, Artifact],
    name: str,
    accepted: bool,
) -> None:
    party = contract_party(ledger, ledger.deploy(test_artifacts[name]))
    terms = floor.terms("B1", [("C", 10)])
    digest = terms.digest(agreements.domain)
    agreements.propose(ledger.signers["B1"], terms)
    if accepted:
        agreements.consent(ledger.outsider, digest, [Consent(party, b"anything")])
        return
    with refused(reverts.Agreements_InvalidSignature, institution=party, termsHash=digest):
        agreements.consent(ledger.outsider, digest, [Consent(party, b"anything")])
    # The key that deployed it is not its word.
    with refused(reverts.Agreements_InvalidSignature, institution=party, termsHash=digest):
        agreements.consent(ledger.outsider, digest, [Consent(party, ledger.outsider.sign_digest(digest))])


def contract_party(ledger: Ledger, contract: Contract) -> int:
    """An institution "C" whose signer is a contract."""
    ledger.consortium.admit(ledger.operator, [("C", contract.address, [Role.PARTNER])])
    ledger.index["C"] = len(ledger.index) + 1
    return ledger.index["C"]


def test_consent_given_signer_is_a_contract_is_asked_with_digest_and_signature(
    floor: Floor, ledger: Ledger, agreements: Agreements, test_artifacts: dict[str, Artifact]
) -> None:
    terms = replace(floor.terms("B1", [("V", 10)]), parties=(len(ledger.index) + 1,))
    digest = terms.digest(agreements.domain)
    party = contract_party(ledger, ledger.deploy(test_artifacts["ParticularSigner"], digest))
    agreements.propose(ledger.signers["B1"], terms)
    with refused(reverts.Agreements_InvalidSignature, institution=party, termsHash=digest):
        agreements.consent(ledger.outsider, digest, [Consent(party, b"no")])
    agreements.consent(ledger.outsider, digest, [Consent(party, b"yes")])
    assert agreements.agreement_named(terms.payer, terms.name) == 1


def test_consent_given_who_is_suspended_counts_signature_not_transaction(
    floor: Floor, ledger: Ledger, agreements: Agreements, terms: Terms, digest: bytes
) -> None:
    agreements.propose(ledger.signers["V"], terms)
    for name in ("P", "B1"):
        ledger.suspend(name)
        for call in (agreements.consent, agreements.withdraw_consent):
            with refused(reverts.Agreements_NotParty, caller=ledger.signers[name].address):
                call(ledger.signers[name], digest)
    # It may bring words; being the sender is none. But a suspended payer gives nothing away by its own.
    receipt = agreements.consent(ledger.signers["B1"], digest, floor.consents(terms, "P"))
    assert ledger.facts(receipt) == [told(ledger, "ConsentGiven", digest, "P")]
    with refused(reverts.Agreements_PayerSuspended, payer=ledger.index["B1"]):
        agreements.consent(ledger.signers["B1"], digest, floor.consents(terms, "B1"))
    ledger.consortium.reinstate(ledger.signers["R"], ledger.index["B1"])
    receipt = agreements.consent(ledger.signers["P"], digest, floor.consents(terms, "B1"))
    assert [name for name, _ in ledger.facts(receipt)] == ["ConsentGiven", "AgreementConcluded"]


def test_consent_when_the_last_while_a_cycle_is_open_reverts_and_keeps_the_others(
    floor: Floor, ledger: Ledger, agreements: Agreements, terms: Terms, digest: bytes
) -> None:
    ledger.admit("V2", Role.EXCHANGE)
    floor.open("V2", seconds=60)
    agreements.propose(ledger.signers["V"], terms)
    agreements.consent(ledger.signers["P"], digest)
    another = floor.terms("B2", SHARES)
    for time in (1, 1000):
        floor.later(time)
        with refused(reverts.Agreements_CycleOpen):
            agreements.consent(ledger.signers["B1"], digest)
        with refused(reverts.Agreements_CycleOpen):
            floor.conclude(another)
    floor.close("V2")
    receipt = agreements.consent(ledger.signers["B1"], digest)
    assert ledger.facts(receipt)[0] == told(ledger, "ConsentGiven", digest, "B1")
    floor.conclude(another)


def test_consent_when_the_last_comes_after_it_was_to_begin_reverts(
    floor: Floor, ledger: Ledger, agreements: Agreements
) -> None:
    at = seconds(2019, 12, 24)
    late, now = (
        floor.terms("B1", SHARES, effective_from=moment, name=f"from {moment}") for moment in (at - 1, at + 2)
    )
    for terms in (late, now):
        agreements.propose(ledger.signers["V"], terms, floor.consents(terms, "P"))
    ledger.at(at)
    digest = late.digest(agreements.domain)
    with refused(reverts.Agreements_NotEffective, effectiveFrom=at - 1, earliest=at):
        agreements.consent(ledger.signers["B1"], digest)
    with refused(reverts.Agreements_NoChange):
        agreements.consent(ledger.signers["P"], digest)
    agreements.consent(ledger.signers["B1"], now.digest(agreements.domain))


def test_consent_when_the_last_on_another_proposal_of_a_concluded_version_reverts(
    floor: Floor, ledger: Ledger, agreements: Agreements, terms: Terms
) -> None:
    other = replace(terms, notice_days=1)
    for each in (terms, other):
        agreements.propose(ledger.signers["V"], each, floor.consents(each, "P"))
    agreements.consent(ledger.signers["B1"], terms.digest(agreements.domain))
    with refused(reverts.Agreements_WrongVersion, given=1, next=2):
        agreements.consent(ledger.signers["B1"], other.digest(agreements.domain))
    assert agreements.terms_of(1, 1) == terms
    assert agreements.agreement(1).versions == 1


@pytest.mark.parametrize("before", [False, True])
def test_withdraw_consent_keeps_the_word_from_counting_until_given_anew(
    floor: Floor, ledger: Ledger, agreements: Agreements, terms: Terms, digest: bytes, before: bool
) -> None:
    party, signer = ledger.index["P"], ledger.signers["P"]
    agreements.propose(ledger.signers["V"], terms, [] if before else floor.consents(terms, "P"))
    receipt = agreements.withdraw_consent(signer, digest)
    assert ledger.facts(receipt) == [told(ledger, "ConsentWithdrawn", digest, "P")]
    agreements.consent(ledger.signers["B1"], digest)
    assert agreements.agreement_named(terms.payer, terms.name) == 0
    with refused(reverts.Agreements_NoChange):
        agreements.withdraw_consent(signer, digest)
    for sender in (ledger.outsider, ledger.signers["B1"]):
        for send in (agreements.consent, agreements.propose):
            known: Any = digest if send == agreements.consent else terms
            with refused(reverts.Agreements_InvalidSignature, institution=party, termsHash=digest):
                send(sender, known, floor.consents(terms, "P"))
    receipt = agreements.consent(signer, digest, floor.consents(terms, "P"))
    assert [name for name, _ in ledger.facts(receipt)] == ["ConsentGiven", "AgreementConcluded"]


def test_withdraw_consent_given_again_and_again_the_last_word_counts(
    floor: Floor, ledger: Ledger, agreements: Agreements, terms: Terms, digest: bytes
) -> None:
    payer = ledger.signers["B1"]
    agreements.propose(payer, terms)
    for _ in range(2):
        agreements.withdraw_consent(payer, digest)
        agreements.consent(payer, digest)
    agreements.withdraw_consent(payer, digest)
    agreements.consent(ledger.outsider, digest, floor.consents(terms, "V", "P"))
    # Refusing is nobody else's concern: other terms under the name go their way.
    floor.conclude(replace(terms, notice_days=1))
    with refused(reverts.Agreements_WrongVersion, given=1, next=2):
        agreements.propose(payer, terms)


def test_withdraw_consent_by_another_reverts(
    ledger: Ledger, agreements: Agreements, terms: Terms, digest: bytes
) -> None:
    agreements.propose(ledger.signers["V"], terms)
    for _, signer in ledger.everyone_but("B1", "V", "P"):
        with refused(reverts.Agreements_NotParty, caller=signer.address):
            agreements.call("withdrawConsent", digest, sender=signer.address)


def test_withdraw_consent_given_concluded_reverts(
    floor: Floor, ledger: Ledger, agreements: Agreements, terms: Terms, digest: bytes
) -> None:
    floor.conclude(terms)
    for name in ("B1", "V", "P"):
        with refused(reverts.Agreements_UnknownTerms, termsHash=digest):
            agreements.withdraw_consent(ledger.signers[name], digest)
