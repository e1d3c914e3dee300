"""What institutions are told of cash that agreements moved: their books take it from there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from ledger.history import History
from settlement.agreements.account import payments
from settlement.agreements.facts import Accrued, AgreementFacts, Facts

_MOVES = frozenset({"ClauseRun", "GuaranteeRun", "ReserveReleased", "DueChanged"})
"""Events in whose transactions cash moves that no settlement explains."""


class Advice:
    """Follows a history, for the institutions whose books are kept.

    What a payer gives in a settlement its book reckons by itself, from the agreement; so of that only the
    receiving side is told. Only agreements are looked at again that moved something else, or of which a
    book's owner is a party: a day has thousands of accruals.
    """

    def __init__(self, currency: int) -> None:
        self.facts = Facts()
        self._currency = currency
        self._told: dict[int, Counter[int]] = {}

    def follow(self, history: History, owners: Collection[int]) -> dict[int, int]:
        """Take what is new; institution → cash that it was told of since, in minor units, signed."""
        touched = set()
        for event in history.revenue[self.facts.read :]:
            self.facts.apply(event, history.blocks[event.transaction])
            if event.name in _MOVES or event.name == "RevenueAccrued":
                number = event["agreementId"]
                of = self.facts.agreements[number]
                parties = (party for each in of.agreement.versions for party in each.terms.parties)
                if event.name in _MOVES or any(party in owners for party in parties):
                    touched.add(number)
        more: Counter[int] = Counter()
        for number in touched:
            of = self.facts.agreements[number]
            if of.agreement.currency != self._currency:
                continue
            told = _told(of)
            more.update(told)
            more.subtract(self._told.get(number, Counter()))
            self._told[number] = told
        return {institution: amount for institution, amount in more.items() if amount}


def _told(of: AgreementFacts) -> Counter[int]:
    settled = {fact.transaction for fact in of.happened if isinstance(fact, Accrued)}
    told: Counter[int] = Counter()
    for each in payments(of):
        told[each.institution] += each.amount
        if each.transaction not in settled:
            told[of.agreement.payer] -= each.amount
    return told
