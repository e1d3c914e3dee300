"""propose(words, ..): which terms are well formed.

given every field is used             ─ taken
given every limit is reached          ─ taken: 255 words; 24 parties; 16 measures, clauses, tiers, guarantees;
                                        8 steps; the largest rates, bounds, times
given anything is one past its limit, of the wrong kind, out of order, twice, missing, of nobody
                                      ─ refused, saying which mistake, where, and at which entry of it
given a bit that the layout has zero  ─ refused, each of them
given words are missing, or too many  ─ refused
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ledger import reverts
from ledger.clients.consortium import Role
from ledger.terms import (
    BY_TIME,
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
    pack,
)
from tests.contracts.agreeing import Mistake, admit_keeper, clause_with, everything, mistake_in
from tests.contracts.support import Ledger, refused

COMMISSION, FEE, GAIN, FLAT, USAGE = range(5)
"""Places of the clauses in `everything`."""
ANY = "any"
LAST = Tier(MAX_UP_TO, 1)
HALF = (500_000, 300_000, 200_000)

Change = Callable[[Terms, Ledger], Terms]


def of(place: int, **changes: Any) -> Change:
    return lambda terms, _: clause_with(terms, place, **changes)


def whole(**changes: Any) -> Change:
    return lambda terms, _: replace(terms, **changes)


def measured(place: int, **changes: Any) -> Change:
    def change(terms: Terms, ledger: Ledger) -> Terms:
        measures = list(terms.measures)
        found = {key: ledger.index.get(value, value) for key, value in changes.items()}
        measures[place] = replace(measures[place], **found)
        return replace(terms, measures=tuple(measures))

    return change


def promised(place: int, **changes: Any) -> Change:
    def change(terms: Terms, _: Ledger) -> Terms:
        guarantees = list(terms.guarantees)
        guarantees[place] = replace(guarantees[place], **changes)
        return replace(terms, guarantees=tuple(guarantees))

    return change


def parties(*names: str | int) -> Change:
    return lambda terms, ledger: replace(terms, parties=tuple(ledger.index.get(n, n) for n in names))  # type: ignore[call-overload, misc]


def kept(**changes: Any) -> Change:
    return lambda terms, _: clause_with(
        terms, USAGE, reserve=replace(Reserve(50_000, 2, 1, 3, 10**6), **changes)
    )


def steps(*aboves: int) -> tuple[Step, ...]:
    return tuple(Step(above, HALF) for above in aboves)


MISTAKES: dict[str, tuple[Change, Mistake, int | str, int | str]] = {
    "0 months": (whole(months=0), Mistake.PERIOD, 0, 0),
    "2 months": (whole(months=2), Mistake.PERIOD, 0, 2),
    "4 months": (whole(months=4), Mistake.PERIOD, 0, 4),
    "13 months": (whole(months=13), Mistake.PERIOD, 0, 13),
    "255 months": (whole(months=255), Mistake.PERIOD, 0, 255),
    "effective in 4147": (whole(effective_from=2**36 + 1), Mistake.PERIOD, 0, 3),
    "effective never": (whole(effective_from=2**64 - 1), Mistake.PERIOD, 0, 3),
    "party 0": (parties("V", 0, "P"), Mistake.PARTY, 1, 0),
    "party nobody": (parties("V", "P", 12), Mistake.PARTY, 2, 0),
    "party 65535": (parties(0xFFFF, "P", "V"), Mistake.PARTY, 0, 0),
    "party keeps the reserve": (parties("V", "K", "P"), Mistake.PARTY, 1, 0),
    "payer 0": (whole(payer=0), Mistake.PARTY, 0, 3),
    "payer nobody": (whole(payer=12), Mistake.PARTY, 0, 3),
    "payer is a party": (parties("V", "P", "B1"), Mistake.PARTY_TWICE, 2, 0),
    "party twice": (parties("V", "P", "V"), Mistake.PARTY_TWICE, 2, 0),
    "measure twice": (measured(3, name="NAV"), Mistake.MEASURE_TWICE, 3, 1),
    "reporter 0": (measured(0, reporter=0), Mistake.REPORTER, 0, 0),
    "agent 0": (measured(1, reporter=0), Mistake.REPORTER, 1, 0),
    "reporter nobody": (measured(1, reporter=12), Mistake.REPORTER, 1, 0),
    "countersigner nobody": (measured(2, countersigner=12), Mistake.REPORTER, 2, 0),
    "reporter countersigns": (measured(2, countersigner="P"), Mistake.REPORTER, 2, 0),
    "payer not countersigned": (measured(0, countersigner=0), Mistake.REPORTER, 0, 0),
    "party not countersigned": (measured(2, countersigner=0), Mistake.REPORTER, 2, 0),
    "no clause": (whole(clauses=(), guarantees=()), Mistake.CLAUSE_COUNT, ANY, 0),
    "basis 5": (of(FLAT, basis=5), Mistake.BASIS, FLAT, 0),
    "basis 255": (of(COMMISSION, basis=255), Mistake.BASIS, COMMISSION, 0),
    "no tier": (of(FLAT, tiers=()), Mistake.LENGTH, FLAT, ANY),
    "17 tiers": (of(FLAT, tiers=(*(Tier(n, 1) for n in range(16)), LAST)), Mistake.LENGTH, FLAT, ANY),
    "no step": (of(FLAT, steps=()), Mistake.LENGTH, FLAT, ANY),
    "9 steps": (of(FEE, steps=steps(*range(9))), Mistake.LENGTH, FEE, ANY),
    "fee on nothing": (of(FEE, measure=0), Mistake.MEASURE, FEE, 0),
    "gain on nothing": (of(GAIN, measure=0), Mistake.MEASURE, GAIN, 0),
    "usage of nothing": (of(USAGE, measure=0), Mistake.MEASURE, USAGE, 0),
    "commission measured": (of(COMMISSION, measure=1), Mistake.MEASURE, COMMISSION, 0),
    "subscription measured": (of(FLAT, measure=1), Mistake.MEASURE, FLAT, 0),
    "fifth measure": (of(FEE, measure=5), Mistake.MEASURE, FEE, 0),
    "fifth measure as units": (of(GAIN, units=5), Mistake.MEASURE, GAIN, 0),
    "fee by units": (of(FEE, units=1), Mistake.MEASURE, FEE, 0),
    "tiers by a fifth": (of(FLAT, tier_by=5), Mistake.MEASURE, FLAT, 0),
    "tiers by time": (of(FLAT, tier_by=BY_TIME), Mistake.MEASURE, FLAT, 0),
    "steps by a fifth": (of(FEE, step_by=5), Mistake.MEASURE, FEE, 0),
    "steps by 254": (of(FEE, step_by=254), Mistake.MEASURE, FEE, 0),
    "graduated twice": (of(COMMISSION, graduated=2), Mistake.TIER_KIND, COMMISSION, 0),
    "graduated by a measure": (of(COMMISSION, tier_by=1), Mistake.TIER_KIND, COMMISSION, 0),
    "last tier bounded": (of(GAIN, tiers=(Tier(MAX_UP_TO - 1, 1),)), Mistake.TIER_ORDER, GAIN, 0),
    "tier behind the last": (of(GAIN, tiers=(LAST, LAST)), Mistake.TIER_ORDER, GAIN, 0),
    "equal tiers": (of(FLAT, tiers=(Tier(5, 1), Tier(5, 1), LAST)), Mistake.TIER_ORDER, FLAT, 1),
    "falling tiers": (
        of(USAGE, tiers=(Tier(5, 1), Tier(6, 1), Tier(4, 1), LAST)),
        Mistake.TIER_ORDER,
        USAGE,
        2,
    ),
    "dear commission": (of(COMMISSION, tiers=(Tier(MAX_UP_TO, 1_000_001),)), Mistake.RATE, COMMISSION, 0),
    "dear fee": (of(FEE, tiers=(Tier(1, 0), Tier(MAX_UP_TO, 1_000_001))), Mistake.RATE, FEE, 1),
    "dear gain": (of(GAIN, tiers=(Tier(1, 2**64 - 1), LAST)), Mistake.RATE, GAIN, 0),
    "advance on commission": (of(COMMISSION, tiers=(Tier(MAX_UP_TO, 1, 1),)), Mistake.RATE, COMMISSION, 0),
    "first step above 1": (of(FEE, steps=steps(1, 2)), Mistake.STEP_ORDER, FEE, 0),
    "equal steps": (of(FEE, steps=steps(0, 2, 2)), Mistake.STEP_ORDER, FEE, 2),
    "two from 0": (of(FEE, steps=steps(0, 0)), Mistake.STEP_ORDER, FEE, 1),
    "falling steps": (of(COMMISSION, steps=steps(0, 2, 1)), Mistake.STEP_ORDER, COMMISSION, 2),
    "steps by nothing": (of(FLAT, steps=steps(0, 1)), Mistake.STEP_ORDER, FLAT, 0),
    "one step by a measure": (of(FLAT, step_by=1), Mistake.STEP_ORDER, FLAT, 0),
    "one step by time": (of(FLAT, step_by=BY_TIME), Mistake.STEP_ORDER, FLAT, 0),
    "shares": (of(FLAT, steps=(Step(0, (500_000, 500_000, 1)),)), Mistake.SHARES, FLAT, 0),
    "one share": (of(FLAT, steps=(Step(0, (0, 2**24 - 1, 0)),)), Mistake.SHARES, FLAT, 0),
    "second shares": (*(of(FEE, steps=(*steps(0), Step(1, (1_000_000, 0, 1)))), Mistake.SHARES, FEE, 1),),
    "fee not by days": (of(FEE, day_count=DayCount.NONE), Mistake.DAY_COUNT, FEE, 0),
    "fee by 4": (of(FEE, day_count=4), Mistake.DAY_COUNT, FEE, 0),
    "commission by days": (of(COMMISSION, day_count=DayCount.ACTUAL_365), Mistake.DAY_COUNT, COMMISSION, 0),
    "usage by days": (of(USAGE, day_count=DayCount.ACTUAL_360), Mistake.DAY_COUNT, USAGE, 0),
    "subscription by days": (of(FLAT, day_count=DayCount.THIRTY_360), Mistake.DAY_COUNT, FLAT, 0),
    "hurdle not by days": (of(GAIN, day_count=DayCount.NONE), Mistake.DAY_COUNT, GAIN, 0),
    "days of no hurdle": (of(GAIN, hurdle_ppm=0), Mistake.DAY_COUNT, GAIN, 0),
    "cap": (of(FLAT, cap=2**96), Mistake.BOUNDS, FLAT, 0),
    "largest cap": (of(FLAT, cap=2**128 - 1), Mistake.BOUNDS, FLAT, 0),
    "floor above cap": (of(FEE, floor=11, cap=10), Mistake.BOUNDS, FEE, 0),
    "floor": (of(FLAT, floor=2**96), Mistake.BOUNDS, FLAT, 0),
    "largest floor": (of(GAIN, floor=2**128 - 1), Mistake.BOUNDS, GAIN, 0),
    "all of it and more": (kept(rate_ppm=1_000_001), Mistake.RESERVE, USAGE, 0),
    "nowhere to keep it": (whole(reserve_account=0), Mistake.RESERVE, USAGE, 0),
    "nothing kept": (kept(rate_ppm=0), Mistake.RELEASE, USAGE, 0),
    "nothing kept after 1": (of(FLAT, reserve=Reserve(0, 1)), Mistake.RELEASE, FLAT, 0),
    "released to, always": (kept(measure=0, above=0), Mistake.RELEASE, USAGE, 0),
    "released above, of nothing": (kept(measure=0, to=0), Mistake.RELEASE, USAGE, 0),
    "released by a fifth": (kept(measure=5), Mistake.RELEASE, USAGE, 0),
    "released to a fourth": (kept(to=4), Mistake.RELEASE, USAGE, 0),
    "resets twice": (of(GAIN, resets=2), Mistake.MARK, GAIN, 0),
    "gain twice": (
        lambda terms, _: replace(terms, clauses=(*terms.clauses, terms.clauses[GAIN])),
        *(Mistake.MARK, 5, GAIN),
    ),
    "promise of nothing": (promised(0, measure=0), Mistake.GUARANTEE, 0, 0),
    "promise of a fifth": (promised(1, measure=5), Mistake.GUARANTEE, 1, 0),
    "promise by the payer": (promised(1, party=0), Mistake.GUARANTEE, 1, 0),
    "promise by a fourth": (promised(0, party=4), Mistake.GUARANTEE, 0, 0),
    "promised 0": (promised(1, promised=0), Mistake.GUARANTEE, 1, 0),
    "promised too much": (promised(1, promised=2**64), Mistake.GUARANTEE, 1, 0),
    "promised 2^127": (promised(1, promised=1 << 127), Mistake.GUARANTEE, 1, 0),
    "promised for nothing": (promised(0, rate_ppm=0), Mistake.GUARANTEE, 0, 0),
}


@pytest.fixture
def terms(ledger: Ledger) -> Terms:
    """Well formed, with every field in use; there are eleven institutions."""
    return everything(ledger, admit_keeper(ledger))


def test_propose_given_every_field_is_used_is_taken(ledger: Ledger, terms: Terms) -> None:
    assert mistake_in(ledger, pack(terms)) is None


def test_propose_given_a_mistake_says_which_where_and_at_which_entry(ledger: Ledger, terms: Terms) -> None:
    found = {}
    for name, (change, mistake, at, entry) in MISTAKES.items():
        told = mistake_in(ledger, pack(change(terms, ledger)))
        known = told and tuple(
            ANY if wanted == ANY else given for wanted, given in zip((mistake, at, entry), told, strict=True)
        )
        if known != (mistake, at, entry):
            found[name] = told
    assert found == {}
    every = {mistake for _, mistake, _, _ in MISTAKES.values()}
    elsewhere = {Mistake.SURPLUS, Mistake.NAME, Mistake.PARTY_COUNT, Mistake.MEASURE_NAME}
    assert every | elsewhere == set(Mistake)


@pytest.mark.parametrize("letter", [b"\x80", b"\xff", b"\0"])
def test_propose_given_names_not_ascii_or_not_to_the_left_are_refused(
    ledger: Ledger, terms: Terms, letter: bytes
) -> None:
    """Two names that read the same are one."""
    words = pack(terms)
    for at, size, mistake in ((1, 32, (Mistake.NAME, 0, 0)), (4, 28, (Mistake.MEASURE_NAME, 1, 0))):
        tail = words[at] & (1 << 256 - 8 * size) - 1
        for name in (letter, letter + b"NAV", b"NA" + letter + b"V", b"N" * (size - 2) + letter + b"V"):
            given = list(words)
            given[at] = int.from_bytes(name.ljust(32, b"\0"), "big") | tail
            assert mistake_in(ledger, given) == mistake, name
        for name in (b"N", b"N" * size, b"~" * (size - 1), b"a b"):
            given = list(words)
            given[at] = int.from_bytes(name.ljust(32, b"\0"), "big") | tail
            assert mistake_in(ledger, given) is None, name


def test_propose_given_words_are_missing_or_too_many_is_refused(ledger: Ledger, terms: Terms) -> None:
    words = pack(terms)
    for count in range(len(words)):
        told = mistake_in(ledger, words[:count])
        assert told is not None
        assert told[0] in (Mistake.LENGTH, Mistake.PARTY_COUNT), count
    for more in ([0], [1], [0, 0], words[-2:], [0] * (255 - len(words)), [0] * 300):
        assert (mistake_in(ledger, [*words, *more]) or [None])[0] is Mistake.LENGTH
    for few in ([], words[:1]):
        assert mistake_in(ledger, few) == (Mistake.LENGTH, 0, len(few))
        with refused(reverts.Agreements_InvalidTerms, mistake=Mistake.LENGTH, at=0, entry=len(few)):
            ledger.clients.agreements.call("hashOf", few)


def test_propose_given_a_clause_says_another_length_is_refused(ledger: Ledger, terms: Terms) -> None:
    words = pack(terms)
    at = 7
    assert words[at] >> 240 == 9
    for length in (0, 1, 2, 8, 10, 255):
        words[at] = words[at] & ~(0xFF << 240) | length << 240
        assert (mistake_in(ledger, words) or [None])[:2] == (Mistake.LENGTH, 0), length


def test_propose_given_a_bit_is_not_zero_that_the_layout_has_zero_is_refused(
    ledger: Ledger, terms: Terms
) -> None:
    """The first and last of every run of zeros, and all between in one of each kind."""
    words = pack(terms)
    clauses = [7]
    for _ in terms.clauses:
        clauses.append(clauses[-1] + (words[clauses[-1]] >> 240 & 0xFF))
    guarantees = clauses.pop()
    fee, gain = clauses[FEE], clauses[GAIN]
    zeros = [(0, 56, 0, 0, 1), (2, 208, 0, 0, 4), (gain + 2, 152, GAIN, 0, 3)]
    zeros += [(guarantees + 2 * i, 240, i, 0, 9) for i in (0, 1)]
    zeros += [(fee + 4 + 2 * i, 184, FEE, i, 5 if i else 1) for i in range(3)]
    for at, top, where, entry, stride in zeros:
        bottom = 128 if top == 240 else 0
        end = 240 if top == 240 else top
        for bit in sorted({*range(bottom, end, stride), end - 1}):
            given = list(words)
            given[at] |= 1 << bit
            if top == 240:
                assert words[at] >> bit & 1 == 0
            assert mistake_in(ledger, given) == (Mistake.SURPLUS, where, entry), (at, bit)


def crowded(ledger: Ledger, count: int) -> tuple[int, ...]:
    """So many more institutions."""
    first = len(ledger.index) + 1
    signers = [f"0x{0xABC000 + i:040x}" for i in range(count)]
    ledger.consortium.admit(
        ledger.operator, [(f"N{i}", signer, [Role.PARTNER]) for i, signer in enumerate(signers)]
    )
    return tuple(range(first, first + count))


def test_propose_given_every_limit_is_reached_is_taken(ledger: Ledger, terms: Terms) -> None:
    many = crowded(ledger, 25)
    names = [f"M{i}" for i in range(17)]
    measures = tuple(Measure(name, ledger.index["D"]) for name in names)
    one = replace(terms, parties=many[:1], clauses=(), guarantees=(), measures=measures[:16])
    tiers = (*(Tier(n, 1_000_000, 2**96 - 1) for n in range(15)), LAST)
    shares = tuple(Step(n, (1_000_000,)) for n in range(8))
    full = Clause(Basis.SUBSCRIPTION, tiers, shares, step_by=16, floor=2**96 - 1, cap=2**96 - 1)
    small = Clause(Basis.USAGE, (LAST,), (Step(0, (1,)),), measure=1)
    long = replace(full, step_by=BY_TIME)
    longest = replace(one, clauses=(long,) * 7, measures=())
    filled = 255 - len(pack(longest))
    last = Clause(Basis.SUBSCRIPTION, (*(Tier(n, 1) for n in range(filled - 5)), LAST), (Step(0, (1,)),))
    longest = replace(longest, clauses=(*longest.clauses, last))
    assert len(pack(longest)) == 255
    assert mistake_in(ledger, pack(longest), "B1") is None
    more = replace(last, tiers=(Tier(0, 1), *(Tier(n + 1, 1) for n in range(filled - 5)), LAST))
    longer = pack(replace(longest, clauses=(*longest.clauses[:-1], more)))
    assert mistake_in(ledger, longer) == (Mistake.LENGTH, 0, 256)

    wide = replace(small, steps=(Step(0, (41_666,) * 24),))
    taken = {
        "24 parties": replace(terms, parties=many[:24], clauses=(wide,), guarantees=()),
        "10 parties": clause_with(
            replace(one, parties=many[:10], clauses=(small,)), 0, steps=(Step(0, (100_000,) * 10),)
        ),
        "16 parties": clause_with(
            replace(one, parties=many[:16], clauses=(small,)), 0, steps=(Step(0, (62_500,) * 16),)
        ),
        "16 measures": replace(one, clauses=(full,)),
        "16 clauses": replace(one, clauses=(replace(small, measure=16),) * 16),
        "16 guarantees": replace(
            one,
            clauses=(small,),
            guarantees=(Guarantee(16, 1, 2**64 - 1, 2**64 - 1, 2**96 - 1, 2**96 - 1),) * 16,
        ),
        "no measures": replace(
            one, clauses=(replace(small, basis=Basis.SUBSCRIPTION, measure=0),), measures=()
        ),
        "all set aside": replace(
            one, clauses=(replace(small, reserve=Reserve(1_000_000, 255, 16, 1, 2**128 - 1)),)
        ),
        "largest mark": clause_with(terms, GAIN, mark=2**64 - 1, hurdle_ppm=2**32 - 1),
        "largest step": clause_with(terms, FEE, steps=steps(0, 1, 2**256 - 1)),
        "largest tier": clause_with(terms, FLAT, tiers=(Tier(0, 0), Tier(MAX_UP_TO - 1, 1_000_000), LAST)),
        "commission": clause_with(
            terms, COMMISSION, tiers=(Tier(0, 1_000_000), Tier(MAX_UP_TO, 0, 2**96 - 1))
        ),
        "nothing shared": clause_with(terms, FLAT, steps=(Step(0, (0, 0, 0)),)),
        "latest": replace(terms, effective_from=2**36, notice_days=0xFFFF, months=12),
        "every month": replace(terms, months=1, notice_days=0),
        "half a year": replace(terms, months=6),
    }
    assert {name: told for name, each in taken.items() if (told := mistake_in(ledger, pack(each)))} == {}
    too_many = {
        "25 parties": (
            replace(
                terms, parties=many[:25], clauses=(replace(wide, steps=(Step(0, (1,) * 25),)),), guarantees=()
            ),
            *(Mistake.PARTY_COUNT, 25),
        ),
        "no parties": (
            *(
                replace(one, parties=(), clauses=(replace(small, steps=(Step(0, ()),)),)),
                Mistake.PARTY_COUNT,
                0,
            ),
        ),
        "17 measures": (replace(one, clauses=(full,), measures=measures), Mistake.MEASURE, 17),
        "17 clauses": (replace(one, clauses=(small,) * 17), Mistake.CLAUSE_COUNT, 17),
    }
    for name, (each, mistake, entry) in too_many.items():
        told = mistake_in(ledger, pack(each))
        assert told is not None
        assert (told[0], told[2]) == (mistake, entry), name
    crammed = replace(one, clauses=(small,), guarantees=(Guarantee(1, 1, 1, 1),) * 17)
    assert (mistake_in(ledger, pack(crammed)) or [None])[0] is Mistake.LENGTH
