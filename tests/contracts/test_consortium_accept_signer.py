"""Consortium.acceptSigner

given nominated by the signer ─ at once: acts for the institution, the previous one no more; SignerChanged
given nominated by the operator
├── when a second before RECOVERY_DELAY is over ─ TooEarly
├── when RECOVERY_DELAY is over ─ as above
└── given nominated by the signer too ─ at once
given accepted ─ every nomination of the institution is gone
given nominated for another institution, or by none ─ NotNominated
given the nominee acts for an institution by now ─ SignerTaken
given the institution is suspended ─ accepted, and still suspended
given holdings ─ none moves; the new signer acts for them, the old one no more
when no institution has the index ─ UnknownInstitution
"""

import pytest

from ledger import reverts
from ledger.accounts import Signer
from ledger.clients.consortium import Role
from tests.contracts.support import Ledger, bytes32, refused

NEXT = Signer.from_seed("accept", "next")
OTHER = Signer.from_seed("accept", "other")
TWO_DAYS_S = 172_800


def changed(ledger: Ledger, institution: int, previous: Signer, signer: Signer):
    names = {"institution": institution, "previous": previous.address, "signer": signer.address}
    return [("SignerChanged", {k: v.lower() if isinstance(v, str) else v for k, v in names.items()})]


def test_accept_signer_given_nominated_by_signer(ledger: Ledger):
    old = ledger.signers["B1"]
    ledger.consortium.nominate_signer(old, 8, NEXT.address)
    receipt = ledger.consortium.accept_signer(NEXT, 8)
    assert ledger.facts(receipt) == changed(ledger, 8, old, NEXT)
    call = ledger.consortium.call
    assert (call("institutionOf", NEXT.address), call("institutionOf", old.address)) == (8, 0)
    assert call("institution", 8) == (NEXT.address.lower(), 1 << Role.BROKER, False, bytes32("B1"))
    assert call("actingAs", NEXT.address, Role.BROKER) == 8
    with refused(reverts.Consortium_RoleRequired, caller=old.address, role=Role.BROKER):
        call("actingAs", old.address, Role.BROKER)


def test_accept_signer_given_nominated_by_operator_when_too_early_reverts(ledger: Ledger):
    ledger.consortium.nominate_signer(ledger.operator, 8, NEXT.address)
    acceptable = ledger.now + TWO_DAYS_S
    with refused(reverts.Consortium_TooEarly, institution=8, acceptableFrom=acceptable):
        ledger.consortium.accept_signer(NEXT, 8)
    ledger.at(acceptable - 1)
    with refused(reverts.Consortium_TooEarly, institution=8, acceptableFrom=acceptable):
        ledger.consortium.accept_signer(NEXT, 8)


def test_accept_signer_given_nominated_by_operator_when_delay_is_over(ledger: Ledger):
    ledger.consortium.nominate_signer(ledger.operator, 8, NEXT.address)
    ledger.at(ledger.now + TWO_DAYS_S)
    receipt = ledger.consortium.accept_signer(NEXT, 8)
    assert ledger.facts(receipt) == changed(ledger, 8, ledger.signers["B1"], NEXT)
    assert ledger.consortium.call("institutionOf", NEXT.address) == 8


def test_accept_signer_given_nominated_by_both_when_at_once(ledger: Ledger):
    ledger.consortium.nominate_signer(ledger.operator, 8, NEXT.address)
    ledger.consortium.nominate_signer(ledger.signers["B1"], 8, NEXT.address)
    ledger.consortium.accept_signer(NEXT, 8)
    assert ledger.consortium.call("institutionOf", NEXT.address) == 8


@pytest.mark.parametrize("first", [NEXT, OTHER])
def test_accept_signer_given_accepted_drops_every_nomination(ledger: Ledger, first: Signer):
    ledger.consortium.nominate_signer(ledger.operator, 8, OTHER.address)
    ledger.consortium.nominate_signer(ledger.signers["B1"], 8, NEXT.address)
    ledger.at(ledger.now + TWO_DAYS_S)
    ledger.consortium.accept_signer(first, 8)
    second = OTHER if first is NEXT else NEXT
    with refused(reverts.Consortium_NotNominated, caller=second.address, institution=8):
        ledger.consortium.accept_signer(second, 8)


def test_accept_signer_given_accepted_when_again_reverts(ledger: Ledger):
    ledger.consortium.nominate_signer(ledger.signers["B1"], 8, NEXT.address)
    ledger.consortium.accept_signer(NEXT, 8)
    with refused(reverts.Consortium_SignerTaken, signer=NEXT.address):
        ledger.consortium.accept_signer(NEXT, 8)


def test_accept_signer_given_nominated_for_two_when_second_reverts(ledger: Ledger):
    """A signer acts for one institution only."""
    for name in ("B1", "B2"):
        ledger.consortium.nominate_signer(ledger.signers[name], ledger.index[name], NEXT.address)
    ledger.consortium.accept_signer(NEXT, 8)
    with refused(reverts.Consortium_SignerTaken, signer=NEXT.address):
        ledger.consortium.accept_signer(NEXT, 9)


def test_accept_signer_given_admitted_meanwhile_reverts(ledger: Ledger):
    ledger.consortium.nominate_signer(ledger.signers["B1"], 8, NEXT.address)
    ledger.consortium.admit(ledger.operator, [("N", NEXT.address, [Role.BROKER])])
    with refused(reverts.Consortium_SignerTaken, signer=NEXT.address):
        ledger.consortium.accept_signer(NEXT, 8)


def test_accept_signer_given_nominated_for_another_reverts(ledger: Ledger):
    ledger.consortium.nominate_signer(ledger.signers["B1"], 8, NEXT.address)
    with refused(reverts.Consortium_NotNominated, caller=NEXT.address, institution=9):
        ledger.consortium.accept_signer(NEXT, 9)


def test_accept_signer_when_anyone_else_reverts(ledger: Ledger):
    ledger.consortium.nominate_signer(ledger.signers["B1"], 8, NEXT.address)
    for name, caller in ledger.everyone_but():
        if name in ledger.signers:
            with refused(reverts.Consortium_SignerTaken, signer=caller.address):
                ledger.consortium.accept_signer(caller, 8)
        else:
            with refused(reverts.Consortium_NotNominated, caller=caller.address, institution=8):
                ledger.consortium.accept_signer(caller, 8)


def test_accept_signer_given_no_nomination_reverts(ledger: Ledger):
    with refused(reverts.Consortium_NotNominated, caller=NEXT.address, institution=8):
        ledger.consortium.accept_signer(NEXT, 8)


def test_accept_signer_given_suspended_institution_stays_suspended(ledger: Ledger):
    ledger.consortium.nominate_signer(ledger.signers["B1"], 8, NEXT.address)
    ledger.suspend("B1")
    ledger.consortium.accept_signer(NEXT, 8)
    assert ledger.consortium.call("institution", 8)[2] is True
    assert ledger.consortium.call("isActive", 8) is False
    with refused(reverts.Consortium_RoleRequired, caller=NEXT.address, role=Role.BROKER):
        ledger.consortium.call("actingAs", NEXT.address, Role.BROKER)


def test_accept_signer_given_holdings_moves_none(ledger: Ledger):
    ledger.issue({("B1", "S1"): 10, ("B1", "NPR"): 500})
    ledger.consortium.nominate_signer(ledger.signers["B1"], 8, NEXT.address)
    ledger.consortium.accept_signer(NEXT, 8)
    assert (ledger.balance("B1", "S1"), ledger.balance("B1", "NPR")) == (10, 500)
    ledger.register.transfer(NEXT, 8, 9, 1, 4)
    assert (ledger.balance("B1", "S1"), ledger.balance("B2", "S1")) == (6, 4)
    old = ledger.signers["B1"].address
    with refused(reverts.AssetRegister_NotSigner, caller=old):
        ledger.register.transfer(ledger.signers["B1"], 8, 9, 1, 4)


def test_accept_signer_given_replaced_when_it_returns(ledger: Ledger):
    old = ledger.signers["B1"]
    ledger.consortium.nominate_signer(old, 8, NEXT.address)
    ledger.consortium.accept_signer(NEXT, 8)
    ledger.consortium.nominate_signer(NEXT, 8, old.address)
    receipt = ledger.consortium.accept_signer(old, 8)
    assert ledger.facts(receipt) == changed(ledger, 8, NEXT, old)


@pytest.mark.parametrize("index", [0, 11, 65535])
def test_accept_signer_when_unknown_institution_reverts(ledger: Ledger, index: int):
    with refused(reverts.Consortium_UnknownInstitution, institution=index):
        ledger.consortium.accept_signer(ledger.outsider, index)
