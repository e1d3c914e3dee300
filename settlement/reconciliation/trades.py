"""Trades of one side against the ledger's: what is held against what, and where they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from settlement.reconciliation.entries import Entries
from settlement.reconciliation.model import Kind
from settlement.sources import EXACT, Tolerances


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between rows of `mine` and rows of `theirs`; either may be none, or several."""

    kind: Kind
    mine: tuple[int, ...]
    theirs: tuple[int, ...]
    fields: Mapping[str, tuple[object, object]]
    """Field of `model.NAMED` → the value of mine and of theirs, None where a side has nothing. Names, not
    codes; quantities and amounts as integers (of several rows their sum), days yyyymmdd, times seconds."""
    candidates: tuple[int, ...] = ()
    """Where `kind` is ambiguous: the rows of theirs (of mine, where `mine` is empty) that fit equally."""


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """What came of holding one side's entries against the other's."""

    differences: list[Difference]
    held: npt.NDArray[np.int64]
    """For each row of mine the row of theirs that it is held against (of several, one), else -1."""
    compared: int
    """How many trades were compared: those that either side has."""


def compare(mine: Entries, theirs: Entries, *, owner: str, tolerances: Tolerances = EXACT) -> Matched:
    """Hold `mine` against `theirs`, the ledger's entries of `owner`: by trade number where both have it,
    else by attributes. Whatever the order of rows, the same is found.
    """
    raise NotImplementedError
