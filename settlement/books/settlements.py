"""What institutions are told of settlements: which trades, which parts, when, and what was shared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt

from ledger.history import History, RecordedBatch
from ledger.ids import parse_day_number
from settlement.agreements.settled import Settled
from settlement.agreements.sharing import NOTHING, Sharing
from settlement.books import Settlement, Terms
from settlement.fees import VenueSchedule
from settlement.market import Market

Ends = dict[int, tuple[int, int]]
"""Trade number → units from and up to which it settled."""


@dataclass(frozen=True, slots=True)
class Told:
    """One settlement; by trading day the numbers of trades that settled whole, and the parts of others."""

    transaction: bytes
    sharing: Mapping[int, Sharing]
    """Payer → what it gave of its commission, as its agreements stood before."""
    settled: Mapping[date, npt.NDArray[np.uint32]]
    parts: Mapping[date, Ends]
    accrued: Mapping[tuple[int, int], int]
    """(payer, receiver) → revenue share, minor units, of the totals that the ledger says were reached."""

    def to(self, institution: int) -> Settlement:
        """The settlement as one institution knows it."""
        return Settlement(self.sharing.get(institution, NOTHING), self.settled, self.parts)


@dataclass(slots=True)
class Tellings:
    """Every settlement of a history, in their order. What is new is taken by `follow`, at a cost that goes
    with what is new.
    """

    told: dict[bytes, Told] = field(default_factory=dict)
    _following: Settled | None = None
    _events: int = 0
    _totals: dict[bytes, list[tuple[int, int, int]]] = field(default_factory=dict)
    """Transaction → (agreement, total before, total after) of each accrual."""

    def follow(self, history: History, currency: int) -> dict[bytes, Told]:
        """Take what the history has read since, of shares of commission in a currency; all so far, by
        transaction.
        """
        if self._following is None or self._following.history is not history:
            self._following, self._events = Settled(history), 0
            self.told.clear()
            self._totals.clear()
        for event in history.revenue[self._events :]:
            if event.name == "RevenueAccrued":
                reached = event["agreementId"], event["totalBefore"], event["totalAfter"]
                self._totals.setdefault(event.transaction, []).append(reached)
        self._events = len(history.revenue)
        for netting_set in history.netting_sets[len(self.told) :]:
            transaction = netting_set.transaction
            self._following.before(transaction)
            at_s = history.times[transaction]
            sharing = self._following.standing.sharings(currency, at_s)
            settled, parts = _settled_in(history, transaction)
            self.told[transaction] = Told(
                transaction, sharing, settled, parts, self._accrued(transaction, sharing)
            )
        return self.told

    def _accrued(self, transaction: bytes, sharing: Mapping[int, Sharing]) -> dict[tuple[int, int], int]:
        # Where trades settle one by one, an agreement's total rises several times in a settlement.
        steps: dict[int, list[int]] = {}
        for agreement_id, before, after in self._totals.get(transaction, ()):
            steps.setdefault(agreement_id, []).append(after - before)
        found: dict[tuple[int, int], int] = {}
        for payer, each in sharing.items():
            for running in each.running:
                stands = running
                for more in steps.get(running.agreement_id, ()):
                    for receiver, amount in zip(stands.receivers, stands.paid(more), strict=True):
                        if amount:
                            found[payer, receiver] = found.get((payer, receiver), 0) + amount
                    stands = stands.after(more)
        return found


def _settled_in(
    history: History, transaction: bytes
) -> tuple[dict[date, npt.NDArray[np.uint32]], dict[date, Ends]]:
    settled: dict[date, npt.NDArray[np.uint32]] = {}
    parts: dict[date, Ends] = {}
    for batch in batches_of(history, [transaction]):
        if transaction not in batch.settlements:
            continue
        day = parse_day_number(batch.header.trading_day)
        rows = batch.settled_in == batch.settlements.index(transaction)
        rows[[part.position for part in batch.parts]] = False
        known = settled.get(day, np.zeros(0, dtype=np.uint32))
        settled[day] = np.sort(np.concatenate((known, batch.records.number[rows])))
        for part in batch.parts:
            if part.transaction == transaction:
                parts.setdefault(day, {})[int(batch.records.number[part.position])] = part.start, part.end
    return settled, parts


def batches_of(history: History, transactions: Iterable[bytes]) -> Iterator[RecordedBatch]:
    """The batches that the transactions concerned, each once, in the order of their hashes."""
    concerned = {key for transaction in transactions for key in history.concerned.get(transaction, ())}
    yield from (history.batches[key] for key in sorted(concerned))


def terms_of(market: Market, told: Iterable[Told]) -> dict[str, Terms]:
    """What each broker knows of charges, and of these settlements."""
    currency, schedule = market.scenario.cash.currency, VenueSchedule.of(market.scenario)
    settlements = list(told)
    return {
        name: Terms(currency, schedule, settlements=[each.to(market.index[name]) for each in settlements])
        for name in market.scenario.brokers
    }
