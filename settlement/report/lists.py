"""Lists in reports that may be long: what waits, what differs, what was refused. The largest rows are shown,
and all of them where `everything` is wanted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ledger.units import format_quantity
from settlement.model import Reject
from settlement.reconciliation.model import Break
from settlement.report.breaks import differs, title
from settlement.report.layout import Money, columns_table, plural, whole
from settlement.report.vocabulary import kind_words
from settlement.report.waiting import (
    DISPUTED,
    HELD,
    MONEY_SHORT,
    NOT_TRIED,
    SECURITIES_SHORT,
    SUSPENDED,
    UNAFFIRMED,
    Waiting,
)

TOP = 10
"""Rows of a list that may be long."""
_WAITS = {
    MONEY_SHORT: "for money (MONY)",
    SECURITIES_SHORT: "for securities (LACK)",
    UNAFFIRMED: "for a side's affirmation",
    DISPUTED: "because a side does not agree",
    HELD: "on hold",
    SUSPENDED: "for a party that is suspended",
    NOT_TRIED: "for a settlement cycle",
}


def waiting_rows(
    waiting: Sequence[Waiting], money: Money, *, everything: bool = False
) -> Iterator[RenderableType]:
    """How many trades wait for what, and the largest with what they are short of."""
    kinds: dict[str, list[Waiting]] = {}
    for each in waiting:
        kinds.setdefault(each.reason, []).append(each)
    for reason, found in kinds.items():
        value = money.amount(sum(each.amount for each in found))
        waits = "waits" if len(found) == 1 else "wait"
        yield Text(f"{plural(len(found), 'trade')} {waits} {_WAITS[reason]}: {value}")
    largest = sorted(waiting, key=lambda each: (-each.amount, each.trading_day or "", each.trade))
    shown = largest if everything else largest[:TOP]
    table = columns_table("trade", (money.currency, "right"), ("because", "left"))
    for each in shown:
        table.add_row(_named(each.trade, each.trading_day), money.bare(each.amount), _why(each, money))
    yield _with_rest(whole(table), len(largest) - len(shown))


def breaks_table(breaks: Sequence[Break], money: Money, *, everything: bool = False) -> RenderableType:
    """Breaks with both sides of each difference."""
    table = columns_table("institution", ("of", "left"), ("what is wrong", "left"), ("book / ledger", "left"))
    shown = breaks if everything else breaks[:TOP]
    for each in shown:
        what = f"{kind_words(each)} ({each.reason})"
        table.add_row(each.institution, *map(Text, (title(each), what, differs(each, money))))
    return _with_rest(whole(table), len(breaks) - len(shown))


def rejects_table(rejects: Sequence[Reject], *, everything: bool = False) -> RenderableType:
    """Refused rows with line, field, value and reason."""
    table = columns_table("line", ("field", "left"), ("value", "left"), ("reason", "left"))
    table.columns[0].justify = "right"
    shown = rejects if everything else rejects[:TOP]
    for each in shown:
        table.add_row(str(each.line), each.field, Text(each.value), Text(each.reason))
    return _with_rest(whole(table), len(rejects) - len(shown))


def _named(trade: object, trading_day: str | None) -> str:
    """A trade's number, with its day where several are looked at."""
    return f"{trading_day} {trade}" if trading_day else str(trade)


def _why(waiting: Waiting, money: Money) -> str:
    if waiting.by:
        return f"{waiting.reason} by {' and '.join(waiting.by)}"
    short = [
        f"{each.institution} is short of {money.amount(each.amount)}"
        if each.asset == money.currency
        else f"{each.institution} is short of {format_quantity(each.amount)} {each.asset}"
        for each in waiting.short
    ]
    return ", ".join(short) or waiting.reason


def _with_rest(table: Table, more: int) -> RenderableType:
    if not more:
        return table
    return Group(table, Text(f"and {more:,} more; --all shows them", "dim"))
