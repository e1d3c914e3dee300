"""A table of SQLite or PostgreSQL, read through DuckDB: `sqlite:PATH#TABLE`, `postgresql://…/db#TABLE`.

The database writes every value as text, so that no decimal passes through a float on the way; from there it
goes as a file's text does. DuckDB's extensions come with the package and are loaded from where they lie: the
network is asked for nothing but PostgreSQL itself, and nothing is written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from settlement.files import read_regular
from settlement.scenario_explain import nearest
from settlement.sources.errors import SourceRefused
from settlement.sources.numbers import INEXACT
from settlement.sources.table import Loaded, Table, check_columns, check_text

SCHEMES = ("sqlite:", "postgresql://", "postgres://")
_SQLITE = b"SQLite format 3\0"
_SETTINGS = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "custom_extension_repository": "",
}
_INEXACT_DIGITS = 15
"""So many significant digits SQLite writes of a number in floating point; with all of them used, some may be
missing."""


class _Database(Protocol):
    def tables(self) -> list[str]: ...

    def columns(self, table: str) -> list[tuple[str, str]]: ...

    def text(self, table: str, columns: Sequence[str]) -> str: ...

    def ask(self, query: str) -> Any: ...


def is_database(where: str) -> bool:
    """Whether `where` names a database's table, and no file."""
    return where.startswith(SCHEMES)


def beside(where: str, folder: Path) -> str:
    """`where` with the path of an SQLite database taken from `folder` where it is relative."""
    if not where.startswith("sqlite:"):
        return where
    path, mark, table = where.removeprefix("sqlite:").partition("#")
    return f"sqlite:{folder / path}{mark}{table}"


def read(where: str) -> Table:
    """The table. Raises FileRefused or SourceRefused: no such database or table, or it names none."""
    name = masked(where)
    place, mark, wanted = where.partition("#")
    database: _Database
    if place.startswith("sqlite:"):
        database = _SQLiteFile(place.removeprefix("sqlite:"), name)
    else:
        database = _PostgreSQL(place, name)
    tables = database.tables()
    if wanted not in tables:
        some = ", ".join(tables[:12]) + (", …" if len(tables) > 12 else "")
        lacks = f"has no table {wanted!r}" if mark else "names no table; write it after a #"
        raise SourceRefused(name, f"{lacks}; there are {some or 'none'}{nearest(wanted, tables)}")
    columns = database.columns(wanted)
    inexact = {column: kind for column, kind in columns if kind in ("real", "double precision")}
    names = [column for column, _ in columns]
    check_columns(name, names)

    def load(chosen: Sequence[str]) -> Loaded:
        for column in chosen:
            if column in inexact and isinstance(database, _PostgreSQL):
                raise SourceRefused(
                    name,
                    f"column {column!r} is of type {inexact[column]}, which does not hold such values "
                    "exactly; make it numeric, or a view that does",
                )
        found = database.ask(database.text(wanted, chosen))
        arrays = {
            column: check_text(found.column(place), name, column) for place, column in enumerate(chosen)
        }
        return Loaded(arrays.__getitem__, np.arange(1, found.num_rows + 1, dtype=np.int64), found.num_rows)

    return Table(name, tuple(names), load, header=False)


def masked(where: str) -> str:
    """The place without a password."""
    hidden = re.sub(r"(://[^:/@]*):[^@/]*@", r"\1:***@", where)
    return re.sub(r"(password=)[^&#\s]*", r"\1***", hidden)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


class _Attached:
    """A database that DuckDB reads by its own queries."""

    def __init__(self, kind: str, place: str, name: str) -> None:
        import duckdb

        self.kind, self.name = kind, name
        self._errors: type[Exception] = duckdb.Error
        self._session = duckdb.connect(config={**_SETTINGS})
        try:
            self._session.execute(f"LOAD {_literal(str(_extension(kind, name)))}")
            self._session.execute(f"ATTACH {_literal(place)} AS source (TYPE {kind}, READ_ONLY)")
        except self._errors as error:
            raise self._refused(error) from None

    def ask(self, query: str) -> Any:
        """What the database answers, as a table of Arrow."""
        try:
            return self._session.execute(
                f"SELECT * FROM {self.kind}_query('source', {_literal(query)})"
            ).to_arrow_table()
        except self._errors as error:
            raise self._refused(error) from None

    def _refused(self, error: Exception) -> SourceRefused:
        said = next(iter(str(error).splitlines()), type(error).__name__)
        return SourceRefused(self.name, f"cannot be read: {masked(said)}")


class _SQLiteFile(_Attached):
    def __init__(self, path: str, name: str) -> None:
        if read_regular(path, len(_SQLITE)) != _SQLITE:
            raise SourceRefused(name, "is no SQLite database")
        super().__init__("sqlite", path, name)

    def tables(self) -> list[str]:
        """Tables and views, in the order of their names."""
        query = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name"
        return [str(each) for each in self.ask(query).column(0).to_pylist()]

    def columns(self, table: str) -> list[tuple[str, str]]:
        """Names and types, in order."""
        found = self.ask(f"SELECT name, lower(type) FROM pragma_table_info({_literal(table)}) ORDER BY cid")
        return list(zip(found.column(0).to_pylist(), found.column(1).to_pylist(), strict=True))

    def text(self, table: str, columns: Sequence[str]) -> str:
        """The query that writes columns as text; marked where SQLite keeps a number inexactly."""
        cells = []
        for column in columns:
            cell = _quoted(column)
            digits = f"length(ltrim(replace(cast(abs({cell}) AS text), '.', ''), '0'))"
            cells.append(
                f"CASE WHEN typeof({cell}) = 'blob' THEN 'bytes ' || hex({cell}) "
                f"WHEN typeof({cell}) = 'real' AND {digits} >= {_INEXACT_DIGITS} "
                f"THEN cast({cell} AS text) || '{INEXACT}' ELSE cast({cell} AS text) END"
            )
        named = [f"{cell} AS c{place}" for place, cell in enumerate(cells)]
        return f"SELECT {', '.join(named)} FROM {_quoted(table)}"


class _PostgreSQL(_Attached):
    def __init__(self, place: str, name: str) -> None:
        super().__init__("postgres", place, name)

    def tables(self) -> list[str]:
        """Tables and views; those outside the search path with their schema."""
        query = (
            "SELECT CASE WHEN table_schema = ANY (current_schemas(false)) THEN table_name "
            "ELSE table_schema || '.' || table_name END AS name FROM information_schema.tables "
            "WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
        )
        return [str(each) for each in self.ask(query).column(0).to_pylist()]

    def columns(self, table: str) -> list[tuple[str, str]]:
        """Names and types, in order."""
        schema, _, bare = table.rpartition(".")
        where = (
            f"table_schema = {_literal(schema)}" if schema else "table_schema = ANY (current_schemas(false))"
        )
        found = self.ask(
            "SELECT column_name::text, data_type::text FROM information_schema.columns "
            f"WHERE {where} AND table_name = {_literal(bare)} ORDER BY ordinal_position"
        )
        return list(zip(found.column(0).to_pylist(), found.column(1).to_pylist(), strict=True))

    def text(self, table: str, columns: Sequence[str]) -> str:
        """The query that writes columns as text."""
        schema, _, bare = table.rpartition(".")
        place = f"{_quoted(schema)}.{_quoted(bare)}" if schema else _quoted(bare)
        cells = [f"{_quoted(column)}::text AS c{i}" for i, column in enumerate(columns)]
        return f"SELECT {', '.join(cells)} FROM {place}"


def _extension(kind: str, name: str) -> Path:
    """Where the extension lies that came with the package."""
    package = f"duckdb_extension_{kind}_scanner"
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise SourceRefused(name, f"needs the package {package.replace('_', '-')}, which is not installed")
    return next(Path(spec.origin).parent.rglob("*.duckdb_extension"))
