"""Netting against a plain loop, exact at every size."""

from __future__ import annotations

from collections import Counter
from datetime import date

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.units import MAX_AMOUNT, MAX_QUANTITY, exact, exact_add
from settlement import netting
from settlement.model import Trades

PARTIES = ("A", "B", "C")
SECURITIES = ("X", "Y")
Row = tuple[int, int, int, int, int]
small = st.tuples(*(st.integers(0, n) for n in (2, 2, 1)), st.integers(1, 1_000), st.integers(1, 10**9))
large = st.tuples(
    *(st.integers(0, n) for n in (2, 2, 1)),
    st.integers(MAX_QUANTITY - 5, MAX_QUANTITY),
    st.integers(MAX_AMOUNT - 5, MAX_AMOUNT),
)
near = st.tuples(
    *(st.integers(0, n) for n in (2, 2, 1)),
    st.integers(2**62, 2**63 - 1),
    st.integers(2**61, 2**63 - 1),
)


def trades(rows: list[Row]) -> Trades:
    buyer, seller, security, quantity, amount = list(zip(*rows, strict=True)) or [()] * 5
    return Trades(
        trading_day=date(2019, 11, 21),
        parties=PARTIES,
        securities=SECURITIES,
        number=np.arange(1, len(rows) + 1),
        time=np.zeros(len(rows)),
        buyer=np.array(buyer, dtype=np.int32),
        seller=np.array(seller, dtype=np.int32),
        security=np.array(security, dtype=np.int32),
        quantity=np.array(quantity, dtype=np.uint64),
        amount=exact(list(amount)),
        line=np.arange(len(rows)),
    )


@given(st.lists(st.one_of(small, large, near), max_size=12))
@settings(max_examples=300, deadline=None)
def test_net_positions_cash_and_charges_are_what_a_loop_adds_up(rows: list[Row]) -> None:
    day = trades(rows)
    units: Counter[tuple[int, int]] = Counter()
    cash: Counter[int] = Counter()
    charged: Counter[int] = Counter()
    for n, (buyer, seller, security, quantity, amount) in enumerate(rows):
        units[buyer, security] += quantity
        units[seller, security] -= quantity
        cash[seller] += amount
        cash[buyer] -= amount
        charged[buyer] += n
        charged[seller] += n
    assert netting.net_quantities(day).tolist() == [[units[p, s] for s in range(2)] for p in range(3)]
    assert netting.net_cash(day).tolist() == [cash[p] for p in range(3)]
    assert netting.both_sides(day, exact(list(range(len(rows))))).tolist() == [charged[p] for p in range(3)]
    assert netting.owed(netting.net_cash(day)) == sum(-c for c in cash.values() if c < 0)
    assert netting.net_quantities(day).sum() == 0
    assert netting.net_cash(day).sum() == 0


def test_net_of_nothing_is_nothing() -> None:
    day = trades([])
    assert netting.net_quantities(day).tolist() == [[0, 0]] * 3
    assert netting.net_cash(day).tolist() == [0, 0, 0]
    assert netting.owed(netting.net_cash(day)) == 0


def test_add_up_where_int64_would_wrap_around_is_exact() -> None:
    values = np.full(5, 2**62, dtype=np.int64)
    assert exact_add(2, np.array([0, 0, 0, 0, 1]), values).tolist() == [2**64, 2**62]
