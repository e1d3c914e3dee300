"""Fee schedules: tiers of unit rates, ppm rates and flat parts, by slab or graduated; and a venue's charges.

A tier takes amounts above the last bound up to and including its own. By slab the whole amount is charged at
the tier that it falls in, so a fee can fall as the amount rises. Graduated, each tier charges what of the
amount is in it, and the flat parts of every entered tier add up: an amount of zero enters the first.

`fee` is exact: whoever pays it rounds it, once. A venue's schedule is one in minor units with the regulator's
levy besides; its columns are rounded down, each trade and side by itself, as on the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ledger.errors import InvalidValue
from ledger.units import MAX_AMOUNT, MAX_FLAT, PPM, Column, exact, parse_minor
from settlement.errors import ScheduleInvalid
from settlement.scenario_checks import MAX_TIERS

if TYPE_CHECKING:
    from settlement.scenario import Scenario

Exact = int | Fraction | Decimal
"""A number without rounding; a float is none."""
_INT64_MAX = 2**63 - 1


class Kind(StrEnum):
    """Which tiers of a schedule an amount is charged at."""

    SLAB = "slab"
    """The one that it falls in, on the whole amount."""
    GRADUATED = "graduated"
    """Every one that it enters, each on what of the amount is in it."""


@dataclass(frozen=True, slots=True)
class Tier:
    """Amounts up to and including `up_to` (None: any) are charged `unit` and `rate_ppm` millionths for each
    of their units, and `flat` besides."""

    up_to: Exact | None
    rate_ppm: Exact = 0
    flat: Exact = 0
    unit: Exact = 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """Tiers from small to large, the last without bound. Raises ScheduleInvalid where they are not, where a
    number is not exact or below zero, or a ppm rate is above 1,000,000."""

    kind: Kind
    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.kind, Kind):
            raise ScheduleInvalid(f"a schedule is of one of the kinds {', '.join(Kind)}, not {self.kind!r}")
        for tier in self.tiers:
            for number in (tier.unit, tier.rate_ppm, tier.flat, 0 if tier.up_to is None else tier.up_to):
                if not _is_exact(number) or number < 0:
                    raise ScheduleInvalid(f"{number!r} is no exact number of at least 0")
        if any(tier.rate_ppm > PPM for tier in self.tiers):
            raise ScheduleInvalid(f"a rate is not between 0 and {PPM:,} ppm")
        if not self.tiers or self.tiers[-1].up_to is not None:
            raise ScheduleInvalid("the last tier must be without bound")
        bounds = [tier.up_to for tier in self.tiers[:-1]]
        for last, bound in pairwise([0, *bounds]):
            if last is None or bound is None or _fraction(bound) <= _fraction(last):
                raise ScheduleInvalid(f"the bound {bound} does not rise above {last}")


@dataclass(frozen=True, slots=True)
class VenueSchedule(Schedule):
    """What a venue charges a side of a trade, in minor units: commission by the tiers, and the levy.

    Raises ScheduleInvalid also where the ledger could not hold it: a number that is not whole, a unit rate, a
    bound from the record's largest amount on, a flat part above `MAX_FLAT`, more than 32 tiers.
    """

    levy_ppm: int = 0

    def __post_init__(self) -> None:
        # Not by super(): a dataclass with slots is made anew, and is not the class that super() would know.
        Schedule.__post_init__(self)
        for tier in self.tiers:
            if not all(isinstance(each, int | None) for each in (tier.up_to, tier.rate_ppm, tier.flat)):
                raise ScheduleInvalid("the ledger holds whole minor units and whole ppm")
            if tier.unit:
                raise ScheduleInvalid("the ledger has no unit rates; 1,000,000 ppm are one a unit")
            if tier.flat > MAX_FLAT or (tier.up_to is not None and tier.up_to >= MAX_AMOUNT):
                raise ScheduleInvalid(f"{tier} is more than the ledger holds")
        if not isinstance(self.levy_ppm, int) or not 0 <= self.levy_ppm <= PPM:
            raise ScheduleInvalid(f"a rate is not between 0 and {PPM:,} ppm")
        if len(self.tiers) > MAX_TIERS:
            raise ScheduleInvalid(f"there are {len(self.tiers)} tiers, more than {MAX_TIERS}")

    @classmethod
    def of(cls, scenario: Scenario) -> VenueSchedule:
        """The schedule that the scenario's fees say."""
        minor, fees = scenario.exponent, scenario.fees
        tiers = tuple(
            Tier(
                None if tier.up_to is None else parse_minor(tier.up_to, minor),
                tier.rate_ppm,
                parse_minor(tier.flat, minor),
            )
            for tier in fees.tiers
        )
        return cls(Kind(fees.kind), tiers, fees.levy.rate_ppm)

    @classmethod
    def registered(
        cls, levy_ppm: int, graduated: bool, tiers: Iterable[tuple[int, int, int]]
    ) -> VenueSchedule:
        """The schedule that the ledger holds so."""
        found = (Tier(None if up_to == MAX_AMOUNT else up_to, rate, flat) for up_to, rate, flat in tiers)
        return cls(Kind.GRADUATED if graduated else Kind.SLAB, tuple(found), levy_ppm)

    @property
    def graduated(self) -> bool:
        """Whether all tiers that an amount enters count."""
        return self.kind is Kind.GRADUATED

    def as_registered(self) -> list[tuple[int, int, int]]:
        """(up to, ppm, flat) a tier, as the ledger holds them: the last up to the record's largest amount."""
        return [
            (MAX_AMOUNT if tier.up_to is None else int(tier.up_to), int(tier.rate_ppm), int(tier.flat))
            for tier in self.tiers
        ]


def charged(schedule: Schedule, amount: Exact) -> list[tuple[Tier, Fraction]]:
    """The tiers that an amount is charged at, and what of it each is charged on, in the amount's units.

    Raises InvalidValue unless the amount is exact and at least 0.
    """
    if not _is_exact(amount) or amount < 0:
        raise InvalidValue("amount", amount, "an exact number of at least 0 is wanted")
    found: list[tuple[Tier, Fraction]] = []
    units, last = _fraction(amount), Fraction(0)
    for tier in schedule.tiers:
        end = units if tier.up_to is None else min(units, _fraction(tier.up_to))
        if end == units:
            return [*found, (tier, units - last)]
        if schedule.kind is Kind.GRADUATED:
            found.append((tier, end - last))
            last = end
    raise AssertionError("the last tier is without bound")


def fee(schedule: Schedule, amount: Exact) -> Fraction:
    """What the schedule charges an amount, exact and not rounded; raises as `charged` does."""
    return sum(
        (
            part * (_fraction(tier.unit) + _fraction(tier.rate_ppm) / PPM) + _fraction(tier.flat)
            for tier, part in charged(schedule, amount)
        ),
        Fraction(0),
    )


def commission(schedule: VenueSchedule, amounts: Sequence[int] | npt.NDArray[Any]) -> Column:
    """The commission on each amount, for one side, in minor units, each rounded down."""
    column = _amounts(amounts)
    place = tiers_of(schedule, column)
    rates = np.array([tier.rate_ppm for tier in schedule.tiers], dtype=np.int64)
    whole, rest = zip(*(divmod(offset, PPM) for offset in offsets(schedule)), strict=True)
    return _down(column, rates[place], exact(whole)[place], exact(rest)[place])


def levy(schedule: VenueSchedule, amounts: Sequence[int] | npt.NDArray[Any]) -> Column:
    """The regulator's levy on each amount, for one side, in minor units, each rounded down."""
    nothing = np.zeros(1, dtype=np.int64)
    return _down(_amounts(amounts), np.array([schedule.levy_ppm], dtype=np.int64), nothing, nothing)


def tiers_of(schedule: VenueSchedule, amounts: Column) -> npt.NDArray[np.int64]:
    """Which of the schedule's tiers, from 0, each amount falls in."""
    bounds = exact([int(tier.up_to) for tier in schedule.tiers if tier.up_to is not None])
    # side="left" finds the first bound that is not below the amount: a bound belongs to its own tier.
    return np.asarray(np.searchsorted(bounds, amounts, side="left"), dtype=np.int64)


def offsets(schedule: VenueSchedule) -> list[int]:
    """By tier, what an amount in it is charged besides its rate on the whole amount, in millionths of a minor
    unit. Graduated, a tier begins at what the one before ends with, and this is below zero where rates rise.
    """
    found, start, begun = [], 0, 0
    for up_to, rate, flat in schedule.as_registered():
        found.append(begun + flat * PPM - start * rate)
        if schedule.graduated:
            start, begun = up_to, up_to * rate + found[-1]
    return found


def _amounts(amounts: Sequence[int] | npt.NDArray[Any]) -> Column:
    column = exact(amounts)
    if column.size and min(column.tolist() if column.dtype == object else [column.min()]) < 0:
        raise InvalidValue("column of amounts", int(min(column.tolist())), "amounts are not negative")
    return column


def _down(column: Column, rate_ppm: Column, whole: Column, rest: Column) -> Column:
    """floor((amount * rate + offset) / 1e6), by quotient and remainder, as the whole product could overflow;
    the offset is `whole` minor units and `rest` millionths.
    """
    if column.dtype == object or whole.dtype == object or _could_exceed(column, whole):
        column, rate_ppm, whole, rest = (each.astype(object) for each in (column, rate_ppm, whole, rest))
    units, parts = column // PPM, column % PPM
    result: Column = units * rate_ppm + whole + (parts * rate_ppm + rest) // PPM
    return result


def _could_exceed(column: Column, whole: Column) -> bool:
    """Whether a charge, which is at most the amount and what is added to it, could exceed int64."""
    return bool(column.size) and int(column.max()) + int(whole.max()) > _INT64_MAX


def _is_exact(number: object) -> bool:
    if isinstance(number, Decimal):
        return number.is_finite()
    return isinstance(number, int | Fraction) and not isinstance(number, bool)


def _fraction(number: Exact) -> Fraction:
    return Fraction(number)
