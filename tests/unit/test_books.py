"""A broker's own book: read from its side of the file by its own path, and closed by its own reckoning."""

from __future__ import annotations

import random
from datetime import date

import numpy as np
import pytest

from settlement.agreements.sharing import fixed
from settlement.books import Book, Terms, among, movements
from settlement.fees import Kind, Tier, VenueSchedule
from settlement.intake import parse_trades
from settlement.sample import generate
from settlement.scenario import load
from tests import independent
from tests.invariant.cases import case
from tests.invariant.stage import scenario_of
from tests.ledgers import read_books

DAY = date(2024, 3, 14)
NEPSE_DAY = date(2019, 11, 21)
HEADER = "S.N,Contract_No,Stock_Symbol,Buyer_Broker,Seller_Broker,Quantity,Rate,Amount,Date"
TERMS = Terms(
    "NPR",
    VenueSchedule(Kind.SLAB, (Tier(5_000_000, 6_000), Tier(None, 4_000)), 150),
    fixed({1: 200_000, 2: 50_000}),
)


def test_books_have_what_intake_accepts_each_its_own_side() -> None:
    data = generate(5, trades=300)
    scenario = load("sample")
    trades = parse_trades(data, scenario, source="sample").trades
    books = read_books(data, scenario, DAY, ())
    assert list(books) == list(scenario.brokers)
    for i, broker in enumerate(scenario.brokers):
        own = trades.take((trades.buyer == i) | (trades.seller == i))
        book = books[broker].days[DAY]
        for name in ("number", "time", "buyer", "seller", "quantity", "amount", "line"):
            assert getattr(book, name).tolist() == getattr(own, name).tolist(), name
        codes = [book.securities[k] for k in book.security]
        assert codes == [trades.securities[k] for k in own.security]


def test_refused_rows_are_in_nobodys_book_and_crlf_reads_the_same() -> None:
    rows = [
        HEADER,
        "1,2019112101000001,AKBSL,25,42,10,429,4290.00,x",
        "2,2019112101000001,AKBSL,25,42,11,429,4719.00,a number seen twice",
        "3,2019112101000002,AKBSL,25,99,10,429,4290.00,an unknown broker",
        "4,2019112101000003,AKBSL,42,42,1,0.01,0.01,with itself",
    ]
    scenario = load("nepse-2019")
    for newline in ("\n", "\r\n"):
        data = newline.join([*rows, ""]).encode()
        rejects = {reject.line for reject in parse_trades(data, scenario, source="x").rejects}
        assert rejects == {3, 4}
        books = read_books(data, scenario, NEPSE_DAY, rejects)
        assert books["25"].days[NEPSE_DAY].number.tolist() == [1_000_001]
        assert books["42"].days[NEPSE_DAY].number.tolist() == [1_000_001, 1_000_003]
        assert books["42"].days[NEPSE_DAY].amount.tolist() == [429_000, 1]
        assert sum(len(trades) for book in books.values() for trades in book.days.values()) == 3


def test_movements_are_worked_out_by_hand() -> None:
    rows = [
        HEADER,
        "1,2019112101000001,AAA,25,42,10,5000.00,50000.00,x",
        "2,2019112101000002,AAA,42,25,4,5000.01,20000.04,x",
        "3,2019112101000003,BBB,25,25,7,1000.00,7000.00,x",
    ]
    book = read_books("\n".join(rows).encode(), load("nepse-2019"), NEPSE_DAY, ())["25"]
    numbers = [1_000_001, 1_000_002, 1_000_003]
    # Commission 30,000 + 12,000 (of 2,000,004) + 2 * 4,200 paisa, a quarter of it given away in two shares;
    # levy 750 + 300 + 2 * 105.
    found = movements("25", book.days, {NEPSE_DAY: numbers}, TERMS)
    assert found == {
        "AAA": 6,
        "NPR": -5_000_000 + 2_000_004 - 750 - 300 - 210 - (50_400 // 5 + 50_400 // 20),
    }
    assert movements("25", book.days, {NEPSE_DAY: numbers[1:2]}, TERMS)["AAA"] == -4
    assert movements("25", book.days, {NEPSE_DAY: []}, TERMS) == {}
    assert movements("25", book.days, {DAY: numbers}, TERMS) == {}
    assert movements("42", book.days, {NEPSE_DAY: [7]}, TERMS) == {}


@pytest.mark.parametrize("block", range(4))
def test_books_close_where_the_independent_computation_does(block: int) -> None:
    for seed in range(block * 15, block * 15 + 15):
        day = case(seed)
        scenario = scenario_of(day)
        schedule = VenueSchedule.of(scenario)
        terms = Terms("NPR", schedule, fixed(dict(enumerate(ppm for _, ppm in day.rules.shares))))
        settled = random.Random(seed).sample(day.trades, len(day.trades) // 2)
        moved = independent.settle(day.rules, settled).moved
        for broker, book in read_books(day.csv(), scenario, NEPSE_DAY, ()).items():
            opening = {asset: n for (name, asset), n in day.held.items() if name == broker}
            numbers = [trade.number for trade in settled]
            closed = Book(broker, book.days, opening).close({NEPSE_DAY: numbers}, terms)
            expected = independent.closing(
                {(broker, asset): n for asset, n in opening.items()},
                {place: n for place, n in moved.items() if place[0] == broker},
            )
            assert {(broker, a): n for a, n in closed.closing.items() if n} == expected, f"seed {seed}"


def test_revenue_shares_are_of_the_commission_of_all_days_together() -> None:
    """Each day a commission of 15 paisa: a fifth of 30 is given away, not twice a fifth of 15, and so on."""
    rows = [HEADER, "1,2019112101000001,AAA,25,42,1,25.00,25.00,x"]
    trades = read_books("\n".join(rows).encode(), load("nepse-2019"), NEPSE_DAY, ())["25"].days[NEPSE_DAY]
    days = {NEPSE_DAY: trades, date(2019, 11, 24): trades}
    both = {day: [1_000_001] for day in days}
    # Levy nothing; of 15 and of 30 paisa a fifth and a twentieth.
    assert movements("25", days, {NEPSE_DAY: [1_000_001]}, TERMS) == {"AAA": 1, "NPR": -2_500 - 3 - 0}
    assert movements("25", days, both, TERMS) == {"AAA": 2, "NPR": -5_000 - 6 - 1}
    closed = Book("25", days, {"NPR": 10_000}).close(both, TERMS)
    assert closed.closing == {"AAA": 2, "NPR": 4_993}


def test_among_given_numbers_in_any_order_finds_each() -> None:
    numbers = np.array([5, 1, 2**32 - 1, 7, 1], dtype=np.uint32)
    assert among(numbers, [2**32 - 1, 1, 6]).tolist() == [False, True, True, False, True]
    assert among(numbers, np.array([1, 5, 7], dtype=np.uint32)).tolist() == [True, True, False, True, True]
    assert among(numbers, []).tolist() == [False] * 5
    assert among(numbers[:0], [1]).tolist() == []


def test_book_closes_a_trade_in_parts_as_if_it_were_cut_there() -> None:
    """Every quantity of a trade of 7 units at 1.01: cash, levy and shares are floors of the whole's,
    cumulative.
    """
    rows = [HEADER, "1,2019112101000001,AKBSL,25,42,7,101.01,707.07,x"]
    books = read_books("\n".join([*rows, ""]).encode(), load("nepse-2019"), NEPSE_DAY, ())
    amount, fee, levy = 70_707, 424, 10
    for settled in range(1, 7):
        parts = {NEPSE_DAY: {1_000_001: settled}}
        earned = fee * settled // 7
        shares = sum(earned * ppm // 1_000_000 for ppm in (200_000, 50_000))
        taken = levy * settled // 7 + shares
        for owner, sign in (("25", 1), ("42", -1)):
            found = movements(owner, books[owner].days, {}, TERMS, parts)
            assert found == {"AKBSL": sign * settled, "NPR": -sign * (amount * settled // 7) - taken}
            closed = books[owner].close({}, TERMS, parts, advised=5)
            assert closed.closing == {**found, "NPR": found["NPR"] + 5}
    whole = movements("25", books["25"].days, {NEPSE_DAY: [1_000_001]}, TERMS)
    assert movements("25", books["25"].days, {}, TERMS, {NEPSE_DAY: {1_000_001: 7}}) == whole
