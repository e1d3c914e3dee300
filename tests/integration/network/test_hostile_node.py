"""A day over a node, or a network before it, that does things wrong: it ends as an undisturbed one does."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from ledger.chain.network import NetworkChain
from ledger.errors import ChainUnavailable
from tests.integration.network.market import TRANSACTIONS, Facts, facts, whole_day
from tests.integration.network.somebody import Fault, Node, needs_anvil, proxied, reach

pytestmark = needs_anvil

FAULTS = (
    *("refuse", "500", "429", "limited", "drop", "garbage", "truncated"),
    *("wrong_id", "twice", "neither", "both", "stale"),
)


def assert_nothing_twice_nothing_lost(node: Node, chain: NetworkChain) -> None:
    on_chain = node.transactions()
    assert len(on_chain) == len(set(on_chain)) == TRANSACTIONS
    kept = chain.outbox.entries()
    assert [(entry.sender.lower(), entry.nonce) for entry in kept] == on_chain
    assert {entry.status for entry in kept} == {"included"}


@pytest.mark.parametrize("fault", FAULTS)
def test_day_given_a_fault_at_every_third_request_ends_as_an_undisturbed_one(
    node: Node, undisturbed: Facts, fault: Fault, tmp_path: Path
) -> None:
    with (
        proxied(node, lambda _, before: fault if before % 3 == 1 else None) as proxy,
        reach(proxy.url, tmp_path) as chain,
    ):
        ledger = whole_day(chain)
        assert facts(ledger, chain) == undisturbed
        assert_nothing_twice_nothing_lost(node, chain)
        assert len(proxy.faults) > 30


@pytest.mark.parametrize("fault", [*FAULTS, "late", "denied"])
def test_day_given_a_fault_whenever_a_transaction_is_sent_ends_as_an_undisturbed_one(
    node: Node, undisturbed: Facts, fault: Fault, tmp_path: Path
) -> None:
    """Where the node did what it was asked, the same transaction is sent to it twice."""
    spared: list[int] = []

    def plan(method: str, before: int) -> Fault | None:
        if method != "eth_sendRawTransaction":
            return None
        spared.append(before)
        return fault if len(spared) % 2 else None

    with proxied(node, plan) as proxy, reach(proxy.url, tmp_path) as chain:
        ledger = whole_day(chain)
        assert facts(ledger, chain) == undisturbed
        assert_nothing_twice_nothing_lost(node, chain)
        assert len(proxy.faults) >= TRANSACTIONS // 2


def test_day_given_a_node_that_is_gone_for_a_moment_at_each_step_goes_on_where_it_was(
    node: Node, undisturbed: Facts, tmp_path: Path
) -> None:
    """The command ends with an error, and its next run finds what the one before has sent."""
    sent: list[int] = []

    def plan(method: str, before: int) -> Fault | None:
        if method == "eth_sendRawTransaction" and (not sent or before > sent[-1] + 15):
            sent.append(before)
            return "drop"
        return "refuse" if sent and before < sent[-1] + 7 else None

    with proxied(node, plan) as proxy:
        found = None
        for _ in range(25):
            with suppress(ChainUnavailable), reach(proxy.url, tmp_path) as chain:
                found = facts(whole_day(Replay(chain)), chain)  # type: ignore[arg-type]
                assert_nothing_twice_nothing_lost(node, chain)
                break
        assert found == undisturbed
        assert len(sent) >= 2


class Replay:
    """The day as a command does it that may be run again: what the outbox has is not signed again, but
    answered for from the chain. A command knows by the contracts' state, this by the position in the day."""

    def __init__(self, chain: NetworkChain) -> None:
        self._chain = chain
        self._before = [entry for entry in chain.outbox.entries() if entry.status != "refused"]
        self._at = 0
        self._nonces: dict[str, int] = {}

    def __getattr__(self, name: str) -> object:
        return getattr(self._chain, name)

    def nonce(self, address: str) -> int:
        return self._nonces.get(address, 0)

    def code(self, address: str) -> bytes:
        return self._chain.code(address) if self._at >= 4 else b""

    def send_all(self, raws: list[bytes]) -> list[object]:
        receipts: list[object] = []
        for raw in raws:
            if self._at < len(self._before):
                entry = self._before[self._at]
                receipts.append(self._chain.receipt(entry.hash))
            else:
                receipts.append(self._chain.send(raw))
                entry = self._chain.outbox.entries()[-1]
            self._nonces[entry.sender] = entry.nonce + 1
            self._at += 1
        return receipts


@pytest.mark.parametrize("fault", ["refuse", "garbage", "late"])
def test_chain_given_a_node_that_never_answers_well_is_unavailable_and_says_why(
    node: Node, fault: Fault, tmp_path: Path
) -> None:
    with proxied(node, lambda _, before: fault) as proxy:
        with pytest.raises(ChainUnavailable, match="eth_chainId was asked 7 times") as raised:
            reach(proxy.url, tmp_path)
        assert raised.value.transient
        assert proxy.url in str(raised.value)


def test_chain_given_no_node_at_all_is_unavailable(node: Node, tmp_path: Path) -> None:
    node.stop()
    with pytest.raises(ChainUnavailable, match="eth_chainId"):
        reach(node.url, tmp_path)
