"""The words of an agreement's terms, from the prose of `IRevenueSharing`.

pack      ─ known words, written out by hand; a value that does not fit its field
unpack    ─ what was packed; words that end early, that go on
names     ─ a measure's and an agreement's, as calls and events have them
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import InvalidValue
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
    measure_key,
    name_key,
    pack,
    unpack,
)
from tests.agreement_terms import terms

KNOWN = Terms(
    payer=0x0102,
    currency=0x8003,
    name="ab",
    parties=(5, 6, *range(16, 32)),
    clauses=(
        Clause(
            Basis.COMMISSION,
            (Tier(100, 200_000), Tier(MAX_UP_TO, 300_000, 7)),
            (Step(0, (100_000, 50_000, *[0] * 15, 1)),),
            graduated=True,
            floor=1,
            cap=2,
            reserve=Reserve(50_000, 4, 1, 2, 9),
        ),
        Clause(
            Basis.PERFORMANCE,
            (Tier(MAX_UP_TO, 150_000),),
            (Step(0, (0,) * 18), Step(3, (1_000_000, *[0] * 17))),
            measure=1,
            units=2,
            step_by=BY_TIME,
            day_count=DayCount.ACTUAL_365,
            mark=10_000,
            hurdle_ppm=40_000,
            resets=True,
        ),
    ),
    version=4,
    effective_from=0x5D926B00,
    notice_days=90,
    months=3,
    measures=(Measure("USERS", 5, 0x0102), Measure("NAV", 0x33)),
    guarantees=(Guarantee(1, 2, 500, 5_000_000, 11, 12),),
    reserve_account=0x44,
)


def by_hand() -> list[int]:
    """The words from the interface's prose, field by field: hexadecimal, a word a line."""
    lines = f"""
        0102 8003 00000004 000000005d926b00 005a 03 12 02 02 01 0044 00000000000000
        6162{"00" * 30}
        0005 0006 0010 0011 0012 0013 0014 0015 0016 0017 0018 0019 001a 001b 001c 001d
        001e 001f {"0000" * 14}
        5553455253{"00" * 23} 0005 0102
        4e4156{"00" * 25} 0033 0000
        00 07 00 00 01 00 02 00 01 00 00c350 04 01 02 {"00" * 15}09
        {"00" * 15}01 {"00" * 15}02
        {"00" * 11}64 0000000000030d40 {"00" * 12}
        {"ff" * 12} 00000000000493e0 {"00" * 11}07
        {"00" * 32}
        0186a0 00c350 {"000000" * 8} 0000
        {"000000" * 7} 000001 {"000000" * 2} 0000
        02 0a 01 02 00 00 01 ff 02 02 000000 00 00 00 {"00" * 16}
        {"00" * 16} {"00" * 16}
        0000000000002710 00009c40 01 {"00" * 19}
        {"ff" * 12} 00000000000249f0 {"00" * 12}
        {"00" * 32}
        {"00" * 32}
        {"00" * 32}
        {"00" * 31}03
        0f4240 {"000000" * 9} 0000
        {"00" * 32}
        01 02 {"00" * 14} {"00" * 14}01f4
        00000000004c4b40 {"00" * 11}0b {"00" * 11}0c
    """
    return [int(line.replace(" ", ""), 16) for line in lines.split("\n") if line.strip()]


def test_pack_given_known_terms_is_what_the_interface_says() -> None:
    assert [f"{word:064x}" for word in pack(KNOWN)] == [f"{word:064x}" for word in by_hand()]


def test_unpack_given_known_words_is_what_the_interface_says() -> None:
    assert unpack(by_hand()) == KNOWN


@given(terms())
@settings(max_examples=30, deadline=None)
def test_unpack_given_any_terms_is_what_was_packed(given_terms: Terms) -> None:
    words = pack(given_terms)
    assert all(0 <= word < 2**256 for word in words)
    assert unpack(words) == given_terms


@given(st.integers(0, len(by_hand()) - 1))
@settings(max_examples=25, deadline=None)
def test_unpack_given_words_that_end_early_refuses(count: int) -> None:
    with pytest.raises(InvalidValue, match="more words are wanted"):
        unpack(by_hand()[:count])


def test_unpack_given_words_that_go_on_refuses() -> None:
    with pytest.raises(InvalidValue, match="25 words are wanted"):
        unpack([*by_hand(), 0])


CLAUSE = KNOWN.clauses[0]
PERFORMANCE = KNOWN.clauses[1]
PROMISE = KNOWN.guarantees[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"payer": 2**16},
        {"payer": -1},
        {"currency": 2**16},
        {"version": 2**32},
        {"effective_from": 2**64},
        {"notice_days": 2**16},
        {"months": 256},
        {"parties": (2**16,)},
        {"parties": (1,) * 256},
        {"reserve_account": 2**16},
        {"name": ""},
        {"name": "a" * 33},
        {"name": "ä"},
        {"measures": (Measure("a" * 29, 1, 2),)},
        {"measures": (Measure("a", 2**16),)},
        {"measures": (Measure("a", 1, 2**16),)},
        {"clauses": (replace(CLAUSE, floor=2**128),)},
        {"clauses": (replace(CLAUSE, cap=2**128),)},
        {"clauses": (replace(CLAUSE, reserve=Reserve(2**24, 1)),)},
        {"clauses": (replace(CLAUSE, reserve=Reserve(1, 256)),)},
        {"clauses": (replace(CLAUSE, reserve=Reserve(1, 1, 1, 1, 2**128)),)},
        {"clauses": (replace(CLAUSE, tiers=(Tier(2**96, 1),)),)},
        {"clauses": (replace(CLAUSE, tiers=(Tier(1, 2**64),)),)},
        {"clauses": (replace(CLAUSE, tiers=(Tier(1, 1, 2**96),)),)},
        {"clauses": (replace(CLAUSE, steps=(Step(2**256, ()),)),)},
        {"clauses": (replace(CLAUSE, steps=(Step(0, (2**24,)),)),)},
        {"clauses": (replace(CLAUSE, measure=256),)},
        {"clauses": (replace(PERFORMANCE, mark=2**64),)},
        {"clauses": (replace(PERFORMANCE, hurdle_ppm=2**32),)},
        {"guarantees": (replace(PROMISE, promised=2**128),)},
        {"guarantees": (replace(PROMISE, rate_ppm=2**64),)},
        {"guarantees": (replace(PROMISE, flat=2**96),)},
        {"guarantees": (replace(PROMISE, cap=2**96),)},
    ],
    ids=str,
)
def test_pack_given_a_value_beyond_its_field_refuses(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidValue):
        pack(replace(KNOWN, **wrong))  # type: ignore[arg-type]


def test_keys_given_names_are_left_aligned() -> None:
    assert measure_key("USERS") == b"USERS" + bytes(23)
    assert name_key("platform") == b"platform" + bytes(24)
