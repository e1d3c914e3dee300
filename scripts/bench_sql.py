"""The same day settled by PostgreSQL and SQLite: `.venv/bin/python scripts/bench_sql.py [FILE] [--json]`.

From the same trade file to the same balances, which are compared with those that the package's pure functions
give: trade by trade, each in a durable transaction of its own, and in one durable set-based batch. Trade by
trade, brokers need more on the way than the day takes net: each balance has a credit line of exactly that,
checked with every change and withdrawn at the end. FILE is as for scripts/bench.py.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Protocol

from sql import postgresql
from sql.sqlite import SQLite
from sql.work import Place, Work, credit, settles_without_credit

from settlement import sample, scenario
from settlement.intake import parse_trades
from settlement.scenario import Scenario

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "nepse" / "2019-11-21.csv"
TRADES = 5_672
"""Of that day."""
BULK = 1_000_000
RUNS = 3
WAYS = ("trade by trade", "one batch")
STAGES = ("open_s", "settle_s", "read_s", "total_s")
_SYNCS = 200


class Source(Protocol):
    """A trade file and the scenario it belongs to."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def data(self) -> bytes:
        """The file."""

    @property
    def scenario(self) -> Scenario:
        """Whose format and fees the file has."""


class Database(Protocol):
    """What settles a day."""

    name: str

    def create(self) -> None:
        """An empty database in place of any before."""

    def open(self, work: Work, credit: Mapping[Place, int]) -> None:
        """Tables, institutions, rules, opening balances and credit lines."""

    def settle_each(self, work: Work) -> None:
        """A durable transaction a trade."""

    def settle_batch(self, work: Work) -> None:
        """One durable transaction."""

    def balances(self) -> dict[Place, int]:
        """Every balance that is not zero."""

    def bytes_on_disk(self) -> dict[str, int]:
        """How large it is."""

    def settings(self) -> dict[str, str]:
        """What makes it durable."""

    def close(self) -> None:
        """Remove the database."""


class File:
    """A source."""

    def __init__(self, name: str, data: bytes, scenario: Scenario) -> None:
        self.name, self.data, self.scenario = name, data, scenario


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(description="Settle the same day by PostgreSQL and SQLite.")
    parser.add_argument("file", nargs="?", type=Path, help="a day in the nepse format")
    parser.add_argument("--bulk", type=int, default=BULK, help="trades of the large batch; 0 leaves it out")
    parser.add_argument("--runs", type=int, default=RUNS, help="of which the median is shown")
    parser.add_argument("--directory", type=Path, help="where the databases are put for the time being")
    parser.add_argument("--json", action="store_true", help="one object on standard output")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    days = [measure(_source(options.file), runs=options.runs, directory=options.directory)]
    if options.bulk:
        days.append(measure_bulk(options.bulk, directory=options.directory))
    if options.json:
        print(json.dumps({"days": days}, indent=2))
    else:
        print("\n\n".join(_table(day) for day in days))
    return 0


def measure(
    source: Source, *, runs: int = RUNS, ways: Sequence[str] = WAYS, directory: Path | None = None
) -> dict[str, Any]:
    """Settle the source's day by each database each way; seconds by stage, the median of the runs.

    Raises AssertionError where a database ends with other balances than the package's functions.
    """
    start = perf_counter()
    intake = parse_trades(source.data, source.scenario, source=source.name)
    intake_s = perf_counter() - start
    work = Work.of(source.scenario, intake.trades)
    result: dict[str, Any] = {"day": source.name, "trades": len(intake.trades), "runs": runs}
    lines: dict[Place, int] = {}
    if WAYS[0] in ways:
        lines = credit(work)
        first, retried = settles_without_credit(work)
        result["without_credit"] = {"in_file_order": first, "with_retries": retried}
        result["cash_minor"] = {
            "opening": sum(value for (_, asset), value in work.opening.items() if not asset),
            "credit": sum(value for (_, asset), value in lines.items() if not asset),
        }
    with tempfile.TemporaryDirectory(prefix="bench-sql-", dir=directory) as folder:
        result["sync_ms"] = round(_sync_s(Path(folder)) * 1000, 3)
        result["intake_s"] = round(intake_s, 3)
        result["ways"] = []
        result["settings"] = {}
        for database in _databases(Path(folder), directory):
            result["settings"][database.name] = database.settings()
            for way in ways:
                timed = [_run(database, way, work, lines if way == WAYS[0] else {}) for _ in range(runs)]
                seconds = {stage: median(run[stage] for run in timed) for stage in STAGES[:-1]}
                seconds["total_s"] = intake_s + median(sum(run.values()) for run in timed)
                row: dict[str, Any] = {"engine": database.name, "way": way}
                row |= {stage: round(taken, 3) for stage, taken in seconds.items()}
                row["trades_per_s"] = round(len(work.trades) / seconds["settle_s"])
                row["bytes"] = database.bytes_on_disk()
                result["ways"].append(row)
    result["skipped"] = [] if postgresql.binaries() else [postgresql.INSTALL]
    return result


def measure_bulk(trades: int = BULK, *, directory: Path | None = None) -> dict[str, Any]:
    """One batch of so many generated trades, once, by each database."""
    source = File(f"generated, {trades:,} trades", sample.generate(1, trades=trades), scenario.load("sample"))
    return measure(source, runs=1, ways=WAYS[1:], directory=directory)


def expected(source: Source) -> dict[tuple[str, str], int]:
    """Every balance that is not zero after the source's day, (institution, asset) → units or minor units."""
    intake = parse_trades(source.data, source.scenario, source=source.name)
    work = Work.of(source.scenario, intake.trades)
    return work.named(work.closing)


def _databases(folder: Path, directory: Path | None) -> Iterator[Database]:
    programs = postgresql.binaries()
    if programs is not None:
        with postgresql.server(programs, directory) as running:
            yield running
    with closing(SQLite(folder)) as sqlite:
        sqlite.create()
        yield sqlite


def _run(
    database: Database, way: str, work: Work, credit: Mapping[Place, int]
) -> dict[str, float]:  # seconds
    """Seconds by stage, the database made new before and left for a look."""
    database.create()
    marks = [perf_counter()]
    database.open(work, credit)
    marks.append(perf_counter())
    (database.settle_each if way == WAYS[0] else database.settle_batch)(work)
    marks.append(perf_counter())
    found = database.balances()
    marks.append(perf_counter())
    assert found == work.closing, f"{database.name}, {way}: other balances than the package's functions give"
    return {stage: b - a for stage, a, b in zip(STAGES, marks, marks[1:], strict=False)}


def _sync_s(folder: Path) -> float:  # seconds
    """Seconds that the disk takes to sync a page, which bounds what is durable trade by trade."""
    path = folder / "sync"
    seconds = []
    with path.open("wb", buffering=0) as file:
        for _ in range(_SYNCS):
            file.seek(0)
            file.write(bytes(8192))
            start = perf_counter()
            os.fsync(file.fileno())
            seconds.append(perf_counter() - start)
    path.unlink()
    return median(seconds)


def _source(path: Path | None) -> File:
    if path is not None or SHARED.is_file():
        file = path or SHARED
        return File(file.name, file.read_bytes(), scenario.load("nepse-2019"))
    return File(f"generated, {TRADES:,} trades", sample.generate(1, trades=TRADES), scenario.load("sample"))


def _table(day: Mapping[str, Any]) -> str:
    lines = [f"day: {day['day']}; intake {day['intake_s']:.3f} s; a sync of the disk {day['sync_ms']:.3f} ms"]
    if "without_credit" in day:
        alone, cash = day["without_credit"], day["cash_minor"]
        lines.append(
            f"without credit {alone['in_file_order']:,} of {day['trades']:,} trades settle one at a time in"
            f" file order, {alone['with_retries']:,} with retries;\ncash opening"
            f" {cash['opening']:,}, credit lines {cash['credit']:,} minor units"
        )
    head = "".join(f"{stage.removesuffix('_s'):>10}" for stage in STAGES)
    lines.append(f"\n{'seconds':<18}{'':<16}{head}{'trades/s':>12}{'MB':>9}")
    for row in day["ways"]:
        cells = "".join(f"{row[stage]:>10.3f}" for stage in STAGES)
        megabytes = f"{row['bytes']['database'] // 1000 / 1000:,.1f}"
        lines.append(f"{row['engine']:<18}{row['way']:<16}{cells}{row['trades_per_s']:>12,}{megabytes:>9}")
    return "\n".join([*lines, *day["skipped"]])


if __name__ == "__main__":
    sys.exit(main())
