"""`Agreements`: what institutions have agreed to share, word by word, and which version counts when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.accounts import Signer
from ledger.chain import Receipt
from ledger.contract import Contract
from ledger.ids import from_bytes32
from ledger.signatures import Domain
from ledger.terms import Terms, name_key, pack, unpack


@dataclass(frozen=True, slots=True)
class Consent:
    """A party's word on terms, given elsewhere: EIP-712 by its signer, or what ERC-1271 takes."""

    institution: int
    signature: bytes

    @classmethod
    def of(cls, institution: int, signer: Signer, terms_hash: bytes) -> Consent:
        """A consent signed here; `terms_hash` is the digest that `Terms.digest` gives."""
        return cls(institution, signer.sign_digest(terms_hash))

    def as_tuple(self) -> tuple[object, ...]:
        """In the order of the contract's struct."""
        return (self.institution, self.signature)


@dataclass(frozen=True, slots=True)
class Agreement:
    """One agreement, over all its versions. `ends_at` (seconds) is when `end_period` begins, the first period
    that it does not cover; both are 0 while nobody has given notice. `payer` is 0 where there is none.
    """

    payer: int
    currency: int
    versions: int
    end_period: int
    ends_at: int
    name: str


@dataclass(frozen=True, slots=True)
class Version:
    """One version: the first period that it covers, how many months its periods have, how many parties it
    has, and when it starts (seconds).
    """

    terms_no: int
    from_period: int
    months: int
    parties: int
    starts_at: int


class Agreements(Contract):
    """Client of the contract; see `contracts/interfaces/IAgreements.sol` for what each call means.

    A period is `year * 12 + month - 1` of its first month.
    """

    @property
    def domain(self) -> Domain:
        """What terms are signed for."""
        return Domain("Agreements", self.chain.chain_id, self.address)

    def propose(self, sender: Signer, terms: Terms, consents: Sequence[Consent] = ()) -> Receipt:
        """Put terms before their parties, with the consents that are there already; the sender's own is among
        them.
        """
        return self.send(sender, "propose", pack(terms), _tuples(consents))

    def consent(self, sender: Signer, terms_hash: bytes, consents: Sequence[Consent] = ()) -> Receipt:
        """Consent to proposed terms: the sender, where it is payer or party, and those whose consents are
        given.
        """
        return self.send(sender, "consent", terms_hash, _tuples(consents))

    def withdraw_consent(self, party: Signer, terms_hash: bytes) -> Receipt:
        """Take the sender's consent back, or refuse terms beforehand, while they are not concluded."""
        return self.send(party, "withdrawConsent", terms_hash)

    def give_notice(self, party: Signer, agreement_id: int) -> Receipt:
        """End an agreement with the period in which the notice that its terms state has run."""
        return self.send(party, "giveNotice", agreement_id)

    def hash_of(self, terms: Terms) -> bytes:
        """The digest that is consented to, as the contract computes it."""
        return bytes(self.call("hashOf", pack(terms)))

    def agreement_named(self, payer: int, name: str) -> int:
        """Id of the payer's agreement of that name, from 1; 0 where it has none."""
        return int(self.call("agreementNamed", payer, name_key(name)))

    def agreement(self, agreement_id: int) -> Agreement:
        """An agreement by its id. Raises Agreements_UnknownAgreement where there is none."""
        payer, currency, versions, end_period, ends_at, name = self.call("agreement", agreement_id)
        return Agreement(payer, currency, versions, end_period, ends_at, from_bytes32(name))

    def version_of(self, agreement_id: int, version: int) -> Version:
        """A version, from 1, of an agreement."""
        return Version(*self.call("versionOf", agreement_id, version))

    def terms_of(self, agreement_id: int, version: int) -> Terms:
        """The terms of a version, as they were concluded."""
        return unpack(self.call("termsOf", agreement_id, version))


def _tuples(consents: Sequence[Consent]) -> list[tuple[object, ...]]:
    return [consent.as_tuple() for consent in consents]
