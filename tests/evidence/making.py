"""Small ledgers with one of everything that evidence tells, and bundles of them.

batch 1, day 1   1 settled, 2 settled in two parts, 3 disputed by B2, 4 held, 5 cancelled, 6 compensated
batch 2, day 1   7 in another currency, settled with 1; 8 settled in part
batch 3, day 2   affirmed by B1 only: 11 held and let back, 12, 13 closed out; B3's key is new
batch 4, day 2   21 recorded, affirmed and settled at once
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from eth_utils import keccak

from ledger.accounts import Signer
from ledger.chain import connect
from ledger.clients import Clients
from ledger.clients.clearing_house import Status
from ledger.compile import Artifact
from ledger.deploy import Deployment
from ledger.history import History, read
from settlement.evidence import building
from tests.contracts import support
from tests.contracts.clearing import slice_of
from tests.contracts.clearing_model import Trade
from tests.contracts.office import office_for
from tests.contracts.support import SECURITIES, SetClock, establish
from verifier.bundle import Condition

DAYS = 20191121, 20191122
LATER = {"trading_day": DAYS[1], "intended_settlement_date": DAYS[1]}
WAIT_S = 3 * 86_400
"""Until a nominated key can be accepted."""


@dataclass(frozen=True, slots=True)
class Story:
    """A ledger on which everything has happened."""

    clients: Clients
    deployment: Deployment
    history: History
    keys: Mapping[str, Signer]
    """Newest key by name."""
    first_keys: Mapping[str, Signer]

    def bundle(self, *conditions: str) -> bytes:
        """Evidence of the trades that meet conditions, each as "field = value"."""
        wanted = [Condition(*each.split(" ", 2)) for each in conditions]
        return building.build(self.clients, self.deployment, self.history, wanted)

    @property
    def head(self) -> bytes:
        return self.clients.clearing_house.chain.final_block().hash


@contextmanager
def story(
    compiled: Mapping[str, Artifact],
    *,
    engine: str = "anvil",
    amount: int = 1_000_000,
    seed: str = support.SEED,
) -> Iterator[Story]:
    """The ledger, whose first trade costs `amount`; `seed` is what all keys are made of."""
    clock = SetClock()
    with connect(engine, clock=clock) as chain, pytest.MonkeyPatch.context() as patched:
        patched.setattr(support, "SEED", seed)
        office = office_for(establish(chain, clock), compiled)
        floor, ledger = office.floor, office.ledger
        ledger.issue(
            {(name, code): 10**9 for name in ("B1", "B2", "B3") for code in (*SECURITIES, "NPR", "USD")}
        )
        first_keys = dict(ledger.signers)
        one = floor.entered(
            Trade(1, "B1", "B2", "S1", 10, amount),
            Trade(2, "B2", "B3", "S2", 7, 5_000_001, 36_000),
            Trade(3, "B1", "B2", "S3", 3, 60_007),
            Trade(4, "B3", "B1", "S8", 5, 777_777),
            Trade(5, "B1", "B1", "S8", 9, 41_234),
            Trade(6, "B2", "B3", "S8", 1, 17),
            excepts={"B2": [2]},
        )
        two = floor.entered(
            Trade(65_543, "B3", "B1", "S4", 2, 333),
            Trade(65_544, "B1", "B3", "S4", 8, 8_888),
            cash_asset=ledger.asset["USD"],
        )
        for batch in (one, two):
            office.allow(batch)
        floor.open()
        floor.settle(slice_of(one, [0], [(1, 3)]))
        floor.settle(slice_of(one, [], [(1, 4)]), model=1)
        floor.settle(slice_of(two, [0], [(1, 5)]), model=2)
        floor.close()
        office.set_status(one, 3, Status.HELD)
        office.set_status(one, 4, Status.CANCELLED)
        office.set_status(one, 5, Status.COMPENSATED)
        fresh = Signer.from_seed(seed, "B3 anew")
        ledger.consortium.nominate_signer(ledger.signers["B3"], ledger.index["B3"], fresh.address)
        ledger.at(ledger.now + WAIT_S)
        ledger.consortium.accept_signer(fresh, ledger.index["B3"])
        ledger.signers["B3"] = fresh
        third = floor.batch(
            Trade(11, "B1", "B2", "S1", 1, 100),
            Trade(12, "B2", "B1", "S5", 4, 2**60),
            Trade(13, "B2", "B1", "S6", 3, 300),
            **LATER,
        )
        floor.record(third)
        floor.affirm(third, floor.affirmation(third, "B1"))
        office.set_status(third, 0, Status.HELD)
        office.set_status(third, 0, Status.PENDING)
        office.set_status(third, 2, Status.CLOSED_OUT)
        floor.rest()
        floor.clear(floor.batch(Trade(65_557, "B3", "B2", "S6", 6, 6_006), **LATER))
        yield Story(
            ledger.clients,
            _deployment(ledger.deployment, ledger.clients, office.contract.address),
            read(ledger.clients),
            ledger.signers,
            first_keys,
        )


def _deployment(first: Deployment, clients: Clients, office: str) -> Deployment:
    """Of the contracts that the office has made anew, and of itself for one, among the others."""
    own = {
        "AssetRegister": clients.register,
        "RevenueSharing": clients.revenue,
        "ClearingHouse": clients.clearing_house,
        "Limits": clients.limits,
        "Agreements": clients.agreements,
    }
    addresses = first.addresses | {name: contract.address for name, contract in own.items()}
    addresses["Conditions"] = office
    for also in ("Fails", "DefaultFund"):  # It is these, too; each is proven once.
        del addresses[also]
    chain = clients.clearing_house.chain
    hashes = {name: "0x" + keccak(chain.code(at)).hex() for name, at in addresses.items()}
    return replace(first, addresses=addresses, code_hashes=hashes)
