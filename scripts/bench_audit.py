"""What auditing a large ledger takes: how fast the index is made, how large it is, and in how much memory.

`.venv/bin/python scripts/bench_audit.py [--trades N] [--folder DIR] [--only index] [--json]`. The ledger is
made by the command, a generated day of up to a million trades at a time, and kept in DIR, so that a second
run, and every other measurement, finds it. A part of scripts/bench.py.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench_chain import process

from settlement import sample

MILLION = 1_000_000
TRADES = "trades"
"""In DIR: how many of the ledger's trades are settled."""


def build(folder: Path, trades: int) -> Path:
    """The ledger in `folder` with so many trades, recorded, affirmed and settled; what is there already is
    gone on with."""
    path, said = folder / "ledger", folder / TRADES
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        process("init", str(path))
    done = int(said.read_text()) if said.exists() else 0
    while done < trades:
        day, some = done // MILLION, min(MILLION, trades - done)
        print(f"a day of {some:,} trades, after {done:,}", file=sys.stderr)
        file = folder / "day.csv"
        trading_day = sample.TRADING_DAY + timedelta(days=day)
        file.write_bytes(sample.generate(1 + day, trades=some, trading_day=trading_day))
        for step in (("record", str(path), str(file)), ("fund", str(path)), ("settle", str(path))):
            process(*step)
        done += some
        said.write_text(str(done))
        file.unlink()
    return path


def index(path: Path, trades: int) -> dict[str, Any]:
    """The index made from nothing, and followed when there is nothing new; each a process."""
    made = process("index", "rebuild", str(path))
    verified = process("index", "verify", str(path))
    printed = made["printed"]
    return {
        "trades": trades,
        "rows": printed["rows"],
        "rebuild_s": made["seconds"],
        "records_per_s": trades / made["seconds"],  # speed
        "rows_per_s": printed["rows"] / made["seconds"],  # speed
        "peak_mb": made["peak_mb"],
        "verify_s": verified["seconds"],
        "bytes": printed["bytes"],
        "segments": printed["segments"],
        "files": printed["files"],
    }


def measure(trades: int = MILLION, folder: Path | None = None, only: Sequence[str] | None = None) -> Any:
    """Every part, on one ledger; in `folder`, where it stays, or in one that is deleted."""
    parts: dict[str, Callable[[Path, int], Any]] = {"index": index}
    with tempfile.TemporaryDirectory() if folder is None else nullcontext(str(folder)) as place:
        path = build(Path(place), trades)
        return {name: part(path, trades) for name, part in parts.items() if only is None or name in only}


def shown(found: Mapping[str, Any]) -> list[str]:
    """Lines for people."""
    lines = []
    if "index" in found:
        it = found["index"]
        speed = f"{it['records_per_s']:,.0f} records/s, {it['rows_per_s']:,.0f} rows/s"
        lines = [
            f"  index of {it['trades']:,} trades: {it['rebuild_s']:.2f} s, {speed}",
            f"  {it['rows']:,} rows and {it['bytes']:,} bytes in {it['files']:,} files",
            f"  at most {it['peak_mb']:,.0f} MB; verified in {it['verify_s']:.2f} s",
        ]
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(description="Measure the index.")
    parser.add_argument("--trades", type=int, default=MILLION, help="of the ledger")
    parser.add_argument("--folder", type=Path, help="where the ledger is, or is made and kept")
    parser.add_argument("--only", nargs="+", choices=["index"], help="these parts only")
    parser.add_argument("--json", action="store_true", help="one object on standard output")
    options = parser.parse_args(arguments)
    found = measure(options.trades, options.folder, options.only)
    print(json.dumps(found, indent=2) if options.json else "\n".join(shown(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
