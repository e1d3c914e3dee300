"""The second computation: what the contracts computed, recomputed from the recorded trades.

Nets, charges and revenue shares of every settlement are computed again from the records that the ledger says
it settled, by code that shares nothing with the contracts. Where the two differ, `verify` stops and says
where.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from ledger.clients.consortium import TRANSIT
from ledger.contract import Event
from ledger.history import History
from ledger.units import PPM
from settlement.errors import LedgerDisagrees
from settlement.fees import Schedule, fee
from settlement.market import Market
from settlement.revenue import entitlement

Row = tuple[int, int, int, int, int]
"""Buyer, seller, asset (indexes), quantity, amount."""


def verify(market: Market, history: History) -> None:
    """Check every settlement of the market's venue. Raises LedgerDisagrees at the first difference."""
    for netting_set in history.netting_sets:
        rows = _settled_in(history, netting_set.transaction)
        where = f"settlement 0x{netting_set.transaction.hex()}"
        commission, levy = _charges(rows, Schedule.of(market.scenario))
        _check_totals(where, netting_set, rows, sum(commission.values()), sum(levy.values()))
        accrued = _check_accruals(where, market, history, netting_set, commission)
        expected = _movements(market, rows, levy, accrued)
        moved = history.movements.of(netting_set.transaction)
        holders = list(market.index.values())
        _same(where, _nonzero(moved.net(holders, other=[TRANSIT])), _nonzero(expected), market)
        in_transit = _nonzero(moved.net([TRANSIT], other=holders))
        if in_transit:
            raise LedgerDisagrees(f"{where}, transit account", in_transit, {})


def _settled_in(history: History, transaction: bytes) -> list[Row]:
    rows: list[Row] = []
    for batch in history.batches.values():
        if transaction not in batch.settlements:
            continue
        there = batch.records.take(
            np.flatnonzero(batch.settled_in == batch.settlements.index(transaction)),
        )
        columns = (there.buyer, there.seller, there.asset, there.quantity, there.amount)
        rows += zip(*(column.tolist() for column in columns), strict=True)
    return rows


def _charges(rows: Iterable[Row], schedule: Schedule) -> tuple[Counter[int], Counter[int]]:
    """Commission earned and levy owed by institution; each side of each trade is rounded down by itself."""
    commission: Counter[int] = Counter()
    levy: Counter[int] = Counter()
    for buyer, seller, _, _, amount in rows:
        for party in (buyer, seller):
            commission[party] += fee(schedule, amount)
            levy[party] += amount * schedule.levy_ppm // PPM
    return commission, levy


def _check_totals(where: str, found: Event, rows: Iterable[Row], commission: int, levy: int) -> None:
    cash: Counter[int] = Counter()
    gross = 0
    for buyer, seller, _, _, amount in rows:
        gross += amount
        cash[seller] += amount
        cash[buyer] -= amount
    net = sum(amount for amount in cash.values() if amount > 0)
    expected = {"grossAmount": gross, "netAmount": net, "commission": commission, "levy": levy}
    for name, amount in expected.items():
        if found[name] != amount:
            raise LedgerDisagrees(f"{where}, {name}", found[name], amount)


def _check_accruals(
    where: str, market: Market, history: History, netting_set: Event, commission: Mapping[int, int]
) -> Counter[int]:
    """What revenue shares move for each institution, once each payer's total has grown by its commission."""
    moved: Counter[int] = Counter()
    grown: dict[int, int] = {}
    for accrual in history.accruals:
        if accrual.transaction != netting_set.transaction:
            continue
        grown[accrual.payer] = accrual.after - accrual.before
        for party, ppm in market.clients.revenue.agreement(accrual.payer, accrual.currency).shares:
            part = entitlement(accrual.after, ppm) - entitlement(accrual.before, ppm)
            moved[party] += part
            moved[accrual.payer] -= part
    shared = market.scenario.agreements.shares
    expected = {payer: amount for payer, amount in commission.items() if amount} if shared else {}
    if grown != expected:
        raise LedgerDisagrees(f"{where}, commission accrued", grown, expected)
    return moved


def _movements(
    market: Market, rows: Iterable[Row], levy: Mapping[int, int], shares: Mapping[int, int]
) -> Counter[tuple[int, int]]:
    moved: Counter[tuple[int, int]] = Counter()
    cash = market.cash_asset
    for buyer, seller, asset, quantity, amount in rows:
        moved[buyer, asset] += quantity
        moved[seller, asset] -= quantity
        moved[buyer, cash] -= amount
        moved[seller, cash] += amount
    for party, amount in levy.items():
        moved[party, cash] -= amount
    moved[market.index[market.scenario.fees.levy.beneficiary], cash] += sum(levy.values())
    for party, amount in shares.items():
        moved[party, cash] += amount
    return moved


def _nonzero(amounts: Mapping[tuple[int, int], int]) -> dict[tuple[int, int], int]:
    return {place: amount for place, amount in amounts.items() if amount}


def _same(
    where: str,
    found: Mapping[tuple[int, int], int],
    expected: Mapping[tuple[int, int], int],
    market: Market,
) -> None:
    if found == expected:
        return
    holder, asset = min(p for p in found.keys() | expected.keys() if found.get(p) != expected.get(p))
    name = next((name for name, index in market.index.items() if index == holder), str(holder))
    code = next((code for code, index in market.asset.items() if index == asset), str(asset))
    raise LedgerDisagrees(
        f"{where}, {code} of {name}", found.get((holder, asset), 0), expected.get((holder, asset), 0)
    )
