"""Entries from short rows, and what a comparison found in terms of the rows themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ledger.units import TIME_UNKNOWN, exact
from settlement.reconciliation.entries import Entries
from settlement.reconciliation.trades import Matched

DAY = 20191121


class Trade(NamedTuple):
    """One row; by default A buys X of B."""

    number: int
    quantity: int = 100
    amount: int = 5_000
    buyer: str | None = "A"
    seller: str | None = "B"
    security: str = "X"
    day: int = DAY
    settles: int = 0
    time: int = TIME_UNKNOWN
    price: int = -1
    currency: str | None = None
    commission: int | None = None
    levy: int | None = None


def entries(rows: Sequence[Trade], lines: Sequence[int] | None = None, names: int = 1) -> Entries:
    """The rows as columns, on lines 2, 3, … unless told; `names` −1 writes the tables of names backwards."""

    def table(*columns: str) -> tuple[str, ...]:
        found = {getattr(row, column) for row in rows for column in columns} - {None}
        return tuple(sorted(found))[::names]

    def codes(names: Sequence[str], column: str) -> list[int]:
        return [-1 if getattr(row, column) is None else names.index(getattr(row, column)) for row in rows]

    def plain(column: str) -> list[Any]:
        return [getattr(row, column) for row in rows]

    parties, securities, currencies = table("buyer", "seller"), table("security"), table("currency")
    charges = {
        name: exact(plain(name)) if rows and None not in plain(name) else None
        for name in ("commission", "levy")
    }
    return Entries(
        parties,
        securities,
        currencies,
        number=plain("number"),  # type: ignore[arg-type]
        day=plain("day"),  # type: ignore[arg-type]
        settles=plain("settles"),  # type: ignore[arg-type]
        time=plain("time"),  # type: ignore[arg-type]
        buyer=codes(parties, "buyer"),  # type: ignore[arg-type]
        seller=codes(parties, "seller"),  # type: ignore[arg-type]
        security=codes(securities, "security"),  # type: ignore[arg-type]
        currency=codes(currencies, "currency"),  # type: ignore[arg-type]
        quantity=exact(plain("quantity")),
        amount=exact(plain("amount")),
        price=exact(plain("price")),
        line=list(range(2, len(rows) + 2)) if lines is None else list(lines),  # type: ignore[arg-type]
        **charges,
    )


def used(matched: Matched, mine: Sequence[Trade], theirs: Sequence[Trade]) -> None:
    """Each row of either side is held or in a difference, and in no two differences. Only of what one entry
    aggregates is none held but the first; then the quantities of the others are what that entry has more.
    """
    here = [row for each in matched.differences for row in each.mine]
    there = [row for each in matched.differences for row in each.theirs]
    assert len(here) == len(set(here))
    assert len(there) == len(set(there))
    held = {row for row, its in enumerate(matched.held.tolist()) if its >= 0}
    assert held | set(here) == set(range(len(mine)))
    rest = set(range(len(theirs))) - {*matched.held.tolist()} - set(there)
    more = [
        mine[row].quantity - theirs[its].quantity
        for row, its in enumerate(matched.held.tolist())
        if row not in here and its >= 0 and mine[row].quantity > theirs[its].quantity
    ]
    assert sum(theirs[row].quantity for row in rest) == (sum(more) if rest else 0)
