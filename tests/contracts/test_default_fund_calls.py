"""callRequirements(currency, listed): what members must have in the fund, from the trades themselves.

Amounts: B1 buys of B2 for 1,000,001 and of B3 for 500,000; margin 100,000 ppm, contribution 2,000 ppm.

             margin       contribution
    B1      150,001 (up)       3,001 (up)
    B2      100,001 (up)       2,001 (up)
    B3       50,000            1,000

when a venue calls             ─ rounded up, over all its batches listed; told; what lacks is taken
given settled, cancelled or held trades ─ margin for what may still settle, contribution for all
given a trade with oneself, excepted, or not affirmed ─ nothing
given a dispute after both affirmed ─ as if there were none
when it calls again            ─ the new requirement stands instead of the old, also where it is nothing
given two venues               ─ requirements add up; of one that is no exchange any more it lapses
given too little cash          ─ what is there is taken, margin first; the rest is told as missing
given a suspended member       ─ margin only
given the fund itself is named ─ nothing
given a default in the currency ─ its member gives nothing, nobody a contribution
release                        ─ only what is above the requirement
when others call, in a cycle, of another venue, currency or asset, of unknown records ─ refused
when batches are listed twice or out of order ─ refused
"""

from __future__ import annotations

import pytest

from ledger import reverts
from ledger.clients.clearing_house import Status
from ledger.clients.consortium import Role
from tests.contracts.clearing import Batch, altered, others, slice_of, transfers_in
from tests.contracts.clearing_model import Trade
from tests.contracts.fund import CASH, CONTRIBUTION, MARGIN, NOTICE, Facts, Fund
from tests.contracts.support import TIERS, Ledger, refused

TRADES = (Trade(1, "B1", "B2", amount=1_000_001), Trade(2, "B1", "B3", "S2", amount=500_000))
MARGINS = {"B1": 150_001, "B2": 100_001, "B3": 50_000}
CONTRIBUTIONS = {"B1": 3_001, "B2": 2_001, "B3": 1_000}
BROKERS = ("B1", "B2", "B3")


@pytest.fixture
def batch(fund: Fund) -> Batch:
    """Rates are set and the trades recorded and affirmed; nothing is in any purse."""
    fund.rates(100_000, 2_000)
    return fund.floor.entered(*TRADES)


def called(
    ledger: Ledger, name: str, purse: int, required: int, taken: int, missing: int = 0
) -> tuple[str, dict]:
    return (
        "Called",
        {
            "institution": ledger.index[name],
            "currency": ledger.cash,
            "purse": purse,
            "required": required,
            "taken": taken,
            "missing": missing,
        },
    )


def margins(fund: Fund) -> dict[str, int]:
    return {name: fund.required(name, MARGIN) for name in fund.ledger.index if fund.required(name, MARGIN)}


def contributions(fund: Fund) -> dict[str, int]:
    required = {name: fund.required(name, CONTRIBUTION) for name in fund.ledger.index}
    return {name: amount for name, amount in required.items() if amount}


def calls(facts: Facts) -> Facts:
    return [fact for fact in facts if fact[0] == "Called"]


def test_call_when_a_venue_calls_takes_what_lacks_and_tells(fund: Fund, batch: Batch) -> None:
    ledger = fund.ledger
    fund.deposit("B2", MARGIN, 100_002)
    fund.deposit("B3", MARGIN, 49_999)
    facts = ledger.facts(fund.call(batch))
    assert others(facts) == [
        (
            "RequirementsCalled",
            {"venue": 1, "currency": ledger.cash, "call": 1, "batchHashes": (batch.hash,)},
        ),
        called(ledger, "B1", MARGIN, 150_001, 150_001),
        called(ledger, "B1", CONTRIBUTION, 3_001, 3_001),
        called(ledger, "B2", MARGIN, 100_001, 0),
        called(ledger, "B2", CONTRIBUTION, 2_001, 2_001),
        called(ledger, "B3", MARGIN, 50_000, 1),
        called(ledger, "B3", CONTRIBUTION, 1_000, 1_000),
    ]
    taken = {"B1": 153_002, "B2": 2_001, "B3": 1_001}
    assert len(transfers_in(facts)) == 4
    total = sum(taken.values()) + 100_002 + 49_999
    assert ledger.balance("FUND", "NPR") == total
    assert {name: CASH - ledger.balance(name, "NPR") for name in BROKERS} == {
        "B1": 153_002,
        "B2": 102_003,
        "B3": 51_000,
    }
    assert (margins(fund), contributions(fund)) == (MARGINS, CONTRIBUTIONS)
    assert [fund.purse(name, CONTRIBUTION) for name in BROKERS] == list(CONTRIBUTIONS.values())
    assert fund.purse("B2", MARGIN) == 100_002


def test_call_when_nothing_lacks_moves_nothing(fund: Fund, batch: Batch) -> None:
    fund.call(batch)
    facts = fund.ledger.facts(fund.call(batch))
    assert transfers_in(facts) == {}
    assert facts[0][1]["call"] == 2
    assert {fact["taken"] + fact["missing"] for _, fact in calls(facts)} == {0}


def test_call_given_batches_adds_before_it_rounds(fund: Fund) -> None:
    fund.rates(1, 1)
    first = fund.floor.entered(Trade(1, "B1", "B2", amount=500_000))
    second = fund.floor.entered(Trade(2, "B2", "B1", amount=500_000))
    third = fund.floor.entered(Trade(3, "B3", "B1", amount=1))
    fund.call(first, second)
    assert margins(fund) == contributions(fund) == {"B1": 1, "B2": 1}
    fund.call(first, second, third)
    assert margins(fund) == contributions(fund) == {"B1": 2, "B2": 1, "B3": 1}


def test_call_given_trades_that_ended_or_wait_counts_what_may_settle(fund: Fund) -> None:
    fund.rates(1_000_000, 1_000_000)
    amounts = (1, 2, 4, 8, 16)
    trades = [Trade(n, "B1", "B2", quantity=1, amount=a) for n, a in enumerate(amounts)]
    batch = fund.floor.entered(*trades, excepts={"B2": [3]})
    fund.ledger.issue({("B2", "S1"): 1}, "to settle")
    fund.floor.open()
    fund.floor.settle(slice_of(batch, [0]))
    fund.floor.close()
    fund.status(batch, 1, Status.CANCELLED)
    fund.status(batch, 2, Status.HELD)
    fund.call(batch)
    assert margins(fund) == {"B1": 20, "B2": 20}  # held 4, pending 16
    assert contributions(fund) == {"B1": 21, "B2": 21}  # all but the excepted 8 and the cancelled 2


@pytest.mark.parametrize("by", ["B1", "B2"])
def test_call_given_a_later_dispute_counts_the_trade(fund: Fund, by: str) -> None:
    """Else a member would dispute what it has to pay margin for, and withdraw after the call."""
    fund.rates(1_000_000, 1_000_000)
    batch = fund.floor.entered(
        Trade(1, "B1", "B2", amount=5), Trade(2, "B2", "B1", amount=7), excepts={"B1": [1]}
    )
    fund.dispute(batch, by, 0)
    fund.call(batch)
    assert margins(fund) == contributions(fund) == {"B1": 5, "B2": 5}


def test_call_given_a_trade_with_oneself_asks_nothing(fund: Fund) -> None:
    fund.rates(1_000_000, 1_000_000)
    facts = fund.ledger.facts(fund.call(fund.floor.entered(Trade(1, "B1", "B1"))))
    assert [name for name, _ in facts] == ["RequirementsCalled"]


def test_call_given_no_affirmation_asks_nothing(fund: Fund) -> None:
    """Else a venue would take money for trades that it made up. Who affirms is asked, the other not yet."""
    fund.rates(1_000_000, 1_000_000)
    batch = fund.floor.batch(*TRADES)
    fund.floor.record(batch)
    asked: dict[str, int] = {}
    for name, amount in (("", 0), ("B3", 500_000), ("B1", 1_500_001), ("B2", 1_000_001)):
        if name:
            fund.floor.affirm(batch, fund.floor.affirmation(batch, name))
            asked[name] = amount
        fund.call(batch)
        assert margins(fund) == contributions(fund) == asked


def test_call_when_called_again_replaces(fund: Fund, batch: Batch) -> None:
    fund.call(batch)
    other = fund.floor.entered(Trade(9, "B2", "B3", amount=10))
    fund.call(other)
    assert (margins(fund), contributions(fund)) == ({"B2": 1, "B3": 1}, {"B2": 1, "B3": 1})
    fund.call()
    assert (margins(fund), contributions(fund)) == ({}, {})
    fund.release("B1", MARGIN, 150_001)


def test_call_given_rates_of_zero_asks_nothing(fund: Fund) -> None:
    fund.call(fund.floor.entered(*TRADES))
    assert (margins(fund), contributions(fund)) == ({}, {})


def test_call_given_currencies_keeps_them_apart(fund: Fund, batch: Batch) -> None:
    fund.rates(10, 20, "USD")
    usd = fund.floor.entered(Trade(7, "B1", "B2", amount=1_000_000), cash_asset=fund.ledger.asset["USD"])
    fund.call(batch)
    fund.call(usd, currency="USD")
    assert margins(fund) == MARGINS
    assert fund.required("B1", MARGIN, "USD") == fund.purse("B1", MARGIN, "USD") == 10
    assert fund.required("B1", CONTRIBUTION, "USD") == fund.purse("B1", CONTRIBUTION, "USD") == 20


def second_venue(fund: Fund) -> Batch:
    """V2, and a batch of its own in which B1 buys of B2 for 100."""
    ledger = fund.ledger
    ledger.admit("V2", Role.EXCHANGE)
    ledger.clearing_house.register_fee_schedule(ledger.signers["V2"], ledger.index["R"], 0, TIERS)
    changes = {"venue": ledger.index["V2"], "fee_schedule_id": 2}
    return fund.floor.entered(Trade(1, "B1", "B2", amount=100), by="V2", **changes)


def test_call_given_two_venues_adds_up(fund: Fund, batch: Batch) -> None:
    theirs = second_venue(fund)
    fund.call(batch)
    facts = fund.ledger.facts(fund.call(theirs, venue="V2"))
    assert calls(facts)[:2] == [
        called(fund.ledger, "B1", MARGIN, 150_011, 10),
        called(fund.ledger, "B1", CONTRIBUTION, 3_002, 1),
    ]
    assert fund.purse("B1", MARGIN) == 150_011
    fund.call()
    assert margins(fund) == {"B1": 10, "B2": 10}


def test_call_given_a_venue_is_no_exchange_any_more_lapses(fund: Fund, batch: Batch) -> None:
    ledger = fund.ledger
    theirs = second_venue(fund)
    fund.call(batch)
    fund.call(theirs, venue="V2")
    ledger.suspend("V")
    assert margins(fund)["B1"] == 150_011
    ledger.consortium.reinstate(ledger.signers["R"], ledger.index["V"])
    ledger.consortium.grant_roles(ledger.operator, ledger.index["V"], [Role.PARTNER])
    ledger.consortium.revoke_roles(ledger.signers["R"], ledger.index["V"], [Role.EXCHANGE])
    assert margins(fund) == {"B1": 10, "B2": 10}


def test_call_given_too_little_cash_takes_margin_first(fund: Fund, batch: Batch) -> None:
    ledger = fund.ledger
    for name, left in (("B1", 150_000), ("B2", 100_002), ("B3", 0)):
        ledger.register.transfer(
            ledger.signers[name], ledger.index[name], ledger.index["P"], ledger.cash, CASH - left
        )
    assert calls(ledger.facts(fund.call(batch))) == [
        called(ledger, "B1", MARGIN, 150_001, 150_000, 1),
        called(ledger, "B1", CONTRIBUTION, 3_001, 0, 3_001),
        called(ledger, "B2", MARGIN, 100_001, 100_001),
        called(ledger, "B2", CONTRIBUTION, 2_001, 1, 2_000),
        called(ledger, "B3", MARGIN, 50_000, 0, 50_000),
        called(ledger, "B3", CONTRIBUTION, 1_000, 0, 1_000),
    ]
    ledger.issue({("B1", "NPR"): 10}, "more")
    again = calls(ledger.facts(fund.call(batch)))
    assert again[0] == called(ledger, "B1", MARGIN, 150_001, 1)
    assert again[1] == called(ledger, "B1", CONTRIBUTION, 3_001, 9, 2_992)


def test_call_given_a_suspended_member_asks_margin_only(fund: Fund, batch: Batch) -> None:
    fund.ledger.suspend("B2")
    fund.call(batch)
    assert margins(fund) == MARGINS
    assert contributions(fund) == {"B1": 3_001, "B3": 1_000}
    assert fund.purse("B2", MARGIN) == 100_001


def test_call_given_the_fund_itself_is_named_asks_it_nothing(fund: Fund) -> None:
    """It would fill a purse of its own from an account whose money is the members'. It cannot affirm."""
    ledger = fund.ledger
    fund.rates(1_000_000, 1_000_000)
    fund.deposit("B2", MARGIN, 1_000)
    ledger.consortium.grant_roles(ledger.operator, ledger.index["FUND"], [Role.BROKER])
    batch = fund.floor.batch(Trade(1, "B1", "FUND", amount=7))
    fund.floor.record(batch)
    fund.floor.affirm(batch, fund.floor.affirmation(batch, "B1"))
    fund.call(batch)
    assert (margins(fund), contributions(fund)) == ({"B1": 7}, {"B1": 7})
    assert fund.purse("FUND", MARGIN) == fund.purse("FUND", CONTRIBUTION) == 0


def test_call_given_a_default_takes_nothing_of_it_and_no_contribution(fund: Fund, batch: Batch) -> None:
    ledger = fund.ledger
    fund.default("B1")
    assert calls(ledger.facts(fund.call(batch))) == [
        called(ledger, "B1", MARGIN, 150_001, 0, 150_001),
        called(ledger, "B2", MARGIN, 100_001, 100_001),
        called(ledger, "B2", CONTRIBUTION, 2_001, 0, 2_001),
        called(ledger, "B3", MARGIN, 50_000, 50_000),
        called(ledger, "B3", CONTRIBUTION, 1_000, 0, 1_000),
    ]


def test_call_given_a_default_in_another_currency_takes_all(fund: Fund, batch: Batch) -> None:
    fund.default("B1", "USD")
    fund.call(batch)
    assert fund.purse("B1", MARGIN) == 150_001
    assert fund.purse("B2", CONTRIBUTION) == 2_001


def test_release_given_a_requirement_leaves_it(fund: Fund, batch: Batch) -> None:
    ledger = fund.ledger
    fund.deposit("B1", MARGIN, 150_003)
    fund.deposit("B1", CONTRIBUTION, 3_003)
    fund.notice("B1", CONTRIBUTION, 3_003)
    fund.call(batch)
    ledger.at(ledger.now + NOTICE)
    for purse in (MARGIN, CONTRIBUTION):
        with refused(
            reverts.DefaultFund_NotFree, institution=8, currency=ledger.cash, purse=purse, amount=3, free=2
        ):
            fund.release("B1", purse, 3)
        fund.release("B1", purse, 2)
    with refused(
        reverts.DefaultFund_NotFree, institution=9, currency=ledger.cash, purse=MARGIN, amount=1, free=0
    ):
        fund.release("B2", MARGIN, 1)


def test_call_when_others_do_reverts(fund: Fund, batch: Batch) -> None:
    for _, signer in fund.ledger.everyone_but("V"):
        with refused(reverts.Consortium_RoleRequired, caller=signer.address, role=Role.EXCHANGE):
            fund.client.call_requirements(signer, fund.ledger.cash, [])


def test_call_given_any_open_cycle_reverts(fund: Fund, batch: Batch) -> None:
    """So no settlement under way ever lacks what a call took."""
    second_venue(fund)
    fund.floor.open("V2")
    with refused(reverts.DefaultFund_CycleOpen):
        fund.call(batch)


def test_call_when_of_another_venue_currency_or_asset_reverts(fund: Fund, batch: Batch) -> None:
    ledger = fund.ledger
    theirs = second_venue(fund)
    with refused(reverts.DefaultFund_NotVenue, caller=1, venue=ledger.index["V2"]):
        fund.call(theirs)
    usd = ledger.asset["USD"]
    with refused(reverts.DefaultFund_OtherCurrency, given=ledger.cash, currency=usd):
        fund.call(batch, currency="USD")
    with refused(reverts.DefaultFund_NotCurrency, asset=1):
        fund.call(batch, currency="S1")


@pytest.mark.parametrize("bit", [0, 88, 152, 168, 184, 224])
def test_call_when_records_are_not_those_recorded_reverts(fund: Fund, batch: Batch, bit: int) -> None:
    wrong = altered(batch, 0, bit)
    with refused(reverts.DefaultFund_UnknownBatch, batchHash=wrong.hash):
        fund.call(wrong)


def test_call_when_twice_or_out_of_order_reverts(fund: Fund, batch: Batch) -> None:
    with refused(reverts.DefaultFund_BatchOrder, position=1):
        fund.call(batch, batch)
    other = fund.floor.entered(Trade(9, "B2", "B3", amount=10))
    falling = sorted((batch, other), key=lambda each: each.hash, reverse=True)
    rows = [(each.header.as_tuple(), each.records) for each in falling]
    with refused(reverts.DefaultFund_BatchOrder, position=1):
        fund.client.send(fund.ledger.signers["V"], "callRequirements", fund.ledger.cash, rows)
    fund.call(batch, other)
    fund.call(other, batch)
