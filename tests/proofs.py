"""Proofs checked with the library's trie alone: blocks' roots, accounts and slots under a state root."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import rlp
from eth_account import Account
from eth_utils import keccak, to_checksum_address
from trie import HexaryTrie

from ledger.chain import Chain

KEY = bytes(keccak(text="blocks"))
PARTY = to_checksum_address("0x" + "ab" * 20)
CREATES = bytes.fromhex("6001600055" + "60aa600052" + "60206000a0" + "60bb60206000a1" + "00")
"""sstore(0, 1), mstore(0, 0xaa), log0(0, 32), log1(0, 32, 0xbb), stop: a contract without code."""
REVERTS = bytes.fromhex("60006000fd")
EMPTY_ROOT = bytes(keccak(rlp.encode(b"")))


def root_of(items: Sequence[bytes]) -> bytes:
    """The root of a trie with `items` by position."""
    found = HexaryTrie({})
    for i, item in enumerate(items):
        found[rlp.encode(i)] = item
    return bytes(found.root_hash)


def proved(
    nodes: Iterable[bytes], state_root: bytes, address: str, slots: Sequence[int]
) -> tuple[list[bytes], list[int]]:
    """The account's fields, none where it is proved that there is no account, and what the slots hold.

    Raises MissingTrieNode where the nodes do not prove it.
    """
    known = {bytes(keccak(node)): node for node in nodes} | {EMPTY_ROOT: b"\x80"}
    leaf = HexaryTrie(known, state_root).get(keccak(bytes.fromhex(address[2:])))
    fields: list[bytes] = rlp.decode(leaf) if leaf else []
    if not fields:
        return [], [0] * len(slots)
    storage = HexaryTrie(known, fields[2])
    held = [storage.get(keccak(slot.to_bytes(32, "big"))) for slot in slots]
    return fields, [int.from_bytes(rlp.decode(each), "big") if each else 0 for each in held]


def assert_blocks_are_whole(chain: Chain, first: int, last: int) -> list[list[bytes]]:
    """Every header hashes to its block and follows from the one before; every body has its roots.

    The headers' fields.
    """
    headers = chain.headers(first, last)
    assert len(headers) == last - first + 1
    fields = [rlp.decode(header) for header in headers]
    for number, header, each in zip(range(first, last + 1), headers, fields, strict=True):
        body = chain.body(number)
        assert keccak(header) == chain.block(number).hash
        assert int.from_bytes(each[8], "big") == number
        assert int.from_bytes(each[11], "big") == chain.block(number).timestamp
        assert [root_of(body.transactions), root_of(body.receipts)] == each[4:6]
    assert [each[0] for each in fields[1:]] == [keccak(header) for header in headers[:-1]]
    return fields


def every_kind(chain_id: int) -> list[bytes]:
    """One transaction of each type, one that creates, one that is refused, of one sender."""
    common = {"gas": 200_000, "to": PARTY, "value": 0, "data": b"\1" * 70, "chainId": chain_id}
    dynamic = {"maxFeePerGas": 0, "maxPriorityFeePerGas": 0}
    accesses = [{"address": PARTY, "storageKeys": ["0x" + "00" * 32, "0x" + "0c" * 32]}]
    given: list[dict[str, Any]] = [
        common | {"gasPrice": 0},
        common | {"gasPrice": 0, "accessList": accesses, "type": 1},
        common | dynamic | {"accessList": accesses, "type": 2},
        {key: value for key, value in common.items() if key != "to"} | dynamic | {"data": CREATES},
        {key: value for key, value in common.items() if key != "to"} | {"gasPrice": 0, "data": REVERTS},
        common | {"gasPrice": 0, "data": b""},
    ]
    account = Account.from_key(KEY)
    return [
        bytes(account.sign_transaction({**each, "nonce": nonce}).raw_transaction)
        for nonce, each in enumerate(given)
    ]
