"""The cycle's steps by themselves: batches, what is chosen, what is settled. Affirming has a file of its own.

batches        ─ one page of numbers each, so many records at most, ordered by asset and number
choice         ─ neither settled nor disputed again; reasons by name and day
settlement     ─ one cycle, as many netting sets as the chain's limits ask for, until nothing more settles
interruptions  ─ a cycle that is open is used and closed; a pause is waited for; holdings that move count
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest

from ledger.chain import Limits
from ledger.clients.consortium import TRANSIT
from ledger.errors import Reverted
from ledger.units import MAX_AMOUNT
from settlement import cycle, entering, limits
from tests.independent import Rules, Trade
from tests.invariant.cases import PAGE, SECURITIES
from tests.invariant.stage import Stage, build
from tests.unit.desk import BROKERS, DAY, FREE, NEXT_DAY, desk_of, limited, plenty


@pytest.fixture(scope="module")
def built() -> Iterator[Stage]:
    found = build()
    yield found
    found.chain.close()


@pytest.fixture
def stage(built: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return limited(built, monkeypatch)


def test_batches_are_one_page_each_and_ordered(stage: Stage) -> None:
    numbers = [7, 3, PAGE - 1, PAGE, PAGE + 9, 5, 1, 2 * PAGE, 6, 2]
    trades = [Trade(n, "B1", "B2", f"S{n % 9 + 1}", 1, 500) for n in numbers]
    desk = desk_of(stage, trades)
    batches = entering.batches_of(desk.market, desk.days[DAY], largest=4)
    found = [records.number.tolist() for _, records in batches]
    assert sorted(n for part in found for n in part) == sorted(numbers)
    assert [{n // PAGE for n in part} for part in found] == [{0}, {0}, {1}, {2}]
    for _, records in batches:
        keys = list(zip(records.asset.tolist(), records.number.tolist(), strict=True))
        assert keys == sorted(keys)
        assert len(keys) <= 4
    entering.record(desk.market, batches)
    desk.affirm()
    settled = desk.settle()
    assert settled.waiting == {}
    assert settled.netting_sets == 1
    assert desk.settled() == sorted(numbers)


def test_batches_given_limits_have_no_more_records_than_fit_a_transaction(stage: Stage) -> None:
    desk = desk_of(stage, [Trade(n, "B1", "B2", "S1", 1, 500) for n in range(1, 301)])
    stage.chain.limits = Limits(30_000_000, 14_000)
    batches = entering.batches_of(desk.market, desk.days[DAY])
    largest = limits.records_limit(stage.chain.limits, len(desk.market.index))
    sizes = [len(records) for _, records in batches]
    assert 1 < largest < 300
    assert sum(sizes) == 300
    assert max(sizes) == largest


def test_batches_of_no_trades_are_none(stage: Stage) -> None:
    desk = desk_of(stage, [Trade(1, "B1", "B2", "S1", 1, 500)])
    assert entering.batches_of(desk.market, desk.days[DAY].take(np.zeros(0, dtype=np.int64))) == []


def test_affirm_given_small_limits_splits_and_settles_all_the_same(stage: Stage) -> None:
    """The chain refuses whatever needs more gas than the limit; every step keeps within."""
    names = [(a, b) for a in BROKERS for b in BROKERS if a != b]
    trades = [
        Trade(n, *names[n % len(names)], SECURITIES[n % 7], 1 + n % 5, 1_000 + n) for n in range(1, 401)
    ]
    desk = desk_of(stage, trades, held=plenty())
    stage.chain.limits = Limits(3_500_000, 14_000)
    desk.record()
    desk.affirm()
    assert len(desk.batches) > 1
    done = desk.settle()
    assert done.netting_sets > 1
    assert done.waiting == {}
    assert desk.settled() == list(range(1, 401))
    assert len(desk.read().netting_sets) == done.netting_sets == len(done.receipts) - 2
    assert desk.market.clients.clearing_house.call("cycleOf", desk.market.index["V"])[0] == 1


def test_settle_given_nothing_is_no_cycle(stage: Stage) -> None:
    desk = desk_of(stage, [Trade(1, "B1", "B2", "S1", 5, 500)])
    assert desk.settle() == cycle.Settled([], {}, 0)
    desk.record()
    assert desk.settle() == cycle.Settled([], {}, 0)
    desk.affirm()
    assert len(desk.settle().receipts) == 3
    assert desk.settle() == cycle.Settled([], {}, 0)
    assert desk.market.clients.clearing_house.call("cycleOf", 1)[0] == 1


def test_settle_given_a_trade_as_large_as_a_record_holds_goes_on(stage: Stage) -> None:
    """A record takes amounts up to 2^88 - 1. B1 has the money, or a unit less."""
    trades = [Trade(1, "B1", "B2", "S1", 1, MAX_AMOUNT), Trade(2, "B1", "B3", "S2", 1, 500)]
    for less in (0, 1):
        held = {("B1", "NPR"): MAX_AMOUNT + 500 - less, ("B2", "S1"): 1, ("B3", "S2"): 1}
        desk = desk_of(stage, trades, FREE, held=held)
        desk.record()
        desk.affirm()
        done = desk.settle()
        assert desk.settled() == ([1] if less else [1, 2])
        assert done.waiting == ({(DAY, 2): (("B1", "NPR", 1),)} if less else {})


def test_settle_given_amounts_whose_sum_exceeds_64_bits_settles(stage: Stage) -> None:
    desk = desk_of(stage, [Trade(n, "B1", "B2", "S1", 1, 2**86) for n in range(1, 4)], FREE)
    desk.record()
    desk.affirm()
    desk.settle()
    assert desk.settled() == [1, 2, 3]


def test_settle_given_more_batches_than_slices_takes_several_netting_sets(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page of trade numbers is a batch of its own; a settlement takes so many slices and no more."""
    monkeypatch.setattr(limits, "SLICES", 2)
    desk = desk_of(stage, [Trade(1 + n * PAGE, "B1", "B2", "S1", 1, 500) for n in range(5)])
    desk.record()
    desk.affirm()
    assert desk.settle().netting_sets == 3
    assert all(batch.settled.all() for batch in desk.batches)
    assert len(desk.read().netting_sets) == 3
    assert desk.market.clients.clearing_house.call("cycleOf", 1)[0] == 1


def test_settle_given_what_a_later_netting_set_brings_goes_round_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No trade is left out that would fit: B1 can pay for the first trade with what the second brings."""
    monkeypatch.setattr(limits, "SLICES", 1)
    trades = [Trade(1, "B1", "B2", "S1", 1, 500), Trade(1 + PAGE, "B3", "B1", "S2", 1, 500)]
    desk = desk_of(stage, trades, FREE)
    desk.record()
    desk.affirm()
    done = desk.settle()
    assert done.waiting == {}
    assert done.netting_sets == 2
    assert desk.settled() == [1, 1 + PAGE]


def test_settle_given_a_broker_that_did_not_affirm_holds_up_only_its_own_trades(stage: Stage) -> None:
    """Nobody can stop the market: what one broker withholds its word on waits, and all else settles."""
    trades = [
        Trade(1, "B1", "B2", "S1", 5, 500),
        Trade(2, "B2", "B3", "S2", 5, 500),
        Trade(3, "B1", "B2", "S3", 5, 500),
        Trade(4, "B3", "B1", "S4", 5, 500),
    ]
    desk = desk_of(stage, trades, held=plenty())
    desk.record()
    desk.affirm("B1", "B2")
    assert desk.settle().waiting == {}
    assert desk.settled() == [1, 3]


def test_settle_given_two_days_lets_the_later_wait_and_says_of_which_day_it_is(stage: Stage) -> None:
    """Of three trades for 500 B1 can pay two: those of the first day, though their numbers are higher."""
    first = [Trade(n, "B1", "B2", "S1", 1, 500) for n in (8, 9)]
    later = [Trade(1, "B1", "B2", "S1", 1, 500)]
    desk = desk_of(stage, first, FREE, later=later, held={("B1", "NPR"): 1_100, ("B2", "S1"): 3})
    desk.record()
    desk.affirm()
    assert desk.settle().waiting == {(NEXT_DAY, 1): (("B1", "NPR", 400),)}
    assert desk.settled() == [8, 9]


def test_settle_given_a_cycle_left_open_uses_and_closes_it(stage: Stage) -> None:
    desk = desk_of(stage, [Trade(1, "B1", "B2", "S1", 5, 500)])
    desk.record()
    desk.affirm()
    house, venue = desk.market.clients.clearing_house, desk.market.index["V"]
    house.open_cycle(desk.market.venue, stage.chain.block().timestamp + 60)
    done = desk.settle()
    assert (len(done.receipts), done.netting_sets) == (2, 1)
    assert desk.settled() == [1]
    number, _, is_open = house.call("cycleOf", venue)
    assert (number, is_open) == (1, False)


def test_settle_given_nothing_and_a_cycle_left_open_closes_it(stage: Stage) -> None:
    desk = desk_of(stage, [Trade(1, "B1", "B2", "S1", 5, 500)])
    house = desk.market.clients.clearing_house
    house.open_cycle(desk.market.venue, stage.chain.block().timestamp + 60)
    done = desk.settle()
    assert (len(done.receipts), done.netting_sets) == (1, 0)
    assert house.call("cycleOf", desk.market.index["V"])[2] is False


def test_settle_given_a_holding_moved_before_the_cycle_opens_chooses_anew(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B1 pays for both trades when the venue looks; before the cycle opens it gives part away. The first is
    all it can pay then, and the settlement is not refused."""
    trades = [Trade(1, "B1", "B2", "S1", 1, 500), Trade(2, "B1", "B2", "S1", 1, 500)]
    desk = desk_of(stage, trades, FREE)
    desk.record()
    desk.affirm()
    market = desk.market
    house, open_cycle = market.clients.clearing_house, market.clients.clearing_house.open_cycle

    def slowly(venue: object, deadline: int) -> object:
        register, index = market.clients.register, market.index
        register.transfer(market.signers["B1"], index["B1"], index["B3"], market.cash_asset, 1)
        return open_cycle(market.venue, deadline)

    monkeypatch.setattr(house, "open_cycle", slowly, raising=False)
    done = desk.settle()
    assert done.waiting == {(DAY, 2): (("B1", "NPR", 1),)}
    assert desk.settled() == [1]
    assert desk.balances().get((TRANSIT, market.cash_asset)) is None


def test_reopens_at_given_a_cycle_closed_says_when_the_next_may_open(stage: Stage) -> None:
    """After an hour's cycle the pause is an eighth of it; a second after a short one is no time to wait."""
    desk = desk_of(stage, [Trade(1, "B1", "B2", "S1", 5, 500)])
    market, house = desk.market, desk.market.clients.clearing_house
    assert cycle.reopens_at(market) == 0
    house.open_cycle(market.venue, stage.chain.block().timestamp + 7_200)
    assert cycle.reopens_at(market) == 0
    opened = stage.chain.block().timestamp
    stage.clock.seconds = opened + 3_600
    house.close_cycle(market.venue, market.index["V"])
    assert cycle.reopens_at(market) == opened + 3_600 + 450
    with pytest.raises(Reverted):
        house.open_cycle(market.venue, opened + 7_200)
    stage.clock.seconds = cycle.reopens_at(market)
    house.open_cycle(market.venue, opened + 7_200)
    house.close_cycle(market.venue, market.index["V"])
    assert cycle.reopens_at(market) == 0


def test_holdings_given_an_earlier_cycle_have_its_commission(stage: Stage) -> None:
    """Shares of the whole: 3 a day, a fifth of it given away, comes to 0 and then to 1."""
    rules = Rules(((None, 3_000),), 0, "R", (("P1", 200_000),))
    first, later = [Trade(1, "B1", "B2", "S1", 1, 1_000)], [Trade(1, "B1", "B2", "S1", 1, 1_000)]
    held = {("B1", "NPR"): 2_000, ("B2", "S1"): 2}
    desk = desk_of(stage, first, rules, later=later, held=held)
    days = desk.days
    for day in days:
        desk.days = {day: days[day]}
        desk.record()
        desk.affirm()
        done = desk.settle()
        assert done.waiting == ({} if day == DAY else {(NEXT_DAY, 1): (("B1", "NPR", 1),)})
    found = cycle.holdings_of(desk.market, desk.balances(), desk.read())
    totals = {payer: sharing.running[0].total for payer, sharing in found.sharing.items()}
    assert +Counter(totals) == {desk.market.index["B1"]: 3, desk.market.index["B2"]: 3}
    assert found.held[desk.market.index["B1"], cycle.CASH] == 1_000


def test_settlement_date_is_the_scenarios_lag_after_the_trading_day(stage: Stage) -> None:
    desk = desk_of(stage, [Trade(1, "B1", "B2", "S1", 5, 500)])
    desk.market.scenario = desk.market.scenario.model_copy(update={"settlement_lag_days": 11})
    ((header, _),) = entering.batches_of(desk.market, desk.days[DAY])
    assert header.trading_day == 20191121
    assert header.intended_settlement_date == int((DAY + timedelta(days=11)).strftime("%Y%m%d"))
