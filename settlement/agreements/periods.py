"""Periods of the calendar, and how days become a part of a year.

A period is named by its first month, `year * 12 + month - 1`, and has 1, 3, 6 or 12 months that begin with a
multiple of their number. Times are seconds since 1970, UTC, as the chain has them.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from ledger.errors import InvalidValue
from ledger.terms import DayCount

MONTHS = (1, 3, 6, 12)
"""How long a period can be."""
DAY_S = 86_400
_KINDS = {"": 12, "H": 6, "Q": 3, "-": 1}
_TEXT = re.compile(r"([1-9][0-9]{3})(?:(H)([12])|(Q)([1-4])|(-)(0[1-9]|1[0-2]))?")
_YEARS = range(1970, 5462)
"""Periods are 16 bits on the chain: the last that fits is of the year 5461."""


def parse(text: str) -> tuple[int, int]:
    """(first month, months) of "2019-11", "2019Q4", "2019H2" or "2019". Raises InvalidValue."""
    found = _TEXT.fullmatch(text) if isinstance(text, str) else None
    if found is None or int(found[1]) not in _YEARS:
        raise InvalidValue("period", text, "2019-11, 2019Q4, 2019H2 or 2019 is how one is written")
    kind = found[2] or found[4] or found[6] or ""
    number = int(found[3] or found[5] or found[7] or 1)
    months = _KINDS[kind]
    return int(found[1]) * 12 + (number - 1) * months, months


def text(period: int, months: int) -> str:
    """How a period is written; the inverse of `parse`. Raises InvalidValue where no such period begins."""
    year, month = divmod(_checked(period, months), 12)
    if months == 1:
        return f"{year}-{month + 1:02d}"
    number = month // months + 1
    return {3: f"{year}Q{number}", 6: f"{year}H{number}", 12: f"{year}"}[months]


def start_s(period: int) -> int:
    """When the month begins that names a period."""
    year, month = divmod(period, 12)
    return int(datetime(year, month + 1, 1, tzinfo=UTC).timestamp())


def end_s(period: int, months: int) -> int:
    """When a period has ended and the next one begins."""
    return start_s(period + months)


def at(seconds: int, months: int) -> int:
    """The period that a moment lies in."""
    moment = datetime.fromtimestamp(seconds, UTC)
    month = moment.year * 12 + moment.month - 1
    return month - month % months


def days(day_count: DayCount, start: int, end: int) -> int:
    """Days from one moment to another, both in seconds: whole days of 86,400 s, or on 30/360 as if every
    month had 30 days. Raises InvalidValue where nothing is to be counted.
    """
    if day_count is DayCount.NONE:
        raise InvalidValue("day count", day_count.name, "ACT/360, ACT/365 or 30/360 is wanted")
    if day_count is not DayCount.THIRTY_360:
        return (end - start) // DAY_S
    first, last = _date(start), _date(end)
    first_day, last_day = min(first.day, 30), min(last.day, 30)
    return 360 * (last.year - first.year) + 30 * (last.month - first.month) + last_day - first_day


def year_days(day_count: DayCount) -> int:
    """How many days a year has. Raises InvalidValue where nothing is to be counted."""
    if day_count is DayCount.NONE:
        raise InvalidValue("day count", day_count.name, "ACT/360, ACT/365 or 30/360 is wanted")
    return 365 if day_count is DayCount.ACTUAL_365 else 360


def _checked(period: int, months: int) -> int:
    if months not in MONTHS or period % months or period // 12 not in _YEARS:
        raise InvalidValue("period", (period, months), "a first month and 1, 3, 6 or 12 months are wanted")
    return period


def _date(seconds: int) -> date:
    return datetime.fromtimestamp(seconds, UTC).date()
