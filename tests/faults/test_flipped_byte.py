"""A byte flipped in every page of a journal: refused, or nothing of what it says is different.

file  ─ several bytes of every page, all of the file's header, of the heads of pages that hold the tree
log   ─ an earlier ledger: a flipped byte is a torn end, and what comes after it is not looked at
"""

from __future__ import annotations

import random
import re
from functools import cache

import pytest

from ledger.chain.journal import Journal
from ledger.errors import StoreDamaged, StoreUnusable
from tests.faults.damage import (
    FRAME,
    LOG_HEADER,
    Left,
    chunk_of,
    flipped,
    folder,
    left_by_a_killed_process,
    opened,
    scale,
)
from tests.journals import add, is_prefix, make, said

PAGE = 4096
TRIED = scale(3, "CLEARING_FAULT_FLIPS")
"""Bytes of every page."""
PARTS = 4
SEED = scale(20191121, "CLEARING_FAULT_SEED")
SQLITE_HEADER = 100
TREE_PAGE = 40
"""Bytes at the beginning of a page: its head, and where its first rows are."""


@cache
def closed(*, withdrawn: bool = False) -> Left:
    """Eighty blocks with large transactions, closed as it should be; with free pages where some were taken
    back."""
    with folder() as at:
        path = at / "journal.sqlite"
        journal = make(path, 70, size=6_000)
        if withdrawn:
            journal.intend([(2**40 + i, bytes(30_000)) for i in range(3)])
            journal.withdraw()
        add(journal, 10, random.Random(2), size=200)
        whole = said(journal)
        journal.close()
        return Left(path.read_bytes(), b"", whole)


def places(left: Left, chance: random.Random) -> list[int]:
    """Bytes of every page: some at random, some of its head."""
    found = [*range(SQLITE_HEADER + 12)]
    for start in range(0, len(left.file), PAGE):
        found += [start + chance.randrange(PAGE) for _ in range(TRIED)]
        found.append(start + chance.randrange(TREE_PAGE))
    return found


@pytest.mark.parametrize("withdrawn", [False, True], ids=["full", "with free pages"])
@pytest.mark.parametrize("part", range(PARTS))
def test_file_with_a_flipped_byte_is_refused_or_says_the_same(part: int, withdrawn: bool) -> None:
    left, chance = closed(withdrawn=withdrawn), random.Random(f"{SEED}/{part}")
    every = places(left, random.Random(SEED))
    refused = 0
    with folder() as at:
        for k in chunk_of(len(every), part, PARTS):
            bits = chance.choice((1 << chance.randrange(8), chance.randrange(1, 256)))
            found = opened(at, flipped(left.file, every[k], bits), None, write=chance.random() < 0.7)
            assert found in (None, left.whole), f"{SEED}: byte {every[k]} of {len(left.file)}, bits {bits:#x}"
            refused += found is None
    assert refused > len(every) // PARTS // 3


def test_file_with_a_flipped_byte_in_a_page_that_only_leads_to_others_is_refused_or_says_the_same() -> None:
    """Reading through does not look at the keys in there, looking up one block does."""
    left, chance = closed(), random.Random(SEED)
    heads = [start + (SQLITE_HEADER if not start else 0) for start in range(0, len(left.file), PAGE)]
    inner = [head for head in heads if left.file[head] == 5]
    assert len(inner) >= 2
    places_ = []
    for head in inner:
        count = int.from_bytes(left.file[head + 3 : head + 5], "big")
        cells = [int.from_bytes(left.file[head + 12 + 2 * i :][:2], "big") for i in range(count)]
        page = head // PAGE * PAGE
        places_ += [page + cell + byte for cell in cells for byte in (3, 4)]  # the child, the key
    with folder() as at:
        for place in chance.sample(places_, min(len(places_), scale(150))):
            found = opened(at, flipped(left.file, place, 1 << chance.randrange(7)), None)
            assert found in (None, left.whole), f"{SEED}: byte {place}"


def test_file_with_a_flipped_byte_that_opens_can_be_written_to_and_says_what_it_said() -> None:
    """Where nothing that counts was hit, what is written next destroys nothing either."""
    left, chance = closed(withdrawn=True), random.Random(SEED)
    every = [at for at in places(left, chance) if at % PAGE < TREE_PAGE or at < SQLITE_HEADER]
    every = chance.sample(every, scale(50))
    went_on = 0
    with folder() as at:
        for place in every:
            if opened(at, flipped(left.file, place, 1 << chance.randrange(8)), None) != left.whole:
                continue
            journal = Journal(at / "journal.sqlite")
            try:
                add(journal, 3, random.Random(3), size=40_000)
                expected = said(journal)
                went_on += 1
            except (StoreUnusable, StoreDamaged):
                expected = left.whole
            journal.close()
            journal = Journal(at / "journal.sqlite")
            assert said(journal) == expected, f"{SEED}: byte {place}"
            assert is_prefix(left.whole, expected)
            journal.close()
    assert went_on > 3


def test_file_whose_empty_address_became_an_empty_text_is_refused() -> None:
    """The one flip of a NULL that has no other bytes: the type of the column, from 0 to 13."""
    left = closed()
    # Of an outcome's row: two hashes of 32 bytes (76 each), status 0 or 1 (8, 9), gas, and the address, NULL.
    rows = [found.end() - 1 for found in re.finditer(rb"\x4c\x4c[\x08\x09].\x00", left.file)]
    assert len(rows) > 20
    with folder() as at:
        for place in rows[:8]:
            assert opened(at, flipped(left.file, place, 13), None) is None


@cache
def logged() -> Left:
    return left_by_a_killed_process("from tests.journals import make; make(path, 10, size=4_000)")


@pytest.mark.parametrize("part", range(2))
def test_log_with_a_flipped_byte_opens_at_an_earlier_block_or_says_the_same(part: int) -> None:
    left, chance = logged(), random.Random(f"{SEED}/{part}")
    starts = range(LOG_HEADER, len(left.log), FRAME)
    places_ = [start + chance.randrange(FRAME) for start in starts for _ in range(2)]
    places_ += [start + chance.randrange(24) for start in starts] + [*range(LOG_HEADER)]
    with folder() as at:
        for place in places_:
            found = opened(at, left.file, flipped(left.log, place, chance.randrange(1, 256)))
            frames = (place - LOG_HEADER) // FRAME if place >= LOG_HEADER else 0
            assert found is None or is_prefix(found, left.whole), f"{SEED}: byte {place}"
            if found is not None and found != left.whole:
                whole = opened(at, left.file, left.log[: LOG_HEADER + frames * FRAME])
                assert found == whole, f"{SEED}: byte {place}"
