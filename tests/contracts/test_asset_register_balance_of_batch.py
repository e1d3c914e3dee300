"""AssetRegister.balanceOfBatch

when owners and ids go in pairs ─ the balance of each, in their order, 0 where balanceOf says 0
when there are none ─ none
when a pair is there twice ─ twice its balance
when one list is longer ─ LengthMismatch
"""

import pytest

from ledger import reverts
from ledger.clients.consortium import account_of
from tests.contracts.support import Ledger, refused

NPR = 0x8001
B1, B2 = 8, 9
LARGEST_SECURITY = 2**64 - 1


@pytest.fixture
def funded(ledger: Ledger) -> Ledger:
    ledger.issue(
        {("B1", "S4"): 4, ("B1", "S6"): LARGEST_SECURITY, ("B2", "S4"): 9, ("B2", "NPR"): 2**127 - 1}
    )
    return ledger


def test_balance_of_batch_gives_each_in_order(funded: Ledger):
    expected = [
        (account_of(B2), NPR, 2**127 - 1),
        (account_of(B1), 4, 4),
        (account_of(B1), 5, 0),
        (account_of(B1), 6, LARGEST_SECURITY),
        (account_of(B2), 4, 9),
        (account_of(B1), 4, 4),
        (account_of(0), 4, 0),
        (account_of(11), 4, 0),
        (funded.signers["B1"].address, 4, 0),
        ("0x" + "00" * 20, 4, 0),
        (account_of(B1), 0, 0),
        (account_of(B1), 0x8003, 0),
        (account_of(B1), 2**16 + 4, 0),
        (account_of(B2), 2**255 + NPR, 0),
    ]
    owners, ids, balances = map(list, zip(*expected, strict=True))
    assert funded.register.call("balanceOfBatch", owners, ids) == tuple(balances)
    each = [funded.register.call("balanceOf", owner, asset) for owner, asset in zip(owners, ids, strict=True)]
    assert each == balances


def test_balance_of_batch_when_none(funded: Ledger):
    assert funded.register.call("balanceOfBatch", [], []) == ()


@pytest.mark.parametrize(("owners", "ids"), [(0, 1), (1, 0), (2, 1), (1, 3)])
def test_balance_of_batch_when_lengths_differ_reverts(funded: Ledger, owners: int, ids: int):
    with refused(reverts.AssetRegister_LengthMismatch, owners=owners, ids=ids):
        funded.register.call("balanceOfBatch", [account_of(B1)] * owners, [4] * ids)
