"""Journals with blocks that no engine made, and everything that a journal says, to compare."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from unittest.mock import patch

from eth_utils import keccak

from ledger.chain import Log, Logs, Receipt
from ledger.chain.journal import Journal, Origin

ORIGIN = Origin("anvil", 31337, 1_574_326_800, bytes(range(32)))
Said = tuple[object, ...]


def header_of(number: int) -> bytes:
    """What stands for the header of a block, which its hash is of."""
    return b"header" * 100 + number.to_bytes(8, "big")


def receipt(number: int, chance: random.Random, *, size: int = 4_000) -> Receipt:
    """An outcome of any kind: created, refused, with events, without."""
    status = chance.random() < 0.8
    events = [
        Log(
            "0x" + "00" * 19 + "0a",
            tuple(chance.randbytes(32) for _ in range(chance.randrange(5))),
            chance.randbytes(chance.randrange(90)),
        )
        for _ in range(chance.randrange(1 + size // 100))
    ]
    return Receipt(
        transaction_hash=chance.randbytes(32),
        block_number=number,
        block_hash=keccak(header_of(number)),
        status=int(status),
        gas_used=chance.randrange(1 << chance.randrange(1, 40)),
        logs=Logs.of(events if status else []),
        contract_address="0x" + "00" * 19 + "0b" if status and chance.random() < 0.1 else None,
        revert_data=b"" if status else chance.randbytes(chance.randrange(100)),
    )


def add(journal: Journal, count: int, chance: random.Random, *, size: int = 4_000) -> None:
    """`count` more blocks: intended one by one or several together, then concluded."""
    while count > 0:
        many = min(count, chance.choice((1, 1, 1, 3)))
        time = journal.block().timestamp
        rows = [(time + 1 + i, chance.randbytes(chance.randrange(100, 100 + size))) for i in range(many)]
        journal.intend(rows, own=chance.random() < 0.9)
        for entry in journal.pending():
            journal.conclude(receipt(entry.number, chance, size=size), entry.time, header_of(entry.number))
        count -= many


def make(path: Path | None, count: int, *, seed: int = 1, size: int = 4_000) -> Journal:
    """A new journal of `count` blocks, open."""
    journal = Journal(path)
    journal.begin(ORIGIN)
    add(journal, count, random.Random(seed), size=size)
    return journal


_logs_of = lru_cache(maxsize=4096)(Logs.from_bytes)


@contextmanager
def decoded_once() -> Iterator[None]:
    """Events that are read in here are the same object where their bytes are the same."""
    with patch.object(Logs, "from_bytes", _logs_of):
        yield


def said(journal: Journal, *, looked_up: bool = True) -> Said:
    """All that a journal says: read through, and each thing looked up by itself.

    Events are decoded once: thousands of journals that differ in a byte are compared.
    """
    with decoded_once():
        return _said(journal, looked_up) if journal.origin is not None else ()


def _said(journal: Journal, looked_up: bool) -> Said:
    numbers = range(1, journal.height + 1)
    receipts = list(journal.receipts(1, journal.height))
    through = (
        journal.origin,
        [journal.block(number) for number in range(journal.height + 1)],
        receipts,
        list(journal.replay(0, journal.height)),
        journal.pending(),
    )
    if not looked_up:
        return through
    return (
        *through,
        # One that is not found is made again from the transactions; one that is found is the block's.
        [kept or header_of(i) for i, kept in enumerate(journal.headers(1, journal.height), 1)],
        [journal.receipt(number) for number in numbers],
        [journal.entry(number) for number in numbers],
        [journal.number_of(each.transaction_hash) for each in receipts],
        [list(journal.receipts(number, number + 7)) for number in numbers[::5]],
        journal.gas_since(0),
        list(journal.foreign()),
    )


def is_prefix(part: Said, whole: Said) -> bool:
    """Whether one journal says the first blocks of what another says, and nothing else."""
    if not part:
        return True
    pairs = zip(part[1:4], whole[1:4], strict=True)
    return part[0] == whole[0] and all(some == all_[: len(some)] for some, all_ in pairs)  # type: ignore[arg-type, index]
