"""An institution's own side of a trade file.

The file is read by Arrow's CSV reader into decimal numbers, apart from `settlement.intake`, whose results are
what the books are held against. Rows that intake refused are in nobody's book: their lines are cut out before
anything is read.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv

from ledger.units import TIME_UNKNOWN
from settlement.books.arrow import DIGITS, from_decimals
from settlement.model import Trades
from settlement.scenario import Scenario

_NAME = pa.dictionary(pa.int32(), pa.string())
_LONE_RETURN = re.compile(rb"\r(?!\n|\Z)")
_NEPSE_NUMBER = 10**8
"""A contract number is the day before eight digits of the trade's."""


def read_file(data: bytes, scenario: Scenario, trading_day: date, refused: Collection[int]) -> Trades:
    """The file's rows in its order, each once for both of its sides; `refused` are line numbers.

    Raises ValueError where a line that is not refused is not one of the format.
    """
    kept, line = _without(data.removeprefix(b"\xef\xbb\xbf"), refused)
    form = {"nepse": _nepse_form, "canonical": _canonical_form}[scenario.format](scenario.exponent)
    table = csv.read_csv(
        pa.BufferReader(kept),
        parse_options=csv.ParseOptions(ignore_empty_lines=True),
        convert_options=csv.ConvertOptions(
            column_types=form, include_columns=list(form), null_values=[""], strings_can_be_null=False
        ),
    ).unify_dictionaries()
    if len(table) > len(line):
        raise ValueError(f"{len(table)} rows in {len(line)} lines")
    columns = [table.column(name) for name in form]
    return (_nepse if scenario.format == "nepse" else _canonical)(
        columns, scenario, trading_day, line[: len(table)]
    )


def _without(data: bytes, refused: Collection[int]) -> tuple[bytes, npt.NDArray[np.int64]]:
    """The file less the refused lines, and the numbers of the lines after the header that are left.

    A carriage return inside a line, which only fields without meaning can have, becomes a space.
    """
    count = data.count(b"\n") + (not data.endswith(b"\n"))
    out = np.array(sorted(refused), dtype=np.int64)
    if len(out):
        feeds = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n")) + 1
        bounds = np.concatenate([[0], feeds, [len(data)]])
        cuts = zip(bounds[out - 1].tolist(), bounds[out].tolist(), strict=True)
        pieces, start = [], 0
        for cut, after in cuts:
            pieces.append(data[start:cut])
            start = after
        data = b"".join([*pieces, data[start:]])
    if b"\r" in data:
        data = _LONE_RETURN.sub(b" ", data)
    if not data.endswith(b"\n"):
        data += b"\n"
    line = np.ones(count + 1, dtype=np.bool_)
    line[:2] = False
    line[out] = False
    return data, np.flatnonzero(line)


def _canonical_form(exponent: int) -> dict[str, Any]:
    return {
        "trade_no": pa.uint32(),
        "trade_time": pa.time32("s"),
        "buyer": _NAME,
        "seller": _NAME,
        "security": _NAME,
        "quantity": pa.uint64(),
        "settlement_amount": pa.decimal128(DIGITS, exponent),
    }


def _canonical(
    columns: list[Any], scenario: Scenario, trading_day: date, line: npt.NDArray[np.int64]
) -> Trades:
    number, time, buyer, seller, security, quantity, amount = columns
    seconds = time.cast(pa.int32()).fill_null(TIME_UNKNOWN)
    return _trades(
        scenario,
        trading_day,
        line,
        number.to_numpy(),
        seconds.to_numpy(),
        buyer,
        seller,
        security,
        quantity,
        amount,
    )


def _nepse_form(exponent: int) -> dict[str, Any]:
    return {
        "Contract_No": pa.uint64(),
        "Buyer_Broker": _NAME,
        "Seller_Broker": _NAME,
        "Stock_Symbol": _NAME,
        "Quantity": pa.uint64(),
        "Amount": pa.decimal128(DIGITS, exponent),
    }


def _nepse(columns: list[Any], scenario: Scenario, trading_day: date, line: npt.NDArray[np.int64]) -> Trades:
    contract, *rest = columns
    number = contract.to_numpy() % _NEPSE_NUMBER
    return _trades(scenario, trading_day, line, number, np.full(len(number), TIME_UNKNOWN), *rest)


def _trades(
    scenario: Scenario,
    trading_day: date,
    line: npt.NDArray[np.int64],
    number: npt.NDArray[Any],
    time: npt.NDArray[Any],
    buyer: Any,
    seller: Any,
    security: Any,
    quantity: Any,
    amount: Any,
) -> Trades:
    codes, securities = _encoded(security)
    return Trades(
        trading_day=trading_day,
        parties=scenario.brokers,
        securities=securities,
        number=number,
        time=time,
        buyer=_parties(buyer, scenario.brokers),
        seller=_parties(seller, scenario.brokers),
        security=codes,
        quantity=quantity.to_numpy(),
        amount=from_decimals(amount),
        line=line,
    )


def _parties(names: Any, brokers: tuple[str, ...]) -> npt.NDArray[np.int32]:
    codes, found = _encoded(names)
    place = {broker: i for i, broker in enumerate(brokers)}
    return np.array([place[name] for name in found], dtype=np.int32)[codes]


def _encoded(names: Any) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
    """A column of names as codes, and the names in the order of their first appearance."""
    if not len(names):
        return np.empty(0, dtype=np.int32), ()
    whole = names.combine_chunks()
    return whole.indices.to_numpy(), tuple(whole.dictionary.to_pylist())
