"""A day's facts for reports and exports, taken from the ledger: never what this program meant to happen.

Trades come from the calldata of recorded batches, what settled from the masks of settlements, charges from
the fee schedule and the agreements in force on the chain, holdings from the register. The one thing that is
not on the ledger is why a trade waits, which the venue's choice of what to settle says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ledger.history import NOBODY, History, RecordedBatch
from ledger.units import MAX_AMOUNT, Column
from settlement import fees
from settlement.day import Day
from settlement.market import Market
from settlement.model import Trades
from settlement.reconciliation import Account, ledger_trades
from settlement.revenue import entitlement


@dataclass(frozen=True, slots=True)
class Shared:
    """What one party received of one payer's commission in one transaction. Amounts in minor units."""

    payer: str
    party: str
    share_ppm: int
    total_before: int
    """The payer's running total of commission before the transaction; `total_after` after it."""
    total_after: int
    amount: int
    transaction: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What the ledger says of a day. Columns are by trade, in the order of batches and of records in them."""

    trades: Trades
    batch: npt.NDArray[np.int64]
    """Which of `batches` a trade is in; `position` is its place there."""
    position: npt.NDArray[np.int64]
    settled: npt.NDArray[np.bool_]
    disputed: npt.NDArray[np.bool_]
    batches: tuple[RecordedBatch, ...]
    history: History
    schedule: fees.Schedule
    levy_beneficiary: str
    shares_ppm: Mapping[str, Mapping[str, int]]
    """Payer → party → share of the payer's commission, for every broker's agreement in force."""
    shared: tuple[Shared, ...]
    accounts: Mapping[str, Account]

    @property
    def settled_trades(self) -> Trades:
        """The trades that have settled."""
        return self.trades.take(self.settled)

    @property
    def commission(self) -> Column:
        """What each side of each trade earns its broker when it settles, in minor units."""
        return fees.commission(self.schedule, self.trades.amount)

    @property
    def levy(self) -> Column:
        """The regulator's levy on each side of each trade when it settles, in minor units."""
        return fees.levy(self.schedule, self.trades.amount)

    def issued(self, market: Market) -> dict[str, int]:
        """Asset → what is in existence: issued less redeemed, from the register's Transfers."""
        total: dict[str, int] = {}
        codes = {index: code for code, index in market.asset.items()}
        moves = self.history.movements
        for (_, asset), amount in moves.net([*market.index.values(), 0], other=[NOBODY]).items():
            total[codes[asset]] = total.get(codes[asset], 0) + amount
        return total

    def held(self) -> dict[str, int]:
        """Asset → what institutions hold of it together, by the register's balances."""
        total: dict[str, int] = {}
        for account in self.accounts.values():
            for asset, amount in account.closing.items():
                total[asset] = total.get(asset, 0) + amount
        return total


def gather(day: Day) -> Facts:
    """Read what a reconciled day has left on the ledger."""
    market, history = day.market, day.read()
    batches = tuple(history.batches.values())
    trades, _ = ledger_trades(market, batches, day.intake.trades)
    names = {index: name for name, index in market.index.items()}
    beneficiary, schedule = _schedule(market)
    shares = _agreements(market)
    counts = [len(batch.records) for batch in batches]
    none = np.zeros(0, dtype=np.int64)
    disputed = [np.isin(batch.records.number, list(batch.disputed)) for batch in batches]
    return Facts(
        trades=trades,
        batch=np.repeat(np.arange(len(batches)), counts) if batches else none,
        position=np.concatenate([none, *(np.arange(count) for count in counts)]),
        settled=np.concatenate([none.astype(bool), *(batch.settled for batch in batches)]),
        disputed=np.concatenate([none.astype(bool), *disputed]),
        batches=batches,
        history=history,
        schedule=schedule,
        levy_beneficiary=names[beneficiary],
        shares_ppm=shares,
        shared=_shared(history, names, shares),
        accounts=day.accounts,
    )


def _schedule(market: Market) -> tuple[int, fees.Schedule]:
    """The levy's beneficiary and the fee schedule, as the ledger has them."""
    _, beneficiary, levy_ppm, slabs = market.clients.clearing_house.call(
        "feeSchedule", market.fee_schedule_id
    )
    bounds = [fees.Slab(None if up_to == MAX_AMOUNT else up_to, rate) for up_to, rate in slabs]
    return beneficiary, fees.Schedule(tuple(bounds), levy_ppm)


def _agreements(market: Market) -> dict[str, dict[str, int]]:
    names = {index: name for name, index in market.index.items()}
    found = {}
    for payer in market.scenario.brokers:
        agreement = market.clients.revenue.agreement(market.index[payer], market.cash_asset)
        found[payer] = {names[party]: share for party, share in agreement.shares}
    return found


def _shared(
    history: History, names: Mapping[int, str], shares_ppm: Mapping[str, Mapping[str, int]]
) -> tuple[Shared, ...]:
    """Each party's part of each accrual: entitlements are cumulative, so the difference of two floors."""
    return tuple(
        Shared(
            names[each.payer],
            party,
            share,
            each.before,
            each.after,
            entitlement(each.after, share) - entitlement(each.before, share),
            each.transaction,
        )
        for each in history.accruals
        for party, share in shares_ppm.get(names[each.payer], {}).items()
    )
