"""The end of a settlement day: prices, fails, penalties, and what is closed because it failed too often.

Why a trade fails and whose fault that is the contract `Fails` finds out itself; this names the trades. What
it charges is recomputed by `settlement.verification`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

import numpy as np

from ledger.chain import Receipt
from ledger.clients.clearing_house import Status
from ledger.history import History, RecordedBatch
from ledger.ids import day_number
from settlement.cycle import Balances, Cycle
from settlement.market import Market
from settlement.outcomes.fails import Fails
from settlement.penalties import PRICE

_FAIL_GAS, _SENT_GAS = 250_000, 2_000_000
"""Gas of one trade that fails at most, and of the rest of the call."""
_IN_SETTLEMENT = (Status.PENDING, Status.HELD)


def closing_prices(history: History, day: date) -> dict[int, int]:
    """Security → price of one unit, in millionths of a minor unit, of its last trade up to and including
    `day`: amount by quantity, rounded down.
    """
    until = day_number(day)
    batches = [batch for batch in history.batches.values() if batch.header.trading_day <= until]
    found: dict[int, tuple[tuple[int, int], int]] = {}
    for batch in batches:
        records, trading_day = batch.records, batch.header.trading_day
        # By security, then number: the last of each security is its newest.
        last = np.flatnonzero(np.append(records.asset[1:] != records.asset[:-1], True))
        for row in last.tolist():
            when = trading_day, int(records.number[row])
            asset, price = (
                int(records.asset[row]),
                int(records.amount[row]) * PRICE // int(records.quantity[row]),
            )
            if asset not in found or found[asset][0] < when:
                found[asset] = when, price
    return {asset: price for asset, (_, price) in sorted(found.items()) if price}


def give_prices(market: Market, day: date, prices: Mapping[int, int]) -> list[Receipt]:
    """The venue gives the reference prices of a day, those that it has not given."""
    fails, venue = market.clients.fails, market.index[market.scenario.venue]
    number, cash = day_number(day), market.cash_asset
    new = {asset: price for asset, price in prices.items() if not fails.price_of(venue, number, cash, asset)}
    return [fails.set_prices(market.venue, number, cash, new)] if new else []


def end(
    market: Market,
    read: Callable[[], History],
    balances: Callable[[], Balances],
    failed: Fails,
    day: date,
    opens_at: int = 0,
) -> list[Receipt]:
    """All of a day's end in a cycle of its own, from `opens_at` (chain seconds) on: collect what is owed from
    before, give prices, record fails; and once it is closed, close what has failed too often. What is done
    already is passed over.
    """
    cycle = Cycle(market, read, balances, opens_at=opens_at)
    cycle.open()
    cycle.receipts += collect(market, failed)
    cycle.receipts += give_prices(market, day, closing_prices(read(), day))
    cycle.sweep()
    cycle.receipts += fail(market, read(), failed, day)
    cycle.close()
    read()
    return cycle.receipts + compensate(market, read(), failed)


def fail(market: Market, history: History, failed: Fails, day: date) -> list[Receipt]:
    """Record, in the venue's open cycle, that what should have settled by the end of `day` has not: each
    trade once a day; what was before is passed over. `failed` is what has failed so far.
    """
    number, calls = day_number(day), []
    for batch in history.batches.values():
        if batch.header.intended_settlement_date > number:
            continue
        rows = np.flatnonzero(np.isin(batch.status, _IN_SETTLEMENT)).tolist()
        rows = [row for row in rows if _last_day(failed, batch, row) < number]
        size = max(1, (market.chain.limits.transaction_gas - _SENT_GAS) // _FAIL_GAS)
        for start in range(0, len(rows), size):
            calls.append((number, batch.header.as_tuple(), batch.words, rows[start : start + size]))
    return market.clients.fails.send_all(market.venue, "fail", calls)


def collect(market: Market, failed: Fails) -> list[Receipt]:
    """Collect, in the venue's open cycle, what is owed from before it, as far as debtors have it."""
    venue, cash = market.index[market.scenario.venue], market.cash_asset
    pairs = list(failed.due(venue, cash))
    return [market.clients.fails.collect(market.venue, cash, pairs)] if pairs else []


def compensate(market: Market, history: History, failed: Fails) -> list[Receipt]:
    """Close what has failed as often as it may, with no cycle open, at the price of its last failed day."""
    if not failed.closing_after:
        return []
    calls = []
    for batch in history.batches.values():
        by_day: dict[int, list[int]] = {}
        for row in np.flatnonzero(np.isin(batch.status, _IN_SETTLEMENT)).tolist():
            newest = failed.newest.get((batch.batch_hash, int(batch.records.number[row])))
            if newest is not None and newest.failed_days >= failed.closing_after:
                by_day.setdefault(newest.day, []).append(row)
        calls += [(day, batch.header.as_tuple(), batch.words, rows) for day, rows in by_day.items()]
    return market.clients.fails.send_all(market.venue, "compensate", calls)


def _last_day(failed: Fails, batch: RecordedBatch, row: int) -> int:
    newest = failed.newest.get((batch.batch_hash, int(batch.records.number[row])))
    return newest.day if newest else 0
