"""The requests that are made of a node that somebody else runs, each with the answer that it may have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ledger.chain import answers
from ledger.chain.answers import Garbage, Header, Included, Known, data, optional, quantity, text
from ledger.chain.base import NOBODY, Mined
from ledger.chain.rpc import METHOD_MISSING, Rpc
from ledger.errors import CallReverted, ChainUnavailable, NodeRefused

T = TypeVar("T")

_REVERT_CODE = 3
_REVERT_WORDS = ("revert", "evm error", "out of gas", "invalid opcode", "vm execution error", "stack ")


class Node:
    """Typed requests. Raises ChainUnavailable and NodeRefused everywhere."""

    def __init__(self, rpc: Rpc) -> None:
        self.rpc = rpc
        self._missing: set[str] = set()

    def chain_id(self) -> int:
        """The number that transactions for this chain are signed with."""
        return self.rpc.ask("eth_chainId", read=quantity)

    def client(self) -> str:
        """The program that the node says it is; empty where it does not say."""
        try:
            return self.rpc.ask("web3_clientVersion", read=text)
        except NodeRefused:
            return ""

    def is_syncing(self) -> bool:
        """Whether the node says that it has not got all blocks yet."""
        try:
            return self.rpc.ask("eth_syncing", read=lambda value: value not in (None, False))
        except NodeRefused:
            return False

    def header(self, block: int | str) -> Header | None:
        """A block by its number or tag, None where there is none."""
        number, name = (block, hex(block)) if isinstance(block, int) else (None, block)

        def read(value: Any) -> Header | None:
            return optional(value, lambda found: answers.header(found, number))

        return self.rpc.ask("eth_getBlockByNumber", name, False, read=read)

    def newest(self) -> Header:
        """The newest block, which every chain has."""
        found = self.header("latest")
        if found is None:
            raise ChainUnavailable(self.rpc.url, "the node has no newest block; it may still be starting")
        return found

    def receipt(self, transaction_hash: bytes) -> Included | None:
        """The receipt of a transaction, None where no block holds it."""

        def read(value: Any) -> Included | None:
            return optional(value, lambda found: answers.included(found, transaction_hash))

        return self.rpc.ask("eth_getTransactionReceipt", _hex(transaction_hash), read=read)

    def receipts(self, number: int) -> list[Included]:
        """All receipts of a block; none where the node cannot give them at once."""

        def read(value: Any) -> list[Included]:
            return optional(value, lambda found: answers.receipts(found, number)) or []

        return self._if_there("eth_getBlockReceipts", hex(number), read=read) or []

    def receipts_as(self, number: int, read: Callable[[Any], T]) -> T | None:
        """What `read` makes of all receipts of a block; None where the node cannot give them at once."""
        return self._if_there("eth_getBlockReceipts", hex(number), read=lambda value: optional(value, read))

    def transaction(self, transaction_hash: bytes) -> Known | None:
        """A transaction in a block or in the node's pool."""

        def read(value: Any) -> Known | None:
            return optional(value, lambda found: answers.known(found, transaction_hash))

        return self.rpc.ask("eth_getTransactionByHash", _hex(transaction_hash), read=read)

    def send(self, raw: bytes, transaction_hash: bytes) -> None:
        """Hand over a signed transaction."""

        def read(value: Any) -> None:
            if data(value, answers.HASH) != transaction_hash:
                raise Garbage("the node took another transaction than the one it was given")

        self.rpc.ask("eth_sendRawTransaction", _hex(raw), read=read)

    def count(self, address: str, block: str) -> int:
        """How many transactions an account has sent, those in the pool among them where `block` says so."""
        return self.rpc.ask("eth_getTransactionCount", address, block, read=quantity)

    def code(self, address: str) -> bytes:
        """The code at an address."""
        return self.rpc.ask("eth_getCode", address, "latest", read=data)

    def call(
        self,
        to: str | None,
        content: bytes,
        *,
        sender: str | None = None,
        block: int | None = None,
        gas: int | None = None,
    ) -> bytes:
        """What a call returns after a block. Raises CallReverted."""
        asked = {"from": sender or NOBODY, "data": _hex(content)}
        if to is not None:
            asked["to"] = to
        if gas is not None:
            asked["gas"] = hex(gas)
        try:
            return self.rpc.ask("eth_call", asked, "latest" if block is None else hex(block), read=data)
        except NodeRefused as error:
            if _is_revert(error):
                raise CallReverted(_revert_data(error.data)) from None
            raise

    def estimate(self, sender: str, to: str | None, content: bytes) -> int | None:
        """Gas that a transaction would use on the newest state; None where it would be refused there."""
        asked = {"from": sender, "data": _hex(content)} | ({} if to is None else {"to": to})
        try:
            return self.rpc.ask("eth_estimateGas", asked, read=quantity)
        except NodeRefused:
            return None

    def logs(self, first: int, last: int, addresses: Sequence[str]) -> tuple[list[Mined], dict[int, bytes]]:
        """The events of some blocks, and those blocks' hashes; of `addresses` only where there are any."""
        asked: dict[str, object] = {"fromBlock": hex(first), "toBlock": hex(last)}
        if addresses:
            asked["address"] = list(addresses)
        return self.rpc.ask("eth_getLogs", asked, read=lambda value: answers.mined(value, first, last))

    def trace_output(self, transaction_hash: bytes) -> bytes | None:
        """Why a transaction was refused, as its trace has it; None where the node has no traces."""
        options = {"tracer": "callTracer"}
        method, given = "debug_traceTransaction", _hex(transaction_hash)
        return self._if_there(method, given, options, read=answers.trace_output)

    def fee_history(self) -> tuple[int, int] | None:
        """The next block's base fee and the usual tip; None where the node cannot say."""
        asked = (hex(20), "latest", [50])
        return self._if_there("eth_feeHistory", *asked, read=answers.fee_history)

    def tip(self) -> int | None:
        """The tip that the node suggests; None where it suggests none."""
        return self._if_there("eth_maxPriorityFeePerGas", read=quantity)

    def _if_there(self, method: str, *parameters: object, read: Callable[[Any], T]) -> T | None:
        """As `Rpc.ask`, and None where the node refuses; a method that is missing is not asked for again."""
        if method in self._missing:
            return None
        try:
            return self.rpc.ask(method, *parameters, read=read)
        except NodeRefused as error:
            if error.code in METHOD_MISSING:
                self._missing.add(method)
            return None


def _is_revert(error: NodeRefused) -> bool:
    return error.code == _REVERT_CODE or any(word in error.reason.lower() for word in _REVERT_WORDS)


def _revert_data(value: object) -> bytes:
    """Nodes differ in where they put it."""
    if isinstance(value, dict):
        value = value.get("data", value.get("result"))
    if isinstance(value, str):
        try:
            return data(value.removeprefix("Reverted ").strip())
        except Garbage:
            return b""
    return b""


def _hex(content: bytes) -> str:
    return "0x" + content.hex()
