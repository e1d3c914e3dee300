"""Finding out what a source is, and reading it: `read_source`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from settlement.errors import SourceRefused
from settlement.files import read_regular
from settlement.sources import Context, Source, csv_table, parquet_table, trade_rows
from settlement.sources.table import Table

DATABASES = ("sqlite:", "postgresql://", "postgres://")
_BOM = b"\xef\xbb\xbf"
_HEAD = 1024
"""Bytes that show what a file is."""


def read(where: str, context: Context, mapping: Path | None) -> Source:
    """What `where` holds: a file (CSV, Parquet, FIX, ISO 20022, or a mapping that names its data) or a
    database's table. Raises FileRefused, of which SourceRefused is one, and MappingInvalid.
    """
    head = read_regular(where, _HEAD)
    if head.startswith(parquet_table.MAGIC):
        return known(parquet_table.read(where, where), context)
    data = read_regular(where)
    kind = _messages(head)
    if kind is not None:
        source: Source = import_module(f"settlement.sources.{kind}").read(data, where, context, mapping)
        return source
    return known(csv_table.read(data, where), context)


def _messages(head: bytes) -> str | None:
    """The reader of the messages that a file begins with, None where it is a table."""
    if head.startswith(b"8=FIX"):
        return "fix"
    return "iso" if head.removeprefix(_BOM).lstrip().startswith(b"<") else None


def known(table: Table, context: Context) -> Source:
    """The trades of a table in the columns of a known trade format. Raises SourceRefused for any other."""
    plan = trade_rows.known_plan(table.columns, context.exponent)
    if plan is None:
        raise SourceRefused(
            table.name,
            f"its columns are of no known trade format: {', '.join(map(repr, table.columns))}; known are "
            f"canonical ({','.join(trade_rows.CANONICAL)}) and nepse ({','.join(trade_rows.NEPSE)}); any "
            "other table needs a mapping of its columns (--mapping FILE; --guess-mapping proposes one)",
        )
    return trade_rows.read(table, plan, context)
