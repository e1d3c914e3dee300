"""What a fail costs, by hand and by exact fractions."""

from __future__ import annotations

import random
from fractions import Fraction
from math import floor

from settlement.penalties import cash_penalty, difference, securities_penalty, value

RUPEE = 100 * 1_000_000
"""A price of one currency unit of 100 minor units."""


def test_securities_penalty_of_a_liquid_share_is_one_basis_point_of_its_value() -> None:
    # 1,000 shares at 429.00 are worth 429,000.00; 1 bp is 42.90.
    assert securities_penalty(1_000, 429 * RUPEE, 100) == 4_290
    # Half a basis point of 7 at 3.33: 0.001165..., below a minor unit.
    assert securities_penalty(7, 333 * 1_000_000, 50) == 0


def test_cash_penalty_is_a_day_of_the_yearly_rate() -> None:
    # 3.75 % of 1,000,000.00 a year of 360 days is 104.1666... a day.
    assert cash_penalty(100_000_000, 37_500) == 10_416


def test_difference_is_the_buyers_where_the_price_rose_and_the_sellers_where_it_fell() -> None:
    assert difference(10, 110 * RUPEE, 100_000) == 10_000
    assert difference(10, 90 * RUPEE, 100_000) == -10_000


def test_all_of_them_are_the_exact_value_rounded_down_once() -> None:
    draw = random.Random(4)
    for _ in range(2_000):
        quantity, price = draw.randint(1, 2**64 - 1), draw.randint(1, 2**60)
        amount, rate = draw.randint(1, 2**88 - 1), draw.randint(0, 10**6)
        exact = Fraction(quantity) * Fraction(price, 10**6) * Fraction(rate, 10**6)
        assert securities_penalty(quantity, price, rate) == floor(exact)
        assert cash_penalty(amount, rate) == floor(Fraction(amount) * Fraction(rate, 360 * 10**6))
        assert value(quantity, price) == floor(Fraction(quantity * price, 10**6))
