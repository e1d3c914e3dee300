"""What settling came to, by what an institution knows of charges, and by what the ledger says: on every level
that is not trades.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np

from settlement.books import Flows, Numbers, Parts, Terms, flows
from settlement.books.settlements import Told
from settlement.fees import VenueSchedule
from settlement.market import Market
from settlement.model import Trades
from settlement.reconciliation.model import Level, share_line

Place = tuple[Level, str]
"""A level other than trades, and the asset's code or the line of revenue."""
COMMISSION, LEVY = "commission", "levy"


@dataclass(frozen=True, slots=True)
class Settlements:
    """What has settled, of everything or of one cycle: by trading day the numbers of trades that did so
    whole, and of others the units from and up to which they did.
    """

    settled: Mapping[date, Numbers]
    parts: Parts = field(default_factory=dict)
    before: Parts = field(default_factory=dict)
    """Of `parts`, how much had settled before."""
    told: Sequence[Told] = ()

    @classmethod
    def of_cycle(cls, told: Sequence[Told]) -> Settlements:
        """Of the settlements of one cycle."""
        settled: dict[date, list[np.ndarray[tuple[int], np.dtype[np.uint32]]]] = {}
        starts: dict[date, dict[int, int]] = {}
        ends: dict[date, dict[int, int]] = {}
        for each in told:
            for day, numbers in each.settled.items():
                settled.setdefault(day, []).append(numbers)
            for day, parts in each.parts.items():
                for number, (start, end) in parts.items():
                    starts.setdefault(day, {}).setdefault(number, start)
                    ends.setdefault(day, {})[number] = end
        whole = {day: np.sort(np.concatenate(each)) for day, each in settled.items()}
        return cls(whole, ends, starts, told)


@dataclass(frozen=True, slots=True)
class Charges:
    """How charges are reckoned: the currency, the venue's schedule, who institutions are."""

    market: Market
    schedule: VenueSchedule

    def flows(self, owner: str, days: Mapping[date, Trades], done: Settlements) -> Flows:
        """What the settlements brought `owner`, by its own trades of these days."""
        index = self.market.index[owner]
        terms = Terms(
            self.market.scenario.cash.currency,
            self.schedule,
            settlements=[each.to(index) for each in done.told],
        )
        found = flows(owner, days, done.settled, terms, done.parts)
        if done.before:
            earlier = flows(owner, days, {}, replace(terms, settlements=()), done.before)
            found.price -= earlier.price
            found.levy -= earlier.levy
            found.commission -= earlier.commission
            for code, units in earlier.units.items():
                found.units[code] = found.units.get(code, 0) - units
        return found

    def places(self, owner: str, found: Flows) -> dict[Place, int]:
        """The flows by place, zeros left out."""
        names = {index: name for name, index in self.market.index.items()}
        moved: dict[Place, int] = {("position", code): units for code, units in found.units.items()}
        moved["cash", self.market.scenario.cash.currency] = found.cash
        moved["revenue", COMMISSION] = found.commission
        moved["revenue", LEVY] = found.levy
        for receiver, amount in found.given.items():
            moved["revenue", share_line(owner, names.get(receiver, str(receiver)))] = amount
        return {place: amount for place, amount in moved.items() if amount}


def shares(market: Market, told: Iterable[Told]) -> dict[str, dict[Place, int]]:
    """Institution → line of revenue → what the ledger says that settlements shared of it, as payer and as
    receiver.
    """
    names = {index: name for name, index in market.index.items()}
    found: dict[str, dict[Place, int]] = {}
    for each in told:
        for (payer, receiver), amount in each.accrued.items():
            if payer in names and receiver in names:
                line: Place = "revenue", share_line(names[payer], names[receiver])
                for name in {names[payer], names[receiver]}:
                    own = found.setdefault(name, {})
                    own[line] = own.get(line, 0) + amount
    return found
