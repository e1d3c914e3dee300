"""Totals that the index keeps, against the trades themselves, whatever segments it is in."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from ledger.index import following
from ledger.index.verifying import verify
from settlement import indexing
from settlement.audit.access import Access
from settlement.audit.answer import AsOf
from settlement.audit.filters import Filters
from settlement.audit.questions.summary import GROUPS, summary
from settlement.audit.questions.totals import is_kept
from settlement.audit.questions.trades import trades
from settlement.audit.reading import Segment
from settlement.audit.session import session
from settlement.audit.totals_tables import TABLES
from tests.unit.audit.revenue_story import SECURITY, Story


@pytest.mark.parametrize("rows", [12, 10_000])
def test_totals_given_any_segments_are_those_of_the_trades_and_are_verified(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    clients = story.ledger.market.clients
    monkeypatch.setattr(following, "SEGMENT_ROWS", rows)
    manifest = following.follow(clients, tmp_path, derive=indexing.derive)
    assert bool(manifest.files("changes")) == (rows == 12)
    if rows == 12:
        assert verify(clients, tmp_path, indexing.derive) == []
    said = manifest.as_of
    as_of = AsOf(said.block, said.hash, said.time_s, said.final)
    with duckdb.connect() as kept, duckdb.connect() as added:
        with_totals, without = (
            session(
                tmp_path,
                connection,
                [
                    Segment(
                        each.first_block,
                        each.last.number,
                        {name: manifest.path(each, name) for name in each.files if name not in left_out},
                    )
                    for each in manifest.segments
                ],
                as_of,
                access=Access("auditor"),
            )
            for connection, left_out in ((kept, ()), (added, TABLES))
        )
        assert is_kept(with_totals)
        assert not is_kept(without)
        for table in TABLES:
            found = with_totals.rows(f"select status, sum(trades)::bigint from facts.{table} group by 1")
            expected = with_totals.rows("select status, count(*) from facts.trades_now group by 1")
            assert sorted(each for each in found if each[1]) == sorted(expected)
        for filters in (Filters(), Filters(security=SECURITY), Filters(status=("settled", "pending"))):
            for group in GROUPS:
                one, other = (summary(each, filters, group).table for each in (with_totals, without))
                assert one.num_rows
                assert one.equals(other)
            pages = [trades(each, Filters(**_said(filters), limit=1)) for each in (with_totals, without)]
            assert pages[0].total == pages[1].total == trades(without, filters).total
            assert pages[0].table.equals(pages[1].table)
            assert pages[0].next == pages[1].next


def _said(filters: Filters) -> dict[str, object]:
    return {name: getattr(filters, name) for name in ("security", "status")}
