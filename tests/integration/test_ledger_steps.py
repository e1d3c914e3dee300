"""The steps of a ledger in every order that makes sense, and again.

orders   ─ settle before fund; anything twice; a file twice, and after a run that was interrupted
affirmed ─ one by one, each from a file of its own, right or not
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests import independent
from tests.independent import SAMPLE, Place
from tests.integration.steps import (
    FIRST,
    Clearing,
    brokers_of,
    check,
    figures,
    head_of,
    opening_json,
    trades_of,
)


def shorts(waiting: Mapping[str, Any]) -> dict[Place, int]:
    return {
        (each["institution"], each["asset"]): int(each.get("short_minor") or each["short_quantity"])
        for each in waiting["short"]
    }


def own_file(broker: str, *, without: int = 0) -> str:
    """The broker's own side of the first day as a file of its own, perhaps without one trade."""
    with open("first.csv", newline="") as file:
        header, *rows = csv.reader(file)
    mine = [row for row in rows if broker in (row[3], row[4]) and int(row[0]) != without]
    name = f"{broker.replace(' ', '-')}.csv"
    with open(name, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *mine])
    return name


def test_settle_given_nothing_is_funded_leaves_all_waiting_and_goes_on_after_funding(
    clearing: Clearing,
) -> None:
    trades = trades_of("first.csv")
    clearing("init", "L")
    clearing("record", "L", "first.csv")
    before = head_of(clearing)
    left = clearing("settle", "L", "--json")
    check(left.json, {"netting_sets": 0, "settled": 0, "pending": 60, "transactions": 0})
    reasons = independent.plain_rule(SAMPLE, {}, trades)
    assert (left.code, len(reasons)) == (1, 60)
    assert {each["trade"]: shorts(each) for each in left.json["waiting"]} == reasons
    assert "Nothing settled." in clearing("settle", "L").out
    assert head_of(clearing) == before
    # In the books and on the ledger alike, nothing has moved.
    assert clearing("reconcile", "L").code == 0
    report = clearing("report", "L", "--json")
    assert report.code == 1
    check(report.json, {"settled": 0, "pending": 60, "waiting": left.json["waiting"], "breaks": 0})
    check(clearing("fund", "L", "--json").json, opening_json(SAMPLE, trades))
    assert clearing("settle", "L", "--json").json["settled"] == 60
    check(clearing("report", "L", "--json").json, figures(SAMPLE, trades))


def test_every_step_given_it_is_repeated_changes_nothing(clearing: Clearing) -> None:
    clearing("init", "L")
    for early in (("fund",), ("settle",), ("affirm",), ("reconcile",)):
        assert clearing(*early, "L").code == 0
    assert clearing("report", "L", "--json").json["recorded"] == 0
    empty = head_of(clearing)
    made = clearing("init", "L")
    assert (made.code, made.out) == (2, "")
    assert head_of(clearing) == empty
    clearing("record", "L", "first.csv")
    for step, unchanged in {
        "affirm": {"affirmations": 0, "excepted": []},
        "fund": {"cash_minor": "0", "securities": {}, "institutions": 0},
        "settle": {"netting_sets": 0, "settled": 0, "transactions": 0, "gas_used": 0, "waiting": []},
    }.items():
        assert clearing(step, "L").code == 0
        before = head_of(clearing)
        again = clearing(step, "L", "--json")
        assert again.code == 0
        check(again.json, unchanged | {"head": before})
        assert head_of(clearing) == before


def test_file_given_again_is_refused_row_by_row_and_changes_nothing(clearing: Clearing) -> None:
    clearing("init", "L")
    clearing("record", "L", "first.csv")
    before = head_of(clearing)
    for _ in range(2):
        again = clearing("record", "L", "first.csv", "--json")
        assert again.code == 1
        check(again.json, {"trades": 60, "rejected": 60, "recorded": 0, "affirmations": 0, "head": before})
        assert again.json["rejects_file"] == "first.rejects.csv"
        with open("first.rejects.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [int(row["line"]) for row in rows] == list(range(2, 62))
        numbers = [str(trade.number) for trade in trades_of("first.csv")]
        assert [row["value"] for row in rows] == numbers
        assert all(row["reason"].startswith("is recorded already") for row in rows)
    clearing("fund", "L")
    clearing("settle", "L")
    report = clearing("report", "L", "--json")
    assert report.code == 0  # the file was refused, the day was not
    check(report.json, figures(SAMPLE, trades_of("first.csv")))


def test_file_given_again_completes_what_an_earlier_run_left_undone(clearing: Clearing) -> None:
    """Half of it recorded and nothing affirmed, as an interrupted run leaves it."""
    lines = Path("first.csv").read_text().splitlines(keepends=True)
    Path("half.csv").write_text("".join(lines[:31]))
    clearing("init", "L")
    clearing("record", "L", "half.csv", "--no-affirm")
    again = clearing("record", "L", "first.csv", "--json")
    check(again.json, {"trades": 60, "rejected": 30, "recorded": 30, "pending": 60})
    assert again.code == 1
    status = clearing("status", "L", "--json").json
    check(status, {"recorded": 60, "unaffirmed": 0, "disputed": 0})
    clearing("fund", "L")
    assert clearing("settle", "L", "--json").json["settled"] == 60
    assert clearing("reconcile", "L").code == 0


def test_affirming_one_by_one_from_own_files_settles_when_the_last_has(clearing: Clearing) -> None:
    trades = trades_of("first.csv")
    brokers = sorted(brokers_of(trades))
    clearing("init", "L")
    recorded = clearing("record", "L", "first.csv", "--no-affirm", "--json")
    assert recorded.code == 0
    check(recorded.json, {"recorded": 60, "affirmations": 0, "transactions": 1})
    clearing("fund", "L")
    left = clearing("settle", "L", "--json")
    assert left.code == 1
    assert {each["reason"] for each in left.json["waiting"]} == {"unaffirmed"}
    assert {each["trade"]: set(each["by"]) for each in left.json["waiting"]} == {
        trade.number: {trade.buyer, trade.seller} for trade in trades
    }
    known: set[str] = set()
    for broker in brokers[:-1]:
        given = clearing("affirm", "L", "--as", broker, "--book", own_file(broker), "--json")
        assert given.code == 0
        check(given.json, {"affirmations": 1, "excepted": []})
        known.add(broker)
        if len(known) % 4 == 0:
            silent = [t for t in trades if not {t.buyer, t.seller} <= known]
            assert clearing("status", "L", "--json").json["unaffirmed"] == len(silent) > 0
    again = clearing("affirm", "L", "--as", brokers[0], "--json").json
    check(again, {"affirmations": 0, "excepted": []})
    # The last from its book in the directory, with all others that have not: with nobody.
    last = clearing("affirm", "L", "--json")
    assert (last.code, last.json["affirmations"]) == (0, 1)
    assert clearing("settle", "L", "--json").json["settled"] == 60
    assert clearing("reconcile", "L").code == 0
    check(clearing("report", "L", "--json").json, figures(SAMPLE, trades))


def test_own_file_given_it_lacks_a_trade_disputes_that_one_only(clearing: Clearing) -> None:
    trades = trades_of("first.csv")
    trade = next(t for t in trades[30:] if t.buyer != t.seller)
    clearing("init", "L")
    clearing("record", "L", "first.csv", "--no-affirm")
    clearing("fund", "L")
    given = clearing(
        "affirm", "L", "--as", trade.buyer, "--book", own_file(trade.buyer, without=trade.number), "--json"
    )
    assert given.code == 1
    excepted = {"institution": trade.buyer, "trading_day": str(FIRST), "trade": trade.number}
    check(given.json, {"affirmations": 1, "excepted": [excepted]})
    assert clearing("affirm", "L").code == 0
    left = clearing("settle", "L", "--json")
    rest = [t for t in trades if t != trade]
    held = independent.opening(SAMPLE, trades)
    assert left.code == 1
    waiting = {each["trade"]: each for each in left.json["waiting"]}
    disputed = waiting.pop(trade.number)
    assert (disputed["reason"], disputed["by"], disputed["short"]) == ("disputed", [trade.buyer], [])
    reasons = {number: shorts(each) for number, each in waiting.items()}
    independent.check_choice(SAMPLE, held, rest, reasons, int(left.json["upper_bound"]))
    check(clearing("status", "L", "--json").json, {"disputed": 1, "settled": 59 - len(reasons)})
    assert clearing("reconcile", "L").code == 0


def test_own_file_given_it_has_a_trade_more_breaks_and_holds_up_nothing(clearing: Clearing) -> None:
    """The book that an institution affirmed from is its book from then on."""
    trade = next(t for t in trades_of("first.csv") if t.buyer != t.seller)
    clearing("init", "L")
    clearing("record", "L", "first.csv", "--no-affirm")
    name = own_file(trade.buyer)
    with open(name, "a") as file:
        file.write(f"999999,{FIRST},,{trade.buyer},{trade.seller},{trade.security},3,10.00,30.00\n")
    given = clearing("affirm", "L", "--as", trade.buyer, "--book", name, "--json")
    assert (given.code, given.json["excepted"]) == (0, [])
    clearing("affirm", "L")
    clearing("fund", "L")
    assert clearing("settle", "L", "--json").json["settled"] == 60
    left = clearing("reconcile", "L", "--json")
    assert left.code == 1
    (found,) = left.json["breaks"]
    check(found, {"institution": trade.buyer, "level": "trade", "kind": "missing_there", "trade": "999999"})
    assert found["fields"]["quantity"] == {"book": 3, "ledger": None}
