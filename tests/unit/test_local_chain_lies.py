"""A journal that was changed and all of whose digests were worked out again: found by executing it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.chain import Log, Logs
from ledger.chain.journal import _entry_digest, _outcome_digest
from ledger.chain.local import JOURNAL
from ledger.compile import Artifact
from ledger.errors import (
    EngineFailed,
    JournalDamaged,
)
from tests.unit.local_chains import (
    SENDER,
    fill,
    opened,
    signed,
)

# Changed, with every digest worked out again.


def rewrite(folder: Path, change: Callable[[sqlite3.Connection], object]) -> None:
    """Change the journal and make all its digests and heads belong together again."""
    with sqlite3.connect(folder / JOURNAL) as database:
        change(database)
        (origin,) = database.execute("SELECT value FROM meta WHERE key = 'origin'").fetchone()
        digest, heads = hashlib.sha256(origin).digest(), []
        rows = database.execute("SELECT number, time, own, raw FROM entry ORDER BY number").fetchall()
        for number, time, own, raw in rows:
            digest = _entry_digest(digest, number, time, bool(own), raw)
            database.execute("UPDATE entry SET digest = ? WHERE number = ?", (digest, number))
        heads += [len(rows), digest.hex()]
        digest = b""
        rows = database.execute("SELECT * FROM outcome ORDER BY number").fetchall()
        for number, *row, _ in rows:
            digest = _outcome_digest(digest, number, tuple(row))  # type: ignore[arg-type]
            database.execute("UPDATE outcome SET digest = ? WHERE number = ?", (digest, number))
        heads += [len(rows), digest.hex()]
        database.execute("UPDATE meta SET value = ? WHERE key = 'heads'", (json.dumps(heads).encode(),))
    database.close()


def other_events(database: sqlite3.Connection) -> None:
    (blob,) = database.execute("SELECT logs FROM outcome WHERE number = 4").fetchone()
    [log] = Logs.from_bytes(blob)
    lie = Logs.of([Log(log.address, log.topics, bytes(len(log.data)))])
    database.execute("UPDATE outcome SET logs = ? WHERE number = 4", (lie.to_bytes(),))


def statement(text: str, *values: object) -> Callable[[sqlite3.Connection], object]:
    return lambda database: database.execute(text, values)


LIES: dict[str, Callable[[sqlite3.Connection], object]] = {
    "transaction": statement(
        "UPDATE entry SET raw = (SELECT raw FROM entry WHERE number = 9) WHERE number = 4"
    ),
    "amount": statement("UPDATE entry SET raw = ? WHERE number = 4", signed(3, SENDER.address, b"lie")),
    "no transaction": statement("UPDATE entry SET raw = x'00' WHERE number = 4"),
    "time": statement("UPDATE entry SET time = time + 1 WHERE number = 4"),
    "events": other_events,
    "no events": statement("UPDATE outcome SET logs = x'00000000' WHERE number = 4"),
    "status": statement("UPDATE outcome SET status = 0 WHERE number = 4"),
    "gas": statement("UPDATE outcome SET gas_used = gas_used + 1 WHERE number = 4"),
    "contract": statement("UPDATE outcome SET contract = ? WHERE number = 4", SENDER.address),
    "revert data": statement("UPDATE outcome SET revert_data = x'01' WHERE number = 4"),
    "hash": statement("UPDATE outcome SET transaction_hash = ? WHERE number = 4", bytes(32)),
    "block": statement("UPDATE outcome SET block_hash = ? WHERE number = 4", bytes(32)),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_check_given_a_change_with_all_digests_worked_out_again_finds_its_block(
    engine: str, tmp_path: Path, probe: Artifact, lie: str
) -> None:
    with opened(engine, tmp_path) as chain:
        fill(chain, probe)
    rewrite(tmp_path, LIES[lie])
    with pytest.raises(JournalDamaged) as caught:
        opened(engine, tmp_path)
    assert caught.value.block == 4
    with opened(engine, tmp_path, write=False) as chain:
        assert chain.block().number == 9  # the digests say nothing against it
        for ask in (chain.check, lambda: chain.nonce(SENDER.address)):
            with pytest.raises(JournalDamaged) as caught:
                ask()
            assert caught.value.block == 4


def test_check_given_a_rewritten_journal_without_a_change_finds_nothing(
    engine: str, tmp_path: Path, probe: Artifact
) -> None:
    with opened(engine, tmp_path) as chain:
        fill(chain, probe)
    rewrite(tmp_path, lambda _: None)
    with opened(engine, tmp_path) as chain:
        assert chain.check() == 9


@pytest.mark.parametrize("field", [3, 4], ids=["time", "hash"])
def test_check_given_another_genesis_is_refused(
    engine: str, tmp_path: Path, probe: Artifact, field: int
) -> None:
    with opened(engine, tmp_path) as chain:
        fill(chain, probe)

    def change(database: sqlite3.Connection) -> None:
        (origin,) = database.execute("SELECT value FROM meta WHERE key = 'origin'").fetchone()
        fields = json.loads(origin)
        fields[field] = fields[field] + 1 if field == 3 else "00" * 32
        database.execute("UPDATE meta SET value = ? WHERE key = 'origin'", (json.dumps(fields).encode(),))

    rewrite(tmp_path, change)
    with pytest.raises((EngineFailed, JournalDamaged)):
        opened(engine, tmp_path)
    with opened(engine, tmp_path, write=False) as chain:
        for _ in range(2):
            with pytest.raises((EngineFailed, JournalDamaged)):
                chain.check()
