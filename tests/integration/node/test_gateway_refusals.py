"""What the door for outside tools refuses: whatever goes past the journal, garbage, web pages."""

from __future__ import annotations

import json
import socket

import pytest

from ledger.chain import available
from tests.integration.node.door import (
    Door,
    ask,
    assert_reads,
    post,
    signed,
)

pytestmark = pytest.mark.skipif("anvil" not in available(), reason="anvil is not installed; run `make setup`")


# What it refuses.


@pytest.mark.parametrize(
    "method",
    [
        "anvil_setBalance",
        "anvil_loadState",
        "anvil_dumpState",
        "anvil_setCode",
        "anvil_impersonateAccount",
        "anvil_nodeInfo",
        "evm_mine",
        "evm_revert",
        "evm_snapshot",
        "evm_increaseTime",
        "hardhat_setStorageAt",
        "personal_sign",
        "eth_sendTransaction",
        "eth_sendUnsignedTransaction",
        "eth_sendRawTransactionSync",
        "eth_sign",
        "eth_signTransaction",
        "eth_signTypedData_v4",
        "eth_subscribe",
        "miner_start",
        "admin_addPeer",
        "txpool_content",
        "debug_setHead",
        "ETH_SENDTRANSACTION",
        "nothing",
        "",
    ],
)
def test_gateway_given_method_that_may_change_something_refuses(door: Door, method: str) -> None:
    answer = ask(door.url, method)
    assert answer["error"]["code"] == -32601
    assert method in answer["error"]["message"]
    assert answer["id"] == 1
    assert_reads(door.url)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b"[" * 100_000, -32700),
        (b"1" * 10_000, -32700),
        (b"[]", -32600),
        (b"null", -32600),
        (b'"eth_chainId"', -32600),
        (b"{}", -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":5}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":["eth_chainId"]}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":"x"}', -32600),
        (b'{"jsonrpc":"2.0","id":{},"method":"eth_chainId"}', -32600),
        (b'{"jsonrpc":"2.0","id":true,"method":"eth_chainId"}', -32600),
        (b'{"jsonrpc":"2.0","id":99999999999999999999,"method":"eth_chainId"}', -32600),
        (b"[" + b",".join([b"{}"] * 1_001) + b"]", -32600),
    ],
)
def test_gateway_given_garbage_says_so_and_goes_on(door: Door, body: bytes, code: int) -> None:
    status, answer = post(door.url, body)
    assert status == 200
    assert answer["error"]["code"] == code
    assert_reads(door.url)


@pytest.mark.parametrize(
    "parameters", [["latest", {}], [{"a": "\ud800"}], [None] * 50, ["0x" + "f" * 100], [-1], [1e400]]
)
def test_gateway_given_parameters_that_are_none_gets_the_engines_error(
    door: Door, parameters: list[object]
) -> None:
    assert "error" in ask(door.url, "eth_getBalance", *parameters)
    assert_reads(door.url)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "ledger.example"}, 403),
        ({"Host": "127.0.0.1.ledger.example:8545"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "https://ledger.example"}, 403),
        ({"Origin": "http://localhost:3000"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": ""}, 415),
        ({"Content_Length": "", "Transfer_Encoding": "chunked"}, 411),
        ({"Content_Length": "-1"}, 400),
        ({"Content_Length": "x"}, 400),
        ({"Content_Length": "16777217"}, 413),
        ({"Content_Length": "9" * 40}, 413),
    ],
)
def test_gateway_given_request_of_a_web_page_or_too_long_does_not_read_it(
    door: Door, headers: dict[str, str], status: int
) -> None:
    body = json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": [signed(3)]}
    ).encode()
    assert post(door.url, body, **headers)[0] == status
    assert door.chain.journal.height == 3
    assert_reads(door.url)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8545", "[::1]:8545"])
def test_gateway_given_any_name_of_this_machine_answers(door: Door, host: str) -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}'
    assert post(door.url, body, Host=host, Origin="chrome-extension://abc")[0] == 200


def test_gateway_given_get_or_options_gives_no_right_to_a_page(door: Door) -> None:
    host, port = door.url.removeprefix("http://").split(":")
    for method in ("GET", "OPTIONS"):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(f"{method} / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://a\r\n\r\n".encode())
            answer = connection.recv(65_536).decode()
        assert answer.startswith("HTTP/1.1 501")
        assert "access-control" not in answer.lower()


def test_gateway_listens_on_this_machine_alone(door: Door) -> None:
    address = door.gateway._server.server_address
    assert address[0] == "127.0.0.1"
