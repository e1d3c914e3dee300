"""Planted breaks, and the speed of reconciliation: `.venv/bin/python scripts/bench_reconcile.py [--json]`.

Books of the shared days (without them, of a generated day) with breaks planted by seed are reconciled with
the ledger; the score is exact. Ten million rows are held against as many, beside datacompy on the same files.
And the last cycle of a ledger that grows is reconciled, which ought to take as long each time.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from bench_chain import Source, opened
from bench_planted import measure as planted
from bench_reconcile_speed import ROWS
from bench_reconcile_speed import measure as speed
from bench_reconcile_speed import shown as speed_shown

from ledger.chain import available
from settlement import sample, scenario
from settlement.day import run
from settlement.operations import Ledger
from settlement.reconciliation.ledger_side import Scope

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "nepse"
SEEDS = 200
CYCLES = (1, 4, 16)
"""Cycles on the ledger when its last one is reconciled."""
TRADES = 2_000
"""Of each."""
RUNS = 3


def markets() -> list[Source]:
    """The shared days, or where they are missing a generated one."""
    files = sorted(SHARED.glob("*.csv"))
    if files:
        return [Source(file.stem, file.read_bytes(), scenario.load("nepse-2019")) for file in files]
    return [Source("generated", sample.generate(1), scenario.load("sample"))]


def cycles() -> list[dict[str, Any]]:
    """Seconds for the last cycle, by how many there are on the ledger."""
    rows = []
    rules = scenario.load("sample")
    days = [sample.TRADING_DAY + timedelta(days=each) for each in range(CYCLES[-1])]
    files = [sample.generate(seed, trades=TRADES, trading_day=day) for seed, day in enumerate(days)]
    with opened(Source(str(days[0]), files[0], rules), available()[0]) as ledger:
        for place, (day, data) in enumerate(zip(days, files, strict=True), 1):
            source = Source(str(day), data, rules)
            run(ledger, source.intake(), data, source=source.name)
            if place in CYCLES:
                found = ledger.reconcile(Scope(cycle=place))
                scopes = {"cycle_s": Scope(cycle=place), "everything_s": Scope()}
                medians = {name: round(_median_s(ledger, scope), 3) for name, scope in scopes.items()}
                compared = found.compared.trades
                rows.append({"cycles": place, "compared": compared, "breaks": len(found.breaks), **medians})
    return rows


def _median_s(ledger: Ledger, scope: Scope) -> float:  # seconds
    taken_s = []
    for _ in range(RUNS):
        started = perf_counter()
        ledger.reconcile(scope)
        taken_s.append(perf_counter() - started)
    return median(taken_s)


def measure(
    seeds: Sequence[int] = range(SEEDS), rows: int = ROWS, parts: Sequence[str] | None = None
) -> dict[str, Any]:
    """All parts, or some."""
    every: dict[str, Callable[[], Any]] = {
        "planted": lambda: planted(markets(), seeds),
        "cycles": cycles,
        "speed": lambda: speed(rows),
    }
    return {name: part() for name, part in every.items() if parts is None or name in parts}


def shown(results: Mapping[str, Any]) -> list[str]:
    """The results as lines."""
    lines = []
    if got := results.get("planted"):
        lines.append(f"breaks planted by {got['books']} seeds in books of {', '.join(got['days'])}")
        for name in ("trades", "balances"):
            lines.append("  " + _scored(name, got[name]))
        lines.append(f"  in {got['seconds']:.1f} s")
    if rows := results.get("cycles"):
        lines.append(f"the last cycle, of {TRADES:,} trades, and everything")
        for row in rows:
            taken = f"cycle {row['cycle_s']:.3f} s, everything {row['everything_s']:.3f} s"
            lines.append(f"  {row['cycles']:>3} cycles on the ledger: {taken}")
    return [*lines, *(speed_shown(results["speed"]) if "speed" in results else [])]


def _scored(name: str, got: Mapping[str, int]) -> str:
    rates = ", ".join(f"{each} {got[f'{each}_ppm']:,} ppm" for each in ("recall", "precision", "named"))
    counts = f"{got['planted']:,} planted, {got['found']:,} reported, {got['right']:,} of them planted"
    return f"{name:<9} {counts}, {got['named']:,} rightly named; {rates}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code is 1 where not every planted break was found and nothing else."""
    parser = argparse.ArgumentParser(description="Planted breaks, and the speed of reconciliation.")
    parser.add_argument("--json", action="store_true", help="one object on standard output")
    parser.add_argument("--only", nargs="+", choices=["planted", "cycles", "speed"], help="these parts only")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many seeds plant breaks")
    parser.add_argument("--rows", type=int, default=ROWS, help="how many rows each side has")
    options = parser.parse_args(arguments)
    results = measure(range(options.seeds), options.rows, options.only)
    print(json.dumps(results, indent=2) if options.json else "\n".join(shown(results)))
    scores = [results["planted"][name] for name in ("trades", "balances")] if "planted" in results else []
    return 0 if all(got["planted"] == got["found"] == got["right"] for got in scores) else 1


if __name__ == "__main__":
    sys.exit(main())
