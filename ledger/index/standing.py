"""Where the trades of a batch stand: what the events of the clearing house make of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ledger.clients.clearing_house import Status
from ledger.history import ENDED

STANDS = ("status", "settled_quantity", "ended_in")
"""Columns of trades, the last ones, and of changes: where a trade stands."""
NEVER = -1
"""In the column of transactions that ended a trade: none has."""


@dataclass
class Standing:
    """The trades of one batch, a row each in its order; what changes of them changes here."""

    first_trade: int
    number: npt.NDArray[np.uint32]
    quantity: npt.NDArray[np.uint64]
    """Whole units."""
    status: npt.NDArray[np.uint8]
    settled_quantity: npt.NDArray[np.uint64]
    ended_in: npt.NDArray[np.int64]
    """The transaction, `NEVER` where there is none."""
    touched: npt.NDArray[np.bool_] = field(init=False)
    """Which an event named since this was set to false."""

    def __post_init__(self) -> None:
        self.touched = np.zeros(len(self), dtype=bool)

    @classmethod
    def recorded(
        cls, first_trade: int, number: npt.NDArray[np.uint32], quantity: npt.NDArray[np.uint64]
    ) -> Standing:
        """As a batch stands when it has been recorded."""
        count = len(number)
        return cls(
            first_trade,
            number,
            quantity,
            np.full(count, Status.PENDING, dtype=np.uint8),
            np.zeros(count, dtype=np.uint64),
            np.full(count, NEVER, dtype=np.int64),
        )

    @classmethod
    def of(cls, first_trade: int, rows: pa.Table) -> Standing:
        """As the trades of a batch stand in the index: `rows` of its table of trades."""
        number, quantity = (rows[name].to_numpy() for name in ("number", "quantity"))
        return cls(first_trade, number, quantity, *_stands(rows))

    def apply(self, rows: pa.Table) -> None:
        """What a later segment has of them: `rows` of its table of changes."""
        places = rows["trade"].to_numpy() - self.first_trade
        self.status[places], self.settled_quantity[places], self.ended_in[places] = _stands(rows)
        self.touched[places] = True

    def __len__(self) -> int:
        return len(self.number)

    def except_(self, numbers: npt.NDArray[np.uint32]) -> None:
        """An affirmation does not agree to the trades with these numbers. One that was cancelled before, or
        has otherwise been taken out, stays so."""
        rows = self._rows(numbers)
        self._set(rows[self.status[rows] == Status.PENDING], status=Status.DISPUTED)
        self.touched[rows] = True

    def change(self, rows: npt.NDArray[np.int64], to: npt.NDArray[np.uint8], transaction: int) -> None:
        """The house says where trades at these places stand now."""
        self._set(rows, status=to)
        self.ended_in[rows[np.isin(to, ENDED)]] = transaction

    def settle_parts(
        self, numbers: npt.NDArray[np.uint32], settled: npt.NDArray[np.uint64], transaction: int
    ) -> None:
        """Of trades with these numbers so many units are settled now, in the order in which it happened."""
        rows = self._rows(numbers)
        self.settled_quantity[rows] = settled
        self.touched[rows] = True
        whole = rows[self.settled_quantity[rows] == self.quantity[rows]]
        self._set(whole, status=Status.SETTLED)
        self.ended_in[whole] = transaction

    def settle(self, chosen: npt.NDArray[np.bool_], transaction: int) -> None:
        """All units of the chosen trades, a mask, settled."""
        self.status[chosen] = Status.SETTLED
        self.settled_quantity[chosen] = self.quantity[chosen]
        self.ended_in[chosen] = transaction
        self.touched |= chosen

    def _set(self, rows: npt.NDArray[np.int64], *, status: int | npt.NDArray[np.uint8]) -> None:
        self.status[rows] = status
        self.touched[rows] = True

    def _rows(self, numbers: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
        found: npt.NDArray[np.int64] = self._order[np.searchsorted(self.number, numbers, sorter=self._order)]
        return found

    @cached_property
    def _order(self) -> npt.NDArray[np.int64]:
        return np.argsort(self.number, kind="stable")


def _stands(
    rows: pa.Table,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    status, settled, ended = (rows[name] for name in STANDS)
    return status.to_numpy().copy(), settled.to_numpy().copy(), pc.fill_null(ended, NEVER).to_numpy().copy()
