"""Slab fees against exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidValue
from ledger.units import MAX_AMOUNT
from settlement.errors import ScheduleInvalid
from settlement.fees import Schedule, Slab, commission, fee, levy
from settlement.scenario import load

NEPSE = Schedule.of(load("nepse-2019"))
AMOUNTS = st.integers(0, 3_000_000_000) | st.integers(0, MAX_AMOUNT)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    bounds = sorted(draw(st.sets(st.integers(1, MAX_AMOUNT) | st.integers(1, 1000), max_size=5)))
    rates = draw(st.lists(st.integers(0, 1_000_000), min_size=len(bounds) + 1, max_size=len(bounds) + 1))
    slabs = tuple(Slab(bound, rate) for bound, rate in zip([*bounds, None], rates, strict=True))
    return Schedule(slabs, draw(st.integers(0, 1_000_000)))


def expected_rate(schedule: Schedule, amount: int) -> int:
    fitting = [
        slab.rate_ppm for slab in schedule.slabs if slab.up_to_minor is None or amount <= slab.up_to_minor
    ]
    return fitting[0]


@pytest.mark.parametrize(
    ("amount", "commission_minor"),
    [
        (429_000, 2_574),  # NPR 4,290 at 0.60 %
        (5_000_000, 30_000),  # exactly 50,000.00: still the first slab
        (5_000_001, 27_500),  # one paisa more: the whole amount at 0.55 %
        (50_000_000, 275_000),
        (50_000_001, 250_000),
        (200_000_000, 1_000_000),
        (200_000_001, 900_000),
        (1_000_000_000, 4_500_000),
        (1_000_000_001, 4_000_000),
        (166, 0),
        (167, 1),
        (0, 0),
    ],
)
def test_commission_on_the_nepse_table(amount: int, commission_minor: int) -> None:
    assert fee(NEPSE, amount) == commission_minor
    assert commission(NEPSE, [amount]).tolist() == [commission_minor]


def test_levy_is_rounded_down() -> None:
    assert levy(NEPSE, [6_666, 6_667, 429_000]).tolist() == [0, 1, 64]


@given(schedules(), st.lists(AMOUNTS))
def test_columns_are_the_exact_floor_of_each_amount(schedule: Schedule, amounts: list[int]) -> None:
    near = [slab.up_to_minor + step for slab in schedule.slabs if slab.up_to_minor for step in (-1, 0, 1)]
    amounts = amounts + near
    rates = [expected_rate(schedule, amount) for amount in amounts]
    wanted = [floor(Fraction(amount * rate, 1_000_000)) for amount, rate in zip(amounts, rates, strict=True)]
    assert commission(schedule, amounts).tolist() == wanted
    assert [fee(schedule, amount) for amount in amounts] == wanted
    assert levy(schedule, amounts).tolist() == [
        floor(Fraction(amount * schedule.levy_ppm, 1_000_000)) for amount in amounts
    ]


def test_column_of_int64_stays_int64_to_its_end() -> None:
    amounts = np.array([2**63 - 1, 1], dtype=np.int64)
    charged = commission(NEPSE, amounts)
    assert charged.dtype == np.int64
    assert charged.tolist() == [(2**63 - 1) * 4_000 // 1_000_000, 0]


def test_amounts_that_are_no_amounts_are_refused() -> None:
    for wrong in ([-1], [1.0], np.array([1.0]), [2**70, -1]):
        with pytest.raises(InvalidValue):
            commission(NEPSE, wrong)  # type: ignore[arg-type]
        with pytest.raises(InvalidValue):
            levy(NEPSE, wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "slabs",
    [
        (),
        (Slab(10, 1),),
        (Slab(None, 1), Slab(None, 2)),
        (Slab(10, 1), Slab(10, 2), Slab(None, 3)),
        (Slab(20, 1), Slab(10, 2), Slab(None, 3)),
        (Slab(0, 1), Slab(None, 3)),
        (Slab(None, 1_000_001),),
        (Slab(None, -1),),
    ],
)
def test_schedule_that_does_not_cover_every_amount_once_is_refused(slabs: tuple[Slab, ...]) -> None:
    with pytest.raises(ScheduleInvalid):
        Schedule(slabs, 0)
