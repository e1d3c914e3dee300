"""Consortium.revokeRoles

given a regulator calls
├── when roles are held ─ taken, out of the role's set; RolesChanged
├── when some are held ─ those are taken
├── when all ─ the institution stays active, with no role
├── when none is held, or none named ─ NoChange
├── when in its own case ─ OwnCase
├── when another regulator's REGULATOR ─ taken
├── given the institution is suspended ─ taken; not in the set after it is reinstated
└── given it is suspended itself ─ RoleRequired
given anyone else calls ─ RoleRequired
when no institution has the index ─ UnknownInstitution
"""

import pytest

from ledger import reverts
from ledger.accounts import Signer
from ledger.clients.consortium import Role
from tests.contracts.support import Ledger, bits, bytes32, refused

BROKER = 1 << 2
PARTNER = 1 << 4
REGULATOR = 1 << 5


def revoke(ledger: Ledger, by: str, name: str, roles: int):
    return ledger.consortium.send(ledger.signers[by], "revokeRoles", ledger.index[name], roles)


def roles_of(ledger: Ledger, name: str) -> int:
    return ledger.consortium.call("institution", ledger.index[name])[1]


def test_revoke_roles_when_held(ledger: Ledger):
    ledger.consortium.send(ledger.operator, "grantRoles", 8, PARTNER)
    receipt = revoke(ledger, "R", "B1", BROKER)
    by = ledger.signers["R"].address.lower()
    assert ledger.facts(receipt) == [("RolesChanged", {"institution": 8, "roles": PARTNER, "by": by})]
    assert roles_of(ledger, "B1") == PARTNER
    assert bits(ledger.consortium.call("membersOf", Role.BROKER)) == {9, 10}
    assert bits(ledger.consortium.call("membersOf", Role.PARTNER)) == {6, 8}


def test_revoke_roles_when_some_held(ledger: Ledger):
    receipt = revoke(ledger, "R", "B1", BROKER | PARTNER)
    assert ledger.facts(receipt)[0][1]["roles"] == 0
    assert bits(ledger.consortium.call("membersOf", Role.PARTNER)) == {6}


def test_revoke_roles_when_all_leaves_it_active(ledger: Ledger):
    revoke(ledger, "R", "B1", BROKER)
    assert ledger.consortium.call("isActive", 8) is True
    address = ledger.signers["B1"].address
    with refused(reverts.Consortium_RoleRequired, caller=address, role=Role.BROKER):
        ledger.consortium.call("actingAs", address, Role.BROKER)


@pytest.mark.parametrize("roles", [0, PARTNER, 0x80, 0xFF & ~BROKER])
def test_revoke_roles_when_none_held_reverts(ledger: Ledger, roles: int):
    with refused(reverts.Consortium_NoChange, institution=8):
        revoke(ledger, "R", "B1", roles)


@pytest.mark.parametrize("roles", [REGULATOR, PARTNER, 0])
def test_revoke_roles_when_own_case_reverts(ledger: Ledger, roles: int):
    with refused(reverts.Consortium_OwnCase, institution=4):
        revoke(ledger, "R", "R", roles)


def test_revoke_roles_when_other_regulator(ledger: Ledger):
    revoke(ledger, "R", "R2", REGULATOR)
    assert bits(ledger.consortium.call("membersOf", Role.REGULATOR)) == {4}
    address = ledger.signers["R2"].address
    with refused(reverts.Consortium_RoleRequired, caller=address, role=Role.REGULATOR):
        revoke(ledger, "R2", "B1", BROKER)


def test_revoke_roles_given_one_regulator_left_still_counts_it(ledger: Ledger):
    """The operator does not come to appoint regulators because one of two is gone."""
    revoke(ledger, "R", "R2", REGULATOR)
    with refused(reverts.Consortium_RegulatorAppointsRegulator, caller=ledger.operator.address):
        ledger.consortium.send(ledger.operator, "grantRoles", 5, REGULATOR)


def test_revoke_roles_given_suspended_institution(ledger: Ledger):
    ledger.consortium.send(ledger.operator, "grantRoles", 8, PARTNER)
    ledger.suspend("B1")
    revoke(ledger, "R", "B1", BROKER)
    ledger.consortium.reinstate(ledger.signers["R"], 8)
    assert roles_of(ledger, "B1") == PARTNER
    assert bits(ledger.consortium.call("membersOf", Role.BROKER)) == {9, 10}
    assert bits(ledger.consortium.call("membersOf", Role.PARTNER)) == {6, 8}


def test_revoke_roles_given_suspended_regulator_reverts(ledger: Ledger):
    ledger.suspend("R2")
    address = ledger.signers["R2"].address
    with refused(reverts.Consortium_RoleRequired, caller=address, role=Role.REGULATOR):
        revoke(ledger, "R2", "B1", BROKER)


def test_revoke_roles_when_anyone_else_reverts(ledger: Ledger):
    for _, caller in ledger.everyone_but("R", "R2"):
        with refused(reverts.Consortium_RoleRequired, caller=caller.address, role=Role.REGULATOR):
            ledger.consortium.send(caller, "revokeRoles", 8, BROKER)


def test_revoke_roles_when_institution_in_its_own_case_reverts(ledger: Ledger):
    """Not even to give up what it has: only a regulator takes roles."""
    caller: Signer = ledger.signers["B1"]
    with refused(reverts.Consortium_RoleRequired, caller=caller.address, role=Role.REGULATOR):
        ledger.consortium.send(caller, "revokeRoles", 8, BROKER)


@pytest.mark.parametrize("index", [0, 11, 65535])
def test_revoke_roles_when_unknown_institution_reverts(ledger: Ledger, index: int):
    with refused(reverts.Consortium_UnknownInstitution, institution=index):
        ledger.consortium.send(ledger.signers["R"], "revokeRoles", index, BROKER)


def test_revoke_roles_given_replaced_signer_reverts(ledger: Ledger):
    old, new = ledger.signers["R"], ledger.outsider
    ledger.consortium.nominate_signer(old, 4, new.address)
    ledger.consortium.accept_signer(new, 4)
    with refused(reverts.Consortium_RoleRequired, caller=old.address, role=Role.REGULATOR):
        ledger.consortium.send(old, "revokeRoles", 8, BROKER)
    ledger.consortium.send(new, "revokeRoles", 8, BROKER)
    assert ledger.consortium.call("institutionNamed", bytes32("R")) == 4
