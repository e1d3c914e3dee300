"""cancel, dispute, decide, correct: how a trade leaves settlement, for good or not.

cancel
├── by one side ─ nothing yet, and withdrawn again; by both, of a self-trade by one ─ CANCELLED, final
├── given held or disputed or excepted ─ CANCELLED
└── before anybody has affirmed ─ CANCELLED; an exception that comes later changes nothing
dispute
├── by either side, by both ─ DISPUTED until each withdraws; before a hold, which remains
└── given an exception ─ refused, as are hold, its permissions and a decision that it stands
decide
├── stands ─ no dispute is left: PENDING, or HELD
├── does not ─ CANCELLED, once no cycle is open
├── by one of the two, by others ─ nothing yet, refused
└── given no dispute ─ refused
correct
├── by the venue, given cancelled and recorded anew ─ once, the same again passed over
└── given anything else ─ refused
"""

from __future__ import annotations

import pytest

from ledger import reverts
from ledger.clients.clearing_house import Status
from ledger.clients.conditions import Condition
from ledger.clients.consortium import Role
from tests.contracts.clearing_model import Trade
from tests.contracts.saying import TRADES, Parties, bits
from tests.contracts.support import DAY, Ledger, refused


@pytest.fixture
def parties(ledger: Ledger) -> Parties:
    return Parties(ledger)


@pytest.fixture
def excepted(ledger: Ledger) -> Parties:
    """B2 has left trade 1 out."""
    batch = Parties(ledger).floor.entered(
        *(Trade(10 + t.number, t.buyer, t.seller, t.security) for t in TRADES), excepts={"B2": [0]}
    )
    return Parties(ledger, batch)


def test_cancel_when_both_ask_is_final(parties: Parties, ledger: Ledger) -> None:
    assert ledger.facts(parties.say("B2", "cancel", 0)) == [parties.said("B2", "cancel", 0)]
    assert (parties.flags(0), parties.status(0)) == (bits(Condition.CANCEL, "s"), Status.PENDING)
    assert ledger.facts(parties.say("B1", "cancel", 0)) == [
        parties.said("B1", "cancel", 0),
        parties.moved(0, Status.PENDING, Status.CANCELLED),
    ]
    assert parties.statuses == [Status.CANCELLED] + [Status.PENDING] * 3


def test_cancel_when_withdrawn_the_other_asks_in_vain(parties: Parties) -> None:
    parties.say("B2", "cancel", 0)
    parties.say("B2", "withdrawCancel", 0)
    parties.say("B1", "cancel", 0)
    assert (parties.flags(0), parties.status(0)) == (bits(Condition.CANCEL, "b"), Status.PENDING)


def test_cancel_when_self_trade_its_one_party_cancels(parties: Parties) -> None:
    parties.say("B1", "cancel", 2)
    assert parties.status(2) == Status.CANCELLED


@pytest.mark.parametrize("way", ["hold", "dispute"])
def test_cancel_given_out_of_settlement_cancels(parties: Parties, way: str) -> None:
    parties.say("B1", way, 0)
    before = parties.status(0)
    parties.say("B1", "cancel", 0)
    assert parties.status(0) == before
    parties.say("B2", "cancel", 0)
    assert parties.status(0) == Status.CANCELLED


def test_cancel_given_excepted_cancels(excepted: Parties) -> None:
    excepted.say("B1", "cancel", 0)
    assert excepted.status(0) == Status.DISPUTED
    excepted.say("B2", "cancel", 0)
    assert excepted.status(0) == Status.CANCELLED


def test_cancel_given_not_affirmed_stays_when_excepted_later(ledger: Ledger) -> None:
    floor = Parties(ledger).floor
    batch = floor.batch(Trade(9, "B1", "B2"))
    floor.record(batch)
    parties = Parties(ledger, batch)
    parties.say("B1", "cancel", 0)
    parties.say("B2", "cancel", 0)
    floor.affirm(batch, *floor.affirmations(batch, {"B1": [0]}))
    assert parties.status(0) == Status.CANCELLED


def test_dispute_when_by_both_lasts_until_both_withdraw(parties: Parties, ledger: Ledger) -> None:
    assert ledger.facts(parties.say("B2", "dispute", 0)) == [
        parties.said("B2", "dispute", 0),
        parties.moved(0, Status.PENDING, Status.DISPUTED),
    ]
    parties.say("B1", "dispute", 0)
    assert parties.flags(0) == bits(Condition.DISPUTED, "bs")
    parties.say("B2", "withdrawDispute", 0)
    assert parties.status(0) == Status.DISPUTED
    assert ledger.facts(parties.say("B1", "withdrawDispute", 0)) == [
        parties.said("B1", "withdrawDispute", 0),
        parties.moved(0, Status.DISPUTED, Status.PENDING),
    ]


def test_dispute_given_held_comes_first_and_the_hold_remains(parties: Parties, ledger: Ledger) -> None:
    parties.say("B1", "hold", 0)
    parties.say("B2", "dispute", 0)
    assert parties.status(0) == Status.DISPUTED
    parties.say("B1", "release", 0)
    assert parties.status(0) == Status.DISPUTED
    parties.say("B1", "hold", 0)
    assert ledger.facts(parties.say("B2", "withdrawDispute", 0))[1:] == [
        parties.moved(0, Status.DISPUTED, Status.HELD)
    ]
    parties.say("B1", "release", 0)
    assert parties.status(0) == Status.PENDING


def test_dispute_given_excepted_reverts_as_all_but_cancelling_does(excepted: Parties) -> None:
    for name in ("B1", "B2"):
        for way in ("hold", "allow", "dispute"):
            with refused(reverts.Conditions_Excepted, tradeNo=11):
                excepted.say(name, way, 0)
        for way in ("release", "disallow", "withdrawDispute"):
            assert excepted.say(name, way, 0).logs == []
    assert excepted.status(0) == Status.DISPUTED


@pytest.mark.parametrize("held", [False, True])
def test_decide_when_it_stands_is_back(parties: Parties, ledger: Ledger, held: bool) -> None:
    if held:
        parties.say("B1", "hold", 0)
    parties.say("B1", "dispute", 0)
    parties.say("B2", "dispute", 0)
    assert [name for name, _ in ledger.facts(parties.decide("V", 0, True))] == ["JointlyAgreed"]
    assert parties.status(0) == Status.DISPUTED
    after = Status.HELD if held else Status.PENDING
    assert ledger.facts(parties.decide("R2", 0, True))[1:] == [
        ("DisputeDecided", {"batchHash": parties.batch.hash, "tradeNo": 1, "stands": True}),
        parties.moved(0, Status.DISPUTED, after),
    ]
    assert parties.flags(0) == (bits(Condition.HELD, "b") if held else 0)


def test_decide_when_it_does_not_stand_is_cancelled(parties: Parties, ledger: Ledger) -> None:
    parties.say("B1", "dispute", 0)
    assert ledger.facts(parties.decided(0, False))[1:] == [
        ("DisputeDecided", {"batchHash": parties.batch.hash, "tradeNo": 1, "stands": False}),
        parties.moved(0, Status.DISPUTED, Status.CANCELLED),
    ]


def test_decide_when_the_two_want_different_things_decides_nothing(parties: Parties) -> None:
    parties.say("B1", "dispute", 0)
    parties.decide("V", 0, True)
    parties.decide("R", 0, False)
    assert parties.status(0) == Status.DISPUTED


def test_decide_given_excepted_only_cancels(excepted: Parties) -> None:
    for name in ("V", "R"):
        with refused(reverts.Conditions_Excepted, tradeNo=11):
            excepted.decide(name, 0, True)
    excepted.decided(0, False)
    assert excepted.status(0) == Status.CANCELLED


def test_decide_given_cycle_is_open_only_lets_back(parties: Parties, ledger: Ledger) -> None:
    parties.say("B1", "dispute", 0, 1)
    parties.floor.open()
    parties.decide("V", 0, False)
    with refused(reverts.Conditions_CycleOpen):
        parties.decide("R", 0, False)
    parties.decided(1, True)
    assert parties.statuses[:2] == [Status.DISPUTED, Status.PENDING]
    parties.floor.close()
    parties.decide("R", 0, False)
    assert parties.status(0) == Status.CANCELLED


def test_decide_given_no_dispute_reverts(parties: Parties) -> None:
    with refused(reverts.Conditions_NotDisputed, tradeNo=1, status=Status.PENDING):
        parties.decide("V", 0, True)
    parties.say("B1", "hold", 0)
    with refused(reverts.Conditions_NotDisputed, tradeNo=1, status=Status.HELD):
        parties.decide("V", 0, True)
    with refused(reverts.Conditions_UnknownPosition, position=4):
        parties.decide("V", 4, True)


def test_decide_when_by_others_reverts(parties: Parties, ledger: Ledger) -> None:
    parties.say("B1", "dispute", 0)
    batch = parties.batch
    for _, signer in ledger.everyone_but("V", "R", "R2"):
        with refused(reverts.Joint_NeitherRole, caller=signer.address):
            parties.conditions.decide(signer, batch.header, batch.records, 0, False)


def correct(parties: Parties, by: str, position: int, replaced_by: int) -> list[object]:
    ledger, batch = parties.ledger, parties.batch
    receipt = parties.conditions.correct(
        ledger.signers[by], batch.header, batch.records, position, replaced_by
    )
    return list(ledger.facts(receipt))


def test_correct_given_cancelled_and_recorded_anew_names_both(parties: Parties, ledger: Ledger) -> None:
    parties.say("B1", "cancel", 0)
    parties.say("B2", "cancel", 0)
    assert parties.conditions.correction_of(parties.batch.hash, 0) is None
    parties.floor.entered(Trade(0, "B1", "B2"), Trade(77, "B1", "B2"))
    assert correct(parties, "V", 0, 0) == [
        ("TradeCorrected", {"batchHash": parties.batch.hash, "tradeNo": 1, "replacedBy": 0})
    ]
    assert parties.conditions.correction_of(parties.batch.hash, 0) == 0
    assert correct(parties, "V", 0, 0) == []
    with refused(reverts.Conditions_Corrected, tradeNo=1, replacedBy=0):
        correct(parties, "V", 0, 77)


def test_correct_given_anything_else_reverts(parties: Parties, ledger: Ledger) -> None:
    with refused(reverts.Conditions_NotCancelled, tradeNo=1, status=Status.PENDING):
        correct(parties, "V", 0, 2)
    parties.say("B1", "cancel", 0)
    parties.say("B2", "cancel", 0)
    for number in (1, 99):
        with refused(reverts.Conditions_InvalidCorrection, tradeNo=1, replacedBy=number):
            correct(parties, "V", 0, number)
    with refused(reverts.Conditions_UnknownPosition, position=4):
        correct(parties, "V", 4, 2)
    other = ledger.admit("V2", Role.EXCHANGE)
    with refused(reverts.Conditions_NotVenue, caller=other, venue=1):
        correct(parties, "V2", 0, 2)
    batch = parties.batch
    for _, signer in ledger.everyone_but("V", "V2"):
        with refused(reverts.Consortium_RoleRequired, caller=signer.address, role=Role.EXCHANGE):
            parties.conditions.correct(signer, batch.header, batch.records, 0, 2)
    assert ledger.clearing_house.call("tradeNumberUsed", 1, DAY, 2)
