"""The Merkle tree of RFC 9162, section 2.1, with keccak256 for SHA-256.

A leaf is hashed behind a byte 0 and a node behind a byte 1, so that neither passes for the other. Of n leaves
the left subtree has the largest power of two below n, which is the same as pairing level by level and
carrying an odd last one up as it is. Nothing is repeated to fill a level: two books of different length never
have the same root.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eth_hash.auto import keccak

EMPTY = keccak(b"")
"""The root of no leaves."""
_LEAF, _NODE = b"\x00", b"\x01"


class Tree:
    """A tree over leaves in their order."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._levels = _levels(hash_leaves(leaves))

    @classmethod
    def of_hashes(cls, hashes: Sequence[bytes]) -> Tree:
        """The tree over leaves of which there are the hashes; one that is no leaf's keeps a place empty."""
        tree = cls(())
        tree._levels = _levels(list(hashes))
        return tree

    def __len__(self) -> int:
        return len(self._levels[0])

    @property
    def root(self) -> bytes:
        """The hash of all leaves and of their order."""
        return self._levels[-1][0] if len(self) else EMPTY

    def proof(self, index: int) -> tuple[bytes, ...]:
        """The hashes that lead from the leaf at `index` to the root, the lowest first. Raises IndexError."""
        if not 0 <= index < len(self):
            raise IndexError(f"a tree of {len(self)} leaves has none at {index}")
        found = []
        for level in self._levels[:-1]:
            beside = index ^ 1
            if beside < len(level):
                found.append(level[beside])
            index >>= 1
        return tuple(found)


def hash_leaf(leaf: bytes) -> bytes:
    """What a leaf is in the tree."""
    return keccak(_LEAF + leaf)


def hash_leaves(leaves: Iterable[bytes]) -> list[bytes]:
    """The same of many."""
    hashed = keccak.hasher
    return [hashed(_LEAF + leaf) for leaf in leaves]


def _levels(level: list[bytes]) -> list[list[bytes]]:
    """From the hashes of the leaves to the root."""
    levels, hashed = [level], keccak.hasher
    while len(level) > 1:
        rest = iter(level)
        above = [hashed(_NODE + left + right) for left, right in zip(rest, rest, strict=False)]
        if len(level) % 2:
            above.append(level[-1])
        levels.append(above)
        level = above
    return levels


def verify(root: bytes, size: int, index: int, leaf: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that `leaf` is the one at `index` of the `size` leaves under `root` (RFC 9162,
    2.1.3.2).
    """
    if not 0 <= index < size or any(len(each) != len(EMPTY) for each in proof):
        return False
    place, last, reached = index, size - 1, hash_leaf(leaf)
    for beside in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            reached = keccak(_NODE + beside + reached)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            reached = keccak(_NODE + reached + beside)
        place, last = place >> 1, last >> 1
    return last == 0 and reached == root
