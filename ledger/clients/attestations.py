"""`Attestations`: the roots that institutions have signed for their own books."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.accounts import Signer
from ledger.chain import Receipt
from ledger.contract import Contract
from ledger.signatures import Attestation, Domain


@dataclass(frozen=True, slots=True)
class Attested:
    """One revision as it stands on the ledger: the root of the tree over the book, the tree's `size` in
    leaves, the block that brought it and that block's time in seconds.
    """

    root: bytes
    size: int
    block: int
    at: int


class Attestations(Contract):
    """Client of the contract; see `contracts/interfaces/IAttestations.sol` for what each call means."""

    @property
    def domain(self) -> Domain:
        """What attestations are signed for."""
        return Domain("Attestations", self.chain.chain_id, self.address)

    def attest(self, sender: Signer, attestation: Attestation, signature: bytes) -> Receipt:
        """Hand in the signed root of an institution's book; anyone may send it."""
        return self.send(sender, "attest", attestation.as_tuple(), signature)

    def revisions(self, institution: int, venue: int, cycle: int) -> int:
        """How often the institution has attested its book of the cycle."""
        return int(self.call("revisions", institution, venue, cycle))

    def root_of(self, institution: int, venue: int, cycle: int, revision: int) -> Attested:
        """A revision, from 1. Raises Attestations_UnknownRevision where there is none."""
        return Attested(*self.call("rootOf", institution, venue, cycle, revision))
