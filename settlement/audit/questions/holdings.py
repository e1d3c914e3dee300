"""Who holds what, now or as any earlier block ended."""

from __future__ import annotations

from settlement.audit.answer import Answer
from settlement.audit.conditions import check_masked, limited, row_after
from settlement.audit.filters import NONE, Filters
from settlement.audit.moments import moment, newest_balances
from settlement.audit.session import Audit

_CURRENCIES = 0x8000


def positions(audit: Audit, filters: Filters = NONE) -> Answer:
    """What institutions hold of securities: institution, security, quantity; in the order of those. By
    institution and security, `at` any block or time. Who holds none of a security has no row.

    Raises NameUnknown, MomentUnknown and InvalidValue.
    """
    found = [f"asset < {_CURRENCIES}"]
    if filters.security is not None:
        found.append(f"asset = {audit.names.security(filters.security)}")
    return _held(audit, filters, "positions", found, "security", "quantity", "h.institution, h.asset")


def holders(audit: Audit, security: str, filters: Filters = NONE) -> Answer:
    """Who holds a security, the largest first: institution, security, quantity. Raises as `positions`."""
    found = [f"asset = {audit.names.security(security)}"]
    return _held(audit, filters, "holders", found, "security", "quantity", "h.amount desc, h.institution")


def cash(audit: Audit, filters: Filters = NONE) -> Answer:
    """What institutions hold of currencies: institution, currency, amount_minor. By institution and currency,
    `at` any block or time. Raises as `positions`.
    """
    found = [f"asset > {_CURRENCIES}"]
    if filters.currency is not None:
        found.append(f"asset = {audit.names.currency(filters.currency)}")
    return _held(audit, filters, "cash", found, "currency", "amount_minor", "h.institution, h.asset")


def _held(
    audit: Audit, filters: Filters, question: str, found: list[str], asset: str, amount: str, order: str
) -> Answer:
    as_of, access, size = moment(audit, filters.at), audit.access, limited(filters.limit)
    check_masked(access, filters)
    if filters.institution is not None:
        found.append(f"institution = {audit.names.institution(filters.institution)}")
    if access.sees == "own":
        found.append(access.concerns("institution", "asset_issuer(asset)"))
    if access.sees == "masked":
        # Raw columns would put masked rows in an order that tells.
        order = "3 desc, 1, 2"
    held = newest_balances(audit, as_of, " and ".join(found))
    table = audit.table(
        f"select institution_name(institution) as institution, asset_code(asset) as {asset},"
        f" {access.amount('amount')} as {amount} from {held} h order by {order}"
    )
    start = row_after(filters.after)
    end = table.num_rows if size is None else min(table.num_rows, start + size)
    following = str(end) if end < table.num_rows else None
    page = table.slice(start, max(0, end - start))
    return audit.answer(question, page, total=table.num_rows, next=following, as_of=as_of)
