"""AssetRegister: what anyone may ask

asset ─ what was listed; UnknownAsset where nothing was
assetCoded ─ the index, 0 where there is none
securityCount, currencyCount ─ ever listed
isCurrency ─ of currencies listed
referenceUsed ─ by that institution
totalSupply, decimals, symbol, name ─ ERC-6909's extensions; UnknownAsset for other ids, however large
balanceOf ─ 0 for what is no account or no asset
isOperator ─ the signer of an active institution, for its account
supportsInterface ─ ERC-165 and ERC-6909
CONSORTIUM, CLEARING_HOUSE, REVENUE_SHARING ─ the contracts it was deployed with
"""

import pytest

from ledger import reverts
from ledger.accounts import Signer
from ledger.clients.consortium import account_of
from tests.contracts.support import Ledger, bytes32, refused

NPR, USD = 0x8001, 0x8002
NO_ASSETS = [0, 9, 0x7FFF, 0x8000, 0x8003, 0xFFFF]
NO_IDS = [*NO_ASSETS, 2**16, 2**16 + 1, 2**16 + NPR, 2**255 + 5, 2**256 - 1]
B1 = 8


def test_asset(ledger: Ledger):
    ledger.issue({("B1", "S3"): 12, ("B1", "USD"): 5})
    listed = {index: ledger.register.call("asset", index) for index in (*range(1, 9), NPR, USD)}
    expected = {i: (bytes32(f"S{i}"), 2, 0, 12 if i == 3 else 0) for i in range(1, 9)}
    assert listed == expected | {NPR: (bytes32("NPR"), 3, 2, 0), USD: (bytes32("USD"), 3, 2, 5)}


@pytest.mark.parametrize("index", NO_ASSETS)
def test_asset_when_unknown_reverts(ledger: Ledger, index: int):
    with refused(reverts.AssetRegister_UnknownAsset, asset=index):
        ledger.register.call("asset", index)


def test_asset_coded(ledger: Ledger):
    codes = ("S1", "S8", "NPR", "USD", "S9", "S", "npr")
    assert [ledger.register.call("assetCoded", bytes32(c)) for c in codes] == [1, 8, NPR, USD, 0, 0, 0]
    assert ledger.register.call("assetCoded", bytes(32)) == 0


def test_counts(ledger: Ledger):
    assert (ledger.register.call("securityCount"), ledger.register.call("currencyCount")) == (8, 2)


def test_is_currency(ledger: Ledger):
    indexes = (0, 1, 2, 8, 0x7FFF, 0x8000, NPR, USD, 0x8003, 0xFFFF)
    assert [i for i in indexes if ledger.register.call("isCurrency", i)] == [NPR, USD]


def test_reference_used(ledger: Ledger):
    ledger.issue({("B1", "S1"): 5}, "r")
    used = [i for i in range(12) if ledger.register.call("referenceUsed", i, bytes32("r"))]
    assert used == [ledger.index["D"]]
    assert ledger.register.call("referenceUsed", 2, bytes32("q")) is False


def test_metadata(ledger: Ledger):
    code = b"0123456789abcdef0123456789ABCDEF"
    ledger.register.send(ledger.signers["D"], "listSecurities", [code, bytes32("X")])
    expected = {1: ("S1", 0), 9: (code.decode(), 0), 10: ("X", 0), NPR: ("NPR", 2)}
    for asset, (symbol, decimals) in expected.items():
        assert ledger.register.call("symbol", asset) == symbol
        assert ledger.register.call("name", asset) == symbol
        assert ledger.register.call("decimals", asset) == decimals


def test_total_supply(ledger: Ledger):
    ledger.issue({("B1", "S5"): 7, ("B2", "S5"): 8, ("B1", "NPR"): 2**127 - 1, ("B2", "NPR"): 2**127 - 1})
    assert ledger.register.call("totalSupply", 5) == 15
    assert ledger.register.call("totalSupply", NPR) == 2**128 - 2
    assert ledger.register.call("totalSupply", 4) == ledger.register.call("totalSupply", 6) == 0


@pytest.mark.parametrize("function", ["totalSupply", "decimals", "symbol", "name"])
@pytest.mark.parametrize("asset", NO_IDS)
def test_metadata_when_unknown_reverts(ledger: Ledger, function: str, asset: int):
    with refused(reverts.AssetRegister_UnknownAsset, asset=asset):
        ledger.register.call(function, asset)


def test_balance_of_when_no_account_or_no_asset(ledger: Ledger):
    ledger.issue({("B1", "S5"): 7, ("B1", "NPR"): 9})
    register = ledger.register
    assert [register.call("balanceOf", account_of(B1), asset) for asset in NO_IDS] == [0] * len(NO_IDS)
    almost = (int(account_of(B1), 16) ^ (1 << bit) for bit in (16, 80, 159))
    others = [f"0x{address:040x}" for address in almost]
    others += [ledger.signers["B1"].address, account_of(0), account_of(9), "0x" + "00" * 19 + "08"]
    assert [register.call("balanceOf", other, asset) for other in others for asset in (5, NPR)] == [0] * 14


def test_is_operator(ledger: Ledger):
    """Each signer, and only it, for the account of its institution."""
    callers = dict(ledger.everyone_but())
    for index in range(13):
        operators = [
            name
            for name, caller in callers.items()
            if ledger.register.call("isOperator", account_of(index), caller.address)
        ]
        assert operators == [name for name in callers if ledger.index.get(name) == index]
    assert ledger.register.call("isOperator", account_of(11), "0x" + "00" * 20) is False
    assert (
        ledger.register.call("isOperator", ledger.signers["B1"].address, ledger.signers["B1"].address)
        is False
    )


def test_is_operator_given_suspended(ledger: Ledger):
    ledger.suspend("B1")
    arguments = (account_of(B1), ledger.signers["B1"].address)
    assert ledger.register.call("isOperator", *arguments) is False
    ledger.consortium.reinstate(ledger.signers["R"], B1)
    assert ledger.register.call("isOperator", *arguments) is True


def test_is_operator_given_replaced_signer(ledger: Ledger):
    old, new = ledger.signers["B1"], Signer.from_seed("operator", "new")
    ledger.consortium.nominate_signer(old, B1, new.address)
    assert ledger.register.call("isOperator", account_of(B1), new.address) is False
    ledger.consortium.accept_signer(new, B1)
    assert ledger.register.call("isOperator", account_of(B1), new.address) is True
    assert ledger.register.call("isOperator", account_of(B1), old.address) is False


@pytest.mark.parametrize(
    ("interface", "expected"),
    [("01ffc9a7", True), ("0f632fb3", True), ("ffffffff", False), ("d9b67a26", False), ("00000000", False)],
)
def test_supports_interface(ledger: Ledger, interface: str, expected: bool):
    """ERC-165 and ERC-6909 by the ids in the EIPs; not ERC-1155's, nor ERC-165's own counterexample."""
    assert ledger.register.call("supportsInterface", bytes.fromhex(interface)) is expected


def test_deployed_with(ledger: Ledger):
    found = [ledger.register.call(name) for name in ("CONSORTIUM", "CLEARING_HOUSE", "REVENUE_SHARING")]
    addresses = ledger.deployment.addresses
    assert found == [addresses[n].lower() for n in ("Consortium", "ClearingHouse", "RevenueSharing")]
