"""Blocks made again from the journal, each of which has to be what was committed."""

from __future__ import annotations

from ledger.chain.engine import Engine
from ledger.chain.journal import Journal
from ledger.errors import JournalDamaged, TransactionRefused


def replay(journal: Journal, engine: Engine, after: int, last: int) -> None:
    """Have `engine`, whose newest block is `after`, make every block up to `last`.

    Raises JournalDamaged at the first that comes out as another or has another outcome.
    """
    for entry, block in journal.replay(after, last):
        try:
            made = engine.execute(entry.raw, entry.time)
        except TransactionRefused as error:
            raise JournalDamaged(journal.name, entry.number, error.reason) from None
        if made.block_hash != block.hash:
            raise JournalDamaged(
                journal.name,
                entry.number,
                f"its transaction makes block 0x{made.block_hash.hex()}; 0x{block.hash.hex()} was committed",
            )
        if made != journal.receipt(entry.number):
            raise JournalDamaged(
                journal.name, entry.number, "its transaction has another outcome than it says"
            )
