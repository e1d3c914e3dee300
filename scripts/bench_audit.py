"""What auditing a large ledger takes: how fast the index is made, how large it is, and in how much memory;
and each question, cold, as a command, and warm, in a session.

`.venv/bin/python scripts/bench_audit.py [--trades N] [--folder DIR] [--only index questions] [--json]`. The
ledger is made by the command, a generated day of up to a million trades at a time, and kept in DIR, so that a
second run, and every other measurement, finds it. A part of scripts/bench.py.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

from bench_chain import process

from settlement import sample

if TYPE_CHECKING:
    from settlement.audit.answer import Answer
    from settlement.audit.session import Audit

MILLION = 1_000_000
REPEATS, LIMIT = 5, 100
TRADES = "trades"
"""In DIR: how many of the ledger's trades are settled."""


def build(folder: Path, trades: int) -> Path:
    """The ledger in `folder` with so many trades, recorded, affirmed and settled; what is there already is
    gone on with."""
    path, said = folder / "ledger", folder / TRADES
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        process("init", str(path))
    elif not said.exists():
        raise SystemExit(f"{path} is not of this script: {said} does not say how many trades it has")
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


def questions(path: Path, trades: int) -> dict[str, Any]:
    """Each question as a command, a process of its own; and in a session that has answered it before, wall
    and processor time, the median of `REPEATS`. The whole session is another process."""
    program = f"import bench_audit; bench_audit.session({str(path)!r})"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    )
    said = json.loads(done.stdout)
    found = []
    for name, arguments in said["arguments"].items():
        cold = process("audit", str(path), *arguments)
        found.append(
            {"question": name, "cold_s": cold["seconds"], "cold_peak_mb": cold["peak_mb"]}
            | said["warm"][name]
        )
    return {"open_s": said["open_s"], "peak_mb": said["peak_mb"], "questions": found}


def session(folder: str) -> None:
    """Ask each question in one session, several times; print what it takes, and the same as commands."""
    from settlement.audit.session import opened

    start = perf_counter()
    with opened(folder) as audit:
        open_s, warm, arguments = perf_counter() - start, {}, {}
        for name, (command, ask) in asked(audit).items():
            times = []
            for _ in range(1 + REPEATS):
                begun, used = perf_counter(), process_time()
                rows = ask().table.num_rows
                times.append((perf_counter() - begun, process_time() - used))
            walls, cpus = zip(*times[1:], strict=True)
            warm[name] = {
                "first_s": times[0][0],
                "warm_s": median(walls),
                "warm_cpu_s": median(cpus),
                "rows": rows,
            }
            arguments[name] = command
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_mb = peak / (1e6 if sys.platform == "darwin" else 1e3)  # speed: bytes there, kilobytes here
    print(json.dumps({"open_s": open_s, "warm": warm, "arguments": arguments, "peak_mb": peak_mb}))


def asked(audit: Audit) -> dict[str, tuple[list[str], Callable[[], Answer]]]:
    """Every question by name: as a command's arguments, and to be asked in the session. What it is about is
    that of a trade in the middle of the ledger."""
    from settlement.audit import asking
    from settlement.audit.filters import Filters
    from settlement.audit.questions import breaks, holdings, life, movements, revenue, summary
    from settlement.audit.questions.trades import trades

    [(day, number, buyer, seller, security, block)] = audit.rows(
        "select trading_day, trade_number, buyer, seller, security, recorded_block from trades"
        " where trade_index = (select count(*) // 2 from facts.trades)"
    )
    who, other, what = ["--institution", buyer], ["--counterparty", seller], ["--security", security]
    week = ["--from", str(day), "--to", str(day + timedelta(days=6))]
    page: dict[str, Any] = {"limit": LIMIT}
    broker = page | {"institution": buyer}
    named = f"{day}/{number}"
    sql = "select buyer, sum(settlement_amount_minor) as amount from trades group by buyer order by buyer"
    found: dict[str, tuple[list[str], Callable[[], Answer]]] = {}

    def add(name: str, words: list[str], ask: Callable[..., Answer], **filters: Any) -> None:
        limit = ["--limit", str(LIMIT)] if "limit" in filters else []
        found[name] = [*words, *limit], partial(ask, audit, Filters(**filters))

    add("trades", ["trades"], trades, **page)
    add("trades of a broker", ["trades", *who], trades, **broker)
    add("its week", ["trades", *who, *week], trades, **broker, first=day, last=day + timedelta(days=6))
    add("with another", ["trades", *who, *other], trades, **broker, counterparty=seller)
    add("trades of a security", ["trades", *what], trades, **page, security=security)
    add("pending", ["trades", "--status", "pending"], trades, **page, status=("pending",))
    add("by amount", ["trades", "--min", "4000000"], trades, **page, least="4000000")
    add("by reason", ["trades", "--reason", "MONY"], trades, **page, reason="MONY")
    add("at a block", ["trades", "--at", str(block)], trades, **page, at=str(block))
    several = ["--status", "settled", "--min", "1000"]
    chosen = {"security": security, "status": ("settled",), "least": "1000"}
    add("by four filters", ["trades", *who, *what, *several], trades, **broker, **chosen)
    found["a trade's life"] = ["trade", named], lambda: life.trade(audit, named)
    add("positions", ["positions"], holdings.positions, **page)
    add("at a block before", ["positions", "--at", str(block)], holdings.positions, **page, at=str(block))
    found["holders"] = ["holders", security], lambda: holdings.holders(audit, security, Filters(**page))
    add("cash", ["cash"], holdings.cash)
    add("movements", ["movements"], movements.movements, **page)
    add("institutions", ["institutions"], movements.institutions)
    add("summary by day", ["summary"], summary.summary)
    for by in ("status", "institution"):
        found[f"by {by}"] = ["summary", "--by", by], partial(summary.summary, audit, Filters(), by)
    add("of a security", ["summary", *what], summary.summary, security=security)
    add("revenue", ["revenue"], revenue.revenue, **page)
    add("agreements", ["agreements"], revenue.agreements)
    add("breaks", ["breaks"], breaks.breaks, **page)
    found["sql, all trades"] = ["sql", sql], lambda: asking.sql(audit, sql)
    return found


def measure(trades: int = MILLION, folder: Path | None = None, only: Sequence[str] | None = None) -> Any:
    """Every part, on one ledger; in `folder`, where it stays, or in one that is deleted."""
    parts: dict[str, Callable[[Path, int], Any]] = {"index": index, "questions": questions}
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
    if "questions" in found:
        it = found["questions"]
        lines += [
            f"  a session opens in {it['open_s']:.2f} s, and takes {it['peak_mb']:,.0f} MB for all questions",
            "  question                 command    memory     first      warm  processor   rows",
        ]
        lines += [
            f"  {each['question']:22}{each['cold_s']:>8.2f} s{each['cold_peak_mb']:>7,.0f} MB"
            + "".join(f"{each[name] * 1000:>7,.0f} ms" for name in ("first_s", "warm_s"))
            + f"{each['warm_cpu_s'] * 1000:>8,.0f} ms{each['rows']:>7,}"
            for each in it["questions"]
        ]
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(description="Measure the index and its questions.")
    parser.add_argument("--trades", type=int, default=MILLION, help="of the ledger")
    parser.add_argument("--folder", type=Path, help="where the ledger is, or is made and kept")
    parser.add_argument("--only", nargs="+", choices=["index", "questions"], help="these parts only")
    parser.add_argument("--json", action="store_true", help="one object on standard output")
    options = parser.parse_args(arguments)
    found = measure(options.trades, options.folder, options.only)
    print(json.dumps(found, indent=2) if options.json else "\n".join(shown(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
