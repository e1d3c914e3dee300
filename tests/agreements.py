"""Agreements for tests: terms drawn at random within the rules of the contract, and events by hand.

What is drawn follows from the `random.Random` that is given alone, so that a seed brings it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random
from typing import Any

from ledger.contract import Event
from ledger.ids import to_bytes32
from ledger.terms import (
    BY_TIME,
    MAX_MEASURE,
    MAX_POOL,
    MAX_UP_TO,
    Basis,
    Clause,
    DayCount,
    Guarantee,
    Measure,
    Reserve,
    Step,
    Terms,
    Tier,
    measure_key,
    pack,
)
from ledger.units import PPM
from settlement.agreements import periods
from settlement.agreements.facts import Facts, facts

MEASURES = ("USERS", "AUM", "NAV", "UNITS", "LOSSES", "LTV")
BIG = 2**88
"""What a trade's amount is below, minor units; commissions and bounds are drawn up to some of it."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who may play a part: institutions' indexes. `agents` are neither payers nor parties."""

    parties: tuple[int, ...]
    agents: tuple[int, ...]
    reserve_account: int = 0


def random_terms(
    random: Random,
    payer: int,
    currency: int,
    name: str,
    cast: Cast,
    *,
    months: int | None = None,
    **given: int,
) -> Terms:
    """Terms with any mix of bases, tiers, steps, reserve, guarantees, caps and floors. `given` are `version`,
    `effective_from` and `notice_days`.
    """
    others = [each for each in cast.parties if each != payer]
    parties = tuple(random.sample(others, random.choice((1, 1, 2, 2, 3, min(12, len(others))))))
    measures = _measures(random, payer, parties, cast)
    clauses: list[Clause] = []
    for _ in range(random.choice((1, 1, 2, 3))):
        clauses.append(_clause(random, clauses, len(parties), len(measures), cast.reserve_account))
    reserved = any(clause.reserve for clause in clauses)
    return Terms(
        payer=payer,
        currency=currency,
        name=name,
        parties=parties,
        clauses=tuple(clauses),
        months=months or random.choice((1, 3, 6, 12)),
        measures=measures,
        guarantees=_guarantees(random, len(parties), len(measures)),
        reserve_account=cast.reserve_account if reserved else 0,
        **given,
    )


def random_value(random: Random, *near: int) -> int:
    """What a measure may be reported as: small, large, anything at all, or at a bound of the terms."""
    kinds = [random.randrange(10), random.randrange(10**6), random.randrange(10**12), random.randrange(2**64)]
    kinds += [0, MAX_MEASURE]
    if near:
        bound = random.choice(near)
        kinds += [max(0, min(MAX_MEASURE, bound + random.choice((-1, 0, 1))))] * 3
    return random.choice(kinds)


def bounds_of(terms: Terms) -> list[int]:
    """What a measure is held against anywhere in the terms."""
    found = [step.above for clause in terms.clauses for step in clause.steps if clause.step_by != BY_TIME]
    found += [tier.up_to for clause in terms.clauses for tier in clause.tiers[:-1]]
    found += [clause.reserve.above for clause in terms.clauses if clause.reserve]
    found += [clause.mark for clause in terms.clauses] + [each.promised for each in terms.guarantees]
    return [each for each in found if each <= MAX_MEASURE]


def random_amount(random: Random) -> int:
    """A commission: mostly ordinary, at times a unit or two, at times the largest that there are."""
    return random.choice(
        (random.randint(1, 3), random.randint(1, 10**4), random.randint(1, 10**7), random.randint(1, BIG))
    )


def evaluated(formula: str, exponent: int) -> Fraction:
    """What a statement's formula comes to, minor units, worked out from its text alone."""
    if formula.startswith("kept:"):
        return Fraction(0)
    text = re.sub(r" \((floor|cap)\)| \(cap; .*\)$", "", formula)
    text = text.replace("reserve ", "").replace(" on account", "").replace(",", "")
    text = re.sub(r"[0-9]+(\.[0-9]+)?", r"Fraction('\g<0>')", text)
    text = text.replace("−", "-").replace("×", "*").replace(" %", " / 100")
    unit = 10**exponent
    names = {"Fraction": Fraction, "floor": lambda amount: Fraction(int(amount * unit // 1), unit)}
    value: Fraction = eval(text, {"__builtins__": {}}, names)
    return value * unit


def _measures(random: Random, payer: int, parties: Sequence[int], cast: Cast) -> tuple[Measure, ...]:
    found = []
    for name in random.sample(MEASURES, random.randint(0, 4)):
        if random.random() < 0.4:
            found.append(Measure(name, random.choice(cast.agents)))
        else:
            found.append(Measure(name, *random.sample([payer, *parties], 2)))
    return tuple(found)


def _clause(random: Random, before: Sequence[Clause], parties: int, measures: int, keeper: int) -> Clause:
    taken = {each.measure for each in before if each.basis is Basis.PERFORMANCE}
    free = [place for place in range(1, measures + 1) if place not in taken]
    bases = [Basis.COMMISSION, Basis.COMMISSION, Basis.SUBSCRIPTION]
    bases += [Basis.MANAGEMENT_FEE, Basis.USAGE] if measures else []
    bases += [Basis.PERFORMANCE] * 2 if free else []
    basis = random.choice(bases)
    hurdle_ppm = random.choice((0, 40_000, 1_000_000)) if basis is Basis.PERFORMANCE else 0
    counted = basis is Basis.MANAGEMENT_FEE or hurdle_ppm
    graduated = random.random() < 0.4
    step_by = random.choice((0, 0, BY_TIME, *range(1, measures + 1)))
    is_measured = basis not in (Basis.COMMISSION, Basis.SUBSCRIPTION)
    cap = random.choice((0, 0, 0, random.randint(1, 10**6), random.randint(1, MAX_POOL)))
    return Clause(
        basis=basis,
        tiers=_tiers(random, basis),
        steps=_steps(random, parties, step_by),
        measure=random.choice(free if basis is Basis.PERFORMANCE else range(1, measures + 1))
        if is_measured
        else 0,
        units=random.randint(0, measures) if basis is Basis.PERFORMANCE else 0,
        graduated=graduated,
        tier_by=0 if graduated else random.choice((0, random.randint(0, measures))),
        step_by=step_by,
        day_count=random.choice(list(DayCount)[1:]) if counted else DayCount.NONE,
        floor=random.choice((0, 0, random.randint(0, min(10**6, cap or 10**6)))),
        cap=cap,
        reserve=_reserve(random, parties, measures) if keeper and random.random() < 0.5 else None,
        mark=random.choice((0, random.randrange(10**6))) if basis is Basis.PERFORMANCE else 0,
        hurdle_ppm=hurdle_ppm,
        resets=basis is Basis.PERFORMANCE and random.random() < 0.3,
    )


def _tiers(random: Random, basis: Basis) -> tuple[Tier, ...]:
    count = random.choice((1, 1, 2, 3))
    scale = random.choice((10, 10**4, 10**7, 2**64))
    bounds = sorted(random.sample(range(1, scale + 1), count - 1)) if scale < 2**60 else []
    while len(bounds) < count - 1:
        bounds.append((bounds[-1] if bounds else 0) + random.randint(1, scale))
    limit = PPM if basis <= Basis.PERFORMANCE else random.choice((PPM, 500 * PPM, 2**64 - 1))
    tiers = []
    for i, up_to in enumerate([*bounds, MAX_UP_TO]):
        flat = random.choice((0, random.randrange(10**5)))
        if basis is Basis.COMMISSION and i == 0:
            flat = 0
        rate_ppm = random.choice((0, limit, random.randint(0, limit), random.randint(0, min(limit, 50_000))))
        tiers.append(Tier(up_to, rate_ppm, flat))
    return tuple(tiers)


def _steps(random: Random, parties: int, step_by: int) -> tuple[Step, ...]:
    if not step_by:
        return (Step(0, _shares(random, parties)),)
    if step_by == BY_TIME:
        aboves = sorted({random.randint(1_560_000_000, 1_640_000_000) for _ in range(random.randint(1, 3))})
    else:
        scale = random.choice((10, 10**6, 2**64))
        aboves = sorted({random.randint(1, scale) for _ in range(random.randint(1, 3))})
    return tuple(Step(above, _shares(random, parties)) for above in (0, *aboves))


def _shares(random: Random, parties: int) -> tuple[int, ...]:
    """Of millionths, mostly odd ones; what they leave is the payer's, nothing at times."""
    cuts = sorted(random.randint(0, PPM) for _ in range(parties))
    if random.random() < 0.2:
        cuts[-1] = PPM
    shares = [after - before for before, after in zip([0, *cuts], cuts, strict=False)]
    random.shuffle(shares)
    return tuple(shares)


def _reserve(random: Random, parties: int, measures: int) -> Reserve:
    rate_ppm = random.choice((50_000, 50_000, random.randint(1, PPM)))
    measure = random.randint(0, measures)
    rule = (measure, random.randint(0, parties), random.randrange(10**6)) if measure else (0, 0, 0)
    return Reserve(rate_ppm, random.choice((0, 1, 1, 2)), *rule)


def _guarantees(random: Random, parties: int, measures: int) -> tuple[Guarantee, ...]:
    if not measures:
        return ()
    return tuple(
        Guarantee(
            measure=random.randint(1, measures),
            party=random.randint(1, parties),
            promised=random.choice((random.randint(1, 10**6), random.randint(1, MAX_MEASURE))),
            rate_ppm=random.choice((0, random.randint(0, 10**7))),
            flat=random.randint(1, 10**4),
            cap=random.choice((0, random.randint(1, 10**5))),
        )
        for _ in range(random.choice((0, 0, 1, 2)))
    )


@dataclass(slots=True)
class Story:
    """Events of the agreements' contract as somebody tells them; `then` begins another transaction."""

    events: list[Event] = field(default_factory=list)
    blocks: dict[bytes, int] = field(default_factory=dict)
    _at: int = 0

    def then(self) -> bytes:
        """The next transaction; its hash."""
        self._at += 1
        hashed = self._at.to_bytes(32, "big")
        self.blocks[hashed] = 100 + self._at
        return hashed

    def tell(self, name: str, **arguments: Any) -> None:
        """One more event of the transaction; a measure may be given by its name."""
        if not self._at:
            self.then()
        if isinstance(arguments.get("measure"), str):
            arguments["measure"] = measure_key(arguments["measure"])
        self.events.append(Event(name, arguments, self._at.to_bytes(32, "big")))

    def conclude(self, agreement_id: int, terms: Terms, starts_at: int) -> None:
        """Propose terms, consent for all, conclude them: in a transaction of its own."""
        self.then()
        terms_hash = to_bytes32(f"terms {agreement_id}.{terms.version}")
        payer = terms.payer
        self.tell("TermsProposed", termsHash=terms_hash, payer=payer, institution=payer, terms=pack(terms))
        for each in (terms.payer, *terms.parties):
            self.tell("ConsentGiven", termsHash=terms_hash, institution=each)
        self.tell(
            "AgreementConcluded",
            agreementId=agreement_id,
            version=terms.version,
            termsHash=terms_hash,
            startsAt=starts_at,
            fromPeriod=periods.at(starts_at, terms.months),
        )

    def report(self, agreement_id: int, period: int, values: Iterable[tuple[str, int]], by: int) -> None:
        """Measures of a period, reported and countersigned."""
        for measure, value in values:
            said: dict[str, Any] = {"measure": measure, "value": value, "institution": by}
            said |= {"agreementId": agreement_id, "period": period}
            self.tell("MeasureReported", **said)
            self.tell("MeasureCountersigned", **said)

    def facts(self) -> Facts:
        """What has been told so far."""
        return facts(self.events, self.blocks)
