"""Ledgers in memory, step by step, and what lies on one by the names of the business."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from eth_utils import keccak

from ledger.chain import connect, default_engine
from ledger.clock import SteppedClock
from ledger.records import Records
from settlement.books import Book
from settlement.books.own_file import read_file
from settlement.books.shelf import Shelf
from settlement.choosing import Waiting
from settlement.day import opens_at
from settlement.market import establish
from settlement.model import Intake
from settlement.operations import Ledger
from settlement.reconciliation.model import Break
from settlement.reconciliation.running import Reconciled
from settlement.scenario import Scenario
from tests.independent import Place


@contextmanager
def in_memory(scenario: Scenario, trading_day: dt.date, *, engine: str | None = None) -> Iterator[Ledger]:
    """The scenario's market on a chain that ends with the block, its clock at the day's opening."""
    clock = SteppedClock(opens_at(trading_day))
    with connect(engine or default_engine(), clock=clock) as chain:
        yield Ledger(establish(chain, scenario), Shelf(), clock=clock)


def instructions(
    scenario: Scenario, held: Mapping[Place, int], reference: str
) -> Iterator[tuple[str, bytes, dict[Place, int]]]:
    """What issues these amounts: issuer, reference and its part of them, for each that has one."""
    for issuer in (scenario.securities.issuer, scenario.cash.issuer):
        rows = {
            (name, asset): amount
            for (name, asset), amount in held.items()
            if (asset == scenario.cash.currency) == (issuer == scenario.cash.issuer)
        }
        if rows:
            yield issuer, bytes(keccak(text=f"{reference}/{issuer}")), rows


def credit(ledger: Ledger, held: Mapping[Place, int], reference: str) -> None:
    """Issue these amounts, and tell the institutions' own records."""
    for issuer, key, rows in instructions(ledger.market.scenario, held, reference):
        ledger.shelf.deposit(key, rows)
        ledger.market.issue(issuer, key, rows)


class Found(NamedTuple):
    """What a break of a book says: each field as the book and as the ledger have it."""

    institution: str
    level: str
    reason: str
    subject: str
    fields: dict[str, tuple[object, object]]
    trading_day: dt.date | None = None


def found(each: Break) -> Found:
    fields = {name: (values["book"], values["ledger"]) for name, values in each.fields.items()}
    return Found(each.institution, each.level, each.reason, each.subject, fields, each.trading_day)


@dataclass
class Day:
    """A day on a ledger. What a step has found stays here."""

    ledger: Ledger
    intake: Intake
    data: bytes
    waiting: Waiting | None = None
    found: Reconciled | None = None

    @property
    def books(self) -> dict[str, Book]:
        return self.ledger.books

    @property
    def breaks(self) -> list[Found]:
        assert self.found is not None
        return [found(each) for each in self.found.breaks]

    def record(self, alter: Callable[[Records], Records] | None = None) -> None:
        self.ledger.record(self.intake, self.data, source="a day", affirm=False, alter=alter)

    def affirm(self) -> None:
        self.ledger.affirm()

    def settle(self) -> None:
        self.waiting = self.ledger.settle().waiting

    def reconcile(self) -> None:
        self.found = self.ledger.reconcile()


def on_ledger(ledger: Ledger) -> dict[Place, int]:
    """Every balance by names; the transit account's would be there as that of "transit"."""
    names = {0: "transit"} | {index: name for name, index in ledger.market.index.items()}
    codes = {index: code for code, index in ledger.market.asset.items()}
    return {(names[holder], codes[asset]): amount for (holder, asset), amount in ledger.balances().items()}


def reasons_of(
    waiting: Mapping[tuple[dt.date, int], tuple[tuple[str, str, int], ...]], day: dt.date
) -> dict[int, dict[Place, int]]:
    """What trades of the one `day` wait for: number → place → how much is short there."""
    assert {each for each, _ in waiting} <= {day}
    return {
        number: {(name, asset): short for name, asset, short in shortages}
        for (_, number), shortages in waiting.items()
    }


def read_books(
    data: bytes, scenario: Scenario, trading_day: dt.date, refused: Collection[int]
) -> dict[str, Book]:
    """Each broker's book of the day, from the bytes of the trade file; `refused` are line numbers.

    Every broker of the scenario has one, an empty one where it did not trade.
    """
    trades = read_file(data, scenario, trading_day, refused)
    return {
        broker: Book(
            broker, {trading_day: trades.take(np.flatnonzero((trades.buyer == i) | (trades.seller == i)))}
        )
        for i, broker in enumerate(scenario.brokers)
    }
