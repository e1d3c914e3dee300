"""Views of trades: where they stand, what became of them, what they earned."""

from __future__ import annotations

from settlement.audit.access import Access
from settlement.audit.view import (
    MINOR,
    MOMENT,
    MOMENT_SQL,
    NAMED,
    NAMED_SQL,
    UNITS,
    Column,
    View,
    day_sql,
)

SECURITY = Column("security", "Code of the security")
CURRENCY = Column("currency", "ISO 4217 code of the amount's currency")


def trades_sql(access: Access, source: str = "facts.trades_now", fails: str = "facts.fails_last") -> str:
    """The view `trades` over all trades or, where speed counts, over those of `source`, which has the
    columns of `facts.trades_now`."""
    return f"""
    select {NAMED_SQL},
        cast(make_timestamp(t.time_s::bigint * 1000000) as time) as trade_time,
        institution_name(b.venue) as venue,
        institution_name(t.buyer) as buyer, institution_name(t.seller) as seller,
        asset_code(t.asset) as security,
        {access.amount("t.quantity::decimal(38, 0)")} as quantity,
        {access.amount("wide(t.amount_low, t.amount_high)")} as settlement_amount_minor,
        asset_code(b.cash_asset) as currency, b.intended_settlement_date,
        status_name(t.status) as status,
        {access.amount("t.settled_quantity::decimal(38, 0)")} as settled_quantity,
        reason_names(f.reasons) as reasons, f.failed_days,
        {access.told("hex(b.hash)")} as batch, (t.trade - b.first_trade)::integer as position,
        r.block as recorded_block, r.date_time as recorded_at,
        e.block as ended_block, e.date_time as ended_at, c.cycle, t.trade as trade_index
    from {source} t join facts.batches b using (batch)
    left join {fails} f on f.batch = t.batch and f.number = t.number
    left join facts.times r on r.transaction = b.transaction
    left join facts.times e on e.transaction = t.ended_in
    left join facts.cycle_of c on c.transaction = t.ended_in
    where {access.concerns("t.buyer", "t.seller", "b.venue")}"""


def statuses_sql(access: Access, source: str = "", more: str = "") -> str:
    """The view `statuses`, of all trades or of those of `source`. `more` are columns behind it, by the trade
    and what happened to it, `t`: its transaction `t.x` and place in there `t.log` are the chain's order."""
    trade = f"{NAMED_SQL}"
    side = (
        "case when who = t.buyer and who = t.seller then 'both' when who = t.buyer then 'buyer'"
        " when who = t.seller then 'seller' end"
    )
    own = access.concerns("t.buyer", "t.seller", "(select venue from facts.batches where batch = t.batch)")
    rows, now = source or "facts.trades", source or "facts.trades_now"
    parts = (
        # What happened, who said so, units settled by then, reasons; the transaction x and the trade t.
        (
            "select t.*, 'recorded' as what, b.venue as who, null as units, null as reasons,"
            " b.transaction as x, 0 as log"
            f" from {rows} t join facts.batches b using (batch)"
        ),
        (
            "select t.*, 'affirmed', a.institution, null, null, a.transaction, a.log"
            f" from {rows} t join facts.batches b using (batch)"
            ' join facts."ClearingHouse_BatchAffirmed" a on a."batchHash" = b.hash'
            " and a.institution in (t.buyer, t.seller)"
            ' anti join facts."ClearingHouse_TradeDisputed" d on d."batchHash" = b.hash'
            ' and d."tradeNo" = t.number'
            " and d.institution = a.institution"
        ),
        (
            "select t.*, 'disputed', d.institution, null, null, d.transaction, d.log"
            f" from {rows} t join facts.batches b using (batch)"
            ' join facts."ClearingHouse_TradeDisputed" d on d."batchHash" = b.hash and d."tradeNo" = t.number'
        ),
        (
            'select t.*, status_name(s."to"), null, null, null, s.transaction, s.log'
            ' from facts."ClearingHouse_StatusChanged" s join facts.batches b on b.hash = s."batchHash"'
            f" join {rows} t on t.batch = b.batch and t.trade = b.first_trade + s.position::bigint"
        ),
        (
            "select t.*, 'failed', null, null, f.reasons, f.transaction, f.log"
            ' from facts."Fails_TradeFailed" f join facts.batches b on b.hash = f."batchHash"'
            f' join {rows} t on t.batch = b.batch and t.number = f."tradeNo"'
        ),
        (
            "select t.*, 'settled_in_part', b.venue, p.\"settledQuantity\", null, p.transaction, p.log"
            ' from facts."ClearingHouse_TradeSettledInPart" p join facts.batches b on b.hash = p."batchHash"'
            f' join {rows} t on t.batch = b.batch and t.number = p."tradeNo"'
            ' where p."settledQuantity" < t.quantity'
        ),
        (
            "select t.* exclude (whole), 'settled', b.venue, t.quantity, null, t.whole, 0"
            f" from (select * replace (status as status), ended_in as whole from {now} where status = 3) t"
            " join facts.batches b using (batch)"
        ),
    )
    return f"""
    select {trade}, t.what as status, institution_name(t.who) as institution,
        {side} as side,
        {access.amount("t.units::decimal(38, 0)")} as settled_quantity, reason_names(t.reasons) as reasons,
        {MOMENT_SQL}, {access.told("hex(m.sender)")} as signer, t.trade as trade_index{more}
    from ({" union all ".join(parts)}) t join facts.moments m on m.transaction = t.x where {own}"""


def commissions_sql(access: Access, source: str = "facts.trades_now") -> str:
    """The view `commissions`, of all trades or of those of `source`."""
    sides = " union all ".join(
        f"""select t.*, b.hash as batch_hash, b.venue, b.cash_asset, b.fee_schedule,
        t.{side} as who, '{side}' as side,
        {"t.seller" if side == "buyer" else "t.buyer"} as other
        from {source} t join facts.batches b using (batch) where t.settled_quantity > 0"""
        for side in ("buyer", "seller")
    )
    amount = "wide(t.amount_low, t.amount_high)"
    return f"""
    select {
        NAMED_SQL
    }, institution_name(t.who) as institution, t.side, institution_name(t.other) as counterparty,
        institution_name(t.venue) as venue, asset_code(t.asset) as security,
        {access.amount(f"part_of({amount}, t.settled_quantity, t.quantity)")} as settled_amount_minor,
        {
        access.amount(
            "part_of(commission_of(t.fee_schedule, t.amount_low, t.amount_high), t.settled_quantity,"
            " t.quantity)"
        )
    } as commission_minor,
        {
        access.amount(
            "part_of(levy_of(t.fee_schedule, t.amount_low, t.amount_high), t.settled_quantity, t.quantity)"
        )
    } as levy_minor,
        asset_code(t.cash_asset) as currency, t.fee_schedule, t.trade as trade_index
    from ({sides}) t where {access.concerns("t.who", "t.venue")}"""


def _batches_sql(access: Access) -> str:
    seen = (
        "true"
        if access.sees != "own"
        else f"(exists (select 1 from facts.trades t where t.batch = b.batch and"
        f" {access.concerns('t.buyer', 't.seller')}) or {access.concerns('b.venue')})"
    )
    return f"""
    select {access.told("hex(b.hash)")} as batch, institution_name(b.venue) as venue, b.trading_day,
        asset_code(b.cash_asset) as currency, b.intended_settlement_date, b.fee_schedule, b.count as trades,
        b.first_trade as first_trade_index, {MOMENT_SQL}
    from facts.batches b join facts.moments m using (transaction) where {seen}"""


def _affirmations_sql(access: Access) -> str:
    return f"""
    select {access.told('hex(a."batchHash")')} as batch, b.trading_day,
        institution_name(a.institution) as institution, a.exceptions::bigint as exceptions,
        {access.told('hex(a."recordsHash")')} as records_hash,
        hex(a."clientRoot") as client_root, hex(a."priorBlockHash") as prior_block_hash, {MOMENT_SQL}
    from facts."ClearingHouse_BatchAffirmed" a join facts.batches b on b.hash = a."batchHash"
    join facts.moments m on m.transaction = a.transaction
    where {access.concerns("a.institution", "b.venue")}"""


def _fails_sql(access: Access) -> str:
    return f"""
    select {NAMED_SQL}, institution_name(t.buyer) as buyer, institution_name(t.seller) as seller,
        asset_code(t.asset) as security, {day_sql("f.day")} as day, reason_names(f.reasons) as reasons,
        f."failedDays"::integer as failed_days, {access.amount("f.quantity::decimal(38, 0)")} as quantity,
        {access.amount("f.amount")} as settlement_amount_minor, asset_code(b.cash_asset) as currency,
        {MOMENT_SQL}
    from facts."Fails_TradeFailed" f join facts.batches b on b.hash = f."batchHash"
    join facts.trades t on t.batch = b.batch and t.number = f."tradeNo"
    join facts.moments m on m.transaction = f.transaction
    where {access.concerns("t.buyer", "t.seller", "b.venue")}"""


def _penalties_sql(access: Access) -> str:
    return f"""
    select {NAMED_SQL}, institution_name(p.payer) as payer, institution_name(p.payee) as payee,
        {day_sql("p.day")} as day, {access.amount("p.amount")} as amount_minor,
        asset_code(p.currency) as currency, {MOMENT_SQL}
    from facts."Fails_PenaltyAccrued" p join facts.batches b on b.hash = p."batchHash"
    join facts.trades t on t.batch = b.batch and t.number = p."tradeNo"
    join facts.moments m on m.transaction = p.transaction where {access.concerns("p.payer", "p.payee")}"""


_BATCH = Column("batch", "Hash of the batch; null for who is masked")
_INDEX = Column("trade_index", "Its place among all trades, in the chain's order, from 0")
_REASONS = Column("reasons", "Why it failed: the side and ISO 20022's reason code, as 'seller LACK'")
_PARTIES = (Column("buyer", "Institution that buys"), Column("seller", "Institution that sells"))
VIEWS = (
    View(
        "trades",
        "one row a trade, as it stands",
        (
            *NAMED,
            Column("trade_time", "Time of the trade at the venue; null where unknown"),
            Column("venue", "Exchange that matched it"),
            *_PARTIES,
            SECURITY,
            Column("quantity", "What is bought", UNITS),
            Column("settlement_amount_minor", "What it costs", MINOR),
            CURRENCY,
            Column("intended_settlement_date", "Day it should settle on"),
            Column(
                "status",
                "pending, disputed, settled, held, cancelled, compensated or closed_out",
            ),
            Column("settled_quantity", "What of it has settled", UNITS),
            Column(
                "reasons", "Why it last failed: the side and ISO 20022's code, as 'seller LACK'; else null"
            ),
            Column("failed_days", "On how many days it failed", "days"),
            _BATCH,
            Column("position", "Its place in the batch, from 0"),
            Column("recorded_block", "Block that recorded it"),
            Column("recorded_at", "When that was, UTC"),
            Column("ended_block", "Block that settled it whole, cancelled, compensated or closed it out"),
            Column("ended_at", "When that was, UTC"),
            Column("cycle", "Settlement cycle that it settled in"),
            _INDEX,
        ),
        trades_sql,
    ),
    View(
        "statuses",
        "what happened to each trade, a row an event",
        (
            *NAMED,
            Column(
                "status",
                "recorded, affirmed, disputed, held, pending (again), failed, settled_in_part, settled,"
                " cancelled, compensated or closed_out",
            ),
            Column("institution", "Who did it, where the event says so"),
            Column("side", "buyer, seller or both, where that is a party of the trade"),
            Column("settled_quantity", "What of it had settled then", UNITS),
            _REASONS,
            *MOMENT,
            Column("signer", "Address that signed the transaction; null for who is masked"),
            _INDEX,
        ),
        statuses_sql,
    ),
    View(
        "commissions",
        "what each side of a trade was charged for what has settled of it",
        (
            *NAMED,
            Column("institution", "Who was charged"),
            Column("side", "buyer or seller; a trade with itself is charged on both"),
            Column("counterparty", "The other side"),
            Column("venue", "Exchange whose schedule it is"),
            SECURITY,
            Column("settled_amount_minor", "What of the settlement amount has settled", MINOR),
            Column("commission_minor", "Commission, rounded down", MINOR),
            Column("levy_minor", "The regulator's levy, rounded down", MINOR),
            CURRENCY,
            Column("fee_schedule", "Number of the schedule"),
            _INDEX,
        ),
        commissions_sql,
    ),
    View(
        "batches",
        "trades that were recorded together",
        (
            _BATCH,
            Column("venue", "Exchange that recorded it"),
            Column("trading_day", "Day of its trades"),
            CURRENCY,
            Column("intended_settlement_date", "Day its trades should settle on"),
            Column("fee_schedule", "Number of the schedule"),
            Column("trades", "How many", "trades"),
            Column("first_trade_index", "The first one's place among all trades"),
            *MOMENT,
        ),
        _batches_sql,
    ),
    View(
        "affirmations",
        "an institution's signature under its trades of a batch",
        (
            _BATCH,
            Column("trading_day", "Day of the batch's trades"),
            Column("institution", "Who affirmed"),
            Column("exceptions", "Trades that it did not agree to", "trades"),
            Column("records_hash", "Hash of the records that it signed; null for who is masked"),
            Column("client_root", "Root of its clients' allocations; zero if none"),
            Column("prior_block_hash", "The recent block that it signed"),
            *MOMENT,
        ),
        _affirmations_sql,
    ),
    View(
        "fails",
        "a day on which a trade did not settle",
        (
            *NAMED,
            *_PARTIES,
            SECURITY,
            Column("day", "Day it failed on"),
            _REASONS,
            Column("failed_days", "For which time", "days"),
            Column("quantity", "What was left of it", UNITS),
            Column("settlement_amount_minor", "What that costs", MINOR),
            CURRENCY,
            *MOMENT,
        ),
        _fails_sql,
    ),
    View(
        "penalties",
        "what a fail cost the side that caused it, a day",
        (
            *NAMED,
            Column("payer", "Who owes it"),
            Column("payee", "To whom"),
            Column("day", "Day of the fail"),
            Column("amount_minor", "The penalty", MINOR),
            CURRENCY,
            *MOMENT,
        ),
        _penalties_sql,
    ),
)
