"""Consortium.withdrawNomination

given the signer calls ─ its own and the operator's nomination are withdrawn; NominationWithdrawn
given the operator calls ─ its own is withdrawn, the signer's stands
given none is open ─ nothing but the event
given one for another institution ─ it stands
given anyone else calls, the nominee included ─ NotSigner
when no institution has the index ─ UnknownInstitution
"""

import pytest

from ledger import reverts
from ledger.accounts import Signer
from tests.contracts.support import Ledger, refused

OWN = Signer.from_seed("withdraw", "own")
RECOVERY = Signer.from_seed("withdraw", "recovery")
TWO_DAYS_S = 172_800


@pytest.fixture
def nominated(ledger: Ledger) -> Ledger:
    """B1 has nominated OWN, the operator RECOVERY, and the delay is over."""
    ledger.consortium.nominate_signer(ledger.operator, 8, RECOVERY.address)
    ledger.consortium.nominate_signer(ledger.signers["B1"], 8, OWN.address)
    ledger.at(ledger.now + TWO_DAYS_S)
    return ledger


def withdrawn(by: Signer):
    return [("NominationWithdrawn", {"institution": 8, "by": by.address.lower()})]


def test_withdraw_nomination_when_signer_withdraws_both(nominated: Ledger):
    signer = nominated.signers["B1"]
    receipt = nominated.consortium.withdraw_nomination(signer, 8)
    assert nominated.facts(receipt) == withdrawn(signer)
    for nominee in (OWN, RECOVERY):
        with refused(reverts.Consortium_NotNominated, caller=nominee.address, institution=8):
            nominated.consortium.accept_signer(nominee, 8)


def test_withdraw_nomination_when_operator_withdraws_its_own(nominated: Ledger):
    receipt = nominated.consortium.withdraw_nomination(nominated.operator, 8)
    assert nominated.facts(receipt) == withdrawn(nominated.operator)
    with refused(reverts.Consortium_NotNominated, caller=RECOVERY.address, institution=8):
        nominated.consortium.accept_signer(RECOVERY, 8)
    nominated.consortium.accept_signer(OWN, 8)


def test_withdraw_nomination_given_none(ledger: Ledger):
    receipt = ledger.consortium.withdraw_nomination(ledger.signers["B1"], 8)
    assert ledger.facts(receipt) == withdrawn(ledger.signers["B1"])
    assert ledger.consortium.call("institutionOf", ledger.signers["B1"].address) == 8


def test_withdraw_nomination_given_other_institutions_leaves_it(nominated: Ledger):
    nominated.consortium.withdraw_nomination(nominated.signers["B2"], 9)
    nominated.consortium.withdraw_nomination(nominated.operator, 9)
    nominated.consortium.accept_signer(RECOVERY, 8)


def test_withdraw_nomination_given_suspended_institution(nominated: Ledger):
    """It still keeps others from its account."""
    nominated.suspend("B1")
    nominated.consortium.withdraw_nomination(nominated.signers["B1"], 8)
    with refused(reverts.Consortium_NotNominated, caller=RECOVERY.address, institution=8):
        nominated.consortium.accept_signer(RECOVERY, 8)


def test_withdraw_nomination_given_withdrawn_when_nominated_again(nominated: Ledger):
    nominated.consortium.withdraw_nomination(nominated.signers["B1"], 8)
    nominated.consortium.nominate_signer(nominated.signers["B1"], 8, OWN.address)
    nominated.consortium.accept_signer(OWN, 8)


def test_withdraw_nomination_when_anyone_else_reverts(nominated: Ledger):
    callers = [caller for _, caller in nominated.everyone_but("operator", "B1")]
    for caller in [*callers, OWN, RECOVERY]:
        with refused(reverts.Consortium_NotSigner, caller=caller.address, institution=8):
            nominated.consortium.withdraw_nomination(caller, 8)


@pytest.mark.parametrize("index", [0, 11, 65535])
def test_withdraw_nomination_when_unknown_institution_reverts(ledger: Ledger, index: int):
    with refused(reverts.Consortium_UnknownInstitution, institution=index):
        ledger.consortium.withdraw_nomination(ledger.operator, index)
