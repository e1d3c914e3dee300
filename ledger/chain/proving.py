"""Proofs of the state: the nodes of its tries that lead to an account and to slots of its storage.

Nodes are in the order of the paths from the root, the account's first and then those of each slot as they
were asked for; each is there once, so that what several paths share comes with the first of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ledger.chain.answers import HASH, Garbage, data, fields, sequence

SLOT = 32
"""Bytes of a slot's number and of what it holds."""


def nodes_of(answer: object, slots: Sequence[int]) -> tuple[bytes, ...]:
    """The nodes of an answer to eth_getProof. Raises Garbage where it is none for these slots."""
    given = fields(answer)
    proofs = sequence(given.get("storageProof"))
    if len(proofs) != len(slots):
        raise Garbage(f"proofs of {len(proofs)} slots; {len(slots)} were asked for")
    found = [data(node) for node in sequence(given.get("accountProof"))]
    for proof in proofs:
        found += [data(node) for node in sequence(fields(proof).get("proof"))]
    return once(found)


def asked(address: str, slots: Sequence[int], block: str) -> tuple[Any, ...]:
    """The parameters of eth_getProof."""
    return address, ["0x" + slot.to_bytes(SLOT, "big").hex() for slot in slots], block


def once(nodes: Iterable[bytes]) -> tuple[bytes, ...]:
    """Each node where it is first; a node shorter than a hash is inside the one above it and is left out."""
    return tuple(dict.fromkeys(node for node in nodes if len(node) >= HASH))
