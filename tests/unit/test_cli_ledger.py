"""A ledger's life, a command after the other, each as if its own process: what it says and what it ends with.

init ─ status ─ record --no-affirm ─ settle ─ affirm --as --book ─ affirm ─ fund --cover ─ settle ─ fund ─
settle ─ settle ─ reconcile ─ record again ─ trade ─ affirm ─ fund ─ settle ─ report ─ status ─ backup
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from ledger.chain import available
from settlement import sample
from tests import independent
from tests.independent import SAMPLE, read_canonical
from tests.unit.cli_runs import BY_HAND, ROOT, TRADES, Left, clearing

STEPS: list[tuple[str, list[str]]] = [
    ("init", []),
    ("status empty", []),
    ("report empty", []),
    ("record", ["day.csv", "--no-affirm"]),
    ("settle unaffirmed", []),
    ("affirm own", ["--as", "Dunmore", "--book", "own.csv"]),
    ("affirm", []),
    ("affirm again", []),
    ("fund part", ["--cover", "0.5"]),
    ("settle part", []),
    ("status part", []),
    ("fund", []),
    ("fund again", []),
    ("settle", []),
    ("settle again", []),
    ("reconcile", []),
    ("report", []),
    ("record again", ["day.csv"]),
    ("trade", list(BY_HAND)),
    ("affirm trade", []),
    ("fund trade", []),
    ("settle trade", []),
    ("status", []),
    ("resync", []),
    ("backup", ["copy"]),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="module")
def data() -> bytes:
    return sample.generate(7, trades=TRADES)


@pytest.fixture(scope="module")
def life(folder: Path, data: bytes) -> dict[str, Left]:
    """What each step left, on one ledger, with `--json`."""
    lines = data.splitlines(keepends=True)
    (folder / "day.csv").write_bytes(data)
    own = [line for line in lines[1:] if b"Dunmore" in line]
    (folder / "own.csv").write_bytes(b"".join([lines[0], *own]))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return {step: clearing(step.split()[0], "L", *arguments, "--json") for step, arguments in STEPS}


@pytest.fixture(scope="module")
def trades(data: bytes) -> list[independent.Trade]:
    return read_canonical(data)


def test_steps_given_any_print_one_object_and_no_message(life: dict[str, Left]) -> None:
    wanted = {"settle unaffirmed": 1, "settle part": 1, "record again": 1}
    for step, left in life.items():
        assert (left.err, left.code) == ("", wanted.get(step, 0)), step
        if not step.startswith("report"):
            assert left.shown["ledger"] == "L", step
            assert len(left.shown["head"]) == 66, step


def test_init_given_a_scenario_says_what_is_there(life: dict[str, Left]) -> None:
    shown = life["init"].shown
    assert {key: shown[key] for key in ("scenario", "currency", "institutions", "brokers", "securities")} == {
        "scenario": "sample",
        "currency": "EUR",
        "institutions": 20,
        "brokers": 12,
        "securities": 20,
    }
    assert shown["block"] > 0


def test_status_given_a_new_ledger_has_no_trades(life: dict[str, Left]) -> None:
    shown = life["status empty"].shown
    assert shown["head"] == life["init"].shown["head"]
    assert shown["included"] == shown["final"] == {"number": shown["block"], "hash": shown["head"]}
    assert (shown["recorded"], shown["days"], shown["writer"]) == (0, [], None)
    assert (shown["cycle_open"], shown["foreign_transactions"]) == (False, [])


def test_report_given_a_new_ledger_has_figures(life: dict[str, Left]) -> None:
    shown = life["report empty"].shown
    assert (shown["trading_day"], shown["recorded"], shown["netting_efficiency"]) == (None, 0, None)


def test_record_given_no_affirm_leaves_all_pending(life: dict[str, Left]) -> None:
    shown = life["record"].shown
    assert (shown["trading_day"], shown["source"]) == ("2024-03-14", "day.csv")
    assert (shown["trades"], shown["rejected"], shown["rejects_file"]) == (TRADES, 0, None)
    assert (shown["recorded"], shown["batches"], shown["pending"]) == (TRADES, 1, TRADES)
    assert (shown["affirmations"], shown["disputed"], shown["transactions"]) == (0, 0, 1)
    assert shown["gas_used"] > 0
    assert list(shown["seconds"]) == ["record"]


def test_settle_given_nothing_affirmed_names_who_has_not(life: dict[str, Left], trades: Any) -> None:
    shown = life["settle unaffirmed"].shown
    assert (shown["settled"], shown["netting_sets"], shown["transactions"]) == (0, 0, 0)
    assert shown["pending"] == len(shown["waiting"]) == TRADES
    parties = {trade.number: list(dict.fromkeys((trade.buyer, trade.seller))) for trade in trades}
    for each in shown["waiting"]:
        assert (each["reason"], each["by"]) == ("unaffirmed", parties[each["trade"]])


def test_affirm_given_an_institution_with_its_own_book_is_one(life: dict[str, Left]) -> None:
    assert life["affirm own"].shown["affirmations"] == 1
    assert life["affirm own"].shown["excepted"] == []


def test_affirm_given_nobody_named_is_all_that_are_left(life: dict[str, Left], trades: Any) -> None:
    parties = {name for trade in trades for name in (trade.buyer, trade.seller)}
    assert life["affirm"].shown["affirmations"] == len(parties) - 1
    assert life["affirm again"].shown["affirmations"] == 0


def test_fund_given_cover_issues_what_the_day_takes(life: dict[str, Left], trades: Any) -> None:
    held = independent.opening(SAMPLE, trades, Fraction(1, 2))
    shown = life["fund part"].shown
    cash = {name: amount for (name, asset), amount in held.items() if asset == "EUR"}
    units: dict[str, int] = {}
    for (_, asset), amount in held.items():
        if asset != "EUR":
            units[asset] = units.get(asset, 0) + amount
    assert shown["cash_minor"] == str(sum(cash.values()))
    assert shown["securities"] == units
    assert list(shown["securities"]) == sorted(units)
    assert shown["institutions"] == len({name for name, _ in held})


def test_settle_given_part_of_the_cover_says_what_settled_and_what_waits(
    life: dict[str, Left], trades: Any
) -> None:
    held = independent.opening(SAMPLE, trades, Fraction(1, 2))
    shown = life["settle part"].shown
    reasons = {
        each["trade"]: {
            (row["institution"], row["asset"]): int(row.get("short_minor", row.get("short_quantity")))
            for row in each["short"]
        }
        for each in shown["waiting"]
    }
    independent.check_choice(SAMPLE, held, trades, reasons, int(shown["upper_bound"]))
    outcome = independent.settle(SAMPLE, [trade for trade in trades if trade.number not in reasons])
    assert (shown["objective"], shown["objective_reached"]) == ("value", str(outcome.gross))
    assert shown["settled"] == TRADES - len(reasons)
    assert (shown["settled_value_minor"], shown["settled_net_value_minor"]) == (
        str(outcome.gross),
        str(outcome.net),
    )
    assert (shown["netting_sets"], shown["transactions"], shown["pending"]) == (1, 3, len(reasons))


def test_status_given_a_day_under_way_counts_by_day(life: dict[str, Left]) -> None:
    shown, waits = life["status part"].shown, life["settle part"].shown["pending"]
    day = {"trading_day": "2024-03-14", "recorded": TRADES, "settled": TRADES - waits, "pending": waits}
    assert shown["days"] == [day | {"disputed": 0, "held": 0, "ended": 0}]
    assert (shown["settled"], shown["settled_final"]) == (TRADES - waits, TRADES - waits)
    assert (shown["pending"], shown["unaffirmed"]) == (waits, 0)


def test_fund_given_all_is_held_issues_nothing(life: dict[str, Left]) -> None:
    shown = life["fund again"].shown
    assert (shown["cash_minor"], shown["securities"], shown["institutions"]) == ("0", {}, 0)


def test_settle_given_the_rest_is_funded_settles_it_and_nothing_twice(life: dict[str, Left]) -> None:
    assert life["settle"].shown["settled"] == life["settle part"].shown["pending"]
    assert life["settle"].shown["waiting"] == []
    again = life["settle again"].shown
    assert (again["settled"], again["netting_sets"], again["transactions"]) == (0, 0, 0)
    assert again["head"] == life["settle"].shown["head"]


def test_reconcile_given_all_settled_finds_no_break(life: dict[str, Left], trades: Any) -> None:
    shown = life["reconcile"].shown
    sides = sum(len({trade.buyer, trade.seller}) for trade in trades)
    assert (shown["books_compared"], shown["breaks"], shown["pending"]) == (12, [], [])
    assert (shown["compared"]["trades"], shown["compared"]["cash"]) == (sides, 12)


def test_report_given_the_day_is_what_the_file_comes_to(life: dict[str, Left], trades: Any) -> None:
    shown, wanted = life["report"].shown, independent.settle(SAMPLE, trades)
    assert (shown["trading_day"], shown["settled"], shown["trades"]) == ("2024-03-14", TRADES, TRADES)
    assert (shown["gross_value_minor"], shown["net_value_minor"]) == (str(wanted.gross), str(wanted.net))
    assert shown["revenue_minor"] == {name: str(amount) for name, amount in wanted.revenue.items()}
    assert shown["conservation"] == {"cash_minor": "0", "securities": {}}


def test_record_given_the_file_again_refuses_each_row(life: dict[str, Left], folder: Path) -> None:
    shown = life["record again"].shown
    assert (shown["rejected"], shown["recorded"], shown["transactions"]) == (TRADES, 0, 0)
    assert shown["rejects_file"] == "day.rejects.csv"
    lines = (folder / "day.rejects.csv").read_text().splitlines()
    assert len(lines) == TRADES + 1
    assert all("is recorded already" in line for line in lines[1:])


def test_trade_given_one_by_hand_is_a_batch_of_one_and_settles(life: dict[str, Left], trades: Any) -> None:
    shown = life["trade"].shown
    assert (shown["trades"], shown["recorded"], shown["batches"], shown["pending"]) == (1, 1, 1, 1)
    assert shown["source"] == "by hand"
    assert shown["next"] == [f"clearing {step} L" for step in ("affirm", "fund", "settle", "reconcile")]
    assert life["affirm trade"].shown["affirmations"] == 2
    assert life["settle trade"].shown["settled_value_minor"] == "429000"


def test_status_given_two_days_has_both(life: dict[str, Left]) -> None:
    shown = life["status"].shown
    today = life["trade"].shown["trading_day"]
    assert [(each["trading_day"], each["settled"]) for each in shown["days"]] == [
        ("2024-03-14", TRADES),
        (today, 1),
    ]
    assert (shown["recorded"], shown["settled"], shown["pending"]) == (TRADES + 1, TRADES + 1, 0)


def test_resync_given_a_local_ledger_has_nothing_to_do(life: dict[str, Left]) -> None:
    shown = life["resync"].shown
    assert (shown["kept"], shown["sent_again"], shown["refused"]) == (0, 0, [])


def test_backup_given_a_ledger_is_the_same_ledger(life: dict[str, Left], folder: Path) -> None:
    assert life["backup"].shown["head"] == life["status"].shown["head"]
    copied = clearing("report", folder / "copy", "--json")
    assert copied.shown == clearing("report", folder / "L", "--json").shown
    assert (copied.code, copied.shown["recorded"]) == (0, TRADES + 1)
    kept = {
        "access.yaml": "viewers: {}\n",
        "sources.yaml": "bank: []\n",
        "clients/a.salt": "s",
        "audit.sqlite": "",
    }
    for name, text in kept.items():
        (folder / "copy" / name).parent.mkdir(exist_ok=True)
        (folder / "copy" / name).write_text(text)
    (folder / "copy" / "index").mkdir(exist_ok=True)
    assert clearing("backup", folder / "copy", folder / "again").code == 0
    there, again = ({each.name for each in (folder / name).iterdir()} for name in ("copy", "again"))
    assert there - again <= {"state", "index", "lock"}
    assert there >= again >= {name.split("/")[0] for name in kept}
    assert all((folder / "again" / name).read_text() == kept[name] for name in kept if name != "audit.sqlite")


def test_report_given_a_date_is_of_that_day(life: dict[str, Left], folder: Path) -> None:
    one = clearing("report", folder / "L", "--json", "--date", "2024-03-14").shown
    assert one == life["report"].shown
    (hand,) = [clearing("report", folder / "L", "--json", "--date", life["trade"].shown["trading_day"])]
    assert (hand.shown["recorded"], hand.shown["gross_value_minor"]) == (1, "429000")


def test_report_given_export_writes_the_files(life: dict[str, Left], folder: Path) -> None:
    assert clearing("report", folder / "L", "--export", folder / "made").code == 0
    assert len(list((folder / "made").glob("*.parquet"))) == 4


def test_text_given_any_command_that_looks_says_the_same_in_words(
    life: dict[str, Left], folder: Path
) -> None:
    there = folder / "L"
    said = {
        name: clearing(name, there) for name in ("status", "report", "reconcile", "resync", "settle", "fund")
    }
    assert {name: left.code for name, left in said.items()} == dict.fromkeys(said, 0)
    status = said["status"].out
    assert life["status"].shown["head"] in status
    assert "2024-03-14" in status
    assert "clearing report" in status
    assert said["report"].out.startswith("2 trading days, 2024-03-14 to ")
    assert said["reconcile"].out.startswith("No breaks")
    assert "there is nothing to resync" in said["resync"].out
    assert said["settle"].out.startswith("Nothing to settle.")
    assert said["fund"].out.startswith("Nothing to issue")


def test_format_given_json_is_the_short_option(life: dict[str, Left], folder: Path) -> None:
    there = folder / "L"
    assert clearing("status", there, "--format", "json").shown == clearing("status", there, "--json").shown
    assert clearing("status", there, "--format", "json", "--json").code == 0
    assert clearing("status", there, "--format", "text").out == clearing("status", there).out


def test_doctor_given_a_sound_ledger_finds_nothing(life: dict[str, Left], folder: Path) -> None:
    left = clearing("doctor", folder / "L", "--json")
    assert (left.code, left.shown["ok"], left.shown["head"]) == (0, True, life["status"].shown["head"])
    assert all(set(each) == {"check", "ok", "found", "remedy"} for each in left.shown["checks"])
    text = clearing("doctor", folder / "L")
    assert (text.code, text.out.splitlines()[-1]) == (0, "All is well.")


def test_doctor_given_a_ledger_that_lacks_a_part_says_what_is_wrong(
    life: dict[str, Left], folder: Path, tmp_path: Path
) -> None:
    assert clearing("backup", folder / "L", tmp_path / "broken").code == 0
    (tmp_path / "broken" / "scenario.yaml").unlink()
    left = clearing("doctor", tmp_path / "broken", "--json")
    assert (left.code, left.shown["ok"]) == (1, False)
    assert "scenario" in {each["check"] for each in left.shown["checks"] if not each["ok"]}
    text = clearing("doctor", tmp_path / "broken")
    assert text.code == 1
    assert "could not be made." in text.out


@pytest.mark.skipif("anvil" not in available(), reason="anvil is not installed; `make setup` installs it")
@pytest.mark.parametrize("form", ["text", "json"])
def test_node_given_a_local_ledger_says_where_it_answers_until_interrupted(
    life: dict[str, Left], folder: Path, form: str
) -> None:
    command = "from settlement.cli import main; main()"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", command, "node", "L", "--port", str(port), "--format", form],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    said = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    if form == "json":
        assert json.loads(said) == {"ledger": "L", "url": f"http://127.0.0.1:{port}"}
    else:
        assert said.startswith(f"L answers at http://127.0.0.1:{port} until interrupted.")
