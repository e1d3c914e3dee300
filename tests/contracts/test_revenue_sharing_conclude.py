"""conclude(Terms, signatures): what puts an agreement into force.

when payer and all parties signed       ─ in force, told, period 1, total 0; anyone may send it
when there are 24 parties, or 1         ─ in force; 25 or 0 refused
when a share is zero, or shares sum to more than 1,000,000 ppm ─ refused; 1,000,000 is not
when a party is named twice, or is the payer, or does not exist
when the currency is none
when signatures are missing, too many, in another order, of another, for other terms, another domain
given an agreement is in force          ─ refused; in another currency it is not
when the version is not 1
given a signer is a contract (ERC-1271), or was rotated since
given any cycle is open                 ─ refused: an agreement made meanwhile cannot stop what settles in it
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_account.messages import encode_typed_data
from eth_utils import keccak

from ledger import reverts
from ledger.accounts import Signer
from ledger.clients.consortium import Role
from ledger.clients.revenue_sharing import Agreement, Terms
from ledger.compile import Artifact
from tests.contracts.clearing import Earnings, Floor, slice_of
from tests.contracts.clearing_model import Model, Shares, Trade, floors
from tests.contracts.support import Ledger, refused

SHARES = (("V", 200_000), ("P", 50_000), ("R", 1))
NAMES = ("B1", "V", "P", "R")


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    return Floor(ledger)


def partners(ledger: Ledger, count: int, ppm: int) -> Shares:
    for i in range(count):
        ledger.admit(f"P{i}", Role.PARTNER)
    return [(f"P{i}", ppm) for i in range(count)]


def test_conclude_when_all_signed_puts_in_force_and_tells(floor: Floor, ledger: Ledger) -> None:
    terms = floor.terms("B1", SHARES)
    facts = ledger.facts(floor.agree("B1", SHARES))
    indexed = tuple((ledger.index[name], ppm) for name, ppm in SHARES)
    assert facts == [
        (
            "AgreementConcluded",
            {
                "payer": ledger.index["B1"],
                "currency": ledger.cash,
                "version": 1,
                "termsHash": terms.digest(ledger.revenue.domain),
                "shares": indexed,
            },
        )
    ]
    assert ledger.revenue.agreement(ledger.index["B1"], ledger.cash) == Agreement(1, 1, 0, indexed)
    for payer, currency in (("B2", "NPR"), ("B1", "USD"), ("V", "NPR")):
        nothing = ledger.revenue.agreement(ledger.index[payer], ledger.asset[currency])
        assert nothing == Agreement(0, 0, 0, ())


def test_conclude_when_anyone_sends_puts_in_force(floor: Floor, ledger: Ledger) -> None:
    terms = floor.terms("B1", SHARES)
    signatures = floor.signatures(terms, NAMES)
    snapshot = ledger.chain.snapshot()
    for _, signer in ledger.everyone_but():
        ledger.chain.restore(snapshot)
        ledger.revenue.conclude(signer, terms, signatures)


def test_conclude_when_digest_is_eip712s_is_taken(floor: Floor, ledger: Ledger) -> None:
    """`hashOf` is what eth-account makes of the typed data."""
    types = {
        "Terms": [
            {"name": "payer", "type": "uint16"},
            {"name": "currency", "type": "uint16"},
            {"name": "version", "type": "uint32"},
            {"name": "shares", "type": "RevenueShare[]"},
        ],
        "RevenueShare": [{"name": "party", "type": "uint16"}, {"name": "sharePpm", "type": "uint24"}],
    }
    domain = {
        "name": "RevenueSharing",
        "version": "1",
        "chainId": 31337,
        "verifyingContract": ledger.revenue.address,
    }
    for shares in ([], [(4, 5)], [(1, 200_000), (6, 2**24 - 1), (0xFFFF, 0)]):
        message = {
            "payer": 8,
            "currency": 0x8001,
            "version": 1,
            "shares": [{"party": party, "sharePpm": ppm} for party, ppm in shares],
        }
        signable = encode_typed_data(domain, types, message)
        digest = keccak(b"\x19" + signable.version + signable.header + signable.body)
        assert ledger.revenue.call("hashOf", (8, 0x8001, 1, shares)) == digest


@pytest.mark.parametrize("count", [1, 5, 6, 7, 12, 13, 18, 19, 24])
def test_conclude_when_there_are_up_to_24_parties_each_is_paid(
    floor: Floor, ledger: Ledger, count: int
) -> None:
    """Counts on either side of where a word of parties ends, each party with a share of its own."""
    names = [name for name, _ in partners(ledger, count, 0)]
    shares = [(name, 40_000 + 7 * i) for i, name in enumerate(names)]
    floor.agree("B1", shares)
    assert [p for _, p in ledger.revenue.agreement(ledger.index["B1"], ledger.cash).shares] == [
        ppm for _, ppm in shares
    ]
    Earnings(floor).earn(("B1", 987_654_321))
    assert [ledger.balance(name, "NPR") for name in names] == floors(987_654_321, shares)


@pytest.mark.parametrize("count", [0, 25, 30])
def test_conclude_when_parties_are_none_or_too_many_reverts(floor: Floor, ledger: Ledger, count: int) -> None:
    shares = partners(ledger, count, 10)
    with refused(reverts.RevenueSharing_PartyCount, count=count):
        floor.agree("B1", shares)


@pytest.mark.parametrize(
    ("ppms", "wrong", "total"),
    [
        ((0,), 0, 0),
        ((1_000_001,), 0, 1_000_001),
        ((2**24 - 1,), 0, 2**24 - 1),
        ((5, 0), 1, 5),
        ((1_000_000, 1), 1, 1_000_001),
        ((500_000, 400_000, 100_001), 2, 1_000_001),
        ((600_000, 600_000, 1), 1, 1_200_000),
    ],
)
def test_conclude_when_share_is_wrong_reverts(
    floor: Floor, ledger: Ledger, ppms: tuple[int, ...], wrong: int, total: int
) -> None:
    shares = list(zip(("V", "P", "R"), ppms, strict=False))
    with refused(reverts.RevenueSharing_InvalidShare, party=ledger.index[shares[wrong][0]], sumPpm=total):
        floor.agree("B1", shares)


@pytest.mark.parametrize("ppms", [(1_000_000,), (999_999, 1), (1, 1, 999_998), (1,)])
def test_conclude_when_shares_sum_to_all_or_little_puts_in_force(floor: Floor, ppms: tuple[int, ...]) -> None:
    floor.agree("B1", list(zip(("V", "P", "R"), ppms, strict=False)))


@pytest.mark.parametrize("names", [("P", "P"), ("V", "P", "V"), ("B1",), ("V", "B1"), ("V", "P", "B1")])
def test_conclude_when_party_is_twice_or_payer_reverts(
    floor: Floor, ledger: Ledger, names: tuple[str, ...]
) -> None:
    with refused(reverts.RevenueSharing_PartyTwice, party=ledger.index[names[-1]]):
        floor.agree("B1", [(name, 10) for name in names])


@pytest.mark.parametrize("currency", [0, 1, 8, 9, 0x8000, 0x8003, 0xFFFF])
def test_conclude_when_asset_is_no_currency_reverts(floor: Floor, ledger: Ledger, currency: int) -> None:
    terms = replace(floor.terms("B1", SHARES), currency=currency)
    with refused(reverts.RevenueSharing_NotCurrency, asset=currency):
        ledger.revenue.conclude(ledger.outsider, terms, floor.signatures(terms, NAMES))


@pytest.mark.parametrize("version", [0, 2, 2**32 - 1])
def test_conclude_when_version_is_not_1_reverts(floor: Floor, ledger: Ledger, version: int) -> None:
    terms = replace(floor.terms("B1", SHARES), version=version)
    with refused(reverts.RevenueSharing_WrongVersion, given=version, next=1):
        ledger.revenue.conclude(ledger.outsider, terms, floor.signatures(terms, NAMES))


def test_conclude_given_agreement_is_in_force_reverts(floor: Floor, ledger: Ledger) -> None:
    floor.agree("B1", SHARES)
    for shares in (SHARES, [("A", 1)]):
        with refused(reverts.RevenueSharing_InForce, payer=ledger.index["B1"], currency=ledger.cash):
            floor.agree("B1", shares)
    floor.agree("B1", [("A", 1)], "USD")
    floor.agree("B2", SHARES)


@pytest.mark.parametrize(
    "names", [(), NAMES[:1], NAMES[:3], (*NAMES, "A"), NAMES[1:]], ids=["none", "payer", "3", "5", "parties"]
)
def test_conclude_when_signatures_are_not_one_each_reverts(
    floor: Floor, ledger: Ledger, names: tuple[str, ...]
) -> None:
    terms = floor.terms("B1", SHARES)
    with refused(reverts.RevenueSharing_SignatureCount, given=len(names), needed=4):
        ledger.revenue.conclude(ledger.outsider, terms, floor.signatures(terms, names))


@pytest.mark.parametrize(
    ("signers", "wrong"),
    [
        (("V", "B1", "P", "R"), "B1"),
        (("B1", "P", "V", "R"), "V"),
        (("B1", "V", "R", "P"), "P"),
        (("B1", "V", "P", "R2"), "R"),
        (("B1", "B1", "B1", "B1"), "V"),
        (("B2", "V", "P", "R"), "B1"),
    ],
)
def test_conclude_when_signatures_are_of_others_or_in_another_order_reverts(
    floor: Floor, ledger: Ledger, signers: tuple[str, ...], wrong: str
) -> None:
    terms = floor.terms("B1", SHARES)
    with refused(
        reverts.RevenueSharing_InvalidSignature,
        institution=ledger.index[wrong],
        termsHash=terms.digest(ledger.revenue.domain),
    ):
        ledger.revenue.conclude(ledger.outsider, terms, floor.signatures(terms, signers))


def test_conclude_when_signed_for_other_terms_reverts(floor: Floor, ledger: Ledger) -> None:
    terms = floor.terms("B1", SHARES)
    one, two = ledger.index["B1"], ledger.index["B2"]
    others = [
        replace(terms, payer=two),
        replace(terms, currency=ledger.asset["USD"]),
        replace(terms, version=2),
        replace(terms, shares=terms.shares[::-1]),
        replace(terms, shares=terms.shares[:2]),
        replace(terms, shares=(*terms.shares[:2], (terms.shares[2][0], 2))),
        replace(terms, shares=(*terms.shares[:2], (ledger.index["R2"], 1))),
    ]
    good = floor.signatures(terms, NAMES)
    for other in others:
        for i, name in enumerate(NAMES):
            given = [*good[:i], floor.signatures(other, [name])[0], *good[i + 1 :]]
            with refused(
                reverts.RevenueSharing_InvalidSignature,
                institution=ledger.index[name],
                termsHash=terms.digest(ledger.revenue.domain),
            ):
                ledger.revenue.conclude(ledger.outsider, terms, given)
    assert ledger.revenue.agreement(one, ledger.cash).version == 0


@pytest.mark.parametrize(
    "domain", [{"name": "ClearingHouse"}, {"chain_id": 1}, {"contract": "0x" + "11" * 20}]
)
def test_conclude_when_signed_for_another_domain_reverts(
    floor: Floor, ledger: Ledger, domain: dict[str, object]
) -> None:
    terms = floor.terms("B1", SHARES)
    good = floor.signatures(terms, NAMES)
    digest = terms.digest(replace(ledger.revenue.domain, **domain))  # type: ignore[arg-type]
    with refused(
        reverts.RevenueSharing_InvalidSignature,
        institution=ledger.index["R"],
        termsHash=terms.digest(ledger.revenue.domain),
    ):
        ledger.revenue.conclude(ledger.outsider, terms, [*good[:3], ledger.signers["R"].sign_digest(digest)])


@pytest.mark.parametrize("who", [0, 11, 0xFFFF])
def test_conclude_when_institution_does_not_exist_reverts(floor: Floor, ledger: Ledger, who: int) -> None:
    for terms in (Terms(who, ledger.cash, ((1, 5),)), Terms(8, ledger.cash, ((who, 5),))):
        signatures = floor.signatures(terms, ["B1", "V"])
        with refused(reverts.Consortium_UnknownInstitution, institution=who):
            ledger.revenue.conclude(ledger.outsider, terms, signatures)


def test_conclude_given_signer_was_rotated_since_reverts(floor: Floor, ledger: Ledger) -> None:
    terms = floor.terms("B1", SHARES)
    given = floor.signatures(terms, NAMES)
    new = Signer.from_seed("contract tests", "P's next")
    ledger.consortium.nominate_signer(ledger.signers["P"], ledger.index["P"], new.address)
    ledger.consortium.accept_signer(new, ledger.index["P"])
    digest = terms.digest(ledger.revenue.domain)
    with refused(reverts.RevenueSharing_InvalidSignature, institution=ledger.index["P"], termsHash=digest):
        ledger.revenue.conclude(ledger.outsider, terms, given)
    given[2] = new.sign_digest(digest)
    ledger.revenue.conclude(ledger.outsider, terms, given)


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
def test_conclude_given_signer_is_a_contract_asks_it(
    floor: Floor, ledger: Ledger, test_artifacts: dict[str, Artifact], name: str, accepted: bool
) -> None:
    contract = ledger.deploy(test_artifacts[name])
    ledger.consortium.admit(ledger.operator, [("C", contract.address, [Role.PARTNER])])
    ledger.index["C"] = len(ledger.index) + 1
    terms = floor.terms("B1", [("C", 10)])
    given = [*floor.signatures(terms, ["B1"]), b"anything"]
    if accepted:
        ledger.revenue.conclude(ledger.outsider, terms, given)
        return
    with refused(
        reverts.RevenueSharing_InvalidSignature,
        institution=ledger.index["C"],
        termsHash=terms.digest(ledger.revenue.domain),
    ):
        ledger.revenue.conclude(ledger.outsider, terms, given)


def test_conclude_given_cycle_is_open_reverts_and_cannot_stop_its_settlement(
    floor: Floor, ledger: Ledger
) -> None:
    """A broker and a friend agree, while the venue's cycle is open, that all of its commission goes away: the
    cash that covered the settlement would not any more. Transfers wait for the same reason."""
    trade = Trade(1, "B1", "B2")
    floor.fund(trade, model=Model())
    batch = floor.entered(trade)
    floor.open()
    with refused(reverts.RevenueSharing_CycleOpen):
        floor.agree("B1", [("B2", 1_000_000)])
    floor.settle(slice_of(batch))
    with refused(reverts.RevenueSharing_CycleOpen):
        floor.agree("B1", [("B2", 1_000_000)])
    assert ledger.revenue.agreement(ledger.index["B1"], ledger.cash).version == 0
    floor.close()
    floor.agree("B1", [("B2", 1_000_000)])


def test_conclude_given_any_venues_cycle_is_open_reverts(floor: Floor, ledger: Ledger) -> None:
    """Whoever pays, in whatever currency, and past the deadline too, until the last is closed."""
    ledger.admit("V2", Role.EXCHANGE)
    floor.open(seconds=60)
    floor.open("V2", seconds=60)
    floor.later(1000)
    for venue in ("V", "V2"):
        for payer, currency in (("B1", "NPR"), ("V2", "USD")):
            with refused(reverts.RevenueSharing_CycleOpen):
                floor.agree(payer, [("P", 1)], currency)
        floor.close(venue)
    floor.agree("B1", SHARES)
    floor.agree("V2", [("P", 1)], "USD")
