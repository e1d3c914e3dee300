"""`clearing audit DIR` of revenue, agreements, charges, approvals, breaks and semt022: options reach the
question, and the answer the reader.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from settlement.audit import asking
from settlement.audit.filters import Filters
from settlement.audit.questions.breaks import approvals, breaks
from settlement.audit.questions.revenue import agreements, charges, revenue
from settlement.audit.questions.semt022 import as_xml, semt022
from settlement.audit.session import Audit
from tests.unit.audit.revenue_story import FIRST
from tests.unit.cli_runs import clearing


@pytest.fixture(autouse=True)
def session(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    """The story's session, whichever directory is named: its ledger is in memory."""

    @contextmanager
    def session_for(*_: object) -> Iterator[Audit]:
        yield audit

    monkeypatch.setattr(asking, "session_for", session_for)


def test_commands_given_options_answer_as_the_questions_do(audit: Audit) -> None:
    day = Filters(institution="Birchwood", first=FIRST, last=FIRST)
    days = ("--institution", "Birchwood", "--from", FIRST, "--to", FIRST)
    for arguments, ought in (
        (("revenue", *days), revenue(audit, day)),
        (
            ("revenue", "--payer", "Aldersgate", "--kind", "clause"),
            revenue(audit, payer="Aldersgate", kind=["clause"]),
        ),
        (("revenue", "--party", "Compass Data", "--cycle", 1), revenue(audit, party="Compass Data", cycle=1)),
        (
            ("revenue", "--agreement", "platform", "--by", "party"),
            revenue(audit, agreement="platform", by=["party"]),
        ),
        (("revenue", "--trade", "2019-10-03/1"), revenue(audit, trade="2019-10-03/1")),
        (("agreements", "--status", "proposed"), agreements(audit, Filters(status=("proposed",)))),
        (("agreements", "--party", "Compass Data"), agreements(audit, party="Compass Data")),
        (("charges", "--payer", "Birchwood"), charges(audit, payer="Birchwood")),
        (("approvals", "--person", "Bo Birch"), approvals(audit, person="Bo Birch")),
        (
            ("approvals", "--kind", "consent", "--limit", 2),
            approvals(audit, Filters(limit=2), kind=["consent"]),
        ),
        (("breaks", "--kind", "missing_here", "--level", "trade"), breaks(audit, kind=["missing_here"])),
        (("breaks", "--min", "400.00"), breaks(audit, Filters(least="400.00"))),
    ):
        left = clearing("audit", "L", *arguments, "--json")
        assert left.code == 0, left.err
        said: dict[str, Any] = json.loads(left.out)
        assert len(said["rows"]) == len(ought.table), arguments
        assert said["question"] == ought.question
        assert [set(row) for row in said["rows"][:1]] == [set(ought.table.column_names)][: len(ought.table)]
    text = clearing("audit", "L", "breaks", "--limit", 1)
    assert (text.code, "B-1" in text.out, "As of block" in text.out) == (0, True, True)


def test_semt022_given_a_file_is_written_whole(audit: Audit, tmp_path: Path) -> None:
    out = tmp_path / "trail.xml"
    left = clearing("audit", "L", "semt022", "--institution", "Birchwood", "-o", out)
    assert (left.code, left.out) == (0, "")
    assert out.read_bytes() == as_xml(semt022(audit, Filters(institution="Birchwood")))
    left = clearing("audit", "L", "semt022", "--trade", "2019-10-03/77", "-o", tmp_path / "none.xml")
    assert left.code == 2
    assert "2019-10-03/1" in left.err
    assert not (tmp_path / "none.xml").exists()
