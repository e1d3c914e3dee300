"""settle(model, Slice[]): when balances are checked. What the other files say of model 3 holds in 1 and 2.

when the model is 0, 4 or 255                   ─ refused
given balances that suffice at every step       ─ each model moves what it should, all end alike
given what the last trade brings is needed first ─ model 3 nets it; 1 and 2 take only the other order
given cash is short in between, securities not  ─ models 2 and 3 settle, 1 does not
given cash is short at the end                  ─ none does, and nothing changes
given levy or revenue shares are short in between ─ model 1 counts them trade by trade
when a trade is of a broker with itself         ─ moves no security in any model, also if it has none
when slices, masks and parts mix                ─ parts first, then the mask, slice by slice
given a party is suspended, or has not affirmed ─ refused in every model
given 60 institutions and 200 trades            ─ memory and gas of model 1 stay in bounds
"""

from __future__ import annotations

import random

import pytest

from ledger import reverts
from ledger.accounts import Signer
from ledger.clients.clearing_house import Status
from ledger.clients.consortium import Role
from tests.contracts.clearing import Floor, others, slice_of, transfers_in
from tests.contracts.clearing_model import Model, Trade
from tests.contracts.support import SECURITIES, SEED, Ledger, refused

SHARES = (("V", 200_000), ("P", 50_000))
DAY = (
    Trade(1, "B1", "B2", "S1", 10, 1_000_000),
    Trade(2, "B2", "B3", "S1", 4, 480_001),
    Trade(3, "B3", "B1", "S5", 7, 60_000_007),
    Trade(4, "B3", "B3", "S2", 9, 900_000),
    Trade(5, "B2", "B1", "S1", 3, 333_333),
)
RICH = {(name, code): 10**9 for name in ("B1", "B2", "B3") for code in ("S1", "S5", "NPR")}
MODELS = (1, 2, 3)


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    return Floor(ledger)


@pytest.mark.parametrize("model", [0, 4, 255])
def test_settle_when_model_is_unknown_reverts(floor: Floor, model: int) -> None:
    batch = floor.entered(*DAY)
    floor.open()
    with refused(reverts.ClearingHouse_UnknownModel, model=model):
        floor.settle(slice_of(batch), model=model)


@pytest.mark.parametrize("model", MODELS)
def test_settle_given_plenty_moves_what_the_model_says(floor: Floor, ledger: Ledger, model: int) -> None:
    ledger.issue(RICH)
    floor.agree("B1", SHARES)
    batch = floor.entered(*DAY)
    floor.open()
    before = floor.balances()
    facts = ledger.facts(floor.settle(slice_of(batch), model=model))
    outcome = Model({"B1": SHARES}).settle(batch.trades, model)
    assert transfers_in(facts) == floor.expected_transfers(outcome)
    moved = {key: before.get(key, 0) + outcome.deltas.get(key, 0) for key in before.keys() | outcome.deltas}
    assert floor.balances() == {key: value for key, value in moved.items() if value}
    assert outcome.deltas == Model({"B1": SHARES}).settle(batch.trades).deltas
    told = others(facts)
    assert told[0] == ("SliceSettled", {"venue": 1, "cycle": 1, "batchHash": batch.hash, "count": 5})
    assert told[-1] == (
        "NettingSetSettled",
        {
            "venue": 1,
            "cycle": 1,
            "cashAsset": ledger.cash,
            "model": model,
            "grossAmount": outcome.gross,
            "netAmount": outcome.net,
            "commission": outcome.commission.total(),
            "levy": outcome.levy.total(),
        },
    )
    accrued = [fact for name, fact in told if name == "RevenueAccrued"]
    assert accrued[-1]["totalAfter"] == outcome.commission["B1"]
    assert sum(f["totalAfter"] - f["totalBefore"] for f in accrued) == outcome.commission["B1"]
    assert len(accrued) == (3 if model == 1 else 1)
    assert ledger.commission_of("B1") == outcome.commission["B1"]
    assert [floor.house.status_of(batch.hash, i) for i in range(5)] == [Status.SETTLED] * 5


PASSED_ON = (Trade(1, "B3", "B2", "S1", 5, 1_000), Trade(2, "B2", "B1", "S1", 5, 1_000))
"""B2 sells what it buys; in the order of numbers it sells first."""


@pytest.mark.parametrize("model", [1, 2])
def test_settle_given_what_comes_later_is_needed_first_takes_the_other_order(
    floor: Floor, ledger: Ledger, model: int
) -> None:
    ledger.issue({(name, "NPR"): 10_000 for name in ("B1", "B2", "B3")} | {("B1", "S1"): 5})
    batch = floor.entered(*PASSED_ON)
    floor.open()
    before = floor.balances()
    for chosen in (slice_of(batch), slice_of(batch, parts=[(0, 0), (1, 0)]), slice_of(batch, [1], [(0, 0)])):
        with refused(
            reverts.AssetRegister_BalanceOutOfRange,
            institution=ledger.index["B2"],
            asset=1,
            balance=0,
            delta=-5,
        ):
            floor.settle(chosen, model=model)
        assert floor.balances() == before
    facts = ledger.facts(floor.settle(slice_of(batch, [0], [(1, 0)]), model=model))
    assert transfers_in(facts) == floor.expected_transfers(Model().settle(PASSED_ON[::-1], model))


def test_settle_by_model_3_given_what_comes_later_is_needed_first_nets_it(
    floor: Floor, ledger: Ledger
) -> None:
    ledger.issue({(name, "NPR"): 10_000 for name in ("B1", "B2", "B3")} | {("B1", "S1"): 5})
    batch = floor.entered(*PASSED_ON)
    floor.open()
    floor.settle(slice_of(batch))
    assert ledger.balance("B3", "S1") == 5


def test_settle_given_cash_is_short_in_between_settles_by_models_2_and_3_only(
    floor: Floor, ledger: Ledger
) -> None:
    """B1 pays B2 with what B3 pays it afterwards. No charge: the amounts are too small."""
    trades = [Trade(1, "B1", "B2", "S1", 5, 100), Trade(2, "B3", "B1", "S2", 5, 100)]
    ledger.issue({("B2", "S1"): 15, ("B1", "S2"): 15, ("B3", "NPR"): 300})
    days = [(20191121, 1), (20191122, 2), (20191125, 3)]
    batches = {
        model: floor.entered(*trades, trading_day=day, intended_settlement_date=day) for day, model in days
    }
    floor.open()
    short = {"institution": ledger.index["B1"], "asset": ledger.cash, "balance": 0, "delta": -100}
    with refused(reverts.AssetRegister_BalanceOutOfRange, **short):
        floor.settle(slice_of(batches[1]), model=1)
    floor.settle(slice_of(batches[1], [0], [(1, 0)]), model=1)
    for model in (2, 3):
        floor.settle(slice_of(batches[model]), model=model)
    assert (ledger.balance("B1", "S1"), ledger.balance("B2", "NPR")) == (15, 300)


@pytest.mark.parametrize("model", MODELS)
def test_settle_given_cash_is_short_at_the_end_reverts_and_changes_nothing(
    floor: Floor, ledger: Ledger, model: int
) -> None:
    floor.agree("B1", SHARES)
    floor.agree("B2", (("P", 1_000_000),))
    ledger.issue(RICH | {("B2", "NPR"): 1})
    ledger.register.redeem(ledger.signers["B2"], b"\1" * 32, ledger.cash, 1)
    batch = floor.entered(*DAY)
    needed = -Model({"B1": SHARES, "B2": (("P", 1_000_000),)}).settle(DAY).deltas["B1", "NPR"]
    assert needed < 0
    spare = ledger.balance("B3", "NPR")
    ledger.register.redeem(ledger.signers["B3"], b"\2" * 32, ledger.cash, spare)
    floor.open()
    before = floor.balances()
    with pytest.raises(reverts.AssetRegister_BalanceOutOfRange) as caught:
        floor.settle(slice_of(batch), model=model)
    assert caught.value.operands["institution"] == ledger.index["B3"]
    assert floor.balances() == before
    assert {floor.house.status_of(batch.hash, i) for i in range(5)} == {Status.PENDING}
    for payer in ("B1", "B2"):
        assert ledger.commission_of(payer) == 0


@pytest.mark.parametrize("less", [0, 1])
def test_settle_by_model_1_counts_levy_and_shares_of_each_trade(
    floor: Floor, ledger: Ledger, less: int
) -> None:
    """B1 pays price, levy and shares of its first trade out of its balance, to the unit."""
    floor.agree("B1", SHARES)
    first, second = (
        Trade(1, "B1", "B2", "S1", 10, 1_000_001),
        Trade(2, "B3", "B1", "S1", 10, 2_000_000),
    )
    need = -Model({"B1": SHARES}).settle([first]).deltas["B1", "NPR"]
    ledger.issue({("B2", "S1"): 10, ("B3", "NPR"): 10**7, ("B2", "NPR"): 10**6, ("B1", "NPR"): need - less})
    batch = floor.entered(first, second)
    floor.open()
    if less:
        with refused(
            reverts.AssetRegister_BalanceOutOfRange,
            institution=ledger.index["B1"],
            asset=ledger.cash,
            balance=need - 1,
            delta=-need,
        ):
            floor.settle(slice_of(batch), model=1)
        floor.settle(slice_of(batch), model=2)
    else:
        floor.settle(slice_of(batch), model=1)


@pytest.mark.parametrize("model", MODELS)
def test_settle_when_trade_is_with_oneself_moves_no_security(
    floor: Floor, ledger: Ledger, model: int
) -> None:
    floor.agree("B2", SHARES)
    trades = [Trade(1, "B2", "B2", "S1", 2**63, 7_777_777), Trade(2, "B2", "B2", "S8", 1, 10)]
    ledger.issue({("B2", "NPR"): 10**6})
    batch = floor.entered(*trades)
    floor.open()
    facts = ledger.facts(floor.settle(slice_of(batch), model=model))
    outcome = Model({"B2": SHARES}).settle(trades, model)
    assert transfers_in(facts) == floor.expected_transfers(outcome)
    (told,) = [fact for name, fact in facts if name == "NettingSetSettled"]
    assert (told["grossAmount"], told["netAmount"]) == (7_777_787, 0)


@pytest.mark.parametrize("model", MODELS)
def test_settle_when_slices_masks_and_parts_mix_takes_parts_first(
    floor: Floor, ledger: Ledger, model: int
) -> None:
    """The order is told by what each trade is told to move: the register checks every step of it."""
    ledger.issue(RICH)
    floor.agree("B1", SHARES)
    batches = [
        floor.entered(*DAY),
        floor.entered(Trade(65_537, "B1", "B3", "S5", 3, 5_000_001), *map(_later, DAY)),
    ]
    floor.open()
    slices = [
        slice_of(batches[0], [0, 3], [(4, 0), (1, 0)]),
        slice_of(batches[1], [1], [(5, 0), (0, 0)]),
        slice_of(batches[0], parts=[(2, 0)]),
    ]
    order = [
        batches[b].trades[i] for b, i in ((0, 4), (0, 1), (0, 0), (0, 3), (1, 5), (1, 0), (1, 1), (0, 2))
    ]
    before = floor.balances()
    facts = ledger.facts(floor.settle(*slices, model=model))
    outcome = Model({"B1": SHARES}).settle(order, model)
    assert transfers_in(facts) == floor.expected_transfers(outcome)
    assert [fact["count"] for name, fact in facts if name == "SliceSettled"] == [4, 3, 1]
    parts = [fact["tradeNo"] for name, fact in facts if name == "TradeSettledInPart"]
    assert parts == [order[i].number for i in (0, 1, 4, 5, 7)]
    if model == 1:
        accrued = [f["totalAfter"] - f["totalBefore"] for n, f in facts if n == "RevenueAccrued"]
        each = [Model({"B1": SHARES}).settle([trade]).commission["B1"] for trade in order]
        assert accrued == [amount for amount in each if amount]
    assert {
        key: floor.balances().get(key, 0) - before.get(key, 0) for key in outcome.deltas
    } == outcome.deltas


def _later(trade: Trade) -> Trade:
    return Trade(
        65_540 + trade.number, trade.buyer, trade.seller, trade.security, trade.quantity, trade.amount
    )


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("in_parts", [False, True])
def test_settle_given_party_is_out_reverts_in_every_model(
    floor: Floor, ledger: Ledger, model: int, in_parts: bool
) -> None:
    ledger.issue(RICH)
    batch, other = floor.entered(*DAY), floor.batch(*map(_later, DAY))
    floor.record(other)
    floor.affirm(other, floor.affirmation(other, "B1"), floor.affirmation(other, "B2"))
    floor.open()

    def chosen(of: object, *positions: int) -> object:
        return slice_of(of, (), [(i, 0) for i in positions]) if in_parts else slice_of(of, positions)  # type: ignore[arg-type]

    with refused(reverts.ClearingHouse_Unaffirmed, slice=1, institution=ledger.index["B3"]):
        floor.settle(chosen(batch, 0), chosen(other, 0, 1), model=model)  # type: ignore[arg-type]
    ledger.suspend("B3")
    with refused(reverts.ClearingHouse_Suspended, slice=0, institution=ledger.index["B3"]):
        floor.settle(chosen(batch, 0, 1), model=model)  # type: ignore[arg-type]
    floor.settle(chosen(batch, 0), model=model)  # type: ignore[arg-type]


@pytest.mark.parametrize("model", MODELS)
def test_settle_given_60_institutions_and_200_trades_stays_in_bounds(
    floor: Floor, ledger: Ledger, model: int
) -> None:
    chance = random.Random(7)
    names = [f"M{i}" for i in range(60)]
    for name in names:
        ledger.signers[name] = Signer.from_seed(SEED, name)
        ledger.index[name] = len(ledger.index) + 1
    ledger.consortium.admit(
        ledger.operator, [(name, ledger.signers[name].address, [Role.BROKER]) for name in names]
    )
    trades = [
        Trade(n, *chance.sample(names, 2), chance.choice(SECURITIES), chance.randint(1, 99), 10**6 + n)
        for n in range(200)
    ]
    ledger.issue({(name, code): 10**9 for name in names for code in (*SECURITIES, "NPR")})
    floor.agree(trades[0].buyer, SHARES)
    batch = floor.entered(*trades)
    floor.open()
    receipt = floor.settle(slice_of(batch), model=model)
    outcome = Model({trades[0].buyer: SHARES}).settle(batch.trades, model)
    assert transfers_in(ledger.facts(receipt)) == floor.expected_transfers(outcome)
    assert receipt.gas_used / len(trades) < {1: 60_000, 2: 25_000, 3: 20_000}[model]
