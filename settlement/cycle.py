"""The T+0 cycle: the venue chooses what can settle with the holdings on the ledger, and the contract checks
it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np

from ledger.chain import Receipt
from ledger.clients.clearing_house import GROSS, NET, Slice, Status
from ledger.clients.limits import NONE
from ledger.history import History
from settlement import gross
from settlement import parts as in_parts
from settlement.agreements.standing import standing
from settlement.choosing import (
    Waiting,
    choose_slices,
    instructions,
    ordered_slices,
    part_slices,
    rests_of,
)
from settlement.limits import SLICES, Extent, Part, next_netting_set
from settlement.liquidity import CASH, Holdings, Instructions, Objective, Search
from settlement.market import Market

CYCLE_S = 3_600
"""Seconds after which anyone may close a cycle that its venue left open."""

_LEAST_S = 0.001  # time_limit_s
"""What is left of a time limit that is over: enough for the plain rule to be asked alone."""

Balances = Mapping[tuple[int, int], int]
"""(institution, asset) → units or minor units."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of a cycle: its transactions, how many of them are netting sets, and what waits after it.

    `reached` is of the objective. `upper_bound` is what the netting sets could have reached, each with what
    was held when it was chosen; where a later round brought more than that, it is what was reached.
    """

    receipts: list[Receipt]
    waiting: Waiting
    netting_sets: int
    objective: Objective = Objective.VALUE
    reached: int = 0
    upper_bound: int = 0


@dataclass(slots=True)
class Cycle:
    """A settlement cycle of the venue while it goes on. `read` and `balances` give what the ledger has
    whenever they are called. A cycle that the venue has open already, as a run that was interrupted leaves
    it, is used.
    """

    market: Market
    read: Callable[[], History]
    balances: Callable[[], Balances]
    able: Callable[[History], list[Part]] = field(default_factory=lambda: open_parts)
    """What of the recorded trades may settle in it."""
    opens_at: int = 0
    """Chain seconds before which it is not opened."""
    receipts: list[Receipt] = field(default_factory=list)
    waiting: Waiting = field(default_factory=dict)
    netting_sets: int = 0
    reached: int = 0
    upper_bound: int = 0

    @property
    def is_open(self) -> bool:
        """Whether the venue's cycle is open."""
        return self.market.index[self.market.scenario.venue] in self.read().open_cycles

    def open(self) -> bool:
        """Open it, unless it is. False where institutions were free until then, and have moved what they
        hold.
        """
        if self.is_open:
            return True
        known = len(self.read().movements)
        chain, house = self.market.chain, self.market.clients.clearing_house
        chain.wait_until(max(reopens_at(self.market), self.opens_at))
        now = max(chain.block().timestamp, self.opens_at)
        self.receipts.append(house.open_cycle(self.market.venue, now + CYCLE_S))
        return len(self.read().movements) == known

    def close(self) -> None:
        """Close it, if it is open."""
        if self.is_open:
            venue = self.market.index[self.market.scenario.venue]
            self.receipts.append(self.market.clients.clearing_house.close_cycle(self.market.venue, venue))

    def settle(self, search: Search, model: int = NET) -> None:
        """Settle what can by a DvP model, each netting set chosen with the holdings of its moment, round
        after round until nothing more settles. Where there is nothing to settle, no cycle is opened.
        """
        rounds, going_on = 0, True
        until_s = perf_counter() + search.time_limit_s
        while going_on:
            before, planned, self.waiting = self.netting_sets, 0, {}
            rest = self.able(self.read())
            while rest:
                held, market = self.balances(), self.market
                parts, left = next_netting_set(
                    rest, held, extent_of(market, self.read()), market.chain.limits
                )
                left_s = max(until_s - perf_counter(), _LEAST_S) / (2 if left else 1)
                some = replace(search, time_limit_s=left_s)
                holdings = holdings_of(market, held, self.read(), self.opens_at)
                choice = choose_slices(market, parts, holdings, some, model)
                if choice.slices and not self.open():
                    continue
                rest, planned = left, planned + 1
                self.waiting |= choice.waiting
                self.reached += choice.reached
                self.upper_bound += choice.upper_bound if not rounds else 0
                if choice.slices:
                    self._send(model, choice.slices)
            rounds += 1
            # What one netting set brought may make a trade of another fit.
            going_on = planned > 1 and self.netting_sets > before

    def enter(self, order: Callable[[Instructions], Iterable[int]], *, bypass: bool) -> None:
        """Settle trades one by one by DvP model 1, in an `order` of their rows: up to the first that does not
        fit, or with `bypass` going on after it.
        """
        parts = self.able(self.read())
        if not parts:
            return
        self.open()
        holdings = self._holdings()
        rests = rests_of(self.market, parts)
        turns = order(instructions(self.market, parts))
        if found := gross.in_order(rests, holdings, turns, bypass=bypass, again=False):
            self._send(GROSS, ordered_slices(parts, found))

    def sweep(self) -> None:
        """Settle by DvP model 1 what fits by itself, in any order, until nothing more does: only what does
        not can fail.
        """
        while parts := self.able(self.read()):
            holdings = self._holdings()
            rests = rests_of(self.market, parts)
            found = gross.in_order(rests, holdings, range(len(rests)), bypass=True, again=True)
            if not found:
                return
            if self.open():
                self._send(GROSS, ordered_slices(parts, found))

    def fill(self, allowed: Callable[[Part, int], bool]) -> None:
        """Settle, of trades that wait and whose sides allow it, as many units as fit."""
        parts = self.able(self.read())
        places = [(part, row) for part in parts for row in np.flatnonzero(part.rows).tolist()]
        may = [i for i, place in enumerate(places) if allowed(*place)]
        if not may:
            return
        self.open()
        rests = rests_of(self.market, parts)
        holdings = self._holdings()
        if units := in_parts.fill([rests[i] for i in may], holdings):
            self._send(NET, part_slices(places, {may[i]: count for i, count in units.items()}))

    def settled(self, objective: Objective) -> Settled:
        """What came of it."""
        most = max(self.reached, self.upper_bound)
        return Settled(self.receipts, self.waiting, self.netting_sets, objective, self.reached, most)

    def _holdings(self) -> Holdings:
        return holdings_of(self.market, self.balances(), self.read(), self.opens_at)

    def _send(self, model: int, slices: Sequence[Slice]) -> None:
        house = self.market.clients.clearing_house
        for start in range(0, len(slices), SLICES):
            some = slices[start : start + SLICES]
            self.receipts.append(house.settle(self.market.venue, model, some))
            self.netting_sets += 1


def settle(
    market: Market,
    read: Callable[[], History],
    balances: Callable[[], Balances],
    search: Search | None = None,
    model: int = NET,
    opens_at: int = 0,
) -> Settled:
    """Settle what can in one cycle, by a DvP model. Nothing to settle is no cycle. `opens_at` is what time it
    is, chain seconds, where the newest block may be long ago.
    """
    wanted = search or Search()
    cycle = Cycle(market, read, balances, opens_at=opens_at)
    cycle.settle(wanted, model)
    cycle.close()
    return cycle.settled(wanted.objective)


def open_parts(history: History) -> list[Part]:
    """What of the recorded batches can settle now as far as holdings let it: pending, affirmed by both sides,
    nobody of them suspended.
    """
    parts = []
    for batch in history.batches.values():
        able = np.zeros(1 << 16, dtype=bool)
        able[list(batch.affirmed_in)] = True
        able[list(history.suspended)] = False
        rows = able[batch.records.buyer] & able[batch.records.seller] & (batch.status == Status.PENDING)
        if rows.any():
            parts.append(Part(batch, rows))
    return parts


def reopens_at(market: Market) -> int:
    """Chain seconds from which a cycle may open, 0 where the next block is late enough for it."""
    house = market.clients.clearing_house
    if house.call("openCycles"):
        return 0
    from_ = int(house.call("reopenFrom"))
    return from_ if from_ > market.chain.block().timestamp + 1 else 0


def next_block_at(market: Market, now_s: int = 0) -> int:
    """When the next block will be at the earliest, chain seconds; `now_s` is what time it is, where the
    newest block may be long ago.
    """
    return max(now_s, market.chain.block().timestamp + 1)


def holdings_of(market: Market, balances: Balances, history: History, now_s: int = 0) -> Holdings:
    """Holdings for `choose_slices` from what is on the ledger, as the next block finds them; see
    `next_block_at` for `now_s`.
    """
    cash = market.cash_asset
    held = {(party, CASH if asset == cash else asset): amount for (party, asset), amount in balances.items()}
    most = _limited(market, held, history)
    sharing = standing(history.revenue).sharings(cash, next_block_at(market, now_s))
    return Holdings(held, sharing, most)


def _limited(
    market: Market, held: dict[tuple[int, int], int], history: History
) -> dict[tuple[int, int], int]:
    """What limited parties may have at most afterwards. Of what they hold, no more is counted with than
    settlements of the day may still take from them; what they may have at most is less by as much.
    """
    limits, most = market.clients.limits, dict[tuple[int, int], int]()
    places = {(event["institution"], event["asset"]) for event in history.said if event.name == "LimitSet"}
    for party, asset in sorted(places):
        place = party, CASH if asset == market.cash_asset else asset
        position, exposure = limits.limit_of(party, asset)
        beyond = 0
        if exposure != NONE:
            headroom = max(0, exposure - limits.taken_of(party, asset))
            beyond = max(0, held.get(place, 0) - headroom)
            held[place] = held.get(place, 0) - beyond
        if position != NONE:
            most[place] = position - beyond
    return most


def extent_of(market: Market, history: History) -> Extent:
    """What of a market the gas of a settlement depends on."""
    securities = [index for index in market.asset.values() if index != market.cash_asset]
    sharing = standing(history.revenue).sharings(market.cash_asset, next_block_at(market)).values()
    receivers = [
        [(len(set(each.receivers) - {0}), each.may_owe) for each in payer.running] for payer in sharing
    ]
    return Extent(
        institutions=len(market.index),
        assets=max(securities, default=0),
        tiers=len(market.scenario.fees.tiers),
        agreements=max(map(len, receivers), default=0),
        shares=max((sum(count for count, _ in each) for each in receivers), default=0),
        dues=max((sum(count for count, may_owe in each if may_owe) for each in receivers), default=0),
    )
