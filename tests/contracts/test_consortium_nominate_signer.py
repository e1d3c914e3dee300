"""Consortium.nominateSigner

given the institution's signer calls
├── when an address that acts for nobody ─ acceptable from now; SignerNominated
├── when again ─ the newer nomination replaces the older
├── when zero or an institution's signer, its own included ─ SignerTaken
├── given it is the operator too ─ acceptable from now
└── given its institution is suspended ─ a key is not a sanction: nominated
given the operator calls
├── when any institution ─ acceptable after RECOVERY_DELAY, two days
└── given the signer nominated too ─ both stand
given anyone else calls ─ NotSigner
when no institution has the index ─ UnknownInstitution
"""

import pytest

from ledger import reverts
from ledger.accounts import Signer
from tests.contracts.support import Ledger, refused

NEXT = Signer.from_seed("nominate", "next")
OTHER = Signer.from_seed("nominate", "other")
TWO_DAYS_S = 172_800


def nominated(signer: Signer, since: int, by: Signer, institution: int = 8):
    arguments = {"institution": institution, "signer": signer.address.lower()}
    return [("SignerNominated", arguments | {"acceptableFrom": since, "by": by.address.lower()})]


def test_nominate_signer_when_signer(ledger: Ledger):
    old = ledger.signers["B1"]
    receipt = ledger.consortium.nominate_signer(old, 8, NEXT.address)
    assert ledger.facts(receipt) == nominated(NEXT, ledger.now, old)
    assert ledger.consortium.call("institutionOf", NEXT.address) == 0
    assert ledger.consortium.call("institutionOf", old.address) == 8


def test_nominate_signer_when_operator(ledger: Ledger):
    receipt = ledger.consortium.nominate_signer(ledger.operator, 8, NEXT.address)
    assert ledger.facts(receipt) == nominated(NEXT, ledger.now + TWO_DAYS_S, ledger.operator)
    assert ledger.consortium.call("institutionOf", NEXT.address) == 0


def test_nominate_signer_given_nominated_when_again_replaces(ledger: Ledger):
    for nominee in (NEXT, OTHER):
        ledger.consortium.nominate_signer(ledger.signers["B1"], 8, nominee.address)
    with refused(reverts.Consortium_NotNominated, caller=NEXT.address, institution=8):
        ledger.consortium.accept_signer(NEXT, 8)
    ledger.consortium.accept_signer(OTHER, 8)


def test_nominate_signer_given_operator_nominated_when_again_starts_the_delay_anew(ledger: Ledger):
    ledger.consortium.nominate_signer(ledger.operator, 8, NEXT.address)
    ledger.at(ledger.now + TWO_DAYS_S - 10)
    ledger.consortium.nominate_signer(ledger.operator, 8, OTHER.address)
    start = ledger.now
    ledger.at(start + 60)
    with refused(reverts.Consortium_NotNominated, caller=NEXT.address, institution=8):
        ledger.consortium.accept_signer(NEXT, 8)
    with refused(reverts.Consortium_TooEarly, institution=8, acceptableFrom=start + TWO_DAYS_S):
        ledger.consortium.accept_signer(OTHER, 8)


@pytest.mark.parametrize("by", ["operator", "B1"])
def test_nominate_signer_when_taken_reverts(ledger: Ledger, by: str):
    caller = ledger.operator if by == "operator" else ledger.signers[by]
    taken = ["0x" + "00" * 20, ledger.signers["B1"].address, ledger.signers["B2"].address]
    for address in taken:
        with refused(reverts.Consortium_SignerTaken, signer=address):
            ledger.consortium.nominate_signer(caller, 8, address)


def test_nominate_signer_given_operator_is_the_signer(ledger: Ledger):
    caller = ledger.signers["B1"]
    ledger.consortium.send(ledger.operator, "transferOwnership", caller.address)
    ledger.consortium.send(caller, "acceptOwnership")
    own = ledger.consortium.nominate_signer(caller, 8, NEXT.address)
    assert ledger.facts(own) == nominated(NEXT, ledger.now, caller)
    others = ledger.consortium.nominate_signer(caller, 9, OTHER.address)
    assert ledger.facts(others) == nominated(OTHER, ledger.now + TWO_DAYS_S, caller, institution=9)


def test_nominate_signer_given_suspended_institution(ledger: Ledger):
    ledger.suspend("B1")
    receipt = ledger.consortium.nominate_signer(ledger.signers["B1"], 8, NEXT.address)
    assert ledger.facts(receipt) == nominated(NEXT, ledger.now, ledger.signers["B1"])


def test_nominate_signer_when_anyone_else_reverts(ledger: Ledger):
    for _, caller in ledger.everyone_but("operator", "B1"):
        with refused(reverts.Consortium_NotSigner, caller=caller.address, institution=8):
            ledger.consortium.nominate_signer(caller, 8, NEXT.address)


def test_nominate_signer_given_replaced_signer_reverts(ledger: Ledger):
    ledger.consortium.nominate_signer(ledger.signers["B1"], 8, NEXT.address)
    ledger.consortium.accept_signer(NEXT, 8)
    with refused(reverts.Consortium_NotSigner, caller=ledger.signers["B1"].address, institution=8):
        ledger.consortium.nominate_signer(ledger.signers["B1"], 8, OTHER.address)


@pytest.mark.parametrize("index", [0, 11, 65535])
def test_nominate_signer_when_unknown_institution_reverts(ledger: Ledger, index: int):
    """Index 0 above all: there `institutionOf` of every outsider would match."""
    for caller in (ledger.operator, ledger.outsider):
        with refused(reverts.Consortium_UnknownInstitution, institution=index):
            ledger.consortium.nominate_signer(caller, index, NEXT.address)
