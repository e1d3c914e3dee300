"""What a payer gives of its commission, beside a naive computation from the terms in fractions.

given, paid
├── fixed shares: the difference of two floors
├── slab tiers: a bound belongs to the tier it ends
│   └── rates that fall: nobody pays back, it is owed and netted against what comes next
├── graduated tiers
├── cap: nothing beyond it;  reserve: taken first;  both by known answers
├── steps by time: those that the period begins with;  tiers and steps by a measure: the first
├── several agreements: each by its own total
├── totals go no further than 96 bits
└── random agreements: as the naive computation; in whatever parts, the same at the end
floors     what is given, where all is shared by fixed shares
around     a straight line above and below what is given
falls      what is given never falls by more
"""

from __future__ import annotations

import random

import pytest

from ledger.terms import BY_TIME, Reserve, Step
from settlement.agreements import periods
from settlement.agreements.sharing import MAX_TOTAL, NOTHING, Around, Sharing, fixed
from tests.sharings import PERIOD, PPM, clause, random_sharing, running


def add(into: dict[int, int], more: dict[int, int]) -> None:
    for who, amount in more.items():
        into[who] = into.get(who, 0) + amount


def test_paid_given_fixed_shares_is_the_difference_of_two_floors() -> None:
    sharing = fixed({1: 250_000, 2: 100_000}, total=3)
    assert sharing.paid(1) == {1: 1}
    assert sharing.paid(7) == {1: 2, 2: 1}
    assert (sharing.given(7), sharing.given(0)) == (3, 0)
    assert sharing.after(1).paid(6) == {1: 1, 2: 1}
    assert (NOTHING.given(10**30), NOTHING.paid(5), NOTHING.after(5)) == (0, {}, NOTHING)


def test_paid_given_slab_tiers_counts_the_whole_total_at_the_tier_it_falls_in() -> None:
    tiers = ((1_000, 100_000), (2_000, 200_000), (300_000, 50))
    sharing = Sharing((running(clause(*tiers, shares=(500_000, 0))),))
    assert sharing.paid(1_000) == {1: 50}
    assert sharing.paid(1_001) == {1: 100}
    assert sharing.paid(2_001) == {1: 325}
    assert sharing.after(1_000).paid(1) == {1: 50}


def test_paid_given_a_rate_that_falls_is_nothing_and_nets_what_comes_next() -> None:
    """1 is entitled to 300 of 1,000 and to 200 of 1,001: it owes 100, with which the next is netted."""
    falling = running(clause((1_000, 300_000), (200_000,), shares=(PPM, 0)))
    after = falling.after(1_000)
    assert Sharing((after,)).paid(1) == {}
    owing = after.after(1)
    assert owing.dues == (0, -100, 0)
    assert Sharing((owing,)).paid(499) == {}
    assert Sharing((owing,)).paid(999) == {1: 100}
    assert owing.after(249).dues == (0, -50, 0)
    assert owing.after(999).dues == (0, 0, 0)
    # At once there is no way down: 1 gets what it is entitled to at the end.
    assert Sharing((after,)).paid(1_000) == {1: 100}


def test_paid_given_something_still_due_pays_no_more_and_takes_what_falls_from_it() -> None:
    falling = clause((1_000, 300_000), (200_000,), shares=(PPM, 0))
    waiting = running(falling, total=1_000, dues={1: 70})
    assert Sharing((waiting,)).paid(1_000) == {1: 100}
    assert waiting.after(1_000).dues == (0, 70, 0)
    assert waiting.after(1).dues == (0, -30, 0)


def test_paid_given_graduated_tiers_counts_each_part_and_each_flat_once() -> None:
    tiers = ((1_000, 100_000), (2_000, 200_000, 7), (300_000, 0))
    sharing = Sharing((running(clause(*tiers, shares=(PPM, 0), graduated=True)),))
    assert sharing.paid(1_000) == {1: 100}
    assert sharing.paid(1_001) == {1: 107}
    assert sharing.paid(3_000) == {1: 100 + 207 + 300}


def test_paid_given_a_cap_and_a_reserve_takes_the_reserve_first_and_stops_at_the_cap() -> None:
    kept = clause((100_000,), shares=(250_000, 750_000), cap=1_000, reserve=Reserve(50_000, 4))
    sharing = Sharing((running(kept),))
    assert sharing.paid(5_010) == {7: 25, 1: 119, 2: 357}
    assert sharing.paid(9_999_999) == {7: 50, 1: 237, 2: 712}
    assert sharing.after(10_000).given(10**9) == 0


def test_paid_given_steps_by_time_takes_those_of_the_periods_beginning() -> None:
    start = periods.start_s(PERIOD)
    for above, expected in ((start - 1, {2: 100}), (start, {1: 100})):
        steps = (Step(0, (PPM, 0)), Step(above, (0, PPM)))
        timed = clause((PPM, 0), shares=(), steps=steps, step_by=BY_TIME)
        assert Sharing((running(timed),)).paid(100) == expected


def test_paid_given_tiers_and_steps_by_a_measure_takes_the_first_of_both() -> None:
    steps = (Step(0, (PPM, 0)), Step(1, (0, PPM)))
    measured = clause((10, 100_000), (900_000, 0), shares=(), steps=steps, step_by=1, tier_by=2)
    assert Sharing((running(measured),)).paid(1_000) == {1: 100}


def test_paid_given_several_agreements_goes_by_each_ones_total() -> None:
    half = running(clause((PPM, 0), shares=(500_000, 0)), total=1)
    other = running(clause((PPM, 0), shares=(500_000, 500_000)), total=2)
    sharing = Sharing((half, other))
    assert sharing.paid(1) == {1: 1}
    assert sharing.paid(2) == {1: 2, 2: 1}
    assert sharing.given(2) == 3


def test_given_at_the_largest_total_gives_no_more() -> None:
    sharing = fixed({1: PPM}, total=MAX_TOTAL - 10)
    assert (sharing.given(10), sharing.given(11), sharing.given(2**100)) == (10, 10, 10)
    assert sharing.floors_within(10) is not None
    assert sharing.floors_within(11) is None
    assert sharing.after(99).running[0].total == MAX_TOTAL


@pytest.mark.parametrize("block", range(4))
def test_paid_given_random_agreements_is_the_naive_computation(block: int) -> None:
    for seed in range(block * 150, block * 150 + 150):
        draw = random.Random(seed)
        sharing, beside = random_sharing(draw)
        for _ in range(4):
            commission = draw.choice((0, 1, draw.randint(0, 40), draw.randint(0, 9_000), 2**75))
            expected: dict[int, int] = {}
            for each in beside:
                add(expected, each.earn(commission))
            expected = {who: amount for who, amount in expected.items() if amount}
            assert sharing.paid(commission) == expected, f"seed {seed}"
            assert sharing.given(commission) == sum(expected.values()), f"seed {seed}"
            sharing = sharing.after(commission)
            for now, known in zip(sharing.running, beside, strict=True):
                assert now.total == known.total, f"seed {seed}"
                assert dict(zip(now.receivers, now.dues, strict=True)) == known.dues, f"seed {seed}"


def test_paid_in_whatever_parts_comes_to_the_same_once_what_is_owed_is_counted() -> None:
    for seed in range(200):
        draw = random.Random(seed)
        sharing, _ = random_sharing(draw)
        total = draw.choice((40, 9_000, 2**71))
        cuts = sorted(draw.randint(0, total) for _ in range(draw.randint(1, 30)))
        received: dict[int, int] = {}
        at_once = dict(sharing.paid(total))
        parts, before = sharing, 0
        for cut in (*cuts, total):
            add(received, parts.paid(cut - before))
            parts, before = parts.after(cut - before), cut
        for whole, split in zip(sharing.after(total).running, parts.running, strict=True):
            for who, one, other in zip(whole.receivers, whole.dues, split.dues, strict=True):
                add(at_once, {who: one})
                add(received, {who: other})
        for who in at_once.keys() | received.keys():
            assert at_once.get(who, 0) == received.get(who, 0), f"seed {seed}, {who}"


def test_around_and_falls_of_random_agreements_hold_for_every_commission() -> None:
    for seed in range(250):
        draw = random.Random(seed)
        sharing, _ = random_sharing(draw)
        most = draw.choice((0, 1, draw.randint(0, 50), draw.randint(0, 8_000), 2**71))
        around, falls = sharing.around(most), sharing.falls
        some = {0, 1, most, *(draw.randint(0, most) for _ in range(40))}
        some |= {each + k for one in sharing.running for each in one.bends(most) for k in (-1, 0, 1)}
        highest = 0
        for commission in sorted(each for each in some if 0 <= each <= most):
            given = sharing.given(commission)
            line = around.slope_ppm * commission
            assert line - around.under <= given * PPM <= line + around.over, f"seed {seed}, {commission}"
            assert highest - given <= falls, f"seed {seed}, {commission}"
            highest = max(highest, given)
        for _ in range(40):
            low, high = sorted((draw.choice(sorted(some)), draw.choice(sorted(some))))
            if 0 <= low <= high <= most:
                more = (sharing.given(high) - sharing.given(low)) * PPM
                assert more <= around.rate_ppm * (high - low) + around.jump, f"seed {seed}, {low}, {high}"


def test_around_given_fixed_shares_is_as_close_as_their_fractions() -> None:
    sharing = fixed({1: 250_000, 2: 100_000, 3: 0}, total=3)
    around = sharing.around(10**9)
    rounding = 2 * (PPM - 1)
    assert around == Around(350_000, 1_050_000, rounding - 1_050_000, 350_000, rounding)
    assert sharing.floors == ((750_000, 250_000), (300_000, 100_000))
    assert sharing.rate_ppm == 350_000


def test_rate_given_tiers_is_the_highest_with_what_the_reserve_takes() -> None:
    tiers = ((10, 400_000), (100_000, 0))
    assert Sharing((running(clause(*tiers, shares=(200_000, 300_000))),)).rate_ppm == 200_000
    kept = clause(*tiers, shares=(200_000, 300_000), reserve=Reserve(500_000, 1))
    assert Sharing((running(kept),)).rate_ppm == 300_000
