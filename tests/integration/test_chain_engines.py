"""The engines, each by itself and side by side. The contract is tests/contracts/sol/Probe.sol.

send      ─ accepted ─ status, gas, logs, revert bytes ─ one block, later than the last
          ─ refused  ─ no block, the nonce is not used
call      ─ returns, reverts, fails without data ─ on the newest state or a past one
snapshot  ─ restored once, again, an older one, one that is gone
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from eth_abi import decode, encode
from eth_utils import function_signature_to_4byte_selector

from ledger.accounts import Signer
from ledger.chain import (
    CHAIN_ID,
    ENGINES,
    GAS_LIMIT,
    NOBODY,
    LocalChain,
    Logs,
    Mined,
    Receipt,
    available,
    connect,
)
from ledger.clock import SteppedClock
from ledger.compile import Artifact
from ledger.errors import (
    CallReverted,
    NoSuchBlock,
    NoSuchTransaction,
    SnapshotLost,
    TransactionRefused,
    UnknownChain,
)

SENDER = Signer.from_seed("engines", "sender")
START = datetime(2019, 11, 21, 9, 0, tzinfo=UTC)
needs_anvil = pytest.mark.skipif(
    "anvil" not in available(), reason="anvil is not installed; run `make setup`"
)


def calldata(signature: str, *operands: object) -> bytes:
    types = signature[signature.index("(") + 1 : -1]
    return function_signature_to_4byte_selector(signature) + encode(
        types.split(",") if types else [], operands
    )


def transact(chain: LocalChain, to: str | None, data: bytes, gas: int = 10_000_000) -> Receipt:
    return chain.send(SENDER.sign_transaction(CHAIN_ID, chain.nonce(SENDER.address), to, data, gas))


def new_chain(engine: str, step: int = 7) -> LocalChain:
    return connect(engine, clock=SteppedClock(START, timedelta(seconds=step)))


@pytest.fixture
def deployed(chain: LocalChain, probe: Artifact) -> str:
    address = transact(chain, None, probe.bytecode).contract_address
    assert address is not None
    return address


def test_connect_given_unknown_url_raises(clock: SteppedClock):
    with pytest.raises(UnknownChain, match="anvil, pyevm"):
        connect("ganache", clock=clock)


def test_genesis_is_at_the_clocks_time(chain: LocalChain):
    assert chain.block().number == 0
    assert chain.block().timestamp == int(START.timestamp())
    assert (chain.chain_id, chain.gas_limit) == (CHAIN_ID, GAS_LIMIT)


def test_send_creates_a_contract(chain: LocalChain, probe: Artifact):
    receipt = transact(chain, None, probe.bytecode)
    assert receipt.status == 1
    assert receipt.contract_address is not None
    assert chain.code(receipt.contract_address) == probe.deployed_bytecode
    assert chain.nonce(SENDER.address) == 1


def test_send_given_creation_that_reverts_names_no_contract(chain: LocalChain):
    receipt = transact(chain, None, bytes.fromhex("600160005260206000fd"))  # reverts with a word that is 1
    assert (receipt.status, receipt.contract_address) == (0, None)
    assert receipt.revert_data == (1).to_bytes(32, "big")


def test_send_gives_logs(chain: LocalChain, deployed: str):
    receipt = transact(chain, deployed, calldata("store(uint256,uint256)", 3, 4))
    [log] = receipt.logs
    assert log.address == deployed
    assert log.topics[1] == (3).to_bytes(32, "big")
    assert decode(["uint256", "address"], log.data) == (4, SENDER.address.lower())
    assert chain.logs(0, 99) == [Mined(receipt.block_number, receipt.transaction_hash, Logs.of([log]))]
    assert chain.logs(receipt.block_number + 1, 99) == []


def test_send_makes_one_block_a_transaction_at_strictly_increasing_times(chain: LocalChain, deployed: str):
    receipts = [transact(chain, deployed, calldata("store(uint256,uint256)", 1, n)) for n in range(4)]
    assert [receipt.block_number for receipt in receipts] == [2, 3, 4, 5]
    assert [chain.block(n).timestamp - int(START.timestamp()) for n in range(6)] == [0, 7, 14, 21, 28, 35]
    assert [chain.block(receipt.block_number).hash for receipt in receipts] == [
        r.block_hash for r in receipts
    ]


def test_send_given_a_clock_that_stands_still_makes_each_block_a_second_later(engine: str):
    with new_chain(engine, step=0) as chain:
        for _ in range(3):
            transact(chain, NOBODY, b"")
        assert [chain.block(n).timestamp - int(START.timestamp()) for n in range(4)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("data", "revert_data"),
    [
        (
            calldata("refuse(uint256,bytes)", 7, b"because"),
            function_signature_to_4byte_selector("Probe_Refused(uint256,bytes)")
            + encode(["uint256", "bytes"], [7, b"because"]),
        ),
        (calldata("refuse(uint256,bytes)", 7, bytes(5000)), None),
        (calldata("refuseWithoutData()"), b""),
        (
            calldata("divide(uint256,uint256)", 1, 0),
            function_signature_to_4byte_selector("Panic(uint256)") + encode(["uint256"], [0x12]),
        ),
        (calldata("invalid()"), b""),
        (calldata("spin()"), b""),
    ],
    ids=["error", "long error", "no data", "panic", "invalid opcode", "out of gas"],
)
def test_send_given_a_call_that_fails_has_status_0_and_the_exact_revert_data(
    chain: LocalChain, deployed: str, data: bytes, revert_data: bytes | None
):
    receipt = transact(chain, deployed, data, gas=200_000)
    if revert_data is None:
        revert_data = function_signature_to_4byte_selector("Probe_Refused(uint256,bytes)") + data[4:]
    assert (receipt.status, list(receipt.logs), receipt.revert_data) == (0, [], revert_data)
    assert receipt.block_number == 2
    assert chain.call(deployed, calldata("number()")) == bytes(32)
    if "spin" not in repr(data) and data != calldata("spin()"):
        with pytest.raises(CallReverted) as caught:
            chain.call(deployed, data)
        assert caught.value.revert_data == revert_data


def test_send_given_a_megabyte_of_calldata_takes_it(chain: LocalChain, deployed: str):
    data = calldata("swallow(bytes)", bytes(range(1, 251)) * 4_000)
    receipt = transact(chain, deployed, data, gas=100_000_000)
    assert receipt.status == 1
    assert chain.transaction_input(receipt.transaction_hash) == data


def test_send_after_a_block_of_all_the_gas_there_is_still_costs_nothing(chain: LocalChain, deployed: str):
    receipt = transact(chain, deployed, calldata("invalid()"), gas=GAS_LIMIT)
    assert receipt.gas_used == GAS_LIMIT
    for _ in range(2):
        assert transact(chain, deployed, calldata("store(uint256,uint256)", 1, 1)).status == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x02nonsense",
        b"\x00",
        b"\x04\xc0",
        b"\x7f" * 40,
        b"\xc0",
        SENDER.sign_transaction(CHAIN_ID + 1, 1, NOBODY, b"", 100_000),
        SENDER.sign_transaction(CHAIN_ID, 0, NOBODY, b"", 100_000),
        SENDER.sign_transaction(CHAIN_ID, 2, NOBODY, b"", 100_000),
        SENDER.sign_transaction(CHAIN_ID, 1, NOBODY, b"", 20_999),
        SENDER.sign_transaction(CHAIN_ID, 1, NOBODY, b"", GAS_LIMIT + 1),
        SENDER.sign_transaction(CHAIN_ID, 1, None, bytes(49_153), 100_000_000),
    ],
    ids=[
        "empty",
        "nonsense",
        "a type that is none",
        "a type of later",
        "a type of never",
        "no fields",
        "another chain",
        "nonce used",
        "nonce ahead",
        "too little gas",
        "too much gas",
        "too long a creation",
    ],
)
def test_send_given_what_is_no_valid_transaction_is_refused_and_changes_nothing(
    chain: LocalChain, deployed: str, raw: bytes
):
    before = chain.block()
    with pytest.raises(TransactionRefused):
        chain.send(raw)
    assert chain.block() == before
    assert chain.nonce(SENDER.address) == 1
    assert transact(chain, deployed, calldata("store(uint256,uint256)", 1, 1)).status == 1


def test_call_sees_the_block_it_is_made_on(chain: LocalChain, deployed: str):
    for value in (5, 6):
        transact(chain, deployed, calldata("store(uint256,uint256)", 0, value))
    slot = calldata("slots(uint256)", 0)
    assert [int.from_bytes(chain.call(deployed, slot, block=n), "big") for n in (1, 2, 3)] == [0, 5, 6]
    for number in (None, 2):
        block = chain.block(number)
        answer = chain.call(deployed, calldata("surroundings()"), sender=SENDER.address, block=number)
        sender, seen, timestamp, chain_id, base_fee, _, gas_limit = decode(
            ["address"] + ["uint256"] * 6, answer
        )
        assert sender == SENDER.address.lower()
        assert (seen, timestamp) == (block.number, block.timestamp)
        assert (chain_id, base_fee, gas_limit) == (CHAIN_ID, 0, GAS_LIMIT)


def test_call_given_no_sender_is_made_by_nobody(chain: LocalChain, deployed: str):
    answer = chain.call(deployed, calldata("surroundings()"))
    assert answer[:32] == bytes(32)


def test_call_given_address_without_code_returns_nothing(chain: LocalChain):
    assert chain.call(NOBODY, b"1234") == b""
    assert chain.code(SENDER.address) == b""


@pytest.mark.parametrize("number", [-1, 1, 10**6])
def test_block_given_a_number_that_is_not_there_raises(chain: LocalChain, number: int):
    with pytest.raises(NoSuchBlock):
        chain.block(number)
    with pytest.raises(NoSuchBlock):
        chain.call(NOBODY, b"", block=number)


def test_transaction_input_given_unknown_hash_raises(chain: LocalChain):
    with pytest.raises(NoSuchTransaction):
        chain.transaction_input(bytes(32))


def test_restore_goes_back_as_often_as_wanted(chain: LocalChain, deployed: str):
    snapshot, block = chain.snapshot(), chain.block()
    for value in range(1, 5):
        receipt = transact(chain, deployed, calldata("store(uint256,uint256)", 0, value))
        assert receipt.block_number == block.number + 1
        assert chain.call(deployed, calldata("slots(uint256)", 0)) == value.to_bytes(32, "big")
        chain.restore(snapshot)
        assert chain.block() == block
        assert chain.nonce(SENDER.address) == 1
        assert chain.call(deployed, calldata("slots(uint256)", 0)) == bytes(32)
        assert chain.logs(0, 99) == []
        with pytest.raises(NoSuchTransaction):
            chain.transaction_input(receipt.transaction_hash)
        with pytest.raises(NoSuchBlock):
            chain.block(receipt.block_number)


def test_restore_given_the_same_transaction_again_makes_the_same_block(engine: str):
    with new_chain(engine, step=0) as chain:
        transact(chain, NOBODY, b"")
        snapshot = chain.snapshot()
        first = transact(chain, NOBODY, b"1")
        chain.restore(snapshot)
        assert transact(chain, NOBODY, b"1") == first
        assert chain.block(2).hash == first.block_hash
        assert transact(chain, NOBODY, b"2").block_number == 3


def test_restore_given_nested_snapshots(chain: LocalChain, deployed: str):
    store: Callable[[int], Receipt] = lambda value: transact(  # noqa: E731
        chain, deployed, calldata("store(uint256,uint256)", 0, value)
    )
    outer = chain.snapshot()
    store(1)
    inner = chain.snapshot()
    store(2)
    chain.restore(inner)
    assert chain.call(deployed, calldata("slots(uint256)", 0)) == (1).to_bytes(32, "big")
    chain.restore(outer)
    with pytest.raises(SnapshotLost):
        chain.restore(inner)
    chain.restore(outer)
    assert chain.call(deployed, calldata("slots(uint256)", 0)) == bytes(32)


def test_restore_given_snapshot_of_another_chain_raises(chain: LocalChain, engine: str):
    with new_chain(engine) as other:
        chain.snapshot()
        foreign = other.snapshot()
        with pytest.raises(SnapshotLost):
            chain.restore(foreign)
    with pytest.raises(SnapshotLost):
        chain.restore(None)


def test_close_twice_does_nothing(engine: str):
    chain = new_chain(engine)
    chain.close()
    chain.close()


def play(chain: LocalChain, probe: Artifact, seed: int) -> list[Receipt]:
    """Sixty transactions on three slots and a counter, reverts and failures among them."""
    chance = random.Random(seed)
    address = transact(chain, None, probe.bytecode).contract_address
    receipts = []
    for _ in range(60):
        data = chance.choice(
            [
                calldata("store(uint256,uint256)", chance.randrange(3), chance.randrange(3)),
                calldata("store(uint256,uint256)", chance.randrange(3), chance.randrange(2**256)),
                calldata(
                    "refuse(uint256,bytes)", chance.randrange(9), chance.randbytes(chance.randrange(70))
                ),
                calldata("divide(uint256,uint256)", 1, chance.randrange(2)),
                calldata("swallow(bytes)", chance.randbytes(chance.randrange(500))),
                calldata("spin()"),
                calldata("invalid()"),
                chance.randbytes(5),
            ]
        )
        receipts.append(transact(chain, address, data, gas=200_000))
    return receipts


@needs_anvil
@pytest.mark.parametrize("seed", [1, 2])
def test_engines_agree_on_status_gas_logs_and_revert_data(probe: Artifact, seed: int):
    results = []
    for engine in ENGINES:
        with new_chain(engine) as chain:
            receipts = play(chain, probe, seed)
            assert {receipt.status for receipt in receipts} == {0, 1}
            results.append([replace(receipt, block_hash=b"") for receipt in receipts])
    assert results[0] == results[1]


def test_a_second_chain_given_the_same_transactions_and_clock_makes_the_same_blocks(
    engine: str, probe: Artifact
):
    hashes = []
    for _ in range(2):
        with new_chain(engine) as chain:
            play(chain, probe, seed=3)
            transact(chain, None, probe.bytecode)
            hashes.append([chain.block(number) for number in range(chain.block().number + 1)])
    assert hashes[0] == hashes[1]
    assert len({block.hash for block in hashes[0]}) == 63
