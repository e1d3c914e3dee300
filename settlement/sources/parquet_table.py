"""Parquet as a table, a column at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from settlement.sources.errors import SourceRefused
from settlement.sources.table import Loaded, Table, check_columns, check_text

MAGIC = b"PAR1"
_FIRST = 4096
"""Rows that show whether the values of a column repeat."""


def read(path: str, name: str) -> Table:
    """The table in a Parquet file. Raises SourceRefused where it is damaged or a column is there twice."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
        schema = file.schema_arrow
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(name, error) from None
    check_columns(name, schema.names)

    def column(wanted: str) -> Any:
        try:
            repeated = _repeated(parquet.ParquetFile(path), wanted)
            kept = [wanted] if repeated else None
            reader = parquet.ParquetFile(path, read_dictionary=kept)
            found = reader.read(columns=[wanted]).column(0)
            if len(found) != file.metadata.num_rows:
                raise ValueError(f"column {wanted!r} has {len(found):,} rows")
            return check_text(found, name, wanted)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _damaged(name, error) from None

    def load(wanted: Sequence[str]) -> Loaded:
        # Counted before anything is made of that size, as a damaged file may say anything.
        first = {wanted[0]: column(wanted[0])}
        rows = len(first[wanted[0]])

        def array(asked: str) -> Any:
            return first.pop(asked) if asked in first else column(asked)

        return Loaded(array, np.arange(1, rows + 1, dtype=np.int64), rows)

    return Table(name, tuple(schema.names), load, header=False)


def _repeated(file: Any, wanted: str) -> bool:
    """Whether a column of text seems to have few different values, as names and days have, so that it is
    better read as these and their places.
    """
    import pyarrow as pa

    kind = file.schema_arrow.field(wanted).type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return False
    first = next(file.iter_batches(_FIRST, columns=[wanted]), None)
    return first is not None and 4 * len(first.column(0).unique()) <= len(first)


def _damaged(name: str, error: Exception) -> SourceRefused:
    said = next(iter(str(error).splitlines()), type(error).__name__)
    return SourceRefused(name, f"is no Parquet file that can be read: {said}")
