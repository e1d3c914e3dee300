"""finish(id, loss): when it may be, what else is open, and what is so afterwards. B1 is the defaulter. The
waterfall itself is in test_default_fund_finish.py.

given a suspended claimant, or one that defaults later ─ is paid
given several defaults         ─ in the order they are finished
after                          ─ nothing of it changes; the member may default anew, is required nothing
release, in a default          ─ refused to all in the currency, free after
given money that comes in      ─ counts
when by one, in an open cycle, at another loss, twice ─ refused, or nothing yet
given the account was emptied  ─ refused, nothing changes
"""

from __future__ import annotations

import pytest

from ledger import reverts
from ledger.accounts import Signer
from ledger.clients.clearing_house import Status
from ledger.clients.consortium import Role
from ledger.clients.default_fund import Purse, Step
from tests.contracts.fund import CAPITAL, CONTRIBUTION, MARGIN, NOTICE, Fund, paid, steps
from tests.contracts.support import SEED, refused

CLAIMS = {"B2": 600, "B3": 300, "B4": 100}


@pytest.fixture
def open_default(fund: Fund) -> Fund:
    """B1's default 1, in which the claims of CLAIMS are; nothing is in the fund."""
    fund.ledger.admit("B4", Role.BROKER)
    batch = fund.losing(*CLAIMS.items())
    fund.close_out(fund.default("B1"), batch)
    return fund


def test_finish_given_several_defaults_goes_in_the_order_they_are_finished(fund: Fund) -> None:
    """B1 and B3 owe B2 50 each; P has contributed 60. Who is finished first leaves the other 10."""
    first = fund.losing(("B2", 50))
    second = fund.losing(("B2", 50), defaulter="B3", number=10)
    fund.deposit("P", CONTRIBUTION, 60)
    fund.close_out(fund.default("B1"), first)
    fund.close_out(fund.default("B3"), second)
    assert paid(fund.finished(2), fund) == {"B2": 50}
    assert fund.client.call("openDefaults", fund.ledger.cash) == 1
    assert paid(fund.finished(1), fund) == {"B2": 10}


def test_finish_given_a_suspended_claimant_pays_it(open_default: Fund) -> None:
    fund = open_default
    fund.deposit("P", CONTRIBUTION, 1_000)
    fund.ledger.suspend("B2")
    had = fund.ledger.balance("B2", "NPR")
    fund.finish(1)
    assert fund.ledger.balance("B2", "NPR") == had + 600


def test_finish_given_a_claimant_that_defaults_later_pays_it(open_default: Fund) -> None:
    """Its claim was there before its default; its estate has it."""
    fund = open_default
    fund.deposit("P", CONTRIBUTION, 1_000)
    fund.default("B2")
    assert paid(fund.finished(1), fund) == CLAIMS


def test_finish_when_it_is_done_nothing_changes(fund: Fund) -> None:
    ledger = fund.ledger
    batch = fund.losing(("B2", 5), ("B2", 6))
    fund.default("B1")
    fund.close_out(1, batch, [0])
    fund.finish(1)
    done = fund.client.default_of(1)
    assert (done.finished, done.loss) == (True, 5)
    with refused(reverts.DefaultFund_NotOpen, id=1):
        fund.close_out(1, batch, [1])
    for name in ("V", "R"):
        with refused(reverts.DefaultFund_NotOpen, id=1):
            fund.finish(1, 5, by=(name,))
    # A new one has its own claims.
    assert fund.default("B1") == 2
    fund.close_out(2, batch, [1])
    fund.finish(2)
    assert fund.client.default_of(1) == done
    assert (fund.client.claim_of(1, 9), fund.client.claim_of(2, 9)) == (5, 6)
    assert ledger.clearing_house.status_of(batch.hash, 1) == Status.CLOSED_OUT


def test_finish_given_requirements_forgets_the_defaulters(fund: Fund) -> None:
    fund.rates(1_000_000, 1_000_000)
    batch = fund.losing(("B2", 5))
    fund.call(batch)
    assert fund.required("B1", MARGIN) == 6
    fund.close_out(fund.default("B1"), batch)
    fund.finish(1)
    assert [fund.required("B1", purse) for purse in Purse] == [0, 0, 0]
    assert (fund.required("B2", MARGIN), fund.required("B2", CONTRIBUTION)) == (6, 6)


def test_release_given_a_default_waits_for_its_end(fund: Fund) -> None:
    """Who sees a default coming gives notice too late, and what was free is kept."""
    ledger = fund.ledger
    fund.deposit("B3", MARGIN, 5)
    fund.deposit("B3", CONTRIBUTION, 7)
    fund.deposit("V", CAPITAL, 9)
    fund.deposit("B3", MARGIN, 5, "USD")
    fund.notice("B3", CONTRIBUTION, 7)
    fund.notice("V", CAPITAL, 9)
    ledger.at(ledger.now + NOTICE)
    fund.default("B1")
    for name, purse in (("B3", MARGIN), ("B3", CONTRIBUTION), ("V", CAPITAL)):
        with refused(reverts.DefaultFund_DefaultOpen, currency=ledger.cash):
            fund.release(name, purse, 1)
    fund.release("B3", MARGIN, 5, "USD")
    fund.finish(1)
    for name, purse, amount in (("B3", MARGIN, 5), ("B3", CONTRIBUTION, 7), ("V", CAPITAL, 9)):
        fund.release(name, purse, amount)


def test_release_given_the_defaulter_is_reinstated_waits_for_its_end(fund: Fund) -> None:
    ledger = fund.ledger
    fund.deposit("B1", MARGIN, 5)
    batch = fund.losing(("B2", 5))
    fund.close_out(fund.default("B1"), batch)
    ledger.consortium.reinstate(ledger.signers["R"], 8)
    with refused(reverts.DefaultFund_DefaultOpen, currency=ledger.cash):
        fund.release("B1", MARGIN, 1)
    assert steps(fund.finished(1), fund) == [(Step.MARGIN, "B1", 5)]


def test_finish_given_money_that_came_in_during_the_default_counts_it(fund: Fund) -> None:
    """Capital and contributions may come, of free will; nobody is made to."""
    batch = fund.losing(("B2", 10))
    fund.close_out(fund.default("B1"), batch)
    fund.deposit("V", CAPITAL, 10)
    assert steps(fund.finished(1), fund) == [(Step.CAPITAL, "V", 10)]


def test_finish_when_one_agrees_does_nothing_yet(open_default: Fund) -> None:
    fund = open_default
    fund.deposit("P", CONTRIBUTION, 1_000)
    for name in ("R", "R2"):
        facts = fund.ledger.facts(fund.finish(1, by=(name,)))
        assert [(kind, fact["complete"]) for kind, fact in facts] == [("JointlyAgreed", False)]
    assert not fund.client.default_of(1).finished
    fund.finish(1, by=("V",))
    assert fund.client.default_of(1).finished


def test_finish_when_the_loss_is_another_reverts(fund: Fund) -> None:
    """A word for one loss is none for another: the regulator's is not used for what the venue closes out
    after."""
    batch = fund.losing(("B2", 5), ("B3", 6))
    fund.default("B1")
    fund.close_out(1, batch, [0])
    for loss in (0, 4, 6, 2**128 - 1):
        with refused(reverts.DefaultFund_OtherLoss, id=1, given=loss, loss=5):
            fund.finish(1, loss)
    fund.finish(1, 5, by=("R",))
    fund.close_out(1, batch, [1])
    with refused(reverts.DefaultFund_OtherLoss, id=1, given=5, loss=11):
        fund.finish(1, 5, by=("V",))
    fund.finish(1, 11, by=("V",))
    assert not fund.client.default_of(1).finished
    fund.finish(1, 11, by=("R",))
    assert fund.client.default_of(1).finished


def test_finish_given_any_open_cycle_reverts(open_default: Fund) -> None:
    fund = open_default
    fund.finish(1, by=("R",))
    fund.floor.open()
    with refused(reverts.DefaultFund_CycleOpen):
        fund.finish(1, by=("V",))
    fund.floor.close()
    fund.finish(1, by=("V",))


def test_finish_given_the_account_was_emptied_reverts_and_keeps_all(fund: Fund) -> None:
    """By a signer that nobody objected to."""
    ledger, index = fund.ledger, fund.ledger.index["FUND"]
    fund.deposit("P", CONTRIBUTION, 10)
    thief = Signer.from_seed(SEED, "thief")
    ledger.consortium.nominate_signer(ledger.operator, index, thief.address)
    ledger.at(ledger.now + 2 * 86_400 + 1)
    ledger.consortium.accept_signer(thief, index)
    ledger.register.transfer(thief, index, 9, ledger.cash, 4)
    batch = fund.losing(("B2", 10))
    fund.close_out(fund.default("B1"), batch)
    with refused(
        reverts.AssetRegister_BalanceOutOfRange, institution=index, asset=ledger.cash, balance=6, delta=-10
    ):
        fund.finish(1)
    assert not fund.client.default_of(1).finished
    ledger.register.transfer(ledger.signers["B2"], 9, index, ledger.cash, 4)
    fund.finish(1, by=("R",))
    assert fund.client.default_of(1).finished
