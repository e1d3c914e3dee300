"""Days of the made-up market that the tests of reports look at."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from ledger.records import Records
from settlement import sample
from settlement.intake import parse_trades
from settlement.liquidity import Search
from settlement.model import Intake
from settlement.operations import Ledger
from settlement.reconciliation.ledger_side import Scope
from settlement.report.summary import Summary, summarize
from settlement.scenario import load
from tests.ledgers import in_memory

MEMBERS = (
    *("Meridian Exchange", "Harbour Depository", "Tidewater Bank", "Market Authority", "Plumbline Audit"),
    *("Lantern Platform", "Compass Data", "Mutual Reserve"),
    *("Aldersgate", "Birchwood", "Calder Vale", "Dunmore", "Eastlake", "Fairhaven"),
    *("Glenside", "Hollybank", "Ironbridge", "Juniper Lane", "Kestrel Rock", "Larkfield"),
)


@dataclass(frozen=True)
class Done:
    """A finished day: the trade file, what intake made of it, and the summary."""

    data: bytes
    intake: Intake
    summary: Summary


NEXT_DAY = sample.TRADING_DAY + dt.timedelta(days=1)


def sample_file(day: dt.date, *, trades: int, seed: int) -> bytes:
    """A generated day, at another date than the generator's."""
    data = sample.generate(seed, trades=trades)
    return data.replace(str(sample.TRADING_DAY).encode(), str(day).encode())


def record(ledger: Ledger, data: bytes, day: dt.date) -> Intake:
    """Record and affirm a trade file of the made-up market."""
    source = f"{day}.csv"
    intake = parse_trades(
        data, ledger.market.scenario, source=source, date=day, recorded=ledger.recorded_numbers
    )
    ledger.record(intake, data, source=source)
    return intake


def run_sample(
    *,
    trades: int = 400,
    seed: int = 7,
    cover: str = "1.0",
    rows: bytes = b"",
    alter: Callable[[Records], Records] | None = None,
    then: Callable[[Ledger], object] = lambda _: None,
) -> Done:
    """A day of the scenario `sample` with some more `rows`.

    `alter` changes what the venue records; `then` looks at the ledger, or meddles with its books, before they
    are reconciled.
    """
    scenario = load("sample").with_cover(cover)
    data = sample.generate(seed, trades=trades, scenario=scenario) + rows
    intake = parse_trades(data, scenario, source="sample.csv", date=sample.TRADING_DAY)
    with in_memory(scenario, sample.TRADING_DAY) as ledger:
        rejects_file = "x" if intake.rejects else None
        ledger.record(intake, data, source="sample.csv", rejects_file=rejects_file, alter=alter)
        ledger.fund()
        settled = ledger.settle(Search(time_limit_s=1))
        then(ledger)
        reconciled = ledger.reconcile(Scope(sample.TRADING_DAY))
        seconds = {"intake": 0.25, "market": 0.5} | ledger.seconds
        summary = summarize(
            ledger,
            sample.TRADING_DAY,
            reconciled=reconciled,
            shortages=settled.waiting,
            settled=settled,
            seconds=seconds,
        )
        return Done(data, intake, summary)
