"""Consortium: what anyone may ask

institutionCount, institution ─ each institution; when unknown ─ UnknownInstitution
accountOf ─ the last 18 bytes of keccak256("clearing.account"), then the index, given or not
institutionOf, institutionNamed ─ the index, 0 where there is none
isActive ─ false where unknown or suspended
activeSigner ─ the signer, zero where unknown or suspended
actingAs ─ the index; RoleRequired where not that role, suspended, unknown
membersOf, active ─ sets, a bit an institution
RECOVERY_DELAY ─ two days
"""

import pytest
from web3 import Web3

from ledger import reverts
from ledger.clients.consortium import Role, account_of
from ledger.errors import Reverted
from tests.contracts.support import ROLES, Ledger, bits, bytes32, refused

KNOWN_ACCOUNTS = {
    0: "0xab1dfeaabd7b476efb430835ef9af164c60d0000",
    1: "0xab1dfeaabd7b476efb430835ef9af164c60d0001",
    65535: "0xab1dfeaabd7b476efb430835ef9af164c60dffff",
}


def test_institution_count_and_institution(ledger: Ledger):
    call = ledger.consortium.call
    assert call("institutionCount") == len(ROLES)
    for index, (name, role) in enumerate(ROLES.items(), start=1):
        signer = ledger.signers[name].address.lower()
        assert call("institution", index) == (signer, 1 << role, False, bytes32(name))
        assert call("institutionOf", signer) == index
        assert call("institutionNamed", bytes32(name)) == index


@pytest.mark.parametrize("index", [0, 11, 65535])
def test_institution_when_unknown_reverts(ledger: Ledger, index: int):
    with refused(reverts.Consortium_UnknownInstitution, institution=index):
        ledger.consortium.call("institution", index)


@pytest.mark.parametrize("index", [0, 1, 10, 11, 255, 256, 65535])
def test_account_of(ledger: Ledger, index: int):
    expected = "0x" + (Web3.keccak(text="clearing.account")[-18:] + index.to_bytes(2, "big")).hex()
    assert ledger.consortium.call("accountOf", index) == expected
    assert account_of(index).lower() == expected
    assert KNOWN_ACCOUNTS.get(index, expected) == expected


def test_account_of_is_not_a_signers(ledger: Ledger):
    signers = {signer.address.lower() for signer in ledger.signers.values()}
    assert not signers & {ledger.consortium.call("accountOf", i) for i in range(11)}


def test_institution_of_when_nobodys(ledger: Ledger):
    for address in (ledger.outsider.address, ledger.operator.address, "0x" + "00" * 20, account_of(8)):
        assert ledger.consortium.call("institutionOf", address) == 0


@pytest.mark.parametrize(
    "name", [bytes(32), b"B1".rjust(32, b"\0"), bytes32("B1 ")], ids=["empty", "right-aligned", "longer"]
)
def test_institution_named_when_not_given(ledger: Ledger, name: bytes):
    assert ledger.consortium.call("institutionNamed", name) == 0


def test_is_active(ledger: Ledger):
    ledger.suspend("B1")
    found = {index for index in (*range(13), 255, 256, 65535) if ledger.consortium.call("isActive", index)}
    assert found == set(range(1, 11)) - {8}


def test_active_signer(ledger: Ledger):
    signers = {ledger.index[name]: signer.address.lower() for name, signer in ledger.signers.items()}
    ledger.suspend("B1")
    zero = "0x" + "00" * 20
    for index in (*range(13), 256, 65535):
        expected = zero if index == 8 else signers.get(index, zero)
        assert ledger.consortium.call("activeSigner", index) == expected
    ledger.consortium.reinstate(ledger.signers["R"], 8)
    assert ledger.consortium.call("activeSigner", 8) == signers[8]


def test_active_signer_given_replaced(ledger: Ledger):
    old, new = ledger.signers["B1"], ledger.outsider
    ledger.consortium.nominate_signer(old, 8, new.address)
    assert ledger.consortium.call("activeSigner", 8) == old.address.lower()
    ledger.consortium.accept_signer(new, 8)
    assert ledger.consortium.call("activeSigner", 8) == new.address.lower()


@pytest.mark.parametrize("role", Role)
def test_acting_as_names_those_with_the_role(ledger: Ledger, role: Role):
    for name, caller in ledger.everyone_but():
        if ROLES.get(name) is role:
            assert ledger.consortium.call("actingAs", caller.address, role) == ledger.index[name]
        else:
            with refused(reverts.Consortium_RoleRequired, caller=caller.address, role=role):
                ledger.consortium.call("actingAs", caller.address, role)


def test_acting_as_given_suspended_reverts(ledger: Ledger):
    ledger.suspend("B1")
    with refused(reverts.Consortium_RoleRequired, caller=ledger.signers["B1"].address, role=Role.BROKER):
        ledger.consortium.call("actingAs", ledger.signers["B1"].address, Role.BROKER)


def test_acting_as_when_zero_address_reverts(ledger: Ledger):
    with refused(reverts.Consortium_RoleRequired, caller="0x" + "00" * 20, role=Role.BROKER):
        ledger.consortium.call("actingAs", "0x" + "00" * 20, Role.BROKER)


@pytest.mark.parametrize("role", [7, 8, 255])
def test_acting_as_when_no_role_reverts(ledger: Ledger, role: int):
    """The set of the active is kept beside the roles'; it must not be reached as if it were a role."""
    for function, arguments in {
        "actingAs": (ledger.signers["B1"].address, role),
        "membersOf": (role,),
    }.items():
        with pytest.raises(Reverted) as caught:
            ledger.consortium.call(function, *arguments)
        assert caught.value.data == b""


def test_members_of_and_active(ledger: Ledger):
    call = ledger.consortium.call
    expected = {role: {ledger.index[n] for n, r in ROLES.items() if r is role} for role in Role}
    assert {role: bits(call("membersOf", role)) for role in Role} == expected
    assert bits(call("active")) == set(range(1, 11))
    assert len(call("active")) == len(call("membersOf", Role.BROKER)) == 1


def test_recovery_delay(ledger: Ledger):
    assert ledger.consortium.call("RECOVERY_DELAY") == 2 * 24 * 60 * 60
