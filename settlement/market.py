"""A scenario on a chain: institutions admitted, assets listed, fees and agreements in force, holdings issued.

A market knows the names of the business and the indexes of the ledger. Its signers are those whose keys this
machine holds: all of them in a simulation, an institution's own in a consortium.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ledger.abi import Words
from ledger.accounts import Signer
from ledger.chain import Chain, Receipt
from ledger.clients import Clients, attach
from ledger.clients.agreements import Consent
from ledger.clients.clearing_house import Header
from ledger.clients.consortium import Role
from ledger.deploy import Deployment, deploy
from ledger.history import History, read
from ledger.ids import from_bytes32
from ledger.records import pack_movements
from ledger.terms import MAX_UP_TO, Basis, Clause, Step, Terms, Tier, pack
from ledger.units import PPM
from settlement.agreements.registry import registry
from settlement.fees import VenueSchedule
from settlement.limits import listed_at_once
from settlement.scenario import Scenario

OPERATOR = "consortium operator"
NOTICE_DAYS = 90
"""Of the scenario's agreements."""


@dataclass(slots=True)
class Market:
    """A consortium's ledger with the scenario's market on it. `index` is institution → index on the ledger,
    `asset` security or currency → index; both only grow."""

    chain: Chain
    scenario: Scenario
    deployment: Deployment
    clients: Clients
    signers: Mapping[str, Signer]
    index: dict[str, int]
    asset: dict[str, int] = field(default_factory=dict)
    fee_schedule_id: int = 0

    def know(self, history: History) -> None:
        """Take the indexes of institutions and assets, and the newest fee schedule, from the chain."""
        self.index = history.institutions
        self.asset = history.assets
        self.fee_schedule_id = history.fee_schedules.get(self.index.get(self.scenario.venue, 0), 0)

    @property
    def venue(self) -> Signer:
        """The exchange's signer."""
        return self.signers[self.scenario.venue]

    @property
    def cash_asset(self) -> int:
        """The index of the settlement currency."""
        return self.asset[self.scenario.cash.currency]

    def header(self, trading_day: int, intended_settlement_date: int) -> Header:
        """The header of a batch of this market; days are yyyymmdd."""
        venue = self.index[self.scenario.venue]
        return Header(venue, trading_day, self.cash_asset, intended_settlement_date, self.fee_schedule_id)

    def registered_fees(self) -> tuple[int, VenueSchedule]:
        """The levy's beneficiary and the fee schedule, as the ledger has them."""
        _, beneficiary, *words = self.clients.clearing_house.call("feeSchedule", self.fee_schedule_id)
        return beneficiary, VenueSchedule.registered(*words)

    def list_securities(self, codes: Sequence[str]) -> None:
        """Have the depository list those of `codes` that are not listed yet, in this order."""
        new = [code for code in dict.fromkeys(codes) if code not in self.asset]
        if not new:
            return
        signer, most = self.signers[self.scenario.securities.issuer], listed_at_once(self.chain.limits)
        for start in range(0, len(new), most):
            receipt = self.clients.register.list_securities(signer, new[start : start + most])
            listed = self.clients.register.events(receipt.logs, "AssetListed")
            self.asset |= {from_bytes32(event["code"]): event["asset"] for event in listed}

    def issue(self, issuer: str, reference: bytes, holdings: Mapping[tuple[str, str], int]) -> Receipt:
        """Credit (institution, asset) → units or minor units of what `issuer` issues, under a reference that
        it uses once.
        """
        rows = [(self.asset[code], self.index[name], amount) for (name, code), amount in holdings.items()]
        return self.clients.register.issue(self.signers[issuer], reference, _movements(rows))


def seed_signers(scenario: Scenario) -> dict[str, Signer]:
    """Every institution's key and the operator's, from the scenario's seed: no secret to anybody."""
    seed = f"{scenario.name}/{scenario.seed}"
    signers = {
        each.name: Signer.from_seed(seed, f"institution {each.name}") for each in scenario.institutions
    }
    return signers | {OPERATOR: Signer.from_seed(seed, OPERATOR)}


def establish(chain: Chain, scenario: Scenario, signers: Mapping[str, Signer] | None = None) -> Market:
    """Deploy the contracts and set up the scenario's market on them, or what is missing of it.

    `signers` has a key for each institution and for the operator; those from the seed unless given.
    """
    keys = seed_signers(scenario) if signers is None else signers
    deployment = deploy(chain, keys[OPERATOR])
    chain.follow(list(deployment.addresses.values()))
    market = Market(chain, scenario, deployment, attach(chain, deployment), keys, {})
    there = read(market.clients)
    if not there.institutions:
        market.clients.consortium.admit(
            keys[OPERATOR],
            [
                (each.name, keys[each.name].address, [Role[role] for role in each.roles])
                for each in scenario.institutions
            ],
        )
    for account, contract in accounts_of_contracts(scenario).items():
        if account not in there.institutions:
            row = account, deployment.addresses[contract], [Role.PARTNER]
            market.clients.consortium.admit(keys[OPERATOR], [row])
    cash = scenario.cash
    if cash.currency not in there.assets:
        market.clients.register.list_currency(keys[cash.issuer], cash.currency, scenario.exponent)
    market.know(read(market.clients, there))
    market.list_securities(scenario.securities.codes)
    if not market.fee_schedule_id:
        _register_fees(market)
    _conclude_agreements(market, there)
    market.know(read(market.clients, there))
    return market


def accounts_of_contracts(scenario: Scenario) -> dict[str, str]:
    """Institution whose signer is a contract → the contract: who keeps the default fund and reserves."""
    found = {}
    if scenario.default_fund is not None:
        found[scenario.default_fund.account] = "DefaultFund"
    if scenario.agreements.reserve_account is not None:
        found[scenario.agreements.reserve_account] = "RevenueSharing"
    return found


def opened(chain: Chain, scenario: Scenario, deployment: Deployment, signers: Mapping[str, Signer]) -> Market:
    """A market that was established before. `know` tells it what is on the chain."""
    chain.follow(list(deployment.addresses.values()))
    return Market(chain, scenario, deployment, attach(chain, deployment), signers, {})


def _register_fees(market: Market) -> None:
    schedule = VenueSchedule.of(market.scenario)
    market.clients.clearing_house.register_fee_schedule(
        market.venue,
        market.index[market.scenario.fees.levy.beneficiary],
        schedule.levy_ppm,
        schedule.as_registered(),
        schedule.graduated,
    )


def commission_terms(market: Market, payer: str) -> Terms:
    """The scenario's agreement with a broker: fixed shares of all of its commission."""
    shares = market.scenario.agreements.shares
    clause = Clause(
        Basis.COMMISSION,
        tiers=(Tier(MAX_UP_TO, PPM),),
        steps=(Step(0, tuple(share.share_ppm for share in shares)),),
    )
    return Terms(
        payer=market.index[payer],
        currency=market.cash_asset,
        name="commission",
        parties=tuple(market.index[share.party] for share in shares),
        clauses=(clause,),
        notice_days=NOTICE_DAYS,
        months=3,
    )


def _conclude_agreements(market: Market, there: History) -> None:
    """The scenario's agreement with each broker, signed by all its parties."""
    shares, agreements = market.scenario.agreements.shares, market.clients.agreements
    known = registry(there.revenue)
    calls: list[tuple[list[int], list[tuple[object, ...]]]] = []
    for payer in market.scenario.brokers if shares else ():
        terms = commission_terms(market, payer)
        if known.named(terms.payer, terms.name) is None:
            digest = terms.digest(agreements.domain)
            consents = [
                Consent.of(market.index[name], market.signers[name], digest)
                for name in (payer, *(share.party for share in shares))
            ]
            calls.append((pack(terms), [consent.as_tuple() for consent in consents]))
    agreements.send_all(market.venue, "propose", calls)


def _movements(rows: Sequence[tuple[int, int, int]]) -> Words:
    asset, institution, delta = zip(*rows, strict=True)
    return pack_movements(
        np.array(asset, dtype=np.int64), np.array(institution, dtype=np.int64), np.array(delta, dtype=object)
    )
