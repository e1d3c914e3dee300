"""Breaks that reconciliation keeps, beside the trades that they are about; and who approved what."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from ledger.ids import currency_exponent
from ledger.units import parse_minor
from settlement.audit.answer import Answer
from settlement.audit.conditions import least_and_most
from settlement.audit.filters import NONE, Filters
from settlement.audit.narrowing import Narrowed
from settlement.audit.session import Audit
from settlement.reconciliation.model import REASONS
from settlement.reconciliation.model import Kind as BreakKind

LEVELS = ("trade", "position", "cash", "revenue")
STATUSES = ("open", "pending", "proposed", "closed")
APPROVALS = (
    "affirmation",
    "consent",
    "consent_withdrawn",
    "measure",
    "joint",
    "break_closed",
    "break_corrected",
)


def breaks(
    audit: Audit,
    filters: Filters = NONE,
    *,
    level: Sequence[str] = (),
    kind: Sequence[str] = (),
    owner: str | None = None,
) -> Answer:
    """Every break that was ever found, closed ones too, in the order in which they were found.

    `filters.reason` is ISO's code, `status` any of STATUSES, `least` and `most` what is at risk, `first` and
    `last` trading days, by which breaks of no trade are left out. Raises NameUnknown, InvalidValue.
    """
    found = Narrowed(audit, "breaks")
    found.institution(filters.institution, "institution")
    if filters.security is not None:
        if audit.access.sees != "masked":
            audit.names.security(filters.security)
        found.equal("security", filters.security)
    found.words("status", filters.status, STATUSES, "status")
    found.words("reason", [filters.reason] if filters.reason else [], _reasons(), "reason")
    found.words("level", level, LEVELS, "level")
    found.words("kind", kind, tuple(BreakKind), "kind")
    found.equal("owner", owner)
    found.days(filters.first, filters.last, "trading_day")
    decimals = _decimals(audit, filters)
    between = least_and_most(filters, lambda text: parse_minor(text, decimals))
    for bound, compared in zip(between, (">=", "<="), strict=True):
        if bound is not None:
            found.where(f"value_at_risk_minor {compared} ?", bound)
    return found.answer("breaks", "break_number", filters.limit, filters.after)


def breaks_of(audit: Audit, trade: int) -> pa.Table:
    """The breaks that a trade was part of, an event of theirs a row, in their order; `trade` is its place
    among all trades."""
    return audit.table(
        """
    select b.id, b.institution, b.level, b.kind, b.reason, b.status, e.event, e.date_time, e.what, e.person,
        e.action, e.proposed_by, e.text, b.value_at_risk_minor, b.fields
    from breaks b join break_events e using (break_number)
    where list_contains(b.trades, (
        select trading_day::varchar || '/' || number from facts.trades where trade = ?))
    order by break_number, e.event""",
        [trade],
    )


def approvals(
    audit: Audit,
    filters: Filters = NONE,
    *,
    kind: Sequence[str] = (),
    person: str | None = None,
) -> Answer:
    """Who agreed to what, in the order of time: affirmations, consents to agreements, countersigned measures,
    joint decisions, and breaks that two people closed or corrected.

    `person` is who approved or proposed it; `first` and `last` are trading days, or days of what is of none.
    Raises NameUnknown, InvalidValue.
    """
    found = Narrowed(audit, "approvals")
    found.institution(filters.institution, "institution")
    found.words("kind", kind, APPROVALS, "kind")
    if person is not None:
        found.where("? in (person, proposed_by)", person)
    found.days(filters.first, filters.last, "coalesce(trading_day, date_time::date)")
    order = "date_time, block nulls last, transaction_hash, kind, institution, break_event"
    return found.answer("approvals", order, filters.limit, filters.after)


def _reasons() -> tuple[str, ...]:
    return tuple(dict.fromkeys(REASONS.values()))


def _decimals(audit: Audit, filters: Filters) -> int:
    """Of the currency that amounts are asked in: the one that is named, or the ledger's."""
    if filters.currency is not None:
        audit.names.currency(filters.currency)
        return currency_exponent(filters.currency)
    return max(audit.names.currencies().values(), default=0)
