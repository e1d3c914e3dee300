"""The cells of a file of allocations as columns, held against the trades that they are of."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ledger.units import exact, exact_add
from settlement.clients.columns import Allocations, Side
from settlement.model import Reject, Trades


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of texts: `codes` point into `names`."""

    names: tuple[str, ...]
    codes: npt.NDArray[np.int32]

    @classmethod
    def of(cls, column: Sequence[str]) -> Coded:
        """The texts of a column."""
        known = {name: code for code, name in enumerate(dict.fromkeys(column))}
        return cls(tuple(known), np.array([known[name] for name in column], dtype=np.int32))

    def places(self, wanted: Sequence[str]) -> npt.NDArray[np.int64]:
        """Where each text is in `wanted`; -1 where it is not."""
        known = {name: place for place, name in enumerate(wanted)}
        table = np.array([known.get(name, -1) for name in (*self.names, "")], dtype=np.int64)
        found: npt.NDArray[np.int64] = table[self.codes]
        return found


_NOTHING = Coded((), np.zeros(0, dtype=np.int32))


@dataclass(frozen=True, slots=True)
class Cells:
    """The columns of a file, one row an allocation whose form is right."""

    line: npt.NDArray[np.int64]
    trade_date: Coded
    trade_no: npt.NDArray[np.uint64]
    side: Coded
    client: Coded
    quantity: npt.NDArray[np.uint64]
    broker: Coded = _NOTHING

    def of_one(self, broker: str) -> Cells:
        """The same, all of one broker."""
        return replace(self, broker=Coded((broker,), np.zeros(len(self.line), dtype=np.int32)))

    def value(self, field: str, row: int) -> str:
        """What a row says in a field."""
        column = getattr(self, field)
        return column.names[column.codes[row]] if isinstance(column, Coded) else str(column[row])


def check(
    cells: Cells,
    trades: Trades,
    only: str | None,
    affirmed: Mapping[str, tuple[Collection[int], Allocations | None]],
) -> tuple[dict[str, Allocations], list[Reject]]:
    """Brokers' allocations of the trades, and the rows that are refused, each for the first thing that is
    wrong with it. See `settlement.clients.reading.parse`.
    """
    checks = _Checks(cells, trades, only)
    checks.rows()
    checks.signed(affirmed)
    checks.sides()
    return checks.taken(), checks.rejects


class _Checks:
    """One file in the course of being checked: `left` are the rows that are right so far."""

    def __init__(self, cells: Cells, trades: Trades, only: str | None) -> None:
        self.cells, self.trades, self.only = cells, trades, only
        self.left = np.ones(len(cells.line), dtype=np.bool_)
        self.rejects: list[Reject] = []
        order = np.argsort(trades.number, kind="stable")
        numbers = trades.number[order].astype(np.uint64)
        at = np.minimum(np.searchsorted(numbers, cells.trade_no), max(len(numbers) - 1, 0))
        self.known = numbers[at] == cells.trade_no if len(numbers) else np.zeros_like(self.left)
        self.row = order[at] if len(numbers) else at
        self.side = cells.side.places(tuple(side.name for side in Side))
        self.broker = cells.broker.places(trades.parties)
        self.place = np.minimum(cells.trade_no, np.uint64(2**33)).astype(np.int64) << 1 | self.side

    def refuse(self, wrong: npt.NDArray[np.bool_], field: str, reason: str) -> None:
        """Refuse the rows that are wrong in a field, unless they are refused already."""
        for row in np.flatnonzero(wrong & self.left).tolist():
            value = self.cells.value(field, row)
            self.rejects.append(Reject(int(self.cells.line[row]), field, value, reason))
        self.left &= ~wrong

    def rows(self) -> None:
        """What is wrong with a row by itself, field by field, and rows that are there twice."""
        day = str(self.trades.trading_day)
        self.refuse(self.cells.trade_date.places([day]) < 0, "trade_date", f"is not {day}, the trades' day")
        self.refuse(~self.known, "trade_no", "is none of the trades")
        self.refuse(self.broker < 0, "broker", "is no broker of the scenario")
        if self.only is not None:
            self.refuse(self.broker != self.trades.parties.index(self.only), "broker", f"is not {self.only}")
        if len(self.trades):
            buys = self.trades.buyer[self.row] == self.broker
            sells = self.trades.seller[self.row] == self.broker
            self.refuse(~buys & ~sells, "broker", "is no party to the trade")
            self.refuse(np.where(self.side == Side.BUY, ~buys, ~sells), "side", "is not the broker's")
        self.refuse(self.cells.quantity == 0, "quantity", "is nothing")
        rows = np.flatnonzero(self.left)
        keys = np.stack([self.place[rows], self.cells.client.codes[rows].astype(np.int64)])
        order = np.lexsort((rows, keys[1], keys[0]))
        again = (np.diff(keys[:, order], axis=1) == 0).all(axis=0)
        twice = np.zeros_like(self.left)
        twice[rows[order[1:][again]]] = True
        self.refuse(twice, "client", "has a part of that side already")

    def signed(self, affirmed: Mapping[str, tuple[Collection[int], Allocations | None]]) -> None:
        """Of trades that a broker has affirmed nothing else is taken than what it keeps."""
        for name, (numbers, kept) in affirmed.items():
            place = self.trades.parties.index(name) if name in self.trades.parties else -1
            rows = np.flatnonzero(self.left & (self.broker == place))
            rows = rows[np.isin(self.cells.trade_no[rows], np.array([*numbers], dtype=np.uint64))]
            if not len(rows):
                continue
            there = set()
            if kept is not None:
                clients = [kept.clients[code] for code in kept.client.tolist()]
                there = {*zip(kept.place.tolist(), clients, kept.quantity.tolist(), strict=True)}
            other = np.zeros_like(self.left)
            for row in rows.tolist():
                said = self.place[row], self.cells.value("client", row), self.cells.quantity[row]
                other[row] = (
                    tuple(each.item() if hasattr(each, "item") else each for each in said) not in there
                )
            self.refuse(other, "trade_no", "is affirmed with other allocations, or with none")

    def sides(self) -> None:
        """The allocations of a side that do not come to the trade's quantity."""
        rows = np.flatnonzero(self.left)
        places, first, side = np.unique(self.place[rows], return_index=True, return_inverse=True)
        total = exact_add(len(places), side, exact(self.cells.quantity[rows]))
        whole = exact(self.trades.quantity[self.row[rows[first]]])
        wrong = (total != whole)[side].astype(np.bool_)
        for row, place in zip(rows[wrong].tolist(), side[wrong].tolist(), strict=True):
            said = f"with the rest of its side comes to {int(total[place]):,}, the trade has"
            value = self.cells.value("quantity", row)
            line = int(self.cells.line[row])
            self.rejects.append(Reject(line, "quantity", value, f"{said} {int(whole[place]):,}"))
        self.left[rows[wrong]] = False

    def taken(self) -> dict[str, Allocations]:
        """What is left, by broker."""
        cells, found = self.cells, {}
        for code in np.unique(self.broker[self.left]).tolist():
            rows = np.flatnonzero(self.left & (self.broker == code))
            used, client = np.unique(cells.client.codes[rows], return_inverse=True)
            found[self.trades.parties[code]] = Allocations(
                self.trades.trading_day,
                cells.trade_no[rows].astype(np.uint32),
                self.side[rows].astype(np.uint8),
                cells.quantity[rows],
                client.astype(np.int32),
                tuple(cells.client.names[each] for each in used.tolist()),
            ).in_order()
        return found
