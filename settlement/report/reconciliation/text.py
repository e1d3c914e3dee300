"""A reconciliation for the terminal: what is wrong, how much is at stake, what to do first; then every break
by institution. Long lists show their first rows and what the rest comes to; `everything` shows all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from settlement.report.breaks import compared_words, lines_words, place
from settlement.report.layout import columns_table, whole
from settlement.report.reconciliation.values import Row, rows
from settlement.report.reconciliation.view import (
    Item,
    Step,
    View,
    about,
    any_compared,
    by_age,
    by_institution,
    by_level,
    first_steps,
    headline,
    notes,
    oldest,
    ordered,
    source_cells,
    state,
    when,
)
from settlement.report.reconciliation.wording import (
    cause_words,
    glossary,
    group_words,
    oldest_words,
    rest_words,
    standing,
    step_words,
    to_do,
)
from settlement.report.vocabulary import LEVELS, kind_words
from settlement.report.wording import plain

TOP = 10
"""Rows of a list that may be long."""
INDENT = 2
_STYLES = {"good": "bold green", "bad": "bold red", "unsure": "bold yellow"}


def as_text(view: View, everything: bool = False) -> list[RenderableType]:
    """The report's parts, one under the other."""
    parts: list[RenderableType] = [_headline(view)]
    parts += [Text(said, "yellow") for said in notes(view)]
    parts.append(Text())
    if view.breaks:
        parts += _section("At stake", _stakes(view))
        parts += _section("Do first", _steps(view))
        for institution, items in by_institution(view.breaks).items():
            title = f"{plain(institution)}: {group_words(items, view.money)}"
            parts += _section(title, _items(items, view, everything))
    if view.pending:
        parts += _section("Pending, no breaks yet", _items(ordered(view.pending), view, everything))
    if view.refused:
        parts += _section("Could not be read", _refused(view, everything))
    parts += _section("What was compared", _compared(view, everything))
    used = glossary([*view.breaks, *view.pending])
    if used:
        parts += _section("Words", _words(used))
    parts.append(_footer(view))
    return parts


def _section(title: str, body: Iterator[RenderableType]) -> list[RenderableType]:
    parts = [Padding(each, (0, 0, 0, INDENT)) for each in body]
    return [Text(title, style="bold"), *parts, Text()] if parts else []


def _headline(view: View) -> Text:
    style = _STYLES[state(view)]
    said = f": {about(view)}."
    if not view.breaks and any_compared(view):
        return Text.assemble((headline(view), style), said, f" {compared_words(view.compared)}")
    return Text.assemble((headline(view), style), said, f" {oldest_words(view.breaks)}".rstrip())


def _stakes(view: View) -> Iterator[RenderableType]:
    money = view.money
    grid = _grid(("right", "left", "right"))
    for level, each in by_level(view.breaks).items():
        grid.add_row(f"{each.count:,}", LEVELS[level], money.amount(each.at_risk))
    yield grid
    ages = by_age(view.breaks)
    if ages:
        yield Text("By age:")
        grid = _grid(("right", "left", "right"))
        for age, each in ages.items():
            grid.add_row(f"{each.count:,}", Text(plain(age)), money.amount(each.at_risk))
        yield grid


def _grid(columns: Sequence[str]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    for justify in columns:
        grid.add_column(justify=justify, no_wrap=justify == "right")  # type: ignore[arg-type]
    return grid


def _steps(view: View) -> Iterator[RenderableType]:
    for number, step in enumerate(first_steps(view.breaks), 1):
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(justify="right", no_wrap=True, min_width=2)
        grid.add_column(overflow="fold")
        grid.add_row(f"{number}.", _step(view, step))
        yield grid


def _step(view: View, step: Step) -> Text:
    found = step.largest.found
    said = Text(f"{step_words(step)}, {view.money.amount(step.at_risk)} at risk")
    back = oldest(step.items)
    if back is not None and len(step.items) > 1:
        said.append(f", the oldest of {back.isoformat()}")
    if len(step.items) > 1:
        said.append(f"\nThe largest is {place(found)}, {view.money.amount(int(found.value_at_risk))}.")
    for cause in cause_words(found):
        said.append(f"\n{cause}", "dim")
    said.append(f"\n{to_do(found, view.money)}", "cyan")
    return said


def _items(items: Sequence[Item], view: View, everything: bool) -> Iterator[RenderableType]:
    shown = items if everything else items[:TOP]
    table = columns_table(
        "trade or asset",
        ("what is wrong", "left"),
        (f"at risk, {view.money.currency}", "right"),
        ("values", "left"),
    )
    _may_fold(table, [each.found.subject for each in shown], 24)
    for each in shown:
        where = Text(plain(each.found.subject))
        if each.found.trading_day is not None:
            where.append(f"\n{each.found.trading_day.isoformat()}", "dim")
        if each.found.lines:
            where.append(f"\n{lines_words(each.found)}", "dim")
        what = Text(f"{kind_words(each.found)} ({each.found.reason})")
        if standing(each):
            what.append(f"\n{standing(each)}", "dim")
        said = Text()
        for row in rows(each.found, view.money):
            said.append(_row(row))
            said.append("\n")
        for cause in cause_words(each.found):
            said.append(f"{cause}\n", "dim")
        said.rstrip()
        table.add_row(where, what, view.money.bare(int(each.found.value_at_risk)), said)
    yield whole(table)
    if len(shown) < len(items):
        yield Text(f"{rest_words(items[len(shown) :], view.money)}; --all shows them", "dim")


def _may_fold(table: Table, names: Sequence[str], widest: int) -> None:
    """Names of a usual length stay whole; where one is longer, the column may break them."""
    if max(map(len, names), default=0) > widest:
        table.columns[0].no_wrap, table.columns[0].overflow = False, "fold"


def _row(row: Row) -> Text:
    said = Text(f"{row.name}: " if row.name else "")
    said.append(", ".join(f"{side} {value}" for side, value in row.said.items()))
    return said


def _refused(view: View, everything: bool) -> Iterator[RenderableType]:
    table = columns_table(
        "source", ("line", "right"), ("field", "left"), ("value", "left"), ("reason", "left")
    )
    shown = view.refused if everything else view.refused[:TOP]
    _may_fold(table, [each.source for each in shown], 40)
    for each in shown:
        line = f"{each.line:,}" if each.line else "all"
        table.add_row(
            *map(Text, (plain(each.source), line, plain(each.field), plain(each.value))), plain(each.reason)
        )
    yield whole(table)
    if len(shown) < len(view.refused):
        yield Text(f"and {len(view.refused) - len(shown):,} more; --all shows them", "dim")


def _compared(view: View, everything: bool) -> Iterator[RenderableType]:
    if view.breaks or not any_compared(view):
        yield Text(compared_words(view.compared))
    if not view.sources:
        return
    table = columns_table(
        "source",
        *(("side", "left"), ("of", "left"), ("format", "left"), ("rows", "right"), ("tolerances", "left")),
    )
    shown = view.sources if everything else view.sources[:TOP]
    _may_fold(table, [str(each.get("source", "")) for each in shown], 40)
    for each in shown:
        name, side, institution, form, count, tolerances, more = source_cells(each, view.money)
        rows_said = "" if count is None else f"{count:,}"
        words = f"{tolerances}; {more}" if more else tolerances
        table.add_row(*map(Text, (name, side, institution, form, rows_said, words)))
    yield whole(table)
    if len(shown) < len(view.sources):
        yield Text(f"and {len(view.sources) - len(shown):,} more; --all shows them", "dim")


def _words(used: Sequence[tuple[str, str]]) -> Iterator[RenderableType]:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for word, meaning in used:
        grid.add_row(Text(word), Text(meaning, "dim"))
    yield grid


def _footer(view: View) -> Text:
    return Text(
        f"Read from the ledger up to block {view.block:,}, {plain(view.head)}; made {when(view)}.",
        "dim",
    )
