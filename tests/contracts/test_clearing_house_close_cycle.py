"""closeCycle(venue): when institutions' own transfers go on.

given the venue's cycle is open
├── when the venue calls            ─ closed, at any time, suspended or not
├── when anyone else calls          ─ refused before the deadline, closed at and after it
given no cycle is open              ─ refused: never opened, closed before, another venue's, no venue
given two venues' cycles are open   ─ only the one named is closed
given none is open any more         ─ a pause of an eighth of the time that any was, a second at least
"""

from __future__ import annotations

import pytest

from ledger import reverts
from ledger.clients.consortium import Role
from tests.contracts.clearing import Floor
from tests.contracts.clearing_model import MAX_CYCLE
from tests.contracts.support import Ledger, refused


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    return Floor(ledger)


def test_close_cycle_when_venue_calls_closes_and_tells(floor: Floor, ledger: Ledger) -> None:
    deadline = ledger.now + 3600
    ledger.clearing_house.open_cycle(ledger.signers["V"], deadline)
    receipt = floor.close()
    assert ledger.facts(receipt) == [
        ("CycleClosed", {"venue": 1, "cycle": 1, "by": ledger.signers["V"].address.lower()})
    ]
    assert tuple(ledger.clearing_house.call("cycleOf", 1)) == (1, deadline, False)
    assert ledger.clearing_house.call("openCycles") == 0


def test_close_cycle_when_anyone_else_calls_before_deadline_reverts(floor: Floor, ledger: Ledger) -> None:
    floor.open()
    deadline = ledger.clearing_house.call("cycleOf", 1)[1]
    ledger.admit("V2", Role.EXCHANGE)
    for _, signer in ledger.everyone_but("V"):
        with refused(reverts.ClearingHouse_BeforeDeadline, venue=1, deadline=deadline):
            ledger.clearing_house.close_cycle(signer, 1)
    ledger.at(deadline - 1)
    with refused(reverts.ClearingHouse_BeforeDeadline, venue=1, deadline=deadline):
        ledger.clearing_house.close_cycle(ledger.outsider, 1)


@pytest.mark.parametrize("after", [0, 1, 10**6])
@pytest.mark.parametrize("by", ["outsider", "operator", "B1", "R", "A", "V"])
def test_close_cycle_when_deadline_has_come_anyone_closes(
    floor: Floor, ledger: Ledger, by: str, after: int
) -> None:
    floor.open()
    signer = {**ledger.signers, "outsider": ledger.outsider, "operator": ledger.operator}[by]
    ledger.at(ledger.clearing_house.call("cycleOf", 1)[1] + after)
    receipt = ledger.clearing_house.close_cycle(signer, 1)
    assert ledger.facts(receipt)[0][1]["by"] == signer.address.lower()
    assert ledger.clearing_house.call("openCycles") == 0


def test_close_cycle_given_venue_is_suspended_closes(floor: Floor, ledger: Ledger) -> None:
    """Else a suspension would freeze everyone's transfers until the deadline."""
    floor.open()
    ledger.suspend("V")
    floor.close()


def test_close_cycle_given_signer_was_rotated_only_the_new_one_closes(floor: Floor, ledger: Ledger) -> None:
    floor.open()
    deadline = ledger.clearing_house.call("cycleOf", 1)[1]
    old, new = ledger.signers["V"], ledger.outsider
    ledger.consortium.nominate_signer(old, 1, new.address)
    ledger.consortium.accept_signer(new, 1)
    with refused(reverts.ClearingHouse_BeforeDeadline, venue=1, deadline=deadline):
        ledger.clearing_house.close_cycle(old, 1)
    ledger.clearing_house.close_cycle(new, 1)


@pytest.mark.parametrize("venue", [0, 1, 2, 11, 0xFFFF])
def test_close_cycle_given_none_was_opened_reverts(ledger: Ledger, venue: int) -> None:
    for signer in (ledger.signers["V"], ledger.outsider):
        with refused(reverts.ClearingHouse_NoCycle, venue=venue):
            ledger.clearing_house.close_cycle(signer, venue)


def test_close_cycle_given_it_is_closed_reverts(floor: Floor, ledger: Ledger) -> None:
    floor.open()
    floor.close()
    with refused(reverts.ClearingHouse_NoCycle, venue=1):
        floor.close()
    assert ledger.clearing_house.call("openCycles") == 0


def test_close_cycle_given_two_are_open_closes_the_one_named(floor: Floor, ledger: Ledger) -> None:
    other = ledger.admit("V2", Role.EXCHANGE)
    floor.open()
    floor.open("V2")
    deadline = ledger.clearing_house.call("cycleOf", other)[1]
    with refused(reverts.ClearingHouse_BeforeDeadline, venue=other, deadline=deadline):
        floor.close("V2", by="V")
    floor.close()
    assert ledger.clearing_house.call("openCycles") == 1
    assert ledger.clearing_house.call("cycleOf", other)[2]
    with refused(reverts.ClearingHouse_NoCycle, venue=1):
        floor.close()
    assert ledger.clearing_house.call("openCycles") == 1


@pytest.mark.parametrize("lasted", [1, 2, 7, 8, 9, 15, 16, 17, 3600, MAX_CYCLE, 10**6])
def test_close_cycle_when_last_one_closes_pauses_an_eighth(floor: Floor, ledger: Ledger, lasted: int) -> None:
    """Of the time that any was open, also where that was longer than it ought to have been."""
    opened = floor.later(10)
    floor.open(seconds=MAX_CYCLE)
    ledger.at(opened + lasted)
    floor.close()
    assert ledger.clearing_house.call("reopenFrom") == opened + lasted + max(lasted // 8, 1)


def test_close_cycle_given_another_is_open_pauses_when_that_closes(floor: Floor, ledger: Ledger) -> None:
    """From the first that opened to the last that closes, whoever's; until then there is no pause."""
    ledger.admit("V2", Role.EXCHANGE)
    house = ledger.clearing_house
    opened = floor.later(10)
    floor.open(seconds=MAX_CYCLE)
    ledger.at(opened + 1000)
    floor.open("V2", seconds=60)
    assert house.call("openSince") == opened
    ledger.at(opened + 4000)
    floor.close()
    assert (house.call("openSince"), house.call("reopenFrom")) == (opened, 0)
    ledger.at(opened + 8000)
    floor.close("V2")
    assert (house.call("openSince"), house.call("reopenFrom")) == (opened, opened + 9000)
