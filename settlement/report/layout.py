"""Small pieces that reports are laid out with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Literal

from rich.box import Box
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import TextType

from ledger.units import format_minor

_EIGHTHS = " ▏▎▍▌▋▊▉"
_LINES = Box("    \n    \n ── \n    \n    \n ── \n    \n    \n")
"""A line under the header and one above the totals."""

WIDEST = 10_000
"""More columns than any report needs."""
Justify = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class Money:
    """A currency, which has `exponent` decimals, for people."""

    currency: str
    exponent: int

    def amount(self, minor: int) -> str:
        """With the currency: "NPR 4,290.00"."""
        return format_minor(minor, self.exponent, self.currency)

    def bare(self, minor: int) -> str:
        """Without it."""
        return format_minor(minor, self.exponent)


class _Page(StringIO):
    """Text in memory that is going to be written with another file's encoding."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding


def page_like(like: Console) -> Console:
    """A page in memory with the width, the colours and the characters that `like` has."""
    return Console(
        file=_Page(like.encoding),
        width=like.width,
        color_system=like.color_system,  # type: ignore[arg-type]
        force_terminal=like.is_terminal,
        no_color=like.no_color,
    )


def rendered(content: RenderableType, page: Console) -> str:
    """What a page from `page_like` shows of the content, as text."""
    # A terminal too narrow for the figures wraps the lines itself; cutting them would hide digits.
    free = page.options.update(max_width=WIDEST)
    page.width = max(page.width, Measurement.get(page, free, content).minimum)
    page.print(content)
    text = page.file.getvalue()  # type: ignore[attr-defined]
    return "".join(line.rstrip() + "\n" for line in text.splitlines())


def columns_table(first: str, *columns: tuple[str, Justify], totals: Sequence[TextType] = ()) -> Table:
    """A table whose first column names the row and whose numbers stand right; `totals` is its last row."""
    table = Table(
        box=_LINES,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="dim",
        show_footer=bool(totals),
    )
    footers: list[TextType] = [*totals, *[""] * (1 + len(columns) - len(totals))]
    table.add_column(first, footers[0], no_wrap=True)
    for (title, justify), footer in zip(columns, footers[1:], strict=True):
        wraps = justify == "left"
        table.add_column(
            title, footer, justify=justify, no_wrap=not wraps, overflow="fold" if wraps else "crop"
        )
    return table


def whole(table: Table) -> Table:
    """The table, no name or number of which will be cut however little room there is."""
    ruler = Console(file=StringIO(), width=WIDEST)
    for column in table.columns:
        if column.no_wrap:
            cells = (column.header, column.footer, *column.cells)
            column.min_width = max(ruler.measure(cell).maximum for cell in cells)
    return table


def bar(width: int, value: int, whole: int, console: Console) -> str:
    """`value` of `whole` as a bar of at most `width` characters; the least that is not nothing is drawn."""
    if value <= 0 or whole <= 0:
        return ""
    eighths = max(1, min(8 * width, value * 8 * width // whole))
    if not console.encoding.lower().startswith("utf"):
        return "#" * max(1, eighths // 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def percent(part: int, whole: int) -> str:
    """A part of a whole with one decimal; only all of it is 100 %, and only nothing 0 %."""
    tenths = (part * 2000 + whole) // (2 * whole) if whole else 0
    if 0 < part < whole:
        tenths = min(999, max(1, tenths))
    return f"{tenths // 10}.{tenths % 10} %"


def plural(number: int, noun: str, several: str = "") -> str:
    """A number with its noun; `several` where the plural is not one s more."""
    return f"{number:,} {noun if number == 1 else several or noun + 's'}"
