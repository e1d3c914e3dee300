"""Schema `facts` of a session: what the index holds, one view a table, and what every question needs of it.

    facts.<table>                  as in `ledger.index.schema`; where no segment has any, typed and empty
    facts.<table>                  and as in `settlement.audit.revenue_tables` and `totals_tables`, likewise
    facts.breaks_kept, .break_log  as in `settlement.audit.breaks`
    facts."Contract_Event"         every event of the contracts
    facts.trades_now               trades as they stand: `trades` with the newest of `changes`
    facts.moments                  transaction, block, hash, sender, date_time (UTC)
    facts.times                    transaction, block, date_time (UTC); in memory
    facts.changed                  those of `trades_now` that changed after their segment, with old_status and
                                   old_settled_quantity
    facts.fails_last               batch, number, reasons, failed_days: of a trade's newest fail
    facts.cycle_of                 transaction, cycle: of those that settled
    facts.balances_now             balances as the newest segment ends

Macros name what indexes stand for; an index that nobody has is null:

    institution_name(i)  asset_code(i)  asset_decimals(i)  asset_issuer(i)  status_name(s)
    reason_names(bits)  hex(b)
    wide(low, high)                                   the number in two columns
    commission_of(schedule, low, high), levy_of(…)    what a side of a trade of that amount is charged
    part_of(total, settled, quantity)                 what of a total has settled, rounded down
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from duckdb import DuckDBPyConnection

from ledger.clients.clearing_house import Status
from ledger.clients.fails import Reason
from ledger.compile import artifacts
from ledger.deploy import CONTRACTS
from ledger.index.schema import TABLES
from settlement.audit.access import Access
from settlement.audit.masking import MACROS
from settlement.audit.names import CURRENCY, TRANSIT, Asset, Names
from settlement.audit.revenue_tables import TABLES as REVENUE
from settlement.audit.totals_tables import TABLES as TOTALS

Files = Mapping[str, Sequence[Path]]
"""By table, in the chain's order."""
_ARROW = {
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint8(): "UTINYINT",
    pa.uint16(): "USMALLINT",
    pa.uint32(): "UINTEGER",
    pa.uint64(): "UBIGINT",
    pa.date32(): "DATE",
    pa.int16(): "SMALLINT",
    pa.string(): "VARCHAR",
    pa.decimal128(38, 0): "DECIMAL(38, 0)",
    pa.list_(pa.uint16()): "USMALLINT[]",
    pa.list_(pa.string()): "VARCHAR[]",
}
_TRADES_NOW = """
    select t.* replace (
        coalesce(c.status, t.status) as status,
        coalesce(c.settled_quantity, t.settled_quantity) as settled_quantity,
        coalesce(c.ended_in, t.ended_in) as ended_in)
    from facts.trades t left join facts.changes_last c using (trade)"""
_CHANGES_LAST = """
    select trade, arg_max(status, place) as status, arg_max(settled_quantity, place) as settled_quantity,
        max(ended_in) as ended_in
    from (select *, row_number() over () as place from facts.changes) group by trade order by trade"""
_CHANGED = """
    select t.* replace (c.status as status, c.settled_quantity as settled_quantity, c.ended_in as ended_in),
        t.status as old_status, t.settled_quantity as old_settled_quantity
    from facts.trades t join facts.changes_last c using (trade)"""
WIDE = "wide(low, high) as (low::hugeint + high::hugeint * 18446744073709551616)::decimal(38, 0)"
"""The macro that puts a number in two columns together."""
_WORD = re.compile(r"\w+")
_PART = """case when settled = quantity then total
    else (total::hugeint * settled // quantity)::decimal(38, 0) end"""
_FAILS_LAST = """
    select b.batch, f."tradeNo" as number, arg_max(f.reasons, f.transaction) as reasons,
        max(f."failedDays") as failed_days
    from facts."Fails_TradeFailed" f join facts.batches b on b.hash = f."batchHash"
    where {} group by 1, 2"""


class Script:
    """A session's database, and the statements that made it, so that another can be made like it.

    Views are made when something first names them: there are a hundred, and a question reads a few.
    """

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self._connection = connection
        self._waiting: dict[str, list[tuple[int, str]]] = {}
        self.statements: list[str] = []

    def run(self, statement: str) -> None:
        """Execute a statement and remember it."""
        self.execute(statement)
        self.statements.append(statement)

    def view(self, name: str, select: str) -> None:
        """Remember a view, whose name may have its schema in front and be in quotation marks."""
        statement = f"create view {name} as {select}"
        bare = name.rpartition(".")[2].strip('"')
        self._waiting.setdefault(bare, []).append((len(self.statements), statement))
        self.statements.append(statement)

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> DuckDBPyConnection:
        """What one statement gives, once there is every view that it names."""
        self._make(sql)
        return self._connection.execute(sql, parameters)

    def _make(self, sql: str) -> None:
        found: dict[int, str] = {}
        named = self._named(sql)
        while named:
            for place, statement in self._waiting.pop(named.pop()):
                found[place] = statement
                named |= self._named(statement)
        # A column may be called as a view is, so some are made needlessly; in this order none is too early.
        for place in sorted(found):
            self._connection.execute(found[place])

    def _named(self, sql: str) -> set[str]:
        return {word for word in _WORD.findall(sql) if word in self._waiting}


def prepare(script: Script, files: Files, newest: Mapping[str, Path]) -> None:
    """The views of the schema, in an empty database; `newest` are the files of the newest segment. Of Parquet
    only footers are read, and all of `changes`."""
    script.run("create schema facts")
    for table, columns in tables():
        found = files.get(table, ())
        source = parquet(found) if found else _empty(columns)
        script.view(f'facts."{table}"', f"select * from {source}")
    _keep(script, "changes_last", _CHANGES_LAST)
    if files.get("changes"):
        script.view("facts.trades_now", _TRADES_NOW)
    else:
        script.view("facts.trades_now", "select * from facts.trades")
    script.view("facts.changed", _CHANGED)
    _keep(
        script,
        "times",
        "select x.transaction, x.block, make_timestamp(b.time_s * 1000000) as date_time"
        " from facts.transactions x join facts.blocks b using (block) order by 1",
    )
    script.view(
        "facts.moments",
        "select x.transaction, x.block, x.hash, x.sender, b.date_time"
        " from facts.transactions x join facts.times b using (transaction)",
    )
    script.view("facts.fails_last", fails_last())
    _keep(
        script,
        "cycle_of",
        'select distinct transaction, cycle from facts."ClearingHouse_SliceSettled"',
    )
    held = parquet([newest["balances"]]) if "balances" in newest else "facts.balances where false"
    script.view("facts.balances_now", f"select * from {held}")


def parquet(files: Sequence[Path]) -> str:
    """SQL that reads these files, no others and nothing else: DuckDB would take *, ? and [ in a path for a
    pattern of names, and a directory `quantity=5` for a column of that name in place of the file's own."""
    paths = literal([plain(str(each)) for each in files])
    return f"read_parquet({paths}, hive_partitioning = false)"


def plain(path: str) -> str:
    """The pattern of names that only this path fits."""
    return re.sub(r"[*?[]", r"[\g<0>]", path)


def fails_last(condition: str = "true") -> str:
    """SQL for what `facts.fails_last` has, of the fails that meet a condition on their transaction."""
    return _FAILS_LAST.format(condition)


def _keep(script: Script, name: str, select: str) -> None:
    """Rows that nearly every question needs, read once: a view over a table in memory."""
    script.run(f"create table main._{name} as {select}")
    script.view(f"facts.{name}", f"select * from main._{name}")


def macros(script: Script, names: Names, access: Access) -> None:
    """Make the macros by which views say names; `access` decides how much of a name."""
    highest = max(names.institutions, default=0)
    told = [TRANSIT, *(names.institutions.get(index) for index in range(1, highest + 1))]
    codes = _by_asset(names, lambda each: each.code, "varchar")
    decimals = _by_asset(names, lambda each: each.decimals, "integer")
    for made in (
        *MACROS,
        f"institution_name(i) as {access.name(f'({literal(told)}::varchar[])[i::bigint + 1]')}",
        f"asset_code(i) as {codes}",
        f"asset_decimals(i) as {decimals}",
        f"status_name(s) as ({literal([each.name.lower() for each in Status])})[s::bigint + 1]",
        f"reason_names(b) as {_reasons()}",
        "hex(b) as '0x' || lower(to_hex(b))",
        f"part_of(total, settled, quantity) as {_PART}",
        f"asset_issuer(i) as {_by_asset(names, lambda each: each.issuer, 'integer')}",
        WIDE,
    ):
        script.run(f"create macro {made}")


def _reasons() -> str:
    listed = [
        f"case when b & {1 << (2 * reason + seller)} > 0 then '{side} {reason.name}' end"
        for reason in Reason
        for seller, side in enumerate(("buyer", "seller"))
    ]
    return f"case when b is not null then array_to_string([{', '.join(listed)}], ', ') end"


def tables() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Every table with its columns and their types in SQL."""
    for name, schema in (TABLES | REVENUE | TOTALS).items():
        yield name, [(field.name, _ARROW.get(field.type, "BLOB")) for field in schema]
    compiled = artifacts()
    for contract in CONTRACTS:
        for entry in compiled[contract].abi:
            if entry["type"] == "event" and entry["name"] != "Transfer":
                arguments = [(each["name"], _sql_type(each)) for each in entry["inputs"]]
                yield (
                    f"{contract}_{entry['name']}",
                    [("transaction", "BIGINT"), ("log", "INTEGER"), *arguments],
                )


def literal(value: Any) -> str:
    """A text, a number, nothing, or a list of them, in SQL."""
    if value is None:
        return "null"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(literal, value))}]"
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


def _by_asset(names: Names, value: Callable[[Asset], object], kind: str) -> str:
    """What an asset `i` has, looked up by its place: a list takes no longer however many there are."""
    lists = []
    for start in (0, CURRENCY):
        found = {i - start: value(each) for i, each in names.assets.items() if (i > CURRENCY) == (start > 0)}
        listed = [found.get(index) for index in range(1, max(found, default=0) + 1)]
        lists.append(f"({literal(listed)}::{kind}[])[i::bigint - {start}]")
    return f"case when i > {CURRENCY} then {lists[1]} else {lists[0]} end"


def _empty(columns: Sequence[tuple[str, str]]) -> str:
    listed = ", ".join(f'null::{kind} as "{name}"' for name, kind in columns)
    return f"(select {listed}) where false"


def _sql_type(parameter: Mapping[str, Any]) -> str:
    kind: str = parameter["type"]
    if kind.endswith("[]"):
        return _sql_type({**parameter, "type": kind[:-2]}) + "[]"
    if kind == "tuple":
        inner = ", ".join(f'"{each["name"]}" {_sql_type(each)}' for each in parameter["components"])
        return f"STRUCT({inner})"
    if kind in ("bool", "string"):
        return {"bool": "BOOLEAN", "string": "VARCHAR"}[kind]
    if kind.startswith(("uint", "int")):
        bits = int(kind.lstrip("uint"))
        if bits > 64:
            return "DECIMAL(38, 0)"
        wide = next(name for most, name in _INTEGERS if bits <= most)
        return wide.removeprefix("U") if kind.startswith("int") else wide
    return "BLOB"


_INTEGERS = ((8, "UTINYINT"), (16, "USMALLINT"), (32, "UINTEGER"), (64, "UBIGINT"))
