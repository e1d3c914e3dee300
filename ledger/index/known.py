"""What earlier segments hold: for the segment that is made next, and for what is derived with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ledger.errors import EngineFailed
from ledger.index.decoding import event_tables
from ledger.index.errors import IndexDamaged
from ledger.index.extracting import Counted
from ledger.index.manifest import Manifest, Segment
from ledger.index.schema import TABLES, TRADES
from ledger.index.standing import STANDS, Standing

KEPT_TRADES = 4_000_000
"""How many trades' standing is kept in memory between segments, at about 30 bytes each."""


class Known:
    """The segments that are there, oldest first; `add` takes one more."""

    def __init__(self, folder: Path, manifest: Manifest, segments: Sequence[Segment]) -> None:
        self.folder = folder
        self._manifest = manifest
        self.segments: list[Segment] = []
        self._batches: dict[bytes, tuple[int, int, Segment]] = {}
        self._kept: dict[bytes, Standing] = {}
        self._kept_trades = 0
        for segment in segments:
            self.add(segment)

    def add(self, segment: Segment) -> None:
        """A segment that has been written."""
        self.segments.append(segment)
        rows = self.read(segment, "batches", ["hash", "first_trade", "count"]).to_pydict()
        for batch_hash, first, count in zip(rows["hash"], rows["first_trade"], rows["count"], strict=True):
            self._batches[batch_hash] = first, count, segment

    def keep(self, recorded: Mapping[bytes, Standing]) -> None:
        """The batches recorded in the newest segment, as they stand: in memory, as long as there is room."""
        for batch_hash, standing in recorded.items():
            self._keep(batch_hash, standing)

    def keeps(self, batch_hash: bytes) -> bool:
        """Whether how the trades of a batch stand is in memory."""
        return batch_hash in self._kept

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table | None:
        """A table of all earlier segments, one after the other; None for one that is nowhere and of which
        nobody knows the schema."""
        parts = [self.read(segment, name, columns) for segment in self.segments if name in segment.files]
        schema = TABLES.get(name) or event_tables().get(name)
        if not parts and schema is not None:
            return schema.empty_table().select(list(columns or schema.names))
        return pa.concat_tables(parts) if parts else None

    def trades(self, indexes: pa.ChunkedArray) -> pa.Table:
        """The trades of earlier segments with these indexes, which rise, as they stand: with the columns of
        `trades`, rising. Raises IndexDamaged where a file cannot be read."""
        wanted = indexes.to_numpy()
        parts, start = [TRADES.empty_table()], 0
        for place, segment in enumerate(self.segments):
            own = wanted[(wanted >= start) & (wanted < segment.next.trade)]
            start = segment.next.trade
            if not len(own):
                continue
            found = self._rows(segment, "trades", own)
            for later in self.segments[place + 1 :]:
                if "changes" in later.files:
                    found = _changed(found, self._rows(later, "changes", own))
            parts.append(found)
        return pa.concat_tables(parts)

    def _rows(self, segment: Segment, name: str, trades: npt.NDArray[np.int64]) -> pa.Table:
        """Those of these trades, rising."""
        between = [("trade", ">=", int(trades[0])), ("trade", "<=", int(trades[-1]))]
        found = self.read(segment, name, None, between)
        mask = pa.array(np.isin(found["trade"].to_numpy(), trades))
        return found.filter(mask).sort_by("trade")

    def batches_of(self, changes: pa.Table) -> Iterator[tuple[bytes, pa.Table]]:
        """The batches that these changes of trades, rising, are of, and those of each."""
        if not len(changes):
            return
        hashes = list(self._batches)
        first = np.array([self._batches[each][0] for each in hashes], dtype=np.int64)
        of = np.searchsorted(first, changes["trade"].to_numpy(), side="right") - 1
        found, start = np.unique(of, return_index=True)
        ends = [*start[1:].tolist(), len(changes)]
        for batch, begin, end in zip(found.tolist(), start.tolist(), ends, strict=True):
            yield hashes[batch], changes.slice(begin, end - begin)

    def counted(self, last: Segment | None = None) -> Counted:
        """How far the numbers have come when a segment ends, the newest unless it is given. Raises
        IndexDamaged where a file cannot be read."""
        if last is None and not self.segments:
            return Counted()
        last = last or self.segments[-1]
        rows = self.read(last, "balances").to_pydict()
        balances = {
            institution << 16 | asset: high << 64 | low
            for institution, asset, low, high in zip(*rows.values(), strict=True)
        }
        return Counted(last.next.transaction, last.next.batch, last.next.trade, balances)

    def standing(self, batch_hash: bytes) -> Standing:
        """How the trades of an earlier segment's batch stand. Raises EngineFailed where there is none."""
        kept = self._kept.pop(batch_hash, None)
        if kept is None:
            kept = self._load(batch_hash)
        else:
            self._kept_trades -= len(kept)
        self._keep(batch_hash, kept)
        return kept

    def _keep(self, batch_hash: bytes, standing: Standing) -> None:
        self._kept[batch_hash] = standing
        self._kept_trades += len(standing)
        while len(self._kept) > 1 and self._kept_trades > KEPT_TRADES:
            self._kept_trades -= len(self._kept.pop(next(iter(self._kept))))

    def _load(self, batch_hash: bytes) -> Standing:
        if batch_hash not in self._batches:
            raise EngineFailed(str(self.folder), "logs", f"no batch {batch_hash.hex()} was recorded")
        first, count, segment = self._batches[batch_hash]
        names = ["trade", "number", "quantity", *STANDS]
        standing = Standing.of(first, self._trades(segment, "trades", names, first, count))
        for later in self.segments[self.segments.index(segment) + 1 :]:
            if "changes" in later.files:
                standing.apply(self._trades(later, "changes", ["trade", *STANDS], first, count))
        standing.touched[:] = False
        return standing

    def _trades(self, segment: Segment, name: str, columns: list[str], first: int, count: int) -> pa.Table:
        wanted = [("trade", ">=", first), ("trade", "<", first + count)]
        return self.read(segment, name, columns, wanted).sort_by("trade")

    def read(
        self,
        segment: Segment,
        name: str,
        columns: Sequence[str] | None = None,
        filters: list[tuple[str, str, int]] | None = None,
    ) -> pa.Table:
        """A segment's table, or of it these columns, or rows: as `pyarrow.parquet.read_table` takes them.
        Raises IndexDamaged where it cannot be read."""
        if name not in segment.files:
            return TABLES[name].empty_table().select(list(columns or TABLES[name].names))
        path = self._manifest.path(segment, name)
        try:
            return pq.read_table(path, columns=columns, filters=filters, partitioning=None)
        except (OSError, pa.ArrowException) as error:
            where = f"{segment.name}/{path.name}"
            raise IndexDamaged(str(self.folder), where, f"cannot be read: {error}") from None


def _changed(trades: pa.Table, changes: pa.Table) -> pa.Table:
    """Trades, rising, with what a later segment says of some of them."""
    if not len(changes):
        return trades
    places = np.searchsorted(trades["trade"].to_numpy(), changes["trade"].to_numpy())
    taken = np.arange(len(trades))
    taken[places] = len(trades) + np.arange(len(changes))
    for name in STANDS:
        both = pa.chunked_array([*trades[name].chunks, *changes[name].chunks], TRADES.field(name).type)
        at = trades.schema.get_field_index(name)
        trades = trades.set_column(at, TRADES.field(name), pc.take(both, pa.array(taken)))
    return trades
