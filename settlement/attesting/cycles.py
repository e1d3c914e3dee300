"""An institution's own book of one settlement cycle.

Of the cycle is what the ledger settled in it, whole or in part, and whatever the book has that the ledger
does not know: so a false entry is signed with the rest. What settled in another cycle is of that one, and
what has not settled of none.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from ledger.ids import day_number
from settlement.errors import NameUnknown
from settlement.fees import VenueSchedule
from settlement.operations import Ledger
from settlement.reconciliation.entries import BY_NUMBER, Entries
from settlement.reconciliation.flows import Charges, Settlements
from settlement.reconciliation.ledger_side import NAMINGS, entries_of
from settlement.sources import Balance


def closed_cycle(ledger: Ledger, cycle: int | None = None) -> int:
    """The venue's cycle of that number, its newest where none is given. Raises NameUnknown where there is no
    such cycle, or it is open.
    """
    history, venue = ledger.read(), ledger.market.index[ledger.market.scenario.venue]
    still_open = history.open_cycles.get(venue)
    closed = sorted(number for at, number in history.cycles if at == venue and number != still_open)
    if not closed or (cycle is not None and cycle not in closed):
        shown = "newest" if cycle is None else str(cycle)
        raise NameUnknown("closed cycle", shown, [*map(str, closed)] or ["none"])
    return closed[-1] if cycle is None else cycle


def of_cycle(ledger: Ledger, cycle: int, entries: Entries) -> Entries:
    """Those of an institution's entries that are of the cycle."""
    mine = {(day_number(day), number) for day, each in _settled(ledger, cycle).items() for number in each}
    history, venue = ledger.read(), ledger.market.index[ledger.market.scenario.venue]
    keep = np.ones(len(entries), dtype=bool)
    for batch in history.batches.values():
        if batch.header.venue == venue:
            day = batch.header.trading_day
            known = [n for n in batch.records.number.tolist() if (day, n) not in mine]
            keep &= ~((entries.day == day) & np.isin(entries.number, known))
    return entries.take(np.flatnonzero(keep))


def own_book(ledger: Ledger, institution: str, cycle: int) -> tuple[Entries, tuple[Balance, ...]]:
    """The entries of a broker's shelf that are of the cycle, and by how much the cycle's settlements moved
    each of its balances. Raises NameUnknown where the institution has no book there.
    """
    market = ledger.market
    if institution not in market.scenario.brokers:
        raise NameUnknown("broker with a book on the shelf", institution, market.scenario.brokers)
    days = ledger.shelf.days(institution, market.scenario, only=_settled(ledger, cycle))
    currency = market.scenario.cash.currency
    naming = NAMINGS.get(market.scenario.format, BY_NUMBER)
    entries = Entries.joined([entries_of(rows, currency, naming) for rows in days.values()])
    charges = Charges(market, VenueSchedule.of(market.scenario))
    moved = charges.places(institution, charges.flows(institution, days, _done(ledger, cycle)))
    balances = tuple(
        Balance(level, institution, asset, None, amount, None)
        for (level, asset), amount in sorted(moved.items())
        if level != "revenue"
    )
    return of_cycle(ledger, cycle, entries), balances


def _done(ledger: Ledger, cycle: int) -> Settlements:
    history, venue = ledger.read(), ledger.market.index[ledger.market.scenario.venue]
    told = ledger.told()
    return Settlements.of_cycle([told[each] for each in history.cycles[venue, cycle] if each in told])


def _settled(ledger: Ledger, cycle: int) -> dict[date, set[int]]:
    """Trading day → numbers of the trades that the cycle settled, or parts of them."""
    done = _done(ledger, cycle)
    return {
        day: {*map(int, done.settled.get(day, ())), *done.parts.get(day, ())}
        for day in {*done.settled, *done.parts}
    }
