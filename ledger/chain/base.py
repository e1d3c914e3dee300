"""What every chain does, whichever engine is behind it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from calendar import timegm
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from ledger.clock import Clock
from ledger.errors import SnapshotLost

State = TypeVar("State")

CHAIN_ID = 31337
GAS_LIMIT = 30_000_000_000
"""Of a block and so of a transaction, in gas: a whole cycle fits one transaction."""

NOBODY = "0x" + "00" * 20
"""Who calls where nobody in particular does."""


@dataclass(frozen=True, slots=True)
class Log:
    """An event as the chain has it. `address` is checksummed, a topic is 32 bytes."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """A block's number, hash, and time in seconds since 1970 UTC."""

    number: int
    hash: bytes
    timestamp: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of a transaction. `status` is 1, or 0 where it was refused: then there are no logs and
    `revert_data` holds exactly what the contract gave as its reason (nothing where gas ran out)."""

    transaction_hash: bytes
    block_number: int
    block_hash: bytes
    status: int
    gas_used: int
    logs: tuple[Log, ...]
    contract_address: str | None
    revert_data: bytes


class Chain(Protocol):
    """A chain that makes exactly one block a transaction. Gas costs nothing, so nobody needs ether.

    The rules are Cancun's. A chain is for one thread at a time. All hashes and data are bytes, addresses
    are hex strings.
    """

    url: str
    chain_id: int
    gas_limit: int

    def send(self, raw: bytes) -> Receipt:
        """Execute a signed transaction in a block of its own, whose time is the clock's, or a second after
        the block before it where the clock's is not later. Raises TransactionRefused and makes no block
        where the transaction's form, signature, nonce or gas is wrong; a revert does not raise."""
        ...

    def call(self, to: str, data: bytes, *, sender: str | None = None, block: int | None = None) -> bytes:
        """What a call would return on the state after `block` (None: the newest), with that block's number
        and time. Raises CallReverted or NoSuchBlock."""
        ...

    def nonce(self, address: str) -> int:
        """How many transactions an account has sent: the number its next one carries."""
        ...

    def code(self, address: str) -> bytes:
        """The code at an address; empty where there is no contract."""
        ...

    def block(self, number: int | None = None) -> Block:
        """A block, None for the newest. Raises NoSuchBlock."""
        ...

    def transaction_input(self, transaction_hash: bytes) -> bytes:
        """The calldata of a transaction. Raises NoSuchTransaction."""
        ...

    def logs(self, from_block: int, to_block: int) -> list[tuple[int, bytes, Log]]:
        """(block number, transaction hash, log) of every log from one block to another, both included."""
        ...

    def snapshot(self) -> object:
        """The state of now, to be given to `restore`."""
        ...

    def restore(self, snapshot: object) -> None:
        """Go back to a snapshot, as often as wanted. Those taken after it are gone. Raises SnapshotLost.
        The clock does not go back."""
        ...

    def close(self) -> None:
        """Let go of the engine. A second call does nothing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Snapshot:
    """What `snapshot` gives: a name that means something only to the chain that gave it."""

    __slots__ = ("serial",)

    def __init__(self, serial: int) -> None:
        self.serial = serial


class LocalChain(ABC, Generic[State]):
    """What the engines on this machine have in common: the time of blocks, and which snapshots still hold.

    `State` is what an engine needs in order to go back.
    """

    url: str
    chain_id: int = CHAIN_ID
    gas_limit: int = GAS_LIMIT

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[Snapshot, State] = {}
        self._taken = 0

    def snapshot(self) -> Snapshot:
        """See `Chain.snapshot`."""
        self._taken += 1
        snapshot = Snapshot(self._taken)
        self._kept[snapshot] = self._keep()
        return snapshot

    def restore(self, snapshot: object) -> None:
        """See `Chain.restore`."""
        if not isinstance(snapshot, Snapshot) or snapshot not in self._kept:
            raise SnapshotLost
        state = self._kept[snapshot]
        self._kept = {kept: old for kept, old in self._kept.items() if kept.serial < snapshot.serial}
        self._kept[snapshot] = self._go_back(state)

    @abstractmethod
    def _keep(self) -> State:
        """The engine's own handle of the state of now."""

    @abstractmethod
    def _go_back(self, state: State) -> State:
        """Go back to a state; the handle to go back to it the next time."""

    @abstractmethod
    def close(self) -> None:
        """See `Chain.close`."""

    def _time(self, last: int = 0) -> int:
        """The next block's time in seconds: the clock's, and later than that of the `last` block."""
        return max(timegm(self._clock.now().utctimetuple()), last + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
