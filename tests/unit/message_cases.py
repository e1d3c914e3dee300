"""What the tests of message sources share: a context, a mapping, entries of any sort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hypothesis import strategies as st

from ledger.units import TIME_UNKNOWN
from settlement.reconciliation.entries import NO_NUMBER, Entries
from settlement.sources import Context
from settlement.sources.messages import Row, entries_of

MESSAGES = Path(__file__).resolve().parents[1] / "data" / "messages"

NEPSE = Context(
    side="custodian",
    owner=None,
    currency="NPR",
    exponent=2,
    institutions=("58", "42", "17"),
    securities=("NABIL", "NTC"),
)
BOOK = replace(NEPSE, side="book", owner="58")


@dataclass
class Renaming:
    """What of a mapping the readers of messages use."""

    institutions: Mapping[str, str] = field(default_factory=dict)
    securities: Mapping[str, str] = field(default_factory=dict)
    utc_offset: int | None = None


def rows_of(entries: Entries | None) -> list[Row]:
    """The entries row by row, with names in words."""
    assert entries is not None
    names = {
        "buyer": entries.parties,
        "seller": entries.parties,
        "security": entries.securities,
        "currency": entries.currencies,
    }
    rows = []
    for place in range(len(entries)):
        values = {name: int(column[place]) for name, column in entries.columns().items()}
        said = {name: table[values[name]] if values[name] >= 0 else "" for name, table in names.items()}
        rows.append(Row(**{**values, **said}))  # type: ignore[arg-type]
    return rows


TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=31)
"""A local code: 1 to 31 printable characters; markup among them."""

ROWS = st.builds(
    Row,
    number=st.just(NO_NUMBER) | st.integers(1, 2**32 - 1),
    day=st.sampled_from([20191121, 20240229, 20991231]),
    settles=st.sampled_from([20191122, 20240301]),
    time=st.just(TIME_UNKNOWN) | st.integers(0, 86_399),
    buyer=st.just("58"),
    seller=TEXT,
    security=TEXT | st.just("US0378331005"),
    currency=st.sampled_from(["NPR", "USD", "JPY", "KWD"]),
    quantity=st.integers(0, 10**18 - 1),
    amount=st.integers(-(10**18) + 1, 10**18 - 1),
    price=st.just(-1) | st.integers(0, 10**15),
    line=st.just(0),
)
"""Entries that a message can hold; the buyer is 58."""


@st.composite
def any_entries(draw: st.DrawFn) -> Entries:
    """Some entries in which 58 buys or sells."""
    rows = draw(st.lists(ROWS, max_size=4))
    turned = [replace(row, buyer=row.seller, seller="58") if draw(st.booleans()) else row for row in rows]
    return entries_of([row for row in turned if row.buyer != row.seller])
