"""Periods of the calendar and day counts, against known answers.

parse, text       ─ every kind, there and back; what is no period
start_s, end_s    ─ leap years, the turn of a year; at: the period that a moment lies in
days, year_days   ─ ISO 20022's A004, A005 and A001, at the ends of months
"""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidValue
from ledger.terms import DayCount
from settlement.agreements import periods


def seconds(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp())


@pytest.mark.parametrize(
    ("text", "period", "months"),
    [
        ("2019-11", 24_238, 1),
        ("2019-01", 24_228, 1),
        ("2019-12", 24_239, 1),
        ("2019Q1", 24_228, 3),
        ("2019Q4", 24_237, 3),
        ("2019H1", 24_228, 6),
        ("2019H2", 24_234, 6),
        ("2019", 24_228, 12),
        ("1970", 23_640, 12),
    ],
)
def test_period_given_its_text_is_its_first_month(text: str, period: int, months: int) -> None:
    assert periods.parse(text) == (period, months)
    assert periods.text(period, months) == text


@given(st.integers(1970 * 12, 5460 * 12), st.sampled_from(periods.MONTHS))
def test_period_given_any_is_read_back(month: int, months: int) -> None:
    period = month - month % months
    assert periods.parse(periods.text(period, months)) == (period, months)
    assert periods.at(periods.start_s(period), months) == period
    assert periods.at(periods.end_s(period, months) - 1, months) == period
    assert periods.at(periods.end_s(period, months), months) == period + months


@pytest.mark.parametrize(
    "text",
    [
        *("", "2019Q0", "2019Q5", "2019H3", "2019-13", "2019-1", "2019q1", "19Q1", "2019 Q1", "1969", "9999"),
        *("Q1", "2019Q1\n", "-2019", "٢٠١٩"),
    ],
)
def test_period_given_another_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="period"):
        periods.parse(text)


@pytest.mark.parametrize(("period", "months"), [(24_229, 3), (24_231, 6), (24_228, 2), (0, 1)])
def test_text_given_what_no_period_begins_with_is_refused(period: int, months: int) -> None:
    with pytest.raises(InvalidValue, match="period"):
        periods.text(period, months)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2019Q4", "2019-10-01", "2020-01-01"),
        ("2020-02", "2020-02-01", "2020-03-01"),
        ("2019H1", "2019-01-01", "2019-07-01"),
        ("2019", "2019-01-01", "2020-01-01"),
    ],
)
def test_bounds_given_a_period_are_midnights_utc(text: str, start: str, end: str) -> None:
    period, months = periods.parse(text)
    assert periods.start_s(period) == seconds(start)
    assert periods.end_s(period, months) == seconds(end)


@pytest.mark.parametrize(
    ("day_count", "start", "end", "days"),
    [
        (DayCount.ACTUAL_365, "2019-10-01", "2020-01-01", 92),
        (DayCount.ACTUAL_360, "2020-01-01", "2020-04-01", 91),
        (DayCount.ACTUAL_360, "2020-01-01T12:00:00", "2020-01-03T11:59:59", 1),
        (DayCount.ACTUAL_365, "2020-01-01", "2020-01-01", 0),
        (DayCount.THIRTY_360, "2019-10-01", "2020-01-01", 90),
        (DayCount.THIRTY_360, "2019-01-01", "2020-01-01", 360),
        (DayCount.THIRTY_360, "2019-01-31", "2019-02-28", 28),
        (DayCount.THIRTY_360, "2019-01-30", "2019-03-31", 60),
        (DayCount.THIRTY_360, "2019-01-15T23:00:00", "2019-04-01", 76),
        (DayCount.THIRTY_360, "2019-02-28", "2019-03-31", 32),
    ],
)
def test_days_given_two_moments_are_the_conventions(
    day_count: DayCount, start: str, end: str, days: int
) -> None:
    assert periods.days(day_count, seconds(start), seconds(end)) == days


def test_year_days_given_each_convention_are_its_own() -> None:
    found = [periods.year_days(each) for each in list(DayCount)[1:]]
    assert found == [360, 365, 360]
    for asked in (periods.year_days, lambda each: periods.days(each, 0, 0)):
        with pytest.raises(InvalidValue, match="day count"):
            asked(DayCount.NONE)
