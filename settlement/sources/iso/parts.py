"""Parts that several ISO 20022 messages have: parties, accounts, securities, dates, amounts."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.errors import InvalidValue
from settlement.sources import Context
from settlement.sources.iso.xml import Element
from settlement.sources.messages import exponent_of, parse_amount, parse_quantity, shown

_PARTY = (
    "Id/AnyBIC",
    "Id/BICOrBEI",
    "LEI",
    "Id/LEI",
    "Id/PrtryId/Id",
    "Id/OrgId/AnyBIC",
    "Id/OrgId/BICOrBEI",
    "Id/OrgId/LEI",
    "Id/OrgId/Othr/Id",
    "Id/NmAndAdr/Nm",
    "AltrnId/AltrnId",
    "Nm",
)
_ACCOUNT = ("Id/IBAN", "Id/Othr/Id", "Id", "Nm")


def _texts(element: Element | None, paths: tuple[str, ...]) -> Iterator[str]:
    if element is not None:
        for path in paths:
            yield from (each.text for each in element.all(path) if each.text)


def party_ids(party: Element | None) -> list[str]:
    """Everything that may name a party, the surest first."""
    return list(_texts(party, _PARTY))


def account_ids(account: Element | None) -> list[str]:
    """Everything that may name an account."""
    return list(_texts(account, _ACCOUNT))


def security_ids(instrument: Element) -> list[str]:
    """Everything that may name a security: its ISIN, other codes, its description."""
    return list(_texts(instrument, ("ISIN", "OthrId/Id", "Desc")))


def date_text(choice: Element | None) -> str:
    """The date or time of a choice between both; empty where it is a code."""
    return choice.at("Dt", "DtTm") if choice is not None else ""


def money(amount: Element, context: Context) -> tuple[str, int]:
    """The currency of an amount, and its minor units."""
    currency = amount.attributes.get("Ccy", "")
    if not currency:
        amount.refuse("has no attribute Ccy")
    exponent = exponent_of(f"{amount.name}/@Ccy", currency, context)
    return currency, parse_amount(amount.name, amount.text, exponent)


def direction(indicator: Element) -> int:
    """1 for a credit, -1 for a debit."""
    if indicator.text not in ("CRDT", "DBIT"):
        raise InvalidValue(indicator.name, shown(indicator.text), "CRDT or DBIT is wanted")
    return 1 if indicator.text == "CRDT" else -1


def units(quantity: Element) -> int:
    """Whole units, however many choices the element wraps them in; a face amount is no number of units."""
    place = quantity
    while (inner := place.find("Qty")) is not None:
        place = inner
    unit = place.find("Unit")
    if unit is None:
        said = place.children[0] if place.children else place
        raise InvalidValue(said.name, shown(said.text), "a quantity in units (Unit) is wanted")
    return parse_quantity("Unit", unit.text)
