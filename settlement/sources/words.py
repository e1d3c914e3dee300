"""Columns of names, days and times: each distinct value is read once."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ledger.units import TIME_UNKNOWN
from settlement.sources.errors import SourceRefused
from settlement.sources.numbers import shown_cell
from settlement.sources.table import Rows

Codes = npt.NDArray[np.int32]
Parsed = tuple[int, str]
"""What a text is, and why it is nothing; "" where it is something."""

ISO_DAY, ISO_TIME = "YYYY-MM-DD", "HH:MM:SS"
_TWO_WAYS = re.compile(r"([0-9]{1,2})([/.\- ])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TOKENS = {
    "YYYY": "(?P<year>[0-9]{4})",
    "YY": "(?P<short>[0-9]{2})",
    "MON": "(?P<word>[A-Za-z]{3})",
    "MM": "(?P<month>[0-9]{1,2})",
    "DD": "(?P<day>[0-9]{1,2})",
}
_CLOCK = {"HH": "(?P<hour>[0-9]{1,2})", "MM": "(?P<minute>[0-9]{2})", "SS": "(?P<second>[0-9]{2})"}


def distinct(array: Any) -> tuple[list[Any], Codes]:
    """The different values of a chunked array, and of each row which it has; -1 where it has none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    encoded = encoded.unify_dictionaries()
    if not encoded.num_chunks:
        return [], np.zeros(0, dtype=np.int32)
    codes = [
        pc.fill_null(chunk.indices.cast(pa.int32()), -1).to_numpy(zero_copy_only=False)
        for chunk in encoded.chunks
    ]
    return encoded.chunk(0).dictionary.to_pylist(), np.concatenate(codes)


def names(
    rows: Rows,
    array: Any,
    column: str,
    pattern: str | None,
    known: Mapping[str, str],
    *,
    optional: bool = False,
) -> tuple[list[str], Codes]:
    """The names in a column, `known` giving ours for theirs, and of each row which; -1 where it has none."""
    found, codes = distinct(array)
    table: dict[str, int] = {}
    why: dict[int, str] = {}
    ours = np.full(len(found) + 1, -1, dtype=np.int32)
    for place, value in enumerate(found):
        text, fault = _name(value, pattern)
        if fault and not (optional and not text):
            why[place] = fault
        elif text:
            name = known.get(text, text)
            ours[place] = table.setdefault(name, len(table))
    _refuse(rows, array, column, codes, why, "" if optional else "is empty")
    return list(table), ours[codes]


def _name(value: object, pattern: str | None) -> tuple[str, str]:
    text = value if isinstance(value, str) else str(value)
    if pattern is not None and text:
        fit = re.fullmatch(pattern, text, re.ASCII)
        if fit is None:
            return text, f"does not fit the pattern {pattern}"
        text = fit.group(1)
    if not text:
        return "", "is empty"
    return text, "" if text.isprintable() else "holds control characters"


def taken(text: str, pattern: str | None) -> str:
    """What the one group of `pattern` is in a text, the text itself without one, "" where it does not fit."""
    if pattern is None:
        return text
    fit = re.fullmatch(pattern, text, re.ASCII)
    return fit.group(1) or "" if fit else ""


def days(rows: Rows, array: Any, column: str, form: str | None, pattern: str | None, optional: bool) -> Codes:
    """Days as yyyymmdd; 0 in rows that were refused, or empty where that is allowed.

    Raises SourceRefused where a date reads in two ways and no form says in which.
    """
    import pyarrow as pa

    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.date32(), safe=False)
    found, codes = distinct(array)
    if form is None:
        texts = [taken(value, pattern) for value in found if isinstance(value, str)]
        _check_two_ways(rows.source, column, texts)
    read = day_reader(form)
    return _each(rows, array, column, found, codes, _through(pattern, read), optional, 0)


def times(
    rows: Rows, array: Any, column: str, form: str | None, pattern: str | None
) -> npt.NDArray[np.uint32]:
    """Seconds of the day, TIME_UNKNOWN where a cell is empty; parts of a second are dropped."""
    import pyarrow as pa

    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.timestamp("s"), safe=False).cast(pa.time32("s"))
    elif pa.types.is_time(array.type):
        array = array.cast(pa.time32("s"), safe=False) if pa.types.is_time32(array.type) else _seconds(array)
    found, codes = distinct(array)
    read = time_reader(form)
    return _each(rows, array, column, found, codes, _through(pattern, read), True, TIME_UNKNOWN).astype(
        np.uint32
    )


def _seconds(array: Any) -> Any:
    import pyarrow as pa

    return array.cast(pa.time64("us"), safe=False).cast(pa.time32("s"), safe=False)


def _each(
    rows: Rows,
    array: Any,
    column: str,
    found: list[Any],
    codes: Codes,
    read: Callable[[Any], Parsed],
    optional: bool,
    nothing: int,
) -> Codes:
    values = np.full(len(found) + 1, nothing, dtype=np.int32)
    why: dict[int, str] = {}
    for place, value in enumerate(found):
        if value == "" and optional:
            continue
        values[place], fault = read(value)
        if fault:
            values[place], why[place] = nothing, fault
    _refuse(rows, array, column, codes, why, "" if optional else "is empty")
    return values[codes]


def _refuse(rows: Rows, array: Any, column: str, codes: Codes, why: Mapping[int, str], vacant: str) -> None:
    if vacant and (codes < 0).any():
        why = {**why, -1: vacant}
    if not why:
        return
    bad = np.flatnonzero(np.isin(codes, list(why)))
    rows.refuse(bad, column, lambda row: shown_cell(array, row), lambda row: why[int(codes[row])])


def _through(pattern: str | None, read: Callable[[Any], Parsed]) -> Callable[[Any], Parsed]:
    if pattern is None:
        return read

    def through(value: Any) -> Parsed:
        fit = re.fullmatch(pattern, str(value), re.ASCII)
        return read(fit.group(1)) if fit else (0, f"does not fit the pattern {pattern}")

    return through


def two_ways(text: str) -> tuple[str, tuple[int, int, str], tuple[int, int, str]] | None:
    """Of a date such as 03/04/2024: what stands between its parts, (day, month, year) in both readings."""
    match = _TWO_WAYS.fullmatch(text)
    if match is None:
        return None
    first, between, second, year = match.groups()
    return between, (int(first), int(second), year), (int(second), int(first), year)


def _check_two_ways(source: str, column: str, texts: list[str]) -> None:
    """No date of the column may have its day and month in either order."""
    forms = [(text, read) for text in texts if (read := two_ways(text))]
    if not forms:
        return
    open_ways = [(text, read) for text, read in forms if read[1][0] <= 12 and read[2][0] <= 12]
    text, (between, first, second) = (open_ways or forms)[0]
    year = "YYYY" if len(first[2]) == 4 else "YY"
    written = [between.join(["DD", "MM", year]), between.join(["MM", "DD", year])]
    said = [f"{d} {_MONTHS[m - 1].title()} {y}" for d, m, y in (first, second) if 1 <= m <= 12]
    how = "reads in two ways, " + " or ".join(said) if len(said) == 2 else "is not YYYY-MM-DD"
    raise SourceRefused(
        source,
        f"column {column!r}: {text} {how}; "
        f"write `date_format: {written[0]}` or `date_format: {written[1]}` into the mapping",
    )


def day_reader(form: str | None) -> Callable[[Any], Parsed]:
    """What reads one day, written as `form` (YYYY, YY, MM, MON, DD and what stands between)."""
    expression = re.compile(day_expression(form or ISO_DAY))
    bare = re.compile("([0-9]{4})([0-9]{2})([0-9]{2})")

    def read(value: Any) -> Parsed:
        if isinstance(value, dt.date):
            return value.year * 10000 + value.month * 100 + value.day, ""
        text = str(value)
        if not text:
            return 0, "is empty"
        match = expression.fullmatch(text)
        if match is None and form is None and (digits := bare.fullmatch(text)):
            return _day(*(int(part) for part in digits.groups()))
        if match is None:
            return 0, f"is not a date as {form or ISO_DAY}"
        parts = match.groupdict()
        month = _month(parts["word"]) if "word" in parts else int(parts["month"])
        year = int(parts["year"]) if "year" in parts else 2000 + int(parts["short"])
        return _day(year, month, int(parts["day"]))

    return read


def day_expression(form: str) -> str:
    """The regular expression of a form of dates."""
    return _expression(form, _TOKENS)


def time_reader(form: str | None) -> Callable[[Any], Parsed]:
    """What reads one time of day, written as `form` (HH, MM, SS and what stands between)."""
    expression = re.compile(_expression(form or ISO_TIME, _CLOCK))

    def read(value: Any) -> Parsed:
        if isinstance(value, dt.time):
            return value.hour * 3600 + value.minute * 60 + value.second, ""
        match = expression.fullmatch(str(value))
        if match is None:
            return 0, f"is not a time of day as {form or ISO_TIME}"
        parts = {name: int(text) for name, text in match.groupdict().items()}
        hour, minute, second = (parts.get(name, 0) for name in ("hour", "minute", "second"))
        if hour > 23 or minute > 59 or second > 59:
            return 0, "is no time of day"
        return hour * 3600 + minute * 60 + second, ""

    return read


def _expression(form: str, tokens: Mapping[str, str]) -> str:
    parts = re.split(f"({'|'.join(tokens)})", form)
    if form.isalnum():  # nothing between the parts: each has all its digits
        tokens = {token: text.replace("{1,2}", "{2}") for token, text in tokens.items()}
    return "".join(tokens.get(part) or re.escape(part) for part in parts)


def _month(word: str) -> int:
    return _MONTHS.index(word.lower()) + 1 if word.lower() in _MONTHS else 0


def _day(year: int, month: int, day: int) -> Parsed:
    try:
        dt.date(year, month, day)
    except ValueError:
        return 0, "is no calendar day"
    return year * 10000 + month * 100 + day, ""
