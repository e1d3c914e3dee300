"""The one file that says what a bundle says.

    b"clearing evidence 1\\n" and then, in RLP (Ethereum's encoding of nested byte strings), the fields of
    `Bundle` in their order

What would be long is written shortly, without a compressor, whose output would depend on its version:

- Rows of equal width are written by columns of bytes (`planes`): a column that is one value throughout takes
  one byte. So a record of 32 bytes takes 11 or so, and a Transfer of 215 takes 8.
- Zeros that follow each other are written as their number (`pack_zeros`).
- Of a header after the first only the fields are written that are not as expected.
- A batch's records, which go into several transactions, are written once.
- Of a receipt's bloom nothing: it follows from its events.

Decoding what was encoded gives the same values, and `verify` encodes what it decoded again: a file that says
the same in other bytes is refused.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from verifier import rlp
from verifier.bundle import Affirmation, Balance, Block, Bundle, Condition, Contract, Refused
from verifier.chain import Events, Receipt, address_and_topic, fields_of, receipt_from, receipt_of
from verifier.rlp import Item, pieces
from verifier.rlp import number as _number
from verifier.rlp import number_bytes as _int

MAGIC = b"clearing evidence 1\n"
WORD = 32
_PARENT, _BLOOM, _NUMBER = 0, 6, 8
_ROOM = 1_000
"""Bytes that a byte of a file may unpack to."""
_OF_RECORDS = 64
"""The same of records, which are looked at one by one: no two are alike, so each takes a byte at least."""
_LOOKED = 8
"""Bytes that may be looked through for one that may be unpacked."""
_ZEROS, _COUNTED = re.compile(rb"\0{1,255}"), re.compile(rb"\0(.)", re.DOTALL)


def encode(bundle: Bundle) -> bytes:
    """The file."""
    receipts = {
        number: [receipt_from(each) for each in block.receipts] for number, block in bundle.blocks.items()
    }
    events = [event for each in receipts.values() for receipt in each for event in receipt.events]
    return MAGIC + bytes(
        rlp.encode(
            [
                _int(bundle.chain_id),
                [[name.encode(), at.address, at.code_hash] for name, at in sorted(bundle.contracts.items())],
                [[part.encode() for part in (c.field, c.comparison, c.value)] for c in bundle.conditions],
                _int(bundle.first),
                list(_pack_headers(bundle.headers)),
                [pack_planes(pieces(each, WORD)) for each in bundle.records],
                [
                    [
                        _int(number),
                        [_pack_raw(raw, bundle.records) for raw in block.transactions],
                        [
                            [r.kind, _int(r.status), _int(r.gas), _int(len(r.events))]
                            for r in receipts[number]
                        ],
                    ]
                    for number, block in bundle.blocks.items()
                ],
                _pack_events(events),
                [pack_zeros(each) for each in bundle.chosen],
                [_pack_affirmation(each) for each in bundle.affirmations],
                list(bundle.state),
                [[_int(b.institution), _int(b.asset), _int(b.amount)] for b in bundle.balances],
                bundle.digest,
            ]
        )
    )


def decode(data: bytes) -> Bundle:
    """What a file says. Raises Refused where it is none, or is not the one that says it."""
    if not data.startswith(MAGIC):
        raise Refused("it is no bundle of evidence: it does not begin as one")
    try:
        room, of_records = _Room(_ROOM * len(data)), _Room(_OF_RECORDS * len(data))
        bundle = _decode(rlp.decode(data[len(MAGIC) :]), room, of_records)
        again = encode(bundle)
    except Refused:
        raise
    except Exception as error:  # Whatever a hostile file makes go wrong, it is none.
        raise Refused(f"it is no bundle of evidence: a part of it is not in its form ({error!r})") from None
    if again != data:
        raise Refused("it is not written as a bundle is: the same could be said in other bytes")
    return bundle


class _Room:
    """How many bytes may still be unpacked: a small file cannot say that it is a huge one."""

    def __init__(self, left: int) -> None:
        self._left = left

    def take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise Refused("it is no bundle of evidence: it would unpack to far more than its size allows")


def _decode(body: Item, room: _Room, of_records: _Room) -> Bundle:
    chain_id, contracts, conditions, first, headers, records, blocks, events, *rest = body
    chosen, affirmations, state, balances, digest = rest
    unpacked = tuple(b"".join(unpack_planes(each, of_records)) for each in records)
    following = iter(_unpack_events(events, room))
    found: dict[int, Block] = {}
    for number, raws, receipts in blocks:
        whole = []
        for kind, status, gas, count in receipts:
            own = Events(islice(following, min(_number(count), sys.maxsize)))
            whole.append(receipt_of(Receipt(bytes(kind), _number(status), _number(gas), own)))
        found[_number(number)] = Block(tuple(_unpack_raw(raw, unpacked, room) for raw in raws), tuple(whole))
    return Bundle(
        chain_id=_number(chain_id),
        contracts={name.decode(): Contract(_bytes(at, 20), _bytes(code, 32)) for name, at, code in contracts},
        conditions=tuple(Condition(*(part.decode() for part in each)) for each in conditions),
        first=_number(first),
        headers=tuple(_unpack_headers(headers, room)),
        blocks=found,
        records=unpacked,
        chosen=tuple(unpack_zeros(each) for each in chosen),
        affirmations=tuple(_unpack_affirmation(each) for each in affirmations),
        state=tuple(bytes(node) for node in state),
        balances=tuple(Balance(*map(_number, each)) for each in balances),
        digest=_bytes(digest, 32),
    )


def pack_zeros(data: bytes) -> bytes:
    """Each run of zeros as a zero and its length, up to 255, where that is shorter: behind a byte that says
    whether it is so."""
    counted = _ZEROS.sub(lambda run: bytes([0, len(run[0])]), data)
    return b"\1" + counted if len(counted) < len(data) else b"\0" + data


def unpack_zeros(packed: bytes) -> bytes:
    """The bytes again. What is not as `pack_zeros` writes it comes out as something else, or not at all."""
    return _COUNTED.sub(lambda run: bytes(run[1][0]), packed[1:]) if packed[:1] == b"\1" else packed[1:]


def pack_planes(rows: Sequence[bytes]) -> Item:
    """Rows of one width by columns of bytes: how many; which columns vary, a bit each, the first column's
    highest; the value of each that does not; those that do."""
    first = rows[0] if rows else b""
    width, count, whole = len(first), len(rows), b"".join(rows)
    planes = [whole[column::width] for column in range(width)] if count > 1 else []
    varies = [plane.count(first[column]) < count for column, plane in enumerate(planes)] or [False] * width
    mask = int("".join(map(str, map(int, varies))) or "0", 2)
    same = bytes(value for value, varied in zip(first, varies, strict=True) if not varied)
    varying = [pack_zeros(plane) for plane, varied in zip(planes, varies, strict=False) if varied]
    return [_int(count), mask.to_bytes((width + 7) // 8, "big"), pack_zeros(same), varying]


def unpack_planes(item: Item, room: _Room) -> list[bytes]:
    """The rows again. Raises ValueError where these are no columns of rows."""
    count, mask, same = _number(item[0]), int.from_bytes(item[1], "big"), unpack_zeros(item[2])
    varying = [unpack_zeros(plane) for plane in item[3]]
    width = len(same) + len(varying)
    # Each step in time that is in proportion to the width: a hostile file may have made it large.
    varies = f"{mask:b}".zfill(width) if mask else "0" * width
    varied = [column for column, bit in enumerate(varies) if bit == "1"]
    if len(varies) != width or len(varied) != len(varying) or any(len(plane) != count for plane in varying):
        raise ValueError("rows and columns do not fit each other")
    room.take(count * max(width, 1))
    rest = iter(same)
    whole = bytearray(0 if bit == "1" else next(rest) for bit in varies) * count
    for column, plane in zip(varied, varying, strict=True):
        whole[column::width] = plane
    return pieces(bytes(whole), width)


def _pack_events(events: Sequence[bytes]) -> Item:
    """Events by kinds, which have the same length, contract and first topic: the kind of each, numbered as
    they come; the rows of each kind."""
    kinds: dict[tuple[int, bytes, bytes], list[bytes]] = {}
    numbers: dict[tuple[int, bytes, bytes], bytes] = {}
    order = []
    for event in events:
        kind = len(event), *address_and_topic(event)
        if kind not in kinds:
            kinds[kind], numbers[kind] = [], len(kinds).to_bytes(2, "big")
        kinds[kind].append(event)
        order.append(numbers[kind])
    return [pack_planes(order), [pack_planes(rows) for rows in kinds.values()]]


def _unpack_events(item: Item, room: _Room) -> list[bytes]:
    order, kinds = item
    waiting = [iter(unpack_planes(each, room)) for each in kinds]
    return [next(waiting[int.from_bytes(number, "big")]) for number in unpack_planes(order, room)]


def _pack_headers(headers: Iterable[bytes]) -> Iterator[Item]:
    """The first whole; of the others which fields are not as expected, a bit each, and these."""
    before: Sequence[bytes] = ()
    parent = b""
    for raw in headers:
        fields, own_hash = fields_of(raw)
        expected = _expected(before, parent)
        if len(fields) != len(expected):
            yield fields
        else:
            changed = [i for i, field in enumerate(fields) if field != expected[i]]
            values = [pack_zeros(fields[i]) if i == _BLOOM else fields[i] for i in changed]
            yield [_int(sum(1 << i for i in changed)), *values]
        before, parent = fields, own_hash


def _unpack_headers(items: Iterable[Item], room: _Room) -> Iterator[bytes]:
    before: Sequence[bytes] = ()
    parent = b""
    for item in items:
        fields = list(item)
        if len(item[0]) != WORD:
            fields, mask = _expected(before, parent), _number(item[0])
            changed = [i for i in range(len(fields)) if mask >> i & 1]
            for i, value in zip(changed, item[1:], strict=True):
                fields[i] = unpack_zeros(value) if i == _BLOOM else value
        raw = rlp.encode(fields)
        # Of the smallest, of an empty block, a byte is 70 or so.
        room.take(8 * len(raw))
        yield raw
        before, parent = fields_of(raw)


def _expected(before: Sequence[bytes], parent: bytes) -> list[bytes]:
    """The fields of the header before, but of the next block."""
    fields = list(before)
    if fields:
        fields[_PARENT], fields[_NUMBER] = parent, _int(_number(before[_NUMBER]) + 1)
    return fields


def _pack_raw(raw: bytes, records: Sequence[bytes]) -> Item:
    """The transaction in pieces: bytes as they are, and [i] where all records of batch i come."""
    pieces: list[Item] = [raw]
    for i, batch in enumerate(records):
        if not batch:
            continue
        split: list[Item] = []
        for piece in pieces:
            if isinstance(piece, list):
                split.append(piece)
                continue
            for k, part in enumerate(piece.split(batch)):
                if k:
                    split.append([_int(i)])
                split.append(part)
        pieces = split
    return [piece if isinstance(piece, list) else pack_zeros(piece) for piece in pieces]


def _unpack_raw(pieces: Item, records: Sequence[bytes], room: _Room) -> bytes:
    found = []
    for piece in pieces:
        found.append(records[_number(piece[0])] if isinstance(piece, list) else unpack_zeros(piece))
        room.take(len(found[-1]))
    # Encoding it again looks for every batch in it.
    room.take(sum(map(len, found)) * len(records) // _LOOKED)
    return b"".join(found)


def _pack_affirmation(each: Affirmation) -> Item:
    return [
        *(each.batch_hash, _int(each.institution), each.records_hash, each.exceptions_hash),
        *(each.client_root, each.prior_block_hash, each.signature),
    ]


def _unpack_affirmation(item: Item) -> Affirmation:
    batch, institution, records, exceptions, clients, prior, signature = item
    batch, records, exceptions, clients, prior = (
        _bytes(each, WORD) for each in (batch, records, exceptions, clients, prior)
    )
    return Affirmation(
        batch, _number(institution), records, exceptions, clients, prior, _bytes(signature, 65)
    )


def _bytes(item: Item, length: int) -> bytes:
    if not isinstance(item, bytes) or len(item) != length:
        raise ValueError(f"{length} bytes are missing")
    return item
