"""The journal by itself: what is written is what is read, and what was changed is found, at its block.

kept      ─ blocks, outcomes, transactions, tails; after closing, after the process ended without closing
refused   ─ another format, no database, empty, a directory, a changed row, a row that is gone, that is new
beside    ─ a reader sees one state, older or newer; a backup is a prefix
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.chain.journal import Journal, _entry_digest, _outcome_digest
from ledger.chain.store import copy_database
from ledger.errors import (
    JournalDamaged,
    NoSuchBlock,
    NoSuchTransaction,
    StoreDamaged,
    StoreUnusable,
)
from tests.journals import ORIGIN, add, is_prefix, make, receipt, said

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def sql(path: Path, *statements: str) -> None:
    """Change a database behind the journal's back."""
    with sqlite3.connect(path) as database:
        for statement in statements:
            database.execute(statement)
    database.close()


@pytest.mark.parametrize("count", [0, 1, 2, 40])
@pytest.mark.parametrize("write", [True, False], ids=["writer", "reader"])
def test_journal_given_it_is_opened_again_says_the_same(path: Path, count: int, write: bool) -> None:
    with_blocks = make(path, count)
    expected = said(with_blocks)
    with_blocks.close()
    again = Journal(path, write=write)
    assert said(again) == expected
    assert (again.height, again.entries) == (count, count)
    again.close()


def test_journal_given_nothing_was_begun_has_no_origin(path: Path) -> None:
    Journal(path).close()
    journal = Journal(path)
    assert journal.origin is None
    journal.begin(ORIGIN)
    journal.close()
    assert Journal(path).block() == Journal(path).block(0)


def test_journal_given_blocks_that_are_not_there_raises(path: Path) -> None:
    journal = make(path, 3)
    for number in (-1, 4):
        with pytest.raises(NoSuchBlock):
            journal.block(number)
    for number in (-1, 0, 4):
        with pytest.raises(NoSuchBlock):
            journal.receipt(number)
        with pytest.raises(NoSuchBlock):
            journal.entry(number)
    with pytest.raises(NoSuchTransaction):
        journal.number_of(bytes(32))
    assert [each.block_number for each in journal.receipts(-5, 99)] == [1, 2, 3]
    assert list(journal.receipts(4, 99)) == list(journal.receipts(3, 2)) == []


def test_pending_given_outcomes_of_some_is_the_rest_also_after_opening(path: Path) -> None:
    journal, chance = make(path, 2), random.Random(7)
    time = journal.block().timestamp
    journal.intend([(time + i, bytes([i])) for i in range(1, 4)])
    journal.conclude(receipt(3, chance), time + 1)
    expected = said(journal)
    assert [(entry.number, entry.raw) for entry in journal.pending()] == [(4, b"\2"), (5, b"\3")]
    journal.close()
    for write in (False, True):
        journal = Journal(path, write=write)
        assert said(journal) == expected
        assert (journal.height, journal.entries) == (3, 5)
    journal.conclude(receipt(4, chance), time + 2)
    journal.conclude(receipt(5, chance), time + 3)
    assert journal.pending() == []


def test_withdraw_given_a_tail_forgets_it_and_only_it(path: Path) -> None:
    journal = make(path, 5)
    expected = said(journal)
    for _ in range(2):
        journal.intend([(journal.block().timestamp + i, b"refused") for i in (1, 2)])
        journal.withdraw()
        assert said(journal) == expected
    add(journal, 3, random.Random(4))
    expected = said(journal)
    journal.close()
    assert said(Journal(path)) == expected


def test_reload_given_another_connection_wrote_meanwhile_knows_it(path: Path) -> None:
    one, other = make(path, 3), Journal(path)
    add(one, 2, random.Random(3))
    assert other.height == 3
    other.reload()
    assert said(other) == said(one)


def test_journal_given_a_process_that_ended_without_closing_has_all_it_committed(path: Path) -> None:
    program = (
        "import os, pathlib, sys; from tests.journals import make\n"
        "journal = make(pathlib.Path(sys.argv[1]), 30); journal.intend([(2**40, b'tail')]); os._exit(9)"
    )
    run = subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT)
    assert run.returncode == 9
    assert path.with_name("journal.sqlite-wal").stat().st_size > 0
    journal, expected = Journal(path), make(None, 30)
    assert [entry.raw for entry in journal.pending()] == [b"tail"]
    assert is_prefix(said(journal), said(expected))
    assert journal.height == 30


@pytest.mark.parametrize("write", [True, False], ids=["writer", "reader"])
@pytest.mark.parametrize("there", ["directory", "text", "random", "zeros", "another database"])
def test_journal_given_what_is_none_is_refused(tmp_path: Path, there: str, write: bool) -> None:
    path = tmp_path / "journal.sqlite"
    if there == "directory":
        path.mkdir()
    elif there == "another database":
        sql(path, "CREATE TABLE t(a)", "INSERT INTO t VALUES(1)")
    else:
        path.write_bytes(
            {"text": b"hello " * 999, "random": random.Random(1).randbytes(9_000)}.get(there, bytes(9_000))
        )
    before = None if there == "directory" else path.read_bytes()
    with pytest.raises((StoreDamaged, StoreUnusable), match=r"journal\.sqlite"):
        Journal(path, write=write)
    if before is not None and there != "another database":
        assert path.read_bytes() == before


def test_journal_given_an_empty_file_is_a_new_one_for_a_writer_and_refused_for_a_reader(path: Path) -> None:
    """An empty file is what a process leaves that ended while it made the journal."""
    path.touch()
    with pytest.raises(StoreDamaged):
        Journal(path, write=False)
    assert Journal(path).origin is None


def test_journal_given_no_file_is_refused_for_a_reader_who_makes_none(path: Path) -> None:
    with pytest.raises(StoreUnusable):
        Journal(path, write=False)
    assert not path.exists()


def test_journal_given_a_later_format_is_refused(path: Path) -> None:
    make(path, 2).close()
    (fields,) = sqlite3.connect(path).execute("SELECT value FROM meta WHERE key = 'origin'").fetchone()
    later = json.dumps([2, *json.loads(fields)[1:]]).encode().hex()
    sql(path, f"UPDATE meta SET value = x'{later}' WHERE key = 'origin'")
    with pytest.raises(StoreUnusable, match="format 2"):
        Journal(path)


CHANGES = {
    "transaction": "UPDATE entry SET raw = x'00' WHERE number = 7",
    "transaction is text": "UPDATE entry SET raw = 'abc' WHERE number = 7",
    "transaction is nothing": "UPDATE entry SET raw = '' WHERE number = 7",
    "time": "UPDATE entry SET time = time + 1 WHERE number = 7",
    "negative time": "UPDATE entry SET time = -time WHERE number = 7",
    "time is real": "UPDATE entry SET time = 1.5 WHERE number = 7",
    "whose": "UPDATE entry SET own = 1 - own WHERE number = 7",
    "digest": "UPDATE entry SET digest = x'00' WHERE number = 7",
    "transaction gone": "DELETE FROM entry WHERE number = 7",
    "transactions gone": "DELETE FROM entry WHERE number >= 7",
    "transaction elsewhere": "UPDATE entry SET number = 70 WHERE number = 7",
    "hash": "UPDATE outcome SET transaction_hash = x'00' WHERE number = 7",
    "hash is text": "UPDATE outcome SET transaction_hash = 'abc' WHERE number = 7",
    "block": "UPDATE outcome SET block_hash = randomblob(32) WHERE number = 7",
    "status": "UPDATE outcome SET status = 1 - status WHERE number = 7",
    "status is wide": "UPDATE outcome SET status = 1 << 40 WHERE number = 7",
    "gas": "UPDATE outcome SET gas_used = gas_used + 1 WHERE number = 7",
    "negative gas": "UPDATE outcome SET gas_used = -1 WHERE number = 7",
    "contract": "UPDATE outcome SET contract = 'x' WHERE number = 7",
    "contract is empty": "UPDATE outcome SET contract = '' WHERE number = 7",
    "contract is a number": "UPDATE outcome SET contract = x'07' WHERE number = 7",
    "revert": "UPDATE outcome SET revert_data = x'00' WHERE number = 7",
    "events": "UPDATE outcome SET logs = x'00000000' || x'00' WHERE number = 7",
    "outcome gone": "DELETE FROM outcome WHERE number = 7",
    "outcomes gone": "DELETE FROM outcome WHERE number >= 7",
}  # fmt: skip


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES)
def test_journal_given_a_changed_row_is_refused_at_its_block(path: Path, statement: str) -> None:
    make(path, 12).close()
    sql(path, statement)
    for write in (True, False):
        with pytest.raises(JournalDamaged) as caught:
            Journal(path, write=write)
        assert caught.value.block == 7
        assert str(path) in str(caught.value)


def test_journal_given_one_more_row_than_was_committed_is_refused_at_it(path: Path) -> None:
    for table in ("entry", "outcome"):
        path.unlink(missing_ok=True)
        make(path, 5).close()
        columns = {
            "entry": "time, own, raw",
            "outcome": "transaction_hash, block_hash, status, gas_used, contract, revert_data, logs",
        }[table]
        sql(path, f"INSERT INTO {table} SELECT 6, {columns}, digest FROM {table} WHERE number = 5")
        with pytest.raises(JournalDamaged) as caught:
            Journal(path)
        assert caught.value.block == 6


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM meta",
        "DELETE FROM meta WHERE key = 'heads'",
        "DELETE FROM meta WHERE key = 'origin'",
        "UPDATE meta SET value = x'5b5d'",
        "UPDATE meta SET value = 'text' WHERE key = 'heads'",
        "UPDATE meta SET value = x'ff' WHERE key = 'origin'",
        "UPDATE meta SET value = x'5b312c322c332c345d' WHERE key = 'heads'",
        "DROP TABLE entry",
        "DROP TABLE meta",
        "ALTER TABLE outcome RENAME TO outcomes",
    ],
)  # fmt: skip
def test_journal_given_a_changed_beginning_is_refused_and_not_begun_anew(path: Path, statement: str) -> None:
    make(path, 12).close()
    sql(path, statement)
    for write in (True, False):
        with pytest.raises((StoreDamaged, StoreUnusable)):
            Journal(path, write=write)
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def set_back(path: Path, entries: int, outcomes: int) -> None:
    """Say that fewer were committed, with the digests that belong to that."""
    with sqlite3.connect(path) as database:
        heads: list[object] = []
        for table, last in (("entry", entries), ("outcome", outcomes)):
            found = database.execute(f"SELECT digest FROM {table} WHERE number = ?", (last,)).fetchone()
            heads += [last, found[0].hex() if found else hashlib.sha256(ORIGIN.to_bytes()).hexdigest()]
        database.execute("UPDATE meta SET value = ? WHERE key = 'heads'", (json.dumps(heads).encode(),))
    database.close()


@pytest.mark.parametrize(("entries", "outcomes"), [(12, 11), (11, 11), (0, 0), (3, 3)])
def test_journal_given_heads_that_were_set_back_is_refused(path: Path, entries: int, outcomes: int) -> None:
    make(path, 12).close()
    set_back(path, entries, outcomes)
    with pytest.raises(StoreDamaged):
        Journal(path)


@pytest.mark.parametrize("table", ["entry", "outcome"])
def test_journal_given_a_newest_row_that_agrees_with_its_own_digest_is_refused(
    path: Path, table: str
) -> None:
    """The newest row has none after it that would notice; how far the journal goes says its digest, too."""
    make(path, 12).close()
    with sqlite3.connect(path) as database:
        (before,) = database.execute(f"SELECT digest FROM {table} WHERE number = 11").fetchone()
        if table == "entry":
            time, own = database.execute("SELECT time, own FROM entry WHERE number = 12").fetchone()
            digest = _entry_digest(before, 12, time, bool(own), b"another")
            database.execute("UPDATE entry SET raw = ?, digest = ? WHERE number = 12", (b"another", digest))
        else:
            row = list(database.execute("SELECT * FROM outcome WHERE number = 12").fetchone()[1:-1])
            row[3] += 1
            digest = _outcome_digest(before, 12, tuple(row))  # type: ignore[arg-type]
            database.execute(
                "UPDATE outcome SET gas_used = ?, digest = ? WHERE number = 12", (row[3], digest)
            )
    database.close()
    with pytest.raises(JournalDamaged) as caught:
        Journal(path)
    assert caught.value.block == 12


STAGES: dict[str, Callable[[Journal, random.Random], None]] = {
    "intended": lambda j, c: j.intend([(j.block().timestamp + 1, c.randbytes(9_000))]),
    "concluded": lambda j, c: j.conclude(receipt(j.height + 1, c), j.pending()[0].time),
    "intended two": lambda j, c: j.intend([(j.block().timestamp + i, b"no") for i in (1, 2)]),
    "withdrawn": lambda j, c: j.withdraw(),
    "many": lambda j, c: add(j, 300, c, size=20_000),  # more than SQLite's log takes
}  # fmt: skip


def test_reader_given_a_writer_at_every_stage_sees_one_state_and_makes_no_file(path: Path) -> None:
    writer, chance = make(path, 4), random.Random(11)
    old = Journal(path, write=False)
    before = said(old)
    for stage in STAGES.values():
        stage(writer, chance)
        files = set(os.listdir(path.parent))
        new = Journal(path, write=False)
        assert said(new) == said(writer)
        new.close()
        assert set(os.listdir(path.parent)) == files
        assert said(old) == before
    old.close()
    writer.close()
    assert os.listdir(path.parent) == [path.name]
    reader = Journal(path, write=False)
    said(reader)
    reader.close()
    assert os.listdir(path.parent) == [path.name]


def test_reader_given_a_writer_in_the_middle_of_a_commit_is_not_blocked(path: Path) -> None:
    writer = make(path, 4)
    expected = said(writer)
    writer._database.execute("BEGIN IMMEDIATE")
    writer._database.execute("DELETE FROM outcome")
    assert said(Journal(path, write=False)) == expected
    writer._database.execute("ROLLBACK")


@pytest.mark.parametrize("clean", [True, False], ids=["closed", "killed"])
def test_reader_given_a_directory_without_permission_to_write_reads(tmp_path: Path, clean: bool) -> None:
    """As somebody else, in a directory that only its owner may write to."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    folder = tmp_path / "ledger"
    folder.mkdir()
    path = folder / "journal.sqlite"
    end = "j.close()" if clean else "pass"
    program = (
        "import os, pathlib, sys; from tests.journals import make\n"
        f"j = make(pathlib.Path(sys.argv[1]), 20); {end}; os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT, check=True)
    expected = said(make(None, 20))
    for parent in (folder, *folder.parents[:4]):
        os.chmod(parent, 0o755)
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        try:
            found: object = said(Journal(path, write=False)) == expected
            with pytest.raises(StoreUnusable):
                Journal(path).intend([(2**40, b"")])
        except BaseException as error:
            found = repr(error)
        os.write(write, repr(found).encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    assert os.read(read, 9_999).decode() == "True"
    os.close(read)


def test_copy_given_a_writer_at_every_stage_is_what_it_is_then(tmp_path: Path) -> None:
    writer, chance = make(tmp_path / "journal.sqlite", 4), random.Random(11)
    for i, stage in enumerate(STAGES.values()):
        stage(writer, chance)
        copy_database(tmp_path / "journal.sqlite", tmp_path / f"copy{i}.sqlite")
        assert said(Journal(tmp_path / f"copy{i}.sqlite")) == said(writer)
    writer.close()


def test_journal_given_memory_says_what_one_in_a_file_says(path: Path) -> None:
    assert said(make(None, 9)) == said(make(path, 9))


def test_truncate_given_a_height_is_what_was_then(path: Path) -> None:
    journal = make(None, 6)
    expected = said(journal)
    add(journal, 5, random.Random(2))
    journal.truncate(6)
    assert said(journal) == expected
    journal.truncate(0)
    assert journal.block() == journal.block(0)
    add(journal, 6, random.Random(1))
    assert said(journal) == expected
