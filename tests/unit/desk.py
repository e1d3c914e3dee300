"""A market on a stage whose cycle a test goes through step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from eth_utils import keccak

from ledger.history import History, RecordedBatch, read
from ledger.records import Records
from ledger.units import TIME_UNKNOWN, exact
from settlement import cycle, entering
from settlement.books import Book
from settlement.market import Market
from settlement.model import Trades
from tests.independent import Rules, Trade, opening
from tests.invariant.cases import SECURITIES, Case
from tests.invariant.stage import Stage

RULES = Rules(((1_000, 500_000), (None, 100_000)), 1_000, "R", (("P1", 200_000), ("P2", 1)))
FREE = Rules(((None, 0),), 0, "R", ())
BROKERS = ("B1", "B2", "B3")
DAY, NEXT_DAY = date(2019, 11, 21), date(2019, 11, 22)


def limited(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The stage with the limits that a local chain has until the test sets others, which the engine then
    holds to."""
    monkeypatch.setattr(stage.chain, "limits", stage.chain.limits)
    monkeypatch.setattr(stage.chain, "gas_for", lambda *_: stage.chain.limits.transaction_gas)
    return stage


@dataclass
class Desk:
    """A market with everything that its trades take issued, and each broker's book of them."""

    stage: Stage
    market: Market
    days: dict[date, Trades]
    books: dict[str, Book]
    known: History = field(default_factory=History)

    def read(self) -> History:
        return read(self.market.clients, self.known)

    def balances(self) -> dict[tuple[int, int], int]:
        return self.market.clients.register.balances(self.read().movements.places())

    @property
    def batches(self) -> list[RecordedBatch]:
        return list(self.read().batches.values())

    def record(self, alter: Callable[[Records], Records] = lambda records: records) -> None:
        for trades in self.days.values():
            batches = entering.batches_of(self.market, trades)
            entering.record(self.market, [(header, alter(records)) for header, records in batches])

    def affirm(self, *names: str) -> None:
        books = {name: self.books[name] for name in names or self.books}
        entering.affirm(self.market, self.batches, books, self.market.venue)

    def settle(self, model: int = 3) -> cycle.Settled:
        self.stage.clock.seconds = max(
            self.stage.chain.block().timestamp, cycle.reopens_at(self.market), self.stage.clock.seconds
        )
        return cycle.settle(self.market, self.read, self.balances, model=model)

    def disputed(self) -> dict[int, set[str]]:
        names = {index: name for name, index in self.market.index.items()}
        return {n: {names[i] for i in who} for batch in self.batches for n, who in batch.disputed.items()}

    def settled(self) -> list[int]:
        return sorted(n for batch in self.batches for n in batch.records.number[batch.settled].tolist())


def columns(trades: Sequence[Trade], day: date = DAY) -> Trades:
    return Trades(
        trading_day=day,
        parties=BROKERS,
        securities=SECURITIES,
        number=np.array([t.number for t in trades], dtype=np.uint32),
        time=np.full(len(trades), TIME_UNKNOWN),
        buyer=np.array([BROKERS.index(t.buyer) for t in trades], dtype=np.int32),
        seller=np.array([BROKERS.index(t.seller) for t in trades], dtype=np.int32),
        security=np.array([SECURITIES.index(t.security) for t in trades], dtype=np.int32),
        quantity=np.array([t.quantity for t in trades], dtype=np.uint64),
        amount=exact([t.amount for t in trades]),
        line=np.arange(len(trades)),
    )


def own(trades: Trades, name: str) -> Trades:
    party = trades.parties.index(name)
    return trades.take((trades.buyer == party) | (trades.seller == party))


def desk_of(
    stage: Stage,
    trades: Sequence[Trade],
    rules: Rules = RULES,
    *,
    later: Sequence[Trade] = (),
    held: Mapping[tuple[str, str], int] | None = None,
) -> Desk:
    """With `held` issued, or else with what the trades take; `later` are trades of the next day."""
    market = stage.enter(Case(0, BROKERS, rules, tuple(trades), 10**6, ()))
    amounts = opening(rules, [*trades, *later], Fraction(1)) if held is None else held
    for issuer in ("D", "B"):
        part = {place: n for place, n in amounts.items() if n and (place[1] == "NPR") == (issuer == "B")}
        if part:
            market.issue(issuer, keccak(text=issuer), part)
    days = {DAY: columns(trades)} | ({NEXT_DAY: columns(later, NEXT_DAY)} if later else {})
    books = {name: Book(name, {day: own(rows, name) for day, rows in days.items()}) for name in BROKERS}
    return Desk(stage, market, days, books)


def plenty() -> dict[tuple[str, str], int]:
    return {(name, code): 10**9 for name in BROKERS for code in (*SECURITIES, "NPR")}
