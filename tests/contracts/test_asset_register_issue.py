"""AssetRegister.issue

given the issuer of every asset named calls
├── when credits ─ balances and supply rise; a Transfer from zero each, then Issued
├── when none ─ Issued, of nothing
├── when in another order, or an institution twice ─ the same balances
├── given the reference was used by it, in an issue or a redemption ─ ReferenceUsed
├── given another institution used the reference ─ issued
├── when an asset is another's ─ NotIssuer
├── when an asset does not exist, 0 included, wherever in the list ─ UnknownAsset
├── when a holder is suspended, not admitted, or the transit account ─ Inactive
├── when a delta is zero or negative ─ NotCredit
├── when a security's balance would pass the largest ─ BalanceOutOfRange, with the balance it has by then
├── when supply would pass the largest ─ SupplyOutOfRange
├── when one of several is wrong ─ nothing is issued and the reference is not used
└── given a cycle is open ─ issued
given anyone else calls ─ NotSigner if for no active institution, else NotIssuer
"""

import pytest

from ledger import reverts
from ledger.accounts import Signer
from ledger.clients.consortium import Role, account_of
from ledger.errors import Reverted
from tests.contracts.stand_in import LARGEST_CURRENCY, LARGEST_SECURITY, StandIn
from tests.contracts.support import Ledger, bytes32, movement, refused

REFERENCE = bytes32("reference")
NPR = 0x8001
B1, B2, B3 = 8, 9, 10
INT128_MAX = 2**127 - 1
INT128_MIN = -(2**127)


def issue(ledger: Ledger, *movements: tuple[int, int, int], by: str = "D", reference: bytes = REFERENCE):
    words = [movement(*each) for each in movements]
    return ledger.register.issue(ledger.signers[by], reference, words)


def transfer(ledger: Ledger, by: str, asset: int, holder: int, amount: int):
    arguments = {"caller": ledger.signers[by].address.lower(), "id": asset, "amount": amount}
    return ("Transfer", arguments | {"sender": "0x" + "00" * 20, "receiver": account_of(holder).lower()})


def issued(issuer: int, movements: int, reference: bytes = REFERENCE):
    arguments = {"issuer": issuer, "instructionReference": reference, "movements": movements}
    return ("Issued", arguments)


def supply(ledger: Ledger, asset: int) -> int:
    return ledger.register.call("asset", asset)[3]


def test_issue_securities(ledger: Ledger):
    receipt = issue(ledger, (1, B1, 7), (3, B1, 5), (1, B2, 2), (4, B1, LARGEST_SECURITY))
    expected = [(1, B1, 7), (3, B1, 5), (1, B2, 2), (4, B1, LARGEST_SECURITY)]
    assert ledger.facts(receipt) == [*(transfer(ledger, "D", *each) for each in expected), issued(2, 4)]
    balances = {(h, a): ledger.register.balance_of(h, a) for h in range(12) for a in range(1, 9)}
    assert {key: b for key, b in balances.items() if b} == {(h, a): q for a, h, q in expected}
    assert [supply(ledger, a) for a in range(1, 9)] == [9, 0, 5, LARGEST_SECURITY, 0, 0, 0, 0]
    assert ledger.register.call("referenceUsed", 2, REFERENCE) is True


def test_issue_cash(ledger: Ledger):
    receipt = issue(ledger, (NPR, B1, INT128_MAX), (NPR, B2, 1), by="B")
    transfers = [transfer(ledger, "B", NPR, B1, INT128_MAX), transfer(ledger, "B", NPR, B2, 1)]
    assert ledger.facts(receipt) == [*transfers, issued(3, 2)]
    assert (ledger.balance("B1", "NPR"), ledger.balance("B2", "NPR")) == (INT128_MAX, 1)
    assert (supply(ledger, NPR), supply(ledger, 0x8002)) == (2**127, 0)


def test_issue_when_none_reverts(ledger: Ledger):
    with refused(reverts.AssetRegister_NothingToIssue):
        issue(ledger)


def test_issue_when_in_any_order_or_twice(ledger: Ledger):
    rows = [(8, B2, 1), (1, B3, 2), (5, B1, 3), (1, B1, 4), (2, B3, 5), (1, B3, 6), (5, B1, 7), (8, B1, 8)]
    receipt = issue(ledger, *rows)
    assert ledger.facts(receipt) == [*(transfer(ledger, "D", *row) for row in rows), issued(2, 8)]
    found = {(h, a): ledger.register.balance_of(h, a) for h in (B1, B2, B3) for a in range(1, 9)}
    expected = {(B2, 8): 1, (B3, 1): 8, (B1, 5): 10, (B1, 1): 4, (B3, 2): 5, (B1, 8): 8}
    assert {key: balance for key, balance in found.items() if balance} == expected
    assert [supply(ledger, a) for a in (1, 2, 5, 8)] == [12, 5, 10, 9]


def test_issue_given_holdings_adds(ledger: Ledger):
    for reference in ("a", "b"):
        issue(ledger, (1, B1, 7), (2, B1, 9), reference=bytes32(reference))
    assert (ledger.balance("B1", "S1"), ledger.balance("B1", "S2"), supply(ledger, 1)) == (14, 18, 14)


def test_issue_given_reference_used_reverts(ledger: Ledger):
    issue(ledger, (1, B1, 7))
    with refused(reverts.AssetRegister_ReferenceUsed, institution=2, instructionReference=REFERENCE):
        issue(ledger, (2, B2, 1))


def test_issue_given_reference_used_in_redemption_reverts(ledger: Ledger):
    issue(ledger, (1, 2, 7), reference=bytes32("own"))
    ledger.register.redeem(ledger.signers["D"], REFERENCE, 1, 3)
    with refused(reverts.AssetRegister_ReferenceUsed, institution=2, instructionReference=REFERENCE):
        issue(ledger, (1, B1, 7))


def test_issue_given_reference_of_another_institution(ledger: Ledger):
    issue(ledger, (1, B1, 7))
    issue(ledger, (NPR, B1, 7), by="B")
    assert ledger.register.call("referenceUsed", 3, REFERENCE) is True


def test_issue_when_another_issuers_asset_reverts(ledger: Ledger):
    with refused(reverts.AssetRegister_NotIssuer, institution=2, asset=NPR):
        issue(ledger, (1, B1, 7), (NPR, B1, 7))
    with refused(reverts.AssetRegister_NotIssuer, institution=3, asset=4):
        issue(ledger, (NPR, B1, 7), (4, B1, 7), by="B")
    assert (ledger.balance("B1", "S1"), ledger.balance("B1", "NPR")) == (0, 0)


def test_issue_given_two_depositories_when_the_others_reverts(ledger: Ledger):
    ledger.admit("D2", Role.DEPOSITORY)
    with refused(reverts.AssetRegister_NotIssuer, institution=11, asset=1):
        issue(ledger, (1, B1, 7), by="D2")


@pytest.mark.parametrize("asset", [0, 9, 11, 0x7FFF, 0x8000, 0x8003, 0xFFFF])
@pytest.mark.parametrize("before", [(), ((1, B1, 7),)])
def test_issue_when_unknown_asset_reverts(ledger: Ledger, asset: int, before):
    with refused(reverts.AssetRegister_UnknownAsset, asset=asset):
        issue(ledger, *before, (asset, B1, 7))


@pytest.mark.parametrize("holder", [0, 11, 255, 256, 65535])
def test_issue_when_holder_unknown_reverts(ledger: Ledger, holder: int):
    with refused(reverts.AssetRegister_Inactive, institution=holder):
        issue(ledger, (1, B1, 7), (1, holder, 7))


def test_issue_given_suspended_holder_reverts(ledger: Ledger):
    ledger.suspend("B1")
    with refused(reverts.AssetRegister_Inactive, institution=B1):
        issue(ledger, (1, B1, 7))


@pytest.mark.parametrize("delta", [0, -1, INT128_MIN])
@pytest.mark.parametrize("asset", [1, NPR])
def test_issue_when_no_credit_reverts(ledger: Ledger, asset: int, delta: int):
    by = "D" if asset == 1 else "B"
    issue(ledger, (asset, B1, 100), by=by, reference=bytes32("before"))
    with refused(reverts.AssetRegister_NotCredit, institution=B1, asset=asset, delta=delta):
        issue(ledger, (asset, B2, 7), (asset, B1, delta), by=by)


@pytest.mark.parametrize("delta", [1, LARGEST_SECURITY, LARGEST_SECURITY + 1, INT128_MAX])
def test_issue_given_largest_security_balance_reverts(ledger: Ledger, delta: int):
    issue(ledger, (6, B1, LARGEST_SECURITY), reference=bytes32("before"))
    operands = {"institution": B1, "asset": 6, "balance": LARGEST_SECURITY, "delta": delta}
    with refused(reverts.AssetRegister_BalanceOutOfRange, **operands):
        issue(ledger, (6, B1, delta))
    assert [ledger.register.balance_of(B1, a) for a in (4, 5, 6, 7)] == [0, 0, LARGEST_SECURITY, 0]


@pytest.mark.parametrize("delta", [LARGEST_SECURITY + 1, 2**65, INT128_MAX])
def test_issue_given_nothing_when_above_largest_reverts(ledger: Ledger, delta: int):
    operands = {"institution": B1, "asset": 5, "balance": 0, "delta": delta}
    with refused(reverts.AssetRegister_BalanceOutOfRange, **operands):
        issue(ledger, (5, B1, delta))


def test_issue_given_largest_currency_balance_reverts(ledger: Ledger):
    for reference, delta in (("a", INT128_MAX), ("b", INT128_MAX), ("c", 1)):
        issue(ledger, (NPR, B1, delta), by="B", reference=bytes32(reference))
    assert ledger.balance("B1", "NPR") == supply(ledger, NPR) == LARGEST_CURRENCY
    passed = {"asset": NPR, "supply": LARGEST_CURRENCY + 1}
    unheld = {"institution": B1, "asset": NPR, "balance": LARGEST_CURRENCY, "delta": 1}
    with pytest.raises(Reverted) as caught:
        issue(ledger, (NPR, B1, 1), by="B")
    # Both are true, and the interface does not say which is told.
    assert (type(caught.value), caught.value.operands) in [
        (reverts.AssetRegister_SupplyOutOfRange, passed),
        (reverts.AssetRegister_BalanceOutOfRange, unheld),
    ]
    assert ledger.balance("B1", "NPR") == LARGEST_CURRENCY


def test_issue_when_credited_twice_above_largest_reverts_with_the_balance_by_then(ledger: Ledger):
    operands = {"institution": B1, "asset": 5, "balance": LARGEST_SECURITY, "delta": 1}
    with refused(reverts.AssetRegister_BalanceOutOfRange, **operands):
        issue(ledger, (5, B1, LARGEST_SECURITY), (5, B1, 1))


@pytest.mark.parametrize(("asset", "largest"), [(5, LARGEST_SECURITY), (NPR, LARGEST_CURRENCY)])
def test_issue_when_supply_above_largest_reverts(ledger: Ledger, asset: int, largest: int):
    by, half = ("D", largest // 2) if asset == 5 else ("B", INT128_MAX)
    issue(ledger, (asset, B1, half), (asset, B2, half), (asset, B3, 1), by=by, reference=bytes32("before"))
    assert supply(ledger, asset) == largest
    with refused(reverts.AssetRegister_SupplyOutOfRange, asset=asset, supply=largest + 5):
        issue(ledger, (asset, B3, 3), (asset, 4, 2), by=by)


def test_issue_when_one_of_several_is_wrong_issues_nothing(ledger: Ledger):
    with refused(reverts.AssetRegister_Inactive, institution=11):
        issue(ledger, (1, B1, 7), (8, 11, 7))
    assert (ledger.balance("B1", "S1"), supply(ledger, 1)) == (0, 0)
    assert ledger.register.call("referenceUsed", 2, REFERENCE) is False
    issue(ledger, (1, B1, 7))


def test_issue_given_suspended_issuer_reverts(ledger: Ledger):
    ledger.suspend("D")
    with refused(reverts.AssetRegister_NotSigner, caller=ledger.signers["D"].address):
        issue(ledger, (1, B1, 7))


def test_issue_given_issuer_without_its_role(ledger: Ledger):
    """What is listed stays its issuer's; the role is for listing."""
    ledger.consortium.revoke_roles(ledger.signers["R"], 2, [Role.DEPOSITORY])
    issue(ledger, (1, B1, 7))
    assert ledger.balance("B1", "S1") == 7


def test_issue_given_open_cycle(stand_in: StandIn):
    stand_in.open_cycles(1)
    issue(stand_in.ledger, (1, B1, 7))
    assert stand_in.balances() == {(B1, 1): 7}


def test_issue_when_anyone_else_reverts(ledger: Ledger):
    for name, caller in ledger.everyone_but("D"):
        words = [movement(1, B1, 7)]
        if name in ledger.index:
            with refused(reverts.AssetRegister_NotIssuer, institution=ledger.index[name], asset=1):
                ledger.register.issue(caller, REFERENCE, words)
        else:
            with refused(reverts.AssetRegister_NotSigner, caller=caller.address):
                ledger.register.issue(caller, REFERENCE, words)


def test_issue_given_replaced_signer_reverts(ledger: Ledger):
    old, new = ledger.signers["D"], Signer.from_seed("issue", "new")
    ledger.consortium.nominate_signer(old, 2, new.address)
    ledger.consortium.accept_signer(new, 2)
    with refused(reverts.AssetRegister_NotSigner, caller=old.address):
        issue(ledger, (1, B1, 7))
    ledger.register.issue(new, REFERENCE, [movement(1, B1, 7)])
