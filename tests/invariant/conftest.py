"""One chain a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.invariant.stage import Stage, build


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """The consortium before any day, on the default engine."""
    built = build()
    yield built
    built.chain.close()
