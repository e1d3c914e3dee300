"""fail(day, Header, bytes32[], positions): why a trade did not settle, found out by the contract.

├── the seller lacks securities, the buyer or the seller cash, both ─ LACK, MONY, each to the unit; penalties
├── a side holds ─ PREA; who is short is so all the same, but who holds is owed nothing
├── a side has not affirmed ─ CLAT alone, no penalty
├── a side is suspended ─ SBLO, who is owed nothing
├── a limit does not allow it ─ FLIM, no penalty, and only where nothing else is
├── shares of commission and a levy's beneficiary count as the clearing house nets them
├── a self-trade ─ its charges; no penalty
├── settled in part ─ the rest
├── nothing ─ refused: it could settle by itself, and it does
└── settled, cancelled, disputed, excepted ─ refused
"""

from __future__ import annotations

import pytest

from ledger import reverts
from ledger.clients.clearing_house import Status
from ledger.clients.consortium import Role
from ledger.clients.fails import Fails, Reason, iso_codes
from ledger.compile import Artifact
from tests.contracts.clearing import slice_of
from tests.contracts.clearing_model import Model, Tiers, Trade, commission, levy
from tests.contracts.failing import CASH_RATE, PRICE, RATE, Desk, bit, cost, for_cash, for_securities, give
from tests.contracts.support import DAY, Ledger, refused

TRADE = Trade(1, "B1", "B2", "S1", 10, 1_000_000)
PROCEEDS = TRADE.amount - levy(TRADE.amount)
SHORT = for_securities(10, PRICE)
POOR = for_cash(1_000_000)


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    return Desk(ledger)


def test_the_cases_cost_what_is_reckoned_by_hand() -> None:
    assert (SHORT, POOR, levy(TRADE.amount)) == (110, 138, 150)


@pytest.mark.parametrize(
    ("cash", "securities", "reasons", "owed"),
    [
        (cost(TRADE), 9, bit(Reason.LACK, "s"), [("B2", "B1", SHORT)]),
        (cost(TRADE) - 1, 10, bit(Reason.MONY, "b"), [("B1", "B2", POOR)]),
        (0, 0, bit(Reason.LACK, "s") | bit(Reason.MONY, "b"), [("B1", "B2", POOR), ("B2", "B1", SHORT)]),
    ],
)
def test_fail_given_short_says_so_and_accrues(
    desk: Desk, ledger: Ledger, cash: int, securities: int, reasons: int, owed: list[tuple[str, str, int]]
) -> None:
    batch = desk.floor.entered(TRADE)
    give(ledger, [("B1", "NPR", cash), ("B2", "S1", securities)])
    desk.floor.open()
    assert ledger.facts(desk.fail(batch)) == [
        desk.trade_failed(batch, 0, reasons),
        *(desk.penalty(batch, 0, *each) for each in owed),
    ]
    found = desk.fails.fail_of(batch.hash, 0)
    assert (found.day, found.failed_days, found.reasons) == (DAY, 1, reasons)
    assert {pair: desk.owed(*pair) for pair in (("B1", "B2"), ("B2", "B1"))} == {
        ("B1", "B2"): 0,
        ("B2", "B1"): 0,
    } | {(payer, payee): amount for payer, payee, amount in owed}
    assert desk.floor.house.status_of(batch.hash, 0) == Status.PENDING


def test_fail_given_enough_reverts_and_it_settles(desk: Desk, ledger: Ledger) -> None:
    batch = desk.floor.entered(TRADE)
    give(ledger, [("B1", "NPR", cost(TRADE)), ("B2", "S1", 10)])
    desk.floor.open()
    with refused(reverts.Fails_Settleable, tradeNo=1):
        desk.fail(batch)
    desk.floor.settle(slice_of(batch))
    with refused(reverts.Fails_NotInSettlement, tradeNo=1, status=Status.SETTLED):
        desk.fail(batch)


def test_fail_given_proceeds_do_not_cover_sellers_charges_is_sellers_money(
    desk: Desk, ledger: Ledger
) -> None:
    """A fee schedule that takes the whole amount, which B2 has agreed to give away."""
    receipt = desk.floor.house.register_fee_schedule(
        ledger.signers["V"], ledger.index["R"], 1, [(2**88 - 1, 1_000_000, 0)]
    )
    schedule = ledger.facts(receipt)[0][1]["feeScheduleId"]
    desk.floor.agree("B2", [("P", 1_000_000)])
    batch = desk.floor.entered(TRADE, fee_schedule_id=schedule)
    give(ledger, [("B1", "NPR", TRADE.amount + 1), ("B2", "S1", 10)])
    desk.floor.open()
    assert ledger.facts(desk.fail(batch)) == [
        desk.trade_failed(batch, 0, bit(Reason.MONY, "s")),
        desk.penalty(batch, 0, "B2", "B1", POOR),
    ]
    desk.floor.close()
    give(ledger, [("B2", "NPR", 1)], "one more")
    desk.floor.rest()
    desk.floor.open()
    with refused(reverts.Fails_Settleable, tradeNo=1):
        desk.fail(batch, day=20191122)
    desk.floor.settle(slice_of(batch))


@pytest.mark.parametrize(
    ("tiers", "graduated"),
    [
        (((2**88 - 1, 300_000, 0),), False),
        (((555_551, 300_001, 17), (2**88 - 1, 200_000, 5)), False),
        (((10, 7, 100_000), (500_000, 300_001, 17), (555_551, 10, 1), (2**88 - 1, 10**6, 9)), True),
        (((500_000, 10**6, 0), (2**88 - 1, 1, 100_000)), True),
    ],
)
@pytest.mark.parametrize("less", [0, 1])
def test_fail_given_agreements_and_beneficiary_among_sides_nets_as_clearing_does(
    desk: Desk, ledger: Ledger, less: int, tiers: Tiers, graduated: bool
) -> None:
    """B1 gives B2 a part and B2 gives B1 one; B1 is a regulator that the levy goes to. To the unit, a trade
    that settles is refused, and one that lacks a unit fails."""
    ledger.consortium.grant_roles(ledger.signers["R"], ledger.index["B1"], [Role.REGULATOR])
    receipt = desk.floor.house.register_fee_schedule(
        ledger.signers["V"], ledger.index["B1"], 777, tiers, graduated
    )
    schedule = ledger.facts(receipt)[0][1]["feeScheduleId"]
    agreements = {"B1": [("B2", 200_000), ("P", 333_333)], "B2": [("B1", 123_457)]}
    for payer, shares in agreements.items():
        desk.floor.agree(payer, shares)
    model = Model(agreements, tiers=tiers, graduated=graduated, levy_ppm=777, beneficiary="B1")
    first = Trade(7, "B1", "B2", "S1", 3, 777_777)
    desk.floor.fund(first, model=model, reference="first")
    desk.floor.clear(desk.floor.batch(first, fee_schedule_id=schedule))
    trade = Trade(8, "B1", "B2", "S1", 3, 555_551)
    batch = desk.floor.entered(trade, fee_schedule_id=schedule)
    before = desk.floor.balances().get(("B1", "NPR"), 0)
    need = -model.settle([trade]).deltas["B1", "NPR"]
    give(ledger, [("B1", "NPR", need - before - less), ("B2", "S1", 3)])
    desk.floor.rest()
    desk.floor.open()
    if less:
        assert desk.told(desk.fail(batch))[0] == desk.trade_failed(batch, 0, bit(Reason.MONY, "b"))
    else:
        with refused(reverts.Fails_Settleable, tradeNo=8):
            desk.fail(batch)
        desk.floor.settle(slice_of(batch))


@pytest.mark.parametrize(("holders", "sides"), [(["B1"], "b"), (["B2"], "s"), (["B1", "B2"], "bs")])
def test_fail_given_held_is_on_hold_and_accrues_nothing(
    desk: Desk, ledger: Ledger, holders: list[str], sides: str
) -> None:
    batch = desk.floor.entered(TRADE)
    give(ledger, [("B1", "NPR", cost(TRADE)), ("B2", "S1", 10)])
    for name in holders:
        desk.hold(batch, name, 0)
    desk.floor.open()
    assert ledger.facts(desk.fail(batch)) == [desk.trade_failed(batch, 0, bit(Reason.PREA, sides))]


@pytest.mark.parametrize(("holder", "side"), [("B1", "b"), ("B2", "s")])
def test_fail_given_short_and_held_owes_unless_the_other_holds(
    desk: Desk, ledger: Ledger, holder: str, side: str
) -> None:
    batch = desk.floor.entered(TRADE)
    give(ledger, [("B1", "NPR", cost(TRADE)), ("B2", "S1", 9)])
    desk.hold(batch, holder, 0)
    desk.floor.open()
    facts = ledger.facts(desk.fail(batch))
    assert facts[0] == desk.trade_failed(batch, 0, bit(Reason.PREA, side) | bit(Reason.LACK, "s"))
    assert facts[1:] == ([desk.penalty(batch, 0, "B2", "B1", SHORT)] if holder == "B2" else [])


@pytest.mark.parametrize(("affirms", "sides"), [([], "bs"), (["B1"], "s"), (["B2"], "b")])
def test_fail_given_not_affirmed_is_late_and_nothing_else(
    desk: Desk, ledger: Ledger, affirms: list[str], sides: str
) -> None:
    batch = desk.floor.batch(TRADE)
    desk.floor.record(batch)
    for name in affirms:
        desk.floor.affirm(batch, desk.floor.affirmation(batch, name))
    desk.floor.open()
    assert ledger.facts(desk.fail(batch)) == [desk.trade_failed(batch, 0, bit(Reason.CLAT, sides))]


@pytest.mark.parametrize(("name", "side"), [("B1", "b"), ("B2", "s")])
def test_fail_given_suspended_is_blocked_and_owed_nothing(
    desk: Desk, ledger: Ledger, name: str, side: str
) -> None:
    batch = desk.floor.entered(TRADE)
    give(ledger, [("B1", "NPR", cost(TRADE) - 1), ("B2", "S1", 10)])
    ledger.suspend(name)
    desk.floor.open()
    facts = ledger.facts(desk.fail(batch))
    assert facts[0] == desk.trade_failed(batch, 0, bit(Reason.SBLO, side) | bit(Reason.MONY, "b"))
    assert facts[1:] == ([desk.penalty(batch, 0, "B1", "B2", POOR)] if name == "B1" else [])


def test_fail_given_self_trade_owes_itself_nothing(desk: Desk, ledger: Ledger) -> None:
    trade = Trade(1, "B1", "B1", "S1", 10, 1_000_000)
    batch = desk.floor.entered(trade)
    charges = 2 * levy(trade.amount)
    give(ledger, [("B1", "NPR", charges - 1)])
    assert desk.told(desk.failed(batch)) == [desk.trade_failed(batch, 0, bit(Reason.MONY, "bs"))]
    give(ledger, [("B1", "NPR", 1)], "one more")
    with refused(reverts.Fails_Settleable, tradeNo=1):
        desk.failed(batch, day=20191122)


def test_fail_given_self_trade_of_who_shares_counts_both_commissions(desk: Desk, ledger: Ledger) -> None:
    desk.floor.agree("B1", [("P", 333_333)])
    trade = Trade(1, "B1", "B1", "S1", 10, 1_000_001)
    need = -Model({"B1": [("P", 333_333)]}).settle([trade]).deltas["B1", "NPR"]
    batch = desk.floor.entered(trade)
    give(ledger, [("B1", "NPR", need - 1)])
    assert desk.told(desk.failed(batch)) == [desk.trade_failed(batch, 0, bit(Reason.MONY, "bs"))]
    give(ledger, [("B1", "NPR", 1)], "one more")
    desk.floor.rest()
    desk.floor.open()
    with refused(reverts.Fails_Settleable, tradeNo=1):
        desk.fail(batch, day=20191122)
    desk.floor.settle(slice_of(batch))
    assert commission(trade.amount) > 0


def test_fail_given_out_of_settlement_reverts(desk: Desk, ledger: Ledger) -> None:
    trades = [Trade(n, "B1", "B2") for n in range(1, 4)]
    batch = desk.floor.entered(*trades, excepts={"B1": [0]})
    conditions = ledger.clients.conditions
    conditions.dispute(ledger.signers["B1"], batch.header, batch.records, [1])
    for name in ("B1", "B2"):
        conditions.cancel(ledger.signers[name], batch.header, batch.records, [2])
    desk.floor.open()
    for i, status in enumerate((Status.DISPUTED, Status.DISPUTED, Status.CANCELLED)):
        with refused(reverts.Fails_NotInSettlement, tradeNo=i + 1, status=status):
            desk.fail(batch, [i])


def anew(ledger: Ledger, house: str, limits: str) -> Fails:
    """Another Fails, which sees stand-ins for some contracts."""
    clients = ledger.clients
    contract = ledger.deploy(
        clients.fails.artifact,
        *(clients.consortium.address, clients.register.address, clients.revenue.address),
        *(house, limits, clients.conditions.address),
    )
    return Fails(ledger.chain, contract.address, contract.artifact)


def test_fail_given_limit_alone_in_the_way_is_limit(
    ledger: Ledger, test_artifacts: dict[str, Artifact]
) -> None:
    cases = [
        ("B1", "S1", 10, bit(Reason.FLIM, "b")),
        ("B2", "S1", -10, bit(Reason.FLIM, "s")),
        ("B1", "NPR", -cost(TRADE), bit(Reason.FLIM, "b")),
        ("B2", "NPR", PROCEEDS, bit(Reason.FLIM, "s")),
    ]
    for n, (name, code, delta, reasons) in enumerate(cases):
        snapshot = ledger.chain.snapshot()
        limits = ledger.deploy(test_artifacts["LimitsStandIn"])
        desk = Desk(ledger, anew(ledger, ledger.clearing_house.address, limits.address))
        limits.send(ledger.outsider, "forbid", ledger.index[name], ledger.asset[code], delta)
        batch = desk.floor.entered(TRADE)
        give(ledger, [("B1", "NPR", cost(TRADE) - n % 2), ("B2", "S1", 10)])
        expected = [desk.trade_failed(batch, 0, reasons)]
        if n % 2:  # short as well: the limit is not looked at
            expected = [
                desk.trade_failed(batch, 0, bit(Reason.MONY, "b")),
                desk.penalty(batch, 0, "B1", "B2", POOR),
            ]
        assert desk.told(desk.failed(batch)) == expected
        ledger.chain.restore(snapshot)


@pytest.mark.parametrize(("settled", "have"), [(1, 8), (3, 6), (9, 0)])
def test_fail_given_settled_in_part_is_about_the_rest(
    ledger: Ledger, test_artifacts: dict[str, Artifact], settled: int, have: int
) -> None:
    """Cumulatively cut: floor(total * settled / quantity) has settled."""
    house = ledger.deploy(test_artifacts["PartsStandIn"], ledger.clearing_house.address)
    desk = Desk(ledger, anew(ledger, house.address, ledger.clients.limits.address))
    trade = Trade(1, "B1", "B2", "S1", 10, 1_000_003)
    batch = desk.floor.entered(trade)
    house.send(ledger.outsider, "settle", batch.hash, 0, settled)
    amount = trade.amount - trade.amount * settled // 10
    charge = levy(trade.amount) - levy(trade.amount) * settled // 10
    give(ledger, [("B1", "NPR", amount + charge), ("B2", "S1", have)])
    assert (
        desk.told(desk.failed(batch))
        == [
            desk.trade_failed(batch, 0, bit(Reason.LACK, "s"), quantity=10 - settled, amount=amount),
            desk.penalty(batch, 0, "B2", "B1", for_securities(10 - settled, PRICE, RATE)),
        ][: 1 + (for_securities(10 - settled, PRICE, RATE) > 0)]
    )
    give(ledger, [("B2", "S1", 10 - settled - have)], "the rest")
    with refused(reverts.Fails_Settleable, tradeNo=1):
        desk.failed(batch, day=20191122)
    desk.floor.close()
    ledger.register.transfer(ledger.signers["B1"], ledger.index["B1"], ledger.index["P"], ledger.cash, 1)
    assert desk.told(desk.failed(batch, day=20191122)) == [
        desk.trade_failed(
            batch, 0, bit(Reason.MONY, "b"), day=20191122, days=2, quantity=10 - settled, amount=amount
        ),
        desk.penalty(batch, 0, "B1", "B2", for_cash(amount, CASH_RATE), day=20191122),
    ]


def test_iso_codes_when_told_to_each_side() -> None:
    both = bit(Reason.LACK, "s") | bit(Reason.MONY, "b")
    assert iso_codes(both, seller=True) == ("LACK", "CMON")
    assert iso_codes(both, seller=False) == ("CLAC", "MONY")
    assert iso_codes(bit(Reason.PREA, "b"), seller=False) == ("PREA",)
    assert iso_codes(bit(Reason.PREA, "b"), seller=True) == ("PRCY",)
    assert iso_codes(bit(Reason.PREA, "bs"), seller=True) == ("BOTH",)
    assert iso_codes(bit(Reason.CLAT, "s"), seller=True) == ("LATE",)
    assert iso_codes(bit(Reason.CLAT, "s"), seller=False) == ("CLAT",)
    assert iso_codes(bit(Reason.SBLO, "bs") | bit(Reason.FLIM, "s"), seller=True) == ("SBLO", "FLIM")
    assert iso_codes(0, seller=True) == ()
