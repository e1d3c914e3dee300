"""Settling trades in parts: what part of a trade comes to, and which parts fit where whole trades do not.

Cumulative, as the contracts have it: of a trade of `quantity` units, once `settled` of them have settled, it
is floor(total * settled / quantity) of the amount, of the commission and of the levy. So parts sum to the
whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from settlement.liquidity import CASH, Holdings
from settlement.revenue import given


@dataclass(frozen=True, slots=True)
class Rest:
    """A trade that waits and may settle in parts, and how much of it has. Whole figures: units and minor
    units, `fee` and `levy` those of one side. `buyer` and `seller` differ.
    """

    buyer: int
    seller: int
    security: int
    quantity: int
    settled: int
    amount: int
    fee: int
    levy: int


def cut(total: int, quantity: int, settled: int, to: int) -> int:
    """What settling the units from `settled` up to `to` of `quantity` comes to of a `total`, minor units."""
    return total * to // quantity - total * settled // quantity


def fill(rests: Sequence[Rest], holdings: Holdings) -> dict[int, int]:
    """Position in `rests` → units that can settle now: of each in its order as many as fit, again until
    nothing more does. Whole trades that fit are parts, too. `holdings` are what there is once all else has
    settled.
    """
    desk = _Desk(holdings)
    settled = [rest.settled for rest in rests]
    going_on = True
    while going_on:
        going_on = False
        for i, rest in enumerate(rests):
            if units := desk.most(rest, settled[i]):
                desk.take(rest, settled[i], settled[i] + units)
                settled[i] += units
                going_on = True
    return {
        i: done - rest.settled
        for i, (done, rest) in enumerate(zip(settled, rests, strict=True))
        if done > rest.settled
    }


class _Desk:
    """What everybody has, and has earned, while parts settle one after the other."""

    def __init__(self, holdings: Holdings) -> None:
        self._held = dict(holdings.held)
        self._earned = dict(holdings.earned)
        self._shares = tuple(holdings.shares_ppm)

    def most(self, rest: Rest, settled: int) -> int:
        """Units that fit. What the buyer needs never falls with the units: the most is found by halving."""
        low, high = 0, min(rest.quantity - settled, self._held.get((rest.seller, rest.security), 0))
        while low < high:
            units = (low + high + 1) // 2
            if self._charged(rest.buyer, rest, settled, settled + units, 1) >= 0:
                low = units
            else:
                high = units - 1
        # Charges that exceed the price leave a seller with less than it had.
        return low if low and self._charged(rest.seller, rest, settled, settled + low, -1) >= 0 else 0

    def take(self, rest: Rest, settled: int, to: int) -> None:
        """Settle these units."""
        fee = cut(rest.fee, rest.quantity, settled, to)
        for party, sign in ((rest.buyer, 1), (rest.seller, -1)):
            self._held[party, CASH] = self._charged(party, rest, settled, to, sign)
            self._earned[party] = self._earned.get(party, 0) + fee
            place = party, rest.security
            self._held[place] = self._held.get(place, 0) + sign * (to - settled)

    def _charged(self, party: int, rest: Rest, settled: int, to: int, sign: int) -> int:
        """A party's cash after it has paid (`sign` 1) or been paid for the units, charges taken off."""
        amount, fee, levy = (
            cut(each, rest.quantity, settled, to) for each in (rest.amount, rest.fee, rest.levy)
        )
        earned = self._earned.get(party, 0)
        shared = given(earned, earned + fee, self._shares)
        return self._held.get((party, CASH), 0) - sign * amount - levy - shared
