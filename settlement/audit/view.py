"""What a view is: SQL over schema `facts`, and what its columns mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from settlement.audit.access import Access


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `unit` is what its numbers count, empty where it is text, a date or a number that names."""

    name: str
    meaning: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """A view that people query. `sql` is its statement for a viewer: rows and masking are its own task."""

    name: str
    meaning: str
    columns: Sequence[Column]
    sql: Callable[[Access], str]


MINOR, UNITS = "minor units", "units"
BLOCK = Column("block", "Block it is in")
DATE_TIME = Column("date_time", "Time of the block, UTC")
TRANSACTION = Column("transaction_hash", "Transaction it is in")
MOMENT = (BLOCK, DATE_TIME, TRANSACTION)
MOMENT_SQL = "m.block, m.date_time, hex(m.hash) as transaction_hash"
TRADE = Column("trade", "The trade, as its file names it: YYYY-MM-DD/NUMBER")
DAY = Column("trading_day", "Day it was traded on")
NUMBER = Column("trade_number", "The trade's number at the venue")
NAMED = (TRADE, DAY, NUMBER)
NAMED_SQL = "t.trading_day::varchar || '/' || t.number as trade, t.trading_day, t.number as trade_number"


def day_sql(number: str) -> str:
    """An expression in SQL for the date that a number yyyymmdd is; null for 0."""
    return (
        f"case when {number} > 0 then"
        f" make_date(({number} // 10000)::bigint, ({number} // 100 % 100)::bigint,"
        f" ({number} % 100)::bigint) end"
    )
