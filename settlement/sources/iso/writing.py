"""Writing the ISO 20022 messages that are read here: sese.025, semt.002 and camt.053.

A bank, a custodian or a simulation of one says with them what it has. The elements are those that the
readers use and those without which a message is not valid; names that are no BIC are proprietary ids. Several
messages come in a wrapper without a namespace. What a message cannot hold raises InvalidValue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ledger.errors import InvalidValue
from ledger.ids import currency_exponent, parse_day_number, parse_isin
from ledger.units import TIME_UNKNOWN
from settlement.reconciliation.entries import NO_DAY, NO_NUMBER, PRICE_DECIMALS, Entries
from settlement.reconciliation.units import clock
from settlement.sources import Balance, CashMovement
from settlement.sources.iso.making import party as _party
from settlement.sources.iso.making import tag as _tag
from settlement.sources.iso.making import text as _text
from settlement.sources.iso.making import wrapped

VERSIONS: Mapping[str, str] = {
    "sese.025": "sese.025.001.11",
    "semt.002": "semt.002.001.11",
    "camt.053": "camt.053.001.08",
}
"""The version of each message that is written."""

_DIGITS = 18
"""Of an amount or a quantity, at most."""


def write_sese025(entries: Entries, owner: str) -> bytes:
    """A confirmation for each entry that `owner` buys or sells in: a delivery where it sells, a receipt where
    it buys. Each names the other side as settlement party, and the owner as owner of the account.

    An entry that does not say when it settled did so on its trading day.
    """
    own = entries.take(entries.of(owner))
    return _messages("sese.025", [_confirmation(own, row, owner) for row in range(len(own))])


def write_semt002(balances: Sequence[Balance], day: int, statement: str = "HOLDINGS") -> bytes:
    """A statement for each holder of position `balances`, as of `day` (yyyymmdd); `statement` is its id."""
    holders: dict[str, list[Balance]] = {}
    for balance in balances:
        if balance.level == "position" and balance.closing is not None:
            holders.setdefault(balance.holder, []).append(balance)
    return _messages(
        "semt.002", [_holdings(holder, held, day, statement) for holder, held in holders.items()]
    )


def write_camt053(
    balances: Sequence[Balance], movements: Sequence[CashMovement], day: int, statement: str = "CASH"
) -> bytes:
    """One message with a statement for each cash balance as of `day`, which has the movements of its holder
    and currency. An opening that is not said is left out; a closing has to be there.
    """
    said = "".join(
        _account(balance, movements, day, f"{statement}-{place}")
        for place, balance in enumerate((each for each in balances if each.level == "cash"), 1)
    )
    header = _tag("GrpHdr", _text("MsgId", statement), _text("CreDtTm", f"{_date(day)}T23:59:59"))
    return _messages("camt.053", [_tag("BkToCstmrStmt", header, said)])


def _messages(kind: str, messages: Sequence[str]) -> bytes:
    return wrapped(VERSIONS[kind], messages)


def _confirmation(entries: Entries, row: int, owner: str) -> str:
    number, day = int(entries.number[row]), int(entries.day[row])
    named = str(number) if number != NO_NUMBER else ""
    sells = _name(entries.parties, entries.seller[row]) == owner
    other = _name(entries.parties, entries.buyer[row] if sells else entries.seller[row])
    amount, currency = int(entries.amount[row]), _name(entries.currencies, entries.currency[row])
    time, price = int(entries.time[row]), int(entries.price[row])
    traded = _date(day) if time == TIME_UNKNOWN else f"{_date(day)}T{clock(time)}"
    return _tag(
        "SctiesSttlmTxConf",
        _tag(
            "TxIdDtls",
            _text("AcctOwnrTxId", f"{day}-{named or f'L{int(entries.line[row])}'}"),
            _text("MktInfrstrctrTxId", named),
            _text("SctiesMvmntTp", "DELI" if sells else "RECE"),
            _text("Pmt", "APMT"),
        ),
        _tag(
            "TradDtls",
            _text("TradId", named),
            _tag("TradDt", _tag("Dt", _text("Dt" if time == TIME_UNKNOWN else "DtTm", traded))),
            _tag("FctvSttlmDt", _tag("Dt", _text("Dt", _date(_settles(entries, row))))),
            _deal(price, currency) if price >= 0 else "",
        ),
        _instrument(_name(entries.securities, entries.security[row])),
        _tag(
            "QtyAndAcctDtls",
            _tag("SttldQty", _tag("Qty", _text("Unit", _decimal("quantity", entries.quantity[row], 0)))),
            _tag("AcctOwnr", _tag("Id", _party(owner))),
            _tag("SfkpgAcct", _text("Id", owner)),
        ),
        _tag("SttlmParams", _tag("SctiesTxTp", _text("Cd", "TRAD"))),
        _tag("RcvgSttlmPties" if sells else "DlvrgSttlmPties", _tag("Pty1", _tag("Id", _party(other))))
        if other
        else "",
        _tag("SttldAmt", *_money("Amt", amount if sells else -amount, currency)),
    )


def _deal(price: int, currency: str) -> str:
    said = _text("Amt", _decimal("price", price, PRICE_DECIMALS, 13), Ccy=currency)
    return _tag("DealPric", _tag("Tp", _text("Yldd", "false")), _tag("Val", said))


def _settles(entries: Entries, row: int) -> int:
    settles = int(entries.settles[row])
    return settles if settles != NO_DAY else int(entries.day[row])


def _holdings(holder: str, balances: Iterable[Balance], day: int, statement: str) -> str:
    held = [_holding(balance) for balance in balances]
    return _tag(
        "SctiesBalCtdyRpt",
        _tag("Pgntn", _text("PgNb", "1"), _text("LastPgInd", "true")),
        _tag(
            "StmtGnlDtls",
            _text("StmtId", statement),
            _tag("StmtDtTm", _text("Dt", _date(day))),
            _tag("Frqcy", _text("Cd", "DAIL")),
            _tag("UpdTp", _text("Cd", "COMP")),
            _tag("StmtBsis", _text("Cd", "SETT")),
            _text("ActvtyInd", "true"),
            _text("SubAcctInd", "false"),
        ),
        _tag("AcctOwnr", _tag("Id", _party(holder))),
        _tag("SfkpgAcct", _text("Id", holder)),
        *held,
    )


def _holding(balance: Balance) -> str:
    held = balance.closing or 0
    unit = _text("Unit", _decimal("quantity", abs(held), 0))
    total = (_text("ShrtLngInd", "SHOR" if held < 0 else "LONG"), _tag("Qty", _tag("Qty", _tag("Qty", unit))))
    return _tag("BalForAcct", _instrument(balance.asset), _tag("AggtBal", *total))


def _account(balance: Balance, movements: Sequence[CashMovement], day: int, statement: str) -> str:
    if balance.closing is None:
        raise InvalidValue("closing balance", None, "a bank statement has to say it")
    sides = [("OPBD", balance.opening), ("CLBD", balance.closing)]
    currency = balance.asset
    own = [each for each in movements if (each.holder, each.currency) == (balance.holder, currency)]
    return _tag(
        "Stmt",
        _text("Id", statement),
        _text("CreDtTm", f"{_date(day)}T23:59:59"),
        _tag(
            "Acct",
            _tag("Id", _tag("Othr", _text("Id", balance.holder))),
            _text("Ccy", currency),
            _tag("Ownr", _text("Nm", balance.holder)),
        ),
        *(
            _tag(
                "Bal",
                _tag("Tp", _tag("CdOrPrtry", _text("Cd", code))),
                *_money("Amt", amount, currency),
                _tag("Dt", _text("Dt", _date(day))),
            )
            for code, amount in sides
            if amount is not None
        ),
        *(
            _tag(
                "Ntry",
                _text("NtryRef", each.reference),
                *_money("Amt", each.amount, currency),
                _tag("Sts", _text("Cd", "BOOK")),
                _tag("BookgDt", _text("Dt", _date(each.day))),
                _tag("BkTxCd", _tag("Prtry", _text("Cd", "SETTLEMENT"))),
            )
            for each in own
        ),
    )


def _instrument(code: str) -> str:
    try:
        return _tag("FinInstrmId", _text("ISIN", parse_isin(code)))
    except InvalidValue:
        local = _tag("OthrId", _text("Id", code), _tag("Tp", _text("Prtry", "LOCAL")))
        return _tag("FinInstrmId", local)


def _money(name: str, amount: int, currency: str) -> tuple[str, str]:
    """An amount and which way it goes: a credit where it is not negative."""
    said = _decimal("amount", abs(amount), currency_exponent(currency))
    return _text(name, said, Ccy=currency), _text("CdtDbtInd", "DBIT" if amount < 0 else "CRDT")


def _decimal(what: str, value: int, decimals: int, most: int = 5) -> str:
    """Plain digits for a number of 10^-decimals, at most 18 and at most so many after the point."""
    value = int(value)
    whole, fraction = divmod(value, 10**decimals)
    text = f"{whole}.{fraction:0{decimals}d}" if decimals else str(whole)
    if value < 0 or decimals > most or len(text.replace(".", "")) > _DIGITS:
        raise InvalidValue(what, value, f"a message holds at most {_DIGITS} digits and no sign")
    return text


def _date(day: int) -> str:
    return parse_day_number(int(day)).isoformat()


def _name(table: Sequence[str], code: int) -> str:
    return table[code] if code >= 0 else ""
