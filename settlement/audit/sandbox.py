"""One SELECT over the audit views, in a process of its own that can be stopped and can do nothing else."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.errors import InvalidValue
from settlement.audit.child import ANSWER, BROKEN, LENGTH, STOPPED, WRONG
from settlement.audit.facts import plain
from settlement.audit.statement import Refused, check_text
from settlement.errors import SettlementError

if TYPE_CHECKING:
    import pyarrow as pa

_ROOT = Path(__file__).resolve().parents[2]
_START = f"import sys; sys.path.insert(0, {str(_ROOT)!r}); from settlement.audit.child import main; main()"
_NO_TIME = -signal.SIGXCPU


@dataclass(frozen=True, slots=True)
class Limits:
    """What one statement may take. A result that is larger is refused, not cut: a list that ends early could
    be taken for a whole one.
    """

    time_s: int = 30
    """1 to 600, from when it begins."""
    memory_mb: int = 1_024
    """64 to 65,536, in memory; nothing is put on disk."""
    rows: int = 1_000_000
    bytes: int = 256 << 20
    threads: int = 2

    def __post_init__(self) -> None:
        """Raises InvalidValue."""
        if not 1 <= self.time_s <= 600:
            raise InvalidValue("time limit", str(self.time_s), "1 to 600 seconds are possible")
        if not 64 <= self.memory_mb <= 65_536:
            raise InvalidValue("memory", str(self.memory_mb), "64 to 65,536 MB are possible")


@dataclass(frozen=True, slots=True)
class Scene:
    """What a statement can see: `statements` make the views in a new connection of DuckDB as one viewer has
    them; `views` are those that it may name, with their columns.
    """

    statements: Sequence[str]
    views: Mapping[str, Sequence[str]]
    folder: Path
    """The index's; no other file can be read."""
    tables: Mapping[str, pa.Table] = field(default_factory=dict)
    """What the views read and no file of the folder holds; made in schema main before the views."""
    rows_left_out: bool = False
    """Whether the viewer sees some rows only (`Access.sees` is own)."""


class SqlRefused(SettlementError):
    """A statement that is not answered; `reason` says what is wrong with it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"sql: {reason}")
        self.reason = reason


class SqlStopped(SqlRefused):
    """A statement that ran into the `limit`: time, memory, rows or bytes."""

    is_limit = True

    def __init__(self, limit: str, reason: str) -> None:
        super().__init__(reason)
        self.limit = limit


def run(sql: str, scene: Scene, limits: Limits | None = None) -> pa.Table:
    """What the statement answers, all of it. Raises SqlRefused and SqlStopped."""
    limits = limits or Limits()
    try:
        check_text(sql)
    except Refused as error:
        raise SqlRefused(str(error)) from None
    ended = threading.Event()
    with subprocess.Popen(
        [sys.executable, "-I", "-c", _START],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
    ) as child:
        timer = threading.Timer(limits.time_s, _stop, (child, ended))
        timer.start()
        try:
            said = _exchanged(child, _framed(sql, scene, limits))
        finally:
            timer.cancel()
            child.kill()
    return _read(said, child.returncode, limits, late=ended.is_set())


def _stop(child: subprocess.Popen[bytes], ended: threading.Event) -> None:
    ended.set()
    child.kill()


def _exchanged(child: subprocess.Popen[bytes], data: bytes) -> bytes:
    """What the child says. Its input stays open meanwhile: that is how it knows that somebody waits."""
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(data)
        child.stdin.flush()
    except BrokenPipeError:
        return b""
    said = child.stdout.read()
    child.wait()
    return said


def _framed(sql: str, scene: Scene, limits: Limits) -> bytes:
    """The request as the child reads it: how many parts, then each behind its length."""
    import pyarrow as pa

    request = {
        "sql": sql,
        "statements": list(scene.statements),
        "views": {name: list(columns) for name, columns in scene.views.items()},
        # As it is written in the views, where it really is, and each as the pattern that the views have.
        "folders": sorted(
            {
                form
                for each in (scene.folder, scene.folder.absolute(), scene.folder.resolve())
                for form in (str(each), plain(str(each)))
            }
        ),
        "tables": list(scene.tables),
        "barrier": scene.rows_left_out,
        **{name: getattr(limits, name) for name in Limits.__slots__},
    }
    parts = [json.dumps(request).encode()]
    for table in scene.tables.values():
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        parts.append(sink.getvalue().to_pybytes())
    framed = b"".join(len(part).to_bytes(LENGTH, "big") + part for part in parts)
    return bytes([len(parts)]) + framed


def _read(said: bytes, code: int, limits: Limits, *, late: bool) -> pa.Table:
    kind, data = said[:1], said[1:]
    if kind == ANSWER:
        import pyarrow as pa

        return pa.ipc.open_stream(data).read_all()
    if kind == WRONG:
        raise SqlRefused(data.decode())
    if kind == BROKEN:
        raise RuntimeError(f"the views cannot be made: {data.decode()}")
    if kind == STOPPED:
        raise _stopped(*data.decode().split(), limits=limits)
    raise _stopped("time" if late or code == _NO_TIME else "memory", limits=limits)


def _stopped(limit: str, _most: str = "", *, limits: Limits) -> SqlStopped:
    reasons = {
        "time": f"was stopped: it took longer than {limits.time_s} s; ask for less, or give --time-limit",
        "memory": f"was stopped: it wanted more memory than {limits.memory_mb:,} MB; ask for less, or give"
        " --memory",
        "rows": f"answers with more than {limits.rows:,} rows; filter, sum, or page with LIMIT",
        "bytes": f"answers with more than {limits.bytes >> 20:,} MB; ask for fewer columns or rows",
    }
    return SqlStopped(limit, reasons[limit])
