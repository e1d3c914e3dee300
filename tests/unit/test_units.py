"""Money and quantities are exact integers, or refused."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidValue
from ledger.units import (
    MAX_AMOUNT,
    PPM,
    exact,
    exact_sum,
    format_minor,
    format_quantity,
    mul_div_down,
    parse_minor,
    parse_ppm,
)

AMOUNTS = st.integers(0, MAX_AMOUNT)
EXPONENTS = st.integers(0, 4)


@pytest.mark.parametrize(
    ("text", "exponent", "minor"),
    [
        ("50000.00", 2, 5_000_000),
        ("0", 2, 0),
        ("7.6", 2, 760),
        ("12", 0, 12),
        ("0.001", 3, 1),
        ("007", 2, 700),
    ],
)
def test_parse_minor_is_exact(text: str, exponent: int, minor: int) -> None:
    assert parse_minor(text, exponent) == minor


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "1.",
        ".5",
        "-1",
        "+1",
        "1e3",
        "NaN",
        "inf",
        "1,000",
        "1 000",
        "1_000",
        " 1",
        "1\n",
        "0x10",
        "١٢",
        "1.001",
    ],
)
def test_parse_minor_given_anything_else_refuses(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_minor(text, 2)
    assert caught.value.value == text
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("value", [1.5, 1, None, Decimal("1.5")])
def test_parse_minor_given_no_text_refuses(value: object) -> None:
    with pytest.raises(InvalidValue):
        parse_minor(value, 2)  # type: ignore[arg-type]


def test_parse_minor_given_more_than_the_record_holds_refuses() -> None:
    assert parse_minor(str(MAX_AMOUNT), 0) == MAX_AMOUNT
    with pytest.raises(InvalidValue, match="at most"):
        parse_minor(str(MAX_AMOUNT + 1), 0)
    with pytest.raises(InvalidValue):
        parse_minor("9" * 5000, 0)


@given(AMOUNTS, EXPONENTS)
def test_format_and_parse_agree(amount: int, exponent: int) -> None:
    text = format_minor(amount, exponent)
    assert parse_minor(text.replace(",", ""), exponent) == amount
    assert Fraction(text.replace(",", "")) == Fraction(amount, 10**exponent)


def test_format_for_people() -> None:
    assert format_minor(429_000, 2, "NPR") == "NPR 4,290.00"
    assert format_minor(-5, 2) == "-0.05"
    assert format_minor(1_234, 0, "JPY") == "JPY 1,234"
    assert format_quantity(1_200) == "1,200"


def test_parse_ppm() -> None:
    assert (parse_ppm("0.8"), parse_ppm("1"), parse_ppm("1.0"), parse_ppm("0.000001")) == (
        800_000,
        PPM,
        PPM,
        1,
    )
    for text in ("1.000001", "2", "80%", "-0.1", "0.0000001"):
        with pytest.raises(InvalidValue):
            parse_ppm(text)


@given(AMOUNTS, AMOUNTS, st.integers(1, MAX_AMOUNT))
def test_mul_div_down_is_the_floor(a: int, b: int, c: int) -> None:
    assert mul_div_down(a, b, c) == Fraction(a * b, c).__floor__()


@pytest.mark.parametrize(("a", "b", "c"), [(-1, 1, 1), (1, -1, 1), (1, 1, 0), (1, 1, -1)])
def test_mul_div_down_given_signs_refuses(a: int, b: int, c: int) -> None:
    with pytest.raises(InvalidValue):
        mul_div_down(a, b, c)


@given(st.lists(st.integers(-(2**90), 2**90) | st.integers(-10, 10)))
def test_exact_keeps_every_value_and_sum(values: list[int]) -> None:
    column = exact(values)
    assert column.tolist() == values
    assert exact(column).tolist() == values
    assert (column.dtype == np.int64) == all(-(2**63) <= value < 2**63 for value in values)
    assert exact_sum(values) == sum(values)


def test_exact_takes_unsigned_and_refuses_floats_and_booleans() -> None:
    assert exact(np.array([2**64 - 1], dtype=np.uint64)).tolist() == [2**64 - 1]
    assert exact(np.array([5], dtype=np.uint64)).dtype == np.int64
    for wrong in ([1.0], [True], ["1"], np.array([1.0]), np.array([True]), np.array([1.5], dtype=object)):
        with pytest.raises(InvalidValue):
            exact(wrong)  # type: ignore[arg-type]


def test_exact_sum_does_not_wrap_around() -> None:
    assert exact_sum(np.full(4, 2**62, dtype=np.int64)) == 2**64
    assert exact_sum(np.full(4, -(2**62), dtype=np.int64)) == -(2**64)
