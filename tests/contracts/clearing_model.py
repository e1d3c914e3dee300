"""What should come of settlements and periods: plain ints, from the interfaces' prose, not by the package."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

from tests.contracts.support import LEVY_PPM, TIERS

PPM = 1_000_000
MAX_QUANTITY = 2**64 - 1
UNKNOWN_TIME = 0xFFFFFF
MAX_CYCLE = 86_400
"""Seconds for which cycles are open at a stretch, at most."""
PAUSE = 8
"""Of that time, what part the pause afterwards is."""
Shares = Sequence[tuple[str, int]]
"""(party, ppm) in an agreement's order."""
MAX_TOTAL = 2**96 - 1
"""A period's running total of commission does not go on beyond, minor units."""
Tiers = Sequence[tuple[int, int, int]]
"""(up to and including, in minor units; ppm; flat, in minor units)."""


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade by names; `number` is its tradeNo, `amount` minor units of the batch's currency."""

    number: int
    buyer: str
    seller: str
    security: str = "S1"
    quantity: int = 10
    amount: int = 1_000_000
    time: int = UNKNOWN_TIME


def commission(amount: int, tiers: Tiers = TIERS, graduated: bool = False) -> int:
    """Of one side of a trade, rounded down: by the first tier to reach the amount, on the whole of it;
    graduated, by all up to that one, each on the units that lie in it.
    """
    reaching = next(place for place, (up_to, _, _) in enumerate(tiers) if amount <= up_to)
    if not graduated:
        _, rate, flat = tiers[reaching]
        return amount * rate // PPM + flat
    ends = [min(amount, up_to) for up_to, _, _ in tiers[: reaching + 1]]
    units = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    exact = sum(
        Fraction(each * rate, PPM) + flat for each, (_, rate, flat) in zip(units, tiers, strict=False)
    )
    return floor(exact)


def levy(amount: int, ppm: int = LEVY_PPM) -> int:
    """Of one side of a trade, rounded down."""
    return amount * ppm // PPM


@dataclass(frozen=True, slots=True)
class Piece:
    """The units of a trade from `start` up to `end`, which settle as a part of it."""

    trade: Trade
    start: int
    end: int

    def cut(self, total: int) -> int:
        """What of a total of the whole trade these units bring: floors up to where they end and begin."""
        whole = self.trade.quantity
        return total * self.end // whole - total * self.start // whole


@dataclass(slots=True)
class Outcome:
    """What settling some trades as one netting set does. `deltas` by (institution, asset), no zeros;
    `commission` and `levy` by who earned or owes it. `steps` are the same changes in the order in which the
    model of DvP makes them: after each no balance is below zero."""

    deltas: dict[tuple[str, str], int]
    commission: Counter[str]
    levy: Counter[str]
    gross: int
    net: int
    steps: list[dict[tuple[str, str], int]]

    def fits(self, held: Mapping[tuple[str, str], int]) -> bool:
        """Whether no balance falls below zero at any step."""
        balances = Counter(held)
        for step in self.steps:
            for key, delta in step.items():
                balances[key] += delta
                if balances[key] < 0:
                    return False
        return True


@dataclass(slots=True)
class Model:
    """Running totals of commission by payer and agreements, from which outcomes follow."""

    agreements: Mapping[str, Shares] = field(default_factory=dict)
    totals: Counter[str] = field(default_factory=Counter)
    tiers: Tiers = TIERS
    graduated: bool = False
    levy_ppm: int = LEVY_PPM
    beneficiary: str = "R"
    cash: str = "NPR"

    def settle(self, trades: Iterable[Trade | Piece], model: int = 3) -> Outcome:
        """The outcome by a model of DvP; totals of payers with an agreement go on."""
        pieces = [each if isinstance(each, Piece) else Piece(each, 0, each.quantity) for each in trades]
        if model == 1:
            return _in_turn([self._together([piece]) for piece in pieces])
        outcome = self._together(pieces)
        if model == 2:
            outcome.steps = [_securities(piece) for piece in pieces]
            outcome.steps.append({key: n for key, n in outcome.deltas.items() if key[1] == self.cash})
        return outcome

    def _together(self, pieces: Iterable[Piece]) -> Outcome:
        deltas: Counter[tuple[str, str]] = Counter()
        earned: Counter[str] = Counter()
        owed: Counter[str] = Counter()
        cash: Counter[str] = Counter()
        gross = 0
        for piece in pieces:
            trade, amount = piece.trade, piece.cut(piece.trade.amount)
            gross += amount
            for name, sign in ((trade.buyer, 1), (trade.seller, -1)):
                deltas[name, trade.security] += sign * (piece.end - piece.start)
                cash[name] -= sign * amount
                earned[name] += piece.cut(commission(trade.amount, self.tiers, self.graduated))
                owed[name] += piece.cut(levy(trade.amount, self.levy_ppm))
        net = sum(-value for value in cash.values() if value < 0)
        for name, value in owed.items():
            cash[name] -= value
            cash[self.beneficiary] += value
        for payer, value in earned.items():
            before = self.totals[payer]
            total = self.totals[payer] = min(before + value, MAX_TOTAL)
            for party, ppm in self.agreements.get(payer, ()):
                due = total * ppm // PPM - before * ppm // PPM
                cash[payer] -= due
                cash[party] += due
        deltas.update({(name, self.cash): value for name, value in cash.items()})
        moved = {key: value for key, value in deltas.items() if value}
        return Outcome(moved, earned, owed, gross, net, [moved])


def _securities(piece: Piece) -> dict[tuple[str, str], int]:
    trade, units = piece.trade, piece.end - piece.start
    if trade.buyer == trade.seller:
        return {}
    return {(trade.seller, trade.security): -units, (trade.buyer, trade.security): units}


def _in_turn(each: Sequence[Outcome]) -> Outcome:
    """Several outcomes, one after the other, as one."""
    deltas: Counter[tuple[str, str]] = Counter()
    earned: Counter[str] = Counter()
    owed: Counter[str] = Counter()
    for outcome in each:
        for key, delta in outcome.deltas.items():
            deltas[key] += delta
        earned.update(outcome.commission)
        owed.update(outcome.levy)
    return Outcome(
        {key: value for key, value in deltas.items() if value},
        earned,
        owed,
        sum(outcome.gross for outcome in each),
        sum(outcome.net for outcome in each),
        [outcome.deltas for outcome in each],
    )


@dataclass(slots=True)
class Cycles:
    """The cycles of all venues, and when one may open. Times in seconds; venues by index."""

    deadlines: dict[int, int] = field(default_factory=dict)
    numbers: Counter[int] = field(default_factory=Counter)
    since: int = 0
    reopen_from: int = 0

    def open(self, venue: int, deadline: int, now: int) -> tuple[object, ...] | None:
        """Why the venue may not open its next cycle now, as the error's name and its operands; None where it
        did."""
        if venue in self.deadlines:
            return ("ClearingHouse_CycleOpen", venue, self.numbers[venue])
        if not self.deadlines and now < self.reopen_from:
            return ("ClearingHouse_TooSoon", self.reopen_from)
        since = self.since if self.deadlines else now
        if not now < deadline <= since + MAX_CYCLE:
            return ("ClearingHouse_InvalidDeadline", deadline, since + MAX_CYCLE)
        self.since, self.deadlines[venue] = since, deadline
        self.numbers[venue] += 1
        return None

    def close(self, venue: int, by: int, now: int) -> tuple[object, ...] | None:
        """Why `by` (0 for nobody's signer) may not close the venue's cycle now; None where it did."""
        if venue not in self.deadlines:
            return ("ClearingHouse_NoCycle", venue)
        if by != venue and now < self.deadlines[venue]:
            return ("ClearingHouse_BeforeDeadline", venue, self.deadlines[venue])
        del self.deadlines[venue]
        if not self.deadlines:
            self.reopen_from = now + pause_after(now - self.since)
        return None


def pause_after(seconds: int) -> int:
    """How long no cycle opens after so many seconds in which some was open."""
    return max(seconds // PAUSE, 1)


def floors(total: int, shares: Shares) -> list[int]:
    """What each party has of a running total while its period lasts."""
    return [total * ppm // PPM for _, ppm in shares]


def cleared(total: int, shares: Shares) -> list[int]:
    """What each party receives at the end of a period: largest remainder over the parties and, last, the
    payer, whose part is what they leave; ties to the earlier entry."""
    parts = [ppm for _, ppm in shares] + [PPM - sum(ppm for _, ppm in shares)]
    left = total - sum(total * part // PPM for part in parts)
    ranked = sorted(range(len(parts)), key=lambda i: (-(total * parts[i] % PPM), i))
    return [int(i in ranked[:left]) for i in range(len(shares))]
