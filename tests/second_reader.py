"""A bundle of evidence, read by what docs/evidence.md says of the file and with nothing of `verifier`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import rlp
from eth_utils import keccak
from trie import HexaryTrie

MAGIC = b"clearing evidence 1\n"
PARENT, TRANSACTIONS, RECEIPTS = 0, 4, 5


def number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def short(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def zeros(data: bytes) -> bytes:
    """Runs of zeros are written as a zero and their length."""
    found, rest = bytearray(), iter(data)
    for each in rest:
        found += bytes(next(rest)) if each == 0 else bytes([each])
    return bytes(found)


def columns(item: Any) -> list[bytes]:
    """Rows of one width, written column by column; one byte where all rows have the same."""
    count = number(item[0])
    whole = [column if len(column) == count else column * count for column in item[1]]
    return [bytes(column[row] for column in whole) for row in range(count)]


def rows(item: Any) -> Iterator[bytes]:
    """Rows of several kinds, of which the first list says the order."""
    kinds = [iter(columns(kind)) for kind in item[1]]
    return (next(kinds[number(kind)]) for kind in columns(item[0]))


def root(values: list[bytes]) -> bytes:
    trie = HexaryTrie({})
    for at, value in enumerate(values):
        trie[rlp.encode(short(at))] = value
    return bytes(trie.root_hash)


@dataclass(frozen=True)
class Read:
    """What was read: headers' fields by block, records of each batch, those chosen, whole blocks."""

    headers: dict[int, list[bytes]]
    records: list[list[bytes]]
    chosen: list[list[bytes]]
    blocks: dict[int, tuple[list[bytes], list[bytes]]]


def created(raw: bytes, by: bytes) -> tuple[bytes, list[bytes]] | None:
    """The address of the contract that a transaction of a sender created, and the seven addresses that its
    calldata ends with; None where it created none."""
    fields = rlp.decode(raw[1:] if raw[0] < 0x80 else raw)
    nonce, to, calldata = {9: (0, 3, 5), 11: (1, 4, 6), 12: (1, 5, 7)}[len(fields)]
    if fields[to]:
        return None
    words = [fields[calldata][-32 * i :][:32] for i in range(7, 0, -1)]
    return keccak(rlp.encode([by, fields[nonce]]))[12:], [each[12:] for each in words]


def read(data: bytes) -> Read:
    """All of a file, in the words of the page."""
    assert data.startswith(MAGIC)
    body = rlp.decode(zeros(data[len(MAGIC) : -32]))
    _, _, _, first, headers, records, blocks, events, chosen, *_ = body
    batches = [columns(each) for each in records]
    following = rows(events)
    whole = {}
    for block, transactions, receipts in blocks:
        raws = [
            b"".join(b"".join(batches[number(each[0])]) if isinstance(each, list) else each for each in raw)
            for raw in transactions
        ]
        made = []
        for kind, status, gas, bloom, count in receipts:
            own = [rlp.decode(next(following)) for _ in range(number(count))]
            made.append(kind + rlp.encode([status, gas, bloom, own]))
        whole[number(block)] = raws, made
    return Read(
        dict(enumerate(map(rlp.decode, rows(headers)), number(first))),
        batches,
        [
            [record for i, record in enumerate(batch) if mask[i // 8] >> i % 8 & 1]
            for batch, mask in zip(batches, chosen, strict=True)
        ],
        whole,
    )
