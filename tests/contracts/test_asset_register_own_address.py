"""AssetRegister.transfer, approve, setOperator: for the caller's own address, which is no account

transfer ─ anyone, any asset and amount, to any account ─ NotAccount of the caller; nothing moves
├── when an unknown asset ─ UnknownAsset
├── when to zero ─ ERC6909InvalidReceiver
└── given a cycle is open ─ CycleOpen
approve ─ allowance of the caller's address; Approval; no account's allowance changes
└── when the spender is zero ─ ERC6909InvalidSpender
setOperator ─ operator of the caller's address; OperatorSet; no account's operator changes
└── when the spender is zero ─ ERC6909InvalidSpender
"""

import pytest

from ledger import reverts
from ledger.clients.consortium import account_of
from tests.contracts.stand_in import StandIn
from tests.contracts.support import Ledger, refused

NPR = 0x8001
B1, B2 = 8, 9
ZERO = "0x" + "00" * 20


@pytest.mark.parametrize("amount", [0, 1, 2**256 - 1])
def test_transfer_by_anyone_reverts(ledger: Ledger, amount: int):
    ledger.issue({(name, code): 100 for name in ledger.index for code in ("S5", "NPR")})
    for _, caller in ledger.everyone_but():
        for receiver in (account_of(B2), caller.address):
            with refused(reverts.AssetRegister_NotAccount, account=caller.address):
                ledger.register.send(caller, "transfer", receiver, 5, amount)
    assert {ledger.balance(name, code) for name in ledger.index for code in ("S5", "NPR")} == {100}


@pytest.mark.parametrize("asset", [0, 9, 0x8000, 0x8003, 2**16 + 5, 2**256 - 1])
def test_transfer_when_unknown_asset_reverts(ledger: Ledger, asset: int):
    with refused(reverts.AssetRegister_UnknownAsset, asset=asset):
        ledger.register.send(ledger.signers["B1"], "transfer", account_of(B2), asset, 0)


def test_transfer_when_to_zero_reverts(ledger: Ledger):
    with refused(reverts.ERC6909InvalidReceiver, receiver=ZERO):
        ledger.register.send(ledger.signers["B1"], "transfer", ZERO, 5, 0)


def test_transfer_given_open_cycle_reverts(stand_in: StandIn):
    stand_in.open_cycles(1)
    with refused(reverts.AssetRegister_CycleOpen):
        stand_in.register.send(stand_in.ledger.outsider, "transfer", account_of(B2), 5, 0)


def test_approve_by_anyone_moves_nothing(ledger: Ledger):
    ledger.issue({("B1", "S5"): 100})
    spender = ledger.signers["P"].address
    for _, caller in ledger.everyone_but("P"):
        assert ledger.register.call("approve", spender, 5, 70, sender=caller.address) is True
        receipt = ledger.register.send(caller, "approve", spender, 5, 70)
        arguments = {"owner": caller.address.lower(), "spender": spender.lower(), "id": 5, "amount": 70}
        assert ledger.facts(receipt) == [("Approval", arguments)]
        assert ledger.register.call("allowance", caller.address, spender, 5) == 70
    allowances = {ledger.register.call("allowance", account_of(i), spender, 5) for i in range(12)}
    assert allowances == {0}
    with refused(reverts.AssetRegister_NotSigner, caller=spender):
        ledger.register.transfer(ledger.signers["P"], B1, B2, 5, 1)


def test_approve_when_zero_reverts(ledger: Ledger):
    with refused(reverts.ERC6909InvalidSpender, spender=ZERO):
        ledger.register.send(ledger.signers["B1"], "approve", ZERO, 5, 70)


@pytest.mark.parametrize("approved", [True, False])
def test_set_operator_by_anyone_moves_nothing(ledger: Ledger, approved: bool):
    ledger.issue({("B1", "S5"): 100})
    spender = ledger.signers["P"].address
    for _, caller in ledger.everyone_but("P"):
        assert ledger.register.call("setOperator", spender, approved, sender=caller.address) is True
        receipt = ledger.register.send(caller, "setOperator", spender, approved)
        arguments = {"owner": caller.address.lower(), "spender": spender.lower(), "approved": approved}
        assert ledger.facts(receipt) == [("OperatorSet", arguments)]
        assert ledger.register.call("isOperator", caller.address, spender) is approved
    operated = {i for i in range(12) if ledger.register.call("isOperator", account_of(i), spender)}
    assert operated == {ledger.index["P"]}
    with refused(reverts.AssetRegister_NotSigner, caller=spender):
        ledger.register.transfer(ledger.signers["P"], B1, B2, 5, 1)


def test_set_operator_when_zero_reverts(ledger: Ledger):
    with refused(reverts.ERC6909InvalidSpender, spender=ZERO):
        ledger.register.send(ledger.signers["B1"], "setOperator", ZERO, True)
