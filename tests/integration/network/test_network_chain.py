"""A network's chain where nothing goes wrong but what is normal: slow blocks, refusals, other keys."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.accounts import Signer
from ledger.chain.answers import quantity
from ledger.chain.network import NetworkChain
from ledger.chain.rpc import Rpc
from ledger.clients.consortium import Role
from ledger.deploy import deploy
from ledger.errors import (
    CallReverted,
    EngineFailed,
    FinalityUnknown,
    NodeRefused,
    NoSuchBlock,
    NoSuchTransaction,
    OutcomeUnknown,
    Reverted,
    StoreUnusable,
    TooEarly,
    TransactionRefused,
)
from ledger.reverts import decode
from tests.contracts.support import SetClock, establish
from tests.integration.network.market import Facts, facts, whole_day
from tests.integration.network.somebody import CHAIN_ID, Node, config, needs_anvil, proxied, reach

pytestmark = needs_anvil

SIGNER, OTHER = Signer.from_seed("network", "one"), Signer.from_seed("network", "two")
NOWHERE = "0x" + "ab" * 20


def plain(nonce: int, signer: Signer = SIGNER, data: bytes = b"") -> bytes:
    """A transaction that does nothing."""
    return signer.sign_transaction(CHAIN_ID, nonce, NOWHERE, data, 200_000)


@pytest.fixture
def slow() -> Iterator[Node]:
    """A node that makes blocks only when it is told to."""
    node = Node("--no-mining")
    yield node
    node.stop()


@pytest.mark.parametrize("kind", ["ws", "ipc", "path.ipc"])
def test_day_given_a_socket_ends_as_over_http(kind: str, undisturbed: Facts, tmp_path: Path) -> None:
    socket = tmp_path / "node.ipc"
    node = Node("--ipc", str(socket))
    url = {"ws": f"ws://127.0.0.1:{node.port}", "ipc": f"ipc://{socket}", "path.ipc": str(socket)}[kind]
    try:
        with reach(url, tmp_path) as chain:
            assert facts(whole_day(chain), chain) == undisturbed
            assert chain.url == url
    finally:
        node.stop()


@pytest.mark.parametrize("kind", ["http", "ws"])
def test_requests_given_a_node_that_does_nothing_wrong_are_made_once(node: Node, kind: str) -> None:
    slept: list[float] = []
    rpc = Rpc(node.url.replace("http", kind), sleep=slept.append)
    assert [rpc.ask("eth_chainId", read=quantity) for _ in range(20)] == [CHAIN_ID] * 20
    assert slept == []
    rpc.close()


def test_day_given_a_block_a_second_ends_as_an_undisturbed_one(undisturbed: Facts, tmp_path: Path) -> None:
    node = Node("--block-time", "1")
    try:
        with reach(node.url, tmp_path, transaction_gas=20_000_000) as chain:
            ledger = establish(chain, SetClock())
            # The deployment's four transactions were handed over together.
            assert chain.receipt(chain.outbox.entries()[3].hash).block_number < 4
            assert facts(ledger, chain).code == undisturbed.code
    finally:
        node.stop()


def test_send_all_given_several_senders_gives_receipts_in_their_order(node: Node, tmp_path: Path) -> None:
    with reach(node.url, tmp_path) as chain:
        raws = [plain(0), plain(0, OTHER), plain(1), plain(2), plain(1, OTHER)]
        receipts = chain.send_all(raws)
        assert [receipt.transaction_hash for receipt in receipts] == [
            entry.hash for entry in chain.outbox.entries()
        ]
        numbers = [receipt.block_number for receipt in receipts]
        assert numbers == sorted(numbers)
        assert chain.nonce(SIGNER.address) == 3
        assert [entry.raw for entry in chain.outbox.entries()] == raws


def test_send_all_given_any_order_hands_all_over_before_a_block(slow: Node, tmp_path: Path) -> None:
    with reach(slow.url, tmp_path, timeout_s=1) as chain:
        with pytest.raises(OutcomeUnknown):
            chain.send_all([plain(0), plain(0, OTHER), plain(1)], any_order=True)
        assert slow.ask("txpool_status")["pending"] == "0x3"


def test_send_given_no_block_in_time_raises_and_the_next_run_finds_it(slow: Node, tmp_path: Path) -> None:
    with (
        reach(slow.url, tmp_path, timeout_s=1) as chain,
        pytest.raises(OutcomeUnknown, match="again is safe") as raised,
    ):
        chain.send(plain(0))
    assert raised.value.transient
    with pytest.raises(OutcomeUnknown):
        reach(slow.url, tmp_path, timeout_s=1)
    slow.ask("anvil_mine", "0x1")
    with reach(slow.url, tmp_path) as chain:
        assert chain.receipt(raised.value.transaction_hash).status == 1
        assert chain.outbox.pending() == []
        assert chain.nonce(SIGNER.address) == 1
    assert len(slow.transactions()) == 1


def test_open_given_a_node_that_lost_its_pool_hands_the_same_bytes_over_again(
    slow: Node, tmp_path: Path
) -> None:
    with reach(slow.url, tmp_path, timeout_s=1) as chain, pytest.raises(OutcomeUnknown):
        chain.send_all([plain(0), plain(1)])
    slow.restart_empty()
    assert slow.ask("txpool_status")["pending"] == "0x0"
    slow.ask("evm_setAutomine", True)
    with reach(slow.url, tmp_path) as chain:
        assert [entry.status for entry in chain.outbox.entries()] == ["included", "included"]
    assert len(slow.transactions()) == 2


def test_wait_given_a_node_that_loses_its_pool_meanwhile_hands_over_again(slow: Node, tmp_path: Path) -> None:
    def plan(method: str, before: int) -> None:
        if before == 25:
            slow.ask("anvil_dropAllTransactions")
            slow.ask("evm_setAutomine", True)

    with proxied(slow, plan) as proxy, reach(proxy.url, tmp_path) as chain:
        assert [receipt.status for receipt in chain.send_all([plain(0), plain(1)])] == [1, 1]
        assert len(proxy.requests) > 25


def test_send_given_a_nonce_that_is_used_or_to_come_is_refused(node: Node, tmp_path: Path) -> None:
    with reach(node.url, tmp_path) as chain:
        chain.send(plain(0))
        with pytest.raises(TransactionRefused, match="another transaction used its nonce 0"):
            chain.send(plain(0, data=b"other"))
        with pytest.raises(TransactionRefused, match="higher"):
            chain.send(plain(2))
        assert chain.send(plain(0)).status == 1  # the very same is asked about, not sent
        assert chain.nonce(SIGNER.address) == 1
        assert chain.send(plain(1)).status == 1


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "EIP-1559"),
        (b"\x02\x01", "decoded"),
        (b"\x02" + bytes(100), "decoded"),
        (SIGNER.sign_transaction(1, 0, NOWHERE, b"", 100_000), "signed for chain 1"),
        (SIGNER.sign_transaction(CHAIN_ID, 2**63, NOWHERE, b"", 100_000), "nonce"),
        (SIGNER.sign_transaction(CHAIN_ID, 0, NOWHERE, b"", 100), "gas"),
        (SIGNER.sign_transaction(CHAIN_ID, 0, NOWHERE, b"", 10**12), "gas"),
    ],
)
def test_send_given_a_malformed_transaction_is_refused_and_uses_no_nonce(
    node: Node, raw: bytes, said: str, tmp_path: Path
) -> None:
    with reach(node.url, tmp_path) as chain:
        with pytest.raises(TransactionRefused, match=said):
            chain.send(raw)
        assert chain.outbox.pending() == []
        assert chain.send(plain(0)).status == 1
    assert len(node.transactions()) == 1


def test_send_all_given_one_that_is_refused_executes_those_before_it_only(node: Node, tmp_path: Path) -> None:
    cheap = SIGNER.sign_transaction(CHAIN_ID, 1, NOWHERE, b"", 100)
    with reach(node.url, tmp_path) as chain:
        with pytest.raises(TransactionRefused, match="gas"):
            chain.send_all([plain(0), cheap, plain(2), plain(0, OTHER)])
        assert [entry.status for entry in chain.outbox.entries()] == ["included", *["refused"] * 3]
        assert (chain.nonce(SIGNER.address), chain.nonce(OTHER.address)) == (1, 0)
        assert [receipt.status for receipt in chain.send_all([plain(1), plain(2)])] == [1, 1]
    assert len(node.transactions()) == 3


def test_open_given_a_nonce_used_elsewhere_says_so_once(slow: Node, tmp_path: Path) -> None:
    with reach(slow.url, tmp_path, timeout_s=1) as chain, pytest.raises(OutcomeUnknown):
        chain.send(plain(0))
    slow.ask("anvil_dropAllTransactions")
    slow.ask("evm_setAutomine", True)
    with reach(slow.url, tmp_path / "elsewhere") as other:
        other.send(plain(0, data=b"other"))
    with pytest.raises(TransactionRefused, match="another transaction used its nonce 0"):
        reach(slow.url, tmp_path)
    with reach(slow.url, tmp_path) as chain:
        assert chain.nonce(SIGNER.address) == 1


@pytest.mark.parametrize("source", ["trace", "replay"])
def test_send_given_a_refusing_contract_has_its_reason(node: Node, source: str, tmp_path: Path) -> None:
    def plan(method: str, before: int) -> str | None:
        return "unsupported" if source == "replay" and method == "debug_traceTransaction" else None

    with proxied(node, plan) as proxy, reach(proxy.url, tmp_path) as chain:
        ledger = establish(chain, SetClock())
        admission = [("B1", OTHER.address, [Role.BROKER])]
        with pytest.raises(Reverted) as raised:
            ledger.consortium.admit(OTHER, admission)
        refused = chain.outbox.entries()[-1]
        receipt = chain.receipt(refused.hash)
        assert (receipt.status, len(receipt.logs), refused.outcome) == (0, 0, 0)
        assert type(decode(receipt.revert_data)) is type(raised.value)
        assert chain.revert_source(refused.hash) == source
        with pytest.raises(CallReverted) as same:
            chain.call(
                ledger.consortium.address,
                chain.transaction_input(refused.hash),
                sender=OTHER.address,
            )
        assert same.value.revert_data == receipt.revert_data


def test_deploy_given_a_chain_of_older_rules_says_which_it_needs(tmp_path: Path) -> None:
    node = Node(hardfork="london")
    try:
        with reach(node.url, tmp_path) as chain, pytest.raises(EngineFailed, match="older than Cancun"):
            deploy(chain, SIGNER)
    finally:
        node.stop()


def test_limits_given_a_node_or_a_configuration(node: Node, tmp_path: Path) -> None:
    with reach(node.url, tmp_path) as chain:
        assert (chain.limits.transaction_gas, chain.limits.transaction_bytes) == (300_000_000, None)
    with reach(node.url, tmp_path, transaction_gas=2**24, transaction_bytes=1_000) as chain:
        assert chain.gas_limit == chain.limits.transaction_gas == 2**24
        with pytest.raises(TransactionRefused, match=r"1,\d{3} bytes, and the network takes 1,000"):
            chain.send(plain(0, data=bytes(1_000)))
        assert chain.outbox.entries() == []
    for client in ("geth", "ethereumjs"):

        def plan(method: str, before: int, client: str = client) -> str | None:
            return client if method == "web3_clientVersion" else None

        with proxied(node, plan) as proxy, reach(proxy.url, tmp_path) as chain:
            assert chain.limits.transaction_bytes == 131_072


def test_final_block_given_a_depth_or_the_chain_s_own(node: Node, tmp_path: Path) -> None:
    with reach(node.url, tmp_path, finality=2) as chain:
        assert chain.final_block().number == 0
        for nonce in range(5):  # one by one, as what is handed over together may share a block
            chain.send(plain(nonce))
        assert chain.final_block() == chain.block(3)
        assert [entry.status for entry in chain.outbox.entries()] == ["final"] * 3 + ["included"] * 2
    with reach(node.url, tmp_path, finality="finalized") as chain:
        assert chain.final_block().number == 0  # anvil's lies two epochs back
        assert chain.outbox.final is not None
        assert chain.outbox.final.number == 3
    for fault in ("unsupported", "null"):

        def plan(method: str, before: int, fault: str = fault) -> str | None:
            return fault if method == "eth_getBlockByNumber/finalized" else None

        with (
            proxied(node, plan) as proxy,
            reach(proxy.url, tmp_path, finality="finalized") as chain,
            pytest.raises(FinalityUnknown, match="number of blocks"),
        ):
            chain.final_block()


def test_logs_given_a_node_that_refuses_or_cuts_long_ranges_are_the_same(node: Node, tmp_path: Path) -> None:
    with reach(node.url, tmp_path) as chain:
        ledger = establish(chain, SetClock())
        whole = chain.logs(0, 1_000)
        register = [mined for mined in whole if mined.logs.by(ledger.register.address).any()]
        chain.follow([ledger.register.address])
        assert chain.logs(0, 1_000) == register
        last = chain.block().number
    assert sum(len(mined.logs) for mined in whole) > 20
    with proxied(node, lambda method, _: "short" if method == "eth_getLogs" else None) as proxy:
        with reach(proxy.url, tmp_path) as chain:
            assert chain.logs(0, last) == whole
            assert chain.logs(5, 4) == []
            assert chain.logs(3, 3) == [mined for mined in whole if mined.block_number == 3]
        assert proxy.requests.count("eth_getLogs") > last // 3
    with (
        proxied(node, lambda method, _: "first" if method == "eth_getLogs" else None) as proxy,
        reach(proxy.url, tmp_path) as chain,
    ):
        assert chain.logs(0, last) == whole
    with (
        proxied(node, lambda method, _: "unsupported" if method == "eth_getLogs" else None) as proxy,
        reach(proxy.url, tmp_path) as chain,
        pytest.raises(NodeRefused),
    ):
        chain.logs(0, last)


def test_reads_given_what_is_not_there_raise(node: Node, tmp_path: Path) -> None:
    with reach(node.url, tmp_path) as chain:
        for number in (-1, 1):
            with pytest.raises(NoSuchBlock):
                chain.block(number)
        with pytest.raises(NoSuchBlock):
            chain.call(NOWHERE, b"", block=1)
        with pytest.raises(NoSuchTransaction):
            chain.receipt(bytes(32))
        with pytest.raises(NoSuchTransaction):
            chain.transaction_input(bytes(32))
        assert chain.code(NOWHERE) == b""
        assert chain.call(NOWHERE, b"") == b""


def test_send_given_a_reader_raises(node: Node, tmp_path: Path) -> None:
    with reach(node.url, tmp_path):
        pass
    with reach(node.url, tmp_path, write=False) as chain, pytest.raises(StoreUnusable, match="reading"):
        chain.send(plain(0))
    with pytest.raises(StoreUnusable):
        reach(node.url, tmp_path / "none", write=False)


def test_wait_until_given_a_chain_that_makes_no_blocks_goes_by_the_clock(node: Node, tmp_path: Path) -> None:
    clock = SetClock()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.seconds += int(seconds)

    with NetworkChain.open(node.url, tmp_path / "outbox.sqlite", config(), sleep=sleep, clock=clock) as chain:
        now = chain.block().timestamp
        chain.wait_until(now + 1)
        assert slept == []
        chain.wait_until(now + 12)
        assert slept == [5, 5, 2]
        with pytest.raises(TooEarly):
            chain.wait_until(now + 200)


def test_close_given_a_second_call_does_nothing(node: Node, tmp_path: Path) -> None:
    chain = reach(node.url, tmp_path)
    assert isinstance(chain, NetworkChain)
    with contextlib.closing(chain):
        chain.close()
