"""Making a bundle of evidence from a ledger: which blocks belong to a claim, and what signatures there are.

What a bundle says is worked out by `verifier` from the blocks that are put into it, as whoever checks it will
work it out; the ledger only says where to look.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from eth_utils import keccak, to_canonical_address

import verifier
from ledger.calldata import affirmations_in
from ledger.chain import Chain
from ledger.clients import Clients
from ledger.deploy import Deployment
from ledger.errors import StateUnproven
from ledger.history import History, RecordedBatch
from settlement.errors import SettlementError
from verifier import anchors, claims, facts, origin, state
from verifier.anchors import Statement
from verifier.bundle import Affirmation, Block, Bundle, Condition, Contract, Refused
from verifier.ethereum import chain
from verifier.ethereum.trie import Nodes
from verifier.facts import Facts
from verifier.forms import coding
from verifier.forms.given import STATEMENT, WORDS
from verifier.verifying import Verdict


def build(
    clients: Clients, deployment: Deployment, history: History, conditions: Sequence[Condition]
) -> bytes:
    """The file that proves every trade that meets the conditions, as of the chain's newest final block.

    Raises Unproven where the conditions are none or name what is not final yet, or where the chain has what
    no bundle can prove: a clearing house that another contract called or created.
    """
    try:
        return _built(clients, deployment, history, conditions)
    except Refused as refused:
        raise _unproven(refused) from None


def checked(data: bytes) -> Verdict:
    """What whoever checks a file without the ledger finds, if it trusts nothing. Raises Unproven where it
    would refuse the file, as where that holds more than a file can say.
    """
    try:
        return verifier.verify(data)
    except Refused as refused:
        raise _unproven(refused) from None


def _unproven(refused: Refused) -> Unproven:
    return Unproven(f"whoever checks it would say that {refused}")


def _built(
    clients: Clients, deployment: Deployment, history: History, conditions: Sequence[Condition]
) -> bytes:
    source = clients.clearing_house.chain
    head = source.final_block()
    house = to_canonical_address(deployment.addresses["ClearingHouse"])
    made_in, making = _making(source, house, deployment.block, head.number)
    first = min(made_in, *history.blocks.values())
    bundle = Bundle(
        chain_id=deployment.chain_id,
        contracts={
            name: Contract(to_canonical_address(at), bytes.fromhex(deployment.code_hashes[name][2:]))
            for name, at in deployment.addresses.items()
        },
        conditions=tuple(sorted(set(conditions))),
        first=first,
        headers=tuple(source.headers(first, head.number)),
        blocks={made_in: making},
        records=(),
        chosen=(),
    )
    claims.checked(bundle.conditions)
    bundle, found, claim = _with_blocks(bundle, source)
    claim.check_complete(chain.headers(bundle.first, bundle.headers))
    rows, chosen = claim.answer()
    affirmations = tuple(_affirmations(clients, history, found, head.number))
    bundle = replace(
        bundle,
        records=tuple(batch.records for batch in found.batches.values()),
        chosen=tuple(chosen),
        affirmations=affirmations,
    )
    bundle = _with_state(bundle, source, found, head.number)
    data = coding.encode(bundle)
    return data[: -len(bundle.digest)] + claims.digest_of(rows, data)


def _making(source: Chain, house: bytes, near: int, last: int) -> tuple[int, Block]:
    """The block in which the clearing house was created: looked for from where its deployment was complete
    back to the beginning, then on to the last. Raises Unproven where no transaction did, but a contract."""
    for number in (*range(min(near, last), 0, -1), *range(near + 1, last + 1)):
        block = _block(source, number)
        if origin.created(block, house):
            return number, block
    raise Unproven("no transaction of its own created the clearing house")


def _block(source: Chain, number: int) -> Block:
    body = source.body(number)
    return Block(body.transactions, body.receipts)


def _with_blocks(bundle: Bundle, source: Chain) -> tuple[Bundle, Facts, claims.Claim]:
    """The bundle with every block that belongs to its claim: what the first tell says which others do."""
    headers = chain.headers(bundle.first, bundle.headers)
    blocks = dict(bundle.blocks)
    while True:
        bundle = replace(bundle, blocks=dict(sorted(blocks.items())))
        found = facts.read(bundle.chain_id, bundle.contracts, bundle.blocks)
        claim = claims.Claim(bundle, found)
        missing = claim.needed(headers) - blocks.keys()
        if not missing:
            return bundle, found, claim
        for number in missing:
            blocks[number] = _block(source, number)


def _affirmations(clients: Clients, history: History, found: Facts, last: int) -> Iterator[Affirmation]:
    """Each institution's newest where the blocks of the claim do not have it, by batch and institution; only
    those that a key has signed, as a contract's cannot be checked without a chain."""
    newest: dict[int, tuple[int, RecordedBatch, bytes]] = {}
    for batch in history.batches.values():
        for institution, transaction in batch.affirmed_in.items():
            block = history.blocks[transaction]
            if newest.get(institution, (-1,))[0] < block <= last:
                newest[institution] = block, batch, transaction
    there = {(batch.hash, who) for batch in found.batches.values() for who in batch.affirmed}
    wanted = sorted(
        (batch.batch_hash, institution, transaction)
        for institution, (_, batch, transaction) in newest.items()
        if (batch.batch_hash, institution) not in there
    )
    for batch_hash, institution, transaction in wanted:
        said = _said(clients, history.batches[batch_hash], transaction)[institution]
        house = clients.clearing_house
        signer = anchors.signer_of(said, house.chain.chain_id, to_canonical_address(house.address))
        if signer is not None and signer in found.signers.get(institution, ()):
            yield said


class Unproven(SettlementError):
    """A ledger cannot prove what evidence is asked of, for a `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"no evidence can be made: {reason}")
        self.reason = reason


def newest_statement(clients: Clients, history: History, institution: str) -> tuple[Statement, int]:
    """An institution's newest affirmation, for an auditor to keep, and the block that has it. Raises
    Unproven where it has none.
    """
    index, house = history.institutions[institution], clients.clearing_house
    signers = _signers(clients, index, history.head)
    own = [
        (history.blocks[batch.affirmed_in[index]], batch.batch_hash)
        for batch in history.batches.values()
        if index in batch.affirmed_in
    ]
    for block, batch_hash in sorted(own, reverse=True):
        batch = history.batches[batch_hash]
        said = _said(clients, batch, batch.affirmed_in[index])[index]
        statement = Statement(house.chain.chain_id, to_canonical_address(house.address), said)
        if anchors.signer_of(said, statement.chain_id, statement.clearing_house) in signers:
            return statement, block
    raise Unproven(
        f"{institution} has affirmed nothing that can be kept: no batch, or with no key of its own"
    )


def _signers(clients: Clients, index: int, head: int) -> set[bytes]:
    """Every signer that an institution had: some key fits any signature, also one that a contract took."""
    consortium = clients.consortium
    return {
        to_canonical_address(event["signer"])
        for mined in consortium.chain.logs(0, head)
        for name in ("InstitutionAdmitted", "SignerChanged")
        for event in consortium.events(mined.logs, name)
        if event["institution"] == index
    }


def statement_text(statement: Statement, institution: str) -> str:
    """The file of an affirmation, for an auditor to keep; `institution` is whose, for people."""
    each = statement.affirmation
    said = {
        "format": STATEMENT,
        "institution": institution,
        "chain_id": statement.chain_id,
        "clearing_house": "0x" + statement.clearing_house.hex(),
        "index": each.institution,
        **{name: "0x" + getattr(each, name).hex() for name in WORDS},
        "signature": "0x" + each.signature.hex(),
    }
    return json.dumps(said, indent=2) + "\n"


def _said(clients: Clients, batch: RecordedBatch, transaction: bytes) -> dict[int, Affirmation]:
    """Institution → its affirmation of a batch, from the calldata of the transaction that brought it."""
    house, numbers = clients.clearing_house, batch.records.number
    told = {
        event["institution"]: event
        for event in house.events(house.chain.receipt(transaction).logs, "BatchAffirmed")
        if event["batchHash"] == batch.batch_hash
    }
    return {
        each.institution: Affirmation(
            batch_hash=batch.batch_hash,
            institution=each.institution,
            records_hash=told[each.institution]["recordsHash"],
            exceptions_hash=keccak(b"".join(int(numbers[at]).to_bytes(4, "big") for at in each.exceptions)),
            client_root=told[each.institution]["clientRoot"],
            prior_block_hash=told[each.institution]["priorBlockHash"],
            signature=each.signature,
        )
        for each in affirmations_in(house.chain.transaction_input(transaction), house)
        if each.institution in told
    }


def _with_state(bundle: Bundle, source: Chain, found: Facts, last: int) -> Bundle:
    """The bundle with nodes of the last block's state, where the chain gives any."""
    wanted = {name: list[int]() for name in bundle.contracts}
    owns = state.institutions_of(bundle, found)
    wanted["AssetRegister"] = sorted({state.slot_of(own, asset)[0] for own in owns for asset in found.codes})
    try:
        nodes = {
            node
            for name, slots in wanted.items()
            for node in source.state_proof("0x" + bundle.contracts[name].address.hex(), slots, last)
        }
    except StateUnproven:
        return bundle
    root = chain.headers(bundle.first + len(bundle.headers) - 1, bundle.headers[-1:])[0].state_root
    balances = state.balances(Nodes(nodes), root, bundle, found)
    return replace(bundle, state=tuple(sorted(nodes)), balances=balances)
