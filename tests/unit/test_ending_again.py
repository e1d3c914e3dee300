"""settlement.rules, settlement.ending and settlement.defaulting: repeated, and gone on with after a part.

set_rules   ─ again: nothing; after the venue's word alone: in force; with outcomes from before: capital once
give_prices ─ again: nothing; after some: the others
fail        ─ again: nothing; after some: the others, each once
collect     ─ again: nothing is owed; after some: the others
compensate  ─ again: nothing; after some: the others, each once
end         ─ again, and after any part of it: what it comes to at once
default     ─ again: nothing; after any part of it: what it comes to at once
decide      ─ after the venue's word alone: decided
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from ledger.clients.clearing_house import Status
from ledger.ids import day_number
from settlement import defaulting, ending
from settlement.conditions import Word, say
from settlement.operations import Ledger
from settlement.penalties import PRICE
from settlement.rules import set_rules
from tests.ledgers import credit
from tests.unit.outcome_history import DAYS, OF_B5, ONE_SIDED, Row, enter, opened, street

DAY = DAYS[0]
SHORT: list[Row] = [
    (1, "B1", "B2", "S1", 10, 100_000),
    (2, "B3", "B2", "S2", 10, 50_000),
    (3, "B3", "B1", "S3", 10, 30_000),
]
"""1 and 3 lack securities, 2 and 3 money."""


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """Three trades that cannot settle, while who is short has something to pay penalties with."""
    with street() as found:
        credit(found, {("B1", "EUR"): 120_000, ("B2", "EUR"): 9_000, ("B2", "S2"): 10}, "given")
        enter(found, SHORT, DAY)
        yield found


@pytest.fixture
def empty() -> Iterator[Ledger]:
    with street() as found:
        yield found


def height(ledger: Ledger) -> int:
    return ledger.market.chain.block().number


def rules(ledger: Ledger) -> list[Any]:
    return set_rules(ledger.market, ledger.outcomes, ledger.shelf.deposit)


def fail(ledger: Ledger) -> list[Any]:
    return ending.fail(ledger.market, ledger.read(), ledger.outcomes.fails, DAY)


def prices(ledger: Ledger) -> list[Any]:
    return ending.give_prices(ledger.market, DAY, ending.closing_prices(ledger.read(), DAY))


def end(ledger: Ledger, day: Any = DAY) -> list[Any]:
    return ending.end(ledger.market, ledger.read, ledger.balances, ledger.outcomes.fails, day)


def only(ledger: Ledger, number: int) -> tuple[Any, ...]:
    """The batch of a trade as a call has it, and its position."""
    for batch in ledger.read().batches.values():
        if number in batch.records.number:
            return batch.header, batch.words, [batch.position_of(number)]
    raise AssertionError(number)


def rates_of(ledger: Ledger) -> list[int]:
    return [
        ledger.market.clients.fails.call("penaltyRateOf", asset) for asset in ledger.market.asset.values()
    ]


def test_set_rules_given_they_are_in_force_sends_nothing(empty: Ledger) -> None:
    assert rules(empty)
    empty.read()
    before = height(empty)
    assert rules(empty) == []
    assert height(empty) == before


def test_set_rules_given_the_word_of_the_venue_alone_puts_them_in_force(empty: Ledger) -> None:
    market = empty.market
    market.clients.fails.set_closing_after(market.venue, 2)
    for asset, rate in ((1, 10_000), (2, 20_000)):
        market.clients.fails.set_penalty_rate(market.venue, asset, rate)
    regulator = market.signers["R"]
    market.clients.fails.set_penalty_rate(regulator, 3, 10_000)
    market.clients.default_fund.set_rates(market.venue, market.cash_asset, 10_000, 5_000)
    empty.read()
    rules(empty)
    empty.read()
    assert market.clients.fails.call("closingAfter") == 2
    assert sorted(rates_of(empty)) == [10_000, 10_000, 20_000, 7_200_000]
    assert rules(empty) == []
    # Nobody's word is left over: one of them alone changes nothing.
    market.clients.fails.set_penalty_rate(market.venue, 3, 1)
    assert sorted(rates_of(empty)) == [10_000, 10_000, 20_000, 7_200_000]


def test_set_rules_given_outcomes_from_before_takes_no_capital_twice(empty: Ledger) -> None:
    market = empty.market
    rules(empty)
    market.issue("B", b"\1" * 32, {("V", "EUR"): 9_000})
    rules(empty)
    empty.read()
    assert empty.balances()[market.index["V"], market.cash_asset] == 9_000
    assert empty.balances()[market.index["DEFAULT FUND"], market.cash_asset] == 5_000


def test_set_rules_given_the_capital_was_credited_only_deposits_it(empty: Ledger) -> None:
    market = empty.market
    note: dict[bytes, Any] = {}
    fund = market.clients.default_fund
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(fund), "deposit", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            set_rules(market, empty.outcomes, note.__setitem__)
    empty.read()
    set_rules(market, empty.outcomes, note.__setitem__)
    assert len(note) == 1
    assert empty.balances() == {(market.index["DEFAULT FUND"], market.cash_asset): 5_000}


def test_give_prices_given_some_gives_the_others_and_then_none(ledger: Ledger) -> None:
    venue, cash = ledger.market.venue, ledger.market.cash_asset
    ledger.market.clients.fails.set_prices(venue, day_number(DAY), cash, {1: 7 * PRICE})
    assert len(prices(ledger)) == 1
    assert prices(ledger) == []
    ledger.read()
    found = {key[3]: price for key, price in ledger.outcomes.fails.prices.items()}
    assert found == {1: 7 * PRICE, 2: 5_000 * PRICE, 3: 3_000 * PRICE}


def test_fail_given_some_failed_records_the_others_each_once(ledger: Ledger) -> None:
    cycle = opened(ledger)
    prices(ledger)
    market = ledger.market
    market.clients.fails.fail(market.venue, day_number(DAY), *only(ledger, 2))
    for _ in range(3):
        fail(ledger)
        ledger.read()
    cycle.close()
    assert sorted(each.trade[1] for each in ledger.outcomes.fails.failed) == [1, 2, 3]
    before = height(ledger)
    assert fail(ledger) == []
    assert height(ledger) == before


def test_collect_given_some_is_paid_collects_the_others_each_once(ledger: Ledger) -> None:
    end(ledger)
    market, fails = ledger.market, ledger.outcomes.fails
    credit(ledger, {("B3", "EUR"): 5_000}, "later")
    cycle = opened(ledger)
    owed = fails.due(market.index["V"], market.cash_asset)
    market.clients.fails.collect(market.venue, market.cash_asset, [next(iter(owed))])
    for _ in range(3):
        ending.collect(market, fails)
        ledger.read()
    cycle.close()
    assert {key[2:]: amount for key, amount in fails.paid} == owed
    assert len(fails.paid) == len(owed)
    assert fails.due(market.index["V"], market.cash_asset) == {}
    assert ending.collect(market, fails) == []


def test_compensate_given_some_are_closed_closes_the_others_each_once(ledger: Ledger) -> None:
    end(ledger)
    market = ledger.market
    cycle = opened(ledger)
    ending.give_prices(market, DAYS[1], ending.closing_prices(ledger.read(), DAYS[1]))
    ending.fail(market, ledger.read(), ledger.outcomes.fails, DAYS[1])
    cycle.close()
    ledger.read()
    market.clients.fails.compensate(market.venue, day_number(DAYS[1]), *only(ledger, 3))
    for _ in range(3):
        ending.compensate(market, ledger.read(), ledger.outcomes.fails)
    ledger.read()
    assert sorted(each.trade[1] for each in ledger.outcomes.fails.compensated) == [1, 2, 3]
    assert end(ledger, DAYS[2])  # a cycle, in which what is owed is collected
    assert len(ledger.outcomes.fails.failed) == 6


@pytest.mark.parametrize("part", range(5))
def test_end_given_it_was_interrupted_comes_to_the_same(ledger: Ledger, part: int) -> None:
    """After the cycle was opened, the prices, one fail, all fails, the cycle's end."""
    market = ledger.market
    cycle = opened(ledger)
    if part >= 1:
        prices(ledger)
    if part == 2:
        market.clients.fails.fail(market.venue, day_number(DAY), *only(ledger, 1))
    if part >= 3:
        fail(ledger)
    if part >= 4:
        cycle.close()
    for _ in range(2):
        end(ledger)
    fails = ledger.outcomes.fails
    assert ledger.read().open_cycles == {}
    assert sorted((each.trade[1], each.failed_days) for each in fails.failed) == [(1, 1), (2, 1), (3, 1)]
    assert sorted(amount for each in fails.failed for _, _, amount in each.penalties) == [
        300,
        600,
        1_000,
        1_000,
    ]


def test_end_given_days_one_after_the_other_counts_each_once(ledger: Ledger) -> None:
    for day in (DAY, DAY, DAYS[1], DAYS[1], DAYS[1]):
        end(ledger, day)
    fails = ledger.outcomes.fails
    assert sorted((e.trade[1], e.failed_days) for e in fails.failed) == [
        (n, d) for n in (1, 2, 3) for d in (1, 2)
    ]
    assert sorted(each.trade[1] for each in fails.compensated) == [1, 2, 3]
    assert {int(status) for b in ledger.read().batches.values() for status in b.status} == {
        Status.COMPENSATED
    }


PARTS = (
    "nothing",
    "suspended",
    "prices",
    "half declared",
    "declared",
    "half closed out",
    "closed out",
    "half over",
)


@pytest.mark.parametrize("part", PARTS)
def test_default_given_it_was_interrupted_comes_to_the_same(empty: Ledger, part: str) -> None:
    """B5 owes B1 and B2; half of a thing is what the venue does without the regulator."""
    ledger, market, fund = empty, empty.market, empty.market.clients.default_fund
    credit(ledger, {(name, "EUR"): 10_000 for name in ("B1", "B2", "B3", "B5")}, "given")
    enter(ledger, [(11, "B2", "B5", "S1", 1, 14_000)], DAY)
    enter(ledger, OF_B5, DAYS[1])
    enter(ledger, ONE_SIDED, DAYS[1], ("B5",))
    day, index, cash = DAYS[1], market.index["B5"], market.cash_asset
    done = PARTS.index(part)
    declaration = index, cash, day_number(day)
    if done >= 1:
        defaulting.suspend(ledger, "B5")
    if done >= 2:
        ending.give_prices(market, day, ending.closing_prices(ledger.read(), day))
    if done >= 3:
        fund.declare_default(market.venue, *declaration)
    if done >= 4:
        fund.declare_default(market.signers["R"], *declaration)
    if done >= 5:
        for batch in ledger.read().batches.values():
            rows = np.flatnonzero((batch.records.buyer == index) | (batch.records.seller == index)).tolist()
            rows = rows[:1] if done == 5 else rows
            fund.close_out(market.venue, 1, batch.header, batch.words, rows)
    if done >= 7:
        fund.finish(market.venue, 1, fund.default_of(1).loss)
    ledger.read()
    assert defaulting.default(ledger, "B5", day)
    ledger.read()
    balances, before = ledger.balances(), height(ledger)
    (default,) = ledger.outcomes.defaults.by_id.values()
    assert default.waterfall is not None
    # By the last price of each security, which are 10,000, 2,000 and 4,000: 21 costs B1 nothing but 200,000.
    assert default.claims == {market.index["B1"]: 200_000, market.index["B2"]: 0, market.index["B3"]: 62_000}
    assert sorted(trade for _, trade, _ in default.closed_out) == [11, 21, 22, 23, 31]
    assert defaulting.default(ledger, "B5", day) == []
    assert (ledger.balances(), height(ledger), fund.call("defaultCount")) == (balances, before, 1)


def test_suspend_and_reinstate_given_it_is_so_send_nothing(empty: Ledger) -> None:
    assert defaulting.reinstate(empty, "B5") == []
    assert len(defaulting.suspend(empty, "B5")) == 1
    assert defaulting.suspend(empty, "B5") == []
    assert len(defaulting.reinstate(empty, "B5")) == 1
    assert defaulting.reinstate(empty, "B5") == []


@pytest.mark.parametrize("first", ["V", "R"])
def test_decide_given_the_word_of_one_alone_is_decided_by_both(ledger: Ledger, first: str) -> None:
    say(ledger, Word.DISPUTE, DAY, [1, 2], "B2")
    say(ledger, Word.FALLS, DAY, [1], first)
    say(ledger, Word.FALLS, DAY, [1, 2])
    (batch,) = ledger.read().batches.values()
    standing = dict(zip(batch.records.number.tolist(), batch.status.tolist(), strict=True))
    assert standing == {1: Status.CANCELLED, 2: Status.CANCELLED, 3: Status.PENDING}
