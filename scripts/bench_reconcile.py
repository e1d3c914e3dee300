"""Planted breaks and the speed of reconciliation: `.venv/bin/python scripts/bench_reconcile.py [--json]`.

Books of the shared days (without them, of a generated day) with breaks planted by seed are read and held
against the rows of the unaltered file; the score is exact. Then ten million rows on each side, beside
datacompy on the same files.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from bench_reconcile_speed import measure as speed
from bench_reconcile_speed import shown as speed_shown
from planting import Book, Day, Form, Score, plant, read_day, score

from ledger.units import TIME_UNKNOWN
from settlement import sample
from settlement.reconciliation.entries import BY_NUMBER, Entries
from settlement.reconciliation.trades import Difference, Matched, compare
from settlement.sources import Context, read_source

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "nepse"
SEEDS = 200
BY_CONTRACT = "{day}{number:08d}"
NEPSE_TIERS = (
    (50_000_00, 6_000),
    (500_000_00, 5_500),
    (2_000_000_00, 5_000),
    (10_000_000_00, 4_500),
    (None, 4_000),
)
SAMPLE_TIERS = ((5_000_00, 4_000), (50_000_00, 3_000), (500_000_00, 2_000), (None, 1_500))
"""What the scenarios charge, written down again."""


def days() -> list[Day]:
    """The shared days, or where they are missing a generated one."""
    files = sorted(SHARED.glob("*.csv"))
    if files:
        return [read_day(file.read_bytes(), "NPR", NEPSE_TIERS) for file in files]
    return [read_day(sample.generate(1), "EUR", SAMPLE_TIERS)]


def ledger_entries(day: Day, owner: str) -> Entries:
    """The ledger's side: the owner's rows of the unaltered file."""
    rows = day.owners[owner]
    parties = tuple(day.brokers)
    securities = tuple(day.securities)
    party = {name: code for code, name in enumerate(parties)}
    security = {code: place for place, code in enumerate(securities)}
    return Entries(
        parties=parties,
        securities=securities,
        currencies=(rows[0].currency,),
        number=_column(row.number for row in rows),
        day=_column(row.day for row in rows),
        settles=_column(row.settles for row in rows),
        time=_column(TIME_UNKNOWN if row.time is None else row.time for row in rows),
        buyer=_column(party[row.buyer] for row in rows),
        seller=_column(party[row.seller] for row in rows),
        security=_column(security[row.security] for row in rows),
        currency=np.zeros(len(rows), dtype=np.int32),
        quantity=_column(row.quantity for row in rows),
        amount=_column(row.amount for row in rows),
        price=_column(row.price for row in rows),
        line=np.zeros(len(rows), dtype=np.int64),
        commission=_column(row.commission for row in rows),
        naming=BY_CONTRACT if day.format is Form.NEPSE else BY_NUMBER,
    )


def _column(values: Iterator[int]) -> Any:
    return np.fromiter(values, dtype=np.int64)


def found(day: Day, book: Book, folder: Path) -> list[dict[str, Any]]:
    """What reconciliation says of a book whose files are put into `folder`."""
    for name, data in book.files.items():
        (folder / name).write_bytes(data)
    currency = day.rows[0].currency
    context = Context("book", book.institution, currency, 2, tuple(day.brokers), tuple(day.securities))
    source = read_source(str(folder / book.main), context)
    if source.entries is None or source.refused:
        raise ValueError(f"{book.main} of seed {book.seed}: {source.refused[:3]}")
    theirs = ledger_entries(day, book.institution)
    matched = compare(source.entries, theirs, owner=book.institution, tolerances=source.tolerances)
    return list(reports(matched, source.entries, theirs, book.institution))


def reports(matched: Matched, mine: Entries, theirs: Entries, owner: str) -> Iterator[dict[str, Any]]:
    """The differences as `planting.score` takes them."""
    for each in matched.differences:
        yield {
            "institution": owner,
            "level": "trade",
            "kind": each.kind,
            "trade": _name(each, mine, theirs),
            "fields": each.fields,
        }


def _name(each: Difference, mine: Entries, theirs: Entries) -> str:
    if each.mine:
        return mine.name(each.mine[0])
    return theirs.name((each.theirs or each.candidates)[0])


def planted(seeds: Sequence[int] = range(SEEDS)) -> dict[str, Any]:
    """The score of books with breaks planted by so many seeds, over the days in turn."""
    total = Score()
    started = perf_counter()
    markets = days()
    forms: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="clearing-planted-") as folder:
        for seed in seeds:
            day = markets[seed % len(markets)]
            book = plant(day, seed)
            forms[book.form] = forms.get(book.form, 0) + 1
            got = score(book.truth, found(day, book, Path(folder)))
            for line in wrong(book, got):
                print(line, file=sys.stderr)
            total += got
    return {
        "books": len(seeds),
        "days": len(markets),
        "forms": forms,
        "planted": total.planted,
        "found": total.found,
        "right": total.right,
        "named": total.named,
        "valued": total.valued,
        "recall_ppm": total.recall_ppm,
        "precision_ppm": total.precision_ppm,
        "named_ppm": total.named_ppm,
        "seconds": round(perf_counter() - started, 2),
    }


def wrong(book: Book, got: Score) -> Iterator[str]:
    """A line for each miss, report of nothing and wrong name, with what it takes to see it again."""
    where = f"seed {book.seed}, {book.form} book of {book.institution}"
    for each in got.missed:
        yield f"{where}: missed {each.kind} of {each.subject} ({each.plant}) {dict(each.fields)}"
    for report in got.spurious:
        yield f"{where}: nothing planted: {report['kind']} of {report['trade']} {dict(report['fields'])}"
    for each, report in got.misnamed:
        told = f"{report['kind']} {dict(report['fields'])}"
        yield f"{where}: {each.kind} of {each.subject} ({each.plant}) {dict(each.fields)} found as {told}"


def measure() -> dict[str, Any]:
    """All of it."""
    return {"planted": planted(), "speed": speed()}


def shown(results: dict[str, Any]) -> list[str]:
    """The results as lines."""
    got = results["planted"]
    return [
        f"{got['planted']:,} breaks planted in {got['books']} books of {got['days']} days by seed",
        f"  found {got['right']:,}, reported of nothing {got['found'] - got['right']}",
        f"  under their right name {got['named']:,}, with exactly the fields {got['valued']:,}",
        f"  recall {got['recall_ppm']:,} ppm, precision {got['precision_ppm']:,} ppm",
        f"  rightly named {got['named_ppm']:,} ppm; {got['seconds']:.1f} s",
        *speed_shown(results["speed"]),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code is 1 where not every planted break was found and nothing else."""
    parser = argparse.ArgumentParser(description="Planted breaks, and the speed of reconciliation.")
    parser.add_argument("--json", action="store_true", help="one object on standard output")
    options = parser.parse_args(arguments)
    results = measure()
    print(json.dumps(results, indent=2) if options.json else "\n".join(shown(results)))
    got = results["planted"]
    return 0 if got["planted"] == got["found"] == got["right"] else 1


if __name__ == "__main__":
    sys.exit(main())
