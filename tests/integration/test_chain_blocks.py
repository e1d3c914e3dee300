"""A short day of clearing on each engine: every root from the transactions and receipts, balances proved."""

from __future__ import annotations

from eth_utils import keccak

from ledger.chain import LocalChain
from tests.contracts.clearing import Floor
from tests.integration.network.market import whole_day
from tests.proofs import assert_blocks_are_whole, proved

WORDS = 7
"""Where `AssetRegister` keeps its mapping of balances; see its storage layout."""


def place(asset: int, institution: int) -> tuple[int, int]:
    """The slot of a balance, and how far to the left it is in there: four securities share one."""
    group, shift = (asset, 0) if asset & 0x8000 else (asset & ~3, (asset & 3) * 64)
    key = (group << 16 | institution).to_bytes(32, "big")
    return int.from_bytes(keccak(key + WORDS.to_bytes(32, "big")), "big"), shift


def test_day_has_its_roots_and_its_balances_are_proved(chain: LocalChain) -> None:
    ledger = whole_day(chain)
    last = chain.block().number
    fields = assert_blocks_are_whole(chain, 0, last)
    assert max(len(each.logs) for each in chain.journal.receipts(1, last)) > 5
    address = ledger.deployment.addresses["AssetRegister"]
    names = {"transit": 0, **ledger.index}
    keys = [(name, code) for name in names for code in ledger.asset]
    places = [place(ledger.asset[code], names[name]) for name, code in keys]
    slots = list(dict.fromkeys(slot for slot, _ in places))
    nodes = chain.state_proof(address, slots, last)
    _, words = proved(nodes, fields[last][3], address, slots)
    word = dict(zip(slots, words, strict=True))
    held = {
        key: (word[slot] >> shift) & (2**128 - 1 if ledger.asset[key[1]] & 0x8000 else 2**64 - 1)
        for key, (slot, shift) in zip(keys, places, strict=True)
    }
    found = Floor(ledger).balances()
    assert len(found) == 5
    assert {key: amount for key, amount in held.items() if amount} == found
