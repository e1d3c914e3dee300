"""PostgreSQL of the machine, durable as it comes: a server of its own in a temporary directory."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv

from .work import Place, Work, text

INSTALL = "PostgreSQL is not installed: `apt-get install postgresql`"
USER = "postgres"
PORT = "5432"
"""In the name of the socket only: no network port is opened."""
_WAIT_S = 60
_SETTINGS = ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers")


def binaries() -> Path | None:
    """Where the server's programs are: of the PATH, as pg_config says, or Debian's newest; None where there
    are none.
    """
    initdb, config = shutil.which("initdb"), shutil.which("pg_config")
    places = [Path(initdb).resolve().parent] if initdb else []
    if config:
        said = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        places.append(Path(said.stdout.strip()))
    debian = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
    places += sorted(
        debian, key=lambda path: [int(part) for part in path.parent.name.split(".")], reverse=True
    )
    names = ("initdb", "postgres", "psql")
    return next((place for place in places if all((place / name).is_file() for name in names)), None)


class PostgreSQL:
    """A running server; a database a run."""

    def __init__(self, programs: Path, directory: Path) -> None:
        self.directory, self._programs = directory, programs
        version = subprocess.run([programs / "postgres", "-V"], capture_output=True, text=True, check=True)
        self.name = f"PostgreSQL {version.stdout.split()[2]}"

    def create(self) -> None:
        """An empty database; what was before is on disk."""
        self.close()
        self._psql("postgres", b"create database bench; checkpoint")

    def open(self, work: Work, credit: Mapping[Place, int]) -> None:
        """Tables, the procedure, institutions, rules, opening balances and credit lines."""
        places = sorted(work.opening.keys() | credit.keys())
        tables: dict[str, Sequence[tuple[object, ...]]] = {
            "institution": list(enumerate(work.institutions, start=1)),
            "asset": list(enumerate(work.assets)),
            "slab": work.slabs(),
            "levy": [(work.schedule.levy_ppm, work.beneficiary)],
            "share": list(work.shares.items()),
            "balance": [(*place, work.opening.get(place, 0), credit.get(place, 0)) for place in places],
        }
        parts = ["begin;", text("schema"), text("settle")]
        for table, rows in tables.items():
            parts.append(f"copy {table} from stdin;")
            parts += ["\t".join(map(str, row)) for row in rows]
            parts.append("\\.")
        self._psql("bench", "\n".join([*parts, "commit;", "analyze;"]).encode())

    def settle_each(self, work: Work) -> None:
        """One call of the procedure a trade, each a durable transaction that is waited for; at the end the
        credit lines are withdrawn.
        """
        columns = (column.tolist() for column in work.columns().values())
        calls = [f"call settle{row};" for row in zip(*columns, strict=True)]
        end = "update balance set credit = 0 where credit > 0;"
        self._psql("bench", "\n".join([*calls, end]).encode())

    def settle_batch(self, work: Work) -> None:
        """All trades in one durable transaction: COPY, then set-based statements."""
        rows = BytesIO()
        options = pa_csv.WriteOptions(include_header=False)
        pa_csv.write_csv(pa.table(work.columns()), rows, options)
        head = f"begin;\n{text('incoming')}\ncopy incoming from stdin with (format csv);\n"
        tail = f"\\.\n{text('batch')}\ncommit;\n"
        self._psql("bench", head.encode() + rows.getbuffer() + tail.encode())

    def balances(self) -> dict[Place, int]:
        """Every balance that is not zero."""
        rows = self.ask("bench", "select holder, asset, amount from balance where amount <> 0")
        return {(int(holder), int(asset)): int(amount) for holder, asset, amount in rows}

    def bytes_on_disk(self) -> dict[str, int]:
        """Of the database, and of the write-ahead log that the server keeps besides."""
        ((database, log),) = self.ask(
            "bench", "select pg_database_size('bench'), (select sum(size) from pg_ls_waldir())"
        )
        return {"database": int(database), "log": int(log)}

    def settings(self) -> dict[str, str]:
        """What makes it durable, as the server says it."""
        names = ", ".join(f"current_setting('{name}')" for name in _SETTINGS)
        [values] = self.ask("postgres", f"select {names}")
        return dict(zip(_SETTINGS, values, strict=True))

    def close(self) -> None:
        """Drop the database."""
        self._psql("postgres", b"drop database if exists bench")

    def ask(self, database: str, query: str) -> list[list[str]]:
        """The rows that a query answers, as text."""
        said = self._psql(database, query.encode())
        return [line.split("\t") for line in said.decode().splitlines()]

    def _psql(self, database: str, script: bytes) -> bytes:
        command: list[str | Path] = [
            self._programs / "psql",
            "-X",
            "-q",
            "-A",
            "-t",
            "-F",
            "\t",
            "-v",
            "ON_ERROR_STOP=1",
        ]
        command += ["-h", self.directory, "-p", PORT, "-U", USER, "-d", database, "-f", "-"]
        run = subprocess.run(command, input=script, capture_output=True, check=False)
        if run.returncode:
            raise RuntimeError(f"psql: {run.stderr.decode(errors='replace').strip()}")
        return run.stdout


@contextmanager
def server(programs: Path, parent: Path | None = None) -> Iterator[PostgreSQL]:
    """A server under `parent` (the system's temporary directory), stopped and removed at the end.

    PostgreSQL refuses to run as root: there it runs as the user `postgres`.
    """
    directory = Path(tempfile.mkdtemp(prefix="bench-pg-", dir=parent))
    identity: dict[str, Any] = {}
    try:
        if os.geteuid() == 0:
            identity = {"user": USER, "group": USER, "extra_groups": []}
            shutil.chown(directory, USER, USER)
        data = directory / "data"
        make: list[str | Path] = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            USER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "--no-sync",  # the empty cluster alone: what is committed to it is on disk as ever
        ]
        subprocess.run(make, **identity, cwd=directory, stdout=subprocess.DEVNULL, check=True)
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(
                [programs / "postgres", "-D", data, "-k", directory, "-p", PORT, "-c", "listen_addresses="],
                **identity,
                cwd=directory,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            running = PostgreSQL(programs, directory)
            _wait(running, process, directory / "log")
            yield running
        finally:
            _stop(process)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _wait(running: PostgreSQL, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the server answers."""
    give_up = perf_counter() + _WAIT_S
    while True:
        try:
            running.settings()
            return
        except RuntimeError:
            if process.poll() is not None or perf_counter() > give_up:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text(errors='replace')}") from None
            sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """A fast shutdown, and harder ones where it takes too long."""
    for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        process.send_signal(how)
        try:
            process.wait(30)
            return
        except subprocess.TimeoutExpired:
            continue
