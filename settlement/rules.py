"""The rules that exchange and regulator set together: what fails cost, limits, what the default fund asks
for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from eth_utils import keccak

from ledger.chain import Receipt
from ledger.clients.default_fund import Purse
from ledger.clients.limits import NONE
from ledger.contract import Contract
from ledger.history import History
from ledger.reverts import Joint_NoChange
from ledger.units import parse_minor
from settlement.market import Market
from settlement.outcomes import Outcomes

Note = Callable[[bytes, Mapping[tuple[str, str], int]], None]
"""Keeps (institution, asset) → units or minor units under an instruction's reference."""


def jointly(market: Market, contract: Contract, function: str, *arguments: Any) -> list[Receipt]:
    """What takes an exchange and a regulator: both send the same. Whose word is there already, after an
    interruption, is passed over.
    """
    done: list[Receipt] = []
    for signer in (market.venue, market.signers[market.scenario.with_role("REGULATOR")[0]]):
        try:
            done.append(contract.send(signer, function, *arguments))
        except Joint_NoChange:
            continue
        if any(event["complete"] for event in contract.events(done[-1].logs, "JointlyAgreed")):
            break
    return done


def set_rules(market: Market, outcomes: Outcomes, note: Note) -> list[Receipt]:
    """Put the scenario's rules on the ledger, for the assets that there are, as far as they are not in force.
    `note` keeps what an instruction credits before it is sent.
    """
    done = [receipt for call in _missing(market, outcomes) for receipt in jointly(market, *call)]
    return done + _capital(market, outcomes, note)


def call_requirements(market: Market, history: History) -> list[Receipt]:
    """Have every member's margin and contribution follow from the trades that there are, and take what is
    missing.
    """
    venue = market.index[market.scenario.venue]
    batches = [(b.header, b.words) for b in history.batches.values() if b.header.venue == venue]
    if market.scenario.default_fund is None or not batches:
        return []
    return [market.clients.default_fund.call_requirements(market.venue, market.cash_asset, batches)]


def _missing(market: Market, outcomes: Outcomes) -> Iterator[tuple[Any, ...]]:
    scenario, clients, cash = market.scenario, market.clients, market.cash_asset
    fails = scenario.fails
    if fails is not None:
        if outcomes.fails.closing_after != fails.closing_after_days:
            yield clients.fails, "setClosingAfter", fails.closing_after_days
        for code, asset in market.asset.items():
            rate = fails.by_security.get(code, fails.securities_ppm)
            rate = fails.cash_ppm_per_year if asset == cash else rate
            if outcomes.fails.rates.get(asset, 0) != rate:
                yield clients.fails, "setPenaltyRate", asset, rate
    for limit in scenario.limits:
        asset = market.asset.get(limit.asset, 0)
        place = market.index[limit.institution], asset
        wanted = _amount(market, asset, limit.position), _amount(market, asset, limit.exposure)
        if asset and outcomes.limits.get(place) != wanted:
            yield clients.limits, "setLimit", *place, *wanted
    fund = scenario.default_fund
    if fund is not None:
        rates = clients.default_fund.rates_of(cash)
        if (rates.margin_ppm, rates.contribution_ppm) != (fund.margin_ppm, fund.contribution_ppm):
            yield clients.default_fund, "setRates", cash, fund.margin_ppm, fund.contribution_ppm


def _amount(market: Market, asset: int, text: str | None) -> int:
    if text is None:
        return NONE
    return parse_minor(text, market.scenario.exponent) if asset == market.cash_asset else int(text)


def _capital(market: Market, outcomes: Outcomes, note: Note) -> list[Receipt]:
    """The venue's own capital, which its settlement bank credits for that, goes into the fund once."""
    fund, cash = market.scenario.default_fund, market.cash_asset
    capital = parse_minor(fund.capital, market.scenario.exponent) if fund else 0
    venue = market.index[market.scenario.venue]
    if not capital or (venue, cash, Purse.CAPITAL) in outcomes.defaults.purses:
        return []
    if market.clients.default_fund.purse_of(venue, cash, Purse.CAPITAL):
        return []  # since `outcomes` were read
    issuer, reference = market.scenario.cash.issuer, keccak(text="capital of the venue")
    done = []
    if not market.clients.register.call("referenceUsed", market.index[issuer], reference):
        credit = {(market.scenario.venue, market.scenario.cash.currency): capital}
        note(reference, credit)
        done.append(market.issue(issuer, reference, credit))
    return [*done, market.clients.default_fund.deposit(market.venue, Purse.CAPITAL, cash, capital)]
