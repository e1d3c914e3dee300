"""The connection to an engine, to servers that answer as they like."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from ledger.chain.connection import Connection

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: "


def answer(body: bytes) -> bytes:
    return HEAD + str(len(body)).encode() + b"\r\n\r\n" + body


@contextmanager
def serving(*lives: Sequence[bytes]) -> Iterator[tuple[Connection, list[bytes]]]:
    """A connection to a server that sends each life's pieces once something has come, and hangs up; what
    had come by then."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for pieces in lives:
                with listening.accept()[0] as peer:
                    heard.append(peer.recv(1 << 16))
                    for piece in pieces:
                        peer.sendall(piece)

        thread = threading.Thread(target=serve)
        thread.start()
        connection = Connection(*listening.getsockname(), timeout=5)
        yield connection, heard
        connection.close()
        thread.join()


@pytest.mark.parametrize("size", [1, 7, 10**6])
@pytest.mark.parametrize("body", [b"", b"one", b"x" * 2_000])
def test_ask_given_an_answer_in_any_pieces_returns_it(size: int, body: bytes) -> None:
    stream = answer(body)
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    with serving(pieces) as (connection, heard):
        assert connection.ask("question") == body
        assert heard[0].endswith(b"\r\nContent-Length: 8\r\n\r\nquestion")


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        HEAD + b"5\r\n\r\nfour",
        HEAD + b"2\r\n\r\nfour",
        HEAD + b"many\r\n\r\nfour",
        b"HTTP/1.1 200 OK\r\n\r\nfour",
        b"HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\nfour",
        b"HTTP/1.1 200 OK\r\nContent-Le",
    ],
)
def test_ask_given_an_answer_that_is_none_raises_and_begins_anew(stream: bytes) -> None:
    with serving([stream], [answer(b"well")]) as (connection, _):
        with pytest.raises(OSError, match=r"."):
            connection.ask("first")
        assert connection.ask("second") == b"well"


def test_ask_given_nobody_listens_raises() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = gone.getsockname()
    with pytest.raises(ConnectionRefusedError):
        Connection(*address, timeout=5).ask("question")
