"""Settling trades in parts: what part of a trade comes to, and which parts fit where whole trades do not.

Cumulative, as the contracts have it: of a trade of `quantity` units, once `settled` of them have settled, it
is floor(total * settled / quantity) of the amount, of the commission and of the levy. So parts sum to the
whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from settlement.agreements.sharing import NOTHING
from settlement.liquidity import CASH, Holdings


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
    desk = Desk(holdings)
    settled = [rest.settled for rest in rests]
    going_on = True
    while going_on:
        going_on = False
        for i, rest in enumerate(rests):
            if rest.buyer != rest.seller and (units := desk.most(rest, settled[i])):
                desk.take(rest, settled[i], settled[i] + units)
                settled[i] += units
                going_on = True
    return {
        i: done - rest.settled
        for i, (done, rest) in enumerate(zip(settled, rests, strict=True))
        if done > rest.settled
    }


class Desk:
    """What everybody has, and gives of what it earns, while trades settle one after the other, whole or in
    parts.
    """

    def __init__(self, holdings: Holdings) -> None:
        self._held = dict(holdings.held)
        self._sharing = dict(holdings.sharing)
        self._most = holdings.most

    def fits(self, rest: Rest, settled: int, to: int) -> bool:
        """Whether these units of the trade can settle, with both of its legs."""
        room = self._room(rest.buyer, rest.security)
        if not self.delivers(rest, to - settled) or (rest.buyer != rest.seller and to - settled > room):
            return False
        after = self._cash_after(rest, settled, to)
        return all(0 <= cash <= self._most.get((who, CASH), cash) for who, cash in after.items())

    def delivers(self, rest: Rest, units: int) -> bool:
        """Whether the seller has the units; of a trade of a party with itself nothing is delivered."""
        return rest.buyer == rest.seller or self._held.get((rest.seller, rest.security), 0) >= units

    def most(self, rest: Rest, settled: int) -> int:
        """Units that fit. What the buyer needs rises with the units: the most is found by halving. Where its
        revenue shares fall with its volume there may be more, which is not looked for.
        """
        low, high = 0, min(rest.quantity - settled, self._held.get((rest.seller, rest.security), 0))
        high = max(0, min(high, self._room(rest.buyer, rest.security)))
        while low < high:
            units = (low + high + 1) // 2
            if self._cash_after(rest, settled, settled + units)[rest.buyer] >= 0:
                low = units
            else:
                high = units - 1
        # Charges that exceed the price leave a seller with less than it had.
        return low if low and self.fits(rest, settled, settled + low) else 0

    def _room(self, party: int, asset: int) -> int:
        """What the party may gain of an asset."""
        held = self._held.get((party, asset), 0)
        return self._most.get((party, asset), 1 << 128) - held

    def take(self, rest: Rest, settled: int, to: int) -> None:
        """Settle these units."""
        for party, cash in self._cash_after(rest, settled, to).items():
            self._held[party, CASH] = cash
        fee = cut(rest.fee, rest.quantity, settled, to)
        for party, sign in ((rest.buyer, 1), (rest.seller, -1)):
            self.move(party, rest.security, sign * (to - settled))
        earned = {rest.buyer: fee, rest.seller: fee if rest.buyer != rest.seller else 2 * fee}
        for party, more in earned.items():
            if party in self._sharing:
                self._sharing[party] = self._sharing[party].after(more)

    def move(self, party: int, asset: int, change: int) -> None:
        """Change what a party holds."""
        self._held[party, asset] = self._held.get((party, asset), 0) + change

    def _cash_after(self, rest: Rest, settled: int, to: int) -> dict[int, int]:
        """Each party's cash after it has paid or been paid for the units, charges taken off."""
        whole = rest.quantity
        amount, fee, levy = (cut(each, whole, settled, to) for each in (rest.amount, rest.fee, rest.levy))
        changes: dict[int, int] = {}
        fees: dict[int, int] = {}
        for party, price in ((rest.buyer, -amount), (rest.seller, amount)):
            changes[party] = changes.get(party, 0) + price - levy
            fees[party] = fees.get(party, 0) + fee
        for party, more in fees.items():
            shared = self._sharing.get(party, NOTHING).given(more)
            changes[party] += self._held.get((party, CASH), 0) - shared
        return changes
