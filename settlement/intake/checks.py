"""From well-formed rows to trades: what the fields of those rows mean that are read by themselves.

A row is refused for the first of its faults, in this order: trading day, number, buyer, seller,
security, quantity, price, amount, amount against quantity times price. Only refused rows cost a
step of Python each; no product can wrap around (see `ledger.units.exact`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ledger.errors import InvalidValue
from ledger.ids import day_number, parse_day_number
from ledger.units import MAX_AMOUNT, MAX_QUANTITY, MAX_TRADE_NO, TIME_UNKNOWN, Column, exact, format_minor
from settlement.intake.cells import Codes, Mask
from settlement.intake.columns import Columns
from settlement.intake.format import Format
from settlement.intake.rows import shown
from settlement.model import Reject
from settlement.scenario import Scenario


def accept(
    rows: Sequence[tuple[str, ...]],
    numbers: Sequence[int],
    form: Format,
    scenario: Scenario,
    day: dt.date,
    securities: Codes,
) -> tuple[Columns, list[Reject]]:
    """The right ones among well-formed rows, `numbers` being their places in the file, and the refused."""
    return _Checks(rows, np.array(numbers, dtype=np.int64), form, scenario, day).run(securities)


class _Checks:
    """The columns of some rows of a file and which of them have been refused so far."""

    def __init__(
        self,
        rows: Sequence[tuple[str, ...]],
        numbers: npt.NDArray[np.int64],
        form: Format,
        scenario: Scenario,
        day: dt.date,
    ) -> None:
        self.rows, self.numbers, self.form, self.scenario, self.day = rows, numbers, form, scenario, day
        columns = list(zip(*rows, strict=True)) or [()] * len(form.form.fields)
        self.texts = form.texts(columns)
        self.position = {field.name: index for index, field in enumerate(form.form.fields)}
        self.refused: Mask = np.zeros(len(rows), dtype=np.bool_)
        self.rejects: list[Reject] = []

    def run(self, securities: Codes) -> tuple[Columns, list[Reject]]:
        names, texts = self.form.names, self.texts
        number = exact([int(text) for text in texts.number])
        self._days()
        self._refuse(number == 0, names.number, "is zero, trade numbers start at 1")
        self._refuse(
            number > MAX_TRADE_NO, names.number, f"is too large for the record: at most {MAX_TRADE_NO:,}"
        )
        buyer = self._brokers(names.buyer, texts.buyer)
        seller = self._brokers(names.seller, texts.seller)
        self._securities()
        quantity, amount = self._values()
        kept = ~self.refused
        codes = [securities.number(texts.security[row]) for row in np.flatnonzero(kept).tolist()]
        columns = Columns(
            row=self.numbers[kept],
            number=number[kept],
            time=self._times()[kept],
            buyer=buyer[kept],
            seller=seller[kept],
            security=np.array(codes, dtype=np.int32),
            quantity=quantity[kept].astype(np.uint64),
            amount=exact(amount[kept]),
        )
        return columns, self.rejects

    def _refuse(self, wrong: Any, field: str, reason: str | Callable[[int], str]) -> None:
        """Refuses the rows that the mask `wrong` picks and that have not been refused already."""
        mask = np.asarray(wrong, dtype=np.bool_) & ~self.refused
        for row in np.flatnonzero(mask).tolist():
            value = self.rows[row][self.position[field]]
            why = reason if isinstance(reason, str) else reason(row)
            self.rejects.append(Reject(int(self.numbers[row]) + 1, field, shown(value), why))
        self.refused |= mask

    def _days(self) -> None:
        wanted = f"{day_number(self.day):08d}"

        def why(row: int) -> str:
            try:
                other = parse_day_number(int(self.texts.day[row]))
            except InvalidValue:
                return "has no calendar day"
            return f"is of another day, {other}: the trading day is {self.day}"

        self._refuse(_mask(text != wanted for text in self.texts.day), self.form.names.day, why)

    def _brokers(self, field: str, texts: Sequence[str]) -> npt.NDArray[np.int32]:
        codes = {name: code for code, name in enumerate(self.scenario.brokers)}
        column = np.fromiter((codes.get(text, -1) for text in texts), dtype=np.int32, count=len(texts))
        others = {institution.name for institution in self.scenario.institutions}

        def why(row: int) -> str:
            known = "an institution but not a broker" if texts[row] in others else "not a broker"
            return f"is {known} of scenario {self.scenario.name}"

        self._refuse(column < 0, field, why)
        return column

    def _securities(self) -> None:
        field, texts, currency = self.form.names.security, self.texts.security, self.scenario.cash.currency
        self._refuse(
            _mask(text == currency for text in texts), field, "is the settlement currency, not a security"
        )
        if self.scenario.securities.listing == "listed":
            listed = frozenset(self.scenario.securities.codes)
            reason = f"is not a listed security of scenario {self.scenario.name}"
            self._refuse(_mask(text not in listed for text in texts), field, reason)

    def _values(self) -> tuple[Column, Column]:
        names, exponent = self.form.names, self.scenario.exponent
        decimals = max(self.form.price_decimals, exponent)
        quantity = exact([int(text) for text in self.texts.quantity])
        price = _scaled(self.texts.price, decimals)
        amount = _scaled(self.texts.amount, exponent)
        self._refuse(quantity == 0, names.quantity, "is zero")
        self._refuse(
            quantity > MAX_QUANTITY, names.quantity, f"is too large for the record: at most {MAX_QUANTITY:,}"
        )
        self._refuse(price == 0, names.price, "is zero")
        self._refuse(amount == 0, names.amount, "is zero")
        largest = format_minor(MAX_AMOUNT, exponent)
        self._refuse(amount > MAX_AMOUNT, names.amount, f"is too large for the record: at most {largest}")
        product = _product(quantity, price)

        def why(row: int) -> str:
            value = format_minor(product[row], decimals).replace(",", "").rstrip("0").rstrip(".")
            return f"is not {names.quantity} times {names.price}: {value}"

        self._refuse(product != _product(amount, exact([10 ** (decimals - exponent)])), names.amount, why)
        return quantity, amount

    def _times(self) -> npt.NDArray[np.uint32]:
        if self.texts.time is None:
            return np.full(len(self.rows), TIME_UNKNOWN, dtype=np.uint32)
        seconds = {text: _seconds(text) for text in set(self.texts.time)}
        return np.array([seconds[text] for text in self.texts.time], dtype=np.uint32)


def _mask(flags: Any) -> Mask:
    return np.fromiter(flags, dtype=np.bool_)


def _scaled(texts: Sequence[str], decimals: int) -> Column:
    """Plain decimal numbers as integers, `decimals` digits of them after the point."""
    values = {text: _scaled_one(text, decimals) for text in set(texts)}
    return exact([values[text] for text in texts])


def _scaled_one(text: str, decimals: int) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(decimals, "0"))


def _product(a: Column, b: Column) -> Column:
    """a * b, in Python ints where int64 could wrap around."""
    fits = a.dtype != object and b.dtype != object
    if fits and a.size and int(a.max()) * int(b.max()) < 2**63:
        wide, times = a, b
    else:
        wide, times = a.astype(object), b.astype(object)
    product: Column = wide * times
    return product


def _seconds(text: str) -> int:
    if not text:
        return TIME_UNKNOWN
    hours, minutes, seconds = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds)
