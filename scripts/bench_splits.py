"""Gas that sharing a payment costs a recipient, beside splitter contracts. A part of scripts/bench.py.

In a settlement it is what the settlement with agreements costs more than the same without any, by pairs of a
payer and a recipient, each of which a splitter would pay by itself; here all payers' shares are netted into
one Transfer a recipient. Everybody has some cash beforehand, so that no balance begins or ends at zero. Runs
pay each recipient by itself, as a splitter does that pushes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from bench_chain import Source

from ledger.chain import Receipt, connect
from ledger.clients.agreements import Consent
from ledger.clock import SteppedClock
from ledger.terms import MAX_UP_TO, Basis, Clause, Step, Terms, Tier
from ledger.units import PPM
from settlement.agreements import periods
from settlement.books.shelf import Shelf
from settlement.day import opens_at
from settlement.market import Market, establish
from settlement.operations import Ledger
from settlement.scenario import Institution, RevenueShare, Scenario

RECIPIENTS = (2, 4, 10)
"""Of each payer."""
PUBLISHED = {"pull": 9_500, "push": 10_700, "create": 185_000}
"""Gas of splitter contracts: a recipient in steady state, by who asks and by all at once; a two-way split."""
SHARED_PPM = 300_000
"""Of the commission, by all recipients together."""
AMOUNT_MINOR = 1_000_000


def measure(days: Sequence[Source], engine: str) -> dict[str, Any]:
    """Gas of settlements, runs and agreements. `days` are two of one quarter, the later in steady state."""
    plain, settlements, runs = _settled(days, engine, 0), [], []
    for count in RECIPIENTS:
        *steps, (_, ran, _) = _settled(days, engine, count)
        for (name, used, payers), (_, without, _) in zip(steps, plain, strict=True):
            settlements.append(
                {
                    "settlement": name,
                    "recipients": count,
                    "payers": payers,
                    "gas": used - without,
                    "gas_a_pair": round((used - without) / (payers * count)),
                }
            )
        runs.append(_run_row("what a quarter's commission left", count, ran))
    with _market(days[0].scenario, opens_at(days[0].intake().trades.trading_day), engine, 0) as ledger:
        created = _created(ledger.market)
        runs += [_run_row("subscription", count, used) for count, used in _subscriptions(ledger)]
    return {"settlements": settlements, "runs": runs, "agreements": created, "published": PUBLISHED}


def shown(found: dict[str, Any]) -> Iterator[str]:
    """The tables as text."""
    published = found["published"]
    for how in ("pull", "push"):
        yield f"  {f'splitter contracts, {how}, steady':<58} {published[how]:>8,} a recipient"
    for row in found["settlements"]:
        what = f"{row['settlement']}, {row['payers']} payers, {row['recipients']} recipients each"
        yield f"  {what:<58} {row['gas_a_pair']:>8,} a payer and recipient"
    for row in found["runs"]:
        what = f"run of {row['run']}, {row['recipients']} recipients"
        yield f"  {what:<58} {row['gas_a_recipient']:>8,} a recipient ({row['gas']:,})"
    yield f"  {'splitter contracts, a two-way split created':<58} {published['create']:>8,}"
    for what, used in found["agreements"].items():
        yield f"  {what:<58} {used:>8,}"


def _run_row(what: str, count: int, used: int) -> dict[str, Any]:
    return {"run": what, "recipients": count, "gas": used, "gas_a_recipient": round(used / count)}


def _recipients(count: int) -> list[str]:
    return [f"Recipient {i + 1}" for i in range(count)]


@contextmanager
def _market(scenario: Scenario, start: datetime, engine: str, count: int) -> Iterator[Ledger]:
    """The scenario with recipients besides, of whom so many have a share of every broker's commission."""
    everyone = tuple(Institution(name=name, roles=("PARTNER",)) for name in _recipients(max(RECIPIENTS)))
    share_ppm = SHARED_PPM // max(1, count)
    shares = tuple(RevenueShare(party=name, share_ppm=share_ppm) for name in _recipients(count))
    agreements = scenario.agreements.model_copy(update={"shares": shares})
    changed = {"institutions": scenario.institutions + everyone, "agreements": agreements}
    clock = SteppedClock(start)
    with connect(engine, clock=clock) as chain:
        yield Ledger(establish(chain, scenario.model_copy(update=changed)), Shelf(), clock=clock)


def _settled(days: Sequence[Source], engine: str, count: int) -> list[tuple[str, int, int]]:
    """(what, gas, payers) of each day's settlement, of one trade's alone and in the next quarter, and, where
    there are agreements, of the run of a broker's quarter.
    """
    found = []
    first = days[0].intake().trades.trading_day
    with _market(days[0].scenario, opens_at(first), engine, count) as ledger:
        for place, day in enumerate(days):
            intake = day.intake()
            ledger.clock.wait_until(opens_at(intake.trades.trading_day))
            ledger.record(intake, day.data, source=day.name)
            what = f"{'steady' if place else 'first'}, {len(intake.trades):,} trades"
            found.append((what, *_settle(ledger, place)))
        period, security = periods.at(int(opens_at(first).timestamp()), 3), str(intake.trades.securities[0])
        found.append(("steady, 1 trade", *_one_trade(ledger, security, len(days))))
        ledger.clock.wait_until(datetime.fromtimestamp(periods.end_s(period, 3), UTC))
        found.append(("first of a quarter, 1 trade", *_one_trade(ledger, security, len(days) + 1)))
        if count:
            ran = ledger.market.clients.revenue.run(ledger.market.venue, 1, period, [0])
            found.append(("run", ran.gas_used, 1))
    return found


def _one_trade(ledger: Ledger, security: str, place: int) -> tuple[int, int]:
    buyer, seller = ledger.market.scenario.brokers[:2]
    ledger.trade(buyer, seller, security, 1, AMOUNT_MINOR)
    ledger.affirm()
    return _settle(ledger, place)


def _settle(ledger: Ledger, place: int) -> tuple[int, int]:
    """Gas, and how many payers gave something."""
    ledger.fund()
    market, cash = ledger.market, ledger.market.scenario.cash
    market.issue(cash.issuer, bytes([place + 1]) * 32, {(name, cash.currency): 1 for name in market.index})
    before = len(ledger.receipts.get("settle", []))
    ledger.settle()
    done: list[Receipt] = ledger.receipts["settle"][before:]
    accruals = [e for each in done for e in market.clients.revenue.events(each.logs, "RevenueAccrued")]
    return sum(each.gas_used for each in done), len(accruals)


def _terms(market: Market, payer: str, name: str, clause: Clause, count: int, version: int = 1) -> Terms:
    parties = tuple(market.index[each] for each in _recipients(count))
    return Terms(market.index[payer], market.cash_asset, name, parties, (clause,), version, months=1)


def _clause(basis: Basis, count: int) -> Clause:
    tier = Tier(MAX_UP_TO, PPM) if basis is Basis.COMMISSION else Tier(MAX_UP_TO, 0, AMOUNT_MINOR)
    return Clause(basis, (tier,), (Step(0, (SHARED_PPM // count,) * count),))


def _conclude(market: Market, payer: str, terms: Terms, count: int) -> int:
    digest = terms.digest(market.clients.agreements.domain)
    names = _recipients(count)
    consents = [Consent.of(market.index[name], market.signers[name], digest) for name in names]
    return market.clients.agreements.propose(market.signers[payer], terms, consents).gas_used


def _created(market: Market) -> dict[str, int]:
    """Gas of two-way agreements, by how they come about, once there is one."""
    agreements, signers = market.clients.agreements, market.signers
    first, one, other, last = market.scenario.brokers[:4]
    clause = _clause(Basis.COMMISSION, 2)
    _conclude(market, first, _terms(market, first, "a", clause, 2), 2)
    found = {
        "of commission, all consents in one transaction": _conclude(
            market, one, _terms(market, one, "a", clause, 2), 2
        )
    }
    terms = _terms(market, other, "a", clause, 2)
    digest = terms.digest(agreements.domain)
    proposed = agreements.propose(signers[other], terms).gas_used
    consents = [agreements.consent(signers[name], digest).gas_used for name in _recipients(2)]
    found["of commission, each by itself"] = proposed + sum(consents)
    found["  proposed"], found["  consented to"], found["  consented to, and concluded"] = proposed, *consents
    paid = _terms(market, last, "a", _clause(Basis.SUBSCRIPTION, 2), 2)
    found["of a subscription, all consents in one transaction"] = _conclude(market, last, paid, 2)
    newer = _terms(market, one, "a", clause, 2, version=2)
    found["version 2, all consents in one transaction"] = _conclude(market, one, newer, 2)
    return found


def _subscriptions(ledger: Ledger) -> Iterator[tuple[int, int]]:
    """(recipients, gas) of a month's run once one was run before."""
    market, cash = ledger.market, ledger.market.scenario.cash
    payer = market.scenario.brokers[0]
    market.issue(cash.issuer, bytes([1]) * 32, {(payer, cash.currency): 100 * AMOUNT_MINOR})
    month = periods.at(int(ledger.clock.now().timestamp()), 1)
    for count in RECIPIENTS:
        _conclude(
            market, payer, _terms(market, payer, f"{count}", _clause(Basis.SUBSCRIPTION, count), count), count
        )
    for each in (month, month + 1):
        ledger.clock.wait_until(datetime.fromtimestamp(periods.end_s(each, 1), UTC))
        for count in RECIPIENTS:
            agreement_id = market.clients.agreements.agreement_named(market.index[payer], f"{count}")
            ran = market.clients.revenue.run(market.venue, agreement_id, each, [0])
            if each != month:
                yield count, ran.gas_used
