"""The day's trades as columns, and what intake says about a file.

A *trade* is a buy and a sell matched at an execution venue (CPMI-IOSCO glossary). In bulk trades
are columns, not objects: one row a trade, in the order of the file.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from ledger.units import exact, exact_sum

_COLUMNS = {
    "number": np.uint32,
    "time": np.uint32,
    "buyer": np.int32,
    "seller": np.int32,
    "security": np.int32,
    "quantity": np.uint64,
    "line": np.int64,
}


@dataclass(frozen=True, slots=True, eq=False)
class Trades:
    """The accepted trades of one trading day. The columns are of equal length and read-only."""

    trading_day: date
    parties: tuple[str, ...]
    """The scenario's brokers, in its order; `buyer` and `seller` point into it."""
    securities: tuple[str, ...]
    """In the order of first appearance; `security` points into it."""
    number: npt.NDArray[np.uint32]
    """The venue's trade number, unique within the day, from 1."""
    time: npt.NDArray[np.uint32]
    """Seconds of the day; `ledger.units.TIME_UNKNOWN` where the file has none."""
    buyer: npt.NDArray[np.int32]
    seller: npt.NDArray[np.int32]
    security: npt.NDArray[np.int32]
    quantity: npt.NDArray[np.uint64]
    """Whole units."""
    amount: npt.NDArray[Any]
    """Settlement amount in minor units: int64, or Python ints (dtype object) where one exceeds it."""
    line: npt.NDArray[np.int64]
    """The line of the file, the header being line 1."""

    def __post_init__(self) -> None:
        for name, dtype in _COLUMNS.items():
            self._freeze(name, np.asarray(getattr(self, name), dtype=dtype))
        self._freeze("amount", exact(self.amount))
        lengths = {len(getattr(self, name)) for name in (*_COLUMNS, "amount")}
        if len(lengths) != 1:
            raise ValueError(f"columns of different lengths: {sorted(lengths)}")

    def _freeze(self, name: str, column: npt.NDArray[Any]) -> None:
        view = column.view()
        view.setflags(write=False)
        object.__setattr__(self, name, view)

    def __len__(self) -> int:
        return len(self.number)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Trades):
            return NotImplemented
        names = (field.name for field in fields(self))
        return all(np.array_equal(getattr(self, name), getattr(other, name)) for name in names)

    __hash__ = None  # type: ignore[assignment]

    def take(self, rows: npt.NDArray[Any]) -> Trades:
        """The rows that `rows` picks, a boolean mask or row indices; parties and securities stay."""
        columns = {name: getattr(self, name)[rows] for name in (*_COLUMNS, "amount")}
        return replace(self, **columns)

    @property
    def gross_value_minor(self) -> int:
        """The sum of all settlement amounts, exact."""
        return exact_sum(self.amount)


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was refused: its line (the header is line 1), the first wrong field, its value, and why.

    `field` is "row" where the fault is the row's own form, such as the number of its fields.
    """

    line: int
    field: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Intake:
    """What came of a trade file: `rows` were read, each is either in `trades` or in `rejects`."""

    trades: Trades
    rejects: tuple[Reject, ...]
    rows: int
    format: str

    def without(self, parties: Collection[str], reason: str) -> Intake:
        """The same, with the rows refused in which any of the parties buys or sells, for that reason."""
        trades = self.trades
        barred = [place for place, name in enumerate(trades.parties) if name in parties]
        bought, sold = np.isin(trades.buyer, barred), np.isin(trades.seller, barred)
        rejects = [
            Reject(int(trades.line[row]), field, trades.parties[side[row]], reason)
            for there, side, field in (
                (bought, trades.buyer, "buyer"),
                (sold & ~bought, trades.seller, "seller"),
            )
            for row in np.flatnonzero(there).tolist()
        ]
        found = sorted([*self.rejects, *rejects], key=lambda each: each.line)
        return replace(self, trades=trades.take(~(bought | sold)), rejects=tuple(found))
