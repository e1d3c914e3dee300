"""Made-up clients of a generated day, the same bytes for the same seed on every Python.

A few clients of each broker are in most of its trades; most sides are for one client, some for up to four.
What is drawn for a trade depends on the seed and its number only, so a part of a day's trades has the same
allocations as in the whole.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from settlement.clients.columns import Side
from settlement.clients.reading import WHOLE
from settlement.model import Trades

_CLIENTS = 40
"""Of a broker."""
_MOST = 4
"""Allocations of a side."""
_OF_A_HUNDRED = (72, 88, 96)
"""So many sides of a hundred have one client, up to two, up to three."""
_SMALLEST = _MOST * 4
"""Units of a side that may have several clients."""
_DRAWS = 8
"""Of a side: how many clients, which is the first, how far to the next, a weight each."""


def generate(seed: int, trades: Trades) -> bytes:
    """A file of allocations of the trades, in the format of `settlement.clients.reading`."""
    import pyarrow as pa
    from pyarrow import csv

    drawn = _drawn(seed, trades.number)
    quantity = np.repeat(trades.quantity.astype(np.int64), 2)
    row = np.arange(len(quantity))
    sold = row & 1
    broker = np.where(sold, np.repeat(trades.seller, 2), np.repeat(trades.buyer, 2))
    dice = drawn[:, 0] % 100
    parts = 1 + sum((dice >= bound).astype(np.int64) for bound in _OF_A_HUNDRED)
    parts = np.where(quantity < _SMALLEST, 1, parts)
    # Of a uniform draw, its cube falls on low ranks more often: the first of forty has three sides in ten.
    uniform = drawn[:, 1] % (1 << 16)
    first, step = uniform**3 * _CLIENTS >> 48, 1 + drawn[:, 2] % 3
    weight = 1 + drawn[:, 4:] % 4
    weight[np.arange(_MOST) >= parts[:, None]] = 0
    units = quantity[:, None] * weight // weight.sum(axis=1)[:, None]
    units[:, 0] += quantity - units.sum(axis=1)
    client = (first[:, None] + step[:, None] * np.arange(_MOST)) % _CLIENTS
    side, part = np.nonzero(weight)
    names = [name for place in range(len(trades.parties)) for name in _accounts(seed, place)]
    texts: list[tuple[list[str], npt.NDArray[Any]]] = [
        ([str(trades.trading_day)], np.zeros(len(side), dtype=np.int32)),
        ([each.name for each in Side], sold[side]),
        (list(trades.parties), broker[side]),
        (names, broker[side] * _CLIENTS + client[side, part]),
    ]
    day, sides, brokers, clients = (
        pa.DictionaryArray.from_arrays(codes, words).cast(pa.string()) for words, codes in texts
    )
    columns = [day, pa.array(trades.number[side >> 1]), sides, brokers, clients, pa.array(units[side, part])]
    table = pa.table(dict(zip(WHOLE.header.split(","), columns, strict=True)))
    out = pa.BufferOutputStream()
    csv.write_csv(table, out, csv.WriteOptions(include_header=False, quoting_style="none"))
    return f"{WHOLE.header}\n".encode() + bytes(out.getvalue().to_pybytes())


def _drawn(seed: int, number: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """Eight numbers below 2^32 for each side of each trade, buy before sell."""
    count = int(number.max(initial=0)) + 1
    stream = hashlib.shake_256(f"clients of the generated day {seed}".encode()).digest(count * 2 * _DRAWS * 4)
    drawn = np.frombuffer(stream, dtype="<u4").reshape(count, 2, _DRAWS)
    return drawn[number].reshape(-1, _DRAWS).astype(np.int64)


def _accounts(seed: int, broker: int) -> list[str]:
    """Account numbers of 10 to 16 digits, the first four of which are the broker's."""
    stream = hashlib.shake_256(f"accounts {seed} {broker}".encode()).digest(_CLIENTS * 8)
    found = []
    for place, value in enumerate(np.frombuffer(stream, dtype="<u8").tolist()):
        digits = f"{1000 + broker:04d}{place:02d}{value % 10**10:010d}"
        found.append(digits[: 10 + value // 10**10 % 7])
    return found
