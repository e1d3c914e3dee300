"""One reconciliation, from what is brought to what is kept: sources are read, corrections applied, breaks
found and kept with their history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
from settlement.sources.gathering import gather


@dataclass(frozen=True, slots=True)
class Reported:
    """What came of a run, and how what is kept stands after it."""

    result: Reconciled
    breaks: tuple[tuple[Break, Kept | None], ...]
    """Without the differences that two people have accepted; with what is kept of each, if anything is."""
    pending: tuple[tuple[Break, Kept | None], ...]
    accepted: int = 0


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
            return _reported(result, {})
        with Breaks.open(ledger.path, write=True, owners=owners) as breaks:
            return _kept(ledger, breaks, result, scope)
    with Breaks.open(ledger.path, write=True, owners=owners) as breaks:
        known = {name: breaks.corrections(name) for name in ledger.market.index}

        def amend(name: str, entries: Entries) -> Entries:
            return apply(entries, known.get(name, ()))

        result = ledger.reconcile(scope, gathered.sources, gathered.refused, amend)
        return _kept(ledger, breaks, result, scope)


def _kept(ledger: Ledger, breaks: Breaks, result: Reconciled, scope: Scope) -> Reported:
    standing = breaks.sync(result, covered(result, scope), ledger.moment)
    return _reported(result, {_content(each.found): each for each in standing})


def _reported(result: Reconciled, kept: Mapping[object, Kept]) -> Reported:
    breaks, pending = (
        [(each, kept.get(_content(each))) for each in found] for found in (result.breaks, result.pending)
    )
    standing = [(each, its) for each, its in breaks if its is None or its.status != "closed"]
    return Reported(result, tuple(standing), tuple(pending), len(breaks) - len(standing))


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
