"""What a run of the reconciliation compared, so that it closes nothing that it did not look at."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from settlement.reconciliation.model import Break, Level, Side


@dataclass(frozen=True, slots=True)
class Covered:
    """Institutions × sides × levels × days that were held against each other; None is all of them.

    What only some institutions' banks or books cover is several of these.
    """

    institutions: Collection[str] | None = None
    sides: Collection[Side] | None = None
    levels: Collection[Level] | None = None
    days: Collection[date] | None = None
    """Trading days. A break without one is of no day in particular, and covered."""
    cycle: int | None = None
    """Where the run was of one cycle only."""
    shelf: bool = False
    """Whether only records on the shelf were compared: that says nothing of a book that was brought."""
    numbers: Mapping[date, Collection[int]] | None = None
    """Which trades that cycle had, where it is known: they are covered whoever found the break."""

    def has(self, each: Break, cycle: int | None = None) -> bool:
        """Whether the run would have found the break again, which a run of `cycle` found last.

        A trade is of its cycle, and so is what moved in it; what is held after a later cycle replaces what
        was held after an earlier one.
        """
        if not (
            (each.shelf or not self.shelf)
            and _within(each.institution, self.institutions)
            and all(_within(side, self.sides) for side in each.sides)
            and _within(each.level, self.levels)
            and (each.trading_day is None or _within(each.trading_day, self.days))
        ):
            return False
        if self.cycle is None or self.cycle == cycle:
            return True
        if each.level != "trade":
            moved = each.level == "revenue" or "movements" in each.fields
            return cycle is not None and cycle < self.cycle and not moved
        if self.numbers is None or each.trading_day is None or not each.numbers:
            return False
        there = self.numbers.get(each.trading_day, ())
        return all(number in there for number in each.numbers)


def _within(one: object, several: Collection[object] | None) -> bool:
    return several is None or one in several
