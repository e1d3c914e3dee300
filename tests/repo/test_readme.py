"""README is true: its commands run as written, its sample is what is printed, its lists are complete."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from settlement import cli
from settlement.intake import canonical
from tests.unit.cli_runs import clearing

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {
    name: value
    for name, value in (os.environ | {"COLUMNS": "80", "PYTHONIOENCODING": "utf-8"}).items()
    if not name.startswith(("MAKE", "MFLAGS")) and name != "FORCE_COLOR"
}
"""As a user has it whose terminal is 80 columns wide, also where these tests were started by `make`."""
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Every command, in order; one with a quotation goes on until that is closed."""
    found: list[str] = []
    for block in blocks("sh"):
        for line in block.splitlines():
            if found and found[-1].count('"') % 2:
                found[-1] += "\n" + line
            else:
                found.append(line)
    return found


def recipe(target: str) -> str:
    """What `make` would run for a target, without what setting up would."""
    made = subprocess.run(
        [
            "make",
            "--dry-run",
            "--silent",
            "--assume-old=.venv/.ready",
            "--assume-old=node_modules/.ready",
            target,
        ],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout.splitlines()[-1]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command as a shell in `folder` runs it."""
    return subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty directory that has, as a checkout that is set up has, an environment in `.venv`."""
    folder = tmp_path_factory.mktemp("checkout")
    binaries = folder / ".venv" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "python").write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} "$@"\n')
    entry = "from settlement.cli import main; main()"
    (binaries / "clearing").write_text(
        f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -c "{entry}" "$@"\n'
    )
    for program in binaries.iterdir():
        program.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def ran(checkout: Path) -> list[tuple[str, subprocess.CompletedProcess[str]]]:
    """Every command but those of `make`, in their order, as later ones read what earlier ones wrote."""
    return [(command, run(command, checkout)) for command in commands() if not command.startswith("make ")]


def test_commands_given_a_checkout_run_as_written(
    ran: list[tuple[str, subprocess.CompletedProcess[str]]],
) -> None:
    """Only less cover may end with 1, a run that finds too little cash to pay, and a book that differs."""
    assert len(ran) >= 6
    attention = ("--cover", "agreement run", "=altered.csv", "breaks books list")
    for command, done in ran:
        wanted = 1 if any(each in command for each in attention) else 0
        assert done.returncode == wanted, command + done.stderr
        assert done.stderr == ""


def test_reconciling_given_the_altered_copy_finds_the_break_that_is_said(
    ran: list[tuple[str, subprocess.CompletedProcess[str]]],
) -> None:
    said = {command: done.stdout for command, done in ran}
    (clean,) = [text for command, text in said.items() if "=day.csv" in command]
    assert clean.startswith("No breaks: everything in books. 12 books held against the ledger: 3,865")
    (listed,) = [text for command, text in said.items() if "breaks books list" in command]
    assert listed.count("B-") == 2  # the break and what to do next
    assert re.search(r"51,300\.00.*open", listed)
    assert listed.count("800 / 80") == 1


def test_evidence_given_the_head_of_its_ledger_is_anchored(
    ran: list[tuple[str, subprocess.CompletedProcess[str]]],
) -> None:
    said = {command: done.stdout for command, done in ran}
    (verdict,) = [text for command, text in said.items() if "verify trade.evidence" in command]
    assert verdict.startswith(
        "anchored: every trade with number = 3, trading_day = 2024-03-14: 1 trade, and no"
    )
    (asked,) = [text for command, text in said.items() if "audit books sql" in command]
    assert len(re.findall(r"^\w[\w ]+ +\d+$", asked, re.MULTILINE)) == 12


def test_make_given_each_target_that_is_named_has_it() -> None:
    named = {command.split()[1] for command in commands() if command.startswith("make ")}
    assert {"demo", "test"} <= named
    for target in named | set(re.findall(r"`make (\w+)", README)):
        subprocess.run(
            ["make", "--dry-run", target], cwd=ROOT, env=ENVIRONMENT, capture_output=True, check=True
        )


def test_make_demo_given_its_recipe_prints_the_sample(checkout: Path) -> None:
    done = run(recipe("demo"), checkout)
    assert done.returncode == 0
    (sample,) = blocks("text")
    printed = done.stdout.replace("T+0 on pyevm", "T+0 on anvil").splitlines()
    position = 0
    for line in sample.splitlines():
        if line.strip() != "[...]":
            assert line in printed[position:], line
            position = printed.index(line, position)


def test_make_test_given_its_recipe_collects_these_tests() -> None:
    command = recipe("test")
    assert command.startswith(".venv/bin/python -m pytest")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "--quiet", __file__],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "test_make_test_given_its_recipe_collects_these_tests" in done.stdout


def test_json_given_its_keys_has_each_explained() -> None:
    shown = clearing("demo", "--trades", "5", "--json").shown
    (table,) = re.findall(r"\| key \| what it says \|\n(.*?)\n\n", README, re.DOTALL)
    explained = {key for row in table.splitlines()[1:] for key in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert explained == shown.keys()


def test_options_given_any_that_is_named_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.app.registered_commands
    for command in cli.app.registered_commands:
        assert command.callback is not None
        with pytest.raises(SystemExit):
            cli.app([command.name or command.callback.__name__, "--help"])
    for group in cli.app.registered_groups:
        assert group.typer_instance is not None
        for command in group.typer_instance.registered_commands:
            assert command.callback is not None
            place = ["L"] if group.name in ("breaks", "audit", "clients") else []
            with pytest.raises(SystemExit):
                cli.app([group.name, *place, command.name or command.callback.__name__, "--help"])
    known = set(re.findall(r"--[a-z][a-z-]*", capsys.readouterr().out))
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", README)) <= known


def test_format_given_its_header_is_the_one_that_is_read() -> None:
    assert f"\n    {canonical.of_exponent(2).form.header}\n" in README


def test_dependencies_given_any_are_explained_and_no_other() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[\[<>=]", each)[0].lower() for each in wanted}
    names |= set(json.loads((ROOT / "package.json").read_text())["devDependencies"])
    (table,) = re.findall(r"\| package \| for \|\n(.*?)\n\n", README, re.DOTALL)
    explained = {
        name.strip().lower() for row in table.splitlines()[1:] for name in row.split("|")[1].split(",")
    }
    assert explained == names


def test_paths_given_any_that_is_named_are_there() -> None:
    for name in re.findall(r"`((?:contracts|ledger|settlement|verifier|docs|tests|scripts)/[^`]*)`", README):
        assert (ROOT / name).exists(), name
    for contract in re.findall(r"`([A-Z]\w+)`", README):
        if contract not in {"LICENSE", "NAME"}:
            assert (ROOT / "contracts" / f"{contract}.sol").exists(), contract


def test_text_given_any_names_no_host_and_is_not_a_wall() -> None:
    assert "://" not in README
    assert len(README.splitlines()) < 400
    assert all(len(line) <= 125 for line in README.splitlines())
