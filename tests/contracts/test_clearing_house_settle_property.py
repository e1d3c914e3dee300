"""settle(Slice[]) over random days, against a model in plain ints that shares no code with the package.

given random batches, agreements, masks over two of them ─ balances, totals, statuses, events are the model's
given one unit less of any one thing that is taken       ─ refused with whose, of what; nothing changes
given 300 institutions                                   ─ the same, in every word of the sets they are in
"""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import reverts
from ledger.accounts import Signer
from ledger.clients.clearing_house import Status
from ledger.clients.consortium import Role
from tests.contracts.clearing import Batch, Floor, others, slice_of, transfers_in
from tests.contracts.clearing_model import MAX_QUANTITY, Model, Outcome, Trade
from tests.contracts.support import MAX_AMOUNT, SECURITIES, SEED, Ledger, refused

AGREEMENTS = {
    "B1": (("V", 200_000), ("P", 50_000), ("R", 333_333)),
    "B2": (("B1", 999_999),),
}
BROKERS = ("B1", "B2", "B3")
QUANTITIES = st.integers(1, 20) | st.integers(1, MAX_QUANTITY // 28)
"""So large that 28 trades, which is how many there are, still add up to a balance."""
AMOUNTS = (
    st.integers(1, 20_000)
    | st.integers(4_999_999, 50_000_001)
    | st.integers(1, MAX_AMOUNT)
    | st.sampled_from([MAX_AMOUNT, 2**87, 2**87 - 1])
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(BROKERS), st.sampled_from(BROKERS), st.sampled_from(SECURITIES), QUANTITIES, AMOUNTS
    ),
    min_size=1,
    max_size=14,
)
Rows = list[tuple[str, str, str, int, int]]


def trades_of(rows: Rows, first: int) -> list[Trade]:
    return [Trade(first + 3 * i, *row) for i, row in enumerate(rows)]


def check(
    floor: Floor, facts: list[tuple[str, dict[str, object]]], outcome: Outcome, counts: list[int]
) -> None:
    """The events are the outcome's, and the transit account is empty."""
    assert transfers_in(facts) == floor.expected_transfers(outcome)
    assert [fact["count"] for name, fact in facts if name == "SliceSettled"] == counts
    name, fact = others(facts)[-1]
    assert name == "NettingSetSettled"
    sums = (fact["grossAmount"], fact["netAmount"], fact["commission"], fact["levy"])
    assert sums == (outcome.gross, outcome.net, outcome.commission.total(), outcome.levy.total())
    assert "transit" not in {holder for holder, _ in floor.balances()}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=ROWS, second=ROWS, data=st.data())
def test_settle_over_random_masks_does_what_the_model_does(
    ledger: Ledger, first: Rows, second: Rows, data: st.DataObject
) -> None:
    snapshot = ledger.chain.snapshot()
    try:
        _settle_twice(Floor(ledger), [trades_of(first, 0xFFE0 - 40), trades_of(second, 0x1FF00)], data)
    finally:
        ledger.chain.restore(snapshot)


def _settle_twice(floor: Floor, days: list[list[Trade]], data: st.DataObject) -> None:
    """What the masks choose, then the rest, each as one netting set."""
    for payer, shares in AGREEMENTS.items():
        floor.agree(payer, shares)
    batches = [floor.entered(*trades) for trades in days]
    masks = [
        data.draw(st.sets(st.integers(0, len(batch.trades) - 1), min_size=1), label="mask")
        for batch in batches
    ]
    rests = [set(range(len(batch.trades))) - mask for batch, mask in zip(batches, masks, strict=True)]
    model = Model(AGREEMENTS)
    floor.open()
    held: dict[tuple[str, str], int] = {}
    for step, parts in enumerate((masks, rests)):
        pairs = [(batch, part) for batch, part in zip(batches, parts, strict=True) if part]
        if not pairs:
            continue
        chosen = [batch.trades[i] for batch, part in pairs for i in part]
        outcome = model.settle(chosen)
        _fund_but_for_a_unit(floor, pairs, outcome, held, data, f"step {step}")
        facts = floor.ledger.facts(floor.settle(*(slice_of(batch, part) for batch, part in pairs)))
        check(floor, facts, outcome, [len(part) for _, part in pairs])
        for key, delta in outcome.deltas.items():
            held[key] = held.get(key, 0) + delta
        assert floor.balances() == {key: value for key, value in held.items() if value}
        for payer in AGREEMENTS:
            total = floor.ledger.commission_of(payer)
            assert total == model.totals[payer]
        for batch, mask in zip(batches, masks, strict=True):
            for i in range(len(batch.trades)):
                expected = Status.SETTLED if i in mask or step else Status.PENDING
                assert floor.house.status_of(batch.hash, i) == expected


def _fund_but_for_a_unit(
    floor: Floor,
    pairs: list[tuple[Batch, set[int]]],
    outcome: Outcome,
    held: dict[tuple[str, str], int],
    data: st.DataObject,
    reference: str,
) -> None:
    """Issue what is missing, one unit of one thing only after a settlement was refused for it."""
    needs = {
        key: -held.get(key, 0) - delta
        for key, delta in outcome.deltas.items()
        if held.get(key, 0) + delta < 0
    }
    if not needs:
        return
    short = data.draw(st.sampled_from(sorted(needs)), label="short")
    floor.ledger.issue({key: n - (key == short) for key, n in needs.items() if n > (key == short)}, reference)
    for key, amount in needs.items():
        held[key] = held.get(key, 0) + amount
    before = floor.balances()
    with refused(
        reverts.AssetRegister_BalanceOutOfRange,
        institution=floor.ledger.index[short[0]],
        asset=floor.ledger.asset[short[1]],
        balance=held[short] - 1,
        delta=outcome.deltas[short],
    ):
        floor.settle(*(slice_of(batch, part) for batch, part in pairs))
    assert floor.balances() == before
    floor.ledger.issue({short: 1}, f"{reference}, the unit")


@pytest.mark.parametrize("seed", [1, 2])
def test_settle_given_300_institutions_does_what_the_model_does(ledger: Ledger, seed: int) -> None:
    """Indexes 11 to 310: more than a word of any set, and brokers on both sides of its edge."""
    floor, chance = Floor(ledger), random.Random(seed)
    names = [f"M{i}" for i in range(300)]
    for name in names:
        ledger.signers[name] = Signer.from_seed(SEED, name)
        ledger.index[name] = len(ledger.index) + 1
    ledger.consortium.admit(
        ledger.operator, [(name, ledger.signers[name].address, [Role.BROKER]) for name in names]
    )
    edge = [name for name in names if 250 <= ledger.index[name] <= 262]
    pool = edge + chance.sample(names, 40)
    days = [
        [
            Trade(
                first + n,
                chance.choice(pool),
                chance.choice(pool),
                chance.choice(SECURITIES),
                chance.randint(1, 1000),
                chance.randint(1, 10**8),
            )
            for n in range(chance.randint(255, 520))
        ]
        for first in (1, 0x10000)
    ]
    floor.agree(edge[5], (("P", 1_000_000),))
    model = Model({edge[5]: (("P", 1_000_000),)})
    floor.fund(*days[0], *days[1], model=Model(model.agreements))
    batches = [floor.entered(*trades) for trades in days]
    floor.open()
    facts = ledger.facts(floor.settle(*map(slice_of, batches)))
    check(floor, facts, model.settle(days[0] + days[1]), [len(trades) for trades in days])
    for batch in batches:
        for name in edge:
            is_party = name in batch.parties
            assert floor.house.call("affirmedBy", batch.hash, ledger.index[name]) == is_party
    ledger.suspend(edge[6])
    late = floor.batch(Trade(0x20001, edge[7], edge[8]))
    floor.record(late)
    ledger.suspend(edge[8])
    floor.affirm(late, floor.affirmation(late, edge[7]))
    with refused(reverts.ClearingHouse_Suspended, slice=0, institution=ledger.index[edge[8]]):
        floor.settle(slice_of(late))
    with refused(reverts.ClearingHouse_NotBroker, tradeNo=9, institution=ledger.index[edge[6]]):
        floor.record(
            floor.batch(
                Trade(9, edge[7], edge[6], "S1"), trading_day=20191122, intended_settlement_date=20191122
            )
        )
