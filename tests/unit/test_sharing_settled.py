"""Where agreements stand, and what a settlement shared, recomputed from events.

standing ─ which terms are in force when: versions, notice, another version that takes it back
         ─ an agreement counts from its first version that shares commission
         ─ a new period begins with nothing
settled  ─ random agreements: what moved is the naive computation's; silent where all agrees
         ─ stops at any total, period, agreement or due that is off, left out or told without reason
accruals ─ each with its agreement as it stood before, dues that the accrual changed, too
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from copy import copy
from dataclasses import replace

import pytest

from ledger.contract import Event
from ledger.history import History
from ledger.terms import Basis, Clause, Measure, Reserve, Step, Terms, Tier
from settlement.agreements import periods
from settlement.agreements.settled import Settled, accruals
from settlement.agreements.sharing import NOTHING
from settlement.agreements.standing import standing
from settlement.errors import LedgerDisagrees
from tests.sharings import PERIOD, PPM, Naive, accrual, clause, conclusion, due_changed, random_clause

PAYER, CASH, KEEPER = 9, 5, 7
START = periods.start_s(PERIOD)
QUARTER = periods.start_s(PERIOD + 3)
WHOLE = clause((PPM, 0), shares=(PPM // 2,))


def terms(*clauses: Clause, name: str = "a", parties: int = 1, version: int = 1, months: int = 3) -> Terms:
    """The payer's; of clauses that some measure decides, by party 1's."""
    measures = (Measure("USERS", 1, PAYER), Measure("HOURS", 1, PAYER))
    who = tuple(range(1, parties + 1))
    return Terms(
        *(PAYER, CASH, name, who, clauses, version),
        months=months,
        measures=measures,
        reserve_account=KEEPER,
    )


def given(events: list[Event], at_s: int, commission: int = 100) -> dict[int, int]:
    return standing(events).sharing(PAYER, CASH, at_s).paid(commission)


def test_sharing_goes_by_the_version_in_force() -> None:
    events = conclusion(terms(WHOLE), 4, b"1", starts_at=START + 10)
    events += conclusion(terms(clause((PPM, 0), shares=(PPM,)), version=2), 4, b"2", starts_at=QUARTER)
    assert given(events, START + 9) == {}
    assert given(events, START + 10) == {1: 50}
    assert given(events, QUARTER - 1) == {1: 50}
    assert given(events, QUARTER) == {1: 100}
    assert standing(events).sharing(PAYER, CASH + 1, QUARTER) == NOTHING
    assert standing(events).sharings(CASH, QUARTER).keys() == {PAYER}


def test_sharing_ends_by_notice_unless_another_version_takes_it_back() -> None:
    events = conclusion(terms(WHOLE), 4, b"1", starts_at=START)
    told = {"agreementId": 4, "institution": 1, "endsAt": QUARTER, "endPeriod": PERIOD + 3}
    events.append(Event("NoticeGiven", told, b"2"))
    assert (given(events, QUARTER - 1), given(events, QUARTER)) == ({1: 50}, {})
    events += conclusion(terms(WHOLE, version=2), 4, b"3", starts_at=QUARTER)
    assert given(events, QUARTER) == {1: 50}


def test_sharing_counts_an_agreement_from_its_first_version_that_shares_commission() -> None:
    fixed_fee = Clause(Basis.SUBSCRIPTION, (Tier(2**96 - 1, 0, 70),), (Step(0, (PPM,)),))
    events = conclusion(terms(fixed_fee), 4, b"1", starts_at=START)
    assert standing(events).sharing(PAYER, CASH, START) == NOTHING
    events += conclusion(terms(WHOLE, version=2), 4, b"2", starts_at=QUARTER)
    (before,) = standing(events).sharing(PAYER, CASH, START).running
    assert (before.lines, before.paid(100), before.after(100).total) == ((), [0, 0], 100)
    assert given(events, QUARTER) == {1: 50}


def test_sharing_given_a_new_period_begins_with_nothing() -> None:
    events = conclusion(terms(WHOLE, months=1), 4, b"1", starts_at=START)
    events.append(accrual(4, PERIOD, 0, 1, b"2"))
    assert given(events, START, 1) == {1: 1}
    assert given(events, periods.start_s(PERIOD + 1), 1) == {}
    events.append(due_changed(4, 1, -3, b"3"))
    assert given(events, periods.start_s(PERIOD + 1), 10) == {1: 2}


class Story:
    """Random agreements and settlements, told as the contract tells them, beside the naive computation."""

    def __init__(self, seed: int) -> None:
        draw = random.Random(seed)
        self.history = History(blocks={b"begin": 0})
        self.settlements: list[tuple[bytes, int, dict[int, int]]] = []
        """Transaction, commission, and what moves."""
        beside: dict[int, Naive] = {}
        for agreement in range(1, draw.randint(1, 3) + 1):
            parties = draw.randint(1, 3)
            clauses = [random_clause(draw, parties) for _ in range(draw.choice((1, 1, 2)))]
            if draw.random() < 0.6:
                shares = tuple(draw.randint(0, PPM // parties) for _ in range(parties))
                bounds = sorted({draw.randint(1, 9_000) for _ in range(3)})
                falling = [(bound, 500_000 >> 2 * i) for i, bound in enumerate(bounds)]
                clauses[0] = clause(*falling, (1_000, 0), shares=shares, reserve=Reserve(90_000, 1))
            agreed = terms(*clauses, name=str(agreement), parties=parties)
            self.history.revenue += conclusion(agreed, agreement, b"begin", START)
            beside[agreement] = Naive(clauses, 0, {}, [KEEPER, *range(1, parties + 1)])
        for k in range(draw.randint(1, 5)):
            transaction = bytes([k + 1])
            self.history.blocks[transaction], self.history.times[transaction] = k + 1, START + k
            moved: dict[int, int] = {}
            parts = [draw.choice((1, 30, 7_000, 2**70)) for _ in range(draw.choice((1, 1, 3)))]
            for part in parts:
                for agreement, known in beside.items():
                    self._accrue(agreement, known, part, transaction, moved)
            self.settlements.append((transaction, sum(parts), {w: a for w, a in moved.items() if a}))

    def _accrue(
        self, agreement: int, known: Naive, part: int, transaction: bytes, moved: dict[int, int]
    ) -> None:
        before, dues = known.total, dict(known.dues)
        for who, amount in known.earn(part).items():
            moved[who] = moved.get(who, 0) + amount
            moved[PAYER] = moved.get(PAYER, 0) - amount
        self.history.revenue += [
            due_changed(agreement, who, due, transaction)
            for who, due in known.dues.items()
            if due != dues[who]
        ]
        self.history.revenue.append(accrual(agreement, PERIOD, before, known.total, transaction))

    def check(self, revenue: list[Event] | None = None) -> None:
        history = replace(self.history, revenue=self.history.revenue if revenue is None else revenue)
        settled = Settled(history)
        for transaction, commission, moved in self.settlements:
            found = settled.moved("here", transaction, CASH, {PAYER: commission})
            if found != moved:
                raise LedgerDisagrees("here, movements", found, moved)


def test_moved_given_random_agreements_is_the_naive_computation() -> None:
    for seed in range(150):
        Story(seed).check()


def altered(event: Event) -> Iterator[Event]:
    for name in ("agreementId", "period", "totalBefore", "totalAfter", "institution", "due"):
        if name in event.arguments:
            yield replace(event, arguments=event.arguments | {name: event[name] + 1})


def test_moved_given_any_event_off_by_one_left_out_or_told_again_stops() -> None:
    netted = 0
    for seed in range(25):
        story = Story(seed)
        revenue = story.history.revenue
        for place, event in enumerate(revenue):
            if event.name not in ("RevenueAccrued", "DueChanged"):
                continue
            netted += event.name == "DueChanged"
            wrongs = [[other] for other in altered(event)] + [[]]
            wrongs += [[event, copy(event)]] if event.name == "RevenueAccrued" else []
            for wrong in wrongs:
                with pytest.raises(LedgerDisagrees):
                    story.check([*revenue[:place], *wrong, *revenue[place + 1 :]])
    assert netted > 9


def test_moved_given_no_accrual_where_one_is_due_or_one_without_commission_stops() -> None:
    story = Story(1)
    (transaction, commission, _), settled = story.settlements[0], Settled(story.history)
    with pytest.raises(LedgerDisagrees, match="accrual by agreement"):
        settled.moved("here", transaction, CASH, {})
    with pytest.raises(LedgerDisagrees, match="commission accrued by agreement"):
        Settled(story.history).moved("here", transaction, CASH, {PAYER: commission + 1})


def test_accruals_have_their_agreements_as_they_stood_before() -> None:
    for seed in range(100):
        story = Story(seed)
        paid: dict[bytes, dict[int, int]] = {}
        for each, before in accruals(story.history):
            assert (before.total, before.agreement_id) == (each.before, each.agreement_id)
            moved = paid.setdefault(each.transaction, {})
            for who, amount in zip(before.receivers, before.paid(each.after - each.before), strict=True):
                moved[who] = moved.get(who, 0) + amount
        for transaction, _, expected in story.settlements:
            found = {who: amount for who, amount in paid[transaction].items() if amount}
            assert found == {who: amount for who, amount in expected.items() if who != PAYER}, f"seed {seed}"
