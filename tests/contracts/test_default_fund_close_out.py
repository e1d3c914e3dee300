"""closeOut(id, header, records, positions), of B1's default.

closeOut
  when B1 bought   ─ the seller loses amount − value, value rounded up; nothing where it gains
  when B1 sold     ─ the buyer loses value − amount, value rounded down; nothing where it gains
  given losses and gains of one claimant  ─ it claims its losses and keeps its gains
  over any trades                         ─ the claim is the sum of what each by itself loses
  given a trade cut small                 ─ claims no more than whole
  given HELD                              ─ closed with a claim
  given a dispute after both affirmed     ─ closed as if there were none
  given an exception, one side's word only, a self-trade, another defaulter ─ closed without, without a price
  when twice, of settled or cancelled trades, beyond the last, of others, wrong records ─ refused
  when by others, of another currency or venue, recorded after, without a price ─ refused
  given it is reinstated, or finished ─ refused
  given prices of other days, venues and currencies ─ the declared day's, the venue's own
settle ─ survivors' trades settle while a default is open; the defaulter's do not
"""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import reverts
from ledger.clients.clearing_house import Status
from ledger.clients.consortium import Role
from tests.contracts.clearing import Batch, altered, others, slice_of
from tests.contracts.clearing_model import Trade
from tests.contracts.fund import Facts, Fund
from tests.contracts.support import DAY, MAX_AMOUNT, TIERS, Ledger, refused

MILLION = 1_000_000


def closed(facts: Facts) -> list[dict[str, Any]]:
    return [fact for name, fact in facts if name == "TradeClosedOut"]


def outcome(facts: Facts) -> list[tuple[int, int, int, int]]:
    """(value, claimant, loss, price) of each trade closed out."""
    return [(f["value"], f["claimant"], f["loss"], f["price"]) for f in closed(facts)]


@pytest.mark.parametrize(
    ("amount", "quantity", "price", "value", "loss"),
    [
        (1_000, 10, 90 * MILLION, 900, 100),
        (1_000, 10, 110 * MILLION, 1_100, 0),  # a gain of 100
        (1_000, 10, 100 * MILLION, 1_000, 0),
        (10, 3, 1_500_000, 5, 5),  # 4.5 rounded up
        (10, 1, 1, 1, 9),
        (MAX_AMOUNT, 1, 1, 1, MAX_AMOUNT - 1),
    ],
)
def test_close_out_when_the_defaulter_bought(
    fund: Fund, amount: int, quantity: int, price: int, value: int, loss: int
) -> None:
    batch = fund.floor.entered(Trade(7, "B1", "B2", quantity=quantity, amount=amount))
    fund.price("S1", price)
    fund.default("B1")
    facts = fund.ledger.facts(fund.close_out(1, batch))
    told = {
        "id": 1,
        "batchHash": batch.hash,
        "tradeNo": 7,
        "price": price,
        "value": value,
        "claimant": 9,
        "loss": loss,
    }
    status = {"batchHash": batch.hash, "position": 0, "from": Status.PENDING, "to": Status.CLOSED_OUT}
    assert facts == [("TradeClosedOut", told), ("StatusChanged", status)]
    assert fund.client.claim_of(1, 9) == fund.client.default_of(1).loss == loss
    assert fund.floor.house.status_of(batch.hash, 0) == Status.CLOSED_OUT


@pytest.mark.parametrize(
    ("amount", "quantity", "price", "value", "loss"),
    [
        (1_000, 10, 90 * MILLION, 900, 0),  # a gain of 100
        (1_000, 10, 110 * MILLION, 1_100, 100),
        (1, 3, 1_500_000, 4, 3),  # 4.5 rounded down
        (1, 1, 1, 0, 0),  # a gain of 1
        (1, 2**64 - 1, 2**83, (2**64 - 1) * 2**83 // MILLION, (2**64 - 1) * 2**83 // MILLION - 1),
    ],
)
def test_close_out_when_the_defaulter_sold(
    fund: Fund, amount: int, quantity: int, price: int, value: int, loss: int
) -> None:
    batch = fund.floor.entered(Trade(7, "B2", "B1", quantity=quantity, amount=amount))
    fund.price("S1", price)
    fund.default("B1")
    assert outcome(fund.ledger.facts(fund.close_out(1, batch))) == [(value, 9, loss, price)]
    assert fund.client.claim_of(1, 9) == fund.client.default_of(1).loss == loss


def test_close_out_given_a_value_beyond_128_bits_reverts(fund: Fund) -> None:
    batch = fund.floor.entered(Trade(7, "B2", "B1", quantity=2**64 - 1, amount=1))
    fund.price("S1", 2**128 - 1)
    fund.default("B1")
    value = (2**64 - 1) * (2**128 - 1) // MILLION
    with refused(reverts.DefaultFund_ValueOutOfRange, batchHash=batch.hash, tradeNo=7, value=value):
        fund.close_out(1, batch)


@pytest.mark.parametrize("price", [80, 100, 120])
def test_close_out_given_opposite_trades_claims_the_one_that_loses(fund: Fund, price: int) -> None:
    """What the other gains is the claimant's to keep."""
    batch = fund.floor.entered(Trade(1, "B1", "B2", amount=1_000), Trade(2, "B2", "B1", amount=1_000))
    fund.price("S1", price * MILLION)
    fund.default("B1")
    losses = [loss for _, _, loss, _ in outcome(fund.ledger.facts(fund.close_out(1, batch)))]
    assert losses == {80: [200, 0], 100: [0, 0], 120: [0, 200]}[price]
    assert fund.client.claim_of(1, 9) == fund.client.default_of(1).loss == sum(losses)


def test_close_out_given_gains_first_or_last_claims_the_same(fund: Fund) -> None:
    trades = (
        Trade(1, "B1", "B2", amount=1_050),  # at 100: a loss of 50
        Trade(2, "B1", "B2", amount=980),  # a gain of 20
        Trade(3, "B1", "B3", amount=999),  # a gain of 1
        Trade(4, "B2", "B1", amount=995),  # a loss of 5
    )
    batch = fund.floor.entered(*trades)
    fund.price("S1", 100 * MILLION)
    fund.default("B1")
    losses = []
    for position in (1, 2, 0, 3):
        fund.close_out(1, batch, [position])
        losses.append(fund.client.default_of(1).loss)
    assert losses == [0, 0, 50, 55]
    assert (fund.client.claim_of(1, 9), fund.client.claim_of(1, 10)) == (55, 0)


@pytest.fixture
def wider(fund: Fund) -> Fund:
    """With B4."""
    fund.ledger.admit("B4", Role.BROKER)
    return fund


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=12),
    each=st.integers(1, 3),
    price=st.integers(1, 5 * MILLION),
    bought=st.booleans(),
)
def test_close_out_given_any_trades_claims_what_each_loses(
    wider: Fund, pieces: list[tuple[int, int]], each: int, price: int, bought: bool
) -> None:
    """B2 has the pieces. B3 has trades as large, a unit at the price `each`, B4 one of all that."""
    snapshot = wider.ledger.chain.snapshot()
    try:
        number, trades = iter(range(99)), []
        whole = sum(quantity for quantity, _ in pieces)
        for name, quantity, amount in (
            *(("B2", quantity, amount) for quantity, amount in pieces),
            *(("B3", quantity, quantity * each) for quantity, _ in pieces),
            ("B4", whole, whole * each),
        ):
            sides = ("B1", name) if bought else (name, "B1")
            trades.append(Trade(next(number), *sides, quantity=quantity, amount=amount))
        batch = wider.floor.entered(*trades)
        wider.price("S1", price)
        wider.default("B1")
        wider.close_out(1, batch)
        index = wider.ledger.index
        claims = {name: wider.client.claim_of(1, index[name]) for name in ("B2", "B3", "B4")}
        sign = 1 if bought else -1
        exact = [sign * (amount - Fraction(quantity * price, MILLION)) for quantity, amount in pieces]
        assert claims["B2"] == sum(floor(max(loss, Fraction(0))) for loss in exact)
        assert claims["B3"] <= claims["B4"]
    finally:
        wider.ledger.chain.restore(snapshot)


def test_close_out_given_a_held_trade_claims(fund: Fund) -> None:
    batch = fund.losing(("B2", 5))
    fund.status(batch, 0, Status.HELD)
    fund.default("B1")
    assert outcome(fund.ledger.facts(fund.close_out(1, batch))) == [(1, 9, 5, MILLION)]


@pytest.mark.parametrize("by", ["B1", "B2"])
def test_close_out_given_a_later_dispute_claims_all_the_same(fund: Fund, by: str) -> None:
    """Both had affirmed. Else a defaulter would dispute what it owes."""
    batch = fund.losing(("B2", 20))
    fund.dispute(batch, by, 0)
    fund.default("B1")
    facts = fund.ledger.facts(fund.close_out(1, batch))
    assert outcome(facts) == [(1, 9, 20, MILLION)]
    assert [(fact["from"], fact["to"]) for name, fact in facts if name == "StatusChanged"] == [
        (Status.DISPUTED, Status.CLOSED_OUT)
    ]
    assert fund.client.claim_of(1, 9) == 20
    assert fund.floor.house.call("batch", batch.hash)[1] == 0


def test_close_out_given_no_claim_closes_without_a_price(fund: Fund) -> None:
    trades = (
        Trade(1, "B1", "B2", "S2"),  # B2 excepts it
        Trade(2, "B1", "B1", "S2"),
        Trade(3, "B1", "B3", "S2"),  # B3 is in default too
    )
    batch = fund.floor.entered(*trades, excepts={"B2": [0]})
    fund.default("B1")
    fund.default("B3")
    facts = fund.ledger.facts(fund.close_out(1, batch))
    assert outcome(facts) == [(0, 0, 0, 0)] * 3
    assert [fact["to"] for name, fact in facts if name == "StatusChanged"] == [Status.CLOSED_OUT] * 3
    assert fund.client.default_of(1).loss == 0


@pytest.mark.parametrize("missing", ["B1", "B2"])
def test_close_out_given_one_sides_word_only_claims_nothing(fund: Fund, missing: str) -> None:
    batch = fund.floor.batch(Trade(1, "B1", "B2"))
    fund.floor.record(batch)
    fund.floor.affirm(batch, fund.floor.affirmation(batch, "B2" if missing == "B1" else "B1"))
    fund.default("B1")
    assert outcome(fund.ledger.facts(fund.close_out(1, batch))) == [(0, 0, 0, 0)]


def test_close_out_given_the_other_defaults_in_another_currency_claims(fund: Fund) -> None:
    batch = fund.losing(("B2", 5))
    fund.default("B2", "USD")
    assert outcome(fund.ledger.facts(fund.close_out(fund.default("B1"), batch))) == [(1, 9, 5, MILLION)]


def test_close_out_when_twice_or_ended_reverts(fund: Fund) -> None:
    """Position 0 settles, 1 is cancelled, 2 is closed out; there is no 4."""
    ledger = fund.ledger
    batch = fund.losing(("B2", 1), ("B2", 2), ("B2", 3), ("B2", 4))
    ledger.issue({("B2", "S1"): 1}, "to settle")
    fund.floor.open()
    fund.floor.settle(slice_of(batch, [0]))
    fund.floor.close()
    fund.status(batch, 1, Status.CANCELLED)
    fund.default("B1")
    fund.close_out(1, batch, [2])
    stand = {0: Status.SETTLED, 1: Status.CANCELLED, 2: Status.CLOSED_OUT, 4: Status.UNKNOWN, 2**255: 0}
    for position, status in stand.items():
        with refused(reverts.DefaultFund_Ended, batchHash=batch.hash, position=position, status=status):
            fund.close_out(1, batch, [position])
    with refused(reverts.DefaultFund_Ended, batchHash=batch.hash, position=3, status=Status.CLOSED_OUT):
        fund.close_out(1, batch, [3, 3])
    assert fund.client.default_of(1).loss == 3


def test_close_out_when_of_others_reverts(fund: Fund) -> None:
    batch = fund.floor.entered(Trade(1, "B1", "B2"), Trade(2, "B2", "B3"))
    fund.price("S1", MILLION)
    fund.default("B1")
    with refused(reverts.DefaultFund_NotParty, batchHash=batch.hash, tradeNo=2, institution=8):
        fund.close_out(1, batch)


@pytest.mark.parametrize("bit", [0, 88, 152, 168, 184, 224])
def test_close_out_when_records_are_not_those_recorded_reverts(fund: Fund, bit: int) -> None:
    batch = fund.losing(("B2", 5))
    fund.default("B1")
    wrong = altered(batch, 0, bit)
    with refused(reverts.DefaultFund_UnknownBatch, batchHash=wrong.hash):
        fund.close_out(1, wrong)


def test_close_out_when_others_do_reverts(fund: Fund) -> None:
    ledger = fund.ledger
    batch = fund.losing(("B2", 5))
    fund.default("B1")
    for _, signer in ledger.everyone_but("V"):
        with refused(reverts.Consortium_RoleRequired, caller=signer.address, role=Role.EXCHANGE):
            fund.client.close_out(signer, 1, batch.header, batch.records, [0])
    ledger.admit("V2", Role.EXCHANGE)
    with refused(reverts.DefaultFund_NotVenue, caller=ledger.index["V2"], venue=1):
        fund.close_out(1, batch, venue="V2")


def test_close_out_when_of_another_currency_reverts(fund: Fund) -> None:
    ledger = fund.ledger
    batch = fund.losing(("B2", 5))
    default = fund.default("B1", "USD")
    with refused(reverts.DefaultFund_OtherCurrency, given=ledger.cash, currency=ledger.asset["USD"]):
        fund.close_out(default, batch)


def test_close_out_given_recorded_after_reverts(fund: Fund) -> None:
    """A defaulter that is let back in trades on, is put out again: that is another default."""
    ledger = fund.ledger
    fund.default("B1")
    declared = ledger.now
    ledger.consortium.reinstate(ledger.signers["R"], 8)
    batch = fund.losing(("B2", 5))
    recorded = ledger.clearing_house.call("batch", batch.hash)[2]
    ledger.suspend("B1")
    with refused(
        reverts.DefaultFund_RecordedAfter, batchHash=batch.hash, recordedAt=recorded, declaredAt=declared
    ):
        fund.close_out(1, batch)


def test_close_out_given_it_is_reinstated_waits(fund: Fund) -> None:
    ledger = fund.ledger
    batch = fund.losing(("B2", 5), ("B2", 6))
    fund.default("B1")
    fund.close_out(1, batch, [0])
    ledger.consortium.reinstate(ledger.signers["R"], 8)
    with refused(reverts.DefaultFund_NotSuspended, institution=8):
        fund.close_out(1, batch, [1])
    assert ("DefaultFinished", {"id": 1, "loss": 5, "uncovered": 5}) in fund.finished(1)


def test_close_out_given_no_price_reverts(fund: Fund) -> None:
    """Prices of other days, venues, currencies and securities are not this one."""
    ledger = fund.ledger
    ledger.admit("V2", Role.EXCHANGE)
    batch = fund.floor.entered(Trade(1, "B1", "B2"))
    fund.price("S1", 1, day=DAY + 1)
    fund.price("S1", 1, day=DAY - 1)
    fund.price("S1", 1, venue="V2")
    fund.price("S1", 1, currency="USD")
    fund.price("S2", 1)
    fund.default("B1")
    with refused(reverts.DefaultFund_NoPrice, venue=1, day=DAY, currency=ledger.cash, asset=1):
        fund.close_out(1, batch)


def test_close_out_when_the_day_is_another_uses_its_prices(fund: Fund) -> None:
    """The declared day, not the batch's."""
    batch = fund.losing(("B2", 999_999))
    fund.price("S1", 7 * MILLION, day=DAY + 1)
    fund.ledger.suspend("B1")
    fund.declare("B1", day=DAY + 1)
    assert outcome(fund.ledger.facts(fund.close_out(1, batch))) == [(7, 9, 999_993, 7 * MILLION)]


def test_close_out_given_venues_each_uses_its_own_prices(fund: Fund) -> None:
    ledger = fund.ledger
    theirs = second_venue(fund, Trade(1, "B1", "B2", amount=100))
    ours = fund.losing(("B2", 99))
    fund.price("S1", 5 * MILLION, venue="V2")
    fund.default("B1")
    assert outcome(ledger.facts(fund.close_out(1, ours))) == [(1, 9, 99, MILLION)]
    assert outcome(ledger.facts(fund.close_out(1, theirs, venue="V2"))) == [(50, 9, 50, 5 * MILLION)]
    assert fund.client.claim_of(1, 9) == 149


def second_venue(fund: Fund, *trades: Trade) -> Batch:
    ledger = fund.ledger
    ledger.admit("V2", Role.EXCHANGE)
    ledger.clearing_house.register_fee_schedule(ledger.signers["V2"], ledger.index["R"], 0, TIERS)
    return fund.floor.entered(*trades, by="V2", venue=ledger.index["V2"], fee_schedule_id=2)


@pytest.mark.parametrize("default", [0, 2, 2**256 - 1])
def test_close_out_and_finish_given_no_such_default_revert(fund: Fund, default: int) -> None:
    batch = fund.losing(("B2", 5))
    fund.default("B1")
    with refused(reverts.DefaultFund_NotOpen, id=default):
        fund.close_out(default, batch)
    with refused(reverts.DefaultFund_NotOpen, id=default):
        fund.finish(default, 0)


def test_settle_given_a_default_settles_survivors_trades(fund: Fund) -> None:
    ledger = fund.ledger
    trades = (Trade(1, "B1", "B2"), Trade(2, "B2", "B3"))
    batch = fund.floor.entered(*trades)
    ledger.issue({("B2", "S1"): 10, ("B3", "S1"): 10}, "to settle")
    fund.default("B1")
    fund.floor.open()
    with refused(reverts.ClearingHouse_Suspended, slice=0, institution=8):
        fund.floor.settle(slice_of(batch))
    facts = ledger.facts(fund.floor.settle(slice_of(batch, [1])))
    assert others(facts)[0][1]["count"] == 1
    fund.floor.close()
    fund.price("S1", 1)
    fund.close_out(1, batch, [0])
    assert fund.floor.house.call("batch", batch.hash)[1] == 0
    assert _statuses(ledger, batch) == [Status.CLOSED_OUT, Status.SETTLED]


def _statuses(ledger: Ledger, batch: Batch) -> list[Status]:
    return [ledger.clearing_house.status_of(batch.hash, i) for i in range(len(batch.trades))]
