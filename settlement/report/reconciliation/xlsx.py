"""A reconciliation as an Excel workbook: sheets Summary, Breaks, Pending, Refused and Compared.

No cell is a formula, dates are dates, and amounts are numbers with the currency's decimals; amounts of more
than 15 digits are text, since a spreadsheet would lose digits of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

from settlement.reconciliation.model import Side
from settlement.report.fields import day_of, unit_of, whole_number
from settlement.report.layout import Money
from settlement.report.reconciliation.sheet import MOST_ROWS, OPTIONS, Sheet, Styles, Width, has_long
from settlement.report.reconciliation.values import one_sided, rows
from settlement.report.reconciliation.view import (
    Item,
    View,
    any_compared,
    at_risk,
    by_age,
    by_institution,
    by_level,
    compared_words,
    first_steps,
    headline,
    notes,
    oldest,
    ordered,
    sides_in,
    source_cells,
    when,
)
from settlement.report.reconciliation.wording import cause_words, glossary, place, step_words, to_do
from settlement.report.reconciliation.words import LEVELS, SIDES, kind_words
from settlement.report.wording import plain

_FIRST_SIDE = 5
_AT_RISK = _FIRST_SIDE + len(SIDES)
_AFTER: tuple[Width, ...] = (
    *(("Age", 12), ("First seen", 11), ("Owner", 14), ("Status", 10)),
    *(("Proposed cause", 36), ("What to do", 36), ("Level", 10), ("ISO reason", 8), ("Lines", 10)),
    *(("Stands alone", 10), ("Id", 12)),
)
_LONG = "Amounts of more than 15 digits are text: a spreadsheet would lose digits, and sums lack them."


def as_xlsx(view: View) -> bytes:
    """The workbook, with every break that a sheet has room for."""
    from xlsxwriter import Workbook

    out = BytesIO()
    workbook = Workbook(out, OPTIONS)
    made = view.made.replace(tzinfo=None)
    title = plain(f"Reconciliation of {view.scope}")[:200]
    workbook.set_properties({"title": title, "created": made, "author": "", "comments": ""})
    styles = Styles(workbook, view.money)
    _summary(Sheet(workbook, "Summary", styles), view)
    _items(Sheet(workbook, "Breaks", styles), ordered(view.breaks), view.money)
    _items(Sheet(workbook, "Pending", styles), ordered(view.pending), view.money)
    _refused(Sheet(workbook, "Refused", styles), view)
    _compared(Sheet(workbook, "Compared", styles), view)
    workbook.close()
    return out.getvalue()


def _summary(sheet: Sheet, view: View) -> None:
    for at, width in enumerate((34, 11, 22, 13, 46, 46)):
        sheet.sheet.set_column(at, at, width)
    state = "bad" if view.breaks else "good" if any_compared(view) and not view.refused else "unsure"
    sheet.line(headline(view), f"title {state}")
    sheet.line(plain(f"Reconciliation of {view.scope}, ledger {view.ledger}"))
    sheet.line(compared_words(view))
    for said in notes(view):
        sheet.line(said, "unsure")
    if has_long([int(each.found.value_at_risk) for each in view.breaks] + [at_risk(view.breaks)]):
        sheet.line(_LONG, "unsure")
    for name, items in (("Breaks", view.breaks), ("Pending", view.pending)):
        if len(items) >= MOST_ROWS:
            sheet.line(
                f"Sheet {name} has the first {MOST_ROWS - 1:,} of {len(items):,}; the CSV form has all."
            )
    if view.breaks:
        _steps(sheet, view)
        _sums(sheet, view)
    _words(sheet, view)
    sheet.row += 1
    sheet.line(f"Read up to block {view.block:,}, {plain(view.head)}")
    sheet.line(f"Made {when(view)}; amounts in {plain(view.money.currency)}")


def _steps(sheet: Sheet, view: View) -> None:
    sheet.row += 1
    sheet.line("Do first", "section")
    sheet.header(
        "Where", "Breaks", f"At risk, {view.money.currency}", "Oldest", "Proposed cause", "What to do"
    )
    for step in first_steps(view.breaks):
        found = step.largest.found
        largest = "" if len(step.items) == 1 else f"\nThe largest is {place(found)}."
        sheet.text(0, step_words(step) + largest)
        sheet.count(1, len(step.items))
        sheet.amount(2, step.at_risk)
        sheet.day(3, oldest(step.items))
        sheet.text(4, "\n".join(cause_words(found)))
        sheet.text(5, to_do(found, view.money))
        sheet.row += 1


def _sums(sheet: Sheet, view: View) -> None:
    levels = {LEVELS[level]: (each.count, each.at_risk) for level, each in by_level(view.breaks).items()}
    _table(sheet, "By level", view, levels)
    sheet.row -= 1
    sheet.text(0, "together", "bold")
    sheet.count(1, len(view.breaks), "bold")
    sheet.amount(2, at_risk(view.breaks), "bold")
    sheet.row += 2
    groups = by_institution(view.breaks)
    sums = {plain(name): (len(items), at_risk(items)) for name, items in groups.items()}
    _table(sheet, "By institution", view, sums)
    ages = by_age(view.breaks)
    if ages:
        _table(sheet, "By age", view, {plain(age): (each.count, each.at_risk) for age, each in ages.items()})


def _table(sheet: Sheet, title: str, view: View, sums: Mapping[str, tuple[int, int]]) -> None:
    if sheet.row and title == "By level":
        sheet.row += 1
    sheet.line(title, "section")
    sheet.header("", "Breaks", f"At risk, {view.money.currency}")
    for name, (count, amount) in sums.items():
        sheet.text(0, name)
        sheet.count(1, count)
        sheet.amount(2, amount)
        sheet.row += 1
    sheet.row += 1


def _words(sheet: Sheet, view: View) -> None:
    used = glossary([*view.breaks, *view.pending])
    if not used:
        return
    sheet.line("Words", "section")
    for word, meaning in used:
        sheet.text(0, word)
        sheet.sheet.write_string(
            sheet.row, 1, meaning, sheet.styles["bold"] if not word else sheet.styles[""]
        )
        sheet.row += 1


def _items(sheet: Sheet, items: Sequence[Item], money: Money) -> None:
    before: tuple[Width, ...] = (
        *(
            ("Institution", 20),
            ("What is wrong", 22),
            ("Trade or asset", 20),
            ("Trading day", 11),
            ("Field", 15),
        ),
        *((side.capitalize(), 20) for side in SIDES),
        (f"At risk, {money.currency}", 20),
    )
    columns = (*before, *_AFTER)
    sheet.columns(*columns)
    for each in items[: MOST_ROWS - 1]:
        _item(sheet, each, money)
        sheet.row += 1
    for at in _unused(items):
        sheet.hide(at, columns[at][1])
    sheet.filtered(len(columns))


def _unused(items: Sequence[Item]) -> list[int]:
    """Columns in which none of the items has anything, of those that need not have."""
    used = sides_in(items)
    after = _AT_RISK + 1
    unused = [_FIRST_SIDE + at for at, side in enumerate(SIDES) if side not in used and side not in SIDES[:2]]
    asked: dict[int, Any] = {
        after: lambda each: each.age,
        after + 1: lambda each: each.first_seen,
        after + 2: lambda each: each.owner,
        after + 3: lambda each: each.status,
        after + 9: lambda each: each.found.odd,
        after + 10: lambda each: each.id,
    }
    return unused + [at for at, has in asked.items() if not any(map(has, items))]


def _item(sheet: Sheet, item: Item, money: Money) -> None:
    found = item.found
    sheet.text(0, plain(found.institution))
    sheet.text(1, kind_words(found))
    sheet.text(2, plain(found.subject))
    sheet.day(3, found.trading_day)
    _values(sheet, item, money)
    sheet.amount(_AT_RISK, int(found.value_at_risk))
    at = _AT_RISK + 1
    sheet.text(at, plain(item.age or ""))
    sheet.day(at + 1, item.first_seen)
    sheet.text(at + 2, plain(item.owner or ""))
    sheet.text(at + 3, plain(item.status or ""))
    sheet.text(at + 4, "\n".join(cause_words(found)))
    sheet.text(at + 5, to_do(found, money))
    sheet.text(at + 6, found.level)
    sheet.text(at + 7, found.reason)
    if len(found.lines) == 1:
        sheet.count(at + 8, int(found.lines[0]))
    else:
        sheet.text(at + 8, ", ".join(map(str, found.lines)))
    sheet.text(at + 9, found.odd or "")
    sheet.text(at + 10, plain(item.id or ""))


def _values(sheet: Sheet, item: Item, money: Money) -> None:
    """What differs: of one field as it is, of several a line each."""
    found = item.found
    if len(found.fields) == 1 and one_sided(found) is None:
        (name, values), shown = next(iter(found.fields.items())), rows(found, money)[0]
        sheet.text(4, shown.name)
        for side, said in shown.said.items():
            at, style = _FIRST_SIDE + SIDES.index(side), "odd" if side == found.odd else ""
            _value(sheet, at, (name, values[side], said), item, style)
        return
    shown_rows = rows(found, money)
    sheet.text(4, "\n".join(row.name or "the trade" for row in shown_rows))
    sides: list[Side] = list(dict.fromkeys(side for row in shown_rows for side in row.said))
    for side in sides:
        style = "text odd" if side == found.odd else "text"
        sheet.text(
            _FIRST_SIDE + SIDES.index(side), "\n".join(row.said.get(side, "") for row in shown_rows), style
        )


def _value(sheet: Sheet, at: int, value: tuple[str, object, str], item: Item, style: str) -> None:
    name, held, said = value
    level, number = item.found.level, whole_number(held)
    unit = unit_of(level, name)
    day = day_of(level, name, held)
    if day is not None:
        sheet.day(at, day, style)
    elif number is not None and unit == "money":
        sheet.amount(at, number, style)
    elif number is not None and unit == "quantity":
        sheet.count(at, number, style)
    else:
        sheet.text(at, said, f"text right {style}".strip() if number is not None else f"text {style}".strip())


def _refused(sheet: Sheet, view: View) -> None:
    columns: tuple[Width, ...] = (("Source", 40), ("Line", 10), ("Field", 20), ("Value", 40), ("Reason", 60))
    sheet.columns(*columns)
    for each in view.refused[: MOST_ROWS - 1]:
        sheet.text(0, plain(each.source))
        if each.line:
            sheet.count(1, each.line)
        else:
            sheet.text(1, "all", "right")
        sheet.text(2, plain(each.field))
        sheet.text(3, plain(each.value))
        sheet.text(4, plain(each.reason))
        sheet.row += 1
    sheet.filtered(len(columns))


def _compared(sheet: Sheet, view: View) -> None:
    columns: tuple[Width, ...] = (
        *(("Source", 40), ("Side", 12), ("Of", 24), ("Format", 14), ("Rows", 12)),
        *(("Tolerances", 30), ("Besides", 40)),
    )
    sheet.columns(*columns)
    for each in view.sources:
        name, side, institution, form, count, tolerances, more = source_cells(each, view.money)
        for at, text in enumerate((name, side, institution, form)):
            sheet.text(at, text)
        if count is not None:
            sheet.count(4, count)
        sheet.text(5, tolerances)
        sheet.text(6, more)
        sheet.row += 1
    sheet.filtered(len(columns))
