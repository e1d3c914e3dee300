"""Finding out what a source is, and reading it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

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
from settlement.sources.mapping import Mapping, MessageMapping
from settlement.sources.table import Table, check_delimiter, headless
from settlement.sources.table import named as table_columns
from settlement.sources.trade_rows import iso

_FIX = re.compile(rb"8=FIXT?\.[0-9]\.[0-9](?:\x01|\||\^A)9=[0-9]")
_BOM = b"\xef\xbb\xbf"
_HEAD = 1024
"""Bytes that show what a file is."""
_DATE = "{date}"
_Sort = TypeVar("_Sort", Mapping, MessageMapping)


def read(where: str, context: Context, own: Path | None, default: Path | None = None) -> Source:
    """See `settlement.sources.read_source`."""
    if own is None and is_mapping(where):
        own = Path(where)
        where = _of_day(beside(own), own, context)
    by = None if own is None else mapping.load(own)
    kind = None if database.is_database(where) else messages(read_regular(where, _HEAD))
    if kind is not None:
        if isinstance(by, Mapping):
            raise SourceRefused(
                where,
                f"is of messages, and {own} is of columns; of messages it can be institutions, "
                "securities, utc_offset, cut_off and tolerances",
            )
        return _message(kind, where, context, by or _of(default, MessageMapping))
    if isinstance(by, MessageMapping):
        raise SourceRefused(where, f"is a table, and {own} is of messages: it lacks level and columns")
    table = open_table(where, by)
    if by is None:
        if (plan := trade_rows.known_plan(table.columns, context.exponent)) is not None:
            return trade_rows.read(table, plan, context)
        if (by := _of(default, Mapping)) is None:
            raise _unknown(table)
        table = open_table(where, by)
    return mapped.read(table, by, context)


def is_mapping(where: str) -> bool:
    """Whether a source is a mapping that names its data."""
    return not database.is_database(where) and where.endswith((".yaml", ".yml"))


def beside(path: Path) -> str:
    """The source that a mapping names, beside it; {date} stays. Raises FileRefused and MappingInvalid."""
    where = mapping.load(path).source
    if where is None:
        raise SourceRefused(str(path), "is a mapping without `source`; write it, or give the data beside it")
    if database.is_database(where):
        return database.beside(where, path.parent)
    return str(path.parent / where)


def _of_day(where: str, path: Path, context: Context) -> str:
    if _DATE not in where:
        return where
    if not context.day:
        raise SourceRefused(str(path), f"source {where!r} needs a trading day; say which")
    return where.replace(_DATE, iso(context.day))


def _of(default: Path | None, sort: type[_Sort]) -> _Sort | None:
    """The mapping in a file, if it is of that sort."""
    found = None if default is None else mapping.load(default)
    return found if isinstance(found, sort) else None


def _message(kind: str, where: str, context: Context, by: MessageMapping | None) -> Source:
    from settlement.sources.fix import read as read_fix
    from settlement.sources.iso import read as read_iso

    read_messages = read_fix if kind == "fix" else read_iso
    source = read_messages(read_regular(where), where, context, by)
    if by is None:
        return source
    tolerances = mapped.tolerances_of(by.tolerances, context.exponent)
    return replace(source, tolerances=tolerances, cut_off=by.cut_off)


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


def _unknown(table: Table) -> SourceRefused:
    """Why a table without a mapping cannot be read. Raises SourceRefused where it is no table at all."""
    check_delimiter(table)
    if table.looks_like_data():
        return headless(table)
    return SourceRefused(
        table.name,
        f"its columns are of no known trade format: {table_columns(table.columns)}; known are "
        f"canonical ({','.join(trade_rows.CANONICAL)}) and nepse ({','.join(trade_rows.NEPSE)}); any other "
        "table needs a mapping of its columns (--mapping FILE; --guess-mapping proposes one)",
    )
