"""affirm(Header, bytes32[], Affirmation[]): the word of a signer that is a contract (ERC-1271).

given it accepts        ─ taken; it is asked with the EIP-712 digest and the signature
given it refuses, reverts, answers garbage, too little, writes, or does not know the question ─ refused
given it wastes its gas ─ refused, with what is left saying whose fault it was
given it took the place of a key ─ the key is refused
given what it took ─ nothing that an auditor can keep
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_utils import keccak

from ledger import reverts
from ledger.clients.consortium import Role
from ledger.compile import Artifact
from ledger.errors import Reverted
from ledger.history import read
from ledger.signatures import Affirmation
from settlement.evidence.building import Unproven, newest_statement
from tests.contracts.clearing import Batch, Floor, record
from tests.contracts.clearing_model import Trade
from tests.contracts.support import Ledger, refused

TRADES = (Trade(1, "B1", "B2", "S1"), Trade(2, "B2", "B3", "S1"), Trade(3, "B3", "B1", "S2"))


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    return Floor(ledger)


def refuses(
    floor: Floor, batch: Batch, given: Affirmation, name: str = "B1", excepts: tuple[int, ...] = ()
) -> None:
    """The affirmation is refused for its signature; what was recorded is what its hash tells."""
    own = b"".join(batch.words[i] for i in batch.own(name) if i not in excepts)
    index = floor.ledger.index[name]
    with refused(reverts.ClearingHouse_InvalidSignature, institution=index, recordsHash=keccak(own)):
        floor.affirm(batch, given)
    assert not floor.house.call("affirmedBy", batch.hash, index)


def joined(floor: Floor, artifact: Artifact, *arguments: object) -> Batch:
    """A recorded batch of a broker "C", whose signer is the contract, with B1."""
    ledger = floor.ledger
    contract = ledger.deploy(artifact, *arguments)
    ledger.index["C"] = len(ledger.index) + 1
    ledger.consortium.admit(ledger.operator, [("C", contract.address, [Role.BROKER])])
    batch = floor.batch(Trade(7, "C", "B1"))
    floor.record(batch)
    return batch


def word_of(floor: Floor, batch: Batch, signature: bytes) -> Affirmation:
    newest = floor.ledger.chain.block()
    return Affirmation(floor.ledger.index["C"], 1, newest.number, bytes(32), (), signature)


@pytest.mark.parametrize("name", ["AcceptingSigner", "LongSigner"])
def test_affirm_given_contract_accepts_is_taken(
    floor: Floor, test_artifacts: dict[str, Artifact], name: str
) -> None:
    batch = joined(floor, test_artifacts[name])
    floor.affirm(batch, word_of(floor, batch, b"anything"), floor.affirmation(batch, "B1"))
    assert floor.house.call("affirmedBy", batch.hash, floor.ledger.index["C"])


def test_affirmation_given_a_contract_took_it_is_none_that_an_auditor_can_keep(
    floor: Floor, test_artifacts: dict[str, Artifact]
) -> None:
    """Some key fits any 65 bytes, and it is not the institution's."""
    batch = joined(floor, test_artifacts["AcceptingSigner"])
    own = floor.affirmation(batch, "B1")
    floor.affirm(batch, word_of(floor, batch, own.signature), own)
    clients = floor.ledger.clients
    history = read(clients)
    assert newest_statement(clients, history, "B1")[0].affirmation.signature == own.signature
    with pytest.raises(Unproven, match="C has affirmed nothing that can be kept"):
        newest_statement(clients, history, "C")


def test_affirm_given_contract_accepts_is_asked_with_digest_and_signature(
    floor: Floor, ledger: Ledger, test_artifacts: dict[str, Artifact]
) -> None:
    batch = floor.batch(Trade(7, "B2", "B1"))
    newest = ledger.chain.block()
    ledger.index["C"] = len(ledger.index) + 1
    batch = replace(
        batch,
        trades=(replace(batch.trades[0], buyer="C"),),
        words=(record(7, 0xFFFFFF, ledger.index["C"], 8, 1, 10, 1_000_000),),
    )
    digest = floor.house.call(
        "affirmationDigest",
        batch.hash,
        ledger.index["C"],
        keccak(batch.records),
        keccak(b""),
        bytes(32),
        newest.hash,
    )
    contract = ledger.deploy(test_artifacts["ParticularSigner"], digest)
    ledger.consortium.admit(ledger.operator, [("C", contract.address, [Role.BROKER])])
    floor.record(batch)
    given = Affirmation(ledger.index["C"], 1, newest.number, bytes(32), (), b"yes")
    refuses(floor, batch, replace(given, signature=b"no"), "C")
    refuses(floor, batch, replace(given, client_root=keccak(b"1")), "C")
    floor.affirm(batch, given)


@pytest.mark.parametrize(
    "name", ["RefusingSigner", "RevertingSigner", "GarbageSigner", "ShortSigner", "WritingSigner", "Probe"]
)
def test_affirm_given_contract_does_not_accept_reverts(
    floor: Floor, test_artifacts: dict[str, Artifact], name: str
) -> None:
    batch = joined(floor, test_artifacts[name])
    refuses(floor, batch, word_of(floor, batch, b"anything"), "C")


def test_affirm_given_contract_wastes_gas_only_its_own_affirmation_is_refused(
    floor: Floor, ledger: Ledger, test_artifacts: dict[str, Artifact]
) -> None:
    """It gets all but a 64th of the gas there is and wastes it; what is left says whose fault it was."""
    batch = joined(floor, test_artifacts["WastingSigner"])
    given = [word_of(floor, batch, b"anything").as_tuple()]
    data = floor.house.encode("affirm", batch.header.as_tuple(), batch.records, given)
    nonce = ledger.chain.nonce(ledger.outsider.address)
    raw = ledger.outsider.sign_transaction(31337, nonce, floor.house.address, data, 5_000_000)
    receipt = ledger.chain.send(raw)
    assert receipt.status == 0
    error: Reverted = reverts.decode(receipt.revert_data)
    assert type(error) is reverts.ClearingHouse_InvalidSignature
    assert error.operands["institution"] == ledger.index["C"]
    floor.affirm(batch, floor.affirmation(batch, "B1"))


def test_affirm_given_key_was_replaced_by_contract_old_key_is_refused(
    floor: Floor, ledger: Ledger, test_artifacts: dict[str, Artifact]
) -> None:
    """The contract refuses; the key that deployed it signs in vain."""
    batch = joined(floor, test_artifacts["RefusingSigner"])
    given = floor.affirmation(batch, "C", key=ledger.outsider)
    refuses(floor, batch, given, "C")
