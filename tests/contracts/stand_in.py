"""A register whose clearing house and revenue sharing contract are stand-ins that a test speaks through.

Everything else is as in `support`: the same consortium, securities and currencies, nothing issued.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ledger.chain import Receipt
from ledger.clients import AssetRegister
from ledger.clients.consortium import account_of
from ledger.compile import Artifact
from ledger.contract import Contract
from tests.contracts.support import SECURITIES, Ledger

HOLDERS = (0, 8, 9, 10, 11)
"""Transit, the brokers, and an index that is nobody's yet."""
ASSETS = (*range(1, 12), 0x8001, 0x8002, 0x8003)
"""Securities 9 to 11 share a slot with 8 but are not listed, currency 0x8003 neither."""
LARGEST_SECURITY = 2**64 - 1
LARGEST_CURRENCY = 2**128 - 1


@dataclass(slots=True)
class StandIn:
    """`ledger.register` is the register behind the stand-ins."""

    ledger: Ledger
    clearing_house: Contract
    revenue: Contract

    @property
    def register(self) -> AssetRegister:
        return self.ledger.register

    def settle(self, movements: Sequence[int], *, by: Contract | None = None) -> Receipt:
        """Settle as the clearing house does, or `by` another stand-in."""
        caller = by or self.clearing_house
        return caller.send(self.ledger.outsider, "settle", self.register.address, list(movements))

    def open_cycles(self, count: int) -> None:
        self.clearing_house.send(self.ledger.outsider, "setOpenCycles", count)

    def balances(
        self, holders: Iterable[int] = HOLDERS, assets: Iterable[int] = ASSETS
    ) -> dict[tuple[int, int], int]:
        """(institution, asset) → balance, zeros left out."""
        owners, ids = list(holders), list(assets)
        accounts = [account_of(owner) for owner in owners]
        found = self.clearing_house.call("balances", self.register.address, accounts, ids)
        keys = [(owner, asset) for owner in owners for asset in ids]
        return {key: balance for key, balance in zip(keys, found, strict=True) if balance}


def stand_in_for(ledger: Ledger, artifacts: Mapping[str, Artifact]) -> StandIn:
    """A register of its own for this test, listed like the ledger's."""
    house, revenue = (ledger.deploy(artifacts["SettlementStandIn"]) for _ in range(2))
    consortium = ledger.consortium.address
    nobody = (ledger.outsider.address, ledger.outsider.address)
    contract = ledger.deploy(ledger.register.artifact, consortium, house.address, revenue.address, *nobody)
    register = AssetRegister(ledger.chain, contract.address, contract.artifact)
    register.list_securities(ledger.signers["D"], SECURITIES)
    for currency in ("NPR", "USD"):
        register.list_currency(ledger.signers["B"], currency, 2)
    return StandIn(replace(ledger, clients=replace(ledger.clients, register=register)), house, revenue)


def ordered(rows: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Movements (asset, institution, delta) in their order: by slot, then institution, then asset."""
    return sorted(rows, key=lambda row: (row[0] if row[0] >= 0x8000 else row[0] // 4, row[1], row[0]))
