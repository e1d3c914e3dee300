"""`clearing simulate` end to end: a day with everything and two small ones after it, with half the cash.

three days ─ recorded = settled + pending + ended; values; the fund; nobody's trade while suspended
           ─ penalties by price and rate, compensation by price, worked out from the files and the facts
           ─ issued = held, transit empty, no breaks; doctor and reconcile pass
           ─ the same again is the same; text has the figures of the JSON and lines up
one day    ─ FIFO is a prefix by hand; it settles no more than FIFO with bypass
           ─ 0 where all settled, 1 where not
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import pytest

from ledger.chain import available
from ledger.clients.clearing_house import Status
from ledger.clients.fails import Reason
from ledger.history import NOBODY
from settlement import directory
from settlement.operations import Ledger
from tests import independent
from tests.independent import SAMPLE, Trade, read_canonical
from tests.integration.simulations import (
    DAYS,
    RATES,
    RULES,
    WHOLE,
    day,
    simulate,
    simulated,
    write_days,
    written,
)
from tests.unit.cli_runs import clearing

pytestmark = pytest.mark.skipif("anvil" not in available(), reason="anvil is not installed")
COVER = "0.5"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulate")
    write_days(folder)
    written(folder, "whole.yaml", WHOLE)
    return folder


@pytest.fixture(scope="module")
def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("day?.csv"))


@pytest.fixture(scope="module")
def shown(folder: Path, files: list[Path]) -> dict[str, Any]:
    return simulated(folder / "whole.yaml", *files, cover=COVER, ledger=folder / "L", chain="anvil")


@pytest.fixture(scope="module")
def ledger(folder: Path, shown: dict[str, Any]) -> Iterator[Ledger]:
    with directory.open_ledger(folder / "L", write=False) as opened:
        yield opened


def trades_of(files: list[Path], k: int) -> list[Trade]:
    return read_canonical(files[k].read_bytes())


def recorded(files: list[Path], k: int) -> list[Trade]:
    """But for those of Kestrel Rock, which is suspended from the afternoon of the first day on."""
    return [t for t in trades_of(files, k) if k == 0 or "Kestrel Rock" not in (t.buyer, t.seller)]


def number(k: int) -> int:
    return int(DAYS[k].strftime("%Y%m%d"))


def prices(files: list[Path], k: int) -> dict[str, int]:
    """Of the last trade of each security until that day's end, in millionths of a cent, rounded down."""
    found: dict[str, int] = {}
    for each in range(k + 1):
        for trade in sorted(recorded(files, each), key=lambda t: t.number):
            found[trade.security] = floor(Fraction(trade.amount * 10**6, trade.quantity))
    return found


def test_simulate_given_three_days_counts_add_up(shown: dict[str, Any], files: list[Path]) -> None:
    settled = known = 0
    for k, each in enumerate(shown["days"]):
        assert each["trading_day"] == str(DAYS[k])
        assert each["recorded"] == len(recorded(files, k))
        assert each["recorded_value_minor"] == str(sum(t.amount for t in recorded(files, k)))
        known += each["recorded"]
        settled += each["settled_one_by_one"] + each["settled_netted"] + each["settled_in_parts"]
        assert known == settled + each["pending"] + each["ended"]
        assert each["breaks"] == 0
    first = shown["days"][0]
    assert min(first[key] for key in ("settled_one_by_one", "settled_netted", "settled_in_parts")) > 0
    assert set(first["reasons"]) >= {"MONY", "PREA", "SBLO"}
    assert sum(each["compensated"] for each in shown["days"]) > 0


def test_simulate_given_three_days_says_what_the_ledger_has(shown: dict[str, Any], ledger: Ledger) -> None:
    history = ledger.read()
    standing: Counter[int] = Counter()
    for batch in history.batches.values():
        standing.update(batch.status.tolist())
    last = shown["days"][-1]
    assert last["pending"] == standing[Status.PENDING] + standing[Status.HELD] + standing[Status.DISPUTED]
    ended = (Status.CANCELLED, Status.COMPENSATED, Status.CLOSED_OUT)
    assert last["ended"] == sum(standing[each] for each in ended)
    assert standing[Status.CANCELLED] == 1
    value = 0
    for batch in history.batches.values():
        done = {p.position: p.end for p in batch.parts}
        for row in range(len(batch.records)):
            quantity, amount = int(batch.records.quantity[row]), int(batch.records.amount[row])
            units = quantity if batch.settled[row] else done.get(row, 0)
            value += amount * units // quantity
    assert sum(int(each["settled_value_minor"]) for each in shown["days"]) == value
    assert sum(event["grossAmount"] for event in history.netting_sets) == value


def test_simulate_given_fails_charges_by_price_and_rate(
    shown: dict[str, Any], ledger: Ledger, files: list[Path]
) -> None:
    codes = {index: code for code, index in ledger.market.asset.items()}
    history = ledger.read()
    for k, each in enumerate(shown["days"]):
        charged, reasons, at = 0, Counter[str](), prices(files, k)
        failed = [e for e in history.said if e.name == "TradeFailed" and e["day"] == number(k)]
        for event in failed:
            batch = history.batches[event["batchHash"]]
            row = batch.position_of(event["tradeNo"])
            sides = {r: (event["reasons"] >> 2 * r & 1, event["reasons"] >> 2 * r + 1 & 1) for r in Reason}
            reasons.update(r.name for r in Reason if any(sides[r]))
            if batch.records.buyer[row] == batch.records.seller[row] or any(sides[Reason.CLAT]):
                continue
            for side in (0, 1):
                if sides[Reason.PREA][1 - side] or sides[Reason.SBLO][1 - side]:
                    continue
                if sides[Reason.LACK][side]:
                    code = codes[int(batch.records.asset[row])]
                    rate = RATES.get(code, RATES["securities"])
                    charged += floor(Fraction(event["quantity"] * at[code] * rate, 10**12))
                if sides[Reason.MONY][side]:
                    charged += floor(Fraction(event["amount"] * RATES["cash"], 360 * 10**6))
        assert each["failed"] == len(failed)
        assert each["reasons"] == dict(sorted(reasons.items()))
        assert each["penalties_minor"] == str(charged)
    assert int(shown["days"][0]["penalties_minor"]) > 0


def test_simulate_given_two_failed_days_compensates_by_price(
    shown: dict[str, Any], ledger: Ledger, files: list[Path]
) -> None:
    """Up and the seller failed, or down and the buyer did: the difference, rounded down."""
    history, codes = ledger.read(), {index: code for code, index in ledger.market.asset.items()}
    newest: dict[tuple[bytes, int], Any] = {}
    total: Counter[int] = Counter()
    count: Counter[int] = Counter()
    for event in history.said:
        if event.name == "TradeFailed":
            newest[event["batchHash"], event["tradeNo"]] = event
        elif event.name == "TradeCompensated":
            fail = newest[event["batchHash"], event["tradeNo"]]
            assert fail["failedDays"] == 2
            batch = history.batches[event["batchHash"]]
            row = batch.position_of(event["tradeNo"])
            price = prices(files, [number(k) for k in range(3)].index(fail["day"]))
            worth = floor(Fraction(fail["quantity"] * price[codes[int(batch.records.asset[row])]], 10**6))
            short = {side: any(fail["reasons"] >> 2 * r + side & 1 for r in (0, 1, 2)) for side in (0, 1)}
            owed = max(0, worth - fail["amount"]) * short[1] + max(0, fail["amount"] - worth) * short[0]
            if batch.records.buyer[row] == batch.records.seller[row]:
                owed = 0
            assert event["amount"] == owed
            total[fail["day"]] += owed
            count[fail["day"]] += 1
    for k, each in enumerate(shown["days"]):
        assert (each["compensated"], each["compensation_minor"]) == (count[number(k)], str(total[number(k)]))


def test_simulate_given_claims_owes_what_came_about_and_was_not_collected(shown: dict[str, Any]) -> None:
    days = shown["days"]
    came = sum(int(each["penalties_minor"]) + int(each["compensation_minor"]) for each in days)
    collected = sum(int(each["claims_collected_minor"]) for each in days)
    assert collected > 0
    assert int(shown["owed_minor"]) == came - collected


def test_simulate_given_a_default_pays_claims_from_the_waterfall(shown: dict[str, Any]) -> None:
    (default,) = shown["defaults"]
    assert shown["days"][1]["defaults"] == [default["institution"]] == ["Kestrel Rock"]
    loss = int(default["loss_minor"])
    assert default["closed_out"] > 0
    assert sum(int(step["amount_minor"]) for step in default["waterfall"]) == loss
    uncovered = sum(int(s["amount_minor"]) for s in default["waterfall"] if s["step"] == "UNCOVERED")
    assert sum(int(amount) for amount in default["paid_minor"].values()) == loss - uncovered


def test_simulate_given_what_the_ledger_refuses_says_so(shown: dict[str, Any], files: list[Path]) -> None:
    first, *later = (each["refused"] for each in shown["days"])
    assert len(first) == 1
    assert "2024-03-14 12:31 hold:" in first[0]
    assert "neither the trade's buyer nor its seller" in first[0]
    assert later == [[], []]
    turned_away = [len(trades_of(files, k)) - len(recorded(files, k)) for k in range(3)]
    assert [each["rejected"] for each in shown["days"]] == turned_away
    assert sum(turned_away) > 0


def test_simulate_given_three_days_creates_nothing(folder: Path, ledger: Ledger) -> None:
    history = ledger.read()
    moves, issued, held = history.movements, Counter[int](), Counter[int]()
    for row in range(len(moves)):
        if int(moves.sender[row]) == NOBODY:
            issued[int(moves.asset[row])] += int(moves.amount[row])
    for (holder, asset), amount in ledger.balances().items():
        assert amount >= 0
        assert holder != 0
        held[asset] += amount
    assert held == issued
    report = clearing("report", folder / "L", "--json").shown
    assert report["conservation"] == {"cash_minor": "0", "securities": {}}
    assert report["recorded"] == report["settled"] + report["pending"] + report["disputed"] + report["ended"]


def test_simulate_given_limits_keeps_to_them(ledger: Ledger) -> None:
    market, history = ledger.market, ledger.read()
    place = market.index["Aldersgate"], market.asset["ZZ0000010742"]
    assert market.clients.limits.limit_of(*place)[0] == 60
    moves, net = history.movements, Counter[bytes]()
    held = 0
    for row in range(len(moves)):
        if int(moves.asset[row]) == place[1] and place[0] in (
            int(moves.sender[row]),
            int(moves.receiver[row]),
        ):
            change = int(moves.amount[row]) * (1 if int(moves.receiver[row]) == place[0] else -1)
            net[moves.transaction[row].tobytes()] += change
    settlements = {event.transaction for event in history.netting_sets}
    for transaction, change in net.items():
        held += change
        assert not (transaction in settlements and change > 0 and held > 60)


@pytest.mark.parametrize("command", ["doctor", "reconcile"])
def test_simulate_given_a_ledger_kept_leaves_it_sound(folder: Path, ledger: Ledger, command: str) -> None:
    left = clearing(command, folder / "L")
    assert (left.code, left.err) == (0, ""), left.out


def test_simulate_given_the_same_again_says_the_same(
    folder: Path, files: list[Path], shown: dict[str, Any]
) -> None:
    """In whatever order the files are named; without a ledger to keep."""
    assert simulated(folder / "whole.yaml", *reversed(files), cover=COVER, chain="anvil") == shown


def test_simulate_given_text_lines_up_and_has_the_figures(
    folder: Path, files: list[Path], shown: dict[str, Any]
) -> None:
    left = simulate(folder / "whole.yaml", *files, cover=COVER, chain="anvil")
    assert (left.code, left.err) == (1, "")
    lines = left.out.splitlines()
    rows = [line for line in lines if re.match(r"2024-03-1\d ", line)]
    assert {len(line) for line in (lines[0], *rows)} == {len(lines[1])}
    for row, each in zip(rows, shown["days"], strict=True):
        wanted = [
            each[key] for key in ("recorded", "settled_one_by_one", "settled_netted", "settled_in_parts")
        ]
        assert row.split() == [
            each["trading_day"],
            *map(str, wanted),
            money(each["settled_value_minor"]),
            str(each["failed"]),
            money(each["penalties_minor"]),
            str(each["pending"]),
        ]
    said = " ".join(left.out.split())
    reasons: Counter[str] = Counter()
    for each in shown["days"]:
        reasons.update(each["reasons"])
    assert "Fails: " + ", ".join(f"{n} {code}" for code, n in sorted(reasons.items())) + "." in said
    (default,) = shown["defaults"]
    assert f"Kestrel Rock defaulted: {default['closed_out']} trades closed out" in said
    assert f"loss EUR {money(default['loss_minor'])}." in said
    assert f"Owed and not collected yet: EUR {money(shown['owed_minor'])}." in said
    assert said.endswith("Breaks: none.")


def money(minor: str) -> str:
    return f"{int(minor) // 100:,}.{int(minor) % 100:02d}"


def one_by_one(trades: list[Trade], *, bypass: bool) -> int:
    """How many settle by entering: by hand, trade after trade, with half the cash that is needed net."""
    held = Counter(independent.opening(SAMPLE, trades, Fraction(COVER)))
    earned: Counter[str] = Counter()
    count = 0
    for trade in trades:
        out = independent.settle(SAMPLE, [trade], earned)
        lacks = trade.buyer != trade.seller and held[trade.seller, trade.security] < trade.quantity
        if lacks or any(held[place] + change < 0 for place, change in out.moved.items()):
            if bypass:
                continue
            return count
        held.update(out.moved)
        earned.update(out.commission)
        count += 1
    return count


@pytest.fixture(scope="module")
def entries(folder: Path, files: list[Path]) -> dict[str, dict[str, Any]]:
    """The first day by each way of entering, in one cycle."""
    found = {}
    for entry in ("none", "fifo", "fifo_bypass"):
        scenario = written(folder, f"{entry}.yaml", day(entry, cycles='["17:30"]') + RULES)
        (found[entry],) = simulated(scenario, files[0], cover=COVER)["days"]
    return found


def test_simulate_given_entry_settles_as_many_as_by_hand(entries: dict[str, Any], files: list[Path]) -> None:
    trades = trades_of(files, 0)
    wanted = {entry: one_by_one(trades, bypass=entry == "fifo_bypass") for entry in ("fifo", "fifo_bypass")}
    # What is left once all else has settled may settle by itself at the end of the day.
    for entry, count in wanted.items():
        assert entries[entry]["settled_one_by_one"] >= count
    assert wanted["fifo"] < wanted["fifo_bypass"]
    assert entries["fifo"]["settled_one_by_one"] <= entries["fifo_bypass"]["settled_one_by_one"]
    assert entries["fifo"]["settled_one_by_one"] == wanted["fifo"]
    assert entries["fifo_bypass"]["settled_one_by_one"] == wanted["fifo_bypass"]
    assert entries["none"]["settled_one_by_one"] == 0


def test_simulate_given_netting_alone_settles_the_most_value(entries: dict[str, Any]) -> None:
    """With the same cash; that of the others is chosen from what entering left."""
    value = {entry: int(each["settled_value_minor"]) for entry, each in entries.items()}
    assert value["none"] == max(value.values())


@pytest.mark.parametrize(("cover", "code"), [("1", 0), ("0.3", 1)])
def test_simulate_given_all_settled_or_not_ends_with(
    folder: Path, files: list[Path], cover: str, code: int
) -> None:
    scenario = written(folder, "plain.yaml", day() + RULES)
    left = simulate(scenario, files[1], cover=cover, format="json")
    assert (left.code, left.err) == (code, "")
    (each,) = left.shown["days"]
    assert (each["failed"] == 0) is (code == 0)
    assert each["pending"] == each["failed"]
    assert each["settled_netted"] + each["pending"] == each["recorded"]
