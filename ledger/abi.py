"""The contract ABI: eth-abi's coder, with one thing added.

An array of 32-byte words may be given as `Words`, bytes that already lie as the chain wants them. A whole
day's records are encoded by copying them once, where eth-abi alone packs 2,000 of them a second.
"""

from __future__ import annotations

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


def _codec() -> ABICodec:
    own = registry.copy()
    own.unregister_encoder("has_arrlist")
    own.register_encoder(has_arrlist, _ArrayEncoder, label="has_arrlist")
    return ABICodec(own)


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
