"""What institutions sign: EIP-712 digests, computed here from the books and checked by the contracts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from eth_utils import keccak

from ledger.abi import CODEC

_DOMAIN = keccak(
    text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)",
)
_AFFIRMATION = keccak(
    text="Affirmation(bytes32 batchHash,uint16 institution,bytes32 recordsHash,bytes32 exceptionsHash,"
    "bytes32 clientRoot,bytes32 priorBlockHash)"
)
_ATTESTATION = keccak(
    text="Attestation(uint16 institution,uint16 venue,uint64 cycle,uint32 revision,bytes32 root,uint64 size,"
    "bytes32 priorBlockHash)"
)
_TERMS = keccak(text="Terms(uint16 payer,uint16 currency,uint32 version,bytes32 name,uint256[] words)")
NO_CLIENTS = bytes(32)
"""The client root of an institution that commits to no allocations."""


@dataclass(frozen=True, slots=True)
class Domain:
    """The EIP-712 domain: one contract on one chain. A signature for one is none for another."""

    name: str
    chain_id: int
    contract: str

    def digest(self, struct_hash: bytes) -> bytes:
        """The digest to sign for a struct of this domain."""
        return keccak(b"\x19\x01" + _separator(self) + struct_hash)


@lru_cache(maxsize=16)
def _separator(domain: Domain) -> bytes:
    values = [_DOMAIN, keccak(text=domain.name), keccak(text="1"), domain.chain_id, domain.contract]
    return keccak(CODEC.encode(["bytes32", "bytes32", "bytes32", "uint256", "address"], values))


@dataclass(frozen=True, slots=True)
class Affirmation:
    """One institution's word on one batch, signed, as `ClearingHouse.affirm` takes it.

    `count` is the number of the batch's records it is party to, exceptions included; `exceptions` are
    positions in the batch, rising; `prior_block` the number of the block whose hash was signed.
    """

    institution: int
    count: int
    prior_block: int
    client_root: bytes
    exceptions: tuple[int, ...]
    signature: bytes

    def as_tuple(self) -> tuple[object, ...]:
        """In the order of the contract's struct."""
        return (
            self.institution,
            self.count,
            self.prior_block,
            self.client_root,
            list(self.exceptions),
            self.signature,
        )


def affirmation_hash(
    batch_hash: bytes,
    institution: int,
    own_records: bytes,
    exceptions: Sequence[int],
    client_root: bytes,
    prior_block_hash: bytes,
) -> bytes:
    """The struct hash of an affirmation.

    `own_records` are exactly the institution's own records as its book has them, packed and in the batch's
    order, without those that it excepts; `exceptions` the excepted trade numbers in the batch's order.
    """
    numbers = b"".join(number.to_bytes(4, "big") for number in exceptions)
    values = [
        _AFFIRMATION,
        batch_hash,
        institution,
        keccak(own_records),
        keccak(numbers),
        client_root,
        prior_block_hash,
    ]
    return keccak(CODEC.encode(["bytes32", "bytes32", "uint16", *["bytes32"] * 4], values))


@dataclass(frozen=True, slots=True)
class Attestation:
    """What an institution says of its own book of one cycle, as `Attestations.attest` takes it.

    `root` is that of the Merkle tree over the book, of `size` leaves; `revision` is from 1; `prior_block` the
    number of the block whose hash is signed.
    """

    institution: int
    venue: int
    cycle: int
    revision: int
    root: bytes
    size: int
    prior_block: int

    def struct_hash(self, prior_block_hash: bytes) -> bytes:
        """The struct hash that is signed."""
        values = [
            *(_ATTESTATION, self.institution, self.venue, self.cycle, self.revision),
            *(self.root, self.size, prior_block_hash),
        ]
        types = ["bytes32", "uint16", "uint16", "uint64", "uint32", "bytes32", "uint64", "bytes32"]
        return keccak(CODEC.encode(types, values))

    def as_tuple(self) -> tuple[object, ...]:
        """In the order of the contract's struct."""
        return (
            *(self.institution, self.venue, self.cycle, self.revision),
            *(self.root, self.size, self.prior_block),
        )


def terms_hash(words: Sequence[int]) -> bytes:
    """The struct hash of an agreement's terms, given as `ledger.terms` packs them.

    What a signer should see first is named beside the words; payer, currency, version and name are in them,
    too.
    """
    header, name, *_ = words
    body = b"".join(word.to_bytes(32, "big") for word in words)
    values = [_TERMS, header >> 240, header >> 224 & 0xFFFF, header >> 192 & 0xFFFFFFFF, name, keccak(body)]
    return keccak(CODEC.encode(["bytes32", "uint16", "uint16", "uint32", "uint256", "bytes32"], values))
