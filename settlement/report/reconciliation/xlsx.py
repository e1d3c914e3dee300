"""A reconciliation as an Excel workbook: sheets Summary, Breaks, Pending, Refused and Compared.

No cell is a formula, dates are dates, and amounts are numbers with the currency's decimals; amounts of more
than 15 digits are text, since a spreadsheet would lose digits of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from io import BytesIO

from settlement.reconciliation.model import Side
from settlement.reconciliation.units import day_of, unit_of, whole_number
from settlement.report.breaks import compared_words, place
from settlement.report.layout import Money
from settlement.report.reconciliation.sheet import MOST_ROWS, OPTIONS, Sheet, Styles, Width, has_long
from settlement.report.reconciliation.values import rows, sides_in
from settlement.report.reconciliation.view import (
    Item,
    Sum,
    View,
    about,
    at_risk,
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
from settlement.report.reconciliation.wording import cause_words, glossary, mending, step_words, to_do
from settlement.report.vocabulary import LEVELS, SIDES, kind_words
from settlement.report.wording import plain

_BEFORE: tuple[Width, ...] = (
    *(("Institution", 18), ("What is wrong", 20), ("Trade or asset", 18), ("Trading day", 13), ("Field", 13)),
)
_AFTER: tuple[Width, ...] = (
    *(("Age", 12), ("Owner", 12), ("Proposed cause", 32), ("Mending entry", 34)),
    # Not printed: what one filters by.
    *(("Level", 10), ("ISO reason", 8), ("Lines", 12), ("First seen", 13), ("Status", 10)),
    *(("Stands alone", 12), ("Id", 12)),
)
_FIRST_SIDE = len(_BEFORE)
_AT_RISK = _FIRST_SIDE + len(SIDES)
_OF_SIDE = 19
_PRINTED = 4
"""Columns after what is at risk that are printed."""
_LONG = "Amounts of more than 15 digits are text: a spreadsheet would lose digits, and sums lack them."


def as_xlsx(view: View) -> bytes:
    """The workbook, with every break that a sheet has room for."""
    from xlsxwriter import Workbook

    out = BytesIO()
    workbook = Workbook(out, OPTIONS)
    made = view.made.astimezone(UTC).replace(tzinfo=None) if view.made.tzinfo else view.made
    title = f"Reconciliation of {about(view)}"[:200]
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
    sheet.widen(44, 11, _amount_width(view.breaks, view.money), 13, 46, 46)
    sheet.line(headline(view), f"title {state(view)}")
    sheet.line(f"Reconciliation of {about(view)}")
    sheet.line(compared_words(view.compared))
    for said in notes(view):
        sheet.line(said, "unsure")
    if has_long([at_risk([each]) for each in view.breaks] + [at_risk(view.breaks)]):
        sheet.line(_LONG, "unsure")
    for name, items in (("Breaks", view.breaks), ("Pending", view.pending)):
        if len(items) >= MOST_ROWS:
            said = f"Sheet {name} has the first {MOST_ROWS - 1:,} of {len(items):,}; the CSV form has all."
            sheet.line(said, "unsure")
    sheet.next()
    if view.breaks:
        _steps(sheet, view)
        _sums(sheet, view)
    used = glossary([*view.breaks, *view.pending])
    if used:
        sheet.line("Words", "section")
        for word, meaning in used:
            sheet.text(0, word)
            sheet.line(meaning, at=1)
        sheet.next()
    sheet.line(f"Read up to block {view.block:,}, {plain(view.head)}")
    sheet.line(f"Made {when(view)}; amounts in {plain(view.money.currency)}")


def _steps(sheet: Sheet, view: View) -> None:
    sheet.line("Do first", "section")
    amounts = f"At risk, {view.money.currency}"
    sheet.header("Where", "Breaks", amounts, "Oldest", "Proposed cause", "What to do", numbers=(1, 2))
    for step in first_steps(view.breaks):
        found = step.largest.found
        largest = "" if len(step.items) == 1 else f"\nThe largest is {place(found)}."
        sheet.text(0, step_words(step) + largest)
        sheet.count(1, len(step.items))
        sheet.amount(2, step.at_risk)
        sheet.day(3, oldest(step.items))
        sheet.text(4, "\n".join(cause_words(found)))
        sheet.text(5, to_do(found, view.money))
        sheet.next()
    sheet.next()


def _sums(sheet: Sheet, view: View) -> None:
    levels = {LEVELS[level]: each for level, each in by_level(view.breaks).items()}
    together = Sum(len(view.breaks), at_risk(view.breaks))
    _table(sheet, "By level", view, levels, together)
    groups = by_institution(view.breaks)
    _table(sheet, "By institution", view, {n: Sum(len(i), at_risk(i)) for n, i in groups.items()}, together)
    ages = by_age(view.breaks)
    if ages:
        _table(sheet, "By age", view, ages, together)


def _table(sheet: Sheet, title: str, view: View, sums: Mapping[str, Sum], together: Sum) -> None:
    sheet.header(title, "Breaks", f"At risk, {view.money.currency}", numbers=(1, 2))
    rows = [(plain(name), each, "text") for name, each in sums.items()]
    for name, each, style in (*rows, ("together", together, "text bold")):
        sheet.text(0, name, style)
        sheet.count(1, each.count, style.removeprefix("text").strip())
        sheet.amount(2, each.at_risk, style.removeprefix("text").strip())
        sheet.next()
    sheet.next()


def _items(sheet: Sheet, items: Sequence[Item], money: Money) -> None:
    columns = (
        *_BEFORE,
        *((side.capitalize(), _OF_SIDE) for side in SIDES),
        (f"At risk, {money.currency}", _amount_width(items, money)),
        *_AFTER,
    )
    sheet.columns(*columns, numbers=(_AT_RISK,))
    for each in items[: MOST_ROWS - 1]:
        _item(sheet, each, money)
        sheet.next()
    for at in _unused(items):
        sheet.hide(at)
    sheet.filtered(len(columns))
    sheet.sheet.print_area(0, 0, max(1, sheet.row - 1), _AT_RISK + _PRINTED)


def _amount_width(items: Sequence[Item], money: Money) -> int:
    """Characters that the largest amount takes, and some air."""
    return max(16, 3 + len(money.bare(at_risk(items))))


def _unused(items: Sequence[Item]) -> list[int]:
    """Columns in which none of the items has anything, of those that need not have."""
    used = sides_in(each.found for each in items)
    after = _AT_RISK + 1
    unused = [_FIRST_SIDE + at for at, side in enumerate(SIDES) if side not in used and at > 1]
    asked: dict[int, Callable[[Item], object]] = {
        after: lambda each: each.age,
        after + 1: lambda each: each.owner,
        after + 7: lambda each: each.first_seen,
        after + 8: lambda each: each.status,
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
    texts = (
        *(plain(item.age or ""), plain(item.owner or "")),
        *("\n".join(cause_words(found)), mending(found, money)),
        *(found.level, found.reason, ", ".join(map(str, found.lines)), "", plain(item.status or "")),
        *(found.odd or "", plain(item.id or "")),
    )
    for at, text in enumerate(texts, _AT_RISK + 1):
        sheet.text(at, text)
    sheet.day(_AT_RISK + 8, item.first_seen)


def _values(sheet: Sheet, item: Item, money: Money) -> None:
    """What differs: of one field as it is, of several a line each."""
    found = item.found
    shown = rows(found, money)
    if len(shown) == 1 and shown[0].name:
        name, values = next(iter(found.fields.items()))
        sheet.text(_FIRST_SIDE - 1, shown[0].name)
        for side, said in shown[0].said.items():
            at, style = _FIRST_SIDE + SIDES.index(side), "odd" if side == found.odd else ""
            _value(sheet, at, (name, values[side], said), item, style)
        return
    sheet.text(_FIRST_SIDE - 1, "\n".join(row.name or "the trade" for row in shown))
    sides: list[Side] = list(dict.fromkeys(side for row in shown for side in row.said))
    for side in sides:
        style = "text odd" if side == found.odd else "text"
        said = "\n".join(row.said.get(side, "") for row in shown)
        sheet.text(_FIRST_SIDE + SIDES.index(side), said, style)


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
    sheet.columns(*columns, numbers=(1,))
    for each in view.refused[: MOST_ROWS - 1]:
        sheet.text(0, plain(each.source))
        if each.line:
            sheet.count(1, each.line)
        else:
            sheet.text(1, "all", "right")
        for at, text in enumerate((each.field, each.value, each.reason), 2):
            sheet.text(at, plain(text))
        sheet.next()
    sheet.filtered(len(columns))


def _compared(sheet: Sheet, view: View) -> None:
    columns: tuple[Width, ...] = (
        *(("Source", 40), ("Side", 12), ("Of", 24), ("Format", 14), ("Rows", 12)),
        *(("Tolerances", 30), ("Besides", 40)),
    )
    sheet.columns(*columns, numbers=(4,))
    for each in view.sources:
        name, side, institution, form, count, tolerances, more = source_cells(each, view.money)
        for at, text in enumerate((name, side, institution, form, "", tolerances, more)):
            sheet.text(at, text)
        if count is not None:
            sheet.count(4, count)
        sheet.next()
    sheet.filtered(len(columns))
