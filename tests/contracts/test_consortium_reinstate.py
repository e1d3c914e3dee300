"""Consortium.reinstate

given a regulator calls
├── when a suspended institution ─ back in the sets of all its roles; InstitutionReinstated
├── when a suspended regulator ─ it regulates again
├── when an active one, its own included ─ NoChange
└── given it is suspended itself ─ RoleRequired
given anyone else calls ─ RoleRequired
when no institution has the index ─ UnknownInstitution
"""

import pytest

from ledger import reverts
from ledger.clients.consortium import Role
from tests.contracts.support import ROLES, Ledger, bits, refused


@pytest.mark.parametrize("name", [name for name in ROLES if name != "R"])
def test_reinstate_given_suspended(ledger: Ledger, name: str):
    call, index = ledger.consortium.call, ledger.index[name]

    def standing():
        return [call("institution", index), call("active"), *(call("membersOf", role) for role in Role)]

    before = standing()
    ledger.suspend(name)
    receipt = ledger.consortium.reinstate(ledger.signers["R"], index)
    assert ledger.facts(receipt) == [("InstitutionReinstated", {"institution": index, "regulator": 4})]
    assert standing() == before
    assert call("isActive", index) is True


def test_reinstate_given_suspended_by_the_other_regulator(ledger: Ledger):
    ledger.suspend("B1", by="R")
    receipt = ledger.consortium.reinstate(ledger.signers["R2"], 8)
    assert ledger.facts(receipt) == [("InstitutionReinstated", {"institution": 8, "regulator": 5})]


def test_reinstate_given_suspended_regulator_regulates_again(ledger: Ledger):
    ledger.suspend("R2")
    ledger.consortium.reinstate(ledger.signers["R"], 5)
    ledger.suspend("B1", by="R2")
    assert 8 not in bits(ledger.consortium.call("active"))


@pytest.mark.parametrize("index", [4, 8])
def test_reinstate_given_active_reverts(ledger: Ledger, index: int):
    with refused(reverts.Consortium_NoChange, institution=index):
        ledger.consortium.reinstate(ledger.signers["R"], index)


@pytest.mark.parametrize("index", [5, 8])
def test_reinstate_given_suspended_regulator_calls_reverts(ledger: Ledger, index: int):
    """A regulator that was put out does not let itself back in, nor others."""
    ledger.suspend("R2")
    ledger.suspend("B1")
    with refused(reverts.Consortium_RoleRequired, caller=ledger.signers["R2"].address, role=Role.REGULATOR):
        ledger.consortium.reinstate(ledger.signers["R2"], index)


def test_reinstate_when_anyone_else_reverts(ledger: Ledger):
    ledger.suspend("B1")
    for _, caller in ledger.everyone_but("R", "R2"):
        with refused(reverts.Consortium_RoleRequired, caller=caller.address, role=Role.REGULATOR):
            ledger.consortium.reinstate(caller, 8)


@pytest.mark.parametrize("index", [0, 11, 65535])
def test_reinstate_when_unknown_institution_reverts(ledger: Ledger, index: int):
    with refused(reverts.Consortium_UnknownInstitution, institution=index):
        ledger.consortium.reinstate(ledger.signers["R"], index)
