"""The rows of a file that are plain and right, a column at a time.

Nothing is refused here. A row that has a fault, or is only written in an unusual way, is left to be read by
itself; see `settlement.intake.cells`.
"""

from __future__ import annotations

import datetime as dt
import re

import numpy as np

from ledger.ids import LOCAL_CODE_PATTERN
from ledger.units import MAX_TRADE_NO
from settlement.intake.cells import Cells, Codes
from settlement.intake.columns import Columns
from settlement.intake.format import QUANTITY_DIGITS, Format
from settlement.intake.lines import Lines
from settlement.scenario import Scenario

_LARGEST = 2**63 - 1
_CODE = re.compile(LOCAL_CODE_PATTERN)


def security_codes(scenario: Scenario) -> Codes:
    """The securities that rows may have: those listed, or any that come."""
    currency = scenario.cash.currency
    if scenario.securities.listing == "listed":
        return Codes(code for code in scenario.securities.codes if code != currency)
    return Codes((), lambda code: code != currency and _CODE.fullmatch(code) is not None)


def vouched(lines: Lines, form: Format, scenario: Scenario, day: dt.date, securities: Codes) -> Columns:
    """The rows that are right for all that a row shows by itself, in the order of the file."""
    brokers = Codes(scenario.brokers)
    parts = [
        _read(
            Cells(lines, first, last, len(form.form.fields)),
            form,
            scenario.exponent,
            day,
            brokers,
            securities,
        )
        for first, last in lines.blocks(1)
    ]
    return Columns.joined(parts)


def _read(
    cells: Cells, form: Format, exponent: int, day: dt.date, brokers: Codes, securities: Codes
) -> Columns:
    place = {field.name: index for index, field in enumerate(form.form.fields)}
    names = form.names
    number, time = form.identify(cells, day)
    buyer = cells.code(place[names.buyer], brokers)
    seller = cells.code(place[names.seller], brokers)
    decimals = max(form.price_decimals, exponent)
    quantity = cells.whole(place[names.quantity], QUANTITY_DIGITS)
    price = cells.decimal(place[names.price], form.price_decimals, decimals)
    amount = cells.decimal(place[names.amount], exponent, exponent)
    finer = 10 ** (decimals - exponent)
    right = (number > 0) & (number <= MAX_TRADE_NO) & (quantity > 0) & (price > 0) & (amount > 0)
    right &= (quantity <= _LARGEST // np.maximum(price, 1)) & (amount <= _LARGEST // finer)
    right &= quantity * price == amount * finer
    cells.sound &= right
    security = cells.code(place[names.security], securities)
    kept = cells.sound
    return Columns(
        row=cells.row[kept],
        number=number[kept],
        time=time[kept],
        buyer=buyer[kept],
        seller=seller[kept],
        security=security[kept],
        quantity=quantity[kept].astype(np.uint64),
        amount=amount[kept],
    )
