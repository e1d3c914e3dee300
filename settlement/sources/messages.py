"""What readers of messages share: whose name an id is, which number an id has, exact values from text.

A value that cannot be read raises InvalidValue, with the field, the text and the reason; whoever reads a
message turns it into a refused row and goes on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ledger.errors import InvalidValue
from ledger.ids import currency_exponent, day_number, parse_day_number
from ledger.units import MAX_AMOUNT, MAX_QUANTITY, MAX_TRADE_NO, TIME_UNKNOWN
from settlement.reconciliation.entries import NO_NUMBER, Entries
from settlement.reconciliation.model import Refused
from settlement.sources import Context
from settlement.sources.errors import DayOther

BY_DAY = "{day}{number:08}"
"""How messages name a trade whose id begins with its trading day."""

_DECIMAL = re.compile(r"([+-]?)([0-9]{0,40})(?:\.([0-9]{0,40}))?")
_DIGITS = re.compile("[0-9]+")
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(Z|[+-][0-9]{2}:[0-9]{2})?")
_DATE_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]{1,12})?(Z|[+-][0-9]{2}:[0-9]{2})?"
)


@dataclass(frozen=True, slots=True)
class Names:
    """The ledger's names of one sort, and what a mapping says that other ids mean."""

    known: frozenset[str]
    renamed: Mapping[str, str]

    @classmethod
    def of(cls, known: Iterable[str], mapping: object | None, attribute: str) -> Names:
        """Those of the context; `mapping.institutions` or `mapping.securities` renames, where it is there."""
        renamed = getattr(mapping, attribute, None)
        return cls(frozenset(known), renamed if isinstance(renamed, Mapping) else {})

    def pick(self, ids: Sequence[str]) -> str:
        """The name that the ids mean: of the first that is mapped, else the first that the ledger knows, else
        the first as it is; empty where there is none.
        """
        for each in ids:
            if each in self.renamed:
                return self.renamed[each]
        return next((each for each in ids if each in self.known), ids[0] if ids else "")


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as a message has it; the fields are those of Entries, names in words."""

    number: int
    day: int
    settles: int
    time: int
    buyer: str
    seller: str
    security: str
    currency: str
    quantity: int
    amount: int
    price: int
    line: int
    commission: int | None = None
    levy: int | None = None
    with_day: bool = field(default=False, compare=False)
    """Whether the message names the trade by its day and eight digits, as a contract of NEPSE."""


def entries_of(rows: Sequence[Row]) -> Entries:
    """The rows as columns. Commission and levy are there if every row says them; trades are named with their
    day if all that have a number are.
    """
    places: dict[str, dict[str, int]] = {"party": {}, "security": {}, "currency": {}}

    def codes(table: str, names: Iterable[str]) -> np.ndarray[Any, Any]:
        found = places[table]
        listed = [found.setdefault(name, len(found)) if name else -1 for name in names]
        return np.array(listed, dtype=np.int32)

    columns: dict[str, Any] = {
        "buyer": codes("party", (row.buyer for row in rows)),
        "seller": codes("party", (row.seller for row in rows)),
        "security": codes("security", (row.security for row in rows)),
        "currency": codes("currency", (row.currency for row in rows)),
    }
    for name in ("number", "day", "settles", "time", "quantity", "amount", "price", "line"):
        columns[name] = [getattr(row, name) for row in rows]
    for name in ("commission", "levy"):
        values = [getattr(row, name) for row in rows]
        columns[name] = values if rows and None not in values else None
    tables = {"parties": "party", "securities": "security", "currencies": "currency"}
    if all(row.with_day for row in rows if row.number != NO_NUMBER):
        columns["naming"] = BY_DAY
    columns |= {name: tuple(places[table]) for name, table in tables.items()}
    return Entries(**columns)


def parse_exact(field: str, text: str, decimals: int) -> int:
    """The decimal `text`, a sign allowed, in units of 10^-decimals, exact. Zeros at its end may be more."""
    match = _DECIMAL.fullmatch(text)
    if match is None or not (match.group(2) or match.group(3)):
        raise InvalidValue(field, shown(text), "a decimal number is wanted, as 1250.50")
    sign, whole, fraction = match.group(1), match.group(2), (match.group(3) or "").rstrip("0")
    if len(fraction) > decimals:
        most = f"at most {decimals} decimals can be held" if decimals else "whole units are wanted"
        raise InvalidValue(field, shown(text), most)
    value = int((whole or "0") + fraction.ljust(decimals, "0"))
    return -value if sign == "-" else value


def parse_quantity(field: str, text: str) -> int:
    """Whole units of a security."""
    value = parse_exact(field, text, 0)
    if abs(value) > MAX_QUANTITY:
        raise InvalidValue(field, shown(text), f"at most {MAX_QUANTITY} units can be held")
    return value


def parse_amount(field: str, text: str, exponent: int) -> int:
    """Currency units as minor units of a currency with so many decimals."""
    value = parse_exact(field, text, exponent)
    if abs(value) > MAX_AMOUNT:
        raise InvalidValue(field, shown(text), f"at most {MAX_AMOUNT} minor units can be held")
    return value


def exponent_of(field: str, currency: str, context: Context) -> int:
    """The decimals of a message's currency; the context says those of its own."""
    if currency == context.currency:
        return context.exponent
    try:
        return currency_exponent(currency)
    except InvalidValue:
        raise InvalidValue(field, shown(currency), 'an ISO 4217 currency is wanted, as "EUR"') from None


def parse_date(field: str, text: str) -> int:
    """An ISO 8601 date, or the date of an ISO 8601 time, as yyyymmdd."""
    match = _DATE.fullmatch(text) or _DATE.match(_DATE_TIME.sub(r"\1", text) if "T" in text else "")
    if match is None or ("T" in text and not _DATE_TIME.fullmatch(text)):
        raise InvalidValue(field, shown(text), "a date is wanted, as 2019-11-21")
    return checked_day(field, text, int("".join(match.group(1, 2, 3))))


def checked_day(field: str, text: str, number: int) -> int:
    """`number` if the calendar has that day."""
    try:
        return day_number(parse_day_number(number))
    except InvalidValue:
        raise InvalidValue(field, shown(text), "the calendar has no such day") from None


def parse_clock(text: str) -> int:
    """Seconds of the day that an ISO 8601 time says in the venue's own time, which has an offset or none;
    TIME_UNKNOWN where it says UTC or no time at all: the ledger's times are the venue's.
    """
    match = _DATE_TIME.fullmatch(text)
    if match is None or match.group(5) == "Z":
        return TIME_UNKNOWN
    hour, minute, second = (int(part) for part in match.group(2, 3, 4))
    return hour * 3600 + minute * 60 + second if hour < 24 and minute < 60 and second < 60 else TIME_UNKNOWN


def number_of(text: str, day: int, strict: bool = False) -> int:
    """The venue's trade number in an id, or NO_NUMBER.

    An id has a number if digits stand in one place only, which may begin with the trading day and be 16 long,
    as in "2019112100000012"; the day may also stand apart, as in "NEPSE-20191121-12". `strict` takes only ids
    of nothing but digits: those that another than the venue gives.
    """
    if strict and not (text.isascii() and text.isdigit()):
        return NO_NUMBER
    runs = _DIGITS.findall(text)
    if len(runs) == 2 and runs[0] == f"{day:08}":
        runs = runs[1:]
    if len(runs) != 1:
        return NO_NUMBER
    digits = runs[0]
    if len(digits) == 16 and digits.startswith(f"{day:08}"):
        digits = digits[8:]
    number = int(digits) if len(digits) <= 20 else MAX_TRADE_NO + 1
    return number if 0 < number <= MAX_TRADE_NO else NO_NUMBER


def has_day(text: str, day: int) -> bool:
    """Whether an id is the trading day and eight digits."""
    return len(text) == 16 and text.isascii() and text.isdigit() and text.startswith(f"{day:08}")


def refused(source: str, line: int, error: InvalidValue) -> Refused:
    """The row that a value made unreadable."""
    return Refused(source, line, error.what, str(error.value), error.reason)


def check_days(name: str, days: Iterable[int], asked: int) -> None:
    """Refuse a source that has something, but nothing of the day that is asked for."""
    found = sorted(set(days))
    if asked and found and asked not in found:
        days_found = [parse_day_number(day).isoformat() for day in found]
        raise DayOther(name, days_found, parse_day_number(asked).isoformat())


def shown(text: str, most: int = 60) -> str:
    """Text of a message as it may be printed: no control characters, not longer than a line."""
    plain = "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text[: most + 1])
    return plain if len(text) <= most else plain[:most] + "…"
