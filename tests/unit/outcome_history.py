"""Three days on a real ledger, for `settlement.outcomes`: all that can become of a trade but settling whole.

Day 1, all affirmed, but for 7 by B4 and 31 by B1:

    no.  buyer  seller  security           why
    1    B1     B2      S1 10 for 100,000  B2 has none: LACK; the price rises: B2 owes compensation
    2    B3     B2      S2 10 for  50,000  B3 has no cash: MONY; the price falls: B3 owes compensation
    3    B3     B1      S3 10 for  30,000  LACK and MONY
    4    B1     B3      S2  5 for  25,000  held by B1: PREA
    5    B1     B4      S1  7 for  70,001  3 units settle first, then LACK
    6    B6     B2      S2  1 for   5,000  B6 is suspended: SBLO
    7    B1     B4      S2  1 for   5,000  B4 has not affirmed: CLAT
    8    B2     B4      S3  4 for  12,000  beyond what B2 may hold: FLIM

Day 2: all of them again, then they are compensated. Of what is owed for day 1, B2 pays and B3 cannot. Day 3:
B3 has cash and pays. B5 defaults on 21 to 23 and 31: margin, contribution, capital, the others, and a rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

import numpy as np

from ledger.clients.default_fund import Purse
from ledger.contract import Event
from ledger.history import History
from ledger.ids import day_number
from ledger.units import TIME_UNKNOWN, exact
from settlement import defaulting, ending
from settlement.cycle import Cycle
from settlement.market import Market
from settlement.model import Trades
from settlement.operations import Ledger
from settlement.outcomes import Outcomes
from settlement.penalties import PRICE
from settlement.rules import call_requirements, set_rules
from settlement.scenario import Scenario
from tests.ledgers import credit, in_memory

BROKERS = ("B1", "B2", "B3", "B4", "B5", "B6")
SECURITIES = ("S1", "S2", "S3")
DAYS = (date(2024, 3, 14), date(2024, 3, 15), date(2024, 3, 18))
RATES = {"S1": 10_000, "S2": 20_000, "S3": 10_000, "EUR": 7_200_000}
PRICES = ({"S1": 12_000, "S2": 5_000, "S3": 3_000}, {"S1": 13_000, "S2": 4_000, "S3": 3_100})
Row = tuple[int, str, str, str, int, int]
FIRST: list[Row] = [
    (1, "B1", "B2", "S1", 10, 100_000),
    (2, "B3", "B2", "S2", 10, 50_000),
    (3, "B3", "B1", "S3", 10, 30_000),
    (4, "B1", "B3", "S2", 5, 25_000),
    (5, "B1", "B4", "S1", 7, 70_001),
    (6, "B6", "B2", "S2", 1, 5_000),
    (8, "B2", "B4", "S3", 4, 12_000),
]
UNAFFIRMED: list[Row] = [(7, "B1", "B4", "S2", 1, 5_000)]
OF_B5: list[Row] = [
    (21, "B5", "B1", "S1", 10, 300_000),
    (22, "B2", "B5", "S2", 10, 20_000),
    (23, "B5", "B3", "S3", 7, 90_000),
    (24, "B1", "B2", "S3", 100, 400_000),
]
ONE_SIDED: list[Row] = [(31, "B5", "B1", "S1", 1, 10_000)]


def scenario(**changes: Any) -> Scenario:
    """The scenario of these days."""
    roles = {"V": "EXCHANGE", "D": "DEPOSITORY", "B": "SETTLEMENT_BANK", "R": "REGULATOR", "P1": "PARTNER"}
    roles |= dict.fromkeys(BROKERS, "BROKER")
    fails = {"closing_after_days": 2, "securities_ppm": 10_000, "cash_ppm_per_year": RATES["EUR"]}
    return Scenario.model_validate(
        {
            "name": "outcomes",
            "description": "what did not settle",
            "venue": "V",
            "format": "canonical",
            "settlement_lag_days": 0,
            "seed": 0,
            "cash": {"currency": "EUR", "issuer": "B"},
            "institutions": tuple({"name": name, "roles": (role,)} for name, role in roles.items()),
            "securities": {"issuer": "D", "listing": "listed", "codes": SECURITIES},
            "fees": {
                "tiers": ({"up_to": None, "rate_ppm": 1_000},),
                "levy": {"rate_ppm": 100, "beneficiary": "R"},
            },
            "agreements": {"shares": ({"party": "P1", "share_ppm": 300_000},)},
            "opening": {"cover": "1.0"},
            "fails": fails | {"by_security": {"S2": 20_000}},
            "default_fund": {"margin_ppm": 10_000, "contribution_ppm": 5_000, "capital": "50.00"},
            "limits": ({"institution": "B2", "asset": "S3", "position": "103"},),
        }
        | changes
    )


def columns(rows: Sequence[Row], day: date) -> Trades:
    """Trades as intake makes them."""
    number, buyer, seller, security, quantity, amount = zip(*rows, strict=True)
    return Trades(
        trading_day=day,
        parties=BROKERS,
        securities=SECURITIES,
        number=np.array(number, dtype=np.uint32),
        time=np.full(len(rows), TIME_UNKNOWN),
        buyer=np.array([BROKERS.index(name) for name in buyer], dtype=np.int32),
        seller=np.array([BROKERS.index(name) for name in seller], dtype=np.int32),
        security=np.array([SECURITIES.index(code) for code in security], dtype=np.int32),
        quantity=np.array(quantity, dtype=np.uint64),
        amount=exact(list(amount)),
        line=np.arange(len(rows)),
    )


def enter(ledger: Ledger, rows: Sequence[Row], day: date, affirming: Sequence[str] = BROKERS) -> None:
    """Trades into the books and on the ledger, affirmed by some."""
    trades = columns(rows, day)
    ledger.shelf.enter(trades, source="a test")
    ledger._books = None
    ledger.enter(trades)
    for name in affirming:
        if any(name in row[1:3] for row in rows):
            ledger.affirm(name)


def opened(ledger: Ledger) -> Cycle:
    """The venue's next cycle."""
    cycle = Cycle(ledger.market, ledger.read, ledger.balances)
    cycle.open()
    return cycle


def give(ledger: Ledger, day: date, prices: dict[str, int]) -> None:
    """The venue's prices of a day, minor units for a unit."""
    given = {ledger.market.asset[code]: price * PRICE for code, price in prices.items()}
    ending.give_prices(ledger.market, day, given)


def say(ledger: Ledger, name: str, way: str, number: int, *more: object) -> None:
    """A side says something of a trade, at the contract."""
    for batch in ledger.read().batches.values():
        if number in batch.records.number:
            market = ledger.market
            at = [batch.position_of(number)]
            words = batch.header.as_tuple(), batch.words, at, *more
            market.clients.conditions.send(market.signers[name], way, *words)


def first_day(ledger: Ledger) -> None:
    """Everybody's money and securities, the rules, the trades; a part settles, the rest fails."""
    day = DAYS[0]
    held = {("B1", "EUR"): 500_000, ("B2", "EUR"): 100_000, ("B6", "EUR"): 10_000, ("B4", "S1"): 3}
    held |= {("B2", "S2"): 100, ("B3", "S2"): 5, ("B4", "S3"): 4, ("B4", "S2"): 1, ("B2", "S3"): 100}
    held |= {("B4", "EUR"): 1_000}
    credit(ledger, held, "day 1")
    set_rules(ledger.market, ledger.outcomes, ledger.shelf.deposit)
    enter(ledger, FIRST, day)
    enter(ledger, UNAFFIRMED, day, ("B1",))
    say(ledger, "B1", "hold", 4)
    for name in ("B1", "B4"):
        say(ledger, name, "allowPartial", 5, True)
    defaulting.suspend(ledger, "B6")
    cycle = opened(ledger)
    cycle.fill(lambda batch, row: ledger.outcomes.parts_allowed(batch.batch, row))
    give(ledger, day, PRICES[0])
    ending.fail(ledger.market, ledger.read(), ledger.outcomes.fails, day)
    cycle.close()


def second_day(ledger: Ledger) -> None:
    """What is owed is collected as far as it is there; all fails again and is compensated."""
    cycle = opened(ledger)
    ending.collect(ledger.market, ledger.outcomes.fails)
    ledger.read()
    give(ledger, DAYS[1], PRICES[1])
    ending.fail(ledger.market, ledger.read(), ledger.outcomes.fails, DAYS[1])
    cycle.close()
    ending.compensate(ledger.market, ledger.read(), ledger.outcomes.fails)


def third_day(ledger: Ledger) -> None:
    """Everything is collected; the fund calls, B1 takes out what it put in too much, and B5 defaults."""
    day, market = DAYS[2], ledger.market
    cash = {"B3": 60_000, "B5": 5_000, "B1": 10_000}
    credit(ledger, {(name, "EUR"): amount for name, amount in cash.items()}, "day 3")
    cycle = opened(ledger)
    ledger.read()
    ending.collect(market, ledger.outcomes.fails)
    cycle.close()
    enter(ledger, OF_B5, day)
    enter(ledger, ONE_SIDED, day, ("B5",))
    call_requirements(market, ledger.read())
    fund, b1 = market.clients.default_fund, market.signers["B1"]
    fund.deposit(b1, Purse.MARGIN, market.cash_asset, 700)
    fund.release(b1, Purse.MARGIN, market.cash_asset, 300)
    give(ledger, day, {"S1": 14_000, "S2": 4_500, "S3": 3_000})
    defaulting.default(ledger, "B5", day)
    ledger.read()


@contextmanager
def street(**changes: Any) -> Iterator[Ledger]:
    """A ledger before the first day."""
    with in_memory(scenario(**changes), DAYS[0]) as ledger:
        yield ledger


@cache
def told() -> tuple[Market, History, Outcomes]:
    """All three days, read; the chain is gone."""
    with street() as ledger:
        first_day(ledger)
        second_day(ledger)
        third_day(ledger)
        return ledger.market, ledger.read(), ledger.outcomes


def follow(said: Sequence[Event]) -> Outcomes:
    """Outcomes of the history with other events. Raises LedgerDisagrees."""
    market, history, _ = told()
    outcomes = Outcomes(market)
    outcomes.follow(replace(history, said=list(said)))
    return outcomes


def number(day: date) -> int:
    """A day as the ledger has it."""
    return day_number(day)
