"""A chain in a child process: anvil, spoken to by JSON-RPC over one kept connection.

The child sits behind a shell that watches a pipe from this process. When this process ends, however it
ends, the pipe closes and the shell ends the child.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from functools import lru_cache
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from eth_utils import to_checksum_address

from ledger.chain.base import CHAIN_ID, GAS_LIMIT, NOBODY, Block, LocalChain, Log, Receipt
from ledger.clock import Clock
from ledger.errors import (
    CallReverted,
    ChainUnavailable,
    EngineFailed,
    NoSuchBlock,
    NoSuchTransaction,
    TransactionRefused,
)

START_TIMEOUT_S = 30
ANSWER_TIMEOUT_S = 600
PORTS_TRIED = 5

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


class AnvilChain(LocalChain[str]):
    """See `Chain`. What a snapshot keeps is anvil's number of it, which is good for one use."""

    url = "anvil"

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        binary = find_anvil()
        if binary is None:
            raise ChainUnavailable(
                self.url, "the program is not installed; run `make setup`, set CLEARING_ANVIL, or use pyevm"
            )
        self._last_time = self._time()
        self._process, self._connection = _start(binary, self._last_time)

    def send(self, raw: bytes) -> Receipt:
        """See `Chain.send`."""
        timestamp = self._time(self._last_time)
        transaction_hash = self._submit(raw)
        self._ask("evm_mine", hex(timestamp))
        self._last_time = timestamp
        receipt = self._ask("eth_getTransactionReceipt", transaction_hash)
        if receipt is None:
            raise EngineFailed(
                self.url, "evm_mine", f"{transaction_hash} was accepted but not put into a block"
            )
        status, gas_used = int(receipt["status"], 16), int(receipt["gasUsed"], 16)
        if gas_used > GAS_LIMIT // 2:
            # After a block more than half full the base fee would rise from zero, and it never falls back.
            self._ask("anvil_setNextBlockBaseFeePerGas", "0x0")
        created = receipt.get("contractAddress")
        return Receipt(
            transaction_hash=_bytes(transaction_hash),
            block_number=int(receipt["blockNumber"], 16),
            block_hash=_bytes(receipt["blockHash"]),
            status=status,
            gas_used=gas_used,
            logs=tuple(map(_log, receipt["logs"])),
            contract_address=to_checksum_address(created) if status and created else None,
            revert_data=b"" if status else self._revert_data(transaction_hash),
        )

    def call(self, to: str, data: bytes, *, sender: str | None = None, block: int | None = None) -> bytes:
        """See `Chain.call`."""
        asked = {"from": sender or NOBODY, "to": to, "data": "0x" + data.hex(), "gas": hex(GAS_LIMIT)}
        on = "latest" if block is None else hex(self.block(block).number)
        try:
            return _bytes(self._ask("eth_call", asked, on))
        except _Refused as error:
            if error.is_revert:
                raise CallReverted(error.data) from None
            raise

    def nonce(self, address: str) -> int:
        """See `Chain.nonce`."""
        return int(self._ask("eth_getTransactionCount", address, "latest"), 16)

    def code(self, address: str) -> bytes:
        """See `Chain.code`."""
        return _bytes(self._ask("eth_getCode", address, "latest"))

    def block(self, number: int | None = None) -> Block:
        """See `Chain.block`."""
        found = None
        if number is None or number >= 0:
            found = self._ask("eth_getBlockByNumber", "latest" if number is None else hex(number), False)
        if found is None:
            raise NoSuchBlock(number or 0)
        return Block(int(found["number"], 16), _bytes(found["hash"]), int(found["timestamp"], 16))

    def transaction_input(self, transaction_hash: bytes) -> bytes:
        """See `Chain.transaction_input`."""
        found = self._ask("eth_getTransactionByHash", "0x" + transaction_hash.hex())
        if found is None:
            raise NoSuchTransaction(transaction_hash)
        return _bytes(found["input"])

    def logs(self, from_block: int, to_block: int) -> list[tuple[int, bytes, Log]]:
        """See `Chain.logs`."""
        first, last = max(from_block, 0), min(to_block, self.block().number)
        if first > last:
            return []
        found = self._ask("eth_getLogs", {"fromBlock": hex(first), "toBlock": hex(last)})
        return [(int(log["blockNumber"], 16), _bytes(log["transactionHash"]), _log(log)) for log in found]

    def close(self) -> None:
        """End the child process and wait until it is gone."""
        self._connection.close()
        _end(self._process)

    def _keep(self) -> str:
        return str(self._ask("evm_snapshot"))

    def _go_back(self, state: str) -> str:
        if self._ask("evm_revert", state) is not True:
            raise EngineFailed(self.url, "evm_revert", f"it does not know its own snapshot {state}")
        self._last_time = self.block().timestamp
        return self._keep()

    def _submit(self, raw: bytes) -> str:
        """Hand a transaction to the pool; anvil would keep one of a later nonce there for ever."""
        try:
            transaction_hash = str(self._ask("eth_sendRawTransaction", "0x" + raw.hex()))
        except _Refused as error:
            raise TransactionRefused(error.reason) from None
        if self._ask("txpool_status")["queued"] != "0x0":
            self._ask("anvil_dropTransaction", transaction_hash)
            raise TransactionRefused("its nonce is higher than the sender's next")
        return transaction_hash

    def _revert_data(self, transaction_hash: str) -> bytes:
        trace = self._ask("debug_traceTransaction", transaction_hash, {"tracer": "callTracer"})
        return _bytes(trace.get("output", "0x")) if trace.get("error") == "execution reverted" else b""

    def _ask(self, method: str, *parameters: object) -> Any:
        """The result of a JSON-RPC request. Raises ChainUnavailable or _Refused."""
        request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters})
        try:
            self._connection.request("POST", "/", request, {"Content-Type": "application/json"})
            answer = json.loads(self._connection.getresponse().read())
        except (OSError, HTTPException, ValueError) as error:
            raise ChainUnavailable(self.url, f"{method} was not answered: {error!r}") from None
        if "error" in answer:
            raise _Refused(method, answer["error"])
        return answer["result"]


class _Refused(EngineFailed):
    """An error that anvil answered."""

    def __init__(self, method: str, error: dict[str, Any]) -> None:
        super().__init__(AnvilChain.url, method, str(error.get("message")))
        self.is_revert = error.get("code") == 3 or "EVM error" in self.reason
        data = error.get("data")
        self.data = _bytes(data) if isinstance(data, str) else b""


def _start(binary: Path, timestamp: int) -> tuple[subprocess.Popen[bytes], HTTPConnection]:
    """Start anvil on a free port; another program may take the port first, so a few are tried."""
    reason = ""
    for _ in range(PORTS_TRIED):
        with tempfile.TemporaryDirectory(prefix="clearing-anvil-") as folder:
            port, ready, errors = _free_port(), Path(folder) / "ready.json", Path(folder) / "errors"
            process = _spawn(binary, port, timestamp, ready, errors)
            if _wait(process, ready):
                return process, HTTPConnection("127.0.0.1", port, timeout=ANSWER_TIMEOUT_S)
            _end(process)
            reason = errors.read_text(errors="replace").strip()
        if "in use" not in reason:
            break
    raise ChainUnavailable(AnvilChain.url, f"{binary} did not start: {reason or 'it gave no reason'}")


def _spawn(binary: Path, port: int, timestamp: int, ready: Path, errors: Path) -> subprocess.Popen[bytes]:
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
    }
    flags = ["--quiet", "--no-mining", "--disable-min-priority-fee", "--no-request-size-limit"]
    flags += ["--disable-default-create2-deployer", "--no-cors"]
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


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


@lru_cache(maxsize=256)
def _checksummed(address: str) -> str:
    return str(to_checksum_address(address))


def _log(log: dict[str, Any]) -> Log:
    return Log(
        address=_checksummed(log["address"]),
        topics=tuple(map(_bytes, log["topics"])),
        data=_bytes(log["data"]),
    )
