"""What tests of every kind use: a clock, a chain on each engine, and the contracts that only tests have."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.chain import ENGINES, LocalChain, available, connect
from ledger.clock import SteppedClock
from ledger.compile import Artifact, compile_folder
from ledger.pairings import put_off

START = datetime(2019, 11, 21, 9, 0, tzinfo=UTC)
TESTS = Path(__file__).resolve().parent

# A hundred processes of the program are started, each of which would compile its modules again where the
# environment says that nobody keeps what is compiled; and every test's assertions would be rewritten again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Many modules import eth-account, which is half a second for curves that nobody uses.
put_off()


LONGEST = (
    "tests/repo/test_readme.py",
    "tests/integration/test_ledger_directory.py",
    "tests/invariant/test_machine.py",
    "tests/invariant/test_days.py",
    "tests/integration/test_audit_documents.py",
    "tests/integration/test_real_days_audit",
    "tests/evidence/",
)
"""Files with tests that take long by themselves, as what comes last should be short, or one worker waits; and
those whose tests share a ledger, which every worker that runs some of them would make."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine in turn; one that is not installed is skipped, and says so."""
    name: str = request.param
    if name not in available():
        pytest.skip(f"{name} is not installed; `make setup` installs it")
    return name


@pytest.fixture
def clock() -> SteppedClock:
    """The same times in every run: 2019-11-21 09:00 UTC, then seven seconds later each time it is asked."""
    return SteppedClock(START, timedelta(seconds=7))


@pytest.fixture
def chain(engine: str, clock: SteppedClock) -> Iterator[LocalChain]:
    """A new chain on `engine`."""
    with connect(engine, clock=clock) as connected:
        yield connected


@pytest.fixture(scope="session")
def test_artifacts() -> dict[str, Artifact]:
    """The contracts of tests/contracts/sol, compiled when they have changed; by one worker, not by each."""
    (TESTS / ".cache").mkdir(exist_ok=True)
    with (TESTS / ".cache" / "compiling").open("w") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        return compile_folder(TESTS / "contracts" / "sol", TESTS / ".cache" / "artifacts.json")


@pytest.fixture(scope="session")
def probe(test_artifacts: dict[str, Artifact]) -> Artifact:
    """The contract that does one of everything that a chain shows."""
    return test_artifacts["Probe"]
