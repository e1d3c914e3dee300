"""What the ledger was at a moment of its past: the state before a transaction, from what came before it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from math import floor

import numpy as np

from ledger.history import NOBODY, History, RecordedBatch
from settlement.agreements.standing import Standing
from settlement.fees import VenueSchedule, fee, levy
from settlement.parts import cut

Place = tuple[int, int]
"""(institution, asset), by the ledger's indexes."""


@dataclass(frozen=True, slots=True)
class Left:
    """A trade and what is left of it: units, and minor units; `fee` and `levy` are of one side."""

    number: int
    buyer: int
    seller: int
    asset: int
    quantity: int
    amount: int
    fee: int
    levy: int


@dataclass(slots=True)
class Moment:
    """Follows a history. `at` brings it to the state before a transaction, which must not lie before the
    last.
    """

    history: History
    schedule: VenueSchedule
    beneficiary: int
    """Of the levy."""
    balances: dict[Place, int] = field(default_factory=lambda: defaultdict(int))
    standing: Standing = field(default_factory=Standing)
    """Of revenue sharing."""
    _order: dict[bytes, int] = field(default_factory=dict)
    """Transaction → its place among those with events."""
    _now: int = -1
    _at_s: int = 0
    _moved: int = 0
    _shared: int = 0
    _rows: dict[bytes, dict[int, int]] = field(default_factory=dict)

    def at(self, transaction: bytes) -> None:
        """Move forward to just before `transaction`."""
        blocks = self.history.blocks
        if len(self._order) < len(blocks):
            self._order = {each: place for place, each in enumerate(blocks)}
        if (now := self._order[transaction]) > self._now:
            self._now, self._at_s = now, self.history.times.get(transaction, 0)
            self._move()
            self._share()

    def row(self, batch: RecordedBatch, number: int) -> int | None:
        """The position of a trade in its batch, None where it has none of that number."""
        if batch.batch_hash not in self._rows:
            numbers = batch.records.number.tolist()
            self._rows[batch.batch_hash] = {each: row for row, each in enumerate(numbers)}
        return self._rows[batch.batch_hash].get(number)

    def settled(self, batch: RecordedBatch, row: int) -> bool:
        """Whether all of a trade had settled."""
        place = int(batch.settled_in[row])
        return place >= 0 and self._past(batch.settlements[place])

    def left(self, batch: RecordedBatch, row: int) -> Left:
        """What is left of a trade at this moment."""
        records = batch.records
        quantity, amount = int(records.quantity[row]), int(records.amount[row])
        done = sum(
            part.end - part.start
            for part in batch.parts
            if part.position == row and self._past(part.transaction)
        )
        each_levy = int(levy(self.schedule, [amount])[0])
        return Left(
            int(records.number[row]),
            int(records.buyer[row]),
            int(records.seller[row]),
            int(records.asset[row]),
            quantity - done,
            cut(amount, quantity, done, quantity),
            cut(floor(fee(self.schedule, amount)), quantity, done, quantity),
            cut(each_levy, quantity, done, quantity),
        )

    def affirmed(self, batch: RecordedBatch, institution: int) -> bool:
        """Whether the institution had affirmed the batch."""
        return institution in batch.affirmed_in and self._past(batch.affirmed_in[institution])

    def _past(self, transaction: bytes) -> bool:
        return self._order[transaction] < self._now

    def _move(self) -> None:
        """Apply the movements of transactions before this one."""
        moves, start = self.history.movements, self._moved
        while start < len(moves) and self._order[moves.transaction[start].tobytes()] < self._now:
            # All movements of one transaction lie together.
            transaction = moves.transaction[start]
            end = start + int(np.argmax(np.append(moves.transaction[start:] != transaction, True)))
            for row in range(start, end):
                asset, amount = int(moves.asset[row]), int(moves.amount[row])
                for holder, sign in ((int(moves.sender[row]), -1), (int(moves.receiver[row]), 1)):
                    if holder != NOBODY:
                        self.balances[holder, asset] += sign * amount
            start = end
        self._moved = start

    def _share(self) -> None:
        events = self.history.revenue
        while self._shared < len(events) and self._past(events[self._shared].transaction):
            self.standing.apply(events[self._shared])
            self._shared += 1

    def cycle(self, venue: int) -> int:
        """The number of the venue's newest cycle, 0 before there was any."""
        opened = (
            number
            for (who, number), transactions in self.history.cycles.items()
            if who == venue and self._order[transactions[0]] <= self._now
        )
        return max(opened, default=0)

    def cash_change(self, left: Left, currency: int) -> dict[int, int]:
        """Party → what settling the rest of the trade by itself brings it in cash: price, levy and revenue
        shares, which a party may also receive.
        """
        change: dict[int, int] = defaultdict(int)
        change[left.buyer] -= left.amount
        change[left.seller] += left.amount
        earned: dict[int, int] = defaultdict(int)
        for party in (left.buyer, left.seller):
            change[party] -= left.levy
            change[self.beneficiary] += left.levy
            earned[party] += left.fee
        for party, more in earned.items():
            sharing = self.standing.sharing(party, currency, self._at_s)
            for receiver, amount in sharing.paid(more).items():
                change[party] -= amount
                change[receiver] += amount
        return {party: change[party] for party in (left.buyer, left.seller)}
