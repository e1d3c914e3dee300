"""How large evidence is, and how long making and verifying it take: one trade, one broker's day, the day.

`.venv/bin/python scripts/bench_evidence.py [FILE] [--json]`. FILE is a day in the nepse format. Verifying is
measured in a process that has just loaded the verifier, and as the whole command. A part of scripts/bench.py.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from bench_chain import process

ROOT = Path(__file__).resolve().parents[1]
RUNS = 5
_FRESH = """
import sys, time
from pathlib import Path
import verifier
data, head = Path(sys.argv[1]).read_bytes(), bytes.fromhex(sys.argv[2][2:])
started = time.perf_counter()
verdict = verifier.verify(data, trusted_head=head)
print(time.perf_counter() - started, len(verdict.rows))
assert verdict.anchored and verdict.code_proven
"""


def measure(day: Path, trading_day: str, scenario: str) -> dict[str, Any]:
    """The ledger of the day is made by the command, and evidence of it taken."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger"
        process("day", str(day), "--scenario", scenario, "--ledger", str(path))
        file = Path(folder) / "bundle"
        every = _measured(path, file, ("--query", f"trading_day={trading_day}"))
        trade = json.loads(_verified(file, every["head"], "--json"))["trades"][0]
        name, number = trade["buyer"], trade["number"]
        days = ("--from", trading_day, "--to", trading_day)
        return {
            "one trade": _measured(path, file, ("--trade", f"{trading_day}/{number}")),
            "a broker's day": _measured(path, file, ("--institution", name, *days)),
            "the whole day": every,
        }


def _measured(path: Path, file: Path, claim: Sequence[str]) -> dict[str, Any]:
    made = process("evidence", str(path), *claim, "-o", str(file))
    head = made["printed"]["head"]
    fresh = [
        subprocess.check_output([sys.executable, "-c", _FRESH, file, head], cwd=ROOT, text=True).split()
        for _ in range(RUNS)
    ]
    whole = []
    for _ in range(RUNS):
        started = perf_counter()
        _verified(file, head)
        whole.append(perf_counter() - started)
    return {
        "trades": made["printed"]["trades"],
        "bytes": made["printed"]["bytes"],
        "make_s": made["seconds"],
        "verify_s": median(float(each) for each, _ in fresh),  # seconds
        "command_s": median(whole),
        "head": head,
    }


def _verified(file: Path, head: str, *options: str) -> str:
    command = [sys.executable, "-m", "verifier", str(file), "--trusted-head", head, *options]
    return subprocess.check_output(command, cwd=ROOT, text=True)


def shown(found: Mapping[str, Any]) -> str:
    """The table, for people."""
    rows = ["evidence                  trades    bytes   make s   verify s   python -m verifier s"]
    for name, each in found.items():
        times = f"{each['make_s']:>9.2f}{each['verify_s']:>11.3f}{each['command_s']:>23.2f}"
        rows.append(f"{name:<22}{each['trades']:>10,}{each['bytes']:>9,}{times}")
    return "\n".join(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(description="Measure evidence.")
    parser.add_argument("file", nargs="?", type=Path, help="a day in the nepse format")
    parser.add_argument("--json", action="store_true", help="one object on standard output")
    options = parser.parse_args(arguments)
    file = options.file or ROOT.parent / "shared" / "data" / "nepse" / "2019-11-21.csv"
    found = measure(file, file.stem, "nepse-2019")
    print(json.dumps(found, indent=2) if options.json else shown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
