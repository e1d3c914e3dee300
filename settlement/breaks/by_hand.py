"""Entries that a person writes to correct a book: `quantity=510`, `settlement_amount=4290.00`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ledger.errors import InvalidValue
from ledger.units import parse_minor
from settlement.breaks.corrections import FIELDS, NAMES
from settlement.reconciliation.entries import PRICE_DECIMALS
from settlement.reconciliation.model import MONEY, Break

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")


def entry_of(found: Break, action: str, values: Sequence[str], exponent: int) -> dict[str, Any]:
    """The entry that sets these fields of a break's trade; of those that differ it says what they were. One
    that is added has besides them what the ledger has of it.

    Money is in currency units with at most `exponent` decimals, or with `_minor` behind its name in minor
    units. Raises InvalidValue.
    """
    entry: dict[str, Any] = {"action": action, "side": "book"}
    if action == "add":
        entry |= _of_ledger(found)
    else:
        entry["trade"] = found.subject
    for given in values:
        name, equals, text = given.partition("=")
        name, text = name.strip(), text.strip()
        if not equals or not text:
            raise InvalidValue("field", given, "a field and its value are wanted, as quantity=510")
        if name.endswith("_minor"):
            entry[name.removesuffix("_minor")] = text
        else:
            entry[name] = _value(name, text, exponent)
    was = {
        name: there["book"]
        for name, there in found.fields.items()
        if name in FIELDS and name in entry and there.get("book") is not None
    }
    return entry | ({"was": was} if was and action == "replace" else {})


def _of_ledger(found: Break) -> dict[str, Any]:
    """What a break says that the ledger has of a trade that the book lacks."""
    entry = {
        name: values["ledger"]
        for name, values in found.fields.items()
        if name in FIELDS and values.get("ledger") is not None
    }
    if found.trading_day:
        entry.setdefault("trading_day", found.trading_day)
    if len(found.numbers) == 1:
        entry.setdefault("trade_number", found.numbers[0])
    return entry


def _value(name: str, text: str, exponent: int) -> object:
    if name in MONEY:
        return parse_minor(text.replace(",", ""), exponent)
    if name == "price":
        return parse_minor(text.replace(",", ""), PRICE_DECIMALS)
    if name == "time" and (clock := _CLOCK.fullmatch(text)):
        hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        return hours * 3600 + minutes * 60 + seconds
    return text if name in NAMES else text.replace(",", "")
