"""A local chain: the journal, and an engine that is started when something has to be executed or asked.

What was committed is read from the journal alone. An engine that dies is replaced by another, which gets the
newest state and the transactions since.
"""

from __future__ import annotations

from calendar import timegm
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from eth_utils import keccak

from ledger.chain.base import CHAIN_ID, GAS_LIMIT, Block, Body, Limits, Mined, Receipt
from ledger.chain.engine import Engine, Snapshot, StateForgotten, start_engine
from ledger.chain.journal import Entry, Journal, Origin
from ledger.chain.receipts import alone
from ledger.chain.replay import brought_to, headers_made, replay
from ledger.chain.states import States
from ledger.clock import Clock
from ledger.errors import (
    ChainUnavailable,
    EngineFailed,
    JournalDamaged,
    LedgerError,
    SnapshotLost,
    StateUnproven,
    StoreDamaged,
    StoreUnusable,
    TransactionRefused,
    WrongChain,
)
from ledger.transactions import calldata

_T = TypeVar("_T")
JOURNAL = "journal.sqlite"
STATES = "state"
_WORTH_A_STATE = {"anvil": (200_000_000, 5_000_000), "pyevm": (3_000_000, 100_000)}
"""Gas that takes an engine some tenths of a second, and what a transaction takes besides its own; where more
came since the state that the engine began with, another is kept."""


class LocalChain:
    """See `Chain`. `folder` holds the journal and the engine's states; without one all ends with the
    object.
    """

    chain_id = CHAIN_ID
    gas_limit = GAS_LIMIT
    limits = Limits(GAS_LIMIT)

    def __init__(
        self, engine: str, *, clock: Clock, folder: Path | None = None, write: bool = True, blocks: int = 0
    ) -> None:
        """Open the journal, or begin one. A writer executes what an earlier one left in it.

        `blocks` are known to have been there; a journal without them is not taken for a new one. Raises what
        `Journal` does, WrongChain where the journal is another engine's, and what `start_engine` does where
        an engine is needed.
        """
        self.url = engine
        self.write = write
        self._clock = clock
        self._engine: Engine | None = None
        self._begins_at = 0
        self._unsure = False
        self._new_state = False
        self._kept: dict[Snapshot, tuple[int, Any]] = {}
        self._taken = 0
        self._states = None if folder is None else States(folder / STATES)
        path = None if folder is None else folder / JOURNAL
        if path is not None and blocks and not path.exists():
            raise StoreDamaged(str(path), "it is gone")
        self.journal = Journal(path, write=write)
        try:
            origin = self.journal.origin
            if self.journal.entries < blocks:
                raise JournalDamaged(
                    self.journal.name, self.journal.entries + 1, "it is gone, with what came after"
                )
            if origin is None and not write:
                raise StoreUnusable(self.journal.name, "nothing has been written to it yet")
            if origin is not None and origin.engine != engine:
                raise WrongChain(engine, "engine", origin.engine, engine)
            if origin is None:
                self._begin()
            elif write:
                self._finish()
                self._running()
        except BaseException:
            self.close()
            raise

    def send(self, raw: bytes) -> Receipt:
        """See `Chain.send`."""
        return self.send_all([raw])[0]

    def send_all(self, raws: Sequence[bytes]) -> list[Receipt]:
        """See `Chain.send_all`."""
        return self._send(raws, own=True)

    def send_foreign(self, raw: bytes) -> Receipt:
        """`send` for a transaction that is not this program's."""
        return self._send([raw], own=False)[0]

    def follow(self, addresses: Sequence[str]) -> None:
        """See `Chain.follow`. Here every event is read with one look."""

    def fees(self) -> tuple[int, int]:
        """See `Chain.fees`."""
        return 0, 0

    def gas_for(self, sender: str, to: str | None, data: bytes) -> int:
        """See `Chain.gas_for`. Here nobody pays for gas or shares a block."""
        return GAS_LIMIT

    def wait_until(self, timestamp: int) -> None:
        """See `Chain.wait_until`."""
        if timestamp > self.block().timestamp + 1:
            self._clock.wait_until(datetime.fromtimestamp(timestamp, UTC))

    def call(self, to: str, data: bytes, *, sender: str | None = None, block: int | None = None) -> bytes:
        """See `Chain.call`."""
        number = None if block is None else self.block(block).number
        if number is not None and self.engine and number < self._begins_at:
            self._drop_engine()
            self._start(None)
        try:
            return self._ask(lambda engine: engine.call(to, data, sender=sender, block=number))
        except StateForgotten:
            assert number is not None
            with closing(brought_to(number, self.journal, self._further())) as engine:
                return engine.call(to, data, sender=sender)

    def nonce(self, address: str) -> int:
        """See `Chain.nonce`."""
        return self._ask(lambda engine: engine.nonce(address))

    def code(self, address: str) -> bytes:
        """See `Chain.code`."""
        return self._ask(lambda engine: engine.code(address))

    def block(self, number: int | None = None) -> Block:
        """See `Chain.block`."""
        return self.journal.block(number)

    def final_block(self) -> Block:
        """See `Chain.final_block`."""
        return self.journal.block()

    def transaction_input(self, transaction_hash: bytes) -> bytes:
        """See `Chain.transaction_input`."""
        return calldata(self.journal.entry(self.journal.number_of(transaction_hash)).raw)

    def receipt(self, transaction_hash: bytes) -> Receipt:
        """See `Chain.receipt`."""
        return self.journal.receipt(self.journal.number_of(transaction_hash))

    def logs(self, from_block: int, to_block: int) -> list[Mined]:
        """See `Chain.logs`."""
        return [
            Mined(receipt.block_number, receipt.transaction_hash, receipt.logs)
            for receipt in self.journal.receipts(from_block, to_block)
            if receipt.logs
        ]

    def headers(self, first: int, last: int) -> list[bytes]:
        """See `Chain.headers`. Read from the journal; those that it lacks are made again by executing all up
        to the last of them, once. Raises NoSuchBlock, JournalDamaged.
        """
        kept = self.journal.headers(first, last)
        missing = [first + i for i, header in enumerate(kept) if header is None]
        if missing:
            made = self._twice(lambda: headers_made(missing[-1], self.journal, self._further()))
            self.journal.keep_headers(made)
            kept = self.journal.headers(first, last)
        return [header for header in kept if header is not None]

    def body(self, number: int) -> Body:
        """See `Chain.body`. From the journal alone."""
        self.journal.block(number)
        if not number:
            return Body((), ())
        return alone(self.journal.entry(number).raw, self.journal.receipt(number))

    def state_proof(self, address: str, slots: Sequence[int], block: int) -> tuple[bytes, ...]:
        """See `Chain.state_proof`. Of the newest block only."""
        if self.block(block).number != self.journal.height:
            raise StateUnproven(self.url, block, f"it proves its newest, {self.journal.height:,}, only")
        return self._ask(lambda engine: engine.proof(address, slots))

    def check(self) -> int:
        """Execute every transaction since the genesis again and compare every block; how many there are.

        The engine then remembers them all. Raises JournalDamaged at the first that differs.
        """
        self._drop_engine()
        self._start(None, whole=True)
        return self.journal.height

    def snapshot(self) -> Snapshot:
        """The state of now, to be given to `restore`; of a chain that is in memory."""
        self._taken += 1
        snapshot = Snapshot(self._taken)
        self._kept[snapshot] = self.journal.height, self.engine.keep()
        return snapshot

    def restore(self, snapshot: object) -> None:
        """Go back to a snapshot, as often as wanted. Those taken after it are gone. Raises SnapshotLost.
        The clock does not go back."""
        if not isinstance(snapshot, Snapshot) or snapshot not in self._kept or self.journal.path is not None:
            raise SnapshotLost
        height, state = self._kept[snapshot]
        self._kept = {kept: old for kept, old in self._kept.items() if kept.serial < snapshot.serial}
        self._kept[snapshot] = height, self.engine.go_back(state)
        self.journal.truncate(height)

    def close(self) -> None:
        """Let go of the engine and the journal, keeping a state where replaying would take long."""
        try:
            with suppress(LedgerError):  # a state is only a shortcut
                self._keep_state()
        finally:
            self._drop_engine()
            self.journal.close()

    @property
    def engine(self) -> Engine:
        """The engine, started and brought to the journal's newest block where it was not yet."""
        if self._unsure:
            self._look_again()
        return self._running()

    def _running(self) -> Engine:
        if self._engine is None:
            self._start(self._states)
        assert self._engine is not None
        return self._engine

    def _ask(self, question: Callable[[Engine], _T]) -> _T:
        """What an engine answers; where it died, another one that has the same blocks."""
        return self._twice(lambda: question(self.engine))

    def _begin(self) -> None:
        time = timegm(self._clock.now().utctimetuple())
        genesis, header = self._twice(lambda: (self._new(time), self._running().header()))
        self.journal.begin(Origin(self.url, CHAIN_ID, time, genesis.hash), header)

    def _new(self, genesis_time: int, *, whole: bool = False) -> Block:
        """A new engine for this chain; its genesis."""
        self._engine, self._begins_at = start_engine(self.url, genesis_time, whole=whole), 0
        return self._engine.head()

    def _twice(self, do: Callable[[], _T]) -> _T:
        """Do it; where the engine dies meanwhile, again with another, which has all that was committed."""
        try:
            return do()
        except ChainUnavailable:
            self._drop_engine()
        return do()

    def _send(self, raws: Sequence[bytes], *, own: bool) -> list[Receipt]:
        if self._unsure:
            self._look_again()
        times = []
        last = self.journal.block().timestamp
        for _ in raws:
            last = max(timegm(self._clock.now().utctimetuple()), last + 1)
            times.append(last)
        with self._to_the_end():
            self.journal.intend(list(zip(times, raws, strict=True)), own=own)
            return self._perform(self.journal.pending())

    @contextmanager
    def _to_the_end(self) -> Iterator[None]:
        """What is interrupted in here, by a full disk or by the user, leaves it open how far it came."""
        self._unsure = True
        try:
            yield
        except TransactionRefused:
            self._unsure = False  # it is withdrawn
            raise
        self._unsure = False

    def _look_again(self) -> None:
        self._drop_engine()
        self.journal.reload()
        self._finish()

    def _finish(self) -> None:
        """Execute what an earlier run, or an earlier `send`, left. A refusal concerns nobody any more."""
        with suppress(TransactionRefused), self._to_the_end():
            self._perform(self.journal.pending())

    def _perform(self, entries: Sequence[Entry]) -> list[Receipt]:
        """Execute entries and write what came of them; one that is refused is taken back with the rest."""
        receipts = []
        for entry in entries:
            try:
                receipt, header = self._twice(partial(self._execute, entry))
            except TransactionRefused:
                self.journal.withdraw()
                raise
            self.journal.conclude(receipt, entry.time, header)
            receipts.append(receipt)
        return receipts

    def _execute(self, entry: Entry) -> tuple[Receipt, bytes]:
        """What came of an entry, and its block's header."""
        try:
            receipt = self._running().execute(entry.raw, entry.time)
            if not receipt.status and self._begins_at and self.url == "anvil":
                # anvil keeps, of a state that it was given, also the empty slots that a reverted transaction
                # read, and so makes another root. An engine that made every block makes that of all others.
                self._drop_engine()
                self._start(None)
                receipt = self._running().execute(entry.raw, entry.time)
                self._new_state = True  # blocks after this one cannot be made from an older state
            header = self._running().header()
        except TransactionRefused:
            if self._running().head().number != self.journal.height:
                self._drop_engine()  # it has made a block without the transaction
            raise
        except BaseException:
            self._drop_engine()  # nobody knows whether it has executed the entry
            raise
        if receipt.block_number != entry.number:
            self._drop_engine()
            raise EngineFailed(
                self.url, "execute", f"it made block {receipt.block_number}, not {entry.number}"
            )
        if keccak(header) != receipt.block_hash:
            self._drop_engine()
            raise EngineFailed(self.url, "header", f"it is not that of block {entry.number}")
        return receipt, header

    def _start(self, states: States | None, *, whole: bool = False) -> None:
        """Start an engine from the newest state, or without one, and replay what came since."""
        self._twice(lambda: self._bring_up(states, whole))

    def _bring_up(self, states: States | None, whole: bool) -> None:
        assert self.journal.origin is not None
        genesis_time = self.journal.origin.genesis_time
        for number, state in states.newest_first(self.journal) if states else ():
            with suppress(EngineFailed, ChainUnavailable):  # a state is only a shortcut
                self._engine, self._begins_at = start_engine(self.url, genesis_time, state), number
                if self._engine.head() == self.journal.block(number):
                    with suppress(JournalDamaged):  # a transaction that was reverted since: see `_execute`
                        self._replay(self._engine, number)
                        return
            self._drop_engine()
        if self._new(genesis_time, whole=whole).hash != self.journal.origin.genesis_hash:
            self._drop_engine()
            raise EngineFailed(
                self.url, "start", "it does not make the genesis that the journal has: another version?"
            )
        assert self._engine is not None
        self._replay(self._engine, 0)

    def _replay(self, engine: Engine, after: int) -> None:
        try:
            replay(self.journal, engine, after, self.journal.height)
        except BaseException:
            self._drop_engine()
            raise

    def _further(self) -> Engine:
        """A further engine, with the genesis alone."""
        assert self.journal.origin is not None
        return start_engine(self.url, self.journal.origin.genesis_time)

    def _keep_state(self) -> None:
        if self._engine is None or self._states is None or not self.write or self._unsure:
            return
        enough, each = _WORTH_A_STATE[self.url]
        blocks = self.journal.height - self._begins_at
        if self._new_state or self.journal.gas_since(self._begins_at) + each * blocks >= enough:
            self._states.keep(self.journal.block(), self._engine.dump())

    def _drop_engine(self) -> None:
        if self._engine is not None:
            engine, self._engine = self._engine, None
            engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
