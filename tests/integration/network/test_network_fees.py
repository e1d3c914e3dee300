"""What a network's transactions offer for gas: nothing where that will do, else what the next block wants."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.accounts import Signer
from ledger.contract import send
from ledger.deploy import CONTRACTS, deploy
from ledger.errors import TransactionRefused
from tests.integration.network.somebody import CHAIN_ID, Node, needs_anvil, proxied, reach

pytestmark = needs_anvil

SIGNER = Signer.from_seed("network", "one")
NOWHERE = "0x" + "ab" * 20
GWEI = 10**9


def plain(nonce: int, fees: tuple[int, int] = (0, 0)) -> bytes:
    """A transaction that does nothing."""
    return SIGNER.sign_transaction(CHAIN_ID, nonce, NOWHERE, b"", 200_000, *fees)


def test_fees_given_a_base_fee_cover_it_and_are_paid(tmp_path: Path) -> None:
    node = Node(base_fee=GWEI)
    try:
        with reach(node.url, tmp_path, transaction_gas=10_000_000) as chain:
            most, tip = chain.fees()
            assert most >= GWEI + tip
            with pytest.raises(TransactionRefused, match=r"(?i)insufficient funds"):
                send(chain, SIGNER, NOWHERE, b"")
            node.ask("anvil_setBalance", SIGNER.address, hex(10**20))
            assert send(chain, SIGNER, NOWHERE, b"").status == 1
            assert len(deploy(chain, SIGNER).addresses) == len(CONTRACTS)
            with pytest.raises(TransactionRefused, match=r"(?i)fee"):
                chain.send(plain(chain.nonce(SIGNER.address)))
    finally:
        node.stop()


def test_fees_given_a_block_after_which_the_base_fee_rises_from_nothing_cover_it(
    node: Node, tmp_path: Path
) -> None:
    """As on Hardhat; anvil keeps it at nothing."""
    burns_all = SIGNER.sign_transaction(CHAIN_ID, 0, None, b"\xfe", 200_000_000)
    with (
        proxied(node, lambda method, _: "risen" if method == "eth_feeHistory" else None) as proxy,
        reach(proxy.url, tmp_path) as chain,
    ):
        assert chain.fees() == (0, 0)
        assert chain.send(burns_all).gas_used == 200_000_000
        assert chain.fees() == (2, 0)
    with reach(node.url, tmp_path) as chain:
        assert chain.fees() == (0, 0)


@pytest.mark.parametrize("base_fee", [0, GWEI])
def test_fees_given_a_node_that_refused_to_go_without_a_tip_offer_one(base_fee: int, tmp_path: Path) -> None:
    node = Node(base_fee=base_fee)

    def plan(method: str, before: int) -> str | None:
        return "underpriced" if method == "eth_sendRawTransaction" else None

    try:
        with proxied(node, plan) as proxy, reach(proxy.url, tmp_path) as chain:
            most, tip = chain.fees()
            assert tip == 0
            with pytest.raises(TransactionRefused, match="underpriced"):
                chain.send(plain(0, fees=(most, tip)))
            raised, tip = chain.fees()
            assert tip > 0
            assert raised >= base_fee + tip
    finally:
        node.stop()


def test_fees_given_none_or_a_configured_one(node: Node, tmp_path: Path) -> None:
    with reach(node.url, tmp_path) as chain:
        assert chain.fees() == (0, 0)
    with reach(node.url, tmp_path, max_fee=7, priority_fee=9) as chain:
        assert chain.fees() == (7, 7)
    with reach(node.url, tmp_path, priority_fee=3) as chain:
        assert chain.fees() == (3, 3)
