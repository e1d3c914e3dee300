"""The T+0 cycle: record, affirm, choose, settle. Each step is a transaction, or a few where a day is large.

The venue records what its file says. Each institution affirms from its own book. The venue chooses what can
settle with the holdings on the ledger, and the contract checks the choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from ledger.abi import WORD, Words
from ledger.accounts import Signer
from ledger.chain import Block, Receipt
from ledger.clients.clearing_house import NET, Header, Slice
from ledger.history import History, RecordedBatch
from ledger.ids import day_number, parse_day_number
from ledger.records import PAGE_BITS, Records, pack, pack_mask, pack_parts
from ledger.signatures import NO_CLIENTS, Affirmation, affirmation_hash
from settlement import fees
from settlement.books import Book
from settlement.gross import in_order
from settlement.limits import (
    BATCH_RECORDS,
    SLICES,
    Extent,
    Part,
    affirmed_together,
    next_netting_set,
    records_limit,
)
from settlement.liquidity import CASH, Holdings, Instructions, Shortage, choose
from settlement.market import Market
from settlement.model import Trades

CYCLE_S = 3_600
"""Seconds after which anyone may close a cycle that its venue left open."""
_AFFIRMED_AT_ONCE = 64
"""Batches affirmed over one block's hash: the chain knows those of its last 256 blocks."""
_OLDEST_PRIOR = 128
"""A final block further back is not signed over, but the newest."""

Balances = Mapping[tuple[int, int], int]
"""(institution, asset) → units or minor units."""
Waiting = dict[tuple[date, int], tuple[tuple[str, str, int], ...]]
"""(trading day, trade number) → (institution, asset, how much it is short: units or minor units), one or
more."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What settles of some batches, and what each other trade that both sides affirmed waits for."""

    slices: tuple[Slice, ...]
    waiting: Waiting


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of a cycle: its transactions, how many of them are netting sets, and what waits after it."""

    receipts: list[Receipt]
    waiting: Waiting
    netting_sets: int


def batches_of(market: Market, trades: Trades, *, largest: int | None = None) -> list[tuple[Header, Records]]:
    """The trades as batches in the contract's order: one page of trade numbers each, and `largest` records at
    most (None: as many as the chain can carry).
    """
    day = trades.trading_day
    due = day + timedelta(days=market.scenario.settlement_lag_days)
    header = market.header(day_number(day), day_number(due))
    records = to_records(market, trades)
    size = min(BATCH_RECORDS, largest or records_limit(market.chain.limits, len(market.index)))
    pages = records.number >> PAGE_BITS
    by_page = np.argsort(pages, kind="stable")
    starts = np.flatnonzero(np.diff(pages[by_page], prepend=-1))
    batches = []
    for rows in np.split(by_page, starts[1:]):
        for start in range(0, len(rows), size):
            part = records.take(rows[start : start + size])
            batches.append((header, part.take(part.order())))
    return batches


def to_records(market: Market, trades: Trades) -> Records:
    """The trades as the ledger has them: parties and assets by index, 0 for a security that is not listed."""
    parties = np.array([market.index[name] for name in trades.parties], dtype=np.uint16)
    assets = np.array([market.asset.get(code, 0) for code in trades.securities], dtype=np.uint16)
    return Records(
        number=trades.number,
        time=trades.time,
        buyer=parties[trades.buyer],
        seller=parties[trades.seller],
        asset=assets[trades.security],
        quantity=trades.quantity,
        amount=trades.amount,
    )


def record(market: Market, batches: Iterable[tuple[Header, Records]]) -> list[Receipt]:
    """The venue records batches."""
    rows = [(header, pack(records)) for header, records in batches]
    return market.clients.clearing_house.record_all(market.venue, rows)


class PackedBooks:
    """Institutions' books as records of the ledger, to affirm from. A day of a book is packed once."""

    def __init__(self, market: Market, books: Mapping[str, Book]) -> None:
        self.books = books
        self._market = market
        self._packed: dict[tuple[str, int], tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint64]]] = {}

    def day(self, owner: str, trading_day: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint64]]:
        """Trade numbers, rising, and a row each of the record's four words; none that is there twice, as
        nobody could say which of them the book means. `trading_day` as yyyymmdd."""
        found = self._packed.get((owner, trading_day))
        if found is None:
            found = self._packed[owner, trading_day] = self._pack(owner, parse_day_number(trading_day))
        return found

    def _pack(self, owner: str, day: date) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint64]]:
        trades = self.books[owner].days.get(day)
        if trades is None:
            return np.zeros(0, dtype=np.uint32), _rows(Words())
        order = np.argsort(trades.number)
        new = np.diff(trades.number[order].astype(np.int64), prepend=-1, append=1 << 32) != 0
        once = order[new[:-1] & new[1:]]
        return trades.number[once], _rows(pack(to_records(self._market, trades)))[once]


def affirm(
    market: Market, batches: Iterable[RecordedBatch], books: Mapping[str, Book], sender: Signer
) -> list[Receipt]:
    """Every institution that has a book of a batch's day affirms its trades of it, unless it has before: all
    of a batch in one transaction where the chain can carry it. Anybody may be the `sender`."""
    house, limits = market.clients.clearing_house, market.chain.limits
    packed, receipts, rest = PackedBooks(market, books), list[Receipt](), iter(batches)
    while part := list(islice(rest, _AFFIRMED_AT_ONCE)):
        prior = _prior_block(market)
        rows = [
            (batch.header.as_tuple(), batch.words, [each.as_tuple() for each in together])
            for batch in part
            for together in affirmed_together(
                limits, len(batch.records), affirmations(market, batch, packed, prior)
            )
        ]
        receipts += house.send_all(sender, "affirm", rows)
    return receipts


def affirmations(market: Market, batch: RecordedBatch, books: PackedBooks, prior: Block) -> list[Affirmation]:
    """The word on a batch of every institution that has trades in it and has not given it, each from its own
    book; over the hash of the block `prior`."""
    present = np.zeros(1 << 16, dtype=bool)
    present[batch.records.buyer] = present[batch.records.seller] = True
    present[list(batch.affirmed_in)] = False
    day = parse_day_number(batch.header.trading_day)
    return [
        affirmation_from_book(market, batch, owner, books, prior)
        for owner, book in books.books.items()
        if present[market.index[owner]] and day in book.days
    ]


def affirmation_from_book(
    market: Market, batch: RecordedBatch, owner: str, books: PackedBooks, prior: Block
) -> Affirmation:
    """The institution's signed word on a batch: its own records as its book has them.

    What was recorded serves to find the exceptions: records that the book does not have, or has otherwise.
    """
    institution = market.index[owner]
    numbers, held = books.day(owner, batch.header.trading_day)
    own = np.flatnonzero((batch.records.buyer == institution) | (batch.records.seller == institution))
    place = np.searchsorted(numbers, batch.records.number[own])
    known = np.flatnonzero(place < len(numbers))
    agreed = np.zeros(len(own), dtype=bool)
    agreed[known] = (held[place[known]] == _rows(batch.words)[own[known]]).all(axis=1)
    excepted = own[~agreed]
    digest = market.clients.clearing_house.domain.digest(
        affirmation_hash(
            batch.batch_hash,
            institution,
            held[place[agreed]].tobytes(),
            batch.records.number[excepted].tolist(),
            NO_CLIENTS,
            prior.hash,
        )
    )
    return Affirmation(
        institution,
        len(own),
        prior.number,
        NO_CLIENTS,
        tuple(excepted.tolist()),
        market.signers[owner].sign_digest(digest),
    )


def open_parts(batches: Iterable[RecordedBatch]) -> list[Part]:
    """What of the batches is affirmed by both sides, not out of settlement, and not settled, not in part
    either."""
    parts = []
    for batch in batches:
        affirmed = np.zeros(1 << 16, dtype=bool)
        affirmed[list(batch.affirmed_in)] = True
        rows = affirmed[batch.records.buyer] & affirmed[batch.records.seller] & (batch.settled_quantity == 0)
        if batch.disputed or batch.out:
            rows &= ~batch.barred
        if rows.any():
            parts.append(Part(batch, rows))
    return parts


def choose_slices(market: Market, parts: Sequence[Part], holdings: Holdings, model: int = NET) -> Choice:
    """What can settle of the parts together with these holdings (by the ledger's indexes), by a DvP model."""
    if not parts:
        return Choice((), {})
    open_ = [part.batch.records.take(part.rows) for part in parts]
    sizes = [len(records) for records in open_]
    days = [part.batch.header.trading_day for part in parts]
    schedule = fees.Schedule.of(market.scenario)
    amount = _column(open_, "amount")
    trades = Instructions(
        day=np.repeat(days, sizes),
        number=_column(open_, "number"),
        buyer=_column(open_, "buyer"),
        seller=_column(open_, "seller"),
        security=_column(open_, "asset"),
        quantity=_column(open_, "quantity"),
        amount=amount,
        fee=fees.commission(schedule, amount),
        levy=fees.levy(schedule, amount),
    )
    reasons: Mapping[int, Iterable[Shortage]]
    if model == NET:
        chosen, reasons = choose(trades, holdings)
        slices = _masked(parts, np.split(chosen, np.cumsum(sizes)[:-1]))
    else:
        order = in_order(trades, holdings, model)
        slices, reasons = _ordered(parts, sizes, order.rows), order.waiting
    waiting = {
        (parse_day_number(int(trades.day[row])), int(trades.number[row])): _named(market, shortages)
        for row, shortages in reasons.items()
    }
    return Choice(tuple(slices), waiting)


def _masked(parts: Sequence[Part], chosen: Sequence[npt.NDArray[np.bool_]]) -> list[Slice]:
    """A slice a part of which any is chosen."""
    slices = []
    for part, taken in zip(parts, chosen, strict=True):
        if taken.any():
            mask = np.zeros(len(part.rows), dtype=bool)
            mask[part.rows] = taken
            slices.append(Slice(part.batch.header, part.batch.words, pack_mask(mask)))
    return slices


def _ordered(parts: Sequence[Part], sizes: Sequence[int], rows: Sequence[int]) -> list[Slice]:
    """Whole trades in this order, as parts; a slice as long as they are of one batch, at most SLICES."""
    starts = np.cumsum([0, *sizes])
    taken = np.array(rows, dtype=np.int64)
    of = np.searchsorted(starts, taken, side="right") - 1
    slices = []
    for run in np.split(np.arange(len(taken)), np.flatnonzero(np.diff(of)) + 1)[:SLICES]:
        if not len(run):
            continue
        part = parts[of[run[0]]]
        positions = np.flatnonzero(part.rows)[taken[run] - starts[of[run[0]]]]
        whole = pack_parts(positions, np.zeros(len(positions), dtype=np.uint64))
        none = pack_mask(np.zeros(len(part.rows), dtype=bool))
        slices.append(Slice(part.batch.header, part.batch.words, none, whole))
    return slices


def settle(
    market: Market, read: Callable[[], History], balances: Callable[[], Balances], model: int = NET
) -> Settled:
    """Settle what can be in one cycle, each netting set chosen with the holdings of its moment, round after
    round until nothing more settles. Nothing to settle is no cycle.

    `read` and `balances` give what the ledger has whenever they are called. A cycle that the venue has
    open already, as a run that was interrupted leaves it, is used and closed.
    """
    house, venue = market.clients.clearing_house, market.index[market.scenario.venue]
    is_open = venue in read().open_cycles
    receipts: list[Receipt] = []
    waiting: Waiting = {}
    netting_sets, going_on = 0, True
    while going_on:
        before, planned, waiting = netting_sets, 0, {}
        rest = open_parts(read().batches.values())
        while rest:
            known, held = len(read().movements), balances()
            parts, left = next_netting_set(rest, held, extent_of(market), market.chain.limits)
            choice = choose_slices(market, parts, holdings_of(market, held, read()), model)
            if choice.slices and not is_open:
                market.chain.wait_until(reopens_at(market))
                receipts.append(house.open_cycle(market.venue, market.chain.block().timestamp + CYCLE_S))
                is_open = True
                if len(read().movements) != known:
                    continue  # until then institutions were free to move what they hold
            rest, planned = left, planned + 1
            waiting |= choice.waiting
            if choice.slices:
                receipts.append(house.settle(market.venue, model, choice.slices))
                netting_sets += 1
        # What one netting set brought may make a trade of another fit.
        going_on = planned > 1 and netting_sets > before
    if is_open:
        receipts.append(house.close_cycle(market.venue, venue))
    return Settled(receipts, waiting, netting_sets)


def reopens_at(market: Market) -> int:
    """Chain seconds from which a cycle may open, 0 where the next block is late enough for it."""
    house = market.clients.clearing_house
    if house.call("openCycles"):
        return 0
    from_ = int(house.call("reopenFrom"))
    return from_ if from_ > market.chain.block().timestamp + 1 else 0


def holdings_of(market: Market, balances: Balances, history: History) -> Holdings:
    """Holdings for `choose_slices` from what is on the ledger."""
    cash = market.cash_asset
    held = {(party, CASH if asset == cash else asset): amount for (party, asset), amount in balances.items()}
    shares = [share.share_ppm for share in market.scenario.agreements.shares]
    return Holdings(shares, held, history.earned(cash))


def extent_of(market: Market) -> Extent:
    """What of a market the gas of a settlement depends on."""
    securities = [index for index in market.asset.values() if index != market.cash_asset]
    return Extent(
        institutions=len(market.index),
        assets=max(securities, default=0),
        slabs=len(market.scenario.fees.slabs),
        shares=len(market.scenario.agreements.shares),
    )


def _prior_block(market: Market) -> Block:
    """The block whose hash is signed: the newest final one, where the chain still knows it by then."""
    newest, final = market.chain.block(), market.chain.final_block()
    return final if newest.number - final.number <= _OLDEST_PRIOR else newest


def _rows(words: Words) -> npt.NDArray[np.uint64]:
    """A row a record, as four words of 64 bits, for comparing."""
    return np.frombuffer(words, dtype=np.uint64).reshape(-1, WORD // 8)


def _column(parts: Sequence[Records], name: str) -> npt.NDArray[Any]:
    return np.concatenate([getattr(part, name) for part in parts])


def _named(market: Market, shortages: Iterable[Shortage]) -> tuple[tuple[str, str, int], ...]:
    institutions = {index: name for name, index in market.index.items()}
    assets = {index: code for code, index in market.asset.items()} | {CASH: market.scenario.cash.currency}
    return tuple((institutions[s.party], assets[s.asset], s.short) for s in shortages)
