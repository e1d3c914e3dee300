"""The contract's figures held against the second computation, fact by fact.

Terms, running totals and reports are taken from the ledger, and so is whether a payer could pay, which
PaymentDeferred says; everything else is computed again: each clause and guarantee that was run, each reserve
released, what is due to whom after each transaction, and, from the register's movements, what was paid.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeVar

from ledger.clients.consortium import TRANSIT
from ledger.contract import Event
from ledger.history import Movements
from settlement.agreements.account import payments
from settlement.agreements.explaining import Naming
from settlement.agreements.facts import (
    Accrued,
    AgreementFacts,
    ClauseRun,
    Deferred,
    DueChanged,
    Facts,
    GuaranteeRun,
    Released,
)
from settlement.agreements.registry import Concluded
from settlement.agreements.replaying import Replayed, place_of, replay
from settlement.errors import LedgerDisagrees

_Key = TypeVar("_Key")
_NOBODY = Naming({}, 0)


def verify(facts: Facts, naming: Naming = _NOBODY) -> None:
    """Check every agreement's facts. Raises LedgerDisagrees at the first difference, saying agreement,
    period, line, party, and both figures.
    """
    for of in facts.agreements.values():
        state = _State(of, naming)
        for _, group in groupby(replay(of), key=lambda each: each.fact.transaction):
            state.check(list(group))


def verify_paid(
    facts: Facts, movements: Movements, netting_sets: Iterable[Event], naming: Naming = _NOBODY
) -> None:
    """Check that what each transaction paid, over all agreements, is what the register moved in it.

    Those that settled trades are left out: what they move is more, and checked with them.
    Raises LedgerDisagrees at the first difference.
    """
    settled = {event.transaction for event in netting_sets}
    expected: dict[bytes, dict[tuple[int, int], int]] = {}
    for of in facts.agreements.values():
        payer, currency = of.agreement.payer, of.agreement.currency
        for payment in payments(of):
            if payment.transaction not in settled:
                moved = expected.setdefault(payment.transaction, {})
                _add(moved, (payment.institution, currency), payment.amount)
                _add(moved, (payer, currency), -payment.amount)
    for transaction, moved in expected.items():
        found = _moved(movements.of(transaction))
        for place in sorted(found.keys() | moved.keys()):
            if found.get(place, 0) != moved.get(place, 0):
                where = f"transaction 0x{transaction.hex()}, cash of {naming.of(place[0])}"
                raise LedgerDisagrees(where, found.get(place, 0), moved.get(place, 0))


@dataclass(slots=True)
class _State:
    of: AgreementFacts
    naming: Naming
    due: dict[int, int] = field(default_factory=dict)
    """What stands as due, by the last DueChanged of each institution."""
    totals: dict[int, int] = field(default_factory=dict)
    done: set[tuple[str, int, int]] = field(default_factory=set)
    """("run" or "released", period, line) that may not come again."""
    period: int | None = None
    """Of the newest fact that has one, for messages."""
    awaited: dict[int, int] = field(default_factory=dict)
    """What has to come as due before anything else happens."""
    paying: set[int] = field(default_factory=set)
    """Whom the run that is going on pays, where it does not defer that."""

    def check(self, replayed: Sequence[Replayed]) -> None:
        """The facts of one transaction."""
        for each in _causes_first(replayed):
            if isinstance(each.fact, DueChanged):
                self._check_due(each.fact)
                continue
            self._check_awaited()
            self.period = each.period or self.period
            match each.fact:
                case Accrued():
                    self._check_accrued(each.fact)
                    self._settle(each)
                case Released():
                    self._check_released(each, each.fact)
                    self._settle(each)
                case ClauseRun():
                    self._check_clause(each, each.fact)
                    self._owe(each)
                case GuaranteeRun():
                    self._check_guarantee(each, each.fact)
                    self._owe(each)
                case Deferred():
                    self._check_deferred(each.fact)
        self._check_awaited()
        for institution in self.paying:
            if self.due.get(institution, 0) > 0:
                self._check(self.period, f"due to {self.naming.of(institution)}", self.due[institution], 0)
        self.paying = set()

    def _settle(self, each: Replayed) -> None:
        """What is earned is received at once, but for what an institution owes: that is netted. What it is
        owed stays due until it is paid; a reserve gives from its own account.
        """
        for institution, earned in each.earned().items():
            before = self.due.get(institution, 0)
            received = max(0, min(earned, before + earned))
            if isinstance(each.fact, Released) and earned < 0:
                received = earned
            if earned != received:
                self.awaited[institution] = before + earned - received

    def _owe(self, each: Replayed) -> None:
        """What a run computes is due, until the same run pays it to the parties and the reserve."""
        assert each.version is not None
        self.paying |= _paid_by(each.version)
        for institution, earned in each.earned().items():
            if earned:
                self.awaited[institution] = self.due.get(institution, 0) + earned

    def _check_due(self, fact: DueChanged) -> None:
        """Besides what is awaited, all of what is due can be paid, either way; the register shows it."""
        before = self.due.get(fact.institution, 0)
        expected = self.awaited.pop(fact.institution, 0 if before else None)
        if fact.due != expected:
            what = f"due to {self.naming.of(fact.institution)}"
            self._disagrees(self.period, what, fact.due, before if expected is None else expected)
        self.due[fact.institution] = fact.due

    def _check_awaited(self) -> None:
        for institution, amount in self.awaited.items():
            found = self.due.get(institution, 0)
            self._check(self.period, f"due to {self.naming.of(institution)}", found, amount)
        self.awaited = {}

    def _check_deferred(self, fact: Deferred) -> None:
        """By a run, to those that it pays; by `pay`, to those of a version after the other."""
        paid = [self.paying] if self.paying else [_paid_by(each) for each in self.of.agreement.versions]
        owed = [sum(max(0, self.due.get(each, 0)) for each in some) for some in paid]
        if fact.total not in owed:
            self._disagrees(self.period, "payment deferred", fact.total, max(owed))
        self.paying = set()

    def _check_accrued(self, fact: Accrued) -> None:
        before = self.totals.get(fact.period, 0)
        self._check(fact.period, "commission so far", fact.before, before)
        if fact.after <= before:
            self._disagrees(fact.period, "commission", fact.after, f"more than {before}")
        self.totals[fact.period] = fact.after

    def _check_clause(self, each: Replayed, fact: ClauseRun) -> None:
        self._check_once("run", fact.period, fact.clause)
        result, version = each.result, each.version
        assert result is not None
        assert version is not None
        line = f"line {fact.clause}"
        self._check(fact.period, f"{line}, basis", fact.basis, result.basis)
        self._check(fact.period, f"{line}, pool", fact.pool, result.pool)
        self._check(fact.period, f"{line}, reserve", fact.reserve, result.reserve)
        self._check_parties(fact.period, line, version.terms.parties, fact.amounts, result.amounts)

    def _check_guarantee(self, each: Replayed, fact: GuaranteeRun) -> None:
        earning = each.earnings[0]
        self._check_once("run", fact.period, earning.line)
        line = f"line {earning.line}"
        self._check(fact.period, f"{line}, party", fact.party, earning.institution)
        where = f"{line}, {self.naming.of(fact.party)}, clawback"
        self._check(fact.period, where, fact.clawback, each.clawback)

    def _check_released(self, each: Replayed, fact: Released) -> None:
        self._check_once("released", fact.period, fact.clause)
        version = each.version
        assert version is not None
        amounts, to_payer = each.released
        line = f"line {fact.clause}, reserve released"
        self._check_parties(fact.period, line, version.terms.parties, fact.amounts, amounts)
        self._check(fact.period, f"{line}, payer", fact.to_payer, to_payer)

    def _check_parties(
        self, period: int, line: str, parties: Sequence[int], found: Sequence[int], expected: Sequence[int]
    ) -> None:
        self._check(period, f"{line}, parties", len(found), len(expected))
        for party, of_ledger, recomputed in zip(parties, found, expected, strict=True):
            self._check(period, f"{line}, {self.naming.of(party)}", of_ledger, recomputed)

    def _check_once(self, what: str, period: int, line: int) -> None:
        if (what, period, line) in self.done:
            self._disagrees(period, f"line {line}", f"{what} again", f"{what} once")
        self.done.add((what, period, line))

    def _check(self, period: int | None, what: str, found: int, expected: int) -> None:
        if found != expected:
            self._disagrees(period, what, found, expected)

    def _disagrees(self, period: int | None, what: str, found: object, expected: object) -> None:
        agreement_id = self.of.agreement.agreement_id
        where = f"agreement {agreement_id}" if period is None else place_of(agreement_id, period)
        raise LedgerDisagrees(f"{where}, {what}", found, expected)


def _paid_by(version: Concluded) -> set[int]:
    """Whom a run of a version's period pays: its parties, and the reserve's account."""
    terms = version.terms
    return {*terms.parties, *([terms.reserve_account] if terms.reserve_account else [])}


def _causes_first(replayed: Sequence[Replayed]) -> list[Replayed]:
    """A settlement nets what is due before it says what was earned; here what was earned comes first."""
    ordered: list[Replayed] = []
    netted: list[Replayed] = []
    for each in replayed:
        if isinstance(each.fact, DueChanged):
            netted.append(each)
            continue
        if isinstance(each.fact, Accrued):
            ordered.append(each)
        else:
            ordered += [*netted, each]
            netted = []
    return ordered + netted


def _moved(movements: Movements) -> dict[tuple[int, int], int]:
    """(institution, asset) → what it gained, the transit account left out."""
    found: dict[tuple[int, int], int] = {}
    columns = (movements.sender, movements.receiver, movements.asset, movements.amount)
    for sender, receiver, asset, amount in zip(*(column.tolist() for column in columns), strict=True):
        _add(found, (sender, asset), -amount)
        _add(found, (receiver, asset), amount)
    return {place: amount for place, amount in found.items() if place[0] != TRANSIT}


def _add(to: dict[_Key, int], key: _Key, amount: int) -> None:
    to[key] = to.get(key, 0) + amount
