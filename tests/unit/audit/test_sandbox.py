"""The process that SQL runs in: what it answers, what stops it, what it cannot reach, what a view hides."""

from __future__ import annotations

import datetime as dt
import io
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ledger.errors import InvalidValue
from settlement.audit import child, sandbox, statement
from settlement.audit.sandbox import Limits, Scene, SqlRefused, SqlStopped, run

SMALL = Limits(time_s=20, memory_mb=256)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """1,000 trades of two batches; the second is another venue's, and a text of its trades is no number."""
    folder = tmp_path_factory.mktemp("index")
    numbers = range(1_000)
    trades = pa.table(
        {
            "batch": [each // 500 for each in numbers],
            "trade": list(numbers),
            "amount": pa.array([Decimal(each * 10**30) for each in numbers], pa.decimal128(38, 0)),
            "note": ["1" if each < 500 else f"secret {each}" for each in numbers],
        }
    )
    pq.write_table(trades, folder / "trades.parquet")
    (folder.parent / "outside.csv").write_text("a\n1\n")
    own = "select t.* from facts.trades t join batches using (batch) where venue = 1 or t.note = ''"
    return Scene(
        statements=[
            "create schema facts",
            f"create view facts.trades as select * from read_parquet('{folder / 'trades.parquet'}')",
            f"create view trades as {own}",
            "create view every as select * from facts.trades",
            f"create view beyond as select * from read_csv('{folder.parent / 'outside.csv'}')",
        ],
        views={name: ["batch", "trade", "amount", "note"] for name in ("trades", "every", "beyond")},
        folder=folder,
        tables={"batches": pa.table({"batch": [0, 1], "venue": [1, 2]})},
        rows_left_out=True,
    )


def here(scene: Scene, sql: str, limits: Limits = SMALL) -> tuple[bytes, Any]:
    """What the child says, in this process: rows of an answer, or words."""
    request, tables = child._request(io.BytesIO(sandbox._framed(sql, scene, limits)))
    kind, said = child._answered(request, tables)
    return kind, pa.ipc.open_stream(said).read_all().to_pylist() if kind == child.ANSWER else said.decode()


def test_sql_given_a_select_answers_exactly(scene: Scene) -> None:
    sql = """
        select sum(amount) as a, count(*) as b, max(trade) as c, 'नेप' as d, null as e, date '2026-01-02' as f,
            [1] as g, (2::hugeint << 125) as h from trades where trade > 10 and trade < 2000"""
    (row,) = run(sql, scene, SMALL).to_pylist()
    assert row == {
        "a": Decimal(sum(range(11, 500)) * 10**30), "b": 489, "c": 499, "d": "नेप", "e": None,
        "f": dt.date(2026, 1, 2), "g": [1], "h": Decimal(2**126),
    }  # fmt: skip


def test_sql_given_rows_that_are_left_out_cannot_tell_what_they_hold(scene: Scene) -> None:
    """The error of an expression is an answer too, if it is evaluated where the rows still are."""
    trap = "select count(*) as n from trades where sqrt(600 - trade) > 0"
    for sql in (trap, trap + " and batch < 9", trap.replace("trades", "(from TRADES)")):
        assert here(scene, sql) == (child.ANSWER, [{"n": 500}])
    told = here(scene, trap.replace("trades", "every"))
    assert told == (child.WRONG, "cannot take square root of a negative number"), "the trap is none"


def test_plan_given_rows_that_are_left_out_filters_above_the_barrier(scene: Scene) -> None:
    sql = "select trade from trades where trade % 7 = 3"
    for barrier in (True, False):
        framed = sandbox._framed(sql, replace(scene, rows_left_out=barrier), SMALL)
        request, tables = child._request(io.BytesIO(framed))
        connection = child._prepared(request, tables)
        plan = connection.execute("explain " + child._checked(connection, request)).fetchall()[0][1]
        # The plan's lines go from the result down to the file.
        assert (0 < plan.find("% 7)") < plan.find("LIMIT")) == barrier
        assert "note = ''" in plan[plan.find("LIMIT") :] or not barrier


def test_sql_given_more_than_its_limits_is_stopped_and_says_which(scene: Scene) -> None:
    endless = "with recursive x(n) as (select 1 union all select n % 7 from x) select count(*) from x"
    start = time.perf_counter()
    with pytest.raises(SqlStopped, match="longer than 1 s") as stopped:
        run(endless, scene, Limits(time_s=1, memory_mb=256))
    assert stopped.value.limit == "time"
    assert time.perf_counter() - start < 5
    little = Limits(time_s=20, memory_mb=100, rows=5_000, bytes=1 << 20)
    for sql, limit in (
        ("from range(5_001)", "rows"),
        ("select repeat('x', 100_000) from range(100)", "bytes"),
    ):
        kind, said = here(scene, sql, little)
        assert (kind, said.split()[0]) == (child.STOPPED, limit)
    with pytest.raises(SqlStopped, match="more memory than 100 MB") as stopped:
        run("select repeat('x', 4_000_000_000)", scene, little)
    assert stopped.value.is_limit
    assert stopped.value.exit_code == 2


def test_sql_given_mistakes_says_what_is_meant_without_paths(scene: Scene) -> None:
    for sql, wanted in (
        (
            "select amont from trades",
            "there is no column 'amont' in what the statement reads; did you mean am",
        ),
        ("select 'x'::int", "Could not convert string 'x'"),
        ("drop view trades", "only a SELECT"),
        ("select trade as a, amount as A, note as a from trades", "two columns are named 'a'; name one"),
        ("select * from trades as x, trades as y", "two columns are named 'batch'"),
        ("from beyond", 'Cannot access file "…"'),
        ("from facts.trades", "there is no view 'facts.trades'"),
        ("with batches as (select 1) from batches", "WITH may not call a query 'batches'"),
    ):
        kind, said = here(scene, sql)
        assert kind == child.WRONG
        assert wanted in said
        assert str(scene.folder.parent) not in said
    with pytest.raises(SqlRefused, match="only a SELECT"):
        run("drop view trades", scene, SMALL)


@pytest.mark.parametrize(("time_s", "memory_mb"), [(0, 64), (601, 64), (1, 63), (1, 65_537)])
def test_limits_given_what_is_none_are_refused(time_s: int, memory_mb: int) -> None:
    with pytest.raises(InvalidValue):
        Limits(time_s, memory_mb)


def test_child_given_a_locked_connection_reaches_nothing_by_itself(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check of statements taken away, DuckDB's own locks still hold."""
    monkeypatch.setattr(statement, "check", lambda *given: set())
    outside = scene.folder.parent / "outside.csv"
    for sql in (
        f"from read_csv('{outside}')",
        f"from '{outside}'",
        f"from read_csv('{scene.folder}/../outside.csv')",
        "from read_text('/etc/hostname')",
        f"copy (select 1) to '{scene.folder.parent / 'out.csv'}'",
        f"attach '{scene.folder.parent / 'out.db'}'",
        "install httpfs",
        "load sqlite_scanner",
        "set memory_limit = '9GB'",
        "set enable_external_access = true",
        "set allowed_directories = ['/']",
        "select getenv('PATH')",
    ):
        assert here(scene, sql)[0] == child.WRONG, sql
    assert not (scene.folder.parent / "out.csv").exists()


def test_child_given_that_who_asked_is_gone_ends(scene: Scene) -> None:
    script = (
        "import sys; from settlement.audit import sandbox; from pathlib import Path;"
        "sandbox.run('with recursive x as (select 1 union all select 2 from x) select count(*) from x',"
        " sandbox.Scene([], {}, Path('/nowhere')))"
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    until = time.perf_counter() + 20
    found: list[str] = []
    while not found and time.perf_counter() < until:
        time.sleep(0.02)
        found = children.read_text().split()
    (pid,) = map(int, found)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while os.path.exists(f"/proc/{pid}") and time.perf_counter() < until:
        time.sleep(0.02)
    assert not os.path.exists(f"/proc/{pid}")
