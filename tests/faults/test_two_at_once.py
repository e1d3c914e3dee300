"""Two processes on one ledger, a ledger that is moved, and one that is copied while it is written to."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.chain import default_engine
from settlement.directory import open_ledger
from tests.faults.damage import folder
from tests.faults.steps import STEPS, Commands, Stage, state_of


@pytest.fixture(scope="module")
def other() -> Iterator[Commands]:
    """A second process."""
    with folder() as at:
        commands = Commands(at, default_engine())
        yield commands
        commands.close()


@pytest.mark.parametrize("step", STEPS)
def test_two_at_once_given_the_same_step_one_is_told_who_has_it_and_repeats_it(
    first_stage: Stage, other: Commands, step: str, tmp_path: Path
) -> None:
    at = first_stage.before(step, f"two {step}")
    first_stage.commands.start(*first_stage.argv(step, at))
    ended = other.run(*first_stage.argv(step, at))
    while ended.code == 3:
        assert "is being written to by" in ended.said
        ended = other.run(*first_stage.argv(step, at))
    one = first_stage.commands.end()
    if one.code == 3:  # the other was first
        assert "is being written to by" in one.said
        one = first_stage.run(step, at)
    codes = sorted([one.code, ended.code])
    # The second finds everything done: a ledger that is there, rows that are recorded.
    assert codes in {"init": ([0, 2], [0, 0]), "record": ([0, 1],)}.get(step, ([0, 0],))
    assert state_of(at) == first_stage.states[step]
    shutil.rmtree(at)


def test_reader_given_a_writer_all_along_is_never_refused(first_stage: Stage, other: Commands) -> None:
    """status beside every step, as often as it goes: an older ledger or a newer one, and exit code 0."""
    at = first_stage.before("record", "read along")
    seen = []
    for step in STEPS[1:]:
        first_stage.commands.start(*first_stage.argv(step, at))
        for _ in range(2):
            told = other.run("status", at, "--json")
            assert told.code == 0, told.said
            seen.append(json.loads(told.said))
        assert first_stage.commands.end().code == 0
    blocks = [each["block"] for each in seen]
    assert blocks == sorted(blocks)
    assert {each["recorded"] for each in seen} <= {0, 60, 120, 180, 240, 300}
    assert state_of(at) == first_stage.states["settle"]
    shutil.rmtree(at)


def test_ledger_given_it_is_moved_while_closed_goes_on(first_stage: Stage, tmp_path: Path) -> None:
    at = first_stage.before("record", "to be moved")
    for i, step in enumerate(STEPS[1:]):
        assert first_stage.run(step, at).code == 0
        at = at.rename(at.with_name(f"moved {i} #?%20é"))
    assert state_of(at) == first_stage.states["settle"]
    assert first_stage.commands.run("reconcile", at).code == 0
    assert first_stage.commands.run("doctor", at).code == 0
    shutil.rmtree(at)


def test_backup_given_a_writer_is_a_ledger_of_its_beginning(first_stage: Stage, other: Commands) -> None:
    """Copies taken all along: each has the first blocks of the original, and goes on to the same end."""
    at = first_stage.before("record", "copied")
    copies = []
    for step in STEPS[1:]:
        first_stage.commands.start(*first_stage.argv(step, at))
        for _ in range(2):
            to = at.with_name(f"copy {len(copies)}")
            told = other.run("backup", at, to)
            assert told.code == 0, told.said
            copies.append(to)
        assert first_stage.commands.end().code == 0
    with open_ledger(at, write=False) as whole:
        chain = whole.market.chain
        blocks = [chain.block(number) for number in range(chain.block().number + 1)]
    for copy in copies:
        with open_ledger(copy, write=False) as part:
            chain = part.market.chain
            there = [chain.block(number) for number in range(chain.block().number + 1)]
            assert there == blocks[: len(there)]
    for copy in (copies[0], copies[-1]):
        for step in STEPS[1:]:
            assert first_stage.run(step, copy).code in ((0, 1) if step == "record" else (0,))
        assert state_of(copy) == first_stage.states["settle"]
        assert first_stage.commands.run("reconcile", copy).code == 0
    for each in (at, *copies):
        shutil.rmtree(each)


def test_ledger_given_a_writer_that_hangs_names_it_and_given_a_dead_one_does_not(
    first_stage: Stage, other: Commands
) -> None:
    """A process that is stopped holds the ledger; what a dead one has left in the file says nothing."""
    lock = json.dumps({"pid": 1, "host": "elsewhere", "command": "clearing settle", "since": "2019"})
    for attempt in (4, 5, 3, 6, 2, 7, 1):  # the moment to stop it at depends on the machine
        at = first_stage.before("record", f"held {attempt}")
        (at / "lock").write_text(lock)
        after_s = first_stage.seconds["record"] * attempt / 8
        first_stage.commands.start(*first_stage.argv("record", at), kill_after_s=after_s, whom="stop")
        time.sleep(after_s)
        refused, told = other.run("fund", at), other.run("status", at, "--json")
        assert first_stage.commands.end().code == 0
        if refused.code == 3:
            break
    pids = re.findall(
        r"being written to by process (\d+) on \S+ \(clearing record .*\) since 20", refused.said
    )
    assert len(pids) == 1
    assert pids[0] != "1"
    assert told.code == 0
    assert pids[0] in json.loads(told.said)["writer"]
    assert state_of(at) == first_stage.states["record"]


def test_ledger_given_its_journal_or_books_are_taken_away_is_refused_not_begun_anew(
    first_stage: Stage,
) -> None:
    for name, step in (("journal.sqlite", "fund"), ("scenario.yaml", "fund"), ("deployment.json", "fund")):
        at = first_stage.before(step, f"without {name}")
        (at / name).unlink()
        ended = first_stage.run(step, at)
        assert ended.code in (2, 3), ended.said
        assert not (at / "journal.sqlite").exists() or name != "journal.sqlite"
        shutil.rmtree(at)
    at = first_stage.before("fund", "emptied")
    os.truncate(at / "journal.sqlite", 0)
    assert first_stage.run("fund", at).code == 3
    assert first_stage.commands.run("status", at).code == 3
    shutil.rmtree(at)


def test_interrupted_step_given_control_c_ends_with_130_and_goes_on(first_stage: Stage) -> None:
    """SIGINT at moments of `record`: no traceback, 130 or done, and the same end."""
    for i in range(3):
        at = first_stage.before("record", f"interrupted {i}")
        ended = first_stage.run(
            "record", at, kill_after_s=first_stage.seconds["record"] * (i + 2) / 5, whom="interrupt"
        )
        assert ended.code in (130, 0), ended.said
        first_stage.run("record", at)
        assert state_of(at) == first_stage.states["record"]
        shutil.rmtree(at)
