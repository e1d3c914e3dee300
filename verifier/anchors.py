"""What vouches for blocks: a head that the auditor trusts, and affirmations. One names a recent block, so
whoever signed it saw the chain up to there: no other chain has that block."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from verifier.bundle import Affirmation, Bundle, Refused
from verifier.chain import Header
from verifier.facts import Facts
from verifier.signing import address_of
from verifier.trie import keccak

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
    """What an auditor knows, as `verifying.verify` takes it."""

    trusted_head: bytes | None = None
    keys: Keys = field(default_factory=dict)
    statements: Sequence[Statement] = ()
    contracts: Mapping[str, bytes] = field(default_factory=dict)


def signer_of(said: Affirmation, chain_id: int, clearing_house: bytes) -> bytes | None:
    """The address whose key signed an affirmation of that clearing house (EIP-712); None where the signature
    is none.
    """
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


def signed(bundle: Bundle, facts: Facts) -> list[tuple[Affirmation, bytes]]:
    """Each affirmation with the address that signed it, which is or was the institution's signer: those that
    the blocks have, and the bundle's further ones. A contract's signature, which only a chain can check, is
    none of them. Raises Refused where one of the further ones is not signed.
    """
    own = [said for batch in facts.batches.values() for said, _ in batch.affirmed.values()]
    order = [(each.batch_hash, each.institution) for each in bundle.affirmations]
    there = {(each.batch_hash, each.institution) for each in own}
    if order != sorted(set(order)) or not there.isdisjoint(order):
        raise Refused("its affirmations are not in order, or one is there twice")
    house = bundle.contracts["ClearingHouse"].address
    found = []
    for each in (*own, *bundle.affirmations):
        signer = signer_of(each, bundle.chain_id, house)
        if signer is not None and signer in facts.signers.get(each.institution, ()):
            found.append((each, signer))
        elif each in bundle.affirmations:
            who = facts.names.get(each.institution, f"institution {each.institution}")
            raise Refused(f"an affirmation of {who} is not signed by it")
    return found


class Anchors:
    """What vouches for blocks, by what the auditor gave. Raises Refused where it contradicts the bundle."""

    def __init__(
        self,
        bundle: Bundle,
        headers: Sequence[Header],
        facts: Facts,
        given: Given,
        affirmed: Sequence[tuple[Affirmation, bytes]],
    ) -> None:
        self.found: dict[int, list[str]] = {}
        """Block → in words, what does."""
        self.hints: list[str] = []
        """What would if the auditor said more."""
        self.house_signed = False
        """Whether a key that the auditor knows signed for the clearing house: each affirmation names it."""
        self._numbers = {header.hash: header.number for header in headers}
        self._names = facts.names
        self._keys = given.keys
        head = given.trusted_head
        if head is not None and head not in self._numbers:
            raise Refused(
                f"the trusted head 0x{head.hex()} is none of its blocks {headers[0].number:,} to"
                f" {headers[-1].number:,}: the bundle is of another chain, or was made before that block"
            )
        if head is not None:
            self._add(self._numbers[head], "the trusted head")
        for said, signer in affirmed:
            if facts.names.get(said.institution, "") in given.keys:
                self._hold(said, signer)
        for chain_id, house, said in given.statements:
            if (chain_id, house) != (bundle.chain_id, bundle.contracts["ClearingHouse"].address):
                raise Refused("an affirmation was given that is of another ledger's contracts")
            by = signer_of(said, chain_id, house)
            if by is None:
                raise Refused("an affirmation was given that nobody signed")
            self._hold(said, by)

    def _hold(self, said: Affirmation, signer: bytes) -> None:
        """Whatever key signed an affirmation, its block must be there; it vouches for that block where the
        key is known."""
        name = self._names.get(said.institution, f"institution {said.institution}")
        known, block = self._keys.get(name), said.prior_block_hash
        if known is not None and signer not in known:
            raise Refused(
                f"an affirmation of {name} is signed with the key of 0x{signer.hex()}, which is none of those"
                " known to be its own"
            )
        if block not in self._numbers:
            raise Refused(
                f"{name} signed block 0x{block.hex()}, which is none of its chain's: the ledger was"
                " rewritten, or the bundle was made before that block"
            )
        if known is not None:
            self.house_signed = True
            self._add(self._numbers[block], name)
        else:
            self.hints.append(
                f"an affirmation of {name} fits block {self._numbers[block]:,}; it would vouch for it if you"
                f" named its key: --key '{name}=0x{signer.hex()}'"
            )

    def _add(self, block: int, who: str) -> None:
        said = self.found.setdefault(block, [])
        if who not in said:
            said.append(who)
