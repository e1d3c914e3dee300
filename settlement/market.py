"""A scenario on a chain: institutions admitted, assets listed, fees and agreements in force, holdings issued.

A market knows the names of the business and the indexes of the ledger, and holds every institution's key, as
only a simulation on one machine does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from eth_utils import keccak

from ledger.abi import Words
from ledger.accounts import Signer
from ledger.chain import Chain, Receipt
from ledger.clients import Clients, attach
from ledger.clients.clearing_house import Header
from ledger.clients.consortium import Role
from ledger.clients.revenue_sharing import Terms
from ledger.deploy import Deployment, deploy
from ledger.records import CURRENCY_FLAG, pack_movements
from ledger.units import MAX_AMOUNT
from settlement.fees import Schedule
from settlement.scenario import Scenario

OPERATOR = "consortium operator"
ISSUES_AT_ONCE = 20_000
"""Movements in one transaction of an issue."""


@dataclass(slots=True)
class Market:
    """A consortium's ledger with the scenario's market on it. `index` is institution → index on the ledger,
    `asset` security or currency → index; both only grow."""

    chain: Chain
    scenario: Scenario
    deployment: Deployment
    clients: Clients
    signers: dict[str, Signer]
    index: dict[str, int]
    asset: dict[str, int] = field(default_factory=dict)
    fee_schedule_id: int = 0

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

    def list_securities(self, codes: Sequence[str]) -> None:
        """Have the depository list those of `codes` that are not listed yet, in this order."""
        new = [code for code in dict.fromkeys(codes) if code not in self.asset]
        if not new:
            return
        first = self.clients.register.call("securityCount") + 1
        self.clients.register.list_securities(self.signers[self.scenario.securities.issuer], new)
        self.asset |= {code: first + i for i, code in enumerate(new)}

    def issue(self, holdings: Mapping[tuple[str, str], int], reference: str) -> list[Receipt]:
        """Credit (institution, asset) → units or minor units: securities by the depository, cash by the bank.

        `reference` names the instruction; each issuer uses it once.
        """
        receipts = []
        cash = self.scenario.cash
        for issuer in (self.scenario.securities.issuer, cash.issuer):
            rows = [
                (self.asset[code], self.index[name], amount)
                for (name, code), amount in holdings.items()
                if amount and (code == cash.currency) == (issuer == cash.issuer)
            ]
            for part, start in enumerate(range(0, len(rows), ISSUES_AT_ONCE)):
                movements = _movements(rows[start : start + ISSUES_AT_ONCE])
                name = keccak(text=f"{reference}/{part}")
                receipts.append(self.clients.register.issue(self.signers[issuer], name, movements))
        return receipts


def establish(chain: Chain, scenario: Scenario) -> Market:
    """Deploy the contracts and set up the scenario's market on them."""
    seed = f"{scenario.name}/{scenario.seed}"
    operator = Signer.from_seed(seed, OPERATOR)
    names = [institution.name for institution in scenario.institutions]
    signers = {name: Signer.from_seed(seed, f"institution {name}") for name in names}
    deployment = deploy(chain, operator)
    market = Market(
        chain=chain,
        scenario=scenario,
        deployment=deployment,
        clients=attach(chain, deployment),
        signers=signers,
        index={name: i for i, name in enumerate(names, start=1)},
    )
    market.clients.consortium.admit(
        operator,
        [
            (each.name, signers[each.name].address, [Role[role] for role in each.roles])
            for each in scenario.institutions
        ],
    )
    cash = scenario.cash
    market.clients.register.list_currency(signers[cash.issuer], cash.currency, scenario.exponent)
    market.asset[cash.currency] = CURRENCY_FLAG | market.clients.register.call("currencyCount")
    market.list_securities(scenario.securities.codes)
    _register_fees(market)
    _conclude_agreements(market, scenario.brokers)
    return market


def _register_fees(market: Market) -> None:
    schedule = Schedule.of(market.scenario)
    slabs = [(slab.up_to_minor or MAX_AMOUNT, slab.rate_ppm) for slab in schedule.slabs]
    receipt = market.clients.clearing_house.register_fee_schedule(
        market.venue, market.index[market.scenario.fees.levy.beneficiary], schedule.levy_ppm, slabs
    )
    (event,) = market.clients.clearing_house.events(receipt.logs, "FeeScheduleRegistered")
    market.fee_schedule_id = event["feeScheduleId"]


def _conclude_agreements(market: Market, payers: Iterable[str]) -> None:
    """The scenario's agreement with each payer, signed by all its parties."""
    shares = market.scenario.agreements.shares
    if not shares:
        return
    revenue = market.clients.revenue
    for payer in payers:
        terms = Terms(
            market.index[payer],
            market.cash_asset,
            tuple((market.index[share.party], share.share_ppm) for share in shares),
        )
        digest = terms.digest(revenue.domain)
        parties = (payer, *(share.party for share in shares))
        revenue.conclude(market.venue, terms, [market.signers[name].sign_digest(digest) for name in parties])


def _movements(rows: Sequence[tuple[int, int, int]]) -> Words:
    asset, institution, delta = zip(*rows, strict=True)
    return pack_movements(
        np.array(asset, dtype=np.int64), np.array(institution, dtype=np.int64), np.array(delta, dtype=object)
    )
