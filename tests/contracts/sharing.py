"""Agreements that pay, and what is done in their periods: terms by names, months, reports, runs.

Where nobody is named B1 pays, V and P are the parties, and the terms hold from 2020 on in periods of three
months, so that a period is a whole one. A measure is reported by V and countersigned by P.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from ledger.clients.consortium import Role, account_of
from ledger.clients.revenue_sharing import RevenueSharing
from ledger.terms import MAX_UP_TO, Basis, Clause, Measure, Step, Terms, Tier
from tests.contracts.clearing import Earnings, Floor, others
from tests.contracts.clearing_model import PPM
from tests.contracts.support import Ledger

Facts = list[tuple[str, dict[str, Any]]]
Q4, Q1, Q2, Q3 = 2019 * 12 + 9, 2020 * 12, 2020 * 12 + 3, 2020 * 12 + 6
"""Quarters as periods: 2019Q4, which the ledger's clock is in, and three of 2020."""
USERS, ASSETS, VALUE, UNITS = "users", "assets", "value", "units"


def start_of(period: int) -> int:
    """Seconds."""
    return int(datetime(period // 12, period % 12 + 1, 1, tzinfo=UTC).timestamp())


def flat_rate(rate_ppm: int, flat: int = 0) -> tuple[Tier, ...]:
    """One tier for all."""
    return (Tier(MAX_UP_TO, rate_ppm, flat),)


def clause(
    *shares_ppm: int,
    basis: Basis = Basis.COMMISSION,
    tiers: Sequence[tuple[int, ...]] = ((MAX_UP_TO, PPM),),
    later: Iterable[tuple[int, Sequence[int]]] = (),
    **fields: Any,
) -> Clause:
    """Shares of the parties, `later` ones as (above, shares); tiers as (up to, ppm, flat)."""
    steps = (Step(0, shares_ppm), *(Step(above, tuple(shares)) for above, shares in later))
    return Clause(basis, tuple(Tier(*tier) for tier in tiers), steps, **fields)


class Sharing:
    """A ledger, and what is agreed and run on it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.floor = Floor(ledger)
        self.names = {i: name for name, i in ledger.index.items()}
        self._earnings: Earnings | None = None

    @property
    def revenue(self) -> RevenueSharing:
        return self.ledger.revenue

    @property
    def rich(self) -> Earnings:
        """Everyone's cash, and trades; made when they are first wanted."""
        if self._earnings is None:
            self._earnings = Earnings(self.floor)
        return self._earnings

    def measure(self, name: str, reporter: str = "V", countersigner: str | None = "P") -> Measure:
        index = self.ledger.index
        return Measure(name, index[reporter], index[countersigner] if countersigner else 0)

    def terms(
        self,
        *clauses: Clause,
        payer: str = "B1",
        parties: Sequence[str] = ("V", "P"),
        currency: str = "NPR",
        measures: Sequence[str | Measure] = (),
        **fields: Any,
    ) -> Terms:
        index = self.ledger.index
        ahead = fields.get("version", 1) == 1 and self.ledger.now < start_of(Q1)
        given = {"name": "pays", "effective_from": start_of(Q1) if ahead else 0}
        return Terms(
            index[payer],
            self.ledger.asset[currency],
            parties=tuple(index[party] for party in parties),
            clauses=clauses,
            measures=tuple(self.measure(each) if isinstance(each, str) else each for each in measures),
            **(given | fields),
        )

    def agree(self, *clauses: Clause, **fields: Any) -> int:
        """Conclude terms; the agreement's id."""
        terms = self.terms(*clauses, **fields)
        self.floor.conclude(terms)
        return self.ledger.clients.agreements.agreement_named(terms.payer, terms.name)

    def keep_reserves(self) -> int:
        """Admit the contract's own institution, RES; its index."""
        self.ledger.consortium.admit(self.ledger.operator, [("RES", self.revenue.address, [Role.PARTNER])])
        self.ledger.index["RES"] = len(self.ledger.index) + 1
        self.names[self.ledger.index["RES"]] = "RES"
        return self.ledger.index["RES"]

    def until(self, moment: int) -> None:
        """Have the newest block be of this time, where it is not later already."""
        if self.ledger.now < moment:
            self.ledger.at(moment)
            self.floor.pause()

    def over(self, period: int, months: int = 3) -> None:
        """The period has ended, this second."""
        self.until(start_of(period + months))

    def earn(self, amount: int, payer: str = "B1") -> Facts:
        """What a settlement tells in which the payer earns commission, without transfers and trades."""
        facts = self.ledger.facts(self.rich.earn((payer, amount)))
        return told(facts, "RevenueAccrued", "DueChanged")

    def final(self, agreement: int, period: int, **values: int) -> None:
        """Measures reported by V and countersigned by P."""
        signers = self.ledger.signers
        for name, value in values.items():
            self.revenue.report(signers["V"], agreement, period, name, value)
            self.revenue.countersign(signers["P"], agreement, period, name, value)

    def run(self, agreement: int, period: int, *lines: int) -> Facts:
        """By an outsider, what it tells without transfers; line 0 where none is given."""
        receipt = self.revenue.run(self.ledger.outsider, agreement, period, lines or [0])
        return others(self.ledger.facts(receipt))

    def clause_run(self, agreement: int, period: int, *lines: int) -> tuple[int, int, int, tuple[int, ...]]:
        """Basis, pool, reserve and amounts of the first line that is run."""
        found = dict(self.run(agreement, period, *lines))["ClauseRun"]
        return found["basis"], found["pool"], found["reserve"], found["amounts"]

    def due(self, agreement: int, *names: str) -> list[int]:
        return [self.revenue.due_of(agreement, self.ledger.index[name]) for name in names]

    def cash(self, *names: str) -> list[int]:
        return [self.ledger.balance(name, "NPR") for name in names]

    def empty(self, name: str, left: int = 0) -> int:
        """Give away all cash of an institution but what is left, to B3; how much."""
        index = self.ledger.index
        away = self.ledger.balance(name, "NPR") - left
        if away:
            self.ledger.register.transfer(
                self.ledger.signers[name], index[name], index["B3"], self.ledger.cash, away
            )
        return away

    def accrue(self, *earned: tuple[str, int]) -> dict[str, int]:
        """What the clearing house would be told of the newest block, by names; sums of movements."""
        words = self.revenue.call(
            "accrue",
            self.ledger.cash,
            [self.ledger.index[payer] << 240 | amount for payer, amount in earned],
            sender=self.ledger.clearing_house.address,
        )
        return self.changes(words)

    def preview(self, amount: int, payer: str = "B1") -> dict[str, int]:
        words = self.revenue.call("preview", self.ledger.index[payer], self.ledger.cash, amount)
        return self.changes(words)

    def changes(self, words: Iterable[int]) -> dict[str, int]:
        """Movements of NPR by names, no zeros, which sum to zero."""
        found: dict[str, int] = {}
        for word in words:
            assert word >> 240 == self.ledger.cash
            delta = word & (1 << 128) - 1
            delta -= (delta >> 127) << 128
            assert delta, "a movement of nothing"
            name = self.names[word >> 224 & 0xFFFF]
            found[name] = found.get(name, 0) + delta
        assert sum(found.values()) == 0
        return {name: delta for name, delta in found.items() if delta}

    def account(self, name: str) -> str:
        return account_of(self.ledger.index[name])


@contextmanager
def kept(ledger: Ledger) -> Iterator[None]:
    """Put the chain and its clock back afterwards."""
    snapshot, seconds = ledger.chain.snapshot(), ledger.clock.seconds
    yield
    ledger.chain.restore(snapshot)
    ledger.clock.seconds = seconds


def told(facts: Iterable[tuple[str, dict[str, Any]]], *names: str) -> Facts:
    """The facts of these names, in their order."""
    return [fact for fact in facts if fact[0] in names]
