"""The journal cut where a machine that lost its power may have cut it, at every byte, and opened again.

its log          ─ every byte of its end: the last block that was committed whole in what is left
                 ─ anywhere, also in what was moved to the file before: an earlier ledger, or refused
the file itself  ─ refused, or nothing is missing
a whole chain    ─ opened with its engine, and gone on with
"""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from ledger.accounts import Signer
from ledger.chain import CHAIN_ID, LocalChain
from ledger.chain.journal import Journal
from ledger.chain.local import JOURNAL
from ledger.clock import SteppedClock
from ledger.errors import StoreDamaged
from tests.faults.damage import (
    FRAME,
    LOG_HEADER,
    Left,
    chunk_of,
    folder,
    left_by_a_killed_process,
    opened,
    scale,
)
from tests.journals import is_prefix, make, said

FRAMES = scale(1, "CLEARING_FAULT_FRAMES")
"""At the end of the log, cut at every byte; 1000 for all there are."""
BEFORE, HEAD, APART = 2, 26, 16
"""So many frames before those are cut at every byte of their heads, then so far apart: within one commit."""
PARTS = 4
SEED = scale(20191121, "CLEARING_FAULT_SEED")
START = datetime(2019, 11, 21, 9, 0, tzinfo=UTC)
SENDER = Signer.from_seed("power", "sender")


@cache
def small() -> Left:
    """Eight blocks, all of them in the log, and a transaction that nothing came of yet."""
    return left_by_a_killed_process(
        "from tests.journals import make; j = make(path, 8, size=400); j.intend([(2**40, b'tail' * 999)])"
    )


@cache
def large() -> Left:
    """So much that SQLite has moved a part of the log into the file and begun the log again."""
    return left_by_a_killed_process("from tests.journals import make; make(path, 120, size=60_000)")


@cache
def at_frames() -> list[tuple[object, ...]]:
    """What `small` says when its log is cut after each frame."""
    left = small()
    with folder() as at:
        ends = range(LOG_HEADER, len(left.log) + 1, FRAME)
        says = [opened(at, left.file, left.log[:end], looked_up=False) for end in ends]
    assert None not in says
    return says  # type: ignore[return-value]


def test_log_cut_after_each_frame_opens_at_what_was_committed_until_then() -> None:
    """One commit after the other comes back: each block first without its outcome, then with it."""
    says = at_frames()
    assert is_prefix(says[-1], small().whole)
    assert says[-1] == small().whole[:5]
    heights = [(len(each[1]) - 1, len(each[4])) if each else (-1, 0) for each in says]  # type: ignore[arg-type]
    assert heights == sorted(heights, key=lambda height: (sum(height), height[0]))
    assert {height for height, _ in heights} == set(range(-1, 9))
    for earlier, later in pairwise(says):
        assert is_prefix(earlier, later)


@pytest.mark.parametrize("part", range(PARTS))
def test_log_cut_at_every_byte_of_its_end_opens_at_the_last_commit_that_is_whole(part: int) -> None:
    left, says = small(), at_frames()
    first = max(0, len(left.log) - FRAMES * FRAME)
    starts = range(max(LOG_HEADER, first - BEFORE * FRAME), first, FRAME)
    cuts = [start + k for start in starts for k in (*range(HEAD), *range(HEAD, FRAME, APART))]
    cuts += range(first, len(left.log))
    with folder() as at:
        for end in (cuts[k] for k in chunk_of(len(cuts), part, PARTS)):
            whole = max(0, (end - LOG_HEADER) // FRAME)
            assert opened(at, left.file, left.log[:end], looked_up=False) == says[whole], f"cut at {end}"


def test_log_cut_with_noise_or_zeros_after_it_opens_at_the_last_commit_that_is_whole() -> None:
    """What a disk may show where nothing of the frame arrived, or only a part of it."""
    left, says, chance = small(), at_frames(), random.Random(SEED)
    with folder() as at:
        for _ in range(scale(300)):
            end = chance.randrange(LOG_HEADER, len(left.log))
            kept = left.log[:end]
            lost = len(left.log) - end
            noise = chance.choice((bytes(lost), chance.randbytes(lost), b"\xff" * lost))
            if noise[:1] == left.log[end : end + 1]:
                continue  # a byte of the frame more than meant
            whole = (end - LOG_HEADER) // FRAME
            assert opened(at, left.file, kept + noise, looked_up=False) == says[whole], f"{SEED}: {end}"


@pytest.mark.parametrize("write", [True, False], ids=["writer", "reader"])
def test_log_cut_anywhere_after_a_part_of_it_was_moved_opens_at_an_earlier_block_or_is_refused(
    write: bool,
) -> None:
    left, chance = large(), random.Random(SEED)
    assert len(left.file) > 100 * 4096
    outcomes = []
    with folder() as at:
        assert opened(at, left.file, left.log, looked_up=False, write=write) == left.whole[:5]
        for _ in range(scale(25)):
            end = chance.randrange(len(left.log))
            found = opened(at, left.file, left.log[:end], looked_up=False, write=write)
            assert found is None or is_prefix(found, left.whole), f"{SEED}: cut at {end}"
            outcomes.append(found)
    assert any(found for found in outcomes)


def test_log_gone_after_a_part_of_it_was_moved_opens_at_an_earlier_block_or_is_refused() -> None:
    left = large()
    with folder() as at:
        for log in (None, b"", left.log[:LOG_HEADER]):
            found = opened(at, left.file, log, looked_up=False)
            assert found is None or (len(found) and is_prefix(found, left.whole))


@cache
def closed() -> Left:
    """A file of about sixty pages, closed as it should be."""
    with folder() as at:
        journal = make(at / "journal.sqlite", 20, size=8_000)
        whole = said(journal)
        journal.close()
        return Left((at / "journal.sqlite").read_bytes(), b"", whole)


@pytest.mark.parametrize("write", [True, False], ids=["writer", "reader"])
def test_file_cut_anywhere_is_refused(write: bool) -> None:
    """Where nothing at all is left, a writer begins: then the ledger's directory says that it is not new."""
    left, chance = closed(), random.Random(SEED)
    ends = [
        *range(0, len(left.file), 4096),
        *(chance.randrange(1, len(left.file)) for _ in range(scale(300))),
    ]
    with folder() as at:
        for end in ends:
            found = opened(at, left.file[:end], None, looked_up=False, write=write)
            assert found is None or (end == 0 and found == () and write), f"{SEED}: cut at {end}"


def test_file_with_more_after_its_end_says_the_same() -> None:
    left = closed()
    with folder() as at:
        for more in (b"\0", bytes(4096), random.Random(SEED).randbytes(10_000)):
            assert opened(at, left.file + more, None) in (left.whole, None)


CHAIN = """
from datetime import UTC, datetime, timedelta
from ledger.accounts import Signer
from ledger.chain import CHAIN_ID, LocalChain
from ledger.clock import SteppedClock
from ledger.errors import StoreDamaged
folder = path.parent
sender = Signer.from_seed("power", "sender")
clock = SteppedClock(datetime(2019, 11, 21, 9, 0, tzinfo=UTC), timedelta(seconds=7))
chain = LocalChain(sys.argv[2], clock=clock, folder=folder)
for nonce in range(6):
    chain.send(sender.sign_transaction(CHAIN_ID, nonce, sender.address, bytes([nonce]) * 5_000, 10**7))
"""


def test_chain_cut_at_its_end_opens_with_its_engine_and_goes_on(engine: str) -> None:
    """Whatever is left, sending again what is missing leads to the same blocks."""
    left, chance = left_by_a_killed_process(CHAIN, engine), random.Random(SEED)
    blocks = left.whole[1]
    assert len(blocks) == 7  # type: ignore[arg-type]
    ends = [chance.randrange(len(left.log) - 12 * FRAME, len(left.log)) for _ in range(8)]
    for end in [*ends, len(left.log)]:
        with folder() as at:
            (at / JOURNAL).write_bytes(left.file)
            (at / f"{JOURNAL}-wal").write_bytes(left.log[:end])
            still = Journal(at / JOURNAL, write=False)
            entries, height = still.entries, still.height
            still.close()
            clock = SteppedClock(START + (entries + 1) * timedelta(seconds=7), timedelta(seconds=7))
            with LocalChain(engine, clock=clock, folder=at, blocks=entries) as chain:
                assert chain.block().number == entries >= height
                for nonce in range(chain.nonce(SENDER.address), 6):
                    data = bytes([nonce]) * 5_000
                    chain.send(SENDER.sign_transaction(CHAIN_ID, nonce, SENDER.address, data, 10**7))
                assert [chain.block(number) for number in range(7)] == blocks, f"{SEED}: cut at {end}"
                assert chain.check() == 6
            assert not os.path.exists(at / f"{JOURNAL}-wal")


def test_chain_given_a_journal_that_is_gone_or_emptied_is_refused_where_blocks_are_known(
    engine: str, tmp_path: Path, clock: SteppedClock
) -> None:
    with LocalChain(engine, clock=clock, folder=tmp_path) as chain:
        for nonce in range(3):
            chain.send(SENDER.sign_transaction(CHAIN_ID, nonce, SENDER.address, b"", 10**7))
    whole = (tmp_path / JOURNAL).read_bytes()
    for content in (None, b""):
        (tmp_path / JOURNAL).unlink()
        if content is not None:
            (tmp_path / JOURNAL).write_bytes(content)
        for _ in range(2):
            with pytest.raises(StoreDamaged):
                LocalChain(engine, clock=clock, folder=tmp_path, blocks=3)
        assert (tmp_path / JOURNAL).exists() is (content is not None)
        (tmp_path / JOURNAL).write_bytes(whole)
    LocalChain(engine, clock=clock, folder=tmp_path, blocks=3).close()
    with pytest.raises(StoreDamaged, match="block 4"):
        LocalChain(engine, clock=clock, folder=tmp_path, blocks=4)
