"""A chain in a child process: anvil, spoken to by JSON-RPC over one kept connection.

The child sits behind a shell that watches a pipe from this process. When this process ends, however it
ends, the pipe closes and the shell ends the child.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eth_utils import to_checksum_address

from ledger.chain.answers import Garbage
from ledger.chain.base import CHAIN_ID, GAS_LIMIT, NOBODY, Block, Receipt
from ledger.chain.connection import Connection
from ledger.chain.engine import StateForgotten
from ledger.chain.headers import header_of
from ledger.chain.jsonrpc import from_hex, logs_of
from ledger.chain.proving import asked, nodes_of
from ledger.errors import (
    CallReverted,
    ChainUnavailable,
    EngineFailed,
    TransactionRefused,
)

START_TIMEOUT_S = 30
ANSWER_TIMEOUT_S = 600
PORTS_TRIED = 5
BLOCKS_REMEMBERED = 1
_BY_SIGNAL = 128
"""A shell's exit code is above it where a signal ended what it ran."""
BLOCK_HASHES = 257
"""Blocks that a state has: the newest, and those before it whose hashes contracts can ask for."""

# The shell's standard input is the pipe. It keeps it as descriptor 3, which anvil does not inherit, and a
# reader that waits for its end kills anvil; where anvil ends by itself, so does the reader.
_WATCHED = """
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
(read -r _ <&3; kill -9 $child 2>/dev/null) &
reader=$!
wait $child
code=$?
kill $reader 2>/dev/null
exit $code
"""


def find_anvil() -> Path | None:
    """The anvil program: $CLEARING_ANVIL, that of the npm package in the repository, or that on PATH."""
    packages = Path(__file__).resolve().parents[2] / "node_modules" / "@foundry-rs"
    candidates = [os.environ.get("CLEARING_ANVIL"), *sorted(packages.glob("anvil-*/bin/anvil*"))]
    for candidate in [*candidates, shutil.which("anvil")]:
        if candidate and os.access(candidate, os.X_OK) and Path(candidate).is_file():
            return Path(candidate)
    return None


class AnvilEngine:
    """See `Engine`. What `keep` gives is anvil's number of a snapshot, which is good for one use."""

    name = "anvil"

    def __init__(self, genesis_time: int, state: bytes | None = None, *, whole: bool = False) -> None:
        """Start anvil, empty or with a dumped state; `whole` to have it remember every transaction.

        Raises ChainUnavailable, or EngineFailed where the state is none.
        """
        binary = find_anvil()
        if binary is None:
            raise ChainUnavailable(
                self.name, "the program is not installed; run `make setup`, set CLEARING_ANVIL, or use pyevm"
            )
        self._process, self._connection = _start(binary, genesis_time, whole)
        self._mined: dict[str, Any] | None = None
        if state is not None:
            self._load(state)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port where it answers JSON-RPC."""
        return self._connection.host, self._connection.port

    def execute(self, raw: bytes, timestamp: int) -> Receipt:
        """See `Engine.execute`."""
        self._mined = None
        transaction_hash = self._submit(raw)
        self._ask("evm_mine", hex(timestamp))
        receipt, self._mined = self._ask_both(
            ("eth_getTransactionReceipt", transaction_hash), ("eth_getBlockByNumber", "latest", False)
        )
        if receipt is None:  # what its pool lets through and its blocks do not; an empty block was made
            self._ask("anvil_dropAllTransactions")
            raise TransactionRefused(
                "it cannot be executed: its gas does not pay for its bytes, for instance"
            )
        status, gas_used = int(receipt["status"], 16), int(receipt["gasUsed"], 16)
        if gas_used > GAS_LIMIT // 2:
            # After a block more than half full the base fee would rise from zero, and it never falls back.
            self._ask("anvil_setNextBlockBaseFeePerGas", "0x0")
        created = receipt.get("contractAddress")
        return Receipt(
            transaction_hash=from_hex(transaction_hash),
            block_number=int(receipt["blockNumber"], 16),
            block_hash=from_hex(receipt["blockHash"]),
            status=status,
            gas_used=gas_used,
            logs=logs_of(receipt["logs"]),
            contract_address=to_checksum_address(created) if status and created else None,
            revert_data=b"" if status else self._revert_data(transaction_hash),
        )

    def call(self, to: str, data: bytes, *, sender: str | None = None, block: int | None = None) -> bytes:
        """See `Engine.call`."""
        asked = {"from": sender or NOBODY, "to": to, "data": "0x" + data.hex(), "gas": hex(GAS_LIMIT)}
        try:
            return from_hex(self._ask("eth_call", asked, "latest" if block is None else hex(block)))
        except _Refused as error:
            if error.is_revert:
                raise CallReverted(error.data) from None
            if block is not None and "BlockOutOfRange" in error.reason:
                raise StateForgotten(self.name, "eth_call", error.reason) from None
            raise

    def nonce(self, address: str) -> int:
        """See `Engine.nonce`."""
        return int(self._ask("eth_getTransactionCount", address, "latest"), 16)

    def code(self, address: str) -> bytes:
        """See `Engine.code`."""
        return from_hex(self._ask("eth_getCode", address, "latest"))

    def head(self) -> Block:
        """See `Engine.head`."""
        found = self._ask("eth_getBlockByNumber", "latest", False)
        return Block(int(found["number"], 16), from_hex(found["hash"]), int(found["timestamp"], 16))

    def header(self) -> bytes:
        """See `Engine.header`."""
        try:
            return header_of(self._mined or self._ask("eth_getBlockByNumber", "latest", False))
        except Garbage as error:
            raise EngineFailed(self.name, "eth_getBlockByNumber", str(error)) from None

    def proof(self, address: str, slots: Sequence[int]) -> tuple[bytes, ...]:
        """See `Engine.proof`."""
        try:
            return nodes_of(self._ask("eth_getProof", *asked(address, slots, "latest")), slots)
        except Garbage as error:
            raise EngineFailed(self.name, "eth_getProof", str(error)) from None

    def dump(self) -> bytes:
        """See `Engine.dump`. Only the state and the last blocks' headers: the journal has the rest."""
        dumped = json.loads(gzip.decompress(from_hex(self._ask("anvil_dumpState"))))
        dumped["transactions"] = []
        # They come in no order.
        newest_last = sorted(dumped["blocks"], key=lambda block: int(block["header"]["number"], 16))
        dumped["blocks"] = [block | {"transactions": []} for block in newest_last[-BLOCK_HASHES:]]
        return gzip.compress(json.dumps(dumped).encode(), compresslevel=1, mtime=0)

    def keep(self) -> str:
        """See `Engine.keep`."""
        return str(self._ask("evm_snapshot"))

    def go_back(self, handle: str) -> str:
        """See `Engine.go_back`."""
        self._mined = None
        if self._ask("evm_revert", handle) is not True:
            raise EngineFailed(self.name, "evm_revert", f"it does not know its own snapshot {handle}")
        return self.keep()

    def close(self) -> None:
        """End the child process and wait until it is gone."""
        self._connection.close()
        _end(self._process)

    def _load(self, state: bytes) -> None:
        try:
            if self._ask("anvil_loadState", "0x" + state.hex()) is not True:
                raise EngineFailed(self.name, "anvil_loadState", "the state was not taken")
            # anvil computes the root of what it was given with the next block only, and it does not know the
            # hashes of blocks that it was given (BLOCKHASH) until it goes back to one of them.
            before = self._ask("eth_getBlockByNumber", "latest", False)
            self._ask("evm_mine", hex(int(before["timestamp"], 16) + 1))
            after = self._ask("eth_getBlockByNumber", "latest", False)
            if before["stateRoot"] != after["stateRoot"]:
                raise EngineFailed(self.name, "anvil_loadState", "the state is not that of its newest block")
            self._ask("anvil_rollback", 1)
        except BaseException:
            self.close()
            raise

    def _submit(self, raw: bytes) -> str:
        """Hand a transaction to the pool; anvil would keep one of a later nonce there for ever."""
        try:
            transaction_hash = str(self._ask("eth_sendRawTransaction", "0x" + raw.hex()))
        except _Refused as error:
            raise TransactionRefused(error.reason) from None
        if self._ask("txpool_status")["queued"] != "0x0":
            self._ask("anvil_dropAllTransactions")  # anvil_dropTransaction leaves what is queued
            raise TransactionRefused("its nonce is higher than the sender's next")
        return transaction_hash

    def _revert_data(self, transaction_hash: str) -> bytes:
        trace = self._ask("debug_traceTransaction", transaction_hash, {"tracer": "callTracer"})
        return from_hex(trace.get("output", "0x")) if trace.get("error") == "execution reverted" else b""

    def _ask(self, method: str, *parameters: object) -> Any:
        """The result of a JSON-RPC request. Raises ChainUnavailable or _Refused."""
        return _result(method, self._exchange(method, _request(1, method, parameters)))

    def _ask_both(self, one: tuple[object, ...], other: tuple[object, ...]) -> tuple[Any, Any]:
        """The results of two requests that only read, each a method and its parameters: sent together, as
        waiting for an answer takes longer than answering."""
        pair = [_request(i, str(method), given) for i, (method, *given) in enumerate((one, other))]
        answers = sorted(self._exchange(str(one[0]), pair), key=lambda answer: answer["id"])
        return _result(str(one[0]), answers[0]), _result(str(other[0]), answers[1])

    def _exchange(self, method: str, request: object) -> Any:
        try:
            return json.loads(self._connection.ask(json.dumps(request)))
        except (OSError, ValueError) as error:
            raise ChainUnavailable(self.name, f"{method} was not answered: {error!r}") from None


def _request(number: int, method: str, parameters: Sequence[object]) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}


def _result(method: str, answer: dict[str, Any]) -> Any:
    if "error" in answer:
        raise _Refused(method, answer["error"])
    return answer["result"]


class _Refused(EngineFailed):
    """An error that anvil answered."""

    def __init__(self, method: str, error: dict[str, Any]) -> None:
        super().__init__(AnvilEngine.name, method, str(error.get("message")))
        self.is_revert = error.get("code") == 3 or "EVM error" in self.reason
        data = error.get("data")
        self.data = from_hex(data) if isinstance(data, str) else b""


def _start(binary: Path, timestamp: int, whole: bool) -> tuple[subprocess.Popen[bytes], Connection]:
    """Start anvil on a free port; another program may take the port first, or kill it, so a few are tried."""
    reason = ""
    for _ in range(PORTS_TRIED):
        with tempfile.TemporaryDirectory(prefix="clearing-anvil-") as folder:
            port, ready, errors = _free_port(), Path(folder) / "ready.json", Path(folder) / "errors"
            process = _spawn(binary, port, timestamp, whole, ready, errors)
            if _wait(process, ready):
                return process, Connection("127.0.0.1", port, timeout=ANSWER_TIMEOUT_S)
            killed = (process.poll() or 0) > _BY_SIGNAL
            _end(process)
            reason = errors.read_text(errors="replace").strip()
        if "in use" not in reason and not killed:
            break
    raise ChainUnavailable(AnvilEngine.name, f"{binary} did not start: {reason or 'it gave no reason'}")


def _spawn(
    binary: Path, port: int, timestamp: int, whole: bool, ready: Path, errors: Path
) -> subprocess.Popen[bytes]:
    """anvil writes `ready` once it holds the port, and only then."""
    options = {
        "--port": port,
        "--chain-id": CHAIN_ID,
        "--gas-limit": GAS_LIMIT,
        "--hardfork": "cancun",
        "--timestamp": timestamp,
        "--accounts": 0,
        "--base-fee": 0,
        "--gas-price": 0,
        "--config-out": ready,
        # Beyond the 500 newest it would write the state of each block to disk, which takes longer than the
        # block. Older ones can be had from the journal.
        "--max-persisted-states": 0,
    }
    flags = ["--quiet", "--no-mining", "--disable-min-priority-fee", "--no-request-size-limit"]
    flags += ["--disable-default-create2-deployer", "--no-cors"]
    if not whole:  # the journal remembers them
        options["--transaction-block-keeper"] = BLOCKS_REMEMBERED
    arguments = [str(part) for option in options.items() for part in option]
    with errors.open("wb") as stderr:
        return subprocess.Popen(
            ["/bin/sh", "-c", _WATCHED, "sh", str(binary), *flags, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the pipe, on which the shell ends anvil and itself, and wait for it."""
    if process.stdin is not None:
        process.stdin.close()
    process.wait()


def _wait(process: subprocess.Popen[bytes], ready: Path) -> bool:
    """Whether anvil came up, as soon as that is known."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError, ValueError):
            json.loads(ready.read_text())
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.002)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
