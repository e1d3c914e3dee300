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
    │   └── NodeRefused       a network's node answered a request with an error
    ├── WrongChain            a network whose chain id or genesis is not the one the ledger was made on
    ├── ChainForgot           a network no longer has a block that it showed before
    ├── ResyncUnfinished      sending again what a network has lost was begun and not ended
    ├── OutcomeUnknown        a transaction was handed over, and no block held it in the time there was
    ├── FinalityUnknown       a network does not say which block is final
    ├── TransactionRefused    the engine did not take a transaction: nonce, gas, signature, form
    ├── NoSuchBlock           a block that the chain does not have
    ├── StateUnproven         a chain cannot prove what its state was after a block
    ├── NoSuchTransaction     a transaction that the chain does not have
    ├── SnapshotLost          a snapshot taken after one that has been restored since
    ├── TooEarly              what has to wait is not possible before a time that is far off
    ├── LedgerLocked          another process is writing to the ledger
    ├── StoreUnusable         a database on disk cannot be read or written: full, not permitted, busy
    ├── StoreDamaged          a database on disk is not what was written to it
    │   └── JournalDamaged    a journal differs from itself or from what its transactions give, at a block
    ├── IndexUnusable         an index that questions cannot be asked of; in ledger.index.errors
    │   ├── IndexMissing      there is none yet
    │   ├── IndexDamaged      it is not what was written
    │   ├── IndexOtherVersion another version of this package made it
    │   └── IndexForeign      it is of another chain or other contracts
    ├── IndexBusy             other processes read or write the index without end; in ledger.index.errors
    ├── KeystoreUnusable      a file of keys cannot be read or written, or is no encrypted key
    │   ├── KeystoreMissing   there is no key of this name
    │   ├── KeystoreExists    there is a key of this name already; keys are never overwritten
    │   └── WrongPassphrase   the passphrase does not open it
    ├── CallReverted          a read-only call was refused; the revert bytes, not yet decoded
    └── Reverted              a contract refused a call; one subclass an ABI error in `ledger.reverts`

`transient` says whether the same thing may work when tried again. `exit_code` is what the command
line ends with: 2 for bad input, 3 for an environment that lacks something.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
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


class NodeRefused(EngineFailed):
    """A node that somebody else runs answered with an error: its `code`, `reason` and `data`, as they are."""

    def __init__(self, url: str, request: str, code: int, reason: str, data: object) -> None:
        super().__init__(url, request, f"{reason} (code {code})")
        self.code = code
        self.reason = reason
        self.data = data


class WrongChain(LedgerError):
    """The chain behind `url` is not the one that the ledger was made on: `what` differs."""

    def __init__(self, url: str, what: str, expected: str, found: str) -> None:
        remedy = ""
        if what == "genesis":
            remedy = "; `clearing resync DIR --new-genesis` sends everything to a network that was begun anew"
        super().__init__(
            f"{url} is another chain: its {what} is {found}, and the ledger's is {expected}{remedy}"
        )
        self.url = url
        self.what = what
        self.expected = expected
        self.found = found


class ChainForgot(LedgerError):
    """The chain has another block `number` than it had, or (`found_hash` None) none: it was restarted, or
    its last blocks were replaced."""

    exit_code = 3

    def __init__(self, number: int, seen_hash: bytes, found_hash: bytes | None) -> None:
        found = f"is now 0x{found_hash.hex()}" if found_hash else "is gone"
        super().__init__(
            f"the chain's block {number:,} was 0x{seen_hash.hex()} and {found}: the chain was restarted or "
            "its last blocks replaced; `clearing resync DIR` sends again what it has lost"
        )
        self.number = number
        self.seen_hash = seen_hash
        self.found_hash = found_hash


class ResyncUnfinished(LedgerError):
    """Sending again what the chain behind `url` has lost was begun and not ended."""

    exit_code = 3

    def __init__(self, url: str) -> None:
        super().__init__(
            f"{url} has not yet got back all that it lost: `clearing resync DIR` was begun and not ended; "
            "run it again"
        )
        self.url = url


class OutcomeUnknown(LedgerError):
    """A transaction is on disk and was handed over, but it is in no block yet."""

    transient = True
    exit_code = 3

    def __init__(self, transaction_hash: bytes, waited_s: int) -> None:
        super().__init__(
            f"transaction 0x{transaction_hash.hex()} was in no block within {waited_s:,} seconds; it may "
            "still come into one, and running the command again is safe: it sends this very transaction, "
            "never another"
        )
        self.transaction_hash = transaction_hash


class FinalityUnknown(LedgerError):
    """The node behind `url` does not say which block is final."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"{url} does not say which block is final ({reason}); configure the ledger's `finality` as a "
            "number of blocks: 0 where a block is final at once (QBFT, IBFT, Clique with one sealer)"
        )
        self.url = url
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


class StateUnproven(LedgerError):
    """The chain behind `url` cannot prove its state after `block`: it has no such request or forgot it."""

    exit_code = 3

    def __init__(self, url: str, block: int, reason: str) -> None:
        super().__init__(f"chain {url!r} cannot prove its state after block {block:,}: {reason}")
        self.url = url
        self.block = block
        self.reason = reason


class NoSuchTransaction(LedgerError):
    """A transaction hash that no block of the chain holds."""

    def __init__(self, transaction_hash: bytes) -> None:
        super().__init__(f"the chain has no transaction 0x{transaction_hash.hex()}")
        self.transaction_hash = transaction_hash


class SnapshotLost(LedgerError):
    """A snapshot of another chain, or one taken after a snapshot that has been restored since."""

    def __init__(self) -> None:
        super().__init__("the snapshot is gone: an earlier one was restored, or it is of another chain")


class TooEarly(LedgerError):
    """The chain does not take what is wanted before `moment`, as in the pause after a long cycle."""

    transient = True
    exit_code = 3

    def __init__(self, moment: datetime) -> None:
        shown = moment.isoformat(timespec="seconds")
        super().__init__(f"the chain takes this from {shown} on, after a pause; run the command again then")
        self.moment = moment


class LedgerLocked(LedgerError):
    """Another process holds the ledger at `path` for writing; `holder` says which, and since when."""

    transient = True
    exit_code = 3

    def __init__(self, path: str, holder: str) -> None:
        super().__init__(f"{path} is being written to by {holder}; wait until it is done")
        self.path = path
        self.holder = holder


class StoreUnusable(LedgerError):
    """The database at `path` cannot be used; `reason` is what SQLite or the system says."""

    transient = True
    exit_code = 3

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path} cannot be used: {reason}; what was written before is still there")
        self.path = path
        self.reason = reason


class StoreDamaged(LedgerError):
    """The database at `path` is not what was written to it; `what` says where it shows."""

    exit_code = 3

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"{path} is damaged: {what}; restore it from a backup")
        self.path = path
        self.what = what


class JournalDamaged(StoreDamaged):
    """Something that was committed has changed; it shows first at `block`."""

    def __init__(self, path: str, block: int, what: str) -> None:
        super().__init__(path, f"block {block:,}: {what}")
        self.block = block


class KeystoreUnusable(LedgerError):
    """The encrypted key of `name`, in the file at `path`. No error holds a key or a passphrase."""

    exit_code = 3

    def __init__(self, name: str, path: str, reason: str) -> None:
        super().__init__(f"the key of {name!r} at {path}: {reason}")
        self.name = name
        self.path = path
        self.reason = reason


class KeystoreMissing(KeystoreUnusable):
    """There is no key of this name."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name, path, "there is none; only who holds it can sign for it")


class KeystoreExists(KeystoreUnusable):
    """There is a key of this name already."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name, path, "it is there already, and keys are never overwritten")


class WrongPassphrase(KeystoreUnusable):
    """The passphrase does not open the key."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name, path, "this passphrase does not open it")


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
