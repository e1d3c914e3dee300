"""Reconciliation: an institution's own book against the ledger, trade by trade, security by security, in
cash.

A *break* is a difference between two books, each with its reason; it is a value, not an error. What one break
explains is not a second one: where a position differs by exactly what the trades that differ account for, the
trades' breaks are all there is to say. A trade that the institution excepted when it affirmed is disputed,
which the ledger knows, and no break.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ledger.clients.consortium import TRANSIT
from ledger.history import NOBODY, Movements, RecordedBatch
from settlement.books import Book, Terms, movements
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


def ledger_trades(market: Market, batches: Iterable[RecordedBatch], like: Trades) -> tuple[Trades, set[int]]:
    """The day's trades as the ledger has them, in the shape of a book's, and the numbers of those settled."""
    parties = {market.index[name]: i for i, name in enumerate(like.parties)}
    codes = {index: code for code, index in market.asset.items()}
    securities = tuple(code for code in market.asset if code != market.scenario.cash.currency)
    position = {code: i for i, code in enumerate(securities)}
    found = list(batches)
    settled = {number for batch in found for number in batch.records.number[batch.settled].tolist()}
    if not found:
        return like.take(np.zeros(0, dtype=np.int64)), settled

    def column(name: str) -> npt.NDArray[Any]:
        return np.concatenate([getattr(batch.records, name) for batch in found])

    recorded = replace(
        like,
        securities=securities,
        number=column("number"),
        time=column("time"),
        buyer=np.array([parties[i] for i in column("buyer").tolist()], dtype=np.int32),
        seller=np.array([parties[i] for i in column("seller").tolist()], dtype=np.int32),
        security=np.array([position[codes[i]] for i in column("asset").tolist()], dtype=np.int32),
        quantity=column("quantity"),
        amount=column("amount"),
        line=np.zeros(len(column("number")), dtype=np.int64),
    )
    return recorded, settled


def reconcile(
    book: Book,
    recorded: Trades,
    settled: set[int],
    excepted: Iterable[int],
    account: Account,
    terms: Terms,
) -> tuple[list[Break], Compared]:
    """Hold one book against the ledger's trades of the day (`recorded`, anybody's) and the owner's
    account.
    """
    owner = recorded.parties.index(book.owner)
    own = recorded.take((recorded.buyer == owner) | (recorded.seller == owner))
    breaks = _trade_breaks(book, own, frozenset(excepted))
    kept = movements(book.owner, book.trades, settled, terms)
    expected = movements(book.owner, own, settled, terms)
    assets = sorted({*book.opening, *book.closing, *account.opening, *account.closing, *kept, *expected})
    for asset in assets:
        found = _balance_break(book, account, asset, kept.get(asset, 0), expected.get(asset, 0))
        if found:
            level: Level = "cash" if asset == terms.currency else "position"
            breaks.append(Break(book.owner, level, "DMON" if level == "cash" else "DQUA", asset, found))
    positions = len([asset for asset in assets if asset != terms.currency])
    return breaks, Compared(1, len({*book.trades.number.tolist(), *own.number.tolist()}), positions, 1)


def _trade_breaks(book: Book, own: Trades, excepted: frozenset[int]) -> list[Break]:
    mine, theirs = _rows(book.trades), _rows(own)
    breaks = []
    for number in sorted(mine.keys() | theirs.keys()):
        here, there = mine.get(number), theirs.get(number)
        if here == there or number in excepted:
            continue
        if here is None or there is None:
            row = here or there or {}
            fields = {name: (value, None) if here else (None, value) for name, value in row.items()}
            breaks.append(Break(book.owner, "trade", "CMIS", str(number), fields))
            continue
        differing = {name: (here[name], there[name]) for name in here if here[name] != there[name]}
        breaks.append(Break(book.owner, "trade", _REASONS[next(iter(differing))], str(number), differing))
    return breaks


def _rows(trades: Trades) -> dict[int, dict[str, object]]:
    columns = (
        trades.number,
        trades.security,
        trades.quantity,
        trades.amount,
        trades.buyer,
        trades.seller,
        trades.time,
    )
    return {
        number: {
            "security": trades.securities[security],
            "quantity": quantity,
            "settlement_amount": amount,
            "buyer": trades.parties[buyer],
            "seller": trades.parties[seller],
            "time": time,
        }
        for number, security, quantity, amount, buyer, seller, time in zip(
            *(column.tolist() for column in columns), strict=True
        )
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
