"""The command: its exit codes, its streams, its options.

0 done, 1 something needs attention, 2 bad input or usage, 3 the environment lacks something, 130 interrupted;
standard output carries the report or one JSON object; messages and progress go to standard error
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import ledger.chain.anvil
import settlement.day
from ledger.chain import available
from settlement import cli, sample
from settlement.errors import LedgerDisagrees

COMMAND = (sys.executable, "-c", "from settlement.cli import main; main()")
ROOT = Path(__file__).resolve().parents[2]


class Left(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own, with a small trade file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "day.csv").write_bytes(sample.generate(7, trades=60))
    return tmp_path


@pytest.fixture
def clearing(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command in this process."""

    def run(*arguments: str) -> Left:
        with pytest.raises(SystemExit) as left:
            cli.app(list(arguments), prog_name="clearing")
        code = left.value.code
        out, err = capsys.readouterr()
        return Left(code if isinstance(code, int) else 0, out, err)

    return run


def started(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """The command as a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run([*COMMAND, *arguments], env=environment, timeout=120, check=False, **options)


def until(wanted: Callable[[], Any]) -> Any:
    """What `wanted` says once it says something, within half a minute."""
    for _ in range(600):
        if found := wanted():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def test_version_given_nothing_else_loads_nothing_heavy(clearing: Any) -> None:
    assert clearing("--version") == (0, "clearing 0.1.0\n", "")
    heavy = "numpy web3 eth pyarrow duckdb rich pydantic yaml coincurve"
    check = f"import sys, settlement.cli; sys.exit(any(n in sys.modules for n in {heavy.split()!r}))"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", check], env=environment, check=False).returncode == 0


def test_help_given_any_command_says_its_options(clearing: Any) -> None:
    commands = {
        "demo": "--seed --trades --chain --ledger --all --save",
        "day": "--scenario --chain --ledger --cover --date --objective --time-limit --strict --rejects"
        " --export --all",
        "init": "--scenario --chain --join --finality --passphrase-file",
        "record": "--date --strict --rejects --no-affirm --all --passphrase-file",
        "trade": "--buyer --seller --security --quantity --amount --passphrase-file",
        "affirm": "--as --book --passphrase-file",
        "fund": "--cover --passphrase-file",
        "settle": "--objective --time-limit --all --passphrase-file",
        "gridlock": "--objective --time-limit",
        "reconcile": "--date --all",
        "status": "",
        "report": "--date --export --all",
        "doctor": "",
        "backup": "",
        "resync": "--new-genesis",
        "node": "--port",
    }
    listed = clearing("--help").out
    assert [command for command in commands if f"\n  {command} " not in listed] == []
    for command, options in commands.items():
        left = clearing(command, "--help")
        assert left.code == 0
        shown = " ".join(left.out.split())
        wanted = ["--format", "--json", *options.split()]
        assert [option for option in wanted if option not in shown] == [], command


def test_demo_given_nothing_ends_with_the_report(clearing: Any) -> None:
    left = clearing("demo", "--trades", "200")
    assert left.code == 0
    assert left.err == ""
    assert left.out.startswith("2024-03-14, scenario sample: 12 brokers, 19 securities")
    assert "Breaks: none." in left.out


def test_demo_given_a_file_to_save_to_is_that_day_again(clearing: Any) -> None:
    saved = "--save", "kept.csv", "--save-clients", "clients.csv"
    first = json.loads(clearing("demo", "--seed", "3", "--trades", "80", "--json", *saved).out)
    assert Path("kept.csv").read_bytes() == sample.generate(3, trades=80)
    with_clients = "kept.csv", "--clients", "clients.csv"
    again = json.loads(clearing("day", *with_clients, "--scenario", "sample", "--json").out)
    assert first | {"seconds": 0} == again | {"seconds": 0}


def test_day_given_less_cover_ends_with_attention(clearing: Any) -> None:
    left = clearing("day", "day.csv", "--scenario", "sample", "--cover", "0.5")
    assert left.code == 1
    assert "What waits, and why" in left.out


def test_day_given_a_scenario_by_path_reads_it(clearing: Any) -> None:
    shipped = ROOT / "settlement" / "scenarios" / "sample.yaml"
    Path("mine.yaml").write_text(shipped.read_text().replace("name: sample", "name: mine"))
    shown = json.loads(clearing("day", "day.csv", "--scenario", "mine.yaml", "--json").out)
    assert shown["scenario"] == "mine"


def test_export_given_a_directory_that_is_not_there_makes_it(clearing: Any) -> None:
    assert clearing("day", "day.csv", "--scenario", "sample", "--export", "a/b").code == 0
    assert len(list(Path("a/b").glob("*.parquet"))) == 4


def test_export_given_bad_input_makes_no_directory(clearing: Any) -> None:
    assert clearing("day", "missing.csv", "--scenario", "sample", "--export", "out").code == 2
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("day day.csv", "Missing option '--scenario'"),
        ("day --scenario sample", "Missing argument 'FILE'"),
        ("day day.csv --scenario sample --date 2024-3x", "--date"),
        ("day day.csv --scenario sample --nonsense", "--nonsense"),
        ("demo --trades 0", "--trades"),
        ("demo --seed many", "--seed"),
        ("nonsense", "nonsense"),
    ],
)
def test_usage_given_a_mistake_ends_with_2(clearing: Any, arguments: str, said: str) -> None:
    left = clearing(*arguments.split())
    assert (left.code, left.out) == (2, "")
    assert said in left.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("day missing.csv --scenario sample", "missing.csv: there is no such file"),
        ("day . --scenario sample", "is a directory"),
        ("day empty --scenario sample", "empty: is empty"),
        ("day list.yaml --scenario sample", "line 1 is not the header of format canonical"),
        ("day day.csv --scenario nepse-2019", "line 1 is not the header of format nepse"),
        ("day header --scenario sample", "has no rows; give the day with --date"),
        ("day day.csv --scenario nope", "no scenario 'nope'"),
        ("day day.csv --scenario nope.yaml", "nope.yaml: there is no such file"),
        ("day day.csv --scenario list.yaml", "list.yaml: line 2: a scenario is a mapping"),
        ("day day.csv --scenario sample --cover 1.5", "'1.5' is no fraction: at most 1"),
        ("day day.csv --scenario sample --cover 0", "'0' is no cover"),
        ("day day.csv --scenario sample --cover -1", "'-1' is no"),
        ("day day.csv --scenario sample --chain besu", "unknown chain 'besu'; known: anvil, pyevm"),
        ("day day.csv --scenario sample --export day.csv", "a file is in its place"),
        ("demo --save missing/kept.csv", "missing/kept.csv: cannot be written"),
    ],
)
def test_input_given_a_mistake_is_a_clear_message_and_2(clearing: Any, arguments: str, said: str) -> None:
    Path("empty").touch()
    Path("header").write_bytes(sample.generate(7, trades=0))
    Path("list.yaml").write_text("# nothing\n- but a list\n")
    left = clearing(*arguments.split())
    assert (left.code, left.out) == (2, "")
    assert left.err.startswith("clearing: ")
    assert said in left.err
    assert left.err.count("\n") == 1


def test_scenario_given_mistakes_names_every_key_and_line(clearing: Any) -> None:
    text = (ROOT / "settlement" / "scenarios" / "sample.yaml").read_text()
    text = text.replace("venue: Meridian Exchange", "venue: Nobody").replace("rate_ppm: 50,", "rate_ppm: -5,")
    Path("mine.yaml").write_text(text)
    left = clearing("day", "day.csv", "--scenario", "mine.yaml")
    lines = text.splitlines()
    venue = next(i for i, line in enumerate(lines, 1) if line.startswith("venue:"))
    levy = next(i for i, line in enumerate(lines, 1) if "rate_ppm: -5" in line)
    assert left.code == 2
    assert left.err.startswith("clearing: mine.yaml: 2 mistakes\n")
    assert f"line {venue}: venue: " in left.err
    assert f"line {levy}: fees.levy.rate_ppm: " in left.err


def test_chain_given_none_installed_ends_with_3(clearing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger.chain.anvil, "find_anvil", lambda: None)
    left = clearing("day", "day.csv", "--scenario", "sample", "--chain", "anvil")
    assert (left.code, left.out) == (3, "")
    assert left.err.startswith("clearing: chain 'anvil' is not available")


def test_chain_given_none_asked_for_is_pyevm_where_anvil_is_not_installed(
    clearing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger.chain.anvil, "find_anvil", lambda: None)
    assert json.loads(clearing("demo", "--trades", "5", "--json").out)["chain"] == "pyevm"


def test_day_given_a_ledger_that_disagrees_ends_with_3(
    clearing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disagree(*_: object, **__: object) -> None:
        raise LedgerDisagrees("settlement 0x12, grossAmount", 1, 2)

    monkeypatch.setattr(settlement.day, "run", disagree)
    left = clearing("demo")
    assert (left.code, left.out) == (3, "")
    assert "the ledger says 1, the recorded trades come to 2" in left.err


def test_day_given_an_interrupt_ends_with_130(clearing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(settlement.day, "run", interrupt)
    assert clearing("demo") == (130, "", "clearing: interrupted\n")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="this system has no /proc to see engines in")
@pytest.mark.skipif("anvil" not in available(), reason="anvil is not installed; `make setup` installs it")
def test_process_given_an_interrupt_leaves_no_engine_behind() -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*COMMAND, "demo", "--trades", "60000", "--chain", "anvil"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        # A run in the background hands down that interrupts are ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    engines = until(lambda: children.read_text().split())
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, b"", b"clearing: interrupted\n")
    assert until(lambda: not any(Path(f"/proc/{engine}").exists() for engine in engines))


def test_reader_given_it_has_gone_away_is_no_failure() -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*COMMAND, "demo", "--trades", "20", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(60) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_output_given_a_full_disk_is_a_clear_message() -> None:
    Path("queue.json").write_text('{"balances": [5, 6], "payments": [[1, 2, 5]]}')
    with open("/dev/full", "wb") as full:
        run = started("gridlock", "queue.json", stdout=full, stderr=subprocess.PIPE)
    assert (run.returncode, run.stderr.count(b"\n")) == (2, 1)
    assert run.stderr.startswith(b"clearing: standard output: cannot be written")


def test_output_given_an_encoding_without_the_characters_is_not_a_failure() -> None:
    with open("day.csv", "ab") as file:
        file.write("1,2024-03-14,,Łódź,Dunmore,ZZ0000010379,1,1.00,1.00\n".encode())
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    run = subprocess.run(
        [*COMMAND, "day", "day.csv", "--scenario", "sample"],
        env=environment,
        capture_output=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (1, b"")
    assert b"|??d? " in run.stdout


def test_progress_given_a_terminal_is_on_standard_error_only() -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "day", "day.csv", "--scenario", "sample", "--json"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        # Read while it runs: a terminal that nobody reads from stops who writes to it.
        with contextlib.suppress(OSError):  # how Linux says that the other end is closed
            while part := os.read(ours, 65_536):
                shown += part
        os.close(ours)
        assert process.stdout is not None
        assert json.loads(process.stdout.read())["settled"] == 60
    for doing in (
        b"reading the trade file",
        b"recording the trades",
        b"holding each book against the ledger",
    ):
        assert doing in shown
