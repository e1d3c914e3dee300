"""settlement.cycle by the gross models of DvP, on a chain.

given everything is there          ─ all settles, in one netting set, and verifies
given what later trades bring      ─ the order is found; what nothing brings waits, and says for what
given a party cannot pay           ─ model 1 waits for it, model 2 nets what it can
given the newest block is long ago ─ the cycle opens by the time it is
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from settlement import cycle
from settlement.verification import verify
from tests.independent import Trade
from tests.invariant.stage import Stage, build
from tests.unit.desk import DAY, FREE, desk_of, limited

CHAIN = [
    Trade(1, "B3", "B2", "S1", 5, 1_000),
    Trade(2, "B2", "B1", "S1", 5, 900),
    Trade(3, "B1", "B3", "S2", 1, 800),
    Trade(70_000, "B2", "B3", "S2", 1, 700),
]


@pytest.fixture(scope="module")
def built() -> Iterator[Stage]:
    found = build()
    yield found
    found.chain.close()


@pytest.fixture
def stage(built: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return limited(built, monkeypatch)


@pytest.mark.parametrize("model", [1, 2, 3])
def test_settle_given_everything_is_there_settles_all(stage: Stage, model: int) -> None:
    held = {(name, code): 9_000 for name in ("B1", "B2", "B3") for code in ("S1", "S2", "NPR")}
    desk = desk_of(stage, CHAIN, held=held)
    desk.record()
    desk.affirm()
    settled = desk.settle(model)
    assert settled.waiting == {}
    assert desk.settled() == [1, 2, 3, 70_000]
    assert {event["model"] for event in desk.read().netting_sets} == {model}
    verify(desk.market, desk.read())


@pytest.mark.parametrize("model", [1, 2])
def test_settle_given_what_later_trades_bring_finds_the_order(stage: Stage, model: int) -> None:
    cash = {(name, "NPR"): 5_000 for name in ("B1", "B2", "B3")}
    desk = desk_of(stage, CHAIN, FREE, held=cash | {("B1", "S1"): 5})
    desk.record()
    desk.affirm()
    settled = desk.settle(model)
    assert desk.settled() == [1, 2]
    assert set(settled.waiting) == {(DAY, 3), (DAY, 70_000)}
    assert settled.waiting[DAY, 3] == (("B3", "S2", 1),)
    assert (len(desk.read().netting_sets), settled.netting_sets) == (1, 1)
    verify(desk.market, desk.read())


@pytest.mark.parametrize(("model", "done"), [(1, []), (2, [1, 2])])
def test_settle_given_parties_pay_each_other_nets_cash_by_model_2(
    stage: Stage, model: int, done: list[int]
) -> None:
    trades = [Trade(1, "B1", "B2", "S1", 5, 1_000), Trade(2, "B2", "B1", "S2", 5, 1_000)]
    desk = desk_of(stage, trades, FREE, held={("B2", "S1"): 5, ("B1", "S2"): 5})
    desk.record()
    desk.affirm()
    settled = desk.settle(model)
    assert desk.settled() == done
    waiting = {} if done else {(DAY, 1): (("B1", "NPR", 1_000),), (DAY, 2): (("B2", "NPR", 1_000),)}
    assert settled.waiting == waiting
    verify(desk.market, desk.read())


def test_settle_given_the_newest_block_is_long_ago_opens_by_the_time_it_is(stage: Stage) -> None:
    held = {(name, code): 9_000 for name in ("B1", "B2", "B3") for code in ("S1", "S2", "NPR")}
    desk = desk_of(stage, CHAIN, held=held)
    desk.record()
    desk.affirm()
    stage.clock.seconds = stage.chain.block().timestamp + 2 * cycle.CYCLE_S
    now = stage.clock.seconds
    settled = cycle.settle(desk.market, desk.read, desk.balances, opens_at=now)
    assert (settled.netting_sets, desk.settled()) == (1, [1, 2, 3, 70_000])
    assert stage.chain.block().timestamp >= now
