"""Sheets of a workbook whose cells do nothing: text stays text, amounts keep every digit.

A spreadsheet keeps 15 significant digits of a number; what has more is written as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from ledger.units import format_minor
from settlement.report.layout import Money
from settlement.report.wording import like_a_formula

MOST_ROWS = 1_048_576
"""Of a sheet, its header counted."""
_DIGITS = 15
_LONGEST = 32_767
"""Characters of a cell."""
_A4 = 9

OPTIONS: dict[str, Any] = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
"""Of the workbook."""

Width = tuple[str, int]
"""A column's title and how many characters wide it is."""


@dataclass(slots=True)
class Styles:
    """The formats of a workbook, each made once."""

    workbook: Any
    money: Money
    made: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        """Words of what a cell is, as "amount" or "text quoted"."""
        if name not in self.made:
            given: dict[str, Any] = {"valign": "top"}
            for word in name.split():
                given |= self._word(word)
            self.made[name] = self.workbook.add_format(given)
        return self.made[name]

    def _word(self, word: str) -> dict[str, Any]:
        decimals = "." + "0" * self.money.exponent if self.money.exponent else ""
        words: dict[str, dict[str, Any]] = {
            "text": {"text_wrap": True},
            "quoted": {"quote_prefix": True},
            "amount": {"num_format": f"#,##0{decimals}"},
            "count": {"num_format": "#,##0"},
            "day": {"num_format": "yyyy-mm-dd", "align": "left"},
            "right": {"align": "right"},
            "odd": {"bg_color": "#FFF1CC"},
            "head": {"bold": True, "text_wrap": True, "bottom": 1, "bg_color": "#E9EDF2"},
            "title": {"bold": True, "font_size": 18},
            "bad": {"font_color": "#A3341A"},
            "good": {"font_color": "#1D6B4C"},
            "unsure": {"font_color": "#8A4B00"},
            "section": {"bold": True, "font_size": 12},
            "bold": {"bold": True},
        }
        return words[word]


class Sheet:
    """One sheet, written from its first row down."""

    def __init__(self, workbook: Any, name: str, styles: Styles) -> None:
        self.sheet = workbook.add_worksheet(name)
        self.styles = styles
        self.row = 0
        self.sheet.set_landscape()
        self.sheet.set_paper(_A4)
        self.sheet.set_margins(0.4, 0.4, 0.5, 0.5)  # inches of margin, as share_of a page
        self.sheet.fit_to_pages(1, 0)
        self.sheet.set_footer("&L&A&RPage &P of &N")

    def columns(self, *columns: Width) -> None:
        """The header, which stays in sight and is repeated on every page."""
        for at, (title, width) in enumerate(columns):
            self.sheet.set_column(at, at, width)
            self.text(at, title, "head")
        self.sheet.freeze_panes(1, 1)
        self.sheet.repeat_rows(0)
        self.row = 1

    def hide(self, at: int, width: int) -> None:
        """A column in which nobody has anything; it keeps its place."""
        self.sheet.set_column(at, at, width, None, {"hidden": True})

    def filtered(self, columns: int) -> None:
        """Let the rows be filtered."""
        self.sheet.autofilter(0, 0, max(1, self.row - 1), columns - 1)

    def text(self, at: int, text: str, style: str = "text") -> None:
        """Text that is safe to be shown, in the row that is being written. One that might be taken for a
        formula when it is edited is marked as text."""
        if not text:
            return
        quoted = f"{style} quoted" if like_a_formula(text) else style
        self.sheet.write_string(self.row, at, _cut(text), self.styles[quoted])

    def number(self, at: int, units: int, decimals: int, style: str) -> None:
        """So many units of the last of so many decimals: a number while a spreadsheet keeps all its digits,
        else text."""
        if not _kept(units):
            self.text(at, format_minor(units, decimals), f"right {style.partition(' ')[2]}".strip())
            return
        self.sheet.write_number(self.row, at, Decimal(units).scaleb(-decimals), self.styles[style])

    def amount(self, at: int, minor: int, style: str = "") -> None:
        """Money."""
        self.number(at, minor, self.styles.money.exponent, f"amount {style}".strip())

    def count(self, at: int, count: int, style: str = "") -> None:
        """Whole units."""
        self.number(at, count, 0, f"count {style}".strip())

    def day(self, at: int, day: date | None, style: str = "") -> None:
        """A date."""
        if day is None:
            return
        if day.year < 1900:
            self.text(at, day.isoformat())
            return
        self.sheet.write_datetime(
            self.row, at, date(day.year, day.month, day.day), self.styles[f"day {style}".strip()]
        )

    def header(self, *titles: str) -> None:
        """The header of one of several tables of a sheet."""
        for at, title in enumerate(titles):
            self.text(at, title, "head")
        self.row += 1

    def line(self, text: str, style: str = "") -> None:
        """One line that runs over the columns."""
        if text:
            self.sheet.write_string(self.row, 0, _cut(text), self.styles[_quoted(text, style)])
        self.row += 1


def has_long(amounts: Sequence[int]) -> bool:
    """Whether any is text because it has too many digits."""
    return not all(map(_kept, amounts))


def _kept(units: int) -> bool:
    return len(str(abs(units)).rstrip("0")) <= _DIGITS and len(str(abs(units))) <= _DIGITS


def _quoted(text: str, style: str) -> str:
    return f"{style} quoted".strip() if like_a_formula(text) else style


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
