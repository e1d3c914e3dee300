"""Trades that have settled in part: what is left of them, before a clearing house that says how much that is.

B1 buys 7 units of B2 for 1,000: floor(1,000 * settled / 7) has been paid.

closeOut         ─ the units left at the price, against the amount left
callRequirements ─ margin of the amount left, contribution of the whole
"""

from __future__ import annotations

import pytest

from ledger.clients.consortium import Role
from ledger.clients.default_fund import DefaultFund
from ledger.compile import Artifact
from ledger.contract import Contract
from tests.contracts.clearing_model import Trade
from tests.contracts.fund import CONTRIBUTION, MARGIN, Fund
from tests.contracts.support import DAY

LEFT = {0: 1_000, 1: 858, 3: 572, 6: 143}
"""Minor units by units settled: 1,000 less 142.86, 428.57 and 857.14, each rounded down."""


@pytest.fixture
def house(fund: Fund, test_artifacts: dict[str, Artifact]) -> Contract:
    return fund.ledger.deploy(test_artifacts["HouseStandIn"])


@pytest.fixture
def client(fund: Fund, house: Contract) -> DefaultFund:
    """A fund behind the stand-in, with an account."""
    ledger = fund.ledger
    arguments = (ledger.consortium, ledger.register, house, ledger.clients.conditions, fund.prices)
    contract = ledger.deploy(fund.client.artifact, *(each.address for each in arguments))
    ledger.consortium.admit(ledger.operator, [("FUND2", contract.address, [Role.PARTNER])])
    return DefaultFund(ledger.chain, contract.address, contract.artifact)


@pytest.mark.parametrize("settled", LEFT)
def test_close_out_given_parts_settled_reckons_what_is_left(
    fund: Fund, house: Contract, client: DefaultFund, settled: int
) -> None:
    ledger = fund.ledger
    batch = fund.floor.batch(Trade(1, "B1", "B2", quantity=7, amount=1_000))
    house.send(ledger.outsider, "setSettled", settled)
    fund.price("S1", 20_300_000)
    ledger.suspend("B1")
    for by in ("V", "R"):
        client.declare_default(ledger.signers[by], 8, ledger.cash, DAY)
    client.close_out(ledger.signers["V"], 1, batch.header, batch.records, [0])
    value = -(-(7 - settled) * 203 // 10)
    assert client.claim_of(1, 9) == LEFT[settled] - value


@pytest.mark.parametrize("settled", LEFT)
def test_call_given_parts_settled_asks_margin_for_what_is_left(
    fund: Fund, house: Contract, client: DefaultFund, settled: int
) -> None:
    """In a currency that nobody has, so that nothing moves: the register does not know this fund."""
    ledger = fund.ledger
    ledger.register.list_currency(ledger.signers["B"], "EUR", 2)
    euro = ledger.cash + 2
    batch = fund.floor.batch(Trade(1, "B1", "B2", quantity=7, amount=1_000), cash_asset=euro)
    house.send(ledger.outsider, "setSettled", settled)
    for by in ("V", "R"):
        client.set_rates(ledger.signers[by], euro, 1_000_000, 1_000_000)
    client.call_requirements(ledger.signers["V"], euro, [(batch.header, batch.records)])
    for index in (8, 9):
        assert client.required_of(index, euro, MARGIN) == LEFT[settled]
        assert client.required_of(index, euro, CONTRIBUTION) == 1_000
