"""The plain rule: a choice of trades that can be checked by hand, and the start of every better one.

Until nobody is short, of all trades in which a short party delivers what it is short of, the one with the
highest number waits. Then, from the lowest number up and again until none fits any more, each that fits comes
back. So no waiting trade is left out that would fit. A broker can be short of cash for revenue shares and
levy too; a trade of a broker with itself delivers no security, and of cash only these. Numbers count within a
trading day; of several days the earlier is the lower.

Any other order can stand for that of numbers. What a solver found is repaired and completed by the same two
steps, the trades it took standing first.
"""

from __future__ import annotations

from collections import defaultdict
from heapq import heappop, heappush
from typing import Any

import numpy as np
import numpy.typing as npt

from ledger.units import PPM
from settlement.liquidity.columns import CASH, Holdings, Index, Instructions, Positions, Shortage

Flags = npt.NDArray[np.bool_]
"""One a row."""


def choose_by_rule(trades: Instructions, holdings: Holdings) -> tuple[Flags, dict[int, list[Shortage]]]:
    """Which of the trades settle together by the rule, and for each other row what it waits for."""
    chosen = np.ones(len(trades), dtype=bool)
    if not len(trades):
        return chosen, {}
    positions = Positions(trades, holdings)
    if not positions.anybody_short():
        return chosen, {}
    rule = Rule(trades, positions, by_number(trades))
    rule.drop()
    rule.bring_back()
    return rule.chosen(), rule.reasons()


def by_number(trades: Instructions) -> Index:
    """The rows by trading day and number."""
    return np.lexsort((trades.number, trades.day))


class Rule:
    """The rule, trade by trade. A trade is its place in the order, here called its number.

    A *source* is what a party can be short of: of `parties` sources the cash, behind them each place's
    security. A source has a stack of the trades that deliver from it, the highest number on top.
    """

    def __init__(self, trades: Instructions, positions: Positions, order: Index) -> None:
        """All trades settle at first. `order` has the rows of `trades`, from the one that counts most."""
        self._order, trades = order, trades.take(order)
        self._place: list[int] = np.argsort(order).tolist()
        buyer, seller = positions.buyer[order], positions.seller[order]
        self._parties = len(positions.parties)
        self._names = positions.parties.tolist()
        self._sharing = positions.sharing
        self._floors = [
            sharing.floors_within(most)
            for sharing, most in zip(positions.sharing, positions.earned, strict=True)
        ]
        self._falls = [
            0 if floors is not None else sharing.falls
            for floors, sharing in zip(self._floors, positions.sharing, strict=True)
        ]
        bought_at, sold_at = positions.bought_at[order], positions.sold_at[order]
        self._buyer, self._seller = _readable(buyer), _readable(seller)
        self._bought = _readable(bought_at + self._parties)
        self._sold = _readable(sold_at + self._parties)
        self._security = _readable(trades.security)
        self._quantity, self._amount = _readable(trades.quantity), _readable(trades.amount)
        self._fee, self._levy = _readable(trades.fee), _readable(trades.levy)
        # Cash before revenue shares, then units.
        self._left: list[int] = positions.cash + positions.units().tolist()
        self._earned = list(positions.earned)
        self._stack(trades, buyer, seller, sold_at + self._parties)
        self._waits = bytearray(len(trades))

    def _stack(self, trades: Instructions, buyer: Index, seller: Index, sold: Index) -> None:
        """The stacks, one behind the other; behind those of the sources one a party with what it sells."""
        count = len(self._left)
        others = np.flatnonzero(buyer != seller)
        # Where levy and revenue shares exceed the price, the seller delivers cash, too.
        rates = np.array([sharing.rate_ppm for sharing in self._sharing], dtype=object)
        times = -(-max(rates) // PPM) or 1
        few = others[((trades.amount - trades.levy) // times < trades.fee)[others]]
        price = (trades.amount - trades.levy)[few].astype(object)
        fees = trades.fee[few].astype(object)
        paying = few[(price * PPM < fees * rates[seller[few]]).astype(bool)]
        rows = np.concatenate((np.arange(len(buyer)), others, paying, np.arange(len(seller))))
        source = np.concatenate((buyer, sold[others], seller[paying], seller + count))
        by_source = np.lexsort((rows, source))
        ends = np.searchsorted(source[by_source], np.arange(count + self._parties), side="right")
        self._stacked = _readable(rows[by_source])
        self._top: list[int] = ends.tolist()
        self._bottom = [0, *self._top[:-1]]

    def hold_back(self, rows: npt.NDArray[Any]) -> None:
        """Let these rows wait, before anything else is done."""
        for row in rows.tolist():
            i = self._place[row]
            self._waits[i] = True
            self._apply(i, -1)

    def queue(self, *, bypass: bool) -> None:
        """Settle one by one in the order given, gross: each with what those before it have left. Without
        `bypass` the first that does not fit holds up all behind it.
        """
        self.hold_back(self._order)
        for i in range(len(self._waits)):
            if self._obstacle(i) is None:
                self._settle(i)
            elif not bypass:
                return

    def anybody_short(self) -> bool:
        """Whether anybody has less than nothing of anything."""
        return any(self._available(source) < 0 for source in range(len(self._left)))

    def chosen(self) -> Flags:
        """Which rows settle."""
        flags = np.ones(len(self._waits), dtype=bool)
        flags[self._order[self._waiting()]] = False
        return flags

    def reasons(self) -> dict[int, list[Shortage]]:
        """What each row that waits is short of, rows rising."""
        found = {int(self._order[i]): self._shortages(i) for i in self._waiting()}
        return {row: found[row] for row in sorted(found)}

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
        this_pass, next_pass = self._waiting(), list[int]()
        while this_pass:
            i = heappop(this_pass)
            obstacle = self._obstacle(i)
            if obstacle is not None:
                source, needed = obstacle
                heappush(blocked[source], (needed, i))
            else:
                self._settle(i)
                for changed in self._sources(i):
                    queue = blocked[changed]
                    available = self._available(changed) if queue else 0
                    while queue and queue[0][0] <= available:
                        again = heappop(queue)[1]
                        heappush(this_pass if again > i else next_pass, again)
            if not this_pass:
                this_pass, next_pass = next_pass, []

    def _waiting(self) -> list[int]:
        """The trades that wait, by rising number."""
        return np.flatnonzero(np.frombuffer(self._waits, dtype=bool)).tolist()

    def _shortages(self, i: int) -> list[Shortage]:
        """What the parties of a waiting trade are short of if it settles too, of what it takes."""
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

    def _settle(self, i: int) -> None:
        self._waits[i] = False
        self._apply(i, 1)

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
        return left if source >= self._parties else left - self._given(source, self._earned[source])

    def _given(self, party: int, earned: int) -> int:
        floors = self._floors[party]
        if floors is None:
            return self._sharing[party].given(earned)
        total = 0
        for rest, ppm in floors:
            total += (rest + earned * ppm) // PPM
        return total

    def _given_for(self, party: int, fee: int) -> int:
        """What more commission takes at least, whatever else is earned: shares of a sum are at least the sum
        of the shares, and tiers whose rate falls can make them less.
        """
        floors = self._floors[party]
        if floors is None:
            return -self._falls[party]
        return sum(fee * ppm // PPM for _, ppm in floors)

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
        """Why the trade does not fit: a source, and what has to be available there before it can, or less."""
        buyer, seller, levy, fee = self._buyer[i], self._seller[i], self._levy[i], self._fee[i]
        left, earned = self._left, self._earned
        if buyer == seller:
            if left[buyer] - 2 * levy < self._given(buyer, earned[buyer] + 2 * fee):
                return buyer, 2 * levy + self._given_for(buyer, 2 * fee)
            return None
        sold, quantity, amount = self._sold[i], self._quantity[i], self._amount[i]
        if left[sold] < quantity:
            return sold, quantity
        if left[buyer] - amount - levy < self._given(buyer, earned[buyer] + fee):
            return buyer, amount + levy + self._given_for(buyer, fee)
        if left[seller] + amount - levy < self._given(seller, earned[seller] + fee):
            return seller, levy - amount + self._given_for(seller, fee)
        return None


def _readable(column: npt.NDArray[Any]) -> Any:
    """The column for reading single values as Python ints, which are made as they are read."""
    return column.tolist() if column.dtype == object else np.ascontiguousarray(column).data
