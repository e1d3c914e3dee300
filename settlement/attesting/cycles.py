"""An institution's own book of one settlement cycle.

Of the cycle is what the ledger settled in it, whole or in part, and whatever the book has that the ledger
does not know: so a false entry is signed with the rest. What settled in another cycle is of that one, and
what has not settled of none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import numpy as np
import numpy.typing as npt

from ledger.history import History, RecordedBatch
from ledger.ids import day_number, parse_day_number
from settlement.agreements.settled import before_each
from settlement.books import Settlement, Terms, movements
from settlement.books.settlements import told
from settlement.errors import NameUnknown
from settlement.fees import VenueSchedule
from settlement.model import Trades
from settlement.operations import Ledger
from settlement.reconciliation.entries import NO_DAY, NO_NUMBER, Entries
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
    settled = _settled(history, venue, cycle)
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
        others = np.setdiff1d(known, settled.get(day, ()))
        keep &= ~(rows & np.isin(entries.number, others))
    return entries.take(np.flatnonzero(keep))


def own_book(ledger: Ledger, institution: str, cycle: int) -> tuple[Entries, tuple[Balance, ...]]:
    """The entries of a broker's shelf that are of the cycle, and by how much the cycle's settlements moved
    each of its balances. Raises NameUnknown where the institution has no book there.
    """
    if institution not in ledger.market.scenario.brokers:
        raise NameUnknown("broker with a book on the shelf", institution, ledger.market.scenario.brokers)
    history, venue = ledger.read(), ledger.market.index[ledger.market.scenario.venue]
    wanted = {parse_day_number(day) for day in _settled(history, venue, cycle)}
    currency = ledger.market.scenario.cash.currency
    days = {day: rows for day, rows in ledger.books[institution].days.items() if day in wanted}
    entries = Entries.joined([_entries(rows, currency) for rows in days.values()])
    moved = _moved(ledger, institution, cycle, days)
    balances = tuple(
        Balance("cash" if asset == currency else "position", institution, asset, None, amount, None)
        for asset, amount in sorted(moved.items())
    )
    return of_cycle(ledger, institution, cycle, entries), balances


def _settled(history: History, venue: int, cycle: int) -> dict[int, npt.NDArray[np.uint32]]:
    """Trading day, yyyymmdd → numbers of the trades that the cycle settled, or parts of them."""
    transactions = history.cycles[venue, cycle]
    hashes = {each for transaction in transactions for each in history.concerned.get(transaction, ())}
    found: dict[int, npt.NDArray[np.uint32]] = {}
    for batch_hash in hashes:
        batch = history.batches[batch_hash]
        rows = _rows(batch, transactions)
        if len(rows):
            there = found.get(batch.header.trading_day, np.zeros(0, dtype=np.uint32))
            found[batch.header.trading_day] = np.union1d(there, batch.records.number[rows])
    return found


def _rows(batch: RecordedBatch, transactions: Iterable[bytes]) -> npt.NDArray[np.int64]:
    own = set(transactions)
    places = [place for place, each in enumerate(batch.settlements) if each in own]
    parts = [part.position for part in batch.parts if part.transaction in own]
    return np.concatenate(
        [np.flatnonzero(np.isin(batch.settled_in, places)), np.array(parts, dtype=np.int64)]
    )


def _moved(ledger: Ledger, institution: str, cycle: int, days: Mapping[date, Trades]) -> dict[str, int]:
    """Asset → what the cycle's settlements moved by the institution's own book, levy and shares included."""
    market, history = ledger.market, ledger.read()
    transactions = set(history.cycles[market.index[market.scenario.venue], cycle])
    order = [transaction for transaction, _ in before_each(history, market.cash_asset)]
    index = market.index[institution]
    done: list[Settlement] = [
        each.to(index)
        for transaction, each in zip(order, told(history, market.cash_asset), strict=True)
        if transaction in transactions
    ]
    settled: dict[date, npt.NDArray[np.uint32]] = {}
    starts: dict[date, dict[int, int]] = {}
    ends: dict[date, dict[int, int]] = {}
    for settlement in done:
        for day, numbers in settlement.settled.items():
            there = settled.get(day, np.zeros(0, dtype=np.uint32))
            settled[day] = np.union1d(there, np.asarray(numbers, dtype=np.uint32))
        for day, parts in settlement.parts.items():
            for number, (start, end) in parts.items():
                starts.setdefault(day, {}).setdefault(number, start)
                ends.setdefault(day, {})[number] = end
    currency, schedule = market.scenario.cash.currency, VenueSchedule.of(market.scenario)
    after = movements(institution, days, settled, Terms(currency, schedule, settlements=done), ends)
    before = movements(institution, days, {}, Terms(currency, schedule), starts)
    moved = {asset: after.get(asset, 0) - before.get(asset, 0) for asset in after.keys() | before.keys()}
    return {asset: amount for asset, amount in moved.items() if amount}


def _entries(trades: Trades, currency: str) -> Entries:
    """The shelf's rows, as they are; it says nothing of settlement dates, prices and charges."""
    count = len(trades)
    return Entries(
        parties=trades.parties,
        securities=trades.securities,
        currencies=(currency,),
        number=trades.number.astype(np.int64),
        day=np.full(count, day_number(trades.trading_day), dtype=np.int32),
        settles=np.full(count, NO_DAY, dtype=np.int32),
        time=trades.time,
        buyer=trades.buyer,
        seller=trades.seller,
        security=trades.security,
        currency=np.zeros(count, dtype=np.int32),
        quantity=trades.quantity,
        amount=trades.amount,
        price=np.full(count, -1, dtype=np.int64),
        line=trades.line,
    )
