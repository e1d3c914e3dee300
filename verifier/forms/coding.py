"""The one file that says what a bundle says.

    b"clearing evidence 1\\n", then in RLP (Ethereum's encoding of nested byte strings) the fields of `Bundle`
    in their order, in which each run of up to 255 zeros is a zero and its length, then the digest

What would be long is written shortly, without a compressor, whose output would depend on its version:

- Headers, events and records are rows: those of one length and kind are written by columns of bytes, and of a
  column that is one value throughout one byte. So a record of 32 bytes takes 11 or so, and a Transfer of 215
  takes 8.
- A batch's records, which go into several transactions, are written once.

`decode` encodes what it decoded again: a file that says the same in other bytes is refused.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from itertools import islice

from verifier.bundle import Affirmation, Balance, Block, Bundle, Condition, Contract, Refused
from verifier.ethereum import rlp
from verifier.ethereum.chain import Receipt, kind_of, receipt_from, receipt_of
from verifier.ethereum.rlp import Item, number

MAGIC = b"clearing evidence 1\n"
WORD = 32
_KIND = 57
"""Bytes of an event that have its contract and most of its first topic."""
_ROOM, _OF_ZEROS, _OF_EVENTS, _OF_RECORDS, _OF_HEADERS = 256, 16, 100, 24, 64
"""Bytes that a byte of a file may unpack to: of transactions, which repeat records; by its zeros; of events;
of records, which take four bytes at least, as they differ in their numbers; of headers, which differ in their
parents."""
_LEAST = 1 << 20
"""Bytes that a file counts as at least for its transactions: hundreds of members may each repeat a day's."""
_OF_A_ROW = 64
"""Bytes that a row counts for besides its own: a short one takes as much, and time."""
_ZEROS, _COUNTED = re.compile(rb"\0{1,255}"), re.compile(rb"\0(.)", re.DOTALL)


def encode(bundle: Bundle, most: int = sys.maxsize) -> bytes:
    """The file. Raises Refused where its transactions come to more than `most` bytes in their pieces, a batch
    being `_OF_ZEROS`, and words that only begin like records."""
    room, firsts = _Room(most), dict[bytes, int]()
    for i, batch in enumerate(bundle.records):
        firsts.setdefault(batch[:WORD], i)
    events: list[bytes] = []
    blocks: list[Item] = []
    for height, block in bundle.blocks.items():
        receipts = [receipt_from(each) for each in block.receipts]
        events += [event for each in receipts for event in each.events]
        calls = [_pack_call(raw, bundle.records, firsts, room) for raw in block.transactions]
        blocks.append([height, calls, [[*each[:-1], len(each.events)] for each in receipts]])
    parts = [
        bundle.chain_id,
        [[name, *at] for name, at in sorted(bundle.contracts.items())],
        bundle.conditions,
        bundle.first,
        _pack_rows(bundle.headers, 0),
        [_columns(_pieces(each, WORD)) for each in bundle.records],
        blocks,
        _pack_rows(events, _KIND),
        *(bundle.chosen, bundle.affirmations, bundle.state, bundle.balances),
    ]
    return MAGIC + pack_zeros(rlp.encode(parts)) + bundle.digest


def decode(data: bytes) -> Bundle:
    """What a file says. Raises Refused where it is none, or is not the one that says it."""
    if not data.startswith(MAGIC):
        raise Refused("it is no bundle of evidence: it does not begin as one")
    try:
        _Room(_OF_ZEROS * len(data)).take(
            sum(run[1][0] for run in _COUNTED.finditer(data, len(MAGIC), len(data) - WORD))
        )
        body = rlp.decode(unpack_zeros(data[len(MAGIC) : -WORD]))
        rooms = [_Room(each * len(data)) for each in (_OF_EVENTS, _OF_RECORDS, _OF_HEADERS)]
        bundle = _decode(body, data[-WORD:], _Room(_ROOM * max(len(data), _LEAST)), *rooms)
        again = encode(bundle, most=(_OF_ZEROS + 1) * len(data))
    except Refused:
        raise
    except Exception as error:  # Whatever a hostile file makes go wrong, it is none.
        raise Refused(f"it is cut off, altered or no bundle: a part is not in its form ({error!r})") from None
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


def _decode(
    body: Item, digest: bytes, room: _Room, of_events: _Room, of_records: _Room, of_headers: _Room
) -> Bundle:
    chain_id, contracts, conditions, first, headers, batches, blocks, rows, *rest = body
    chosen, affirmations, state, balances = rest
    records = tuple(b"".join(_rows(each, of_records)) for each in batches)
    events = iter(_unpack_rows(rows, of_events))
    found: dict[int, Block] = {}
    for height, calls, receipts in blocks:
        raws = []
        for kind, status, gas, bloom, count in receipts:
            own = tuple(islice(events, min(number(count), sys.maxsize)))
            raws.append(receipt_of(Receipt(kind, status, gas, bloom, own)))
        transactions = tuple(_unpack_call(each, records, room) for each in calls)
        found[number(height)] = Block(transactions, tuple(raws))
    return Bundle(
        chain_id=number(chain_id),
        contracts={name.decode(): Contract(*_fitting(at, 20, 32)) for name, *at in contracts},
        conditions=tuple(Condition(*(part.decode() for part in each)) for each in conditions),
        first=number(first),
        headers=tuple(_unpack_rows(headers, of_headers)),
        blocks=found,
        records=records,
        chosen=tuple(chosen),
        affirmations=tuple(Affirmation(*_fitting(each, 32, 0, 32, 32, 32, 32, 65)) for each in affirmations),
        state=tuple(state),
        balances=tuple(Balance(*_fitting(each, 0, 0, 0)) for each in balances),
        digest=digest,
    )


def _fitting(items: Sequence[Item], *sizes: int) -> list[Item]:
    """Bytes of these sizes; 0 stands for a number."""
    both = list(zip(items, sizes, strict=True))
    if any(size and (not isinstance(item, bytes) or len(item) != size) for item, size in both):
        raise ValueError(f"bytes of {sizes} are wanted")
    return [item if size else number(item) for item, size in both]


def pack_zeros(data: bytes) -> bytes:
    """Each run of zeros as a zero and its length."""
    return _ZEROS.sub(lambda run: bytes([0, len(run[0])]), data)


def unpack_zeros(packed: bytes) -> bytes:
    """The bytes again. What is not as `pack_zeros` writes it comes out as something else."""
    return _COUNTED.sub(lambda run: bytes(run[1][0]), packed)


def _pack_rows(rows: Sequence[bytes], shared: int) -> Item:
    """Rows by kinds, which have the same length and begin with the same `shared` bytes: the kind of each,
    numbered as they come; the columns of each kind."""
    kinds: dict[tuple[int, bytes], list[bytes]] = {}
    for row in rows:
        kinds.setdefault((len(row), row[:shared]), []).append(row)
    numbers = {kind: i.to_bytes(2, "big") for i, kind in enumerate(kinds)}
    order = [numbers[len(row), row[:shared]] for row in rows]
    return [_columns(order), [_columns(each) for each in kinds.values()]]


def _unpack_rows(item: Item, room: _Room) -> list[bytes]:
    order, kinds = item
    waiting = [iter(_rows(each, room)) for each in kinds]
    return [next(waiting[int.from_bytes(kind, "big")]) for kind in _rows(order, room)]


def _columns(rows: Sequence[bytes]) -> Item:
    """How many rows of one width there are; their columns, of one that is one value throughout one byte."""
    whole, width = b"".join(rows), len(rows[0]) if rows else 0
    columns = [whole[i::width] for i in range(width)]
    return [len(rows), [each[:1] if each.count(each[0]) == len(rows) else each for each in columns]]


def _rows(item: Item, room: _Room) -> list[bytes]:
    """The rows again. Raises ValueError where these are no columns of any."""
    count, columns = number(item[0]), item[1]
    room.take(count * (len(columns) + _OF_A_ROW))
    whole = bytearray(count * len(columns))
    for i, column in enumerate(columns):
        if len(column) not in (1, count):
            raise ValueError("columns are not of one length")
        whole[i :: len(columns)] = column if len(column) == count else column * count
    return _pieces(bytes(whole), len(columns))


def _pieces(data: bytes, width: int) -> list[bytes]:
    return [data[at : at + width] for at in range(0, len(data), width)] if width else []


def _pack_call(raw: bytes, records: Sequence[bytes], firsts: Mapping[bytes, int], room: _Room) -> list[Item]:
    """The transaction in pieces: bytes as they are, and [i] where from a word of its calldata on there are
    all records of batch i, the first of those that begin with that word."""
    pieces: list[Item] = []
    since, (at, end) = 0, _arguments(raw)
    while at + WORD <= end:
        i = firsts.get(raw[at : at + WORD])
        if i is None:
            at += WORD
        elif not raw.startswith(records[i], at, end):
            room.take(len(records[i]) // WORD)
            at += WORD
        else:
            room.take(at - since + _OF_ZEROS)
            pieces += [raw[since:at], [i]]
            since = at = at + len(records[i])
    room.take(len(raw) - since)
    return [*pieces, raw[since:]]


def _arguments(raw: bytes) -> tuple[int, int]:
    """Where in a transaction the words of its calldata begin, behind the selector, and where these end."""
    try:
        kind = kind_of(raw)
        _, at, _ = rlp.content(raw, 1 if kind else 0)
        for _ in range(5 + min(kind, 2)):
            at = rlp.content(raw, at)[2]
        _, start, end = rlp.content(raw, at)
    except (IndexError, ValueError):  # It is none that has any.
        return 0, 0
    return start + 4, end


def _unpack_call(pieces: Item, records: Sequence[bytes], room: _Room) -> bytes:
    found = []
    for each in pieces:
        found.append(records[number(each[0])] if isinstance(each, list) else each)
        room.take(len(found[-1]))
    return b"".join(found)
