"""SQLite as a journal wants it: durable at each commit, readers never blocked, errors that say what to do."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ledger.errors import StoreDamaged, StoreUnusable

BUSY_TIMEOUT_S = 30


def connect(path: Path | None, *, write: bool) -> sqlite3.Connection:
    """The database at `path`, or one in memory that ends with the connection.

    Transactions are the caller's (`BEGIN`, `COMMIT`). A commit is on disk when it returns. Raises
    StoreUnusable and StoreDamaged.
    """
    where = ":memory:" if path is None else str(path)
    with guarded(where):
        if path is not None and not write:
            return _reading(path)
        connection = sqlite3.connect(where, isolation_level=None, timeout=BUSY_TIMEOUT_S)
        if path is not None:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
    return connection


def _reading(path: Path) -> sqlite3.Connection:
    """For reading beside a writer. SQLite's own files are gone when the last one closes; where none can be
    made, nobody here can write, and what is in the file is all there is."""
    for how in ("mode=rw", "immutable=1"):
        uri = f"{path.resolve().as_uri()}?{how}"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_S)
        try:
            connection.execute("PRAGMA query_only=1")
            connection.execute("SELECT count(*) FROM sqlite_master")
            break
        except sqlite3.OperationalError:
            connection.close()
            log = path.with_name(path.name + "-wal")
            there = path.exists() and not (log.exists() and log.stat().st_size)
            if how == "immutable=1" or os.access(path.parent, os.W_OK) or not there:
                raise
    return connection


@contextmanager
def guarded(path: str | Path) -> Iterator[None]:
    """Turn what SQLite says of the database at `path` into the errors of this package."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreUnusable(str(path), str(error)) from None
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise StoreDamaged(str(path), str(error)) from None


@contextmanager
def committed(connection: sqlite3.Connection, *, durable: bool = True) -> Iterator[None]:
    """One transaction: all of it or, where anything is raised, nothing.

    Where it need not be `durable`, it is on disk with the next one that is.
    """
    connection.execute("PRAGMA synchronous=" + ("FULL" if durable else "NORMAL"))
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def copy_database(source: Path, target: Path) -> None:
    """Copy a database as it is now into a new file, also while somebody writes."""
    with (
        guarded(str(target)),
        closing(connect(source, write=False)) as there,
        closing(sqlite3.connect(target, isolation_level=None)) as copy,
    ):
        there.backup(copy)
