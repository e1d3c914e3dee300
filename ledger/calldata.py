"""What the calldata of the clearing house's transactions holds, records, masks, affirmations, by offset."""

from __future__ import annotations

from collections.abc import Iterator

from eth_utils import keccak

from ledger.abi import WORD, Words
from ledger.clients.clearing_house import ClearingHouse, Header
from ledger.signatures import Affirmation

_HEADER_WORDS = 6
Data = bytes | memoryview
"""Large ones are not copied."""


def records_in(calldata: Data, house: ClearingHouse) -> Words:
    """The records in the calldata of `record`, its second argument, or of the one slice of `clear`."""
    body: Data = memoryview(calldata)[4:]
    if calldata[:4] == house.selector("clear"):
        body = next(_slices(body))
    return _array(body, _number(body, _HEADER_WORDS))


def _slices(body: Data) -> Iterator[Data]:
    """Where each slice begins in the arguments of `settle` or `clear`, whose second one they are."""
    start = _number(body, 1)
    offsets = body[start + WORD :]
    for k in range(_number(body[start:], 0)):
        yield offsets[_number(offsets, k) :]


def slices_in(calldata: Data) -> Iterator[tuple[int, Words]]:
    """How many records each slice has, and its mask, in the order of the calldata of `settle` or `clear`."""
    for part in _slices(memoryview(calldata)[4:]):
        yield _number(part[_number(part, _HEADER_WORDS) :], 0), _array(part, _number(part, _HEADER_WORDS + 1))


def masks_in(calldata: bytes) -> dict[bytes, Words]:
    """Batch hash → what is chosen of it in all slices, from the calldata of `settle` or `clear`."""
    found: dict[bytes, Words] = {}
    for part in _slices(memoryview(calldata)[4:]):
        mask, batch_hash = _array(part, _number(part, _HEADER_WORDS + 1)), _hash(part)
        found[batch_hash] = _union(found[batch_hash], mask) if batch_hash in found else mask
    return found


def affirmations_in(calldata: bytes, house: ClearingHouse) -> list[Affirmation]:
    """The affirmations in the calldata of `affirm` or `clear`, their third argument."""
    body = calldata[4:]
    words_before = 2 if calldata[:4] == house.selector("clear") else _HEADER_WORDS + 1
    start = _number(body, words_before) + WORD
    offsets = body[start:]
    return [_affirmation(offsets[_number(offsets, k) :]) for k in range(_number(body[start - WORD :], 0))]


def _affirmation(part: bytes) -> Affirmation:
    institution, count, prior_block = (_number(part, word) for word in range(3))
    exceptions = _array(part, _number(part, 4))
    signature = part[_number(part, 5) :]
    return Affirmation(
        institution,
        count,
        prior_block,
        part[3 * WORD : 4 * WORD],
        tuple(_number(exceptions, k) for k in range(len(exceptions) // WORD)),
        signature[WORD : WORD + _number(signature, 0)],
    )


def _union(one: Words, other: Words) -> Words:
    return Words(bytes(a | b for a, b in zip(one, other, strict=True)))


def _hash(part: Data) -> bytes:
    """The hash of the batch whose header and records' offset `part` begins with."""
    header = Header(*(_number(part, i) for i in range(_HEADER_WORDS)))
    return header.hash_with(keccak(_array(part, _number(part, _HEADER_WORDS))))


def _number(data: Data, word: int) -> int:
    return int.from_bytes(data[word * WORD : (word + 1) * WORD], "big")


def _array(data: Data, offset: int) -> Words:
    count = int.from_bytes(data[offset : offset + WORD], "big")
    return Words(data[offset + WORD : offset + WORD * (count + 1)])
