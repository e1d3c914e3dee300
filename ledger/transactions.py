"""Signed transactions, taken apart: whose they are, where they go, what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import rlp
from coincurve import PublicKey
from eth_hash.auto import keccak as keccak_of
from eth_utils import keccak, to_checksum_address
from rlp.codec import consume_length_prefix, length_prefix

from ledger.errors import TransactionRefused

_FIELDS = {1: 8, 2: 9}
"""By transaction type (EIP-2930, EIP-1559): how many fields stand before the signature."""
_LEGACY = 6
_LIST = 0xC0


@dataclass(frozen=True, slots=True)
class Decoded:
    """A signed transaction. `to` is None where it creates a contract; `data` is its calldata."""

    hash: bytes
    sender: str
    nonce: int
    to: str | None
    data: bytes


def decode(raw: bytes) -> Decoded:
    """Take a signed transaction apart. Raises TransactionRefused where it is none of the known types."""
    kind, fields = _split(raw)
    legacy = kind == 0
    nonce, to, data = (fields[i] for i in ((0, 3, 5) if legacy else (1, kind + 3, kind + 5)))
    return Decoded(
        hash=keccak(raw),
        sender=_sender(kind, fields),
        nonce=int.from_bytes(nonce, "big"),
        to=to_checksum_address(to) if to else None,
        data=data,
    )


def signed(raw: bytes) -> tuple[bytes, memoryview]:
    """Whose it is, an address of 20 bytes, and its calldata. Raises TransactionRefused.

    For many large ones: what was signed is hashed where it lies, nothing is taken apart but the list, and
    nothing is copied.
    """
    if not raw or raw[0] not in _FIELDS:
        kind, fields = _split(raw)
        return bytes.fromhex(_sender(kind, fields)[2:]), memoryview(fields[5])
    kind, places = raw[0], _places(raw)
    begin, end = places[0][0], places[_FIELDS[kind]][0]
    last, r, s = (raw[start:stop] for _, start, stop in places[_FIELDS[kind] :])
    hashing = keccak_of.new(raw[:1] + length_prefix(end - begin, _LIST))
    hashing.update(memoryview(raw)[begin:end])  # type: ignore[arg-type]  # any buffer will do
    _, start, stop = places[kind + 5]
    sender = _recovered(hashing.digest(), int.from_bytes(last, "big"), r, s)
    return sender, memoryview(raw)[start:stop]


def _places(raw: bytes) -> list[tuple[int, int, int]]:
    """Of each field of a transaction with a type: where it begins, and where its content begins and ends."""
    places = []
    try:
        _, form, length, at = consume_length_prefix(raw, 1)
        end = at + length
        while at < end:
            _, _, length, start = consume_length_prefix(raw, at)
            places.append((at, start, start + length))
            at = start + length
    except (rlp.DecodingError, IndexError) as error:
        raise TransactionRefused(f"it cannot be decoded: {error}") from None
    if form is not list or at != len(raw) or end != at or len(places) != _FIELDS[raw[0]] + 3:
        raise TransactionRefused("it cannot be decoded: it is of no known type")
    return places


def calldata(raw: bytes) -> bytes:
    """The calldata alone. Raises TransactionRefused."""
    kind, fields = _split(raw)
    data: bytes = fields[5 if kind == 0 else kind + 5]
    return data


def _split(raw: bytes) -> tuple[int, list[Any]]:
    """The type, 0 for a legacy transaction, and its fields."""
    kind = raw[0] if raw and raw[0] < 0x80 else 0
    try:
        fields = rlp.decode(raw if kind == 0 else raw[1:])
    except (rlp.DecodingError, IndexError) as error:
        raise TransactionRefused(f"it cannot be decoded: {error}") from None
    wanted = _LEGACY if kind == 0 else _FIELDS.get(kind)
    if wanted is None or not isinstance(fields, list) or len(fields) != wanted + 3:
        raise TransactionRefused("it cannot be decoded: it is of no known type")
    return kind, fields


def _sender(kind: int, fields: list[Any]) -> str:
    *unsigned, last, r, s = fields
    v = int.from_bytes(last, "big")
    if kind:
        payload, parity = bytes([kind]) + rlp.encode(unsigned), v
    elif v >= 35:  # EIP-155: the chain id is part of what is signed
        chain_id, parity = divmod(v - 35, 2)
        payload = rlp.encode([*unsigned, chain_id, b"", b""])
    else:
        payload, parity = rlp.encode(unsigned), v - 27
    return str(to_checksum_address(_recovered(keccak(payload), parity, r, s)))


def _recovered(digest: bytes, parity: int, r: bytes, s: bytes) -> bytes:
    """The address whose key made a signature of a digest, 20 bytes."""
    signature = r.rjust(32, b"\0") + s.rjust(32, b"\0") + bytes([parity & 0xFF])
    try:
        key = PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except ValueError as error:
        raise TransactionRefused(f"its signature is none: {error}") from None
    return bytes(keccak(key.format(compressed=False)[1:])[12:])
