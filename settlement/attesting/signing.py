"""Signing the root of a book, and what of what was signed still stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ledger.chain import Receipt
from ledger.signatures import Attestation
from settlement.attesting.comparing import Change, changed
from settlement.attesting.cycles import index_of, own_book
from settlement.attesting.kept import OWN, Archive, SignedBook
from settlement.attesting.leaves import leaves
from settlement.attesting.tree import Tree
from settlement.directory import ATTESTED
from settlement.errors import BookDamaged, FileRefused, NameUnknown
from settlement.operations import Ledger
from settlement.reconciliation.entries import Entries
from settlement.sources import Balance


@dataclass(frozen=True, slots=True)
class Standing:
    """One attestation on the ledger, and what became of the book."""

    institution: str
    cycle: int
    revision: int
    root: bytes
    size: int
    """Entries and balances."""
    prior_block: int
    """It was signed after this block."""
    block: int
    at: int
    """The block's time, seconds."""
    suspended: bool
    """The institution was, then."""
    kept: SignedBook | None
    """The book as it is kept here."""
    damage: str | None
    """Why what is kept here is not what was signed; None where it is, or nothing is kept."""


@dataclass(frozen=True, slots=True)
class Attest:
    """What came of attesting: the book as it is signed, and the transaction, None where the ledger had this
    root for it already.
    """

    book: SignedBook
    receipt: Receipt | None


def archive_of(ledger: Ledger) -> Archive:
    """The signed books in a ledger's directory."""
    return Archive(None if ledger.path is None else ledger.path / ATTESTED)


def attest(
    ledger: Ledger,
    archive: Archive,
    institution: str,
    cycle: int,
    entries: Entries,
    balances: Sequence[Balance] = (),
    *,
    source: str = OWN,
) -> Attest:
    """Sign the root of an institution's book of a closed cycle, keep the book, put the root on the ledger.

    Where the ledger has this very root as the newest revision nothing is sent: repeating is safe. Raises
    NameUnknown, InvalidValue, FileUnwritable, what opening the institution's key raises, and the contract's
    refusals.
    """
    market = ledger.market
    index = index_of(ledger, institution)
    tree = Tree(leaves(entries, balances))
    before = [each for each in standing(ledger, archive, institution) if each.cycle == cycle]
    last = max(before, key=lambda each: each.revision, default=None)
    if last is not None and (last.root, last.size) == (tree.root, len(tree)) and last.kept is not None:
        return Attest(last.kept, None)
    prior = market.chain.block()
    said = Attestation(
        institution=index,
        venue=market.index[market.scenario.venue],
        cycle=cycle,
        revision=1 if last is None else last.revision + 1,
        root=tree.root,
        size=len(tree),
        prior_block=prior.number,
    )
    signer, contract = market.signers[institution], market.clients.attestations
    signature = signer.sign_digest(contract.domain.digest(said.struct_hash(prior.hash)))
    book = SignedBook(institution, said, prior.hash, signature, source, entries, tuple(balances))
    archive.add(book)
    receipt = contract.attest(signer, said, signature)
    ledger.receipts.setdefault("attest", []).append(receipt)
    return Attest(book, receipt)


def standing(ledger: Ledger, archive: Archive, institution: str | None = None) -> list[Standing]:
    """What was attested, by all or by one institution, in the ledger's order, with the books kept here."""
    history, market = ledger.read(), ledger.market
    names = {index: name for name, index in market.index.items()}
    venue = market.index[market.scenario.venue]
    found = []
    for event in history.attested:
        name = names[event["institution"]]
        if event["venue"] != venue or institution not in (None, name):
            continue
        kept, damage = None, None
        try:
            kept = archive.find(name, event["cycle"], event["revision"], event["root"])
        except FileRefused as error:
            damage = error.reason
        found.append(
            Standing(
                institution=name,
                cycle=event["cycle"],
                revision=event["revision"],
                root=event["root"],
                size=event["size"],
                prior_block=event["priorBlock"],
                block=history.blocks[event.transaction],
                at=history.times[event.transaction],
                suspended=event["suspended"],
                kept=kept,
                damage=damage,
            )
        )
    return found


def newest(ledger: Ledger, archive: Archive, institution: str, cycle: int) -> SignedBook:
    """The book of a cycle in the newest revision that is kept here. Raises NameUnknown where none is, and
    BookDamaged.
    """
    found = standing(ledger, archive, institution)
    for each in reversed(found):
        if each.cycle == cycle and each.damage is not None:
            raise BookDamaged(f"the signed book of {institution}, cycle {cycle}", each.damage)
        if each.cycle == cycle and each.kept is not None:
            return each.kept
    known = [f"cycle {each.cycle}" for each in found if each.kept is not None]
    raise NameUnknown(f"signed book of {institution} kept here", f"cycle {cycle}", known or ["none"])


def present_changes(ledger: Ledger, signed: Sequence[Standing]) -> Iterator[list[Change] | None]:
    """For each attestation what has changed since in the institution's own records. None where nothing can be
    said: the book is not kept here, came from elsewhere than the shelf, or a later revision was signed.
    """
    newest = {(each.institution, each.cycle): each.revision for each in signed}
    for each in signed:
        book = each.kept
        if book is None or book.source != OWN or newest[each.institution, each.cycle] != each.revision:
            yield None
            continue
        yield changed(book, *own_book(ledger, each.institution, each.cycle))
