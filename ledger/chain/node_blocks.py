"""Whole blocks of a network's chain, each part of which has to be what the block's hash is of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ledger.chain.answers import HASH, Garbage, data, quantity
from ledger.chain.base import Body
from ledger.chain.headers import header_of
from ledger.chain.node import Node
from ledger.chain.proving import asked, nodes_of
from ledger.chain.rpc import METHOD_MISSING
from ledger.errors import NodeRefused, NoSuchBlock, StateUnproven


class NodeBlocks:
    """The blocks that a node has. `agreed` raises where a block is not the one that was seen before.

    Raises ChainUnavailable and NodeRefused everywhere.
    """

    def __init__(self, node: Node, agreed: Callable[[int, bytes], None]) -> None:
        self._node = node
        self._agreed = agreed

    def headers(self, first: int, last: int) -> list[bytes]:
        """See `Chain.headers`. Raises NoSuchBlock."""
        return [self._header(number) for number in range(first, last + 1)]

    def body(self, number: int) -> Body:
        """See `Chain.body`."""
        raise StateUnproven(self._node.rpc.url, number, "not read yet")

    def state_proof(self, address: str, slots: Sequence[int], block: int) -> tuple[bytes, ...]:
        """See `Chain.state_proof`. Raises StateUnproven, NoSuchBlock."""
        self._header(block)
        try:
            return self._node.rpc.ask(
                "eth_getProof", *asked(address, slots, hex(block)), read=lambda value: nodes_of(value, slots)
            )
        except NodeRefused as error:
            reason = "it has no eth_getProof" if error.code in METHOD_MISSING else error.reason
            raise StateUnproven(self._node.rpc.url, block, reason) from None

    def _header(self, number: int) -> bytes:
        def read(value: Any) -> tuple[bytes, bytes] | None:
            if value is None:
                return None
            if not isinstance(value, dict) or quantity(value.get("number")) != number:
                raise Garbage(f"it is not block {number}")
            return header_of(value), data(value["hash"], HASH)

        found = None
        if number >= 0:
            found = self._node.rpc.ask("eth_getBlockByNumber", hex(number), False, read=read)
        if found is None:
            raise NoSuchBlock(number)
        header, block_hash = found
        self._agreed(number, block_hash)
        return header
