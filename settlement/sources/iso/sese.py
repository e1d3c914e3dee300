"""sese.025, SecuritiesSettlementTransactionConfirmation: one settled delivery or receipt, an entry each.

The delivering party is the seller, the receiving party the buyer; where the message names only the other
side, the owner of the account is this one. `settles` is the effective settlement date. A confirmation of a
part has the quantity and amount of that part. A pre-confirmation says that nothing has settled: left out.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.errors import InvalidValue
from ledger.units import TIME_UNKNOWN
from settlement.reconciliation.entries import NO_DAY, PRICE_DECIMALS
from settlement.reconciliation.model import Refused
from settlement.sources import Context, Source
from settlement.sources.iso.parts import (
    account_ids,
    date_text,
    direction,
    money,
    party_ids,
    security_ids,
    units,
)
from settlement.sources.iso.xml import Element
from settlement.sources.messages import (
    Names,
    Row,
    check_days,
    entries_of,
    has_day,
    number_of,
    parse_clock,
    parse_date,
    parse_exact,
    refused,
    shown,
)

NAME = "sese.025"


def read_sese025(documents: Sequence[Element], name: str, context: Context, mapping: object | None) -> Source:
    """Each message's entry."""
    institutions = Names.of(context.institutions, mapping, "institutions")
    securities = Names.of(context.securities, mapping, "securities")
    rows: list[Row] = []
    accounts: dict[str, tuple[int, ...]] = {}
    faults: list[Refused] = []
    early = 0
    for document in documents:
        message = document.need("SctiesSttlmTxConf")
        if message.find("AddtlParams/PreConf") is not None:
            early += 1
            continue
        try:
            row, account = _row(message, context, institutions, securities)
            accounts[account] = (*accounts.get(account, ()), len(rows))
            rows.append(row)
        except InvalidValue as error:
            faults.append(refused(name, message.line, error))
    check_days(name, (row.day for row in rows), context.day)
    notes = {"pre-confirmations left out": str(early)} if early else {}
    return Source(
        name=name,
        side=context.side,
        owner=context.owner,
        format=NAME,
        rows=len(rows) + len(faults),
        entries=entries_of(rows),
        refused=tuple(faults),
        accounts=accounts,
        notes=notes,
    )


def _row(message: Element, context: Context, institutions: Names, securities: Names) -> tuple[Row, str]:
    """The entry, and whose account it is of."""
    ids, trade = message.need("TxIdDtls"), message.need("TradDtls")
    settled = trade.need("FctvSttlmDt")
    quantity, movement = message.need("QtyAndAcctDtls"), ids.need("SctiesMvmntTp").text
    if movement not in ("DELI", "RECE"):
        raise InvalidValue("SctiesMvmntTp", shown(movement), "DELI or RECE is wanted")
    day, clock = _day(trade, context)
    settles = date_text(settled.find("Dt"))
    own = [*party_ids(quantity.find("AcctOwnr")), *account_ids(quantity.find("SfkpgAcct"))]
    sides = {
        "DELI": _parties(message.find("DlvrgSttlmPties")),
        "RECE": _parties(message.find("RcvgSttlmPties")),
    }
    own = own or ([context.owner] if context.owner else [])
    sides[movement] += own
    currency, amount = _settled_amount(message, ids, context, movement)
    row = Row(
        number=_number(ids, trade, day),
        day=day,
        settles=parse_date("FctvSttlmDt", settles) if settles else NO_DAY,
        time=clock,
        buyer=institutions.pick(sides["RECE"]),
        seller=institutions.pick(sides["DELI"]),
        security=securities.pick(security_ids(message.need("FinInstrmId"))),
        currency=currency,
        quantity=units(quantity.need("SttldQty")),
        amount=amount,
        price=_price(trade, currency),
        line=message.line,
        with_day=has_day(trade.at("TradId"), day),
    )
    return row, institutions.pick(own or sides[movement])


def _parties(side: Element | None) -> list[str]:
    """What may name the settlement party: the one next to the depository first, then whom it acts for."""
    if side is None:
        return []
    chain = (side.find(f"Pty{place}") for place in range(1, 6))
    return [
        each
        for party in chain
        if party is not None
        for each in (*party_ids(party), *account_ids(party.find("SfkpgAcct")))
    ]


def _day(trade: Element, context: Context) -> tuple[int, int]:
    """The trading day and the time of it."""
    text = date_text(trade.find("TradDt/Dt"))
    if text:
        return parse_date("TradDt", text), parse_clock(text)
    if context.day or context.undated:
        return context.day or context.undated, TIME_UNKNOWN
    raise InvalidValue("TradDt", "", "no trade date is given; say the day with --date YYYY-MM-DD")


def _number(ids: Element, trade: Element, day: int) -> int:
    """By the trade's id; else by the market infrastructure's or the owner's where it is only a number."""
    if trade_id := trade.at("TradId"):
        return number_of(trade_id, day)
    owner_id = ids.need("AcctOwnrTxId").text
    return number_of(ids.at("MktInfrstrctrTxId") or owner_id, day, strict=True)


def _settled_amount(message: Element, ids: Element, context: Context, movement: str) -> tuple[str, int]:
    """The currency and the amount: negative where money went the way of the securities; 0 free of payment."""
    settled = message.find("SttldAmt")
    if settled is None:
        if ids.at("Pmt") == "APMT":
            raise InvalidValue("SttldAmt", "", "settlement was against payment, and no amount is given")
        return context.currency, 0
    currency, amount = money(settled.need("Amt"), context)
    expected = 1 if movement == "DELI" else -1
    return currency, amount * expected * direction(settled.need("CdtDbtInd"))


def _price(trade: Element, currency: str) -> int:
    price = trade.find("DealPric/Val/Amt")
    if price is None or price.attributes.get("Ccy") != currency:
        return -1
    return parse_exact("DealPric", price.text, PRICE_DECIMALS)
