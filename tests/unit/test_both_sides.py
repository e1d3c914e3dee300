"""A trade of a book's owner with itself: one trade, bought and sold in a book by sides."""

from __future__ import annotations

from pathlib import Path

from settlement.reconciliation.at_risk import Stated, balance_break
from settlement.reconciliation.trades import compare
from settlement.sources import Context, Source, read_source

MAPPING = """\
source: book.csv
level: trades
columns: {trade_number: Ref, trading_day: Day, side: Side, counterparty: Other, security: Code,
  quantity: Units, settlement_amount: Total, commission: Fee, levy: Levy}
"""
ITSELF = "7,2024-03-14,{side},A,S,10,100.00,{fee},0.02\n"


def _book(folder: Path, *rows: str) -> Source:
    (folder / "book.yaml").write_text(MAPPING)
    (folder / "book.csv").write_text("Ref,Day,Side,Other,Code,Units,Total,Fee,Levy\n" + "".join(rows))
    return read_source(str(folder / "book.yaml"), Context("book", "A", "EUR", 2, ("A", "B"), ("S",)))


def test_book_by_sides_given_a_trade_of_the_owner_with_itself_has_it_once(tmp_path: Path) -> None:
    """Bought and sold it is one trade, with what both sides were charged; bought twice it is twice."""
    other = "8,2024-03-14,B,B,S,10,100.00,0.50,0.02\n"
    bought, sold = ITSELF.format(side="B", fee="0.50"), ITSELF.format(side="S", fee="0.25")
    whole = _book(tmp_path, bought, sold, other).entries
    assert whole is not None
    for rows, fees, lines, kinds in (
        ([bought, other, sold], [75, 50], [2, 3], []),
        ([sold, bought, other], [75, 50], [3, 4], []),
        ([sold, other], [25, 50], [2, 3], ["fee"]),
        ([bought, bought, other], [50, 50, 50], [2, 3, 4], ["duplicate", "fee"]),
        ([bought, sold, sold, other], [75, 25, 50], [2, 4, 5], ["duplicate"]),
        ([bought, sold.replace("7,", "9,", 1), other], [50, 25, 50], [2, 3, 4], ["fee", "missing_there"]),
    ):
        source = _book(tmp_path, *rows)
        assert source.entries is not None
        assert source.entries.commission is not None
        assert (source.rows, source.entries.commission.tolist()) == (len(rows), fees)
        assert source.entries.line.tolist() == lines
        found = compare(source.entries, whole, owner="A").differences
        assert sorted(each.kind for each in found) == kinds


def test_balance_given_an_entry_that_explains_it_is_no_second_break() -> None:
    """A statement whose entry is a unit off does not add up by that unit, which the entry's break says."""
    there = Stated(100, 20, 120)
    for explained, kind in ((1, None), (0, "movements"), (2, "movements"), (-1, "movements")):
        found = balance_break(
            "A", "cash", "EUR", Stated(100, 21, 120), there, side="bank", explained=explained
        )
        assert (found and found.kind) == kind
