"""fail, setPrices, setPenaltyRate, setClosingAfter: who may, on which day, with what.

fail
├── by anyone but the header's venue ─ refused
├── given the venue's cycle is not open, though another's is ─ refused
├── given no date, or before settlement was intended, or not after the last ─ refused; days are counted
├── given batch or positions not so ─ refused; one of many refused ─ none
└── given no price ─ refused where it matters; given no rate, no penalty
setPrices
├── once a venue, day, currency and asset; the same again passed over, another refused
└── of anything but a listed security, zero, too high; by others ─ refused
setPenaltyRate, setClosingAfter
└── by an exchange and a regulator together; by others, of unknown assets, too high ─ refused
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger import reverts
from ledger.abi import Words
from ledger.clients.consortium import Role
from ledger.clients.fails import MAX_PRICE, Reason, pack_prices
from ledger.errors import InvalidValue
from tests.contracts.clearing import altered
from tests.contracts.clearing_model import Trade
from tests.contracts.failing import PRICE, Desk, bit, for_securities
from tests.contracts.support import DAY, Ledger, refused

TRADES = (Trade(1, "B1", "B2"), Trade(2, "B1", "B2"), Trade(3, "B1", "B3", "S2"))
"""Nobody has anything: all fail for both."""
BOTH = bit(Reason.LACK, "s") | bit(Reason.MONY, "b")


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    return Desk(ledger)


def test_fail_when_not_by_the_headers_venue_reverts(desk: Desk, ledger: Ledger) -> None:
    batch = desk.floor.entered(*TRADES)
    other = ledger.admit("V2", Role.EXCHANGE)
    desk.floor.open()
    with refused(reverts.Fails_NotVenue, caller=other, venue=1):
        desk.fail(batch, by="V2")
    for _, signer in ledger.everyone_but("V", "V2"):
        with refused(reverts.Consortium_RoleRequired, caller=signer.address, role=Role.EXCHANGE):
            desk.fails.fail(signer, DAY, batch.header, batch.records, [0])
    desk.fail(batch)


def test_fail_given_venues_cycle_is_not_open_reverts(desk: Desk, ledger: Ledger) -> None:
    batch = desk.floor.entered(*TRADES)
    ledger.admit("V2", Role.EXCHANGE)
    with refused(reverts.Fails_NoCycle, venue=1):
        desk.fail(batch)
    desk.floor.open("V2")
    with refused(reverts.Fails_NoCycle, venue=1):
        desk.fail(batch)


def test_fail_given_no_day_or_too_early_reverts(desk: Desk) -> None:
    batch = desk.floor.entered(*TRADES, intended_settlement_date=20191124)
    desk.floor.open()
    for day in (0, 20191123, 20191131, 20200230, 20210229, 20191301, 20200100, 99991232, 2**32 - 1):
        with refused(reverts.Fails_InvalidDay, day=day, earliest=20191124):
            desk.fail(batch, day=day)
    desk.prices(20191124, S1=PRICE)
    desk.fail(batch, day=20191124)


def test_fail_when_on_several_days_counts_them_and_no_day_twice(desk: Desk) -> None:
    batch = desk.floor.entered(*TRADES)
    days = (DAY, 20191122, 20191125, 20200229)
    for n, day in enumerate(days, start=1):
        desk.prices(day, S1=PRICE)
        assert desk.told(desk.failed(batch, day=day))[0] == desk.trade_failed(batch, 0, BOTH, day=day, days=n)
        desk.floor.rest()
        desk.floor.open()
        for again in {DAY, day}:
            with refused(reverts.Fails_DayRecorded, tradeNo=1, last=day):
                desk.fail(batch, day=again)
        desk.floor.close()
    assert desk.fails.fail_of(batch.hash, 0).failed_days == 4
    assert desk.fails.fail_of(batch.hash, 1).failed_days == 0
    assert desk.owed("B2", "B1") == 4 * for_securities(10, PRICE)


def test_fail_given_batch_or_positions_not_so_reverts(desk: Desk) -> None:
    batch = desk.floor.entered(*TRADES)
    second = desk.floor.entered(Trade(9, "B1", "B2"))
    desk.floor.open()
    for other in (
        replace(batch, header=second.header, words=batch.words[:2]),
        replace(batch, header=replace(batch.header, intended_settlement_date=20191122)),
        altered(batch, 2, 90),
        replace(batch, words=()),
    ):
        with refused(reverts.Fails_UnknownBatch, batchHash=other.hash):
            desk.fail(other)
    with refused(reverts.Fails_Nothing):
        desk.fail(batch, [])
    for position in (3, 2**32 - 1):
        with refused(reverts.Fails_UnknownPosition, position=position):
            desk.fail(batch, [0, position])
    with refused(reverts.Fails_DayRecorded, tradeNo=1, last=DAY):
        desk.fail(batch, [0, 1, 0])
    assert desk.fails.fail_of(batch.hash, 1).failed_days == 0
    assert len(desk.told(desk.fail(batch, [0, 1, 2]))) == 9


def test_fail_given_no_price_reverts_where_it_matters(ledger: Ledger) -> None:
    desk = Desk(ledger, bare=True)
    batch = desk.floor.entered(*TRADES)
    assert desk.told(desk.failed(batch)) == [desk.trade_failed(batch, 0, BOTH)]
    desk.rate("S1", 100)
    desk.rate("S2", 10)
    with refused(reverts.Fails_NoPrice, day=DAY, asset=1):
        desk.failed(batch, [1])
    desk.floor.close()
    # A price of another day, currency or venue is none.
    ledger.admit("V2", Role.EXCHANGE)
    desk.prices(20191122, S1=PRICE)
    desk.prices(DAY, S1=PRICE, currency="USD")
    desk.prices(DAY, S1=PRICE, by="V2")
    with refused(reverts.Fails_NoPrice, day=DAY, asset=1):
        desk.failed(batch, [1])
    desk.floor.close()
    desk.prices(DAY, S1=PRICE)
    assert len(desk.told(desk.failed(batch, [1]))) == 2


def test_set_prices_when_given_is_so_for_good(desk: Desk, ledger: Ledger) -> None:
    asset = ledger.asset
    receipt = desk.prices(20191125, S1=1, S8=MAX_PRICE)
    words = (1 << 240 | 1, 8 << 240 | MAX_PRICE)
    told = {"venue": 1, "day": 20191125, "currency": asset["NPR"], "words": words}
    assert ledger.facts(receipt) == [("PricesSet", told)]
    price_of = desk.fails.price_of
    assert price_of(1, 20191125, asset["NPR"], 1) == 1
    assert price_of(1, 20191125, asset["NPR"], 8) == MAX_PRICE == desk.fails.call("MAX_PRICE")
    for other in ((2, 20191125, asset["NPR"]), (1, 20191126, asset["NPR"]), (1, 20191125, asset["USD"])):
        assert price_of(*other, 1) == 0
    desk.prices(20191125, S1=1, S2=5)
    assert price_of(1, 20191125, asset["NPR"], 2) == 5
    with refused(reverts.Fails_PriceGiven, asset=1, price=1):
        desk.prices(20191125, S3=3, S1=2)
    assert price_of(1, 20191125, asset["NPR"], 3) == 0


@pytest.mark.parametrize(
    "word",
    [1, 9 << 240 | 1, 0x8001 << 240 | 1, 1 << 240, 1 << 240 | MAX_PRICE + 1, 1 << 240 | 1 << 239 | 1],
)
def test_set_prices_given_no_price_of_a_security_reverts(desk: Desk, ledger: Ledger, word: int) -> None:
    given = Words((2 << 240 | 7).to_bytes(32, "big") + word.to_bytes(32, "big"))
    with refused(reverts.Fails_InvalidPrice, word=word):
        desk.fails.send(ledger.signers["V"], "setPrices", 20191125, ledger.cash, given)
    assert desk.fails.price_of(1, 20191125, ledger.cash, 2) == 0


def test_set_prices_given_anything_else_wrong_reverts(desk: Desk, ledger: Ledger) -> None:
    venue, fails = ledger.signers["V"], desk.fails
    with refused(reverts.Fails_Nothing):
        fails.set_prices(venue, DAY, ledger.cash, {})
    for day in (0, 20191131):
        with refused(reverts.Fails_InvalidDay, day=day, earliest=0):
            fails.set_prices(venue, day, ledger.cash, {1: 1})
    for currency in (0, 1, 0x8000, 0x8003):
        with refused(reverts.Fails_NotCurrency, asset=currency):
            fails.set_prices(venue, DAY, currency, {1: 1})
    for _, signer in ledger.everyone_but("V"):
        with refused(reverts.Consortium_RoleRequired, caller=signer.address, role=Role.EXCHANGE):
            fails.set_prices(signer, DAY, ledger.cash, {1: 1})
    for price in (0, MAX_PRICE + 1):
        with pytest.raises(InvalidValue):
            pack_prices({1: price})


def test_set_rates_when_both_say_so_hold_from_then_on(ledger: Ledger) -> None:
    desk = Desk(ledger, bare=True)
    fails, signers = desk.fails, ledger.signers
    for code, most in (("S1", 1_000_000), ("NPR", 10_000_000)):
        asset = ledger.asset[code]
        for name in ("V", "R"):
            with refused(reverts.Fails_InvalidRate, asset=asset, ratePpm=most + 1):
                fails.set_penalty_rate(signers[name], asset, most + 1)
        fails.set_penalty_rate(signers["R"], asset, most)
        assert fails.call("penaltyRateOf", asset) == 0
        assert ledger.facts(fails.set_penalty_rate(signers["V"], asset, most))[1:] == [
            ("PenaltyRateSet", {"asset": asset, "ratePpm": most})
        ]
        assert fails.call("penaltyRateOf", asset) == most
    for unknown in (0, 9, 0x8000, 0x8003):
        with refused(reverts.AssetRegister_UnknownAsset, asset=unknown):
            fails.set_penalty_rate(signers["V"], unknown, 1)
    fails.set_closing_after(signers["V"], 4)
    assert fails.call("closingAfter") == 0
    assert ledger.facts(fails.set_closing_after(signers["R2"], 4))[1:] == [
        ("ClosingAfterSet", {"failedDays": 4})
    ]
    assert fails.call("closingAfter") == 4
    for _, signer in ledger.everyone_but("V", "R", "R2"):
        with refused(reverts.Joint_NeitherRole, caller=signer.address):
            fails.set_penalty_rate(signer, 1, 1)
        with refused(reverts.Joint_NeitherRole, caller=signer.address):
            fails.set_closing_after(signer, 1)
