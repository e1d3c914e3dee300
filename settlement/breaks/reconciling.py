"""One reconciliation, from what is brought to what is kept: sources are read, corrections applied, breaks
found and kept with their history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from settlement.attesting.attributing import Attribution, explain
from settlement.attesting.kept import Archive
from settlement.breaks.codec import break_to, substance
from settlement.breaks.corrections import apply
from settlement.breaks.covered import Covered
from settlement.breaks.events import FILE
from settlement.breaks.matching import place_of
from settlement.breaks.store import Breaks, Kept
from settlement.directory import ATTESTED
from settlement.errors import SettlementError
from settlement.operations import Ledger
from settlement.reconciliation.entries import Entries
from settlement.reconciliation.ledger_side import EVERYTHING, Scope
from settlement.reconciliation.model import Break, Cause, Side
from settlement.reconciliation.running import Reconciled
from settlement.sources.configured import Brought, configured
from settlement.sources.gathering import gather

ATTRIBUTED = 500
"""Breaks of a run that are held against signed books; each reads the books of its cycles."""


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
        result = ledger.reconcile(scope, gathered.sources, gathered.refused, unread=gathered.unread)
        result = _attributed(ledger, result)
        if not (result.breaks or result.pending) or ledger.path is None:
            return _reported(result, {})
        with Breaks.open(ledger.path, write=True, owners=owners) as breaks:
            return _kept(ledger, breaks, result, scope)
    with Breaks.open(ledger.path, write=True, owners=owners) as breaks:
        known = {name: breaks.corrections(name) for name in ledger.market.index}

        def amend(name: str, entries: Entries) -> Entries:
            return apply(entries, known.get(name, ()))

        result = ledger.reconcile(scope, gathered.sources, gathered.refused, amend, gathered.unread)
        return _kept(ledger, breaks, _attributed(ledger, result), scope)


def _attributed(ledger: Ledger, result: Reconciled) -> Reconciled:
    """The result, its breaks with what the books that institutions signed say of them."""
    signed = {event["institution"] for event in ledger.read().attested}
    names = {name for name, index in ledger.market.index.items() if index in signed}
    if not names or ledger.path is None:
        return result
    archive, looked_at = Archive(ledger.path / ATTESTED), 0
    breaks = []
    for each in result.breaks:
        said: list[Attribution] = []
        present = result.entries.get(each.institution)
        if each.institution in names and present is not None and looked_at < ATTRIBUTED:
            looked_at += 1
            said = explain(ledger, archive, each, present)
        more = tuple(Cause(each.verdict, each.said[:1].upper() + each.said[1:] + ".", {}) for each in said)
        breaks.append(replace(each, causes=each.causes + more))
    return replace(result, breaks=tuple(breaks))


@dataclass(slots=True)
class AfterCycles:
    """Reconciles each cycle by itself, where books are configured, on that cycle's part only."""

    reported: list[tuple[int, Reported]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Why it could not, where it could not: what has settled has settled."""

    def __call__(self, ledger: Ledger, cycle: int) -> None:
        """Reconcile a cycle."""
        try:
            brought = [] if ledger.path is None else configured(ledger.path)
            if brought:
                self.reported.append((cycle, run(ledger, brought, Scope(cycle=cycle))))
        except SettlementError as error:
            self.problems.append(str(error))


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
    return place_of(each), each.sides, substance(break_to(each))


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
