"""Which lines of an agreement can be computed now, which reserves released, and what waits for whom.

It follows from the facts alone. Periods are named by their first month, institutions by index, times are
seconds of the chain.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ledger.clients.revenue_sharing import ReportStatus
from ledger.terms import BY_TIME, Basis, Terms
from settlement.agreements import periods
from settlement.agreements.facts import (
    AgreementFacts,
    ClauseRun,
    GuaranteeRun,
    Released,
)
from settlement.agreements.registry import Concluded


@dataclass(frozen=True, slots=True)
class Waiting:
    """A line of a period that has ended waits for a measure to be final; `institution` is whose turn it is.

    Where `after` is a period, a performance line waits for that of this period, which sets its mark; where
    `unpaid_minor` is something, a reserve waits until the payer has paid it in. `measure` is empty then.
    """

    period: int
    line: int
    measure: str = ""
    status: ReportStatus = ReportStatus.NONE
    institution: int = 0
    after: int | None = None
    unpaid_minor: int = 0


@dataclass(slots=True)
class Plan:
    """What can be done now, in this order, and what cannot."""

    ready: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)
    """(period, lines), which one run computes."""
    waiting: list[Waiting] = field(default_factory=list)


def covered(of: AgreementFacts, now_s: int) -> Iterator[tuple[int, Concluded]]:
    """The periods of an agreement that have begun by now, each with the version that covers it."""
    first = of.agreement.versions[0]
    period = first.from_period
    while max(periods.start_s(period), first.starts_at) <= now_s:
        version = of.agreement.covering(period)
        if version is None:
            return
        yield period, version
        period += version.terms.months


def ended(of: AgreementFacts, now_s: int) -> Iterator[tuple[int, Concluded]]:
    """The periods that are over by now."""
    for period, version in covered(of, now_s):
        if periods.end_s(period, version.terms.months) <= now_s:
            yield period, version


def measures_of(terms: Terms, line: int) -> list[str]:
    """The measures that a line needs to be computed, each once."""
    if line >= len(terms.clauses):
        places = [terms.guarantees[line - len(terms.clauses)].measure]
    else:
        clause = terms.clauses[line]
        places = [clause.measure, clause.units, clause.tier_by, clause.step_by % BY_TIME]
    return list(dict.fromkeys(terms.measures[place - 1].name for place in places if place))


def computed(of: AgreementFacts) -> set[tuple[int, int]]:
    """(period, line) of all lines that have been run."""
    found = set()
    for fact in of.happened:
        if isinstance(fact, ClauseRun):
            found.add((fact.period, fact.clause))
        elif isinstance(fact, GuaranteeRun):
            version = of.agreement.covering(fact.period)
            if version is not None:
                found.add((fact.period, len(version.terms.clauses) + fact.guarantee))
    return found


def plan(of: AgreementFacts, now_s: int, only: int | None = None) -> Plan:
    """Every line of every period that has ended (or of one) that has not been run: can it, and if not why.

    A performance line that waits holds up those after it, as its mark is what they are measured against.
    """
    found, done = Plan(), computed(of)
    held: dict[str, int] = {}
    for period, version in ended(of, now_s):
        terms, ready = version.terms, list[int]()
        wanted = only in (None, period)
        for line in range(terms.lines):
            if (period, line) in done:
                continue
            waits = _waits(of, terms, period, line)
            marked = _mark(terms, line)
            if marked in held:
                waits = waits or [Waiting(period, line, after=held[marked])]
            if marked and (waits or not wanted):
                held.setdefault(marked, period)
            if wanted and waits:
                found.waiting += waits
            elif wanted:
                ready.append(line)
        if ready:
            found.ready.append((period, tuple(ready)))
    return found


def releases(of: AgreementFacts, now_s: int) -> Plan:
    """The reserves that can be released now, lines being clauses, and those whose time has come and which
    wait, for a measure or until what they are to have has been paid in. What is paid in counts for the first.
    """
    found = Plan()
    gone = {(fact.period, fact.clause) for fact in of.happened if isinstance(fact, Released)}
    runs = [fact for fact in of.happened if isinstance(fact, ClauseRun) and fact.reserve]
    runs = [fact for fact in runs if (fact.period, fact.clause) not in gone]
    held = sum(fact.reserve for fact in runs)
    for fact in runs:
        version = of.agreement.covering(fact.period)
        kept = version.terms.clauses[fact.clause].reserve if version is not None else None
        if version is None or kept is None:
            continue
        terms = version.terms
        if periods.end_s(fact.period, terms.months * (kept.after + 1)) > now_s:
            continue
        name = terms.measures[kept.measure - 1].name if kept.measure else ""
        waits = _measure_waits(of, terms, fact.period, fact.clause, name) if name else None
        unpaid = of.dues.get(terms.reserve_account, 0)
        if waits is None and 0 < unpaid > held - fact.reserve:
            waits = Waiting(fact.period, fact.clause, institution=terms.payer, unpaid_minor=unpaid)
        if waits is not None:
            found.waiting.append(waits)
        else:
            found.ready.append((fact.period, (fact.clause,)))
            held -= fact.reserve
    return found


def _waits(of: AgreementFacts, terms: Terms, period: int, line: int) -> list[Waiting]:
    found = (_measure_waits(of, terms, period, line, name) for name in measures_of(terms, line))
    return [each for each in found if each is not None]


def _measure_waits(of: AgreementFacts, terms: Terms, period: int, line: int, name: str) -> Waiting | None:
    report = of.reports.get((period, name))
    status = report.status if report is not None else ReportStatus.NONE
    if status is ReportStatus.FINAL:
        return None
    (measure,) = (each for each in terms.measures if each.name == name)
    whose = measure.countersigner if status is ReportStatus.REPORTED else measure.reporter
    return Waiting(period, line, name, status, whose)


def _mark(terms: Terms, line: int) -> str:
    """The measure whose mark a line moves; "" where it is no performance line."""
    if line >= len(terms.clauses) or terms.clauses[line].basis is not Basis.PERFORMANCE:
        return ""
    return terms.measures[terms.clauses[line].measure - 1].name
