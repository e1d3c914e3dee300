"""Which columns of an answer a narrow page has room for, and what is said of the others.

First those in which nothing stands, then those that say the same in each row, which is said once below, then
those that are needed least. The first column, which names the row, is never left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

GAP = 2
"""Between columns."""
_LEAST: Mapping[str, Sequence[str]] = {
    "trades": ("reasons", "quantity"),
    "trade": ("side", "detail", "date_time"),
    "summary": ("breaks", "settled_trades", "levy_minor", "settled_amount_minor"),
    "revenue": ("paid_minor", "total_after_minor", "share_ppm"),
    "commission": ("total_before_minor", "total_after_minor", "whole", "share_ppm", "commission_minor"),
    "charges": ("levy_beneficiary", "cycle"),
    "approvals": ("detail",),
    "breaks": ("level", "trading_day", "kind"),
}
"""By question, those that are needed least; the first of them goes first."""


@dataclass(frozen=True, slots=True)
class Said:
    """A column as text: its cells, and whether a line of them may be broken between words."""

    title: str
    cells: Sequence[str]
    breaks: bool

    @property
    def heading(self) -> str:
        """The title on one line."""
        return " ".join(self.title.split())

    @property
    def room(self) -> int:
        """Characters that it takes at least."""
        lines = (self.title, *self.cells)
        apart = None if self.breaks else "\n"
        return max((cell_len(each) for line in lines for each in line.split(apart)), default=0)


def fitted(
    question: str, columns: Mapping[str, Said], numbers: Collection[str], width: int
) -> tuple[list[str], list[str]]:
    """Those of the columns that a page has room for, by name, and what is said below the table. A page that
    is too narrow even for what is needed has all that is needed."""
    room = {name: said.room for name, said in columns.items()}
    shown, same, missing = list(columns), list[str](), list[str]()
    for name, about in _left_out(question, columns, numbers):
        if sum(room[each] + GAP for each in shown) - GAP <= width:
            break
        if name in shown:
            shown.remove(name)
            if about:
                (same if about == "same" else missing).append(name)
    notes = []
    if same:
        each_row = (f"{columns[name].heading} {columns[name].cells[0]}" for name in same)
        notes.append(f"In each row: {', '.join(each_row)}")
    if missing:
        headings = ", ".join(columns[name].heading for name in missing)
        notes.append(f"No room for: {headings}; other formats have them")
    return shown, notes


def _left_out(
    question: str, columns: Mapping[str, Said], numbers: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Columns in the order in which they are left out, each with why, if that is to be said."""
    rest = list(columns)[:0:-1]
    yield from ((name, "") for name in rest if not any(columns[name].cells))
    for name in rest:
        if name not in numbers and len(set(columns[name].cells)) == 1:
            yield name, "same"
    yield from ((name, "missing") for name in _LEAST.get(question, ()) if name in rest)
