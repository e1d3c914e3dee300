"""A trade settled in part, and what each of the other contracts then makes of it: all of them real.

B1 buys 7 units of B2 for 1,000,001, of which 3 have settled for 428,571. 4 are left, for 571,430; at 110,000
a unit they are worth 440,000. B2 and B3 have a trade in the same batch.

settled in part, then
├── short by a unit each ─ LACK and MONY, penalties on the rest; with that unit it settles to the end
├── compensated          ─ the rest ends, what it is worth less is owed and collected
├── compensated by who then defaults ─ owed still, but no claim on the fund
├── closed out           ─ the rest is the claim; the survivors' trade settles while the default is open
├── cancelled by both    ─ what has settled stays, nothing else happens to it any more
├── held and released    ─ does not settle, then settles to the end as if at once
├── beyond a limit       ─ FLIM, as settling says; not once the limit is raised
├── disputed by who owes ─ needs margin all the same
└── of who is suspended  ─ SBLO, does not settle, and no other waits for it
"""

from __future__ import annotations

import pytest

from ledger import reverts
from ledger.clients.clearing_house import Status
from ledger.clients.consortium import Role
from ledger.clients.fails import Reason
from tests.contracts.clearing import Batch, slice_of
from tests.contracts.clearing_model import Model, Piece, Trade
from tests.contracts.failing import PRICE, Desk, bit, cost, for_cash, for_securities
from tests.contracts.fund import CONTRIBUTION, MARGIN, Fund
from tests.contracts.support import DAY, Ledger, refused

TRADE = Trade(1, "B1", "B2", "S1", 7, 1_000_001)
OTHER = Trade(2, "B2", "B3", "S2", 10, 1_000_000)
LEFT = {"quantity": 4, "amount": 571_430}
WORTH = 440_000
SHORT = bit(Reason.LACK, "s") | bit(Reason.MONY, "b")
NEXT_DAY = 20191122


class Street:
    """A desk and a fund, and a batch of which 3 units of the first trade have settled."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.ledger, self.floor = desk, desk.ledger, desk.floor
        self.house, self.conditions = desk.floor.house, desk.ledger.clients.conditions
        self.fund = Fund(desk.ledger, desk.fails)
        self.batch: Batch = desk.floor.entered(TRADE, OTHER)

    def settle_a_part(self) -> None:
        for name in ("B1", "B2"):
            self.conditions.allow_partial(
                self.ledger.signers[name], self.batch.header, self.batch.records, [0]
            )
        self.floor.fund(Piece(TRADE, 0, 3))
        self.floor.open()
        self.floor.settle(slice_of(self.batch, parts=[(0, 3)]))
        self.floor.close()

    def fund_the_rest(self, short: int = 0) -> None:
        """What settling it takes, less `short` of the securities and of the cash; B2 has proceeds already."""
        self.floor.fund(
            Piece(TRADE, 3, 7), less={("B1", "NPR"): short, ("B2", "S1"): short}, reference="the rest"
        )

    def admit_fund(self) -> Fund:
        ledger = self.ledger
        ledger.consortium.admit(ledger.operator, [("FUND", self.fund.client.address, [Role.PARTNER])])
        ledger.index["FUND"] = len(ledger.index) + 1
        return self.fund

    def reopen(self) -> None:
        self.floor.rest()
        self.floor.open()

    def say(self, name: str, way: str) -> None:
        """A party holds, releases, cancels or disputes the first trade."""
        batch = self.batch
        self.conditions.send(self.ledger.signers[name], way, batch.header.as_tuple(), batch.records, [0])

    def settle_the_rest(self) -> None:
        self.floor.settle(slice_of(self.batch, parts=[(0, 0)]))

    def settle_the_other(self) -> None:
        """In the cycle that is open."""
        self.floor.fund(OTHER, reference="the other")
        self.floor.settle(slice_of(self.batch, [1]))
        assert self.statuses[1] == Status.SETTLED

    @property
    def statuses(self) -> list[Status]:
        return [self.house.status_of(self.batch.hash, i) for i in (0, 1)]

    def require_ended(self, status: Status) -> None:
        """Nothing happens to the first trade any more; a cycle is open. Its parts are remembered."""
        assert self.statuses[0] == status
        assert self.house.call("settledQuantityOf", self.batch.hash, 0) == 3
        with refused(reverts.ClearingHouse_NotPending, tradeNo=1, status=status):
            self.settle_the_rest()
        with refused(reverts.ClearingHouse_NotPending, tradeNo=1, status=status):
            self.floor.settle(slice_of(self.batch, [0]))
        with refused(reverts.Fails_NotInSettlement, tradeNo=1, status=status):
            self.desk.fail(self.batch, day=NEXT_DAY)
        with refused(reverts.Conditions_Ended, tradeNo=1, status=status):
            self.say("B1", "hold")


@pytest.fixture
def street(ledger: Ledger) -> Street:
    street = Street(Desk(ledger))
    street.settle_a_part()
    return street


def test_fail_given_a_part_settled_penalises_the_rest_which_settles_later(street: Street) -> None:
    desk, batch = street.desk, street.batch
    street.fund_the_rest(short=1)
    street.reopen()
    lacks = {"institution": street.ledger.index["B2"], "asset": street.ledger.asset["S1"]}
    with refused(reverts.AssetRegister_BalanceOutOfRange, **lacks, balance=3, delta=-4):
        street.settle_the_rest()
    assert desk.told(desk.fail(batch)) == [
        desk.trade_failed(batch, 0, SHORT, **LEFT),
        desk.penalty(batch, 0, "B1", "B2", for_cash(LEFT["amount"])),
        desk.penalty(batch, 0, "B2", "B1", for_securities(4, PRICE)),
    ]
    assert (for_cash(LEFT["amount"]), for_securities(4, PRICE)) == (79, 44)
    street.ledger.issue({("B1", "NPR"): 1, ("B2", "S1"): 1}, "that unit")
    with refused(reverts.Fails_Settleable, tradeNo=1):
        desk.fail(batch, day=NEXT_DAY)
    street.settle_the_rest()
    assert street.statuses == [Status.SETTLED, Status.PENDING]
    assert street.ledger.balance("B1", "S1") == 7
    assert street.ledger.balance("B1", "NPR") == 0


def test_compensate_given_a_part_settled_ends_the_rest(street: Street) -> None:
    desk, batch = street.desk, street.batch
    desk.closing_after(1)
    assert desk.told(desk.failed(batch)) == [
        desk.trade_failed(batch, 0, SHORT, **LEFT),
        desk.penalty(batch, 0, "B1", "B2", 79),
        desk.penalty(batch, 0, "B2", "B1", 44),
    ]
    difference = LEFT["amount"] - WORTH
    told = desk.told(desk.compensate(batch, by="B2"))
    assert told == [desk.compensated(batch, 0, PRICE, "B1", "B2", difference)]
    had = street.ledger.balance("B2", "NPR")
    street.ledger.issue({("B1", "NPR"): difference + 79}, "what it owes")
    street.reopen()
    desk.collect(("B1", "B2"))
    assert street.ledger.balance("B2", "NPR") == had + difference + 79
    assert (desk.owed("B1", "B2"), desk.owed("B2", "B1")) == (0, 44)
    street.require_ended(Status.COMPENSATED)
    street.settle_the_other()
    assert street.house.call("batch", batch.hash)[1] == 0


def test_close_out_given_the_defaulter_had_it_compensated_is_refused(street: Street) -> None:
    """Who owes may ask for compensation too, and then fail to pay: the fund does not answer for that."""
    desk, batch, fund = street.desk, street.batch, street.admit_fund()
    desk.closing_after(1)
    desk.failed(batch)
    desk.compensate(batch, by="B1")
    fund.rates(1_000_000, 0)
    fund.call(batch)
    assert fund.required("B1", MARGIN) == 0
    default = fund.default("B1")
    ended = {"batchHash": batch.hash, "position": 0, "status": Status.COMPENSATED}
    with refused(reverts.DefaultFund_Ended, **ended):
        fund.close_out(default, batch, [0])
    owed = desk.owed("B1", "B2")
    street.reopen()
    desk.collect(("B1", "B2"))
    assert desk.owed("B1", "B2") == owed == LEFT["amount"] - WORTH + 79


def test_close_out_given_a_part_settled_claims_the_rest(street: Street) -> None:
    """B1's margin covers 100,000 of it, B3's contribution 30,000; B2 bears 1,430."""
    fund, ledger, batch = street.admit_fund(), street.ledger, street.batch
    ledger.issue({("B1", "NPR"): 100_000, ("B3", "NPR"): 30_000}, "for the fund")
    fund.deposit("B1", MARGIN, 100_000)
    fund.deposit("B3", CONTRIBUTION, 30_000)
    default = fund.default("B1")
    street.reopen()
    with refused(reverts.ClearingHouse_Suspended, slice=0, institution=ledger.index["B1"]):
        street.settle_the_rest()
    street.settle_the_other()
    assert street.desk.told(street.desk.fail(batch))[0] == street.desk.trade_failed(
        batch, 0, SHORT | bit(Reason.SBLO, "b"), **LEFT
    )
    street.floor.close()
    fund.close_out(default, batch, [0])
    assert fund.client.claim_of(default, ledger.index["B2"]) == LEFT["amount"] - WORTH == 131_430
    had = ledger.balance("B2", "NPR")
    facts = fund.finished(default)
    assert facts[-1] == ("DefaultFinished", {"id": default, "loss": 131_430, "uncovered": 1_430})
    assert ledger.balance("B2", "NPR") == had + 130_000
    assert ledger.balance("FUND", "NPR") == 0
    assert street.house.call("batch", batch.hash)[1] == 0
    ledger.consortium.reinstate(ledger.signers["R"], ledger.index["B1"])
    street.reopen()
    street.require_ended(Status.CLOSED_OUT)


def test_cancel_given_a_part_settled_leaves_that(street: Street) -> None:
    """What has ended needs neither margin nor contribution, and gives no claim."""
    fund, ledger, batch = street.admit_fund(), street.ledger, street.batch
    before = street.floor.balances()
    street.say("B1", "cancel")
    assert street.statuses[0] == Status.PENDING
    street.say("B2", "cancel")
    assert street.floor.balances() == before
    assert (ledger.balance("B1", "S1"), ledger.balance("B2", "S1")) == (3, 0)
    fund.rates(1_000_000, 1_000_000)
    fund.call(batch)
    assert [fund.required("B1", purse) for purse in (MARGIN, CONTRIBUTION)] == [0, 0]
    default = fund.default("B1")
    with refused(reverts.DefaultFund_Ended, batchHash=batch.hash, position=0, status=Status.CANCELLED):
        fund.close_out(default, batch, [0])
    ledger.consortium.reinstate(ledger.signers["R"], ledger.index["B1"])
    street.reopen()
    street.require_ended(Status.CANCELLED)


def test_settle_given_a_part_settled_then_held_and_released_settles_to_the_end(street: Street) -> None:
    desk, batch = street.desk, street.batch
    street.fund_the_rest()
    street.say("B2", "hold")
    assert street.statuses[0] == Status.HELD
    street.reopen()
    with refused(reverts.ClearingHouse_NotPending, tradeNo=1, status=Status.HELD):
        street.settle_the_rest()
    assert desk.told(desk.fail(batch)) == [desk.trade_failed(batch, 0, bit(Reason.PREA, "s"), **LEFT)]
    street.say("B2", "release")
    assert street.house.call("settledQuantityOf", batch.hash, 0) == 3
    street.settle_the_rest()
    street.floor.close()
    assert street.statuses == [Status.SETTLED, Status.PENDING]
    deltas = Model().settle([TRADE]).deltas
    got = {key: amount for key, amount in deltas.items() if amount > 0}
    assert street.floor.balances() == got
    assert street.house.call("batch", batch.hash)[1] == 1


def test_fail_given_a_limit_says_flim_as_settling_does(ledger: Ledger) -> None:
    """Of the day's payments, what the part took included, one minor unit too many."""
    street = Street(Desk(ledger))
    _limit_payments(street, cost(TRADE) - 1)
    street.settle_a_part()
    street.fund_the_rest()
    desk, batch, index = street.desk, street.batch, street.ledger.index["B1"]
    street.reopen()
    with refused(
        reverts.Limits_Exposure,
        institution=index,
        asset=street.ledger.cash,
        taken=cost(TRADE),
        limit=cost(TRADE) - 1,
    ):
        street.settle_the_rest()
    assert desk.told(desk.fail(batch)) == [desk.trade_failed(batch, 0, bit(Reason.FLIM, "b"), **LEFT)]
    _limit_payments(street, cost(TRADE))
    with refused(reverts.Fails_Settleable, tradeNo=1):
        desk.fail(batch, day=NEXT_DAY)
    street.settle_the_rest()
    assert street.statuses[0] == Status.SETTLED


def _limit_payments(street: Street, exposure: int) -> None:
    ledger = street.ledger
    for name in ("V", "R"):
        ledger.clients.limits.set_limit(
            ledger.signers[name], ledger.index["B1"], ledger.cash, exposure=exposure
        )


def test_call_given_who_owes_disputes_asks_margin_all_the_same(street: Street) -> None:
    """Of the rest, and in default the rest is closed out with a claim."""
    fund, ledger, batch = street.admit_fund(), street.ledger, street.batch
    fund.rates(1_000_000, 0)
    street.say("B1", "dispute")
    assert street.statuses[0] == Status.DISPUTED
    fund.call(batch)
    assert fund.required("B1", MARGIN) == LEFT["amount"]
    default = fund.default("B1")
    fund.close_out(default, batch, [0])
    assert fund.client.claim_of(default, ledger.index["B2"]) == 131_430


def test_settle_given_a_suspended_institution_leaves_its_trades_only(street: Street) -> None:
    """B1 is let back in later, and what is left settles. It is owed nothing for the day it was out."""
    desk, ledger, batch = street.desk, street.ledger, street.batch
    ledger.suspend("B1")
    street.reopen()
    with refused(reverts.ClearingHouse_Suspended, slice=0, institution=ledger.index["B1"]):
        street.floor.settle(slice_of(batch, [1], parts=[(0, 0)]))
    street.settle_the_other()
    assert desk.told(desk.fail(batch)) == [
        desk.trade_failed(batch, 0, SHORT | bit(Reason.SBLO, "b"), **LEFT),
        desk.penalty(batch, 0, "B1", "B2", 79),
    ]
    ledger.consortium.reinstate(ledger.signers["R"], ledger.index["B1"])
    street.fund_the_rest()
    street.settle_the_rest()
    assert street.statuses == [Status.SETTLED, Status.SETTLED]
    assert desk.fails.fail_of(batch.hash, 0).day == DAY
