"""settle(Slice[]), clear(...): the largest numbers there are. What can be recorded can be settled.

when one trade has the largest quantity, amount, or both  ─ exact
when many have, all one way                     ─ cash is the sum, beyond any one amount
when many have, and buys and sells cancel       ─ what is left, be it nothing, is exact to the unit
when they lie in all places of a group of securities, in several groups and slices ─ each by itself
when a page is full of them, at rates of 100 %  ─ commission and levy do not run into each other
over any such trades, each undone by another but for a unit or an amount (property)
"""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.chain import Receipt
from ledger.clients.clearing_house import Status
from tests.contracts.clearing import Batch, Floor, others, slice_of, transfers_in
from tests.contracts.clearing_model import MAX_QUANTITY, PPM, Model, Outcome, Trade
from tests.contracts.support import MAX_AMOUNT, SECURITIES, Ledger

SHARES = (("V", 200_000), ("P", 800_000))
BROKERS = ("B1", "B2", "B3")
LARGE = (MAX_AMOUNT, MAX_AMOUNT - 1, 2**87, 2**87 - 1, 2**87 + 1)
TOP = {"fee_schedule_id": 2}
WHOLE = Model(tiers=[(MAX_AMOUNT, PPM, 0)], levy_ppm=PPM)


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    """Schedule 2 takes whole amounts, as commission and again as levy."""
    tiers = [(MAX_AMOUNT, PPM, 0)]
    ledger.clearing_house.register_fee_schedule(ledger.signers["V"], ledger.index["R"], PPM, tiers)
    return Floor(ledger)


def exact(floor: Floor, receipt: Receipt, outcome: Outcome) -> None:
    """What was moved and told is the outcome's."""
    facts = floor.ledger.facts(receipt)
    assert transfers_in(facts) == floor.expected_transfers(outcome)
    (fact,) = [fact for name, fact in facts if name == "NettingSetSettled"]
    sums = (fact["grossAmount"], fact["netAmount"], fact["commission"], fact["levy"])
    assert sums == (outcome.gross, outcome.net, outcome.commission.total(), outcome.levy.total())
    assert "transit" not in {holder for holder, _ in floor.balances()}


def paged(days: list[list[Trade]]) -> list[Trade]:
    return [trade for trades in days for trade in trades]


def entered(floor: Floor, days: list[list[Trade]], **header: int) -> list[Batch]:
    """Batches of these trades, affirmed, in a cycle that is open."""
    batches = [floor.entered(*trades, **header) for trades in days]
    floor.open()
    return batches


@pytest.mark.parametrize("amount", LARGE)
@pytest.mark.parametrize("quantity", [1, 2**63, MAX_QUANTITY])
def test_settle_when_one_trade_is_largest_moves_it(
    floor: Floor, ledger: Ledger, quantity: int, amount: int
) -> None:
    trade = Trade(2**32 - 1, "B1", "B2", "S8", quantity, amount)
    floor.agree("B1", SHARES)
    floor.fund(trade, model=Model({"B1": SHARES}))
    (batch,) = entered(floor, [[trade]])
    exact(floor, floor.settle(slice_of(batch)), Model({"B1": SHARES}).settle([trade]))
    assert floor.house.status_of(batch.hash, 0) == Status.SETTLED
    assert ledger.balance("B1", "S8") == quantity


def test_clear_when_one_trade_is_largest_moves_it(floor: Floor) -> None:
    trade = Trade(1, "B1", "B2", "S4", MAX_QUANTITY, MAX_AMOUNT)
    floor.fund(trade)
    exact(floor, floor.clear(floor.batch(trade)), Model().settle([trade]))


@pytest.mark.parametrize("security", SECURITIES)
def test_settle_when_many_are_largest_one_way_sums_them(floor: Floor, security: str) -> None:
    """In each place of a group: 600 amounts in one cell, over two slices, come to 97 bits."""
    days = [
        [Trade(first + n, "B1", "B2", security, 1, MAX_AMOUNT) for n in range(300)] for first in (0, 0x10000)
    ]
    floor.fund(*paged(days))
    batches = entered(floor, days)
    outcome = Model().settle(paged(days))
    assert outcome.gross == outcome.net == 600 * MAX_AMOUNT > 2**97
    exact(floor, floor.settle(*map(slice_of, batches)), outcome)


def test_settle_when_places_of_group_are_largest_keeps_them_apart(floor: Floor, ledger: Ledger) -> None:
    """All eight securities, quantities against amounts: where one is bought its neighbours are sold."""
    trades = []
    for n, security in enumerate(SECURITIES):
        buyer, seller = ("B1", "B2") if n % 2 else ("B2", "B1")
        trades += [
            Trade(10 * n + 1, buyer, seller, security, MAX_QUANTITY, 1 if n % 3 else MAX_AMOUNT),
            Trade(10 * n + 2, seller, buyer, security, n + 1, MAX_AMOUNT),
            Trade(10 * n + 3, "B3", "B3", security, MAX_QUANTITY, MAX_AMOUNT),
        ]
    floor.fund(*trades)
    (batch,) = entered(floor, [trades])
    exact(floor, floor.settle(slice_of(batch)), Model().settle(trades))
    assert [ledger.balance("B1", f"S{n}") for n in (2, 4, 6, 8)] == [MAX_QUANTITY - n for n in (2, 4, 6, 8)]


@pytest.mark.parametrize("left", [0, 1, -1])
@pytest.mark.parametrize("quantity", [1, MAX_QUANTITY])
def test_settle_when_largest_cancel_leaves_what_is_left(floor: Floor, quantity: int, left: int) -> None:
    """Equal buys and sells but for one minor unit, one way or the other, over three slices."""
    large = MAX_AMOUNT - 1
    days = [
        [Trade(1, "B1", "B2", "S2", quantity, large), Trade(2, "B1", "B2", "S3", quantity, large)],
        [Trade(0x10001, "B2", "B1", "S3", quantity, large)],
        [
            Trade(0x20001, "B2", "B1", "S2", quantity, large + left),
            Trade(0x20002, "B3", "B3", "S2", quantity, large),
        ],
    ]
    floor.fund(*paged(days))
    batches = entered(floor, days)
    outcome = Model().settle(paged(days))
    assert outcome.net == abs(left)
    assert {code for _, code in outcome.deltas} == {"NPR"}
    exact(floor, floor.settle(*map(slice_of, batches)), outcome)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_settle_when_many_are_largest_in_circles_nets_them(floor: Floor, ledger: Ledger, seed: int) -> None:
    """Three slices of 240 trades. In each circle all quantities are the largest, so that none is left over;
    amounts differ, so that cash is."""
    chance = random.Random(seed)
    days = []
    for page in range(3):
        circles = []
        for n in range(80):
            code, ring = chance.choice(SECURITIES), chance.sample(BROKERS, 3)
            for i, buyer in enumerate(ring):
                number = (page << 16) + 3 * n + i
                circles.append(Trade(number, buyer, ring[i - 1], code, MAX_QUANTITY, chance.choice(LARGE)))
        days.append(circles)
    floor.agree("B2", SHARES)
    floor.fund(*paged(days), model=Model({"B2": SHARES}))
    batches = entered(floor, days)
    outcome = Model({"B2": SHARES}).settle(paged(days))
    assert outcome.gross > 720 * (2**87 - 1)
    assert {code for _, code in outcome.deltas} == {"NPR"}
    exact(floor, floor.settle(*map(slice_of, batches)), outcome)
    assert ledger.commission_of("B2") == outcome.commission["B2"]


def test_settle_when_rates_are_whole_and_amounts_largest_is_exact(floor: Floor) -> None:
    """Of 500 trades of one broker with itself, every side owes and earns the whole amount."""
    trades = [Trade(n, "B1", "B1", "S1", MAX_QUANTITY, MAX_AMOUNT) for n in range(500)]
    model = Model({"B1": SHARES}, tiers=WHOLE.tiers, levy_ppm=PPM)
    floor.agree("B1", SHARES)
    floor.fund(*trades, model=Model({"B1": SHARES}, tiers=WHOLE.tiers, levy_ppm=PPM))
    (batch,) = entered(floor, [trades], **TOP)
    outcome = model.settle(trades)
    assert outcome.commission["B1"] == outcome.levy["B1"] == 1000 * MAX_AMOUNT
    exact(floor, floor.settle(slice_of(batch)), outcome)


def test_settle_when_page_is_full_of_largest_is_exact(floor: Floor, ledger: Ledger, engine: str) -> None:
    """As many records as a batch can have, all of one broker with itself, all as large and dear as can be."""
    if engine == "pyevm":
        pytest.skip("65,536 records take it two minutes; anvil takes two seconds")
    trades = [Trade(n, "B1", "B1", "S1", MAX_QUANTITY, MAX_AMOUNT) for n in range(0x10000)]
    floor.fund(*trades, model=Model(tiers=WHOLE.tiers, levy_ppm=PPM))
    (batch,) = entered(floor, [trades], **TOP)
    outcome = Model(tiers=WHOLE.tiers, levy_ppm=PPM).settle(trades)
    assert outcome.levy["B1"] == 2**17 * MAX_AMOUNT
    receipt = floor.settle(slice_of(batch))
    exact(floor, receipt, outcome)
    assert others(ledger.facts(receipt))[0][1]["count"] == 0x10000


ROWS = st.lists(
    st.tuples(
        st.permutations(BROKERS),
        st.sampled_from(SECURITIES),
        st.sampled_from([1, 2**63, MAX_QUANTITY - 1, MAX_QUANTITY]),
        st.sampled_from(LARGE) | st.integers(1, MAX_AMOUNT),
        st.sampled_from(LARGE) | st.integers(1, MAX_AMOUNT),
        st.integers(0, 1),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_settle_when_each_is_undone_but_for_little_is_exact(
    ledger: Ledger, rows: list[tuple[tuple[str, ...], str, int, int, int, int]]
) -> None:
    """One buys in the first slice and sells as much, or a unit less, for another amount in the second."""
    days: list[list[Trade]] = [[], []]
    for n, ((buyer, seller, _), code, quantity, paid, taken, kept) in enumerate(rows):
        days[0].append(Trade(n, buyer, seller, code, quantity, paid))
        days[1].append(Trade(0x10000 + n, seller, buyer, code, quantity - kept or 1, taken))
    floor, snapshot = Floor(ledger), ledger.chain.snapshot()
    try:
        floor.fund(*paged(days))
        batches = entered(floor, days)
        exact(floor, floor.settle(*map(slice_of, batches)), Model().settle(paged(days)))
    finally:
        ledger.chain.restore(snapshot)
