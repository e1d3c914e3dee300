"""What the chain says, read back: against web3's decoding of the same logs and calldata, and by its cases.

batches      ─ records, header, affirmations, disputes, settlements, over several batches and transactions
masks        ─ of settle with several slices, of one batch as two slices, of clear
movements    ─ every Transfer, issued, redeemed, between institutions, of settlements
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from web3 import Web3
from web3.datastructures import AttributeDict
from web3.logs import DISCARD

from ledger import history
from ledger.chain import Chain, Log, connect, default_engine
from ledger.clients.consortium import account_of
from ledger.contract import Contract
from ledger.errors import EngineFailed
from ledger.history import NOBODY
from tests.contracts.clearing import Floor, Trade, slice_of
from tests.contracts.support import Ledger, SetClock, bytes32, establish

PLENTY = {(name, code): 10**12 for name in ("B1", "B2", "B3") for code in ("S1", "S2", "S5", "NPR")}


@pytest.fixture(scope="module")
def empty() -> Iterator[tuple[Ledger, object]]:
    clock = SetClock()
    with connect(default_engine(), clock=clock) as chain:
        ledger = establish(chain, clock)
        yield ledger, chain.snapshot()


@pytest.fixture
def floor(empty: tuple[Ledger, object]) -> Floor:
    ledger, snapshot = empty
    ledger.chain.restore(snapshot)
    ledger.issue(PLENTY)
    return Floor(ledger)


def trades(start: int, count: int) -> list[Trade]:
    names = ("B1", "B2", "B3")
    return [
        Trade(
            start + i,
            names[i % 3],
            names[(i // 2) % 3],
            ("S1", "S2", "S5")[i % 3],
            i + 1,
            1_000_003 * (i + 1),
        )
        for i in range(count)
    ]


def read(floor: Floor) -> history.History:
    return history.read(floor.ledger.clients)


def decoded(floor: Floor, contract: Contract, event: str) -> list[Any]:
    """All events of that name by web3 alone."""
    chain = floor.ledger.chain
    web3 = Web3().eth.contract(address=Web3.to_checksum_address(contract.address), abi=contract.artifact.abi)
    rows = [
        {
            "address": log.address, "topics": list(log.topics), "data": log.data, "logIndex": i,
            "transactionIndex": 0, "transactionHash": transaction,
            "blockHash": bytes(32), "blockNumber": block,
        }
        for i, (block, transaction, log) in enumerate(events_of(chain))
        if log.address.lower() == contract.address.lower()
    ]  # fmt: skip
    return list(web3.events[event]().process_receipt(AttributeDict({"logs": rows}), errors=DISCARD))


def events_of(chain: Chain) -> list[tuple[int, bytes, Log]]:
    """(block, transaction, event) of every event there is."""
    mined = chain.logs(0, chain.block().number)
    return [(each.block_number, each.transaction_hash, log) for each in mined for log in each.logs]


def a_day(floor: Floor) -> None:
    """Two batches, a dispute, three settlements in two cycles, a redemption and a transfer."""
    ledger, index = floor.ledger, floor.ledger.index
    floor.agree("B1", [("P", 300_000), ("V", 1)])
    first = floor.entered(*trades(1, 9), excepts={"B1": [0]})
    second = floor.entered(*trades(100, 300))
    floor.open()
    floor.settle(slice_of(first, [1, 3]), slice_of(second, range(0, 300, 2)))
    floor.settle(slice_of(second, [1, 299]))
    floor.close()
    ledger.register.transfer(ledger.signers["B1"], index["B1"], index["B2"], 1, 7)
    ledger.register.redeem(ledger.signers["B2"], bytes32("out"), ledger.cash, 5)
    floor.clear(floor.batch(*trades(1_000, 4)), [0, 3])


def test_movements_are_the_transfers_that_web3_decodes(floor: Floor) -> None:
    a_day(floor)
    moves = read(floor).movements
    columns = (moves.sender, moves.receiver, moves.asset, moves.amount)
    found = list(zip(*(column.tolist() for column in columns), strict=True))
    holders = {account_of(i): i for i in range(20)} | {"0x" + "00" * 20: NOBODY}
    expected = [
        (holders[e["args"]["sender"]], holders[e["args"]["receiver"]], e["args"]["id"], e["args"]["amount"])
        for e in decoded(floor, floor.ledger.register, "Transfer")
    ]
    assert found == expected
    assert len(found) > 25
    assert moves.places() == sorted({(h, a) for s, r, a, _ in found for h in (s, r) if h != NOBODY})


def test_net_movements_are_opening_and_closing(floor: Floor) -> None:
    a_day(floor)
    moves, ledger = read(floor).movements, floor.ledger
    holders = list(ledger.index.values())
    net = Counter(moves.net(holders, other=[0])) + Counter()
    assert min(moves.net(holders, other=[NOBODY]).values()) > 0
    total: Counter[tuple[int, int]] = Counter(moves.net(holders, other=[NOBODY, 0, *holders]))
    balances = ledger.register.balances(moves.places())
    assert {place: amount for place, amount in total.items() if amount} == balances
    assert net


def test_batches_are_what_web3_decodes(floor: Floor) -> None:
    a_day(floor)
    found, house = read(floor), floor.house
    for event in decoded(floor, house, "BatchRecorded"):
        batch = found.batches[event["args"]["batchHash"]]
        assert batch.record_transaction == event["transactionHash"]
        header = event["args"]["header"]
        assert batch.header.as_tuple() == tuple(header.values() if hasattr(header, "values") else header)
        assert len(batch.records) == event["args"]["count"]
    affirmed = Counter(
        (e["args"]["batchHash"], e["args"]["institution"], bytes(e["transactionHash"]))
        for e in decoded(floor, house, "BatchAffirmed")
    )
    assert affirmed == Counter(
        (h, who, transaction) for h, b in found.batches.items() for who, transaction in b.affirmed_in.items()
    )
    disputed = Counter(
        (e["args"]["batchHash"], e["args"]["tradeNo"], e["args"]["institution"])
        for e in decoded(floor, house, "TradeDisputed")
    )
    assert disputed == Counter(
        (h, no, who) for h, b in found.batches.items() for no, whos in b.disputed.items() for who in whos
    )
    assert sum(disputed.values()) == 1


def test_settled_is_what_the_contract_says_of_each_record(floor: Floor) -> None:
    a_day(floor)
    found = read(floor)
    for batch_hash, batch in found.batches.items():
        for position, settled in enumerate(batch.settled.tolist()):
            assert settled is (floor.house.status_of(batch_hash, position) == 3)
    counts = Counter(
        (e["args"]["batchHash"], bytes(e["transactionHash"]))
        for e in decoded(floor, floor.house, "SliceSettled")
        for _ in range(e["args"]["count"])
    )
    assert counts == Counter(
        (h, b.settlements[i]) for h, b in found.batches.items() for i in b.settled_in.tolist() if i >= 0
    )


def test_netting_sets_and_accruals_are_what_web3_decodes(floor: Floor) -> None:
    a_day(floor)
    found = read(floor)
    sets = decoded(floor, floor.house, "NettingSetSettled")
    assert [event.arguments for event in found.netting_sets] == [dict(event["args"]) for event in sets]
    assert len(sets) == 3
    accrued = [
        (
            e["args"]["agreementId"],
            e["args"]["period"],
            e["args"]["totalBefore"],
            e["args"]["totalAfter"],
            bytes(e["transactionHash"]),
        )
        for e in decoded(floor, floor.ledger.revenue, "RevenueAccrued")
    ]
    names = "agreementId", "period", "totalBefore", "totalAfter"
    told = [event for event in found.revenue if event.name == "RevenueAccrued"]
    assert [(*(event[name] for name in names), event.transaction) for event in told] == accrued
    assert accrued
    times = {event.transaction: found.times[event.transaction] for event in told}
    blocks = {each: found.blocks[each] for each in times}
    assert times == {each: floor.ledger.chain.block(blocks[each]).timestamp for each in blocks}


def test_one_batch_as_two_slices_of_a_settlement_has_both_settled(floor: Floor) -> None:
    """The interface lets slices share a batch: each has its own mask."""
    batch = floor.entered(*trades(1, 6))
    floor.open()
    floor.settle(slice_of(batch, [0, 1]), slice_of(batch, [4]))
    (found,) = read(floor).batches.values()
    assert [i for i in range(6) if floor.house.status_of(batch.hash, i) == 3] == [0, 1, 4]
    assert found.settled.tolist() == [True, True, False, False, True, False]


def test_events_of_each_contract_decode_as_web3_decodes_them(floor: Floor) -> None:
    a_day(floor)
    ledger = floor.ledger
    chain = ledger.chain
    logs = [log for _, _, log in events_of(chain)]
    clients = ledger.clients
    for contract in (
        clients.consortium,
        clients.register,
        clients.agreements,
        clients.revenue,
        clients.clearing_house,
    ):
        for name in {event.name for event in contract.events(logs)}:
            ours = [named(event.arguments) for event in contract.events(logs, name)]
            theirs = [named(dict(event["args"])) for event in decoded(floor, contract, name)]
            assert ours == theirs, name


def named(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: plain(value) for name, value in arguments.items()}


def plain(value: Any) -> Any:
    """Structs as tuples of their values, addresses in lower case."""
    if isinstance(value, dict | AttributeDict):
        return tuple(plain(item) for item in value.values())
    if isinstance(value, list | tuple):
        return tuple(plain(item) for item in value)
    return value.lower() if isinstance(value, str) and value.startswith("0x") else value


def test_reading_an_empty_ledger_finds_nothing(empty: tuple[Ledger, object]) -> None:
    ledger, snapshot = empty
    ledger.chain.restore(snapshot)
    found = history.read(ledger.clients)
    assert (found.batches, found.revenue, found.netting_sets) == ({}, [], [])
    assert found.head == ledger.chain.block().number
    assert found.movements.places() == []
    assert found.movements.net([1, 2], other=[0, NOBODY]) == {}
    assert history.History().movements.places() == []


def test_calldata_that_is_not_what_was_recorded_raises(floor: Floor) -> None:
    """A node that hands out other calldata than was executed is not believed."""
    batch = floor.batch(*trades(1, 3))
    floor.record(batch)

    class Liar:
        def __getattr__(self, name: str) -> Any:
            return getattr(floor.ledger.chain, name)

        def transaction_input(self, transaction: bytes) -> bytes:
            data = floor.ledger.chain.transaction_input(transaction)
            return data[:-1] + bytes([data[-1] ^ 1])

    house = type(floor.house)(Liar(), floor.house.address, floor.house.artifact)  # type: ignore[arg-type]
    with pytest.raises(EngineFailed):
        history.read(replace(floor.ledger.clients, clearing_house=house))
