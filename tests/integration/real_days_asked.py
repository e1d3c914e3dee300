"""What tests of audit questions on the real days ask, and how they read what they are answered."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from settlement.audit.answer import Answer
from settlement.audit.filters import NONE, Filters
from tests.audited import Told, commission, levy, roles_of
from tests.integration.real_days import DOCUMENT
from tests.integration.steps import REAL_DAYS

Row = dict[str, Any]


def rows(answer: Answer) -> list[Row]:
    """An answer's rows, whole numbers as ints."""
    return [
        {name: int(value) if isinstance(value, Decimal) else value for name, value in row.items()}
        for row in answer.table.to_pylist()
    ]


def iso(day: str) -> dt.date:
    return dt.date.fromisoformat(day)


def place(row: Row) -> tuple[object, ...]:
    return row["block"], row["date_time"], row["transaction_hash"]


def place_of(mark: Any) -> tuple[object, ...]:
    return mark.block, mark.at, mark.transaction


FILTERS: dict[str, tuple[Filters, Callable[[Row], bool]]] = {
    "nothing": (NONE, lambda row: True),
    "an institution": (Filters(institution="58"), lambda row: "58" in (row["buyer"], row["seller"])),
    "two": (
        Filters(institution="58", counterparty="45"),
        lambda row: {row["buyer"], row["seller"]} == {"58", "45"},
    ),
    "itself": (
        Filters(institution="38", counterparty="38"),
        lambda row: row["buyer"] == row["seller"] == "38",
    ),
    "a security": (Filters(security="NABIL"), lambda row: row["security"] == "NABIL"),
    "a currency": (Filters(currency="NPR"), lambda row: True),
    "from": (Filters(first=iso("2019-11-17")), lambda row: row["trading_day"] >= iso("2019-11-17")),
    "to": (Filters(last=iso("2019-10-15")), lambda row: row["trading_day"] <= iso("2019-10-15")),
    "between": (
        Filters(first=iso("2019-10-11"), last=iso("2019-11-20")),
        lambda row: str(row["trading_day"]) in REAL_DAYS[1:3],
    ),
    "a quiet day": (Filters(first=iso("2019-11-18"), last=iso("2019-11-20")), lambda row: False),
    "settled": (Filters(status=("settled",)), lambda row: row["status"] == "settled"),
    "pending": (Filters(status=("pending", "held")), lambda row: row["status"] == "pending"),
    "at least": (Filters(least="2000000"), lambda row: row["settlement_amount_minor"] >= 2_000_000_00),
    "at most": (Filters(most="999.99"), lambda row: row["settlement_amount_minor"] <= 999_99),
    "exactly": (
        Filters(least="4290.00", most="4290"),
        lambda row: row["settlement_amount_minor"] == 4_290_00,
    ),
    "a reason": (Filters(reason="MONY"), lambda row: False),
    "all of it": (
        Filters(
            institution="58",
            counterparty="40",
            security="AKBSL",
            first=iso("2019-10-15"),
            last=iso("2019-11-21"),
            least="1000",
            most="100000",
            status=("settled", "pending"),
        ),
        lambda row: (
            {row["buyer"], row["seller"]} == {"58", "40"}
            and row["security"] == "AKBSL"
            and str(row["trading_day"]) in REAL_DAYS[1:]
            and 1_000_00 <= row["settlement_amount_minor"] <= 100_000_00
        ),
    ),
}


CHARGED = ("settled_amount_minor", "net_amount_minor", "commission_minor", "levy_minor")
SUMS = ("trades", "settled_trades", "bought_amount_minor", "sold_amount_minor", *CHARGED)


def by_institution(told: Told, chosen: Sequence[Row], filters: Filters) -> Iterator[Row]:
    """Each broker's own side of trades."""
    sums: dict[str, dict[str, int]] = {}
    for row in chosen:
        n, done = row["settlement_amount_minor"], row["status"] == "settled"
        charged = (n, commission(told.rules, n), levy(told.rules, n)) if done else (0, 0, 0)
        for side in ("buyer", "seller"):
            own = sums.setdefault(row[side], dict.fromkeys(SUMS, 0))
            once = side == "buyer" or row["buyer"] != row["seller"]
            own["trades"] += once
            own["settled_trades"] += once and done
            own["bought_amount_minor" if side == "buyer" else "sold_amount_minor"] += n
            net = -charged[0] if side == "buyer" else charged[0]
            for name, more in zip(CHARGED, (charged[0], net, *charged[1:]), strict=True):
                own[name] += more
    for name in roles_of(DOCUMENT):
        if name in sums and filters.institution in (None, name):
            yield {"institution": name, "currency": "NPR", **sums[name], "breaks": 0}
