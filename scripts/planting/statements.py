"""Statements of a bank and a custodian, from plain templates with the elements that they must have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from planting.market import day_text, money_text

_CAMT = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>'
    "<GrpHdr><MsgId>M-{day}</MsgId><CreDtTm>{date}T18:00:00Z</CreDtTm></GrpHdr>{statements}"
    "</BkToCstmrStmt></Document>\n"
)
_ACCOUNT = (
    "\n<Stmt><Id>S-{place}</Id><CreDtTm>{date}T18:00:00Z</CreDtTm><Acct><Id><Othr><Id>{holder}</Id></Othr></Id>"
    "<Ccy>{currency}</Ccy></Acct>{balances}{entries}</Stmt>"
)
_BALANCE = (
    '\n<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="{currency}">{amount}</Amt>'
    "<CdtDbtInd>{sign}</CdtDbtInd><Dt><Dt>{date}</Dt></Dt></Bal>"
)
_ENTRY = (
    '\n<Ntry><NtryRef>{reference}</NtryRef><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>'
    "<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{date}</Dt></BookgDt><BkTxCd><Prtry><Cd>DVP</Cd></Prtry></BkTxCd></Ntry>"
)
_SEMT = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:semt.002.001.11"><SctiesBalCtdyRpt>'
    "<Pgntn><PgNb>1</PgNb><LastPgInd>true</LastPgInd></Pgntn><StmtGnlDtls><StmtDtTm><Dt>{date}</Dt></StmtDtTm>"
    "<Frqcy><Cd>DAIL</Cd></Frqcy><UpdTp><Cd>COMP</Cd></UpdTp><StmtBsis><Cd>SETT</Cd></StmtBsis>"
    "<ActvtyInd>true</ActvtyInd><SubAcctInd>false</SubAcctInd></StmtGnlDtls>"
    "<SfkpgAcct><Id>{holder}</Id></SfkpgAcct>{balances}</SctiesBalCtdyRpt></Document>\n"
)
_HOLDING = (
    "\n<BalForAcct><FinInstrmId>{security}</FinInstrmId><AggtBal><ShrtLngInd>{sign}</ShrtLngInd>"
    "<Qty><Qty><Qty><Unit>{units}</Unit></Qty></Qty></Qty></AggtBal></BalForAcct>"
)


@dataclass(frozen=True, slots=True)
class Cash:
    """One account of a bank's statement: minor units, entries signed."""

    holder: str
    opening: int
    entries: Sequence[int]
    closing: int


def entry_name(place: int, at: int) -> str:
    """The reference of an entry, by the place of its account in the statement and its own there; from 1."""
    return f"E{place}-{at}"


def camt_053(day: int, currency: str, accounts: Sequence[Cash]) -> bytes:
    """A bank's statement of many accounts as of the end of `day`, yyyymmdd."""
    date = day_text(day)

    def money(amount: int) -> dict[str, str]:
        sign = "DBIT" if amount < 0 else "CRDT"
        return {"amount": money_text(abs(amount)), "sign": sign, "currency": currency, "date": date}

    statements = []
    for place, account in enumerate(accounts, 1):
        ends = (("OPBD", account.opening), ("CLBD", account.closing))
        booked = enumerate(account.entries, 1)
        statements.append(
            _ACCOUNT.format(
                place=place,
                date=date,
                holder=escape(account.holder),
                currency=currency,
                balances="".join(_BALANCE.format(code=code, **money(amount)) for code, amount in ends),
                entries="".join(
                    _ENTRY.format(reference=entry_name(place, at), **money(amount)) for at, amount in booked
                ),
            )
        )
    return _CAMT.format(day=day, date=date, statements="".join(statements)).encode("utf-8")


def semt_002(day: int, holder: str, holdings: Sequence[tuple[str, int]]) -> bytes:
    """A custodian's statement of one account's holdings, (security, units), at the end of `day`."""
    balances = "".join(
        _HOLDING.format(security=_security(code), sign="SHOR" if units < 0 else "LONG", units=abs(units))
        for code, units in holdings
    )
    return _SEMT.format(date=day_text(day), holder=escape(holder), balances=balances).encode("utf-8")


def _security(code: str) -> str:
    """An ISIN as such; else the exchange's own code."""
    if len(code) == 12 and code[:2].isalpha() and code[2:].isalnum():
        return f"<ISIN>{code}</ISIN>"
    return f"<OthrId><Id>{escape(code)}</Id><Tp><Cd>EXCH</Cd></Tp></OthrId>"
