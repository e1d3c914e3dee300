"""Parquet as a table, a column at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from settlement.errors import SourceRefused
from settlement.sources.table import Loaded, Table, check_columns, check_text

MAGIC = b"PAR1"


def read(path: str, name: str) -> Table:
    """The table in a Parquet file. Raises SourceRefused where it is damaged or a column is there twice."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path, memory_map=True)
        schema = file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise _damaged(name, error) from None
    check_columns(name, schema.names)
    kept = _encoded(file)

    def column(wanted: str) -> Any:
        try:
            reader = parquet.ParquetFile(
                path, memory_map=True, read_dictionary=[wanted] if wanted in kept else None
            )
            return check_text(reader.read(columns=[wanted]).column(0), name, wanted)
        except (pa.ArrowException, OSError) as error:
            raise _damaged(name, error) from None

    def load(wanted: Sequence[str]) -> Loaded:
        rows = file.metadata.num_rows
        return Loaded(column, np.arange(1, rows + 1, dtype=np.int64), rows)

    return Table(name, tuple(schema.names), load, header=False)


def _encoded(file: Any) -> frozenset[str]:
    """The columns of text that the file itself keeps as a dictionary and its places."""
    import pyarrow as pa

    groups, schema = file.metadata, file.schema_arrow
    if not groups.num_row_groups or groups.num_columns != len(schema):
        return frozenset()
    found = {
        wanted.name
        for place, wanted in enumerate(schema)
        if (pa.types.is_string(wanted.type) or pa.types.is_large_string(wanted.type))
        and groups.row_group(0).column(place).has_dictionary_page
    }
    return frozenset(found)


def _damaged(name: str, error: Exception) -> SourceRefused:
    said = next(iter(str(error).splitlines()), type(error).__name__)
    return SourceRefused(name, f"is no Parquet file that can be read: {said}")
