"""The trades, worked out from what blocks hold: records from calldata, what came of them from events.

The contracts' interfaces (IConsortium, IAssetRegister, IClearingHouse) say what an event means, and
`types/Types.sol` what a record and a header are. A record is 32 bytes, big-endian: `tradeNo u32 | time u24 |
buyer u16 | seller u16 | asset u16 | quantity u64 | amount u88`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from verifier.bundle import CONTRACTS, Affirmation, Block, Contract, Place, Refused
from verifier.chain import Event, address_and_topic, call_of, event_of, receipt_from
from verifier.trie import keccak

WORD = 32
STATUSES = ("unknown", "pending", "disputed", "settled", "held", "cancelled", "compensated", "closed_out")
PENDING, DISPUTED, SETTLED = (STATUSES.index(name) for name in ("pending", "disputed", "settled"))
ENDED = frozenset(STATUSES.index(name) for name in ("cancelled", "compensated", "closed_out"))
_HEADER_WORDS = 6
_MOST_SLICES = 255
"""The clearing house takes no more at once."""
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
EVENTS = {
    keccak(signature.encode()): signature.partition("(")[0]
    for signature in (
        "InstitutionAdmitted(uint16,bytes32,address,address,uint8)",
        "SignerChanged(uint16,address,address)",
        "AssetListed(uint16,bytes32,uint16,uint8)",
        f"BatchRecorded(bytes32,uint16,uint32,bytes32,uint256,{_HEADER})",
        "BatchAffirmed(bytes32,uint16,bytes32,uint256,bytes32,bytes32)",
        "TradeDisputed(bytes32,uint32,uint16)",
        "StatusChanged(bytes32,uint256,uint8,uint8)",
        "TradeSettledInPart(bytes32,uint32,uint64,uint88,uint64)",
        "SliceSettled(uint16,uint64,bytes32,uint256)",
    )
}
"""First topic → the event's name."""
TOPIC = {name: topic for topic, name in EVENTS.items()}
_HOMES = {"InstitutionAdmitted": "Consortium", "SignerChanged": "Consortium", "AssetListed": "AssetRegister"}
"""Whose an event is, where it is not the clearing house's."""
_PACKED = struct.Struct(">I3sHHHQ11s")
_MOST_DECIMALS = 255
NOWHERE: Place = (0, b"")


class Record(NamedTuple):
    """One record."""

    number: int
    time_s: int
    buyer: int
    seller: int
    asset: int
    quantity: int
    amount: int

    @classmethod
    def of(cls, raw: bytes, at: int = 0) -> Record:
        """Take the 32 bytes at a place apart."""
        number, time_s, buyer, seller, asset, quantity, amount = _PACKED.unpack_from(raw, at)
        time_s, amount = int.from_bytes(time_s, "big"), int.from_bytes(amount, "big")
        return cls(number, time_s, buyer, seller, asset, quantity, amount)


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
    disputed: set[int] = field(default_factory=set)
    """Numbers of trades that a side excepts."""
    settled_in: dict[int, Place] = field(default_factory=dict)
    parts: dict[int, int] = field(default_factory=dict)
    """Position → units settled of a trade that is settled in part."""
    out: dict[int, tuple[int, Place]] = field(default_factory=dict)
    """Position → where a trade stands that is out of settlement, and since."""
    _positions: dict[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.records) // WORD

    def record(self, position: int) -> Record:
        """The record at a position."""
        return Record.of(self.records, position * WORD)

    def position_of(self, number: int) -> int:
        """The position of the trade with a number. Raises Refused where there is none."""
        if not self._positions:
            self._positions = {self.record(position).number: position for position in range(len(self))}
        if number not in self._positions:
            raise Refused(f"an event names trade {number}, which its batch does not have")
        return self._positions[number]

    def status(self, position: int, number: int) -> tuple[int, int, Place]:
        """Where a trade stands, how many of its units are settled, and what ended it."""
        settled = self.parts.get(position, 0)
        if position in self.out:
            status, since = self.out[position]
            return status, settled, since if status in ENDED else NOWHERE
        if position in self.settled_in:
            return SETTLED, self.record(position).quantity, self.settled_in[position]
        return DISPUTED if number in self.disputed else PENDING, settled, NOWHERE


@dataclass(slots=True)
class Facts:
    """What the blocks say. Institutions and assets are the ledger's indexes."""

    names: dict[int, str] = field(default_factory=dict)
    codes: dict[int, str] = field(default_factory=dict)
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
        if len(block.transactions) != len(block.receipts):
            raise Refused(f"block {number:,} has not as many receipts as transactions")
        for raw, receipt in zip(block.transactions, block.receipts, strict=True):
            transaction = None
            for event in receipt_from(receipt).events:
                address, topic = address_and_topic(event)
                name = EVENTS.get(topic, "")
                if name and ours.get(address) == _HOMES.get(name, "ClearingHouse"):
                    transaction = transaction or _Transaction(facts, chain_id, house, number, raw)
                    transaction.apply(name, event_of(event))
    return facts


class _Transaction:
    """Applies the events of one transaction, in their order."""

    def __init__(self, facts: Facts, chain_id: int, house: bytes, block: int, raw: bytes) -> None:
        self._facts = facts
        self._house = house
        call = call_of(raw)
        call.check_chain(chain_id, block)
        self._place = block, call.hash
        self._named = call.named(block)
        self._masks: dict[bytes, list[list[int]]] | None = None
        """By batch, what slices say of it."""
        self._affirmations: dict[int, int] | None = None
        """By institution, where in the arguments its affirmation is."""
        self._to, self._selector, self._arguments = call.to, call.data[:4], call.data[4:]

    def apply(self, name: str, event: Event) -> None:
        """Take account of an event."""
        facts = self._facts
        if name == "InstitutionAdmitted":
            _give(facts.names, event, "institution")
            facts.signers.setdefault(event.topic(1), set()).add(event.data[44:64])
            if event.topic(1) == 1:
                facts.begun_in = self._place[0]
        elif name == "SignerChanged":
            facts.signers.setdefault(event.topic(1), set()).add(event.topics[3][12:])
        elif name == "AssetListed":
            _give(facts.codes, event, "asset")
            facts.exponents[event.topic(1)] = event.word(0)
            if event.word(0) > _MOST_DECIMALS:
                raise Refused(f"{self._named} lists an asset of {event.word(0)} decimals")
        elif name == "BatchRecorded":
            self._record(event)
        elif (batch := facts.batches.get(event.topics[3 if name == "SliceSettled" else 1])) is not None:
            self._change(name, event, batch)

    def _record(self, event: Event) -> None:
        body = self._calldata(_RECORD, _CLEAR)
        records = _array(body, _HEADER_WORDS, next(_tuples(body, 1)) if self._selector == _CLEAR else 0)
        header, batch_hash = event.data[64 : 64 + _HEADER_WORDS * WORD], event.topics[1]
        if keccak(records) != event.data[:WORD] or not records:
            raise Refused(f"the records in {self._named} are not those that the contract recorded")
        if keccak(header + event.data[:WORD]) != batch_hash:
            raise Refused(f"the batch recorded in {self._named} has another hash")
        if batch_hash in self._facts.batches:
            raise Refused(f"the batch recorded in {self._named} was recorded before")
        venue, day, cash = (_word(header, i) for i in range(3))
        batch = Batch(batch_hash, venue, day, cash, records, self._place, last_block=self._place[0])
        self._facts.batches[batch_hash] = batch

    def _change(self, name: str, event: Event, batch: Batch) -> None:
        batch.last_block = self._place[0]
        if name == "BatchAffirmed":
            self._affirm(event, batch)
        elif name == "TradeDisputed":
            batch.disputed.add(event.topic(2))
        elif name == "StatusChanged":
            position, to = event.topic(2), event.word(1)
            if position >= len(batch) or not PENDING <= to < len(STATUSES):
                raise Refused(f"{self._named} gives a trade that its batch does not have, or status {to}")
            batch.out[position] = to, self._place
            if to == PENDING:
                del batch.out[position]
        elif name == "TradeSettledInPart":
            position, settled = batch.position_of(event.topic(2)), event.word(2)
            batch.parts[position] = settled
            if settled == batch.record(position).quantity:
                del batch.parts[position]
                batch.settled_in[position] = self._place
        else:
            self._settle(batch)

    def _affirm(self, event: Event, batch: Batch) -> None:
        body, who = self._calldata(_AFFIRM, _CLEAR), event.topic(2)
        if self._affirmations is None:
            self._affirmations = {}
            for at in _tuples(body, _HEADER_WORDS + 1 if self._selector == _AFFIRM else 2):
                self._affirmations.setdefault(_word(body, 0, at), at)
        if who not in self._affirmations:
            raise Refused(f"{self._named} has not the affirmation of institution {who} that it brought")
        at = self._affirmations[who]
        excepted, signature = _words(_array(body, 4, at)), at + _word(body, 5, at)
        numbers = (batch.records[position * WORD : position * WORD + 4] for position in excepted)
        said = Affirmation(
            batch_hash=batch.hash,
            institution=who,
            records_hash=event.data[:WORD],
            exceptions_hash=keccak(b"".join(numbers)),
            client_root=event.data[2 * WORD : 3 * WORD],
            prior_block_hash=event.data[3 * WORD : 4 * WORD],
            signature=body[signature + WORD : signature + WORD + _word(body, 0, signature)],
        )
        batch.affirmed[who] = said, self._place

    def _settle(self, batch: Batch) -> None:
        """What a call settles: of each slice the bits of its mask, from each word's lowest."""
        if self._masks is None:
            body, self._masks = self._calldata(_SETTLE, _CLEAR), {}
            for at in _tuples(body, 1, most=_MOST_SLICES):
                header, records = body[at : at + _HEADER_WORDS * WORD], _array(body, _HEADER_WORDS, at)
                key, mask = keccak(header + keccak(records)), _words(_array(body, _HEADER_WORDS + 1, at))
                self._masks.setdefault(key, []).append(mask)
        if batch.hash not in self._masks:
            raise Refused(f"{self._named} settles a batch that is not in its calldata")
        masks, self._masks[batch.hash] = self._masks[batch.hash], []  # Once, however many events say so.
        for mask in masks:
            for position in range(min(len(batch), 256 * len(mask))):
                if mask[position >> 8] >> (position & 255) & 1:
                    batch.settled_in[position] = self._place

    def _calldata(self, *selectors: bytes) -> bytes:
        """The arguments of the call. Raises Refused where it is another one."""
        if self._to != self._house or self._selector not in selectors:
            raise Refused(f"{self._named} does not call the clearing house as its events would have it")
        return self._arguments


def _word(data: bytes, index: int, at: int = 0) -> int:
    """A word of what begins at a place: words and, behind them, what words tell the places of."""
    end = at + (index + 1) * WORD
    if len(data) < end:
        raise Refused("calldata ends before its arguments do")
    return int.from_bytes(data[end - WORD : end], "big")


def _array(data: bytes, index: int, at: int = 0) -> bytes:
    """The elements of the array of words whose place a word tells."""
    start = at + _word(data, index, at)
    end = start + WORD + _word(data, 0, start) * WORD
    if len(data) < end:
        raise Refused("calldata ends before its arguments do")
    return data[start + WORD : end]


def _tuples(data: bytes, index: int, most: int = 1 << 32) -> Iterator[int]:
    """Where the elements begin of the array of tuples whose place a word tells."""
    start = _word(data, index)
    count = _word(data, 0, start)
    if count > most:
        raise Refused(f"calldata ends before its arguments do, or has {count:,} slices")
    for k in range(count):
        yield start + WORD + _word(data, k + 1, start)


def _words(data: bytes) -> list[int]:
    return [_word(data, k) for k in range(len(data) // WORD)]


def _give(known: dict[int, str], event: Event, what: str) -> None:
    """Note a name or a code. Raises Refused where it, or who has it, was there before."""
    index, name = event.topic(1), _text(event.topics[2])
    if index in known or name in known.values():
        raise Refused(f"two events give {what} {index} or the name {name}")
    known[index] = name


def _text(word: bytes) -> str:
    """Printable, so that no name can pass for something else on a screen."""
    text = word.rstrip(b"\0").decode("ascii", "backslashreplace")
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
