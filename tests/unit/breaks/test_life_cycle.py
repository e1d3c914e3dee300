"""What happens to a break that is kept, known answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ledger.clock import SteppedClock
from ledger.errors import InvalidValue
from settlement.breaks import Breaks, Covered
from settlement.breaks.errors import (
    BreakClosed,
    BreakPending,
    BreakUnknown,
    CorrectionInvalid,
    NothingProposed,
    SamePerson,
)
from settlement.breaks.store import bucket, business_days
from settlement.reconciliation.model import Kind
from tests.unit.breaks.kept import DAY, NOON, made, result

ALL = Covered()


@pytest.fixture
def breaks() -> Iterator[Breaks]:
    with Breaks.open(
        None, write=True, clock=SteppedClock(NOON), owners={"ledger": "NEPSE", "bank": "the bank"}
    ) as kept:
        yield kept


def whats(breaks: Breaks, id: str = "B-1") -> list[str]:
    return [event.what for event in breaks.get(id).history]


def test_sync_given_the_same_twice_writes_once(breaks: Breaks) -> None:
    found = result(made("12"), made("13"), pending=(made("14", Kind.MISSING_HERE),))
    first = breaks.sync(found, ALL, NOON)
    again = breaks.sync(found, ALL, NOON)
    assert first == again
    assert [(each.id, each.found.subject, each.status) for each in again] == [
        ("B-1", "12", "open"),
        ("B-2", "13", "open"),
        ("B-3", "14", "pending"),
    ]
    assert {len(each.history) for each in again} == {1}
    assert [each.found for each in again] == [*found.breaks, *found.pending]


def test_sync_given_agreement_closes_and_given_it_again_reopens_under_the_same_name(breaks: Breaks) -> None:
    breaks.sync(result(made("12"), made("13")), ALL, NOON)
    assert [each.id for each in breaks.sync(result(made("13")), ALL, NOON)] == ["B-2"]
    assert breaks.get("B-1").status == "closed"
    assert breaks.get("B-1").history[-1].body["why"] == "the books agree"
    breaks.sync(result(made("12", book=5), made("13")), ALL, NOON)
    assert whats(breaks) == ["opened", "closed", "reopened"]
    assert breaks.get("b-1").found.fields["quantity"]["book"] == 5


def test_sync_given_other_substance_changes_and_voids_what_was_proposed(breaks: Breaks) -> None:
    breaks.sync(result(made()), ALL, NOON)
    breaks.propose("B-1", {"quantity": 510}, "Asha")
    breaks.sync(result(replace(made(), value_at_risk=901)), ALL, NOON)
    assert breaks.get("B-1").status == "proposed", "at another price it is the same break"
    assert breaks.get("B-1").found.value_at_risk == 901
    breaks.sync(result(made(book=7)), ALL, NOON)
    assert breaks.get("B-1").status == "open"
    with pytest.raises(NothingProposed):
        breaks.approve("B-1", "Bina")
    assert whats(breaks) == ["opened", "proposed", "updated", "changed"]
    assert breaks.corrections() == ()


@pytest.mark.parametrize(
    ("covered", "closes"),
    [
        (ALL, True),
        (Covered(institutions={"B"}), False),
        (Covered(institutions={"A"}, sides={"book", "ledger", "bank"}), True),
        (Covered(sides={"bank", "ledger"}), False),
        (Covered(levels={"position"}), False),
        (Covered(days={DAY + dt.timedelta(1)}), False),
        (Covered(days={DAY}, cycle=2), False),
        (Covered(days={DAY}, cycle=1), True),
        (Covered(cycle=2, numbers={DAY: {12}}), True),
        (Covered(cycle=2, numbers={DAY: {13}}), False),
        ([Covered(institutions={"B"}), Covered(institutions={"A"})], True),
        ([], False),
    ],
)
def test_sync_given_what_was_compared_closes_nothing_else(
    breaks: Breaks, covered: Covered, closes: bool
) -> None:
    breaks.sync(result(made(numbers=(12,))), Covered(cycle=1), NOON)
    breaks.sync(result(), covered, NOON)
    assert (breaks.get("B-1").status == "closed") is closes


def test_sync_given_a_balance_a_later_cycle_replaces_an_earlier_one(breaks: Breaks) -> None:
    position = made("ACME", Kind.CLOSING, level="position", trading_day=None)
    breaks.sync(result(position), Covered(cycle=2), NOON)
    breaks.sync(result(), Covered(cycle=1), NOON)
    assert breaks.get("B-1").status == "open"
    breaks.sync(result(), Covered(cycle=3), NOON)
    assert breaks.get("B-1").status == "closed"


def test_sync_given_what_moved_in_a_cycle_a_later_cycle_says_nothing_of_it(breaks: Breaks) -> None:
    moved = {"movements": {"book": 501, "ledger": 510}}
    cash = made("EUR", Kind.MOVEMENTS, level="cash", trading_day=None, fields=moved)
    breaks.sync(result(cash), Covered(cycle=2), NOON)
    breaks.sync(result(), Covered(cycle=3), NOON)
    assert breaks.kept()[0].status == "open"
    breaks.sync(result(), Covered(cycle=2), NOON)
    assert breaks.kept()[0].status == "closed"


def test_sync_given_pending_is_kept_apart_until_it_is_a_break_or_agrees(breaks: Breaks) -> None:
    waits, gone = made("12", Kind.MISSING_HERE, book=None), made("13", Kind.MISSING_HERE, book=None)
    breaks.sync(result(pending=(waits, gone)), ALL, NOON)
    with pytest.raises(BreakPending):
        breaks.close("B-1", "never mind", "Asha")
    breaks.sync(result(waits), ALL, NOON)
    assert [each.status for each in breaks.kept()] == ["open", "closed"]
    assert whats(breaks) == ["pending", "opened"]


def test_sync_given_several_of_one_trade_keeps_each_and_given_another_side_the_same_one(
    breaks: Breaks,
) -> None:
    one, other = made(kind=Kind.DUPLICATE), made(kind=Kind.QUANTITY)
    breaks.sync(result(one, other), ALL, NOON)
    ids = {each.found.kind: each.id for each in breaks.kept()}
    assert len(ids) == 2
    breaks.sync(result(other), ALL, NOON)
    assert breaks.get(ids[Kind.QUANTITY]).status == "open"
    assert breaks.get(ids[Kind.DUPLICATE]).status == "closed"
    wider = replace(other, sides=("book", "ledger", "bank"), odd="book")
    breaks.sync(result(wider), ALL, NOON)
    assert breaks.get(ids[Kind.QUANTITY]).found == wider
    assert len(breaks.kept()) == 2


def test_close_given_two_people_stays_closed_while_the_difference_is_the_same(breaks: Breaks) -> None:
    breaks.sync(result(made()), ALL, NOON)
    breaks.close("B-1", "written off", "Asha")
    assert breaks.get("B-1").proposal is not None
    for name in ("Asha", " asha ", "ASHA", "Ａsha"):  # the last has a wide letter
        with pytest.raises(SamePerson):
            breaks.approve("B-1", name)
    assert breaks.get("B-1").status == "proposed"
    assert breaks.approve("B-1", "Bina").status == "closed"
    with pytest.raises(BreakClosed):
        breaks.explain("B-1", "more", "Asha")
    (still,) = breaks.sync(result(made()), ALL, NOON)
    assert (still.status, still.accepted) == ("closed", True)
    assert breaks.sync(result(), ALL, NOON) == []
    breaks.sync(result(made(book=9)), ALL, NOON)
    assert whats(breaks) == ["opened", "proposed", "approved", "reopened"]


def test_propose_given_a_correction_is_in_force_when_another_approves(breaks: Breaks) -> None:
    breaks.sync(result(made(institution="A"), made(institution="B")), ALL, NOON)
    breaks.propose("B-1", {"quantity": 51}, "Asha")
    breaks.reject("B-1", "it is 510", "Asha")
    with pytest.raises(NothingProposed):
        breaks.reject("B-1", "again", "Bina")
    breaks.propose("B-1", {"quantity": "510", "was": {"quantity": 501}}, "Asha")
    assert breaks.corrections() == ()
    assert breaks.approve("B-1", "Bina").status == "proposed"
    with pytest.raises(NothingProposed, match="already"):
        breaks.approve("B-1", "Chandra")
    (correction,) = breaks.corrections()
    assert (correction.break_id, correction.institution, correction.trading_day) == ("B-1", "A", DAY)
    assert correction.entry == {
        "action": "replace",
        "side": "book",
        "trade": "12",
        "quantity": 510,
        "was": {"quantity": 501},
    }
    assert (correction.proposed_by, correction.approved_by) == ("Asha", "Bina")
    assert breaks.corrections("B") == ()
    breaks.sync(result(made(institution="B")), ALL, NOON)
    assert breaks.get("B-1").status == "closed"
    assert "correction" in breaks.get("B-1").history[-1].body["why"]
    assert breaks.corrections() == (correction,)


def test_sync_given_a_correction_that_mended_nothing_opens_the_break_again(breaks: Breaks) -> None:
    breaks.sync(result(made()), ALL, NOON)
    breaks.propose("B-1", {"price": 3}, "Asha")
    breaks.approve("B-1", "Bina")
    breaks.sync(result(made()), Covered(days=set()), NOON)
    assert breaks.get("B-1").status == "proposed", "that run did not look at it"
    for _ in range(2):
        breaks.sync(result(made()), ALL, NOON)
    assert whats(breaks) == ["opened", "proposed", "approved", "rejected"]
    assert breaks.get("B-1").status == "open"


def test_changes_given_what_is_no_break_or_no_words_are_refused(breaks: Breaks) -> None:
    with pytest.raises(BreakUnknown, match="clearing reconcile"):
        breaks.get("B-1")
    breaks.sync(result(made(), made("A→B", Kind.SHARE, level="revenue")), ALL, NOON)
    for id in ("B-3", "B-0", "-1", "B-x", "", "B-²", "9" * 5000):
        with pytest.raises(BreakUnknown):
            breaks.assign(id, "Asha", "Bina")
    for text in ("", "  ", "\x1b[31mred", "a\x00b", "zero\u200bwidth"):
        with pytest.raises(InvalidValue):
            breaks.assign("B-1", text, "Bina")
        with pytest.raises(InvalidValue):
            breaks.explain("B-1", "words", text)
    for entry, field in (
        ({"quantity": "many"}, "quantity"),
        ({"quantity": -1}, "quantity"),
        ({"quantity": 1 << 64}, "quantity"),
        ({"quantity": True}, "quantity"),
        ({"trading_day": 20261301}, "trading_day"),
        ({"colour": 1}, "colour"),
        ({"action": "drop"}, "action"),
        ({"side": "ledger", "quantity": 1}, "side"),
        ({"action": "add", "quantity": 1}, "trading_day"),
        ({}, "fields"),
        ({"action": "split", "into": [{"quantity": 1}]}, "into"),
        ({"buyer": "\x1b[2J"}, "buyer"),
        ({"quantity": 1, "was": 5}, "was"),
    ):
        with pytest.raises(CorrectionInvalid) as refused:
            breaks.propose("B-1", entry, "Asha")
        assert refused.value.field == field
    with pytest.raises(CorrectionInvalid, match="revenue"):
        breaks.propose("B-2", {"quantity": 1}, "Asha")
    assert {len(each.history) for each in breaks.kept()} == {1}


def test_kept_given_days_says_whose_it_is_and_how_old(breaks: Breaks) -> None:
    sides = ("book", "ledger", "bank")
    mine, venues, bank, bare = (
        made("1"),
        made("2", odd="ledger", sides=sides),
        made("3", odd="bank", sides=sides),
        made("NPR", Kind.CLOSING, level="cash", sides=("bank", "ledger"), trading_day=None),
    )
    kept = breaks.sync(result(mine, venues, bank, bare), ALL, NOON)
    assert [each.owner for each in kept] == ["A", "NEPSE", "the bank", "the bank"]
    assert [(each.age, each.bucket) for each in kept] == [(1, "1 day")] * 3 + [(0, "today")]
    breaks.assign("B-1", "Asha", "Bina")
    breaks.explain("B-1", "a note\nof two lines", "Asha")
    later = breaks.get("B-1", NOON + dt.timedelta(3))
    assert (later.owner, later.age, later.bucket) == ("Asha", 2, "2–5 days")
    assert [(each.what, each.by) for each in later.history[1:]] == [
        ("assigned", "Bina"),
        ("explained", "Asha"),
    ]


def test_business_days_given_any_start_and_end_count_each_weekday_that_began() -> None:
    start = dt.date(2026, 11, 20)
    for first in range(8):
        for days in range(-3, 20):
            between = [start + dt.timedelta(first + n) for n in range(1, days + 1)]
            expected = sum(day.weekday() < 5 for day in between)
            one = start + dt.timedelta(first)
            assert business_days(one, one + dt.timedelta(days)) == expected
    assert [bucket(age) for age in (0, 1, 2, 5, 6)] == [
        "today",
        "1 day",
        "2–5 days",
        "2–5 days",
        "over 5 days",
    ]
