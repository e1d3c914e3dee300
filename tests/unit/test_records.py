"""Records, movements and masks as words.

pack      ─ golden bytes by hand, limits of each field, inverse of unpack, refusals
movements ─ golden bytes by hand, order by slot, negative deltas
masks     ─ bit i of the whole is record i, inverse, other lengths
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import InvalidValue
from ledger.records import Records, pack, pack_mask, pack_movements, unpack, unpack_mask
from ledger.units import MAX_AMOUNT, MAX_QUANTITY, MAX_TRADE_NO, exact

NAMES = ("number", "time", "buyer", "seller", "asset", "quantity", "amount")
LIMITS = (MAX_TRADE_NO, 2**24 - 1, 2**16 - 1, 2**16 - 1, 2**16 - 1, MAX_QUANTITY, MAX_AMOUNT)
Row = tuple[int, int, int, int, int, int, int]
rows_of_records = st.lists(st.tuples(*(st.integers(0, limit) for limit in LIMITS)), min_size=1, max_size=20)


def records(*rows: Row) -> Records:
    columns = list(zip(*rows, strict=True)) or [()] * 7
    types = (np.uint32, np.uint32, np.uint16, np.uint16, np.uint16, np.uint64)
    narrow = [np.array(column, dtype=kind) for column, kind in zip(columns, types, strict=False)]
    return Records(*narrow, exact(list(columns[6])))


def test_pack_gives_bytes_worked_out_by_hand() -> None:
    words = pack(records((1_005_579, 0xFFFFFF, 25, 42, 3, 10, 429_000)))
    assert words.hex() == "000f580bffffff0019002a0003000000000000000a0000000000000000068bc8"


def test_pack_given_every_limit_is_all_ones() -> None:
    assert pack(records(LIMITS)) == b"\xff" * 32


def test_pack_given_amounts_around_64_bits_keeps_each() -> None:
    amounts = [0, 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**87, MAX_AMOUNT]
    words = pack(records(*((i, 0, 0, 0, 0, 0, amount) for i, amount in enumerate(amounts))))
    assert [int.from_bytes(words[i * 32 + 21 : i * 32 + 32], "big") for i in range(8)] == amounts
    assert unpack(words).amount.tolist() == amounts


@given(rows_of_records)
@settings(max_examples=200)
def test_unpack_is_the_inverse_of_pack(rows: list[Row]) -> None:
    words = pack(records(*rows))
    assert len(words) == 32 * len(rows)
    back = unpack(words)
    assert list(zip(*(getattr(back, name).tolist() for name in NAMES), strict=True)) == rows
    assert pack(back) == words


@given(rows_of_records)
def test_pack_gives_each_field_its_own_bytes(rows: list[Row]) -> None:
    words = pack(records(*rows))
    for i, row in enumerate(rows):
        value = int.from_bytes(words[32 * i : 32 * i + 32], "big")
        widths = (32, 24, 16, 16, 16, 64, 88)
        for field, width in zip(reversed(row), reversed(widths), strict=True):
            assert value & ((1 << width) - 1) == field
            value >>= width


@pytest.mark.parametrize("amount", [-1, MAX_AMOUNT + 1, 2**200])
def test_pack_given_amount_that_does_not_fit_raises(amount: int) -> None:
    with pytest.raises(InvalidValue):
        pack(records((1, 0, 1, 2, 3, 4, amount), (2, 0, 1, 2, 3, 4, 5)))


@pytest.mark.parametrize(
    ("field", "value"), [("time", 2**24), ("number", 2**32), ("buyer", 2**16), ("asset", -1)]
)
def test_pack_given_column_with_too_large_a_value_raises(field: str, value: int) -> None:
    columns: dict[str, Any] = {name: np.array([1], dtype=np.int64) for name in NAMES}
    columns[field] = np.array([value], dtype=np.int64)
    with pytest.raises(InvalidValue):
        pack(Records(**columns))


def test_unpack_given_part_of_a_record_raises() -> None:
    with pytest.raises(InvalidValue):
        unpack(bytes(33))


def test_pack_and_unpack_given_nothing() -> None:
    assert pack(records()) == b""
    assert len(unpack(b"")) == 0


@given(rows_of_records)
def test_order_is_by_asset_then_number(rows: list[Row]) -> None:
    found = records(*rows)
    ordered = found.take(found.order())
    keys = list(zip(ordered.asset.tolist(), ordered.number.tolist(), strict=True))
    assert keys == sorted((row[4], row[0]) for row in rows)


def movements(*rows: tuple[int, int, int]) -> list[str]:
    asset, institution, delta = (np.array(column, dtype=object) for column in zip(*rows, strict=True))
    words = pack_movements(asset.astype(np.int64), institution.astype(np.int64), delta)
    return [words[i : i + 32].hex() for i in range(0, len(words), 32)]


def test_pack_movements_gives_words_worked_out_by_hand() -> None:
    assert movements((0x8001, 7, -1), (3, 0x1234, 2**64 - 1)) == [
        "00031234" + "00" * 12 + "0000000000000000ffffffffffffffff",
        "80010007" + "00" * 12 + "ff" * 16,
    ]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 2, 3, 4, 5, 7, 8, 0x7FFF, 0x8001, 0x8002, 0xFFFF]),
            st.integers(1, 2**16 - 1),
            st.integers(-(2**127), 2**127 - 1),
        ),
        min_size=1,
        max_size=15,
        unique_by=lambda row: row[:2],
    )
)
def test_pack_movements_orders_by_slot_and_keeps_deltas(rows: list[tuple[int, int, int]]) -> None:
    def slot(row: tuple[int, int, int]) -> tuple[int, int, int]:
        return (row[0] if row[0] & 0x8000 else row[0] // 4, row[1], row[0])

    securities = sorted((row for row in rows if row[0] < 0x8000), key=slot)
    currencies = sorted((row for row in rows if row[0] >= 0x8000), key=slot)
    expected = [
        f"{asset:04x}{who:04x}{0:024x}{delta % 2**128:032x}"
        for asset, who, delta in [*securities, *currencies]
    ]
    assert movements(*rows) == expected


@pytest.mark.parametrize("delta", [2**127, -(2**127) - 1, 2**128, 2**200])
def test_pack_movements_given_delta_that_does_not_fit_raises(delta: int) -> None:
    with pytest.raises(InvalidValue):
        movements((1, 1, 5), (2, 1, delta))


@pytest.mark.parametrize(("asset", "institution"), [(2**16, 1), (1, 2**16), (1, -1)])
def test_pack_movements_given_index_that_does_not_fit_raises(asset: int, institution: int) -> None:
    with pytest.raises(InvalidValue):
        movements((asset, institution, 5))


@pytest.mark.parametrize("delta", [0, 1, -1, 2**62, 2**63 - 1, -(2**63), 2**63, 2**64, -(2**64) - 1])
def test_pack_movements_given_deltas_around_64_bits_keeps_each(delta: int) -> None:
    assert movements((1, 1, delta)) == [f"{1:04x}{1:04x}{0:024x}{delta % 2**128:032x}"]


@given(st.lists(st.booleans(), max_size=600))
def test_mask_has_bit_i_for_record_i_and_unpacks_to_the_same(chosen: list[bool]) -> None:
    words = pack_mask(np.array(chosen, dtype=bool))
    assert len(words) == 32 * -(-len(chosen) // 256)
    for i, bit in enumerate(chosen):
        word = int.from_bytes(words[i // 256 * 32 : i // 256 * 32 + 32], "big")
        assert bool(word >> (i % 256) & 1) is bit
    assert sum(byte.bit_count() for byte in words) == sum(chosen)
    assert unpack_mask(words, len(chosen)).tolist() == chosen


def test_mask_of_the_first_and_the_257th_record_by_hand() -> None:
    chosen = np.zeros(257, dtype=bool)
    chosen[[0, 8, 256]] = True
    assert pack_mask(chosen).hex() == f"{0x101:064x}" + f"{1:064x}"
