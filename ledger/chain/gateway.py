"""A door for outside tools: JSON-RPC over HTTP, for this machine only, to the anvil behind a local ledger.

What only reads is passed on, by a list of what is known to. A signed transaction is taken here: it goes to
the journal and onto the disk before the engine sees it. Everything else is refused, because it would make the
engine another chain than the journal's.

Requests are read in threads of their own; the chain is touched in the thread that calls `serve` alone.
"""

from __future__ import annotations

import json
import re
import socketserver
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler
from queue import Empty, SimpleQueue
from typing import Any, TypeVar, cast

from ledger.chain.anvil import ANSWER_TIMEOUT_S, AnvilEngine
from ledger.chain.engine import Engine
from ledger.chain.local import LocalChain
from ledger.errors import ChainUnavailable, LedgerError, NoSuchTransaction, TransactionRefused
from ledger.transactions import decode

T = TypeVar("T")
Address = tuple[str, int]

HOST = "127.0.0.1"
USUAL_PORT = 8545
"""Where such tools look unless they are told."""
LARGEST_BODY = 16 << 20
LARGEST_BATCH = 1_000
DEEPEST = 64
_LARGEST_ID = 2**53
IDLE_TIMEOUT_S = 60
LONGEST_WAIT_S = 1

_READS = """
    eth_accounts eth_blobBaseFee eth_blockNumber eth_call eth_chainId eth_coinbase eth_createAccessList
    eth_estimateGas eth_feeHistory eth_gasPrice eth_getAccount eth_getAccountInfo eth_getBalance
    eth_getBlockByHash eth_getBlockByNumber eth_getBlockReceipts eth_getBlockTransactionCountByHash
    eth_getBlockTransactionCountByNumber eth_getCode eth_getFilterChanges eth_getFilterLogs eth_getLogs
    eth_getProof eth_getRawTransactionByBlockHashAndIndex eth_getRawTransactionByBlockNumberAndIndex
    eth_getRawTransactionByHash eth_getStorageAt eth_getTransactionByBlockHashAndIndex
    eth_getTransactionByBlockNumberAndIndex eth_getTransactionByHash eth_getTransactionBySenderAndNonce
    eth_getTransactionCount eth_getTransactionReceipt eth_getUncleByBlockHashAndIndex
    eth_getUncleByBlockNumberAndIndex eth_getUncleCountByBlockHash eth_getUncleCountByBlockNumber
    eth_hashrate eth_mining eth_newBlockFilter eth_newFilter eth_newPendingTransactionFilter
    eth_protocolVersion eth_simulateV1 eth_syncing eth_uninstallFilter
    net_listening net_peerCount net_version web3_clientVersion web3_sha3
    debug_traceBlockByHash debug_traceBlockByNumber debug_traceCall debug_traceTransaction
"""
READS = frozenset(_READS.split())
"""Methods that leave the chain as it is."""

PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS, INTERNAL, REFUSED = (
    -32700,
    -32600,
    -32601,
    -32602,
    -32603,
    -32000,
)
_LOCAL_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)
_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|([\[{])|([\]}])', re.DOTALL)
_RAW = re.compile(r"0[xX]([0-9a-fA-F]{2})+")


class Gateway:
    """Answers at `url` from when it is made; the chain's part of it needs `serve` to run.

    `sent` is told the block of every transaction that was taken.
    """

    def __init__(self, chain: LocalChain, *, port: int | None, sent: Callable[[int], None]) -> None:
        """Take the port, None for the usual one or, where that is taken, any.

        Raises ChainUnavailable where it cannot be had. The chain is of anvil.
        """
        self._chain = chain
        self._sent = sent
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._engine: Engine | None = None
        self._address: Address | None = None
        self._stopped = False
        self._server = _listen(self, port)
        self.url = f"http://{HOST}:{self._server.server_address[1]}"

    def serve(self, ready: Callable[[], None] = lambda: None) -> None:
        """Answer until `stop`, in the thread that the chain belongs to.

        Every transaction since the genesis is executed first, so that the engine has all blocks with what is
        in them, which a saved state would not. Raises JournalDamaged and what starting the engine raises.
        """
        listener = threading.Thread(target=self._server.serve_forever)
        try:
            self._start_again()
            listener.start()
            ready()
            while (job := self._next()) is not None:
                job()
        finally:
            self._stopped = True
            if listener.ident is not None:
                self._server.shutdown()
                listener.join()
            self._server.server_close()
            self._let_go()

    def stop(self) -> None:
        """Have `serve` return once what it does is done; safe in a signal handler and in any thread."""
        self._jobs.put(None)

    def _next(self) -> Callable[[], None] | None:
        """The job to do next. A signal that comes as a wait begins, or in another thread, has its handler
        called when the wait ends: so none is long."""
        while True:
            with suppress(Empty):
                return self._jobs.get(timeout=LONGEST_WAIT_S)

    def answer(self, body: bytes, link: Link) -> bytes | None:
        """The answer to a JSON-RPC request or a batch of them; None where none is wanted."""
        try:
            _check_depth(body)
            request = json.loads(body)
        except (ValueError, RecursionError) as error:
            return _error(None, PARSE_ERROR, f"this is no JSON: {error}")
        if not isinstance(request, list):
            return self._answer_one(request, link)
        if not 1 <= len(request) <= LARGEST_BATCH:
            return _error(None, INVALID_REQUEST, f"a batch is of 1 to {LARGEST_BATCH:,} requests")
        answers = [answer for each in request if (answer := self._answer_one(each, link)) is not None]
        return b"[" + b",".join(answers) + b"]" if answers else None

    def address(self) -> Address:
        """Where the engine is; started again, with all blocks, where it has died."""
        if self._address is None or self._stopped:
            return self._in_chain(self._revived)
        return self._address

    def lost(self, address: Address) -> None:
        """The engine did not answer at an address: have it looked at."""
        if self._address == address:
            self._address = None

    def _answer_one(self, request: object, link: Link) -> bytes | None:
        if not isinstance(request, dict) or request.get("jsonrpc") != "2.0":
            return _error(None, INVALID_REQUEST, "this is no JSON-RPC 2.0 request")
        number, method, parameters = request.get("id"), request.get("method"), request.get("params", [])
        known_id = isinstance(number, str | int) and not isinstance(number, bool)
        if not (number is None or known_id) or (
            isinstance(number, int) and not -_LARGEST_ID <= number <= _LARGEST_ID
        ):
            return _error(None, INVALID_REQUEST, "the id is neither a text nor a whole number below 2^53")
        if not isinstance(method, str) or not isinstance(parameters, list | dict):
            return _error(number, INVALID_REQUEST, "it lacks a method, or its params are none")
        try:
            answer = self._dispatch(number, method, parameters, link)
        except _Refusal as error:
            answer = _error(number, error.code, str(error))
        except Exception as error:  # whatever it is, the next request gets its answer
            answer = _error(number, INTERNAL, str(error) or repr(error))
        return answer if "id" in request else None

    def _dispatch(self, number: object, method: str, parameters: Any, link: Link) -> bytes:
        if method == "eth_sendRawTransaction":
            return _result(number, "0x" + self._take(parameters).hex())
        if method == "eth_maxPriorityFeePerGas":
            return _result(number, "0x0")  # gas is free here, whatever anvil suggests
        if method not in READS:
            raise _Refusal(
                NO_METHOD,
                f"{method[:80]} is not answered here: tools may read this ledger, and send what is signed "
                "with eth_sendRawTransaction; nothing else",
            )
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}
        return link.ask(json.dumps(request).encode())

    def _take(self, parameters: object) -> bytes:
        """Put a signed transaction on the chain; its hash."""
        given = parameters[0] if isinstance(parameters, list) and len(parameters) == 1 else None
        if not isinstance(given, str) or not _RAW.fullmatch(given):
            raise _Refusal(INVALID_PARAMS, "one parameter is wanted: a signed transaction in hexadecimal")
        raw = bytes.fromhex(given[2:])
        try:
            # Also what a later version of the engine might take and the journal's readers could not read.
            transaction = decode(raw)
            self._in_chain(lambda: self._send(raw, transaction.hash))
        except TransactionRefused as error:
            raise _Refusal(REFUSED, error.reason) from None
        return transaction.hash

    def _send(self, raw: bytes, transaction_hash: bytes) -> None:
        journal = self._chain.journal
        with suppress(NoSuchTransaction):
            raise TransactionRefused(f"it is in block {journal.number_of(transaction_hash):,} already")
        try:
            self._chain.send_foreign(raw)
        except TransactionRefused:
            raise
        except LedgerError as error:
            if journal.pending():
                raise _Refusal(INTERNAL, f"{error}; it is in the journal, and is executed later") from None
            raise
        finally:
            if self._chain.engine is not self._engine:
                self._start_again()
        with suppress(Exception):  # it is in its block, whether or not anybody can be told
            self._sent(journal.number_of(transaction_hash))

    def _revived(self) -> Address:
        try:
            if self._engine is None or self._chain.engine is not self._engine:
                self._start_again()
            self._engine.head()  # type: ignore[union-attr]
        except ChainUnavailable:
            self._start_again()
        self._address = cast(AnvilEngine, self._engine).address
        return self._address

    def _start_again(self) -> None:
        self._address = None
        self._chain.check()
        self._engine = self._chain.engine
        self._address = cast(AnvilEngine, self._engine).address

    def _in_chain(self, do: Callable[[], T]) -> T:
        """Have something done in the chain's thread, and wait for it."""
        done: Future[T] = Future()

        def job() -> None:
            try:
                if self._stopped:
                    raise ChainUnavailable(self.url, "the node is stopping")
                done.set_result(do())
            except Exception as error:
                done.set_exception(error)

        self._jobs.put(job)
        if self._stopped:
            self._let_go()
        return done.result()

    def _let_go(self) -> None:
        """Tell who still waits that nothing is done any more."""
        with suppress(Empty):
            while True:
                job = self._jobs.get_nowait()
                if job is not None:
                    job()


class Link:
    """One outside connection's own connection to the engine."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._connection: HTTPConnection | None = None
        self._at: Address | None = None

    def ask(self, request: bytes) -> bytes:
        """The engine's answer as it is. Raises ChainUnavailable."""
        for _ in range(2):
            at = self._gateway.address()
            try:
                return self._exchange(at, request)
            except (OSError, HTTPException):
                self.close()
                self._gateway.lost(at)
        raise ChainUnavailable(AnvilEngine.name, "it did not answer")

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, at: Address, request: bytes) -> bytes:
        if self._connection is None or self._at != at:
            self.close()
            self._connection, self._at = HTTPConnection(*at, timeout=ANSWER_TIMEOUT_S), at
        self._connection.request("POST", "/", request, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != HTTPStatus.OK or content[:1] != b"{":
            raise _Refusal(INVALID_REQUEST, "the engine could not read this request")
        return content


class _Refusal(Exception):
    """A request that gets an error for an answer."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128
    gateway: Gateway

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that broke concerns nobody else."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "clearing", ""
    timeout = IDLE_TIMEOUT_S
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self._gateway = cast(_Server, self.server).gateway
        self._link = Link(self._gateway)

    def finish(self) -> None:
        self._link.close()
        super().finish()

    def do_POST(self) -> None:
        refusal = self._refusal()
        if refusal is not None:
            self.send_error(*refusal)
            return
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        answer = self._gateway.answer(body, self._link)
        self.send_response(HTTPStatus.NO_CONTENT if answer is None else HTTPStatus.OK)
        if answer is not None:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if answer is not None:
            self.wfile.write(answer)

    def _refusal(self) -> tuple[HTTPStatus, str] | None:
        """Why a request is not even read: what a page in a browser could make it send, or too much."""
        hosts, origin = self.headers.get_all("Host") or [], self.headers.get("Origin", "").lower()
        length = self.headers.get("Content-Length", "")
        if len(hosts) != 1 or not _LOCAL_HOST.fullmatch(hosts[0].strip()):
            return HTTPStatus.FORBIDDEN, "ask for localhost"
        if origin == "null" or origin.startswith(("http:", "https:")):
            return HTTPStatus.FORBIDDEN, "not for web pages"
        if self.headers.get_content_type() != "application/json":
            return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "application/json is wanted"
        if "Transfer-Encoding" in self.headers or not length:
            return HTTPStatus.LENGTH_REQUIRED, "Content-Length is wanted"
        if not (length.isascii() and length.isdecimal()):
            return HTTPStatus.BAD_REQUEST, "Content-Length is no number"
        if len(length) > 18 or int(length) > LARGEST_BODY:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {LARGEST_BODY:,} bytes"
        return None

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing is logged."""


def _listen(gateway: Gateway, port: int | None) -> _Server:
    reason = ""
    for wanted in (USUAL_PORT, 0) if port is None else (port,):
        try:
            server = _Server((HOST, wanted), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            continue
        server.gateway = gateway
        return server
    raise ChainUnavailable(f"http://{HOST}:{port or USUAL_PORT}", reason)


def _check_depth(body: bytes) -> None:
    """Python's reader ends the process where a library has raised the limit of recursion and the nesting is
    deep."""
    depth = 0
    for token in _BRACKET.finditer(body):
        depth += (token.group(1) is not None) - (token.group(2) is not None)
        if depth > DEEPEST:
            raise ValueError(f"it is nested deeper than {DEEPEST}")


def _result(number: object, result: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "result": result}).encode()


def _error(number: object, code: int, reason: str) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": reason}}).encode()
