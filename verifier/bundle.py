"""A bundle of evidence, as values; `verifier.coding` writes and reads the one file that says the same."""

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
    """Where a contract is, 20 bytes, and the keccak256 of its code."""

    address: bytes
    code_hash: bytes


class Condition(NamedTuple):
    """One condition on a trade: a field, how it is compared (`=`, `>=` or `<=`), and with what, as text.

    institution       either side's name                    =
    counterparty      the other side than `institution`     =
    buyer, seller     a side's name                         =
    security          its code                              =
    currency          its code                              =
    trading_day       YYYY-MM-DD                            = >= <=
    number            the trade's, as its file has it       = >= <=
    quantity          whole units                           = >= <=
    amount_minor      the settlement amount, minor units    = >= <=
    status            pending, settled, disputed, …         =
    """

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
    """What an institution held of an asset in the last block of a bundle; units or minor units."""

    institution: int
    asset: int
    amount: int


class Row(NamedTuple):
    """One trade of an answer. Names as the ledger has them, amounts in minor units, hashes 32 bytes."""

    trading_day: int
    """yyyymmdd"""
    number: int
    time_s: int
    """Of the day; 0xFFFFFF where unknown."""
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
    """The buyer's affirmation, the seller's."""
    ended_in: Place
    """What settled it whole, or ended it otherwise."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """Everything that is in the file.

    `headers` are those of every block from `first` to the last, RLP; `blocks` are whole, by number: all that
    may hold an event that the claim depends on. `conditions` are sorted.
    """

    chain_id: int
    contracts: Mapping[str, Contract]
    """All of the deployment, those of CONTRACTS among them."""
    conditions: tuple[Condition, ...]
    first: int
    headers: tuple[bytes, ...]
    blocks: Mapping[int, Block]
    records: tuple[bytes, ...]
    """The records of each batch that was recorded in `blocks`, in their order."""
    chosen: tuple[bytes, ...]
    """For each of `records` which of them meet all conditions: bit i % 8 of byte i // 8 is record i."""
    affirmations: tuple[Affirmation, ...] = ()
    """Institutions' newest where they are not in `blocks`, sorted by batch hash and institution."""
    state: tuple[bytes, ...] = ()
    """Nodes of state tries of the last block, sorted; none where the chain could not give any. They prove the
    contracts' code and `balances`."""
    balances: tuple[Balance, ...] = ()
    """Sorted; of the institution that the claim names, zeros left out."""
    digest: bytes = bytes(32)
    """The file's last bytes, `claims.digest_of` all before them and the answer."""
