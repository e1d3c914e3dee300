"""attest(Attestation, signature), and what anyone may ask.

when anyone brings it, whoever it is            ─ taken, told with everything, readable
when it is brought again                        ─ refused: that revision is there
when a second revision follows                  ─ both are readable, the first as it was
when a revision is left out, is 0 or is there   ─ refused with the one that comes now
when the cycle is 0, open, later, or another venue's ─ refused; closed, taken
given later cycles are there, one of them open  ─ an earlier one is still attested
when the root is zero, or of no leaves with a size, or the reverse ─ refused; an empty book is attested
when any field, the chain, contract, name or key is not the one signed ─ refused
when the signature is malleable, short, empty or another's ─ refused
when the block is this one, a later one or too old ─ refused; the oldest of the 256 is taken
given the institution is suspended              ─ its own word is taken, and told; nobody else's is
given the institution is none                   ─ refused
given the signer was rotated since              ─ the old key is refused, the new one taken
given the signer is a contract (ERC-1271)       ─ what it accepts is taken, else refused
views, when there is nothing                    ─ no revisions; a root is refused
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak

from ledger import reverts
from ledger.accounts import Signer
from ledger.clients.attestations import Attestations
from ledger.clients.consortium import Role
from ledger.compile import Artifact
from ledger.contract import send
from ledger.signatures import Attestation
from tests.contracts.support import SEED, Ledger, refusal_of, refused

ROOT, OTHER = keccak(text="a book"), keccak(text="a book that was changed")
EMPTY = keccak(b"")
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture
def there(ledger: Ledger) -> Attestations:
    """The contract, after V's first cycle."""
    cycle(ledger)
    return ledger.clients.attestations


def cycle(ledger: Ledger, *, venue: str = "V", close: bool = True) -> None:
    """The venue's next cycle, as soon as one may be."""
    house, signer = ledger.clearing_house, ledger.signers[venue]
    if not house.call("openCycles"):
        ledger.at(max(ledger.now + 1, house.call("reopenFrom")))
    house.open_cycle(signer, ledger.now + 100)
    if close:
        house.close_cycle(signer, ledger.index[venue])


def word(ledger: Ledger, **changes: object) -> Attestation:
    """B1's first attestation of V's first cycle, signed over the newest block, with some fields changed."""
    fields = {
        "institution": ledger.index["B1"],
        "venue": ledger.index["V"],
        "cycle": 1,
        "revision": 1,
        "root": ROOT,
        "size": 3,
        "prior_block": ledger.chain.block().number,
    }
    return Attestation(**(fields | changes))  # type: ignore[arg-type]


def signed(ledger: Ledger, said: Attestation, key: Signer | None = None) -> bytes:
    """The signature of B1's signer, or by another key."""
    prior = ledger.chain.block(said.prior_block).hash
    digest = ledger.clients.attestations.domain.digest(said.struct_hash(prior))
    return (key or ledger.signers["B1"]).sign_digest(digest)


def bring(ledger: Ledger, said: Attestation, sender: Signer | None = None) -> object:
    """Attest, signed by B1 and sent by the outsider unless said otherwise."""
    attestations = ledger.clients.attestations
    return attestations.attest(sender or ledger.outsider, said, signed(ledger, said))


def test_attest_when_brought_by_anyone_is_taken_and_told(ledger: Ledger, there: Attestations) -> None:
    """Whoever sends it; a revision each."""
    for revision, (_, signer) in enumerate(ledger.everyone_but(), start=1):
        said = word(ledger, revision=revision, size=revision)
        prior = ledger.chain.block(said.prior_block).hash
        receipt = there.attest(signer, said, signed(ledger, said))
        told = {
            "institution": ledger.index["B1"],
            "venue": ledger.index["V"],
            "cycle": 1,
            "revision": revision,
            "root": ROOT,
            "size": revision,
            "priorBlock": said.prior_block,
            "priorBlockHash": prior,
            "suspended": False,
        }
        assert ledger.facts(receipt) == [("BookAttested", told)]
        kept = there.root_of(ledger.index["B1"], ledger.index["V"], 1, revision)
        assert (kept.root, kept.size) == (ROOT, revision)
        assert (kept.block, kept.at) == (receipt.block_number, ledger.now)
        assert there.revisions(ledger.index["B1"], ledger.index["V"], 1) == revision


def test_attest_when_digest_is_eip712s_is_taken(ledger: Ledger, there: Attestations) -> None:
    """Signed by eth-account from the typed data alone."""
    said = word(ledger)
    prior = ledger.chain.block(said.prior_block).hash
    kinds = {"institution": "uint16", "venue": "uint16", "cycle": "uint64", "revision": "uint32"}
    kinds |= {"root": "bytes32", "size": "uint64", "priorBlockHash": "bytes32"}
    message = {"institution": said.institution, "venue": said.venue, "cycle": 1, "revision": 1}
    message |= {"root": ROOT, "size": 3, "priorBlockHash": prior}
    domain = {"name": "Attestations", "version": "1", "chainId": 31337, "verifyingContract": there.address}
    types = {"Attestation": [{"name": name, "type": kind} for name, kind in kinds.items()]}
    key = keccak(keccak(text=SEED) + keccak(text="B1"))
    signature = Account.sign_message(encode_typed_data(domain, types, message), key).signature
    digest = there.domain.digest(said.struct_hash(prior))
    assert there.call("attestationDigest", said.as_tuple(), prior) == digest
    there.attest(ledger.outsider, said, bytes(signature))


def test_attest_when_brought_again_reverts_and_the_first_stays(ledger: Ledger, there: Attestations) -> None:
    institution, venue = ledger.index["B1"], ledger.index["V"]
    first = word(ledger)
    signature = signed(ledger, first)
    there.attest(ledger.outsider, first, signature)
    kept = there.root_of(institution, venue, 1, 1)
    with refused(reverts.Attestations_WrongRevision, revision=1, next=2):
        there.attest(ledger.signers["B1"], first, signature)
    bring(ledger, word(ledger, revision=2, root=OTHER, size=4))
    assert there.root_of(institution, venue, 1, 1) == kept
    assert there.root_of(institution, venue, 1, 2).root == OTHER
    assert there.revisions(institution, venue, 1) == 2
    for wrong in (0, 1, 2, 4, 2**32 - 1):
        with refused(reverts.Attestations_WrongRevision, revision=wrong, next=3):
            bring(ledger, word(ledger, revision=wrong))
    assert there.revisions(institution, venue, 1) == 2
    for other in ((institution, venue, 2), (ledger.index["B2"], venue, 1), (institution, venue + 1, 1)):
        assert there.revisions(*other) == 0


def test_attest_when_cycle_is_not_closed_reverts(ledger: Ledger) -> None:
    ledger.admit("V2", Role.EXCHANGE)
    venue, other = ledger.index["V"], ledger.index["V2"]

    def refusals(*cycles: int, of: int = venue) -> None:
        for number in cycles:
            with refused(reverts.Attestations_CycleNotClosed, venue=of, cycle=number):
                bring(ledger, word(ledger, cycle=number, venue=of))

    refusals(0, 1, 2**64 - 1)
    cycle(ledger, close=False)
    refusals(0, 1, 2)
    # Another venue's number 1 opens and closes meanwhile.
    cycle(ledger, venue="V2")
    refusals(1)
    refusals(0, 2, of=other)
    refusals(1, of=ledger.index["B1"])
    refusals(1, of=0)
    bring(ledger, word(ledger, venue=other))
    ledger.clearing_house.close_cycle(ledger.signers["V"], venue)
    bring(ledger, word(ledger))
    refusals(0, 2)
    cycle(ledger, close=False)
    bring(ledger, word(ledger, revision=2))
    refusals(2)


def test_attest_when_root_is_of_no_such_tree_reverts(ledger: Ledger, there: Attestations) -> None:
    for root, size in ((bytes(32), 0), (bytes(32), 3), (EMPTY, 1), (EMPTY, 2**64 - 1), (ROOT, 0)):
        with refused(reverts.Attestations_InvalidRoot, root=root, size=size):
            bring(ledger, word(ledger, root=root, size=size))
    bring(ledger, word(ledger, root=EMPTY, size=0))
    bring(ledger, word(ledger, revision=2, size=2**64 - 1))


def test_attest_when_anything_is_not_what_was_signed_reverts(ledger: Ledger, there: Attestations) -> None:
    """Each field, so that a signature is of no use for another book; the domain; the key."""
    cycle(ledger)
    ledger.admit("V2", Role.EXCHANGE)
    cycle(ledger, venue="V2")
    said = word(ledger)
    signature = signed(ledger, said)
    bring(ledger, word(ledger, cycle=2))
    changes: list[dict[str, object]] = [
        {"institution": ledger.index["B2"]},
        {"venue": ledger.index["V2"]},
        {"cycle": 2, "revision": 2},
        {"root": OTHER},
        {"size": 4},
        {"prior_block": said.prior_block - 1},
    ]

    def refuses(given: Attestation, by: bytes) -> None:
        prior = ledger.chain.block(given.prior_block).hash
        digest = there.domain.digest(given.struct_hash(prior))
        with refused(reverts.Attestations_InvalidSignature, institution=given.institution, digest=digest):
            there.attest(ledger.signers["B1"], given, by)

    for change in changes:
        refuses(replace(said, **change), signature)  # type: ignore[arg-type]
    refuses(said, signed(ledger, replace(said, revision=2)))
    struct, key = said.struct_hash(ledger.chain.block(said.prior_block).hash), ledger.signers["B1"]
    for domain in (
        replace(there.domain, name="ClearingHouse"),
        replace(there.domain, chain_id=1),
        replace(there.domain, contract=ledger.clearing_house.address),
    ):
        refuses(said, key.sign_digest(domain.digest(struct)))
    for _, other in ledger.everyone_but("B1"):
        refuses(said, signed(ledger, said, key=other))
    s, v = int.from_bytes(signature[32:64], "big"), signature[64]
    twin = signature[:32] + (ORDER - s).to_bytes(32, "big") + bytes([55 - v])
    for wrong in (twin, b"", signature[:64], signature + b"\0", bytes(65), signature[:64] + bytes([v - 27])):
        refuses(said, wrong)
    assert there.revisions(ledger.index["B1"], ledger.index["V"], 1) == 0
    there.attest(ledger.outsider, said, signature)


def test_attest_when_block_is_not_among_the_256_before_reverts(ledger: Ledger, there: Attestations) -> None:
    oldest = word(ledger)
    signature = signed(ledger, oldest)
    newest = oldest.prior_block
    for later in (newest + 1, newest + 2, 2**64 - 1):
        with refused(reverts.Attestations_PriorBlockUnknown, priorBlock=later):
            there.attest(ledger.outsider, replace(oldest, prior_block=later), signature)
    while ledger.chain.block().number < newest + 255:
        send(ledger.chain, ledger.outsider, ledger.outsider.address, b"")
    there.attest(ledger.outsider, oldest, signature)
    second = replace(oldest, revision=2)
    with refused(reverts.Attestations_PriorBlockUnknown, priorBlock=newest):
        there.attest(ledger.outsider, second, signed(ledger, second))


def test_attest_given_institution_is_suspended_is_taken_and_told(ledger: Ledger, there: Attestations) -> None:
    """Also by itself: its word moves nothing, and its book is wanted then above all."""
    ledger.suspend("B1")
    said = word(ledger)
    for key in ("R", "B2"):
        refusal = refusal_of(
            lambda key=key: there.attest(ledger.outsider, said, signed(ledger, said, ledger.signers[key]))  # type: ignore[misc]
        )
        assert (refusal or "")[0] == "Attestations_InvalidSignature"
    receipt = there.attest(ledger.signers["B1"], said, signed(ledger, said))
    [(name, told)] = ledger.facts(receipt)
    assert (name, told["suspended"]) == ("BookAttested", True)
    with refused(reverts.Attestations_WrongRevision, revision=1, next=2):
        bring(ledger, said)


def test_attest_given_institution_is_none_reverts(ledger: Ledger, there: Attestations) -> None:
    for nobody in (0, len(ledger.index) + 1, 2**16 - 1):
        with refused(reverts.Consortium_UnknownInstitution, institution=nobody):
            bring(ledger, word(ledger, institution=nobody))


def test_attest_given_signer_was_rotated_since_old_key_is_refused(
    ledger: Ledger, there: Attestations
) -> None:
    said, new, index = word(ledger), Signer.from_seed(SEED, "B1's next"), ledger.index["B1"]
    old_word, new_word = signed(ledger, said), signed(ledger, said, key=new)
    ledger.consortium.nominate_signer(ledger.signers["B1"], index, new.address)
    assert (refusal_of(lambda: there.attest(new, said, new_word)) or "")[0] == "Attestations_InvalidSignature"
    ledger.consortium.accept_signer(new, index)
    refusal = refusal_of(lambda: there.attest(ledger.signers["B1"], said, old_word))
    assert (refusal or "")[0] == "Attestations_InvalidSignature"
    there.attest(ledger.outsider, said, new_word)


def test_attest_given_signer_is_contract_its_word_decides(
    ledger: Ledger, there: Attestations, test_artifacts: dict[str, Artifact]
) -> None:
    """One that signs a digest, one that writes first, one that answers garbage."""
    said = word(ledger, institution=len(ledger.index) + 1)
    prior = ledger.chain.block(said.prior_block).hash
    digest = there.domain.digest(said.struct_hash(prior))
    for name, arguments, by, taken in (
        ("ParticularSigner", (digest,), b"yes", True),
        ("RefusingSigner", (), b"yes", False),
        ("WritingSigner", (), b"yes", False),
        ("GarbageSigner", (), b"yes", False),
    ):
        index = len(ledger.index) + 1
        contract = ledger.deploy(test_artifacts[name], *arguments)
        ledger.consortium.admit(ledger.operator, [(name, contract.address, [Role.BROKER])])
        ledger.index[name] = index
        own = replace(said, institution=index)
        if not taken:
            refusal = refusal_of(lambda own=own, by=by: there.attest(ledger.outsider, own, by))  # type: ignore[misc]
            assert (refusal or ())[:2] == ("Attestations_InvalidSignature", index)
            continue
        assert refusal_of(lambda own=own: there.attest(ledger.outsider, own, b"no")) is not None  # type: ignore[misc]
        there.attest(ledger.outsider, own, by)
        assert there.revisions(index, ledger.index["V"], 1) == 1


def test_views_when_there_is_nothing_say_so(ledger: Ledger, there: Attestations) -> None:
    institution, venue = ledger.index["B1"], ledger.index["V"]
    bring(ledger, word(ledger))
    for cycle_, revision in ((1, 0), (1, 2), (2, 1)):
        place = {"institution": institution, "venue": venue, "cycle": cycle_, "revision": revision}
        with refused(reverts.Attestations_UnknownRevision, **place):
            there.root_of(institution, venue, cycle_, revision)
