"""Random days through the whole program: each invariant of README.md that one day can show.

A failure says its seed; `case(seed)` in cases.py makes that day again.
"""

from __future__ import annotations

import os

import pytest

from ledger import reverts
from ledger.clients.clearing_house import Slice, Status
from settlement.books import Book
from settlement.books.own_file import read_books
from settlement.day import Day, opening
from settlement.intake import parse_trades
from tests import independent
from tests.independent import Trade
from tests.invariant.cases import Case, case
from tests.invariant.stage import (
    DAY_NUMBER,
    Recorded,
    Stage,
    balances,
    full_state,
    light_state,
    pack,
    scenario_of,
    sums,
    supplies,
)

DAYS = int(os.environ.get("CLEARING_TEST_DAYS", "300"))
AT_ONCE = 25


@pytest.mark.parametrize("first", range(0, DAYS, AT_ONCE))
def test_random_days_keep_every_invariant(stage: Stage, first: int) -> None:
    for seed in range(first, min(first + AT_ONCE, DAYS)):
        try:
            one_day(stage, case(seed))
        except BaseException as error:
            error.add_note(f"seed {seed}: tests.invariant.cases.case({seed}) is the day")
            raise


def one_day(stage: Stage, case: Case) -> None:
    day = opened(stage, case)
    day.record()
    batches = recorded(day, case)
    check_numbers_are_used_once(day, case, batches)
    day.affirm()
    reasons = independent.plain_rule(case.rules, case.held, case.trades)
    if reasons:
        check_all_at_once_changes_nothing(stage, day, case, batches)
    day.settle()
    check_settlement(day, case, batches, reasons)
    check_nothing_settles_twice(stage, day, case, batches, reasons)
    day.reconcile()
    assert not day.breaks


def opened(stage: Stage, case: Case) -> Day:
    """The case's market, funded as the case says, with each broker's book."""
    market = stage.enter(case)
    data, scenario = case.csv(), scenario_of(case)
    intake = parse_trades(data, scenario, source=f"seed {case.seed}")
    assert not intake.rejects
    assert len(intake.trades) == len(case.trades)
    books = read_books(data, scenario, intake.trades.trading_day, ())
    plain = independent.opening(case.rules, case.trades, case.cover)
    assert _some(opening(intake, scenario)) == _some(plain)
    held = case.held
    market.issue(held, "opening")
    assert balances(market) == held
    for broker, book in books.items():
        own = {asset: amount for (name, asset), amount in held.items() if name == broker}
        books[broker] = Book(broker, book.trades, own)
    return Day(market, intake, books)


def _some(held: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    return {place: amount for place, amount in held.items() if amount}


def recorded(day: Day, case: Case) -> list[Recorded]:
    """The day's batches as the chain has them; their records are the case's trades, byte for byte."""
    by_number = {trade.number: trade for trade in case.trades}
    found = []
    for batch in day.read().batches.values():
        trades = tuple(by_number.pop(number) for number in batch.records.number.tolist())
        assert pack(day.market, trades) == (trades, batch.words)
        found.append(Recorded(batch.header, trades, batch.words, batch.batch_hash))
    assert not by_number
    return found


def state(day: Day, case: Case, batches: list[Recorded]) -> object:
    """What a refused call leaves as it was; all of it, which takes long, on every tenth day."""
    if case.seed % 10:
        return light_state(day.market, [batch.hash for batch in batches])
    parts = [(b.hash, len(b.trades), [t.number for t in b.trades]) for b in batches]
    return full_state(day.market, parts)


def check_numbers_are_used_once(day: Day, case: Case, batches: list[Recorded]) -> None:
    """Recording a batch again, whole or in part, is refused with its lowest number, and changes nothing."""
    house, market = day.market.clients.clearing_house, day.market
    before = state(day, case, batches)
    for batch in batches:
        for trades in (batch.trades, batch.trades[-1:]):
            lowest = min(trade.number for trade in trades)
            with pytest.raises(reverts.ClearingHouse_TradeNumberUsed) as refused:
                house.record(market.venue, batch.header, pack(market, trades)[1])
            assert refused.value.operands == {
                "venue": market.index["V"],
                "tradingDay": DAY_NUMBER,
                "tradeNo": lowest,
            }
    assert state(day, case, batches) == before


def check_all_at_once_changes_nothing(stage: Stage, day: Day, case: Case, batches: list[Recorded]) -> None:
    """Where not everything is covered, settling everything is refused for one of those who are short."""
    market, house = day.market, day.market.clients.clearing_house
    short = independent.short_of(case.rules, case.held, case.trades)
    snapshot = market.chain.snapshot()
    stage.open_cycle(market)
    before = state(day, case, batches)
    with pytest.raises(reverts.AssetRegister_BalanceOutOfRange) as refused:
        house.settle(market.venue, [batch.slice(t.number for t in batch.trades) for batch in batches])
    names = {index: name for name, index in market.index.items()}
    codes = {index: code for code, index in market.asset.items()}
    place = names[refused.value.institution], codes[refused.value.asset]
    assert refused.value.balance == case.held.get(place, 0)
    assert short[place] == -(refused.value.balance + refused.value.delta)
    assert state(day, case, batches) == before
    market.chain.restore(snapshot)


def check_settlement(
    day: Day, case: Case, batches: list[Recorded], reasons: dict[int, dict[tuple[str, str], int]]
) -> None:
    """What settled is what the plain rule leaves, and balances are what settling exactly that comes to."""
    market = day.market
    assert {
        number: {(name, asset): short for name, asset, short in shortages}
        for number, shortages in day.waiting.items()
    } == reasons
    settled: list[Trade] = []
    for batch in batches:
        said = day.read().batches[batch.hash].settled.tolist()
        settled += [trade for trade, is_settled in zip(batch.trades, said, strict=True) if is_settled]
        for position in range(0, len(batch.trades), max(1, len(batch.trades) // 5)):
            status = market.clients.clearing_house.status_of(batch.hash, position)
            assert status is (Status.SETTLED if said[position] else Status.PENDING)
    assert {trade.number for trade in settled} == {t.number for t in case.trades} - reasons.keys()
    outcome = independent.settle(case.rules, settled)
    after = balances(market)
    assert after == independent.closing(case.held, outcome.moved)
    assert min(after.values(), default=0) >= 0
    assert not any(name == "transit" for name, _ in after)
    assert sums(after) == sums(case.held) == supplies(market)
    for broker in case.brokers if case.rules.shares else ():
        agreement = market.clients.revenue.agreement(market.index[broker], market.cash_asset)
        assert agreement.total == outcome.commission[broker]
    for party, _ in case.rules.shares:
        floors = sum(
            earned * ppm // 10**6
            for earned in outcome.commission.values()
            for p, ppm in case.rules.shares
            if p == party
        )
        levy = sum(outcome.levy.values()) if party == case.rules.levy_to else 0
        assert after.get((party, case.rules.cash), 0) == floors + levy
    events = day.read().netting_sets
    assert len(events) == bool(settled)
    for event in events:
        assert (event["grossAmount"], event["netAmount"]) == (outcome.gross, outcome.net)
        charges = sum(outcome.commission.values()), sum(outcome.levy.values())
        assert (event["commission"], event["levy"]) == charges


def check_nothing_settles_twice(
    stage: Stage,
    day: Day,
    case: Case,
    batches: list[Recorded],
    reasons: dict[int, dict[tuple[str, str], int]],
) -> None:
    """A settled trade is refused with its number, alone or beside one that waits, and nothing changes."""
    market, house = day.market, day.market.clients.clearing_house
    snapshot = market.chain.snapshot()
    stage.open_cycle(market)
    before = state(day, case, batches)
    for batch in batches:
        done = [trade for trade in batch.trades if trade.number not in reasons]
        if not done:
            continue
        for chosen in ([done[0]], [*done[-1:], *(t for t in batch.trades if t.number in reasons)]):
            part: Slice = batch.slice(trade.number for trade in chosen)
            with pytest.raises(reverts.ClearingHouse_NotPending) as refused:
                house.settle(market.venue, [part])
            number = chosen[0].number
            assert refused.value.operands == {"tradeNo": number, "status": Status.SETTLED}
    assert state(day, case, batches) == before
    market.chain.restore(snapshot)
