"""Ethereum's encoding of nested byte strings (Yellow Paper, appendix B), of which each value has one form.

Where bytes are no value's form, reading raises ValueError or IndexError.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

Item = Any
"""Bytes, or a list of items."""
_DEEPEST = 16


def encode(item: Any) -> bytes:
    """The one form of an item. A number stands for its bytes without zeros before them, text for UTF-8."""
    if isinstance(item, int):
        item = item.to_bytes((item.bit_length() + 7) // 8, "big")
    elif isinstance(item, str):
        item = item.encode()
    if not isinstance(item, bytes):
        return join(map(encode, item))
    return item if len(item) == 1 and item < b"\x80" else _prefix(len(item), 0x80) + item


def join(encoded: Iterable[bytes]) -> bytes:
    """The form of the list of items that are encoded already."""
    parts = list(encoded)
    return b"".join((_prefix(sum(map(len, parts)), 0xC0), *parts))


@lru_cache(maxsize=256)
def _prefix(size: int, kind: int) -> bytes:
    if size < 56:
        return bytes([kind + size])
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([kind + 55 + len(length)]) + length


def decode(data: bytes, depth: int = 0) -> Item:
    """The item whose form this is."""
    is_list, start, end = content(data, 0)
    if end != len(data) or depth > _DEEPEST:
        raise ValueError("one item is wanted, not nested too deeply")
    return [decode(each, depth + 1) for each in split(data)] if is_list else data[start:end]


def split(data: bytes, at: int = 0) -> Iterator[bytes]:
    """The items of the list that begins at a place and ends with the data, each as it is encoded."""
    is_list, at, end = content(data, at)
    if not is_list or end != len(data):
        raise ValueError("a list is wanted")
    while at < end:
        after = content(data, at)[2]
        yield data[at:after]
        at = after
    if at != end:
        raise ValueError("an item is longer than what it is in")


def content(data: bytes, at: int) -> tuple[bool, int, int]:
    """Whether the item at a place is a list, and where its content begins and ends."""
    first = data[at]
    if first < 0x80:
        return False, at, at + 1
    is_list = first >= 0xC0
    size = first - (0xC0 if is_list else 0x80)
    start = at + 1
    if size > 55:
        start += size - 55
        size = int.from_bytes(data[at + 1 : start], "big")
        if size < 56 or data[at + 1] == 0:
            raise ValueError("a length is not in its one form")
    elif size == 1 and not is_list and data[start] < 0x80:
        raise ValueError("a byte is not in its one form")
    return is_list, start, start + size


def number(item: Item) -> int:
    """The number that bytes are. None is larger than Ethereum has any: what comes after would take long over
    it, and not be able to write it."""
    if not isinstance(item, bytes) or len(item) > 32:
        raise ValueError("a list or something larger is in the place of a number")
    return int.from_bytes(item, "big")
