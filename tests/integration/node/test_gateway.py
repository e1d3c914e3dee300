"""The door for outside tools, in front of a local chain on anvil.

gateway
  ─ reads      ─ every block with what is in it, also where a saved state would not have had it
  ─ takes      ─ a signed transaction: into the journal, a block of its own
               ─ none that is malformed, unaffordable, ahead, there already: nothing is left
  ─ refuses    ─ whatever changes the chain past the journal
               ─ what is no JSON-RPC, what a web page sends, what is too long
  ─ goes on    ─ after each of these, after its engine was killed, with many asking at once
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from eth_utils import keccak
from web3 import HTTPProvider, Web3
from web3.exceptions import Web3RPCError

from ledger.accounts import Signer
from ledger.chain import available
from ledger.chain.journal import Journal
from tests.integration.node.door import (
    GAS,
    PLACE,
    SOMEBODY,
    Door,
    ask,
    assert_reads,
    post,
    serving,
    signed,
)

pytestmark = pytest.mark.skipif("anvil" not in available(), reason="anvil is not installed; run `make setup`")


# What it reads.


def test_gateway_given_old_blocks_shows_their_transactions_and_events(door: Door, folder: Path) -> None:
    web3 = Web3(HTTPProvider(door.url))
    journal = Journal(folder / "journal.sqlite", write=False)
    assert web3.eth.chain_id == 31337
    assert web3.eth.block_number == 3
    for number in (1, 2, 3):
        block = web3.eth.get_block(number, full_transactions=True)
        assert bytes(block["hash"]) == journal.block(number).hash
        (transaction,) = block["transactions"]
        receipt = web3.eth.get_transaction_receipt(transaction["hash"])
        assert bytes(receipt["transactionHash"]) == journal.receipt(number).transaction_hash
        assert receipt["from"] == SOMEBODY.address
    created = web3.eth.get_transaction_receipt(web3.eth.get_block(1)["transactions"][0])["contractAddress"]
    assert web3.eth.get_code(created)
    assert web3.eth.get_balance(SOMEBODY.address) == 0
    assert web3.eth.get_transaction_count(SOMEBODY.address) == 3
    asked = web3.eth.get_logs({"fromBlock": 0, "toBlock": "latest"})
    assert len(asked) == sum(len(journal.receipt(n).logs) for n in (1, 2, 3))
    journal.close()
    assert web3.eth.max_priority_fee == web3.eth.gas_price == 0


def test_gateway_given_a_batch_answers_each_in_order(door: Door) -> None:
    requests = [
        {"jsonrpc": "2.0", "id": "a", "method": "eth_blockNumber", "params": []},
        {"jsonrpc": "2.0", "method": "eth_blockNumber", "params": []},
        {"jsonrpc": "2.0", "id": 7, "method": "evm_mine", "params": []},
        5,
        {"jsonrpc": "2.0", "id": 8, "method": "eth_chainId"},
    ]
    status, answers = post(door.url, json.dumps(requests).encode())
    assert status == 200
    assert [answer.get("id") for answer in answers] == ["a", 7, None, 8]
    assert answers[0]["result"] == "0x3"
    assert answers[1]["error"]["code"] == -32601
    assert answers[2]["error"]["code"] == -32600
    assert answers[3]["result"] == "0x7a69"


def test_gateway_given_only_notifications_answers_nothing(door: Door) -> None:
    for body in (b'{"jsonrpc":"2.0","method":"eth_chainId"}', b'[{"jsonrpc":"2.0","method":"evm_mine"}]'):
        assert post(door.url, body) == (204, None)
    assert door.chain.journal.height == 3


# What it takes.


def test_gateway_given_signed_transfer_mines_it_in_a_block_of_its_own(door: Door, folder: Path) -> None:
    web3 = Web3(HTTPProvider(door.url))
    sent = web3.eth.send_raw_transaction(signed(3))
    receipt = web3.eth.get_transaction_receipt(sent)
    assert (receipt["blockNumber"], receipt["status"]) == (4, 1)
    assert door.told == [4]
    journal = Journal(folder / "journal.sqlite", write=False)
    assert [entry.number for entry in journal.foreign()] == [4]
    assert [journal.entry(number).own for number in (1, 2, 3, 4)] == [True, True, True, False]
    assert journal.block(4).hash == bytes(receipt["blockHash"])
    journal.close()


@pytest.mark.parametrize(
    "changed",
    [
        {"maxFeePerGas": None, "maxPriorityFeePerGas": None, "gasPrice": 0},
        {"maxFeePerGas": None, "maxPriorityFeePerGas": None, "gasPrice": 0, "chainId": None},
        {"maxFeePerGas": None, "maxPriorityFeePerGas": None, "gasPrice": 0, "accessList": [], "type": 1},
        {"to": None, "data": "0x60006000f3"},
        {"to": None, "data": "0xfe"},
    ],
    ids=["legacy", "legacy without chain", "with access list", "creation", "creation that fails"],
)
def test_gateway_given_any_kind_of_transaction_takes_it(door: Door, changed: dict[str, object]) -> None:
    raw = signed(3, **changed)
    assert ask(door.url, "eth_sendRawTransaction", raw)["result"] == Web3.to_hex(keccak(hexstr=raw))
    assert door.chain.journal.height == 4


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (signed(2), "nonce"),
        (signed(9), "nonce"),
        (signed(3, value=1), "funds"),
        (signed(3, maxFeePerGas=10**9), "funds"),
        (signed(3, gas=20_999), "gas"),
        (signed(3, gas=21_010, data="0x" + "01" * 100), "gas"),
        (signed(3, gas=30_000_000_001), "gas"),
        (signed(3, chainId=1), "chain"),
        (signed(3, to=None, data="0x" + "00" * 49_153, gas=10_000_000), "initcode"),
        (signed(3) + "00", "decoded"),
        (signed(3)[:-2], "decoded"),
        ("0x03" + signed(3)[4:], "decoded"),
        ("0x00", "decoded"),
        ("0xc0", "decoded"),
    ],
    ids=[
        "nonce used",
        "nonce ahead",
        "value",
        "fee",
        "gas below any",
        "gas below its bytes",
        "gas above all",
        "chain",
        "too long a creation",
        "a byte more",
        "a byte less",
        "a blob's type",
        "zero",
        "empty list",
    ],
)
def test_gateway_given_unfit_transaction_says_why_and_leaves_nothing(
    door: Door, folder: Path, raw: str, reason: str
) -> None:
    answer = ask(door.url, "eth_sendRawTransaction", raw)
    assert answer["error"]["code"] == -32000
    assert reason in answer["error"]["message"].lower()
    journal = Journal(folder / "journal.sqlite", write=False)
    assert (journal.entries, journal.height) == (3, 3)
    journal.close()
    assert ask(door.url, "eth_blockNumber")["result"] == "0x3"
    assert ask(door.url, "eth_sendRawTransaction", signed(3))["result"]
    web3 = Web3(HTTPProvider(door.url))
    assert [len(web3.eth.get_block(number)["transactions"]) for number in (1, 2, 3, 4)] == [1, 1, 1, 1]
    assert door.told == [4]


def test_gateway_given_transaction_of_before_says_where_it_is(door: Door) -> None:
    ask(door.url, "eth_sendRawTransaction", signed(3))
    answer = ask(door.url, "eth_sendRawTransaction", signed(3))
    assert answer["error"] == {
        "code": -32000,
        "message": "it is in block 4 already",
    }


@pytest.mark.parametrize("parameters", [[], ["0x"], ["0x1"], ["zz"], [5], [signed(3), 1], [None]])
def test_gateway_given_no_transaction_says_what_is_wanted(door: Door, parameters: list[object]) -> None:
    assert ask(door.url, "eth_sendRawTransaction", *parameters)["error"]["code"] == -32602


# What it survives.


def test_gateway_given_connections_that_break_off_goes_on(door: Door) -> None:
    host, port = door.url.removeprefix("http://").split(":")
    for sent in (
        b"",
        b"\0\1\2",
        b"POST / HTTP/1.1\r\n",
        (
            b"POST / HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
        ),
    ):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(sent)
    assert_reads(door.url)


def test_gateway_given_many_at_once_answers_all(door: Door) -> None:
    web3 = Web3(HTTPProvider(door.url))
    keys = [Signer.from_seed("gateway", str(i)) for i in range(12)]

    def use(signer: Signer) -> list[int]:
        blocks = []
        for nonce in range(5):
            raw = signer.sign_transaction(31337, nonce, PLACE, b"", GAS)
            sent = web3.eth.send_raw_transaction(raw)
            receipt = web3.eth.get_transaction_receipt(sent)
            assert len(web3.eth.get_block(receipt["blockNumber"])["transactions"]) == 1
            blocks.append(receipt["blockNumber"])
        return blocks

    with ThreadPoolExecutor(12) as pool:
        blocks = [number for found in pool.map(use, keys) for number in found]
    assert sorted(blocks) == list(range(4, 64)) == door.told
    assert door.chain.journal.height == 63


def anvil_of(door: Door) -> int:
    """The process id of the engine."""
    shown = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,args="], capture_output=True, text=True, check=True
    )
    port = f"--port {door.gateway.address()[1]}"
    lines = [line.split(None, 1) for line in shown.stdout.splitlines()]
    return next(int(pid) for pid, args in lines if port in args and args.split()[0].endswith("/anvil"))


def test_gateway_given_dead_engine_reads_all_blocks_from_another(door: Door) -> None:
    web3 = Web3(HTTPProvider(door.url))
    for dies_at in ("read", "send"):
        os.kill(anvil_of(door), signal.SIGKILL)
        if dies_at == "send":
            web3.eth.send_raw_transaction(signed(3))
        height = web3.eth.block_number
        blocks = [web3.eth.get_block(number) for number in range(1, height + 1)]
        assert [len(block["transactions"]) for block in blocks] == [1] * height
        assert [bytes(block["hash"]) for block in blocks] == [
            door.chain.journal.block(number).hash for number in range(1, height + 1)
        ]
    assert height == 4


def test_gateway_given_its_end_tells_who_still_asks(folder: Path) -> None:
    with serving(folder) as door:
        url = door.url
        web3 = Web3(HTTPProvider(url))
        assert web3.eth.block_number == 3
    with pytest.raises((OSError, Web3RPCError)):
        web3.eth.send_raw_transaction(signed(3))
    with serving(folder) as door:
        assert ask(door.url, "eth_blockNumber")["result"] == "0x3"
