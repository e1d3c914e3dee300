"""CSV as a table of text.

Read by Arrow where every line is one row with as many cells as the header and no quote stands out of place;
anything else is read again row by row, which knows which line is wrong and goes on after it. Both give the
same for what both can read.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from settlement.intake.rows import shown
from settlement.reconciliation.model import Refused
from settlement.sources.errors import SourceRefused
from settlement.sources.table import Loaded, Table, check_columns

_BOM = b"\xef\xbb\xbf"
_LF, _CR, _QUOTE = b'\n\r"'
_LONGEST = 20
"""Lines that one row may take, its quoted cells holding line breaks."""
_BATCH = 1 << 16
_STEP = 1 << 24


def read(data: bytes, name: str, *, encoding: str = "utf-8", delimiter: str = ",") -> Table:
    """The table in the bytes of a CSV file. Raises SourceRefused: not in `encoding`, empty, no header, a
    column twice.
    """
    data = _utf8(data, name, encoding)
    end = len(data)
    while end and data[end - 1] in b"\r\n":
        end -= 1
    if not end:
        raise SourceRefused(name, "is empty: not even a header")
    first = data.find(b"\n", 0, end)
    head = data[: first if first >= 0 else end]
    check_utf8(head, name)
    columns = tuple(_split(head.decode().removesuffix("\r"), delimiter) or ())
    if not columns:
        raise SourceRefused(name, "its first line is no header: a quote or a line end is out of place in it")
    check_columns(name, columns)
    body = memoryview(data)[first + 1 : end] if first >= 0 else memoryview(b"")

    def load(wanted: Sequence[str]) -> Loaded:
        if not len(body):
            return _loaded({column: [] for column in wanted}, [], 0, [])
        fast = None if _odd_quotes(body, delimiter) else _fast(body, name, columns, wanted, delimiter)
        return fast or _slow(bytes(body), name, columns, wanted, delimiter)

    return Table(name, columns, load)


def sniff(head: bytes) -> str:
    """The delimiter that the first line has most of; a comma where it has none."""
    line = head.split(b"\n", 1)[0].decode("latin-1")
    return max(",;\t|", key=line.count)


def check_utf8(data: bytes | memoryview, name: str, line: int = 1) -> None:
    """Raises SourceRefused with the line and the byte where `data`, which begins on `line`, is not UTF-8."""
    whole = bytes(data)
    try:
        whole.decode("utf-8")
    except UnicodeDecodeError as error:
        start = whole.rfind(b"\n", 0, error.start) + 1
        on = line + whole.count(b"\n", 0, error.start)
        raise SourceRefused(
            name,
            f"is not UTF-8: line {on}, byte {error.start - start + 1} is 0x{whole[error.start]:02x}; write "
            "its encoding into the mapping, as in `encoding: cp1252`",
        ) from None


def _utf8(data: bytes, name: str, encoding: str) -> bytes:
    """The data in UTF-8 and without a byte order mark."""
    if encoding.lower().replace("_", "-") not in ("utf-8", "utf8", "utf-8-sig"):
        try:
            return data.decode(encoding).removeprefix("\ufeff").encode()
        except LookupError:
            raise SourceRefused(name, f"encoding: {encoding!r} is no encoding that is known") from None
        except UnicodeError as error:
            at = getattr(error, "start", 0)
            line = data.count(b"\n", 0, at) + 1
            raise SourceRefused(
                name, f"is not {encoding}: line {line}, at byte {at + 1} of the file"
            ) from None
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise SourceRefused(name, "is UTF-16, not UTF-8; write `encoding: utf-16` into the mapping")
    return data.removeprefix(_BOM)


def _odd_quotes(body: memoryview, delimiter: str) -> bool:
    """Whether any quote does neither open nor close a cell, or does both, or they do not take turns."""
    octets = np.frombuffer(body, dtype=np.uint8)
    parts = [np.flatnonzero(octets[at : at + _STEP] == _QUOTE) + at for at in range(0, len(octets), _STEP)]
    quotes = np.concatenate(parts)
    if not len(quotes):
        return False
    comma = ord(delimiter)
    before = octets[np.maximum(quotes - 1, 0)]
    after = octets[np.minimum(quotes + 1, len(octets) - 1)]
    opens = (quotes == 0) | (before == comma) | (before == _LF)
    closes = (quotes == len(octets) - 1) | (after == comma) | (after == _LF) | (after == _CR)
    turns = np.arange(len(quotes)) % 2 == 0
    return len(quotes) % 2 == 1 or bool((opens == closes).any() or (opens != turns).any())


def _fast(
    body: memoryview, name: str, columns: Sequence[str], wanted: Sequence[str], delimiter: str
) -> Loaded | None:
    """All rows by Arrow, or None where some need a closer look."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    octets = np.frombuffer(body, dtype=np.uint8)
    lines = 1 + sum(
        int(np.count_nonzero(octets[at : at + _STEP] == _LF)) for at in range(0, len(octets), _STEP)
    )
    for at in range(0, len(octets), _STEP):
        if not octets[at : at + _STEP].all():
            return None
    returns = sum(
        int(np.count_nonzero(octets[at : at + _STEP] == _CR)) for at in range(0, len(octets), _STEP)
    )
    if returns and returns != lines - 1:
        return None
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(pa.py_buffer(body)),
            read_options=arrow_csv.ReadOptions(column_names=list(columns), block_size=1 << 23),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, ignore_empty_lines=False),
            convert_options=arrow_csv.ConvertOptions(
                column_types={column: pa.string() for column in columns},
                include_columns=list(wanted),
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        check_utf8(body, name, 2)
        return None
    if table.num_rows != lines:
        return None
    arrays = {column: table[column] for column in wanted}
    return Loaded(arrays.__getitem__, np.arange(2, lines + 2, dtype=np.int64), lines)


def _slow(body: bytes, name: str, columns: Sequence[str], wanted: Sequence[str], delimiter: str) -> Loaded:
    """The same, row by row; rows that do not have the header's columns are refused."""
    check_utf8(body, name, 2)
    places = [columns.index(column) for column in wanted]
    cells: dict[str, list[str]] = {column: [] for column in wanted}
    refused: list[Refused] = []
    numbers: list[int] = []
    count = 0
    for line, row, text in _rows(body, delimiter):
        count += 1
        if row is None or len(row) != len(columns) or "\0" in text:
            reason = _fault(row, text, len(columns))
            refused.append(Refused(name, line, "row", shown(text), reason))
            continue
        numbers.append(line)
        for column, place in zip(wanted, places, strict=True):
            cells[column].append(row[place])
    return _loaded(cells, numbers, count, refused)


def _fault(row: Sequence[str] | None, text: str, columns: int) -> str:
    if "\0" in text:
        return "holds a NUL byte"
    if row is None:
        return "has a quote that is not closed or stands in a field"
    if not text:
        return "is an empty line"
    return f"has {len(row)} field{'' if len(row) == 1 else 's'}, not {columns}"


def _rows(body: bytes, delimiter: str) -> Iterator[tuple[int, list[str] | None, str]]:
    """Each row's first line, its cells (None where its quotes are wrong) and its text."""
    lines = body.decode("utf-8").split("\n")
    at = 0
    while at < len(lines):
        first = at
        text = lines[at].removesuffix("\r")
        at += 1
        joined, ahead = text, at
        while joined.count('"') % 2 and ahead < len(lines) and ahead - first < _LONGEST:
            joined += "\n" + lines[ahead].removesuffix("\r")
            ahead += 1
        row = _split(joined, delimiter)
        if row is not None:
            text, at = joined, ahead
        yield first + 2, row, text


def _split(text: str, delimiter: str) -> list[str] | None:
    try:
        rows = list(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else ([] if not rows else None)


def _loaded(cells: dict[str, list[str]], lines: list[int], count: int, refused: list[Refused]) -> Loaded:
    import pyarrow as pa

    arrays: dict[str, Any] = {}
    for column, texts in cells.items():
        chunks = [pa.array(texts[i : i + _BATCH], pa.string()) for i in range(0, len(texts), _BATCH)]
        arrays[column] = pa.chunked_array(chunks, pa.string())
    number: npt.NDArray[np.int64] = np.array(lines, dtype=np.int64)
    return Loaded(arrays.__getitem__, number, count, refused)
