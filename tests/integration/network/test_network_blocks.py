"""Whole blocks and proofs over a node: rebuilt from its JSON, and refused where they are not the hash's.

several in a block ─ of every type, refused and creating, against the node's own raw transactions
a day              ─ deployed to settled: every root; the state proved
lies               ─ each part of an answer altered, one at a time
another node       ─ without receipts of a block, without eth_getProof, with a type that is not known
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import rlp

from ledger.chain.base import Body
from ledger.chain.network import NetworkChain
from ledger.chain.rpc import Patience
from ledger.chain.transport import HttpTransport
from ledger.errors import ChainUnavailable, NoSuchBlock, StateUnproven
from tests.integration.network.market import whole_day
from tests.integration.network.somebody import CHAIN_ID, Node, config, needs_anvil, proxied, quick, reach
from tests.proofs import PARTY, assert_blocks_are_whole, every_kind, proved

pytestmark = needs_anvil

HASH = "0x" + "11" * 32


@pytest.fixture(scope="module")
def filled() -> Iterator[tuple[Node, list[bytes]]]:
    """A node with an empty block, and one that holds a transaction of every kind."""
    node = Node("--no-mining")
    node.ask("evm_mine")
    raws = every_kind(CHAIN_ID)
    for raw in raws:
        node.ask("eth_sendRawTransaction", "0x" + raw.hex())
    node.ask("evm_mine")
    yield node, raws
    node.stop()


class Altered:
    """A way to a node whose answers to one method are changed."""

    def __init__(self, node: Node, method: str, change: Callable[[Any], object]) -> None:
        self._way = HttpTransport(urlsplit(node.url))
        self._method = method
        self._change = change

    def exchange(self, request: bytes, number: int, timeout_s: float) -> Any:
        answer = self._way.exchange(request, number, timeout_s)
        if json.loads(request)["method"] == self._method and answer.get("result") is not None:
            self._change(answer["result"])
        return answer

    def close(self) -> None:
        self._way.close()


class Batched:
    """A way to a node whose answers to batches are changed."""

    def __init__(self, node: Node, change: Callable[[Any], object]) -> None:
        self._way = HttpTransport(urlsplit(node.url))
        self._change = change
        self.batches = 0

    def exchange(self, request: bytes, number: int, timeout_s: float) -> Any:
        answer = self._way.exchange(request, number, timeout_s)
        if request[:1] == b"[":
            self.batches += 1
            self._change(answer)
        return answer

    def close(self) -> None:
        self._way.close()


@contextmanager
def lying(node: Node, folder: Path, method: str, change: Callable[[Any], object]) -> Iterator[NetworkChain]:
    chain = NetworkChain.open(
        node.url,
        folder / "outbox.sqlite",
        config(patience=Patience(answer_s=5, attempts=2, first_pause_s=0.001)),
        sleep=quick,
        transport=Altered(node, method, change),
    )
    with chain:
        yield chain


def test_block_given_every_kind_of_transaction_is_what_was_signed_and_what_came_of_it(
    filled: tuple[Node, list[bytes]], tmp_path: Path
) -> None:
    node, raws = filled
    with reach(node.url, tmp_path) as chain:
        assert_blocks_are_whole(chain, 0, 2)
        body = chain.body(2)
        assert list(body.transactions) == raws
        assert chain.body(1) == chain.body(0) == Body((), ())
        kinds_ = [each[0] if each[0] < 0x80 else 0 for each in body.receipts]
        assert kinds_ == [0, 1, 2, 2, 0, 0]
        fields = [rlp.decode(each[1:] if each[0] < 0x80 else each) for each in body.receipts]
        assert [each[0] for each in fields] == [b"\1"] * 4 + [b"", b"\1"]
        assert [len(each[3]) for each in fields] == [0, 0, 0, 2, 0, 0]
        assert all(int.from_bytes(a[1], "big") < int.from_bytes(b[1], "big") for a, b in pairwise(fields))
        assert chain.headers(1, 2) == chain.headers(0, 2)[1:]
        assert chain.headers(2, 1) == []
        for ask in (lambda: chain.headers(1, 3), lambda: chain.body(3), lambda: chain.body(-1)):
            with pytest.raises(NoSuchBlock):
                ask()
        with pytest.raises(NoSuchBlock):
            chain.state_proof(PARTY, [], 3)


def test_day_has_its_roots_and_its_state_is_proved(node: Node, tmp_path: Path) -> None:
    with reach(node.url, tmp_path) as chain:
        ledger = whole_day(chain)
        last = chain.block().number
        fields = assert_blocks_are_whole(chain, 0, last)
        address = ledger.deployment.addresses["AssetRegister"]
        slots = list(range(12))
        (nonce, *_), held = proved(chain.state_proof(address, slots, last), fields[last][3], address, slots)
        said = [node.ask("eth_getStorageAt", address, hex(slot), "latest") for slot in slots]
        assert held == [int(each, 16) for each in said]
        assert nonce
        assert any(held)


TX, RECEIPT, BLOCK = "eth_getBlockByNumber", "eth_getBlockReceipts", "eth_getBlockByNumber"


def at(position: int, name: str, value: object) -> Callable[[Any], object]:
    """Change a field of one transaction of the answer, where it has transactions."""

    def change(block: dict[str, Any]) -> None:
        if len(block["transactions"]) > position and isinstance(block["transactions"][position], dict):
            block["transactions"][position][name] = value

    return change


def swap(items: list[Any]) -> None:
    if len(items) > 1:
        items[0], items[1] = items[1], items[0]


LIES: dict[str, tuple[str, Callable[[Any], object]]] = {
    **{
        f"transaction's {name}": (TX, at(position, name, value))
        for position, name, value in (
            (0, "input", "0x02"), (0, "v", "0x1b"), (1, "nonce", "0x7"), (1, "accessList", []),
            (2, "maxFeePerGas", "0x1"), (2, "chainId", "0x1"), (3, "to", PARTY), (0, "type", "0x2"),
            (0, "hash", HASH), (0, "type", "0x123"), (1, "accessList", None), (0, "r", "none"),
        )
    },
    "transactions swapped": (TX, lambda block: swap(block["transactions"])),
    "transaction gone": (TX, lambda block: block["transactions"] and block["transactions"].pop()),
    "transactions gone": (TX, lambda block: block.pop("transactions")),
    **{
        f"receipt's {name}": (RECEIPT, lambda found, name=name, value=value: found[3].update({name: value}))
        for name, value in (
            ("status", "0x0"), ("status", "0x2"), ("cumulativeGasUsed", "0x1"), ("logs", []), ("type", "0x1"),
            ("transactionHash", HASH), ("blockHash", HASH), ("logs", None),
        )
    },
    "event's data": (RECEIPT, lambda found: found[3]["logs"][0].update(data="0x")),
    "event's topics": (RECEIPT, lambda found: found[3]["logs"][0].update(topics=[HASH])),
    "event's address": (RECEIPT, lambda found: found[3]["logs"][0].update(address=PARTY)),
    "receipts swapped": (RECEIPT, swap),
    "receipt gone": (RECEIPT, lambda found: found.pop()),
    "header's root": (BLOCK, lambda block: block.update(receiptsRoot=HASH)),
    "header's extra data": (BLOCK, lambda block: block.update(extraData="0xc5010203c0c0")),
    "header's base fee": (BLOCK, lambda block: block.pop("baseFeePerGas")),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_body_given_a_node_that_says_otherwise_is_refused(
    filled: tuple[Node, list[bytes]], tmp_path: Path, lie: str
) -> None:
    method, change = LIES[lie]
    with lying(filled[0], tmp_path, method, change) as chain, pytest.raises(ChainUnavailable) as caught:
        chain.body(2)
    assert method in str(caught.value)


def test_receipts_given_one_by_one_are_the_same_and_are_refused_where_they_are_not_the_blocks(
    filled: tuple[Node, list[bytes]], tmp_path: Path
) -> None:
    plan = lambda method, _: "unsupported" if method == "eth_getBlockReceipts" else None  # noqa: E731
    with reach(filled[0].url, tmp_path) as chain:
        expected = chain.body(2)
    with proxied(filled[0], plan) as proxy, reach(proxy.url, tmp_path) as chain:
        assert chain.body(2) == expected
        assert "eth_getTransactionReceipt" in proxy.requests
    with lying(filled[0], tmp_path, "eth_getTransactionReceipt", lambda it: it.update(logs=[])) as chain:
        chain.node._missing.add("eth_getBlockReceipts")
        with pytest.raises(ChainUnavailable, match="block 2"):
            chain.body(2)


def test_headers_given_a_node_that_takes_no_batches_or_answers_them_wrongly_are_the_same(
    filled: tuple[Node, list[bytes]], tmp_path: Path
) -> None:
    with reach(filled[0].url, tmp_path) as chain:
        expected = chain.headers(0, 2)
        assert chain.node.rpc._takes_batches
    for spoil in (
        lambda found: found.reverse(),
        lambda found: found.pop(),
        lambda found: found[1].update(id=found[0]["id"]),
        lambda found: found[1].update(result=found[0]["result"]),
        lambda found: found[2].pop("result"),
        lambda found: found[0]["result"].update(stateRoot=HASH),
        lambda found: found.append(None),
    ):
        way = Batched(filled[0], spoil)
        with NetworkChain.open(
            filled[0].url, tmp_path / "outbox.sqlite", config(), sleep=quick, transport=way
        ) as chain:
            assert chain.headers(0, 2) == expected
            assert way.batches == 1
            assert chain.headers(1, 2) == expected[1:]
            assert way.batches == (2 if chain.node.rpc._takes_batches else 1)


def test_transaction_of_another_type_is_asked_for_as_it_was_signed(
    filled: tuple[Node, list[bytes]], tmp_path: Path
) -> None:
    node, raws = filled
    with lying(node, tmp_path, TX, at(2, "type", "0x7f")) as chain:
        assert list(chain.body(2).transactions) == raws
    plan = lambda method, _: "unsupported" if method == "eth_getProof" else None  # noqa: E731
    with proxied(node, plan) as proxy, reach(proxy.url, tmp_path) as chain:
        with pytest.raises(StateUnproven, match="no eth_getProof") as caught:
            chain.state_proof(PARTY, [1], 2)
        assert caught.value.block == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it["storageProof"].pop(),
        lambda it: it.update(storageProof=None),
        lambda it: it["accountProof"].append("0x1"),
        lambda it: it["storageProof"][0].update(proof="0x"),
    ],
)
def test_state_proof_given_an_answer_that_is_none_is_refused(
    filled: tuple[Node, list[bytes]], tmp_path: Path, change: Callable[[Any], object]
) -> None:
    with lying(filled[0], tmp_path, "eth_getProof", change) as chain, pytest.raises(ChainUnavailable):
        chain.state_proof(PARTY, [1, 2], 2)
