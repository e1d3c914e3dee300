"""An engine executes transactions and can be thrown away: what has to be kept is in the journal."""

from __future__ import annotations

from typing import Any, Protocol

from ledger.chain.base import Block, Receipt
from ledger.errors import EngineFailed


class StateForgotten(EngineFailed):
    """The engine has made the block, and remembers its state no more."""


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
