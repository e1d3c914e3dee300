"""`clearing breaks DIR …`, on a ledger whose chain nobody needs to open."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from settlement import scenario
from settlement.breaks import Breaks, Covered
from settlement.directory import CONFIG, SCENARIO, Config
from settlement.reconciliation.model import Cause, Kind
from tests.unit.breaks.kept import DAY, NOON, made, result
from tests.unit.cli_runs import Left, clearing

HOSTILE = "[red]=1+1[/red]\x1b[31m"
LEDGERS = {
    "trading_day": 20261126, "buyer": "Dunmore", "seller": "Birchwood", "security": "ZZ0000010379",
    "quantity": 5, "settlement_amount": 1200,
}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Six breaks: B-1 trade 12, B-2 trade 13 and a name, B-3 missing, B-4 a position, B-5 hostile text, B-6
    waits."""
    path = tmp_path / "a ledger"
    path.mkdir()
    (path / CONFIG).write_text(Config(chain="pyevm", clock="simulated").model_dump_json())
    (path / SCENARIO).write_bytes(scenario.source("sample"))
    both = {
        "settlement_amount": {"book": 51000, "ledger": 50100},
        "buyer": {"book": "Dunmor", "ledger": "Dunmore"},
    }
    lacks: Any = {name: {"book": None, "ledger": value} for name, value in LEDGERS.items()}
    position = {"closing": {"book": 5, "ledger": 5, "custodian": 50}}
    of_three: Any = {"sides": ("book", "ledger", "custodian"), "odd": "custodian", "trading_day": None}
    found = result(
        made("12", institution="Dunmore", value_at_risk=123456),
        made("13", Kind.AMOUNT, institution="Birchwood", fields=both, lines=(4, 5)),
        made("14", Kind.MISSING_HERE, institution="Dunmore", fields=lacks, numbers=(14,)),
        made("ZZ0000010379", Kind.CLOSING, level="position", fields=position, **of_three),
        made(HOSTILE, Kind.MISSING_THERE, causes=(Cause("typo", HOSTILE, {"side": "bank", "x": HOSTILE}),)),
        pending=(made("15", Kind.MISSING_HERE, value_at_risk=1),),
    )
    with Breaks.open(path, write=True) as breaks:
        breaks.sync(found, Covered(), NOON)
    return path


def run(path: Path, line: str) -> Left:
    return clearing("breaks", path, *shlex.split(line))


def test_list_given_breaks_shows_the_largest_first_and_ends_with_1(path: Path) -> None:
    left = run(path, "list")
    assert left.code == 1
    assert left.err == ""
    lines = left.out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("B-")] == [f"B-{n}" for n in range(1, 7)]
    assert "5 breaks open, EUR 1,270.56 at risk; 1 break pending, EUR 0.01 at risk." in " ".join(
        left.out.split()
    )
    assert "Harbour" in left.out
    assert "nothing" not in left.out, "of what only one side has, what it has"
    assert lines[-2:] == ["next:", f"  clearing breaks '{path}' show B-1"]


FILTERS: list[tuple[str, set[int]]] = [
    ("", {1, 2, 3, 4, 5, 6}),
    ("--institution Dunmore", {1, 3}),
    ("--institution Fairhaven", set()),
    ("--status pending", {6}),
    ("--status pending --status open --level position", {4}),
    ("--kind quantity", {1}),
    ("--kind DQUA", {1, 4}),
    ("--kind CMIS --kind amount", {2, 3, 5, 6}),
    ("--owner 'Harbour Depository'", {4}),
    ("--older-than 0", {1, 2, 3, 5, 6}),
    ("--older-than 1", set()),
    ("--status closed", set()),
]


def test_list_given_filters_shows_those(path: Path) -> None:
    for options, ids in FILTERS:
        left = run(path, f"list {options} --json")
        assert {each["id"] for each in left.shown["breaks"]} == {f"B-{n}" for n in ids}, options
        assert left.code == (1 if ids - {6} else 0)
        total = sum(int(each["value_at_risk_minor"]) for each in left.shown["breaks"])
        assert sum(int(each["value_at_risk_minor"]) for each in left.shown["sums"].values()) == total


def test_show_given_any_break_says_all_and_obeys_nothing(path: Path) -> None:
    shown = run(path, "show B-2 --json").shown
    assert shown["fields"] == {
        "settlement_amount_minor": {"book": "51000", "ledger": "50100"},
        "buyer": {"book": "Dunmor", "ledger": "Dunmore"},
    }
    assert list(shown["fields"]) == ["buyer", "settlement_amount_minor"], "in the order of the model"
    assert (shown["trade"], shown["trading_day"], shown["reason"], shown["age"]) == (
        "13",
        str(DAY),
        "DMON",
        1,
    )
    assert shown["causes"][0]["mend"]["settlement_amount_minor"] == "50100"
    assert [each["what"] for each in shown["history"]] == ["opened"]
    text = run(path, "show b-2").out
    for words in (
        "510.00   501.00",
        "cause 1: ",
        "lines 4, 5 of the source",
        "(was Dunmor)",
        "--cause 1 --as NAME",
    ):
        assert words in text
    assert "The custodian stands alone" in run(path, "show B-4").out
    for command in ("show B-5", "explain B-5", "list"):
        out = run(path, command).out
        assert "\x1b" not in out
        assert "[red]" in out
    position = run(path, "show B-4 --json").shown
    assert position["trade"] is None
    assert position["fields"]["closing"] == {"book": 5, "ledger": 5, "custodian": 50}


def test_work_given_two_people_is_done(path: Path) -> None:
    assert "Asha" in run(path, "assign B-1 'Asha K' --as Bina").out
    assert run(path, "explain B-1 --text 'asked [them]' --as Bina").code == 0
    assert run(path, "propose B-1 --cause 1 --as 'Asha K'").code == 0
    same = run(path, "approve B-1 --as ' asha  k '")
    assert (same.code, same.out) == (2, "")
    assert "another person" in same.err
    assert run(path, "reject B-1 --why 'not so' --as Bina").code == 0
    by_hand = run(path, "propose B-1 --set quantity=510 --set price=51.25 --as Asha --json")
    assert by_hand.shown["proposal"] == {
        "action": "correct", "by": "Asha", "why": None, "approved": False,
        "entry": {
            "action": "replace", "side": "book", "trade": "12", "quantity": 510, "price": "51.250000",
            "was": {"quantity": 501},
        },
    }  # fmt: skip
    assert "clearing reconcile" in run(path, "approve B-1 --as Bina").out
    assert run(path, "propose B-3 --action add --set settlement_amount=12.01 --as Asha").code == 0
    assert run(path, "approve B-3 --as Bina").code == 0
    with Breaks.open(path, write=False) as breaks:
        replace, add = breaks.corrections()
    assert replace.entry["price"] == 51_250_000
    assert add.entry == LEDGERS | {
        "action": "add", "side": "book", "trade_number": 14, "settlement_amount": 1201,
    }  # fmt: skip
    assert run(path, "close B-4 --why 'small one' --as Asha").code == 0
    assert run(path, "approve B-4 --as Bina --json").shown["status"] == "closed"
    history = run(path, "show B-1").out
    for words in ("assigned to Asha K", "asked [them]", "open again: not so", "in force from the next run"):
        assert words in history
    assert len(run(path, "list --all --json").shown["breaks"]) == 6
    assert {each["id"] for each in run(path, "list --status closed --json").shown["breaks"]} == {"B-4"}


REFUSED = [
    ("show B-99", "there are B-1 to B-6"),
    ("approve B-1 --as Bina", "nothing is proposed"),
    ("close B-6 --why x --as Bina", "cut-off"),
    ("assign B-1 '' --as Bina", "person"),
    ("propose B-1 --as Bina", "--cause"),
    ("propose B-1 --as Bina --cause 1 --set quantity=1", "--cause"),
    ("propose B-1 --as Bina --cause 9", "B-1 has only 1"),
    ("propose B-1 --as Bina --set quantity", "quantity=510"),
    ("propose B-1 --as Bina --set colour=red", "colour"),
    ("propose B-1 --as Bina --set settlement_amount=1.001", "2 digits"),
    ("propose B-1 --as Bina --action burn --set quantity=1", "replace, add, remove, split"),
    ("propose B-5 --as Bina --cause 1", "bank"),
    ("propose B-1 --as Bina --action add", "buyer"),
    ("propose B-4 --as Bina --cause 1", "position"),
    ("explain B-1 --text note", "--as"),
    ("list --kind colour", "colour"),
    ("list --institution Dun", "no institution 'Dun'"),
    ("list --owner Nobody", "no owner 'Nobody'"),
    ("list --json --format text", "contradict"),
    ("", "Missing command"),
]


def test_commands_given_what_they_cannot_do_say_so_and_change_nothing(path: Path) -> None:
    before = run(path, "list --all --json").shown
    for line, said in REFUSED:
        left = run(path, line)
        assert left.code == 2, line
        assert said in " ".join((left.err + left.out).split())
        assert "Traceback" not in left.err
    assert run(path, "list --all --json").shown == before


def test_commands_given_no_ledger_or_no_breaks_say_so(path: Path, tmp_path: Path) -> None:
    assert run(tmp_path / "none", "list").code == 2
    (path / "breaks.sqlite").unlink()
    left = run(path, "list")
    assert (left.code, left.out) == (0, "No breaks.\n")
    assert not (path / "breaks.sqlite").exists()
    assert "clearing reconcile" in run(path, "show B-1").err
    (path / "breaks.sqlite").write_bytes(b"damaged" * 1000)
    assert run(path, "list").code == 3
