from datetime import UTC, datetime, timedelta, timezone

import pytest

from ledger.clock import SteppedClock, SystemClock
from ledger.errors import TooEarly

START = datetime(2019, 11, 21, 9, 0, tzinfo=UTC)


def test_stepped_clock_gives_start_first_then_advances_by_its_step():
    clock = SteppedClock(START, timedelta(minutes=1))
    assert [clock.now() for _ in range(3)] == [START + timedelta(minutes=n) for n in range(3)]


def test_stepped_clock_given_another_zone_gives_utc():
    nepal = timezone(timedelta(hours=5, minutes=45))
    now = SteppedClock(datetime(2019, 11, 21, 14, 45, tzinfo=nepal)).now()
    assert now == START
    assert now.tzinfo is UTC


def test_stepped_clock_given_step_of_zero_stands_still():
    clock = SteppedClock(START, timedelta(0))
    assert clock.now() == clock.now() == START


def test_stepped_clock_given_start_without_zone_raises():
    with pytest.raises(ValueError, match="no time zone"):
        SteppedClock(datetime(2019, 11, 21))  # noqa: DTZ001


def test_stepped_clock_given_backward_step_raises():
    with pytest.raises(ValueError, match="goes backwards"):
        SteppedClock(START, timedelta(seconds=-1))


def test_system_clock_is_aware_and_in_utc():
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_system_clock_given_a_moment_that_is_past_does_not_wait():
    SystemClock().wait_until(START)


def test_system_clock_given_a_moment_far_off_says_when_instead_of_waiting():
    moment = SystemClock().now() + timedelta(minutes=5)
    with pytest.raises(TooEarly, match=f"{moment:%H:%M:%S}"):
        SystemClock().wait_until(moment)


def test_stepped_clock_given_a_moment_moves_to_it_and_never_back():
    clock = SteppedClock(START)
    clock.wait_until(START + timedelta(hours=3))
    assert clock.now() == START + timedelta(hours=3)
    clock.wait_until(START)
    assert clock.now() == START + timedelta(hours=3, seconds=1)
