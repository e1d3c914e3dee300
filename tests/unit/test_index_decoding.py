"""Columns of events against Python's integers and eth-abi: widths, signs, what 38 digits do not hold; and
columns of where trades stand, which stay as they were taken."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.abi import CODEC
from ledger.chain import Log, Logs
from ledger.clients.clearing_house import Status
from ledger.compile import artifacts
from ledger.deploy import CONTRACTS
from ledger.index.columns import stood
from ledger.index.decoding import EventKind, event_kinds, event_schema, event_tables
from ledger.index.standing import Standing

EDGE = 10**38
KINDS = {
    "uint8": 8, "uint24": 24, "uint40": 40, "uint64": 64, "uint88": 88, "uint128": 128, "uint256": 256,
    "int64": -64, "int128": -128, "int256": -256,
}  # fmt: skip


def _values(bits: int) -> st.SearchStrategy[int]:
    least, most = (0, 2**bits - 1) if bits > 0 else (-(2 ** (-bits - 1)), 2 ** (-bits - 1) - 1)
    edges = [least, most, 0, -1, 1, 2**63, 2**64 - 1, 2**64, EDGE, EDGE - 1, -EDGE, 1 - EDGE]
    return st.sampled_from([each for each in edges if least <= each <= most]) | st.integers(least, most)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(*map(_values, KINDS.values())), min_size=1, max_size=5))
def test_column_given_any_integers_are_pythons(rows: list[tuple[int, ...]]) -> None:
    inputs = [{"name": kind, "type": kind, "indexed": kind == "uint40"} for kind in KINDS]
    kind = EventKind("A", {"name": "B", "inputs": inputs})
    plain = [each["type"] for each in inputs if not each["indexed"]]
    logs = []
    for row in rows:
        given_ = dict(zip(KINDS, row, strict=True))
        topic = CODEC.encode(["uint40"], [given_["uint40"]])
        data = CODEC.encode(plain, [given_[each] for each in plain])
        logs.append(Log("0x" + "00" * 20, (kind.topic, topic), data))
    columns = kind.decode(Logs.of(logs), np.arange(len(rows)))
    assert [column.type for column in columns] == list(kind.schema.types)[2:]
    found = list(zip(*(column.to_pylist() for column in columns), strict=True))
    for row, shown in zip(rows, found, strict=True):
        for value, one in zip(row, shown, strict=True):
            assert one == (value if abs(value) < EDGE or not isinstance(one, Decimal | None) else None)
            assert one is not None or abs(value) >= EDGE


def test_tables_given_all_contracts_are_every_event_but_transfers() -> None:
    expected = {
        f"{name}_{entry['name']}"
        for name in CONTRACTS
        for entry in artifacts()[name].abi
        if entry["type"] == "event"
    }
    assert expected - set(event_tables()) == {"AssetRegister_Transfer"}
    assert len({kind.topic[:8] + kind.contract.encode() for kind in event_kinds()}) == len(event_kinds())
    with pytest.raises(KeyError):
        event_schema("AssetRegister", "Transfer")
    shapes: dict[str, Any] = {
        each.name: str(each.type) for each in event_schema("Agreements", "TermsProposed")
    }
    assert shapes["terms"] == "list<item: fixed_size_binary[32]>"


def test_lists_given_amounts_of_any_size_are_them_or_null() -> None:
    kind = next(each for each in event_kinds() if each.name == "ClauseRun")
    topics = (kind.topic, *(CODEC.encode(["uint256"], [n]) for n in (3, 24288, 1)))
    rows = [(1, EDGE, 2**256 - 1, [0, EDGE - 1, EDGE, 2**256 - 1]), (0, 0, 0, [])]
    logs = [
        Log("0x" + "00" * 20, topics, CODEC.encode(["uint256", "uint256", "uint256", "uint256[]"], row))
        for row in rows
    ]
    columns = [column.to_pylist() for column in kind.decode(Logs.of(logs), np.arange(2))]
    assert columns[3:] == [[1, 0], [None, 0], [None, 0], [[0, EDGE - 1, None, None], []]]
    header = next(each for each in event_kinds() if each.name == "BatchRecorded")
    values = (bytes(range(32)), 7, (1, 20240314, 32769, 20240315, 9, 1))
    data = CODEC.encode(["bytes32", "uint256", "(uint16,uint32,uint16,uint32,uint16,uint8)"], values)
    topics = (header.topic, *(CODEC.encode(["uint256"], [n]) for n in (3, 1, 20240314)))
    log = Log("0x" + "00" * 20, topics, data)
    *_, digest, count, struct = (
        column.to_pylist()[0] for column in header.decode(Logs.of([log]), np.arange(1))
    )
    assert (digest, count, tuple(struct.values())) == values


def test_text_given_bytes_that_are_none_is_shown_all_the_same() -> None:
    kind = next(each for each in event_kinds() if each.name == "LineContested")
    topics = (kind.topic, *(CODEC.encode(["uint256"], [n]) for n in (3, 24288, 1)))
    data = CODEC.encode(["bytes32", "uint16", "bytes"], [bytes(32), 9, b"not \xff text"])
    columns = kind.decode(Logs.of([Log("0x" + "00" * 20, topics, data)]), np.arange(1))
    assert [column.to_pylist()[0] for column in columns] == [3, 24288, 1, bytes(32), 9, "not � text"]


@pytest.mark.parametrize("rows", [slice(None), np.array([0, 2])], ids=["all", "some"])
def test_stood_given_a_later_change_says_how_it_was(rows: Any) -> None:
    standing = Standing.recorded(0, np.arange(3, dtype=np.uint32), np.full(3, 7, dtype=np.uint64))
    standing.settle(np.array([True, False, False]), 4)
    columns = stood(standing, rows)
    standing.settle(np.array([True, False, True]), 5)
    assert [column.to_pylist()[-1] for column in columns] == [Status.PENDING, 0, None]
    assert [column.to_pylist()[0] for column in columns] == [Status.SETTLED, 7, 4]
