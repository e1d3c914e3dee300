"""settlement.gross: an order in which trades settle one after the other.

model 1 ─ what one brings pays for another, whatever the numbers; what lacks something waits, and says what
model 2 ─ securities in turn, cash net at the end; trades are taken out until it fits
both    ─ levy and revenue shares count, to the unit; random days fit step by step (property)
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement import gross
from settlement.liquidity import CASH, Holdings, Instructions, Shortage, choose, shortages
from settlement.parts import Rest
from tests.sharings import alike

A, B, C = 1, 2, 3
Row = tuple[int, int, int, int, int]
"""(buyer, seller, security, quantity, amount)."""


def instructions(rows: list[Row], fee: int = 0, levy: int = 0) -> Instructions:
    columns = [np.array(column, dtype=np.int64) for column in list(zip(*rows, strict=True)) or [()] * 5]
    count = len(rows)
    each = (np.full(count, value, dtype=np.int64) for value in (fee, levy))
    return Instructions(np.full(count, 20191121), np.arange(1, count + 1), *columns, *each)


@dataclass(frozen=True)
class Order:
    rows: tuple[int, ...]
    waiting: dict[int, tuple[Shortage, ...]]


def in_order(trades: Instructions, holdings: Holdings, model: int) -> Order:
    """As a cycle has it: model 1 by turns, again and again; model 2 of what nets."""
    names = ("buyer", "seller", "security", "quantity", "amount", "fee", "levy")
    columns = [getattr(trades, name).tolist() for name in names]
    rests = [
        Rest(b, s, a, q, 0, amount, fee, levy) for b, s, a, q, amount, fee, levy in zip(*columns, strict=True)
    ]

    def among(some: list[int]) -> list[int]:
        found = choose(trades.take(np.array(some)), holdings).settles
        return [some[i] for i in np.flatnonzero(found).tolist()]

    if model == 1:
        rows = gross.in_order(rests, holdings, range(len(rests)), bypass=True, again=True)
    else:
        rows = gross.by_securities(rests, holdings, among)
    flags = np.zeros(len(rests), dtype=bool)
    flags[rows] = True
    waiting = {i: tuple(each) for i, each in shortages(trades, holdings, flags).items()}
    return Order(tuple(rows), waiting)


def fits(
    rows: list[Row], order: tuple[int, ...], held: dict[tuple[int, int], int], model: int, levy: int
) -> bool:
    """Whether nothing falls below zero, said in another way than the module does."""
    have = Counter(held)
    for i in order:
        buyer, seller, security, quantity, amount = rows[i]
        if buyer != seller:
            if have[seller, security] < quantity:
                return False
            have[seller, security] -= quantity
            have[buyer, security] += quantity
        have[buyer, CASH] -= amount + levy
        have[seller, CASH] += amount - levy
        if model == 1 and min(have[buyer, CASH], have[seller, CASH]) < 0:
            return False
    return all(amount >= 0 for amount in have.values())


def test_in_order_when_later_brings_what_earlier_needs_settles_both() -> None:
    rows = [(C, B, 7, 5, 10), (B, A, 7, 5, 10)]
    held = {(A, 7): 5, (C, CASH): 10, (B, CASH): 10}
    for model in (1, 2):
        assert in_order(instructions(rows), Holdings(held), model).rows == (1, 0)


@pytest.mark.parametrize(("model", "settled"), [(1, ()), (2, (0, 1))])
def test_in_order_given_no_cash_at_all_settles_a_circle_by_model_2_only(
    model: int, settled: tuple[int, ...]
) -> None:
    rows = [(A, B, 7, 5, 10), (B, A, 8, 5, 10)]
    order = in_order(instructions(rows), Holdings({(B, 7): 5, (A, 8): 5}), model)
    assert order.rows == settled
    assert (0 in order.waiting) is (model == 1)


@pytest.mark.parametrize("model", [1, 2])
def test_in_order_given_a_unit_is_short_says_of_what(model: int) -> None:
    rows = [(A, B, 7, 5, 10)]
    held = {(B, 7): 5, (A, CASH): 11, (B, CASH): 0}
    trades = instructions(rows, levy=1)
    assert in_order(trades, Holdings(held), model).rows == (0,)
    order = in_order(trades, Holdings(held | {(A, CASH): 10}), model)
    assert (order.rows, order.waiting) == ((), {0: (Shortage(A, CASH, 1),)})
    order = in_order(trades, Holdings(held | {(B, 7): 4}), model)
    assert (order.rows, order.waiting) == ((), {0: (Shortage(B, 7, 1),)})


@pytest.mark.parametrize("model", [1, 2])
def test_in_order_counts_revenue_shares_over_the_running_total(model: int) -> None:
    """A third of 1 is nothing yet, of a total of 3 it is a unit."""
    rows = [(A, B, 7, 1, 10)]
    held = {(B, 7): 1, (A, CASH): 10, (B, CASH): 5}
    before, later = (alike((333_334,), {A: total, B: 0}) for total in (0, 2))
    assert in_order(instructions(rows, fee=1), Holdings(held, before), model).rows == (0,)
    assert in_order(instructions(rows, fee=1), Holdings(held, later), model).rows == ()


ROWS = st.lists(
    st.tuples(*[st.integers(1, 4)] * 2, st.integers(7, 9), st.integers(1, 9), st.integers(1, 100)),
    min_size=1,
    max_size=14,
)
HELD = st.dictionaries(
    st.tuples(st.integers(1, 4), st.sampled_from([7, 8, 9, CASH])), st.integers(0, 150), max_size=16
)


@settings(max_examples=300, deadline=None)
@given(rows=ROWS, held=HELD, model=st.sampled_from([1, 2]), levy=st.integers(0, 3))
def test_in_order_given_any_day_fits_and_leaves_nothing_that_fits(
    rows: list[Row], held: dict[tuple[int, int], int], model: int, levy: int
) -> None:
    order = in_order(instructions(rows, levy=levy), Holdings(held), model)
    assert len(set(order.rows)) == len(order.rows)
    assert set(order.rows) | set(order.waiting) == set(range(len(rows)))
    assert not set(order.rows) & set(order.waiting)
    assert fits(rows, order.rows, held, model, levy)
    assert all(shortage.short > 0 for each in order.waiting.values() for shortage in each)
    if model == 1:
        for i in order.waiting:
            assert not fits(rows, (*order.rows, i), held, model, levy)
