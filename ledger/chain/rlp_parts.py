"""RLP (yellow paper, appendix B), written part by part.

A settlement has thousands of events and a chain a header a block, for each of whose fields the library takes
several microseconds, most of them to find out what it was given.
"""

from __future__ import annotations


def number(value: int) -> bytes:
    """An integer from 0 up, without leading zeros."""
    return text(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def text(content: bytes) -> bytes:
    """Bytes."""
    if len(content) == 1 and content < b"\x80":
        return content
    return _head(0x80, len(content)) + content


def listed(content: bytes) -> bytes:
    """A list of what has been written already, one after the other."""
    return _head(0xC0, len(content)) + content


def _head(base: int, size: int) -> bytes:
    if size < 56:
        return bytes([base + size])
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([base + 55 + len(length)]) + length
