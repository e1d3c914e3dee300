"""Trades as columns, and what everybody would have if all of them settled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from ledger.units import Column, exact, exact_add
from settlement.agreements.sharing import NOTHING, Sharing

CASH = -1
"""The settlement currency, where the codes of securities are 0 and up."""

Index = npt.NDArray[np.int64]
"""Places in another column."""


@dataclass(frozen=True, slots=True, eq=False)
class Instructions:
    """Trades, as settling them changes holdings: columns of equal length, one row a trade. Parties and
    securities are codes of 0 and up; `day` rises with the trading day; `fee` and `levy` are each side's
    commission and levy, in minor units like `amount`."""

    day: npt.NDArray[Any]
    number: npt.NDArray[Any]
    """Unique within a day."""
    buyer: npt.NDArray[Any]
    seller: npt.NDArray[Any]
    security: npt.NDArray[Any]
    quantity: npt.NDArray[Any]
    amount: Column
    fee: Column
    levy: Column

    def __len__(self) -> int:
        return len(self.number)

    def take(self, rows: npt.NDArray[Any]) -> Instructions:
        """The rows, in the order given."""
        return Instructions(*(getattr(self, each.name)[rows] for each in fields(self)))


@dataclass(frozen=True, slots=True)
class Shortage:
    """What a trade waits for: `party` would be `short` of `asset` (units, or minor units of CASH)."""

    party: int
    asset: int
    short: int


@dataclass(frozen=True, slots=True)
class Holdings:
    """What each party has of each asset, and what it gives away of what it earns."""

    held: Mapping[tuple[int, int], int]
    """(party, security or CASH) → units or minor units."""
    sharing: Mapping[int, Sharing] = field(default_factory=dict)
    """By payer; who has no agreement is left out."""
    most: Mapping[tuple[int, int], int] = field(default_factory=dict)
    """(party, security or CASH) → what it may have at most afterwards. The choice does not look at it: what a
    choice would bring beyond it is left out, and the rest chosen anew.
    """


class Positions:
    """Who would have what if all trades settled. A *place* is a party and a security it trades."""

    def __init__(self, trades: Instructions, holdings: Holdings) -> None:
        count = len(trades)
        sides = np.concatenate((trades.buyer, trades.seller))
        self.parties, party = compact(sides)
        self.securities, security = compact(trades.security)
        self.cells, place = compact(party * len(self.securities) + np.tile(security, 2))
        self.buyer, self.seller = party[:count], party[count:]
        self.bought_at, self.sold_at = place[:count], place[count:]
        self.holdings = holdings
        size = len(self.cells)
        self._moved = exact_add(size, self.bought_at, trades.quantity)
        self._moved = self._moved - exact_add(size, self.sold_at, trades.quantity)
        held, names = holdings.held, self.parties.tolist()
        self.cash = self._cash(trades, [held.get((name, CASH), 0) for name in names])
        self.earned: list[int] = self._both_sides(trades.fee).tolist()
        self.sharing = [holdings.sharing.get(name, NOTHING) for name in names]

    def anybody_short(self) -> bool:
        """Whether anybody has less than nothing of anything."""
        falling = np.flatnonzero(self._moved < 0)
        if bool((self.units(falling) < 0).any()):
            return True
        return any(
            cash < sharing.given(earned)
            for cash, sharing, earned in zip(self.cash, self.sharing, self.earned, strict=True)
        )

    def units(self, places: Index | slice = slice(None)) -> Column:
        """What there would be of securities, by place."""
        cells = self.cells[places]
        parties = self.parties[cells // len(self.securities)].tolist()
        securities = self.securities[cells % len(self.securities)].tolist()
        held = self.holdings.held
        before = exact([held.get(place, 0) for place in zip(parties, securities, strict=True)])
        if before.dtype != object and before.size and int(before.max()) >= 1 << 62:
            before = before.astype(object)
        after: Column = before + self._moved[places]
        return after

    def _cash(self, trades: Instructions, held: list[int]) -> list[int]:
        """Cash by party after the trades and their levy, before revenue shares."""
        moved = exact_add(len(held), self.seller, trades.amount) - exact_add(
            len(held), self.buyer, trades.amount
        )
        left = moved - self._both_sides(trades.levy)
        return [before + more for before, more in zip(held, left.tolist(), strict=True)]

    def _both_sides(self, each: Column) -> Column:
        size = len(self.parties)
        total: Column = exact_add(size, self.buyer, each) + exact_add(size, self.seller, each)
        return total


def compact(codes: npt.NDArray[Any]) -> tuple[Index, Index]:
    """The distinct codes, rising, and for each code its place among them."""
    bound = int(codes.max()) + 1
    if bound > 8 * len(codes) + (1 << 16):
        distinct, places = np.unique(codes, return_inverse=True)
        return distinct.astype(np.int64), places.astype(np.int64)
    place = np.zeros(bound, dtype=np.int64)
    place[codes] = 1
    distinct = np.flatnonzero(place)
    place[distinct] = np.arange(len(distinct))
    return distinct, place[codes]
