"""What went from one account to another, and who the institutions are."""

from __future__ import annotations

from settlement.audit.answer import Answer
from settlement.audit.conditions import (
    check_masked,
    days,
    least_and_most,
    limited,
    minor,
    parties,
    row_after,
)
from settlement.audit.filters import NONE, Filters
from settlement.audit.moments import last_transaction, moment
from settlement.audit.session import Audit
from settlement.audit.view import MOMENT_SQL

_ORDER = "v.transaction, v.asset, v.sender, v.receiver, v.amount_high, v.amount_low"


def movements(audit: Audit, filters: Filters = NONE) -> Answer:
    """Movements as the view of that name has them, in the chain's order. By institution and counterparty
    (either side), security or currency, days (of the block's time), amount (of one currency, in its units),
    and up to `at`.

    Raises NameUnknown, MomentUnknown and InvalidValue.
    """
    size, start, as_of = limited(filters.limit), row_after(filters.after), moment(audit, filters.at)
    names, access = audit.names, audit.access
    check_masked(access, filters)
    found = [*parties(names, filters, "v.sender", "v.receiver")]
    if as_of.block < audit.as_of.block:
        found.append(f"v.transaction <= {last_transaction(audit, as_of)}")
    if between := days(filters, "date_time::date"):
        # Blocks go on in time, and so do transactions: a day is a range of them.
        picked = f"(from facts.times where {' and '.join(between)})"
        for compared, end in ((">=", "min"), ("<=", "max")):
            found.append(f"v.transaction {compared} (select {end}(transaction) from {picked})")
    if filters.security is not None:
        found.append(f"v.asset = {names.security(filters.security)}")
    if filters.currency is not None:
        found.append(f"v.asset = {names.currency(filters.currency)}")
    amount = "wide(v.amount_low, v.amount_high)"
    amounts = least_and_most(filters, lambda text: minor(names, filters, text))
    for bound, compared in zip(amounts, (">=", "<="), strict=True):
        if bound is not None:
            found.append(f"v.asset > 32768 and {amount} {compared} {bound}")
    if access.sees == "own":
        found.append(access.concerns("v.sender", "v.receiver", "asset_issuer(v.asset)"))
    where = f"where {' and '.join(found)}" if found else ""
    total = audit.rows(f"select count(*) from facts.movements v {where}")[0][0]
    order = _ORDER
    if access.sees == "masked":
        # Raw columns would put masked rows, and masked rows on pages, in an order that tells.
        of = "institution_name(v.sender), institution_name(v.receiver)"
        order = f"v.transaction, asset_code(v.asset), {of}, {access.amount(amount)}"
    page = f"select v.* from facts.movements v {where} order by {order}"
    page += f" limit {size if size is not None else total} offset {start}"
    audit.connection.execute(f"create or replace table main._page as {page}")
    table = audit.table(
        f"select institution_name(v.sender) as sender, institution_name(v.receiver) as receiver,"
        f" asset_code(v.asset) as asset, {access.amount(amount)} as amount, {MOMENT_SQL}"
        f" from main._page v join facts.moments m using (transaction)"
        f" order by {order}"
    )
    end = start + table.num_rows
    following = str(end) if table.num_rows and end < total else None
    return audit.answer("movements", table, total=total, next=following, as_of=as_of)


def institutions(audit: Audit, filters: Filters = NONE) -> Answer:
    """Who takes part, as the view `institutions` has it; one of them where the filter names one. Raises
    NameUnknown.
    """
    check_masked(audit.access, filters)
    where = ""
    if filters.institution is not None:
        where = f"where institution_index = {audit.names.institution(filters.institution)}"
    table = audit.table(f"select * from institutions {where} order by institution_index")
    return audit.answer("institutions", table, total=table.num_rows)
