"""The plain rule against a naive one written from its text, and cases worked out by hand.

choose ─ all where nobody is short, whatever the size of amounts
       ─ else the rule: who waits, who comes back, in which order, and for what reason
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from ledger.units import MAX_AMOUNT, MAX_QUANTITY, PPM, exact
from settlement.liquidity import CASH, Holdings, Instructions, Shortage
from settlement.liquidity import choose_by_rule as choose_columns
from tests import independent
from tests.independent import Rules, Trade
from tests.sharings import alike, giving, random_sharing

Row = tuple[int, int, int, int, int, int, int, int, int]
"""Day, number, buyer, seller, security, quantity, amount, fee, levy."""


def columns(rows: Sequence[Row]) -> Instructions:
    kinds = (np.int64, np.uint32, np.uint16, np.uint16, np.uint16, np.uint64)
    found = list(zip(*rows, strict=True)) or [()] * 9
    narrow = [np.array(column, dtype=kind) for column, kind in zip(found, kinds, strict=False)]
    return Instructions(*narrow, *(exact(list(column)) for column in found[6:]))


def choose(rows: Sequence[Row], holdings: Holdings) -> tuple[list[int], dict[int, list[Shortage]]]:
    chosen, reasons = choose_columns(columns(rows), holdings)
    assert list(reasons) == np.flatnonzero(~chosen).tolist()
    return np.flatnonzero(chosen).tolist(), reasons


def instruction(
    number: int,
    buyer: int,
    seller: int,
    quantity: int,
    amount: int,
    fee: int = 0,
    levy: int = 0,
    day: int = 0,
) -> Row:
    return (day, number, buyer, seller, 0, quantity, amount, fee, levy)


def test_choose_given_enough_takes_all() -> None:
    trades = [instruction(1, 1, 2, 5, 100), instruction(2, 2, 1, 5, 100)]
    assert choose(trades, Holdings({})) == ([0, 1], {})


def test_choose_given_short_buyer_lets_its_highest_number_wait() -> None:
    trades = [instruction(3, 1, 2, 1, 60), instruction(1, 1, 2, 1, 60), instruction(2, 1, 2, 1, 60)]
    chosen, reasons = choose(trades, Holdings({(1, CASH): 150, (2, 0): 3}))
    assert chosen == [1, 2]
    assert reasons == {0: [Shortage(1, CASH, 30)]}


def test_choose_given_short_seller_lets_its_sale_wait_and_the_sale_on() -> None:
    """2 has nothing to sell to 1, who then has nothing to sell to 3."""
    trades = [instruction(1, 1, 2, 5, 10), instruction(2, 3, 1, 5, 10)]
    chosen, reasons = choose(trades, Holdings({(1, CASH): 10, (3, CASH): 10}))
    assert chosen == []
    assert reasons == {0: [Shortage(2, 0, 5)], 1: [Shortage(1, 0, 5)]}


def test_choose_brings_back_what_fits_from_the_lowest_number_up() -> None:
    """3 goes, then 2, and with both gone the smaller 3 fits again."""
    trades = [instruction(1, 1, 2, 1, 50), instruction(2, 1, 2, 1, 100), instruction(3, 1, 2, 1, 10)]
    chosen, reasons = choose(trades, Holdings({(1, CASH): 60, (2, 0): 3}))
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
    chosen, reasons = choose(trades, Holdings(held))
    assert chosen == [0, 1]
    assert reasons == {2: [Shortage(3, CASH, 100)]}


def test_choose_given_a_seller_that_pays_brings_its_sale_back_with_what_a_later_one_brings() -> None:
    """2 pays 50 to sell for 10 at a levy of 60, which it has once its third sale, to 3, brings it 55. That
    waits at first for what the second sale takes, which cannot settle: 5 has no money.
    """
    x, y = 0, 1
    trades = [
        (0, 1, 1, 2, x, 1, 10, 0, 60),
        (0, 2, 5, 2, y, 1, 10, 0, 0),
        (0, 3, 3, 2, y, 1, 200, 0, 145),
    ]
    held = {(1, CASH): 70, (3, CASH): 345, (2, x): 1, (2, y): 1}
    chosen, reasons = choose(trades, Holdings(held))
    assert chosen == [0, 2]
    assert reasons == {1: [Shortage(5, CASH, 10), Shortage(2, y, 1)]}


def test_choose_counts_levy_and_revenue_shares_of_buyer_seller_and_self_trade() -> None:
    shares = alike((PPM // 2,), {1: 0, 2: 0})
    # The seller earns 100 and gives 50 + 60 away, of which its price covers 30.
    seller = [instruction(1, 1, 2, 1, 30, fee=100, levy=60)]
    plenty = {(1, CASH): 1_000, (2, 0): 1}
    assert choose(seller, Holdings(plenty | {(2, CASH): 79}, shares))[1] == {0: [Shortage(2, CASH, 1)]}
    assert choose(seller, Holdings(plenty | {(2, CASH): 80}, shares))[1] == {}
    # A trade with oneself takes twice the levy and the shares of both commissions.
    own = [instruction(1, 1, 1, 9, 30, fee=101, levy=60)]
    assert choose(own, Holdings({(1, CASH): 220}, shares))[1] == {0: [Shortage(1, CASH, 1)]}
    assert choose(own, Holdings({(1, CASH): 221}, shares))[1] == {}


@pytest.mark.parametrize("block", range(8))
def test_choose_is_the_naive_rule_on_random_days(block: int) -> None:
    for seed in range(block * 100, block * 100 + 100):
        draw = random.Random(seed)
        shares = tuple((str(i), draw.randint(1, 200_000)) for i in range(draw.randint(0, 4)))
        tiers = ((draw.randint(1, 400), draw.randint(0, PPM)), (None, draw.randint(0, 50_000)))
        rules = Rules(tiers, draw.choice((0, 150, draw.randint(0, PPM))), "R", shares, cash="cash")
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
        rows = [
            (0, t.number, places[t.buyer], places[t.seller], places[t.security], t.quantity, t.amount,
             rules.commission(t.amount), rules.levy(t.amount))
            for t in trades
        ]  # fmt: skip
        holdings = Holdings(
            {(places[n], places[a]): amount for (n, a), amount in held.items()},
            alike([ppm for _, ppm in shares], dict.fromkeys(range(3), 0)),
        )
        chosen, waiting = choose(rows, holdings)
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
    holdings = Holdings({(1, CASH): 10, (2, 0): 1}, alike((PPM // 2, PPM // 2), {1: 0, 2: 1}))
    chosen, waiting = choose([instruction(1, 1, 2, 1, 1, fee=1)], holdings)
    assert chosen == []
    assert waiting == {0: [Shortage(2, CASH, 1)]}


def test_choose_given_no_trades_chooses_none() -> None:
    assert choose([], Holdings({})) == ([], {})


def test_choose_given_several_days_lets_the_later_day_wait_whatever_its_numbers() -> None:
    """Of three purchases two can be paid: those of the earlier day, though its numbers are higher."""
    trades = [
        instruction(1, 1, 2, 1, 60, day=20240315),
        instruction(9, 1, 2, 1, 60, day=20240314),
        instruction(8, 1, 2, 1, 60, day=20240314),
    ]
    chosen, reasons = choose(trades, Holdings({(1, CASH): 120, (2, 0): 3}))
    assert chosen == [1, 2]
    assert reasons == {0: [Shortage(1, CASH, 60)]}


@pytest.mark.parametrize("short", [0, 1])
def test_choose_given_the_largest_quantities_and_amounts_is_exact(short: int) -> None:
    """Sums beyond 64 bits, of units and of money, and a shortage of one unit of either."""
    trades = [instruction(n, 1, 2, MAX_QUANTITY, MAX_AMOUNT) for n in (1, 2, 3)]
    everything = {(1, CASH): 3 * MAX_AMOUNT, (2, 0): 3 * MAX_QUANTITY}
    for place in everything:
        chosen, reasons = choose(trades, Holdings(everything | {place: everything[place] - short}))
        assert chosen == ([0, 1] if short else [0, 1, 2])
        assert reasons == ({2: [Shortage(*place, 1)]} if short else {})


@pytest.mark.parametrize("quantity", [2**31, 2**62, 2**63 - 1, 2**63])
def test_choose_given_sums_at_the_edge_of_64_bits_is_exact(quantity: int) -> None:
    trades = [instruction(n, 1, 2, quantity, quantity) for n in range(1, 6)]
    enough = {(1, CASH): 5 * quantity, (2, 0): 5 * quantity}
    assert choose(trades, Holdings(enough)) == ([0, 1, 2, 3, 4], {})
    for place in enough:
        chosen, reasons = choose(trades, Holdings(enough | {place: 5 * quantity - 1}))
        assert (chosen, reasons) == ([0, 1, 2, 3], {4: [Shortage(*place, 1)]})


def test_choose_given_a_holding_as_large_as_64_bits_take_adds_to_it_exactly() -> None:
    """1 buys more of what it has 2^63 - 1 of, and sells some; a trade waits, so that all are looked at."""
    trades = [instruction(1, 1, 2, 99, 10), instruction(2, 3, 1, 5, 10), instruction(3, 4, 1, 5, 10)]
    holdings = Holdings({(1, 0): 2**63 - 1, (2, 0): 99, (1, CASH): 10, (3, CASH): 10})
    assert choose(trades, holdings) == ([0, 1], {2: [Shortage(4, CASH, 10)]})


def by_hand(trades: Sequence[Row], holdings: Holdings, owed: Callable[[int, int], int]) -> list[int]:
    """The numbers that wait, by the text of the rule and nothing else, each time from the beginning. `owed`
    is what a party gives away of so much commission.
    """

    def balances(kept: Sequence[Row]) -> dict[tuple[int, int], int]:
        left = dict(holdings.held)
        fees: dict[int, int] = {}
        for _, _, buyer, seller, security, quantity, amount, fee, levy in kept:
            for party, units, cash in ((buyer, quantity, -amount), (seller, -quantity, amount)):
                left[party, security] = left.get((party, security), 0) + units
                left[party, CASH] = left.get((party, CASH), 0) + cash - levy
                fees[party] = fees.get(party, 0) + fee
        return {
            (party, asset): n - (owed(party, fees.get(party, 0)) if asset == CASH else 0)
            for (party, asset), n in left.items()
        }

    def delivers(trade: Row, place: tuple[int, int]) -> bool:
        _, _, buyer, seller, security, _, amount, fee, levy = trade
        pays = (amount - levy) * PPM < fee * holdings.sharing[trade[3]].rate_ppm
        return place in (
            (buyer, CASH),
            *([(seller, security)] if buyer != seller else []),
            *([(seller, CASH)] if pays else []),
        )

    def fits(trade: Row, kept: Sequence[Row]) -> bool:
        after = balances([*kept, trade])
        return all(after[place] >= 0 for place in ((trade[2], CASH), (trade[3], CASH), (trade[3], trade[4])))

    kept = sorted(trades)
    while short := [place for place, n in balances(kept).items() if n < 0]:
        last: list[Row] = []
        for place in short:
            giving = [t for t in kept if delivers(t, place)] or [t for t in kept if t[3] == place[0]]
            last.append(giving[-1])
        kept.remove(max(last))
    came_back = True
    while came_back:
        came_back = False
        for trade in sorted(set(trades) - set(kept)):
            if fits(trade, kept):
                kept.append(trade)
                came_back = True
    return [trade[1] for trade in sorted(set(trades) - set(kept))]


@pytest.mark.parametrize("block", range(6))
def test_choose_given_earlier_commission_and_several_days_is_the_rule(block: int) -> None:
    for seed in range(block * 100, block * 100 + 100):
        draw = random.Random(seed)
        shares = [draw.randint(1, 300_000) for _ in range(draw.randint(1, 3))]
        amounts = draw.choice((3, 30, 900, 2**65))
        numbers, charged = draw.sample(range(99), draw.randint(1, 16)), draw.choice((1, 5))
        trades = [
            (draw.randint(0, 2), n, draw.randint(0, 3), draw.randint(0, 3), draw.randint(0, 2),
             draw.choice((1, 2, 3, 9, 2**63)), amount,
             draw.randint(0, amount), draw.randint(0, amount // charged))
            for n, amount in ((n, draw.randint(1, amounts)) for n in numbers)
        ]  # fmt: skip
        held = {(p, a): draw.choice((0, 1, 5, 9, 2**64)) for p in range(4) for a in range(3)}
        held |= {(p, CASH): draw.randint(0, draw.choice((1, amounts, 9 * amounts))) for p in range(4)}
        before = {p: draw.randint(0, 40) for p in range(4)}

        def owed(party: int, extra: int, shares: list[int] = shares, before: dict[int, int] = before) -> int:
            total = before[party]
            return sum((total + extra) * ppm // PPM - total * ppm // PPM for ppm in shares)

        holdings = Holdings(held, alike(shares, before))
        _, reasons = choose(trades, holdings)
        assert [trades[i][1] for i in sorted(reasons, key=lambda i: trades[i])] == by_hand(
            trades, holdings, owed
        ), f"seed {seed}"


@pytest.mark.parametrize("block", range(4))
def test_choose_given_agreements_of_every_kind_is_the_rule(block: int) -> None:
    """Tiers whose rate falls, caps, reserves, what is owed: a trade can take less cash than nothing."""
    for seed in range(block * 100, block * 100 + 100):
        draw = random.Random(seed)
        amounts = draw.choice((30, 9_000, 2**65))
        trades = [
            (draw.randint(0, 2), n, draw.randint(0, 3), draw.randint(0, 3), draw.randint(0, 2),
             draw.choice((1, 2, 3, 9)), amount, draw.randint(0, amount), draw.randint(0, amount // 5))
            for n, amount in ((n, draw.randint(1, amounts)) for n in draw.sample(range(99), 12))
        ]  # fmt: skip
        held = {(p, a): draw.choice((0, 5, 20)) for p in range(4) for a in range(3)}
        held |= {(p, CASH): draw.randint(0, draw.choice((1, amounts, 9 * amounts))) for p in range(4)}
        made = {party: random_sharing(draw) for party in range(4)}
        given = {party: giving(naive) for party, (_, naive) in made.items()}
        holdings = Holdings(held, {party: sharing for party, (sharing, _) in made.items()})
        _, reasons = choose(trades, holdings)
        expected = by_hand(trades, holdings, lambda party, extra, given=given: given[party](extra))  # type: ignore[misc]
        found = [trades[i][1] for i in sorted(reasons, key=lambda i: trades[i])]
        assert found == expected, f"seed {seed}"
