"""collect(currency, pairs), compensate(day, Header, bytes32[], positions): what is owed, and how trades end.

collect
├── given claims from before the cycle ─ paid wholly; those of the cycle itself not before the next
├── given the balance does not cover one ─ it stays due whole, others are paid
├── given a party is suspended ─ it stays due
├── of nobody, twice in a call ─ passed over
└── by others, without a cycle, with more in the word ─ refused
compensate
├── given the price has risen, fallen; the seller, the buyer, both, neither failing ─ who owes what
├── given held, late, blocked, a self-trade ─ ended; only who held owes
├── the trade ─ COMPENSATED for good; its claim is collected in the next cycle
├── given too few days, another day, no price, a cycle open, a trade out of settlement ─ refused
└── by venue or party; by others, who is suspended ─ refused
"""

from __future__ import annotations

import pytest

from ledger import reverts
from ledger.clients.clearing_house import Status
from ledger.clients.consortium import Role
from ledger.clients.fails import Claim
from tests.contracts.clearing import slice_of, transfers_in
from tests.contracts.clearing_model import Trade
from tests.contracts.failing import PRICE, Desk, cost, for_cash, for_securities, give
from tests.contracts.support import DAY, Ledger, refused

TRADE = Trade(1, "B1", "B2")
NEXT = 20191122
SHORT = for_securities(10, PRICE)
POOR = for_cash(TRADE.amount)


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    return Desk(ledger)


def claimed(
    name: str, ledger: Ledger, debtor: str, creditor: str, amount: int, **more: int
) -> tuple[str, dict[str, object]]:
    index = ledger.index
    told = {"venue": 1, "currency": ledger.cash, "debtor": index[debtor], "creditor": index[creditor]}
    return (name, told | {"amount": amount} | more)


def test_collect_given_claim_of_before_pays_it_in_the_next_cycle(desk: Desk, ledger: Ledger) -> None:
    batch = desk.floor.entered(TRADE)
    give(ledger, [("B2", "NPR", SHORT), ("B1", "NPR", POOR - 1)])
    desk.floor.open()
    desk.fail(batch)
    assert desk.claim("B2", "B1") == Claim(0, SHORT, 1)
    assert desk.collect(("B2", "B1")).logs == []
    desk.floor.close()
    desk.floor.rest()
    desk.floor.open()
    before = desk.floor.balances()
    receipt = desk.collect(("B1", "B2"), ("B2", "B1"), ("B2", "B1"), ("B3", "B1"))
    facts = ledger.facts(receipt)
    assert desk.told(receipt) == [
        claimed("ClaimUnpaid", ledger, "B1", "B2", POOR, balance=POOR - 1),
        claimed("ClaimPaid", ledger, "B2", "B1", SHORT),
    ]
    assert sum(transfers_in(facts).values()) == 2
    after = desk.floor.balances()
    assert after.get(("B2", "NPR"), 0) == before["B2", "NPR"] - SHORT == 0
    assert after["B1", "NPR"] == before["B1", "NPR"] + SHORT
    assert ("transit", "NPR") not in after
    assert desk.claim("B2", "B1") == Claim(0, 0, 1)
    assert desk.owed("B1", "B2") == POOR


def test_collect_given_more_accrues_in_the_cycle_keeps_it_apart(desk: Desk, ledger: Ledger) -> None:
    trades = [Trade(n, "B1", "B2") for n in range(1, 4)]
    batch = desk.floor.entered(*trades)
    give(ledger, [("B2", "NPR", 10_000)])
    desk.failed(batch, [0])
    desk.floor.rest()
    desk.floor.open()
    desk.fail(batch, [1])
    assert desk.claim("B2", "B1") == Claim(SHORT, SHORT, 2)
    assert desk.told(desk.collect(("B2", "B1"))) == [claimed("ClaimPaid", ledger, "B2", "B1", SHORT)]
    desk.fail(batch, [2])
    assert desk.claim("B2", "B1") == Claim(0, 2 * SHORT, 2)
    assert desk.collect(("B2", "B1")).logs == []
    desk.floor.close()
    desk.floor.rest()
    desk.floor.open()
    assert desk.told(desk.collect(("B2", "B1"))) == [claimed("ClaimPaid", ledger, "B2", "B1", 2 * SHORT)]
    assert desk.owed("B2", "B1") == 0
    assert desk.collect(("B2", "B1")).logs == []


@pytest.mark.parametrize("suspended", ["B1", "B2"])
def test_collect_given_a_party_is_suspended_stays_due(desk: Desk, ledger: Ledger, suspended: str) -> None:
    batch = desk.floor.entered(TRADE)
    give(ledger, [("B2", "NPR", 10_000)])
    desk.failed(batch)
    ledger.suspend(suspended)
    desk.floor.rest()
    desk.floor.open()
    unpaid = claimed("ClaimUnpaid", ledger, "B2", "B1", SHORT, balance=10_000)
    assert desk.told(desk.collect(("B2", "B1"))) == [unpaid]
    ledger.consortium.reinstate(ledger.signers["R"], ledger.index[suspended])
    assert desk.told(desk.collect(("B2", "B1"))) == [claimed("ClaimPaid", ledger, "B2", "B1", SHORT)]


def test_collect_given_anything_else_wrong_reverts(desk: Desk, ledger: Ledger) -> None:
    desk.failed(desk.floor.entered(TRADE))
    with refused(reverts.Fails_NoCycle, venue=1):
        desk.collect(("B2", "B1"))
    ledger.admit("V2", Role.EXCHANGE)
    desk.floor.rest()
    desk.floor.open("V2")
    with refused(reverts.Fails_NoCycle, venue=1):
        desk.collect(("B2", "B1"))
    # A claim is of its venue's market: another finds none.
    give(ledger, [("B2", "NPR", 10_000)])
    assert desk.collect(("B2", "B1"), by="V2").logs == []
    desk.floor.open()
    assert desk.collect(("B2", "B1"), currency="USD").logs == []
    with refused(reverts.Fails_Nothing):
        desk.collect()
    with refused(reverts.Fails_InvalidPair, word=9 << 240 | 8 << 224 | 1):
        desk.fails.send(ledger.signers["V"], "collect", ledger.cash, [9 << 240 | 8 << 224 | 1])
    for _, signer in ledger.everyone_but("V", "V2"):
        with refused(reverts.Consortium_RoleRequired, caller=signer.address, role=Role.EXCHANGE):
            desk.fails.collect(signer, ledger.cash, [(9, 8)])


RISEN, FALLEN = PRICE, 90_000_000_000


@pytest.mark.parametrize(
    ("price", "cash", "securities", "owes"),
    [
        (RISEN, True, False, ("B2", "B1", 100_000)),
        (FALLEN, True, False, None),
        (RISEN, False, True, None),
        (FALLEN, False, True, ("B1", "B2", 100_000)),
        (RISEN, False, False, ("B2", "B1", 100_000)),
        (FALLEN, False, False, ("B1", "B2", 100_000)),
        (100_000_000_000, False, False, None),
        (100_000_100_000, False, False, ("B2", "B1", 1)),
        (100_000_099_999, False, False, None),
        (99_999_999_999, False, False, ("B1", "B2", 1)),
    ],
)
def test_compensate_given_a_side_failing_owes_the_difference_against_it(
    ledger: Ledger, price: int, cash: bool, securities: bool, owes: tuple[str, str, int] | None
) -> None:
    desk = Desk(ledger, bare=True)
    desk.closing_after(1)
    desk.prices(DAY, S1=price)
    batch = desk.floor.entered(TRADE)
    give(ledger, [("B1", "NPR", cost(TRADE) * cash), ("B2", "S1", 10 * securities)])
    desk.failed(batch)
    assert ledger.facts(desk.compensate(batch)) == [
        desk.compensated(batch, 0, price, *(owes or ())),
        (
            "StatusChanged",
            {
                "batchHash": batch.hash,
                "position": 0,
                "from": Status.PENDING,
                "to": Status.COMPENSATED,
            },
        ),
    ]
    for pair in (("B1", "B2"), ("B2", "B1")):
        assert desk.owed(*pair) == (owes[2] if owes and owes[:2] == pair else 0)


@pytest.mark.parametrize(
    ("holder", "price", "owes"),
    [
        ("B2", RISEN, ("B2", "B1", 100_000)),
        ("B2", FALLEN, None),
        ("B1", FALLEN, ("B1", "B2", 100_000)),
        ("B1", RISEN, None),
    ],
)
def test_compensate_given_held_owes_as_who_is_short(
    ledger: Ledger, holder: str, price: int, owes: tuple[str, str, int] | None
) -> None:
    """Or a side could hold until the price suits it, and be rid of the trade for nothing."""
    desk = Desk(ledger, bare=True)
    desk.closing_after(1)
    desk.prices(DAY, S1=price)
    batch = desk.floor.entered(TRADE)
    give(ledger, [("B1", "NPR", cost(TRADE)), ("B2", "S1", 10)])
    desk.hold(batch, holder, 0)
    desk.failed(batch)
    assert desk.told(desk.compensate(batch)) == [desk.compensated(batch, 0, price, *(owes or ()))]
    assert desk.floor.house.status_of(batch.hash, 0) == Status.COMPENSATED


def test_compensate_given_late_blocked_or_self_trade_ends_it_without_a_price(ledger: Ledger) -> None:
    desk = Desk(ledger, bare=True)
    desk.closing_after(1)
    late = desk.floor.batch(Trade(1, "B1", "B2"))
    desk.floor.record(late)
    own, blocked = desk.floor.entered(Trade(2, "B3", "B3")), desk.floor.entered(Trade(3, "B1", "B2"))
    give(ledger, [("B1", "NPR", cost(TRADE)), ("B2", "S1", 10)])
    desk.failed(late)
    desk.failed(own)
    ledger.suspend("B2")
    desk.failed(blocked)
    for batch in (late, own, blocked):
        assert desk.told(desk.compensate(batch)) == [desk.compensated(batch, 0, 0)]
        assert desk.floor.house.status_of(batch.hash, 0) == Status.COMPENSATED


def test_compensate_given_closed_is_final_and_collected_next_cycle(desk: Desk, ledger: Ledger) -> None:
    trades = [TRADE, Trade(2, "B1", "B2")]
    batch = desk.floor.entered(*trades)
    desk.failed(batch)
    desk.prices(NEXT, S1=PRICE)
    desk.failed(batch, day=NEXT)
    desk.compensate(batch, day=NEXT, by="B1")
    for again in (lambda: desk.compensate(batch, day=NEXT), lambda: desk.failed(batch, day=20191125)):
        with refused(reverts.Fails_NotInSettlement, tradeNo=1, status=Status.COMPENSATED):
            again()
    with refused(reverts.ClearingHouse_NotPending, tradeNo=1, status=Status.COMPENSATED):
        desk.floor.settle(slice_of(batch))
    give(ledger, [("B2", "NPR", 200_000)])
    assert desk.told(desk.collect(("B2", "B1"))) == [
        claimed("ClaimPaid", ledger, "B2", "B1", 2 * SHORT + 100_000)
    ]


def test_compensate_given_too_early_or_another_day_reverts(ledger: Ledger) -> None:
    desk = Desk(ledger, bare=True)
    batch = desk.floor.entered(TRADE)
    desk.failed(batch)
    with refused(reverts.Fails_TooEarly, tradeNo=1, failedDays=1, closingAfter=0):
        desk.compensate(batch)
    desk.closing_after(2)
    with refused(reverts.Fails_TooEarly, tradeNo=1, failedDays=1, closingAfter=2):
        desk.compensate(batch)
    desk.failed(batch, day=NEXT)
    for day in (DAY, 20191123, 0):
        with refused(reverts.Fails_NotLastDay, tradeNo=1, last=NEXT):
            desk.compensate(batch, day=day)
    with refused(reverts.Fails_NoPrice, day=NEXT, asset=1):
        desk.compensate(batch, day=NEXT)
    desk.prices(NEXT, S1=PRICE)
    desk.floor.rest()
    desk.floor.open()
    with refused(reverts.Fails_CycleOpen):
        desk.compensate(batch, day=NEXT)
    desk.floor.close()
    desk.compensate(batch, day=NEXT)


def test_compensate_given_out_of_settlement_or_not_recorded_so_reverts(desk: Desk, ledger: Ledger) -> None:
    batch = desk.floor.entered(TRADE)
    desk.closing_after(1)
    desk.failed(batch)
    ledger.clients.conditions.dispute(ledger.signers["B1"], batch.header, batch.records, [0])
    with refused(reverts.Fails_NotInSettlement, tradeNo=1, status=Status.DISPUTED):
        desk.compensate(batch)
    with refused(reverts.Fails_UnknownPosition, position=1):
        desk.compensate(batch, [1])
    with refused(reverts.Fails_Nothing):
        desk.compensate(batch, [])
    other = desk.floor.batch(Trade(5, "B1", "B2"))
    with refused(reverts.Fails_UnknownBatch, batchHash=other.hash):
        desk.compensate(other)


def test_compensate_when_by_others_reverts(desk: Desk, ledger: Ledger) -> None:
    batch = desk.floor.entered(TRADE, Trade(2, "B1", "B3"))
    desk.closing_after(1)
    desk.failed(batch, [0, 1])
    for name, signer in ledger.everyone_but("V", "B1", "B2"):
        if name in ledger.signers:
            with refused(reverts.Fails_NotParty, institution=ledger.index[name], tradeNo=1):
                desk.compensate(batch, by=name)
        else:
            with refused(reverts.Fails_NotActive, caller=signer.address):
                desk.fails.compensate(signer, DAY, batch.header, batch.records, [0])
    with refused(reverts.Fails_NotParty, institution=ledger.index["B2"], tradeNo=2):
        desk.compensate(batch, [0, 1], by="B2")
    ledger.suspend("B1")
    with refused(reverts.Fails_NotActive, caller=ledger.signers["B1"].address):
        desk.compensate(batch, by="B1")
    for position, name in ((0, "B2"), (1, "V")):
        desk.compensate(batch, [position], by=name)
