"""A door in front of a chain of three blocks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.chain import LocalChain
from ledger.clock import SystemClock
from ledger.compile import Artifact
from tests.integration.node.door import (
    GAS,
    SOMEBODY,
    Door,
    serving,
    store,
)


@pytest.fixture
def folder(tmp_path: Path, probe: Artifact) -> Path:
    """A journal of three blocks: the probe, and two calls of it."""
    with LocalChain("anvil", clock=SystemClock(), folder=tmp_path) as chain:
        chain.send(SOMEBODY.sign_transaction(31337, 0, None, probe.bytecode, 3_000_000))
        created = chain.receipt(chain.journal.receipt(1).transaction_hash).contract_address
        for nonce in (1, 2):
            chain.send(SOMEBODY.sign_transaction(31337, nonce, created, store(nonce), GAS))
        # As after a long run: the engine may begin with a state instead of the genesis.
        assert chain._states is not None
        chain._states.keep(chain.block(), chain.engine.dump())
    return tmp_path


@pytest.fixture
def door(folder: Path) -> Iterator[Door]:
    with serving(folder) as opened:
        yield opened
