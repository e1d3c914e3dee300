"""Every error that `ledger` raises on purpose.

    LedgerError
    ├── InvalidValue          a number, code or date that is not what its place asks for
    ├── CompilerMissing       no Node, no solc, no py-solc-x, or no installed npm packages
    ├── CompilerFailed        solc refused the sources; the message is solc's own
    ├── ArtifactsMissing      neither compiled contracts nor their sources are there
    ├── ArtifactsStale        the committed compiled contracts are not what the sources compile to
    ├── UnknownChain          a chain URL that `ledger.chain.connect` does not know
    ├── ChainUnavailable      the engine is not installed, did not start, or has gone away
    ├── EngineFailed          the engine answered something that a working engine does not
    ├── TransactionRefused    the engine did not take a transaction: nonce, gas, signature, form
    ├── NoSuchBlock           a block that the chain does not have
    ├── NoSuchTransaction     a transaction that the chain does not have
    ├── SnapshotLost          a snapshot taken after one that has been restored since
    ├── CallReverted          a read-only call was refused; the revert bytes, not yet decoded
    └── Reverted              a contract refused a call; one subclass an ABI error in `ledger.reverts`

`transient` says whether the same thing may work when tried again. `exit_code` is what the command
line ends with: 2 for bad input, 3 for an environment that lacks something.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class LedgerError(Exception):
    """The root: catching it catches every expected failure of this package."""

    transient: ClassVar[bool] = False
    exit_code: ClassVar[int] = 2


class InvalidValue(LedgerError):
    """A value that its place does not take: `what` it should be, the `value` given, and the `reason`."""

    def __init__(self, what: str, value: object, reason: str) -> None:
        shown = repr(value)
        super().__init__(f"{shown if len(shown) <= 80 else shown[:77] + '...'} is no {what}: {reason}")
        self.what = what
        self.value = value
        self.reason = reason


class CompilerMissing(LedgerError):
    """Something that compiling needs is not installed; `remedy` says how to get it."""

    exit_code = 3

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"cannot compile the contracts: {what}; {remedy}")
        self.what = what
        self.remedy = remedy


class CompilerFailed(LedgerError):
    """The compiler refused the sources. The text is the compiler's, as it formats it."""

    exit_code = 3

    def __init__(self, messages: Sequence[str]) -> None:
        super().__init__("\n".join(message.rstrip() for message in messages))
        self.messages = tuple(messages)


class ArtifactsMissing(LedgerError):
    """The package holds no compiled contracts and no sources to compile."""

    exit_code = 3

    def __init__(self, path: str) -> None:
        super().__init__(
            f"no compiled contracts at {path} and no sources to compile; install the package again"
        )
        self.path = path


class ArtifactsStale(LedgerError):
    """The compiled contracts in the repository differ from what their sources compile to."""

    exit_code = 3

    def __init__(self, path: str, differing: Sequence[str]) -> None:
        super().__init__(
            f"{path} is not what the sources compile to ({', '.join(differing)}); "
            "run `python -m ledger.compile` and commit the file"
        )
        self.path = path
        self.differing = tuple(differing)


class UnknownChain(LedgerError):
    """A chain URL of no known kind."""

    def __init__(self, url: str, known: Sequence[str]) -> None:
        super().__init__(f"unknown chain {url!r}; known: {', '.join(known)}")
        self.url = url
        self.known = tuple(known)


class ChainUnavailable(LedgerError):
    """The engine behind `url` is not installed, did not start, or is no longer there."""

    transient = True
    exit_code = 3

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"chain {url!r} is not available: {reason}")
        self.url = url
        self.reason = reason


class EngineFailed(LedgerError):
    """The engine behind `url` refused or garbled a request that a working engine answers."""

    exit_code = 3

    def __init__(self, url: str, request: str, reason: str) -> None:
        super().__init__(f"chain {url!r} failed at {request}: {reason}")
        self.url = url
        self.request = request
        self.reason = reason


class TransactionRefused(LedgerError):
    """The engine did not accept a transaction; no block was made and no nonce was used."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the chain did not take the transaction: {reason}")
        self.reason = reason


class NoSuchBlock(LedgerError):
    """A block number beyond the newest block."""

    def __init__(self, number: int) -> None:
        super().__init__(f"the chain has no block {number}")
        self.number = number


class NoSuchTransaction(LedgerError):
    """A transaction hash that no block of the chain holds."""

    def __init__(self, transaction_hash: bytes) -> None:
        super().__init__(f"the chain has no transaction 0x{transaction_hash.hex()}")
        self.transaction_hash = transaction_hash


class SnapshotLost(LedgerError):
    """A snapshot of another chain, or one taken after a snapshot that has been restored since."""

    def __init__(self) -> None:
        super().__init__("the snapshot is gone: an earlier one was restored, or it is of another chain")


class CallReverted(LedgerError):
    """A read-only call was refused. `revert_data` is what the contract returned, undecoded."""

    def __init__(self, revert_data: bytes) -> None:
        super().__init__(f"the call was refused with {_shown(revert_data)}")
        self.revert_data = revert_data


class Reverted(LedgerError):
    """A contract refused a call or a transaction.

    `selector` is the error's first four bytes (empty where the contract gave no data) and `data`
    the whole of the revert data, the selector included. One subclass an ABI error carries the
    operands by name.
    """

    def __init__(self, selector: bytes, data: bytes) -> None:
        super().__init__(f"the contract refused with {_shown(data)}")
        self.selector = selector
        self.data = data


def _shown(data: bytes) -> str:
    return f"0x{data.hex()}" if data else "no data"
