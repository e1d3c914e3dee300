"""Consortium.suspend

given a regulator calls
├── when an active institution ─ out of every set and of `active`; roles and signer stay; InstitutionSuspended
├── when the exchange, another regulator ─ likewise
├── when a suspended one ─ NoChange
├── when its own institution ─ OwnCase
├── given it is suspended ─ RoleRequired
└── given it was a regulator ─ RoleRequired
given anyone else calls, its own operator included ─ RoleRequired
when no institution has the index ─ UnknownInstitution
"""

import pytest

from ledger import reverts
from ledger.clients.consortium import Role
from tests.contracts.support import ROLES, Ledger, bits, refused


@pytest.mark.parametrize("name", [name for name in ROLES if name != "R"])
def test_suspend_when_active(ledger: Ledger, name: str):
    call, index = ledger.consortium.call, ledger.index[name]
    before = {role: bits(call("membersOf", role)) for role in Role}
    admitted = call("institution", index)
    receipt = ledger.consortium.suspend(ledger.signers["R"], index)
    assert ledger.facts(receipt) == [("InstitutionSuspended", {"institution": index, "regulator": 4})]
    assert call("institution", index) == (admitted[0], admitted[1], True, admitted[3])
    assert call("isActive", index) is False
    assert bits(call("active")) == set(range(1, 11)) - {index}
    assert {role: bits(call("membersOf", role)) for role in Role} == {
        r: m - {index} for r, m in before.items()
    }
    assert call("institutionOf", ledger.signers[name].address) == index


def test_suspend_given_several_roles_takes_all(ledger: Ledger):
    ledger.consortium.send(ledger.operator, "grantRoles", 8, 0b1011111)
    ledger.suspend("B1")
    assert all(8 not in bits(ledger.consortium.call("membersOf", role)) for role in Role)


def test_suspend_given_suspended_reverts(ledger: Ledger):
    ledger.suspend("B1")
    with refused(reverts.Consortium_NoChange, institution=8):
        ledger.suspend("B1", by="R2")


@pytest.mark.parametrize("name", ["R", "R2"])
def test_suspend_given_own_case_reverts(ledger: Ledger, name: str):
    with refused(reverts.Consortium_OwnCase, institution=ledger.index[name]):
        ledger.suspend(name, by=name)


def test_suspend_given_suspended_regulator_reverts(ledger: Ledger):
    """The first of two regulators that put each other out prevails; so one is always left."""
    ledger.suspend("R2")
    with refused(reverts.Consortium_RoleRequired, caller=ledger.signers["R2"].address, role=Role.REGULATOR):
        ledger.suspend("R", by="R2")


def test_suspend_given_former_regulator_reverts(ledger: Ledger):
    ledger.consortium.revoke_roles(ledger.signers["R"], 5, [Role.REGULATOR])
    with refused(reverts.Consortium_RoleRequired, caller=ledger.signers["R2"].address, role=Role.REGULATOR):
        ledger.suspend("B1", by="R2")


def test_suspend_when_anyone_else_reverts(ledger: Ledger):
    for name, caller in ledger.everyone_but("R", "R2"):
        target = 9 if name == "B1" else 8
        with refused(reverts.Consortium_RoleRequired, caller=caller.address, role=Role.REGULATOR):
            ledger.consortium.suspend(caller, target)


@pytest.mark.parametrize("index", [0, 11, 65535])
def test_suspend_when_unknown_institution_reverts(ledger: Ledger, index: int):
    with refused(reverts.Consortium_UnknownInstitution, institution=index):
        ledger.consortium.suspend(ledger.signers["R"], index)
