"""Facts for reports and exports, taken from the ledger: never what this program meant to happen.

Trades come from the calldata of recorded batches, what settled from the masks of settlements, charges from
the fee schedule and the agreements in force on the chain, holdings from the register. The one thing that is
not on the ledger is why a trade waits, which the choice of what to settle says.

Of one trading day among several the ledger knows the same but for what a netting set does to several days at
once; there, what moved and was shared is worked out from that day's settled trades (`one_day`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ledger.history import NOBODY, History, Movements, RecordedBatch
from ledger.ids import parse_day_number
from ledger.records import Records, joined
from ledger.units import Column, exact_add, exact_sum
from settlement import fees
from settlement.agreements.standing import standing
from settlement.market import Market
from settlement.reconciliation.ledger_side import Account, accounts
from settlement.report import one_day, split
from settlement.report.one_day import Shared

if TYPE_CHECKING:
    from settlement.operations import Ledger


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What the ledger says of its trading days, or of one. Columns are by trade, in the order of batches and
    of records in them; parties and assets are the ledger's indexes."""

    days: tuple[date, ...]
    """Of recorded trades, in order; `several` where the ledger was asked for all of them."""
    records: Records
    day: npt.NDArray[np.int64]
    """Which of `days` a trade is of, and which of `batches`; `position` is its place there."""
    batch: npt.NDArray[np.int64]
    position: npt.NDArray[np.int64]
    status: npt.NDArray[np.uint8]
    """Where each trade stands, a `Status`."""
    settled_in: npt.NDArray[np.int64]
    """Which of `settlements`, the transactions that settled any of the trades; -1 where none has."""
    settlements: tuple[bytes, ...]
    commission: Column
    """What each side of each trade earns its broker when it settles, in minor units."""
    levy: Column
    """The regulator's levy on each side of each trade when it settles, in minor units."""
    batches: tuple[RecordedBatch, ...]
    history: History
    schedule: fees.VenueSchedule
    levy_beneficiary: str
    parties: tuple[str, ...]
    """Who may receive by the agreements that are in force in the newest block."""
    shared: tuple[Shared, ...]
    paid_besides: int
    """What agreements brought their parties otherwise than in settlements, in minor units; of one trading day
    among several nothing."""
    commission_charged: int
    """Commission that settled trades earned, both sides, in minor units; `levy_charged` the levy on them."""
    levy_charged: int
    movements: Movements
    """What moved up to when `accounts` are as they are."""
    accounts: Mapping[str, Account]
    names: Mapping[int, str]
    """Institution by index; `codes` the security or currency."""
    codes: Mapping[int, str]

    @property
    def several(self) -> bool:
        """Whether there are several trading days in it."""
        return len(self.days) > 1

    @property
    def settled(self) -> npt.NDArray[np.bool_]:
        """Which trades have settled."""
        return self.settled_in >= 0

    @property
    def gross_value(self) -> int:
        """All recorded amounts, in minor units."""
        return exact_sum(self.records.amount)

    @property
    def net_value(self) -> int:
        """What those owe who owe on balance, from the recorded trades alone; the sum over trading days."""
        return owed(self.records, self.day, len(self.days))

    @property
    def settled_net_value(self) -> int:
        """The same of the trades that settled; the sum over netting sets."""
        settled = self.settled
        return owed(self.records.take(settled), self.settled_in[settled], len(self.settlements))

    def both_sides(self, each: Column) -> dict[str, int]:
        """Institution → what `each`, a value of each settled trade, comes to over its sides of them."""
        rows = self.records.take(self.settled)
        parties = np.concatenate([rows.buyer, rows.seller]).astype(np.int64)
        totals = exact_add(max(self.names, default=0) + 1, parties, np.concatenate([each, each])).tolist()
        return {name: totals[index] for index, name in self.names.items() if totals[index]}

    def issued(self) -> dict[str, int]:
        """Asset → what is in existence: issued less redeemed, from the register's Transfers."""
        total: dict[str, int] = {}
        for (_, asset), amount in self.movements.net([*self.names, 0], other=[NOBODY]).items():
            total[self.codes[asset]] = total.get(self.codes[asset], 0) + amount
        return total

    def held(self) -> dict[str, int]:
        """Asset → what institutions hold of it together."""
        total: dict[str, int] = {}
        for account in self.accounts.values():
            for asset, amount in account.closing.items():
                total[asset] = total.get(asset, 0) + amount
        return total


def gather(ledger: Ledger, day: date | None = None, held: Mapping[str, Account] | None = None) -> Facts:
    """Read what a ledger has: of all trading days, or of `day`. `held` are the accounts as they stand,
    where they are known already.
    """
    market, history = ledger.market, ledger.read()
    every = tuple(history.batches.values())
    trading_days = {batch.header.trading_day: parse_day_number(batch.header.trading_day) for batch in every}
    batches = tuple(b for b in every if day in (None, trading_days[b.header.trading_day]))
    days = tuple(sorted({trading_days[batch.header.trading_day] for batch in batches}))
    names = {index: name for name, index in market.index.items()}
    codes = {index: code for code, index in market.asset.items()}
    beneficiary, schedule = market.registered_fees()
    records = joined([batch.records for batch in batches])
    settlements, settled_in = _settled_in(batches)
    counts = [len(batch.records) for batch in batches]
    charges = fees.commission(schedule, records.amount), fees.levy(schedule, records.amount)
    if len(batches) < len(every):
        number = batches[0].header.trading_day if batches else 0
        part = one_day.Part(market, history, schedule, beneficiary, number, batches, settlements)
        shared, besides = one_day.shared(part), 0
        moves = one_day.movements(part)
        standing: Mapping[str, Account] = one_day.accounts(part, moves, shared)
        charged = [2 * exact_sum(each[settled_in >= 0]) for each in charges]
    else:
        shared, besides = one_day.accrued(history, names), split.besides(history)
        moves = history.movements
        standing = held or accounts(market, moves, ledger.balances())
        charged = [sum(event[name] for event in history.netting_sets) for name in ("commission", "levy")]
    return Facts(
        days=days,
        records=records,
        day=np.repeat([days.index(trading_days[b.header.trading_day]) for b in batches], counts).astype(int),
        batch=np.repeat(np.arange(len(batches)), counts).astype(int),
        position=_joined([np.arange(count) for count in counts], np.int64),
        status=_joined([b.status for b in batches], np.uint8),
        settled_in=settled_in,
        settlements=settlements,
        commission=charges[0],
        levy=charges[1],
        batches=batches,
        history=history,
        schedule=schedule,
        levy_beneficiary=names[beneficiary],
        parties=_parties(market, history, names),
        shared=shared,
        paid_besides=besides,
        commission_charged=charged[0],
        levy_charged=charged[1],
        movements=moves,
        accounts=standing,
        names=names,
        codes=codes,
    )


def owed(records: Records, group: npt.NDArray[np.int64], groups: int) -> int:
    """What those owe who owe on balance, in minor units, netted in each of `groups` by itself."""
    width = 1 + int(max(records.buyer.max(initial=0), records.seller.max(initial=0)))
    cells = np.concatenate([group * width + records.seller, group * width + records.buyer])
    net = exact_add(groups * width, cells, np.concatenate([records.amount, -records.amount]))
    return -exact_sum(net[net < 0])


def _parties(market: Market, history: History, names: Mapping[int, str]) -> tuple[str, ...]:
    now = standing(history.revenue).sharings(market.cash_asset, market.chain.block().timestamp)
    running = [each for sharing in now.values() for each in sharing.running]
    found = dict.fromkeys(receiver for each in running for receiver in each.receivers)
    return tuple(names[each] for each in found if each in names)


def _settled_in(batches: Iterable[RecordedBatch]) -> tuple[tuple[bytes, ...], npt.NDArray[np.int64]]:
    """The transactions that settled, in the order of batches, and which of them settled each record."""
    known: dict[bytes, int] = {}
    columns = []
    for batch in batches:
        places = [known.setdefault(transaction, len(known)) for transaction in batch.settlements]
        columns.append(np.array([*places, -1], dtype=np.int64)[batch.settled_in])
    return tuple(known), _joined(columns, np.int64)


def _joined(columns: list[npt.NDArray[Any]], dtype: type) -> npt.NDArray[Any]:
    return np.concatenate([np.zeros(0, dtype=dtype), *columns])
