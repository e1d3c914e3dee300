"""Transactions and receipts, from a node's JSON to the bytes that a block's roots are of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import rlp
from eth_utils import keccak

from ledger.chain.answers import HASH, Garbage, data, events, fields, quantity, sequence
from ledger.chain.receipts import encoded

_ADDRESS = 20
_PAID = {0: ("gasPrice",), 1: ("gasPrice",), 2: ("maxPriorityFeePerGas", "maxFeePerGas")}
"""By type (EIP-155, EIP-2930, EIP-1559): what the sender offers for gas."""
_HIGHEST_TYPE = 0x7F


def transaction_of(value: object) -> tuple[bytes, bytes | None]:
    """The hash of a transaction and its signed bytes, None where its type is one that is not known here.

    Raises Garbage where the bytes do not hash to what the node says.
    """
    given = fields(value)
    said, kind = data(given.get("hash"), HASH), _type(given)
    if kind not in _PAID:
        return said, None
    to = given.get("to")
    parts: list[Any] = [quantity(given.get(name)) for name in ("nonce", *_PAID[kind], "gas")]
    parts += [b"" if to is None else data(to, _ADDRESS), quantity(given.get("value"))]
    parts.append(data(given.get("input")))
    last = "v"
    if kind:
        parts.insert(0, quantity(given.get("chainId")))
        parts.append([_access(each) for each in sequence(given.get("accessList"))])
        last = "yParity" if given.get("yParity") is not None else "v"
    parts += [quantity(given.get(name)) for name in (last, "r", "s")]
    raw = (bytes([kind]) if kind else b"") + rlp.encode(parts)
    return said, hashed(raw, said)


def hashed(raw: bytes, said: bytes) -> bytes:
    """The bytes of a transaction. Raises Garbage where they do not hash to what was said."""
    if keccak(raw) != said:
        raise Garbage(f"a transaction that does not hash to 0x{said.hex()}")
    return raw


def receipt_of(value: object, block_hash: bytes, transaction_hash: bytes) -> bytes:
    """The consensus bytes of the receipt of a transaction in a block. Raises Garbage for another's."""
    given = fields(value)
    if data(given.get("transactionHash"), HASH) != transaction_hash:
        raise Garbage("the receipt of another transaction")
    if data(given.get("blockHash"), HASH) != block_hash:
        raise Garbage("the receipt of another block")
    status = quantity(given.get("status"))
    if status not in (0, 1):
        raise Garbage(f"a receipt with status {status}")
    gas = quantity(given.get("cumulativeGasUsed"))
    return encoded(_type(given), status, gas, events(sequence(given.get("logs"))))


def root_of(items: Sequence[bytes]) -> bytes:
    """The root of a trie of what a block holds, by position (yellow paper 4.3.2)."""
    # Imported here because it takes a third of a second, and only what reads whole blocks needs it.
    from trie.hexary import HexaryTrie

    found = HexaryTrie({}, prune=True)
    for i, item in enumerate(items):
        found[rlp.encode(i)] = item
    return bytes(found.root_hash)


def _type(given: Mapping[str, Any]) -> int:
    kind = 0 if given.get("type") is None else quantity(given["type"])
    if kind > _HIGHEST_TYPE:
        raise Garbage(f"a transaction of type {kind}")
    return kind


def _access(value: object) -> list[Any]:
    given = fields(value)
    slots = [data(slot, HASH) for slot in sequence(given.get("storageKeys"))]
    return [data(given.get("address"), _ADDRESS), slots]
