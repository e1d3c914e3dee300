"""Trades as the planter has them, read from a trade file and written as an institution's book.

Forms: `nepse` and `canonical` are the market's own columns; `parquet` is the canonical ones; `mapped` is side
and counterparty with trade numbers, currency, settlement date and commission, in a file of semicolons with a
mapping; `unnumbered` is the same without trade numbers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

PPM = 1_000_000
MINOR = 100
"""Minor units of a currency unit."""
NEPSE = ["S.N", "Contract_No", "Stock_Symbol", "Buyer_Broker", "Seller_Broker", "Quantity", "Rate", "Amount"]
NEPSE += ["Date"]
CANONICAL = ["trade_no", "trade_date", "trade_time", "buyer", "seller", "security", "quantity", "price"]
CANONICAL += ["settlement_amount"]
SIDE = "Side"
MAPPED = ["Ref", "Day", SIDE, "Against", "Paper", "Units", "Each", "Total", "Money", "Value day", "Fee"]

Tiers = Sequence[tuple[int | None, int]]
"""Up to and including so many minor units (None: any), the rate in ppm; a tier is of the whole amount."""


class Form(StrEnum):
    """How a book is written."""

    NEPSE = "nepse"
    CANONICAL = "canonical"
    PARQUET = "parquet"
    MAPPED = "mapped"
    UNNUMBERED = "unnumbered"


MARKET_FORMS = frozenset({Form.NEPSE, Form.CANONICAL, Form.PARQUET})
MAPPED_FORMS = frozenset({Form.MAPPED, Form.UNNUMBERED})


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A trade as one side has it; two rows are the same only if they are one object.

    Days are yyyymmdd, time is seconds of the day or None, price millionths of a currency unit, the amount
    and the commission, which is the owner's, minor units.
    """

    number: int
    day: int
    time: int | None
    buyer: str
    seller: str
    security: str
    quantity: int
    price: int
    amount: int
    currency: str
    settles: int
    commission: int = 0

    def values(self) -> dict[str, object]:
        """By the field's name in `settlement.reconciliation.model.NAMED`."""
        return {
            "currency": self.currency,
            "security": self.security,
            "buyer": self.buyer,
            "seller": self.seller,
            "quantity": self.quantity,
            "settlement_amount": self.amount,
            "price": self.price,
            "trading_day": self.day,
            "settlement_date": self.settles,
            "time": self.time,
            "commission": self.commission,
        }

    def like(self) -> tuple[object, ...]:
        """All that a row says besides its number."""
        return tuple(self.values().values())

    def parties(self) -> tuple[str, str, str]:
        """Security, buyer and seller."""
        return self.security, self.buyer, self.seller

    def other(self, owner: str) -> str:
        """The counterparty of `owner`."""
        return self.seller if self.buyer == owner else self.buyer


@dataclass(frozen=True)
class Day:
    """A trade file: the market's format, its trades in the file's order, and what it charges."""

    format: Form
    rows: tuple[Row, ...]
    tiers: Tiers

    @cached_property
    def brokers(self) -> list[str]:
        """All that traded."""
        return sorted({name for row in self.rows for name in (row.buyer, row.seller)})

    @cached_property
    def securities(self) -> list[str]:
        """All that were traded."""
        return sorted({row.security for row in self.rows})

    @cached_property
    def owners(self) -> dict[str, list[Row]]:
        """The trades of each broker with its commission, of both sides where it is on both."""
        found: dict[str, list[Row]] = {name: [] for name in self.brokers}
        for row in self.rows:
            for owner in dict.fromkeys((row.buyer, row.seller)):
                sides = (row.buyer, row.seller).count(owner)
                found[owner].append(altered(row, commission=self.commission(row.amount) * sides))
        return found

    def commission(self, amount: int) -> int:
        """Of one side, rounded down to the minor unit."""
        rate = next(rate for up_to, rate in self.tiers if up_to is None or amount <= up_to)
        return amount * rate // PPM

    def name(self, row: Row) -> str:
        """The trade as the market's files name it."""
        return f"{row.day}{row.number:08d}" if self.format is Form.NEPSE else str(row.number)


def altered(row: Row, **changed: Any) -> Row:
    """Another row with some fields changed."""
    fields = {name: getattr(row, name) for name in Row.__slots__}
    return Row(**fields | changed)


def read_day(data: bytes, currency: str, tiers: Tiers) -> Day:
    """A trade file in the nepse or canonical format, of a currency with two decimals, settled T+0."""
    text = list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))
    if "Contract_No" in text[0]:
        return Day(Form.NEPSE, tuple(_nepse(each, currency) for each in text), tiers)
    return Day(Form.CANONICAL, tuple(_canonical(each, currency) for each in text), tiers)


def _nepse(each: Mapping[str, str], currency: str) -> Row:
    day = int(each["Contract_No"][:8])
    return Row(
        number=int(each["Contract_No"][8:]),
        day=day,
        time=None,
        buyer=each["Buyer_Broker"],
        seller=each["Seller_Broker"],
        security=each["Stock_Symbol"],
        quantity=int(each["Quantity"]),
        price=_scaled(each["Rate"], 6),
        amount=_scaled(each["Amount"], 2),
        currency=currency,
        settles=day,
    )


def _canonical(each: Mapping[str, str], currency: str) -> Row:
    day = int(each["trade_date"].replace("-", ""))
    hours, minutes, seconds = (int(part) for part in each["trade_time"].split(":"))
    return Row(
        number=int(each["trade_no"]),
        day=day,
        time=hours * 3600 + minutes * 60 + seconds,
        buyer=each["buyer"],
        seller=each["seller"],
        security=each["security"],
        quantity=int(each["quantity"]),
        price=_scaled(each["price"], 6),
        amount=_scaled(each["settlement_amount"], 2),
        currency=currency,
        settles=day,
    )


def _scaled(text: str, decimals: int) -> int:
    whole, _, part = text.partition(".")
    return int(whole + part.ljust(decimals, "0"))


def price_text(price: int, least: int = 2) -> str:
    """Millionths as a decimal with at least so many decimals."""
    part = f"{price % PPM:06d}".rstrip("0").ljust(least, "0")
    return f"{price // PPM}.{part}"


def money_text(amount: int) -> str:
    """Minor units as a decimal."""
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // MINOR}.{abs(amount) % MINOR:02d}"


def day_text(day: int) -> str:
    """yyyymmdd as YYYY-MM-DD."""
    return f"{day // 10_000:04d}-{day // 100 % 100:02d}-{day % 100:02d}"


def cells(form: Form, row: Row, place: int, owner: str) -> list[str]:
    """A row of a book as text; `place` is its place in the file."""
    if form is Form.NEPSE:
        contract = f"{row.day}{row.number:08d}"
        parties = [row.security, row.buyer, row.seller]
        figures = [str(row.quantity), price_text(row.price, 0).rstrip("."), money_text(row.amount)]
        return [str(place), contract, *parties, *figures, f"{day_text(row.day)} 15:05:59.381544"]
    if form in MARKET_FORMS:
        time = row.time
        clock = "" if time is None else f"{time // 3600:02d}:{time // 60 % 60:02d}:{time % 60:02d}"
        parties = [row.buyer, row.seller, row.security]
        figures = [str(row.quantity), price_text(row.price), money_text(row.amount)]
        return [str(row.number), day_text(row.day), clock, *parties, *figures]
    figures = [str(row.quantity), price_text(row.price), money_text(row.amount), row.currency]
    dealt = ["B" if row.buyer == owner else "S", row.other(owner), row.security]
    number = [str(row.number)] if form is Form.MAPPED else []
    return [*number, day_text(row.day), *dealt, *figures, day_text(row.settles), money_text(row.commission)]


def header(form: Form) -> list[str]:
    """The names of a book's columns."""
    if form is Form.NEPSE:
        return NEPSE
    if form in MARKET_FORMS:
        return CANONICAL
    return MAPPED if form is Form.MAPPED else MAPPED[1:]
