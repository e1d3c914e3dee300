"""A gateway on a thread of its own, for tests: one thread has the chain, as in `clearing node`."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any

from eth_account import Account
from eth_utils import keccak

from ledger.accounts import Signer
from ledger.chain import LocalChain
from ledger.chain.gateway import Gateway
from ledger.clock import SystemClock

HEADERS = {"Content-Type": "application/json"}


@dataclass
class Door:
    """A running gateway, and the blocks that it has told of."""

    gateway: Gateway
    chain: LocalChain
    told: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.gateway.url


@contextmanager
def serving(folder: Path) -> Iterator[Door]:
    """A gateway in front of the local chain in `folder`."""
    made: Queue[Any] = Queue()

    def run() -> None:
        try:
            with LocalChain("anvil", clock=SystemClock(), folder=folder) as chain:
                told: list[int] = []
                door = Door(Gateway(chain, port=0, sent=told.append), chain, told)
                door.gateway.serve(lambda: made.put(door))
        except BaseException as error:
            made.put(error)
            raise

    thread = threading.Thread(target=run)
    thread.start()
    door = made.get(timeout=60)
    if isinstance(door, BaseException):
        raise door
    try:
        yield door
    finally:
        door.gateway.stop()
        thread.join(60)
        assert not thread.is_alive()


def post(url: str, body: bytes, **headers: str) -> tuple[int, Any]:
    """Status and answer (None where there is no JSON) of one HTTP request; `Host_` and the like, with "-" for
    "_", replace a header, an empty one leaves it out."""
    given = HEADERS | {name.strip("_").replace("_", "-"): value for name, value in headers.items()}
    host, port = url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    try:
        connection.putrequest("POST", "/", skip_host="Host" in given)
        if "Content-Length" not in given:
            given["Content-Length"] = str(len(body))
        for name, value in given.items():
            if value:
                connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        try:
            return answer.status, json.loads(content)
        except ValueError:
            return answer.status, None
    finally:
        connection.close()


def ask(url: str, method: str, *parameters: object) -> Any:
    """The whole answer to one JSON-RPC request."""
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
    status, answer = post(url, json.dumps(request).encode())
    assert status == 200
    return answer


SOMEBODY = Signer.from_seed("gateway", "somebody")
KEY = keccak(keccak(text="gateway") + keccak(text="somebody"))
PLACE = "0x" + "11" * 20
GAS = 100_000


def store(value: int) -> bytes:
    """Calldata of Probe.store(0, value)."""
    return bytes(keccak(text="store(uint256,uint256)"))[:4] + bytes(32) + value.to_bytes(32, "big")


def signed(nonce: int, **changed: object) -> str:
    """A signed call without calldata, or something near it."""
    fields: dict[str, object] = {
        "chainId": 31337,
        "nonce": nonce,
        "to": PLACE,
        "value": 0,
        "gas": GAS,
        "maxFeePerGas": 0,
        "maxPriorityFeePerGas": 0,
    }
    fields = {name: value for name, value in (fields | changed).items() if value is not None}
    return "0x" + bytes(Account.sign_transaction(fields, KEY).raw_transaction).hex()


def assert_reads(url: str) -> None:
    assert int(ask(url, "eth_blockNumber")["result"], 16) >= 3
