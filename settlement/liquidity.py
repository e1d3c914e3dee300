"""Choosing which trades can settle with the holdings there are, by a plain rule.

Until nobody is short, of all trades in which a short party delivers what it is short of, the one with the
highest number waits. Then, from the lowest number up and again until none fits any more, each that fits comes
back. So no waiting trade is left out that would fit. A broker can be short of cash for revenue shares and
levy too; a trade of a broker with itself delivers no security, and of cash only these.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from ledger.units import PPM
from settlement.revenue import given

CASH = -1
"""The settlement currency, where the codes of securities are 0 and up."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One trade, as settling it changes holdings. Parties and the security are codes; `fee` and `levy` are
    each side's commission and levy, in minor units."""

    number: int
    buyer: int
    seller: int
    security: int
    quantity: int
    amount: int
    fee: int
    levy: int


@dataclass(frozen=True, slots=True)
class Shortage:
    """What a trade waits for: `party` would be `short` of `asset` (units, or minor units of CASH)."""

    party: int
    asset: int
    short: int


@dataclass(slots=True)
class Holdings:
    """What each party has of each asset, and the commission it has earned in the agreement's period.

    Cash is before revenue shares are paid, which depend on the total: `available` says what is left.
    """

    shares_ppm: Sequence[int]
    """Of the agreement by which each payer gives commission away."""
    held: dict[tuple[int, int], int]
    earned: dict[int, int] = field(default_factory=dict)
    """Commission before the cycle, party → minor units."""
    total: dict[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.held = defaultdict(int, self.held)
        self.total = defaultdict(int, self.earned)

    def apply(self, trade: Instruction, sign: int = 1) -> None:
        """Settle the trade (or, `sign` -1, take it out again)."""
        if trade.buyer != trade.seller:
            self.held[trade.buyer, trade.security] += sign * trade.quantity
            self.held[trade.seller, trade.security] -= sign * trade.quantity
            self.held[trade.buyer, CASH] -= sign * trade.amount
            self.held[trade.seller, CASH] += sign * trade.amount
        for party in (trade.buyer, trade.seller):
            self.held[party, CASH] -= sign * trade.levy
            self.total[party] += sign * trade.fee

    def available(self, party: int, asset: int) -> int:
        """What a party has; negative where it is short."""
        if asset != CASH:
            return self.held[party, asset]
        return self.held[party, CASH] - given(self.earned.get(party, 0), self.total[party], self.shares_ppm)

    def shortages(self, trade: Instruction) -> list[Shortage]:
        """What the trade's parties are short of as things stand, of what the trade takes."""
        places = dict.fromkeys(
            [(trade.buyer, CASH), (trade.seller, trade.security), (trade.seller, CASH)],
        )
        left = ((party, asset, self.available(party, asset)) for party, asset in places)
        return [Shortage(party, asset, -amount) for party, asset, amount in left if amount < 0]


def choose(trades: Sequence[Instruction], holdings: Holdings) -> tuple[list[int], dict[int, list[Shortage]]]:
    """Apply to `holdings` the trades that can settle together.

    Returns their positions, rising, and for each other position what it waits for.
    """
    for trade in trades:
        holdings.apply(trade)
    waiting = _drop(trades, holdings)
    _return(trades, holdings, waiting)
    reasons = {}
    for i in sorted(waiting):
        holdings.apply(trades[i])
        reasons[i] = holdings.shortages(trades[i])
        holdings.apply(trades[i], -1)
    return [i for i in range(len(trades)) if i not in waiting], reasons


def _drop(trades: Sequence[Instruction], holdings: Holdings) -> set[int]:
    """Take out trades until nobody is short; the positions of those taken out."""
    delivers, sells = _by_party(trades, sum(holdings.shares_ppm))
    places = {*delivers, *((party, CASH) for party in sells)}
    short = {place for place in places if holdings.available(*place) < 0}
    waiting: set[int] = set()
    while short:
        # Fractions of revenue shares that an earlier cycle left can come due with a sale and exceed it.
        stacks = [delivers[place] or sells[place[0]] for place in short]
        last = max((stack[-1] for stack in stacks), key=lambda i: trades[i].number)
        waiting.add(last)
        trade = trades[last]
        holdings.apply(trade, -1)
        for party in (trade.buyer, trade.seller):
            for stack in (delivers[party, CASH], delivers[party, trade.security], sells[party]):
                while stack and stack[-1] in waiting:
                    stack.pop()
            for place in ((party, trade.security), (party, CASH)):
                (short.add if holdings.available(*place) < 0 else short.discard)(place)
    return waiting


def _return(trades: Sequence[Instruction], holdings: Holdings, waiting: set[int]) -> None:
    """Put back what fits, from the lowest number up, until a whole pass puts nothing back."""
    by_number = sorted(waiting, key=lambda i: trades[i].number)
    returned = True
    while returned:
        returned = False
        for i in by_number:
            if i not in waiting:
                continue
            holdings.apply(trades[i])
            if holdings.shortages(trades[i]):
                holdings.apply(trades[i], -1)
            else:
                waiting.remove(i)
                returned = True


def _by_party(
    trades: Sequence[Instruction], given_ppm: int
) -> tuple[dict[tuple[int, int], list[int]], dict[int, list[int]]]:
    """Positions of trades by rising number: for each (party, asset) those in which it delivers it, and for
    each party those in which it sells. Where levy and revenue shares exceed the price, the seller delivers
    cash, too.
    """
    delivers: dict[tuple[int, int], list[int]] = defaultdict(list)
    sells: dict[int, list[int]] = defaultdict(list)
    for i in sorted(range(len(trades)), key=lambda i: trades[i].number):
        trade = trades[i]
        delivers[trade.buyer, CASH].append(i)
        sells[trade.seller].append(i)
        if trade.buyer != trade.seller:
            delivers[trade.seller, trade.security].append(i)
            if (trade.amount - trade.levy) * PPM < trade.fee * given_ppm:
                delivers[trade.seller, CASH].append(i)
    return delivers, sells
