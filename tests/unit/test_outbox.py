"""The outbox: on disk before anything is sent, in order, and any change to it from outside is found."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from eth_utils import keccak

from ledger.accounts import Signer
from ledger.chain.delivery import decoded
from ledger.chain.outbox import Outbox, Seen, Signed
from ledger.errors import StoreDamaged, StoreUnusable, WrongChain

ONE, TWO = Signer.from_seed("outbox", "one"), Signer.from_seed("outbox", "two")
CHAIN_ID, GENESIS = 5, bytes(range(32))


def signed(nonce: int, signer: Signer = ONE, data: bytes = b"") -> Signed:
    return decoded(signer.sign_transaction(CHAIN_ID, nonce, TWO.address, data, 100_000), CHAIN_ID)


def block(number: int, branch: bytes = b"a") -> Seen:
    return Seen(number, keccak(branch + bytes([number])))


def include(outbox: Outbox, transaction: Signed, where: Seen, status: int = 1) -> None:
    outbox.included([(transaction.hash, where.number, where.hash, status)])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of an outbox with three transactions, two of them in blocks."""
    made = tmp_path / "outbox.sqlite"
    outbox = Outbox(made)
    outbox.bind(CHAIN_ID, GENESIS)
    outbox.add([signed(0), signed(1), signed(0, TWO)])
    include(outbox, signed(0), block(3))
    include(outbox, signed(1), block(4), status=0)
    outbox.see(block(6))
    outbox.close()
    return made


def test_decoded_given_a_transaction_says_its_sender_nonce_and_hash() -> None:
    raw = TWO.sign_transaction(CHAIN_ID, 7, None, bytes(1_000), 100_000, 9, 2)
    assert decoded(raw, CHAIN_ID) == Signed(TWO.address, 7, keccak(raw), raw)


def test_open_given_an_outbox_has_everything_in_order(path: Path) -> None:
    outbox = Outbox(path)
    entries = outbox.entries()
    assert [entry.raw for entry in entries] == [signed(0).raw, signed(1).raw, signed(0, TWO).raw]
    assert [(entry.seq, entry.sender, entry.nonce) for entry in entries] == [
        (1, ONE.address, 0),
        (2, ONE.address, 1),
        (3, TWO.address, 0),
    ]
    assert [entry.status for entry in entries] == ["included", "included", "pending"]
    assert [(entry.block_number, entry.outcome) for entry in entries] == [(3, 1), (4, 0), (None, None)]
    assert outbox.pending() == entries[2:]
    assert (outbox.blocks(), outbox.head) == ([block(3), block(4)], block(6))
    assert (outbox.block_hash(3), outbox.block_hash(5)) == (block(3).hash, None)
    assert (outbox.next_nonce(ONE.address), outbox.next_nonce(TWO.address)) == (2, 1)
    assert outbox.next_nonce("0x" + "00" * 20) == 0
    assert path.stat().st_mode & 0o077 == 0


def test_add_given_what_is_there_keeps_it_and_given_what_was_refused_makes_it_pending(path: Path) -> None:
    outbox = Outbox(path)
    outbox.mark(signed(0, TWO).hash, "refused", "why not")
    assert outbox.next_nonce(TWO.address) == 0
    assert outbox.entries()[2].reason == "why not"
    outbox.add([signed(0), signed(0, TWO)])
    assert [entry.status for entry in outbox.entries()] == ["included", "included", "pending"]
    assert outbox.next_nonce(TWO.address) == 1


def test_finalize_given_a_block_makes_what_is_below_final(path: Path) -> None:
    outbox = Outbox(path)
    outbox.finalize(block(3))
    assert [entry.status for entry in outbox.entries()] == ["final", "included", "pending"]
    assert outbox.final == block(3)
    assert outbox.entries()[0].outcome == 1


def test_forget_given_a_number_makes_what_is_above_pending(path: Path) -> None:
    outbox = Outbox(path)
    outbox.finalize(block(4))
    outbox.forget(3)
    assert outbox.forgetting
    assert [entry.status for entry in outbox.entries()] == ["final", "pending", "pending"]
    assert (outbox.blocks(), outbox.head, outbox.final) == ([block(3)], block(3), None)
    outbox.forget(-1, bytes(32))
    assert len(outbox.pending()) == 3
    assert (outbox.blocks(), outbox.head, outbox.genesis) == ([], None, bytes(32))
    include(outbox, signed(0), block(1, b"b"), status=0)
    include(outbox, signed(1), block(2, b"b"), status=1)
    assert [entry.hash for entry in outbox.lost()] == [signed(0).hash]
    outbox.remembered()
    assert not Outbox(path).forgetting


def test_bind_given_another_chain_raises(path: Path) -> None:
    outbox = Outbox(path)
    outbox.bind(CHAIN_ID, GENESIS)
    with pytest.raises(WrongChain, match="chain id"):
        outbox.bind(CHAIN_ID + 1, GENESIS)
    with pytest.raises(WrongChain, match="genesis"):
        outbox.bind(CHAIN_ID, bytes(32))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE transactions SET raw = x'00' WHERE seq = 2",
        "UPDATE transactions SET sender = 'x' WHERE seq = 1",
        "UPDATE transactions SET nonce = 5 WHERE seq = 3",
        "UPDATE transactions SET digest = x'00' WHERE seq = 3",
        "DELETE FROM transactions WHERE seq = 3",
        "DELETE FROM transactions WHERE seq = 1",
        "DELETE FROM transactions; DELETE FROM outcomes",
        "DELETE FROM transactions WHERE seq = 3; DELETE FROM outcomes WHERE seq = 3",
        "INSERT INTO transactions SELECT 4, sender, 9, x'01', raw, digest FROM transactions WHERE seq = 3",
        "UPDATE outcomes SET status = 'final' WHERE seq = 3",
        "UPDATE outcomes SET outcome = 1 WHERE seq = 2",
        "UPDATE outcomes SET number = 9 WHERE seq = 1",
        "DELETE FROM outcomes WHERE seq = 2",
        "UPDATE blocks SET hash = x'00' WHERE number = 3",
        "UPDATE meta SET value = x'00' WHERE name = 'head'",
        "UPDATE meta SET value = x'00' WHERE name = 'genesis'",
        "UPDATE meta SET value = x'00' WHERE name = 'chain_id'",
        "UPDATE meta SET value = x'00' WHERE name = 'count'",
        "DELETE FROM meta WHERE name = 'digest'",
        "DELETE FROM blocks WHERE number = 3",
        "DROP TABLE blocks",
    ],
)
@pytest.mark.parametrize("write", [True, False])
def test_open_given_a_changed_row_raises(change: str, write: bool, path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript(change)
    connection.close()

    def use() -> tuple[list[Seen], Seen | None]:
        outbox = Outbox(path, write=write)
        outbox.bind(CHAIN_ID, GENESIS)
        return outbox.blocks(), outbox.head

    with pytest.raises((StoreDamaged, StoreUnusable), match=str(path)):
        use()


@pytest.mark.parametrize("size", [0.3, 0.6, 0.9])
def test_open_given_a_file_cut_short_raises(size: float, path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * size)])
    with pytest.raises((StoreDamaged, StoreUnusable)):
        Outbox(path)


def test_open_given_no_file_to_read_or_no_database_raises(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable):
        Outbox(tmp_path / "none.sqlite", write=False)
    (tmp_path / "text.sqlite").write_text("this is no database" * 100)
    with pytest.raises(StoreDamaged):
        Outbox(tmp_path / "text.sqlite")


def test_open_given_a_writer_beside_a_reader_sees_whole_transactions(path: Path) -> None:
    writer, reader = Outbox(path), Outbox(path, write=False)
    writer.add([signed(nonce) for nonce in range(2, 50)])
    assert len(reader.entries()) == 51
    assert len(Outbox(path, write=False).entries()) == 51


def test_add_given_a_process_killed_after_it_has_kept_it(tmp_path: Path) -> None:
    """Whatever was told to be on disk is there, and nothing of what comes after."""
    program = (
        "import sys, os; from pathlib import Path\n"
        "from tests.unit.test_outbox import CHAIN_ID, GENESIS, Outbox, signed\n"
        "outbox = Outbox(Path(sys.argv[1])); outbox.bind(CHAIN_ID, GENESIS)\n"
        "for nonce in range(1000):\n"
        "    outbox.add([signed(nonce)]); print(nonce, flush=True)\n"
    )
    kept = tmp_path / "outbox.sqlite"
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(kept)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
        env=os.environ | {"PYTHONPATH": "."},
    )
    assert child.stdout is not None
    for _ in range(20):
        told = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    told = max([told, *map(int, child.stdout.read().split())])
    child.wait()
    child.stdout.close()
    nonces = [entry.nonce for entry in Outbox(kept).entries()]
    assert nonces == list(range(len(nonces)))
    assert told + 1 <= len(nonces) <= told + 2
