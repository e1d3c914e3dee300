"""Reconciliation: an institution's own book against the ledger, trade by trade, security by security, in
cash.

A *break* is a difference between two books, each with its reason; it is a value, not an error. What one break
explains is not a second one: where a position differs by exactly what the trades that differ account for, the
trades' breaks are all there is to say. A trade that the institution excepted when it affirmed is disputed,
which the ledger knows, and no break.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import numpy.typing as npt

from ledger.clients.consortium import TRANSIT
from ledger.history import NOBODY, Movements, RecordedBatch
from ledger.ids import parse_day_number
from ledger.records import Records
from settlement.books import NO_PARTS, Book, Numbers, Parts, Terms, among, movements
from settlement.market import Market
from settlement.model import Trades

Level = Literal["trade", "position", "cash"]

_REASONS = {
    "security": "DSEC",
    "quantity": "DQUA",
    "settlement_amount": "DMON",
    "buyer": "CMIS",
    "seller": "CMIS",
    "time": "DDAT",
}
"""ISO 20022 codes: differing security, quantity, amount, time; CMIS where the other side is not found."""


@dataclass(frozen=True, slots=True)
class Break:
    """One difference. `subject` is the trade's number, or the asset's code; `fields` name what differs, with
    the book's value and the ledger's (None where one side has nothing)."""

    institution: str
    level: Level
    reason: str
    subject: str
    fields: Mapping[str, tuple[object, object]]
    trading_day: date | None = None
    """Of a trade."""


@dataclass(frozen=True, slots=True)
class Account:
    """One institution's view of the ledger, asset → signed amount: opening + movements = closing."""

    opening: Mapping[str, int]
    moved: Mapping[str, int]
    closing: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Compared:
    """What was held against what, so that silence is evidence."""

    books: int
    trades: int
    positions: int
    cash: int


def accounts(market: Market, moves: Movements, balances: Mapping[tuple[int, int], int]) -> dict[str, Account]:
    """Each institution's account: what was issued to it, what settlement moved, and the register's
    `balances`.
    """
    holders = list(market.index.values())
    issued = moves.net(holders, other=[NOBODY])
    moved = moves.net(holders, other=[TRANSIT])
    names = {index: name for name, index in market.index.items()}
    codes = {index: code for code, index in market.asset.items()}
    sides: dict[str, tuple[dict[str, int], ...]] = {name: ({}, {}, {}) for name in market.index}
    for side, amounts in enumerate((issued, moved, balances)):
        for (holder, asset), amount in amounts.items():
            sides[names[holder]][side][codes[asset]] = amount
    return {name: Account(*three) for name, three in sides.items()}


def ledger_trades(
    market: Market, batches: Iterable[RecordedBatch]
) -> tuple[dict[date, Trades], dict[date, npt.NDArray[np.uint32]]]:
    """The ledger's trades by trading day, in the shape of a book's and in the order of the batches, and the
    numbers of those settled, rising."""
    brokers = market.scenario.brokers
    party = _table({market.index[name]: i for i, name in enumerate(brokers)})
    codes = tuple(code for code in market.asset if code != market.scenario.cash.currency)
    security = _table({market.asset[code]: i for i, code in enumerate(codes)})
    by_day: dict[date, list[RecordedBatch]] = {}
    for batch in batches:
        by_day.setdefault(parse_day_number(batch.header.trading_day), []).append(batch)
    recorded, settled = {}, {}
    for day, found in by_day.items():
        columns = {
            name: np.concatenate([getattr(batch.records, name) for batch in found])
            for name in Records.__slots__
        }
        recorded[day] = Trades(
            trading_day=day,
            parties=brokers,
            securities=codes,
            number=columns["number"],
            time=columns["time"],
            buyer=party[columns["buyer"]],
            seller=party[columns["seller"]],
            security=security[columns["asset"]],
            quantity=columns["quantity"],
            amount=columns["amount"],
            line=np.zeros(len(columns["number"]), dtype=np.int64),
        )
        settled[day] = np.sort(columns["number"][np.concatenate([batch.settled for batch in found])])
    return recorded, settled


def settled_parts(batches: Iterable[RecordedBatch]) -> dict[date, dict[int, int]]:
    """By trading day, trade number → units settled so far of the trades of which some are not."""
    found: dict[date, dict[int, int]] = {}
    for batch in batches:
        if some := batch.settled_in_part():
            there = found.setdefault(parse_day_number(batch.header.trading_day), {})
            there |= {int(batch.records.number[row]): units for row, units in some.items()}
    return found


def _table(places: Mapping[int, int]) -> npt.NDArray[np.int32]:
    """Index on the ledger → place; an index that has none gets a place that nothing is at."""
    table = np.full(1 << 16, len(places), dtype=np.int32)
    table[list(places)] = list(places.values())
    return table


def reconcile(
    book: Book,
    recorded: Mapping[date, Trades],
    settled: Mapping[date, Numbers],
    excepted: Mapping[date, Collection[int]],
    account: Account,
    terms: Terms,
    parts: Parts = NO_PARTS,
    advised: int = 0,
) -> tuple[list[Break], Compared]:
    """Hold one book against the ledger's trades (`recorded`, anybody's) and the owner's account. By trading
    day, as are the numbers of trades settled, of those that the owner has excepted, and `parts`; `advised` is
    cash that moved otherwise, as the institution was told.
    """
    own = {day: _own(trades, book.owner) for day, trades in recorded.items()}
    breaks, count = [], 0
    for day in sorted({*book.days, *own}):
        either = book.days[day] if day in book.days else own[day]
        nothing = either.take(np.zeros(0, dtype=np.int64))
        sides = book.days.get(day, nothing), own.get(day, nothing)
        found, compared = _trade_breaks(book.owner, *sides, excepted.get(day, ()))
        breaks += found
        count += compared
    kept = movements(book.owner, book.days, settled, terms, parts)
    expected = movements(book.owner, own, settled, terms, parts)
    expected[terms.currency] = expected.get(terms.currency, 0) + advised
    kept[terms.currency] = kept.get(terms.currency, 0) + advised
    assets = sorted({*book.opening, *book.closing, *account.opening, *account.closing, *kept, *expected})
    for asset in assets:
        off = _balance_break(book, account, asset, kept.get(asset, 0), expected.get(asset, 0))
        if off:
            level: Level = "cash" if asset == terms.currency else "position"
            breaks.append(Break(book.owner, level, "DMON" if level == "cash" else "DQUA", asset, off))
    positions = len([asset for asset in assets if asset != terms.currency])
    return breaks, Compared(1, count, positions, 1)


def _own(trades: Trades, owner: str) -> Trades:
    party = trades.parties.index(owner)
    return trades.take((trades.buyer == party) | (trades.seller == party))


def _trade_breaks(
    owner: str, kept: Trades, recorded: Trades, excepted: Collection[int]
) -> tuple[list[Break], int]:
    """A day's breaks by rising number, and how many numbers were compared.

    Of rows that a book has under one number the last is held against the ledger, which lacks the others.
    """
    mine, theirs = np.argsort(kept.number, kind="stable"), np.argsort(recorded.number)
    numbers, others = kept.number[mine], recorded.number[theirs]
    last = np.append(numbers[1:] != numbers[:-1], True)[: len(mine)]
    held = last & among(numbers, others)
    here, there = mine[held], theirs[np.searchsorted(others, numbers[held])]
    differ = np.flatnonzero(_differ(kept, here, recorded, there))
    rows: list[tuple[int | None, int | None]] = [(i, None) for i in mine[~held].tolist()]
    rows += [(None, k) for k in theirs[~among(others, numbers)].tolist()]
    rows += zip(here[differ].tolist(), there[differ].tolist(), strict=True)
    breaks = [_trade_break(owner, kept, i, recorded, k) for i, k in rows]
    known = frozenset(excepted)
    breaks = [each for each in breaks if int(each.subject) not in known]
    compared = len(theirs) + int((last & ~held).sum())
    return sorted(breaks, key=lambda each: int(each.subject)), compared


def _differ(
    mine: Trades, here: npt.NDArray[np.int64], theirs: Trades, there: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Whether rows of one side differ from those of the other in any field."""
    parties, codes = _renamed(mine.parties, theirs.parties), _renamed(mine.securities, theirs.securities)
    off: npt.NDArray[np.bool_] = codes[mine.security[here]] != theirs.security[there]
    off |= parties[mine.buyer[here]] != theirs.buyer[there]
    off |= parties[mine.seller[here]] != theirs.seller[there]
    off |= mine.quantity[here] != theirs.quantity[there]
    off |= (mine.amount[here] != theirs.amount[there]).astype(bool)
    off |= mine.time[here] != theirs.time[there]
    return off


def _renamed(names: Sequence[str], others: Sequence[str]) -> npt.NDArray[np.int64]:
    """For each name its place among the others, -1 where it has none."""
    places = {name: i for i, name in enumerate(others)}
    return np.array([places.get(name, -1) for name in names], dtype=np.int64)


def _trade_break(owner: str, mine: Trades, i: int | None, theirs: Trades, k: int | None) -> Break:
    """How row i of the book and row k of the ledger differ, None where a side has none."""
    here, there = _row(mine, i), _row(theirs, k)
    trades, row = (mine, i) if i is not None else (theirs, k)
    fields = {
        name: (here.get(name), there.get(name))
        for name in (here or there)
        if here.get(name) != there.get(name)
    }
    reason = _REASONS[next(iter(fields))] if here and there else "CMIS"
    return Break(owner, "trade", reason, str(trades.number[row]), fields, trades.trading_day)


def _row(trades: Trades, i: int | None) -> dict[str, object]:
    if i is None:
        return {}
    return {
        "security": trades.securities[trades.security[i]],
        "quantity": int(trades.quantity[i]),
        "settlement_amount": int(trades.amount[i]),
        "buyer": trades.parties[trades.buyer[i]],
        "seller": trades.parties[trades.seller[i]],
        "time": int(trades.time[i]),
    }


def _balance_break(
    book: Book, account: Account, asset: str, kept: int, expected: int
) -> dict[str, tuple[object, object]]:
    """What differs in one asset beyond what differing trades (`kept` less `expected`) account for."""
    fields: dict[str, tuple[object, object]] = {}
    opening, moved, closing = (
        side.get(asset, 0) for side in (account.opening, account.moved, account.closing)
    )
    if book.opening.get(asset, 0) != opening:
        fields["opening"] = (book.opening.get(asset, 0), opening)
    if moved != expected:
        fields["movements"] = (expected, moved)
    off = book.closing.get(asset, 0) - closing
    if opening + moved != closing or off not in (0, kept - expected):
        fields["closing"] = (book.closing.get(asset, 0), closing)
    return fields
