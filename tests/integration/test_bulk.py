"""Many trades: transactions within a chain's limits, and no Python object a trade.

limits   ─ every transaction within them; one netting set where it fits, no more than are needed where not
memory   ─ from the file to reconciled books, objects alive at once are far fewer than trades
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from ledger.chain import Limits, LocalChain, Receipt, available
from settlement import sample
from settlement.cycle import Settled
from settlement.day import run
from settlement.intake import parse_trades
from settlement.liquidity import Search
from settlement.operations import Ledger
from settlement.scenario import load
from tests import independent
from tests.independent import SAMPLE, Place, Trade, read_canonical
from tests.ledgers import credit, in_memory, on_ledger, reasons_of
from tests.sharings import earned

pytestmark = pytest.mark.skipif("anvil" not in available(), reason="anvil is not installed; run `make setup`")
DAY = sample.TRADING_DAY
COUNT = int(os.environ.get("CLEARING_TEST_TRADES", "5000"))
MANY = max(100_000, 10 * COUNT)
GETH = Limits(2**24, 131_072)
"""A transaction's gas by EIP-7825, and the bytes that geth's pool takes."""
FEW = {"calldata and gas": GETH, "gas": Limits(2**22), "calldata": Limits(2**40, 50_000)}


@pytest.fixture(scope="module")
def data() -> bytes:
    return sample.generate(3, trades=COUNT)


@pytest.fixture(scope="module")
def trades(data: bytes) -> list[Trade]:
    return read_canonical(data)


@contextmanager
def recorded(
    data: bytes, monkeypatch: pytest.MonkeyPatch, limits: Limits | None
) -> Iterator[tuple[Ledger, int]]:
    """A ledger with the trades on a chain of these limits, and the block after which they are in force."""
    with in_memory(load("sample"), DAY) as ledger:
        if limits is not None:
            monkeypatch.setattr(LocalChain, "limits", limits)
        begun = ledger.market.chain.block().number
        intake = parse_trades(data, ledger.market.scenario, source="generated")
        ledger.record(intake, data, source="generated")
        yield ledger, begun


def check_within(ledger: Ledger, begun: int, limits: Limits) -> None:
    """Every transaction since: its gas from its receipt, its bytes as they were signed."""
    chain: Any = ledger.market.chain
    numbers = range(begun + 1, chain.block().number + 1)
    assert max(chain.journal.receipt(number).gas_used for number in numbers) <= limits.transaction_gas
    longest = max(len(chain.journal.entry(number).raw) for number in numbers)
    assert limits.transaction_bytes is None or longest <= limits.transaction_bytes


def settlements(ledger: Ledger) -> list[Receipt]:
    """The receipts of netting sets, in their order."""
    sets = {event.transaction for event in ledger.read().netting_sets}
    return [each for each in ledger.receipts["settle"] if each.transaction_hash in sets]


def plenty(trades: list[Trade]) -> dict[Place, int]:
    """More than any order of settling takes."""
    gross = {broker: 2 * sum(t.amount for t in trades if broker in (t.buyer, t.seller)) for broker in BROKERS}
    units = {code: sum(t.quantity for t in trades if t.security == code) for code in SECURITIES}
    held = {(broker, code): amount for broker in BROKERS for code, amount in units.items()}
    return held | {(broker, SAMPLE.cash): amount for broker, amount in gross.items()}


BROKERS = load("sample").brokers
SECURITIES = load("sample").securities.codes


@dataclass(frozen=True)
class End:
    """How a ledger ended: what of it must not depend on the chain's limits."""

    held: dict[Place, int]
    settled: set[int]
    earned: dict[int, int]
    breaks: int

    @classmethod
    def of(cls, done: Ledger) -> End:
        ledger = Ledger(done.market, done.shelf)  # which has read nothing yet
        history = ledger.read()
        numbers = [batch.records.number[batch.settled].tolist() for batch in history.batches.values()]
        return cls(
            on_ledger(ledger),
            {number for part in numbers for number in part},
            earned(history, ledger.market.cash_asset),
            len(ledger.reconcile().breaks),
        )


@pytest.fixture(scope="module")
def unlimited(data: bytes, trades: list[Trade]) -> End:
    """Where everybody holds plenty and one transaction can carry everything: checked against the file."""
    with pytest.MonkeyPatch.context() as nothing, recorded(data, nothing, None) as (ledger, _):
        held = plenty(trades)
        credit(ledger, held, "plenty")
        settled = ledger.settle()
        assert (settled.netting_sets, settled.waiting) == (1, {})
        end = End.of(ledger)
    assert end.settled == {trade.number for trade in trades}
    assert end.held == independent.closing(held, independent.settle(SAMPLE, trades).moved)
    assert end.breaks == 0
    return end


@pytest.mark.parametrize("limits", FEW.values(), ids=FEW)
def test_limits_given_plenty_is_held_end_as_without_them(
    data: bytes, trades: list[Trade], unlimited: End, monkeypatch: pytest.MonkeyPatch, limits: Limits
) -> None:
    with recorded(data, monkeypatch, limits) as (ledger, begun):
        credit(ledger, plenty(trades), "plenty")
        settled = ledger.settle()
        check_within(ledger, begun, limits)
        assert settled.waiting == {}
        check_no_more_sets_than_needed(ledger, settled, limits)
        assert End.of(ledger) == unlimited
        assert ledger.settle().receipts == []


def check_no_more_sets_than_needed(ledger: Ledger, settled: Settled, limits: Limits) -> None:
    """One more than as many as the calldata fills; where gas is what counts, two neighbours would not have
    been one, by what they used. (How much it will be is known from above only: by a third more.)"""
    sets = settlements(ledger)
    assert settled.netting_sets == len(sets) == len(ledger.read().netting_sets) > 1
    if limits.transaction_bytes is not None:
        assert len(sets) <= 1 + -(-32 * COUNT // limits.transaction_bytes)
        return
    for first, second in pairwise(sets):
        assert 4 * (first.gas_used + second.gas_used) > 3 * limits.transaction_gas


@pytest.mark.parametrize("limits", FEW.values(), ids=FEW)
def test_limits_given_the_day_is_funded_leave_nothing_waiting(
    data: bytes, trades: list[Trade], monkeypatch: pytest.MonkeyPatch, limits: Limits
) -> None:
    """Netted in parts a day takes more than netted at once, and is given it; never less."""
    opening = {place: n for place, n in independent.opening(SAMPLE, trades).items() if n}
    with recorded(data, monkeypatch, limits) as (ledger, begun):
        issued = ledger.fund()
        assert all(issued[place] >= amount for place, amount in opening.items())
        assert sum(issued.values()) > sum(opening.values())
        assert ledger.fund() == {}
        settled = ledger.settle()
        assert settled.waiting == {}
        check_no_more_sets_than_needed(ledger, settled, limits)
        check_within(ledger, begun, limits)
        end = End.of(ledger)
    assert (len(end.settled), end.breaks) == (COUNT, 0)
    assert end.held == independent.closing(issued, independent.settle(SAMPLE, trades).moved)


@pytest.mark.parametrize("limits", FEW.values(), ids=FEW)
def test_limits_given_only_what_the_whole_day_takes_at_once_leave_waiting_what_does_not_fit(
    data: bytes, trades: list[Trade], monkeypatch: pytest.MonkeyPatch, limits: Limits
) -> None:
    """Each with its reason; funded, they settle."""
    opening = {place: n for place, n in independent.opening(SAMPLE, trades).items() if n}
    with recorded(data, monkeypatch, limits) as (ledger, begun):
        credit(ledger, opening, "net")
        waiting = reasons_of(ledger.settle(Search(time_limit_s=0.5)).waiting, DAY)
        done = [trade for trade in trades if trade.number not in waiting]
        assert COUNT * 0.9 < len(done) < COUNT
        assert End.of(ledger).settled == {trade.number for trade in done}
        first = independent.settle(SAMPLE, done)
        held = independent.closing(opening, first.moved)
        assert on_ledger(ledger) == held
        check_none_fits(trades, held, waiting, first.commission)
        more = ledger.fund()
        assert ledger.settle().waiting == {}
        check_within(ledger, begun, limits)
        end = End.of(ledger)
    issued = {place: opening.get(place, 0) + more.get(place, 0) for place in {*opening, *more}}
    assert (len(end.settled), end.breaks) == (COUNT, 0)
    assert end.held == independent.closing(issued, independent.settle(SAMPLE, trades).moved)


def check_none_fits(
    trades: list[Trade],
    held: dict[Place, int],
    reasons: dict[int, dict[Place, int]],
    earned: dict[str, int],
) -> None:
    """Each waiting trade, settled by itself with what is held now, leaves one of its parties short."""
    ledger = independent.Ledger(SAMPLE, held, [], earned)
    for trade in trades:
        if trade.number in reasons:
            ledger.change(trade, 1)
            assert ledger.short(trade), f"{trade} would fit"
            ledger.change(trade, -1)


def test_day_given_limits_that_it_fits_is_one_netting_set(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real limits of a block hold all of it; nothing is split for the sake of batches."""
    small = b"\n".join(data.split(b"\n")[:2_001]) + b"\n"
    with recorded(small, monkeypatch, GETH) as (ledger, begun):
        ledger.fund()
        settled = ledger.settle()
        assert (settled.netting_sets, settled.waiting) == (1, {})
        check_within(ledger, begun, GETH)


@pytest.mark.parametrize("limits", [Limits(2**20), Limits(2**30, 2_000)], ids=["gas", "calldata"])
def test_issuing_and_listing_given_limits_take_several_transactions(
    data: bytes, monkeypatch: pytest.MonkeyPatch, limits: Limits
) -> None:
    few = b"\n".join(data.split(b"\n")[:301]) + b"\n"
    opening = {place: n for place, n in independent.opening(SAMPLE, read_canonical(few)).items() if n}
    with recorded(few, monkeypatch, None) as (ledger, _), monkeypatch.context() as tight:
        codes = [f"MORE{number}" for number in range(150)]
        begun = ledger.market.chain.block().number
        tight.setattr(LocalChain, "limits", limits)
        ledger.market.list_securities(codes)
        index = ledger.market.asset
        assert [index[code] - index[codes[0]] for code in codes] == list(range(150))
        issued = ledger.fund()
        check_within(ledger, begun, limits)
        assert len(ledger.receipts["fund"]) > 2
        assert on_ledger(ledger) == issued
        assert all(issued[place] >= amount for place, amount in opening.items())
        assert ledger.fund() == {}
        assert End.of(ledger).breaks == 0


class Watch:
    """Counts how many objects are alive, every half millisecond, while a block runs."""

    def __init__(self) -> None:
        self.most = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._count, daemon=True)

    def _count(self) -> None:
        while not self._stop.wait(0.0005):
            self.most = max(self.most, sys.getallocatedblocks())

    def __enter__(self) -> Watch:
        gc.collect()
        self._interval = sys.getswitchinterval()
        sys.setswitchinterval(0.0005)
        self.before = sys.getallocatedblocks()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        sys.setswitchinterval(self._interval)

    @property
    def more(self) -> int:
        return self.most - self.before


def test_watch_given_an_object_a_trade_sees_them() -> None:
    with Watch() as watch:
        assert sum(number for number in [10**6 + n for n in range(MANY)]) > 0
    assert watch.more > MANY * 0.9


def test_many_trades_from_file_to_reconciled_books_are_never_an_object_each() -> None:
    scenario = load("sample")
    small = sample.generate(5, trades=20, scenario=scenario)
    with in_memory(scenario, DAY) as ledger:  # loads what is loaded at the first use
        run(ledger, parse_trades(small, scenario, source="small"), small, source="small")
    data = sample.generate(5, trades=MANY, scenario=scenario)
    alive: dict[str, int] = {}
    with in_memory(scenario, DAY) as ledger:
        ledger.market.list_securities(scenario.securities.codes)
        with Watch() as watch:
            intake = parse_trades(data, scenario, source="generated", recorded=ledger.recorded_numbers)
        alive["intake"] = watch.more
        assert len(intake.trades) == MANY
        with Watch() as watch:
            ledger.record(intake, data, source="generated", affirm=False)
        alive["record"] = watch.more
        with Watch() as watch:
            assert ledger.affirm() == []
        alive["affirm"] = watch.more
        with Watch() as watch:
            ledger.fund()
        alive["fund"] = watch.more
        with Watch() as watch:
            settled = ledger.settle()
        alive["settle"] = watch.more
        assert (settled.waiting, settled.netting_sets) == ({}, 1)
        with Watch() as watch:
            assert not ledger.reconcile().breaks
        alive["reconcile"] = watch.more
        with Watch() as watch:
            again = Ledger(ledger.market, ledger.shelf)
            assert sum(int(batch.settled.sum()) for batch in again.read().batches.values()) == MANY
        alive["reading anew"] = watch.more
    assert {step: count for step, count in alive.items() if count > MANY // 10} == {}
