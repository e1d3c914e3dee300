"""AssetRegister.listSecurities

given a depository calls
├── when codes ─ the next indexes, in order, the first is returned; AssetListed each; whole units, no supply
├── when none ─ nothing
├── when a code is empty, a security's or a currency's, or twice in the list ─ CodeTaken, none listed
├── when one more than 32,767 securities ─ Full
└── given another depository listed before ─ the issuer is who lists
given anyone else calls, a suspended depository included ─ Consortium_RoleRequired
"""

import pytest

from ledger import reverts
from ledger.accounts import Signer
from ledger.clients.consortium import Role
from tests.contracts.support import Ledger, bytes32, refused

MAX_SECURITIES = 0x7FFF


def list_securities(ledger: Ledger, *codes: bytes, by: Signer | None = None):
    return ledger.register.send(by or ledger.signers["D"], "listSecurities", list(codes))


def listed(asset: int, code: bytes, issuer: int):
    return ("AssetListed", {"asset": asset, "code": code, "issuer": issuer, "decimals": 0})


def test_list_securities(ledger: Ledger):
    codes = [bytes32("N"), b"\xff" * 32]
    first = ledger.register.call("listSecurities", codes, sender=ledger.signers["D"].address)
    receipt = list_securities(ledger, *codes)
    assert first == 9
    assert ledger.facts(receipt) == [listed(9, codes[0], 2), listed(10, codes[1], 2)]
    call = ledger.register.call
    assert call("securityCount") == 10
    assert [call("asset", index) for index in (9, 10)] == [(code, 2, 0, 0) for code in codes]
    assert [call("assetCoded", code) for code in codes] == [9, 10]
    assert call("currencyCount") == 2


def test_list_securities_when_none(ledger: Ledger):
    assert ledger.register.call("listSecurities", [], sender=ledger.signers["D"].address) == 9
    assert ledger.facts(list_securities(ledger)) == []
    assert ledger.register.call("securityCount") == 8


@pytest.mark.parametrize(
    "code", [bytes(32), bytes32("S8"), bytes32("NPR")], ids=["empty", "security", "currency"]
)
def test_list_securities_when_code_taken_reverts(ledger: Ledger, code: bytes):
    with refused(reverts.AssetRegister_CodeTaken, code=code):
        list_securities(ledger, bytes32("N"), code)
    assert ledger.register.call("securityCount") == 8
    assert ledger.register.call("assetCoded", bytes32("N")) == 0


def test_list_securities_when_code_twice_reverts(ledger: Ledger):
    with refused(reverts.AssetRegister_CodeTaken, code=bytes32("N")):
        list_securities(ledger, bytes32("N"), bytes32("M"), bytes32("N"))


def test_list_securities_given_eight_when_as_many_as_there_are_indexes(ledger: Ledger):
    """The last index is 0x7FFF. An empty code ends the long list where it begins: at the next check."""
    rest = MAX_SECURITIES - 8
    with refused(reverts.AssetRegister_Full):
        list_securities(ledger, *[bytes(32)] * (rest + 1))
    with refused(reverts.AssetRegister_CodeTaken, code=bytes(32)):
        list_securities(ledger, *[bytes(32)] * rest)


def test_list_securities_when_more_than_a_counter_holds_reverts(ledger: Ledger):
    """65,536 and a few more must not wrap around to a few."""
    with refused(reverts.AssetRegister_Full):
        list_securities(ledger, *[bytes32("N")] * 65_530)


def test_list_securities_given_two_depositories(ledger: Ledger):
    ledger.admit("D2", Role.DEPOSITORY)
    receipt = list_securities(ledger, bytes32("N"), by=ledger.signers["D2"])
    assert ledger.facts(receipt) == [listed(9, bytes32("N"), 11)]
    assert ledger.register.call("asset", 9)[1] == 11
    assert ledger.register.call("asset", 8)[1] == 2


def test_list_securities_when_anyone_else_reverts(ledger: Ledger):
    for _, caller in ledger.everyone_but("D"):
        with refused(reverts.Consortium_RoleRequired, caller=caller.address, role=Role.DEPOSITORY):
            list_securities(ledger, bytes32("N"), by=caller)


def test_list_securities_given_suspended_depository_reverts(ledger: Ledger):
    ledger.suspend("D")
    with refused(reverts.Consortium_RoleRequired, caller=ledger.signers["D"].address, role=Role.DEPOSITORY):
        list_securities(ledger, bytes32("N"))
