"""EIP-712 digests: as eth-account has them, and as the contracts themselves do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data
from eth_utils import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.accounts import Signer
from ledger.chain import connect, default_engine
from ledger.signatures import Domain, affirmation_hash
from ledger.terms import Terms, pack
from tests.agreement_terms import terms
from tests.contracts.support import Ledger, SetClock, establish

ADDRESS = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
_FIELD = [
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
]
_AFFIRMATION = [
    ("batchHash", "bytes32"),
    ("institution", "uint16"),
    ("recordsHash", "bytes32"),
    ("exceptionsHash", "bytes32"),
    ("clientRoot", "bytes32"),
    ("priorBlockHash", "bytes32"),
]
_TERMS = [
    ("payer", "uint16"),
    ("currency", "uint16"),
    ("version", "uint32"),
    ("name", "bytes32"),
    ("words", "uint256[]"),
]
word = st.binary(min_size=32, max_size=32)


@pytest.fixture(scope="module")
def ledger() -> Iterator[Ledger]:
    clock = SetClock()
    with connect(default_engine(), clock=clock) as chain:
        yield establish(chain, clock)


def message(
    name: str, kind: str, types: dict[str, list[tuple[str, str]]], value: dict[str, object]
) -> object:
    typed = {
        "domain": {"name": name, "version": "1", "chainId": 31337, "verifyingContract": ADDRESS},
        "types": {
            key: [{"name": n, "type": t} for n, t in fields]
            for key, fields in {"EIP712Domain": _FIELD, **types}.items()
        },
        "primaryType": kind,
        "message": value,
    }
    return encode_typed_data(full_message=typed)


@given(
    word,
    st.integers(0, 2**16 - 1),
    st.binary(max_size=96),
    st.lists(st.integers(0, 2**32 - 1), max_size=4),
    word,
    word,
)
@settings(max_examples=30, deadline=None)
def test_affirmation_digest_is_eth_accounts(
    batch: bytes, institution: int, own: bytes, exceptions: list[int], root: bytes, prior: bytes
) -> None:
    value = {
        "batchHash": batch,
        "institution": institution,
        "recordsHash": keccak(own),
        "exceptionsHash": keccak(b"".join(n.to_bytes(4, "big") for n in exceptions)),
        "clientRoot": root,
        "priorBlockHash": prior,
    }
    typed = message("ClearingHouse", "Affirmation", {"Affirmation": _AFFIRMATION}, value)
    digest = Domain("ClearingHouse", 31337, ADDRESS).digest(
        affirmation_hash(batch, institution, own, exceptions, root, prior)
    )
    assert digest == _hash_eip191_message(typed)  # type: ignore[arg-type]


def shown(agreed: Terms) -> dict[str, object]:
    """What a signer is shown, field by field."""
    return {
        "payer": agreed.payer,
        "currency": agreed.currency,
        "version": agreed.version,
        "name": agreed.name.encode().ljust(32, b"\0"),
        "words": pack(agreed),
    }


@given(terms())
@settings(max_examples=8, deadline=None)
def test_terms_digest_is_eth_accounts(agreed: Terms) -> None:
    typed = message("Agreements", "Terms", {"Terms": _TERMS}, shown(agreed))
    assert agreed.digest(Domain("Agreements", 31337, ADDRESS)) == _hash_eip191_message(typed)  # type: ignore[arg-type]


def test_signature_of_a_digest_is_eth_accounts() -> None:
    key, agreed = keccak(text="a key"), Terms(1, 2, "name", (3,), ())
    typed = message("Agreements", "Terms", {"Terms": _TERMS}, shown(agreed))
    signed = Account.sign_message(typed, key)  # type: ignore[arg-type]
    digest = agreed.digest(Domain("Agreements", 31337, ADDRESS))
    assert Signer(key).sign_digest(digest) == bytes(signed.signature)


def test_affirmation_digest_is_the_contracts_own(ledger: Ledger) -> None:
    house = ledger.clearing_house
    parts = [keccak(text=text) for text in ("batch", "client root", "prior block")]
    own, exceptions = bytes(range(64)), [7, 2**32 - 1]
    struct = affirmation_hash(parts[0], 8, own, exceptions, parts[1], parts[2])
    numbers = (7).to_bytes(4, "big") + b"\xff" * 4
    said = house.call("affirmationDigest", parts[0], 8, keccak(own), keccak(numbers), parts[1], parts[2])
    assert house.domain.digest(struct) == said


@given(terms())
@settings(max_examples=5, deadline=None)
def test_terms_digest_is_the_contracts_own(ledger: Ledger, agreed: Terms) -> None:
    agreements = ledger.clients.agreements
    assert agreed.digest(agreements.domain) == agreements.hash_of(agreed)


def test_batch_hash_is_the_contracts_own(ledger: Ledger) -> None:
    header = ledger.header()
    records_hash = keccak(text="records")
    said = ledger.clearing_house.call("hashOf", header.as_tuple(), records_hash)
    assert header.hash_with(records_hash) == said
    fields = b"".join(value.to_bytes(32, "big") for value in header.as_tuple())
    assert keccak(fields + records_hash) == said


def test_domains_of_contracts_and_chains_differ() -> None:
    domains = [
        Domain("ClearingHouse", 31337, ADDRESS),
        Domain("Agreements", 31337, ADDRESS),
        Domain("ClearingHouse", 1, ADDRESS),
        Domain("ClearingHouse", 31337, "0x" + "11" * 20),
    ]
    assert len({domain.digest(bytes(32)) for domain in domains}) == len(domains)
