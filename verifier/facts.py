"""The trades, worked out from what blocks hold: records from calldata, what came of them from events.

The contracts' interfaces (IConsortium, IAssetRegister, IClearingHouse) say what an event means, and
`types/Types.sol` what a record and a header are. A record is 32 bytes, big-endian: `tradeNo u32 | time u24 |
buyer u16 | seller u16 | asset u16 | quantity u64 | amount u88`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from verifier.bundle import Affirmation, Block, Contract, Refused
from verifier.chain import (
    Event,
    address_and_topic,
    call_of,
    event_of,
    receipt_from,
)
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

Place = tuple[int, bytes]
"""A block's number and a transaction's hash."""
NOWHERE: Place = (0, b"")


@dataclass(frozen=True, slots=True)
class Record:
    """One record."""

    number: int
    time_s: int
    buyer: int
    seller: int
    asset: int
    quantity: int
    amount: int

    @classmethod
    def of(cls, raw: bytes) -> Record:
        """Take 32 bytes apart."""
        ends = (4, 7, 9, 11, 13, 21, 32)
        starts = (0, *ends)
        return cls(*(int.from_bytes(raw[a:b], "big") for a, b in zip(starts, ends, strict=False)))


@dataclass(slots=True)
class Batch:
    """A batch and what came of it. Positions are those of records."""

    hash: bytes
    venue: int
    trading_day: int
    cash_asset: int
    records: bytes
    recorded_in: Place
    affirmed_in: dict[int, Place] = field(default_factory=dict)
    affirmed: dict[int, Affirmation] = field(default_factory=dict)
    """By institution, what it signed."""
    disputed: set[int] = field(default_factory=set)
    """Numbers of trades that a side excepts."""
    settled_in: dict[int, Place] = field(default_factory=dict)
    parts: dict[int, int] = field(default_factory=dict)
    """Position → units settled of a trade that is settled in part."""
    out: dict[int, tuple[int, Place]] = field(default_factory=dict)
    """Position → where a trade stands that is out of settlement, and since."""
    last_block: int = 0
    """The newest with an event of the batch."""
    _positions: dict[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.records) // WORD

    def record(self, position: int) -> Record:
        """The record at a position."""
        return Record.of(self.records[position * WORD : (position + 1) * WORD])

    def position_of(self, number: int) -> int:
        """The position of the trade with a number. Raises Refused where there is none."""
        if not self._positions:
            raw = self.records
            numbers = (int.from_bytes(raw[at : at + 4], "big") for at in range(0, len(raw), WORD))
            self._positions = {number: position for position, number in enumerate(numbers)}
        if number not in self._positions:
            raise Refused(f"an event names trade {number}, which its batch does not have")
        return self._positions[number]

    def status(self, position: int, number: int) -> tuple[int, int, Place]:
        """Where a trade stands, how many of its units are settled, and what ended it."""
        quantity = int.from_bytes(self.records[position * WORD + 13 : position * WORD + 21], "big")
        if position in self.out:
            status, since = self.out[position]
            return status, self.parts.get(position, 0), since if status in ENDED else NOWHERE
        if position in self.settled_in:
            return SETTLED, quantity, self.settled_in[position]
        return DISPUTED if number in self.disputed else PENDING, self.parts.get(position, 0), NOWHERE


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


def read(chain_id: int, contracts: Mapping[str, Contract], blocks: Mapping[int, Block]) -> Facts:
    """Go through whole blocks in their order. Raises Refused where they contradict each other."""
    facts = Facts()
    ours = {at.address: name for name, at in contracts.items()}
    house = contracts["ClearingHouse"].address
    for number in sorted(blocks):
        block = blocks[number]
        if len(block.transactions) != len(block.receipts):
            raise Refused(f"block {number:,} has not as many receipts as transactions")
        for raw, receipt in zip(block.transactions, block.receipts, strict=True):
            events = list(_events(receipt, ours))
            if events:
                _Transaction(facts, chain_id, house, (number, keccak(raw)), raw).apply(events)
    return facts


def _events(receipt: bytes, ours: Mapping[bytes, str]) -> Iterator[tuple[str, Event]]:
    home = {
        "InstitutionAdmitted": "Consortium",
        "SignerChanged": "Consortium",
        "AssetListed": "AssetRegister",
    }
    for raw in receipt_from(receipt).events:
        address, topic = address_and_topic(raw)
        name = EVENTS.get(topic)
        if name is not None and ours.get(address) == home.get(name, "ClearingHouse"):
            yield name, event_of(raw)


class _Transaction:
    """Applies the events of one transaction, in their order."""

    def __init__(self, facts: Facts, chain_id: int, house: bytes, place: Place, raw: bytes) -> None:
        self._facts = facts
        self._house = house
        self._place = place
        self._masks: dict[bytes, bytes] | None = None
        self._affirmations: dict[int, int] | None = None
        """By institution, where in the arguments its affirmation is."""
        signed_for, self._to, self._data = call_of(raw)
        if signed_for not in (0, chain_id):
            raise Refused(f"{self._named} is signed for chain {signed_for}, not for chain {chain_id}")

    def apply(self, events: Sequence[tuple[str, Event]]) -> None:
        """Take account of all."""
        for name, event in events:
            match name:
                case "InstitutionAdmitted":
                    _give(self._facts.names, event, "institution")
                    self._facts.signers.setdefault(event.topic(1), set()).add(event.data[44:64])
                case "SignerChanged":
                    self._facts.signers.setdefault(event.topic(1), set()).add(event.topics[3][12:])
                case "AssetListed":
                    _give(self._facts.codes, event, "asset")
                    if event.word(0) > 0xFF:
                        raise Refused(f"{self._named} lists an asset of {event.word(0)} decimals")
                    self._facts.exponents[event.topic(1)] = event.word(0)
                case "BatchRecorded":
                    self._record(event)
                case "SliceSettled":
                    if event.topics[3] in self._facts.batches:
                        self._settle(self._facts.batches[event.topics[3]])
                case _:
                    if event.topics[1] in self._facts.batches:
                        self._change(name, event, self._facts.batches[event.topics[1]])

    def _record(self, event: Event) -> None:
        body = self._calldata(_RECORD, _CLEAR)
        if self._selector == _CLEAR:
            body = next(_slices(body))
        records = _array(body, _word(body, _HEADER_WORDS))
        header = event.data[64 : 64 + _HEADER_WORDS * WORD]
        if keccak(records) != event.data[:WORD] or not records:
            raise Refused(f"the records in {self._named} are not those that the contract recorded")
        if keccak(header + event.data[:WORD]) != event.topics[1]:
            raise Refused(f"the batch recorded in {self._named} has another hash")
        venue, day, cash, *_ = (_word(header, i) for i in range(_HEADER_WORDS))
        if event.topics[1] in self._facts.batches:
            raise Refused(f"the batch recorded in {self._named} was recorded before")
        batch = Batch(event.topics[1], venue, day, cash, records, self._place)
        batch.last_block = self._place[0]
        self._facts.batches[batch.hash] = batch

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
        else:
            position, settled = batch.position_of(event.topic(2)), event.word(2)
            batch.parts[position] = settled
            if settled == batch.record(position).quantity:
                del batch.parts[position]
                batch.settled_in[position] = self._place

    def _affirm(self, event: Event, batch: Batch) -> None:
        body, who = self._calldata(_AFFIRM, _CLEAR), event.topic(2)
        if self._affirmations is None:
            start = _word(body, _HEADER_WORDS + 1 if self._selector == _AFFIRM else 2)
            places = (start + WORD + _word(body, k, start + WORD) for k in range(_word(body, 0, start)))
            self._affirmations = {}
            for at in places:
                self._affirmations.setdefault(_word(body, 0, at), at)
        if who not in self._affirmations:
            raise Refused(f"{self._named} has not the affirmation of institution {who} that it brought")
        at = self._affirmations[who]
        excepted, signature = _array(body, at + _word(body, 4, at)), at + _word(body, 5, at)
        positions = (_word(excepted, k) for k in range(len(excepted) // WORD))
        numbers = b"".join(batch.records[at * WORD : at * WORD + 4] for at in positions)
        batch.affirmed_in[who] = self._place
        batch.affirmed[who] = Affirmation(
            batch_hash=batch.hash,
            institution=who,
            records_hash=event.data[:WORD],
            exceptions_hash=keccak(numbers),
            client_root=event.data[2 * WORD : 3 * WORD],
            prior_block_hash=event.data[3 * WORD : 4 * WORD],
            signature=body[signature + WORD : signature + WORD + _word(body, 0, signature)],
        )

    def _settle(self, batch: Batch) -> None:
        batch.last_block = self._place[0]
        if self._masks is None:
            self._masks = {}
            for part in _slices(self._calldata(_SETTLE, _CLEAR)):
                records = _array(part, _word(part, _HEADER_WORDS))
                key = keccak(part[: _HEADER_WORDS * WORD] + keccak(records))
                mask = _array(part, _word(part, _HEADER_WORDS + 1))
                before = self._masks.get(key, bytes(len(mask)))
                self._masks[key] = bytes(a | b for a, b in zip(before, mask, strict=True))
        if batch.hash not in self._masks:
            raise Refused(f"{self._named} settles a batch that is not in its calldata")
        mask = self._masks[batch.hash]
        for word in range(0, len(mask), WORD):
            bits, first = int.from_bytes(mask[word : word + WORD], "big"), word * 8
            while bits:
                low = bits & -bits
                batch.settled_in[first + low.bit_length() - 1] = self._place
                bits ^= low

    def _calldata(self, *selectors: bytes) -> bytes:
        """The arguments of the call. Raises Refused where it is another one."""
        if self._to != self._house or self._selector not in selectors:
            raise Refused(f"{self._named} does not call the clearing house as its events would have it")
        return self._data[4:]

    @property
    def _selector(self) -> bytes:
        return self._data[:4]

    @property
    def _named(self) -> str:
        return f"transaction 0x{self._place[1].hex()} (block {self._place[0]:,})"


def _slices(body: bytes) -> Iterator[bytes]:
    """The slices of `settle` and `clear`, each from where it begins to the end of the calldata."""
    start = _word(body, 1)
    count = _word(body, 0, start)
    if count > _MOST_SLICES:
        raise Refused(f"calldata ends before its arguments do, or has {count:,} slices")
    for k in range(count):
        yield body[start + WORD + _word(body, k, start + WORD) :]


def _word(data: bytes, index: int, at: int = 0) -> int:
    """A word of what begins at a place."""
    end = at + (index + 1) * WORD
    if len(data) < end:
        raise Refused("calldata ends before its arguments do")
    return int.from_bytes(data[end - WORD : end], "big")


def _array(data: bytes, offset: int) -> bytes:
    """The elements of an array of words."""
    count = _word(data[offset : offset + WORD], 0)
    start = offset + WORD
    if len(data) < start + count * WORD:
        raise Refused("calldata ends before its arguments do")
    return data[start : start + count * WORD]


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
