"""What one transaction of a chain can carry: how many records a batch has, and what settles as one netting
set.

Sizes of calldata are exact. Gas is an upper bound of what the contracts use: each step's operations at
Cancun's prices, every storage slot that is empty at the price of filling it, checked against receipts (see
tests/integration). A bound that is too high costs a netting set more, one too low a refused transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ledger.chain.base import Limits
from ledger.history import RecordedBatch
from ledger.records import CURRENCY_FLAG
from ledger.signatures import Affirmation

BATCH_RECORDS = 8_192
"""Records in one batch at most: the contract's memory grows with the square of it."""
SLICES = 255
"""Batches in one netting set at most."""

_WORD = 32
_ENVELOPE = 256
"""Bytes of a signed transaction around its calldata, at most."""
_SETTLE = _ENVELOPE + 100
"""Bytes of a settlement besides its slices."""
_BYTE = 40
"""Gas of a byte of calldata at most, where nothing else costs more (EIP-7623)."""
_FILLED, _CHANGED = 22_300, 5_300
"""Gas of a cold storage slot that is written first, or again."""
_MASK_RECORDS = 256
"""Records whose marks share a slot."""


def records_limit(limits: Limits, institutions: int) -> int:
    """How many records a batch has at most, so that each step fits one transaction: to record it, to affirm
    it for all institutions, and to settle two together. One that excepts all of it fits then, too.
    """
    low, high = 1, BATCH_RECORDS
    while low < high:
        count = (low + high + 1) // 2
        steps = (
            (_record_bytes(count), _record_gas(count)),
            (_affirm_bytes(count, [0] * institutions), _affirm_gas(count, [0] * institutions)),
            (_SETTLE + 2 * _slice_bytes(count), 0),
        )
        low, high = (count, high) if all(_fits(limits, *step) for step in steps) else (low, count - 1)
    return low


def affirmed_together(
    limits: Limits, records: int, affirmations: Iterable[Affirmation]
) -> list[list[Affirmation]]:
    """The affirmations of a batch with so many records, by transaction.

    One that no transaction can carry, as it has too many exceptions, is left out: its trades wait, and nobody
    else's.
    """
    groups: list[list[Affirmation]] = []
    for affirmation in affirmations:
        for group in (*groups[-1:], []):
            exceptions = [len(each.exceptions) for each in (*group, affirmation)]
            if _fits(limits, _affirm_bytes(records, exceptions), _affirm_gas(records, exceptions)):
                group.append(affirmation)
                if len(group) == 1:
                    groups.append(group)
                break
    return groups


def issued_at_once(limits: Limits) -> int:
    """How many movements one issue has at most."""
    return _as_many(limits, 65_000)


def listed_at_once(limits: Limits) -> int:
    """How many securities are listed in one transaction at most."""
    return _as_many(limits, 90_000)


def _as_many(limits: Limits, gas_each: int) -> int:
    """So many words as an array that cost so much each, one at least."""
    fixed_bytes, fixed_gas = _ENVELOPE + 132, 150_000
    count = (limits.transaction_gas - fixed_gas) // (gas_each + _WORD * _BYTE)
    if limits.transaction_bytes is not None:
        count = min(count, (limits.transaction_bytes - fixed_bytes) // _WORD)
    return max(1, min(count, BATCH_RECORDS))


def _fits(limits: Limits, size: int, gas: int) -> bool:
    allowed = limits.transaction_bytes
    return (allowed is None or size <= allowed) and max(gas, 21_000 + _BYTE * size) <= limits.transaction_gas


def _record_bytes(records: int) -> int:
    return _ENVELOPE + 260 + _WORD * records


def _record_gas(records: int) -> int:
    """A pass over the records, and a slot for each 256 trade numbers, which may lie far apart."""
    return 250_000 + 900 * records + _FILLED * min(records, _MASK_RECORDS) + _memory(records)


def _affirm_bytes(records: int, exceptions: Sequence[int]) -> int:
    return _ENVELOPE + 324 + _WORD * (records + sum(exceptions)) + 384 * len(exceptions)


def _affirm_gas(records: int, exceptions: Sequence[int]) -> int:
    """Of so many records; `exceptions` are each institution's. The contract puts the numbers of exceptions
    one after the other into memory anew for each."""
    marks = 2 * _FILLED * -(-records // _MASK_RECORDS) if any(exceptions) else 0
    gas = 100_000 + 900 * records + 18_000 * len(exceptions) + 6_000 * sum(exceptions) + marks
    return gas + _memory(3 * records + 256 + sum(count * (count + 32) // 16 for count in exceptions))


def _slice_bytes(records: int) -> int:
    return 416 + _WORD * (records + -(-records // _MASK_RECORDS))


def _memory(words: int) -> int:
    """Gas of so much memory; 3 to extend it and 6 to copy into it and hash it."""
    return 9 * words + words * words // 512


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A batch, and the records of it that may settle."""

    batch: RecordedBatch
    rows: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Extent:
    """What of a market the gas of a settlement depends on."""

    institutions: int
    assets: int
    """The highest index of a security, at least."""
    tiers: int
    agreements: int
    """Of one payer on its commission, at most; `shares` how many receive by them, `dues` how many of those
    could come to owe something, or owe it.
    """
    shares: int
    dues: int = 0


def next_netting_set(
    parts: Sequence[Part], balances: Mapping[tuple[int, int], int], extent: Extent, limits: Limits
) -> tuple[list[Part], list[Part]]:
    """As many of the parts, in their order, as can settle in one transaction whichever of their records are
    chosen, and those that are left. A part may be divided; one record at least is taken.

    `balances` are (institution, asset) → what the register has now: its slots need not be filled.
    """
    filling = _Filling(extent, balances)
    for i, part in enumerate(parts):
        taken = filling.take(part, limits)
        if taken < int(part.rows.sum()):
            left = part.rows.copy()
            left[np.flatnonzero(part.rows)[:taken]] = False
            return filling.parts, [Part(part.batch, left), *parts[i + 1 :]]
    return filling.parts, []


@dataclass(slots=True)
class _Filling:
    """A netting set that is being filled. A place is (institution, security), as a number."""

    extent: Extent
    balances: Mapping[tuple[int, int], int]
    parts: list[Part] = field(default_factory=list)
    size: int = _SETTLE
    linear: int = 0
    """Gas that is a sum over slices, records, places and slots."""
    sent: int = 0
    chosen: int = 0
    moves: int = 0
    groups: int = 0
    _moved: npt.NDArray[np.bool_] = field(init=False)
    """By place: whether something of the set may move there."""
    _filled: npt.NDArray[np.bool_] = field(init=False)
    """By the first place of a slot: whether it was not empty before; and whether the set may write it."""
    _written: npt.NDArray[np.bool_] = field(init=False)
    _grouped: npt.NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        size = (self.extent.institutions + 1) * self._width
        self._moved, self._filled, self._written = (np.zeros(size, dtype=bool) for _ in range(3))
        self._grouped = np.zeros(self._width, dtype=bool)
        filled = [
            holder * self._width + (asset & ~3)
            for (holder, asset), amount in self.balances.items()
            if amount and not asset & CURRENCY_FLAG
        ]
        self._filled[filled] = True

    @property
    def _width(self) -> int:
        """Places of one institution."""
        return (self.extent.assets | 3) + 1

    def take(self, part: Part, limits: Limits) -> int:
        """Take as many of the part's records as fit, of a first part one at least; how many they are."""
        count = len(part.rows)
        words = -(-count // _MASK_RECORDS)
        size = self.size + _slice_bytes(count)
        over = limits.transaction_bytes is not None and size > limits.transaction_bytes
        if self.parts and (over or len(self.parts) == SLICES):
            return 0
        positions = np.flatnonzero(part.rows)
        records = part.batch.records.take(positions)
        asset = records.asset.astype(np.int64)
        places = np.stack((records.buyer, records.seller), axis=1).astype(np.int64) * self._width
        places += asset[:, None]
        rows = np.arange(1, len(positions) + 1)
        moves = _first_seen(places, self._moved)
        groups = _first_seen(asset[:, None] & ~3, self._grouped)
        slots = _first_seen(places & ~3, self._written)
        empty = _first_seen(places & ~3, self._written | self._filled)
        linear: Any = self.linear + 60_000 + 650 * self.extent.institutions + 600 * count + 23_000 * words
        linear += (500 + 60 * self.extent.tiers) * rows
        linear += 3_200 * moves + _CHANGED * (slots - empty) + _FILLED * empty
        gas = self._gas(
            linear, self.sent + count, self.chosen + rows, self.moves + moves, self.groups + groups
        )
        gas = np.maximum(gas, 21_000 + _BYTE * size)
        taken = int(np.searchsorted(gas, limits.transaction_gas, side="right"))
        if not self.parts:
            taken = max(taken, 1)
        if not taken:
            return 0
        mask = np.zeros(count, dtype=bool)
        mask[positions[:taken]] = True
        self.parts.append(Part(part.batch, mask))
        self.size, self.linear, self.sent = size, int(linear[taken - 1]), self.sent + count
        self.chosen += taken
        self.moves += int(moves[taken - 1])
        self.groups += int(groups[taken - 1])
        self._moved[places[:taken]] = True
        self._written[places[:taken] & ~3] = True
        self._grouped[asset[:taken] & ~3] = True
        return taken

    def _gas(self, linear: Any, sent: int, chosen: Any, moves: Any, groups: Any) -> Any:
        """An upper bound for one set; a call gets 63 of 64 parts of the gas there is."""
        institutions, slices = self.extent.institutions, len(self.parts) + 1
        parties = np.minimum(2 * chosen, institutions)
        fixed = 250_000 + 28_000 * (self.extent.shares + 1) + 1_000 * institutions
        extent = self.extent
        sharing = 52_000 * extent.agreements + 2_000 * extent.shares + 28_000 * extent.dues
        charged = (6_000 + sharing) * parties
        passes = (2_500 + 80 * institutions + 500 * slices) * groups
        memory = (slices + 1) * (institutions + 1) * 8 + sent + 2 * moves + 8 * institutions + 1_000
        return (linear + fixed + charged + passes + _memory(memory)) * 64 // 63


def _first_seen(keys: npt.NDArray[np.int64], seen: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """By row of the keys, how many not yet `seen` have come up to it."""
    distinct, first = np.unique(keys, return_index=True)
    fresh = first[~seen[distinct]] // keys.shape[1]
    return np.cumsum(np.bincount(fresh, minlength=len(keys)))
