"""The figures of a day, each against an independent computation from the raw file.

full cover   ─ every key of the object as worked out from the file; nothing waits
part of it   ─ what waits, for whom and how much; gross and net are of all recorded trades
a dispute    ─ counted as pending, with who disputes it
breaks       ─ listed as the books and the ledger have it
nothing      ─ a day without trades has figures, too
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from fractions import Fraction
from math import ceil
from typing import Any

import pytest

from ledger.records import Records
from settlement import sample
from settlement.operations import STAGES, Ledger
from settlement.report.summary import Summary
from tests import independent
from tests.independent import SAMPLE, read_canonical
from tests.unit.report_days import MEMBERS, Done, run_sample


def figures(summary: Summary) -> dict[str, Any]:
    """The object as a reader of `--json` gets it."""
    shown: dict[str, Any] = json.loads(json.dumps(summary.as_json()))
    return shown


def holdings(held: dict[tuple[str, str], int], cash: str) -> tuple[dict[str, dict[str, int]], dict[str, str]]:
    """(institution → asset → quantity, institution → cash) of holdings by (institution, asset)."""
    positions: dict[str, dict[str, int]] = defaultdict(dict)
    for (name, asset), amount in held.items():
        if asset != cash and amount:
            positions[name][asset] = amount
    return dict(positions), {name: str(held.get((name, cash), 0)) for name in MEMBERS}


@pytest.fixture(scope="module")
def full() -> Done:
    return run_sample(trades=2000)


@pytest.fixture(scope="module")
def part() -> Done:
    return run_sample(cover="0.8")


def test_summary_given_full_cover_is_as_worked_out_from_the_file(full: Done) -> None:
    trades = read_canonical(full.data)
    wanted = independent.settle(SAMPLE, trades)
    held = independent.closing(independent.opening(SAMPLE, trades), wanted.moved)
    positions, cash = holdings(held, "EUR")
    shown = figures(full.summary)
    gas = shown.pop("gas_used")
    chain, seconds = shown.pop("chain"), shown.pop("seconds")
    assert shown == {
        "scenario": "sample",
        "trading_day": "2024-03-14",
        "currency": "EUR",
        "brokers": 12,
        "securities": 20,
        "trades": 2000,
        "rejected": 0,
        "rejects_file": None,
        "recorded": 2000,
        "settled": 2000,
        "pending": 0,
        "ended": 0,
        "disputed": 0,
        "gross_value_minor": str(wanted.gross),
        "net_value_minor": str(wanted.net),
        "netting_efficiency": (wanted.gross - wanted.net) / wanted.gross,
        "settled_value_minor": str(wanted.gross),
        "settled_net_value_minor": str(wanted.net),
        "objective": "value",
        "objective_reached": str(wanted.gross),
        "upper_bound": str(wanted.gross),
        "gap_ppm": 0,
        "commission_minor": str(sum(wanted.commission.values())),
        "levy_minor": str(sum(wanted.levy.values())),
        "revenue_minor": {name: str(amount) for name, amount in wanted.revenue.items()},
        "positions": positions,
        "cash_minor": cash,
        "transactions": 5,
        "gas_per_trade": round(gas / 2000, 2),
        "books_compared": 12,
        "breaks": 0,
        "breaks_list": [],
        "conservation": {"cash_minor": "0", "securities": {}},
        "waiting": [],
    }
    assert chain in ("anvil", "pyevm")
    assert list(seconds) == ["intake", "market", *(stage for stage in STAGES if stage != "market")]
    assert not full.summary.needs_attention


def test_gas_given_a_day_is_of_recording_affirming_and_settling_only() -> None:
    spent: list[int] = []

    def note(ledger: Ledger) -> None:
        spent.extend(r.gas_used for stage in ("record", "affirm", "settle") for r in ledger.receipts[stage])

    summary = run_sample(trades=50, then=note).summary
    assert (summary.transactions, summary.gas_used) == (len(spent), sum(spent))


def test_flows_given_full_cover_are_what_the_file_moves(full: Done) -> None:
    wanted = independent.settle(SAMPLE, read_canonical(full.data))
    for flow in full.summary.flows:
        units = [
            n for (name, asset), n in wanted.moved.items() if name == flow.institution and asset != "EUR"
        ]
        assert flow.delivered == -sum(n for n in units if n < 0)
        assert flow.received == sum(n for n in units if n > 0)
        assert flow.cash == wanted.moved.get((flow.institution, "EUR"), 0)
        assert flow.commission == wanted.commission[flow.institution]
        shares = sum(flow.commission * ppm // 1_000_000 for _, ppm in SAMPLE.shares)
        assert flow.given_away == shares


def test_summary_given_part_of_the_cover_says_what_waits_and_why(part: Done) -> None:
    trades = read_canonical(part.data)
    held = independent.opening(SAMPLE, trades, Fraction(4, 5))
    amounts = {trade.number: trade.amount for trade in trades}
    shown = figures(part.summary)
    reasons = {
        each["trade"]: {
            (row["institution"], row["asset"]): int(row.get("short_minor", row.get("short_quantity")))
            for row in each["short"]
        }
        for each in shown["waiting"]
    }
    assert list(reasons) == sorted(reasons)
    independent.check_choice(SAMPLE, held, trades, reasons, int(shown["upper_bound"]))
    assert shown["objective_reached"] == shown["settled_value_minor"]
    assert shown["objective"] == "value"
    reached, most = int(shown["objective_reached"]), int(shown["upper_bound"])
    assert shown["gap_ppm"] == ceil(Fraction((most - reached) * 10**6, most))
    for each in shown["waiting"]:
        short = reasons[each["trade"]]
        assert each["reason"] == ("MONY" if {asset for _, asset in short} == {"EUR"} else "LACK")
        assert each["settlement_amount_minor"] == str(amounts[each["trade"]])
    assert {each["reason"] for each in shown["waiting"]} == {"MONY", "LACK"}
    assert shown["pending"] == len(reasons) == shown["recorded"] - shown["settled"]
    assert part.summary.needs_attention


def test_values_given_part_of_the_cover_are_of_all_recorded_trades(part: Done) -> None:
    trades = read_canonical(part.data)
    everything = independent.settle(SAMPLE, trades)
    waits = {each.trade for each in part.summary.waiting}
    settled = independent.settle(SAMPLE, [trade for trade in trades if trade.number not in waits])
    shown = figures(part.summary)
    assert (shown["gross_value_minor"], shown["net_value_minor"]) == (
        str(everything.gross),
        str(everything.net),
    )
    assert shown["netting_efficiency"] == (everything.gross - everything.net) / everything.gross
    assert shown["settled_value_minor"] == str(settled.gross)
    assert shown["settled_net_value_minor"] == str(settled.net)
    assert shown["commission_minor"] == str(sum(settled.commission.values()))
    assert shown["revenue_minor"] == {name: str(amount) for name, amount in settled.revenue.items()}
    held = independent.closing(independent.opening(SAMPLE, trades, Fraction(4, 5)), settled.moved)
    assert (shown["positions"], shown["cash_minor"]) == holdings(held, "EUR")


def one_more_unit(records: Records) -> Records:
    """The sixth record with a unit more than was traded."""
    quantity = records.quantity.copy()
    quantity[5] += 1
    return replace(records, quantity=quantity)


def test_summary_given_an_altered_record_has_the_dispute_and_no_break() -> None:
    done = run_sample(alter=one_more_unit)
    shown = figures(done.summary)
    assert (shown["disputed"], shown["breaks"]) == (1, 0)
    (dispute,) = [each for each in shown["waiting"] if each["reason"] == "disputed"]
    (trade,) = [trade for trade in read_canonical(done.data) if trade.number == dispute["trade"]]
    assert set(dispute["by"]) == {trade.buyer, trade.seller}
    assert dispute["short"] == []
    assert shown["pending"] == len(shown["waiting"])


def test_summary_given_a_cent_more_in_a_book_lists_that_break() -> None:
    def meddle(ledger: Ledger) -> None:
        everything = ledger.recorded_numbers(sample.TRADING_DAY)
        terms = ledger.terms()["Dunmore"]
        book = ledger.books["Dunmore"].close({sample.TRADING_DAY: everything}, terms)
        ledger.books["Dunmore"] = replace(book, closing={**book.closing, "EUR": book.closing["EUR"] + 1})

    done = run_sample(trades=100, then=meddle)
    (found,) = done.summary.as_json()["breaks_list"]
    closing = int(done.summary.cash["Dunmore"])
    expected = {
        "institution": "Dunmore",
        "level": "cash",
        "kind": "closing",
        "reason": "DMON",
        "trade": None,
        "subject": "EUR",
        "fields": {"closing_minor": {"book": str(closing + 1), "ledger": str(closing)}},
        "value_at_risk_minor": "1",
    }
    assert found | expected == found
    assert done.summary.needs_attention


def test_summary_given_no_trades_has_figures() -> None:
    rows = b"1,2024-03-14,09:00:00,Nobody,Birchwood,ZZ0000010379,1,1.00,1.00\n"
    shown = figures(run_sample(trades=0, rows=rows).summary)
    assert (shown["trades"], shown["rejected"], shown["recorded"], shown["transactions"]) == (1, 1, 0, 0)
    assert (shown["netting_efficiency"], shown["gas_per_trade"]) == (None, None)
    assert (shown["gross_value_minor"], shown["positions"]) == ("0", {})
    assert shown["cash_minor"] == dict.fromkeys(MEMBERS, "0")
    assert shown["conservation"] == {"cash_minor": "0", "securities": {}}
