"""Adversary's experiments on agreements: each states what ought to hold."""

from __future__ import annotations

import pytest

from ledger.clients.consortium import Role
from ledger.reverts import Reverted
from ledger.terms import MAX_UP_TO, Basis, Clause, Reserve
from tests.contracts.clearing_model import PPM
from tests.contracts.sharing import Q1, Q2, Q4, USERS, Sharing, clause, start_of
from tests.contracts.support import Ledger

MILLION = 1_000_000


@pytest.fixture
def desk(ledger: Ledger) -> Sharing:
    return Sharing(ledger)


def fixed(amount: int, *shares: int, **fields) -> Clause:
    return clause(*shares, basis=Basis.SUBSCRIPTION, tiers=((MAX_UP_TO, 0, amount),), **fields)


def test_suspended_payer_cannot_give_away_its_cash_by_a_new_agreement(desk: Sharing, ledger: Ledger) -> None:
    """B1 is suspended: its signer moves nothing. P, a friend, proposes terms that B1 signs afterwards."""
    ledger.issue({("B1", "NPR"): MILLION})
    ledger.suspend("B1")
    with pytest.raises(Reverted):
        ledger.register.transfer(
            ledger.signers["B1"], ledger.index["B1"], ledger.index["P"], ledger.cash, MILLION
        )
    ledger.at(start_of(Q1) - 60)
    desk.floor.pause()
    terms = desk.terms(fixed(MILLION, PPM), parties=("P",), name="escape", effective_from=0)
    try:
        ledger.clients.agreements.propose(ledger.signers["P"], terms, desk.floor.consents(terms, "B1"))
        desk.over(Q4)
        desk.run(1, Q4)
    except Reverted:
        pass
    assert desk.cash("B1", "P") == [MILLION, 0]


def test_suspended_payer_deepens_what_it_owes_by_a_version(desk: Sharing, ledger: Ledger) -> None:
    """The same by a next version of an agreement that was there."""
    agreement = desk.agree(fixed(1, PPM), parties=("P",), months=1, effective_from=0)
    ledger.issue({("B1", "NPR"): MILLION})
    ledger.suspend("B1")
    terms = desk.terms(fixed(MILLION, PPM), parties=("P",), months=1, version=2, effective_from=0)
    try:
        ledger.clients.agreements.propose(ledger.signers["P"], terms, desk.floor.consents(terms, "B1"))
        desk.over(Q1 - 1, 2)
        desk.run(agreement, Q4 + 2)
    except Reverted:
        pass
    assert desk.cash("B1")[0] >= MILLION - 10


def test_suspended_payer_s_account_is_not_drained_by_a_friend_s_measure(desk: Sharing, ledger: Ledger) -> None:
    """Concluded before: P takes a unit a user, as the agent A says alone. A says so once B1 is suspended."""
    pays = clause(PPM, basis=Basis.USAGE, measure=1, tiers=((MAX_UP_TO, PPM),))
    agreement = desk.agree(pays, parties=("P",), measures=[desk.measure(USERS, "A", None)])
    ledger.issue({("B1", "NPR"): MILLION})
    desk.over(Q1)
    ledger.suspend("B1")
    desk.revenue.report(ledger.signers["A"], agreement, Q1, USERS, MILLION)
    desk.run(agreement, Q1)
    assert desk.cash("B1", "P") == [MILLION, 0]


def test_word_given_before_suspension_concludes_nothing_after(desk: Sharing, ledger: Ledger) -> None:
    terms = desk.terms(fixed(MILLION, PPM), parties=("P",), name="escape", effective_from=0)
    ledger.clients.agreements.propose(ledger.signers["B1"], terms)
    ledger.suspend("B1")
    with pytest.raises(Reverted):
        ledger.clients.agreements.consent(ledger.signers["P"], terms.digest(ledger.clients.agreements.domain))


def test_notice_by_who_has_left_does_not_end_what_the_others_go_on_with(desk: Sharing, ledger: Ledger) -> None:
    """P is party of version 1 only, which is in force; all agreed that version 2 goes on without it from Q2 on."""
    agreements = ledger.clients.agreements
    agreement = desk.agree(fixed(1, 500_000, 500_000), effective_from=0, notice_days=90)
    desk.agree(fixed(1, PPM), parties=("V",), version=2, notice_days=365, effective_from=start_of(Q1))
    try:
        agreements.give_notice(ledger.signers["P"], agreement)
    except Reverted:
        pass
    assert agreements.agreement(agreement).end_period == 0


def test_notice_by_who_is_left_out_does_not_end_the_version_before_the_next_begins(
    desk: Sharing, ledger: Ledger
) -> None:
    """Without notice P is out at that very second anyway."""
    agreements = ledger.clients.agreements
    agreement = desk.agree(fixed(1, 500_000, 500_000), effective_from=0)
    desk.agree(fixed(1, PPM), parties=("V",), version=2, notice_days=365, effective_from=start_of(Q1))
    try:
        agreements.give_notice(ledger.signers["P"], agreement)
    except Reverted:
        pass
    assert agreements.agreement(agreement).end_period == 0


def test_notice_while_a_cycle_is_open_changes_no_settlement(desk: Sharing, ledger: Ledger) -> None:
    desk.agree(clause(500_000, 0), effective_from=0)
    floor = desk.floor
    assert desk.rich
    ledger.at(start_of(Q1) - 1200)
    floor.pause()
    floor.open(seconds=3600)
    try:
        ledger.clients.agreements.give_notice(ledger.signers["B1"], 1)
    except Reverted:
        pass
    ledger.at(start_of(Q1) + 5)
    floor.pause()
    assert desk.preview(1000) == {"V": 500, "B1": -500}


def test_notice_is_not_taken_back_by_a_word_given_before_it(desk: Sharing, ledger: Ledger) -> None:
    agreements, floor = ledger.clients.agreements, desk.floor
    agreement = desk.agree(fixed(1, 500_000, 500_000), effective_from=0)
    terms = desk.terms(fixed(9, PPM, 0), version=2, notice_days=65535, effective_from=0)
    agreements.propose(ledger.signers["P"], terms)
    digest = terms.digest(agreements.domain)
    agreements.give_notice(ledger.signers["P"], agreement)
    try:
        agreements.consent(ledger.signers["V"], digest)
        agreements.consent(ledger.signers["B1"], digest)
    except Reverted:
        pass
    assert agreements.agreement(agreement).end_period == Q1


def test_reserve_that_was_paid_in_is_released_though_a_later_one_is_unpaid(desk: Sharing, ledger: Ledger) -> None:
    desk.keep_reserves()
    agreement = desk.agree(
        fixed(1_000, PPM, 0, reserve=Reserve(100_000, 1)), reserve_account=ledger.index["RES"]
    )
    ledger.issue({("B1", "NPR"): 1_000})
    desk.over(Q1)
    desk.run(agreement, Q1)
    desk.over(Q2)
    desk.run(agreement, Q2)  # B1 has nothing: deferred
    assert desk.cash("RES", "V") == [100, 900]
    try:
        desk.revenue.release(ledger.outsider, agreement, Q1, 0)
    except Reverted:
        pass
    assert desk.cash("RES", "V") == [0, 1_000]


def test_gas_of_the_dearest_payer(desk: Sharing, ledger: Ledger) -> None:
    """Eight agreements of one payer, each with 24 parties and 16 clauses; a slab that falls makes everyone owe."""
    desk.keep_reserves()
    names = [ledger_name for ledger_name in ledger.index if ledger_name not in ("B1", "RES")]
    while len(names) < 24:
        name = f"X{len(names)}"
        ledger.admit(name, Role.PARTNER)
        names.append(name)
    names = names[:24]
    shares = (40_000,) * 24
    tiers = tuple((10 ** (5 + i), PPM if i % 2 == 0 else 10_000) for i in range(8)) + ((MAX_UP_TO, 10_000),)
    for i in range(8):
        desk.agree(
            *[clause(*shares, tiers=tiers, reserve=Reserve(10_000, 0)) for _ in range(16)],
            parties=names,
            name=f"a{i}",
            effective_from=0,
            reserve_account=ledger.index["RES"],
        )
    used = []
    for amount in (10, 90_000, 20_000, 100, 2_000_000):
        receipt = desk.rich.earn(("B1", amount))
        used.append(receipt.gas_used)
    bare = desk.rich.earn(("B2", 10)).gas_used
    print("GAS", used, bare)
