"""The trades, worked out from what blocks hold: records from calldata, what came of them from events.

The contracts' interfaces (IConsortium, IAssetRegister, IClearingHouse) say what an event means, and
`types/Types.sol` what a record and a header are. A record is 32 bytes, big-endian: `tradeNo u32 | time u24 |
buyer u16 | seller u16 | asset u16 | quantity u64 | amount u88`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from verifier.bundle import CONTRACTS, Affirmation, Block, Contract, Place, Refused
from verifier.ethereum import abi
from verifier.ethereum.abi import WORD
from verifier.ethereum.chain import Event, address_and_topic, call_of, event_of, receipt_from
from verifier.ethereum.crypto import keccak

STATUSES = ("unknown", "pending", "disputed", "settled", "held", "cancelled", "compensated", "closed_out")
_ENDED = STATUSES[-3:]
NOWHERE: Place = (0, b"")
_PACKED = struct.Struct(">I3sHHHQ11s")
_HEADER_WORDS = 6
_MOST_SLICES, _MOST_DECIMALS, _MOST_READ = 255, 255, 3
"""What the clearing house takes at once; of an amount; how often all of a call is read, by `clear` twice."""
_HEADER = "(uint16,uint32,uint16,uint32,uint16,uint8)"
_AFFIRMATION = "(uint16,uint32,uint64,bytes32,uint32[],bytes)"
_SLICE = f"({_HEADER},bytes32[],uint256[],uint256[])"
_RECORD, _AFFIRM, _SETTLE, _CLEAR = (
    keccak(text.encode())[:4]
    for text in (
        f"record({_HEADER},bytes32[])",
        f"affirm({_HEADER},bytes32[],{_AFFIRMATION}[])",
        f"settle(uint8,{_SLICE}[])",
        f"clear(uint8,{_SLICE}[],{_AFFIRMATION}[])",
    )
)
_EVENTS = (
    "Consortium.InstitutionAdmitted(uint16,bytes32,address,address,uint8)",
    "Consortium.SignerChanged(uint16,address,address)",
    "AssetRegister.AssetListed(uint16,bytes32,uint16,uint8)",
    f"ClearingHouse.BatchRecorded(bytes32,uint16,uint32,bytes32,uint256,{_HEADER})",
    "ClearingHouse.BatchAffirmed(bytes32,uint16,bytes32,uint256,bytes32,bytes32)",
    "ClearingHouse.TradeDisputed(bytes32,uint32,uint16)",
    "ClearingHouse.StatusChanged(bytes32,uint256,uint8,uint8)",
    "ClearingHouse.TradeSettledInPart(bytes32,uint32,uint64,uint88,uint64)",
    "ClearingHouse.SliceSettled(uint16,uint64,bytes32,uint256)",
)
_NAMED = {
    keccak(signature.encode()): (contract, signature.partition("(")[0])
    for contract, _, signature in (each.partition(".") for each in _EVENTS)
}
"""First topic → whose event it is, and its name."""
TOPIC = {name: topic for topic, (_, name) in _NAMED.items()}


class Record(NamedTuple):
    """One record."""

    number: int
    time_s: int
    buyer: int
    seller: int
    asset: int
    quantity: int
    amount: int


@dataclass(slots=True)
class Batch:
    """A batch and what came of it. Positions are those of records."""

    hash: bytes
    venue: int
    trading_day: int
    cash_asset: int
    records: bytes
    recorded_in: Place
    last_block: int
    """The newest with an event of the batch."""
    affirmed: dict[int, tuple[Affirmation, Place]] = field(default_factory=dict)
    """By institution, what it signed."""
    disputed: dict[int, set[int]] = field(default_factory=dict)
    """By number, of trades that a side excepts, the institutions that do."""
    settled_in: dict[int, Place] = field(default_factory=dict)
    parts: dict[int, int] = field(default_factory=dict)
    """Position → units settled of a trade that is settled in part."""
    out: dict[int, tuple[str, Place]] = field(default_factory=dict)
    """Position → the status of a trade that is out of settlement, and since."""
    _positions: dict[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.records) // WORD

    def record(self, position: int) -> Record:
        """The record at a position."""
        number, time, buyer, seller, asset, units, amount = _PACKED.unpack_from(self.records, position * WORD)
        time_s, amount = int.from_bytes(time, "big"), int.from_bytes(amount, "big")
        return Record(number, time_s, buyer, seller, asset, units, amount)

    def position_of(self, number: int) -> int:
        """The position of the trade with a number. Raises Refused where there is none."""
        if not self._positions:
            self._positions = {self.record(position).number: position for position in range(len(self))}
        if number not in self._positions:
            raise Refused(f"an event names trade {number}, which its batch does not have")
        return self._positions[number]

    def status(self, position: int, record: Record) -> tuple[str, int, Place]:
        """A trade's status, how many of its units are settled, and what ended it."""
        settled = self.parts.get(position, 0)
        if position in self.out:
            status, since = self.out[position]
            return status, settled, since if status in _ENDED else NOWHERE
        if position in self.settled_in:
            return "settled", record.quantity, self.settled_in[position]
        return "disputed" if record.number in self.disputed else "pending", settled, NOWHERE

    def affirmed_in(self, institution: int) -> Place:
        """Where an institution affirmed it."""
        return self.affirmed[institution][1] if institution in self.affirmed else NOWHERE


@dataclass(slots=True)
class Facts:
    """What the blocks say. Institutions and assets are the ledger's indexes."""

    names: dict[int, str] = field(default_factory=dict)
    codes: dict[int, str] = field(default_factory=dict)
    institutions: dict[str, int] = field(default_factory=dict)
    """By name."""
    assets: dict[str, int] = field(default_factory=dict)
    """By code."""
    exponents: dict[int, int] = field(default_factory=dict)
    """By asset, how many decimals its amounts have in minor units."""
    signers: dict[int, set[bytes]] = field(default_factory=dict)
    """Every signer that an institution had."""
    batches: dict[bytes, Batch] = field(default_factory=dict)
    begun_in: int = 0
    """The block in which the first institution was admitted. Who lists an asset or records a batch is one: a
    ledger has nothing before."""


def read(chain_id: int, contracts: Mapping[str, Contract], blocks: Mapping[int, Block]) -> Facts:
    """Go through whole blocks in their order. Raises Refused where they contradict each other."""
    facts = Facts()
    # Only these: another name in the record for the same place would hide what happened there.
    ours = {contracts[name].address: name for name in CONTRACTS}
    house = contracts["ClearingHouse"].address
    for number in sorted(blocks):
        block = blocks[number]
        for raw, receipt in zip(block.transactions, block.receipts, strict=True):
            transaction = None
            for event in receipt_from(receipt).events:
                address, topic = address_and_topic(event)
                contract, name = _NAMED.get(topic, ("", ""))
                if name and ours.get(address) == contract:
                    transaction = transaction or _Transaction(facts, chain_id, house, number, raw)
                    transaction.apply(name, event_of(event))
    return facts


class _Transaction:
    """Applies the events of one transaction, in their order."""

    def __init__(self, facts: Facts, chain_id: int, house: bytes, block: int, raw: bytes) -> None:
        self._facts, self._house, self._call = facts, house, call_of(raw)
        self._named = self._call.named(block, chain_id)
        self._place: Place = block, self._call.hash
        self._selector, self._arguments = self._call.data[:4], self._call.data[4:]
        self._left = _MOST_READ * len(self._call.data)
        self._clears = self._selector == _CLEAR
        """Whether it records, affirms and settles a batch at once."""

    def apply(self, name: str, event: Event) -> None:
        """Take account of an event."""
        facts = self._facts
        match name:
            case "InstitutionAdmitted":
                _give(facts.names, facts.institutions, event, "institution")
                facts.signers.setdefault(event.topic(1), set()).add(event.data[44:64])
                if event.topic(1) == 1:
                    facts.begun_in = self._place[0]
            case "SignerChanged":
                facts.signers.setdefault(event.topic(1), set()).add(event.topics[3][12:])
            case "AssetListed":
                _give(facts.codes, facts.assets, event, "asset")
                facts.exponents[event.topic(1)] = event.word(0)
                if event.word(0) > _MOST_DECIMALS:
                    raise Refused(f"{self._named} lists an asset of {event.word(0)} decimals")
            case "BatchRecorded":
                self._record(event)
            case _:
                batch = facts.batches.get(event.topics[3 if name == "SliceSettled" else 1])
                if batch is not None:
                    batch.last_block = self._place[0]
                    self._change(batch, name, event)

    def _record(self, event: Event) -> None:
        body = self._calldata(_RECORD, _CLEAR)
        records = self._read(abi.array(body, _HEADER_WORDS, next(abi.tuples(body, 1)) if self._clears else 0))
        header, batch_hash = event.data[64 : 64 + _HEADER_WORDS * WORD], event.topics[1]
        if keccak(records) != event.data[:WORD] or not records:
            raise Refused(f"the records in {self._named} are not those that the contract recorded")
        if keccak(header + event.data[:WORD]) != batch_hash:
            raise Refused(f"the batch recorded in {self._named} has another hash")
        if batch_hash in self._facts.batches:
            raise Refused(f"the batch recorded in {self._named} was recorded before")
        venue, day, cash = abi.words(header)[:3]
        batch = Batch(batch_hash, venue, day, cash, records, self._place, last_block=self._place[0])
        self._facts.batches[batch_hash] = batch

    def _change(self, batch: Batch, name: str, event: Event) -> None:
        match name:
            case "BatchAffirmed":
                batch.affirmed[event.topic(2)] = self._affirmation(batch, event), self._place
            case "TradeDisputed":
                batch.disputed.setdefault(event.topic(2), set()).add(event.topic(3))
            case "StatusChanged":
                position, to = event.topic(2), event.word(1)
                if position >= len(batch) or not 0 < to < len(STATUSES):
                    raise Refused(f"{self._named} gives a trade that its batch does not have, or status {to}")
                batch.out[position] = STATUSES[to], self._place
                if STATUSES[to] == "pending":
                    del batch.out[position]
            case "TradeSettledInPart":
                position, settled = batch.position_of(event.topic(2)), event.word(2)
                batch.parts[position] = settled
                if settled == batch.record(position).quantity:
                    del batch.parts[position]
                    batch.settled_in[position] = self._place
            case "SliceSettled":
                if batch.hash not in self._masks:
                    raise Refused(f"{self._named} settles a batch that is not in its calldata")
                masks, self._masks[batch.hash] = self._masks[batch.hash], []  # Once, however many say so.
                for mask in masks:
                    for position in range(min(len(batch), 256 * len(mask))):
                        if mask[position >> 8] >> (position & 255) & 1:
                            batch.settled_in[position] = self._place

    def _affirmation(self, batch: Batch, event: Event) -> Affirmation:
        who = event.topic(2)
        if who not in self._affirmations:
            raise Refused(f"{self._named} has not the affirmation of institution {who} that it brought")
        body, at = self._arguments, self._affirmations[who]
        excepted, signature = self._read(abi.array(body, 4, at)), at + abi.word(body, 5, at) + WORD
        numbers = (batch.records[k * WORD : k * WORD + 4] for k in abi.words(excepted))
        return Affirmation(
            batch_hash=batch.hash,
            institution=who,
            records_hash=event.data[:WORD],
            exceptions_hash=keccak(b"".join(numbers)),
            client_root=event.data[2 * WORD : 3 * WORD],
            prior_block_hash=event.data[3 * WORD : 4 * WORD],
            signature=self._read(body[signature : signature + abi.word(body, -1, signature)]),
        )

    @cached_property
    def _affirmations(self) -> dict[int, int]:
        """By institution, where in the arguments its affirmation is; of several the first."""
        body = self._calldata(_AFFIRM, _CLEAR)
        found: dict[int, int] = {}
        for at in abi.tuples(body, 2 if self._clears else _HEADER_WORDS + 1):
            found.setdefault(abi.word(body, 0, at), at)
        return found

    @cached_property
    def _masks(self) -> dict[bytes, list[list[int]]]:
        """By batch, the masks of its slices: a bit for each record that settles, from each word's lowest."""
        body = self._calldata(_SETTLE, _CLEAR)
        found: dict[bytes, list[list[int]]] = {}
        for at in abi.tuples(body, 1, most=_MOST_SLICES):
            header, records = body[at : at + _HEADER_WORDS * WORD], abi.array(body, _HEADER_WORDS, at)
            mask = abi.words(self._read(abi.array(body, _HEADER_WORDS + 1, at)))
            found.setdefault(keccak(header + keccak(self._read(records))), []).append(mask)
        return found

    def _read(self, data: bytes) -> bytes:
        """The data. Raises Refused where so much was read that places of the call must be the same."""
        self._left -= len(data) + WORD
        if self._left < 0:
            raise Refused(f"{self._named} says much with the same bytes")
        return data

    def _calldata(self, *selectors: bytes) -> bytes:
        """The arguments of the call. Raises Refused where it is another one."""
        if self._call.to != self._house or self._selector not in selectors:
            raise Refused(f"{self._named} does not call the clearing house as its events would have it")
        return self._arguments


def _give(names: dict[int, str], indexes: dict[str, int], event: Event, what: str) -> None:
    """Note a name or a code. Raises Refused where it, or who has it, was there before."""
    index, name = event.topic(1), _text(event.topics[2])
    if index in names or name in indexes:
        raise Refused(f"two events give {what} {index} or the name {name}")
    names[index], indexes[name] = name, index


def _text(word: bytes) -> str:
    """Printable, so that no name can pass for something else on a screen."""
    text = word.rstrip(b"\0").decode("ascii", "backslashreplace")
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
