"""Who received what of whose commission, and why: revenue shares, agreements, a trade's commission."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import pyarrow as pa

from ledger.errors import InvalidValue
from settlement.agreements import periods
from settlement.audit.answer import Answer
from settlement.audit.conditions import limited, row_after
from settlement.audit.filters import NONE, Filters
from settlement.audit.names import one_of, unknown
from settlement.audit.narrowing import Narrowed, one_trade
from settlement.audit.questions.totals import used
from settlement.audit.revenue_tables import Kind
from settlement.audit.session import Audit

STATUSES = ("proposed", "concluded", "in_force", "ended", "superseded")
GROUPS = ("payer", "party", "agreement", "agreement_name", "period", "kind", "cycle", "block", "currency")
"""What sums can be by."""
_WHY = """case kind
    when 'accrual' then coalesce(share_ppm || ' ppm', 'the clauses of version ' || version)
        || ' of the running total, rounded down, less what it was before'
    when 'clause' then 'clause ' || line || ' computed for good, less what was had on account'
    when 'guarantee' then 'guarantee, line ' || line || ', held against what was reported'
    else 'reserve of clause ' || line || ' released' end as why"""


def revenue(
    audit: Audit,
    filters: Filters = NONE,
    *,
    payer: str | None = None,
    party: str | None = None,
    agreement: int | str | None = None,
    period: str | None = None,
    cycle: int | None = None,
    kind: Sequence[str] = (),
    by: Sequence[str] = (),
    trade: str | None = None,
) -> Answer:
    """Each party's part of each accrual and run, in the chain's order, and `why`; or, where `by` names some
    of GROUPS, sums by them.

    `filters.institution` is payer or party, `counterparty` the other one; `first` and `last` are days of the
    chain. An `agreement` is meant by its number, its name or PAYER/NAME, a `period` as "2019Q4". Of one
    `trade`, by its name, it is the way of its `commission`, and no other filter goes with it. Raises
    NameUnknown, InvalidValue.
    """
    if trade is not None:
        narrower: dict[str, Any] = {"payer": payer, "party": party, "agreement": agreement, "period": period}
        narrower |= {"cycle": cycle, "kind": kind or None, "by": by or None}
        others = used(filters) | {name for name, given in narrower.items() if given is not None}
        return _way(audit, trade, filters, others - {"limit", "after"})
    found = Narrowed(audit, "entitlements")
    found.institution(filters.institution, "payer", "party")
    found.institution(filters.counterparty, "payer", "party")
    found.institution(payer, "payer")
    found.institution(party, "party")
    _agreement(found, agreement, "agreement_name")
    if period is not None:
        periods.parse(period)
        found.equal("period", period)
    found.equal("cycle", cycle)
    found.equal("currency", filters.currency)
    found.words("kind", kind, tuple(Kind), "kind")
    found.days(filters.first, filters.last, "date_time::date")
    if by:
        return _sums(found, [one_of("group", each, GROUPS) for each in by], filters)
    order = "transaction_index, agreement, kind, line, place"
    return found.answer("revenue", order, filters.limit, filters.after, f"*, {_WHY}")


def _way(audit: Audit, trade: str, filters: Filters, others: Collection[str]) -> Answer:
    """A page of the way of a trade's commission."""
    if others:
        name = {"first": "from", "last": "to"}.get(min(others), min(others))
        raise InvalidValue("filter beside a trade", name, "the way of its commission is told whole")
    start, limit = row_after(filters.after), limited(filters.limit)
    way = commission(audit, one_trade(audit, trade)["trade_index"])
    page = way.slice(start, limit)
    end = start + len(page)
    return audit.answer("commission", page, total=len(way), next=str(end) if end < len(way) else None)


def _sums(found: Narrowed, by: Sequence[str], filters: Filters) -> Answer:
    if found.audit.access.sees == "masked":
        raise InvalidValue("by", ", ".join(by), "amounts that are masked cannot be added up")
    keys = ", ".join(dict.fromkeys([*by, "currency"]))
    sums = f"""(select {keys}, count(*) as parts, sum(amount_minor)::decimal(38, 0) as amount_minor,
        sum(paid_minor)::decimal(38, 0) as paid_on_account_minor from ({found.statement()}) group by all)"""
    whole = Narrowed(found.audit, sums, parameters=found.parameters)
    return whole.answer("revenue_sums", keys, filters.limit, filters.after)


def agreements(
    audit: Audit,
    filters: Filters = NONE,
    *,
    payer: str | None = None,
    party: str | None = None,
    agreement: int | str | None = None,
) -> Answer:
    """Every version of the agreements, proposed ones too, in the order in which they were proposed.

    `filters.institution` is payer or party; `status` any of STATUSES. Raises NameUnknown, InvalidValue.
    """
    found = Narrowed(audit, "agreements")
    for name in (filters.institution, filters.counterparty):
        found.listed(name, "([payer] || parties)")
    found.institution(payer, "payer")
    found.listed(party, "parties")
    _agreement(found, agreement, "name")
    found.equal("currency", filters.currency)
    found.words("status", filters.status, STATUSES, "status")
    found.days(filters.first, filters.last, "date_time::date")
    return found.answer("agreements", "block, agreement, version, terms_hash", filters.limit, filters.after)


def charges(
    audit: Audit, filters: Filters = NONE, *, payer: str | None = None, cycle: int | None = None
) -> Answer:
    """What each settlement charged each institution: the commission that it earned, and the regulator's levy,
    each trade and side rounded down, in the chain's order.

    `filters.institution` is who was charged or has the levy; `first` and `last` are days of the chain.
    Raises NameUnknown, InvalidValue.
    """
    found = Narrowed(audit, f"({_charges_sql(audit)})")
    found.institution(filters.institution, "payer", "levy_beneficiary")
    found.institution(payer, "payer")
    found.equal("cycle", cycle)
    found.equal("currency", filters.currency)
    found.days(filters.first, filters.last, "date_time::date")
    order = "transaction_index, payer, currency"
    return found.answer("charges", order, filters.limit, filters.after)


def _charges_sql(audit: Audit) -> str:
    access = audit.access
    commission, levy = (access.amount(f"sum({each})::decimal(38, 0)") for each in ("s.commission", "s.levy"))
    return f"""
    with told as (
        select b.batch, p."tradeNo" as number, p.transaction, p."settledQuantity"::hugeint as upto,
            p.quantity::hugeint as units
        from facts."ClearingHouse_TradeSettledInPart" p join facts.batches b on b.hash = p."batchHash"
    ), done as (
        select batch, number, max(upto) as upto from told group by all
    ), pieces as (
        select t.*, p.transaction as settled_in, p.start, p.upto from facts.trades t join (
            select batch, number, transaction, min(upto - units) as start, max(upto) as upto
            from told group by all
        ) p using (batch, number)
        union all
        select t.*, n.ended_in, coalesce(d.upto, 0), t.quantity::hugeint
        from facts.trades_now n join facts.trades t using (trade)
        left join done d on d.batch = n.batch and d.number = n.number
        where n.settled_quantity = n.quantity and coalesce(d.upto, 0) < n.quantity
    ), charged as (
        select s.settled_in, s.buyer, s.seller, b.cash_asset, b.fee_schedule,
            {_piece("commission_of", "s", "b")} as commission, {_piece("levy_of", "s", "b")} as levy
        from pieces s join facts.batches b using (batch)
    ), sides as (
        select buyer as who, * from charged union all select seller, * from charged
    )
    select institution_name(s.who) as payer, count(*) as sides, {commission} as commission_minor,
        institution_name(f."levyBeneficiary") as levy_beneficiary, {levy} as levy_minor,
        asset_code(s.cash_asset) as currency, any_value(c.cycle) as cycle, m.block, m.date_time,
        hex(m.hash) as transaction_hash, s.settled_in as transaction_index
    from sides s join facts."ClearingHouse_FeeScheduleRegistered" f on f."feeScheduleId" = s.fee_schedule
    join facts.moments m on m.transaction = s.settled_in
    left join facts.cycle_of c on c.transaction = s.settled_in
    where {access.concerns("s.who", 'f."levyBeneficiary"')}
    group by s.who, f."levyBeneficiary", s.cash_asset, m.block, m.date_time, m.hash, s.settled_in"""


def commission(audit: Audit, trade: int) -> pa.Table:
    """Where the commission of a trade went, which `trade` names by its place among all trades.

    A row for each side, settlement and receiver. An agreement pays of what a settlement earned the payer
    altogether, rounded down at the running total: so a row has the trade's own commission, the payer's total
    before and after the settlement, and what the receiver was paid of the settlement's. `whole` says that the
    settlement's commission is this trade's alone, and only then is what was paid of it paid of this trade.
    The payer's own row is what it kept of the settlement's. The sides of others are left out for whom they do
    not concern.
    """
    access = audit.access
    sees = access.concerns("c.payer")
    money = {
        "commission_minor": "c.commission",
        "levy_minor": "c.levy",
        "total_before_minor": "e.total_before",
        "total_after_minor": "e.total_after",
        "paid_minor": "coalesce(e.paid, c.commission)",
    }
    amounts = ", ".join(f"{access.amount(sql)} as {name}" for name, sql in money.items())
    return audit.table(
        f"""
    with t as (
        select t.*, b.hash as batch_hash, b.fee_schedule, b.cash_asset
        from facts.trades_now t join facts.batches b using (batch) where t.trade = ?
    ), told as (
        select p.transaction, p."settledQuantity"::hugeint as upto, p.quantity::hugeint as units
        from facts."ClearingHouse_TradeSettledInPart" p
        join t on p."batchHash" = t.batch_hash and p."tradeNo" = t.number
    ), pieces as (
        select transaction, min(upto - units) as start, max(upto) as upto from told group by transaction
        union all
        select t.ended_in, coalesce((select max(upto) from told), 0), t.quantity::hugeint from t
        where t.settled_quantity = t.quantity and not exists (select 1 from told where upto = t.quantity)
    ), sides as (
        select p.*, 'buyer' as side, t.buyer as payer from pieces p cross join t
        union all select p.*, 'seller', t.seller from pieces p cross join t
    ), charged as (
        select s.transaction, s.start, s.upto, s.payer,
            case when count(*) = 2 then 'both' else min(s.side) end as side,
            sum({_piece("commission_of")})::decimal(38, 0) as commission,
            sum({_piece("levy_of")})::decimal(38, 0) as levy, t.cash_asset, f."levyBeneficiary" as beneficiary
        from sides s cross join t
        join facts."ClearingHouse_FeeScheduleRegistered" f on f."feeScheduleId" = t.fee_schedule
        group by s.transaction, s.start, s.upto, s.payer, t.cash_asset, f."levyBeneficiary"
    ), kept as (
        select e.transaction, e.payer,
            case when count(distinct e.agreement) = 1 then any_value(e.total_before) end as total_before,
            case when count(distinct e.agreement) = 1 then any_value(e.total_after) end as total_after,
            any_value(e.total_after) - any_value(e.total_before) as earned,
            (any_value(e.total_after) - any_value(e.total_before) - sum(e.paid))::decimal(38, 0) as paid
        from facts.entitlements e join (select distinct transaction, payer, cash_asset from charged) c
            on c.transaction = e.transaction and c.payer = e.payer and e.currency = c.cash_asset
        where e.kind = 'accrual' group by all
    ), parts as (
        select e.transaction, e.payer, e.currency, e.agreement, e.version, e.party, e.share_ppm,
            e.total_before, e.total_after, e.paid, e.total_after - e.total_before as earned
        from facts.entitlements e where e.kind = 'accrual'
        union all
        select k.transaction, k.payer, null, null, null, k.payer, null, k.total_before, k.total_after,
            k.paid, k.earned from kept k
    )
    select c.side, institution_name(c.payer) as payer,
        {access.amount("c.start::decimal(38, 0)")} as settled_before,
        {access.amount("(c.upto - c.start)::decimal(38, 0)")} as quantity,
        institution_name(coalesce(e.party, c.payer)) as party,
        e.agreement, e.version, e.share_ppm, {amounts},
        coalesce(e.earned = c.commission, true) as whole,
        institution_name(c.beneficiary) as levy_beneficiary, asset_code(c.cash_asset) as currency, m.block,
        m.date_time, hex(m.hash) as transaction_hash
    from charged c join facts.moments m using (transaction)
    left join parts e on e.transaction = c.transaction and e.payer = c.payer
        and coalesce(e.currency, c.cash_asset) = c.cash_asset
    where {sees} or {access.concerns("e.party")}
    order by m.block, c.transaction, c.side, e.agreement nulls last,
        {"5, 13" if access.sees == "masked" else "e.party"}""",
        [trade],
    )


def _piece(charge: str, trade: str = "t", batch: str = "t") -> str:
    """What the units of a piece `s` are charged."""
    whole = f"{charge}({batch}.fee_schedule, {trade}.amount_low, {trade}.amount_high)"
    start, end = (f"part_of({whole}, {at}, {trade}.quantity::hugeint)" for at in ("s.start", "s.upto"))
    return f"({end} - {start})::decimal(38, 0)"


def _agreement(found: Narrowed, agreement: int | str | None, column: str) -> None:
    """By number, by name, or as `clearing agreement` says it, PAYER/NAME. Raises NameUnknown."""
    if agreement is None:
        return
    text = str(agreement)
    if text.isdecimal() and len(text) < 20:
        found.equal("agreement", int(text))
        return
    payer, slash, name = text.rpartition("/")
    named = found.audit.rows("select distinct payer, name from agreements order by all")
    known = [f"{who}/{each}" for who, each in named]
    if text not in known and text not in {each.rpartition("/")[2] for each in known}:
        raise unknown("agreement", text, known)
    found.equal(column, name)
    if slash:
        found.equal("payer", payer)
