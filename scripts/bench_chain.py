"""What our own ledger takes: gas a trade, seconds by stage, whole processes, a million trades.

Gas is measured on the same trades in four ways: positions that are new (the brokers' first day) or existing
(a day in the life of a market), and record, affirm and settle as transactions of their own or in one.
Existing positions are made by issuing one unit more of everything that a broker trades, so that every balance
that settlement touches is there before and after.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from eth_utils import keccak

from ledger.abi import Words
from ledger.chain import LocalChain, Receipt
from ledger.clients.clearing_house import NET, Slice
from ledger.history import RecordedBatch
from ledger.records import pack, pack_mask
from settlement import directory, entering, sample
from settlement.day import opens_at, run
from settlement.intake import parse_trades
from settlement.model import Intake
from settlement.operations import Ledger
from settlement.scenario import Scenario

CLEARING = str(Path(sys.executable).with_name("clearing"))


@dataclass(frozen=True, slots=True)
class Source:
    """A trade file and the scenario it belongs to."""

    name: str
    data: bytes
    scenario: Scenario

    def intake(self) -> Intake:
        """The file read."""
        return parse_trades(self.data, self.scenario, source=self.name)


@contextmanager
def opened(source: Source, engine: str) -> Iterator[Ledger]:
    """A new ledger in a temporary directory."""
    start = opens_at(source.intake().trades.trading_day)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger"
        wanted = directory.Config(chain=engine, clock="simulated")
        directory.init(path, source.scenario.name, wanted, start=start)
        with directory.open_ledger(path, write=True, start=start) as ledger:
            yield ledger


def stages(source: Source, engine: str) -> dict[str, Any]:
    """Seconds by stage of the whole day, on disk."""
    started = perf_counter()
    with opened(source, engine) as ledger:
        begun = perf_counter()
        intake = parse_trades(source.data, source.scenario, source=source.name)
        seconds = {"init and open": begun - started, "intake": perf_counter() - begun}
        run(ledger, intake, source.data, source=source.name)
        seconds |= ledger.seconds
    seconds["total"] = perf_counter() - started
    seconds["record + settle"] = seconds["record"] + seconds["settle"]
    seconds["with affirm"] = seconds["record + settle"] + seconds["affirm"]
    return {stage: round(taken, 4) for stage, taken in seconds.items()} | {"trades": len(intake.trades)}


def gas(source: Source, engine: str) -> dict[str, dict[str, float]]:  # gas a trade
    """Gas a trade by positions and way, and its parts."""
    found: dict[str, dict[str, float]] = {}  # gas a trade
    count = len(source.intake().trades)
    for positions in ("new", "existing"):
        for way in ("separate transactions", "one transaction"):
            with opened(source, engine) as ledger:
                parts = (_separate if way[0] == "s" else _together)(ledger, source, positions == "existing")
            spent = {step: sum(r.gas_used for r in receipts) for step, receipts in parts.items()}
            each = {step: round(used / count, 1) for step, used in spent.items()}
            each["total"] = round(sum(spent.values()) / count, 1)
            found[f"{positions} positions, {way}"] = each
    return found


def days(files: Sequence[Path], engines: Sequence[str]) -> list[dict[str, Any]]:
    """Each file as a day of its own on each engine, and all of them on one ledger; whole processes."""
    rows = []
    for engine in engines:
        for file in files:
            row = process("day", str(file), "--scenario", "nepse-2019", "--chain", engine)
            rows.append(
                {"day": file.stem, "engine": engine, "trades": row["trades"], "seconds": row["seconds"]}
            )
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "ledger")
        runs = [process("day", str(f), "--scenario", "nepse-2019", "--ledger", path) for f in files]
        together = {"trades": sum(r["trades"] for r in runs), "seconds": sum(r["seconds"] for r in runs)}
    return [*rows, {"day": f"{len(files)} days on one ledger", "engine": engines[0]} | together]


def million(trades: int) -> dict[str, Any]:
    """Generated trades in one ledger, each step a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path, file = str(Path(folder) / "ledger"), Path(folder) / "trades.csv"
        file.write_bytes(sample.generate(1, trades=trades))
        steps = [
            process("init", path),
            process("record", path, str(file)),
            process("fund", path),
            process("settle", path),
        ]
        size = sum(each.stat().st_size for each in Path(path).rglob("*") if each.is_file())
        reopen_s = _reopen_s(Path(path))
        steps += [process(command, path) for command in ("status", "reconcile", "report")]
    taken = {
        stage: sum(step["stages"].get(stage, 0) for step in steps) for stage in ("record", "affirm", "settle")
    }
    return {
        "trades": trades,
        "steps": [{k: step[k] for k in ("command", "seconds", "peak_mb")} for step in steps],
        "record_settle_s": taken["record"] + taken["settle"],
        "record_affirm_settle_s": sum(taken.values()),
        "disk_mb": size / 1e6,  # megabytes, for speed
        "reopen_s": reopen_s,
    }


def _reopen_s(path: Path) -> float:  # seconds
    """Seconds until the ledger is open for writing: digests checked, engine at the newest block."""
    start = perf_counter()
    with directory.connected(path, write=True) as chain:
        assert isinstance(chain, LocalChain)
        chain.engine.head()
        return perf_counter() - start


def process(*arguments: str) -> dict[str, Any]:
    """A `clearing` command as a process: seconds, peak memory of it and its engine, what it printed."""
    program = (
        "import json, resource, subprocess, sys, time\n"
        "start = time.perf_counter()\n"
        "done = subprocess.run(sys.argv[1:], capture_output=True, text=True)\n"
        "taken = time.perf_counter() - start\n"
        "peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss\n"
        "print(json.dumps([taken, peak, done.returncode, done.stdout, done.stderr]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, CLEARING, *arguments, "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, peak, code, out, err = json.loads(done.stdout)
    if code not in (0, 1):
        raise SystemExit(f"clearing {' '.join(arguments)} ended with {code}: {err}")
    printed = json.loads(out)
    return {
        "command": arguments[0],
        "seconds": seconds,
        "peak_mb": peak / _PEAK_UNIT,
        "trades": printed.get("trades", 0),
        "stages": printed.get("seconds", {}),
        "printed": printed,
    }


_PEAK_UNIT = 1e6 if sys.platform == "darwin" else 1e3  # speed: bytes there, kilobytes here


def _separate(ledger: Ledger, source: Source, existing: bool) -> dict[str, list[Receipt]]:
    """Record, affirm and settle, each in transactions of its own."""
    ledger.record(source.intake(), source.data, source=source.name)
    ledger.fund()
    if existing:
        _one_more_of_each(ledger)
    ledger.settle()
    return {step: ledger.receipts[step] for step in ("record", "affirm", "settle")}


def _together(ledger: Ledger, source: Source, existing: bool) -> dict[str, list[Receipt]]:
    """Record, affirm and settle a batch in one transaction."""
    market, chain = ledger.market, ledger.market.chain
    ledger.shelf.add(source.data, source.intake(), source.scenario, source=source.name)
    _prepare(source, ledger, existing)
    receipts = []
    packed = entering.PackedBooks(market, ledger.books)
    for header, records in entering.batches_of(market, source.intake().trades):
        words = Words(pack(records))
        batch = RecordedBatch(header.hash_with(keccak(words)), header, words, records, b"")
        signed = entering.affirmations(market, batch, packed, chain.block())
        mask = pack_mask(np.ones(len(records), dtype=bool))
        receipts.append(
            market.clients.clearing_house.clear(market.venue, NET, Slice(header, words, mask), signed)
        )
    return {"clear": receipts}


def _prepare(source: Source, ledger: Ledger, existing: bool) -> None:
    """The holdings that `_separate` has before it settles, taken from a ledger of its own."""
    with opened(source, ledger.market.chain.url) as other:
        other.record(source.intake(), source.data, source=source.name, affirm=False)
        need = other.fund()
        codes = [code for code in other.market.asset if code not in ledger.market.asset]
    ledger.market.list_securities(codes)
    for issuer in (source.scenario.securities.issuer, source.scenario.cash.issuer):
        cash = issuer == source.scenario.cash.issuer
        part = {place: n for place, n in need.items() if (place[1] == source.scenario.cash.currency) == cash}
        ledger.market.issue(issuer, bytes([1]) * 32, part)
    if existing:
        _one_more_of_each(ledger, source.intake())


def _one_more_of_each(ledger: Ledger, intake: Intake | None = None) -> None:
    """One unit more of each position that the day moves."""
    scenario = ledger.market.scenario
    trades = next(iter(ledger.trades_by_day().values())) if intake is None else intake.trades
    places = {
        (trades.parties[party], trades.securities[security])
        for side in (trades.buyer, trades.seller)
        for party, security in zip(side.tolist(), trades.security.tolist(), strict=True)
    }
    cash = scenario.cash
    ledger.market.issue(scenario.securities.issuer, bytes([2]) * 32, dict.fromkeys(sorted(places), 1))
    everyone = {(name, cash.currency): 1 for name in ledger.market.index}
    ledger.market.issue(cash.issuer, bytes([2]) * 32, everyone)
