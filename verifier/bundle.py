"""A bundle of evidence, as values; `verifier.forms.coding` writes and reads the one file that says the same.

Hashes have 32 bytes, addresses 20; institutions and assets are the ledger's indexes; amounts are in minor
units, quantities in units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

CONTRACTS = ("Consortium", "AssetRegister", "ClearingHouse")
"""Whose events a bundle proves."""
Place = tuple[int, bytes]
"""A block's number and a transaction's hash; 0 and nothing where there is none."""


class Refused(Exception):
    """The bundle proves nothing, and why."""


class Contract(NamedTuple):
    """Where a contract is, and the keccak256 of its code."""

    address: bytes
    code_hash: bytes


class Condition(NamedTuple):
    """One condition on a trade: a field, how it is compared (`=`, `>=` or `<=`), and with what, as text.
    `verifier.claims` has the fields."""

    field: str
    comparison: str
    value: str


class Block(NamedTuple):
    """A whole block: transactions as signed, receipts as hashed (EIP-2718)."""

    transactions: tuple[bytes, ...]
    receipts: tuple[bytes, ...]


class Affirmation(NamedTuple):
    """What an institution signed of a batch (EIP-712, `Affirmation` of the clearing house), and its
    signature: r, s, v, 65 bytes."""

    batch_hash: bytes
    institution: int
    records_hash: bytes
    exceptions_hash: bytes
    client_root: bytes
    prior_block_hash: bytes
    signature: bytes


class Balance(NamedTuple):
    """What an institution held of an asset in the last block of a bundle."""

    institution: int
    asset: int
    amount: int


class Row(NamedTuple):
    """One trade of an answer, with names as the ledger has them. `trading_day` is yyyymmdd, `time_s` of the
    day, 0xFFFFFF where unknown; `affirmed_in` is the buyer's affirmation of the batch and the seller's, which
    may except the trade; `ended_in` what settled the trade whole, or ended it otherwise."""

    trading_day: int
    number: int
    time_s: int
    buyer: str
    seller: str
    security: str
    quantity: int
    amount_minor: int
    currency: str
    batch_hash: bytes
    position: int
    status: str
    settled_quantity: int
    recorded_in: Place
    affirmed_in: tuple[Place, Place]
    ended_in: Place


@dataclass(frozen=True, slots=True)
class Bundle:
    """Everything that is in the file."""

    chain_id: int
    contracts: Mapping[str, Contract]
    """All of the deployment, those of CONTRACTS among them."""
    conditions: tuple[Condition, ...]
    """Sorted."""
    first: int
    headers: tuple[bytes, ...]
    """Of every block from `first` to the last, RLP."""
    blocks: Mapping[int, Block]
    """By number, those that may hold an event that the claim depends on."""
    records: tuple[bytes, ...]
    """The records of each batch that was recorded in `blocks`, in their order."""
    chosen: tuple[bytes, ...]
    """For each of `records` which of them meet all conditions: bit i % 8 of byte i // 8 is record i."""
    affirmations: tuple[Affirmation, ...] = ()
    """Institutions' newest where they are not in `blocks`, sorted by batch hash and institution."""
    state: tuple[bytes, ...] = ()
    """Nodes of the last block's state tries, sorted, which prove the contracts' code and `balances`; none
    where the chain could not give any."""
    balances: tuple[Balance, ...] = ()
    """Sorted; of the institution that the claim names, zeros left out."""
    digest: bytes = bytes(32)
    """The file's last bytes, `claims.digest_of` all before them and the answer."""
