"""JSON-RPC with a node that somebody else runs: strict with answers, patient with failures.

Every request that this package makes may be made twice: they read, or hand over a transaction that is
already signed. So a request is made again, after growing pauses, where no readable answer came.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, TypeVar

from ledger.chain.answers import Garbage
from ledger.chain.transport import Dropped, Transport, shown, transport_to
from ledger.errors import ChainUnavailable, NodeRefused

T = TypeVar("T")
Sleep = Callable[[float], None]  # seconds

METHOD_MISSING = (-32601, -32004)
"""Not found, not supported."""
_BUSY = (-32005, 429)
"""Rate limits. For events, -32005 means that the range is too long as well, which its asker sees to."""
_BUSY_WORDS = ("rate limit", "too many requests", "try again later", "request timed out")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an answer may take, how often a request is made, and the pauses between."""

    answer_s: float = 30
    attempts: int = 7
    first_pause_s: float = 0.1
    longest_pause_s: float = 5

    def pauses(self) -> Iterator[float]:  # seconds
        """One before each attempt: none, then twice as long each time."""
        yield 0
        for i in range(self.attempts - 1):
            yield min(self.first_pause_s * 2**i, self.longest_pause_s)


class Rpc:
    """A node, by URL. `url` shows no password."""

    def __init__(
        self,
        url: str,
        *,
        patience: Patience = Patience(),
        sleep: Sleep = time.sleep,
        transport: Transport | None = None,
    ) -> None:
        """Raises UnknownChain where the URL is none of a node; nothing is asked yet."""
        self.url = shown(url)
        self._patience = patience
        self._sleep = sleep
        self._transport = transport or transport_to(url)
        self._numbers = count(1)
        self._takes_batches = True

    def ask(self, method: str, *parameters: object, read: Callable[[Any], T]) -> T:
        """What `read` makes of the result; it raises Garbage where that is not what was asked for.

        Raises ChainUnavailable where no attempt was answered, and NodeRefused where the node answered with
        an error, which is not asked again unless the node only says that it is busy.
        """
        reason, made = "", 0
        for pause_s in self._patience.pauses():
            if pause_s:
                self._sleep(pause_s)
            made += 1
            try:
                return read(self._result(method, parameters))
            except (Dropped, Garbage) as error:
                reason = str(error)
        times = "once" if made == 1 else f"{made} times"
        raise ChainUnavailable(self.url, f"{method} was asked {times}, at last: {reason}")

    def ask_each(
        self, method: str, given: Sequence[tuple[object, ...]], read: Callable[[int, Any], T]
    ) -> list[T]:
        """`ask` with each of several lists of parameters; `read` is given the position and the result.

        They are asked in one message (a batch of JSON-RPC); where that does not succeed, one by one from then
        on, as some nodes take no batches or shorter ones.
        """
        if self._takes_batches and len(given) > 1:
            try:
                return [read(i, found) for i, found in enumerate(self._results(method, given))]
            except (Dropped, Garbage, NodeRefused, ChainUnavailable):
                self._takes_batches = False
        return [self.ask(method, *each, read=partial(read, i)) for i, each in enumerate(given)]

    def close(self) -> None:
        """Let go of the connection."""
        self._transport.close()

    def _result(self, method: str, parameters: Sequence[object]) -> Any:
        number, request = self._request(method, parameters)
        body = json.dumps(request, separators=(",", ":")).encode()
        answer = self._transport.exchange(body, number, self._patience.answer_s)
        return self._checked(method, answer, number)

    def _results(self, method: str, given: Sequence[tuple[object, ...]]) -> list[Any]:
        """The results of a batch, in the order of the requests; the answers may come in any."""
        requests = dict(self._request(method, each) for each in given)
        body = json.dumps(list(requests.values()), separators=(",", ":")).encode()
        answers = self._transport.exchange(body, next(iter(requests)), self._patience.answer_s)
        if not isinstance(answers, list) or len(answers) != len(requests):
            raise Garbage(f"no answers to {len(requests)} requests")
        by_number = {each.get("id"): each for each in answers if isinstance(each, dict)}
        return [self._checked(method, by_number.get(number), number) for number in requests]

    def _request(self, method: str, parameters: Sequence[object]) -> tuple[int, dict[str, object]]:
        number = next(self._numbers)
        return number, {"jsonrpc": "2.0", "id": number, "method": method, "params": list(parameters)}

    def _checked(self, method: str, answer: object, number: int) -> Any:
        if not isinstance(answer, dict) or answer.get("jsonrpc") != "2.0":
            raise Garbage("the answer is no JSON-RPC")
        if type(answer.get("id")) is not int or answer["id"] != number:
            raise Garbage(f"the answer is to request {answer.get('id')!r}, not to {number}")
        if ("result" in answer) == ("error" in answer):
            raise Garbage("the answer has not exactly one of a result and an error")
        if "error" in answer:
            raise _refusal(self.url, method, answer["error"])
        return answer["result"]


def _refusal(url: str, method: str, error: object) -> Exception:
    """What a node's error is: a reason to wait, or an answer."""
    if not isinstance(error, dict) or type(error.get("code")) is not int:
        return Garbage("the answer's error has no code")
    code, message = error["code"], str(error.get("message", ""))[:500]
    says_busy = any(word in message.lower() for word in _BUSY_WORDS)
    if says_busy or (code in _BUSY and method != "eth_getLogs"):
        return Dropped(f"the node is busy: {message}")
    return NodeRefused(url, method, code, message, error.get("data"))
