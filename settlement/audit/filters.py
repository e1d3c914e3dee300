"""What a question may be narrowed by, for people and programs alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Filters:
    """Everything is optional, and a question takes of it what it knows. Names are the ledger's; `first` and
    `last` are trading days, both included; `least` and `most` amounts in currency units, as "4290.00", both
    included. `at` is a block's number or a time, as "2019-03-25T12:00" (UTC). A page has `limit` rows, all
    where that is None, and goes on behind `after`, an answer's `next`.
    """

    institution: str | None = None
    counterparty: str | None = None
    security: str | None = None
    currency: str | None = None
    first: date | None = None
    last: date | None = None
    at: str | None = None
    status: tuple[str, ...] = ()
    least: str | None = None
    most: str | None = None
    reason: str | None = None
    limit: int | None = None
    after: str | None = None


NONE = Filters()
