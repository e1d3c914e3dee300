"""Choosing what of the recorded trades settles, by which DvP model and in which order, as slices for the
contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from ledger.clients.clearing_house import GROSS, NET, Slice
from ledger.history import RecordedBatch
from ledger.ids import parse_day_number
from ledger.records import Records, pack_mask, pack_parts
from settlement import fees, gross
from settlement.limits import Part
from settlement.liquidity import (
    CASH,
    Holdings,
    Instructions,
    Objective,
    Search,
    Shortage,
    choose,
    choose_by_rule,
    shortages,
)
from settlement.market import Market
from settlement.parts import Rest, cut

Flags = npt.NDArray[np.bool_]
Waiting = dict[tuple[date, int], tuple[tuple[str, str, int], ...]]
"""(trading day, trade number) → (institution, asset, how much it is short: units or minor units), one or
more."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What settles of some batches, and what each other trade that can settle waits for."""

    slices: tuple[Slice, ...]
    waiting: Waiting
    reached: int = 0
    """Of the objective: minor units, or trades."""
    upper_bound: int = 0
    """Proven: no choice of these batches, with what was held, reaches more."""


def choose_slices(
    market: Market,
    parts: Sequence[Part],
    holdings: Holdings,
    search: Search | None = None,
    model: int = NET,
) -> Choice:
    """What can settle of the parts by a DvP model, with these holdings (by the ledger's indexes)."""
    if not parts:
        return Choice((), {})
    wanted = search or Search()
    trades = instructions(market, parts)
    chosen = choose(trades, holdings, objective=wanted.objective, time_limit_s=wanted.time_limit_s)
    if model != GROSS and (beyond := _beyond(trades, holdings, chosen.settles)):
        return _without(market, parts, holdings, wanted, model, beyond)
    if model == NET:
        slices = _masked(parts, chosen.settles)
        waiting = _waiting(market, trades, chosen.waiting)
        return Choice(slices, waiting, chosen.reached, chosen.upper_bound)
    found = _one_by_one(market, parts, trades, holdings, chosen.settles, wanted, model)
    settles = np.zeros(len(trades), dtype=bool)
    settles[found] = True
    value = trades.amount if wanted.objective is Objective.VALUE else np.ones(len(trades), dtype=np.int64)
    waiting = _waiting(market, trades, shortages(trades, holdings, settles))
    return Choice(ordered_slices(parts, found), waiting, sum(value[settles].tolist()), chosen.upper_bound)


def _beyond(trades: Instructions, holdings: Holdings, settles: Flags) -> list[int]:
    """Rows that would bring a party more than it may have: of each such place the last of those that bring it
    some, until it is not too much.
    """
    found: set[int] = set()
    for (party, asset), most in holdings.most.items():
        if asset == CASH:
            continue
        there = settles & (trades.security == asset) & (trades.buyer != trades.seller)
        bought = np.flatnonzero(there & (trades.buyer == party)).tolist()
        sold = np.flatnonzero(there & (trades.seller == party)).tolist()
        after = holdings.held.get((party, asset), 0) - sum(int(trades.quantity[row]) for row in sold)
        after += sum(int(trades.quantity[row]) for row in bought)
        while after > most and bought:
            row = bought.pop()
            after -= int(trades.quantity[row])
            found.add(row)
    return sorted(found)


def _without(
    market: Market,
    parts: Sequence[Part],
    holdings: Holdings,
    search: Search,
    model: int,
    rows: Sequence[int],
) -> Choice:
    """The choice among the parts' trades but for some rows, which wait for nothing that is short."""
    left, start = [], 0
    for part in parts:
        places = np.flatnonzero(part.rows)
        some = part.rows.copy()
        some[[int(places[row - start]) for row in rows if start <= row < start + len(places)]] = False
        start += len(places)
        if some.any():
            left.append(Part(part.batch, some))
    return choose_slices(market, left, holdings, search, model)


def _one_by_one(
    market: Market,
    parts: Sequence[Part],
    trades: Instructions,
    holdings: Holdings,
    chosen: Flags,
    search: Search,
    model: int,
) -> list[int]:
    """The rows that settle by models 1 and 2, in their order: first what nets best, if its turn comes."""
    rests = rests_of(market, parts)
    if model == GROSS:
        order = np.argsort(~chosen, kind="stable").tolist()
        return gross.in_order(rests, holdings, order, bypass=True, again=True)

    def among(rows: list[int]) -> list[int]:
        some = np.array(rows)
        if len(some) == len(trades):
            return np.flatnonzero(chosen).tolist()
        while True:
            found = choose(
                trades.take(some), holdings, objective=search.objective, time_limit_s=search.time_limit_s
            )
            beyond = _beyond(trades.take(some), holdings, found.settles)
            if not beyond:
                return [int(row) for row in some[found.settles]]
            some = np.delete(some, beyond)

    return gross.by_securities(rests, holdings, among)


def _masked(parts: Sequence[Part], settles: Flags) -> tuple[Slice, ...]:
    """Slices for what settles together: whole trades by mask, the rest of those that have settled in part as
    parts.
    """
    slices = []
    ends = np.cumsum([part.rows.sum() for part in parts])[:-1]
    for part, taken in zip(parts, np.split(settles, ends), strict=True):
        if not taken.any():
            continue
        mask = np.zeros(len(part.rows), dtype=bool)
        mask[part.rows] = taken
        rest = np.array([row for row in part.batch.settled_in_part() if mask[row]], dtype=np.int64)
        mask[rest] = False
        batch = part.batch
        words = pack_parts(rest, np.zeros(len(rest), dtype=np.uint64))
        slices.append(Slice(batch.header, batch.words, pack_mask(mask), words))
    return tuple(slices)


def ordered_slices(parts: Sequence[Part], rows: Sequence[int]) -> tuple[Slice, ...]:
    """Slices for rows of the parts that settle one by one, all that is left of each."""
    places = [(part, row) for part in parts for row in np.flatnonzero(part.rows).tolist()]
    return part_slices(places, dict.fromkeys(rows, 0))


def part_slices(places: Sequence[tuple[Part, int]], units: Mapping[int, int]) -> tuple[Slice, ...]:
    """Slices for so many units (0: all that is left) of the trades at these places, in this order; a slice as
    long as they are of one batch.
    """
    runs: list[tuple[RecordedBatch, list[tuple[int, int]]]] = []
    for i, count in units.items():
        part, row = places[i]
        if not runs or part.batch is not runs[-1][0]:
            runs.append((part.batch, []))
        runs[-1][1].append((row, count))
    return tuple(_parts_slice(batch, rows) for batch, rows in runs)


def _parts_slice(batch: RecordedBatch, rows: Sequence[tuple[int, int]]) -> Slice:
    position, count = (np.array(column, dtype=np.uint64) for column in zip(*rows, strict=True))
    nothing = pack_mask(np.zeros(len(batch.records), dtype=bool))
    return Slice(batch.header, batch.words, nothing, pack_parts(position, count))


def waits_for(market: Market, parts: Sequence[Part], holdings: Holdings) -> Waiting:
    """What the trades of the parts wait for by the plain rule, which takes no time to speak of: those that it
    lets settle do not wait.
    """
    if not parts:
        return {}
    trades = instructions(market, parts)
    return _waiting(market, trades, choose_by_rule(trades, holdings)[1])


def instructions(market: Market, parts: Sequence[Part]) -> Instructions:
    """What is left of the parts' trades, as columns."""
    open_ = [part.batch.records.take(part.rows) for part in parts]
    schedule, amount = fees.VenueSchedule.of(market.scenario), _column(open_, "amount")
    whole = Instructions(
        day=np.repeat([part.batch.header.trading_day for part in parts], [len(records) for records in open_]),
        number=_column(open_, "number"),
        buyer=_column(open_, "buyer"),
        seller=_column(open_, "seller"),
        security=_column(open_, "asset"),
        quantity=_column(open_, "quantity"),
        amount=amount,
        fee=fees.commission(schedule, amount),
        levy=fees.levy(schedule, amount),
    )
    done = _settled_units(parts)
    if not done:
        return whole
    left = {name: getattr(whole, name).copy() for name in ("quantity", "amount", "fee", "levy")}
    for row, units in done.items():
        quantity = int(whole.quantity[row])
        left["quantity"][row] = quantity - units
        for name in ("amount", "fee", "levy"):
            left[name][row] = cut(int(left[name][row]), quantity, units, quantity)
    return replace(whole, **left)


def rests_of(market: Market, parts: Sequence[Part]) -> list[Rest]:
    """The same trades one by one, whole, with how much of each has settled."""
    open_ = [part.batch.records.take(part.rows) for part in parts]
    schedule, amount = fees.VenueSchedule.of(market.scenario), _column(open_, "amount")
    done = _settled_units(parts)
    columns = (
        *(_column(open_, name).tolist() for name in ("buyer", "seller", "asset", "quantity")),
        [done.get(row, 0) for row in range(len(amount))],
        *(
            column.tolist()
            for column in (amount, fees.commission(schedule, amount), fees.levy(schedule, amount))
        ),
    )
    return [Rest(*row) for row in zip(*columns, strict=True)]


def _settled_units(parts: Sequence[Part]) -> dict[int, int]:
    """Row among those of the parts → units settled, of trades that have settled in part."""
    found: dict[int, int] = {}
    start = 0
    for part in parts:
        places = np.cumsum(part.rows) - 1 + start
        some = part.batch.settled_in_part()
        found |= {int(places[row]): units for row, units in some.items() if part.rows[row]}
        start += int(part.rows.sum())
    return found


def _waiting(market: Market, trades: Instructions, reasons: Mapping[int, Iterable[Shortage]]) -> Waiting:
    return {
        (parse_day_number(int(trades.day[row])), int(trades.number[row])): _named(market, shortages)
        for row, shortages in reasons.items()
    }


def _column(parts: Sequence[Records], name: str) -> npt.NDArray[Any]:
    return np.concatenate([getattr(part, name) for part in parts])


def _named(market: Market, shortages: Iterable[Shortage]) -> tuple[tuple[str, str, int], ...]:
    institutions = {index: name for name, index in market.index.items()}
    assets = {index: code for code, index in market.asset.items()} | {CASH: market.scenario.cash.currency}
    return tuple((institutions[s.party], assets[s.asset], s.short) for s in shortages)
