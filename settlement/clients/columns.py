"""Allocations in bulk: columns, one row an allocation of one side of a trade to one client."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from ledger.units import Column, exact

_INT64_MAX = 2**63 - 1


class Side(IntEnum):
    """The broker's side of a trade; of a trade with itself it has both."""

    BUY = 0
    SELL = 1


@dataclass(frozen=True, slots=True, eq=False)
class Allocations:
    """A broker's allocations of one trading day, by trade number and side, within a side in their order."""

    trading_day: date
    number: npt.NDArray[np.uint32]
    """Trade numbers."""
    side: npt.NDArray[np.uint8]
    """A `Side`."""
    quantity: npt.NDArray[np.uint64]
    """Whole units."""
    client: npt.NDArray[np.int32]
    """Points into `clients`."""
    clients: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.number)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Allocations):
            return NotImplemented
        return self._rows() == other._rows()

    __hash__ = None  # type: ignore[assignment]

    @property
    def place(self) -> npt.NDArray[np.int64]:
        """Trade number and side in one number, which rises."""
        return self.number.astype(np.int64) << 1 | self.side

    def take(self, rows: npt.NDArray[Any]) -> Allocations:
        """The rows that a mask or positions pick."""
        columns = {name: getattr(self, name)[rows] for name in ("number", "side", "quantity", "client")}
        return replace(self, **columns)

    def in_order(self) -> Allocations:
        """By trade number and side, within a side as they are."""
        return self.take(np.argsort(self.place, kind="stable"))

    def and_then(self, other: Allocations) -> Allocations:
        """These and others of the same day."""
        known = {name: code for code, name in enumerate(self.clients)}
        for name in other.clients:
            known.setdefault(name, len(known))
        codes = np.array([known[name] for name in other.clients], dtype=np.int32)[other.client]
        columns = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in _PLAIN}
        client = np.concatenate([self.client, codes])
        return Allocations(self.trading_day, **columns, client=client, clients=tuple(known)).in_order()

    def of_side(self, place: int) -> list[tuple[str, int]]:
        """(client, quantity) of one trade's side, by `place`."""
        rows = self.take(self.place == place)
        codes = rows.client.tolist()
        return list(zip((self.clients[each] for each in codes), rows.quantity.tolist(), strict=True))

    def _rows(self) -> tuple[Any, ...]:
        names = [self.clients[code] for code in self.client.tolist()]
        plain = (getattr(self, name).tolist() for name in _PLAIN)
        return (self.trading_day, names, *plain)


_PLAIN = tuple(each.name for each in fields(Allocations) if each.name in ("number", "side", "quantity"))


def before(place: npt.NDArray[np.int64], quantity: npt.NDArray[Any]) -> Column:
    """Of each allocation the units allocated before it of the same side; `place` rises."""
    units = exact(quantity)
    if len(units) and int(units.max()) * len(units) > _INT64_MAX:
        units = units.astype(object)
    begun = np.cumsum(units) - units
    first = np.flatnonzero(np.diff(place, prepend=-1))
    rows = np.diff(np.append(first, len(place)))
    return exact(begun - np.repeat(begun[first], rows))


def split_cumulative_down(
    amount: npt.NDArray[Any], whole: npt.NDArray[Any], start: npt.NDArray[Any], quantity: npt.NDArray[Any]
) -> Column:
    """The part of each trade's settlement amount that falls on `quantity` units after the first `start` of
    the `whole`: floor(amount * end / whole) - floor(amount * start / whole).

    Of a side's allocations, one after the other, the parts come to the amount exactly; each is its
    proportional part rounded down or up.
    """
    columns = [exact(each) for each in (amount, whole, start, quantity)]
    if len(amount) and int(columns[0].max()) * int(columns[1].max()) > _INT64_MAX:
        columns = [each.astype(object) for each in columns]
    total, units, begun, own = columns
    return exact(total * (begun + own) // units - total * begun // units)
