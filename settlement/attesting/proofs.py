"""Proofs that an entry was in a book whose root is on the ledger, as files that anyone can check.

A proof shows the entry and hashes of what lay beside it, and nothing else of the book.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger.reverts import Attestations_UnknownRevision
from settlement.attesting.kept import SignedBook
from settlement.attesting.leaves import decode, of_entries
from settlement.attesting.tree import verify
from settlement.errors import FileUnreadable, NameUnknown
from settlement.files import parse_json
from settlement.operations import Ledger

FORMAT = "clearing book proof 1"
LIMIT = 64
"""Hashes of a proof at most: a tree on the ledger has fewer than 2^64 leaves."""


@dataclass(frozen=True, slots=True)
class Proof:
    """That some leaves are among those of one attestation; `contract` and `chain_id` say where that is."""

    chain_id: int
    contract: str
    institution: int
    venue: int
    cycle: int
    revision: int
    root: bytes
    size: int
    leaves: tuple[tuple[int, bytes, tuple[bytes, ...]], ...]
    """(place in the tree, leaf, hashes beside it), one or more."""

    def entries(self) -> list[dict[str, Any]]:
        """What the leaves say. Raises ValueError."""
        return [decode(leaf) for _, leaf, _ in self.leaves]


@dataclass(frozen=True, slots=True)
class Verified:
    """What checking a proof against the ledger found. `reason` is why it fails, None where it holds."""

    reason: str | None
    institution: str | None = None
    block: int | None = None
    at: int | None = None
    """The block's time, seconds."""


def prove(ledger: Ledger, book: SignedBook, trade: int, trading_day: int | None = None) -> Proof:
    """That the signed book had the entries under this trade number, each where there are several.

    Raises NameUnknown where it had none.
    """
    rows = book.entries.number == trade
    if trading_day is not None:
        rows = rows & (book.entries.day == trading_day)
    wanted = sorted(set(of_entries(book.entries.take(rows))))
    if not wanted:
        known = [str(number) for number in sorted(set(book.entries.number.tolist()))]
        raise NameUnknown("trade", str(trade), known or ["none"], "in the signed book")
    places = [i for leaf in wanted for i, each in enumerate(book.leaves) if each == leaf]
    contract, said = ledger.market.clients.attestations, book.attestation
    return Proof(
        chain_id=contract.chain.chain_id,
        contract=contract.address,
        institution=said.institution,
        venue=said.venue,
        cycle=said.cycle,
        revision=said.revision,
        root=said.root,
        size=said.size,
        leaves=tuple((i, book.leaves[i], book.tree.proof(i)) for i in places),
    )


def check(ledger: Ledger, proof: Proof) -> Verified:
    """Hold a proof against the root on the ledger; the proof's own root must be the same."""
    contract = ledger.market.clients.attestations
    there = contract.chain.chain_id, contract.address.lower()
    if (proof.chain_id, proof.contract.lower()) != there:
        return Verified(
            f"it is about contract {proof.contract} of chain {proof.chain_id}, not of this ledger"
        )
    names = {index: name for name, index in ledger.market.index.items()}
    name = names.get(proof.institution)
    try:
        kept = contract.root_of(proof.institution, proof.venue, proof.cycle, proof.revision)
    except Attestations_UnknownRevision:
        return Verified("the ledger has no such revision of that book", name)
    where = name, kept.block, kept.at
    if (proof.root, proof.size) != (kept.root, kept.size):
        return Verified(f"the root on the ledger is 0x{kept.root.hex()}, of {kept.size:,} leaves", *where)
    for place, leaf, path in proof.leaves:
        if not verify(kept.root, kept.size, place, leaf, path):
            return Verified(f"leaf {place:,} is not under the root on the ledger", *where)
    return Verified(None, *where)


def write(proof: Proof) -> bytes:
    """A proof as a file: JSON, bytes in hex."""
    shown = {
        "format": FORMAT,
        "chain_id": proof.chain_id,
        "contract": proof.contract,
        "institution": proof.institution,
        "venue": proof.venue,
        "cycle": proof.cycle,
        "revision": proof.revision,
        "root": proof.root.hex(),
        "size": proof.size,
        "leaves": [
            {"index": place, "leaf": leaf.hex(), "proof": [each.hex() for each in path]}
            for place, leaf, path in proof.leaves
        ],
    }
    return (json.dumps(shown, indent=2) + "\n").encode()


def read(data: bytes, shown: str) -> Proof:
    """The proof in a file's bytes; `shown` names the file. Raises FileUnreadable where it is none."""
    try:
        found = parse_json(data)
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT!r}")
        numbers = {
            name: number_of(found[name], bits)
            for name, bits in (
                ("chain_id", 256),
                ("institution", 16),
                ("venue", 16),
                ("cycle", 64),
                ("revision", 32),
                ("size", 64),
            )
        }
        rows = found["leaves"]
        if not isinstance(rows, list) or not rows:
            raise ValueError("it proves nothing")
        proof = Proof(
            **numbers,
            contract=str(found["contract"]),
            root=bytes.fromhex(found["root"]),
            leaves=tuple(
                (number_of(row["index"], 64), bytes.fromhex(row["leaf"]), path_of(row)) for row in rows
            ),
        )
        proof.entries()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise FileUnreadable(shown, f"it is no proof: {what}") from None
    return proof


def number_of(value: object, bits: int) -> int:
    """A number of a proof's file. Raises ValueError unless it is one of at most so many bits."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << bits:
        raise ValueError(f"{value!r} is no number of {bits} bits")
    return value


def path_of(row: Mapping[str, Any]) -> tuple[bytes, ...]:
    """The hashes beside a leaf, of its row in a proof's file. Raises ValueError, TypeError and KeyError."""
    if len(row["proof"]) > LIMIT:
        raise ValueError(f"more than {LIMIT} hashes lead nowhere")
    return tuple(bytes.fromhex(each) for each in row["proof"])
