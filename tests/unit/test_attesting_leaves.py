"""Leaves of a book: the same bytes from any order of rows, and other bytes for anything else.

layout   ─ as the module's docstring draws it, packed by hand
property ─ decode(of_entries) is what the entries say; the rows' order and their lines do not matter
root     ─ changes with each field by a unit, a row more, a row twice, a balance; names in another normal form
           are the same name
refused  ─ numbers of more than 38 digits, names too long; bytes that are no leaf
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import InvalidValue
from ledger.units import TIME_UNKNOWN, exact
from settlement.attesting.leaves import decode, leaves, of_balance, of_entries, root
from settlement.reconciliation.entries import NO_DAY, NO_NUMBER, Entries
from settlement.sources import Balance

PARTIES, SECURITIES = ("Alder", "Bär", "B"), ("S1", "S2")
WIDEST = 10**38 - 1
Row = dict[str, Any]
PLAIN: Row = {
    "number": 17,
    "day": 20191121,
    "settles": NO_DAY,
    "time": 36_000,
    "buyer": 0,
    "seller": 1,
    "security": 0,
    "currency": 0,
    "quantity": 500,
    "amount": 123_456,
    "price": -1,
    "line": 2,
}


def entries_of(rows: list[Row], *, charged: bool = False) -> Entries:
    names = [*PLAIN, *(("commission", "levy") if charged else ())]
    columns: dict[str, Any] = {name: [row.get(name, 0) for row in rows] for name in names}
    for name in ("quantity", "amount", "price", *names[len(PLAIN) :]):
        columns[name] = exact(columns[name])
    return Entries(PARTIES, SECURITIES, ("EUR",), **columns)


def i128(value: int) -> bytes:
    return value.to_bytes(16, "big", signed=True)


def named(name: str) -> bytes:
    return struct.pack(">H", len(name.encode())) + name.encode()


def test_leaf_given_an_entry_is_laid_out_as_described() -> None:
    row = PLAIN | {"price": 2**70, "quantity": -5, "seller": -1, "commission": 7, "time": TIME_UNKNOWN}
    expected = struct.pack(">BqIII", 1, 17, 20191121, 0, TIME_UNKNOWN)
    expected += i128(-5) + i128(123_456) + i128(2**70)
    names = named("Alder") + b"\xff\xff" + named("S1") + named("EUR")
    assert of_entries(entries_of([row], charged=True)) == [
        expected + b"\x01" + i128(7) + b"\x01" + i128(0) + names
    ]
    assert of_entries(entries_of([row])) == [expected + bytes(34) + names]
    balance = Balance("cash", "Bär", "EUR", None, -3, 0, day=20191121, line=9)
    expected = struct.pack(">BI", 3, 20191121) + bytes(17) + b"\x01" + i128(-3) + b"\x01" + i128(0)
    assert of_balance(balance) == expected + named("Bär") + named("EUR")


amounts = st.one_of(st.integers(-5, 10**6), st.integers(-WIDEST, WIDEST))
rows = st.fixed_dictionaries(
    {
        "number": st.one_of(st.just(NO_NUMBER), st.integers(0, 2**63 - 1)),
        "day": st.integers(0, 99_991_231),
        "settles": st.integers(0, 99_991_231),
        "time": st.sampled_from([0, 86_399, TIME_UNKNOWN]),
        "buyer": st.integers(-1, 2),
        "seller": st.integers(-1, 2),
        "security": st.integers(-1, 1),
        "currency": st.integers(-1, 0),
        "line": st.integers(0, 9),
        **dict.fromkeys(("quantity", "amount", "price", "commission", "levy"), amounts),
    }
)


@given(st.lists(rows, min_size=1, max_size=6), st.booleans(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_leaves_given_any_entries_say_all_but_lines(some: list[Row], charged: bool, chance: Any) -> None:
    book = entries_of(some, charged=charged)
    for row, leaf in zip(some, of_entries(book), strict=True):
        said = decode(leaf)
        assert said["trade_number"] == (None if row["number"] == NO_NUMBER else row["number"])
        assert (said["trading_day"], said["settlement_date"]) == (row["day"], row["settles"] or None)
        assert said["time"] == (None if row["time"] == TIME_UNKNOWN else row["time"])
        assert said["buyer"] == (*PARTIES, None)[row["buyer"]]
        assert said["seller"] == (*PARTIES, None)[row["seller"]]
        assert (said["security"], said["currency"]) == (
            (*SECURITIES, None)[row["security"]],
            ("EUR", None)[row["currency"]],
        )
        assert (said["quantity"], said["settlement_amount"]) == (row["quantity"], row["amount"])
        assert said["price"] == (None if row["price"] == -1 else row["price"])
        assert said["levy"] == (row["levy"] if charged else None)
    order = list(range(len(some)))
    chance.shuffle(order)
    other = entries_of([row | {"line": 77} for row in some], charged=charged).take(np.array(order))
    assert leaves(other) == leaves(book)


def test_root_given_anything_changed_by_a_unit_is_another() -> None:
    book = [PLAIN, PLAIN | {"number": 18, "buyer": 1, "seller": 0}]
    cash = Balance("cash", "Alder", "EUR", 0, 5, 5)
    roots = [root(entries_of(book), [cash]), root(entries_of(book))]
    for name in PLAIN:
        if name not in ("line", "currency"):
            changed = PLAIN[name] + 1
            roots.append(root(entries_of([PLAIN | {name: changed}, book[1]]), [cash]))
    roots.append(root(entries_of([PLAIN | {"currency": -1}, book[1]]), [cash]))
    roots += [root(entries_of(each), [cash]) for each in (book[:1], [*book, PLAIN], [*book, PLAIN, PLAIN])]
    roots.append(root(entries_of(book, charged=True), [cash]))
    changes: list[dict[str, Any]] = [
        *({"level": "position"}, {"level": "revenue"}, {"holder": "Bär"}, {"asset": "S1"}, {"day": 1}),
        *({"opening": None}, {"opening": 1}, {"movements": None}, {"closing": 6}, {"closing": None}),
    ]
    roots += [root(entries_of(book), [replace(cash, **change)]) for change in changes]
    roots += [root(entries_of(book), [cash, cash]), root(Entries.nothing(), [cash]), root(Entries.nothing())]
    assert len(set(roots)) == len(roots)
    assert root(entries_of(book[::-1]), [replace(cash, line=4)]) == roots[0]


def test_root_given_names_in_another_normal_form_or_table_is_the_same() -> None:
    composed = entries_of([PLAIN])
    decomposed = replace(composed, parties=("Alder", "Ba\u0308r", "B"))
    turned = replace(
        composed,
        parties=("Bär", "Alder"),
        buyer=np.array([1], dtype=np.int32),
        seller=np.array([0], dtype=np.int32),
    )
    assert root(composed) == root(decomposed) == root(turned)


def test_leaves_given_what_does_not_fit_raise() -> None:
    for name in ("quantity", "amount", "price"):
        with pytest.raises(InvalidValue, match="38 digits"):
            leaves(entries_of([PLAIN | {name: WIDEST + 1}]))
    with pytest.raises(InvalidValue, match="38 digits"):
        of_balance(Balance("cash", "A", "EUR", None, None, -WIDEST - 1))
    for name in ("x" * 65_535, "\ud800"):
        with pytest.raises(InvalidValue):
            leaves(replace(entries_of([PLAIN]), parties=(name, "B", "C")))


def test_decode_given_bytes_that_are_no_leaf_raises() -> None:
    [leaf] = of_entries(entries_of([PLAIN]))
    balance = of_balance(Balance("cash", "A", "EUR", None, 1, None))
    for whole in (leaf, balance):
        decode(whole)
        wrong = [whole[:cut] for cut in range(len(whole))] + [whole + b"\0", b"\x05" + whole[1:]]
        wrong.append(whole[:-1] + b"\xff")
        for each in wrong:
            with pytest.raises(ValueError, match=r"bytes|level|decode"):
                decode(each)
    # A value that is there twice over: marked as left out, and given.
    with pytest.raises(ValueError, match="neither"):
        decode(balance[:21] + b"\x01" + balance[22:])
    with pytest.raises(ValueError, match="neither"):
        decode(balance[:5] + b"\x02" + balance[6:])
