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
_DIGITS = 17
"""Of amounts, with their sign, that are rounded in 64 bits; the next larger one still fits."""


def mask_name(text: str | None) -> str | None:
    """The end of a name or number, behind a mark that something is left out."""
    if text is None:
        return None
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


def _rounded(kind: str, first: int, last: int) -> str:
    """In SQL, the amount `a`, not negative, of more than `first` and at most `last` digits, to one digit.

    Half of the place is added before it is cut, one less where the amount is in the middle above an even
    digit.
    """
    cases = []
    for place in range(first, last):
        power, half = f"{10**place}::{kind}", f"{10**place // 2}::{kind}"
        middle = f"(a % {2 * 10**place}::{kind} = {half})::{kind}"
        cases.append(
            f"when a < {10 ** (place + 1)}::{kind} then (a + {half} - {middle}) // {power} * {power}"
        )
    return " ".join(cases)


MACROS = (
    f"mask_name(text) as '…' || right(text, least({KEPT}, length(text) // 2))",
    f"mask_small(a) as case when a < 10 then a {_rounded('bigint', 1, _DIGITS)} end",
    f"mask_large(a) as least(case {_rounded('hugeint', _DIGITS - 1, 38)} end, {MOST}::hugeint)",
    (
        f"mask_sized(s) as case when length(s) > {_DIGITS}"
        " then (sign(s::hugeint) * mask_large(abs(s::hugeint)))::decimal(38, 0)"
        " else (sign(s::bigint) * mask_small(abs(s::bigint)))::decimal(38, 0) end"
    ),
    # By way of text: DuckDB takes ten times as long from DECIMAL(38, 0) to an integer.
    "mask_amount(amount) as mask_sized(amount::varchar)",
)
"""`mask_name`, `mask_amount` and what they are made of, each behind `create macro`, in their order."""


def create_macros(connection: DuckDBPyConnection) -> None:
    """Make `mask_name(text)` and `mask_amount(amount)`, which views of a masked viewer call."""
    for macro in MACROS:
        connection.execute(f"create macro {macro}")
