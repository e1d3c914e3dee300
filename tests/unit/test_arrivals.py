"""When trades come: by their time, or evenly; within the day's hours; the highest amounts first where it says
so."""

from __future__ import annotations

import datetime as dt

import numpy as np

from ledger.units import TIME_UNKNOWN, exact
from settlement.model import Trades
from settlement.scenario_day import Day
from settlement.simulation.arrivals import arrivals, by_interval, priorities

DAY = Day(opens="09:00", cycles=("10:00", "12:00", "17:00"))
HOUR = 3_600


def trades(*rows: tuple[int, int]) -> Trades:
    """(number, time) of each."""
    count = len(rows)
    ones = np.ones(count, dtype=np.int64)
    return Trades(
        trading_day=dt.date(2024, 3, 14),
        parties=("1", "2"),
        securities=("S",),
        number=np.array([number for number, _ in rows], dtype=np.uint32),
        time=np.array([time for _, time in rows], dtype=np.uint32),
        buyer=np.zeros(count, dtype=np.int32),
        seller=ones.astype(np.int32),
        security=np.zeros(count, dtype=np.int32),
        quantity=ones.astype(np.uint64),
        amount=exact([1] * count),
        line=ones,
    )


def test_arrivals_are_the_times_within_the_day() -> None:
    found = arrivals(trades((1, 0), (2, 9 * HOUR + 5), (3, 86_399)), DAY)
    assert found.tolist() == [9 * HOUR, 9 * HOUR + 5, 17 * HOUR]


def test_arrivals_without_a_time_lie_evenly_in_the_order_of_numbers() -> None:
    found = arrivals(trades((7, TIME_UNKNOWN), (3, TIME_UNKNOWN), (9, TIME_UNKNOWN), (5, TIME_UNKNOWN)), DAY)
    assert found.tolist() == [13 * HOUR, 9 * HOUR, 15 * HOUR, 11 * HOUR]


def test_by_interval_gives_each_trade_to_the_first_cycle_that_it_can_reach() -> None:
    rows = ((4, 10 * HOUR), (3, 10 * HOUR + 1), (2, 18 * HOUR), (1, 10 * HOUR))
    assert [part.tolist() for part in by_interval(trades(*rows), DAY)] == [[3, 0], [1], [2]]


def test_by_interval_given_no_trades_has_empty_intervals() -> None:
    assert [part.tolist() for part in by_interval(trades(), DAY)] == [[], [], []]


def test_priorities_are_the_first_bound_that_an_amount_is_above() -> None:
    amounts = exact([100_001, 100_000, 1_001, 1_000, 1])
    assert priorities(amounts, ("1000.00", "10.00"), 2).tolist() == [0, 1, 1, 2, 2]
    assert priorities(exact([2**87, 5]), ("1000.00",), 2).tolist() == [0, 1]
