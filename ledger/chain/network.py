"""A consortium's own network, by way of a node that somebody else runs: Besu, geth, any other.

Such a node times out, drops answers after it has done what it was asked, is restarted empty, and replaces its
last blocks. So every transaction is on disk before it is sent, is only ever sent as those bytes, and every
block in which one of ours was is remembered: where the chain shows another, `ChainForgot` is raised.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from ledger.chain.answers import Header, Included
from ledger.chain.base import Block, Body, Limits, Mined, Receipt
from ledger.chain.delivery import ZERO_FEE_REFUSED, Delivery, NetworkConfig, decoded
from ledger.chain.node import Node
from ledger.chain.node_blocks import NodeBlocks
from ledger.chain.outbox import Outbox, Seen
from ledger.chain.rpc import Rpc, Sleep
from ledger.chain.transport import Transport
from ledger.chain.watch import Watch
from ledger.clock import LONGEST_WAIT_S, Clock, SystemClock
from ledger.errors import (
    CallReverted,
    ChainUnavailable,
    EngineFailed,
    FinalityUnknown,
    NodeRefused,
    NoSuchBlock,
    NoSuchTransaction,
    ResyncUnfinished,
    StoreUnusable,
    TooEarly,
    TransactionRefused,
)

__all__ = ["NetworkChain", "NetworkConfig"]

_POOL_BYTES = 131_072
"""What these clients' pools take at most, in one transaction."""
_POOL_CLIENTS = ("geth", "erigon", "nethermind", "reth", "ethereumjs")
_GAS_MARGIN_PERCENT = 150
"""Of an estimate: what comes before in the same block can make a transaction dearer."""
_USUAL_TIP = 1_000_000_000
_LOOK_AGAIN_S = 5


class NetworkChain:
    """See `Chain`. Made by `open`."""

    def __init__(
        self,
        url: str,
        outbox: Path,
        config: NetworkConfig,
        *,
        write: bool,
        sleep: Sleep,
        clock: Clock | None = None,
        transport: Transport | None = None,
    ) -> None:
        """Reach the node and open the outbox, without comparing one with the other."""
        self.config = config
        self.addresses: tuple[str, ...] = ()
        self.node = Node(Rpc(url, patience=config.patience, sleep=sleep, transport=transport))
        self.url = self.node.rpc.url
        self._write = write
        self._sleep = sleep
        self._clock = clock or SystemClock()
        self._why: dict[bytes, str] = {}
        self._log_range = config.log_range
        try:
            self.chain_id = self.node.chain_id()
            self.genesis = self._header(0).hash
            self.limits = self._limits()
            self.gas_limit = self.limits.transaction_gas
            self.outbox = Outbox(outbox, write=write)
        except BaseException:
            self.node.rpc.close()
            raise
        self._blocks = NodeBlocks(self.node, self._agreed)
        self.watch = Watch(self.node, self.outbox, sleep, write=write)
        self.delivery = Delivery(self.node, self.outbox, self.watch, config, sleep)

    @classmethod
    def open(
        cls,
        url: str,
        outbox: Path,
        config: NetworkConfig | None = None,
        *,
        write: bool = True,
        sleep: Sleep = time.sleep,
        clock: Clock | None = None,
        transport: Transport | None = None,
    ) -> Self:
        """Reach the node, compare the chain with what was seen of it, and, to write, wait until every
        transaction that an earlier run left is in a block.

        Raises WrongChain, ChainForgot, ResyncUnfinished, OutcomeUnknown, TransactionRefused where another
        transaction took the place of one of ours, StoreUnusable, StoreDamaged, ChainUnavailable.
        """
        chain = cls(
            url,
            outbox,
            config or NetworkConfig(),
            write=write,
            sleep=sleep,
            clock=clock,
            transport=transport,
        )
        try:
            chain._compare()
            if write:
                chain.settle_pending()
        except BaseException:
            chain.close()
            raise
        return chain

    def settle_pending(self) -> list[Receipt]:
        """Wait until every transaction of the outbox is in a block, and send again those that the chain does
        not have. Raises as `send_all` does, but only after all others were seen to."""
        reasons: list[str] = []
        pending = self.outbox.pending()
        found = self.delivery.deliver(pending, refused=lambda _, reason: reasons.append(reason))
        if reasons:
            raise TransactionRefused(reasons[0])
        return [self._receipt(included) for included in found.values()]

    def send(self, raw: bytes) -> Receipt:
        """See `Chain.send`. Raises OutcomeUnknown where no block holds it in time, and ChainForgot."""
        return self.send_all([raw])[0]

    def send_all(self, raws: Sequence[bytes], *, any_order: bool = False) -> list[Receipt]:
        """See `Chain.send_all`. Several may share a block: those of one sender, which a block cannot order
        otherwise, and with `any_order` those of all."""
        if not self._write:
            raise StoreUnusable(str(self.outbox.path), "it is open for reading only")
        if self.outbox.pending():
            self.settle_pending()
        signed = [decoded(raw, self.chain_id) for raw in raws]
        highest = self.limits.transaction_bytes
        for raw in raws:
            if highest is not None and len(raw) > highest:
                raise TransactionRefused(f"it has {len(raw):,} bytes, and the network takes {highest:,}")
        following: dict[str, int] = {}
        for each in signed:
            if each.sender not in following:
                following[each.sender] = self.nonce(each.sender)
            if each.nonce > following[each.sender]:
                raise TransactionRefused("its nonce is higher than the sender's next")
            following[each.sender] = max(following[each.sender], each.nonce + 1)
        self.outbox.add(signed)
        entries = [entry for each in signed if (entry := self.outbox.entry(each.hash)) is not None]
        found = self.delivery.deliver(entries, any_order=any_order)
        return [self._receipt(found[each.hash]) for each in signed]

    def fees(self) -> tuple[int, int]:
        """See `Chain.fees`. No tip where the base fee is zero or the last blocks paid none, until the node
        has refused that once."""
        tip = self.config.priority_fee
        if self.config.max_fee is not None:
            return self.config.max_fee, min(tip or 0, self.config.max_fee)
        newest = self.node.newest()
        base_fee = newest.base_fee
        if base_fee is None:
            raise EngineFailed(
                self.url, "fees", "its blocks have no base fee; it must have EIP-1559 (London)"
            )
        # The fee of a block more than half full rises, by EIP-1559 from nothing to one wei.
        history = self.node.fee_history() if base_fee or 2 * newest.gas_used > newest.gas_limit else None
        if base_fee == 0 and (history is None or history[0] == 0):
            if tip is None:
                refused = self.outbox.note(ZERO_FEE_REFUSED)
                tip = (self.node.tip() or _USUAL_TIP) if refused else 0
            return tip, tip
        next_fee, usual_tip = history or (base_fee, self.node.tip() or _USUAL_TIP)
        if not usual_tip and self.outbox.note(ZERO_FEE_REFUSED):
            # Quiet blocks paid nobody; the node wants something nevertheless.
            usual_tip = self.node.tip() or _USUAL_TIP
        tip = usual_tip if tip is None else tip
        return 2 * max(next_fee, base_fee) + tip, tip

    def follow(self, addresses: Sequence[str]) -> None:
        """See `Chain.follow`."""
        self.addresses = tuple(addresses)

    def gas_for(self, sender: str, to: str | None, data: bytes) -> int:
        """See `Chain.gas_for`. Nodes set the whole limit of a transaction aside in its block."""
        found = self.node.estimate(sender, to, data)
        most = self.limits.transaction_gas
        return most if found is None else min(most, found * _GAS_MARGIN_PERCENT // 100)

    def wait_until(self, timestamp: int) -> None:
        """See `Chain.wait_until`. Many networks make no block while nothing is sent, so the clock counts
        where the newest block is older; that the nodes' clocks are right is theirs to see to."""
        while self.node.newest().timestamp + 1 < timestamp:
            left_s = timestamp - int(self._clock.now().timestamp())
            if left_s <= 0:
                return
            if left_s > LONGEST_WAIT_S:
                raise TooEarly(datetime.fromtimestamp(timestamp, UTC))
            self._sleep(min(left_s, _LOOK_AGAIN_S))

    def call(self, to: str, data: bytes, *, sender: str | None = None, block: int | None = None) -> bytes:
        """See `Chain.call`."""
        try:
            found = self.node.call(to, data, sender=sender, block=block)
        except NodeRefused:
            if block is not None:
                self._header(block)
            raise
        if not found:
            # A chain that was restarted has no contract to answer.
            self.watch.look()
        return found

    def nonce(self, address: str) -> int:
        """See `Chain.nonce`: what is in the node's pool and in the outbox is counted."""
        count, ours = self.node.count(address, "pending"), self.outbox.next_nonce(address)
        if count < ours:
            self.watch.look()
        return max(count, ours)

    def code(self, address: str) -> bytes:
        """See `Chain.code`."""
        found = self.node.code(address)
        if not found:
            self.watch.look()
        return found

    def block(self, number: int | None = None) -> Block:
        """See `Chain.block`."""
        if number is None:
            newest, head = self.node.newest(), self.outbox.head
            if head is not None and newest.number < head.number:
                newest = self.watch.look()
            self.watch.saw(newest)
            return newest.block
        return self._header(number).block

    def final_block(self) -> Block:
        """See `Chain.final_block`. Raises FinalityUnknown, and ChainForgot where it is not one that was
        seen."""
        if self.config.finality == "finalized":
            try:
                final = self.node.header("finalized")
            except NodeRefused as error:
                raise FinalityUnknown(self.url, error.reason) from None
            if final is None:
                raise FinalityUnknown(self.url, "it has no block that it calls finalized")
        else:
            final = self._header(max(0, self.block().number - self.config.finality))
        self._agreed(final.number, final.hash)
        before = self.outbox.final
        if self._write and (before is None or before.number < final.number):
            self.watch.look()
            self.outbox.finalize(Seen(final.number, final.hash))
        return final.block

    def transaction_input(self, transaction_hash: bytes) -> bytes:
        """See `Chain.transaction_input`."""
        found = self.node.transaction(transaction_hash)
        if found is None or found.block_number is None:
            raise NoSuchTransaction(transaction_hash)
        return found.input

    def receipt(self, transaction_hash: bytes) -> Receipt:
        """See `Chain.receipt`."""
        found = self.node.receipt(transaction_hash)
        if found is None:
            self.watch.look()
            raise NoSuchTransaction(transaction_hash)
        self._agreed(found.block_number, found.block_hash)
        before = self.outbox.entry(transaction_hash)
        if before is not None and before.block_number not in (None, found.block_number):
            self.watch.look()
        return self._receipt(found)

    def logs(self, from_block: int, to_block: int) -> list[Mined]:
        """See `Chain.logs`. Blocks are asked for in ranges, which become shorter where the node refuses, and
        again from after the last event until none is left."""
        first, last = max(from_block, 0), min(to_block, self.block().number)
        found: list[Mined] = []
        while first <= last:
            end = min(last, first + self._log_range - 1)
            try:
                mined, hashes = self.node.logs(first, end, self.addresses)
            except NodeRefused:
                if end == first:
                    raise
                self._log_range = max(1, (end - first + 1) // 2)
                continue
            for number, block_hash in hashes.items():
                self._agreed(number, block_hash)
            found += mined
            # Some nodes end an answer with the block that reaches a limit of theirs and do not say so: what
            # follows the last event is asked for, until nothing does.
            first = max(hashes, default=end) + 1
            self._log_range = min(self.config.log_range, self._log_range * 2)
        return found

    def headers(self, first: int, last: int) -> list[bytes]:
        """See `Chain.headers`."""
        return self._blocks.headers(first, last)

    def body(self, number: int) -> Body:
        """See `Chain.body`."""
        return self._blocks.body(number)

    def state_proof(self, address: str, slots: Sequence[int], block: int) -> tuple[bytes, ...]:
        """See `Chain.state_proof`."""
        return self._blocks.state_proof(address, slots, block)

    def revert_source(self, transaction_hash: bytes) -> str | None:
        """Where the revert data of a refused transaction came from: "receipt" and "trace" are exact, "replay"
        is what the same call gives on the state after the block before; None where there is none."""
        return self._why.get(transaction_hash)

    def close(self) -> None:
        """See `Chain.close`."""
        self.node.rpc.close()
        self.outbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _compare(self) -> None:
        self.outbox.bind(self.chain_id, self.genesis)
        if self.outbox.forgetting:
            raise ResyncUnfinished(self.url)
        self.watch.look()

    def _agreed(self, number: int, block_hash: bytes) -> None:
        """Raises ChainForgot where block `number` was seen with another hash and the chain stays with it."""
        if not self.watch.agrees(number, block_hash):
            raise ChainUnavailable(self.url, f"its answers about block {number:,} contradict each other")

    def _header(self, number: int) -> Header:
        found = self.node.header(number) if number >= 0 else None
        if found is None:
            raise NoSuchBlock(number)
        return found

    def _receipt(self, included: Included) -> Receipt:
        return included.receipt(b"" if included.status else self._revert_data(included))

    def _revert_data(self, included: Included) -> bytes:
        """Why a transaction was refused, from the most exact source that the node has."""
        transaction_hash = included.transaction_hash
        if included.revert_reason is not None:
            self._why[transaction_hash] = "receipt"
            return included.revert_reason
        try:
            traced = self.node.trace_output(transaction_hash)
            if traced is not None:
                self._why[transaction_hash] = "trace"
                return traced
            sent = self.node.transaction(transaction_hash)
            if sent is None:
                return b""
            parent = included.block_number - 1
            self.node.call(sent.to, sent.input, sender=sent.sender, block=parent, gas=sent.gas)
        except CallReverted as refusal:
            self._why[transaction_hash] = "replay"
            return refusal.revert_data
        except NodeRefused:
            pass
        return b""

    def _limits(self) -> Limits:
        gas, size = self.config.transaction_gas, self.config.transaction_bytes
        if gas is None:
            gas = self.node.newest().gas_limit
        if size is None:
            client = self.node.client().lower()
            size = _POOL_BYTES if client.startswith(_POOL_CLIENTS) else None
        return Limits(gas, size)
