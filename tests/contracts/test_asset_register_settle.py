"""AssetRegister.settle

given the clearing house or the revenue sharing contract calls
├── when balanced ─ balances change, supply does not; Transfers to and from the transit account, then empty
├── when none, or of nothing ─ nothing moves
├── when one takes more than is held, up to the least int128 ─ BalanceOutOfRange
├── when one gives more than a lane holds, up to the largest int128 ─ BalanceOutOfRange
├── when an asset does not sum to zero ─ NotConserved, even where all assets together do
├── when of an unknown asset ─ BalanceOutOfRange: nobody has any
├── when of the transit account or an institution that is not admitted ─ NotAccount
├── when an institution twice ─ as if added up, where each step is covered
├── when in another order, groups of four together ─ the same balances
├── when a group of four is torn apart ─ NotConserved
├── when the words' middle bits are not zero ─ as if they were
├── given holders are suspended ─ settled: that is for the clearing house to judge
└── when one of several is wrong ─ nothing changes
given anyone else calls ─ NotSettlement
"""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import reverts
from ledger.clients.consortium import account_of
from ledger.errors import Reverted
from tests.contracts.stand_in import LARGEST_CURRENCY, LARGEST_SECURITY, StandIn, ordered
from tests.contracts.support import Ledger, bytes32, movement, refusal_of, refused

NPR, USD = 0x8001, 0x8002
B1, B2, B3 = 8, 9, 10
INT128_MAX = 2**127 - 1
INT128_MIN = -(2**127)
OPENING = {
    (B1, 4): 40,
    (B1, 5): 50,
    (B1, 6): LARGEST_SECURITY - 3,
    (B1, 7): 70,
    (B2, 5): 5,
    (B2, 6): 3,
    (B1, 1): 10,
    (B3, 3): 30,
    (B1, NPR): 1_000,
    (B2, NPR): 200,
    (B3, USD): 7,
}


@pytest.fixture
def funded(stand_in: StandIn) -> StandIn:
    """B1, B2 and B3 hold what OPENING says."""
    for by, currency in (("D", False), ("B", True)):
        rows = [movement(a, h, q) for (h, a), q in OPENING.items() if (a >= NPR) is currency]
        stand_in.register.issue(stand_in.ledger.signers[by], bytes32("opening"), rows)
    return stand_in


def words(*rows: tuple[int, int, int]) -> list[int]:
    return [movement(*row) for row in rows]


def applied(rows) -> dict[tuple[int, int], int]:
    after = dict(OPENING)
    for asset, holder, delta in rows:
        after[holder, asset] = after.get((holder, asset), 0) + delta
    return {key: balance for key, balance in after.items() if balance}


BALANCED = ordered(
    [
        *((1, B1, -10), (1, B2, 4), (1, B3, 6), (3, B1, 30), (3, B3, -30)),
        *(
            (4, B1, -1),
            (4, B2, 1),
            (5, B1, 5),
            (5, B2, -5),
            (6, B1, 3),
            (6, B2, -3),
            (7, B1, -70),
            (7, B2, 70),
        ),
        *((NPR, B1, -1_000), (NPR, B2, 999), (NPR, B3, 1), (USD, B3, -7), (USD, B1, 7)),
    ]
)


@pytest.mark.parametrize("by", ["clearing_house", "revenue"])
def test_settle_when_balanced(funded: StandIn, by: str):
    caller, transit = getattr(funded, by), account_of(0).lower()
    supplies = [funded.register.asset(a).supply for a in (1, 3, 4, 5, 6, 7, NPR, USD)]
    receipt = funded.settle(words(*BALANCED), by=caller)
    expected = []
    for asset, holder, delta in BALANCED:
        account = account_of(holder).lower()
        sender, receiver = (account, transit) if delta < 0 else (transit, account)
        arguments = {"caller": caller.address.lower(), "sender": sender, "receiver": receiver}
        expected.append(("Transfer", arguments | {"id": asset, "amount": abs(delta)}))
    assert funded.ledger.facts(receipt) == expected
    assert funded.balances() == applied(BALANCED)
    assert [funded.register.asset(a).supply for a in (1, 3, 4, 5, 6, 7, NPR, USD)] == supplies


def test_settle_when_none(funded: StandIn):
    assert funded.settle([]).logs == ()
    assert funded.balances() == OPENING


def test_settle_when_of_nothing(funded: StandIn):
    funded.settle(words((5, B1, 0), (NPR, B1, 0)))
    assert funded.balances() == OPENING


@pytest.mark.parametrize(
    ("asset", "holder", "delta"),
    [
        (5, B1, -51),
        (5, B3, -1),
        (5, B1, -LARGEST_SECURITY),
        (5, B1, -LARGEST_SECURITY - 1),
        (5, B1, INT128_MIN),
        (4, B1, INT128_MIN),
        (7, B1, -71),
        (NPR, B1, -1_001),
        (NPR, B1, INT128_MIN),
        (NPR, B3, -1),
        (USD, B1, -1),
    ],
)
def test_settle_when_not_covered_reverts(funded: StandIn, asset: int, holder: int, delta: int):
    taken = OPENING.get((holder, asset), 0)
    operands = {"institution": holder, "asset": asset, "balance": taken, "delta": delta}
    credit = min(-delta, INT128_MAX) if asset >= NPR else 1
    with refused(reverts.AssetRegister_BalanceOutOfRange, **operands):
        funded.settle(words(*ordered([(asset, holder, delta), (asset, B2, credit)])))
    assert funded.balances() == OPENING


@pytest.mark.parametrize(
    ("asset", "holder", "delta"),
    [
        (6, B1, 4),
        (5, B1, LARGEST_SECURITY - 49),
        (5, B1, LARGEST_SECURITY + 1),
        (4, B3, LARGEST_SECURITY + 1),
        (7, B3, 2**64),
        (7, B3, INT128_MAX),
        (4, B1, INT128_MAX),
    ],
)
def test_settle_when_a_lane_would_overflow_reverts(funded: StandIn, asset: int, holder: int, delta: int):
    operands = {"institution": holder, "asset": asset, "delta": delta}
    with refused(
        reverts.AssetRegister_BalanceOutOfRange, balance=OPENING.get((holder, asset), 0), **operands
    ):
        funded.settle(words((asset, holder, delta)))


def test_settle_given_all_of_a_currency_when_moved(stand_in: StandIn):
    """2**128 - 1 minor units, which takes two movements and a third of one."""
    parts = [INT128_MAX, INT128_MAX, 1]
    bank = stand_in.ledger.signers["B"]
    stand_in.register.issue(bank, bytes32("all"), words(*((NPR, B1, part) for part in parts)))
    assert stand_in.balances() == {(B1, NPR): LARGEST_CURRENCY}
    stand_in.settle(words(*((NPR, B1, -part) for part in parts), *((NPR, B2, part) for part in parts)))
    assert stand_in.balances() == {(B2, NPR): LARGEST_CURRENCY}
    stand_in.settle(words((NPR, B2, INT128_MIN), (NPR, B3, INT128_MAX), (NPR, B3, 1)))
    assert stand_in.balances() == {(B2, NPR): 2**127 - 1, (B3, NPR): 2**127}


@pytest.mark.parametrize(
    ("rows", "asset", "excess"),
    [
        ([(5, B1, 1)], 5, 1),
        ([(5, B1, -1)], 5, -1),
        ([(5, B1, -4), (5, B2, 5)], 5, 1),
        ([(4, B1, -4), (5, B1, 4)], 4, -4),
        ([(7, B1, -4), (NPR, B1, 4)], 7, -4),
        ([(1, B1, -4), (4, B1, 4)], 1, -4),
        ([(3, B1, LARGEST_SECURITY)], 3, LARGEST_SECURITY),
        ([(NPR, B1, -4), (USD, B1, 4)], NPR, -4),
        ([(NPR, B1, INT128_MAX), (NPR, B2, INT128_MAX)], NPR, 2 * INT128_MAX),
        ([(5, B1, -5), (5, B2, 5), (NPR, B1, 1)], NPR, 1),
        ([(6, B1, -(2**63)), (6, B2, 2**63 - 1)], 6, -1),
    ],
)
def test_settle_when_not_conserved_reverts(funded: StandIn, rows, asset: int, excess: int):
    with refused(reverts.AssetRegister_NotConserved, asset=asset, excess=excess):
        funded.settle(words(*rows))
    assert funded.balances() == OPENING


@pytest.mark.parametrize("asset", [0, 2, 9, 11, 0x7FFF, 0x8000, 0x8003, 0xFFFF])
def test_settle_when_nobody_holds_the_asset_reverts(funded: StandIn, asset: int):
    operands = {"institution": B1, "asset": asset, "balance": 0, "delta": -1}
    with refused(reverts.AssetRegister_BalanceOutOfRange, **operands):
        funded.settle(words((asset, B1, -1), (asset, B2, 1)))


@pytest.mark.parametrize("asset", [1, 5, NPR])
@pytest.mark.parametrize("delta", [4, 0, -4])
@pytest.mark.parametrize("nobody", [0, 11, 256, 65535])
def test_settle_when_of_no_institution_reverts(funded: StandIn, asset: int, delta: int, nobody: int):
    """Transit is zero after every settlement, and holders are institutions' accounts, nobody else."""
    rows = [(asset, B1, -delta), (asset, nobody, delta)]
    for order in (rows, rows[::-1]):
        with refused(reverts.AssetRegister_NotAccount, account=account_of(nobody)):
            funded.settle(words(*order))
    assert funded.balances() == OPENING


@pytest.mark.parametrize("before", [(), ((5, B1, 0),), ((NPR, B1, 0),)])
def test_settle_when_a_word_is_zero_reverts(funded: StandIn, before):
    """Of asset 0, institution 0, nothing: such a list must not be walked for ever."""
    ledger, house = funded.ledger, funded.clearing_house
    data = house.encode("settle", funded.register.address, [*words(*before), 0])
    nonce = ledger.chain.nonce(ledger.outsider.address)
    receipt = ledger.chain.send(
        ledger.outsider.sign_transaction(ledger.chain.chain_id, nonce, house.address, data, 1_000_000)
    )
    assert receipt.status == 0
    with refused(reverts.AssetRegister_NotAccount, account=account_of(0)):
        raise reverts.decode(receipt.revert_data)


@pytest.mark.parametrize(("asset", "holder"), [(5, B1), (NPR, B1)])
def test_settle_when_an_institution_twice_adds_up(funded: StandIn, asset: int, holder: int):
    rows = [(asset, holder, -20), (asset, holder, -30), (asset, holder, 10), (asset, B3, 15), (asset, B3, 25)]
    receipt = funded.settle(words(*rows))
    assert len(receipt.logs) == 5
    assert funded.balances() == applied(rows)


def test_settle_when_an_institution_twice_beyond_its_balance_reverts_with_the_balance_by_then(
    funded: StandIn,
):
    operands = {"institution": B1, "asset": 5, "balance": 20, "delta": -30}
    with refused(reverts.AssetRegister_BalanceOutOfRange, **operands):
        funded.settle(words((5, B1, -30), (5, B1, -30), (5, B2, 60)))


def test_settle_when_in_another_order_within_assets(funded: StandIn):
    """Of four securities together, in any order of institutions and lanes."""
    rows = [row for row in BALANCED if 4 <= row[0] < 8]
    for seed in range(5):
        snapshot = funded.ledger.chain.snapshot()
        shuffled = random.Random(seed).sample(rows, len(rows))
        funded.settle(words(*sorted(shuffled, key=lambda row: row[2])))
        assert funded.balances() == applied(rows)
        funded.ledger.chain.restore(snapshot)


def test_settle_when_in_another_order_of_slots(funded: StandIn):
    rows = [
        (NPR, B2, -9),
        (NPR, B1, 9),
        (5, B1, -4),
        (5, B2, 4),
        (4, B1, -1),
        (4, B3, 1),
        (1, B1, -2),
        (1, B2, 2),
    ]
    funded.settle(words(*rows))
    assert funded.balances() == applied(rows)


@pytest.mark.parametrize("other", [(NPR, B2, -9), (USD, B3, -7), (1, B1, -2), (8, B1, 0)])
def test_settle_when_a_group_is_torn_apart_reverts(funded: StandIn, other):
    """Movements: those of one group of four must lie together. A part of it alone does not sum to zero."""
    with refused(reverts.AssetRegister_NotConserved, asset=5, excess=-4):
        funded.settle(words((5, B1, -4), other, (5, B2, 4)))


def test_settle_when_middle_bits_are_set(funded: StandIn):
    rows = [(5, B1, -4), (5, B2, 4), (NPR, B1, -9), (NPR, B2, 9)]
    middle = ((1 << 96) - 1) << 128
    receipt = funded.settle([word | middle for word in words(*rows)])
    assert [facts["amount"] for _, facts in funded.ledger.facts(receipt)] == [4, 4, 9, 9]
    assert funded.balances() == applied(rows)


def test_settle_given_suspended_holders(funded: StandIn):
    funded.ledger.suspend("B1")
    rows = [(5, B1, -4), (5, B2, 4)]
    funded.settle(words(*rows))
    assert funded.balances() == applied(rows)


def test_settle_given_open_cycle(funded: StandIn):
    funded.open_cycles(3)
    funded.settle(words(*BALANCED))
    assert funded.balances() == applied(BALANCED)


@pytest.mark.parametrize("last", [(USD, B1, 1), (USD, B3, -8)])
def test_settle_when_one_of_several_is_wrong_changes_nothing(funded: StandIn, last):
    rows = [row for row in BALANCED if row[0] != USD]
    with pytest.raises(Reverted):
        funded.settle(words(*rows, last))
    assert funded.balances() == OPENING


def test_settle_when_anyone_else_reverts(ledger: Ledger):
    for _, caller in ledger.everyone_but():
        with refused(reverts.AssetRegister_NotSettlement, caller=caller.address):
            ledger.register.send(caller, "settle", [])


def test_settle_when_a_contract_that_is_not_the_clearing_house_reverts(stand_in: StandIn, test_artifacts):
    stranger = stand_in.ledger.deploy(test_artifacts["SettlementStandIn"])
    with refused(reverts.AssetRegister_NotSettlement, caller=stranger.address):
        stand_in.settle([], by=stranger)


DELTAS = st.one_of(
    st.integers(-60, 60),
    st.sampled_from([s * v for s in (1, -1) for v in (2**63, 2**64 - 1, 2**64, 2**65, INT128_MAX)]),
    st.just(INT128_MIN),
)
KEYS = st.tuples(st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 11, NPR, USD]), st.sampled_from([B1, B2, B3]))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nets=st.dictionaries(KEYS, DELTAS, max_size=14), balance=st.booleans())
def test_settle_given_any_net_movements_does_as_a_model_does(funded: StandIn, nets, balance: bool):
    """Ordered lists, each position once: refused for the first slot that is wrong, or applied."""
    if balance:
        for asset in {asset for asset, _ in nets}:
            others = sum(delta for (a, holder), delta in nets.items() if a == asset and holder != B3)
            nets[asset, B3] = max(min(-others, INT128_MAX), INT128_MIN)
    rows = ordered([(asset, holder, delta) for (asset, holder), delta in nets.items()])
    expected = refusal(rows)
    snapshot = funded.ledger.chain.snapshot()
    try:
        assert refusal_of(lambda: funded.settle(words(*rows))) == expected
        assert funded.balances() == (OPENING if expected else applied(rows))
    finally:
        funded.ledger.chain.restore(snapshot)


def refusal(rows):
    """The error's name and operands, slot group by slot group: ranges first, then the sums, by asset."""
    groups: dict[int, list] = {}
    for row in rows:
        groups.setdefault(row[0] if row[0] >= NPR else row[0] // 4, []).append(row)
    for group in groups.values():
        for asset, holder, delta in group:
            before, largest = (
                OPENING.get((holder, asset), 0),
                LARGEST_SECURITY if asset < NPR else LARGEST_CURRENCY,
            )
            if not 0 <= before + delta <= largest:
                return ("AssetRegister_BalanceOutOfRange", holder, asset, before, delta)
        for asset in sorted({asset for asset, _, _ in group}):
            excess = sum(delta for a, _, delta in group if a == asset)
            if excess:
                return ("AssetRegister_NotConserved", asset, excess)
    return None
