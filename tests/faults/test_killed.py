"""kill -9 at random moments of real steps: run again, they end as if nothing had happened.

the program   ─ at any moment of record, fund, settle; of init
its engine    ─ the run itself goes on, on a new engine, and ends as it would have
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.faults.damage import chunk_of, scale
from tests.faults.steps import STEPS, Stage, moment, sent, state_of

KILLS = scale(40, "CLEARING_FAULT_KILLS")
"""Of record, fund and settle on the first engine; the others are less, in proportion."""
SEED = scale(20191121, "CLEARING_FAULT_SEED")
PARTS = 10
SHARE = {"anvil": 1, "pyevm": 10}
"""One in so many of the kills is for an engine."""
EACH_TO_THE_END = 11
"""One in so many kills is followed to the end of the day and reconciled."""


def kills(engine: str, part: int, total: int) -> range:
    """The numbers of this part's kills."""
    return chunk_of(-(-total // SHARE[engine]), part, PARTS)


@pytest.mark.parametrize("part", range(PARTS))
def test_step_killed_at_any_moment_and_run_again_ends_as_one_left_alone(stage: Stage, part: int) -> None:
    numbers = kills(stage.engine, part, KILLS)
    hit = 0
    for number in numbers:
        chance = random.Random(f"{SEED}/{number}")
        step = ("record", "fund", "settle")[number % 3]
        after_s = moment(chance, stage.seconds[step])
        at = stage.before(step, f"killed {number}")
        told = f"CLEARING_FAULT_SEED={SEED}, kill {number}: {step} after {after_s:.4f} s"
        killed = stage.run(step, at, kill_after_s=after_s)
        hit += killed.code == -9
        between = state_of(at)
        check_part(between, stage, step, told)
        begun = sent(at) > sent(stage.folder / f"after {STEPS[STEPS.index(step) - 1]}")
        again = stage.run(step, at)
        # What is on disk is recorded, and its rows are refused the second time.
        assert again.code == int(step == "record" and begun), f"{told}: {again.said}"
        assert state_of(at) == stage.states[step], told
        if number % EACH_TO_THE_END == 0:
            stage.check_to_the_end(step, at)
        shutil.rmtree(at)
    assert hit >= len(numbers) // 4 or len(numbers) < 8, "too few were killed before they had ended"


def check_part(between: dict[str, object], stage: Stage, step: str, told: str) -> None:
    """What a killed step leaves is a part of what it does, each trade the one it will be."""
    whole = stage.states[step]
    for key, trade in between["trades"].items():  # type: ignore[attr-defined]
        assert trade[:5] == whole["trades"][key][:5], told
    assert between["institutions"] == whole["institutions"], told
    assert between["settled value"] in (0, whole["settled value"]), told


@pytest.mark.parametrize("part", range(PARTS))
def test_init_killed_at_any_moment_and_run_again_ends_as_one_left_alone(stage: Stage, part: int) -> None:
    for number in kills(stage.engine, part, KILLS * 3 // 20):
        chance = random.Random(f"{SEED}/init/{number}")
        after_s = moment(chance, stage.seconds["init"])
        at = stage.before("init", f"init {number}")
        told = f"CLEARING_FAULT_SEED={SEED}, kill {number}: init after {after_s:.4f} s"
        stage.run("init", at, kill_after_s=after_s)
        complete = bool(state_of(at))
        again = stage.run("init", at)
        assert again.code == (2 if complete else 0), f"{told}: {again.said}"
        assert state_of(at) == stage.states["init"], told
        if number % EACH_TO_THE_END == 0 and stage.engine == "anvil":
            stage.check_to_the_end("init", at)
        shutil.rmtree(at, ignore_errors=True)


@pytest.mark.parametrize(
    "left", [["scenario.yaml.partial"], ["scenario.yaml"], ["scenario.yaml", "ledger.json.partial"], []]
)
def test_init_killed_between_its_first_files_goes_on(
    first_stage: Stage, left: list[str], tmp_path: Path
) -> None:
    at = tmp_path / "ledger"
    at.mkdir()
    for name in left:
        part = (
            b"half" if name.endswith(".partial") else (first_stage.folder / "after init" / name).read_bytes()
        )
        (at / name).write_bytes(part)
    ended = first_stage.run("init", at)
    assert ended.code == 0, ended.said
    assert state_of(at) == first_stage.states["init"]


@pytest.mark.parametrize("part", range(PARTS))
def test_engine_killed_at_any_moment_of_a_step_is_not_noticed(stage: Stage, part: int) -> None:
    if stage.engine != "anvil":
        pytest.skip("PyEVM lives in the program itself")
    for number in chunk_of(KILLS // 4, part, PARTS):
        chance = random.Random(f"{SEED}/engine/{number}")
        step = ("init", "record", "fund", "settle")[number % 4]
        after_s = moment(chance, stage.seconds[step])
        at = stage.before(step, f"engine {number}")
        told = f"CLEARING_FAULT_SEED={SEED}, engine {number}: {step} after {after_s:.4f} s"
        ended = stage.run(step, at, kill_after_s=after_s, whom="anvil")
        assert ended.code == 0, f"{told}: {ended.said}"
        assert state_of(at) == stage.states[step], told
        if number % EACH_TO_THE_END == 0:
            stage.check_to_the_end(step, at)
        shutil.rmtree(at)
