"""Deployment: the contracts know each other for good, and what is deployed is what was compiled."""

from __future__ import annotations

import json

import pytest
from eth_utils import keccak

from ledger.accounts import Signer
from ledger.chain import Chain
from ledger.clients import attach
from ledger.compile import artifacts
from ledger.contract import send
from ledger.deploy import CONTRACTS, Deployment, deploy

OPERATOR = Signer.from_seed("deploy", "operator")


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


def test_deploying_twice_gives_two_consortia(chain: Chain) -> None:
    first, second = deploy(chain, OPERATOR), deploy(chain, OPERATOR)
    assert not set(first.addresses.values()) & set(second.addresses.values())
    assert attach(chain, second).register.call("CONSORTIUM").lower() == second.addresses["Consortium"].lower()


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
