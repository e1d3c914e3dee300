"""A local chain on disk, on each engine: opened again, interrupted, lied to by its own files.

again        ─ blocks, receipts, events, balances, here and in another process; every hash checked by replay
a tail       ─ executed when opened, withdrawn where refused; by a writer only
interrupted  ─ in the middle of anything, and used further
a state      ─ used; deleted, cut, flipped, of another ledger, of another engine: never trusted, never fatal;
               whether or not there is one, the same blocks, of reverted transactions as well
changed      ─ with all digests worked out again: found at its block by executing everything
refused      ─ another engine's journal
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from eth_utils import keccak

from ledger.chain import LocalChain
from ledger.chain import local as local_module
from ledger.chain.local import JOURNAL, STATES
from ledger.clock import SteppedClock
from ledger.compile import Artifact
from ledger.errors import (
    CallReverted,
    EngineFailed,
    LedgerError,
    NoSuchBlock,
    StoreUnusable,
    TransactionRefused,
    WrongChain,
)
from tests.unit.local_chains import (
    ALWAYS,
    NEVER,
    ROOT,
    SENDER,
    START,
    all_of,
    fill,
    opened,
    refuse,
    signed,
    slot_of,
    store,
)


@pytest.mark.parametrize("write", [True, False], ids=["writer", "reader"])
def test_chain_given_it_is_opened_again_says_the_same(
    engine: str, tmp_path: Path, probe: Artifact, write: bool
) -> None:
    with opened(engine, tmp_path) as chain:
        address = fill(chain, probe)
        expected = all_of(chain, address)
    for _ in range(2):
        with opened(engine, tmp_path, write=write) as chain:
            assert all_of(chain, address) == expected
            assert chain.check() == 9
            assert all_of(chain, address) == expected
    with opened(engine, None) as memory:
        fill(memory, probe)
        assert all_of(memory, address) == expected


def test_chain_given_another_process_opens_it_says_the_same_there(
    engine: str, tmp_path: Path, probe: Artifact
) -> None:
    with opened(engine, tmp_path) as chain:
        address = fill(chain, probe)
        expected = [chain.block().hash.hex(), slot_of(chain, address, 5), chain.nonce(SENDER.address)]
    program = (
        "import json, sys; from pathlib import Path; from tests.unit.local_chains import *\n"
        "chain = opened(sys.argv[1], Path(sys.argv[2]))\n"
        "found = chain.block().hash.hex(), slot_of(chain, sys.argv[3], 5), chain.nonce(SENDER.address)\n"
        "print(json.dumps(found))"
    )
    command = [sys.executable, "-c", program, engine, str(tmp_path), address]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == expected


def test_reader_given_nothing_to_ask_an_engine_starts_none(
    engine: str, tmp_path: Path, probe: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(engine, tmp_path) as chain:
        fill(chain, probe)
    monkeypatch.setattr(local_module, "start_engine", None)
    with opened(engine, tmp_path, write=False) as chain:
        assert chain.block().number == 9
        assert len(chain.logs(0, 9)) == 5
        assert chain.receipt(chain.logs(0, 9)[0].transaction_hash).status == 1


def test_reader_given_nothing_was_written_is_refused(engine: str, tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable):
        opened(engine, tmp_path, write=False)
    assert os.listdir(tmp_path) == []


# A tail: what a writer has left between intent and outcome.


def leave(folder: Path, *raws: bytes) -> None:
    """Intend, and end."""
    with sqlite3.connect(folder / JOURNAL) as database:
        database.execute("SELECT 1")
    chain = opened("anvil" if _engine_of(folder) == "anvil" else "pyevm", folder)
    time = chain.block().timestamp
    chain.journal.intend([(time + 10 * (i + 1), raw) for i, raw in enumerate(raws)])
    chain.journal.close()
    chain._drop_engine()


def _engine_of(folder: Path) -> str:
    with sqlite3.connect(folder / JOURNAL) as database:
        (origin,) = database.execute("SELECT value FROM meta WHERE key = 'origin'").fetchone()
    return str(json.loads(origin)[1])


def test_opening_given_a_tail_executes_it_at_its_time(engine: str, tmp_path: Path, probe: Artifact) -> None:
    with opened(engine, tmp_path) as chain:
        address = fill(chain, probe)
    leave(tmp_path, signed(9, address, store(4, 44)), signed(10, address, refuse(1)))
    with opened(engine, tmp_path, write=False) as reader:
        assert reader.block().number == 9
        assert slot_of(reader, address, 4) == 0
    with opened(engine, tmp_path) as chain:
        assert chain.block().number == 11
        assert chain.block(11).timestamp == chain.block(9).timestamp + 20
        assert slot_of(chain, address, 4) == 44
        assert chain.receipt(keccak(signed(10, address, refuse(1)))).status == 0
        assert chain.check() == 11


def test_opening_given_a_tail_that_is_refused_withdraws_it_and_goes_on(
    engine: str, tmp_path: Path, probe: Artifact
) -> None:
    """Nobody waits for it any more: what comes before it is executed, what comes after it is not."""
    with opened(engine, tmp_path) as chain:
        address = fill(chain, probe)
    good, bad, after = (
        signed(9, address, store(4, 1)),
        signed(3, address, b""),
        signed(10, address, store(4, 2)),
    )
    leave(tmp_path, good, bad, after)
    with opened(engine, tmp_path) as chain:
        assert chain.block().number == chain.journal.entries == 10
        assert slot_of(chain, address, 4) == 1
        assert chain.send(after).block_number == 11
        assert chain.check() == 11


def test_send_all_given_one_that_is_refused_executes_those_before_it(
    engine: str, tmp_path: Path, probe: Artifact
) -> None:
    with opened(engine, tmp_path) as chain:
        address = fill(chain, probe)
        raws = [signed(9, address, store(4, 1)), signed(99, address, b""), signed(10, address, store(4, 2))]
        with pytest.raises(TransactionRefused):
            chain.send_all(raws)
        assert (chain.block().number, chain.journal.entries) == (10, 10)
        assert [each.block_number for each in chain.send_all([raws[2]])] == [11]
        assert chain.send_all([]) == []
        before = all_of(chain, address)
    with opened(engine, tmp_path) as chain:
        assert all_of(chain, address) == before


def test_send_given_a_clock_that_goes_back_has_rising_times(engine: str, tmp_path: Path) -> None:
    with opened(engine, tmp_path) as chain:
        for nonce in range(3):
            chain.send(signed(nonce, SENDER.address, b""))
    early = SteppedClock(START - timedelta(days=400), timedelta(seconds=1))
    with LocalChain(engine, clock=early, folder=tmp_path) as chain:
        chain.send_all([signed(nonce, SENDER.address, b"") for nonce in range(3, 6)])
        times = [chain.block(number).timestamp - int(START.timestamp()) for number in range(7)]
        assert times == [0, 7, 14, 21, 22, 23, 24]
        assert chain.check() == 6


def test_send_given_a_transaction_of_others_says_so(engine: str, tmp_path: Path) -> None:
    with opened(engine, tmp_path) as chain:
        chain.send(signed(0, SENDER.address, b""))
        chain.send_foreign(signed(1, SENDER.address, b""))
    with opened(engine, tmp_path) as chain:
        assert [entry.number for entry in chain.journal.foreign()] == [2]
        assert [chain.journal.entry(number).own for number in (1, 2)] == [True, False]


# Interrupted in the middle, and used further.

PLACES = ["start", "execute", "executed", "intend", "intended", "conclude", "concluded"]
STOPS = [KeyboardInterrupt, StoreUnusable, MemoryError]
EACH_WITH_EACH = [("anvil", place, error) for place in PLACES for error in STOPS]
ONE_EACH = [("pyevm", place, STOPS[i % len(STOPS)]) for i, place in enumerate(PLACES)]
"""What catches an error does not know the engine; what was done by then is each engine's own."""


@pytest.mark.parametrize(("engine", "place", "error"), EACH_WITH_EACH + ONE_EACH, indirect=["engine"])
def test_chain_given_it_is_interrupted_anywhere_goes_on(
    engine: str,
    tmp_path: Path,
    probe: Artifact,
    place: str,
    error: type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever was on disk is executed, once; nonces and receipts are those of what is asked next."""
    with opened(engine, tmp_path) as chain:
        address = fill(chain, probe)

        def interrupted(function: Callable[..., object], after: bool) -> Callable[..., object]:
            def stops(*given: object, **named: object) -> object:
                if after:
                    function(*given, **named)
                monkeypatch.undo()
                raise error(*("x", "y")[: 2 if error is StoreUnusable else 0])

            return stops

        journal, running = chain.journal, chain.engine
        objects: dict[str, tuple[object, str]] = {
            "start": (local_module, "start_engine"),
            "execute": (running, "execute"),
            "intend": (journal, "intend"),
            "conclude": (journal, "conclude"),
        }
        verb = {"executed": "execute", "intended": "intend", "concluded": "conclude"}.get(place, place)
        owner, name = objects[verb]
        if place == "start":
            chain._drop_engine()
        monkeypatch.setattr(owner, name, interrupted(getattr(owner, name), place != verb))
        raws = [signed(9, address, store(4, 1)), signed(10, address, store(4, 2))]
        with pytest.raises(error):
            chain.send_all(raws)
        nonce = chain.nonce(SENDER.address)
        assert nonce == (9 if place == "intend" else 11)
        receipt = chain.send(signed(nonce, address, store(5, 99)))
        assert receipt.transaction_hash == keccak(signed(nonce, address, store(5, 99)))
        assert receipt.block_number == chain.block().number == nonce + 1
        assert (slot_of(chain, address, 4), slot_of(chain, address, 5)) == (0 if nonce == 9 else 2, 99)
        expected = all_of(chain, address)
    with opened(engine, tmp_path) as chain:
        assert all_of(chain, address) == expected
        assert chain.check() == nonce + 1


def test_close_given_an_engine_that_died_raises_nothing(
    engine: str, tmp_path: Path, probe: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_module, "_WORTH_A_STATE", ALWAYS)
    chain = opened(engine, tmp_path)
    fill(chain, probe)
    monkeypatch.setattr(
        type(chain.engine), "dump", lambda self: (_ for _ in ()).throw(EngineFailed("x", "y", "z"))
    )
    chain.close()
    chain.close()


def test_opening_given_the_journal_of_another_engine_is_refused(
    engine: str, tmp_path: Path, probe: Artifact
) -> None:
    with opened(engine, tmp_path) as chain:
        fill(chain, probe)
    other = "pyevm" if engine == "anvil" else "anvil"
    for write in (True, False):
        with pytest.raises(WrongChain, match=engine):
            opened(other, tmp_path, write=write)
    with opened(engine, tmp_path) as chain:
        assert chain.check() == 9


def test_chain_given_questions_it_cannot_answer_raises_its_errors(
    engine: str, tmp_path: Path, probe: Artifact
) -> None:
    with opened(engine, tmp_path) as chain:
        address = fill(chain, probe)
    with opened(engine, tmp_path, write=False) as chain:
        with pytest.raises(NoSuchBlock):
            chain.call(address, b"", block=10)
        with pytest.raises(CallReverted):
            chain.call(address, refuse(1))
        with pytest.raises(LedgerError):
            chain.send(signed(9, address, b""))
        assert chain.block().number == 9
    with opened(engine, tmp_path) as chain:
        assert chain.journal.entries == 9


def test_chain_given_a_revert_after_a_state_makes_the_block_that_it_makes_without_one(
    engine: str, tmp_path: Path, probe: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads_and_reverts = bytes.fromhex("6760075460006000fd60005260086018f3")
    monkeypatch.setattr(local_module, "_WORTH_A_STATE", ALWAYS)
    with opened(engine, tmp_path) as chain:
        fill(chain, probe)
        reading = chain.send(signed(9, None, reads_and_reverts)).contract_address
    monkeypatch.setattr(local_module, "_WORTH_A_STATE", NEVER)
    with opened(engine, tmp_path) as chain:
        assert chain.send(signed(10, reading, b"")).status == 0
    with opened(engine, tmp_path) as chain:
        assert chain.send(signed(11, reading, b"")).status == 0
        assert chain.check() == 12
    for state in (tmp_path / STATES).iterdir():
        state.unlink()
    with opened(engine, tmp_path) as chain:
        assert chain.block().number == 12
        assert chain.nonce(SENDER.address) == 12
