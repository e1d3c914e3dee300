"""Columns and rows say the same of where two entries differ; many that are too alike to tell stay bounded."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.units import TIME_UNKNOWN
from settlement.reconciliation.entries import NO_NUMBER as N
from settlement.reconciliation.fields import differ, differing
from settlement.reconciliation.sides import Both
from settlement.reconciliation.trades import compare
from settlement.sources import Tolerances
from tests.unit.matching_rows import DAY, Trade, entries, used

VALUES = st.sampled_from([-3, -1, 0, 1, 2, 3, 2**63 - 1, 2**63, 2**64, 2**87, -(2**63)])
CHARGED = st.sampled_from([0, 1, 2**87])
ROW = st.builds(
    lambda **row: Trade(**row),
    number=st.just(1),
    quantity=VALUES,
    amount=VALUES,
    buyer=st.sampled_from(["A", "B", None]),
    seller=st.sampled_from(["A", "B", None]),
    security=st.sampled_from(["X", "Y"]),
    day=st.sampled_from([DAY, DAY + 1]),
    settles=st.sampled_from([0, DAY, DAY + 1]),
    time=st.sampled_from([0, 1, 3, TIME_UNKNOWN]),
    price=st.sampled_from([-1, 0, 2, 2**70]),
    currency=st.sampled_from([None, "NPR", "USD"]),
    commission=CHARGED,
    levy=CHARGED,
)
MAY = st.builds(Tolerances, *[st.integers(0, 2)] * 6)


@given(st.lists(st.tuples(ROW, ROW, st.sampled_from(Trade._fields[1:])), min_size=6, max_size=12), MAY)
@settings(max_examples=80, deadline=None)
def test_differ_given_any_columns_says_what_differing_says_of_rows(
    drawn: list[tuple[Trade, Trade, str]], may: Tolerances
) -> None:
    pairs = [(row, row._replace(**{name: getattr(other, name)})) for row, other, name in drawn]
    mine, theirs = (entries(list(rows)) for rows in zip(*pairs, strict=True))
    both = Both.of(mine, theirs, "A", may)
    rows = np.arange(len(pairs))
    here, there = ({row.at: row for row in side.rows(rows)} for side in (both.mine, both.theirs))
    expected = [bool(differing(both, here[i], there[i])) for i in rows.tolist()]
    assert differ(both, rows, rows).tolist() == expected
    assert differ(both, slice(0, len(pairs)), rows).tolist() == expected


def test_compare_given_many_too_alike_to_tell_is_ambiguous_at_once() -> None:
    """Thousands of entries in one place: no search grows with more than their number."""
    draw = random.Random(6)
    few = [Trade(i + 1, draw.randint(1, 5), draw.randint(1, 10**9)) for i in range(500)]
    wide = [Trade(i + 1, draw.randint(1, 10**6), draw.randint(1, 10**9)) for i in range(500)]
    alike = [Trade(i + 1) for i in range(300)]
    cases = [
        ([row._replace(number=N, amount=row.amount * 7 + 1) for row in few], few, {"ambiguous": 1}),
        ([row._replace(number=N, amount=row.amount * 100) for row in wide], wide, {"amount": 500}),
        ([row._replace(number=row.number + 9_000) for row in wide], wide, {"number": 500}),
        ([row._replace(number=N) for row in alike], alike, {}),
        ([row._replace(number=N) for row in alike[:290]], alike, {"ambiguous": 1}),
        ([row._replace(number=row.number + 9_000) for row in alike[:290]], alike, {"ambiguous": 1}),
    ]
    for mine, theirs, expected in cases:
        matched = compare(entries(mine), entries(theirs), owner="A")
        used(matched, mine, theirs)
        assert Counter(str(each.kind) for each in matched.differences) == expected


def test_compare_given_large_values_without_numbers_is_exact() -> None:
    theirs = [Trade(1, 2**64 - 1, 2**87), Trade(2, 2**64 - 1, 2**87 + 1), Trade(3, 2**63, 1)]
    bare = [row._replace(number=N) for row in theirs]
    assert compare(entries(bare), entries(theirs), owner="A").held.tolist() == [0, 1, 2]
    (one,) = compare(entries([bare[0], bare[1], Trade(N, 2**63, 2)]), entries(theirs), owner="A").differences
    assert (one.mine, one.theirs, one.fields) == ((2,), (2,), {"settlement_amount": (2, 1)})
    whole = [Trade(N, 2**65 - 2, 2**88 + 1), bare[2]]
    assert compare(entries(whole), entries(theirs), owner="A").differences == []
