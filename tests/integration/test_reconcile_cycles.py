"""Books that are configured are reconciled after each cycle, as are those given on the command line; what is
found is kept, worked on by two people, and closes when the books agree.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from settlement import sample
from tests.unit.cli_runs import clearing

NAME = "Aldersgate"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with a day recorded, affirmed and funded; a book with one unit off is configured."""
    folder = tmp_path_factory.mktemp("cycles")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("day.csv").write_bytes(sample.generate(5, trades=60))
        for step in (("init", "L", "--scenario", "sample"), ("record", "L", "day.csv"), ("fund", "L")):
            assert clearing(*step).code == 0
        rows = list(csv.DictReader(io.StringIO(Path("day.csv").read_text())))
        row = next(
            row for row in rows if NAME in (row["buyer"], row["seller"]) and row["buyer"] != row["seller"]
        )
        row["quantity"] = str(int(row["quantity"]) + 1)
        with open("book.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        Path("trade").write_text(row["trade_no"])
    return folder


def test_books_that_are_saved_are_reconciled_by_each_cycle_and_their_breaks_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    trade = Path("trade").read_text()

    def reconcile(*options: str) -> dict[str, Any]:
        left = clearing("reconcile", "L", *options, "--json")
        assert left.code == (1 if left.shown["breaks"] else 0)
        return dict(left.shown)

    (before,) = reconcile("--book", f"{NAME}=book.csv", "--save")["breaks"]
    assert (before["id"], before["kind"], before["trade"]) == ("B-1", "quantity", trade)
    settled = clearing("settle", "L", "--json")
    assert settled.code == 1
    (cycle,) = settled.shown["reconciled"]
    assert (cycle["cycle"], cycle["breaks"], cycle["refused"]) == (1, 1, 0)
    assert cycle["value_at_risk_minor"] == before["value_at_risk_minor"]
    # The same break, however often and within whatever scope it is found.
    for scope in ((), ("--cycle", "1"), ("--date", str(sample.TRADING_DAY))):
        (again,) = reconcile(*scope)["breaks"]
        assert (again["id"], again["status"]) == ("B-1", "open")
    # A book that agrees closes what another book did not; the shelf does not.
    assert clearing("breaks", "L", "propose", "B-1", "--cause", "1", "--as", "Ann").code == 0
    assert clearing("breaks", "L", "approve", "B-1", "--as", " ann").code == 2
    assert clearing("breaks", "L", "approve", "B-1", "--as", "Bob").code == 0
    assert reconcile()["breaks"] == []
    kept = clearing("breaks", "L", "show", "B-1", "--json").shown
    assert kept["status"] == "closed"
    assert [each["by"] for each in kept["history"]][-3:] == ["Ann", "Bob", "reconciliation"]


@pytest.mark.parametrize("form", ["text", "html", "csv", "xlsx", "json"])
def test_report_given_any_form_has_the_break(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str
) -> None:
    monkeypatch.chdir(folder)
    trade = Path("trade").read_text()
    Path("other.csv").write_text(Path("book.csv").read_text().replace(f"\n{trade},", f"\n9{trade},", 1))
    file = tmp_path / f"report.{form}"
    left = clearing("reconcile", "L", "--book", f"{NAME}=other.csv", "-o", str(file), "--format", form)
    assert (left.code, left.out) == (1, "")
    if form == "xlsx":
        sheet = load_workbook(file)["Breaks"]
        assert any(f"9{trade}" in map(str, row) for row in sheet.iter_rows(values_only=True))
    else:
        assert f"9{trade}" in file.read_text()
    if form == "json":
        assert {each["trade"] for each in json.loads(file.read_text())["breaks"]} >= {f"9{trade}"}
