"""Fees: what a broker earns on its side of a trade, and the regulator's levy. Exact, rounded down.

A schedule has slabs: an amount above the last bound up to and including a slab's own is charged
whole at that slab's rate, so a fee can fall as the amount rises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ledger.errors import InvalidValue
from ledger.units import PPM, Column, exact, mul_div_down, parse_minor
from settlement.errors import ScheduleInvalid

if TYPE_CHECKING:
    from settlement.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Slab:
    """Amounts up to and including `up_to_minor` (None: any) are charged at `rate_ppm`."""

    up_to_minor: int | None
    rate_ppm: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """Slabs from small to large, the last without bound, and the levy; raises ScheduleInvalid otherwise."""

    slabs: tuple[Slab, ...]
    levy_ppm: int

    def __post_init__(self) -> None:
        if not self.slabs or self.slabs[-1].up_to_minor is not None:
            raise ScheduleInvalid("the last slab must be without bound")
        last = 0
        for slab in self.slabs[:-1]:
            if slab.up_to_minor is None or slab.up_to_minor <= last:
                raise ScheduleInvalid(f"the bound {slab.up_to_minor} does not rise above {last}")
            last = slab.up_to_minor
        if not all(0 <= rate <= PPM for rate in (self.levy_ppm, *(slab.rate_ppm for slab in self.slabs))):
            raise ScheduleInvalid(f"a rate is not between 0 and {PPM:,} ppm")

    @classmethod
    def of(cls, scenario: Scenario) -> Schedule:
        """The schedule that the scenario's fees say, its bounds in minor units."""
        slabs = tuple(
            Slab(None if slab.up_to is None else parse_minor(slab.up_to, scenario.exponent), slab.rate_ppm)
            for slab in scenario.fees.slabs
        )
        return cls(slabs, scenario.fees.levy.rate_ppm)

    def rate_ppm(self, amount: int) -> int:
        """The rate of the slab that `amount` (minor units) falls in."""
        for slab in self.slabs[:-1]:
            if slab.up_to_minor is not None and amount <= slab.up_to_minor:
                return slab.rate_ppm
        return self.slabs[-1].rate_ppm


def fee(schedule: Schedule, amount: int) -> int:
    """The commission on one trade and side, in minor units, rounded down."""
    return mul_div_down(amount, schedule.rate_ppm(amount), PPM)


def commission(schedule: Schedule, amounts: Sequence[int] | npt.NDArray[Any]) -> Column:
    """The commission on each amount, for one side, in minor units, each rounded down."""
    column = _amounts(amounts)
    bounds = exact([slab.up_to_minor for slab in schedule.slabs if slab.up_to_minor is not None])
    rates = np.array([slab.rate_ppm for slab in schedule.slabs], dtype=np.int64)
    # side="left" finds the first bound that is not below the amount: a bound belongs to its own slab.
    return _share_down(column, rates[np.searchsorted(bounds, column, side="left")])


def levy(schedule: Schedule, amounts: Sequence[int] | npt.NDArray[Any]) -> Column:
    """The regulator's levy on each amount, for one side, in minor units, each rounded down."""
    return _share_down(_amounts(amounts), np.int64(schedule.levy_ppm))


def _amounts(amounts: Sequence[int] | npt.NDArray[Any]) -> Column:
    column = exact(amounts)
    if column.size and min(column.tolist() if column.dtype == object else [column.min()]) < 0:
        raise InvalidValue("column of amounts", int(min(column.tolist())), "amounts are not negative")
    return column


def _share_down(column: Column, rate_ppm: Any) -> Column:
    """floor(amount * rate / 1e6), by quotient and remainder, as the whole product could overflow."""
    if column.dtype == object:
        rate_ppm = np.asarray(rate_ppm).astype(object)
    whole, rest = column // PPM, column % PPM
    result: Column = whole * rate_ppm + rest * rate_ppm // PPM
    return result
