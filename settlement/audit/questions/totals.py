"""Totals of the trades that filters choose: from those that the index keeps, where it can."""

from __future__ import annotations

from datetime import date

from settlement.audit import totals
from settlement.audit.filters import Filters
from settlement.audit.session import Audit
from settlement.audit.totals_tables import BY_PARTIES, BY_SECURITY, KEYS, SUMS

_BOTH = {"first", "last", "status", "currency", "limit", "after"}
_KNOWN = {BY_PARTIES: _BOTH | {"institution", "counterparty"}, BY_SECURITY: _BOTH | {"security"}}
"""Filters that a table of totals knows."""


def table_for(audit: Audit, filters: Filters, *, parties: bool = False) -> str | None:
    """The table of totals with what the filters, and the viewer's access, ask for; None where there is
    none. `parties` are wanted even where no filter asks for them."""
    asked = used(filters)
    if asked <= _KNOWN[BY_PARTIES]:
        return BY_PARTIES
    if asked <= _KNOWN[BY_SECURITY] and not parties and audit.access.sees != "own":
        return BY_SECURITY
    return None


def used(filters: Filters) -> set[str]:
    """The names of the filters that say something."""
    return {name for name in filters.__slots__ if getattr(filters, name) not in (None, ())}


def totals_of(audit: Audit, filters: Filters, table: str, conditions: tuple[str, ...]) -> str:
    """SQL with a table's totals of the trades that filters choose. `conditions` are those that they make on
    trades; others than on the table's columns are made here."""
    names, access = audit.names, audit.access
    found = [each for each in conditions if "t.batch in" not in each]
    if filters.currency is not None:
        found.append(f"t.cash_asset = {names.currency(filters.currency)}")
    if access.sees == "own":
        found.append(access.concerns("t.buyer", "t.seller", "t.venue"))
    return f"(select t.* from {_whole(audit, table)} t {'where ' + ' and '.join(found) if found else ''})"


def by_day(audit: Audit, filters: Filters, conditions: tuple[str, ...]) -> dict[date, int] | None:
    """How many trades the filters choose of each day, as they stand; None where no totals are kept that
    tell."""
    table = table_for(audit, filters)
    if table is None or not is_kept(audit):
        return None
    found = audit.rows(
        f"select trading_day, sum(trades)::bigint from {totals_of(audit, filters, table, conditions)}"
        " group by 1 having sum(trades) <> 0"
    )
    return dict(found)


def is_kept(audit: Audit) -> bool:
    """Whether every segment that adds to the totals has them: an index made by an earlier version has
    not."""
    for each in audit.segments:
        if ("trades" in each.files or "changes" in each.files) and BY_PARTIES not in each.files:
            return False
    return True


def _whole(audit: Audit, table: str) -> str:
    """The totals of all trades as they stand, put together once a session."""
    if is_kept(audit):
        keys = ", ".join(KEYS[table])
        sums = ", ".join(f"sum({name})::hugeint as {name}" for name in SUMS)
        return audit.kept(
            table, f"select {keys}, {sums} from facts.{table} group by all having sum(trades) <> 0"
        )
    small = audit.small
    trades = totals.added(table, "from facts.trades", small=small)
    if not audit.has("changes"):
        return audit.kept(table, trades)
    # As segments ended, less what changed since as it was, and it as it is.
    changed = audit.kept("changed")
    was = (
        "select * exclude (old_status, old_settled_quantity)"
        f" replace (old_status as status, old_settled_quantity as settled_quantity) from {changed}"
    )
    now = f"select * exclude (old_status, old_settled_quantity) from {changed}"
    parts = (
        f"({trades})",
        f"({totals.negative(table, totals.added(table, was, small=small))})",
        f"({totals.added(table, now, small=small)})",
    )
    whole = totals.put_together(table, " union all ".join(parts))
    return audit.kept(table, f"{whole} having sum(trades) <> 0")
