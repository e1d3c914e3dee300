"""`clearing audit` on a day's ledger, against the trade file that the day was."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from ledger.units import parse_minor
from settlement.audit.questions.trades import trades
from settlement.audit.session import opened
from settlement.audit.views import VIEWS
from tests.integration.steps import Clearing


def _file(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(path.read_text())))


def test_audit_given_a_day_answers_what_its_file_has(clearing: Clearing) -> None:
    assert clearing("demo", "--ledger", "L", "--trades", 60, "--save", "day.csv").code == 0
    rows = _file(Path("day.csv"))

    def ask(*arguments: object, viewer: str | None = None) -> Any:
        given = ("--as", viewer) if viewer else ()
        left = clearing("audit", "L", *arguments, *given, "--json")
        assert (left.code, left.err) == (0, ""), left.err
        return json.loads(left.out)

    said = ask("trades")
    assert said["total"] == len(rows)
    assert {
        (row["trade"].split("/")[1], row["buyer"], row["seller"], row["security"], str(row["quantity"]))
        for row in said["rows"]
    } == {(r["trade_no"], r["buyer"], r["seller"], r["security"], r["quantity"]) for r in rows}
    amounts = {row["trade"].split("/")[1]: row["settlement_amount_minor"] for row in said["rows"]}
    assert amounts == {row["trade_no"]: str(parse_minor(row["settlement_amount"], 2)) for row in rows}
    buyer = rows[0]["buyer"]
    theirs = [row for row in rows if buyer in (row["buyer"], row["seller"])]
    assert ask("trades", "--institution", buyer)["total"] == len(theirs)
    assert ask("trades", viewer=buyer)["total"] == len(theirs)
    (day,) = ask("summary")["rows"]
    assert day["gross_amount_minor"] == str(sum(parse_minor(row["settlement_amount"], 2) for row in rows))
    life = ask("trade", rows[0]["trade_no"])
    assert life["about"][0]["buyer"] == buyer
    assert Counter(row["step"] for row in life["rows"])["affirmed"] == len({buyer, rows[0]["seller"]})
    for question in ("movements", "revenue", "approvals"):
        assert ask(question)["rows"], question
    assert ask("breaks")["rows"] == []
    assert ask("sql", "select count(*) as n from trades")["rows"] == [{"n": len(rows)}]
    assert {view.name for view in VIEWS.values()} <= {
        line.split(":")[0] for line in clearing("audit", "L", "views").out.splitlines()
    }
    views = clearing("audit", "L", "views", "--json").json["views"]
    listed = {view["name"]: view["columns"] for view in views}
    assert [each["name"] for each in listed["trades"]] == list(ask("trades", "--limit", 1)["rows"][0])
    both = clearing("audit", "L", "trades", "--json", "--format", "csv")
    assert (both.code, "'--json' and '--format csv' contradict" in both.err) == (2, True)

    for form in ("xlsx", "text"):
        assert clearing("audit", "L", "trades", "--format", form, "-o", f"out.{form}").code == 0
        assert Path(f"out.{form}").stat().st_size > 100
    Path("link.csv").symlink_to("kept.csv")
    os.mkfifo("pipe.csv")
    pipe = os.open("pipe.csv", os.O_RDONLY | os.O_NONBLOCK)
    for name in ("link.csv", "pipe.csv"):
        assert clearing("audit", "L", "trades", "--limit", 2, "-o", name).code == 0
    written = os.read(pipe, 1 << 16)
    os.close(pipe)
    assert written == Path("kept.csv").read_bytes() != b""
    assert (Path("link.csv").is_symlink(), Path("pipe.csv").is_fifo()) == (True, True)
    page = clearing("audit", "L", "trades", "--limit", 2).out
    assert f"2 of {len(rows)} trades" in page
    assert "\x1b" not in page
    for viewer, seen in ((buyer, f"Only what {buyer} may see."), ("x", "Names and amounts are masked.")):
        said = clearing("audit", "L", "holders", rows[0]["security"], "--as", viewer).out
        assert (seen in said, "may see" in page) == (True, False)
    left = clearing("audit", "L", "trades", "--institution", "Aldersgat")
    assert (left.code, left.out) == (2, "")
    assert "did you mean Aldersgate" in left.err
    assert clearing("audit", "L", "sql", "drop view trades").code == 2
    for said, form in (("date '290000-01-01'", "json"), ("interval '1 day'", "parquet")):
        left = clearing("audit", "L", "sql", f"select {said} as x", "--format", form, "-o", "x")
        assert (left.code, "cast them to varchar" in left.err, Path("x").exists()) == (2, True, False)
    # Who is not let in has asked, too, whatever the name; and asked once.
    Path("L/access.yaml").write_text("local: refused\n")
    for given in ((), ("--as", "\x1b"), ("--as", "x", "--min", "1.00")):
        assert clearing("audit", "L", "cash" if given[1:2] != ("x",) else "trades", *given).code == 2
    Path("L/access.yaml").unlink()
    log = ask("log")["rows"]
    assert Counter(row["outcome"] for row in log)["refused"] == 2 + 3
    assert [row["viewer"] for row in log[-4:-1]] == ["local", "'\\x1b'", "x"]
    assert {row["viewer"] for row in log[:-4]} == {"local", buyer, "x"}


def test_audit_given_a_chain_that_goes_on_is_as_of_one_block(clearing: Clearing) -> None:
    assert clearing("init", "L").code == 0
    assert clearing("record", "L", "first.csv").code == 0
    assert "Nothing was ever kept here" in clearing("audit", "L", "breaks").out
    assert clearing("audit", "L", "sql", "select count(*) from trades").out.startswith("count_star()")
    assert clearing("audit", "L", "trade", "999").err.endswith(", …\n")
    with opened("L") as audit:
        before = audit.as_of
        assert clearing("record", "L", "second.csv").code == 0
        answer = trades(audit)
        assert answer.as_of == before
        assert answer.total == len(_file(Path("first.csv")))
    with opened("L") as audit:
        assert audit.as_of.block > before.block
        assert trades(audit).total == len(_file(Path("first.csv"))) + len(_file(Path("second.csv")))


def test_summary_given_sets_of_several_days_has_no_day_s_net(clearing: Clearing) -> None:
    def net_of_days() -> list[str | None]:
        return [row["net_amount_minor"] for row in clearing("audit", "L", "summary", "--json").json["rows"]]

    clearing("init", "L")
    clearing("record", "L", "first.csv")
    clearing("fund", "L", "--cover", "0.6")
    first = clearing("settle", "L", "--json").json
    assert 0 < first["settled"] < len(_file(Path("first.csv")))
    assert net_of_days() == [first["settled_net_value_minor"]]
    clearing("record", "L", "second.csv")
    clearing("fund", "L")
    assert clearing("settle", "L", "--json").json["netting_sets"] == 1
    assert net_of_days() == [None, None]


def test_audit_given_no_ledger_says_so(clearing: Clearing) -> None:
    left = clearing("audit", "nowhere", "trades")
    assert left.code == 2
    assert "is no ledger" in left.err


pytestmark = pytest.mark.timeout(240)
