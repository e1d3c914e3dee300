"""What an agreement comes to, by hand: the broker pays a platform for the clients that it brings.

the broker and the platform
  30 % of the management fee, 5 % kept in reserve       ─ of the days that the version was in force
  15 % of the performance above the mark                ─ nothing below it; the mark moves, or is set anew
  above a hurdle                                        ─ the mark grows by its rate and days
  five points more once users pass a million            ─ not at a million
tiers            ─ slab, graduated, by a measure; a bound belongs to its own tier
floor and cap    ─ cap on account and in the run, floor in the run alone
on account       ─ first tier and step where a measure decides; steps by time
a guarantee      ─ kept at the promise; rated, flat, capped
a reserve        ─ released by the shares of the period, or to whom the rule says
what is missing  ─ a measure that is not final, by its name
any terms        ─ parts sum to the pool, each less than a unit from its exact part (property)
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.terms import (
    BY_TIME,
    MAX_UP_TO,
    Basis,
    Clause,
    DayCount,
    Guarantee,
    Measure,
    Reserve,
    Step,
    Terms,
    Tier,
)
from settlement.agreements import computing, periods
from settlement.agreements.errors import MeasureMissing
from tests.agreements import Cast, bounds_of, random_amount, random_terms, random_value

BROKER, PLATFORM, ADVISER, KEEPER = 8, 9, 10, 12
Q4 = 2019 * 12 + 9
START = periods.start_s(Q4)
LATE_NOVEMBER = 1_574_294_400
"""2019-11-21, midnight."""
ALL = (Tier(MAX_UP_TO, 1_000_000),)
BY_USERS = (Step(0, (300_000,)), Step(1_000_000, (350_000,)))
CAST = Cast(parties=tuple(range(1, 20)), agents=(30, 31), reserve_account=KEEPER)


def terms_of(*clauses: Clause, parties: tuple[int, ...] = (PLATFORM,), **given: object) -> Terms:
    measures = tuple(Measure(name, PLATFORM, BROKER) for name in ("USERS", "AUM", "NAV", "UNITS"))
    terms = Terms(BROKER, 0x8001, "platform", parties, clauses, measures=measures, reserve_account=KEEPER)
    return replace(terms, **given)


def management_fee(**given: object) -> Clause:
    """1.5 % a year of AUM, 5 % of it in reserve, 30 % of the rest to the platform, 35 % once users pass a
    million."""
    clause = Clause(
        Basis.MANAGEMENT_FEE,
        (Tier(MAX_UP_TO, 15_000),),
        BY_USERS,
        measure=2,
        step_by=1,
        day_count=DayCount.ACTUAL_365,
        reserve=Reserve(50_000, 1),
    )
    return replace(clause, **given)


def performance(**given: object) -> Clause:
    """15 % of what NAV exceeds 100.00 by, times the units."""
    clause = Clause(Basis.PERFORMANCE, ALL, (Step(0, (150_000,)),), measure=3, units=4, mark=10_000)
    return replace(clause, **given)


def final(clause: Clause, total: int = 0, mark: int | None = None, **measures: int) -> computing.ClauseResult:
    return computing.final(terms_of(clause), 0, Q4, START, total, measures, mark)


def test_final_given_management_fee_of_whole_quarter() -> None:
    # 200,000,000 × 1.5 % = 3,000,000 a year; × 92 / 365 = 756,164.38…
    found = final(management_fee(), AUM=200_000_000, USERS=1_000_000)
    assert (found.basis, found.pool, found.reserve) == (200_000_000, 756_164, 37_808)
    assert found.exact == Fraction(3_000_000 * 92, 365)
    # 718,356 × 30 % = 215,506.8 against 502,849.2 of the broker: the larger fraction has the unit.
    assert found.amounts == (215_507,)


def test_final_given_users_above_a_million_gives_five_points_more() -> None:
    found = final(management_fee(), AUM=200_000_000, USERS=1_000_001)
    assert (found.step, found.step_value) == (1, 1_000_001)
    assert found.amounts == (251_425,)  # 718,356 × 35 % = 251,424.6


@pytest.mark.parametrize(
    ("day_count", "days", "pool"),
    [
        (DayCount.ACTUAL_365, 41, 336_986),  # 3,000,000 × 41 / 365
        (DayCount.ACTUAL_360, 41, 341_666),
        (DayCount.THIRTY_360, 40, 333_333),  # 21 November to 1 January: a month and ten days
    ],
)
def test_final_given_version_that_began_within_the_period(day_count: DayCount, days: int, pool: int) -> None:
    terms = terms_of(management_fee(day_count=day_count))
    found = computing.final(terms, 0, Q4, LATE_NOVEMBER, 0, {"AUM": 200_000_000, "USERS": 0})
    assert (found.days, found.pool) == (days, pool)
    later = computing.final(terms, 0, Q4 + 3, LATE_NOVEMBER, 0, {"AUM": 200_000_000, "USERS": 0})
    assert later.days == {DayCount.THIRTY_360: 90}.get(day_count, 91)  # 2020 is a leap year


def test_final_given_performance_above_mark() -> None:
    # (112.00 − 100.00) × 5,000 = 60,000.00, of which 15 %
    found = final(performance(), NAV=11_200, UNITS=5_000)
    assert (found.basis, found.pool, found.amounts) == (6_000_000, 6_000_000, (900_000,))
    assert found.mark == 11_200


def test_final_given_mark_of_the_period_before_ignores_that_of_the_terms() -> None:
    found = final(performance(), mark=11_200, NAV=11_300, UNITS=1)
    assert (found.basis, found.mark) == (100, 11_300)


@pytest.mark.parametrize(("value", "resets", "mark"), [(9_000, False, 10_000), (9_000, True, 9_000)])
def test_final_given_performance_below_mark_gives_nothing(value: int, resets: bool, mark: int) -> None:
    found = final(performance(resets=resets), NAV=value, UNITS=5_000)
    assert (found.basis, found.amounts, found.mark) == (0, (0,), mark)


def test_final_given_hurdle_measures_from_the_mark_grown_by_it() -> None:
    # 4 % a year for 90 of 360 days: 100.00 has to become 101.00 first
    hurdle = performance(hurdle_ppm=40_000, day_count=DayCount.THIRTY_360, units=0)
    found = final(hurdle, NAV=10_250)
    assert found.basis == 150
    assert found.mark == 10_250
    assert final(hurdle, NAV=10_050).mark == 10_050


def test_final_given_subscription_and_usage() -> None:
    subscription = Clause(Basis.SUBSCRIPTION, (Tier(MAX_UP_TO, 0, 99_00),), (Step(0, (1_000_000,)),))
    assert final(subscription).amounts == (99_00,)
    # 0.05 a use, in minor units 5, for the first thousand, then 0.025
    usage = Clause(
        *(Basis.USAGE, (Tier(1_000, 5_000_000), Tier(MAX_UP_TO, 2_500_000))),
        *((Step(0, (1_000_000,)),), 4),
        graduated=True,
    )
    assert final(usage, UNITS=1_001).exact == Fraction(10_005, 2)
    assert final(usage, UNITS=1_001).amounts == (5_002,)


@pytest.mark.parametrize(
    ("total", "graduated", "charged", "exact"),
    [
        (0, False, ((0, 0),), 0),
        (100, False, ((0, 100),), 20),
        (101, False, ((1, 101),), Fraction(101, 10) + 7),
        (0, True, ((0, 0),), 0),
        (100, True, ((0, 100),), 20),
        (101, True, ((0, 100), (1, 1)), 20 + Fraction(1, 10) + 7),
    ],
)
def test_on_account_given_tiers_takes_the_bound_with_its_own(
    total: int, graduated: bool, charged: tuple[tuple[int, int], ...], exact: Fraction
) -> None:
    tiers = (Tier(100, 200_000), Tier(MAX_UP_TO, 100_000, 7))
    clause = Clause(Basis.COMMISSION, tiers, (Step(0, (1_000_000,)),), graduated=graduated)
    (found,) = computing.on_account(terms_of(clause), Q4, total)
    assert (found.tiers, found.exact) == (charged, exact)


def test_final_given_tier_by_measure_charges_the_basis() -> None:
    tiers = (Tier(1_000, 100_000), Tier(MAX_UP_TO, 200_000))
    clause = Clause(Basis.COMMISSION, tiers, (Step(0, (1_000_000,)),), tier_by=1)
    assert final(clause, 5_000, USERS=1_000).amounts == (500,)
    assert final(clause, 5_000, USERS=1_001).amounts == (1_000,)
    assert computing.on_account(terms_of(clause), Q4, 5_000)[0].amounts == (500,)


def test_on_account_given_floor_and_cap_counts_the_cap_alone() -> None:
    clause = Clause(Basis.COMMISSION, ALL, (Step(0, (500_000,)),), floor=1_000, cap=3_000)
    found = {
        total: computing.on_account(terms_of(clause), Q4, total)[0].amounts for total in (10, 2_000, 5_000)
    }
    assert found == {10: (5,), 2_000: (1_000,), 5_000: (1_500,)}
    run = {total: final(clause, total).pool for total in (0, 10, 2_000, 5_000)}
    assert run == {0: 1_000, 10: 1_000, 2_000: 2_000, 5_000: 3_000}


def test_on_account_given_steps_by_measure_takes_the_first() -> None:
    clause = Clause(Basis.COMMISSION, ALL, BY_USERS, step_by=1, reserve=Reserve(50_000, 1))
    (found,) = computing.on_account(terms_of(clause), Q4, 1_001)
    assert (found.pool, found.reserve, found.amounts) == (1_001, 50, (285,))  # 951 × 30 % = 285.3


def test_on_account_given_steps_by_time_goes_by_the_periods_beginning() -> None:
    steps = (Step(0, (100_000,)), Step(START - 1, (200_000,)), Step(START, (300_000,)))
    terms = terms_of(Clause(Basis.COMMISSION, ALL, steps, step_by=BY_TIME))
    shares = [computing.on_account(terms, period, 1_000)[0].amounts for period in (Q4 - 3, Q4, Q4 + 3)]
    assert shares == [(100,), (200,), (300,)]
    assert computing.final(terms, 0, Q4, START, 1_000, {}).amounts == (200,)


def test_on_account_given_other_bases_says_nothing_of_them() -> None:
    assert computing.on_account(terms_of(management_fee(), performance()), Q4, 1_000) == []


@pytest.mark.parametrize(
    ("users", "rate_ppm", "flat", "cap", "expected"),
    [
        (1_000_000, 5_000_000, 100, 0, 0),
        (999_999, 5_000_000, 100, 0, 105),
        (880_000, 2_500, 0, 0, 300),
        (880_001, 2_500, 0, 0, 299),  # 299.9975
        (0, 5_000_000, 100, 70_000, 70_000),
    ],
)
def test_clawback_given_what_was_promised(
    users: int, rate_ppm: int, flat: int, cap: int, expected: int
) -> None:
    promise = Guarantee(1, 1, 1_000_000, rate_ppm, flat, cap)
    terms = terms_of(management_fee(), guarantees=(promise,))
    assert computing.clawback(terms, promise, Q4, {"USERS": users}) == expected


def test_released_given_shares_of_the_period_or_a_rule() -> None:
    steps = (Step(0, (300_000, 100_000)),)
    reserve = Reserve(50_000, 1, measure=1, to=2, above=1_000)
    clause = Clause(Basis.COMMISSION, ALL, steps, reserve=reserve)
    terms = terms_of(clause, parties=(PLATFORM, ADVISER))
    result = computing.final(terms, 0, Q4, START, 1_010, {})
    assert result.reserve == 50
    assert computing.released(terms, result, Q4, {"USERS": 1_000}) == ((15, 5), 30)
    assert computing.released(terms, result, Q4, {"USERS": 1_001}) == ((0, 50), 0)
    to_payer = terms_of(replace(clause, reserve=replace(reserve, to=0)), parties=(PLATFORM, ADVISER))
    assert computing.released(to_payer, result, Q4, {"USERS": 1_001}) == ((0, 0), 50)


@pytest.mark.parametrize("missing", ["AUM", "USERS"])
def test_final_given_measure_that_is_not_final_names_it(missing: str) -> None:
    known = {"AUM": 1, "USERS": 1}
    del known[missing]
    with pytest.raises(MeasureMissing, match=f"{missing} of the period from 2019-10") as caught:
        final(management_fee(), **known)
    assert (caught.value.measure, caught.value.period, caught.value.transient) == (missing, Q4, True)


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_final_given_any_terms_shares_the_pool_to_the_unit(seed: int) -> None:
    random = Random(seed)
    terms = random_terms(random, BROKER, 0x8001, "any", CAST, months=3)
    bounds = bounds_of(terms)
    measures = {each.name: random_value(random, *bounds) for each in terms.measures}
    total = random_amount(random)
    for place, clause in enumerate(terms.clauses):
        found = computing.final(terms, place, Q4, LATE_NOVEMBER, total, measures)
        shares = clause.steps[found.step].shares_ppm
        exact = [Fraction(found.rest * ppm, 1_000_000) for ppm in shares]
        payer = found.rest - sum(found.amounts)
        assert all(abs(a - b) < 1 for a, b in zip(found.amounts, exact, strict=True)), seed
        assert abs(payer - (found.rest - sum(exact))) < 1, seed
        assert payer >= 0, seed
        assert clause.floor <= found.pool, seed
        assert not clause.cap or found.pool <= clause.cap, seed
        parts, to_payer = computing.released(terms, found, Q4, measures)
        assert sum(parts) + to_payer == found.reserve, seed
