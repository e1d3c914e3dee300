"""A broker's book from its own side of the trade file.

The file is read with the standard library's CSV reader and decimal numbers, apart from `settlement.intake`,
whose results are what the books are held against. Rows that intake refused are in nobody's book.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal

import numpy as np

from ledger.units import TIME_UNKNOWN, exact
from settlement.books import Book
from settlement.model import Trades
from settlement.scenario import Scenario

_EXACT = Context(prec=60)


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    time: int
    buyer: str
    seller: str
    security: str
    quantity: int
    amount: int
    line: int


def read_books(
    data: bytes, scenario: Scenario, trading_day: date, refused: Collection[int]
) -> dict[str, Book]:
    """Each broker's book of the day, from the bytes of the trade file; `refused` are line numbers.

    Every broker of the scenario has one, an empty one where it did not trade.
    """
    own: dict[str, list[_Row]] = {broker: [] for broker in scenario.brokers}
    for row in _rows(data, scenario, frozenset(refused)):
        for party in dict.fromkeys((row.buyer, row.seller)):
            own[party].append(row)
    return {broker: Book(broker, _trades(rows, scenario, trading_day)) for broker, rows in own.items()}


def _rows(data: bytes, scenario: Scenario, refused: frozenset[int]) -> Iterable[_Row]:
    lines = data.decode("utf-8-sig", errors="replace").split("\n")
    header = next(csv.reader([lines[0].rstrip("\r")]))
    for number, line in enumerate(lines[1:], start=2):
        text = line.rstrip("\r")
        if number in refused or not text:
            continue
        values = dict(zip(header, next(csv.reader([text])), strict=True))
        yield (_nepse if scenario.format == "nepse" else _canonical)(values, scenario.exponent, number)


def _nepse(values: Mapping[str, str], exponent: int, line: int) -> _Row:
    return _Row(
        number=int(values["Contract_No"][8:]),
        time=TIME_UNKNOWN,
        buyer=values["Buyer_Broker"],
        seller=values["Seller_Broker"],
        security=values["Stock_Symbol"],
        quantity=int(values["Quantity"]),
        amount=_minor(values["Amount"], exponent),
        line=line,
    )


def _canonical(values: Mapping[str, str], exponent: int, line: int) -> _Row:
    clock = values["trade_time"].split(":") if values["trade_time"] else None
    return _Row(
        number=int(values["trade_no"]),
        time=TIME_UNKNOWN if clock is None else int(clock[0]) * 3600 + int(clock[1]) * 60 + int(clock[2]),
        buyer=values["buyer"],
        seller=values["seller"],
        security=values["security"],
        quantity=int(values["quantity"]),
        amount=_minor(values["settlement_amount"], exponent),
        line=line,
    )


def _minor(text: str, exponent: int) -> int:
    return int(_EXACT.scaleb(Decimal(text), exponent).to_integral_exact(context=_EXACT))


def _trades(rows: list[_Row], scenario: Scenario, trading_day: date) -> Trades:
    parties = {name: i for i, name in enumerate(scenario.brokers)}
    securities = {code: i for i, code in enumerate(dict.fromkeys(row.security for row in rows))}
    return Trades(
        trading_day=trading_day,
        parties=tuple(parties),
        securities=tuple(securities),
        number=np.array([row.number for row in rows], dtype=np.uint32),
        time=np.array([row.time for row in rows], dtype=np.uint32),
        buyer=np.array([parties[row.buyer] for row in rows], dtype=np.int32),
        seller=np.array([parties[row.seller] for row in rows], dtype=np.int32),
        security=np.array([securities[row.security] for row in rows], dtype=np.int32),
        quantity=np.array([row.quantity for row in rows], dtype=np.uint64),
        amount=exact([row.amount for row in rows]),
        line=np.array([row.line for row in rows], dtype=np.int64),
    )
