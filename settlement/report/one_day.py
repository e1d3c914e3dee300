"""One trading day of a ledger that has several.

A netting set may settle trades of several days. What it moved for one of them is worked out from that day's
trades in it. Commission accrues to a payer's running totals, in which the days of a set come after each other
by date; so what the days' shares come to is what the set paid, to the unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ledger.clients.consortium import TRANSIT
from ledger.history import NOBODY, History, Movements, RecordedBatch
from ledger.units import exact, exact_add, exact_sum
from settlement.agreements.settled import accruals
from settlement.agreements.sharing import Running
from settlement.agreements.standing import Accrual
from settlement.fees import VenueSchedule, commission, levy
from settlement.market import Market
from settlement.reconciliation.ledger_side import Account

Place = tuple[int, int]
"""Institution and asset, by index."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What one party received of one payer's commission in one transaction, by one agreement. Amounts in
    minor units.
    """

    payer: str
    party: str
    agreement_id: int
    period: int
    """First month: year * 12 + month - 1."""
    share_ppm: int | None
    """Where the party's share is a fixed one of all commission."""
    total_before: int
    """The payer's running total of commission before the transaction; `total_after` after it."""
    total_after: int
    amount: int
    transaction: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The `batches` of trading `day` (yyyymmdd) in a ledger that has those of other days, too; `settlements`
    are the transactions that settled any of their trades."""

    market: Market
    history: History
    schedule: VenueSchedule
    levy_beneficiary: int
    day: int
    batches: tuple[RecordedBatch, ...]
    settlements: tuple[bytes, ...]


def accrued(history: History, names: Mapping[int, str]) -> tuple[Shared, ...]:
    """Each party's part of each accrual."""
    return tuple(
        each
        for accrual, before in accruals(history)
        for each in _split(accrual, before, accrual.after - accrual.before, names)
    )


def shared(part: Part) -> tuple[Shared, ...]:
    """Each party's part of what the day's trades add to each payer's running totals."""
    names = {index: name for name, index in part.market.index.items()}
    earlier = [batch for batch in part.history.batches.values() if batch.header.trading_day < part.day]
    ahead, own = (_earned(part, batches) for batches in (earlier, part.batches))
    found: list[Shared] = []
    for accrual, before in accruals(part.history):
        key = accrual.transaction, accrual.payer
        if earned := own.get(key, 0):
            found += _split(accrual, before.after(ahead.get(key, 0)), earned, names)
    return tuple(found)


def _split(accrual: Accrual, before: Running, earned: int, names: Mapping[int, str]) -> Iterator[Shared]:
    rows = zip(before.receivers, before.fixed_ppm, before.paid(earned), strict=True)
    for receiver, share_ppm, amount in rows:
        if receiver in names:
            yield Shared(
                payer=names[accrual.payer],
                party=names[receiver],
                agreement_id=accrual.agreement_id,
                period=accrual.period,
                share_ppm=share_ppm,
                total_before=before.total,
                total_after=before.total + earned,
                amount=amount,
                transaction=accrual.transaction,
            )


def accounts(part: Part, moves: Movements, split: Iterable[Shared]) -> dict[str, Account]:
    """Each institution's account after `moves`: `moved` is what the day's trades moved, `opening` all that
    was there besides.
    """
    holders = list(part.market.index.values())
    held = moves.net(holders, other=[NOBODY, TRANSIT, *holders])
    moved = _moved(part, split)
    names = {index: name for name, index in part.market.index.items()}
    codes = {index: code for code, index in part.market.asset.items()}
    sides: dict[str, list[dict[str, int]]] = {name: [{}, {}, {}] for name in part.market.index}
    for place in sorted(held.keys() | moved.keys()):
        closing, change = held.get(place, 0), moved.get(place, 0)
        for side, amount in zip(sides[names[place[0]]], (closing - change, change, closing), strict=True):
            if amount:
                side[codes[place[1]]] = amount
    return {name: Account(*three) for name, three in sides.items()}


def movements(part: Part) -> Movements:
    """What moved up to the block of the day's last settlement; everything where there is none."""
    moves = part.history.movements
    blocks = part.history.blocks
    last = max((blocks[transaction] for transaction in part.settlements), default=part.history.head)
    changes = np.flatnonzero(moves.transaction[1:] != moves.transaction[:-1]) + 1
    starts = [0, *changes.tolist()] if len(moves) else []
    later = (start for start in starts if blocks[moves.transaction[start].tobytes()] > last)
    return moves.take(np.arange(next(later, len(moves))))


def _earned(part: Part, batches: Iterable[RecordedBatch]) -> dict[tuple[bytes, int], int]:
    """(transaction, institution) → commission that the transaction's trades of these batches earned it."""
    found: dict[tuple[bytes, int], int] = {}
    wanted = frozenset(part.settlements)
    width = max(part.market.index.values(), default=0) + 1
    for batch in batches:
        for place, transaction in enumerate(batch.settlements):
            if transaction not in wanted:
                continue
            rows = batch.records.take(batch.settled_in == place)
            each = commission(part.schedule, rows.amount)
            parties = np.concatenate([rows.buyer, rows.seller]).astype(np.int64)
            totals = exact_add(width, parties, np.concatenate([each, each]))
            for party in np.flatnonzero(totals).tolist():
                key = transaction, party
                found[key] = found.get(key, 0) + int(totals[party])
    return found


def _moved(part: Part, split: Iterable[Shared]) -> dict[Place, int]:
    """(institution, asset) → what the day's settled trades moved, levy and revenue shares included."""
    cash, index = part.market.cash_asset, part.market.index
    total: dict[Place, int] = {}

    def add(party: int, asset: int, amount: int) -> None:
        total[party, asset] = total.get((party, asset), 0) + amount

    for batch in part.batches:
        rows = batch.records.take(batch.settled)
        quantity, levied = exact(rows.quantity), levy(part.schedule, rows.amount)
        asset = rows.asset.astype(np.int64)
        buyer, seller = rows.buyer.astype(np.int64), rows.seller.astype(np.int64)
        places = np.concatenate([buyer << 16 | asset, seller << 16 | asset])
        cells, cell = np.unique(places, return_inverse=True)
        units = exact_add(len(cells), cell, np.concatenate([quantity, -quantity]))
        for place, amount in zip(cells.tolist(), units.tolist(), strict=True):
            add(place >> 16, place & 0xFFFF, amount)
        parties = np.concatenate([buyer, seller, buyer, seller])
        change = np.concatenate([-rows.amount, rows.amount, -levied, -levied])
        for party, amount in enumerate(exact_add(int(parties.max(initial=-1)) + 1, parties, change).tolist()):
            add(party, cash, amount)
        add(part.levy_beneficiary, cash, 2 * exact_sum(levied))
    for each in split:
        add(index[each.payer], cash, -each.amount)
        add(index[each.party], cash, each.amount)
    return {place: amount for place, amount in total.items() if amount}
