"""Earlier blocks: what a block's number or a time means, and balances and trades as they stood then."""

from __future__ import annotations

from datetime import UTC, datetime

from ledger.clients.clearing_house import Status
from ledger.errors import InvalidValue
from settlement.audit.answer import AsOf
from settlement.audit.facts import parquet
from settlement.audit.session import Audit
from settlement.errors import SettlementError

_BLOCK = "select block, hash, time_s from facts.blocks where {} order by block {} limit 1"
_DIGITS = 1_000
"""Of what could be a number; Python reads none of many thousands."""
_SAID = f"""
    select "batchHash" as hash, position::bigint as position, null as number, transaction, log, "to" as status
    from facts."ClearingHouse_StatusChanged" union all
    select "batchHash", null, "tradeNo", transaction, log, {int(Status.DISPUTED)}
    from facts."ClearingHouse_TradeDisputed\""""


class MomentUnknown(SettlementError):
    """`at` is before the ledger's first block, or after its newest; `first` and `last` say what there is."""

    def __init__(self, at: str, first: str, last: str) -> None:
        super().__init__(f"the ledger has no block {at}; it goes from {first} to {last}")
        self.at = at
        self.first = first
        self.last = last


def moment(audit: Audit, at: str | int | datetime | None) -> AsOf:
    """The newest block with events that is not later than `at`: a block's number, or a time, UTC where it
    says no zone; the session's own block where that is None. Raises MomentUnknown and InvalidValue.
    """
    if at is None:
        return audit.as_of
    first = audit.rows(_BLOCK.format("true", ""))
    when, number = _parsed(at)
    last = audit.as_of
    if when is None and number > last.block:
        raise MomentUnknown(_shown(when, at), *_said(audit, first))
    limit = f"block <= {number}" if when is None else f"time_s <= {when}"
    found = audit.rows(_BLOCK.format(limit, "desc"))
    if not found:
        raise MomentUnknown(_shown(when, at), *_said(audit, first))
    block, block_hash, time_s = found[0]
    if block == last.block:
        return last
    return AsOf(block, bytes(block_hash), time_s, final=last.final or block < last.block)


def last_transaction(audit: Audit, at: AsOf) -> int:
    """The newest transaction up to a block; 0 where there is none."""
    found = audit.rows(f"select max(transaction) from facts.times where block <= {at.block}")
    return int(found[0][0] or 0)


def balances(audit: Audit, transaction: int, where: str = "true") -> str:
    """SQL for (institution, asset, amount) as they stood once a transaction was done, of those that meet the
    condition on institution and asset; zeros are left out.

    Only movements of the segment that the transaction is in are added to what the one before ended with.
    """
    parts = []
    block = _block_of(audit, transaction)
    for at, segment in enumerate(audit.segments):
        if not segment.first_block <= block <= segment.last_block:
            continue
        if at and "balances" in audit.segments[at - 1].files:
            base = parquet([audit.segments[at - 1].files["balances"]])
            parts.append(
                f"select institution, asset, wide(amount_low, amount_high)::hugeint as amount from {base}"
            )
        moved = parquet([segment.files["movements"]] if "movements" in segment.files else [])
        for sign, side in (("", "receiver"), ("-", "sender")) if "movements" in segment.files else ():
            parts.append(
                f"select {side} as institution, asset,"
                f" {sign}(wide(amount_low, amount_high)::hugeint) as amount"
                f" from {moved} where transaction <= {transaction} and {side} >= 0"
            )
    if not parts:
        return "(select 0 as institution, 0 as asset, 0::decimal(38, 0) as amount where false)"
    return f"""(select institution, asset, sum(amount)::decimal(38, 0) as amount
        from ({" union all ".join(parts)}) where {where} group by 1, 2 having sum(amount) <> 0)"""


def newest_balances(audit: Audit, at: AsOf, where: str = "true") -> str:
    """`balances` as a block ended; of the session's own block nothing is added up."""
    if at.block < audit.as_of.block:
        return balances(audit, last_transaction(audit, at), where)
    return (
        "(select institution, asset, wide(amount_low, amount_high) as amount"
        f" from facts.balances_now where {where})"
    )


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


def _block_of(audit: Audit, transaction: int) -> int:
    found = audit.rows("select block from facts.times where transaction = ?", [transaction])
    return int(found[0][0]) if found else -1


def _parsed(at: str | int | datetime) -> tuple[int | None, int]:
    """(time in seconds, 0), or (None, block)."""
    if isinstance(at, str):
        if at.isascii() and at.isdigit() and len(at) < _DIGITS:
            return None, int(at)
        try:
            at = datetime.fromisoformat(at)
        except ValueError:
            wanted = "a block's number or a time is wanted, as 2019-03-25T12:00"
            raise InvalidValue("moment", at, wanted) from None
    if isinstance(at, int):
        return None, at
    # Whole seconds, towards the past: a block of this very second is not later.
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() // 1), 0


def _shown(when: int | None, at: object) -> str:
    if when is None:
        return str(at)
    try:
        return f"at or before {_time(when)}"
    except (ValueError, OverflowError):  # another zone's, before the year 1 in UTC
        return f"at or before {at}"


def _time(time_s: int) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _said(audit: Audit, first: list[tuple[int, bytes, int]]) -> tuple[str, str]:
    newest = f"{audit.as_of.block} ({_time(audit.as_of.time_s)})"
    return (f"{first[0][0]} ({_time(first[0][2])})" if first else newest), newest
