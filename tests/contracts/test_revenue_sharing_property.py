"""Any agreement, over any history: what everyone has and is due is what the interfaces' prose says.

over random terms and settlements, runs, payments, repayments and releases, the payer short or not:
    ─ balances change, and dues are, as the model of `sharing_model` has them, to the unit
    ─ all changes sum to zero, and what an institution has and is due is what was computed for it
over random terms and commissions, split and ordered as they may be (the rounding attack):
    ─ a settlement of one, of a thousand, in any order, gives each the same
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from ledger.errors import Reverted
from ledger.terms import MAX_UP_TO, Basis, Clause, Guarantee, Reserve, Step, Terms, Tier
from tests.contracts.clearing_model import PPM
from tests.contracts.sharing import Q1, USERS, VALUE, Sharing, kept, start_of
from tests.contracts.sharing_model import Book
from tests.contracts.support import Ledger

NAMES = ("V", "P", "R", "D")
BASES = (Basis.COMMISSION, Basis.PERFORMANCE, Basis.SUBSCRIPTION, Basis.USAGE)
HISTORIES, STEPS = 6, 14


class Drawn:
    """Random terms, small numbers so that bounds and ties are met."""

    def __init__(self, seed: int, desk: Sharing) -> None:
        self.random = random.Random(seed)
        self.desk = desk

    def shares(self, parties: int) -> tuple[int, ...]:
        cuts = sorted(
            self.random.choice((0, 250_000, 333_333, 500_000, 999_999, PPM)) for _ in range(parties)
        )
        found = [b - a for a, b in zip([0, *cuts], cuts, strict=False)]
        self.random.shuffle(found)
        return tuple(found)

    def tiers(self, basis: Basis) -> tuple[Tier, ...]:
        bounds = sorted(self.random.sample((1, 7, 100, 1_000, 1_001), self.random.randint(0, 2)))
        of = self.random
        return tuple(
            Tier(
                up_to,
                of.choice((0, 1, 100_000, 333_333, PPM)),
                0 if basis == Basis.COMMISSION and not i else of.choice((0, 3, 100)),
            )
            for i, up_to in enumerate((*bounds, MAX_UP_TO))
        )

    def clause(self, basis: Basis, parties: int, **fields: int) -> Clause:
        of = self.random
        tier_by, step_by = of.choice((0, 0, 1)), of.choice((0, 0, 1))
        steps = [Step(0, self.shares(parties))]
        steps += [Step(above, self.shares(parties)) for above in (5, 50) if step_by]
        cap = of.choice((0, 0, 500))
        return Clause(
            basis,
            self.tiers(basis),
            tuple(steps),
            measure={Basis.PERFORMANCE: 2, Basis.USAGE: 1}.get(basis, 0),
            graduated=not tier_by and of.random() < 0.5,
            tier_by=tier_by,
            step_by=step_by,
            floor=of.choice((0, 0, 40)),
            cap=cap,
            reserve=of.choice((None, Reserve(50_000, 0), Reserve(333_333, 1, 1, of.randint(0, parties), 20))),
            **fields,
        )

    def terms(self) -> Terms:
        of, parties = self.random, self.random.randint(1, 4)
        bases = [Basis.COMMISSION, *(of.choice(BASES[::2]) for _ in range(of.randint(0, 1)))]
        clauses = [self.clause(basis, parties) for basis in (*bases, Basis.USAGE)]
        clauses.append(
            self.clause(Basis.PERFORMANCE, parties, mark=of.choice((0, 20)), resets=of.random() < 0.5)
        )
        of.shuffle(clauses)
        promises = tuple(
            Guarantee(
                of.randint(1, 2), of.randint(1, parties), 30, of.choice((0, 10 * PPM)), 15, of.choice((0, 99))
            )
            for _ in range(of.randint(0, 2))
        )
        return self.desk.terms(
            *clauses,
            parties=NAMES[:parties],
            measures=[USERS, VALUE],
            guarantees=promises,
            months=1,
            reserve_account=self.desk.ledger.index["RES"],
        )


class History:
    """An agreement, its model, and one step after another."""

    def __init__(self, drawn: Drawn) -> None:
        self.drawn, self.desk, self.random = drawn, drawn.desk, drawn.random
        self.terms = drawn.terms()
        self.desk.floor.conclude(self.terms)
        self.book = Book(self.terms)
        self.names = [name for name in self.desk.ledger.index if name != "B2"]
        self.before = self.desk.cash(*self.names)
        self.period = Q1
        self.poor = False
        self.waiting: list[tuple[int, int]] = []
        self.unreleased: list[tuple[int, int]] = []
        self.due_in = 0

    def require_the_same(self) -> None:
        index = self.desk.ledger.index
        own = [self.book.cash[index[name]] for name in self.names]
        found = [b - a for a, b in zip(self.before, self.desk.cash(*self.names), strict=True)]
        assert found == own
        assert sum(found) == 0
        assert self.desk.due(1, *self.names) == [self.book.due[index[name]] for name in self.names]

    def step(self) -> None:
        steps = (
            self.earn,
            self.earn,
            self.end_period,
            self.run,
            self.run,
            self.pay,
            self.repay,
            self.release,
        )
        self.random.choice(steps)()

    def earn(self) -> None:
        amounts = [self.random.choice((1, 3, 93, 250, 999)) for _ in range(self.random.randint(1, 3))]
        self.desk.until(start_of(self.period))
        preview = self.desk.preview(sum(amounts))
        assert self.desk.accrue(("B1", sum(amounts))) == preview
        self.desk.rich.earn(*(("B1", amount) for amount in amounts))
        self.book.earn(self.period, sum(amounts))
        index = self.desk.ledger.index
        self.book.move(index["B1"], index["B3"], sum(amounts))  # what the trades cost

    def end_period(self) -> None:
        values = {USERS: self.random.choice((0, 5, 6, 60)), VALUE: self.random.choice((0, 21, 29, 70))}
        self.desk.over(self.period, 1)
        self.desk.final(1, self.period, **values)
        for place, value in enumerate(values.values(), start=1):
            self.book.measures[self.period, place] = value
        self.waiting += [(self.period, line) for line in range(self.terms.lines)]
        self.period += 1

    def run(self) -> None:
        """A line that may be: of performances the earliest. A payer without cash has next to nothing."""
        if not self.waiting:
            return
        at = self.random.randrange(len(self.waiting))
        line = self.waiting[at][1]
        period = min(period for period, other in self.waiting if other == line)
        self.waiting.remove((period, line))
        with self.purse() as held:
            self.desk.run(1, period, line)
            self.book.run(period, line, held)
        if line < len(self.terms.clauses) and self.book.held.get((period, line)):
            self.unreleased.append((period, line))

    @contextmanager
    def purse(self) -> Iterator[int]:
        """What B1 has meanwhile: all, or some of what may be asked of it."""
        ledger, index = self.desk.ledger, self.desk.ledger.index
        away = self.desk.empty("B1", left=self.random.randint(0, 200)) if self.random.random() < 0.5 else 0
        yield ledger.balance("B1", "NPR")
        if away:
            signer = ledger.signers["B3"]
            ledger.register.transfer(signer, index["B3"], index["B1"], ledger.cash, away)

    def pay(self) -> None:
        if not any(amount > 0 for amount in self.book.due.values()):
            return
        with self.purse() as held:
            self.desk.revenue.pay(self.desk.ledger.outsider, 1, 1)
            self.book.pay(held)

    def repay(self) -> None:
        index = self.desk.ledger.index
        for name in NAMES:
            if self.book.due[index[name]] < 0:
                try:
                    self.desk.revenue.repay(self.desk.ledger.signers[name], 1)
                except Reverted:
                    assert self.desk.cash(name)[0] < -self.book.due[index[name]]
                else:
                    self.book.repay(index[name])
                return

    def release(self) -> None:
        for period, line in self.unreleased:
            kept_by = self.terms.clauses[line].reserve
            assert kept_by is not None
            if period + kept_by.after < self.period and self.book.due[self.book.keeper] <= 0:
                self.desk.revenue.release(self.desk.ledger.outsider, 1, period, line)
                self.book.release(period, line)
                self.unreleased.remove((period, line))
                return

    def finish(self) -> None:
        """Everything is run, paid and released: then the account is empty."""
        self.end_period()
        while self.waiting:
            self.run()
        self.pay()
        self.book_is_even()

    def book_is_even(self) -> None:
        if any(amount > 0 for amount in self.book.due.values()):
            self.desk.revenue.pay(self.desk.ledger.outsider, 1, 1)
            self.book.pay(2**90)
        self.require_the_same()
        self.desk.over(self.period, 1)
        self.period += 1
        while self.unreleased:
            self.release()
        self.require_the_same()
        assert self.desk.cash("RES") == [0]


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_history_given_any_terms_is_as_the_model_has_it(ledger: Ledger, seed: int) -> None:
    desk = Sharing(ledger)
    desk.keep_reserves()
    desk.rich  # noqa: B018  # everyone is given cash before it is counted
    history = History(Drawn(seed, desk))
    for _ in range(STEPS):
        history.step()
        history.require_the_same()
    history.finish()


def test_accrue_given_any_terms_and_any_split_shifts_no_unit(ledger: Ledger) -> None:
    """Of ten agreements: one payment, a thousand tiny ones, and random ones in any order. Pools that fall on
    the way make dues, which the histories look at."""
    desk = Sharing(ledger)
    desk.keep_reserves()
    drawn = Drawn(7, desk)
    for _ in range(10):
        with kept(ledger):
            terms = drawn.terms()
            rising = tuple(replace(each, graduated=not each.tier_by) for each in terms.clauses)
            desk.floor.conclude(replace(terms, clauses=rising))
            desk.until(start_of(Q1))
            parts = [drawn.random.choice((1, 1, 2, 5)) for _ in range(1_000)]
            whole = desk.preview(sum(parts))
            for _ in range(2):
                assert desk.accrue(*(("B1", part) for part in parts)) == whole
                drawn.random.shuffle(parts)
            assert desk.accrue(*[("B1", 1)] * 1_000) == desk.preview(1_000)
