"""Columns of many transactions put together, and tables that are made from a few values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ledger.abi import WORD
from ledger.chain.base import Block, Mined
from ledger.chain.logs import Logs
from ledger.index.schema import BALANCES, BLOCKS
from ledger.index.standing import NEVER, Standing
from ledger.records import Records
from ledger.units import TIME_UNKNOWN

LOWER = (1 << 64) - 1
_TRADES_SHAPE = np.dtype(
    {"names": ["high", "low"], "offsets": [20, 24], "formats": [">u4", ">u8"], "itemsize": WORD}
)


def joined(mined: Sequence[Mined]) -> tuple[Logs, npt.NDArray[np.int64]]:
    """All events one after the other, and the place of each one's transaction."""
    owner = np.repeat(np.arange(len(mined)), np.array([len(each.logs) for each in mined], dtype=np.int64))
    every = [each.logs for each in mined]
    if len(every) == 1:
        return every[0], owner
    if not every:
        return Logs.of([]), owner
    sizes = np.concatenate([np.diff(logs.ends, prepend=0) for logs in every])
    whole = Logs(
        np.concatenate([logs.addresses for logs in every]),
        np.concatenate([logs.topic_count for logs in every]),
        np.concatenate([logs.topics for logs in every]),
        np.cumsum(sizes, dtype=np.int64),
        b"".join(logs.data for logs in every),
    )
    return whole, owner


def picked(logs: Logs, rows: npt.NDArray[np.int64]) -> Logs:
    """Some events, as columns."""
    return Logs.of([logs[row] for row in rows.tolist()])


def balances_table(balances: Mapping[int, int]) -> pa.Table:
    """Balances by (institution << 16 | asset), sorted."""
    keys = np.array(sorted(balances), dtype=np.int64)
    amounts = [balances[key] for key in keys.tolist()]
    columns: list[Any] = [
        pa.array((keys >> 16).astype(np.uint16)),
        pa.array((keys & 0xFFFF).astype(np.uint16)),
        pa.array([amount & LOWER for amount in amounts], pa.uint64()),
        pa.array([amount >> 64 for amount in amounts], pa.uint64()),
    ]
    return pa.Table.from_arrays(columns, schema=BALANCES)


def blocks_table(blocks: Iterable[Block]) -> pa.Table:
    """The rows of these blocks."""
    rows = list(blocks)
    columns = [
        pa.array([each.number for each in rows], pa.int64()),
        pa.array([each.hash for each in rows], pa.binary(WORD)),
        pa.array([each.timestamp for each in rows], pa.int64()),
    ]
    return pa.Table.from_arrays(columns, schema=BLOCKS)


def trade_columns(first: int, batch: int, day: date | None, words: bytes, records: Records) -> list[pa.Array]:
    """What never changes of the trades of a batch: `first` and `batch` are their numbers, `words` what
    `records` were unpacked from."""
    count = len(records)
    shape = np.frombuffer(words, dtype=_TRADES_SHAPE)
    unknown = records.time == TIME_UNKNOWN
    return [
        pa.array(np.arange(first, first + count)),
        pa.repeat(pa.scalar(batch, pa.int32()), count),
        pa.repeat(pa.scalar(day, pa.date32()), count),
        pa.array(records.number),
        pa.array(records.time, mask=unknown) if unknown.any() else pa.array(records.time),
        *(pa.array(each) for each in (records.buyer, records.seller, records.asset, records.quantity)),
        pa.array(shape["low"].astype(np.uint64)),
        pa.array(shape["high"].astype(np.uint32) & np.uint32(0xFFFFFF)),
    ]


def stood(standing: Standing, rows: Any) -> list[pa.Array]:
    """Status, units settled and the transaction that ended them, of these rows: as they are now, whatever
    changes later."""
    ended = standing.ended_in[rows].copy()
    return [
        pa.array(standing.status[rows].copy()),
        pa.array(standing.settled_quantity[rows].copy()),
        pa.array(ended, mask=ended == NEVER),
    ]
