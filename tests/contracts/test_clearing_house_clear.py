"""clear(Header, bytes32[], Affirmation[], mask): a batch recorded, affirmed and settled in one transaction.

when everything is right        ─ the same balances, statuses, totals and events as in separate steps
when a part is chosen           ─ the rest is pending and settles later
when a party excepts records    ─ they are disputed; chosen all the same, they are refused
when the caller is not the venue, or its cycle is open, or it is too soon ─ refused; a second is enough
when anything is wrong in any step ─ refused as in that step, and nothing at all remains
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger import reverts
from ledger.clients.clearing_house import NET, Slice, Status
from ledger.clients.consortium import Role
from tests.contracts.clearing import Batch, Floor, mask, slice_of, transfers_in
from tests.contracts.clearing_model import MAX_CYCLE, Model, Trade
from tests.contracts.support import DAY, Ledger, refused

TRADES = (
    Trade(1, "B1", "B2", "S1", 10, 1_000_000),
    Trade(2, "B2", "B3", "S1", 4, 480_001),
    Trade(3, "B3", "B1", "S5", 7, 60_000_007),
    Trade(4, "B3", "B3", "S2", 9, 900_000),
)
SHARES = (("V", 200_000), ("P", 50_000))


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    return Floor(ledger)


def state(floor: Floor, batch: Batch) -> object:
    """All that steps leave behind, but for when."""
    house, ledger = floor.house, floor.ledger
    return (
        floor.balances(),
        [house.status_of(batch.hash, i) for i in range(len(batch.trades) + 1)],
        [house.call("affirmedBy", batch.hash, i) for i in range(12)],
        house.call("batch", batch.hash)[:2],
        house.call("cycleOf", 1)[0],
        house.call("cycleOf", 1)[2],
        house.call("openCycles"),
        [ledger.commission_of(name) for name in ("B1", "B2")],
        [house.call("tradeNumberUsed", 1, DAY, n) for n in range(6)],
    )


def test_clear_when_right_does_what_the_steps_do(floor: Floor, ledger: Ledger) -> None:
    floor.agree("B1", SHARES)
    floor.fund(*TRADES, model=Model({"B1": SHARES}))
    batch = floor.batch(*TRADES)
    given = floor.affirmations(batch)
    snapshot = ledger.chain.snapshot()
    steps = [
        floor.record(batch),
        floor.affirm(batch, *given),
        floor.open(),
        floor.settle(slice_of(batch)),
        floor.close(),
    ]
    expected = [fact for receipt in steps for fact in ledger.facts(receipt)]
    left = state(floor, batch)
    ledger.chain.restore(snapshot)
    receipt = floor.clear(batch, affirmations=given)
    facts = ledger.facts(receipt)
    now = ledger.now
    for name, fact in expected:
        if name == "CycleOpened":
            fact["deadline"] = now + 1
    assert facts == expected
    assert state(floor, batch) == left
    assert transfers_in(facts) == floor.expected_transfers(Model({"B1": SHARES}).settle(TRADES))
    house = ledger.clearing_house
    assert tuple(house.call("cycleOf", 1)) == (1, now + 1, False)
    assert (house.call("openSince"), house.call("reopenFrom")) == (now, now + 1)


def test_clear_when_part_is_chosen_rest_settles_later(floor: Floor, ledger: Ledger) -> None:
    batch = floor.batch(*TRADES)
    rest = [i for i in range(4) if i != 1]
    floor.fund(batch.trades[1], reference="first")
    floor.fund(*(batch.trades[i] for i in rest), reference="rest")
    floor.clear(batch, [1])
    statuses = [floor.house.status_of(batch.hash, i) for i in range(4)]
    assert statuses == [Status.PENDING, Status.SETTLED, Status.PENDING, Status.PENDING]
    floor.open()
    floor.settle(slice_of(batch, rest))


def test_clear_given_exceptions_settles_others_and_refuses_them(floor: Floor) -> None:
    batch = floor.batch(*TRADES)
    chosen = [1, 2, 3]
    floor.fund(*(batch.trades[i] for i in chosen))
    given = floor.affirmations(batch, {"B2": [0]})
    with refused(reverts.ClearingHouse_NotPending, tradeNo=1, status=Status.DISPUTED):
        floor.clear(batch, None, given)
    floor.clear(batch, chosen, given)
    statuses = [floor.house.status_of(batch.hash, i) for i in range(4)]
    assert statuses == [Status.DISPUTED] + [Status.SETTLED] * 3


def test_clear_given_market_moves_in_between_clears_each_day(floor: Floor) -> None:
    for day in range(20191121, 20191124):
        trade = Trade(1, "B1", "B2")
        floor.fund(trade, reference=f"{day}")
        floor.clear(floor.batch(trade, trading_day=day, intended_settlement_date=day))


def test_clear_when_caller_is_no_exchange_reverts(floor: Floor, ledger: Ledger) -> None:
    batch = floor.batch(*TRADES)
    given, part = floor.affirmations(batch), slice_of(batch)
    for _, signer in ledger.everyone_but("V"):
        with refused(reverts.Consortium_RoleRequired, caller=signer.address, role=Role.EXCHANGE):
            floor.house.clear(signer, NET, part, given)


def test_clear_when_caller_is_another_exchange_reverts(floor: Floor, ledger: Ledger) -> None:
    other = ledger.admit("V2", Role.EXCHANGE)
    batch = floor.batch(*TRADES)
    with refused(reverts.ClearingHouse_NotVenue, caller=other, venue=1):
        floor.house.clear(ledger.signers["V2"], NET, slice_of(batch), floor.affirmations(batch))


def test_clear_given_cycle_is_open_reverts(floor: Floor) -> None:
    floor.fund(*TRADES)
    floor.open()
    with refused(reverts.ClearingHouse_CycleOpen, venue=1, cycle=1):
        floor.clear(floor.batch(*TRADES))


def test_clear_given_cleared_in_block_before_clears(floor: Floor, ledger: Ledger) -> None:
    """Consecutive blocks, of consecutive seconds, each hold a cycle of its own; a block holds one."""
    trades = [Trade(n, "B1", "B2") for n in range(1, 5)]
    floor.fund(*trades)
    house, sender = ledger.clearing_house, ledger.signers["V"].address
    batches = [floor.batch(trade) for trade in trades]
    given = [floor.affirmations(batch) for batch in batches]
    for n, (batch, words) in enumerate(zip(batches, given, strict=True), start=1):
        before = ledger.chain.block()
        receipt = floor.clear(batch, affirmations=words)
        assert (receipt.block_number, ledger.now) == (before.number + 1, before.timestamp + 1)
        assert house.call("cycleOf", 1)[0] == n
        assert house.call("reopenFrom") == ledger.now + 1
        with refused(reverts.ClearingHouse_TooSoon, reopenFrom=ledger.now + 1):
            house.call("openCycle", ledger.now + 60, sender=sender)


def test_clear_given_pause_after_a_cycle_reverts_until_it_ends(floor: Floor, ledger: Ledger) -> None:
    floor.fund(*TRADES)
    opened = floor.later(10)
    floor.open()
    ledger.at(opened + 800)
    floor.close()
    for time in (opened + 801, opened + 899):
        ledger.at(time)
        with refused(reverts.ClearingHouse_TooSoon, reopenFrom=opened + 900):
            floor.clear(floor.batch(*TRADES))
    ledger.at(opened + 900)
    floor.clear(floor.batch(*TRADES))


def test_clear_given_another_venues_cycle_is_open_clears_and_leaves_it(floor: Floor, ledger: Ledger) -> None:
    other = ledger.admit("V2", Role.EXCHANGE)
    floor.fund(*TRADES)
    floor.open("V2")
    house = ledger.clearing_house
    since = house.call("openSince")
    floor.clear(floor.batch(*TRADES))
    assert house.call("openCycles") == 1
    assert house.call("cycleOf", other)[2]
    assert (house.call("openSince"), house.call("reopenFrom")) == (since, 0)


def test_clear_given_others_have_been_open_for_longest_reverts(floor: Floor, ledger: Ledger) -> None:
    """A clear is a cycle of a second, and it too must end when the first of those open must."""
    ledger.admit("V2", Role.EXCHANGE)
    floor.fund(*TRADES)
    opened = floor.later(10)
    floor.open("V2", seconds=MAX_CYCLE)
    latest = opened + MAX_CYCLE
    ledger.at(latest)
    with refused(reverts.ClearingHouse_InvalidDeadline, deadline=latest + 1, latest=latest):
        floor.clear(floor.batch(*TRADES))


def test_clear_given_others_have_a_second_left_clears(floor: Floor, ledger: Ledger) -> None:
    ledger.admit("V2", Role.EXCHANGE)
    floor.fund(*TRADES)
    batch = floor.batch(*TRADES)
    opened = floor.later(10)
    floor.open("V2", seconds=MAX_CYCLE)
    ledger.at(opened + MAX_CYCLE - 1)
    floor.clear(batch)


def test_clear_when_a_step_is_wrong_reverts_and_nothing_remains(floor: Floor, ledger: Ledger) -> None:
    """The error is that step's own; recorded numbers, affirmations and the cycle are gone with the rest."""
    floor.fund(*TRADES, less={("B1", "S5"): 1})
    batch = floor.batch(*TRADES)
    before, given, everything = state(floor, batch), floor.affirmations(batch), mask(4, range(4))
    other_version = replace(batch, header=replace(batch.header, version=2))
    reordered = replace(batch, words=batch.words[::-1])
    wrong = floor.affirmation(batch, "B3", key=ledger.outsider)
    cases = [
        (reverts.ClearingHouse_UnknownVersion, other_version, given, everything),
        (reverts.ClearingHouse_EmptyBatch, replace(batch, words=()), given, everything),
        (reverts.ClearingHouse_RecordOrder, reordered, given, everything),
        (reverts.ClearingHouse_InvalidSignature, batch, [*given[:2], wrong], everything),
        (reverts.ClearingHouse_Unaffirmed, batch, given[:2], everything),
        (reverts.ClearingHouse_Unaffirmed, batch, [], everything),
        (reverts.ClearingHouse_MaskLength, batch, given, mask(257, [0])),
        (reverts.ClearingHouse_SurplusBits, batch, given, mask(5, [4])),
        (reverts.ClearingHouse_EmptyMask, batch, given, mask(4, [])),
        (reverts.AssetRegister_BalanceOutOfRange, batch, given, everything),
    ]
    for kind, sent, affirmations, chosen in cases:
        with pytest.raises(kind):
            floor.house.clear(
                ledger.signers["V"], NET, Slice(sent.header, sent.records, chosen), affirmations
            )
        assert state(floor, batch) == before, kind


def test_clear_when_slices_are_not_one_reverts(floor: Floor, ledger: Ledger) -> None:
    batch = floor.batch(*TRADES)
    part, given = slice_of(batch).as_tuple(), [each.as_tuple() for each in floor.affirmations(batch)]
    for slices in ([], [part, part]):
        with refused(reverts.ClearingHouse_SliceCount, count=len(slices)):
            floor.house.send(ledger.signers["V"], "clear", NET, slices, given)


@pytest.mark.parametrize("model", [1, 2])
def test_clear_by_the_gross_models_settles_what_has_its_turn(floor: Floor, model: int) -> None:
    """B2 delivers to B1 what B3 delivers to it first."""
    first, second = Trade(1, "B2", "B3", "S1"), Trade(2, "B1", "B2", "S1")
    floor.fund(first, second)
    floor.ledger.issue({(name, "NPR"): 10**9 for name in ("B1", "B2", "B3")}, "cash")
    floor.house.clear(
        floor.ledger.signers["V"],
        model,
        slice_of(floor.batch(first, second)),
        floor.affirmations(floor.batch(first, second)),
    )
    statuses = [floor.house.status_of(floor.batch(first, second).hash, i) for i in range(2)]
    assert statuses == [Status.SETTLED] * 2
