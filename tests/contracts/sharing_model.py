"""What an agreement should come to, and what is due and paid: exact, from the interfaces' prose alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from ledger.terms import MAX_UP_TO, Basis, Clause, Terms
from tests.contracts.clearing_model import PPM


def pool_of(clause: Clause, x: int, by: int, year_part: Fraction = Fraction(1)) -> int:
    """Of what the tiers apply to; `by` picks one of them. The cap at most, the floor not looked at."""
    below, exact = 0, Fraction(0)
    for tier in clause.tiers:
        last = by <= tier.up_to or tier is clause.tiers[-1]
        if clause.graduated or last:
            part = x if last else tier.up_to
            exact += Fraction((part - below) * tier.rate_ppm, PPM) + tier.flat
            below = tier.up_to if clause.graduated else 0
        if last:
            break
    return min(int(exact * year_part), clause.cap or MAX_UP_TO)


def shares_of(clause: Clause, by: int) -> tuple[int, ...]:
    """Of the last step that it is above; the first where it is above none."""
    return [clause.steps[0], *(step for step in clause.steps[1:] if by > step.above)][-1].shares_ppm


def split(amount: int, shares: Iterable[int]) -> list[int]:
    """By largest remainder, ties to the earlier, the payer's last; without the payer's."""
    weights = list(shares)
    weights.append(PPM - sum(weights))
    parts = [amount * weight // PPM for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: (-(amount * weights[i] % PPM), i))
    for i in order[: amount - sum(parts)]:
        parts[i] += 1
    return parts[:-1]


@dataclass(slots=True)
class Book:
    """One agreement of one version: `cash` of everyone since it began, what is due to each (less than zero:
    owed by it), by institution."""

    terms: Terms
    cash: Counter[int] = field(default_factory=Counter)
    due: Counter[int] = field(default_factory=Counter)
    totals: Counter[int] = field(default_factory=Counter)
    measures: dict[tuple[int, int], int] = field(default_factory=dict)
    """By period and place."""
    marks: dict[int, int] = field(default_factory=dict)
    held: dict[tuple[int, int], int] = field(default_factory=dict)

    @property
    def keeper(self) -> int:
        return self.terms.reserve_account

    def on_account(self, clause: Clause, total: int) -> Counter[int]:
        """What of a running total each has received, and the reserve: by the first tier and step where a
        measure decides."""
        pool = pool_of(clause, total, 0 if clause.tier_by else total)
        reserve = self.reserve_of(clause, pool)
        had = Counter({self.keeper: reserve})
        for party, share in zip(self.terms.parties, shares_of(clause, 0), strict=True):
            had[party] += (pool - reserve) * share // PPM
        return had

    def reserve_of(self, clause: Clause, pool: int) -> int:
        return pool * clause.reserve.rate_ppm // PPM if clause.reserve else 0

    def earn(self, period: int, amount: int) -> None:
        before, after = Counter[int](), Counter[int]()
        for clause in self.terms.clauses:
            if clause.basis == Basis.COMMISSION:
                before.update(self.on_account(clause, self.totals[period]))
                after.update(self.on_account(clause, self.totals[period] + amount))
        self.totals[period] += amount
        for party in (*self.terms.parties, self.keeper):
            self.receive(party, after[party] - before[party], self.terms.payer)

    def receive(self, party: int, amount: int, by: int) -> None:
        """At once, less what it owes the payer; an amount below zero comes to be owed."""
        if amount < 0:
            self.due[party] += amount
            return
        netted = min(amount, max(0, -self.due[party]))
        self.due[party] += netted
        self.move(by, party, amount - netted)
        if by != self.terms.payer:
            self.move(by, self.terms.payer, netted)

    def move(self, giver: int, receiver: int, amount: int) -> None:
        self.cash[giver] -= amount
        self.cash[receiver] += amount

    def run(self, period: int, line: int, held_by_payer: int) -> None:
        if line < len(self.terms.clauses):
            self.run_clause(period, line)
        else:
            promise = self.terms.guarantees[line - len(self.terms.clauses)]
            missing = promise.promised - self.measures[period, promise.measure]
            if missing > 0:
                owed = missing * promise.rate_ppm // PPM + promise.flat
                self.due[self.terms.parties[promise.party - 1]] -= min(owed, promise.cap or owed)
        self.pay(held_by_payer)

    def run_clause(self, period: int, line: int) -> None:
        clause = self.terms.clauses[line]
        x = self.basis_of(period, clause)
        by = self.measures[period, clause.tier_by] if clause.tier_by else x
        pool = max(clause.floor, pool_of(clause, x, by))
        reserve = self.reserve_of(clause, pool)
        step_by = self.measures[period, clause.step_by] if clause.step_by else 0
        amounts = split(pool - reserve, shares_of(clause, step_by))
        had = self.on_account(clause, x) if clause.basis == Basis.COMMISSION else Counter[int]()
        self.held[period, line] = reserve
        self.due[self.keeper] += reserve - had[self.keeper]
        for party, amount in zip(self.terms.parties, amounts, strict=True):
            self.due[party] += amount - had[party]

    def basis_of(self, period: int, clause: Clause) -> int:
        if clause.basis == Basis.COMMISSION:
            return self.totals[period]
        if clause.basis == Basis.SUBSCRIPTION:
            return 1
        value = self.measures[period, clause.measure]
        if clause.basis == Basis.USAGE:
            return value
        mark = self.marks.get(clause.measure, clause.mark)
        self.marks[clause.measure] = value if clause.resets else max(value, mark)
        return max(0, value - mark) * (self.measures[period, clause.units] if clause.units else 1)

    def pay(self, held_by_payer: int) -> None:
        """Of all that is due, or nothing; what the reserve has too much comes back before."""
        surplus = max(0, -self.due[self.keeper])
        self.move(self.keeper, self.terms.payer, surplus)
        self.due[self.keeper] += surplus
        waiting = {who: amount for who, amount in self.due.items() if amount > 0}
        if sum(waiting.values()) <= held_by_payer + surplus:
            for who, amount in waiting.items():
                self.move(self.terms.payer, who, amount)
                self.due[who] = 0

    def repay(self, party: int) -> None:
        self.move(party, self.terms.payer, -self.due[party])
        self.due[party] = 0

    def release(self, period: int, line: int) -> None:
        clause, amount = self.terms.clauses[line], self.held[period, line]
        kept = clause.reserve
        assert kept is not None
        if kept.measure and self.measures[period, kept.measure] > kept.above:
            amounts = [amount if kept.to == i else 0 for i in range(1, len(self.terms.parties) + 1)]
        else:
            step_by = self.measures[period, clause.step_by] if clause.step_by else 0
            amounts = split(amount, shares_of(clause, step_by))
        for party, part in zip(self.terms.parties, amounts, strict=True):
            self.receive(party, part, self.keeper)
        self.move(self.keeper, self.terms.payer, amount - sum(amounts))
