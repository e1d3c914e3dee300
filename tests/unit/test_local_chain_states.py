"""The states of a local chain's engine: used; deleted, cut, flipped, of another ledger: never trusted, never
fatal.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import shutil
import sqlite3
import zlib
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest

from ledger.chain import LocalChain
from ledger.chain import local as local_module
from ledger.chain.local import JOURNAL, STATES
from ledger.clock import SteppedClock
from ledger.compile import Artifact
from ledger.errors import CallReverted
from tests.unit.local_chains import (
    ALWAYS,
    NEVER,
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

STATE = "0000000009.state"


@pytest.fixture(scope="module")
def kept(probe: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, str]]:
    """A ledger of an engine whose state was kept at block 9, and a block after it, to be copied."""

    @cache
    def made(engine: str) -> tuple[Path, str]:
        folder = tmp_path_factory.mktemp(f"{engine} with a state")
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(local_module, "_WORTH_A_STATE", ALWAYS)
            with opened(engine, folder) as chain:
                address = fill(chain, probe)
            patched.setattr(local_module, "_WORTH_A_STATE", NEVER)
            with opened(engine, folder) as chain:
                chain.send(signed(9, address, store(4, 9)))
        assert [path.name for path in (folder / STATES).iterdir()] == [STATE]
        return folder, address

    return made


@pytest.fixture(scope="module")
def others_state(probe: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    """The state of another ledger of an engine at block 9."""

    @cache
    def made(engine: str) -> bytes:
        folder = tmp_path_factory.mktemp(f"another of {engine}")
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(local_module, "_WORTH_A_STATE", ALWAYS)
            with LocalChain(engine, clock=SteppedClock(START + timedelta(days=1)), folder=folder) as chain:
                fill(chain, probe)
        return (folder / STATES / STATE).read_bytes()

    return made


@pytest.fixture
def with_state(
    engine: str,
    kept: Callable[[str], tuple[Path, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[Path, str]:
    """A ledger whose engine's state was kept at block 9, and a block after it; no other state is kept."""
    folder, address = kept(engine)
    monkeypatch.setattr(local_module, "_WORTH_A_STATE", NEVER)
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return tmp_path, address


def executed(monkeypatch: pytest.MonkeyPatch, engine: str) -> list[int]:
    """The times of what engines execute from now on."""
    with opened(engine, None) as chain:
        kind = type(chain.engine)
    times: list[int] = []
    execute = kind.execute
    monkeypatch.setattr(
        kind, "execute", lambda self, raw, time: (times.append(time), execute(self, raw, time))[1]
    )
    return times


def test_opening_given_a_state_replays_only_what_came_after_it(
    engine: str, with_state: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = with_state
    times = executed(monkeypatch, engine)
    with opened(engine, folder) as chain:
        assert slot_of(chain, address, 4) == 9
        assert times == [chain.block(10).timestamp]
        assert [slot_of(chain, address, 4, block) for block in (9, 10)] == [0, 9]
        assert slot_of(chain, address, 2, 3) == 0  # before the state: everything is executed again
        expected = all_of(chain, address)
    for path in (folder / STATES).iterdir():
        path.unlink()
    with opened(engine, folder) as chain:
        assert all_of(chain, address) == expected


def spoil(path: Path, how: str, other: bytes) -> None:
    content, chance = path.read_bytes(), random.Random(how)
    signed_ = lambda body: hashlib.sha256(body).digest() + body  # noqa: E731
    body = content[32:]
    path.write_bytes(
        {
            "empty": b"",
            "short": content[:40],
            "cut": content[: len(content) // 2],
            "flipped": content[:100] + bytes([content[100] ^ 1]) + content[101:],
            "flipped digest": bytes([content[0] ^ 1]) + content[1:],
            "noise": chance.randbytes(2_000),
            "another ledger's": other,
            "noise with its digest": signed_(body[:32] + chance.randbytes(2_000)),
            "nothing with its digest": signed_(body[:32]),
            "a part with its digest": signed_(body[: len(body) // 2]),
            "another ledger's as ours": signed_(body[:32] + other[64:]),
        }[how]
    )


@pytest.mark.parametrize(
    "how",
    [
        "empty", "short", "cut", "flipped", "flipped digest", "noise", "another ledger's",
        "noise with its digest", "nothing with its digest", "a part with its digest",
        "another ledger's as ours",
    ],
)  # fmt: skip
def test_opening_given_a_spoiled_state_does_without(
    engine: str,
    with_state: tuple[Path, str],
    others_state: Callable[[str], bytes],
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, address = with_state
    with opened(engine, folder) as chain:
        expected = all_of(chain, address)
    other = others_state(engine)
    monkeypatch.setattr(local_module, "_WORTH_A_STATE", ALWAYS)
    spoil(folder / STATES / STATE, how, other)
    for _ in range(2):
        with opened(engine, folder) as chain:
            assert chain.send(signed(chain.nonce(SENDER.address), address, store(4, 10))).status == 1
            assert all_of(chain, address)[0][:11] == expected[0]  # type: ignore[index]
            assert slot_of(chain, address, 2) == expected[6][2]  # type: ignore[index]
            assert chain.check() == chain.block().number


def richer(engine: str, dump: bytes) -> bytes:
    """The state of an engine in which somebody has changed what is stored."""
    if engine == "pyevm":
        nodes = bytearray(zlib.decompress(dump))
        nodes[nodes.rindex((8).to_bytes(1, "big"))] ^= 1
        at = 32
        while at < len(nodes):  # the last byte of every node that is a value of some length
            size = int.from_bytes(nodes[at + 4 : at + 8], "big")
            at += 8 + int.from_bytes(nodes[at : at + 4], "big") + size
            nodes[at - 1] ^= 1
        return zlib.compress(bytes(nodes))
    state = json.loads(gzip.decompress(dump))
    changed = 0
    for account in state["accounts"].values():
        for slot in account["storage"]:
            account["storage"][slot] = hex(1_000_000)
            changed += 1
    assert changed
    return gzip.compress(json.dumps(state).encode())


def test_opening_given_a_state_that_somebody_has_made_richer_does_without(
    engine: str, with_state: tuple[Path, str]
) -> None:
    """With its digest worked out again, and the same newest block: its root is not the block's."""
    folder, address = with_state
    with opened(engine, folder) as chain:
        expected = all_of(chain, address)
    path = folder / STATES / STATE
    content = path.read_bytes()
    body = content[32:64] + richer(engine, content[64:])
    path.write_bytes(hashlib.sha256(body).digest() + body)
    with opened(engine, folder) as chain:
        assert chain._begins_at == 0
        assert all_of(chain, address) == expected
        chain.send(signed(10, address, store(4, 10)))
        assert chain.check() == 11


@pytest.mark.parametrize("name", ["9999999999.state", "0000000003.state", "x.state", "٣.state"])
def test_opening_given_files_among_the_states_that_are_none_does_without(
    engine: str, with_state: tuple[Path, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state of a block that is not there does not keep ours from being kept either."""
    folder, address = with_state
    (folder / STATES / STATE).rename(folder / STATES / name)
    (folder / STATES / "0000000005.state").mkdir()
    monkeypatch.setattr(local_module, "_WORTH_A_STATE", ALWAYS)
    with opened(engine, folder) as chain:
        assert slot_of(chain, address, 4) == 9
    times = executed(monkeypatch, engine)
    with opened(engine, folder) as chain:
        assert slot_of(chain, address, 4) == 9
        assert times == []


def test_closing_given_a_place_where_no_state_can_be_kept_does_without(
    engine: str, tmp_path: Path, probe: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_module, "_WORTH_A_STATE", ALWAYS)
    (tmp_path / STATES).write_text("a file")
    with opened(engine, tmp_path) as chain:
        address = fill(chain, probe)
    with opened(engine, tmp_path) as chain:
        assert slot_of(chain, address, 5) == 8


def test_opening_given_a_state_after_many_blocks_knows_the_hashes_of_the_last_256(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contracts ask for them: BLOCKHASH on the state is what it is on a chain that was never closed."""
    count = 300 if engine == "anvil" else 262
    # PUSH0 CALLDATALOAD BLOCKHASH PUSH0 MSTORE PUSH1 32 PUSH0 RETURN, deployed as it is
    code = bytes.fromhex("5f35405f5260205ff3")
    create = bytes.fromhex("68") + code + bytes.fromhex("5f5260096017f3")
    monkeypatch.setattr(local_module, "_WORTH_A_STATE", ALWAYS)
    with opened(engine, tmp_path) as chain:
        address = chain.send(signed(0, None, create)).contract_address
        chain.send_all([signed(nonce, SENDER.address, b"") for nonce in range(1, count)])
        assert address is not None
        assert chain.code(address) == code
        blocks = [chain.block(number) for number in range(count + 1)]
    times = executed(monkeypatch, engine)
    with opened(engine, tmp_path) as chain:
        assert (times, chain._begins_at) == ([], count)
        for number in (count - 1, count - 2, count - 100, count - 255):
            assert chain.call(address, number.to_bytes(32, "big")) == blocks[number].hash
        receipt = chain.send(signed(count, SENDER.address, b""))
        asked = count - 255
        assert chain.call(address, asked.to_bytes(32, "big")) == blocks[asked].hash
    with opened(engine, None) as unbroken:
        for number in range(1, count + 1):
            unbroken.send(chain_raw(tmp_path, number))
        unbroken.send(signed(count, SENDER.address, b""))
        assert unbroken.block(count) == blocks[count]
        assert unbroken.block(count + 1).number == receipt.block_number


def test_call_given_a_block_after_which_too_many_came_for_anvil_is_as_it_was_then(probe: Artifact) -> None:
    """It remembers 500 states; what a block's state was, and what is refused there, is worked out again."""
    with opened("anvil", None) as chain:
        address = fill(chain, probe)
        snapshot = chain.snapshot()
        chain.send_all([signed(nonce, address, store(5, nonce)) for nonce in range(9, 520)])
        assert [slot_of(chain, address, 5, block) for block in (1, 4, 6, 9)] == [0, 2, 5, 8]
        with pytest.raises(CallReverted):
            chain.call(address, refuse(1), block=9)
        assert slot_of(chain, address, 5) == 519
        chain.restore(snapshot)
        assert slot_of(chain, address, 5) == 8


def chain_raw(folder: Path, number: int) -> bytes:
    """The transaction of a block."""
    with sqlite3.connect(folder / JOURNAL) as database:
        return bytes(database.execute("SELECT raw FROM entry WHERE number = ?", (number,)).fetchone()[0])
