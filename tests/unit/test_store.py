"""SQLite's errors as this package's, and commits that are all or nothing."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ledger.chain.store import committed, connect, copy_database, guarded
from ledger.errors import StoreDamaged, StoreUnusable


@pytest.fixture
def database(tmp_path: Path) -> sqlite3.Connection:
    connection = connect(tmp_path / "store.sqlite", write=True)
    connection.execute("CREATE TABLE t(a)")
    return connection


def rows(connection: sqlite3.Connection) -> list[int]:
    return [row for (row,) in connection.execute("SELECT a FROM t ORDER BY a")]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, sqlite3.OperationalError])
@pytest.mark.parametrize("durable", [True, False])
def test_committed_given_anything_raised_keeps_nothing(
    database: sqlite3.Connection, error: type[BaseException], durable: bool
) -> None:
    def fails() -> None:
        with committed(database, durable=durable):
            database.execute("INSERT INTO t VALUES(1)")
            raise error

    with pytest.raises(error):
        fails()
    assert rows(database) == []
    with committed(database, durable=durable):
        database.execute("INSERT INTO t VALUES(2)")
    assert rows(database) == [2]


def test_committed_given_a_commit_that_fails_leaves_no_transaction_open(tmp_path: Path) -> None:
    connection = connect(tmp_path / "store.sqlite", write=True)
    connection.execute("PRAGMA foreign_keys=1")
    connection.execute("CREATE TABLE p(a PRIMARY KEY)")
    connection.execute("CREATE TABLE t(a REFERENCES p(a) DEFERRABLE INITIALLY DEFERRED)")
    for _ in range(2):
        with pytest.raises(sqlite3.IntegrityError), committed(connection):
            connection.execute("INSERT INTO t VALUES(1)")
        assert not connection.in_transaction
    assert rows(connection) == []


def test_committed_given_durable_is_flushed_at_its_end_and_otherwise_with_the_next(
    database: sqlite3.Connection,
) -> None:
    for durable, level in ((True, 2), (False, 1), (True, 2)):
        with committed(database, durable=durable):
            assert database.execute("PRAGMA synchronous").fetchone() == (level,)


def test_reader_given_a_writer_cannot_write_and_does_not_wait(
    tmp_path: Path, database: sqlite3.Connection
) -> None:
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT INTO t VALUES(1)")
    with closing(connect(tmp_path / "store.sqlite", write=False)) as reader:
        assert rows(reader) == []
        with pytest.raises(StoreUnusable), guarded("x"):
            reader.execute("INSERT INTO t VALUES(3)")
    database.execute("COMMIT")
    with closing(connect(tmp_path / "store.sqlite", write=False)) as reader:
        assert rows(reader) == [1]
    database.close()
    assert os.listdir(tmp_path) == ["store.sqlite"]


def test_connect_given_what_is_no_database_raises(tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(b"noise" * 999)
    with pytest.raises(StoreDamaged, match="noise"):
        connect(tmp_path / "noise", write=True)
    for write, where in ((True, tmp_path), (True, tmp_path / "a" / "b"), (False, tmp_path / "gone")):
        with pytest.raises(StoreUnusable):
            connect(where, write=write)


def test_copy_database_given_a_writer_has_what_was_committed(
    tmp_path: Path, database: sqlite3.Connection
) -> None:
    with committed(database):
        database.execute("INSERT INTO t VALUES(1)")
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT INTO t VALUES(2)")
    copy_database(tmp_path / "store.sqlite", tmp_path / "copy.sqlite")
    with closing(connect(tmp_path / "copy.sqlite", write=True)) as copy:
        assert rows(copy) == [1]
