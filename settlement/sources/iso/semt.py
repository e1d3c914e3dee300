"""semt.002, custody statement of holdings: what each account holds of each security at the end of a day.

What a holder has of a security in several accounts is added. A short position is negative.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ledger.errors import InvalidValue
from settlement.reconciliation.model import Refused
from settlement.sources import Balance, Context, Source
from settlement.sources.iso.parts import account_ids, date_text, party_ids, security_ids, units
from settlement.sources.iso.xml import Element
from settlement.sources.messages import Names, check_days, parse_date, refused, shown

NAME = "semt.002"


def read_semt002(documents: Sequence[Element], name: str, context: Context, mapping: object | None) -> Source:
    """Each holder's closing balances. Of statements of several days those of the day that is asked count."""
    institutions = Names.of(context.institutions, mapping, "institutions")
    securities = Names.of(context.securities, mapping, "securities")
    found: dict[tuple[str, str, int], Balance] = {}
    broken: set[tuple[str, str, int]] = set()
    faults: list[Refused] = []
    days: list[int] = []
    rows = 0
    kinds: dict[str, None] = {}
    for document in documents:
        statement = document.need("SctiesBalCtdyRpt")
        day = _as_of(statement)
        days.append(day)
        if context.day not in (0, day):
            continue
        kinds[statement.at("StmtGnlDtls/UpdTp/Cd")] = None
        for ids, holding in _holdings(statement):
            rows += 1
            security = securities.pick(security_ids(holding.need("FinInstrmId")))
            key = institutions.pick(ids), security, day
            try:
                closing = _closing(holding.need("AggtBal"))
            except InvalidValue as error:
                faults.append(refused(name, holding.line, error))
                broken.add(key)
                continue
            holder, asset, _ = key
            before = found.get(key) or Balance("position", holder, asset, None, None, 0, day, holding.line)
            found[key] = replace(before, closing=(before.closing or 0) + closing)
    check_days(name, days, context.day)
    return Source(
        name=name,
        side=context.side,
        owner=context.owner,
        format=NAME,
        rows=rows,
        balances=tuple(balance for key, balance in found.items() if key not in broken),
        refused=tuple(faults),
        notes={"update": ", ".join(filter(None, kinds)) or "not said"},
    )


def _as_of(statement: Element) -> int:
    moment = statement.need("StmtGnlDtls").need("StmtDtTm")
    try:
        return parse_date("StmtDtTm", date_text(moment))
    except InvalidValue as error:
        moment.refuse(f"{error.value!r}: {error.reason}")


def _holdings(statement: Element) -> Iterator[tuple[list[str], Element]]:
    """Each balance with what may name its holder."""
    main = _holder(statement)
    for place in (statement, *statement.all("SubAcctDtls")):
        ids = [*_holder(place), *main] if place is not statement else main
        holdings = [*place.all("BalForAcct"), *place.all("BalForSubAcct")]
        if holdings and not ids:
            place.refuse("AcctOwnr or SfkpgAcct is wanted and is not there")
        for holding in holdings:
            yield ids, holding


def _holder(place: Element) -> list[str]:
    return [*party_ids(place.find("AcctOwnr")), *account_ids(place.find("SfkpgAcct"))]


def _closing(balance: Element) -> int:
    side = balance.at("ShrtLngInd") or "LONG"
    if side not in ("LONG", "SHOR"):
        raise InvalidValue("ShrtLngInd", shown(side), "LONG or SHOR is wanted")
    held = units(balance.need("Qty"))
    return held if side == "LONG" else -held
