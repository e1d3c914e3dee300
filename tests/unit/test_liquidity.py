"""The plain rule against a naive one written from its text, and cases worked out by hand."""

from __future__ import annotations

import random

import pytest

from ledger.units import PPM
from settlement.liquidity import CASH, Holdings, Instruction, Shortage, choose
from tests import independent
from tests.independent import Rules, Trade

FREE = ()


def instruction(
    number: int, buyer: int, seller: int, quantity: int, amount: int, fee: int = 0, levy: int = 0
) -> Instruction:
    return Instruction(number, buyer, seller, 0, quantity, amount, fee, levy)


def test_choose_given_enough_takes_all() -> None:
    trades = [instruction(1, 1, 2, 5, 100), instruction(2, 2, 1, 5, 100)]
    assert choose(trades, Holdings(FREE, {})) == ([0, 1], {})


def test_choose_given_short_buyer_lets_its_highest_number_wait() -> None:
    trades = [instruction(3, 1, 2, 1, 60), instruction(1, 1, 2, 1, 60), instruction(2, 1, 2, 1, 60)]
    chosen, reasons = choose(trades, Holdings(FREE, {(1, CASH): 150, (2, 0): 3}))
    assert chosen == [1, 2]
    assert reasons == {0: [Shortage(1, CASH, 30)]}


def test_choose_given_short_seller_lets_its_sale_wait_and_the_sale_on() -> None:
    """2 has nothing to sell to 1, who then has nothing to sell to 3."""
    trades = [instruction(1, 1, 2, 5, 10), instruction(2, 3, 1, 5, 10)]
    chosen, reasons = choose(trades, Holdings(FREE, {(1, CASH): 10, (3, CASH): 10}))
    assert chosen == []
    assert reasons == {0: [Shortage(2, 0, 5)], 1: [Shortage(1, 0, 5)]}


def test_choose_brings_back_what_fits_from_the_lowest_number_up() -> None:
    """3 goes, then 2, and with both gone the smaller 3 fits again."""
    trades = [instruction(1, 1, 2, 1, 50), instruction(2, 1, 2, 1, 100), instruction(3, 1, 2, 1, 10)]
    chosen, reasons = choose(trades, Holdings(FREE, {(1, CASH): 60, (2, 0): 3}))
    assert chosen == [0, 2]
    assert reasons == {1: [Shortage(1, CASH, 100)]}


def test_choose_comes_back_again_where_one_return_makes_room_for_another() -> None:
    """Trade 2, back in the first pass, pays broker 1 for trade 1 in the second."""
    trades = [
        instruction(1, 1, 2, 1, 100),
        instruction(2, 3, 1, 1, 100),
        instruction(3, 3, 2, 1, 100),
    ]
    held = {(1, 0): 1, (2, 0): 2, (3, CASH): 100}
    chosen, reasons = choose(trades, Holdings(FREE, held))
    assert chosen == [0, 1]
    assert reasons == {2: [Shortage(3, CASH, 100)]}


def test_choose_counts_levy_and_revenue_shares_of_buyer_seller_and_self_trade() -> None:
    shares = (PPM // 2,)
    # The seller earns 100 and gives 50 + 60 away, of which its price covers 30.
    seller = [instruction(1, 1, 2, 1, 30, fee=100, levy=60)]
    plenty = {(1, CASH): 1_000, (2, 0): 1}
    assert choose(seller, Holdings(shares, plenty | {(2, CASH): 79}))[1] == {0: [Shortage(2, CASH, 1)]}
    assert choose(seller, Holdings(shares, plenty | {(2, CASH): 80}))[1] == {}
    # A trade with oneself takes twice the levy and the shares of both commissions.
    own = [instruction(1, 1, 1, 9, 30, fee=101, levy=60)]
    assert choose(own, Holdings(shares, {(1, CASH): 220}))[1] == {0: [Shortage(1, CASH, 1)]}
    assert choose(own, Holdings(shares, {(1, CASH): 221}))[1] == {}


@pytest.mark.parametrize("block", range(8))
def test_choose_is_the_naive_rule_on_random_days(block: int) -> None:
    for seed in range(block * 100, block * 100 + 100):
        draw = random.Random(seed)
        shares = tuple((str(i), draw.randint(1, 200_000)) for i in range(draw.randint(0, 4)))
        slabs = ((draw.randint(1, 400), draw.randint(0, PPM)), (None, draw.randint(0, 50_000)))
        rules = Rules(slabs, draw.choice((0, 150, draw.randint(0, PPM))), "R", shares, cash="cash")
        trades = [
            Trade(
                n,
                draw.choice("abc"),
                draw.choice("abc"),
                draw.choice("xy"),
                draw.randint(1, 9),
                draw.randint(1, 900),
            )
            for n in draw.sample(range(1, 1000), draw.randint(1, 25))
        ]
        held = {
            place: draw.randint(0, amount) for place, amount in independent.opening(rules, trades).items()
        }
        reasons = independent.plain_rule(rules, held, trades)
        places = {"a": 0, "b": 1, "c": 2, "x": 0, "y": 1, "cash": CASH}
        given = [
            Instruction(
                t.number, places[t.buyer], places[t.seller], places[t.security], t.quantity, t.amount,
                rules.commission(t.amount), rules.levy(t.amount),
            )
            for t in trades
        ]  # fmt: skip
        holdings = Holdings(
            [ppm for _, ppm in shares], {(places[n], places[a]): amount for (n, a), amount in held.items()}
        )
        chosen, waiting = choose(given, holdings)
        assert {trades[i].number for i in waiting} == set(reasons), f"seed {seed}"
        assert sorted([*chosen, *waiting]) == list(range(len(trades))), f"seed {seed}"
        for i, shortages in waiting.items():
            said = {(s.party, s.asset): s.short for s in shortages}
            assert said == {(places[n], places[a]): v for (n, a), v in reasons[trades[i].number].items()}


def test_choose_given_fractions_of_an_earlier_cycle_leaves_nobody_short() -> None:
    """The shares' fractions of an earlier cycle can make a seller pay more than its price brings.

    Broker 2 earned 1 before, of which each party's half is no whole unit yet. This sale brings 1 and a
    commission of 1, so both parties get a unit: 2 has nothing to pay the second with.
    """
    holdings = Holdings((PPM // 2, PPM // 2), {(1, CASH): 10, (2, 0): 1}, {2: 1})
    chosen, waiting = choose([instruction(1, 1, 2, 1, 1, fee=1)], holdings)
    assert chosen == []
    assert waiting == {0: [Shortage(2, CASH, 1)]}
