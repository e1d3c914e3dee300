"""The table of what each institution delivered and received."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ledger.units import format_minor, format_quantity
from settlement.report.layout import WIDEST, Justify, columns_table, whole
from settlement.report.summary import Flow, Summary

BROKERS = 12
"""Brokers that are shown one by one; those with the most value traded."""


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    of: Callable[[Flow], int]
    money: bool = False
    signed: bool = False


_UNITS = (
    _Column("units\ndelivered", lambda flow: flow.delivered),
    _Column("units\nreceived", lambda flow: flow.received),
)
_CASH = (
    _Column("cash\npaid", lambda flow: max(0, -flow.cash), money=True),
    _Column("cash\nreceived", lambda flow: max(0, flow.cash), money=True),
)
_NET_CASH = (_Column("cash", lambda flow: flow.cash, money=True, signed=True),)
_EARNED = (
    _Column("commission\nearned", lambda flow: flow.commission, money=True),
    _Column("given\naway", lambda flow: flow.given_away, money=True),
)


def institutions_table(
    summary: Summary, console: Console, width: int, *, everything: bool
) -> Iterator[RenderableType]:
    """The table in the widest of its forms that `width` has room for, and what to know about it."""
    brokers, others = _rows(summary)
    shown = brokers if everything or len(brokers) <= BROKERS + 1 else brokers[:BROKERS]
    rest = brokers[len(shown) :]
    for columns in ((*_UNITS, *_CASH, *_EARNED), (*_UNITS, *_NET_CASH, *_EARNED), (*_UNITS, *_NET_CASH)):
        table = _table(summary, columns, shown, rest, others)
        if Measurement.get(console, console.options.update(max_width=WIDEST), table).maximum <= width:
            break
    yield whole(table)
    note = "Net, as the ledger moved it; cash after levy and revenue shares. By value traded"
    yield Text(f"{note}; --all shows all." if rest else f"{note}.", "dim")


def _rows(summary: Summary) -> tuple[list[Flow], list[Flow]]:
    """Those that traded, and of the others those that anything moved for."""
    brokers = [flow for flow in summary.flows if flow.value]
    others = [
        flow for flow in summary.flows if not flow.value and (flow.cash or flow.delivered or flow.received)
    ]
    return brokers, sorted(others, key=lambda flow: -flow.cash)


def _table(
    summary: Summary,
    columns: Sequence[_Column],
    shown: Sequence[Flow],
    rest: Sequence[Flow],
    others: Sequence[Flow],
) -> Table:
    everybody = [*shown, *rest, *others]
    right: list[tuple[str, Justify]] = [(column.title, "right") for column in columns]
    totals = [_cell(summary, column, everybody) for column in columns]
    table = columns_table("", *right, totals=["together", *totals])
    for flow in shown:
        table.add_row(flow.institution, *(_cell(summary, column, [flow]) for column in columns))
    if rest:
        table.add_row(Text(f"{len(rest)} more", "dim"), *(_cell(summary, column, rest) for column in columns))
    for flow in others:
        table.add_row(flow.institution, *(_cell(summary, column, [flow]) for column in columns))
    return table


def _cell(summary: Summary, column: _Column, flows: Sequence[Flow]) -> Text:
    """The sum over `flows`; a zero says so quietly."""
    value = sum(column.of(flow) for flow in flows)
    if not value:
        return Text("-", "dim")
    text = format_minor(value, summary.exponent) if column.money else format_quantity(value)
    if column.signed:
        return Text(text if value < 0 else f"+{text}", "red" if value < 0 else "green")
    return Text(text)
