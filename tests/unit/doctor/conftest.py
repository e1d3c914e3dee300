"""A healthy ledger for each test to break."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from settlement import directory
from tests.integration.network.somebody import Node
from tests.unit.doctor.broken import ENGINE, make


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("settled") / "ledger", ENGINE)


@pytest.fixture
def path(settled: Path, tmp_path: Path) -> Path:
    """A copy of a ledger with a settled day, which a test may break."""
    copy = tmp_path / "ledger"
    shutil.copytree(settled, copy)
    return copy


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("begun") / "ledger"
    directory.init(made, "sample", directory.Config(chain=ENGINE))
    return made


@pytest.fixture
def new(begun: Path, tmp_path: Path) -> Path:
    """A copy of a ledger on which nothing has happened yet."""
    copy = tmp_path / "new"
    shutil.copytree(begun, copy)
    return copy


@pytest.fixture
def node() -> Iterator[Node]:
    started = Node()
    yield started
    started.stop()


@pytest.fixture
def remote(node: Node, tmp_path: Path) -> Path:
    """A settled day on somebody else's node."""
    return make(tmp_path / "remote", node.url)
