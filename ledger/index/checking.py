"""Whether the files of an index are what was written, with as little reading as can be."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

from ledger.index.errors import IndexDamaged
from ledger.index.manifest import CHECKED, INDEX, Manifest

Look = list[object]
"""SHA-256, size, times of its last change and of its inode's in ns, inode: a file that was hashed, as it was
then. Whoever changes a file can put its own time back, but not the inode's."""


def check_files(manifest: Manifest, *, again: bool = False) -> None:
    """Hash each file that has changed since it was hashed last; all of them `again`. Raises IndexDamaged."""
    known = {} if again else _known(manifest.folder)
    found: dict[str, Look] = {}
    for segment, table, path in manifest.paths():
        name, expected = f"{segment.name}/{path.name}", segment.files[table]
        try:
            look = look_at(path, expected.sha256)
            if look[1] != expected.bytes:
                raise IndexDamaged(
                    str(manifest.folder), name, f"it has {look[1]:,} bytes, not {expected.bytes:,}"
                )
            if known.get(name) != look and (digest := hashed(path)) != expected.sha256:
                reason = f"its SHA-256 is {digest}, not {expected.sha256}"
                raise IndexDamaged(str(manifest.folder), name, reason)
        except FileNotFoundError:
            raise IndexDamaged(str(manifest.folder), name, "it is gone") from None
        except OSError as error:
            raise IndexDamaged(str(manifest.folder), name, f"cannot be read: {error.strerror}") from None
        found[name] = look
    if found != known:
        remember(manifest.folder, found)


def hashed(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def look_at(path: Path, sha256: str) -> Look:
    """What a file that has this hash looks like now."""
    found = path.stat()
    return [sha256, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def remember(folder: Path, looks: dict[str, Look]) -> None:
    """Keep which files were hashed. Where that cannot be written, they are hashed again next time."""
    path = folder / INDEX / CHECKED
    partial = path.with_name(f"{CHECKED}.{os.getpid()}.partial")
    with suppress(OSError):
        partial.write_text(json.dumps(looks))
        partial.replace(path)


def _known(folder: Path) -> dict[str, Look]:
    try:
        found = json.loads((folder / INDEX / CHECKED).read_bytes())
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError, RecursionError):
        return {}
