"""Fee schedules against exact rational arithmetic and answers that others computed.

fee ─ alone                 ─ the shared vectors, to the fraction; numbers that are not exact are refused
    ├ by slab               ─ the whole amount at the tier it falls in: it can fall as the amount rises
    └ graduated             ─ what lies in each tier by itself, and it never falls
commission, levy ─ columns  ─ the floor of the exact fee, at and beside every bound, up to the largest amounts
                 ─ the NEPSE's table of 2019 by hand
what is no schedule         ─ refused, of the venue's also what the ledger could not hold
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import floor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidValue
from ledger.units import MAX_AMOUNT
from settlement.errors import ScheduleInvalid
from settlement.fees import Kind, Schedule, Tier, VenueSchedule, charged, commission, fee, levy
from settlement.scenario import load

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "fee_tiers.json"
HALF = Fraction(1, 2)
MAX_FLAT = 2**64 - 1
NEPSE = VenueSchedule.of(load("nepse-2019"))
AMOUNTS = st.integers(0, 3_000_000_000) | st.integers(0, MAX_AMOUNT)
GRADUATED = Schedule(
    Kind.GRADUATED,
    (Tier(10, unit=10, flat=2), Tier(20, unit=5, flat=3), Tier(None, unit=5, flat=3)),
)
SLAB = Schedule(Kind.SLAB, (Tier(100, unit=2, flat=10), Tier(200, unit=1), Tier(None, unit=HALF, flat=50)))


def slab(*tiers: Tier) -> VenueSchedule:
    return VenueSchedule(Kind.SLAB, tiers)


@st.composite
def schedules(draw: st.DrawFn) -> VenueSchedule:
    bounds = sorted(draw(st.sets(st.integers(1, MAX_AMOUNT - 1) | st.integers(1, 1000), max_size=5)))
    rates = st.integers(0, 1_000_000)
    flats = st.sampled_from((0, 0, 1, 99)) | st.integers(0, MAX_FLAT)
    tiers = tuple(Tier(bound, draw(rates), draw(flats)) for bound in [*bounds, None])
    return VenueSchedule(draw(st.sampled_from(Kind)), tiers, draw(rates))


def expected(schedule: VenueSchedule, amount: int) -> Fraction:
    """From the rule alone: of slabs the first that reaches the amount; graduated, tier by tier."""
    reaching = [tier.up_to is None or amount <= tier.up_to for tier in schedule.tiers].index(True)
    counting = (
        schedule.tiers[: reaching + 1] if schedule.kind is Kind.GRADUATED else [schedule.tiers[reaching]]
    )
    total, below = Fraction(0), 0
    for tier in counting:
        end = amount if tier.up_to is None or amount <= tier.up_to else int(tier.up_to)
        total += Fraction((end - below) * int(tier.rate_ppm), 1_000_000) + int(tier.flat)
        below = end
    return total


def edges(schedule: VenueSchedule) -> list[int]:
    bounds = [int(tier.up_to) for tier in schedule.tiers if tier.up_to is not None]
    return [bound + step for bound in bounds for step in (-1, 0, 1)]


@pytest.mark.skipif(not VECTORS.is_file(), reason=f"the shared known answers are not there: {VECTORS}")
def test_fee_gives_known_answers() -> None:
    vectors: list[dict[str, Any]] = json.loads(VECTORS.read_text(), parse_float=Fraction)
    assert vectors
    for vector in vectors:
        tiers = (Tier(each["up_to"], unit=each["unit"], flat=each["flat"]) for each in vector["tiers"])
        schedule = Schedule(Kind(vector["kind"]), tuple(tiers))
        assert [fee(schedule, amount) for amount, _ in vector["cases"]] == [due for _, due in vector["cases"]]


@pytest.mark.parametrize(
    ("schedule", "amount", "due"),
    [
        *((GRADUATED, amount, due) for amount, due in ((0, 2), (1, 12), (10, 102), (11, 110), (12, 115))),
        (GRADUATED, 21, 163),
        *((SLAB, amount, due) for amount, due in ((0, 10), (100, 210), (101, 101), (200, 200), (300, 200))),
        (SLAB, 100 + HALF, 100 + HALF),
        (SLAB, Decimal("100.5"), 100 + HALF),
        # A unit rate and a ppm rate add up, and nothing is rounded: 7 / 3 * (1 + 1 / 10^6) + 1 / 3.
        (
            Schedule(Kind.SLAB, (Tier(None, rate_ppm=1, flat=Fraction(1, 3), unit=1),)),
            Fraction(7, 3),
            Fraction(7_000_007 + 1_000_000, 3_000_000),
        ),
        (Schedule(Kind.SLAB, (Tier(Decimal("0.1"), unit=1), Tier(None))), Fraction(1, 10), Fraction(1, 10)),
    ],
)
def test_fee_is_exact(schedule: Schedule, amount: int | Fraction | Decimal, due: int | Fraction) -> None:
    found = fee(schedule, amount)
    assert (type(found), found) == (Fraction, due)


@pytest.mark.parametrize(
    ("schedule", "amount", "parts"),
    [
        (GRADUATED, 0, [(0, 0)]),
        (GRADUATED, 10, [(0, 10)]),
        (GRADUATED, 21, [(0, 10), (1, 10), (2, 1)]),
        (SLAB, 0, [(0, 0)]),
        (SLAB, 200, [(1, 200)]),
        (SLAB, 200 + HALF, [(2, 200 + HALF)]),
    ],
)
def test_charged_tells_tiers_and_what_each_is_charged_on(
    schedule: Schedule, amount: int | Fraction, parts: list[tuple[int, int | Fraction]]
) -> None:
    assert charged(schedule, amount) == [(schedule.tiers[place], part) for place, part in parts]


@given(schedules(), st.lists(AMOUNTS, min_size=2, max_size=5))
def test_graduated_fee_never_falls(schedule: VenueSchedule, amounts: list[int]) -> None:
    graduated = VenueSchedule(Kind.GRADUATED, schedule.tiers)
    fees = [fee(graduated, amount) for amount in sorted(amounts + edges(graduated))]
    assert all(0 <= less <= more for less, more in pairwise(fees))


@pytest.mark.parametrize(
    "amount", [-1, Fraction(-1, 3), 1.0, float("nan"), Decimal("NaN"), Decimal("Infinity"), True, "1", None]
)
def test_fee_of_no_exact_amount_is_refused(amount: Any) -> None:
    with pytest.raises(InvalidValue):
        fee(SLAB, amount)
    with pytest.raises(InvalidValue):
        charged(GRADUATED, amount)


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
    assert floor(fee(NEPSE, amount)) == commission_minor
    assert commission(NEPSE, [amount]).tolist() == [commission_minor]


def test_levy_is_rounded_down() -> None:
    assert levy(NEPSE, [6_666, 6_667, 429_000]).tolist() == [0, 1, 64]


def test_commission_is_rounded_once_over_all_tiers() -> None:
    """Half a unit of each of two tiers is one."""
    schedule = VenueSchedule(Kind.GRADUATED, (Tier(1, 500_000), Tier(None, 500_000, 7)))
    assert commission(schedule, [0, 1, 2, 3]).tolist() == [0, 0, 8, 8]


@given(schedules(), st.lists(AMOUNTS))
def test_columns_are_the_exact_floor_of_each_amount(schedule: VenueSchedule, amounts: list[int]) -> None:
    amounts = amounts + edges(schedule)
    wanted = [expected(schedule, amount) for amount in amounts]
    assert [fee(schedule, amount) for amount in amounts] == wanted
    assert commission(schedule, amounts).tolist() == [floor(each) for each in wanted]
    assert levy(schedule, amounts).tolist() == [
        floor(Fraction(amount * schedule.levy_ppm, 1_000_000)) for amount in amounts
    ]


@given(schedules(), st.lists(st.integers(0, 2**63 - 1), max_size=20))
def test_columns_of_int64_do_not_wrap_around(schedule: VenueSchedule, amounts: list[int]) -> None:
    column = np.array(amounts, dtype=np.int64)
    assert commission(schedule, column).tolist() == [floor(expected(schedule, each)) for each in amounts]


@pytest.mark.parametrize("kind", Kind)
def test_column_of_int64_stays_int64_to_its_end(kind: Kind) -> None:
    amounts = np.array([2**63 - 1, 1], dtype=np.int64)
    found = commission(VenueSchedule(kind, (Tier(10, 4_000), Tier(None, 4_000))), amounts)
    assert found.dtype == np.int64
    assert found.tolist() == [(2**63 - 1) * 4_000 // 1_000_000, 0]


def test_column_with_a_flat_part_goes_beyond_int64() -> None:
    schedule = slab(Tier(None, 1_000_000, 1))
    assert commission(schedule, np.array([2**63 - 1], dtype=np.int64)).tolist() == [2**63]
    assert commission(slab(Tier(None, 1_000_000, MAX_FLAT)), [MAX_AMOUNT]).tolist() == [MAX_AMOUNT + MAX_FLAT]


def test_amounts_that_are_no_amounts_are_refused() -> None:
    for wrong in ([-1], [1.0], np.array([1.0]), [2**70, -1]):
        with pytest.raises(InvalidValue):
            commission(NEPSE, wrong)  # type: ignore[arg-type]
        with pytest.raises(InvalidValue):
            levy(NEPSE, wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", Kind)
def test_schedule_as_registered_is_read_as_itself(kind: Kind) -> None:
    schedule = VenueSchedule(kind, (Tier(5, 10, 1), Tier(7, 0, MAX_FLAT), Tier(None, 1_000_000)), 150)
    tiers = schedule.as_registered()
    assert tiers == [(5, 10, 1), (7, 0, MAX_FLAT), (MAX_AMOUNT, 1_000_000, 0)]
    assert VenueSchedule.registered(150, schedule.graduated, tiers) == schedule


@pytest.mark.parametrize("make", [lambda tiers: Schedule(Kind.GRADUATED, tiers), lambda tiers: slab(*tiers)])
@pytest.mark.parametrize(
    ("tiers", "reason"),
    [
        ((), "without bound"),
        ((Tier(10, 1),), "without bound"),
        ((Tier(None, 1), Tier(None, 2)), "does not rise"),
        ((Tier(10, 1), Tier(10, 2), Tier(None, 3)), "does not rise above 10"),
        ((Tier(20, 1), Tier(10, 2), Tier(None, 3)), "does not rise above 20"),
        ((Tier(0, 1), Tier(None, 3)), "does not rise above 0"),
        ((Tier(None, 1_000_001),), "1,000,000 ppm"),
        ((Tier(None, -1),), "-1"),
        ((Tier(None, flat=-1),), "-1"),
        ((Tier(None, unit=-HALF),), "-1"),
        ((Tier(-5), Tier(None)), "-5"),
        ((Tier(None, 0.5),), "0.5"),  # type: ignore[arg-type]
        ((Tier(None, flat=Decimal("NaN")),), "NaN"),
        ((Tier(True), Tier(None)), "True"),
    ],
)
def test_schedule_that_does_not_cover_every_amount_once_is_refused(
    make: Callable[[tuple[Tier, ...]], Schedule], tiers: tuple[Tier, ...], reason: str
) -> None:
    with pytest.raises(ScheduleInvalid, match=reason):
        make(tiers)


def test_schedule_of_no_kind_is_refused() -> None:
    with pytest.raises(ScheduleInvalid, match="slab, graduated"):
        Schedule("volume", (Tier(None),))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tiers", "reason"),
    [
        ((Tier(None, HALF),), "whole"),
        ((Tier(HALF), Tier(None)), "whole"),
        ((Tier(None, flat=Decimal(1)),), "whole"),
        ((Tier(None, unit=1),), "no unit rates"),
        ((Tier(None, flat=MAX_FLAT + 1),), "more than the ledger holds"),
        ((Tier(MAX_AMOUNT), Tier(None)), "more than the ledger holds"),
        (tuple(Tier(bound) for bound in [*range(1, 33), None]), "33 tiers"),
    ],
)
def test_venues_schedule_that_the_ledger_could_not_hold_is_refused(
    tiers: tuple[Tier, ...], reason: str
) -> None:
    Schedule(Kind.SLAB, tiers)
    with pytest.raises(ScheduleInvalid, match=reason):
        slab(*tiers)


@pytest.mark.parametrize("rate", [-1, 1_000_001, HALF])
def test_levy_that_is_no_whole_part_is_refused(rate: Any) -> None:
    with pytest.raises(ScheduleInvalid):
        VenueSchedule(Kind.SLAB, (Tier(None),), rate)
