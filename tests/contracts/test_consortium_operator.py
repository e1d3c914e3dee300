"""Consortium: the operator (OpenZeppelin's Ownable2Step)

constructor ─ when the operator is zero ─ OwnableInvalidOwner
transferOwnership
├── given the operator calls ─ proposed, not yet changed; OwnershipTransferStarted
├── when zero ─ the proposal is withdrawn
└── given anyone else calls ─ OwnableUnauthorizedAccount
acceptOwnership
├── given proposed ─ operator; OwnershipTransferred
└── given anyone else calls ─ OwnableUnauthorizedAccount
renounceOwnership ─ nobody may, the operator included ─ OperatorRequired
"""

import pytest

from ledger import reverts
from tests.contracts.support import Ledger, refused

ZERO = "0x" + "00" * 20


def started(previous: str, new: str):
    return [("OwnershipTransferStarted", {"previousOwner": previous.lower(), "newOwner": new.lower()})]


def test_constructor_names_the_operator(ledger: Ledger):
    fresh = ledger.consortium_anew()
    assert fresh.call("owner") == ledger.operator.address.lower()
    assert (fresh.call("institutionCount"), fresh.call("active")) == (0, (0,))


def test_constructor_when_operator_zero_reverts(ledger: Ledger):
    with refused(reverts.OwnableInvalidOwner, owner=ZERO):
        ledger.deploy(ledger.consortium.artifact, ZERO)


def test_transfer_ownership_is_proposed_first(ledger: Ledger):
    new = ledger.signers["A"].address
    receipt = ledger.consortium.send(ledger.operator, "transferOwnership", new)
    assert ledger.facts(receipt) == started(ledger.operator.address, new)
    assert ledger.consortium.call("owner") == ledger.operator.address.lower()
    assert ledger.consortium.call("pendingOwner") == new.lower()


def test_transfer_ownership_when_zero_withdraws(ledger: Ledger):
    ledger.consortium.send(ledger.operator, "transferOwnership", ledger.outsider.address)
    receipt = ledger.consortium.send(ledger.operator, "transferOwnership", ZERO)
    assert ledger.facts(receipt) == started(ledger.operator.address, ZERO)
    with refused(reverts.OwnableUnauthorizedAccount, account=ledger.outsider.address):
        ledger.consortium.send(ledger.outsider, "acceptOwnership")


def test_transfer_ownership_when_anyone_else_reverts(ledger: Ledger):
    for _, caller in ledger.everyone_but("operator"):
        with refused(reverts.OwnableUnauthorizedAccount, account=caller.address):
            ledger.consortium.send(caller, "transferOwnership", caller.address)


def test_accept_ownership_given_proposed(ledger: Ledger):
    new = ledger.outsider
    ledger.consortium.send(ledger.operator, "transferOwnership", new.address)
    receipt = ledger.consortium.send(new, "acceptOwnership")
    arguments = {"previousOwner": ledger.operator.address.lower(), "newOwner": new.address.lower()}
    assert ledger.facts(receipt) == [("OwnershipTransferred", arguments)]
    assert ledger.consortium.call("owner") == new.address.lower()
    assert ledger.consortium.call("pendingOwner") == ZERO


@pytest.mark.parametrize("proposed", [False, True])
def test_accept_ownership_when_anyone_else_reverts(ledger: Ledger, proposed: bool):
    if proposed:
        ledger.consortium.send(ledger.operator, "transferOwnership", ledger.signers["A"].address)
    for _, caller in ledger.everyone_but("A"):
        with refused(reverts.OwnableUnauthorizedAccount, account=caller.address):
            ledger.consortium.send(caller, "acceptOwnership")


def test_renounce_ownership_reverts(ledger: Ledger):
    for _, caller in ledger.everyone_but():
        with refused(reverts.Consortium_OperatorRequired):
            ledger.consortium.send(caller, "renounceOwnership")
