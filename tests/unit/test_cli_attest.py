"""`clearing attest`: one ledger, one cycle, step by step.

sign     ─ on the ledger and on disk; again: nothing is sent; a cycle or a name that is not there: refused
list     ─ as signed; changed on the shelf since: says what, exit 1; damaged, gone, in a backup
prove    ─ a file that holds on this ledger; changed, of another ledger: exit 1, or no proof
options  ─ that contradict each other
older    ─ a ledger without the contract is refused, and says what to do
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from settlement import directory, sample
from settlement.intake import parse_trades
from tests.unit.cli_runs import Left, clearing

WHO, OTHER = "Aldersgate", "Birchwood"
DATA = sample.generate(7, trades=12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attest")
    (folder / "day.csv").write_bytes(DATA)
    for step in (("init",), ("record", folder / "day.csv"), ("fund",)):
        assert clearing(step[0], folder / "L", *step[1:]).code == 0
    left = attest(folder / "L", "--as", WHO)
    assert left.code == 2
    assert "no closed cycle" in left.err
    assert clearing("settle", folder / "L").code == 0
    return folder


@pytest.fixture(autouse=True)
def inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def attest(*arguments: object) -> Left:
    return clearing("attest", *arguments)


def numbers_of(name: str) -> list[int]:
    lines = [line.split(",") for line in DATA.decode().splitlines()[1:]]
    return [int(line[0]) for line in lines if name in line[3:5]]


def listed() -> dict[str, Any]:
    """The one attestation of WHO, as JSON; exit 1 where there is anything to look at."""
    left = attest("L", "--json")
    [found] = [each for each in left.shown["attestations"] if each["institution"] == WHO]
    assert left.code == (1 if found["changes"] or found["damage"] else 0)
    return dict(found)


def test_attest_given_steps_signs_lists_proves_and_shows_a_change(folder: Path) -> None:
    made = attest("L", "--as", WHO, "--cycle", 1, "--json").shown
    assert (made["revision"], made["entries"], made["already"]) == (1, len(numbers_of(WHO)), False)
    assert made["size"] == made["entries"] + made["balances"]
    assert 0 < made["gas_used"] < 150_000
    assert Path(made["kept"]).is_file()
    again = attest("L", "--as", WHO)
    assert again.code == 0
    assert "had attested already" in again.out
    found = listed()
    assert (found["root"], found["kept"], found["changes"]) == (made["root"], "here", [])
    assert (found["block"], found["signed_after_block"]) == (made["block"], made["signed_after_block"])

    number = numbers_of(WHO)[0]
    assert attest("L", "--as", WHO, "--prove", number, "-o", "p.json").code == 0
    held = attest("L", "--verify", "p.json")
    assert held.code == 0
    assert re.sub(r"\s+", " ", held.out).startswith(f"p.json holds: the book that {WHO} signed for cycle 1")
    shown = attest("L", "--verify", "p.json", "--json").shown
    [entry] = shown["entries"]
    assert (shown["verified"], entry["trade_number"]) == (True, number)
    assert isinstance(entry["settlement_amount_minor"], str)
    row = next(line.split(",") for line in DATA.decode().splitlines() if line.startswith(f"{number},"))
    assert entry["settlement_amount_minor"] == row[8].replace(".", "")
    proof = json.loads(Path("p.json").read_text())
    proof["leaves"][0]["index"] ^= 1
    Path("q.json").write_text(json.dumps(proof))
    false = attest("L", "--verify", "q.json")
    assert (false.code, false.out.startswith("q.json proves nothing: ")) == (1, True)
    assert attest("L", "--verify", "day.csv").code == 2

    units, amount = int(row[6]) + 1, int(row[8].replace(".", "")) // int(row[6]) * (int(row[6]) + 1)
    more = [*row[:6], str(units), row[7], f"{amount // 100}.{amount % 100:02}"]
    changed = DATA.replace(",".join(row).encode(), ",".join(more).encode())
    with directory.open_ledger("L", write=True) as ledger:
        scenario = ledger.market.scenario
        intake = parse_trades(changed, scenario, source="own.csv", date=sample.TRADING_DAY)
        ledger.shelf.add(changed, intake, scenario, source="own.csv", owner=WHO)
    changes = listed()["changes"]
    one = {"level": "trade", "trade": str(number)}
    assert changes[:2] == [
        one | {"field": "quantity", "signed": int(row[6]), "present": units},
        one | {"field": "settlement_amount_minor", "signed": row[8].replace(".", ""), "present": str(amount)},
    ]
    assert {each["trade"] for each in changes[2:]} == {f"{WHO} {row[5]}", f"{WHO} EUR"}
    text = re.sub(r"\s+", " ", attest("L").out)
    assert f"trade {number}: quantity was {row[6]} when signed in block {made['block']}" in text

    assert clearing("backup", "L", "copy").code == 0
    assert [path.name for path in Path("copy/attested").iterdir()] == [Path(made["kept"]).name]
    kept = Path(made["kept"])
    whole = kept.read_bytes()
    kept.write_bytes(whole[:300] + bytes([whole[300] ^ 255]) + whole[301:])
    assert listed()["kept"] == "damaged"
    assert attest("L", "--as", WHO, "--prove", number, "-o", "r.json").code == 3
    kept.unlink()
    assert (listed()["kept"], listed()["changes"]) == ("elsewhere", None)
    assert attest("L", "--as", WHO, "--prove", number, "-o", "r.json").code == 2
    assert not Path("r.json").exists()


def test_attest_given_what_is_not_there_is_refused() -> None:
    for arguments, said in (
        (("--as", "Tidewater Bank"), "Tidewater Bank"),
        (("--as", OTHER, "--cycle", 2), "no closed cycle '2'"),
        (("--as", OTHER, "--prove", 1, "-o", "x.json"), "kept here"),
    ):
        left = attest("L", *arguments)
        assert (left.code, left.out) == (2, "")
        assert said in left.err
        assert "Traceback" not in left.err


def test_attest_given_a_file_signs_the_institutions_own_rows(folder: Path) -> None:
    """Of the whole market's file; one that cannot be read whole is not signed."""
    bad = DATA.replace(b"2024-03-14", b"14 March", 1)
    Path("bad.csv").write_bytes(bad)
    for arguments, said in (
        (("--as", "Nobody", "--book", "day.csv"), "Nobody"),
        (("--as", OTHER, "--book", "bad.csv"), "bad.csv: line 2"),
    ):
        left = attest("L", *arguments)
        assert (left.code, left.out) == (2, "")
        assert said in left.err
    made = attest("L", "--as", OTHER, "--book", "day.csv", "--json").shown
    assert (made["entries"], made["balances"], made["revision"]) == (len(numbers_of(OTHER)), 0, 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--cycle", 1),
        ("--prove", 1),
        ("--book", "x.csv"),
        ("--as", WHO, "--prove", 1),
        ("--as", WHO, "-o", "x.json"),
        ("--as", WHO, "--date", "2024-03-14"),
        ("--as", WHO, "--mapping", "m.yaml"),
        ("--as", WHO, "--prove", 1, "-o", "x.json", "--book", "x.csv"),
        ("--verify", "p.json", "--as", WHO),
        ("--verify", "p.json", "--cycle", 1),
    ],
)
def test_attest_given_options_that_contradict_each_other_is_usage(arguments: tuple[object, ...]) -> None:
    left = attest("L", *arguments)
    assert (left.code, left.out) == (2, "")
    assert "Invalid value" in left.err


def test_ledger_given_an_earlier_version_made_it_is_refused() -> None:
    file = Path("L/deployment.json")
    whole = file.read_text()
    old = json.loads(whole)
    del old["addresses"]["Attestations"]
    file.write_text(json.dumps(old))
    left = clearing("status", "L")
    file.write_text(whole)
    assert left.code == 2
    assert "names no Attestations: it was set up by an earlier version" in left.err
    assert "clearing init" in left.err
