"""openCycle(deadline): when institutions' own transfers start to wait.

when the caller is an exchange      ─ its next cycle is open, from number 1
when it is anyone else              ─ refused
when the deadline is now, past, or more than MAX_CYCLE away ─ refused; the bounds themselves are not
given its cycle is open             ─ refused; after its deadline too, until it is closed
given another venue's cycle is open ─ opens; each is counted
while open                          ─ transfers and redemptions wait, issues do not

How cycles follow each other, and how long they are open together, is in test_clearing_house_cycles.py.
"""

from __future__ import annotations

import pytest

from ledger import reverts
from ledger.clients.consortium import Role
from tests.contracts.clearing import Floor, slice_of
from tests.contracts.clearing_model import MAX_CYCLE, Trade
from tests.contracts.support import Ledger, bytes32, refused


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    return Floor(ledger)


def cycle(ledger: Ledger, venue: str = "V") -> tuple[int, int, bool]:
    return tuple(ledger.clearing_house.call("cycleOf", ledger.index[venue]))


def test_open_cycle_when_exchange_calls_opens_and_tells(floor: Floor, ledger: Ledger) -> None:
    assert cycle(ledger) == (0, 0, False)
    deadline = ledger.now + 3600
    receipt = ledger.clearing_house.open_cycle(ledger.signers["V"], deadline)
    assert ledger.facts(receipt) == [("CycleOpened", {"venue": 1, "cycle": 1, "deadline": deadline})]
    assert cycle(ledger) == (1, deadline, True)
    assert ledger.clearing_house.call("openCycles") == 1
    assert ledger.clearing_house.call("openSince") == ledger.now


def test_open_cycle_returns_number(floor: Floor, ledger: Ledger) -> None:
    floor.open()
    floor.close()
    floor.rest()
    floor.pause()  # a call has the newest block's time
    sender = ledger.signers["V"].address
    assert ledger.clearing_house.call("openCycle", ledger.now + 60, sender=sender) == 2


def test_open_cycle_when_caller_is_no_exchange_reverts(ledger: Ledger) -> None:
    for _, signer in ledger.everyone_but("V"):
        with refused(reverts.Consortium_RoleRequired, caller=signer.address, role=Role.EXCHANGE):
            ledger.clearing_house.open_cycle(signer, ledger.now + 60)


def test_open_cycle_given_exchange_is_suspended_reverts(floor: Floor, ledger: Ledger) -> None:
    ledger.suspend("V")
    with refused(reverts.Consortium_RoleRequired, caller=ledger.signers["V"].address, role=Role.EXCHANGE):
        floor.open()


@pytest.mark.parametrize("after", [1, 2, MAX_CYCLE - 1, MAX_CYCLE])
def test_open_cycle_when_deadline_is_within_bounds_opens(ledger: Ledger, after: int) -> None:
    now = ledger.now + 100
    ledger.at(now)
    ledger.clearing_house.open_cycle(ledger.signers["V"], now + after)
    assert cycle(ledger)[1] == now + after


@pytest.mark.parametrize("after", [-(10**6), -1, 0, MAX_CYCLE + 1, 2**63])
def test_open_cycle_when_deadline_is_out_of_bounds_reverts(ledger: Ledger, after: int) -> None:
    now = ledger.now + 100
    ledger.at(now)
    with refused(reverts.ClearingHouse_InvalidDeadline, deadline=now + after, latest=now + MAX_CYCLE):
        ledger.clearing_house.open_cycle(ledger.signers["V"], now + after)


def test_open_cycle_when_deadline_is_largest_number_reverts(ledger: Ledger) -> None:
    for deadline in (0, 2**64 - 1):
        ledger.at(ledger.now + 100)
        with refused(
            reverts.ClearingHouse_InvalidDeadline, deadline=deadline, latest=ledger.clock.seconds + MAX_CYCLE
        ):
            ledger.clearing_house.open_cycle(ledger.signers["V"], deadline)


def test_open_cycle_given_cycle_is_open_reverts(floor: Floor, ledger: Ledger) -> None:
    floor.open(seconds=60)
    with refused(reverts.ClearingHouse_CycleOpen, venue=1, cycle=1):
        floor.open()
    ledger.at(ledger.now + 1000)
    with refused(reverts.ClearingHouse_CycleOpen, venue=1, cycle=1):
        floor.open()


def test_open_cycle_given_another_venues_is_open_counts_both(floor: Floor, ledger: Ledger) -> None:
    second = ledger.admit("V2", Role.EXCHANGE)
    floor.open()
    facts = ledger.facts(floor.open("V2"))
    assert (facts[0][1]["venue"], facts[0][1]["cycle"]) == (second, 1)
    assert ledger.clearing_house.call("openCycles") == 2
    assert cycle(ledger)[2]
    assert cycle(ledger, "V2")[2]


def test_open_cycle_while_open_institutions_own_movements_wait(floor: Floor, ledger: Ledger) -> None:
    ledger.issue({("B1", "S1"): 10, ("B1", "NPR"): 10})
    ledger.admit("V2", Role.EXCHANGE)
    signer, register = ledger.signers["B1"], ledger.register
    own, other = ledger.index["B1"], ledger.index["B2"]
    floor.open()
    floor.open("V2")
    for close in (lambda: None, lambda: floor.close("V")):
        close()
        for asset in (1, ledger.cash):
            with refused(reverts.AssetRegister_CycleOpen):
                register.transfer(signer, own, other, asset, 1)
            with refused(reverts.AssetRegister_CycleOpen):
                register.redeem(signer, bytes32("mine"), asset, 1)
    ledger.issue({("B1", "S1"): 1}, "meanwhile")
    floor.close("V2")
    register.transfer(signer, own, other, 1, 1)
    register.redeem(signer, bytes32("mine"), ledger.cash, 1)


def test_open_cycle_given_revoked_role_while_open_venue_may_not_settle_but_close(
    floor: Floor, ledger: Ledger
) -> None:
    trade = Trade(1, "B1", "B2")
    floor.fund(trade)
    batch = floor.entered(trade)
    floor.open()
    ledger.consortium.revoke_roles(ledger.signers["R"], ledger.index["V"], [Role.EXCHANGE])
    with refused(reverts.Consortium_RoleRequired, caller=ledger.signers["V"].address, role=Role.EXCHANGE):
        floor.settle(slice_of(batch))
    floor.close()
