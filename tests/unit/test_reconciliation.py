"""One book against the ledger's trades and account: what is a break, what explains it, what is counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from ledger.units import exact
from settlement.books import Book, Terms, movements
from settlement.fees import Schedule, Slab
from settlement.model import Trades
from settlement.reconciliation import Account, Break, Compared, reconcile

TERMS = Terms("EUR", Schedule((Slab(None, 10_000),), 1_000), (250_000,))
Row = tuple[int, str, str, str, int, int]
ROWS: list[Row] = [(1, "A", "B", "X", 10, 5_000), (2, "B", "A", "Y", 4, 9_000), (3, "A", "A", "X", 1, 700)]
PARTIES, CODES = ("A", "B", "C"), ("X", "Y", "Z")


def trades(rows: list[Row]) -> Trades:
    number, buyer, seller, security, quantity, amount = list(zip(*rows, strict=True)) or [()] * 6
    return Trades(
        trading_day=date(2019, 11, 21),
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
    book = Book("A", trades(ROWS), opening).close([1, 2, 3], TERMS)
    moved = movements("A", trades(ROWS), [1, 2, 3], TERMS)
    closing = {asset: amount for asset, amount in book.closing.items() if amount}
    return book, Account(opening, moved, closing)


def held(book: Book, account: Account, **changes: Any) -> list[Break]:
    """The breaks, with the ledger's trades, those settled or the excepted changed."""
    given = {"recorded": trades(ROWS), "settled": {1, 2, 3}, "excepted": []} | changes
    return reconcile(book, given["recorded"], given["settled"], given["excepted"], account, TERMS)[0]


def test_what_agrees_breaks_nothing_and_is_counted() -> None:
    book, account = right()
    found = reconcile(book, trades([*ROWS, (9, "B", "C", "X", 1, 1)]), {1, 2, 3, 9}, [], account, TERMS)
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
    (found,) = held(book, account, recorded=trades([*ROWS, (4, "C", "A", "Z", 1, 1)]), settled={1, 2, 3})
    assert (found.level, found.reason, found.subject) == ("trade", "CMIS", "4")
    assert found.fields["seller"] == (None, "A")
    lacking = replace(book, trades=trades(ROWS[1:]))
    (found,) = held(lacking, account)
    assert (found.level, found.reason, found.subject) == ("trade", "CMIS", "1")


def test_excepted_trade_that_differs_is_no_break() -> None:
    book, _ = right()
    altered = trades([(1, "A", "B", "X", 11, 5_000), *ROWS[1:]])
    book = Book("A", altered, book.opening).close([2, 3], TERMS)
    moved = movements("A", trades(ROWS), [2, 3], TERMS)
    account = Account(book.opening, moved, {a: n for a, n in book.closing.items() if n})
    assert held(book, account, settled={2, 3}, excepted=[1]) == []


def test_trade_that_differs_and_was_not_excepted_explains_position_and_cash() -> None:
    book, account = right()
    altered = trades([(1, "A", "B", "X", 11, 5_500), *ROWS[1:]])
    for closes in (True, False):
        wrong = replace(book, trades=altered)
        wrong = wrong.close([1, 2, 3], TERMS) if closes else wrong
        (found,) = held(wrong, account)
        assert (found.level, found.reason, found.subject) == ("trade", "DQUA", "1")
        assert dict(found.fields) == {"quantity": (11, 10), "settlement_amount": (5_500, 5_000)}
