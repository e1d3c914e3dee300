"""Choosing which trades can settle with the holdings there are, by a plain rule.

Until nobody is short, of all trades in which a short party delivers what it is short of, the one with the
highest number waits. Then, from the lowest number up and again until none fits any more, each that fits comes
back. So no waiting trade is left out that would fit. A broker can be short of cash for revenue shares and
levy too; a trade of a broker with itself delivers no security, and of cash only these. Numbers count within a
trading day; of several days the earlier is the lower.

Where nobody is short of anything once all trades are applied, they are chosen as columns. Only otherwise the
rule looks at single trades.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from heapq import heappop, heappush
from typing import Any

import numpy as np
import numpy.typing as npt

from ledger.units import PPM, Column, exact, exact_add
from settlement.revenue import given

CASH = -1
"""The settlement currency, where the codes of securities are 0 and up."""

_Index = npt.NDArray[np.int64]


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
    """What each party has of each asset, and the commission it has earned in the agreement's period."""

    shares_ppm: Sequence[int]
    """Of the agreement by which each payer gives commission away."""
    held: Mapping[tuple[int, int], int]
    """(party, security or CASH) → units or minor units."""
    earned: Mapping[int, int] = field(default_factory=dict)
    """Commission before the cycle, party → minor units."""


def choose(
    trades: Instructions, holdings: Holdings
) -> tuple[npt.NDArray[np.bool_], dict[int, list[Shortage]]]:
    """Which of the trades can settle together, and for each other row what it waits for."""
    chosen = np.ones(len(trades), dtype=bool)
    if not len(trades):
        return chosen, {}
    positions = _Positions(trades, holdings)
    if not positions.anybody_short():
        return chosen, {}
    order = np.lexsort((trades.number, trades.day))
    rule = _Rule(trades.take(order), positions, order)
    rule.drop()
    rule.bring_back()
    waiting = {int(order[i]): rule.shortages(i) for i in rule.waiting()}
    chosen[list(waiting)] = False
    return chosen, {row: waiting[row] for row in sorted(waiting)}


class _Positions:
    """Who would have what if all trades settled. A *place* is a party and a security it trades."""

    def __init__(self, trades: Instructions, holdings: Holdings) -> None:
        count = len(trades)
        sides = np.concatenate((trades.buyer, trades.seller))
        self.parties, party = _compact(sides)
        self.securities, security = _compact(trades.security)
        self.cells, place = _compact(party * len(self.securities) + np.tile(security, 2))
        self.buyer, self.seller = party[:count], party[count:]
        self.bought_at, self.sold_at = place[:count], place[count:]
        self.holdings = holdings
        size = len(self.cells)
        self._moved = exact_add(size, self.bought_at, trades.quantity)
        self._moved = self._moved - exact_add(size, self.sold_at, trades.quantity)
        held, earned = holdings.held, holdings.earned
        names = self.parties.tolist()
        self.cash = self._cash(trades, [held.get((name, CASH), 0) for name in names])
        self.earned_before = [earned.get(name, 0) for name in names]
        fees = self._both_sides(trades.fee).tolist()
        self.earned = [before + more for before, more in zip(self.earned_before, fees, strict=True)]

    def anybody_short(self) -> bool:
        """Whether anybody has less than nothing of anything."""
        falling = np.flatnonzero(self._moved < 0)
        if bool((self.units(falling) < 0).any()):
            return True
        shares = self.holdings.shares_ppm
        return any(
            cash < given(before, after, shares)
            for cash, before, after in zip(self.cash, self.earned_before, self.earned, strict=True)
        )

    def units(self, places: _Index | slice = slice(None)) -> Column:
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


class _Rule:
    """The rule, trade by trade. A trade is its place in the order of numbers.

    A *source* is what a party can be short of: of `parties` sources the cash, behind them each place's
    security. A source has a stack of the trades that deliver from it, the highest number on top.
    """

    def __init__(self, trades: Instructions, positions: _Positions, order: _Index) -> None:
        self._parties = len(positions.parties)
        self._names = positions.parties.tolist()
        self._shares = tuple(positions.holdings.shares_ppm)
        buyer, seller = positions.buyer[order], positions.seller[order]
        bought_at, sold_at = positions.bought_at[order], positions.sold_at[order]
        self._buyer, self._seller = _readable(buyer), _readable(seller)
        self._bought = _readable(bought_at + self._parties)
        self._sold = _readable(sold_at + self._parties)
        self._security = _readable(trades.security)
        self._quantity, self._amount = _readable(trades.quantity), _readable(trades.amount)
        self._fee, self._levy = _readable(trades.fee), _readable(trades.levy)
        # Cash before revenue shares, plus those of what was earned before; then units.
        self._left: list[int] = [
            cash + self._given(before)
            for cash, before in zip(positions.cash, positions.earned_before, strict=True)
        ] + positions.units().tolist()
        self._earned = positions.earned
        self._stack(trades, buyer, seller, sold_at + self._parties)
        self._waits = bytearray(len(trades))

    def _stack(self, trades: Instructions, buyer: _Index, seller: _Index, sold: _Index) -> None:
        """The stacks, one behind the other; behind those of the sources one a party with what it sells."""
        count = len(self._left)
        others = np.flatnonzero(buyer != seller)
        # Where levy and revenue shares exceed the price, the seller delivers cash, too.
        few = others[(trades.amount - trades.levy < trades.fee)[others]]
        price = (trades.amount - trades.levy)[few].astype(object)
        fees = trades.fee[few].astype(object)
        paying = few[(price * PPM < fees * sum(self._shares)).astype(bool)]
        rows = np.concatenate((np.arange(len(buyer)), others, paying, np.arange(len(seller))))
        source = np.concatenate((buyer, sold[others], seller[paying], seller + count))
        by_source = np.lexsort((rows, source))
        ends = np.searchsorted(source[by_source], np.arange(count + self._parties), side="right")
        self._stacked = _readable(rows[by_source])
        self._top: list[int] = ends.tolist()
        self._bottom = [0, *self._top[:-1]]

    def drop(self) -> None:
        """Let trades wait until nobody is short."""
        heap: list[tuple[int, int]] = []
        for source in range(len(self._left)):
            self._push(heap, source)
        while heap:
            highest, source = heappop(heap)
            if self._available(source) >= 0 or self._last(source) != -highest:
                continue
            i = -highest
            self._waits[i] = True
            self._apply(i, -1)
            for changed in self._sources(i):
                self._push(heap, changed)

    def _push(self, heap: list[tuple[int, int]], source: int) -> None:
        """Where a source is short: the highest trade that delivers from it, foremost."""
        if self._available(source) < 0 and (last := self._last(source)) >= 0:
            heappush(heap, (-last, source))

    def bring_back(self) -> None:
        """Let come back what fits, from the lowest number up, until a whole pass brings nothing back.

        A trade that does not fit is looked at again only when its first obstacle may have gone.
        """
        blocked: dict[int, list[tuple[int, int]]] = defaultdict(list)
        this_pass, next_pass = self.waiting(), list[int]()
        while this_pass:
            i = heappop(this_pass)
            obstacle = self._obstacle(i)
            if obstacle is not None:
                source, needed = obstacle
                heappush(blocked[source], (needed, i))
            else:
                self._waits[i] = False
                self._apply(i, 1)
                for changed in self._sources(i):
                    queue = blocked[changed]
                    available = self._available(changed) if queue else 0
                    while queue and queue[0][0] <= available:
                        again = heappop(queue)[1]
                        heappush(this_pass if again > i else next_pass, again)
            if not this_pass:
                this_pass, next_pass = next_pass, []

    def waiting(self) -> list[int]:
        """The trades that wait, by rising number."""
        return np.flatnonzero(np.frombuffer(self._waits, dtype=bool)).tolist()

    def shortages(self, i: int) -> list[Shortage]:
        """What the parties of a waiting trade are short of if it settles, of what it takes."""
        self._apply(i, 1)
        buyer, seller = self._buyer[i], self._seller[i]
        places = {
            buyer: (buyer, CASH),
            self._sold[i]: (seller, self._security[i]),
            seller: (seller, CASH),
        }
        left = [
            (self._names[party], asset, self._available(source)) for source, (party, asset) in places.items()
        ]
        self._apply(i, -1)
        return [Shortage(party, asset, -amount) for party, asset, amount in left if amount < 0]

    def _apply(self, i: int, sign: int) -> None:
        """Settle the trade (or, `sign` -1, take it out again)."""
        left, buyer, seller = self._left, self._buyer[i], self._seller[i]
        levy, fee = sign * self._levy[i], sign * self._fee[i]
        if buyer != seller:
            quantity, amount = sign * self._quantity[i], sign * self._amount[i]
            left[self._bought[i]] += quantity
            left[self._sold[i]] -= quantity
            left[buyer] -= amount
            left[seller] += amount
        left[buyer] -= levy
        left[seller] -= levy
        self._earned[buyer] += fee
        self._earned[seller] += fee

    def _sources(self, i: int) -> tuple[int, ...]:
        """What settling the trade changes."""
        return self._buyer[i], self._seller[i], self._bought[i], self._sold[i]

    def _available(self, source: int) -> int:
        """What there is; negative where its party is short."""
        left = self._left[source]
        return left if source >= self._parties else left - self._given(self._earned[source])

    def _given(self, earned: int) -> int:
        total = 0
        for ppm in self._shares:
            total += earned * ppm // PPM
        return total

    def _last(self, source: int) -> int:
        """The highest trade that delivers from a source.

        Fractions of revenue shares that an earlier cycle left can come due with a sale and exceed it: a party
        that buys nothing any more and is short of cash gives up what it sells.
        """
        top = self._peek(source)
        return self._peek(len(self._left) + source) if top < 0 and source < self._parties else top

    def _peek(self, stack: int) -> int:
        top, bottom = self._top[stack], self._bottom[stack]
        while top > bottom and self._waits[self._stacked[top - 1]]:
            top -= 1
        self._top[stack] = top
        return self._stacked[top - 1] if top > bottom else -1

    def _obstacle(self, i: int) -> tuple[int, int] | None:
        """Why the trade does not fit: a source, and what has to be available there before it can.

        Shares of a sum are at least the sum of the shares, so what is said to be needed is never too much.
        """
        buyer, seller, levy, fee = self._buyer[i], self._seller[i], self._levy[i], self._fee[i]
        left, earned = self._left, self._earned
        if buyer == seller:
            if left[buyer] - 2 * levy < self._given(earned[buyer] + 2 * fee):
                return buyer, 2 * levy + self._given(2 * fee)
            return None
        sold, quantity, amount = self._sold[i], self._quantity[i], self._amount[i]
        if left[sold] < quantity:
            return sold, quantity
        if left[buyer] - amount - levy < self._given(earned[buyer] + fee):
            return buyer, amount + levy + self._given(fee)
        if left[seller] + amount - levy < self._given(earned[seller] + fee):
            return seller, levy - amount + self._given(fee)
        return None


def _compact(codes: npt.NDArray[Any]) -> tuple[_Index, _Index]:
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


def _readable(column: npt.NDArray[Any]) -> Any:
    """The column for reading single values as Python ints, which are made as they are read."""
    return column.tolist() if column.dtype == object else np.ascontiguousarray(column).data
