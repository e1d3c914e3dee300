"""Words encode as eth-abi encodes the list of their words, alone and deep inside other types; what is decoded
is what eth-abi decodes, and refused as it refuses it."""

from __future__ import annotations

from typing import Any

import eth_abi
import pytest
from eth_abi.exceptions import EncodingError
from eth_utils import function_signature_to_4byte_selector
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.abi import CODEC, WORD, Words, selector_of, signature_of, type_of
from ledger.compile import artifacts

words = st.lists(st.binary(min_size=32, max_size=32), max_size=5)
KINDS = st.sampled_from(
    ("uint8", "uint16", "uint256", "bool", "address", "bytes32", "bytes4", "uint64[]", "int8")
)
WORDS = st.one_of(
    st.integers(0, 3), st.just(32), st.integers(0, 2**256 - 1), st.sampled_from((2**8, 2**160 - 1, 2**160))
)
HEADER = "(uint16,uint32,uint16,uint32,uint16,uint8)"
SLICES = f"({HEADER},bytes32[],uint256[],uint256[])[]"


def numbers(items: list[bytes]) -> list[int]:
    return [int.from_bytes(item, "big") for item in items]


@given(words)
def test_words_encode_as_bytes32_and_uint256_lists(items: list[bytes]) -> None:
    joined = Words(b"".join(items))
    assert CODEC.encode(["bytes32[]"], [joined]) == eth_abi.encode(["bytes32[]"], [items])
    assert CODEC.encode(["uint256[]"], [joined]) == eth_abi.encode(["uint256[]"], [numbers(items)])


@given(words)
def test_words_encode_as_addresses(items: list[bytes]) -> None:
    accounts = ["0x" + item[12:].hex() for item in items]
    joined = Words(b"".join(bytes(12) + item[12:] for item in items))
    assert CODEC.encode(["address[]"], [joined]) == eth_abi.encode(["address[]"], [accounts])


@given(st.lists(st.tuples(words, words, words), max_size=3), st.integers(0, 2**16 - 1))
@settings(max_examples=50)
def test_words_encode_within_slices(slices: list[tuple[list[bytes], ...]], venue: int) -> None:
    header = (venue, 20191121, 0x8001, 20191121, 1, 1)
    fast = [(header, *(Words(b"".join(items)) for items in each)) for each in slices]
    plain = [(header, records, numbers(mask), numbers(parts)) for records, mask, parts in slices]
    assert CODEC.encode([SLICES, "uint8"], [fast, 7]) == eth_abi.encode([SLICES, "uint8"], [plain, 7])
    assert CODEC.decode([SLICES], CODEC.encode([SLICES], [fast])) == eth_abi.decode(
        [SLICES], eth_abi.encode([SLICES], [plain])
    )


@pytest.mark.parametrize("size", [1, 31, 33, 63])
def test_words_that_are_no_whole_number_raise(size: int) -> None:
    with pytest.raises(EncodingError):
        CODEC.encode(["bytes32[]"], [Words(bytes(size))])
    with pytest.raises(EncodingError):
        CODEC.encode([SLICES], [[((1, 1, 1, 1, 1, 1), Words(b""), Words(b""), Words(bytes(size)))]])


@given(st.lists(st.lists(st.integers(0, 2**16 - 1), max_size=3), max_size=3), st.lists(st.text(), max_size=3))
def test_other_lists_encode_as_eth_abi_does(rows: list[list[int]], texts: list[str]) -> None:
    kinds = ["uint16[][]", "string[]", "uint8[2]", "(uint16,bytes[])[]"]
    values = [rows, texts, [1, 2], [(n, [b"x" * n for n in row]) for n, row in enumerate(rows)]]
    assert CODEC.encode(kinds, values) == eth_abi.encode(kinds, values)


def test_lists_of_values_are_still_checked() -> None:
    with pytest.raises(EncodingError):
        CODEC.encode(["uint256[]"], [[-1]])
    with pytest.raises(EncodingError):
        CODEC.encode(["bytes32[]"], [b"not words"])


def test_type_and_signature_spell_tuples_out() -> None:
    entries = {
        entry["name"]: entry for entry in artifacts()["ClearingHouse"].abi if entry["type"] == "function"
    }
    affirm = f"affirm({HEADER},bytes32[],(uint16,uint32,uint64,bytes32,uint32[],bytes)[])"
    assert signature_of(entries["affirm"]) == affirm
    assert signature_of(entries["settle"]) == f"settle(uint8,{SLICES})"
    assert selector_of(entries["affirm"]) == function_signature_to_4byte_selector(affirm)
    assert type_of(
        {"type": "tuple[2][]", "components": [{"type": "tuple", "components": [{"type": "bool"}]}]}
    ) == ("((bool))[2][]")


@settings(max_examples=300)
@given(types=st.lists(KINDS, max_size=3), words=st.lists(WORDS, max_size=6), cut=st.integers(0, 3))
def test_decode_given_any_types_and_bytes_is_eth_abis(types: list[str], words: list[int], cut: int) -> None:
    data = b"".join(word.to_bytes(WORD, "big") for word in words)
    data = data[: len(data) - cut if cut < 3 else None]
    assert outcome(CODEC, types, data) == outcome(eth_abi, types, data)


@settings(max_examples=300)
@given(
    bits=st.sampled_from((8, 64, 256)),
    at=st.sampled_from((32, 32, 32, 64, 31)),
    count=st.integers(0, 3),
    items=st.lists(st.one_of(st.integers(0, 255), WORDS), max_size=4),
    cut=st.integers(0, 8),
)
def test_decode_given_any_array_of_integers_is_eth_abis(
    bits: int, at: int, count: int, items: list[int], cut: int
) -> None:
    data = b"".join(word.to_bytes(WORD, "big") for word in (at, count, *items))
    data = data[: len(data) - cut]
    assert outcome(CODEC, [f"uint{bits}[]"], data) == outcome(eth_abi, [f"uint{bits}[]"], data)


def outcome(codec: Any, types: list[str], data: bytes) -> tuple[object, ...]:
    """The values, each with its type, or the refusal."""
    try:
        values = codec.decode(types, data)
    except Exception as error:
        return type(error), str(error)
    return tuple((type(value), value) for value in values)
