"""Days on one ledger: figures of each and of all, against tests/independent.py and `clearing day`.

real days  ─ four on one ledger, the first what `day` says in a process of its own
two days   ─ one after the other, or settled together
`day`      ─ leaves what `report` shows and the other commands go on with
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest

from settlement import sample
from tests import independent
from tests.independent import NEPSE_2019, SAMPLE, Place, read_canonical, read_nepse
from tests.integration.steps import (
    FIRST,
    FOLDER,
    REAL_DAYS,
    SECOND,
    SUMMED,
    SUMMED_MINOR,
    Clearing,
    after_all,
    check,
    check_holdings,
    check_sums,
    figures,
    needs_real_days,
    opening_json,
    process,
    trades_of,
)

VARYING = (
    *("seconds", "gas_used", "gas_per_trade"),
    *("objective", "objective_reached", "upper_bound", "gap_ppm"),
)


@needs_real_days
def test_four_real_days_on_one_ledger_are_each_and_together_the_independent_computation(
    clearing: Clearing, workplace: Path
) -> None:
    """Recorded, funded and settled day by day; commission that was earned before counts for the shares."""
    clearing("init", "L", "--scenario", "nepse-2019")
    earned: Counter[str] = Counter()
    held: dict[Place, int] = {}
    expected, all_trades = [], []
    for day in REAL_DAYS:
        trades = read_nepse(FOLDER / f"{day}.csv")
        all_trades += trades
        needed = independent.opening(NEPSE_2019, trades, Fraction(1), earned)
        issued = {place: max(0, n - held.get(place, 0)) for place, n in needed.items()}
        expected.append(figures(NEPSE_2019, trades, earned))
        outcome = independent.settle(NEPSE_2019, trades, earned)
        held = {place: held.get(place, 0) + issued.get(place, 0) for place in {*held, *issued}}
        held = independent.closing(held, outcome.moved)
        earned += outcome.commission
        assert clearing("record", "L", FOLDER / f"{day}.csv", "--json").json["recorded"] == len(trades)
        cash = sum(n for (_, asset), n in issued.items() if asset == NEPSE_2019.cash)
        assert clearing("fund", "L", "--json").json["cash_minor"] == str(cash)
        assert clearing("settle", "L").code == 0
        if day == REAL_DAYS[0]:
            assert clearing("reconcile", "L").code == 0
            report = clearing("report", "L", "--json").json
            check(report, expected[0])
            check_holdings(report, NEPSE_2019, after_all(NEPSE_2019, trades))
            alone = process("day", FOLDER / f"{day}.csv", "--scenario", "nepse-2019", "--json").json
            # Block times and signatures are calldata; a report does not know how it was chosen.
            assert alone | dict.fromkeys(VARYING) == report | dict.fromkeys(VARYING)
            assert {path.name for path in workplace.iterdir()} == {"L", "first.csv", "second.csv"}
    found = [clearing("report", "L", "--date", day, "--json") for day in REAL_DAYS]
    for left, day, wanted in zip(found, REAL_DAYS, expected, strict=True):
        assert left.code == 0
        check(left.json, wanted | {"trading_day": day})
    together = clearing("report", "L", "--json").json
    check_sums(together, [left.json for left in found])
    check_holdings(together, NEPSE_2019, held)
    check_holdings(found[-1].json, NEPSE_2019, held)
    assert clearing("reconcile", "L").code == 0


def test_second_day_given_its_own_steps_adds_to_the_first(clearing: Clearing) -> None:
    first, second = trades_of("first.csv"), trades_of("second.csv")
    clearing("init", "L")
    reports = []
    for file in ("first.csv", "second.csv"):
        assert clearing("record", "L", file).code == 0
        clearing("fund", "L")
        assert clearing("settle", "L").code == 0
        assert clearing("reconcile", "L").code == 0
    earned = independent.settle(SAMPLE, first).commission
    for day, wanted in ((FIRST, figures(SAMPLE, first)), (SECOND, figures(SAMPLE, second, earned))):
        left = clearing("report", "L", "--date", day, "--json")
        assert left.code == 0
        check(left.json, wanted | {"trading_day": str(day)})
        assert clearing("reconcile", "L", "--date", day).code == 0
        reports.append(left.json)
    check_sums(clearing("report", "L", "--json").json, reports)
    for day, file in ((FIRST, "first.csv"), (SECOND, "second.csv")):
        alone = clearing("day", file, "--scenario", "sample", "--json").json
        of_ledger = clearing("report", "L", "--date", day, "--json").json
        same = [*SUMMED[:-2], *SUMMED_MINOR, "netting_efficiency", "brokers", "securities"]
        same += ["settled_net_value_minor", "transactions"] + (["revenue_minor"] if day == FIRST else [])
        check(of_ledger, {key: alone[key] for key in same})
    status = clearing("status", "L", "--json").json
    assert [(day["trading_day"], day["settled"]) for day in status["days"]] == [
        (str(FIRST), 60),
        (str(SECOND), 50),
    ]
    unknown = clearing("report", "L", "--date", "2024-03-16", "--json")
    assert (unknown.code, unknown.out) == (2, "")


@pytest.mark.parametrize("files", [("first.csv", "second.csv"), ("second.csv", "first.csv")])
def test_two_days_given_one_settlement_are_netted_together(
    clearing: Clearing, files: tuple[str, ...]
) -> None:
    trades = trades_of("first.csv", "second.csv")
    clearing("init", "L")
    for file in files:
        clearing("record", "L", file)
    check(clearing("fund", "L", "--json").json, opening_json(SAMPLE, trades))
    settled = clearing("settle", "L", "--json")
    assert settled.code == 0
    outcome = independent.settle(SAMPLE, trades)
    check(settled.json, {"netting_sets": 1, "settled": 110, "settled_value_minor": str(outcome.gross)})
    assert settled.json["settled_net_value_minor"] == str(outcome.net)
    together = clearing("report", "L", "--json").json
    days = [clearing("report", "L", "--date", day, "--json").json for day in (FIRST, SECOND)]
    check_sums(together, days, apart=False)
    check_holdings(together, SAMPLE, after_all(SAMPLE, trades))
    earned = independent.settle(SAMPLE, trades_of("first.csv")).commission
    check(days[0], figures(SAMPLE, trades_of("first.csv")))
    check(days[1], figures(SAMPLE, trades_of("second.csv"), earned))
    assert together["revenue_minor"] == {name: str(n) for name, n in outcome.revenue.items()}
    assert clearing("reconcile", "L").code == 0


@pytest.mark.parametrize("cover", ["0.5", "1"])
def test_report_given_the_day_is_over_is_what_the_day_printed(clearing: Clearing, cover: str) -> None:
    left = clearing("day", "first.csv", "--scenario", "sample", "--ledger", "L", "--cover", cover, "--json")
    report = clearing("report", "L", "--json")
    assert left.code == report.code == (1 if cover == "0.5" else 0)
    # How good the choice was knows only who made it.
    theirs = dict.fromkeys(("seconds", "objective", "objective_reached", "upper_bound", "gap_ppm"))
    assert report.json | theirs == left.json | theirs
    assert int(left.json["objective_reached"]) == int(left.json["settled_value_minor"])
    assert int(left.json["settled_value_minor"]) <= int(left.json["upper_bound"])


def test_other_commands_given_a_day_and_a_demo_have_run_go_on_with_the_ledger(clearing: Clearing) -> None:
    demo = clearing("demo", "--trades", "40", "--seed", "7", "--ledger", "L", "--json")
    assert demo.code == 0
    first = read_canonical(sample.generate(7, trades=40))
    day = clearing("day", "second.csv", "--scenario", "sample", "--ledger", "L", "--json")
    assert day.code == 0
    earned = independent.settle(SAMPLE, first).commission
    check(day.json, figures(SAMPLE, trades_of("second.csv"), earned) | {"trading_day": str(SECOND)})
    Path("third.csv").write_bytes(sample.generate(9, trades=30, trading_day=dt.date(2024, 3, 18)))
    assert clearing("record", "L", "third.csv", "--json").json["recorded"] == 30
    clearing("fund", "L")
    assert clearing("settle", "L", "--json").json["settled"] == 30
    assert clearing("reconcile", "L").code == 0
    status = clearing("status", "L", "--json").json
    assert [each["settled"] for each in status["days"]] == [40, 50, 30]
    days = [clearing("report", "L", "--date", each["trading_day"], "--json").json for each in status["days"]]
    check_sums(clearing("report", "L", "--json").json, days)
    earlier = (demo.json, day.json)
    for alone, of_ledger in zip(earlier, days[:2], strict=True):
        theirs = dict.fromkeys(("seconds", "objective", "objective_reached", "upper_bound", "gap_ppm"))
        assert alone | theirs == of_ledger | theirs
    again = clearing("day", "second.csv", "--scenario", "sample", "--ledger", "L", "--json")
    check(again.json, {"trades": 50, "rejected": 50, "recorded": 50, "settled": 50})
    assert again.code == 1
    other = clearing("day", "second.csv", "--scenario", "nepse-2019", "--ledger", "L")
    assert (other.code, other.out) == (2, "")
