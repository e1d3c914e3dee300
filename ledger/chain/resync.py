"""Giving back to a chain what it has lost: one that was restarted empty, or whose last blocks were replaced.

Every transaction that is no longer in a block is sent again, in the order of signing and as the same bytes;
the contracts come to the same addresses. What the chain does not take as it did before is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ledger import reverts
from ledger.chain.answers import Included
from ledger.chain.base import Block
from ledger.chain.network import NetworkChain, NetworkConfig
from ledger.chain.outbox import Entry, Seen
from ledger.chain.rpc import Sleep
from ledger.chain.transport import Transport
from ledger.errors import WrongChain

Progress = Callable[[int, int], None]
"""How many transactions are in a block again, and how many there are to see to."""


@dataclass(frozen=True, slots=True)
class Resynced:
    """What came of it: how many transactions the chain had kept (in the same block or another), how many were
    sent again, (hash, reason) of each that it does not take as it did, and its newest block."""

    kept: int
    sent_again: int
    refused: list[tuple[bytes, str]]
    head: Block


def resync(
    url: str,
    outbox: Path,
    config: NetworkConfig | None = None,
    *,
    progress: Progress | None = None,
    new_genesis: bool = False,
    sleep: Sleep = time.sleep,
    transport: Transport | None = None,
) -> Resynced:
    """Send again what the chain behind `url` no longer has. It may be interrupted and run again.

    Raises WrongChain where the chain has another number than the ledger's, or, unless `new_genesis` says that
    this is meant, was begun from another block 0; OutcomeUnknown, ChainForgot where it goes on to forget.
    """
    chain = NetworkChain(url, outbox, config or NetworkConfig(), write=True, sleep=sleep, transport=transport)
    with chain:
        return _resync(chain, progress or _silent, new_genesis)


def _resync(chain: NetworkChain, progress: Progress, new_genesis: bool) -> Resynced:
    outbox = chain.outbox
    genesis = outbox.genesis
    is_new = bool(genesis) and genesis != chain.genesis
    if is_new and not new_genesis:
        raise WrongChain(chain.url, "genesis", "0x" + genesis.hex(), "0x" + chain.genesis.hex())
    outbox.bind(chain.chain_id, genesis or chain.genesis)
    _forget(chain, chain.genesis if is_new else None)
    pending = outbox.pending()
    kept = sum(entry.status in ("included", "final") for entry in outbox.entries())
    again = [0, 0]
    refused: dict[bytes, str] = {}

    def note(entry: Entry, reason: str) -> None:
        refused[entry.hash] = reason

    def count(included: Included, sent: bool) -> None:
        again[sent] += 1
        progress(sum(again), len(pending))

    chain.delivery.deliver(pending, refused=note, progress=count)
    for entry in outbox.lost():
        if entry.hash not in refused:
            refused[entry.hash] = _reason(chain, entry)
    head = chain.watch.look().block
    outbox.remembered()
    return Resynced(kept + again[0], again[1], list(refused.items()), head)


def _forget(chain: NetworkChain, genesis: bytes | None) -> None:
    """Go back to the newest block that the chain and the outbox have in common."""
    seen: list[Seen] = chain.outbox.blocks()
    at = -1 if genesis else chain.watch.common(seen)
    chain.outbox.forget(seen[at].number if at >= 0 else -1, genesis)


def _reason(chain: NetworkChain, entry: Entry) -> str:
    """Why a transaction that once did what it says does not do it now."""
    if entry.status in ("refused", "replaced"):
        return entry.reason
    return str(reverts.decode(chain.receipt(entry.hash).revert_data))


def _silent(done: int, of: int) -> None:
    pass
