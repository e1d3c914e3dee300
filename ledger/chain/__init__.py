"""Chains by URL. Everything above this package is blind to which it talks to.

anvil    a node of its own, a child process of this program, gone when the program is
pyevm    eth-tester's PyEVM inside this process; needs nothing but Python

Both are engines under a journal, which is what lasts. A network's chain is behind http(s)://, ws(s):// or an
IPC path.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ledger.chain.base import (
    CHAIN_ID,
    GAS_LIMIT,
    NOBODY,
    Block,
    Body,
    Chain,
    Limits,
    Log,
    Logs,
    Mined,
    Receipt,
)
from ledger.chain.engine import ENGINES
from ledger.chain.local import LocalChain
from ledger.clock import Clock
from ledger.errors import StoreDamaged, UnknownChain

if TYPE_CHECKING:
    from ledger.chain.network import NetworkConfig

__all__ = [
    "CHAIN_ID",
    "ENGINES",
    "GAS_LIMIT",
    "KNOWN",
    "NOBODY",
    "OUTBOX",
    "Block",
    "Body",
    "Chain",
    "Limits",
    "LocalChain",
    "Log",
    "Logs",
    "Mined",
    "Receipt",
    "available",
    "connect",
    "default_engine",
    "is_network",
]

KNOWN = (*ENGINES, "http(s)://…", "ws(s)://…", "ipc:///…")


OUTBOX = "outbox.sqlite"


def connect(
    url: str,
    *,
    clock: Clock,
    folder: Path | None = None,
    write: bool = True,
    network: NetworkConfig | None = None,
    blocks: int = 0,
) -> Chain:
    """The chain behind `url`. A local one is that of the journal in `folder`, or a new one, its genesis at
    the clock's time; without a folder it ends with the object. A network's keeps its outbox in `folder`.
    `blocks` are known to be there: a journal without them, or no outbox, is not taken for a new one.

    Raises UnknownChain, ChainUnavailable, and what opening a journal or an outbox raises.
    """
    if url in ENGINES:
        return LocalChain(url, clock=clock, folder=folder, write=write, blocks=blocks)
    if not is_network(url) or folder is None:
        raise UnknownChain(url, KNOWN)
    from ledger.chain.network import NetworkChain

    if blocks and not (folder / OUTBOX).exists():
        raise StoreDamaged(str(folder / OUTBOX), "it is missing, and so is what was sent and not yet taken")
    return NetworkChain.open(url, folder / OUTBOX, network, write=write, clock=clock)


def is_network(url: str) -> bool:
    """Whether a URL is that of a node that somebody else runs."""
    return url.startswith(("http://", "https://", "ws://", "wss://", "ipc://")) or url.endswith(".ipc")


def available() -> list[str]:
    """The engines that can be connected to on this machine, the fastest first."""
    from ledger.chain.anvil import find_anvil

    return list(ENGINES) if find_anvil() else ["pyevm"]


def default_engine() -> str:
    """anvil where it is installed, else pyevm."""
    return available()[0]
