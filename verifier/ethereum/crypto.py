"""The two things that all evidence stands on: a hash, and whose key signed one."""

from __future__ import annotations

import os

from coincurve import PublicKey

# Which of the keccaks that may be installed it takes is said before it is imported.
os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")
from eth_hash.auto import keccak as _keccak

_HALF = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""Half the order of secp256k1's group; of a signature's two forms the lower is the one (EIP-2)."""


def keccak(data: bytes) -> bytes:
    """Ethereum's hash."""
    return bytes(_keccak(data))


def address_of(digest: bytes, r: int, s: int, odd: int) -> bytes | None:
    """The address whose key signed a hash; `odd` is 1 where the signature's point has an odd y, else 0. None
    where the signature is none."""
    if not 0 < r < 1 << 256 or not 0 < s <= _HALF or odd not in (0, 1):
        return None
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([odd])
    try:
        key = PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except ValueError:
        return None
    return keccak(key.format(compressed=False)[1:])[12:]
