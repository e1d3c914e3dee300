"""Making a bundle of evidence from a ledger: which blocks belong to a claim, and what signatures there are.

What a bundle says is worked out by `verifier` from the blocks that are put into it, as whoever checks it will
work it out; the ledger only says where to look.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from eth_utils import keccak, to_canonical_address

from ledger.calldata import affirmations_in
from ledger.chain import Chain
from ledger.clients import Clients
from ledger.deploy import Deployment
from ledger.errors import StateUnproven
from ledger.history import History, RecordedBatch
from verifier import anchors, chain, claims, coding, facts, holdings
from verifier.bundle import Affirmation, Block, Bundle, Condition, Contract
from verifier.facts import Facts


def build(
    clients: Clients, deployment: Deployment, history: History, conditions: Sequence[Condition]
) -> bytes:
    """The file that proves every trade that meets the conditions, as of the chain's newest final block.

    Raises verifier.Refused where the conditions are none, or the chain has what no bundle can prove: a
    clearing house that another contract called.
    """
    source = clients.clearing_house.chain
    head, first = source.final_block(), min(history.blocks.values())
    bundle = Bundle(
        chain_id=deployment.chain_id,
        contracts={
            name: Contract(to_canonical_address(at), bytes.fromhex(deployment.code_hashes[name][2:]))
            for name, at in deployment.addresses.items()
        },
        conditions=tuple(sorted(set(conditions), key=lambda c: (c.field, c.comparison, c.value))),
        first=first,
        headers=tuple(source.headers(first, head.number)),
        blocks={},
        records=(),
        chosen=(),
    )
    claims.checked(bundle.conditions)
    bundle, found, claim = _with_blocks(bundle, source)
    rows, chosen = claim.answer()
    affirmations = tuple(
        _affirmations(clients, history, found, {row.batch_hash for row in rows}, head.number)
    )
    bundle = replace(
        bundle,
        records=tuple(batch.records for batch in found.batches.values()),
        chosen=tuple(chosen),
        affirmations=affirmations,
    )
    bundle = _with_state(bundle, source, found, head.number)
    digest = claims.digest_of(rows, bundle.affirmations, bundle.balances)
    return coding.encode(replace(bundle, digest=digest))


def _with_blocks(bundle: Bundle, source: Chain) -> tuple[Bundle, Facts, claims.Claim]:
    """The bundle with every block that belongs to its claim: what the first tell says which others do."""
    headers = chain.headers(bundle.first, bundle.headers)
    blocks: dict[int, Block] = {}
    while True:
        bundle = replace(bundle, blocks=dict(sorted(blocks.items())))
        found = facts.read(bundle.contracts, bundle.blocks)
        claim = claims.Claim(bundle, found)
        missing = claim.needed(headers) - blocks.keys()
        if not missing:
            return bundle, found, claim
        for number in missing:
            body = source.body(number)
            blocks[number] = Block(body.transactions, body.receipts)


def _affirmations(
    clients: Clients, history: History, found: Facts, answered: set[bytes], last: int
) -> Iterator[Affirmation]:
    """Those of the batches that the answer has trades of, and each institution's newest, by batch and
    institution; only those that a key has signed, as a contract's cannot be checked without a chain."""
    batches = [
        batch for batch in history.batches.values() if _block(history, batch.record_transaction) <= last
    ]
    newest = {
        institution: (batch.batch_hash, institution)
        for batch in sorted(batches, key=lambda batch: _affirmed_last(history, batch))
        for institution in batch.affirmed_in
    }
    wanted = set(newest.values())
    for batch in sorted(batches, key=lambda each: each.batch_hash):
        own = {
            who
            for who in batch.affirmed_in
            if batch.batch_hash in answered or (batch.batch_hash, who) in wanted
        }
        signed = {
            who: transaction
            for who, transaction in batch.affirmed_in.items()
            if who in own and _block(history, transaction) <= last
        }
        for who, said in sorted(_said(clients, batch, signed).items()):
            signer = anchors.signer_of(
                said,
                clients.clearing_house.chain.chain_id,
                to_canonical_address(clients.clearing_house.address),
            )
            if signer is not None and signer in found.signers.get(who, ()):
                yield said


def _said(clients: Clients, batch: RecordedBatch, signed: dict[int, bytes]) -> dict[int, Affirmation]:
    """Institution → its affirmation of a batch, from the calldata of the transaction that brought it."""
    source, numbers, result = clients.clearing_house.chain, batch.records.number, {}
    for transaction in dict.fromkeys(signed.values()):
        told = {
            event["institution"]: event
            for event in clients.clearing_house.events(source.receipt(transaction).logs, "BatchAffirmed")
            if event["batchHash"] == batch.batch_hash
        }
        for each in affirmations_in(source.transaction_input(transaction), clients.clearing_house):
            if signed.get(each.institution) != transaction or len(each.signature) != 65:
                continue
            event = told[each.institution]
            excepted = b"".join(int(numbers[place]).to_bytes(4, "big") for place in each.exceptions)
            result[each.institution] = Affirmation(
                batch_hash=batch.batch_hash,
                institution=each.institution,
                records_hash=event["recordsHash"],
                exceptions_hash=keccak(excepted),
                client_root=event["clientRoot"],
                prior_block_hash=event["priorBlockHash"],
                signature=each.signature,
            )
    return result


def _with_state(bundle: Bundle, source: Chain, found: Facts, last: int) -> Bundle:
    """The bundle with nodes of the last block's state, where the chain gives any."""
    wanted = {name: list[int]() for name in bundle.contracts}
    institution = holdings.institution_of(bundle, found)
    if institution is not None:
        wanted["AssetRegister"] = sorted({holdings.slot_of(institution, asset)[0] for asset in found.codes})
    try:
        nodes = {
            node
            for name, slots in wanted.items()
            for node in source.state_proof("0x" + bundle.contracts[name].address.hex(), slots, last)
        }
    except StateUnproven:
        return bundle
    head = chain.headers(bundle.first + len(bundle.headers) - 1, bundle.headers[-1:])[0]
    state = chain.State(head.state_root, nodes)
    return replace(bundle, state=tuple(sorted(nodes)), balances=holdings.balances(state, bundle, found))


def _affirmed_last(history: History, batch: RecordedBatch) -> int:
    return max((_block(history, transaction) for transaction in batch.affirmed_in.values()), default=-1)


def _block(history: History, transaction: bytes) -> int:
    return history.blocks[transaction]
