"""One writer at a time: who it is, that the dead hold nothing, that looking disturbs nobody."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ledger.chain.lock import LOCK, holder, writing
from ledger.clock import SystemClock
from ledger.errors import LedgerLocked, StoreUnusable

ROOT = Path(__file__).resolve().parents[2]
HOLDS = (
    "import sys; from pathlib import Path\n"
    "from ledger.chain.lock import writing; from ledger.clock import SystemClock\n"
    "with writing(Path(sys.argv[1]), clock=SystemClock()): print('held', flush=True); sys.stdin.readline()"
)


def held_by_another(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str], how: signal.Signals | None = None) -> None:
    if how is None:
        process.communicate("\n")
    else:
        process.send_signal(how)
        process.communicate()


def test_writing_given_another_process_has_it_says_which_and_since_when(tmp_path: Path) -> None:
    process = held_by_another(tmp_path)
    said = holder(tmp_path)
    assert said is not None
    assert f"process {process.pid} on {os.uname().nodename} (clearing " in said
    assert " since 20" in said
    with pytest.raises(LedgerLocked) as caught, writing(tmp_path, clock=SystemClock()):
        pass
    assert (caught.value.holder, caught.value.transient, caught.value.exit_code) == (said, True, 3)
    end(process)
    assert holder(tmp_path) is None


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, None])
def test_writing_given_the_other_process_has_ended_holds(tmp_path: Path, how: signal.Signals | None) -> None:
    end(held_by_another(tmp_path), how)
    assert holder(tmp_path) is None
    with writing(tmp_path, clock=SystemClock()):
        assert f"process {os.getpid()} " in str(holder(tmp_path))
        with pytest.raises(LedgerLocked), writing(tmp_path, clock=SystemClock()):
            pass
    assert holder(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"pid": 1}', bytes(5_000)])
def test_holder_given_a_file_that_says_nothing_is_another_process(tmp_path: Path, content: bytes) -> None:
    process = held_by_another(tmp_path)
    (tmp_path / LOCK).write_bytes(content)
    assert holder(tmp_path) == "another process"
    end(process)
    assert holder(tmp_path) is None


def test_writing_given_somebody_who_keeps_looking_is_never_refused(tmp_path: Path) -> None:
    """`clearing status` in a loop beside writers that come and go."""
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            holder(tmp_path)

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    try:
        for _ in range(100):
            with writing(tmp_path, clock=SystemClock()):
                assert json.loads((tmp_path / LOCK).read_bytes())["pid"] == os.getpid()
    finally:
        stop.set()
        for looker in lookers:
            looker.join()


def test_writing_given_somebody_who_looks_just_now_waits_for_it(tmp_path: Path) -> None:
    (tmp_path / LOCK).touch()
    looking = os.open(tmp_path / LOCK, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    done = threading.Timer(0.05, os.close, [looking])
    done.start()
    with writing(tmp_path, clock=SystemClock()):
        assert holder(tmp_path) is not None
    done.join()


def test_writing_given_no_folder_or_a_folder_in_its_place_raises(tmp_path: Path) -> None:
    assert holder(tmp_path / "gone") is None
    (tmp_path / LOCK).mkdir()
    for folder in (tmp_path / "gone", tmp_path):
        with pytest.raises(StoreUnusable), writing(folder, clock=SystemClock()):
            pass


def test_writing_given_an_error_inside_lets_go(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x"), writing(tmp_path, clock=SystemClock()):
        raise ValueError("x")
    with writing(tmp_path, clock=SystemClock()):
        pass
