"""The Merkle tree: RFC 9162's definitions written out, and every valid proof with each part of it changed.

root   ─ as the recursion has it, for every size up to 40; of none, of one; a longer book never has it
proof  ─ as the recursion has it; holds for every leaf of every size
mutated ─ leaf, root, place, size, each hash flipped, left out, put in, doubled, exchanged; a node as a leaf
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from eth_utils import keccak

from settlement.attesting.tree import EMPTY, Tree, verify

SIZES = [*range(1, 18), 31, 32, 33, 40]


def leaves(size: int) -> list[bytes]:
    return [f"leaf {i}".encode() for i in range(size)]


def split(size: int) -> int:
    """The largest power of two below `size`."""
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def mth(data: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1."""
    if not data:
        return bytes(keccak(b""))
    if len(data) == 1:
        return bytes(keccak(b"\x00" + data[0]))
    k = split(len(data))
    return bytes(keccak(b"\x01" + mth(data[:k]) + mth(data[k:])))


def path(m: int, data: list[bytes]) -> list[bytes]:
    """RFC 9162, 2.1.3.1."""
    if len(data) == 1:
        return []
    k = split(len(data))
    if m < k:
        return [*path(m, data[:k]), mth(data[k:])]
    return [*path(m - k, data[k:]), mth(data[:k])]


def test_root_and_proofs_given_any_size_are_the_definitions() -> None:
    roots = {EMPTY}
    for size in range(1, 41):
        data = leaves(size)
        tree = Tree(data)
        assert (tree.root, len(tree)) == (mth(data), size)
        assert tree.root not in roots
        roots.add(tree.root)
        for i in range(size):
            assert list(tree.proof(i)) == path(i, data)
            assert verify(tree.root, size, i, data[i], tree.proof(i))
    assert Tree([]).root == EMPTY == mth([])
    assert not verify(EMPTY, 0, 0, b"", ())
    for index in (-1, 3):
        with pytest.raises(IndexError):
            Tree(leaves(3)).proof(index)


def test_root_given_another_order_or_a_last_leaf_twice_is_another() -> None:
    """Where an odd level is filled up by repeating, the book with its last entry twice has the same root."""
    a, b, c = leaves(3)
    roots = {Tree(each).root for each in ([a, b, c], [b, a, c], [a, b, c, c], [a, b], [a, b, b])}
    assert len(roots) == 5


def flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:] if data else b"\x01"


def mutations(
    root: bytes, size: int, index: int, leaf: bytes, proof: list[bytes]
) -> Iterator[tuple[str, bytes, int, int, bytes, list[bytes]]]:
    """A valid proof with one thing changed."""
    for other in {flipped(leaf), leaf + b"\0", leaf[:-1], b"", b"\0" + leaf, keccak(b"\0" + leaf)}:
        yield "leaf", root, size, index, other, proof
    for other in {flipped(root), root[:-1], b"", EMPTY, bytes(32)}:
        yield "root", other, size, index, leaf, proof
    for place in {index - 1, index + 1, index ^ 2, index + size, -1, size} - {index}:
        yield "index", root, size, place, leaf, proof
    for count in (0, -1, size * 2 + 1, size // 2, index) if size > 1 else (0, -1, 2, 3):
        yield "size", root, count, index, leaf, proof
    for extra in (b"", root, bytes(32), EMPTY, keccak(b"\0" + leaf)):
        yield "longer", root, size, index, leaf, [*proof, extra]
        yield "longer below", root, size, index, leaf, [extra, *proof]
    for i, each in enumerate(proof):
        rest = proof[:i], proof[i + 1 :]
        yield "flipped", root, size, index, leaf, [*rest[0], flipped(each), *rest[1]]
        yield "short hash", root, size, index, leaf, [*rest[0], each[:-1], *rest[1]]
        yield "long hash", root, size, index, leaf, [*rest[0], each + b"\0", *rest[1]]
        yield "left out", root, size, index, leaf, [*rest[0], *rest[1]]
        yield "doubled", root, size, index, leaf, [*rest[0], each, each, *rest[1]]
        if i:
            yield "exchanged", root, size, index, leaf, [*proof[: i - 1], each, proof[i - 1], *rest[1]]
    if proof:
        # The leaf's parent, passed off as a leaf one level up.
        pair = leaf_hash, beside = bytes(keccak(b"\0" + leaf)), proof[0]
        for node in (b"".join(pair), beside + leaf_hash, b"\x01" + b"".join(pair)):
            yield "node as leaf", root, (size + 1) // 2, index // 2, node, proof[1:]
            yield "node as leaf", root, size, index, node, proof[1:]


def test_proof_when_its_hashes_are_more_or_longer_than_the_sizes_fails() -> None:
    """Even where the root is made to fit."""
    [leaf] = leaves(1)
    at = bytes(keccak(b"\0" + leaf))
    for beside in (bytes(32), bytes(31), bytes(33), b""):
        for left, right in ((at, beside), (beside, at)):
            made = bytes(keccak(b"\x01" + left + right))
            for size in (1, 2) if len(beside) != 32 else (1,):
                assert not any(verify(made, size, index, leaf, [beside]) for index in range(size))


def test_proof_when_any_part_is_changed_fails() -> None:
    seen = set()
    for size in SIZES:
        data = leaves(size)
        tree = Tree(data)
        for index in {0, 1, size // 2, size - 2, size - 1} & set(range(size)):
            valid = (tree.root, size, index, data[index], list(tree.proof(index)))
            assert verify(*valid)
            for name, *changed in mutations(*valid):
                assert not verify(*changed), (size, index, name)
                seen.add(name)
    assert len(seen) == 13
