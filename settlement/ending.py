"""The end of a settlement day: prices, fails, penalties, and what is closed because it failed too often.

Why a trade fails and whose fault that is the contract `Fails` finds out itself; this names the trades. What
it charges is recomputed by `settlement.verification`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np

from ledger.chain import Receipt
from ledger.clients.clearing_house import Status
from ledger.history import History
from ledger.ids import day_number
from settlement.market import Market
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


def fail(market: Market, history: History, day: date) -> list[Receipt]:
    """Record, in the venue's open cycle, that what should have settled by the end of `day` has not. A day is
    recorded once a trade; what was before is passed over.
    """
    number = day_number(day)
    calls = []
    for batch in history.batches.values():
        if batch.header.intended_settlement_date > number:
            continue
        rows = _in_settlement(batch)
        rows = [row for row in rows if history.fails.get((batch.batch_hash, row), _NEVER).day < number]
        size = max(1, (market.chain.limits.transaction_gas - _SENT_GAS) // _FAIL_GAS)
        for start in range(0, len(rows), size):
            calls.append((number, batch.header.as_tuple(), batch.words, rows[start : start + size]))
    return market.clients.fails.send_all(market.venue, "fail", calls)
