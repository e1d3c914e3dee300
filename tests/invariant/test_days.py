"""Random days through the whole program: each invariant of README.md that one day can show.

A failure says its seed; `case(seed)` in cases.py makes that day again.
"""

from __future__ import annotations

import datetime as dt
import os
from fractions import Fraction

import pytest

from ledger import reverts
from ledger.clients.clearing_house import Slice, Status
from settlement.books.shelf import Shelf
from settlement.intake import parse_trades
from settlement.liquidity import Search
from settlement.operations import Ledger
from tests import independent
from tests.independent import PPM, Place, Trade
from tests.invariant.cases import DAY, Case, case
from tests.invariant.kinds import CHOSEN, PAIRS, pairs
from tests.invariant.stage import (
    DAY_NUMBER,
    Recorded,
    Stage,
    balances,
    full_state,
    light_state,
    pack,
    sums,
    supplies,
)
from tests.ledgers import credit, on_ledger, reasons_of
from tests.quick import calls
from tests.sharings import commission_totals

SEEDS = range(int(os.environ["CLEARING_TEST_DAYS"])) if "CLEARING_TEST_DAYS" in os.environ else CHOSEN
AT_ONCE = 12
BRIEFLY = Search(time_limit_s=0.5)
TRADING_DAY = dt.date.fromisoformat(DAY)


def test_days_chosen_are_of_every_two_kinds_at_once() -> None:
    """As many as there are among the first 1,500 days; soaking takes those instead."""
    found = [pairs(case(seed)) for seed in CHOSEN]
    assert len(set[frozenset[str]]().union(*found)) == PAIRS
    assert len(CHOSEN) == len(set(CHOSEN))


@pytest.mark.parametrize("first", range(0, len(SEEDS), AT_ONCE))
def test_random_days_keep_every_invariant(stage: Stage, first: int) -> None:
    for seed in SEEDS[first : first + AT_ONCE]:
        try:
            one_day(stage, case(seed))
        except BaseException as error:
            error.add_note(f"seed {seed}: tests.invariant.cases.case({seed}) is the day")
            raise


def one_day(stage: Stage, case: Case) -> None:
    ledger = recorded_day(stage, case)
    batches = recorded(ledger, case)
    check_numbers_are_used_once(ledger, case, batches)
    assert ledger.affirm() == []
    check_funding(ledger, case)
    ledger = opened_again(ledger)
    credit(ledger, case.held, "opening")
    assert balances(ledger.market) == case.held
    by_rule = independent.plain_rule(case.rules, case.held, case.trades)
    if by_rule:
        check_all_at_once_changes_nothing(stage, ledger, case, batches)
    assert reasons_of(ledger.waiting(), TRADING_DAY) == by_rule
    done = ledger.settle(BRIEFLY)
    reasons = reasons_of(done.waiting, TRADING_DAY)
    independent.check_choice(case.rules, case.held, case.trades, reasons, done.upper_bound)
    check_settlement(ledger, case, batches, reasons)
    check_nothing_settles_twice(stage, ledger, case, batches, reasons)
    assert not ledger.reconcile().breaks
    if reasons:
        check_what_waited_settles_when_funded(ledger, case, reasons)


def recorded_day(stage: Stage, case: Case) -> Ledger:
    """The case's market with its trades recorded, and its books; nobody holds anything yet."""
    market = stage.enter(case)
    data = case.csv()
    intake = parse_trades(data, market.scenario, source=f"seed {case.seed}")
    assert not intake.rejects
    assert len(intake.trades) == len(case.trades)
    ledger = Ledger(market, Shelf())
    ledger.record(intake, data, source=f"seed {case.seed}", affirm=False)
    assert not balances(market)
    return ledger


def opened_again(ledger: Ledger) -> Ledger:
    """Another of the same market and shelf, which has read nothing yet."""
    return Ledger(ledger.market, ledger.shelf)


def check_funding(ledger: Ledger, case: Case) -> None:
    """What is issued is what the day takes from each broker, less what it holds; then it is taken back."""
    chain = ledger.market.chain
    plain, full = (_some(independent.opening(case.rules, case.trades, c)) for c in (case.cover, Fraction(1)))
    empty = chain.snapshot()
    assert ledger.fund() == plain
    assert on_ledger(ledger) == plain
    assert ledger.fund() == {}
    rest = {place: amount - plain.get(place, 0) for place, amount in full.items()}
    assert ledger.fund(PPM) == _some(rest)
    assert ledger.fund(PPM) == {}
    assert on_ledger(ledger) == full
    chain.restore(empty)


def _some(held: dict[Place, int]) -> dict[Place, int]:
    return {place: amount for place, amount in held.items() if amount}


def recorded(ledger: Ledger, case: Case) -> list[Recorded]:
    """The day's batches as the chain has them; their records are the case's trades, byte for byte."""
    by_number = {trade.number: trade for trade in case.trades}
    found = []
    for batch in ledger.read().batches.values():
        trades = tuple(by_number.pop(number) for number in batch.records.number.tolist())
        assert pack(ledger.market, trades) == (trades, batch.words)
        found.append(Recorded(batch.header, trades, batch.words, batch.batch_hash))
    assert not by_number
    return found


def state(ledger: Ledger, case: Case, batches: list[Recorded]) -> object:
    """What a refused call leaves as it was; all of it, which takes long, on every tenth day."""
    if case.seed % 10:
        return light_state(ledger.market, [batch.hash for batch in batches])
    parts = [(b.hash, len(b.trades), [t.number for t in b.trades]) for b in batches]
    return full_state(ledger.market, parts)


def check_numbers_are_used_once(ledger: Ledger, case: Case, batches: list[Recorded]) -> None:
    """Recording a batch again, whole or in part, is refused with its lowest number, and changes nothing."""
    house, market = ledger.market.clients.clearing_house, ledger.market
    before = state(ledger, case, batches)
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
    assert state(ledger, case, batches) == before


def check_all_at_once_changes_nothing(
    stage: Stage, ledger: Ledger, case: Case, batches: list[Recorded]
) -> None:
    """Where not everything is covered, settling everything is refused for one of those who are short."""
    market, house = ledger.market, ledger.market.clients.clearing_house
    short = independent.short_of(case.rules, case.held, case.trades)
    snapshot = market.chain.snapshot()
    stage.open_cycle(market)
    before = state(ledger, case, batches)
    with pytest.raises(reverts.AssetRegister_BalanceOutOfRange) as refused:
        house.settle(market.venue, 3, [batch.slice(t.number for t in batch.trades) for batch in batches])
    names = {index: name for name, index in market.index.items()}
    codes = {index: code for code, index in market.asset.items()}
    place = names[refused.value.institution], codes[refused.value.asset]
    assert refused.value.balance == case.held.get(place, 0)
    assert short[place] == -(refused.value.balance + refused.value.delta)
    assert state(ledger, case, batches) == before
    market.chain.restore(snapshot)


def check_settlement(
    ledger: Ledger, case: Case, batches: list[Recorded], reasons: dict[int, dict[Place, int]]
) -> None:
    """What settled is all that does not wait, and balances are what settling exactly that comes to."""
    market = ledger.market
    settled: list[Trade] = []
    for batch in batches:
        said = ledger.read().batches[batch.hash].settled.tolist()
        settled += [trade for trade, is_settled in zip(batch.trades, said, strict=True) if is_settled]
        some = range(0, len(batch.trades), max(1, len(batch.trades) // 5))
        statuses = calls(market.clients.clearing_house, "statusOf", [(batch.hash, n) for n in some])
        assert statuses == [Status.SETTLED if said[n] else Status.PENDING for n in some]
    assert {trade.number for trade in settled} == {t.number for t in case.trades} - reasons.keys()
    outcome = independent.settle(case.rules, settled)
    after = balances(market)
    assert after == independent.closing(case.held, outcome.moved)
    assert min(after.values(), default=0) >= 0
    assert not any(name == "transit" for name, _ in after)
    assert sums(after) == sums(case.held) == supplies(market)
    payers = case.brokers if case.rules.shares else ()
    assert commission_totals(market, payers) == {payer: outcome.commission[payer] for payer in payers}
    for party, _ in case.rules.shares:
        floors = sum(
            earned * ppm // 10**6
            for earned in outcome.commission.values()
            for p, ppm in case.rules.shares
            if p == party
        )
        levy = sum(outcome.levy.values()) if party == case.rules.levy_to else 0
        assert after.get((party, case.rules.cash), 0) == floors + levy
    events = ledger.read().netting_sets
    assert len(events) == bool(settled)
    for event in events:
        assert (event["grossAmount"], event["netAmount"]) == (outcome.gross, outcome.net)
        charges = sum(outcome.commission.values()), sum(outcome.levy.values())
        assert (event["commission"], event["levy"]) == charges


def check_nothing_settles_twice(
    stage: Stage,
    ledger: Ledger,
    case: Case,
    batches: list[Recorded],
    reasons: dict[int, dict[Place, int]],
) -> None:
    """A settled trade is refused with its number, alone or beside one that waits, and nothing changes."""
    market, house = ledger.market, ledger.market.clients.clearing_house
    snapshot = market.chain.snapshot()
    stage.open_cycle(market)
    before = state(ledger, case, batches)
    for batch in batches:
        done = [trade for trade in batch.trades if trade.number not in reasons]
        if not done:
            continue
        for chosen in ([done[0]], [*done[-1:], *(t for t in batch.trades if t.number in reasons)]):
            part: Slice = batch.slice(trade.number for trade in chosen)
            with pytest.raises(reverts.ClearingHouse_NotPending) as refused:
                house.settle(market.venue, 3, [part])
            number = chosen[0].number
            assert refused.value.operands == {"tradeNo": number, "status": Status.SETTLED}
    assert state(ledger, case, batches) == before
    market.chain.restore(snapshot)


def check_what_waited_settles_when_funded(
    ledger: Ledger, case: Case, reasons: dict[int, dict[Place, int]]
) -> None:
    """What is issued for those that wait is what they take, less what is held, whatever was earned before.

    Then all has settled, and it comes to what settling all at once would have come to.
    """
    rules, done = case.rules, [trade for trade in case.trades if trade.number not in reasons]
    rest = [trade for trade in case.trades if trade.number in reasons]
    first = independent.settle(rules, done)
    held = independent.closing(case.held, first.moved)
    now = independent.plain_rule(rules, held, rest, first.commission)
    assert reasons_of(ledger.waiting(), TRADING_DAY) == now
    taken = independent.opening(rules, rest, Fraction(1), first.commission)
    wanted = _some({place: max(0, amount - held.get(place, 0)) for place, amount in taken.items()})
    assert ledger.fund(PPM) == wanted
    assert ledger.settle().waiting == {}
    assert all(batch.settled.all() for batch in ledger.read().batches.values())
    issued = {place: case.held.get(place, 0) + wanted.get(place, 0) for place in {*case.held, *wanted}}
    outcome = independent.settle(rules, case.trades)
    assert balances(ledger.market) == independent.closing(issued, outcome.moved)
    assert sums(issued) == supplies(ledger.market)
    assert not ledger.reconcile().breaks
    assert (ledger.fund(PPM), ledger.settle().receipts) == ({}, [])
