"""When trades come, and which of them goes first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ledger.units import TIME_UNKNOWN, Column, parse_minor
from settlement.model import Trades
from settlement.scenario_day import Day


def seconds_of(time: str) -> int:
    """Seconds of the day at `HH:MM`."""
    hours, minutes = time.split(":")
    return int(hours) * 3600 + int(minutes) * 60


def arrivals(trades: Trades, day: Day) -> npt.NDArray[np.int64]:
    """The second of the day at which each trade comes, within the day's hours. Trades without a time come
    evenly from `opens` until the last cycle, by rising number.
    """
    first, last = seconds_of(day.opens), seconds_of(day.cycles[-1])
    times = trades.time.astype(np.int64)
    unknown = np.flatnonzero(times == TIME_UNKNOWN)
    if len(unknown):
        order = np.argsort(trades.number[unknown], kind="stable")
        times[unknown[order]] = first + np.arange(len(unknown)) * (last - first) // len(unknown)
    return np.clip(times, first, last)


def by_interval(trades: Trades, day: Day) -> list[npt.NDArray[np.int64]]:
    """For each of the day's cycles the rows that come up to its time and after the one before, in the order
    in which they come; of one second, by rising number.
    """
    times = arrivals(trades, day)
    order = np.lexsort((trades.number, times))
    ends = np.searchsorted(times[order], [seconds_of(time) for time in day.cycles], side="right")
    return np.split(order, ends[:-1])


def priorities(amounts: Column, above: Sequence[str], exponent: int) -> npt.NDArray[np.int64]:
    """The priority of each amount (minor units), 0 the highest: the first of the bounds that it is above."""
    found = np.full(len(amounts), len(above), dtype=np.int64)
    for rank, bound in reversed(list(enumerate(above))):
        found[(amounts > parse_minor(bound, exponent)).astype(bool)] = rank
    return found
