"""check(movements), allows(institution, asset, delta), and settlements under limits.

when the caller is not the clearing house       ─ refused, whoever it is
given a position                                ─ what it may hold at most; giving is never refused
given an exposure                               ─ what a day may take at most; what it brings lowers it, over
                                                  several settlements; the next day starts anew
given the asset is cash                         ─ price, levy and revenue shares all count
given the asset moves both ways in one list     ─ its net counts in models 2 and 3, each step in model 1
given limits of others, of neighbours in a slot, or of another asset ─ nothing changes
when limits are drawn at random (property)      ─ refused exactly where the book says, and `allows` agrees
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import reverts
from ledger.clients.limits import NONE, Limits
from ledger.errors import Reverted
from tests.contracts.clearing import Floor, slice_of
from tests.contracts.clearing_model import Model, Trade
from tests.contracts.support import Ledger, refused

PLENTY = {(name, code): 1_000 for name in ("B1", "B2", "B3") for code in ("S1", "S2", "S3", "S4")}
CASH = {(name, "NPR"): 10**9 for name in ("B1", "B2", "B3")}
MODELS = (1, 2, 3)


@pytest.fixture
def limits(ledger: Ledger) -> Limits:
    return ledger.clients.limits


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    ledger.issue(PLENTY | CASH)
    return Floor(ledger)


def limit(ledger: Ledger, name: str, code: str, position: int = NONE, exposure: int = NONE) -> None:
    for by in ("V", "R"):
        ledger.clients.limits.set_limit(
            ledger.signers[by], ledger.index[name], ledger.asset[code], position, exposure
        )


def of(ledger: Ledger, name: str, code: str, delta: int) -> bool:
    return ledger.clients.limits.allows(ledger.index[name], ledger.asset[code], delta)


def test_check_when_caller_is_not_the_clearing_house_reverts(ledger: Ledger, limits: Limits) -> None:
    for _, signer in ledger.everyone_but():
        with refused(reverts.Limits_NotClearingHouse, caller=signer.address):
            limits.send(signer, "check", [])


@pytest.mark.parametrize("model", MODELS)
def test_settle_given_position_refuses_to_hold_more(floor: Floor, ledger: Ledger, model: int) -> None:
    limit(ledger, "B1", "S1", position=1_005)
    batch = floor.entered(
        Trade(1, "B1", "B2", "S1", 5), Trade(2, "B1", "B2", "S1", 1), Trade(3, "B2", "B1", "S1", 900)
    )
    floor.open()
    with refused(reverts.Limits_Position, institution=8, asset=1, balance=1_006, limit=1_005):
        floor.settle(slice_of(batch, [0, 1]), model=model)
    assert (of(ledger, "B1", "S1", 5), of(ledger, "B1", "S1", 6)) == (True, False)
    floor.settle(slice_of(batch, [0]), model=model)
    with refused(reverts.Limits_Position, institution=8, asset=1, balance=1_006, limit=1_005):
        floor.settle(slice_of(batch, [1]), model=model)
    floor.settle(slice_of(batch, [2]), model=model)
    floor.settle(slice_of(batch, [1]), model=model)
    assert ledger.balance("B1", "S1") == 106


def test_settle_given_position_is_passed_already_lets_it_give(floor: Floor, ledger: Ledger) -> None:
    limit(ledger, "B1", "S1", position=10)
    batch = floor.entered(Trade(1, "B2", "B1", "S1", 1), Trade(2, "B1", "B2", "S1", 1))
    floor.open()
    floor.settle(slice_of(batch, [0]))
    with refused(reverts.Limits_Position, institution=8, asset=1, balance=1_000, limit=10):
        floor.settle(slice_of(batch, [1]))


@pytest.mark.parametrize("model", MODELS)
def test_settle_given_exposure_refuses_what_a_day_takes_in_all(
    floor: Floor, ledger: Ledger, model: int
) -> None:
    limit(ledger, "B2", "S1", exposure=10)
    sales = [Trade(n, "B1", "B2", "S1", units) for n, units in enumerate((6, 5, 4, 3), start=1)]
    batch = floor.entered(*sales, Trade(9, "B2", "B1", "S1", 2))
    floor.open()
    floor.settle(slice_of(batch, [0]), model=model)
    assert ledger.clients.limits.taken_of(9, 1) == 6
    with refused(reverts.Limits_Exposure, institution=9, asset=1, taken=11, limit=10):
        floor.settle(slice_of(batch, [1]), model=model)
    floor.settle(slice_of(batch, [2]), model=model)
    assert (of(ledger, "B2", "S1", -1), of(ledger, "B2", "S1", 0), of(ledger, "B2", "S1", 9)) == (
        False,
        True,
        True,
    )
    floor.settle(slice_of(batch, [4]), model=model)
    assert ledger.clients.limits.taken_of(9, 1) == 8
    with refused(reverts.Limits_Exposure, institution=9, asset=1, taken=11, limit=10):
        floor.settle(slice_of(batch, [3]), model=model)
    floor.close()
    ledger.at((ledger.now // 86_400 + 1) * 86_400)
    floor.open()
    assert ledger.clients.limits.taken_of(9, 1) == 0
    floor.settle(slice_of(batch, [1, 3]), model=model)
    assert ledger.clients.limits.taken_of(9, 1) == 8


def test_settle_given_receipts_first_lets_as_much_more_go(floor: Floor, ledger: Ledger) -> None:
    limit(ledger, "B2", "S1", exposure=10)
    batch = floor.entered(Trade(1, "B2", "B1", "S1", 7), Trade(2, "B1", "B2", "S1", 17), Trade(3, "B1", "B2"))
    floor.open()
    floor.settle(slice_of(batch, [0]))
    assert ledger.clients.limits.taken_of(9, 1) == -7
    floor.settle(slice_of(batch, [1]))
    assert (ledger.clients.limits.taken_of(9, 1), of(ledger, "B2", "S1", -1)) == (10, False)


@pytest.mark.parametrize("less", [0, 1])
@pytest.mark.parametrize("model", MODELS)
def test_settle_given_cash_exposure_counts_price_levy_and_shares(
    floor: Floor, ledger: Ledger, model: int, less: int
) -> None:
    shares = {"B1": (("P", 500_000),)}
    floor.agree("B1", shares["B1"])
    trade = Trade(1, "B1", "B2", "S1", 5, 1_000_001)
    need = -Model(shares).settle([trade]).deltas["B1", "NPR"]
    limit(ledger, "B1", "NPR", exposure=need - less)
    batch = floor.entered(trade)
    floor.open()
    if less:
        with refused(reverts.Limits_Exposure, institution=8, asset=ledger.cash, taken=need, limit=need - 1):
            floor.settle(slice_of(batch), model=model)
    else:
        floor.settle(slice_of(batch), model=model)
        assert ledger.clients.limits.taken_of(8, ledger.cash) == need


def test_settle_given_asset_moves_both_ways_counts_the_net(floor: Floor, ledger: Ledger) -> None:
    limit(ledger, "B1", "S1", position=1_000, exposure=0)
    trades = [Trade(1, "B1", "B2", "S1", 5), Trade(2, "B3", "B1", "S1", 5)]
    days = [(20191121, 1), (20191122, 2), (20191125, 3)]
    batches = {m: floor.entered(*trades, trading_day=d, intended_settlement_date=d) for d, m in days}
    floor.open()
    for model in (2, 3):
        floor.settle(slice_of(batches[model]), model=model)
        assert ledger.clients.limits.taken_of(8, 1) == 0
    with refused(reverts.Limits_Position, institution=8, asset=1, balance=1_005, limit=1_000):
        floor.settle(slice_of(batches[1]), model=1)
    with refused(reverts.Limits_Exposure, institution=8, asset=1, taken=5, limit=0):
        floor.settle(slice_of(batches[1], parts=[(1, 0), (0, 0)]), model=1)


def test_settle_given_limits_of_others_changes_nothing(floor: Floor, ledger: Ledger) -> None:
    for name, code in (("B3", "S1"), ("B1", "S2"), ("B1", "S3"), ("P", "S1"), ("B1", "USD")):
        limit(ledger, name, code, position=0, exposure=0)
    batch = floor.entered(Trade(1, "B1", "B2", "S1", 5))
    floor.open()
    floor.settle(slice_of(batch))
    assert ledger.clients.limits.taken_of(8, 1) == 0


def test_settle_given_limit_is_lifted_settles(floor: Floor, ledger: Ledger) -> None:
    limit(ledger, "B1", "S1", position=0)
    batch = floor.entered(Trade(1, "B1", "B2", "S1", 5))
    floor.open()
    with refused(reverts.Limits_Position, institution=8, asset=1, balance=1_005, limit=0):
        floor.settle(slice_of(batch))
    limit(ledger, "B1", "S1")
    floor.settle(slice_of(batch))


@pytest.mark.parametrize("delta", [2**255 - 1, 2**128, -(2**255), -(2**128), -(2**128) + 1])
def test_allows_when_delta_is_beyond_all_balances_says_no(ledger: Ledger, delta: int) -> None:
    limit(ledger, "B1", "S1", position=5, exposure=5)
    assert not of(ledger, "B1", "S1", delta)
    assert of(ledger, "B2", "S1", delta)


ROWS = st.lists(
    st.tuples(
        *[st.sampled_from(("B1", "B2", "B3"))] * 2, st.sampled_from(("S1", "S2", "S4")), st.integers(1, 30)
    ),
    min_size=2,
    max_size=8,
)
PLACES = [(name, code) for name in ("B1", "B2", "B3") for code in ("S1", "S2", "S4", "NPR")]


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, data=st.data())
def test_settle_given_random_limits_refuses_what_the_book_refuses(
    floor: Floor, ledger: Ledger, rows: list[tuple[str, str, str, int]], data: st.DataObject
) -> None:
    snapshot = ledger.chain.snapshot()
    try:
        _random(floor, ledger, [Trade(n, *row, 10_000 * row[3]) for n, row in enumerate(rows, start=1)], data)
    finally:
        ledger.chain.restore(snapshot)


def _random(floor: Floor, ledger: Ledger, trades: list[Trade], data: st.DataObject) -> None:
    limited: dict[tuple[str, str], tuple[int, int]] = {}
    held = Counter(floor.balances())
    for place in data.draw(st.sets(st.sampled_from(PLACES)), label="limited"):
        scale = 10_000 if place[1] == "NPR" else 1
        position = data.draw(st.integers(0, 60), label="position") * scale + held[place]
        exposure = data.draw(st.integers(0, 60), label="exposure") * scale
        limited[place] = (
            data.draw(st.sampled_from([position, NONE])),
            data.draw(st.sampled_from([exposure, NONE])),
        )
        limit(ledger, *place, *limited[place])
    batch = floor.entered(*trades)
    floor.open()
    taken: Counter[tuple[str, str]] = Counter()
    rest = list(range(len(batch.trades)))
    while rest:
        order = data.draw(st.permutations(rest), label="order")[: data.draw(st.integers(1, len(rest)))]
        model = data.draw(st.sampled_from(MODELS), label="model")
        outcome = Model().settle([batch.trades[i] for i in order], model)
        checked = outcome.steps if model == 1 else [outcome.deltas]
        balances, used, good = held.copy(), taken.copy(), True
        for step in checked:
            for place, delta in step.items():
                balances[place] += delta
                used[place] -= delta
                position, exposure = limited.get(place, (NONE, NONE))
                good &= balances[place] <= position if delta > 0 else used[place] <= exposure
        if len(checked) == 1 and outcome.fits(held):
            asked = [of(ledger, *place, delta) for place, delta in outcome.deltas.items()]
            assert all(asked) == good
        try:
            floor.settle(slice_of(batch, parts=[(i, 0) for i in order]), model=model)
        except (reverts.Limits_Position, reverts.Limits_Exposure):
            assert not good
        except Reverted:
            assert not outcome.fits(held)
        else:
            assert good
            assert outcome.fits(held)
            held, taken = balances, used
            for (name, code), limits in limited.items():
                counted = taken[name, code] if limits != (NONE, NONE) else 0
                assert ledger.clients.limits.taken_of(ledger.index[name], ledger.asset[code]) == counted
        rest = [i for i in rest if i not in order]
