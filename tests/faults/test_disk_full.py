"""A disk that is full: said as an error, all that was acknowledged is kept, and with room again it goes on.

a small disk    ─ every step of a day on it, with more room each time it is told that there is too little
a limited file  ─ a chain that goes on in the same process, and one that is opened again
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger.accounts import Signer
from ledger.chain import CHAIN_ID, LocalChain
from ledger.chain.local import JOURNAL
from ledger.clock import SteppedClock
from ledger.errors import StoreUnusable
from tests.faults.damage import folder
from tests.faults.steps import STEPS, Stage, state_of

SENDER = Signer.from_seed("disk", "sender")
START = datetime(2019, 11, 21, 9, 0, tzinfo=UTC)
START_KB, MORE_KB = 60, 60


@pytest.fixture
def disk() -> Iterator[Path]:
    """A file system of a few kB."""
    with folder() as at:
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={START_KB}k", "tmpfs", str(at)],
            capture_output=True,
            text=True,
        )
        if made.returncode:
            pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
        yield at
        subprocess.run(["umount", str(at)], check=True)


def enlarge(disk: Path, kilobytes: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", str(disk)], check=True)


def test_step_given_a_full_disk_says_so_and_with_more_room_ends_as_one_left_alone(
    first_stage: Stage, disk: Path
) -> None:
    size, refused = START_KB, 0
    at = disk / "ledger"
    for step in STEPS:
        while True:
            ended = first_stage.run(step, at)
            assert "Traceback" not in ended.said
            if ended.code in (0, 1):
                break
            assert ended.code in (2, 3), ended.said
            assert any(word in ended.said for word in ("full", "No space left", "I/O error")), ended.said
            refused += 1
            size += MORE_KB
            enlarge(disk, size)
        assert state_of(at) == first_stage.states[step], f"{step} at {size} kB"
    assert refused > 2
    assert first_stage.commands.run("reconcile", at).code == 0


def transactions(first: int, last: int) -> list[bytes]:
    return [
        SENDER.sign_transaction(CHAIN_ID, nonce, SENDER.address, bytes([nonce]) * 20_000, 10**7)
        for nonce in range(first, last)
    ]


def fill(chain: LocalChain) -> int:
    """Send until there is no room; how many were acknowledged."""
    done = 2
    try:
        for nonce in range(2, 30):
            done = chain.send_all(transactions(nonce, nonce + 1))[-1].block_number
    except StoreUnusable as error:
        if JOURNAL not in str(error):
            raise
        return done
    raise AssertionError("there was room for everything")


@pytest.mark.skipif(sys.platform != "linux", reason="of other systems it is not known what they limit")
@pytest.mark.parametrize("room", [0, 3_000, 9_000, 30_000, 70_000])
def test_chain_given_a_full_disk_in_the_middle_goes_on_when_there_is_room(
    engine: str, tmp_path: Path, room: int
) -> None:
    """In the same process, with the same object, from whichever commit it was that found no room."""
    clock = SteppedClock(START)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    with LocalChain(engine, clock=clock, folder=tmp_path) as chain:
        chain.send_all(transactions(0, 2))
        log = tmp_path / f"{JOURNAL}-wal"
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + room, most))
        try:
            done = fill(chain)
            assert chain.block().number >= done
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        there = chain.nonce(SENDER.address)
        assert chain.block().number == there
        assert there in (done, done + 1)
        receipts = chain.send_all(transactions(there, there + 3))
        assert [each.block_number for each in receipts] == [there + 1, there + 2, there + 3]
        blocks = [chain.block(number) for number in range(there + 4)]
    with LocalChain(engine, clock=clock, folder=tmp_path) as chain:
        assert [chain.block(number) for number in range(chain.block().number + 1)] == blocks
        assert chain.check() == there + 3


def test_copy_given_a_full_disk_says_so_and_is_no_ledger(first_stage: Stage, disk: Path) -> None:
    at = first_stage.before("settle", "to be copied")
    ended = first_stage.commands.run("backup", at, disk / "copy")
    assert ended.code in (2, 3), ended.said
    assert first_stage.commands.run("status", disk / "copy").code == 2
    enlarge(disk, 10_000)
    shutil.rmtree(disk / "copy")
    assert first_stage.commands.run("backup", at, disk / "copy").code == 0
    assert state_of(disk / "copy") == first_stage.states["fund"]
    shutil.rmtree(at)
