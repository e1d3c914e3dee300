"""A node that somebody else runs, and a proxy before it that does everything a node and a network can do
wrong."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ledger.chain.anvil import find_anvil
from ledger.chain.network import NetworkChain, NetworkConfig
from ledger.chain.rpc import Patience

CHAIN_ID = 4711
GENESIS_TIME = 1_574_326_800
"""2019-11-21 09:00 UTC: an empty chain begun again has the same block 0."""
needs_anvil = pytest.mark.skipif(
    find_anvil() is None, reason="anvil, which plays somebody else's node, is not installed; run `make setup`"
)


class Node:
    """anvil with options of its own, on a port that stays the same when it is started again."""

    def __init__(
        self,
        *options: str,
        genesis_time: int = GENESIS_TIME,
        chain_id: int = CHAIN_ID,
        base_fee: int = 0,
        hardfork: str = "cancun",
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.options = options
        self.genesis_time = genesis_time
        self.chain_id = chain_id
        self.base_fee = base_fee
        self.hardfork = hardfork
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        fixed = {
            "--port": self.port,
            "--chain-id": self.chain_id,
            "--timestamp": self.genesis_time,
            "--accounts": 0,
            "--base-fee": self.base_fee,
            "--gas-price": self.base_fee,
            "--gas-limit": 300_000_000,
            "--hardfork": self.hardfork,
        }
        given = [str(part) for option in fixed.items() for part in option]
        self.process = subprocess.Popen(
            [str(find_anvil()), "--quiet", "--disable-min-priority-fee", *given, *self.options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                self.ask("eth_chainId")
                return
            except OSError:
                time.sleep(0.02)
        self.stop()
        raise AssertionError("anvil did not start")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def restart_empty(self) -> None:
        self.stop()
        self.start()

    def ask(self, method: str, *parameters: object) -> Any:
        """A request past everything that is tested."""
        answer = json.loads(post(self.port, request_of(method, *parameters)))
        assert "error" not in answer, answer
        return answer["result"]

    def head(self) -> int:
        """The newest block's number. Transactions handed over together may share a block."""
        return int(self.ask("eth_blockNumber"), 16)

    def transactions(self) -> list[tuple[str, int]]:
        """(sender, nonce) of everything in every block."""
        found = []
        for number in range(self.head() + 1):
            block = self.ask("eth_getBlockByNumber", hex(number), True)
            found += [(each["from"], int(each["nonce"], 16)) for each in block["transactions"]]
        return found


def request_of(method: str, *parameters: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()


def post(port: int, body: bytes) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        return connection.getresponse().read()
    finally:
        connection.close()


_ERRORS = {
    "limited": (-32005, "limit exceeded"),
    "unsupported": (-32601, "the method does not exist"),
    "denied": (-32000, "internal error"),
    "long": (-32005, "query returned more than 10000 results"),
    "underpriced": (-32000, "transaction underpriced: gas tip cap 0, minimum needed 1"),
}
_NAMES = {"geth": "Geth/v1.16.0", "ethereumjs": "EthereumJS/0.10.5/linux/node20.20.2"}
Fault = str
"""What the proxy does to one request; see `Proxy`."""
Plan = Callable[[str, int], Fault | None]
"""The fault, if any, for a method and how many requests came before."""


class Proxy:
    """Between a client and a node. Before the node hears of a request it may

    refuse (close the connection), 500, 429, limited (a JSON-RPC rate limit)

    and after the node has done it

    drop (close without an answer), late (answer when nobody waits), garbage, truncated, wrong_id, twice,
    neither (no result, no error), both, stale (the answer to the request before), denied (an error);

    or be another node: unsupported (the method is), null (nothing is there), geth, ethereumjs (so it calls
    itself), underpriced (it wants a tip), short (it gives the events of three blocks at most), first (it
    gives those of the first block that has any and leaves the rest out without a word, as EthereumJS does
    over a limit of its own), risen (the next block has a base fee). The tag of a block belongs to a method's
    name.
    """

    def __init__(self, node: Node, plan: Plan, answer_s: float) -> None:
        self.node = node
        self.plan = plan
        self.answer_s = answer_s
        self.requests: list[str] = []
        self.faults: list[Fault] = []
        self._before = b'{"jsonrpc":"2.0","id":0,"result":"0x0"}'
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = json.loads(body)
                method = request["method"]
                if method == "eth_getBlockByNumber" and request["params"][0] == "finalized":
                    method += "/finalized"
                fault = proxy.plan(method, len(proxy.requests))
                proxy.requests.append(method)
                if fault:
                    proxy.faults.append(fault)
                try:
                    proxy._answer(self, body, fault)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _answer(self, handler: BaseHTTPRequestHandler, body: bytes, fault: Fault | None) -> None:
        handler.close_connection = fault is not None
        if fault == "refuse":
            return
        if fault in ("500", "429"):
            self._write(handler, b"busy", status=int(fault))
            return
        number = json.loads(body)["id"]
        if fault == "short":
            first, last = (int(json.loads(body)["params"][0][end], 16) for end in ("fromBlock", "toBlock"))
            fault = "long" if last - first >= 3 else None
        if fault == "denied":
            post(self.node.port, body)
        if fault in _ERRORS:
            error = dict(zip(("code", "message"), _ERRORS[fault], strict=True))
            self._write(handler, json.dumps({"jsonrpc": "2.0", "id": number, "error": error}).encode())
            return
        answer = post(self.node.port, body)
        before, self._before = self._before, answer
        if fault == "drop":
            return
        if fault == "late":
            time.sleep(self.answer_s * 3 / 2)
        value = json.loads(answer)
        if fault == "first":
            given = value["result"]
            value["result"] = [each for each in given if each["blockNumber"] == given[0]["blockNumber"]]
        if fault == "risen":
            value["result"]["baseFeePerGas"][-1] = "0x1"
        changed = {
            "garbage": b"<html>hello</html>",
            "wrong_id": json.dumps(value | {"id": number + 1}).encode(),
            "twice": answer + answer,
            "neither": json.dumps({"jsonrpc": "2.0", "id": number}).encode(),
            "both": json.dumps(value | {"result": None, "error": {"code": 1, "message": ""}}).encode(),
            "stale": before,
            "null": json.dumps(value | {"result": None}).encode(),
            **dict.fromkeys(("first", "risen"), json.dumps(value).encode()),
            **{name: json.dumps(value | {"result": said}).encode() for name, said in _NAMES.items()},
        }.get(fault or "", answer)
        self._write(handler, changed, cut=len(changed) // 2 if fault == "truncated" else 0)

    def _write(
        self, handler: BaseHTTPRequestHandler, body: bytes, *, status: int = 200, cut: int = 0
    ) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[: len(body) - cut] if cut else body)
        handler.wfile.flush()


def quick(seconds: float) -> None:
    """Sleep for a tenth of what is asked."""
    time.sleep(seconds / 10)


def config(**changes: Any) -> NetworkConfig:
    """A network's configuration with a test's patience."""
    patience = Patience(answer_s=0.4, attempts=7, first_pause_s=0.02, longest_pause_s=0.2)
    return NetworkConfig(**({"patience": patience, "finality": 0, "timeout_s": 20} | changes))


def reach(url: str, folder: Path, *, write: bool = True, **changes: Any) -> NetworkChain:
    """The chain behind a URL, with the outbox of a test's folder."""
    return NetworkChain.open(url, folder / "outbox.sqlite", config(**changes), write=write, sleep=quick)


@contextmanager
def proxied(node: Node, plan: Plan) -> Iterator[Proxy]:
    """A proxy before a node."""
    proxy = Proxy(node, plan, answer_s=0.4)
    try:
        yield proxy
    finally:
        proxy.close()
