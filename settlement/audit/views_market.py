"""Views of everything that is not a trade: settlements, movements and positions, who takes part, what there
is, and the chain itself.
"""

from __future__ import annotations

from settlement.audit.access import Access
from settlement.audit.view import BLOCK, DATE_TIME, MINOR, MOMENT, MOMENT_SQL, TRANSACTION, Column, View

_ASSET = Column("asset", "Code of the security or currency")
_AMOUNT = Column("amount", "How much", "units of a security, minor units of a currency")
_INSTITUTION = Column("institution", "The institution's name")
_VENUE = Column("venue", "The exchange")
_CYCLE = Column("cycle", "Number of the settlement cycle, from 1")
_REFERENCE = Column("reference", "The instruction's reference, used once; null for who is masked")
ROLES = ("exchange", "depository", "broker", "settlement_bank", "partner", "regulator", "auditor")
"""By their bit of a set."""


def roles_sql(bits: str) -> str:
    """An expression in SQL for a set of roles, as 'broker, partner'."""
    listed = ", ".join(
        f"case when {bits} & {1 << bit} > 0 then '{role}' end" for bit, role in enumerate(ROLES)
    )
    return f"array_to_string([{listed}], ', ')"


def text_sql(word: str) -> str:
    """An expression in SQL for 32 bytes: the short text that they are, filled up with zeros, or in hex."""
    said = f"rtrim(try(decode({word})), chr(0))"
    return f"case when regexp_full_match({said}, '[ -~]+') then {said} else hex({word}) end"


def _cycles_sql(access: Access) -> str:
    return """
    select institution_name(o.venue) as venue, o.cycle, o.block as opened_block, o.date_time as opened_at,
        make_timestamp(o.deadline::bigint * 1000000) as deadline, c.block as closed_block,
        c.date_time as closed_at,
        (select count(*) from facts."ClearingHouse_NettingSetSettled" n
            where n.venue = o.venue and n.cycle = o.cycle) as settlements
    from (select * from facts."ClearingHouse_CycleOpened" join facts.moments using (transaction)) o
    left join (select * from facts."ClearingHouse_CycleClosed" join facts.moments using (transaction)) c
        on c.venue = o.venue and c.cycle = o.cycle"""


def _settlements_sql(access: Access) -> str:
    money = ", ".join(
        access.amount(f'n."{name}"') + f" as {shown}"
        for name, shown in (
            ("grossAmount", "gross_amount_minor"),
            ("netAmount", "net_amount_minor"),
            ("commission", "commission_minor"),
            ("levy", "levy_minor"),
        )
    )
    # Of a set of one trade the totals are what it cost: they are for who is in the set, not for who has a
    # part of the commission of one that is, and would learn the others' by it.
    own = "true"
    if access.sees == "own":
        traded = access.concerns("t.buyer", "t.seller")
        own = f"""({access.concerns("n.venue")} or exists (
                select 1 from facts.trades_now t where t.ended_in = n.transaction and {traded})
            or exists (
                select 1 from facts."ClearingHouse_TradeSettledInPart" p
                join facts.batches b on b.hash = p."batchHash"
                join facts.trades t on t.batch = b.batch and t.number = p."tradeNo"
                where p.transaction = n.transaction and {traded}))"""
    return f"""
    select institution_name(n.venue) as venue, n.cycle, n.model, asset_code(n."cashAsset") as currency,
        {money},
        (select sum(s.count)::bigint from facts."ClearingHouse_SliceSettled" s
            where s.transaction = n.transaction) as trades, {MOMENT_SQL}
    from facts."ClearingHouse_NettingSetSettled" n join facts.moments m on m.transaction = n.transaction
    where {own}"""


def _movements_sql(access: Access) -> str:
    return f"""
    select institution_name(v.sender) as sender, institution_name(v.receiver) as receiver,
        asset_code(v.asset) as asset, {access.amount("wide(v.amount_low, v.amount_high)")} as amount,
        {MOMENT_SQL}
    from facts.movements v join facts.moments m on m.transaction = v.transaction
    where {access.concerns("v.sender", "v.receiver", "asset_issuer(v.asset)")}"""


def _positions_sql(access: Access) -> str:
    return f"""
    select institution_name(p.institution) as institution, asset_code(p.asset) as asset,
        {access.amount("wide(p.amount_low, p.amount_high)")} as amount
    from facts.balances_now p where {access.concerns("p.institution", "asset_issuer(p.asset)")}"""


def _issues_sql(access: Access) -> str:
    return f"""
    select 'issue' as kind, institution_name(i.issuer) as issuer, institution_name(v.receiver) as institution,
        asset_code(v.asset) as asset, {access.amount("wide(v.amount_low, v.amount_high)")} as amount,
        {access.told(text_sql('i."instructionReference"'))} as reference, {MOMENT_SQL}
    from facts."AssetRegister_Issued" i join facts.moments m on m.transaction = i.transaction
    join facts.movements v on v.transaction = i.transaction and v.sender = -1
    where {access.concerns("v.receiver", "i.issuer")}
    union all
    select 'redemption', institution_name(r.issuer), institution_name(r.holder), asset_code(r.asset),
        {access.amount("r.amount")}, {access.told(text_sql('r."instructionReference"'))}, {MOMENT_SQL}
    from facts."AssetRegister_Redeemed" r join facts.moments m on m.transaction = r.transaction
    where {access.concerns("r.holder", "r.issuer")}"""


def _institutions_sql(access: Access) -> str:
    newest = (
        "select institution, arg_max({value}, transaction * 65536 + log) as value"
        ' from facts."{table}" group by 1'
    )
    roles = newest.format(value="roles", table="Consortium_RolesChanged")
    signer = newest.format(value="signer", table="Consortium_SignerChanged")
    standing = (
        "select institution, arg_max(out, transaction * 65536 + log) as value from ("
        'select institution, transaction, log, true as out from facts."Consortium_InstitutionSuspended"'
        " union all select institution, transaction, log, false"
        ' from facts."Consortium_InstitutionReinstated") group by 1'
    )
    return f"""
    select institution_name(i.institution) as institution, i.institution as institution_index,
        {access.name("hex(i.account)")} as account,
        {access.told("hex(coalesce(s.value, i.signer))")} as signer,
        {roles_sql("coalesce(r.value, i.roles)")} as roles, coalesce(o.value, false) as suspended,
        {MOMENT_SQL}
    from facts."Consortium_InstitutionAdmitted" i join facts.moments m on m.transaction = i.transaction
    left join ({roles}) r using (institution) left join ({signer}) s using (institution)
    left join ({standing}) o using (institution)"""


def _roles_sql(access: Access) -> str:
    both = (
        'select institution, transaction, roles, null as "by" from facts."Consortium_InstitutionAdmitted"'
        ' union all select institution, transaction, roles, "by" from facts."Consortium_RolesChanged"'
    )
    return f"""
    select institution_name(c.institution) as institution, {roles_sql("c.roles")} as roles,
        {access.told('hex(c."by")')} as changed_by, {MOMENT_SQL}
    from ({both}) c join facts.moments m on m.transaction = c.transaction"""


def _suspensions_sql(access: Access) -> str:
    both = " union all ".join(
        f'select institution, regulator, transaction, {out} as suspended from facts."Consortium_{event}"'
        for event, out in (("InstitutionSuspended", "true"), ("InstitutionReinstated", "false"))
    )
    return f"""
    select institution_name(c.institution) as institution, institution_name(c.regulator) as regulator,
        c.suspended, {MOMENT_SQL}
    from ({both}) c join facts.moments m on m.transaction = c.transaction"""


def _signers_sql(access: Access) -> str:
    both = (
        "select institution, transaction, null as previous, signer"
        ' from facts."Consortium_InstitutionAdmitted"'
        ' union all select institution, transaction, previous, signer from facts."Consortium_SignerChanged"'
    )
    return f"""
    select institution_name(c.institution) as institution, {access.told("hex(c.previous)")} as previous,
        {access.told("hex(c.signer)")} as signer, {MOMENT_SQL}
    from ({both}) c join facts.moments m on m.transaction = c.transaction"""


def _assets_sql(currencies: bool) -> str:
    place = "asset > 32768" if currencies else "asset < 32768"
    decimals = ", decimals" if currencies else ""
    return f"""
    select asset_code(a.asset) as {"currency" if currencies else "security"}, a.asset as asset_index,
        institution_name(a.issuer) as issuer{decimals}, {MOMENT_SQL}
    from facts."AssetRegister_AssetListed" a join facts.moments m on m.transaction = a.transaction
    where a.{place}"""


def _limits_sql(access: Access) -> str:
    return f"""
    select institution_name(l.institution) as institution, asset_code(l.asset) as asset,
        {access.amount("l.position")} as position_limit, {access.amount("l.exposure")} as exposure_limit,
        {MOMENT_SQL}
    from facts."Limits_LimitSet" l join facts.moments m on m.transaction = l.transaction
    where {access.concerns("l.institution")}"""


def _attestations_sql(access: Access) -> str:
    return f"""
    select institution_name(a.institution) as institution, institution_name(a.venue) as venue, a.cycle,
        a.revision, {access.told("hex(a.root)")} as root, a.size as leaves, a."priorBlock" as prior_block,
        a.suspended, {MOMENT_SQL}
    from facts."Attestations_BookAttested" a join facts.moments m on m.transaction = a.transaction
    where {access.concerns("a.institution")}"""


def _blocks_sql(access: Access) -> str:
    return (
        "select block, make_timestamp(time_s * 1000000) as date_time, hex(hash) as block_hash"
        " from facts.blocks"
    )


def _transactions_sql(access: Access) -> str:
    signers = (
        'select signer, institution from facts."Consortium_InstitutionAdmitted" union'
        ' select signer, institution from facts."Consortium_SignerChanged"'
    )
    return f"""
    select {MOMENT_SQL}, {access.told("hex(m.sender)")} as sender,
        institution_name(s.institution) as institution,
        m.transaction as transaction_index
    from facts.moments m left join ({signers}) s on s.signer = m.sender"""


VIEWS = (
    View(
        "cycles",
        "settlement cycles of a venue",
        (
            _VENUE,
            _CYCLE,
            Column("opened_block", "Block that opened it"),
            Column("opened_at", "When that was, UTC"),
            Column("deadline", "From when anyone may close it, UTC"),
            Column("closed_block", "Block that closed it; null while it is open"),
            Column("closed_at", "When that was, UTC"),
            Column("settlements", "Netting sets that settled in it", "settlements"),
        ),
        _cycles_sql,
    ),
    View(
        "settlements",
        "netting sets, each settled in one transaction; shown to whose trades are in it",
        (
            _VENUE,
            _CYCLE,
            Column("model", "BIS model of delivery versus payment: 1, 2 or 3"),
            Column("currency", "ISO 4217 code"),
            Column("gross_amount_minor", "What its trades cost", MINOR),
            Column("net_amount_minor", "Cash that changed hands for them", MINOR),
            Column("commission_minor", "Commission of both sides", MINOR),
            Column("levy_minor", "Levy of both sides", MINOR),
            Column("trades", "Trades that settled in it, whole or in part", "trades"),
            *MOMENT,
        ),
        _settlements_sql,
    ),
    View(
        "movements",
        "what went from one account to another",
        (
            Column("sender", "Who gave it; null where it was issued"),
            Column("receiver", "Who received it; null where it was redeemed"),
            _ASSET,
            _AMOUNT,
            *MOMENT,
        ),
        _movements_sql,
    ),
    View(
        "positions",
        "who holds what now; `clearing audit DIR positions --at` tells of any earlier block",
        (_INSTITUTION, _ASSET, _AMOUNT),
        _positions_sql,
    ),
    View(
        "issues",
        "securities and cash that were issued and redeemed",
        (
            Column("kind", "issue or redemption"),
            Column("issuer", "Who issued it, and gives the deposit or certificate back"),
            Column("institution", "Who received or gave it back"),
            _ASSET,
            _AMOUNT,
            _REFERENCE,
            *MOMENT,
        ),
        _issues_sql,
    ),
    View(
        "institutions",
        "who takes part, as it stands; the block is that which admitted it",
        (
            _INSTITUTION,
            Column("institution_index", "Its number on the ledger"),
            Column("account", "Address that holds its assets"),
            Column("signer", "Address of the key that acts for it; null for who is masked"),
            Column("roles", "What it may do, as 'broker, partner'"),
            Column("suspended", "Whether a regulator has put it out"),
            *MOMENT,
        ),
        _institutions_sql,
    ),
    View(
        "roles",
        "what institutions could do from when on",
        (
            _INSTITUTION,
            Column("roles", "Its roles from then on"),
            Column("changed_by", "Address that changed them; null at admission, and for who is masked"),
            *MOMENT,
        ),
        _roles_sql,
    ),
    View(
        "suspensions",
        "institutions put out and let back in",
        (
            _INSTITUTION,
            Column("regulator", "Who decided it"),
            Column("suspended", "true: put out; false: let back in"),
            *MOMENT,
        ),
        _suspensions_sql,
    ),
    View(
        "signers",
        "which keys acted for institutions, from when on",
        (
            _INSTITUTION,
            Column("previous", "Address that did before; null at admission, and for who is masked"),
            Column("signer", "Address that does from then on; null for who is masked"),
            *MOMENT,
        ),
        _signers_sql,
    ),
    View(
        "securities",
        "securities of the register",
        (
            Column("security", "ISIN or local code"),
            Column("asset_index", "Its number on the ledger"),
            Column("issuer", "Depository that issues it"),
            *MOMENT,
        ),
        lambda access: _assets_sql(currencies=False),
    ),
    View(
        "currencies",
        "currencies of the register",
        (
            Column("currency", "ISO 4217 code"),
            Column("asset_index", "Its number on the ledger"),
            Column("issuer", "Settlement bank that issues it"),
            Column("decimals", "Digits after the point of an amount", "digits"),
            *MOMENT,
        ),
        lambda access: _assets_sql(currencies=True),
    ),
    View(
        "limits",
        "limits that were put in force; null is none",
        (
            _INSTITUTION,
            _ASSET,
            Column("position_limit", "What it may hold after a settlement", _AMOUNT.unit),
            Column("exposure_limit", "What settlements may take from it in a day", _AMOUNT.unit),
            *MOMENT,
        ),
        _limits_sql,
    ),
    View(
        "attestations",
        "books of a cycle whose root an institution signed",
        (
            _INSTITUTION,
            _VENUE,
            _CYCLE,
            Column("revision", "Which book of that cycle, from 1"),
            Column("root", "Root of the book's tree; null for who is masked"),
            Column("leaves", "Entries and balances of the book", "leaves"),
            Column("prior_block", "A block that was there when it signed"),
            Column("suspended", "Whether it was suspended then"),
            *MOMENT,
        ),
        _attestations_sql,
    ),
    View(
        "blocks",
        "blocks with events of the ledger, and the newest",
        (BLOCK, DATE_TIME, Column("block_hash", "The block's hash")),
        _blocks_sql,
    ),
    View(
        "transactions",
        "transactions with events of the ledger",
        (
            *(BLOCK, DATE_TIME, TRANSACTION),
            Column("sender", "Address that signed it; null for who is masked"),
            Column("institution", "Whose signer that is, now or once"),
            Column("transaction_index", "Its place among them, from 1"),
        ),
        _transactions_sql,
    ),
)
