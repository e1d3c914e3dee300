"""States of an engine in files: a shortcut past replaying, which may be deleted at any time."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from ledger.chain.base import Block
from ledger.chain.journal import Journal

KEPT = 2
_HASH = 32


class States:
    """The states kept in a folder, one file each: sha256 of the rest, block hash, the engine's dump."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, block: Block, state: bytes) -> None:
        """Keep the state after a block and let go of old ones. Where that cannot be, there is none."""
        content = block.hash + state
        path = self.folder / f"{block.number:010d}.state"
        partial = path.with_suffix(".partial")
        with contextlib.suppress(OSError):
            self.folder.mkdir(exist_ok=True)
            partial.write_bytes(hashlib.sha256(content).digest() + content)
            os.replace(partial, path)
            paths = self._paths()
            foreign = [other for other in paths if int(other.stem) > block.number]
            for old in {*foreign, *paths[len(foreign) + KEPT :]}:
                old.unlink()
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)

    def newest_first(self, journal: Journal) -> Iterator[tuple[int, bytes]]:
        """(block number, dump) of every state that is whole and of a block of this journal."""
        for path in self._paths():
            try:
                content = path.read_bytes()
            except OSError:
                continue
            number, block_hash = int(path.stem), content[_HASH : 2 * _HASH]
            whole = hashlib.sha256(content[_HASH:]).digest() == content[:_HASH]
            if whole and number <= journal.height and journal.block(number).hash == block_hash:
                yield number, content[2 * _HASH :]

    def _paths(self) -> list[Path]:
        """Newest first."""
        return sorted((p for p in self.folder.glob("*.state") if p.stem.isdecimal()), reverse=True)
