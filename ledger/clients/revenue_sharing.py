"""`RevenueSharing`: agreements on who is owed what of whose income, and what came of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from ledger.accounts import Signer
from ledger.chain import Receipt
from ledger.contract import Contract
from ledger.ids import from_bytes32
from ledger.signatures import Domain
from ledger.terms import Terms, measure_key, name_key, pack, unpack

IN_THE_RUN = bytes(32)
"""Where a line is contested: not in a settlement, but in the run of its period."""


class ReportStatus(IntEnum):
    """Where a measure of a period stands. Only FINAL is counted with."""

    NONE = 0
    REPORTED = 1
    DISPUTED = 2
    FINAL = 3


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
    """One version: the first period that it covers, and when it starts (seconds)."""

    terms_no: int
    from_period: int
    starts_at: int


class RevenueSharing(Contract):
    """Client of the contract; see `contracts/interfaces/IRevenueSharing.sol` for what each call means.

    A period is `year * 12 + month - 1` of its first month. Lines are places from 0: the clauses, then the
    guarantees. Amounts are minor units.
    """

    @property
    def domain(self) -> Domain:
        """What terms are signed for."""
        return Domain("RevenueSharing", self.chain.chain_id, self.address)

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

    def report(self, reporter: Signer, agreement_id: int, period: int, measure: str, value: int) -> Receipt:
        """Report a measure of a period that has ended."""
        return self.send(reporter, "report", agreement_id, period, measure_key(measure), value)

    def countersign(
        self, countersigner: Signer, agreement_id: int, period: int, measure: str, value: int
    ) -> Receipt:
        """Agree to what was reported, which `value` repeats."""
        return self.send(countersigner, "countersign", agreement_id, period, measure_key(measure), value)

    def dispute(self, countersigner: Signer, agreement_id: int, period: int, measure: str) -> Receipt:
        """Do not agree to what was reported."""
        return self.send(countersigner, "dispute", agreement_id, period, measure_key(measure))

    def run(self, sender: Signer, agreement_id: int, period: int, lines: Iterable[int]) -> Receipt:
        """Compute lines of a period that has ended, for good, and pay what is due."""
        mask = 0
        for line in lines:
            mask |= 1 << line
        return self.send(sender, "run", agreement_id, period, mask)

    def pay(self, sender: Signer, agreement_id: int) -> Receipt:
        """Have the payer pay what is still due, all of it."""
        return self.send(sender, "pay", agreement_id)

    def repay(self, debtor: Signer, agreement_id: int) -> Receipt:
        """Pay the payer what the sender owes it, all of it."""
        return self.send(debtor, "repay", agreement_id)

    def release(self, sender: Signer, agreement_id: int, period: int, clause: int) -> Receipt:
        """Release what a clause put in reserve in a period."""
        return self.send(sender, "release", agreement_id, period, clause)

    def contest(
        self,
        party: Signer,
        agreement_id: int,
        period: int,
        line: int,
        reason: str,
        transaction: bytes = IN_THE_RUN,
    ) -> Receipt:
        """Record that the sender contests a line, as the settlement in `transaction` or the run has it."""
        return self.send(party, "contest", agreement_id, period, line, transaction, reason)

    def resolve(
        self, party: Signer, agreement_id: int, period: int, line: int, transaction: bytes = IN_THE_RUN
    ) -> Receipt:
        """Contest the line no more."""
        return self.send(party, "resolve", agreement_id, period, line, transaction)

    def hash_of(self, terms: Terms) -> bytes:
        """The digest that is consented to, as the contract computes it."""
        return bytes(self.call("hashOf", pack(terms)))

    def preview(self, payer: int, currency: int, commission: int) -> dict[int, int]:
        """Institution → what its cash would change by, if the payer earned so much commission now."""
        words = self.call("preview", payer, currency, commission)
        changes: dict[int, int] = {}
        for word in words:
            who = word >> 224 & 0xFFFF
            changes[who] = changes.get(who, 0) + _signed(word & (1 << 128) - 1)
        return changes

    def agreement_named(self, payer: int, name: str) -> int:
        """Id of the payer's agreement of that name, from 1; 0 where it has none."""
        return int(self.call("agreementNamed", payer, name_key(name)))

    def agreement(self, agreement_id: int) -> Agreement:
        """An agreement by its id. Raises RevenueSharing_UnknownAgreement where there is none."""
        payer, currency, versions, end_period, ends_at, name = self.call("agreement", agreement_id)
        return Agreement(payer, currency, versions, end_period, ends_at, from_bytes32(name))

    def version_of(self, agreement_id: int, version: int) -> Version:
        """A version, from 1, of an agreement."""
        return Version(*self.call("versionOf", agreement_id, version))

    def terms_of(self, agreement_id: int, version: int) -> Terms:
        """The terms of a version, as they were concluded."""
        return unpack(self.call("termsOf", agreement_id, version))

    def total_of(self, agreement_id: int, period: int) -> int:
        """Commission of the period so far."""
        return int(self.call("totalOf", agreement_id, period))

    def due_of(self, agreement_id: int, institution: int) -> int:
        """What the payer owes the institution; negative: is owed by it."""
        return int(self.call("dueOf", agreement_id, institution))

    def report_of(self, agreement_id: int, period: int, measure: str) -> tuple[ReportStatus, int]:
        """Where a measure of a period stands, and its value."""
        status, value = self.call("reportOf", agreement_id, period, measure_key(measure))
        return ReportStatus(status), value

    def lines_of(self, agreement_id: int, period: int) -> tuple[frozenset[int], frozenset[int]]:
        """The lines that have been computed, and the clauses whose reserve has been released."""
        run, released = self.call("linesOf", agreement_id, period)
        return _places(run), _places(released)


def _tuples(consents: Sequence[Consent]) -> list[tuple[object, ...]]:
    return [consent.as_tuple() for consent in consents]


def _places(mask: int) -> frozenset[int]:
    return frozenset(bit for bit in range(mask.bit_length()) if mask >> bit & 1)


def _signed(value: int) -> int:
    return value - (1 << 128) if value >> 127 else value
