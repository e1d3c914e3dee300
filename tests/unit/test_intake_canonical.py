"""The canonical format, files that cannot be taken at all, and one random fault at a time."""

from __future__ import annotations

import csv
import io
import os
import socket
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.units import TIME_UNKNOWN
from settlement import errors
from settlement.intake import canonical, nepse, parse_trades, read_trades, rejects_path, write_rejects
from settlement.model import Intake, Reject
from settlement.sample import generate
from settlement.scenario import Scenario, load

SAMPLE = load("sample")
HEADER = "trade_no,trade_date,trade_time,buyer,seller,security,quantity,price,settlement_amount"
GOOD = ["1", "2024-03-14", "10:30:00", "Glenside", "Calder Vale", "ZZ0000011112", "80", "35.90", "2872.00"]
FIELDS = HEADER.split(",")
DAY = generate(11, trades=60).decode().splitlines()


def read(*rows: list[str], scenario: Scenario = SAMPLE) -> Intake:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([FIELDS, *rows])
    return parse_trades(text.getvalue().encode(), scenario, source="day.csv", date=date(2024, 3, 14))


def changed(**changes: str) -> list[str]:
    return [changes.get(field, value) for field, value in zip(FIELDS, GOOD, strict=True)]


def test_header_is_the_documented_one() -> None:
    assert canonical.of_exponent(2).form.header == HEADER
    assert HEADER in (canonical.__doc__ or "")
    assert nepse.of_exponent(2).form.header in (nepse.__doc__ or "")


def test_good_row() -> None:
    trades = read(GOOD).trades
    assert (trades.number.tolist(), trades.time.tolist()) == ([1], [10 * 3600 + 30 * 60])
    assert (trades.parties[trades.buyer[0]], trades.parties[trades.seller[0]]) == ("Glenside", "Calder Vale")
    assert (trades.securities, trades.quantity.tolist(), trades.amount.tolist()) == (
        ("ZZ0000011112",),
        [80],
        [287_200],
    )


@pytest.mark.parametrize(
    ("time", "seconds"), [("", TIME_UNKNOWN), ("00:00:00", 0), ("23:59:59", 86_399), ("09:05:07", 32_707)]
)
def test_time_of_day(time: str, seconds: int) -> None:
    assert read(changed(trade_time=time)).trades.time.tolist() == [seconds]


BAD = [
    ("trade_no", "0", "is zero"),
    ("trade_no", "4294967296", "is too large for the record: at most 4,294,967,295"),
    ("trade_no", "-1", "is negative"),
    ("trade_no", "1.5", "is fractional"),
    ("trade_no", "99999999999", "is too large"),
    ("trade_date", "2024-03-15", "is of another day"),
    ("trade_date", "2024-02-30", "has no calendar day"),
    ("trade_date", "20240314", "is not a date as YYYY-MM-DD"),
    ("trade_date", "", "is empty"),
    ("trade_time", "24:00:00", "is not a time of day as HH:MM:SS"),
    ("trade_time", "10:30", "is not a time of day as HH:MM:SS"),
    ("trade_time", "10:60:00", "is not a time of day as HH:MM:SS"),
    ("trade_time", "10:30:60", "is not a time of day as HH:MM:SS"),
    ("buyer", "Tidewater Bank", "is an institution but not a broker"),
    ("buyer", "glenside", "is not a broker"),
    ("seller", "Nobody", "is not a broker"),
    ("security", "ZZ0000011113", "is not a listed security of scenario sample"),
    ("quantity", "80.5", "is fractional"),
    ("quantity", "0", "is zero"),
    ("quantity", "18446744073709551616", "is too large"),
    ("price", "35.9000001", "has 7 decimals, at most 6 are wanted"),
    ("price", "0.00", "is zero"),
    ("settlement_amount", "2872.01", "is not quantity times price: 2872"),
    ("settlement_amount", "2,872.00", "has thousands separators"),
    ("settlement_amount", "NaN", "is not a number"),
    ("settlement_amount", "1e400", "is in exponent notation"),
    ("settlement_amount", "-inf", "is infinite"),
]


@pytest.mark.parametrize(("field", "value", "reason"), BAD)
def test_bad_field(field: str, value: str, reason: str) -> None:
    (reject,) = read(changed(**{field: value})).rejects
    assert (reject.line, reject.field, reject.value) == (2, field, value)
    assert reject.reason.startswith(reason)


def test_a_line_break_in_a_quoted_field_spoils_its_lines_only() -> None:
    intake = read(changed(trade_no="7", buyer="Glen\nside"), changed(trade_no="8"))
    assert intake.trades.number.tolist() == [8]
    assert [(reject.line, reject.field) for reject in intake.rejects] == [(2, "row"), (3, "row")]


def test_prices_finer_than_the_currency_are_fine_if_the_amount_is_exact() -> None:
    taken = read(changed(quantity="10000", price="0.123456", settlement_amount="1234.56"))
    assert taken.trades.amount.tolist() == [123_456]
    (reject,) = read(changed(quantity="1000", price="0.123456", settlement_amount="123.46")).rejects
    assert reject.reason == "is not quantity times price: 123.456"


def test_amounts_have_the_decimals_of_the_currency() -> None:
    yen = SAMPLE.model_copy(update={"cash": SAMPLE.cash.model_copy(update={"currency": "JPY"})})
    assert read(changed(settlement_amount="2872"), scenario=yen).trades.amount.tolist() == [2872]
    (reject,) = read(GOOD, scenario=yen).rejects
    assert (reject.field, reject.reason) == ("settlement_amount", "is fractional, whole units are wanted")
    dinar = SAMPLE.model_copy(update={"cash": SAMPLE.cash.model_copy(update={"currency": "KWD"})})
    assert read(changed(settlement_amount="2872.000"), scenario=dinar).trades.amount.tolist() == [2_872_000]


def test_codes_may_hold_commas_and_quotes_when_quoted() -> None:
    odd = 'A,"B"'
    securities = SAMPLE.securities.model_copy(update={"listing": "on_first_trade"})
    intake = read(changed(security=odd), scenario=SAMPLE.model_copy(update={"securities": securities}))
    assert intake.trades.securities == (odd,)


# One fault in one row: exactly that row is refused, for that field.

SPOILERS: dict[str, st.SearchStrategy[str]] = {
    "trade_no": st.sampled_from(["0", "-3", "x", "", "4294967296", "1.0", "1e3", "NaN"]),
    "trade_date": st.sampled_from(["2024-03-13", "2023-03-14", "14.03.2024", "", "2024-3-14", "0000-00-00"]),
    "trade_time": st.sampled_from(["25:00:00", "noon", "9:00:00", "10:30:00.5", "::"]),
    "buyer": st.sampled_from(["", "Nobody", "Market Authority", " Dunmore", "Dunmore ", "ÄÖ", "x" * 40]),
    "seller": st.sampled_from(["", "Nobody", "Harbour Depository", "DUNMORE", "\x00"]),
    "security": st.sampled_from(["", "EUR", "ZZ0000000000", "zz0000010379", "\U0001f4b6"]),
    "quantity": st.sampled_from(["0", "-1", "1.5", "1,000", "NaN", "inf", "", "1e2", "9" * 25, "٣"]),
    "price": st.sampled_from(["0", "-0.5", "1,5", "NaN", "", ".5", "5.", "1.2345678", "0x1"]),
    "settlement_amount": st.integers(-(10**12), 10**30).map(lambda n: f"{n // 100}.{n % 100:02d}")
    | st.sampled_from(["", "0.00", "nan", "-inf", "1 000.00", "1.005"]),
}


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 60), st.sampled_from(FIELDS), st.data())
def test_one_spoiled_field_refuses_exactly_its_row(line: int, field: str, data: st.DataObject) -> None:
    value = data.draw(SPOILERS[field])
    rows = [entry.split(",") for entry in DAY[1:]]
    old = rows[line - 1][FIELDS.index(field)]
    if value == old:
        return
    rows[line - 1] = [
        value if name == field else text for name, text in zip(FIELDS, rows[line - 1], strict=True)
    ]
    intake = read(*rows)
    whole = read(*[entry.split(",") for entry in DAY[1:]]).trades
    assert [(reject.line, reject.field) for reject in intake.rejects] == [(line + 1, field)]
    kept = whole.take(whole.line != line + 1)
    assert intake.trades.number.tolist() == kept.number.tolist()
    assert intake.trades.amount.tolist() == kept.amount.tolist()
    assert [intake.trades.securities[code] for code in intake.trades.security] == [
        whole.securities[code] for code in kept.security
    ]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.integers(1, 60))
def test_any_bytes_in_one_line_refuse_at_most_that_line(junk: bytes, line: int) -> None:
    lines = [entry.encode() for entry in DAY]
    lines[line] = junk.replace(b"\n", b"\r")
    intake = parse_trades(b"\n".join(lines) + b"\n", SAMPLE, source="x", date=date(2024, 3, 14))
    if line == 60 and lines[line] in (b"", b"\r"):
        assert (intake.rows, intake.rejects) == (59, ())
    else:
        assert [reject.line for reject in intake.rejects] == [line + 1]
    assert len(intake.trades) == 59


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=12) | st.sampled_from(GOOD), min_size=9, max_size=9))
def test_quoting_a_row_does_not_change_what_becomes_of_it(values: list[str]) -> None:
    if any(set(value) & set('\n\r",') for value in values):
        return
    form = canonical.of_exponent(2).form
    plain = form.fast.fullmatch(",".join(values))
    quoted = form.parse(2, ",".join(f'"{value}"' for value in values))
    assert (plain.groups() if plain else None) == (None if isinstance(quoted, Reject) else quoted)


# Files that cannot be taken at all.


def _directory(path: Path) -> None:
    path.mkdir()


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    os.chdir(path.parent)  # a socket's path has to be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)


def _written(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda path: None, errors.FileMissing),
        (_directory, errors.FileIsDirectory),
        (_pipe, errors.FileNotRegular),
        (_socket, errors.FileNotRegular),
        (_written(b""), errors.FileEmpty),
        (_written(b"\n\r\n"), errors.FileEmpty),
        (_written(b"\xef\xbb\xbf"), errors.FileEmpty),
        (_written(b"a,b\n1,2\n"), errors.HeaderWrong),
        (_written(HEADER.upper().encode() + b"\n"), errors.HeaderWrong),
        (_written((HEADER + ",more\n").encode()), errors.HeaderWrong),
        (_written(",".join(reversed(FIELDS)).encode()), errors.HeaderWrong),
        (_written(HEADER.encode("utf-16")), errors.HeaderWrong),
        (_written(b"\0" * 100_000), errors.HeaderWrong),
        (_written((nepse.of_exponent(2).form.header + "\n").encode()), errors.HeaderWrong),
        (_written((HEADER + "\n").encode()), errors.TradingDayUnknown),
    ],
)
def test_file_that_cannot_be_taken_is_one_clear_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], object],
    error: type[errors.FileRefused],
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "day.csv"
    make(path)
    with pytest.raises(error) as caught:
        read_trades(path, SAMPLE)
    assert type(caught.value) is error
    message = str(caught.value)
    assert message.startswith(str(path))
    assert message.isprintable()
    assert len(message) < 600
    assert (caught.value.exit_code, caught.value.transient, caught.value.path) == (2, False, str(path))


def test_unreadable_paths_are_typed_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file.csv"
    file.write_bytes(b"x")
    with pytest.raises(errors.FileMissing):
        read_trades(file / "below", SAMPLE)
    with pytest.raises(errors.FileUnreadable):
        read_trades("a\0b", SAMPLE)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(errors.FileUnreadable):
        read_trades(loop, SAMPLE)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(errors.FileUnreadable, match=r"cannot be read: Permission denied"):
        read_trades(file, SAMPLE)


def test_rejects_are_written_as_csv(tmp_path: Path) -> None:
    rejects = read(changed(trade_no="2", quantity='1,"0'), changed(trade_no="3", buyer="Nobody")).rejects
    path = tmp_path / "day.rejects.csv"
    write_rejects(path, rejects)
    assert b"\r" not in path.read_bytes()
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["line", "field", "value", "reason"]
    assert rows[1:] == [[str(r.line), r.field, r.value, r.reason] for r in rejects]
    assert [row[:3] for row in rows[1:]] == [["2", "quantity", '1,"0'], ["3", "buyer", "Nobody"]]


def test_rejects_go_to_the_working_directory_and_say_when_they_cannot(tmp_path: Path) -> None:
    assert rejects_path("/data/2019-11-21.csv") == Path("2019-11-21.rejects.csv")
    with pytest.raises(errors.FileUnwritable) as caught:
        write_rejects(tmp_path / "no" / "where.csv", [])
    assert caught.value.exit_code == 2
