"""Books and statements with breaks planted by seed, reconciled with the ledger that the day settled on.

What a book is held against is the ledger itself; what is planted in it comes from the unaltered trade file.
In tests the same books are also held against the file's own rows, without a ledger.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from bench_chain import Source as Market
from bench_chain import opened
from planting import (
    Book,
    Day,
    Figure,
    Form,
    Score,
    plant,
    plant_camt,
    plant_semt,
    plant_table,
    read_day,
    score,
)

from ledger.chain import available
from ledger.units import PPM, TIME_UNKNOWN
from settlement.day import run
from settlement.operations import Ledger
from settlement.reconciliation.entries import BY_NUMBER, Entries
from settlement.reconciliation.ledger_side import Account
from settlement.reconciliation.model import Level, Side
from settlement.reconciliation.trades import Difference, compare
from settlement.scenario import Scenario
from settlement.sources import Context, Source, read_source

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
LEVELS: tuple[Level, ...] = ("position", "cash", "revenue")

Reports = list[dict[str, Any]]


def read_market(market: Market) -> Day:
    """The market's day as the planter has it."""
    tiers = NEPSE_TIERS if market.scenario.format == "nepse" else SAMPLE_TIERS
    return read_day(market.data, market.scenario.cash.currency, tiers)


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


def _column(values: Iterable[int]) -> Any:
    return np.fromiter(values, dtype=np.int64)


def read(day: Day, book: Book, folder: Path, side: Side = "book") -> Source:
    """The book's files, put into `folder`, as a source. Raises ValueError where any row was refused."""
    for name, data in book.files.items():
        (folder / name).write_bytes(data)
    owner = book.institution or None
    context = Context(side, owner, day.rows[0].currency, 2, tuple(day.brokers), tuple(day.securities))
    source = read_source(str(folder / book.main), context)
    if source.refused:
        raise ValueError(f"{book.main} of seed {book.seed}: {source.refused[:3]}")
    return source


def compared(day: Day, book: Book, folder: Path) -> Reports:
    """What comes of holding a book against the file's own rows."""
    mine, theirs = read(day, book, folder).entries, ledger_entries(day, book.institution)
    if mine is None:
        raise ValueError(f"{book.main} of seed {book.seed} has no trades")
    return [
        {
            "institution": book.institution,
            "level": "trade",
            "kind": each.kind,
            "trade": _name(each, mine, theirs),
            "fields": each.fields,
        }
        for each in compare(mine, theirs, owner=book.institution).differences
    ]


def _name(each: Difference, mine: Entries, theirs: Entries) -> str:
    if each.mine:
        return mine.name(each.mine[0])
    return theirs.name((each.theirs or each.candidates)[0])


def reconciled(ledger: Ledger, source: Source) -> Reports:
    """What the ledger says of a book or statement."""
    return [
        {
            "institution": each.institution,
            "level": each.level,
            "kind": each.kind,
            "trade": each.subject,
            "fields": {
                name: (values.get(source.side), values.get("ledger")) for name, values in each.fields.items()
            },
        }
        for each in ledger.reconcile(sources=[source]).breaks
    ]


def figures(day: Day, scenario: Scenario, accounts: Mapping[str, Account]) -> list[Figure]:
    """The balances that books and statements of the day say: what the ledger's accounts hold, and revenue as
    the trade file and the scenario's rates make it.
    """
    found: list[Figure] = []
    for name, account in accounts.items():
        sides = account.opening, account.moved, account.closing
        for asset in sorted({code for side in sides for code in side}):
            level: Level = "cash" if asset == scenario.cash.currency else "position"
            found.append(Figure(level, name, asset, *(side.get(asset, 0) for side in sides)))
    for name, rows in day.owners.items():
        earned = sum(row.commission for row in rows)
        rate = scenario.fees.levy.rate_ppm
        levied = sum(row.amount * rate // PPM * (row.buyer, row.seller).count(name) for row in rows)
        lines = {"commission": earned, "levy": levied}
        for share in scenario.agreements.shares:
            lines[f"share {name} → {share.party}"] = earned * share.share_ppm // PPM
        found += [Figure("revenue", name, line, 0, amount, amount) for line, amount in lines.items()]
    return found


def others(day: Day, known: Sequence[Figure], seed: int) -> Iterator[tuple[Book, Side]]:
    """A table of each level, a bank's and a custodian's statement, each with one unit off."""
    owner = sorted(day.owners)[seed % len(day.owners)]
    date, currency = day.rows[0].day, day.rows[0].currency
    for level in LEVELS:
        yield plant_table([each for each in known if each.level == level], owner, seed), "book"
    yield plant_camt(known, date, currency, seed), "bank"
    yield plant_semt(known, date, owner, seed), "custodian"


def measure(markets: Sequence[Market], seeds: Sequence[int]) -> dict[str, Any]:
    """The score over the days in turn: of every seed a book of trades, of every fifth also the rest."""
    total = {"trades": Score(), "balances": Score()}
    started = perf_counter()
    for place, market in enumerate(markets):
        day = read_market(market)
        with opened(market, available()[0]) as ledger, tempfile.TemporaryDirectory() as folder:
            accounts = run(ledger, market.intake(), market.data, source=market.name).reconciled.accounts
            known = figures(day, market.scenario, accounts)
            for seed in seeds[place :: len(markets)]:
                books: list[tuple[Book, Side]] = [(plant(day, seed), "book")]
                books += others(day, known, seed) if seed % 5 == 0 else []
                for book, side in books:
                    got = score(book.truth, reconciled(ledger, read(day, book, Path(folder), side)))
                    for line in wrong(market.name, book, got):
                        print(line, file=sys.stderr)
                    total["trades" if book.truth[0].level == "trade" else "balances"] += got
    return {
        "days": [market.name for market in markets],
        "books": len(seeds),
        **{name: counted(got) for name, got in total.items()},
        "seconds": round(perf_counter() - started, 2),
    }


def counted(got: Score) -> dict[str, int]:
    """The counts of a score."""
    names = ("planted", "found", "right", "named", "valued", "recall_ppm", "precision_ppm", "named_ppm")
    return {name: getattr(got, name) for name in names}


def wrong(day: str, book: Book, got: Score) -> Iterator[str]:
    """A line for each miss, report of nothing and wrong name, with what it takes to see it again."""
    where = f"{day}, seed {book.seed}, {book.form} {book.main} of {book.institution or 'all'}"
    for each in got.missed:
        yield f"{where}: missed {each.kind} of {each.subject} ({each.plant}) {dict(each.fields)}"
    for report in got.spurious:
        yield f"{where}: nothing planted: {report['kind']} of {report['trade']} {dict(report['fields'])}"
    for each, report in got.misnamed:
        told = f"{report['kind']} {dict(report['fields'])}"
        yield f"{where}: {each.kind} of {each.subject} ({each.plant}) {dict(each.fields)} found as {told}"
