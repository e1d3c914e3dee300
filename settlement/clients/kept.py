"""What brokers keep of their clients' allocations: one file a broker and trading day, written whole and with
a digest, and one secret a broker, from which its salts come.

Nobody but the owner of the directory may read any of it. Without the secret a root that was affirmed can no
longer be shown to be of these allocations: it is as precious as they are.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from datetime import date
from io import BytesIO
from pathlib import Path
from urllib.parse import quote, unquote

import numpy as np
from eth_utils import keccak

from settlement.clients.columns import Allocations
from settlement.errors import BookDamaged, FileUnreadable, FileUnwritable
from settlement.files import read_regular, write_whole

SECRET = 32
_FILE = re.compile(r"(.+)-([0-9]{4}-[0-9]{2}-[0-9]{2})\.parquet")
_NOTE = b"clearing"
OWN, _OWN_FOLDER = 0o600, 0o700
"""Modes: for the owner only."""


class Kept:
    """Allocations in a folder, or in memory where there is none. Secrets follow from a `seed`; where there is
    none they are random, and files in the folder.
    """

    def __init__(self, folder: Path | None = None, seed: str | None = "") -> None:
        self.folder = folder
        self._seed = seed
        self._known: dict[tuple[str, date], Allocations] = {}

    def keep(self, broker: str, found: Allocations) -> None:
        """Keep a broker's allocations of a day; of a side that is there already the new ones replace the old.

        Raises BookDamaged, FileUnreadable and FileUnwritable.
        """
        there = self.find(broker, found.trading_day)
        if there is not None:
            stays = there.take(~np.isin(there.place, found.place))
            found = stays.and_then(found)
        if found == there:
            return
        if self.folder is not None:
            # One that is gone is not made anew: what was affirmed under it could be shown no more.
            self.secret(broker, new=all(name != broker for name, _ in self.days()))
            self._write(_name(broker, found.trading_day), encode(broker, found))
        self._known[broker, found.trading_day] = found

    def find(self, broker: str, trading_day: date) -> Allocations | None:
        """A broker's allocations of a day; None where it keeps none. Raises BookDamaged, FileUnreadable."""
        key = broker, trading_day
        if key not in self._known and self.folder is not None:
            path = self.folder / _name(*key)
            if os.path.lexists(path):
                self._known[key] = decode(read_regular(path), broker, trading_day, str(path))
        return self._known.get(key)

    def days(self) -> list[tuple[str, date]]:
        """(broker, trading day) of all that is kept, sorted. Raises FileUnreadable."""
        if self.folder is None:
            return sorted(self._known)
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise FileUnreadable(str(self.folder), error.strerror or str(error)) from None
        matches = filter(None, map(_FILE.fullmatch, names))
        return sorted((unquote(match[1]), date.fromisoformat(match[2])) for match in matches)

    def open_to_others(self) -> list[str]:
        """The files here that somebody else than their owner may read or write."""
        if self.folder is None or not self.folder.is_dir():
            return []
        files = [path for path in sorted(self.folder.iterdir()) if path.stat().st_mode & ~OWN & 0o777]
        return [path.name for path in files]

    def secret(self, broker: str, *, new: bool = False) -> bytes:
        """32 bytes that only the broker knows; a `new` one is made where there is none.

        Raises BookDamaged where there is none or it is none, FileUnreadable and FileUnwritable.
        """
        if self._seed is not None:
            return bytes(keccak(keccak(text=self._seed) + keccak(text=f"clients of {broker}")))
        assert self.folder is not None
        path = self.folder / f"{quote(broker, safe=' ')}.salt"
        if not os.path.lexists(path):
            if not new:
                raise BookDamaged(str(path), "the secret of its salts is gone")
            self._write(path.name, os.urandom(SECRET))
        data = read_regular(path)
        if len(data) != SECRET:
            raise BookDamaged(str(path), f"a secret has {SECRET} bytes, not {len(data):,}")
        return data

    def _write(self, name: str, data: bytes) -> None:
        assert self.folder is not None
        try:
            self.folder.mkdir(exist_ok=True, mode=_OWN_FOLDER)
        except OSError as error:
            raise FileUnwritable(str(self.folder), error.strerror or str(error)) from None
        write_whole(self.folder / name, data, OWN)


def _name(broker: str, trading_day: date) -> str:
    return f"{quote(broker, safe=' ')}-{trading_day}.parquet"


def encode(broker: str, found: Allocations) -> bytes:
    """A Parquet file of the columns; whose and of which day they are, and a digest, in its metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    note = {"broker": broker, "trading_day": str(found.trading_day), "clients": found.clients}
    text = json.dumps(note)
    metadata = {_NOTE: text, _NOTE + b".sha256": _digest(text.encode(), found)}
    columns = {name: pa.array(getattr(found, name)) for name in _COLUMNS}
    file = BytesIO()
    table = pa.table(columns).replace_schema_metadata(metadata)
    pq.write_table(table, file, compression="zstd", use_dictionary=["side", "client"])
    return file.getvalue()


_COLUMNS = {"number": np.uint32, "side": np.uint8, "quantity": np.uint64, "client": np.int32}


def decode(data: bytes, broker: str, trading_day: date, shown: str) -> Allocations:
    """The allocations in the bytes of a file, which `shown` names. Raises BookDamaged where they are not what
    was kept, or another broker's or day's.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(BytesIO(data), use_threads=False, pre_buffer=False)
        text = (table.schema.metadata or {})[_NOTE]
        note = json.loads(text)
        columns = {name: table[name].to_numpy() for name in _COLUMNS}
        if any(columns[name].dtype != kind for name, kind in _COLUMNS.items()):
            raise ValueError("its columns are others")
        found = Allocations(
            trading_day=date.fromisoformat(note["trading_day"]), clients=tuple(note["clients"]), **columns
        )
        if table.schema.metadata[_NOTE + b".sha256"] != _digest(text, found).encode():
            raise ValueError("its digest is another")
        if (note["broker"], found.trading_day) != (broker, trading_day):
            raise ValueError("by its own words it is another broker's or day's")
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        what = next(iter(str(error).splitlines()), type(error).__name__)
        raise BookDamaged(shown, what) from None
    return found


def _digest(text: bytes, found: Allocations) -> str:
    digest = hashlib.sha256(text)
    for name in _COLUMNS:
        digest.update(getattr(found, name).tobytes())
    return digest.hexdigest()
