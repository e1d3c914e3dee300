"""Handing signed transactions over to a node that somebody else runs, until a block holds each of them.

A transaction is only ever handed over as the very bytes that are in the outbox. Where a node refuses one,
the chain is asked what it has before anything is believed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

import rlp

from ledger.accounts import DYNAMIC_FEE
from ledger.chain.answers import Included
from ledger.chain.node import Node
from ledger.chain.outbox import Entry, Outbox, Signed
from ledger.chain.rpc import Patience, Sleep
from ledger.chain.watch import LOOKS_S, Watch
from ledger.errors import NodeRefused, OutcomeUnknown, TransactionRefused
from ledger.transactions import decode

_FIRST_POLL_S = 0.05  # seconds
_LONGEST_POLL_S = 2
_SUSPICIOUS_AFTER_S = 0.5  # seconds
"""Of waiting, after which the chain is looked at, and handed the transaction once more if it lost it."""
_KNOWN_WORDS = ("already known", "already imported", "alreadyknown", "known transaction", "already in")
_LATER_WORDS = (
    "pool is full",
    "too distant",
    "pool limit",
    "exceeds the txpool",
    "nonce too high",
    "nonce gap",
)
_FEE_WORDS = (
    "underpriced",
    "fee too low",
    "gas price too low",
    "gas price below",
    "below configured minimum",
)
_HIGHEST_NONCE = 2**63

ZERO_FEE_REFUSED = "zero fee refused"
"""The outbox's note that the node wants a tip where none was offered."""


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """What cannot be found out by asking a node, or is to be another than what is found.

    transaction_gas, transaction_bytes   what a transaction may be at most; 16,777,216 gas where EIP-7825 is
                                         in force, which no node says
    finality                             how many blocks below the newest are not final yet, or the chain's
                                         own `finalized`
    timeout_s                            how long to wait for a block to hold a transaction
    max_fee, priority_fee                wei a gas; found where they are None
    in_flight                            how many transactions wait for a block together, at most
    log_range                            how many blocks' events are asked for together, at most
    """

    transaction_gas: int | None = None
    transaction_bytes: int | None = None
    finality: int | Literal["finalized"] = "finalized"
    timeout_s: int = 120
    max_fee: int | None = None
    priority_fee: int | None = None
    in_flight: int = 64
    log_range: int = 5_000
    patience: Patience = field(default_factory=Patience)


class Delivery:
    """Of the transactions of one outbox to one node."""

    def __init__(self, node: Node, outbox: Outbox, watch: Watch, config: NetworkConfig, sleep: Sleep) -> None:
        self._node = node
        self._outbox = outbox
        self._watch = watch
        self._config = config
        self._sleep = sleep

    def deliver(
        self,
        entries: Sequence[Entry],
        *,
        any_order: bool = False,
        refused: Callable[[Entry, str], None] | None = None,
        progress: Callable[[Included, bool], None] | None = None,
    ) -> dict[bytes, Included]:
        """Hand over entries in their order, and wait until each is in a block.

        Transactions of different senders do not wait for a block together, because a block may order them
        as it likes, unless `any_order`. Where the chain will not have one, TransactionRefused is raised and
        those after it are not sent; or, where `refused` is given, it is told, and they are. `progress` is
        told of each in a block, and whether it had to be sent. Raises OutcomeUnknown.
        """
        found: dict[bytes, Included] = {}
        left = list(entries)
        while left:
            window = left[: self._together(left, any_order)]
            known = self._known([each for each in window if refused or each.status != "pending"])
            handed, refusals = self._hand_over(window, known)
            left = left[len(handed) + len(refusals) :]
            here, later = self._wait(handed)
            found |= here
            for entry in handed:
                if progress is not None and entry.hash in here:
                    progress(here[entry.hash], entry.hash not in known)
            for entry, reason in refusals + later:
                if refused is None:
                    for unsent in left:
                        self._outbox.mark(unsent.hash, "refused", "one before it was refused")
                    raise TransactionRefused(reason)
                refused(entry, reason)
        return found

    def is_known(self, entry: Entry) -> Included | None:
        """What the chain has of a transaction, as it agrees with what was seen before."""
        found = self._node.receipt(entry.hash)
        if found is None or not self._watch.agrees(found.block_number, found.block_hash):
            return None
        return found

    def _together(self, entries: Sequence[Entry], any_order: bool) -> int:
        """How many of the first entries may be handed over before the first is in a block."""
        many = 0
        for entry in entries[: max(1, self._config.in_flight)]:
            if entry.sender != entries[0].sender and not any_order:
                break
            many += 1
        return many

    def _known(self, entries: Sequence[Entry]) -> dict[bytes, Included]:
        looked = {entry.hash: self.is_known(entry) for entry in entries}
        return {transaction: found for transaction, found in looked.items() if found is not None}

    def _hand_over(
        self, window: Sequence[Entry], known: dict[bytes, Included]
    ) -> tuple[list[Entry], list[tuple[Entry, str]]]:
        """Those that the chain has now or will have, up to the first that it will not; and that, and why."""
        handed: list[Entry] = []
        next_nonces: dict[str, int] = {}
        for entry in window:
            if entry.hash not in known:
                if entry.sender not in next_nonces:
                    next_nonces[entry.sender] = self._node.count(entry.sender, "pending")
                reason = self._gap(entry, next_nonces[entry.sender]) or self._refusal(entry)
                if reason is not None:
                    return handed, [(entry, reason)]
            next_nonces[entry.sender] = max(next_nonces.get(entry.sender, 0), entry.nonce + 1)
            handed.append(entry)
        return handed, []

    def _gap(self, entry: Entry, next_nonce: int) -> str | None:
        """What to say where the transaction before one is missing, which a node would wait for for ever."""
        for pause_s in LOOKS_S:
            if entry.nonce <= next_nonce or self._node.transaction(entry.hash) is not None:
                return None
            self._sleep(pause_s)
            next_nonce = max(next_nonce, self._node.count(entry.sender, "pending"))
        if entry.nonce <= next_nonce:
            return None
        return self._mark(entry, "refused", f"its nonce is {entry.nonce}, its sender's next is {next_nonce}")

    def _refusal(self, entry: Entry) -> str | None:
        """Hand a transaction over. Why the chain will not have it; None where it has taken it."""
        try:
            self._node.send(entry.raw, entry.hash)
            return None
        except NodeRefused as refusal:
            reason = refusal.reason
        said = reason.lower()
        if any(word in said for word in (*_KNOWN_WORDS, *_LATER_WORDS)):
            return None
        used = False
        for pause_s in (0, *LOOKS_S):
            if pause_s:
                self._sleep(pause_s)
            if self._is_anywhere(entry):
                return None
            used = self._node.count(entry.sender, "latest") > entry.nonce
            if not used and "nonce too low" not in said:
                break
        if used:
            # A node may refuse a transaction and have it all the same.
            for rival in self._outbox.refused(entry.sender, entry.nonce):
                if (found := self.is_known(rival)) is not None:
                    self._outbox.included([(rival.hash, found.block_number, found.block_hash, found.status)])
            return self._mark(entry, "replaced", f"another transaction used its nonce {entry.nonce}")
        if any(word in said for word in _FEE_WORDS):
            self._outbox.note(ZERO_FEE_REFUSED, "1")
        return self._mark(entry, "refused", reason)

    def _mark(self, entry: Entry, status: Literal["refused", "replaced"], reason: str) -> str:
        """Believe it only of a chain that has not forgotten anything."""
        self._watch.look()
        self._outbox.mark(entry.hash, status, reason)
        return reason

    def _is_anywhere(self, entry: Entry) -> bool:
        return self._node.receipt(entry.hash) is not None or self._node.transaction(entry.hash) is not None

    def _wait(self, entries: Sequence[Entry]) -> tuple[dict[bytes, Included], list[tuple[Entry, str]]]:
        """Poll until a block holds each; the time starts again whenever one more is in a block. Those that
        turned out never to come into one are told with the reason."""
        found: dict[bytes, Included] = {}
        refusals = []
        left = {entry.hash: entry for entry in entries}
        pauses, waited_s, began_s = _pauses(), 0.0, time.monotonic()
        while left:
            first = next(iter(left.values()))
            included = self.is_known(first)
            if included is not None:
                new = self._with_others(included, left)
                self._outbox.included(
                    (each.transaction_hash, each.block_number, each.block_hash, each.status) for each in new
                )
                for each in new:
                    found[each.transaction_hash] = each
                    del left[each.transaction_hash]
                pauses, waited_s, began_s = _pauses(), 0.0, time.monotonic()
                continue
            if max(waited_s, time.monotonic() - began_s) >= self._config.timeout_s:
                raise OutcomeUnknown(first.hash, self._config.timeout_s)
            pause_s = next(pauses)
            self._sleep(pause_s)
            waited_s += pause_s
            if waited_s >= _SUSPICIOUS_AFTER_S:
                self._watch.look()
                reason = self._hand_over_again(list(left.values()))
                if reason is not None:
                    refusals.append((first, reason))
                    del left[first.hash]
        return found, refusals

    def _hand_over_again(self, entries: Sequence[Entry]) -> str | None:
        """A node may lose what it has only in memory. Where the first is lost, so may be those after it."""
        if self._is_anywhere(entries[0]):
            return None
        reason = self._refusal(entries[0])
        for entry in entries[1:]:
            if not self._is_anywhere(entry):
                with suppress(NodeRefused):
                    self._node.send(entry.raw, entry.hash)
        return reason

    def _with_others(self, included: Included, left: dict[bytes, Entry]) -> list[Included]:
        """A transaction and the others of ours in its block."""
        if len(left) == 1:
            return [included]
        others = self._node.receipts(included.block_number)
        ours = [
            each
            for each in others
            if each.transaction_hash in left and each.block_hash == included.block_hash
        ]
        return (
            ours if any(each.transaction_hash == included.transaction_hash for each in ours) else [included]
        )


def decoded(raw: bytes, chain_id: int) -> Signed:
    """What a signed transaction says of itself. Raises TransactionRefused where it is malformed."""
    if raw[:1] != DYNAMIC_FEE:
        raise TransactionRefused("it is none of EIP-1559")
    taken = decode(raw)
    signed_for = int.from_bytes(rlp.decode(raw[1:])[0], "big")
    if signed_for != chain_id:
        raise TransactionRefused(f"it is signed for chain {signed_for}; this is chain {chain_id}")
    if taken.nonce >= _HIGHEST_NONCE:
        raise TransactionRefused(f"its nonce {taken.nonce} is none that an account comes to")
    return Signed(taken.sender, taken.nonce, taken.hash, raw)


def _pauses() -> Iterator[float]:  # seconds
    pause_s = _FIRST_POLL_S
    while True:
        yield pause_s
        pause_s = min(pause_s * 3 / 2, _LONGEST_POLL_S)
