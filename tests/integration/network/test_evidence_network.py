"""Evidence of a network's ledger: the same verifier, whatever the chain gives.

given a day over a node               ─ anchored, code and balances proven
given a node without eth_getProof     ─ the same answer, and said that no state proves it
given several transactions in a block ─ each is told apart
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import verifier
from ledger.chain.network import NetworkChain
from ledger.clients import attach
from ledger.contract import send_all
from ledger.history import read
from settlement.evidence.building import build
from tests.contracts.clearing import Floor
from tests.contracts.clearing_model import Trade
from tests.integration.network.market import whole_day
from tests.integration.network.somebody import Node, config, needs_anvil, proxied, reach
from verifier.anchors import Given
from verifier.bundle import Condition, Refused
from verifier.forms import coding, telling
from verifier.verifying import check

pytestmark = needs_anvil
OF_B1 = (Condition("institution", "=", "B1"),)
NEXT, LATER = 20191122, 20191125


def mined_while_waiting(node: Node, folder: Path) -> NetworkChain:
    """A chain that makes a block where somebody waits for one, and so when all was handed over."""
    outbox = folder / "outbox.sqlite"
    return NetworkChain.open(node.url, outbox, config(), sleep=lambda _: node.ask("evm_mine"))


def test_evidence_given_a_network_is_verified_as_any(node: Node, tmp_path: Path) -> None:
    with mined_while_waiting(node, tmp_path) as chain:
        ledger = whole_day(chain)
        floor = Floor(ledger)
        batches = [
            floor.batch(Trade(7, "B1", "B3", "S4", 3, 900), trading_day=day, intended_settlement_date=day)
            for day in (NEXT, LATER)
        ]
        node.ask("evm_setAutomine", False)
        house = ledger.clearing_house
        calls = [(house.encode("record", each.header.as_tuple(), each.records)) for each in batches]
        receipts = send_all(chain, [(ledger.signers["V"], house.address, call) for call in calls])
        assert len({receipt.block_number for receipt in receipts}) == 1
        data = build(ledger.clients, ledger.deployment, read(ledger.clients), OF_B1)
        of_day = (Condition("trading_day", "=", "2019-11-25"),)
        day = build(ledger.clients, ledger.deployment, read(ledger.clients), of_day)
        head = chain.final_block().hash
        held = {code: ledger.balance("B1", code) for code in ledger.asset}
    verdict = verifier.verify(data, trusted_head=head)
    assert [row.number for row in verdict.rows] == [1, 7, 7]
    assert [row.status for row in verdict.rows] == ["settled", "pending", "pending"]
    assert [row.recorded_in[1] for row in verdict.rows[1:]] == [each.transaction_hash for each in receipts]
    assert (verdict.anchored, verdict.code_proven) == (True, True)
    found = {verdict.facts.codes[each.asset]: each.amount for each in verdict.bundle.balances}
    assert found == {code: amount for code, amount in held.items() if amount}
    (row,) = verifier.verify(day, trusted_head=head).rows
    assert (row.trading_day, row.recorded_in[1]) == (LATER, receipts[1].transaction_hash)
    bundle = coding.decode(data)
    (crowded,) = (block for block in bundle.blocks.values() if len(block.transactions) == 2)
    assert len(crowded.receipts) == 2

    plan = lambda method, _: "unsupported" if method == "eth_getProof" else None  # noqa: E731
    with proxied(node, plan) as proxy, reach(proxy.url, tmp_path, write=False, finality=0) as chain:
        chain.follow(list(ledger.deployment.addresses.values()))
        clients = attach(chain, ledger.deployment)
        plain = verifier.verify(build(clients, ledger.deployment, read(clients), OF_B1), trusted_head=head)
    assert plain.rows == verdict.rows
    assert (plain.anchored, plain.code_proven, plain.bundle.balances) == (True, False, ())
    text = "\n".join(telling.lines(plain))
    assert text.count("not proven: no proof of the chain's state is in it") == 2
    with pytest.raises(Refused, match="is signed for chain 4711, not for chain 1"):
        check(replace(bundle, chain_id=1), data, Given())
