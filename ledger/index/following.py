"""Bringing the index up to the chain: only what it does not have is read, and no more than two segments of it
are in memory: one that is read, and one that another thread derives from and puts on disk meanwhile.

A segment ends with the first block that closes a cycle and with which it has `SEGMENT_ROWS` or more, or with
any that brings it to `LARGEST_ROWS`, so that the same chain gives the same segments, however often it was
followed. The newest one is replaced by a larger one until it ends there.
Blocks that are not final have segments of their own, which are always replaced.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from ledger.chain import Chain, LocalChain, Mined
from ledger.chain.local import JOURNAL
from ledger.chain.store import connect, guarded
from ledger.clients import Clients
from ledger.errors import EngineFailed, NoSuchBlock, StoreDamaged
from ledger.index.decoding import event_tables
from ledger.index.errors import IndexForeign, IndexMissing
from ledger.index.extracting import Counted, Extracted, Extractor
from ledger.index.keeping import commit, write_segment, writing
from ledger.index.known import Known
from ledger.index.manifest import Counters, Ledger, Manifest, Segment
from ledger.index.schema import TABLES
from ledger.index.sent import sent_on
from ledger.index.standing import Standing

Derive = Callable[[Extracted, Known], Mapping[str, pa.Table]]
"""Further tables of a segment, from what was extracted and from the segments before it."""
Progress = Callable[[int, int], None]
"""Told how many blocks of how many are read."""

SEGMENT_ROWS, LARGEST_ROWS = 500_000, 2_000_000
"""Of trades, movements and other events."""
_TRIES = 3
_AT_ONCE_ROWS, _AT_ONCE_BLOCKS = 100_000, 4_096
"""What is asked of a chain at once: about as many rows, and no more blocks."""


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest block of a ledger's chain."""

    block: int
    hash: bytes


def follow(
    clients: Clients, folder: Path, *, derive: Derive | None = None, progress: Progress | None = None
) -> Manifest:
    """Bring the index of the ledger in `folder` up to its chain's newest block, making it where there is
    none. Raises IndexUnusable, IndexBusy, StoreUnusable, and EngineFailed where the chain
    contradicts itself.
    """
    with writing(folder):
        try:
            manifest = Manifest.read(folder)
        except IndexMissing:
            return _made(clients, folder, [], derive, progress)
        check_ledger(clients, manifest)
        chain = clients.clearing_house.chain
        head, final = chain.block(), chain.final_block()
        kept = [each for each in manifest.segments if each.final]
        for segment in kept[-1:]:
            check_block(chain, folder, segment)
        if derive is not None and not all(each.derived for each in manifest.segments):
            kept = []
        newest = manifest.segments[-1]
        reached = kept[-1].last.number if kept else -1
        is_at_head = (newest.last.number, newest.last.hash) == (head.number, head.hash)
        if kept and is_at_head and reached >= final.number:
            return manifest
        begun = kept.pop() if kept and not kept[-1].full else None
        return _made(clients, folder, kept, derive, progress, begun=begun)


def rebuild(
    clients: Clients, folder: Path, *, derive: Derive | None = None, progress: Progress | None = None
) -> Manifest:
    """Make the index anew from the chain; what is there stays until the new one is whole. Raises IndexBusy,
    StoreUnusable and EngineFailed.
    """
    with writing(folder):
        return _made(clients, folder, [], derive, progress)


def newest_of(folder: Path) -> Newest | None:
    """The newest block of a local ledger in `folder`, without opening the ledger; None where there is no
    journal: a network's chain has to be asked. Raises StoreUnusable, StoreDamaged.
    """
    path = folder / JOURNAL
    if not path.exists():
        return None
    with guarded(path), closing(connect(path, write=False)) as journal:
        # One statement: a reader sees one state, whatever a writer does meanwhile.
        row = journal.execute(
            "SELECT o.value, h.value, outcome.block_hash FROM meta o, meta h LEFT JOIN outcome"
            " ON outcome.number = json_extract(CAST(h.value AS TEXT), '$[2]')"
            " WHERE o.key = 'origin' AND h.key = 'heads'"
        ).fetchone()
    if row is None:
        raise StoreDamaged(str(path), "it does not say how far it goes")
    try:
        origin, heads = json.loads(row[0]), json.loads(row[1])
        height = int(heads[2])
        return Newest(height, bytes.fromhex(origin[4]) if height == 0 else bytes(row[2]))
    except (ValueError, TypeError, IndexError) as error:
        raise StoreDamaged(str(path), f"its first page cannot be read ({error})") from None


def ledger_of(clients: Clients) -> Ledger:
    """Which ledger these clients are of."""
    chain = clients.clearing_house.chain
    at = {each.artifact.name: each.address.lower() for each in clients}
    return Ledger(chain.chain_id, chain.block(0).hash.hex(), at)


def check_ledger(clients: Clients, manifest: Manifest) -> None:
    """Raises IndexForeign where an index is of another chain or other contracts."""
    chain = clients.clearing_house.chain
    if isinstance(chain, LocalChain) and manifest.as_of.block > chain.block().number:
        # Somebody wrote to the ledger, and followed it, after this process had opened it.
        chain.journal.reload()
    expected, found = ledger_of(clients), manifest.ledger
    compared = [
        ("chain id", str(found.chain_id), str(expected.chain_id)),
        ("genesis", f"0x{found.genesis}", f"0x{expected.genesis}"),
    ]
    for name in sorted({*found.contracts, *expected.contracts}):
        there, here = (at.contracts.get(name, "nowhere") for at in (found, expected))
        compared.append((f"contract {name}", there, here))
    for what, there, here in compared:
        if there != here:
            raise IndexForeign(str(manifest.folder), what, there, here)


def segments_of(
    clients: Clients,
    extractor: Extractor,
    first: int,
    last: int,
    *,
    after: int | None = None,
    whole: bool = False,
    progress: Progress | None = None,
) -> Iterator[Extracted]:
    """The segments of blocks `first` to `last`, all but the newest of them full; as one, `whole`. What is
    `after` a block is read, where the extractor has what comes before."""
    chain = clients.clearing_house.chain
    begin = first
    for mined in _spans(chain, first if after is None else after + 1, last, progress):
        while not whole and (cut := extractor.cut(mined, SEGMENT_ROWS, LARGEST_ROWS)) is not None:
            extractor.take(mined[:cut])
            end = mined[cut - 1].block_number
            yield extractor.finish(begin, chain.block(end), full=True)
            begin, mined = end + 1, mined[cut:]
        extractor.take(mined)
    if begin <= last:
        yield extractor.finish(begin, chain.block(last), full=False)


def extractor_of(
    clients: Clients, known: Known, earlier: Callable[[bytes], Standing], begun: Segment | None = None
) -> Extractor:
    """Goes on after the segments that are known, or with one after them that has `begun`; `earlier` says how
    the trades of a batch of theirs stand."""
    chain = clients.clearing_house.chain
    extractor = Extractor(
        clients,
        sent=sent_on(chain),
        block=chain.block,
        earlier=earlier,
        batches_of=known.batches_of,
        counted=known.counted(begun),
    )
    if begun is not None:
        own = [*TABLES, *(name for name in begun.files if name in event_tables())]
        counting = sum(
            file.rows
            for name, file in begun.files.items()
            if name in event_tables() or name in ("trades", "movements")
        )
        extractor.resume({name: known.read(begun, name) for name in own}, counting)
    return extractor


def _made(
    clients: Clients,
    folder: Path,
    kept: Sequence[Segment],
    derive: Derive | None,
    progress: Progress | None,
    *,
    begun: Segment | None = None,
) -> Manifest:
    """The index of these segments, one that has `begun`, and what the chain has after them."""
    chain = clients.clearing_house.chain
    for _ in range(_TRIES):
        manifest = Manifest(folder, ledger_of(clients), list(kept))
        known = Known(folder, manifest, kept)
        final, head = chain.final_block(), chain.block()
        if begun is not None and begun.last.number > final.number:
            final = begun.last
        with ThreadPoolExecutor(1) as thread:
            adding = _Adding(known, manifest.ledger.digest, derive, thread)
            extractor = extractor_of(clients, known, adding.standing, begun)
            for is_final, last in ((True, final), (False, head)):
                first = known.segments[-1].last.number + 1 if known.segments else 0
                after = begun.last.number if begun is not None and is_final else first - 1
                for extracted in segments_of(
                    clients, extractor, first, last.number, after=after, progress=progress
                ):
                    adding.add(extracted, counters_of(extractor.counted), is_final)
                    del extracted  # it need not be in memory for longer than it takes to write it
                adding.wait()
        if chain.block(head.number).hash == head.hash:
            made = replace(manifest, segments=known.segments)
            commit(made)
            return made
    raise EngineFailed(chain.url, "blocks", f"block {head.number:,} was replaced again and again")


@dataclass
class _Adding:
    """Segments that another thread derives from and puts on disk, one at a time, while the chain is read
    on."""

    known: Known
    """Belongs to the thread until `wait` returns, but for the standings that are kept in memory."""
    ledger: str
    """The digest that the first segment's goes on from."""
    derive: Derive | None
    thread: ThreadPoolExecutor
    _added: Future[None] | None = None

    def add(self, extracted: Extracted, counters: Counters, is_final: bool) -> None:
        """The next segment, after which the `counters` are as they are now. Raises what the one before came
        to."""
        self.wait()
        self.known.keep(extracted.recorded)
        self._added = self.thread.submit(self._add, extracted, counters, is_final)

    def standing(self, batch_hash: bytes) -> Standing:
        """As `Known.standing`, of all segments that were given."""
        if not self.known.keeps(batch_hash):
            self.wait()
        return self.known.standing(batch_hash)

    def wait(self) -> None:
        """Until all that was given is known. Raises what that came to."""
        if self._added is not None:
            self._added.result()

    def _add(self, extracted: Extracted, counters: Counters, is_final: bool) -> None:
        further = {} if self.derive is None else self.derive(extracted, self.known)
        before = self.known.segments
        segment = Segment(
            extracted.first_block,
            extracted.last,
            is_final,
            extracted.full,
            self.derive is not None,
            counters,
            {},
            before[-1].digest if before else self.ledger,
        )
        self.known.add(write_segment(self.known.folder, segment, {**extracted.tables, **further}))


def counters_of(counted: Counted) -> Counters:
    """For the manifest."""
    return Counters(counted.transaction, counted.batch, counted.trade)


def check_block(chain: Chain, folder: Path, segment: Segment) -> None:
    """Raises IndexForeign where the chain has another block in the place of a segment's last, final one."""
    expected, number = segment.last.hash, segment.last.number
    try:
        found = f"0x{chain.block(number).hash.hex()}"
    except NoSuchBlock:
        found = "not there"
    if found != f"0x{expected.hex()}":
        raise IndexForeign(str(folder), f"block {number:,}", f"0x{expected.hex()}", found)


def _spans(chain: Chain, first: int, last: int, progress: Progress | None) -> Iterator[list[Mined]]:
    """The transactions with events in blocks `first` to `last`, in pieces that end with a block."""
    span, start = 4, first
    while start <= last:
        end = min(last, start + span - 1)
        mined = chain.logs(start, end)
        yield mined
        rows = sum(len(each.logs) for each in mined)
        if rows < _AT_ONCE_ROWS:
            span = min(2 * span, _AT_ONCE_BLOCKS)
        elif rows > 4 * _AT_ONCE_ROWS:
            span = max(1, span >> 2)
        start = end + 1
        if progress is not None:
            progress(end - first + 1, last - first + 1)
