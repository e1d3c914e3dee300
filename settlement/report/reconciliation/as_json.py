"""A reconciliation as JSON.

    {"ledger", "head", "block", "scope", "made", "currency", "exponent", "books_compared",
     "compared": {"trades", "positions", "cash", "revenue", "statements"},
     "value_at_risk_minor": of all breaks, "accepted": differences that are left out, since two people have
     accepted them, "corrections_applied": corrections in force where a source is still wrong,
     "breaks": [as settlement.report.breaks has it], "pending": [alike],
     "refused": [{"source", "line": 0 is the whole source, "field", "value", "reason"}],
     "sources": [{"source", "side", "institution", "format", "rows", "tolerances", …}]}

Breaks come in the order of every report: most at risk first. Keys may be added, none will change its meaning.
"""

from __future__ import annotations

from typing import Any

from settlement.report.breaks import break_json
from settlement.report.reconciliation.view import Item, View, at_risk, ordered

_COMPARED = ("trades", "positions", "cash", "revenue", "statements")


def as_json(view: View) -> dict[str, Any]:
    """The report's one object, of every break."""
    return {
        "ledger": view.ledger,
        "head": view.head,
        "block": view.block,
        "scope": view.scope,
        "made": view.made.isoformat(),
        "currency": view.money.currency,
        "exponent": view.money.exponent,
        "books_compared": view.compared.books,
        "compared": {name: getattr(view.compared, name) for name in _COMPARED},
        "value_at_risk_minor": str(at_risk(view.breaks)),
        "accepted": view.accepted,
        "corrections_applied": view.corrected,
        "breaks": [_item(each) for each in ordered(view.breaks)],
        "pending": [_item(each) for each in ordered(view.pending)],
        "refused": [
            {
                "source": each.source,
                "line": each.line,
                "field": each.field,
                "value": each.value,
                "reason": each.reason,
            }
            for each in view.refused
        ],
        "sources": [dict(each) for each in view.sources],
    }


def _item(item: Item) -> dict[str, Any]:
    first_seen = None if item.first_seen is None else item.first_seen.isoformat()
    kept = {
        "id": item.id,
        "age": item.days,
        "age_bucket": item.age,
        "owner": item.owner,
        "first_seen": first_seen,
    }
    return break_json(item.found, status=item.status or "open") | kept
