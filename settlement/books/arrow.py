"""Exact integers as Arrow's decimals, and trades as a Parquet file with a note, a column at a time.

A file has two digests: of its note, so that this can be trusted without reading the rest, and of its columns.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from datetime import date
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ledger.units import Column, exact
from settlement.model import Trades

DIGITS = 38
"""As many as a decimal of 128 bits has; the record's largest amount has 27."""

_NOTE = b"clearing"
_PLAIN = {
    "number": pa.uint32(),
    "time": pa.uint32(),
    "buyer": pa.int32(),
    "seller": pa.int32(),
    "security": pa.int32(),
    "quantity": pa.uint64(),
    "line": pa.int64(),
}
_AMOUNT = pa.decimal128(DIGITS, 0)
_REPEATED = ["time", "buyer", "seller", "security", "quantity"]
_PACKED = {"number": "DELTA_BINARY_PACKED", "line": "DELTA_BINARY_PACKED", "amount": "BYTE_STREAM_SPLIT"}


def from_decimals(decimals: Any) -> Column:
    """The integers that a column of decimals is in its own smallest unit: 1.50 of two decimals is 150."""
    parts = [_words(chunk) for chunk in decimals.chunks]
    words = np.concatenate([np.empty((0, 2), dtype=np.int64), *parts])
    low, high = words[:, 0], words[:, 1]
    if bool((high == low >> 63).all()):
        return low.copy()
    return exact((high.astype(object) << 64) + low.view(np.uint64).astype(object))


def to_decimals(column: npt.NDArray[Any], scale: int = 0) -> pa.Array:
    """The inverse: integers as decimals of `scale` digits after the point."""
    values = exact(column)
    if values.dtype == object:
        raw = b"".join(value.to_bytes(16, sys.byteorder, signed=True) for value in values.tolist())
    else:
        raw = np.stack([values, values >> 63], axis=1).tobytes()
    kind = pa.decimal128(DIGITS, scale)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(raw)])


def _words(chunk: Any) -> npt.NDArray[np.int64]:
    """Each decimal's low and high 64 bits, in two's complement."""
    if chunk.null_count:
        raise ValueError("a column of amounts has a gap")
    if not len(chunk):
        return np.empty((0, 2), dtype=np.int64)
    words = np.frombuffer(chunk.buffers()[1], dtype=np.int64).reshape(-1, 2)
    return words[chunk.offset : chunk.offset + len(chunk)]


class Damaged(ValueError):
    """The bytes are not a file of `encode`, or not as it left them."""


def encode(note: Mapping[str, Any], trades: Trades) -> bytes:
    """A Parquet file of the trades, and of the note, which is plain JSON."""
    columns = {name: pa.array(getattr(trades, name), kind) for name, kind in _PLAIN.items()}
    columns["amount"] = to_decimals(trades.amount)
    written = dict(note) | {"parties": trades.parties, "securities": trades.securities}
    written["columns"] = _digest_of(trades)
    text = json.dumps(written)
    metadata = {_NOTE: text, _NOTE + b".sha256": hashlib.sha256(text.encode()).hexdigest()}
    table, file = pa.table(columns).replace_schema_metadata(metadata), BytesIO()
    pq.write_table(table, file, compression="zstd", use_dictionary=_REPEATED, column_encoding=_PACKED)
    return file.getvalue()


def decode_note(data: bytes) -> dict[str, Any]:
    """The note of such a file, and what `encode` added to it. Raises Damaged."""
    try:
        metadata = pq.read_metadata(BytesIO(data)).metadata or {}
        text = metadata[_NOTE]
        right = metadata[_NOTE + b".sha256"] == hashlib.sha256(text).hexdigest().encode()
        note: dict[str, Any] = json.loads(text) if right else {}
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise Damaged(_first_line(error)) from None
    if not right:
        raise Damaged("the digest of its note is another")
    return note


def decode(data: bytes, trading_day: date) -> Trades:
    """The trades of such a file. Raises Damaged."""
    note = decode_note(data)
    try:
        table = pq.read_table(BytesIO(data), use_threads=False)
        if table.schema.types != [*_PLAIN.values(), _AMOUNT]:
            raise Damaged("its columns are others")
        trades = Trades(
            trading_day=trading_day,
            parties=tuple(note["parties"]),
            securities=tuple(note["securities"]),
            amount=from_decimals(table["amount"]),
            **{name: table[name].to_numpy() for name in _PLAIN},
        )
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Damaged(_first_line(error)) from None
    if _digest_of(trades) != note["columns"]:
        raise Damaged("the digest of its rows is another")
    return trades


def _digest_of(trades: Trades) -> str:
    digest = hashlib.sha256()
    for name in _PLAIN:
        digest.update(getattr(trades, name).tobytes())
    digest.update(to_decimals(trades.amount).buffers()[1])
    return digest.hexdigest()


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
