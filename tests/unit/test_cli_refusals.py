"""What commands on a ledger refuse: one clear message on standard error, none on standard output, and 2."""

from __future__ import annotations

from pathlib import Path

import pytest

import ledger.chain.anvil
from ledger.chain.lock import writing
from ledger.clock import SystemClock
from settlement import sample
from tests.unit.cli_runs import ROOT, clearing

TRADE = "trade L --buyer Dunmore --seller Birchwood --security ZZ0000010379 --quantity 10 --amount 4290.00"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an empty ledger, and some files."""
    folder = tmp_path_factory.mktemp("refusals")
    (folder / "day.csv").write_bytes(sample.generate(7, trades=5))
    (folder / "wrong.csv").write_bytes(sample.generate(7, trades=1) + b"x\n")
    (folder / "full").mkdir()
    (folder / "full" / "file").touch()
    (folder / "half").mkdir()
    (folder / "half" / "ledger.json").write_text('{"format": 1, "chain": "pyevm"}')
    shipped = (ROOT / "settlement" / "scenarios" / "sample.yaml").read_bytes()
    (folder / "half" / "scenario.yaml").write_bytes(shipped)
    (folder / "odd").mkdir()
    (folder / "odd" / "ledger.json").write_text('{"format": 1, "chain": 7}')
    assert clearing("init", folder / "L").code == 0
    return folder


@pytest.fixture(autouse=True)
def inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


COMMANDS = [
    "status {}",
    "report {}",
    "reconcile {}",
    "record {} day.csv",
    "affirm {}",
    "fund {}",
    "settle {}",
    "backup {} copy",
    "resync {}",
    "doctor {}",
    "node {}",
    TRADE.replace(" L ", " {} "),
]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("place", ["missing", "full", "day.csv"])
@pytest.mark.parametrize("form", ["text", "json"])
def test_directory_given_no_ledger_says_how_to_make_one(command: str, place: str, form: str) -> None:
    left = clearing(*command.format(place).split(), "--format", form)
    assert (left.code, left.out) == (2, "")
    assert left.err == f"clearing: {place}: is no ledger; `clearing init {place}` makes one\n"
    assert not Path("copy").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("init L", "L: holds a ledger already"),
        ("init full", "full: holds files that are no ledger's"),
        ("init day.csv", "day.csv: holds a file"),
        ("init new --scenario nope", "no scenario 'nope'"),
        ("init new --scenario nope.yaml", "nope.yaml: there is no such file"),
        ("init new --chain besu", "unknown chain 'besu'"),
        ("init half --scenario nepse-2019", "half: is a ledger of scenario sample"),
        ("status half", "half: was not set up to its end; `clearing init half` goes on"),
        ("status odd", "odd (ledger.json: chain: "),
        ("record L missing.csv", "missing.csv: there is no such file"),
        ("record L full", "full: is a directory"),
        ("record L wrong.csv --strict", "wrong.csv: line 3: row"),
        ("record L wrong.csv --rejects wrong.csv", "wrong.csv: cannot be written: it is the trade file"),
        ("affirm L --as Nobody", "no broker 'Nobody' on this ledger"),
        ("affirm L --as Dunmore --book missing.csv", "missing.csv: there is no such file"),
        ("affirm L --as Dunmore --book wrong.csv", "wrong.csv: line 3: row"),
        ("affirm L --as Nobody --book day.csv", "no broker 'Nobody'"),
        ("fund L --cover 1.5", "'1.5' is no fraction: at most 1"),
        ("fund L --cover 0", "'0' is no cover"),
        ("reconcile L --date 2024-03-14", "no trading day '2024-03-14'"),
        ("report L --date 2024-03-14", "no trading day '2024-03-14'"),
        ("report L --export day.csv", "a file is in its place"),
        ("backup L full", "full: holds something"),
        (TRADE.replace("Dunmore", "Nobody"), "no broker 'Nobody'"),
        (TRADE.replace("ZZ0000010379", "NABIL"), "no security 'NABIL'"),
        (TRADE.replace("4290.00", "4290.005"), "'4290.005' is no amount: at most 2 digits"),
        (TRADE.replace("4290.00", "0"), "0 is no settlement amount"),
        (TRADE.replace("4290.00", "1e3"), "'1e3' is no amount"),
        ("day day.csv --scenario nepse-2019 --ledger L", "L: is a ledger of scenario sample"),
        ("demo --ledger full", "full: holds files that are no ledger's"),
        ("demo --ledger L --chain OTHER", "L: runs on "),
    ],
)
def test_input_given_a_mistake_is_a_clear_message_and_2(arguments: str, said: str) -> None:
    if "OTHER" in arguments:
        used = clearing("status", "L", "--json").shown["chain"]
        arguments = arguments.replace("OTHER", {"anvil": "pyevm", "pyevm": "anvil"}[used])
    left = clearing(*arguments.split())
    assert (left.code, left.out) == (2, ""), left.err
    assert left.err.startswith("clearing: ")
    assert said in left.err
    assert left.err.count("\n") == 1
    assert not Path("new").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("status", "Missing argument 'DIR'"),
        ("status L --json --format text", "'--json' and '--format text' contradict each other"),
        ("status L --format xml", "--format"),
        ("report L --date 14.3.2024", "'--date': '14.3.2024' is no day; one is wanted as 2024-03-14"),
        ("audit L trades --from 2024-13-01", "'--from': '2024-13-01' is no day; one is wanted as"),
        ("evidence L --institution X --to 2024-02-30 -o x", "'--to': '2024-02-30' is no day"),
        ("affirm L --book day.csv", "say whose book it is with '--as'"),
        ("init new --finality soon", "'soon' is neither a number of blocks nor 'finalized'"),
        ("trade L --buyer Dunmore", "Missing option '--seller'"),
        (TRADE.replace("--quantity 10", "--quantity 1.5"), "--quantity"),
        (TRADE.replace("--quantity 10", "--quantity 0"), "--quantity"),
        ("node L --port 70000", "--port"),
        ("reconcile L --mapping a.yaml --mapping b.yaml --bank c.xml", "are both for all sources"),
        ("reconcile L --mapping Dunmore=a.yaml --bank c.xml", "no source of 'Dunmore' is given"),
    ],
)
def test_usage_given_a_mistake_ends_with_2(arguments: str, said: str) -> None:
    left = clearing(*arguments.split())
    assert (left.code, left.out) == (2, "")
    assert said in " ".join(left.err.split())


@pytest.mark.parametrize(
    "command", [each for each in COMMANDS if each.split()[0] in {"fund", "settle", "affirm"}]
)
def test_writer_given_another_is_told_who(command: str, folder: Path) -> None:
    with writing(folder / "L", clock=SystemClock()):
        left = clearing(*command.format("L").split())
        reader = clearing("status", "L", "--json")
    assert (left.code, left.out) == (3, "")
    assert left.err.startswith("clearing: L is being written to by process ")
    assert reader.code == 0
    assert reader.shown["writer"].startswith("process ")


def test_init_given_an_engine_that_is_not_installed_ends_with_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger.chain.anvil, "find_anvil", lambda: None)
    left = clearing("init", "elsewhere", "--chain", "anvil")
    assert (left.code, left.out) == (3, "")
    assert left.err.startswith("clearing: chain 'anvil' is not available")
