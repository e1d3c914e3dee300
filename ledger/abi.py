"""The contract ABI: eth-abi's coder, with two things added.

An array of 32-byte words may be given as `Words`, bytes that already lie as the chain wants them. A whole
day's records are encoded by copying them once, where eth-abi alone packs 2,000 of them a second.

Values of one word each, and an array of unsigned integers alone, are decoded without its streams, several
times as fast; what is not as it should be is left to eth-abi, which says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from eth_abi import grammar
from eth_abi.codec import ABICodec
from eth_abi.encoding import BaseArrayEncoder, DynamicArrayEncoder, SizedArrayEncoder
from eth_abi.registry import has_arrlist, registry
from eth_utils import keccak

WORD = 32


class Words(bytes):
    """The elements of a `bytes32[]` or `uint256[]`, 32 bytes each, concatenated."""


class _DynamicArrayEncoder(DynamicArrayEncoder):
    def validate_value(self, value: Any) -> None:
        if isinstance(value, Words):
            if len(value) % WORD:
                self.invalidate_value(value, msg=f"{len(value)} bytes are no whole number of words")
            return
        super().validate_value(value)  # type: ignore[no-untyped-call]

    def encode(self, value: Any) -> bytes:
        if isinstance(value, Words):
            self.validate_value(value)
            return (len(value) // WORD).to_bytes(WORD, "big") + bytes(value)
        return bytes(super().encode(value))  # type: ignore[no-untyped-call]


class _ArrayEncoder(BaseArrayEncoder):
    @classmethod
    def from_type_str(cls, abi_type: str, registry: Any) -> Any:
        parsed = grammar.parse(abi_type)
        item = registry.get_encoder(parsed.item_type.to_type_str())
        last = parsed.arrlist[-1]
        if last:
            return SizedArrayEncoder(array_size=last[0], item_encoder=item)
        return _DynamicArrayEncoder(item_encoder=item)  # type: ignore[no-untyped-call]


_Read = Callable[[int], Any]
"""The value that a word stands for, or None where the word is none of its type."""


class _Codec(ABICodec):
    def decode(self, types: Iterable[str], data: bytes | bytearray, strict: bool = True) -> tuple[Any, ...]:
        types = tuple(types)
        found = _words(types, data) if strict and type(data) is bytes else None
        return super().decode(types, data, strict) if found is None else found


def _words(types: tuple[str, ...], data: bytes) -> tuple[Any, ...] | None:
    """The values, where all are of one word and each is as it should be, or it is one array of such integers;
    else None.
    """
    if len(types) == 1 and types[0].endswith("[]") and types[0][:-2] in _UNSIGNED:
        if len(data) < 2 * WORD or _word(data, 0) != WORD:
            return None
        end = (2 + _word(data, 1)) * WORD
        if len(data) < end:
            return None
        array = tuple([int.from_bytes(data[at : at + WORD], "big") for at in range(2 * WORD, end, WORD)])
        return None if array and max(array) >> int(types[0][4:-2]) else (array,)
    readers = _readers(types)
    if readers is None or len(data) < len(readers) * WORD:
        return None
    values = tuple([read(_word(data, i)) for i, read in enumerate(readers)])
    return None if None in values else values


def _word(data: bytes, i: int) -> int:
    return int.from_bytes(data[i * WORD : (i + 1) * WORD], "big")


@lru_cache
def _readers(types: tuple[str, ...]) -> tuple[_Read, ...] | None:
    found = [_reader(each) for each in types]
    readers = tuple(each for each in found if each is not None)
    return readers if len(readers) == len(types) else None


@lru_cache
def _reader(kind: str) -> _Read | None:
    if kind in _UNSIGNED:
        bits = int(kind[4:])
        return lambda word: None if word >> bits else word
    if kind == "bytes32":
        return lambda word: word.to_bytes(WORD, "big")
    if kind == "address":
        return lambda word: None if word >> 160 else f"0x{word:040x}"
    if kind == "bool":
        return lambda word: None if word >> 1 else bool(word)
    return None


_UNSIGNED = frozenset(f"uint{bits}" for bits in range(8, 257, 8))


def _codec() -> ABICodec:
    own = registry.copy()
    own.unregister_encoder("has_arrlist")
    own.register_encoder(has_arrlist, _ArrayEncoder, label="has_arrlist")
    return _Codec(own)


CODEC = _codec()


def type_of(parameter: dict[str, Any]) -> str:
    """The canonical type of an ABI parameter, tuples spelled out: "(uint16,bytes32)[]"."""
    kind: str = parameter["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(map(type_of, parameter['components']))}){kind[len('tuple') :]}"


def signature_of(entry: dict[str, Any]) -> str:
    """The canonical signature of an ABI function, error or event."""
    return f"{entry['name']}({','.join(map(type_of, entry['inputs']))})"


def selector_of(entry: dict[str, Any]) -> bytes:
    """The four bytes that a function's calldata or an error's revert data begin with."""
    return bytes(keccak(text=signature_of(entry))[:4])
