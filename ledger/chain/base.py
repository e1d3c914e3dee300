"""What every chain does, whichever is behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from ledger.chain.logs import Log, Logs

__all__ = [
    "CHAIN_ID",
    "GAS_LIMIT",
    "NOBODY",
    "Block",
    "Body",
    "Chain",
    "Limits",
    "Log",
    "Logs",
    "Mined",
    "Receipt",
]

CHAIN_ID = 31337
"""Of local chains."""
GAS_LIMIT = 30_000_000_000
"""Of a local chain's block and so of a transaction, in gas: a whole cycle fits one transaction."""

NOBODY = "0x" + "00" * 20
"""Who calls where nobody in particular does."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one transaction may be: gas, and bytes as signed (None where nobody counts them)."""

    transaction_gas: int
    transaction_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A block's number, hash, and time in seconds since 1970 UTC."""

    number: int
    hash: bytes
    timestamp: int


@dataclass(frozen=True, slots=True)
class Body:
    """What a block holds, in its order: transactions as they were signed, and receipts as the block's
    receiptsRoot has them, with their type before them (EIP-2718)."""

    transactions: tuple[bytes, ...]
    receipts: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of a transaction. `status` is 1, or 0 where it was refused: then there are no logs and
    `revert_data` holds exactly what the contract gave as its reason (nothing where gas ran out)."""

    transaction_hash: bytes
    block_number: int
    block_hash: bytes
    status: int
    gas_used: int
    logs: Logs
    contract_address: str | None
    revert_data: bytes


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction in a block, and its events."""

    block_number: int
    transaction_hash: bytes
    logs: Logs


class Chain(Protocol):
    """A chain, local or a consortium's.

    The rules are Cancun's. A chain is for one thread at a time. All hashes and data are bytes, addresses
    are hex strings. *Included* is what a block holds; *final* what no other block can replace.
    """

    url: str
    chain_id: int
    gas_limit: int
    limits: Limits

    def send(self, raw: bytes) -> Receipt:
        """Execute a signed transaction and wait for what came of it; it is on disk before the chain sees it.

        A local chain gives it a block of its own, whose time is the clock's, or a second after the block
        before it where the clock's is not later. Raises TransactionRefused and makes no block where the
        transaction's form, signature, nonce or gas is wrong; a revert does not raise."""
        ...

    def send_all(self, raws: Sequence[bytes]) -> list[Receipt]:
        """`send` for several, written to disk together and executed in their order.

        Raises TransactionRefused at the first that is refused; those before it have been executed."""
        ...

    def follow(self, addresses: Sequence[str]) -> None:
        """Give only these contracts' events from now on, where there are others on the chain."""
        ...

    def fees(self) -> tuple[int, int]:
        """The highest fee and the tip, in wei a gas, that a transaction should offer now; both 0 where gas
        costs nothing."""
        ...

    def gas_for(self, sender: str, to: str | None, data: bytes) -> int:
        """The gas limit that a transaction should carry; the most there may be where nobody can tell, as
        for one that needs another before it."""
        ...

    def wait_until(self, timestamp: int) -> None:
        """Return when the next block's time can be this or later, in seconds since 1970."""
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

    def final_block(self) -> Block:
        """The newest final block; on a local chain the newest of all."""
        ...

    def transaction_input(self, transaction_hash: bytes) -> bytes:
        """The calldata of a transaction. Raises NoSuchTransaction."""
        ...

    def receipt(self, transaction_hash: bytes) -> Receipt:
        """What came of a transaction. Raises NoSuchTransaction."""
        ...

    def logs(self, from_block: int, to_block: int) -> list[Mined]:
        """Every transaction with events from one block to another, both included."""
        ...

    def headers(self, first: int, last: int) -> list[bytes]:
        """The headers of blocks `first` to `last`, each the RLP that hashes to the block's hash."""
        ...

    def body(self, number: int) -> Body:
        """What a block holds; its roots are those of the header. Raises NoSuchBlock."""
        ...

    def state_proof(self, address: str, slots: Sequence[int], block: int) -> tuple[bytes, ...]:
        """The nodes of the state trie and of the account's storage trie that lead to the account and to the
        slots, or to where they are missing, under the block's stateRoot; as eth_getProof has them, each once.
        A local chain proves its newest block only. Raises StateUnproven where the chain cannot.
        """
        ...

    def close(self) -> None:
        """Let go of the chain. A second call does nothing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
