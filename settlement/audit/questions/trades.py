"""Which trades there are: filtered, in the order of their days and numbers, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from settlement.audit.answer import Answer
from settlement.audit.conditions import (
    amounts,
    behind,
    check_masked,
    days,
    limited,
    parties,
    reasons,
    statuses,
)
from settlement.audit.facts import fails_last
from settlement.audit.filters import NONE, Filters
from settlement.audit.moments import last_transaction, moment, recorded_end, standing_at
from settlement.audit.questions.totals import by_day, used
from settlement.audit.session import Audit
from settlement.audit.views_trades import trades_sql


def trades(audit: Audit, filters: Filters = NONE) -> Answer:
    """Trades as the view `trades` has them. By institution, counterparty, security, trading days, status,
    amount and reason; `at` shows those recorded by then as they stood then.

    Raises NameUnknown, MomentUnknown and InvalidValue.
    """
    size = limited(filters.limit)
    as_of = moment(audit, filters.at)
    at = None if as_of.block == audit.as_of.block else last_transaction(audit, as_of)
    chosen = Chosen.of(audit, filters, at)
    more = behind(filters.after, "t.trading_day", "t.number", "t.trade")
    total = None
    if size or filters.after:
        counts = chosen.count(audit)
        total = sum(counts.values())
        if size is not None:
            more += last_day(counts, size, filters.after)
    page = chosen.rows(more) + " order by trading_day, number, trade"
    if size is not None:
        page += f" limit {size + 1}"
    # The page first: names, times and reasons are then looked up for its rows only.
    audit.connection.execute(f"create or replace table main._page as {page}")
    fails, standing = audit.kept("fails_last"), "main._page"
    if at is not None:
        fails, standing = f"({fails_last(f'f.transaction <= {at}')})", standing_at(at, "main._page")
    named = trades_sql(audit.access, standing, fails)
    table = audit.table(f"select * from ({named}) order by trading_day, trade_number, trade_index")
    following = None
    if size is not None and table.num_rows > size:
        table = table.slice(0, size)
        last = {name: table[name][-1].as_py() for name in ("trading_day", "trade_number", "trade_index")}
        following = "{trading_day}/{trade_number}:{trade_index}".format(**last)
    total = table.num_rows if total is None else total
    return audit.answer("trades", table, total=total, next=following, as_of=as_of)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Trades that filters choose: those that meet all of `conditions` on what never changes, and the one on
    the status, as SQL over rows named `t`. `source` has the columns of `facts.trades_now`.
    """

    source: str
    conditions: tuple[str, ...]
    status: tuple[str, ...]
    filters: Filters
    is_past: bool = False
    """Whether they are those of an earlier block."""

    @classmethod
    def of(
        cls, audit: Audit, filters: Filters, transaction: int | None = None, *, as_they_stood: bool = False
    ) -> Chosen:
        """The trades as they stand, or those that there were once an earlier transaction was done. How they
        stood then takes long to tell: it is in the rows where a filter or `as_they_stood` asks for it."""
        names, access = audit.names, audit.access
        check_masked(access, filters)
        found = [
            *parties(names, filters, "t.buyer", "t.seller"),
            *days(filters, "t.trading_day"),
            *amounts(names, filters, "t.amount_low", "t.amount_high", wide=audit.wide),
        ]
        if filters.security is not None:
            found.append(f"t.asset = {names.security(filters.security)}")
        if filters.currency is not None:
            currency = names.currency(filters.currency)
            found.append(f"t.batch in (select batch from facts.batches where cash_asset = {currency})")
        if reason := reasons(filters, "reasons"):
            said = audit.kept("fails_last")
            if transaction is not None:
                said = f"({fails_last(f'f.transaction <= {transaction}')})"
            found.append(f"(t.batch, t.number) in (select (batch, number) from {said} where {reason[0]})")
        if access.sees == "own":
            venue = f"t.batch in (select batch from facts.batches where {access.concerns('venue')})"
            found.append(f"({access.concerns('t.buyer', 't.seller')} or {venue})")
        status = statuses(filters, "t.status")
        if transaction is None:
            return cls("", tuple(found), tuple(status), filters)
        if status or as_they_stood:
            return cls(standing_at(transaction), tuple(found), tuple(status), filters, is_past=True)
        # What does not hang on how they stood then needs no look at how they did.
        [(end,)] = audit.rows(f"select {recorded_end(transaction)}")
        return cls("", (*found, f"t.batch < {end}"), (), filters, is_past=True)

    def rows(self, more: Sequence[str] = ()) -> str:
        """SQL for the rows, with the columns of `facts.trades_now`."""
        source = self.source or "facts.trades_now"
        return f"select t.* from {source} t {_where(*self.conditions, *self.status, *more)}"

    def count(self, audit: Audit) -> dict[date, int]:
        """How many there are of each trading day that has any."""
        if not self.source and not self.is_past:
            kept = by_day(audit, self.filters, (*self.conditions, *self.status))
            if kept is not None:
                return kept
        if (few := self._few(audit)) is not None:
            return few
        count = "select trading_day, count(*) as trades"
        where = _where(*self.conditions, *self.status)
        if self.source or not self.status or not audit.has("changes"):
            return dict(audit.rows(f"{count} from {self.source or 'facts.trades'} t {where} group by 1"))
        # Ten million statuses are counted faster as they were, and what changed of them put right.
        was = _where(*self.conditions, self.status[0].replace("t.status", "t.old_status"))
        changed = audit.kept("changed")
        return dict(
            audit.rows(
                "select trading_day, sum(trades)::bigint from ("
                f"{count} from facts.trades t {where} group by 1"
                f" union all select trading_day, -count(*) from {changed} t {was} group by 1"
                f" union all {count} from {changed} t {where} group by 1) group by 1 having sum(trades) <> 0"
            )
        )

    def _few(self, audit: Audit) -> dict[date, int] | None:
        """The same where batches, or fails, tell without a look at any trade; else None."""
        asked = used(self.filters) - {"first", "last", "limit", "after"}
        if audit.access.sees == "own" or self.status:
            return None
        if asked == {"at"}:
            where = _where(*self.conditions)
            return dict(
                audit.rows(f"select trading_day, sum(count)::bigint from facts.batches t {where} group by 1")
            )
        if asked == {"reason"}:
            # A trade has one row among them.
            rows = f"select b.trading_day, f.reasons from {audit.kept('fails_last')} f join facts.batches b"
            where = _where(*days(self.filters, "trading_day"), *reasons(self.filters, "reasons"))
            return dict(
                audit.rows(f"select trading_day, count(*) from ({rows} using (batch)) {where} group by 1")
            )
        return None


def last_day(days: Mapping[date, int], size: int, after: str | None) -> list[str]:
    """A condition that leaves out days which a page of this size, behind a cursor, does not reach: with each
    day's number of trades most of the ledger need not be looked at."""
    start = None if after is None else date.fromisoformat(after[:10])
    rows = 0
    for day in sorted(days):
        # Of the cursor's own day there may be none left.
        if start is None or day > start:
            rows += days[day]
            if rows > size:
                return [f"t.trading_day <= date '{day}'"]
    return []


def _where(*conditions: str) -> str:
    return "where " + " and ".join(conditions) if conditions else ""
