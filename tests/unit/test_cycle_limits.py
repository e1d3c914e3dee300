"""settlement.cycle where limits bind: what a party may hold, and what a day may take from it.

given a position limit ─ by models 1, 2 and 3 as many settle as may be, and the contract takes it
                       ─ a small purchase that was left out for a large one settles in the sweep
given an exposure      ─ a day takes no more, over several cycles
given no limit         ─ the sweep settles what fits by itself in any order, and opens no cycle for nothing
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger.clients.limits import NONE
from settlement.cycle import Cycle
from settlement.liquidity import Search
from settlement.verification import verify
from tests.independent import Trade
from tests.invariant.stage import Stage, build
from tests.unit.desk import FREE, Desk, desk_of, limited, plenty

BUYS = [
    Trade(1, "B1", "B2", "S1", 500, 1_000),
    Trade(2, "B1", "B3", "S1", 50, 900),
    Trade(3, "B1", "B3", "S1", 30, 800),
    Trade(4, "B3", "B2", "S2", 70, 700),
]


@pytest.fixture(scope="module")
def built() -> Iterator[Stage]:
    found = build()
    yield found
    found.chain.close()


@pytest.fixture
def stage(built: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return limited(built, monkeypatch)


def limit(desk: Desk, name: str, asset: str, *, position: int = NONE, exposure: int = NONE) -> None:
    market = desk.market
    for by in ("V", "R"):
        place = market.index[name], market.asset[asset]
        market.clients.limits.set_limit(market.signers[by], *place, position, exposure)


def entered(stage: Stage, trades: list[Trade], held: dict[tuple[str, str], int]) -> Desk:
    desk = desk_of(stage, trades, FREE, held=held)
    desk.record()
    desk.affirm()
    return desk


def without(held: dict[tuple[str, str], int], *places: tuple[str, str]) -> dict[tuple[str, str], int]:
    return {place: amount for place, amount in held.items() if place not in places}


def cycle_of(desk: Desk) -> Cycle:
    return Cycle(desk.market, desk.read, desk.balances)


@pytest.mark.parametrize("model", [1, 2, 3])
def test_settle_given_a_position_limit_keeps_to_it(stage: Stage, model: int) -> None:
    desk = entered(stage, BUYS, without(plenty(), ("B1", "S1")))
    limit(desk, "B1", "S1", position=100)
    cycle = cycle_of(desk)
    cycle.settle(Search(), model)
    cycle.sweep()
    cycle.close()
    verify(desk.market, desk.read())
    assert desk.settled() == [2, 3, 4]
    assert desk.balances()[desk.market.index["B1"], desk.market.asset["S1"]] == 80


@pytest.mark.parametrize("model", [1, 2, 3])
def test_settle_given_more_is_held_than_may_be_buys_nothing(stage: Stage, model: int) -> None:
    """What is sold still is."""
    trades = [*BUYS, Trade(5, "B2", "B1", "S1", 10, 5)]
    desk = entered(stage, trades, plenty())
    limit(desk, "B1", "S1", position=100)
    cycle = cycle_of(desk)
    cycle.settle(Search(), model)
    cycle.sweep()
    cycle.close()
    assert desk.settled() == [4, 5]


@pytest.mark.parametrize("model", [1, 2, 3])
def test_settle_given_an_exposure_takes_no_more_in_a_day(stage: Stage, model: int) -> None:
    desk = entered(stage, BUYS, plenty())
    limit(desk, "B1", "NPR", exposure=1_800)
    for _ in range(2):
        cycle = cycle_of(desk)
        cycle.settle(Search(), model)
        cycle.sweep()
        cycle.close()
    verify(desk.market, desk.read())
    paid = sum(trade.amount for trade in BUYS if trade.buyer == "B1" and trade.number in desk.settled())
    assert paid <= 1_800
    assert 4 in desk.settled()
    assert paid in (1_000 + 800, 900 + 800)
    assert desk.market.clients.limits.taken_of(desk.market.index["B1"], desk.market.cash_asset) == paid


def test_sweep_given_each_pays_the_next_settles_all_in_whatever_order(stage: Stage) -> None:
    """By number none but the last fits at first."""
    trades = [
        Trade(1, "B1", "B2", "S1", 5, 800),
        Trade(2, "B3", "B1", "S2", 5, 900),
        Trade(3, "B2", "B3", "S1", 5, 1_000),
    ]
    held = {("B2", "NPR"): 1_000, ("B3", "S1"): 5, ("B1", "S2"): 5}
    desk = entered(stage, trades, held)
    cycle = cycle_of(desk)
    cycle.sweep()
    cycle.close()
    assert desk.settled() == [1, 2, 3]
    assert {event["model"] for event in desk.read().netting_sets} == {1}
    verify(desk.market, desk.read())


def test_sweep_given_nothing_fits_opens_no_cycle(stage: Stage) -> None:
    desk = entered(stage, BUYS, {})
    cycle = cycle_of(desk)
    cycle.sweep()
    assert (cycle.receipts, cycle.is_open, desk.settled()) == ([], False, [])
