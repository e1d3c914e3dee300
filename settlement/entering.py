"""Entering trades: the venue records what its file says, each institution affirms from its own book."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from ledger.abi import WORD, Words
from ledger.accounts import Signer
from ledger.chain import Block, Receipt
from ledger.clients.clearing_house import Header
from ledger.errors import InvalidValue
from ledger.history import RecordedBatch
from ledger.ids import day_number, parse_day_number, parse_local_code
from ledger.records import PAGE_BITS, Records, pack
from ledger.signatures import NO_CLIENTS, Affirmation, affirmation_hash
from ledger.units import MAX_AMOUNT, MAX_QUANTITY, exact
from settlement.books import Book
from settlement.errors import NameUnknown
from settlement.limits import BATCH_RECORDS, affirmed_together, records_limit
from settlement.market import Market
from settlement.model import Trades
from settlement.scenario import Scenario

ClientRoot = Callable[[str, RecordedBatch, npt.NDArray[np.int64]], bytes]
"""Of a broker's clients' allocations of those records of a batch, by position, that it agrees to."""


def no_clients(owner: str, batch: RecordedBatch, positions: npt.NDArray[np.int64]) -> bytes:
    """The root where nobody keeps allocations."""
    return NO_CLIENTS


_AFFIRMED_AT_ONCE = 64
"""Batches affirmed over one block's hash: the chain knows those of its last 256 blocks."""
_OLDEST_PRIOR = 128
"""A final block further back is not signed over, but the newest."""


@dataclass(frozen=True, slots=True)
class Excepted:
    """A recorded trade that an institution's book does not have, or has otherwise."""

    institution: str
    trading_day: date
    trade: int


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
    market: Market,
    batches: Iterable[RecordedBatch],
    books: Mapping[str, Book],
    sender: Signer,
    client_root: ClientRoot = no_clients,
) -> list[Receipt]:
    """Every institution that has a book of a batch's day affirms its trades of it, unless it has before: all
    of a batch in one transaction where the chain can carry it. Anybody may be the `sender`; `client_root`
    commits to clients' allocations."""
    house, limits = market.clients.clearing_house, market.chain.limits
    packed, receipts, rest = PackedBooks(market, books), list[Receipt](), iter(batches)
    while part := list(islice(rest, _AFFIRMED_AT_ONCE)):
        prior = _prior_block(market)
        rows = [
            (batch.header.as_tuple(), batch.words, [each.as_tuple() for each in together])
            for batch in part
            for together in affirmed_together(
                limits, len(batch.records), affirmations(market, batch, packed, prior, client_root)
            )
        ]
        receipts += house.send_all(sender, "affirm", rows)
    return receipts


def affirmations(
    market: Market,
    batch: RecordedBatch,
    books: PackedBooks,
    prior: Block,
    client_root: ClientRoot = no_clients,
) -> list[Affirmation]:
    """The word on a batch of every institution that has trades in it and has not given it, each from its own
    book; over the hash of the block `prior`."""
    present = np.zeros(1 << 16, dtype=bool)
    present[batch.records.buyer] = present[batch.records.seller] = True
    present[list(batch.affirmed_in)] = False
    day = parse_day_number(batch.header.trading_day)
    return [
        affirmation_from_book(market, batch, owner, books, prior, client_root)
        for owner, book in books.books.items()
        if present[market.index[owner]] and day in book.days
    ]


def affirmation_from_book(
    market: Market,
    batch: RecordedBatch,
    owner: str,
    books: PackedBooks,
    prior: Block,
    client_root: ClientRoot = no_clients,
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
    clients = client_root(owner, batch, own[agreed])
    digest = market.clients.clearing_house.domain.digest(
        affirmation_hash(
            batch.batch_hash,
            institution,
            held[place[agreed]].tobytes(),
            batch.records.number[excepted].tolist(),
            clients,
            prior.hash,
        )
    )
    return Affirmation(
        institution,
        len(own),
        prior.number,
        clients,
        tuple(excepted.tolist()),
        market.signers[owner].sign_digest(digest),
    )


def _prior_block(market: Market) -> Block:
    """The block whose hash is signed: the newest final one, where the chain still knows it by then."""
    newest, final = market.chain.block(), market.chain.final_block()
    return final if newest.number - final.number <= _OLDEST_PRIOR else newest


def _rows(words: Words) -> npt.NDArray[np.uint64]:
    """A row a record, as four words of 64 bits, for comparing."""
    return np.frombuffer(words, dtype=np.uint64).reshape(-1, WORD // 8)


def newly_excepted(
    names: Mapping[int, str],
    batches: Iterable[tuple[bytes, RecordedBatch]],
    before: Mapping[bytes, Mapping[int, Sequence[int]]],
) -> list[Excepted]:
    """What institutions except now and did not `before`: batch's hash → trade number → who did. `names` are
    by index."""
    return [
        Excepted(names[who], parse_day_number(batch.header.trading_day), number)
        for key, batch in batches
        for number, everyone in batch.disputed.items()
        for who in everyone
        if who not in before.get(key, {}).get(number, ())
    ]


def by_holders(trades: Trades) -> list[str]:
    """The securities, those first that most brokers trade.

    Four securities of neighbouring indexes share a storage slot of the register; where the same brokers hold
    them, a settlement writes fewer slots.
    """
    sides = [side.astype(np.int64) * len(trades.securities) + trades.security for side in _sides(trades)]
    cells = np.unique(np.concatenate(sides)) % max(len(trades.securities), 1)
    holders = np.bincount(cells, minlength=len(trades.securities)).tolist()
    order = sorted(range(len(trades.securities)), key=lambda security: (-holders[security], security))
    return [trades.securities[security] for security in order if holders[security]]


def _sides(trades: Trades) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    return trades.buyer, trades.seller


def by_hand(
    scenario: Scenario,
    now: datetime,
    number: int,
    buyer: str,
    seller: str,
    security: str,
    quantity: int,
    amount_minor: int,
) -> Trades:
    """One trade of today, done now. Raises NameUnknown and InvalidValue."""
    parties = scenario.brokers
    for name in (buyer, seller):
        if name not in parties:
            raise NameUnknown("broker", name, parties)
    if scenario.securities.listing == "listed" and security not in scenario.securities.codes:
        raise NameUnknown("security", security, scenario.securities.codes)
    if not 0 < quantity <= MAX_QUANTITY:
        raise InvalidValue("quantity", quantity, f"whole units from 1 to {MAX_QUANTITY:,} are wanted")
    if not 0 < amount_minor <= MAX_AMOUNT:
        raise InvalidValue("settlement amount", amount_minor, "more than nothing is wanted")
    return Trades(
        trading_day=now.date(),
        parties=parties,
        securities=(parse_local_code(security),),
        number=np.array([number], dtype=np.uint32),
        time=np.array([now.hour * 3600 + now.minute * 60 + now.second], dtype=np.uint32),
        buyer=np.array([parties.index(buyer)], dtype=np.int32),
        seller=np.array([parties.index(seller)], dtype=np.int32),
        security=np.zeros(1, dtype=np.int32),
        quantity=np.array([quantity], dtype=np.uint64),
        amount=exact([amount_minor]),
        line=np.ones(1, dtype=np.int64),
    )
