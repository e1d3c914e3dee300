"""Three days for `clearing simulate`, and scenarios that run them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from settlement import sample
from tests.unit.cli_runs import ROOT, Left, clearing

DAYS = (dt.date(2024, 3, 14), dt.date(2024, 3, 15), dt.date(2024, 3, 18))
FILES = ("day1.csv", "day2.csv", "day3.csv")
RATES = {"securities": 100, "ZZ0000010379": 5_000, "cash": 50_000}
RULES = f"""
fails:
  closing_after_days: 2
  securities_ppm: {RATES["securities"]}
  by_security: {{ZZ0000010379: {RATES["ZZ0000010379"]}}}
  cash_ppm_per_year: {RATES["cash"]}
"""
REST = """
default_fund: {margin_ppm: 20000, contribution_ppm: 5000, capital: "1000.00"}
limits:
  - {institution: Aldersgate, asset: ZZ0000010742, position: "60"}
  - {institution: Dunmore, asset: EUR, exposure: "100.00"}
happenings:
  - {at: "2024-03-14 12:30", do: hold, by: Birchwood, trades: [29]}
  - {at: "2024-03-14 12:30", do: dispute, by: Dunmore, trades: [28]}
  - {at: "2024-03-14 12:40", do: stands, trades: [28]}
  - {at: "2024-03-14 12:30", do: cancel, by: Glenside, trades: [27]}
  - {at: "2024-03-14 12:31", do: cancel, by: Aldersgate, trades: [27]}
  - {at: "2024-03-14 12:31", do: hold, by: Larkfield, trades: [30]}
  - {at: "2024-03-14 13:00", do: suspend, institution: Kestrel Rock}
  - {at: "2024-03-15 12:00", do: default, institution: Kestrel Rock}
"""
"""The sixth is refused: Larkfield is no party of that trade."""


def day(entry: str = "none", **more: str) -> str:
    """The section `day`."""
    keys = {"cycles": '["11:00", "14:00", "17:00"]', "entry": entry} | more
    return "\nday: {" + ", ".join(f"{key}: {value}" for key, value in keys.items()) + "}\n"


WHOLE = day("fifo_bypass", parts="always", priority_above='["20000.00", "5000.00"]') + RULES + REST


def written(folder: Path, name: str, sections: str) -> Path:
    """The sample scenario with more sections."""
    shipped = (ROOT / "settlement" / "scenarios" / "sample.yaml").read_text(encoding="utf-8")
    path = folder / name
    path.write_text(shipped + sections, encoding="utf-8")
    return path


def write_days(folder: Path) -> list[Path]:
    """A generated day of 60 trades, as `clearing demo --save` keeps it, and two small ones."""
    assert clearing("demo", "--trades", 60, "--seed", 7, "--save", folder / FILES[0], "--json").code == 0
    for name, seed, trading_day in zip(FILES[1:], (8, 9), DAYS[1:], strict=True):
        (folder / name).write_bytes(sample.generate(seed, trades=12, trading_day=trading_day))
    return [folder / name for name in FILES]


def simulate(scenario: Path, *files: Path, **options: object) -> Left:
    """Run `clearing simulate`; options by their names."""
    more = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    return clearing("simulate", *files, "--scenario", scenario, *more)


def simulated(scenario: Path, *files: Path, **options: object) -> dict[str, Any]:
    """What it prints as JSON."""
    left = simulate(scenario, *files, format="json", **options)
    assert left.err == "", left.err
    return left.shown
