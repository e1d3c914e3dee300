"""`RevenueSharing`: who is owed what part of whose commission."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.accounts import Signer
from ledger.chain import Receipt
from ledger.contract import Contract
from ledger.signatures import Domain, terms_hash


@dataclass(frozen=True, slots=True)
class Terms:
    """An agreement as its parties sign it; `shares` are (party, ppm) in its order."""

    payer: int
    currency: int
    shares: tuple[tuple[int, int], ...]
    version: int = 1

    def as_tuple(self) -> tuple[object, ...]:
        """In the order of the contract's struct."""
        return (self.payer, self.currency, self.version, list(self.shares))

    def digest(self, domain: Domain) -> bytes:
        """What the payer and each party sign."""
        return domain.digest(terms_hash(self.payer, self.currency, self.version, self.shares))


@dataclass(frozen=True, slots=True)
class Agreement:
    """An agreement in force. `total` is the commission of the period so far, in minor units."""

    version: int
    period: int
    total: int
    shares: tuple[tuple[int, int], ...]


class RevenueSharing(Contract):
    """Client of the contract; see `contracts/interfaces/IRevenueSharing.sol` for what each call means."""

    @property
    def domain(self) -> Domain:
        """What terms are signed for."""
        return Domain("RevenueSharing", self.chain.chain_id, self.address)

    def conclude(self, sender: Signer, terms: Terms, signatures: Sequence[bytes]) -> Receipt:
        """Put an agreement into force; signatures of the payer, then of each party. Anyone may send it."""
        return self.send(sender, "conclude", terms.as_tuple(), list(signatures))

    def close_period(self, by: Signer, payer: int, currency: int) -> Receipt:
        """Clear what is below a unit and start the total anew."""
        return self.send(by, "closePeriod", payer, currency)

    def agreement(self, payer: int, currency: int) -> Agreement:
        """What is in force between a payer and its parties; version 0 where nothing is."""
        version, period, total, shares = self.call("agreement", payer, currency)
        return Agreement(version, period, total, tuple((party, ppm) for party, ppm in shares))
