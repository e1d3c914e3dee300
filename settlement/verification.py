"""The second computation: what the contracts computed, recomputed from the recorded trades.

Nets, charges and revenue shares of every settlement are computed again from the records that the ledger says
it settled, by code that shares nothing with the contracts, nor with what chose the trades. Where the two
differ, `verify` stops and says where.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ledger.clients.clearing_house import GROSS
from ledger.clients.consortium import TRANSIT
from ledger.contract import Event
from ledger.history import History, RecordedBatch, SettledPart
from ledger.units import PPM, Column, exact, exact_sum
from settlement.agreements.settled import Settled
from settlement.errors import LedgerDisagrees
from settlement.fees import VenueSchedule
from settlement.market import Market

Place = tuple[int, int]
"""(institution, asset), by index."""
_INSTITUTION = 1 << 16
"""An institution's index is so many times as heavy as an asset's in a place's number."""


@dataclass(frozen=True, slots=True, eq=False)
class _Settled:
    """The trades of one netting set, whole ones and parts. Columns of indexes, units and minor units;
    `commission` and `levy` are those of one side."""

    buyer: npt.NDArray[Any]
    seller: npt.NDArray[Any]
    asset: npt.NDArray[Any]
    quantity: npt.NDArray[np.uint64]
    amount: Column
    commission: Column
    levy: Column


def verify(market: Market, history: History, since: int = 0) -> None:
    """Check the history's netting sets from number `since` on. Raises LedgerDisagrees at the first
    difference.
    """
    shared = Settled(history)
    for netting_set in history.netting_sets[since:]:
        trades = _settled_in(history, netting_set.transaction, VenueSchedule.of(market.scenario))
        where = f"settlement 0x{netting_set.transaction.hex()}"
        commission, levy = (
            _sums(each, (trades.buyer, 1), (trades.seller, 1)) for each in (trades.commission, trades.levy)
        )
        cash = _sums(trades.amount, (trades.seller, 1), (trades.buyer, -1))
        _check_totals(where, netting_set, trades, cash, sum(commission.values()), sum(levy.values()))
        shares = shared.moved(where, netting_set.transaction, market.cash_asset, commission)
        expected = _movements(market, trades, cash, levy, shares)
        _check_movements(where, market, history, netting_set.transaction, expected)


def _settled_in(history: History, transaction: bytes, schedule: VenueSchedule) -> _Settled:
    none = np.zeros(0, dtype=np.int64)
    there = [batch for batch in history.batches.values() if transaction in batch.settlements]
    found = [_whole(batch, transaction, schedule) for batch in there]
    found += [
        _part(batch, part, schedule)
        for batch in there
        for part in batch.parts
        if part.transaction == transaction
    ]
    columns = {
        name: np.concatenate([none.astype(kind), *(getattr(part, name) for part in found)])
        for name, kind in zip(
            _Settled.__slots__, (*3 * (np.int64,), np.uint64, *3 * (np.int64,)), strict=True
        )
    }
    return _Settled(**columns)


def _whole(batch: RecordedBatch, transaction: bytes, schedule: VenueSchedule) -> _Settled:
    """The trades of a batch that a transaction settled as a whole."""
    rows = batch.settled_in == batch.settlements.index(transaction)
    rows[[part.position for part in batch.parts]] = False
    records = batch.records.take(rows)
    commission, levy = _charges(records.amount, schedule)
    return _Settled(
        records.buyer, records.seller, records.asset, records.quantity, records.amount, commission, levy
    )


def _part(batch: RecordedBatch, part: SettledPart, schedule: VenueSchedule) -> _Settled:
    """A part of a trade: of amount, commission and levy what is due up to its end, less what was due up to
    its start.
    """
    record = batch.records.take(np.array([part.position]))
    whole, end = int(record.quantity[0]), part.end
    totals = (record.amount, *_charges(record.amount, schedule))
    amount, commission, levy = (
        exact([int(total[0]) * end // whole - int(total[0]) * part.start // whole]) for total in totals
    )
    units = np.array([part.end - part.start], dtype=np.uint64)
    return _Settled(record.buyer, record.seller, record.asset, units, amount, commission, levy)


def _charges(amount: Column, schedule: VenueSchedule) -> tuple[Column, Column]:
    """Commission and levy of one side of each trade, each rounded down by itself: tier by tier, whole minor
    units and millionths are added up.
    """
    words = schedule.as_registered()
    if amount.dtype != object and int(amount.max(initial=0)) + sum(flat for *_, flat in words) >= 1 << 63:
        amount = amount.astype(object)
    whole, rest = np.zeros_like(amount), np.zeros_like(amount)
    above = 0
    for up_to, rate_ppm, flat in words:
        here = (amount >= above if above == 0 else amount > above).astype(bool)
        if not schedule.graduated:
            here &= (amount <= up_to).astype(bool)
        if here.any():
            part = amount[here]
            if schedule.graduated:
                over = (part > up_to).astype(bool)
                if over.any():
                    part[over] = up_to
                part = part - above
            units, millionths = _millionths(part, rate_ppm)
            whole[here] += units + flat
            rest[here] += millionths
        above = up_to
    levied, more = _millionths(amount, schedule.levy_ppm)
    return whole + rest // PPM, levied + more // PPM


def _millionths(amount: Column, rate_ppm: int) -> tuple[Column, Column]:
    """amount * rate / 1e6 as whole units and millionths, of which there may be more than a unit has. The
    rate, below 2^20, times 32 bits of the amount at a time: no product and no remainder with 32 bits behind
    it, and no sum of 32 of them, exceeds 63 bits.
    """
    if amount.dtype == object:
        return amount * rate_ppm // PPM, amount * rate_ppm % PPM
    high, low = amount >> 32, amount & 0xFFFFFFFF
    whole, rest = np.divmod(high * rate_ppm, PPM)
    return whole << 32, (rest << 32) + low * rate_ppm


def _sums(values: npt.NDArray[Any], *sides: tuple[npt.NDArray[np.int64], int]) -> dict[int, int]:
    """The values added up by code, exact, zeros left out. A side is a code for each value, and the sign that
    the value has there.
    """
    codes = np.concatenate([side for side, _ in sides])
    if not len(codes):
        return {}
    order = np.argsort(codes)
    ordered = codes[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    total: Column = np.zeros(len(starts), dtype=object)
    for shift, part in _parts(values, len(codes)):
        signed = np.concatenate([part * sign for _, sign in sides])[order]
        total = total + (np.add.reduceat(signed, starts).astype(object) << shift)
    pairs = zip(ordered[starts].tolist(), total.tolist(), strict=True)
    return {code: amount for code, amount in pairs if amount}


def _parts(values: npt.NDArray[Any], count: int) -> list[tuple[int, npt.NDArray[Any]]]:
    """The values as parts, each with the bits it is shifted by; `count` of a part's can be added in int64."""
    if values.dtype == object or not values.size or int(values.max()) * count < 1 << 62:
        return [(0, values if values.dtype == object else values.astype(np.int64))]
    bits = values.astype(np.uint64)
    low = (bits & np.uint64(0xFFFFFFFF)).astype(np.int64)
    return [(0, low), (32, (bits >> np.uint64(32)).astype(np.int64))]


def _check_totals(
    where: str, found: Event, trades: _Settled, cash: Mapping[int, int], commission: int, levy: int
) -> None:
    others = trades.amount[(trades.buyer != trades.seller).astype(bool)]
    by_itself = found["model"] == GROSS
    expected = {
        "grossAmount": exact_sum(trades.amount),
        "netAmount": exact_sum(others) if by_itself else sum(each for each in cash.values() if each > 0),
        "commission": commission,
        "levy": levy,
    }
    for name, amount in expected.items():
        if found[name] != amount:
            raise LedgerDisagrees(f"{where}, {name}", found[name], amount)


def _movements(
    market: Market,
    trades: _Settled,
    cash: Mapping[int, int],
    levy: Mapping[int, int],
    shares: Mapping[int, int],
) -> dict[Place, int]:
    """What each institution gains of each asset, zeros left out."""
    moved = _by_place(trades.buyer, trades.seller, trades.asset, trades.quantity)
    money = Counter(cash)
    for party, amount in levy.items():
        money[party] -= amount
    money[market.index[market.scenario.fees.levy.beneficiary]] += sum(levy.values())
    for party, amount in shares.items():
        money[party] += amount
    moved |= {(party, market.cash_asset): amount for party, amount in money.items() if amount}
    return moved


def _by_place(
    gaining: npt.NDArray[np.int64],
    losing: npt.NDArray[np.int64],
    asset: npt.NDArray[np.int64],
    values: npt.NDArray[Any],
) -> dict[Place, int]:
    """`_sums` by institution and asset."""
    sums = _sums(values, (gaining * _INSTITUTION + asset, 1), (losing * _INSTITUTION + asset, -1))
    return {divmod(place, _INSTITUTION): amount for place, amount in sums.items()}


def _check_movements(
    where: str, market: Market, history: History, transaction: bytes, expected: Mapping[Place, int]
) -> None:
    moves = history.movements.of(transaction)
    found = _by_place(moves.receiver, moves.sender, moves.asset, moves.amount)
    # What is left in transit somebody lacks.
    found = {place: amount for place, amount in found.items() if place[0] != TRANSIT}
    if found != expected:
        holder, asset = min(p for p in found.keys() | expected.keys() if found.get(p) != expected.get(p))
        name = next((name for name, index in market.index.items() if index == holder), str(holder))
        code = next((code for code, index in market.asset.items() if index == asset), str(asset))
        place = (holder, asset)
        raise LedgerDisagrees(f"{where}, {code} of {name}", found.get(place, 0), expected.get(place, 0))
