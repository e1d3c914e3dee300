"""Consortium.admit

given the operator calls
├── when one institution ─ index, signer, roles, name, account; InstitutionAdmitted
├── when several ─ indexes in order, the first is returned
├── when none ─ nothing happens, the next index is returned
├── when a name is empty or given before, or twice in the list ─ NameTaken
├── when a signer is zero, acts already, or is twice in the list ─ SignerTaken
├── when roles are none or unknown ─ InvalidRoles
├── when one of several is wrong ─ none is admitted
├── when a regulator, given none yet ─ admitted, the first only
├── when a regulator, given one ─ RegulatorAppointsRegulator
├── when a regulator, given the operator is an active regulator itself ─ admitted
└── when a regulator, given the operator is a suspended regulator ─ RegulatorAppointsRegulator
given anyone else calls ─ OwnableUnauthorizedAccount
given more than 255 institutions ─ the sets have a second word
"""

import pytest

from ledger import reverts
from ledger.accounts import Signer
from ledger.clients.consortium import Role, account_of
from tests.contracts.support import Ledger, bits, bytes32, refused

NEW = Signer.from_seed("admit", "new").address
OTHER = Signer.from_seed("admit", "other").address
BROKER = 1 << 2
REGULATOR = 1 << 5


def admit(ledger: Ledger, *rows: tuple[bytes, str, int], by: Signer | None = None):
    return ledger.consortium.send(by or ledger.operator, "admit", list(rows))


def test_admit_when_one(ledger: Ledger):
    receipt = admit(ledger, (bytes32("N"), NEW, 0b101))
    account = account_of(11)
    arguments = {"institution": 11, "name": bytes32("N"), "account": account.lower()}
    arguments |= {"signer": NEW.lower(), "roles": 0b101}
    assert ledger.facts(receipt) == [("InstitutionAdmitted", arguments)]
    call = ledger.consortium.call
    assert call("institutionCount") == 11
    assert call("institution", 11) == (NEW.lower(), 0b101, False, bytes32("N"))
    assert call("institutionOf", NEW) == 11
    assert call("institutionNamed", bytes32("N")) == 11
    assert call("isActive", 11) is True
    assert 11 in bits(call("active"))
    assert [11 in bits(call("membersOf", role)) for role in range(7)] == [1, 0, 1, 0, 0, 0, 0]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.REGULATOR])
def test_admit_when_any_role(ledger: Ledger, role: Role):
    admit(ledger, (bytes32("N"), NEW, 1 << role))
    assert ledger.consortium.call("actingAs", NEW, role) == 11


def test_admit_when_several(ledger: Ledger):
    rows = [(bytes32("N"), NEW, BROKER), (b"\xff" * 32, OTHER, 1)]
    first = ledger.consortium.call("admit", rows, sender=ledger.operator.address)
    receipt = admit(ledger, *rows)
    assert first == 11
    assert [facts["institution"] for _, facts in ledger.facts(receipt)] == [11, 12]
    assert ledger.consortium.call("institution", 12) == (OTHER.lower(), 1, False, b"\xff" * 32)


def test_admit_when_none(ledger: Ledger):
    assert ledger.consortium.call("admit", [], sender=ledger.operator.address) == 11
    assert ledger.facts(admit(ledger)) == []
    assert ledger.consortium.call("institutionCount") == 10


@pytest.mark.parametrize("name", [bytes(32), bytes32("B1")], ids=["empty", "given"])
def test_admit_when_name_taken_reverts(ledger: Ledger, name: bytes):
    with refused(reverts.Consortium_NameTaken, name=name):
        admit(ledger, (name, NEW, BROKER))


def test_admit_when_name_twice_reverts(ledger: Ledger):
    with refused(reverts.Consortium_NameTaken, name=bytes32("N")):
        admit(ledger, (bytes32("N"), NEW, BROKER), (bytes32("N"), OTHER, BROKER))


def test_admit_when_signer_zero_reverts(ledger: Ledger):
    zero = "0x" + "00" * 20
    with refused(reverts.Consortium_SignerTaken, signer=zero):
        admit(ledger, (bytes32("N"), zero, BROKER))


def test_admit_when_signer_acts_already_reverts(ledger: Ledger):
    taken = ledger.signers["B1"].address
    with refused(reverts.Consortium_SignerTaken, signer=taken):
        admit(ledger, (bytes32("N"), taken, BROKER))


def test_admit_given_suspended_when_its_signer_reverts(ledger: Ledger):
    ledger.suspend("B1")
    taken = ledger.signers["B1"].address
    with refused(reverts.Consortium_SignerTaken, signer=taken):
        admit(ledger, (bytes32("N"), taken, BROKER))


def test_admit_when_signer_twice_reverts(ledger: Ledger):
    with refused(reverts.Consortium_SignerTaken, signer=NEW):
        admit(ledger, (bytes32("N"), NEW, BROKER), (bytes32("M"), NEW, BROKER))


def test_admit_given_replaced_signer_when_it_comes_back(ledger: Ledger):
    """Who no longer acts for an institution may act for another."""
    old = ledger.signers["B1"]
    successor = Signer.from_seed("admit", "successor")
    ledger.consortium.nominate_signer(old, ledger.index["B1"], successor.address)
    ledger.consortium.accept_signer(successor, ledger.index["B1"])
    admit(ledger, (bytes32("N"), old.address, BROKER))
    assert ledger.consortium.call("institutionOf", old.address) == 11


@pytest.mark.parametrize("roles", [0, 0x80, 0xFF, 0x84])
def test_admit_when_roles_invalid_reverts(ledger: Ledger, roles: int):
    with refused(reverts.Consortium_InvalidRoles, roles=roles):
        admit(ledger, (bytes32("N"), NEW, roles))


def test_admit_when_one_of_several_is_wrong_admits_none(ledger: Ledger):
    with refused(reverts.Consortium_InvalidRoles, roles=0):
        admit(ledger, (bytes32("N"), NEW, BROKER), (bytes32("M"), OTHER, 0))
    assert ledger.consortium.call("institutionCount") == 10
    assert ledger.consortium.call("institutionOf", NEW) == 0
    assert ledger.consortium.call("institutionNamed", bytes32("N")) == 0


def test_admit_given_no_regulator_when_regulators_admits_the_first(ledger: Ledger):
    fresh = ledger.consortium_anew()
    with refused(reverts.Consortium_RegulatorAppointsRegulator, caller=ledger.operator.address):
        rows = [(bytes32("N"), NEW, REGULATOR), (bytes32("M"), OTHER, REGULATOR)]
        fresh.send(ledger.operator, "admit", rows)
    fresh.send(ledger.operator, "admit", rows[:1])
    assert bits(fresh.call("membersOf", Role.REGULATOR)) == {1}


@pytest.mark.parametrize("roles", [REGULATOR, REGULATOR | BROKER])
def test_admit_given_a_regulator_when_another_reverts(ledger: Ledger, roles: int):
    with refused(reverts.Consortium_RegulatorAppointsRegulator, caller=ledger.operator.address):
        admit(ledger, (bytes32("N"), NEW, roles))


def make_operator(ledger: Ledger, name: str) -> Signer:
    ledger.consortium.send(ledger.operator, "transferOwnership", ledger.signers[name].address)
    ledger.consortium.send(ledger.signers[name], "acceptOwnership")
    return ledger.signers[name]


def test_admit_given_operator_is_regulator_when_another(ledger: Ledger):
    operator = make_operator(ledger, "R")
    admit(ledger, (bytes32("N"), NEW, REGULATOR), by=operator)
    assert bits(ledger.consortium.call("membersOf", Role.REGULATOR)) == {4, 5, 11}


def test_admit_given_operator_is_suspended_regulator_when_another_reverts(ledger: Ledger):
    operator = make_operator(ledger, "R2")
    ledger.suspend("R2")
    with refused(reverts.Consortium_RegulatorAppointsRegulator, caller=operator.address):
        admit(ledger, (bytes32("N"), NEW, REGULATOR), by=operator)


def test_admit_given_operator_is_broker_when_regulator_reverts(ledger: Ledger):
    operator = make_operator(ledger, "B1")
    with refused(reverts.Consortium_RegulatorAppointsRegulator, caller=operator.address):
        admit(ledger, (bytes32("N"), NEW, REGULATOR), by=operator)


def test_admit_when_anyone_else_reverts(ledger: Ledger):
    for _, caller in ledger.everyone_but("operator"):
        with refused(reverts.OwnableUnauthorizedAccount, account=caller.address):
            admit(ledger, (bytes32("N"), NEW, BROKER), by=caller)


def test_admit_given_former_operator_reverts(ledger: Ledger):
    make_operator(ledger, "P")
    with refused(reverts.OwnableUnauthorizedAccount, account=ledger.operator.address):
        admit(ledger, (bytes32("N"), NEW, BROKER))


def test_admit_given_255_institutions_fills_the_next_word(ledger: Ledger):
    """Bit i % 256 of word i / 256: 255 is the last of the first word, 256 the first of the second."""
    rows = [(i.to_bytes(32, "big"), "0x" + i.to_bytes(20, "big").hex(), BROKER) for i in range(11, 256)]
    admit(ledger, *rows)
    brokers = {8, 9, 10} | set(range(11, 256))
    assert bits(ledger.consortium.call("membersOf", Role.BROKER)) == brokers
    admit(ledger, (bytes32("N"), NEW, BROKER), (bytes32("M"), OTHER, 1))
    words = ledger.consortium.call("membersOf", Role.BROKER)
    assert (len(words), bits(words)) == (2, brokers | {256})
    assert bits(ledger.consortium.call("active")) == set(range(1, 258))
    assert ledger.consortium.call("actingAs", NEW, Role.BROKER) == 256
    ledger.consortium.suspend(ledger.signers["R"], 256)
    assert bits(ledger.consortium.call("membersOf", Role.BROKER)) == brokers
    assert bits(ledger.consortium.call("active")) == set(range(1, 258)) - {256}
