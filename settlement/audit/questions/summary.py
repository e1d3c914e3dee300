"""Totals: what was traded, settled, charged and moved, by day, by status or by institution."""

from __future__ import annotations

import pyarrow as pa

from settlement.audit.answer import Answer
from settlement.audit.charges import charge_columns
from settlement.audit.filters import NONE, Filters
from settlement.audit.names import one_of
from settlement.audit.questions.trades import Chosen
from settlement.audit.session import Audit

GROUPS = ("day", "status", "institution")
_SUMS = ("trades", "settled_trades", "gross", "settled", "commission", "levy")
_KEYS = "trading_day, status, buyer, seller, cash_asset, venue"
_FAST = {"institution", "counterparty", "first", "last", "status", "currency"}
"""Filters that the kept totals know."""


def summary(audit: Audit, filters: Filters = NONE, by: str = "day") -> Answer:
    """Totals of the trades that the filters choose, as they stand, a row each day, status or institution and
    currency: trades, trades settled whole, gross amount, what of it has settled, commission and levy.

    By day and by status both sides' commission and levy count; by institution its own, what it bought and
    sold, and `net_amount_minor`, the cash it receives for what has settled less what it pays, before
    charges. By day `net_amount_minor` is the cash that changed hands, of netting sets with trades of that
    day alone; null where a set had several days', and where only some of a day's trades are looked at.
    `breaks` are those that were ever found of the day's trades, or in the institution's books. A trade of an
    institution with itself counts once among its trades, and on both sides among bought, sold and charges.
    Raises NameUnknown and InvalidValue.
    """
    group = one_of("group", by, GROUPS)
    totals = _totals(audit, filters)
    if group == "institution":
        return audit.answer("summary", _by_institution(audit, filters, totals))
    key = "trading_day" if group == "day" else "status_name(status) as status"
    place = "trading_day" if group == "day" else "status"
    amount = audit.access.amount
    net, joined = "", ""
    if group == "day":
        is_whole = _used(filters) <= {"first", "last", "currency"} and audit.access.sees != "own"
        moved = "any_value(n.net)" if is_whole else "null::decimal(38, 0)"
        net = f", {amount(moved)} as net_amount_minor, coalesce(any_value(k.breaks), 0) as breaks"
        joined = (
            f"left join ({_NET}) n using (trading_day, cash_asset)"
            " left join (select trading_day, count(*) as breaks from breaks group by 1) k using (trading_day)"
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
    return audit.answer("summary", table, total=table.num_rows)


_NET = """
    select trading_day, cash_asset, sum(net) as net from (
        select s.transaction, any_value(b.trading_day) as trading_day, b.cash_asset,
            any_value(n."netAmount") as net, count(distinct b.trading_day) as days
        from facts."ClearingHouse_SliceSettled" s join facts.batches b on b.hash = s."batchHash"
        join facts."ClearingHouse_NettingSetSettled" n
            on n.transaction = s.transaction and n."cashAsset" = b.cash_asset
        group by s.transaction, b.cash_asset) where days = 1 group by 1, 2"""


def _by_institution(audit: Audit, filters: Filters, totals: str) -> pa.Table:
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
    return audit.table(
        f"""select institution_name(who) as institution, asset_code(cash_asset) as currency,
            sum(trades)::bigint as trades, sum(settled_trades)::bigint as settled_trades, {sums},
            (select count(*) from breaks k where k.institution = institution_name(who)) as breaks
        from ({sides}) {where} group by who, cash_asset having count(*) > 0 order by who, cash_asset"""
    )


def _totals(audit: Audit, filters: Filters) -> str:
    """SQL with the totals by `_KEYS` of the trades that filters choose, for one side each.

    Those of all trades are added up once a session; filters of other columns need the trades themselves.
    """
    chosen = Chosen.of(audit, filters)
    if not _used(filters) <= _FAST:
        return f"({_added(audit, chosen.rows())})"
    whole = audit.kept("totals", _all_totals(audit))
    names = audit.names
    found = [each for each in (*chosen.conditions, *chosen.status) if "t.batch in" not in each]
    if filters.currency is not None:
        found.append(f"t.cash_asset = {names.currency(filters.currency)}")
    if audit.access.sees == "own":
        found.append(audit.access.concerns("t.buyer", "t.seller", "t.venue"))
    return f"(select t.* from {whole} t {'where ' + ' and '.join(found) if found else ''})"


def _used(filters: Filters) -> set[str]:
    return {name for name in filters.__slots__ if getattr(filters, name) not in (None, ())}


def _all_totals(audit: Audit) -> str:
    if not audit.has("changes"):
        return _added(audit, "from facts.trades")
    # As segments ended, less what changed since as it was, and it as it is.
    changed = audit.kept("changed")
    was = (
        "select * exclude (old_status, old_settled_quantity)"
        f" replace (old_status as status, old_settled_quantity as settled_quantity) from {changed}"
    )
    now = f"select * exclude (old_status, old_settled_quantity) from {changed}"
    less = ", ".join(f"-{name} as {name}" for name in _SUMS)
    sums = ", ".join(f"sum({name}) as {name}" for name in _SUMS)
    return f"""select {_KEYS}, {sums} from (
        {_added(audit, "from facts.trades")}
        union all select {_KEYS}, {less} from ({_added(audit, was)})
        union all {_added(audit, now)}) group by all"""


def _added(audit: Audit, rows: str) -> str:
    """SQL that adds up rows with the columns of `facts.trades_now`."""
    gross, commission, levy = charge_columns(audit.small)
    kind = "bigint" if audit.small else "hugeint"
    part = "case when settled_quantity = quantity then {0} when settled_quantity = 0 then 0 else {1} end"
    part_of = {
        name: part.format(f"({each})::{kind}", f"(({each})::hugeint * settled_quantity // quantity)::{kind}")
        for name, each in (("settled", gross), ("commission", commission), ("levy", levy))
    }
    return f"""select {_KEYS}, count(*) as trades, count(*) filter (status = 3) as settled_trades,
        sum({gross}) as gross, sum({part_of["settled"]}) as settled,
        sum({part_of["commission"]}) as commission, sum({part_of["levy"]}) as levy
        from (select x.*, b.cash_asset, b.venue, b.fee_schedule
            from ({rows}) x join facts.batches b using (batch))
        group by all"""
