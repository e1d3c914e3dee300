"""A book's rows as files."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Mapping, Sequence
from decimal import Decimal

from planting.market import MAPPED_FORMS, SIDE, Form, Row, cells, day_text, header, money_text, price_text

MAPPING_FILE = "book.yaml"
_COLUMNS = {
    "trade_number": "Ref",
    "trading_day": "Day",
    "side": SIDE,
    "counterparty": "Against",
    "security": "Paper",
    "quantity": "Units",
    "price": "Each",
    "settlement_amount": "Total",
    "currency": "Money",
    "settlement_date": "Value day",
    "commission": "Fee",
}
_FIGURES = {"opening": "Opened", "movements": "Moved", "closing": "Closed"}
_ASSET = {"positions": "asset", "cash": "currency", "revenue": "line"}


def write(form: Form, rows: Sequence[Row], owner: str) -> tuple[Mapping[str, bytes], str]:
    """The files of a book, and the name of the one to be read."""
    if form is Form.PARQUET:
        return {"book.parquet": _parquet(rows)}, "book.parquet"
    table = [header(form), *(cells(form, row, place, owner) for place, row in enumerate(rows, 1))]
    if form in MAPPED_FORMS:
        _sell_second(table, rows)
    if form in MAPPED_FORMS:
        return {"book.csv": text(table, ";"), MAPPING_FILE: mapping(form).encode()}, MAPPING_FILE
    return {"book.csv": text(table, ",")}, "book.csv"


def _sell_second(table: list[list[str]], rows: Sequence[Row]) -> None:
    """Of a trade of the owner with itself that is there twice, the second row is the sale."""
    seen = set()
    side = table[0].index(SIDE)
    for row, line in zip(rows, table[1:], strict=True):
        if row.buyer == row.seller:
            if (row.number, row.like()) in seen:
                line[side] = "S"
            seen.add((row.number, row.like()))


def mapping(form: Form) -> str:
    """The mapping of a book of trades in the mapped forms."""
    return _mapped("trades", {k: v for k, v in _COLUMNS.items() if form is Form.MAPPED or v != "Ref"})


def figures_mapping(level: str) -> str:
    """The mapping of a table of balances: `positions`, `cash` or `revenue`."""
    return _mapped(level, {_ASSET[level]: "Asset", **_FIGURES})


def _mapped(level: str, columns: Mapping[str, str]) -> str:
    lines = ["source: book.csv", f"level: {level}", 'delimiter: ";"', "columns:"]
    return "\n".join([*lines, *(f"  {field}: {column}" for field, column in columns.items()), ""])


def text(table: Sequence[Sequence[str]], delimiter: str) -> bytes:
    """A table as CSV."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(table)
    return out.getvalue().encode("utf-8")


def _parquet(rows: Sequence[Row]) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    clocks = [
        None if row.time is None else dt.time(row.time // 3600, row.time // 60 % 60, row.time % 60)
        for row in rows
    ]
    table = pa.table(
        {
            "trade_no": pa.array([row.number for row in rows], pa.int64()),
            "trade_date": pa.array([dt.date.fromisoformat(day_text(row.day)) for row in rows], pa.date32()),
            "trade_time": pa.array(clocks, pa.time32("s")),
            "buyer": pa.array([row.buyer for row in rows], pa.string()),
            "seller": pa.array([row.seller for row in rows], pa.string()),
            "security": pa.array([row.security for row in rows], pa.string()),
            "quantity": pa.array([row.quantity for row in rows], pa.int64()),
            "price": pa.array([Decimal(price_text(row.price)) for row in rows], pa.decimal128(38, 6)),
            "settlement_amount": pa.array(
                [Decimal(money_text(row.amount)) for row in rows], pa.decimal128(38, 2)
            ),
        }
    )
    out = io.BytesIO()
    parquet.write_table(table, out)
    return out.getvalue()
