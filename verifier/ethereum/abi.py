"""The arguments of a call, as Solidity lays them out: words of 32 bytes, some of which are the places, from
where the tuple begins, of what has no fixed size.

Raises Refused where data ends before what it says is there.
"""

from __future__ import annotations

from collections.abc import Iterator

from verifier.bundle import Refused

WORD = 32
_ENDS = "calldata ends before its arguments do"


def word(data: bytes, index: int, at: int = 0) -> int:
    """A word of the tuple that begins at a place."""
    end = at + (index + 1) * WORD
    if len(data) < end:
        raise Refused(_ENDS)
    return int.from_bytes(data[end - WORD : end], "big")


def words(data: bytes) -> list[int]:
    """All of them."""
    return [word(data, k) for k in range(len(data) // WORD)]


def array(data: bytes, index: int, at: int = 0) -> bytes:
    """The elements of the array of words whose place a word tells."""
    start = at + word(data, index, at) + WORD
    end = start + word(data, -1, start) * WORD
    if len(data) < end:
        raise Refused(_ENDS)
    return data[start:end]


def tuples(data: bytes, index: int, most: int = 1 << 32) -> Iterator[int]:
    """Where the elements begin of the array of tuples, no more than `most`, whose place a word tells."""
    start = word(data, index) + WORD
    count = word(data, -1, start)
    if count > most:
        raise Refused(f"{_ENDS}, or has {count:,} slices")
    for k in range(count):
        yield start + word(data, k, start)
