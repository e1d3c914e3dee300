"""Views of revenue sharing: agreements, consents to them, what they entitled to, what they paid."""

from __future__ import annotations

from settlement.audit.access import Access
from settlement.audit.view import MINOR, MOMENT, MOMENT_SQL, Column, View

PERIOD_SQL = """case {months}
    when 1 then ({period} // 12)::varchar || '-' || lpad(({period} % 12 + 1)::varchar, 2, '0')
    when 3 then ({period} // 12)::varchar || 'Q' || ({period} % 12 // 3 + 1)::varchar
    when 6 then ({period} // 12)::varchar || 'H' || ({period} % 12 // 6 + 1)::varchar
    else ({period} // 12)::varchar end"""
"""How a period is written, as `settlement.agreements.periods` does: 2019-11, 2019Q4, 2019H2, 2019."""
_CONCLUDED = 'facts."Agreements_AgreementConcluded"'
_SAID = """(
    select "termsHash", institution, transaction, log, 'consented' as said
    from facts."Agreements_ConsentGiven"
    union all select "termsHash", institution, transaction, log, 'withdrawn'
    from facts."Agreements_ConsentWithdrawn")"""
NAMES = f"""(select c."agreementId" as agreement, any_value(p.name) as name, any_value(p.payer) as payer
    from {_CONCLUDED} c join facts.proposals p on p.terms_hash = c."termsHash" group by all)"""
"""The agreements that there are, in SQL: number, name and payer, which no version changes."""


def any_of(access: Access, expression: str) -> str:
    """A condition in SQL: a list of institutions' indexes has one of the viewer's own."""
    return f"len([x for x in {expression} if {access.concerns('x')}]) > 0"


def _period(period: str, months: str) -> str:
    return PERIOD_SQL.format(period=period, months=months)


def _entitlements_sql(access: Access) -> str:
    return f"""
    select e.agreement, {access.name("n.name")} as agreement_name, e.version,
        institution_name(e.payer) as payer, institution_name(e.party) as party, e.place,
        {_period("e.period", "e.months")} as period, e.kind, e.line, e.share_ppm,
        {access.amount("e.total_before")} as total_before_minor,
        {access.amount("e.total_after")} as total_after_minor, {access.amount("e.amount")} as amount_minor,
        {access.amount("e.paid")} as paid_minor, asset_code(e.currency) as currency, c.cycle, {MOMENT_SQL},
        e.transaction as transaction_index
    from facts.entitlements e left join {NAMES} n using (agreement)
    join facts.moments m using (transaction) left join facts.cycle_of c using (transaction)
    where {access.concerns("e.payer", "e.party")}"""


def _payments_sql(access: Access) -> str:
    return f"""
    select p.agreement, {access.name("n.name")} as agreement_name, institution_name(p.payer) as payer,
        institution_name(p.institution) as institution, {access.amount("p.amount")} as amount_minor,
        {access.amount("p.due_before")} as due_before_minor,
        {access.amount("p.due_after")} as due_after_minor,
        asset_code(p.currency) as currency, {MOMENT_SQL}, p.transaction as transaction_index
    from facts.payments p left join {NAMES} n using (agreement) join facts.moments m using (transaction)
    where {access.concerns("p.payer", "p.institution")}"""


def _agreements_sql(access: Access) -> str:
    return f"""
    with now as (select max(time_s) as s from facts.blocks), last_said as (
        select "termsHash" as terms_hash, institution, arg_max(said, transaction * 65536 + log) as said
        from {_SAID} group by all
    ), consented as (
        select terms_hash, list(institution) as who from last_said where said = 'consented' group by all
    ), concluded as (
        select "termsHash" as terms_hash, "agreementId" as agreement, "startsAt"::bigint as starts_s,
            "fromPeriod"::bigint as from_period, transaction, log,
            lead("startsAt"::bigint) over (partition by "agreementId" order by version) as next_s
        from {_CONCLUDED}
    ), noticed as (
        select n."agreementId" as agreement, arg_max(n."endsAt"::bigint, n.transaction) as ends_s,
            arg_max(n.institution, n.transaction) as who
        from facts."Agreements_NoticeGiven" n
        where n.transaction > (select max(c.transaction) from concluded c where c.agreement = n."agreementId")
        group by all
    ), every as (
        select p.*, c.agreement, c.starts_s, c.from_period, c.transaction as concluded_in,
            least(c.next_s, n.ends_s) as ends_s,
            case when c.next_s is null then n.who end as noticed_by, now.s as now_s,
            coalesce(s.who, []) as consented, [p.payer] || p.parties || p.former as signatories
        from facts.proposals p left join concluded c using (terms_hash) left join noticed n using (agreement)
        left join consented s using (terms_hash) cross join now
    )
    select e.agreement, {access.name("e.name")} as name, e.version, institution_name(e.payer) as payer,
        [institution_name(x) for x in e.parties] as parties, asset_code(e.currency) as currency,
        case when e.agreement is null then 'proposed' when e.ends_s <= e.starts_s then 'superseded'
            when e.starts_s > e.now_s then 'concluded' when e.ends_s <= e.now_s then 'ended'
            else 'in_force' end as status,
        make_timestamp(e.starts_s * 1000000) as starts_at, make_timestamp(e.ends_s * 1000000) as ends_at,
        {_period("e.from_period", "e.months")} as first_period, e.months, e.notice_days,
        institution_name(e.noticed_by) as notice_by, e.clauses, e.guarantees, e.measures,
        case when e.reserve_account > 0 then institution_name(e.reserve_account) end as reserve_account,
        [institution_name(x) for x in e.signatories if list_contains(e.consented, x)] as consented,
        [institution_name(x) for x in e.signatories if not list_contains(e.consented, x)] as missing,
        {access.told("hex(e.terms_hash)")} as terms_hash, institution_name(e.proposed_by) as proposed_by,
        {MOMENT_SQL},
        d.block as concluded_block, d.date_time as concluded_at
    from every e join facts.moments m using (transaction)
    left join facts.moments d on d.transaction = e.concluded_in
    where {any_of(access, "e.signatories")}"""


def consents_source() -> str:
    """Each consent and withdrawal with the terms that it is of, in SQL, columns by index."""
    return f"""(select s.*, p.name, p.version, p.payer, [p.payer] || p.parties || p.former as signatories,
        row_number() over (
            partition by s."termsHash", s.institution order by s.transaction desc, s.log desc
        ) = 1 as stands
        from {_SAID} s join facts.proposals p on p.terms_hash = s."termsHash")"""


def _consents_sql(access: Access) -> str:
    return f"""
    select {access.name("s.name")} as agreement_name, s.version, institution_name(s.payer) as payer,
        institution_name(s.institution) as institution, s.said, s.stands,
        {access.told('hex(s."termsHash")')} as terms_hash, {MOMENT_SQL}
    from {consents_source()} s join facts.moments m using (transaction)
    where {any_of(access, "s.signatories")}"""


_AGREEMENT = Column("agreement", "Number of the agreement, over all its versions")
_NAME = Column("agreement_name", "Its name, unique among its payer's")
_VERSION = Column("version", "Version of its terms, from 1")
_PAYER = Column("payer", "Institution whose income is shared")
_PERIOD = Column("period", "Period, as 2019-11, 2019Q4, 2019H2 or 2019")
_CURRENCY = Column("currency", "ISO 4217 code of the agreement's currency")
_INDEX = Column("transaction_index", "The transaction's place in the chain's order")
_TERMS = Column("terms_hash", "EIP-712 digest that is consented to; null for who is masked")
VIEWS = (
    View(
        "entitlements",
        "a party's part of an accrual, a clause or guarantee that was run, a reserve released",
        (
            _AGREEMENT,
            _NAME,
            _VERSION,
            _PAYER,
            Column("party", "Who is entitled; the account that keeps reserves is one, too"),
            Column(
                "place", "The party's among those of the terms, from 1; 0 the account that keeps reserves"
            ),
            _PERIOD,
            Column("kind", "accrual, clause, guarantee or release"),
            Column("line", "Clause, then guarantee, from 0; null of an accrual, which has every clause's"),
            Column("share_ppm", "The party's share of all commission, where it is a fixed one", "millionths"),
            Column("total_before_minor", "Payer's commission in the period before the accrual", MINOR),
            Column("total_after_minor", "The same after it", MINOR),
            Column("amount_minor", "By which what the party is entitled to rose; below zero fell", MINOR),
            Column("paid_minor", "Of an accrual: what of it the settlement paid; the rest was owed", MINOR),
            _CURRENCY,
            Column("cycle", "Settlement cycle, of an accrual"),
            *MOMENT,
            _INDEX,
        ),
        _entitlements_sql,
    ),
    View(
        "payments",
        "what an agreement moved in a transaction, a row an institution; all of an agreement's come to 0",
        (
            _AGREEMENT,
            _NAME,
            _PAYER,
            Column("institution", "Who received or gave"),
            Column("amount_minor", "What it received; below zero gave", MINOR),
            Column("due_before_minor", "What the payer owed it before; below zero was owed", MINOR),
            Column("due_after_minor", "The same after; both are null of the payer", MINOR),
            _CURRENCY,
            *MOMENT,
            _INDEX,
        ),
        _payments_sql,
    ),
    View(
        "agreements",
        "a version of an agreement, and where it stands",
        (
            Column("agreement", "Number of the agreement; null while it is only proposed"),
            Column("name", "Its name, unique among its payer's"),
            _VERSION,
            _PAYER,
            Column("parties", "Who has a part, in the terms' order"),
            _CURRENCY,
            Column("status", "proposed, concluded (not yet in force), in_force, ended, or superseded unused"),
            Column("starts_at", "When the version takes effect, UTC"),
            Column("ends_at", "When the next one does, or notice has run, UTC; null where neither is known"),
            Column("first_period", "First period that it covers"),
            Column("months", "Length of a period", "months"),
            Column("notice_days", "Time of notice", "days"),
            Column("notice_by", "Who has given the notice that ends it"),
            Column("clauses", "How many clauses", "clauses"),
            Column("guarantees", "How many guarantees", "guarantees"),
            Column("measures", "What is measured for it"),
            Column("reserve_account", "Account that keeps its reserves"),
            Column("consented", "Whose consent stands"),
            Column("missing", "Whose consent does not"),
            _TERMS,
            Column("proposed_by", "Who proposed these terms"),
            *MOMENT,
            Column("concluded_block", "Block in which the last consent came"),
            Column("concluded_at", "When that was, UTC"),
        ),
        _agreements_sql,
    ),
    View(
        "consents",
        "a consent to terms, or its withdrawal",
        (
            _NAME,
            _VERSION,
            _PAYER,
            Column("institution", "Who consented"),
            Column("said", "consented or withdrawn"),
            Column("stands", "Whether it is the institution's last word on these terms"),
            _TERMS,
            *MOMENT,
        ),
        _consents_sql,
    ),
)
