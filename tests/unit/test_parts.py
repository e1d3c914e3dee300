"""Parts of trades: what they come to, and which fit.

cut  ─ parts sum to the whole, however it is cut
fill ─ as many units as the seller has and the buyer can pay, charges included, and not one more
     ─ what one trade brings lets another settle, in whatever order they come
     ─ against trying every quantity, on random small cases
"""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from ledger.units import PPM
from settlement.liquidity import CASH, Holdings
from settlement.parts import Rest, cut, fill
from tests.sharings import alike


def rest(buyer: int, seller: int, quantity: int, amount: int, **more: int) -> Rest:
    fields = {"security": 0, "settled": 0, "fee": 0, "levy": 0} | more
    return Rest(buyer=buyer, seller=seller, quantity=quantity, amount=amount, **fields)


@pytest.mark.parametrize("seed", range(50))
def test_cut_in_any_parts_sums_to_the_whole(seed: int) -> None:
    draw = random.Random(seed)
    quantity, total = draw.randint(1, 2**64 - 1), draw.randint(0, 2**88 - 1)
    stops = sorted({0, quantity, *(draw.randint(0, quantity) for _ in range(20))})
    parts = [cut(total, quantity, *pair) for pair in pairwise(stops)]
    assert sum(parts) == total
    assert min(parts) >= 0


def test_fill_takes_what_the_seller_has() -> None:
    assert fill([rest(1, 2, 10, 1_000)], Holdings({(1, CASH): 1_000, (2, 0): 4})) == {0: 4}


def test_fill_takes_what_the_buyer_can_pay_to_the_unit() -> None:
    held = {(1, CASH): 299, (2, 0): 10}
    assert fill([rest(1, 2, 10, 1_000)], Holdings(held)) == {0: 2}
    assert fill([rest(1, 2, 10, 1_000)], Holdings(held | {(1, CASH): 300})) == {0: 3}
    # Of 1,001 the third unit takes 300: floor(300.3) - 0.
    assert fill([rest(1, 2, 10, 1_001)], Holdings(held | {(1, CASH): 300})) == {0: 3}


def test_fill_counts_levy_and_revenue_shares() -> None:
    """A unit costs 100, its levy 10 and half of its commission of 20: 120."""
    trade = rest(1, 2, 10, 1_000, fee=200, levy=100)
    for cash, units in ((119, 0), (120, 1), (239, 1), (240, 2)):
        found = fill([trade], Holdings({(1, CASH): cash, (2, 0): 10}, alike((PPM // 2,), {1: 0, 2: 0})))
        assert found == ({0: units} if units else {})


def test_fill_goes_on_from_what_has_settled() -> None:
    trade = rest(1, 2, 3, 100, settled=1)
    assert fill([trade], Holdings({(1, CASH): 33, (2, 0): 5})) == {0: 1}  # floor(66.7) - floor(33.3)
    assert fill([trade], Holdings({(1, CASH): 67, (2, 0): 5})) == {0: 2}


def test_fill_lets_what_comes_later_bring_what_comes_before() -> None:
    """3 has the securities that 2 owes to 1."""
    trades = [rest(1, 2, 5, 50), rest(2, 3, 5, 50)]
    held = {(1, CASH): 50, (2, CASH): 50, (3, 0): 5}
    assert fill(trades, Holdings(held)) == {0: 5, 1: 5}


def test_fill_given_charges_above_the_price_leaves_a_poor_seller_alone() -> None:
    trade = rest(1, 2, 1, 10, levy=30)
    assert fill([trade], Holdings({(1, CASH): 40, (2, 0): 1})) == {}
    assert fill([trade], Holdings({(1, CASH): 40, (2, 0): 1, (2, CASH): 20})) == {0: 1}


def test_fill_given_random_trades_leaves_nobody_short_and_nothing_that_fits() -> None:
    for seed in range(200):
        draw = random.Random(seed)
        shares = tuple(draw.choice((0, 100_000, 333_333)) for _ in range(2))
        trades = []
        for _ in range(draw.randint(1, 6)):
            buyer, seller = draw.sample(range(1, 4), 2)
            quantity = draw.randint(1, 9)
            amount = draw.randint(1, 500)
            trades.append(
                rest(
                    buyer,
                    seller,
                    quantity,
                    amount,
                    security=draw.randint(0, 1),
                    fee=amount // 9,
                    levy=amount // 50,
                    settled=draw.randint(0, quantity - 1),
                )
            )
        held = {(party, asset): draw.randint(0, 8) for party in range(1, 4) for asset in (0, 1)}
        held |= {(party, CASH): draw.randint(0, 400) for party in range(1, 4)}
        found = fill(trades, Holdings(held, alike(shares, dict.fromkeys(range(1, 4), 0))))
        after = [trade.settled + found.get(i, 0) for i, trade in enumerate(trades)]
        final = _settled(trades, [trade.settled for trade in trades], after, held, shares)
        assert min(final.values()) >= 0, seed
        for i, trade in enumerate(trades):
            for more in range(after[i] + 1, trade.quantity + 1):
                further = [*after]
                further[i] = more
                would = _settled(trades, [each.settled for each in trades], further, held, shares)
                assert min(would.values()) < 0, f"seed {seed}: trade {i} could settle {more}"


def _settled(
    trades: list[Rest],
    before: list[int],
    after: list[int],
    held: dict[tuple[int, int], int],
    shares: tuple[int, ...],
) -> dict[tuple[int, int], int]:
    """Holdings once each trade has settled up to `after`, by plain sums."""
    found = dict(held)
    earned = dict.fromkeys(range(1, 4), 0)
    for trade, start, end in zip(trades, before, after, strict=True):
        amount, fee, levy = (
            each * end // trade.quantity - each * start // trade.quantity
            for each in (trade.amount, trade.fee, trade.levy)
        )
        for party, sign in ((trade.buyer, 1), (trade.seller, -1)):
            found[party, trade.security] += sign * (end - start)
            found[party, CASH] -= sign * amount + levy
            earned[party] += fee
    for party, total in earned.items():
        found[party, CASH] -= sum(total * share // PPM for share in shares)
    return found
