"""Trades as they stood earlier, from what was said of them up to then."""

from __future__ import annotations

from ledger.clients.clearing_house import Status

_SAID = f"""
    select "batchHash" as hash, position::bigint as position, null as number, transaction, log, "to" as status
    from facts."ClearingHouse_StatusChanged" union all
    select "batchHash", null, "tradeNo", transaction, log, {int(Status.DISPUTED)}
    from facts."ClearingHouse_TradeDisputed\""""


def standing_at(transaction: int, source: str = "facts.trades_now") -> str:
    """SQL with the columns of `facts.trades_now`: the trades of `source`, which has the same, that were
    recorded up to a transaction, as they stood once it was done."""
    rows = "facts.trades" if source == "facts.trades_now" else source
    ended = f"t.ended_in <= {transaction}"
    return f"""(
    with recorded as (select * from facts.batches where transaction <= {transaction}),
    said as (
        select t.trade, arg_max(s.status, (s.transaction, s.log)) as status
        from (({_SAID}) s join recorded b using (hash)) join {rows} t on t.batch = b.batch
            and (t.number = s.number or t.trade = b.first_trade + s.position)
        where s.transaction <= {transaction} group by 1),
    parts as (
        select t.trade, max(p."settledQuantity") as settled
        from facts."ClearingHouse_TradeSettledInPart" p join recorded b on b.hash = p."batchHash"
        join {rows} t on t.batch = b.batch and t.number = p."tradeNo"
        where p.transaction <= {transaction} group by 1)
    select t.* replace (
        (case when {ended} then t.status
            else coalesce(s.status, {int(Status.PENDING)}) end)::utinyint as status,
        (case when {ended} and t.status = {int(Status.SETTLED)} then t.quantity
            else coalesce(p.settled, 0) end)::ubigint as settled_quantity,
        case when {ended} then t.ended_in end as ended_in)
    from {source} t left join said s using (trade) left join parts p using (trade)
    where t.batch < {recorded_end(transaction)})"""


def recorded_end(transaction: int) -> str:
    """An expression in SQL: the number of batches that were recorded up to a transaction, which have the
    indexes below it."""
    return f"(select coalesce(max(batch) + 1, 0) from facts.batches where transaction <= {transaction})"
