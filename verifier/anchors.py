"""Signatures under blocks. An affirmation names a recent block, so whoever signed it saw the chain up to
there: no other chain has that block."""

from __future__ import annotations

from dataclasses import dataclass

from coincurve import PublicKey

from verifier.bundle import Affirmation
from verifier.trie import keccak

_DOMAIN = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_AFFIRMATION = keccak(
    b"Affirmation(bytes32 batchHash,uint16 institution,bytes32 recordsHash,bytes32 exceptionsHash,"
    b"bytes32 clientRoot,bytes32 priorBlockHash)"
)
_HALF = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""Half the order of secp256k1's group; of a signature's two forms the lower is the one (EIP-2)."""


@dataclass(frozen=True, slots=True)
class Statement:
    """An affirmation that an auditor has from elsewhere, and what it was signed for."""

    chain_id: int
    clearing_house: bytes
    affirmation: Affirmation


def signer_of(said: Affirmation, chain_id: int, clearing_house: bytes) -> bytes | None:
    """The address whose key signed an affirmation of that clearing house (EIP-712); None where the signature
    is none.
    """
    if len(said.signature) != 65:
        return None
    r, s, v = said.signature[:32], said.signature[32:64], said.signature[64]
    if v not in (27, 28) or not 0 < int.from_bytes(s, "big") <= _HALF:
        return None
    domain = keccak(
        _DOMAIN
        + keccak(b"ClearingHouse")
        + keccak(b"1")
        + chain_id.to_bytes(32, "big")
        + clearing_house.rjust(32, b"\0")
    )
    said_hash = keccak(
        _AFFIRMATION
        + said.batch_hash
        + said.institution.to_bytes(32, "big")
        + said.records_hash
        + said.exceptions_hash
        + said.client_root
        + said.prior_block_hash
    )
    digest = keccak(b"\x19\x01" + domain + said_hash)
    try:
        key = PublicKey.from_signature_and_message(r + s + bytes([v - 27]), digest, hasher=None)
    except ValueError:
        return None
    return keccak(key.format(compressed=False)[1:])[12:]
