"""accrue(currency, accruals): what commission gives whom.

when the caller is not the clearing house   ─ refused, whoever it is
when the clearing house calls               ─ Movements: floors of the total now less those before
when payers have no agreement               ─ nothing
over any order and splitting of commission  ─ every party has the floor of its share of the total (property)
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import reverts
from tests.contracts.clearing import Earnings, Floor
from tests.contracts.clearing_model import floors
from tests.contracts.support import Ledger, movement, refused

SHARES = (("V", 333_333), ("P", 50_000), ("R", 1), ("D", 249_999))


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    return Floor(ledger)


def accrual(payer: int, commission: int) -> int:
    """`payer u16 | zeros | commission u128`."""
    return payer << 240 | commission


def ask(ledger: Ledger, currency: int, *accruals: int) -> list[int]:
    """What the clearing house would be told."""
    house = ledger.clearing_house.address
    return list(ledger.revenue.call("accrue", currency, accruals, sender=house))


def test_accrue_when_caller_is_not_clearing_house_reverts(floor: Floor, ledger: Ledger) -> None:
    floor.agree("B1", SHARES)
    for _, signer in ledger.everyone_but():
        for accruals in ([], [accrual(8, 1_000_000)]):
            with refused(reverts.RevenueSharing_NotClearingHouse, caller=signer.address):
                ledger.revenue.send(signer, "accrue", ledger.cash, accruals)
    for contract in (ledger.register, ledger.consortium, ledger.revenue):
        with refused(reverts.RevenueSharing_NotClearingHouse, caller=contract.address):
            ledger.revenue.call("accrue", ledger.cash, [], sender=contract.address)


@pytest.mark.parametrize(
    "commission", [0, 1, 2, 3, 4, 19, 20, 999_999, 1_000_000, 1_000_001, 2**88 - 1, 2**105]
)
def test_accrue_when_clearing_house_calls_returns_floors(
    floor: Floor, ledger: Ledger, commission: int
) -> None:
    floor.agree("B1", SHARES)
    due = [
        (ledger.index[name], amount)
        for (name, _), amount in zip(SHARES, floors(commission, SHARES), strict=True)
        if amount
    ]
    taken = sum(amount for _, amount in due)
    expected = [movement(ledger.cash, party, amount) for party, amount in due]
    expected += [movement(ledger.cash, 8, -taken)] if taken else []
    assert sorted(ask(ledger, ledger.cash, accrual(8, commission))) == sorted(expected)


def test_accrue_when_payer_has_no_agreement_returns_nothing(floor: Floor, ledger: Ledger) -> None:
    floor.agree("B1", SHARES)
    assert ask(ledger, ledger.cash) == []
    assert ask(ledger, ledger.cash, accrual(9, 10**9), accrual(0xFFFF, 10**9), accrual(0, 1)) == []
    assert ask(ledger, ledger.asset["USD"], accrual(8, 10**9)) == []


def test_accrue_given_several_payers_returns_each_ones(floor: Floor, ledger: Ledger) -> None:
    floor.agree("B1", SHARES)
    floor.agree("B2", [("B1", 1_000_000)])
    answer = ask(ledger, ledger.cash, accrual(8, 100), accrual(10, 7), accrual(9, 55))
    expected = [(1, 33), (6, 5), (2, 24), (8, -62), (8, 55), (9, -55)]
    assert sorted(answer) == sorted(movement(ledger.cash, who, delta) for who, delta in expected)


def test_accrue_given_settlement_tells_totals(floor: Floor, ledger: Ledger) -> None:
    floor.agree("B1", SHARES)
    floor.agree("B2", [("P", 1)])
    earnings = Earnings(floor)
    told = []
    for earned in ([("B1", 5)], [("B1", 7), ("B2", 11)], [("B2", 1), ("B1", 1)]):
        facts = ledger.facts(earnings.earn(*earned))
        told.append(
            [
                (f["payer"], f["currency"], f["totalBefore"], f["totalAfter"])
                for n, f in facts
                if n == "RevenueAccrued"
            ]
        )
    cash = ledger.cash
    assert told == [
        [(8, cash, 0, 5)],
        [(8, cash, 5, 12), (9, cash, 0, 11)],
        [(8, cash, 12, 13), (9, cash, 11, 12)],
    ]
    assert ledger.revenue.agreement(8, cash).total == 13
    assert ledger.balance("V", "NPR") == 13 * 333_333 // 1_000_000


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(st.integers(1, 3_000_003), min_size=1, max_size=3), min_size=1, max_size=5), st.data()
)
def test_accrue_however_split_and_ordered_gives_floors(
    ledger: Ledger, splits: list[list[int]], data: st.DataObject
) -> None:
    """The same commissions, in several settlements and in one, in another order: the same to every party."""
    floor = Floor(ledger)
    snapshot = ledger.chain.snapshot()
    try:
        floor.agree("B1", SHARES)
        earnings = Earnings(floor)
        agreed = ledger.chain.snapshot()
        names = [name for name, _ in SHARES]
        total = 0
        for amounts in splits:
            earnings.earn(*(("B1", amount) for amount in amounts))
            total += sum(amounts)
            assert [ledger.balance(name, "NPR") for name in names] == floors(total, SHARES)
        ledger.chain.restore(agreed)
        flat = data.draw(st.permutations([amount for amounts in splits for amount in amounts]))
        earnings.earn(*(("B1", amount) for amount in flat))
        assert [ledger.balance(name, "NPR") for name in names] == floors(total, SHARES)
    finally:
        ledger.chain.restore(snapshot)
