"""Sheets of a workbook whose cells do nothing: text stays text, amounts keep every digit.

A spreadsheet keeps 15 significant digits of a number; what has more is written as text.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
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
_LINE, _TITLE = 15, 28
"""Heights of a line of text and of a title, in points."""
_HIGHEST = 27
"""Lines that a row has room for."""

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
        known = self.made.get(name)
        if known is not None:
            return known
        given: dict[str, Any] = {"valign": "top"}
        for word in name.split():
            given |= self._word(word)
        self.made[name] = self.workbook.add_format(given)
        return self.made[name]

    def _word(self, word: str) -> dict[str, Any]:
        decimals = "." + "0" * self.money.exponent if self.money.exponent else ""
        words: dict[str, dict[str, Any]] = {
            # An indent keeps a text from the number left of it.
            "text": {"text_wrap": True, "align": "left", "indent": 1},
            "quoted": {"quote_prefix": True},
            "amount": {"num_format": f"#,##0{decimals}", "align": "right"},
            "count": {"num_format": "#,##0", "align": "right"},
            "day": {"num_format": "yyyy-mm-dd", "align": "left", "indent": 1},
            "right": {"align": "right", "indent": 0},
            "odd": {"bg_color": "#FFF1CC"},
            "row": {"bottom": 1, "bottom_color": "#D5DBE2"},
            "head": {
                "bold": True,
                "align": "left",
                "indent": 1,
                "text_wrap": True,
                "bottom": 1,
                "bg_color": "#E9EDF2",
            },
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
        self._widths: list[int] = []
        self._lines = 1
        self._row_style = ""
        self.sheet.set_landscape()
        self.sheet.set_paper(_A4)
        self.sheet.fit_to_pages(1, 0)
        self.sheet.set_footer("&L&A&RPage &P of &N")

    def widen(self, *widths: int) -> None:
        """How many characters wide the columns are."""
        self._widths = list(widths)
        for at, width in enumerate(widths):
            self.sheet.set_column(at, at, width)

    def columns(self, *columns: Width, numbers: Collection[int] = ()) -> None:
        """The header, which stays in sight and is repeated on every page; those of numbers stand right."""
        self.widen(*(width for _, width in columns))
        self.header(*(title for title, _ in columns), numbers=numbers)
        self.sheet.freeze_panes(1, 1)
        self._row_style = "row "
        self.sheet.repeat_rows(0)

    def hide(self, at: int) -> None:
        """A column in which nobody has anything; it keeps its place."""
        self.sheet.set_column(at, at, self._widths[at], None, {"hidden": True})

    def filtered(self, columns: int) -> None:
        """Let the rows be filtered."""
        self.sheet.autofilter(0, 0, max(1, self.row - 1), columns - 1)

    def next(self) -> None:
        """End the row, which is as high as its longest cell."""
        if self._row_style:
            self.sheet.set_row(self.row, _LINE * min(self._lines, _HIGHEST), self.styles["row"])
        elif self._lines > 1:
            self.sheet.set_row(self.row, _LINE * min(self._lines, _HIGHEST))
        self.row, self._lines = self.row + 1, 1

    def text(self, at: int, text: str, style: str = "text") -> None:
        """Text that is safe to be shown, in the row that is being written. One that might be taken for a
        formula when it is edited is marked as text."""
        if not text:
            return
        self.sheet.write_string(self.row, at, _cut(text), self._style(_quoted(text, style)))
        room = self._widths[at] - 1 if at < len(self._widths) else _LONGEST
        if len(text) > room or "\n" in text:
            self._lines = max(self._lines, sum(1 + (len(line) - 1) // room for line in text.split("\n")))

    def number(self, at: int, units: int, decimals: int, style: str) -> None:
        """So many units of the last of so many decimals: a number while a spreadsheet keeps all its digits,
        else text."""
        if not _kept(units):
            self.text(at, format_minor(units, decimals), f"text right {style.partition(' ')[2]}".strip())
            return
        self.sheet.write_number(self.row, at, Decimal(units).scaleb(-decimals), self._style(style))

    def _style(self, style: str) -> Any:
        return self.styles[self._row_style + style]

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
            self.row, at, date(*day.timetuple()[:3]), self._style(f"day {style}".strip())
        )

    def header(self, *titles: str, numbers: Collection[int] = ()) -> None:
        """The header of a table."""
        for at, title in enumerate(titles):
            style = "head right" if at in numbers else "head"
            if title:
                self.text(at, title, style)
            else:
                self.sheet.write_blank(self.row, at, None, self.styles[style])
        self.next()

    def line(self, text: str, style: str = "", at: int = 0) -> None:
        """One line that runs over the columns, and the end of the row."""
        self.sheet.write_string(self.row, at, _cut(text), self.styles[_quoted(text, style)])
        if style.startswith("title"):
            self.sheet.set_row(self.row, _TITLE)
            self._lines = 1
        self.next()


def has_long(amounts: Sequence[int]) -> bool:
    """Whether any is text because it has too many digits."""
    return not all(map(_kept, amounts))


def _kept(units: int) -> bool:
    return len(str(abs(units))) <= _DIGITS


def _quoted(text: str, style: str) -> str:
    if text[:1].isalnum() or not like_a_formula(text):
        return style
    return f"{style} quoted".strip()


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
