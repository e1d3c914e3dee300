"""What a bundle claims, worked out from its facts: which trades meet its conditions, and all about them.

Complete means: every block of the ledger is there or is shown to have nothing of it. A block's header has a
bloom filter of the events in it, which has no false negatives; so where it does not have an event's contract
and topics, no such event is in the block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple
from datetime import date, timedelta

from verifier.bundle import Bundle, Condition, Refused, Row
from verifier.chain import Header, mask_of
from verifier.facts import NOWHERE, STATUSES, TOPIC, WORD, Batch, Facts, Record
from verifier.trie import keccak

TEXTS = ("institution", "counterparty", "buyer", "seller", "security", "currency", "status")
_COMPARED: dict[str, Callable[[int, int], bool]] = {
    "=": lambda a, b: a == b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}
_PARTIES = ("institution", "counterparty", "buyer", "seller")
_BYTES = {"number": (0, 4), "quantity": (13, 21), "amount_minor": (21, 32)}
"""Where in a record a number is."""
_MOST_DAYS = 400
"""Of so many days blocks are told apart by their trading day; of more, all batches are there."""


def checked(conditions: Sequence[Condition]) -> None:
    """Raises Refused where conditions are not those that a bundle has."""
    if list(conditions) != sorted(set(conditions), key=astuple):
        raise Refused("its conditions are not in order, or one is there twice")
    fields = [condition.field for condition in conditions]
    for condition in conditions:
        name, compared, value = condition.field, condition.comparison, condition.value
        if name in TEXTS:
            fits = compared == "=" and fields.count(name) == 1 and (name != "status" or value in STATUSES[1:])
        elif name == "trading_day":
            fits = compared in _COMPARED and _is_day(value)
        else:
            fits = name in _BYTES and compared in _COMPARED and value.isdecimal() and value.isascii()
        if not fits:
            raise Refused(f"it has a condition that is none: {name} {compared} {value}")
    if "counterparty" in fields and "institution" not in fields:
        raise Refused("it names a counterparty and not whose")


def days(conditions: Sequence[Condition]) -> list[int] | None:
    """The trading days (yyyymmdd) that a trade can be of; None where these are too many to be listed."""
    own = [c for c in conditions if c.field == "trading_day"]
    first = max((c.value for c in own if c.comparison in ("=", ">=")), default=None)
    last = min((c.value for c in own if c.comparison in ("=", "<=")), default=None)
    if first is None or last is None:
        return None
    start, count = date.fromisoformat(first), (date.fromisoformat(last) - date.fromisoformat(first)).days + 1
    if count > _MOST_DAYS:
        return None
    return [_number_of(start + timedelta(days=i)) for i in range(max(count, 0))]


def patterns(bundle: Bundle) -> list[tuple[bytes, ...]]:
    """Contract and topics of the events by which batches, names and keys are known."""
    at = {name: contract.address for name, contract in bundle.contracts.items()}
    found: list[tuple[bytes, ...]] = [
        (at["Consortium"], TOPIC["InstitutionAdmitted"]),
        (at["Consortium"], TOPIC["SignerChanged"]),
        (at["AssetRegister"], TOPIC["AssetListed"]),
    ]
    recorded = at["ClearingHouse"], TOPIC["BatchRecorded"]
    wanted = days(bundle.conditions)
    if wanted is None:
        return [*found, recorded]
    return [*found, *((*recorded, day.to_bytes(WORD, "big")) for day in wanted)]


class Claim:
    """A bundle's conditions, held against facts."""

    def __init__(self, bundle: Bundle, facts: Facts) -> None:
        self._bundle = bundle
        self._facts = facts
        self._test = _Test(bundle.conditions, facts)
        self._met: dict[bytes, list[tuple[int, Record]]] = {}

    def candidates(self, batch: Batch) -> list[tuple[int, Record]]:
        """Position and record of the trades that meet all conditions but that of their status."""
        if batch.hash not in self._met:
            self._met[batch.hash] = list(self._test.candidates(batch))
        return self._met[batch.hash]

    def needed(self, headers: Sequence[Header]) -> set[int]:
        """The blocks that may have an event the claim depends on, as far as the facts tell which."""
        house = self._bundle.contracts["ClearingHouse"].address
        wanted = patterns(self._bundle)
        wanted += [(house, batch.hash) for batch in self._facts.batches.values() if self.candidates(batch)]
        masks = [mask_of(*each) for each in wanted]
        return {each.number for each in headers if any(each.bloom & mask == mask for mask in masks)}

    def check_complete(self, headers: Sequence[Header]) -> None:
        """Raises Refused where a block that is not there may have an event that the claim depends on, where
        one is there that has none, and where the claim names what the ledger does not have.
        """
        if 1 not in self._facts.names:
            raise Refused(
                "it does not begin where the ledger began: its first institution is not admitted in it"
            )
        known = {*self._facts.names.values()}, {*self._facts.codes.values()}
        for c in self._bundle.conditions:
            if c.field in TEXTS and c.field != "status" and c.value not in known[c.field not in _PARTIES]:
                raise Refused(f"it names a {c.field} that the ledger does not have: {c.value!r}")
        needed = self.needed(headers)
        for number in sorted(needed ^ self._bundle.blocks.keys()):
            if number in needed:
                raise Refused(f"block {number:,} may hold what the answer depends on, and is left out")
            raise Refused(f"block {number:,} is there, and nothing depends on it")

    def answer(self) -> tuple[list[Row], list[bytes]]:
        """Every trade that meets all conditions, by trading day and number; for each batch, which these are,
        bit i % 8 of byte i // 8 for record i."""
        rows, masks = [], []
        for batch in self._facts.batches.values():
            mask = bytearray((len(batch) + 7) // 8)
            for position, record in self.candidates(batch):
                row = self._row(batch, position, record)
                if self._test.status in (None, row.status):
                    mask[position >> 3] |= 1 << (position & 7)
                    rows.append(row)
            masks.append(bytes(mask))
        return sorted(rows, key=lambda row: (row.trading_day, row.number, row.batch_hash)), masks

    def last_block(self) -> int:
        """The newest block with an event that the answer depends on; 0 where none has."""
        return max((b.last_block for b in self._facts.batches.values() if self.candidates(b)), default=0)

    def _row(self, batch: Batch, position: int, record: Record) -> Row:
        name, code = self._facts.names, self._facts.codes
        status, settled, ended_in = batch.status(position, record.number)
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
                affirmed_in=(
                    batch.affirmed_in.get(record.buyer, NOWHERE),
                    batch.affirmed_in.get(record.seller, NOWHERE),
                ),
                ended_in=ended_in,
            )
        except KeyError as missing:
            raise Refused(f"trade {record.number}: nothing names its party or asset {missing}") from None


class _Test:
    """Whether trades meet conditions. Records are looked at as they are, in bytes: a day has thousands."""

    def __init__(self, conditions: Sequence[Condition], facts: Facts) -> None:
        text = {c.field: c.value for c in conditions if c.field in TEXTS}
        party = {name: i.to_bytes(2, "big") for i, name in facts.names.items()}
        code = {each: i for i, each in facts.codes.items()}
        self.status = text.get("status")
        # Nothing has the index of a name that the ledger does not have.
        self._party = {name: party.get(text[name], b"") for name in _PARTIES if name in text}
        self._asset = (
            code.get(text["security"], -1).to_bytes(3, "big", signed=True) if "security" in text else b""
        )
        self._cash = code.get(text["currency"], -1) if "currency" in text else None
        self._days = [(_COMPARED[c.comparison], c) for c in conditions if c.field == "trading_day"]
        self._numbers = [
            (*_BYTES[c.field], _COMPARED[c.comparison], int(c.value)) for c in conditions if c.field in _BYTES
        ]

    def candidates(self, batch: Batch) -> Iterator[tuple[int, Record]]:
        """Position and record of the trades of a batch that meet all conditions that cannot change."""
        day, cash = batch.trading_day, batch.cash_asset
        if self._cash not in (None, cash):
            return
        if not all(compare(day, int(c.value.replace("-", ""))) for compare, c in self._days):
            return
        for position in range(len(batch)):
            raw = batch.records[position * WORD : (position + 1) * WORD]
            if (
                all(
                    compare(int.from_bytes(raw[a:b], "big"), wanted)
                    for a, b, compare, wanted in self._numbers
                )
                and (not self._asset or b"\0" + raw[11:13] == self._asset)
                and (not self._party or self._has_parties(raw[7:9], raw[9:11]))
            ):
                yield position, Record.of(raw)

    def _has_parties(self, buyer: bytes, seller: bytes) -> bool:
        wanted = self._party
        if wanted.get("buyer", buyer) != buyer or wanted.get("seller", seller) != seller:
            return False
        if "institution" not in wanted:
            return True
        own = wanted["institution"]
        if "counterparty" in wanted:
            return (buyer, seller) in ((own, wanted["counterparty"]), (wanted["counterparty"], own))
        return own in (buyer, seller)


def digest_of(rows: Sequence[Row], data: bytes) -> bytes:
    """What a file ends with: the hash of all before it and of the answer, a line each trade. It tells a file
    that was altered from one that was made so, where what it says would still hold."""
    return keccak(data[:-WORD] + "".join(f"{row.as_line()}\n" for row in rows).encode())


def _is_day(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _number_of(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day
