"""The root over a broker's allocations of a batch, which its affirmation carries.

Salts, the places of leaves and what fills the empty places come from one stream of SHAKE256 (FIPS 202) over
the broker's secret and the batch: who has not the secret learns from one part of it nothing of another.

What a proof tells of the rest: leaves lie in places drawn by the stream, and every place between them holds
32 bytes of it, so that a proof's length tells how many allocations there are only to within a factor of two,
at least 16, and a leaf's place tells nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ledger.history import RecordedBatch
from ledger.ids import parse_day_number
from ledger.signatures import NO_CLIENTS
from ledger.units import Column, exact, exact_add
from settlement.attesting.tree import Tree, hash_leaves
from settlement.clients.columns import Allocations, Side, before, split_cumulative_down
from settlement.clients.errors import AllocationsDiffer
from settlement.clients.kept import Kept
from settlement.clients.leaves import SALT, Leaf, encode
from settlement.entering import ClientRoot
from settlement.market import Market

SMALLEST = 16
"""Places of a tree at least."""
_TAG = b"clearing client allocations 1"
_ORDER = 8


@dataclass(frozen=True, slots=True)
class Committed:
    """A broker's allocations of one batch as they are in the tree; columns by row."""

    batch_hash: bytes
    institution: int
    allocations: Allocations
    position: npt.NDArray[np.int64]
    amount: Column
    salts: bytes
    places: npt.NDArray[np.int64]
    """Of each row's leaf in the tree."""
    tree: Tree

    def leaf(self, row: int) -> Leaf:
        """One allocation."""
        of = self.allocations
        return Leaf(
            self.batch_hash,
            self.institution,
            int(self.position[row]),
            int(of.number[row]),
            Side(int(of.side[row])),
            int(of.quantity[row]),
            int(self.amount[row]),
            self.salts[row * SALT : (row + 1) * SALT],
            of.clients[of.client[row]],
        )


def client_root(market: Market, kept: Kept) -> ClientRoot:
    """Gives the root of what a broker keeps of a batch; zero where that is nothing."""

    def root(owner: str, batch: RecordedBatch, positions: npt.NDArray[np.int64]) -> bytes:
        found = committed(market, kept, owner, batch, positions)
        return NO_CLIENTS if found is None else found.tree.root

    return root


def agreed(market: Market, owner: str, batch: RecordedBatch) -> npt.NDArray[np.int64]:
    """The positions of a broker's records of a batch that it has affirmed without exception."""
    index = market.index[owner]
    own = (batch.records.buyer == index) | (batch.records.seller == index)
    excepted = [number for number, who in batch.disputed.items() if index in who]
    return np.flatnonzero(own & ~np.isin(batch.records.number, excepted))


def committed(
    market: Market, kept: Kept, owner: str, batch: RecordedBatch, positions: npt.NDArray[np.int64]
) -> Committed | None:
    """What a broker keeps of those records of a batch; None where that is nothing.

    Raises AllocationsDiffer where it is of other trades than were recorded, BookDamaged and FileUnreadable.
    """
    of_day = kept.find(owner, parse_day_number(batch.header.trading_day))
    if of_day is None or not len(positions):
        return None
    order = np.argsort(batch.records.number[positions], kind="stable")
    numbers = batch.records.number[positions][order]
    at = np.minimum(np.searchsorted(numbers, of_day.number), len(numbers) - 1)
    there = numbers[at] == of_day.number
    if not there.any():
        return None
    position, rows = positions[order[at[there]]], of_day.take(there)
    _check(market, owner, batch, position, rows)
    start = before(rows.place, rows.quantity)
    whole = batch.records.quantity[position]
    amount = split_cumulative_down(batch.records.amount[position], whole, start, rows.quantity)
    return _committed(batch.batch_hash, market.index[owner], position, rows, amount, kept.secret(owner))


def _check(
    market: Market, owner: str, batch: RecordedBatch, position: npt.NDArray[np.int64], rows: Allocations
) -> None:
    party = np.where(rows.side == Side.BUY, batch.records.buyer[position], batch.records.seller[position])
    places, first, side = np.unique(rows.place, return_index=True, return_inverse=True)
    total = exact_add(len(places), side, exact(rows.quantity))
    whole = exact(batch.records.quantity[position][first])
    other = np.flatnonzero((total != whole) | (party[first] != market.index[owner]))
    if len(other):
        row = int(other[0])
        number, which = int(places[row]) >> 1, Side(int(places[row]) & 1).name
        raise AllocationsDiffer(owner, number, which, int(total[row]), int(whole[row]))


def _committed(
    batch_hash: bytes,
    institution: int,
    position: npt.NDArray[np.int64],
    rows: Allocations,
    amount: Column,
    secret: bytes,
) -> Committed:
    count = len(rows)
    size = max(SMALLEST, 1 << (count - 1).bit_length())
    stream = hashlib.shake_256(_TAG + secret + batch_hash + institution.to_bytes(2, "big"))
    salted, drawn = count * SALT, count * SALT + size * _ORDER
    data = stream.digest(drawn + (size - count) * SALT)
    salts, fill = data[:salted], data[drawn:]
    places = np.argsort(np.frombuffer(data[salted:drawn], dtype=">u8"), kind="stable")
    names = np.array([name.encode() for name in rows.clients], dtype=np.bytes_)
    leaves = encode(
        batch_hash,
        institution,
        position,
        rows.number,
        rows.side,
        rows.quantity,
        amount,
        salts,
        names[rows.client],
    )
    hashes = [*hash_leaves(leaves), *(fill[at : at + SALT] for at in range(0, len(fill), SALT))]
    level = [hashes[row] for row in np.argsort(places).tolist()]
    return Committed(
        batch_hash, institution, rows, position, amount, salts, places[:count], Tree.of_hashes(level)
    )
