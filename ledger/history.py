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
from ledger.chain import Logs
from ledger.clients import Clients
from ledger.clients.clearing_house import Header, Status
from ledger.clients.consortium import account_of
from ledger.contract import Event
from ledger.errors import EngineFailed
from ledger.ids import from_bytes32
from ledger.records import Records, unpack, unpack_mask
from ledger.units import exact_add, exact_words

_TRANSFER = bytes(keccak(text="Transfer(address,address,address,uint256,uint256)"))
_NO_TOPICS = np.zeros((0, 4, WORD), dtype=np.uint8)
_HEADER_WORDS = 6
NOBODY = -1
"""In columns of movements: the zero address, from which assets are issued and to which they are redeemed."""


@dataclass(frozen=True, slots=True)
class SettledPart:
    """The units of a trade from `start` up to `end`, which one transaction settled."""

    transaction: bytes
    position: int
    start: int
    end: int


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
    """Position in `settlements` of the transaction that settled the record, or the last part of it; -1 where
    not all of it is settled."""
    settled_quantity: npt.NDArray[np.uint64] = field(init=False)
    """Units settled so far."""
    settlements: list[bytes] = field(default_factory=list)
    parts: list[SettledPart] = field(default_factory=list)
    """In the chain's order; a trade that settled as a whole by a mask has none."""
    out: dict[int, Status] = field(default_factory=dict)
    """Position → what an office last said of the trade, other than PENDING; the disputed are beside them."""
    _positions: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settled_in = np.full(len(self.records), -1, dtype=np.int64)
        self.settled_quantity = np.zeros(len(self.records), dtype=np.uint64)

    @property
    def settled(self) -> npt.NDArray[np.bool_]:
        """Which records are settled, all their units."""
        return self.settled_in >= 0

    @property
    def barred(self) -> npt.NDArray[np.bool_]:
        """Which records are out of settlement: disputed, held, or ended otherwise than by settling."""
        barred: npt.NDArray[np.bool_] = np.isin(self.records.number, list(self.disputed))
        barred[list(self.out)] = True
        return barred

    def position_of(self, number: int) -> int:
        """Where the record of a trade number is."""
        if not self._positions:
            self._positions.update((n, i) for i, n in enumerate(self.records.number.tolist()))
        return self._positions[number]

    def settle(self, transaction: bytes, rows: npt.NDArray[np.bool_]) -> None:
        """A transaction settled these records as a whole."""
        self.settled_in[rows] = self._place(transaction)
        self.settled_quantity[rows] = self.records.quantity[rows]

    def settle_part(self, part: SettledPart) -> None:
        """A transaction settled units of a record."""
        place = self._place(part.transaction)
        self.parts.append(part)
        self.settled_quantity[part.position] = part.end
        if part.end == int(self.records.quantity[part.position]):
            self.settled_in[part.position] = place

    def _place(self, transaction: bytes) -> int:
        if not self.settlements or self.settlements[-1] != transaction:
            self.settlements.append(transaction)
        return len(self.settlements) - 1


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

    def __len__(self) -> int:
        return len(self.asset)

    def take(self, rows: npt.NDArray[Any]) -> Movements:
        """The rows that a mask or positions pick."""
        return Movements(*(getattr(self, name)[rows] for name in self.__slots__))

    def of(self, transaction: bytes) -> Movements:
        """Those of one transaction."""
        return self.take(self.transaction == np.void(transaction))

    def and_then(self, later: Movements) -> Movements:
        """These and then others."""
        pairs = ((getattr(self, name), getattr(later, name)) for name in self.__slots__)
        return Movements(*(np.concatenate(pair) for pair in pairs))

    def places(self) -> list[tuple[int, int]]:
        """Every (institution or transit account, asset) that any movement touched, sorted."""
        touched = np.unique(
            np.concatenate([_place(self.sender, self.asset), _place(self.receiver, self.asset)])
        )
        pairs = zip((touched >> 16).tolist(), (touched & 0xFFFF).tolist(), strict=True)
        return [pair for pair in pairs if pair[0] != NOBODY]

    def net(self, holders: Sequence[int], *, other: Sequence[int]) -> dict[tuple[int, int], int]:
        """(holder, asset) → what it gained from movements with one of `other` on the other side."""
        inward = np.isin(self.receiver, holders) & np.isin(self.sender, other)
        outward = np.isin(self.sender, holders) & np.isin(self.receiver, other)
        places = np.concatenate(
            [_place(self.receiver, self.asset)[inward], _place(self.sender, self.asset)[outward]]
        )
        found, cell = np.unique(places, return_inverse=True)
        total = exact_add(len(found), cell, np.concatenate([self.amount[inward], -self.amount[outward]]))
        pairs = zip((found >> 16).tolist(), (found & 0xFFFF).tolist(), strict=True)
        return dict(zip(pairs, total.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class Accrual:
    """Commission of a payer in one settlement: its running total before and after, in minor units."""

    payer: int
    currency: int
    before: int
    after: int
    transaction: bytes


@dataclass(slots=True)
class History:
    """What happened up to block `head`, in the chain's order."""

    head: int = -1
    batches: dict[bytes, RecordedBatch] = field(default_factory=dict)
    movements: Movements = field(default_factory=lambda: _movements([]))
    accruals: list[Accrual] = field(default_factory=list)
    netting_sets: list[Event] = field(default_factory=list)
    institutions: dict[str, int] = field(default_factory=dict)
    """Name → index."""
    assets: dict[str, int] = field(default_factory=dict)
    """Code of a security or currency → index."""
    fee_schedules: dict[int, int] = field(default_factory=dict)
    """Venue → its newest fee schedule."""
    agreements: dict[tuple[int, int], tuple[tuple[int, int], ...]] = field(default_factory=dict)
    """(payer, currency) → (party, share in ppm) of the agreement in force."""
    issues: set[tuple[int, bytes]] = field(default_factory=set)
    """(issuer, reference) of every issue."""
    blocks: dict[bytes, int] = field(default_factory=dict)
    """Block of every transaction with events."""
    concerned: dict[bytes, set[bytes]] = field(default_factory=dict)
    """Transaction that recorded, affirmed or settled → hashes of the batches it concerned."""
    cycles: dict[tuple[int, int], list[bytes]] = field(default_factory=dict)
    """(venue, cycle) → the transactions that opened and closed it, and settled in it."""
    open_cycles: dict[int, int] = field(default_factory=dict)
    """Venue → its cycle that is open."""
    totals: dict[tuple[int, int], int] = field(default_factory=dict)
    """(payer, currency) → its running total of commission in the agreement's period, in minor units."""

    def earned(self, currency: int) -> dict[int, int]:
        """Payer → its running total of commission in a currency, in minor units."""
        return {payer: total for (payer, of), total in self.totals.items() if of == currency}


def read(clients: Clients, known: History | None = None) -> History:
    """Read the chain up to its newest block; only what came after `known`, which then has it, too.

    Raises EngineFailed where calldata does not hash to what the contract recorded.
    """
    history = known or History()
    chain = clients.clearing_house.chain
    head = chain.block().number
    moved: list[tuple[bytes, Logs]] = []
    for mined in chain.logs(history.head + 1, head):
        history.blocks[mined.transaction_hash] = mined.block_number
        _read_market(history, clients, mined.logs)
        _read_clearing(history, clients, mined.transaction_hash, mined.logs)
        for event in clients.revenue.events(mined.logs):
            _apply_revenue(history, event, mined.transaction_hash)
        moved.append((mined.transaction_hash, mined.logs))
    history.movements = history.movements.and_then(_movements(moved, clients.register.address))
    history.head = head
    return history


def _read_market(history: History, clients: Clients, logs: Logs) -> None:
    """Who takes part, what there is, what was issued: from topics, where all of it stands."""
    for event in clients.consortium.events(logs, "InstitutionAdmitted"):
        history.institutions[from_bytes32(event["name"])] = event["institution"]
    for event in clients.register.events(logs, "AssetListed"):
        history.assets[from_bytes32(event["code"])] = event["asset"]
    for event in clients.register.events(logs, "Issued"):
        history.issues.add((event["issuer"], event["instructionReference"]))


def _apply_revenue(history: History, event: Event, transaction: bytes) -> None:
    if event.name == "AgreementConcluded":
        history.agreements[event["payer"], event["currency"]] = tuple(event["shares"])
    elif event.name == "RevenueAccrued":
        totals = event["totalBefore"], event["totalAfter"]
        history.accruals.append(Accrual(event["payer"], event["currency"], *totals, transaction))
        history.totals[event["payer"], event["currency"]] = event["totalAfter"]
    elif event.name == "PeriodClosed":
        history.totals[event["payer"], event["currency"]] = 0


def _read_clearing(history: History, clients: Clients, transaction: bytes, logs: Logs) -> None:
    masks: dict[bytes, Words] = {}
    for event in clients.clearing_house.events(logs):
        if event.name == "FeeScheduleRegistered":
            history.fee_schedules[event["venue"]] = event["feeScheduleId"]
        elif "batchHash" in event.arguments:
            if event.name == "SliceSettled" and not masks:
                masks = _masks(clients.clearing_house.chain.transaction_input(transaction), clients)
            history.concerned.setdefault(transaction, set()).add(event["batchHash"])
            _apply(history.batches, event, transaction, masks, clients)
        if "cycle" in event.arguments:
            _apply_cycle(history, event, transaction)


def _apply_cycle(history: History, event: Event, transaction: bytes) -> None:
    if event.name == "NettingSetSettled":
        history.netting_sets.append(replace(event, transaction=transaction))
    elif event.name == "CycleOpened":
        history.open_cycles[event["venue"]] = event["cycle"]
    elif event.name == "CycleClosed":
        history.open_cycles.pop(event["venue"], None)
    known = history.cycles.setdefault((event["venue"], event["cycle"]), [])
    if transaction not in known:
        known.append(transaction)


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
    elif event.name == "StatusChanged":
        batch, status = batches[batch_hash], Status(event["to"])
        batch.out.pop(event["position"], None)
        if status != Status.PENDING:
            batch.out[event["position"]] = status
    elif event.name == "TradeSettledInPart":
        batch, end = batches[batch_hash], event["settledQuantity"]
        position = batch.position_of(event["tradeNo"])
        batch.settle_part(SettledPart(transaction, position, end - event["quantity"], end))
    elif event.name == "SliceSettled":
        # The mask is that of all slices of the batch: another of them says the same again.
        batch = batches[batch_hash]
        batch.settle(transaction, unpack_mask(masks[batch_hash], len(batch.records)))


def _records(calldata: bytes) -> Words:
    """The records in the calldata of `record` or `clear`, whose second argument they are."""
    return _array(calldata[4:], _number(calldata[4:], _HEADER_WORDS))


def _masks(calldata: bytes, clients: Clients) -> dict[bytes, Words]:
    """Batch hash → what is chosen of it in all slices, from the calldata of `settle` or `clear`."""
    body = calldata[4:]
    if calldata[:4] == clients.clearing_house.selector("clear"):
        return {_hash(body): _array(body, _number(body, _HEADER_WORDS + 2))}
    start = _number(body, 1)
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


def _movements(rows: Sequence[tuple[bytes, Logs]], register: str = "") -> Movements:
    """The register's Transfers among the events of each transaction."""
    hashes, topics, amounts = [b""], [_NO_TOPICS], [np.zeros(0, dtype=np.int64)]
    for transaction, logs in rows:
        found = np.flatnonzero(logs.by(register) & logs.named(_TRANSFER))
        if len(found):
            hashes.append(transaction * len(found))
            topics.append(logs.topics[found])
            amounts.append(exact_words(logs.words(found, 1)))
    columns = np.concatenate(topics)
    return Movements(
        transaction=np.frombuffer(b"".join(hashes), dtype=f"V{WORD}"),
        sender=_holders(columns[:, 1]),
        receiver=_holders(columns[:, 2]),
        asset=_low(columns[:, 3]),
        amount=np.concatenate(amounts),
    )


def _holders(addresses: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Indexes of institutions: an account's last two bytes; NOBODY for the zero address."""
    prefix = np.frombuffer(bytes.fromhex(account_of(0)[2:])[:18], dtype=np.uint8)
    return np.where((addresses[:, 12:30] == prefix).all(axis=1), _low(addresses), NOBODY)


def _low(words: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    return words[:, 30].astype(np.int64) << 8 | words[:, 31]


def _place(holder: npt.NDArray[np.int64], asset: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """(holder, asset) in one number, which shifting and masking takes apart again; for NOBODY, too."""
    return holder << 16 | asset
