"""Blocks made again from the journal, each of which has to be what was committed."""

from __future__ import annotations

from ledger.chain.engine import Engine
from ledger.chain.journal import Journal
from ledger.errors import JournalDamaged, TransactionRefused


def replay(
    journal: Journal,
    engine: Engine,
    after: int,
    last: int,
    headers: list[tuple[int, bytes]] | None = None,
) -> None:
    """Have `engine`, whose newest block is `after`, make every block up to `last`; where `headers` is given,
    each block's number and header is put there, that of `after` too.

    Raises JournalDamaged at the first that comes out as another or has another outcome.
    """
    if headers is not None:
        headers.append((after, engine.header()))
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
        if headers is not None:
            headers.append((entry.number, engine.header()))


def brought_to(
    number: int, journal: Journal, engine: Engine, headers: list[tuple[int, bytes]] | None = None
) -> Engine:
    """A new engine with the blocks up to `number`; closed where it does not make them. See `replay`."""
    try:
        replay(journal, engine, 0, number, headers)
    except BaseException:
        engine.close()
        raise
    return engine


def headers_made(last: int, journal: Journal, engine: Engine) -> list[tuple[int, bytes]]:
    """Number and header of every block up to `last`, which a new engine makes and is closed."""
    headers: list[tuple[int, bytes]] = []
    brought_to(last, journal, engine, headers).close()
    return headers
