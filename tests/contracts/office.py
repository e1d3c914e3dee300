"""A clearing house whose offices (Conditions, Fails, DefaultFund) are a stand-in that a test speaks through.

The consortium is the ledger's; register, agreements, limits and clearing house are new, listed like the
ledger's, nothing issued.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from eth_utils import keccak, to_checksum_address
from rlp import encode

from ledger.chain import Receipt
from ledger.clients import Agreements, AssetRegister, ClearingHouse, Limits, RevenueSharing
from ledger.clients.clearing_house import Status
from ledger.compile import Artifact, artifacts
from ledger.contract import Contract
from tests.contracts.clearing import Batch, Floor
from tests.contracts.support import LEVY_PPM, SECURITIES, TIERS, Ledger


@dataclass(slots=True)
class Office:
    """`floor.house` is the clearing house that listens to `contract`."""

    floor: Floor
    contract: Contract

    @property
    def ledger(self) -> Ledger:
        return self.floor.ledger

    def allow(self, batch: Batch, *positions: int) -> None:
        """Let trades settle in parts, all where none are given."""
        for position in positions or range(len(batch.trades)):
            self.contract.send(self.ledger.outsider, "allow", batch.hash, position)

    def set_status(self, batch: Batch, position: int, status: Status) -> Receipt:
        house = self.floor.house.address
        return self.contract.send(
            self.ledger.outsider, "setStatus", house, batch.hash, position, status.value
        )

    def statuses(self, batch: Batch) -> list[Status]:
        return [self.floor.house.status_of(batch.hash, i) for i in range(len(batch.trades))]

    def pending(self, batch: Batch) -> int:
        """What the ledger counts as still to settle."""
        return int(self.floor.house.call("batch", batch.hash)[1])

    def settled_quantity(self, batch: Batch, position: int) -> int:
        return int(self.floor.house.call("settledQuantityOf", batch.hash, position))


def office_for(ledger: Ledger, compiled: Mapping[str, Artifact]) -> Office:
    """An office of its own for this test, and a clearing house that knows no other."""
    contract = ledger.deploy(compiled["Office"])
    office, consortium = contract.address, ledger.consortium.address
    first = ledger.chain.nonce(ledger.outsider.address)
    names = ("AssetRegister", "RevenueSharing", "ClearingHouse", "Limits", "Agreements")
    at = {name: _created(ledger.outsider.address, first + i) for i, name in enumerate(names)}
    register, revenue, house, limits, agreements = (at[name] for name in names)
    arguments = (
        (consortium, house, revenue, office, office),
        (consortium, register, house, agreements),
        (consortium, register, revenue, limits, office, office, office),
        (consortium, register, house),
        (consortium, register, house, revenue),
    )
    for name, given in zip(names, arguments, strict=True):
        assert ledger.deploy(artifacts()[name], *given).address == at[name]
    chain = ledger.chain
    clients = replace(
        ledger.clients,
        register=AssetRegister(chain, register, artifacts()["AssetRegister"]),
        revenue=RevenueSharing(chain, revenue, artifacts()["RevenueSharing"]),
        clearing_house=ClearingHouse(chain, house, artifacts()["ClearingHouse"]),
        limits=Limits(chain, limits, artifacts()["Limits"]),
        agreements=Agreements(chain, agreements, artifacts()["Agreements"]),
    )
    clients.register.list_securities(ledger.signers["D"], SECURITIES)
    for currency in ("NPR", "USD"):
        clients.register.list_currency(ledger.signers["B"], currency, 2)
    clients.clearing_house.register_fee_schedule(ledger.signers["V"], ledger.index["R"], LEVY_PPM, TIERS)
    return Office(Floor(replace(ledger, clients=clients)), contract)


def _created(by: str, nonce: int) -> str:
    return to_checksum_address(keccak(encode([bytes.fromhex(by[2:]), nonce]))[12:])
