"""A kept connection to a server of JSON-RPC on this machine.

`http.client` takes two thirds of a request's time: it sends a request as two packets, each of which wakes the
other side up, and reads an answer's headers as those of an e-mail.
"""

from __future__ import annotations

import contextlib
import socket

AT_ONCE = 1 << 16
_LENGTH = b"\r\ncontent-length:"


class Connection:
    """Requests go out as a whole, to a server that says each answer's length and keeps the connection.

    Whatever else comes back is an OSError, and nothing is asked over that connection again: the next request
    is over a new one.
    """

    def __init__(self, host: str, port: int, *, timeout: int) -> None:
        """It is made with the first request. `timeout` is how many seconds nothing may come."""
        self.host = host
        self.port = port
        self.timeout = timeout
        self._socket: socket.socket | None = None

    def ask(self, body: str) -> bytes:
        """The body of the answer to a request.

        One at a time: a second answer would wait, up to 40 ms, until the first was acknowledged.
        """
        try:
            if self._socket is None:
                self._socket = socket.create_connection((self.host, self.port), self.timeout)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.sendall(self._request(body.encode()))
            return _answer(self._socket)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of it. A second call does nothing."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None

    def _request(self, body: bytes) -> bytes:
        head = (
            f"POST / HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def _answer(connected: socket.socket) -> bytes:
    found = b""
    while (end := found.find(b"\r\n\r\n")) < 0:
        found += _more(connected, AT_ONCE)
    head = found[:end].lower()
    at = head.find(_LENGTH)
    said = head[at + len(_LENGTH) :].split(b"\r\n", 1)[0].strip()
    if not head.startswith(b"http/1.1 200 ") or at < 0 or not said.isdigit():
        raise OSError(f"it answered {head.decode(errors='replace')}")
    parts = [found[end + 4 :]]
    missing = int(said) - len(parts[0])
    while missing > 0:
        parts.append(_more(connected, min(missing, AT_ONCE)))
        missing -= len(parts[-1])
    if missing:
        raise OSError("an answer is longer than it says")
    return b"".join(parts)


def _more(connected: socket.socket, most: int) -> bytes:
    part = connected.recv(most)
    if not part:
        raise ConnectionResetError("the connection ended")
    return part
