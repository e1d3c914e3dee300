"""The contracts and the second computation, over random agreements with random histories.

A crowd of institutions concludes agreements of every kind, earns commission from November to May, reports,
countersigns, disputes, runs, pays, repays and releases, in an order that chance decides. Then every event is
held against what its terms, totals and reports come to, every movement against what was paid.

over every event           ─ both computations agree to the unit
over every transaction     ─ what moved is what the accounts say was paid
over every line            ─ the formula's text comes to its exact amount
over every party           ─ its last closing is what the contract has as due
when a measure is missing  ─ the run is refused, and says so
over what was drawn        ─ every basis, tier, step, reserve, guarantee, cap, floor, version, stub is there
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from ledger.chain import connect
from ledger.compile import Artifact
from ledger.contract import Event
from ledger.history import _movements
from ledger.terms import BY_TIME, Basis, DayCount, Terms
from settlement.agreements import periods
from settlement.agreements.account import accounts, payments
from settlement.agreements.explaining import Naming
from settlement.agreements.facts import (
    Accrued,
    ClauseRun,
    Deferred,
    DueChanged,
    GuaranteeRun,
    Released,
)
from settlement.agreements.verifying import verify, verify_paid
from tests.agreements import evaluated
from tests.contracts.crowd import Crowd, gather
from tests.contracts.support import SetClock
from tests.contracts.tale import EACH, Tale

SEEDS = (5, 6)
AGREEMENTS = {"anvil": 500, "pyevm": 12}
"""So many a seed on each engine, in about the same time."""

WANTED = frozenset(
    {
        *(each.name for each in (*Basis, *DayCount)),
        *(Accrued, ClauseRun, GuaranteeRun, Released, DueChanged, Deferred),
        *("versions", "stub", "end", "by measure", "by time", "floor", "cap", "hurdle", "resets"),
        *("graduated", "slab by measure", "reserve", "rule"),
    }
)
"""What has to be among what was drawn; see `drawn`."""


@pytest.mark.parametrize("seed", SEEDS)
def test_contracts_given_random_histories_agree_with_the_second_computation(
    engine: str, test_artifacts: dict[str, Artifact], seed: int
) -> None:
    count, clock = AGREEMENTS[engine], SetClock()
    with connect(engine, clock=clock) as chain:
        crowd = gather(chain, clock, test_artifacts, max(20, count // (2 * EACH) + 1) + 3)
        tale = Tale(crowd, count, seed)
        tale.happen()
        verify(crowd.facts)
        check_movements(crowd)
        check_accounts(crowd)
        assert set(tale.refused) <= {"RevenueSharing_MarkLapsed"}, tale.refused
        if engine == "anvil":
            assert not WANTED - drawn(crowd)


def check_movements(crowd: Crowd) -> None:
    """What moved is what the accounts say was paid: in the register, and in what settlements would move."""
    settled = [Event("Changed", {}, transaction) for transaction in crowd.changes]
    mined = crowd.chain.logs(0, crowd.chain.block().number)
    rows = [(each.transaction_hash, each.logs) for each in mined]
    verify_paid(crowd.facts, _movements(rows, crowd.register.address), settled)
    paid: dict[bytes, Counter[tuple[int, int]]] = {each: Counter() for each in crowd.changes}
    for of in crowd.facts.agreements.values():
        payer, currency = of.agreement.payer, of.agreement.currency
        for payment in payments(of):
            if payment.transaction in paid:
                paid[payment.transaction][payment.institution, currency] += payment.amount
                paid[payment.transaction][payer, currency] -= payment.amount
    for transaction, changed in crowd.changes.items():
        assert changed == paid[transaction], transaction.hex()


def check_accounts(crowd: Crowd) -> None:
    """Lines and accounts add up, and the last closing is what the contract has as due."""
    for of in crowd.facts.agreements.values():
        found = list(accounts(of, Naming({}, 2)).values())
        for account in [each for period in found for each in period]:
            earned = account.opening_minor + account.earned_minor - account.paid_minor
            assert earned == account.closing_minor
            assert sum(line.amount_minor for line in account.lines) == account.earned_minor
            for line in account.lines:
                assert line.exact - line.rounding == line.amount_minor
                assert evaluated(line.formula, 2) == line.exact, line
        closing = {each.party: each.closing_minor for each in found[-1]} if found else {}
        dues = {party: amount for party, amount in of.dues.items() if amount}
        assert {party: amount for party, amount in closing.items() if amount} == dues


def drawn(crowd: Crowd) -> set[object]:
    """Every kind of thing that was drawn and came to something."""
    found = set[object]()
    for of in crowd.facts.agreements.values():
        first = of.agreement.versions[0]
        found |= {"versions"} if len(of.agreement.versions) > 1 else set()
        found |= {"stub"} if periods.start_s(first.from_period) < first.starts_at else set()
        found |= {"end"} if of.agreement.notice is not None else set()
        for fact in of.happened:
            found.add(type(fact))
            if isinstance(fact, ClauseRun):
                found.update(kinds(of.version(fact.period).terms, fact.clause))
    return found


def kinds(terms: Terms, line: int) -> Iterator[object]:
    clause = terms.clauses[line]
    yield from (clause.basis.name, DayCount(clause.day_count).name)
    said = {
        "by time": clause.step_by == BY_TIME,
        "by measure": 0 < clause.step_by < BY_TIME,
        "graduated": clause.graduated and len(clause.tiers) > 1,
        "slab by measure": clause.tier_by and len(clause.tiers) > 1,
        "floor": clause.floor,
        "cap": clause.cap,
        "hurdle": clause.hurdle_ppm,
        "resets": clause.resets,
        "reserve": clause.reserve,
        "rule": clause.reserve and clause.reserve.measure,
    }
    yield from (kind for kind, given in said.items() if given)
