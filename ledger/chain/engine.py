"""An engine executes transactions and can be thrown away: what has to be kept is in the journal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ledger.chain.base import Block, Receipt
from ledger.errors import EngineFailed, UnknownChain
from ledger.pairings import put_off

ENGINES = ("anvil", "pyevm")


class StateForgotten(EngineFailed):
    """The engine has made the block, and remembers its state no more."""


class Snapshot:
    """What `snapshot` gives: a name that means something only to the chain that gave it."""

    __slots__ = ("serial",)

    def __init__(self, serial: int) -> None:
        self.serial = serial


class Engine(Protocol):
    """An EVM that makes one block a transaction, with a genesis that follows from its time alone.

    The same transactions at the same times make the same blocks, on the same engine. `state` values are
    the engine's own and good only for it.
    """

    def execute(self, raw: bytes, timestamp: int) -> Receipt:
        """A signed transaction in a block of its own. Raises TransactionRefused and makes no block."""
        ...

    def call(self, to: str, data: bytes, *, sender: str | None = None, block: int | None = None) -> bytes:
        """See `Chain.call`. A block before the one that a dump was taken at may not be there. Raises
        StateForgotten where too many blocks came since.
        """
        ...

    def nonce(self, address: str) -> int:
        """See `Chain.nonce`."""
        ...

    def code(self, address: str) -> bytes:
        """See `Chain.code`."""
        ...

    def head(self) -> Block:
        """The newest block."""
        ...

    def header(self) -> bytes:
        """The RLP of the newest block's header. Raises EngineFailed where it does not hash to the block."""
        ...

    def proof(self, address: str, slots: Sequence[int]) -> tuple[bytes, ...]:
        """The nodes that prove an account and slots of it under the newest block's stateRoot; see
        `ledger.chain.proving`.
        """
        ...

    def dump(self) -> bytes:
        """The state of now, for a new engine of this kind to begin with."""
        ...

    def keep(self) -> Any:
        """A handle to go back to now."""
        ...

    def go_back(self, handle: Any) -> Any:
        """Go back to a handle; the one to go back there the next time."""
        ...

    def close(self) -> None:
        """Let go of everything. A second call does nothing."""
        ...


def start_engine(name: str, genesis_time: int, state: bytes | None = None, *, whole: bool = False) -> Engine:
    """A new engine; a `whole` one remembers every transaction. Raises UnknownChain, ChainUnavailable and
    EngineFailed.
    """
    # Imported here because PyEVM takes a second to load and anvil's users do not need it.
    if name == "anvil":
        from ledger.chain.anvil import AnvilEngine

        return AnvilEngine(genesis_time, state, whole=whole)
    if name == "pyevm":
        put_off()
        from ledger.chain.pyevm import PyEVMEngine

        return PyEVMEngine(genesis_time, state)
    raise UnknownChain(name, ENGINES)
