"""The process in which one SQL statement runs: what it cannot do is not left to one lock.

It has no environment, limits of the operating system on memory and processor time, and a DuckDB that reads
the index's folder only, loads nothing, writes nothing and whose settings are locked. What comes back is a
table in Arrow's stream format, or what is wrong. Started by `settlement.audit.sandbox`; only DuckDB and
pyarrow are imported, because each query waits for that.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
import threading
from collections.abc import Iterable, Sequence
from typing import IO, Any

ANSWER, WRONG, STOPPED, BROKEN = b"A", b"W", b"S", b"B"
_ROOM = 1 << 30
"""Of addresses, beside what DuckDB may use: code, stacks, the result on its way."""
LENGTH = 8
"""Bytes of a part's length."""


_OUT_OF_WAY = ("facts", "information_schema")
"""Schemas where no name without one is looked for."""


class _TooLarge(Exception):
    """The result is larger than what is given away."""


def main() -> None:
    """Read one request, answer it, end."""
    request, tables = _request(sys.stdin.buffer)
    memory = request["memory_mb"] << 20
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory + _ROOM, memory + _ROOM))
    seconds = request["time_s"] * request["threads"] + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        kind, data = _answered(request, tables)
    except MemoryError:
        kind, data = STOPPED, b"memory"
    sys.stdout.buffer.write(kind)
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
    # Nothing is left to be put in order, and whatever still runs should not be waited for.
    os._exit(0)


def _request(source: IO[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """What to do, and tables that are no files: each part behind its length."""
    parts = []
    (count,) = source.read(1)
    for _ in range(count):
        parts.append(source.read(int.from_bytes(source.read(LENGTH), "big")))
    return json.loads(parts[0]), parts[1:]


def _end_with_parent() -> None:
    """The pipe ends when whoever asked is gone, however it went."""
    sys.stdin.buffer.read()
    os._exit(1)


def _answered(request: dict[str, Any], tables: Sequence[bytes]) -> tuple[bytes, Any]:
    import duckdb

    from settlement.audit.statement import Refused

    try:
        try:
            connection = _prepared(request, tables)
        except duckdb.Error as error:
            return BROKEN, str(error).encode()
        sql = _checked(connection, request)
        result = connection.execute(sql)
        return ANSWER, _encoded(result.to_arrow_reader(10_000), request["rows"], request["bytes"])
    except Refused as error:
        return WRONG, str(error).encode()
    except _TooLarge as error:
        return STOPPED, str(error).encode()
    except duckdb.OutOfMemoryException:
        return STOPPED, b"memory"
    except (duckdb.Error, RuntimeError, ValueError, OSError) as error:
        said = str(error)
        if re.search(r"[Oo]ut of [Mm]emory|bad_alloc|malloc|realloc", said):
            return STOPPED, b"memory"
        return WRONG, _clean(said, request).encode()


def _prepared(request: dict[str, Any], tables: Sequence[bytes]) -> Any:
    """A connection with the views of whoever asks, and everything else shut."""
    import duckdb

    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": request["threads"],
            "memory_limit": f"{request['memory_mb']}MB",
            "temp_directory": "",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",
        },
    )
    if tables:
        import pyarrow as pa

        for name, data in zip(request["tables"], tables, strict=True):
            connection.register("brought", pa.ipc.open_stream(data).read_all())
            connection.execute(f'create table "{name}" as from brought')
            connection.unregister("brought")
    for statement in request["statements"]:
        connection.execute(statement)
    if request["barrier"]:
        connection.execute("create schema visible")
        connection.execute("set search_path = 'visible,main'")
    connection.execute("set allowed_directories = ?", [request["folders"]])
    for setting in (
        "timezone = 'UTC'",
        # It would be printed among the answer once a statement takes two seconds.
        "enable_progress_bar = false",
        "enable_external_access = false",
        "allow_persistent_secrets = false",
        "lock_configuration = true",
    ):
        connection.execute(f"set {setting}")
    return connection


def _behind_barriers(connection: Any, views: Iterable[str]) -> None:
    """Where rows are left out, a limit that never cuts stands on each view: no filter goes below one, so no
    expression of the query, nor the error that it ends in, meets a row that the viewer must not see.
    """
    for name in sorted(views):
        view = f'"{name}"'
        connection.execute(f"create view visible.{view} as from main.{view} limit {(1 << 63) - 1}")


def _checked(connection: Any, request: dict[str, Any]) -> str:
    from settlement.audit.statement import check, check_text

    sql: str = request["sql"]
    check_text(sql)
    parser = connection.cursor()
    taken = parser.execute(
        "select table_name, schema_name from duckdb_tables()"
        " union all select view_name, schema_name from duckdb_views()"
    ).fetchall()
    views = check(
        sql,
        lambda text: parser.execute("select json_serialize_sql(?)", [text]).fetchone()[0],
        request["views"],
        [name for name, schema in taken if schema not in _OUT_OF_WAY],
    )
    if request["barrier"]:
        _behind_barriers(connection, views)
    return sql


def _encoded(reader: Any, most_rows: int, most_bytes: int) -> Any:
    """The result as an Arrow stream, whole. Raises _TooLarge as soon as it is known not to fit, and Refused
    where two columns have one name: rows are told by names."""
    import pyarrow as pa

    from settlement.audit.statement import Refused

    names = reader.schema.names
    if twice := [name for at, name in enumerate(names) if name in names[:at]]:
        raise Refused(f"two columns are named {twice[0]!r}; name one otherwise, with AS")
    sink, rows = pa.BufferOutputStream(), 0
    with pa.ipc.new_stream(sink, reader.schema) as writer:
        for batch in reader:
            rows += batch.num_rows
            if rows > most_rows:
                raise _TooLarge(f"rows {most_rows}")
            writer.write_batch(batch)
            if sink.tell() > most_bytes:
                raise _TooLarge(f"bytes {most_bytes}")
    return sink.getvalue()


def _clean(said: str, request: dict[str, Any]) -> str:
    """What DuckDB says, without where things lie, the places of its own source, or hints at what is not
    here."""
    from difflib import get_close_matches

    for folder in request["folders"]:
        said = said.replace(folder, "…")
    said = said.split("\nLINE ")[0].split("\n\nLINE ")[0]
    said = re.sub(r"(?:/[^\s/'\"]+){2,}", "…", said)
    said = re.sub(r"^(?:\w+ )*Error: ", "", said.strip())
    found = re.search(r'column "([^"]+)" not found|does not have a column named "([^"]+)"', said)
    if found:
        name = found[1] or found[2]
        columns = sorted({column for each in request["views"].values() for column in each})
        near = get_close_matches(name.lower(), columns, n=1, cutoff=0.5)  # share_of alike
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"there is no column {name!r} in what the statement reads{hint}"
    return said[:2_000]
