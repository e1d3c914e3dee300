"""An agreement's facts one by one, each with what it should have come to by the second computation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from ledger.terms import Basis, Terms
from ledger.units import PPM
from settlement.agreements import computing
from settlement.agreements.computing import ClauseResult
from settlement.agreements.errors import MeasureMissing
from settlement.agreements.facts import (
    Accrued,
    AgreementFacts,
    ClauseRun,
    Fact,
    GuaranteeRun,
    Released,
)
from settlement.agreements.lines import Kind
from settlement.agreements.registry import Concluded
from settlement.errors import LedgerDisagrees


@dataclass(frozen=True, slots=True)
class Earning:
    """What one institution, a party or the reserve's account, earned on a line by one fact, minor units."""

    line: int
    """Clauses first, then guarantees, from 0."""
    kind: Kind
    institution: int
    place: int
    """The party's in the terms, from 1; 0 is the reserve's account."""
    exact: Fraction
    amount: int
    result: ClauseResult | None = None
    """What the clause comes to now; None of a guarantee."""
    before: ClauseResult | None = None
    """What it had come to: on account before this accrual, or altogether before the run."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A fact, the period and version it concerns (none of what only changes dues), and what it should be."""

    fact: Fact
    period: int | None = None
    version: Concluded | None = None
    earnings: tuple[Earning, ...] = ()
    result: ClauseResult | None = None
    """Of a clause that was run."""
    clawback: int = 0
    released: tuple[tuple[int, ...], int] = ((), 0)
    """Each party's part of a reserve, and the payer's."""

    def earned(self) -> dict[int, int]:
        """Institution → what it earned by the fact."""
        found: dict[int, int] = {}
        for each in self.earnings:
            found[each.institution] = found.get(each.institution, 0) + each.amount
        return found


@dataclass(slots=True)
class _State:
    of: AgreementFacts
    totals: dict[int, int] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)
    """Measure → what performance is measured against next."""
    results: dict[tuple[int, int], ClauseResult] = field(default_factory=dict)
    """(period, clause) → what was run."""


def place_of(agreement_id: int, period: int) -> str:
    """For messages: "agreement 3, period 2019-10"."""
    return f"agreement {agreement_id}, period {period // 12}-{period % 12 + 1:02}"


def replay(of: AgreementFacts) -> Iterator[Replayed]:
    """Every fact of an agreement, in the chain's order, recomputed from terms, totals and reports.

    Raises LedgerDisagrees where something was computed that could not be: in a period that no version
    covers, before a measure was final, a reserve of a clause that has not been run.
    """
    state = _State(of)
    for fact in of.happened:
        yield _replayed(state, fact)


def _replayed(state: _State, fact: Fact) -> Replayed:
    if not isinstance(fact, Accrued | ClauseRun | GuaranteeRun | Released):
        return Replayed(fact)
    version = state.of.agreement.covering(fact.period)
    where = place_of(state.of.agreement.agreement_id, fact.period)
    if version is None:
        raise LedgerDisagrees(where, "there is such a period", "no version covers it")
    measures = state.of.final_measures(fact.period, before=fact.place)
    try:
        match fact:
            case Accrued():
                return _accrued(state, fact, version)
            case ClauseRun():
                return _clause_run(state, fact, version, measures)
            case GuaranteeRun():
                return _guarantee_run(fact, version, measures)
            case Released():
                return _released(state, fact, version, measures)
    except MeasureMissing as missing:
        raise LedgerDisagrees(where, "computed", f"{missing.measure} is not final") from None


def _accrued(state: _State, fact: Accrued, version: Concluded) -> Replayed:
    terms = version.terms
    state.totals[fact.period] = fact.after
    before, after = (computing.on_account(terms, fact.period, total) for total in (fact.before, fact.after))
    earnings = [
        each
        for old, new in zip(before, after, strict=True)
        for each in _earnings(terms, Kind.ACCRUAL, new, old)
    ]
    return Replayed(fact, fact.period, version, tuple(earnings))


def _clause_run(state: _State, fact: ClauseRun, version: Concluded, measures: Mapping[str, int]) -> Replayed:
    terms, total = version.terms, state.totals.get(fact.period, 0)
    if fact.clause >= len(terms.clauses):
        where = place_of(state.of.agreement.agreement_id, fact.period)
        raise LedgerDisagrees(where, f"clause {fact.clause}", f"{len(terms.clauses)} clauses")
    clause = terms.clauses[fact.clause]
    by = terms.measures[clause.measure - 1].name if clause.basis is Basis.PERFORMANCE else ""
    result = computing.final(
        terms, fact.clause, fact.period, version.starts_at, total, measures, state.marks.get(by)
    )
    if result.mark is not None:
        state.marks[by] = result.mark
    state.results[fact.period, fact.clause] = result
    known = {each.clause: each for each in computing.on_account(terms, fact.period, total)}
    earnings = _earnings(terms, Kind.RUN, result, known.get(fact.clause))
    return Replayed(fact, fact.period, version, tuple(earnings), result)


def _guarantee_run(fact: GuaranteeRun, version: Concluded, measures: Mapping[str, int]) -> Replayed:
    terms = version.terms
    promise = terms.guarantees[fact.guarantee]
    owed = computing.clawback(terms, promise, fact.period, measures)
    earning = Earning(
        line=len(terms.clauses) + fact.guarantee,
        kind=Kind.CLAWBACK,
        institution=terms.parties[promise.party - 1],
        place=promise.party,
        exact=-computing.exact_clawback(terms, promise, fact.period, measures),
        amount=-owed,
    )
    return Replayed(fact, fact.period, version, (earning,), clawback=owed)


def _released(state: _State, fact: Released, version: Concluded, measures: Mapping[str, int]) -> Replayed:
    terms, result = version.terms, state.results.get((fact.period, fact.clause))
    if result is None:
        where = place_of(state.of.agreement.agreement_id, fact.period)
        raise LedgerDisagrees(f"{where}, line {fact.clause}", "a reserve released", "nothing was run")
    parts, to_payer = computing.released(terms, result, fact.period, measures)
    shares = computing.release_shares(terms, result, fact.period, measures)
    earnings = [
        Earning(
            *(fact.clause, Kind.RELEASE, party, place),
            *(Fraction(result.reserve * shares[place - 1], PPM), parts[place - 1], result),
        )
        for place, party in enumerate(terms.parties, start=1)
    ]
    taken = -result.reserve
    earnings.append(
        Earning(fact.clause, Kind.RELEASE, terms.reserve_account, 0, Fraction(taken), taken, result)
    )
    return Replayed(fact, fact.period, version, tuple(earnings), released=(parts, to_payer))


def _earnings(
    terms: Terms, kind: Kind, result: ClauseResult, before: ClauseResult | None
) -> Iterator[Earning]:
    """Of the clause's parties and, where it has one, its reserve: what it comes to now less what it came to.

    What was received on account counts as it was paid; of two accruals each is taken exactly.
    """
    clause = terms.clauses[result.clause]
    for place, party in enumerate(terms.parties, start=1):
        exact, amount = _exact(terms, result, place), result.amounts[place - 1]
        if before is not None:
            paid = before.amounts[place - 1]
            amount -= paid
            exact -= paid if kind is Kind.RUN else _exact(terms, before, place)
        yield Earning(result.clause, kind, party, place, exact, amount, result, before)
    if clause.reserve is not None and clause.reserve.rate_ppm:
        exact, amount = _exact(terms, result, 0), result.reserve
        if before is not None:
            amount -= before.reserve
            exact -= before.reserve if kind is Kind.RUN else _exact(terms, before, 0)
        yield Earning(result.clause, kind, terms.reserve_account, 0, exact, amount, result, before)


def _exact(terms: Terms, result: ClauseResult, place: int) -> Fraction:
    clause = terms.clauses[result.clause]
    if place:
        return Fraction(result.rest * clause.steps[result.step].shares_ppm[place - 1], PPM)
    return Fraction(result.pool * (clause.reserve.rate_ppm if clause.reserve else 0), PPM)
