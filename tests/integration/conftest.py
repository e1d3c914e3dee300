"""A place to work at, and the command in this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from settlement import cli, sample
from tests.integration.steps import (
    FIRST,
    SECOND,
    Clearing,
    Left,
)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own with two generated days."""
    monkeypatch.chdir(tmp_path)
    Path("first.csv").write_bytes(sample.generate(7, trades=60, trading_day=FIRST))
    Path("second.csv").write_bytes(sample.generate(8, trades=50, trading_day=SECOND))
    return tmp_path


@pytest.fixture
def clearing(workplace: Path, capsys: pytest.CaptureFixture[str]) -> Clearing:
    """Runs the command in this process; it leaves nothing behind there."""

    def run(*arguments: object) -> Left:
        with pytest.raises(SystemExit) as left:
            cli.app([str(each) for each in arguments], prog_name="clearing")
        out, err = capsys.readouterr()
        return Left(left.value.code if isinstance(left.value.code, int) else 0, out, err)

    return run
