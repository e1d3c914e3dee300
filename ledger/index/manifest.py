"""What lies in an index: its manifest, which names every segment and the hash of each of its files.

    index/manifest.json      what there is, and nothing else counts
    index/checked.json       files that were hashed and found right, by size, times and inode; may be deleted
    index/lock               held by readers together, and by a writer while it deletes what is not named
    index/writing            held by the one who writes
    index/000012-ab12cd34/   a segment: a Parquet file a table

A segment's digest covers its blocks, its files' hashes and the digest before it, so that whatever is changed
shows, and where.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from ledger.chain.base import Block
from ledger.index.errors import IndexDamaged, IndexMissing, IndexOtherVersion

FORMAT = 3
"""Rises whenever the manifest or a table has another shape, of the business, too: an index is made
anew, never converted."""
INDEX, MANIFEST, CHECKED = "index", "manifest.json", "checked.json"


@dataclass(frozen=True, slots=True)
class File:
    """A table of a segment on disk: the SHA-256 of its bytes in hex, how many those are, and its rows."""

    sha256: str
    bytes: int
    rows: int


@dataclass(frozen=True, slots=True)
class Counters:
    """The next transaction, batch and trade after a segment."""

    transaction: int
    batch: int
    trade: int


@dataclass(frozen=True)
class Segment:
    """Blocks `first_block` to `last.number`, both included. One that is not `final` holds blocks that the
    chain may still replace. One that is `full` is kept as it is, where the chain keeps its blocks; another is
    replaced by a larger one. `derived` says whether tables were added that the business derives."""

    first_block: int
    last: Block
    final: bool
    full: bool
    derived: bool
    next: Counters
    files: Mapping[str, File]
    previous: str
    """The digest of the segment before it; of the ledger, for the first."""

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hex, of all that is said here."""
        return hashlib.sha256(json.dumps(self._said(), sort_keys=True).encode()).hexdigest()

    @cached_property
    def name(self) -> str:
        """Of its directory."""
        return f"{self.first_block:06d}-{self.digest[:16]}"

    def as_json(self) -> dict[str, Any]:
        """For the manifest; `of_json` is the inverse."""
        return self._said() | {"digest": self.digest}

    @classmethod
    def of_json(cls, value: dict[str, Any]) -> Self:
        """Raises KeyError, TypeError or ValueError where it is no segment or its digest is another's."""
        found = cls(
            int(value["first_block"]),
            Block(int(value["last_block"]), bytes.fromhex(value["last_hash"]), int(value["last_time_s"])),
            bool(value["final"]),
            bool(value["full"]),
            bool(value["derived"]),
            Counters(**value["next"]),
            {name: File(**each) for name, each in value["files"].items()},
            str(value["previous"]),
        )
        if any("/" in name or name.startswith(".") for name in found.files):
            raise ValueError("a table has a name that is none")
        if value["digest"] != found.digest:
            raise ValueError(f"its digest is {found.digest}, not {value['digest']}")
        return found

    def _said(self) -> dict[str, Any]:
        return {
            "first_block": self.first_block,
            "last_block": self.last.number,
            "last_hash": self.last.hash.hex(),
            "last_time_s": self.last.timestamp,
            "final": self.final,
            "full": self.full,
            "derived": self.derived,
            "next": asdict(self.next),
            "files": {
                name: {"sha256": each.sha256, "bytes": each.bytes, "rows": each.rows}
                for name, each in sorted(self.files.items())
            },
            "previous": self.previous,
        }


@dataclass(frozen=True, slots=True)
class Ledger:
    """Which ledger an index is of: chain id, genesis, and where its contracts are, in lower case."""

    chain_id: int
    genesis: str
    contracts: Mapping[str, str]

    @property
    def digest(self) -> str:
        """What the first segment's digest goes on from."""
        return hashlib.sha256(json.dumps([FORMAT, asdict(self)], sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class AsOf:
    """The newest block of an index, and whether it is final."""

    block: int
    hash: bytes
    time_s: int
    final: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """An index as it is on disk in `folder`, the ledger's directory; its segments in the chain's order."""

    folder: Path
    ledger: Ledger
    segments: Sequence[Segment]

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The index of the ledger in `folder`, all of whose files are there and are what was written.

        Cheap: a file is hashed again only where its size, times or inode are not those of when it was hashed
        last. Raises IndexMissing, IndexDamaged, IndexOtherVersion.
        """
        from ledger.index.checking import check_files

        manifest = cls.named(folder)
        check_files(manifest)
        return manifest

    @classmethod
    def named(cls, folder: Path) -> Manifest:
        """What the manifest says, without a look at the files. Raises as `read`."""
        path = folder / INDEX / MANIFEST
        try:
            value = json.loads(path.read_bytes())
            made = value["format"]
            if isinstance(made, int) and made != FORMAT:
                raise IndexOtherVersion(str(folder), made, FORMAT)
            found = cls(
                folder, Ledger(**value["ledger"]), [Segment.of_json(each) for each in value["segments"]]
            )
            if not found.segments:
                raise ValueError("it names no segment")
        except (FileNotFoundError, NotADirectoryError):
            raise IndexMissing(str(folder)) from None
        except OSError as error:
            raise IndexDamaged(str(folder), MANIFEST, f"cannot be read: {error.strerror}") from None
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise IndexDamaged(str(folder), MANIFEST, f"is no manifest: {error}") from None
        found._check_chain()
        return found

    @property
    def as_of(self) -> AsOf:
        """The newest block."""
        newest = self.segments[-1]
        return AsOf(newest.last.number, newest.last.hash, newest.last.timestamp, newest.final)

    @property
    def digest(self) -> str:
        """Covers all of it."""
        return self.segments[-1].digest if self.segments else self.ledger.digest

    @property
    def tables(self) -> list[str]:
        """The names of all tables with rows in any segment, sorted."""
        return sorted({name for segment in self.segments for name in segment.files})

    def files(self, table: str) -> list[Path]:
        """The files of a table in the chain's order; segments without rows of it have none."""
        return [self.path(each, table) for each in self.segments if table in each.files]

    def path(self, segment: Segment, table: str) -> Path:
        """Where a segment's table is."""
        return self.folder / INDEX / segment.name / f"{table}.parquet"

    def paths(self) -> Iterator[tuple[Segment, str, Path]]:
        """Every file: its segment, its table, where it is."""
        for segment in self.segments:
            for table in segment.files:
                yield segment, table, self.path(segment, table)

    def to_bytes(self) -> bytes:
        """For the file."""
        value = {
            "format": FORMAT,
            "ledger": asdict(self.ledger),
            "segments": [each.as_json() for each in self.segments],
        }
        return json.dumps(value, indent=1).encode()

    def _check_chain(self) -> None:
        digest, block = self.ledger.digest, -1
        for segment in self.segments:
            where = f"{MANIFEST}, segment {segment.name}"
            if segment.previous != digest:
                raise IndexDamaged(
                    str(self.folder), where, f"it follows {segment.previous}, but {digest} is before it"
                )
            if segment.first_block != block + 1 or segment.last.number < segment.first_block:
                raise IndexDamaged(str(self.folder), where, f"it does not begin after block {block:,}")
            digest, block = segment.digest, segment.last.number
