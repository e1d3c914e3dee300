"""Events as columns. A settlement of a day has thousands, and nobody needs an object for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import overload

import numpy as np
import numpy.typing as npt
from eth_utils import to_checksum_address

TOPIC = 32
_ADDRESS = 20


@dataclass(frozen=True, slots=True)
class Log:
    """An event as the chain has it. `address` is checksummed, a topic is 32 bytes."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes


class Logs(Sequence[Log]):
    """Events in the chain's order: a sequence of `Log`, and the columns that it is made of.

    `addresses` is n rows of 20 bytes, `topics` n rows of 4 topics of 32 bytes, zeros where `topic_count`
    says there is none; the data of event i is `data[ends[i - 1]:ends[i]]`.
    """

    __slots__ = ("addresses", "data", "ends", "topic_count", "topics")

    def __init__(
        self,
        addresses: npt.NDArray[np.uint8],
        topic_count: npt.NDArray[np.uint8],
        topics: npt.NDArray[np.uint8],
        ends: npt.NDArray[np.int64],
        data: bytes,
    ) -> None:
        self.addresses = addresses
        self.topic_count = topic_count
        self.topics = topics
        self.ends = ends
        self.data = data

    @classmethod
    def of(cls, logs: Iterable[Log]) -> Logs:
        """The columns of these events."""
        rows = list(logs)
        return cls.packed(
            b"".join(bytes.fromhex(log.address[2:]) for log in rows),
            [len(log.topics) for log in rows],
            b"".join(topic for log in rows for topic in log.topics),
            [len(log.data) for log in rows],
            b"".join(log.data for log in rows),
        )

    @classmethod
    def packed(
        cls, addresses: bytes, topic_count: Sequence[int], topics: bytes, sizes: Sequence[int], data: bytes
    ) -> Logs:
        """From each column's bytes one after the other; only the topics that are there."""
        count = np.array(topic_count, dtype=np.uint8)
        rows = np.zeros((len(count), 4, TOPIC), dtype=np.uint8)
        rows[np.arange(4) < count[:, None]] = np.frombuffer(topics, dtype=np.uint8).reshape(-1, TOPIC)
        owners = np.frombuffer(addresses, dtype=np.uint8).reshape(-1, _ADDRESS)
        return cls(owners, count, rows, np.cumsum(sizes, dtype=np.int64), data)

    def to_bytes(self) -> bytes:
        """For the journal: the count, then addresses, topic counts, topics, sizes of data, data."""
        sizes = np.diff(self.ends, prepend=0).astype(">u4")
        topics = self.topics[np.arange(4) < self.topic_count[:, None]]
        parts = (self.addresses, self.topic_count, topics, sizes)
        return len(self).to_bytes(4, "big") + b"".join(part.tobytes() for part in parts) + self.data

    @classmethod
    def from_bytes(cls, blob: bytes) -> Logs:
        """What `to_bytes` gave. Raises ValueError where the bytes are not that."""
        n = int.from_bytes(blob[:4], "big")
        at = 4 + n * (_ADDRESS + 1)
        count = np.frombuffer(blob, np.uint8, n, 4 + n * _ADDRESS)
        sizes_at = at + int(count.sum()) * TOPIC
        sizes = np.frombuffer(blob, ">u4", n, sizes_at).astype(np.int64)
        data = blob[sizes_at + 4 * n :]
        if len(blob) < 4 or count.max(initial=0) > 4 or int(sizes.sum()) != len(data):
            raise ValueError("these bytes are no events")
        return cls.packed(blob[4 : 4 + n * _ADDRESS], count.tolist(), blob[at:sizes_at], sizes.tolist(), data)

    def by(self, address: str) -> npt.NDArray[np.bool_]:
        """Which events the contract at `address` emitted."""
        found: npt.NDArray[np.bool_] = (
            self.addresses == np.frombuffer(bytes.fromhex(address[2:]), dtype=np.uint8)
        ).all(axis=1)
        return found

    def named(self, topic: bytes) -> npt.NDArray[np.bool_]:
        """Which events have `topic` as their first: the hash of an event's signature."""
        first = (self.topics[:, 0] == np.frombuffer(topic, dtype=np.uint8)).all(axis=1)
        found: npt.NDArray[np.bool_] = first & (self.topic_count > 0)
        return found

    def words(self, rows: npt.NDArray[np.int64], word: int) -> npt.NDArray[np.uint8]:
        """The 32-byte word number `word` of the data of each of `rows`, which have data that far."""
        starts = np.where(rows > 0, self.ends[rows - 1], 0) + word * TOPIC
        flat = np.frombuffer(self.data, dtype=np.uint8)
        found: npt.NDArray[np.uint8] = flat[starts[:, None] + np.arange(TOPIC)]
        return found

    def __len__(self) -> int:
        return len(self.topic_count)

    @overload
    def __getitem__(self, index: int) -> Log: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Log]: ...
    def __getitem__(self, index: int | slice) -> Log | Sequence[Log]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        i = range(len(self))[index]
        start = int(self.ends[i - 1]) if i else 0
        return Log(
            _checksummed(self.addresses[i].tobytes()),
            tuple(topic.tobytes() for topic in self.topics[i, : self.topic_count[i]]),
            self.data[start : int(self.ends[i])],
        )

    def __iter__(self) -> Iterator[Log]:
        return (self[i] for i in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Logs):
            return self.to_bytes() == other.to_bytes()
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Logs({list(self)!r})"


@lru_cache(maxsize=256)
def _checksummed(address: bytes) -> str:
    return str(to_checksum_address(address))
