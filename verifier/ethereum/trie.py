"""Ethereum's Merkle Patricia tries (Yellow Paper, appendix D): the root of pairs, a value under a root."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from verifier.bundle import Refused
from verifier.ethereum import rlp
from verifier.ethereum.crypto import keccak

EMPTY_ROOT = keccak(rlp.encode(b""))


def list_root(items: Sequence[bytes]) -> bytes:
    """The root of the trie of a list, whose keys are places."""
    return root_of((rlp.encode(index), item) for index, item in enumerate(items))


def root_of(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The root of a trie of keys, each once, and values."""
    leaves = sorted((_nibbles(key), value) for key, value in pairs)
    return keccak(rlp.encode(_node(leaves, 0)))


def _node(leaves: Sequence[tuple[bytes, bytes]], at: int) -> rlp.Item:
    """The node of leaves, sorted, whose keys are the same up to a nibble."""
    if not leaves:
        return b""
    (first, value), (last, _) = leaves[0], leaves[-1]
    if len(leaves) == 1:
        return [_packed(first[at:], is_leaf=True), value]
    same = at
    while same < len(first) and first[same] == last[same]:
        same += 1
    if same > at:
        return [_packed(first[at:same], is_leaf=False), _named(_node(leaves, same))]
    ended = len(first) == at
    rest = leaves[1:] if ended else leaves
    branches = [[leaf for leaf in rest if leaf[0][at] == nibble] for nibble in range(16)]
    return [*(_named(_node(each, at + 1)) for each in branches), value if ended else b""]


def _named(node: rlp.Item) -> rlp.Item:
    """A node as the one above it has it: itself where it is short, else its hash."""
    encoded = rlp.encode(node)
    return node if len(encoded) < 32 else keccak(encoded)


class Nodes:
    """Some nodes of tries, which remembers those that were asked for."""

    def __init__(self, nodes: Iterable[bytes]) -> None:
        self._known = {keccak(node): node for node in nodes}
        self._used: dict[bytes, rlp.Item] = {}

    @property
    def unused(self) -> int:
        """How many led nowhere."""
        return len(self._known) - len(self._used)

    def value(self, root: bytes, key: bytes) -> bytes:
        """What a key has under a root, or nothing, as proven. Raises Refused where no nodes lead there."""
        node, path = b"" if root == EMPTY_ROOT else root, _nibbles(key)
        while node:
            if isinstance(node, bytes):
                if node not in self._known:
                    raise Refused("the nodes of the state do not lead to what they should prove")
                if node not in self._used:
                    self._used[node] = rlp.decode(self._known[node])
                node = self._used[node]
            if not isinstance(node, list) or len(node) not in (2, 17):
                raise Refused("a node of the state is none")
            if len(node) == 17:
                if not path:
                    return bytes(node[16])
                node, path = node[path[0]], path[1:]
            else:
                own, is_leaf = _unpacked(node[0])
                if is_leaf or not path.startswith(own):
                    return bytes(node[1]) if own == path else b""
                node, path = node[1], path[len(own) :]
        return b""


def _nibbles(key: bytes) -> bytes:
    return bytes(nibble for byte in key for nibble in (byte >> 4, byte & 15))


def _packed(nibbles: bytes, *, is_leaf: bool) -> bytes:
    """A part of a path, behind what says whether it ends there and whether it is of odd length."""
    flag, odd = 2 * is_leaf, len(nibbles) & 1
    whole = bytes([flag | odd]) + (b"" if odd else b"\0") + nibbles
    return bytes(whole[i] << 4 | whole[i + 1] for i in range(0, len(whole), 2))


def _unpacked(packed: bytes) -> tuple[bytes, bool]:
    nibbles = _nibbles(packed)
    return nibbles[1 if nibbles[0] & 1 else 2 :], bool(nibbles[0] & 2)
