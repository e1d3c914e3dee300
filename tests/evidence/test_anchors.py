"""What vouches for evidence, and what does not.

what the auditor has          of this ledger          of one that was rewritten from genesis
nothing                       unanchored              unanchored
a trusted head                anchored up to it       refused
keys of members               anchored by them        refused, but where the operator has the keys
an affirmation that it kept   hint                    refused
both                          anchored                refused
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

import verifier
from ledger.compile import Artifact
from settlement.evidence.building import newest_statement, statement_text
from tests.evidence.altering import flipped
from tests.evidence.forging import sealed
from tests.evidence.making import Story, story
from verifier.anchors import Statement, signer_of
from verifier.bundle import Refused
from verifier.ethereum.crypto import keccak
from verifier.forms import coding, given, telling

TRADE = ("number = 1", "trading_day = 2019-11-21")


def keys_of(of: Story, *names: str) -> dict[str, set[bytes]]:
    return {name: {bytes.fromhex(of.keys[name].address[2:])} for name in names}


def kept(of: Story, name: str) -> Statement:
    """What an auditor has kept of an institution, in its file."""
    statement, _ = newest_statement(of.clients, of.history, name)
    return given.statement_from(statement_text(statement, name).encode())


def block_of(of: Story, number: int) -> bytes:
    return of.clients.clearing_house.chain.block(number).hash


@pytest.fixture(scope="module")
def usurped(test_artifacts: dict[str, Artifact]) -> Iterator[Story]:
    """The same ledger, made by its operator with keys that it made itself."""
    with story(test_artifacts, seed="the operator's") as told:
        yield told


def test_verify_given_nothing_is_unanchored(ledger: Story, rewritten: Story, usurped: Story) -> None:
    for of in (ledger, rewritten, usurped):
        verdict = verifier.verify(of.bundle(*TRADE))
        assert (telling.exit_code(verdict), verdict.anchored_to, verdict.anchored_by) == (1, None, ())
        assert telling.standing(verdict) == "consistent, unanchored"


def test_verify_given_a_trusted_head_is_anchored_up_to_it(ledger: Story, rewritten: Story) -> None:
    data = ledger.bundle(*TRADE)
    last = verifier.verify(data, trusted_head=ledger.head).last_block
    top = ledger.clients.clearing_house.chain.block().number
    assert 20 < last < top
    for number in range(coding.decode(data).first, top + 1):
        verdict = verifier.verify(data, trusted_head=block_of(ledger, number))
        assert verdict.anchored_to == number
        assert telling.exit_code(verdict) == (0 if number >= last else 1)
        assert verdict.head_anchored == (number == top)
        assert verdict.as_of.number == (number if number >= last else top)
        text = "\n".join(telling.lines(verdict))
        assert ("depends on block" in text) == (number < last)
        assert (f"by the state of block {top}, which nobody vouches for:" in text) == (number < top)
    for unknown in (rewritten.head, block_of(ledger, 0), bytes(32)):
        with pytest.raises(Refused, match=r"none of its blocks .* another chain, or was made before"):
            verifier.verify(data, trusted_head=unknown)


def test_verify_given_keys_is_anchored_by_what_they_signed(ledger: Story, usurped: Story) -> None:
    """B1 signed last in batch 3, B2 and B3 in batch 4."""
    data = ledger.bundle(*TRADE)
    by = {name: verifier.verify(data, keys=keys_of(ledger, name)) for name in ("B1", "B2")}
    assert {name: verdict.anchored_by for name, verdict in by.items()} == {"B1": ("B1",), "B2": ("B2",)}
    assert by["B1"].anchored_to < by["B2"].anchored_to < by["B2"].head.number  # type: ignore[operator]
    assert [telling.exit_code(verdict) for verdict in by.values()] == [0, 0]
    nobody = verifier.verify(data, keys=keys_of(ledger, "V", "P"))
    assert telling.exit_code(nobody) == 1
    assert (by["B1"].contracts_known, nobody.contracts_known) == (True, False)
    assert "these contracts, those that its members signed for:" in "\n".join(telling.lines(by["B1"]))
    assert "these contracts, which nobody vouches for:" in "\n".join(telling.lines(nobody))
    for name in ("B1", "B2"):
        with pytest.raises(Refused, match=f"an affirmation of {name} is signed with the key of 0x"):
            verifier.verify(usurped.bundle(*TRADE), keys=keys_of(ledger, name))


def test_verify_given_facts_after_the_newest_signature_is_unanchored(ledger: Story) -> None:
    """The batches of the second day were recorded after the block that B1 signed last."""
    verdict = verifier.verify(ledger.bundle("number = 65557"), keys=keys_of(ledger, "B1"))
    assert verdict.anchored_to is not None
    assert verdict.anchored_to < verdict.last_block
    assert (verdict.anchored, telling.exit_code(verdict)) == (False, 1)
    own = verifier.verify(ledger.bundle("number = 65557"), keys=keys_of(ledger, "B2"))
    assert own.anchored_to == own.last_block - 1, "it cannot sign the block that its signature is in"
    assert not own.anchored


def test_verify_given_a_rotated_key_wants_all_that_were_used(ledger: Story) -> None:
    """Trade 2 was affirmed with B3's first key, its newest batch with the second."""
    data = ledger.bundle("number = 2", "trading_day = 2019-11-21")
    new = keys_of(ledger, "B3")
    said = [each for each in coding.decode(data).affirmations if each.institution == 10]
    bundle = coding.decode(data)
    house = bundle.contracts["ClearingHouse"].address
    signers = {signer_of(each, bundle.chain_id, house) for each in said}
    assert signers == new["B3"]
    with pytest.raises(Refused, match="an affirmation of B3 is signed with the key of 0x"):
        verifier.verify(data, keys=new)
    first = {bytes.fromhex(ledger.first_keys["B3"].address[2:])}
    assert verifier.verify(data, keys={"B3": new["B3"] | first}).anchored


def test_verify_given_a_rewritten_ledger_is_refused_by_one_earlier_affirmation(
    ledger: Story, rewritten: Story, usurped: Story
) -> None:
    """Whether the operator has the members' keys or made its own; whether the auditor names any."""
    files = [(of, of.bundle(*TRADE)) for of in (rewritten, usurped)]
    for name in ("B1", "B2", "B3"):
        earlier = kept(ledger, name)
        for of, data in files:
            for keys in ({}, keys_of(ledger, name), keys_of(of, name), keys_of(ledger, "B1", "B2", "B3")):
                with pytest.raises(
                    Refused, match=r"the ledger was rewritten|another ledger's|is signed with"
                ):
                    verifier.verify(data, statements=[earlier], keys=keys)
    # With the members' keys in its hands, its signatures pass: only what was kept tells.
    forged = verifier.verify(files[0][1], keys=keys_of(ledger, "B1", "B2"))
    assert forged.anchored
    assert forged.rows[0].amount_minor == 9_000_000


def test_verify_given_an_affirmation_wants_its_key_named(ledger: Story, usurped: Story) -> None:
    data = ledger.bundle(*TRADE)
    verdict = verifier.verify(data, statements=[kept(ledger, "B2")])
    assert telling.exit_code(verdict) == 1
    assert "its key: --key B2=0x" in verdict.hints[0]
    assert verdict.hints[0] in "\n".join(telling.lines(verdict))
    both = verifier.verify(data, statements=[kept(ledger, "B2")], keys=keys_of(ledger, "B2"))
    assert (both.anchored, both.anchored_by, both.hints) == (True, ("B2",), ())
    with pytest.raises(Refused, match=r"is signed with the key of 0x.* none of those known"):
        verifier.verify(data, statements=[kept(ledger, "B2")], keys=keys_of(usurped, "B2"))
    chain_id, house, said = kept(ledger, "B2")
    anybodys = Statement(chain_id, house, said._replace(client_root=bytes(31) + b"\1"))
    with pytest.raises(Refused, match="was given that B2 did not sign, but the key 0x"):
        verifier.verify(data, statements=[anybodys])


def test_statements_given_any_bit_flipped_do_not_anchor(ledger: Story) -> None:
    data, good = ledger.bundle(*TRADE), kept(ledger, "B2")
    said = good.affirmation
    fields = ("batch_hash", "records_hash", "exceptions_hash", "client_root", "prior_block_hash", "signature")
    altered = [
        Statement(good.chain_id, good.clearing_house, type(said)(**_with(said, name, bit)))
        for name in fields
        for bit in (0, 100, 255)
    ]
    for other in (good._replace(chain_id=good.chain_id + 1), good._replace(clearing_house=bytes(20))):
        with pytest.raises(Refused, match="is of another ledger's contracts"):
            verifier.verify(data, statements=[other], keys=keys_of(ledger, "B2"))
    for each in altered:
        with pytest.raises(Refused, match=r"nobody signed|is signed with|rewritten"):
            verifier.verify(data, statements=[each], keys=keys_of(ledger, "B2"))


def _with(said: verifier.bundle.Affirmation, name: str, bit: int) -> dict[str, object]:
    own = {field: getattr(said, field) for field in said._fields}
    return own | {name: flipped(own[name], bit)}


def test_verify_given_known_contracts_refuses_others(ledger: Story) -> None:
    data = ledger.bundle(*TRADE)
    right = {name: bytes.fromhex(at[2:]) for name, at in ledger.deployment.addresses.items()}
    for known in (right, {"ClearingHouse": right["ClearingHouse"]}):
        verdict = verifier.verify(data, contracts=known)
        assert verdict.contracts_known
        assert "these contracts, those that you gave:" in "\n".join(telling.lines(verdict))
    for name in right:
        with pytest.raises(Refused, match=f"another ledger: its {name} is 0x"):
            verifier.verify(data, contracts=right | {name: keccak(b"")[:20]})


def test_verify_given_a_deployment_record_refuses_another_chain_and_other_code(ledger: Story) -> None:
    """The same keys deploy to the same addresses, and members sign, on a chain that is only for trying."""
    data, said = ledger.bundle(*TRADE), ledger.deployment.as_json()
    known = given.deployment_from(json.dumps(said).encode())
    assert verifier.verify(data, **known._asdict()).contracts_given
    elsewhere = given.deployment_from(json.dumps(said | {"chain_id": 1}).encode())
    with pytest.raises(Refused, match=f"it is of chain {said['chain_id']}, not of chain 1"):
        verifier.verify(data, keys=keys_of(ledger, "B1"), **elsewhere._asdict())
    codes = ledger.deployment.code_hashes | {"AssetRegister": "0x" + "11" * 32}
    other = given.deployment_from(json.dumps(said | {"code_hashes": codes}).encode())
    with pytest.raises(Refused, match=r"its AssetRegister is 0x\w+, and its code 0x"):
        verifier.verify(data, trusted_head=ledger.head, **other._asdict())


def test_verify_given_nothing_found_says_as_of_the_block_that_is_vouched_for(ledger: Story) -> None:
    """That there is no trade is known up to there only: another chain may go on otherwise."""
    data = ledger.bundle("trading_day = 2018-01-01")
    begun = verifier.verify(data).last_block
    assert not verifier.verify(data, trusted_head=block_of(ledger, begun - 1)).anchored
    verdict = verifier.verify(data, trusted_head=block_of(ledger, begun))
    assert (verdict.rows, verdict.anchored, verdict.as_of.number) == ((), True, begun)
    text = "\n".join(telling.lines(verdict))
    assert f"as of block {begun}," in text
    assert f"after it up to block {verdict.head.number}, nobody vouches for" in text
    assert telling.as_json(verdict)["as_of"]["block"] == begun


def test_verify_given_an_affirmation_that_is_in_its_blocks_too_is_refused(ledger: Story) -> None:
    data = ledger.bundle(*TRADE)
    batch = next(each for each in verifier.verify(data).facts.batches.values() if each.affirmed)
    said, _ = next(iter(batch.affirmed.values()))
    with pytest.raises(Refused, match="not in order, or one is there twice"):
        verifier.verify(sealed(replace(coding.decode(data), affirmations=(said,))))


def test_verify_given_an_affirmation_of_another_past_is_refused(ledger: Story, rewritten: Story) -> None:
    """One that members signed before the ledger was rewritten, with the same keys, among its own."""
    bundle = coding.decode(rewritten.bundle(*TRADE))
    for name in ("B1", "B2"):
        mixed = replace(bundle, affirmations=(kept(ledger, name).affirmation,))
        data = sealed(mixed)
        assert not verifier.verify(data).anchored
        with pytest.raises(Refused, match=f"{name} signed block 0x[0-9a-f]+, .*: the ledger was rewritten"):
            verifier.verify(data, keys=keys_of(ledger, name))
