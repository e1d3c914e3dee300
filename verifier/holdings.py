"""Balances and code, proven by the state of a bundle's last block (EIP-1186).

Where a balance lies follows from AssetRegister's layout: a mapping in slot 7 whose keys are `asset u16 |
institution u16`; four securities of neighbouring indexes share a word, 64 bits each, and have the key of the
first of them; a currency has 128 bits to itself.
"""

from __future__ import annotations

from verifier.bundle import Balance, Bundle, Refused
from verifier.chain import Header, State
from verifier.facts import Facts
from verifier.trie import keccak

BALANCES_SLOT = 7
_CURRENCY = 0x8000


def slot_of(institution: int, asset: int) -> tuple[int, int, int]:
    """The slot that a balance lies in, and its place there: bits from the lowest, and how many."""
    group, shift, width = (asset, 0, 128) if asset & _CURRENCY else (asset & ~3, 64 * (asset & 3), 64)
    key = (group << 16 | institution).to_bytes(32, "big")
    return int.from_bytes(keccak(key + BALANCES_SLOT.to_bytes(32, "big")), "big"), shift, width


def institution_of(bundle: Bundle, facts: Facts) -> int | None:
    """Whose balances belong to a claim: of the institution that it names."""
    named = {c.value for c in bundle.conditions if c.field == "institution"}
    return next((index for index, name in facts.names.items() if name in named), None)


def balances(state: State, bundle: Bundle, facts: Facts) -> tuple[Balance, ...]:
    """What the institution that the claim names holds of each asset, zeros left out."""
    institution, register = institution_of(bundle, facts), bundle.contracts["AssetRegister"].address
    found = []
    for asset in sorted(facts.codes) if institution is not None else ():
        slot, shift, width = slot_of(institution or 0, asset)
        if amount := state.slot(register, slot) >> shift & ((1 << width) - 1):
            found.append(Balance(institution or 0, asset, amount))
    return tuple(found)


def check(bundle: Bundle, head: Header, facts: Facts) -> None:
    """Hold code hashes and balances against the state, where nodes of it are there. Raises Refused."""
    if not bundle.state:
        if bundle.balances:
            raise Refused("it has balances and nothing of the state that would prove them")
        return
    if list(bundle.state) != sorted(set(bundle.state)):
        raise Refused("its nodes of the state are not in order, or one is there twice")
    state = State(head.state_root, bundle.state)
    for name, contract in bundle.contracts.items():
        if state.code_hash(contract.address) != contract.code_hash:
            raise Refused(f"the code of {name} is not the one that the deployment record names")
    if balances(state, bundle, facts) != bundle.balances:
        raise Refused("its balances are not those that the state has")
    state.check_all_used()
