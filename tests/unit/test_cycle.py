"""The cycle's steps by themselves: batches, affirmations from books, what is chosen, what is settled.

batches        ─ one page of numbers each, at most BATCH_RECORDS, ordered by asset and number
affirmation    ─ signed over the book's own records; exceptions where the book differs or is empty
choice         ─ neither settled nor disputed again; reasons by name
limits         ─ days that are more than one netting set or one call can take
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from ledger import history
from ledger.units import MAX_AMOUNT
from settlement import cycle
from settlement.books import Book
from settlement.books.own_file import read_books
from settlement.day import Day
from settlement.intake import parse_trades
from settlement.market import Market
from tests.independent import Rules, Trade
from tests.invariant.cases import PAGE, Case
from tests.invariant.stage import Stage, build, scenario_of

RULES = Rules(((1_000, 500_000), (None, 100_000)), 1_000, "R", (("P1", 200_000), ("P2", 1)))
BROKERS = ("B1", "B2", "B3")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    built = build()
    yield built
    built.chain.close()


def day_of(stage: Stage, trades: Sequence[Trade], rules: Rules = RULES) -> Day:
    """A day with these trades, everything covered, nothing recorded."""
    case = Case(0, BROKERS, rules, tuple(trades), 10**6, ())
    market, data = stage.enter(case), case.csv()
    intake = parse_trades(data, scenario_of(case), source="made up")
    assert not intake.rejects
    books = read_books(data, market.scenario, intake.trades.trading_day, ())
    day = Day(market, intake, books)
    day.fund()
    return day


def test_batches_are_one_page_each_and_ordered(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cycle, "BATCH_RECORDS", 4)
    numbers = [7, 3, PAGE - 1, PAGE, PAGE + 9, 5, 1, 2 * PAGE, 6, 2]
    trades = [Trade(n, "B1", "B2", f"S{n % 9 + 1}", 1, 500) for n in numbers]
    day = day_of(stage, trades)
    batches = [records for _, records in cycle.batches_of(day.market, day.intake.trades)]
    found = [records.number.tolist() for records in batches]
    assert sorted(n for part in found for n in part) == sorted(numbers)
    assert [{n // PAGE for n in part} for part in found] == [{0}, {0}, {1}, {2}]
    for records in batches:
        keys = list(zip(records.asset.tolist(), records.number.tolist(), strict=True))
        assert keys == sorted(keys)
        assert len(keys) <= 4
    day.record()
    day.affirm()
    day.settle()
    day.reconcile()
    assert not day.waiting
    assert not day.breaks
    assert len(day.read().netting_sets) == 1


def test_a_broker_whose_book_is_empty_excepts_what_names_it(stage: Stage) -> None:
    """The venue's record names B3, which did not trade: B3 does not agree, and nothing else is held up."""
    day = day_of(stage, [Trade(1, "B1", "B2", "S1", 5, 500), Trade(2, "B1", "B2", "S2", 5, 500)])

    def alter(records: cycle.Records) -> cycle.Records:
        records.seller[np.flatnonzero(records.number == 1)] = day.market.index["B3"]
        return records

    assert len(day.books["B3"].trades) == 0
    day.record(alter=alter)
    day.affirm()
    (batch,) = day.read().batches.values()
    index = day.market.index
    assert {n: set(who) for n, who in batch.disputed.items()} == {1: {index["B1"], index["B3"]}}


def test_all_of_a_brokers_records_may_be_exceptions(stage: Stage) -> None:
    day = day_of(stage, [Trade(1, "B1", "B2", "S1", 5, 500), Trade(2, "B3", "B2", "S2", 5, 500)])
    other = day.books["B1"]
    day.books["B1"] = Book("B1", day.books["B3"].trades, other.opening)
    day.record()
    day.affirm()
    (batch,) = day.read().batches.values()
    assert {n: set(who) for n, who in batch.disputed.items()} == {1: {day.market.index["B1"]}}
    day.settle()
    assert batch_of(day.market).settled.tolist() == [False, True]


def batch_of(market: Market) -> history.RecordedBatch:
    (batch,) = history.read(market.clients).batches.values()
    return batch


def test_nothing_to_settle_is_no_cycle(stage: Stage) -> None:
    day = day_of(stage, [Trade(1, "B1", "B2", "S1", 5, 500)])
    day.record()
    day.affirm()
    day.settle()
    day.settle()
    assert day.receipts["settle"] == []
    assert day.market.clients.clearing_house.call("cycleOf", 1)[0] == 1


def test_a_day_without_trades_goes_to_its_end(stage: Stage) -> None:
    trades = [Trade(1, "B1", "B2", "S1", 5, 500)]
    case = Case(0, BROKERS, RULES, tuple(trades), 10**6, ())
    market, data = stage.enter(case), case.csv().splitlines()[0] + b"\n"
    whole = parse_trades(case.csv(), market.scenario, source="one")
    intake = replace(whole, trades=whole.trades.take(np.zeros(0, dtype=np.int64)), rows=0)
    books = read_books(data, market.scenario, intake.trades.trading_day, ())
    day = Day(market, intake, books)
    for step in (day.fund, day.record, day.affirm, day.settle, day.reconcile):
        step()
    assert day.breaks == []
    assert day.read().batches == {}


def test_a_trade_as_large_as_a_record_holds_settles_or_waits_without_stopping_the_day(stage: Stage) -> None:
    """A record takes amounts up to 2^88 - 1."""
    free = Rules(((None, 0),), 0, "R", ())
    day = day_of(stage, [Trade(1, "B1", "B2", "S1", 1, MAX_AMOUNT), Trade(2, "B1", "B3", "S2", 1, 500)], free)
    day.record()
    day.affirm()
    day.settle()
    assert (
        2 in day.read().batches[next(iter(day.read().batches))].records.number[batch_of(day.market).settled]
    )


def test_a_day_of_the_largest_amounts_settles(stage: Stage) -> None:
    free = Rules(((None, 0),), 0, "R", ())
    trades = [Trade(n, "B1", "B2", "S1", 1, 2**86) for n in range(1, 4)]
    day = day_of(stage, trades, free)
    day.record()
    day.affirm()
    day.settle()
    assert batch_of(day.market).settled.all()
    day.reconcile()
    assert not day.breaks


def test_numbers_on_more_pages_than_a_settlement_has_slices_settle(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page of trade numbers is a batch of its own; a settlement takes so many slices and no more."""
    monkeypatch.setattr(cycle, "SLICES", 2)
    trades = [Trade(1 + n * PAGE, "B1", "B2", "S1", 1, 500) for n in range(5)]
    day = day_of(stage, trades)
    day.record()
    day.affirm()
    day.settle()
    assert all(batch.settled.all() for batch in day.read().batches.values())
    assert len(day.read().netting_sets) == 3


def test_what_a_later_netting_set_makes_possible_settles(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No trade is left out that would fit: B1 can pay for the first trade with what the second brings."""
    monkeypatch.setattr(cycle, "SLICES", 1)
    free = Rules(((None, 0),), 0, "R", ())
    day = day_of(stage, [Trade(1, "B1", "B2", "S1", 1, 500), Trade(1 + PAGE, "B3", "B1", "S2", 1, 500)], free)
    day.record()
    day.affirm()
    day.settle()
    assert all(batch.settled.all() for batch in day.read().batches.values())
    assert not day.waiting


def test_a_broker_that_did_not_affirm_holds_up_only_its_own_trades(stage: Stage) -> None:
    """Nobody can stop the market: what one broker withholds its word on waits, and all else settles."""
    trades = [
        Trade(1, "B1", "B2", "S1", 5, 500),
        Trade(2, "B2", "B3", "S2", 5, 500),
        Trade(3, "B1", "B2", "S3", 5, 500),
    ]
    day = day_of(stage, trades)
    day.record()
    (batch,) = day.read().batches.values()
    cycle.affirm(day.market, batch, {name: day.books[name] for name in ("B1", "B2")})
    day.settle()
    assert batch_of(day.market).settled.tolist() == [True, False, True]
