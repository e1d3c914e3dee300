"""In which unit a field of a trade or balance is counted, and its values as text and in JSON. Money and
quantities are integers, of whose digits the text is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal

import numpy as np

from ledger.errors import InvalidValue
from ledger.ids import parse_day_number
from ledger.units import TIME_UNKNOWN, format_minor, format_quantity
from settlement.reconciliation.entries import PRICE_DECIMALS
from settlement.reconciliation.model import MONEY, Level
from settlement.report.wording import plain

Unit = Literal["money", "price", "quantity", "day", "time", "text"]
NOTHING = "nothing"
_UNITS: Mapping[str, Unit] = {
    "quantity": "quantity",
    "price": "price",
    "trading_day": "day",
    "settlement_date": "day",
    "day": "day",
    "date": "day",
    "time": "time",
    **dict.fromkeys(MONEY, "money"),
}
_OF_BALANCES = ("opening", "movements", "movement", "closing")


def unit_of(level: Level, name: str) -> Unit:
    """In what a field of that level is counted; of a balance, in what the balance is of."""
    if name.endswith("_minor"):
        return "money"
    if name in _UNITS:
        return _UNITS[name]
    if level == "trade" or name not in _OF_BALANCES:
        return "text"
    return "quantity" if level == "position" else "money"


def field_words(name: str) -> str:
    """A field's name for people."""
    bare = name.removesuffix("_minor")
    return "amount" if bare == "settlement_amount" else plain(bare.replace("_", " "))


def say(exponent: int, level: Level, name: str, value: object) -> str:
    """One side's value, safe to be shown; of a currency with so many decimals."""
    if value is None:
        return NOTHING
    if isinstance(value, (list, tuple)):
        return ", ".join(say(exponent, level, name, each) for each in value)
    day = day_of(level, name, value)
    if day is not None:
        return day.isoformat()
    number = whole_number(value)
    if number is None:
        return value.hex() if isinstance(value, bytes) else plain(str(value))
    unit = unit_of(level, name)
    if unit == "money":
        return format_minor(number, exponent)
    if unit == "quantity":
        return format_quantity(number)
    if unit == "price":
        return price(number, exponent)
    return clock(number) if unit == "time" else str(number)


def name_json(level: Level, name: str) -> str:
    """The name of a field in JSON: of money it ends in `_minor`."""
    return f"{name}_minor" if unit_of(level, name) == "money" else name


def value_json(level: Level, name: str, value: object) -> object:
    """One side's value in JSON: money and prices as text, days as YYYY-MM-DD, times as HH:MM:SS."""
    day, number = day_of(level, name, value), whole_number(value)
    if day is not None:
        return day.isoformat()
    if number is None:
        return list(value) if isinstance(value, tuple) else value
    unit = unit_of(level, name)
    if unit == "money":
        return str(number)
    if unit == "price":
        return format_minor(number, PRICE_DECIMALS).replace(",", "")
    if unit == "time":
        return None if number == TIME_UNKNOWN else clock(number)
    return number


def whole_number(value: object) -> int | None:
    """The integer that a value is, numpy's among them; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        return None
    return int(value)


def price(millionths: int, decimals: int) -> str:
    """A price of one unit with at least so many decimals, and more only where it has them."""
    if millionths < 0:
        return NOTHING
    whole, fraction = format_minor(millionths, PRICE_DECIMALS).split(".")
    fraction = fraction.rstrip("0").ljust(min(decimals, PRICE_DECIMALS), "0")
    return f"{whole}.{fraction}" if fraction else whole


def clock(seconds: int) -> str:
    """HH:MM:SS of the venue's day."""
    if seconds == TIME_UNKNOWN or not 0 <= seconds < 86_400:
        return "unknown"
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def day_of(level: Level, name: str, value: object) -> date | None:
    """The date that a value is, None where it is none."""
    if isinstance(value, date):
        return value
    number = whole_number(value)
    if number is None or unit_of(level, name) != "day":
        return None
    try:
        return parse_day_number(number)
    except InvalidValue:
        return None
