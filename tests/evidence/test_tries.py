"""The verifier's encoding and tries against the libraries that others use, `rlp` and `trie`."""

from __future__ import annotations

import time
from typing import Any

import pytest
import rlp as other_rlp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from trie import HexaryTrie

from verifier.bundle import Refused
from verifier.ethereum import rlp
from verifier.ethereum.crypto import keccak
from verifier.ethereum.trie import Nodes, list_root, root_of

ITEMS = st.recursive(st.binary(max_size=70), lambda inner: st.lists(inner, max_size=6), max_leaves=12)
KEYS = st.binary(min_size=1, max_size=3) | st.binary(min_size=32, max_size=32)


def lists(item: Any) -> Any:
    return [lists(each) for each in item] if isinstance(item, list | tuple) else item


@settings(max_examples=60, deadline=None)
@given(ITEMS, st.binary(max_size=12))
def test_encoding_given_any_item_is_the_other_librarys(item: Any, noise: bytes) -> None:
    encoded = rlp.encode(item)
    assert encoded == other_rlp.encode(item)
    assert rlp.decode(encoded) == item
    if isinstance(item, list):
        assert list(rlp.split(encoded)) == [rlp.encode(each) for each in item]
        with pytest.raises(ValueError, match="a list is wanted"):
            list(rlp.split(encoded + b"\0"))
    for data in (noise, encoded + noise[:1], encoded[:-1], noise + encoded):
        try:
            expected = lists(other_rlp.decode(data))
        except (other_rlp.DecodingError, IndexError):
            with pytest.raises((ValueError, IndexError)):
                rlp.decode(data)
        else:
            assert rlp.decode(data) == expected


@settings(max_examples=60, deadline=None)
@example({b"\1": b"x"}, [b"\1\2", b"\2"])
@given(st.dictionaries(KEYS, st.binary(min_size=1, max_size=50), max_size=20), st.lists(KEYS, max_size=5))
def test_tries_given_any_pairs_have_the_other_librarys_root_and_values(
    pairs: dict[bytes, bytes], absent: list[bytes]
) -> None:
    theirs = HexaryTrie({})
    for key, value in pairs.items():
        theirs[key] = value
    root = root_of(pairs.items())
    assert root == theirs.root_hash
    for key in (*pairs, *absent):
        every = [other_rlp.encode(node) for node in theirs.get_proof(key)]
        # Short nodes are written into the node above them.
        proof = every[:1] + [node for node in every[1:] if len(node) >= 32]
        nodes = Nodes(proof)
        assert nodes.value(root, key) == pairs.get(key, b"")
        assert nodes.unused == 0 or not pairs
        for i in range(len(proof)):
            with pytest.raises(Refused, match="do not lead to"):
                Nodes(proof[:i] + proof[i + 1 :]).value(root, key)
            bad = Nodes([*proof[:i], proof[i][:-1] + bytes([proof[i][-1] ^ 1]), *proof[i + 1 :]])
            with pytest.raises(Refused, match="do not lead to"):
                bad.value(root, key)


def test_values_given_a_node_that_is_none_are_refused() -> None:
    for node in ([b"\x20\1", b"x", b""], [b"\x20\1"], b"x" * 40):
        encoded = rlp.encode(node)
        with pytest.raises(Refused, match="a node of the state is none"):
            Nodes([encoded]).value(keccak(encoded), b"\1")


def test_values_given_many_keys_take_no_nodes_apart_again() -> None:
    """Of a trie in which all paths are one."""
    nodes, child = [], b""
    for _ in range(63):
        nodes.append(rlp.encode([child] * 16 + [b""]))
        child = keccak(nodes[-1])
    some, started = Nodes(nodes), time.process_time()
    for i in range(2_000):
        assert some.value(child, keccak(b"%d" % i)) == b""
    assert time.process_time() - started < 1.5


@pytest.mark.parametrize("count", [0, 1, 2, 16, 127, 128, 129, 300])
def test_list_roots_given_any_length_are_the_other_librarys(count: int) -> None:
    items = tuple(keccak(bytes([i % 256, i // 256])) * (1 + i % 3) for i in range(count))
    theirs = HexaryTrie({})
    for i, item in enumerate(items):
        theirs[other_rlp.encode(i)] = item
    assert list_root(items) == theirs.root_hash


@pytest.mark.parametrize(
    "data",
    [
        "8105",
        "b80161",
        "b90038" + "61" * 56,
        "b838" + "61" * 55,
        "c180c0",
        "c281",
        "c3c281",
        "f801c0",
        "82",
        "",
    ],
)
def test_encoding_given_a_form_that_is_no_values_is_refused_by_both(data: str) -> None:
    """A byte that stands for itself, lengths that are too long, with zeros, or of more than there is."""
    with pytest.raises((other_rlp.DecodingError, IndexError)):
        other_rlp.decode(bytes.fromhex(data))
    with pytest.raises((ValueError, IndexError)):
        rlp.decode(bytes.fromhex(data))
    with pytest.raises(ValueError, match="longer than what it is in"):
        list(rlp.split(bytes.fromhex("c28261")))
