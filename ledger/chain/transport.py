"""Ways to a node: HTTP, WebSocket, and a socket in the file system (IPC).

web3's providers are not used: they take an answer without looking at its id, and wait for ever for some
that do not come. Every transport here gives the one answer that belongs to a request, within its time, or
raises `Dropped`; it forgets the connection then, so that a late answer meets nobody.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from websockets.exceptions import InvalidHandshake, InvalidURI, WebSocketException
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_websocket

from ledger.errors import ChainUnavailable, UnknownChain

LONGEST_ANSWER = 2**29
"""Bytes."""
_CHUNK = 2**20
KINDS = ("http://", "https://", "ws://", "wss://", "ipc://", "a path ending in .ipc")


class Dropped(Exception):
    """No answer, or none that can be read: the same request may be answered when it is made again."""


class Transport(Protocol):
    """One request at a time, one answer each."""

    def exchange(self, request: bytes, number: int, timeout_s: float) -> Any:
        """The JSON that was answered to the request of this number. Raises Dropped, and ChainUnavailable
        where asking again will not help."""
        ...

    def close(self) -> None:
        """Let go of the connection. The next request makes a new one."""
        ...


def transport_to(url: str) -> Transport:
    """The transport that a URL asks for. Raises UnknownChain."""
    parts = urlsplit(url)
    if parts.scheme in ("http", "https") and parts.hostname:
        return HttpTransport(parts)
    if parts.scheme in ("ws", "wss") and parts.hostname:
        return WebSocketTransport(url)
    if parts.scheme == "ipc" and (parts.netloc or parts.path):
        return IpcTransport(unquote(parts.netloc + parts.path), shown(url))
    if "://" not in url and url.endswith(".ipc"):
        return IpcTransport(url, shown(url))
    raise UnknownChain(shown(url), KINDS)


def shown(url: str) -> str:
    """The URL without the password and the query that may be in it."""
    if not url.startswith(KINDS[:4]):
        return url
    return re.split(r"[?#]", re.sub(r"^(\w+://)[^/?#]*@", r"\1", url))[0]


class HttpTransport:
    """HTTP with a kept connection."""

    def __init__(self, url: SplitResult) -> None:
        self._url = url
        self._shown = shown(url.geturl())
        self._path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if url.username is not None:
            pair = f"{unquote(url.username)}:{unquote(url.password or '')}"
            self._headers["Authorization"] = "Basic " + b64encode(pair.encode()).decode()
        self._connection: HTTPConnection | None = None

    def exchange(self, request: bytes, number: int, timeout_s: float) -> Any:
        """See `Transport.exchange`."""
        deadline = time.monotonic() + timeout_s
        try:
            status, body = self._post(request, deadline)
        except (OSError, HTTPException, ValueError) as error:
            self.close()
            raise Dropped(_reason(error)) from None
        if status in (408, 425, 429) or status >= 500:
            self.close()
            raise Dropped(f"HTTP status {status}")
        try:
            answer = _decoded(body)
        except Dropped:
            self.close()
            if status == 200:
                raise
            answer = None
        if status != 200 and not (isinstance(answer, dict) and "error" in answer):
            raise ChainUnavailable(self._shown, f"HTTP status {status}; is this the address of a node?")
        return answer

    def close(self) -> None:
        """See `Transport.close`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self, request: bytes, deadline: float) -> tuple[int, bytes]:  # deadline in seconds
        connection = self._connected()
        connection.timeout = _left(deadline)
        if connection.sock is not None:
            connection.sock.settimeout(_left(deadline))
        connection.request("POST", self._path, request, self._headers)
        answer = connection.getresponse()
        parts, size = [], 0
        while chunk := answer.read1(_CHUNK):
            parts.append(chunk)
            size += len(chunk)
            if size > LONGEST_ANSWER:
                raise ValueError(f"an answer of more than {LONGEST_ANSWER:,} bytes")
            left_s = _left(deadline)
            if connection.sock is not None:
                connection.sock.settimeout(left_s)
        if answer.length:
            raise ValueError("the answer ended before its end")
        answer.close()
        return answer.status, b"".join(parts)

    def _connected(self) -> HTTPConnection:
        if self._connection is None:
            host = self._url.hostname or ""
            if self._url.scheme == "https":
                context = ssl.create_default_context()
                self._connection = HTTPSConnection(host, self._url.port, context=context)
            else:
                self._connection = HTTPConnection(host, self._url.port)
        return self._connection


class WebSocketTransport:
    """A WebSocket. Answers to other requests than the one made now are passed over."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opened = ExitStack()
        self._connection: ClientConnection | None = None

    def exchange(self, request: bytes, number: int, timeout_s: float) -> Any:
        """See `Transport.exchange`."""
        deadline = time.monotonic() + timeout_s
        try:
            if self._connection is None:
                opening = open_websocket(
                    self._url, open_timeout=timeout_s, close_timeout=1, max_size=LONGEST_ANSWER, proxy=None
                )
                self._connection = self._opened.enter_context(opening)
            connection = self._connection
            connection.send(request.decode())
            return _awaited(lambda: _decoded(connection.recv(timeout=_left(deadline))), number)
        except InvalidURI as error:
            raise ChainUnavailable(shown(self._url), str(error)) from None
        except (OSError, WebSocketException, InvalidHandshake, Dropped, RuntimeError) as error:
            self.close()
            raise Dropped(_reason(error)) from None

    def close(self) -> None:
        """See `Transport.close`."""
        self._connection = None
        self._opened.close()


class IpcTransport:
    """A Unix socket. Answers to other requests than the one made now are passed over."""

    def __init__(self, path: str, url: str) -> None:
        self._path = path
        self._url = url
        self._socket: socket.socket | None = None
        self._unread = b""

    def exchange(self, request: bytes, number: int, timeout_s: float) -> Any:
        """See `Transport.exchange`."""
        deadline = time.monotonic() + timeout_s
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self._socket.settimeout(_left(deadline))
                self._socket.connect(self._path)
            self._socket.settimeout(_left(deadline))
            self._socket.sendall(request + b"\n")
            connected = self._socket
            return _awaited(lambda: self._message(connected, deadline), number)
        except (OSError, ValueError, Dropped) as error:
            self.close()
            raise Dropped(_reason(error)) from None

    def close(self) -> None:
        """See `Transport.close`."""
        self._unread = b""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _message(self, connected: socket.socket, deadline: float) -> Any:  # deadline in seconds
        """The next JSON value of the stream. A message need not end with a line, but nothing is tried until
        the bytes at hand end as a message would."""
        while True:
            self._unread = self._unread.lstrip()
            if self._unread and self._unread[:1] not in b"{[":
                raise ValueError(f"no JSON: {self._unread[:40]!r}")
            line, end, rest = self._unread.partition(b"\n")
            if end and (whole := _tried(line)):
                self._unread = rest
                return whole[0]
            if self._unread.endswith((b"}", b"]")) and (whole := _tried(self._unread)):
                self._unread = self._unread[whole[1] :]
                return whole[0]
            connected.settimeout(_left(deadline))
            chunk = connected.recv(_CHUNK)
            if not chunk:
                raise ValueError("the connection ended before an answer")
            self._unread += chunk
            if len(self._unread) > LONGEST_ANSWER:
                raise ValueError(f"an answer of more than {LONGEST_ANSWER:,} bytes")


def _awaited(read: Callable[[], Any], number: int) -> Any:
    """The first message that is the answer to request `number`, or that says it is to none at all."""
    while True:
        message = read()
        if not isinstance(message, dict) or message.get("id", ...) in (None, number):
            return message


def _tried(text: bytes) -> tuple[Any, int] | None:
    """The JSON value that `text` begins with, and where it ends; None where it has no end yet."""
    try:
        decoded = text.decode()
        value, end = json.JSONDecoder().raw_decode(decoded)
    except (ValueError, RecursionError):
        return None
    return value, len(decoded[:end].encode())


def _decoded(body: bytes | str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Dropped(f"no JSON: {body[:40]!r}") from None


def _left(deadline: float) -> float:  # seconds
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no answer in time")
    return left


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
