"""The headers that a journal keeps: the RLP of each block's, in a table of its own.

A header hashes to its block's hash, which the journal's digests cover, so it needs no digest. Journals of
before have no such table, or not every row; those headers are worked out where somebody asks for them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from eth_utils import keccak

from ledger.chain.base import Block
from ledger.chain.store import committed, guarded
from ledger.errors import JournalDamaged

SCHEMA = "CREATE TABLE IF NOT EXISTS header(number INTEGER PRIMARY KEY, rlp BLOB NOT NULL);"
_PUT = "INSERT OR REPLACE INTO header VALUES(?,?)"


class HeaderRows:
    """The table of one journal, whose name errors give. Changes belong to the caller's transaction."""

    def __init__(self, database: sqlite3.Connection, name: str) -> None:
        self._database = database
        self._name = name
        self._worked_out: dict[int, bytes] = {}

    def make(self) -> None:
        """Have the table where it is not there yet."""
        with guarded(self._name):
            if not self._is_there():
                self._database.execute(SCHEMA)

    def put(self, number: int, header: bytes) -> None:
        """Keep the header of a block."""
        self._database.execute(_PUT, (number, header))

    def forget(self, height: int) -> None:
        """Let go of every header after `height`."""
        self._database.execute("DELETE FROM header WHERE number > ?", (height,))
        self._worked_out = {number: kept for number, kept in self._worked_out.items() if number <= height}

    def keep(self, headers: Iterable[tuple[int, bytes]], *, write: bool) -> None:
        """Remember headers that were worked out: on disk where that may be written to."""
        if not write:
            self._worked_out |= dict(headers)
            return
        with guarded(self._name), committed(self._database, durable=False):
            self._database.executemany(_PUT, headers)

    def of(self, blocks: list[Block]) -> list[bytes | None]:
        """The header of each of some blocks that follow one another, None where it is not there.

        Raises JournalDamaged at the first that does not hash to its block.
        """
        if not blocks:
            return []
        kept = dict(self._worked_out)
        with guarded(self._name):
            if self._is_there():
                kept |= self._database.execute(
                    "SELECT number, rlp FROM header WHERE number BETWEEN ? AND ?",
                    (blocks[0].number, blocks[-1].number),
                )
        found = [kept.get(block.number) for block in blocks]
        for block, header in zip(blocks, found, strict=True):
            if header is not None and (not isinstance(header, bytes) or keccak(header) != block.hash):
                raise JournalDamaged(
                    self._name, block.number, "its header is not the one that its hash is of"
                )
        return found

    def _is_there(self) -> bool:
        query = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'header'"
        return bool(self._database.execute(query).fetchone()[0])
