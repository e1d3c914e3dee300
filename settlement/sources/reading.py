"""Finding out what a source is, and reading it."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from settlement.files import read_regular
from settlement.sources import (
    Context,
    Source,
    csv_table,
    database,
    mapped,
    mapping,
    parquet_table,
    trade_rows,
)
from settlement.sources.errors import SourceRefused
from settlement.sources.mapping import Mapping
from settlement.sources.table import Table, check_delimiter, headless
from settlement.sources.trade_rows import iso

_FIX = re.compile(rb"8=FIXT?\.[0-9]\.[0-9](?:\x01|\||\^A)9=[0-9]")
_BOM = b"\xef\xbb\xbf"
_HEAD = 1024
"""Bytes that show what a file is."""
_DATE = "{date}"


def read(where: str, context: Context, mapping_file: Path | None) -> Source:
    """See `settlement.sources.read_source`."""
    if mapping_file is None and not database.is_database(where) and where.endswith((".yaml", ".yml")):
        mapping_file = Path(where)
        where = named(mapping.load(mapping_file), mapping_file, context)
    kind = None if database.is_database(where) else messages(read_regular(where, _HEAD))
    if kind is not None:
        reader = import_module(f"settlement.sources.{kind}")
        source: Source = reader.read(read_regular(where), where, context, mapping_file)
        return source
    if mapping_file is not None:
        columns = mapping.load(mapping_file)
        return mapped.read(open_table(where, columns), columns, context)
    return _known(open_table(where), context)


def named(columns: Mapping, path: Path, context: Context) -> str:
    """The source that a mapping names, beside it; {date} is the day that is asked for."""
    where = columns.source
    if where is None:
        raise SourceRefused(str(path), "is a mapping without `source`; write it, or give the data beside it")
    if _DATE in where:
        if not context.day:
            raise SourceRefused(str(path), f"source {where!r} needs a trading day; say which")
        where = where.replace(_DATE, iso(context.day))
    if database.is_database(where):
        return database.beside(where, path.parent)
    return str(path.parent / where)


def open_table(where: str, columns: Mapping | None = None) -> Table:
    """The table at a place; how a CSV is written says the mapping. Raises FileRefused."""
    if database.is_database(where):
        return database.read(where)
    if read_regular(where, len(parquet_table.MAGIC)) == parquet_table.MAGIC:
        return parquet_table.read(where, where)
    encoding = columns.encoding if columns else "utf-8"
    delimiter = (columns.delimiter if columns else None) or ","
    return csv_table.read(read_regular(where), where, encoding=encoding, delimiter=delimiter)


def messages(head: bytes) -> str | None:
    """The reader of the messages that a file begins with, None where it is a table. In a log of FIX other
    text may stand before the first; XML may be UTF-16.
    """
    if head.startswith(b"8=FIX") or _FIX.search(head):
        return "fix"
    plain = head.removeprefix(_BOM).lstrip()
    return "iso" if plain.startswith((b"<", b"\xff\xfe<\0", b"\xfe\xff\0<")) else None


def _known(table: Table, context: Context) -> Source:
    """The trades of a table in the columns of a known trade format. Raises SourceRefused for any other."""
    plan = trade_rows.known_plan(table.columns, context.exponent)
    if plan is not None:
        return trade_rows.read(table, plan, context)
    check_delimiter(table)
    if table.looks_like_data():
        raise headless(table)
    raise SourceRefused(
        table.name,
        f"its columns are of no known trade format: {', '.join(map(repr, table.columns))}; known are "
        f"canonical ({','.join(trade_rows.CANONICAL)}) and nepse ({','.join(trade_rows.NEPSE)}); any other "
        "table needs a mapping of its columns (--mapping FILE; --guess-mapping proposes one)",
    )
