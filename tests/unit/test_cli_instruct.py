"""`clearing instruct`: what institutions say of trades, command by command on one ledger of twelve trades.

hold, release        ─ takes a trade out and back; the other side's hold stays; again changes nothing
allow-parts          ─ both sides, and a trade settles as far as its seller's units go
cancel, keep         ─ one side alone changes nothing; both end it
dispute, withdraw    ─ out and back; decided by both: stands, falls; by one alone: not yet
refused              ─ a wrong party, an unknown trade, day, institution or word, what has ended
two trading days     ─ --date is needed, and is enough
end-day              ─ what fits by itself settles, the rest fails with its reason, the day once
settle --model 1|2|3 ─ all settle the same where everything is there, each by its model
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from settlement import directory, sample
from tests.unit.cli_runs import Left, clearing

DAY = dt.date(2024, 3, 14)
Row = list[str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("instruct")
    (folder / "day.csv").write_bytes(sample.generate(7, trades=12))
    (folder / "next.csv").write_bytes(sample.generate(8, trades=2, trading_day=dt.date(2024, 3, 15)))
    for name in ("L", "two"):
        assert clearing("init", folder / name).code == 0
        assert clearing("record", folder / name, folder / "day.csv").code == 0
    assert clearing("record", folder / "two", folder / "next.csv").code == 0
    return folder


@pytest.fixture(autouse=True)
def inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


@pytest.fixture(scope="module")
def rows(folder: Path) -> dict[int, Row]:
    """Of trades between two brokers, by number."""
    lines = [line.split(",") for line in (folder / "day.csv").read_text().splitlines()[1:]]
    return {int(line[0]): line for line in lines if line[3] != line[4]}


@pytest.fixture(scope="module")
def fresh(rows: dict[int, Row]) -> Iterator[tuple[int, str, str]]:
    """Trades that no test has touched yet: number, buyer, seller."""
    return iter([(number, row[3], row[4]) for number, row in rows.items()])


def instruct(word: str, *trades: int, by: str | None = None, more: tuple[str, ...] = ()) -> Left:
    who = () if by is None else ("--as", by)
    return clearing("instruct", "L", word, *trades, *who, *more, "--json")


def status(left: Left, by: str | None = None) -> list[str]:
    """How the trades stand that a command was about."""
    assert (left.code, left.err) == (0, "")
    assert (left.shown["trading_day"], left.shown["by"]) == (str(DAY), by)
    return [each["status"] for each in left.shown["trades"]]


def test_hold_given_both_sides_is_over_when_both_release(fresh: Iterator[tuple[int, str, str]]) -> None:
    number, buyer, seller = next(fresh)
    assert status(instruct("hold", number, by=buyer), buyer) == ["HELD"]
    assert status(instruct("hold", number, by=buyer), buyer) == ["HELD"]
    assert status(instruct("hold", number, by=seller), seller) == ["HELD"]
    assert status(instruct("release", number, by=buyer), buyer) == ["HELD"]
    assert status(instruct("release", number, by=seller), seller) == ["PENDING"]


def test_hold_given_many_trades_is_one_transaction(rows: dict[int, Row]) -> None:
    name = "Aldersgate"
    own = [number for number, row in rows.items() if name in row[3:5]]
    left = instruct("hold", *reversed(own), own[0], by=name)
    assert status(left, name) == ["HELD"] * len(own)
    assert [each["trade"] for each in left.shown["trades"]] == own
    assert left.shown["transactions"] == 1
    assert status(instruct("release", *own, by=name), name) == ["PENDING"] * len(own)


def test_cancel_given_one_side_alone_changes_nothing(fresh: Iterator[tuple[int, str, str]]) -> None:
    number, buyer, seller = next(fresh)
    assert status(instruct("cancel", number, by=buyer), buyer) == ["PENDING"]
    assert status(instruct("keep", number, by=buyer), buyer) == ["PENDING"]
    assert status(instruct("cancel", number, by=seller), seller) == ["PENDING"]
    assert status(instruct("cancel", number, by=buyer), buyer) == ["CANCELLED"]
    left = instruct("hold", number, by=buyer)
    assert (left.code, left.out) == (2, "")
    assert "has settled or ended otherwise" in left.err


def test_dispute_given_it_is_withdrawn_is_over(fresh: Iterator[tuple[int, str, str]]) -> None:
    number, _, seller = next(fresh)
    assert status(instruct("dispute", number, by=seller), seller) == ["DISPUTED"]
    assert status(instruct("withdraw", number, by=seller), seller) == ["PENDING"]
    left = instruct("stands", number)
    assert (left.code, left.out) == (2, "")
    assert "Nobody disputes the trade" in left.err


@pytest.mark.parametrize(("word", "then"), [("stands", "PENDING"), ("falls", "CANCELLED")])
def test_dispute_given_exchange_and_regulator_decide_is_over(
    fresh: Iterator[tuple[int, str, str]], word: str, then: str
) -> None:
    number, buyer, seller = next(fresh)
    for name in (buyer, seller):
        assert status(instruct("dispute", number, by=name), name) == ["DISPUTED"]
    left = instruct(word, number)
    assert status(left) == [then]
    assert left.shown["transactions"] == 2


def test_dispute_given_one_decides_alone_waits_for_the_other(fresh: Iterator[tuple[int, str, str]]) -> None:
    """And whichever it was, deciding for both goes on from there."""
    number, buyer, _ = next(fresh)
    instruct("dispute", number, by=buyer)
    assert status(instruct("falls", number, by="Market Authority"), "Market Authority") == ["DISPUTED"]
    left = instruct("falls", number)
    assert (status(left), left.shown["transactions"]) == (["CANCELLED"], 1)


def test_decision_given_a_broker_is_refused(fresh: Iterator[tuple[int, str, str]]) -> None:
    number, buyer, _ = next(fresh)
    instruct("dispute", number, by=buyer)
    left = instruct("falls", number, by=buyer)
    assert (left.code, left.out) == (2, "")
    assert "neither for an active exchange nor for an active regulator" in left.err
    assert status(instruct("withdraw", number, by=buyer), buyer) == ["PENDING"]


def test_text_given_any_word_says_who_and_how_trades_stand(rows: dict[int, Row]) -> None:
    number = max(rows)
    buyer = rows[number][3]
    left = clearing("instruct", "L", "hold", number, "--as", buyer)
    assert (left.code, left.err) == (0, "")
    lines = left.out.splitlines()
    assert lines[0] == f"{buyer}: hold, of {DAY}"
    assert lines[-1].split() == [str(number), "held"]
    assert clearing("instruct", "L", "release", number, "--as", buyer).code == 0


def test_allow_parts_given_both_sides_is_kept_by_the_ledger(folder: Path, rows: dict[int, Row]) -> None:
    number = max(rows)
    buyer, seller = rows[number][3:5]

    def allowed() -> bool:
        with directory.open_ledger(folder / "L", write=False) as ledger:
            (batch,) = ledger.read().batches.values()
            at = batch.position_of(number)
            told = ledger.outcomes.parts_allowed(batch, at)
            asked = ledger.market.clients.conditions.call("partialAllowed", batch.batch_hash, at)
            assert told == asked
            return told

    assert status(instruct("allow-parts", number, by=buyer), buyer) == ["PENDING"]
    assert not allowed()
    assert status(instruct("allow-parts", number, by=seller), seller) == ["PENDING"]
    assert allowed()
    assert status(instruct("refuse-parts", number, by=buyer), buyer) == ["PENDING"]
    assert not allowed()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("L hold 1 --as Larkfield", "neither the trade's buyer nor its seller"),
        ("L hold 1 --as Nobody", "no institution 'Nobody'"),
        (
            "L hold 999 --as Dunmore",
            "no trade '999 of 2024-03-14' on this ledger; there are trades of 2024-03-14",
        ),
        ("L hold 1 999 --as Aldersgate", "no trade '999 of 2024-03-14'"),
        (f"L hold {2**32} --as Dunmore", f"no trade '{2**32} of 2024-03-14'"),
        (f"L hold {10**30} --as Dunmore", f"no trade '{10**30} of 2024-03-14'"),
        ("L hold 1 --as Aldersgate --date 2024-03-15", "no trading day '2024-03-15'"),
        ("two hold 1 --as Aldersgate", "2024-03-14"),
        ("missing hold 1 --as Aldersgate", "is no ledger"),
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_instruct_given_a_mistake_says_so(arguments: str, said: str, form: str) -> None:
    left = clearing("instruct", *arguments.split(), "--format", form)
    assert (left.code, left.out) == (2, ""), left.err
    assert left.err.startswith("clearing: ")
    assert said in left.err
    assert left.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("L hodl 1 --as Dunmore", "'hodl' is not one of 'hold', 'release'"),
        ("L hold 1", "say who says hold"),
        ("L hold --as Dunmore", "Missing argument 'TRADE...'"),
        ("L hold ten --as Dunmore", "TRADE..."),
        ("L hold 0 --as Dunmore", "TRADE..."),
        ("L hold 1 --as Dunmore --date 14.3.2024", "--date"),
        ("L hold 1 --as Dunmore --json --format text", "contradict each other"),
    ],
)
def test_instruct_given_a_mistake_of_usage_says_so(arguments: str, said: str) -> None:
    left = clearing("instruct", *arguments.split())
    assert (left.code, left.out) == (2, "")
    assert said in " ".join(left.err.split())


def test_instruct_given_two_days_takes_the_one_that_is_said(folder: Path) -> None:
    """Numbers begin anew every day: the other day's trade of that number stays as it is."""
    buyer = (folder / "next.csv").read_text().splitlines()[1].split(",")[3]
    left = clearing("instruct", "two", "hold", 1, "--as", buyer, "--date", "2024-03-15", "--json")
    assert (left.code, left.err, left.shown["trading_day"]) == (0, "", "2024-03-15")
    assert left.shown["trades"] == [{"trade": 1, "status": "HELD"}]
    assert clearing("fund", "two").code == 0
    shown = clearing("settle", "two", "--json").shown
    assert (shown["settled"], shown["pending"]) == (13, 1)
    assert [(each["trading_day"], each["trade"], each["reason"]) for each in shown["waiting"]] == [
        ("2024-03-15", 1, "held")
    ]


def test_report_given_cancelled_trades_counts_none_of_them_as_waiting(folder: Path) -> None:
    left = clearing("report", "L")
    shown = clearing("report", "L", "--json").shown
    assert shown["ended"] > 0
    assert shown["recorded"] == shown["settled"] + shown["pending"] + shown["ended"]
    found = {line.split()[1]: line.split() for line in left.out.splitlines()[1:7] if len(line.split()) > 3}
    value = {word: int(row[3].replace(",", "").replace(".", "")) for word, row in found.items()}
    assert value["recorded"] == value["settled"] + value["waiting"] + value["ended"]
    assert (int(found["waiting"][0]), int(found["ended"][0])) == (shown["pending"], shown["ended"])


@pytest.mark.parametrize("model", [1, 2, 3])
def test_settle_given_a_model_settles_by_it(folder: Path, model: int) -> None:
    path = folder / f"model{model}"
    for command in (("init", path), ("record", path, folder / "day.csv"), ("fund", path)):
        assert clearing(*command).code == 0
    left = clearing("settle", path, "--model", model, "--json")
    with directory.open_ledger(path, write=False) as ledger:
        assert {event["model"] for event in ledger.read().netting_sets} == {model}
        held = ledger.balances()
    assert held
    if model == 3:
        assert (left.code, left.shown["settled"]) == (0, 12)
    # Trade by trade, cash and securities of later trades are not there yet for earlier ones.
    assert 0 < left.shown["settled"] <= 12
    assert left.shown["settled"] + left.shown["pending"] == 12
    assert left.code == (0 if left.shown["settled"] == 12 else 1)
    assert clearing("reconcile", path).code == 0


@pytest.mark.parametrize("model", ["0", "4", "net"])
def test_settle_given_no_such_model_says_so(model: str) -> None:
    left = clearing("settle", "L", "--model", model)
    assert (left.code, left.out) == (2, "")
    assert "--model" in left.err


def test_end_day_given_nothing_was_settled_settles_what_fits_and_fails_the_rest(
    folder: Path, rows: dict[int, Row]
) -> None:
    """Of one trade both sides have what it takes, of the others nobody has anything."""
    number, row = next(iter(rows.items()))
    assert clearing("init", folder / "ends").code == 0
    alone = (folder / "day.csv").read_text().splitlines()
    (folder / "one.csv").write_text("\n".join([alone[0], ",".join(row), ""]))
    (folder / "rest.csv").write_text("\n".join(line for line in alone if line != ",".join(row)) + "\n")
    assert clearing("record", "ends", "one.csv").code == 0
    assert clearing("fund", "ends").code == 0
    assert clearing("record", "ends", "rest.csv").code == 0
    ended = clearing("end-day", "ends", "--json")
    failed = {each["trade"]: each for each in ended.shown["failed"]}
    assert ended.code == 1
    assert number not in failed
    assert all(set(each["reasons"]) <= {"LACK", "MONY"} for each in failed.values())
    status = clearing("status", "ends", "--json").shown
    assert status["settled"] >= 1
    assert len(failed) == status["pending"] == 12 - status["settled"]
    again = clearing("end-day", "ends", "--json")
    assert (again.code, again.shown["failed"]) == (0, [])
    assert clearing("reconcile", "ends").code == 0
