"""What is done on a ledger: record, affirm, fund, settle, reconcile.

Each step reads what the chain has and does what is missing, so that it can be repeated after whatever
interrupted it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from eth_utils import keccak

from ledger.chain import LocalChain, Receipt
from ledger.clients.clearing_house import NET
from ledger.clock import Clock, SystemClock
from ledger.history import History, RecordedBatch, read
from ledger.ids import day_number
from ledger.records import Records
from settlement import choosing, cycle, entering
from settlement.books import Book, Terms
from settlement.books.settlements import Tellings, Told, terms_of
from settlement.books.shelf import Shelf
from settlement.clients.committing import client_root
from settlement.clients.kept import Kept
from settlement.errors import NameUnknown
from settlement.funding import need
from settlement.limits import issued_at_once
from settlement.market import Market
from settlement.model import Intake, Trades
from settlement.outcomes import Outcomes
from settlement.reconciliation.ledger_side import (
    EVERYTHING,
    Scope,
    ledger_trades,
    settled_numbers,
    settled_parts,
    trades_of,
)
from settlement.rules import call_requirements, set_rules
from settlement.verification import verify

if TYPE_CHECKING:
    from settlement.clients.columns import Allocations
    from settlement.liquidity import Search
    from settlement.reconciliation.model import Refused
    from settlement.reconciliation.running import Amend, Reconciled
    from settlement.sources import Source

Progress = Callable[[str], None]
STAGES = ("market", "books", "record", "affirm", "fund", "settle", "reconcile")
"""Of a day, in their order; intake comes before."""


def quiet(_: str) -> None:
    """Progress that nobody looks at."""


@dataclass(slots=True)
class Ledger:
    """A ledger that is open: its market, what its chain says, the institutions' books.

    `receipts` and `seconds` are of this process, by stage.
    """

    market: Market
    shelf: Shelf
    path: Path | None = None
    progress: Progress = quiet
    allocations: Kept = field(default_factory=Kept)
    """What brokers keep of whom of their clients each trade was for."""
    clock: Clock = field(default_factory=SystemClock)
    """Says which day today is."""
    receipts: dict[str, list[Receipt]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    on_cycle: Callable[[Ledger, int], None] | None = None
    """Called with the number of each cycle that has settled."""
    outcomes: Outcomes = field(init=False)
    """What failed and what defaulted, as it was read."""
    _history: History = field(default_factory=History)
    _tellings: Tellings = field(default_factory=Tellings)
    _verified: int = 0
    _books: dict[str, Book] | None = None

    def __post_init__(self) -> None:
        self.outcomes = Outcomes(self.market)
        self.read()

    def read(self) -> History:
        """What the chain says happened so far. Raises LedgerDisagrees where what it says of fails and
        defaults is not what comes out of its own facts.
        """
        if self.market.chain.block().number != self._history.head:
            read(self.market.clients, self._history)
            self.market.know(self._history)
            before = dict(self.outcomes.advised)
            self.outcomes.follow(self._history)
            self._advise(before)
        return self._history

    def _advise(self, before: Mapping[int, int]) -> None:
        """Tell the books that are closed of cash that has moved since otherwise than by settling trades."""
        cash, now = self.market.scenario.cash.currency, self.outcomes.advised
        for name, book in (self._books or {}).items():
            index = self.market.index[name]
            if book.closing and (more := now.get(index, 0) - before.get(index, 0)):
                closing = {**book.closing, cash: book.closing.get(cash, 0) + more}
                self._books = {**(self._books or {}), name: replace(book, closing=closing)}

    @property
    def books(self) -> dict[str, Book]:
        """Every broker's book, from its own records; kept until a step changes them."""
        if self._books is None:
            opened = self._deposits()
            scenario = self.market.scenario
            self._books = {
                name: Book(name, self.shelf.days(name, scenario), opened.get(name, {}))
                for name in scenario.brokers
            }
        return self._books

    def recorded_numbers(self, day: date) -> npt.NDArray[np.uint32]:
        """The trade numbers of a trading day that the ledger has."""
        number = day_number(day)
        there = [b.records.number for b in self.read().batches.values() if b.header.trading_day == number]
        return np.concatenate([np.zeros(0, dtype=np.uint32), *there])

    def admitted(self, intake: Intake) -> Intake:
        """What intake read, with the rows refused in which a party is suspended: the venue cannot record
        them.
        """
        out = {name for name, index in self.market.index.items() if index in self.read().suspended}
        return intake.without(out, "is suspended") if out else intake

    def record(
        self,
        intake: Intake,
        data: bytes,
        *,
        source: str,
        rejects_file: str | None = None,
        affirm: bool = True,
        alter: Callable[[Records], Records] | None = None,
        allocations: Mapping[str, Allocations] | None = None,
    ) -> None:
        """The venue records a file's trades; its bytes `data` are what the institutions' books are made of.

        `alter` changes a batch first, as a venue in error would; `allocations` are brokers' to their clients.
        """
        self.keep(intake, data, source=source, rejects_file=rejects_file)
        self.allocate(allocations or {})
        self.enter(intake.trades, alter)
        if affirm:
            self.affirm()

    def keep(self, intake: Intake, data: bytes, *, source: str, rejects_file: str | None = None) -> None:
        """Keep a trade file's own side as the institutions' books."""
        with self._stage("books"):
            self.shelf.add(data, intake, self.market.scenario, source=source, rejects_file=rejects_file)
            self._books = None

    def allocate(self, allocations: Mapping[str, Allocations]) -> None:
        """Keep brokers' allocations to their clients, for their affirmations to commit to."""
        with self._stage("books"):
            for broker, found in allocations.items():
                self.allocations.keep(broker, found)

    def trade(self, buyer: str, seller: str, security: str, quantity: int, amount_minor: int) -> int:
        """Record one trade by hand: of today, under the next number that is free, as a batch of its own.

        It goes into both parties' books. Returns its number. Raises NameUnknown and InvalidValue.
        """
        now = self.clock.now()
        number = 1 + int(max(self.recorded_numbers(now.date()), default=0))
        said = buyer, seller, security, quantity, amount_minor
        trades = entering.by_hand(self.market.scenario, now, number, *said)
        self.shelf.enter(trades, source="by hand")
        self._books = None
        self.enter(trades)
        return number

    def affirm(
        self, institution: str | None = None, book: Mapping[date, Trades] | None = None
    ) -> list[entering.Excepted]:
        """Affirm what was recorded and is not affirmed yet: every broker that is not suspended
        from its own book, or one `institution`, from `book` where it is given. Returns what they except.
        """
        with self._stage("books"):
            kept = self.books
        with self._stage("affirm"):
            if institution is not None and institution not in self.market.scenario.brokers:
                raise NameUnknown("broker", institution, self.market.scenario.brokers)
            if institution is None:
                out = self.read().suspended
                books = {
                    name: each
                    for name, each in kept.items()
                    if name in self.market.signers and self.market.index[name] not in out
                }
                sender = self.market.venue
            else:
                books = {institution: Book(institution, book) if book else kept[institution]}
                sender = self.market.signers[institution]
            before = {key: {n: list(who) for n, who in b.disputed.items()} for key, b in self._batches()}
            unaffirmed = [batch for _, batch in self._batches()]
            roots = client_root(self.market, self.allocations)
            done = entering.affirm(self.market, unaffirmed, books, sender, roots)
            self.receipts.setdefault("affirm", []).extend(done)
        names = {index: name for name, index in self.market.index.items()}
        return entering.newly_excepted(names, self._batches(), before)

    def fund(self, cover_ppm: int | None = None) -> dict[tuple[str, str], int]:
        """Issue what the pending trades need beyond what is held; of cash the scenario's cover, or another.

        Returns (institution, asset) → units or minor units issued.
        """
        with self._stage("fund"):
            part = self.market.scenario.cover_ppm if cover_ppm is None else cover_ppm
            securities = self.market.scenario.securities_ppm
            lacking = need(
                self.market, self.read(), self.balances(), part, securities, now_s=self.seconds_now
            )
            done = self.receipts.setdefault("fund", [])
            most = issued_at_once(self.market.chain.limits)
            cash = self.market.scenario.cash
            for issuer in (self.market.scenario.securities.issuer, cash.issuer):
                rows = [
                    (place, amount)
                    for place, amount in lacking.items()
                    if (place[1] == cash.currency) == (issuer == cash.issuer)
                ]
                for start in range(0, len(rows), most):
                    done.append(self._issue(issuer, dict(rows[start : start + most])))
            done += call_requirements(self.market, self.read())
            self._books = None
        return lacking

    def settle(self, search: Search | None = None, model: int = NET) -> cycle.Settled:
        """Settle what can by a DvP model, in one cycle, and check every figure of it against the recorded
        trades. `search` says what should be as large as can be, value where nobody says.

        Raises LedgerDisagrees.
        """
        with self._stage("settle"):
            settled = cycle.settle(self.market, self.read, self.balances, search, model, self.seconds_now)
            self.settled_by(settled.receipts)
        return settled

    @property
    def seconds_now(self) -> int:
        """What time it is where blocks have this program's time; 0 on a network, which has its own."""
        local = isinstance(self.market.chain, LocalChain)
        return int(self.clock.now().timestamp()) if local else 0

    def settled_by(self, receipts: Sequence[Receipt]) -> None:
        """Take account of settlements: check them, close the books that are open. Raises LedgerDisagrees."""
        self.receipts.setdefault("settle", []).extend(receipts)
        history = self.read()
        verify(self.market, history, since=self._verified)
        self._verified = len(history.netting_sets)
        if self._books is not None:
            numbers, terms = settled_numbers(history.batches.values()), self.terms()
            self._books = {
                name: self._closed(book, numbers, terms[name]) for name, book in self._books.items()
            }

        if self.on_cycle is not None:
            sent = {receipt.transaction_hash for receipt in receipts}
            venue = self.market.index[self.market.scenario.venue]
            for (opened_by, cycle), transactions in history.cycles.items():
                if opened_by == venue and sent.intersection(transactions):
                    self.on_cycle(self, cycle)

    def _closed(self, book: Book, settled: Mapping[date, npt.NDArray[np.uint32]], terms: Terms) -> Book:
        parts = settled_parts(self.read().batches.values())
        return book.close(settled, terms, parts, self.outcomes.advised[self.market.index[book.owner]])

    def waiting(self) -> Mapping[tuple[date, int], tuple[tuple[str, str, int], ...]]:
        """What each affirmed trade waits for that the plain rule would not settle now: (trading day, number)
        → (institution, asset, how much it is short), one or more.
        """
        held = cycle.holdings_of(self.market, self.balances(), self.read(), self.seconds_now)
        parts = cycle.open_parts(self.read())
        return choosing.waits_for(self.market, parts, held)

    def reconcile(
        self,
        scope: Scope = EVERYTHING,
        sources: Sequence[Source] = (),
        refused: Sequence[Refused] = (),
        amend: Amend | None = None,
        unread: Collection[str] = (),
    ) -> Reconciled:
        """Hold books and statements against the ledger: the `sources`, and of each broker that brings none
        its own records, unless its book is `unread`; both as `amend` corrects them. Of one trading day its
        trades, and positions and cash as they stand; of one cycle what it moved. Raises NameUnknown.
        """
        from settlement.reconciliation.running import as_it_is, reconcile

        with self._stage("reconcile"):
            return reconcile(self, scope, sources, refused, amend or as_it_is, unread)

    def closed_books(self) -> dict[str, Book]:
        """Every broker's book as it closes now, by what the broker was told."""
        if all(book.closing for book in self.books.values()):
            return self.books
        numbers, terms = settled_numbers(self.read().batches.values()), self.terms()
        return {
            name: book if book.closing else self._closed(book, numbers, terms[name])
            for name, book in self.books.items()
        }

    def terms(self) -> dict[str, Terms]:
        """What each broker knows of charges, and of the settlements so far."""
        return terms_of(self.market, self.told().values())

    def told(self) -> dict[bytes, Told]:
        """What institutions were told of each settlement, by transaction, in their order."""
        return self._tellings.follow(self.read(), self.market.cash_asset)

    @property
    def moment(self) -> datetime:
        """What time it is: by the clock, or by the newest block where a simulated clock stands still."""
        newest = datetime.fromtimestamp(self.market.chain.block().timestamp, UTC)
        return max(self.clock.now(), newest)

    def trades_by_day(self) -> dict[date, Trades]:
        """The trades as the ledger has them, by trading day."""
        history = self.read()
        return trades_of(ledger_trades(self.market, history, history.batches.values()).entries)

    def balances(self) -> dict[tuple[int, int], int]:
        """What the register says each institution holds now, (institution, asset) → amount, zeros left
        out.
        """
        return self.market.clients.register.balances(self.read().movements.places())

    def enter(self, trades: Trades, alter: Callable[[Records], Records] | None = None) -> None:
        """The venue records trades that the books have; `alter` changes a batch first."""
        with self._stage("market"):
            self.market.list_securities(entering.by_holders(trades))
            self.read()
            done = set_rules(self.market, self.outcomes, self.shelf.deposit)
            self.receipts.setdefault("market", []).extend(done)
        with self._stage("record"):
            batches = entering.batches_of(self.market, trades)
            if alter is not None:
                batches = [(header, alter(records)) for header, records in batches]
            self.receipts.setdefault("record", []).extend(entering.record(self.market, batches))

    def _batches(self) -> list[tuple[bytes, RecordedBatch]]:
        return list(self.read().batches.items())

    def _issue(self, issuer: str, amounts: Mapping[tuple[str, str], int]) -> Receipt:
        """Issue under a reference that follows from how often the issuer has sent: the same when repeated.

        The institutions' books know of it first; what was never issued, `_deposits` leaves out.
        """
        nonce = self.market.chain.nonce(self.market.signers[issuer].address)
        reference = keccak(text=f"fund/{issuer}/{nonce}")
        self.shelf.deposit(reference, amounts)
        return self.market.issue(issuer, reference, amounts)

    def _deposits(self) -> dict[str, dict[str, int]]:
        """Institution → asset → what it was told that it was credited, by instructions that were executed."""
        executed = {reference for _, reference in self.read().issues}
        found: dict[str, dict[str, int]] = {}
        for reference, amounts in self.shelf.deposits().items():
            if reference in executed:
                for (name, asset), amount in amounts.items():
                    own = found.setdefault(name, {})
                    own[asset] = own.get(asset, 0) + amount
        return found

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        self.progress(name)
        start = perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - start
