"""Putting the contracts on a chain, and the record of where they are.

The contracts name each other for good: addresses follow from the deployer and its nonce, so each is
given the others' before they exist, and nobody is left with a right to set them later.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import rlp
from eth_utils import keccak, to_canonical_address, to_checksum_address

from ledger.abi import CODEC, type_of
from ledger.accounts import Signer
from ledger.chain import Chain
from ledger.compile import artifacts
from ledger.contract import send_all
from ledger.errors import EngineFailed, Reverted

CONTRACTS = (
    "Consortium",
    "AssetRegister",
    "RevenueSharing",
    "ClearingHouse",
    "Limits",
    "Conditions",
    "Fails",
    "DefaultFund",
    "Agreements",
    "Attestations",
)
"""In the order of their deployment."""

_NAMED: dict[str, tuple[str, ...]] = {
    "AssetRegister": ("Consortium", "ClearingHouse", "RevenueSharing", "Fails", "DefaultFund"),
    "RevenueSharing": ("Consortium", "AssetRegister", "ClearingHouse", "Agreements"),
    "ClearingHouse": (
        *("Consortium", "AssetRegister", "RevenueSharing"),
        *("Limits", "Conditions", "Fails", "DefaultFund"),
    ),
    "Limits": ("Consortium", "AssetRegister", "ClearingHouse"),
    "Conditions": ("Consortium", "ClearingHouse"),
    "Fails": ("Consortium", "AssetRegister", "RevenueSharing", "ClearingHouse", "Limits", "Conditions"),
    "DefaultFund": ("Consortium", "AssetRegister", "ClearingHouse", "Conditions", "Fails"),
    "Agreements": ("Consortium", "AssetRegister", "ClearingHouse", "RevenueSharing"),
    "Attestations": ("Consortium", "ClearingHouse"),
}
"""The contracts that each is given, in its constructor's order."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where a consortium's contracts are: addresses and hashes of the deployed code, by name, and the block
    that completed them."""

    chain_id: int
    operator: str
    block: int
    addresses: dict[str, str]
    code_hashes: dict[str, str]

    def as_json(self) -> dict[str, object]:
        """For a file: what `Deployment(**value)` takes."""
        return asdict(self)


def deploy(chain: Chain, operator: Signer) -> Deployment:
    """Deploy all contracts, from `operator`, who becomes the consortium's operator.

    What an interrupted deployment by this key has left is taken as it is and completed. Raises EngineFailed
    where an address is not the one foreseen, as someone else sends with this key, and where the chain does
    not know the contracts' instructions.
    """
    nonce = chain.nonce(operator.address)
    first = 0 if nonce and chain.code(_created(operator.address, 0)) else nonce
    at = {name: _created(operator.address, first + i) for i, name in enumerate(CONTRACTS)}
    arguments = {name: [at[each] for each in named] for name, named in _NAMED.items()}
    arguments["Consortium"] = [operator.address]
    missing = [name for name in CONTRACTS if not chain.code(at[name])]
    calls = []
    for name in missing:
        artifact = artifacts()[name]
        constructor = next(entry for entry in artifact.abi if entry["type"] == "constructor")
        types = [type_of(parameter) for parameter in constructor["inputs"]]
        calls.append((operator, None, artifact.bytecode + CODEC.encode(types, arguments[name])))
    try:
        receipts = send_all(chain, calls)
    except Reverted as refused:
        if refused.data:
            raise
        raise EngineFailed(
            chain.url,
            "deploy",
            "it creates no contract and says no reason; are its rules older than Cancun's?",
        ) from None
    for name, receipt in zip(missing, receipts, strict=True):
        if receipt.contract_address != at[name]:
            raise EngineFailed(
                chain.url, "deploy", f"{name} is at {receipt.contract_address}, not at {at[name]}"
            )
    code_hashes = {name: "0x" + keccak(chain.code(address)).hex() for name, address in at.items()}
    return Deployment(chain.chain_id, operator.address, chain.block().number, at, code_hashes)


def _created(sender: str, nonce: int) -> str:
    """The address of the contract that `sender` creates with its transaction `nonce`."""
    return to_checksum_address(keccak(rlp.encode([to_canonical_address(sender), nonce]))[12:])
