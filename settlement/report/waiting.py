"""The trades that wait, each with its reason: what is short, who disputes it, or who has not affirmed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from ledger.clients.clearing_house import Status
from ledger.history import RecordedBatch
from ledger.ids import parse_day_number
from ledger.records import Records

MONEY_SHORT, SECURITIES_SHORT, NOT_TRIED = "MONY", "LACK", "not tried"
DISPUTED, UNAFFIRMED, HELD, SUSPENDED = "disputed", "unaffirmed", "held", "suspended"
"""Why a trade waits. The first two are ISO 20022 pending reason codes."""

Shortages = Mapping[tuple[date, int], tuple[tuple[str, str, int], ...]]
"""(trading day, trade number) → (institution, asset, how much it is short), one or more."""


@dataclass(frozen=True, slots=True)
class Short:
    """`institution` would be `amount` short of `asset` (units, or minor units) if the trade settled too."""

    institution: str
    asset: str
    amount: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A recorded trade that has not settled, and why: what is `short`, or who disputes it (`by`).

    `trading_day` is there where several days are looked at.
    """

    trade: int
    amount: int
    reason: str
    short: tuple[Short, ...] = ()
    by: tuple[str, ...] = ()
    trading_day: str | None = None


def waiting(
    batches: Iterable[RecordedBatch],
    names: Mapping[int, str],
    shortages: Shortages,
    currency: str,
    suspended: Collection[int] = (),
) -> tuple[Waiting, ...]:
    """Every recorded trade of `batches` that has not settled or ended, by trading day and rising number.
    `names` has the institutions by index, `suspended` are some of them.
    """
    every = list(batches)
    several = len({batch.header.trading_day for batch in every}) > 1
    found: list[tuple[date, Waiting]] = []
    for batch in every:
        trading_day = parse_day_number(batch.header.trading_day)
        shown = str(trading_day) if several else None
        there = ~batch.settled & ~batch.ended
        rows, standing = batch.records.take(there), batch.status[there].tolist()
        silent, out = _unaffirmed(batch, rows), _of(rows, suspended)
        for number, amount, status in zip(rows.number.tolist(), rows.amount.tolist(), standing, strict=True):
            reason = {Status.DISPUTED: DISPUTED, Status.HELD: HELD}.get(status, "")
            who = batch.disputed.get(number, []) if reason else silent.get(number) or out.get(number)
            if reason or who:
                reason = reason or (UNAFFIRMED if number in silent else SUSPENDED)
                by = tuple(names[each] for each in who or ())
                found.append((trading_day, Waiting(number, amount, reason, by=by, trading_day=shown)))
                continue
            short = tuple(Short(*each) for each in shortages.get((trading_day, number), ()))
            waits = Waiting(number, amount, _reason(short, currency), short, trading_day=shown)
            found.append((trading_day, waits))
    found.sort(key=lambda each: (each[0], each[1].trade))
    return tuple(each for _, each in found)


def waiting_json(waiting: Waiting, currency: str) -> dict[str, Any]:
    """As `--json` prints it."""
    shown: dict[str, Any] = {"trading_day": waiting.trading_day} if waiting.trading_day else {}
    shown |= {
        "trade": waiting.trade,
        "settlement_amount_minor": str(waiting.amount),
        "reason": waiting.reason,
        "short": [_short_json(each, currency) for each in waiting.short],
    }
    return shown | ({"by": list(waiting.by)} if waiting.by else {})


def _unaffirmed(batch: RecordedBatch, rows: Records) -> dict[int, list[int]]:
    """Trade number → indexes of the parties that have not affirmed it, where there are any among `rows`."""
    parties = {int(party) for party in np.unique(np.concatenate((rows.buyer, rows.seller)))}
    return _of(rows, parties.difference(batch.affirmed_in))


def _of(rows: Records, institutions: Collection[int]) -> dict[int, list[int]]:
    """Trade number → which of the institutions are its parties, where any are."""
    found: dict[int, list[int]] = {}
    for side in (rows.buyer, rows.seller):
        there = np.isin(side, list(institutions))
        for number, party in zip(rows.number[there].tolist(), side[there].tolist(), strict=True):
            who = found.setdefault(number, [])
            if party not in who:
                who.append(party)
    return found


def _reason(short: tuple[Short, ...], currency: str) -> str:
    """The one code that says most: securities that lack, before money that does."""
    if not short:
        return NOT_TRIED
    return MONEY_SHORT if all(each.asset == currency for each in short) else SECURITIES_SHORT


def _short_json(short: Short, currency: str) -> dict[str, Any]:
    if short.asset == currency:
        amount: dict[str, Any] = {"short_minor": str(short.amount)}
    else:
        amount = {"short_quantity": short.amount}
    return {"institution": short.institution, "asset": short.asset} | amount
