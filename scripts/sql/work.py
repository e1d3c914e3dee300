"""What the databases are given, what must come of it, and what trade by trade would take besides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ledger.errors import InvalidValue
from ledger.units import PPM, exact
from settlement import fees, netting
from settlement.model import Trades
from settlement.revenue import given, paid
from settlement.scenario import Scenario

SQL = Path(__file__).resolve().parent
CASH = 0
"""The asset that is the cash; securities follow from 1, as in the trades."""
MAX_AMOUNT = 2**63 - 1
"""A database's integers hold no more."""
Place = tuple[int, int]
"""(institution, asset)."""
COLUMNS = ("trading_day", "number", "time", "buyer", "seller", "security", "quantity", "amount")


def text(name: str) -> str:
    """The SQL in the file of that name."""
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Work:
    """A day by numbers: institutions from 1 in the scenario's order."""

    scenario: Scenario
    trades: Trades
    schedule: fees.VenueSchedule
    institutions: tuple[str, ...]
    assets: tuple[str, ...]
    shares: Mapping[int, int]
    """Who gets what part, in ppm, of each broker's commission."""
    beneficiary: int
    """Who gets the levy."""
    opening: Mapping[Place, int] = field(default_factory=dict)
    """Exactly what the day takes from each broker, net."""
    closing: Mapping[Place, int] = field(default_factory=dict)
    """Every balance that is not zero, when all has settled."""

    @classmethod
    def of(cls, scenario: Scenario, trades: Trades) -> Work:
        """Opening and closing worked out with the package's pure functions; raises InvalidValue where an
        amount is more than a database's integers hold.
        """
        if trades.amount.dtype == object:
            raise InvalidValue("amount", max(trades.amount.tolist()), f"at most {MAX_AMOUNT} are wanted")
        index = {each.name: i for i, each in enumerate(scenario.institutions, start=1)}
        work = cls(
            scenario,
            trades,
            fees.VenueSchedule.of(scenario),
            tuple(index),
            (scenario.cash.currency, *trades.securities),
            {index[share.party]: share.share_ppm for share in scenario.agreements.shares},
            index[scenario.fees.levy.beneficiary],
        )
        moved = work._moved()
        brokers = {index[name] for name in trades.parties}
        opening = {place: -value for place, value in moved.items() if value < 0 and place[0] in brokers}
        closing = {place: opening.get(place, 0) + value for place, value in moved.items()}
        return replace(
            work, opening=opening, closing={place: value for place, value in closing.items() if value}
        )

    def named(self, balances: Mapping[Place, int]) -> dict[tuple[str, str], int]:
        """The same by the names of institutions and assets."""
        return {
            (self.institutions[holder - 1], self.assets[asset]): value
            for (holder, asset), value in balances.items()
        }

    def columns(self) -> dict[str, npt.NDArray[np.int64]]:
        """The trades as COLUMNS."""
        trades = self.trades
        numbers = np.array([self.institutions.index(name) + 1 for name in trades.parties], dtype=np.int64)
        day = int(f"{trades.trading_day:%Y%m%d}")
        values = (
            np.full(len(trades), day),
            trades.number,
            trades.time,
            numbers[trades.buyer],
            numbers[trades.seller],
            trades.security + 1,
            exact(trades.quantity),
            trades.amount,
        )
        return {name: np.asarray(v, dtype=np.int64) for name, v in zip(COLUMNS, values, strict=True)}

    def slabs(self) -> list[tuple[int, int, int]]:
        """(above, up to, rate), without a gap. Raises InvalidValue for what these tables do not say."""
        if self.schedule.graduated or any(flat for _, _, flat in self.schedule.as_registered()):
            raise InvalidValue("fees", self.schedule.kind, "slabs without flat parts are wanted")
        *bounds, _ = (up_to for up_to, _, _ in self.schedule.as_registered())
        edges = [-MAX_AMOUNT, *bounds, MAX_AMOUNT]
        rates = [rate for _, rate, _ in self.schedule.as_registered()]
        return list(zip(edges, edges[1:], rates, strict=False))

    def _moved(self) -> dict[Place, int]:
        trades = self.trades
        moved: dict[Place, int] = defaultdict(int)
        quantities = netting.net_quantities(trades)
        levied = netting.both_sides(trades, fees.levy(self.schedule, trades.amount)).tolist()
        earned = netting.both_sides(trades, fees.commission(self.schedule, trades.amount)).tolist()
        cash = netting.net_cash(trades).tolist()
        for i, name in enumerate(trades.parties):
            party = self.institutions.index(name) + 1
            for security, net in enumerate(quantities[i].tolist(), start=1):
                moved[party, security] += net
            moved[party, CASH] += cash[i] - levied[i] - given(0, earned[i], list(self.shares.values()))
            moved[self.beneficiary, CASH] += levied[i]
            for partner, due in paid(0, earned[i], {str(k): v for k, v in self.shares.items()}).items():
                moved[int(partner), CASH] += due
        return {place: value for place, value in moved.items() if value}


class _Walk:
    """Balances while trades settle one at a time."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.held: dict[Place, int] = defaultdict(int, work.opening)
        self.earned: dict[int, int] = defaultdict(int)
        self.lowest: dict[Place, int] = {}
        columns = work.columns()
        charged = [columns[name] for name in ("buyer", "seller", "security", "quantity", "amount")]
        charged += [charge(work.schedule, columns["amount"]) for charge in (fees.commission, fees.levy)]
        self.rows = list(zip(*(column.tolist() for column in charged), strict=True))

    def change(self, row: int, sign: int = 1) -> tuple[Place, ...]:
        """Settle a trade, or take it back; the brokers' places that it touched."""
        buyer, seller, security, quantity, amount, commission, levy = self.rows[row]
        held, ppms = self.held, self.work.shares.values()
        held[buyer, security] += sign * quantity
        held[seller, security] -= sign * quantity
        held[seller, CASH] += sign * (amount - levy)
        held[buyer, CASH] -= sign * (amount + levy)
        for broker in (buyer, seller):
            before = self.earned[broker]
            self.earned[broker] = after = before + sign * commission
            held[broker, CASH] -= sum(after * ppm // PPM - before * ppm // PPM for ppm in ppms)
        return (seller, security), (buyer, security), (buyer, CASH), (seller, CASH)


def credit(work: Work) -> dict[Place, int]:
    """How far each balance falls below zero on the way, trade by trade in the order of the file, when each
    broker opens with what the whole day takes net.
    """
    walk = _Walk(work)
    for row in range(len(walk.rows)):
        for place in walk.change(row):
            if walk.held[place] < walk.lowest.get(place, 0):
                walk.lowest[place] = walk.held[place]
    return {place: -value for place, value in walk.lowest.items()}


def settles_without_credit(work: Work) -> tuple[int, int]:
    """How many trades settle one at a time without credit: in the order of the file, and when those that did
    not are tried again until no more does.
    """
    walk = _Walk(work)
    counts = [0]
    waiting = list(range(len(walk.rows)))
    while len(counts) < 3 or counts[-1] != counts[-2]:
        left = []
        for row in waiting:
            if any(walk.held[place] < 0 for place in walk.change(row)):
                walk.change(row, -1)
                left.append(row)
        waiting = left
        counts.append(len(walk.rows) - len(left))
    return counts[1], counts[-1]
