"""Breaks, results and runs for tests of what is kept."""

from __future__ import annotations

import datetime as dt
from typing import Any

from settlement.reconciliation.model import Break, Compared, Kind, Result

DAY = dt.date(2026, 11, 26)
"""A Thursday."""
NOON = dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)


def made(subject: str = "12", kind: Kind = Kind.QUANTITY, book: object = 501, **more: Any) -> Break:
    """One break of institution A, of a trade of DAY; `book` is its quantity there, 510 the ledger's."""
    fields = more.pop("fields", {"quantity": {"book": book, "ledger": 510}})
    whole = {"institution": "A", "level": "trade", "value_at_risk": 900, "trading_day": DAY} | more
    return Break(kind=kind, subject=subject, fields=fields, **whole)


def result(*breaks: Break, pending: tuple[Break, ...] = ()) -> Result:
    """What a run found."""
    return Result(breaks, pending, Compared())
