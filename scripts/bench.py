"""Gas a trade and trades a second, measured: `make bench`, or `.venv/bin/python scripts/bench.py [FILE]`.

FILE is a day in the `nepse` format; without one the day 2019-11-21 of ../shared is taken where it is there,
else a generated day of as many trades. Gas is from receipts: of recording, affirming and settling, opening
and closing the cycle included. *New* positions are those of a first day, each broker issued exactly what the
day takes; *existing* are such that every position touched is there before and after.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from eth_utils import keccak

from ledger.abi import Words
from ledger.chain import Receipt, available
from ledger.clients.clearing_house import Slice
from ledger.history import RecordedBatch, read
from ledger.records import pack, pack_mask
from settlement import cycle, netting, sample, scenario
from settlement.day import Day, open_day, opening, run
from settlement.intake import parse_trades
from settlement.scenario import Scenario

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "nepse" / "2019-11-21.csv"
TRADES = 5_672
"""Of that day."""


@dataclass(frozen=True, slots=True)
class Source:
    """A trade file and the scenario it belongs to."""

    name: str
    data: bytes
    scenario: Scenario


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(description="Measure gas and speed.")
    parser.add_argument("file", nargs="?", type=Path, help="a day in the nepse format")
    parser.add_argument("--chain", choices=available(), help="one engine only")
    parser.add_argument("--json", action="store_true", help="one object on standard output")
    options = parser.parse_args(arguments)
    source = _source(options.file)
    engines = [options.chain] if options.chain else available()
    results: dict[str, object] = {"day": source.name}
    results["gas_per_trade"] = gas(source, engines[0])
    results["seconds"] = {engine: speed(source, engine) for engine in engines}
    if options.json:
        print(json.dumps(results, indent=2))
    else:
        _show(results)
    return 0


def gas(source: Source, engine: str) -> dict[str, dict[str, float]]:
    """Gas a trade by positions and way, and its parts."""
    intake = parse_trades(source.data, source.scenario, source=source.name)
    gas_found: dict[str, dict[str, float]] = {}
    with open_day(source.scenario, intake, source.data, chain=engine) as day:
        start = day.market.chain.snapshot()
        for positions in ("new", "existing"):
            for way in ("separate transactions", "one transaction"):
                day.market.chain.restore(start)
                _fund(day, positions)
                parts = (_separate if way[0] == "s" else _together)(day)
                spent = {step: sum(r.gas_used for r in receipts) for step, receipts in parts.items()}
                each = {step: round(used / len(intake.trades), 1) for step, used in spent.items()}
                gas_found[f"{positions} positions, {way}"] = each | {
                    "total": round(sum(spent.values()) / len(intake.trades), 1)
                }
    return gas_found


def speed(source: Source, engine: str) -> dict[str, float]:
    """Seconds by stage of the whole day."""
    start = perf_counter()
    intake = parse_trades(source.data, source.scenario, source=source.name)
    seconds = {"intake": perf_counter() - start}
    with open_day(source.scenario, intake, source.data, chain=engine) as day:
        run(day)
        seconds |= day.seconds
    seconds["total"] = perf_counter() - start
    return {stage: round(taken, 3) for stage, taken in seconds.items()} | {"trades": len(intake.trades)}


def _source(path: Path | None) -> Source:
    if path is not None or SHARED.is_file():
        file = path or SHARED
        return Source(file.name, file.read_bytes(), scenario.load("nepse-2019"))
    generated = sample.generate(1, trades=TRADES)
    return Source(f"generated, {TRADES:,} trades", generated, scenario.load("sample"))


def _fund(day: Day, positions: str) -> None:
    """Issue what the day takes; where positions are to exist throughout, one unit more of each that it
    moves.
    """
    holdings = opening(day.intake, day.market.scenario)
    if positions == "existing":
        trades = day.intake.trades
        for party, row in zip(trades.parties, netting.net_quantities(trades).tolist(), strict=True):
            for code, net in zip(trades.securities, row, strict=True):
                if net:
                    holdings[party, code] = holdings.get((party, code), 0) + 1
        for name in day.market.index:
            cash = name, day.market.scenario.cash.currency
            holdings[cash] = holdings.get(cash, 0) + 1
    day.market.issue(holdings, "bench")


def _separate(day: Day) -> dict[str, list[Receipt]]:
    """Record, affirm and settle, each in transactions of its own."""
    market = day.market
    parts = {"record": cycle.record(market, cycle.batches_of(market, day.intake.trades))}
    batches = list(read(market.clients).batches.values())
    parts["affirm"] = [cycle.affirm(market, batch, day.books) for batch in batches]
    slices = [Slice(b.header, b.words, pack_mask(np.ones(len(b.records), dtype=bool))) for b in batches]
    parts["settle"] = cycle.settle(market, slices)
    return parts


def _together(day: Day) -> dict[str, list[Receipt]]:
    """Record, affirm and settle a batch in one transaction."""
    market = day.market
    receipts = []
    for header, records in cycle.batches_of(market, day.intake.trades):
        words = Words(pack(records))
        batch = RecordedBatch(header.hash_with(keccak(words)), header, words, records, b"")
        signed = cycle.affirmations(market, batch, day.books)
        mask = pack_mask(np.ones(len(records), dtype=bool))
        receipts.append(market.clients.clearing_house.clear(market.venue, header, words, signed, mask))
    return {"clear": receipts}


def _show(results: dict[str, object]) -> None:
    """Two tables of plain text."""
    print(f"day: {results['day']}\n\ngas a trade")
    gas_per_trade, seconds = results["gas_per_trade"], results["seconds"]
    assert isinstance(gas_per_trade, dict)
    assert isinstance(seconds, dict)
    for case, parts in gas_per_trade.items():
        detail = ", ".join(f"{step} {used:,.1f}" for step, used in parts.items() if step != "total")
        print(f"  {case:<42} {parts['total']:>10,.1f}   ({detail})")
    print("\nseconds, and trades a second")
    print("  " + f"{'stage':<12}" + "".join(f"{engine:>26}" for engine in seconds))
    for stage in next(iter(seconds.values())):
        if stage == "trades":
            continue
        cells = (
            f"{taken[stage]:>12.3f} {taken['trades'] / max(taken[stage], 1e-9):>11,.0f}/s"
            for taken in seconds.values()
        )
        print("  " + f"{stage:<12}" + "".join(cells))


if __name__ == "__main__":
    sys.exit(main())
