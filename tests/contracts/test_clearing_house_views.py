"""What anyone may ask the clearing house; the rest is asked in the tests of what changes it.

MAX_CYCLE, addresses    ─ as deployed
hashOf                  ─ keccak of the header's fields and the records' hash, a word each; all of them count
affirmationDigest       ─ EIP-712, as eth-account has it
feeSchedule             ─ reverts where there is none
batch, statusOf, affirmedBy, tradeNumberUsed, cycleOf ─ nothing of what is not there
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_account.messages import encode_typed_data
from eth_utils import keccak

from ledger import reverts
from ledger.clients.clearing_house import Status
from tests.contracts.clearing import Floor
from tests.contracts.clearing_model import Trade
from tests.contracts.support import DAY, Ledger, refused


def test_constants_are_as_deployed(ledger: Ledger) -> None:
    house = ledger.clearing_house
    assert house.call("MAX_CYCLE") == 86_400
    contracts = (ledger.consortium, ledger.register, ledger.revenue)
    names = ("CONSORTIUM", "REGISTER", "REVENUE_SHARING")
    assert [house.call(name).lower() for name in names] == [each.address.lower() for each in contracts]


def test_times_and_counts_are_uint64(ledger: Ledger) -> None:
    outputs = {
        entry["name"]: [part["type"] for part in entry["outputs"]]
        for entry in ledger.clearing_house.artifact.abi
        if entry["type"] == "function"
    }
    for name in ("MAX_CYCLE", "openCycles", "openSince", "reopenFrom"):
        assert outputs[name] == ["uint64"], name


def test_eip712_domain_is_as_signed(ledger: Ledger) -> None:
    fields, name, version, chain_id, contract, salt, extensions = ledger.clearing_house.call("eip712Domain")
    assert (fields, name, version, chain_id) == (b"\x0f", "ClearingHouse", "1", 31337)
    assert (contract.lower(), salt, extensions) == (ledger.clearing_house.address.lower(), bytes(32), ())


def test_hash_of_takes_every_field(ledger: Ledger) -> None:
    batch = Floor(ledger).batch(Trade(1, "B1", "B2"))
    seen = set()
    fields = ("venue", "trading_day", "cash_asset", "intended_settlement_date", "fee_schedule_id", "version")
    headers = [batch.header, *(replace(batch.header, **{field: 99}) for field in fields)]
    for header in headers:
        returned = ledger.clearing_house.call("hashOf", header.as_tuple(), batch.records_hash)
        assert returned == replace(batch, header=header).hash
        seen.add(returned)
    assert len(seen) == 7
    assert ledger.clearing_house.call("hashOf", batch.header.as_tuple(), keccak(b"")) not in seen


@pytest.mark.parametrize("institution", [0, 8, 0xFFFF])
def test_affirmation_digest_is_eip712s(ledger: Ledger, institution: int) -> None:
    names = ("batchHash", "institution", "recordsHash", "exceptionsHash", "clientRoot", "priorBlockHash")
    values = [keccak(text=name) for name in names]
    values[1] = institution  # type: ignore[call-overload]
    kinds = [{"name": n, "type": "uint16" if n == "institution" else "bytes32"} for n in names]
    domain = {
        "name": "ClearingHouse",
        "version": "1",
        "chainId": 31337,
        "verifyingContract": ledger.clearing_house.address,
    }
    message = encode_typed_data(domain, {"Affirmation": kinds}, dict(zip(names, values, strict=True)))
    digest = keccak(b"\x19" + message.version + message.header + message.body)
    assert ledger.clearing_house.call("affirmationDigest", *values) == digest


@pytest.mark.parametrize("schedule", [0, 2, 0xFFFF])
def test_fee_schedule_given_none_reverts(ledger: Ledger, schedule: int) -> None:
    with refused(reverts.ClearingHouse_UnknownFeeSchedule, feeScheduleId=schedule):
        ledger.clearing_house.call("feeSchedule", schedule)


def test_views_given_nothing_say_nothing(ledger: Ledger) -> None:
    house, nobody = ledger.clearing_house, keccak(text="no batch")
    assert tuple(house.call("batch", nobody)) == (0, 0, 0)
    assert [house.status_of(nobody, i) for i in (0, 1, 255, 256, 2**256 - 1)] == [Status.UNKNOWN] * 5
    assert not any(house.call("affirmedBy", nobody, i) for i in (0, 8, 0xFFFF))
    assert not any(house.call("tradeNumberUsed", 1, DAY, n) for n in (0, 1, 2**32 - 1))
    assert [tuple(house.call("cycleOf", venue)) for venue in (0, 1, 2)] == [(0, 0, False)] * 3
    assert [house.call(name) for name in ("openCycles", "openSince", "reopenFrom")] == [0, 0, 0]


def test_trade_number_used_tells_venues_days_and_numbers_apart(ledger: Ledger) -> None:
    floor = Floor(ledger)
    floor.record(floor.batch(Trade(0x01020304, "B1", "B2")))
    house = ledger.clearing_house
    assert house.call("tradeNumberUsed", 1, DAY, 0x01020304)
    for other in ((0, DAY, 0x01020304), (2, DAY, 0x01020304), (1, DAY + 1, 0x01020304), (1, DAY, 0x00020304)):
        assert not house.call("tradeNumberUsed", *other)
    for number in (0x01020204, 0x01020305, 0x01030304, 0x0304, 0x04):
        assert not house.call("tradeNumberUsed", 1, DAY, number)


def test_status_of_beyond_last_record_is_unknown(ledger: Ledger) -> None:
    floor = Floor(ledger)
    batch = floor.batch(*(Trade(n, "B1", "B2") for n in range(300)))
    floor.record(batch)
    statuses = [ledger.clearing_house.status_of(batch.hash, i) for i in (0, 255, 256, 299, 300, 511, 2**255)]
    assert statuses == [Status.PENDING] * 4 + [Status.UNKNOWN] * 3
