"""settle(Slice[]): what settles, and what it moves. Who may, of which batches, which records, what amounts
come to has files of its own: _slices, _masks and _amounts; random days are in _property.

given a cycle open and trades that both sides affirmed
├── when one slice has all of a batch           ─ nets, moves, shares, tells all that happened and no more
├── when it has a part                          ─ only that part, the rest later
├── when the balances are what is taken         ─ settles; with one unit less of any it is refused
├── when neither of two slices fits by itself   ─ both together do
├── when trades are of a broker with itself     ─ nothing moves but levy and revenue shares
├── when securities lie across storage slots    ─ each is netted by itself, also over several slices
└── when days differ                            ─ they net all the same
given parties have no agreement, or one         ─ commission is kept, or shared by floors of the total
"""

from __future__ import annotations

import pytest

from ledger import reverts
from ledger.clients.clearing_house import Status
from settlement.agreements import periods
from tests.contracts.clearing import Floor, others, slice_of, transfers_in
from tests.contracts.clearing_model import Model, Trade, commission
from tests.contracts.support import Ledger, refused

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


def test_settle_given_affirmed_batch_moves_net_and_tells_everything(floor: Floor, ledger: Ledger) -> None:
    floor.agree("B1", SHARES)
    model = Model({"B1": SHARES})
    needs = floor.fund(*DAY, model=Model({"B1": SHARES}))
    batch = floor.entered(*DAY)
    floor.open()
    before = floor.balances()
    facts = ledger.facts(floor.settle(slice_of(batch)))
    outcome = model.settle(DAY)
    assert before == needs
    after = {key: before.get(key, 0) + outcome.deltas.get(key, 0) for key in before.keys() | outcome.deltas}
    assert floor.balances() == {key: value for key, value in after.items() if value}
    assert ("transit", "NPR") not in floor.balances()
    assert transfers_in(facts) == floor.expected_transfers(outcome)
    assert {fact["caller"] for name, fact in facts if name == "Transfer"} == {floor.house.address.lower()}
    assert others(facts) == [
        ("SliceSettled", {"venue": 1, "cycle": 1, "batchHash": batch.hash, "count": 5}),
        (
            "RevenueAccrued",
            {
                "agreementId": 1,
                "period": periods.at(ledger.now, 3),
                "totalBefore": 0,
                "totalAfter": outcome.commission["B1"],
            },
        ),
        (
            "NettingSetSettled",
            {
                "venue": 1,
                "cycle": 1,
                "cashAsset": ledger.cash,
                "model": 3,
                "grossAmount": outcome.gross,
                "netAmount": outcome.net,
                "commission": outcome.commission.total(),
                "levy": outcome.levy.total(),
            },
        ),
    ]
    assert [ledger.clearing_house.status_of(batch.hash, i) for i in range(6)] == [Status.SETTLED] * 5 + [
        Status.UNKNOWN
    ]
    assert ledger.commission_of("B1") == outcome.commission["B1"]


def test_settle_when_part_of_batch_settles_that_part_only(floor: Floor, ledger: Ledger) -> None:
    batch = floor.entered(*DAY)
    part = [0, 2, 4]
    floor.fund(*(batch.trades[i] for i in part), reference="first")
    floor.fund(*(batch.trades[i] for i in (1, 3)), reference="second")
    floor.open()
    before = floor.balances()
    facts = ledger.facts(floor.settle(slice_of(batch, part)))
    assert others(facts)[0][1]["count"] == 3
    assert transfers_in(facts) == floor.expected_transfers(Model().settle(batch.trades[i] for i in part))
    settled = [ledger.clearing_house.status_of(batch.hash, i) == Status.SETTLED for i in range(5)]
    assert settled == [True, False, True, False, True]
    floor.settle(slice_of(batch, [1, 3]))
    both = Model().settle(batch.trades[i] for i in part), Model().settle(batch.trades[i] for i in (1, 3))
    for key in {*before, *both[0].deltas, *both[1].deltas}:
        moved = sum(outcome.deltas.get(key, 0) for outcome in both)
        assert floor.balances().get(key, 0) == before.get(key, 0) + moved


def test_settle_given_balances_just_enough_leaves_givers_nothing(floor: Floor) -> None:
    needs = floor.fund(*DAY)
    batch = floor.entered(*DAY)
    floor.open()
    floor.settle(slice_of(batch))
    assert not needs.keys() & floor.balances().keys()


@pytest.mark.parametrize(
    "short", sorted(key for key, delta in Model().settle(DAY).deltas.items() if delta < 0)
)
def test_settle_given_one_unit_less_reverts_and_changes_nothing(
    floor: Floor, ledger: Ledger, short: tuple[str, str]
) -> None:
    needs = floor.fund(*DAY, less={short: 1})
    batch = floor.entered(*DAY)
    floor.open()
    before = floor.balances()
    with refused(
        reverts.AssetRegister_BalanceOutOfRange,
        institution=ledger.index[short[0]],
        asset=ledger.asset[short[1]],
        balance=needs[short],
        delta=-needs[short] - 1,
    ):
        floor.settle(slice_of(batch))
    assert floor.balances() == before
    assert {ledger.clearing_house.status_of(batch.hash, i) for i in range(5)} == {Status.PENDING}
    ledger.issue({short: 1}, "the missing unit")
    floor.settle(slice_of(batch))


def test_settle_given_revenue_shares_unpaid_for_by_one_unit_reverts(floor: Floor, ledger: Ledger) -> None:
    floor.agree("B1", SHARES)
    needs = floor.fund(DAY[0], model=Model({"B1": SHARES}), less={("B1", "NPR"): 1})
    batch = floor.entered(DAY[0])
    floor.open()
    with refused(
        reverts.AssetRegister_BalanceOutOfRange,
        institution=ledger.index["B1"],
        asset=ledger.cash,
        balance=needs["B1", "NPR"],
        delta=-needs["B1", "NPR"] - 1,
    ):
        floor.settle(slice_of(batch))
    assert ledger.commission_of("B1") == 0


def test_settle_when_only_both_batches_fit_settles_both(floor: Floor, ledger: Ledger) -> None:
    """A circle: B1 → B2 → B3 → B1. Each pays with what the next delivers; nobody owns anything but fees."""
    circle = [
        Trade(1, "B1", "B2", "S1", 5, 4_000_000),
        Trade(2, "B2", "B3", "S1", 5, 4_000_000),
        Trade(65_536, "B3", "B1", "S1", 5, 4_000_000),
    ]
    floor.fund(*circle)
    first, second = floor.entered(*circle[:2]), floor.entered(circle[2])
    floor.open()
    for batch in (first, second):
        with pytest.raises(reverts.AssetRegister_BalanceOutOfRange):
            floor.settle(slice_of(batch))
    facts = ledger.facts(floor.settle(slice_of(second), slice_of(first)))
    outcome = Model().settle(circle)
    assert outcome.net == 0
    assert transfers_in(facts) == floor.expected_transfers(outcome)
    assert [(name, fact.get("batchHash"), fact.get("count")) for name, fact in others(facts)] == [
        ("SliceSettled", second.hash, 1),
        ("SliceSettled", first.hash, 2),
        ("NettingSetSettled", None, None),
    ]


def test_settle_when_only_self_trades_moves_levy_and_shares_only(floor: Floor, ledger: Ledger) -> None:
    trades = [Trade(n, "B2", "B2", f"S{n}", 2**63, 7_777_777) for n in (1, 4, 8)]
    floor.agree("B2", SHARES)
    floor.fund(*trades, model=Model({"B2": SHARES}))
    batch = floor.entered(*trades)
    floor.open()
    facts = ledger.facts(floor.settle(slice_of(batch)))
    outcome = Model({"B2": SHARES}).settle(trades)
    assert {code for _, code in outcome.deltas} == {"NPR"}
    assert outcome.commission["B2"] == 6 * commission(7_777_777)
    assert transfers_in(facts) == floor.expected_transfers(outcome)
    assert others(facts)[-1][1]["grossAmount"] == 3 * 7_777_777
    assert others(facts)[-1][1]["netAmount"] == 0


def test_settle_when_securities_cross_slots_nets_each_alone(floor: Floor, ledger: Ledger) -> None:
    """S3|S4 and S7|S8 lie on either side of a storage slot's edge; one side nets to nothing in S4."""
    trades = [Trade(i, "B1", "B2", f"S{i}", i, 100 * i) for i in range(1, 9)]
    trades += [Trade(14, "B2", "B1", "S4", 4, 100), Trade(15, "B3", "B1", "S3", 1, 100)]
    floor.fund(*trades)
    batch = floor.entered(*trades)
    floor.open()
    facts = ledger.facts(floor.settle(slice_of(batch)))
    assert transfers_in(facts) == floor.expected_transfers(Model().settle(trades))
    assert ledger.balance("B1", "S4") == 0
    assert [ledger.balance("B1", f"S{i}") for i in (1, 2, 3, 5, 8)] == [1, 2, 2, 5, 8]


def test_settle_when_slices_interleave_securities_merges_them(floor: Floor, ledger: Ledger) -> None:
    odd = [Trade(i, "B1", "B2", f"S{i}", 10, 1_000) for i in (1, 3, 5, 7)]
    even = [Trade(65_536 + i, "B2", "B1", f"S{i}", 4, 500) for i in (2, 3, 4, 8)]
    floor.fund(*odd, *even)
    batches = [floor.entered(*odd), floor.entered(*even)]
    floor.open()
    facts = ledger.facts(floor.settle(*map(slice_of, batches)))
    assert transfers_in(facts) == floor.expected_transfers(Model().settle(odd + even))


def test_settle_when_days_and_settlement_dates_differ_nets_across_them(floor: Floor, ledger: Ledger) -> None:
    trades = [Trade(1, "B1", "B2", "S1", 5, 1_000), Trade(1, "B2", "B1", "S1", 5, 1_000)]
    floor.fund(*trades)
    batches = [
        floor.entered(trades[0]),
        floor.entered(trades[1], trading_day=20191122, intended_settlement_date=20191125),
    ]
    floor.open()
    facts = ledger.facts(floor.settle(*map(slice_of, batches)))
    assert transfers_in(facts) == floor.expected_transfers(Model().settle(trades))
