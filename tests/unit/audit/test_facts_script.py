"""A session's views: made when they are named, with all that they stand on, and no others."""

from __future__ import annotations

import duckdb
import pytest

from settlement.audit.facts import Script


def test_script_given_views_makes_those_that_are_named_and_what_they_stand_on() -> None:
    with duckdb.connect(":memory:") as connection:
        script = Script(connection)
        script.run("create schema facts")
        script.view('facts."trades"', "select 1 as settlements")
        script.view("trades", "select settlements from facts.trades")  # names itself, and a later one
        script.view("settlements", "select settlements + 1 as trades from trades")
        script.view("unread", "select nothing from nowhere")
        made = "select view_name from duckdb_views() where not internal order by all"
        assert script.execute(made).fetchall() == []
        assert script.execute("select trades + ? from settlements", [5]).fetchall() == [(7,)]
        assert script.execute("select trades + ? from settlements", [6]).fetchall() == [(8,)]
        assert script.execute(made).fetchall() == [("settlements",), ("trades",), ("trades",)]
        with pytest.raises(duckdb.CatalogException, match="nowhere"):
            script.execute("from unread")
    with duckdb.connect(":memory:") as another:
        for statement in script.statements[:-1]:
            another.execute(statement)
        assert another.execute("from settlements").fetchall() == [(2,)]
