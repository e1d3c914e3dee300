"""`clearing day --json` on the four shared days: each figure of the object against tests/independent.py."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests import independent
from tests.independent import BROKERS, NEPSE_2019, OTHERS, Place, Trade
from tests.unit.cli_runs import clearing

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "nepse"
DAYS = ("2019-10-10", "2019-10-15", "2019-11-17", "2019-11-21")
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"the shared trading days are not there: {FOLDER}"
)


def object_of(day: str, folder: Path, *options: str, ends: int = 0) -> dict[str, Any]:
    """What the command prints, and that it prints nothing else and writes nothing."""
    command = [sys.executable, "-c", "from settlement.cli import main; main()"]
    arguments = ["day", str(FOLDER / f"{day}.csv"), "--scenario", "nepse-2019", "--json", *options]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [*command, *arguments], cwd=folder, capture_output=True, text=True, env={"PYTHONPATH": str(root)}
    )
    assert (done.returncode, done.stderr) == (ends, "")
    assert not list(folder.iterdir())
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def object_here(day: str, folder: Path) -> dict[str, Any]:
    """The same of the command in this process."""
    done = clearing("day", FOLDER / f"{day}.csv", "--scenario", "nepse-2019", "--json")
    assert (done.code, done.err) == (0, "")
    assert not list(folder.iterdir())
    return done.shown


def check_figures(
    found: dict[str, Any], trades: Sequence[Trade], settled: Sequence[Trade], cover: Fraction
) -> None:
    """The object is that of `trades` recorded, and `settled` of them settled from the opening balances."""
    recorded = independent.settle(NEPSE_2019, trades)
    outcome = independent.settle(NEPSE_2019, settled)
    held = independent.opening(NEPSE_2019, trades, cover)
    after = independent.closing(held, outcome.moved)
    expected = {
        "trades": len(trades),
        "rejected": 0,
        "recorded": len(trades),
        "settled": len(settled),
        "pending": len(trades) - len(settled),
        "gross_value_minor": str(recorded.gross),
        "net_value_minor": str(recorded.net),
        "commission_minor": str(sum(outcome.commission.values())),
        "levy_minor": str(sum(outcome.levy.values())),
        "revenue_minor": {name: str(amount) for name, amount in outcome.revenue.items()},
        "positions": positions(after),
        "cash_minor": {name: str(after.get((name, "NPR"), 0)) for name in (*OTHERS, *BROKERS)},
        "books_compared": len(BROKERS),
        "breaks": 0,
        "conservation": {"cash_minor": "0", "securities": {}},
    }
    assert {key: found[key] for key in expected} == expected
    exactly = 1 - Fraction(recorded.net, recorded.gross)
    assert found["netting_efficiency"] == float(exactly)
    assert found["transactions"] > 0
    assert found["gas_per_trade"] == round(found["gas_used"] / len(trades), 2)
    assert found["seconds"].keys() >= {"intake", "record", "affirm", "settle", "reconcile"}


def positions(after: dict[Place, int]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (name, asset), amount in after.items():
        if asset != "NPR":
            found.setdefault(name, {})[asset] = amount
    return found


@pytest.mark.parametrize("day", DAYS)
def test_json_of_a_day_is_the_independent_computation(
    day: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first day's, of a process, is in test_ledger_days, too."""
    monkeypatch.chdir(tmp_path)
    trades = independent.read_nepse(FOLDER / f"{day}.csv")
    check_figures(object_here(day, tmp_path), trades, trades, Fraction(1))


def test_json_of_a_day_partly_covered_is_the_independent_computation(tmp_path: Path) -> None:
    day, cover = "2019-10-15", "0.8"
    trades = independent.read_nepse(FOLDER / f"{day}.csv")
    held = independent.opening(NEPSE_2019, trades, Fraction(cover))
    found = object_of(day, tmp_path, "--cover", cover, "--time-limit", "2", ends=1)
    reasons = {
        each["trade"]: {
            (short["institution"], short["asset"]): int(short.get("short_minor") or short["short_quantity"])
            for short in each["short"]
        }
        for each in found["waiting"]
    }
    independent.check_choice(NEPSE_2019, held, trades, reasons, int(found["upper_bound"]))
    settled = [trade for trade in trades if trade.number not in reasons]
    check_figures(found, trades, settled, Fraction(cover))
    assert found["objective_reached"] == found["settled_value_minor"]
    assert list(reasons) == sorted(reasons)
