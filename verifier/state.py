"""Balances and code, proven by the state of a bundle's last block (EIP-1186).

Where a balance lies follows from AssetRegister's layout: a mapping in slot 7 whose keys are `asset u16 |
institution u16`; four securities of neighbouring indexes share a word, 64 bits each, and have the key of the
first of them; a currency has 128 bits to itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from verifier.bundle import Balance, Bundle, Refused
from verifier.ethereum import rlp
from verifier.ethereum.crypto import keccak
from verifier.ethereum.trie import Nodes
from verifier.facts import Facts

BALANCES_SLOT = 7
_CURRENCY = 0x8000


def check(bundle: Bundle, root: bytes, facts: Facts) -> None:
    """Hold code hashes and balances against the state, where nodes of it are there. Raises Refused."""
    if not bundle.state:
        if bundle.balances:
            raise Refused("it has balances and nothing of the state that would prove them")
        return
    if list(bundle.state) != sorted(set(bundle.state)):
        raise Refused("its nodes of the state are not in order, or one is there twice")
    nodes = Nodes(bundle.state)
    for name, contract in bundle.contracts.items():
        account = nodes.value(root, keccak(contract.address))
        if not account or rlp.decode(account)[3] != contract.code_hash:
            raise Refused(f"the code of {name} is not the one that the deployment record names")
    if balances(nodes, root, bundle, facts) != bundle.balances:
        raise Refused("its balances are not those that the state has")
    if nodes.unused:
        raise Refused(f"{nodes.unused} nodes of the state prove nothing")


def balances(nodes: Nodes, root: bytes, bundle: Bundle, facts: Facts) -> tuple[Balance, ...]:
    """What the institution that the claim names holds of each asset, zeros left out."""
    storage = rlp.decode(nodes.value(root, keccak(bundle.contracts["AssetRegister"].address)))[2]
    found = []
    for institution in institutions_of(bundle, facts):
        for asset in sorted(facts.codes):
            slot, shift, width = slot_of(institution, asset)
            word = rlp.decode(nodes.value(storage, keccak(slot.to_bytes(32, "big"))) or b"\x80")
            if amount := rlp.number(word) >> shift & ((1 << width) - 1):
                found.append(Balance(institution, asset, amount))
    return tuple(found)


def institutions_of(bundle: Bundle, facts: Facts) -> Iterable[int]:
    """Whose balances belong to a claim: of the institution that it names, where it names one."""
    return [facts.institutions[value] for name, _, value in bundle.conditions if name == "institution"]


def slot_of(institution: int, asset: int) -> tuple[int, int, int]:
    """The slot that a balance lies in, and its place there: bits from the lowest, and how many."""
    group, shift, width = (asset, 0, 128) if asset & _CURRENCY else (asset & ~3, 64 * (asset & 3), 64)
    key = (group << 16 | institution).to_bytes(32, "big")
    return int.from_bytes(keccak(key + BALANCES_SLOT.to_bytes(32, "big")), "big"), shift, width
