"""Where revenue sharing stands at a moment: agreements in force, totals of periods, what is due.

It follows from the events of `Agreements` and `RevenueSharing`, in the chain's order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from ledger.contract import Event
from ledger.terms import Basis, Terms
from settlement.agreements import periods
from settlement.agreements.registry import Known, Registry
from settlement.agreements.sharing import NOTHING, Running, Sharing


@dataclass(frozen=True, slots=True)
class Accrual:
    """Commission of a payer in a settlement by one agreement: the total of the period before and after, minor
    units.
    """

    agreement_id: int
    payer: int
    currency: int
    period: int
    before: int
    after: int
    transaction: bytes


@dataclass(slots=True)
class Standing:
    """Institutions are indexes, amounts minor units."""

    registry: Registry = field(default_factory=Registry)
    totals: dict[tuple[int, int], int] = field(default_factory=dict)
    """(agreement, period) → commission so far."""
    dues: dict[tuple[int, int], int] = field(default_factory=dict)
    """(agreement, institution) → what the payer owes it, negative what it owes the payer."""
    accruals: list[Accrual] = field(default_factory=list)
    _sharing_on: dict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(list))
    """(payer, currency) → its agreements."""

    def apply(self, event: Event) -> None:
        """Take account of the next event."""
        match event.name:
            case "RevenueAccrued":
                at = event["agreementId"], event["period"]
                known = self.registry.agreements[at[0]]
                before, after = event["totalBefore"], event["totalAfter"]
                self.totals[at] = after
                self.accruals.append(
                    Accrual(at[0], known.payer, known.currency, at[1], before, after, event.transaction)
                )
            case "DueChanged":
                self.dues[event["agreementId"], event["institution"]] = event["due"]
            case _:
                self.registry.apply(event)
                if event.name == "AgreementConcluded":
                    self._concluded(self.registry.agreements[event["agreementId"]])

    def sharing(self, payer: int, currency: int, at_s: int) -> Sharing:
        """What the payer gives of its commission in a block of that time, chain seconds. An agreement counts
        commission from its first version that shares any.
        """
        running = []
        for agreement_id in self._sharing_on.get((payer, currency), ()):
            terms = in_force(self.registry.agreements[agreement_id], at_s)
            if terms is not None:
                period = periods.at(at_s, terms.months)
                running.append(Running.of(terms, agreement_id, period, self.totals, self.dues))
        return Sharing(tuple(running)) if running else NOTHING

    def sharings(self, currency: int, at_s: int) -> dict[int, Sharing]:
        """Payer → what it gives of its commission in a currency, in a block of that time."""
        return {
            payer: self.sharing(payer, of, at_s) for payer, of in list(self._sharing_on) if of == currency
        }

    def unpaid(self, currency: int) -> dict[int, int]:
        """Payer → what it owes by all its agreements in a currency, minor units; what is owed to it apart."""
        found: dict[int, int] = {}
        for (agreement_id, _), due in self.dues.items():
            known = self.registry.agreements[agreement_id]
            if due > 0 and known.currency == currency:
                found[known.payer] = found.get(known.payer, 0) + due
        return found

    def _concluded(self, known: Known) -> None:
        ids = self._sharing_on[known.payer, known.currency]
        shares = any(each.basis is Basis.COMMISSION for each in known.newest.terms.clauses)
        if shares and known.agreement_id not in ids:
            ids.append(known.agreement_id)


def standing(events: Iterable[Event]) -> Standing:
    """What events of `Agreements` and `RevenueSharing`, in the chain's order, come to."""
    found = Standing()
    for event in events:
        found.apply(event)
    return found


def in_force(known: Known, at_s: int) -> Terms | None:
    """The terms of an agreement that are in force at a moment, chain seconds."""
    if known.notice is not None and at_s >= known.notice.ends_at:
        return None
    begun = [each.terms for each in known.versions if each.starts_at <= at_s]
    return begun[-1] if begun else None
