"""An institution's own books: its trades, what it opened with, and what it closes with.

A book is made from the institution's own side of the day and by its own path (`own_file`), never from the
chain or from what was packed for it: else there would be nothing to reconcile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ledger.units import PPM
from settlement.fees import Schedule, fee
from settlement.model import Trades
from settlement.revenue import given


@dataclass(frozen=True, slots=True)
class Terms:
    """What an institution knows of charges: the venue's fee schedule and what its agreement gives away."""

    currency: str
    schedule: Schedule
    shares_ppm: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Book:
    """One institution's book of one day. Assets go by code; amounts are units, of the currency minor
    units.
    """

    owner: str
    trades: Trades
    opening: Mapping[str, int] = field(default_factory=dict)
    closing: Mapping[str, int] = field(default_factory=dict)

    def close(self, settled: Iterable[int], terms: Terms) -> Book:
        """The book at the end of the day, the trades with the numbers `settled` having settled."""
        moved = movements(self.owner, self.trades, settled, terms)
        assets = self.opening.keys() | moved.keys()
        closing = {asset: self.opening.get(asset, 0) + moved.get(asset, 0) for asset in sorted(assets)}
        return replace(self, closing=closing)


def movements(owner: str, trades: Trades, settled: Iterable[int], terms: Terms) -> dict[str, int]:
    """What settling those of `trades` whose number is among `settled` moves for `owner`, asset → signed
    amount.

    Cash is the price, less the levy of each side the owner is on and less the revenue shares of the
    commission that it earns on these sides. The commission itself comes from its clients, off the ledger.
    """
    rows = trades.take(np.isin(trades.number, np.fromiter(settled, dtype=np.int64)))
    moved: dict[str, int] = {}
    cash = commission = 0
    columns = (rows.buyer, rows.seller, rows.security, rows.quantity, rows.amount)
    for buyer, seller, security, quantity, amount in zip(*(c.tolist() for c in columns), strict=True):
        code = rows.securities[security]
        for party, sign in ((buyer, 1), (seller, -1)):
            if rows.parties[party] != owner:
                continue
            moved[code] = moved.get(code, 0) + sign * quantity
            cash -= sign * amount + amount * terms.schedule.levy_ppm // PPM
            commission += fee(terms.schedule, amount)
    moved[terms.currency] = cash - given(0, commission, terms.shares_ppm)
    return {asset: amount for asset, amount in moved.items() if amount}
