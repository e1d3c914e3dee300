"""The books that were signed, kept by the institution that signed them.

Each is one Parquet file, on disk whole before the ledger hears of its root, and is never written again: its
name holds the root, so a further revision, and one that never got onto the ledger, lies beside it. The root
is the digest of its rows, another is in it of all else.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from ledger.signatures import Attestation
from settlement.attesting.leaves import leaves
from settlement.attesting.tree import Tree
from settlement.errors import BookDamaged, FileUnwritable
from settlement.files import read_regular, write_whole
from settlement.reconciliation.entries import Entries
from settlement.sources import Balance

OWN = ""
"""In `SignedBook.source`: the institution's own records on the shelf."""
_NOTE = b"clearing"
_CODED = {
    "buyer": "parties",
    "seller": "parties",
    "security": "securities",
    "currency": "currencies",
}
_PLAIN = ("number", "day", "settles", "time", "line")
_EXACT = ("quantity", "amount", "price")
_OPTIONAL = ("commission", "levy")
_AMOUNTS = ("opening", "movements", "closing")


@dataclass(frozen=True)
class SignedBook:
    """A book as it was signed. `source` is where it came from, OWN for the shelf."""

    institution: str
    attestation: Attestation
    prior_block_hash: bytes
    signature: bytes
    source: str
    entries: Entries
    balances: tuple[Balance, ...] = ()

    @cached_property
    def leaves(self) -> list[bytes]:
        """Those of its rows, sorted."""
        return leaves(self.entries, self.balances)

    @cached_property
    def tree(self) -> Tree:
        """The tree over its rows."""
        return Tree(self.leaves)

    @property
    def file_name(self) -> str:
        """Under which it is kept."""
        said = self.attestation
        return _file_name(self.institution, said.cycle, said.revision, said.root)


class Archive:
    """The signed books in a folder, or in memory where there is none."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._memory: dict[str, bytes] = {}

    def add(self, book: SignedBook) -> None:
        """Keep a book. Raises FileUnwritable."""
        data = encode(book)
        if self.folder is None:
            self._memory[book.file_name] = data
            return
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise FileUnwritable(str(self.folder), error.strerror or str(error)) from None
        write_whole(self.folder / book.file_name, data)

    def find(self, institution: str, cycle: int, revision: int, root: bytes) -> SignedBook | None:
        """The book of a revision; None where it is not kept here.

        Raises BookDamaged where it is not what was signed, and FileUnreadable.
        """
        name = _file_name(institution, cycle, revision, root)
        if self.folder is None:
            return decode(self._memory[name], name) if name in self._memory else None
        path = self.folder / name
        if not os.path.lexists(path):
            return None
        book = decode(read_regular(path), str(path))
        there = book.institution, book.attestation.cycle, book.attestation.revision, book.attestation.root
        if there != (institution, cycle, revision, root):
            raise BookDamaged(str(path), "by its own words it is another book")
        return book


def _file_name(institution: str, cycle: int, revision: int, root: bytes) -> str:
    return f"{quote(institution, safe=' ')}-{cycle:06d}-{revision:03d}-{root.hex()[:8]}.parquet"


def encode(book: SignedBook) -> bytes:
    """A Parquet file of the entries; what else there is of the book is plain JSON in its metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from settlement.books.arrow import to_decimals

    entries = book.entries
    columns: dict[str, Any] = {name: pa.array(getattr(entries, name)) for name in _PLAIN}
    for name, table in _CODED.items():
        names = np.array([*getattr(entries, table), None], dtype=object)
        columns[name] = pa.array(names[getattr(entries, name)], pa.string())
    columns |= {name: to_decimals(getattr(entries, name)) for name in _EXACT}
    columns |= {
        name: to_decimals(column) for name in _OPTIONAL if (column := getattr(entries, name)) is not None
    }
    said = {each.name: getattr(book.attestation, each.name) for each in fields(Attestation)}
    note = {
        "institution": book.institution,
        "attestation": said | {"root": book.attestation.root.hex()},
        "prior_block_hash": book.prior_block_hash.hex(),
        "signature": book.signature.hex(),
        "source": book.source,
        "naming": entries.naming,
        "balances": [_written(balance) for balance in book.balances],
    }
    text = json.dumps(note)
    metadata = {_NOTE: text, _NOTE + b".sha256": hashlib.sha256(text.encode()).hexdigest()}
    file = BytesIO()
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), file, compression="zstd")
    return file.getvalue()


def decode(data: bytes, shown: str) -> SignedBook:
    """The book in the bytes of a file, which `shown` names. Raises BookDamaged where they are not what was
    signed.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(BytesIO(data), use_threads=False)
        text = (table.schema.metadata or {})[_NOTE]
        if table.schema.metadata[_NOTE + b".sha256"] != hashlib.sha256(text).hexdigest().encode():
            raise ValueError("the digest of its note is another")
        note = json.loads(text)
        said = note["attestation"]
        book = SignedBook(
            note["institution"],
            Attestation(**said | {"root": bytes.fromhex(said["root"])}),
            bytes.fromhex(note["prior_block_hash"]),
            bytes.fromhex(note["signature"]),
            note["source"],
            _entries(table, note["naming"]),
            tuple(_read(balance) for balance in note["balances"]),
        )
        found = book.tree.root, len(book.tree)
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        what = next(iter(str(error).splitlines()), type(error).__name__)
        raise BookDamaged(shown, what) from None
    if found != (book.attestation.root, book.attestation.size):
        raise BookDamaged(shown, "its rows do not come to the root that was signed")
    return book


def _entries(table: Any, naming: str) -> Entries:
    from settlement.books.arrow import from_decimals

    tables: dict[str, Any] = {kind: [] for kind in _CODED.values()}
    columns: dict[str, Any] = {name: table[name].to_numpy() for name in _PLAIN}
    for name, kind in _CODED.items():
        coded = table[name].combine_chunks().dictionary_encode()
        own, known = coded.dictionary.to_pylist(), tables[kind]
        places = np.array([_place(known, each) for each in own] + [-1], dtype=np.int32)
        columns[name] = places[coded.indices.fill_null(len(own)).to_numpy(zero_copy_only=False)]
    present = (*_EXACT, *(name for name in _OPTIONAL if name in table.column_names))
    columns |= {name: from_decimals(table[name]) for name in present}
    tables = {kind: tuple(names) for kind, names in tables.items()}
    return Entries(**tables, **columns, naming=naming)


def _place(known: list[str], name: str) -> int:
    if name not in known:
        known.append(name)
    return known.index(name)


def _written(balance: Balance) -> dict[str, Any]:
    """Amounts as decimal strings."""
    row = {each.name: getattr(balance, each.name) for each in fields(Balance)}
    return row | {name: None if row[name] is None else str(row[name]) for name in _AMOUNTS}


def _read(row: Mapping[str, Any]) -> Balance:
    return Balance(**{**row, **{name: None if row[name] is None else int(row[name]) for name in _AMOUNTS}})
