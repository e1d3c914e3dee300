"""Ethereum's encoding of nested byte strings (Yellow Paper, appendix B), of which each value has one form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

Item = Any
"""Bytes, or a list of items."""
_DEEPEST = 16
_SHORT = [bytes([0x80 + size]) for size in range(56)]


def encode(item: Any) -> bytes:
    """The one form of an item. A number stands for its bytes without zeros before them, text for UTF-8."""
    if isinstance(item, int):
        item = item.to_bytes((item.bit_length() + 7) // 8, "big")
    elif isinstance(item, str):
        item = item.encode()
    if not isinstance(item, bytes):
        return join(map(encode, item))
    size = len(item)
    if size == 1 and item[0] < 0x80:
        return item
    return (_SHORT[size] if size < 56 else _prefix(size, 0x80)) + item


def join(encoded: Iterable[bytes]) -> bytes:
    """The form of the list of items that are encoded already."""
    body = b"".join(encoded)
    return _prefix(len(body), 0xC0) + body


def _prefix(size: int, kind: int) -> bytes:
    if size < 56:
        return bytes([kind + size])
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([kind + 55 + len(length)]) + length


def decode(data: bytes) -> Item:
    """The item whose form this is. Raises ValueError, or IndexError, where it is none's."""
    item, end = _decode(data, 0, len(data), 0)
    if end != len(data):
        raise ValueError("one item is wanted")
    return item


def _decode(data: bytes, at: int, limit: int, depth: int) -> tuple[Item, int]:
    """The item at a place, which ends before a limit, and where it does."""
    is_list, at, end = content(data, at)
    if end > limit:
        raise ValueError("an item is longer than what it is in")
    if not is_list:
        return data[at:end], end
    if at < end and depth == _DEEPEST:
        raise ValueError("items are nested too deeply")
    items: list[Item] = []
    while at < end:
        first = data[at]
        if 0x82 <= first < 0xB8:  # a few bytes, as most are: nothing can be wrong with them but their end
            after = at + first - 0x7F
            if after > end:
                raise ValueError("an item is longer than what it is in")
            items.append(data[at + 1 : after])
            at = after
        else:
            item, at = _decode(data, at, end, depth + 1)
            items.append(item)
    return items, end


def split(data: bytes, at: int = 0) -> Iterator[bytes]:
    """The items of the list that begins at a place and ends with the data, each as it is encoded. Raises
    ValueError where there is none."""
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
    """Whether the item at a place is a list, and where its content begins and ends. Raises ValueError where
    its length is not in its one form, and IndexError where it is not there."""
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
    """The number that bytes are. Raises ValueError where the item is a list, or larger than Ethereum has any:
    what comes after would take long over it, and not be able to write it."""
    if not isinstance(item, bytes) or len(item) > 32:
        raise ValueError("a list or something larger is in the place of a number")
    return int.from_bytes(item, "big")
