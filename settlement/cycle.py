"""The T+0 cycle: record, affirm, choose, settle. Each step is a transaction, or a few where a day is large.

The venue records what its file says. Each institution affirms from its own book. The venue chooses what can
settle with the holdings on the ledger, and the contract checks the choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from ledger.abi import WORD, Words
from ledger.chain import Receipt
from ledger.clients.clearing_house import Header, Slice
from ledger.history import RecordedBatch
from ledger.ids import day_number
from ledger.records import PAGE_BITS, Records, pack, pack_mask
from ledger.signatures import NO_CLIENTS, Affirmation, affirmation_hash
from settlement import fees
from settlement.books import Book
from settlement.liquidity import CASH, Holdings, Instruction, Shortage, choose
from settlement.market import Market
from settlement.model import Trades

BATCH_RECORDS = 8_192
"""Records in one batch at most: the contract's memory grows with the square of it."""
SLICES = 255
"""Batches in one netting set at most."""
CYCLE_S = 3_600
"""Seconds after which anyone may close a cycle that its venue left open."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What settles of some batches, and what each other trade that both sides affirmed waits for."""

    slices: tuple[Slice, ...]
    waiting: Mapping[int, tuple[tuple[str, str, int], ...]]
    """Trade number → (institution, asset, how much it is short: units or minor units), one or more."""


def batches_of(market: Market, trades: Trades) -> list[tuple[Header, Records]]:
    """The trades as batches in the contract's order: one page of trade numbers and BATCH_RECORDS at most
    each.
    """
    day = trades.trading_day
    due = day + timedelta(days=market.scenario.settlement_lag_days)
    header = market.header(day_number(day), day_number(due))
    records = to_records(market, trades)
    batches = []
    pages = records.number >> PAGE_BITS
    for page in np.unique(pages):
        rows = np.flatnonzero(pages == page)
        for start in range(0, len(rows), BATCH_RECORDS):
            part = records.take(rows[start : start + BATCH_RECORDS])
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
    clearing_house = market.clients.clearing_house
    return [clearing_house.record(market.venue, header, pack(records)) for header, records in batches]


def affirm(market: Market, batch: RecordedBatch, books: Mapping[str, Book]) -> Receipt:
    """Every institution with trades in the batch affirms it from its own book, all in one transaction."""
    signed = affirmations(market, batch, books)
    return market.clients.clearing_house.affirm(market.venue, batch.header, batch.words, signed)


def affirmations(market: Market, batch: RecordedBatch, books: Mapping[str, Book]) -> list[Affirmation]:
    """The word on a batch of every institution that has trades in it, each from its own book."""
    prior = market.chain.block()
    parties = {*batch.records.buyer.tolist(), *batch.records.seller.tolist()}
    return [
        affirmation_from_book(market, batch, book, prior.number, prior.hash)
        for book in books.values()
        if market.index[book.owner] in parties
    ]


def affirmation_from_book(
    market: Market, batch: RecordedBatch, book: Book, prior_block: int, prior_hash: bytes
) -> Affirmation:
    """The institution's signed word on a batch: its own records as its book has them.

    What was recorded serves to find the exceptions: records that the book does not have, or has otherwise.
    """
    institution = market.index[book.owner]
    own = (batch.records.buyer == institution) | (batch.records.seller == institution)
    recorded = _split(batch.words)
    held = _held(market, book, batch.header)
    agreed = np.array([held.get(word[:4]) == word for word in recorded[own].tolist()], dtype=bool)
    positions = np.flatnonzero(own)
    excepted = positions[~agreed]
    words = b"".join(held[word[:4]] for word in recorded[positions[agreed]].tolist())
    digest = market.clients.clearing_house.domain.digest(
        affirmation_hash(
            batch.batch_hash,
            institution,
            words,
            batch.records.number[excepted].tolist(),
            NO_CLIENTS,
            prior_hash,
        )
    )
    return Affirmation(
        institution,
        len(positions),
        prior_block,
        NO_CLIENTS,
        tuple(excepted.tolist()),
        market.signers[book.owner].sign_digest(digest),
    )


def choose_slices(market: Market, batches: Sequence[RecordedBatch], holdings: Holdings) -> Choice:
    """What can settle of the batches' trades, affirmed by both sides, with these holdings (by the ledger's
    indexes)."""
    schedule = fees.Schedule.of(market.scenario)
    instructions: list[Instruction] = []
    places: list[tuple[int, int]] = []
    for k, batch in enumerate(batches):
        affirmed = list(batch.affirmed_in)
        open_ = ~batch.settled & ~np.isin(batch.records.number, list(batch.disputed))
        open_ &= np.isin(batch.records.buyer, affirmed) & np.isin(batch.records.seller, affirmed)
        rows = batch.records.take(open_)
        columns = (rows.number, rows.buyer, rows.seller, rows.asset, rows.quantity, rows.amount)
        charges = (fees.commission(schedule, rows.amount), fees.levy(schedule, rows.amount))
        instructions += [
            Instruction(*each) for each in zip(*(c.tolist() for c in (*columns, *charges)), strict=True)
        ]
        places += [(k, position) for position in np.flatnonzero(open_).tolist()]
    chosen, reasons = choose(instructions, holdings)
    masks = [np.zeros(len(batch.records), dtype=bool) for batch in batches]
    for i in chosen:
        k, position = places[i]
        masks[k][position] = True
    slices = [
        Slice(batch.header, batch.words, pack_mask(mask))
        for batch, mask in zip(batches, masks, strict=True)
        if mask.any()
    ]
    waiting = {instructions[i].number: _named(market, shortages) for i, shortages in reasons.items()}
    return Choice(tuple(slices), waiting)


def settle(market: Market, slices: Sequence[Slice]) -> list[Receipt]:
    """One cycle with one netting set: open, settle, close. Nothing to settle is no cycle."""
    if not slices:
        return []
    clearing_house = market.clients.clearing_house
    deadline = market.chain.block().timestamp + CYCLE_S
    return [
        clearing_house.open_cycle(market.venue, deadline),
        clearing_house.settle(market.venue, slices),
        clearing_house.close_cycle(market.venue, market.index[market.scenario.venue]),
    ]


def _split(words: Words) -> npt.NDArray[np.void]:
    return np.frombuffer(words, dtype=f"V{WORD}")


def _held(market: Market, book: Book, header: Header) -> dict[bytes, bytes]:
    """The book's trades of the batch's day, packed, by the four bytes of the trade number."""
    if day_number(book.trades.trading_day) != header.trading_day:
        return {}
    return {word[:4]: word for word in _split(pack(to_records(market, book.trades))).tolist()}


def _named(market: Market, shortages: Iterable[Shortage]) -> tuple[tuple[str, str, int], ...]:
    institutions = {index: name for name, index in market.index.items()}
    assets = {index: code for code, index in market.asset.items()} | {CASH: market.scenario.cash.currency}
    return tuple((institutions[s.party], assets[s.asset], s.short) for s in shortages)


def holdings_of(market: Market, balances: Mapping[tuple[int, int], int]) -> Holdings:
    """Holdings for `choose_slices` from (institution, asset) → balance on the ledger."""
    cash = market.cash_asset
    held = {(party, CASH if asset == cash else asset): amount for (party, asset), amount in balances.items()}
    revenue = market.clients.revenue
    earned = {index: revenue.agreement(index, cash).total for index in market.index.values()}
    return Holdings([share.share_ppm for share in market.scenario.agreements.shares], held, earned)
