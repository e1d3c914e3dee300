"""hold, release, allowPartial: what a side says by itself.

hold
├── by either side, by both, of a self-trade ─ HELD while any holds; each side's bit, event and status
├── of many trades, of the first and last in a word of 32 ─ each its own byte
├── again, and twice in a call ─ passed over
├── given a trade settled or cancelled ─ refused
└── given a side has not affirmed ─ refused: an exception that comes later would be lost
release
├── of the other's hold ─ nothing
└── of the last hold ─ PENDING, and it settles
allowPartial
└── partialAllowed where both sides allow, no longer where one withdraws; the status stays
"""

from __future__ import annotations

import pytest

from ledger import reverts
from ledger.clients.clearing_house import Status
from ledger.clients.conditions import Condition
from tests.contracts.clearing import slice_of
from tests.contracts.clearing_model import Trade
from tests.contracts.saying import TRADES, Parties, bits
from tests.contracts.support import Ledger, refused


@pytest.fixture
def parties(ledger: Ledger) -> Parties:
    return Parties(ledger)


@pytest.mark.parametrize(("name", "side"), [("B1", "b"), ("B2", "s")])
def test_hold_when_by_a_side_is_held_until_it_releases(
    parties: Parties, ledger: Ledger, name: str, side: str
) -> None:
    receipt = parties.say(name, "hold", 0)
    assert ledger.facts(receipt) == [
        parties.said(name, "hold", 0),
        parties.moved(0, Status.PENDING, Status.HELD),
    ]
    assert parties.flags(0) == bits(Condition.HELD, side)
    assert parties.statuses == [Status.HELD] + [Status.PENDING] * 3
    assert ledger.clearing_house.call("batch", parties.batch.hash)[1] == 3
    other = "B2" if name == "B1" else "B1"
    assert parties.say(other, "release", 0).logs == []
    assert parties.status(0) == Status.HELD
    receipt = parties.say(name, "release", 0)
    assert ledger.facts(receipt) == [
        parties.said(name, "release", 0),
        parties.moved(0, Status.HELD, Status.PENDING),
    ]
    assert (parties.flags(0), parties.status(0)) == (0, Status.PENDING)
    assert ledger.clearing_house.call("batch", parties.batch.hash)[1] == 4


def test_hold_when_by_both_is_held_until_both_release(parties: Parties, ledger: Ledger) -> None:
    parties.say("B1", "hold", 0)
    assert ledger.facts(parties.say("B2", "hold", 0)) == [parties.said("B2", "hold", 0)]
    assert parties.flags(0) == bits(Condition.HELD, "bs")
    assert ledger.facts(parties.say("B1", "release", 0)) == [parties.said("B1", "release", 0)]
    assert parties.status(0) == Status.HELD
    parties.say("B2", "release", 0)
    assert parties.status(0) == Status.PENDING


def test_hold_when_self_trade_is_both_sides_word(parties: Parties, ledger: Ledger) -> None:
    receipt = parties.say("B1", "hold", 2)
    assert parties.flags(2) == bits(Condition.HELD, "bs")
    assert ledger.facts(receipt)[0] == parties.said("B1", "hold", 2)
    parties.say("B1", "release", 2)
    assert (parties.flags(2), parties.status(2)) == (0, Status.PENDING)


def test_hold_given_held_and_released_settles_and_what_is_held_is_refused(
    parties: Parties, ledger: Ledger
) -> None:
    floor, batch = parties.floor, parties.batch
    floor.fund(*batch.trades)
    parties.say("B1", "hold", 0, 2)
    parties.say("B1", "release", 2)
    floor.open()
    with refused(reverts.ClearingHouse_NotPending, tradeNo=1, status=Status.HELD):
        floor.settle(slice_of(batch))
    parties.say("B1", "release", 0)
    floor.settle(slice_of(batch))
    assert parties.statuses == [Status.SETTLED] * 4


def test_hold_when_many_each_has_its_own_byte(ledger: Ledger) -> None:
    floor = Parties(ledger).floor
    batch = floor.entered(*(Trade(100 + n, "B1", "B2", "S4") for n in range(70)))
    parties = Parties(ledger, batch)
    held = [0, 31, 32, 63, 64, 69]
    receipt = parties.say("B2", "hold", *held)
    assert len(ledger.facts(receipt)) == 2 * len(held)
    found = {i: parties.flags(i) for i in range(70)}
    assert found == {i: bits(Condition.HELD, "s") if i in held else 0 for i in range(70)}
    assert [i for i, status in enumerate(parties.statuses) if status == Status.HELD] == held


def test_hold_when_again_is_passed_over(parties: Parties, ledger: Ledger) -> None:
    parties.say("B1", "hold", 0)
    receipt = parties.say("B1", "hold", 0, 1, 1)
    assert ledger.facts(receipt) == [
        parties.said("B1", "hold", 1),
        parties.moved(1, Status.PENDING, Status.HELD),
    ]


@pytest.mark.parametrize("way", ["hold", "dispute"])
def test_hold_given_a_side_has_not_affirmed_reverts(ledger: Ledger, way: str) -> None:
    """Else: B2 holds, B1 excepts, B2 releases, and a trade settles that B1 never agreed to."""
    floor = Parties(ledger).floor
    batch = floor.batch(Trade(9, "B1", "B2"))
    floor.record(batch)
    parties = Parties(ledger, batch)
    for name, missing in (("B1", "B1"), ("B2", "B1")):
        with refused(reverts.Conditions_Unaffirmed, tradeNo=9, institution=ledger.index[missing]):
            parties.say(name, way, 0)
    floor.affirm(batch, floor.affirmation(batch, "B1"))
    for name in ("B1", "B2"):
        with refused(reverts.Conditions_Unaffirmed, tradeNo=9, institution=ledger.index["B2"]):
            parties.say(name, way, 0)
    floor.affirm(batch, floor.affirmation(batch, "B2"))
    parties.say("B2", way, 0)
    assert parties.status(0) in (Status.HELD, Status.DISPUTED)


def test_hold_given_trade_ended_reverts_and_what_is_so_is_passed_over(
    parties: Parties, ledger: Ledger
) -> None:
    parties.floor.fund(TRADES[0])
    parties.floor.open()
    parties.floor.settle(slice_of(parties.batch, [0]))
    parties.floor.close()
    parties.say("B1", "cancel", 2)
    for position, number, status in ((0, 1, Status.SETTLED), (2, 3, Status.CANCELLED)):
        for way in ("hold", "dispute", "allow"):
            with refused(reverts.Conditions_Ended, tradeNo=number, status=status):
                parties.say("B1", way, position)
        for way in ("release", "withdrawDispute", "disallow"):
            assert parties.say("B1", way, position).logs == []
    with refused(reverts.Conditions_Ended, tradeNo=1, status=Status.SETTLED):
        parties.say("B1", "cancel", 0)
    assert parties.say("B1", "cancel", 2).logs == []
    with refused(reverts.Conditions_Ended, tradeNo=3, status=Status.CANCELLED):
        parties.say("B1", "withdrawCancel", 2)


def test_allow_partial_when_both_allow_until_one_withdraws(parties: Parties, ledger: Ledger) -> None:
    allowed = parties.conditions.partial_allowed
    assert not allowed(parties.batch.hash, 0)
    assert ledger.facts(parties.say("B1", "allow", 0)) == [parties.said("B1", "allow", 0)]
    assert not allowed(parties.batch.hash, 0)
    parties.say("B2", "allow", 0)
    assert allowed(parties.batch.hash, 0)
    assert not allowed(parties.batch.hash, 1)
    assert not allowed(bytes(32), 0)
    assert parties.flags(0) == bits(Condition.PARTIAL, "bs")
    assert parties.statuses == [Status.PENDING] * 4
    parties.say("B1", "disallow", 0)
    assert not allowed(parties.batch.hash, 0)
    assert parties.flags(0) == bits(Condition.PARTIAL, "s")


def test_allow_partial_when_self_trade_its_one_party_allows(parties: Parties) -> None:
    parties.say("B1", "allow", 2)
    assert parties.conditions.partial_allowed(parties.batch.hash, 2)


def test_allow_partial_given_not_affirmed_is_said_beforehand(ledger: Ledger) -> None:
    floor = Parties(ledger).floor
    batch = floor.batch(Trade(9, "B1", "B2"))
    floor.record(batch)
    parties = Parties(ledger, batch)
    parties.say("B1", "allow", 0)
    parties.say("B2", "allow", 0)
    assert parties.conditions.partial_allowed(batch.hash, 0)
