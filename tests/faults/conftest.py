"""A stage on each engine, set up once a worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.chain import default_engine
from tests.faults.damage import folder
from tests.faults.steps import Stage

_STAGES: dict[str, Stage] = {}


@pytest.fixture(scope="session")
def stages() -> Iterator[Path]:
    """Where stages lie, until the session ends."""
    with folder() as at:
        yield at
        for stage in _STAGES.values():
            stage.commands.close()
        _STAGES.clear()


def _stage(stages: Path, engine: str) -> Stage:
    if engine not in _STAGES:
        at = stages / engine
        at.mkdir()
        _STAGES[engine] = Stage.set_up(at, engine)
    return _STAGES[engine]


@pytest.fixture
def stage(stages: Path, engine: str) -> Stage:
    """The stage of each engine in turn."""
    return _stage(stages, engine)


@pytest.fixture
def first_stage(stages: Path) -> Stage:
    """That of the fastest engine, for what no engine makes a difference to."""
    return _stage(stages, default_engine())
