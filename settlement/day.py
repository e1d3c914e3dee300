"""One business day from a trade file, from an empty chain to reconciled books.

    with open_day(...) as day:     the market is on the chain
        day.fund()                 opening balances issued
        day.record()               the ledger knows the trades
        day.affirm()               each institution has signed what its own book agrees to
        day.settle()               what can settle has, in one cycle
        day.reconcile()            each broker's book is held against the ledger

`run` does them all. The steps are apart so that a test, or a demonstration, can stand between them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from time import perf_counter

from ledger import history as chain_history
from ledger.chain import Chain, Receipt, connect
from ledger.clock import SteppedClock
from ledger.history import RecordedBatch
from ledger.records import Records
from ledger.units import PPM
from settlement import cycle, fees, netting
from settlement.books import Book, Terms
from settlement.books.own_file import read_books
from settlement.market import Market, establish
from settlement.model import Intake, Trades
from settlement.reconciliation import Account, Break, Compared, accounts, ledger_trades, reconcile
from settlement.revenue import given
from settlement.scenario import Scenario
from settlement.verification import verify

OPENING = time(9)
"""Of the simulated day's clock, UTC."""
Progress = Callable[[str], None]
STAGES = ("market", "fund", "record", "affirm", "settle", "reconcile")
"""Of a day, in their order; intake comes before."""


def _quiet(_: str) -> None:
    """Progress that nobody looks at."""


@dataclass(slots=True)
class Day:
    """A day under way. What a step has found stays here for the report."""

    market: Market
    intake: Intake
    books: dict[str, Book]
    progress: Progress = _quiet
    receipts: dict[str, list[Receipt]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    waiting: dict[int, tuple[tuple[str, str, int], ...]] = field(default_factory=dict)
    history: chain_history.History = field(default_factory=chain_history.nothing)
    accounts: dict[str, Account] = field(default_factory=dict)
    breaks: list[Break] = field(default_factory=list)
    compared: Compared = field(default_factory=lambda: Compared(0, 0, 0, 0))

    @property
    def terms(self) -> Terms:
        """What brokers know of charges."""
        scenario = self.market.scenario
        shares = tuple(share.share_ppm for share in scenario.agreements.shares)
        return Terms(scenario.cash.currency, fees.Schedule.of(scenario), shares)

    def fund(self) -> None:
        """Issue the opening balances: what the day takes from each broker net, the cash by the scenario's
        cover.
        """
        with self._stage("fund"):
            holdings = opening(self.intake, self.market.scenario)
            reference = f"opening {self.intake.trades.trading_day}"
            self.receipts["fund"] = self.market.issue(holdings, reference)
            for broker, book in self.books.items():
                own = {
                    asset: amount for (name, asset), amount in holdings.items() if name == broker and amount
                }
                self.books[broker] = Book(broker, book.trades, own)

    def record(self, alter: Callable[[Records], Records] | None = None) -> None:
        """The venue records the file's trades; `alter` changes a batch first, as a venue in error would."""
        with self._stage("record"):
            batches = cycle.batches_of(self.market, self.intake.trades)
            if alter is not None:
                batches = [(header, alter(records)) for header, records in batches]
            self.receipts["record"] = cycle.record(self.market, batches)

    def affirm(self) -> None:
        """Every broker affirms from its own book."""
        with self._stage("affirm"):
            batches = self.read().batches.values()
            self.receipts["affirm"] = [cycle.affirm(self.market, batch, self.books) for batch in batches]

    def settle(self) -> None:
        """Choose what can settle with the balances on the ledger, settle it, and close the books.

        One cycle with one netting set, unless there are more batches than one can have.
        """
        with self._stage("settle"):
            self.receipts["settle"] = []
            batches = list(self.read().batches.values())
            parts = [batches[i : i + cycle.SLICES] for i in range(0, len(batches), cycle.SLICES)]
            while self._settle_once(parts) and len(parts) > 1:
                pass  # what one netting set brought may make a trade of another fit
            verify(self.market, self.read())
            settled = {
                number
                for batch in self.read().batches.values()
                for number in batch.records.number[batch.settled].tolist()
            }
            self.books = {name: book.close(settled, self.terms) for name, book in self.books.items()}

    def _settle_once(self, parts: list[list[RecordedBatch]]) -> bool:
        """One netting set a part; whether any trade settled."""
        before = len(self.receipts["settle"])
        self.waiting = {}
        for part in parts:
            held = cycle.holdings_of(self.market, self.balances())
            now = [self.read().batches[batch.batch_hash] for batch in part]
            choice = cycle.choose_slices(self.market, now, held)
            self.waiting |= choice.waiting
            self.receipts["settle"] += cycle.settle(self.market, choice.slices)
        return len(self.receipts["settle"]) > before

    def reconcile(self) -> None:
        """Hold each broker's book against the ledger."""
        with self._stage("reconcile"):
            found = self.read()
            batches = list(found.batches.values())
            self.accounts = accounts(self.market, found.movements, self.balances())
            self.breaks = []
            totals = [0, 0, 0, 0]
            recorded, settled = ledger_trades(self.market, batches, self.intake.trades)
            for name, book in self.books.items():
                index = self.market.index[name]
                excepted = [n for b in batches for n, who in b.disputed.items() if index in who]
                account = self.accounts[name]
                breaks, compared = reconcile(book, recorded, settled, excepted, account, self.terms)
                self.breaks += breaks
                counts = (compared.books, compared.trades, compared.positions, compared.cash)
                totals = [a + b for a, b in zip(totals, counts, strict=True)]
            self.compared = Compared(*totals)

    def read(self) -> chain_history.History:
        """What the chain says happened so far."""
        head = self.market.chain.block().number
        if head != self.history.head:
            self.history = chain_history.read(self.market.clients)
        return self.history

    def balances(self) -> dict[tuple[int, int], int]:
        """What the register says each institution holds now, (institution, asset) → amount, zeros left
        out.
        """
        return self.market.clients.register.balances(self.read().movements.places())

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        self.progress(name)
        start = perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - start


def opening(intake: Intake, scenario: Scenario) -> dict[tuple[str, str], int]:
    """What each broker opens with: (broker, asset) → units, or minor units of cash.

    Exactly what the day takes from it net, revenue shares and levy included, and nothing where the day gives;
    of the cash the scenario's cover, rounded down.
    """
    trades = intake.trades
    schedule = fees.Schedule.of(scenario)
    shares = [share.share_ppm for share in scenario.agreements.shares]
    held: dict[tuple[str, str], int] = {}
    for party, row in zip(trades.parties, netting.net_quantities(trades).tolist(), strict=True):
        held |= {(party, code): -net for code, net in zip(trades.securities, row, strict=True) if net < 0}
    cash = netting.net_cash(trades) - netting.both_sides(trades, fees.levy(schedule, trades.amount))
    earned = netting.both_sides(trades, fees.commission(schedule, trades.amount))
    for party, net, commission in zip(trades.parties, cash.tolist(), earned.tolist(), strict=True):
        taken = given(0, commission, shares) - net
        if taken > 0:
            held[party, scenario.cash.currency] = taken * scenario.cover_ppm // PPM
    return held


def by_holders(trades: Trades) -> list[str]:
    """The securities, those first that most brokers trade.

    Four securities of neighbouring indexes share a storage slot of the register; where the same brokers hold
    them, a settlement writes fewer slots.
    """
    cells = {
        (party, security)
        for side in (trades.buyer, trades.seller)
        for party, security in zip(side.tolist(), trades.security.tolist(), strict=True)
    }
    holders = Counter(security for _, security in cells)
    order = sorted(range(len(trades.securities)), key=lambda security: (-holders[security], security))
    return [trades.securities[security] for security in order]


@contextmanager
def open_day(
    scenario: Scenario, intake: Intake, data: bytes, *, chain: str | Chain, progress: Progress = _quiet
) -> Iterator[Day]:
    """The scenario's market on a chain, and the day's books; `data` are the trade file's bytes.

    `chain` is a URL for a new chain, which ends with the day, or a chain that is the caller's.
    """
    trading_day = intake.trades.trading_day
    clock = SteppedClock(datetime.combine(trading_day, OPENING, UTC))
    engine = connect(chain, clock=clock) if isinstance(chain, str) else chain
    try:
        progress("market")
        start = perf_counter()
        market = establish(engine, scenario)
        market.list_securities(by_holders(intake.trades))
        books = read_books(data, scenario, trading_day, {reject.line for reject in intake.rejects})
        day = Day(market, intake, books, progress)
        day.seconds["market"] = perf_counter() - start
        yield day
    finally:
        if isinstance(chain, str):
            engine.close()


def run(day: Day) -> None:
    """All steps of the day."""
    day.fund()
    day.record()
    day.affirm()
    day.settle()
    day.reconcile()
