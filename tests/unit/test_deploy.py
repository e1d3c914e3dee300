"""Deployment: the contracts know each other for good, and what is deployed is what was compiled."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from eth_utils import keccak

from ledger.accounts import Signer
from ledger.chain import Chain, LocalChain, connect
from ledger.clients import attach
from ledger.clock import SteppedClock
from ledger.compile import artifacts
from ledger.contract import send
from ledger.deploy import CONTRACTS, Deployment, deploy
from ledger.errors import EngineFailed

OPERATOR = Signer.from_seed("deploy", "operator")
START = datetime(2019, 11, 21, 9, 0, tzinfo=UTC)


def test_deployed_contracts_name_each_other_and_the_operator(chain: Chain) -> None:
    clients = attach(chain, made := deploy(chain, OPERATOR))
    at = {name: address.lower() for name, address in made.addresses.items()}
    assert tuple(made.addresses) == CONTRACTS
    assert clients.consortium.call("owner").lower() == OPERATOR.address.lower()
    for client, others in (
        (
            clients.register,
            {
                "CONSORTIUM": "Consortium",
                "CLEARING_HOUSE": "ClearingHouse",
                "REVENUE_SHARING": "RevenueSharing",
            },
        ),
        (
            clients.revenue,
            {"CONSORTIUM": "Consortium", "REGISTER": "AssetRegister", "CLEARING_HOUSE": "ClearingHouse"},
        ),
        (
            clients.clearing_house,
            {"CONSORTIUM": "Consortium", "REGISTER": "AssetRegister", "REVENUE_SHARING": "RevenueSharing"},
        ),
    ):
        for function, name in others.items():
            assert client.call(function).lower() == at[name]


def test_deployed_code_is_the_compiled_one_but_for_immutables(chain: Chain) -> None:
    made = deploy(chain, OPERATOR)
    for name, address in made.addresses.items():
        code = chain.code(address)
        artifact = artifacts()[name]
        assert made.code_hashes[name] == "0x" + keccak(code).hex()
        blank = bytearray(code)
        for places in artifact.immutable_references.values():
            for start, length in places:
                blank[start : start + length] = bytes(length)
        assert bytes(blank) == artifact.deployed_bytecode
        assert len(code) <= 24_576


def test_deployment_survives_json(chain: Chain) -> None:
    made = deploy(chain, OPERATOR)
    assert Deployment(**json.loads(json.dumps(made.as_json()))) == made
    assert (made.chain_id, made.block) == (31337, chain.block().number)


def test_deploying_again_finds_what_is_there(chain: Chain) -> None:
    first, height = deploy(chain, OPERATOR), chain.block().number
    assert deploy(chain, OPERATOR) == first
    assert chain.block().number == height


def test_deploying_with_another_key_gives_another_consortium(chain: Chain) -> None:
    first, second = deploy(chain, OPERATOR), deploy(chain, Signer.from_seed("deploy", "another"))
    assert not set(first.addresses.values()) & set(second.addresses.values())
    assert attach(chain, second).register.call("CONSORTIUM").lower() == second.addresses["Consortium"].lower()


@pytest.mark.parametrize("there", range(4))
def test_deploying_given_one_that_was_interrupted_completes_it(
    engine: str, clock: SteppedClock, there: int
) -> None:
    with connect(engine, clock=clock) as whole, connect(engine, clock=clock) as cut:
        made = deploy(whole, OPERATOR)
        for number in range(1, there + 1):
            cut.send(whole.journal.entry(number).raw)
        assert deploy(cut, OPERATOR) == made
        assert cut.block().number == len(CONTRACTS)
        assert [cut.code(a) for a in made.addresses.values()] == [
            whole.code(a) for a in made.addresses.values()
        ]


def test_deploying_given_anything_else_sent_with_the_key_meanwhile_raises(chain: LocalChain) -> None:
    """The contracts that there are name an address that this key can no longer give to the next."""
    with connect("pyevm", clock=SteppedClock(START)) as other:
        deploy(other, OPERATOR)
        for number in (1, 2):
            chain.send(other.journal.entry(number).raw)
    send(chain, OPERATOR, OPERATOR.address, b"")
    with pytest.raises(EngineFailed, match="RevenueSharing"):
        deploy(chain, OPERATOR)


def test_deploying_after_other_transactions_finds_its_addresses(chain: Chain) -> None:
    send(chain, OPERATOR, OPERATOR.address, b"")
    made = deploy(chain, OPERATOR)
    assert all(chain.code(address) for address in made.addresses.values())


@pytest.mark.parametrize("name", CONTRACTS)
def test_contracts_fit_what_a_chain_takes(name: str) -> None:
    """EIP-170's bound of deployed code, EIP-3860's of creation code."""
    artifact = artifacts()[name]
    assert len(artifact.deployed_bytecode) <= 24_576
    assert len(artifact.bytecode) <= 49_152
