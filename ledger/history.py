"""What the chain says happened, read back from blocks: batches, affirmations, settlements, movements.

Records and masks come from the calldata of the transactions that the contract's events point to, so nothing
here depends on what this program meant to send. Bulk is decoded by fixed offset into columns.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from eth_utils import keccak

from ledger.abi import WORD, Words
from ledger.calldata import masks_in, records_in
from ledger.chain import Logs
from ledger.clients import Clients
from ledger.clients.clearing_house import Header, Status
from ledger.clients.consortium import account_of
from ledger.contract import Contract, Event
from ledger.errors import EngineFailed
from ledger.ids import from_bytes32
from ledger.records import Records, unpack, unpack_mask
from ledger.units import exact_add, exact_words

_TRANSFER = bytes(keccak(text="Transfer(address,address,address,uint256,uint256)"))
_STANDING = frozenset({"InstitutionSuspended", "InstitutionReinstated"})
_NO_TOPICS = np.zeros((0, 4, WORD), dtype=np.uint8)
ENDED = (Status.CANCELLED, Status.COMPENSATED, Status.CLOSED_OUT)
"""Where a trade stays that has ended otherwise than by settling."""
NOBODY = -1
"""In columns of movements: the zero address, from which assets are issued and to which they are redeemed."""


@dataclass(frozen=True, slots=True)
class SettledPart:
    """Units of one trade that settled apart from the rest: those from `start` up to `end`."""

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
    client_roots: dict[int, bytes] = field(default_factory=dict)
    """Institution's index → the root of its clients' allocations that it affirmed; zero of none."""
    disputed: dict[int, list[int]] = field(default_factory=dict)
    """Trade number → indexes of the institutions that except it."""
    settled_in: npt.NDArray[np.int64] = field(init=False)
    """Position in `settlements` of the transaction that settled the record; -1 where none has."""
    settlements: list[bytes] = field(default_factory=list)
    parts: list[SettledPart] = field(default_factory=list)
    """In the chain's order; the one that ends a trade settles it."""
    out: dict[int, Status] = field(default_factory=dict)
    """Position → where a trade stands that was taken out of settlement, or ended otherwise than by settling.
    """

    def __post_init__(self) -> None:
        self.settled_in = np.full(len(self.records), -1, dtype=np.int64)

    @property
    def settled(self) -> npt.NDArray[np.bool_]:
        """Which records are settled, all of their units."""
        return self.settled_in >= 0

    @property
    def status(self) -> npt.NDArray[np.uint8]:
        """Where each record stands, a `Status`."""
        status = np.where(self.settled, Status.SETTLED, Status.PENDING).astype(np.uint8)
        if self.disputed:
            status[np.isin(self.records.number, list(self.disputed))] = Status.DISPUTED
        if self.out:
            status[list(self.out)] = list(self.out.values())
        return status

    @property
    def ended(self) -> npt.NDArray[np.bool_]:
        """Which records were cancelled, compensated or closed out: what is left of them never settles."""
        return np.isin(self.status, ENDED)

    @property
    def barred(self) -> npt.NDArray[np.bool_]:
        """Which records are out of settlement, for now or for good."""
        return ~np.isin(self.status, (Status.PENDING, Status.SETTLED))

    @property
    def settled_quantity(self) -> npt.NDArray[np.uint64]:
        """How many units of each record are settled."""
        units = np.where(self.settled, self.records.quantity, 0).astype(np.uint64)
        for position, some in self.settled_in_part().items():
            units[position] = some
        return units

    def settled_in_part(self) -> dict[int, int]:
        """Position → units settled so far, of the trades of which some are not."""
        found = {part.position: part.end for part in self.parts}
        return {position: units for position, units in found.items() if self.settled_in[position] < 0}

    def position_of(self, number: int) -> int:
        """The position of the trade with a number."""
        return int(np.flatnonzero(self.records.number == number)[0])


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

    def take(self, rows: npt.NDArray[Any] | slice) -> Movements:
        """The rows that a mask, positions or a slice pick."""
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


@dataclass(slots=True)
class History:
    """What happened up to block `head`, in the chain's order."""

    head: int = -1
    batches: dict[bytes, RecordedBatch] = field(default_factory=dict)
    movements: Movements = field(default_factory=lambda: _movements([]))
    netting_sets: list[Event] = field(default_factory=list)
    institutions: dict[str, int] = field(default_factory=dict)
    """Name → index."""
    assets: dict[str, int] = field(default_factory=dict)
    """Code of a security or currency → index."""
    fee_schedules: dict[int, int] = field(default_factory=dict)
    """Venue → its newest fee schedule."""
    revenue: list[Event] = field(default_factory=list)
    """Every event of `Agreements` and `RevenueSharing`."""
    issues: set[tuple[int, bytes]] = field(default_factory=set)
    """(issuer, reference) of every issue."""
    blocks: dict[bytes, int] = field(default_factory=dict)
    """Block of every transaction with events."""
    times: dict[bytes, int] = field(default_factory=dict)
    """When a transaction that settled, shared revenue, told of fails or attested a book was included, chain
    seconds.
    """
    concerned: dict[bytes, set[bytes]] = field(default_factory=dict)
    """Transaction that recorded, affirmed or settled → hashes of the batches it concerned."""
    cycles: dict[tuple[int, int], list[bytes]] = field(default_factory=dict)
    """(venue, cycle) → the transactions that opened and closed it, and settled in it."""
    open_cycles: dict[int, int] = field(default_factory=dict)
    """Venue → its cycle that is open."""
    said: list[Event] = field(default_factory=list)
    """Who was suspended or reinstated, and every event of the contracts that keep limits, conditions, fails
    and defaults.
    """
    suspended: set[int] = field(default_factory=set)
    """Institutions that are suspended now."""
    attested: list[Event] = field(default_factory=list)
    """Every `BookAttested`: which roots institutions signed for their books."""
    marks: list[tuple[int, int]] = field(default_factory=list)
    """(block, how many movements came before its own), of blocks that moved anything."""

    def moved_since(self, block: int) -> tuple[Movements, npt.NDArray[np.int64]]:
        """The movements of that block and of later ones, and the block of each."""
        place = bisect_left(self.marks, (block, 0))
        ends = [*(offset for _, offset in self.marks[place:]), len(self.movements)]
        blocks = [number for number, _ in self.marks[place:]]
        column = np.repeat(np.array(blocks, dtype=np.int64), np.diff(ends))
        return self.movements.take(np.s_[ends[0] :]), column


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
        told = len(history.said) + len(history.revenue) + len(history.netting_sets)
        for event in _said(clients, mined.transaction_hash, mined.logs):
            history.said.append(event)
            if event.name == "InstitutionSuspended":
                history.suspended.add(event["institution"])
            elif event.name == "InstitutionReinstated":
                history.suspended.discard(event["institution"])
        _read_clearing(history, clients, mined.transaction_hash, mined.logs)
        agreed = (clients.agreements, None), (clients.revenue, None)
        history.revenue += _told(agreed, mined.transaction_hash, mined.logs)
        attested = list(_told([(clients.attestations, None)], mined.transaction_hash, mined.logs))
        history.attested += attested
        if attested or len(history.said) + len(history.revenue) + len(history.netting_sets) > told:
            history.times[mined.transaction_hash] = chain.block(mined.block_number).timestamp
        moved.append((mined.transaction_hash, mined.logs))
    later = _movements(moved, clients.register.address)
    history.marks += _marks(history.blocks, later, len(history.movements))
    history.movements = history.movements.and_then(later)
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


def _said(clients: Clients, transaction: bytes, logs: Logs) -> Iterator[Event]:
    offices = (clients.limits, clients.conditions, clients.fails, clients.default_fund)
    places = [(clients.consortium, _STANDING), *((office, None) for office in offices)]
    return _told(places, transaction, logs)


def _told(
    places: Sequence[tuple[Contract, frozenset[str] | None]], transaction: bytes, logs: Logs
) -> Iterator[Event]:
    """Events of contracts, of some names only where they are given, in the order of the logs; few
    transactions have any.
    """
    found = np.zeros(len(logs), dtype=bool)
    for contract, _ in places:
        found |= logs.by(contract.address)
    for place in np.flatnonzero(found).tolist():
        for contract, names in places:
            for event in contract.events([logs[place]]):
                if names is None or event.name in names:
                    yield replace(event, transaction=transaction)


def _read_clearing(history: History, clients: Clients, transaction: bytes, logs: Logs) -> None:
    masks: dict[bytes, Words] = {}
    for event in clients.clearing_house.events(logs):
        if event.name == "FeeScheduleRegistered":
            history.fee_schedules[event["venue"]] = event["feeScheduleId"]
        elif "batchHash" in event.arguments:
            if event.name == "SliceSettled" and not masks:
                masks = masks_in(clients.clearing_house.chain.transaction_input(transaction))
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
        words = records_in(
            clients.clearing_house.chain.transaction_input(transaction), clients.clearing_house
        )
        if keccak(words) != event["recordsHash"]:
            raise EngineFailed(clients.clearing_house.chain.url, "calldata", f"not batch {batch_hash.hex()}")
        header = Header(*event["header"])
        batches[batch_hash] = RecordedBatch(batch_hash, header, words, unpack(words), transaction)
    elif event.name == "BatchAffirmed":
        batches[batch_hash].affirmed_in[event["institution"]] = transaction
        batches[batch_hash].client_roots[event["institution"]] = event["clientRoot"]
    elif event.name == "TradeDisputed":
        batches[batch_hash].disputed.setdefault(event["tradeNo"], []).append(event["institution"])
    elif event.name == "StatusChanged":
        out, to = batches[batch_hash].out, Status(event["to"])
        out[event["position"]] = to
        if to is Status.PENDING:
            del out[event["position"]]
    elif event.name == "TradeSettledInPart":
        _apply_part(batches[batch_hash], event, transaction)
    elif event.name == "SliceSettled":
        batch = batches[batch_hash]
        if batch.settlements and batch.settlements[-1] == transaction:
            return  # another slice of the batch; the mask is that of all its slices
        batch.settled_in[unpack_mask(masks[batch_hash], len(batch.records))] = len(batch.settlements)
        batch.settlements.append(transaction)


def _apply_part(batch: RecordedBatch, event: Event, transaction: bytes) -> None:
    """The event of the batch's slice, which names the settlement, comes after those of its parts."""
    row = batch.position_of(event["tradeNo"])
    to, units = event["settledQuantity"], event["quantity"]
    batch.parts.append(SettledPart(transaction, row, to - units, to))
    if to == int(batch.records.quantity[row]):
        batch.settled_in[row] = len(batch.settlements)


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


def _marks(blocks: Mapping[bytes, int], moved: Movements, offset: int) -> Iterator[tuple[int, int]]:
    starts = np.flatnonzero(np.append(True, moved.transaction[1:] != moved.transaction[:-1])[: len(moved)])
    known = -1
    for start in starts.tolist():
        block = blocks[bytes(moved.transaction[start])]
        if block != known:
            yield block, offset + start
        known = block


def _holders(addresses: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Indexes of institutions: an account's last two bytes; NOBODY for the zero address."""
    prefix = np.frombuffer(bytes.fromhex(account_of(0)[2:])[:18], dtype=np.uint8)
    return np.where((addresses[:, 12:30] == prefix).all(axis=1), _low(addresses), NOBODY)


def _low(words: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    return words[:, 30].astype(np.int64) << 8 | words[:, 31]


def _place(holder: npt.NDArray[np.int64], asset: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """(holder, asset) in one number, which shifting and masking takes apart again; for NOBODY, too."""
    return holder << 16 | asset
