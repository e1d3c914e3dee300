"""Several trading days in one ledger, whole and one by one, against tests/independent.py.

settled in turn   ─ each day by itself, as if the other were not there; the sums of both are the ledger's
settled together  ─ a netting set with trades of both days: what moved, was charged and was shared is divided
pending           ─ a trade waits under its trading day, a break says its trading day
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from settlement.errors import NameUnknown
from settlement.export import export
from settlement.intake import parse_trades
from settlement.operations import Ledger
from settlement.report.sources import known_day
from settlement.report.standing import by_day, next_steps
from settlement.report.summary import Summary, summarize
from settlement.sample import TRADING_DAY
from settlement.scenario import load
from tests import independent
from tests.independent import SAMPLE, Place, Trade, read_canonical
from tests.ledgers import in_memory, on_ledger
from tests.unit.report_days import NEXT_DAY, record, sample_file

DAYS = (TRADING_DAY, NEXT_DAY)


@dataclass(frozen=True)
class Two:
    """A ledger with two days on it, their trades, and the summaries of both together and of each."""

    ledger: Ledger
    trades: tuple[list[Trade], list[Trade]]
    together: Summary
    each: tuple[Summary, Summary]


def two_days(ledger: Ledger, *, first_cover_ppm: int) -> Two:
    """The first day recorded, funded in part or in full and settled; then the second one, in full."""
    trades = []
    for day, seed, cover in zip(DAYS, (7, 8), (first_cover_ppm, 1_000_000), strict=True):
        data = sample_file(day, trades=150, seed=seed)
        trades.append(read_canonical(data))
        record(ledger, data, day)
        ledger.fund(cover)
        ledger.settle()
    first, second = (summarize(ledger, day) for day in DAYS)
    return Two(ledger, (trades[0], trades[1]), summarize(ledger), (first, second))


@pytest.fixture(scope="module")
def in_turn() -> Iterator[Two]:
    with in_memory(load("sample"), TRADING_DAY) as ledger:
        yield two_days(ledger, first_cover_ppm=1_000_000)


@pytest.fixture(scope="module")
def mixed() -> Iterator[Two]:
    with in_memory(load("sample"), TRADING_DAY) as ledger:
        two = two_days(ledger, first_cover_ppm=500_000)
        sets = [b.settled_in.max() for b in ledger.read().batches.values()]
        assert sets[0] > sets[1], "a trade of the first day should have settled with the second day's"
        yield two


@pytest.fixture(params=["in_turn", "mixed"])
def two(request: pytest.FixtureRequest) -> Two:
    found: Two = request.getfixturevalue(request.param)
    return found


def figures(summary: Summary) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(json.dumps(summary.as_json()))
    return shown


def test_counts_given_two_days_are_those_of_each_and_add_up(two: Two) -> None:
    shown = [figures(each) for each in (*two.each, two.together)]
    assert [each["trading_day"] for each in shown] == [*map(str, DAYS), None]
    for key in ("trades", "recorded", "settled"):
        assert [each[key] for each in shown] == [150, 150, 300], key
    for key in ("rejected", "pending", "disputed", "breaks"):
        assert [each[key] for each in shown] == [0, 0, 0], key
    assert shown[2]["seconds"] == {}


def test_values_given_two_days_are_netted_day_by_day(two: Two) -> None:
    wanted = [independent.settle(SAMPLE, trades) for trades in two.trades]
    for summary, outcome in zip(two.each, wanted, strict=True):
        assert (summary.gross_value, summary.net_value) == (outcome.gross, outcome.net)
    gross, net = sum(each.gross for each in wanted), sum(each.net for each in wanted)
    assert (two.together.gross_value, two.together.net_value) == (gross, net)
    assert two.together.netting_efficiency == (gross - net) / gross


def test_settled_net_value_given_netting_sets_is_the_sum_over_them(two: Two) -> None:
    sets = two.ledger.read().netting_sets
    assert two.together.settled_net_value == sum(event["netAmount"] for event in sets)
    assert two.together.settled_value == sum(event["grossAmount"] for event in sets)


def test_charges_given_two_days_are_those_of_their_trades(two: Two) -> None:
    wanted = [independent.settle(SAMPLE, trades) for trades in two.trades]
    both = independent.settle(SAMPLE, [*two.trades[0], *two.trades[1]])
    for summary, outcome in zip((*two.each, two.together), (*wanted, both), strict=True):
        assert summary.commission == sum(outcome.commission.values())
        assert summary.levy == sum(outcome.levy.values())
    assert dict(two.together.revenue) == both.revenue


def test_revenue_given_two_days_adds_up_to_the_unit(two: Two) -> None:
    for party, received in two.together.revenue.items():
        assert sum(each.revenue[party] for each in two.each) == received


def test_revenue_given_days_in_turn_is_as_if_each_came_after_the_other(in_turn: Two) -> None:
    first, second = in_turn.trades
    alone = independent.settle(SAMPLE, first)
    after = independent.settle(SAMPLE, second, alone.commission)
    assert [dict(each.revenue) for each in in_turn.each] == [alone.revenue, after.revenue]


def test_flows_given_a_day_are_what_its_trades_move(two: Two) -> None:
    total: dict[str, int] = {}
    for summary, trades in zip(two.each, two.trades, strict=True):
        moved = independent.settle(SAMPLE, trades).moved
        for flow in summary.flows:
            units = [n for (name, asset), n in moved.items() if name == flow.institution and asset != "EUR"]
            assert flow.delivered == -sum(n for n in units if n < 0)
            assert flow.received == sum(n for n in units if n > 0)
            total[flow.institution] = total.get(flow.institution, 0) + flow.cash
    assert total == {flow.institution: flow.cash for flow in two.together.flows}


def held(summary: Summary) -> dict[Place, int]:
    """Holdings as a summary has them."""
    units = {(name, asset): n for name, assets in summary.positions.items() for asset, n in assets.items()}
    return units | {(name, "EUR"): amount for name, amount in summary.cash.items() if amount}


def test_positions_given_all_days_are_as_the_ledger_stands(two: Two) -> None:
    assert held(two.together) == held(two.each[1]) == on_ledger(two.ledger)
    for summary in (*two.each, two.together):
        assert dict(summary.created) == {}


def test_positions_given_a_day_before_others_are_as_it_left_them(in_turn: Two) -> None:
    first = in_turn.trades[0]
    moved = independent.settle(SAMPLE, first).moved
    assert held(in_turn.each[0]) == independent.closing(independent.opening(SAMPLE, first), moved)


def test_transactions_given_days_in_turn_are_of_one_or_the_other(in_turn: Two) -> None:
    assert [each.transactions for each in in_turn.each] == [5, 5]
    assert in_turn.together.transactions == 10
    assert in_turn.together.gas_used == sum(each.gas_used for each in in_turn.each)
    spent = [in_turn.ledger.receipts[stage] for stage in ("record", "affirm", "settle")]
    assert in_turn.together.gas_used == sum(each.gas_used for stage in spent for each in stage)


def test_transactions_given_a_netting_set_of_two_days_count_for_each(mixed: Two) -> None:
    shared = sum(each.transactions for each in mixed.each) - mixed.together.transactions
    assert shared == 3  # the cycle: opened, settled, closed


@pytest.mark.parametrize("day", [None, *DAYS])
def test_export_given_two_days_or_one_agrees_with_the_summary(
    mixed: Two, tmp_path: Path, day: dt.date | None
) -> None:
    export(mixed.ledger, tmp_path, day)
    summary = mixed.together if day is None else mixed.each[DAYS.index(day)]
    days = [str(each) for each in (DAYS if day is None else (day,))]

    rows = duckdb.sql(
        f"select trading_day::text, count(*), sum(settlement_amount_minor)"
        f" from '{tmp_path}/trades.parquet' group by all order by all"
    ).fetchall()
    assert [row[0] for row in rows] == days
    assert sum(row[2] for row in rows) == summary.gross_value
    rows = duckdb.sql(
        f"select trading_day::text, sum(commission_minor)"
        f" from '{tmp_path}/commissions.parquet' group by all order by all"
    ).fetchall()
    assert [row[0] for row in rows] == days
    assert sum(row[1] for row in rows) == summary.commission
    rows = duckdb.sql(f"select party, sum(amount_minor) from '{tmp_path}/shares.parquet' group by all")
    assert dict(rows.fetchall()) == {name: n for name, n in summary.shares_paid.items() if n}
    (created, wrong) = duckdb.sql(
        f"select sum(movements), count(*) filter (opening + movements != closing)"
        f" from '{tmp_path}/positions.parquet'"
    ).fetchall()[0]
    assert (created, wrong) == (0, 0)


def test_waiting_given_two_days_is_by_trading_day() -> None:
    with in_memory(load("sample"), TRADING_DAY) as ledger:
        for day, seed in zip(DAYS, (7, 8), strict=True):
            record(ledger, sample_file(day, trades=20, seed=seed), day)
        both, one = figures(summarize(ledger)), figures(summarize(ledger, NEXT_DAY))
        steps = next_steps(ledger, "L")
    wanted = [
        (str(day), number)
        for day in DAYS
        for number in sorted(
            trade.number for trade in read_canonical(sample_file(day, trades=20, seed=7 + DAYS.index(day)))
        )
    ]
    assert [(each["trading_day"], each["trade"]) for each in both["waiting"]] == wanted
    assert [each["trade"] for each in one["waiting"]] == [
        number for day, number in wanted if day == str(NEXT_DAY)
    ]
    assert all("trading_day" not in each for each in one["waiting"])
    assert {each["reason"] for each in both["waiting"]} <= {"MONY", "LACK"}
    assert steps == ["clearing fund L", "clearing settle L", "clearing reconcile L"]


def test_breaks_given_two_days_say_their_trading_day() -> None:
    def alter(records: Any) -> Any:
        records.quantity[0] += 1
        return records

    with in_memory(load("sample"), TRADING_DAY) as ledger:
        record(ledger, sample_file(TRADING_DAY, trades=20, seed=7), TRADING_DAY)
        data = sample_file(NEXT_DAY, trades=20, seed=8)
        intake = parse_trades(data, ledger.market.scenario, source="x")
        ledger.record(intake, data, source="x", alter=alter, affirm=False)
        both, one, other = (figures(summarize(ledger, day)) for day in (None, NEXT_DAY, TRADING_DAY))
    assert {each["trading_day"] for each in both["breaks_list"]} == {str(NEXT_DAY)}
    assert both["breaks"] == one["breaks"] > 0
    assert one["breaks_list"] == both["breaks_list"]
    assert other["breaks"] == 0
    assert {each["reason"] for each in one["waiting"]} == {"unaffirmed"}


def test_standing_given_trades_at_every_stage_counts_each() -> None:
    with in_memory(load("sample"), TRADING_DAY) as ledger:
        data = sample_file(TRADING_DAY, trades=20, seed=7)
        record(ledger, data, TRADING_DAY)
        ledger.fund()
        ledger.settle()
        head = ledger.read().head
        settled = by_day(ledger.read(), head)[TRADING_DAY]
        before = by_day(ledger.read(), head - 3)[TRADING_DAY]
    assert (settled.recorded, settled.settled, settled.pending, settled.final) == (20, 20, 0, 20)
    assert (before.settled, before.final) == (20, 0)


def test_known_day_given_another_refuses() -> None:
    with in_memory(load("sample"), TRADING_DAY) as ledger:
        with pytest.raises(NameUnknown, match="none yet"):
            known_day(ledger, TRADING_DAY)
        record(ledger, sample_file(TRADING_DAY, trades=1, seed=7), TRADING_DAY)
        assert known_day(ledger, TRADING_DAY) == TRADING_DAY
        assert known_day(ledger, None) is None
        with pytest.raises(NameUnknown, match=str(TRADING_DAY)):
            known_day(ledger, NEXT_DAY)
