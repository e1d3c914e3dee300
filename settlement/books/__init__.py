"""An institution's own book: its trades, what was issued to it, and what it closes with.

A book is made from the institution's own side of each day and by its own path (`own_file`), never from the
chain or from what was packed for it: else there would be nothing to reconcile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from ledger.units import exact_add, exact_sum
from settlement import fees
from settlement.agreements.sharing import NOTHING, Sharing
from settlement.fees import VenueSchedule
from settlement.model import Trades

Numbers = Sequence[int] | npt.NDArray[Any]
"""Trade numbers of one day."""

Parts = Mapping[date, Mapping[int, int]]
"""By trading day, trade number → units settled so far of a trade that has not settled whole."""
NO_PARTS: Parts = {}


@dataclass(frozen=True, slots=True)
class Settlement:
    """One settlement, as an institution is told of it. `sharing` is what it gave of its commission, as its
    agreements stood before; `parts` are by trading day trade number → units from and up to which it settled.
    """

    sharing: Sharing
    settled: Mapping[date, Numbers]
    parts: Mapping[date, Mapping[int, tuple[int, int]]] = field(default_factory=dict)
    """Of these no number is in `settled`."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What an institution knows of charges: the venue's fee schedule and what its agreements give away. What
    is in none of the `settlements` counts as settled at once, by `sharing`.
    """

    currency: str
    schedule: VenueSchedule
    sharing: Sharing = NOTHING
    settlements: Sequence[Settlement] = ()


@dataclass(frozen=True, slots=True)
class Book:
    """One institution's book. Assets go by code; amounts are units, of the currency minor units."""

    owner: str
    days: Mapping[date, Trades] = field(default_factory=dict)
    """Its own trades by trading day; a day without any may be left out."""
    opening: Mapping[str, int] = field(default_factory=dict)
    """What was issued to it, by its own records."""
    closing: Mapping[str, int] = field(default_factory=dict)

    def close(
        self, settled: Mapping[date, Numbers], terms: Terms, parts: Parts = NO_PARTS, advised: int = 0
    ) -> Book:
        """The book once the trades with the numbers `settled` of each day have settled, those in `parts` so
        far; `advised` is cash that moved otherwise, by what the institution was told of penalties and the
        fund.
        """
        moved = movements(self.owner, self.days, settled, terms, parts)
        moved[terms.currency] = moved.get(terms.currency, 0) + advised
        assets = self.opening.keys() | moved.keys()
        closing = {asset: self.opening.get(asset, 0) + moved.get(asset, 0) for asset in sorted(assets)}
        return replace(self, closing=closing)


@dataclass(slots=True)
class Flows:
    """What settling trades brings its owner. Signed: units by security, minor units for the rest."""

    units: dict[str, int] = field(default_factory=dict)
    price: int = 0
    """Received less paid for securities."""
    commission: int = 0
    """Earned from clients, off the ledger."""
    levy: int = 0
    """Paid, on each side that the owner is on."""
    given: dict[int, int] = field(default_factory=dict)
    """Institution, by index → revenue share of the commission."""

    @property
    def cash(self) -> int:
        """What moves on the ledger."""
        return self.price - self.levy - sum(self.given.values())


def movements(
    owner: str,
    days: Mapping[date, Trades],
    settled: Mapping[date, Numbers],
    terms: Terms,
    parts: Parts = NO_PARTS,
) -> dict[str, int]:
    """What `flows` come to on the ledger, asset → signed amount, zeros left out."""
    found = flows(owner, days, settled, terms, parts)
    moved = {**found.units, terms.currency: found.cash}
    return {asset: amount for asset, amount in moved.items() if amount}


def flows(
    owner: str,
    days: Mapping[date, Trades],
    settled: Mapping[date, Numbers],
    terms: Terms,
    parts: Parts = NO_PARTS,
) -> Flows:
    """What settling those trades whose numbers are among the day's `settled` brings `owner`; and what the
    `parts` of others have brought so far.

    Revenue shares are of the commission that the owner earns on its sides, of all days of a settlement
    together.
    """
    found = Flows()
    for day, trades in days.items():
        if owner not in trades.parties:
            continue
        there, party = among(trades.number, settled.get(day, ())), trades.parties.index(owner)
        bought = np.flatnonzero(there & (trades.buyer == party))
        sold = np.flatnonzero(there & (trades.seller == party))
        size = len(trades.securities)
        units = exact_add(size, trades.security[bought], trades.quantity[bought])
        units = units - exact_add(size, trades.security[sold], trades.quantity[sold])
        for security in np.flatnonzero(units).tolist():
            code = trades.securities[security]
            found.units[code] = found.units.get(code, 0) + int(units[security])
        found.price += exact_sum(trades.amount[sold]) - exact_sum(trades.amount[bought])
        charged = trades.amount[np.concatenate((bought, sold))]
        found.levy += exact_sum(fees.levy(terms.schedule, charged))
        found.commission += exact_sum(fees.commission(terms.schedule, charged))
        for part in _parts_of(trades, party, parts.get(day, {}), terms.schedule):
            found.units[part.code] = found.units.get(part.code, 0) + part.units
            found.price += part.price
            found.levy += part.levy
            found.commission += part.commission
    left = found.commission
    for settlement in terms.settlements:
        earned = _earned(owner, days, settlement, terms.schedule)
        _add(found.given, settlement.sharing.paid(earned))
        left -= earned
    _add(found.given, terms.sharing.paid(left))
    return found


def _add(totals: dict[int, int], more: Mapping[int, int]) -> None:
    for key, amount in more.items():
        totals[key] = totals.get(key, 0) + amount


def _earned(owner: str, days: Mapping[date, Trades], settlement: Settlement, schedule: VenueSchedule) -> int:
    """The commission that a settlement brought."""
    total = 0
    for day in settlement.settled.keys() | settlement.parts.keys():
        trades = days.get(day)
        if trades is None or owner not in trades.parties:
            continue
        party, there = trades.parties.index(owner), among(trades.number, settlement.settled.get(day, ()))
        for side in (trades.buyer, trades.seller):
            total += exact_sum(fees.commission(schedule, trades.amount[there & (side == party)]))
        parts = settlement.parts.get(day, {})
        for up_to, sign in ((1, 1), (0, -1)):
            units = {number: ends[up_to] for number, ends in parts.items()}
            total += sign * sum(part.commission for part in _parts_of(trades, party, units, schedule))
    return total


@dataclass(frozen=True, slots=True)
class _Part:
    """What a trade that has settled in part moved for one side, signed, and what it cost and earned."""

    code: str
    units: int
    price: int
    levy: int
    commission: int


def _parts_of(
    trades: Trades, party: int, parts: Mapping[int, int], schedule: VenueSchedule
) -> Iterator[_Part]:
    if not parts:
        return
    own = np.flatnonzero((trades.buyer == party) | (trades.seller == party))
    row_of = dict(zip(trades.number[own].tolist(), own.tolist(), strict=True))
    rows = [row_of[number] for number in parts if number in row_of]
    amounts = trades.amount[rows]
    levies, commissions = (each(schedule, amounts).tolist() for each in (fees.levy, fees.commission))
    for row, levy, fee in zip(rows, levies, commissions, strict=True):
        settled, whole = parts[int(trades.number[row])], int(trades.quantity[row])
        for side, sign in ((trades.buyer, 1), (trades.seller, -1)):
            if side[row] == party:
                price = -sign * (int(trades.amount[row]) * settled // whole)
                code = trades.securities[trades.security[row]]
                yield _Part(code, sign * settled, price, levy * settled // whole, fee * settled // whole)


def among(numbers: npt.NDArray[np.uint32], wanted: Numbers) -> npt.NDArray[np.bool_]:
    """Which of the numbers are wanted. It is quickest where `wanted` rises."""
    if not len(wanted):
        return np.zeros(len(numbers), dtype=bool)
    rising = np.asarray(wanted, dtype=np.int64)
    if not bool((rising[1:] >= rising[:-1]).all()):
        rising = np.sort(rising)
    place = np.searchsorted(rising, numbers)
    found: npt.NDArray[np.bool_] = rising[np.minimum(place, len(rising) - 1)] == numbers
    return found
