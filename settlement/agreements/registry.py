"""Which agreements there are: what was proposed, who has consented, which versions are in force.

All of it follows from the events of `Agreements`, in the chain's order; nothing else is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ledger.contract import Event
from ledger.terms import Terms, unpack


@dataclass(slots=True)
class Proposal:
    """Terms that were put before their parties. Institutions are indexes, transactions hashes."""

    terms_hash: bytes
    """The EIP-712 digest that is consented to."""
    terms: Terms
    proposed_by: int
    transaction: bytes
    former: tuple[int, ...] = ()
    """Parties of the version before that are none of this one; they consent to that."""
    consented: dict[int, bytes] = field(default_factory=dict)
    """Institution → the transaction that brought its consent."""
    withdrawn: dict[int, bytes] = field(default_factory=dict)
    """Institution → the transaction in which it took its consent back, or refused; only itself can consent
    again.
    """
    agreement_id: int = 0
    """From 1 once all have consented."""

    @property
    def signatories(self) -> tuple[int, ...]:
        """Who has to consent: the payer, the parties, and those of the version before."""
        return (self.terms.payer, *self.terms.parties, *self.former)

    @property
    def missing(self) -> tuple[int, ...]:
        """Who has not consented yet, or no longer does."""
        return tuple(each for each in self.signatories if each not in self.consented)


@dataclass(frozen=True, slots=True)
class Concluded:
    """One version that all have consented to; it is in force from `starts_at` (seconds), and `from_period` is
    the first period that it covers.
    """

    version: int
    terms_hash: bytes
    terms: Terms
    starts_at: int
    from_period: int
    transaction: bytes


@dataclass(frozen=True, slots=True)
class Notice:
    """Somebody has given notice: the agreement ends at `ends_at` (seconds), when `end_period` begins, which
    it does not cover.
    """

    institution: int
    ends_at: int
    end_period: int
    transaction: bytes


@dataclass(slots=True)
class Known:
    """One agreement over all its versions, which rise from 1; `notice` where one runs or has run."""

    agreement_id: int
    versions: list[Concluded] = field(default_factory=list)
    notice: Notice | None = None

    @property
    def newest(self) -> Concluded:
        """The version that was concluded last."""
        return self.versions[-1]

    @property
    def payer(self) -> int:
        """Index of the institution whose income is shared; as the name and the currency, it never changes."""
        return self.newest.terms.payer

    @property
    def currency(self) -> int:
        """Index of the currency."""
        return self.newest.terms.currency

    @property
    def name(self) -> str:
        """The agreement's name, unique among its payer's."""
        return self.newest.terms.name

    def covering(self, period: int) -> Concluded | None:
        """The version that covers a period, named by its first month; None where none does."""
        if self.notice is not None and period >= self.notice.end_period:
            return None
        found = [each for each in self.versions if each.from_period <= period]
        return found[-1] if found else None


@dataclass(slots=True)
class Registry:
    """Every proposal by its hash and every agreement by its id, as the events so far have them."""

    proposals: dict[bytes, Proposal] = field(default_factory=dict)
    agreements: dict[int, Known] = field(default_factory=dict)

    def apply(self, event: Event) -> None:
        """Take account of the next event; those of other matters change nothing."""
        match event.name:
            case "TermsProposed":
                self._proposed(event)
            case "ConsentGiven":
                proposal = self.proposals[event["termsHash"]]
                proposal.withdrawn.pop(event["institution"], None)
                proposal.consented.setdefault(event["institution"], event.transaction)
            case "ConsentWithdrawn":
                proposal = self.proposals[event["termsHash"]]
                proposal.consented.pop(event["institution"], None)
                proposal.withdrawn[event["institution"]] = event.transaction
            case "AgreementConcluded":
                self._concluded(event)
            case "NoticeGiven":
                self.agreements[event["agreementId"]].notice = Notice(
                    event["institution"], event["endsAt"], event["endPeriod"], event.transaction
                )

    def named(self, payer: int, name: str) -> Known | None:
        """The payer's agreement of that name, where one has been concluded."""
        for each in self.agreements.values():
            if (each.payer, each.name) == (payer, name):
                return each
        return None

    def _proposed(self, event: Event) -> None:
        known = event["termsHash"]
        if known not in self.proposals:
            terms = unpack(event["terms"])
            known_before = self.named(terms.payer, terms.name)
            before = [each.terms for each in known_before.versions] if known_before else []
            parties = [
                party for each in before if each.version == terms.version - 1 for party in each.parties
            ]
            former = tuple(each for each in parties if each not in terms.parties)
            self.proposals[known] = Proposal(known, terms, event["institution"], event.transaction, former)

    def _concluded(self, event: Event) -> None:
        proposal = self.proposals[event["termsHash"]]
        proposal.agreement_id = event["agreementId"]
        known = self.agreements.setdefault(proposal.agreement_id, Known(proposal.agreement_id))
        known.versions.append(
            Concluded(
                event["version"],
                proposal.terms_hash,
                proposal.terms,
                event["startsAt"],
                event["fromPeriod"],
                event.transaction,
            )
        )
        known.notice = None


def registry(events: Iterable[Event]) -> Registry:
    """What events of `Agreements`, in the chain's order, come to."""
    found = Registry()
    for event in events:
        found.apply(event)
    return found
