"""A quarter of an agreement, on a ledger and a command after the other: two settlements, a measure, a run, a
promise that was missed, a contest, statements.

Aldersgate/platform: of Aldersgate's commission 20 % are shared, half of it to Lantern Platform (60 % once
USERS pass 1,000,000) and 40 % to Compass Data; a reserve takes 5 % first and is released a quarter later.
Compass Data has 100.00 a quarter besides. Lantern Platform promised 2,000,000 users and owes 50.00 if there
are fewer.

    statement while it runs ─ run, without USERS and cash ─ pay ─ report by the wrong party, rightly, again ─
    countersign something else ─ dispute ─ dispute again ─ report anew ─ countersign ─ again ─ run ─ again ─
    contest ─ again ─ statements in four forms ─ resolve ─ again ─ pay ─ repay ─ again ─ release, a quarter on
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ledger.clients.agreements import Consent
from ledger.terms import MAX_UP_TO, Basis, Clause, Guarantee, Measure, Reserve, Step, Terms, Tier
from settlement import directory
from settlement.operations import Ledger
from settlement.scenario import load
from tests.ledgers import in_memory
from tests.unit.cli_runs import Left, clearing

A = "Aldersgate/platform"
SECURITY = "ZZ0000010379"
REASON = "=too <b>little</b> \u202e"
Q4 = ("--period", "2019Q4")


def at(year: int, month: int, day: int) -> dt.datetime:
    return dt.datetime(year, month, day, 10, tzinfo=dt.UTC)


def terms(ledger: Ledger) -> Terms:
    index, all_of_it = ledger.market.index, (Step(0, (500_000, 400_000)),)
    return Terms(
        payer=index["Aldersgate"],
        currency=ledger.market.cash_asset,
        name="platform",
        parties=(index["Lantern Platform"], index["Compass Data"]),
        clauses=(
            Clause(
                Basis.COMMISSION,
                (Tier(MAX_UP_TO, 200_000),),
                (*all_of_it, Step(1_000_000, (600_000, 400_000))),
                step_by=1,
                reserve=Reserve(50_000, 1),
            ),
            Clause(Basis.SUBSCRIPTION, (Tier(MAX_UP_TO, 0, 10_000),), (Step(0, (0, 1_000_000)),)),
        ),
        measures=(Measure("USERS", index["Lantern Platform"], index["Aldersgate"]),),
        guarantees=(Guarantee(1, 1, 2_000_000, flat=5_000),),
        reserve_account=index["Revenue Reserve"],
    )


def conclude(ledger: Ledger) -> None:
    found, contract = terms(ledger), ledger.market.clients.agreements
    digest = found.digest(contract.domain)
    signers, index = ledger.market.signers, ledger.market.index
    parties = ("Lantern Platform", "Compass Data")
    consents = [Consent.of(index[name], signers[name], digest) for name in parties]
    contract.propose(signers["Aldersgate"], found, consents)


def settle(ledger: Ledger, amount_minor: int) -> None:
    ledger.trade("Aldersgate", "Birchwood", SECURITY, 10, amount_minor)
    ledger.affirm()
    ledger.fund()
    ledger.settle()


class Quarter:
    """The ledger, open all the time, and what each step left."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self.ledger, self.folder, self.left = ledger, folder, dict[str, Left]()

    def on(self, day: dt.datetime) -> None:
        self.ledger.clock.wait_until(day)

    def step(self, name: str, *arguments: object, by: str = "") -> Left:
        who = ("--as", by) if by else ()
        command, *rest = arguments
        self.left[name] = clearing("agreement", command, "L", *rest, *who)
        return self.left[name]

    def statement(self, *arguments: object) -> Left:
        return clearing("statement", "L", "--agreement", A, *arguments)


@pytest.fixture(scope="module")
def ledger() -> Iterator[Ledger]:
    """Of the sample's market, without its own agreements, which are of all brokers."""
    sample = load("sample")
    agreements = sample.agreements.model_copy(update={"shares": (), "reserve_account": "Revenue Reserve"})
    scenario = sample.model_copy(update={"agreements": agreements})
    with in_memory(scenario, at(2019, 10, 3).date()) as made, pytest.MonkeyPatch.context() as patch:

        @contextmanager
        def opened(*_: object, **__: object) -> Iterator[Ledger]:
            yield made

        patch.setattr(directory, "open_ledger", opened)
        yield made


@pytest.fixture(scope="module")
def quarter(ledger: Ledger, tmp_path_factory: pytest.TempPathFactory) -> Quarter:
    made = Quarter(ledger, tmp_path_factory.mktemp("quarter"))
    made.on(at(2019, 10, 3))
    conclude(ledger)
    settle(ledger, 1_000_000)
    made.on(at(2019, 11, 5))
    settle(ledger, 5_000_100)
    made.left["early"] = made.statement(*Q4)
    made.step("early report", "report", A, "USERS", 5, *Q4, by="Lantern Platform")
    made.on(at(2020, 1, 2))
    users = (A, "USERS", 1_500_000, *Q4)
    made.step("run waiting", "run", "--json")
    made.step("pay short", "pay", A)
    ledger.market.issue("Tidewater Bank", bytes(32), {("Aldersgate", "EUR"): 1_000_000})
    made.step("pay late", "pay", A)
    made.step("wrong party", "report", *users, by="Aldersgate")
    made.step("report", "report", A, "USERS", 3, *Q4, by="Lantern Platform")
    made.step("report again", "report", A, "USERS", 3, *Q4, by="Lantern Platform")
    made.step("report otherwise", "report", *users, by="Lantern Platform")
    made.step("countersign otherwise", "countersign", *users, by="Aldersgate")
    made.step("dispute", "dispute", A, "USERS", *Q4, by="Aldersgate")
    made.step("dispute again", "dispute", A, "USERS", *Q4, by="Aldersgate")
    made.step("report anew", "report", *users, by="Lantern Platform")
    made.step("run reported", "run", A)
    made.step("countersign", "countersign", *users, by="Aldersgate")
    made.step("countersign again", "countersign", *users, by="Aldersgate")
    made.step("run", "run", A, *Q4, "--json")
    made.step("run again", "run")
    contested = (A, *Q4, "--line", 0)
    made.step("contest", "contest", *contested, "--reason", REASON, by="Compass Data")
    made.step("contest again", "contest", *contested, "--reason", "x", by="Compass Data")
    for form in ("text", "html", "csv", "json"):
        made.left[form] = made.statement(*Q4, "--format", form)
    made.step("resolve", "resolve", *contested, by="Compass Data")
    made.step("resolve again", "resolve", *contested, by="Compass Data")
    made.step("pay", "pay", A)
    made.step("repay short", "repay", A, by="Lantern Platform")
    made.step("repay of a stranger", "repay", A, by="Dunmore")
    ledger.market.issue("Tidewater Bank", bytes([1] * 32), {("Lantern Platform", "EUR"): 1_000_000})
    made.step("repay", "repay", A, by="Lantern Platform")
    made.step("repay again", "repay", A, by="Lantern Platform")
    made.step("release early", "release")
    made.on(at(2020, 4, 2))
    made.step("release", "release", "--json")
    made.step("release again", "release")
    made.left["both"] = made.statement("--period", "2020", "--json")
    made.left["first"] = made.statement(*Q4, "--json")
    return made


def test_commands_given_a_quarter_end_as_they_should(quarter: Quarter) -> None:
    codes = {
        **dict.fromkeys(quarter.left, 0),
        **dict.fromkeys(("run waiting", "pay short", "run reported"), 1),
        **dict.fromkeys(("early report", "wrong party", "report otherwise", "countersign otherwise"), 2),
        **dict.fromkeys(("repay short", "repay of a stranger"), 2),
    }
    assert {name: left.code for name, left in quarter.left.items()} == codes
    for left in quarter.left.values():
        assert "Traceback" not in left.err


def test_reconcile_given_what_agreements_moved_finds_only_what_was_issued_by_hand(quarter: Quarter) -> None:
    """Books know what runs, late payments, repayments and releases brought and cost; of the million issued
    besides, the payer's book knows nothing.
    """
    outcomes = quarter.ledger.outcomes.advised
    assert outcomes[quarter.ledger.market.index["Aldersgate"]] != 0
    (found,) = quarter.ledger.reconcile().breaks
    assert (found.institution, found.level) == ("Aldersgate", "cash")
    assert {name: two["ledger"] - two["book"] for name, two in found.fields.items()} == {
        "opening": 1_000_000,
        "closing": 1_000_000,
    }


def test_run_given_no_measure_computes_the_rest_and_says_who_is_waited_for(quarter: Quarter) -> None:
    shown = quarter.left["run waiting"].shown
    (computed,) = shown["computed"]
    assert (computed["agreement"], computed["period"], computed["lines"]) == (A, "2019Q4", [1])
    waiting = [(each["line"], each["for"], each["measure"], each["status"]) for each in shown["waiting"]]
    assert waiting == [(line, "Lantern Platform", "USERS", "none") for line in (0, 2)]
    assert shown["deferred"] == [{"agreement": A, "amount_minor": "10000"}]
    assert "too little cash for EUR 100.00" in quarter.left["pay short"].out
    assert "Aldersgate paid EUR 100.00" in quarter.left["pay late"].out
    assert "Aldersgate to countersign USERS" in quarter.left["run reported"].out
    assert quarter.left["run"].shown["computed"][0]["lines"] == [0, 2]
    assert quarter.left["run"].shown["waiting"] == []


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ("early report", "2019Q4: it lasts until 2020-01-01"),
        ("wrong party", "it is not Aldersgate's to report USERS, but Lantern Platform's"),
        ("report otherwise", "3 was reported; Aldersgate can dispute it"),
        ("repay short", "Lantern Platform owes EUR 47.53 and has EUR 12.35"),
        ("repay of a stranger", "it is not Dunmore's to repay, but"),
        ("countersign otherwise", "3 was reported, not 1,500,000"),
    ],
)
def test_commands_given_what_is_not_allowed_say_what_would_be_right(
    quarter: Quarter, step: str, says: str
) -> None:
    assert says in quarter.left[step].err
    assert quarter.left[step].out == ""


def test_commands_given_what_was_done_say_so(quarter: Quarter) -> None:
    steps = ("report again", "dispute again", "countersign again", "contest again", "resolve again", "pay")
    for step in (*steps, "repay again"):
        assert "already" in quarter.left[step].out, step
    assert "Nothing was left to compute" in quarter.left["run again"].out
    for step in ("release early", "release again"):
        assert "No reserve can be released now" in quarter.left[step].out


def accounts(left: Left) -> dict[str, dict[str, Any]]:
    return {each["party"]: each for each in left.shown["accounts"]}


def test_statement_given_the_quarter_has_the_amounts_of_a_reckoning_by_hand(quarter: Quarter) -> None:
    """10,000.00 and 50,001.00 of trades: 0.3 % and 0.2 % commission, 30.00 and 100.00, altogether 130.00, of
    which 20 % are 26.00. The reserve has 5 % of it, 1.30, and leaves 24.70: 60 % and 40 % of it.
    """
    found = accounts(quarter.left["json"])
    earned = {party: int(each["earned_minor"]) for party, each in found.items()}
    assert earned == {"Lantern Platform": 1482 - 5000, "Compass Data": 988 + 10_000, "Revenue Reserve": 130}
    assert int(found["Lantern Platform"]["paid_minor"]) == 1235, "on account; the rest went into what it owes"
    assert int(found["Lantern Platform"]["closing_minor"]) == 1482 - 5000 - 1235
    assert int(found["Compass Data"]["closing_minor"]) == 0


def test_statement_given_any_form_has_every_line_and_its_sums(quarter: Quarter) -> None:
    shown = quarter.left["json"].shown
    rows = list(csv.DictReader(io.StringIO(quarter.left["csv"].out)))
    lines = [line for each in shown["accounts"] for line in each["lines"]]
    assert [row["transaction"] for row in rows] == [line["transaction"] for line in lines]
    assert [Fraction(row["amount"]) * 100 for row in rows] == [int(line["amount_minor"]) for line in lines]
    for account in shown["accounts"]:
        opening, earned, paid, closing = (
            int(account[f"{name}_minor"]) for name in ("opening", "earned", "paid", "closing")
        )
        assert opening + earned - paid == closing
        assert sum(int(line["amount_minor"]) for line in account["lines"]) == earned
    for line in lines:
        assert Fraction(line["exact_minor"]) - Fraction(line["rounding_minor"]) == int(line["amount_minor"])
        for form in ("text", "html"):
            assert line["transaction"] in quarter.left[form].out
    HTMLParser().feed(quarter.left["html"].out)


def test_statement_given_a_contest_shows_it_and_nothing_more(quarter: Quarter) -> None:
    (contest,) = quarter.left["json"].shown["contests"]
    assert (contest["line"], contest["by"], contest["reason"]) == (0, "Compass Data", REASON)
    assert "line 0, as it was run, by Compass Data: =too <b>little</b>" in quarter.left["text"].out
    assert "by Compass Data: =too &lt;b&gt;little&lt;/b&gt; \\u202e" in quarter.left["html"].out
    assert quarter.left["first"].shown["contests"] == []


def test_statement_given_a_release_and_a_repayment_joins_the_quarters(quarter: Quarter) -> None:
    """The reserve of 1.30 goes back by the shares of its quarter: 60 % and 40 %."""
    released = quarter.left["release"].shown["released"]
    assert [(each["period"], each["lines"]) for each in released] == [("2019Q4", [0])]
    first = accounts(quarter.left["first"])
    assert {party: int(each["closing_minor"]) for party, each in first.items()} == dict.fromkeys(first, 0)
    assert int(first["Revenue Reserve"]["earned_minor"]) == 0
    assert int(first["Lantern Platform"]["earned_minor"]) == 1482 - 5000 + 78
    assert all(int(each["opening_minor"]) == 0 for each in accounts(quarter.left["both"]).values())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--period", "2019Q5"), "2019-11, 2019Q4, 2019H2 or 2019 is how one is written"),
        (("--period", "2019Q3"), "the agreement's are 2019Q4 to 2020Q2"),
        (("--period", "2019-10"), "the agreement's are 2019Q4 to 2020Q2"),
        (("--period", "9999"), "is how one is written"),
        ((*Q4, "--party", "Dunmore"), "there are Lantern Platform, Compass Data, Revenue Reserve"),
        ((*Q4, "--party", "<script>"), "no institution '<script>'"),
    ],
)
def test_statement_given_what_there_is_not_says_what_there_is(
    quarter: Quarter, arguments: tuple[str, ...], says: str
) -> None:
    left = quarter.statement(*arguments)
    assert (left.code, left.out) == (2, "")
    assert says in left.err


def test_commands_given_unknown_names_say_which_there_are(quarter: Quarter) -> None:
    wrong: dict[str, tuple[object, ...]] = {
        f"there are {A}": ("run", "Aldersgate/other"),
        "no measure 'LTV'": ("report", A, "LTV", 1, *Q4, "--as", "Lantern Platform"),
        "no institution 'Nobody'": ("report", A, "USERS", 1, *Q4, "--as", "Nobody"),
        "no line '9'": ("contest", A, *Q4, "--line", 9, "--reason", "x", "--as", "Compass Data"),
        "it is not Dunmore's to contest": (
            "contest",
            A,
            *Q4,
            "--line",
            0,
            "--reason",
            "x",
            "--as",
            "Dunmore",
        ),
        "1 to 200 bytes": ("contest", A, *Q4, "--line", 0, "--reason", "é" * 101, "--as", "Compass Data"),
        "of UTF-8 are wanted": ("contest", A, *Q4, "--line", 0, "--reason", "\udcff", "--as", "Compass Data"),
        "64 hexadecimal digits": (
            *("contest", A, *Q4, "--line", 0, "--transaction", "0x12", "--reason", "x"),
            *("--as", "Compass Data"),
        ),
    }
    found = {says: clearing("agreement", of[0], "L", *of[1:]) for says, of in wrong.items()}
    for says, left in found.items():
        assert left.code == 2, says
        assert says in left.err


def test_contest_given_a_settlement_of_another_period_says_so(quarter: Quarter) -> None:
    of_q4 = accounts(quarter.left["json"])["Compass Data"]["lines"][0]["transaction"]
    line = ("--line", 0, "--transaction", of_q4, "--reason", "x", "--as", "Compass Data")
    left = clearing("agreement", "contest", "L", A, "--period", "2020Q1", *line)
    assert left.code == 2
    assert f"nothing of 2020Q1 came about in transaction {of_q4}" in left.err
    for word in ("contests line 0", "Contested already"):
        assert word in clearing("agreement", "contest", "L", A, *Q4, *line).out
    shown = quarter.statement(*Q4).out
    assert "contested by Compass Data: x" in shown
    assert f"line 0, as settled in {of_q4}, by Compass Data: x" in " ".join(shown.split())
    without = (*line[:4], *line[6:])
    assert "no more" in clearing("agreement", "resolve", "L", A, *Q4, *without).out


def test_statement_given_an_output_file_writes_it_whole(quarter: Quarter) -> None:
    file = quarter.folder / "report.html"
    left = quarter.statement(*Q4, "--format", "html", "--output", file)
    assert left.code == 0
    assert file.read_text() == quarter.statement(*Q4, "--format", "html").out
    assert quarter.statement(*Q4, "--output", quarter.folder).code == 2
    assert json.loads(quarter.statement(*Q4, "--json").out)["period"] == "2019Q4"
