"""Rows read as columns and rows read one by one: the same trades, the same refusals; and what is recorded."""

from __future__ import annotations

import csv
import random
from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.units import MAX_AMOUNT, MAX_QUANTITY, MAX_TRADE_NO
from settlement.errors import RowRefused, SettlementError, TradingDayUnknown
from settlement.intake import RECORDED, canonical, fast, lines, parse_trades
from settlement.intake.cells import Codes
from settlement.intake.columns import Columns
from settlement.intake.lines import Lines
from settlement.model import Intake, Reject
from settlement.sample import TRADING_DAY, generate
from settlement.scenario import Scenario, load
from settlement.scenario_checks import MAX_SECURITIES
from tests.unit.trade_files import CANONICAL, NEPSE, file_of, scenario_of

SAMPLE = load("sample")
ANY_SECURITY = SAMPLE.model_copy(
    update={"securities": SAMPLE.securities.model_copy(update={"listing": "on_first_trade"})}
)
DAYS = [None, date(2024, 3, 14), date(2019, 11, 21)]


def outcome(data: bytes, scenario: Scenario, day: date | None) -> Intake | str:
    try:
        return parse_trades(data, scenario, source="day.csv", date=day)
    except SettlementError as error:
        return f"{type(error).__name__}: {error}"


def nothing_vouched(*_: object) -> Columns:
    return Columns.nothing()


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32))
def test_rows_given_any_file_are_the_same_as_columns_and_one_by_one(seed: int) -> None:
    chance = random.Random(seed)
    scenario = scenario_of(chance)
    data = file_of(chance, scenario, faults=chance.choice([0, 0.1, 0.3, 0.9]))
    day = chance.choice(DAYS)
    found = outcome(data, scenario, day)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast, "vouched", nothing_vouched)
        assert outcome(data, scenario, day) == found
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_SCANNED", chance.choice([60, 150, 400]))
        assert outcome(data, scenario, day) == found


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_rows_given_only_plain_ones_stand_where_the_format_says(seed: int) -> None:
    """Which rows of a plain file stand, worked out a row at a time from the format's documentation."""
    chance = random.Random(seed)
    scenario = scenario_of(chance)
    data = file_of(chance, scenario, faults=0)
    rows = list(csv.DictReader(data.decode("utf-8-sig").rstrip("\r\n ").splitlines()))
    numbers: dict[int, int] = {}
    for line, row in enumerate(rows, start=2):
        if scenario.format == "nepse":
            day, number = row["Contract_No"][:8], row["Contract_No"][8:]
            quantity, price, amount = row["Quantity"], row["Rate"], row["Amount"]
        else:
            day, number = row["trade_date"].replace("-", ""), row["trade_no"]
            quantity, price, amount = row["quantity"], row["price"], row["settlement_amount"]
        minor = Fraction(amount) * 10**scenario.exponent
        right = (
            day in ("20240314", "20191121")
            and len(number) <= 10
            and 0 < int(number) <= MAX_TRADE_NO
            and int(quantity) <= MAX_QUANTITY
            and int(quantity) * Fraction(price) == Fraction(amount)
            and minor <= MAX_AMOUNT
        )
        if right and int(number) not in numbers:
            numbers[int(number)] = line
    day_of = date(2019, 11, 21) if scenario.format == "nepse" else date(2024, 3, 14)
    intake = parse_trades(data, scenario, source="day.csv", date=day_of)
    assert dict(zip(intake.trades.number.tolist(), intake.trades.line.tolist(), strict=True)) == numbers
    refused = {reject.line for reject in intake.rejects}
    assert refused == set(range(2, intake.rows + 2)) - set(numbers.values())


def test_rows_given_the_sample_day_are_none_read_by_itself() -> None:
    data = generate(3, trades=20_000)
    form = canonical.of_exponent(SAMPLE.exponent)
    plain = fast.vouched(Lines.of(data), form, SAMPLE, TRADING_DAY, fast.security_codes(SAMPLE))
    assert plain.row.tolist() == list(range(1, 20_001))


def test_codes_given_new_ones_are_numbered_once_and_found_again() -> None:
    names = ["A", "12345678", "123456789", "x" * 24, "x" * 25, "x" * 31, "refused"]
    codes = Codes(["A"], lambda name: name != "refused")
    for _ in range(2):
        words = np.frombuffer(b"".join(name.encode().rjust(32, b"\0") for name in names), dtype=np.uint64)
        length = np.array([len(name) for name in names])
        found = codes.numbers(words.reshape(-1, 4), length, np.ones(len(names), dtype=np.bool_)).tolist()
        assert found[-1] == -1
        assert [codes.names[number] for number in found[:-1]] == names[:-1]
    assert sorted(codes.names) == sorted(names[:-1])


def row(number: int, security: str = "ZZ0000011112", quantity: str = "80", amount: str = "2872.00") -> str:
    return f"{number},2024-03-14,10:30:00,Glenside,Calder Vale,{security},{quantity},35.90,{amount}"


def read(
    rows: list[str], scenario: Scenario = SAMPLE, recorded: list[int] | None = None, strict: bool = False
) -> Intake:
    data = "\n".join([CANONICAL, *rows, ""]).encode()
    known = (
        None if recorded is None else (lambda day: {TRADING_DAY: np.array(recorded, dtype=np.uint32)}[day])
    )
    return parse_trades(data, scenario, source="day.csv", recorded=known, strict=strict)


def test_securities_given_more_than_the_register_has_room_for_are_refused() -> None:
    rows = [row(n + 1, security=f"S{n}") for n in range(MAX_SECURITIES + 3)]
    intake = read([*rows, row(99_999, security="S0")], ANY_SECURITY)
    assert len(intake.trades.securities) == MAX_SECURITIES
    assert intake.trades.securities[-1] == f"S{MAX_SECURITIES - 1}"
    assert [(r.line, r.field, r.value) for r in intake.rejects] == [
        (MAX_SECURITIES + 2 + i, "security", f"S{MAX_SECURITIES + i}") for i in range(3)
    ]
    assert int(intake.trades.number[-1]) == 99_999


WRAPPING = 2**58 + 1
"""Times a million it is a million more than a multiple of 2^64."""


@pytest.mark.parametrize(
    "price", [".5", "5.", "5..0", "0..5", "0.5000000", "5.000000.", "", ".", str(WRAPPING)]
)
def test_price_given_a_form_that_is_none_is_refused_whatever_it_would_come_to(price: str) -> None:
    for amount in ("40.00", "400.00", "80.00", "0.00", "4000.00"):
        (reject,) = read([row(1, amount=amount).replace("35.90", price)]).rejects
        assert reject.field in ("price", "settlement_amount")


def test_rows_given_a_product_or_an_amount_that_would_wrap_around_are_refused() -> None:
    quantity = 2**57 + 1  # times 2 million it is 2 million more than a multiple of 2^64
    plain = row(1).replace("35.90", "2.00")
    (reject,) = read([plain.replace(",80,", f",{quantity},").replace("2872.00", "2.00")]).rejects
    assert (reject.field, reject.reason) == (
        "settlement_amount",
        f"is not quantity times price: {2 * quantity}",
    )
    yen = SAMPLE.model_copy(update={"cash": SAMPLE.cash.model_copy(update={"currency": "JPY"})})
    wrapping = plain.replace(",80,2.00,2872.00", f",1,1,{WRAPPING}")
    (reject,) = read([wrapping], yen).rejects
    assert (reject.field, reject.reason) == ("settlement_amount", "is not quantity times price: 1")


def test_rows_given_a_comma_too_many_in_front_are_refused() -> None:
    good = "1,2019112101005579,AKBSL,25,42,10,429,4290.00,2019-11-21"
    data = f"{NEPSE}\n{good}\n7,{good.replace('5579', '5580')}\n".encode()
    intake = parse_trades(data, load("nepse-2019"), source="day.csv")
    assert [(r.line, r.field, r.reason) for r in intake.rejects] == [(3, "row", "has 10 fields, not 9")]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rows_given_quotes_around_every_cell_are_none_read_by_itself(end: str) -> None:
    rows = [",".join(f'"{cell}"' for cell in line.split(",")) for line in generate(3).decode().splitlines()]
    data = end.join([*rows, ""]).encode()
    form = canonical.of_exponent(SAMPLE.exponent)
    plain = fast.vouched(Lines.of(data), form, SAMPLE, TRADING_DAY, fast.security_codes(SAMPLE))
    assert len(plain) == 2000
    assert parse_trades(data, SAMPLE, source="x") == parse_trades(generate(3), SAMPLE, source="x")


@pytest.mark.parametrize("cell", ['"', '""', '"a', 'a"', '"a""', '"a"b"', '""a', 'a""', '"a"",""a"', '" a"'])
def test_rows_given_odd_quotes_are_read_as_one_by_one(cell: str) -> None:
    rows = [row(1, security=cell), row(2).replace("10:30:00", cell), row(3)]
    found = read(rows, ANY_SECURITY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast, "vouched", nothing_vouched)
        assert read(rows, ANY_SECURITY) == found


# What the ledger has already.


def test_rows_given_recorded_numbers_are_refused_as_duplicates() -> None:
    intake = read([row(1), row(2), row(3)], recorded=[4, 2, 7])
    assert intake.trades.number.tolist() == [1, 3]
    assert intake.rejects == (Reject(3, "trade_no", "2", f"{RECORDED}: the ledger has trade 2"),)


def test_rows_given_another_fault_and_a_recorded_number_are_refused_for_the_fault() -> None:
    intake = read([row(2, quantity="0"), row(2, amount="1.00"), row(2, security="none")], recorded=[2])
    assert [(r.line, r.field) for r in intake.rejects] == [
        (2, "quantity"),
        (3, "settlement_amount"),
        (4, "security"),
    ]


def test_rows_given_a_recorded_number_twice_are_both_refused_for_that() -> None:
    intake = read([row(2), row(3), row(2), row(3)], recorded=[2])
    assert [(r.line, r.reason.split(":")[0]) for r in intake.rejects] == [
        (2, RECORDED),
        (4, RECORDED),
        (5, "has been seen"),
    ]
    assert intake.trades.line.tolist() == [3]


def test_file_given_all_of_it_recorded_is_refused_row_by_row_and_keeps_its_day() -> None:
    data = generate(3, trades=500)
    whole = parse_trades(data, SAMPLE, source="day.csv")
    again = parse_trades(data, SAMPLE, source="day.csv", recorded=lambda _: whole.trades.number)
    assert (len(again.trades), again.rows, again.trades.trading_day) == (0, 500, TRADING_DAY)
    assert again.trades.securities == ()
    assert [(r.line, r.value) for r in again.rejects] == [
        (line, str(number)) for line, number in enumerate(whole.trades.number.tolist(), start=2)
    ]


def test_recorded_numbers_given_quoted_rows_and_leading_zeros_are_known() -> None:
    padded = row(2).replace("2,", "0002,", 1)
    quoted = ",".join(f'"{value}"' for value in row(3).split(","))
    intake = read([padded, quoted], recorded=[2, 3])
    assert [(r.line, r.value) for r in intake.rejects] == [(2, "0002"), (3, "3")]


def test_recorded_numbers_given_none_or_an_empty_ledger_change_nothing() -> None:
    assert read([row(1), row(1)], recorded=[]) == read([row(1), row(1)])


def test_recorded_numbers_given_no_day_anywhere_are_not_asked_for() -> None:
    def fail(_: date) -> np.ndarray:
        raise AssertionError("asked")

    with pytest.raises(TradingDayUnknown):
        parse_trades((CANONICAL + "\n").encode(), SAMPLE, source="day.csv", recorded=fail)


def test_strict_given_a_recorded_number_stops_there() -> None:
    with pytest.raises(RowRefused, match=RECORDED) as caught:
        read([row(1), row(2)], recorded=[2], strict=True)
    assert caught.value.line == 3
