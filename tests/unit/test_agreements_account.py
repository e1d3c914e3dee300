"""Accounts of the parties, and the contract's figures held against the second computation.

Two histories told by hand, of a broker that shares its commission with a platform: 30 %, 35 % once users pass
a million, 5 % in reserve first.

    a payment deferred: accrued 1,001 and 10,000; run, but the broker has nothing; next quarter's commission;
        a guarantee missed, netted and paid; the reserve released
    a receivable: a guarantee missed by more than is due; the next commission netted; the rest repaid

accounts      ─ opening + earned − paid = closing, the last one as the contract has it
lines         ─ each with its basis, tier, formula, rounding; contested until resolved
verify        ─ takes both; no figure of any event can be another
verify_paid   ─ what the register moved
formulas      ─ come to the exact amount, worked out from their text (property, and on a chain)
any splitting ─ what a party has earned follows from the total alone (property)
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.clients.revenue_sharing import IN_THE_RUN, ReportStatus
from ledger.contract import Event
from ledger.history import Movements
from ledger.terms import MAX_UP_TO, Basis, Clause, Guarantee, Measure, Reserve, Step, Terms, Tier
from settlement.agreements import computing, periods
from settlement.agreements.account import accounts, payments
from settlement.agreements.explaining import Naming
from settlement.agreements.facts import facts
from settlement.agreements.lines import Kind, PartyAccount
from settlement.agreements.verifying import verify, verify_paid
from settlement.errors import LedgerDisagrees
from tests.agreements import Cast, Story, evaluated, random_amount, random_terms

BROKER, PLATFORM, KEEPER, NPR = 8, 9, 12, 0x8001
Q4, Q1 = 2019 * 12 + 9, 2020 * 12
NAMING = Naming({BROKER: "Aldersgate", PLATFORM: "Lantern Platform"}, exponent=2)
START = periods.start_s(Q4)
TERMS = Terms(
    payer=BROKER,
    currency=NPR,
    name="platform",
    parties=(PLATFORM,),
    clauses=(
        Clause(
            Basis.COMMISSION,
            (Tier(MAX_UP_TO, 1_000_000),),
            (Step(0, (300_000,)), Step(1_000_000, (350_000,))),
            step_by=1,
            reserve=Reserve(50_000, 1),
        ),
    ),
    measures=(Measure("USERS", PLATFORM, BROKER),),
    guarantees=(Guarantee(1, 1, 1_300_000, 2_000),),
    reserve_account=KEEPER,
)


def story(promised: int = 1_300_000) -> Story:
    """Up to the end of the first quarter: 10,000 of commission in two settlements, 1,200,000 users."""
    told = Story()
    promise = replace(TERMS.guarantees[0], promised=promised)
    told.conclude(1, replace(TERMS, guarantees=(promise,)), START)
    accrue(told, Q4, 0, 1_001)
    accrue(told, Q4, 1_001, 10_000)
    told.then()
    told.report(1, Q4, [("USERS", 1_200_000)], PLATFORM)
    return told


def accrue(told: Story, period: int, before: int, after: int) -> None:
    told.then()
    told.tell("RevenueAccrued", agreementId=1, period=period, totalBefore=before, totalAfter=after)


def run_clause(told: Story) -> None:
    # 35 % of 9,500
    figures = {"basis": 10_000, "pool": 10_000, "reserve": 500, "amounts": (3_325,)}
    told.tell("ClauseRun", agreementId=1, period=Q4, clause=0, **figures)


def miss(told: Story, clawback: int) -> None:
    told.tell("GuaranteeRun", agreementId=1, period=Q4, guarantee=0, party=PLATFORM, clawback=clawback)


def due(told: Story, amount: int) -> None:
    told.tell("DueChanged", agreementId=1, institution=PLATFORM, due=amount)


def deferred() -> Story:
    """A payment deferred."""
    told = story()
    told.then()
    run_clause(told)
    due(told, 475)
    told.tell("PaymentDeferred", agreementId=1, total=475)
    accrue(told, Q1, 0, 2_000)
    told.then()
    miss(told, 200)
    due(told, 275)
    due(told, 0)
    told.then()
    told.tell("ReserveReleased", agreementId=1, period=Q4, clause=0, amounts=(175,), toPayer=325)
    return told


def receivable() -> Story:
    """A receivable, of (1,650,000 − 1,200,000) × 0.002."""
    told = story(promised=1_650_000)
    told.then()
    miss(told, 900)
    due(told, -900)
    accrue(told, Q1, 0, 2_000)
    due(told, -330)
    told.then()
    due(told, 0)
    return told


def figures(account: PartyAccount) -> tuple[int, int, int, int]:
    return account.opening_minor, account.earned_minor, account.paid_minor, account.closing_minor


def test_accounts_given_deferred_payment() -> None:
    found = accounts(deferred().facts().agreements[1], NAMING)
    platform, keeper = found[Q4]
    assert [line.amount_minor for line in platform.lines] == [285, 2_565, 475, -200, 175]
    assert figures(platform) == (0, 3_300, 3_300, 0)
    assert keeper.party == KEEPER
    assert [line.amount_minor for line in keeper.lines] == [50, 450, -500]
    assert figures(keeper) == (0, 0, 0, 0)
    assert [figures(each) for each in found[Q1]] == [(0, 570, 570, 0), (0, 100, 100, 0)]


def test_accounts_given_receivable_carries_it_on() -> None:
    found = accounts(receivable().facts().agreements[1], NAMING)
    assert figures(found[Q4][0]) == (0, 1_950, 2_520, -570)
    assert figures(found[Q1][0]) == (-570, 570, 0, 0)


def test_accounts_given_what_is_still_due_ends_with_what_the_contract_has() -> None:
    told = deferred()
    for until in range(1, len(told.events) + 1):
        if until < len(told.events) and told.events[until].transaction == told.events[until - 1].transaction:
            continue
        of = facts(told.events[:until], told.blocks).agreements[1]
        found = accounts(of, NAMING)
        last = list(found.values())[-1] if found else ()
        closing = {each.party: each.closing_minor for each in last if each.closing_minor}
        assert closing == {each: amount for each, amount in of.dues.items() if amount}


def test_lines_say_what_they_come_of() -> None:
    found = accounts(deferred().facts().agreements[1], NAMING)
    first, second, run, missed, released = found[Q4][0].lines
    assert {line.basis for line in (first, second, run)} == {"commission on settled trades"}
    assert first.tier == "USERS not reported yet: the first shares"
    assert first.formula == "(10.01 − reserve 0.50) × 30 %"
    assert (first.exact, first.rounding) == (Fraction(2_853, 10), Fraction(3, 10))
    assert second.formula == "(100.00 − reserve 5.00) × 30 % − (10.01 − reserve 0.50) × 30 %"
    assert (second.exact, second.rounding) == (Fraction(25_647, 10), Fraction(-3, 10))
    assert run.tier == "USERS 1,200,000, above 1,000,000"
    assert run.formula == "(100.00 − reserve 5.00) × 35 % − 28.50 on account"
    assert (missed.kind, missed.line, missed.basis) == (Kind.CLAWBACK, 1, "guarantee of USERS")
    assert missed.formula == "−(1,300,000 − 1,200,000) × 0.00002"
    assert (released.basis, released.formula) == ("reserve of commission on settled trades", "5.00 × 35 %")
    assert found[Q4][1].lines[-1].formula == "−5.00"
    assert {line.version for line in found[Q4][0].lines} == {1}
    assert first.block == 102
    assert first.transaction == (2).to_bytes(32, "big")


def test_lines_given_contests_show_them_until_they_are_resolved() -> None:
    told = deferred()
    told.then()
    line = {"agreementId": 1, "period": Q4, "line": 0}
    settled = told.events[5].transaction
    by_party = {**line, "transactionHash": settled, "institution": PLATFORM}
    by_payer = {**line, "transactionHash": IN_THE_RUN, "institution": BROKER}
    told.tell("LineContested", **by_party, reason="the total is wrong")
    told.tell("LineContested", **by_payer, reason="users were bought")
    lines = accounts(told.facts().agreements[1], NAMING)[Q4][0].lines
    assert [each.contested for each in lines] == [
        *((), ("Lantern Platform: the total is wrong",)),
        *(("Aldersgate: users were bought",), (), ()),
    ]
    told.tell("ContestResolved", **by_party)
    told.tell("ContestResolved", **by_payer)
    lines = accounts(told.facts().agreements[1], NAMING)[Q4][0].lines
    assert not any(each.contested for each in lines)


@pytest.mark.parametrize("told", [deferred(), receivable()], ids=["deferred", "receivable"])
def test_verify_given_what_the_contract_should_say_takes_it(told: Story) -> None:
    verify(told.facts())


@pytest.mark.parametrize("told", [deferred(), receivable()], ids=["deferred", "receivable"])
@pytest.mark.parametrize("by", [-1, 1])
def test_verify_given_any_other_figure_refuses_it(told: Story, by: int) -> None:
    # What a total becomes is held against the trades elsewhere, and is given here.
    checked = {"RevenueAccrued": ("totalBefore",), "PaymentDeferred": ("total",)}
    checked |= {"ClauseRun": ("basis", "pool", "reserve", "amounts"), "DueChanged": ("due",)}
    checked |= {"GuaranteeRun": ("party", "clawback"), "ReserveReleased": ("amounts", "toPayer")}
    for place, event in enumerate(told.events):
        for name in checked.get(event.name, ()):
            value = event[name]
            other = tuple(each + by for each in value) if isinstance(value, tuple) else value + by
            altered = [*told.events]
            altered[place] = Event(event.name, {**event.arguments, name: other}, event.transaction)
            with pytest.raises(LedgerDisagrees, match="agreement 1"):
                verify(facts(altered, told.blocks))


def test_verify_given_wrong_share_names_line_party_and_figures() -> None:
    told = deferred()
    place = next(i for i, event in enumerate(told.events) if event.name == "ClauseRun")
    told.events[place] = Event(
        "ClauseRun", {**told.events[place].arguments, "amounts": (3_324,)}, told.events[place].transaction
    )
    with pytest.raises(LedgerDisagrees) as caught:
        verify(told.facts(), NAMING)
    assert caught.value.where == "agreement 1, period 2019-10, line 0, Lantern Platform"
    assert (caught.value.ledger, caught.value.recomputed) == (3_324, 3_325)


def test_verify_given_line_computed_before_its_measure_was_final_refuses_it() -> None:
    told = Story()
    told.conclude(1, TERMS, START)
    accrue(told, Q4, 0, 10_000)
    told.then()
    run_clause(told)
    due(told, 475)
    told.report(1, Q4, [("USERS", 1_200_000)], PLATFORM)
    with pytest.raises(LedgerDisagrees, match="USERS is not final"):
        verify(told.facts())


def test_verify_given_line_computed_twice_refuses_it() -> None:
    told = story()
    for _ in range(2):
        told.then()
        run_clause(told)
        due(told, 475)
        due(told, 0)
    with pytest.raises(LedgerDisagrees, match="line 0"):
        verify(told.facts())


def test_facts_given_reports_follow_their_standing() -> None:
    told = story()
    of = told.facts().agreements[1]
    assert of.reports[Q4, "USERS"].status is ReportStatus.FINAL
    assert of.final_measures(Q4) == {"USERS": 1_200_000}
    said = {"agreementId": 1, "period": Q1, "measure": "USERS", "value": 7, "institution": BROKER}
    for name, status in (
        ("MeasureReported", ReportStatus.REPORTED),
        ("MeasureDisputed", ReportStatus.DISPUTED),
        ("MeasureReported", ReportStatus.REPORTED),
        ("MeasureCountersigned", ReportStatus.FINAL),
    ):
        told.tell(name, **said)
        assert told.facts().agreements[1].reports[Q1, "USERS"].status is status


def moves(*rows: tuple[bytes, int, int, int]) -> Movements:
    """Rows of transaction, sender, receiver, amount, all of NPR."""
    hashes, *columns = zip(*rows, strict=True)
    sender, receiver, amount = (np.array(column, dtype=np.int64) for column in columns)
    transaction = np.frombuffer(b"".join(hashes), dtype="V32")
    return Movements(transaction, sender, receiver, np.full(len(rows), NPR), amount)


def test_verify_paid_given_what_the_register_moved() -> None:
    told = deferred()
    found = told.facts()
    settled = [event for event in told.events if event.name == "RevenueAccrued"]
    netted, released = list(dict.fromkeys(each.transaction for each in payments(found.agreements[1])))[-2:]
    # The second run paid 275 by way of the transit account; the reserve gave 500.
    rows = [(netted, BROKER, 0, 275), (netted, 0, PLATFORM, 275)]
    rows += [(released, KEEPER, PLATFORM, 175), (released, KEEPER, BROKER, 325)]
    verify_paid(found, moves(*rows), settled, NAMING)
    with pytest.raises(LedgerDisagrees, match="cash of Aldersgate"):
        verify_paid(found, moves(*rows[1:]), settled, NAMING)


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_accounts_given_any_splitting_of_commission_come_to_the_same(seed: int) -> None:
    random = Random(seed)
    cast = Cast(parties=tuple(range(1, 20)), agents=(30,), reserve_account=40)
    terms = random_terms(random, BROKER, NPR, "any", cast, months=3)
    total = sum(random_amount(random) for _ in range(8))
    cuts = sorted({random.randint(1, total) for _ in range(random.randint(0, 12))} | {total})
    told = Story()
    told.conclude(1, terms, START)
    for before, after in zip([0, *cuts], cuts, strict=False):
        accrue(told, Q4, before, after)
    of = told.facts().agreements[1]
    earned = {each.party: each.earned_minor for each in accounts(of, NAMING)[Q4]}
    expected = dict.fromkeys(earned, 0)
    for result in computing.on_account(terms, Q4, total):
        for party, amount in zip(terms.parties, result.amounts, strict=True):
            expected[party] += amount
        if result.reserve:
            expected[terms.reserve_account] += result.reserve
    assert earned == expected, seed
    for account in accounts(of, NAMING)[Q4]:
        assert all(line.exact - line.rounding == line.amount_minor for line in account.lines), seed
        assert all(evaluated(line.formula, 2) == line.exact for line in account.lines), seed
