"""One typed client a contract, over a deployment. Refusals come as the classes of `ledger.reverts`."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.chain import Chain
from ledger.clients.asset_register import AssetRegister
from ledger.clients.clearing_house import ClearingHouse
from ledger.clients.consortium import Consortium
from ledger.clients.revenue_sharing import RevenueSharing
from ledger.compile import artifacts
from ledger.deploy import Deployment

__all__ = ["AssetRegister", "ClearingHouse", "Clients", "Consortium", "RevenueSharing", "attach"]


@dataclass(frozen=True, slots=True)
class Clients:
    """The four contracts of one deployment."""

    consortium: Consortium
    register: AssetRegister
    revenue: RevenueSharing
    clearing_house: ClearingHouse


def attach(chain: Chain, deployment: Deployment) -> Clients:
    """Clients for the contracts of a deployment."""
    compiled, at = artifacts(), deployment.addresses
    return Clients(
        Consortium(chain, at["Consortium"], compiled["Consortium"]),
        AssetRegister(chain, at["AssetRegister"], compiled["AssetRegister"]),
        RevenueSharing(chain, at["RevenueSharing"], compiled["RevenueSharing"]),
        ClearingHouse(chain, at["ClearingHouse"], compiled["ClearingHouse"]),
    )
