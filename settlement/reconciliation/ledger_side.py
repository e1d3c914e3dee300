"""The ledger as a side: its trades as entries, and what it says each institution holds and was charged.

All of it, of one trading day, or of one cycle. A cycle costs what the days that it settled cost, whatever
else the ledger has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt

from ledger.clients.consortium import TRANSIT
from ledger.history import NOBODY, History, Movements, RecordedBatch
from ledger.ids import day_number, parse_day_number
from ledger.records import joined
from ledger.units import Column, exact
from settlement import fees
from settlement.fees import VenueSchedule
from settlement.market import Market
from settlement.model import Trades
from settlement.reconciliation.entries import BY_NUMBER, PRICE_DECIMALS, Entries

NAMINGS = {"nepse": "{day}{number:08d}"}
"""How trade formats name a trade, other than by its number."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is reconciled: everything, one trading `day`, or one `cycle` of the venue."""

    day: date | None = None
    cycle: int | None = None

    def __str__(self) -> str:
        return f"cycle {self.cycle}" if self.cycle is not None else str(self.day or "everything")


EVERYTHING = Scope()
NOTHING: Mapping[tuple[int, int], int] = {}


@dataclass(frozen=True, slots=True)
class Account:
    """One institution's view of the ledger, asset → signed amount: opening + movements = closing."""

    opening: Mapping[str, int]
    moved: Mapping[str, int]
    closing: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class LedgerTrades:
    """The trades of a scope's trading days. Columns by row of `entries`, all institutions'."""

    entries: Entries
    settled: npt.NDArray[np.bool_]
    within: npt.NDArray[np.bool_]
    """Which rows are of the scope: of a cycle those that settled in it, wholly or in part."""
    disputed: Mapping[str, frozenset[tuple[int, int]]]
    """Institution → (day, number) of the trades that it excepted."""
    effective: npt.NDArray[np.int32]
    """The day on which each row settled by the chain's time, yyyymmdd; NO_DAY where it has not."""

    def of(self, institution: str) -> npt.NDArray[np.int64]:
        """The rows in which an institution buys or sells."""
        return np.flatnonzero(self.entries.of(institution))


def accounts(market: Market, moves: Movements, balances: Mapping[tuple[int, int], int]) -> dict[str, Account]:
    """Each institution's account: what was issued to it, what settlement moved, and the register's
    `balances`.
    """
    holders = list(market.index.values())
    issued = moves.net(holders, other=[NOBODY])
    moved = moves.net(holders, other=[TRANSIT])
    return _by_name(market, issued, moved, balances)


def without(market: Market, now: Mapping[str, Account], later: Movements) -> dict[str, Account]:
    """The accounts as they were before the `later` movements."""
    everybody = list(market.index.values())
    issued, moved, all_of_it = (
        _by_name(market, later.net(everybody, other=other))
        for other in ([NOBODY], [TRANSIT], [NOBODY, TRANSIT, *everybody])
    )
    return {
        name: Account(
            _less(account.opening, issued[name].opening),
            _less(account.moved, moved[name].opening),
            _less(account.closing, all_of_it[name].opening),
        )
        for name, account in now.items()
    }


def _less(amounts: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    found = {asset: amounts.get(asset, 0) - more.get(asset, 0) for asset in {*amounts, *more}}
    return {asset: amount for asset, amount in found.items() if amount}


def accounts_of_cycle(
    market: Market, history: History, transactions: Collection[bytes], balances: Mapping[tuple[int, int], int]
) -> tuple[dict[str, Account], dict[str, Account]]:
    """Each institution's account of one cycle, in the assets that it moved: what was held before, what moved
    from the first of its settlements (`transactions`) to the last, what was held after. And the same with
    only what else than the settlements moved. `balances` are those of now.
    """
    everybody = list(market.index.values())
    first, last = (end(history.blocks[each] for each in transactions) for end in (min, max))
    recent, block = history.moved_since(first)
    during = recent.take(block <= last)
    settling = np.isin(during.transaction, [np.void(each) for each in transactions])
    moved, since, besides = (
        each.net(everybody, other=[TRANSIT, NOBODY, *everybody])
        for each in (during, recent.take(block > last), during.take(~settling))
    )
    closing = {place: balances.get(place, 0) - since.get(place, 0) for place in moved}
    opening = {place: closing[place] - amount for place, amount in moved.items()}
    return _by_name(market, opening, moved, closing), _by_name(market, {}, besides, {})


def _by_name(
    market: Market,
    opening: Mapping[tuple[int, int], int],
    moved: Mapping[tuple[int, int], int] = NOTHING,
    closing: Mapping[tuple[int, int], int] = NOTHING,
) -> dict[str, Account]:
    names = {index: name for name, index in market.index.items()}
    codes = {index: code for code, index in market.asset.items()}
    found: dict[str, tuple[dict[str, int], ...]] = {name: ({}, {}, {}) for name in market.index}
    for side, amounts in enumerate((opening, moved, closing)):
        for (holder, asset), amount in amounts.items():
            found[names[holder]][side][codes[asset]] = amount
    return {name: Account(*three) for name, three in found.items()}


def entries_of(trades: Trades, currency: str, naming: str = BY_NUMBER) -> Entries:
    """A book's trades as entries; a trade file says neither a settlement date nor what was charged."""
    count = len(trades)
    return Entries(
        parties=trades.parties,
        securities=trades.securities,
        currencies=(currency,),
        number=trades.number,
        day=np.full(count, day_number(trades.trading_day)),
        settles=np.zeros(count, dtype=np.int64),
        time=trades.time,
        buyer=trades.buyer,
        seller=trades.seller,
        security=trades.security,
        currency=np.zeros(count, dtype=np.int64),
        quantity=trades.quantity,
        amount=trades.amount,
        price=np.full(count, -1),
        line=trades.line,
        naming=naming,
    )


def ledger_trades(
    market: Market,
    history: History,
    batches: Iterable[RecordedBatch],
    within: Collection[bytes] | None = None,
) -> LedgerTrades:
    """The trades of the batches; in scope are those that a transaction `within` settled, where that is
    given.
    """
    found = list(batches)
    names = {index: name for name, index in market.index.items()}
    records = joined([batch.records for batch in found])
    counts = [len(batch.records) for batch in found]
    settled = np.concatenate([np.zeros(0, dtype=bool), *(batch.settled for batch in found)])
    masks = [_settled_within(batch, within) for batch in found]
    parties, securities = tuple(market.index), tuple(market.asset)
    party = _table({index: place for place, index in enumerate(market.index.values())})
    asset = _table({index: place for place, index in enumerate(market.asset.values())})
    disputed: dict[str, set[tuple[int, int]]] = {}
    for batch in found:
        for number, everyone in batch.disputed.items():
            for index in everyone:
                disputed.setdefault(names[index], set()).add((batch.header.trading_day, number))
    entries = Entries(
        parties=parties,
        securities=securities,
        currencies=(market.scenario.cash.currency,),
        number=records.number,
        day=np.repeat([batch.header.trading_day for batch in found], counts),
        settles=np.repeat([batch.header.intended_settlement_date for batch in found], counts),
        time=records.time,
        buyer=party[records.buyer],
        seller=party[records.seller],
        security=asset[records.asset],
        currency=np.zeros(len(records), dtype=np.int64),
        quantity=records.quantity,
        amount=records.amount,
        price=np.full(len(records), -1),
        line=np.zeros(len(records), dtype=np.int64),
    )
    return LedgerTrades(
        entries=entries,
        settled=settled,
        within=np.concatenate([np.zeros(0, dtype=bool), *masks]),
        disputed={name: frozenset(each) for name, each in disputed.items()},
        effective=np.concatenate([np.zeros(0, dtype=np.int32), *(_effective(b, history) for b in found)]),
    )


def priced(entries: Entries, exponent: int) -> Entries:
    """The entries with the price that their amount comes to, where that is a whole number of millionths."""
    scaled = entries.amount.astype(object) * 10 ** (PRICE_DECIMALS - exponent)
    pairs = zip(scaled.tolist(), entries.quantity.tolist(), strict=True)
    whole = [amount // units if amount % units == 0 else -1 for amount, units in pairs]
    return replace(entries, price=exact(whole))


def charged(entries: Entries, schedule: VenueSchedule, owner: str) -> Entries:
    """The entries with commission and levy of the sides that `owner` is on."""
    party = entries.parties.index(owner)
    sides = (entries.buyer == party).astype(np.int64) + (entries.seller == party)
    commission: Column = fees.commission(schedule, entries.amount) * sides
    levy: Column = fees.levy(schedule, entries.amount) * sides
    return replace(entries, commission=commission, levy=levy)


def trades_of(
    entries: Entries, held: npt.NDArray[np.int64] | None = None, theirs: Entries | None = None
) -> dict[date, Trades]:
    """Entries as trades by trading day: of another side those that are `held` against any of `theirs`, under
    these trades' day and number (`Matched.held`). What no trade can be, such as a negative quantity, is left
    out.
    """
    other = entries
    if held is not None and theirs is not None:
        rows = np.flatnonzero(held >= 0)
        entries, other = entries.take(rows), theirs.take(held[rows])
    sound = (entries.quantity >= 0).astype(bool) & (entries.amount >= 0).astype(bool)
    sound &= (entries.buyer >= 0) & (entries.seller >= 0) & (entries.security >= 0)
    found = {}
    for day in np.unique(other.day).tolist():
        rows = np.flatnonzero(sound & (other.day == day))
        part = entries.take(rows)
        found[parse_day_number(day)] = Trades(
            trading_day=parse_day_number(day),
            parties=part.parties,
            securities=part.securities,
            number=other.number[rows].astype(np.uint32),
            time=part.time,
            buyer=part.buyer,
            seller=part.seller,
            security=part.security,
            quantity=part.quantity,
            amount=part.amount,
            line=part.line,
        )
    return found


def settled_numbers(batches: Iterable[RecordedBatch]) -> dict[date, npt.NDArray[np.uint32]]:
    """By trading day the numbers of the trades that have settled whole, rising."""
    found: dict[date, list[npt.NDArray[np.uint32]]] = {}
    for batch in batches:
        day = parse_day_number(batch.header.trading_day)
        found.setdefault(day, []).append(batch.records.number[batch.settled])
    return {day: np.sort(np.concatenate(numbers)) for day, numbers in found.items()}


def settled_parts(batches: Iterable[RecordedBatch]) -> dict[date, dict[int, int]]:
    """By trading day, trade number → units settled so far of the trades of which some are not."""
    found: dict[date, dict[int, int]] = {}
    for batch in batches:
        if some := batch.settled_in_part():
            there = found.setdefault(parse_day_number(batch.header.trading_day), {})
            there |= {int(batch.records.number[row]): units for row, units in some.items()}
    return found


def _settled_within(batch: RecordedBatch, within: Collection[bytes] | None) -> npt.NDArray[np.bool_]:
    if within is None:
        return np.ones(len(batch.records), dtype=bool)
    places = [place for place, each in enumerate(batch.settlements) if each in within]
    mask: npt.NDArray[np.bool_] = np.isin(batch.settled_in, places)
    mask[[part.position for part in batch.parts if part.transaction in within]] = True
    return mask


def _effective(batch: RecordedBatch, history: History) -> npt.NDArray[np.int32]:
    days = [day_number(datetime.fromtimestamp(history.times[each], UTC).date()) for each in batch.settlements]
    return np.array([*days, 0], dtype=np.int32)[batch.settled_in]


def _table(places: Mapping[int, int]) -> npt.NDArray[np.int32]:
    """Index on the ledger → place; an index that has none gets a place that nothing is at."""
    table = np.full(1 << 16, len(places), dtype=np.int32)
    table[list(places)] = list(places.values())
    return table
