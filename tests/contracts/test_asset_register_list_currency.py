"""AssetRegister.listCurrency

given a settlement bank calls
├── when a code ─ the next index from 0x8001, returned; AssetListed; its issuer is the bank
├── when a code is empty, a currency's or a security's ─ CodeTaken
├── given 32,767 currencies ─ Full
└── given another bank's currencies ─ the next index all the same
given anyone else calls, a suspended bank included ─ Consortium_RoleRequired
"""

import pytest

from ledger import reverts
from ledger.accounts import Signer
from ledger.chain.anvil import AnvilEngine
from ledger.clients.consortium import Role
from tests.contracts.support import Ledger, bytes32, refused


def list_currency(ledger: Ledger, code: bytes, decimals: int = 2, by: Signer | None = None):
    return ledger.register.send(by or ledger.signers["B"], "listCurrency", code, decimals)


@pytest.mark.parametrize("decimals", [0, 3, 255])
def test_list_currency(ledger: Ledger, decimals: int):
    bank = ledger.signers["B"].address
    assert ledger.register.call("listCurrency", bytes32("KWD"), decimals, sender=bank) == 0x8003
    receipt = list_currency(ledger, bytes32("KWD"), decimals)
    arguments = {"asset": 0x8003, "code": bytes32("KWD"), "issuer": 3, "decimals": decimals}
    assert ledger.facts(receipt) == [("AssetListed", arguments)]
    call = ledger.register.call
    assert (call("currencyCount"), call("securityCount")) == (3, 8)
    assert call("asset", 0x8003) == (bytes32("KWD"), 3, decimals, 0)
    assert call("assetCoded", bytes32("KWD")) == 0x8003
    assert call("isCurrency", 0x8003) is True


@pytest.mark.parametrize(
    "code", [bytes(32), bytes32("NPR"), bytes32("S1")], ids=["empty", "currency", "security"]
)
def test_list_currency_when_code_taken_reverts(ledger: Ledger, code: bytes):
    with refused(reverts.AssetRegister_CodeTaken, code=code):
        list_currency(ledger, code)
    assert ledger.register.call("currencyCount") == 2


def test_list_currency_given_two_banks(ledger: Ledger):
    ledger.admit("C", Role.SETTLEMENT_BANK)
    list_currency(ledger, bytes32("EUR"), by=ledger.signers["C"])
    assert ledger.register.call("asset", 0x8003)[1] == 11


def test_list_currency_given_32767_reverts(ledger: Ledger):
    """Where the count can be put straight into storage; it shares a slot with that of the securities."""
    engine = ledger.chain.engine
    if not isinstance(engine, AnvilEngine):
        pytest.skip("only anvil can set a count of 32,767 without listing as many")
    ask, at = engine._ask, ledger.register.address
    slots = {slot: int(ask("eth_getStorageAt", at, hex(slot), "latest"), 16) for slot in range(12)}
    (slot,) = (slot for slot, word in slots.items() if word == 2 << 16 | 8)
    ask("anvil_setStorageAt", at, hex(slot), "0x" + (0x7FFE << 16 | 8).to_bytes(32, "big").hex())
    ledger.facts(list_currency(ledger, bytes32("EUR")))
    assert ledger.register.call("assetCoded", bytes32("EUR")) == 0xFFFF
    with refused(reverts.AssetRegister_Full):
        list_currency(ledger, bytes32("KWD"))


def test_list_currency_when_anyone_else_reverts(ledger: Ledger):
    for _, caller in ledger.everyone_but("B"):
        with refused(reverts.Consortium_RoleRequired, caller=caller.address, role=Role.SETTLEMENT_BANK):
            list_currency(ledger, bytes32("EUR"), by=caller)


def test_list_currency_given_suspended_bank_reverts(ledger: Ledger):
    ledger.suspend("B")
    caller = ledger.signers["B"].address
    with refused(reverts.Consortium_RoleRequired, caller=caller, role=Role.SETTLEMENT_BANK):
        list_currency(ledger, bytes32("EUR"))
