"""ISO 20022 securities settlement transaction audit trail reports (semt.022): of each trade and each side of
it the statuses that it has had, with their times and reasons, as its account servicer would report them.

Processing: accepted when it is recorded, cancelled when it ends otherwise than by settling. Matching: not
before both sides have affirmed. Settlement: pending or failing with ISO's reasons as that side is told them,
until it is settled. What the message has no element for (the other side, security, quantity, amount, the
chain's transaction) is supplementary data, as ISO provides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import pyarrow as pa

from ledger.clients.conditions import Condition
from ledger.clients.fails import Reason, iso_codes
from ledger.ids import parse_day_number
from settlement.audit.answer import Answer
from settlement.audit.filters import NONE, Filters
from settlement.audit.narrowing import one_trade
from settlement.audit.questions.trades import trades
from settlement.audit.session import Audit
from settlement.audit.views_trades import statuses_sql
from settlement.sources.iso.making import HEAD, ISSUER, document, party, tag, text

VERSION = "semt.022.001.05"
SUPPLEMENT = "urn:clearing:audit-trail:1"
"""Namespace of the supplementary data."""
_AT_ONCE = 2_000
"""Trades whose statuses are looked up together."""
_PAGE = tag("Pgntn", text("PgNb", "1"), text("LastPgInd", "true"))
_NO_REASON = text("NoSpcfdRsn", "NORE")
_OPENED, _CLOSED = tag("SplmtryData", tag("Envlp", tag("Facts", "|", xmlns=SUPPLEMENT))).split("|")
_ENDS = {"cancelled": "", "compensated": "what was left was compensated", "closed_out": "closed out"}
Row = Mapping[str, Any]
_remembered = lru_cache(maxsize=1024)
"""Of very many trades the same few times, senders and statuses are said, which are put together once."""


def semt022(audit: Audit, filters: Filters = NONE, *, trade: str | None = None) -> Answer:
    """A message a trade and side: `trade`, `account_owner` and `message`, the element in XML. Trades are
    chosen as the question `trades` does; or it is one, by its name. `filters.institution` leaves out the
    other side's messages, and so does who sees only its own.

    Raises NameUnknown, InvalidValue and as `trades` does.
    """
    if trade is None:
        answer = trades(audit, filters)
        rows = answer.table.to_pylist()
    else:
        answer = audit.answer("trades", audit.table("select * from trades limit 0"))
        rows = [one_trade(audit, trade)]
        only = f"from facts.trades_now where trade = {rows[0]['trade_index']}"
        audit.connection.execute(f"create or replace table main._page as {only}")
    names = audit.names.institutions
    own = {names[each] for each in audit.access.institutions} if audit.access.sees == "own" else set()
    found: list[tuple[str, str, str]] = []
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        told = _statuses(audit, [row["trade_index"] for row in part], answer.as_of.block)
        for row in part:
            sides = dict.fromkeys((row["buyer"], row["seller"]))
            for side in own & sides.keys() or sides:
                if filters.institution in (None, side):
                    message = _message(row, side, told.get(row["trade_index"], ()))
                    found.append((row["trade"], side, message))
    columns = list(zip(*found, strict=True)) or [(), (), ()]
    table = pa.table([pa.array(each, pa.string()) for each in columns], ["trade", "account_owner", "message"])
    return audit.answer("semt022", table, total=len(table), next=answer.next, as_of=answer.as_of)


def as_xml(answer: Answer) -> bytes:
    """The answer as a file: a document each message, in a wrapper without a namespace."""
    documents = (f"{document(VERSION, each)}\n" for each in answer.table["message"].to_pylist())
    return f"{HEAD}<Messages>\n{''.join(documents)}</Messages>\n".encode()


def _statuses(audit: Audit, indexes: list[int], block: int) -> dict[int, list[Row]]:
    """Trade's place → what happened to it up to a block, in the chain's order. The trades are among those of
    the page that was asked for."""
    chosen = f"(from main._page where trade in ({', '.join(map(str, indexes))}))"
    columns = "trade_index, status, institution, side, settled_quantity, reasons, block, date_time"
    found = audit.table(
        f"""
    select * from (
        select {columns}, transaction_hash, null::boolean as stands, x, log
        from ({statuses_sql(audit.access, chosen, ", t.x, t.log")})
        union all
        select t.trade, 'hold', institution_name(c.institution),
            case when c.institution = t.buyer then 'buyer' else 'seller' end, null, null, m.block,
            m.date_time, hex(m.hash), c.stands, c.transaction, c.log
        from facts."Conditions_ConditionChanged" c join facts.batches b on b.hash = c."batchHash"
        join {chosen} t on t.batch = b.batch and t.number = c."tradeNo"
        join facts.moments m on m.transaction = c.transaction
        where c.condition = {int(Condition.HELD)}
    ) where block <= {block}
    order by trade_index, x, status <> 'hold', status = 'settled', log, institution"""
    )
    told: dict[int, list[Row]] = {}
    for row in found.to_pylist():
        told.setdefault(row["trade_index"], []).append(row)
    return told


def _message(trade: Row, owner: str, told: Iterable[Row]) -> str:
    day = trade["trading_day"]
    trail = _Trail(trade, owner)
    return tag(
        "SctiesSttlmTxAudtTrlRpt",
        _PAGE,
        tag(
            "TxId",
            text("AcctOwnrTxId", f"{day:%Y%m%d}-{trade['trade_number']}"),
            text("MktInfrstrctrTxId", str(trade["trade_number"])),
            text("PrcrTxId", trade["trade"]),
        ),
        _holder(owner),
        *(trail.of(each) for each in told),
    )


class _Trail:
    """Follows one side's statuses of a trade from event to event."""

    def __init__(self, trade: Row, owner: str) -> None:
        self.trade = trade
        self.owner = owner
        self.is_seller = trade["seller"] == owner
        self._affirmed: set[str] = set()
        self._holds: set[str] = set()

    def of(self, told: Row) -> str:
        """The element of one event; nothing where the side's status does not change by it."""
        said = self._said(told)
        if said is None:
            return ""
        sender = _sender(told["institution"] or "")
        return tag("StsTrl", _said_at(told["date_time"]), sender, *said, self._supplement(told))

    def _said(self, told: Row) -> tuple[str, ...] | None:
        status = told["status"]
        match status:
            case "recorded":
                unmatched = _reasons("Umtchd", ("NMAS",))
                return tag("PrcgSts", tag("AckdAccptd", _NO_REASON)), tag("MtchgSts", unmatched)
            case "affirmed":
                return self._affirmation(told["institution"])
            case "disputed" if told["institution"]:
                other = f"{told['institution']} does not agree to it"
                return (tag("MtchgSts", _reasons("Umtchd", ("OTHR",), other)),)
            case "disputed":
                return (_pending(("OTHR",), "disputed"),)
            case "hold":
                (self._holds.add if told["stands"] else self._holds.discard)(told["side"])
                return None
            case "held":
                return (_pending(self._hold_codes()),)
            case "pending":
                return (_pending(()),)
            case "failed":
                codes = iso_codes(_bits(told["reasons"]), seller=self.is_seller)
                return (tag("SttlmSts", _reasons("Flng", codes)),)
            case "settled_in_part":
                return (_pending(("PART",)),)
            case "settled":
                return (tag("Sttld"),)
        why = _ENDS[status]
        return (tag("PrcgSts", _reasons("Canc", ("OTHR",) if why else (), why)),)

    def _affirmation(self, institution: str) -> tuple[str, ...]:
        self._affirmed.add(institution)
        if {self.trade["buyer"], self.trade["seller"]} <= self._affirmed:
            return tag("MtchgSts", tag("Mtchd")), _pending(())
        # CMIS: the counterparty's instruction is missing; before one's own there is nothing to match.
        code = "CMIS" if institution == self.owner else "NMAS"
        return (tag("MtchgSts", _reasons("Umtchd", (code,))),)

    def _hold_codes(self) -> tuple[str, ...]:
        bits = sum(1 << 2 * Reason.PREA + (side == "seller") for side in self._holds)
        return iso_codes(bits, seller=self.is_seller) or ("PREA",)

    def _supplement(self, told: Row) -> str:
        trade = self.trade
        facts = [_in_chain(told["transaction_hash"], told["block"])]
        if told["status"] == "recorded":
            facts += [
                text("DeliveringParty", trade["seller"]),
                text("ReceivingParty", trade["buyer"]),
                text("Security", trade["security"]),
                text("Quantity", str(trade["quantity"])),
                text("SettlementAmountMinor", str(trade["settlement_amount_minor"]), Ccy=trade["currency"]),
                text("IntendedSettlementDate", _day(trade["intended_settlement_date"])),
            ]
        elif told["settled_quantity"] is not None:
            facts.append(text("SettledQuantity", str(told["settled_quantity"])))
        return f"{_OPENED}{''.join(facts)}{_CLOSED}"


@_remembered
def _pending(codes: tuple[str, ...], why: str = "") -> str:
    return tag("SttlmSts", _reasons("Pdg", codes, why))


@_remembered
def _reasons(status: str, codes: tuple[str, ...], why: str = "") -> str:
    listed = [tag("Rsn", tag("Cd", text("Cd", code)), text("AddtlRsnInf", why[:210])) for code in codes]
    return tag(status, *(listed or [_NO_REASON]))


@_remembered
def _sender(institution: str) -> str:
    return tag("SndgOrgId", tag("Othr", text("Id", institution), text("Issr", ISSUER))) if institution else ""


@_remembered
def _holder(owner: str) -> str:
    return tag("SfkpgAcct", text("Id", owner)) + tag("AcctOwnr", tag("Id", party(owner)))


@_remembered
def _said_at(moment: datetime) -> str:
    return text("StsDt", f"{moment:%Y-%m-%dT%H:%M:%S}Z")


@_remembered
def _in_chain(transaction_hash: str, block: int) -> str:
    return text("Transaction", transaction_hash) + text("Block", str(block))


def _bits(reasons: str) -> int:
    """The set of reasons that "seller LACK, buyer MONY" says."""
    found = 0
    for each in filter(None, (reasons or "").split(", ")):
        side, name = each.split(" ")
        found |= 1 << 2 * Reason[name] + (side == "seller")
    return found


def _day(day: Any) -> str:
    return str(parse_day_number(day) if isinstance(day, int) else day)
