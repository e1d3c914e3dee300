"""anvil as a child process: gone after close, after the parent's end, after the parent is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from eth_utils import keccak

from ledger.accounts import Signer
from ledger.chain import CHAIN_ID, available, connect
from ledger.chain.anvil import AnvilEngine
from ledger.clock import SteppedClock
from ledger.compile import Artifact
from ledger.errors import ChainUnavailable

SENDER = Signer.from_seed("anvil", "sender")
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


def kill_anvil() -> None:
    """Kill every anvil under this process and see it gone."""
    for pid in children(os.getpid()):
        shown = subprocess.run(
            ["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        if shown.stdout.split(" ")[0].endswith("anvil"):
            os.kill(pid, signal.SIGKILL)
            assert_gone([pid])


def store(value: int) -> bytes:
    """Calldata of Probe.store(0, value)."""
    return bytes(keccak(text="store(uint256,uint256)"))[:4] + bytes(32) + value.to_bytes(32, "big")


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
def test_a_chain_whose_child_was_killed_goes_on_with_another(probe: Artifact) -> None:
    """The same transactions at the same times, one child for all or one killed after each: the same chain."""
    ends = []
    for kill in (False, True):
        with connect("anvil", clock=SteppedClock(START, timedelta(seconds=7))) as chain:
            address = None
            for value in range(6):
                data = probe.bytecode if address is None else store(value)
                raw = SENDER.sign_transaction(CHAIN_ID, chain.nonce(SENDER.address), address, data, 10**7)
                if kill:
                    kill_anvil()
                receipt = chain.send(raw)
                address = address or receipt.contract_address
            if kill:
                kill_anvil()
            height = chain.block().number
            ends.append(
                (
                    [chain.block(number) for number in range(height + 1)],
                    chain.logs(0, height),
                    chain.nonce(SENDER.address),
                    chain.code(str(address)),
                )
            )
    assert ends[0] == ends[1]
    assert len(ends[0][0]) == 7


@needs_anvil
def test_a_chain_whose_child_was_killed_between_block_and_answer_executes_once() -> None:
    """The engine has mined the transaction when it dies: the next one executes it, and it is there once."""
    with connect("anvil", clock=SteppedClock(START, timedelta(seconds=7))) as chain:
        engine = cast(AnvilEngine, chain.engine)
        asked = engine._ask

        def dies_after_mining(method: str, *parameters: object) -> object:
            answer = asked(method, *parameters)
            if method == "evm_mine":
                kill_anvil()
            return answer

        engine._ask = dies_after_mining  # type: ignore[method-assign]
        receipt = chain.send(SENDER.sign_transaction(CHAIN_ID, 0, SENDER.address, b"", 10**7))
        assert chain.engine is not engine
        assert (receipt.block_number, chain.block().number, chain.nonce(SENDER.address)) == (1, 1, 1)


@needs_anvil
def test_a_chain_whose_every_child_dies_says_so_and_keeps_what_was_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A machine on which no engine lives: told as an error; on a good one it goes on with what was sent."""
    clock = SteppedClock(START, timedelta(seconds=7))
    raw = SENDER.sign_transaction(CHAIN_ID, 0, SENDER.address, b"", 10**7)
    with connect("anvil", clock=clock, folder=tmp_path) as chain:
        kill_anvil()
        monkeypatch.setenv("CLEARING_ANVIL", "/bin/false")
        with pytest.raises(ChainUnavailable, match="anvil"):
            chain.send(raw)
        assert chain.block().number == 0
        monkeypatch.delenv("CLEARING_ANVIL")
    with connect("anvil", clock=clock, folder=tmp_path) as chain:
        assert chain.block().number == 1
        assert chain.transaction_input(keccak(raw)) == b""


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
def test_anvil_given_a_program_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    broken = tmp_path / "anvil"
    broken.write_text("#!/bin/sh\necho 'bad things' >&2\nexit 7\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CLEARING_ANVIL", str(broken))
    with pytest.raises(ChainUnavailable, match="bad things"):
        AnvilEngine(0)
