"""A short day of clearing on any chain, and what is the same about it on every chain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from eth_utils import keccak

from ledger.chain import Chain
from tests.contracts.clearing import Floor, slice_of
from tests.contracts.clearing_model import Trade
from tests.contracts.support import START, Ledger, SetClock, establish

TRADES = (Trade(1, "B1", "B2", "S1", 100, 1_000_000), Trade(2, "B2", "B3", "S2", 50, 300_000))
TRANSACTIONS = 23
"""That `whole_day` takes."""


@dataclass(frozen=True)
class Facts:
    """What a chain says at the end of a day; hashes, which hold times, are left out."""

    balances: dict[tuple[str, str], int]
    nonces: dict[str, int]
    code: dict[str, str]


def whole_day(chain: Chain, between: Callable[[str], None] = lambda step: None) -> Ledger:
    """Deploy, establish, record, affirm, settle; `between` is told when a step is over."""
    ledger = establish(chain, SetClock(START))
    floor = Floor(ledger)
    between("established")
    floor.fund(*TRADES)
    between("funded")
    batch = floor.batch(*TRADES)
    floor.record(batch)
    between("recorded")
    floor.affirm(batch, *floor.affirmations(batch))
    between("affirmed")
    floor.house.open_cycle(ledger.signers["V"], ledger.now + 3600)
    floor.settle(slice_of(batch))
    between("settled")
    return ledger


def facts(ledger: Ledger, chain: Chain) -> Facts:
    """Read over `chain`, whichever the ledger was made over."""
    for client in (ledger.consortium, ledger.register, ledger.revenue, ledger.clearing_house):
        client.chain = chain
    ledger.chain = chain
    senders = {**ledger.signers, "operator": ledger.operator, "outsider": ledger.outsider}
    return Facts(
        balances=Floor(ledger).balances(),
        nonces={name: chain.nonce(signer.address) for name, signer in senders.items()},
        code={
            name: keccak(chain.code(address)).hex() for name, address in ledger.deployment.addresses.items()
        },
    )
