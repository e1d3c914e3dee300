"""A default fund whose prices a test says, and what members, venues and regulators do with it.

The consortium is that of `support`, on a chain of its own where `PriceStandIn` stands in place of `Fails`.
Besides, FUND is the institution whose signer the fund is, and everyone has 10**12 minor units of NPR and of
USD.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from ledger.chain import Chain, Receipt
from ledger.clients.clearing_house import Status
from ledger.clients.consortium import Role
from ledger.clients.default_fund import DefaultFund, Purse, Step
from ledger.compile import Artifact, artifacts
from ledger.contract import Contract
from tests.contracts.clearing import Batch, Floor
from tests.contracts.clearing_model import Trade
from tests.contracts.support import DAY, ROLES, Ledger, SetClock, establish

CASH = 10**12
NOTICE = 7 * 86_400
"""Seconds of NOTICE_PERIOD."""
MARGIN, CONTRIBUTION, CAPITAL = Purse
Facts = list[tuple[str, dict[str, Any]]]


@dataclass(slots=True)
class Fund:
    """The fund of a ledger. Where nobody is named, V is the venue, R the regulator, NPR the currency."""

    ledger: Ledger
    prices: Contract

    @property
    def client(self) -> DefaultFund:
        return self.ledger.clients.default_fund

    @property
    def floor(self) -> Floor:
        return Floor(self.ledger)

    def deposit(self, name: str, purse: Purse, amount: int, currency: str = "NPR") -> Receipt:
        return self.client.deposit(self.ledger.signers[name], purse, self.ledger.asset[currency], amount)

    def release(self, name: str, purse: Purse, amount: int, currency: str = "NPR") -> Receipt:
        return self.client.release(self.ledger.signers[name], purse, self.ledger.asset[currency], amount)

    def notice(self, name: str, purse: Purse, amount: int, currency: str = "NPR") -> Receipt:
        return self.client.give_notice(self.ledger.signers[name], purse, self.ledger.asset[currency], amount)

    def purse(self, name: str, purse: Purse, currency: str = "NPR") -> int:
        return self.client.purse_of(self.ledger.index[name], self.ledger.asset[currency], purse)

    def required(self, name: str, purse: Purse, currency: str = "NPR") -> int:
        return self.client.required_of(self.ledger.index[name], self.ledger.asset[currency], purse)

    def rates(self, margin_ppm: int, contribution_ppm: int, currency: str = "NPR") -> Receipt:
        """Agreed by V, then by R, whose receipt it is."""
        asset = self.ledger.asset[currency]
        self.client.set_rates(self.ledger.signers["V"], asset, margin_ppm, contribution_ppm)
        return self.client.set_rates(self.ledger.signers["R"], asset, margin_ppm, contribution_ppm)

    def call(self, *batches: Batch, venue: str = "V", currency: str = "NPR") -> Receipt:
        listed = [(batch.header, batch.records) for batch in batches]
        return self.client.call_requirements(self.ledger.signers[venue], self.ledger.asset[currency], listed)

    def price(
        self, security: str, price: int, *, venue: str = "V", day: int = DAY, currency: str = "NPR"
    ) -> None:
        """In millionths of a minor unit for one unit."""
        index, asset = self.ledger.index, self.ledger.asset
        self.prices.send(
            self.ledger.outsider, "setPrice", index[venue], day, asset[currency], asset[security], price
        )

    def status(self, batch: Batch, position: int, to: Status) -> None:
        """A trade is held or cancelled, or let back in."""
        house = self.ledger.clearing_house.address
        self.prices.send(self.ledger.outsider, "setStatus", house, batch.hash, position, to)

    def dispute(self, batch: Batch, name: str, *positions: int) -> None:
        """By an institution that affirmed, as the other side did."""
        conditions = self.ledger.clients.conditions
        conditions.dispute(self.ledger.signers[name], batch.header, batch.records, positions)

    def declare(
        self, name: str, currency: str = "NPR", *, day: int = DAY, by: Sequence[str] = ("V", "R")
    ) -> Receipt:
        """The last word's receipt."""
        for each in by:
            receipt = self.client.declare_default(
                self.ledger.signers[each], self.ledger.index[name], self.ledger.asset[currency], day
            )
        return receipt

    def default(self, name: str, currency: str = "NPR") -> int:
        """The institution is suspended and declared in default; the id."""
        if not self.ledger.consortium.institution(self.ledger.index[name]).suspended:
            self.ledger.suspend(name)
        self.declare(name, currency)
        return int(self.client.call("defaultCount"))

    def close_out(
        self, default: int, batch: Batch, positions: Sequence[int] | None = None, venue: str = "V"
    ) -> Receipt:
        """All trades of the batch where no positions are given."""
        chosen = range(len(batch.trades)) if positions is None else positions
        return self.client.close_out(
            self.ledger.signers[venue], default, batch.header, batch.records, list(chosen)
        )

    def finish(self, default: int, loss: int | None = None, by: Sequence[str] = ("V", "R")) -> Receipt:
        """At the loss that it has, where none is given; the last word's receipt."""
        agreed = self.client.default_of(default).loss if loss is None else loss
        for each in by:
            receipt = self.client.finish(self.ledger.signers[each], default, agreed)
        return receipt

    def finished(self, default: int) -> Facts:
        """What finishing tells, from the first step on, without transfers and words given."""
        facts = self.ledger.facts(self.finish(default))
        return [fact for fact in facts if fact[0] not in ("Transfer", "JointlyAgreed")]

    def losing(self, *claims: tuple[str, int], defaulter: str = "B1", number: int = 1) -> Batch:
        """Trades in which the defaulter buys a unit of S1 of each for the claim and a minor unit more, the
        price."""
        trades = [
            Trade(number + i, defaulter, name, quantity=1, amount=claim + 1)
            for i, (name, claim) in enumerate(claims)
        ]
        self.price("S1", 1_000_000)
        return self.floor.entered(*trades)


def steps(facts: Facts, fund: Fund) -> list[tuple[Step, str, int]]:
    """The waterfall's, by names."""
    names = {index: name for name, index in fund.ledger.index.items()}
    return [
        (Step(f["step"]), names[f["institution"]], f["amount"])
        for name, f in facts
        if name == "WaterfallStep"
    ]


def paid(facts: Facts, fund: Fund) -> dict[str, int]:
    """What each claimant got."""
    names = {index: name for name, index in fund.ledger.index.items()}
    return {names[f["claimant"]]: f["paid"] for name, f in facts if name == "ClaimantPaid"}


def establish_fund(chain: Chain, clock: SetClock, prices: Artifact) -> Fund:
    """Deploy the contracts with the prices' stand-in, admit FUND and issue cash."""
    compiled = artifacts()
    # The deployment reads the constructor's parameters; the stand-in's code passes over them.
    constructor = [entry for entry in compiled["Fails"].abi if entry["type"] == "constructor"]
    stand_in = replace(prices, abi=[*constructor, *prices.abi])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ledger.deploy.artifacts", lambda: {**compiled, "Fails": stand_in})
        ledger = establish(chain, clock)
    fund = ledger.clients.default_fund
    ledger.consortium.admit(ledger.operator, [("FUND", fund.address, [Role.PARTNER])])
    ledger.index["FUND"] = len(ledger.index) + 1
    ledger.issue({(name, code): CASH for name in ROLES for code in ("NPR", "USD")})
    return Fund(ledger, Contract(chain, ledger.clients.fails.address, prices))
