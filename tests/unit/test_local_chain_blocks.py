"""Headers, bodies and state proofs of a local chain, against hashes and roots that the engine made."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
import rlp
from eth_utils import keccak
from trie.exceptions import MissingTrieNode

from ledger.chain import CHAIN_ID, LocalChain, Receipt
from ledger.chain import local as local_module
from ledger.chain.base import Block, Body
from ledger.chain.engine import start_engine
from ledger.chain.header_rows import SCHEMA, HeaderRows
from ledger.chain.local import JOURNAL
from ledger.chain.proving import once
from ledger.compile import Artifact
from ledger.errors import JournalDamaged, NoSuchBlock, StateUnproven, TransactionRefused
from tests.proofs import assert_blocks_are_whole, every_kind, proved
from tests.unit.local_chains import ALWAYS, NEVER, SENDER, fill, opened, refuse, signed, slot_of, store

NOBODY_YET = "0x" + "77" * 20
MISSING = {
    "table": "DROP TABLE header",
    "all": "DELETE FROM header",
    "first": "DELETE FROM header WHERE number < 4",
    "some": "DELETE FROM header WHERE number IN (0, 3, 7)",
}


def sql(folder: Path, *statements: str) -> None:
    database = sqlite3.connect(folder / JOURNAL, isolation_level=None)
    for statement in statements:
        database.execute(statement)
    database.close()


def slot_at(key: int) -> int:
    """Where Solidity keeps `Probe.slots[key]`: a mapping that is the contract's second variable."""
    return int.from_bytes(keccak(key.to_bytes(32, "big") + (1).to_bytes(32, "big")), "big")


def assert_proved(chain: LocalChain, address: str) -> None:
    """Slots with and without content, an account with and without code, and none."""
    height = chain.block().number
    root = rlp.decode(chain.headers(height, height)[0])[3]
    named = [0, 1, 2, 4, 5, 2**256 - 1]
    slots = [slot_at(each) for each in named]
    nodes = chain.state_proof(address, slots, height)
    assert len(set(nodes)) == len(nodes)
    (nonce, _, _, code_hash), held = proved(nodes, root, address, slots)
    assert held == [slot_of(chain, address, each) for each in named]
    assert any(held)
    assert not all(held)
    assert (nonce, code_hash) == (b"\1", keccak(chain.code(address)))
    for i in range(len(nodes)):
        with pytest.raises(MissingTrieNode):
            proved(nodes[:i] + nodes[i + 1 :], root, address, slots)
    assert proved(chain.state_proof(NOBODY_YET, [1], height), root, NOBODY_YET, [1]) == ([], [0])
    (nonce, *_), held = proved(chain.state_proof(SENDER.address, [1], height), root, SENDER.address, [1])
    assert (int.from_bytes(nonce, "big"), held) == (height, [0])


def test_blocks_given_every_kind_of_transaction_have_their_hashes_and_roots(
    engine: str, tmp_path: Path, probe: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A creation, refused ones, and ones with events."""
    with opened(engine, tmp_path) as chain:
        address = fill(chain, probe)
        assert_blocks_are_whole(chain, 0, 9)
        assert {chain.receipt(each.transaction_hash).status for each in _receipts(chain)} == {0, 1}
        assert chain.body(0) == Body((), ())
        for range_ in ((-1, 3), (3, 10), (10, 10)):
            with pytest.raises(NoSuchBlock):
                chain.headers(*range_)
        for number in (-1, 10):
            with pytest.raises(NoSuchBlock):
                chain.body(number)
            with pytest.raises(NoSuchBlock):
                chain.state_proof(address, [], number)
        assert chain.headers(3, 2) == []
        expected = chain.headers(0, 9), [chain.body(number) for number in range(10)]
    monkeypatch.setattr(local_module, "start_engine", None)  # what follows is read from the journal alone
    with opened(engine, tmp_path, write=False) as chain:
        assert (chain.headers(0, 9), [chain.body(number) for number in range(10)]) == expected
        assert chain.headers(4, 6) == expected[0][4:7]


def test_body_given_every_type_of_transaction_is_what_was_signed_and_has_its_roots(engine: str) -> None:
    raws = every_kind(CHAIN_ID)
    with opened(engine, None) as chain:
        for raw in raws:
            chain.send(raw)
        assert_blocks_are_whole(chain, 0, len(raws))
        bodies = [chain.body(number) for number in range(1, len(raws) + 1)]
        assert [body.transactions for body in bodies] == [(raw,) for raw in raws]
        assert [body.receipts[0][0] for body in bodies if body.receipts[0][0] < 0x80] == [1, 2, 2]


def _receipts(chain: LocalChain) -> list[Receipt]:
    return list(chain.journal.receipts(1, chain.block().number))


@pytest.mark.parametrize("how", MISSING)
def test_headers_given_a_journal_without_them_are_made_again_and_kept(
    engine: str, tmp_path: Path, probe: Artifact, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    with opened(engine, tmp_path) as chain:
        fill(chain, probe)
        expected = chain.headers(0, 9)
    sql(tmp_path, MISSING[how])
    with opened(engine, tmp_path, write=False) as chain:
        assert chain.headers(0, 9) == expected
        monkeypatch.setattr(chain, "_further", None)
        assert chain.headers(0, 9) == expected  # it is remembered, though nothing was written
    with opened(engine, tmp_path, write=True) as chain:
        assert chain.headers(2, 9) == expected[2:]
        chain.send(signed(9, SENDER.address, b""))
    with opened(engine, tmp_path, write=False) as chain:
        monkeypatch.setattr(chain, "_further", None)
        assert chain.headers(0, 9) == expected
        assert_blocks_are_whole(chain, 0, 10)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE header SET rlp = x'c0' WHERE number = 7",
        "UPDATE header SET rlp = 'text' WHERE number = 7",
        "UPDATE header SET rlp = (SELECT rlp FROM header WHERE number = 6) WHERE number = 7",
    ],
)
def test_headers_given_a_changed_row_are_refused_at_its_block(
    tmp_path: Path, probe: Artifact, change: str
) -> None:
    with opened("pyevm", tmp_path) as chain:
        fill(chain, probe)
        expected = chain.headers(0, 9)
    sql(tmp_path, change)
    with opened("pyevm", tmp_path, write=False) as chain:
        with pytest.raises(JournalDamaged) as caught:
            chain.headers(0, 9)
        assert caught.value.block == 7
        assert chain.headers(0, 6) == expected[:7]


def test_restore_forgets_the_headers_of_what_came_after(engine: str, probe: Artifact) -> None:
    with opened(engine, None) as chain:
        address = fill(chain, probe, 3)
        snapshot = chain.snapshot()
        before = chain.headers(0, 3)
        for value in (1, 2):
            chain.send(signed(3, address, store(1, value)))
            chain.send(signed(4, address, refuse(value)))
            assert_blocks_are_whole(chain, 0, 5)
            assert_proved(chain, address)
            chain.restore(snapshot)
            assert chain.journal._headers.of([Block(4, bytes(32), 0)]) == [None]
            assert chain.headers(0, 3) == before
            assert_proved(chain, address)


def test_engine_has_the_header_of_its_newest_block_at_any_moment(engine: str, probe: Artifact) -> None:
    def newest() -> bytes:
        assert keccak(made.header()) == made.head().hash
        return made.head().hash

    with closing(start_engine(engine, 1_574_326_800)) as made:
        hashes, handles = [newest()], []
        for nonce in range(3):
            handles.append(made.keep())
            made.execute(signed(nonce, None, probe.bytecode), 1_574_326_801 + nonce)
            hashes.append(newest())
        made.go_back(handles[1])
        assert newest() == hashes[1]
        with pytest.raises(TransactionRefused):
            made.execute(signed(7, None, b""), 1_574_326_900)
        assert newest() == hashes[1]
        with closing(start_engine(engine, 1_574_326_800, made.dump())) as loaded:
            assert keccak(loaded.header()) == hashes[1]


def test_proof_has_each_node_once_and_none_that_another_holds() -> None:
    short, one, other = bytes(31), bytes(32), b"\1" * 40
    assert once([one, short, other, one, b"\x80", short]) == (one, other)


def test_state_proof_given_a_state_that_was_kept_proves_what_came_before_it_and_after(
    engine: str, tmp_path: Path, probe: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine has the state from a file, answers questions about empty slots, and makes more blocks."""
    monkeypatch.setattr(local_module, "_WORTH_A_STATE", ALWAYS)
    with opened(engine, tmp_path) as chain:
        address = fill(chain, probe)
        assert_proved(chain, address)
        expected = chain.state_proof(address, [0, 1, slot_at(5)], 9)
    monkeypatch.setattr(local_module, "_WORTH_A_STATE", NEVER)
    with opened(engine, tmp_path) as chain:
        assert chain.state_proof(address, [0, 1, slot_at(5)], 9) == expected
        assert chain._begins_at == 9
        slot_of(chain, address, 77)
        assert_proved(chain, address)
        chain.send(signed(9, address, store(1, 0)))  # a slot that is empty again
        assert_proved(chain, address)
        with pytest.raises(StateUnproven) as caught:
            chain.state_proof(address, [0], 9)
        assert caught.value.block == 9
        chain.send(signed(10, address, refuse(3)))
        assert_proved(chain, address)
        chain.send(signed(11, address, store(6, 2**255)))
        assert_proved(chain, address)
        assert_blocks_are_whole(chain, 0, 12)


def test_headers_given_a_hundred_thousand_blocks_are_read_with_one_query_and_quickly() -> None:
    database = sqlite3.connect(":memory:")
    database.execute(SCHEMA)
    rows = [(i, b"%0600d" % i) for i in range(20_000)]
    database.executemany("INSERT INTO header VALUES(?,?)", rows)
    blocks = [Block(i, keccak(rlp_), 0) for i, rlp_ in rows]
    queries: list[str] = []
    database.set_trace_callback(queries.append)
    began = time.process_time()
    assert HeaderRows(database, "it").of(blocks) == [rlp_ for _, rlp_ in rows]
    assert time.process_time() - began < 2
    assert len(queries) <= 2
