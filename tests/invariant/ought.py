"""What ought to be on a ledger of many days, worked out apart from the package: trades,
what settling them moves, what their sides say.

Written from the prose of the contracts' interfaces: plain ints and fractions. Institutions and assets go by
name, amounts are units or minor units, prices millionths of a minor unit. Which trades settle is the
program's choice and told to it; everything that follows from that is reckoned here, and so is every refusal.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

from tests.independent import PPM, Place, Rules

PENDING, DISPUTED, SETTLED, HELD = "PENDING", "DISPUTED", "SETTLED", "HELD"
CANCELLED, COMPENSATED, CLOSED_OUT = "CANCELLED", "COMPENSATED", "CLOSED_OUT"
OPEN = (PENDING, DISPUTED, HELD)
"""What is still open; each other status is final."""
MOVES = {
    PENDING: {DISPUTED, SETTLED, HELD, CANCELLED, COMPENSATED, CLOSED_OUT},
    DISPUTED: {PENDING, HELD, CANCELLED, CLOSED_OUT},
    HELD: {PENDING, DISPUTED, CANCELLED, COMPENSATED, CLOSED_OUT},
}
"""Where a trade may go from where it stands, in one transaction."""
LACK, MONY, PREA, CLAT, SBLO, FLIM = range(6)
BUYER, SELLER = 0, 1
MARGIN, CONTRIBUTION, CAPITAL = range(3)
Piece = tuple["Trade", int, int]
"""Units of a trade, from and up to."""


@dataclass(eq=False)
class Trade:
    """A trade and all that was said of it."""

    day: int
    number: int
    buyer: str
    seller: str
    security: str
    quantity: int
    amount: int
    batch: bytes = b""
    position: int = 0
    status: str = PENDING
    settled: int = 0
    affirmed: set[str] = field(default_factory=set)
    excepted: set[str] = field(default_factory=set)
    said: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    failed_days: int = 0
    failed_on: int = 0
    reasons: int = 0

    @property
    def sides(self) -> tuple[str, str]:
        return self.buyer, self.seller

    @property
    def irrevocable(self) -> bool:
        return self.affirmed >= set(self.sides)

    @property
    def units_left(self) -> int:
        return self.quantity - self.settled

    @property
    def amount_left(self) -> int:
        return self.cut(self.amount, self.settled, self.quantity)

    def cut(self, total: int, start: int, end: int) -> int:
        """What units from `start` up to `end` come to of a total."""
        return floor(Fraction(total * end, self.quantity)) - floor(Fraction(total * start, self.quantity))

    def everybody(self, condition: str) -> bool:
        return self.said[condition] >= set(self.sides)

    def place(self) -> str:
        """Where it stands, not having ended, by what was said of it."""
        if self.everybody("cancel"):
            return CANCELLED
        if self.excepted or self.said["dispute"]:
            return DISPUTED
        return HELD if self.said["hold"] else PENDING


@dataclass
class Ought:
    """The whole ledger. `order` is institution → index on the ledger, by which ties are broken."""

    rules: Rules
    order: Mapping[str, int]
    venue: str
    fund: str
    penalty_ppm: Mapping[str, int]
    closing_after: int
    margin_ppm: int
    contribution_ppm: int
    limits: Mapping[Place, tuple[int | None, int | None]]
    """(position, exposure)."""
    held: Counter[Place] = field(default_factory=Counter)
    issued: Counter[str] = field(default_factory=Counter)
    earned: Counter[str] = field(default_factory=Counter)
    taken: Counter[Place] = field(default_factory=Counter)
    """By the day's settlements, where there is a limit."""
    trades: list[Trade] = field(default_factory=list)
    suspended: set[str] = field(default_factory=set)
    prices: dict[tuple[int, str], int] = field(default_factory=dict)
    cycle: int = 0
    claims: dict[tuple[str, str], Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    """(debtor, creditor) → by cycle in which it came about."""
    purses: Counter[tuple[str, int]] = field(default_factory=Counter)
    required: Counter[tuple[str, int]] = field(default_factory=Counter)
    notices: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    """(amount, from)."""

    @property
    def cash(self) -> str:
        return self.rules.cash

    def issue(self, places: Mapping[Place, int]) -> None:
        for place, amount in places.items():
            self.held[place] += amount
            self.issued[place[1]] += amount

    def move(self, sender: str, receiver: str, amount: int) -> None:
        self.held[sender, self.cash] -= amount
        self.held[receiver, self.cash] += amount

    # Settling

    def effect(self, pieces: Iterable[Piece]) -> tuple[Counter[Place], Counter[str]]:
        """What settling these moves, and what each broker earns."""
        moved: Counter[Place] = Counter()
        earned: Counter[str] = Counter()
        for trade, start, end in pieces:
            moved[trade.buyer, trade.security] += end - start
            moved[trade.seller, trade.security] -= end - start
            price = trade.cut(trade.amount, start, end)
            levy = trade.cut(self.rules.levy(trade.amount), start, end)
            for side, cash in ((trade.buyer, -price), (trade.seller, price)):
                moved[side, self.cash] += cash - levy
                moved[self.rules.levy_to, self.cash] += levy
                earned[side] += trade.cut(self.rules.commission(trade.amount), start, end)
        for payer, more in earned.items():
            before, after = self.earned[payer], self.earned[payer] + more
            for party, ppm in self.rules.shares:
                share = floor(Fraction(after * ppm, PPM)) - floor(Fraction(before * ppm, PPM))
                moved[payer, self.cash] -= share
                moved[party, self.cash] += share
        return moved, earned

    def settle(self, pieces: Iterable[Piece]) -> None:
        pieces = list(pieces)
        moved, earned = self.effect(pieces)
        for place, amount in moved.items():
            self.held[place] += amount
            if place in self.limits:
                self.taken[place] -= amount
        self.earned += earned
        for trade, start, end in pieces:
            assert trade.status == PENDING
            assert trade.settled == start < end <= trade.quantity
            trade.settled = end
            trade.status = SETTLED if end == trade.quantity else PENDING

    def rest(self, trade: Trade) -> Counter[Place]:
        """What settling what is left of it by itself would move."""
        return self.effect([(trade, trade.settled, trade.quantity)])[0]

    def beyond(self, place: Place, change: int) -> bool:
        """Whether a settlement may not change the holding so."""
        position, exposure = self.limits.get(place, (None, None))
        if change > 0:
            return position is not None and self.held[place] + change > position
        return change < 0 and exposure is not None and self.taken[place] - change > exposure

    def refusals(self, trade: Trade, units: int = 0, *, masked: bool = False) -> set[str]:
        """Why settling so many units (0: all that is left) of it by itself is refused; one of these, or they
        settle."""
        if trade.status != PENDING or (masked and trade.settled):
            return {"ClearingHouse_NotPending"}
        if units > trade.units_left:
            return {"ClearingHouse_PartTooLarge"}
        if 0 < units < trade.units_left and not trade.everybody("part"):
            return {"ClearingHouse_PartialNotAllowed"}
        found = set()
        if self.suspended.intersection(trade.sides):
            found.add("ClearingHouse_Suspended")
        if not trade.irrevocable:
            found.add("ClearingHouse_Unaffirmed")
        if found:
            return found
        end = trade.settled + (units or trade.units_left)
        change, _ = self.effect([(trade, trade.settled, end)])
        if any(amount < 0 and self.held[place] + amount < 0 for place, amount in change.items()):
            return {"AssetRegister_BalanceOutOfRange"}
        if any(self.beyond(place, amount) for place, amount in change.items()):
            return {"Limits_Position", "Limits_Exposure"}
        return set()

    # What the sides say

    def say(self, condition: str, stands: bool, who: str, trade: Trade, *, cycle_open: bool) -> str | None:
        """The refusal, or None where it is said."""
        if who in self.suspended:
            return "Conditions_NotActive"
        if who not in trade.sides:
            return "Conditions_NotParty"
        if (who in trade.said[condition]) == stands:
            return None
        if trade.status not in OPEN:
            return "Conditions_Ended"
        if cycle_open and stands != (condition == "part"):
            return "Conditions_CycleOpen"
        if trade.excepted and condition != "cancel":
            return "Conditions_Excepted"
        if stands and condition in ("hold", "dispute") and not trade.irrevocable:
            return "Conditions_Unaffirmed"
        (trade.said[condition].add if stands else trade.said[condition].discard)(who)
        trade.status = trade.place()
        return None

    def decide(self, trade: Trade, stands: bool) -> str | None:
        """The refusal, or None where exchange and regulator decide."""
        if trade.status != DISPUTED:
            return "Conditions_NotDisputed"
        if stands and trade.excepted:
            return "Conditions_Excepted"
        if stands:
            trade.said["dispute"].clear()
        trade.status = trade.place() if stands else CANCELLED
        return None
