"""Whether the index says what the chain says: every file hashed, every segment made again and compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from ledger.chain.base import Chain
from ledger.clients import Clients
from ledger.errors import NoSuchBlock
from ledger.index.checking import check_files
from ledger.index.decoding import event_tables
from ledger.index.following import (
    Derive,
    Progress,
    check_block,
    check_ledger,
    counters_of,
    extractor_of,
    segments_of,
)
from ledger.index.keeping import reading
from ledger.index.known import Known
from ledger.index.manifest import Manifest, Segment
from ledger.index.schema import TABLES

_SHOWN = 200
"""Characters of a value that a finding shows."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a segment that is not what the chain gives. `row` counts from 0; None where it is not one
    row."""

    segment: str
    table: str
    row: int | None
    found: str


def verify(
    clients: Clients, folder: Path, derive: Derive | None = None, *, progress: Progress | None = None
) -> list[Finding]:
    """Compare the index with the chain: hashes of all files, then each segment's tables, made again.

    Blocks that were not final and have been replaced since are not compared: `follow` replaces them. Tables
    of the business are compared where `derive` is given. Raises as `Manifest.read`, and IndexForeign.
    """
    with reading(folder):
        manifest = Manifest.named(folder)
        check_files(manifest, again=True)
        check_ledger(clients, manifest)
        return list(_findings(clients, manifest, derive, progress))


def _findings(
    clients: Clients, manifest: Manifest, derive: Derive | None, progress: Progress | None
) -> Iterator[Finding]:
    chain = clients.clearing_house.chain
    known = Known(manifest.folder, manifest, [])
    extractor = extractor_of(clients, known, known.standing)
    blocks = manifest.segments[-1].last.number + 1
    for segment in manifest.segments:
        if segment.final:
            check_block(chain, manifest.folder, segment)
        elif not _stands(chain, segment):
            return
        last = segment.last.number
        (extracted,) = segments_of(clients, extractor, segment.first_block, last, whole=True)
        tables = dict(extracted.tables)
        if derive is not None and segment.derived:
            tables |= derive(extracted, known)
        yield from _compared(known, segment, tables, derived=derive is not None)
        if segment.next != counters_of(extractor.counted):
            yield Finding(segment.name, "manifest", None, f"the next numbers are not {segment.next}")
        if segment.last != extracted.last:
            yield Finding(segment.name, "manifest", None, f"its last block is not {segment.last}")
        known.add(segment)
        known.keep(extracted.recorded)
        if progress is not None:
            progress(last + 1, blocks)


def _stands(chain: Chain, segment: Segment) -> bool:
    try:
        return chain.block(segment.last.number).hash == segment.last.hash
    except NoSuchBlock:
        return False


def _compared(
    known: Known, segment: Segment, tables: dict[str, pa.Table], *, derived: bool
) -> Iterator[Finding]:
    own = TABLES.keys() | event_tables().keys()
    expected = {name: table for name, table in tables.items() if table.num_rows}
    for name in sorted({*expected, *segment.files}):
        if name not in own and not derived:
            continue
        if name not in segment.files:
            yield Finding(segment.name, name, None, f"it lacks the table, of {len(expected[name]):,} rows")
        elif name not in expected:
            yield Finding(segment.name, name, None, "the chain gives no rows of it")
        else:
            finding = _differing(segment, name, known.read(segment, name), expected[name])
            if finding is not None:
                yield finding


def _differing(segment: Segment, name: str, found: pa.Table, expected: pa.Table) -> Finding | None:
    """The first row that differs."""
    if found.schema != expected.schema:
        return Finding(segment.name, name, None, f"its columns are {found.schema.names} or of other types")
    if found.equals(expected):
        return None
    same, differ = 0, min(len(found), len(expected)) + 1
    while differ - same > 1:
        middle = (same + differ) >> 1
        if found.slice(0, middle).equals(expected.slice(0, middle)):
            same = middle
        else:
            differ = middle
    shown = [
        str(table.slice(same, 1).to_pylist()[0])[:_SHOWN] if same < len(table) else "no such row"
        for table in (found, expected)
    ]
    return Finding(segment.name, name, same, f"it is {shown[0]}; the chain gives {shown[1]}")
