"""Putting segments on disk so that, whenever the process or the machine ends, the index is a whole one."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ledger.errors import StoreUnusable
from ledger.index.checking import hashed
from ledger.index.errors import IndexBusy, IndexMissing
from ledger.index.manifest import INDEX, MANIFEST, File, Manifest, Segment

LOCK, WRITING = "lock", "writing"
_OURS = re.compile(r"[0-9]{6,}(-[0-9a-f]{16}|\.building)")
"""Names of segments, and of those that are made."""
ROW_GROUP = 122_880
"""Rows: what DuckDB takes at once."""
PATIENCE_S = 60
_PAUSE_S = 0.02  # seconds
_RISING = {"transaction", "trade", "number", "block", "first_trade"}
"""Columns that rise, mostly: kept as differences."""
_RANDOM = {"amount_low", "time_s"}
"""Columns whose values rarely repeat: a dictionary of them would be thrown away again."""


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Keep the files that the manifest names where they are, as long as this lasts. Raises IndexMissing,
    IndexBusy."""
    if not (folder / INDEX / MANIFEST).exists():
        raise IndexMissing(str(folder))
    with _held(folder, LOCK, fcntl.LOCK_SH):
        yield


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Be the one who writes; readers are not kept from reading. Raises IndexBusy, StoreUnusable."""
    with _held(folder, WRITING, fcntl.LOCK_EX):
        yield


def write_segment(folder: Path, segment: Segment, tables: Mapping[str, pa.Table]) -> Segment:
    """Put a segment's tables on disk, those with rows, and return it with its files. Nothing names it yet."""
    with _guarded(folder):
        building = folder / INDEX / f"{segment.first_block:06d}.building"
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        files = {}
        for name, table in tables.items():
            if table.num_rows:
                path = building / f"{name}.parquet"
                _write(path, table)
                files[name] = File(hashed(path), path.stat().st_size, table.num_rows)
        whole = replace(segment, files=files)
        _sync(building)
        _put(building, folder / INDEX / whole.name)
        _sync(folder / INDEX)
    return whole


def commit(manifest: Manifest) -> None:
    """Let the index be what `manifest` says: nothing of it, until all of it; then delete what it does not
    name, unless somebody reads: then who writes next does. Raises StoreUnusable."""
    with _guarded(manifest.folder):
        path = manifest.folder / INDEX / MANIFEST
        partial = path.with_name(MANIFEST + ".partial")
        with partial.open("wb") as file:
            file.write(manifest.to_bytes())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync(path.parent)
    with suppress(IndexBusy), _held(manifest.folder, LOCK, fcntl.LOCK_EX, patience_s=0):
        _sweep(manifest)


def _sweep(manifest: Manifest) -> None:
    """Delete segments that are not named, and what writing has left."""
    named = {segment.name for segment in manifest.segments}
    for each in (manifest.folder / INDEX).iterdir():
        if _OURS.fullmatch(each.name) and each.name not in named:
            shutil.rmtree(each, ignore_errors=True)


def _write(path: Path, table: pa.Table) -> None:
    rising = [name for name in table.schema.names if name in _RISING]
    dictionary = [
        field.name
        for field in table.schema
        if field.name not in _RISING | _RANDOM and not pa.types.is_fixed_size_binary(field.type)
    ]
    with path.open("wb") as file:
        pq.write_table(
            table,
            file,
            compression="zstd",
            compression_level=1,
            row_group_size=ROW_GROUP,
            use_dictionary=dictionary,
            column_encoding=dict.fromkeys(rising, "DELTA_BINARY_PACKED"),
            write_statistics=True,
        )
        file.flush()
        os.fsync(file.fileno())


def _put(building: Path, final: Path) -> None:
    """Where there is such a segment already, its files are the same, or damaged: a manifest that names it
    finds each of them at any time."""
    if not final.exists():
        building.rename(final)
        return
    for path in building.iterdir():
        path.replace(final / path.name)
    building.rmdir()
    _sync(final)


@contextmanager
def _held(folder: Path, name: str, how: int, patience_s: int = PATIENCE_S) -> Iterator[None]:
    path = folder / INDEX / name
    with _guarded(folder):
        path.parent.mkdir(exist_ok=True)
        # Who only reads need not be able to write.
        flags = os.O_RDONLY if path.exists() else os.O_RDWR | os.O_CREAT
        handle = os.open(path, flags | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + patience_s
        while True:
            try:
                fcntl.flock(handle, how | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise IndexBusy(str(folder), patience_s) from None
                time.sleep(_PAUSE_S)
        yield
    finally:
        os.close(handle)


@contextmanager
def _guarded(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnusable(str(error.filename or folder / INDEX), error.strerror or str(error)) from None


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
