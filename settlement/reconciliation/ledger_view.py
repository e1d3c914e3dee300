"""What one run needs of the ledger: its trades, accounts, charges and cash movements within a scope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ledger.history import NOBODY, History
from ledger.ids import day_number
from ledger.units import exact_sum
from settlement import fees
from settlement.books.settlements import Told
from settlement.errors import NameUnknown
from settlement.fees import VenueSchedule
from settlement.market import Market
from settlement.model import Trades
from settlement.reconciliation.at_risk import Stated
from settlement.reconciliation.causes import Known
from settlement.reconciliation.entries import Entries
from settlement.reconciliation.flows import COMMISSION, LEVY, Charges, Place, Settlements, shares
from settlement.reconciliation.ledger_side import (
    Account,
    LedgerTrades,
    Scope,
    accounts,
    accounts_of_cycle,
    charged,
    ledger_trades,
    priced,
    settled_numbers,
    settled_parts,
    trades_of,
    without,
)
from settlement.reconciliation.model import Break, Side
from settlement.reconciliation.statements import LedgerMovement

if TYPE_CHECKING:
    from settlement.operations import Ledger


@dataclass(slots=True)
class LedgerView:
    """The ledger's side of one run."""

    market: Market
    history: History
    trades: LedgerTrades
    accounts: Mapping[str, Account]
    besides: Mapping[str, int]
    """Institution → cash that moved otherwise than by settling trades, as it was told."""
    done: Settlements
    charges: Charges
    """As institutions know them."""
    on_chain: Charges
    """As the ledger has them."""
    shared: Mapping[str, Mapping[Place, int]]
    since: int
    """First block of the scope."""
    whole: bool
    """Whether everything from the first block on is in it, so that it can be said what was opened with."""
    until: int
    """Last block of the scope."""
    now: bool = True
    """Whether that is the newest of consequence, so that what institutions were told counts as it stands."""
    prices: dict[str, tuple[int, int]] = field(default_factory=dict)
    own: dict[str, dict[date, Trades]] = field(default_factory=dict)
    order: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None = None
    """Rows of trades by their key, day and number, and the keys rising."""

    @property
    def currency(self) -> str:
        """The settlement currency."""
        return self.market.scenario.cash.currency

    def place(self, asset: str) -> Place:
        """The level that an asset is on."""
        return ("cash" if asset == self.currency else "position"), asset

    def rows(self, owner: str, days: npt.NDArray[np.int32] | None = None) -> npt.NDArray[np.int64]:
        """The rows of an institution's trades, of all days or of those."""
        rows = self.trades.of(owner)
        return rows if days is None else rows[np.isin(self.trades.entries.day[rows], days)]

    def seen_by(self, side: Side, owner: str, rows: npt.NDArray[np.int64], mine: Entries) -> Entries:
        """The owner's trades in those rows, with what `mine` says besides: prices, charges; to a custodian
        the settlement date is when they did settle.
        """
        theirs = self.trades.entries.take(rows)
        if side == "custodian":
            theirs = replace(theirs, settles=self.trades.effective[rows])
        if (mine.price >= 0).any():
            theirs = priced(theirs, self.market.scenario.exponent)
        if mine.commission is not None or mine.levy is not None:
            theirs = charged(theirs, self.on_chain.schedule, owner)
        return theirs

    def price(self, code: str) -> tuple[int, int]:
        """Amount and units of the last trade in a security: what its units are worth."""
        if code not in self.prices:
            entries = self.trades.entries
            place = entries.securities.index(code) if code in entries.securities else -1
            rows = np.flatnonzero(entries.security == place)
            last = rows[np.argmax(entries.number[rows])] if len(rows) else None
            worth = (1, 1) if last is None else (int(entries.amount[last]), int(entries.quantity[last]))
            self.prices[code] = worth
        return self.prices[code]

    def days(self, name: str) -> dict[date, Trades]:
        """The trades of an institution as the ledger has them, by trading day."""
        if name not in self.own:
            self.own[name] = trades_of(self.trades.entries.take(self.rows(name)))
        return self.own[name]

    def expected(self, name: str) -> dict[Place, int] | None:
        """What the ledger should have moved for a broker by what it knows of charges and was told; None of
        others, who are told nothing.
        """
        if name not in self.market.scenario.brokers or not self.now:
            return None
        found = self.charges.places(name, self.charges.flows(name, self.days(name), self.done))
        cash = self.place(self.currency)
        return found | {cash: found.get(cash, 0) + self.besides.get(name, 0)}

    def stated(self, name: str, deposits: int = 0) -> dict[Place, Stated]:
        """What the ledger says of each place of an institution. Of revenue: what its trades were charged by
        the schedule on the ledger, and the shares of what accrued. `deposits` is what of the opening balance
        the other side has among its movements.
        """
        found = self.accounts[name]
        there: dict[Place, Stated] = {self.place(self.currency): Stated(0, 0, 0)}
        for asset in {*found.opening, *found.moved, *found.closing}:
            sides = (side.get(asset, 0) for side in (found.opening, found.moved, found.closing))
            there[self.place(asset)] = Stated(*sides)
        cash = there[self.place(self.currency)]
        opening, moved = (cash.opening or 0) - deposits, (cash.movements or 0) + deposits
        there[self.place(self.currency)] = replace(cash, opening=opening, movements=moved)
        revenue = dict(self.shared.get(name, {}))
        if name in self.market.scenario.brokers:
            found_there = self.on_chain.flows(name, self.days(name), self.done)
            for line, amount in ((COMMISSION, found_there.commission), (LEVY, found_there.levy)):
                if amount:
                    revenue["revenue", line] = amount
        elif name == self.market.scenario.fees.levy.beneficiary:
            revenue["revenue", LEVY] = self._levied()
        for place, amount in revenue.items():
            there[place] = Stated(0 if self.whole else None, amount, amount if self.whole else None)
        return there

    def known(self, each: Break) -> Known:
        """What may explain a break: the ledger's trades that it is about, what they are charged, who and what
        there is.
        """
        trades: dict[int, dict[str, object]] = {}
        commission = levy = None
        if each.trading_day is not None:
            entries = self.trades.entries
            rows = [row for n in each.numbers if (row := self._row(day_number(each.trading_day), n)) >= 0]
            trades = {int(entries.number[row]): _fields(entries, row) for row in rows}
            if rows:
                amount = entries.amount[rows[:1]]
                commission = int(fees.commission(self.on_chain.schedule, amount)[0])
                levy = int(fees.levy(self.on_chain.schedule, amount)[0])
        scenario = self.market.scenario
        return Known(
            commission=commission,
            levy=levy,
            parties=scenario.brokers,
            securities=tuple(code for code in self.market.asset if code != self.currency),
            trades=trades,
            exponent=scenario.exponent,
        )

    def _row(self, day: int, number: int) -> int:
        """The row of a trade; -1 where the scope has none."""
        if self.order is None:
            keys = self.trades.entries.day.astype(np.int64) << 32 | self.trades.entries.number
            self.order = np.argsort(keys), np.sort(keys)
        order, keys = self.order
        place = int(np.searchsorted(keys, day << 32 | number))
        return int(order[place]) if place < len(keys) and keys[place] == day << 32 | number else -1

    def cash_movements(self, name: str) -> list[LedgerMovement]:
        """What each transaction of the scope moved of an institution's cash."""
        index, cash = self.market.index[name], self.market.cash_asset
        moved, block = self.history.moved_since(self.since)
        rows = (moved.asset == cash) & ((moved.sender == index) | (moved.receiver == index))
        rows &= block <= self.until
        found: dict[bytes, tuple[int, bool, int]] = {}
        mine, blocks = moved.take(rows), block[rows]
        for row in range(len(mine)):
            key = bytes(mine.transaction[row])
            signed = int(mine.amount[row]) * (1 if mine.receiver[row] == index else -1)
            known = found.get(key, (0, True, 0))[0]
            found[key] = known + signed, int(mine.sender[row]) == NOBODY, int(blocks[row])
        return [
            LedgerMovement(amount, (key.hex(),), self._day(key, number), issued)
            for key, (amount, issued, number) in found.items()
            if amount
        ]

    def _day(self, transaction: bytes, block: int) -> int:
        at_s = self.history.times.get(transaction)
        if at_s is None:
            at_s = self.market.chain.block(block).timestamp
        return day_number(datetime.fromtimestamp(at_s, UTC).date())

    def _levied(self) -> int:
        """The levy on both sides of what has settled."""
        entries = self.trades.entries
        rows = np.zeros(len(entries), dtype=bool)
        for day, numbers in self.done.settled.items():
            rows |= (entries.day == day_number(day)) & np.isin(entries.number, numbers)
        return 2 * exact_sum(fees.levy(self.on_chain.schedule, entries.amount[rows]))


def _fields(entries: Entries, row: int) -> dict[str, object]:
    return {
        "security": entries.securities[entries.security[row]],
        "buyer": entries.parties[entries.buyer[row]],
        "seller": entries.parties[entries.seller[row]],
        "quantity": int(entries.quantity[row]),
        "settlement_amount": int(entries.amount[row]),
        "trading_day": int(entries.day[row]),
        "time": int(entries.time[row]),
    }


def view(ledger: Ledger, scope: Scope, *, closing: bool = False) -> LedgerView:
    """What a run of that scope needs; of a day as everything stands, or, where `closing`, as it stood after
    the day's last settlement. Raises NameUnknown where there is no such cycle.
    """
    market, history = ledger.market, ledger.read()
    told = ledger.told()
    charges = Charges(market, VenueSchedule.of(market.scenario))
    on_chain = Charges(market, market.registered_fees()[1])
    if scope.cycle is not None:
        return _of_cycle(ledger, scope.cycle, told, charges, on_chain)
    batches = history.batches.values()
    trades = ledger_trades(market, history, batches)
    if scope.day is not None:
        trades = replace(trades, within=trades.entries.day == day_number(scope.day))
    within = list(told.values())
    settlements = Settlements(settled_numbers(batches), settled_parts(batches), told=within)
    sides = accounts(market, history.movements, ledger.balances())
    until = history.head
    if closing and scope.day is not None:
        ends = [
            history.blocks[each.transaction] for each in within if scope.day in {*each.settled, *each.parts}
        ]
        until = max(ends, default=history.head)
    later, _ = history.moved_since(until + 1)
    if len(later):
        within = [each for each in within if history.blocks[each.transaction] <= until]
        settlements = Settlements.of_cycle(within)
        sides = without(market, sides, later)
    advised = ledger.outcomes.advised
    return LedgerView(
        market=market,
        history=history,
        trades=trades,
        accounts=sides,
        besides={name: advised[index] for name, index in market.index.items()},
        done=settlements,
        charges=charges,
        on_chain=on_chain,
        shared=shares(market, within),
        since=0,
        whole=True,
        until=until,
        now=not len(later),
    )


def _of_cycle(
    ledger: Ledger, cycle: int, told: Mapping[bytes, Told], charges: Charges, on_chain: Charges
) -> LedgerView:
    market, history = ledger.market, ledger.read()
    venue = market.index[market.scenario.venue]
    if (venue, cycle) not in history.cycles:
        known = [str(number) for each, number in history.cycles if each == venue]
        raise NameUnknown("cycle", str(cycle), known)
    within = [told[each] for each in history.cycles[venue, cycle] if each in told]
    transactions = {each.transaction for each in within}
    days = {day_number(day) for each in within for day in (*each.settled, *each.parts)}
    batches = [batch for batch in history.batches.values() if batch.header.trading_day in days]
    sides = {name: Account({}, {}, {}) for name in market.index}
    besides: dict[str, int] = {}
    since, until = history.head + 1, history.head
    if transactions:
        since, until = (end(history.blocks[each] for each in transactions) for end in (min, max))
        now = market.clients.register.balances(history.moved_since(since)[0].places())
        sides, others = accounts_of_cycle(market, history, transactions, now)
        cash = market.scenario.cash.currency
        besides = {name: each.moved.get(cash, 0) for name, each in others.items()}
    return LedgerView(
        market=market,
        history=history,
        trades=ledger_trades(market, history, batches, transactions),
        accounts=sides,
        besides=besides,
        done=Settlements.of_cycle(within),
        charges=charges,
        on_chain=on_chain,
        shared=shares(market, within),
        since=since,
        whole=False,
        until=until,
    )
