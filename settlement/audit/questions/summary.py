"""Totals: what was traded, settled, charged and moved, by day, by status or by institution."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from settlement.audit.answer import Answer
from settlement.audit.filters import NONE, Filters
from settlement.audit.moments import last_transaction, moment
from settlement.audit.names import one_of
from settlement.audit.questions.totals import table_for, totals_of, used
from settlement.audit.questions.trades import Chosen
from settlement.audit.session import Audit
from settlement.audit.totals import added
from settlement.audit.totals_tables import BY_PARTIES

GROUPS = ("day", "status", "institution")


def summary(audit: Audit, filters: Filters = NONE, by: str = "day") -> Answer:
    """Totals of the trades that the filters choose, a row each day, status or institution and currency:
    trades, trades settled whole, gross amount, what of it has settled, commission and levy. `at` has those
    recorded by then as they stood then; otherwise they are as they stand.

    By day and by status both sides' commission and levy count; by institution its own, what it bought and
    sold, and `net_amount_minor`, the cash it receives for what has settled less what it pays, before
    charges. By day `net_amount_minor` is the cash that changed hands, of netting sets with trades of that
    day alone; null where a set had several days', and where only some of a day's trades are looked at.
    `breaks` are those that were ever found, by the time of the block where `at` asks for an earlier one, of
    the day's trades, or in the institution's books. A trade of an institution with itself counts once among
    its trades, and on both sides among bought, sold and charges.
    Raises NameUnknown, MomentUnknown and InvalidValue.
    """
    group = one_of("group", by, GROUPS)
    as_of = moment(audit, filters.at)
    filters = replace(filters, at=None)
    transaction = None if as_of.block == audit.as_of.block else last_transaction(audit, as_of)
    breaks = "true" if transaction is None else f"epoch(first_seen) <= {as_of.time_s}"
    totals = _totals(audit, filters, group, transaction)
    if group == "institution":
        table = _by_institution(audit, filters, totals, breaks)
        return audit.answer("summary", table, total=table.num_rows, as_of=as_of)
    key = "trading_day" if group == "day" else "status_name(status) as status"
    place = "trading_day" if group == "day" else "status"
    amount = audit.access.amount
    net, joined = "", ""
    if group == "day":
        is_whole = used(filters) <= {"first", "last", "currency"} and audit.access.sees != "own"
        moved = "any_value(n.net)" if is_whole else "null::decimal(38, 0)"
        net = f", {amount(moved)} as net_amount_minor, coalesce(any_value(k.breaks), 0) as breaks"
        joined = (
            f"left join ({_net(transaction)}) n using (trading_day, cash_asset)"
            f" left join (select trading_day, count(*) as breaks from breaks where {breaks} group by 1) k"
            " using (trading_day)"
        )
    table = audit.table(
        f"""select {key}, asset_code(cash_asset) as currency, sum(trades)::bigint as trades,
            sum(settled_trades)::bigint as settled_trades,
            {amount("sum(gross)::decimal(38, 0)")} as gross_amount_minor,
            {amount("sum(settled)::decimal(38, 0)")} as settled_amount_minor,
            {amount("(2 * sum(commission))::decimal(38, 0)")} as commission_minor,
            {amount("(2 * sum(levy))::decimal(38, 0)")} as levy_minor{net}
        from {totals} {joined} group by {place}, cash_asset having sum(trades) > 0
        order by {place}, cash_asset"""
    )
    return audit.answer("summary", table, total=table.num_rows, as_of=as_of)


def _net(transaction: int | None) -> str:
    """SQL with the cash that changed hands in netting sets of one day's trades, up to a transaction; null for
    a day with trades in a set of several days', where no part of what changed hands is one day's."""
    done = "true" if transaction is None else f"s.transaction <= {transaction}"
    return f"""
    select trading_day, cash_asset, case when max(days) = 1 then sum(net) end as net from (
        select s.transaction, b.trading_day, b.cash_asset, any_value(n."netAmount") as net,
            count(*) over (partition by s.transaction, b.cash_asset) as days
        from facts."ClearingHouse_SliceSettled" s join facts.batches b on b.hash = s."batchHash"
        join facts."ClearingHouse_NettingSetSettled" n
            on n.transaction = s.transaction and n."cashAsset" = b.cash_asset
        where {done} group by s.transaction, b.trading_day, b.cash_asset) group by 1, 2"""


def _by_institution(audit: Audit, filters: Filters, totals: str, breaks: str) -> pa.Table:
    amount = audit.access.amount
    once = "case when buyer = seller then 0 else {} end"
    count = {"buyer": "{}", "seller": once}
    sides = " union all ".join(
        f"""select {side} as who, cash_asset, {count[side].format("trades")} as trades,
            {count[side].format("settled_trades")} as settled_trades,
            {"gross" if side == "buyer" else 0} as bought, {"gross" if side == "seller" else 0} as sold,
            {"-" if side == "buyer" else ""}settled as net, settled, commission, levy from {totals}"""
        for side in count
    )
    only = []
    if filters.institution is not None:
        only.append(f"who = {audit.names.institution(filters.institution)}")
    elif filters.counterparty is not None:
        only.append(f"who <> {audit.names.institution(filters.counterparty)}")
    if audit.access.sees == "own":
        only.append(audit.access.concerns("who"))
    where = f"where {' and '.join(only)}" if only else ""
    sums = ", ".join(
        f"{amount(f'sum({name})::decimal(38, 0)')} as {shown}"
        for name, shown in (
            ("bought", "bought_amount_minor"),
            ("sold", "sold_amount_minor"),
            ("settled", "settled_amount_minor"),
            ("net", "net_amount_minor"),
            ("commission", "commission_minor"),
            ("levy", "levy_minor"),
        )
    )
    # Raw columns would put masked rows in an order that tells.
    order = "1, 2, 3, 4, 5, 6" if audit.access.sees == "masked" else "who, cash_asset"
    return audit.table(
        f"""select institution_name(who) as institution, asset_code(cash_asset) as currency,
            sum(trades)::bigint as trades, sum(settled_trades)::bigint as settled_trades, {sums},
            (select count(*) from breaks k where k.institution = institution_name(who) and {breaks}) as breaks
        from ({sides}) {where} group by who, cash_asset having count(*) > 0 order by {order}"""
    )


def _totals(audit: Audit, filters: Filters, group: str, transaction: int | None) -> str:
    """SQL with the totals of the trades that filters choose, for one side each; filters that no kept totals
    know need the trades themselves, and so do trades as they stood once an earlier transaction was done."""
    chosen = Chosen.of(audit, filters, transaction, as_they_stood=True)
    table = table_for(audit, filters, parties=group == "institution")
    if table is None or transaction is not None:
        # Once: by institution they are looked at from both sides.
        sums = added(BY_PARTIES, chosen.rows(), small=audit.small)
        audit.connection.execute(f"create or replace table main._totals as {sums}")
        return "main._totals"
    return totals_of(audit, filters, table, (*chosen.conditions, *chosen.status))
