"""The command's steps for tests, and what they should print, by tests/independent.py."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests import independent
from tests.independent import Place, Rules, Trade, read_canonical

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT.parent / "shared" / "data" / "nepse"
REAL_DAYS = ("2019-10-10", "2019-10-15", "2019-11-17", "2019-11-21")
needs_real_days = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"the shared trading days are not there: {FOLDER}"
)
FIRST, SECOND = dt.date(2024, 3, 14), dt.date(2024, 3, 15)


class Left(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        assert self.err == ""
        found: dict[str, Any] = json.loads(self.out)
        return found


def command_line(*arguments: object) -> list[str]:
    return [sys.executable, "-c", "from settlement.cli import main; main()", *map(str, arguments)]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


def process(*arguments: object) -> Left:
    """The command as a process of its own."""
    done = subprocess.run(
        command_line(*arguments), env=environment(), capture_output=True, text=True, timeout=120, check=False
    )
    return Left(done.returncode, done.stdout, done.stderr)


def trades_of(*files: str | Path) -> list[Trade]:
    return [trade for file in files for trade in read_canonical(Path(file).read_bytes())]


def brokers_of(trades: Iterable[Trade]) -> set[str]:
    return {name for trade in trades for name in (trade.buyer, trade.seller)}


def opening_json(rules: Rules, trades: Sequence[Trade]) -> dict[str, Any]:
    """What `fund` issues for these trades where nothing is held, as it prints it."""
    opening = {place: n for place, n in independent.opening(rules, trades).items() if n}
    cash = {name: n for (name, asset), n in opening.items() if asset == rules.cash}
    units: Counter[str] = Counter()
    for (_, asset), amount in opening.items():
        if asset != rules.cash:
            units[asset] += amount
    institutions = len({name for name, _ in opening})
    return {"cash_minor": str(sum(cash.values())), "securities": units, "institutions": institutions}


def holdings_json(rules: Rules, after: Mapping[Place, int]) -> dict[str, Any]:
    """Positions and cash as `report` prints them, institutions without any cash left out."""
    positions: dict[str, dict[str, int]] = {}
    for (name, asset), amount in after.items():
        if asset != rules.cash:
            positions.setdefault(name, {})[asset] = amount
    cash = {name: str(amount) for (name, asset), amount in after.items() if asset == rules.cash}
    return {"positions": positions, "cash_minor": cash}


def check_holdings(report: Mapping[str, Any], rules: Rules, after: Mapping[Place, int]) -> None:
    cash = {name: amount for name, amount in report["cash_minor"].items() if amount != "0"}
    assert {"positions": report["positions"], "cash_minor": cash} == holdings_json(rules, after)


def figures(
    rules: Rules, trades: Sequence[Trade], earned: Mapping[str, int] | None = None
) -> dict[str, object]:
    """What a report says of a day on which all of these trades settled, when brokers had `earned` so much."""
    outcome = independent.settle(rules, trades, earned)
    return {
        "trades": len(trades),
        "recorded": len(trades),
        "settled": len(trades),
        "pending": 0,
        "disputed": 0,
        "rejected": 0,
        "brokers": len(brokers_of(trades)),
        "securities": len({trade.security for trade in trades}),
        "gross_value_minor": str(outcome.gross),
        "net_value_minor": str(outcome.net),
        "netting_efficiency": float(1 - Fraction(outcome.net, outcome.gross)),
        "settled_value_minor": str(outcome.gross),
        "commission_minor": str(sum(outcome.commission.values())),
        "levy_minor": str(sum(outcome.levy.values())),
        "revenue_minor": {name: str(amount) for name, amount in outcome.revenue.items()},
        "breaks": 0,
        "breaks_list": [],
        "conservation": {"cash_minor": "0", "securities": {}},
        "waiting": [],
    }


def check(found: Mapping[str, Any], expected: Mapping[str, object]) -> None:
    assert {key: found[key] for key in expected} == expected


def after_all(rules: Rules, trades: Sequence[Trade]) -> dict[Place, int]:
    """What everybody holds when all of it was funded at once and settled."""
    return independent.closing(independent.opening(rules, trades), independent.settle(rules, trades).moved)


Clearing = Callable[..., Left]
SUMMED = ("trades", "rejected", "recorded", "settled", "pending", "disputed", "transactions", "gas_used")
SUMMED_MINOR = (
    "gross_value_minor",
    "net_value_minor",
    "settled_value_minor",
    "commission_minor",
    "levy_minor",
)


def check_sums(together: Mapping[str, Any], days: Sequence[Mapping[str, Any]], *, apart: bool = True) -> None:
    """All days together are the sum of each. Where one netting set settled several, `apart` is false: it is
    one transaction, in which net is less than the sum."""
    assert together["trading_day"] is None
    skipped = () if apart else ("transactions", "gas_used")
    for key in SUMMED:
        assert key in skipped or together[key] == sum(day[key] for day in days), key
    for key in (*SUMMED_MINOR, *(("settled_net_value_minor",) if apart else ())):
        assert int(together[key]) == sum(int(day[key]) for day in days), key
    revenue: Counter[str] = Counter()
    for day in days:
        revenue.update({name: int(amount) for name, amount in day["revenue_minor"].items()})
    assert together["revenue_minor"] == {name: str(amount) for name, amount in revenue.items()}
    assert together["conservation"] == {"cash_minor": "0", "securities": {}}
    assert together["breaks"] == 0


def head_of(clearing: Clearing, path: object = "L") -> str:
    head: str = clearing("status", path, "--json").json["head"]
    return head
