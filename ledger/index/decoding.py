"""Events as Arrow columns, by what the contracts' ABI says of them.

An event whose arguments are all of fixed size is decoded by offset, all rows at once; the few that carry
arrays or text go through the ABI's coder one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from eth_utils import keccak

from ledger.abi import CODEC, WORD, signature_of, type_of
from ledger.chain.logs import Logs
from ledger.compile import artifacts
from ledger.deploy import CONTRACTS

Words = npt.NDArray[np.uint8]
"""n rows of 32 bytes."""
DECIMAL = pa.decimal128(38, 0)
_LARGEST = 10**38 - 1
_LARGEST_HIGH, _LARGEST_LOW = np.uint64(_LARGEST >> 64), np.uint64(_LARGEST & (1 << 64) - 1)
_PACKED = {("TermsProposed", "terms"), ("PricesSet", "words")}
"""Arrays of numbers that are words with several fields each, and so are kept as bytes."""
_TRANSFER = ("AssetRegister", "Transfer")


@dataclass(frozen=True)
class EventKind:
    """One kind of event of a contract."""

    contract: str
    entry: dict[str, Any]

    @property
    def name(self) -> str:
        """As the contract calls it."""
        return str(self.entry["name"])

    @property
    def table(self) -> str:
        """The table that holds such events."""
        return f"{self.contract}_{self.name}"

    @cached_property
    def topic(self) -> bytes:
        """The hash of its signature: the first topic of each."""
        return bytes(keccak(text=signature_of(self.entry)))

    @cached_property
    def schema(self) -> pa.Schema:
        """`transaction`, `log`, and an argument a column."""
        arguments = [(each["name"], self._type(each)) for each in self.entry["inputs"]]
        return pa.schema([("transaction", pa.int64()), ("log", pa.int32()), *arguments])

    def decode(self, logs: Logs, rows: npt.NDArray[np.int64]) -> list[pa.Array]:
        """The arguments of these rows of `logs`, all of which are such events."""
        plain = [each for each in self.entry["inputs"] if not each["indexed"]]
        if all(_is_static(each) for each in plain):
            values = iter(_static(plain, logs, rows))
        else:
            values = iter(self._dynamic(plain, logs, rows))
        topics = iter(range(1, 4))
        found = []
        for each in self.entry["inputs"]:
            if each["indexed"]:
                found.append(_column(each, iter([logs.topics[rows, next(topics)]])))
            else:
                found.append(next(values))
        return found

    def _type(self, parameter: dict[str, Any]) -> pa.DataType:
        if (self.name, parameter["name"]) in _PACKED:
            return pa.list_(pa.binary(WORD))
        return _arrow(parameter)

    def _dynamic(
        self, plain: Sequence[dict[str, Any]], logs: Logs, rows: npt.NDArray[np.int64]
    ) -> Iterator[pa.Array]:
        # Text is taken as bytes: a contract does not look whether it is UTF-8.
        kinds = ["bytes" if each["type"] == "string" else type_of(each) for each in plain]
        decoded = [CODEC.decode(kinds, logs[row].data) for row in rows.tolist()]
        for k, parameter in enumerate(plain):
            kind = self._type(parameter)
            yield pa.array([_value(values[k], kind) for values in decoded], kind)


@cache
def event_kinds() -> tuple[EventKind, ...]:
    """Every kind of event of the contracts."""
    return tuple(
        EventKind(contract, entry)
        for contract in CONTRACTS
        for entry in artifacts()[contract].abi
        if entry["type"] == "event"
    )


@cache
def event_tables() -> dict[str, pa.Schema]:
    """Every table of events, `Contract_Event`, and its schema; Transfers are movements and have none."""
    kinds = (kind for kind in event_kinds() if (kind.contract, kind.name) != _TRANSFER)
    return {kind.table: kind.schema for kind in kinds}


def event_schema(contract: str, event: str) -> pa.Schema:
    """The schema of the table of one kind of event."""
    return event_tables()[f"{contract}_{event}"]


def low(words: Words) -> npt.NDArray[np.uint64]:
    """The lower 64 bits of each word."""
    return np.ascontiguousarray(words[:, 24:]).view(">u8").reshape(-1).astype(np.uint64)


def high(words: Words) -> npt.NDArray[np.uint64]:
    """The 64 bits above those."""
    return np.ascontiguousarray(words[:, 16:24]).view(">u8").reshape(-1).astype(np.uint64)


def fixed_binary(rows: npt.NDArray[np.uint8]) -> pa.Array:
    """n rows of k bytes as a column."""
    count, size = rows.shape
    return pa.Array.from_buffers(pa.binary(size), count, [None, pa.py_buffer(np.ascontiguousarray(rows))])


def _arrow(parameter: dict[str, Any]) -> pa.DataType:
    kind: str = parameter["type"]
    if kind.endswith("]"):
        return pa.list_(_arrow({**parameter, "type": kind[: kind.rindex("[")]}))
    if kind == "tuple":
        return pa.struct([(each["name"], _arrow(each)) for each in parameter["components"]])
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind.startswith("bytes"):
        return pa.binary(int(kind[len("bytes") :]))
    unsigned, bits = kind.startswith("uint"), int(kind.lstrip("uint"))
    if bits > 64:
        return DECIMAL
    size = next(size for size in (8, 16, 32, 64) if bits <= size)
    return pa.type_for_alias(f"{'uint' if unsigned else 'int'}{size}")


_PLAIN = {"bool": pa.bool_(), "address": pa.binary(20), "string": pa.string(), "bytes": pa.binary()}


def _is_static(parameter: dict[str, Any]) -> bool:
    if parameter["type"] == "tuple":
        return all(map(_is_static, parameter["components"]))
    return not parameter["type"].endswith("]") and parameter["type"] not in ("string", "bytes")


def _width(parameter: dict[str, Any]) -> int:
    return sum(map(_width, parameter["components"])) if parameter["type"] == "tuple" else 1


def _static(plain: Sequence[dict[str, Any]], logs: Logs, rows: npt.NDArray[np.int64]) -> Iterator[pa.Array]:
    words = (logs.words(rows, k) for k in range(sum(map(_width, plain))))
    for parameter in plain:
        yield _column(parameter, words)


def _column(parameter: dict[str, Any], words: Iterator[Words]) -> pa.Array:
    """A column of values of fixed size, from as many words a row as they take."""
    kind = _arrow(parameter)
    if pa.types.is_struct(kind):
        columns = [_column(each, words) for each in parameter["components"]]
        return pa.StructArray.from_arrays(columns, fields=list(kind))
    word = next(words)
    if parameter["type"] == "address":
        return fixed_binary(word[:, 12:])
    if pa.types.is_fixed_size_binary(kind):
        return fixed_binary(word[:, : kind.byte_width])
    if kind == pa.bool_():
        return pa.array(word[:, WORD - 1] != 0)
    if kind == DECIMAL:
        return _decimals(word, signed=parameter["type"].startswith("int"))
    return pa.array(low(word).view(np.int64 if "uint" not in parameter["type"] else np.uint64)).cast(kind)


def _decimals(words: Words, *, signed: bool) -> pa.Array:
    """Null where 38 digits do not hold a value."""
    lows, highs = low(words), high(words)
    is_negative = (words[:, 0] & 0x80 != 0) & signed
    fits = (words[:, :16] == np.where(is_negative, 0xFF, 0)[:, None]).all(axis=1)
    absolute_low = np.where(is_negative, ~lows + np.uint64(1), lows)
    absolute_high = np.where(is_negative, ~highs + (absolute_low == 0), highs)
    fits &= (absolute_high < _LARGEST_HIGH) | (
        (absolute_high == _LARGEST_HIGH) & (absolute_low <= _LARGEST_LOW)
    )
    halves = np.stack([lows, highs], axis=1).astype("<u8")
    halves[~fits] = 0
    valid = None if fits.all() else pa.py_buffer(np.packbits(fits, bitorder="little"))
    return pa.Array.from_buffers(DECIMAL, len(fits), [valid, pa.py_buffer(np.ascontiguousarray(halves))])


def _value(value: Any, kind: pa.DataType) -> Any:
    """A value of the ABI's coder as Arrow takes it."""
    if pa.types.is_list(kind):
        return [_value(each, kind.value_type) for each in value]
    if pa.types.is_struct(kind):
        return {field.name: _value(each, field.type) for field, each in zip(kind, value, strict=True)}
    if kind == DECIMAL:
        return value if abs(value) <= _LARGEST else None
    if pa.types.is_string(kind):
        return value.decode(errors="replace")
    if pa.types.is_fixed_size_binary(kind):
        if isinstance(value, str):
            return bytes.fromhex(value[2:])
        return value.to_bytes(WORD, "big") if isinstance(value, int) else value
    return value
