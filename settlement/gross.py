"""An order in which trades can settle one after the other: DvP models 1 and 2, where each needs what it gives
at its turn. Pure.

Trades are tried in the order given, passed over where a party lacks something, and tried again as long as a
pass settles any: what one brings may be what another waits for. In model 2 only securities count at a trade's
turn; cash counts at the end, and trades are taken out until all can pay. It is simple and safe, not the best
there is. What parties of agreements receive is not counted on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ledger.clients.clearing_house import GROSS
from settlement.liquidity import CASH, Holdings, Instructions, Shortage
from settlement.revenue import entitlement


@dataclass(frozen=True, slots=True)
class Order:
    """Rows in the order in which they settle, and for each other what it waits for."""

    rows: tuple[int, ...]
    waiting: dict[int, tuple[Shortage, ...]]


def in_order(trades: Instructions, holdings: Holdings, model: int) -> Order:
    """What can settle of the trades by model 1 or 2, and in which order."""
    rows = [_Row.of(trades, i) for i in range(len(trades.number))]
    if model == GROSS:
        return _passes(rows, holdings, frozenset(), counts_cash=True)
    left_out: set[int] = set()
    shortages: dict[int, tuple[Shortage, ...]] = {}
    while True:
        order = _passes(rows, holdings, frozenset(left_out), counts_cash=False)
        short = _net_shortages(rows, order.rows, holdings)
        if not short:
            return Order(order.rows, order.waiting | shortages)
        for party, amount in sorted(short.items()):
            row = next((i for i in reversed(order.rows) if rows[i].pays(party)), order.rows[-1])
            if row not in left_out:
                left_out.add(row)
                shortages[row] = (Shortage(party, CASH, amount),)


@dataclass(frozen=True, slots=True)
class _Row:
    buyer: int
    seller: int
    security: int
    quantity: int
    amount: int
    fee: int
    levy: int

    @classmethod
    def of(cls, trades: Instructions, row: int) -> _Row:
        columns = (
            *(trades.buyer, trades.seller, trades.security),
            *(trades.quantity, trades.amount, trades.fee, trades.levy),
        )
        return cls(*(int(column[row]) for column in columns))

    def pays(self, party: int) -> bool:
        """Whether leaving the trade out would leave the party more cash, but for the smallest of trades."""
        return party == self.buyer or (party == self.seller and self.amount <= self.fee + self.levy)


@dataclass(slots=True)
class _Desk:
    """What everybody has while trades settle one by one."""

    shares_ppm: Sequence[int]
    held: dict[tuple[int, int], int]
    earned: dict[int, int]
    counts_cash: bool
    short: list[Shortage] = field(default_factory=list)

    @classmethod
    def of(cls, holdings: Holdings, *, counts_cash: bool) -> _Desk:
        return cls(holdings.shares_ppm, dict(holdings.held), dict(holdings.earned), counts_cash)

    def settle(self, row: _Row) -> bool:
        """Settle the trade, where all of it is there; else `short` says what is not."""
        changes: dict[tuple[int, int], int] = {}
        charged = self._cash(row)
        for party, amount in charged.items():
            changes[party, CASH] = amount
        if row.buyer != row.seller:
            changes[row.seller, row.security] = -row.quantity
            changes[row.buyer, row.security] = row.quantity
        self.short = [
            Shortage(party, asset, -left)
            for (party, asset), delta in changes.items()
            if (left := self.held.get((party, asset), 0) + delta) < 0 and (asset != CASH or self.counts_cash)
        ]
        if self.short:
            return False
        for place, delta in changes.items():
            self.held[place] = self.held.get(place, 0) + delta
        for party in (row.buyer, row.seller):
            self.earned[party] = self.earned.get(party, 0) + row.fee
        return True

    def _cash(self, row: _Row) -> dict[int, int]:
        """Party → what the trade changes its cash by: price, levy, and what its agreement gives away."""
        sides = [(row.buyer, -row.amount), (row.seller, row.amount)]
        cash: dict[int, int] = {}
        earned: Mapping[int, int] = self.earned
        grown = {party: earned.get(party, 0) for party, _ in sides}
        for party, price in sides:
            before, grown[party] = grown[party], grown[party] + row.fee
            given = sum(entitlement(grown[party], ppm) - entitlement(before, ppm) for ppm in self.shares_ppm)
            cash[party] = cash.get(party, 0) + price - row.levy - given
        return cash


def _passes(
    rows: Sequence[_Row], holdings: Holdings, left_out: frozenset[int], *, counts_cash: bool
) -> Order:
    desk = _Desk.of(holdings, counts_cash=counts_cash)
    done: list[int] = []
    rest = [i for i in range(len(rows)) if i not in left_out]
    waiting: dict[int, tuple[Shortage, ...]] = {}
    while True:
        waiting = {}
        for i in rest:
            if desk.settle(rows[i]):
                done.append(i)
            else:
                waiting[i] = tuple(desk.short)
        if len(waiting) == len(rest):
            return Order(tuple(done), waiting)
        rest = list(waiting)


def _net_shortages(rows: Sequence[_Row], order: Sequence[int], holdings: Holdings) -> dict[int, int]:
    """Party → what it lacks to pay for all of these trades on balance."""
    desk = _Desk.of(holdings, counts_cash=False)
    for i in order:
        desk.settle(rows[i])
    return {party: -left for (party, asset), left in desk.held.items() if asset == CASH and left < 0}
