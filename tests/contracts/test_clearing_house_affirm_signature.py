"""affirm(Header, bytes32[], Affirmation[]): whose signature it takes, under what.

when the key is another's, or nobody's                  ─ refused with the hash of what was recorded
when the book differs by a unit, a record, an order     ─ refused with the hash of what was recorded
when it was signed for another batch, institution, contract, chain, name, version, prior block, client root,
     or without what is excepted, or with more
when it is malleable, short, long, empty, of a zero key, or with v as 0 and 1
given it was used before                                ─ nothing happens
given the signer was rotated since                      ─ the old key is refused, the new one taken
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak

from ledger import reverts
from ledger.accounts import Signer
from ledger.clients.clearing_house import Status
from ledger.signatures import Affirmation, Domain
from tests.contracts.clearing import Batch, Floor, record
from tests.contracts.clearing_model import Trade
from tests.contracts.support import Ledger, refused

TRADES = (Trade(1, "B1", "B2", "S1"), Trade(2, "B2", "B3", "S1"), Trade(3, "B3", "B1", "S2"))
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    return Floor(ledger)


@pytest.fixture
def batch(floor: Floor) -> Batch:
    made = floor.batch(*TRADES)
    floor.record(made)
    return made


def refuses(
    floor: Floor, batch: Batch, given: Affirmation, name: str = "B1", excepts: tuple[int, ...] = ()
) -> None:
    """The affirmation is refused for its signature; what was recorded is what its hash tells."""
    own = b"".join(batch.words[i] for i in batch.own(name) if i not in excepts)
    index = floor.ledger.index[name]
    with refused(reverts.ClearingHouse_InvalidSignature, institution=index, recordsHash=keccak(own)):
        floor.affirm(batch, given)
    assert not floor.house.call("affirmedBy", batch.hash, index)


def test_affirm_when_digest_is_eip712s_is_taken(floor: Floor, ledger: Ledger, batch: Batch) -> None:
    """Signed by eth-account from the typed data alone, with an exception."""
    prior = ledger.chain.block()
    fields = {
        "batchHash": "bytes32",
        "institution": "uint16",
        "recordsHash": "bytes32",
        "exceptionsHash": "bytes32",
        "clientRoot": "bytes32",
        "priorBlockHash": "bytes32",
    }
    message = {
        "batchHash": batch.hash,
        "institution": ledger.index["B1"],
        "recordsHash": keccak(batch.words[0]),
        "exceptionsHash": keccak((3).to_bytes(4, "big")),
        "clientRoot": keccak(text="clients"),
        "priorBlockHash": prior.hash,
    }
    domain = {
        "name": "ClearingHouse",
        "version": "1",
        "chainId": 31337,
        "verifyingContract": floor.house.address,
    }
    types = {"Affirmation": [{"name": name, "type": kind} for name, kind in fields.items()]}
    seed_key = keccak(keccak(text="contract tests") + keccak(text="B1"))
    signed = Account.sign_message(encode_typed_data(domain, types, message), seed_key)
    given = Affirmation(
        ledger.index["B1"], 2, prior.number, keccak(text="clients"), (2,), bytes(signed.signature)
    )
    floor.affirm(batch, given)
    assert floor.house.status_of(batch.hash, 2) == Status.DISPUTED


def test_affirm_when_key_is_another_reverts(floor: Floor, ledger: Ledger, batch: Batch) -> None:
    for _, signer in ledger.everyone_but("B1"):
        refuses(floor, batch, floor.affirmation(batch, "B1", key=signer))


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": 11},
        {"amount": 1_000_001},
        {"time": 5},
        {"buyer": 10},
        {"seller": 10},
        {"asset": 2},
        {"number": 9},
    ],
)
def test_affirm_when_book_differs_by_a_unit_reverts(
    floor: Floor, batch: Batch, change: dict[str, int]
) -> None:
    fields = {
        "number": 1,
        "time": 0xFFFFFF,
        "buyer": 8,
        "seller": 9,
        "asset": 1,
        "quantity": 10,
        "amount": 1_000_000,
    }
    assert record(**fields) == batch.words[0]
    book = [record(**(fields | change)), batch.words[2]]
    refuses(floor, batch, floor.affirmation(batch, "B1", book=book))


def test_affirm_when_book_has_other_records_reverts(floor: Floor, batch: Batch) -> None:
    a, b, c = batch.words
    for book in ([], [a], [c], [c, a], [a, b, c], [a, a, c], [a, c, c]):
        refuses(floor, batch, floor.affirmation(batch, "B1", book=book))


def test_affirm_when_signed_for_another_batch_reverts(floor: Floor, ledger: Ledger, batch: Batch) -> None:
    """The same records under another day: nothing but the batch hash differs."""
    other = floor.batch(*TRADES, trading_day=20191122, intended_settlement_date=20191122)
    floor.record(other)
    refuses(floor, batch, floor.affirmation(batch, "B1", signs=other))
    refuses(floor, other, floor.affirmation(other, "B1", signs=batch))


def test_affirm_when_signed_by_one_as_another_reverts(floor: Floor, ledger: Ledger) -> None:
    """B1 and B2 are party to the same records, so only the institution differs."""
    batch = floor.batch(Trade(7, "B1", "B2"))
    floor.record(batch)
    given = floor.affirmation(batch, "B2")
    refuses(floor, batch, replace(given, institution=ledger.index["B1"]))


@pytest.mark.parametrize(
    "domain",
    [
        {"name": "RevenueSharing"},
        {"chain_id": 1},
        {"chain_id": 31338},
        {"contract": "0x" + "11" * 20},
    ],
)
def test_affirm_when_signed_for_another_domain_reverts(
    floor: Floor, batch: Batch, domain: dict[str, object]
) -> None:
    refuses(floor, batch, floor.affirmation(batch, "B1", domain=replace(floor.house.domain, **domain)))  # type: ignore[arg-type]


def test_affirm_when_signed_for_other_deployment_reverts(floor: Floor, ledger: Ledger, batch: Batch) -> None:
    other = Domain("ClearingHouse", 31337, ledger.register.address)
    refuses(floor, batch, floor.affirmation(batch, "B1", domain=other))


def test_affirm_when_prior_hash_is_another_blocks_reverts(floor: Floor, ledger: Ledger, batch: Batch) -> None:
    newest = ledger.chain.block()
    for wrong in (ledger.chain.block(newest.number - 1).hash, keccak(text="fork"), bytes(32)):
        given = floor.affirmation(batch, "B1", prior=newest.number, prior_hash=wrong)
        refuses(floor, batch, given)


def test_affirm_when_client_root_is_another_reverts(floor: Floor, batch: Batch) -> None:
    given = floor.affirmation(batch, "B1", clients=keccak(text="clients"))
    refuses(floor, batch, replace(given, client_root=bytes(32)))


def test_affirm_when_exceptions_are_not_those_signed_reverts(floor: Floor, batch: Batch) -> None:
    """Who hands in a signature can neither add an exception nor leave one out, nor put one for another."""
    plain = floor.affirmation(batch, "B1")
    refuses(floor, batch, replace(plain, exceptions=(0,)), excepts=(0,))
    excepting = floor.affirmation(batch, "B1", excepts=(0,))
    refuses(floor, batch, replace(excepting, exceptions=()))
    refuses(floor, batch, replace(excepting, exceptions=(2,)), excepts=(2,))
    refuses(floor, batch, replace(excepting, exceptions=(0, 2)), excepts=(0, 2))
    assert {floor.house.status_of(batch.hash, i) for i in range(3)} == {Status.PENDING}


def test_affirm_when_records_are_left_out_but_not_excepted_reverts(floor: Floor, batch: Batch) -> None:
    """B1 signs one record and no exception; the count cannot make up for it."""
    refuses(floor, batch, floor.affirmation(batch, "B1", book=[batch.words[0]]))


def test_affirm_when_signature_is_malleable_reverts(floor: Floor, batch: Batch) -> None:
    given = floor.affirmation(batch, "B1")
    r, s, v = given.signature[:32], int.from_bytes(given.signature[32:64], "big"), given.signature[64]
    twin = r + (ORDER - s).to_bytes(32, "big") + bytes([55 - v])
    refuses(floor, batch, replace(given, signature=twin))


def test_affirm_when_signature_is_malformed_reverts(floor: Floor, batch: Batch) -> None:
    good = floor.affirmation(batch, "B1")
    raw = good.signature
    compact = raw[:32] + (int.from_bytes(raw[32:64], "big") | (raw[64] - 27) << 255).to_bytes(32, "big")
    wrong = [
        b"",
        raw[:64],
        raw + b"\0",
        raw[:64] + bytes([raw[64] - 27]),
        raw[:64] + bytes([raw[64] ^ 7]),
        compact,
        bytes(65),
        bytes(64) + b"\x1b",
        bytes([255]) * 65,
        raw * 100,
        bytes([raw[0] ^ 1]) + raw[1:],
    ]
    for signature in wrong:
        refuses(floor, batch, replace(good, signature=signature))


def test_affirm_given_signature_was_used_does_nothing(floor: Floor, batch: Batch) -> None:
    given = floor.affirmation(batch, "B1", excepts=(0,))
    floor.affirm(batch, given)
    pending = floor.house.call("batch", batch.hash)
    assert floor.affirm(batch, given).logs == ()
    assert floor.house.call("batch", batch.hash) == pending


def test_affirm_given_signer_was_rotated_since_reverts_for_old_key(
    floor: Floor, ledger: Ledger, batch: Batch
) -> None:
    given = floor.affirmation(batch, "B1")
    index, new = ledger.index["B1"], Signer.from_seed("contract tests", "B1's next")
    ledger.consortium.nominate_signer(ledger.signers["B1"], index, new.address)
    nominated = floor.affirmation(batch, "B1", key=new)
    refuses(floor, batch, nominated)
    ledger.consortium.accept_signer(new, index)
    refuses(floor, batch, given)
    floor.affirm(batch, nominated)
