"""What a settlement shared of the commission it earned, recomputed from the terms and from what came before.

Where the contract has come to something else, LedgerDisagrees says where.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from ledger.contract import Event
from ledger.history import History
from settlement.agreements.sharing import MAX_TOTAL, Running
from settlement.agreements.standing import Accrual, Standing, in_force
from settlement.errors import LedgerDisagrees


@dataclass(slots=True)
class Settled:
    """Follows the history's events of revenue sharing from settlement to settlement, in their order."""

    history: History
    standing: Standing = field(default_factory=Standing)
    _order: dict[bytes, int] = field(default_factory=dict)
    """Transaction → its place among those with events."""
    _seen: int = 0

    def moved(
        self, where: str, transaction: bytes, currency: int, commission: Mapping[int, int]
    ) -> dict[int, int]:
        """Institution → what the settlement's revenue shares move for it, minor units; `commission` is what
        it earned each payer. Raises LedgerDisagrees where the agreements' totals, or what is due by them, are
        not what comes out.
        """
        self.before(transaction)
        before: dict[int, Running] = {}
        at_s, expected, payer_of = self.history.times[transaction], dict[int, int](), dict[int, int]()
        for payer, earned in commission.items():
            for each in self.standing.sharing(payer, currency, at_s).running:
                before[each.agreement_id] = each
                expected[each.agreement_id] = min(each.total + earned, MAX_TOTAL)
                payer_of[each.agreement_id] = payer
        now, dues, moved = dict(before), dict[tuple[int, int], int](), Counter[int]()
        for event in self._until(self._place(transaction) + 1):
            if event.name == "DueChanged":
                dues[event["agreementId"], event["institution"]] = event["due"]
            elif event.name == "RevenueAccrued":
                agreement_id = event["agreementId"]
                known = now.get(agreement_id)
                at = event["period"], event["totalBefore"]
                if known is None or at != (known.period, known.total):
                    wanted = None if known is None else (known.period, known.total)
                    raise LedgerDisagrees(f"{where}, accrual by agreement {agreement_id}", at, wanted)
                more = event["totalAfter"] - known.total
                for receiver, amount in zip(known.receivers, known.paid(more), strict=True):
                    moved[receiver] += amount
                    moved[payer_of[agreement_id]] -= amount
                now[agreement_id] = known.after(more)
        for agreement_id, total in expected.items():
            if (found := now[agreement_id].total) != total:
                raise LedgerDisagrees(
                    f"{where}, commission accrued by agreement {agreement_id}", found, total
                )
        _check_dues(where, before, now, dues)
        return {who: amount for who, amount in moved.items() if amount}

    def before(self, transaction: bytes) -> None:
        """Go on to what stood before a transaction."""
        for _ in self._until(self._place(transaction)):
            pass

    def _place(self, transaction: bytes) -> int:
        """The transaction's place; what the history has read since is put in order first."""
        if transaction not in self._order:
            later = islice(self.history.blocks, len(self._order), None)
            self._order.update((each, place) for place, each in enumerate(later, start=len(self._order)))
        return self._order[transaction]

    def _until(self, place: int) -> Iterator[Event]:
        """The events of transactions before that place that have not been seen, each applied once it is."""
        events = self.history.revenue
        while self._seen < len(events) and self._place(events[self._seen].transaction) < place:
            yield events[self._seen]
            self.standing.apply(events[self._seen])
            self._seen += 1


def accruals(history: History) -> Iterator[tuple[Accrual, Running]]:
    """Each accrual, and its agreement as it stood before."""
    standing, held = Standing(), list[Event]()
    for event in history.revenue:
        if held and held[0].transaction != event.transaction:
            _apply(standing, held)
        # What an accrual changes of dues is told before it.
        held.append(event)
        if event.name == "RevenueAccrued":
            known = standing.registry.agreements[event["agreementId"]]
            terms = in_force(known, history.times[event.transaction])
            if terms is not None:
                at = known.agreement_id, event["period"]
                before = Running.of(terms, *at, standing.totals, standing.dues)
                _apply(standing, held)
                yield standing.accruals[-1], before
        elif event.name != "DueChanged":
            _apply(standing, held)


def _apply(standing: Standing, held: list[Event]) -> None:
    for event in held:
        standing.apply(event)
    held.clear()


def _check_dues(
    where: str,
    before: Mapping[int, Running],
    now: Mapping[int, Running],
    told: Mapping[tuple[int, int], int],
) -> None:
    """What is due has changed as it was told, and nothing else has."""
    changed = {
        (agreement_id, receiver): due
        for agreement_id, running in now.items()
        for receiver, due, old in zip(running.receivers, running.dues, before[agreement_id].dues, strict=True)
        if due != old or (agreement_id, receiver) in told
    }
    if changed != told:
        agreement_id, receiver = min(
            key for key in changed.keys() | told.keys() if changed.get(key) != told.get(key)
        )
        key = agreement_id, receiver
        at = f"{where}, due to institution {receiver} by agreement {agreement_id}"
        raise LedgerDisagrees(at, told.get(key, "as before"), changed.get(key, "as before"))
