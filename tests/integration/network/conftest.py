"""A node of somebody else's for a test, and what a day comes to where nothing goes wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.network.market import Facts, facts, whole_day
from tests.integration.network.somebody import Node, reach


@pytest.fixture
def node() -> Iterator[Node]:
    """A node that puts a transaction into a block as soon as it has it."""
    started = Node()
    yield started
    started.stop()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """The facts of a day over a node that does nothing wrong."""
    node = Node()
    try:
        with reach(node.url, tmp_path_factory.mktemp("undisturbed")) as chain:
            return facts(whole_day(chain), chain)
    finally:
        node.stop()
