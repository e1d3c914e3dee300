"""Small files that would take all memory or time: refused before they do."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
import rlp

import verifier
from tests.evidence.forging import (
    CONTRACTS,
    Forged,
    admitted,
    event,
    fitting,
    making,
    sealed,
    trade,
    word,
)
from tests.evidence.test_hostile import ANYBODY, closed, forged, opened
from verifier import facts
from verifier.bundle import Block, Bundle, Refused
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


def _file(chain: Forged, answer: bool = False) -> bytes:
    """All of a chain, with an answer only where that is asked for."""
    it = Bundle(7, CONTRACTS, (ANYBODY,), 1, tuple(chain.headers), chain.whole(), tuple(chain.recorded), ())
    return sealed(fitting(it)) if answer else coding.encode(it)


def _excepted_again(times: int, count: int = 4_000) -> bytes:
    """The one affirmation of a call, which excepts many, has so many events."""
    chain = forged()
    batch, whole = chain.record(*[trade(0)] * count, day=20240315), trade(0) * count
    said = word(2) + bytes(96) + word(192) + word(224 + len(whole)) + word(count) + whole + word(0)
    affirmed = event("ClearingHouse", "BatchAffirmed", batch, 2, data=bytes(128))
    chain.block(
        *[affirmed] * times, calldata=facts._AFFIRM + bytes(224) + word(256) + word(1) + word(32) + said
    )
    return _file(chain)


def _settled_again(count: int = 8_000) -> bytes:
    """As many slices as a call can have are one and the same, of a large batch."""
    chain = forged()
    batch, whole, words = chain.record(*[trade(0)] * count, day=20240315), trade(0) * count, -(-count // 256)
    head = b"".join(map(word, (1, 20240315, 0x8001, 20240315, 1, 1)))
    mask, parts = 320 + len(whole), 352 + len(whole) + 32 * words
    slices = head + word(288) + word(mask) + word(parts) + word(count) + whole
    slices += word(words) + b"\xff" * 32 * words + word(0)
    settle = facts._SETTLE + word(1) + word(64) + word(255) + word(255 * 32) * 255 + slices
    for _ in range(9):
        chain.block(event("ClearingHouse", "SliceSettled", 1, 1, batch, data=word(1)), calldata=settle)
    return _file(chain)


def _batches_in_batches() -> bytes:
    """Which in its one form would have a piece for each record."""
    chain, one = forged(), trade(0)
    chain.block(admitted(9, "B9"), calldata=b"\x77\x78" * 35_000)
    body = opened(_file(chain))
    body[5] = [rlp.decode(encode(coding._columns([one] * count))) for count in (1, 40_000)]
    body[6][-1][1].append([[b"\1"]] * 20)
    return closed(body)


def _all_the_same() -> bytes:
    """Each of which would be in the answer."""
    chain = forged()
    chain.record(*[trade(0)] * 20_000, day=20240315)
    chain.block(admitted(9, "B9"), calldata=b"\x77\x78" * 4_000)
    return _file(chain, answer=True)


def _padded(**changes: Any) -> bytes:
    """A file of nearly a million bytes, which so may unpack to much."""
    return _body(_8=[b"\xff" * 900_000], **changes)


def _words_that_nearly_are_records() -> bytes:
    """Of many batches each would be looked for at each byte of transactions, and fit but for its end."""
    batch = rlp.decode(encode(coding._columns([bytes(32), bytes(32), bytes(30) + b"\1\0"])))
    return _padded(_5=[batch] * 990, _6=[[b"\3", [[bytes(29_000)]] * 69, []]])


HUGE = (2**40).to_bytes(6, "big")
COLUMNS = [HUGE, [b"\0"] * 32]
FEW = (5_000).to_bytes(2, "big")
MANY = [(10**6).to_bytes(3, "big"), [b"\0"] * 32]
MUCH = (550_000).to_bytes(3, "big")
LONG = (25_000_000).to_bytes(4, "big")
SAME = [b"\xff\xff", [b"\0"] * 32]
BOMBS: dict[str, Callable[[], bytes]] = {
    "records": lambda: _body(_5=[COLUMNS]),
    "many records": lambda: _body(_5=[MANY] * 900),
    "events": lambda: _body(_7=[COLUMNS, [COLUMNS]]),
    "rows of no width": lambda: _body(_5=[[HUGE, []]]),
    "a count": lambda: _body(_6=[[b"\3", [], [[b"", b"\1", b"\1", b"", b"\xff" * 40]]]]),
    "a transaction of batches": lambda: _body(_5=[SAME], _6=[[b"\3", [[[b""]] * 60_000], []]]),
    "a transaction to look for batches in": lambda: _body(
        _5=[[b"\1", [b"\0"] * 30 + [bytes([i >> 8]), bytes([i & 255])]] for i in range(1, 999)],
        _6=[[b"\3", [[bytes(5 << 20)]], []]],
    ),
    "headers that repeat a long one": lambda: _body(_4=[[FEW, [b"\0"] * 2], [[FEW, [b"\0"] * 50_000]]]),
    "wide rows": lambda: _body(_7=[[b"\1", [b"\0"] * 2], [[b"\1", [b"\0"] * 480_000]]]),
    "wide rows that vary": lambda: _body(
        _7=[[b"\2", [b"\0"] * 2], [[b"\2", [b"\0\1"] * 15_000 + [b"\0"] * 85_000]]]
    ),
    "a call that excepts without end": lambda: _excepted_again(3_000),
    "a call that settles without end": _settled_again,
    "a transaction of records that are a batch too": _batches_in_batches,
    "records that are all the same": _all_the_same,
    "rows of one byte": lambda: _padded(_7=[[LONG, [b"\0"] * 2], [[LONG, [b"\xc0"]]]]),
    "an order of one row": lambda: _padded(_7=[[LONG, [b"\0"] * 2], [[b"\1", [b"\xc0"]]]]),
    "more of the same than a file can prove": lambda: _padded(_5=[[MUCH, [b"\0"] * 32]]),
    "records that are written in full": lambda: _padded(_5=[SAME], _6=[[b"\3", [[[b""]] * 10], []]]),
    "words that nearly are records": _words_that_nearly_are_records,
    "records without end": lambda: _body(_5=[MANY] * 2),
    "a deep list": lambda: coding.MAGIC + _deep(5_000) + bytes(32),
    "zeros": lambda: coding.MAGIC + b"\xbf" + b"\0\xff" * 100_000,
    "items without end": lambda: (
        coding.MAGIC + coding.pack_zeros(b"\xfa\x40\0\0" + bytes(1 << 22)) + bytes(32)
    ),
    "deep lists": lambda: _body(**{f"_{i}": rlp.decode(_deep(90)) for i in range(12)}),
    "a length": lambda: coding.MAGIC + b"\xff" + b"\xff" * 8,
    "a length with zeros": lambda: coding.MAGIC + b"\xb9\0\x40" + bytes(64),
    "a header": lambda: _body(_4=[[b"\1", [b"\0", b"\0"]], [[b"\1", [b"\xff"] * 1000]]]),
    "a number": lambda: _body(_0=b"\xff" * 100_000),
    "zeros before a number": lambda: _body(_3=b"\0\1"),
    "a first block": lambda: _body(_3=b"\xff" * 5000),
    "text that is none": lambda: _body(_2=[[b"\xff", b"=", b"1"]]),
    "a part too many": lambda: closed([*opened(forged().file(ANYBODY)), b""]),
    "parts too few": lambda: closed([b""] * 5),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_files_given_a_bomb_are_refused_before_it_goes_off(bomb: str) -> None:
    file = BOMBS[bomb]()
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(Refused):
        verifier.verify(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000_000
    assert time.process_time() - started < 10


def test_files_given_many_members_who_each_repeat_a_large_batch_are_taken() -> None:
    chain, count = forged(), 5_000
    batch = chain.record(*map(trade, range(count)), day=20240315)
    whole = chain.recorded[-1]
    for member in range(100, 250):
        said = word(member) + bytes(96) + word(192) + word(224) + bytes(64)
        calldata = facts._AFFIRM + bytes(192) + word(256) + word(288 + len(whole)) + word(count) + whole
        told = event("ClearingHouse", "BatchAffirmed", batch, member, data=bytes(128))
        chain.block(told, calldata=calldata + word(1) + word(32) + said)
    file = _file(chain, answer=True)
    assert len(file) * 256 < 150 * len(whole)
    assert len(verifier.verify(file).rows) == 2 + count


def test_facts_given_names_without_end_are_read_in_a_time_that_grows_as_they_do() -> None:
    names = [encode(admitted(i, str(i))) for i in range(16_000)]
    receipt = receipt_of(Receipt(b"", b"\1", b"", b"", tuple(names)))
    started = time.process_time()
    found = facts.read(7, CONTRACTS, {1: Block((making(),), (receipt,))})
    assert len(found.names) == len(names)
    assert time.process_time() - started < 3
