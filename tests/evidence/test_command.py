"""`clearing evidence`, `clearing verify` and `python -m verifier`, as they are run.

evidence ─ of a trade, an institution, a query; what is not there, with the nearest; who may take it
verify   ─ exit codes 0, 1, 2; what is said; the same from the verifier by itself
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from settlement.audit.access import Access
from settlement.audit.log import AuditLog
from tests.unit.cli_runs import ROOT, clearing
from verifier import __main__ as module
from verifier import verify
from verifier.forms import telling
from verifier.verifying import Verdict

DAY = "2024-03-14"


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of one made-up day."""
    path = tmp_path_factory.mktemp("evidence") / "books"
    assert clearing("demo", "--trades", 40, "--ledger", path, "--json").code == 0
    return path


def taken(books: Path, file: Path, *arguments: object) -> dict[str, object]:
    done = clearing("evidence", books, *arguments, "-o", file, "--json")
    assert (done.code, done.err) == (0, "")
    return done.shown


def test_evidence_given_a_trade_is_verified_by_both_commands(books: Path, tmp_path: Path) -> None:
    file, kept = tmp_path / "trade.evidence", tmp_path / "kept.json"
    shown = taken(books, file, "--trade", f"{DAY}/3")
    assert shown["trades"] == 1
    assert shown["bytes"] == file.stat().st_size
    head, block = str(shown["head"]), shown["block"]

    unanchored = clearing("verify", file)
    assert unanchored.code == 1
    assert unanchored.out.startswith(
        "consistent, unanchored: every trade with number = 3, trading_day = 2024"
    )
    anchored = clearing("verify", file, "--trusted-head", head, "--json")
    assert anchored.code == 0
    verdict = anchored.shown
    assert (verdict["verdict"], verdict["anchored_to"], verdict["anchored_by"]) == (
        "anchored", block, ["the trusted head"]
    )  # fmt: skip
    (trade,) = verdict["trades"]
    assert (trade["trading_day"], trade["number"], trade["venue"]) == (DAY, 3, "Meridian Exchange")
    assert trade["ended"]["time"].endswith(" UTC")

    alone = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); "
    alone += "runpy.run_module('verifier', run_name='__main__')"
    python = [sys.executable, "-I", "-c", alone, ROOT]
    run = subprocess.run([*python, file, "--trusted-head", head, "--json"], capture_output=True, text=True)
    assert (run.returncode, json.loads(run.stdout)) == (0, verdict)

    assert clearing("verify", file, "--trusted-head", "0x" + "11" * 32).code == 2
    said = clearing("evidence", books, "--affirmation-of", trade["buyer"], "-o", kept, "--json").shown
    key = f"{trade['buyer']}={said['signer']}"
    for given in ((), ("--key", key)):  # It was signed before the trade settled.
        known = ("--affirmation", kept, "--deployment", books / "deployment.json")
        done = clearing("verify", file, *known, *given)
        assert done.code == 1
        assert ("depends on block" in done.out) == bool(given)
    keys = tmp_path / "keys.yaml"
    keys.write_text(f"{trade['buyer']}: ['{said['signer']}']\n")
    done = clearing("verify", file, "--keys", keys, "--json")
    assert done.shown["anchored_by"] == [trade["buyer"]]
    wrong = clearing("verify", file, "--key", f"{trade['buyer']}=0x" + "22" * 20)
    assert wrong.code == 2
    assert "refused: an affirmation of" in wrong.err

    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    refused = clearing("verify", file, "--json")
    assert refused.code == 2
    assert refused.shown["verdict"] == "refused"
    assert refused.shown["reason"] in refused.err


def test_evidence_given_claims_says_how_many(books: Path, tmp_path: Path) -> None:
    file = tmp_path / "some.evidence"
    every = taken(books, file, "--query", "")
    rows = clearing("verify", file, "--all", "--json").shown["trades"]
    assert len(rows) == every["trades"] > 30
    check_pages(verify(file.read_bytes()))
    name = rows[0]["buyer"]
    own = [row for row in rows if name in (row["buyer"], row["seller"])]
    assert taken(books, file, "--institution", name)["trades"] == len(own)
    assert taken(books, file, "--institution", name, "--from", DAY, "--to", DAY)["trades"] == len(own)
    assert taken(books, file, "--institution", name, "--to", "2024-03-13")["trades"] == 0
    wanted = [row for row in own if row["status"] == "settled" and row["quantity"] >= 50]
    query = f"institution='{name}' status = settled quantity>=50"
    assert taken(books, file, "--query", query)["trades"] == len(wanted)
    parts = ("--query", f"institution='{name}' status=settled", "--query", "quantity>=50")
    assert taken(books, file, *parts)["trades"] == len(wanted)
    text = clearing("evidence", books, "--query", query, "-o", file)
    assert f"clearing verify {file} --trusted-head 0x" in text.out


def check_pages(verdict: Verdict) -> None:
    """On a page of any width tables fit, each column is there or said below, and each hash is whole."""
    titles = re.split(" {2,}", list(telling.lines(verdict))[4])
    assert len(titles) == 13
    for width in range(72, 160):
        said = list(telling.lines(verdict, width=width))[4:]
        table, deeds = said[: said.index("")], said[said.index("") + 1 : said.index("What it rests on")]
        assert max(map(len, [*table, *(each for each in deeds if "0x" not in each)])) <= width
        end = next(n for n, each in enumerate(table) if each.startswith("... and"))
        notes = " ".join(" ".join(table[end + 1 :]).split())
        same, _, missing = notes.removeprefix("In each row above: ").partition("No room for: ")
        gone = [
            next(title for title in titles if each.startswith(title)) for each in same.split(", ") if each
        ]
        gone += missing.removesuffix("; --json has them").split(", ") if missing else []
        assert sorted([*re.split(" {2,}", table[0]), *gone]) == sorted(titles)
        assert [len(each) for each in re.findall("0x[0-9a-f]*", "".join(deeds))] == [66] * 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--trade", "2024-03-14/99999"), "no trade '2024-03-14/99999' there, nearest first; there are"),
        (("--trade", "2024-03-15/1"), "no trading day '2024-03-15' on this ledger; there are 2024-03-14"),
        (("--trade", "one"), "is no trade's name; they are as"),
        (("--trade", "2024-03-14/3", "--date", "2024-03-15"), "is of another day than 2024-03-15"),
        (
            ("--institution", "Kestrel Rok"),
            "no institution 'Kestrel Rok' on this ledger; there are Kestrel",
        ),
        (("--institution", "Dunmore", "--from", "2024-03-15", "--to", "2024-03-14"), "ends before it begins"),
        (("--query", "instituton=Dunmore"), "instituton: did you mean institution? there are"),
        (("--query", "institution=Dunmoor"), "there are Dunmore,"),
        (("--query", "security=ZZ0000010378"), "there are ZZ0000010379,"),
        (("--query", "status=setled"), "no status 'setled' on this ledger; there are settled,"),
        (("--query", "status>=settled"), "status is compared by ="),
        (("--query", "quantity>=1,000"), "a whole number is wanted, without separators"),
        (("--query", "trading_day=14.3.2024"), "a day as 2024-03-14 is wanted"),
        (("--query", "everything"), "is no condition; one is as"),
        (("--query", "buyer=Dunmore buyer=Birchwood"), "is there twice"),
        (("--query", "counterparty=Dunmore"), "of which institution?"),
        (("--query", ""), None),
        ((), "say of what"),
        (("--query", "", "--trade", "3"), "do not go together"),
        (("--query", "", "--from", "2024-03-14"), "it is of an --institution"),
        (("--query", "", "--as", "Dunmore"), "only who sees all of the ledger may take it"),
        (("--affirmation-of", "Dunmore", "--as", "Birchwood"), "it is another's affirmation"),
        (("--affirmation-of", "Dunmore", "--as", "Dunmore"), None),
        (("--affirmation-of", "Meridian Exchange"), "Meridian Exchange has affirmed nothing"),
    ],
)
def test_evidence_given_bad_input_says_what_would_be_right(
    books: Path, tmp_path: Path, arguments: tuple[str, ...], said: str | None
) -> None:
    file = tmp_path / "a.evidence"
    done = clearing("evidence", books, *arguments, "-o", file)
    assert done.code == (0 if said is None else 2)
    assert file.exists() == (said is None)
    assert (said or "") in done.err


def test_evidence_given_any_asking_is_in_the_audit_log(books: Path, tmp_path: Path) -> None:
    before = _logged(books)
    clearing("evidence", books, "--trade", "3", "-o", tmp_path / "a")
    clearing("evidence", books, "--trade", "3", "-o", tmp_path / "b", "--as", "Dunmore")
    other = clearing("evidence", books, "--affirmation-of", "Dunmoor", "-o", tmp_path / "c", "--as", "press")
    assert (other.code, "Dunmore" in other.err) == (2, False), "a name is not found out by asking for it"
    clearing("evidence", books, "--trade", "3", "-o", tmp_path / "d", "--as", "\x1b[2J")
    taken_, refused, asked, hidden = _logged(books)[len(before) :]
    assert (asked.viewer, asked.outcome, asked.details["affirmation_of"]) == ("press", "refused", "Dunmoor")
    assert (hidden.viewer, hidden.outcome) == ("'\\x1b[2J'", "refused")
    assert (taken_.question, taken_.outcome, taken_.rows) == ("evidence", "answered", 1)
    assert taken_.details["trade"] == "3"
    assert (refused.viewer, refused.outcome) == ("Dunmore", "refused")


def _logged(books: Path) -> list[object]:
    log = AuditLog(books, write=False)
    try:
        return list(log.entries(Access("local")))
    finally:
        log.close()


def test_module_given_an_empty_head_does_not_take_it_for_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A variable that is not set, perhaps: with a key beside it all would be well."""
    monkeypatch.setattr(sys, "argv", ["verifier", "a.evidence", "--trusted-head", ""])
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert ended.value.code == 2
    assert "'': 0x and 64 hexadecimal digits are wanted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--trusted-head", "0x12"), "'--trusted-head': '0x12': 0x and 64 hexadecimal digits are wanted"),
        (("--key", "Dunmore"), "'--key': 'Dunmore': NAME=ADDRESS is wanted"),
        (("--key", "Dunmore=0x12"), "'--key': '0x12': 0x and 40 hexadecimal digits are wanted"),
        (("--keys", "{here}"), "cannot be read"),
        (("--affirmation", "{here}"), "is no JSON"),
        (("--affirmation", "{missing}"), "there is no such file"),
        (("--deployment", "{here}"), "is no JSON"),
    ],
)
def test_verify_given_bad_input_says_what_is_wrong(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    here = tmp_path / "here"
    here.write_bytes(b"\xff{: nothing")
    filled = [each.format(here=here, missing=tmp_path / "missing") for each in arguments]
    done = clearing("verify", here, *filled)
    assert done.code == 2
    assert said in done.err
    plain = clearing("verify", here)
    assert (plain.code, "does not begin as one" in plain.err) == (2, True)
