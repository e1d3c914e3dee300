"""A file of allocations: CSV, one row an allocation of one side of a trade to one client.

    trade_date,trade_no,side,broker,client,quantity
    2024-03-14,17,BUY,Aldersgate,100400281735,120

`side` is BUY or SELL, the broker's; `client` an account of 1 to 31 printable ASCII characters; `quantity` in
whole units. A broker's own file may leave `broker` out. The allocations of one side come to the trade's
quantity exactly, or all of them are refused; a side without any is the broker's own business. A row is
refused for its own faults, with its line, field and reason, as trade files are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from ledger.units import MAX_QUANTITY, MAX_TRADE_NO
from settlement.clients.cells import Cells, Coded, check
from settlement.clients.columns import Allocations
from settlement.errors import FileEmpty, HeaderWrong, RowRefused, TradingDayUnknown
from settlement.intake.lines import Lines
from settlement.intake.rows import Field, RowForm, code_field, number_field, shown, split
from settlement.model import Reject, Trades

NAME = "clients"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_FIELDS = (
    Field("trade_date", _DATE, _DATE, lambda _: "is not a day as YYYY-MM-DD"),
    number_field("trade_no", len(str(MAX_TRADE_NO))),
    Field("side", "BUY|SELL", "BUY|SELL", lambda _: "is neither BUY nor SELL"),
    code_field("broker"),
    code_field("client"),
    number_field("quantity", len(str(MAX_QUANTITY))),
)
WHOLE = RowForm(_FIELDS)
OWN = RowForm(tuple(field for field in _FIELDS if field.name != "broker"))
"""A broker's own file."""
_NUMBERS = ("trade_no", "quantity")
Affirmed = tuple[Collection[int], Allocations | None]
"""Numbers of the trades that a broker has affirmed, and what it keeps of that day."""


@dataclass(frozen=True, slots=True)
class Read:
    """What came of a file: `rows` were read, each is in a broker's allocations or refused."""

    allocations: Mapping[str, Allocations]
    rejects: tuple[Reject, ...]
    rows: int


def parse(
    data: bytes,
    trades: Trades,
    *,
    source: str,
    broker: str | None = None,
    affirmed: Mapping[str, Affirmed] | None = None,
    strict: bool = False,
) -> Read:
    """The allocations in a file's bytes, of these trades; of one `broker` only where it is given, and then
    the file may leave the column out. By broker, `affirmed` says which trades' allocations are signed for: no
    others are taken of these.

    Raises FileEmpty, HeaderWrong and, where `strict`, RowRefused at the first refused row.
    """
    lines = Lines.of(data)
    if not len(lines):
        raise FileEmpty(source)
    header = split(lines.text(0).removesuffix("\r"))
    own = broker is not None and header == tuple(OWN.header.split(","))
    form = OWN if own else WHOLE
    if not own and header != tuple(WHOLE.header.split(",")):
        raise HeaderWrong(source, NAME, WHOLE.header, shown(lines.text(0)) or "an empty line")
    found = _fast(data, form, len(lines) - 1)
    cells, refused = _by_line(lines, form) if found is None else (found, [])
    if own:
        cells = cells.of_one(str(broker))
    taken, wrong = check(cells, trades, broker, affirmed or {})
    rejects = tuple(sorted(refused + wrong, key=lambda each: each.line))
    if strict and rejects:
        first = rejects[0]
        raise RowRefused(source, first.line, first.field, first.value, first.reason)
    return Read(taken, rejects, len(lines) - 1)


def _fast(data: bytes, form: RowForm, rows: int) -> Cells | None:
    """The columns of a file all rows of which have the right form, without quotes; None of another."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    if not rows or b'"' in data or b"\r" in data or b"\0" in data:
        return None
    names = [field.name for field in form.fields]
    kinds = {n: pa.string() if n in _NUMBERS else pa.dictionary(pa.int32(), pa.string()) for n in names}
    found: dict[str, Any] = {}
    try:
        table = csv.read_csv(
            pa.BufferReader(data.removeprefix(b"\xef\xbb\xbf")),
            read_options=csv.ReadOptions(column_names=names, skip_rows=1),
            parse_options=csv.ParseOptions(ignore_empty_lines=False, quote_char=False),
            convert_options=csv.ConvertOptions(column_types=kinds, strings_can_be_null=False),
        )
        if len(table) != rows:
            return None
        for field in form.fields:
            column = table[field.name]
            if field.name in _NUMBERS:
                if not pc.all(pc.match_substring_regex(column, f"^(?:{field.full})$")).as_py():
                    return None
                found[field.name] = column.cast(pa.uint64()).to_numpy()
            else:
                coded = column.unify_dictionaries()
                values = coded.chunk(0).dictionary.to_pylist()
                if not all(re.fullmatch(field.full, value) for value in values):
                    return None
                codes = [chunk.indices.to_numpy() for chunk in coded.chunks]
                found[field.name] = Coded(tuple(values), np.concatenate(codes))
    except pa.ArrowException:
        return None
    return Cells(np.arange(2, rows + 2, dtype=np.int64), **found)


def _by_line(lines: Lines, form: RowForm) -> tuple[Cells, list[Reject]]:
    """The same of any file, a line at a time, and the rows whose form is wrong."""
    rows: list[tuple[str, ...]] = []
    places: list[int] = []
    refused = []
    for number, text in enumerate(lines.texts(np.arange(1, len(lines))), start=2):
        values = form.parse(number, text)
        if isinstance(values, tuple) and int(values[-1]) > MAX_QUANTITY:
            values = Reject(number, "quantity", values[-1], f"is more than {MAX_QUANTITY:,}")
        if isinstance(values, Reject):
            refused.append(values)
        else:
            rows.append(values)
            places.append(number)
    found: dict[str, Any] = {}
    for place, field in enumerate(form.fields):
        column = [row[place] for row in rows]
        found[field.name] = (
            np.array([*map(int, column)], dtype=np.uint64) if field.name in _NUMBERS else Coded.of(column)
        )
    return Cells(np.array(places, dtype=np.int64), **found), refused


def day_of(data: bytes, source: str) -> date:
    """The trading day of a file: that of its first row with a readable one. Raises TradingDayUnknown."""
    lines = Lines.of(data)
    rows = 0
    for text in lines.texts(np.arange(1, len(lines))):
        rows += 1
        try:
            return date.fromisoformat((split(text) or ("",))[0])
        except ValueError:
            continue
    raise TradingDayUnknown(source, rows)
