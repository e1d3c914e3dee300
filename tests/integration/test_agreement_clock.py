"""A quarter closes on a ledger whose clock is simulated: `--date` says which day it is then.

demo --ledger ─ run, the quarter going on ─ a day before the newest block ─ run on 2 April ─ the same day
again ─ a day before ─ fund and pay what payers lacked cash for ─ pay again ─ reconcile ─ statements
    ─ any command of agreements, a day                ─ opens the ledger on it
    ─ a clock that is the machine's or the network's  ─ refused
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from math import floor
from pathlib import Path

import pytest

from settlement import directory, sample
from settlement.errors import ClockRuns, DayPast
from tests.independent import SAMPLE, read_canonical
from tests.unit.cli_runs import TRADES, Left, clearing

A = "Aldersgate/commission"
AS = ("--as", "Aldersgate")
Q1 = ("--period", "2024Q1")
TERMS = "0x" + "11" * 32
COMMANDS: dict[str, tuple[object, ...]] = {
    "propose": ("none.yaml",),
    "consent": (TERMS, *AS),
    "withdraw": (TERMS, *AS),
    "notice": (A, *AS),
    "report": (A, "USERS", 1, *Q1, *AS),
    "countersign": (A, "USERS", 1, *Q1, *AS),
    "dispute": (A, "USERS", *Q1, *AS),
    "run": (),
    "pay": (),
    "repay": (A, *AS),
    "release": (),
    "contest": (A, *Q1, "--line", 0, "--reason", "x", *AS),
    "resolve": (A, *Q1, "--line", 0, *AS),
}
"""Every command that changes anything, with arguments that it takes."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("clock")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        yield made


@pytest.fixture(scope="module")
def quarter(folder: Path) -> dict[str, Left]:
    """What each step left."""
    run = ("agreement", "run", "L")
    steps: dict[str, tuple[object, ...]] = {
        "demo": ("demo", "--trades", TRADES, "--ledger", "L", "--json"),
        "early": run,
        "before": (*run, "--date", "2024-03-13"),
        "last day": (*run, "--date", "2024-03-31"),
        "run": (*run, "--date", "2024-04-02", "--json"),
        "status": ("status", "L", "--json"),
        "status text": ("status", "L"),
        "again": (*run, "--date", "2024-04-02"),
        "back": (*run, "--date", "2024-04-01"),
        "fund": ("fund", "L", "--json"),
        "pay": ("agreement", "pay", "L", "--date", "2024-05-01", "--json"),
        "pay again": ("agreement", "pay", "L"),
        "reconcile": ("reconcile", "L"),
        "doctor": ("doctor", "L", "--json"),
        "status paid": ("status", "L"),
        "report": ("report", "L"),
        "statement": ("statement", "L", "--agreement", A, *Q1),
    }
    return {name: clearing(*step) for name, step in steps.items()}


@pytest.fixture(scope="module")
def owed() -> dict[str, Counter[str]]:
    """Broker → party → its part of the quarter's commission by largest remainder, reckoned anew; of equals
    the earlier one has the unit, the broker last.
    """
    earned: Counter[str] = Counter()
    for trade in read_canonical(sample.generate(7, trades=TRADES)):
        for broker in (trade.buyer, trade.seller):
            earned[broker] += SAMPLE.commission(trade.amount)
    found = {}
    for broker, total in earned.items():
        shares = [*SAMPLE.shares, (broker, 1_000_000 - sum(ppm for _, ppm in SAMPLE.shares))]
        exact = {party: Fraction(total * ppm, 1_000_000) for party, ppm in shares}
        parts = Counter({party: floor(value) for party, value in exact.items()})
        by_rest = sorted(exact, key=lambda party: floor(exact[party]) - exact[party])
        parts.update(by_rest[: total - parts.total()])
        del parts[broker]
        found[broker] = parts
    return found


def test_commands_given_days_end_as_they_should(quarter: dict[str, Left]) -> None:
    codes = {**dict.fromkeys(quarter, 0), "before": 2, "run": 1, "again": 1, "back": 2}
    assert {name: left.code for name, left in quarter.items()} == codes
    assert quarter["early"].out == quarter["last day"].out == "Nothing was left to compute.\n"
    assert "newest block is of 2024-03-14; --date 2024-03-13" in quarter["before"].err
    assert "newest block is of 2024-04-02; --date 2024-04-01" in quarter["back"].err
    assert "Nothing is due" in quarter["pay again"].out
    assert quarter["reconcile"].out.startswith("No breaks")
    assert quarter["status"].shown["time"].startswith("2024-04-02T09:00:")


def test_run_given_the_quarter_over_clears_fractions_by_largest_remainder(
    quarter: dict[str, Left], owed: dict[str, Counter[str]]
) -> None:
    runs = {each["agreement"].removesuffix("/commission"): each for each in quarter["run"].shown["computed"]}
    assert len(runs) == 12
    for broker, parts in owed.items():
        (line,) = runs[broker]["amounts"]
        assert (line["line"], line["basis"]) == (0, "commission on settled trades")
        assert int(line["amount_minor"]) == parts.total()
        assert 0 <= parts.total() - int(line["on_account_minor"]) <= len(parts)


def test_run_given_payers_without_cash_leaves_it_due_until_they_have_some(
    quarter: dict[str, Left], owed: dict[str, Counter[str]]
) -> None:
    """What the run and the late payments brought is all that settlements had not paid."""
    run, pay = quarter["run"].shown, quarter["pay"].shown
    deferred = {each["agreement"]: int(each["amount_minor"]) for each in run["deferred"]}
    assert deferred
    assert int(quarter["fund"].shown["cash_minor"]) == sum(deferred.values())
    late = {each["agreement"]: sum(map(int, each["paid_minor"].values())) for each in pay["paid"]}
    assert {name: amount for name, amount in late.items() if amount} == deferred
    assert {each["due_minor"] for each in pay["paid"]} == {"0"}
    got = Counter(quarter["demo"].shown["revenue_minor"])
    received = Counter({name: int(got[name]) for name, _ in SAMPLE.shares})
    for each in (*run["computed"], *pay["paid"]):
        received.update({name: int(amount) for name, amount in each["paid_minor"].items()})
    assert received == sum(owed.values(), Counter())
    cleared = received.total() - sum(int(got[name]) for name, _ in SAMPLE.shares)
    said = f"Besides settlements, agreements brought their parties EUR 0.{cleared:02};"
    assert said in quarter["report"].out


def test_status_given_dues_counts_them_and_says_what_is_next(quarter: dict[str, Left]) -> None:
    deferred = [int(each["amount_minor"]) for each in quarter["run"].shown["deferred"]]
    counts = quarter["status"].shown["agreements"]
    assert {name: count for name, count in counts.items() if count not in (0, "0")} == {
        "concluded": 12,
        "unpaid": len(deferred),
        "unpaid_minor": str(sum(deferred)),
    }
    said = f"Of 12 agreements: EUR 0.{sum(deferred):02} unpaid under {len(deferred)}."
    assert said in quarter["status text"].out
    assert "  clearing fund L\n  clearing agreement pay L\n" in quarter["status text"].out
    assert "agreement" not in quarter["status paid"].out


def test_doctor_given_a_quarter_closed_recomputes_its_lines(quarter: dict[str, Left]) -> None:
    rows = {each["check"]: each["found"] for each in quarter["doctor"].shown["checks"]}
    assert "lines of 12 agreements recomputed" in rows["agreement lines"]


def test_run_given_text_names_amounts_payees_and_what_is_next(quarter: dict[str, Left]) -> None:
    again = quarter["again"].out
    assert "still due: too little cash" in again
    assert "clearing fund L" in again
    assert "clearing agreement pay L" in again


def test_statement_given_the_quarter_closed_adds_up(
    quarter: dict[str, Left], owed: dict[str, Counter[str]]
) -> None:
    shown = clearing("statement", "L", "--agreement", A, *Q1, "--json").shown
    for account in shown["accounts"]:
        earned = int(account["earned_minor"])
        assert earned == owed["Aldersgate"][account["party"]]
        assert (int(account["paid_minor"]), account["closing_minor"]) == (earned, "0")
        assert sum(int(line["amount_minor"]) for line in account["lines"]) == earned
    assert "2024-04-02  period run" in quarter["statement"].out


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_given_a_day_open_the_ledger_on_it(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    def opens(path: Path, *, today: dt.date, **_: object) -> None:
        raise DayPast(str(path), str(today), "another")

    monkeypatch.setattr(directory, "open_ledger", opens)
    left = clearing("agreement", command, "L", *COMMANDS[command], "--date", "2024-03-13")
    assert (left.code, left.out) == (2, "")
    assert "newest block is of another; --date 2024-03-13 would go back" in left.err


@pytest.mark.parametrize(
    ("chain", "whose"), [("pyevm", "this machine's"), ("http://127.0.0.1:1", "the network's")]
)
def test_open_ledger_given_a_clock_that_nobody_moves_refuses_a_day(
    tmp_path: Path, chain: str, whose: str
) -> None:
    (tmp_path / "ledger.json").write_text(directory.Config(chain=chain).model_dump_json())
    with (
        pytest.raises(ClockRuns, match="whose clock is simulated") as refused,
        directory.open_ledger(tmp_path, write=True, today=dt.date(2024, 4, 2)),
    ):
        pass
    assert (refused.value.whose, refused.value.exit_code) == (whose, 2)


def test_open_ledger_given_a_day_says_that_it_is_then(quarter: dict[str, Left], folder: Path) -> None:
    with directory.open_ledger(folder / "L", write=False, today=dt.date(2025, 1, 2)) as ledger:
        assert ledger.clock.now() == dt.datetime(2025, 1, 2, 9, tzinfo=dt.UTC)
    with (
        pytest.raises(DayPast) as refused,
        directory.open_ledger(folder / "L", write=False, today=dt.date(2024, 4, 30)),
    ):
        pass
    assert (refused.value.day, refused.value.newest) == ("2024-04-30", "2024-05-01")
