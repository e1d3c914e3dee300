"""Fixtures of the contract tests: one chain a session, with a small consortium that is put back after each.

The engine is `--engine`, else $CLEARING_TEST_ENGINE, else anvil where it is installed, else pyevm. `--engine`
is known where pytest is pointed at this folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from copy import copy

import pytest

from ledger.chain import ENGINES, available, connect, default_engine
from ledger.compile import Artifact
from tests.contracts.fund import Fund, establish_fund
from tests.contracts.office import Office, office_for
from tests.contracts.stand_in import StandIn, stand_in_for
from tests.contracts.support import Ledger, SetClock, establish


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engine", choices=ENGINES, help="the chain that contract tests run on")


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> str:
    """The one engine of this session."""
    name: str = (
        request.config.getoption("--engine", None)
        or os.environ.get("CLEARING_TEST_ENGINE")
        or default_engine()
    )
    if name not in available():
        pytest.skip(f"{name} is not installed; `make setup` installs it")
    return name


@pytest.fixture(scope="session")
def established(engine: str) -> Iterator[Ledger]:
    """The consortium as it is before every test. Tests take `ledger`, which is put back."""
    clock = SetClock()
    with connect(engine, clock=clock) as chain:
        yield establish(chain, clock)


@pytest.fixture
def ledger(established: Ledger) -> Iterator[Ledger]:
    """The consortium of `tests.contracts.support`, this test's own."""
    snapshot, seconds = established.chain.snapshot(), established.clock.seconds
    own = copy(established)
    own.signers, own.index, own.asset = dict(own.signers), dict(own.index), dict(own.asset)
    yield own
    established.chain.restore(snapshot)
    established.clock.seconds = seconds


@pytest.fixture
def stand_in(ledger: Ledger, test_artifacts: dict[str, Artifact]) -> StandIn:
    """A register of this test's own, whose `settle` the test may call as the clearing house does."""
    return stand_in_for(ledger, test_artifacts)


@pytest.fixture(scope="session")
def established_fund(engine: str, test_artifacts: dict[str, Artifact]) -> Iterator[Fund]:
    """A consortium whose prices a test says. Tests take `fund`, which is put back."""
    clock = SetClock()
    with connect(engine, clock=clock) as chain:
        yield establish_fund(chain, clock, test_artifacts["PriceStandIn"])


@pytest.fixture
def fund(established_fund: Fund) -> Iterator[Fund]:
    """The default fund of `tests.contracts.fund`, this test's own."""
    established = established_fund.ledger
    snapshot, seconds = established.chain.snapshot(), established.clock.seconds
    own = copy(established)
    own.signers, own.index, own.asset = dict(own.signers), dict(own.index), dict(own.asset)
    yield Fund(own, established_fund.prices)
    established.chain.restore(snapshot)
    established.clock.seconds = seconds


@pytest.fixture
def office(ledger: Ledger, test_artifacts: dict[str, Artifact]) -> Office:
    """A clearing house of this test's own, whose offices the test speaks through."""
    return office_for(ledger, test_artifacts)
