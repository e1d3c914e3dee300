"""Gas a trade, trades a second, whole days, a million trades, the same day in SQL databases, what settles
with less cash, gas of sharing payments, planted breaks and the speed of reconciliation, auditing a large
ledger, evidence: `make bench`.

`.venv/bin/python scripts/bench.py [FILE] [--json] [--only PART ...]`. FILE is a day in the nepse format;
without one it is 2019-11-21 where the shared data are, else a generated day.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench_audit import measure as audit
from bench_audit import shown as audit_lines
from bench_chain import Source, days, gas, million, stages
from bench_evidence import measure as evidence
from bench_evidence import shown as evidence_table
from bench_liquidity import measure as liquidity
from bench_liquidity import shown as liquidity_table
from bench_reconcile import measure as reconcile
from bench_reconcile import shown as reconcile_lines
from bench_splits import measure as splits
from bench_splits import shown as splits_table
from bench_sql import measure as sql

from ledger.chain import available
from settlement import sample, scenario

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "nepse"
DAY = SHARED / "2019-11-21.csv"
TRADES = 5_672
"""Of that day."""
BULK = 50_000
"""Trades that pyevm can do in a minute, and at which what a step costs by itself no longer counts."""
MILLION = 1_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code."""
    parts: dict[str, Callable[[], Any]] = {
        "gas": lambda: gas(source, available()[0]),
        "stages": lambda: {engine: stages(source, engine) for engine in available()},
        "bulk": lambda: {engine: stages(_generated(BULK), engine) for engine in available()},
        "days": lambda: days(sorted(SHARED.glob("*.csv")), available()),
        "million": lambda: million(options.trades),
        "sql": lambda: sql(source),
        "liquidity": lambda: liquidity(sorted(SHARED.glob("*.csv"))),
        "splits": lambda: splits(_two_days(), available()[0]),
        "reconcile": reconcile,
        "audit": lambda: audit(options.trades),
        "evidence": lambda: evidence(DAY, DAY.stem, "nepse-2019") if DAY.is_file() else {},
    }
    parser = argparse.ArgumentParser(description="Measure gas and speed.")
    parser.add_argument("file", nargs="?", type=Path, help="a day in the nepse format")
    parser.add_argument("--only", nargs="+", choices=parts, help="these parts only")
    parser.add_argument("--trades", type=int, default=MILLION, help="how many are the million")
    parser.add_argument("--json", action="store_true", help="one object on standard output")
    options = parser.parse_args(arguments)
    source = _source(options.file)
    results: dict[str, Any] = {"day": source.name}
    for name, part in parts.items():
        if options.only is None or name in options.only:
            print(f"measuring {name}", file=sys.stderr)
            results[name] = part()
            if not options.json:
                _SHOW[name](results[name])
    results["ratios"] = _ratios(results)
    if results["ratios"] and not options.json:
        _show_ratios(results["ratios"])
    if options.json:
        print(json.dumps(results, indent=2))
    return 0


def _source(path: Path | None) -> Source:
    if path is not None or DAY.is_file():
        file = path or DAY
        return Source(file.name, file.read_bytes(), scenario.load("nepse-2019"))
    return _generated(TRADES)


def _two_days() -> list[Source]:
    """Of one quarter."""
    files = [SHARED / f"{day}.csv" for day in ("2019-10-10", "2019-10-15")]
    if all(file.is_file() for file in files):
        return [Source(file.name, file.read_bytes(), scenario.load("nepse-2019")) for file in files]
    days = (sample.TRADING_DAY, sample.TRADING_DAY + timedelta(days=1))
    return [
        Source(str(day), sample.generate(1, trades=1_000, trading_day=day), scenario.load("sample"))
        for day in days
    ]


def _generated(trades: int) -> Source:
    data = sample.generate(1, trades=trades)
    return Source(f"generated, {trades:,} trades", data, scenario.load("sample"))


def _ratios(results: Mapping[str, Any]) -> dict[str, float]:  # ratios of seconds
    """How many times as long as anvil others take for record plus settle."""
    found: dict[str, float] = {}  # ratios of seconds
    for part in ("stages", "bulk"):
        taken = {engine: each["record + settle"] for engine, each in results.get(part, {}).items()}
        for engine in taken.keys() - {"anvil"} if "anvil" in taken else ():
            trades = results[part][engine]["trades"]
            found[f"{engine}, {trades:,} trades"] = round(taken[engine] / taken["anvil"], 2)
    own = results.get("stages", {}).get("anvil")
    for row in results.get("sql", {}).get("ways", []) if own else ():
        found[f"{row['engine']}, {row['way']}"] = round(row["settle_s"] / own["record + settle"], 2)
    return found


def _show_gas(found: Mapping[str, Mapping[str, Any]]) -> None:
    print("\ngas a trade")
    for case, parts in found.items():
        detail = ", ".join(f"{step} {used:,.1f}" for step, used in parts.items() if step != "total")
        print(f"  {case:<42} {parts['total']:>10,.1f}   ({detail})")


def _show_stages(found: Mapping[str, Mapping[str, Any]]) -> None:
    print("\nseconds, and trades a second, by stage")
    print("  " + f"{'stage':<18}" + "".join(f"{engine:>26}" for engine in found))
    for stage in next(iter(found.values())):
        if stage != "trades":
            cells = (
                f"{taken[stage]:>12.3f} {taken['trades'] / max(taken[stage], 1e-9):>11,.0f}/s"  # speed
                for taken in found.values()
            )
            print("  " + f"{stage:<18}" + "".join(cells))


def _show_days(found: Sequence[Mapping[str, Any]]) -> None:
    print("\nwhole days, from process start to the printed report")
    for row in found:
        print(f"  {row['day']:<28} {row['engine']:<8} {row['trades']:>8,} trades {row['seconds']:>8.2f} s")


def _show_million(found: Mapping[str, Any]) -> None:
    print(f"\n{found['trades']:,} generated trades in one ledger, each step a process")
    for step in found["steps"]:
        print(f"  {step['command']:<12} {step['seconds']:>8.2f} s   {step['peak_mb']:>8,.0f} MB at most")
    taken = found["record_settle_s"]
    print(f"  record plus settle {taken:.2f} s, {found['trades'] / taken:,.0f} trades/s")
    taken = found["record_affirm_settle_s"]
    print(f"  with affirming {taken:.2f} s, {found['trades'] / taken:,.0f} trades/s")
    print(f"  {found['disk_mb']:,.0f} MB on disk, reopened in {found['reopen_s']:.2f} s")


def _show_sql(found: Mapping[str, Any]) -> None:
    print("\nthe same day in SQL, from the same file to the same balances")
    for row in found["ways"]:
        rate = f"{row['trades_per_s']:>10,.0f} trades/s settled"
        print(f"  {row['engine'] + ', ' + row['way']:<36} {row['settle_s']:>8.3f} s {rate}")
    for reason in found["skipped"]:
        print(f"  left out: {reason}")


def _show_liquidity(found: Sequence[dict[str, Any]]) -> None:
    print("\nwhat can settle at once, by part of the cash and of the securities: value, and its bound")
    print("\n".join(liquidity_table(found)))
    for row in found:
        if "without" in row:
            part = row["value_of_others_ppm"]
            print(f"  {row['day']} without charges, trades of brokers with themselves left out: {part:,} ppm")


def _show_splits(found: dict[str, Any]) -> None:
    print("\ngas of sharing payments")
    print("\n".join(splits_table(found)))


def _show_reconcile(found: dict[str, Any]) -> None:
    print("\nreconciliation: planted breaks, and rows on each side")
    print("\n".join(reconcile_lines(found)))


def _show_evidence(found: Mapping[str, Any]) -> None:
    print(evidence_table(found), end="\n\n")


def _show_audit(found: dict[str, Any]) -> None:
    print("\nauditing a large ledger")
    print("\n".join(audit_lines(found)))


def _show_ratios(found: Mapping[str, Any]) -> None:
    print("\nseconds of record plus settle, as a multiple of anvil's")
    for name, times in found.items():
        print(f"  {name:<58} {times:>8.2f}")


_SHOW: dict[str, Callable[[Any], None]] = {
    "gas": _show_gas,
    "stages": _show_stages,
    "bulk": _show_stages,
    "days": _show_days,
    "million": _show_million,
    "sql": _show_sql,
    "liquidity": _show_liquidity,
    "splits": _show_splits,
    "reconcile": _show_reconcile,
    "audit": _show_audit,
    "evidence": _show_evidence,
}

if __name__ == "__main__":
    sys.exit(main())
