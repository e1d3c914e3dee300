"""Tables of answers on pages of any width.

fits     ─ where the needed columns have room, no line of the table is wider than the page
complete ─ each column is shown, or said below with its value or by its name, or is empty
"""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
from rich.console import Console, Group
from rich.text import Text

from settlement.audit.answer import Answer, AsOf
from settlement.audit.writing import as_text
from settlement.report.layout import page_like, rendered

ROWS = [
    {
        "trade": f"2024-03-14/{number}",
        "buyer": "Calder Vale",
        "seller": seller,
        "security": "ZZ0000010379",
        "quantity": Decimal(80 * number),
        "settlement_amount_minor": Decimal(287_200 * number),
        "currency": "EUR",
        "status": "settled",
        "reasons": None,
    }
    for number, seller in ((7, "Glenside"), (1207, "Kestrel Rock"))
]
GONE = {
    "reasons": 99,
    "status": 90,
    "currency": 81,
    "security": 71,
    "buyer": 57,
    "quantity": 49,
}
"""In the order in which they go, each with the narrowest page that it is on: the longest words of all columns
then there, and two spaces between each two."""


def printed(width: int) -> list[str]:
    """The answer on a page of this width."""
    kinds = {"quantity": pa.decimal128(38, 0), "settlement_amount_minor": pa.decimal128(38, 0)}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in ROWS[0]])
    answer = Answer("trades", pa.Table.from_pylist(ROWS, schema=schema), AsOf(33, bytes(32), 0))
    parts = as_text(answer, {"EUR": 2}, width=width)
    group = Group(*(Text(part) if isinstance(part, str) else part for part in parts))
    return rendered(group, page_like(Console(width=width, force_terminal=False))).splitlines()


def test_table_given_any_width_is_whole_or_says_what_is_not_in_it() -> None:
    titles = [name.removesuffix("_minor").replace("_", " ") for name in ROWS[0]]
    for width in range(34, 120):
        lines = printed(width)
        rule = next(n for n, line in enumerate(lines) if line.startswith("─"))
        end = lines.index("", rule)
        gone = [title for title, narrowest in GONE.items() if width < narrowest]
        shown = [title for title in titles if title not in gone]
        assert sorted(" ".join(lines[:rule]).split()) == sorted(" ".join(shown).split()), width
        below = " ".join(lines[end + 1 :])
        same = [title for title in gone if title not in ("reasons", "quantity")]
        said = ", ".join(f"{title} {ROWS[0][title]}" for title in same)
        assert below.startswith(f"2 trades In each row: {said} " if same else "2 trades As of"), width
        assert ("No room for: quantity; other formats have them As of" in below) == ("quantity" in gone)
        assert max(map(len, lines[:end])) <= max(width, 66)  # the block's hash is as wide
        assert {"560", "96,560"} <= {*" ".join(lines[rule:end]).split()} or "quantity" in gone
