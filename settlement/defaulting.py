"""A member that cannot pay: put out, its trades closed out at the day's prices, the loss run down the
waterfall.

Exchange and regulator declare and finish it together; the contract `DefaultFund` computes every step, and
`settlement.outcomes` computes it again.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from ledger.chain import Receipt
from ledger.clients.clearing_house import Status
from ledger.history import RecordedBatch
from ledger.ids import day_number
from settlement.ending import closing_prices, give_prices
from settlement.operations import Ledger
from settlement.rules import jointly

_OPEN = (Status.PENDING, Status.HELD, Status.DISPUTED)


def default(ledger: Ledger, institution: str, day: date) -> list[Receipt]:
    """Declare an institution in default, close out its unsettled trades at the prices of `day` and run the
    waterfall, while no cycle is open. What of it is done already, after an interruption, is passed over.
    """
    market, index = ledger.market, ledger.market.index[institution]
    fund, cash = market.clients.default_fund, market.cash_asset
    if not fund.open_default_of(index, cash) and _finished(ledger, index, day):
        return []
    done = suspend(ledger, institution)
    done += give_prices(market, day, closing_prices(ledger.read(), day))
    if not fund.open_default_of(index, cash):
        done += jointly(market, fund, "declareDefault", index, cash, day_number(day))
    number = fund.open_default_of(index, cash)
    for batch, rows in _open_trades(ledger, index):
        done.append(fund.close_out(market.venue, number, batch.header, batch.words, rows))
    done += jointly(market, fund, "finish", number, fund.default_of(number).loss)
    ledger.receipts.setdefault("default", []).extend(done)
    return done


def _open_trades(ledger: Ledger, index: int) -> list[tuple[RecordedBatch, list[int]]]:
    """An institution's trades that have neither settled nor ended otherwise, by their positions."""
    found = []
    for batch in ledger.read().batches.values():
        own = (batch.records.buyer == index) | (batch.records.seller == index)
        rows = np.flatnonzero(own & np.isin(batch.status, _OPEN)).tolist()
        if rows:
            found.append((batch, rows))
    return found


def _finished(ledger: Ledger, index: int, day: date) -> bool:
    """Whether the institution's default of that day is over, and nothing came after it."""
    if index not in ledger.read().suspended or _open_trades(ledger, index):
        return False
    known = ledger.outcomes.defaults.by_id.values()
    return any((each.institution, each.day) == (index, day_number(day)) for each in known if each.waterfall)


def suspend(ledger: Ledger, institution: str) -> list[Receipt]:
    """Have a regulator put an institution out, unless it is out."""
    market = ledger.market
    index = market.index[institution]
    if index in ledger.read().suspended:
        return []
    regulator = market.signers[market.scenario.with_role("REGULATOR")[0]]
    return [market.clients.consortium.suspend(regulator, index)]


def reinstate(ledger: Ledger, institution: str) -> list[Receipt]:
    """Have a regulator let an institution back in, unless it is in."""
    market = ledger.market
    index = market.index[institution]
    if index not in ledger.read().suspended:
        return []
    regulator = market.signers[market.scenario.with_role("REGULATOR")[0]]
    return [market.clients.consortium.reinstate(regulator, index)]
