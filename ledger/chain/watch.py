"""What the chain showed before, held against what it shows now.

A block's hash is over its parent's, so the newest block in which a transaction of ours was stands for all
before it. A node that lags behind another of the same network is given some time to come up.
"""

from __future__ import annotations

from bisect import bisect_left

from ledger.chain.answers import Header
from ledger.chain.node import Node
from ledger.chain.outbox import Outbox, Seen
from ledger.chain.rpc import Sleep
from ledger.errors import ChainForgot, ChainUnavailable

LOOKS_S = (0.2, 0.6, 1.2)  # seconds
"""The pauses before a contradiction is looked at again, and in the end believed."""


class Watch:
    """Compares, and writes down the newest block where `write`."""

    def __init__(self, node: Node, outbox: Outbox, sleep: Sleep, *, write: bool) -> None:
        self._node = node
        self._outbox = outbox
        self._sleep = sleep
        self._write = write

    def look(self) -> Header:
        """The newest block, after everything seen was found where it was. Raises ChainForgot."""
        ours, head = self._outbox.blocks(), self._outbox.head
        if ours and not self._is_there(ours[-1]):
            raise self.forgotten(ours)
        newest = self._node.newest()
        if head is not None and newest.number < head.number:
            newest = self._caught_up(newest, head)
        self.saw(newest)
        return newest

    def saw(self, newest: Header) -> None:
        """Write down the newest block, where it is newer than the one before."""
        head = self._outbox.head
        if self._write and (head is None or newest.number > head.number):
            self._outbox.see(Seen(newest.number, newest.hash))

    def agrees(self, number: int, block_hash: bytes) -> bool:
        """Whether an answer about a block says what the chain showed before. Raises ChainForgot where the
        chain stays with what it says now; False means: ask again."""
        seen = self._outbox.block_hash(number)
        if seen in (None, block_hash):
            return True
        if not self._is_there(Seen(number, seen or b"")):
            raise self.forgotten(self._outbox.blocks())
        return False

    def forgotten(self, ours: list[Seen]) -> ChainForgot:
        """The error that says which is the first block that is no longer there."""
        at = min(self.common(ours) + 1, len(ours) - 1)
        found = self._node.header(ours[at].number)
        return ChainForgot(ours[at].number, ours[at].hash, found.hash if found else None)

    def common(self, ours: list[Seen]) -> int:
        """The position of the newest block of `ours` that the chain still has; -1 where it has none."""
        return bisect_left(ours, True, key=lambda seen: not self._has(seen)) - 1

    def _is_there(self, seen: Seen) -> bool:
        """Whether the chain has a block that it showed, asked more than once before the answer is no."""
        for pause_s in LOOKS_S:
            if self._has(seen):
                return True
            self._sleep(pause_s)
        return self._has(seen)

    def _has(self, seen: Seen) -> bool:
        found = self._node.header(seen.number)
        return found is not None and found.hash == seen.hash

    def _caught_up(self, newest: Header, head: Seen) -> Header:
        """The newest block of a node that was behind what was seen. Raises ChainForgot where it stays."""
        for pause_s in LOOKS_S:
            self._sleep(pause_s)
            newest = self._node.newest()
            if newest.number >= head.number:
                return newest
        if self._node.is_syncing():
            reason = f"the node is still getting blocks: it has {newest.number:,} of {head.number:,} and more"
            raise ChainUnavailable(self._node.rpc.url, reason)
        raise ChainForgot(head.number, head.hash, None)
