"""One reconciliation, from what is brought to what is kept: sources are read, corrections applied, breaks
found and kept with their history.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from settlement.breaks.codec import substance
from settlement.breaks.corrections import apply
from settlement.breaks.covered import Covered
from settlement.breaks.events import FILE
from settlement.breaks.matching import place_of
from settlement.breaks.store import Breaks, Kept
from settlement.operations import Ledger
from settlement.reconciliation.entries import Entries
from settlement.reconciliation.ledger_side import EVERYTHING, Scope
from settlement.reconciliation.model import Break, Side
from settlement.reconciliation.running import Reconciled
from settlement.sources.configured import Brought
from settlement.sources.gathering import Gathered, gather


@dataclass(frozen=True, slots=True)
class Reported:
    """What came of a run, and how what is kept stands after it."""

    result: Reconciled
    kept: tuple[Kept, ...]
    """Of the run's breaks and pending ones, in their order."""
    unread: bool
    """Whether any source could not be read at all."""


def run(ledger: Ledger, brought: Iterable[Brought] = (), scope: Scope = EVERYTHING) -> Reported:
    """Reconcile within a scope and keep what is found in the ledger's directory, if it has one.

    Raises NameUnknown, BookDamaged, FileUnwritable.
    """
    gathered = gather(ledger, brought, scope, ledger.progress)
    scenario = ledger.market.scenario
    owners: dict[Side, str] = {"ledger": scenario.venue, "bank": scenario.cash.issuer}
    owners["custodian"] = scenario.securities.issuer
    there = ledger.path is not None and (ledger.path / FILE).exists()
    if not there:
        result = ledger.reconcile(scope, gathered.sources, gathered.refused)
        if not (result.breaks or result.pending) or ledger.path is None:
            return Reported(result, (), bool(gathered.refused))
        with Breaks.open(ledger.path, write=True, owners=owners) as breaks:
            return _kept(ledger, breaks, result, gathered, scope)
    with Breaks.open(ledger.path, write=True, owners=owners) as breaks:
        known = {name: breaks.corrections(name) for name in ledger.market.index}

        def amend(name: str, entries: Entries) -> Entries:
            return apply(entries, known.get(name, ()))

        result = ledger.reconcile(scope, gathered.sources, gathered.refused, amend)
        return _kept(ledger, breaks, result, gathered, scope)


def _kept(ledger: Ledger, breaks: Breaks, result: Reconciled, gathered: Gathered, scope: Scope) -> Reported:
    standing = breaks.sync(result, covered(result, scope), ledger.moment)
    by_content = {_content(each.found): each for each in standing}
    found = (by_content.get(_content(each)) for each in (*result.breaks, *result.pending))
    return Reported(result, tuple(each for each in found if each is not None), bool(gathered.refused))


def _content(each: Break) -> tuple[object, ...]:
    return place_of(each), each.sides, substance(each)


def covered(result: Reconciled, scope: Scope) -> Sequence[Covered]:
    """What a run would have found again, had it still been so."""
    return [
        Covered(
            institutions=[each.institution],
            sides=[each.side, "ledger"],
            levels=[each.level],
            days=each.days,
            cycle=scope.cycle,
            shelf=each.shelf,
        )
        for each in result.held
    ]
