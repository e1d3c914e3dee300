"""The story of revenue and breaks, told once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from settlement.audit.session import Audit
from tests.unit.audit.revenue_story import Story, told


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The ledger at the end of the story."""
    with told(tmp_path_factory.mktemp("story")) as made:
        yield made


@pytest.fixture(scope="session")
def audit(story: Story) -> Audit:
    """A session that sees all of it."""
    return story.audit()
