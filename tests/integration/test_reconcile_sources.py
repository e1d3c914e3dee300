"""Books, bank and custodian against a ledger of two days and two cycles: silence, and one unit off anywhere.

clean      ─ every side agrees, and what was compared is said
one unit   ─ in a book of trades, positions, cash, revenue; in a custodian's and a bank's statement
sides      ─ who stands alone of three
scope      ─ a cycle, a day as it ended, sources of other days, whole-market files
pending    ─ what a side lacks before its cut-off
corrected  ─ a correction in force stands in for its source, which is said; so is what two people accepted
unread     ─ a source that cannot be read stops no other, and nobody is compared in its place
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from settlement.breaks import Breaks
from settlement.errors import NameUnknown
from settlement.reconciliation.ledger_side import Scope
from settlement.reconciliation.model import Kind
from settlement.scenario import load
from settlement.sources import Balance
from settlement.sources.configured import Brought, configured, keep
from settlement.sources.iso import write_semt002
from tests.integration.brought import (
    DAY,
    NAME,
    Market,
    Rows,
    bank,
    book,
    cash,
    confirmations,
    depository,
    holdings,
    off,
    positions,
    revenue,
    rows_of,
    two_days,
    written,
)
from tests.unit.report_days import NEXT_DAY


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    with two_days(tmp_path_factory.mktemp("sources")) as market:
        yield market


def test_clean_sides_break_nothing_and_say_what_was_compared(made: Market) -> None:
    everything = (book(made), positions(made), cash(made), revenue(made))
    found = made.run(*everything, confirmations(made), depository(made), bank(made)).result
    assert (found.breaks, found.pending, found.refused) == ((), (), ())
    trades = sum(len(rows_of(data, name)) for data in made.files.values() for name in load("sample").brokers)
    own = sum(len(rows_of(data)) for data in made.files.values())
    compared = found.compared
    assert (compared.books, compared.statements, compared.trades) == (12, 3, trades + own)
    assert [each["source"] for each in found.sources] == [each.where for each in everything] + [
        str(made.folder / name) for name in ("sese.xml", "semt.xml", "camt.xml")
    ]


@pytest.mark.parametrize("by", [1, -1])
@pytest.mark.parametrize(
    ("brought", "level", "kind"),
    [
        (lambda m, by: book(m, off("quantity", by)), "trade", Kind.QUANTITY),
        (lambda m, by: book(m, off("settlement_amount", by)), "trade", Kind.AMOUNT),
        (positions, "position", Kind.CLOSING),
        (cash, "cash", Kind.CLOSING),
        (revenue, "revenue", Kind.FEE),
        (confirmations, "trade", Kind.QUANTITY),
        (lambda m, by: depository(m, off=by), "position", Kind.CLOSING),
        (lambda m, by: bank(m, off=by), "cash", Kind.CLOSING),
        (lambda m, by: bank(m, entry_off=by), "cash", Kind.AMOUNT),
    ],
)
def test_one_unit_off_is_exactly_that_break(
    made: Market, brought: Callable[[Market, int], Brought], level: str, kind: Kind, by: int
) -> None:
    (found,) = made.breaks(brought(made, by))
    assert (found.institution, found.level, found.kind) == (NAME, level, kind)
    ((name, values),) = found.fields.items()
    here, there = (values[side] for side in found.sides)
    assert isinstance(here, int)
    assert isinstance(there, int)
    assert here - there == by, name


def test_three_sides_tell_who_stands_alone(made: Market) -> None:
    wrong = book(made, off("quantity", 1))
    (found,) = made.breaks(wrong, confirmations(made))
    assert found.odd == "book"
    (found,) = made.breaks(wrong, confirmations(made, 1))
    assert (found.odd, found.fields["quantity"]["custodian"]) == ("ledger", found.fields["quantity"]["book"])
    (found,) = made.breaks(positions(made), depository(made, off=1))
    assert found.odd == "custodian"


def test_book_of_the_whole_market_has_only_its_own_compared(made: Market) -> None:
    rows = [row for data in made.files.values() for row in rows_of(data, None)]
    other = next(row for row in rows if NAME not in (row["buyer"], row["seller"]))
    other["quantity"] = "1"
    own = next(row for row in rows if row["buyer"] == NAME != row["seller"])
    own["buyer"] = "Nobody At All"
    (found,) = made.breaks(Brought("book", NAME, made.file("all.csv", written(rows))))
    assert (found.kind, found.subject) == (Kind.COUNTERPARTY, own["trade_no"])
    assert found.fields["buyer"] == {"book": "Nobody At All", "ledger": NAME}


def test_what_a_book_has_that_nobody_knows_is_a_break_and_not_refused(made: Market) -> None:
    def alter(rows: Rows) -> None:
        first, second, third = [row for row in rows if row["buyer"] != row["seller"]][:3]
        first["security"] = "XX0000000000"
        second["buyer" if second["seller"] == NAME else "seller"] = "Nobody"
        rows.append(dict(third))

    found = made.breaks(book(made, alter))
    assert sorted(each.kind for each in found) == [Kind.COUNTERPARTY, Kind.DUPLICATE, Kind.SECURITY]


def test_cycle_is_compared_by_itself(made: Market) -> None:
    """What differs in the other cycle is not of this one; what this one moved is compared on each level."""
    wrong_next = book(
        made, lambda rows: off("quantity", 1)([r for r in rows if r["trade_date"] == str(NEXT_DAY)])
    )
    assert made.breaks(wrong_next, scope=Scope(cycle=1)) == []
    (found,) = made.breaks(wrong_next, scope=Scope(cycle=2))
    assert (found.kind, found.trading_day) == (Kind.QUANTITY, NEXT_DAY)
    compared = made.run(scope=Scope(cycle=2)).result.compared
    trades = sum(len(rows_of(made.files[NEXT_DAY], name)) for name in load("sample").brokers)
    assert (compared.books, compared.trades) == (12, trades)
    assert compared.positions > 0 < compared.revenue
    with pytest.raises(NameUnknown, match="cycle '3'"):
        made.run(scope=Scope(cycle=3))


def test_day_is_held_against_the_ledger_as_it_ended(made: Market) -> None:
    scope = Scope(day=DAY)
    assert made.breaks(book(made, lambda rows: None, DAY), depository(made, DAY), scope=scope) == []
    (found,) = made.breaks(depository(made, DAY, off=1), scope=scope)
    assert (found.level, found.kind) == ("position", Kind.CLOSING)


def test_source_of_another_day_is_refused_and_the_others_go_on(made: Market) -> None:
    wrong = book(made, off("quantity", 1), NEXT_DAY)
    reported = made.run(depository(made, DAY), wrong)
    (refused,) = reported.result.refused
    assert (refused.line, str(DAY) in refused.reason, str(NEXT_DAY) in refused.reason) == (0, True, True)
    assert [each.kind for each, _ in reported.breaks] == [Kind.QUANTITY]
    (refused,) = made.run(book(made, lambda rows: None, NEXT_DAY), scope=Scope(day=DAY)).result.refused
    assert str(NEXT_DAY) in refused.reason


def test_correction_stands_in_for_its_source_and_is_said(
    made: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made.ledger, "path", tmp_path)
    wrong = book(made, off("quantity", 1))
    ((found, kept),) = made.run(wrong).breaks
    assert kept is not None
    right = {
        "quantity": found.fields["quantity"]["ledger"],
        "was": {"quantity": found.fields["quantity"]["book"]},
    }
    with Breaks.open(tmp_path, write=True) as breaks:
        breaks.propose(kept.id, right, "Asha")
        breaks.approve(kept.id, "Bina")
    mended = made.run(wrong)
    assert (mended.breaks, mended.corrected, mended.accepted) == ((), 1, 0)
    assert made.run(book(made)).corrected == 0, "its source is right by now"
    ((_, again),) = made.run(book(made, off("quantity", 2))).breaks
    assert again is not None
    assert again.id == kept.id
    with Breaks.open(tmp_path, write=True) as breaks:
        breaks.close(kept.id, "as agreed", "Asha")
        breaks.approve(kept.id, "Bina")
    left = made.run(book(made, off("quantity", 2)))
    assert (left.breaks, left.corrected, left.accepted) == ((), 0, 1)


def test_unread_book_is_not_replaced_by_the_shelf(made: Market) -> None:
    missing = Brought("book", NAME, str(made.folder / "nowhere.csv"))
    found = made.run(missing).result
    assert found.compared.books == 11
    assert [each.reason for each in found.refused] == ["there is no such file"]


@pytest.mark.parametrize(("until", "waits"), [("23:59", True), ("08:00", False)])
def test_trade_that_a_book_lacks_is_pending_until_its_cut_off(made: Market, until: str, waits: bool) -> None:
    made.file("book.csv", written([row for data in made.files.values() for row in rows_of(data)][:-1]))
    columns = "".join(
        f"  {ours}: {theirs}\n"
        for ours, theirs in {
            "trade_number": "trade_no",
            "trading_day": "trade_date",
            **{name: name for name in ("buyer", "seller", "security", "quantity", "settlement_amount")},
        }.items()
    )
    mapping = f'source: book.csv\nlevel: trades\ncut_off: "{until}"\ncolumns:\n{columns}'
    result = made.run(Brought("book", NAME, made.file("book.yaml", mapping))).result
    assert result.refused == ()
    found = result.pending if waits else result.breaks
    assert [each.kind for each in found] == [Kind.MISSING_HERE]
    assert not (result.breaks if waits else result.pending)


def test_statement_of_accounts_that_nobody_has_is_said_and_the_rest_goes_on(made: Market) -> None:
    rows = [Balance("position", name, "X", None, None, 1) for name in ("Stranger", NAME)]
    data = write_semt002(rows, int(NEXT_DAY.strftime("%Y%m%d")))
    result = made.run(Brought("custodian", None, made.file("semt.xml", data))).result
    assert [each.value for each in result.refused] == ["Stranger"]
    kinds = {each.subject: each.kind for each in result.breaks}
    assert kinds.pop("X") is Kind.MISSING_THERE
    held = {code for code, n in holdings(made).items() if n}
    assert kinds == dict.fromkeys(held, Kind.MISSING_HERE)


def test_general_mapping_is_only_of_what_does_not_show_by_itself(made: Market) -> None:
    """And a table without trading days is of the day that its name, or the only day of the scope, says."""
    columns = {name: name for name in ("buyer", "seller", "security", "quantity", "settlement_amount")}
    columns["trade_number"] = "ref"
    general = made.file(
        "general.yaml",
        "level: trades\ncolumns:\n" + "".join(f"  {ours}: {theirs}\n" for ours, theirs in columns.items()),
    )
    for day in (DAY, NEXT_DAY):
        rows = [
            {"ref": r["trade_no"], **{c: r[c] for c in columns if c in r}} for r in rows_of(made.files[day])
        ]
        made.file(f"own-{day}.csv", written(rows))
    named = made.file("own.yaml", "source: own-{date}.csv\n" + Path(general).read_text())
    plain = replace(book(made), default=general)
    dated = Brought("book", NAME, str(made.folder / "own-{date}.csv"), default=general)
    for brought in (plain, dated, Brought("book", NAME, named), replace(depository(made), default=general)):
        result = made.run(brought).result
        assert (result.breaks, result.refused) == ((), ())
    assert [each["format"] for each in made.run(plain, dated).result.sources] == [
        "canonical",
        "mapped",
        "mapped",
    ]
    single = Brought("book", NAME, str(made.folder / f"own-{DAY}.csv"), mapping=general)
    assert made.breaks(single, scope=Scope(day=DAY)) == []
    (refused,) = made.run(single).result.refused
    assert "says no trading day" in refused.reason


def test_kept_sources_are_those_that_were_brought(tmp_path: Path) -> None:
    brought = [
        Brought("book", NAME, str(tmp_path / "a.csv"), str(tmp_path / "own.yaml")),
        Brought("book", NAME, "sqlite:book.db#trades", None, str(tmp_path / "general.yaml")),
        Brought("bank", None, str(tmp_path / "camt.xml")),
    ]
    keep(tmp_path, brought)
    assert configured(tmp_path) == brought
    changed = Brought("bank", None, str(tmp_path / "other.xml"))
    keep(tmp_path, [changed])
    assert configured(tmp_path) == [*brought[:2], changed]
