"""What is left of a name and of an amount under a mask: the same in SQL and in Python.

A name or an account's number keeps its last four characters, or of fewer than eight the last half: what is
short would else be whole. An amount or a quantity is rounded to one significant digit; what lies in the
middle goes to the even digit (ISO 80000-1, half to even), which favours nobody; its sign stays, and so does
nothing where there is nothing. All in integers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

KEPT = 4
MOST = 9 * 10**37
"""The largest masked amount: what would round up to 39 digits is rounded down, where DECIMAL(38, 0) ends."""


def mask_name(text: str) -> str:
    """The end of a name or number, behind a mark that something is left out."""
    kept = min(KEPT, len(text) // 2)
    return "…" + text[len(text) - kept :]


def mask_amount(amount: int | None) -> int | None:
    """The amount to one digit, half to even."""
    if not amount:
        return amount
    power: int = 10 ** (len(str(abs(amount))) - 1)
    digit, rest = divmod(abs(amount), power)
    digit += 2 * rest > power or (2 * rest == power and digit % 2)
    return (-1 if amount < 0 else 1) * min(digit * power, MOST)


_UP = """substr(s, 2) >= '5' and (left(s, 1)::utinyint % 2 = 1 or rtrim(s, '0')[2:] <> '5')"""
"""Of the digits `s` of an amount: more than the middle, or the middle above an odd digit."""
_DIGIT = f"""
    case when length(s) = 1 or (length(s) = 38 and left(s, 1) = '9') then left(s, 1)
    else (left(s, 1)::utinyint + ({_UP})::utinyint)::varchar end || repeat('0', length(s) - 1)"""
MACROS = (
    f"mask_name(text) as '…' || right(text, least({KEPT}, length(text) // 2))",
    f"mask_digits(s) as {_DIGIT}",
    (
        "mask_text(t) as (case when left(t, 1) = '-' then '-' || mask_digits(substr(t, 2))"
        " else mask_digits(t) end)::hugeint::decimal(38, 0)"
    ),
    # By way of text and HUGEINT: straight from text to DECIMAL(38, 0) takes thirty times as long. A macro's
    # argument is put in wherever it is named, so there are few places; a lambda would be called row by row.
    "mask_amount(amount) as mask_text(amount::varchar)",
)
"""`mask_name`, `mask_amount` and what they are made of, each behind `create macro`, in their order."""


def create_macros(connection: DuckDBPyConnection) -> None:
    """Make `mask_name(text)` and `mask_amount(amount)`, which views of a masked viewer call."""
    for macro in MACROS:
        connection.execute(f"create macro {macro}")
