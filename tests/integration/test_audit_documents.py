"""docs/audit.md, docs/evidence.md and the gridlock of docs/settlement-day.md: every command runs as written
and prints what is said.

commands ─ in their order, in this process; what stands in a block `text` is printed, `…` being anything
lists    ─ filters, formats, limits, rules, keys and columns are the code's
verifier ─ needs of what is installed no more than is said
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import rlp
from eth_utils import keccak

from ledger.index.following import LARGEST_ROWS, SEGMENT_ROWS
from settlement import cli
from settlement.audit import policy
from settlement.audit.policy import RULES, Policy
from settlement.audit.questions.revenue import GROUPS
from settlement.audit.questions.semt022 import VERSION
from settlement.audit.sandbox import Limits
from settlement.audit.statement import MOST_BYTES
from settlement.cli.answering import ROWS
from settlement.clients.reading import WHOLE
from settlement.evidence.asking import FIELDS
from tests import second_reader
from tests.unit.cli_runs import Left, clearing
from verifier import facts, origin
from verifier.bundle import Bundle
from verifier.forms import given

ROOT = Path(__file__).parents[2]
AUDIT, EVIDENCE, DAY = (
    (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    for name in ("audit", "evidence", "settlement-day")
)
REFUSED = ("drop view", "tradez")
UNANCHORED = ("--key Glenside=KEY",)
Ran = list[tuple[str, str, Left]]
"""Each command, what is said that its block prints, how it left."""


def fenced(document: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)


def table(document: str, first: str) -> list[list[str]]:
    """The rows of the table whose first column is called so."""
    (found,) = re.findall(rf"^\| {first} \|.*\n\|[-| ]+\|\n((?:\|.*\n)+)", document, re.MULTILINE)
    return [[cell.strip() for cell in row.strip().strip("|").split(" | ")] for row in found.splitlines()]


def listed(document: str, begin: str, end: str) -> list[str]:
    """What stands in backquotes between two texts, in its order."""
    return re.findall(r"`([^`]+)`", document.split(begin, 1)[1].split(end, 1)[0])


def blocks(document: str) -> Iterator[tuple[list[str], str]]:
    """Commands with what is said behind them that they print, if anything is."""
    pattern = r"^```sh\n(.*?)^```$(?:\n\n^```text\n(.*?)^```$)?"
    for commands, said in re.findall(pattern, document, re.MULTILINE | re.DOTALL):
        yield commands.splitlines(), said


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the commands run, in a terminal 100 columns wide."""
    path, before = tmp_path_factory.mktemp("documents"), Path.cwd()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("COLUMNS", "100")
        os.chdir(path)
        yield path
        os.chdir(before)


@pytest.fixture(scope="module")
def ran(folder: Path) -> Ran:
    """Every command of both documents, with what is said that its block prints; the ledger is made once."""
    found: Ran = []
    known: dict[str, str] = {}
    (queue,) = fenced(DAY, "json")
    (folder / "queue.json").write_text(queue)
    for commands, said in (*blocks(EVIDENCE), *blocks(AUDIT), *blocks(DAY)):
        for command in commands:
            if command.startswith("clearing demo") and (folder / "books").exists():
                continue
            program, *words = shlex.split(command)
            assert program == "clearing"
            left = clearing(*(each.replace("HEAD", known.get("head", "")) for each in _keyed(words, folder)))
            found.append((command, said, left))
            if "head" not in known:
                known["head"] = clearing("status", "books", "--json").shown["head"]
    return found


def _keyed(words: list[str], folder: Path) -> Iterator[str]:
    for each in words:
        if each.endswith("=KEY"):
            name = each.partition("=")[0]
            rows = clearing("audit", "books", "institutions", "--institution", name, "--json").shown["rows"]
            each = f"{name}={rows[0]['signer']}"
        yield each


def test_commands_given_any_run_as_written(ran: Ran) -> None:
    assert len(ran) > 25
    for command, _, left in ran:
        wanted = 2 if any(each in command for each in REFUSED) else 0
        wanted = 1 if any(each in command for each in UNANCHORED) else wanted
        assert left.code == wanted, command + left.err + left.out
        assert bool(left.err) == (wanted == 2), command + left.err


def test_text_given_any_is_what_is_printed(ran: Ran) -> None:
    texts = {said: "" for _, said, _ in ran if said}
    assert len(texts) >= 8
    for _, said, left in ran:
        if said:
            texts[said] += left.out
    for said, printed in texts.items():
        lines, position = printed.splitlines(), 0
        for line in said.splitlines():
            if line.strip() == "[...]":
                continue
            wanted = re.compile(re.escape(line).replace("…", ".*"))
            at = next((k for k, each in enumerate(lines[position:]) if wanted.fullmatch(each)), None)
            assert at is not None, f"{line}\n\nis not in\n\n{printed}"
            position += at + 1


def test_gridlock_given_the_example_settles_three(ran: Ran) -> None:
    (done,) = [left.out for command, _, left in ran if "gridlock" in command]
    assert done.startswith("3 of 4 settle")


def test_export_given_the_questions_has_the_answers(ran: Ran) -> None:
    proof, shares, conserved = (duckdb.sql(each).fetchall() for each in fenced(AUDIT, "sql"))
    ((number, *_, status, recorded, affirmed, settled),) = proof
    assert (number, status, len({recorded, affirmed, settled})) == (42, "settled", 3)
    # The scenario's agreements are all with the same shares, so both are sums over brokers.
    assert len(shares) == 4
    assert all(received == owed > 0 for _, _, received, owed in shares)
    assert {kind: created for kind, _, _, _, created in conserved} == {"cash": 0, "security": 0}
    assert all(issued == held > 0 for _, _, issued, held, _ in conserved)


def test_python_given_the_example_answers(ran: Ran, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = fenced(AUDIT, "python")
    exec(compile(code, "docs/audit.md", "exec"), {})
    assert capsys.readouterr().out == "2 33\n"


def test_verifier_given_its_packages_needs_no_other(ran: Ran, folder: Path) -> None:
    """Of what is installed it imports what the document installs, and nothing else."""
    (line,) = re.findall(r"pip install (.+)", EVIDENCE)
    names = {re.split(r"[\[<>=]", each)[0].replace("-", "_") for each in shlex.split(line)}
    program = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); before = {*sys.modules};"
        "import verifier.__main__ as m;"
        "code = m.main(); print(sorted({each.partition('.')[0] for each in {*sys.modules} - before}));"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(ROOT), "trade.evidence"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    *_, modules = done.stdout.splitlines()
    brought = set(json.loads(modules.replace("'", '"'))) - sys.stdlib_module_names - {"verifier"}
    # sha3 is the extra that eth-hash is installed with; modules in C have a line in front.
    assert {each for each in brought if not each.startswith("_")} == {*names, "sha3"}


def test_file_given_what_is_said_of_it_can_be_read_by_others(ran: Ran, folder: Path) -> None:
    found = second_reader.read((folder / "trade.evidence").read_bytes())
    assert {*found.headers} == {*range(1, 34)}
    for block, fields in found.headers.items():
        if block > 1:
            assert fields[second_reader.PARENT] == keccak(rlp.encode(found.headers[block - 1]))
    shown = clearing("status", "books", "--json").shown
    assert "0x" + keccak(rlp.encode(found.headers[33])).hex() == shown["head"]
    for block, (transactions, receipts) in found.blocks.items():
        roots = found.headers[block][second_reader.TRANSACTIONS], found.headers[block][second_reader.RECEIPTS]
        assert (second_reader.root(transactions), second_reader.root(receipts)) == roots
    assert [len(batch) for batch in found.records] == [60]
    record = json.loads((folder / "books" / "deployment.json").read_text())
    by, at = bytes.fromhex(record["operator"][2:]), record["addresses"]
    raws = [raw for transactions, _ in found.blocks.values() for raw in transactions]
    ((house, given_to_it),) = [made for raw in raws if (made := second_reader.created(raw, by)) is not None]
    assert ["0x" + each.hex() for each in (house, *given_to_it)] == [
        at[name].lower() for name in ("ClearingHouse", *origin.NAMED)
    ]
    assert [[second_reader.number(each[:4]) for each in batch] for batch in found.chosen] == [[3]]


def test_lists_given_any_of_evidence_are_whole(ran: Ran) -> None:
    named = {
        name: tuple(compared.split())
        for names, compared, _ in table(EVIDENCE, "field")
        for name in names.split(", ")
    }
    assert named == FIELDS
    (statuses,) = [value for name, _, value in table(EVIDENCE, "field") if name == "status"]
    assert re.split(", | or ", statuses) == list(facts.STATUSES[1:])
    shown = clearing("verify", "trade.evidence", "--json").shown
    assert listed(EVIDENCE, "`--json` has", "`as_of` is the block") == list(shown)
    parts = [row[0] for row in table(EVIDENCE, "part")]
    (order,) = re.findall(r"in RLP, by \*zeros\*: \[chain_id, ([^]]+)\]", EVIDENCE)
    assert [*re.split(r",\s+", order), "digest"] == parts
    assert {*parts, "chain_id"} == {*Bundle.__slots__, "events"}
    kept = json.loads(Path("glenside.json").read_text())
    said = listed(EVIDENCE, "A kept affirmation is JSON:", "\n\n")
    assert [name for name in said if name != given.STATEMENT] == list(kept)
    assert kept["format"] == given.STATEMENT
    assert given.STATEMENT in said
    assert f"`{WHOLE.header}`" in EVIDENCE


def test_lists_given_any_of_audit_are_whole(ran: Ran, tmp_path: Path) -> None:
    limits = Limits()
    limit = {row[0]: row[1:] for row in table(AUDIT, "limit")}
    assert limit["time"][0] == f"{limits.time_s} s"
    assert limit["memory"][0] == f"{limits.memory_mb:,} MB"
    assert limit["result"][0] == f"{limits.rows:,} rows, {limits.bytes >> 20} MB"
    assert limit["text"][0] == f"{MOST_BYTES:,} bytes"
    assert [row[0] for row in table(AUDIT, "rule")] == list(RULES)
    for said in (
        f"{SEGMENT_ROWS:,} rows or more",
        f"at {LARGEST_ROWS:,}.",
        f"({VERSION})",
        f"shows {ROWS} rows",
    ):
        assert said in AUDIT
    whole = Policy()
    for names, rule in table(AUDIT, "who"):
        for name in names.split(", "):
            if name in whole.roles:
                assert whole.roles[name] == rule
    assert {name for names, _ in table(AUDIT, "who") for name in names.split(", ")} >= {*whole.roles}
    (example,) = fenced(AUDIT, "yaml")
    read = policy.parse(
        example.encode(), "access.yaml", ["Aldersgate", "Birchwood", "Calder Vale", "Dunmore"]
    )
    assert (read.roles["partner"], read.people["ben"], read.others) == (
        "masked",
        ("Calder Vale", "Dunmore"),
        "refused",
    )
    assert listed(AUDIT, "`--by` sums, by", "; `--trade`") == list(GROUPS)
    asked = clearing("audit", "books", "trade", "2024-03-14/3", "--json").shown
    keys = listed(AUDIT, "JSON has `ledger`", "for one trade")
    assert {"ledger", *keys} == asked.keys() | asked["as_of"].keys()
    (group,) = [each.typer_instance for each in cli.app.registered_groups if each.name == "audit"]
    assert group is not None
    questions = {each.name or getattr(each.callback, "__name__", "") for each in group.registered_commands}
    assert {
        command.split()[3] for command, *_ in ran if command.startswith("clearing audit")
    } >= questions - {
        "views",
        "institutions",
    }
