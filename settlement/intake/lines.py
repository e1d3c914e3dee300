"""A trade file cut into its lines where it lies: positions in its bytes, and no object a line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Positions = npt.NDArray[np.int64]

_BOM = b"\xef\xbb\xbf"
_LF, _CR = 10, 13
_SCANNED = 1 << 20
"""Bytes looked at in one step, so that what a step needs stays in the processor's cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """The lines of a file without a byte order mark and without the empty ones at the end.

    Line i is `octets[start[i]:end[i]]`: its line feed is left out, a carriage return before that is not.
    """

    data: bytes
    octets: npt.NDArray[np.uint8]
    start: Positions
    end: Positions

    @classmethod
    def of(cls, data: bytes) -> Lines:
        """The lines of a file's bytes."""
        octets = np.frombuffer(data, dtype=np.uint8)
        first = len(_BOM) if data.startswith(_BOM) else 0
        found = [
            np.flatnonzero(octets[at : at + _SCANNED] == _LF) + at for at in range(0, len(data), _SCANNED)
        ]
        feeds = np.concatenate([np.empty(0, dtype=np.int64), *found])
        start = np.concatenate([[first], feeds + 1]).astype(np.int64, copy=False)
        end = np.concatenate([feeds, [len(data)]]).astype(np.int64, copy=False)
        count = len(start)
        while count and data[start[count - 1] : end[count - 1]] in (b"", b"\r"):
            count -= 1
        return cls(data, octets, start[:count], end[:count])

    def __len__(self) -> int:
        return len(self.start)

    def text(self, line: int) -> str:
        """Line `line`, counted from 0; what is not UTF-8 becomes surrogates."""
        return next(self.texts(np.array([line])))

    def texts(self, lines: npt.NDArray[np.integer[Any]]) -> Iterator[str]:
        """The same for several."""
        for start, end in zip(self.start[lines].tolist(), self.end[lines].tolist(), strict=True):
            yield self.data[start:end].decode("utf-8", errors="surrogateescape")

    def stops(self, first: int, last: int) -> Positions:
        """Where the lines from `first` to before `last` end without a carriage return."""
        end = self.end[first:last]
        has_return = (end > self.start[first:last]) & (self.octets[end - 1] == _CR)
        stops: Positions = end - has_return
        return stops

    def blocks(self, first: int) -> Iterator[tuple[int, int]]:
        """Lines `first` and on in ranges of about a step's bytes; a line that is longer is left out."""
        while first < len(self):
            last = int(np.searchsorted(self.end, self.start[first] + _SCANNED, side="right"))
            if last > first:
                yield first, last
            first = max(last, first + 1)
