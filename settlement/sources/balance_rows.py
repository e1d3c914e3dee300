"""Rows of balances and of booked cash: positions, cash and revenue, as a mapping says where they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from settlement.reconciliation.model import Level, share_line
from settlement.sources import Balance, CashMovement, Context, Source, Tolerances, numbers, words
from settlement.sources.errors import SourceRefused
from settlement.sources.table import Loaded, Rows, Table, plural, require
from settlement.sources.trade_rows import Counted, Named, iso, other_days

NOTHING = -(2**100)
"""Stands for an empty cell, as no amount can be it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What stands where. `amount` makes the rows movements of cash, else they are balances."""

    level: Level
    holder: Named | None
    asset: Named | None
    payer: Named | None
    party: Named | None
    opening: Counted | None
    movements: Counted | None
    closing: Counted | None
    as_of: Named | None
    amount: Counted | None
    reference: Named | None
    date: Named | None
    currency: str
    tolerances: Tolerances
    cut_off: str | None

    def columns(self) -> list[str]:
        """The columns that are read, each once."""
        cells = (getattr(self, name) for name in self.__slots__)
        return list(dict.fromkeys(cell.column for cell in cells if isinstance(cell, Named | Counted)))


def read(table: Table, plan: Plan, context: Context) -> Source:
    """The balances or movements of a table. Raises SourceRefused: a column that is not there, a statement
    for another day, nobody to whom it belongs.
    """
    wanted = plan.columns()
    require(table, wanted)
    loaded = table.load(wanted)
    rows = Rows(table.name, loaded.line, loaded.refused)
    reading = _Reading(loaded, rows, plan, context)
    notes: dict[str, str] = {}
    balances: tuple[Balance, ...] = ()
    movements: tuple[CashMovement, ...] = ()
    if plan.amount is not None:
        movements, other = reading.moved(plan.amount)
        if other:
            notes["other_days"] = other_days(other, context.day)
    else:
        balances = reading.balances()
    if rows.untold:
        notes["refused"] = f"{plural(rows.untold, 'further row')} refused"
    holders = [each.holder for each in balances]
    holders += [each.holder for each in movements]
    return Source(
        name=table.name,
        side=context.side,
        owner=context.owner,
        format="mapped",
        rows=loaded.rows,
        balances=balances,
        movements=movements,
        refused=rows.refused(),
        tolerances=plan.tolerances,
        cut_off=plan.cut_off,
        others=sum(holder != context.owner for holder in holders) if context.owner else 0,
        notes=notes,
    )


class _Reading:
    def __init__(self, loaded: Loaded, rows: Rows, plan: Plan, context: Context) -> None:
        self.loaded, self.rows, self.plan, self.context = loaded, rows, plan, context

    def balances(self) -> tuple[Balance, ...]:
        """The rows as balances."""
        plan = self.plan
        holder, asset = self._holders(), self._assets()
        opening, moved, closing = (
            self._amounts(each) for each in (plan.opening, plan.movements, plan.closing)
        )
        day = self._days(plan.as_of)
        kept = np.flatnonzero(~self.rows.bad).tolist()
        if self.context.day:
            for row in kept:
                if day[row] not in (0, self.context.day):
                    raise another_day(self.rows.source, int(self.rows.line[row]), day[row], self.context.day)
        return tuple(
            Balance(
                plan.level,
                holder[row],
                asset[row],
                opening[row],
                moved[row],
                closing[row],
                day[row],
                int(self.rows.line[row]),
            )
            for row in kept
        )

    def moved(self, amount: Counted) -> tuple[tuple[CashMovement, ...], int]:
        """The rows as movements of cash, and how many of other days were left out."""
        holder, asset = self._holders(), self._assets()
        array = self.loaded.array(amount.column)
        amounts = numbers.read(self.rows, array, amount.column, amount.form).tolist()
        reference = self._texts(self.plan.reference, "", optional=True)
        day = self._days(self.plan.date or self.plan.as_of)
        wanted = self.context.day
        kept = np.flatnonzero(~self.rows.bad).tolist()
        mine = [row for row in kept if not wanted or day[row] in (0, wanted)]
        found = tuple(
            CashMovement(
                holder[row], asset[row], amounts[row], reference[row], day[row], int(self.rows.line[row])
            )
            for row in mine
        )
        return found, len(kept) - len(mine)

    def _holders(self) -> list[str]:
        if self.plan.holder is None and self.context.owner is None:
            raise SourceRefused(
                self.rows.source, "says nothing of whose the balances are; map `holder`, or say whose it is"
            )
        return self._texts(self.plan.holder, self.context.owner or "")

    def _assets(self) -> list[str]:
        plan = self.plan
        if plan.payer is not None and plan.party is not None:
            pairs = zip(self._texts(plan.payer, ""), self._texts(plan.party, ""), strict=True)
            return [share_line(payer, party) for payer, party in pairs]
        return self._texts(plan.asset, plan.currency)

    def _texts(self, named: Named | None, default: str, *, optional: bool = False) -> list[str]:
        if named is None:
            return [default] * len(self.rows)
        array = self.loaded.array(named.column)
        found, codes = words.names(
            self.rows, array, named.column, named.pattern, named.names, optional=optional
        )
        return [found[code] if code >= 0 else default for code in codes.tolist()]

    def _amounts(self, counted: Counted | None) -> list[int | None]:
        if counted is None:
            return [None] * len(self.rows)
        array = self.loaded.array(counted.column)
        values = numbers.read(self.rows, array, counted.column, counted.form, empty=NOTHING)
        return [None if value == NOTHING else value for value in values.tolist()]

    def _days(self, named: Named | None) -> list[int]:
        if named is None:
            return [0] * len(self.rows)
        array: Any = self.loaded.array(named.column)
        found = words.days(self.rows, array, named.column, named.form, named.pattern, True)
        return [int(day) for day in found.tolist()]


def another_day(source: str, line: int, found: int, wanted: int) -> SourceRefused:
    """The error for a statement that is not of the day that was asked for."""
    where = f"line {line} is " if line else "it is "
    return SourceRefused(source, f"is for another day: {where}as of {iso(found)}, not {iso(wanted)}")
