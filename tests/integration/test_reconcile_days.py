"""What of a book is held against which days of the ledger, and what is said of the rest.

days     ─ an entry on a wrong day, days that one side has not, a file for each day
nothing  ─ a book without rows, a source of which no row can be read
ledger   ─ commission shared several times in a settlement; the shelf's breaks close by the shelf
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from settlement.books.shelf import Shelf
from settlement.breaks.reconciling import covered, run
from settlement.operations import Ledger
from settlement.reconciliation.ledger_side import EVERYTHING, Scope
from settlement.reconciliation.model import Kind
from settlement.scenario import load
from settlement.sources.configured import Brought
from tests.integration.brought import (
    DAY,
    NAME,
    Market,
    Rows,
    book,
    holdings,
    rows_of,
    table,
    two_days,
    written,
)
from tests.ledgers import in_memory
from tests.unit.report_days import NEXT_DAY, record, sample_file

COLUMNS = "".join(
    f"  {name}: {name}\n" for name in ("buyer", "seller", "security", "quantity", "settlement_amount")
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    with two_days(tmp_path_factory.mktemp("days")) as market:
        yield market


def test_entry_on_a_wrong_day_is_that_break_alone(made: Market) -> None:
    """A book of one day is not one of all days up to an entry that is misdated, and either day finds it."""
    there = {row["trade_no"] for row in rows_of(made.files[DAY], None)}

    def alter(rows: Rows) -> None:
        row = next(r for r in rows if r["trade_date"] == str(NEXT_DAY) and r["trade_no"] not in there)
        row["trade_date"] = str(DAY)

    for brought, scope in (
        (book(made, alter, NEXT_DAY), EVERYTHING),
        (book(made, alter), EVERYTHING),
        (book(made, alter), Scope(day=DAY)),
    ):
        (found,) = made.breaks(brought, scope=scope)
        assert (found.kind, found.trading_day) == (Kind.DATE, NEXT_DAY)
    (source,) = made.run(book(made, alter, NEXT_DAY)).result.sources
    assert source["days_not_compared"] == str(DAY)


def test_entry_of_a_day_that_the_ledger_has_not_is_matched_or_said(made: Market) -> None:
    """Without a number, another day is all that differs; a row of long ago is no break, but it is said."""
    rows = [row for data in made.files.values() for row in rows_of(data) if row["buyer"] != row["seller"]]
    old = dict(rows[7], trade_date=str(DAY - dt.timedelta(40)), quantity="1")
    rows[7]["trade_date"] = str(DAY - dt.timedelta(1))
    made.file("days.csv", written([*rows, old]))
    mapping = f"source: days.csv\nlevel: trades\ncolumns:\n  trading_day: trade_date\n{COLUMNS}"
    result = made.run(Brought("book", NAME, made.file("days.yaml", mapping))).result
    own = [row for data in made.files.values() for row in rows_of(data) if row["buyer"] == row["seller"]]
    assert sorted(each.kind for each in result.breaks) == sorted([Kind.DATE, *[Kind.MISSING_HERE] * len(own)])
    assert result.sources[0]["rows_of_days_not_on_the_ledger"] == 1


def test_book_without_rows_lacks_every_trade_by_the_name_that_its_format_gives_it(made: Market) -> None:
    header = "Contract_No,Stock_Symbol,Buyer_Broker,Seller_Broker,Quantity,Rate,Amount"
    found = made.breaks(Brought("book", NAME, made.file("none.csv", f"{header}\n")))
    own = [row for data in made.files.values() for row in rows_of(data)]
    assert len(found) == len(own)
    names = {f"{row['trade_date'].replace('-', '')}{int(row['trade_no']):08d}" for row in own}
    assert {each.subject for each in found} == names


def test_trades_that_settle_one_by_one_share_commission_several_times_in_a_cycle() -> None:
    with in_memory(load("sample"), DAY) as ledger:
        record(ledger, sample_file(DAY, trades=40, seed=3), DAY)
        ledger.fund(20_000_000)
        ledger.settle(model=1)
        told = [
            (each.transaction, each["agreementId"])
            for each in ledger.read().revenue
            if each.name == "RevenueAccrued"
        ]
        assert len(told) > len(set(told))
        result = run(ledger).result
    assert result.breaks == ()
    assert result.compared.revenue > 0


def test_what_differs_from_the_shelf_is_covered_by_the_run_that_found_it(made: Market) -> None:
    """Else it would never close by itself."""
    empty = Ledger(made.ledger.market, Shelf())
    result = run(empty).result
    assert {each.level for each in result.breaks} == {"trade", "cash"}
    places = covered(result, EVERYTHING)
    assert [each for each in result.breaks if not any(place.has(each) for place in places)] == []
    held = [place for place in covered(made.run().result, EVERYTHING) if place.shelf]
    assert all(any(place.has(each) for place in held) for each in result.breaks)


def test_mapping_of_a_file_for_each_day_reads_those_of_the_scope(made: Market) -> None:
    """Its trades are of the day that the file's name has, where no column says."""
    for day, data in made.files.items():
        made.file(f"of-{day}.csv", written(rows_of(data)))
    mapping = f"source: of-{{date}}.csv\nlevel: trades\ncolumns:\n  trade_number: trade_no\n{COLUMNS}"
    brought = Brought("book", NAME, made.file("of.yaml", mapping))
    for scope, days in ((EVERYTHING, 2), (Scope(day=DAY), 1), (Scope(cycle=2), 1)):
        result = made.run(brought, scope=scope).result
        assert (result.breaks, result.refused, len(result.sources)) == ((), (), days)
    made.file("plain.csv", written(rows_of(made.files[DAY])))
    plain = Brought("book", NAME, made.file("plain.yaml", mapping.replace("of-{date}", "plain")))
    assert made.breaks(plain, scope=Scope(day=DAY)) == []
    (refused,) = made.run(plain).result.refused
    assert "says no trading day" in refused.reason


def test_holdings_that_nobody_knows_are_missing_there_and_an_empty_list_is_refused(made: Market) -> None:
    rows = [*(f"{code},{n}" for code, n in holdings(made).items()), "NOPE,5"]
    columns = "  asset: ISIN\n  closing: Held\n"
    (found,) = made.breaks(table(made, "positions", "ISIN,Held", rows, columns))
    assert (found.kind, found.subject) == (Kind.MISSING_THERE, "NOPE")
    result = made.run(table(made, "positions", "ISIN,Held", [], columns)).result
    assert result.breaks == ()
    (refused,) = result.refused
    assert refused.reason.endswith("has no rows: nothing in it can be compared")


def test_source_of_which_no_row_can_be_read_is_refused_whole(made: Market) -> None:
    """Its mapping is wrong: that is no book that lacks every trade."""
    made.file("rows.csv", written([row for data in made.files.values() for row in rows_of(data)]))
    mapping = f"source: rows.csv\nlevel: trades\ncolumns:\n  trading_day: trade_date\n{COLUMNS}"
    wrong = mapping.replace("quantity: quantity", "quantity: security")
    result = made.run(Brought("book", NAME, made.file("rows.yaml", wrong))).result
    (refused,) = result.refused
    assert (result.breaks, refused.line, refused.field) == ((), 0, "")
    assert "could be read; the first, line 2: security" in refused.reason
    header = ",".join("a" for _ in range(100_000))
    (refused,) = made.run(Brought("book", NAME, made.file("wide.csv", header))).result.refused
    assert "has the column 'a' more than once (columns 1, 2," in refused.reason


def test_trade_whose_row_cannot_be_read_says_so(made: Market) -> None:
    result = made.run(book(made, lambda rows: rows[5].update(quantity="ten"))).result
    (refused,), (found,) = result.refused, result.breaks
    assert (refused.line, found.kind) == (7, Kind.MISSING_HERE)
    (cause,) = found.causes
    assert cause.code == "unreadable"
    assert cause.said == "Line 7 has it and could not be read: quantity 'ten' is not a plain decimal number."


def test_entry_that_the_ledger_lacks_is_said_where_a_cycle_alone_is_compared(made: Market) -> None:
    """It is no part of the cycle, but silence would say that it was compared."""
    extra = book(made, lambda rows: rows.append(dict(rows[0], trade_no="999999", quantity="3")))
    result = made.run(extra, scope=Scope(cycle=1)).result
    assert (result.breaks, result.sources[0]["rows_that_the_ledger_lacks"]) == ((), 1)
    (found,) = made.breaks(extra)
    assert (found.kind, found.subject) == (Kind.MISSING_THERE, "999999")
