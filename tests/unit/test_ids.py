"""Identifiers with known good examples; every mutated one fails."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidValue
from ledger.ids import (
    currency_exponent,
    day_number,
    isin_check_digit,
    parse_bic,
    parse_day_number,
    parse_isin,
    parse_lei,
    parse_local_code,
)

ISINS = ["US0378331005", "DE000BAY0017", "GB0002634946", "AU0000XVGZA3"]
LEIS = ["529900T8BM49AURSDO55", "HWUPKR0MPOU8FGXBT394"]


@pytest.mark.parametrize("isin", ISINS)
def test_isin(isin: str) -> None:
    assert parse_isin(isin) == isin
    assert isin_check_digit(isin[:11]) == int(isin[11])
    for digit in set("0123456789") - {isin[11]}:
        with pytest.raises(InvalidValue, match="check digit"):
            parse_isin(isin[:11] + digit)


@pytest.mark.parametrize("lei", LEIS)
def test_lei(lei: str) -> None:
    assert parse_lei(lei) == lei
    for position, character in enumerate(lei):
        kind = "0123456789" if character.isdigit() else "ABCDEFGHIJ"
        other = kind[0] if character != kind[0] else kind[1]
        with pytest.raises(InvalidValue):
            parse_lei(lei[:position] + other + lei[position + 1 :])


@pytest.mark.parametrize("bic", ["DEUTDEFF", "DEUTDEFF500", "NRNBNPKA", "E097AEXX"])
def test_bic(bic: str) -> None:
    assert parse_bic(bic) == bic


@pytest.mark.parametrize("parse", [parse_isin, parse_lei, parse_bic, parse_local_code])
@pytest.mark.parametrize("text", ["", " ", "us0378331005", "DEUT1EFF", "Ü", "A" * 32, "X\n", None, 5])
def test_malformed_is_refused(parse: Callable[[str], str], text: str) -> None:
    if parse is parse_local_code and text in ("us0378331005", "DEUT1EFF"):
        assert parse(text) == text
        return
    with pytest.raises(InvalidValue):
        parse(text)


@pytest.mark.parametrize("code", ["A", "NABIL", "LBBLPO", "25", "Calder Vale", "a,b", "A" * 31])
def test_local_code(code: str) -> None:
    assert parse_local_code(code) == code
    for wrong in (f" {code}", f"{code} ", f"{code}\0", f"{code}\n"):
        with pytest.raises(InvalidValue):
            parse_local_code(wrong)


def test_currency_exponents_are_those_of_iso_4217() -> None:
    exponents = [currency_exponent(code) for code in ("NPR", "EUR", "JPY", "KWD", "CLF")]
    assert exponents == [2, 2, 0, 3, 4]
    for wrong in ("", "npr", "XXX", "EURO"):
        with pytest.raises(InvalidValue):
            currency_exponent(wrong)


@given(st.dates())
def test_trading_day_numbers_round_trip(day: date) -> None:
    assert parse_day_number(day_number(day)) == day


def test_trading_day_number() -> None:
    assert day_number(date(2019, 11, 21)) == 20191121
    for wrong in (20191131, 20191301, 20190229, 0, 1, -20191121, 202411210):
        with pytest.raises(InvalidValue):
            parse_day_number(wrong)
