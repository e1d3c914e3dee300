"""What the index holds: facts of the chain as columns, in Parquet.

A fact is where the chain has it and stays as it is. Numbers that count facts run through the whole index:

    transaction   of those with events of these contracts, in the chain's order, from 1
    batch, trade  of those recorded, in the chain's order, from 0; the trades of a batch follow each other

Amounts are minor units, quantities whole units. What does not fit 64 bits lies in two columns, `_low` the
lower 64 bits and `_high` those above. Institutions and assets are the ledger's indexes; among movements -1 is
nobody (issue and redemption) and 0 the transit account.

Every event of the contracts, but Transfers, is a row of a table of its own, `Contract_Event`: `transaction`,
`log` (its place among the transaction's events of these contracts, from 0) and its arguments by the
contract's names. Integers up to 64 bits are integers, larger ones DECIMAL(38, 0), null where 38 digits do
not hold them (a limit that is none, for one); bytes and addresses are binary, arrays lists, tuples structs.
Packed words, those of proposed terms and of prices, are lists of 32 bytes each.
"""

from __future__ import annotations

import pyarrow as pa

HASH = pa.binary(32)

BLOCKS = pa.schema(
    [
        ("block", pa.int64()),  # of those with events, and the last of the segment
        ("hash", HASH),
        ("time_s", pa.int64()),  # seconds since 1970 UTC
    ]
)
TRANSACTIONS = pa.schema(
    [
        ("transaction", pa.int64()),
        ("block", pa.int64()),
        ("hash", HASH),
        ("sender", pa.binary(20)),
    ]
)
BATCHES = pa.schema(
    [
        ("batch", pa.int32()),
        ("hash", HASH),
        ("transaction", pa.int64()),  # that recorded it
        ("venue", pa.uint16()),
        ("trading_day", pa.date32()),
        ("cash_asset", pa.uint16()),
        ("intended_settlement_date", pa.date32()),
        ("fee_schedule", pa.uint16()),
        ("count", pa.uint32()),
        ("first_trade", pa.int64()),
    ]
)
TRADES = pa.schema(
    [
        ("trade", pa.int64()),
        ("batch", pa.int32()),
        ("trading_day", pa.date32()),
        ("number", pa.uint32()),
        ("time_s", pa.uint32()),  # of the day; null where unknown
        ("buyer", pa.uint16()),
        ("seller", pa.uint16()),
        ("asset", pa.uint16()),
        ("quantity", pa.uint64()),
        ("amount_low", pa.uint64()),
        ("amount_high", pa.uint32()),
        # As the segment ends; what changed later is in CHANGES.
        ("status", pa.uint8()),  # a Status
        ("settled_quantity", pa.uint64()),
        (
            "ended_in",
            pa.int64(),
        ),  # transaction that settled it whole, cancelled, compensated or closed it out
    ]
)
CHANGES = pa.schema(
    [
        ("trade", pa.int64()),  # of an earlier segment, once in a segment
        ("status", pa.uint8()),
        ("settled_quantity", pa.uint64()),
        ("ended_in", pa.int64()),
    ]
)
MOVEMENTS = pa.schema(
    [
        ("transaction", pa.int64()),
        ("sender", pa.int32()),
        ("receiver", pa.int32()),
        ("asset", pa.uint16()),
        ("amount_low", pa.uint64()),
        ("amount_high", pa.uint64()),
    ]
)
BALANCES = pa.schema(
    [
        ("institution", pa.uint16()),  # 0: the transit account
        ("asset", pa.uint16()),
        ("amount_low", pa.uint64()),  # as the segment ends; zeros left out
        ("amount_high", pa.uint64()),
    ]
)
TABLES = {
    "blocks": BLOCKS,
    "transactions": TRANSACTIONS,
    "batches": BATCHES,
    "trades": TRADES,
    "changes": CHANGES,
    "movements": MOVEMENTS,
    "balances": BALANCES,
}
"""Those that are not of one kind of event."""
