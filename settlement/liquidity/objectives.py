"""What a choice should be as large as can be in, and how long it may be looked for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from ledger.errors import InvalidValue

TIME_LIMIT_S = 10
"""Seconds that a solver has where nobody says otherwise."""
LONGEST_S = 86_400
"""Seconds that a solver may be given: a day."""


class Objective(StrEnum):
    """What is to be largest."""

    VALUE = "value"
    """The sum of the values of what settles."""
    COUNT = "count"
    """How many settle."""
    PRIORITY = "priority"
    """The value of what has the largest priority number; with as much of that, of the next; and so on."""

    @classmethod
    def of(cls, name: str, *known: Objective) -> Objective:
        """The objective of this name, one of `known` (none: any). Raises InvalidValue."""
        allowed = known or tuple(cls)
        for each in allowed:
            if each == name:
                return each
        raise InvalidValue("objective", name, f"one of {', '.join(allowed)} is wanted")


@dataclass(frozen=True, slots=True)
class Search:
    """What is to be as large as can be of what settles, and for how many seconds it may be looked for: in a
    cycle of several netting sets altogether."""

    objective: Objective = Objective.VALUE
    time_limit_s: float = TIME_LIMIT_S


def checked_time_limit(time_limit_s: float) -> float:  # seconds
    """The limit, in seconds. Raises InvalidValue unless it is a number above 0, of a day at most."""
    is_number = isinstance(time_limit_s, (int, float)) and not isinstance(time_limit_s, bool)
    if not is_number or not isfinite(time_limit_s) or not 0 < time_limit_s <= LONGEST_S:
        raise InvalidValue("time limit", time_limit_s, f"more than 0 and at most {LONGEST_S:,} seconds")
    return time_limit_s
