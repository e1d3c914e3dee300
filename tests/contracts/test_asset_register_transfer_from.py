"""AssetRegister.transferFrom

given the signer of an active institution calls
├── when to another active institution, nothing up to all ─ moved; Transfer; true
├── when to its own account ─ as it was; Transfer
├── when more than held ─ BalanceOutOfRange, of its balance
├── when more than the receiver's balance can hold ─ cannot be: supply is not larger
├── when an unknown asset ─ UnknownAsset
├── when to the transit account, to an address that is no account ─ NotAccount
├── when to zero ─ ERC6909InvalidReceiver
├── when to an index not admitted, or suspended ─ Inactive
├── given a cycle is open ─ CycleOpen
└── given it is suspended ─ NotSigner
given anyone else calls
├── when something, when nothing ─ NotSigner
├── when of its own address ─ NotAccount
├── given its owner approves, who is no account ─ NotAccount
└── when of zero ─ ERC6909InvalidSender, or no allowance
"""

import pytest

from ledger import reverts
from ledger.accounts import Signer
from ledger.clients.consortium import account_of
from tests.contracts.stand_in import LARGEST_SECURITY, StandIn
from tests.contracts.support import Ledger, refused

NPR = 0x8001
B1, B2, B3 = 8, 9, 10
ZERO = "0x" + "00" * 20


@pytest.fixture
def funded(ledger: Ledger) -> Ledger:
    """B1 and B2 hold of each security of a slot, and cash."""
    ledger.issue({("B1", f"S{i}"): 10 * i for i in (4, 5, 6, 7)} | {("B1", "NPR"): 1_000}, "B1")
    ledger.issue({("B2", f"S{i}"): i for i in (4, 5, 6, 7)} | {("B2", "NPR"): 1}, "B2")
    return ledger


def send(ledger: Ledger, by: Signer, sender: str, receiver: str, asset: int, amount: int):
    return ledger.register.send(by, "transferFrom", sender, receiver, asset, amount)


def holdings(ledger: Ledger, *names: str) -> list[int]:
    return [ledger.balance(name, code) for name in names for code in ("S4", "S5", "S6", "S7", "NPR")]


def transferred(ledger: Ledger, receiver: int, asset: int, amount: int):
    arguments = {"caller": ledger.signers["B1"].address.lower(), "sender": account_of(B1).lower()}
    return [
        ("Transfer", arguments | {"receiver": account_of(receiver).lower(), "id": asset, "amount": amount})
    ]


@pytest.mark.parametrize("amount", [0, 1, 59, 60])
def test_transfer_from_security(funded: Ledger, amount: int):
    arguments = (account_of(B1), account_of(B2), 6, amount)
    signer = funded.signers["B1"]
    assert funded.register.call("transferFrom", *arguments, sender=signer.address) is True
    receipt = send(funded, signer, *arguments)
    assert funded.facts(receipt) == transferred(funded, B2, 6, amount)
    assert holdings(funded, "B1", "B2") == [40, 50, 60 - amount, 70, 1_000, 4, 5, 6 + amount, 7, 1]
    assert funded.register.call("totalSupply", 6) == 66


@pytest.mark.parametrize("amount", [0, 1, 1_000])
def test_transfer_from_cash(funded: Ledger, amount: int):
    receipt = funded.register.transfer(funded.signers["B1"], B1, B3, NPR, amount)
    assert funded.facts(receipt) == transferred(funded, B3, NPR, amount)
    assert holdings(funded, "B1", "B3") == [40, 50, 60, 70, 1_000 - amount, 0, 0, 0, 0, amount]


@pytest.mark.parametrize(("asset", "amount"), [(5, 50), (5, 20), (NPR, 1_000)])
def test_transfer_from_when_to_itself(funded: Ledger, asset: int, amount: int):
    receipt = funded.register.transfer(funded.signers["B1"], B1, B1, asset, amount)
    assert funded.facts(receipt) == transferred(funded, B1, asset, amount)
    assert holdings(funded, "B1") == [40, 50, 60, 70, 1_000]


@pytest.mark.parametrize("receiver", [B1, B2])
@pytest.mark.parametrize(("asset", "held"), [(5, 50), (8, 0), (NPR, 1_000)])
@pytest.mark.parametrize("more", [1, 2**64, 2**128, 2**254])
def test_transfer_from_when_more_than_held_reverts(
    funded: Ledger, asset: int, held: int, more: int, receiver: int
):
    operands = {"institution": B1, "asset": asset, "balance": held, "delta": -held - more}
    with refused(reverts.AssetRegister_BalanceOutOfRange, **operands):
        funded.register.transfer(funded.signers["B1"], B1, receiver, asset, held + more)
    assert holdings(funded, "B1", "B2") == [40, 50, 60, 70, 1_000, 4, 5, 6, 7, 1]


@pytest.mark.parametrize("amount", [2**255, 2**256 - 50, 2**256 - 1])
def test_transfer_from_when_more_than_a_delta_holds_reverts(funded: Ledger, amount: int):
    """As int256 such an amount is a payment from the receiver; it must not become one."""
    with pytest.raises(reverts.AssetRegister_BalanceOutOfRange) as caught:
        funded.register.transfer(funded.signers["B1"], B1, B2, 5, amount)
    error = caught.value.operands
    assert (error["institution"], error["asset"], error["balance"]) == (B1, 5, 50)
    assert error["delta"] < -(2**254)


def test_transfer_from_given_all_there_is(ledger: Ledger):
    ledger.issue({("B1", "S5"): LARGEST_SECURITY - 5, ("B2", "S5"): 5, ("B2", "S6"): 1, ("B2", "S4"): 1})
    ledger.register.transfer(ledger.signers["B1"], B1, B2, 5, LARGEST_SECURITY - 5)
    assert [ledger.balance("B2", f"S{i}") for i in (4, 5, 6, 7)] == [1, LARGEST_SECURITY, 1, 0]
    ledger.register.transfer(ledger.signers["B2"], B2, B3, 5, LARGEST_SECURITY)
    assert [ledger.balance("B2", f"S{i}") for i in (4, 5, 6, 7)] == [1, 0, 1, 0]


@pytest.mark.parametrize("asset", [0, 9, 0x8000, 0x8003, 0x10005, 2**16 + NPR, 2**256 - 1])
@pytest.mark.parametrize("amount", [0, 1])
def test_transfer_from_when_unknown_asset_reverts(funded: Ledger, asset: int, amount: int):
    with refused(reverts.AssetRegister_UnknownAsset, asset=asset):
        funded.register.transfer(funded.signers["B1"], B1, B2, asset, amount)


def test_transfer_from_when_to_no_account_reverts(funded: Ledger):
    other_prefix = hex(int(account_of(B2), 16) ^ 1 << 16)
    nobody = [account_of(0), funded.signers["B2"].address, funded.outsider.address, funded.register.address]
    for receiver in [*nobody, "0x" + other_prefix[2:].rjust(40, "0"), "0x" + "00" * 19 + "09"]:
        with refused(reverts.AssetRegister_NotAccount, account=receiver):
            send(funded, funded.signers["B1"], account_of(B1), receiver, 5, 10)


def test_transfer_from_when_to_zero_reverts(funded: Ledger):
    with refused(reverts.ERC6909InvalidReceiver, receiver=ZERO):
        send(funded, funded.signers["B1"], account_of(B1), ZERO, 5, 10)


@pytest.mark.parametrize("receiver", [11, 256, 65535])
def test_transfer_from_when_to_an_index_not_given_reverts(funded: Ledger, receiver: int):
    with refused(reverts.AssetRegister_Inactive, institution=receiver):
        funded.register.transfer(funded.signers["B1"], B1, receiver, 5, 10)


def test_transfer_from_given_suspended_receiver_reverts(funded: Ledger):
    funded.suspend("B2")
    with refused(reverts.AssetRegister_Inactive, institution=B2):
        funded.register.transfer(funded.signers["B1"], B1, B2, 5, 10)


def not_signer(caller: Signer):
    return refused(reverts.AssetRegister_NotSigner, caller=caller.address)


def no_allowance(caller: Signer, needed: int, asset: int = 5):
    operands = {"spender": caller.address, "allowance": 0, "needed": needed, "id": asset}
    return refused(reverts.ERC6909InsufficientAllowance, **operands)


def test_transfer_from_given_suspended_sender_reverts(funded: Ledger):
    funded.suspend("B1")
    with not_signer(funded.signers["B1"]):
        funded.register.transfer(funded.signers["B1"], B1, B2, 5, 10)


def test_transfer_from_given_suspended_sender_when_nothing_reverts(funded: Ledger):
    funded.suspend("B1")
    with not_signer(funded.signers["B1"]):
        funded.register.transfer(funded.signers["B1"], B1, B2, 5, 0)


@pytest.mark.parametrize("cycles", [1, 2**64 - 1])
def test_transfer_from_given_open_cycle_reverts(stand_in: StandIn, cycles: int):
    ledger = stand_in.ledger
    ledger.issue({("B1", "S5"): 50})
    stand_in.open_cycles(cycles)
    with refused(reverts.AssetRegister_CycleOpen):
        ledger.register.transfer(ledger.signers["B1"], B1, B2, 5, 10)
    stand_in.open_cycles(0)
    ledger.register.transfer(ledger.signers["B1"], B1, B2, 5, 10)
    assert stand_in.balances() == {(B1, 5): 40, (B2, 5): 10}


def test_transfer_from_given_open_cycle_of_the_clearing_house_reverts(funded: Ledger):
    funded.clearing_house.open_cycle(funded.signers["V"], funded.now + 3600)
    with refused(reverts.AssetRegister_CycleOpen):
        funded.register.transfer(funded.signers["B1"], B1, B2, 5, 10)
    funded.clearing_house.close_cycle(funded.signers["V"], 1)
    funded.register.transfer(funded.signers["B1"], B1, B2, 5, 10)


def test_transfer_from_when_anyone_else_reverts(funded: Ledger):
    for name, caller in funded.everyone_but("B1"):
        receiver = account_of(funded.index.get(name, B2))
        with not_signer(caller):
            send(funded, caller, account_of(B1), receiver, 5, 10)
    assert holdings(funded, "B1", "B2") == [40, 50, 60, 70, 1_000, 4, 5, 6, 7, 1]


def test_transfer_from_when_anyone_else_takes_nothing_reverts(funded: Ledger):
    """Nobody but its signer writes a Transfer of an institution's account, not even an empty one."""
    for _, caller in funded.everyone_but("B1"):
        with not_signer(caller):
            send(funded, caller, account_of(B1), account_of(B2), 5, 0)
    assert holdings(funded, "B1", "B2") == [40, 50, 60, 70, 1_000, 4, 5, 6, 7, 1]


def test_transfer_from_when_of_own_address_reverts(funded: Ledger):
    for _, caller in funded.everyone_but():
        for amount in (0, 10):
            with refused(reverts.AssetRegister_NotAccount, account=caller.address):
                send(funded, caller, caller.address, account_of(B2), 5, amount)


def test_transfer_from_given_approved_by_no_account_reverts(funded: Ledger):
    """An allowance or an operator of an address that holds nothing is worth nothing."""
    owner, spender = funded.signers["B1"], funded.outsider
    funded.register.send(owner, "approve", spender.address, 5, 100)
    funded.register.send(owner, "setOperator", spender.address, True)
    with refused(reverts.AssetRegister_NotAccount, account=owner.address):
        send(funded, spender, owner.address, account_of(B2), 5, 10)
    with not_signer(spender):
        send(funded, spender, account_of(B1), account_of(B2), 5, 10)


def test_transfer_from_when_of_zero_reverts(funded: Ledger):
    caller = funded.signers["B1"]
    with no_allowance(caller, 10):
        send(funded, caller, ZERO, account_of(B2), 5, 10)
    with refused(reverts.ERC6909InvalidSender, sender=ZERO):
        send(funded, caller, ZERO, account_of(B2), 5, 0)


def test_transfer_from_when_of_transit_reverts(funded: Ledger):
    for _, caller in funded.everyone_but():
        for amount in (0, 10):
            with not_signer(caller):
                send(funded, caller, account_of(0), account_of(B2), 5, amount)


def test_transfer_from_given_replaced_signer(funded: Ledger):
    old, new = funded.signers["B1"], Signer.from_seed("transfer", "new")
    funded.consortium.nominate_signer(old, B1, new.address)
    funded.consortium.accept_signer(new, B1)
    with not_signer(old):
        funded.register.transfer(old, B1, B2, 5, 10)
    funded.register.transfer(new, B1, B2, 5, 10)
    assert (funded.balance("B1", "S5"), funded.balance("B2", "S5")) == (40, 15)
