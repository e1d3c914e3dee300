"""Revenue shares and splitting by weights: properties, and answers that others computed."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidValue
from settlement.revenue import allocate, entitlement, paid
from settlement.revenue import given as given_away

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "allocation.json"
totals = st.integers(0, 2**112)
weights = st.lists(st.integers(0, 10**6), min_size=1, max_size=25).filter(any)


@pytest.mark.skipif(not VECTORS.is_file(), reason=f"the shared known answers are not there: {VECTORS}")
def test_allocate_gives_known_answers() -> None:
    cases = json.loads(VECTORS.read_text())
    assert cases
    for case in cases:
        assert allocate(case["total"], case["weights"]) == case["largest_remainder"]


@pytest.mark.parametrize(
    ("total", "parts", "expected"),
    [
        (15, [80, 8, 12], [12, 1, 2]),
        (100, [600, 355, 45], [60, 36, 4]),
        (250, [50, 45, 5], [125, 113, 12]),
        (9_999, [75, 25], [7_499, 2_500]),
        (3, [75, 25], [2, 1]),
        (5, [100, 101, 100, 100], [1, 2, 1, 1]),
        (1, [1, 1, 1], [1, 0, 0]),
        (2, [1, 1, 1], [1, 1, 0]),
        (0, [3, 4], [0, 0]),
        (7, [0, 5, 0], [0, 7, 0]),
        (10, [1, 1, 1, 0], [4, 3, 3, 0]),
    ],
)
def test_allocate_gives_the_largest_remainders_and_ties_to_the_earlier(
    total: int, parts: list[int], expected: list[int]
) -> None:
    assert allocate(total, parts) == expected


@given(totals, weights)
def test_allocate_sums_to_the_total_and_is_within_one_of_each_exact_part(
    total: int, parts: list[int]
) -> None:
    found = allocate(total, parts)
    assert sum(found) == total
    whole = sum(parts)
    for weight, part in zip(parts, found, strict=True):
        assert 0 <= part - total * weight // whole <= 1
        if not weight:
            assert part == 0
    rest = [Fraction(total * weight, whole) - total * weight // whole for weight in parts]
    up = [
        i for i, (weight, part) in enumerate(zip(parts, found, strict=True)) if part > total * weight // whole
    ]
    down = [i for i in range(len(parts)) if i not in up]
    for i in up:
        for k in down:
            assert rest[i] > rest[k] or (rest[i] == rest[k] and i < k)


@pytest.mark.parametrize(("total", "parts"), [(-1, [1]), (1, []), (1, [0, 0]), (1, [2, -1])])
def test_allocate_given_nothing_to_split_by_raises(total: int, parts: list[int]) -> None:
    with pytest.raises(InvalidValue):
        allocate(total, parts)


@given(totals, st.integers(0, 10**6))
def test_entitlement_is_the_floor(total: int, ppm: int) -> None:
    assert entitlement(total, ppm) == int(Fraction(total * ppm, 10**6).__floor__())


@given(st.lists(st.integers(0, 2**90), max_size=8), st.lists(st.integers(1, 10**5), min_size=1, max_size=5))
def test_paying_in_parts_pays_what_paying_at_once_does(amounts: list[int], shares: list[int]) -> None:
    parties = {str(i): ppm for i, ppm in enumerate(shares)}
    received = dict.fromkeys(parties, 0)
    total = away = 0
    for amount in amounts:
        for party, value in paid(total, total + amount, parties).items():
            assert value >= 0
            received[party] += value
        away += given_away(total, total + amount, shares)
        total += amount
    assert received == paid(0, total, parties)
    assert away == sum(received.values()) == given_away(0, total, shares) <= total
