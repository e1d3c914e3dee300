"""AssetRegister.redeem

given the holder's signer calls
├── when up to all it holds ─ balance and supply fall; Transfer to zero, then Redeemed
├── when nothing ─ the same, of nothing
├── when more than it holds ─ BalanceOutOfRange
├── when an asset does not exist ─ UnknownAsset
├── given the reference was used by it ─ ReferenceUsed
├── given the issuer is suspended ─ redeemed
├── given a cycle is open ─ CycleOpen, and the reference is not used
└── given it is suspended ─ NotSigner
given anyone else calls ─ NotSigner if for no institution; else it redeems its own
"""

import pytest

from ledger import reverts
from ledger.clients.consortium import account_of
from tests.contracts.stand_in import LARGEST_SECURITY, StandIn
from tests.contracts.support import Ledger, bytes32, refused

REFERENCE = bytes32("reference")
NPR = 0x8001
B1 = 8


@pytest.fixture
def funded(ledger: Ledger) -> Ledger:
    """B1 holds some of each of the securities that share a slot, and cash; B2 likewise."""
    for name in ("B1", "B2"):
        holdings = {("S4", 40), ("S5", 50), ("S6", LARGEST_SECURITY // 2), ("S7", 70), ("NPR", 1_000)}
        ledger.issue({(name, code): amount for code, amount in holdings}, name)
    return ledger


def redeem(ledger: Ledger, asset: int, amount: int, by: str = "B1", reference: bytes = REFERENCE):
    return ledger.register.redeem(ledger.signers[by], reference, asset, amount)


def facts(ledger: Ledger, asset: int, issuer: int, amount: int):
    caller, sender = ledger.signers["B1"].address.lower(), account_of(B1).lower()
    transfer = {
        "caller": caller,
        "sender": sender,
        "receiver": "0x" + "00" * 20,
        "id": asset,
        "amount": amount,
    }
    redeemed = {"holder": B1, "instructionReference": REFERENCE, "asset": asset, "issuer": issuer}
    return [("Transfer", transfer), ("Redeemed", redeemed | {"amount": amount})]


@pytest.mark.parametrize("amount", [0, 1, 49, 50])
def test_redeem_security(funded: Ledger, amount: int):
    receipt = redeem(funded, 5, amount)
    assert funded.facts(receipt) == facts(funded, 5, 2, amount)
    assert [funded.balance("B1", f"S{i}") for i in (4, 5, 6, 7)] == [
        40,
        50 - amount,
        LARGEST_SECURITY // 2,
        70,
    ]
    assert funded.balance("B2", "S5") == 50
    assert funded.register.call("totalSupply", 5) == 100 - amount
    assert funded.register.call("referenceUsed", B1, REFERENCE) is True


@pytest.mark.parametrize("amount", [0, 1, 1_000])
def test_redeem_cash(funded: Ledger, amount: int):
    receipt = redeem(funded, NPR, amount)
    assert funded.facts(receipt) == facts(funded, NPR, 3, amount)
    assert (funded.balance("B1", "NPR"), funded.balance("B2", "NPR")) == (1_000 - amount, 1_000)
    assert funded.register.call("totalSupply", NPR) == 2_000 - amount


@pytest.mark.parametrize("amount", [51, 2**64, 2**128, 2**255 - 1])
def test_redeem_when_more_than_held_reverts(funded: Ledger, amount: int):
    operands = {"institution": B1, "asset": 5, "balance": 50, "delta": -amount}
    with refused(reverts.AssetRegister_BalanceOutOfRange, **operands):
        redeem(funded, 5, amount)
    assert funded.register.call("referenceUsed", B1, REFERENCE) is False


@pytest.mark.parametrize("amount", [2**255, 2**256 - 50, 2**256 - 1])
def test_redeem_when_more_than_a_delta_holds_reverts(funded: Ledger, amount: int):
    """As int256 such an amount is a credit; it must not become one."""
    with pytest.raises(reverts.AssetRegister_BalanceOutOfRange) as caught:
        redeem(funded, 5, amount)
    error = caught.value.operands
    assert (error["institution"], error["asset"], error["balance"]) == (B1, 5, 50)
    assert error["delta"] < -(2**254)


@pytest.mark.parametrize("asset", [0, 9, 0x8000, 0x8003, 0xFFFF])
def test_redeem_when_unknown_asset_reverts(funded: Ledger, asset: int):
    with refused(reverts.AssetRegister_UnknownAsset, asset=asset):
        redeem(funded, asset, 0)


def test_redeem_given_reference_used_reverts(funded: Ledger):
    redeem(funded, 5, 10)
    with refused(reverts.AssetRegister_ReferenceUsed, institution=B1, instructionReference=REFERENCE):
        redeem(funded, NPR, 1)


def test_redeem_given_reference_used_in_issue_reverts(funded: Ledger):
    funded.issue({("D", "S1"): 5, ("B", "NPR"): 5}, "own")
    with refused(reverts.AssetRegister_ReferenceUsed, institution=2, instructionReference=bytes32("own")):
        redeem(funded, 1, 1, by="D", reference=bytes32("own"))


def test_redeem_given_reference_of_another_institution(funded: Ledger):
    redeem(funded, 5, 10)
    redeem(funded, 5, 10, by="B2")
    assert funded.register.call("totalSupply", 5) == 80


def test_redeem_given_issuer_suspended(funded: Ledger):
    funded.suspend("D")
    redeem(funded, 5, 10)
    assert funded.balance("B1", "S5") == 40


def test_redeem_given_all_redeemed_when_issued_again(funded: Ledger):
    """Supply that was redeemed leaves room for new."""
    for name in ("B1", "B2"):
        redeem(funded, 6, LARGEST_SECURITY // 2, by=name)
    funded.issue({("B1", "S6"): LARGEST_SECURITY}, "again")
    assert funded.balance("B1", "S6") == funded.register.call("totalSupply", 6) == LARGEST_SECURITY


@pytest.mark.parametrize("cycles", [1, 2, 2**64 - 1])
def test_redeem_given_open_cycle_reverts(stand_in: StandIn, cycles: int):
    stand_in.ledger.issue({("B1", "S5"): 50})
    stand_in.open_cycles(cycles)
    with refused(reverts.AssetRegister_CycleOpen):
        redeem(stand_in.ledger, 5, 10)
    stand_in.open_cycles(0)
    redeem(stand_in.ledger, 5, 10)
    assert stand_in.balances() == {(B1, 5): 40}


def test_redeem_given_open_cycle_of_the_clearing_house_reverts(funded: Ledger):
    funded.clearing_house.open_cycle(funded.signers["V"], funded.now + 3600)
    with refused(reverts.AssetRegister_CycleOpen):
        redeem(funded, 5, 10)


def test_redeem_given_suspended_holder_reverts(funded: Ledger):
    funded.suspend("B1")
    with refused(reverts.AssetRegister_NotSigner, caller=funded.signers["B1"].address):
        redeem(funded, 5, 10)


def test_redeem_when_anyone_else_takes_nothing_of_others(funded: Ledger):
    """There is no holder to name: an institution's signer redeems its own, of which these have none."""
    for name, caller in funded.everyone_but("B1", "B2"):
        if name in funded.index:
            operands = {"institution": funded.index[name], "asset": 5, "balance": 0, "delta": -10}
            with refused(reverts.AssetRegister_BalanceOutOfRange, **operands):
                funded.register.redeem(caller, REFERENCE, 5, 10)
        else:
            with refused(reverts.AssetRegister_NotSigner, caller=caller.address):
                funded.register.redeem(caller, REFERENCE, 5, 10)
