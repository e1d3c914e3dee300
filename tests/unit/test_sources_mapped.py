"""Tables read by a mapping: known answers on each level, and what a mapping may not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.errors import FileMissing
from settlement.reconciliation.entries import NO_NUMBER, Entries
from settlement.sources import (
    Balance,
    CashMovement,
    Context,
    Source,
    Tolerances,
    mapping,
    numbers,
    read_source,
)
from settlement.sources.errors import MappingInvalid, SourceRefused
from settlement.sources.table import Rows

DAY = 20191121
BOOK = Context("book", "Me", "EUR", 2, (), (), DAY)
ANY_DAY = Context("book", "Me", "EUR", 2, (), ())


def _read(folder: Path, yaml: str, data: str | bytes = "", context: Context = BOOK) -> Source:
    (folder / "book-2019-11-21.csv").write_bytes(data if isinstance(data, bytes) else data.encode())
    (folder / "book.yaml").write_text(yaml)
    return read_source(str(folder / "book.yaml"), context)


def _rows(entries: Entries | None, *names: str) -> list[tuple[Any, ...]]:
    assert entries is not None
    tables = {"buyer": entries.parties, "seller": entries.parties, "security": entries.securities}
    tables["currency"] = entries.currencies
    found = []
    for name in names:
        values = getattr(entries, name).tolist()
        found.append([(*tables[name], None)[code] for code in values] if name in tables else values)
    return list(zip(*found, strict=True))


TRADES = """\
source: book-{date}.csv
level: trades
encoding: cp1252
delimiter: ";"
decimal: ","
thousands: "."
date_format: DD/MM/YYYY
time_format: HH:MM
cut_off: "18:00"
tolerances: {amount: "0.05", price: "0.0001", quantity: 1, time: 60, levy: "1"}
columns:
  trade_number: {column: Ref, pattern: "EX-0*([0-9]+)"}
  trading_day: Traded
  time: At
  settlement_date: Settles
  side: {column: B/S, buy: [K], sell: [V]}
  counterparty: {column: Broker, names: {"Müller & Co": Aldersgate}}
  security: ISIN
  quantity: {column: Lots, unit: 100}
  price: Px
  settlement_amount: {column: Cash, sign: ignored}
  currency: Ccy
  commission: {column: Fee, unit: minor}
  levy: {column: Levy, sign: reversed}
"""
TRADE_ROWS = """\
Ref;Traded;At;Settles;B/S;Broker;ISIN;Lots;Px;Cash;Ccy;Fee;Levy;Note
EX-0007;03/04/2019;9:30;;K;Müller & Co;X1;1.200;1,5;-180.000,00;EUR;1.234;-0,50;a
EX-0008;03/04/2019;;05/04/2019;v;Other;"X;2";0,5;;50,1;USD;0;0;"b ""q"" c"
EX-0009;03/05/2019;10:00;;K;Other;X1;1;1;100;EUR;0;0;
EX-0010;03/04/2019;10:00;;K;Other;X1;0,001;1;100;EUR;0;0;
EX-0011;03/04/2019;10:00;;Q;Other;X1;1;1;100;EUR;0;0;
EX-0012;03/04/2019;10:00;;K;Other;X1;1;1;1.00;EUR;0;0;
EX-0013;03/04/2019;10:00;;K;Other;X1;1;1;1,00;EUR;0,5;0;
"""


def test_trades_given_signs_units_and_words_known_answer(tmp_path: Path) -> None:
    context = Context("book", "Me", "EUR", 2, (), (), 20190403)
    (tmp_path / "book-2019-04-03.csv").write_bytes(TRADE_ROWS.encode("cp1252"))
    source = _read(tmp_path, TRADES, "", context)
    assert source.name == str(tmp_path / "book-2019-04-03.csv")
    names = ("number", "day", "time", "settles", "buyer", "seller", "security", "quantity", "price", "amount")
    assert _rows(source.entries, *names) == [
        (7, 20190403, 34200, 0, "Me", "Aldersgate", "X1", 120_000, 1_500_000, 18_000_000),
        (8, 20190403, 0xFFFFFF, 20190405, "Other", "Me", "X;2", 50, -1, 5_010),
    ]
    assert _rows(source.entries, "currency", "commission", "levy") == [("EUR", 1234, 50), ("USD", 0, 0)]
    assert [(each.line, each.field, each.reason) for each in source.refused] == [
        (5, "Lots", "trade 10: does not come to whole units"),
        (6, "B/S", "trade 11: is neither k nor v"),
        (7, "Cash", "trade 12: has its thousands separators '.' in the wrong places"),
        (8, "Fee", "trade 13: is fractional, whole units are wanted"),
    ]
    assert source.notes == {"other_days": "1 row of other days than 2019-04-03 left out"}
    assert source.tolerances == Tolerances(quantity=1, amount=5, price=100, time=60, levy=100)
    assert (source.rows, source.others, source.cut_off, source.format) == (7, 0, "18:00", "mapped")


def test_trades_given_a_signed_quantity_or_none_of_much_take_their_side_from_it(tmp_path: Path) -> None:
    columns = "columns: {security: s, quantity: q, settlement_amount: {column: a, unit: thousand}}"
    source = _read(
        tmp_path,
        f"source: book-{{date}}.csv\nlevel: trades\n{columns}\n",
        "q,s,a\n+5,X,1.5\n-7,X,0.00001\n0,X,1\n-0,X,1\n--1,X,1\n5,X,0.000001\n",
    )
    names = ("number", "buyer", "seller", "quantity", "amount", "day", "price")
    assert _rows(source.entries, *names) == [
        (NO_NUMBER, "Me", None, 5, 150_000, DAY, -1),
        (NO_NUMBER, None, "Me", 7, 1, DAY, -1),
    ]
    assert [(each.line, each.reason) for each in source.refused] == [
        (4, "is zero, so that it says no side"),
        (5, "is a negative zero"),
        (6, "has two signs"),
        (7, "has more than 5 decimals"),
    ]


def test_trades_given_typed_columns_take_patterns_and_signs_as_well(tmp_path: Path) -> None:
    table = pa.table(
        {
            "contract": pa.array([2019112101005579, 2019112101005580, 12], pa.int64()),
            "qty": pa.array([-10, 20, 30], pa.int32()),
            "b": [1, 2, 3],
            "s": ["x", None, "z"],
            "isin": ["A", "A", "A"],
            "amt": pa.array([-(2**63), 5, 7], pa.int64()),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    (tmp_path / "m.yaml").write_text("""\
level: trades
columns:
  trade_number: {column: contract, pattern: "[0-9]{8}([0-9]{8})"}
  trading_day: {column: contract, pattern: "([0-9]{8})[0-9]{8}"}
  buyer: b
  seller: s
  security: isin
  quantity: {column: qty, sign: reversed, unit: 10}
  settlement_amount: {column: amt, sign: reversed}
""")
    source = read_source(str(tmp_path / "t.parquet"), BOOK, mapping=tmp_path / "m.yaml")
    assert _rows(source.entries, "number", "day", "buyer", "seller", "quantity", "amount") == [
        (1005579, DAY, "1", "x", 100, 2**63 * 100)
    ]
    assert [(each.line, each.field) for each in source.refused] == [(2, "s"), (3, "contract")]


POSITIONS = """\
source: book-{date}.csv
level: positions
columns:
  {holder: who, asset: isin, opening: open, movements: net, closing: {column: close, unit: 10}, as_of: d}
"""


def test_balances_given_positions_cash_and_revenue_known_answers(tmp_path: Path) -> None:
    head = "who,isin,open,net,close,d\n"
    rows = "Me,X1,5,-3,0.2,2019-11-21\nYou,X2,,,-1,\nMe,X3,x,1,1,2019-11-21\n"
    source = _read(tmp_path, POSITIONS, head + rows)
    assert source.balances == (
        Balance("position", "Me", "X1", 5, -3, 2, DAY, 2),
        Balance("position", "You", "X2", None, None, -10, 0, 3),
    )
    assert (source.rows, source.others, source.entries) == (3, 1, None)
    assert [(each.line, each.value) for each in source.refused] == [(4, "x")]
    with pytest.raises(SourceRefused, match="for another day: line 3 is as of 2019-11-20, not 2019-11-21"):
        _read(tmp_path, POSITIONS, head + "Me,X1,5,-3,1,2019-11-21\nMe,X2,5,-3,1,20191120\n")
    column = "columns: {closing: {column: c, sign: reversed}}"
    cash = f"source: book-{{date}}.csv\nlevel: cash\ncurrency: JPY\n{column}\n"
    assert _read(tmp_path, cash, "c\n-5\n").balances == (Balance("cash", "Me", "JPY", None, None, 5, 0, 2),)
    revenue = "source: book-{date}.csv\nlevel: revenue\ncolumns: {payer: p, party: q, closing: c}\n"
    assert _read(tmp_path, revenue, "p,q,c\nA,B,1.50\n").balances == (
        Balance("revenue", "Me", "share A → B", None, None, 150, 0, 2),
    )
    moved = "{currency: y, amount: a, reference: r, date: d}"
    yaml = f"source: book-{{date}}.csv\nlevel: cash\ncolumns: {moved}\n"
    source = _read(tmp_path, yaml, "y,a,r,d\nEUR,-1.50,=x,2019-11-21\nUSD,2,,\nEUR,3,z,2019-11-22\n")
    assert source.movements == (
        CashMovement("Me", "EUR", -150, "=x", DAY, 2),
        CashMovement("Me", "USD", 200, "", 0, 3),
    )
    assert source.notes == {"other_days": "1 row of other days than 2019-11-21 left out"}
    bank = Context("bank", None, "EUR", 2, (), ())
    with pytest.raises(SourceRefused, match="says nothing of whose the balances are"):
        _read(tmp_path, cash.replace("book-{date}", "book-2019-11-21"), "c\n5\n", bank)


GOOD = "level: trades\ncolumns:\n  security: s\n  quantity: q\n  settlement_amount: a\n"
MISTAKES = [
    (
        "level: trade\n",
        "line 1: level: must be one of trades, positions, cash, revenue",
        "did you mean trades",
    ),
    (GOOD + "  qauntity: x\n", "line 6: columns.qauntity: is no key here", "did you mean quantity"),
    (GOOD + "colums: 3\n", "line 6: colums: is no key here", "did you mean columns"),
    (GOOD + "  closing: x\n", "line 6: columns.closing: is no field of trades", ""),
    (GOOD + "  buyer: x\n", "line 2: columns: has one of buyer and seller", ""),
    (GOOD + "  buyer: x\n  seller: y\n  side: z\n", "line 2: columns: has buyer and seller and side", ""),
    (GOOD.replace("  security: s\n", ""), "columns: lacks security", ""),
    (GOOD + '  price: {column: p, pattern: "("}\n', "line 6: columns.price.pattern: is no regular", ""),
    (GOOD + '  price: {column: p, pattern: "x"}\n', "columns.price.pattern: must have one group", ""),
    (GOOD + '  price: {column: p, pattern: "(a)(?=b)"}\n', "columns.price.pattern: is no regular", ""),
    (GOOD + "  price: {column: p, unit: 0}\n", "columns.price.unit: must be major, minor, thousand", ""),
    (GOOD + "  price: {column: p, sign: on}\n", "columns.price.sign: must be", ""),
    (GOOD + "  time: {column: p, unit: 2}\n", "columns.time.unit: means nothing for time", ""),
    (GOOD.replace("q\n", "{column: q, unit: minor}\n"), "line 4: columns.quantity.unit: of a", ""),
    (GOOD + "  side: {column: p, buy: [x], sell: [X]}\n", "columns.side.sell: has a word that is in buy", ""),
    (
        GOOD + "  trade_number: no\n",
        'line 6: columns.trade_number: must be text: write it in quotes, "no"',
        "",
    ),
    (GOOD + "  time: {colum: p}\n", "columns.time", "did you mean column"),
    (GOOD + "date_format: DD/MM\n", "line 6: date_format: must have a year", ""),
    (GOOD + "time_format: HH\n", "time_format: must have HH, MM", ""),
    (GOOD + "currency: XYZ\n", "line 6: currency:", ""),
    (GOOD + "cut_off: 18:00\n", "cut_off: must be text", ""),
    (GOOD + 'thousands: "."\n', "thousands: is the decimal sign", ""),
    (GOOD + "delimiter: ab\n", "delimiter: must be one character", ""),
    (GOOD + "tolerances: {amount: 0.05}\n", "tolerances.amount: must be a quoted decimal", ""),
    (GOOD + "source: book-{day}.csv\n", "source: may have {date} in it", ""),
    (
        "level: cash\ncolumns: {amount: a, closing: c}\n",
        "columns: has amount, of movements, and balances",
        "",
    ),
    ("level: positions\ncolumns: {asset: a}\n", "columns: lacks a balance", ""),
    ("- level\n", "a mapping is a mapping of keys", ""),
    ("level: [\n", "is not YAML", ""),
]


def test_mapping_given_each_mistake_says_key_and_line() -> None:
    assert mapping.parse(GOOD.encode(), "m.yaml").level == "trades"
    for text, said, more in MISTAKES:
        with pytest.raises(MappingInvalid) as caught:
            mapping.parse(text.encode(), "m.yaml")
        assert str(caught.value).startswith("m.yaml: "), text
        assert said in str(caught.value), (text, str(caught.value))
        assert more in str(caught.value), (text, str(caught.value))


PLAIN = "source: book-{date}.csv\n" + GOOD + "  trading_day: d\n"
TWO_WAYS = (
    "column 'd': 03/04/2019 reads in two ways, 3 Apr 2019 or 4 Mar 2019; "
    "write `date_format: DD/MM/YYYY` or `date_format: MM/DD/YYYY` into the mapping"
)
REFUSED = [
    ("s,qty,a,d\n", "has no column 'q' (did you mean 'qty'?); its columns are 's', 'qty', 'a', 'd'"),
    ("X,5,1.50,2019-11-21\n", "has no header: its first line is data already"),
    ("s,q,a,d,q\n", "has the column 'q' more than once (columns 2, 5): rename one"),
    ("", "is empty"),
    ("\n\r\n", "is empty: not even a header"),
    ("s,q,a,d\nX,1,1,03/04/2019\n", TWO_WAYS),
    ("s;q;a;d\nX;1;1;x\n", "has one column, 's;q;a;d'; write `delimiter: ';'` into the mapping"),
    ("s,q,a,d\nX,1,1,13.04.19\n", "13.04.19 is not YYYY-MM-DD; write `date_format: DD.MM.YY`"),
    (
        "s,q,a,d\nX,1,EUR 5,2019-11-21\nX,1,5,2019-11-21\nX,1,USD 5,2019-11-21\n",
        "column 'a' has amounts in different currencies: EUR (line 2), USD (line 4)",
    ),
    ("s,q,a,d\nX,1,€5,2019-11-21\nX,1,$5,2019-11-21\n", "different currencies: € (line 2), $ (line 3)"),
    (
        "s,q,a,d\nX,1,5,2019-11-21\nX,1,5,M\xe4rz\n".encode("latin-1"),
        "is not UTF-8: line 3, byte 8 is 0xe4; write its encoding into the mapping, as in `encoding: cp1252`",
    ),
    ("s,q,a,d\n".encode("utf-16"), "is UTF-16, not UTF-8; write `encoding: utf-16` into the mapping"),
]


def test_source_given_what_nobody_can_read_is_refused_whole(tmp_path: Path) -> None:
    for data, said in REFUSED:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - its type is looked at
            _read(tmp_path, PLAIN, data)
        assert type(caught.value).__name__ in ("SourceRefused", "FileEmpty"), data
        assert said in str(caught.value), (data, str(caught.value))
        assert str(caught.value).startswith(str(tmp_path / "book-2019-11-21.csv"))
    masking = GOOD.replace("a\n", '{column: a, pattern: "[A-Z]{3} (.*)"}\n')
    with pytest.raises(SourceRefused, match="different currencies: EUR"):
        _read(tmp_path, "source: book-{date}.csv\n" + masking, "s,q,a\nX,1,EUR 5\nX,1,USD 5\n")
    with pytest.raises(SourceRefused, match="needs a trading day"):
        _read(tmp_path, PLAIN, "", ANY_DAY)
    with pytest.raises(SourceRefused, match="without `source`"):
        _read(tmp_path, GOOD, "s")
    with pytest.raises(SourceRefused, match="says no trading day"):
        _read(tmp_path, GOOD + "source: book-2019-11-21.csv\n", "s,q,a\n", ANY_DAY)
    with pytest.raises(SourceRefused, match="'nonsense' is no encoding that is known"):
        _read(tmp_path, PLAIN + "encoding: nonsense\n", "s")
    with pytest.raises(SourceRefused, match="is not ascii: line 2"):
        _read(tmp_path, PLAIN + "encoding: ascii\n", "s\né")
    with pytest.raises(FileMissing):
        _read(tmp_path, PLAIN.replace("book-", "other-"))
    table = pa.table({"s": ["X"], "q": [1], "a": [1.5], "d": ["2019-11-21"]})
    pq.write_table(table, tmp_path / "f.parquet")
    with pytest.raises(SourceRefused, match="column 'a' is of floating-point numbers"):
        _read(tmp_path, PLAIN.replace("book-{date}.csv", "f.parquet"))
    (tmp_path / "d.parquet").write_bytes((tmp_path / "f.parquet").read_bytes()[:-9])
    with pytest.raises(SourceRefused, match="is no Parquet file that can be read"):
        _read(tmp_path, PLAIN.replace("book-{date}.csv", "d.parquet"))
    (tmp_path / "unknown.csv").write_text("s,q\n")
    with pytest.raises(SourceRefused, match=r"its columns are of no known trade format: 's', 'q'; known are"):
        read_source(str(tmp_path / "unknown.csv"), BOOK)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 10**18), min_size=1, max_size=5),
    st.lists(st.booleans(), min_size=5, max_size=5),
    st.sampled_from([(".", ""), (".", ","), (",", "."), (",", " "), (".", "'")]),
    st.sampled_from([0, 2, 3]),
    st.sampled_from([1, 10, 250]),
    st.sampled_from(["signed", "reversed", "ignored"]),
)
def test_numbers_given_any_way_of_writing_come_back(
    values: list[int],
    minus: list[bool],
    marks: tuple[str, str],
    scale: int,
    factor: int,
    sign: numbers.Sign,
) -> None:
    """Written here from integers; a fraction of a unit, put to any of them, is refused."""
    decimal, thousands = marks
    texts, expected = [], []
    for value, negative in zip(values, minus, strict=False):
        whole, fraction = divmod(value, 10**scale)
        text = f"{whole:,}".replace(",", thousands) + (f"{decimal}{fraction:0{scale}d}" if scale else "")
        texts.append(("-" if negative and value else "") + text)
        signed = -value if negative and value else value
        expected.append(factor * {"signed": signed, "reversed": -signed, "ignored": value}[sign])
    form = numbers.Form(scale=scale, factor=factor, sign=sign, decimal=decimal, thousands=thousands)
    rows = Rows("t", np.arange(len(texts)))
    found = numbers.read(rows, pa.chunked_array([texts[:2], texts[2:]], pa.string()), "c", form)
    assert found.tolist() == expected
    assert rows.refused() == ()
    spoilt = [text + ("" if scale else decimal) + "0000001" for text in texts]
    again = Rows("t", np.arange(len(texts)))
    numbers.read(again, pa.chunked_array([spoilt]), "c", form)
    assert len(again.refused()) == len(texts)
