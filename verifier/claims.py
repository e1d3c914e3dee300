"""What a bundle claims, worked out from its facts: which trades meet its conditions, and all about them.

Complete means: every block of the ledger is there or is shown to have nothing of it. A block's header has a
bloom filter of the events in it, which has no false negatives; so where it does not have an event's contract
and topics, no such event is in the block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from functools import lru_cache
from operator import eq, ge, le
from typing import Any

from verifier import origin
from verifier.bundle import CONTRACTS, Bundle, Condition, Refused, Row
from verifier.ethereum import rlp
from verifier.ethereum.abi import WORD
from verifier.ethereum.chain import Header, mask_of
from verifier.ethereum.crypto import keccak
from verifier.facts import STATUSES, TOPIC, Batch, Facts, Record

_Compared = Callable[[Any, Any], bool]
_Values = Callable[[Batch, Record], Sequence[Any]]
_COMPARED: dict[str, _Compared] = {"=": eq, ">=": ge, "<=": le}
_FIELDS: dict[str, tuple[str, _Values]] = {
    "institution": ("party", lambda _, record: (record.buyer, record.seller)),
    "counterparty": ("party", lambda _, r: ((r.buyer, r.seller), (r.seller, r.buyer))),
    "buyer": ("party", lambda _, record: (record.buyer,)),
    "seller": ("party", lambda _, record: (record.seller,)),
    "security": ("asset", lambda _, record: (record.asset,)),
    "currency": ("asset", lambda batch, _: (batch.cash_asset,)),
    "status": ("status", lambda batch, record: ()),
    "trading_day": ("day", lambda batch, _: (batch.trading_day,)),
    "number": ("number", lambda _, record: (record.number,)),
    "quantity": ("number", lambda _, record: (record.quantity,)),
    "amount_minor": ("number", lambda _, record: (record.amount,)),
}
"""What a condition can be on: what its value is, and what a trade has there, of which one has to compare; of
a counterparty the institution and it. A trade's status is looked at last, in `Claim.answer`."""
_encoded = lru_cache(maxsize=1 << 12)(rlp.encode)
_MOST_CONDITIONS, _MOST_DAYS = 20, 400
"""Of so many days blocks are told apart by their trading day; of more, all batches are there."""


def checked(conditions: Sequence[Condition]) -> None:
    """Raises Refused where conditions are not those that a bundle has."""
    if list(conditions) != sorted(set(conditions)):
        raise Refused("its conditions are not in order, or one is there twice")
    if len(conditions) > _MOST_CONDITIONS:
        raise Refused(f"it has {len(conditions):,} conditions, and {_MOST_CONDITIONS} are what one can have")
    fields = [condition.field for condition in conditions]
    for name, compared, value in conditions:
        kind, _ = _FIELDS.get(name, ("", None))
        if kind in ("day", "number"):
            fits = compared in _COMPARED and _is_plain(kind, value)
        else:
            is_one = kind in ("party", "asset") or (kind == "status" and value in STATUSES[1:])
            fits = compared == "=" and fields.count(name) == 1 and is_one
        if not fits:
            raise Refused(f"it has a condition that is none: {f'{name} {compared} {value}'!r}")
    if "counterparty" in fields and "institution" not in fields:
        raise Refused("it names a counterparty and not whose")


class Claim:
    """A bundle's conditions, held against facts."""

    def __init__(self, bundle: Bundle, facts: Facts) -> None:
        self._bundle = bundle
        self._facts = facts
        tests = list(self._tests())
        self._met = {batch.hash: list(_meeting(batch, tests)) for batch in facts.batches.values()}
        """Of each batch the trades that meet all conditions but that of their status: position and record."""

    def _tests(self) -> Iterator[tuple[_Values, _Compared, Any]]:
        """For each condition but that of the status what it compares, how, and with what."""
        conditions = self._bundle.conditions
        own = next((value for name, _, value in conditions if name == "institution"), "")
        for name, compared, value in conditions:
            kind, values = _FIELDS[name]
            if kind != "status":
                wanted = self._index(kind, value) if kind in ("party", "asset") else _number_of(value)
                pair = self._index("party", own), wanted
                yield values, _COMPARED[compared], pair if name == "counterparty" else wanted

    def _index(self, kind: str, value: str) -> int:
        """The ledger's index of a name or code; -1, which nothing has, where there is none."""
        known = self._facts.institutions if kind == "party" else self._facts.assets
        return known.get(value, -1)

    def needed(self, headers: Sequence[Header]) -> set[int]:
        """The block in which the clearing house was made, and those that may have an event the claim depends
        on, as far as the facts tell which. Raises Refused where the first is not there."""
        consortium, register, house = (self._bundle.contracts[name].address for name in CONTRACTS)
        masks = [
            mask_of(consortium, TOPIC["InstitutionAdmitted"]),
            mask_of(consortium, TOPIC["SignerChanged"]),
            mask_of(register, TOPIC["AssetListed"]),
            *(mask_of(house, TOPIC["BatchRecorded"], *day) for day in _days(self._bundle.conditions)),
            *(mask_of(house, batch_hash) for batch_hash, met in self._met.items() if met),
        ]
        found = {each.number for each in headers if not all(map(each.absent.__and__, masks))}
        return found | {origin.made(self._bundle)[0]}

    def check_complete(self, headers: Sequence[Header]) -> None:
        """Raises Refused where a block that is not there may have an event that the claim depends on, where
        one is there that has none, and where the claim names what the ledger does not have."""
        if 1 not in self._facts.names:
            raise Refused("it does not begin where the ledger began: nothing admits its first institution")
        for name, _, value in self._bundle.conditions:
            kind, _ = _FIELDS[name]
            if kind in ("party", "asset") and self._index(kind, value) < 0:
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
            for position, record in self._met[batch.hash]:
                row = self._row(batch, position, record)
                if row.status in statuses:
                    mask[position >> 3] |= 1 << (position & 7)
                    rows.append(row)
            masks.append(bytes(mask))
        return sorted(rows, key=lambda row: (row.trading_day, row.number, row.batch_hash)), masks

    def last_block(self) -> int:
        """The newest block with something that the answer depends on. How the clearing house was made and the
        ledger's beginning are among it: else blocks that nobody vouches for could tell others, with other
        contracts and names, and what came before could be left out."""
        own = (batch.last_block for batch in self._facts.batches.values() if self._met[batch.hash])
        return max(origin.made(self._bundle)[0], self._facts.begun_in, *own)

    def _row(self, batch: Batch, position: int, record: Record) -> Row:
        name, code = self._facts.names, self._facts.codes
        status, settled, ended_in = batch.status(position, record)
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
                status=status,
                settled_quantity=settled,
                recorded_in=batch.recorded_in,
                affirmed_in=(batch.affirmed_in(record.buyer), batch.affirmed_in(record.seller)),
                ended_in=ended_in,
            )
        except KeyError as missing:
            raise Refused(f"trade {record.number}: nothing names its party or asset {missing}") from None


def _meeting(batch: Batch, tests: Sequence[tuple[_Values, _Compared, Any]]) -> Iterator[tuple[int, Record]]:
    for position in range(len(batch)):
        record = batch.record(position)
        if all(any(how(own, wanted) for own in values(batch, record)) for values, how, wanted in tests):
            yield position, record


def digest_of(rows: Sequence[Row], data: bytes) -> bytes:
    """A file's last bytes: the hash of all before and of the answer; without it an altered one might hold."""
    return keccak(data[:-WORD] + rlp.join(rlp.join(map(_encoded, row)) for row in rows))


def _days(conditions: Sequence[Condition]) -> list[tuple[bytes, ...]]:
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


def _is_plain(kind: str, value: str) -> bool:
    try:
        return value == (date.fromisoformat(value).isoformat() if kind == "day" else str(abs(int(value))))
    except ValueError:
        return False


def _number_of(value: str) -> int:
    """A number, or a day as yyyymmdd."""
    return int(value.replace("-", ""))
