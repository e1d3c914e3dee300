"""Small files that would take all memory or time: refused before they do."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import pytest
import rlp

import verifier
from tests.evidence.test_hostile import ANYBODY, forged
from verifier import coding
from verifier.bundle import Refused
from verifier.rlp import prefix


def _body(**changes: Any) -> bytes:
    """A small file with some parts of its body as given; counted as in `coding.encode`."""
    body = rlp.decode(forged().file(ANYBODY)[len(coding.MAGIC) :], strict=False)
    for name, value in changes.items():
        body[int(name[1:])] = value
    return coding.MAGIC + rlp.encode(body)


def _deep(times: int) -> bytes:
    """A list in a list, and so on."""
    made = b"\xc0"
    for _ in range(times):
        made = prefix(len(made), 0xC0) + made
    return made


HUGE = (2**40).to_bytes(6, "big")
PLANES = [HUGE, b"\0\0\0\0", b"\0" + bytes(32), []]
SAME = [b"\xff\xff", b"\0" * 4, b"\1\0\x20", []]
BOMBS = {
    "records": _body(_5=[PLANES]),
    "many records": _body(_5=[[(10**6).to_bytes(3, "big"), b"\0\0\0\0", b"\1\0\x20", []]] * 900),
    "events": _body(_7=[PLANES, [PLANES]]),
    "rows of no width": _body(_5=[[HUGE, b"", b"\0", []]]),
    "a count": _body(_6=[[b"\3", [], [[b"", b"\1", b"\1", b"\xff" * 40]]]]),
    "a transaction of batches": _body(_5=[SAME], _6=[[b"\3", [[[b""]] * 60_000], []]]),
    "a transaction to look for batches in": _body(
        _5=[
            [b"\1", b"\0" * 4, coding.pack_zeros(bytes(30) + i.to_bytes(2, "big")), []] for i in range(1, 999)
        ],
        _6=[[b"\3", [[coding.pack_zeros(bytes(5 << 20))]], []]],
    ),
    "headers that repeat a long one": _body(
        _4=[
            [bytes(32), *[bytes(32)] * 7, b"\1", *[b""] * 6, bytes(50_000)],
            *[[b"\1", b"\1" * 32]] * 5_000,
        ],
    ),
    "wide rows": _body(_7=[[b"\1", b"\x80" * 60_000, coding.pack_zeros(bytes(480_000)), []], []]),
    "wide rows that vary": _body(
        _7=[
            [b"\2", b"\xff" * 9_000 + bytes(61_000), coding.pack_zeros(bytes(488_000)), [b"\0\1\2"] * 72_000],
            [],
        ]
    ),
    "records without end": _body(_5=[[(10**6).to_bytes(3, "big"), b"\0" * 4, b"\1\0\x20", []]] * 2),
    "a deep list": coding.MAGIC + _deep(5_000),
    "deep lists": _body(**{f"_{i}": rlp.decode(_deep(90)) for i in range(13)}),
    "a length": coding.MAGIC + b"\xff" + b"\xff" * 8,
    "a length with zeros": coding.MAGIC + b"\xb9\0\x40" + bytes(64),
    "a header": _body(_4=[[b"\xff" * 1000]]),
    "a number": _body(_0=b"\xff" * 100_000),
    "zeros before a number": _body(_3=b"\0\1"),
    "a first block": _body(_3=b"\xff" * 5000),
    "text that is none": _body(_2=[[b"\xff", b"=", b"1"]]),
    "a part too many": _body(_12=bytes(32)) + b"\0",
    "parts too few": coding.MAGIC + rlp.encode([b""] * 5),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_files_given_a_bomb_are_refused_before_it_goes_off(bomb: str) -> None:
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(Refused):
        verifier.verify(BOMBS[bomb])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000_000
    assert time.process_time() - started < 5
