"""A bundle of evidence, read by what docs/evidence.md says of the file and with nothing of `verifier`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import rlp
from eth_utils import keccak
from trie import HexaryTrie

MAGIC = b"clearing evidence 1\n"
PARENT, TRANSACTIONS, RECEIPTS, BLOOM, NUMBER = 0, 4, 5, 6, 8


def number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def short(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def zeros(data: bytes) -> bytes:
    """Runs of zeros written as a zero and their length, or the bytes as they are."""
    if data[0] == 0:
        return data[1:]
    found, rest = bytearray(), iter(data[1:])
    for each in rest:
        found += bytes(next(rest)) if each == 0 else bytes([each])
    return bytes(found)


def columns(item: Any) -> list[bytes]:
    """Rows of one width, written column by column."""
    count, mask, same, varying = number(item[0]), number(item[1]), zeros(item[2]), [*map(zeros, item[3])]
    width = len(same) + len(varying)
    constant, changing = iter(same), iter(varying)
    whole = [
        next(changing) if mask >> (width - 1 - column) & 1 else bytes([next(constant)]) * count
        for column in range(width)
    ]
    return [bytes(column[row] for column in whole) for row in range(count)]


def headers(items: Any) -> Iterator[list[bytes]]:
    """Each header's fields."""
    before: list[bytes] = []
    for item in items:
        if len(item[0]) == 32:
            fields = list(item)
        else:
            fields, rest = list(before), iter(item[1:])
            fields[PARENT] = keccak(rlp.encode(before))
            fields[NUMBER] = short(number(before[NUMBER]) + 1)
            for at in range(len(fields)):
                if number(item[0]) >> at & 1:
                    fields[at] = zeros(next(rest)) if at == BLOOM else next(rest)
        yield fields
        before = fields


def bloom(events: list[bytes]) -> bytes:
    """What a receipt's bloom is, by its events (Yellow Paper, 4.3.1)."""
    found = 0
    for address, topics, _ in map(rlp.decode, events):
        for value in (address, *topics):
            for at in (0, 2, 4):
                found |= 1 << (number(keccak(value)[at : at + 2]) & 2047)
    return found.to_bytes(256, "big")


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


def read(data: bytes) -> Read:
    """All of a file, in the words of the page."""
    assert data.startswith(MAGIC)
    body = rlp.decode(data.removeprefix(MAGIC))
    _, _, _, first, packed, records, blocks, events, chosen, *_ = body
    batches = [columns(each) for each in records]
    kinds = [iter(columns(rows)) for rows in events[1]]
    following = (next(kinds[number(kind)]) for kind in columns(events[0]))
    whole = {}
    for block, transactions, receipts in blocks:
        raws = [
            b"".join(
                b"".join(batches[number(each[0])]) if isinstance(each, list) else zeros(each) for each in raw
            )
            for raw in transactions
        ]
        made = []
        for kind, status, gas, count in receipts:
            own = [next(following) for _ in range(number(count))]
            made.append(kind + rlp.encode([status, gas, bloom(own), [*map(rlp.decode, own)]]))
        whole[number(block)] = raws, made
    masks = [zeros(each) for each in chosen]
    return Read(
        dict(enumerate(headers(packed), number(first))),
        batches,
        [
            [record for i, record in enumerate(batch) if mask[i // 8] >> i % 8 & 1]
            for batch, mask in zip(batches, masks, strict=True)
        ],
        whole,
    )
