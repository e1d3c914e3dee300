"""Tables of trades in the columns of a known format: what they are read as, whatever they are kept in.

Known answers, another reading of the same file by the csv module and Decimal, the same rows in other types.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.units import MAX_AMOUNT, MAX_QUANTITY, TIME_UNKNOWN
from settlement.reconciliation.entries import NO_NUMBER, Entries
from settlement.sources import Context, Source, csv_table, read_source

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "nepse" / "2019-11-21.csv"
HEADER = "trade_no,trade_date,trade_time,buyer,seller,security,quantity,price,settlement_amount"
BOOK = Context("book", "A", "NPR", 2, (), ())


def _read(path: Path, data: str | bytes, context: Context = BOOK) -> Source:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_source(str(path), context)


def _rows(entries: Entries | None) -> list[tuple[Any, ...]]:
    """Entries with their names."""
    assert entries is not None
    columns = {name: column.tolist() for name, column in entries.columns().items()}
    names = {"buyer": entries.parties, "seller": entries.parties, "security": entries.securities}
    for name, table in names.items():
        columns[name] = [table[code] for code in columns[name]]
    return list(zip(*columns.values(), strict=True))


CANONICAL = f"""{HEADER}
7,2019-11-21,09:30:01,A,B,X1,10,123.45,1234.50
7,2019-11-21,,Z?,A,=1+1,{MAX_QUANTITY},0.000001,{MAX_AMOUNT // 100}.{MAX_AMOUNT % 100:02d}
,2019-11-21,00:00:00,A,A,X1,1,1,2.00
4294967296,2019-11-20,23:59:59,"B, Inc",C,@X,1,1,1.00
"""
"""A duplicate, names that nobody knows, no number, one beyond the record, another amount: all can be read."""


def test_read_given_a_canonical_file_known_answer(tmp_path: Path) -> None:
    source = _read(tmp_path / "book.csv", CANONICAL)
    assert (source.format, source.rows, source.others, source.refused) == ("canonical", 4, 1, ())
    entries = source.entries
    assert entries is not None
    assert entries.parties == ("A", "Z?", "B, Inc", "B", "C")
    assert entries.currencies == ("NPR",)
    assert _rows(entries) == [
        (7, 20191121, 0, 34201, "A", "B", "X1", 0, 2, 10, 123450, 123450000),
        (7, 20191121, 0, TIME_UNKNOWN, "Z?", "A", "=1+1", 0, 3, MAX_QUANTITY, MAX_AMOUNT, 1),
        (NO_NUMBER, 20191121, 0, 0, "A", "A", "X1", 0, 4, 1, 200, 1000000),
        (2**32, 20191120, 0, 86399, "B, Inc", "C", "@X", 0, 5, 1, 100, 1000000),
    ]
    assert [entries.name(row) for row in range(4)] == ["7", "7", "line 4", "4294967296"]
    day = _read(tmp_path / "book.csv", CANONICAL, Context("book", "A", "NPR", 2, (), (), 20191121))
    assert day.entries is not None
    assert len(day.entries) == 3
    assert day.notes == {"other_days": "1 row of other days than 2019-11-21 left out"}


@pytest.mark.skipif(not SHARED.exists(), reason="the shared day is not here")
def test_read_given_the_shared_day_is_what_the_csv_module_reads() -> None:
    source = read_source(str(SHARED), Context("book", "42", "NPR", 2, (), ()))
    with SHARED.open(newline="") as file:
        rows = list(csv.DictReader(file))
    expected = [
        (
            int(row["Contract_No"][8:]),
            int(row["Contract_No"][:8]),
            0,
            TIME_UNKNOWN,
            row["Buyer_Broker"],
            row["Seller_Broker"],
            row["Stock_Symbol"],
            0,
            line,
            int(row["Quantity"]),
            int(Decimal(row["Amount"]) * 100),
            int(Decimal(row["Rate"]) * 10**6),
        )
        for line, row in enumerate(rows, start=2)
    ]
    assert _rows(source.entries) == expected
    assert source.others == sum("42" not in (row["Buyer_Broker"], row["Seller_Broker"]) for row in rows)
    assert source.entries is not None
    assert source.entries.name(0) == rows[0]["Contract_No"]


TEXTS = {
    "trade_no": ["7", "8", "9"],
    "trade_date": ["2019-11-21"] * 3,
    "trade_time": ["09:30:01", "00:00:00", "23:59:59"],
    "buyer": ["A", "B", "A"],
    "seller": ["B", "C", "C"],
    "security": ["X1", "X2", "X1"],
    "quantity": ["10", "18446744073709551615", "1"],
    "price": ["123.45", "0.5", "2"],
    "settlement_amount": ["1234.50", "9223372036854775807.50", "2.00"],
}


def _typed() -> Iterator[tuple[str, pa.Table]]:
    text = pa.table(TEXTS)
    days, times = pa.array([date(2019, 11, 21)] * 3), [time(9, 30, 1), time(0), time(23, 59, 59)]
    yield "text", text
    yield "large text", text.cast(pa.schema([(name, pa.large_string()) for name in TEXTS]))
    kinds: dict[str, Any] = {
        "trade_no": pa.array([7, 8, 9], pa.uint32()),
        "trade_date": days,
        "trade_time": pa.array(times, pa.time32("s")),
        "quantity": pa.array([10, MAX_QUANTITY, 1], pa.uint64()),
        "price": pa.array([Decimal("123.4500"), Decimal("0.5000"), Decimal("2.0000")], pa.decimal128(20, 4)),
        "settlement_amount": pa.array(
            [Decimal(each) for each in TEXTS["settlement_amount"]], pa.decimal128(38, 2)
        ),
    }
    names = {name: pa.array(TEXTS[name]).dictionary_encode() for name in ("buyer", "seller", "security")}
    yield "typed", pa.table({name: kinds.get(name, names.get(name)) for name in TEXTS})
    wide = dict(kinds)
    wide["trade_date"] = days.cast(pa.timestamp("ms"))
    wide["trade_time"] = pa.array(times, pa.time64("us"))
    wide["quantity"] = kinds["settlement_amount"].cast(pa.decimal128(38, 2))
    wide["quantity"] = pa.array([Decimal(each) for each in TEXTS["quantity"]], pa.decimal128(38, 3))
    wide["settlement_amount"] = kinds["settlement_amount"].cast(pa.decimal256(60, 5))
    shuffled = ["settlement_amount", *[name for name in TEXTS if name != "settlement_amount"], "note"]
    wide["note"] = pa.array([1.5, 2.5, None])
    yield "wide", pa.table({name: wide.get(name, names.get(name)) for name in shuffled})


def test_read_given_one_table_in_any_types_is_the_same(tmp_path: Path) -> None:
    text = "\n".join([HEADER, *(",".join(row) for row in zip(*TEXTS.values(), strict=True))])
    expected = [row[:8] + row[9:] for row in _rows(_read(tmp_path / "t.csv", text).entries)]
    assert [row[9] for row in expected] == [123450, 922337203685477580750, 200]
    for name, table in _typed():
        pq.write_table(table, tmp_path / "t.parquet", row_group_size=2)
        source = read_source(str(tmp_path / "t.parquet"), BOOK)
        assert source.refused == (), name
        assert [row[:8] + row[9:] for row in _rows(source.entries)] == expected, name
        assert source.entries is not None
        assert source.entries.line.tolist() == [1, 2, 3]


GOOD = "7,2019-11-21,09:30:01,A,B,X1,10,1.50,15.00"
FAULTS = [
    ("trade_no", "x7", "is not a plain decimal number"),
    ("trade_no", "7.5", "is fractional, whole units are wanted"),
    ("trade_date", "21/11/19x", "is not a date as YYYY-MM-DD"),
    ("trade_date", "2019-02-30", "is no calendar day"),
    ("trade_time", "25:00:00", "is no time of day"),
    ("buyer", "", "is empty"),
    ("seller", "B\x1b", "holds control characters"),
    ("quantity", "-10", "is negative"),
    ("quantity", "+10", "has a sign"),
    ("quantity", "-0", "is negative"),
    ("quantity", "1e3", "is in exponent notation"),
    ("quantity", '"1,000"', "has thousands separators"),
    ("quantity", "1.5", "is fractional, whole units are wanted"),
    ("quantity", "18446744073709551616", "is too large for the record"),
    ("quantity", "1" * 21, "is too large for the record: more than 20 digits"),
    ("quantity", "٣", "is not a plain decimal number"),
    ("price", "1.0000001", "has more than 6 decimals"),
    ("price", "nan", "is not a number"),
    ("settlement_amount", "15.001", "has more than 2 decimals"),
    ("settlement_amount", "inf", "is infinite"),
    ("settlement_amount", " 15.00", "has spaces around it"),
    ("settlement_amount", "NPR 15.00", "names a currency, NPR"),
    ("settlement_amount", "=15", "is not a plain decimal number"),
    ("row", "9,x", "has 2 fields, not 9"),
    ("row", "", "is an empty line"),
    ("row", GOOD + ",", "has 10 fields, not 9"),
    ("row", GOOD.replace("A", "A\0"), "holds a NUL byte"),
    ("row", GOOD.replace("A", '"A"A'), "has a quote that is not closed or stands in a field"),
    ("row", GOOD.replace("A", '"A'), "has a quote that is not closed or stands in a field"),
]


def test_refused_given_each_fault_name_the_row_and_the_rest_goes_on(tmp_path: Path) -> None:
    fields = HEADER.split(",")
    lines = [GOOD]
    for field, value, _ in FAULTS:
        row = GOOD.split(",")
        row[0] = "42"
        if field == "row":
            lines.append(value)
        else:
            row[fields.index(field)] = value
            lines.append(",".join(row))
    lines.append(GOOD)
    for end in ("\n", "\r\n"):
        source = _read(tmp_path / "t.csv", "\ufeff" + end.join([HEADER, *lines]) + end + end)
        assert source.rows == len(FAULTS) + 2
        assert source.entries is not None
        assert source.entries.line.tolist() == [2, len(FAULTS) + 3]
        assert [each.line for each in source.refused] == list(range(3, len(FAULTS) + 3))
        for (field, value, reason), refused in zip(FAULTS, source.refused, strict=True):
            named = field not in ("row", "trade_no", "trade_date")
            assert refused.field == field
            assert refused.reason.startswith(f"trade 42: {reason}" if named else reason), refused
            if field != "row":
                assert refused.value == value.strip('"').replace("\x1b", "\\x1b")


CELL = st.text(st.sampled_from('ab,"\n 1'), max_size=4)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=6), st.booleans(), st.data())
def test_csv_given_anything_the_csv_module_wrote_gives_it_back(
    rows: list[list[str]], quoted: bool, data: st.DataObject
) -> None:
    """And a stray quote, or a cut, spoils nothing without a word: rows read and refused add up."""
    from io import StringIO

    file = StringIO()
    style = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    writer = csv.writer(file, lineterminator="\n", quoting=style)
    writer.writerows([["x", "y", "z"], *rows])
    text = file.getvalue()
    loaded = csv_table.read(text.encode(), "t").load(["x", "z"])
    if rows[-1] != ["", "", ""] and not any("\n" in cell for row in rows for cell in row):
        assert loaded.refused == []
        assert loaded.array("x").to_pylist() == [row[0] for row in rows]
        assert loaded.array("z").to_pylist() == [row[2] for row in rows]
        assert loaded.line.tolist() == list(range(2, len(rows) + 2))
    at = data.draw(st.integers(text.index("\n") + 1, len(text)))
    stray = data.draw(st.sampled_from(['"', "\n", "\0", ","]))
    spoilt = csv_table.read((text[:at] + stray + text[at:]).encode(), "t")
    again = spoilt.load(["x", "z"])
    assert len(again.line) + len(again.refused) == again.rows
    assert len(again.array("x")) == len(again.line)
    assert sorted({*again.line.tolist(), *(each.line for each in again.refused)}) == sorted(
        [*again.line.tolist(), *(each.line for each in again.refused)]
    )


def test_csv_given_line_breaks_in_quotes_counts_lines_of_the_file(tmp_path: Path) -> None:
    body = f'{GOOD}\n8,2019-11-21,,"A\n A",B,X,1,1,1\n{GOOD}\n"open,1\n{GOOD}'
    source = _read(tmp_path / "t.csv", f"{HEADER}\n{body}\n")
    assert source.entries is not None
    assert source.entries.line.tolist() == [2, 5, 7]
    assert [(each.line, each.field) for each in source.refused] == [(3, "buyer"), (6, "row")]


def test_csv_given_quotes_and_line_ends_that_look_right_is_read_as_the_csv_module_does() -> None:
    for body, rows, refused in (
        ('"a\nb",1\n2,3', {2: "a\nb", 4: "2"}, []),
        ('"5,"6,x\n2,3', {3: "2"}, [2]),
        ('1,2\r3,4\n"a\nb",5', {3: "a\nb"}, [2]),
        ('"a",""\r\n"b","c,"', {2: "a", 3: "b"}, []),
    ):
        loaded = csv_table.read(f"x,y\n{body}\n".encode(), "t").load(["x"])
        assert dict(zip(loaded.line.tolist(), loaded.array("x").to_pylist(), strict=True)) == rows, body
        assert [each.line for each in loaded.refused] == refused, body


def test_read_given_only_a_header_or_all_refused_has_no_entries(tmp_path: Path) -> None:
    source = _read(tmp_path / "t.csv", HEADER + "\n")
    assert (source.rows, len(source.entries or ()), source.refused) == (0, 0, ())
    pq.write_table(pa.table(TEXTS).slice(0, 0), tmp_path / "t.parquet")
    assert read_source(str(tmp_path / "t.parquet"), BOOK).rows == 0
    many = "\n".join([HEADER, *["x" + GOOD] * 10_003])
    source = _read(tmp_path / "t.csv", many)
    assert (source.rows, len(source.entries or ()), len(source.refused)) == (10_003, 0, 10_000)
    assert source.notes == {"refused": "3 further rows refused"}


NUMBER = st.from_regex(re.compile(r"-?[0-9]{1,22}(?:\.[0-9]{1,4})?"), fullmatch=True)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(NUMBER, NUMBER), min_size=1, max_size=8))
def test_read_given_any_plain_numbers_agrees_with_decimal(cells: list[tuple[str, str]]) -> None:
    """Read exactly where they are whole in their unit and in its bounds; refused otherwise."""
    data = "\n".join([HEADER, *(f"1,2019-11-21,,A,B,X,{q},1,{a}" for q, a in cells)])
    from settlement.sources import trade_rows

    table = csv_table.read(data.encode(), "t")
    plan = trade_rows.known_plan(table.columns, 2)
    assert plan is not None
    source = trade_rows.read(table, plan, BOOK)
    expected = []
    for line, (quantity, amount) in enumerate(cells, start=2):
        units, minor = Decimal(quantity), Decimal(amount) * 100
        plain = not quantity.startswith("-") and not amount.startswith("-")
        digits = len(quantity.partition(".")[0]) <= 20
        bounded = digits and units <= MAX_QUANTITY and minor <= MAX_AMOUNT
        if plain and bounded and units % 1 == 0 and minor % 1 == 0:
            expected.append((line, int(units), int(minor)))
    entries = source.entries
    assert entries is not None
    columns: Sequence[Any] = (entries.line.tolist(), entries.quantity.tolist(), entries.amount.tolist())
    assert list(zip(*columns, strict=True)) == expected
    assert len(source.refused) == len(cells) - len(expected)
    assert not np.any(entries.number == NO_NUMBER)
