"""Whether an answer as it was written has the rows that it should have, read back form by form."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from openpyxl import load_workbook

Row = Mapping[str, Any]


def check_json(found: Sequence[Mapping[str, Any]], wanted: Sequence[Row]) -> None:
    """The rows of the one object; amounts in minor units are strings of digits."""
    assert [list(row) for row in found] == [list(row) for row in wanted]
    assert [[_bare(value) for value in row.values()] for row in found] == _bared(wanted)
    assert all(isinstance(row[name], str) for row in found for name in row if name.endswith("_minor"))


def check_csv(file: Path, wanted: Sequence[Row]) -> None:
    """RFC 4180; null is nothing."""
    with file.open(newline="", encoding="utf-8") as opened:
        reader = csv.DictReader(opened)
        assert [list(row.values()) for row in reader] == _bared(wanted)
        assert reader.fieldnames == list(wanted[0])


def check_parquet(file: Path, wanted: Sequence[Row]) -> None:
    """The columns as they are, whole numbers exact."""
    found = [
        {name: int(value) if isinstance(value, Decimal) else value for name, value in row.items()}
        for row in pq.read_table(file).to_pylist()
    ]
    assert found == list(wanted)


def check_xlsx(file: Path, wanted: Sequence[Row]) -> None:
    """Numbers are numbers, amounts of them in units of the currency."""
    with file.open("rb") as opened:
        book = load_workbook(opened, read_only=True)
        titles, *cells = (list(row) for row in book["Rows"].iter_rows(values_only=True))
        book.close()
    assert titles == [_title(name) for name in wanted[0]]
    for got, row in zip(cells, wanted, strict=True):
        for shown, (name, value) in zip(got, row.items(), strict=True):
            if name.endswith("_minor"):
                assert Fraction(str(shown)) * 100 == value
            elif isinstance(value, int | str):
                assert shown == value


def check_text(text: str, wanted: Sequence[Row]) -> None:
    """A line a row, in which each amount and quantity that has a column stands under its title, with
    separators, and amounts with two decimals."""
    lines = text.splitlines()
    rule = next(place for place, line in enumerate(lines) if line.startswith("─"))
    ends = _titles(lines[:rule])
    lines = lines[rule + 1 : lines.index("", rule)]
    assert len(lines) == len(wanted)
    for line, row in zip(lines, wanted, strict=True):
        for name, value in row.items():
            end = ends.get(_title(name))
            if end is None or not isinstance(value, int):
                continue
            shown = f"{value:,}"
            if name.endswith("_minor"):
                shown = f"{'-' * (value < 0)}{abs(value) // 100:,}.{abs(value) % 100:02d}"
            assert line[:end].endswith(f" {shown}"), (name, line)
            assert line[end : end + 1] in ("", " ")


def _titles(head: Sequence[str]) -> dict[str, int]:
    """Where each title ends; its words may stand one above the other, to the left or to the right."""
    found = {}
    *above, last = [
        [(each.start(), each.end(), each[0]) for each in re.finditer(r"\S+(?: \S+)*", line)] for line in head
    ]
    for start, end, text in last:
        words = [said for line in above for a, b, said in line if a == start or b == end]
        found[" ".join([*words, text])] = end
    return found


def _title(name: str) -> str:
    return name.removesuffix("_minor").replace("_", " ")


def _bared(rows: Sequence[Row]) -> list[list[str]]:
    return [[_bare(value) for value in row.values()] for row in rows]


def _bare(value: Any) -> str:
    """A value as text forms write it."""
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.isoformat() + "Z"
    return str(value)
