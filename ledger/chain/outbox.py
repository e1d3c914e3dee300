"""The outbox of a ledger on somebody else's chain: every transaction that was signed, on disk before it is
sent, and what the chain showed of it.

Transactions are a chain of digests, each over the one before it and its own row; what became of one, and
every block seen, has a digest of its own. All of them are computed again when the outbox is opened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ledger.chain.store import committed, connect, guarded
from ledger.errors import StoreDamaged, WrongChain

Status = Literal["pending", "included", "final", "refused", "replaced"]
"""pending: signed, in no block that is known. included: in a block. final: in a block that stays.
refused: the node did not take it. replaced: another transaction used its nonce."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS transactions (
    seq INTEGER PRIMARY KEY, sender TEXT NOT NULL, nonce INTEGER NOT NULL, hash BLOB NOT NULL UNIQUE,
    raw BLOB NOT NULL, digest BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS outcomes (
    seq INTEGER PRIMARY KEY REFERENCES transactions, status TEXT NOT NULL, number INTEGER, block BLOB,
    outcome INTEGER, first_outcome INTEGER, reason TEXT NOT NULL, digest BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS by_sender ON transactions (sender, nonce);
CREATE INDEX IF NOT EXISTS by_status ON outcomes (status);
CREATE TABLE IF NOT EXISTS blocks (number INTEGER PRIMARY KEY, hash BLOB NOT NULL, digest BLOB NOT NULL);
"""
_FORMAT = b"1"
_DIGEST = 32
_ROW = "t.seq, sender, nonce, hash, raw, status, number, block, outcome, first_outcome, reason"
_FROM = "FROM transactions t JOIN outcomes o ON o.seq = t.seq"


@dataclass(frozen=True, slots=True)
class Signed:
    """A transaction before it is in the outbox. `nonce` is its sender's."""

    sender: str
    nonce: int
    hash: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """A transaction of the outbox. `outcome` is 1 where it did what it says, 0 where a contract refused it,
    None where that is not known; `first_outcome` that of the first block that ever held it."""

    seq: int
    sender: str
    nonce: int
    hash: bytes
    raw: bytes
    status: Status
    block_number: int | None
    block_hash: bytes | None
    outcome: int | None
    first_outcome: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A block that the chain showed."""

    number: int
    hash: bytes


class Outbox:
    """An outbox on disk. One process writes; others may read meanwhile."""

    def __init__(self, path: Path, *, write: bool = True) -> None:
        """Open or, for writing, create. Raises StoreUnusable, and StoreDamaged where a digest differs."""
        self.path = path
        self._write = write
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = connect(path, write=write)
        with self._guarded():
            if write:
                self._connection.executescript(_SCHEMA)
                path.chmod(0o600)
            self._verify()

    def bind(self, chain_id: int, genesis: bytes) -> None:
        """Make a new outbox that of a chain. Raises WrongChain where it is another's."""
        with self._guarded():
            found = self._meta("chain_id")
            if found is None:
                if not self._write:
                    return
                with committed(self._connection):
                    self._set("format", _FORMAT)
                    self._set("chain_id", str(chain_id).encode())
                    self._set("genesis", genesis)
                return
        if int(found) != chain_id:
            raise WrongChain(str(self.path), "chain id", found.decode(), str(chain_id))
        if self.genesis != genesis:
            raise WrongChain(str(self.path), "genesis", "0x" + self.genesis.hex(), "0x" + genesis.hex())

    @property
    def genesis(self) -> bytes:
        """The hash of block 0 of the chain that this is the outbox of; empty where it is none's yet."""
        with self._guarded():
            return self._meta("genesis") or b""

    def add(self, transactions: Sequence[Signed]) -> None:
        """Put transactions at the end, on disk when this returns. What is there already is not put again;
        one that was refused is pending again."""
        with self._guarded(), committed(self._connection):
            last = self._connection.execute("SELECT max(seq) FROM transactions").fetchone()[0] or 0
            digest = self._meta("digest") or b""
            for transaction in transactions:
                known = self._one("WHERE hash = ?", transaction.hash)
                if known is not None:
                    if known.status in ("refused", "replaced"):
                        self._put(known, "pending")
                    continue
                last += 1
                digest = _link(digest, last, transaction)
                row = (last, transaction.sender, transaction.nonce, transaction.hash, transaction.raw, digest)
                self._connection.execute("INSERT INTO transactions VALUES (?, ?, ?, ?, ?, ?)", row)
                self._write_outcome((last, "pending", None, None, None, None, ""))
            self._set("digest", digest)
            self._set("count", str(last).encode())

    def included(self, found: Iterable[tuple[bytes, int, bytes, int]]) -> None:
        """Write down (transaction, block number, block hash, status) of what the chain has. It need not be on
        disk when this returns: what is not is found again."""
        with self._guarded(), committed(self._connection, durable=False):
            for transaction_hash, number, block_hash, status in found:
                entry = self._one("WHERE hash = ?", transaction_hash)
                if entry is None or (entry.status == "final" and entry.block_hash == block_hash):
                    continue
                self._put(entry, "included", (number, block_hash, status))
                self._see(Seen(number, block_hash))

    def mark(self, transaction_hash: bytes, status: Literal["refused", "replaced"], reason: str) -> None:
        """Write down that the chain will not have a transaction."""
        with self._guarded(), committed(self._connection):
            entry = self._one("WHERE hash = ?", transaction_hash)
            if entry is not None:
                self._put(entry, status, reason=reason)

    def see(self, head: Seen) -> None:
        """Write down the newest block that the chain showed."""
        with self._guarded(), committed(self._connection, durable=False):
            self._set("head", head.number.to_bytes(8, "big") + head.hash)

    def finalize(self, final: Seen) -> None:
        """Everything included up to a block is final, and that block with it."""
        with self._guarded(), committed(self._connection):
            for entry in self._all("WHERE status = 'included' AND number <= ?", final.number):
                where = (entry.block_number or 0, entry.block_hash or b"", entry.outcome or 0)
                self._put(entry, "final", where)
            self._see(final)
            self._set("final", final.number.to_bytes(8, "big") + final.hash)

    def forget(self, above: int, genesis: bytes | None = None) -> None:
        """Every block above a number is gone: what was in one is pending again. Where the chain was begun
        anew, its `genesis` is the outbox's from now on. `forgetting` is true until `remembered`."""
        with self._guarded(), committed(self._connection):
            for entry in self._all("WHERE number > ?", above):
                self._put(entry, "pending")
            self._connection.execute("DELETE FROM blocks WHERE number > ?", (above,))
            newest = self._connection.execute("SELECT max(number), hash FROM blocks").fetchone()
            left = b"" if newest[0] is None else newest[0].to_bytes(8, "big") + newest[1]
            self._set("head", left)
            if self.final is not None and self.final.number > above:
                self._set("final", b"")
            if genesis is not None:
                self._set("genesis", genesis)
            self._set("forgetting", b"1")

    def remembered(self) -> None:
        """What `forget` made pending has been seen to."""
        with self._guarded(), committed(self._connection):
            self._set("forgetting", b"")

    @property
    def forgetting(self) -> bool:
        """Whether a resync was begun and not ended."""
        with self._guarded():
            return bool(self._meta("forgetting"))

    @property
    def head(self) -> Seen | None:
        """The newest block seen."""
        return self._seen("head")

    @property
    def final(self) -> Seen | None:
        """The newest final block seen."""
        return self._seen("final")

    def blocks(self, above: int = -1) -> list[Seen]:
        """The blocks seen that hold a transaction of the outbox or were the newest final one, by number."""
        with self._guarded():
            rows = self._connection.execute(
                "SELECT number, hash FROM blocks WHERE number > ? ORDER BY number", (above,)
            )
            return [Seen(*row) for row in rows]

    def block_hash(self, number: int) -> bytes | None:
        """The hash that block `number` had when it was seen, None where it was not."""
        with self._guarded():
            row = self._connection.execute("SELECT hash FROM blocks WHERE number = ?", (number,)).fetchone()
            return None if row is None else bytes(row[0])

    def pending(self) -> list[Entry]:
        """What is in no block, in the order of signing."""
        with self._guarded():
            return self._all("WHERE status = 'pending'")

    def lost(self) -> list[Entry]:
        """What a block held once and, since a resync, none holds as it was: refused now or never taken."""
        with self._guarded():
            return self._all("WHERE first_outcome = 1 AND (outcome = 0 OR status IN ('refused', 'replaced'))")

    def entries(self) -> list[Entry]:
        """Everything, in the order of signing."""
        with self._guarded():
            return self._all("")

    def entry(self, transaction_hash: bytes) -> Entry | None:
        """One transaction."""
        with self._guarded():
            return self._one("WHERE hash = ?", transaction_hash)

    def refused(self, sender: str, nonce: int) -> list[Entry]:
        """What the node did not take of a sender's transactions with one nonce."""
        with self._guarded():
            return self._all("WHERE sender = ? AND nonce = ? AND status = 'refused'", sender, nonce)

    def next_nonce(self, sender: str) -> int:
        """The first nonce of `sender` after all of those that are used or will be."""
        with self._guarded():
            query = f"SELECT max(nonce) {_FROM} WHERE sender = ? AND status NOT IN ('refused', 'replaced')"
            highest = self._connection.execute(query, (sender,)).fetchone()[0]
            return 0 if highest is None else int(highest) + 1

    def note(self, name: str, value: str | None = None) -> str:
        """A remark under a name, kept over runs: written where a value is given, read else."""
        with self._guarded():
            if value is not None:
                with committed(self._connection):
                    self._set("note " + name, value.encode())
            return (self._meta("note " + name) or b"").decode()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _guarded(self) -> AbstractContextManager[None]:
        return guarded(self.path)

    def _seen(self, name: str) -> Seen | None:
        with self._guarded():
            value = self._meta(name)
        return Seen(int.from_bytes(value[:8], "big"), value[8:]) if value else None

    def _see(self, block: Seen) -> None:
        row = (block.number, block.hash, _digest(block.number, block.hash))
        self._connection.execute("INSERT OR REPLACE INTO blocks VALUES (?, ?, ?)", row)
        head = self._meta("head") or b""
        if not head or int.from_bytes(head[:8], "big") <= block.number:
            self._set("head", block.number.to_bytes(8, "big") + block.hash)

    def _put(
        self, entry: Entry, status: Status, where: tuple[int, bytes, int] | None = None, reason: str = ""
    ) -> None:
        number, block, outcome = where or (None, None, None)
        first = entry.first_outcome if entry.first_outcome is not None else outcome
        self._write_outcome((entry.seq, status, number, block, outcome, first, reason))

    def _write_outcome(self, row: tuple[object, ...]) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO outcomes VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, _digest(*row))
        )

    def _one(self, where: str, *parameters: object) -> Entry | None:
        found = self._all(where, *parameters)
        return found[0] if found else None

    def _all(self, where: str, *parameters: object) -> list[Entry]:
        return [
            Entry(*row)
            for row in self._connection.execute(f"SELECT {_ROW} {_FROM} {where} ORDER BY t.seq", parameters)
        ]

    def _meta(self, name: str) -> bytes | None:
        row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        if row is None:
            return None
        kept, value = bytes(row[0][:_DIGEST]), bytes(row[0][_DIGEST:])
        if kept != _digest(name, value):
            raise StoreDamaged(str(self.path), f"its {name} was changed")
        return value

    def _set(self, name: str, value: bytes) -> None:
        row = (name, _digest(name, value) + value)
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", row)

    def _verify(self) -> None:
        """One look at everything, so that a writer beside this reader is seen whole or not at all."""
        self._connection.execute("BEGIN")
        try:
            self._verify_rows()
        finally:
            self._connection.execute("COMMIT")

    def _verify_rows(self) -> None:
        if self._meta("format") not in (None, _FORMAT):
            raise StoreDamaged(str(self.path), "it is of another version of this program")
        digest, last = b"", 0
        rows = self._connection.execute("SELECT seq, sender, nonce, hash, raw, digest FROM transactions")
        for seq, sender, nonce, transaction_hash, raw, kept in rows:
            last += 1
            digest = _link(digest, seq, Signed(sender, nonce, transaction_hash, raw))
            if seq != last or digest != kept:
                raise StoreDamaged(str(self.path), f"transaction {last} is not what was written")
        if (self._meta("digest") or b"") != digest or int(self._meta("count") or b"0") != last:
            raise StoreDamaged(str(self.path), f"transactions after {last} are missing")
        count = 0
        for *row, kept in self._connection.execute("SELECT * FROM outcomes ORDER BY seq"):
            count += 1
            if _digest(*row) != kept or row[0] != count:
                raise StoreDamaged(str(self.path), f"what became of transaction {count} was changed")
        if count != last:
            raise StoreDamaged(str(self.path), f"what became of transaction {count + 1} is missing")
        for number, block_hash, kept in self._connection.execute("SELECT * FROM blocks"):
            if _digest(number, block_hash) != kept:
                raise StoreDamaged(str(self.path), f"block {number} is not what was written")
        missing = self._connection.execute(
            "SELECT min(number) FROM outcomes WHERE (number, block) NOT IN (SELECT number, hash FROM blocks)"
        ).fetchone()[0]
        if missing is not None:
            raise StoreDamaged(str(self.path), f"block {missing}, in which a transaction was, is missing")


def _link(before: bytes, seq: int, transaction: Signed) -> bytes:
    """The digest of a row that follows the row with the digest `before`."""
    own = _digest(seq, transaction.sender, transaction.nonce, transaction.hash, transaction.raw)
    return hashlib.sha256(before + own).digest()


def _digest(*values: object) -> bytes:
    """Of values of which none can be taken for another, wherever one ends."""
    whole = hashlib.sha256()
    for value in values:
        content = value if isinstance(value, bytes) else repr(value).encode()
        kind = b"b" if isinstance(value, bytes) else b"v"
        whole.update(kind + len(content).to_bytes(8, "big") + content)
    return whole.digest()
