"""A session: the index as of one block, with its views, for one viewer.

    with opened(path, viewer="Himal") as audit:
        answer = trades(audit, Filters(security="NABIL"))

Opening brings the index up to the chain's newest block where it is behind, and then holds it: whatever the
chain does meanwhile, everything that is asked in the session is as of the same block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ledger.clock import Clock, SystemClock
from settlement.audit import breaks, charges, facts, reading
from settlement.audit.access import Access, access_of, members_of
from settlement.audit.answer import Answer, AsOf
from settlement.audit.names import Names
from settlement.audit.reading import Segment
from settlement.audit.views import create

MEMORY = "2GB"
THREADS = 2


@dataclass(frozen=True, slots=True)
class Audit:
    """What questions are put to. `access` is the viewer's; views heed it, and so does every question that
    reads schema `facts`."""

    path: Path
    connection: facts.Script
    as_of: AsOf
    access: Access
    names: Names
    segments: Sequence[Segment]
    statements: Sequence[str]
    """Those that made the views; another database with the same rights can be made by them."""
    wide: bool = True
    """Whether any trade's amount takes more than 64 bits."""
    small: bool = False
    """Whether every amount is so small that charges on it can be computed in 64 bits."""
    clock: Clock = field(default_factory=SystemClock)

    def table(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> pa.Table:
        """Rows of one statement as columns."""
        return self.connection.execute(sql, parameters).to_arrow_table()

    def rows(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of one statement, where they are few."""
        return self.connection.execute(sql, parameters).fetchall()

    def kept(self, name: str, select: str | None = None) -> str:
        """A table in memory of what `select`, or else the view of that name in `facts`, has; it is read once
        a session, when it is first needed."""
        if not self.rows("select 1 from duckdb_tables() where table_name = ?", [f"kept_{name}"]):
            self.connection.execute(f"create table main.kept_{name} as {select or f'from facts.{name}'}")
        return f"main.kept_{name}"

    def has(self, table: str) -> bool:
        """Whether any segment has rows of a table of `facts`."""
        return any(table in each.files for each in self.segments)

    def answer(
        self,
        question: str,
        table: pa.Table,
        *,
        total: int | None = None,
        next: str | None = None,
        as_of: AsOf | None = None,
        about: pa.Table | None = None,
    ) -> Answer:
        """The table as an answer: of the session's block, or of the earlier one that was asked for."""
        return Answer(question, table, as_of or self.as_of, total, next, about)


@contextmanager
def opened(
    path: str | Path,
    viewer: str | None = None,
    *,
    clock: Clock | None = None,
    access: Access | None = None,
) -> Iterator[Audit]:
    """The ledger at `path` for a viewer: as the access policy says, all of it where nobody is named.

    Raises NotALedger, LedgerUnfinished, what following the chain raises, IndexUnusable, and
    NameUnknown where the policy knows no such viewer.
    """
    with ExitStack() as stack:
        held = stack.enter_context(reading.held(Path(path)))
        segments, as_of = held
        connection = stack.enter_context(duckdb.connect(":memory:"))
        yield session(Path(path), connection, segments, as_of, viewer=viewer, access=access, clock=clock)


def session(
    path: Path,
    connection: duckdb.DuckDBPyConnection,
    segments: Sequence[Segment],
    as_of: AsOf,
    *,
    viewer: str | None = None,
    access: Access | None = None,
    clock: Clock | None = None,
) -> Audit:
    """A session over these segments, in an empty database."""
    script = facts.Script(connection)
    for setting in (f"threads = {THREADS}", f"memory_limit = '{MEMORY}'", "TimeZone = 'UTC'"):
        connection.execute(f"set {setting}")
    connection.execute("set parquet_metadata_cache = true")
    files: dict[str, list[Path]] = {}
    for segment in segments:
        for name, file in segment.files.items():
            files.setdefault(name, []).append(file)
    facts.prepare(script, files, segments[-1].files if segments else {})
    granted = access or access_of(path, viewer, members_of(script))
    names = reading.names(script)
    facts.macros(script, names, granted)
    charges.macros(script)
    breaks.prepare(script, path, names.institutions)
    create(script, granted)
    # Parquet's statistics answer both.
    wide, large = (
        bool(script.execute(f"select 1 from facts.trades where {condition} limit 1").fetchall())
        for condition in ("amount_high > 0", f"amount_low >= {charges.FITS}")
    )
    return Audit(
        path,
        script,
        as_of,
        granted,
        names,
        tuple(segments),
        tuple(script.statements),
        wide,
        not wide and not large,
        clock or SystemClock(),
    )
