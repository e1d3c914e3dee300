"""run(agreement, period, lines): what a period comes to, with answers that are worked out by hand.

when anyone runs a period that has ended    ─ computed, told and paid, each line once
before it has ended, or while a cycle is open ─ refused
given no such agreement, period or line     ─ refused; no line neither
given each basis                            ─ basis, pool, reserve and amounts as worked out
given a day count, and a first period that begins late ─ by its days
given tiers or steps by a measure           ─ the one above whose bound it is
given floor and cap                         ─ the floor, even of nothing; the cap
given remainders and ties                   ─ to the largest, the earlier party, the payer last
given a measure is missing                  ─ only lines that need it wait
given commission was shared in settlements  ─ the difference is paid; where that was too much the party owes
"""

from __future__ import annotations

from typing import Any

import pytest

from ledger import reverts
from ledger.clients.consortium import Role
from ledger.terms import BY_TIME, MAX_UP_TO, Basis, Clause, DayCount, Reserve, measure_key
from tests.contracts.clearing_model import PPM
from tests.contracts.sharing import ASSETS, Q1, Q2, Q3, Q4, UNITS, USERS, Sharing, clause, start_of
from tests.contracts.support import Ledger, refused

MEASURES = (USERS, ASSETS, UNITS)
"""Places 1 to 3."""
MILLION = 1_000_000


@pytest.fixture
def desk(ledger: Ledger) -> Sharing:
    return Sharing(ledger)


def fee(day_count: DayCount, *shares: int, rate: int = 10_000, **fields: Any) -> Clause:
    """A management fee on assets, one per cent a year."""
    tiers = ((MAX_UP_TO, rate),)
    return clause(*shares, basis=Basis.MANAGEMENT_FEE, measure=2, tiers=tiers, day_count=day_count, **fields)


def usage(*shares: int, tiers: tuple[tuple[int, ...], ...] = ((MAX_UP_TO, PPM),), **fields: Any) -> Clause:
    return clause(*shares, basis=Basis.USAGE, measure=1, tiers=tiers, **fields)


def fixed(amount: int, *shares: int, **fields: Any) -> Clause:
    """A subscription."""
    return clause(*shares, basis=Basis.SUBSCRIPTION, tiers=((MAX_UP_TO, 0, amount),), **fields)


ACTUAL_360, ACTUAL_365, THIRTY_360 = list(DayCount)[1:]
BY_USERS = ((MILLION, 0, 700), (2 * MILLION, 0, 900), (MAX_UP_TO, 0, 50))
BANDS = ((10, 250_000), (20, 500_000), (MAX_UP_TO, 100_000))
"""A quarter of a minor unit each, a half, a tenth."""
MORE = ((MILLION, (350_000, 650_000)),)
"""Five points more once users pass a million."""

EXAMPLES: dict[str, tuple[Clause, dict[str, int], tuple[int, int, int, tuple[int, int]]]] = {
    # 10^9 at 1 % is 10^7 a year; 91 days of 365, 91 of 360, 90 of 360.
    "fee by 365": (fee(ACTUAL_365, 300_000, 0), {ASSETS: 10**9}, (10**9, 2_493_150, 0, (747_945, 0))),
    "fee by 360": (fee(ACTUAL_360, 300_000, 0), {ASSETS: 10**9}, (10**9, 2_527_777, 0, (758_333, 0))),
    "fee by 30/360": (fee(THIRTY_360, 300_000, 0), {ASSETS: 10**9}, (10**9, 2_500_000, 0, (750_000, 0))),
    "fee on nothing": (fee(ACTUAL_365, PPM, 0), {ASSETS: 0}, (0, 0, 0, (0, 0))),
    "fee on all there can be": (
        fee(THIRTY_360, PPM, 0, rate=PPM),
        {ASSETS: 2**64 - 1},
        (2**64 - 1, 2**62 - 1, 0, (2**62 - 1, 0)),
    ),
    "subscription": (fixed(1_001, 500_000, 500_000), {}, (1, 1_001, 0, (501, 500))),
    "subscription that users pick": (
        clause(PPM, 0, basis=Basis.SUBSCRIPTION, tiers=BY_USERS, tier_by=1),
        {USERS: MILLION + 1},
        (1, 900, 0, (900, 0)),
    ),
    "subscription at the bound": (
        clause(PPM, 0, basis=Basis.SUBSCRIPTION, tiers=BY_USERS, tier_by=1),
        {USERS: MILLION},
        (1, 700, 0, (700, 0)),
    ),
    "usage": (usage(0, PPM), {USERS: 12_345}, (12_345, 12_345, 0, (0, 12_345))),
    "usage at a third of a unit": (
        usage(PPM, 0, tiers=((MAX_UP_TO, 333_333),)),
        {USERS: 100},
        (100, 33, 0, (33, 0)),
    ),
    "usage by slab": (usage(PPM, 0, tiers=BANDS), {USERS: 20}, (20, 10, 0, (10, 0))),
    "usage above the slab": (usage(PPM, 0, tiers=BANDS), {USERS: 21}, (21, 2, 0, (2, 0))),
    # 10 at .25, 10 at .5, 15 at .1 are 9 exactly; one less is 8.9.
    "usage graduated": (usage(PPM, 0, tiers=BANDS, graduated=True), {USERS: 35}, (35, 9, 0, (9, 0))),
    "usage graduated below": (usage(PPM, 0, tiers=BANDS, graduated=True), {USERS: 34}, (34, 8, 0, (8, 0))),
    "usage at more than a unit": (
        usage(PPM, 0, tiers=((MAX_UP_TO, 2**64 - 1),)),
        {USERS: 10**6},
        (10**6, 2**64 - 1, 0, (2**64 - 1, 0)),
    ),
    "usage beyond what a pool can be": (
        usage(PPM, 0, tiers=((MAX_UP_TO, 2**64 - 1, 2**96 - 1),)),
        {USERS: 2**64 - 1},
        (2**64 - 1, 2**96 - 1, 0, (2**96 - 1, 0)),
    ),
    "floor": (usage(PPM, 0, floor=50), {USERS: 0}, (0, 50, 0, (50, 0))),
    "floor reached": (usage(PPM, 0, floor=50), {USERS: 51}, (51, 51, 0, (51, 0))),
    "cap": (usage(PPM, 0, cap=50), {USERS: 51}, (51, 50, 0, (50, 0))),
    "floor that is the cap": (usage(PPM, 0, cap=50, floor=50), {USERS: 9}, (9, 50, 0, (50, 0))),
    "floor of commission": (clause(PPM, 0, floor=50), {}, (0, 50, 0, (50, 0))),
    "shares at a million users": (
        usage(300_000, 700_000, later=MORE, step_by=1),
        {USERS: MILLION},
        (MILLION, MILLION, 0, (300_000, 700_000)),
    ),
    "shares above a million users": (
        usage(300_000, 700_000, later=MORE, step_by=1),
        {USERS: MILLION + 1},
        (MILLION + 1, MILLION + 1, 0, (350_000, 650_001)),
    ),
    "shares of the period's time": (
        fixed(100, 0, 0, later=((start_of(Q1) - 1, (PPM, 0)), (start_of(Q1), (0, PPM))), step_by=BY_TIME),
        {},
        (1, 100, 0, (100, 0)),
    ),
    # Of 1 a quarter, a quarter and the payer's half; of 3 three quarters twice, the payer's is 1.5.
    "remainder of one": (fixed(1, 250_000, 250_000), {}, (1, 1, 0, (0, 0))),
    "remainder of three": (fixed(3, 250_000, 250_000), {}, (1, 3, 0, (1, 1))),
    "tie of two": (fixed(1, 500_000, 500_000), {}, (1, 1, 0, (1, 0))),
    "tie with the payer": (fixed(1, 0, 500_000), {}, (1, 1, 0, (0, 1))),
    "larger later": (fixed(1, 333_333, 333_334), {}, (1, 1, 0, (0, 1))),
    "reserve first": (
        fixed(1_019, 500_000, 500_000, reserve=Reserve(50_000, 1)),
        {},
        (1, 1_019, 50, (485, 484)),
    ),
    "reserve of all": (fixed(7, PPM, 0, reserve=Reserve(PPM, 0)), {}, (1, 7, 7, (0, 0))),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_run_given_example_is_as_worked_out(desk: Sharing, name: str) -> None:
    """Told, paid by B1, and never again."""
    each, values, (basis, pool, reserve, amounts) = EXAMPLES[name]
    keeper = desk.keep_reserves()
    agreement = desk.agree(each, measures=MEASURES, reserve_account=keeper)
    desk.over(Q1)
    desk.final(agreement, Q1, **values)
    total = sum(amounts) + reserve
    if total:
        desk.ledger.issue({("B1", "NPR"): total})
    facts = desk.run(agreement, Q1)
    fact = {"agreementId": agreement, "period": Q1, "clause": 0}
    expected = [("ClauseRun", fact | _result(basis, pool, reserve, amounts))]
    paid = [(who, n) for who, n in zip(("V", "P", "RES"), (*amounts, reserve), strict=True) if n]
    expected += [desk_due(desk, agreement, who, n) for who, n in paid]
    expected += [desk_due(desk, agreement, who, 0) for who, _ in paid]
    assert facts == expected
    assert desk.cash("V", "P", "RES", "B1") == [*amounts, reserve, 0]
    assert desk.revenue.lines_of(agreement, Q1) == ({0}, set())
    with refused(reverts.RevenueSharing_LineRun, agreementId=agreement, period=Q1, line=0):
        desk.run(agreement, Q1)


def _result(basis: int, pool: int, reserve: int, amounts: tuple[int, ...]) -> dict[str, Any]:
    return {"basis": basis, "pool": pool, "reserve": reserve, "amounts": amounts}


def desk_due(desk: Sharing, agreement: int, name: str, due: int) -> tuple[str, dict[str, Any]]:
    institution = desk.ledger.index[name]
    return ("DueChanged", {"agreementId": agreement, "institution": institution, "due": due})


@pytest.mark.parametrize(
    ("starts", "actual", "thirty"),
    [
        *((start_of(Q1) + 15 * 86_400, 76, 75), (start_of(Q1) + 30 * 86_400, 61, 61)),
        *((start_of(Q1) + 30 * 86_400 + 1, 60, 61), (start_of(Q1) + 59 * 86_400, 32, 32)),
        *((start_of(Q2) - 86_400, 1, 1), (start_of(Q2) - 1, 0, 1)),
    ],
)
def test_run_given_period_begins_late_counts_its_days(
    desk: Sharing, starts: int, actual: int, thirty: int
) -> None:
    """From the 16th and the 31st of January (whole, and a second less), the 29th of February, and the last
    day. A unit of assets a day at these rates."""
    clauses = [fee(ACTUAL_365, PPM, 0), fee(ACTUAL_360, PPM, 0), fee(THIRTY_360, PPM, 0)]
    agreement = desk.agree(*clauses, measures=MEASURES, effective_from=starts)
    for period in (Q1, Q2):
        desk.over(period)
        desk.final(agreement, period, assets=365 * 360 * 100)
    first, second = (
        [f["pool"] for n, f in desk.run(agreement, period, 0, 1, 2) if n == "ClauseRun"]
        for period in (Q1, Q2)
    )
    assert first == [360 * actual, 365 * actual, 365 * thirty]
    assert second == [360 * 91, 365 * 91, 365 * 90]


def test_run_when_anyone_runs_pays(desk: Sharing, ledger: Ledger) -> None:
    callers = list(ledger.everyone_but())
    agreement = desk.agree(*[fixed(1, PPM, 0)] * len(callers))
    desk.over(Q1)
    ledger.issue({("B1", "NPR"): len(callers)})
    ledger.suspend("P")
    for line, (_, signer) in enumerate(callers):
        ledger.revenue.run(signer, agreement, Q1, [line])
        assert desk.cash("V") == [line + 1]


def test_run_given_no_such_thing_reverts(desk: Sharing, ledger: Ledger) -> None:
    agreement = desk.agree(fixed(1, PPM, 0), fixed(1, 0, PPM), payer="B2")
    desk.over(Q1)
    for lines, named in ((0, 255), (4, 2), (5, 2), (1 << 255, 255), (1 << 32, 32), (7, 2)):
        with refused(reverts.RevenueSharing_UnknownLine, agreementId=agreement, period=Q1, line=named):
            ledger.revenue.send(ledger.outsider, "run", agreement, Q1, lines)
    for period in (Q4, Q1 - 1, Q1 + 1, 0, 0xFFFE):
        with refused(reverts.Agreements_UnknownPeriod, agreementId=agreement, period=period):
            desk.run(agreement, period)
    for other in (0, agreement + 1, 2**32 - 1):
        with refused(reverts.Agreements_UnknownAgreement, agreementId=other):
            desk.run(other, Q1)
    desk.run(agreement, Q1, 1)
    with refused(reverts.RevenueSharing_LineRun, agreementId=agreement, period=Q1, line=1):
        desk.run(agreement, Q1, 0, 1)
    assert desk.revenue.lines_of(agreement, Q1) == ({1}, set())


def test_run_before_period_has_ended_reverts(desk: Sharing, ledger: Ledger) -> None:
    agreement = desk.agree(fixed(1, PPM, 0))
    for period, end in ((Q1, Q2), (Q2, Q3)):
        with refused(
            reverts.RevenueSharing_PeriodOpen, agreementId=agreement, period=period, endsAt=start_of(end)
        ):
            desk.run(agreement, period)
    ledger.at(start_of(Q2) - 1)
    with refused(reverts.RevenueSharing_PeriodOpen, agreementId=agreement, period=Q1, endsAt=start_of(Q2)):
        desk.run(agreement, Q1)
    ledger.at(start_of(Q2))
    desk.run(agreement, Q1)


def test_run_given_any_cycle_is_open_reverts(desk: Sharing, ledger: Ledger) -> None:
    """So are paying, repaying and releasing: nothing moves."""
    ledger.admit("V2", Role.EXCHANGE)
    agreement = desk.agree(fixed(1, PPM, 0), fixed(1, PPM, 0))
    desk.over(Q1)
    desk.run(agreement, Q1, 0)
    desk.floor.open("V2")
    revenue, by = ledger.revenue, ledger.signers["V"]
    for moves in (
        lambda: desk.run(agreement, Q1, 1),
        lambda: revenue.pay(by, agreement, 1),
        lambda: revenue.repay(by, agreement),
        lambda: revenue.release(by, agreement, Q1, 0),
    ):
        with refused(reverts.RevenueSharing_CycleOpen):
            moves()
    desk.floor.close("V2")
    desk.run(agreement, Q1, 1)


def test_run_given_measure_is_missing_delays_what_needs_it(desk: Sharing) -> None:
    """A measure of its own, of the tiers, of the steps; reported is not final."""
    clauses = [
        fixed(1, PPM, 0),
        usage(PPM, 0),
        clause(PPM, 0, basis=Basis.SUBSCRIPTION, tiers=BY_USERS, tier_by=1),
        fixed(100, 300_000, 0, later=MORE, step_by=1),
        fee(ACTUAL_365, PPM, 0),
    ]
    agreement = desk.agree(*clauses, measures=MEASURES)
    desk.over(Q1)
    desk.revenue.report(desk.ledger.signers["V"], agreement, Q1, USERS, 5)
    desk.final(agreement, Q1, assets=365)
    missing = {"agreementId": agreement, "period": Q1, "measure": measure_key(USERS)}
    for lines in ((1,), (2,), (3,), (0, 1, 4)):
        with refused(reverts.RevenueSharing_MeasureMissing, **missing):
            desk.run(agreement, Q1, *lines)
    desk.run(agreement, Q1, 0, 4)
    desk.revenue.countersign(desk.ledger.signers["P"], agreement, Q1, USERS, 5)
    desk.run(agreement, Q1, 1, 2, 3)
    assert desk.due(agreement, "V", "P") == [1 + 5 + 700 + 30, 0]


def test_run_given_settlements_shared_floors_pays_the_difference(desk: Sharing) -> None:
    """Of 100 thirds are 33 each; the last unit is V's, by the earlier place."""
    agreement = desk.agree(clause(333_333, 333_333, 333_333), parties=("V", "P", "R"))
    desk.until(start_of(Q1))
    for amount in (1, 50, 49):
        desk.earn(amount)
    desk.over(Q1)
    before = desk.cash("V", "P", "R", "B1")
    basis, pool, _, amounts = desk.clause_run(agreement, Q1)
    assert (basis, pool, amounts) == (100, 100, (34, 33, 33))
    changes = [b - a for a, b in zip(before, desk.cash("V", "P", "R", "B1"), strict=True)]
    assert changes == [1, 0, 0, -1]
    assert desk.due(agreement, "V", "P", "R") == [0, 0, 0]


@pytest.mark.parametrize(("users", "owed"), [(5, 0), (6, -800)])
def test_run_given_settlements_shared_too_much_makes_parties_owe(
    desk: Sharing, users: int, owed: int
) -> None:
    """Nine tenths on account, one tenth where users are above five; and five points were P's."""
    tiers = ((5, 900_000), (MAX_UP_TO, 100_000))
    agreement = desk.agree(clause(PPM, 0, tiers=tiers, tier_by=1), measures=MEASURES)
    desk.until(start_of(Q1))
    desk.earn(1_000)
    desk.over(Q1)
    desk.final(agreement, Q1, users=users)
    before = desk.cash("V", "B1")
    desk.run(agreement, Q1)
    assert desk.cash("V", "B1") == before
    assert desk.due(agreement, "V") == [owed]
    # The next settlement pays that first.
    desk.earn(1_000)
    assert desk.cash("V") == [before[0] + 900 + owed]
    assert desk.due(agreement, "V") == [0]


def test_run_given_steps_by_measure_moves_shares_between_parties(desk: Sharing) -> None:
    """The second step takes from P what it gives V: paid to V, owed by P."""
    agreement = desk.agree(clause(300_000, 700_000, later=MORE, step_by=1), measures=MEASURES)
    desk.until(start_of(Q1))
    desk.earn(1_000)
    desk.over(Q1)
    desk.final(agreement, Q1, users=MILLION + 1)
    before = desk.cash("V", "P", "B1")
    assert desk.clause_run(agreement, Q1)[3] == (350, 650)
    changes = [b - a for a, b in zip(before, desk.cash("V", "P", "B1"), strict=True)]
    assert changes == [50, 0, -50]
    assert desk.due(agreement, "V", "P") == [0, -50]
