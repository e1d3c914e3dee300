"""Terms of agreements, well formed and at random, for tests of any scope."""

from __future__ import annotations

from hypothesis import assume
from hypothesis import strategies as st

from ledger.terms import (
    BY_TIME,
    MAX_MEASURE,
    MAX_POOL,
    MAX_UP_TO,
    MAX_WORDS,
    Basis,
    Clause,
    DayCount,
    Guarantee,
    Measure,
    Reserve,
    Step,
    Terms,
    Tier,
    pack,
)
from settlement.agreements.checks import LATEST
from settlement.agreements.document import Names

NAMES = Names({f"Institution {n}": n for n in range(1, 41)}, {"EUR": 0x8000, "JPY": 0x8001, "KWD": 0x8002})
"""Of the institutions and currencies that random terms are about."""
ACCOUNT = 40
"""Where their reserves are."""

PPM = 1_000_000
_POOLS = st.integers(1, 10_000_000) | st.integers(1, MAX_POOL)
_COUNTS = st.integers(0, 1_000_000) | st.integers(0, MAX_MEASURE)
_RATES = st.integers(0, PPM) | st.sampled_from((0, PPM))
_PRICES = st.integers(0, 10**10) | st.integers(0, 2**64 - 1)
_TEXT = st.from_regex(r"[!-~]([ -~]{0,26}[!-~])?", fullmatch=True)


@st.composite
def tiers(draw: st.DrawFn, basis: Basis) -> tuple[Tier, ...]:
    bounds = sorted(draw(st.sets(st.integers(0, 10**9) | st.integers(0, MAX_UP_TO - 1), max_size=4)))
    rates = _RATES if basis <= Basis.PERFORMANCE else _PRICES
    rows = [
        Tier(bound, draw(rates), draw(st.just(0) | st.integers(0, 2**96 - 1)))
        for bound in (*bounds, MAX_UP_TO)
    ]
    if basis is Basis.COMMISSION:
        rows[0] = Tier(rows[0].up_to, rows[0].rate_ppm)
    return tuple(rows)


@st.composite
def shares(draw: st.DrawFn, parties: int) -> tuple[int, ...]:
    left, found = PPM, []
    for _ in range(parties):
        found.append(draw(st.integers(0, left) | st.sampled_from((0, left))))
        left -= found[-1]
    return tuple(draw(st.permutations(found)))


@st.composite
def clauses(draw: st.DrawFn, parties: int, measures: int, marked: set[int]) -> Clause:
    kinds = [Basis.COMMISSION, Basis.SUBSCRIPTION]
    if measures:
        kinds += [Basis.MANAGEMENT_FEE, Basis.USAGE]
        kinds += [Basis.PERFORMANCE] if len(marked) < measures else []
    basis = draw(st.sampled_from(kinds))
    place = st.integers(1, measures)
    performs = basis is Basis.PERFORMANCE
    measure = 0
    if basis not in (Basis.COMMISSION, Basis.SUBSCRIPTION):
        measure = draw(place.filter(lambda one: not performs or one not in marked))
    if performs:
        marked.add(measure)
    by = draw(st.just(BY_TIME) | place) if measures else BY_TIME
    most = LATEST if by == BY_TIME else MAX_MEASURE
    above = sorted(draw(st.sets(st.integers(1, 10**6) | st.integers(1, most), max_size=2)))
    hurdle_ppm = draw(st.integers(0, PPM)) if performs else 0
    yearly = basis is Basis.MANAGEMENT_FEE or hurdle_ppm
    tier_by = draw(st.just(0) | place) if measures else 0
    cap = draw(st.just(0) | _POOLS)
    reserve = None
    if draw(st.booleans()):
        release = (draw(place), draw(st.integers(0, parties)), draw(_COUNTS)) if measures else (0, 0, 0)
        reserve = Reserve(
            draw(st.integers(1, PPM)),
            draw(st.integers(0, 255)),
            *(release if draw(st.booleans()) else (0, 0, 0)),
        )
    return Clause(
        *(basis, draw(tiers(basis)), tuple(Step(each, draw(shares(parties))) for each in (0, *above))),
        measure=measure,
        units=draw(st.just(0) | place) if performs else 0,
        graduated=not tier_by and draw(st.booleans()),
        tier_by=tier_by,
        step_by=by if above else 0,
        day_count=draw(st.sampled_from(list(DayCount)[1:])) if yearly else DayCount.NONE,
        floor=draw(st.just(0) | st.integers(0, cap or MAX_POOL)),
        cap=cap,
        reserve=reserve,
        mark=draw(_COUNTS) if performs else 0,
        hurdle_ppm=hurdle_ppm,
        resets=performs and draw(st.booleans()),
    )


@st.composite
def guarantees(draw: st.DrawFn, parties: int, measures: int) -> Guarantee:
    rate = draw(_PRICES)
    return Guarantee(
        *(draw(st.integers(1, measures)), draw(st.integers(1, parties))),
        draw(st.integers(1, MAX_MEASURE)),
        rate,
        draw(st.integers(0 if rate else 1, 2**96 - 1)),
        draw(st.just(0) | st.integers(1, 2**96 - 1)),
    )


@st.composite
def measures(draw: st.DrawFn, members: list[int], agents: list[int]) -> list[Measure]:
    found = []
    for name in draw(st.lists(_TEXT, max_size=3, unique=True)):
        if draw(st.booleans()):
            found.append(Measure(name, draw(st.sampled_from(agents))))
        else:
            reporter, other = draw(st.permutations(members + agents))[:2]
            found.append(Measure(name, reporter, other))
    return found


@st.composite
def terms(draw: st.DrawFn) -> Terms:
    """Terms in which nothing is wrong."""
    count = draw(st.integers(1, 3) | st.sampled_from((10, 11, 17, 24)))
    payer, *parties = draw(st.permutations(range(1, ACCOUNT)))[: count + 1]
    agents = sorted(set(range(1, ACCOUNT)) - {payer, *parties})[:2]
    reported = draw(measures([payer, *parties], agents))
    marked: set[int] = set()
    agreed = draw(st.lists(clauses(count, len(reported), marked), min_size=1, max_size=3))
    promised = draw(st.lists(guarantees(count, len(reported)), max_size=2)) if reported else []
    kept = any(clause.reserve for clause in agreed)
    found = Terms(
        *(payer, draw(st.sampled_from(list(NAMES.currencies.values()))), draw(_TEXT), tuple(parties)),
        tuple(agreed),
        draw(st.integers(1, 2**32 - 1)),
        draw(st.just(0) | st.integers(1, LATEST)),
        draw(st.integers(0, 2**16 - 1)),
        draw(st.sampled_from((1, 3, 6, 12))),
        tuple(reported),
        tuple(promised),
        ACCOUNT if kept else 0,
    )
    assume(len(pack(found)) <= MAX_WORDS)
    return found
