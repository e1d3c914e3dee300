"""The views of a ledger in the sandbox: what each viewer has there is what it has in a session."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from settlement.audit import child, sandbox
from settlement.audit.access import Access
from settlement.audit.sandbox import Limits, Scene
from settlement.audit.session import Audit, session
from settlement.audit.views import VIEWS
from tests.unit.audit.revenue_story import Story


def answered(audit: Audit, sql: str) -> Any:
    """In this process, as the child does."""
    scene = Scene(
        statements=audit.statements,
        views={view.name: [column.name for column in view.columns] for view in VIEWS.values()},
        folder=audit.path / "index",
        rows_left_out=audit.access.sees == "own",
    )
    request, tables = child._request(io.BytesIO(sandbox._framed(sql, scene, Limits())))
    kind, said = child._answered(request, tables)
    assert kind == child.ANSWER, said
    return pa.ipc.open_stream(said).read_all().to_pylist()


def test_views_given_their_columns_need_no_quotes_in_sql() -> None:
    """DuckDB's own parser is asked, and its list: `select at from cash` is a syntax error, `"at"` is not."""
    with duckdb.connect() as own:
        rows = own.execute("select keyword_name, keyword_category from duckdb_keywords()").fetchall()
        taken = {word for word, kind in rows if kind in ("reserved", "type_function")}
        assert {"at", "from", "left"} <= taken
        for view in VIEWS.values():
            names = [column.name for column in view.columns]
            assert not taken & {view.name, *names}, view.name
            own.execute(f"create table {view.name} ({', '.join(f'{name} int' for name in names)})")
            listed = ", ".join(names)
            own.execute(f"select {listed} from {view.name} group by {listed} order by {listed}")


@pytest.mark.parametrize("sees", ["all", "own", "masked"])
def test_views_given_a_viewer_are_the_same_in_the_sandbox(story: Story, sees: str) -> None:
    audit = story.own("Aldersgate") if sees == "own" else story.audit(Access("x", sees))  # type: ignore[arg-type]
    counted = " union all ".join(f"select '{name}' as view, count(*) as n from {name}" for name in VIEWS)
    found = {each["view"]: each["n"] for each in answered(audit, counted)}
    assert found == dict(audit.rows(counted))
    assert found["trades"] > 0
    rows = "select buyer, seller, quantity, settlement_amount_minor from trades order by all"
    shown = answered(audit, rows)
    assert [tuple(each.values()) for each in shown] == audit.rows(rows)
    if sees == "masked":
        assert all(each["buyer"].startswith("…") and len(each["buyer"]) <= 5 for each in shown)
        assert all(len(str(each["settlement_amount_minor"]).rstrip("0")) == 1 for each in shown)
        # A broker's only record, or a batch of one, could be tried out: hashes have what masks hide.
        assert audit.rows("select count(*), count(records_hash), count(batch) from affirmations")[0][1:] == (
            0,
            0,
        )
        for view in ("trades", "batches"):
            assert audit.rows(f"select count(batch) from {view}") == [(0,)]
        assert audit.rows("select count(subject) from approvals where kind in ('affirmation', 'joint')") == [
            (0,)
        ]
        # Terms and books can be tried out, too; a key tells which rows have one institution; a text, whose.
        for view, columns in (
            ("agreements", "terms_hash"),
            ("consents", "terms_hash"),
            ("attestations", "root"),
            ("issues", "reference"),
            ("institutions", "signer"),
            ("signers", "previous, signer"),
            ("roles", "changed_by"),
            ("statuses", "signer"),
            ("transactions", "sender"),
            ("approvals where kind like 'consent%'", "detail"),
        ):
            assert not [
                each for row in audit.rows(f"select {columns} from {view}") for each in row if each
            ], view
    if sees == "own":
        sets = "select count(*) from settlements"
        assert audit.rows(sets)[0] > (0,)
        everything = "select block, gross_amount_minor, trades from settlements order by all"
        theirs = "(buyer = 'Aldersgate' or seller = 'Aldersgate')"
        blocks = story.audit().rows(
            f"select block from statuses join trades using (trade) where {theirs}"
            " and statuses.status in ('settled', 'settled_in_part')"
        )
        assert audit.rows(everything) == [
            row for row in story.audit().rows(everything) if (row[0],) in blocks
        ]
        # Who has a part of one side's commission would learn the other side's by the set's.
        for name in ("Harbour Depository", "Compass Data", "Lantern Platform"):
            assert story.own(name).rows(sets) == [(0,)], name
        assert all("Aldersgate" in (each["buyer"], each["seller"]) for each in shown)
        assert found["trades"] < story.audit().rows("select count(*) from trades")[0][0]


@pytest.mark.parametrize("name", ["L?", "L[1]", "quantity=5"])
def test_views_given_a_directory_whose_name_duckdb_would_read_have_its_rows_only(
    story: Story, tmp_path: Path, name: str
) -> None:
    """Patterns of names, which the directories beside it fit; columns that a name would give."""
    whole = story.audit()
    for each in (name, "L1", "Lx"):
        shutil.copytree(whole.path / "index", tmp_path / each / "index")
    segments = [
        replace(
            segment,
            files={
                table: tmp_path / name / file.relative_to(whole.path) for table, file in segment.files.items()
            },
        )
        for segment in whole.segments
    ]
    rows = "select buyer, quantity from trades order by trade_index"
    with duckdb.connect(":memory:") as connection:
        audit = session(tmp_path / name, connection, segments, whole.as_of, access=whole.access)
        assert audit.rows(rows) == whole.rows(rows)
        assert [tuple(each.values()) for each in answered(audit, rows)] == audit.rows(rows)
