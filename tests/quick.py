"""anvil asked more quickly, by tests that ask it hundreds of thousands of times and are not about asking.

`http.client` takes half of such a test's time: it sends a request as two packets, each of which wakes the
other side up, and reads an answer's headers as those of an e-mail. Tests of engines, of processes and of the
command do without this.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Sequence
from http.client import HTTPConnection, HTTPException
from typing import Any, TypeVar

from ledger.abi import CODEC, type_of
from ledger.chain import Chain, LocalChain
from ledger.chain.anvil import AnvilEngine
from ledger.chain.base import GAS_LIMIT, NOBODY
from ledger.chain.jsonrpc import from_hex
from ledger.contract import Contract

AT_ONCE = 1 << 16
C = TypeVar("C", bound=Chain)
LENGTH = b"\r\ncontent-length:"


class Answer:
    """What is read of an `HTTPResponse`."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def read(self) -> bytes:
        return self._body


class Connection(HTTPConnection):
    """A kept connection over which a request goes out as a whole, to a server that says each answer's length.

    Whatever else comes back is an HTTPException, and nothing is asked over it again.
    """

    def request(self, method, url, body=None, headers={}, *, encode_chunked=False):  # type: ignore[no-untyped-def] # noqa: B006
        data = body.encode()
        if self.sock is None:
            self.connect()
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = [f"{method} {url} HTTP/1.1", f"Host: {self.host}:{self.port}", f"Content-Length: {len(data)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + data)

    def getresponse(self):  # type: ignore[no-untyped-def]
        try:
            return Answer(self._answer())
        except BaseException:
            self.close()
            raise

    def _answer(self) -> bytes:
        found = b""
        while (end := found.find(b"\r\n\r\n")) < 0:
            found += self._more(AT_ONCE)
        head = found[:end].lower()
        at = head.find(LENGTH)
        if not head.startswith(b"http/1.1 200 ") or at < 0:
            raise HTTPException(head.decode(errors="replace"))
        length = int(head[at + len(LENGTH) :].split(b"\r\n", 1)[0])
        parts = [found[end + 4 :]]
        missing = length - len(parts[0])
        while missing > 0:
            parts.append(self._more(min(missing, AT_ONCE)))
            missing -= len(parts[-1])
        if missing:
            raise HTTPException("an answer is longer than it says")
        return b"".join(parts)

    def _more(self, most: int) -> bytes:
        part = self.sock.recv(most)
        if not part:
            raise HTTPException("the connection ended")
        return part


def quick(chain: C) -> C:
    """The chain, its engine asked over such a connection where it is anvil, until it starts another."""
    if isinstance(chain, LocalChain) and isinstance(chain.engine, AnvilEngine):
        plain = chain.engine._connection
        chain.engine._connection = Connection(plain.host, plain.port, timeout=plain.timeout)
        plain.close()
    return chain


def calls(contract: Contract, function: str, rows: Iterable[Sequence[Any]]) -> list[Any]:
    """What `contract.call` returns for each row of arguments, asked of anvil in one request.

    Where the engine is another, or refuses any of them, they are asked one after the other.
    """
    rows, chain = list(rows), contract.chain
    engine = chain.engine if isinstance(chain, LocalChain) else None
    if not rows or not isinstance(engine, AnvilEngine):
        return [contract.call(function, *row) for row in rows]
    asked = []
    for i, row in enumerate(rows):
        data = "0x" + contract.encode(function, *row).hex()
        call = {"from": NOBODY, "to": contract.address, "data": data, "gas": hex(GAS_LIMIT)}
        asked.append({"jsonrpc": "2.0", "id": i, "method": "eth_call", "params": [call, "latest"]})
    engine._connection.request("POST", "/", json.dumps(asked), {"Content-Type": "application/json"})
    answers = {answer["id"]: answer for answer in json.loads(engine._connection.getresponse().read())}
    if any("error" in answers[i] for i in range(len(rows))):
        return [contract.call(function, *row) for row in rows]
    (entry,) = (e for e in contract.artifact.abi if e["type"] == "function" and e["name"] == function)
    types = [type_of(parameter) for parameter in entry["outputs"]]
    found = [CODEC.decode(types, from_hex(answers[i]["result"])) for i in range(len(rows))]
    return [values[0] if len(types) == 1 else values for values in found]
