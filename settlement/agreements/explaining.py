"""How an amount came about, in words and with its numbers, for statements.

A line's formula comes to its exact amount: 1,000.00 × 20 %, or what a pool is made of before it is shared,
(floor(1,000.01 × 80 %) − reserve 40.00) × 30 %. Whoever reads it can do it again by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ledger.terms import BY_TIME, MAX_UP_TO, Basis, Clause, Guarantee, Terms
from ledger.units import PPM, format_minor
from settlement.agreements.computing import ClauseResult
from settlement.agreements.lines import Kind
from settlement.agreements.replaying import Earning, Replayed

_BASES = {
    Basis.COMMISSION: "commission on settled trades",
    Basis.MANAGEMENT_FEE: "management fee on {}",
    Basis.PERFORMANCE: "performance of {}",
    Basis.SUBSCRIPTION: "subscription",
    Basis.USAGE: "use, by {}",
}
_MONEY = (Basis.COMMISSION, Basis.MANAGEMENT_FEE, Basis.PERFORMANCE)
"""Bases that are amounts of money; of the others a rate is an amount a unit."""


@dataclass(frozen=True, slots=True)
class Naming:
    """What words need besides the terms: institutions' names by index, and the currency's decimals."""

    names: Mapping[int, str]
    exponent: int

    def of(self, institution: int) -> str:
        """The institution's name, or its number where it has none."""
        return self.names.get(institution, f"institution {institution}")

    def money(self, minor: int) -> str:
        """Minor units as currency units: "12,345.67"."""
        return format_minor(minor, self.exponent)

    def each(self, rate_ppm: int) -> str:
        """So many millionths of a minor unit as currency units, without zeros behind: "0.05"."""
        text = format_minor(rate_ppm, self.exponent + 6)
        return text.rstrip("0").rstrip(".")


def percent(ppm: int) -> str:
    """Millionths as they are said, every decimal of them: "20 %", "0.0125 %"."""
    text = format_minor(ppm, 4).rstrip("0").rstrip(".")
    return f"{text} %"


def basis_words(terms: Terms, line: int, kind: Kind) -> str:
    """What a line is about; the same in every period of a version."""
    if line >= len(terms.clauses):
        return f"guarantee of {_measure(terms, terms.guarantees[line - len(terms.clauses)].measure)}"
    clause = terms.clauses[line]
    words = _BASES[clause.basis].format(_measure(terms, clause.measure) if clause.measure else "")
    return f"reserve of {words}" if kind is Kind.RELEASE else words


def tier_words(terms: Terms, replayed: Replayed, earning: Earning, naming: Naming) -> str:
    """The tier, the step and whatever else decided a line."""
    if earning.result is None:
        return ""
    result, clause = earning.result, terms.clauses[earning.line]
    if earning.kind is Kind.RELEASE:
        _, to_payer = replayed.released
        left = f"to the payer {naming.money(to_payer)}" if to_payer and not earning.place else ""
        return "; ".join(filter(None, [_step(terms, clause, result), left]))
    found = [*_performance(terms, clause, result, naming), _tier(terms, clause, result, naming)]
    if clause.basis is Basis.MANAGEMENT_FEE:
        found.append(f"{result.days} of {result.year_days} days")
    if result.pool > result.exact:
        found.append(f"the floor of {naming.money(clause.floor)} applies")
    elif result.pool < result.exact.__floor__():
        found.append(f"the cap of {naming.money(result.pool)} applies")
    found.append(_step(terms, clause, result))
    return "; ".join(filter(None, found))


def formula(terms: Terms, earning: Earning, naming: Naming, *, value: int = 0) -> str:
    """What comes to the line's exact amount. `value` is what was reported where it is a guarantee's."""
    result = earning.result
    if result is None:
        return _clawback(terms.guarantees[earning.line - len(terms.clauses)], value, naming)
    if earning.kind is Kind.RELEASE:
        return _released(earning, result, naming)
    now = _part(terms, earning, result, naming)
    if earning.before is None:
        return now
    if earning.kind is Kind.RUN:
        paid = earning.before.amounts[earning.place - 1] if earning.place else earning.before.reserve
        return f"{now} − {naming.money(paid)} on account" if paid else now
    return f"{now} − {_part(terms, earning, earning.before, naming)}" if earning.before.basis else now


def _measure(terms: Terms, place: int) -> str:
    return terms.measures[place - 1].name


def _rate(clause: Clause, ppm: int, naming: Naming) -> str:
    return percent(ppm) if clause.basis in _MONEY else naming.each(ppm)


def _amount(clause: Clause, value: int, naming: Naming) -> str:
    return naming.money(value) if clause.basis in _MONEY else f"{value:,}"


def _bounds(clause: Clause, place: int, naming: Naming, *, counted: bool) -> str:
    """Of a tier: "above 50,000.00 up to 100,000.00"; `counted` where bounds are of a measure."""

    def shown(value: int) -> str:
        return f"{value:,}" if counted else _amount(clause, value, naming)

    above = f"above {shown(clause.tiers[place - 1].up_to)}" if place else ""
    up_to = clause.tiers[place].up_to
    return " ".join(filter(None, [above, f"up to {shown(up_to)}" if up_to != MAX_UP_TO else ""]))


def _tier(terms: Terms, clause: Clause, result: ClauseResult, naming: Naming) -> str:
    if len(clause.tiers) == 1:
        return ""
    if clause.graduated:
        parts = [(_bounds(clause, i, naming, counted=False), i) for i, _ in result.tiers]
        entered = (f"{each} at {_rate(clause, clause.tiers[i].rate_ppm, naming)}" for each, i in parts)
        return f"graduated, {', '.join(entered)}"
    place = result.tiers[0][0]
    bounds = _bounds(clause, place, naming, counted=bool(clause.tier_by))
    said = f"slab {bounds} at {_rate(clause, clause.tiers[place].rate_ppm, naming)}"
    if not clause.tier_by:
        return said
    name = _measure(terms, clause.tier_by)
    known = "not reported yet" if result.tier_value is None else f"{result.tier_value:,}"
    return f"{said} ({name} {known})"


def _performance(terms: Terms, clause: Clause, result: ClauseResult, naming: Naming) -> list[str]:
    found = result.performance
    if found is None:
        return []
    value, mark, benchmark = (naming.money(each) for each in (found.value, found.mark, found.benchmark))
    words = f"{_measure(terms, clause.measure)} {value} against a mark of {mark}"
    if found.benchmark != found.mark:
        words += (
            f" and, {percent(clause.hurdle_ppm)} a year for {result.days} of {result.year_days} days, "
            f"a hurdle of {benchmark}"
        )
    return [words]


def _step(terms: Terms, clause: Clause, result: ClauseResult) -> str:
    """Which shares applied, where there are several."""
    if len(clause.steps) == 1:
        return ""
    by = clause.step_by
    place = max(result.step, 1)
    above = clause.steps[place].above
    if by == BY_TIME:
        day = datetime.fromtimestamp(above, UTC).date().isoformat()
        return f"shares of periods that begin {'after' if result.step else 'up to'} {day}"
    name = _measure(terms, by)
    if result.step_value is None:
        return f"{name} not reported yet: the first shares"
    return f"{name} {result.step_value:,}, {'above' if result.step else 'not above'} {above:,}"


def _part(terms: Terms, earning: Earning, result: ClauseResult, naming: Naming) -> str:
    """What a party, or the reserve, has of a clause."""
    clause = terms.clauses[result.clause]
    if not earning.place:
        rate_ppm = clause.reserve.rate_ppm if clause.reserve else 0
        return f"{_grouped(_pool(clause, result, naming))} × {percent(rate_ppm)}"
    share_ppm = clause.steps[result.step].shares_ppm[earning.place - 1]
    pool = _pool(clause, result, naming)
    if result.reserve:
        pool = f"{pool} − reserve {naming.money(result.reserve)}"
    return f"{_grouped(pool)} × {percent(share_ppm)}"


def _pool(clause: Clause, result: ClauseResult, naming: Naming) -> str:
    if result.pool > result.exact:
        return f"{naming.money(result.pool)} (floor)"
    if result.pool < result.exact.__floor__():
        return f"{naming.money(result.pool)} (cap)"
    terms = [_charged(clause, result, i, part, naming) for i, part in result.tiers]
    text = " + ".join(filter(None, terms)) or naming.money(0)
    if clause.basis is Basis.MANAGEMENT_FEE:
        text = f"{_grouped(text)} × {result.days} / {result.year_days}"
    return text if result.exact.denominator == 1 else f"floor({text})"


def _charged(clause: Clause, result: ClauseResult, place: int, part: int, naming: Naming) -> str:
    tier = clause.tiers[place]
    shown = _amount(clause, part, naming)
    performance = result.performance
    if performance is not None and part == result.basis and part and clause.units:
        above = f"{naming.money(performance.value)} − {naming.money(performance.benchmark)}"
        shown = f"({above}) × {performance.units:,}"
    text = ""
    if tier.rate_ppm == PPM and clause.basis in _MONEY:
        text = shown
    elif tier.rate_ppm and part:
        text = f"{shown} × {_rate(clause, tier.rate_ppm, naming)}"
    flat = naming.money(tier.flat) if tier.flat else ""
    return " + ".join(filter(None, [text, flat]))


def _grouped(text: str) -> str:
    """In brackets where it is a sum or a product, unless a function's own surround all of it."""
    whole = text.startswith("floor(") and text.find(")") == len(text) - 1
    return text if whole or not any(sign in text for sign in (" + ", " − ", " × ")) else f"({text})"


def _clawback(promise: Guarantee, value: int, naming: Naming) -> str:
    missing = promise.promised - value
    if missing <= 0:
        return f"kept: {value:,} of {promise.promised:,}"
    rated = (
        f"({promise.promised:,} − {value:,}) × {naming.each(promise.rate_ppm)}" if promise.rate_ppm else ""
    )
    text = " + ".join(filter(None, [rated, naming.money(promise.flat) if promise.flat else ""]))
    due = missing * promise.rate_ppm // PPM + promise.flat
    if promise.cap and due >= promise.cap:
        return f"−{naming.money(promise.cap)} (cap; {text})"
    return f"−{_grouped(text)}" if " + " in text else f"−{text or naming.money(0)}"


def _released(earning: Earning, result: ClauseResult, naming: Naming) -> str:
    if not earning.place:
        return f"−{naming.money(result.reserve)}"
    if not result.reserve:
        return naming.money(0)
    share = earning.exact / result.reserve
    return f"{naming.money(result.reserve)} × {percent(int(share * PPM))}"
