"""Keys that sign: transactions for the chain and digests for contracts to check."""

from __future__ import annotations

from typing import Self

import rlp
from coincurve import PrivateKey
from eth_utils import keccak, to_canonical_address, to_checksum_address

DYNAMIC_FEE = b"\x02"
"""The transaction type of EIP-1559."""

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class Signer:
    """A secp256k1 key. It may act for an institution's account; it is not the account."""

    def __init__(self, key: bytes) -> None:
        """From 32 bytes. Raises ValueError where they are no key."""
        if len(key) != 32 or not 0 < int.from_bytes(key, "big") < _ORDER:
            raise ValueError("a key is 32 bytes, as a number above zero and below the order of secp256k1")
        self._key = PrivateKey(key)
        public = self._key.public_key.format(compressed=False)[1:]
        self.address: str = to_checksum_address(keccak(public)[12:])

    @classmethod
    def from_seed(cls, seed: str, name: str) -> Self:
        """The key of `name` under `seed`: the same in every run, and no secret to who knows both."""
        return cls(keccak(keccak(text=seed) + keccak(text=name)))

    def sign_transaction(
        self,
        chain_id: int,
        nonce: int,
        to: str | None,
        data: bytes,
        gas: int,
        max_fee: int = 0,
        priority_fee: int = 0,
    ) -> bytes:
        """A signed EIP-1559 transaction without value or access list; `to` None creates a contract.

        `gas` is its limit, the fees are in wei a gas, the tip at most the highest fee. What comes back is
        ready to be sent.
        """
        target = to_canonical_address(to) if to else b""
        fields: list[object] = [chain_id, nonce, priority_fee, max_fee, gas, target, 0, data, []]
        r, s, parity = self._sign(keccak(DYNAMIC_FEE + rlp.encode(fields)))
        return DYNAMIC_FEE + bytes(rlp.encode([*fields, parity, r, s]))

    def sign_digest(self, digest: bytes) -> bytes:
        """The 65 bytes r, s, v that ecrecover takes; v is 27 or 28, and s is the lower of its two values."""
        r, s, parity = self._sign(digest)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + parity])

    def _sign(self, digest: bytes) -> tuple[int, int, int]:
        if len(digest) != 32:
            raise ValueError(f"a digest is 32 bytes, not {len(digest)}")
        signature = self._key.sign_recoverable(digest, hasher=None)
        return int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"), signature[64]

    def __repr__(self) -> str:
        return f"Signer({self.address})"
