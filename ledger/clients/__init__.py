"""One typed client a contract, over a deployment. Refusals come as the classes of `ledger.reverts`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from ledger.chain import Chain
from ledger.clients.agreements import Agreements
from ledger.clients.asset_register import AssetRegister
from ledger.clients.attestations import Attestations
from ledger.clients.clearing_house import ClearingHouse
from ledger.clients.conditions import Conditions
from ledger.clients.consortium import Consortium
from ledger.clients.default_fund import DefaultFund
from ledger.clients.fails import Fails
from ledger.clients.limits import Limits
from ledger.clients.revenue_sharing import RevenueSharing
from ledger.compile import artifacts
from ledger.contract import Contract
from ledger.deploy import Deployment

__all__ = [
    "Agreements",
    "AssetRegister",
    "Attestations",
    "ClearingHouse",
    "Clients",
    "Conditions",
    "Consortium",
    "DefaultFund",
    "Fails",
    "Limits",
    "RevenueSharing",
    "attach",
]


@dataclass(frozen=True, slots=True)
class Clients:
    """The contracts of one deployment."""

    consortium: Consortium
    register: AssetRegister
    revenue: RevenueSharing
    clearing_house: ClearingHouse
    limits: Limits
    conditions: Conditions
    fails: Fails
    default_fund: DefaultFund
    agreements: Agreements
    attestations: Attestations

    def __iter__(self) -> Iterator[Contract]:
        return (getattr(self, field.name) for field in fields(self))


def attach(chain: Chain, deployment: Deployment) -> Clients:
    """Clients for the contracts of a deployment."""
    compiled, at = artifacts(), deployment.addresses
    return Clients(
        Consortium(chain, at["Consortium"], compiled["Consortium"]),
        AssetRegister(chain, at["AssetRegister"], compiled["AssetRegister"]),
        RevenueSharing(chain, at["RevenueSharing"], compiled["RevenueSharing"]),
        ClearingHouse(chain, at["ClearingHouse"], compiled["ClearingHouse"]),
        Limits(chain, at["Limits"], compiled["Limits"]),
        Conditions(chain, at["Conditions"], compiled["Conditions"]),
        Fails(chain, at["Fails"], compiled["Fails"]),
        DefaultFund(chain, at["DefaultFund"], compiled["DefaultFund"]),
        Agreements(chain, at["Agreements"], compiled["Agreements"]),
        Attestations(chain, at["Attestations"], compiled["Attestations"]),
    )
