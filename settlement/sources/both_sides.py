"""Trades of a book's owner with itself, where the book goes by sides: bought in one row, sold in another.

On the ledger that is one trade, which earned commission on both of its sides. Two rows that both buy are not
that; they are one trade twice.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ledger.units import exact_add
from settlement.reconciliation.entries import Entries

_CHARGES = ("commission", "levy")


def as_one(entries: Entries, owner: str, bought: npt.NDArray[np.bool_]) -> Entries:
    """The entries with each sale of the owner to itself in the purchase that says the same, charges added;
    `bought` says which rows buy. A sale or a purchase alone stays as it is.
    """
    party = entries.parties.index(owner) if owner in entries.parties else len(entries.parties)
    own = np.flatnonzero((entries.buyer == party) & (entries.seller == party))
    if not len(own) or bought[own].all() or not bought[own].any():
        return entries
    columns = {name: column for name, column in entries.columns().items() if name not in (*_CHARGES, "line")}
    says = list(zip(*(column[own].tolist() for column in columns.values()), strict=True))
    purchases: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for row, said in zip(own.tolist(), says, strict=True):
        if bought[row]:
            purchases[said].append(row)
    pairs = []
    for row, said in zip(own.tolist(), says, strict=True):
        if not bought[row] and purchases[said]:
            pairs.append((purchases[said].pop(0), row))
    into, gone = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    every = np.concatenate([np.arange(len(entries)), into])
    added: dict[str, Any] = {
        name: exact_add(len(entries), every, np.concatenate([column, column[gone]]))
        for name in _CHARGES
        if (column := getattr(entries, name)) is not None
    }
    kept = np.ones(len(entries), dtype=np.bool_)
    kept[gone] = False
    return replace(entries, **added).take(kept)
