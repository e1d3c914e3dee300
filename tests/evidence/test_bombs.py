"""Small files that would take all memory or time: refused before they do."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import pytest
import rlp

import verifier
from tests.evidence.forging import CONTRACTS, admitted, making
from tests.evidence.test_hostile import ANYBODY, closed, forged, opened
from verifier import facts
from verifier.bundle import Block, Refused
from verifier.ethereum.chain import Receipt, receipt_of
from verifier.ethereum.rlp import encode, join
from verifier.forms import coding


def _body(**changes: Any) -> bytes:
    """A small file with some parts of its body as given; counted as in `coding.encode`."""
    body = opened(forged().file(ANYBODY))
    for name, value in changes.items():
        body[int(name[1:])] = value
    return closed(body)


def _deep(times: int) -> bytes:
    """A list in a list, and so on."""
    made = b"\xc0"
    for _ in range(times):
        made = join([made])
    return made


HUGE = (2**40).to_bytes(6, "big")
COLUMNS = [HUGE, [b"\0"] * 32]
FEW = (5_000).to_bytes(2, "big")
MANY = [(10**6).to_bytes(3, "big"), [b"\0"] * 32]
SAME = [b"\xff\xff", [b"\0"] * 32]
BOMBS = {
    "records": _body(_5=[COLUMNS]),
    "many records": _body(_5=[MANY] * 900),
    "events": _body(_7=[COLUMNS, [COLUMNS]]),
    "rows of no width": _body(_5=[[HUGE, []]]),
    "a count": _body(_6=[[b"\3", [], [[b"", b"\1", b"\1", b"", b"\xff" * 40]]]]),
    "a transaction of batches": _body(_5=[SAME], _6=[[b"\3", [[[b""]] * 60_000], []]]),
    "a transaction to look for batches in": _body(
        _5=[[b"\1", [b"\0"] * 30 + [bytes([i >> 8]), bytes([i & 255])]] for i in range(1, 999)],
        _6=[[b"\3", [[bytes(5 << 20)]], []]],
    ),
    "headers that repeat a long one": _body(_4=[[FEW, [b"\0"] * 2], [[FEW, [b"\0"] * 50_000]]]),
    "wide rows": _body(_7=[[b"\1", [b"\0"] * 2], [[b"\1", [b"\0"] * 480_000]]]),
    "wide rows that vary": _body(_7=[[b"\2", [b"\0"] * 2], [[b"\2", [b"\0\1"] * 15_000 + [b"\0"] * 85_000]]]),
    "records without end": _body(_5=[MANY] * 2),
    "a deep list": coding.MAGIC + _deep(5_000) + bytes(32),
    "zeros": coding.MAGIC + b"\xbf" + b"\0\xff" * 100_000,
    "items without end": coding.MAGIC + coding.pack_zeros(b"\xfa\x40\0\0" + bytes(1 << 22)) + bytes(32),
    "deep lists": _body(**{f"_{i}": rlp.decode(_deep(90)) for i in range(12)}),
    "a length": coding.MAGIC + b"\xff" + b"\xff" * 8,
    "a length with zeros": coding.MAGIC + b"\xb9\0\x40" + bytes(64),
    "a header": _body(_4=[[b"\1", [b"\0", b"\0"]], [[b"\1", [b"\xff"] * 1000]]]),
    "a number": _body(_0=b"\xff" * 100_000),
    "zeros before a number": _body(_3=b"\0\1"),
    "a first block": _body(_3=b"\xff" * 5000),
    "text that is none": _body(_2=[[b"\xff", b"=", b"1"]]),
    "a part too many": closed([*opened(forged().file(ANYBODY)), b""]),
    "parts too few": closed([b""] * 5),
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


def test_facts_given_names_without_end_are_read_in_a_time_that_grows_as_they_do() -> None:
    names = [encode(admitted(i, str(i))) for i in range(16_000)]
    receipt = receipt_of(Receipt(b"", b"\1", b"", b"", tuple(names)))
    started = time.process_time()
    found = facts.read(7, CONTRACTS, {1: Block((making(),), (receipt,))})
    assert len(found.names) == len(names)
    assert time.process_time() - started < 1.5
