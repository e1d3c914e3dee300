"""Words encode as eth-abi encodes the list of their words, alone and deep inside other types."""

from __future__ import annotations

import eth_abi
import pytest
from eth_abi.exceptions import EncodingError
from eth_utils import function_signature_to_4byte_selector
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.abi import CODEC, Words, selector_of, signature_of, type_of
from ledger.compile import artifacts

words = st.lists(st.binary(min_size=32, max_size=32), max_size=5)
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
