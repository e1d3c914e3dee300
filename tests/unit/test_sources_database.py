"""Tables of databases, read through DuckDB: the same as from a file, exact, refused with what there is."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ledger.units import MAX_QUANTITY
from settlement.errors import FileMissing
from settlement.sources import Context, database, read_source
from settlement.sources.errors import SourceRefused

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from sql import postgresql

HEADER = "trade_no,trade_date,trade_time,buyer,seller,security,quantity,price,settlement_amount"
BOOK = Context("book", "A", "NPR", 2, (), ())
ROWS = [
    ("7", "2019-11-21", "09:30:01", "A", "B", "X1", "10", "1.5", "15.00"),
    (
        "8",
        "2019-11-21",
        "00:00:00",
        "O'B\"",
        "A",
        "=1+1",
        str(MAX_QUANTITY),
        "0.000001",
        "9007199254740993.01",
    ),
]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("db") / "it's a book.db"
    with closing(sqlite3.connect(path)) as connection:
        names = HEADER.split(",")
        connection.execute(f'create table "my ""trades" ({", ".join(f"{name} text" for name in names)})')
        connection.executemany(f'insert into "my ""trades" values ({",".join("?" * 9)})', ROWS)
        connection.execute(
            "create table typed (n integer, d, t, b, s, i, q decimal(20,0), p real, a decimal(38,2))"
        )
        typed = [
            (1, "2019-11-21", None, "A", "B", "X", 10, 1.5, "15.25"),
            (2, "2019-11-21", None, "A", "B", "X", 10, 1.5, "12345678901234.56"),
            (3, "2019-11-21", None, "A", "B", "X", MAX_QUANTITY * 1.0, 1.5, "1"),
            (4, "2019-11-21", None, b"A\xff", "B", "X", 10, None, "1"),
        ]
        connection.executemany(f"insert into typed values ({','.join('?' * 9)})", typed)
        connection.execute("create table broken as select cast(x'ff41' as text) as n from typed")
        connection.commit()
    return path  # type: ignore[return-value]


def _csv(folder: Path) -> str:
    path = folder / "t.csv"
    import csv

    with path.open("w", newline="") as file:
        csv.writer(file).writerows([HEADER.split(","), *ROWS])
    return str(path)


def test_sqlite_given_text_is_what_the_csv_is(book: Path, tmp_path: Path) -> None:
    source = read_source(f'sqlite:{book}#my "trades', BOOK)
    plain = read_source(_csv(tmp_path), BOOK)
    assert (source.rows, source.refused, source.format) == (2, (), "canonical")
    assert source.entries is not None
    assert plain.entries is not None
    for name, column in plain.entries.columns().items():
        expected = [line - 1 for line in column.tolist()] if name == "line" else column.tolist()
        assert getattr(source.entries, name).tolist() == expected, name
    assert source.entries.amount.tolist() == [1500, 900719925474099301]
    assert source.entries.parties == plain.entries.parties


MAPPED = """\
source: "sqlite:it's a book.db#typed"
level: trades
columns: {trade_number: n, trading_day: d, time: t, buyer: b, seller: s, security: i, quantity: q, price: p,
  settlement_amount: a}
"""


def test_sqlite_given_what_it_keeps_in_floating_point_takes_what_is_sure(book: Path) -> None:
    (book.parent / "m.yaml").write_text(MAPPED)
    source = read_source(str(book.parent / "m.yaml"), BOOK)
    assert source.name == f"sqlite:{book}#typed"
    assert source.entries is not None
    assert source.entries.amount.tolist() == [1525, 100]
    assert source.entries.price.tolist() == [1_500_000, -1]
    assert source.entries.parties == ("A", "bytes 41FF", "B")
    inexact = "is kept by the database in floating point, which does not hold so many digits exactly"
    assert [(each.line, each.field, each.reason) for each in source.refused] == [
        (2, "a", f"trade 2: {inexact}"),
        (3, "q", f"trade 3: {inexact}"),
    ]


def test_database_given_nothing_to_read_says_what_there_is(book: Path, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database")
    for where, said in (
        (
            f"sqlite:{book}#type",
            "has no table 'type'; there are broken, my \"trades, typed (did you mean typed?)",
        ),
        (f"sqlite:{book}", "names no table; write it after a #; there are broken"),
        (f"sqlite:{tmp_path}/text.db#t", "is no SQLite database"),
        (f"sqlite:{book}#typed", "its columns are of no known trade format: 'n'"),
        ("postgresql://me:secret@127.0.0.1:1/db#t", "postgresql://me:***@127.0.0.1:1/db#t: cannot be read: "),
    ):
        with pytest.raises(SourceRefused) as caught:
            read_source(where, BOOK)
        assert said in str(caught.value)
        assert "secret" not in str(caught.value)
    with pytest.raises(FileMissing):
        read_source(f"sqlite:{tmp_path}/none.db#t", BOOK)
    (tmp_path / "m.yaml").write_text(
        MAPPED.replace("it's a book.db#typed", f"{book}#broken").replace(": d,", ": n,")
    )
    with pytest.raises(SourceRefused, match="has no column 'i'; its columns are 'n'"):
        read_source(str(tmp_path / "m.yaml"), BOOK)
    with pytest.raises(SourceRefused, match="column 'n' holds text that is not UTF-8"):
        database.read(f"sqlite:{book}#broken").load(["n"]).array("n")


def test_postgresql_given_its_types_is_what_the_csv_is(tmp_path: Path) -> None:
    programs = postgresql.binaries()
    if programs is None:
        pytest.skip(postgresql.INSTALL)
    kinds = ["bigint", "date", "time", "text", "varchar(9)", "text", "numeric"]
    kinds += ["numeric(20,6)", "numeric(38,2)"]
    columns = ", ".join(f"{name} {kind}" for name, kind in zip(HEADER.split(","), kinds, strict=True))
    values = ", ".join(
        "(" + ", ".join("'" + cell.replace("'", "''") + "'" for cell in row) + ")" for row in ROWS
    )
    with postgresql.server(programs) as running:
        running.ask("postgres", f'create schema x; create table x."T r" ({columns})')
        running.ask("postgres", f'insert into x."T r" values {values}; create table f (trade_no real)')
        place = f"postgresql://{postgresql.USER}@/postgres?host={running.directory}"
        source = read_source(f"{place}#x.T r", BOOK)
        with pytest.raises(
            SourceRefused, match=r"has no table 'x.Tr'; there are f, x.T r \(did you mean x.T r\?\)"
        ):
            read_source(f"{place}#x.Tr", BOOK)
        with pytest.raises(SourceRefused, match="column 'trade_no' is of type real, which does not hold"):
            database.read(f"{place}#f").load(["trade_no"])
    plain = read_source(_csv(tmp_path), BOOK)
    assert source.refused == ()
    assert source.entries is not None
    assert plain.entries is not None
    for name, column in plain.entries.columns().items():
        if name != "line":
            assert getattr(source.entries, name).tolist() == column.tolist(), name
