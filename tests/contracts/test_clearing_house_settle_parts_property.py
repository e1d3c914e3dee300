"""settle(model, Slice[]) over random masks and parts, right, wrong and hostile (property).

when trades are split at random, over several settlements by any models, among others ─ to the unit as whole
when masks and parts are drawn at random, and bits of them or of the records flipped   ─ what the book allows
                                                  settles as the model says; all else is refused and changes
                                                  nothing
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.abi import Words
from ledger.clients.clearing_house import Slice, Status
from ledger.errors import Reverted
from tests.contracts.clearing import Batch, Floor, mask, slice_of, transfers_in
from tests.contracts.clearing_model import Model, Outcome, Piece, Trade
from tests.contracts.office import Office
from tests.contracts.support import SECURITIES

AGREEMENTS = {"B1": (("V", 200_000), ("P", 50_000), ("R", 333_333)), "B2": (("B1", 999_999),)}
BROKERS = ("B1", "B2", "B3")
PLENTY = {(name, code): 10**13 for name in BROKERS for code in (*SECURITIES, "NPR")}
ROWS = st.lists(
    st.tuples(
        st.sampled_from(BROKERS),
        st.sampled_from(BROKERS),
        st.sampled_from(SECURITIES),
        st.integers(1, 12) | st.integers(1, 10**9),
        st.integers(1, 20_000) | st.integers(4_999_999, 50_000_001) | st.integers(1, 10**11),
    ),
    min_size=1,
    max_size=5,
)
SLOW = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=40,
    print_blob=True,
)
Rows = list[tuple[str, str, str, int, int]]


def trades_of(rows: Rows, first: int) -> list[Trade]:
    return [Trade(first + i, *row) for i, row in enumerate(rows)]


@SLOW
@given(rows=ROWS, data=st.data())
def test_settle_in_random_parts_over_several_settlements_is_settling_whole(
    office: Office, rows: Rows, data: st.DataObject
) -> None:
    snapshot = office.ledger.chain.snapshot()
    try:
        _split(office, trades_of(rows, 1), data)
    finally:
        office.ledger.chain.restore(snapshot)


def _split(office: Office, trades: list[Trade], data: st.DataObject) -> None:
    floor = office.floor
    office.ledger.issue(PLENTY)
    for payer, shares in AGREEMENTS.items():
        floor.agree(payer, shares)
    batch = floor.entered(*trades)
    office.allow(batch)
    before = floor.balances()
    floor.open()
    rest = [t.quantity for t in batch.trades]
    book = Model(AGREEMENTS)
    while any(rest):
        model = data.draw(st.sampled_from((1, 2, 3)), label="model")
        open_ = [i for i, units in enumerate(rest) if units]
        order = data.draw(st.permutations(open_), label="order")
        order = order[: data.draw(st.integers(1, len(order)))]
        parts, pieces = [], []
        for i in order:
            quantity = data.draw(st.integers(1, rest[i]) | st.just(rest[i]), label="quantity")
            start = batch.trades[i].quantity - rest[i]
            pieces.append(Piece(batch.trades[i], start, start + quantity))
            rest[i] -= quantity
            parts.append((i, 0 if not rest[i] and data.draw(st.booleans(), label="rest") else quantity))
        facts = office.ledger.facts(floor.settle(slice_of(batch, parts=parts), model=model))
        check(floor, facts, book.settle(pieces, model))
    whole = Model(AGREEMENTS).settle(batch.trades)
    assert office.statuses(batch) == [Status.SETTLED] * len(batch.trades)
    assert office.pending(batch) == 0
    after = floor.balances()
    moved = {key: after.get(key, 0) - before.get(key, 0) for key in before.keys() | after.keys()}
    assert {key: delta for key, delta in moved.items() if delta} == whole.deltas
    for payer in AGREEMENTS:
        total = office.ledger.commission_of(payer)
        assert total == whole.commission[payer]


def check(floor: Floor, facts: list[tuple[str, dict[str, Any]]], outcome: Outcome) -> None:
    assert transfers_in(facts) == floor.expected_transfers(outcome)
    (told,) = [fact for name, fact in facts if name == "NettingSetSettled"]
    sums = (told["grossAmount"], told["netAmount"], told["commission"], told["levy"])
    assert sums == (outcome.gross, outcome.net, outcome.commission.total(), outcome.levy.total())
    assert "transit" not in {holder for holder, _ in floor.balances()}


@dataclass(slots=True)
class Book:
    """Where the trades of a batch stand, by position, and whether parts are allowed."""

    batch: Batch
    status: list[Status]
    units: list[int]
    partial: list[bool]
    affirmed: bool = True

    def take(self, chosen: int, words: int, parts: Sequence[int]) -> list[Piece] | None:
        """The pieces that a slice settles; None where it must be refused."""
        count, pieces = len(self.status), []
        for word in parts:
            position, quantity = word >> 64, word & (1 << 64) - 1
            if position >= count or self.status[position] != Status.PENDING:
                return None
            trade, start = self.batch.trades[position], self.units[position]
            end = trade.quantity if quantity == 0 else start + quantity
            if end > trade.quantity or (end < trade.quantity and not self.partial[position]):
                return None
            self.units[position] = end
            if end == trade.quantity:
                self.status[position] = Status.SETTLED
            pieces.append(Piece(trade, start, end))
        if words != -(-count // 256) or chosen >> count or not (chosen or parts):
            return None
        for position in range(count):
            if chosen >> position & 1:
                if self.status[position] != Status.PENDING or self.units[position]:
                    return None
                trade = self.batch.trades[position]
                self.units[position], self.status[position] = trade.quantity, Status.SETTLED
                pieces.append(Piece(trade, 0, trade.quantity))
        return pieces if self.affirmed else None

    def copy(self) -> Book:
        return replace(self, status=list(self.status), units=list(self.units))


@dataclass(slots=True)
class Attempt:
    """A slice as it is sent: of a book, or of none where its records are altered."""

    book: int
    chosen: int
    words: int
    parts: list[int] = field(default_factory=list)
    flipped: int | None = None

    def slice(self, batch: Batch) -> Slice:
        records = bytearray(batch.records)
        if self.flipped is not None:
            at = self.flipped % (8 * len(records))
            records[at // 8] ^= 1 << at % 8
        words = b"".join(word.to_bytes(32, "big") for word in self.parts)
        bits = mask(256 * self.words, [i for i in range(256 * self.words) if self.chosen >> i & 1])
        return Slice(batch.header, Words(bytes(records)), bits, Words(words))


def attempts(data: st.DataObject, books: list[Book]) -> list[Attempt]:
    made = []
    for _ in range(data.draw(st.integers(1, 3), label="slices")):
        at = data.draw(st.integers(0, len(books) - 1), label="batch")
        book = books[at]
        count = len(book.status)
        good = [i for i in range(count) if book.status[i] == Status.PENDING]
        whole = [i for i in good if not book.units[i]]
        wild = data.draw(st.integers(0, 3), label="wild") == 0
        positions = list(range(count)) if wild else good
        parts = (
            [
                i << 64
                | data.draw(st.integers(0, book.batch.trades[i].quantity - book.units[i]) | st.just(0))
                for i in data.draw(st.lists(st.sampled_from(positions), max_size=3), label="parts")
                if positions
            ]
            if positions
            else []
        )
        free = [i for i in (range(count) if wild else whole) if wild or i not in {w >> 64 for w in parts}]
        picks = data.draw(st.sets(st.sampled_from(free)), label="mask") if free else set()
        attempt = Attempt(at, sum(1 << i for i in picks), 1, parts)
        if wild:
            kind = data.draw(st.sampled_from(["mask", "part", "record", "words", "none"]), label="flip")
            bit = data.draw(st.integers(0, 255), label="bit")
            if kind == "mask":
                attempt.chosen ^= 1 << bit
            elif kind == "part" and parts:
                parts[-1] ^= 1 << bit
            elif kind == "record":
                attempt.flipped = data.draw(st.integers(0, 256 * count - 1))
            elif kind == "words":
                attempt.words = data.draw(st.sampled_from([0, 2]))
        if attempt.words == 0:
            attempt.chosen = 0
        made.append(attempt)
    return made


@SLOW
@given(first=ROWS, second=ROWS, data=st.data())
def test_settle_over_random_hostile_masks_and_parts_settles_what_the_book_allows(
    office: Office, first: Rows, second: Rows, data: st.DataObject
) -> None:
    snapshot = office.ledger.chain.snapshot()
    try:
        _attack(office, [trades_of(first, 1), trades_of(second, 70_000)], data)
    finally:
        office.ledger.chain.restore(snapshot)


def _attack(office: Office, days: list[list[Trade]], data: st.DataObject) -> None:
    floor = office.floor
    office.ledger.issue(PLENTY)
    for payer, shares in AGREEMENTS.items():
        floor.agree(payer, shares)
    books = [_book(office, floor.entered(*trades), data) for trades in days]
    waiting = floor.batch(Trade(200_000, "B1", "B2"), Trade(200_001, "B2", "B2"))
    floor.record(waiting)
    books.append(Book(waiting, [Status.PENDING] * 2, [0, 0], [False] * 2, affirmed=False))
    floor.open()
    totals = Model(AGREEMENTS).totals
    for _ in range(data.draw(st.integers(1, 5), label="settlements")):
        made = attempts(data, books)
        model = data.draw(st.sampled_from((1, 2, 3)), label="model")
        after, pieces = [book.copy() for book in books], []
        for attempt in made:
            taken = after[attempt.book].take(attempt.chosen, attempt.words, attempt.parts)
            if attempt.flipped is not None or taken is None:
                pieces = None
                break
            pieces += taken
        before = floor.balances()
        slices = [attempt.slice(books[attempt.book].batch) for attempt in made]
        try:
            facts = office.ledger.facts(floor.settle(*slices, model=model))
        except Reverted:
            assert pieces is None, "what the book allows was refused"
            assert floor.balances() == before
        else:
            assert pieces is not None, "what the book does not allow settled"
            outcome = Model(AGREEMENTS, totals.copy()).settle(pieces, model)
            totals.update(outcome.commission)
            check(floor, facts, outcome)
            books = after
        for book in books:
            _compare(office, book)


def _book(office: Office, batch: Batch, data: st.DataObject) -> Book:
    count = len(batch.trades)
    partial = [data.draw(st.booleans(), label="partial") for _ in range(count)]
    status = [
        data.draw(st.sampled_from([Status.PENDING] * 4 + [Status.HELD, Status.CANCELLED]))
        for _ in range(count)
    ]
    for i in range(count):
        if partial[i]:
            office.allow(batch, i)
        if status[i] != Status.PENDING:
            office.set_status(batch, i, status[i])
    return Book(batch, status, [0] * count, partial)


def _compare(office: Office, book: Book) -> None:
    assert office.statuses(book.batch) == book.status
    assert office.pending(book.batch) == book.status.count(Status.PENDING)
    for i, status in enumerate(book.status):
        units = book.units[i] if status == Status.PENDING else 0
        assert office.settled_quantity(book.batch, i) == units
