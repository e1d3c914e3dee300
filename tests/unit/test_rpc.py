"""JSON-RPC: which answers are taken, what is asked again and when, and what each transport makes of noise."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.server import ServerConnection
from websockets.sync.server import serve as serve_websocket

from ledger.chain.answers import quantity
from ledger.chain.rpc import Patience, Rpc
from ledger.chain.transport import Dropped, shown, transport_to
from ledger.errors import ChainUnavailable, NodeRefused, UnknownChain

PATIENCE = Patience(answer_s=0.3, attempts=4, first_pause_s=0.1, longest_pause_s=0.3)
Reply = Callable[[dict[str, Any]], Any]


class Scripted:
    """A transport that answers as it is told, one entry a request; an exception is raised."""

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.numbers: list[int] = []

    def exchange(self, request: bytes, number: int, timeout_s: float) -> Any:
        asked = json.loads(request)
        assert asked["id"] == number
        assert asked["jsonrpc"] == "2.0"
        self.numbers.append(number)
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step(asked) if callable(step) else step

    def close(self) -> None:
        self.script.clear()


def right(result: Any) -> Reply:
    return lambda asked: {"jsonrpc": "2.0", "id": asked["id"], "result": result}


def wrong(code: Any, message: str = "no", **more: Any) -> Reply:
    error = {"code": code, "message": message, **more}
    return lambda asked: {"jsonrpc": "2.0", "id": asked["id"], "error": error}


def client(*script: Any, slept: list[float] | None = None) -> Rpc:
    sleep = (lambda _: None) if slept is None else slept.append
    return Rpc("http://node", patience=PATIENCE, sleep=sleep, transport=Scripted(*script))


@pytest.mark.parametrize(
    "bad",
    [
        Dropped("gone"),
        None,
        [],
        "0x1",
        {},
        lambda asked: {"id": asked["id"], "result": "0x5"},
        lambda asked: {"jsonrpc": "1.0", "id": asked["id"], "result": "0x5"},
        lambda asked: {"jsonrpc": "2.0", "result": "0x5"},
        lambda asked: {"jsonrpc": "2.0", "id": None, "result": "0x5"},
        lambda asked: {"jsonrpc": "2.0", "id": asked["id"] + 1, "result": "0x5"},
        lambda asked: {"jsonrpc": "2.0", "id": str(asked["id"]), "result": "0x5"},
        lambda asked: {"jsonrpc": "2.0", "id": True, "result": "0x5"},
        lambda asked: {"jsonrpc": "2.0", "id": asked["id"]},
        lambda asked: {"jsonrpc": "2.0", "id": asked["id"], "result": "0x5", "error": None},
        lambda asked: {"jsonrpc": "2.0", "id": asked["id"], "error": None},
        lambda asked: {"jsonrpc": "2.0", "id": asked["id"], "error": "no"},
        wrong("5"),
        wrong(True),
        wrong(-32005),
        wrong(429),
        wrong(-32000, "Too Many Requests"),
        right("five"),
        right(None),
        right(5),
    ],
)
def test_ask_given_a_bad_answer_asks_again_and_takes_the_good_one(bad: Any) -> None:
    assert client(bad, right("0x7")).ask("eth_any", read=quantity) == 7


def test_ask_given_no_good_answer_pauses_longer_each_time_and_ends() -> None:
    slept: list[float] = []
    rpc = client(*[Dropped("gone")] * 4, right("0x7"), slept=slept)
    with pytest.raises(ChainUnavailable, match="eth_any was asked 4 times, at last: gone") as raised:
        rpc.ask("eth_any", read=quantity)
    assert slept == [0.1, 0.2, 0.3]
    assert raised.value.transient


def test_ask_given_several_requests_never_uses_a_number_twice() -> None:
    transport = Scripted(Dropped("gone"), right("0x1"), right("0x1"))
    rpc = Rpc("http://node", patience=PATIENCE, sleep=lambda _: None, transport=transport)
    rpc.ask("eth_a", read=quantity)
    rpc.ask("eth_b", read=quantity)
    assert len(set(transport.numbers)) == 3


@pytest.mark.parametrize(
    "refusal", [wrong(-32601), wrong(-32000, "nonce too low"), wrong(3, "execution reverted", data="0x12")]
)
def test_ask_given_a_refusal_asks_once(refusal: Reply) -> None:
    with pytest.raises(NodeRefused) as raised:
        client(refusal).ask("eth_any", read=quantity)
    error = refusal({"id": 1})["error"]
    assert (raised.value.code, raised.value.reason) == (error["code"], error["message"])
    assert raised.value.data == error.get("data")


def test_ask_given_a_range_of_events_that_is_too_long_asks_once() -> None:
    with pytest.raises(NodeRefused):
        client(wrong(-32005, "more than 10000 results")).ask("eth_getLogs", read=quantity)


@contextmanager
def ipc_server(folder: Path, answer: Callable[[socket.socket, dict[str, Any]], None]) -> Iterator[str]:
    """A node at a socket; `answer` is called for each line it gets."""
    path = os.path.relpath(folder / "node.ipc")  # the name of a socket is short
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(path)
    server.listen()

    def serve(connected: socket.socket) -> None:
        with connected, connected.makefile("rb") as lines:
            try:
                for line in lines:
                    answer(connected, json.loads(line))
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                connected, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connected,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield path
    finally:
        server.close()


@contextmanager
def ws_server(_: Path, answer: Callable[[Any, dict[str, Any]], None]) -> Iterator[str]:
    """The same, as a WebSocket."""

    class Sender:
        def __init__(self, connected: ServerConnection) -> None:
            self.connected = connected

        def sendall(self, content: bytes) -> None:
            for message in content.split(b"\n"):
                if message:
                    self.connected.send(message.decode(errors="replace"))

        def close(self) -> None:
            self.connected.close()

    def serve(connected: ServerConnection) -> None:
        for message in connected:
            answer(Sender(connected), json.loads(message))

    with serve_websocket(serve, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


def whole(asked: dict[str, Any], result: str = "0x7", **changes: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result} | changes).encode() + b"\n"


def double(to: Any, asked: dict[str, Any]) -> None:
    to.sendall(whole(asked) + whole(asked, "0x8"))


def late(to: Any, asked: dict[str, Any]) -> None:
    """The first request's answer comes when nobody waits for it any more, just before another's."""
    if asked["id"] == 1:
        time.sleep(PATIENCE.answer_s * 2)
        to.sendall(whole(asked, "0x9"))
    else:
        to.sendall(whole(asked | {"id": asked["id"] - 1}, "0x9") + whole(asked))


def chatter(to: Any, asked: dict[str, Any]) -> None:
    told = {"jsonrpc": "2.0", "method": "eth_subscription", "params": {}}
    to.sendall(json.dumps(told).encode() + b"\n" + whole(asked, id=999) + whole(asked))


def hang_up(to: Any, asked: dict[str, Any]) -> None:
    if asked["id"] % 2:
        to.close()
    else:
        to.sendall(whole(asked))


def garbage(to: Any, asked: dict[str, Any]) -> None:
    to.sendall(b"hello\n" if asked["id"] % 2 else whole(asked))


def silent(to: Any, asked: dict[str, Any]) -> None:
    if asked["id"] % 2 == 0:
        to.sendall(whole(asked))


@pytest.mark.parametrize("server", [ipc_server, ws_server])
@pytest.mark.parametrize("answer", [double, late, chatter, hang_up, garbage, silent])
def test_stream_given_noise_gives_each_request_its_own_answer(
    server: Any, answer: Any, tmp_path: Path
) -> None:
    with server(tmp_path, answer) as url:
        rpc = Rpc(url, patience=PATIENCE, sleep=lambda _: None)
        assert [rpc.ask("eth_any", read=quantity) for _ in range(4)] == [7] * 4
        rpc.close()


def pieces(to: socket.socket, asked: dict[str, Any]) -> None:
    """Part after part, each of which might be the end, and no line's end."""
    for part in (b'{"jsonrpc":"2.0","result":"0x7","more":{}', b',"id":%d}' % asked["id"]):
        to.sendall(part)
        time.sleep(0.02)


def joined(to: socket.socket, asked: dict[str, Any]) -> None:
    content = whole(asked).strip()
    to.sendall(whole(asked, id=0).strip() + content + content[:20])
    time.sleep(0.02)
    to.sendall(content[20:])


def spread(to: socket.socket, asked: dict[str, Any]) -> None:
    to.sendall(json.dumps(json.loads(whole(asked)), indent=2).encode())


@pytest.mark.parametrize("answer", [pieces, joined, spread])
def test_ipc_given_messages_without_lines_finds_their_ends(answer: Any, tmp_path: Path) -> None:
    with ipc_server(tmp_path, answer) as path:
        rpc = Rpc(path, patience=PATIENCE, sleep=lambda _: None)
        assert [rpc.ask("eth_any", read=quantity) for _ in range(4)] == [7] * 4
        rpc.close()


@pytest.mark.parametrize("server", [ipc_server, ws_server])
def test_stream_given_a_flood_of_other_answers_ends_in_time(server: Any, tmp_path: Path) -> None:
    def flood(to: Any, asked: dict[str, Any]) -> None:
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE.answer_s * 2:
            to.sendall(whole(asked, id=999))
            time.sleep(0.01)

    with server(tmp_path, flood) as url:
        rpc = Rpc(url, patience=Patience(answer_s=0.3, attempts=1), sleep=lambda _: None)
        began = time.monotonic()
        with pytest.raises(ChainUnavailable, match="no answer in time"):
            rpc.ask("eth_any", read=quantity)
        assert time.monotonic() - began < 5
        rpc.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "ws://127.0.0.1:1", "ipc:///nowhere/n.ipc", "no.ipc"])
def test_ask_given_nobody_there_is_unavailable(url: str) -> None:
    with pytest.raises(ChainUnavailable, match="eth_any was asked 4 times"):
        Rpc(url, patience=PATIENCE, sleep=lambda _: None).ask("eth_any", read=quantity)


@pytest.mark.parametrize("url", ["", "anvil", "ftp://a", "http://", "https:///x", "ipc://", "a.ipcx", "ws:a"])
def test_transport_given_an_unknown_url_raises(url: str) -> None:
    with pytest.raises(UnknownChain):
        transport_to(url)


def test_shown_given_a_password_hides_it() -> None:
    assert shown("https://me:pa%40ss@node.example:8545/rpc?key=5#x") == "https://node.example:8545/rpc"
    assert shown("wss://token@node/") == "wss://node/"
    for plain in ("http://node:8545", "ipc:///a/b.ipc", "/a/b.ipc"):
        assert shown(plain) == plain
