"""Injected time. Nothing else in the project asks the machine what time it is."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from ledger.errors import TooEarly

LONGEST_WAIT_S = 60


class Clock(Protocol):
    """Gives the time as an aware datetime in UTC."""

    def now(self) -> datetime:
        """The time at this call."""
        ...

    def wait_until(self, moment: datetime) -> None:
        """Return when it is that time or later. Raises TooEarly where that is longer than anybody waits."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The machine's time, in UTC."""
        return datetime.now(UTC)

    def wait_until(self, moment: datetime) -> None:
        """Sleep until then, or raise TooEarly."""
        left_s = (moment - self.now()).total_seconds()
        if left_s > LONGEST_WAIT_S:
            raise TooEarly(moment)
        time.sleep(max(0, left_s))


class SteppedClock:
    """A clock that is the same in every run: `start` at the first call, then a `step` later each call."""

    def __init__(self, start: datetime, step: timedelta = timedelta(seconds=1)) -> None:
        """Raises ValueError where `start` has no time zone or `step` goes backwards."""
        if start.tzinfo is None:
            raise ValueError(f"the clock's start {start!r} has no time zone; give it one, UTC for instance")
        if step < timedelta(0):
            raise ValueError(f"the clock's step {step!r} goes backwards; it must be zero or more")
        self._next = start.astimezone(UTC)
        self._step = step

    def now(self) -> datetime:
        """The time of this call; the next call's is a step later."""
        current = self._next
        self._next = current + self._step
        return current

    def wait_until(self, moment: datetime) -> None:
        """Move forward to that time, if it is not past."""
        self._next = max(self._next, moment)
