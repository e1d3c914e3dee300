"""Masks: known answers, and SQL and Python agreeing on whatever there is."""

from __future__ import annotations

from fractions import Fraction

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.audit.masking import MOST, create_macros, mask_amount, mask_name


@pytest.fixture(scope="module")
def sql() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    create_macros(connection)
    return connection


@pytest.mark.parametrize(
    ("amount", "masked"),
    [
        (0, 0),
        (5, 5),
        (9, 9),
        (10, 10),
        (14, 10),
        (15, 20),
        (16, 20),
        (25, 20),
        (35, 40),
        (94, 90),
        (95, 100),
        (-25, -20),
        (-35, -40),
        (149, 100),
        (150, 200),
        (250, 200),
        (251, 300),
        (4_290_00, 400_000),
        (-999, -1000),
        (10**37, 10**37),
        (95 * 10**36, MOST),
        (10**38 - 1, MOST),
        (1 - 10**38, -MOST),
    ],
)
def test_amount_given_any_is_rounded_to_one_digit_and_the_middle_to_even(amount: int, masked: int) -> None:
    assert mask_amount(amount) == masked


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("NP12345678901234", "…1234"),
        ("Aldersgate", "…gate"),
        ("Nimbus", "…bus"),
        ("AB", "…B"),
        ("A", "…"),
        ("", "…"),
        ("नेपाल बैंक", "…" + "नेपाल बैंक"[-4:]),
    ],
)
def test_name_given_any_keeps_four_characters_and_at_most_half(name: str, masked: str) -> None:
    assert mask_name(name) == masked


AMOUNTS = st.one_of(
    st.integers(1 - 10**38, 10**38 - 1),
    st.integers(-(10**4), 10**4),
    # Near a middle, at every length.
    st.builds(
        lambda digit, place, off: digit * 10**place + 5 * 10**place // 10 + off,
        st.integers(1, 9),
        st.integers(0, 36),
        st.integers(-1, 1),
    ),
    st.builds(lambda place, off: 10**place + off, st.integers(0, 37), st.integers(-1, 1)),
)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.one_of(st.none(), AMOUNTS), min_size=50, max_size=100), st.lists(st.text(max_size=12)))
def test_masks_given_anything_agree_in_sql_and_python(
    sql: duckdb.DuckDBPyConnection, amounts: list[int | None], names: list[str]
) -> None:
    texts = [None if each is None else str(each) for each in amounts]
    found = sql.execute("select mask_amount(x::decimal(38, 0)) from (select unnest(?::varchar[]) x)", [texts])
    masked = [None if each is None else int(each) for (each,) in found.fetchall()]
    assert masked == list(map(mask_amount, amounts))
    for amount, shown in zip(amounts, masked, strict=True):
        if amount:
            assert shown is not None
            place = 10 ** (len(str(abs(amount))) - 1)
            assert shown % place == 0
            # Round half to even by another library's rule: Python's own round of exact fractions.
            assert abs(shown) == min(round(Fraction(abs(amount), place)) * place, MOST)
            assert (shown < 0) == (amount < 0)
    plain = [each for each in names if "\0" not in each]
    found = sql.execute("select mask_name(x) from (select unnest(?::varchar[]) x)", [[*plain, None]])
    assert [each for (each,) in found.fetchall()] == [*map(mask_name, plain), None]


def test_amount_given_types_of_all_widths_is_the_same(sql: duckdb.DuckDBPyConnection) -> None:
    for kind in ("utinyint", "usmallint", "integer", "ubigint", "hugeint", "decimal(38, 0)"):
        assert sql.execute(f"select mask_amount(250::{kind})::varchar").fetchone() == ("200",)
    assert sql.execute("select mask_amount(18446744073709551615::ubigint)").fetchone() == (2 * 10**19,)
