"""Putting the contracts on a chain, and the record of where they are.

The four contracts name each other for good: addresses follow from the deployer and its nonce, so each is
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
from ledger.contract import send
from ledger.errors import EngineFailed

CONTRACTS = ("Consortium", "AssetRegister", "RevenueSharing", "ClearingHouse")
"""In the order of their deployment."""


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

    Raises EngineFailed where an address is not the one foreseen: someone else sends with this key.
    """
    nonce = chain.nonce(operator.address)
    at = {name: _created(operator.address, nonce + i) for i, name in enumerate(CONTRACTS)}
    arguments = {
        "Consortium": [operator.address],
        "AssetRegister": [at["Consortium"], at["ClearingHouse"], at["RevenueSharing"]],
        "RevenueSharing": [at["Consortium"], at["AssetRegister"], at["ClearingHouse"]],
        "ClearingHouse": [at["Consortium"], at["AssetRegister"], at["RevenueSharing"]],
    }
    block = 0
    for name in CONTRACTS:
        artifact = artifacts()[name]
        constructor = next(entry for entry in artifact.abi if entry["type"] == "constructor")
        types = [type_of(parameter) for parameter in constructor["inputs"]]
        receipt = send(chain, operator, None, artifact.bytecode + CODEC.encode(types, arguments[name]))
        if receipt.contract_address != at[name]:
            raise EngineFailed(
                chain.url, "deploy", f"{name} is at {receipt.contract_address}, not at {at[name]}"
            )
        block = receipt.block_number
    code_hashes = {name: "0x" + keccak(chain.code(address)).hex() for name, address in at.items()}
    return Deployment(chain.chain_id, operator.address, block, at, code_hashes)


def _created(sender: str, nonce: int) -> str:
    """The address of the contract that `sender` creates with its transaction `nonce`."""
    return to_checksum_address(keccak(rlp.encode([to_canonical_address(sender), nonce]))[12:])
