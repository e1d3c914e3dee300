"""One reconciliation, from what is brought to what is kept: sources are read, corrections applied, breaks
found and kept with their history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from settlement.attesting.attributing import Attribution, explain
from settlement.attesting.signing import archive_of, standing
from settlement.breaks.codec import break_to, substance
from settlement.breaks.corrections import Correction, apply
from settlement.breaks.covered import Covered
from settlement.breaks.events import FILE
from settlement.breaks.matching import place_of
from settlement.breaks.opening import owners
from settlement.breaks.store import Breaks, Kept
from settlement.errors import SettlementError
from settlement.operations import Ledger
from settlement.reconciliation.entries import Entries
from settlement.reconciliation.ledger_side import EVERYTHING, Scope
from settlement.reconciliation.model import Break, Cause
from settlement.reconciliation.running import Reconciled
from settlement.sources.configured import Brought, configured
from settlement.sources.gathering import gather

ATTRIBUTED = 500
"""Breaks of a run that are held against signed books; each looks its trades up on the ledger."""


@dataclass(frozen=True, slots=True)
class Reported:
    """What came of a run, and how what is kept stands after it."""

    result: Reconciled
    breaks: tuple[tuple[Break, Kept | None], ...]
    """Without the differences that two people have accepted; with what is kept of each, if anything is."""
    pending: tuple[tuple[Break, Kept | None], ...]
    accepted: int
    """How many differences two people have accepted."""
    corrected: int
    """How many corrections in force have changed anything: there the source is still wrong."""


def run(ledger: Ledger, brought: Iterable[Brought] = (), scope: Scope = EVERYTHING) -> Reported:
    """Reconcile within a scope and keep what is found in the ledger's directory, if it has one.

    Raises NameUnknown, BookDamaged, FileUnwritable.
    """
    gathered = gather(ledger, brought, scope, ledger.progress)
    applied: list[Correction] = []

    def found(known: Mapping[str, Sequence[Correction]]) -> Reconciled:
        def amend(name: str, entries: Entries) -> Entries:
            amended, did = apply(entries, known.get(name, ()))
            applied.extend(did)
            return amended

        result = ledger.reconcile(scope, gathered.sources, gathered.refused, amend, gathered.unread)
        return _attributed(ledger, result)

    if ledger.path is None or not (ledger.path / FILE).exists():
        result = found({})
        if not (result.breaks or result.pending) or ledger.path is None:
            return _reported(result, ())
        # Only now is there anything to keep.
        with Breaks.open(ledger.path, write=True, owners=owners(ledger.market.scenario)) as breaks:
            return _reported(result, breaks.sync(result, covered(result, scope), ledger.moment))
    with Breaks.open(ledger.path, write=True, owners=owners(ledger.market.scenario)) as breaks:
        result = found({name: breaks.corrections(name) for name in ledger.market.index})
        kept = breaks.sync(result, covered(result, scope), ledger.moment)
    return _reported(result, kept, len(applied))


def _attributed(ledger: Ledger, result: Reconciled) -> Reconciled:
    """The result, its breaks with what the books that institutions signed say of them."""
    if not ledger.read().attested:
        return result
    signed, looked_at = standing(ledger, archive_of(ledger)), 0
    breaks = []
    for each in result.breaks:
        said: list[Attribution] = []
        present = result.entries.get(each.institution)
        mine = [book for book in signed if book.institution == each.institution]
        if mine and present is not None and looked_at < ATTRIBUTED:
            looked_at += 1
            said = explain(ledger, mine, each, present)
        more = tuple(Cause(its.verdict, its.said, {}) for its in said)
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


def _reported(result: Reconciled, standing: Sequence[Kept], corrected: int = 0) -> Reported:
    kept = {_content(each.found): each for each in standing}
    breaks, pending = (
        tuple((each, kept.get(_content(each))) for each in found) for found in (result.breaks, result.pending)
    )
    left = tuple((each, its) for each, its in breaks if its is None or its.status != "closed")
    return Reported(result, left, pending, len(breaks) - len(left), corrected)


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
