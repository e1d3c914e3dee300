"""Ten million rows on each side, and datacompy on the same files.

Two Parquet files in the canonical columns, one institution's trades: the ledger's by number, the book's in
any order with a few rows that differ, lack or are too many. Each program reads both and names those, in a
process of its own; all must name the same ones. datacompy is optional (`pip install -e .[bench]`).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

ROWS = 10_000_000
EACH = 8
"""Rows of each sort of difference."""
OWNER = "Own House"
DAY = 20240314
OTHERS = tuple(f"Broker {place:03d}" for place in range(200))
SECURITIES = tuple(f"SEC{place:04d}" for place in range(500))
INSTALL = "datacompy is not installed: pip install -e '.[bench]'"
_PEAK_UNIT = 1_000_000 if sys.platform == "darwin" else 1_000
"""Of ru_maxrss, in a megabyte."""
_MARK = "measured: "

Columns = dict[str, npt.NDArray[np.int64]]


def generate(folder: Path, rows: int) -> None:
    """ledger.parquet, book.parquet and truth.json: the numbers of trades that differ, rising."""
    draw = np.random.Generator(np.random.PCG64(1))
    ledger = _ledger(draw, rows)
    spots = draw.choice(rows, size=6 * EACH, replace=False).reshape(6, EACH)
    book = {name: column.copy() for name, column in ledger.items()}
    lacking, extra, quantity, amount, security, time = spots
    book["quantity"][quantity] += 1
    book["amount"][amount] += 1
    book["security"][security] = (book["security"][security] + 1) % len(SECURITIES)
    book["time"][time] = (book["time"][time] + 1) % 86_400
    more = {name: column[extra].copy() for name, column in book.items()}
    more["number"] = ledger["number"].max() + 1 + np.arange(EACH)
    more["quantity"] *= 3
    kept = np.ones(rows, dtype=np.bool_)
    kept[lacking] = False
    book = {name: np.concatenate([column[kept], more[name]]) for name, column in book.items()}
    order = draw.permutation(len(book["number"]))
    _write(folder / "ledger.parquet", ledger)
    _write(folder / "book.parquet", {name: column[order] for name, column in book.items()})
    places = np.concatenate([lacking, quantity, amount, security, time])
    numbers = np.concatenate([ledger["number"][places], more["number"]])
    (folder / "truth.json").write_text(json.dumps(sorted(numbers.tolist())))


def _ledger(draw: np.random.Generator, rows: int) -> Columns:
    """Trades by rising number, with gaps; names are places in their tables."""
    quantity = draw.integers(1, 5_000, rows)
    cents = draw.integers(100, 100_000, rows)
    other = draw.integers(0, len(OTHERS), rows)
    buys = draw.integers(0, 2, rows) == 1
    return {
        "number": np.cumsum(draw.integers(1, 3, rows)),
        "time": np.sort(draw.integers(9 * 3600, 17 * 3600, rows)),
        "buyer": np.where(buys, len(OTHERS), other),
        "seller": np.where(buys, other, len(OTHERS)),
        "security": draw.integers(0, len(SECURITIES), rows),
        "quantity": quantity,
        "price": cents * 10_000,
        "amount": cents * quantity,
    }


def _write(path: Path, columns: Columns) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    def words(codes: npt.NDArray[np.int64], table: Sequence[str]) -> Any:
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(table)).cast(
            pa.string()
        )

    def decimals(values: npt.NDArray[np.int64], digits: int, scale: int) -> Any:
        wide = np.zeros((len(values), 2), dtype=np.int64)
        wide[:, 0] = values
        form = pa.decimal128(digits, scale)
        return pa.Decimal128Array.from_buffers(form, len(values), [None, pa.py_buffer(wide)])

    rows, step = len(columns["number"]), 1_000_000
    names = (*OTHERS, OWNER)
    writer: Any = None
    for start in range(0, rows, step):
        part = {name: np.ascontiguousarray(column[start : start + step]) for name, column in columns.items()}
        days = np.full(len(part["number"]), np.datetime64("2024-03-14", "D"))
        table = pa.table(
            {
                "trade_no": pa.array(part["number"]),
                "trade_date": pa.array(days),
                "trade_time": pa.array(part["time"] * 1_000_000, pa.time64("us")),
                "buyer": words(part["buyer"], names),
                "seller": words(part["seller"], names),
                "security": words(part["security"], SECURITIES),
                "quantity": pa.array(part["quantity"]),
                "price": decimals(part["price"], 18, 6),
                "settlement_amount": decimals(part["amount"], 18, 2),
            }
        )
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def ours(folder: Path) -> list[int]:
    """The numbers of trades that the package says differ."""
    from settlement.reconciliation.trades import compare
    from settlement.sources import Context, read_source
    from settlement.sources.gathering import READERS

    context = Context("book", OWNER, "EUR", 2, (*OTHERS, OWNER), SECURITIES)
    started = perf_counter()
    with ThreadPoolExecutor(READERS) as pool:
        names = (str(folder / f"{name}.parquet") for name in ("book", "ledger"))
        book, ledger = pool.map(lambda name: read_source(name, context), names)
    assert book.entries is not None
    assert ledger.entries is not None
    _tell("read_s", perf_counter() - started)
    started = perf_counter()
    found = compare(book.entries, ledger.entries, owner=OWNER).differences
    _tell("compare_s", perf_counter() - started)
    sides = ((each.mine, book.entries) if each.mine else (each.theirs, ledger.entries) for each in found)
    return sorted(int(entries.number[rows[0]]) for rows, entries in sides)


def datacompy_polars(folder: Path) -> list[int]:
    """The numbers of trades that datacompy says differ, with polars."""
    import datacompy
    import polars

    started = perf_counter()
    book, ledger = (polars.read_parquet(folder / f"{name}.parquet") for name in ("book", "ledger"))
    _tell("read_s", perf_counter() - started)
    started = perf_counter()
    compared = datacompy.PolarsCompare(book, ledger, join_columns="trade_no")
    differ = compared.all_mismatch()["trade_no"].to_list()
    _tell("compare_s", perf_counter() - started)
    return sorted(
        [*differ, *compared.df1_unq_rows["trade_no"].to_list(), *compared.df2_unq_rows["trade_no"].to_list()]
    )


def datacompy_pandas(folder: Path) -> list[int]:
    """The same with pandas, decimals as Arrow has them."""
    import datacompy
    import pandas

    started = perf_counter()
    book, ledger = (
        pandas.read_parquet(folder / f"{name}.parquet", dtype_backend="pyarrow")
        for name in ("book", "ledger")
    )
    _tell("read_s", perf_counter() - started)
    started = perf_counter()
    compared = datacompy.PandasCompare(book, ledger, join_columns="trade_no")
    differ = compared.all_mismatch()["trade_no"].tolist()
    _tell("compare_s", perf_counter() - started)
    return sorted(
        [*differ, *compared.df1_unq_rows["trade_no"].tolist(), *compared.df2_unq_rows["trade_no"].tolist()]
    )


PROGRAMS: Mapping[str, Callable[[Path], list[int]]] = {
    "clearing": ours,
    "datacompy, polars": datacompy_polars,
    "datacompy, pandas": datacompy_pandas,
}


def _tell(name: str, value: object) -> None:
    print(_MARK + json.dumps([name, value]))


def measure(rows: int = ROWS, others: Sequence[str] = ("datacompy, polars",)) -> dict[str, Any]:
    """Seconds, of the clock and of processors, and peak memory of each program, from the start of its
    process to its end. On a busy machine the processors' say more.
    """
    result: dict[str, Any] = {"rows": rows, "programs": [], "skipped": []}
    with tempfile.TemporaryDirectory(prefix="clearing-rows-") as folder:
        _run("generate", Path(folder), rows)
        truth = json.loads((Path(folder) / "truth.json").read_text())
        result["differ"] = len(truth)
        for name in ("clearing", *others):
            if name != "clearing" and not find_spec("datacompy"):
                result["skipped"].append(INSTALL)
                continue
            taken = _run(name, Path(folder), rows)
            taken["agrees"] = taken.pop("numbers") == truth
            result["programs"].append({"program": name, **taken})
    result["load"] = [f"{load:.1f}" for load in os.getloadavg()]
    return result


def _run(name: str, folder: Path, rows: int) -> dict[str, Any]:
    """One program in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), name, str(folder), str(rows)]
    started = perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    elapsed_s = perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{name} ended with {done.returncode}: {done.stderr[-2_000:]}")
    told = [line.removeprefix(_MARK) for line in done.stdout.splitlines() if line.startswith(_MARK)]
    return {"seconds": elapsed_s, **dict(json.loads(line) for line in told)}


def shown(results: Mapping[str, Any]) -> list[str]:
    """The results as lines."""
    lines = [
        f"{results['rows']:,} rows on each side, {results['differ']} that differ, load {results['load'][0]}"
    ]
    first = results["programs"][0]
    for row in results["programs"]:
        cost = f"{row['seconds']:>8.2f} s {row['processor_s']:>8.2f} s of processors {row['peak_mb']:>7,} MB"
        says = "the same rows" if row["agrees"] else "OTHER ROWS"
        parts = f"read {row['read_s']:.1f} s, compared {row['compare_s']:.1f} s"
        if row is not first:
            times = [row[name] / first[name] for name in ("seconds", "processor_s")]  # ratios of seconds
            says += f", {times[0]:.1f} and {times[1]:.1f} times as long"
        lines.append(f"  {row['program']:<20} {cost}   {says}; {parts}")
    return [*lines, *(f"  left out: {reason}" for reason in results["skipped"])]


def main(arguments: Sequence[str] | None = None) -> int:
    """One program of those that are measured, which are started with this; the exit code."""
    import resource

    parser = argparse.ArgumentParser(description="One program of those that bench_reconcile.py compares.")
    parser.add_argument("program", choices=["generate", *PROGRAMS])
    parser.add_argument("folder", type=Path)
    parser.add_argument("rows", type=int)
    options = parser.parse_args(arguments)
    if options.program == "generate":
        generate(options.folder, options.rows)
    else:
        _tell("numbers", PROGRAMS[options.program](options.folder))
    used = resource.getrusage(resource.RUSAGE_SELF)
    _tell("peak_mb", used.ru_maxrss // _PEAK_UNIT)
    _tell("processor_s", used.ru_utime + used.ru_stime)
    return 0


if __name__ == "__main__":
    sys.exit(main())
