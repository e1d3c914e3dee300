"""What a statement is made of: lines, each of which explains one amount of one party."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class Kind(StrEnum):
    """What brought a line about."""

    ACCRUAL = "accrual"
    """Commission, in a settlement."""
    RUN = "run"
    """A clause, computed for good once its period has ended; of commission, what its accruals left."""
    CLAWBACK = "clawback"
    """A guarantee was missed: what the party owes, negative."""
    RELEASE = "release"
    """A reserve was released."""


@dataclass(frozen=True, slots=True)
class Line:
    """One party earned (or, negative, owes) `amount_minor`. `exact` is what the formula gives unrounded;
    of a party, `exact - rounding == amount_minor` always.
    """

    agreement_id: int
    version: int
    period: int
    """First month: year * 12 + month - 1."""
    line: int
    """Place of the clause, or behind the clauses of the guarantee, from 0: as the contract counts."""
    kind: Kind
    party: int
    """Index of the institution; the reserve's account is one, too."""
    basis: str
    """In words: "commission on settled trades", "management fee on AUM", …"""
    tier: str
    """The tier and the step that applied, in words: "slab up to 50,000.00 at 20 %; USERS above 1,000,000"."""
    formula: str
    """With its numbers: "floor(12,345.67 × 20 %) − floor(12,000.00 × 20 %)"."""
    exact: Fraction
    """Minor units."""
    rounding: Fraction
    """What rounding took from (negative: added to) the exact amount, minor units."""
    amount_minor: int
    transaction: bytes
    """Hash of the transaction that did it."""
    block: int
    contested: tuple[str, ...] = ()
    """"Lantern Platform: reason", as long as not resolved."""


@dataclass(frozen=True, slots=True)
class PartyAccount:
    """One party in one period, minor units: `opening + earned - paid == closing`. Of `closing` above zero the
    payer owes the party so much, below zero the party owes it to the payer.
    """

    party: int
    opening_minor: int
    earned_minor: int
    """The sum of the party's lines of the period."""
    paid_minor: int
    """Cash that it received for the agreement, less what it paid back."""
    closing_minor: int
    lines: tuple[Line, ...]
