"""Views of breaks and of who approved what."""

from __future__ import annotations

from settlement.audit.access import Access
from settlement.audit.view import MINOR, Column, View
from settlement.audit.views_revenue import NAMES, any_of, consents_source

_JOINT = ("Conditions", "Fails", "Limits", "DefaultFund")


def _breaks_sql(access: Access) -> str:
    owner = access.name("k.owner")
    return f"""
    select 'B-' || k.number as id, {access.name("k.institution_name")} as institution, k.level, k.kind,
        k.reason, {access.told("k.subject")} as subject, k.trading_day,
        [k.trading_day::varchar || '/' || n for n in k.trade_numbers] as trades,
        coalesce(k.security, asset_code(t.asset)) as security, k.status, k.accepted, {owner} as owner,
        {access.amount("k.value_at_risk")} as value_at_risk_minor, k.first_seen, k.closed_at, k.age_days,
        k.cycle, k.sides, k.odd_side, {access.told("k.fields")} as fields, k.proposed,
        {access.name("k.proposed_by")} as proposed_by, t.trade as trade_index, k.number as break_number
    from facts.breaks_kept k
    left join facts.trades t on t.trading_day = k.trading_day and t.number = k.trade_numbers[1]
        -- A number that it booked may be another's trade.
        and k.institution in (t.buyer, t.seller)
    where {access.concerns("k.institution")}
    qualify row_number() over (partition by k.number order by t.trade desc) = 1"""


def _events_sql(access: Access) -> str:
    return f"""
    select g.event, g.date_time, 'B-' || g.number as id,
        institution_name(nullif(g.institution, -1)) as institution,
        g.what, {access.name("g.person")} as person, {access.told("g.text")} as text, g.action,
        {access.name("g.proposed_by")} as proposed_by, g.proposal, g.number as break_number
    from facts.break_log g where {access.concerns("g.institution")}"""


def _approvals_sql(access: Access) -> str:
    joint = " union all ".join(
        f"""select 'joint', j.institution, null, null, null, {access.told("hex(j.subject)")},
            case when j.complete then 'complete' else 'waits for others' end, j.transaction, null, null,
            {access.concerns("j.institution")}
        from facts."{contract}_JointlyAgreed" j"""
        for contract in _JOINT
    )
    # kind, institution, person, proposed by, day, subject, detail, transaction, event, time, seen
    every = f"""
    select 'affirmation' as kind, a.institution as who, null::varchar as person, null::varchar as proposed_by,
        b.trading_day as day, {access.told("hex(b.hash)")} as subject,
        a.exceptions::varchar || ' exceptions' as detail,
        a.transaction, null::bigint as event, null::timestamp as date_time,
        {access.concerns("a.institution", "b.venue")} as seen
    from facts."ClearingHouse_BatchAffirmed" a join facts.batches b on b.hash = a."batchHash"
    union all
    select case when s.said = 'consented' then 'consent' else 'consent_withdrawn' end, s.institution, null,
        null, null, institution_name(s.payer) || '/' || {access.name("s.name")} || ' version ' || s.version,
        {access.told('hex(s."termsHash")')}, s.transaction, null, null,
        {any_of(access, "s.signatories")}
    from {consents_source()} s
    union all
    select 'measure', c.institution, null, null, null,
        coalesce(institution_name(n.payer) || '/' || n.name, '') || ' '
            || (c.period // 12) || '-' || lpad((c.period % 12 + 1)::varchar, 2, '0'),
        {access.told("replace(decode(c.measure, 'replace'), chr(0), '') || ' = ' || c.value")},
        c.transaction, null, null, {access.concerns("c.institution", "n.payer")}
    from facts."RevenueSharing_MeasureCountersigned" c
    left join {NAMES} n on n.agreement = c."agreementId"
    union all {joint}
    union all
    select case when g.action = 'close' then 'break_closed' else 'break_corrected' end,
        nullif(g.institution, -1), g.person, g.proposed_by, k.trading_day, 'B-' || g.number, p.text, null,
        g.event, g.date_time, {access.concerns("g.institution")}
    from facts.break_log g join facts.breaks_kept k using (number)
    left join facts.break_log p on p.event = g.proposal where g.what = 'approved'"""
    return f"""
    select e.kind, institution_name(e.who) as institution, {access.name("e.person")} as person,
        {access.name("e.proposed_by")} as proposed_by, e.day as trading_day,
        {_subject(access)} as subject, {_detail(access)} as detail, m.block,
        coalesce(m.date_time, e.date_time) as date_time,
        hex(m.hash) as transaction_hash, e.event as break_event
    from ({every}) e left join facts.moments m using (transaction) where e.seen"""


def _subject(access: Access) -> str:
    return "e.subject" if access.sees != "masked" else "case when e.kind <> 'measure' then e.subject end"


def _detail(access: Access) -> str:
    """Of a break it is what somebody wrote."""
    return "e.detail" if access.sees != "masked" else "case when e.kind not like 'break%' then e.detail end"


_ID = Column("id", "The break, as B-12")
_NUMBER = Column("break_number", "Its number")
_INSTITUTION = Column("institution", "Whose book or statement it is about")
VIEWS = (
    View(
        "breaks",
        "a difference between what two sides have, as it stands; closed ones, too",
        (
            _ID,
            _INSTITUTION,
            Column("level", "trade, position, cash or revenue"),
            Column("kind", "What is wrong, as quantity or missing_here"),
            Column("reason", "ISO 20022's code, the nearest where there is no exact one"),
            Column("subject", "The trade as its file names it, the asset's code, or the line of revenue"),
            Column("trading_day", "Of a trade"),
            Column("trades", "The ledger's trades that it concerns"),
            Column("security", "Code of the security, where it is of one"),
            Column("status", "open, pending (for a cut-off), proposed or closed"),
            Column("accepted", "Whether two people closed it although the difference is there"),
            Column("owner", "Whose task it is"),
            Column("value_at_risk_minor", "What it may cost", MINOR),
            Column("first_seen", "When it was found first, UTC"),
            Column("closed_at", "When it was closed, UTC"),
            Column("age_days", "Business days it was open for, up to the newest event", "days"),
            Column("cycle", "Settlement cycle whose run found it last"),
            Column("sides", "Who was held against whom: book, ledger, bank, custodian"),
            Column("odd_side", "The one that stands alone against two that agree"),
            Column("fields", "JSON: by field what each side has; amounts in minor units"),
            Column("proposed", "close or correct, where that waits for another person or the next run"),
            Column("proposed_by", "Who proposed it"),
            Column("trade_index", "The first trade's place among all trades"),
            _NUMBER,
        ),
        _breaks_sql,
    ),
    View(
        "break_events",
        "what happened to a break",
        (
            Column("event", "Number of the event, over all breaks, from 1"),
            Column("date_time", "When it happened, UTC"),
            _ID,
            _INSTITUTION,
            Column(
                "what",
                "opened, pending, changed, updated, assigned, explained, proposed, approved, rejected, closed"
                " or reopened",
            ),
            Column("person", "Who did it; reconciliation where nobody did"),
            Column("text", "What was written, or the correction that was proposed"),
            Column("action", "close or correct: what was proposed, approved or rejected"),
            Column("proposed_by", "Who had proposed it"),
            Column("proposal", "Event that proposed it"),
            _NUMBER,
        ),
        _events_sql,
    ),
    View(
        "approvals",
        "who agreed to what: affirmations, consents, countersigned measures, joint decisions, breaks closed",
        (
            Column(
                "kind",
                "affirmation, consent, consent_withdrawn, measure, joint, break_closed or break_corrected",
            ),
            Column("institution", "For which institution"),
            Column("person", "Who approved, of a break"),
            Column("proposed_by", "The other person, who proposed it"),
            Column("trading_day", "Of the batch or break"),
            Column("subject", "The batch, the payer's agreement and its version or period, the break"),
            Column("detail", "Exceptions of an affirmation, hash of the terms, the measure, the reason"),
            Column("block", "Block it is in; null of a break, which the chain does not know"),
            Column("date_time", "When it was, UTC"),
            Column("transaction_hash", "Transaction it is in"),
            Column("break_event", "Number of the break's event"),
        ),
        _approvals_sql,
    ),
)
