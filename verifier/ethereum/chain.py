"""Blocks: headers that follow each other, what a block holds, what it cannot hold.

The sources are Ethereum's Yellow Paper (4.3, appendix D) and EIP-2718.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from verifier.bundle import Block, Refused
from verifier.ethereum import rlp
from verifier.ethereum.crypto import keccak
from verifier.ethereum.trie import list_root

_PARENT, _STATE, _TRANSACTIONS, _RECEIPTS, _BLOOM, _NUMBER, _TIME = 0, 3, 4, 5, 6, 8, 11
_FIELDS, _ALL = 15, (1 << 2048) - 1
"""A header has at least so many; all bits that a bloom can have."""


class Header(NamedTuple):
    """What is needed of a header. `absent` has, as a number, the bits that its bloom has not."""

    number: int
    hash: bytes
    state_root: bytes
    transactions_root: bytes
    receipts_root: bytes
    absent: int
    time_s: int


def headers(first: int, raws: Sequence[bytes]) -> list[Header]:
    """Consecutive headers. Raises Refused where one does not follow the one before it."""
    found: list[Header] = []
    if not raws:
        raise Refused("it has no headers")
    for number, raw in enumerate(raws, first):
        fields = rlp.decode(raw)
        if len(fields) < _FIELDS or any(isinstance(each, list) for each in fields):
            raise Refused("a header is none")
        if (own := rlp.number(fields[_NUMBER])) != number:
            raise Refused(f"header {number:,} is that of block {own:,}")
        if found and fields[_PARENT] != found[-1].hash:
            raise Refused(f"block {number:,} does not follow block {number - 1:,}: it names another parent")
        state, calls, receipts = (fields[at] for at in (_STATE, _TRANSACTIONS, _RECEIPTS))
        absent, time_s = int.from_bytes(fields[_BLOOM], "big") ^ _ALL, rlp.number(fields[_TIME])
        found.append(Header(number, keccak(raw), state, calls, receipts, absent, time_s))
    return found


def check_blocks(headers: Sequence[Header], blocks: Mapping[int, Block]) -> None:
    """Hold what blocks are said to hold against their headers. Raises Refused."""
    if list(blocks) != sorted(blocks):
        raise Refused("its blocks are not in order")
    for number, block in blocks.items():
        if not headers[0].number <= number <= headers[-1].number:
            raise Refused(f"block {number:,} is none of those whose headers it has")
        header = headers[number - headers[0].number]
        if list_root(block.transactions) != header.transactions_root:
            raise Refused(f"the transactions of block {number:,} are not those that its header has")
        if list_root(block.receipts) != header.receipts_root:
            raise Refused(f"the receipts of block {number:,} are not those that its header has")
        if len(block.transactions) != len(block.receipts):
            raise Refused(f"block {number:,} has not as many receipts as transactions")


@lru_cache(maxsize=1 << 12)
def mask_of(*values: bytes) -> int:
    """The bits that an event of this contract with these topics sets in a bloom: three of 2048 for each."""
    mask = 0
    for digest in map(keccak, values):
        for at in (0, 2, 4):
            mask |= 1 << (int.from_bytes(digest[at : at + 2], "big") & 2047)
    return mask


class Call(NamedTuple):
    """A transaction taken apart."""

    hash: bytes
    kind: int
    """Its type; 0 is the first."""
    fields: list[rlp.Item]
    chain_id: int
    """That it is signed for; 0 is any."""
    to: bytes
    """Whom it calls; nothing where it creates a contract."""
    data: bytes

    def named(self, block: int, chain_id: int) -> str:
        """It and its block in words. Raises Refused where it is signed for another chain."""
        name = f"transaction 0x{self.hash.hex()} (block {block:,})"
        if self.chain_id not in (0, chain_id):
            raise Refused(f"{name} is signed for chain {self.chain_id}, not for chain {chain_id}")
        return name


def kind_of(raw: bytes) -> int:
    """The type of a transaction (EIP-2718)."""
    return raw[0] if raw[0] < 0x80 else 0


def call_of(raw: bytes) -> Call:
    """A transaction taken apart, as signed; of types behind the second where these have the same as it."""
    kind = kind_of(raw)
    fields = rlp.decode(raw[1:] if kind else raw)
    # EIP-155: a transaction of the first kind says its chain in the signature, in v.
    chain_id = rlp.number(fields[0]) if kind else max(rlp.number(fields[6]) - 35, 0) >> 1
    to = 3 + min(kind, 2)
    return Call(keccak(raw), kind, fields, chain_id, fields[to], fields[to + 2])


class Receipt(NamedTuple):
    """What came of a transaction: the byte of its type, nothing of the first; whether it succeeded, the gas
    that the block had used after it, the bloom and the events, each in RLP."""

    kind: bytes
    status: bytes
    gas: bytes
    bloom: bytes
    events: tuple[bytes, ...]


@lru_cache(maxsize=1 << 12)
def receipt_from(raw: bytes) -> Receipt:
    """Take a receipt apart, its events as they are: a settlement has thousands. Raises Refused where it is
    none."""
    kind = raw[:1] if raw[:1] and raw[0] < 0x80 else b""
    try:
        *fields, events = rlp.split(raw, len(kind))
        status, gas, bloom = map(rlp.decode, fields)
        return Receipt(kind, status, gas, bloom, tuple(rlp.split(events)))
    except (ValueError, IndexError):
        raise Refused("a receipt is none") from None


def receipt_of(receipt: Receipt) -> bytes:
    """A receipt as its block's root has it."""
    kind, *fields, events = receipt
    return kind + rlp.join([*map(rlp.encode, fields), rlp.join(events)])


class Event(NamedTuple):
    """An event taken apart."""

    topics: tuple[bytes, ...]
    data: bytes

    def word(self, index: int) -> int:
        """A word of the data, as a number."""
        return int.from_bytes(self.data[32 * index : 32 * index + 32], "big")

    def topic(self, index: int) -> int:
        """A topic, as a number."""
        return int.from_bytes(self.topics[index], "big")


def event_of(raw: bytes) -> Event:
    """An event taken apart."""
    _, topics, data = rlp.decode(raw)
    return Event(tuple(topics), data)


def address_and_topic(raw: bytes) -> tuple[bytes, bytes]:
    """Whose event it is, and its first topic, nothing where it has none, without taking it apart."""
    address = rlp.content(raw, 0)[1] + 1
    _, topic, end = rlp.content(raw, address + 20)
    return raw[address : address + 20], raw[topic + 1 : min(topic + 33, end)]
