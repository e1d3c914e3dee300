"""closePeriod(payer, currency): what is below a unit, and to whom it goes. When it may be called is in
test_revenue_sharing_period.py.

when the payer or any party calls       ─ cleared by largest remainder, paid, told; total anew, next period
when anyone else calls, or one suspended ─ refused
given no agreement, or any cycle is open ─ refused
given total zero, or nothing below a unit ─ closes, nothing moves
given ties                              ─ to the earlier entry; the payer's residual is the last
given a payer without the cash          ─ refused, nothing changes
over any total and shares               ─ all parts sum to the total, none is a unit off its share (property)
the vectors of ../shared                ─ through a harness of the library, and through the contract
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import reverts
from ledger.clients.consortium import Role
from ledger.compile import Artifact
from ledger.contract import Contract
from tests.contracts.clearing import Earnings, Floor, others, transfers_in
from tests.contracts.clearing_model import PPM, Shares, cleared, floors
from tests.contracts.support import Ledger, refused

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "allocation.json"
SHARES = (("V", 333_333), ("P", 333_333), ("R", 333_333))


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    return Floor(ledger)


@pytest.fixture
def harness(ledger: Ledger, test_artifacts: dict[str, Artifact]) -> Contract:
    return ledger.deploy(test_artifacts["AllocationHarness"])


def close(ledger: Ledger, by: str = "B1", payer: str = "B1", currency: str = "NPR") -> Any:
    """At a time when every period can be closed."""
    Floor(ledger).period_over()
    index, asset = ledger.index[payer], ledger.asset[currency]
    return ledger.revenue.close_period(ledger.signers[by], index, asset)


@pytest.mark.parametrize("total", [1, 2, 3, 4, 5, 999_999, 1_000_000, 1_000_001, 123_456_789])
def test_close_period_given_fractions_clears_and_tells(floor: Floor, ledger: Ledger, total: int) -> None:
    floor.agree("B1", SHARES)
    Earnings(floor).earn(("B1", total))
    before = floor.balances()
    facts = ledger.facts(close(ledger))
    extra = cleared(total, SHARES)
    assert others(facts) == [
        (
            "PeriodClosed",
            {"payer": 8, "currency": ledger.cash, "period": 1, "total": total, "cleared": tuple(extra)},
        )
    ]
    given = {("B1", "NPR"): -sum(extra)} | {
        (name, "NPR"): more for (name, _), more in zip(SHARES, extra, strict=True)
    }
    after = {key: before.get(key, 0) + given.get(key, 0) for key in {*before, *given}}
    assert floor.balances() == {key: value for key, value in after.items() if value}
    assert len(transfers_in(facts)) == sum(1 for value in given.values() if value)
    parts = [ledger.balance(name, "NPR") for name, _ in SHARES]
    assert total // PPM <= total - sum(parts) <= total // PPM + 1  # the payer's part, a millionth
    agreement = ledger.revenue.agreement(8, ledger.cash)
    assert (agreement.period, agreement.total) == (2, 0)


@pytest.mark.parametrize("by", ["B1", "V", "P", "R"])
def test_close_period_when_payer_or_party_calls_closes(floor: Floor, ledger: Ledger, by: str) -> None:
    floor.agree("B1", SHARES)
    close(ledger, by)
    assert ledger.revenue.agreement(8, ledger.cash).period == 2


def test_close_period_when_anyone_else_calls_reverts(floor: Floor, ledger: Ledger) -> None:
    floor.agree("B1", SHARES)
    floor.agree("B2", [("A", 5)])
    floor.period_over()
    for _, signer in ledger.everyone_but("B1", "V", "P", "R"):
        with refused(reverts.RevenueSharing_NotParty, caller=signer.address, payer=8, currency=ledger.cash):
            ledger.revenue.close_period(signer, 8, ledger.cash)


@pytest.mark.parametrize("by", ["B1", "P"])
def test_close_period_given_caller_is_suspended_reverts(floor: Floor, ledger: Ledger, by: str) -> None:
    floor.agree("B1", SHARES)
    ledger.suspend(by)
    with refused(
        reverts.RevenueSharing_NotParty, caller=ledger.signers[by].address, payer=8, currency=ledger.cash
    ):
        close(ledger, by)
    close(ledger, "V")


def test_close_period_given_no_agreement_reverts(floor: Floor, ledger: Ledger) -> None:
    floor.agree("B1", SHARES)
    for payer, currency in (("B2", "NPR"), ("B1", "USD"), ("V", "NPR")):
        with refused(
            reverts.RevenueSharing_NoAgreement, payer=ledger.index[payer], currency=ledger.asset[currency]
        ):
            close(ledger, "V", payer, currency)


def test_close_period_given_any_cycle_is_open_reverts(floor: Floor, ledger: Ledger) -> None:
    floor.agree("B1", SHARES)
    ledger.admit("V2", Role.EXCHANGE)
    floor.open()
    floor.open("V2")
    for venue in ("V", "V2"):
        with refused(reverts.RevenueSharing_CycleOpen):
            close(ledger)
        floor.close(venue)
    close(ledger)


def test_close_period_given_nothing_below_a_unit_moves_nothing(floor: Floor, ledger: Ledger) -> None:
    floor.agree("B1", [("V", 500_000), ("P", 250_000)])
    earnings = Earnings(floor)
    for period, total in enumerate((0, 4, 8), start=1):
        if total:
            earnings.earn(("B1", total))
        facts = ledger.facts(close(ledger))
        assert [name for name, _ in facts] == ["PeriodClosed"]
        assert (facts[0][1]["period"], facts[0][1]["total"], facts[0][1]["cleared"]) == (
            period,
            total,
            (0, 0),
        )


@pytest.mark.parametrize(
    ("ppms", "total", "extra"),
    [
        ((500_000,), 1, [1]),
        ((250_000, 250_000), 1, [0, 0]),
        ((250_000, 250_000), 2, [1, 0]),
        ((250_000, 250_000), 3, [1, 1]),
        ((250_000, 250_000, 250_000), 1, [1, 0, 0]),
        ((250_000, 250_000, 250_000), 2, [1, 1, 0]),
        ((250_000, 250_000, 250_000), 3, [1, 1, 1]),
        ((100_000, 500_000), 1, [0, 1]),
        ((400_000, 600_000), 1, [0, 1]),
        ((500_000, 500_000), 1, [1, 0]),
        ((1, 1, 1), 333_333, [1, 0, 0]),
        ((1_000_000,), 7, [0]),
    ],
)
def test_close_period_given_ties_gives_to_the_earlier(
    floor: Floor, ledger: Ledger, ppms: tuple[int, ...], total: int, extra: list[int]
) -> None:
    """By hand: with 250,000 twice of 2 the fractions are .5, .5 and of the payer 0; the first gets one."""
    shares = list(zip(("V", "P", "R"), ppms, strict=False))
    floor.agree("B1", shares)
    Earnings(floor).earn(("B1", total))
    assert others(ledger.facts(close(ledger)))[0][1]["cleared"] == tuple(extra)
    assert cleared(total, shares) == extra


def test_close_period_given_periods_follow_each_starts_anew(floor: Floor, ledger: Ledger) -> None:
    floor.agree("B1", SHARES)
    earnings = Earnings(floor)
    paid = [0, 0, 0]
    for period, total in enumerate((1, 2, 5, 1_000_003), start=1):
        earnings.earn(("B1", total))
        closed = others(ledger.facts(close(ledger, "P")))[0][1]
        assert (closed["period"], closed["total"]) == (period, total)
        now = zip(paid, floors(total, SHARES), cleared(total, SHARES), strict=True)
        paid = [sum(parts) for parts in now]
        assert [ledger.balance(name, "NPR") for name, _ in SHARES] == paid


def test_close_period_given_payer_lacks_the_unit_reverts_and_keeps_all(floor: Floor, ledger: Ledger) -> None:
    floor.agree("B1", [("V", 600_000)])
    Earnings(floor).earn(("B1", 1))
    held = ledger.balance("B1", "NPR")
    ledger.register.transfer(ledger.signers["B1"], 8, 9, ledger.cash, held)
    with refused(
        reverts.AssetRegister_BalanceOutOfRange, institution=8, asset=ledger.cash, balance=0, delta=-1
    ):
        close(ledger, "V")
    agreement = ledger.revenue.agreement(8, ledger.cash)
    assert (agreement.period, agreement.total) == (1, 1)
    ledger.issue({("B1", "NPR"): 1}, "the unit")
    close(ledger, "V")
    assert ledger.balance("V", "NPR") == 1


def test_close_period_given_24_parties_clears_each(floor: Floor, ledger: Ledger) -> None:
    shares: Shares = [(f"P{i}", 41_666) for i in range(24)]
    for name, _ in shares:
        ledger.admit(name, Role.PARTNER)
    floor.agree("B1", shares)
    Earnings(floor).earn(("B1", 23))
    facts = others(ledger.facts(close(ledger)))
    assert facts[0][1]["cleared"] == tuple([1] * 23 + [0]) == tuple(cleared(23, shares))


def test_close_period_given_currencies_closes_the_one_named(floor: Floor, ledger: Ledger) -> None:
    floor.agree("B1", SHARES)
    floor.agree("B1", SHARES, "USD")
    Earnings(floor).earn(("B1", 10))
    close(ledger, "B1", "B1", "USD")
    assert ledger.revenue.agreement(8, ledger.cash).total == 10
    assert ledger.revenue.agreement(8, ledger.asset["USD"]).period == 2


PARTS = st.lists(st.integers(1, PPM), min_size=1, max_size=24).filter(
    lambda parts: sum(parts) <= PPM
) | st.lists(st.integers(1, PPM // 24), min_size=1, max_size=24)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(total=st.integers(0, 10**7) | st.integers(0, 2**128 - 1), parts=PARTS)
def test_largest_remainder_sums_to_total(harness: Contract, total: int, parts: list[int]) -> None:
    extra = list(harness.call("largestRemainder", total, parts))
    shares = [("", part) for part in parts]
    assert extra == cleared(total, shares)
    payers = total - sum(floors(total, shares)) - sum(extra)
    assert 0 <= payers * PPM - total * (PPM - sum(parts)) + PPM < 2 * PPM
    for part, floored, more in zip(parts, floors(total, shares), extra, strict=True):
        assert abs((floored + more) * PPM - total * part) < PPM
        assert harness.call("floorShare", total, part) == floored


def vectors() -> list[Any]:
    """The shared cases whose weights are parts of a million."""
    if not VECTORS.is_file():
        return []
    cases = json.loads(VECTORS.read_text())
    return [case for case in cases if all(PPM * w % sum(case["weights"]) == 0 for w in case["weights"])]


@pytest.mark.skipif(not VECTORS.is_file(), reason=f"{VECTORS} is not there")
@pytest.mark.parametrize("case", vectors(), ids=lambda case: f"{case['total']}-{case['weights']}")
def test_close_period_given_shared_vector_splits_as_it_says(
    floor: Floor, ledger: Ledger, harness: Contract, case: dict[str, Any]
) -> None:
    total, weights = case["total"], case["weights"]
    shares = list(zip(("V", "P", "R"), (PPM * weight // sum(weights) for weight in weights), strict=False))
    extra = harness.call("largestRemainder", total, [ppm for _, ppm in shares])
    assert [a + b for a, b in zip(floors(total, shares), extra, strict=True)] == case["largest_remainder"]
    floor.agree("B1", shares)
    Earnings(floor).earn(("B1", total))
    close(ledger)
    assert [ledger.balance(name, "NPR") for name, _ in shares] == case["largest_remainder"]
