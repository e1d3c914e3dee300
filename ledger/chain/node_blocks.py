"""Whole blocks of a network's chain, each part of which has to be what the block's hash is of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import rlp

from ledger.chain.answers import HASH, Garbage, data, fields, quantity, sequence
from ledger.chain.base import Body
from ledger.chain.bodies import hashed, receipt_of, root_of, transaction_of
from ledger.chain.headers import header_of
from ledger.chain.node import Node
from ledger.chain.proving import asked, nodes_of
from ledger.chain.rpc import METHOD_MISSING
from ledger.errors import ChainUnavailable, NodeRefused, NoSuchBlock, StateUnproven

T = TypeVar("T")
_TRANSACTIONS_ROOT, _RECEIPTS_ROOT = 4, 5
"""Where a header has them."""

AT_ONCE = 100
"""Headers asked for in one message; nodes take a thousand requests and a few megabytes."""


class NodeBlocks:
    """The blocks that a node has. `agreed` raises where a block is not the one that was seen before.

    Raises ChainUnavailable, also where an answer that does not fit its block is all that comes, and
    NodeRefused everywhere.
    """

    def __init__(self, node: Node, agreed: Callable[[int, bytes], None]) -> None:
        self._node = node
        self._agreed = agreed

    def headers(self, first: int, last: int) -> list[bytes]:
        """See `Chain.headers`; asked for many at a time. Raises NoSuchBlock."""
        headers: list[bytes] = []
        while (number := first + len(headers)) <= last:
            numbers = range(number, min(last + 1, number + AT_ONCE))
            headers += self._headers(numbers)
        return headers

    def body(self, number: int) -> Body:
        """See `Chain.body`. Raises NoSuchBlock."""
        block_hash, (header, hashes, transactions) = self._block(number, True, self._transactions)
        root = rlp.decode(header)[_RECEIPTS_ROOT]
        return Body(tuple(transactions), tuple(self._receipts(number, block_hash, hashes, root)))

    def state_proof(self, address: str, slots: Sequence[int], block: int) -> tuple[bytes, ...]:
        """See `Chain.state_proof`. Raises StateUnproven, NoSuchBlock."""
        self._block(block, False, header_of)
        try:
            return self._node.rpc.ask(
                "eth_getProof", *asked(address, slots, hex(block)), read=lambda value: nodes_of(value, slots)
            )
        except NodeRefused as error:
            reason = "it has no eth_getProof" if error.code in METHOD_MISSING else error.reason
            raise StateUnproven(self._node.rpc.url, block, reason) from None

    def _block(self, number: int, whole: bool, read: Callable[[dict[str, Any]], T]) -> tuple[bytes, T]:
        """The hash of a block, and what `read` makes of it."""

        found = None
        if number >= 0:
            found = self._node.rpc.ask(
                "eth_getBlockByNumber", hex(number), whole, read=lambda value: _block_of(value, number, read)
            )
        return self._there(number, found)

    def _headers(self, numbers: range) -> list[bytes]:
        if numbers[0] < 0:
            raise NoSuchBlock(numbers[0])
        found = self._node.rpc.ask_each(
            "eth_getBlockByNumber",
            [(hex(number), False) for number in numbers],
            lambda i, value: _block_of(value, numbers[i], header_of),
        )
        return [self._there(number, each)[1] for number, each in zip(numbers, found, strict=True)]

    def _there(self, number: int, found: tuple[bytes, T] | None) -> tuple[bytes, T]:
        if found is None:
            raise NoSuchBlock(number)
        self._agreed(number, found[0])
        return found

    def _transactions(self, block: dict[str, Any]) -> tuple[bytes, list[bytes], list[bytes]]:
        """The header, and hashes and bytes of the transactions, which are those of the header's root."""
        header = header_of(block)
        pairs = [transaction_of(each) for each in sequence(block.get("transactions"))]
        transactions = [raw or self._raw(said) for said, raw in pairs]
        if root_of(transactions) != rlp.decode(header)[_TRANSACTIONS_ROOT]:
            raise Garbage("transactions that are not those of the block")
        return header, [said for said, _ in pairs], transactions

    def _raw(self, said: bytes) -> bytes:
        name = "0x" + said.hex()
        return self._node.rpc.ask(
            "eth_getRawTransactionByHash", name, read=lambda value: hashed(data(value), said)
        )

    def _receipts(self, number: int, block_hash: bytes, hashes: list[bytes], root: bytes) -> list[bytes]:
        if not hashes:
            return []

        def all_of(value: object) -> list[bytes]:
            given = sequence(value)
            if len(given) != len(hashes):
                raise Garbage(f"{len(given)} receipts of {len(hashes)} transactions")
            found = [receipt_of(each, block_hash, one) for each, one in zip(given, hashes, strict=True)]
            if root_of(found) != root:
                raise Garbage("receipts that are not those of the block")
            return found

        found = self._node.receipts_as(number, all_of)
        if found is None:
            found = [self._receipt(block_hash, each) for each in hashes]
            if root_of(found) != root:
                reason = f"its receipts are not those of block {number:,}"
                raise ChainUnavailable(self._node.rpc.url, reason)
        return found

    def _receipt(self, block_hash: bytes, transaction_hash: bytes) -> bytes:
        name = "0x" + transaction_hash.hex()
        return self._node.rpc.ask(
            "eth_getTransactionReceipt",
            name,
            read=lambda value: receipt_of(value, block_hash, transaction_hash),
        )


def _block_of(value: object, number: int, read: Callable[[dict[str, Any]], T]) -> tuple[bytes, T] | None:
    """The hash of a block and what `read` makes of it; None where there is none."""
    if value is None:
        return None
    block = fields(value)
    if quantity(block.get("number")) != number:
        raise Garbage(f"it is not block {number}")
    return data(block.get("hash"), HASH), read(block)
