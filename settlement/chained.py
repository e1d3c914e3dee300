"""A file of what happened: rows that are only ever added, each digest-chained to the one before.

A row's digest covers the row and the digest before it, and how far the chain goes is written with every
commit: whatever is later changed, lost or put in shows, and where. What happened to breaks is kept so, and
who asked what of the ledger.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ledger.chain.store import committed, connect, guarded
from ledger.errors import StoreDamaged, StoreUnusable
from settlement.errors import BookDamaged, FileUnreadable, FileUnwritable

FORMAT = 1
_SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE event(
    number INTEGER PRIMARY KEY, time INTEGER NOT NULL, subject INTEGER NOT NULL,
    what TEXT NOT NULL, who TEXT NOT NULL, body TEXT NOT NULL, digest BLOB NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    number: int
    """From 1, over the whole file."""
    when: datetime
    subject: int
    """The number of what it happened to: 12 of break "B-12"; a query's first event."""
    what: str
    """In one word, as `opened` or `asked`."""
    by: str
    body: Mapping[str, Any]
    """What belongs to it, as JSON has it."""


Draft = tuple[int, str, str, Mapping[str, Any]]
"""An event before it is written: subject, what, by, body."""


class ChainedFile:
    """The events in the file at `path`, or in memory where it is None."""

    def __init__(self, path: Path | None, of: str, text_of: Callable[[object], str], *, write: bool) -> None:
        """Open; where there is no file and nobody writes, there are no events. Raises BookDamaged,
        FileUnwritable and FileUnreadable.

        `of` says what happens to, as "breaks": the chain of digests begins with it, so that no file can be
        taken for another's. `text_of` is the one JSON text of a body.
        """
        self.path = path
        self.name = f"the {of} in memory" if self.path is None else str(self.path)
        self._write, self._text_of = write, text_of
        self._origin = hashlib.sha256(f"{of} {FORMAT}".encode()).digest()
        self._count, self._digest = 0, self._origin
        if self.path is not None and not write and not self.path.exists():
            self.path = None
        with self._failures():
            self._database = connect(self.path, write=write)
            try:
                with guarded(self.name):
                    self._begin()
            except BaseException:
                self._database.close()
                raise

    def close(self) -> None:
        """Let go of the file. A second call does nothing."""
        self._database.close()

    def newer(self) -> list[Event]:
        """The events that were not returned yet, each checked. Raises BookDamaged."""
        with self._failures(), guarded(self.name):
            # One read transaction: a reader sees one state, whatever a writer does meanwhile.
            self._database.execute("BEGIN")
            try:
                return self._newer()
            finally:
                self._database.execute("ROLLBACK")

    def append(self, drafts: Sequence[Draft], now: datetime) -> list[Event]:
        """Write events behind those that are there, of which only the last is checked: however long the file
        is, this takes as long. All are on disk when it returns, or none. Raises BookDamaged and
        FileUnwritable.
        """
        with self._failures(), guarded(self.name), committed(self._database):
            self._count, self._digest = self._last()
            return self.add(drafts, now)

    @contextmanager
    def transaction(self) -> Iterator[list[Event]]:
        """Begins with the events that are newer, as `newer` has them; nobody else writes inside. All that is
        added is kept, or nothing. Raises BookDamaged and FileUnwritable.
        """
        with self._failures(), guarded(self.name):
            known = self._count, self._digest
            try:
                with committed(self._database):
                    newer = self._newer()
                    known = self._count, self._digest
                    yield newer
            except BaseException:
                self._count, self._digest = known
                raise

    def add(self, drafts: Sequence[Draft], now: datetime) -> list[Event]:
        """Write events, inside of a transaction."""
        events, rows, digest = [], [], self._digest
        second = int(now.timestamp())
        for number, (subject, what, by, body) in enumerate(drafts, start=self._count + 1):
            text = self._text_of(body)
            digest = _chained(digest, number, second, subject, what, by, text)
            rows.append((number, second, subject, what, by, text, digest))
            events.append(_event(number, second, subject, what, by, text))
        if rows:
            self._database.executemany("INSERT INTO event VALUES(?,?,?,?,?,?,?)", rows)
            self._head(self._count + len(rows), digest)
            self._count, self._digest = self._count + len(rows), digest
        return events

    def _begin(self) -> None:
        tables = {name for (name,) in self._database.execute("SELECT name FROM sqlite_master")}
        if not tables and (self._write or self.path is None):
            (pages,) = self._database.execute("PRAGMA page_count").fetchone()
            if pages > 1:
                raise StoreDamaged(self.name, "its tables are gone")
            with committed(self._database):
                # Another process may have made them since.
                if not self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    for statement in _SCHEMA.split(";")[:-1]:
                        self._database.execute(statement)
                    self._head(0, self._origin)
        elif tables and not {"meta", "event"} <= tables:
            raise StoreDamaged(self.name, "some of its tables are gone")

    def _head(self, count: int, digest: bytes) -> None:
        value = json.dumps([FORMAT, count, digest.hex()])
        self._database.execute("INSERT OR REPLACE INTO meta VALUES('head', ?)", (value,))

    def _newer(self) -> list[Event]:
        if not self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            return []  # made by somebody who ended before it had tables
        count, last = self._goes_to()
        events, digest = [], self._digest
        rows = self._database.execute("SELECT * FROM event WHERE number > ? ORDER BY number", (self._count,))
        for expected, (*row, stored) in enumerate(rows, start=self._count + 1):
            try:
                digest = _chained(digest, *row)
                wrong = row[0] != expected or digest != stored
                event = _event(*row)
            except (TypeError, ValueError, OverflowError, AttributeError):
                wrong = True
            if wrong:
                raise StoreDamaged(self.name, f"event {expected} is not the one that was written")
            events.append(event)
        if (self._count + len(events), digest.hex()) != (count, last):
            raise StoreDamaged(self.name, f"its last event should be {count}, as it was written")
        self._count, self._digest = count, digest
        return events

    def _goes_to(self) -> tuple[int, str]:
        """How many events there are by what was written with the last of them, and its digest in hex."""
        head = self._database.execute("SELECT value FROM meta WHERE key = 'head'").fetchone()
        try:
            form, count, last = json.loads(head[0])
        except (TypeError, ValueError):
            raise StoreDamaged(self.name, "how far it goes cannot be read") from None
        if form != FORMAT:
            raise StoreUnusable(self.name, f"format {form} is for another version of this program")
        return count, last

    def _last(self) -> tuple[int, bytes]:
        """The number and the digest of the last event, which is the one that was written last."""
        count, last = self._goes_to()
        found = self._database.execute("SELECT number, digest FROM event ORDER BY number DESC LIMIT 1")
        number, digest = found.fetchone() or (0, self._origin)
        if (number, digest.hex()) != (count, last):
            raise StoreDamaged(self.name, f"its last event should be {count}, as it was written")
        return number, digest

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except StoreDamaged as error:
            raise BookDamaged(self.name, error.what) from None
        except StoreUnusable as error:
            cause = FileUnwritable if self._write else FileUnreadable
            raise cause(self.name, error.reason) from None
        except sqlite3.ProgrammingError as error:
            raise FileUnreadable(self.name, str(error)) from None


def _event(number: int, second: int, subject: int, what: str, by: str, text: str) -> Event:
    return Event(number, datetime.fromtimestamp(second, UTC), subject, what, by, json.loads(text))


def _chained(digest: bytes, number: int, second: int, subject: int, what: str, by: str, text: str) -> bytes:
    found = hashlib.sha256(digest)
    for integer in (number, second, subject):
        found.update(integer.to_bytes(8, "big"))
    for part in (what, by, text):
        data = part.encode()
        found.update(len(data).to_bytes(8, "big"))
        found.update(data)
    return found.digest()
