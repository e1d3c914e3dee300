"""A place to work at, and the command in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from settlement import cli, sample
from tests.integration.steps import (
    FIRST,
    SECOND,
    Clearing,
    Left,
)

if TYPE_CHECKING:
    from settlement.audit.session import Audit
    from tests.audited import Told
    from tests.integration.real_days import RealDays


@pytest.fixture(scope="session")
def days(tmp_path_factory: pytest.TempPathFactory) -> RealDays:
    """One ledger of the four shared days."""
    from tests.integration.real_days import make

    return make(tmp_path_factory.mktemp("real") / "L")


@pytest.fixture(scope="session")
def told(days: RealDays) -> Told:
    """What auditors should be told of it."""
    return days.told


@pytest.fixture(scope="session")
def audit(days: RealDays) -> Iterator[Audit]:
    """One session, for an auditor who sees all of it."""
    from settlement.audit.session import opened

    with opened(days.path) as session:
        said = session.as_of
        assert (said.block, f"0x{said.hash.hex()}", said.time_s) == (
            days.head.block,
            days.head.transaction,
            days.head.time_s,
        )
        yield session


@pytest.fixture(scope="session")
def every(days: RealDays) -> list[dict[str, Any]]:
    """All trades as they stand."""
    return days.told.rows(days.order)


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
