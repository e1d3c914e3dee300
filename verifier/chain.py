"""Blocks: headers that follow each other, what a block holds, what it cannot hold, what the state holds.

The sources are Ethereum's Yellow Paper (4.3, appendix D) and EIP-2718.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import or_
from typing import Any

from verifier import rlp
from verifier.bundle import Block, Refused
from verifier.rlp import number as _number
from verifier.trie import EMPTY_ROOT, Nodes, keccak, root_of

EMPTY_CODE = bytes.fromhex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")
_PARENT, _STATE, _TRANSACTIONS, _RECEIPTS, _BLOOM, _NUMBER, _TIME = 0, 3, 4, 5, 6, 8, 11
_FIELDS = 15
"""A header has at least so many."""
_TO, _DATA = {0: 3, 1: 4}, {0: 5, 1: 6}
"""Where a transaction of a type says whom it calls, and with what; later types as type 2."""
_V = 6
"""Where one of the first kind has its signature's v."""


@dataclass(frozen=True, slots=True)
class Header:
    """What is needed of a header. `bloom` is 2048 bits as a number."""

    number: int
    hash: bytes
    state_root: bytes
    transactions_root: bytes
    receipts_root: bytes
    bloom: int
    time_s: int


@lru_cache(maxsize=1 << 14)
def fields_of(raw: bytes) -> tuple[tuple[bytes, ...], bytes]:
    """The fields of a header, and its hash. Raises Refused where it has a list among them."""
    fields = rlp.decode(raw)
    if len(fields) < _FIELDS or any(isinstance(each, list) for each in fields):
        raise Refused("a header is none")
    return tuple(fields), keccak(raw)


def headers(first: int, raws: Sequence[bytes]) -> list[Header]:
    """Consecutive headers. Raises Refused where one does not follow the one before it."""
    found: list[Header] = []
    if not raws:
        raise Refused("it has no headers")
    for number, raw in enumerate(raws, first):
        fields, own_hash = fields_of(raw)
        if _number(fields[_NUMBER]) != number:
            raise Refused(f"header {number:,} is that of block {_number(fields[_NUMBER]):,}")
        if found and fields[_PARENT] != found[-1].hash:
            raise Refused(f"block {number:,} does not follow block {number - 1:,}: it names another parent")
        found.append(
            Header(
                number=number,
                hash=own_hash,
                state_root=fields[_STATE],
                transactions_root=fields[_TRANSACTIONS],
                receipts_root=fields[_RECEIPTS],
                bloom=int.from_bytes(fields[_BLOOM], "big"),
                time_s=_number(fields[_TIME]),
            )
        )
    return found


@lru_cache(maxsize=1 << 16)
def bits(value: bytes) -> int:
    """The three bits that a value sets in a bloom."""
    digest = keccak(value)
    found = 0
    for at in (0, 2, 4):
        found |= 1 << (int.from_bytes(digest[at : at + 2], "big") & 2047)
    return found


def mask_of(*values: bytes) -> int:
    """The bits that an event of this contract with these topics sets in a bloom."""
    return reduce(or_, map(bits, values))


class Events(tuple[bytes, ...]):
    """Events as a receipt has them, each in RLP."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Event:
    """An event taken apart; `log` is its place among those of its transaction."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes

    def word(self, index: int) -> int:
        """A word of the data, as a number."""
        return int.from_bytes(self.data[32 * index : 32 * index + 32], "big")

    def topic(self, index: int) -> int:
        """A topic, as a number."""
        return int.from_bytes(self.topics[index], "big")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of a transaction; `kind` is the byte of its type, nothing of the first; `gas` what the block
    had used after it."""

    kind: bytes
    status: int
    gas: int
    events: Events


@lru_cache(maxsize=1 << 12)
def receipt_from(raw: bytes) -> Receipt:
    """Take a receipt apart, its events as they are: a settlement has thousands. Raises Refused where it is
    none of since Byzantium."""
    kind = raw[:1] if raw[:1] and raw[0] < 0x80 else b""
    fields = list(_items(raw, len(kind)))
    if len(fields) != 4:
        raise Refused("a receipt is none")
    status, gas, _, events = fields
    own = Events(raw[start:end] for start, end in _items(raw, events[0]))
    succeeded, used = (_number(rlp.decode(raw[start:end])) for start, end in (status, gas))
    return Receipt(kind, succeeded, used, own)


def _items(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Where each item of the list at a place begins and ends."""
    is_list, at, end = rlp.content(raw, at)
    while is_list and at < end:
        after = rlp.content(raw, at)[2]
        yield at, after
        at = after
    if at != end or at > len(raw):
        raise Refused("a receipt is none: an item is longer than its list")


def receipt_of(receipt: Receipt) -> bytes:
    """A receipt as its block's root has it."""
    bloom = 0
    for value in {part for event in receipt.events for part in _indexed(event)}:
        bloom |= bits(value)
    body = b"".join(receipt.events)
    fields = rlp.encode(rlp.number_bytes(receipt.status)) + rlp.encode(rlp.number_bytes(receipt.gas))
    fields += rlp.encode(bloom.to_bytes(256, "big")) + rlp.prefix(len(body), 0xC0) + body
    return bytes(receipt.kind + rlp.prefix(len(fields), 0xC0) + fields)


def event_of(raw: bytes) -> Event:
    """An event taken apart."""
    address, topics, data = rlp.decode(raw)
    return Event(address, tuple(topics), data)


def address_and_topic(raw: bytes) -> tuple[bytes, bytes]:
    """Whose event it is, and its first topic, nothing where it has none, without taking it apart."""
    at = _payload(raw) + 1
    topics = at + 20
    if raw[topics] == 0xC0:
        return raw[at:topics], b""
    first = topics + (2 if raw[topics] >= 0xF8 else 1) + 1
    return raw[at:topics], raw[first : first + 32]


def _indexed(raw: bytes) -> Iterator[bytes]:
    """What an event puts into the bloom."""
    at = _payload(raw) + 1
    yield raw[at : at + 20]
    topics = at + 20
    if raw[topics] >= 0xF8:
        start, size = topics + 2, raw[topics + 1]
    else:
        start, size = topics + 1, raw[topics] - 0xC0
    for each in range(start, start + size, 33):
        yield raw[each + 1 : each + 33]


def _payload(raw: bytes) -> int:
    return 1 if raw[0] < 0xF8 else 1 + raw[0] - 0xF7


def check_block(header: Header, block: Block) -> None:
    """Hold what a block is said to hold against its header. Raises Refused."""
    if list_root(block.transactions) != header.transactions_root:
        raise Refused(f"the transactions of block {header.number:,} are not those that its header has")
    if list_root(block.receipts) != header.receipts_root:
        raise Refused(f"the receipts of block {header.number:,} are not those that its header has")


@lru_cache(maxsize=1 << 10)
def list_root(items: tuple[bytes, ...]) -> bytes:
    """The root of the trie of a list."""
    return root_of((rlp.encode(rlp.number_bytes(index)), item) for index, item in enumerate(items))


def call_of(raw: bytes) -> tuple[int, bytes, bytes]:
    """For which chain a transaction is signed (0: any), whom it calls (nothing where it creates a contract),
    and its calldata."""
    kind = raw[0] if raw[0] < 0x80 else 0
    fields = rlp.decode(raw[1:] if kind else raw)
    v = _number(fields[_V])
    # EIP-155: a transaction of the first kind says its chain in the signature.
    chain_id = _number(fields[0]) if kind else max(v - 35, 0) >> 1
    return chain_id, fields[_TO.get(kind, 5)], fields[_DATA.get(kind, 7)]


class State:
    """The state of a block, of which some nodes are known."""

    def __init__(self, root: bytes, nodes: Iterable[bytes]) -> None:
        self._root = root
        self._nodes = Nodes(nodes)
        self._accounts: dict[bytes, Any] = {}

    def code_hash(self, address: bytes) -> bytes:
        """The hash of the code at an address. Raises Refused where the nodes do not lead there."""
        return bytes(self._account(address)[3])

    def slot(self, address: bytes, slot: int) -> int:
        """What a contract stores in a slot."""
        found = self._nodes.value(self._account(address)[2], keccak(slot.to_bytes(32, "big")))
        return _number(rlp.decode(found)) if found else 0

    def check_all_used(self) -> None:
        """Raises Refused where a node led nowhere."""
        if self._nodes.unused:
            raise Refused(f"{self._nodes.unused} nodes of the state prove nothing")

    def _account(self, address: bytes) -> Any:
        if address not in self._accounts:
            found = self._nodes.value(self._root, keccak(address))
            self._accounts[address] = rlp.decode(found) if found else (b"", b"", EMPTY_ROOT, EMPTY_CODE)
        return self._accounts[address]
