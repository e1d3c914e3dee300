"""settle(Slice[]): what it takes in commission and levy. The largest numbers are in _largest.

when an amount is at or above a tier's bound, or too small for a levy ─ charged by its tier, rounded down
when a net quantity is more than a balance can be ─ refused
when a security's quantity or cash alone nets to zero
when currencies differ between settlements      ─ each moves its own
given a party receives for several reasons, or nothing is charged
"""

from __future__ import annotations

import pytest

from ledger import reverts
from tests.contracts.clearing import Floor, others, slice_of, transfers_in
from tests.contracts.clearing_model import MAX_QUANTITY, Model, Trade, commission
from tests.contracts.support import MAX_AMOUNT, TIERS, Ledger

DAY = (
    Trade(1, "B1", "B2", "S1", 10, 1_000_000),
    Trade(2, "B2", "B3", "S1", 4, 480_001),
    Trade(3, "B3", "B1", "S5", 7, 60_000_007),
    Trade(4, "B3", "B3", "S2", 9, 900_000),
    Trade(5, "B2", "B1", "S1", 3, 333_333),
)
SHARES = (("V", 200_000), ("P", 50_000))


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    return Floor(ledger)


@pytest.mark.parametrize("bound", [up_to for up_to, _, _ in TIERS[:-1]])
def test_settle_when_amount_is_at_and_above_bound_charges_each_tier(
    floor: Floor, ledger: Ledger, bound: int
) -> None:
    for at, amount in enumerate((bound, bound + 1)):
        trade = Trade(1 + at, "B1", "B2", amount=amount)
        floor.fund(trade, reference=f"for {amount}")
        batch = floor.entered(trade)
        if not at:
            floor.open()
        rate = next(rate for up_to, rate, _ in TIERS if amount <= up_to)
        (fact,) = [
            f for name, f in ledger.facts(floor.settle(slice_of(batch))) if name == "NettingSetSettled"
        ]
        assert fact["commission"] == 2 * (amount * rate // 1_000_000)
        assert fact["levy"] == 2 * (amount * 150 // 1_000_000)


@pytest.mark.parametrize(("amount", "levy"), [(1, 0), (6_666, 0), (6_667, 1), (13_333, 1), (13_334, 2)])
def test_settle_when_amount_is_small_rounds_levy_down(
    floor: Floor, ledger: Ledger, amount: int, levy: int
) -> None:
    trade = Trade(1, "B1", "B2", amount=amount)
    floor.fund(trade)
    batch = floor.entered(trade)
    floor.open()
    floor.settle(slice_of(batch))
    assert ledger.balance("R", "NPR") == 2 * levy


def test_settle_when_only_cash_or_only_quantity_is_left_moves_that(floor: Floor, ledger: Ledger) -> None:
    """Of S1 B1 nets to no quantity but some cash, of S2 to some quantity but no cash."""
    trades = [
        Trade(1, "B1", "B2", "S1", 5, 1_000),
        Trade(2, "B2", "B1", "S1", 5, 3_000),
        Trade(3, "B1", "B2", "S2", 9, 700),
        Trade(4, "B2", "B1", "S2", 2, 700),
    ]
    floor.fund(*trades)
    batch = floor.entered(*trades)
    floor.open()
    facts = ledger.facts(floor.settle(slice_of(batch)))
    outcome = Model().settle(trades)
    assert transfers_in(facts) == floor.expected_transfers(outcome)
    assert outcome.net == others(facts)[-1][1]["netAmount"] == 2_000
    assert {code for _, code in outcome.deltas} == {"S2", "NPR"}


def test_settle_when_net_quantity_passes_u64_reverts(floor: Floor, ledger: Ledger) -> None:
    trades = [Trade(n, "B1", "B2", "S1", MAX_QUANTITY, 1) for n in (1, 2)]
    ledger.issue({("B2", "S1"): MAX_QUANTITY, ("B1", "NPR"): 100})
    batch = floor.entered(*trades)
    floor.open()
    with pytest.raises(reverts.AssetRegister_BalanceOutOfRange) as caught:
        floor.settle(slice_of(batch))
    failed = caught.value.operands
    assert (failed["asset"], abs(failed["delta"])) == (1, 2 * MAX_QUANTITY)
    assert failed in [
        {"institution": ledger.index["B1"], "asset": 1, "balance": 0, "delta": 2 * MAX_QUANTITY},
        {"institution": ledger.index["B2"], "asset": 1, "balance": MAX_QUANTITY, "delta": -2 * MAX_QUANTITY},
    ]


def test_settle_when_currencies_differ_moves_each_by_itself(floor: Floor, ledger: Ledger) -> None:
    floor.agree("B1", SHARES)
    floor.agree("B1", [("P", 1_000_000)], "USD", name="dollars")
    rupees, dollars = DAY[0], Trade(65_537, "B1", "B3", "S1", 2, 70_000)
    floor.fund(rupees, model=Model({"B1": SHARES}))
    in_dollars = Model({"B1": [("P", 1_000_000)]}, cash="USD")
    floor.fund(dollars, model=in_dollars, reference="dollars")
    first = floor.entered(rupees)
    second = floor.entered(dollars, cash_asset=ledger.asset["USD"])
    floor.open()
    floor.settle(slice_of(first))
    facts = ledger.facts(floor.settle(slice_of(second)))
    outcome = Model({"B1": [("P", 1_000_000)]}, cash="USD").settle([dollars])
    assert transfers_in(facts) == floor.expected_transfers(outcome)
    assert ledger.balance("P", "USD") == commission(70_000)
    assert ledger.commission_of("B1") == commission(rupees.amount)


def test_settle_given_full_revenue_share_and_venue_and_levy_to_one_account_adds_up(
    floor: Floor, ledger: Ledger
) -> None:
    """R receives levy and a revenue share; B2, itself a seller, receives one of B1's commission."""
    shares = (("R", 500_000), ("B2", 500_000))
    floor.agree("B1", shares)
    trade = Trade(1, "B1", "B2", amount=12_345_679)
    floor.fund(trade, model=Model({"B1": shares}))
    batch = floor.entered(trade)
    floor.open()
    facts = ledger.facts(floor.settle(slice_of(batch)))
    outcome = Model({"B1": shares}).settle([trade])
    assert transfers_in(facts) == floor.expected_transfers(outcome)
    assert len([1 for transfer in transfers_in(facts) if transfer[2] == ledger.cash]) == 3


def test_settle_given_commission_rate_zero_reports_none(floor: Floor, ledger: Ledger) -> None:
    ledger.clearing_house.register_fee_schedule(
        ledger.signers["V"], ledger.index["R2"], 0, [(MAX_AMOUNT, 0, 0)]
    )
    floor.agree("B1", SHARES)
    model = Model({"B1": SHARES}, tiers=[(MAX_AMOUNT, 0, 0)], levy_ppm=0, beneficiary="R2")
    trade = Trade(1, "B1", "B2")
    floor.fund(trade, model=model)
    batch = floor.entered(trade, fee_schedule_id=2)
    floor.open()
    facts = ledger.facts(floor.settle(slice_of(batch)))
    assert [name for name, _ in others(facts)] == ["SliceSettled", "NettingSetSettled"]
    assert (facts[-1][1]["commission"], facts[-1][1]["levy"]) == (0, 0)
    assert "R2" not in {name for name, _ in floor.balances()}
