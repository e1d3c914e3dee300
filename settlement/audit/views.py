"""The views: facts with names, times and amounts, one of the ledger's terms each.

`VIEWS` is all of them, by name; other rooms' views join it in `_all`. A view never shows a viewer what its
`Access` does not: rows that are not its own are left out, amounts and names masked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from settlement.audit import views_breaks, views_market, views_revenue, views_trades
from settlement.audit.access import Access
from settlement.audit.facts import Script
from settlement.audit.view import View


def _all() -> Iterator[View]:
    yield from views_trades.VIEWS
    yield from views_market.VIEWS
    yield from views_revenue.VIEWS
    yield from views_breaks.VIEWS


VIEWS: Mapping[str, View] = {view.name: view for view in _all()}
"""By name, in the order in which they are worth reading about."""


def create(script: Script, access: Access) -> None:
    """Every view for a viewer, made when it is named; the facts and macros have to be there."""
    for view in VIEWS.values():
        script.view(view.name, view.sql(access))
