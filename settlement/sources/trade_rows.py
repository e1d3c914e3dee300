"""Rows of trades into entries: what each column of a table is, and the columns read one by one.

A known trade format is a plan that is written here, a mapping becomes one; from there they go the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ledger.units import TIME_UNKNOWN, Column
from settlement.intake import canonical, nepse
from settlement.reconciliation.entries import BY_NUMBER, NO_DAY, NO_NUMBER, PRICE_DECIMALS, Entries
from settlement.sources import EXACT, Context, Source, Tolerances, both_sides, numbers, words
from settlement.sources.errors import SourceRefused
from settlement.sources.numbers import Form
from settlement.sources.table import Loaded, Rows, Table, plural, require

_EIGHT = 10**8

CANONICAL = tuple(canonical.of_exponent(0).form.header.split(","))
NEPSE = tuple(nepse.of_exponent(0).form.header.split(","))


@dataclass(frozen=True, slots=True)
class Named:
    """A column of words: names, dates or times."""

    column: str
    pattern: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    """Ours for theirs."""
    form: str | None = None
    """How dates or times are written."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A column of numbers."""

    column: str
    form: Form


@dataclass(frozen=True, slots=True)
class Direction:
    """How a book says on which side its owner is: words of a column, or the sign of the quantity."""

    column: str | None
    buy: tuple[str, ...] = ()
    sell: tuple[str, ...] = ()
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What stands where. Either buyer and seller, or a direction and perhaps a counterparty."""

    format: str
    security: Named
    quantity: Counted
    amount: Counted
    number: Counted | None = None
    day: Named | None = None
    both: Counted | None = None
    """Day and number in one: yyyymmdd and eight digits."""
    settles: Named | None = None
    time: Named | None = None
    buyer: Named | None = None
    seller: Named | None = None
    direction: Direction | None = None
    counterparty: Named | None = None
    price: Counted | None = None
    currency: Named | None = None
    commission: Counted | None = None
    levy: Counted | None = None
    naming: str = BY_NUMBER
    tolerances: Tolerances = EXACT
    cut_off: str | None = None
    default_currency: str | None = None

    def columns(self) -> list[str]:
        """The columns that are read, each once."""
        cells = (getattr(self, name) for name in self.__slots__)
        found = [
            cell.column for cell in cells if isinstance(cell, Named | Counted | Direction) and cell.column
        ]
        return list(dict.fromkeys(found))


def known_plan(columns: tuple[str, ...], exponent: int) -> Plan | None:
    """The plan of the known trade format whose columns are among these, in any order; None where none is."""
    if set(columns) >= set(CANONICAL):
        return Plan(
            canonical.NAME,
            security=Named("security"),
            quantity=Counted("quantity", numbers.quantity()),
            amount=Counted("settlement_amount", numbers.money(exponent)),
            number=Counted("trade_no", numbers.whole()),
            day=Named("trade_date"),
            time=Named("trade_time"),
            buyer=Named("buyer"),
            seller=Named("seller"),
            price=Counted("price", numbers.money(PRICE_DECIMALS)),
        )
    if {*columns, "S.N", "Date"} >= set(NEPSE):
        return Plan(
            nepse.NAME,
            security=Named("Stock_Symbol"),
            quantity=Counted("Quantity", numbers.quantity()),
            amount=Counted("Amount", numbers.money(exponent)),
            both=Counted("Contract_No", numbers.whole(16)),
            buyer=Named("Buyer_Broker"),
            seller=Named("Seller_Broker"),
            price=Counted("Rate", numbers.money(PRICE_DECIMALS)),
            naming="{day}{number:08d}",
        )
    return None


def read(table: Table, plan: Plan, context: Context) -> Source:
    """The entries of a table. Raises SourceRefused: a column that is not there or of an impossible type, no
    trading day, dates that read in two ways.
    """
    wanted = plan.columns()
    require(table, wanted)
    loaded = table.load(wanted)
    rows = Rows(table.name, loaded.line, loaded.refused)
    reading = _Reading(loaded, rows, plan, context)
    entries, bought = reading.entries(), reading.bought
    if rows.bad.any():
        entries = entries.take(~rows.bad)
        bought = None if bought is None else bought[~rows.bad]
    if bought is not None and context.owner is not None:
        entries = both_sides.as_one(entries, context.owner, bought)
    notes: dict[str, str] = {}
    if context.day:
        other = entries.day != context.day
        if other.any():
            notes["other_days"] = other_days(int(other.sum()), context.day)
            entries = entries.take(~other)
    if rows.untold:
        notes["refused"] = f"{plural(rows.untold, 'further row')} refused"
    others = len(entries) - int(entries.of(context.owner).sum()) if context.owner else 0
    return Source(
        name=table.name,
        side=context.side,
        owner=context.owner,
        format=plan.format,
        rows=loaded.rows,
        entries=entries,
        refused=rows.refused(),
        tolerances=plan.tolerances,
        cut_off=plan.cut_off,
        others=others,
        notes=notes,
    )


def other_days(count: int, wanted: int) -> str:
    """The note on rows that were left out."""
    return f"{plural(count, 'row')} of other days than {iso(wanted)} left out"


def iso(day: int) -> str:
    """yyyymmdd as YYYY-MM-DD."""
    return f"{day // 10000:04d}-{day // 100 % 100:02d}-{day % 100:02d}"


class _Reading:
    """One reading of a table; arrays are let go as they are read."""

    def __init__(self, loaded: Loaded, rows: Rows, plan: Plan, context: Context) -> None:
        self.loaded, self.rows, self.plan, self.context = loaded, rows, plan, context
        self.bought: npt.NDArray[np.bool_] | None = None
        """Which rows buy, where the table goes by sides."""

    def entries(self) -> Entries:
        plan, count = self.plan, len(self.rows)
        number, day = self._identity()
        if plan.number is not None or plan.both is not None:
            self.rows.call(lambda row: self._called(number, day, row))
        quantity = self._counted(plan.quantity)
        parties, buyer, seller = self._parties(quantity)
        if plan.direction is not None and plan.direction.column is None:
            quantity = np.abs(quantity)
        securities, security = self._names(plan.security)
        currencies, currency = self._currency()
        return Entries(
            parties=parties,
            securities=tuple(securities),
            currencies=tuple(currencies),
            number=number,
            day=day,
            settles=self._days(plan.settles, optional=True),
            time=self._times(),
            buyer=buyer,
            seller=seller,
            security=security,
            currency=currency,
            quantity=quantity,
            amount=self._counted(plan.amount),
            price=self._counted(plan.price, empty=-1) if plan.price else np.full(count, -1),
            line=self.loaded.line,
            commission=self._counted(plan.commission) if plan.commission else None,
            levy=self._counted(plan.levy) if plan.levy else None,
            naming=plan.naming,
            whole=True,
        )

    def _called(self, number: Column, day: npt.NDArray[np.int32], row: int) -> str:
        if number[row] <= 0:
            return ""
        return "trade " + self.plan.naming.format(day=int(day[row]), number=int(number[row]), line=0)

    def _identity(self) -> tuple[Column, npt.NDArray[np.int32]]:
        """Number and trading day of each row."""
        plan, count = self.plan, len(self.rows)
        if plan.both is not None:
            return self._contracts(plan.both)
        number: Column = np.full(count, NO_NUMBER, dtype=np.int64)
        if plan.number is not None:
            number = self._counted(plan.number, empty=NO_NUMBER)
        if plan.day is not None:
            return number, self._days(plan.day, optional=False)
        day = self.context.day or self.context.undated
        if not day:
            raise SourceRefused(self.rows.source, "says no trading day; give one, or map `trading_day`")
        return number, np.full(count, day, dtype=np.int32)

    def _contracts(self, both: Counted) -> tuple[Column, npt.NDArray[np.int32]]:
        array = self._array(both.column)
        contract = numbers.read(self.rows, array, both.column, both.form)
        day, number = (contract // _EIGHT).astype(np.int32), contract % _EIGHT
        read = words.day_reader(None)
        (found, places) = np.unique(day, return_inverse=True)
        wrong = np.array([bool(read(str(each))[1]) for each in found.tolist()], dtype=np.bool_)
        if wrong.any():
            self.rows.refuse(
                np.flatnonzero(wrong[places]),
                both.column,
                lambda row: numbers.shown_cell(array, row),
                lambda row: "is not a trading day as yyyymmdd with eight digits after it",
            )
        return number, day

    def _parties(self, quantity: Column) -> tuple[tuple[str, ...], Column, Column]:
        plan = self.plan
        if plan.buyer is not None and plan.seller is not None:
            return _together(*self._names(plan.buyer), *self._names(plan.seller))
        assert plan.direction is not None
        if self.context.owner is None:
            raise SourceRefused(self.rows.source, "says buy and sell, and nobody said whose book it is")
        self.bought = buys = self._buys(plan.direction, quantity)
        others: list[str] = []
        other = np.full(len(self.rows), -1, dtype=np.int32)
        if plan.counterparty is not None:
            others, other = self._names(plan.counterparty)
        own = np.zeros(len(self.rows), dtype=np.int32)
        parties, mine, theirs = _together([self.context.owner], own, others, other)
        return parties, np.where(buys, mine, theirs), np.where(buys, theirs, mine)

    def _buys(self, direction: Direction, quantity: Column) -> npt.NDArray[np.bool_]:
        if direction.column is None:
            zero = np.flatnonzero(quantity == 0)
            column = self.plan.quantity.column
            self.rows.refuse(zero, column, lambda row: "0", lambda row: "is zero, so that it says no side")
            return (quantity > 0).astype(np.bool_)
        array = self._array(direction.column)
        found, codes = words.distinct(array)
        sides = np.zeros(len(found) + 1, dtype=np.int8)
        for place, word in enumerate(found):
            text = words.taken(str(word), direction.pattern).strip().casefold()
            sides[place] = 1 if text in direction.buy else -1 if text in direction.sell else 0
        side = sides[codes]
        if (side == 0).any():
            said = f"is neither {' nor '.join((*direction.buy, *direction.sell))}"
            self.rows.refuse(
                np.flatnonzero(side == 0),
                direction.column,
                lambda row: numbers.shown_cell(array, row),
                lambda row: said,
            )
        buys: npt.NDArray[np.bool_] = side > 0
        return buys

    def _currency(self) -> tuple[list[str], npt.NDArray[np.int32]]:
        if self.plan.currency is not None:
            return self._names(self.plan.currency)
        return [self.plan.default_currency or self.context.currency], np.zeros(len(self.rows), dtype=np.int32)

    def _array(self, column: str) -> Any:
        return self.loaded.array(column)

    def _names(self, named: Named) -> tuple[list[str], npt.NDArray[np.int32]]:
        return words.names(self.rows, self._array(named.column), named.column, named.pattern, named.names)

    def _days(self, named: Named | None, *, optional: bool) -> npt.NDArray[np.int32]:
        if named is None:
            return np.full(len(self.rows), NO_DAY, dtype=np.int32)
        array = self._array(named.column)
        return words.days(self.rows, array, named.column, named.form, named.pattern, optional)

    def _times(self) -> npt.NDArray[np.uint32]:
        named = self.plan.time
        if named is None:
            return np.full(len(self.rows), TIME_UNKNOWN, dtype=np.uint32)
        return words.times(self.rows, self._array(named.column), named.column, named.form, named.pattern)

    def _counted(self, counted: Counted, empty: int | None = None) -> Column:
        array = self._array(counted.column)
        return numbers.read(self.rows, array, counted.column, counted.form, empty=empty)


def _together(
    first: list[str], codes: npt.NDArray[np.int32], second: list[str], others: npt.NDArray[np.int32]
) -> tuple[tuple[str, ...], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """One table of names for two columns; -1 stays."""
    table = {name: place for place, name in enumerate(dict.fromkeys([*first, *second]))}
    renamed = np.array([*(table[name] for name in second), -1], dtype=np.int32)
    return tuple(table), codes, renamed[others]
