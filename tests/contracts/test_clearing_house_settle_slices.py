"""settle(Slice[]): by whom, when, and of which batches.

when the caller is not the venue                ─ refused, whoever it is; another exchange too
given no cycle is open, or another venue's is   ─ refused
when there are no slices, 255, or 256
when headers differ in venue, currency or schedule ─ refused, with the first that differs
when the batch is unknown, or altered by a bit, or under another header
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger import reverts
from ledger.abi import Words
from ledger.clients.clearing_house import Slice, Status
from ledger.clients.consortium import Role
from tests.contracts.clearing import Batch, Floor, altered, others, slice_of
from tests.contracts.clearing_model import Trade
from tests.contracts.support import MAX_AMOUNT, Ledger, refused

PLENTY = {(name, code): 10**12 for name in ("B1", "B2", "B3") for code in ("S1", "S2", "S5", "NPR")}


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    ledger.issue(PLENTY)
    return Floor(ledger)


def three(start: int = 1) -> list[Trade]:
    return [
        Trade(start, "B1", "B2", "S1"),
        Trade(start + 1, "B2", "B3", "S2"),
        Trade(start + 2, "B3", "B1", "S5"),
    ]


def many(count: int) -> list[Trade]:
    return [Trade(n, "B1", "B2", "S1", 1, 100) for n in range(1, count + 1)]


def test_settle_when_caller_is_not_an_exchange_reverts(floor: Floor, ledger: Ledger) -> None:
    batch = floor.entered(*three())
    floor.open()
    for name, signer in ledger.everyone_but("V"):
        with refused(reverts.Consortium_RoleRequired, caller=signer.address, role=Role.EXCHANGE):
            ledger.clearing_house.settle(signer, 3, [slice_of(batch)])
        assert ledger.clearing_house.status_of(batch.hash, 0) == Status.PENDING, name


def test_settle_when_caller_is_another_exchange_reverts(floor: Floor, ledger: Ledger) -> None:
    other = ledger.admit("V2", Role.EXCHANGE)
    batch = floor.entered(*three())
    floor.open()
    floor.open("V2")
    with refused(reverts.ClearingHouse_NotVenue, caller=other, venue=ledger.index["V"]):
        floor.settle(slice_of(batch), venue="V2")


def test_settle_given_venue_is_suspended_reverts(floor: Floor, ledger: Ledger) -> None:
    batch = floor.entered(*three())
    floor.open()
    ledger.suspend("V")
    with refused(reverts.Consortium_RoleRequired, caller=ledger.signers["V"].address, role=Role.EXCHANGE):
        floor.settle(slice_of(batch))


def test_settle_given_no_cycle_was_opened_reverts(floor: Floor) -> None:
    batch = floor.entered(*three())
    with refused(reverts.ClearingHouse_NoCycle, venue=1):
        floor.settle(slice_of(batch))


def test_settle_given_cycle_is_closed_reverts(floor: Floor) -> None:
    batch = floor.entered(*three())
    floor.open()
    floor.close()
    with refused(reverts.ClearingHouse_NoCycle, venue=1):
        floor.settle(slice_of(batch))


def test_settle_given_only_another_venues_cycle_is_open_reverts(floor: Floor, ledger: Ledger) -> None:
    ledger.admit("V2", Role.EXCHANGE)
    batch = floor.entered(*three())
    floor.open("V2")
    with refused(reverts.ClearingHouse_NoCycle, venue=1):
        floor.settle(slice_of(batch))


def test_settle_given_deadline_passed_and_nobody_closed_settles(floor: Floor, ledger: Ledger) -> None:
    batch = floor.entered(*three())
    floor.open(seconds=60)
    ledger.at(ledger.now + 3600)
    floor.settle(slice_of(batch))


def test_settle_when_there_are_no_slices_reverts(floor: Floor) -> None:
    floor.open()
    with refused(reverts.ClearingHouse_SliceCount, count=0):
        floor.settle()


def test_settle_when_there_are_255_slices_settles_and_256_reverts(floor: Floor, ledger: Ledger) -> None:
    """Each slice is one record of one batch; the 256th record is left over."""
    batch = floor.entered(*many(256))
    floor.open()
    slices = [slice_of(batch, [i]) for i in range(256)]
    with refused(reverts.ClearingHouse_SliceCount, count=256):
        floor.settle(*slices)
    facts = others(ledger.facts(floor.settle(*slices[:255])))
    assert [fact.get("count") for _, fact in facts] == [1] * 255 + [None]
    assert facts[-1][1]["grossAmount"] == 255 * 100
    assert ledger.clearing_house.status_of(batch.hash, 254) == Status.SETTLED
    assert ledger.clearing_house.status_of(batch.hash, 255) == Status.PENDING


@pytest.mark.parametrize("field", ["venue", "cash_asset", "fee_schedule_id"])
def test_settle_when_headers_differ_reverts_with_first_that_does(
    floor: Floor, ledger: Ledger, field: str
) -> None:
    ledger.admit("V2", Role.EXCHANGE)
    house = ledger.clearing_house
    house.register_fee_schedule(ledger.signers["V2"], ledger.index["R"], 150, [(MAX_AMOUNT, 6_000, 0)])
    house.register_fee_schedule(ledger.signers["V"], ledger.index["R"], 150, [(MAX_AMOUNT, 6_000, 0)])
    changes = {
        "venue": {"venue": ledger.index["V2"], "fee_schedule_id": 2},
        "cash_asset": {"cash_asset": ledger.asset["USD"]},
        "fee_schedule_id": {"fee_schedule_id": 3},
    }[field]
    first, second = floor.entered(*three(1)), floor.entered(*three(11))
    third = floor.entered(*three(21), by="V2" if field == "venue" else "V", **changes)
    floor.open()
    with refused(reverts.ClearingHouse_MixedSlices, slice=2):
        floor.settle(*map(slice_of, (first, second, third)))
    floor.settle(slice_of(first), slice_of(second))


def test_settle_when_one_venue_uses_anothers_slice_reverts(floor: Floor, ledger: Ledger) -> None:
    """V2 puts its own slice first, so that the check of the caller passes."""
    ledger.admit("V2", Role.EXCHANGE)
    ledger.clearing_house.register_fee_schedule(
        ledger.signers["V2"], ledger.index["R"], 150, [(MAX_AMOUNT, 6_000, 0)]
    )
    own = floor.entered(*three(), by="V2", venue=ledger.index["V2"], fee_schedule_id=2)
    foreign = floor.entered(*three())
    floor.open()
    floor.open("V2")
    with refused(reverts.ClearingHouse_MixedSlices, slice=1):
        floor.settle(slice_of(own), slice_of(foreign), venue="V2")
    floor.settle(slice_of(own), venue="V2")
    floor.settle(slice_of(foreign))


def test_settle_when_batch_is_unknown_reverts(floor: Floor) -> None:
    known, unknown = floor.entered(*three()), floor.batch(*three(11))
    floor.open()
    for slices in ([unknown], [known, unknown]):
        with refused(reverts.ClearingHouse_UnknownBatch, batchHash=unknown.hash):
            floor.settle(*map(slice_of, slices))


def test_settle_when_there_are_no_records_reverts(floor: Floor, ledger: Ledger) -> None:
    floor.entered(*three())
    floor.open()
    nothing = Batch(ledger.header(), (), ())
    with refused(reverts.ClearingHouse_UnknownBatch, batchHash=nothing.hash):
        floor.settle(Slice(nothing.header, nothing.records, Words(b"")))


@pytest.mark.parametrize("bit", [0, 87, 88, 151, 152, 168, 184, 200, 224, 255])
@pytest.mark.parametrize("position", [0, 2])
def test_settle_when_record_is_altered_by_a_bit_reverts(floor: Floor, position: int, bit: int) -> None:
    batch = floor.entered(*three())
    floor.open()
    other = altered(batch, position, bit)
    with refused(reverts.ClearingHouse_UnknownBatch, batchHash=other.hash):
        floor.settle(slice_of(other))


def test_settle_when_records_are_reordered_or_fewer_reverts(floor: Floor) -> None:
    batch = floor.entered(*three())
    floor.open()
    for words in (batch.words[::-1], batch.words[:2], (*batch.words, batch.words[2])):
        other = replace(batch, words=words)
        with refused(reverts.ClearingHouse_UnknownBatch, batchHash=other.hash):
            floor.settle(slice_of(other))


@pytest.mark.parametrize(
    "changes", [{"trading_day": 20191122}, {"intended_settlement_date": 20191122}, {"version": 2}]
)
def test_settle_when_header_is_altered_reverts(floor: Floor, changes: dict[str, int]) -> None:
    batch = floor.entered(*three())
    floor.open()
    other = replace(batch, header=replace(batch.header, **changes))
    with refused(reverts.ClearingHouse_UnknownBatch, batchHash=other.hash):
        floor.settle(slice_of(other))


def test_settle_given_trade_settled_in_earlier_cycle_reverts(floor: Floor) -> None:
    batch = floor.entered(*many(300))
    floor.open()
    floor.settle(slice_of(batch, [299]))
    floor.close()
    floor.rest()
    floor.open()
    with refused(reverts.ClearingHouse_NotPending, tradeNo=300, status=Status.SETTLED):
        floor.settle(slice_of(batch))
