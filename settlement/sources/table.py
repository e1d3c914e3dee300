"""A table before anything in it has a meaning: named columns of Arrow, and which line each row stands on.

Every kind of table (CSV, Parquet, a database's) comes to this, and one path goes on from here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np
import numpy.typing as npt

from settlement.intake.rows import shown
from settlement.reconciliation.model import Refused
from settlement.sources.errors import SourceRefused

MOST_REFUSED = 10_000
"""So many refused rows of a source are told one by one; of the others only how many they are."""
_NAMED = 40
"""Columns that an error names."""
_LIKE = 400
"""Columns among which a name is looked for that is like the wanted one."""


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a source. `load` reads columns by name: text, or of whatever type the source gave them."""

    name: str
    columns: tuple[str, ...]
    load: Callable[[Sequence[str]], Loaded]
    header: bool = True
    """Whether the columns' names are a line of the source."""

    def looks_like_data(self) -> bool:
        """Whether the first line is rather a row than a header: half of its cells or more are numbers."""
        numbers = sum(column.lstrip("-+")[:1].isdigit() for column in self.columns)
        return self.header and 2 * numbers >= len(self.columns)


@dataclass(slots=True)
class Loaded:
    """Some columns of a table, of equal length; `rows` in all with those refused."""

    array: Callable[[str], Any]
    """A column as a chunked array; asked for when it is needed, as many columns are much memory."""
    line: npt.NDArray[np.int64]
    """Of each row, from 1, a header counted."""
    rows: int
    refused: list[Refused] = field(default_factory=list)
    """Rows that do not even have their columns."""


def require(table: Table, wanted: Sequence[str]) -> None:
    """Raises SourceRefused where a table lacks a column: which it has, and the nearest of them."""
    for name in wanted:
        if name in table.columns:
            continue
        check_delimiter(table)
        if table.looks_like_data():
            raise headless(table)
        lowered = {column.casefold().strip(): column for column in table.columns[:_LIKE]}
        near = get_close_matches(name.casefold().strip(), list(lowered), n=1, cutoff=0.5)  # share_of alike
        meant = f" (did you mean {lowered[near[0]]!r}?)" if near else ""
        there = named(table.columns)
        raise SourceRefused(table.name, f"has no column {name!r}{meant}; its columns are {there}")


def check_delimiter(table: Table) -> None:
    """Raises SourceRefused where a line was not parted, as something else stands between its cells."""
    if table.header and len(table.columns) == 1:
        mark = max(",;\t|", key=table.columns[0].count)
        if mark in table.columns[0]:
            raise SourceRefused(
                table.name,
                f"its first line has one column, {shown(table.columns[0])!r}; write `delimiter: {mark!r}` "
                "into the mapping if that parts the cells",
            )


def headless(table: Table) -> SourceRefused:
    """The error for a table whose columns have no names."""
    return SourceRefused(
        table.name, f"has no header: its first line is data already ({shown(','.join(table.columns))})"
    )


def check_columns(source: str, columns: Sequence[str]) -> None:
    """Raises SourceRefused where two columns have one name."""
    twice = sorted(column for column, count in Counter(columns).items() if count > 1)
    if twice:
        places = [str(place) for place, column in enumerate(columns, start=1) if column == twice[0]]
        said = ", ".join(places[:_NAMED]) + (", …" if len(places) > _NAMED else "")
        raise SourceRefused(
            source, f"has the column {shown(twice[0])!r} more than once (columns {said}): rename one"
        )


def named(columns: Sequence[str]) -> str:
    """Columns in an error, as many of them as can be read."""
    said = ", ".join(repr(shown(column)) for column in columns[:_NAMED])
    return said if len(columns) <= _NAMED else f"{said} and {len(columns) - _NAMED:,} more"


def check_text(array: Any, source: str, column: str) -> Any:
    """The array, if what it has for text is text; raises SourceRefused where it is not UTF-8."""
    import pyarrow as pa

    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        raise SourceRefused(source, f"column {column!r} holds text that is not UTF-8") from None
    return array


class Rows:
    """The rows of one loaded table while they are read: which have been refused, and why.

    A row is refused once, for the first of its faults in the order in which its fields are read.
    """

    def __init__(self, source: str, line: npt.NDArray[np.int64], refused: Sequence[Refused] = ()) -> None:
        self.source = source
        self.line = line
        self.bad = np.zeros(len(line), dtype=np.bool_)
        self.untold = max(0, len(refused) - MOST_REFUSED)
        self._found = list(refused[:MOST_REFUSED])
        self._called: Callable[[int], str] | None = None

    def __len__(self) -> int:
        return len(self.line)

    def call(self, name: Callable[[int], str]) -> None:
        """From here on refused rows name their trade: `name` gives "trade 42" for a row, or nothing."""
        self._called = name

    def refuse(
        self,
        rows: npt.NDArray[np.int64],
        field: str,
        value: Callable[[int], str],
        reason: Callable[[int], str],
    ) -> None:
        """Refuse `rows` for their `field`; `value` and `reason` are asked for each that is told."""
        fresh = rows[~self.bad[rows]]
        self.bad[fresh] = True
        told = fresh[: max(0, MOST_REFUSED - len(self._found))]
        self.untold += len(fresh) - len(told)
        for row in told.tolist():
            called = self._called(row) if self._called else ""
            said = f"{called}: {reason(row)}" if called else reason(row)
            self._found.append(Refused(self.source, int(self.line[row]), field, value(row), said))

    def refused(self) -> tuple[Refused, ...]:
        """All that were told, by line."""
        return tuple(sorted(self._found, key=lambda each: each.line))


def plural(count: int, what: str) -> str:
    """How many: "1 row", "2,000 rows"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
