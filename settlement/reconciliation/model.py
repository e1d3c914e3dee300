"""The words of reconciliation: sides, levels, kinds of breaks with their ISO reasons, and what is found.

A *break* is a difference between what two sides have, each with its reason; it is a value, not an error.
*Here* is the side that is held against the ledger, a book or a statement; *there* is the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Literal

Level = Literal["trade", "position", "cash", "revenue"]
Side = Literal["book", "ledger", "bank", "custodian"]


class Kind(StrEnum):
    """What is wrong. Of fields that differ at once the first in this order names the break."""

    AMBIGUOUS = "ambiguous"
    """Entries without a number that several others fit equally well; none was picked."""
    DUPLICATE = "duplicate"
    MISSING_HERE = "missing_here"
    """The ledger has it; the side held against it does not."""
    MISSING_THERE = "missing_there"
    MERGED = "merged"
    """Several trades are one entry here."""
    SPLIT = "split"
    """One trade is several entries here, which do not come to it."""
    NUMBER = "number"
    """All fields agree, under another trade number."""
    CURRENCY = "currency"
    SECURITY = "security"
    WRONG_SIDE = "wrong_side"
    """Bought for sold."""
    COUNTERPARTY = "counterparty"
    QUANTITY = "quantity"
    AMOUNT = "amount"
    PRICE = "price"
    DATE = "date"
    """Another trading day or settlement date."""
    LATE = "late"
    """Settled here, but on a later day than there."""
    TIME = "time"
    FEE = "fee"
    """Commission or levy."""
    SHARE = "share"
    """A revenue share."""
    OPENING = "opening"
    MOVEMENTS = "movements"
    CLOSING = "closing"
    ARITHMETIC = "arithmetic"
    """Opening and movements of one side do not come to its closing."""


REASONS: Mapping[Kind, str] = {
    Kind.AMBIGUOUS: "CMIS",
    Kind.DUPLICATE: "CMIS",
    Kind.MISSING_HERE: "CMIS",
    Kind.MISSING_THERE: "CMIS",
    Kind.MERGED: "DQUA",
    Kind.SPLIT: "DQUA",
    Kind.NUMBER: "CMIS",
    Kind.CURRENCY: "NCRR",
    Kind.SECURITY: "DSEC",
    Kind.WRONG_SIDE: "CMIS",
    Kind.COUNTERPARTY: "CMIS",
    Kind.QUANTITY: "DQUA",
    Kind.AMOUNT: "DMON",
    Kind.PRICE: "DMON",
    Kind.DATE: "DDAT",
    Kind.LATE: "LATE",
    Kind.TIME: "DDAT",
    Kind.FEE: "DMON",
    Kind.SHARE: "DMON",
}
"""ISO 20022 reason codes of unmatched instructions, the nearest where there is no exact one. Of balances
(opening, movements, closing, arithmetic) it is DQUA for securities and DMON for money.
"""

NAMED: Mapping[str, Kind] = {
    "currency": Kind.CURRENCY,
    "security": Kind.SECURITY,
    "buyer": Kind.COUNTERPARTY,
    "seller": Kind.COUNTERPARTY,
    "quantity": Kind.QUANTITY,
    "settlement_amount": Kind.AMOUNT,
    "price": Kind.PRICE,
    "trading_day": Kind.DATE,
    "settlement_date": Kind.DATE,
    "time": Kind.TIME,
    "commission": Kind.FEE,
    "levy": Kind.FEE,
}
"""Field of a trade that differs → the kind that it makes; in this order the first names the break."""
MONEY = frozenset({"settlement_amount", "commission", "levy"})
"""Fields of a trade that are minor units."""


def reason_of(kind: Kind, level: Level) -> str:
    """The ISO reason of a break."""
    if kind in REASONS:
        return REASONS[kind]
    return "DQUA" if level == "position" else "DMON"


def share_line(payer: str, receiver: str) -> str:
    """The line of revenue that is one institution's share of another's commission."""
    return f"share {payer} → {receiver}"


Values = Mapping[Side, object]
"""What each side has of a field; a side that has nothing of it has None, one that was not asked is left out.
"""


@dataclass(frozen=True, slots=True)
class Cause:
    """What may have made a break, and the entry that would mend it."""

    code: str
    """`swapped_digits`, `sign`, `unit`, `gross_of_fee`, `booked_together`, …"""
    said: str
    """One sentence, with the numbers."""
    mend: Mapping[str, object]
    """The entry that would mend it: `action` (replace, add, remove, split), `side`, `trade`, the fields."""


@dataclass(frozen=True, slots=True)
class Break:
    """One difference. Amounts are minor units, quantities whole units."""

    institution: str
    level: Level
    kind: Kind
    subject: str
    """The trade as its file names it, the asset's code, or the line of revenue."""
    fields: Mapping[str, Values]
    value_at_risk: int
    """Minor units of the settlement currency."""
    trading_day: date | None = None
    """Of a trade."""
    numbers: tuple[int, ...] = ()
    """The venue's numbers of the trades concerned, of one trading day."""
    lines: tuple[int, ...] = ()
    """Of the source."""
    sides: tuple[Side, ...] = ("book", "ledger")
    """Those that were held against each other."""
    odd: Side | None = None
    """The one that stands alone against two that agree."""
    candidates: tuple[str, ...] = ()
    """Other trades that it is about: of what is ambiguous, merged or split."""
    causes: tuple[Cause, ...] = ()
    shelf: bool = False
    """Whether the book is what the ledger keeps of the institution's records, not one that it brought."""

    @property
    def reason(self) -> str:
        """The ISO reason code."""
        return reason_of(self.kind, self.level)


@dataclass(frozen=True, slots=True)
class Compared:
    """What was held against what, so that silence is evidence: how many of each."""

    books: int = 0
    trades: int = 0
    positions: int = 0
    cash: int = 0
    revenue: int = 0
    statements: int = 0

    def __add__(self, other: Compared) -> Compared:
        pairs = ((getattr(self, name), getattr(other, name)) for name in self.__slots__)
        return Compared(*(a + b for a, b in pairs))


@dataclass(frozen=True, slots=True)
class Refused:
    """A row of a source that could not be read, or (line 0) a whole source; the others went on."""

    source: str
    line: int
    field: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one reconciliation."""

    breaks: tuple[Break, ...]
    pending: tuple[Break, ...]
    """What only waits: the cut-off of the side that lacks it has not come."""
    compared: Compared
    refused: tuple[Refused, ...] = ()
    sources: tuple[Mapping[str, object], ...] = field(default=())
    """Each source: `source`, `side`, `institution`, `format`, `rows`, `tolerances`."""
