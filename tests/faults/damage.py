"""Journals as a machine leaves them that lost its power, or a disk that lost a byte."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger.chain.journal import Journal
from ledger.errors import StoreDamaged, StoreUnusable
from tests.journals import Said, said

ROOT = Path(__file__).resolve().parents[2]
MEMORY = Path("/dev/shm")
FRAME = 24 + 4096
"""Bytes of a page in SQLite's log, with the frame's header."""
LOG_HEADER = 32


@dataclass(frozen=True, slots=True)
class Left:
    """The files of a journal, and what it said when they were left."""

    file: bytes
    log: bytes
    whole: Said


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder, in memory where there is one: these tests write a lot and need no disk."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None, prefix="clearing-") as made:
        yield Path(made)


def left_by_a_killed_process(statements: str, *arguments: object) -> Left:
    """What is there after a process ran `statements` on `path`, giving `journal`, and was ended at once."""
    with folder() as at:
        path = at / "journal.sqlite"
        program = (
            f"import os, pathlib, random, sys\npath = pathlib.Path(sys.argv[1])\n{statements}\nos._exit(9)"
        )
        run = subprocess.run([sys.executable, "-c", program, str(path), *map(str, arguments)], cwd=ROOT)
        assert run.returncode == 9
        log = path.with_name(path.name + "-wal").read_bytes()
        file = path.read_bytes()
        journal = Journal(path)
        whole = said(journal)
        journal.close()
        return Left(file, log, whole)


def opened(
    at: Path, file: bytes, log: bytes | None, *, write: bool = True, looked_up: bool = True
) -> Said | None:
    """What a journal of these bytes says; None where it is refused by an error that is meant for it."""
    path = at / "journal.sqlite"
    path.write_bytes(file)
    beside = path.with_name(path.name + "-wal")
    if log is None:
        beside.unlink(missing_ok=True)
    else:
        beside.write_bytes(log)
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    try:
        journal = Journal(path, write=write)
        try:
            return said(journal, looked_up=looked_up)
        finally:
            journal.close()
    except (StoreDamaged, StoreUnusable) as refusal:
        if str(path) not in str(refusal):
            raise
        return None


def flipped(data: bytes, at: int, bits: int) -> bytes:
    """The bytes with one changed."""
    return data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :]


def chunk_of(total: int, part: int, parts: int) -> range:
    """Every `parts`-th number below `total`, beginning with `part`."""
    return range(part, total, parts)


def scale(default: int, name: str = "CLEARING_FAULT_CUTS") -> int:
    """How many: the environment's say, else this."""
    return int(os.environ.get(name, default))
