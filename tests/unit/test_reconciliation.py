"""What is a break, what explains it, what it puts at risk, and who stands alone.

balances ─ opening, movements, closing; what differing trades explain; a side that does not add up
trades   ─ value at risk by kind; names as the file has them
cash     ─ booked entries against what moved: by reference, by amount; deposits; each used once
sides    ─ book, ledger and statement: two that agree leave one that stands alone
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.units import exact
from settlement.reconciliation.at_risk import Stated, balance_break, trade_break
from settlement.reconciliation.entries import Entries
from settlement.reconciliation.model import Break, Kind
from settlement.reconciliation.statements import LedgerMovement, match_movements
from settlement.reconciliation.three_sides import Seen, keys_of, merged
from settlement.reconciliation.trades import Difference
from settlement.sources import CashMovement

DAY = 20191121
RIGHT = Stated(opening=100, movements=-30, closing=70)


def entries(*rows: tuple[int, str, str, str, int, int], naming: str = "{number}") -> Entries:
    number, buyer, seller, security, quantity, amount = list(zip(*rows, strict=True)) or [()] * 6
    parties, codes = ("A", "B", "C"), ("X", "Y")
    count = len(rows)
    same: dict[str, Any] = {name: np.zeros(count, dtype=np.int64) for name in ("settles", "currency", "time")}
    return Entries(
        parties=parties,
        securities=codes,
        currencies=("EUR",),
        number=np.array(number, dtype=np.int64),
        day=np.full(count, DAY),
        buyer=np.array([parties.index(name) for name in buyer]),
        seller=np.array([parties.index(name) for name in seller]),
        security=np.array([codes.index(code) for code in security]),
        quantity=exact(list(quantity)),
        amount=exact(list(amount)),
        price=np.full(count, -1),
        line=np.arange(2, count + 2),
        naming=naming,
        **same,
    )


def balance(here: Stated, there: Stated = RIGHT, **told: Any) -> Break | None:
    return balance_break("A", told.pop("level", "position"), "X", here, there, **told)


@given(st.integers(-(2**90), 2**90), st.integers(-(2**90), 2**90))
def test_balance_given_the_same_on_both_sides_is_no_break(opening: int, moved: int) -> None:
    same = Stated(opening, moved, opening + moved)
    assert balance(same, same, expected=moved) is None
    assert balance(Stated(), same) is None


@pytest.mark.parametrize("off", [1, -1])
@pytest.mark.parametrize("name", ["opening", "movements", "closing"])
@pytest.mark.parametrize("level", ["position", "cash"])
def test_balance_given_one_unit_off_breaks_there(level: str, name: str, off: int) -> None:
    said = {"opening": 100, "movements": -30, "closing": 70}
    found = balance(Stated(**said | {name: said[name] + off}), level=level, price=(7, 2))
    assert found is not None
    assert (found.kind, found.reason) == (Kind(name), "DQUA" if level == "position" else "DMON")
    assert found.fields == {name: {"book": said[name] + off, "ledger": said[name]}}
    # A unit is worth 3.5 by the last trade, and never understated.
    assert found.value_at_risk == (4 if level == "position" else 1)


def test_balance_given_what_differing_trades_account_for_is_no_second_break() -> None:
    assert balance(Stated(100, -29, 71), explained=1) is None
    assert balance(Stated(100, -30, 70), explained=1) is None
    found = balance(Stated(100, -28, 72), explained=1)
    assert found is not None
    assert set(found.fields) == {"movements", "closing"}


def test_balance_given_a_ledger_that_moved_otherwise_than_it_should_breaks() -> None:
    found = balance(Stated(), expected=-29)
    assert found is not None
    assert (found.kind, found.fields) == (Kind.MOVEMENTS, {"movements": {"book": -29, "ledger": -30}})
    found = balance(Stated(100, None, 71), Stated(100, -30, 71))
    assert found is not None
    assert found.kind is Kind.CLOSING


def test_balance_given_a_side_that_does_not_add_up_where_trades_explain_the_rest_breaks() -> None:
    assert balance(Stated(100, -29, 70), explained=1) is None
    found = balance(Stated(100, -30, 71), explained=1)
    assert found is not None
    assert (found.kind, found.value_at_risk) == (Kind.ARITHMETIC, 1)


@pytest.mark.parametrize(("asset", "kind"), [("levy", Kind.FEE), ("share A → B", Kind.SHARE)])
def test_balance_given_revenue_is_a_fee_or_a_share(asset: str, kind: Kind) -> None:
    found = balance_break("A", "revenue", asset, Stated(0, 5, 5), Stated(0, 6, 6))
    assert found is not None
    assert (found.kind, found.reason, found.value_at_risk) == (kind, "DMON", 1)


ONE = (7, "A", "B", "X", 30, 1_000)


def risk(kind: Kind, fields: dict[str, tuple[object, object]], mine: Any = ONE, theirs: Any = ONE) -> int:
    sides = tuple((0,) if row else () for row in (mine, theirs))
    rows = [entries(*([row] if row else [])) for row in (mine, theirs)]
    found = Difference(kind, sides[0], sides[1], fields)
    return trade_break(found, *rows, institution="A", side="book", exponent=2).value_at_risk


@pytest.mark.parametrize(
    ("kind", "fields", "at_risk"),
    [
        (Kind.QUANTITY, {"quantity": (31, 30)}, 34),
        (Kind.QUANTITY, {"quantity": (31, 30), "settlement_amount": (1_100, 1_000)}, 100),
        (Kind.AMOUNT, {"settlement_amount": (999, 1_000)}, 1),
        (Kind.FEE, {"commission": (5, 7), "levy": (1, 2)}, 2),
        (Kind.PRICE, {"price": (333_334, 333_333)}, 1),
        (Kind.WRONG_SIDE, {"buyer": ("B", "A"), "seller": ("A", "B")}, 2_000),
        (Kind.SECURITY, {"security": ("Y", "X")}, 1_000),
        (Kind.COUNTERPARTY, {"seller": ("C", "B"), "quantity": (31, 30)}, 1_000),
        (Kind.DATE, {"trading_day": (20191122, 20191121)}, 1_000),
        (Kind.TIME, {"time": (1, 2)}, 0),
    ],
)
def test_trade_given_a_kind_puts_at_risk(
    kind: Kind, fields: dict[str, tuple[object, object]], at_risk: int
) -> None:
    assert risk(kind, fields) == at_risk


def test_trade_given_one_side_only_puts_its_whole_amount_at_risk() -> None:
    assert risk(Kind.MISSING_HERE, {"quantity": (None, 30)}, mine=None) == 1_000
    assert risk(Kind.MISSING_THERE, {"quantity": (30, None)}, theirs=None) == 1_000


def test_trade_given_the_file_names_it_otherwise_is_named_as_there() -> None:
    mine, theirs = (entries(ONE, naming=naming) for naming in ("{day}{number:08d}", "{number}"))
    for sides in (((0,), (0,)), ((), (0,))):
        kind = Kind.QUANTITY if sides[0] else Kind.MISSING_HERE
        found = Difference(kind, *sides, {"quantity": (31 if sides[0] else None, 30)})
        each = trade_break(found, mine, theirs, institution="A", side="book", exponent=2)
        assert (each.subject, each.numbers, each.trading_day) == (
            "2019112100000007",
            (7,),
            date(2019, 11, 21),
        )


def booked(*amounts: int, reference: str = "", day: int = DAY) -> list[CashMovement]:
    return [CashMovement("A", "EUR", amount, reference, day, line) for line, amount in enumerate(amounts, 1)]


def moved(*amounts: int, issued: bool = False, day: int = DAY, reference: str = "ab") -> list[LedgerMovement]:
    return [LedgerMovement(amount, (reference,), day, issued) for amount in amounts]


def matched(here: list[CashMovement], there: list[LedgerMovement]) -> tuple[list[tuple[Kind, Any]], int, int]:
    found = match_movements(here, there, "A", "bank")
    shown = [(each.kind, each.fields["movement"]) for each in found.breaks]
    return shown, found.explained, found.deposits


def test_cash_given_the_same_entries_in_any_order_is_no_break() -> None:
    assert matched(booked(5, -7, 5), moved(-7, 5, 5)) == ([], 0, 0)


def test_cash_given_an_entry_a_unit_off_is_one_break_that_explains_itself() -> None:
    both = {"bank": 6, "ledger": 5}
    assert matched(booked(6, -7), moved(5, -7)) == ([(Kind.AMOUNT, both)], 1, 0)
    assert matched(booked(6, reference="0xAB"), moved(5) + moved(6, reference="cd", issued=True))[0] == [
        (Kind.AMOUNT, both)
    ]


def test_cash_given_an_entry_that_one_side_lacks_breaks_once() -> None:
    only_here, only_there = {"bank": 9, "ledger": None}, {"bank": None, "ledger": 5}
    assert matched(booked(9, -7), moved(-7)) == ([(Kind.MISSING_THERE, only_here)], 9, 0)
    assert matched(booked(-7), moved(5, -7)) == ([(Kind.MISSING_HERE, only_there)], -5, 0)
    # Of two days nobody can say that they are one entry.
    kinds = [kind for kind, _ in matched(booked(9, day=DAY + 1), moved(5))[0]]
    assert sorted(kinds) == [Kind.MISSING_HERE, Kind.MISSING_THERE]


def test_cash_given_several_entries_of_one_reference_is_their_sum() -> None:
    whole = "ab" * 32
    there = moved(-7, reference=whole) + moved(100, reference="cd" * 32)
    parts = booked(-9, 2, reference=whole[:35]) + booked(100)
    assert matched(parts, there) == ([], 0, 0)
    off = booked(-9, 3, reference=whole[:35]) + booked(101, reference="cd" * 16)
    both = [(Kind.AMOUNT, {"bank": here, "ledger": amount}) for here, amount in ((-6, -7), (101, 100))]
    assert matched(off, there) == (both, 2, 0)
    twice = booked(-7, -7, reference=whole) + booked(100)
    assert matched(twice, there) == ([(Kind.MISSING_THERE, {"bank": -7, "ledger": None})], -7, 0)
    # Of each of two days one entry is off.
    days = [replace(each, day=DAY + i) for i, each in enumerate(moved(5, 6))]
    assert [kind for kind, _ in matched(booked(4) + booked(7, day=DAY + 1), days)[0]] == [Kind.AMOUNT] * 2


def test_cash_given_many_entries_takes_no_time() -> None:
    amounts = [i * 7919 % 100_003 - 50_000 for i in range(20_000)]
    here = booked(*reversed(amounts)) + booked(10**9)
    started = time.process_time()
    assert len(matched(here, moved(*amounts, 10**9 + 1))[0]) == 1
    assert time.process_time() - started < 2


def test_cash_given_a_deposit_booked_or_opened_with_is_no_break() -> None:
    there = moved(-7) + moved(100, issued=True, reference="cd")
    assert matched(booked(-7), there) == ([], 0, 0)
    assert matched(booked(100, -7), there) == ([], 0, 100)


def two_sided(side: str, kind: Kind, values: dict[str, tuple[object, object]]) -> Break:
    return Break(
        institution="A",
        level="trade",
        kind=kind,
        subject="7",
        fields={name: {side: here, "ledger": there} for name, (here, there) in values.items()},
        value_at_risk=5,
        trading_day=date(2019, 11, 21),
        numbers=(7,),
        sides=(side, "ledger"),  # type: ignore[arg-type]
    )


def seen(*sides: str) -> Seen:
    found = Seen()
    for side in sides:
        found.trades("A", side, keys_of(entries(ONE)))  # type: ignore[arg-type]
    return found


def test_sides_given_only_the_book_differs_it_stands_alone() -> None:
    book = two_sided("book", Kind.QUANTITY, {"quantity": (31, 30)})
    (found,) = merged([book], seen("book", "custodian"))
    assert found.odd == "book"
    assert found.fields == {"quantity": {"book": 31, "ledger": 30, "custodian": 30}}
    (alone,) = merged([book], seen("book"))
    assert (alone.odd, alone.fields) == (None, book.fields)


def test_sides_given_book_and_statement_agree_the_ledger_stands_alone() -> None:
    both = [two_sided(side, Kind.QUANTITY, {"quantity": (31, 30)}) for side in ("book", "custodian")]
    (found,) = merged(both, seen("book", "custodian"))
    assert found.odd == "ledger"
    assert found.fields == {"quantity": {"book": 31, "ledger": 30, "custodian": 31}}


def test_sides_given_all_three_differ_there_are_two_breaks_with_all_values() -> None:
    values = {"book": 31, "custodian": 29}
    both = [two_sided(side, Kind.QUANTITY, {"quantity": (n, 30)}) for side, n in values.items()]
    found = merged(both, seen("book", "custodian"))
    assert [each.odd for each in found] == [None, None]
    assert all(each.fields == {"quantity": {"ledger": 30, **values}} for each in found)
