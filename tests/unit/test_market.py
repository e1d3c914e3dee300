"""A scenario on a chain: who is admitted as what, what is listed, charged, agreed and issued."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from eth_utils import keccak

from ledger import reverts
from ledger.chain import connect, default_engine
from ledger.clients.consortium import Role
from ledger.terms import Basis, Clause, Step, Tier
from settlement.fees import VenueSchedule
from settlement.market import Market, establish
from settlement.scenario import load
from tests.contracts.support import SetClock


@pytest.fixture(scope="module", params=["nepse-2019", "sample"])
def market(request: pytest.FixtureRequest) -> Iterator[Market]:
    with connect(default_engine(), clock=SetClock()) as chain:
        yield establish(chain, load(request.param))


def test_institutions_are_admitted_with_their_roles_and_keys(market: Market) -> None:
    admitted = market.clients.consortium.institutions()
    assert [one.name for one in admitted] == [each.name for each in market.scenario.institutions]
    for one, each in zip(admitted, market.scenario.institutions, strict=True):
        assert one.roles == {Role[role] for role in each.roles}
        assert one.index == market.index[one.name]
        assert one.signer == market.signers[one.name].address
        assert not one.suspended
    assert len({one.signer for one in admitted}) == len(admitted)


def test_cash_and_securities_are_listed_by_their_issuers(market: Market) -> None:
    scenario = market.scenario
    assets = {asset.code: asset for asset in market.clients.register.assets()}
    assert set(assets) == {scenario.cash.currency, *scenario.securities.codes} == set(market.asset)
    for code, asset in assets.items():
        is_cash = code == scenario.cash.currency
        issuer = scenario.cash.issuer if is_cash else scenario.securities.issuer
        assert asset.index == market.asset[code]
        assert (asset.issuer, asset.decimals, asset.supply) == (market.index[issuer], 2 if is_cash else 0, 0)


def test_fees_and_agreements_in_force_are_the_scenarios(market: Market) -> None:
    scenario = market.scenario
    schedule = VenueSchedule.of(scenario)
    venue, beneficiary, levy, graduated, tiers = market.clients.clearing_house.call(
        "feeSchedule", market.fee_schedule_id
    )
    assert venue == market.index[scenario.venue]
    assert beneficiary == market.index[scenario.fees.levy.beneficiary]
    assert levy == schedule.levy_ppm
    assert not graduated
    assert list(tiers) == [
        (2**88 - 1 if tier.up_to is None else tier.up_to, tier.rate_ppm, 0) for tier in schedule.tiers
    ]
    agreements = market.clients.agreements
    for name, index in market.index.items():
        found = agreements.agreement_named(index, "commission")
        assert bool(found) == (name in scenario.brokers)
        if found:
            terms, whole = agreements.terms_of(found, 1), Tier(2**96 - 1, 10**6)
            shares = tuple(share.share_ppm for share in scenario.agreements.shares)
            assert terms.clauses == (Clause(Basis.COMMISSION, (whole,), (Step(0, shares),)),)
            assert terms.parties == tuple(market.index[s.party] for s in scenario.agreements.shares)
            assert (terms.payer, terms.currency) == (index, market.cash_asset)
            assert (terms.version, terms.months, terms.notice_days) == (1, 3, 90)
            assert agreements.version_of(found, 1).starts_at <= market.chain.block().timestamp


def test_securities_are_listed_once_in_the_order_given(market: Market) -> None:
    snapshot, known = market.chain.snapshot(), dict(market.asset)
    market.list_securities(["NEW1", *list(known)[:2], "NEW2", "NEW1"])
    count = len(known) - 1
    assert {c: i for c, i in market.asset.items() if c not in known} == {"NEW1": count + 1, "NEW2": count + 2}
    market.list_securities(["NEW2", "NEW1"])
    assert market.clients.register.call("securityCount") == count + 2
    market.chain.restore(snapshot)
    market.asset.clear()
    market.asset |= known


def test_issue_credits_each_once_a_reference(market: Market) -> None:
    snapshot, known = market.chain.snapshot(), dict(market.asset)
    market.list_securities(["NEW1"])
    first, second = market.scenario.brokers[:2]
    cash = market.scenario.cash.currency
    held = {(first, "NEW1"): 2**63, (second, cash): 2**90, (second, "NEW1"): 1}
    reference = keccak(text="reference")
    for issuer in (market.scenario.securities.issuer, market.scenario.cash.issuer):
        rows = {
            (name, code): amount
            for (name, code), amount in held.items()
            if (code == cash) == (issuer == market.scenario.cash.issuer)
        }
        assert market.issue(issuer, reference, rows).status == 1
    places = {(market.index[name], market.asset[code]): n for (name, code), n in held.items()}
    assert market.clients.register.balances(list(places)) == places
    with pytest.raises(reverts.AssetRegister_ReferenceUsed):
        market.issue(issuer, reference, rows)
    market.chain.restore(snapshot)
    market.asset.clear()
    market.asset |= known


def test_header_is_of_the_venue_and_the_day(market: Market) -> None:
    header = market.header(20191121, 20191124)
    assert header.as_tuple() == (
        market.index[market.scenario.venue], 20191121, market.cash_asset, 20191124, market.fee_schedule_id, 1
    )  # fmt: skip


def test_reserves_are_kept_by_an_institution_that_the_contract_acts_for() -> None:
    scenario = load("sample")
    agreements = scenario.agreements.model_copy(update={"reserve_account": "RESERVES"})
    with connect(default_engine(), clock=SetClock()) as chain:
        market = establish(chain, scenario.model_copy(update={"agreements": agreements}))
        there = {each.name: each for each in market.clients.consortium.institutions()}
        assert there["RESERVES"].signer == market.clients.revenue.address
        assert there["RESERVES"].roles == {Role.PARTNER}
