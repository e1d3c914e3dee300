"""What answers hold: read where every field is what it should be, garbage where any is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ledger.chain.answers import (
    Garbage,
    data,
    fee_history,
    header,
    included,
    known,
    mined,
    quantity,
    receipts,
)

HASH = "0x" + "11" * 32


@pytest.mark.parametrize(
    "value", [None, 5, True, "", "0x", "5", "0xg", "0x-1", "0x1_0", "0x" + "f" * 65, "0x 1"]
)
def test_quantity_given_no_number_raises(value: object) -> None:
    with pytest.raises(Garbage):
        quantity(value)


@pytest.mark.parametrize("value", [None, 5, b"", "", "ab", "0xa", "0xzz", "0xab cd", "0x ab", ["0x"]])
def test_data_given_no_bytes_raises(value: object) -> None:
    with pytest.raises(Garbage):
        data(value)


def test_values_given_good_ones_are_read() -> None:
    assert quantity("0x0") == 0
    assert quantity("0x" + "f" * 64) == 2**256 - 1
    assert data("0x") == b""
    assert data("0xAb01", 2) == b"\xab\x01"
    with pytest.raises(Garbage):
        data("0xab01", 3)
    history = {"baseFeePerGas": ["0x5", "0x6"], "reward": [["0x3"], ["0x1"], ["0x2"]]}
    assert fee_history(history) == (6, 2)


RECEIPT = {
    "transactionHash": HASH,
    "blockNumber": "0x5",
    "blockHash": HASH,
    "status": "0x1",
    "gasUsed": "0x5208",
    "contractAddress": None,
    "logs": [{"address": "0x" + "22" * 20, "topics": [HASH], "data": "0x00"}],
}
BLOCK = {
    "number": "0x5",
    "hash": HASH,
    "parentHash": HASH,
    "timestamp": "0x1",
    "gasLimit": "0x2",
    "gasUsed": "0x1",
}
TRANSACTION = {"hash": HASH, "from": "0x" + "22" * 20, "to": None, "input": "0x", "gas": "0x1"}
LOG = RECEIPT["logs"][0] | {  # type: ignore[index]
    "blockNumber": "0x5",
    "blockHash": HASH,
    "transactionHash": HASH,
    "logIndex": "0x0",
}


def changes_of(good: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The object with each field missing or of another kind."""
    for name in good:
        for value in (5, {}, "0x", "zz"):
            yield good | {name: value}
        if good[name] is not None:
            yield {key: value for key, value in good.items() if key != name}


def test_objects_given_any_field_changed_are_garbage() -> None:
    number = bytes.fromhex(HASH[2:])
    readers: list[tuple[dict[str, Any], Callable[[Any], object]]] = [
        (RECEIPT, lambda value: included(value, number)),
        (RECEIPT, lambda value: receipts([value], 5)),
        (BLOCK, lambda value: header(value, 5)),
        (TRANSACTION, lambda value: known(value, number)),
        (LOG, lambda value: mined([value], 0, 5)),
    ]
    for good, read in readers:
        assert read(good)
        for bad in [*changes_of(good), None, [], "0x", 5]:
            if isinstance(bad, dict) and (bad.get("data") == "0x" or bad.get("input") == "0x"):
                continue
            with pytest.raises(Garbage):
                read(bad)


def test_objects_given_those_of_another_request_are_garbage() -> None:
    for read in (
        lambda: included(RECEIPT, bytes(32)),
        lambda: included(RECEIPT | {"status": "0x2"}),
        lambda: receipts([RECEIPT], 4),
        lambda: receipts([RECEIPT, RECEIPT | {"blockHash": "0x" + "33" * 32}], 5),
        lambda: header(BLOCK, 4),
        lambda: known(TRANSACTION, bytes(32)),
        lambda: mined([LOG], 6, 7),
        lambda: mined([LOG, LOG], 0, 7),
        lambda: mined([LOG | {"removed": True}], 0, 7),
        lambda: mined([LOG, LOG | {"logIndex": "0x1", "blockHash": "0x" + "33" * 32}], 0, 7),
        lambda: included(RECEIPT | {"logs": [LOG | {"topics": [HASH] * 5}]}),
    ):
        with pytest.raises(Garbage):
            read()


def test_events_given_any_order_come_in_the_chain_s() -> None:
    later = LOG | {"logIndex": "0x2", "transactionHash": "0x" + "33" * 32}
    found, hashes = mined([later, LOG | {"logIndex": "0x1"}, LOG], 0, 5)
    assert [(each.transaction_hash.hex()[:2], len(each.logs)) for each in found] == [("11", 2), ("33", 1)]
    assert hashes == {5: bytes.fromhex(HASH[2:])}
