"""Ethereum's encoding of nested byte strings (Yellow Paper, appendix B), of which each value has one form."""

from __future__ import annotations

from typing import Any

Item = Any
"""Bytes, or a list of items."""
_DEEPEST = 16
_SHORT = [bytes([0x80 + size]) for size in range(56)]


def encode(item: Item) -> bytes:
    """The one form of an item."""
    if isinstance(item, bytes):
        size = len(item)
        if size == 1 and item[0] < 0x80:
            return item
        return (_SHORT[size] if size < 56 else prefix(size, 0x80)) + item
    body = b"".join(map(encode, item))
    return prefix(len(body), 0xC0) + body


def prefix(size: int, kind: int) -> bytes:
    """What stands before so many bytes of content: `kind` is 0x80 of a string, 0xC0 of a list."""
    if size < 56:
        return bytes([kind + size])
    length = number_bytes(size)
    return bytes([kind + 55 + len(length)]) + length


def decode(data: bytes) -> Item:
    """The item whose form this is. Raises ValueError where it is none's."""
    items, end = _items(data, 0, len(data), 0)
    if len(items) != 1 or end != len(data):
        raise ValueError("one item is wanted")
    return items[0]


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


def _items(data: bytes, at: int, end: int, depth: int) -> tuple[list[Item], int]:
    if depth > _DEEPEST:
        raise ValueError("it is nested too deeply")
    found: list[Item] = []
    while at < end:
        is_list, start, after = content(data, at)
        if after > end:
            raise ValueError("an item is longer than what it is in")
        found.append(_items(data, start, after, depth + 1)[0] if is_list else data[start:after])
        at = after
    return found, at


def number_bytes(value: int) -> bytes:
    """A number, big-endian without zeros before it."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def number(item: Item) -> int:
    """The number that bytes are. Raises ValueError where the item is a list, or larger than Ethereum has any:
    what comes after would take long over it, and not be able to write it."""
    if not isinstance(item, bytes) or len(item) > 32:
        raise ValueError("a list or something larger is in the place of a number")
    return int.from_bytes(item, "big")


def pieces(data: bytes, width: int) -> list[bytes]:
    """Bytes cut into pieces of one width."""
    return [data[at : at + width] for at in range(0, len(data), width)] if width else []
