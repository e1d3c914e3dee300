"""Totals that the index keeps beside the facts; `totals` derives them.

A segment's rows are what it adds to the totals of all trades: its own trades as they stand when it ends, and
of trades of earlier segments that it changed what they are then less what they were. So the totals of the
segments up to any are, added up, those of all trades as that one ends.
"""

from __future__ import annotations

import pyarrow as pa

from settlement.audit.revenue_tables import AMOUNT

_DAY = [("trading_day", pa.date32()), ("status", pa.uint8())]
_WHERE = [("cash_asset", pa.uint16()), ("venue", pa.uint16())]
_SUMS = [
    ("trades", pa.int64()),
    ("settled_trades", pa.int64()),  # whole
    ("gross", AMOUNT),  # of settlement amounts, minor units
    ("settled", AMOUNT),  # what of them has settled
    ("commission", AMOUNT),  # of one side, for what has settled
    ("levy", AMOUNT),  # likewise
]
BY_PARTIES, BY_SECURITY = "totals_by_parties", "totals_by_security"
TABLES = {
    BY_PARTIES: pa.schema([*_DAY, ("buyer", pa.uint16()), ("seller", pa.uint16()), *_WHERE, *_SUMS]),
    BY_SECURITY: pa.schema([*_DAY, ("asset", pa.uint16()), *_WHERE, *_SUMS]),
}
SUMS = tuple(name for name, _ in _SUMS)
KEYS = {name: tuple(each for each in schema.names if each not in SUMS) for name, schema in TABLES.items()}
"""The columns that a table's rows differ by."""
