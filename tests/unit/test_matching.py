"""One side's entries against the ledger's: each kind of difference alone and several, as known answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from settlement.reconciliation.entries import NO_NUMBER as N
from settlement.reconciliation.entries import Entries
from settlement.reconciliation.model import NAMED
from settlement.reconciliation.trades import Matched, compare
from settlement.sources import EXACT, Tolerances
from tests.unit.matching_rows import DAY, Trade, entries, used

Said = list[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, tuple[object, object]]]]
LEDGER = [
    Trade(1, settles=DAY, time=600),
    Trade(2, 60, 3_000, settles=DAY, time=700),
    Trade(3, 40, 2_200, "C", "A", "Y", settles=DAY, time=600),
    Trade(4, 7, 70, "A", "A", settles=DAY, time=60),
]
FIRST, SECOND, THIRD, ITSELF = LEDGER
REST = LEDGER[1:]


def bare(*rows: Trade) -> list[Trade]:
    return [row._replace(number=N) for row in rows]


def held(mine: list[Trade], theirs: list[Trade], may: Tolerances = EXACT) -> Matched:
    matched = compare(entries(mine), entries(theirs), owner="A", tolerances=may)
    used(matched, mine, theirs)
    return matched


def said(matched: Matched) -> Said:
    """The differences; of rows without a counterpart only that they are."""
    return [
        (str(each.kind), each.mine, each.theirs, {} if not (each.mine and each.theirs) else {**each.fields})
        for each in matched.differences
    ]


def both(quantity: tuple[int, int], amount: tuple[int, int]) -> dict[str, tuple[object, object]]:
    return {"quantity": quantity, "settlement_amount": amount}


@pytest.mark.parametrize(
    ("kind", "mine", "fields"),
    [
        ("security", {"security": "Z"}, {"security": ("Z", "X")}),
        ("wrong_side", {"buyer": "B", "seller": "A"}, {"buyer": ("B", "A"), "seller": ("A", "B")}),
        ("wrong_side", {"quantity": -100}, {"quantity": (-100, 100)}),
        ("wrong_side", {"buyer": "D", "seller": "A"}, {"buyer": ("D", "A"), "seller": ("A", "B")}),
        ("counterparty", {"seller": "nobody"}, {"seller": ("nobody", "B")}),
        ("counterparty", {"seller": None}, {"seller": (None, "B")}),
        ("quantity", {"quantity": 101}, {"quantity": (101, 100)}),
        ("quantity", {"quantity": 2**64 + 100}, {"quantity": (2**64 + 100, 100)}),
        ("amount", {"amount": 4_999}, {"settlement_amount": (4_999, 5_000)}),
        ("amount", {"amount": 2**87}, {"settlement_amount": (2**87, 5_000)}),
        ("quantity", {"quantity": 200, "amount": 10_000}, both((200, 100), (10_000, 5_000))),
        ("late", {"settles": DAY + 1}, {"settlement_date": (DAY + 1, DAY)}),
        ("date", {"settles": DAY - 1}, {"settlement_date": (DAY - 1, DAY)}),
        ("date", {"day": DAY + 1}, {"trading_day": (DAY + 1, DAY)}),
        ("time", {"time": 601}, {"time": (601, 600)}),
        (
            "security",
            {"security": "Z", "amount": 1},
            {"security": ("Z", "X"), "settlement_amount": (1, 5_000)},
        ),
    ],
)
@pytest.mark.parametrize("numbered", [True, False])
def test_compare_given_a_field_that_differs(
    kind: str, mine: dict[str, Any], fields: dict[str, object], numbered: bool
) -> None:
    """By number and by attributes the same: what one row says otherwise is one difference, and all of it."""
    rows = [FIRST._replace(**mine), *REST] if numbered else bare(FIRST._replace(**mine), *REST)
    if not numbered and mine.get("quantity") == 2**64 + 100:
        rows = [row._replace(time=row.time) for row in rows]
    found = held(rows, LEDGER)
    assert said(found) == [(kind, (0,), (0,), fields)]
    assert list(found.differences[0].fields) == [name for name in NAMED if name in fields]
    assert found.held.tolist() == [0, 1, 2, 3]
    assert found.compared == 4


@pytest.mark.parametrize(
    ("mine", "expected"),
    [
        (LEDGER, []),
        (REST, [("missing_here", (), (0,), {})]),
        ([*LEDGER, Trade(9)], [("missing_there", (4,), (), {})]),
        ([*LEDGER, FIRST], [("duplicate", (4,), (), {})]),
        ([*LEDGER, FIRST._replace(quantity=1)], [("duplicate", (4,), (), {})]),
        ([*LEDGER, ITSELF], []),
        ([*LEDGER, ITSELF, ITSELF], [("duplicate", (5,), (), {})]),
        # Twice the same mistake is one mistake and a duplicate; no parts are all the same and too much.
        (
            [FIRST._replace(quantity=90, amount=9)] * 2 + REST,
            [("quantity", (0,), (0,), both((90, 100), (9, 5_000))), ("duplicate", (1,), (), {})],
        ),
        # A mistyped number that another trade has.
        ([FIRST._replace(number=2), *REST], [("number", (0,), (0,), {"trade_number": (2, 1)})]),
        # The nearest is held against the ledger's.
        (
            [FIRST._replace(quantity=900), FIRST._replace(amount=5_001), *REST],
            [("amount", (1,), (0,), {"settlement_amount": (5_001, 5_000)}), ("duplicate", (0,), (), {})],
        ),
        # Parts under one number that come to the trade; one of them twice; and that do not.
        ([FIRST._replace(quantity=60, amount=3_000), FIRST._replace(quantity=40, amount=2_000), *REST], []),
        (
            [FIRST._replace(quantity=60, amount=3_000)]
            + [FIRST._replace(quantity=40, amount=2_000)] * 2
            + REST,
            [("duplicate", (2,), (), {})],
        ),
        (
            [FIRST._replace(quantity=50, amount=2_500), FIRST._replace(quantity=51, amount=2_500), *REST],
            [("split", (0, 1), (0,), both((101, 100), (5_000, 5_000)))],
        ),
        # Parts of which it is not clear which come to the trade.
        (
            [FIRST._replace(quantity=q, amount=50 * q) for q in (60, 40, 70, 30)] + REST,
            [("split", (3, 1, 0, 2), (0,), both((200, 100), (10_000, 5_000)))],
        ),
        # Parts under numbers of their own.
        (
            [Trade(1, 60, 3_000), Trade(50, 30, 1_500), Trade(51, 10, 500), *REST],
            [("split", (0, 1, 2), (0,), both((100, 100), (5_000, 5_000)))],
        ),
        (
            [Trade(52, 60, 3_000), Trade(51, 40, 2_000), *REST],
            [("split", (1, 0), (0,), both((100, 100), (5_000, 5_000)))],
        ),
        (
            [Trade(1, 160, 8_000), THIRD, ITSELF],
            [("merged", (0,), (0, 1), both((160, 160), (8_000, 8_000)))],
        ),
        (
            [Trade(77, 160, 8_000), THIRD, ITSELF],
            [("merged", (0,), (0, 1), both((160, 160), (8_000, 8_000)))],
        ),
        ([FIRST._replace(number=77), *REST], [("number", (0,), (0,), {"trade_number": (77, 1)})]),
        # Other people's trades are left alone, unless they are the owner's.
        (
            [FIRST._replace(buyer="Z"), *REST],
            [("counterparty", (0,), (0,), {"buyer": ("Z", "A")})],
        ),
        # Several at once.
        (
            [SECOND._replace(quantity=61), THIRD, THIRD, ITSELF, Trade(8, 1, 1)],
            [
                ("missing_here", (), (0,), {}),
                ("quantity", (0,), (1,), {"quantity": (61, 60)}),
                ("duplicate", (2,), (), {}),
                ("missing_there", (4,), (), {}),
            ],
        ),
        # Without numbers.
        (bare(*LEDGER), []),
        (bare(*REST), [("missing_here", (), (0,), {})]),
        (bare(*LEDGER, FIRST), [("duplicate", (4,), (), {})]),
        (bare(*LEDGER, ITSELF), []),
        (bare(*LEDGER, Trade(9, 3, 4, "D", "A", "Q")), [("missing_there", (4,), (), {})]),
        (bare(Trade(1, 160, 8_000), THIRD, ITSELF), []),
        (bare(Trade(1, 60, 3_000), Trade(1, 20, 1_000), Trade(1, 20, 1_000), *REST), []),
        # Some with, some without.
        ([*bare(FIRST), *REST], []),
        ([*bare(FIRST._replace(time=601)), *REST], [("time", (0,), (0,), {"time": (601, 600)})]),
    ],
)
def test_compare_given_a_book(mine: list[Trade], expected: Said) -> None:
    order = {"missing_there": 1, "duplicate": 1}
    found = said(held(mine, LEDGER))
    key = lambda each: (order.get(each[0], 0), each)  # noqa: E731
    assert sorted(found, key=key) == sorted(expected, key=key)


TWINS = [Trade(1), Trade(2)]
UNHELD = ("ambiguous", "duplicate", "missing_there")


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        # As many that are alike agree as a set; fewer cannot say which they are.
        (bare(*TWINS), TWINS, []),
        (bare(TWINS[0]), TWINS, [("ambiguous", (0,), (0, 1))]),
        (bare(TWINS[0], Trade(N, amount=5_001)), TWINS, [("ambiguous", (0, 1), (0, 1))]),
        # What says more goes first.
        (
            bare(Trade(N), Trade(N), Trade(N, time=60)),
            [Trade(1, time=60), Trade(2, time=65)],
            [("duplicate", (1,), ())],
        ),
        # One that is twice the others is no sum of two that have their partners.
        (
            bare(*[Trade(N, 10, 100)] * 3, Trade(N, 20, 200)),
            [Trade(n, 10, 100) for n in (1, 2, 3, 4)],
            [("ambiguous", (0, 1, 2, 3), (0, 1, 2, 3))],
        ),
        # Of rows that are alike any will do.
        (bare(TWINS[0], TWINS[0]), TWINS[:1], [("duplicate", (1,), ())]),
        (bare(Trade(N, 99), Trade(N, 99)), TWINS[:1], [("quantity", (0,), (0,)), ("duplicate", (1,), ())]),
        # Two that are equally far, by attributes and by number.
        (
            bare(Trade(N, 100)),
            [Trade(1, 100, 4_999), Trade(2, 100, 5_001)],
            [("amount", (0,), (1,)), ("missing_here", (), (0,))],
        ),
        (bare(Trade(N, time=10)), [Trade(1, time=9), Trade(2, time=11)], [("ambiguous", (0,), (0, 1))]),
        ([Trade(98)], TWINS, [("ambiguous", (0,), (0, 1))]),
        ([Trade(98), Trade(99)], TWINS, [("ambiguous", (0, 1), (0, 1))]),
        # One trade more than the number says: which?
        (
            [Trade(9, 160, 8_000)],
            [Trade(9), Trade(2, 60, 3_000), Trade(3, 60, 3_000)],
            [("ambiguous", (0,), (1, 2, 0))],
        ),
        (
            bare(Trade(N, 100, 5_000)),
            [Trade(1, 60, 3_000), Trade(2, 40, 2_000), Trade(3, 30, 1_500), Trade(4, 70, 3_500)],
            [("ambiguous", (0,), (0, 1, 2, 3))],
        ),
        # The best overall, not the first that fits: the first row could go with either trade.
        (
            bare(Trade(N, 102), Trade(N, 101)),
            [Trade(1, 101, 5_001), Trade(2, 103, 5_000)],
            [("quantity", (0,), (1,)), ("amount", (1,), (0,))],
        ),
        # Two targets that one entry would explain, of which one has another explanation.
        (
            [Trade(1, 160, 8_000), Trade(2, 260, 13_000)],
            [Trade(1), Trade(2, 200, 10_000), Trade(3, 60, 3_000), Trade(4, 20, 1_000), Trade(5, 40, 2_000)],
            [("ambiguous", (0, 1), (0, 1, 2, 3, 4))],
        ),
        (
            [Trade(1, 160, 8_000), Trade(2, 230, 11_500)],
            [Trade(1), Trade(2, 200, 10_000), Trade(3, 30, 1_500), Trade(4, 30, 1_500), Trade(5, 60, 3_000)],
            [("merged", (0,), (0, 4)), ("ambiguous", (1,), (1, 2, 3))],
        ),
    ],
)
def test_compare_given_several_that_fit(mine: list[Trade], theirs: list[Trade], expected: Any) -> None:
    matched = held(mine, theirs)
    assert sorted((str(each.kind), each.mine, each.theirs) for each in matched.differences) == sorted(
        expected
    )
    for each in matched.differences:
        assert each.candidates == (each.theirs if each.kind == "ambiguous" else ())
        assert all((matched.held[row] < 0) == (each.kind in UNHELD) for row in each.mine)


def test_compare_given_tolerances_holds_to_their_edge_and_picks_the_best_within() -> None:
    may = Tolerances(quantity=1, amount=2, price=3, time=4, commission=5, levy=6)
    ledger = Trade(1, time=100, price=50, commission=10, levy=20, currency="NPR", settles=DAY)
    within = ledger._replace(quantity=101, amount=4_998, price=47, time=104, commission=15, levy=14)
    for row in (ledger, within):
        assert said(held([row], [ledger], may)) == []
        assert said(held(bare(row), [ledger], may)) == []
    for name, value in {
        "quantity": 102,
        "amount": 4_997,
        "price": 46,
        "time": 105,
        "commission": 16,
        "levy": 13,
    }.items():
        beyond = said(held([within._replace(**{name: value})], [ledger], may))
        field = "settlement_amount" if name == "amount" else name
        assert beyond[0][3] == {field: (value, getattr(ledger, name))}
    # Each row is within one of the next trade, though the second agrees with the first exactly.
    rows, trades = bare(Trade(N, 100), Trade(N, 101)), [Trade(1, 101), Trade(2, 102)]
    assert said(held(rows, trades, may)) == []
    assert len(held(rows, trades).differences) == 1


def test_compare_given_what_a_side_does_not_say_holds_nothing_against_it() -> None:
    ledger = Trade(1, settles=DAY, time=60, price=7, currency="NPR", commission=1, levy=2)
    silent = ledger._replace(settles=0, time=0xFFFFFF, price=-1, currency=None, commission=None, levy=None)
    for mine, theirs in ((silent, ledger), (ledger, silent)):
        for row in (mine, mine._replace(number=N)):
            assert said(held([row], [theirs])) == []
    odd = ledger._replace(currency="USD", price=8, commission=3, levy=3)
    assert said(held([odd], [ledger])) == [
        (
            "currency",
            (0,),
            (0,),
            {"currency": ("USD", "NPR"), "price": (8, 7), "commission": (3, 1), "levy": (3, 2)},
        )
    ]


def test_compare_given_a_statement_that_never_names_the_other_party() -> None:
    """It is not held against it; a self-trade comes from both sides."""
    rows = [row._replace(seller=None) if row.buyer == "A" else row._replace(buyer=None) for row in LEDGER]
    rows.append(ITSELF._replace(buyer=None))
    assert said(held(rows, LEDGER)) == []
    assert said(held(bare(*rows[:3]), LEDGER[:3])) == []
    assert said(held([rows[0]._replace(buyer=None, seller="A"), *rows[1:]], LEDGER))[0][0] in (
        "wrong_side",
        "counterparty",
    )


def test_compare_given_a_self_trade_twice_is_a_duplicate_where_an_entry_has_both_sides() -> None:
    twice = [*LEDGER, ITSELF]
    assert said(held(twice, LEDGER)) == []
    for rows, there in ((twice, LEDGER), (bare(*twice), LEDGER)):
        mine = replace(entries(rows), whole=True)
        kinds = [str(each.kind) for each in compare(mine, entries(there), owner="A").differences]
        assert kinds == ["duplicate"]


def test_compare_given_the_whole_market_leaves_others_alone() -> None:
    others = [Trade(n, buyer="C", seller="B") for n in (50, N, N)]
    matched = compare(entries([*others, *LEDGER]), entries(LEDGER), owner="A")
    assert matched.differences == []
    assert matched.held.tolist() == [-1, -1, -1, 0, 1, 2, 3]
    assert matched.compared == 4


def test_compare_given_nothing_on_a_side() -> None:
    nothing = Entries.nothing()
    assert compare(nothing, nothing, owner="A").differences == []
    for mine, theirs, kind in (
        (nothing, entries(LEDGER), "missing_here"),
        (entries(LEDGER), nothing, "missing_there"),
    ):
        found = compare(mine, theirs, owner="A")
        assert [str(each.kind) for each in found.differences] == [kind] * 4
        assert found.compared == 4
    values = found.differences[0].fields
    assert values["quantity"] == (100, None)
    assert values["time"] == (600, None)


def test_compare_given_a_number_on_two_days_holds_each_against_its_own() -> None:
    trades = [Trade(5, 10, 10), Trade(5, 20, 20, day=DAY + 1), Trade(2**40, 3, 3)]
    assert said(held(trades[::-1], trades)) == []
    assert said(held([trades[0], trades[2]], trades)) == [("missing_here", (), (1,), {})]
    # A number too large for half a word is not the next day's.
    large = [Trade(2**32 + 5, 10, 10, day=DAY), Trade(5, 20, 20, day=DAY + 1)]
    assert said(held(large, large)) == []
    assert said(held(large[:1], large)) == [("missing_here", (), (1,), {})]
    assert [each[0] for each in said(held(large[:1], large[1:]))] == ["missing_there", "missing_here"]
    assert said(held(trades[:1], trades[:1] * 2)) == [("missing_here", (), (1,), {})]
    again = trades[0]._replace(quantity=11)
    assert said(held([again], [trades[0], again])) == [("missing_here", (), (0,), {})]
    moved = trades[0]._replace(day=DAY + 3)
    assert said(held([moved, *trades[1:]], trades)) == [("date", (0,), (0,), {"trading_day": (DAY + 3, DAY)})]
