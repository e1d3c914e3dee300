"""Statements made by hand, whose figures a reader can check with a pencil.

Agreement Aldersgate/platform, 2019Q4 (EUR): of commission the platform has 20 %, the adviser a third;
the platform's reserve account takes nothing. Two settlements, of 100.01 and 50.00 commission:

    platform  floor(20.002) = 20.00, then floor(30.002) − 20.00 = 10.00; largest remainder gives it no more
    adviser   floor(33.3366…) = 33.33, then floor(50.0032…) − 33.33 = 16.67; nor it
    platform  missed a promise: it owes 12.00
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

from settlement.agreements.lines import Kind, Line, PartyAccount
from settlement.agreements.statements import Head, Statement, statement
from settlement.report.layout import Money

PAYER, PLATFORM, ADVISER = 3, 7, 9
Q3, Q4 = 2019 * 12 + 6, 2019 * 12 + 9
SECOND = date(2019, 11, 5)
DAYS = {41: date(2019, 10, 3), 52: SECOND, 60: date(2020, 1, 2)}
HEAD = Head(
    payer="Aldersgate",
    agreement="platform",
    agreement_id=1,
    period="2019Q4",
    first_day=date(2019, 10, 1),
    last_day=date(2019, 12, 31),
    money=Money("EUR", 2),
    periods={Q4: "2019Q4"},
    names={PAYER: "Aldersgate", PLATFORM: "Lantern Platform", ADVISER: "Quill Advisers"},
    block=61,
    block_hash=bytes.fromhex("ab" * 32),
)
BASE = Line(
    agreement_id=1,
    version=1,
    period=Q4,
    line=0,
    kind=Kind.ACCRUAL,
    party=PLATFORM,
    basis="commission on settled trades",
    tier="slab up to 50,000.00 at 100 %",
    formula="",
    exact=Fraction(0),
    rounding=Fraction(0),
    amount_minor=0,
    transaction=bytes(31) + b"\x29",
    block=41,
)


def line(amount_minor: int, rounding: str = "0", **given: Any) -> Line:
    """A line of so much, whose exact amount is more by what rounding took."""
    took = Fraction(rounding)
    return replace(BASE, amount_minor=amount_minor, rounding=took, exact=amount_minor + took, **given)


def account(party: int, opening: int, paid: int, *lines: Line) -> PartyAccount:
    """An account that adds up."""
    earned = sum(each.amount_minor for each in lines)
    return PartyAccount(party, opening, earned, paid, opening + earned - paid, tuple(lines))


def platform(**given: Any) -> PartyAccount:
    """The platform's quarter; `given` changes its first line."""
    at = {"transaction": bytes(31) + b"\x34", "block": 52}
    return account(
        PLATFORM,
        0,
        3_000,
        replace(line(2_000, "1/5", formula="floor(100.01 × 20 %)"), **given),
        line(1_000, formula="floor(150.01 × 20 %) − floor(100.01 × 20 %)", **at),
        line(
            -1_200,
            line=1,
            kind=Kind.CLAWBACK,
            basis="promise of 1,000 USERS",
            tier="",
            formula="−(1,000 − 880) × 0.10",
            block=60,
            transaction=bytes(31) + b"\x3c",
        ),
    )


def adviser() -> PartyAccount:
    """The adviser's quarter; it was still owed 1.00 from before."""
    second: dict[str, Any] = {"transaction": bytes(31) + b"\x34", "block": 52, "party": ADVISER}
    return account(
        ADVISER,
        100,
        5_100,
        line(3_333, "11/30", party=ADVISER, formula="floor(100.01 × 33.3333 %)"),
        line(1_667, "-1/3", formula="floor(150.01 × 33.3333 %) − floor(100.01 × 33.3333 %)", **second),
    )


def made(*accounts: PartyAccount, head: Head = HEAD, party: int | None = None) -> Statement:
    """A statement of one period."""
    return statement(head, [accounts or (platform(), adviser())], DAYS, party)


def settlements(count: int) -> Sequence[Line]:
    """So many settlements of a cent each, half of them on the first day."""
    return [
        line(1, "1/7", formula="floor(0.01)", block=41 if n < count // 2 else 52, transaction=n.to_bytes(32))
        for n in range(count)
    ]
