"""Mappings that are proposed: they load, read rightly where they are sure, and say where they are not.

The tables are written here from known trades, in the manners of several back offices.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from settlement.sources import Context, Source, guess_mapping, mapping, read_source
from settlement.sources.errors import SourceRefused
from settlement.sources.guessing import Guess

DAY = 20191121
BROKERS = ("Aldersgate", "Bishopsgate", "Cripplegate", "Ludgate")
CODES = ("CH0038863350", "US0378331005", "GB0002634946")
BOOK = Context("book", "Aldersgate", "EUR", 2, BROKERS, (), DAY)
NO_DAY = Context("book", "Aldersgate", "EUR", 2, BROKERS, ())


def _trades(seed: int, count: int = 30) -> list[dict[str, Any]]:
    """Trades of Aldersgate; prices in cents."""
    chance = random.Random(seed)
    return [
        {
            "number": 1000 + i * 3,
            "buys": chance.random() < 0.5,
            "other": chance.choice(BROKERS[1:]),
            "code": chance.choice(CODES),
            "quantity": 100 * chance.randint(1, 90),
            "price": chance.randint(101, 99_999),
            "time": chance.randint(30_000, 60_000),
        }
        for i in range(count)
    ]


def _expected(trades: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    own = "Aldersgate"
    return [
        (
            each["number"],
            own if each["buys"] else each["other"],
            each["other"] if each["buys"] else own,
            each["code"],
            each["quantity"],
            each["quantity"] * each["price"],
            DAY,
        )
        for each in trades
    ]


def _found(source: Source) -> list[tuple[Any, ...]]:
    entries = source.entries
    assert entries is not None
    parties, codes = entries.parties, entries.securities
    return [
        (number, parties[buyer], parties[seller], codes[code], quantity, amount, day)
        for number, buyer, seller, code, quantity, amount, day in zip(
            entries.number.tolist(),
            entries.buyer.tolist(),
            entries.seller.tolist(),
            entries.security.tolist(),
            entries.quantity.tolist(),
            entries.amount.tolist(),
            entries.day.tolist(),
            strict=True,
        )
    ]


def _money(minor: int, decimal: str = ".", thousands: str = "") -> str:
    return f"{minor // 100:,}".replace(",", thousands) + f"{decimal}{minor % 100:02d}"


def _write(path: Path, columns: dict[str, list[str]], delimiter: str = ",", encoding: str = "utf-8") -> None:
    rows = [list(columns), *map(list, zip(*columns.values(), strict=True))]
    cells = [[f'"{cell}"' if delimiter in cell else cell for cell in row] for row in rows]
    path.write_bytes("\n".join(delimiter.join(row) for row in cells).encode(encoding))


def _guess(folder: Path, where: str, context: Context = BOOK) -> tuple[str, dict[str, Guess], Path]:
    text, guesses = guess_mapping(where, context)
    file = folder / "guess.yaml"
    file.write_text(text)
    mapping.load(file)
    return text, {guess.field: guess for guess in guesses}, file


def test_guess_given_the_manners_of_several_offices_reads_each_rightly(tmp_path: Path) -> None:
    trades = _trades(1)
    buys = [each["buys"] for each in trades]
    amounts = [each["quantity"] * each["price"] for each in trades]
    european = {
        "Notiz": ["ä"] * 30,
        "Kurs": [_money(each["price"], ",", ".") for each in trades],
        "Betrag": [("-" if buy else "") + _money(a, ",", ".") for a, buy in zip(amounts, buys, strict=True)],
        "Menge": [str(each["quantity"] // 100) for each in trades],
        "ISIN": [each["code"] for each in trades],
        "Broker": [each["other"] for each in trades],
        "B/S": ["B" if buy else "S" for buy in buys],
        "TradeDate": ["21.11.2019"] * 30,
        "Deal No": [f"EX.{each['number']:06d}" for each in trades],
    }
    _write(tmp_path / "book-2019-11-21.csv", european, ";", "cp1252")
    text, guesses, file = _guess(tmp_path, str(tmp_path / "book-2019-11-21.csv"))
    assert 'source: "book-{date}.csv"' in text
    assert _found(read_source(str(file), BOOK)) == _expected(trades)
    assert {guesses[field].sure for field in ("quantity", "price", "settlement_amount")} == {100}
    assert guesses["quantity"].why == "Menge × Kurs = Betrag in every row"
    assert (guesses["levy"].column, guesses["levy"].sure) == ("", 0)
    assert "# not found: time, settlement_date, buyer, seller, currency, commission, levy" in text

    both = {
        "buyer": ["Aldersgate" if buy else each["other"] for each, buy in zip(trades, buys, strict=True)],
        "seller": [each["other"] if buy else "Aldersgate" for each, buy in zip(trades, buys, strict=True)],
        "qty": [f"{each['quantity']:,}" for each in trades],
        "consideration": [str(amount) for amount in amounts],
        "px": [_money(each["price"]) for each in trades],
        "symbol": [each["code"] for each in trades],
        "contract": [f"20191121{each['number']:08d}" for each in trades],
    }
    both["symbol"][3] = "?"
    spoilt = _expected(trades)
    spoilt[3] = (*spoilt[3][:3], "?", *spoilt[3][4:])
    _write(tmp_path / "both.csv", both)
    text, guesses, file = _guess(tmp_path, str(tmp_path / "both.csv"))
    assert _found(read_source(str(file), BOOK)) == spoilt
    assert "unit: minor" in text
    assert guesses["trading_day"].why == "its first eight digits are a day"

    signed = {
        "REF": [str(each["number"]) for each in trades],
        "SHARES": [str(each["quantity"] if each["buys"] else -each["quantity"]) for each in trades],
        "STOCK": both["symbol"],
        "CPTY": [each["other"] for each in trades],
        "VALUE": [_money(amount) for amount in amounts],
        "DATE": ["20191121"] * 30,
    }
    with closing(sqlite3.connect(tmp_path / "b.db")) as connection:
        connection.execute(f"create table t ({','.join(signed)})")
        connection.executemany("insert into t values (?,?,?,?,?,?)", list(zip(*signed.values(), strict=True)))
        connection.commit()
    _, guesses, file = _guess(tmp_path, f"sqlite:{tmp_path}/b.db#t")
    assert _found(read_source(str(file), BOOK)) == spoilt
    assert {guess.sure for guess in guesses.values() if guess.column} <= set(range(50, 99))


def test_guess_given_any_order_of_columns_and_rows_is_the_same(tmp_path: Path) -> None:
    trades = _trades(2)
    columns = {
        "Trade Id": [str(each["number"]) for each in trades],
        "Side": ["buy" if each["buys"] else "sell" for each in trades],
        "Counterparty": [each["other"] for each in trades],
        "Security": [each["code"] for each in trades],
        "Quantity": [str(each["quantity"]) for each in trades],
        "Price": [_money(each["price"]) for each in trades],
        "Amount": [_money(each["quantity"] * each["price"]) for each in trades],
        "Trade Date": ["2019-11-21"] * 30,
        "Commission": ["1.25"] * 30,
        "Value Date": ["2019-11-25"] * 30,
    }
    chance = random.Random(3)
    said = set()
    for _ in range(3):
        names = chance.sample(list(columns), len(columns))
        rows = chance.sample(range(30), 30)
        _write(tmp_path / "t.csv", {name: [columns[name][row] for row in rows] for name in names})
        text, guesses, file = _guess(tmp_path, str(tmp_path / "t.csv"))
        said.add(text)
        source = read_source(str(file), BOOK)
        assert _found(source) == [_expected(trades)[row] for row in rows]
        assert source.entries is not None
        assert source.entries.commission is not None
        assert set(source.entries.commission.tolist()) == {125}
        assert set(source.entries.settles.tolist()) == {20191125}
        assert guesses["settlement_date"].column == "Value Date"
    assert len(said) == 1


def test_guess_given_what_the_cells_leave_open_says_so(tmp_path: Path) -> None:
    columns = {
        "Date": ["03/04/2019", "03/04/2019"],
        "Stock": ["X", "Y"],
        "Qty": ["5", "7"],
        "Price": ["3", "4"],
        "Amount": ["15", "28"],
    }
    path = tmp_path / "t.csv"
    _write(path, columns)
    text, guesses, file = _guess(tmp_path, str(path), NO_DAY)
    assert "# undecided: trading_day: 'Date' reads as DD/MM/YYYY or as MM/DD/YYYY; write date_format" in text
    assert "# undecided: the amounts have no decimals: they may be minor units (unit: minor)" in text
    assert guesses["settlement_amount"].sure == 75
    assert guesses["trading_day"].sure < 98
    with pytest.raises(SourceRefused, match="reads in two ways"):
        read_source(str(file), NO_DAY)
    third = Context("book", "Aldersgate", "EUR", 2, BROKERS, (), 20190304)
    text, _, file = _guess(tmp_path, str(path), third)
    assert 'date_format: "MM/DD/YYYY"' in text
    assert read_source(str(file), third).rows == 2
    _write(path, {"a": ["x", "y"], "Qty": ["5", "7"], "Price": ["3", "4"]})
    text, guesses, file = _guess(tmp_path, str(path), NO_DAY)
    assert '"?"  # not found: write its column here' in text
    with pytest.raises(SourceRefused, match="has no column '\\?'"):
        read_source(str(file), BOOK)


def test_guess_given_balances_finds_their_level(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for level, columns in {
        "positions": {"isin": list(CODES), "opening": ["1", "2", "3"], "closing balance": ["4", "-5", "6"]},
        "cash": {"Account": list(BROKERS[:3]), "Ccy": ["EUR"] * 3, "Balance": ["1.50", "2.00", "3.25"]},
        "revenue": {"From": list(BROKERS[:3]), "To": list(BROKERS[1:]), "Balance": ["1.50", "2.00", "3.25"]},
    }.items():
        _write(path, columns)
        text, _, file = _guess(tmp_path, str(path))
        assert f"level: {level}\n" in text
        source = read_source(str(file), BOOK)
        assert len(source.balances) == 3
        assert [each.closing for each in source.balances] == (
            [4, -5, 6] if level == "positions" else [150, 200, 325]
        )
    _write(path, {"Currency": ["EUR"] * 2, "Amount": ["-1.50", "2.00"], "Reference": ["x", "y"]})
    _, _, file = _guess(tmp_path, str(path))
    assert [each.amount for each in read_source(str(file), BOOK).movements] == [-150, 200]


def test_guess_given_nothing_to_guess_from_is_refused(tmp_path: Path) -> None:
    for data, said in (
        (b"a,b\n", "has no rows to guess from"),
        (b"1,2\n3,4\n", "has no header"),
        (b"8=FIX.4.4\x019=5\x01", "is of messages, which need no mapping"),
        (b"\xef\xbb\xbf <Document/>", "is of messages, which need no mapping"),
    ):
        (tmp_path / "t.csv").write_bytes(data)
        with pytest.raises(SourceRefused, match=said):
            guess_mapping(str(tmp_path / "t.csv"), BOOK)
