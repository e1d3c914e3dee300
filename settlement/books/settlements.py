"""What institutions are told of settlements: which trades, which parts, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from ledger.history import History
from ledger.ids import parse_day_number
from settlement.agreements.settled import before_each
from settlement.agreements.sharing import NOTHING, Sharing
from settlement.books import Settlement, Terms
from settlement.fees import VenueSchedule
from settlement.market import Market

Ends = dict[int, tuple[int, int]]
"""Trade number → units from and up to which it settled."""


@dataclass(frozen=True, slots=True)
class Told:
    """One settlement; by trading day the numbers of trades that settled whole, and the parts of others."""

    sharing: Mapping[int, Sharing]
    """Payer → what it gave of its commission, as its agreements stood before."""
    settled: Mapping[date, npt.NDArray[np.uint32]]
    parts: Mapping[date, Ends]

    def to(self, institution: int) -> Settlement:
        """The settlement as one institution knows it."""
        return Settlement(self.sharing.get(institution, NOTHING), self.settled, self.parts)


def told(history: History, currency: int) -> Iterator[Told]:
    """Every settlement, in their order."""
    for transaction, sharing in before_each(history, currency):
        settled: dict[date, npt.NDArray[np.uint32]] = {}
        parts: dict[date, Ends] = {}
        for batch in history.batches.values():
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
        yield Told(sharing, settled, parts)


def terms_of(market: Market, history: History) -> dict[str, Terms]:
    """What each broker knows of charges, and of the settlements so far."""
    currency, schedule = market.scenario.cash.currency, VenueSchedule.of(market.scenario)
    settlements = list(told(history, market.cash_asset))
    return {
        name: Terms(currency, schedule, settlements=[each.to(market.index[name]) for each in settlements])
        for name in market.scenario.brokers
    }
