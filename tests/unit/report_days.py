"""Days of the made-up market that the tests of reports look at, and its rules for tests/independent.py."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from ledger.chain import default_engine
from ledger.records import Records
from settlement import sample
from settlement.day import Day, open_day
from settlement.intake import parse_trades
from settlement.model import Intake
from settlement.report.summary import Summary, summarize
from settlement.scenario import load
from tests.independent import Rules, Trade, whole

SAMPLE = Rules(
    slabs=((5_000_00, 4_000), (50_000_00, 3_000), (500_000_00, 2_000), (None, 1_500)),
    levy_ppm=50,
    levy_to="Market Authority",
    shares=(
        ("Meridian Exchange", 150_000),
        ("Lantern Platform", 80_000),
        ("Compass Data", 30_000),
        ("Mutual Reserve", 50_000),
    ),
    cash="EUR",
)
"""What settlement/scenarios/sample.yaml charges, written down again."""
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


def read_canonical(data: bytes) -> list[Trade]:
    """The trades of a canonical file, by the standard library."""
    return [
        Trade(
            number=int(row["trade_no"]),
            buyer=row["buyer"],
            seller=row["seller"],
            security=row["security"],
            quantity=int(row["quantity"]),
            amount=whole(Fraction(row["settlement_amount"]) * 100),
        )
        for row in csv.DictReader(data.decode().splitlines())
    ]


def run_sample(
    *,
    trades: int = 400,
    seed: int = 7,
    cover: str = "1.0",
    rows: bytes = b"",
    alter: Callable[[Records], Records] | None = None,
    then: Callable[[Day], object] = lambda _: None,
) -> Done:
    """A day of the scenario `sample` with some more `rows`.

    `alter` changes what the venue records; `then` looks at the day, or meddles with its books, before they
    are reconciled.
    """
    scenario = load("sample").with_cover(cover)
    data = sample.generate(seed, trades=trades, scenario=scenario) + rows
    intake = parse_trades(data, scenario, source="sample.csv", date=sample.TRADING_DAY)
    with open_day(scenario, intake, data, chain=default_engine()) as day:
        day.fund()
        day.record(alter=alter)
        day.affirm()
        day.settle()
        then(day)
        day.reconcile()
        return Done(data, intake, summarize(day, intake_s=0.25, rejects_file="x" if intake.rejects else None))
