"""docs/reconciliation.md: its example on a ledger, break by break, and its lists against the code's.

example ─ the day, the book and the mapping of the document come to its table and to its sum
lists   ─ kinds, causes, fields of mappings, columns and keys: all of them, and no other
words   ─ what it names of messages is what readers look for; its other YAML is read
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.units import format_minor
from settlement import sample
from settlement.breaks.reconciling import Reported, run
from settlement.breaks.store import bucket
from settlement.operations import Ledger
from settlement.reconciliation.causes import SUREST
from settlement.reconciliation.model import REASONS, Kind
from settlement.report.layout import Money
from settlement.report.reconciliation import Item, View, as_json
from settlement.report.reconciliation.csv import COLUMNS
from settlement.scenario import load
from settlement.sources import mapping
from settlement.sources.configured import FILE, Brought, configured
from settlement.sources.mapping_checks import FIELDS
from tests.ledgers import in_memory
from tests.unit.report_days import record

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "reconciliation.md").read_text(encoding="utf-8")
NAME = "Aldersgate"


def fenced(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


def table(first: str) -> list[list[str]]:
    """The rows of the table whose first column is called so."""
    (found,) = re.findall(rf"^\| {first} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", DOCUMENT, re.MULTILINE)
    return [[cell.strip() for cell in row.strip().strip("|").split("|")] for row in found.splitlines()]


def listed(begin: str, end: str) -> list[str]:
    """What stands in backquotes between two texts, in its order."""
    part = DOCUMENT.split(begin, 1)[1].split(end, 1)[0]
    return re.findall(r"`([^`]+)`", part)


@pytest.fixture(scope="module")
def ledger() -> Iterator[Ledger]:
    with in_memory(load("sample"), sample.TRADING_DAY) as made:
        record(made, fenced("csv")[0].encode(), sample.TRADING_DAY)
        made.fund()
        made.settle()
        yield made


@pytest.fixture(scope="module")
def reported(ledger: Ledger, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    folder = tmp_path_factory.mktemp("document")
    (folder / "book.csv").write_text(fenced("csv")[1])
    (folder / "book.yaml").write_text(fenced("yaml")[0])
    beside = run(ledger, [Brought("book", NAME, str(folder / "book.csv"), str(folder / "book.yaml"))])
    found = run(ledger, [Brought("book", NAME, str(folder / "book.yaml"))])
    assert (beside.breaks, found.result.refused) == (found.breaks, ())
    return found


def test_table_given_the_example_is_what_is_found(reported: Reported) -> None:
    found = [
        [
            each.subject,
            each.kind.value,
            each.reason,
            f"{format_minor(each.value_at_risk, 2)}",
            each.causes[0].code if each.causes else "",
        ]
        for each, _ in sorted(reported.breaks, key=lambda pair: -pair[0].value_at_risk)
    ]
    assert found == [[*row[:3], row[4], row[5]] for row in table("trade")]
    total = sum(each.value_at_risk for each, _ in reported.breaks)
    assert f"Eight breaks, EUR {format_minor(total, 2)} at risk" in DOCUMENT
    assert reported.pending == ()


def test_lists_given_any_are_whole(reported: Reported, ledger: Ledger) -> None:
    shown = {kind: reasons for kinds, reasons, _ in table("kind") for kind in kinds.split(", ")}
    assert shown.keys() == {kind.value for kind in Kind}
    for kind in Kind:
        assert shown[kind.value] == REASONS.get(kind, "DQUA, DMON")
    assert listed("proposed where the values show them:", ", the surest first") == list(SUREST)
    assert {level: set(names.split(", ")) for level, names in table("level")} == {
        level: set(names) for level, names in FIELDS.items()
    }
    assert tuple(listed("CSV, a break a row:", "No cell")) == COLUMNS
    view = View.of(
        reported.result,
        ledger="L",
        head="",
        block=1,
        scope="everything",
        money=Money("EUR", 2),
        made=ledger.moment,
        breaks=[Item(each, None, None) for each, _ in reported.breaks],
        pending=[],
    )
    made = as_json(view)
    assert listed("JSON: ", "A break: ") == list(made)
    assert [name for name in listed("A break: ", "CSV, a break") if name != "_minor"] == [
        name for name in made["breaks"][0] if name not in ("accepted", "proposal")
    ]
    named = set(
        re.findall(
            r"`(\w+)`", (ROOT / "README.md").read_text().split("\n`reconcile` has")[1].split("\n\n")[0]
        )
    )
    assert named <= made.keys() | made["breaks"][0].keys()
    for age in (0, 1, 5, 6):
        assert f"`{bucket(age)}`" in DOCUMENT


def test_words_given_any_of_messages_are_what_is_read() -> None:
    read = "".join(path.read_text() for path in (ROOT / "settlement/sources").glob("*/*.py"))
    for _, names in table("message"):
        for name in re.findall(r"`(\w+)`", names):
            assert name in read, name


def test_yaml_given_any_is_read(tmp_path: Path) -> None:
    _, messages, sources = fenced("yaml")
    found = mapping.parse(messages.encode(), "names.yaml")
    assert isinstance(found, mapping.MessageMapping)
    keys = listed("A mapping of a table has", "can be left out")
    assert set(keys) - {"trades", "positions", "cash", "revenue"} == set(mapping.Mapping.model_fields)
    (tmp_path / FILE).write_text(sources)
    assert [(each.side, each.owner) for each in configured(tmp_path)] == [("book", NAME), ("bank", None)]


def test_document_given_its_length_is_read_in_one_sitting() -> None:
    assert len(DOCUMENT.splitlines()) <= 250
