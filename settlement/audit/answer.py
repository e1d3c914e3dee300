"""What a question is answered with: a table, and as of which block."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class AsOf:
    """The block that an answer is of; `time_s` its time, seconds since 1970 UTC. `final` where no other block
    can take its place."""

    block: int
    hash: bytes
    time_s: int
    final: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows in their order. Columns named `…_minor` are amounts in minor units and `quantity` whole units,
    all DECIMAL(38, 0)."""

    question: str
    table: pa.Table
    as_of: AsOf
    total: int | None = None
    """How many rows there are, where the table is a page of them; None where nobody counted."""
    next: str | None = None
    """What `after` takes to go on behind this page; None where it is the last."""
    about: pa.Table | None = None
    """One row on what the rows are about, as on the trade whose life they are."""
