"""A ledger of two days and two cycles, and books and statements of it, right or off on purpose."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from settlement import sample
from settlement.breaks.reconciling import Reported, run
from settlement.operations import Ledger
from settlement.reconciliation.ledger_side import EVERYTHING, Scope
from settlement.reconciliation.model import Break
from settlement.scenario import load
from settlement.sources import Balance, CashMovement
from settlement.sources.configured import Brought
from settlement.sources.iso import write_camt053, write_semt002, write_sese025
from tests.ledgers import in_memory
from tests.unit.report_days import NEXT_DAY, record, sample_file

DAY, NAME, CASH = sample.TRADING_DAY, "Aldersgate", "EUR"
Rows = list[dict[str, str]]


@dataclass
class Market:
    ledger: Ledger
    files: dict[dt.date, bytes]
    ends: dict[dt.date, dict[tuple[str, str], int]]
    """After each day, (institution, asset) → what it holds."""
    folder: Path

    def file(self, name: str, data: bytes | str) -> str:
        path = self.folder / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return str(path)

    def run(self, *brought: Brought, scope: Scope = EVERYTHING) -> Reported:
        return run(self.ledger, brought, scope)

    def breaks(self, *brought: Brought, scope: Scope = EVERYTHING) -> list[Break]:
        found = self.run(*brought, scope=scope).result
        assert found.refused == ()
        return list(found.breaks)


@contextmanager
def two_days(folder: Path) -> Iterator[Market]:
    """Both days recorded, funded and settled, a cycle each."""
    files = {day: sample_file(day, trades=90, seed=seed) for day, seed in ((DAY, 3), (NEXT_DAY, 4))}
    with in_memory(load("sample"), DAY) as ledger:
        ends = {}
        for day, data in files.items():
            ledger.clock.wait_until(dt.datetime.combine(day, dt.time(9), dt.UTC))
            record(ledger, data, day)
            ledger.fund()
            ledger.settle()
            names = {index: name for name, index in ledger.market.index.items()}
            codes = {index: code for code, index in ledger.market.asset.items()}
            ends[day] = {(names[who], codes[what]): n for (who, what), n in ledger.balances().items()}
        yield Market(ledger, files, ends, folder)


def rows_of(data: bytes, name: str | None = NAME) -> Rows:
    return [
        row
        for row in csv.DictReader(io.StringIO(data.decode()))
        if name in (None, row["buyer"], row["seller"])
    ]


def written(rows: Rows) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def book(market: Market, alter: Callable[[Rows], object] = lambda rows: None, *days: dt.date) -> Brought:
    rows = [row for day in days or (DAY, NEXT_DAY) for row in rows_of(market.files[day])]
    alter(rows)
    return Brought("book", NAME, market.file("book.csv", written(rows)))


def off(field: str, by: int) -> Callable[[Rows], None]:
    def alter(rows: Rows) -> None:
        row = next(row for row in rows if row["buyer"] != row["seller"])
        digits = row[field].replace(".", "")
        changed = str(int(digits) + by)
        row[field] = changed if "." not in row[field] else f"{changed[:-2]}.{changed[-2:]}"

    return alter


def decimal(minor: int) -> str:
    return f"{'-' * (minor < 0)}{abs(minor) // 100}.{abs(minor) % 100:02d}"


def table(market: Market, level: str, header: str, lines: list[str], columns: str) -> Brought:
    market.file(f"{level}.csv", "\n".join([header, *lines]) + "\n")
    mapping = f"source: {level}.csv\nlevel: {level}\ncolumns:\n{columns}"
    return Brought("book", NAME, market.file(f"{level}.yaml", mapping))


def holdings(market: Market, day: dt.date = NEXT_DAY, name: str = NAME) -> dict[str, int]:
    return {asset: n for (who, asset), n in market.ends[day].items() if who == name and asset != CASH}


def positions(market: Market, off: int = 0) -> Brought:
    lines = [f"{code},{n + off * (i == 0)}" for i, (code, n) in enumerate(holdings(market).items())]
    return table(market, "positions", "ISIN,Held", lines, "  asset: ISIN\n  closing: Held\n")


def cash(market: Market, off: int = 0) -> Brought:
    line = f"{CASH},{decimal(market.ends[NEXT_DAY].get((NAME, CASH), 0) + off)}"
    return table(market, "cash", "Currency,Held", [line], "  currency: Currency\n  closing: Held\n")


def revenue(market: Market, off: int = 0) -> Brought:
    """The levy, by the trade files."""
    rate_ppm = load("sample").fees.levy.rate_ppm
    levy = sum(
        int(row["settlement_amount"].replace(".", ""))
        * rate_ppm
        // 10**6
        * (1 + (row["buyer"] == row["seller"]))
        for data in market.files.values()
        for row in rows_of(data)
    )
    line = f"levy,{decimal(levy + off)}"
    return table(market, "revenue", "Line,Booked", [line], "  line: Line\n  closing: Booked\n")


def confirmations(market: Market, quantity_off: int = 0) -> Brought:
    from settlement.reconciliation.ledger_view import view

    there = view(market.ledger, EVERYTHING).trades
    own = there.entries.take(there.of(NAME))
    own = replace(own, settles=there.effective[there.of(NAME)])
    quantity = own.quantity.copy()
    quantity[0] += quantity_off
    return Brought(
        "custodian", None, market.file("sese.xml", write_sese025(replace(own, quantity=quantity), NAME))
    )


def depository(market: Market, day: dt.date = NEXT_DAY, off: int = 0) -> Brought:
    held = holdings(market, day)
    first = next(iter(held))
    rows = [
        Balance("position", NAME, code, None, None, n + off * (code == first)) for code, n in held.items()
    ]
    number = int(day.strftime("%Y%m%d"))
    return Brought("custodian", None, market.file("semt.xml", write_semt002(rows, number)))


def bank(market: Market, day: dt.date = NEXT_DAY, off: int = 0, entry_off: int = 0) -> Brought:
    """Every cash movement of the broker so far, by the register's own transfers."""
    moves, index = market.ledger.read().movements, market.ledger.market.index[NAME]
    number, rows, total = int(day.strftime("%Y%m%d")), [], 0
    for row in range(len(moves)):
        if moves.asset[row] == market.ledger.market.cash_asset and index in (
            moves.sender[row],
            moves.receiver[row],
        ):
            amount = int(moves.amount[row]) * (1 if moves.receiver[row] == index else -1)
            rows.append(CashMovement(NAME, CASH, amount, bytes(moves.transaction[row]).hex()[:35], number))
            total += amount
    rows[-1] = replace(rows[-1], amount=rows[-1].amount + entry_off)
    closing = Balance("cash", NAME, CASH, 0, total, market.ends[day].get((NAME, CASH), 0) + off)
    return Brought("bank", None, market.file("camt.xml", write_camt053([closing], rows, number)))
