"""One writer at a time: a lock that the system takes back when the process that holds it is gone."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.clock import Clock
from ledger.errors import LedgerLocked, StoreUnusable

LOCK = "lock"
_TRIES, _PAUSE_S = 20, 0.01  # seconds


@contextmanager
def writing(folder: Path, *, clock: Clock) -> Iterator[None]:
    """Hold the ledger in `folder` for writing. Raises LedgerLocked, saying who has it, or StoreUnusable."""
    path = folder / LOCK
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreUnusable(str(path), error.strerror or str(error)) from None
    try:
        if not _taken(handle):
            raise LedgerLocked(str(folder), holder(folder) or "another process")
        said = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "command": " ".join(["clearing", *sys.argv[1:]]),
            "since": clock.now().isoformat(timespec="seconds"),
        }
        with contextlib.suppress(OSError):  # on a full disk nobody can be told, and it is held all the same
            os.ftruncate(handle, 0)
            os.write(handle, json.dumps(said).encode())
        yield
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    """Take the lock. Whoever looks who has it (`holder`) shares it for a moment, which is waited for."""
    for _ in range(_TRIES):
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(_PAUSE_S)
    return False


def holder(folder: Path) -> str | None:
    """Who holds the ledger in `folder` for writing, in words; None where nobody does."""
    path = folder / LOCK
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return _described(os.read(handle, 4096))
        return None
    finally:
        os.close(handle)


def _described(said: bytes) -> str:
    try:
        found = json.loads(said)
        return f"process {found['pid']} on {found['host']} ({found['command']}) since {found['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
