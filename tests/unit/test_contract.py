"""One deployed contract: calldata as web3 makes it, results, refusals, events of its own only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from web3 import Web3

from ledger import reverts
from ledger.abi import Words
from ledger.chain import Log, connect, default_engine
from ledger.compile import artifacts
from ledger.contract import send
from ledger.errors import Reverted
from tests.contracts.support import Ledger, SetClock, establish


@pytest.fixture(scope="module")
def ledger() -> Iterator[Ledger]:
    clock = SetClock()
    with connect(default_engine(), clock=clock) as chain:
        yield establish(chain, clock)


def web3_of(ledger: Ledger, name: str) -> object:
    address = Web3.to_checksum_address(ledger.deployment.addresses[name])
    return Web3().eth.contract(address=address, abi=artifacts()[name].abi)


def test_encode_is_what_web3_encodes(ledger: Ledger) -> None:
    header = (1, 20191121, 0x8001, 20191121, 1, 1)
    records = [bytes([i]) * 32 for i in range(3)]
    affirmation = (8, 3, 17, bytes(32), [0, 2], b"\1" * 65)
    calls = {
        "record": ([header, records], [header, Words(b"".join(records))]),
        "affirm": ([header, records, [affirmation]], [header, Words(b"".join(records)), [affirmation]]),
        "settle": (
            [2, [(header, records, [5], [6])]],
            [2, [(header, Words(b"".join(records)), *(Words(n.to_bytes(32, "big")) for n in (5, 6)))]],
        ),
        "openCycle": ([2**64 - 1], [2**64 - 1]),
    }
    web3 = web3_of(ledger, "ClearingHouse")
    for function, (plain, ours) in calls.items():
        expected = web3.encode_abi(function, args=plain)  # type: ignore[attr-defined]
        assert "0x" + ledger.clearing_house.encode(function, *ours).hex() == expected
        assert "0x" + ledger.clearing_house.selector(function).hex() == expected[:10]


def test_call_gives_one_value_bare_and_several_as_a_tuple(ledger: Ledger) -> None:
    assert ledger.consortium.call("institutionCount") == len(ledger.index)
    assert ledger.revenue.call("linesOf", 1, 24_237) == (0, 0)
    assert ledger.register.call("asset", 1)[0] == b"S1".ljust(32, b"\0")


def test_call_of_a_past_block_sees_its_state(ledger: Ledger) -> None:
    block = ledger.chain.block().number
    ledger.issue({("B1", "S1"): 5}, "past")
    assert ledger.register.balance_of(ledger.index["B1"], 1, block=block) == 0
    assert ledger.register.balance_of(ledger.index["B1"], 1) == 5


def test_refused_call_and_transaction_raise_the_same_class(ledger: Ledger) -> None:
    with pytest.raises(reverts.Consortium_UnknownInstitution) as called:
        ledger.consortium.call("institution", 99)
    with pytest.raises(reverts.Consortium_UnknownInstitution) as sent:
        ledger.consortium.suspend(ledger.signers["R"], 99)
    assert called.value.operands == sent.value.operands == {"institution": 99}
    assert called.value.data == sent.value.data


def test_refusal_without_data_is_a_plain_reverted(ledger: Ledger) -> None:
    with pytest.raises(Reverted) as refused:
        send(ledger.chain, ledger.outsider, ledger.consortium.address, b"\xde\xad\xbe\xef")
    assert type(refused.value) is Reverted
    assert (refused.value.selector, refused.value.data) == (b"", b"")


def test_events_are_the_contracts_own_and_of_the_name_asked_for(ledger: Ledger) -> None:
    receipt = ledger.register.list_securities(ledger.signers["D"], ["T1", "T2"])
    assert [event["code"] for event in ledger.register.events(receipt.logs)] == [
        b"T1".ljust(32, b"\0"),
        b"T2".ljust(32, b"\0"),
    ]
    assert ledger.register.events(receipt.logs, "Issued") == []
    assert ledger.consortium.events(receipt.logs) == []
    (log, *_) = receipt.logs
    unknown = Log(log.address, (b"\0" * 32,), b"")
    bare = Log(log.address, (), b"")
    elsewhere = Log(ledger.consortium.address, log.topics, log.data)
    assert ledger.register.events([unknown, bare, elsewhere]) == []
