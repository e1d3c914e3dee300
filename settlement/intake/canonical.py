"""The `canonical` format: the package's own CSV, one file a trading day.

    trade_no,trade_date,trade_time,buyer,seller,security,quantity,price,settlement_amount

- `trade_no`: the venue's number of the trade, 1 to 4,294,967,295, unique within the day.
- `trade_date`: YYYY-MM-DD. `trade_time`: HH:MM:SS of the venue's day, or empty where unknown.
- `buyer`, `seller`: names of brokers of the scenario. They may be the same.
- `security`: an ISIN or a local code, 1 to 31 printable ASCII characters.
- `quantity`: whole units, at least 1. `price`: of one unit, in currency units, up to six decimals.
- `settlement_amount`: quantity times price, exactly, in currency units with the currency's decimals.

UTF-8 with or without byte order mark; lines end with LF or CRLF; a field may be quoted (RFC 4180)
but holds no line break. Numbers are plain digits: no sign, separator, exponent or space.
"""

from __future__ import annotations

import datetime as dt
import re

import numpy as np
import numpy.typing as npt

from settlement.intake.cells import Cells, Whole
from settlement.intake.format import QUANTITY_DIGITS, Format, Meaning, Texts
from settlement.intake.rows import Field, RowForm, code_field, number_field

NAME = "canonical"
PRICE_DECIMALS = 6
NUMBER_DIGITS = 10

_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = "(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])?"


def of_exponent(exponent: int) -> Format:
    """The format, for a currency with so many decimals."""
    form = RowForm(
        (
            number_field("trade_no", NUMBER_DIGITS),
            Field("trade_date", _DAY.pattern, _DAY.pattern, _explain_day),
            Field("trade_time", _TIME, _TIME, lambda _: "is not a time of day as HH:MM:SS"),
            code_field("buyer"),
            code_field("seller"),
            code_field("security"),
            number_field("quantity", QUANTITY_DIGITS),
            number_field("price", 27, PRICE_DECIMALS),
            number_field("settlement_amount", 27, exponent),
        )
    )
    names = Meaning(
        number="trade_no",
        day="trade_date",
        buyer="buyer",
        seller="seller",
        security="security",
        quantity="quantity",
        price="price",
        amount="settlement_amount",
    )
    return Format(NAME, form, names, PRICE_DECIMALS, _texts, _day, _identify)


def _day(row: tuple[str, ...]) -> str | None:
    return row[1].replace("-", "") if _DAY.fullmatch(row[1]) else None


def _identify(cells: Cells, day: dt.date) -> tuple[Whole, npt.NDArray[np.uint32]]:
    cells.is_text(1, day.isoformat())
    return cells.whole(0, NUMBER_DIGITS), cells.clock(2)


def _texts(columns: list[tuple[str, ...]]) -> Texts:
    number, day, time, buyer, seller, security, quantity, price, amount = columns
    return Texts(
        number=number,
        day=[text.replace("-", "") for text in day],
        time=time,
        buyer=buyer,
        seller=seller,
        security=security,
        quantity=quantity,
        price=price,
        amount=amount,
    )


def _explain_day(value: str) -> str:
    return "is empty" if not value else "is not a date as YYYY-MM-DD"
