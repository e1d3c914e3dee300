"""One trade from its file to finality."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pyarrow as pa

from settlement.audit.answer import Answer
from settlement.audit.conditions import trade_named
from settlement.audit.moments import balances
from settlement.audit.names import unknown
from settlement.audit.questions.breaks import breaks_of
from settlement.audit.questions.revenue import commission
from settlement.audit.session import Audit
from settlement.audit.views_trades import commissions_sql, statuses_sql, trades_sql
from settlement.errors import TradingDayNeeded

STEPS = pa.schema(
    [
        ("step", pa.string()),
        ("date_time", pa.timestamp("us")),
        ("block", pa.int64()),
        ("institution", pa.string()),
        ("side", pa.string()),
        ("asset", pa.string()),
        ("amount", pa.decimal128(38, 0)),
        ("before", pa.decimal128(38, 0)),
        ("after", pa.decimal128(38, 0)),
        ("detail", pa.string()),
        ("transaction_hash", pa.string()),
        ("signer", pa.string()),
    ]
)
"""`amount` is minor units of a currency or units of a security, as `asset` says.

What happened to it: `step` is recorded, affirmed, disputed, held, pending, failed, settled_in_part, settled,
cancelled, compensated or closed_out, with the signer of the transaction; then, of each settlement, `balance`:
what a party had of an asset before and after the transaction, which settles other trades too; `commission`
and `levy`, what a side was charged; `revenue`: what of the settlement's commission a receiver was paid or the
payer kept, with the payer's running total before and after; `break`: what was done about a break that the
trade was part of.
"""


def trade(audit: Audit, name: str) -> Answer:
    """The life of the trade that its file calls `name`, "YYYY-MM-DD/NUMBER" or, where one day has it, NUMBER:
    STEPS, and `about`, its row of the view `trades`.

    Raises NameUnknown, TradingDayNeeded where several days have the number, InvalidValue.
    """
    index = place(audit, name)
    audit.connection.execute(
        f"create or replace table main._page as from facts.trades_now t where t.trade = {index}"
    )
    about = audit.table(trades_sql(audit.access, "main._page", audit.kept("fails_last")))
    steps = [
        *_said(audit, about["security"][0].as_py()),
        *_balances(audit),
        *_charges(audit),
        *_revenue(audit, index),
        *_breaks(audit, index, about["currency"][0].as_py()),
    ]
    table = pa.Table.from_pylist(steps, schema=STEPS)
    return audit.answer("trade", table, total=table.num_rows, about=about)


def place(audit: Audit, name: str) -> int:
    """The trade's place among all trades. Raises as `trade` does; who sees only its own finds only those."""
    day, number = trade_named(name)
    dated = "" if day is None else f"and t.trading_day = date '{day}'"
    own = audit.access.concerns("t.buyer", "t.seller", "b.venue")
    found = audit.rows(
        f"select t.trade, t.trading_day from facts.trades t join facts.batches b using (batch)"
        f" where t.number = {number} {dated} and {own} order by 1 limit 9"
    )
    if not found:
        raise unknown("trade", name, _near(audit, day, number, own))
    if len(found) > 1:
        raise TradingDayNeeded([f"{each}/{number}" for _, each in found], "by its whole name")
    return int(found[0][0])


def _near(audit: Audit, day: date | None, number: int, own: str) -> list[str]:
    """Trades with the number on other days, or with the nearest numbers of that day."""
    dated = "or true" if day is None else f"or t.trading_day = date '{day}'"
    other = audit.rows(
        f"select t.trading_day::varchar || '/' || t.number"
        " from facts.trades t join facts.batches b using (batch)"
        f" where (t.number = {number} {dated}) and {own}"
        f" order by t.number <> {number}, abs(t.number::bigint - {number}) limit 9"
    )
    return [each for (each,) in other]


def _said(audit: Audit, security: str) -> Iterator[dict[str, Any]]:
    statuses = statuses_sql(audit.access, "main._page", ", t.x, t.log")
    rows = audit.table(f"select * from ({statuses}) order by x, status = 'settled', log, institution")
    for row in rows.to_pylist():
        yield {
            "step": row["status"],
            **{
                name: row[name]
                for name in ("date_time", "block", "institution", "side", "transaction_hash", "signer")
            },
            "asset": security if row["settled_quantity"] is not None else None,
            "amount": row["settled_quantity"],
            "detail": row["reasons"],
        }


def _balances(audit: Audit) -> Iterator[dict[str, Any]]:
    """What both parties had of the trade's assets around each of its settlements."""
    settled = audit.rows(
        """select distinct m.transaction, m.block, m.date_time, hex(m.hash) from (
            select ended_in as transaction from main._page where status = 3 union
            select p.transaction from facts."ClearingHouse_TradeSettledInPart" p join
            (main._page t join facts.batches b using (batch))
                on p."batchHash" = b.hash and p."tradeNo" = t.number) s
        join facts.moments m using (transaction) order by 1"""
    )
    access = audit.access
    for transaction, block, at, transaction_hash in settled:
        where = (
            "institution in (select unnest([buyer, seller]) from main._page)"
            " and asset in (select unnest([t.asset, b.cash_asset]) from main._page t join facts.batches b"
            " using (batch))"
        )
        parts = {name: balances(audit, transaction - less, where) for name, less in (("old", 1), ("new", 0))}
        rows = audit.table(
            f"""select institution_name(w.who) as institution,
                case when t.buyer = t.seller then 'both' when w.who = t.buyer then 'buyer'
                    else 'seller' end as side,
                asset_code(a.asset) as asset,
                {access.amount("coalesce(o.amount, 0)::decimal(38, 0)")} as before,
                {access.amount("coalesce(n.amount, 0)::decimal(38, 0)")} as after,
                {access.amount("(coalesce(n.amount, 0) - coalesce(o.amount, 0))::decimal(38, 0)")} as amount
            from main._page t
            cross join (select distinct unnest([buyer, seller]) as who from main._page) w
            cross join (select unnest([t.asset, b.cash_asset]) as asset
                from main._page t join facts.batches b using (batch)) a
            left join {parts["old"]} o on o.institution = w.who and o.asset = a.asset
            left join {parts["new"]} n on n.institution = w.who and n.asset = a.asset
            where {access.concerns("w.who")} order by side, a.asset"""
        )
        for row in rows.to_pylist():
            yield {
                "step": "balance",
                "date_time": at,
                "block": block,
                "transaction_hash": transaction_hash,
                **row,
            }


def _charges(audit: Audit) -> Iterator[dict[str, Any]]:
    for row in audit.table(commissions_sql(audit.access, "main._page") + " order by side").to_pylist():
        for step in ("commission", "levy"):
            yield {
                "step": step,
                "institution": row["institution"],
                "side": row["side"],
                "asset": row["currency"],
                "amount": row[f"{step}_minor"],
                "detail": f"fee schedule {row['fee_schedule']}",
            }


def _revenue(audit: Audit, index: int) -> Iterator[dict[str, Any]]:
    rows = commission(audit, index)
    for row in rows.to_pylist():
        yield {
            "step": "revenue",
            "date_time": row.get("date_time"),
            "block": row.get("block"),
            "institution": row["party"],
            "side": row.get("side"),
            "asset": row.get("currency"),
            "amount": row["paid_minor"],
            "before": row["total_before_minor"],
            "after": row["total_after_minor"],
            "detail": f"of {row['payer']}'s commission"
            + ("" if row["whole"] else ", with that of other trades"),
            "transaction_hash": row.get("transaction_hash"),
        }


def _breaks(audit: Audit, index: int, currency: str) -> Iterator[dict[str, Any]]:
    for row in breaks_of(audit, index).to_pylist():
        yield {
            "step": "break",
            "date_time": row["date_time"],
            "institution": row["institution"],
            "asset": currency,
            "amount": row["value_at_risk_minor"],
            "detail": f"{row['id']} {row['kind']} ({row['level']}): {row['what']}"
            + (f" by {row['person']}" if row["person"] else ""),
        }
