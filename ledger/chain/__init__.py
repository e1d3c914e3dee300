"""Chains by URL. Everything above this package is blind to which engine it talks to.

anvil    a node of its own, a child process of this program, gone when the program is
pyevm    eth-tester's PyEVM inside this process; needs nothing but Python
"""

from __future__ import annotations

from ledger.chain.base import CHAIN_ID, GAS_LIMIT, NOBODY, Block, Chain, Log, Receipt
from ledger.clock import Clock
from ledger.errors import UnknownChain

__all__ = [
    "CHAIN_ID",
    "GAS_LIMIT",
    "NOBODY",
    "Block",
    "Chain",
    "Log",
    "Receipt",
    "available",
    "connect",
    "default_engine",
]

ENGINES = ("anvil", "pyevm")


def connect(url: str, *, clock: Clock) -> Chain:
    """A new chain on the engine that `url` names, its genesis at the clock's time.

    Raises UnknownChain, and ChainUnavailable where the engine is not installed or does not start.
    """
    # Imported here because PyEVM takes a second to load and anvil's users do not need it.
    if url == "anvil":
        from ledger.chain.anvil import AnvilChain

        return AnvilChain(clock)
    if url == "pyevm":
        from ledger.chain.pyevm import PyEVMChain

        return PyEVMChain(clock)
    raise UnknownChain(url, ENGINES)


def available() -> list[str]:
    """The engines that can be connected to on this machine, the fastest first."""
    from ledger.chain.anvil import find_anvil

    return list(ENGINES) if find_anvil() else ["pyevm"]


def default_engine() -> str:
    """anvil where it is installed, else pyevm."""
    return available()[0]
