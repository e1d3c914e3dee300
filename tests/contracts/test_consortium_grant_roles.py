"""Consortium.grantRoles

given the operator calls
├── when a role is new ─ added, in the role's set; RolesChanged names all roles and who changed them
├── when some are new ─ those are added
├── when none is new ─ NoChange
├── when no role or an unknown one ─ InvalidRoles
├── when REGULATOR, alone or with others, given a regulator ─ RegulatorAppointsRegulator
├── when REGULATOR, given none yet ─ added
└── given the institution is suspended ─ added, in the role's set once it is reinstated
given a regulator calls
├── when REGULATOR ─ added
├── when anything else, alone or with REGULATOR ─ OwnableUnauthorizedAccount
└── given it is suspended ─ RegulatorAppointsRegulator
given anyone else calls
├── when REGULATOR ─ RegulatorAppointsRegulator
└── when another role ─ OwnableUnauthorizedAccount
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


def grant(ledger: Ledger, by: Signer, name: str, roles: int):
    return ledger.consortium.send(by, "grantRoles", ledger.index[name], roles)


def roles_of(ledger: Ledger, name: str) -> int:
    return ledger.consortium.call("institution", ledger.index[name])[1]


def test_grant_roles_when_new(ledger: Ledger):
    receipt = grant(ledger, ledger.operator, "B1", PARTNER)
    by = ledger.operator.address.lower()
    assert ledger.facts(receipt) == [
        ("RolesChanged", {"institution": 8, "roles": BROKER | PARTNER, "by": by})
    ]
    assert roles_of(ledger, "B1") == BROKER | PARTNER
    assert bits(ledger.consortium.call("membersOf", Role.PARTNER)) == {6, 8}
    assert bits(ledger.consortium.call("membersOf", Role.BROKER)) == {8, 9, 10}


def test_grant_roles_when_some_new(ledger: Ledger):
    receipt = grant(ledger, ledger.operator, "P", BROKER | PARTNER | 1)
    assert ledger.facts(receipt)[0][1]["roles"] == BROKER | PARTNER | 1
    assert bits(ledger.consortium.call("membersOf", Role.BROKER)) == {6, 8, 9, 10}
    assert bits(ledger.consortium.call("membersOf", Role.EXCHANGE)) == {1, 6}


def test_grant_roles_when_none_new_reverts(ledger: Ledger):
    with refused(reverts.Consortium_NoChange, institution=8):
        grant(ledger, ledger.operator, "B1", BROKER)


@pytest.mark.parametrize("roles", [0, 0x80, 0x84])
def test_grant_roles_when_invalid_reverts(ledger: Ledger, roles: int):
    with refused(reverts.Consortium_InvalidRoles, roles=roles):
        grant(ledger, ledger.operator, "P", roles)


@pytest.mark.parametrize("index", [0, 11, 65535])
def test_grant_roles_when_unknown_institution_reverts(ledger: Ledger, index: int):
    with refused(reverts.Consortium_UnknownInstitution, institution=index):
        ledger.consortium.send(ledger.operator, "grantRoles", index, BROKER)


@pytest.mark.parametrize("roles", [REGULATOR, REGULATOR | PARTNER])
def test_grant_roles_given_a_regulator_when_operator_appoints_reverts(ledger: Ledger, roles: int):
    with refused(reverts.Consortium_RegulatorAppointsRegulator, caller=ledger.operator.address):
        grant(ledger, ledger.operator, "B1", roles)


def test_grant_roles_given_no_regulator_when_operator_appoints(ledger: Ledger):
    fresh = ledger.consortium_anew()
    fresh.send(ledger.operator, "admit", [(bytes32("N"), ledger.outsider.address, BROKER)])
    fresh.send(ledger.operator, "grantRoles", 1, REGULATOR)
    assert fresh.call("actingAs", ledger.outsider.address, Role.REGULATOR) == 1
    with refused(reverts.Consortium_RegulatorAppointsRegulator, caller=ledger.operator.address):
        fresh.send(ledger.operator, "admit", [(bytes32("M"), ledger.operator.address, REGULATOR)])


def test_grant_roles_given_no_regulator_when_anyone_appoints_reverts(ledger: Ledger):
    fresh = ledger.consortium_anew()
    fresh.send(ledger.operator, "admit", [(bytes32("N"), ledger.outsider.address, BROKER)])
    with refused(reverts.OwnableUnauthorizedAccount, account=ledger.outsider.address):
        fresh.send(ledger.outsider, "grantRoles", 1, REGULATOR)


def test_grant_roles_when_regulator_appoints_regulator(ledger: Ledger):
    receipt = grant(ledger, ledger.signers["R"], "A", REGULATOR)
    roles, by = REGULATOR | 1 << 6, ledger.signers["R"].address.lower()
    assert ledger.facts(receipt) == [("RolesChanged", {"institution": 7, "roles": roles, "by": by})]
    assert bits(ledger.consortium.call("membersOf", Role.REGULATOR)) == {4, 5, 7}


def test_grant_roles_when_regulator_appoints_a_regulator_again_reverts(ledger: Ledger):
    with refused(reverts.Consortium_NoChange, institution=4):
        grant(ledger, ledger.signers["R"], "R", REGULATOR)


@pytest.mark.parametrize("roles", [PARTNER, PARTNER | REGULATOR, 0, 0x80])
def test_grant_roles_when_regulator_gives_another_role_reverts(ledger: Ledger, roles: int):
    regulator = ledger.signers["R"]
    with refused(reverts.OwnableUnauthorizedAccount, account=regulator.address):
        grant(ledger, regulator, "B1", roles)


def test_grant_roles_given_suspended_regulator_reverts(ledger: Ledger):
    ledger.suspend("R2")
    with refused(reverts.Consortium_RegulatorAppointsRegulator, caller=ledger.signers["R2"].address):
        grant(ledger, ledger.signers["R2"], "A", REGULATOR)


def test_grant_roles_given_suspended_institution_counts_from_reinstatement(ledger: Ledger):
    ledger.suspend("B1")
    grant(ledger, ledger.operator, "B1", PARTNER)
    assert roles_of(ledger, "B1") == BROKER | PARTNER
    assert bits(ledger.consortium.call("membersOf", Role.PARTNER)) == {6}
    ledger.consortium.reinstate(ledger.signers["R"], 8)
    assert bits(ledger.consortium.call("membersOf", Role.PARTNER)) == {6, 8}


def test_grant_roles_when_anyone_else_appoints_reverts(ledger: Ledger):
    for _, caller in ledger.everyone_but("R", "R2"):
        with refused(reverts.Consortium_RegulatorAppointsRegulator, caller=caller.address):
            grant(ledger, caller, "A", REGULATOR)


def test_grant_roles_when_anyone_else_gives_a_role_reverts(ledger: Ledger):
    for _, caller in ledger.everyone_but("operator"):
        with refused(reverts.OwnableUnauthorizedAccount, account=caller.address):
            grant(ledger, caller, "A", BROKER)
