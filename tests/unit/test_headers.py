"""Headers rebuilt from JSON, against one that everybody knows and against headers put together here."""

from __future__ import annotations

from typing import Any

import pytest
import rlp
from eth_utils import keccak
from hypothesis import given
from hypothesis import strategies as st

from ledger.chain import Log, Logs
from ledger.chain.answers import Garbage
from ledger.chain.headers import header_of
from ledger.chain.receipts import bloom, encoded
from ledger.chain.rlp_parts import listed, number, text

ZERO, EMPTY = "0x" + "00" * 32, "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
MAINNET_GENESIS: dict[str, Any] = {
    "hash": "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
    "parentHash": ZERO,
    "sha3Uncles": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
    "miner": "0x" + "00" * 20,
    "stateRoot": "0xd7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544",
    "transactionsRoot": EMPTY,
    "receiptsRoot": EMPTY,
    "logsBloom": "0x" + "00" * 256,
    "difficulty": "0x400000000",
    "number": "0x0",
    "gasLimit": "0x1388",
    "gasUsed": "0x0",
    "timestamp": "0x0",
    "extraData": "0x11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa",
    "mixHash": ZERO,
    "nonce": "0x0000000000000042",
}
"""Of Ethereum's main network; its hash is in every client."""
LATER: tuple[dict[str, Any], ...] = (
    {},
    {"baseFeePerGas": "0x7"},
    {"baseFeePerGas": "0x0", "withdrawalsRoot": EMPTY},
    {"baseFeePerGas": "0x0", "withdrawalsRoot": EMPTY, "blobGasUsed": "0x0", "excessBlobGas": "0x20000",
     "parentBeaconBlockRoot": ZERO},
    {"baseFeePerGas": "0x0", "withdrawalsRoot": EMPTY, "blobGasUsed": "0x0", "excessBlobGas": "0x20000",
     "parentBeaconBlockRoot": ZERO, "requestsHash": "0x" + "e3" * 32},
)  # fmt: skip
"""London's fields, Shanghai's, Cancun's, Prague's, each with those before it."""
VALIDATORS = [bytes([i]) * 20 for i in range(1, 5)]
SEALS = [bytes([i]) * 65 for i in range(1, 4)]


def expected(block: dict[str, Any], extra: bytes) -> bytes:
    """The header's RLP by the library, from the fields in the order of the dict."""
    fields: list[Any] = []
    for name, value in block.items():
        if name == "hash":
            continue
        if name in ("difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas") or (
            name in ("blobGasUsed", "excessBlobGas")
        ):
            fields.append(int(value, 16))
        else:
            fields.append(extra if name == "extraData" else bytes.fromhex(value[2:]))
    return bytes(rlp.encode(fields))


def test_header_given_the_main_networks_first_block_hashes_to_what_everybody_knows() -> None:
    header = header_of(MAINNET_GENESIS)
    assert keccak(header).hex() == MAINNET_GENESIS["hash"][2:]
    assert header_of(MAINNET_GENESIS | {"size": "0x21c", "totalDifficulty": "0x400000000"}) == header


@pytest.mark.parametrize("later", LATER, ids=len)
def test_header_given_the_fields_of_later_rules_has_them_in_order_and_every_field_counts(
    later: dict[str, Any],
) -> None:
    block = MAINNET_GENESIS | later
    header = expected(block, bytes.fromhex(block["extraData"][2:]))
    block["hash"] = "0x" + keccak(header).hex()
    assert header_of(block) == header
    assert header_of(block | dict.fromkeys(set(LATER[-1]) - set(later))) == header  # written as null
    for name, value in block.items():
        changed = value[:-1] + ("1" if value[-1] == "0" else "0") if len(value) > 2 else "0x1"
        for wrong in (changed, None, 7, value + "1", "0x"):
            with pytest.raises(Garbage):
                header_of(block | {name: wrong})


@pytest.mark.parametrize(
    ("extra", "hashed"),
    [
        # QBFT: the round is a number, in what is hashed 0, and the list of seals is empty.
        ([bytes(32), VALIDATORS, [], 3, SEALS], [bytes(32), VALIDATORS, [], 0, []]),
        ([bytes(32), VALIDATORS, [VALIDATORS[0], b"\xff"], 0, SEALS],
         [bytes(32), VALIDATORS, [VALIDATORS[0], b"\xff"], 0, []]),
        # IBFT 2: the round has four bytes, a missing vote none; neither round nor seals are hashed.
        ([bytes(32), VALIDATORS, b"", bytes(3) + b"\2", SEALS], [bytes(32), VALIDATORS, b""]),
        ([bytes(32), VALIDATORS, [VALIDATORS[1], b"\0"], bytes(4), SEALS],
         [bytes(32), VALIDATORS, [VALIDATORS[1], b"\0"]]),
        # Their first blocks, and every other network's: all of it.
        ([bytes(32), VALIDATORS, [], 0, []], [bytes(32), VALIDATORS, [], 0, []]),
        ([bytes(32), VALIDATORS, b"", bytes(4), []], [bytes(32), VALIDATORS, b"", bytes(4), []]),
    ],
)  # fmt: skip
def test_header_given_signatures_in_its_extra_data_is_what_the_network_hashes(
    extra: list[Any], hashed: list[Any]
) -> None:
    block = MAINNET_GENESIS | LATER[1] | {"extraData": "0x" + rlp.encode(extra).hex()}
    header = expected(block, rlp.encode(hashed))
    block["hash"] = "0x" + keccak(header).hex()
    assert header_of(block) == header
    others = [bytes(32), VALIDATORS[1:], *extra[2:]]
    with pytest.raises(Garbage):
        header_of(block | {"extraData": "0x" + rlp.encode(others).hex()})


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_header_given_any_extra_data_is_garbage_unless_it_is_the_hashs(extra: bytes, other: bytes) -> None:
    block = MAINNET_GENESIS | {"extraData": "0x" + extra.hex()}
    header = expected(block, extra)
    block["hash"] = "0x" + keccak(header).hex()
    assert header_of(block) == header
    if other != extra:
        with pytest.raises(Garbage):
            header_of(block | {"extraData": "0x" + other.hex()})


@given(st.recursive(st.binary(max_size=70) | st.integers(0, 2**256), st.lists, max_leaves=40))
def test_rlp_written_part_by_part_is_the_librarys(value: Any) -> None:
    def written(each: Any) -> bytes:
        if isinstance(each, list):
            return listed(b"".join(written(part) for part in each))
        return number(each) if isinstance(each, int) else text(each)

    assert written(value) == rlp.encode(value)


def test_rlp_given_lengths_around_those_that_are_written_otherwise_is_the_librarys() -> None:
    for size in (0, 1, 55, 56, 255, 256, 65_535):
        for byte in (b"\0", b"\x7f", b"\x80"):
            assert text(byte * size) == rlp.encode(byte * size)
            assert listed(byte[:0] + b"\1" * size) == rlp.encode([1] * size)


def test_bloom_given_addresses_and_topics_has_the_bits_of_the_yellow_paper() -> None:
    """Bit by bit: 2,047 less the low eleven bits of each of a hash's first three pairs, from the left."""
    values = [bytes([i]) * 20 for i in range(9)] + [bytes([i]) * 32 for i in range(9)]
    bits = set()
    for value in values:
        digest = keccak(value)
        bits |= {2047 - (digest[i] * 256 + digest[i + 1]) % 2048 for i in (0, 2, 4)}
    found = bloom(values)
    assert len(found) == 256
    assert {i for i in range(2048) if found[i // 8] >> (7 - i % 8) & 1} == bits
    assert bloom([]) == bytes(256)


@given(
    st.integers(0, 127),
    st.integers(0, 1),
    st.integers(0, 2**64),
    st.lists(
        st.tuples(
            st.binary(min_size=20, max_size=20),
            st.lists(st.binary(min_size=32, max_size=32), max_size=4),
            st.binary(max_size=80),
        ),
        max_size=5,
    ),
)
def test_receipt_is_what_the_library_writes_of_it(
    kind: int, status: int, gas: int, rows: list[tuple[bytes, list[bytes], bytes]]
) -> None:
    logs = Logs.of(Log("0x" + address.hex(), tuple(topics), data) for address, topics, data in rows)
    filter_ = bloom([each for address, topics, _ in rows for each in (address, *topics)])
    payload = rlp.encode([status, gas, filter_, [[address, topics, data] for address, topics, data in rows]])
    assert encoded(kind, status, gas, logs) == (bytes([kind]) if kind else b"") + payload
