"""One book against the ledger's trades and account: what is a break, what explains it, what is counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from ledger.units import exact
from settlement.agreements.sharing import fixed
from settlement.books import Book, Terms, movements
from settlement.fees import Kind, Tier, VenueSchedule
from settlement.model import Trades
from settlement.reconciliation import Account, Break, Compared, reconcile

DAY, NEXT_DAY = date(2019, 11, 21), date(2019, 11, 22)
TERMS = Terms("EUR", VenueSchedule(Kind.SLAB, (Tier(None, 10_000),), 1_000), fixed({1: 250_000}))
Row = tuple[int, str, str, str, int, int]
ROWS: list[Row] = [(1, "A", "B", "X", 10, 5_000), (2, "B", "A", "Y", 4, 9_000), (3, "A", "A", "X", 1, 700)]
PARTIES, CODES = ("A", "B", "C"), ("X", "Y", "Z")


def trades(rows: list[Row], day: date = DAY) -> Trades:
    number, buyer, seller, security, quantity, amount = list(zip(*rows, strict=True)) or [()] * 6
    return Trades(
        trading_day=day,
        parties=PARTIES,
        securities=CODES,
        number=np.array(number, dtype=np.uint32),
        time=np.full(len(rows), 60),
        buyer=np.array([PARTIES.index(name) for name in buyer], dtype=np.int32),
        seller=np.array([PARTIES.index(name) for name in seller], dtype=np.int32),
        security=np.array([CODES.index(code) for code in security], dtype=np.int32),
        quantity=np.array(quantity, dtype=np.uint64),
        amount=exact(list(amount)),
        line=np.zeros(len(rows)),
    )


def right() -> tuple[Book, Account]:
    """A's book and its account, all of ROWS settled."""
    opening = {"Y": 4, "EUR": 5_000, "Z": 3}
    days = {DAY: trades(ROWS)}
    book = Book("A", days, opening).close({DAY: [1, 2, 3]}, TERMS)
    moved = movements("A", days, {DAY: [1, 2, 3]}, TERMS)
    closing = {asset: amount for asset, amount in book.closing.items() if amount}
    return book, Account(opening, moved, closing)


def held(book: Book, account: Account, **changes: Any) -> list[Break]:
    """The breaks, with the ledger's trades, those settled or the excepted changed."""
    given = {"recorded": trades(ROWS), "settled": [1, 2, 3], "excepted": []} | changes
    recorded, settled, excepted = ({DAY: given[name]} for name in ("recorded", "settled", "excepted"))
    return reconcile(book, recorded, settled, excepted, account, TERMS)[0]


def test_what_agrees_breaks_nothing_and_is_counted() -> None:
    book, account = right()
    recorded = {DAY: trades([*ROWS, (9, "B", "C", "X", 1, 1)])}
    found = reconcile(book, recorded, {DAY: [9, 1, 2, 3]}, {}, account, TERMS)
    assert found == ([], Compared(books=1, trades=3, positions=3, cash=1))


@pytest.mark.parametrize("asset", ["X", "Y", "Z", "EUR"])
@pytest.mark.parametrize("off", [1, -1])
@pytest.mark.parametrize("side", ["opening", "closing"])
def test_book_off_by_a_unit_breaks_there(asset: str, off: int, side: str) -> None:
    book, account = right()
    was = getattr(book, side).get(asset, 0)
    book = replace(book, **{side: {**getattr(book, side), asset: was + off}})
    level, reason = ("cash", "DMON") if asset == "EUR" else ("position", "DQUA")
    assert held(book, account) == [Break("A", level, reason, asset, {side: (was + off, was)})]  # type: ignore[arg-type]


@pytest.mark.parametrize("asset", ["X", "EUR"])
def test_ledger_that_moved_a_unit_more_breaks_in_movements_and_closing(asset: str) -> None:
    book, account = right()
    moved = {**account.moved, asset: account.moved[asset] + 1}
    closing = {**account.closing, asset: account.closing[asset] + 1}
    (found,) = held(book, Account(account.opening, moved, closing))
    assert found.subject == asset
    assert dict(found.fields) == {
        "movements": (account.moved[asset], moved[asset]),
        "closing": (account.closing[asset], closing[asset]),
    }


def test_ledger_whose_balance_does_not_follow_from_its_movements_breaks() -> None:
    book, account = right()
    closing = {**account.closing, "X": account.closing["X"] + 1}
    (found,) = held(book, replace(account, closing=closing))
    assert (found.level, found.subject, set(found.fields)) == ("position", "X", {"closing"})


def test_trade_that_one_side_lacks_breaks_once_whoever_has_it() -> None:
    book, account = right()
    (found,) = held(book, account, recorded=trades([*ROWS, (4, "C", "A", "Z", 1, 1)]), settled=[1, 2, 3])
    assert (found.level, found.reason, found.subject) == ("trade", "CMIS", "4")
    assert found.trading_day == DAY
    assert dict(found.fields) == {
        "security": (None, "Z"),
        "quantity": (None, 1),
        "settlement_amount": (None, 1),
        "buyer": (None, "C"),
        "seller": (None, "A"),
        "time": (None, 60),
    }
    (found,) = held(replace(book, days={DAY: trades([*ROWS, (4, "C", "A", "Z", 1, 1)])}), account)
    assert (found.reason, found.subject, found.fields["seller"]) == ("CMIS", "4", ("A", None))
    (found,) = held(replace(book, days={DAY: trades(ROWS[1:])}), account)
    assert (found.level, found.reason, found.subject) == ("trade", "CMIS", "1")


def test_excepted_trade_that_differs_is_no_break() -> None:
    book, _ = right()
    altered = trades([(1, "A", "B", "X", 11, 5_000), *ROWS[1:]])
    book = Book("A", {DAY: altered}, book.opening).close({DAY: [2, 3]}, TERMS)
    moved = movements("A", {DAY: trades(ROWS)}, {DAY: [2, 3]}, TERMS)
    account = Account(book.opening, moved, {a: n for a, n in book.closing.items() if n})
    assert held(book, account, settled=[2, 3], excepted=[1]) == []


def test_trade_that_differs_and_was_not_excepted_explains_position_and_cash() -> None:
    book, account = right()
    altered = trades([(1, "A", "B", "X", 11, 5_500), *ROWS[1:]])
    for closes in (True, False):
        wrong = replace(book, days={DAY: altered})
        wrong = wrong.close({DAY: [1, 2, 3]}, TERMS) if closes else wrong
        (found,) = held(wrong, account)
        assert (found.level, found.reason, found.subject) == ("trade", "DQUA", "1")
        assert dict(found.fields) == {"quantity": (11, 10), "settlement_amount": (5_500, 5_000)}


@pytest.mark.parametrize(
    ("field", "reason", "change", "fields"),
    [
        ("security", "DSEC", (1, "A", "B", "Z", 10, 5_000), ("Z", "X")),
        ("quantity", "DQUA", (1, "A", "B", "X", 9, 5_000), (9, 10)),
        ("settlement_amount", "DMON", (1, "A", "B", "X", 10, 2**80), (2**80, 5_000)),
        ("buyer", "CMIS", (1, "C", "B", "X", 10, 5_000), ("C", "A")),
        ("seller", "CMIS", (1, "A", "C", "X", 10, 5_000), ("C", "B")),
    ],
)
def test_trade_that_differs_in_one_field_breaks_with_its_reason(
    field: str, reason: str, change: Row, fields: tuple[object, object]
) -> None:
    book, account = right()
    wrong = replace(book, days={DAY: trades([*ROWS[1:], change])})
    (found,) = held(wrong.close({DAY: [1, 2, 3]}, TERMS), account)
    assert found == Break("A", "trade", reason, "1", {field: fields}, DAY)


def test_trade_at_another_time_breaks_with_its_reason() -> None:
    book, account = right()
    same = trades(ROWS)
    other = replace(same, time=np.array([60, 61, 60]))
    assert held(replace(book, days={DAY: other}), account) == [
        Break("A", "trade", "DDAT", "2", {"time": (61, 60)}, DAY)
    ]


def test_names_are_compared_and_not_their_places_in_a_list() -> None:
    """A book lists what it has seen in its own order."""
    book, account = right()
    same = trades(ROWS)
    other = replace(
        same,
        parties=PARTIES[::-1],
        securities=CODES[::-1],
        buyer=2 - same.buyer,
        seller=2 - same.seller,
        security=2 - same.security,
    )
    assert held(replace(book, days={DAY: other}), account) == []


def test_number_that_a_book_has_twice_breaks_for_the_row_that_the_ledger_lacks() -> None:
    book, account = right()
    twice = trades([(2, "B", "A", "Y", 4, 8_000), *ROWS])
    (found,) = held(replace(book, days={DAY: twice}).close({DAY: []}, TERMS), account, settled=[])[:1]
    assert (found.reason, found.subject) == ("CMIS", "2")
    assert found.fields["settlement_amount"] == (8_000, None)


def test_breaks_of_trades_come_by_day_and_number() -> None:
    book, account = right()
    days = {NEXT_DAY: trades([(7, "A", "B", "X", 1, 1), (2, "A", "B", "X", 1, 1)], NEXT_DAY)}
    wrong = replace(book, days={**book.days, **days})
    recorded = {DAY: trades([*ROWS, (10, "A", "B", "Y", 1, 1), (9, "A", "B", "Y", 1, 1)])}
    found, compared = reconcile(wrong, recorded, {DAY: [1, 2, 3]}, {}, account, TERMS)
    assert [(each.trading_day, each.subject) for each in found] == [
        (DAY, "9"),
        (DAY, "10"),
        (NEXT_DAY, "2"),
        (NEXT_DAY, "7"),
    ]
    assert compared.trades == 7


def test_day_that_only_one_side_has_breaks_whole_whichever_it_is() -> None:
    book, account = right()
    both = {DAY: trades(ROWS), NEXT_DAY: trades([(5, "B", "A", "X", 1, 1)], NEXT_DAY)}
    settled = {DAY: [1, 2, 3]}
    for kept, recorded, side in ((book.days, both, 1), (both, book.days, 0)):
        found, compared = reconcile(replace(book, days=kept), recorded, settled, {}, account, TERMS)
        assert [(each.reason, each.subject, each.trading_day) for each in found] == [("CMIS", "5", NEXT_DAY)]
        assert found[0].fields["seller"][side] == "A"
        assert compared.trades == 4


def test_two_days_with_the_same_numbers_are_two_trades_each() -> None:
    """Number 1 of the next day is altered, and excepted on the first day only."""
    opening = {"Y": 8, "EUR": 50_000}
    days = {day: trades(ROWS, day) for day in (DAY, NEXT_DAY)}
    settled = {DAY: [1, 2, 3], NEXT_DAY: [2, 3]}
    book = Book("A", days, opening).close(settled, TERMS)
    closing = {asset: n for asset, n in book.closing.items() if n}
    account = Account(opening, movements("A", days, settled, TERMS), closing)
    assert reconcile(book, days, settled, {}, account, TERMS) == ([], Compared(1, 6, 2, 1))
    altered = {**days, NEXT_DAY: trades([(1, "A", "B", "X", 11, 5_000), *ROWS[1:]], NEXT_DAY)}
    found, _ = reconcile(book, altered, settled, {DAY: [1]}, account, TERMS)
    assert found == [Break("A", "trade", "DQUA", "1", {"quantity": (10, 11)}, NEXT_DAY)]
    assert reconcile(book, altered, settled, {NEXT_DAY: {1}}, account, TERMS)[0] == []
