"""The journal: a local ledger is what this file says, an engine only works it out again.

Every signed transaction is here, in order and with its block's time, on disk before an engine sees it
(*entry*); and what came of it (*outcome*). An entry without an outcome is the tail that a run left behind
when it ended early: it is executed when the ledger is next opened for writing. Each row's digest covers the
row and the digest before it, and how far both chains go is written with every commit, so whatever is later
changed or lost shows, and where.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.chain import header_rows
from ledger.chain.base import Block, Logs, Receipt
from ledger.chain.digests import entry_digest as _entry_digest
from ledger.chain.digests import outcome_digest as _outcome_digest
from ledger.chain.digests import outcome_row as _outcome_row
from ledger.chain.store import committed, connect, guarded
from ledger.errors import JournalDamaged, NoSuchBlock, NoSuchTransaction, StoreDamaged, StoreUnusable

FORMAT = 1

_SCHEMA = f"""
CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE entry(
    number INTEGER PRIMARY KEY, time INTEGER NOT NULL, own INTEGER NOT NULL,
    raw BLOB NOT NULL, digest BLOB NOT NULL);
CREATE TABLE outcome(
    number INTEGER PRIMARY KEY, transaction_hash BLOB NOT NULL, block_hash BLOB NOT NULL,
    status INTEGER NOT NULL, gas_used INTEGER NOT NULL, contract TEXT, revert_data BLOB NOT NULL,
    logs BLOB NOT NULL, digest BLOB NOT NULL);
{header_rows.SCHEMA}
"""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a local ledger begins with: the engine, and its genesis."""

    engine: str
    chain_id: int
    genesis_time: int
    genesis_hash: bytes

    def to_bytes(self) -> bytes:
        """Canonical, for the first digest."""
        fields = [FORMAT, self.engine, self.chain_id, self.genesis_time, self.genesis_hash.hex()]
        return json.dumps(fields).encode()


@dataclass(frozen=True, slots=True)
class Entry:
    """A signed transaction that is block `number`, at `time`; `own` is false where others sent it."""

    number: int
    time: int
    own: bool
    raw: bytes


class Journal:
    """The journal of one local ledger, in a file or, where `path` is None, in memory."""

    def __init__(self, path: Path | None, *, write: bool = True) -> None:
        """Open and check every digest. Raises StoreUnusable, StoreDamaged, JournalDamaged."""
        self.path = path
        self.name = "the journal in memory" if path is None else str(path)
        self._database = connect(path, write=write)
        self._headers = header_rows.HeaderRows(self._database, self.name)
        self._write = write
        self._closed = False
        self.origin: Origin | None = None
        self._blocks: list[Block] = []
        self._hashes: dict[bytes, int] = {}
        self._times: list[int] = []
        self._entry_digest = self._outcome_digest = b""
        self.entries = 0
        try:
            with guarded(self.name):
                if write and not self._has_schema():
                    self._database.executescript(f"BEGIN;{_SCHEMA}COMMIT;")
            self.reload()
            if write:
                self._headers.make()
        except BaseException:
            self.close()
            raise

    def reload(self) -> None:
        """Read again what is on disk. Raises StoreUnusable, StoreDamaged, JournalDamaged."""
        self._hashes = {}
        self.entries = 0
        with guarded(self.name):
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            # One read transaction: a reader sees one state, whatever a writer does meanwhile.
            self._database.execute("BEGIN")
            self._load()
            self._database.execute("COMMIT")

    @property
    def height(self) -> int:
        """The newest block that has an outcome; 0 is the genesis."""
        return len(self._blocks) - 1

    def begin(self, origin: Origin, header: bytes | None = None) -> None:
        """Say what the ledger begins with, once; with the header of its genesis."""
        with guarded(self.name), committed(self._database):
            self._put("origin", origin.to_bytes())
            self._write_heads(0, hashlib.sha256(origin.to_bytes()).digest(), 0, b"")
            if header is not None:
                self._headers.put(0, header)
        self._start(origin)

    def intend(self, entries: Sequence[tuple[int, bytes]], *, own: bool = True) -> None:
        """Put (time, signed transaction) pairs on disk as the next blocks, all in one commit."""
        rows = []
        digest, number = self._entry_digest, self.entries
        for time, raw in entries:
            number += 1
            digest = _entry_digest(digest, number, time, own, raw)
            rows.append((number, time, int(own), raw, digest))
        with guarded(self.name), committed(self._database):
            self._database.executemany("INSERT INTO entry VALUES(?,?,?,?,?)", rows)
            self._write_heads(number, digest, self.height, self._outcome_digest)
        self.entries, self._entry_digest = number, digest

    def withdraw(self) -> None:
        """Take back the entries that have no outcome: an engine refused the first of them."""
        with guarded(self.name), committed(self._database):
            self._database.execute("DELETE FROM entry WHERE number > ?", (self.height,))
            digest = self._digest_at(self.height)
            self._write_heads(self.height, digest, self.height, self._outcome_digest)
        self.entries, self._entry_digest = self.height, digest

    def conclude(self, receipt: Receipt, time: int, header: bytes | None = None) -> None:
        """Write what came of the oldest entry without an outcome, and its block's header.

        It can be worked out again, so it need not be on disk before anything else happens.
        """
        row = _outcome_row(receipt)
        digest = _outcome_digest(self._outcome_digest, receipt.block_number, row)
        with guarded(self.name), committed(self._database, durable=False):
            self._database.execute(
                "INSERT INTO outcome VALUES(?,?,?,?,?,?,?,?,?)", (receipt.block_number, *row, digest)
            )
            if header is not None:
                self._headers.put(receipt.block_number, header)
            self._write_heads(self.entries, self._entry_digest, receipt.block_number, digest)
        self._outcome_digest = digest
        self._hashes[receipt.transaction_hash] = receipt.block_number
        self._blocks.append(Block(receipt.block_number, receipt.block_hash, time))

    def truncate(self, height: int) -> None:
        """Forget every block after `height`."""
        with guarded(self.name), committed(self._database):
            for table in ("entry", "outcome"):
                self._database.execute(f"DELETE FROM {table} WHERE number > ?", (height,))
            self._headers.forget(height)
            digest = self._digest_at(height)
            outcome = self._database.execute(
                "SELECT digest FROM outcome WHERE number = ?", (height,)
            ).fetchone()
            self._outcome_digest = outcome[0] if outcome else b""
            self._write_heads(height, digest, height, self._outcome_digest)
        self.entries, self._entry_digest = height, digest
        del self._blocks[height + 1 :]
        self._hashes = {known: number for known, number in self._hashes.items() if number <= height}

    def pending(self) -> list[Entry]:
        """The entries that have no outcome yet."""
        return list(self._rows(self.height, self.entries))

    def replay(self, after: int, last: int) -> Iterator[tuple[Entry, Block]]:
        """Every entry after block `after` and up to `last`, which has an outcome, with its block."""
        return ((entry, self._blocks[entry.number]) for entry in self._rows(after, last))

    def block(self, number: int | None = None) -> Block:
        """A block, None for the newest. Raises NoSuchBlock."""
        if number is None:
            return self._blocks[-1]
        if not 0 <= number <= self.height:
            raise NoSuchBlock(number)
        return self._blocks[number]

    def headers(self, first: int, last: int) -> list[bytes | None]:
        """The RLP of the headers of blocks `first` to `last`, None where there is none here. Raises
        NoSuchBlock, and JournalDamaged where one does not hash to its block."""
        if first <= last:
            self.block(first), self.block(last)
        return self._headers.of(self._blocks[first : last + 1])

    def keep_headers(self, headers: Sequence[tuple[int, bytes]]) -> None:
        """Remember headers that were worked out, in the file where this is a writer."""
        self._headers.keep(headers, write=self._write)

    def number_of(self, transaction_hash: bytes) -> int:
        """The block that holds a transaction. Raises NoSuchTransaction."""
        number = self._hashes.get(transaction_hash)
        if number is None:
            raise NoSuchTransaction(transaction_hash)
        return number

    def entry(self, number: int) -> Entry:
        """The transaction of a block. Raises NoSuchBlock."""
        if number in range(1, self.entries + 1):
            return next(self._rows(number - 1, number))
        raise NoSuchBlock(number)

    def receipt(self, number: int) -> Receipt:
        """What came of the transaction of a block. Raises NoSuchBlock."""
        if number in range(1, self.height + 1):
            return next(self.receipts(number, number))
        raise NoSuchBlock(number)

    def receipts(self, first: int, last: int) -> Iterator[Receipt]:
        """What came of the transactions of blocks `first` to `last`, both included."""
        columns = "transaction_hash, block_hash, status, gas_used, contract, revert_data, logs"
        for number, transaction_hash, block_hash, status, gas, contract, revert_data, logs in self._every(
            "outcome", columns, max(first, 1), min(last, self.height)
        ):
            events = Logs.from_bytes(logs)
            yield Receipt(transaction_hash, number, block_hash, status, gas, events, contract, revert_data)

    def foreign(self) -> Iterator[Entry]:
        """The entries with an outcome that others sent."""
        with guarded(self.name):
            numbers = self._database.execute(
                "SELECT number FROM entry WHERE own = 0 AND number <= ? ORDER BY number", (self.height,)
            ).fetchall()
        return (self.entry(number) for (number,) in numbers)

    def gas_since(self, number: int) -> int:
        """Gas of all blocks after one: what replaying them would take."""
        with guarded(self.name):
            row = self._database.execute(
                "SELECT coalesce(sum(gas_used), 0) FROM outcome WHERE number > ? AND number <= ?",
                (number, self.height),
            ).fetchone()
        return int(row[0])

    def close(self) -> None:
        """Put everything on disk and let go of the file. A second call does nothing."""
        if not self._closed:
            self._closed = True
            with guarded(self.name):
                self._database.close()

    def _has_schema(self) -> bool:
        tables, pages, free = (
            self._database.execute(query).fetchone()[0]
            for query in ("SELECT count(*) FROM sqlite_master", "PRAGMA page_count", "PRAGMA freelist_count")
        )
        if pages > 1 and not tables:
            raise StoreDamaged(self.name, "its tables are gone")
        if free:  # pages to be used again; one that is not free would be overwritten
            (found,) = self._database.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise StoreDamaged(self.name, found)
        return bool(tables)

    def _load(self) -> None:
        """Read how far the journal goes, and every row, checking its digest."""
        try:
            rows = dict(self._database.execute("SELECT key, value FROM meta"))
        except sqlite3.OperationalError as error:
            raise StoreDamaged(self.name, str(error)) from None
        if not rows:
            for table in ("entry", "outcome"):
                if self._database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]:
                    raise StoreDamaged(self.name, "what it begins with is gone")
            return
        try:
            stored, engine, chain_id, genesis_time, genesis_hash = json.loads(rows["origin"])
            heads = json.loads(rows["heads"])
            entries, entry_digest, outcomes, outcome_digest = heads
            origin = Origin(engine, chain_id, genesis_time, bytes.fromhex(genesis_hash))
            entries, outcomes = int(entries), int(outcomes)
        except (KeyError, ValueError, TypeError) as error:
            raise StoreDamaged(self.name, f"its first page cannot be read ({error})") from None
        if stored != FORMAT:
            raise StoreUnusable(self.name, f"format {stored} is for another version of this program")
        if not 0 <= outcomes <= entries:
            raise StoreDamaged(self.name, f"{outcomes} outcomes of {entries} transactions")
        self._start(origin)
        self._check_entries(entries)
        self._check_outcomes(outcomes)
        for table, last in (("entry", entries), ("outcome", outcomes)):
            (more,) = self._database.execute(f"SELECT max(number) FROM {table}").fetchone()
            if (more or 0) > last:
                raise JournalDamaged(self.name, last + 1, f"it is there, but only {last:,} were committed")
        for found, expected, number, what in (
            (self._entry_digest, entry_digest, entries, "transactions"),
            (self._outcome_digest, outcome_digest, outcomes, "outcomes"),
        ):
            if found.hex() != expected:
                raise JournalDamaged(
                    self.name, number, f"{what} up to here are not those that were committed"
                )

    def _start(self, origin: Origin) -> None:
        self.origin = origin
        self._blocks = [Block(0, origin.genesis_hash, origin.genesis_time)]
        self._entry_digest = hashlib.sha256(origin.to_bytes()).digest()
        self._outcome_digest = b""
        self._times = [origin.genesis_time]

    def _check_entries(self, last: int) -> None:
        digest, expected = self._entry_digest, 1
        query = "SELECT number, time, own, raw, digest FROM entry WHERE number <= ? ORDER BY number"
        for number, time, own, raw, stored in self._database.execute(query, (last,)):
            if not (isinstance(raw, bytes) and isinstance(time, int) and isinstance(own, int)):
                raise JournalDamaged(self.name, expected, "its transaction is not one")
            if number == expected and time >= 0:
                digest = _entry_digest(digest, number, time, bool(own), raw)
            if number != expected or digest != stored:
                raise JournalDamaged(self.name, expected, "its transaction is not the one that was committed")
            self._times.append(time)
            expected += 1
        if expected != last + 1:
            raise JournalDamaged(self.name, expected, f"its transaction is missing; {last:,} were committed")
        self.entries, self._entry_digest = last, digest

    def _check_outcomes(self, last: int) -> None:
        digest, expected = b"", 1
        for number, *row, stored in self._database.execute(
            "SELECT * FROM outcome WHERE number <= ? ORDER BY number", (last,)
        ):
            try:
                digest = _outcome_digest(digest, number, tuple(row))
            except (TypeError, ValueError, OverflowError, AttributeError):
                digest = b"?"
            if number != expected or digest != stored:
                raise JournalDamaged(self.name, expected, "its outcome is not the one that was committed")
            self._hashes[row[0]] = number
            self._blocks.append(Block(number, row[1], self._times[number]))
            expected += 1
        if expected != last + 1:
            raise JournalDamaged(self.name, expected, f"its outcome is missing; {last:,} were committed")
        self._outcome_digest = digest

    def _rows(self, after: int, last: int) -> Iterator[Entry]:
        for number, time, own, raw in self._every("entry", "time, own, raw", after + 1, last):
            yield Entry(number, time, bool(own), raw)

    def _every(self, table: str, columns: str, first: int, last: int) -> Iterator[tuple[Any, ...]]:
        """Number and columns of rows that are there. SQLite finds fewer where its tree is damaged."""
        with guarded(self.name):
            expected = first
            for row in self._database.execute(
                f"SELECT number, {columns} FROM {table} WHERE number BETWEEN ? AND ? ORDER BY number",
                (first, last),
            ):
                if row[0] != expected:
                    break
                yield row
                expected += 1
            if expected <= last:
                raise JournalDamaged(self.name, expected, f"its {table} is not where it belongs")

    def _digest_at(self, number: int) -> bytes:
        row = self._database.execute("SELECT digest FROM entry WHERE number = ?", (number,)).fetchone()
        if row:
            return bytes(row[0])
        assert self.origin is not None
        return hashlib.sha256(self.origin.to_bytes()).digest()

    def _put(self, key: str, value: bytes) -> None:
        self._database.execute("INSERT OR REPLACE INTO meta VALUES(?,?)", (key, value))

    def _write_heads(self, entries: int, entry_digest: bytes, outcomes: int, outcome_digest: bytes) -> None:
        heads = [entries, entry_digest.hex(), outcomes, outcome_digest.hex()]
        self._put("heads", json.dumps(heads).encode())
