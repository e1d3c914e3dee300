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
from settlement.reconciliation.entries import BY_NUMBER, NO_NUMBER, Entries
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


def index_of(ledger: Ledger, institution: str) -> int:
    """The index of an institution. Raises NameUnknown."""
    if institution not in ledger.market.index:
        raise NameUnknown("institution", institution, list(ledger.market.index))
    return ledger.market.index[institution]


def of_cycle(ledger: Ledger, institution: str, cycle: int, entries: Entries) -> Entries:
    """Those entries that are the institution's and of the cycle. Of a file of the whole market its own are
    those in which it is a party, and those under a number that is one of its trades on the ledger.
    """
    history, venue = ledger.read(), ledger.market.index[ledger.market.scenario.venue]
    index = index_of(ledger, institution)
    settled = {day_number(day): list(numbers) for day, numbers in _settled(ledger, cycle).items()}
    keep = np.array(entries.of(institution))
    for day in np.unique(entries.day).tolist():
        there = [
            batch.records
            for batch in history.batches.values()
            if (batch.header.venue, batch.header.trading_day) == (venue, day)
        ]
        if not there:
            continue
        known = np.concatenate([records.number for records in there])
        party = np.concatenate([(each.buyer == index) | (each.seller == index) for each in there])
        rows = (entries.day == day) & (entries.number != NO_NUMBER)
        keep |= rows & np.isin(entries.number, known[party])
        others = np.setdiff1d(known, settled.get(day, []))
        keep &= ~(rows & np.isin(entries.number, others))
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
    return of_cycle(ledger, institution, cycle, entries), balances


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
