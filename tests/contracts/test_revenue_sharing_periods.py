"""Periods and versions in settlements: which total counts, and by which terms.

given a period ends                 ─ with its last second; from the first of the next another total counts
given periods of 1, 3, 6 and 12 months ─ they begin with the calendar's, the first with the agreement
given periods without a settlement  ─ nothing was earned in them, and their floors are due
given another version               ─ from its period on, with its parties and length; the total anew
given an agreement has ended        ─ nothing is shared; its periods can be run, no later ones
given notice was taken back         ─ as if there had been none
given many versions are agreed beforehand ─ a settlement costs hardly more
given it has not begun              ─ nothing is shared to the second before
"""

from __future__ import annotations

import pytest

from ledger import reverts
from ledger.terms import Reserve
from tests.contracts.clearing_model import PPM
from tests.contracts.sharing import Q1, Q2, Q3, Sharing, clause, kept, start_of
from tests.contracts.support import Ledger, refused


@pytest.fixture
def desk(ledger: Ledger) -> Sharing:
    """Everyone has cash."""
    desk = Sharing(ledger)
    desk.rich  # noqa: B018  # made when it is asked for
    return desk


def earn_at(desk: Sharing, moment: int, amount: int) -> None:
    """In a block of this second."""
    desk.until(moment - 1)
    desk.earn(amount)
    assert desk.ledger.now == moment


def totals(desk: Sharing, agreement: int, *periods: int) -> list[int]:
    return [desk.revenue.total_of(agreement, period) for period in periods]


def test_accrue_given_period_ends_counts_anew(desk: Sharing) -> None:
    """A third of 2 and of 1 is nothing, though of 3 it were one; the run clears what is left of each."""
    agreement = desk.agree(clause(0, 333_334))
    before = desk.cash("P")[0]
    earn_at(desk, start_of(Q2) - 1, 2)
    earn_at(desk, start_of(Q2), 1)
    assert totals(desk, agreement, Q1, Q2) == [2, 1]
    assert desk.cash("P") == [before]
    earn_at(desk, start_of(Q2) + 5, 2)
    assert desk.cash("P") == [before + 1]
    assert desk.clause_run(agreement, Q1) == (2, 2, 0, (0, 1))
    assert totals(desk, agreement, Q1, Q2) == [2, 3]
    assert desk.cash("P") == [before + 2]


@pytest.mark.parametrize("rolled", [False, True])
def test_run_given_next_period_has_settlements_or_none_is_the_same(desk: Sharing, rolled: bool) -> None:
    """The total of the period that has gone is the same before anything of the next is earned."""
    agreement = desk.agree(clause(0, 500_000))
    desk.until(start_of(Q1))
    desk.earn(7)
    desk.over(Q1)
    if rolled:
        desk.earn(1_000)
    assert desk.clause_run(agreement, Q1) == (7, 7, 0, (0, 4))
    desk.earn(1)
    assert totals(desk, agreement, Q1, Q2) == [7, 1_001 if rolled else 1]


@pytest.mark.parametrize(
    ("months", "first", "second"),
    [(1, 2020 * 12 + 1, 2020 * 12 + 2), (3, Q1, Q2), (6, Q1, Q3), (12, Q1, 2021 * 12)],
)
def test_accrue_given_length_has_the_calendars_periods(
    desk: Sharing, months: int, first: int, second: int
) -> None:
    """From the 2nd of February on."""
    starts = start_of(Q1 + 1) + 86_400
    agreement = desk.agree(clause(0, PPM), months=months, effective_from=starts)
    before = desk.cash("P")[0]
    earn_at(desk, starts - 1, 1_000)
    assert desk.cash("P") == [before]
    earn_at(desk, starts, 10)
    earn_at(desk, start_of(second) - 1, 1)
    earn_at(desk, start_of(second), 5)
    assert totals(desk, agreement, first, second) == [11, 5]
    assert desk.cash("P") == [before + 16]
    assert desk.clause_run(agreement, first)[:2] == (11, 11)


def test_run_given_period_without_settlement_is_nothing_but_the_floor(desk: Sharing) -> None:
    agreement = desk.agree(clause(0, PPM, floor=9))
    desk.until(start_of(Q1))
    desk.earn(5)
    desk.over(Q3)
    desk.earn(20)
    assert totals(desk, agreement, Q1, Q2, Q3, Q3 + 3) == [5, 0, 0, 20]
    pools = [desk.clause_run(agreement, period)[:2] for period in (Q2, Q1, Q3)]
    assert pools == [(0, 9), (5, 9), (0, 9)]
    assert desk.due(agreement, "P") == [0]


def test_accrue_given_another_version_takes_over_at_its_period(desk: Sharing) -> None:
    """Monthly ones of other parties, with a reserve; what V had of the total before is not looked at."""
    keeper = desk.keep_reserves()
    agreement = desk.agree(clause(PPM, 0))
    desk.until(start_of(Q1))
    desk.earn(100)
    kept = Reserve(100_000, 0)
    desk.agree(
        *(clause(0, 500_000, 0, 500_000, reserve=kept), clause(0, 0, 0, 0)),
        parties=("D", "R", "V", "P"),
        version=2,
        months=1,
        reserve_account=keeper,
    )
    desk.until(start_of(Q2) - 1)
    assert desk.preview(100) == desk.accrue(("B1", 100)) == {"V": 100, "B1": -100}
    desk.until(start_of(Q2))
    expected = {"R": 45, "P": 45, "RES": 10, "B1": -100}
    assert desk.preview(100) == desk.accrue(("B1", 100)) == expected
    desk.earn(100)
    desk.over(Q2, 1)
    assert desk.preview(1) == {}
    desk.earn(1)
    assert totals(desk, agreement, Q1, Q2, Q2 + 1) == [100, 100, 1]
    assert desk.clause_run(agreement, Q1) == (100, 100, 0, (100, 0))
    assert desk.clause_run(agreement, Q2) == (100, 100, 10, (0, 45, 0, 45))
    with refused(reverts.Agreements_UnknownPeriod, agreementId=agreement, period=Q1 + 1):
        desk.run(agreement, Q1 + 1)


def test_accrue_given_commission_left_and_comes_back_shares_again(desk: Sharing) -> None:
    agreement = desk.agree(clause(0, PPM))
    desk.agree(clause(0, 0, cap=1), version=2)
    desk.agree(clause(PPM, 0), version=3)
    for period, expected in ((Q1, {"P": 9, "B1": -9}), (Q2, {}), (Q3, {"V": 9, "B1": -9})):
        desk.until(start_of(period))
        assert desk.preview(9) == desk.accrue(("B1", 9)) == expected
        desk.earn(4)
    assert totals(desk, agreement, Q1, Q2, Q3) == [4, 4, 4]


def test_accrue_given_agreement_has_ended_shares_nothing(desk: Sharing, ledger: Ledger) -> None:
    """Notice of 91 days, given on the first day of the quarter, runs into the second."""
    agreement = desk.agree(clause(0, PPM), notice_days=91)
    desk.until(start_of(Q1))
    ledger.clients.agreements.give_notice(ledger.signers["P"], agreement)
    before = desk.cash("P")[0]
    earn_at(desk, start_of(Q3) - 1, 10)
    earn_at(desk, start_of(Q3), 100)
    assert desk.preview(5) == desk.accrue(("B1", 5)) == {}
    assert desk.cash("P") == [before + 10]
    assert totals(desk, agreement, Q1, Q2, Q3) == [0, 10, 0]
    desk.run(agreement, Q2)
    desk.over(Q3)
    with refused(reverts.Agreements_UnknownPeriod, agreementId=agreement, period=Q3):
        desk.run(agreement, Q3)


def test_accrue_given_notice_is_taken_back_goes_on(desk: Sharing, ledger: Ledger) -> None:
    agreement = desk.agree(clause(0, PPM))
    desk.until(start_of(Q1))
    ledger.clients.agreements.give_notice(ledger.signers["B1"], agreement)
    desk.agree(clause(PPM, 0), version=2, effective_from=start_of(Q3))
    for period, expected in ((Q2, {"P": 9, "B1": -9}), (Q3, {"V": 9, "B1": -9})):
        desk.until(start_of(period))
        desk.earn(1)
        assert desk.preview(9) == desk.accrue(("B1", 9)) == expected
    assert desk.clause_run(agreement, Q2)[:2] == (1, 1)


def test_accrue_given_many_versions_beforehand_costs_hardly_more(desk: Sharing, ledger: Ledger) -> None:
    """A payer and a party cannot make the settlements of others too dear with versions yet to come."""
    used = []
    for versions in (1, 40):
        with kept(ledger):
            for version in range(1, versions + 1):
                desk.agree(clause(PPM, 0), version=version, months=1)
            desk.until(start_of(Q1))
            used.append(desk.rich.earn(("B1", 10)).gas_used)
    assert used[1] - used[0] < 25_000
