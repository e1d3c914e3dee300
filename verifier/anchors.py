"""What vouches for blocks: a head that the auditor trusts, and affirmations. One names a recent block, so
whoever signed it saw the chain up to there: no other chain has that block."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from verifier.bundle import Affirmation, Bundle, Refused
from verifier.ethereum.chain import Header
from verifier.ethereum.crypto import address_of, keccak
from verifier.facts import Facts

Keys = Mapping[str, Collection[bytes]]
"""Institution's name → addresses of the keys that an auditor knows to be its own."""
_DOMAIN = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_AFFIRMATION = keccak(
    b"Affirmation(bytes32 batchHash,uint16 institution,bytes32 recordsHash,bytes32 exceptionsHash,"
    b"bytes32 clientRoot,bytes32 priorBlockHash)"
)


class Statement(NamedTuple):
    """An affirmation that an auditor has from elsewhere, and what it was signed for."""

    chain_id: int
    clearing_house: bytes
    affirmation: Affirmation


@dataclass(frozen=True, slots=True)
class Given:
    """What an auditor knows: the hash of a block that is the ledger's, members' keys, affirmations from
    elsewhere, where contracts are."""

    trusted_head: bytes | None = None
    keys: Keys = field(default_factory=dict)
    statements: Sequence[Statement] = ()
    contracts: Mapping[str, bytes] = field(default_factory=dict)
    chain_id: int | None = None


class Anchors(NamedTuple):
    """Every block that is vouched for, with who does, in words; what else would be if the auditor said more;
    whether a key that it knows signed for the clearing house, which each affirmation names."""

    vouched: list[tuple[int, str]]
    hints: list[str]
    house_signed: bool


def find(bundle: Bundle, headers: Sequence[Header], facts: Facts, given: Given) -> Anchors:
    """What vouches, by what the auditor gave. Raises Refused where that contradicts the bundle, and where an
    affirmation is not what the bundle says."""
    every, keys = list(_signed(bundle, facts)), given.keys
    affirmed = [each for each in every if facts.names.get(each[0].institution, "") in keys]
    numbers = {header.hash: header.number for header in headers}
    vouched, hints, head = list[tuple[int, str]](), list[str](), given.trusted_head
    if head is not None and head not in numbers:
        raise Refused(
            f"the trusted head 0x{head.hex()} is none of its blocks {headers[0].number:,} to"
            f" {headers[-1].number:,}: the bundle is of another chain, or was made before that block"
        )
    if head is not None:
        vouched.append((numbers[head], "the trusted head"))
    by_keys = len(vouched)
    for said, signer in (*affirmed, *_brought(bundle, given.statements)):
        name, block, key = _named(said, facts), said.prior_block_hash, f"0x{signer.hex()}"
        known = keys.get(name)
        if known is not None and signer not in known:
            raise Refused(
                f"an affirmation of {name} is signed with the key of {key}, which is none of those known to"
                " be its own"
            )
        if block not in numbers:
            raise Refused(
                f"{name} signed block 0x{block.hex()}, which is none of its chain's: the ledger was"
                " rewritten, or the bundle was made before that block"
            )
        if known is not None:
            vouched.append((numbers[block], name))
        elif signer not in facts.signers.get(said.institution, ()):
            raise Refused(f"an affirmation was given that {name} did not sign, but the key {key}")
        else:
            hints.append(
                f"an affirmation of {name} fits block {numbers[block]:,}; it would vouch for it if you named"
                f" its key: --key {shlex.quote(f'{name}={key}')}"
            )
    return Anchors(vouched, hints, len(vouched) > by_keys)


def _signed(bundle: Bundle, facts: Facts) -> Iterator[tuple[Affirmation, bytes]]:
    """Each affirmation with the address that signed it, which is or was the institution's signer: those that
    the blocks have, and the bundle's further ones. A contract's signature, which only a chain can check, is
    none of them. Raises Refused where one of the further ones is not signed."""
    own = [said for batch in facts.batches.values() for said, _ in batch.affirmed.values()]
    order = [(each.batch_hash, each.institution) for each in bundle.affirmations]
    if order != sorted(set(order)) or not set(order).isdisjoint((a.batch_hash, a.institution) for a in own):
        raise Refused("its affirmations are not in order, or one is there twice")
    for i, each in enumerate((*own, *bundle.affirmations)):
        signer = signer_of(each, bundle.chain_id, bundle.contracts["ClearingHouse"].address)
        if signer is not None and signer in facts.signers.get(each.institution, ()):
            yield each, signer
        elif i >= len(own):
            raise Refused(f"an affirmation of {_named(each, facts)} is not signed by it")


def _brought(bundle: Bundle, statements: Sequence[Statement]) -> Iterator[tuple[Affirmation, bytes]]:
    """The affirmations from elsewhere, each with the address that signed it. Raises Refused where one is of
    another ledger, or nobody's."""
    for chain_id, house, said in statements:
        if (chain_id, house) != (bundle.chain_id, bundle.contracts["ClearingHouse"].address):
            raise Refused("an affirmation was given that is of another ledger's contracts")
        signer = signer_of(said, chain_id, house)
        if signer is None:
            raise Refused("an affirmation was given that nobody signed")
        yield said, signer


def signer_of(said: Affirmation, chain_id: int, clearing_house: bytes) -> bytes | None:
    """The address whose key signed an affirmation of that clearing house (EIP-712); None where none did."""
    if len(said.signature) != 65:
        return None
    r, s = (int.from_bytes(said.signature[at : at + 32], "big") for at in (0, 32))
    domain = _words(_DOMAIN, keccak(b"ClearingHouse"), keccak(b"1"), chain_id, clearing_house)
    digest = keccak(b"\x19\x01" + keccak(domain) + keccak(_words(_AFFIRMATION, *said[:-1])))
    return address_of(digest, r, s, said.signature[64] - 27)


def _words(*values: bytes | int) -> bytes:
    """Each in 32 bytes, with zeros before it."""
    parts = (each.to_bytes(32, "big") if isinstance(each, int) else each.rjust(32, b"\0") for each in values)
    return b"".join(parts)


def _named(said: Affirmation, facts: Facts) -> str:
    return facts.names.get(said.institution, f"institution {said.institution}")
