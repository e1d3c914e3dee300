"""What a bundle claims, worked out from its facts: which trades meet its conditions, and all about them.

Complete means: every block of the ledger is there or is shown to have nothing of it. A block's header has a
bloom filter of the events in it, which has no false negatives; so where it does not have an event's contract
and topics, no such event is in the block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from operator import eq, ge, le
from typing import Any

from verifier import origin, rlp
from verifier.bundle import CONTRACTS, Bundle, Condition, Refused, Row
from verifier.chain import Header, mask_of
from verifier.facts import NOWHERE, STATUSES, TOPIC, WORD, Batch, Facts, Record
from verifier.trie import keccak

_Values = Callable[[Batch, Record], Sequence[Any]]
_Compared = Callable[[Any, Any], bool]
_COMPARED: dict[str, _Compared] = {"=": eq, ">=": ge, "<=": le}
_VALUES: dict[str, _Values] = {
    "institution": lambda batch, record: (record.buyer, record.seller),
    "counterparty": lambda batch, record: ((record.buyer, record.seller), (record.seller, record.buyer)),
    "buyer": lambda batch, record: (record.buyer,),
    "seller": lambda batch, record: (record.seller,),
    "security": lambda batch, record: (record.asset,),
    "currency": lambda batch, record: (batch.cash_asset,),
    "trading_day": lambda batch, record: (batch.trading_day,),
    "number": lambda batch, record: (record.number,),
    "quantity": lambda batch, record: (record.quantity,),
    "amount_minor": lambda batch, record: (record.amount,),
}
"""Field → what a trade has there, of which one has to compare: of a counterparty the institution and it."""
_PARTIES, _ASSETS = ("institution", "counterparty", "buyer", "seller"), ("security", "currency")
TEXTS = (*_PARTIES, *_ASSETS, "status")
_MOST_DAYS = 400
"""Of so many days blocks are told apart by their trading day; of more, all batches are there."""


def checked(conditions: Sequence[Condition]) -> None:
    """Raises Refused where conditions are not those that a bundle has."""
    if list(conditions) != sorted(set(conditions)):
        raise Refused("its conditions are not in order, or one is there twice")
    fields = [condition.field for condition in conditions]
    for name, compared, value in conditions:
        if name in TEXTS:
            fits = compared == "=" and fields.count(name) == 1 and (name != "status" or value in STATUSES[1:])
        elif name == "trading_day":
            fits = compared in _COMPARED and _is_day(value)
        else:
            fits = name in _VALUES and compared in _COMPARED and value.isdecimal() and value.isascii()
        if not fits:
            raise Refused(f"it has a condition that is none: {name} {compared} {value}")
    if "counterparty" in fields and "institution" not in fields:
        raise Refused("it names a counterparty and not whose")


def days(conditions: Sequence[Condition]) -> list[tuple[bytes, ...]]:
    """The trading days that a trade can be of, each as the topic of an event; where these are too many to be
    listed, one that is any day: no topic."""
    own = [c for c in conditions if c.field == "trading_day"]
    first = max((c.value for c in own if c.comparison in ("=", ">=")), default="")
    last = min((c.value for c in own if c.comparison in ("=", "<=")), default="")
    if not (first and last):
        return [()]
    start, count = date.fromisoformat(first), (date.fromisoformat(last) - date.fromisoformat(first)).days + 1
    if count > _MOST_DAYS:
        return [()]
    every = (str(start + timedelta(days=i)) for i in range(count))
    return [(_number_of(day).to_bytes(WORD, "big"),) for day in every]


class Claim:
    """A bundle's conditions, held against facts."""

    def __init__(self, bundle: Bundle, facts: Facts) -> None:
        self._bundle = bundle
        self._facts = facts
        self._tests = list(_tests(bundle.conditions, facts))
        self._met: dict[bytes, list[tuple[int, Record]]] = {}

    def candidates(self, batch: Batch) -> list[tuple[int, Record]]:
        """Position and record of the trades that meet all conditions but that of their status."""
        if batch.hash not in self._met:
            trades = ((position, batch.record(position)) for position in range(len(batch)))
            self._met[batch.hash] = [each for each in trades if self._meets(batch, each[1])]
        return self._met[batch.hash]

    def _meets(self, batch: Batch, record: Record) -> bool:
        return all(
            any(compared(value, wanted) for value in values(batch, record))
            for values, compared, wanted in self._tests
        )

    def needed(self, headers: Sequence[Header]) -> set[int]:
        """The block in which the clearing house was made, and those that may have an event the claim depends
        on, as far as the facts tell which."""
        consortium, register, house = (self._bundle.contracts[name].address for name in CONTRACTS)
        recorded, batches = (house, TOPIC["BatchRecorded"]), self._facts.batches.values()
        wanted = days(self._bundle.conditions)
        masks = [
            mask_of(consortium, TOPIC["InstitutionAdmitted"]),
            mask_of(consortium, TOPIC["SignerChanged"]),
            mask_of(register, TOPIC["AssetListed"]),
            *(mask_of(*recorded, *day) for day in wanted),
            *(mask_of(house, batch.hash) for batch in batches if self.candidates(batch)),
        ]
        made = {number for number, _ in origin.makings(self._bundle)}
        return made | {each.number for each in headers if any(each.bloom & mask == mask for mask in masks)}

    def check_complete(self, headers: Sequence[Header]) -> None:
        """Raises Refused where a block that is not there may have an event that the claim depends on, where
        one is there that has none, where the contracts are not those that the clearing house was made for,
        and where the claim names what the ledger does not have.
        """
        names, codes = self._facts.names, self._facts.codes
        if 1 not in names:
            raise Refused(
                "it does not begin where the ledger began: its first institution is not admitted in it"
            )
        origin.check(self._bundle)
        for name, _, value in self._bundle.conditions:
            known = names if name in _PARTIES else codes
            if name in (*_PARTIES, *_ASSETS) and value not in known.values():
                raise Refused(f"it names a {name} that the ledger does not have: {value!r}")
        needed = self.needed(headers)
        for number in sorted(needed ^ self._bundle.blocks.keys()):
            if number in needed:
                raise Refused(f"block {number:,} may hold what the answer depends on, and is left out")
            raise Refused(f"block {number:,} is there, and nothing depends on it")

    def answer(self) -> tuple[list[Row], list[bytes]]:
        """Every trade that meets all conditions, by trading day and number; for each batch, which these are,
        bit i % 8 of byte i // 8 for record i."""
        rows, masks = [], []
        statuses = [value for name, _, value in self._bundle.conditions if name == "status"] or STATUSES
        for batch in self._facts.batches.values():
            mask = bytearray((len(batch) + 7) // 8)
            for position, record in self.candidates(batch):
                row = self._row(batch, position, record)
                if row.status in statuses:
                    mask[position >> 3] |= 1 << (position & 7)
                    rows.append(row)
            masks.append(bytes(mask))
        return sorted(rows, key=lambda row: (row.trading_day, row.number, row.batch_hash)), masks

    def last_block(self) -> int:
        """The newest block with something that the answer depends on. The ledger's beginning is among it:
        else blocks that nobody vouches for could tell another, and what came before it could be left out."""
        own = (batch.last_block for batch in self._facts.batches.values() if self.candidates(batch))
        return max([self._facts.begun_in, *own])

    def _row(self, batch: Batch, position: int, record: Record) -> Row:
        name, code = self._facts.names, self._facts.codes
        status, settled, ended_in = batch.status(position, record.number)
        buyer, seller = (batch.affirmed.get(who) for who in (record.buyer, record.seller))
        try:
            return Row(
                trading_day=batch.trading_day,
                number=record.number,
                time_s=record.time_s,
                buyer=name[record.buyer],
                seller=name[record.seller],
                security=code[record.asset],
                quantity=record.quantity,
                amount_minor=record.amount,
                currency=code[batch.cash_asset],
                batch_hash=batch.hash,
                position=position,
                status=STATUSES[status],
                settled_quantity=settled,
                recorded_in=batch.recorded_in,
                affirmed_in=(buyer[1] if buyer else NOWHERE, seller[1] if seller else NOWHERE),
                ended_in=ended_in,
            )
        except KeyError as missing:
            raise Refused(f"trade {record.number}: nothing names its party or asset {missing}") from None


def _tests(conditions: Sequence[Condition], facts: Facts) -> Iterator[tuple[_Values, _Compared, Any]]:
    """For each condition but that of the status what it compares, how, and with what."""
    party, asset = ({name: i for i, name in known.items()} for known in (facts.names, facts.codes))
    own = next((value for name, _, value in conditions if name == "institution"), "")
    for name, comparison, value in conditions:
        if name != "status":
            # Nothing has the index -1 of a name that the ledger does not have.
            known = party if name in _PARTIES else asset
            wanted: Any = known.get(value, -1) if name in TEXTS else _number_of(value)
            pair = party.get(own, -1), wanted
            yield _VALUES[name], _COMPARED[comparison], pair if name == "counterparty" else wanted


def digest_of(rows: Sequence[Row], data: bytes) -> bytes:
    """What a file ends with: the hash of all before it and of the answer in RLP. It tells a file that was
    altered from one that was made so, where what it says would still hold."""
    return keccak(data[:-WORD] + rlp.encode(rows))


def _is_day(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _number_of(value: str) -> int:
    """A number, or a day as yyyymmdd."""
    return int(value.replace("-", ""))
