"""Performance: what the value a unit exceeds its mark by, times the units, period by period.

given the value is above the mark   ─ the excess counts, and the mark is the value
given it is not                     ─ nothing; the mark stays, or follows it where the terms say so
given a hurdle                      ─ the mark and its yearly part, by the days, must be exceeded
given periods are run out of order  ─ refused until the one before has been
given another version               ─ the mark goes on, whatever that says; periods of another length follow
given a measure that left           ─ refused to come back
given base and excess in one        ─ 30 % of the fee and 15 % of the performance
"""

from __future__ import annotations

from typing import Any

import pytest

from ledger import reverts
from ledger.terms import MAX_UP_TO, Basis, Clause, DayCount, measure_key
from tests.contracts.clearing_model import PPM
from tests.contracts.sharing import ASSETS, Q1, Q2, Q3, UNITS, VALUE, Sharing, clause
from tests.contracts.support import Ledger, refused

Q4 = Q3 + 3


@pytest.fixture
def desk(ledger: Ledger) -> Sharing:
    return Sharing(ledger)


def above(mark: int, rate: int = PPM, units: int = 2, **fields: Any) -> Clause:
    """Of the value, measure 1, for V; of as many units as measure 2 says."""
    tiers = ((MAX_UP_TO, rate),)
    return clause(PPM, 0, basis=Basis.PERFORMANCE, measure=1, units=units, tiers=tiers, mark=mark, **fields)


def bases(desk: Sharing, agreement: int, values: list[int], units: int = 500) -> list[int]:
    """What the periods from 2020 on, of three months, count on."""
    found = []
    for i, value in enumerate(values):
        period = Q1 + 3 * i
        desk.over(period)
        desk.final(agreement, period, value=value, units=units)
        found.append(desk.clause_run(agreement, period)[0])
    return found


@pytest.mark.parametrize(
    ("resets", "expected"),
    [(False, [0, 50_000, 0, 0, 500]), (True, [0, 50_000, 0, 20_000, 12_500])],
)
def test_run_given_values_counts_what_exceeds_the_mark(
    desk: Sharing, resets: bool, expected: list[int]
) -> None:
    """1,000 at first; then 1,100 less the mark of 1,000, and so on, times 500 units."""
    agreement = desk.agree(above(1_000, resets=resets), measures=[VALUE, UNITS])
    assert bases(desk, agreement, [1_000, 1_100, 1_036, 1_076, 1_101]) == expected


def test_run_given_rate_and_no_units_pays_a_part(desk: Sharing) -> None:
    """15 % of the excess of an amount, rounded down."""
    agreement = desk.agree(above(0, rate=150_000, units=0), measures=[VALUE])
    desk.over(Q1)
    desk.final(agreement, Q1, value=103)
    assert desk.clause_run(agreement, Q1) == (103, 15, 0, (15, 0))


def test_run_given_hurdle_counts_what_exceeds_the_benchmark(desk: Sharing) -> None:
    """8 % a year by 365 on a mark of a million for 91 days are 19,945 (and .2); once it is 1,030,000 they are
    20,543 (.56) a quarter, and in the third, of 92 days, on 1,040,000, 20,970 (.96)."""
    hurdle = above(10**6, units=0, hurdle_ppm=80_000, day_count=DayCount.ACTUAL_365)
    agreement = desk.agree(hurdle, measures=[VALUE, UNITS])
    values = [1_030_000, 1_040_000, 1_040_000 + 20_970 + 1]
    assert bases(desk, agreement, values) == [1_030_000 - 1_019_945, 0, 1]


def test_run_given_hurdle_and_reset_begins_at_the_value(desk: Sharing) -> None:
    """A quarter of 8 % by 30/360: 2 % of the value before, up or down."""
    hurdle = above(10_000, units=0, hurdle_ppm=80_000, day_count=DayCount.THIRTY_360, resets=True)
    agreement = desk.agree(hurdle, measures=[VALUE, UNITS])
    assert bases(desk, agreement, [10_201, 5_000, 5_101, 5_203]) == [1, 0, 1, 0]


def test_run_given_largest_values_counts_them(desk: Sharing) -> None:
    """The pool is what the largest can be."""
    most = 2**64 - 1
    hurdle = above(most, hurdle_ppm=2**32 - 1, day_count=DayCount.ACTUAL_360)
    agreement = desk.agree(above(0), measures=[VALUE, UNITS])
    other = desk.agree(hurdle, measures=[VALUE, UNITS], name="hurdle")
    desk.over(Q1)
    for each, expected in ((agreement, most * most), (other, 0)):
        desk.final(each, Q1, value=most, units=most)
        basis, pool, _, amounts = desk.clause_run(each, Q1)
        assert (basis, pool, amounts) == (expected, min(expected, 2**96 - 1), (min(expected, 2**96 - 1), 0))


def test_run_given_period_before_has_not_been_reverts(desk: Sharing) -> None:
    """However late, whatever other lines were run."""
    agreement = desk.agree(above(1_000), clause(PPM, 0, basis=Basis.SUBSCRIPTION), measures=[VALUE, UNITS])
    desk.over(Q3)
    for period, value in ((Q1, 1_100), (Q2, 1_300), (Q3, 1_250)):
        desk.final(agreement, period, value=value, units=1)
        desk.run(agreement, period, 1)
    for period, waits in ((Q2, Q1), (Q3, Q1)):
        with refused(reverts.RevenueSharing_LineNotRun, agreementId=agreement, period=waits, line=0):
            desk.run(agreement, period, 0)
    assert desk.clause_run(agreement, Q1)[0] == 100
    with refused(reverts.RevenueSharing_LineNotRun, agreementId=agreement, period=Q2, line=0):
        desk.run(agreement, Q3, 0)
    assert desk.clause_run(agreement, Q2)[0] == 200
    assert desk.clause_run(agreement, Q3)[0] == 0
    with refused(reverts.RevenueSharing_LineRun, agreementId=agreement, period=Q1, line=0):
        desk.run(agreement, Q1, 0)


def test_run_given_another_version_carries_the_mark(desk: Sharing) -> None:
    """The second says another mark, has the line in another place, and periods of a month."""
    desk.agree(above(1_000), measures=[VALUE, UNITS])
    desk.agree(
        clause(PPM, 0, basis=Basis.SUBSCRIPTION), above(5), measures=[VALUE, UNITS], version=2, months=1
    )
    desk.over(Q2, 1)
    for period, value in ((Q1, 1_200), (Q2, 1_201)):
        desk.final(1, period, value=value, units=10)
    with refused(reverts.RevenueSharing_LineNotRun, agreementId=1, period=Q1, line=1):
        desk.run(1, Q2, 1)
    assert desk.clause_run(1, Q1, 0)[0] == 2_000
    assert desk.clause_run(1, Q2, 1)[0] == 10
    desk.over(Q2 + 1, 1)
    desk.final(1, Q2 + 1, value=1_205, units=10)
    assert desk.clause_run(1, Q2 + 1, 1)[0] == 40


def test_conclude_given_measure_that_left_reverts(desk: Sharing) -> None:
    """In one version it is no mark; another measure begins with the mark that the terms say."""
    desk.agree(above(1_000), measures=[VALUE, UNITS])
    desk.agree(above(70), measures=[ASSETS, UNITS], version=2)
    with refused(reverts.RevenueSharing_MarkLapsed, agreementId=1, measure=measure_key(VALUE)):
        desk.agree(above(1_000), measures=[VALUE, UNITS], version=3)
    assert desk.ledger.clients.agreements.agreement(1).versions == 2
    desk.agree(above(5), measures=[ASSETS, UNITS], version=3)
    desk.over(Q2)
    desk.final(1, Q1, value=1_001, units=1)
    desk.final(1, Q2, assets=75, units=1)
    # Neither waits for the other's mark.
    assert desk.clause_run(1, Q2)[0] == 5
    assert desk.clause_run(1, Q1)[0] == 1


def test_run_given_base_and_excess_pays_both(desk: Sharing) -> None:
    """30 % of 1 % a year on 10^9 by 30/360, and 15 % of 20 a unit on 10,000 units."""
    fee = clause(
        300_000,
        0,
        basis=Basis.MANAGEMENT_FEE,
        measure=3,
        tiers=((MAX_UP_TO, 10_000),),
        day_count=DayCount.THIRTY_360,
    )
    excess = above(1_000, rate=150_000)
    agreement = desk.agree(fee, excess, measures=[VALUE, UNITS, ASSETS])
    desk.over(Q1)
    desk.final(agreement, Q1, value=1_020, units=10_000, assets=10**9)
    desk.ledger.issue({("B1", "NPR"): 780_000})
    desk.run(agreement, Q1, 0, 1)
    assert desk.cash("V", "P", "B1") == [750_000 + 30_000, 0, 0]
