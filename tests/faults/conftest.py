"""A stage on each engine, set up once a worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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


@pytest.fixture
def stage(stages: Path, engine: str) -> Stage:
    """The stage of this engine."""
    if engine not in _STAGES:
        at = stages / engine
        at.mkdir()
        _STAGES[engine] = Stage.set_up(at, engine)
    return _STAGES[engine]
