"""anvil as a child process: gone after close, after the parent's end, after the parent is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.chain import available, connect
from ledger.chain.anvil import AnvilChain
from ledger.clock import SteppedClock
from ledger.errors import ChainUnavailable

START = datetime(2019, 11, 21, 9, 0, tzinfo=UTC)
needs_anvil = pytest.mark.skipif(
    "anvil" not in available(), reason="anvil is not installed; run `make setup`"
)


def children(pid: int) -> list[int]:
    """All descendants of a process."""
    found = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout
    parents = [tuple(map(int, line.split())) for line in found.splitlines()]
    direct = [child for child, parent in parents if parent == pid]
    return direct + [further for child in direct for further in children(child)]


def is_running(pid: int) -> bool:
    shown = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    return bool(shown.strip()) and not shown.strip().startswith("Z")


def assert_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 10
    while any(map(is_running, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(is_running, pids))


@needs_anvil
def test_close_ends_the_child():
    before = set(children(os.getpid()))
    chain = connect("anvil", clock=SteppedClock(START, timedelta(seconds=7)))
    started = [pid for pid in children(os.getpid()) if pid not in before]
    assert len(started) >= 2  # the shell that watches, and anvil
    chain.close()
    assert_gone(started)


@needs_anvil
def test_a_chain_whose_child_has_died_says_so():
    before = set(children(os.getpid()))
    chain = connect("anvil", clock=SteppedClock(START, timedelta(seconds=7)))
    for pid in set(children(os.getpid())) - before:
        command = subprocess.run(
            ["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        if command.stdout.split(" ")[0].endswith("anvil"):
            os.kill(pid, signal.SIGKILL)
            assert_gone([pid])
    with pytest.raises(ChainUnavailable, match="anvil"):
        chain.block()
    chain.close()


@needs_anvil
@pytest.mark.parametrize(
    "ending", [signal.SIGKILL, signal.SIGTERM, None], ids=["killed", "ended", "finished"]
)
def test_the_child_is_gone_when_the_parent_is(ending: signal.Signals | None):
    program = (
        "import sys, datetime; from ledger.chain import connect; from ledger.clock import SystemClock\n"
        "chain = connect('anvil', clock=SystemClock()); print('up', flush=True); sys.stdin.readline()\n"
    )
    root = Path(__file__).resolve().parents[2]
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"up\n"
    started = children(parent.pid)
    assert len(started) >= 2
    if ending is None:
        parent.stdin.close()
    else:
        parent.send_signal(ending)
    parent.wait()
    assert_gone(started)
    parent.stdout.close()
    if not parent.stdin.closed:
        parent.stdin.close()


@needs_anvil
def test_anvil_given_a_program_that_does_not_start_says_why(
    clock: SteppedClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    broken = tmp_path / "anvil"
    broken.write_text("#!/bin/sh\necho 'bad things' >&2\nexit 7\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CLEARING_ANVIL", str(broken))
    with pytest.raises(ChainUnavailable, match="bad things"):
        AnvilChain(clock)
