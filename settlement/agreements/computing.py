"""What an agreement comes to: the second computation, from its terms and what was reported, exactly.

`contracts/interfaces/IRevenueSharing.sol` says in prose what a clause is, and this is written from that prose
and shares nothing with the contract. Amounts are minor units, rates and shares millionths, periods as in
`settlement.agreements.periods`. Every amount is kept as a `Fraction` until a sentence of the terms rounds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ledger.terms import BY_TIME, MAX_POOL, Basis, Clause, DayCount, Guarantee, Terms, Tier
from ledger.units import PPM
from settlement.agreements import periods
from settlement.agreements.errors import MeasureMissing
from settlement.revenue import allocate, entitlement


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What a performance clause measured against: the mark it found, and what it has to exceed."""

    mark: int
    benchmark: int
    value: int
    units: int


@dataclass(frozen=True, slots=True)
class ClauseResult:
    """What one clause of a period comes to, minor units, and what decided it."""

    clause: int
    """Its place, from 0."""
    basis: int
    """X of the interface."""
    tiers: tuple[tuple[int, int], ...]
    """(place of a tier, part of the basis that it charged): one by slab, each entered by graduation."""
    tier_value: int | None
    """The measure that chose the tier; None where the basis did."""
    days: int
    """Of `year_days`, that a management fee counts for, or a hurdle; 0 where there is no day count."""
    year_days: int
    exact: Fraction
    """The pool before rounding, floor and cap."""
    pool: int
    reserve: int
    step: int
    """Place of the step whose shares applied."""
    step_value: int | None
    """What chose the step; None where there was nothing to choose, or it is not known yet."""
    amounts: tuple[int, ...]
    """Of each party, in the terms' order."""
    performance: Benchmark | None = None
    mark: int | None = None
    """Of a performance clause: what the next period is measured against."""

    @property
    def rest(self) -> int:
        """What is shared: the pool without the reserve."""
        return self.pool - self.reserve


def on_account(terms: Terms, period: int, total: int) -> list[ClauseResult]:
    """What each commission clause gives while its period lasts, of a running total of commission.

    Every amount is rounded down. Where a measure decides, the first tier and the first step apply, as the
    measure is reported once the period has ended; so the cap counts and the floor does not.
    """
    found = []
    for place, clause in enumerate(terms.clauses):
        if clause.basis is not Basis.COMMISSION:
            continue
        tiers = _charged(clause, total, 0 if clause.tier_by else total)
        exact = _of_tiers(clause, tiers)
        pool = _capped(clause, exact.__floor__())
        reserve = _reserve(clause, pool)
        begins = periods.start_s(period) if clause.step_by == BY_TIME else None
        step = 0 if begins is None else _step(clause, begins)
        amounts = tuple(entitlement(pool - reserve, ppm) for ppm in clause.steps[step].shares_ppm)
        found.append(
            ClauseResult(place, total, tiers, None, 0, 0, exact, pool, reserve, step, begins, amounts)
        )
    return found


def final(
    terms: Terms,
    clause_index: int,
    period: int,
    starts_at: int,
    total: int,
    measures: Mapping[str, int],
    mark: int | None = None,
) -> ClauseResult:
    """A clause of a period that has ended, for good, by largest remainder; the payer's part comes last.

    `starts_at` is when the version took effect (seconds), `total` the commission of the period, `measures`
    what is final, `mark` what the last period of a performance clause left; None where none did.
    Raises MeasureMissing where a measure that it depends on is not among them.
    """
    clause = terms.clauses[clause_index]
    days, year_days = _days(terms, clause, period, starts_at)
    performance = None
    if clause.basis is Basis.PERFORMANCE:
        performance = _performance(terms, clause, period, measures, mark, days, year_days)
        basis = max(0, performance.value - performance.benchmark) * performance.units
    else:
        basis = _basis(terms, clause, period, total, measures)
    tier_value = _value(terms, clause.tier_by, period, measures) if clause.tier_by else None
    tiers = _charged(clause, basis, basis if tier_value is None else tier_value)
    exact = _of_tiers(clause, tiers)
    if clause.basis is Basis.MANAGEMENT_FEE:
        exact = exact * days / year_days
    pool = _capped(clause, max(exact.__floor__(), clause.floor))
    reserve = _reserve(clause, pool)
    step, step_value = 0, None
    if clause.step_by:
        step_value = _step_value(terms, clause, period, measures)
        step = _step(clause, step_value)
    after = None
    if performance is not None:
        after = performance.value if clause.resets else max(performance.mark, performance.value)
    return ClauseResult(
        *(clause_index, basis, tiers, tier_value, days, year_days, exact, pool, reserve, step, step_value),
        amounts=_shared(pool - reserve, clause.steps[step].shares_ppm)[0],
        performance=performance,
        mark=after,
    )


def clawback(terms: Terms, promise: Guarantee, period: int, measures: Mapping[str, int]) -> int:
    """What a guarantee comes to, rounded down: 0 where it was kept.

    Raises MeasureMissing where its measure is not final.
    """
    return exact_clawback(terms, promise, period, measures).__floor__()


def exact_clawback(terms: Terms, promise: Guarantee, period: int, measures: Mapping[str, int]) -> Fraction:
    """`clawback` before rounding."""
    missing = promise.promised - _value(terms, promise.measure, period, measures)
    if missing <= 0:
        return Fraction(0)
    due = Fraction(missing * promise.rate_ppm, PPM) + promise.flat
    return min(due, Fraction(promise.cap)) if promise.cap else due


def released(
    terms: Terms, result: ClauseResult, period: int, measures: Mapping[str, int]
) -> tuple[tuple[int, ...], int]:
    """What the reserve of a clause goes to: each party's part, in the terms' order, and the payer's.

    Raises MeasureMissing where a measure decides that is not final.
    """
    return _shared(result.reserve, release_shares(terms, result, period, measures))


def release_shares(
    terms: Terms, result: ClauseResult, period: int, measures: Mapping[str, int]
) -> tuple[int, ...]:
    """What each party has of the reserve, millionths: by the period's shares, or as the rule says."""
    clause = terms.clauses[result.clause]
    kept = clause.reserve
    if kept is not None and kept.measure and _value(terms, kept.measure, period, measures) > kept.above:
        return tuple(PPM if place == kept.to else 0 for place in range(1, len(terms.parties) + 1))
    return clause.steps[result.step].shares_ppm


def mark_of(clause: Clause, mark: int | None) -> int:
    """What performance is measured against: what the last period left, else what the terms say."""
    return clause.mark if mark is None else mark


def _days(terms: Terms, clause: Clause, period: int, starts_at: int) -> tuple[int, int]:
    """Days of the period since the version took effect, and of a year; zeros where none are counted."""
    if clause.day_count is DayCount.NONE:
        return 0, 0
    begins = max(periods.start_s(period), starts_at)
    days = periods.days(clause.day_count, begins, periods.end_s(period, terms.months))
    return days, periods.year_days(clause.day_count)


def _performance(
    terms: Terms,
    clause: Clause,
    period: int,
    measures: Mapping[str, int],
    mark: int | None,
    days: int,
    year_days: int,
) -> Benchmark:
    value = _value(terms, clause.measure, period, measures)
    units = _value(terms, clause.units, period, measures) if clause.units else 1
    before = mark_of(clause, mark)
    hurdle = (
        Fraction(before * clause.hurdle_ppm * days, PPM * year_days) if clause.hurdle_ppm else Fraction(0)
    )
    return Benchmark(before, before + hurdle.__floor__(), value, units)


def _basis(terms: Terms, clause: Clause, period: int, total: int, measures: Mapping[str, int]) -> int:
    if clause.basis is Basis.COMMISSION:
        return total
    if clause.basis is Basis.SUBSCRIPTION:
        return 1
    return _value(terms, clause.measure, period, measures)


def _value(terms: Terms, place: int, period: int, measures: Mapping[str, int]) -> int:
    name = terms.measures[place - 1].name
    if name not in measures:
        raise MeasureMissing(name, period)
    return measures[name]


def _charged(clause: Clause, basis: int, by: int) -> tuple[tuple[int, int], ...]:
    """Which tiers charge which part of the basis. A bound belongs to its own tier; nothing at all is in the
    first, and the last tier has no bound, whatever the words hold."""
    *bounded, _ = clause.tiers
    if not clause.graduated:
        place = next((i for i, tier in enumerate(bounded) if by <= tier.up_to), len(bounded))
        return ((place, basis),)
    parts, last = [], 0
    for i, up_to in enumerate([*(tier.up_to for tier in bounded), basis]):
        if i and basis <= last:
            break
        parts.append((i, min(basis, up_to) - last))
        last = up_to
    return tuple(parts)


def _of_tiers(clause: Clause, charged: Sequence[tuple[int, int]]) -> Fraction:
    return sum((_of_tier(clause.tiers[i], part) for i, part in charged), Fraction(0))


def _of_tier(tier: Tier, part: int) -> Fraction:
    return Fraction(part * tier.rate_ppm, PPM) + tier.flat


def _capped(clause: Clause, pool: int) -> int:
    return min(pool, clause.cap or MAX_POOL)


def _reserve(clause: Clause, pool: int) -> int:
    return entitlement(pool, clause.reserve.rate_ppm) if clause.reserve else 0


def _step_value(terms: Terms, clause: Clause, period: int, measures: Mapping[str, int]) -> int:
    if clause.step_by == BY_TIME:
        return periods.start_s(period)
    return _value(terms, clause.step_by, period, measures)


def _step(clause: Clause, value: int) -> int:
    """The last that `value` is above; the first takes all below the second."""
    return max((i for i, step in enumerate(clause.steps) if i and value > step.above), default=0)


def _shared(amount: int, shares_ppm: Sequence[int]) -> tuple[tuple[int, ...], int]:
    """By largest remainder, each party's part and the payer's."""
    *parts, payer = allocate(amount, [*shares_ppm, PPM - sum(shares_ppm)])
    return tuple(parts), payer
