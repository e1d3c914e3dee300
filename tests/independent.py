"""A business day worked out from the raw file, apart from the package.

Plain ints, fractions and the standard library's CSV reader; nothing is imported from the package and nothing
is shared with it. What is here was written from the texts that say what should happen, so that a test which
holds the package against it sees a mistake of either.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from pathlib import Path

PPM = 1_000_000
Place = tuple[str, str]
"""(institution, asset)."""


@dataclass(frozen=True)
class Trade:
    """A trade; the amount in minor units."""

    number: int
    buyer: str
    seller: str
    security: str
    quantity: int
    amount: int


@dataclass(frozen=True)
class Rules:
    """What a market charges: tiers as (up to and including, ppm), the last without bound, the levy and who
    gets it, and the revenue shares of every broker's commission."""

    tiers: tuple[tuple[int | None, int], ...]
    levy_ppm: int
    levy_to: str
    shares: tuple[tuple[str, int], ...]
    cash: str = "NPR"
    flats: tuple[int, ...] = ()
    """The flat part of each tier, minor units; none where they are not given."""
    graduated: bool = False
    """Whether all tiers that an amount enters count, each on what is in it, or the one it falls in on all."""

    def commission(self, amount: int) -> int:
        """Of one side of a trade, rounded down to the minor unit; added up in millionths of one."""
        millionths, start = 0, 0
        for (up_to, rate), flat in zip(self.tiers, self.flats or [0] * len(self.tiers), strict=True):
            falls_in = up_to is None or amount <= up_to
            if self.graduated or falls_in:
                end = amount if up_to is None else min(amount, up_to)
                millionths += (end - start) * rate + flat * PPM
                start = end
            if falls_in:
                return millionths // PPM
        raise AssertionError("the last tier has no bound")

    def levy(self, amount: int) -> int:
        """Of one side of a trade, rounded down to the minor unit."""
        return amount * self.levy_ppm // PPM


NEPSE_2019 = Rules(
    tiers=(
        (50_000_00, 6_000),
        (500_000_00, 5_500),
        (2_000_000_00, 5_000),
        (10_000_000_00, 4_500),
        (None, 4_000),
    ),
    levy_ppm=150,
    levy_to="SEBON",
    shares=(("NEPSE", 200_000), ("PLATFORM", 50_000), ("RESERVE", 50_000)),
)
SAMPLE = Rules(
    tiers=((5_000_00, 4_000), (50_000_00, 3_000), (500_000_00, 2_000), (None, 1_500)),
    levy_ppm=50,
    levy_to="Market Authority",
    shares=(
        ("Meridian Exchange", 150_000),
        ("Lantern Platform", 80_000),
        ("Compass Data", 30_000),
        ("Mutual Reserve", 50_000),
    ),
    cash="EUR",
)
"""What settlement/scenarios/sample.yaml charges, written down again."""
NOT_BROKERS = frozenset({2, 9, 12, 15, 23, 24, 27, 30, 31})
"""Numbers below 60 that the market had no broker of."""
BROKERS = tuple(str(number) for number in range(1, 60) if number not in NOT_BROKERS)
OTHERS = ("NEPSE", "CDSC", "SEBON", "BANK", "PLATFORM", "RESERVE")


def read_nepse(path: Path) -> list[Trade]:
    """The trades of a floor sheet, in its order."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Trade(
                number=int(row["Contract_No"][8:]),
                buyer=row["Buyer_Broker"],
                seller=row["Seller_Broker"],
                security=row["Stock_Symbol"],
                quantity=int(row["Quantity"]),
                amount=whole(Fraction(row["Amount"]) * 100),
            )
            for row in csv.DictReader(file)
        ]


def read_canonical(data: bytes) -> list[Trade]:
    """The trades of a file in the canonical format, in its order."""
    return [
        Trade(
            number=int(row["trade_no"]),
            buyer=row["buyer"],
            seller=row["seller"],
            security=row["security"],
            quantity=int(row["quantity"]),
            amount=whole(Fraction(row["settlement_amount"]) * 100),
        )
        for row in csv.DictReader(data.decode().splitlines())
    ]


def whole(value: Fraction) -> int:
    """The integer that the value is."""
    assert value.denominator == 1, value
    return value.numerator


@dataclass
class Outcome:
    """What settling some trades does. Maps leave nothing out but zeros of `moved`."""

    moved: dict[Place, int]
    """Units, or minor units of cash, by whom and of what; levy and revenue shares included."""
    commission: Counter[str] = field(default_factory=Counter)
    """Earned, by broker."""
    levy: Counter[str] = field(default_factory=Counter)
    """Owed, by broker."""
    revenue: Counter[str] = field(default_factory=Counter)
    """Received as revenue shares or levy, by institution."""
    traded: Counter[str] = field(default_factory=Counter)
    """Cash from trades alone, by broker, negative where it owes."""
    gross: int = 0

    @property
    def net(self) -> int:
        """What all who owe on balance owe, from trades alone."""
        return sum(-cash for cash in self.traded.values() if cash < 0)


def settle(rules: Rules, trades: Iterable[Trade], earned: Mapping[str, int] | None = None) -> Outcome:
    """The outcome of settling trades together, when brokers had `earned` so much of the period before."""
    out = Outcome({})
    moved: Counter[Place] = Counter()
    for trade in trades:
        out.gross += trade.amount
        moved[trade.buyer, trade.security] += trade.quantity
        moved[trade.seller, trade.security] -= trade.quantity
        out.traded[trade.buyer] -= trade.amount
        out.traded[trade.seller] += trade.amount
        commission, levy = rules.commission(trade.amount), rules.levy(trade.amount)
        for broker in (trade.buyer, trade.seller):
            out.commission[broker] += commission
            out.levy[broker] += levy
    for broker, cash in out.traded.items():
        moved[broker, rules.cash] += cash - out.levy[broker]
        out.revenue[rules.levy_to] += out.levy[broker]
        before = (earned or {}).get(broker, 0)
        after = before + out.commission[broker]
        for party, ppm in rules.shares:
            due = after * ppm // PPM - before * ppm // PPM
            moved[broker, rules.cash] -= due
            out.revenue[party] += due
    for party, cash in out.revenue.items():
        moved[party, rules.cash] += cash
    out.moved = {place: amount for place, amount in moved.items() if amount}
    return out


def opening(
    rules: Rules,
    trades: Sequence[Trade],
    cover: Fraction = Fraction(1),
    earned: Mapping[str, int] | None = None,
) -> dict[Place, int]:
    """What each broker is issued: what the trades take from it net, of the cash the cover, rounded down."""
    brokers = {name for trade in trades for name in (trade.buyer, trade.seller)}
    taken = {place: -amount for place, amount in settle(rules, trades, earned).moved.items() if amount < 0}
    return {
        (name, asset): floor(amount * cover) if asset == rules.cash else amount
        for (name, asset), amount in taken.items()
        if name in brokers
    }


def closing(held: Mapping[Place, int], moved: Mapping[Place, int]) -> dict[Place, int]:
    """Holdings after movements, zeros left out."""
    places = {**held, **moved}
    after = {place: held.get(place, 0) + moved.get(place, 0) for place in places}
    return {place: amount for place, amount in after.items() if amount}


def short_of(rules: Rules, held: Mapping[Place, int], trades: Iterable[Trade]) -> dict[Place, int]:
    """Who would be short of what, by how much, if the trades settled together."""
    after = closing(held, settle(rules, trades).moved)
    return {place: -amount for place, amount in after.items() if amount < 0}


def delivers(rules: Rules, trade: Trade, place: Place) -> bool:
    """Whether the institution gives up some of the asset in this trade, by itself."""
    name, asset = place
    if asset != rules.cash:
        return asset == trade.security and trade.seller == name != trade.buyer
    millionths, part = 0, sum(ppm for _, ppm in rules.shares)
    for broker, price in ((trade.buyer, -trade.amount), (trade.seller, trade.amount)):
        if broker == name:
            millionths += (price - rules.levy(trade.amount)) * PPM - rules.commission(trade.amount) * part
    return millionths < 0


def touched(rules: Rules, trade: Trade) -> set[Place]:
    """Where settling the trade can change something between brokers."""
    return {(name, of) for name in (trade.buyer, trade.seller) for of in (trade.security, rules.cash)}


class Ledger:
    """Holdings while trades are put in and taken out, one at a time."""

    def __init__(
        self,
        rules: Rules,
        held: Mapping[Place, int],
        trades: Iterable[Trade],
        earned: Mapping[str, int] | None = None,
    ) -> None:
        self.rules = rules
        self.before_shares: dict[Place, int] = defaultdict(int, held)
        self.earned: dict[str, int] = defaultdict(int, earned or {})
        for name in self.earned:  # what was given away of it is in what is held
            self.before_shares[name, rules.cash] += self.given(name)
        for trade in trades:
            self.change(trade, 1)

    def change(self, trade: Trade, sign: int) -> None:
        cash, held = self.rules.cash, self.before_shares
        held[trade.buyer, trade.security] += sign * trade.quantity
        held[trade.seller, trade.security] -= sign * trade.quantity
        held[trade.buyer, cash] -= sign * trade.amount
        held[trade.seller, cash] += sign * trade.amount
        commission, levy = self.rules.commission(trade.amount), self.rules.levy(trade.amount)
        for broker in (trade.buyer, trade.seller):
            held[broker, cash] -= sign * levy
            self.earned[broker] += sign * commission

    def balance(self, place: Place) -> int:
        name, asset = place
        if asset != self.rules.cash:
            return self.before_shares[place]
        return self.before_shares[place] - self.given(name)

    def given(self, name: str) -> int:
        """What the broker has given away of all that it has earned."""
        return sum(self.earned[name] * ppm // PPM for _, ppm in self.rules.shares)

    def short(self, trade: Trade) -> dict[Place, int]:
        """What the trade's parties are short of now."""
        return {
            place: -self.balance(place) for place in touched(self.rules, trade) if self.balance(place) < 0
        }


def plain_rule(
    rules: Rules,
    held: Mapping[Place, int],
    trades: Sequence[Trade],
    earned: Mapping[str, int] | None = None,
) -> dict[int, dict[Place, int]]:
    """The trades that wait, by number, each with what would be short if it settled with those that do.

    Until nobody is short, of all trades in which a short party delivers what it is short of, the one with the
    highest number waits; then, from the lowest number up and again until none fits any more, each that fits
    comes back.
    """
    kept = {trade.number: trade for trade in trades}
    waiting: dict[int, Trade] = {}
    ledger = Ledger(rules, held, trades, earned)
    downwards = sorted(trades, key=lambda trade: -trade.number)
    given_up = {
        trade.number: {p for p in touched(rules, trade) if delivers(rules, trade, p)} for trade in trades
    }
    short = {place: amount for trade in trades for place, amount in ledger.short(trade).items()}
    while short:
        last = next(
            trade
            for trade in downwards
            if trade.number in kept and not given_up[trade.number].isdisjoint(short)
        )
        ledger.change(last, -1)
        waiting[last.number] = kept.pop(last.number)
        for place in touched(rules, last):
            short.pop(place, None)
            if ledger.balance(place) < 0:
                short[place] = -ledger.balance(place)
    came_back = True
    while came_back:
        came_back = False
        for number in sorted(waiting):
            ledger.change(waiting[number], 1)
            if ledger.short(waiting[number]):
                ledger.change(waiting[number], -1)
            else:
                del waiting[number]
                came_back = True
    reasons = {}
    for number, trade in waiting.items():
        ledger.change(trade, 1)
        reasons[number] = ledger.short(trade)
        ledger.change(trade, -1)
    return reasons


def reasons_beside(
    rules: Rules,
    held: Mapping[Place, int],
    settled: Iterable[Trade],
    rest: Iterable[Trade],
    earned: Mapping[str, int] | None = None,
) -> dict[int, dict[Place, int]]:
    """For each trade of the rest, by number: what would be short if it settled besides those that do."""
    ledger, reasons = Ledger(rules, held, settled, earned), {}
    for trade in rest:
        ledger.change(trade, 1)
        reasons[trade.number] = ledger.short(trade)
        ledger.change(trade, -1)
    return reasons


def check_choice(
    rules: Rules,
    held: Mapping[Place, int],
    trades: Sequence[Trade],
    reasons: Mapping[int, Mapping[Place, int]],
    most: int | None = None,
) -> None:
    """What settles, where the trades with `reasons` wait, leaves nobody short, and is worth no less than what
    the plain rule lets settle, and no more than `most`. Nothing that waits would fit; each reason is right.
    """
    settled = [trade for trade in trades if trade.number not in reasons]
    assert not short_of(rules, held, settled)
    by_rule = plain_rule(rules, held, trades)
    value = sum(trade.amount for trade in settled)
    assert value >= sum(trade.amount for trade in trades if trade.number not in by_rule)
    assert most is None or value <= most
    rest = [trade for trade in trades if trade.number in reasons]
    assert len(rest) == len(reasons)
    assert reasons == reasons_beside(rules, held, settled, rest)
    assert all(reasons.values()), "a trade waits that would fit"
