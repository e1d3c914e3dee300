"""What ought to be owed on a ledger of many days: penalties, claims, the default fund and its waterfall."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

from tests.independent import PPM
from tests.invariant.ought import (
    BUYER,
    CANCELLED,
    CAPITAL,
    CLAT,
    CLOSED_OUT,
    COMPENSATED,
    CONTRIBUTION,
    DISPUTED,
    FLIM,
    HELD,
    LACK,
    MARGIN,
    MONY,
    OPEN,
    PENDING,
    PREA,
    SBLO,
    SELLER,
    Ought,
    Trade,
)


@dataclass
class Outcome:
    """What a default ought to come to."""

    losses: list[tuple[Trade, str, int]] = field(default_factory=list)
    """(trade, claimant or nobody, loss)."""
    steps: list[tuple[str, str, int]] = field(default_factory=list)
    paid: Counter[str] = field(default_factory=Counter)


class Owing(Ought):
    """The ledger with all that is owed on it."""

    # Fails

    def reasons(self, trade: Trade) -> int:
        found = {
            (reason, side)
            for side, name in enumerate(trade.sides)
            for reason, so in (
                (PREA, name in trade.said["hold"]),
                (CLAT, name not in trade.affirmed),
                (SBLO, name in self.suspended),
            )
            if so
        }
        if not any(reason == CLAT for reason, _ in found):
            change = self.rest(trade)
            for side, name in enumerate(trade.sides):
                for reason, place in ((LACK, (name, trade.security)), (MONY, (name, self.cash))):
                    if change[place] < 0 and self.held[place] + change[place] < 0:
                        found.add((reason, side))
            if not found:
                for side, name in enumerate(trade.sides):
                    places = (name, trade.security), (name, self.cash)
                    if any(self.beyond(place, change[place]) for place in places):
                        found.add((FLIM, side))
        return sum(1 << 2 * reason + side for reason, side in found)

    def fail(self, trade: Trade, day: int) -> list[tuple[str, str, int]]:
        """Note the fail; its penalties: (payer, payee, amount)."""
        assert trade.status in (PENDING, HELD)
        trade.reasons = self.reasons(trade)
        assert trade.reasons, f"trade {trade.number} of {trade.day} could settle"
        trade.failed_days, trade.failed_on = trade.failed_days + 1, day
        if trade.buyer == trade.seller or _has(trade, CLAT):
            return []
        found = []
        for side, payer in enumerate(trade.sides):
            if _has(trade, PREA, 1 - side) or _has(trade, SBLO, 1 - side):
                continue
            if _has(trade, LACK, side):
                worth = Fraction(trade.units_left * self.prices[day, trade.security], 10**6)
                penalty = floor(worth * self.penalty_ppm[trade.security] / PPM)
                found.append((payer, trade.sides[1 - side], penalty))
            if _has(trade, MONY, side):
                penalty = floor(Fraction(trade.amount_left * self.penalty_ppm[self.cash], 360 * PPM))
                found.append((payer, trade.sides[1 - side], penalty))
        found = [each for each in found if each[2]]
        for payer, payee, amount in found:
            self.claims[payer, payee][self.cycle] += amount
        return found

    def compensate(self, trade: Trade) -> tuple[str, str, int]:
        """End it: who owes whom how much, nobody where nobody does."""
        assert trade.status in (PENDING, HELD)
        assert trade.failed_days >= self.closing_after
        trade.status = COMPENSATED
        if trade.buyer == trade.seller or _has(trade, CLAT):
            return "", "", 0
        worth = floor(Fraction(trade.units_left * self.prices[trade.failed_on, trade.security], 10**6))
        more = worth - trade.amount_left
        side = SELLER if more > 0 else BUYER
        if not more or not any(_has(trade, reason, side) for reason in (LACK, MONY, PREA)):
            return "", "", 0
        payer, payee = trade.sides[side], trade.sides[1 - side]
        self.claims[payer, payee][self.cycle] += abs(more)
        return payer, payee, abs(more)

    def owed(self, debtor: str, creditor: str, *, before: int | None = None) -> int:
        claim = self.claims[debtor, creditor]
        return sum(amount for cycle, amount in claim.items() if before is None or cycle < before)

    def collect(self, debtor: str, creditor: str) -> tuple[bool, int]:
        """Whether what is due is paid, and how much that is."""
        due = self.owed(debtor, creditor, before=self.cycle)
        active = not self.suspended.intersection((debtor, creditor))
        if not active or self.held[debtor, self.cash] < due:
            return False, due
        self.claims[debtor, creditor] = Counter({self.cycle: self.claims[debtor, creditor][self.cycle]})
        self.move(debtor, creditor, due)
        return True, due

    # The default fund

    def call(self) -> dict[tuple[str, int], tuple[int, int]]:
        """What each purse asked for is: (required, taken)."""
        pending: Counter[str] = Counter()
        whole: Counter[str] = Counter()
        for trade in self.trades:
            excepted = trade.status == DISPUTED and trade.excepted
            if (
                trade.buyer == trade.seller
                or excepted
                or trade.status in (CANCELLED, COMPENSATED, CLOSED_OUT)
            ):
                continue
            for side in set(trade.sides) & trade.affirmed:
                whole[side] += trade.amount
                pending[side] += trade.amount_left if trade.status in OPEN else 0
        self.required = Counter()
        found = {}
        for name in sorted(whole, key=self.order.__getitem__):
            self.required[name, MARGIN] = ceil(Fraction(pending[name] * self.margin_ppm, PPM))
            if name not in self.suspended:
                self.required[name, CONTRIBUTION] = ceil(Fraction(whole[name] * self.contribution_ppm, PPM))
            for purse in (MARGIN, CONTRIBUTION):
                required = self.required[name, purse]
                missing = max(0, required - self.purses[name, purse])
                taken = min(missing, self.held[name, self.cash])
                self.purses[name, purse] += taken
                self.move(name, self.fund, taken)
                if required:
                    found[name, purse] = required, taken
        return found

    def release(self, name: str, purse: int, amount: int, now: int) -> str | None:
        """The refusal, or None where it is released."""
        if name in self.suspended:
            return "DefaultFund_NotMember"
        if amount > max(0, self.purses[name, purse] - self.required[name, purse]):
            return "DefaultFund_NotFree"
        if purse != MARGIN:
            noticed, start = self.notices.get((name, purse), (0, 0))
            if amount > noticed or not start <= now < start + 7 * 86_400:
                return "DefaultFund_NoNotice"
            self.notices[name, purse] = noticed - amount, start
        self.purses[name, purse] -= amount
        self.move(self.fund, name, amount)
        return None

    def close_out(self, who: str, day: int, others: Iterable[str] = ()) -> list[tuple[Trade, str, int]]:
        """End a defaulter's open trades: (trade, claimant or nobody, loss). `others` are in default, too."""
        found = []
        for trade in self.trades:
            if who not in trade.sides or trade.status not in OPEN:
                continue
            other = trade.seller if trade.buyer == who else trade.buyer
            none = trade.excepted or not trade.irrevocable or other in {who, *others}
            loss = Fraction(0)
            if not none:
                worth = Fraction(trade.units_left * self.prices[day, trade.security], 10**6)
                loss = worth - trade.amount_left if other == trade.buyer else trade.amount_left - worth
            found.append((trade, "" if none else other, max(0, floor(loss))))
            trade.status = CLOSED_OUT
        return found

    def waterfall(self, who: str, losses: list[tuple[Trade, str, int]], others: Iterable[str]) -> Outcome:
        """Run it: the steps, and what each claimant gets."""
        claims: Counter[str] = Counter()
        for _, claimant, loss in losses:
            claims[claimant] += loss
        out, left = Outcome(losses), claims.total()

        def draw(step: str, name: str, purse: int, wanted: int) -> None:
            nonlocal left
            if amount := min(wanted, self.purses[name, purse]):
                out.steps.append((step, name, amount))
                self.purses[name, purse] -= amount
                left -= amount

        draw("MARGIN", who, MARGIN, left)
        draw("CONTRIBUTION", who, CONTRIBUTION, left)
        draw("CAPITAL", self.venue, CAPITAL, left)
        mutual = {
            name: amount
            for (name, purse), amount in self.purses.items()
            if purse == CONTRIBUTION and name not in {who, *others}
        }
        for name, part in self.pro_rata(min(left, sum(mutual.values())), mutual).items():
            draw("MUTUAL", name, CONTRIBUTION, part)
        borne = self.pro_rata(left, claims)
        out.steps += [("UNCOVERED", name, part) for name, part in borne.items() if part]
        out.paid = Counter({name: claim - borne.get(name, 0) for name, claim in claims.items() if claim})
        for name, amount in out.paid.items():
            self.move(self.fund, name, amount)
        for purse in (MARGIN, CONTRIBUTION):
            self.move(self.fund, who, self.purses.pop((who, purse), 0))
            self.required.pop((who, purse), 0)
        return out

    def pro_rata(self, total: int, weights: Mapping[str, int]) -> dict[str, int]:
        """Largest remainder, ties to the lower index."""
        whole = sum(weights.values())
        if not total or not whole:
            return {}
        exact = {name: Fraction(total * weights[name], whole) for name in sorted(weights, key=self._index)}
        parts = {name: floor(each) for name, each in exact.items()}
        turns = sorted(exact, key=lambda name: (parts[name] - exact[name], self._index(name)))
        for name in turns[: total - sum(parts.values())]:
            parts[name] += 1
        return parts

    def _index(self, name: str) -> int:
        return self.order.get(name, 0)


def _has(trade: Trade, reason: int, side: int | None = None) -> bool:
    return bool(trade.reasons >> 2 * reason & (3 if side is None else 1 << side))
