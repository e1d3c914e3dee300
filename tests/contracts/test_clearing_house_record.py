"""record(Header, bytes32[]): what the ledger takes in as trades.

when everything is right            ─ known, pending, numbers used, one event with all of it
when the caller is not the venue    ─ refused, whoever it is; another exchange too
when the header is wrong            ─ version, dates that do not exist, currency, fee schedule
when there are no records
when a record is wrong              ─ order, page, number, security, parties, quantity, amount; the first one
given a number was used             ─ refused on the same venue and day, free on another
given a broker is suspended, or is no broker ─ refused
when values are the largest there are ─ recorded
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import replace

import pytest

from ledger import reverts
from ledger.clients.clearing_house import Status
from ledger.clients.consortium import Role
from tests.contracts.clearing import Batch, Floor, record
from tests.contracts.clearing_model import MAX_QUANTITY, Trade
from tests.contracts.support import DAY, MAX_AMOUNT, Ledger, refusal_of, refused

GOOD = (Trade(7, "B1", "B2", "S1"), Trade(3, "B2", "B3", "S2"), Trade(9, "B3", "B3", "S2"))


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    return Floor(ledger)


def of_words(ledger: Ledger, *words: bytes) -> Batch:
    return Batch(ledger.header(), (), words)


def test_record_when_right_makes_batch_known(floor: Floor, ledger: Ledger) -> None:
    batch = floor.batch(*GOOD)
    receipt = floor.record(batch)
    assert ledger.facts(receipt) == [
        (
            "BatchRecorded",
            {
                "batchHash": batch.hash,
                "venue": ledger.index["V"],
                "tradingDay": DAY,
                "recordsHash": batch.records_hash,
                "count": 3,
                "header": batch.header.as_tuple(),
            },
        )
    ]
    assert ledger.clearing_house.call("batch", batch.hash) == (3, 3, ledger.now)
    assert [floor.house.status_of(batch.hash, i) for i in range(4)] == [Status.PENDING] * 3 + [Status.UNKNOWN]
    used = [n for n in range(300) if floor.house.call("tradeNumberUsed", ledger.index["V"], DAY, n)]
    assert used == [3, 7, 9]


def test_record_returns_hash(floor: Floor, ledger: Ledger) -> None:
    batch = floor.batch(*GOOD)
    returned = floor.house.call(
        "record", batch.header.as_tuple(), batch.records, sender=ledger.signers["V"].address
    )
    assert returned == batch.hash


def test_record_when_caller_is_not_an_exchange_reverts(floor: Floor, ledger: Ledger) -> None:
    batch = floor.batch(*GOOD)
    for _, signer in ledger.everyone_but("V"):
        with refused(reverts.Consortium_RoleRequired, caller=signer.address, role=Role.EXCHANGE):
            floor.house.record(signer, batch.header, batch.records)


def test_record_when_caller_is_another_exchange_reverts(floor: Floor, ledger: Ledger) -> None:
    other = ledger.admit("V2", Role.EXCHANGE)
    with refused(reverts.ClearingHouse_NotVenue, caller=other, venue=ledger.index["V"]):
        floor.record(floor.batch(*GOOD), "V2")


def test_record_given_venue_is_suspended_reverts(floor: Floor, ledger: Ledger) -> None:
    ledger.suspend("V")
    with refused(reverts.Consortium_RoleRequired, caller=ledger.signers["V"].address, role=Role.EXCHANGE):
        floor.record(floor.batch(*GOOD))


@pytest.mark.parametrize("version", [0, 2, 255])
def test_record_when_version_is_unknown_reverts(floor: Floor, version: int) -> None:
    with refused(reverts.ClearingHouse_UnknownVersion, version=version):
        floor.record(floor.batch(*GOOD, version=version))


@pytest.mark.parametrize(
    ("day", "settlement"),
    [
        (0, 20191121),
        (20191121, 0),
        (20191121, 20191120),
        (20191121, 20181231),
        (20191301, 20191301),
        (20190001, 20191121),
        (20191100, 20191121),
        (20191132, 20191201),
        (20191121, 20191200),
        (20191121, 20191232),
        (20191121, 20201301),
        (191121, 20191121),
        (20191121, 120191121),
        (2**32 - 1, 2**32 - 1),
    ],
)
def test_record_when_dates_are_wrong_reverts(floor: Floor, day: int, settlement: int) -> None:
    with refused(reverts.ClearingHouse_InvalidDates, tradingDay=day, intendedSettlementDate=settlement):
        floor.record(floor.batch(*GOOD, trading_day=day, intended_settlement_date=settlement))


@pytest.mark.parametrize("day", [20190229, 20190230, 20190431, 20191131, 19000229, 21000229, 20240230])
def test_record_when_month_has_no_such_day_reverts(floor: Floor, day: int) -> None:
    """Neither as trade date nor as settlement date."""
    for trading_day, settlement in ((day, 99991231), (19000101, day), (day, day)):
        with refused(
            reverts.ClearingHouse_InvalidDates, tradingDay=trading_day, intendedSettlementDate=settlement
        ):
            floor.record(floor.batch(*GOOD, trading_day=trading_day, intended_settlement_date=settlement))


@pytest.mark.parametrize("year", [1900, 1904, 2000, 2019, 2020, 2100, 2400, 9999])
def test_record_takes_the_days_that_each_month_has(floor: Floor, ledger: Ledger, year: int) -> None:
    """Leap years by the Gregorian rule, which `calendar` has: 2000 and 2400 are, 1900 and 2100 are not."""
    sender = ledger.signers["V"].address
    for month in range(1, 13):
        last = monthrange(year, month)[1]
        for day in (0, 1, *range(28, 33)):
            date = year * 10_000 + month * 100 + day
            batch = floor.batch(*GOOD, trading_day=date, intended_settlement_date=date)
            told = refusal_of(
                lambda batch=batch: floor.house.call(
                    "record", batch.header.as_tuple(), batch.records, sender=sender
                )
            )
            exists = 1 <= day <= last
            assert told == (None if exists else ("ClearingHouse_InvalidDates", date, date))


@pytest.mark.parametrize("day", [20191231, 20200229, 20000229, 20190131, 99991231, 19000101])
def test_record_when_dates_are_unusual_records(floor: Floor, day: int) -> None:
    floor.record(floor.batch(*GOOD, trading_day=day, intended_settlement_date=day))


@pytest.mark.parametrize("asset", [0, 1, 8, 9, 0x7FFF, 0x8000, 0x8003, 0xFFFF])
def test_record_when_cash_asset_is_no_currency_reverts(floor: Floor, asset: int) -> None:
    with refused(reverts.ClearingHouse_NotCurrency, asset=asset):
        floor.record(floor.batch(*GOOD, cash_asset=asset))


@pytest.mark.parametrize("schedule", [0, 2, 0xFFFF])
def test_record_when_fee_schedule_is_unknown_reverts(floor: Floor, schedule: int) -> None:
    with refused(reverts.ClearingHouse_UnknownFeeSchedule, feeScheduleId=schedule):
        floor.record(floor.batch(*GOOD, fee_schedule_id=schedule))


def test_record_when_fee_schedule_is_another_venues_reverts(floor: Floor, ledger: Ledger) -> None:
    ledger.admit("V2", Role.EXCHANGE)
    with refused(reverts.ClearingHouse_UnknownFeeSchedule, feeScheduleId=1):
        floor.record(floor.batch(*GOOD, venue=ledger.index["V2"]), "V2")


def test_record_when_there_are_no_records_reverts(floor: Floor) -> None:
    with refused(reverts.ClearingHouse_EmptyBatch):
        floor.record(floor.batch())


@pytest.mark.parametrize(
    ("rows", "position"),
    [
        ([(7, 1), (3, 1)], 1),
        ([(7, 1), (7, 1)], 1),
        ([(1, 2), (2, 1)], 1),
        ([(1, 1), (2, 2), (3, 1)], 2),
        ([(1, 1), (2, 1), (3, 2), (5, 2), (4, 2)], 4),
    ],
)
def test_record_when_order_is_wrong_reverts_with_position(
    floor: Floor, ledger: Ledger, rows: list[tuple[int, int]], position: int
) -> None:
    words = [record(number, 0, 8, 9, asset, 1, 1) for number, asset in rows]
    with refused(reverts.ClearingHouse_RecordOrder, position=position):
        floor.record(of_words(ledger, *words))


@pytest.mark.parametrize("other", [0x10000, 0x20001, 0xFFFF0000, 2**32 - 1])
def test_record_when_numbers_lie_in_two_pages_reverts(floor: Floor, other: int) -> None:
    trades = [Trade(0xFFFF, "B1", "B2"), Trade(other, "B1", "B2")]
    with refused(reverts.ClearingHouse_OtherPage, tradeNo=other):
        floor.record(floor.batch(*trades))


def test_record_when_number_is_twice_in_batch_reverts(floor: Floor) -> None:
    trades = [Trade(5, "B1", "B2", "S1"), Trade(6, "B1", "B2", "S1"), Trade(5, "B2", "B3", "S2")]
    with refused(reverts.ClearingHouse_TradeNumberUsed, venue=1, tradingDay=DAY, tradeNo=5):
        floor.record(floor.batch(*trades))


@pytest.mark.parametrize("number", [0, 1, 255, 256, 0xFFFF, 0x10000, 0x1FFFF, 2**32 - 1])
def test_record_given_number_was_used_reverts(floor: Floor, number: int) -> None:
    floor.record(floor.batch(Trade(number, "B1", "B2", "S1")))
    again = floor.batch(Trade(number, "B2", "B3", "S4"), Trade(number ^ 1, "B2", "B3", "S5"))
    with refused(reverts.ClearingHouse_TradeNumberUsed, venue=1, tradingDay=DAY, tradeNo=number):
        floor.record(again)
    floor.record(floor.batch(Trade(number ^ 1, "B2", "B3", "S5")))


def test_record_given_same_batch_was_recorded_reverts_with_lowest_number(floor: Floor) -> None:
    batch = floor.batch(*GOOD)
    floor.record(batch)
    with refused(reverts.ClearingHouse_TradeNumberUsed, venue=1, tradingDay=DAY, tradeNo=3):
        floor.record(batch)


def test_record_given_number_was_used_under_another_header_of_the_day_reverts(
    floor: Floor, ledger: Ledger
) -> None:
    floor.record(floor.batch(*GOOD))
    for changes in ({"cash_asset": ledger.asset["USD"]}, {"intended_settlement_date": 20191125}):
        with refused(reverts.ClearingHouse_TradeNumberUsed, venue=1, tradingDay=DAY, tradeNo=3):
            floor.record(floor.batch(*GOOD, **changes))


def test_record_given_number_was_used_on_another_day_or_venue_records(floor: Floor, ledger: Ledger) -> None:
    ledger.admit("V2", Role.EXCHANGE)
    floor.house.register_fee_schedule(ledger.signers["V2"], ledger.index["R"], 0, [(MAX_AMOUNT, 0, 0)])
    floor.record(floor.batch(*GOOD))
    floor.record(floor.batch(*GOOD, trading_day=20191120))
    floor.record(floor.batch(*GOOD, venue=ledger.index["V2"], fee_schedule_id=2), "V2")


def test_record_given_refused_batch_its_numbers_stay_free(floor: Floor, ledger: Ledger) -> None:
    wrong = [Trade(1, "B1", "B2"), Trade(2, "B1", "B2", quantity=0)]
    with pytest.raises(reverts.ClearingHouse_ZeroQuantity):
        floor.record(floor.batch(*wrong))
    assert not floor.house.call("tradeNumberUsed", 1, DAY, 1)
    floor.record(floor.batch(wrong[0]))


@pytest.mark.parametrize("asset", [0, 9, 0x8001, 0xFFFF])
def test_record_when_security_is_unknown_reverts(floor: Floor, ledger: Ledger, asset: int) -> None:
    with refused(reverts.ClearingHouse_UnknownSecurity, tradeNo=4, asset=asset):
        floor.record(of_words(ledger, record(4, 0, 8, 9, asset, 1, 1)))


def test_record_when_last_security_only_is_unknown_reverts(floor: Floor, ledger: Ledger) -> None:
    good = floor.batch(*GOOD)
    with refused(reverts.ClearingHouse_UnknownSecurity, tradeNo=11, asset=9):
        floor.record(replace(good, words=(*good.words, record(11, 0, 8, 9, 9, 1, 1))))


@pytest.mark.parametrize("side", ["buyer", "seller"])
@pytest.mark.parametrize("who", [0, 1, 2, 3, 4, 5, 6, 7, 11, 255, 256, 264, 0xFFFF])
def test_record_when_party_is_no_broker_reverts(floor: Floor, ledger: Ledger, side: str, who: int) -> None:
    """Each other role, nobody, institutions that do not exist, and indexes that end like a broker's."""
    parties = {"buyer": (who, 8), "seller": (8, who)}[side]
    good = floor.batch(*GOOD)
    words = (*good.words, record(12, 0, *parties, 2, 1, 1))
    with refused(reverts.ClearingHouse_NotBroker, tradeNo=12, institution=who):
        floor.record(replace(good, words=words))


def test_record_given_broker_is_suspended_reverts(floor: Floor, ledger: Ledger) -> None:
    ledger.suspend("B3")
    with refused(reverts.ClearingHouse_NotBroker, tradeNo=3, institution=ledger.index["B3"]):
        floor.record(floor.batch(*GOOD))
    ledger.consortium.reinstate(ledger.signers["R"], ledger.index["B3"])
    floor.record(floor.batch(*GOOD))


def test_record_given_broker_lost_its_role_reverts(floor: Floor, ledger: Ledger) -> None:
    ledger.consortium.grant_roles(ledger.operator, ledger.index["B2"], [Role.PARTNER])
    ledger.consortium.revoke_roles(ledger.signers["R"], ledger.index["B2"], [Role.BROKER])
    with refused(reverts.ClearingHouse_NotBroker, tradeNo=7, institution=ledger.index["B2"]):
        floor.record(floor.batch(*GOOD))


@pytest.mark.parametrize("at", range(3))
def test_record_when_quantity_or_amount_is_zero_reverts(floor: Floor, at: int) -> None:
    trades = [replace(trade, **({"quantity": 0} if i == at else {})) for i, trade in enumerate(GOOD)]
    with refused(reverts.ClearingHouse_ZeroQuantity, tradeNo=GOOD[at].number):
        floor.record(floor.batch(*trades))
    trades = [replace(trade, **({"amount": 0} if i == at else {})) for i, trade in enumerate(GOOD)]
    with refused(reverts.ClearingHouse_ZeroAmount, tradeNo=GOOD[at].number):
        floor.record(floor.batch(*trades))


@pytest.mark.parametrize(
    ("quantity", "amount"),
    [
        (1, 1),
        (MAX_QUANTITY, 1),
        (1, 2**87 - 1),
        (1, 2**87),
        (1, MAX_AMOUNT),
        (2, 2**87),
        (2, 2**86),
        (4, 2**86),
        (2**63, 2**25),
        (2**63, 2**63),
        (MAX_QUANTITY, MAX_AMOUNT),
    ],
)
def test_record_when_values_are_at_their_limits_records(
    floor: Floor, ledger: Ledger, quantity: int, amount: int
) -> None:
    """Among them values whose product has no bits where amounts have theirs."""
    batch = floor.batch(Trade(2**32 - 1, "B1", "B2", "S8", quantity, amount, time=0))
    floor.record(batch)
    assert ledger.clearing_house.call("batch", batch.hash)[0] == 1


def test_record_when_first_of_several_mistakes_is_named(floor: Floor) -> None:
    trades = [GOOD[0], replace(GOOD[1], amount=0), replace(GOOD[2], quantity=0)]
    with refused(reverts.ClearingHouse_ZeroAmount, tradeNo=3):
        floor.record(floor.batch(*trades))


def test_record_when_page_is_full_of_many_records_uses_each_number(floor: Floor, ledger: Ledger) -> None:
    trades = [Trade(0x30000 + 37 * n, "B1", "B2", f"S{1 + n % 8}") for n in range(1500)]
    batch = floor.batch(*trades)
    floor.record(batch)
    assert ledger.clearing_house.call("batch", batch.hash)[:2] == (1500, 1500)
    for n in (0, 1, 255, 256, 257, 1499):
        assert floor.house.call("tradeNumberUsed", 1, DAY, 0x30000 + 37 * n)
        assert not floor.house.call("tradeNumberUsed", 1, DAY, 0x30000 + 37 * n + 1)
        assert not floor.house.call("tradeNumberUsed", 1, DAY, 0x20000 + 37 * n)
