"""Rows that are right as columns, before it is known which of them stand beside the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from ledger.units import Column


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """One row a trade. `row` is its line less one, so that the header is 0."""

    row: npt.NDArray[np.int64]
    number: npt.NDArray[np.int64]
    time: npt.NDArray[np.uint32]
    buyer: npt.NDArray[np.int32]
    seller: npt.NDArray[np.int32]
    security: npt.NDArray[np.int32]
    """By the numbers that the file's securities have got so far."""
    quantity: npt.NDArray[np.uint64]
    amount: Column

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def nothing(cls) -> Columns:
        """No rows."""
        none = np.empty(0, dtype=np.int64)
        code = none.astype(np.int32)
        return cls(none, none, none.astype(np.uint32), code, code, code, none.astype(np.uint64), none)

    @classmethod
    def joined(cls, parts: Sequence[Columns]) -> Columns:
        """The parts one after the other."""
        if not parts:
            return cls.nothing()
        return cls(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)))

    def take(self, rows: npt.NDArray[Any]) -> Columns:
        """The rows that a mask or row numbers pick, in the order given."""
        return Columns(*(getattr(self, field.name)[rows] for field in fields(self)))

    def in_order(self) -> Columns:
        """The rows in the order of the file."""
        if len(self) < 2 or bool((np.diff(self.row) > 0).all()):
            return self
        return self.take(np.argsort(self.row, kind="stable"))
