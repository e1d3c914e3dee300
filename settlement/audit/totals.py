"""Totals of trades, which the index keeps so that nobody has to add ten million trades up again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import pyarrow as pa

from ledger.index.schema import TRADES
from settlement.audit.charges import FITS, charge_columns
from settlement.audit.totals_tables import KEYS, SUMS, TABLES

_FEES = "ClearingHouse_FeeScheduleRegistered"
_EVERY = tuple(dict.fromkeys(name for keys in KEYS.values() for name in keys))
"""Keys of any table."""
_SETS = ", ".join(f"({', '.join(keys)})" for keys in KEYS.values())
_AT_ONCE = 122_880
"""Rows that a thread of DuckDB takes."""


class Segment(Protocol):
    """The facts of a segment that is made."""

    @property
    def tables(self) -> Mapping[str, pa.Table]:
        """By name; those of events where there are any."""


class Earlier(Protocol):
    """The facts of all segments before."""

    def table(self, name: str) -> pa.Table | None:
        """One table, segment after segment."""

    def trades(self, indexes: pa.ChunkedArray) -> pa.Table:
        """The trades with these indexes, which rise, as they stand, with the columns of `trades`, rising."""


def derive(segment: Segment, earlier: Earlier) -> dict[str, pa.Table]:
    """What the index takes for `derive`: the totals that a segment adds, both tables or none."""
    own, changes = segment.tables.get("trades"), segment.tables.get("changes")
    parts: list[tuple[int, pa.Table]] = []
    if own is not None and len(own):
        parts.append((1, own))
    if changes is not None and len(changes):
        changes = changes.sort_by("trade")
        was = earlier.trades(changes["trade"])
        now = was
        for name in ("status", "settled_quantity", "ended_in"):
            now = now.set_column(now.schema.get_field_index(name), TRADES.field(name), changes[name])
        parts += [(-1, was), (1, now)]
    if not parts:
        return {}
    return _added(parts, _both(segment, earlier, "batches"), _both(segment, earlier, _FEES))


def added(table: str, rows: str, *, small: bool) -> str:
    """SQL that adds up rows with the columns of `facts.trades` to those of a table of totals; where all
    amounts are `small`, in 64 bits."""
    return _summed(KEYS[table], "all", rows, small=small)


def _summed(keys: Iterable[str], groups: str, rows: str, *, small: bool) -> str:
    gross, commission, levy = charge_columns(small)
    kind = "bigint" if small else "hugeint"
    part = "case when settled_quantity = quantity then {0} when settled_quantity = 0 then 0 else {1} end"
    part_of = {
        name: part.format(f"({each})::{kind}", f"(({each})::hugeint * settled_quantity // quantity)::{kind}")
        for name, each in (("settled", gross), ("commission", commission), ("levy", levy))
    }
    return f"""select {", ".join(keys)}, count(*) as trades,
        count(*) filter (status = 3) as settled_trades,
        sum({gross}) as gross, sum({part_of["settled"]}) as settled,
        sum({part_of["commission"]}) as commission, sum({part_of["levy"]}) as levy
        from (select x.*, b.cash_asset, b.venue, b.fee_schedule
            from ({rows}) x join facts.batches b using (batch))
        group by {groups}"""


def put_together(table: str, parts: str) -> str:
    """SQL that adds up rows of a table of totals."""
    keys = ", ".join(KEYS[table])
    sums = ", ".join(f"sum({name}) as {name}" for name in SUMS)
    return f"select {keys}, {sums} from ({parts}) group by all"


def negative(table: str, rows: str) -> str:
    """SQL with totals that are to be taken off."""
    keys = ", ".join(KEYS[table])
    return f"select {keys}, {', '.join(f'-{name} as {name}' for name in SUMS)} from ({rows})"


def _added(parts: list[tuple[int, pa.Table]], batches: pa.Table, fees: pa.Table) -> dict[str, pa.Table]:
    import duckdb

    from settlement.audit.charges import macros
    from settlement.audit.facts import WIDE, Script

    with duckdb.connect(":memory:") as connection:
        connection.execute("create schema facts")
        connection.execute(f"create macro {WIDE}")
        connection.register("_batches", batches)
        connection.register("_fees", fees)
        connection.execute("create view facts.batches as from _batches")
        connection.execute(f'create view facts."{_FEES}" as from _fees')
        macros(Script(connection))
        for place, (_, table) in enumerate(parts):
            batches_of = table.to_batches(max_chunksize=_AT_ONCE)
            connection.register(f"_part{place}", pa.Table.from_batches(batches_of, table.schema))
        large = " union all ".join(
            f"select 1 from _part{place} where amount_high > 0 or amount_low >= {FITS}"
            for place in range(len(parts))
        )
        small = not connection.execute(f"select 1 from ({large}) limit 1").fetchall()
        for place in range(len(parts)):
            # All tables at once: what a trade is charged is worked out once.
            sql = _summed(_EVERY, f"grouping sets ({_SETS})", f"from _part{place}", small=small)
            connection.execute(f"create table _sums{place} as {sql}")
        found = {}
        for name, schema in TABLES.items():
            # Every trade has parties and a security; where one is null, the row is of a table without it.
            own = " and ".join(f"{each} is null" for each in _EVERY if each not in KEYS[name])
            sums = []
            for place, (sign, _) in enumerate(parts):
                sql = f"select {', '.join([*KEYS[name], *SUMS])} from _sums{place} where {own}"
                sums.append(sql if sign > 0 else negative(name, sql))
            whole = put_together(name, " union all ".join(f"({each})" for each in sums))
            listed = ", ".join(
                f"{field.name}::decimal(38, 0) as {field.name}"
                if pa.types.is_decimal(field.type)
                else f"{field.name}::bigint as {field.name}"
                if field.name in SUMS
                else field.name
                for field in schema
            )
            ordered = f"select {listed} from ({whole}) order by {', '.join(KEYS[name])}"
            found[name] = connection.execute(ordered).to_arrow_table().cast(schema)
        return found


def _both(segment: Segment, earlier: Earlier, name: str) -> pa.Table:
    """A table up to the end of the segment."""
    before, own = earlier.table(name), segment.tables.get(name)
    parts = [each for each in (before, own) if each is not None]
    return pa.concat_tables(parts)
