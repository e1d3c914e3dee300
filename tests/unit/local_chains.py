"""Local chains for tests: filled with transactions of every kind, and asked for everything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from eth_utils import keccak

from ledger.accounts import Signer
from ledger.chain import CHAIN_ID, LocalChain
from ledger.clock import SteppedClock
from ledger.compile import Artifact

ROOT = Path(__file__).resolve().parents[2]
SENDER = Signer.from_seed("local", "sender")
START = datetime(2019, 11, 21, 9, 0, tzinfo=UTC)
ALWAYS = {"anvil": (0, 0), "pyevm": (0, 0)}
NEVER = {"anvil": (1 << 60, 0), "pyevm": (1 << 60, 0)}
"""Gas from which on a state is kept."""


def store(slot: int, value: int) -> bytes:
    """Calldata of Probe.store."""
    return (
        bytes(keccak(text="store(uint256,uint256)"))[:4]
        + slot.to_bytes(32, "big")
        + value.to_bytes(32, "big")
    )


def refuse(value: int) -> bytes:
    """Calldata of Probe.refuse: reverts with an error that carries bytes."""
    head = bytes(keccak(text="refuse(uint256,bytes)"))[:4] + value.to_bytes(32, "big")
    return head + (64).to_bytes(32, "big") + bytes(32)


def slot_of(chain: LocalChain, address: str, slot: int, block: int | None = None) -> int:
    data = bytes(keccak(text="slots(uint256)"))[:4] + slot.to_bytes(32, "big")
    return int.from_bytes(chain.call(address, data, block=block), "big")


def signed(nonce: int, to: str | None, data: bytes, gas: int = 10**7) -> bytes:
    return SENDER.sign_transaction(CHAIN_ID, nonce, to, data, gas)


def opened(engine: str, folder: Path | None, **options: Any) -> LocalChain:
    return LocalChain(engine, clock=SteppedClock(START, timedelta(seconds=7)), folder=folder, **options)


def fill(chain: LocalChain, probe: Artifact, count: int = 9) -> str:
    """A contract, and transactions of every kind to it."""
    address = chain.send(signed(0, None, probe.bytecode)).contract_address
    assert address is not None
    kinds: list[Callable[[int], bytes]] = [lambda n: store(n % 3, n), refuse, lambda n: store(5, n)]
    for nonce in range(1, count):
        chain.send(signed(nonce, address, kinds[nonce % 3](nonce)))
    return address


def all_of(chain: LocalChain, address: str) -> tuple[object, ...]:
    """Everything that a chain can be asked, past states included."""
    height = chain.block().number
    hashes = [keccak(chain.journal.entry(number).raw) for number in range(1, height + 1)]
    return (
        [chain.block(number) for number in range(height + 1)],
        [chain.receipt(each) for each in hashes],
        [chain.transaction_input(each) for each in hashes],
        chain.logs(0, height),
        chain.nonce(SENDER.address),
        chain.code(address),
        [slot_of(chain, address, slot) for slot in range(6)],
        [slot_of(chain, address, 2, block) for block in range(1, height + 1)],
        chain.final_block(),
    )
