"""Exact integers: money in minor units, quantities in whole units, rates in parts per million.

Nothing here touches a float. Text becomes an integer exactly or is refused; columns of integers
are int64 where every value fits and Python ints (dtype object) where one does not, so that no
sum or product can wrap around unseen. The bounds are those of the 32-byte record.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ledger.errors import InvalidValue

PPM = 1_000_000
"""Parts per million: the whole of a rate or of a revenue share."""

MAX_TRADE_NO = 2**32 - 1
MAX_QUANTITY = 2**64 - 1
MAX_AMOUNT = 2**88 - 1
MAX_FLAT = 2**64 - 1
"""The largest flat part of a fee, minor units."""
TIME_UNKNOWN = 0xFFFFFF
"""The record's `time` (seconds of the day) where the source has none."""

Column = npt.NDArray[Any]
"""One-dimensional, dtype int64 or object (Python ints)."""

_INT64_MAX = 2**63 - 1
_INT64_MIN = -(2**63)
_PLAIN = re.compile(r"([0-9]{1,40})(?:\.([0-9]{1,40}))?")


def parse_minor(text: str, exponent: int) -> int:
    """The amount that `text` writes in currency units, in minor units (exponent 2: "1.5" is 150).

    Takes plain decimal digits with at most `exponent` of them after the point, up to the record's
    largest amount. Raises InvalidValue for anything else: a float, a sign, an exponent, NaN,
    a separator, a space, a fraction of a minor unit.
    """
    if not isinstance(text, str):
        raise InvalidValue("amount", text, "amounts are decimal text, never a float or a bare number")
    match = _PLAIN.fullmatch(text)
    if match is None:
        raise InvalidValue("amount", text, 'plain decimal digits are wanted, as in "50000.00"')
    whole, fraction = match.group(1), match.group(2) or ""
    if len(fraction) > exponent:
        raise InvalidValue("amount", text, f"at most {exponent} digits may follow the point")
    amount = int(whole + fraction.ljust(exponent, "0"))
    if amount > MAX_AMOUNT:
        raise InvalidValue("amount", text, f"the record holds at most {format_minor(MAX_AMOUNT, exponent)}")
    return amount


def parse_ppm(text: str) -> int:
    """The fraction that `text` writes, from 0 to 1 with at most six decimals, in parts per million."""
    value = parse_minor(text, 6)
    if value > PPM:
        raise InvalidValue("fraction", text, "at most 1 is wanted")
    return value


def format_minor(amount: int, exponent: int, currency: str = "") -> str:
    """`amount` minor units for people: format_minor(429000, 2, "NPR") is "NPR 4,290.00"."""
    whole, fraction = divmod(abs(int(amount)), 10**exponent)
    text = f"{'-' if amount < 0 else ''}{whole:,}" + (f".{fraction:0{exponent}d}" if exponent else "")
    return f"{currency} {text}" if currency else text


def format_quantity(quantity: int) -> str:
    """Whole units for people: "1,200"."""
    return f"{int(quantity):,}"


def mul_div_down(a: int, b: int, c: int) -> int:
    """floor(a * b / c), exact. `a` and `b` are not negative and `c` is positive, as on the chain."""
    if a < 0 or b < 0 or c <= 0:
        raise InvalidValue("product", (a, b, c), "two factors not below 0 and a positive divisor are wanted")
    return a * b // c


def mul_div_up(a: int, b: int, c: int) -> int:
    """ceil(a * b / c), exact, of the same: what must not be understated."""
    return mul_div_down(a, b, c) + (a * b % c > 0)


def exact(values: Sequence[int] | npt.NDArray[Any]) -> Column:
    """`values` as a column: int64 where each fits, else Python ints in an object array.

    Raises InvalidValue where a value is no integer (floats and booleans are not).
    """
    if isinstance(values, np.ndarray):
        return _exact_array(values)
    if not all(isinstance(value, (int, np.integer)) and not isinstance(value, bool) for value in values):
        raise InvalidValue("column", values, "every value must be an integer")
    if not len(values) or (max(values) <= _INT64_MAX and min(values) >= _INT64_MIN):
        return np.array(values, dtype=np.int64)
    return _objects([int(value) for value in values])


def exact_sum(values: Sequence[int] | npt.NDArray[Any]) -> int:
    """The sum, exact however large: where int64 could wrap around, it is taken in Python ints."""
    column = exact(values)
    if column.dtype == object or not _sums_in_int64(column):
        return sum(column.tolist())
    return int(column.sum())


def exact_add(size: int, index: npt.NDArray[Any], values: npt.NDArray[Any]) -> Column:
    """The sum of the values at each index below `size`, exact: Python ints where int64 could wrap around,
    here or in a sum of eight such columns.
    """
    total: Column
    if values.dtype == object:
        total = np.zeros(size, dtype=object)
        np.add.at(total, index, values)
        return total
    if not _could_wrap_around(values):
        return _add(size, index, values)
    # Each half of a value has 32 bits, so that 2^31 of them can be added.
    low = _add(size, index, values & values.dtype.type(0xFFFFFFFF))
    high = _add(size, index, values >> values.dtype.type(32))
    total = (high.astype(object) << 32) + low
    return total


def _add(size: int, index: npt.NDArray[Any], values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    total = np.zeros(size, dtype=np.int64)
    np.add.at(total, index, values.astype(np.int64, copy=False))
    return total


def _could_wrap_around(values: npt.NDArray[Any]) -> bool:
    if not values.size:
        return False
    return max(int(values.max()), -int(values.min())) * values.size >= 1 << 60


def exact_words(words: npt.NDArray[np.uint8]) -> Column:
    """Big-endian unsigned words, n rows of 32 bytes, as a column."""
    if not words[:, :24].any() and not (words[:, 24] & 0x80).any():
        return np.ascontiguousarray(words[:, 24:]).view(">i8").reshape(-1).astype(np.int64)
    return exact([int.from_bytes(word.tobytes(), "big") for word in words])


def _sums_in_int64(column: Column) -> bool:
    if not column.size:
        return True
    largest = max(abs(int(column.max())), abs(int(column.min())))
    return largest * column.size <= _INT64_MAX


def _exact_array(array: npt.NDArray[Any]) -> Column:
    if array.dtype == object:
        return exact(array.tolist())
    if array.dtype.kind not in "iu":
        raise InvalidValue("column", array.dtype, "an array of integers is wanted")
    if array.dtype.kind == "u" and array.size and int(array.max()) > _INT64_MAX:
        return _objects(array.tolist())
    return array.astype(np.int64, copy=False)


def _objects(values: list[int]) -> Column:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
