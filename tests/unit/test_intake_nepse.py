"""The nepse format: the four real days as their README says, and every kind of bad row refused."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from ledger.units import TIME_UNKNOWN
from settlement.errors import RowRefused, TradingDayUnknown
from settlement.intake import parse_trades, read_trades
from settlement.model import Intake, Reject
from settlement.scenario import load

SHARED = Path(__file__).parents[3] / "shared" / "data" / "nepse"
NEPSE = load("nepse-2019")
HEADER = "S.N,Contract_No,Stock_Symbol,Buyer_Broker,Seller_Broker,Quantity,Rate,Amount,Date"
GOOD = {
    "S.N": "1",
    "Contract_No": "2019112101005579",
    "Stock_Symbol": "AKBSL",
    "Buyer_Broker": "25",
    "Seller_Broker": "42",
    "Quantity": "10",
    "Rate": "429",
    "Amount": "4290.00",
    "Date": "2019-11-21 15:05:59.381544",
}

# file, trades, same broker on both sides, brokers, securities, turnover in whole rupees (README's table)
README = [
    ("2019-10-10", 1_152, 59, 47, 121, "63845411"),
    ("2019-10-15", 2_810, 153, 50, 151, "222452078"),
    ("2019-11-17", 5_937, 309, 49, 163, "355064818"),
    ("2019-11-21", 5_672, 408, 50, 167, "297797071.05"),
]


def row(number: int = 1, **changes: str) -> str:
    fields = (
        GOOD
        | {"Contract_No": f"201911210100{number:04d}"}
        | {k.replace("SN", "S.N"): v for k, v in changes.items()}
    )
    return ",".join(fields.values())


def read(*rows: str | bytes, end: str = "\n", day: date | None = None, strict: bool = False) -> Intake:
    lines = [line if isinstance(line, bytes) else line.encode() for line in (HEADER, *rows)]
    return parse_trades(
        end.encode().join(lines) + end.encode(), NEPSE, source="day.csv", date=day, strict=strict
    )


def real_day(name: str) -> Path:
    path = SHARED / f"{name}.csv"
    if not path.exists():
        pytest.skip(f"the shared NEPSE data is not here: {path}")
    return path


@pytest.mark.parametrize(("day", "count", "own", "brokers", "securities", "turnover"), README)
def test_real_day_is_what_its_readme_says(
    day: str, count: int, own: int, brokers: int, securities: int, turnover: str
) -> None:
    intake = read_trades(real_day(day), NEPSE)
    trades = intake.trades
    assert (intake.rows, len(trades), intake.rejects, intake.format) == (count, count, (), "nepse")
    assert trades.trading_day == date.fromisoformat(day)
    assert int((trades.buyer == trades.seller).sum()) == own
    assert len(set(trades.buyer.tolist()) | set(trades.seller.tolist())) == brokers
    assert len(trades.securities) == securities
    gross = Decimal(trades.gross_value_minor) / 100
    assert gross == Decimal(turnover) if "." in turnover else abs(gross - Decimal(turnover)) <= Decimal("0.5")


@pytest.mark.parametrize("day", [entry[0] for entry in README])
def test_real_day_column_by_column(day: str) -> None:
    path = real_day(day)
    trades = read_trades(path, NEPSE).trades
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert trades.number.tolist() == [int(r["Contract_No"]) % 10**8 for r in rows]
    assert [trades.parties[code] for code in trades.buyer] == [r["Buyer_Broker"] for r in rows]
    assert [trades.parties[code] for code in trades.seller] == [r["Seller_Broker"] for r in rows]
    assert [trades.securities[code] for code in trades.security] == [r["Stock_Symbol"] for r in rows]
    assert trades.securities == tuple(dict.fromkeys(r["Stock_Symbol"] for r in rows))
    assert trades.quantity.tolist() == [int(r["Quantity"]) for r in rows]
    assert trades.amount.tolist() == [int(Decimal(r["Amount"]) * 100) for r in rows]
    assert trades.line.tolist() == list(range(2, len(rows) + 2))
    assert set(trades.time.tolist()) == {TIME_UNKNOWN}


BAD = [
    ("Buyer_Broker", "2", "is not a broker of scenario nepse-2019"),
    ("Buyer_Broker", "025", "is not a broker of scenario nepse-2019"),
    ("Seller_Broker", "NEPSE", "is an institution but not a broker of scenario nepse-2019"),
    ("Seller_Broker", "", "is empty"),
    ("Stock_Symbol", "", "is empty"),
    ("Stock_Symbol", " AKBSL", "has spaces around it"),
    ("Stock_Symbol", "AKBSÜ", "is not a code of 1 to 31 printable ASCII characters"),
    ("Stock_Symbol", "A" * 32, "is not a code of 1 to 31 printable ASCII characters"),
    ("Stock_Symbol", "NPR", "is the settlement currency, not a security"),
    ("Quantity", "0", "is zero"),
    ("Quantity", "-10", "is negative"),
    ("Quantity", "+10", "has a sign"),
    ("Quantity", "10.5", "is fractional, whole units are wanted"),
    ("Quantity", "10.0", "is fractional, whole units are wanted"),
    ("Quantity", "18446744073709551616", "is too large for the record: at most 18,446,744,073,709,551,615"),
    ("Quantity", "9" * 400, "is too large for the record: more than 20 digits"),
    ("Quantity", "NaN", "is not a number"),
    ("Quantity", "inf", "is infinite"),
    ("Quantity", "-Infinity", "is infinite"),
    ("Quantity", '"1,000"', "has thousands separators"),
    ("Quantity", "1 000", "has thousands separators"),
    ("Quantity", "1_000", "has thousands separators"),
    ("Quantity", "1e1", "is in exponent notation"),
    ("Quantity", " 10", "has spaces around it"),
    ("Quantity", "", "is empty"),
    ("Quantity", "0x0A", "is not a plain decimal number"),
    ("Quantity", "١٠", "is not a plain decimal number"),
    ("Quantity", "1\x000", "holds a NUL byte"),
    ("Rate", "429.001", "has 3 decimals, at most 2 are wanted"),
    ("Rate", "0", "is zero"),
    ("Rate", "nan", "is not a number"),
    ("Amount", "0.00", "is zero"),
    ("Amount", "0", "is zero"),
    ("Amount", "-4290.00", "is negative"),
    ("Amount", "4290.001", "has 3 decimals, at most 2 are wanted"),
    ("Amount", "4290.01", "is not Quantity times Rate: 4290"),
    ("Amount", "429000", "is not Quantity times Rate: 4290"),
    ("Amount", '"4,290.00"', "has thousands separators"),
    ("Amount", "infinity", "is infinite"),
    ("Amount", "4.29e3", "is in exponent notation"),
    ("Amount", "3094850098213450687247810.56", "is too large for the record"),
    ("Amount", "9" * 28, "is too large for the record: more than 27 digits"),
    ("Contract_No", "2019112001000002", "is of another day, 2019-11-20: the trading day is 2019-11-21"),
    ("Contract_No", "2019113101000002", "has no calendar day"),
    ("Contract_No", "2019112100000000", "is zero, trade numbers start at 1"),
    ("Contract_No", "201911210100002", "is not a trading day as yyyymmdd with eight digits after it"),
    ("Contract_No", "2019-11-21-00002", "is not a trading day as yyyymmdd with eight digits after it"),
    ("Contract_No", "", "is empty"),
]


@pytest.mark.parametrize(("field", "value", "reason"), BAD)
def test_bad_row_is_refused_with_line_field_and_reason_and_the_rest_stands(
    field: str, value: str, reason: str
) -> None:
    intake = read(row(1), row(2, **{field: value}), row(3))
    assert intake.rows == 3
    assert intake.trades.number.tolist() == [1000001, 1000003]
    assert intake.trades.line.tolist() == [2, 4]
    (reject,) = intake.rejects
    assert (reject.line, reject.field) == (3, field)
    assert reject.reason.startswith(reason)
    if len(value) < 80 and value.isprintable():
        assert reject.value == value.strip('"')
    else:
        assert len(reject.value) < 120
        assert reject.value.isprintable()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (row(2) + ",", "has 10 fields, not 9"),
        (row(2).rsplit(",", 1)[0], "has 8 fields, not 9"),
        (row(2, Quantity="1,000"), "has 10 fields, not 9"),
        ("x", "has 1 field, not 9"),
        ("", "is empty"),
        (row(2, Date='"open'), "has a quote that is not closed or stands in a field"),
        (row(2, Date='mid"dle'), "has a quote that is not closed or stands in a field"),
        ("," * 100_000, "has 100001 fields, not 9"),
        ('"' * 100_001, "has a quote that is not closed or stands in a field"),
    ],
)
def test_malformed_row_is_refused_and_the_next_stands(line: str, reason: str) -> None:
    intake = read(row(1), line, row(3))
    assert intake.trades.line.tolist() == [2, 4]
    (reject,) = intake.rejects
    assert (reject.line, reject.field, reject.reason) == (3, "row", reason)
    assert len(reject.value) < 120


@pytest.mark.parametrize("field", list(GOOD))
def test_bytes_that_are_not_utf8_spoil_their_row_only(field: str) -> None:
    bad = row(2, **{field.replace("S.N", "SN"): "@@"}).encode().replace(b"@@", b"4\xff2")
    intake = read(row(1), bad, row(3))
    assert intake.trades.line.tolist() == [2, 4]
    assert intake.rejects == (Reject(3, field, "4\\xff2", "holds bytes that are not UTF-8"),)


def test_of_a_number_seen_twice_the_first_row_stands() -> None:
    intake = read(row(5, Quantity="10"), row(6), row(5, Quantity="20", Amount="8580.00"), row(5))
    assert intake.trades.line.tolist() == [2, 3]
    assert intake.trades.quantity.tolist() == [10, 10]
    assert [(r.line, r.field, r.reason) for r in intake.rejects] == [
        (4, "Contract_No", "has been seen: trade 1000005 is on line 2"),
        (5, "Contract_No", "has been seen: trade 1000005 is on line 2"),
    ]


def test_a_refused_row_does_not_use_its_number_up() -> None:
    intake = read(row(5, Quantity="0"), row(5))
    assert intake.trades.line.tolist() == [3]
    assert [r.line for r in intake.rejects] == [2]


def test_the_day_is_the_argument_else_that_of_the_first_readable_row() -> None:
    other = row(1, Contract_No="2019112001000001")
    assert read(row(1), other).trades.trading_day == date(2019, 11, 21)
    assert [r.line for r in read(row(1), other).rejects] == [3]
    assert read(other, row(1)).trades.trading_day == date(2019, 11, 20)
    given = read(other, row(1), day=date(2019, 11, 21))
    assert (given.trades.trading_day, [r.line for r in given.rejects]) == (date(2019, 11, 21), [2])
    unreadable = read(row(1, Contract_No="2019999901000001"), "x", row(2, Quantity="NaN"), row(3))
    assert unreadable.trades.trading_day == date(2019, 11, 21)
    assert [r.line for r in unreadable.rejects] == [2, 3, 4]


def test_no_day_anywhere_is_an_error_unless_given() -> None:
    for rows in ((), ("x",), (row(1, Contract_No="2019999901000001"),)):
        with pytest.raises(TradingDayUnknown, match="--date"):
            read(*rows)
    empty = read(day=date(2019, 11, 21))
    assert (empty.rows, len(empty.trades), empty.rejects) == (0, 0, ())


def test_strict_stops_at_the_first_refused_row() -> None:
    with pytest.raises(RowRefused) as caught:
        read(row(1), row(2, Amount="1"), row(3, Quantity="x"), strict=True)
    assert (caught.value.line, caught.value.field, caught.value.value) == (3, "Amount", "1")
    assert str(caught.value).startswith("day.csv: line 3: Amount '1' is not Quantity times Rate")
    assert read(row(1), strict=True).rejects == ()


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data,
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.removesuffix(b"\n"),
        lambda data: data.replace(b"\n", b"\r\n").removesuffix(b"\r\n"),
        lambda data: data + b"\n\r\n\n",
        lambda data: b"\n".join(
            b",".join(b'"%s"' % f for f in line.split(b",")) for line in data.split(b"\n")[:-1]
        ),
    ],
    ids=["lf", "crlf", "bom", "no-final-newline", "crlf-no-final", "empty-lines-at-end", "quoted"],
)
def test_every_way_to_write_the_same_file_reads_the_same(change: Callable[[bytes], bytes]) -> None:
    data = "\n".join([HEADER, row(1), row(2, Rate="7.6", Amount="76.00"), row(3), ""]).encode()
    plain = parse_trades(data, NEPSE, source="day.csv")
    changed = parse_trades(change(data), NEPSE, source="day.csv")
    assert changed.rejects == plain.rejects == ()
    assert changed.rows == 3
    assert changed.trades == plain.trades


def test_amounts_beyond_int64_are_exact() -> None:
    quantity, rate = 2**64 - 1, Decimal("167772.15")
    huge = row(1, Quantity=str(quantity), Rate=str(rate), Amount=f"{quantity * rate:f}")
    intake = read(huge, row(2))
    assert intake.rejects == ()
    assert intake.trades.quantity.tolist() == [quantity, 10]
    assert intake.trades.amount.tolist() == [quantity * 16777215, 429_000]
    assert intake.trades.gross_value_minor == quantity * 16777215 + 429_000
    over = row(1, Quantity=str(quantity), Rate="167772.17", Amount=f"{quantity * Decimal('167772.17'):f}")
    assert [(r.field, r.line) for r in read(over, row(2)).rejects] == [("Amount", 2)]


def test_a_product_that_would_wrap_around_is_not_taken_for_the_amount() -> None:
    quantity, rate = 2**62, 4
    wrapped = quantity * rate * 100 % 2**64
    intake = read(
        row(1, Quantity=str(quantity), Rate=str(rate), Amount=f"{wrapped // 100}.{wrapped % 100:02d}"), row(2)
    )
    assert [reject.field for reject in intake.rejects] == ["Amount"]


def test_a_broker_may_trade_with_itself() -> None:
    trades = read(row(1, Seller_Broker="25")).trades
    assert trades.buyer.tolist() == trades.seller.tolist()


def test_columns_cannot_be_changed_and_take_keeps_the_rest() -> None:
    trades = read(row(1), row(2), row(3, Stock_Symbol="NTC")).trades
    with pytest.raises(ValueError, match="read-only"):
        trades.amount[0] = 1
    some = trades.take(trades.security == 1)
    assert some.number.tolist() == [1000003]
    assert some.securities == ("AKBSL", "NTC")
    assert some.amount.dtype == np.int64
