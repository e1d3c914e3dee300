"""The `nepse` format: the floor sheet of the Nepal Stock Exchange, one file a trading day.

    S.N,Contract_No,Stock_Symbol,Buyer_Broker,Seller_Broker,Quantity,Rate,Amount,Date

- `S.N` numbers the rows as they were collected and identifies nothing; any text is taken.
- `Contract_No` is the trading day as yyyymmdd and eight digits, which as a number are the trade's.
- `Stock_Symbol` is the security, `Buyer_Broker` and `Seller_Broker` are the exchange's own numbers.
- `Quantity` is whole units. `Rate` has up to two decimals. `Amount` is their product, exactly.
- `Date` is when the row was collected, not when the trade was done; any text is taken.

There is no time of day; the running number gives the order.
"""

from __future__ import annotations

import datetime as dt
import re

import numpy as np
import numpy.typing as npt

from ledger.ids import day_number
from ledger.units import TIME_UNKNOWN
from settlement.intake.cells import Cells, Whole
from settlement.intake.format import QUANTITY_DIGITS, Format, Meaning, Texts
from settlement.intake.rows import Field, RowForm, code_field, free_field, number_field

NAME = "nepse"
RATE_DECIMALS = 2

_CONTRACT = re.compile("[0-9]{16}")


def of_exponent(exponent: int) -> Format:
    """The format, for a currency with so many decimals."""
    form = RowForm(
        (
            free_field("S.N"),
            Field("Contract_No", _CONTRACT.pattern, _CONTRACT.pattern, _explain_contract),
            code_field("Stock_Symbol"),
            code_field("Buyer_Broker"),
            code_field("Seller_Broker"),
            number_field("Quantity", QUANTITY_DIGITS),
            number_field("Rate", 27, RATE_DECIMALS),
            number_field("Amount", 27, exponent),
            free_field("Date"),
        )
    )
    names = Meaning(
        number="Contract_No",
        day="Contract_No",
        buyer="Buyer_Broker",
        seller="Seller_Broker",
        security="Stock_Symbol",
        quantity="Quantity",
        price="Rate",
        amount="Amount",
    )
    return Format(NAME, form, names, RATE_DECIMALS, _texts, _day, _identify)


def _day(row: tuple[str, ...]) -> str | None:
    return row[1][:8] if _CONTRACT.fullmatch(row[1]) else None


def _identify(cells: Cells, day: dt.date) -> tuple[Whole, npt.NDArray[np.uint32]]:
    number = cells.whole_after(1, f"{day_number(day):08d}", 8)
    return number, np.full(len(number), TIME_UNKNOWN, dtype=np.uint32)


def _texts(columns: list[tuple[str, ...]]) -> Texts:
    _, contract, security, buyer, seller, quantity, rate, amount, _ = columns
    return Texts(
        number=[text[8:] for text in contract],
        day=[text[:8] for text in contract],
        time=None,
        buyer=buyer,
        seller=seller,
        security=security,
        quantity=quantity,
        price=rate,
        amount=amount,
    )


def _explain_contract(value: str) -> str:
    return "is empty" if not value else "is not a trading day as yyyymmdd with eight digits after it"
