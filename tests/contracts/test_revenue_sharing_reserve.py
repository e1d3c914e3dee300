"""Reserves: what is put aside first, in the account whose signer is the contract, and when it is let go.

given a settlement, then the run        ─ set aside on account; the difference is paid, or given back
when it is released, by anyone          ─ by the period's shares, remainder and all; told, once
given its measure is above the bound    ─ to the party that the terms name, or the payer
given a party owes                      ─ its part goes to the payer first
before the periods have passed, or the clause was run ─ refused
given it has not been paid in           ─ refused, whatever else the account holds
given two agreements keep their reserves there ─ neither touches the other's
given a clause without a reserve, or a guarantee ─ refused
given its measure is missing            ─ refused until it is final
given a signer was nominated for the account ─ whoever objects withdraws it
"""

from __future__ import annotations

from typing import Any

import pytest

from ledger import reverts
from ledger.terms import MAX_UP_TO, Basis, Clause, Guarantee, Reserve, measure_key
from tests.contracts.clearing import others
from tests.contracts.clearing_model import PPM
from tests.contracts.sharing import Q1, Q2, Q3, USERS, Facts, Sharing, clause, start_of
from tests.contracts.support import Ledger, refused

TENTH = Reserve(100_000, 1)


@pytest.fixture
def desk(ledger: Ledger) -> Sharing:
    """RES, the account, is there; nobody has cash."""
    desk = Sharing(ledger)
    desk.keep_reserves()
    return desk


def fixed(amount: int, *shares: int, reserve: Reserve = TENTH) -> Clause:
    tiers = ((MAX_UP_TO, 0, amount),)
    return clause(*shares, basis=Basis.SUBSCRIPTION, tiers=tiers, reserve=reserve)


def agree(desk: Sharing, *clauses: Clause, **fields: Any) -> int:
    return desk.agree(*clauses, reserve_account=desk.ledger.index["RES"], **fields)


def release(desk: Sharing, agreement: int, period: int = Q1, line: int = 0) -> Facts:
    receipt = desk.revenue.release(desk.ledger.outsider, agreement, period, line)
    return others(desk.ledger.facts(receipt))


def paid_in(desk: Sharing, agreement: int, amount: int = 1_000, period: int = Q1) -> None:
    """The period was run and paid by B1, which has nothing left."""
    desk.over(period)
    desk.ledger.issue({("B1", "NPR"): amount}, f"for {agreement} in {period}")
    desk.run(agreement, period)
    assert desk.cash("B1") == [0]


def released(agreement: int, amounts: tuple[int, ...], to_payer: int, line: int = 0) -> tuple[str, Any]:
    fact = {"agreementId": agreement, "period": Q1, "clause": line}
    return ("ReserveReleased", fact | {"amounts": amounts, "toPayer": to_payer})


def test_release_given_periods_have_passed_shares_it(desk: Sharing, ledger: Ledger) -> None:
    """Of 101 thirds and the payer's rest: 34, 33 and, as the payer is last, 34."""
    agreement = agree(desk, fixed(1_010, 333_334, 333_333))
    paid_in(desk, agreement, 909 * 666_667 // PPM + 101)
    assert desk.cash("V", "P", "RES") == [303, 303, 101]
    end = start_of(Q3)
    early = {"agreementId": agreement, "period": Q1, "endsAt": end}
    with refused(reverts.RevenueSharing_PeriodOpen, **early):
        release(desk, agreement)
    ledger.at(end - 1)
    with refused(reverts.RevenueSharing_PeriodOpen, **early):
        release(desk, agreement)
    ledger.at(end)
    assert release(desk, agreement) == [released(agreement, (34, 34), 33)]
    assert desk.cash("V", "P", "B1", "RES") == [337, 337, 33, 0]
    assert desk.revenue.lines_of(agreement, Q1) == ({0}, {0})
    with refused(reverts.RevenueSharing_LineRun, agreementId=agreement, period=Q1, line=0):
        release(desk, agreement)


@pytest.mark.parametrize(("to", "amounts", "payer"), [(0, (0, 0), 100), (1, (100, 0), 0), (2, (0, 100), 0)])
@pytest.mark.parametrize("users", [50, 51])
def test_release_given_measure_goes_by_its_bound(
    desk: Sharing, to: int, amounts: tuple[int, int], payer: int, users: int
) -> None:
    """At the bound by the shares, above it to whom the terms say; without the measure to nobody."""
    agreement = agree(
        desk, fixed(1_000, 800_000, 200_000, reserve=Reserve(100_000, 0, 1, to, 50)), measures=[USERS]
    )
    paid_in(desk, agreement)
    missing = {"agreementId": agreement, "period": Q1, "measure": measure_key(USERS)}
    with refused(reverts.RevenueSharing_MeasureMissing, **missing):
        release(desk, agreement)
    desk.final(agreement, Q1, users=users)
    expected = released(agreement, amounts, payer) if users > 50 else released(agreement, (80, 20), 0)
    assert release(desk, agreement) == [expected]
    assert desk.cash("RES") == [0]


def test_release_given_party_owes_pays_the_payer_first(desk: Sharing) -> None:
    """V owes 30 and has 80 of the reserve, P owes 50 and has 20."""
    promises = (Guarantee(1, 1, 10, flat=30), Guarantee(1, 2, 10, flat=50))
    agreement = agree(desk, fixed(1_000, 800_000, 200_000), measures=[USERS], guarantees=promises)
    paid_in(desk, agreement)
    desk.final(agreement, Q1, users=9)
    desk.run(agreement, Q1, 1, 2)
    desk.over(Q2)
    dues = [
        ("DueChanged", {"agreementId": agreement, "institution": desk.ledger.index[name], "due": due})
        for name, due in (("V", 0), ("P", -30))
    ]
    assert release(desk, agreement) == [released(agreement, (80, 20), 0), *dues]
    assert desk.cash("V", "P", "B1", "RES") == [720 + 50, 180, 30 + 20, 0]


def test_release_given_it_cannot_be_reverts(desk: Sharing) -> None:
    """Not run; without a reserve; a guarantee; nothing of the kind."""
    promise = (Guarantee(1, 1, 10, flat=30),)
    none = clause(PPM, 0, basis=Basis.SUBSCRIPTION)
    agreement = agree(desk, fixed(1_000, PPM, 0), none, measures=[USERS], guarantees=promise)
    desk.over(Q3)
    for line in (0, 1, 2, 3, 255):
        with refused(reverts.RevenueSharing_LineNotRun, agreementId=agreement, period=Q1, line=line):
            release(desk, agreement, Q1, line)
    desk.final(agreement, Q1, users=9)
    desk.run(agreement, Q1, 0, 1, 2)
    for line in (1, 2):
        with refused(reverts.RevenueSharing_LineRun, agreementId=agreement, period=Q1, line=line):
            release(desk, agreement, Q1, line)
    with refused(reverts.Agreements_UnknownAgreement, agreementId=agreement + 1):
        release(desk, agreement + 1)
    with refused(reverts.Agreements_UnknownPeriod, agreementId=agreement, period=Q1 + 1):
        release(desk, agreement, Q1 + 1)


def test_release_given_reserve_is_unpaid_reverts(desk: Sharing) -> None:
    """Though another agreement's lies in the account; paid, it is released, and the other's is left."""
    first = agree(desk, fixed(1_000, PPM, 0), name="first")
    second = agree(desk, fixed(3_000, PPM, 0), payer="B2", parties=("B3", "P"), name="second")
    paid_in(desk, first)
    desk.run(second, Q1)
    assert desk.due(second, "B3", "RES") == [2_700, 300]
    desk.over(Q2)
    assert desk.cash("RES") == [100]
    with refused(reverts.RevenueSharing_ReserveUnpaid, agreementId=second, due=300):
        release(desk, second)
    desk.ledger.issue({("B2", "NPR"): 3_000}, "late")
    desk.revenue.pay(desk.ledger.outsider, second, 1)
    assert desk.cash("RES") == [400]
    release(desk, second)
    assert desk.cash("RES", "B3") == [100, 3_000]
    release(desk, first)
    assert desk.cash("RES", "V") == [0, 1_000]


def test_run_given_settlements_set_aside_pays_or_takes_back_the_difference(desk: Sharing) -> None:
    """Nine tenths on account of which a tenth is set aside; the pool is a tenth, or the floor, in the end."""
    tiers = ((5, 900_000), (MAX_UP_TO, 100_000))
    falls = clause(0, 0, tiers=tiers, tier_by=1, reserve=Reserve(100_000, 0))
    rises = clause(0, 0, floor=2_000, reserve=Reserve(100_000, 0))
    agreement = agree(desk, falls, rises, measures=[USERS])
    desk.until(start_of(Q1))
    desk.earn(1_000)
    assert desk.cash("RES") == [90 + 100]
    desk.over(Q1)
    desk.final(agreement, Q1, users=6)
    payer = desk.cash("B1")[0]
    desk.run(agreement, Q1, 0)
    assert desk.cash("RES") == [10 + 100]
    desk.run(agreement, Q1, 1)
    assert desk.cash("RES") == [10 + 200]
    assert desk.due(agreement, "RES") == [0]
    assert release(desk, agreement) == [released(agreement, (0, 0), 10)]
    assert release(desk, agreement, line=1) == [released(agreement, (0, 0), 200, line=1)]
    assert desk.cash("RES", "B1") == [0, payer + 190]


def test_release_given_version_has_other_shares_takes_the_periods_own(desk: Sharing) -> None:
    """And its periods, whatever length later ones have."""
    agreement = agree(desk, fixed(1_000, PPM, 0, reserve=Reserve(100_000, 2)))
    agree(desk, fixed(1_000, 0, PPM), version=2, months=12)
    paid_in(desk, agreement)
    end = start_of(Q3 + 3)
    with refused(reverts.RevenueSharing_PeriodOpen, agreementId=agreement, period=Q1, endsAt=end):
        release(desk, agreement)
    desk.until(end)
    assert release(desk, agreement) == [released(agreement, (100, 0), 0)]


def test_object_when_anyone_calls_withdraws_what_the_operator_nominated(
    desk: Sharing, ledger: Ledger
) -> None:
    """Nobody takes the account over."""
    index, house = ledger.index["RES"], ledger.revenue
    callers = [signer for name, signer in ledger.everyone_but() if name in ("V", "operator", "outsider")]
    for signer in callers:
        ledger.consortium.nominate_signer(ledger.operator, index, ledger.outsider.address)
        assert ledger.facts(house.send(signer, "object")) == [
            ("NominationWithdrawn", {"institution": index, "by": house.address.lower()})
        ]
        ledger.at(ledger.now + 2 * 86_400 + 1)
        with refused(reverts.Consortium_NotNominated, caller=ledger.outsider.address, institution=index):
            ledger.consortium.accept_signer(ledger.outsider, index)


def test_object_given_no_account_reverts(ledger: Ledger) -> None:
    with refused(reverts.RevenueSharing_NoAccount):
        ledger.revenue.send(ledger.signers["V"], "object")
