"""Whether terms are well formed: the rules of the contract's `TermsCheck`, and a few that only people need.

Terms in which nothing is found here are taken by the contract, if the institutions and the currency are on
its ledger and the time is right. Each finding names its place as `document.py` writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from ledger.errors import InvalidValue
from ledger.terms import (
    BY_TIME,
    MAX_MEASURE,
    MAX_PARTIES,
    MAX_POOL,
    MAX_UP_TO,
    MAX_WORDS,
    Basis,
    Clause,
    DayCount,
    Step,
    Terms,
    pack,
)
from ledger.units import PPM
from settlement.agreements.periods import MONTHS
from settlement.marked_yaml import Path

MAX_ENTRIES = 16
"""Measures, clauses and guarantees of an agreement, tiers of a clause."""
MAX_STEPS = 8
LATEST = 2**36
"""Seconds; the year 4147. Periods behind have no number."""
_NAME = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_MEASURED = (Basis.MANAGEMENT_FEE, Basis.PERFORMANCE, Basis.USAGE)


class TermsMistake(IntEnum):
    """What is wrong with terms, as the contract says it."""

    LENGTH = 0
    SURPLUS = 1
    NAME = 2
    PERIOD = 3
    PARTY_COUNT = 4
    PARTY = 5
    PARTY_TWICE = 6
    MEASURE_NAME = 7
    MEASURE_TWICE = 8
    REPORTER = 9
    CLAUSE_COUNT = 10
    BASIS = 11
    MEASURE = 12
    TIER_KIND = 13
    TIER_ORDER = 14
    RATE = 15
    STEP_ORDER = 16
    SHARES = 17
    DAY_COUNT = 18
    BOUNDS = 19
    RESERVE = 20
    RELEASE = 21
    MARK = 22
    GUARANTEE = 23


@dataclass(frozen=True, slots=True)
class Flaw:
    """One mistake in terms: which, where in the document, and the reason in words."""

    mistake: TermsMistake
    path: Path
    reason: str


def mistakes(terms: Terms) -> list[Flaw]:
    """Everything that is wrong with terms, in the order of the document."""
    return [
        *_head(terms),
        *_parties(terms),
        *_measures(terms),
        *_clauses(terms),
        *_guarantees(terms),
        *_length(terms),
    ]


def steps_path(clause: Clause, step: int) -> Path:
    """Where the document has a step's shares, from the clause on."""
    plain = len(clause.steps) == 1 and clause.step_by == 0
    return ("shares",) if plain else ("shares", "steps", step, "shares")


def _head(terms: Terms) -> Iterator[Flaw]:
    if len(terms.name) > 32 or not _NAME.fullmatch(terms.name):
        yield Flaw(TermsMistake.NAME, ("agreement",), "1 to 32 printable ASCII characters are wanted")
    if not 1 <= terms.version < 2**32:
        yield Flaw(TermsMistake.NAME, ("version",), "versions count from 1")
    if terms.months not in MONTHS:
        yield Flaw(TermsMistake.PERIOD, ("period",), "1, 3, 6 or 12 months are wanted")
    if not 0 <= terms.effective_from <= LATEST:
        yield Flaw(TermsMistake.PERIOD, ("effective",), "times go up to the year 4147")
    if not terms.payer:
        yield Flaw(TermsMistake.PARTY, ("payer",), "is no institution")


def _parties(terms: Terms) -> Iterator[Flaw]:
    if not 1 <= len(terms.parties) <= MAX_PARTIES:
        yield Flaw(
            TermsMistake.PARTY_COUNT, ("parties",), f"1 to {MAX_PARTIES} are wanted, not {len(terms.parties)}"
        )
    for place, party in enumerate(terms.parties):
        path: Path = ("parties", place)
        if not party:
            yield Flaw(TermsMistake.PARTY, path, "is no institution")
        elif party == terms.payer:
            yield Flaw(TermsMistake.PARTY_TWICE, path, "is the payer, which keeps what the shares leave")
        elif party in terms.parties[:place]:
            first = terms.parties.index(party)
            yield Flaw(TermsMistake.PARTY_TWICE, path, f"is a party already, parties[{first}]")
        elif party == terms.reserve_account:
            yield Flaw(TermsMistake.PARTY, path, "is the account of the reserve")


def _measures(terms: Terms) -> Iterator[Flaw]:
    if len(terms.measures) > MAX_ENTRIES:
        yield Flaw(TermsMistake.MEASURE, ("measures",), f"{MAX_ENTRIES} are what there can be")
    members = (terms.payer, *terms.parties)
    names = [each.name for each in terms.measures]
    for place, each in enumerate(terms.measures):
        path: Path = ("measures", place)
        if len(each.name) > 28 or not _NAME.fullmatch(each.name):
            reason = "1 to 28 printable ASCII characters are wanted"
            yield Flaw(TermsMistake.MEASURE_NAME, (*path, "name"), reason)
        if each.name in names[:place]:
            reason = f"{each.name} is there already, measures[{names.index(each.name)}]"
            yield Flaw(TermsMistake.MEASURE_TWICE, (*path, "name"), reason)
        if not each.reporter:
            yield Flaw(TermsMistake.REPORTER, (*path, "reporter"), "is no institution")
        elif each.countersigner == each.reporter:
            yield Flaw(TermsMistake.REPORTER, (*path, "countersigner"), "is the reporter itself")
        elif not each.countersigner and each.reporter in members:
            reason = "is payer or party here; a calculation agent is neither, another has to countersign"
            yield Flaw(TermsMistake.REPORTER, (*path, "calculation_agent"), reason)


def _clauses(terms: Terms) -> Iterator[Flaw]:
    if not 1 <= len(terms.clauses) <= MAX_ENTRIES:
        reason = f"1 to {MAX_ENTRIES} are wanted, not {len(terms.clauses)}"
        yield Flaw(TermsMistake.CLAUSE_COUNT, ("clauses",), reason)
    marked: dict[int, int] = {}
    for place, clause in enumerate(terms.clauses):
        found = [
            *_clause_measures(terms, clause),
            *_tiers(clause),
            *_steps(terms, clause),
            *_bounds(clause),
            *_yearly(clause),
            *_reserve(terms, clause),
        ]
        if clause.basis is Basis.PERFORMANCE and marked.setdefault(clause.measure, place) != place:
            reason = f"clauses[{marked[clause.measure]}] has a mark for this measure already"
            found.append(Flaw(TermsMistake.MARK, ("measure",), reason))
        for flaw in found:
            yield Flaw(flaw.mistake, ("clauses", place, *flaw.path), flaw.reason)


def _clause_measures(terms: Terms, clause: Clause) -> Iterator[Flaw]:
    count = len(terms.measures)
    kind = clause.basis.name.lower()
    if clause.basis in _MEASURED and not 1 <= clause.measure <= count:
        yield Flaw(TermsMistake.MEASURE, ("measure",), f"a {kind} clause needs one of the measures")
    if clause.basis not in _MEASURED and clause.measure:
        yield Flaw(TermsMistake.MEASURE, ("measure",), f"a {kind} clause goes by no measure")
    if clause.units > count or (clause.units and clause.basis is not Basis.PERFORMANCE):
        yield Flaw(TermsMistake.MEASURE, ("units",), "is one of the measures, of a performance clause")
    if clause.tier_by > count:
        yield Flaw(TermsMistake.MEASURE, ("tiers", "by"), "is none of the measures")
    if clause.step_by > count and clause.step_by != BY_TIME:
        yield Flaw(TermsMistake.MEASURE, ("shares", "by"), "is none of the measures")


def _tiers(clause: Clause) -> Iterator[Flaw]:
    path: Path = ("tiers", "rates")
    if not 1 <= len(clause.tiers) <= MAX_ENTRIES:
        reason = f"1 to {MAX_ENTRIES} are wanted, not {len(clause.tiers)}"
        yield Flaw(TermsMistake.LENGTH, path, reason)
    if clause.graduated and clause.tier_by:
        reason = "graduated tiers are of the basis itself; by a measure they are slab"
        yield Flaw(TermsMistake.TIER_KIND, ("tiers", "by"), reason)
    below, last = -1, len(clause.tiers) - 1
    for place, tier in enumerate(clause.tiers):
        at: Path = (*path, place)
        if place < last and tier.up_to == MAX_UP_TO:
            yield Flaw(TermsMistake.TIER_ORDER, (*at, "up_to"), "only the last tier may be without bound")
        elif place == last and tier.up_to != MAX_UP_TO:
            yield Flaw(TermsMistake.TIER_ORDER, (*at, "up_to"), "the last tier must be without bound: null")
        elif tier.up_to <= below:
            reason = "must be above the bound before it: tiers go from small to large"
            yield Flaw(TermsMistake.TIER_ORDER, (*at, "up_to"), reason)
        below = tier.up_to
        if clause.basis <= Basis.PERFORMANCE and tier.rate_ppm > PPM:
            reason = f"is more than the whole, {PPM:,}"
            yield Flaw(TermsMistake.RATE, (*at, "rate_ppm"), reason)
    if clause.basis is Basis.COMMISSION and clause.tiers and clause.tiers[0].flat:
        reason = "the first tier of commission has none: nothing is due while nothing has been earned"
        yield Flaw(TermsMistake.RATE, (*path, 0, "flat"), reason)


def _steps(terms: Terms, clause: Clause) -> Iterator[Flaw]:
    path: Path = ("shares", "steps")
    by_time = clause.step_by == BY_TIME
    if not 1 <= len(clause.steps) <= MAX_STEPS:
        reason = f"1 to {MAX_STEPS} are wanted, not {len(clause.steps)}"
        yield Flaw(TermsMistake.LENGTH, path, reason)
    if len(clause.steps) == 1 and clause.step_by:
        yield Flaw(TermsMistake.STEP_ORDER, path, "one step goes by nothing: write its shares alone")
    if len(clause.steps) > 1 and not clause.step_by:
        yield Flaw(TermsMistake.STEP_ORDER, ("shares", "by"), "is what several steps need")
    below = 0
    for place, step in enumerate(clause.steps):
        key = "from" if by_time else "above"
        if not place and step.above:
            yield Flaw(TermsMistake.STEP_ORDER, (*path, 0, key), "the first step takes all below the second")
        if place and step.above <= below:
            reason = "must come after the step before it" if by_time else "must be above the step before it"
            yield Flaw(TermsMistake.STEP_ORDER, (*path, place, key), reason)
        if step.above > (LATEST if by_time else MAX_MEASURE):
            yield Flaw(TermsMistake.STEP_ORDER, (*path, place, key), "can never be reached")
        below = step.above
        yield from _shares(terms, step, steps_path(clause, place))


def _shares(terms: Terms, step: Step, path: Path) -> Iterator[Flaw]:
    if len(step.shares_ppm) != len(terms.parties):
        yield Flaw(TermsMistake.SHARES, path, f"{len(terms.parties)} are wanted, one a party")
    if (total := sum(step.shares_ppm)) > PPM:
        reason = f"add up to {total:,} ppm, more than the whole of {PPM:,}"
        yield Flaw(TermsMistake.SHARES, path, reason)


def _bounds(clause: Clause) -> Iterator[Flaw]:
    for key, amount in (("floor", clause.floor), ("cap", clause.cap)):
        if amount > MAX_POOL:
            yield Flaw(TermsMistake.BOUNDS, (key,), "is more than a clause can come to")
    if clause.cap and clause.floor > clause.cap:
        yield Flaw(TermsMistake.BOUNDS, ("floor",), "is above the cap")


def _yearly(clause: Clause) -> Iterator[Flaw]:
    performance = clause.basis is Basis.PERFORMANCE
    yearly = clause.basis is Basis.MANAGEMENT_FEE or (performance and clause.hurdle_ppm > 0)
    if yearly and clause.day_count is DayCount.NONE:
        reason = "a rate a year needs one: ACT/360, ACT/365 or 30/360"
        yield Flaw(TermsMistake.DAY_COUNT, ("day_count",), reason)
    if not yearly and clause.day_count is not DayCount.NONE:
        yield Flaw(TermsMistake.DAY_COUNT, ("day_count",), "nothing here is a rate a year")
    if clause.hurdle_ppm > PPM:
        yield Flaw(TermsMistake.MARK, ("hurdle_ppm",), f"is more than the whole, {PPM:,}")
    if not performance and (clause.mark or clause.hurdle_ppm or clause.resets):
        reason = "only performance is above a mark"
        yield Flaw(TermsMistake.MARK, ("high_water_mark",), reason)


def _reserve(terms: Terms, clause: Clause) -> Iterator[Flaw]:
    kept = clause.reserve
    if kept is None:
        return
    unless: Path = ("reserve", "unless")
    if kept.rate_ppm > PPM:
        yield Flaw(TermsMistake.RESERVE, ("reserve", "rate_ppm"), f"is more than the whole, {PPM:,}")
    if not kept.rate_ppm:
        yield Flaw(TermsMistake.RELEASE, ("reserve", "rate_ppm"), "is nothing: leave the reserve out")
    if not terms.reserve_account:
        yield Flaw(TermsMistake.RESERVE, ("reserve",), "needs a reserve_account, which the agreement lacks")
    if kept.measure > len(terms.measures):
        yield Flaw(TermsMistake.RELEASE, (*unless, "measure"), "is none of the measures")
    if not kept.measure and (kept.to or kept.above):
        yield Flaw(TermsMistake.RELEASE, (*unless, "measure"), "is missing")
    if kept.to > len(terms.parties):
        yield Flaw(TermsMistake.RELEASE, (*unless, "to"), "is neither payer nor party")
    if kept.above > MAX_MEASURE:
        yield Flaw(TermsMistake.RELEASE, (*unless, "above"), "can never be reached")


def _guarantees(terms: Terms) -> Iterator[Flaw]:
    if len(terms.guarantees) > MAX_ENTRIES:
        yield Flaw(TermsMistake.LENGTH, ("guarantees",), f"{MAX_ENTRIES} are what there can be")
    for place, each in enumerate(terms.guarantees):
        path: Path = ("guarantees", place)
        if not 1 <= each.measure <= len(terms.measures):
            yield Flaw(TermsMistake.GUARANTEE, (*path, "measure"), "is none of the measures")
        if not 1 <= each.party <= len(terms.parties):
            yield Flaw(TermsMistake.GUARANTEE, (*path, "party"), "is none of the parties")
        if not 1 <= each.promised <= MAX_MEASURE:
            yield Flaw(TermsMistake.GUARANTEE, (*path, "promised"), f"1 to {MAX_MEASURE:,} are wanted")
        if not each.rate_ppm and not each.flat:
            yield Flaw(TermsMistake.GUARANTEE, (*path, "clawback"), "comes to nothing")


def _length(terms: Terms) -> Iterator[Flaw]:
    try:
        words = len(pack(terms))
    except InvalidValue:
        return  # said above, or of a field's size
    if words > MAX_WORDS:
        yield Flaw(TermsMistake.LENGTH, (), f"comes to {words} words, {MAX_WORDS} are what terms can have")
