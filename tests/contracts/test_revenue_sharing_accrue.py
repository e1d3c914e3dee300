"""accrue(currency, accruals) and preview(payer, currency, commission): what a settlement shares.

when the caller is not the clearing house   ─ refused, whoever it is
when the clearing house calls               ─ Movements: floors of the total now less those before
when payers have no agreement               ─ nothing, in any currency but the agreement's
given several agreements of a payer         ─ each shares all of its commission; a ninth is refused
given one of eight has ended                ─ its place is used again, its total stays
given tiers, by slab and graduated          ─ at the bounds; where the pool falls the party owes
given a cap, a reserve, a floor             ─ as the terms say; the floor waits for the run
given steps by time, steps and tiers by a measure ─ the period's, the first
given a total near 2^96                     ─ it stays there, nothing reverts
given all there can be at once              ─ a settlement can still pay for it
"""

from __future__ import annotations

from itertools import permutations

import pytest

from ledger import reverts
from ledger.clients.consortium import Role
from ledger.terms import BY_TIME, MAX_UP_TO, Basis, Reserve
from tests.contracts.clearing_model import PPM
from tests.contracts.sharing import Q1, Q2, USERS, Sharing, clause, start_of, told
from tests.contracts.support import Ledger, refused

NAMES = ("V", "P", "R", "D")
SHARES = (333_333, 50_000, 1, 249_999)
MOST = 2**96 - 1


@pytest.fixture
def desk(ledger: Ledger) -> Sharing:
    return Sharing(ledger)


def floors(total: int, shares: tuple[int, ...] = SHARES) -> list[int]:
    return [total * share // PPM for share in shares]


def given(names: tuple[str, ...], amounts: list[int], payer: str = "B1") -> dict[str, int]:
    """Changes, the payer's among them, no zeros."""
    changes = {**dict(zip(names, amounts, strict=True)), payer: -sum(amounts)}
    return {name: change for name, change in changes.items() if change}


def test_accrue_when_caller_is_not_clearing_house_reverts(desk: Sharing, ledger: Ledger) -> None:
    desk.agree(clause(*SHARES), parties=NAMES)
    for _, signer in ledger.everyone_but():
        for accruals in ([], [8 << 240 | 1_000_000]):
            with refused(reverts.RevenueSharing_NotClearingHouse, caller=signer.address):
                ledger.revenue.send(signer, "accrue", ledger.cash, accruals)
    for contract in (ledger.register, ledger.consortium, ledger.revenue, ledger.clients.agreements):
        with refused(reverts.RevenueSharing_NotClearingHouse, caller=contract.address):
            ledger.revenue.call("accrue", ledger.cash, [], sender=contract.address)


def test_begin_when_caller_is_not_agreements_reverts(desk: Sharing, ledger: Ledger) -> None:
    agreement = desk.agree(clause(*SHARES), parties=NAMES)
    for _, signer in ledger.everyone_but():
        with refused(reverts.RevenueSharing_NotAgreements, caller=signer.address):
            ledger.revenue.send(signer, "begin", agreement, 1)
    for contract in (ledger.clearing_house, ledger.register, ledger.revenue):
        with refused(reverts.RevenueSharing_NotAgreements, caller=contract.address):
            ledger.revenue.call("begin", agreement, 1, sender=contract.address)


def test_accrue_when_clearing_house_calls_returns_floors(desk: Sharing) -> None:
    """And `preview` says the same."""
    desk.agree(clause(*SHARES), parties=NAMES)
    desk.until(start_of(Q1))
    for commission in (0, 1, 2, 3, 4, 19, 20, 999_999, 1_000_000, 1_000_001, 2**88 - 1, MOST):
        expected = given(NAMES, floors(commission))
        assert desk.accrue(("B1", commission)) == expected
        assert desk.preview(commission) == expected


def test_accrue_when_payer_has_no_agreement_returns_nothing(desk: Sharing, ledger: Ledger) -> None:
    desk.agree(clause(*SHARES), parties=NAMES)
    assert desk.accrue(("B1", 10**6)) == {}, "before it begins"
    desk.until(start_of(Q1))
    assert desk.accrue() == desk.accrue(("B2", 10**9), ("V", 10**9)) == desk.preview(5, "B2") == {}
    house = ledger.clearing_house.address
    for currency, payer in ((ledger.asset["USD"], 8), (1, 8), (ledger.cash, 0), (ledger.cash, 0xFFFF)):
        assert ledger.revenue.call("accrue", currency, [payer << 240 | 10**9], sender=house) == ()
        assert ledger.revenue.call("preview", payer, currency, 10**9) == ()


def test_accrue_given_several_payers_and_one_twice_returns_each_ones(desk: Sharing) -> None:
    desk.agree(clause(*SHARES), parties=NAMES)
    desk.agree(clause(PPM), payer="B2", parties=("B1",))
    desk.until(start_of(Q1))
    got = desk.accrue(("B1", 100), ("B3", 55), ("B2", 7), ("B1", 1))
    expected = given(NAMES, floors(101))
    expected["B1"] += 7
    assert got == expected | {"B2": -7}


def test_accrue_given_settlements_tells_totals(desk: Sharing, ledger: Ledger) -> None:
    first = desk.agree(clause(*SHARES), parties=NAMES)
    desk.agree(clause(1), payer="B2", parties=("P",))
    desk.until(start_of(Q1))
    told_ = []
    for earned in ([("B1", 5)], [("B1", 7), ("B2", 11)], [("B2", 1), ("B1", 1)]):
        for name, f in ledger.facts(desk.rich.earn(*earned)):
            if name == "RevenueAccrued":
                told_.append(tuple(f.values()))
    assert told_ == [
        (first, Q1, 0, 5),
        *((first, Q1, 5, 12), (first + 1, Q1, 0, 11)),
        *((first, Q1, 12, 13), (first + 1, Q1, 11, 12)),
    ]
    assert desk.revenue.total_of(first, Q1) == 13
    assert desk.revenue.total_of(first, Q2) == desk.revenue.total_of(9, Q1) == 0
    assert desk.cash("R", "D")[1] == 13 * 249_999 // PPM


@pytest.mark.parametrize("last", ["first", "last"])
def test_accrue_given_eight_agreements_shares_all_and_refuses_a_ninth(desk: Sharing, last: str) -> None:
    """One that has ended gives its place to another, whichever it is; what it had earned stays to be run."""
    agreements = desk.ledger.clients.agreements
    shares = [1_000 << i for i in range(8)]
    ids = [desk.agree(clause(share), parties=("P",), name=f"a{i}") for i, share in enumerate(shares)]
    desk.until(start_of(Q1))
    assert desk.accrue(("B1", PPM)) == {"P": sum(shares), "B1": -sum(shares)} == desk.preview(PPM)
    with refused(reverts.RevenueSharing_TooMany, payer=8, currency=desk.ledger.cash):
        desk.agree(clause(1), parties=("P",), name="ninth")
    # Neither one without commission, nor another payer's, nor one in another currency takes such a place.
    desk.agree(clause(1, basis=Basis.SUBSCRIPTION), parties=("P",), name="subscribes")
    desk.agree(clause(5), parties=("P",), name="ninth", payer="B2")
    desk.agree(clause(5), parties=("P",), name="dollars", currency="USD")
    ending = ids[0] if last == "first" else ids[-1]
    desk.earn(100)
    agreements.give_notice(desk.ledger.signers["P"], ending)
    with refused(reverts.RevenueSharing_TooMany, payer=8, currency=desk.ledger.cash):
        desk.agree(clause(1), parties=("P",), name="ninth")
    desk.over(Q1)
    left = sum(shares) - shares[ids.index(ending)]
    assert desk.accrue(("B1", PPM)) == {"P": left, "B1": -left} == desk.preview(PPM)
    new = desk.agree(clause(7), parties=("V",), name="ninth", effective_from=0)
    assert desk.accrue(("B1", PPM)) == {"P": left, "V": 7, "B1": -left - 7} == desk.preview(PPM)
    with refused(reverts.RevenueSharing_TooMany, payer=8, currency=desk.ledger.cash):
        desk.agree(clause(1), parties=("P",), name="tenth")
    assert [desk.revenue.total_of(each, Q1) for each in (ending, new)] == [100, 0]
    desk.earn(50)
    assert [desk.revenue.total_of(each, Q2) for each in (ending, new)] == [0, 50]
    assert desk.clause_run(ending, Q1)[0] == 100


SLABS = ((1_000, 400_000), (2_000, 300_000, 50), (MAX_UP_TO, 100_000, 20))
"""Falls at 1,001 (400 → 350) and at 2,001 (650 → 220)."""


@pytest.mark.parametrize(
    ("total", "slab", "graduated"),
    [
        *((1, 0, 0), (3, 1, 1), (1_000, 400, 400), (1_001, 350, 450), (2_000, 650, 750)),
        *((2_001, 220, 770), (2_010, 221, 771), (12_000, 1_220, 1_770)),
    ],
)
def test_accrue_given_tiers_counts_by_slab_and_graduated(
    desk: Sharing, total: int, slab: int, graduated: int
) -> None:
    """Half of the pool for V, all of another for P."""
    desk.agree(clause(500_000, 0, tiers=SLABS), clause(0, PPM, tiers=SLABS, graduated=True))
    desk.until(start_of(Q1))
    expected = given(("V", "P"), [slab // 2, graduated])
    assert desk.accrue(("B1", total)) == desk.preview(total) == expected


def test_accrue_given_pool_falls_makes_parties_owe_and_nets(desk: Sharing) -> None:
    """400 of 1,000; 350 of 1,001, so fifty are owed, which the next shares pay first."""
    agreement = desk.agree(clause(PPM, tiers=(SLABS[0], (MAX_UP_TO, 100_000, 250))), parties=("V",))
    desk.until(start_of(Q1))
    desk.rich  # noqa: B018  # everyone is given cash now
    due = {"agreementId": agreement, "institution": 1}

    def accrued(before: int, after: int) -> tuple[str, dict[str, int]]:
        total = {"totalBefore": before, "totalAfter": after}
        return ("RevenueAccrued", {"agreementId": agreement, "period": Q1, **total})

    def changed(to: int) -> tuple[str, dict[str, int]]:
        return ("DueChanged", {**due, "due": to})

    cash = [desk.cash("V")[0]]
    assert desk.earn(1_000) == [accrued(0, 1_000)]
    assert desk.preview(1) == {}
    assert desk.earn(1) == [changed(-50), accrued(1_000, 1_001)]
    assert desk.preview(0) == {}
    assert desk.earn(299) == [changed(-20), accrued(1_001, 1_300)]
    assert desk.earn(9) == [accrued(1_300, 1_309)]
    assert desk.preview(1_000) == {"V": 80, "B1": -80}
    assert desk.earn(191) == [changed(0), accrued(1_309, 1_500)]
    assert desk.cash("V") == [cash[0] + 400]
    assert desk.earn(10) == [accrued(1_500, 1_510)]
    assert desk.cash("V") == [cash[0] + 401]


def test_accrue_given_cap_and_reserve_and_floor_takes_reserve_first(desk: Sharing) -> None:
    """A cap on the pool; of it 5 % are kept first; the floor is nothing to a settlement."""
    kept = Reserve(50_000, 1)
    desk.keep_reserves()
    desk.agree(
        clause(600_000, 300_000, cap=1_000, floor=900, reserve=kept),
        reserve_account=desk.ledger.index["RES"],
    )
    desk.until(start_of(Q1))
    for total, reserve, rest in (
        (19, 0, 19),
        (20, 1, 19),
        (999, 49, 950),
        (1_000, 50, 950),
        (5_000, 50, 950),
    ):
        parts = [rest * 600_000 // PPM, rest * 300_000 // PPM, reserve]
        assert desk.accrue(("B1", total)) == desk.preview(total) == given(("V", "P", "RES"), parts)
    assert desk.accrue(*[("B1", 1)] * 3_000) == given(("V", "P", "RES"), [570, 285, 50])


def test_accrue_given_steps_by_time_takes_the_periods_own(desk: Sharing) -> None:
    """A step counts for periods that begin after its second, not on it."""
    later = [(start_of(Q1), (200_000,)), (start_of(Q2) - 1, (300_000,))]
    desk.agree(clause(100_000, later=later, step_by=BY_TIME), parties=("P",))
    desk.until(start_of(Q1))
    assert desk.accrue(("B1", 1_000)) == desk.preview(1_000) == {"P": 100, "B1": -100}
    desk.until(start_of(Q2) - 1)
    assert desk.accrue(("B1", 1_000)) == desk.preview(1_000) == {"P": 100, "B1": -100}
    desk.until(start_of(Q2))
    assert desk.accrue(("B1", 1_000)) == desk.preview(1_000) == {"P": 300, "B1": -300}


def test_accrue_given_measure_picks_tier_or_step_takes_the_first(desk: Sharing) -> None:
    tiers = ((5, 100_000), (MAX_UP_TO, 900_000))
    desk.agree(
        clause(PPM, 0, tiers=tiers, tier_by=1),
        clause(0, 250_000, later=[(1, (0, 750_000))], step_by=1),
        measures=[USERS],
    )
    desk.until(start_of(Q1))
    assert desk.accrue(("B1", 10**6)) == {"V": 100_000, "P": 250_000, "B1": -350_000} == desk.preview(10**6)


def test_accrue_given_total_near_the_largest_stays_there(desk: Sharing) -> None:
    desk.agree(clause(PPM), parties=("P",))
    desk.until(start_of(Q1))
    for earned in ([MOST], [MOST, 1], [2**95, 2**95, 5], [2**128 - 1, 2**128 - 1], [1, MOST - 1]):
        assert desk.accrue(*(("B1", each) for each in earned)) == {"P": MOST, "B1": -MOST}
    assert desk.preview(2**128 - 1) == {"P": MOST, "B1": -MOST}


def test_accrue_given_any_order_of_any_parts_gives_the_same(desk: Sharing) -> None:
    desk.agree(clause(333_333, 333_333), clause(1, 999_999, tiers=SLABS, graduated=True))
    desk.until(start_of(Q1))
    whole = desk.accrue(("B1", 2_345))
    for parts in permutations((1, 999, 1_000, 345)):
        assert desk.accrue(*(("B1", part) for part in parts)) == whole
    assert desk.accrue(*[("B1", 1)] * 2_345) == whole


def test_accrue_given_all_there_can_be_costs_little_enough(desk: Sharing) -> None:
    """Eight agreements of 24 parties, in as many words as there can be, whose pools all fall."""
    ledger = desk.ledger
    names = [f"X{i}" for i in range(24)]
    for name in names:
        desk.names[ledger.admit(name, Role.PARTNER)] = name
    tiers = (*((10 * (i + 1), 1_000_000 - 50_000 * i) for i in range(15)), (MAX_UP_TO, 0))
    wide = [clause(*[41_666] * 24, tiers=tiers) for _ in range(11)]
    for i in range(8):
        desk.agree(*wide, parties=names, name=f"a{i}")
    desk.until(start_of(Q1))
    desk.earn(100)
    receipt = desk.rich.earn(("B1", 1_000))
    assert len(told(ledger.facts(receipt), "DueChanged")) == 8 * 24
    assert receipt.gas_used < 15_000_000
