"""Ledgers of `tests.evidence.making`, once a session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger.chain import default_engine
from ledger.compile import Artifact
from tests.evidence.making import Story, story


@pytest.fixture(scope="session")
def ledger(test_artifacts: dict[str, Artifact]) -> Iterator[Story]:
    """The ledger that evidence is of."""
    with story(test_artifacts, engine=default_engine()) as told:
        yield told


@pytest.fixture(scope="session")
def rewritten(test_artifacts: dict[str, Artifact]) -> Iterator[Story]:
    """The same ledger, but that the first trade costs more: all keys and times are the same."""
    with story(test_artifacts, engine=default_engine(), amount=9_000_000) as told:
        yield told
