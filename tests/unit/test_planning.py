"""What of an agreement can be done now, from its facts alone.

plan
├── a period that has not ended                       → nothing
├── no measure                                        → the rest is ready, it waits for the reporter
├── reported, disputed                                → waits for the countersigner, for the reporter
├── final                                             → ready, once
├── a performance line that waits                     → those after it wait for it
└── notice                                            → no period from its end on
releases
├── before its time                                   → nothing
├── its measure is missing, or it is not paid in      → waits
└── else                                              → ready, once
attention
└── counts both over all agreements, and what is due either way and contested
"""

from __future__ import annotations

from ledger.clients.revenue_sharing import ReportStatus
from ledger.terms import (
    BY_TIME,
    MAX_UP_TO,
    Basis,
    Clause,
    DayCount,
    Guarantee,
    Measure,
    Reserve,
    Step,
    Terms,
    Tier,
)
from settlement.agreements import periods, planning
from settlement.agreements.attention import Attention, attention
from settlement.agreements.facts import (
    AgreementFacts,
    ClauseRun,
    Contest,
    Facts,
    GuaranteeRun,
    Released,
    Report,
)
from settlement.agreements.planning import Waiting
from settlement.agreements.registry import Concluded, Known, Notice

PAYER, PARTY, AGENT, RESERVE = 3, 5, 8, 9
FIRST = 2019 * 12 + 9
SECOND, THIRD = FIRST + 3, FIRST + 6
ALL = (Tier(MAX_UP_TO, 10_000),)
HALF = (Step(0, (500_000,)),)
TERMS = Terms(
    payer=PAYER,
    currency=1,
    name="n",
    parties=(PARTY,),
    clauses=(
        Clause(Basis.COMMISSION, ALL, HALF, step_by=BY_TIME, reserve=Reserve(50_000, 1, measure=1)),
        Clause(
            *(Basis.PERFORMANCE, ALL, HALF),
            measure=2,
            units=1,
            day_count=DayCount.ACTUAL_365,
            mark=100,
        ),
        Clause(Basis.COMMISSION, ALL, HALF, tier_by=1),
    ),
    measures=(Measure("USERS", PARTY, PAYER), Measure("NAV", AGENT)),
    guarantees=(Guarantee(1, 1, 1_000, flat=5),),
    reserve_account=RESERVE,
)


def facts(
    *happened: object, notice: Notice | None = None, **reports: tuple[int, ReportStatus]
) -> AgreementFacts:
    """Of one version from the first quarter on; reports are of `NAME_period`."""
    version = Concluded(1, b"", TERMS, periods.start_s(FIRST) + 86_400, FIRST, b"")
    found = AgreementFacts(Known(1, [version], notice), happened=list(happened))  # type: ignore[arg-type]
    for name, (period, status) in reports.items():
        found.reports[period, name.rstrip("_")] = Report(status, 7, 0)
    return found


def after(period: int) -> int:
    """A moment at which the period before has just ended."""
    return periods.start_s(period)


def ran(period: int, clause: int, reserve: int = 0) -> ClauseRun:
    return ClauseRun(0, b"", 0, period, clause, 0, 0, reserve, ())


def waits(found: planning.Plan) -> list[tuple[int, int, str, int]]:
    return [(each.period, each.line, each.measure, each.institution) for each in found.waiting]


FINAL, REPORTED, DISPUTED = ReportStatus.FINAL, ReportStatus.REPORTED, ReportStatus.DISPUTED


def test_plan_given_a_period_that_lasts_has_nothing() -> None:
    assert planning.plan(facts(), after(SECOND) - 1) == planning.Plan()
    assert list(planning.covered(facts(), periods.start_s(FIRST))) == []


def test_plan_given_no_measure_has_what_needs_none() -> None:
    found = planning.plan(facts(), after(SECOND))
    assert found.ready == [(FIRST, (0,))]
    assert waits(found) == [
        (FIRST, 1, "NAV", AGENT),
        (FIRST, 1, "USERS", PARTY),
        (FIRST, 2, "USERS", PARTY),
        (FIRST, 3, "USERS", PARTY),
    ]


def test_plan_given_reports_waits_for_whose_turn_it_is() -> None:
    for status, whose in ((REPORTED, PAYER), (DISPUTED, PARTY)):
        found = planning.plan(facts(USERS=(FIRST, status), NAV=(FIRST, FINAL)), after(SECOND))
        assert found.ready == [(FIRST, (0,))]
        assert waits(found) == [(FIRST, line, "USERS", whose) for line in (1, 2, 3)]
        assert {each.status for each in found.waiting} == {status}


def test_plan_given_final_measures_has_each_line_once() -> None:
    reports = {"USERS": (FIRST, FINAL), "NAV": (FIRST, FINAL)}
    assert planning.plan(facts(**reports), after(SECOND)).ready == [(FIRST, (0, 1, 2, 3))]
    done = (ran(FIRST, 0), GuaranteeRun(0, b"", 0, FIRST, 0, PARTY, 5))
    assert planning.plan(facts(*done, **reports), after(SECOND)).ready == [(FIRST, (1, 2))]


def test_plan_given_a_performance_that_waits_holds_up_the_next() -> None:
    reports = {"USERS": (SECOND, FINAL), "NAV": (SECOND, FINAL)}
    for only in (None, SECOND):
        found = planning.plan(facts(**reports), after(THIRD), only)
        assert (SECOND, (0, 2, 3)) in found.ready
        assert Waiting(SECOND, 1, after=FIRST) in found.waiting
    after_it = planning.plan(facts(ran(FIRST, 1), **reports), after(THIRD), SECOND)
    assert after_it.ready == [(SECOND, (0, 1, 2, 3))]


def test_plan_given_two_quarters_that_are_ready_takes_them_in_order() -> None:
    reports = {name: (period, FINAL) for name, period in (("USERS", FIRST), ("NAV", FIRST))}
    reports |= {f"{name}_": (SECOND, FINAL) for name in ("USERS", "NAV")}
    lines = (0, 1, 2, 3)
    assert planning.plan(facts(**reports), after(THIRD)).ready == [(FIRST, lines), (SECOND, lines)]


def test_plan_given_notice_covers_nothing_from_its_end_on() -> None:
    notice = Notice(PARTY, periods.start_s(SECOND), SECOND, b"")
    assert [each for each, _ in planning.ended(facts(notice=notice), after(THIRD))] == [FIRST]


def test_releases_given_its_time_wait_for_the_measure_and_the_payment() -> None:
    final = {"USERS": (FIRST, FINAL)}
    kept = ran(FIRST, 0, reserve=50)
    assert planning.releases(facts(kept, **final), after(THIRD) - 1) == planning.Plan()
    assert planning.releases(facts(ran(FIRST, 0), **final), after(THIRD)) == planning.Plan()
    assert waits(planning.releases(facts(kept), after(THIRD))) == [(FIRST, 0, "USERS", PARTY)]
    assert planning.releases(facts(kept, **final), after(THIRD)).ready == [(FIRST, (0,))]
    gone = Released(0, b"", 0, FIRST, 0, (), 50)
    assert planning.releases(facts(kept, gone, **final), after(THIRD)) == planning.Plan()
    unpaid = facts(kept, **final)
    unpaid.dues[RESERVE] = 50
    found = planning.releases(unpaid, after(THIRD))
    assert (found.ready, found.waiting[0].unpaid_minor, found.waiting[0].institution) == ([], 50, PAYER)


def test_attention_given_agreements_counts_what_there_is_to_do() -> None:
    """Two quarters are over, of both agreements. Each measure is waited for once, though three lines and the
    reserve need USERS.
    """
    begun = facts()
    open_ = facts(ran(FIRST, 0, reserve=5), USERS_=(SECOND, REPORTED), NAV=(FIRST, FINAL))
    open_.dues |= {PARTY: 30, AGENT: -4, RESERVE: 0}
    contested = [(FIRST, line, b"", PARTY) for line in (0, 1)]
    open_.contests |= {key: Contest(*key, "why", b"") for key in contested}
    none = attention(Facts(agreements={1: begun}), after(SECOND) - 1)
    assert none == Attention(concluded=1)
    assert attention(Facts(), after(THIRD)) == Attention()
    found = attention(Facts(agreements={1: begun, 2: open_}), after(THIRD))
    assert found == Attention(
        concluded=2,
        lines=1 + 1 + 1,
        measures=(2 + 2) + (1 + 2),
        unpaid=1,
        unpaid_minor=30,
        owed_back_minor=4,
        contests=2,
    )
    final = facts(ran(FIRST, 0, reserve=5), USERS=(FIRST, FINAL))
    assert attention(Facts(agreements={1: final}), after(THIRD)).reserves == 1
