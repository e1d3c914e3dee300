"""An institution's side of a trade file, read by itself: what intake accepts, however the file is written."""

from __future__ import annotations

import random
from datetime import date
from decimal import Context
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.units import TIME_UNKNOWN
from settlement.books.arrow import from_decimals, to_decimals
from settlement.books.own_file import read_file
from settlement.errors import SettlementError
from settlement.intake import parse_trades
from settlement.model import Trades
from settlement.sample import TRADING_DAY, generate
from settlement.scenario import load
from tests.ledgers import read_books
from tests.unit.trade_files import CANONICAL, NEPSE, file_of, scenario_of

SAMPLE, FLOOR = load("sample"), load("nepse-2019")
ANY_SECURITY = SAMPLE.model_copy(
    update={"securities": SAMPLE.securities.model_copy(update={"listing": "on_first_trade"})}
)
ROW = "7,2024-03-14,10:30:00,Glenside,Calder Vale,ZZ0000011112,80,35.90,2872.00"


def by_name(trades: Trades) -> dict[str, object]:
    """What the trades say, parties by name; equal where two sides say the same."""
    columns = ("number", "time", "quantity", "amount", "line")
    return {name: getattr(trades, name).tolist() for name in columns} | {
        "day": trades.trading_day,
        "buyer": [trades.parties[k] for k in trades.buyer.tolist()],
        "seller": [trades.parties[k] for k in trades.seller.tolist()],
        "security": [trades.securities[k] for k in trades.security.tolist()],
        "securities": trades.securities,
    }


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32))
def test_file_given_any_with_its_refused_lines_reads_as_intake_took_it(seed: int) -> None:
    chance = random.Random(seed)
    scenario = scenario_of(chance)
    data = file_of(chance, scenario, faults=chance.choice([0, 0.2, 0.8]))
    try:
        intake = parse_trades(data, scenario, source="x")
    except SettlementError:
        return
    refused = [reject.line for reject in intake.rejects]
    found = read_file(data, scenario, intake.trades.trading_day, refused)
    assert by_name(found) == by_name(intake.trades)
    assert found.parties == scenario.brokers
    assert found.amount.dtype == intake.trades.amount.dtype


@pytest.mark.parametrize("day", ["2019-10-10", "2019-10-15", "2019-11-17", "2019-11-21"])
def test_file_given_a_real_day_reads_as_intake_took_it(day: str) -> None:
    path = Path(__file__).parents[3] / "shared" / "data" / "nepse" / f"{day}.csv"
    if not path.exists():
        pytest.skip(f"the shared NEPSE data is not here: {path}")
    data = path.read_bytes()
    intake = parse_trades(data, FLOOR, source="x")
    assert by_name(read_file(data, FLOOR, date.fromisoformat(day), ())) == by_name(intake.trades)


def test_file_given_many_blocks_keeps_its_order_and_that_of_its_securities() -> None:
    data = generate(5, trades=60_000)
    assert by_name(read_file(data, SAMPLE, TRADING_DAY, ())) == by_name(
        parse_trades(data, SAMPLE, source="x").trades
    )


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(
    "garbage", [b"", b"\xff\xfe\0", b'"', b',,"x', b"a\rb", b"\r", b'"' * 7, b"," * 5000]
)
def test_file_given_garbage_in_refused_lines_is_the_rest(garbage: bytes, end: bytes) -> None:
    last = garbage or b"x"
    rows = [CANONICAL.encode(), garbage, ROW.encode(), garbage, ROW.replace("7", "8", 1).encode(), last, b""]
    for data in (end.join(rows), b"\xef\xbb\xbf" + end.join(rows), end.join(rows).removesuffix(end)):
        found = read_file(data, SAMPLE, TRADING_DAY, (2, 4, 6))
        assert (found.number.tolist(), found.line.tolist()) == ([7, 8], [3, 5])


def test_file_given_no_rows_or_only_refused_ones_is_empty() -> None:
    for data, refused in ((CANONICAL, ()), (CANONICAL + "\n", ()), (f"{CANONICAL}\nx\ny", (2, 3))):
        found = read_file(data.encode(), SAMPLE, TRADING_DAY, refused)
        assert (len(found), found.securities, found.parties) == (0, (), SAMPLE.brokers)


def test_file_given_quoted_codes_with_commas_quotes_and_words_for_nothing_reads_them() -> None:
    codes = ['"A,""B"""', "NA", "null", "N/A", "nan", '"NULL"', "-", "#N/A"]
    rows = [
        ROW.replace("7", str(k), 1).replace("ZZ0000011112", code) for k, code in enumerate(codes, start=1)
    ]
    data = "\n".join([CANONICAL, *rows]).encode()
    found = read_file(data, ANY_SECURITY, TRADING_DAY, ())
    assert found.securities == ('A,"B"', "NA", "null", "N/A", "nan", "NULL", "-", "#N/A")
    assert by_name(found) == by_name(parse_trades(data, ANY_SECURITY, source="x").trades)


def test_file_given_the_largest_numbers_and_no_time_is_exact() -> None:
    quantity = 2**64 - 1
    amount = f"{quantity * 16777215 // 100}.{quantity * 16777215 % 100:02d}"
    rows = [
        f"4294967295,2024-03-14,,Glenside,Glenside,ZZ0000011112,{quantity},167772.15,{amount}",
        "0000000001,2024-03-14,23:59:59,Glenside,Dunmore,ZZ0000011112,0001,00.010000,000.01",
    ]
    found = read_file("\n".join([CANONICAL, *rows]).encode(), SAMPLE, TRADING_DAY, ())
    assert found.number.tolist() == [4294967295, 1]
    assert found.time.tolist() == [TIME_UNKNOWN, 86_399]
    assert found.quantity.tolist() == [quantity, 1]
    assert found.amount.tolist() == [quantity * 16777215, 1]


def test_file_given_a_carriage_return_inside_a_free_field_keeps_its_line_whole() -> None:
    rows = [
        "1\r,2019112101000001,AKBSL,25,42,10,429,4290.00,x\ry",
        '"2\r",2019112101000002,AKBSL,25,42,10,429,4290.00,"x\r"',
        "3,2019112101000003,AKBSL,25,42,10,429,4290.00,\r\r",
    ]
    for end in ("\n", "\r\n"):
        data = end.join([NEPSE, *rows, ""]).encode()
        intake = parse_trades(data, FLOOR, source="x")
        assert intake.rejects == ()
        assert by_name(read_file(data, FLOOR, date(2019, 11, 21), ())) == by_name(intake.trades)


@pytest.mark.parametrize(
    "row",
    [
        ROW.replace("Glenside", "Nobody"),
        ROW.replace("80", "8x"),
        ROW.replace("2872.00", "2872.001"),
        ROW + ",",
        ROW.replace("7", "-7", 1),
        ROW.replace("10:30:00", "noon"),
        '"' + ROW,
    ],
)
def test_file_given_a_wrong_line_that_nobody_refused_is_an_error(row: str) -> None:
    data = "\n".join([CANONICAL, ROW, row, ""]).encode()
    with pytest.raises((ValueError, KeyError)):
        read_file(data, SAMPLE, TRADING_DAY, ())


def test_books_given_a_file_are_its_rows_for_every_broker() -> None:
    data = generate(5, trades=300)
    books = read_books(data, SAMPLE, TRADING_DAY, ())
    assert list(books) == list(SAMPLE.brokers)
    sides = sum(len(book.days[TRADING_DAY]) for book in books.values())
    trades = read_file(data, SAMPLE, TRADING_DAY, ())
    assert sides == 600 - int((trades.buyer == trades.seller).sum())


@given(st.lists(st.integers(-(2**120), 2**120) | st.integers(-(2**63), 2**63 - 1)), st.integers(0, 4))
def test_decimals_given_any_integers_come_back(values: list[int], scale: int) -> None:
    column = np.array(values, dtype=object)
    decimals = to_decimals(column, scale)
    assert [int(value.scaleb(scale, Context(prec=60))) for value in decimals.to_pylist()] == values
    from pyarrow import chunked_array

    pieces = chunked_array([decimals.slice(0, 1), decimals.slice(1)], type=decimals.type)
    back = from_decimals(pieces)
    assert back.tolist() == values
    assert (back.dtype == object) == any(not -(2**63) <= value < 2**63 for value in values)
