"""Corrections as a book's entries have them, beside rows of plain dictionaries."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.units import TIME_UNKNOWN
from settlement.breaks.corrections import Correction, apply, checked
from settlement.reconciliation.entries import NO_NUMBER, Entries
from tests.unit.breaks.kept import DAY, NOON

TODAY = 20261126


def book(rows: list[dict[str, Any]], *, naming: str = "{number}", fees: bool = False) -> Entries:
    """Rows of `number`, `day`, `quantity`, `amount`, of A buying ACME from B."""
    count = len(rows)
    column = {name: [row[name] for row in rows] for name in ("number", "day", "quantity", "amount")}
    zeros = np.zeros(count, dtype=np.int32)
    return Entries(
        parties=("A", "B"),
        securities=("ACME",),
        currencies=("NPR",),
        number=np.array(column["number"], dtype=np.int64),
        day=np.array(column["day"], dtype=np.int32),
        settles=zeros,
        time=np.full(count, TIME_UNKNOWN),
        buyer=zeros,
        seller=zeros + 1,
        security=zeros,
        currency=zeros,
        quantity=np.array(column["quantity"], dtype=object),
        amount=np.array(column["amount"], dtype=object),
        price=np.full(count, -1),
        line=np.arange(2, count + 2),
        commission=np.full(count, 5) if fees else None,
        naming=naming,
    )


def row(number: int, quantity: int, amount: int = 100, day: int = TODAY) -> dict[str, Any]:
    return {"number": number, "day": day, "quantity": quantity, "amount": amount}


def correction(
    number: int = 1, *, day: dt.date | None = DAY, subject: str = "12", **entry: Any
) -> Correction:
    it = checked("B-1", entry, subject, "trade")
    return Correction(number, "B-1", "A", day, it, "Asha", "Bina", NOON)


def rows_of(entries: Entries) -> list[tuple[Any, ...]]:
    """(number, day, buyer, seller, quantity, amount), sorted."""
    columns = (entries.number, entries.day, entries.buyer, entries.seller, entries.quantity, entries.amount)
    return sorted(
        (int(n), int(d), entries.parties[b], entries.parties[s], int(q), int(a))
        for n, d, b, s, q, a in zip(*columns, strict=True)
    )


HUGE = (1 << 64) - 1
BOOK = [
    row(12, 501),
    row(12, 77, day=20261125),
    row(13, 5),
    row(NO_NUMBER, 9),
    row(13, 5),
    row(14, HUGE, 1 << 80),
    row(16, 1),
    row(16, 2),
]
A = ("A", "B")


@pytest.mark.parametrize(
    ("entry", "gone", "come"),
    [
        ({"quantity": 510}, [(12, TODAY, *A, 501, 100)], [(12, TODAY, *A, 510, 100)]),
        (
            {"quantity": 510, "was": {"quantity": 501}},
            [(12, TODAY, *A, 501, 100)],
            [(12, TODAY, *A, 510, 100)],
        ),
        ({"quantity": 510, "was": {"quantity": 500}}, [], []),
        ({"trade": "13", "action": "remove", "keep": 1}, [(13, TODAY, *A, 5, 100)], []),
        (
            {"trade": "13", "action": "remove", "keep": 1, "was": {"quantity": 5}},
            [(13, TODAY, *A, 5, 100)],
            [],
        ),
        ({"trade": "13", "action": "remove", "keep": 1, "was": {"quantity": 6}}, [], []),
        ({"action": "remove", "keep": 1, "was": {"quantity": 501}}, [], []),
        (
            {"trade": "16", "action": "remove", "keep": 1, "was": {"quantity": 2}},
            [(16, TODAY, *A, 2, 100)],
            [],
        ),
        ({"trade": "13", "action": "remove"}, [(13, TODAY, *A, 5, 100)] * 2, []),
        ({"trade": "99", "action": "remove"}, [], []),
        ({"trade": "weird", "action": "remove"}, [], []),
        ({"trade": "line 5", "quantity": 8}, [(-1, TODAY, *A, 9, 100)], [(-1, TODAY, *A, 8, 100)]),
        ({"trade": "line 4", "quantity": 8}, [], []),
        (
            {"buyer": "B", "seller": "C"},
            [(12, TODAY, *A, 501, 100)],
            [(12, TODAY, "B", "C", 501, 100)],
        ),
        (
            {"trading_day": TODAY, "was": {"trading_day": 20261125}},
            [(12, 20261125, *A, 77, 100)],
            [(12, TODAY, *A, 77, 100)],
        ),
        (
            {"trade_number": 15, "was": {"trade_number": 14}},
            [(14, TODAY, *A, HUGE, 1 << 80)],
            [(15, TODAY, *A, HUGE, 1 << 80)],
        ),
        (
            {
                "action": "split",
                "into": [
                    {"trade_number": 12, "quantity": 500, "settlement_amount": 99},
                    {"trade_number": 20, "quantity": 1, "settlement_amount": 1},
                ],
            },
            [(12, TODAY, *A, 501, 100)],
            [(12, TODAY, *A, 500, 99), (20, TODAY, *A, 1, 1)],
        ),
        ({"action": "split", "into": [{"quantity": 500}, {"quantity": 2}]}, [], []),
        (
            {
                "action": "add",
                "trade_number": 30,
                "trading_day": DAY,
                "buyer": "D",
                "seller": "A",
                "security": "NEW",
                "quantity": HUGE,
                "settlement_amount": 3,
            },
            [],
            [(30, TODAY, "D", "A", HUGE, 3)],
        ),
    ],
)
def test_apply_given_one_correction_changes_its_rows_and_no_others(
    entry: dict[str, Any], gone: list[Any], come: list[Any]
) -> None:
    expected = rows_of(book(BOOK))
    for each in gone:
        expected.remove(each)
    before = book(BOOK, fees=True)
    after, applied = apply(before, [correction(**entry)])
    assert rows_of(after) == sorted([*expected, *come])
    assert len(applied) == bool(gone or come)
    assert rows_of(before) == rows_of(book(BOOK)), "the book itself stays"
    assert after.commission is not None
    assert apply(after, [correction(**entry)]) == (after, []), "once more it finds nothing to do"


def test_apply_given_a_line_of_another_days_book_leaves_it() -> None:
    other = book([row(NO_NUMBER, 9)])
    assert rows_of(apply(other, [correction(trade="line 2", quantity=8)])[0]) != rows_of(other)
    yesterday = correction(trade="line 2", quantity=8, day=DAY - dt.timedelta(1))
    assert apply(other, [yesterday]) == (other, [])


def test_apply_given_names_with_days_finds_the_trade_that_is_meant() -> None:
    rows = [row(12, 501), row(112, 1), row(12, 77, day=20261125)]
    entries = book(rows, naming="{day}{number:08d}")
    for subject, quantity in (("2026112600000012", 501), ("2026112500000012", 77)):
        after, _ = apply(entries, [correction(subject=subject, day=None, quantity=3)])
        assert sorted(rows_of(entries)) != rows_of(after)
        assert quantity not in [each[4] for each in rows_of(after)]
        assert len(after) == 3


def test_apply_given_none_or_an_order_of_several_the_later_record_wins() -> None:
    entries = book(BOOK)
    assert apply(entries, [])[0] is entries
    several = [correction(9, quantity=9), correction(3, quantity=3)]
    after, applied = apply(entries, several)
    assert 9 in [each[4] for each in rows_of(after) if each[0] == 12]
    assert 3 not in [each[4] for each in rows_of(after)]
    assert [each.number for each in applied] == [3, 9]


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3)), max_size=8),
    entries=st.lists(
        st.tuples(
            st.integers(1, 4), st.integers(0, 3), st.sampled_from(("replace", "remove")), st.integers(0, 2)
        ),
        max_size=5,
    ),
)
def test_apply_given_any_corrections_is_what_lists_come_to(
    rows: list[tuple[int, int]], entries: list[tuple[int, int, str, int]]
) -> None:
    expected, made = list(rows), []
    for i, (number, quantity, action, keep) in enumerate(entries):
        entry = {"quantity": quantity} if action == "replace" else {"keep": keep, "action": action}
        made.append(correction(i, subject=str(number), **entry))
        mine = [each for each in expected if each[0] == number]
        rest = [each for each in expected if each[0] != number]
        if action == "replace":
            expected = [*rest, *((number, quantity) for _ in mine)]
        else:
            expected = [*rest, *mine[:keep]]
    after, _ = apply(book([row(*each) for each in rows]), made[::-1])
    assert [(each[0], each[4]) for each in rows_of(after)] == sorted(expected)
