"""What the chain says happened, read back from blocks: batches, affirmations, settlements, movements.

Records and masks come from the calldata of the transactions that the contract's events point to, so nothing
here depends on what this program meant to send. Bulk is decoded by fixed offset into columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from eth_utils import keccak

from ledger.abi import WORD, Words
from ledger.chain import Log
from ledger.clients import Clients
from ledger.clients.clearing_house import Header
from ledger.clients.consortium import account_of
from ledger.contract import Event
from ledger.errors import EngineFailed
from ledger.records import Records, unpack, unpack_mask

_TRANSFER = bytes(keccak(text="Transfer(address,address,address,uint256,uint256)"))
_HEADER_WORDS = 6
NOBODY = -1
"""In columns of movements: the zero address, from which assets are issued and to which they are redeemed."""


@dataclass(slots=True)
class RecordedBatch:
    """A batch as the chain has it. Columns and masks are by position in the batch; transactions are
    hashes.
    """

    batch_hash: bytes
    header: Header
    words: Words
    records: Records
    record_transaction: bytes
    affirmed_in: dict[int, bytes] = field(default_factory=dict)
    """Institution's index → the transaction that brought its affirmation."""
    disputed: dict[int, list[int]] = field(default_factory=dict)
    """Trade number → indexes of the institutions that except it."""
    settled_in: npt.NDArray[np.int64] = field(init=False)
    """Position in `settlements` of the transaction that settled the record; -1 where none has."""
    settlements: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.settled_in = np.full(len(self.records), -1, dtype=np.int64)

    @property
    def settled(self) -> npt.NDArray[np.bool_]:
        """Which records are settled."""
        return self.settled_in >= 0


@dataclass(frozen=True, slots=True, eq=False)
class Movements:
    """ERC-6909 Transfers as columns. Holders are indexes of institutions, 0 the transit account, NOBODY the
    zero address; amounts are units or minor units."""

    transaction: npt.NDArray[np.void]
    """Hashes, 32 bytes each."""
    sender: npt.NDArray[np.int64]
    receiver: npt.NDArray[np.int64]
    asset: npt.NDArray[np.int64]
    amount: npt.NDArray[Any]

    def of(self, transaction: bytes) -> Movements:
        """Those of one transaction."""
        rows = self.transaction == np.void(transaction)
        return Movements(*(getattr(self, name)[rows] for name in self.__slots__))

    def places(self) -> list[tuple[int, int]]:
        """Every (institution or transit account, asset) that any movement touched, sorted."""
        sides = ((self.sender, self.asset), (self.receiver, self.asset))
        pairs = {pair for side in sides for pair in zip(*(column.tolist() for column in side), strict=True)}
        return sorted(pair for pair in pairs if pair[0] != NOBODY)

    def net(self, holders: Sequence[int], *, other: Sequence[int]) -> dict[tuple[int, int], int]:
        """(holder, asset) → what it gained from movements with one of `other` on the other side."""
        total: dict[tuple[int, int], int] = {}
        for side, across, sign in ((self.receiver, self.sender, 1), (self.sender, self.receiver, -1)):
            rows = np.isin(side, holders) & np.isin(across, other)
            columns = (side[rows].tolist(), self.asset[rows].tolist(), self.amount[rows].tolist())
            for holder, asset, amount in zip(*columns, strict=True):
                total[holder, asset] = total.get((holder, asset), 0) + sign * amount
        return total


@dataclass(frozen=True, slots=True)
class Accrual:
    """Commission of a payer in one settlement: its running total before and after, in minor units."""

    payer: int
    currency: int
    before: int
    after: int
    transaction: bytes


@dataclass(frozen=True, slots=True)
class History:
    """What happened up to block `head`, in the chain's order."""

    head: int

    batches: dict[bytes, RecordedBatch]
    movements: Movements
    accruals: tuple[Accrual, ...]
    netting_sets: tuple[Event, ...]


def nothing() -> History:
    """The history of a chain that nobody has read yet."""
    return History(-1, {}, _movements([]), (), ())


def read(clients: Clients) -> History:
    """Read the chain up to its newest block.

    Raises EngineFailed where calldata does not hash to what the contract recorded.
    """
    chain = clients.clearing_house.chain
    head = chain.block().number
    rows = chain.logs(0, head)
    batches: dict[bytes, RecordedBatch] = {}
    accruals: list[Accrual] = []
    netting_sets: list[Event] = []
    for transaction, logs in _by_transaction(rows):
        masks: dict[bytes, Words] = {}
        for event in clients.clearing_house.events(logs):
            if event.name == "NettingSetSettled":
                netting_sets.append(replace(event, transaction=transaction))
            elif "batchHash" in event.arguments:
                if event.name == "SliceSettled" and not masks:
                    masks = _masks(chain.transaction_input(transaction), clients)
                _apply(batches, event, transaction, masks, clients)
        for event in clients.revenue.events(logs, "RevenueAccrued"):
            totals = event["totalBefore"], event["totalAfter"]
            accruals.append(Accrual(event["payer"], event["currency"], *totals, transaction))
    movements = _movements(
        [(transaction, log) for _, transaction, log in rows if log.address == clients.register.address]
    )
    return History(head, batches, movements, tuple(accruals), tuple(netting_sets))


def _by_transaction(rows: Sequence[tuple[int, bytes, Log]]) -> list[tuple[bytes, list[Log]]]:
    found: dict[bytes, list[Log]] = {}
    for _, transaction, log in rows:
        found.setdefault(transaction, []).append(log)
    return list(found.items())


def _apply(
    batches: dict[bytes, RecordedBatch],
    event: Event,
    transaction: bytes,
    masks: Mapping[bytes, Words],
    clients: Clients,
) -> None:
    batch_hash = event["batchHash"]
    if event.name == "BatchRecorded":
        words = _records(clients.clearing_house.chain.transaction_input(transaction))
        if keccak(words) != event["recordsHash"]:
            raise EngineFailed(clients.clearing_house.chain.url, "calldata", f"not batch {batch_hash.hex()}")
        header = Header(*event["header"])
        batches[batch_hash] = RecordedBatch(batch_hash, header, words, unpack(words), transaction)
    elif event.name == "BatchAffirmed":
        batches[batch_hash].affirmed_in[event["institution"]] = transaction
    elif event.name == "TradeDisputed":
        batches[batch_hash].disputed.setdefault(event["tradeNo"], []).append(event["institution"])
    elif event.name == "SliceSettled":
        batch = batches[batch_hash]
        if batch.settlements and batch.settlements[-1] == transaction:
            return  # another slice of the batch; the mask is that of all its slices
        batch.settled_in[unpack_mask(masks[batch_hash], len(batch.records))] = len(batch.settlements)
        batch.settlements.append(transaction)


def _records(calldata: bytes) -> Words:
    """The records in the calldata of `record` or `clear`, whose second argument they are."""
    return _array(calldata[4:], _number(calldata[4:], _HEADER_WORDS))


def _masks(calldata: bytes, clients: Clients) -> dict[bytes, Words]:
    """Batch hash → what is chosen of it in all slices, from the calldata of `settle` or `clear`."""
    body = calldata[4:]
    if calldata[:4] == clients.clearing_house.selector("clear"):
        return {_hash(body): _array(body, _number(body, _HEADER_WORDS + 2))}
    start = _number(body, 0)
    offsets = body[start + WORD :]
    found: dict[bytes, Words] = {}
    for k in range(_number(body[start:], 0)):
        part = offsets[_number(offsets, k) :]
        mask, batch_hash = _array(part, _number(part, _HEADER_WORDS + 1)), _hash(part)
        found[batch_hash] = _union(found[batch_hash], mask) if batch_hash in found else mask
    return found


def _union(one: Words, other: Words) -> Words:
    return Words(bytes(a | b for a, b in zip(one, other, strict=True)))


def _hash(part: bytes) -> bytes:
    """The hash of the batch whose header and records' offset `part` begins with."""
    header = Header(*(_number(part, i) for i in range(_HEADER_WORDS)))
    return header.hash_with(keccak(_array(part, _number(part, _HEADER_WORDS))))


def _number(data: bytes, word: int) -> int:
    return int.from_bytes(data[word * WORD : (word + 1) * WORD], "big")


def _array(data: bytes, offset: int) -> Words:
    count = int.from_bytes(data[offset : offset + WORD], "big")
    return Words(data[offset + WORD : offset + WORD * (count + 1)])


def _movements(rows: Sequence[tuple[bytes, Log]]) -> Movements:
    transfers = [(transaction, log) for transaction, log in rows if log.topics and log.topics[0] == _TRANSFER]
    topics = np.frombuffer(b"".join(b"".join(log.topics[1:]) for _, log in transfers), dtype=np.uint8)
    topics = topics.reshape(-1, 3, WORD)
    amounts = [int.from_bytes(log.data[WORD : 2 * WORD], "big") for _, log in transfers]
    return Movements(
        transaction=np.frombuffer(b"".join(transaction for transaction, _ in transfers), dtype=f"V{WORD}"),
        sender=_holders(topics[:, 0]),
        receiver=_holders(topics[:, 1]),
        asset=_low(topics[:, 2]),
        amount=np.array(amounts, dtype=object),
    )


def _holders(addresses: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Indexes of institutions: an account's last two bytes; NOBODY for the zero address."""
    prefix = np.frombuffer(bytes.fromhex(account_of(0)[2:])[:18], dtype=np.uint8)
    return np.where((addresses[:, 12:30] == prefix).all(axis=1), _low(addresses), NOBODY)


def _low(words: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    return words[:, 30].astype(np.int64) << 8 | words[:, 31]
