"""closePeriod(payer, currency): how long a period lasts, at least, and what that keeps anyone from.

given MIN_PERIOD has not passed     ─ since the agreement, or since it was last closed: refused
given it has passed, to the second  ─ closes; the next period begins then, however late that is
given several agreements            ─ each has periods of its own
given commission is earned          ─ the period is what it was
when a party would close at will, each time that its own fraction is the largest ─ it gains a unit at most
over any shares and commission (property) ─ closed as early and as often as allowed, a period moves at most
                                      one unit to a party, and takes from the payer no more than these
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import reverts
from ledger.chain import Receipt
from tests.contracts.clearing import Earnings, Floor, others, transfers_in
from tests.contracts.clearing_model import MIN_PERIOD, PPM, cleared, floors
from tests.contracts.support import Ledger, refused

SHARES = (("V", 333_333), ("P", 333_333), ("R", 333_333))
PARTIES = ("V", "P", "R")


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    return Floor(ledger)


def close(ledger: Ledger, by: str = "B1", payer: str = "B1", currency: str = "NPR") -> Receipt:
    index, asset = ledger.index[payer], ledger.asset[currency]
    return ledger.revenue.close_period(ledger.signers[by], index, asset)


def refuses(
    ledger: Ledger, closable_from: int, by: str = "B1", payer: str = "B1", currency: str = "NPR"
) -> None:
    """It is too early, and the agreement is as it was."""
    index, asset = ledger.index[payer], ledger.asset[currency]
    before = ledger.revenue.agreement(index, asset)
    with refused(reverts.RevenueSharing_TooEarly, payer=index, currency=asset, closableFrom=closable_from):
        close(ledger, by, payer, currency)
    assert ledger.revenue.agreement(index, asset) == before


def test_min_period_is_28_days(ledger: Ledger) -> None:
    assert ledger.revenue.call("MIN_PERIOD") == MIN_PERIOD == 28 * 24 * 60 * 60


@pytest.mark.parametrize("by", ["B1", *PARTIES])
def test_close_period_given_agreement_is_young_reverts(floor: Floor, ledger: Ledger, by: str) -> None:
    concluded = floor.later(10)
    floor.agree("B1", SHARES)
    closable = concluded + MIN_PERIOD
    for time in (concluded + 1, concluded + MIN_PERIOD // 2, closable - 1):
        ledger.at(time)
        refuses(ledger, closable, by)
    assert ledger.now == closable - 1
    ledger.at(closable)
    close(ledger, by)
    assert ledger.revenue.agreement(ledger.index["B1"], ledger.cash).period == 2


@pytest.mark.parametrize("late", [0, 1, 1000, 10 * MIN_PERIOD])
def test_close_period_given_it_was_closed_reverts_for_as_long_again(
    floor: Floor, ledger: Ledger, late: int
) -> None:
    """Counted from when it was closed: who comes late does not have the time saved up."""
    concluded = floor.later(10)
    floor.agree("B1", SHARES)
    closed = concluded + MIN_PERIOD + late
    ledger.at(closed)
    close(ledger)
    for by in ("B1", *PARTIES):
        refuses(ledger, closed + MIN_PERIOD, by)
    ledger.at(closed + MIN_PERIOD - 1)
    refuses(ledger, closed + MIN_PERIOD)
    ledger.at(closed + MIN_PERIOD)
    close(ledger, "P")
    assert ledger.revenue.agreement(ledger.index["B1"], ledger.cash).period == 3


def test_close_period_given_several_agreements_each_counts_by_itself(floor: Floor, ledger: Ledger) -> None:
    start = floor.later(10)
    floor.agree("B1", SHARES)
    ledger.at(start + 100)
    floor.agree("B1", SHARES, "USD")
    ledger.at(start + 200)
    floor.agree("B2", SHARES)
    ledger.at(start + MIN_PERIOD)
    close(ledger)
    refuses(ledger, start + 100 + MIN_PERIOD, currency="USD")
    refuses(ledger, start + 200 + MIN_PERIOD, "V", "B2")
    ledger.at(start + 100 + MIN_PERIOD)
    close(ledger, currency="USD")
    refuses(ledger, start + 2 * MIN_PERIOD)
    ledger.at(start + 200 + MIN_PERIOD)
    close(ledger, "V", "B2")


def test_close_period_given_commission_is_earned_period_is_what_it_was(floor: Floor, ledger: Ledger) -> None:
    earnings = Earnings(floor)
    concluded = floor.later(10)
    floor.agree("B1", SHARES)
    for day in (1, 14, 27):
        ledger.at(concluded + day * 86_400)
        earnings.earn(("B1", day))
        refuses(ledger, concluded + MIN_PERIOD)
    ledger.at(concluded + MIN_PERIOD)
    facts = others(ledger.facts(close(ledger)))
    assert facts[0][1]["total"] == 1 + 14 + 27


def test_close_period_given_refused_attempt_unit_stays_with_payer(floor: Floor, ledger: Ledger) -> None:
    """Half of a unit is the party's. Who closed after each unit would have all of them."""
    earnings = Earnings(floor)
    concluded = floor.later(10)
    floor.agree("B1", [("V", 500_000)])
    for total in range(1, 12):
        earnings.earn(("B1", 1))
        refuses(ledger, concluded + MIN_PERIOD, "V")
        assert ledger.balance("V", "NPR") == total // 2
    ledger.at(concluded + MIN_PERIOD)
    close(ledger, "V")
    assert ledger.balance("V", "NPR") == 6


SPLITS = st.lists(st.integers(1, PPM // 3), min_size=1, max_size=3) | st.sampled_from(
    [[PPM], [PPM - 1], [500_000], [1, 1, 1], [499_999, 500_001], [333_333, 333_333, 333_334]]
)
MONTHS = st.lists(st.lists(st.integers(1, 9) | st.integers(1, 3_000_003), max_size=3), min_size=1, max_size=4)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=SPLITS, months=MONTHS, data=st.data())
def test_close_period_as_early_and_often_as_allowed_moves_a_unit_each(
    ledger: Ledger, parts: list[int], months: list[list[int]], data: st.DataObject
) -> None:
    """Somebody tries after each commission, and a second too early; then closes to the second."""
    shares = list(zip(PARTIES, parts, strict=False))
    floor, snapshot, seconds = Floor(ledger), ledger.chain.snapshot(), ledger.clock.seconds
    try:
        earnings = Earnings(floor)
        floor.agree("B1", shares)
        opened, paid = ledger.now, [0] * len(shares)
        for month in months:
            by = data.draw(st.sampled_from(["B1", *(name for name, _ in shares)]), label="by")
            for amount in month:
                earnings.earn(("B1", amount))
                refuses(ledger, opened + MIN_PERIOD, by)
            ledger.at(opened + MIN_PERIOD - 1)
            refuses(ledger, opened + MIN_PERIOD, by)
            facts = ledger.facts(close(ledger, by))
            opened += MIN_PERIOD
            assert ledger.now == opened
            extra = cleared(sum(month), shares)
            assert others(facts)[0][1]["cleared"] == tuple(extra)
            assert set(extra) <= {0, 1}
            moved = sum(amount for _, _, _, amount in transfers_in(facts).elements())
            assert moved == 2 * sum(extra)
            paid = [sum(each) for each in zip(paid, floors(sum(month), shares), extra, strict=True)]
            assert [ledger.balance(name, "NPR") for name, _ in shares] == paid
        earned = sum(map(sum, months))
        for had, ppm in zip(paid, parts, strict=True):
            assert abs(had * PPM - earned * ppm) < PPM * len(months)
    finally:
        ledger.chain.restore(snapshot)
        ledger.clock.seconds = seconds
